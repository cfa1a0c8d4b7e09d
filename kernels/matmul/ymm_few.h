/* SPDX-License-Identifier: Apache-2.0
 *
 * ymm_few.h - matmul.h for one or two rows with AVX2, for the tiers AVX2, AVX-VNNI
 * (which defines MY_VNNI as 1) and AVX-512 without VNNI.
 *
 * The codes are unsigned bytes u, the row 256 high + low in signed bytes.
 *
 *   VNNI          VPDPBUSD adds four products u * byte to 32 bits.
 *   narrow codes  VPMADDUBSW adds two products to 16 bits.  A pair is at most
 *                 2 * max u * 128; so 8 of them fit for 4 bits, 4 for 5, 2 for 6,
 *                 then VPMADDWD by ones widens the sum.
 *   wide codes    (8 bits, and tables of 8-bit levels) would saturate: VPMADDWD of
 *                 the codes as 16 bits with the row's quads.
 *
 * Per 32 k of 8 rows: 16, 32 + 2 or 32 instructions besides decoding.
 */
#include "ymm_codes.h"

#ifndef MY_VNNI
# define MY_VNNI 0
#endif

/* Largest code. */
MLCI_INLINE int my_largest(mlci_panel d)
{
    return d.lut == MLCI_LUT_IQ4 ? 255 : d.lut == MLCI_LUT_FP4 ? 24
                                       : (1 << (d.low + d.high)) - 1;
}

MLCI_INLINE bool my_wide(mlci_panel d)
{
    return !MY_VNNI && my_largest(d) > 127;
}

/* Steps of four k whose pairs' sums stay in 16 bits. */
MLCI_INLINE int my_span(mlci_panel d)
{
    int n = 32767 / (2 * 128 * my_largest(d));

    return n >= 8 ? 8 : n >= 4 ? 4 : 2;
}

/* A row's share of one group: its exact sum is total(). */
typedef struct my_sum { __m256i high, low; } my_sum;

MLCI_INLINE __m256i my_total(my_sum s)
{
    return _mm256_add_epi32(s.low, _mm256_slli_epi32(s.high, 8));
}

/* Row t's values from k on. */
typedef struct my_row {
    const int8_t  *high, *low;
    const int16_t *quads;
    const int32_t *sums;
} my_row;

MLCI_INLINE my_row my_row_at(mlci_panel d, const mlci_acts *a, uint32_t t, size_t s)
{
    size_t at = t * a->stride + s * MLCI_SUB;
    my_row r = { 0 };

    if (my_wide(d)) {
        r.quads = a->quads + at;
    } else {
        r.high = a->high + at;
        r.low = a->low + at;
    }
    r.sums = a->sums + at / MLCI_SUM_GROUP;
    return r;
}

MLCI_INLINE int32_t my_xsum(mlci_panel d, my_row r, int g)
{
    return d.group == 16 ? r.sums[g] : r.sums[0] + r.sums[1];
}

#if MY_VNNI
# define MY_DPBUSD(c, a, b) _mm256_dpbusd_avx_epi32(c, a, b)
# define MY_DPWSSD(c, a, b) _mm256_dpwssd_avx_epi32(c, a, b)
#else
# define MY_DPBUSD(c, a, b) (c)
# define MY_DPWSSD(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
#endif

/* Codes j in [begin, end) of a quarter times the rows. */
MLCI_INLINE void my_span_sum(mlci_panel d, const my_quarter *h, const my_row *x, int rows,
                             int begin, int end, my_sum *c)
{
    const __m256i ones = _mm256_set1_epi16(1), even = _mm256_set1_epi16(255);
    __m256i high[2], low[2];

    MLCI_UNROLL
    for (int j = begin; j < end; j++) {
        __m256i w = my_codes(d, h->low, h->high, h->levels, j);

        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            if (MY_VNNI) {
                c[t].high = MY_DPBUSD(c[t].high, w, my_four(x[t].high + 4 * j));
                c[t].low = MY_DPBUSD(c[t].low, w, my_four(x[t].low + 4 * j));
            } else if (my_wide(d)) {
                c[t].low = MY_DPWSSD(c[t].low, _mm256_and_si256(w, even),
                                     my_four(x[t].quads + 4 * j));
                c[t].low = MY_DPWSSD(c[t].low, _mm256_srli_epi16(w, 8),
                                     my_four(x[t].quads + 4 * j + 2));
            } else {
                __m256i p = _mm256_maddubs_epi16(w, my_four(x[t].high + 4 * j));
                __m256i q = _mm256_maddubs_epi16(w, my_four(x[t].low + 4 * j));

                high[t] = j == begin ? p : _mm256_add_epi16(high[t], p);
                low[t] = j == begin ? q : _mm256_add_epi16(low[t], q);
            }
        }
    }
    if (MY_VNNI || my_wide(d))
        return;
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        c[t].high = _mm256_add_epi32(c[t].high, _mm256_madd_epi16(high[t], ones));
        c[t].low = _mm256_add_epi32(c[t].low, _mm256_madd_epi16(low[t], ones));
    }
}

/* rows is a constant, 1 or 2. */
MLCI_INLINE void my_few(mlci_panel d, const uint8_t *p, size_t columns,
                        const mlci_acts *a, int rows, float *y, size_t ldy)
{
    const int groups = 32 / d.group, steps = 8 / groups;
    const int span = my_span(d) < steps ? my_span(d) : steps;
    my_factors factors;
    __m256 f[2][4];

    MLCI_UNROLL
    for (int i = 0; i < 4 * rows; i++)
        f[i / 4][i % 4] = _mm256_setzero_ps();
    my_head(d, p, &factors);
    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        my_row x[2];

        if (mlci_two_level(d) && s % 8 == 0) {
            my_head(d, p, &factors);
            p += mlci_head_bytes(d);
        }
        mlci_matmul_ahead(d, p);
        MLCI_UNROLL
        for (int t = 0; t < rows; t++)
            x[t] = my_row_at(d, a, (uint32_t)t, s);
        MLCI_UNROLL
        for (int q = 0; q < 4; q++) {
            my_quarter h = my_begin(d, p, q);

            MLCI_UNROLL
            for (int g = 0; g < groups; g++) {
                __m256 scale = my_scale(d, p, factors.scale[q], 8 * q, g);
                my_sum c[2];

                MLCI_UNROLL
                for (int t = 0; t < rows; t++) {
                    c[t].high = _mm256_setzero_si256();
                    c[t].low = d.zero != 0
                             ? _mm256_set1_epi32(-d.zero * my_xsum(d, x[t], g))
                             : c[t].high;
                }
                MLCI_UNROLL
                for (int j = g * steps; j < (g + 1) * steps; j += span)
                    my_span_sum(d, &h, x, rows, j, j + span, c);
                MLCI_UNROLL
                for (int t = 0; t < rows; t++)
                    f[t][q] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(my_total(c[t])), scale,
                                              f[t][q]);
                if (d.min == MLCI_MIN_NONE)
                    continue;
                scale = my_min(d, p, factors.min[q], 8 * q, g);
                MLCI_UNROLL
                for (int t = 0; t < rows; t++)
                    f[t][q] = _mm256_fmadd_ps(
                        scale, _mm256_set1_ps((float)my_xsum(d, x[t], g)), f[t][q]);
            }
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        __m256 scale = _mm256_set1_ps(a->scale[t]);

        MLCI_UNROLL
        for (int q = 0; q < 4; q++)
            _mm256_storeu_ps(y + (size_t)t * ldy + 8 * q, _mm256_mul_ps(f[t][q], scale));
    }
}

/* One or two rows: true when done. */
#define MY_FEW(d, p, w, a, n, y, ldy)                                          \
    ((n) == 1 ? (my_few(d, p, (w)->columns, a, 1, y, ldy), true)               \
   : (n) == 2 ? (my_few(d, p, (w)->columns, a, 2, y, ldy), true) : false)

static uint32_t my_forms(mlci_format format, uint32_t n)
{
    if (mlci_format_is_float(format))
        return MLCI_FORM_FLOAT;
    return n <= 2 && !my_wide(mlci_panel_of(format)) ? MLCI_FORM_PLANES : MLCI_FORM_QUADS;
}
