/* SPDX-License-Identifier: Apache-2.0
 *
 * simd_probe_neon.c - simd_probe.h for the tier.
 */
#define SIMD_PROBE simd_probe_neon
#include "simd_probe.h"
