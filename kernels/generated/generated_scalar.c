/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_scalar.c - generated.h for the tier.
 */
#define MLCI_SCALAR_TIER 1
#define KG_TABLE mlci_gen_scalar
#include "kernels.inc"
