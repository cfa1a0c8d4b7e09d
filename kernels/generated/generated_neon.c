/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_neon.c - generated.h for the tier.
 */
#define KG_TABLE mlci_gen_neon
#include "kernels.inc"
