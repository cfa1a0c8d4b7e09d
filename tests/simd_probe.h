/* SPDX-License-Identifier: Apache-2.0
 *
 * simd_probe.h - for test_simd.c: operations of kernels/simd.h as functions,
 * compiled once for each tier by simd_probe_<tier>.c.
 */
#ifndef TEST_SIMD_PROBE_H
#define TEST_SIMD_PROBE_H

#include <stdint.h>

typedef struct simd_probe {
    void  (*exp)(const float *x, float *y);      /* 16 values each              */
    void  (*tanh)(const float *x, float *y);
    float (*sum)(const float *x);
    float (*largest)(const float *x);
    void  (*half)(const float *x, uint16_t *h, float *back);
    void  (*round)(const float *x, float *y);
    void  (*planes)(const float *x, int8_t *high, int8_t *low, int16_t *quads,
                    int32_t *sum);
    void  (*part)(const float *x, float *y, uint32_t n);   /* load and store n  */
} simd_probe;

extern const simd_probe simd_probe_scalar, simd_probe_avx2, simd_probe_avx512,
    simd_probe_neon;

#ifdef SIMD_PROBE
# include "../kernels/simd.h"

static void sp_exp(const float *x, float *y)  { v_store(y, v_exp(v_load(x))); }
static void sp_tanh(const float *x, float *y) { v_store(y, v_tanh(v_load(x))); }
static float sp_sum(const float *x)           { return v_sum(v_load(x)); }
static float sp_largest(const float *x)       { return v_largest(v_load(x)); }
static void sp_round(const float *x, float *y) { v_store(y, v_float(v_round(v_load(x)))); }

static void sp_half(const float *x, uint16_t *h, float *back)
{
    v_store_f16(h, v_load(x));
    v_store(back, v_load_f16(h));
}

static void sp_planes(const float *x, int8_t *high, int8_t *low, int16_t *quads,
                      int32_t *sum)
{
    vi16 q = v_round(v_load(x));

    vi_store_planes(high, low, q);
    vi_store_quads(quads, q);
    *sum = vi_sum(q);
}

static void sp_part(const float *x, float *y, uint32_t n)
{
    v_store_n(y, v_load_n(x, n), n);
}

const simd_probe SIMD_PROBE = {
    sp_exp, sp_tanh, sp_sum, sp_largest, sp_half, sp_round, sp_planes, sp_part,
};
#endif
#endif
