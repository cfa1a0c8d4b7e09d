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

MLCI_INLINE float32x4_t ne_halves(const uint8_t *p)
{
    uint16x4_t h = vreinterpret_u16_u8(vld1_u8(p));

    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}

/* Four bytes as dwords, after a shift and a mask. */
MLCI_INLINE uint32x4_t ne_bytes(const uint8_t *p, int shift, uint32_t mask)
{
    uint32_t v;
    uint32x4_t d;

    memcpy(&v, p, 4);
    d = vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(v)))));
    return vandq_u32(vshlq_u32(d, vdupq_n_s32(-shift)), vdupq_n_u32(mask));
}

/* Where rows 4q .. 4q + 3 are, and what stays in registers over 32 k. */
typedef struct ne_quad {
    const uint8_t *low;
    uint8x16_t high0, high1;   /* high parts: one bit: high0; two: both         */
    int8x16_t  levels;
} ne_quad;

MLCI_INLINE ne_quad ne_begin(mlci_panel d, const uint8_t *sub, int q)
{
    const uint8_t *high = sub + 2 * mlci_low_bytes(d)
                        + (size_t)(q / 4) * mlci_high_bytes(d) + 16 * (q & 3);
    ne_quad h;

    h.low = sub + (size_t)(q / 4) * mlci_low_bytes(d) + 16 * (q & 3);
    h.high0 = d.high > 0 ? vld1q_u8(high) : vdupq_n_u8(0);
    h.high1 = d.high > 1 ? vld1q_u8(high + 64) : h.high0;
    h.levels = d.lut == MLCI_LUT_IQ4 ? vld1q_s8(mlci_iq4_levels)
             : d.lut == MLCI_LUT_FP4 ? vld1q_s8(mlci_fp4_levels) : vdupq_n_s8(0);
    return h;
}

/* Bits [from, from + width) of every byte, moved to bit `to`; constants. */
MLCI_INLINE uint8x16_t ne_bits(uint8x16_t v, int from, int to, int width)
{
    v = vshlq_u8(v, vdupq_n_s8((int8_t)(to - from)));
    return vandq_u8(v, vdupq_n_u8((uint8_t)(((1 << width) - 1) << to)));
}

/* Codes of 4 rows and k = 4j .. 4j + 3, less the zero point; j is a constant. */
MLCI_INLINE int8x16_t ne_codes(mlci_panel d, const ne_quad *h, int j)
{
    uint8x16_t w;

    if (d.low == 8)
        w = vld1q_u8(h->low + 64 * j);
    else if (d.low == 4)
        w = ne_bits(vld1q_u8(h->low + 64 * (j & 3)), j & 4, 0, 4);
    else
        w = ne_bits(vld1q_u8(h->low + 64 * (j / 4)), 2 * (j & 3), 0, 2);
    if (d.high == 1)
        w = vorrq_u8(w, ne_bits(h->high0, j, d.low, 1));
    else if (d.high == 2)
        w = vorrq_u8(w, ne_bits(j < 4 ? h->high0 : h->high1, 2 * (j & 3), d.low, 2));
    if (d.lut != MLCI_LUT_NONE)             /* the levels are signed already    */
        return vqtbl1q_s8(h->levels, w);
    return vreinterpretq_s8_u8(vsubq_u8(w, vdupq_n_u8((uint8_t)d.zero)));
}

/* The scales of rows 4q .. 4q + 3 and group g; head: the factors of 256 k. */
MLCI_INLINE float32x4_t ne_scale(mlci_panel d, const uint8_t *sub, const uint8_t *head, int q,
                                 int g)
{
    const uint8_t *p = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *bytes = p + 32 * g + 4 * q;
    uint32x4_t e;

    switch (d.scale) {
    case MLCI_SCALE_F16:   return ne_halves(p + 64 * g + 8 * q);
    case MLCI_SCALE_SUPER: return ne_halves(head + 8 * q);
    case MLCI_SCALE_I8:
        e = ne_bytes(bytes, 0, 255);
        return vmulq_f32(ne_halves(head + 8 * q), vcvtq_f32_s32(
            vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_u32(e), 24), 24)));
    case MLCI_SCALE_NIBBLE:
        return vmulq_f32(ne_halves(head + 8 * q), vcvtq_f32_u32(ne_bytes(bytes, 0, 15)));
    default:               /* E8M0: 2^(e - 128), subnormal for e = 0 and 1 */
        e = ne_bytes(bytes, 0, 255);
        return vreinterpretq_f32_u32(vbslq_u32(
            vcltq_u32(e, vdupq_n_u32(2)),
            vshlq_u32(vdupq_n_u32(0x00200000), vreinterpretq_s32_u32(e)),
            vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23)));
    }
}

MLCI_INLINE float32x4_t ne_min(mlci_panel d, const uint8_t *sub, const uint8_t *head, int q,
                               int g)
{
    const uint8_t *scales = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *mins = scales + mlci_scale_bytes(d);
    uint32x4_t v;

    if (d.min == MLCI_MIN_F16)
        return ne_halves(mins + 64 * g + 8 * q);
    v = d.min == MLCI_MIN_U8 ? ne_bytes(mins + 32 * g + 4 * q, 0, 255)
                             : ne_bytes(scales + 32 * g + 4 * q, 4, 15);
    return vnegq_f32(vmulq_f32(ne_halves(head + 64 + 8 * q), vcvtq_f32_u32(v)));
}

#endif
