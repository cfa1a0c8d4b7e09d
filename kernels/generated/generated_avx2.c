/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_avx2.c - generated.h for the tier.
 */
#define KG_TABLE mlci_gen_avx2
#include "kernels.inc"
