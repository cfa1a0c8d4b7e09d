/* SPDX-License-Identifier: Apache-2.0
 *
 * simd_probe_avx512.c - simd_probe.h for the tier.
 */
#define SIMD_PROBE simd_probe_avx512
#include "simd_probe.h"
