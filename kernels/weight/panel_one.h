/* SPDX-License-Identifier: Apache-2.0
 *
 * panel_one.h - panel_decode.h's lanes in plain C: one row, one k.
 */
#ifndef MLCI_PANEL_ONE_H
#define MLCI_PANEL_ONE_H

#include "../../src/base/half.h"
#include "blocks.h"
#include "weight.h"

typedef unsigned      po_v8;
typedef float         po_vf;
typedef const int8_t *po_levels;

MLCI_INLINE unsigned po_load(const uint8_t *p) { return *p; }
MLCI_INLINE unsigned po_bits(unsigned v, int from, int to, int n)
{
    return (v >> from & ((1u << n) - 1)) << to;
}
MLCI_INLINE unsigned po_or_bits(unsigned a, unsigned v, int from, int to, int n)
{
    return a | po_bits(v, from, to, n);
}
/* Here levels are signed: po_code has no zero point to subtract from them. */
MLCI_INLINE unsigned po_look_up(const int8_t *levels, unsigned v) { return (unsigned)levels[v]; }
MLCI_INLINE float po_halves(const uint8_t *p) { return mlci_f16_at(p); }
MLCI_INLINE int32_t po_signed(const uint8_t *p) { return (int8_t)*p; }
MLCI_INLINE int32_t po_unsigned(const uint8_t *p) { return *p; }
MLCI_INLINE int32_t po_all(int32_t n) { return n; }
MLCI_INLINE int32_t po_sub(int32_t a, int32_t b) { return a - b; }
MLCI_INLINE int32_t po_and(int32_t a, int32_t b) { return a & b; }
MLCI_INLINE int32_t po_shr(int32_t a, int32_t b) { return a >> b; }
MLCI_INLINE int32_t po_shl(int32_t a, int32_t b) { return (int32_t)((uint32_t)a << (b & 31)); }
MLCI_INLINE int32_t po_select_less(int32_t a, int32_t b, int32_t yes, int32_t no)
{
    return a < b ? yes : no;
}
MLCI_INLINE float po_to_float(int32_t v) { return (float)v; }
MLCI_INLINE float po_as_float(int32_t v) { return mlci_bits_f32((uint32_t)v); }
MLCI_INLINE float po_mul(float a, float b) { return a * b; }
MLCI_INLINE float po_neg(float a) { return -a; }

#define PN(name) po_##name
#include "panel_decode.h"
#undef PN

/* The code of row r (of 32) and k (of 32) of a sub-block, less its zero point. */
MLCI_INLINE int po_code(mlci_panel d, const uint8_t *sub, uint32_t r, uint32_t k)
{
    const uint32_t at = r % 16 * 4 + k % 4;
    const uint8_t *low = sub + r / 16 * mlci_low_bytes(d) + at;
    const uint8_t *high = sub + 2 * mlci_low_bytes(d) + r / 16 * mlci_high_bytes(d) + at;
    const int8_t *levels = d.lut == MLCI_LUT_IQ4 ? mlci_iq4_levels : mlci_fp4_levels;
    int code = (int)po_codes(d, low, high, levels, (int)(k / 4));

    return d.lut != MLCI_LUT_NONE ? code : code - d.zero;
}

/* Scale and minimum of row r and group g; head: the factors of 256 k. */
MLCI_INLINE void po_scales(mlci_panel d, const uint8_t *sub, const uint8_t *head, uint32_t r,
                           uint32_t g, float *scale, float *min)
{
    float factor = mlci_two_level(d) ? mlci_f16_at(head + 2 * r) : 0;
    float min_factor = mlci_head_bytes(d) > 64 ? mlci_f16_at(head + 64 + 2 * r) : 0;

    *scale = po_scale(d, sub, factor, (int)r, (int)g);
    *min = d.min != MLCI_MIN_NONE ? po_min(d, sub, min_factor, (int)r, (int)g) : 0;
}

#endif
