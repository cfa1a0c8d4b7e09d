/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.c - blocks.h.  One function per format; in each, q is the integer that
 * is stored, d a scale, m a minimum.
 */
#include "blocks.h"
#include "../base/base.h"
#include "../base/half.h"

#include <string.h>

const int8_t mlci_iq4_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                     1, 13, 25, 38, 53, 69, 89, 113 };
const int8_t mlci_fp4_levels[16] = { 0, 1, 2, 3, 4, 6, 8, 12,
                                     0, -1, -2, -3, -4, -6, -8, -12 };

static void bl_f32(const uint8_t *p, float *y)
{
    *y = mlci_bits_f32((uint32_t)mlci_le(p, 4));
}

static void bl_half(const uint8_t *p, float *y)  { *y = mlci_f16_at(p); }

static void bl_bf16(const uint8_t *p, float *y)
{
    *y = mlci_bf16_to_f32((uint16_t)mlci_le(p, 2));
}

/* Q4_0: d, then 16 bytes: low nibbles are values 0..15, high ones 16..31. */
static void bl_q4_0(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p);

    for (int i = 0; i < 16; i++) {
        y[i]      = d * (float)((p[2 + i] & 15) - 8);
        y[i + 16] = d * (float)((p[2 + i] >> 4) - 8);
    }
}

static void bl_q4_1(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p), m = mlci_f16_at(p + 2);

    for (int i = 0; i < 16; i++) {
        y[i]      = d * (float)(p[4 + i] & 15) + m;
        y[i + 16] = d * (float)(p[4 + i] >> 4) + m;
    }
}

/* Q5: the fifth bits of the 32 values in one word behind the scales. */
static int bl_q5(const uint8_t *bits, const uint8_t *q, int i)
{
    uint32_t h = (uint32_t)mlci_le(bits, 4);

    return (i < 16 ? q[i] & 15 : q[i - 16] >> 4) | (int)((h >> i & 1) << 4);
}

static void bl_q5_0(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p);

    for (int i = 0; i < 32; i++)
        y[i] = d * (float)(bl_q5(p + 2, p + 6, i) - 16);
}

static void bl_q5_1(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p), m = mlci_f16_at(p + 2);

    for (int i = 0; i < 32; i++)
        y[i] = d * (float)bl_q5(p + 4, p + 8, i) + m;
}

static void bl_q8_0(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p);

    for (int i = 0; i < 32; i++)
        y[i] = d * (float)(int8_t)p[2 + i];
}

/* Q2_K: 16 bytes of (scale, min) nibbles, 64 bytes of 2-bit values, d, dmin.
 * 128 values share 32 bytes: value 32 j + i is bits 2j of byte i. */
static void bl_q2_k(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p + 80), dmin = mlci_f16_at(p + 82);

    for (int k = 0; k < 256; k++) {
        int q = p[16 + k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3;
        uint8_t s = p[k / 16];

        y[k] = d * (float)(s & 15) * (float)q - dmin * (float)(s >> 4);
    }
}

void mlci_k3_scales(const uint8_t *p, int8_t scale[16])
{
    for (int i = 0; i < 16; i++) {
        int low = i < 8 ? p[i] & 15 : p[i - 8] >> 4;
        int high = p[8 + i % 4] >> (i / 4 * 2) & 3;

        scale[i] = (int8_t)((low | high << 4) - 32);
    }
}

/* Q3_K: 32 bytes of third bits (set = not subtract 4), 64 bytes of 2-bit values
 * as in Q2_K, 12 bytes of scales, d. */
static void bl_q3_k(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p + 108);
    int8_t scale[16];

    mlci_k3_scales(p + 96, scale);
    for (int k = 0; k < 256; k++) {
        int q = p[32 + k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3;
        int h = p[k % 32] >> (k / 32) & 1;

        y[k] = d * (float)scale[k / 16] * (float)(q - (h ? 0 : 4));
    }
}

void mlci_k4_scales(const uint8_t *p, uint8_t scale[8], uint8_t min[8])
{
    for (int i = 0; i < 4; i++) {
        scale[i]     = p[i] & 63;
        min[i]       = p[4 + i] & 63;
        scale[4 + i] = (uint8_t)((p[8 + i] & 15) | p[i] >> 6 << 4);
        min[4 + i]   = (uint8_t)(p[8 + i] >> 4 | p[4 + i] >> 6 << 4);
    }
}

/* Q4_K: d, dmin, 12 bytes of scales, 128 bytes: each 32 bytes hold 32 values in
 * their low nibbles and the next 32 in their high ones. */
static void bl_q4_k(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p), dmin = mlci_f16_at(p + 2);
    uint8_t s[8], m[8];

    mlci_k4_scales(p + 4, s, m);
    for (int k = 0; k < 256; k++) {
        int q = p[16 + k / 64 * 32 + k % 32] >> (k % 64 / 32 * 4) & 15;

        y[k] = d * (float)s[k / 32] * (float)q - dmin * (float)m[k / 32];
    }
}

/* Q5_K: as Q4_K, with 32 bytes of fifth bits between: value 32 j + i is bit j
 * of byte i. */
static void bl_q5_k(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p), dmin = mlci_f16_at(p + 2);
    uint8_t s[8], m[8];

    mlci_k4_scales(p + 4, s, m);
    for (int k = 0; k < 256; k++) {
        int q = p[48 + k / 64 * 32 + k % 32] >> (k % 64 / 32 * 4) & 15;
        int h = p[16 + k % 32] >> (k / 32) & 1;

        y[k] = d * (float)s[k / 32] * (float)(q | h << 4)
             - dmin * (float)m[k / 32];
    }
}

/* Q6_K: 128 bytes of low nibbles, 64 of high 2-bit parts, 16 scales, d.  Half
 * a block (128 values) uses 64 and 32 of them. */
static void bl_q6_k(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p + 208);

    for (int k = 0; k < 256; k++) {
        int i = k % 128, half = k / 128;
        int q = p[half * 64 + i % 64] >> (i / 64 * 4) & 15;
        int h = p[128 + half * 32 + i % 32] >> (i / 32 * 2) & 3;

        y[k] = d * (float)(int8_t)p[192 + k / 16] * (float)((q | h << 4) - 32);
    }
}

static void bl_iq4_nl(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p);

    for (int i = 0; i < 16; i++) {
        y[i]      = d * (float)mlci_iq4_levels[p[2 + i] & 15];
        y[i + 16] = d * (float)mlci_iq4_levels[p[2 + i] >> 4];
    }
}

/* IQ4_XS: d, two high bits of each of 8 scales, four low bits of each, then
 * 16 bytes for each 32 values. */
static void bl_iq4_xs(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p);
    uint32_t high = (uint32_t)mlci_le(p + 2, 2);

    for (int k = 0; k < 256; k++) {
        int b = k / 32, i = k % 32;
        int low = p[4 + b / 2] >> (b % 2 * 4) & 15;
        int s = (low | (int)(high >> (2 * b) & 3) << 4) - 32;
        int q = p[8 + b * 16 + i % 16] >> (i / 16 * 4) & 15;

        y[k] = d * (float)s * (float)mlci_iq4_levels[q];
    }
}

/* MXFP4 (OCP Microscaling 1.0): an exponent byte, E2M1 values.  Our levels are
 * doubled, so the scale is 2^(e - 128); e = 0 and 1 give subnormals. */
static void bl_mxfp4(const uint8_t *p, float *y)
{
    uint32_t e = p[0];
    float d = mlci_bits_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23);

    for (int i = 0; i < 16; i++) {
        y[i]      = d * (float)mlci_fp4_levels[p[1 + i] & 15];
        y[i + 16] = d * (float)mlci_fp4_levels[p[1 + i] >> 4];
    }
}

/* TQ1_0: five ternary digits in a byte, as the fraction q / 256 in base 3: the
 * n-th digit is the integer part of 3 * fraction(3^n * q / 256).  32 bytes hold
 * 160 values, 16 bytes 80, 4 bytes (four digits each) 16. */
static float bl_trit(uint8_t q, int n)
{
    static const uint8_t pow3[5] = { 1, 3, 9, 27, 81 };

    return (float)(((uint8_t)(q * pow3[n]) * 3 >> 8) - 1);
}

static void bl_tq1_0(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p + 52);

    for (int k = 0; k < 160; k++)
        y[k] = d * bl_trit(p[k % 32], k / 32);
    for (int k = 0; k < 80; k++)
        y[160 + k] = d * bl_trit(p[32 + k % 16], k / 16);
    for (int k = 0; k < 16; k++)
        y[240 + k] = d * bl_trit(p[48 + k % 4], k / 4);
}

/* TQ2_0: 2-bit values as in Q2_K, then d. */
static void bl_tq2_0(const uint8_t *p, float *y)
{
    float d = mlci_f16_at(p + 64);

    for (int k = 0; k < 256; k++)
        y[k] = d * (float)((p[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3) - 1);
}

/* ORDER format */
static void (*const bl_decoders[MLCI_FORMAT_COUNT])(const uint8_t *, float *) = {
    bl_f32, bl_half, bl_bf16, bl_q4_0, bl_q4_1, bl_q5_0, bl_q5_1, bl_q8_0,
    bl_q2_k, bl_q3_k, bl_q4_k, bl_q5_k, bl_q6_k, bl_iq4_nl, bl_iq4_xs, bl_mxfp4,
    bl_tq1_0, bl_tq2_0,
};

void mlci_blocks_decode(mlci_format format, const void *blocks, size_t n,
                        float *out)
{
    const mlci_format_info *f = &mlci_format_table[format];
    const uint8_t *p = blocks;

    for (size_t i = 0; i < n; i += f->block_items, p += f->block_bytes)
        bl_decoders[format](p, out + i);
}
