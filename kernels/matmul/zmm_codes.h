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

MLCI_INLINE __m512i mz_load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

MLCI_INLINE __m512i mz_four(const void *p)   /* the same 4 bytes in all lanes */
{
    int32_t v;

    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

MLCI_INLINE __m512 mz_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

MLCI_INLINE __m512 mz_bytes(const uint8_t *p, bool is_signed)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);

    return _mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(b)
                                        : _mm512_cvtepu8_epi32(b));
}

/* 16 levels as unsigned bytes, in every 128-bit lane. */
MLCI_INLINE __m512i mz_levels(mlci_lut lut)
{
    const int8_t *t = lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;
    char zero = lut == MLCI_LUT_IQ4 ? (char)128 : 12;
    __m128i v = _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)t),
                             _mm_set1_epi8(zero));

    return _mm512_broadcast_i32x4(v);
}

/* What stays in registers over a half panel's 32 k. */
typedef struct mz_half {
    const uint8_t *low, *high;
    __m512i high0, high1;      /* high parts: one bit: high0; two: both         */
    __m512i levels;
} mz_half;

MLCI_INLINE mz_half mz_begin(mlci_panel d, const uint8_t *sub, int r)
{
    mz_half h;

    h.low = sub + (size_t)r * mlci_low_bytes(d);
    h.high = sub + 2 * mlci_low_bytes(d) + (size_t)r * mlci_high_bytes(d);
    h.high0 = d.high > 0 ? mz_load(h.high) : _mm512_setzero_si512();
    h.high1 = d.high > 1 ? mz_load(h.high + 64) : h.high0;
    h.levels = d.lut != MLCI_LUT_NONE ? mz_levels(d.lut) : h.high0;
    return h;
}

/* Codes of 16 rows and k = 4j .. 4j + 3 as unsigned bytes; j is a constant. */
MLCI_INLINE __m512i mz_codes(mlci_panel d, const mz_half *h, int j)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i w;

    if (d.low == 8)
        return mz_load(h->low + 64 * j);
    if (d.low == 4) {
        w = mz_load(h->low + 64 * (j & 3));
        w = _mm512_and_si512(j < 4 ? w : _mm512_srli_epi16(w, 4), nibble);
    } else {
        w = mz_load(h->low + 64 * (j / 4));
        w = _mm512_and_si512(_mm512_srli_epi16(w, (unsigned)(2 * (j & 3))),
                             _mm512_set1_epi8(3));
    }
    if (d.high == 1) {   /* bit j to bit d.low: 0xf8 is a | (b & c) */
        int up = d.low - j;
        __m512i t = up >= 0 ? _mm512_slli_epi16(h->high0, (unsigned)(up > 0 ? up : 0))
                            : _mm512_srli_epi16(h->high0, (unsigned)(up < 0 ? -up : 0));

        w = _mm512_ternarylogic_epi32(w, t, _mm512_set1_epi8((char)(1 << d.low)), 0xf8);
    } else if (d.high == 2) {
        int up = d.low - 2 * (j & 3);
        __m512i t = j < 4 ? h->high0 : h->high1;

        t = up >= 0 ? _mm512_slli_epi16(t, (unsigned)(up > 0 ? up : 0))
                    : _mm512_srli_epi16(t, (unsigned)(up < 0 ? -up : 0));
        w = _mm512_ternarylogic_epi32(w, t, _mm512_set1_epi8((char)(3 << d.low)), 0xf8);
    }
    if (d.lut != MLCI_LUT_NONE)
        w = _mm512_shuffle_epi8(h->levels, w);
    return w;
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

MLCI_INLINE __m512 mz_scale(mlci_panel d, const uint8_t *sub, const mz_factors *f, int r,
                            int g)
{
    const uint8_t *p = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *bytes = p + 32 * g + 16 * r;
    __m128i b;
    __m512i e;

    switch (d.scale) {
    case MLCI_SCALE_F16:   return mz_halves(p + 64 * g + 32 * r);
    case MLCI_SCALE_I8:    return _mm512_mul_ps(f->scale[r], mz_bytes(bytes, true));
    case MLCI_SCALE_SUPER: return f->scale[r];
    case MLCI_SCALE_NIBBLE:
        b = _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)bytes),
                          _mm_set1_epi8(15));
        return _mm512_mul_ps(f->scale[r], _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(b)));
    default:               /* E8M0: 2^(e - 128), subnormal for e = 0 and 1 */
        e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)bytes));
        return _mm512_castsi512_ps(_mm512_mask_blend_epi32(
            _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2)),
            _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23),
            _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e)));
    }
}

MLCI_INLINE __m512 mz_min(mlci_panel d, const uint8_t *sub, const mz_factors *f, int r,
                          int g)
{
    const uint8_t *scales = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *mins = scales + mlci_scale_bytes(d);
    __m512 v;
    __m128i b;

    if (d.min == MLCI_MIN_F16)
        return mz_halves(mins + 64 * g + 32 * r);
    if (d.min == MLCI_MIN_U8) {
        v = mz_bytes(mins + 32 * g + 16 * r, false);
    } else {
        b = _mm_loadu_si128((const __m128i *)(const void *)(scales + 32 * g + 16 * r));
        b = _mm_and_si128(_mm_srli_epi16(b, 4), _mm_set1_epi8(15));
        v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(b));
    }
    return _mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(f->min[r], v));
}

#endif
