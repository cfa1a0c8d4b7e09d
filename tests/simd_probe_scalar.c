/* SPDX-License-Identifier: Apache-2.0
 *
 * simd_probe_scalar.c - simd_probe.h for the tier.
 */
#define MLCI_SCALAR_TIER 1
#define SIMD_PROBE simd_probe_scalar
#include "simd_probe.h"
