/* SPDX-License-Identifier: Apache-2.0
 *
 * zmm_few.h - matmul.h for one or two rows with AVX-512 and VNNI: for 16 rows of
 * the panel and 4 k at a time, unsigned codes times the two signed bytes of the
 * row's values, 256 high + low.  Weights are read once, in order; per 32 k and 32
 * rows: 8 loads or so, 32 VPDPBUSD.  Limit: memory.
 */
#include "zmm_codes.h"

/* Sum of the row's values over group g of sub-block s. */
MLCI_INLINE int32_t mz_xsum(mlci_panel d, const int32_t *sums, size_t s, int g)
{
    return d.group == 16 ? sums[2 * s + (size_t)g] : sums[2 * s] + sums[2 * s + 1];
}
MLCI_INLINE void mz_few(mlci_panel d, const uint8_t *p, size_t columns,
                        const mlci_acts *a, uint32_t t0, int rows, float *y, size_t ldy)
{
    const int groups = 32 / d.group, steps = 8 / groups;
    __m512 f[2][2];
    mz_factors factors;

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        f[t][0] = f[t][1] = _mm512_setzero_ps();
    mz_head(d, p, &factors);
    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        if (mlci_two_level(d) && s % 8 == 0) {
            mz_head(d, p, &factors);
            p += mlci_head_bytes(d);
        }
        mlci_matmul_ahead(d, p);
        MLCI_UNROLL
        for (int r = 0; r < 2; r++) {
            mz_half h = mz_begin(d, p, r);

            MLCI_UNROLL
            for (int g = 0; g < groups; g++) {
                __m512i hi[2], lo[2];
                __m512 scale = mz_scale(d, p, factors.scale[r], 16 * r, g);

                MLCI_UNROLL
                for (int t = 0; t < rows; t++) {
                    const int32_t *sums = a->sums + (t0 + (uint32_t)t) * (a->stride / 16);

                    hi[t] = _mm512_setzero_si512();
                    lo[t] = d.zero != 0
                          ? _mm512_set1_epi32(-d.zero * mz_xsum(d, sums, s, g))
                          : _mm512_setzero_si512();
                }
                MLCI_UNROLL
                for (int j = g * steps; j < (g + 1) * steps; j++) {
                    __m512i w = mz_codes(d, h.low, h.high, h.levels, j);

                    MLCI_UNROLL
                    for (int t = 0; t < rows; t++) {
                        size_t at = (t0 + (uint32_t)t) * a->stride + s * MLCI_SUB
                                  + (size_t)(4 * j);

                        hi[t] = _mm512_dpbusd_epi32(hi[t], w, mz_four(a->high + at));
                        lo[t] = _mm512_dpbusd_epi32(lo[t], w, mz_four(a->low + at));
                    }
                }
                MLCI_UNROLL
                for (int t = 0; t < rows; t++) {
                    __m512i sum = _mm512_add_epi32(lo[t], _mm512_slli_epi32(hi[t], 8));

                    f[t][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, f[t][r]);
                }
                if (d.min != MLCI_MIN_NONE) {
                    __m512 min = mz_min(d, p, factors.min[r], 16 * r, g);

                    MLCI_UNROLL
                    for (int t = 0; t < rows; t++) {
                        const int32_t *sums = a->sums
                            + (t0 + (uint32_t)t) * (a->stride / 16);

                        f[t][r] = _mm512_fmadd_ps(
                            min, _mm512_set1_ps((float)mz_xsum(d, sums, s, g)), f[t][r]);
                    }
                }
            }
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        __m512 scale = _mm512_set1_ps(a->scale[t0 + (uint32_t)t]);

        _mm512_storeu_ps(y + (size_t)t * ldy, _mm512_mul_ps(f[t][0], scale));
        _mm512_storeu_ps(y + (size_t)t * ldy + 16, _mm512_mul_ps(f[t][1], scale));
    }
}

/* One or two rows: true when done. */
#define MZ_FEW(d, p, w, a, n, y, ldy)                                          \
    ((n) == 1 ? (mz_few(d, p, (w)->columns, a, 0, 1, y, ldy), true)            \
   : (n) == 2 ? (mz_few(d, p, (w)->columns, a, 0, 2, y, ldy), true) : false)

static uint32_t mz_forms(mlci_format format, uint32_t n)
{
    if (mlci_format_is_float(format))
        return MLCI_FORM_FLOAT;
    return n <= 2 ? MLCI_FORM_PLANES : MLCI_FORM_QUADS;
}
