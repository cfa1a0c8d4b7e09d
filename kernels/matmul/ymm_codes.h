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

MLCI_INLINE __m256i my_four(const void *p)   /* the same 4 bytes in all lanes */
{
    int32_t v;

    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* ---- the lanes of panel_decode.h ---------------------------------------------------- */

typedef __m256i my_v8, my_levels;
typedef __m256  my_vf;

MLCI_INLINE __m256i my_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Moved by pairs of bytes: what comes from the other byte is masked away. */
MLCI_INLINE __m256i my_bits(__m256i v, int from, int to, int n)
{
    int up = to - from;

    v = up >= 0 ? _mm256_slli_epi16(v, up > 0 ? up : 0)
                : _mm256_srli_epi16(v, up < 0 ? -up : 0);
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(((1 << n) - 1) << to)));
}

MLCI_INLINE __m256i my_or_bits(__m256i a, __m256i v, int from, int to, int n)
{
    return _mm256_or_si256(a, my_bits(v, from, to, n));
}

MLCI_INLINE __m256i my_look_up(__m256i levels, __m256i v)
{
    return _mm256_shuffle_epi8(levels, v);
}

MLCI_INLINE __m256 my_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

MLCI_INLINE __m128i my_eight(const uint8_t *p)
{
    return _mm_loadl_epi64((const __m128i *)(const void *)p);
}

MLCI_INLINE __m256i my_select_less(__m256i a, __m256i b, __m256i yes, __m256i no)
{
    return _mm256_blendv_epi8(no, yes, _mm256_cmpgt_epi32(b, a));
}

#define my_signed(p)   _mm256_cvtepi8_epi32(my_eight(p))
#define my_unsigned(p) _mm256_cvtepu8_epi32(my_eight(p))
#define my_all(n)      _mm256_set1_epi32(n)
#define my_sub(a, b)   _mm256_sub_epi32(a, b)
#define my_and(a, b)   _mm256_and_si256(a, b)
#define my_shl(a, b)   _mm256_sllv_epi32(a, b)
#define my_shr(a, b)   _mm256_srlv_epi32(a, b)
#define my_to_float(a) _mm256_cvtepi32_ps(a)
#define my_as_float(a) _mm256_castsi256_ps(a)
#define my_mul(a, b)   _mm256_mul_ps(a, b)
#define my_neg(a)      _mm256_sub_ps(_mm256_setzero_ps(), a)

#define PN(name) my_##name
#include "../weight/panel_decode.h"
#undef PN

/* ---- a quarter panel ---------------------------------------------------------------- */

/* 16 levels as unsigned bytes, in both 128-bit lanes. */
MLCI_INLINE __m256i my_levels_of(mlci_panel d)
{
    const int8_t *t = d.lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)t);

    return _mm256_broadcastsi128_si256(_mm_add_epi8(v, _mm_set1_epi8((char)d.zero)));
}

/* Where rows 8q .. 8q + 7 are. */
typedef struct my_quarter {
    const uint8_t *low, *high;
    __m256i levels;
} my_quarter;

MLCI_INLINE my_quarter my_begin(mlci_panel d, const uint8_t *sub, int q)
{
    my_quarter h;

    h.low = sub + (size_t)(q / 2) * mlci_low_bytes(d) + 32 * (q & 1);
    h.high = sub + 2 * mlci_low_bytes(d) + (size_t)(q / 2) * mlci_high_bytes(d) + 32 * (q & 1);
    h.levels = d.lut != MLCI_LUT_NONE ? my_levels_of(d) : _mm256_setzero_si256();
    return h;
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

#endif
