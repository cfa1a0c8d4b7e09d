/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_simd.h - rows.h over v16; included by rows_<tier>.c, which says what the
 * table is called.  All loops are limited by reading rows that lie in L1 or L2.
 */
#include "../simd.h"
#include "rows.h"

static float rs_norm_factor(const float *x, size_t d, float eps)
{
    v16 s = v_zero();

    for (size_t i = 0; i < d; i += 16) {
        v16 v = v_load_n(x + i, d - i);

        s = v_fma(v, v, s);
    }
    return 1.0f / sqrtf(v_sum(s) / (float)d + eps);
}

static void rs_rms_norm(const float *x, const float *g, size_t d, float eps, float *y)
{
    v16 f = v_set1(rs_norm_factor(x, d, eps));

    for (size_t i = 0; i < d; i += 16)
        v_store_n(y + i, v_mul(v_mul(v_load_n(x + i, d - i), f), v_load_n(g + i, d - i)),
                  d - i);
}

static void rs_norm_add(const float *x, const float *g, const float *y, size_t d,
                        float eps, float *out)
{
    v16 f = v_set1(rs_norm_factor(x, d, eps));

    for (size_t i = 0; i < d; i += 16) {
        v16 n = v_mul(v_mul(v_load_n(x + i, d - i), f), v_load_n(g + i, d - i));

        v_store_n(out + i, v_add(v_load_n(y + i, d - i), n), d - i);
    }
}

/* So small a row quantizes to zeros: 1 / scale would overflow. */
#define RS_SMALLEST 1e-30f

static void rs_quantize(const float *x, size_t d, const mlci_quant_row *o)
{
    const v16 least = v_set1(-MLCI_QUANT_MAX);
    v16 most = v_zero(), finite = v_zero(), inv;
    float m;

    for (size_t i = 0; i < d; i += 16) {
        most = v_max(v_abs(v_load(x + i)), most);
        finite = v_fma(v_load(x + i), v_zero(), finite);  /* NaN unless all are */
    }
    m = v_sum(finite) == 0 ? v_largest(most) : NAN;
    *o->scale = m > RS_SMALLEST ? m / MLCI_QUANT_MAX : m * 0.0f;
    inv = v_set1(m > RS_SMALLEST ? MLCI_QUANT_MAX / m : 0.0f);
    for (size_t i = 0; i < d; i += 16) {
        /* the maximum turns NaN into a number that fits */
        vi16 q = v_round(v_max(v_mul(v_load(x + i), inv), least));

        if (o->sums != NULL)
            o->sums[i / 16] = vi_sum(q);
        if (o->low != NULL)
            vi_store_planes(o->high + i, o->low + i, q);
        if (o->quads != NULL)
            vi_store_quads(o->quads + i, q);
    }
}

V_INLINE v16 rs_activation(v16 a, bool gelu)
{
    v16 one = v_set1(1.0f), inner;

    if (!gelu)
        return v_div(a, v_add(one, v_exp(v_sub(v_zero(), a))));
    inner = v_fma(v_mul(v_mul(a, a), a), v_set1(0.044715f), a);
    return v_mul(v_mul(a, v_set1(0.5f)),
                 v_add(one, v_tanh(v_mul(inner, v_set1(0.79788456f)))));
}

static void rs_gate(const float *a, const float *b, size_t n, bool gelu, float *out)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_n(out + i, v_mul(rs_activation(v_load_n(a + i, n - i), gelu),
                                 v_load_n(b + i, n - i)), n - i);
}

static void rs_act(const float *x, size_t n, bool gelu, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_n(y + i, rs_activation(v_load_n(x + i, n - i), gelu), n - i);
}

static void rs_scale(const float *x, size_t n, float c, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_n(y + i, v_mul(v_load_n(x + i, n - i), v_set1(c)), n - i);
}

static void rs_add(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_n(y + i, v_add(v_load_n(a + i, n - i), v_load_n(b + i, n - i)), n - i);
}

static void rs_mul(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_n(y + i, v_mul(v_load_n(a + i, n - i), v_load_n(b + i, n - i)), n - i);
}

static void rs_softcap(const float *x, size_t n, float c, float *y)
{
    v16 cap = v_set1(c);

    for (size_t i = 0; i < n; i += 16)
        v_store_n(y + i, v_mul(cap, v_tanh(v_div(v_load_n(x + i, n - i), cap))), n - i);
}

#define ROWS_TABLE(name)                                                       \
    const mlci_row_kernels name = {                                            \
        rs_rms_norm, rs_norm_add, rs_quantize, rs_gate, rs_scale, rs_add,      \
        rs_mul, rs_softcap, rs_act,                                            \
    }
