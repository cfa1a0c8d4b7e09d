/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_ymm.h - matmul.h for AVX2 and AVX-VNNI.
 *
 * One or two rows: ymm_few.h.  More: the panel becomes int16 pairs [k / 2][32
 * rows][2] in scratch, the zero point subtracted; then tiles of 16 x 4 with
 * VPMADDWD or VPDPWSSD: 8 sums, 2 weights and a value of the row in 16 registers;
 * the float sums are touched once in 16 or 32 k and may live in memory.
 * Limit: multiply-adds, 32 a cycle.
 */
#define MF_TILE 2
#include "matmul_float.h"
#include "ymm_few.h"

enum { MY_TILE = 4 };

/* A decoded panel in scratch. */
typedef struct my_panel {
    int16_t *w;            /* [K / 2][32][2]                                     */
    float   *scale, *min;  /* [groups][32]                                       */
} my_panel;

static my_panel my_scratch(void *scratch, size_t columns)
{
    my_panel o;

    o.w = scratch;
    o.scale = (float *)(void *)((char *)scratch + columns * MLCI_PANEL_ROWS * 2);
    o.min = o.scale + columns / MLCI_SUM_GROUP * MLCI_PANEL_ROWS;
    return o;
}

MLCI_INLINE void my_decode(mlci_panel d, const uint8_t *p, size_t columns, my_panel o)
{
    const int groups = 32 / d.group;
    const __m256i zero = _mm256_set1_epi16(d.zero), even = _mm256_set1_epi16(255);
    my_factors factors;

    my_head(d, p, &factors);
    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        if (mlci_two_level(d) && s % 8 == 0) {
            my_head(d, p, &factors);
            p += mlci_head_bytes(d);
        }
        MLCI_UNROLL
        for (int q = 0; q < 4; q++) {
            my_quarter h = my_begin(d, p, q);

            MLCI_UNROLL
            for (int j = 0; j < 8; j++) {
                __m256i w = my_codes(d, h.low, h.high, h.levels, j);
                int16_t *to = o.w + (s * 16 + (size_t)(2 * j)) * 64 + 16 * q;

                _mm256_storeu_si256((__m256i *)(void *)to, _mm256_sub_epi16(
                    _mm256_and_si256(w, even), zero));
                _mm256_storeu_si256((__m256i *)(void *)(to + 64), _mm256_sub_epi16(
                    _mm256_srli_epi16(w, 8), zero));
            }
            for (int g = 0; g < groups; g++) {
                size_t at = (s * (size_t)groups + (size_t)g) * 32 + (size_t)(8 * q);

                _mm256_storeu_ps(o.scale + at, my_scale(d, p, factors.scale[q], 8 * q, g));
                if (d.min != MLCI_MIN_NONE)
                    _mm256_storeu_ps(o.min + at, my_min(d, p, factors.min[q], 8 * q, g));
            }
        }
    }
}

/* Half r of the panel; rows is a constant. */
MLCI_INLINE void my_tile(int group, bool has_min, my_panel o, size_t columns,
                         const mlci_acts *a, uint32_t t0, int rows, int r, float *y,
                         size_t ldy)
{
    const int16_t *x = a->quads + t0 * a->stride, *w = o.w + 32 * r;
    const int32_t *sums = a->sums + t0 * (a->stride / 16);
    const float *scale = o.scale + 16 * r, *min = o.min + 16 * r;
    const size_t stride = a->stride;
    __m256 f[MY_TILE][2];

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        f[t][0] = f[t][1] = _mm256_setzero_ps();
    for (size_t g = 0; g < columns / (size_t)group; g++, scale += 32, min += 32) {
        __m256i c[MY_TILE][2];
        __m256 s0, s1;

        MLCI_UNROLL
        for (int t = 0; t < rows; t++)
            c[t][0] = c[t][1] = _mm256_setzero_si256();
        for (int j = 0; j < group / 2; j++, w += 64, x += 2) {
            __m256i w0 = my_load(w), w1 = my_load(w + 16);

            MLCI_UNROLL
            for (int t = 0; t < rows; t++) {
                __m256i b = my_four(x + (size_t)t * stride);

                c[t][0] = MY_DPWSSD(c[t][0], w0, b);
                c[t][1] = MY_DPWSSD(c[t][1], w1, b);
            }
        }
        s0 = _mm256_loadu_ps(scale);
        s1 = _mm256_loadu_ps(scale + 8);
        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            f[t][0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(c[t][0]), s0, f[t][0]);
            f[t][1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(c[t][1]), s1, f[t][1]);
        }
        if (!has_min)
            continue;
        s0 = _mm256_loadu_ps(min);
        s1 = _mm256_loadu_ps(min + 8);
        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            const int32_t *q = sums + (size_t)t * (stride / 16);
            __m256 v = _mm256_set1_ps((float)(group == 16 ? q[g] : q[2 * g] + q[2 * g + 1]));

            f[t][0] = _mm256_fmadd_ps(s0, v, f[t][0]);
            f[t][1] = _mm256_fmadd_ps(s1, v, f[t][1]);
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        __m256 s = _mm256_set1_ps(a->scale[t0 + (uint32_t)t]);
        float *to = y + (size_t)t * ldy + 16 * r;

        _mm256_storeu_ps(to, _mm256_mul_ps(f[t][0], s));
        _mm256_storeu_ps(to + 8, _mm256_mul_ps(f[t][1], s));
    }
}

/* Tiles do not depend on the format but for the group and minima: four bodies. */
MLCI_INLINE void my_tiles(int group, bool has_min, my_panel o, size_t columns,
                          const mlci_acts *a, uint32_t n, float *y, size_t ldy)
{
    for (uint32_t t = 0; t < n; t += MY_TILE, y += MY_TILE * ldy) {
        for (int r = 0; r < 2; r++) {
            switch (n - t) {
            case 1: my_tile(group, has_min, o, columns, a, t, 1, r, y, ldy); break;
            case 2: my_tile(group, has_min, o, columns, a, t, 2, r, y, ldy); break;
            case 3: my_tile(group, has_min, o, columns, a, t, 3, r, y, ldy); break;
            default: my_tile(group, has_min, o, columns, a, t, 4, r, y, ldy); break;
            }
        }
    }
}

#define MY_TILES(name, group, has_min)                                         \
    static MLCI_NOINLINE void name(my_panel o, size_t columns,                 \
                                   const mlci_acts *a, uint32_t n, float *y,   \
                                   size_t ldy)                                 \
    {                                                                          \
        my_tiles(group, has_min, o, columns, a, n, y, ldy);                    \
    }
MY_TILES(my_tiles_32, 32, false)
MY_TILES(my_tiles_32_min, 32, true)
MY_TILES(my_tiles_16, 16, false)
MY_TILES(my_tiles_16_min, 16, true)

MLCI_INLINE void my_many(mlci_panel d, const uint8_t *p, size_t columns,
                         const mlci_acts *a, uint32_t n, float *y, size_t ldy,
                         void *scratch)
{
    my_panel o = my_scratch(scratch, columns);

    my_decode(d, p, columns, o);
    if (d.group == 32 && d.min == MLCI_MIN_NONE)
        my_tiles_32(o, columns, a, n, y, ldy);
    else if (d.group == 32)
        my_tiles_32_min(o, columns, a, n, y, ldy);
    else if (d.min == MLCI_MIN_NONE)
        my_tiles_16(o, columns, a, n, y, ldy);
    else
        my_tiles_16_min(o, columns, a, n, y, ldy);
}

#define X(name, ...)                                                           \
    static void my_##name(const mlci_packed *w, uint32_t panel,                \
                          const mlci_acts *a, uint32_t n, float *y,            \
                          size_t ldy, void *scratch)                           \
    {                                                                          \
        const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                          \
        const uint8_t *p = w->data + panel * w->panel_bytes;                   \
                                                                               \
        if (!MY_FEW(d, p, w, a, n, y, ldy))                                    \
            my_many(d, p, w->columns, a, n, y, ldy, scratch);                  \
    }
MLCI_INT_PANELS(X)
#undef X

#define MY_ENTRY(name) [MLCI_##name] = my_##name,
#define MY_TABLE(name)                                                         \
    const mlci_matmul_kernels name = {                                         \
        { MF_TABLE, MLCI_MATMUL_INT(MY_ENTRY) }, my_forms,                     \
    }
