/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_once.c - generated.h: kernels that all tiers share.
 */
#define MLCI_SCALAR_TIER 1
#define KG_TABLE mlci_gen_once
#include "once.inc"
