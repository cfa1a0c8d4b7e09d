/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_neon.h - matmul.h for ARM: NEON, with SDOT (NE_LEVEL 1), with SMMLA (2).
 *
 * Codes are signed bytes, the rows 256 high + low in signed bytes; both halves are
 * summed apart in 32 bits and put together once a group.
 *
 *   NEON    SMULL of eight bytes, SADALP of the pairs: exact, 16 products in 4
 *           instructions
 *   SDOT    16 products in one
 *   SMMLA   2 rows x 8 k times 2 x 8: 32 products in one; for three rows and more
 *
 * One or two rows decode in registers.  More decode the panel once into scratch as
 * bytes - [K / 4][32 rows][4], for SMMLA [K / 8][32 rows][8] - and take it in tiles
 * of 8 rows x 4.  Not measured on a device yet: tested under qemu.
 */
#define MF_TILE 2
#include "matmul_float.h"
#include "neon_codes.h"

enum { NE_TILE = 4 };

#define NE_DOT (NE_LEVEL >= 1)
#define NE_MM (NE_LEVEL >= 2)

/* ---- sums of products ---------------------------------------------------------------- */

/* Four rows of the panel times one of x. */
#if NE_DOT
typedef struct ne_sum { int32x4_t high, low; } ne_sum;
#else
typedef struct ne_sum { int32x4_t high[2], low[2]; } ne_sum;
#endif

MLCI_INLINE ne_sum ne_zero(void)
{
    ne_sum s;

    memset(&s, 0, sizeof s);
    return s;
}

MLCI_INLINE int8x16_t ne_four(const int8_t *p)   /* the same 4 bytes in all lanes */
{
    int32_t v;

    memcpy(&v, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(v));
}

MLCI_INLINE void ne_add(ne_sum *s, int8x16_t w, const int8_t *high, const int8_t *low)
{
    int8x16_t h = ne_four(high), l = ne_four(low);

#if NE_DOT
    s->high = vdotq_s32(s->high, w, h);
    s->low = vdotq_s32(s->low, w, l);
#else
    s->high[0] = vpadalq_s16(s->high[0], vmull_s8(vget_low_s8(w), vget_low_s8(h)));
    s->high[1] = vpadalq_s16(s->high[1], vmull_s8(vget_high_s8(w), vget_high_s8(h)));
    s->low[0] = vpadalq_s16(s->low[0], vmull_s8(vget_low_s8(w), vget_low_s8(l)));
    s->low[1] = vpadalq_s16(s->low[1], vmull_s8(vget_high_s8(w), vget_high_s8(l)));
#endif
}

MLCI_INLINE float32x4_t ne_total(const ne_sum *s)
{
#if NE_DOT
    return vcvtq_f32_s32(vaddq_s32(s->low, vshlq_n_s32(s->high, 8)));
#else
    return vcvtq_f32_s32(vaddq_s32(vpaddq_s32(s->low[0], s->low[1]),
                                   vshlq_n_s32(vpaddq_s32(s->high[0], s->high[1]), 8)));
#endif
}

/* The row's sum over group number g of the whole row. */
MLCI_INLINE float ne_xsum(int group, const int32_t *sums, size_t g)
{
    return (float)(group == 16 ? sums[g] : sums[2 * g] + sums[2 * g + 1]);
}

/* ---- one or two rows ------------------------------------------------------------------- */

/* rows is a constant. */
MLCI_INLINE void ne_few(mlci_panel d, const uint8_t *p, size_t columns, const mlci_acts *a,
                        int rows, float *y, size_t ldy)
{
    const int groups = 32 / d.group, steps = 8 / groups;
    const uint8_t *head = p;
    float32x4_t f[2][8];

    for (int i = 0; i < 8 * rows; i++)
        f[i / 8][i % 8] = vdupq_n_f32(0);
    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        const size_t at = s * MLCI_SUB;

        if (mlci_two_level(d) && s % 8 == 0) {
            head = p;
            p += mlci_head_bytes(d);
        }
        mlci_matmul_ahead(d, p);
        MLCI_UNROLL
        for (int q = 0; q < 8; q++) {
            ne_quad h = ne_begin(d, p, q);

            MLCI_UNROLL
            for (int g = 0; g < groups; g++) {
                float32x4_t scale = ne_scale_of(d, p, head, q, g);
                ne_sum c[2] = { ne_zero(), ne_zero() };

                MLCI_UNROLL
                for (int j = g * steps; j < (g + 1) * steps; j++) {
                    int8x16_t w = ne_signed_codes(d, &h, j);

                    MLCI_UNROLL
                    for (int t = 0; t < rows; t++)
                        ne_add(&c[t], w, a->high + (size_t)t * a->stride + at + 4 * (size_t)j,
                               a->low + (size_t)t * a->stride + at + 4 * (size_t)j);
                }
                MLCI_UNROLL
                for (int t = 0; t < rows; t++)
                    f[t][q] = vfmaq_f32(f[t][q], ne_total(&c[t]), scale);
                if (d.min == MLCI_MIN_NONE)
                    continue;
                scale = ne_min_of(d, p, head, q, g);
                MLCI_UNROLL
                for (int t = 0; t < rows; t++)
                    f[t][q] = vfmaq_f32(f[t][q], scale, vdupq_n_f32(
                        ne_xsum(d.group, a->sums + (size_t)t * (a->stride / 16),
                                s * (size_t)groups + (size_t)g)));
            }
        }
    }
    for (int t = 0; t < rows; t++)
        for (int q = 0; q < 8; q++)
            vst1q_f32(y + (size_t)t * ldy + 4 * q, vmulq_n_f32(f[t][q], a->scale[t]));
}

/* ---- more rows --------------------------------------------------------------------------- */

/* A decoded panel in scratch. */
typedef struct ne_panel {
    int8_t *w;
    float  *scale, *min;   /* [groups][32]                                       */
} ne_panel;

MLCI_INLINE void ne_decode(mlci_panel d, const uint8_t *p, size_t columns, ne_panel o)
{
    const int groups = 32 / d.group;
    const uint8_t *head = p;

    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        if (mlci_two_level(d) && s % 8 == 0) {
            head = p;
            p += mlci_head_bytes(d);
        }
        MLCI_UNROLL
        for (int q = 0; q < 8; q++) {
            ne_quad h = ne_begin(d, p, q);

            MLCI_UNROLL
            for (int j = 0; j < 8; j += 2) {
                int8x16_t w0 = ne_signed_codes(d, &h, j), w1 = ne_signed_codes(d, &h, j + 1);
                int8_t *to = o.w + s * 1024 + 128 * j;

#if NE_MM
                int32x4_t a = vreinterpretq_s32_s8(w0), b = vreinterpretq_s32_s8(w1);

                vst1q_s8(to + 32 * q, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
                vst1q_s8(to + 32 * q + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
#else
                vst1q_s8(to + 16 * q, w0);
                vst1q_s8(to + 128 + 16 * q, w1);
#endif
            }
            for (int g = 0; g < groups; g++) {
                size_t at = (s * (size_t)groups + (size_t)g) * 32 + (size_t)(4 * q);

                vst1q_f32(o.scale + at, ne_scale_of(d, p, head, q, g));
                if (d.min != MLCI_MIN_NONE)
                    vst1q_f32(o.min + at, ne_min_of(d, p, head, q, g));
            }
        }
    }
}

#if NE_MM

/* Two rows of x, 8 k each. */
MLCI_INLINE int8x16_t ne_pair(const int8_t *x, size_t stride, bool two)
{
    int8x8_t a = vld1_s8(x);

    return vcombine_s8(a, two ? vld1_s8(x + stride) : a);
}

/* The products of one group: c[t][q], 8 rows of the panel from w on. */
MLCI_INLINE void ne_group(int group, const int8_t *w, const int8_t *high, const int8_t *low,
                          size_t stride, int rows, float32x4_t c[NE_TILE][2])
{
    int32x4_t h[2][4], l[2][4];                 /* [pair of t][pair of rows]    */

    memset(h, 0, sizeof h);
    memset(l, 0, sizeof l);
    for (int k = 0; k < group; k += 8, w += 256) {
        MLCI_UNROLL
        for (int u = 0; u < rows; u += 2) {
            int8x16_t xh = ne_pair(high + (size_t)u * stride + k, stride, u + 1 < rows);
            int8x16_t xl = ne_pair(low + (size_t)u * stride + k, stride, u + 1 < rows);

            MLCI_UNROLL
            for (int r = 0; r < 4; r++) {
                h[u / 2][r] = vmmlaq_s32(h[u / 2][r], vld1q_s8(w + 16 * r), xh);
                l[u / 2][r] = vmmlaq_s32(l[u / 2][r], vld1q_s8(w + 16 * r), xl);
            }
        }
    }
    MLCI_UNROLL
    for (int u = 0; u < rows; u += 2) {
        MLCI_UNROLL
        for (int q = 0; q < 2; q++) {
            int32x4_t a = vaddq_s32(l[u / 2][2 * q], vshlq_n_s32(h[u / 2][2 * q], 8));
            int32x4_t b = vaddq_s32(l[u / 2][2 * q + 1], vshlq_n_s32(h[u / 2][2 * q + 1], 8));

            c[u][q] = vcvtq_f32_s32(vuzp1q_s32(a, b));
            if (u + 1 < rows)
                c[u + 1][q] = vcvtq_f32_s32(vuzp2q_s32(a, b));
        }
    }
}

#else

MLCI_INLINE void ne_group(int group, const int8_t *w, const int8_t *high, const int8_t *low,
                          size_t stride, int rows, float32x4_t c[NE_TILE][2])
{
    ne_sum s[NE_TILE][2];

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        s[t][0] = s[t][1] = ne_zero();
    for (int k = 0; k < group; k += 4, w += 128) {
        int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16);

        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            const size_t at = (size_t)t * stride + (size_t)k;

            ne_add(&s[t][0], w0, high + at, low + at);
            ne_add(&s[t][1], w1, high + at, low + at);
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        c[t][0] = ne_total(&s[t][0]);
        c[t][1] = ne_total(&s[t][1]);
    }
}

#endif

/* Rows 8r .. 8r + 7 of the panel; rows is a constant. */
MLCI_INLINE void ne_tile(int group, bool has_min, ne_panel o, size_t columns,
                         const mlci_acts *a, uint32_t t0, int rows, int r, float *y, size_t ldy)
{
    const int8_t *high = a->high + t0 * a->stride, *low = a->low + t0 * a->stride;
    const int32_t *sums = a->sums + t0 * (a->stride / 16);
    const float *scale = o.scale + 8 * r, *min = o.min + 8 * r;
    const int8_t *w = o.w + (NE_MM ? 64 : 32) * r;
    float32x4_t f[NE_TILE][2];

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        f[t][0] = f[t][1] = vdupq_n_f32(0);
    for (size_t g = 0; g < columns / (size_t)group; g++, scale += 32, min += 32) {
        float32x4_t c[NE_TILE][2];

        ne_group(group, w, high, low, a->stride, rows, c);
        w += group * 32, high += group, low += group;
        MLCI_UNROLL
        for (int t = 0; t < rows; t++)
            for (int q = 0; q < 2; q++) {
                f[t][q] = vfmaq_f32(f[t][q], c[t][q], vld1q_f32(scale + 4 * q));
                if (has_min)
                    f[t][q] = vfmaq_f32(f[t][q], vld1q_f32(min + 4 * q), vdupq_n_f32(
                        ne_xsum(group, sums + (size_t)t * (a->stride / 16), g)));
            }
    }
    for (int t = 0; t < rows; t++)
        for (int q = 0; q < 2; q++)
            vst1q_f32(y + (size_t)t * ldy + 8 * r + 4 * q,
                      vmulq_n_f32(f[t][q], a->scale[t0 + (uint32_t)t]));
}

/* Tiles do not depend on the format but for the group and minima: four bodies. */
#define NE_TILES(name, group, has_min)                                         \
    static MLCI_NOINLINE void name(ne_panel o, size_t columns,                 \
                                   const mlci_acts *a, uint32_t n, float *y,   \
                                   size_t ldy)                                 \
    {                                                                          \
        for (uint32_t t = 0; t < n; t += NE_TILE, y += NE_TILE * ldy)          \
            for (int r = 0; r < 4; r++)                                        \
                switch (n - t) {                                               \
                case 1: ne_tile(group, has_min, o, columns, a, t, 1, r, y, ldy); break; \
                case 2: ne_tile(group, has_min, o, columns, a, t, 2, r, y, ldy); break; \
                case 3: ne_tile(group, has_min, o, columns, a, t, 3, r, y, ldy); break; \
                default: ne_tile(group, has_min, o, columns, a, t, 4, r, y, ldy); break; \
                }                                                              \
    }
NE_TILES(ne_tiles_32, 32, false)
NE_TILES(ne_tiles_32_min, 32, true)
NE_TILES(ne_tiles_16, 16, false)
NE_TILES(ne_tiles_16_min, 16, true)

MLCI_INLINE void ne_many(mlci_panel d, const uint8_t *p, size_t columns, const mlci_acts *a,
                         uint32_t n, float *y, size_t ldy, void *scratch)
{
    ne_panel o;

    o.w = scratch;
    o.scale = (float *)(void *)((char *)scratch + columns * MLCI_PANEL_ROWS * 2);
    o.min = o.scale + columns / MLCI_SUM_GROUP * MLCI_PANEL_ROWS;
    ne_decode(d, p, columns, o);
    if (d.group == 32 && d.min == MLCI_MIN_NONE)
        ne_tiles_32(o, columns, a, n, y, ldy);
    else if (d.group == 32)
        ne_tiles_32_min(o, columns, a, n, y, ldy);
    else if (d.min == MLCI_MIN_NONE)
        ne_tiles_16(o, columns, a, n, y, ldy);
    else
        ne_tiles_16_min(o, columns, a, n, y, ldy);
}

#define X(name, ...)                                                           \
    static void ne_##name(const mlci_packed *w, uint32_t panel,                \
                          const mlci_acts *a, uint32_t n, float *y,            \
                          size_t ldy, void *scratch)                           \
    {                                                                          \
        const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                          \
        const uint8_t *p = w->data + panel * w->panel_bytes;                   \
                                                                               \
        if (n == 1)                                                            \
            ne_few(d, p, w->columns, a, 1, y, ldy);                            \
        else if (n == 2)                                                       \
            ne_few(d, p, w->columns, a, 2, y, ldy);                            \
        else                                                                   \
            ne_many(d, p, w->columns, a, n, y, ldy, scratch);                  \
    }
MLCI_INT_PANELS(X)
#undef X

static uint32_t ne_forms(mlci_format format, uint32_t n)
{
    (void)n;
    return mlci_format_is_float(format) ? MLCI_FORM_FLOAT : MLCI_FORM_PLANES;
}

#define NE_ENTRY(name) [MLCI_##name] = ne_##name,
#define NE_TABLE(name)                                                         \
    const mlci_matmul_kernels name = {                                         \
        { MF_TABLE, MLCI_MATMUL_INT(NE_ENTRY) }, ne_forms,                     \
    }
