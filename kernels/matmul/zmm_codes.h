/* SPDX-License-Identifier: Apache-2.0
 *
 * zmm_codes.h - a half panel (16 rows) of weight.h in AVX-512 registers: its codes,
 * scales and minima.
 */
#ifndef MLCI_ZMM_CODES_H
#define MLCI_ZMM_CODES_H

#include "../weight/blocks.h"
#include "matmul.h"

#include <immintrin.h>
#include <string.h>

MLCI_INLINE __m512i mz_four(const void *p)   /* the same 4 bytes in all lanes */
{
    int32_t v;

    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

/* ---- the lanes of panel_decode.h ---------------------------------------------------- */

typedef __m512i mz_v8, mz_levels;
typedef __m512  mz_vf;

MLCI_INLINE __m512i mz_load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

/* Moved by pairs of bytes: what comes from the other byte is masked away. */
MLCI_INLINE __m512i mz_move(__m512i v, int from, int to)
{
    int up = to - from;

    return up >= 0 ? _mm512_slli_epi16(v, (unsigned)(up > 0 ? up : 0))
                   : _mm512_srli_epi16(v, (unsigned)(up < 0 ? -up : 0));
}

MLCI_INLINE __m512i mz_field(int to, int n)
{
    return _mm512_set1_epi8((char)(((1 << n) - 1) << to));
}

MLCI_INLINE __m512i mz_bits(__m512i v, int from, int to, int n)
{
    return _mm512_and_si512(mz_move(v, from, to), mz_field(to, n));
}

MLCI_INLINE __m512i mz_or_bits(__m512i a, __m512i v, int from, int to, int n)
{
    return _mm512_ternarylogic_epi32(a, mz_move(v, from, to), mz_field(to, n), 0xf8);
}

MLCI_INLINE __m512i mz_look_up(__m512i levels, __m512i v)
{
    return _mm512_shuffle_epi8(levels, v);
}

MLCI_INLINE __m512 mz_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

MLCI_INLINE __m128i mz_sixteen(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

MLCI_INLINE __m512i mz_select_less(__m512i a, __m512i b, __m512i yes, __m512i no)
{
    return _mm512_mask_blend_epi32(_mm512_cmplt_epi32_mask(a, b), no, yes);
}

#define mz_signed(p)   _mm512_cvtepi8_epi32(mz_sixteen(p))
#define mz_unsigned(p) _mm512_cvtepu8_epi32(mz_sixteen(p))
#define mz_all(n)      _mm512_set1_epi32(n)
#define mz_sub(a, b)   _mm512_sub_epi32(a, b)
#define mz_and(a, b)   _mm512_and_si512(a, b)
#define mz_shl(a, b)   _mm512_sllv_epi32(a, b)
#define mz_shr(a, b)   _mm512_srlv_epi32(a, b)
#define mz_to_float(a) _mm512_cvtepi32_ps(a)
#define mz_as_float(a) _mm512_castsi512_ps(a)
#define mz_mul(a, b)   _mm512_mul_ps(a, b)
#define mz_neg(a)      _mm512_sub_ps(_mm512_setzero_ps(), a)

#define PN(name) mz_##name
#include "../weight/panel_decode.h"
#undef PN

/* ---- a half panel ------------------------------------------------------------------- */

/* 16 levels as unsigned bytes, in every 128-bit lane. */
MLCI_INLINE __m512i mz_levels_of(mlci_panel d)
{
    const int8_t *t = d.lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;

    return _mm512_broadcast_i32x4(_mm_add_epi8(mz_sixteen((const uint8_t *)t),
                                               _mm_set1_epi8((char)d.zero)));
}

/* Where rows 16r .. 16r + 15 are. */
typedef struct mz_half {
    const uint8_t *low, *high;
    __m512i levels;
} mz_half;

MLCI_INLINE mz_half mz_begin(mlci_panel d, const uint8_t *sub, int r)
{
    mz_half h;

    h.low = sub + (size_t)r * mlci_low_bytes(d);
    h.high = sub + 2 * mlci_low_bytes(d) + (size_t)r * mlci_high_bytes(d);
    h.levels = d.lut != MLCI_LUT_NONE ? mz_levels_of(d) : _mm512_setzero_si512();
    return h;
}

/* The factors of a super-block for half r. */
typedef struct mz_factors { __m512 scale[2], min[2]; } mz_factors;

MLCI_INLINE void mz_head(mlci_panel d, const uint8_t *head, mz_factors *f)
{
    for (int r = 0; r < 2; r++) {
        f->scale[r] = mz_halves(head + 32 * r);
        f->min[r] = mlci_head_bytes(d) > 64 ? mz_halves(head + 64 + 32 * r) : f->scale[r];
    }
}

#endif
