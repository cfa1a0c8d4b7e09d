/* SPDX-License-Identifier: Apache-2.0
 *
 * neon_codes.h - four rows of a panel of weight.h in NEON registers: their codes as
 * signed bytes, zero point subtracted (they fit: weight.h), scales and minima.
 */
#ifndef MLCI_NEON_CODES_H
#define MLCI_NEON_CODES_H

#include "../weight/blocks.h"
#include "matmul.h"

#include <arm_neon.h>
#include <string.h>

/* ---- the lanes of panel_decode.h ---------------------------------------------------- */

typedef uint8x16_t  ne_v8, ne_levels;
typedef float32x4_t ne_vf;

MLCI_INLINE uint8x16_t ne_bits(uint8x16_t v, int from, int to, int n)
{
    v = vshlq_u8(v, vdupq_n_s8((int8_t)(to - from)));
    return vandq_u8(v, vdupq_n_u8((uint8_t)(((1 << n) - 1) << to)));
}

MLCI_INLINE uint8x16_t ne_or_bits(uint8x16_t a, uint8x16_t v, int from, int to, int n)
{
    return vorrq_u8(a, ne_bits(v, from, to, n));
}

MLCI_INLINE float32x4_t ne_halves(const uint8_t *p)
{
    uint16x4_t h = vreinterpret_u16_u8(vld1_u8(p));

    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}

MLCI_INLINE uint8x8_t ne_quartet(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return vreinterpret_u8_u32(vdup_n_u32(v));
}

MLCI_INLINE int32x4_t ne_signed(const uint8_t *p)
{
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(ne_quartet(p)))));
}

MLCI_INLINE int32x4_t ne_unsigned(const uint8_t *p)
{
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(ne_quartet(p)))));
}

#define ne_load(p)         vld1q_u8(p)
#define ne_look_up(t, v)   vqtbl1q_u8(t, v)
#define ne_all(n)          vdupq_n_s32(n)
#define ne_sub(a, b)       vsubq_s32(a, b)
#define ne_and(a, b)       vandq_s32(a, b)
#define ne_shl(a, b)       vshlq_s32(a, b)
#define ne_shr(a, b)       vshlq_s32(a, vnegq_s32(b))
#define ne_select_less(a, b, yes, no) vbslq_s32(vcltq_s32(a, b), yes, no)
#define ne_to_float(a)     vcvtq_f32_s32(a)
#define ne_as_float(a)     vreinterpretq_f32_s32(a)
#define ne_mul(a, b)       vmulq_f32(a, b)
#define ne_neg(a)          vnegq_f32(a)

#define PN(name) ne_##name
#include "../weight/panel_decode.h"
#undef PN

/* ---- four rows ---------------------------------------------------------------------- */

/* Where rows 4q .. 4q + 3 are. */
typedef struct ne_quad {
    const uint8_t *low, *high;
    uint8x16_t     levels;     /* 16, unsigned                                 */
} ne_quad;

MLCI_INLINE ne_quad ne_begin(mlci_panel d, const uint8_t *sub, int q)
{
    const int8_t *levels = d.lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;
    const size_t half = (size_t)(q / 4), at = (size_t)(16 * (q & 3));
    ne_quad h;

    h.low = sub + half * mlci_low_bytes(d) + at;
    h.high = sub + 2 * mlci_low_bytes(d) + half * mlci_high_bytes(d) + at;
    h.levels = d.lut != MLCI_LUT_NONE
             ? vaddq_u8(vld1q_u8((const uint8_t *)levels), vdupq_n_u8((uint8_t)d.zero))
             : vdupq_n_u8(0);
    return h;
}

/* Codes of 4 rows and k = 4j .. 4j + 3, less the zero point; j is a constant. */
MLCI_INLINE int8x16_t ne_signed_codes(mlci_panel d, const ne_quad *h, int j)
{
    uint8x16_t w = ne_codes(d, h->low, h->high, h->levels, j);

    return vreinterpretq_s8_u8(vsubq_u8(w, vdupq_n_u8((uint8_t)d.zero)));
}

/* Scales and minima of rows 4q .. 4q + 3 and group g; head: the factors of 256 k. */
MLCI_INLINE float32x4_t ne_scale_of(mlci_panel d, const uint8_t *sub, const uint8_t *head,
                                    int q, int g)
{
    return ne_scale(d, sub, mlci_two_level(d) ? ne_halves(head + 8 * q) : vdupq_n_f32(0),
                    4 * q, g);
}

MLCI_INLINE float32x4_t ne_min_of(mlci_panel d, const uint8_t *sub, const uint8_t *head,
                                  int q, int g)
{
    return ne_min(d, sub, mlci_head_bytes(d) > 64 ? ne_halves(head + 64 + 8 * q)
                                                  : vdupq_n_f32(0), 4 * q, g);
}

#endif
