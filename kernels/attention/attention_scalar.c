/* SPDX-License-Identifier: Apache-2.0
 *
 * attention_scalar.c - attention.h for the tier.
 */
#define MLCI_SCALAR_TIER 1
#include "attention_simd.h"

ATTENTION_TABLE(mlci_attention_scalar);
