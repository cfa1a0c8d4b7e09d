/* SPDX-License-Identifier: Apache-2.0
 *
 * latent.h - DeepSeek's attention: matrices whose rows or columns are several things, as the
 * tensors that models/latent.c reads.
 */
#ifndef MLCI_LATENT_H
#define MLCI_LATENT_H

#include "files.h"

/* Nothing for other architectures.  The directory is indexed, and is so again. */
mlc_status mlci_latent_split(mlci_files *f, mlc_error *err);

#endif
