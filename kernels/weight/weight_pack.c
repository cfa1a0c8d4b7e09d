/* SPDX-License-Identifier: Apache-2.0
 *
 * weight_pack.c - a file's blocks to panels.
 *
 * For each sub-block of 32 k and each of 32 rows, the row's codes are brought
 * into the panel's order with a few 32-bit operations and written as dwords; no
 * value is taken apart further than its format demands.  One function per
 * format family gives the row's part of a sub-block (pk_part); placing the parts
 * is the same for all.
 */
#include "weight.h"
#include "../../src/base/base.h"
#include "blocks.h"

#include <string.h>

/* One row's part of a sub-block. */
typedef struct pk_part {
    uint32_t low[8];         /* dwords 0..1 (2 bits), 0..3 (4), 0..7 (8)        */
    uint32_t high[2];        /* dword 0 (1 bit), 0..1 (2 bits)                  */
    uint16_t scale[2];       /* for each group: float16 bits, or a byte         */
    uint16_t min[2];
    uint16_t factor, min_factor;  /* of the super-block                         */
} pk_part;

MLCI_INLINE uint32_t pk_32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

MLCI_INLINE uint16_t pk_16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* Bits c, c + 4, c + 8 ... of a word (k = 4j + c) as a byte with bit j. */
MLCI_INLINE uint32_t pk_every_fourth(uint32_t bits, int c)
{
    uint32_t x = bits >> c & 0x11111111u;

    x = (x | x >> 3) & 0x03030303u;
    x = (x | x >> 6) & 0x000f000fu;
    return (x | x >> 12) & 0xff;
}

MLCI_INLINE uint32_t pk_fifth_bits(uint32_t bits)
{
    return pk_every_fourth(bits, 0) | pk_every_fourth(bits, 1) << 8
         | pk_every_fourth(bits, 2) << 16 | pk_every_fourth(bits, 3) << 24;
}

/* 16 bytes whose nibbles are already in the panel's order. */
MLCI_INLINE void pk_nibbles(pk_part *o, const uint8_t *q)
{
    for (int j = 0; j < 4; j++)
        o->low[j] = pk_32(q + 4 * j);
}

/* K-quants keep 32 values in the low or high nibbles of 32 bytes. */
MLCI_INLINE void pk_k_nibbles(pk_part *o, const uint8_t *q, int high)
{
    for (int j = 0; j < 4; j++) {
        uint32_t a = pk_32(q + 4 * j) >> (4 * high) & 0x0f0f0f0fu;
        uint32_t b = pk_32(q + 16 + 4 * j) >> (4 * high) & 0x0f0f0f0fu;

        o->low[j] = a | b << 4;
    }
}

/* 32 values in bits 2*pair of 32 bytes, as two dwords of the 2-bit order. */
MLCI_INLINE void pk_k_pairs(uint32_t *out, const uint8_t *q, int pair)
{
    for (int v = 0; v < 2; v++) {
        uint32_t x = 0;

        for (int i = 0; i < 4; i++)
            x |= (pk_32(q + 16 * v + 4 * i) >> (2 * pair) & 0x03030303u) << (2 * i);
        out[v] = x;
    }
}

/* 32 values in bit number b of 32 bytes, as the dword of the 1-bit order. */
MLCI_INLINE uint32_t pk_k_bits(const uint8_t *q, int b)
{
    uint32_t x = 0;

    for (int j = 0; j < 8; j++)
        x |= (pk_32(q + 4 * j) >> b & 0x01010101u) << j;
    return x;
}

/* ---- one row's part, by format ------------------------------------------------- */

MLCI_INLINE void pk_simple(mlci_format f, const uint8_t *b, pk_part *o)
{
    switch (f) {
    case MLCI_Q4_0: case MLCI_IQ4_NL:
        o->scale[0] = pk_16(b);
        pk_nibbles(o, b + 2);
        break;
    case MLCI_Q4_1:
        o->scale[0] = pk_16(b);
        o->min[0] = pk_16(b + 2);
        pk_nibbles(o, b + 4);
        break;
    case MLCI_Q5_0:
        o->scale[0] = pk_16(b);
        o->high[0] = pk_fifth_bits(pk_32(b + 2));
        pk_nibbles(o, b + 6);
        break;
    case MLCI_Q5_1:
        o->scale[0] = pk_16(b);
        o->min[0] = pk_16(b + 2);
        o->high[0] = pk_fifth_bits(pk_32(b + 4));
        pk_nibbles(o, b + 8);
        break;
    case MLCI_Q8_0:  /* + 128: flip the sign bit */
        o->scale[0] = pk_16(b);
        for (int j = 0; j < 8; j++)
            o->low[j] = pk_32(b + 2 + 4 * j) ^ 0x80808080u;
        break;
    default:  /* MXFP4 */
        o->scale[0] = b[0];
        pk_nibbles(o, b + 1);
        break;
    }
}

/* Ternary digits of TQ1_0, the s-th 32 values, as codes 0 to 2: five digits of a
 * byte belong to values 32 (later 16, last 4) apart. */
MLCI_INLINE void pk_trits(const uint8_t *b, uint32_t s, uint8_t codes[32])
{
    static const uint8_t pow3[5] = { 1, 3, 9, 27, 81 };

    for (uint32_t i = 0; i < 32; i++) {
        uint32_t k = 32 * s + i, byte = i, digit = s;

        if (k >= 240) {
            byte = 48 + k % 4;
            digit = (k - 240) / 4;
        } else if (k >= 160) {
            byte = 32 + k % 16;
            digit = (k - 160) / 16;
        }
        codes[i] = (uint8_t)((uint8_t)(b[byte] * pow3[digit]) * 3 >> 8);
    }
}

/* s: number of the sub-block in the super-block. */
MLCI_INLINE void pk_super(mlci_format f, const uint8_t *b, uint32_t s, pk_part *o)
{
    uint8_t scale[8], min[8], codes[32];
    int8_t scale16[16];
    uint32_t low, pair[2];

    switch (f) {
    case MLCI_Q2_K:
        o->factor = pk_16(b + 80);
        o->min_factor = pk_16(b + 82);
        o->scale[0] = b[2 * s];
        o->scale[1] = b[2 * s + 1];
        pk_k_pairs(o->low, b + 16 + s / 4 * 32, (int)(s % 4));
        break;
    case MLCI_Q3_K:
        o->factor = pk_16(b + 108);
        mlci_k3_scales(b + 96, scale16);
        o->scale[0] = (uint8_t)scale16[2 * s];
        o->scale[1] = (uint8_t)scale16[2 * s + 1];
        pk_k_pairs(o->low, b + 32 + s / 4 * 32, (int)(s % 4));
        o->high[0] = pk_k_bits(b, (int)s);
        break;
    case MLCI_Q4_K: case MLCI_Q5_K:
        o->factor = pk_16(b);
        o->min_factor = pk_16(b + 2);
        mlci_k4_scales(b + 4, scale, min);
        o->scale[0] = scale[s];
        o->min[0] = min[s];
        pk_k_nibbles(o, b + (f == MLCI_Q4_K ? 16 : 48) + s / 2 * 32, (int)(s % 2));
        if (f == MLCI_Q5_K)
            o->high[0] = pk_k_bits(b + 16, (int)s);
        break;
    case MLCI_Q6_K:  /* halves of 128: sub-blocks 0 and 1 in low nibbles, 2, 3 high */
        o->factor = pk_16(b + 208);
        o->scale[0] = b[192 + 2 * s];
        o->scale[1] = b[192 + 2 * s + 1];
        pk_k_nibbles(o, b + s / 4 * 64 + s % 2 * 32, (int)(s % 4 / 2));
        pk_k_pairs(o->high, b + 128 + s / 4 * 32, (int)(s % 4));
        break;
    case MLCI_IQ4_XS:
        o->factor = pk_16(b);
        low = b[4 + s / 2] >> (s % 2 * 4) & 15;
        o->scale[0] = (uint8_t)((low | (pk_16(b + 2) >> (2 * s) & 3u) << 4) - 32);
        pk_nibbles(o, b + 8 + 16 * s);
        break;
    case MLCI_TQ2_0:
        o->factor = pk_16(b + 64);
        pk_k_pairs(o->low, b + s / 4 * 32, (int)(s % 4));
        break;
    default:  /* TQ1_0 */
        o->factor = pk_16(b + 52);
        pk_trits(b, s, codes);
        pk_k_pairs(pair, codes, 0);
        o->low[0] = pair[0];
        o->low[1] = pair[1];
        break;
    }
}

/* ---- placing -------------------------------------------------------------------- */

MLCI_INLINE void pk_put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, 2);
}

MLCI_INLINE void pk_place(mlci_panel d, const pk_part *o, uint32_t r, uint8_t *sub)
{
    uint8_t *low = sub + r / 16 * mlci_low_bytes(d) + r % 16 * 4;
    uint8_t *high = sub + 2 * mlci_low_bytes(d) + r / 16 * mlci_high_bytes(d) + r % 16 * 4;
    uint8_t *scales = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    uint8_t *mins = scales + mlci_scale_bytes(d);

    for (uint32_t j = 0; j < d.low; j++)
        memcpy(low + 64 * j, &o->low[j], 4);
    for (uint32_t j = 0; j < d.high; j++)
        memcpy(high + 64 * j, &o->high[j], 4);
    for (uint32_t g = 0; g < 32u / d.group; g++) {
        if (d.scale == MLCI_SCALE_F16)
            pk_put16(scales + 64 * g + 2 * r, o->scale[g]);
        else if (d.scale != MLCI_SCALE_SUPER)
            scales[32 * g + r] = (uint8_t)o->scale[g];
        if (d.min == MLCI_MIN_F16)
            pk_put16(mins + 64 * g + 2 * r, o->min[g]);
        else if (d.min == MLCI_MIN_U8)
            mins[32 * g + r] = (uint8_t)o->min[g];
    }
}

/* One panel of an integer format; rows beyond n_rows stay zero. */
MLCI_INLINE void pk_panel(mlci_format f, mlci_panel d, uint32_t columns,
                          const uint8_t *rows, size_t row_bytes, uint32_t n_rows,
                          uint8_t *out)
{
    size_t block = mlci_format_table[f].block_bytes;

    for (uint32_t s = 0; s < columns / MLCI_SUB; s++) {
        bool two = mlci_two_level(d);
        uint8_t *head = out;

        if (two && s % 8 == 0)
            out += mlci_head_bytes(d);
        for (uint32_t r = 0; r < n_rows; r++) {
            const uint8_t *row = rows + r * row_bytes;
            pk_part o;

            if (!two) {
                pk_simple(f, row + s * block, &o);
            } else {
                pk_super(f, row + s / 8 * block, s % 8, &o);
                if (s % 8 == 0)
                    pk_put16(head + 2 * r, o.factor);
                if (s % 8 == 0 && mlci_head_bytes(d) > 64)
                    pk_put16(head + 64 + 2 * r, o.min_factor);
            }
            pk_place(d, &o, r, out);
        }
        out += mlci_sub_bytes(d);
    }
}

/* Each float's rows side by side, whatever its width. */
static void pk_floats(size_t width, uint32_t columns, const uint8_t *rows,
                      size_t row_bytes, uint32_t n_rows, uint8_t *out)
{
    for (uint32_t r = 0; r < n_rows; r++)
        for (uint32_t k = 0; k < columns; k++)
            memcpy(out + ((size_t)k * MLCI_PANEL_ROWS + r) * width,
                   rows + r * row_bytes + k * width, width);
}

static void pk_one(const mlci_packed *p, mlci_format f, const uint8_t *rows,
                   size_t row_bytes, uint32_t n_rows, uint8_t *out)
{
    static const mlci_panel tq = MLCI_PANEL(2, 0, 32, 1, SUPER, NONE, NONE);

    switch (f) {
#define X(name, ...)                                                           \
    case MLCI_##name: {                                                        \
        static const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                   \
        pk_panel(MLCI_##name, d, p->columns, rows, row_bytes, n_rows, out);    \
        break;                                                                 \
    }
    MLCI_INT_PANELS(X)
#undef X
    case MLCI_TQ1_0:
        pk_panel(MLCI_TQ1_0, tq, p->columns, rows, row_bytes, n_rows, out);
        break;
    default:
        pk_floats(mlci_format_table[f].block_bytes, p->columns, rows, row_bytes,
                  n_rows, out);
        break;
    }
}

void mlci_pack_panels(const mlci_packed *p, mlci_format source, const uint8_t *blocks,
                      size_t row_bytes, uint32_t begin, uint32_t end, uint8_t *out)
{
    for (uint32_t i = begin; i < end; i++) {
        uint32_t n_rows = p->rows - i * MLCI_PANEL_ROWS;

        if (n_rows >= MLCI_PANEL_ROWS)
            n_rows = MLCI_PANEL_ROWS;
        else
            memset(out, 0, p->panel_bytes);
        pk_one(p, source, blocks, row_bytes, n_rows, out);
        blocks += row_bytes * MLCI_PANEL_ROWS;
        out += p->panel_bytes;
    }
}

mlci_panel mlci_panel_of(mlci_format format)
{
    static const mlci_panel table[MLCI_FORMAT_COUNT] = {
#define X(name, ...) [MLCI_##name] = MLCI_PANEL(__VA_ARGS__),
        MLCI_INT_PANELS(X)
#undef X
    };

    return table[format];
}

void mlci_packed_shape(mlci_packed *p, mlci_format format, uint32_t rows,
                       uint32_t columns)
{
    mlci_panel d;
    size_t bytes;

    p->format = format == MLCI_TQ1_0 ? MLCI_TQ2_0 : format;
    p->rows = rows;
    p->columns = columns;
    p->n_panels = (rows + MLCI_PANEL_ROWS - 1) / MLCI_PANEL_ROWS;
    p->data = NULL;
    if (mlci_format_is_float(format)) {
        bytes = (size_t)columns * MLCI_PANEL_ROWS * mlci_format_table[format].block_bytes;
    } else {
        d = mlci_panel_of(p->format);
        bytes = mlci_two_level(d)
              ? (8 * mlci_sub_bytes(d) + mlci_head_bytes(d)) * (columns / MLCI_SUPER)
              : mlci_sub_bytes(d) * (columns / MLCI_SUB);
    }
    p->panel_bytes = mlci_round_up(bytes, 64);
}
