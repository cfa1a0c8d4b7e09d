/* SPDX-License-Identifier: Apache-2.0
 *
 * ymm_codes.h - a quarter panel (8 rows) of weight.h in AVX2 registers: its codes,
 * scales and minima.
 */
#ifndef MLCI_YMM_CODES_H
#define MLCI_YMM_CODES_H

#include "../weight/blocks.h"
#include "matmul.h"

#include <immintrin.h>
#include <string.h>

MLCI_INLINE __m256i my_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

MLCI_INLINE __m256i my_four(const void *p)   /* the same 4 bytes in all lanes */
{
    int32_t v;

    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

MLCI_INLINE __m256 my_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* 8 bytes, (b >> shift) & mask of each, as dwords. */
MLCI_INLINE __m256i my_bytes(const uint8_t *p, int shift, int mask)
{
    __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)p);

    b = _mm_and_si128(_mm_srli_epi16(b, shift), _mm_set1_epi8((char)mask));
    return _mm256_cvtepu8_epi32(b);
}

/* 16 levels as unsigned bytes, in both 128-bit lanes. */
MLCI_INLINE __m256i my_levels(mlci_lut lut)
{
    const int8_t *t = lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;
    char zero = lut == MLCI_LUT_IQ4 ? (char)128 : 12;
    __m128i v = _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)t),
                             _mm_set1_epi8(zero));

    return _mm256_broadcastsi128_si256(v);
}

/* Where the quarter's rows are, and what stays in registers over 32 k. */
typedef struct my_quarter {
    const uint8_t *low;
    __m256i high0, high1;      /* high parts: one bit: high0; two: both         */
    __m256i levels;
} my_quarter;

MLCI_INLINE my_quarter my_begin(mlci_panel d, const uint8_t *sub, int q)
{
    const uint8_t *high = sub + 2 * mlci_low_bytes(d)
                        + (size_t)(q / 2) * mlci_high_bytes(d) + 32 * (q & 1);
    my_quarter h;

    h.low = sub + (size_t)(q / 2) * mlci_low_bytes(d) + 32 * (q & 1);
    h.high0 = d.high > 0 ? my_load(high) : _mm256_setzero_si256();
    h.high1 = d.high > 1 ? my_load(high + 64) : h.high0;
    h.levels = d.lut != MLCI_LUT_NONE ? my_levels(d.lut) : h.high0;
    return h;
}

/* Bits [from, from + width) of every byte, moved to bit `to`. */
MLCI_INLINE __m256i my_bits(__m256i v, int from, int to, int width)
{
    int up = to - from;

    v = up >= 0 ? _mm256_slli_epi16(v, up > 0 ? up : 0)
                : _mm256_srli_epi16(v, up < 0 ? -up : 0);
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(((1 << width) - 1) << to)));
}

/* Codes of 8 rows and k = 4j .. 4j + 3 as unsigned bytes; j is a constant. */
MLCI_INLINE __m256i my_codes(mlci_panel d, const my_quarter *h, int j)
{
    __m256i w;

    if (d.low == 8)
        return my_load(h->low + 64 * j);
    if (d.low == 4)
        w = my_bits(my_load(h->low + 64 * (j & 3)), j & 4, 0, 4);
    else
        w = my_bits(my_load(h->low + 64 * (j / 4)), 2 * (j & 3), 0, 2);
    if (d.high == 1)
        w = _mm256_or_si256(w, my_bits(h->high0, j, d.low, 1));
    else if (d.high == 2)
        w = _mm256_or_si256(w, my_bits(j < 4 ? h->high0 : h->high1, 2 * (j & 3), d.low, 2));
    if (d.lut != MLCI_LUT_NONE)
        w = _mm256_shuffle_epi8(h->levels, w);
    return w;
}

/* The factors of a super-block. */
typedef struct my_factors { __m256 scale[4], min[4]; } my_factors;

MLCI_INLINE void my_head(mlci_panel d, const uint8_t *head, my_factors *f)
{
    MLCI_UNROLL
    for (int q = 0; q < 4; q++) {
        f->scale[q] = my_halves(head + 16 * q);
        f->min[q] = mlci_head_bytes(d) > 64 ? my_halves(head + 64 + 16 * q) : f->scale[q];
    }
}

MLCI_INLINE __m256 my_scale(mlci_panel d, const uint8_t *sub, const my_factors *f, int q,
                            int g)
{
    const uint8_t *p = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *bytes = p + 32 * g + 8 * q;
    __m256i e;

    switch (d.scale) {
    case MLCI_SCALE_F16:   return my_halves(p + 64 * g + 16 * q);
    case MLCI_SCALE_SUPER: return f->scale[q];
    case MLCI_SCALE_I8:
        e = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)bytes));
        return _mm256_mul_ps(f->scale[q], _mm256_cvtepi32_ps(e));
    case MLCI_SCALE_NIBBLE:
        return _mm256_mul_ps(f->scale[q], _mm256_cvtepi32_ps(my_bytes(bytes, 0, 15)));
    default:               /* E8M0: 2^(e - 128), subnormal for e = 0 and 1 */
        e = my_bytes(bytes, 0, 255);
        return _mm256_castsi256_ps(_mm256_blendv_epi8(
            _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23),
            _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e),
            _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e)));
    }
}

MLCI_INLINE __m256 my_min(mlci_panel d, const uint8_t *sub, const my_factors *f, int q,
                          int g)
{
    const uint8_t *scales = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *mins = scales + mlci_scale_bytes(d);
    __m256i v;

    if (d.min == MLCI_MIN_F16)
        return my_halves(mins + 64 * g + 16 * q);
    v = d.min == MLCI_MIN_U8 ? my_bytes(mins + 32 * g + 8 * q, 0, 255)
                             : my_bytes(scales + 32 * g + 8 * q, 4, 15);
    return _mm256_sub_ps(_mm256_setzero_ps(),
                         _mm256_mul_ps(f->min[q], _mm256_cvtepi32_ps(v)));
}

#endif
