/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_avx512.c - generated.h for the tier.
 */
#define KG_TABLE mlci_gen_avx512
#include "kernels.inc"
