/* SPDX-License-Identifier: Apache-2.0
 *
 * attention_neon.c - attention.h for the tier.
 */
#include "attention_simd.h"

ATTENTION_TABLE(mlci_attention_neon);
