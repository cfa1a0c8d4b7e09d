/* SPDX-License-Identifier: Apache-2.0
 *
 * attention_avx2.c - attention.h for the tier.
 */
#include "attention_simd.h"

ATTENTION_TABLE(mlci_attention_avx2);
