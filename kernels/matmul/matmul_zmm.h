/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_zmm.h - matmul.h for AVX-512; included by matmul_avx512vnni.c and
 * matmul_avx512.c, which define MZ_VNNI.
 *
 * One or two rows: zmm_few.h with VNNI, else ymm_few.h.  More: the panel becomes
 * int16 pairs [k / 2][32 rows][2] in scratch (even and odd k of each four, hence
 * the rows' quads), the zero point subtracted; then tiles of 32 x 6 with VPDPWSSD
 * or VPMADDWD.  Limit: multiply-adds, 460 G/s on two Zen 4 cores, of which scales
 * take an eighth.
 */
#define MF_TILE 6
#include "matmul_float.h"
#include "zmm_codes.h"
#if MZ_VNNI
# include "zmm_few.h"
#else
# include "ymm_few.h"
# define MZ_FEW MY_FEW
# define mz_forms my_forms
#endif

enum { MZ_TILE = 6 };   /* 2 x 6 sums, as many partial ones, 2 weights: 26 of 32 */

/* A decoded panel in scratch. */
typedef struct mz_panel {
    int16_t *w;            /* [K / 2][32][2]                                     */
    float   *scale, *min;  /* [groups][32]                                       */
} mz_panel;

static mz_panel mz_scratch(void *scratch, size_t columns)
{
    mz_panel o;
    char *p = scratch;

    o.w = (int16_t *)(void *)p;
    p += columns * MLCI_PANEL_ROWS * 2;
    o.scale = (float *)(void *)p;
    p += columns / MLCI_SUM_GROUP * MLCI_PANEL_ROWS * sizeof(float);
    o.min = (float *)(void *)p;
    return o;
}

MLCI_INLINE void mz_decode(mlci_panel d, const uint8_t *p, size_t columns, mz_panel o)
{
    const int groups = 32 / d.group;
    const __m512i zero = _mm512_set1_epi16(d.zero), even = _mm512_set1_epi16(255);
    mz_factors factors;

    mz_head(d, p, &factors);
    for (size_t s = 0; s < columns / MLCI_SUB; s++, p += mlci_sub_bytes(d)) {
        if (mlci_two_level(d) && s % 8 == 0) {
            mz_head(d, p, &factors);
            p += mlci_head_bytes(d);
        }
        MLCI_UNROLL
        for (int r = 0; r < 2; r++) {
            mz_half h = mz_begin(d, p, r);

            MLCI_UNROLL
            for (int j = 0; j < 8; j++) {
                __m512i w = mz_codes(d, h.low, h.high, h.levels, j);
                int16_t *to = o.w + (s * 16 + (size_t)(2 * j)) * 64 + 32 * r;

                _mm512_storeu_si512((void *)to, _mm512_sub_epi16(
                    _mm512_and_si512(w, even), zero));
                _mm512_storeu_si512((void *)(to + 64), _mm512_sub_epi16(
                    _mm512_srli_epi16(w, 8), zero));
            }
            for (int g = 0; g < groups; g++) {
                size_t at = (s * (size_t)groups + (size_t)g) * 32 + (size_t)(16 * r);

                _mm512_storeu_ps(o.scale + at, mz_scale(d, p, factors.scale[r], 16 * r, g));
                if (d.min != MLCI_MIN_NONE)
                    _mm512_storeu_ps(o.min + at, mz_min(d, p, factors.min[r], 16 * r, g));
            }
        }
    }
}

MLCI_INLINE __m512i mz_dot(__m512i sum, __m512i a, __m512i b)
{
#if MZ_VNNI
    return _mm512_dpwssd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

/* rows is a constant. */
MLCI_INLINE void mz_tile(int group, bool has_min, mz_panel o, size_t columns,
                         const mlci_acts *a, uint32_t t0, int rows, float *y, size_t ldy)
{
    const int16_t *x = a->quads + t0 * a->stride, *w = o.w;
    const int32_t *sums = a->sums + t0 * (a->stride / 16);
    const size_t stride = a->stride;
    __m512 f[MZ_TILE][2];

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        f[t][0] = f[t][1] = _mm512_setzero_ps();
    for (size_t g = 0; g < columns / (size_t)group; g++) {
        __m512i c[MZ_TILE][2];
        __m512 s0 = _mm512_loadu_ps(o.scale + 32 * g);
        __m512 s1 = _mm512_loadu_ps(o.scale + 32 * g + 16);

        MLCI_UNROLL
        for (int t = 0; t < rows; t++)
            c[t][0] = c[t][1] = _mm512_setzero_si512();
        for (int j = 0; j < group / 2; j++, w += 64, x += 2) {
            __m512i w0 = _mm512_loadu_si512((const void *)w);
            __m512i w1 = _mm512_loadu_si512((const void *)(w + 32));

            MLCI_UNROLL
            for (int t = 0; t < rows; t++) {
                __m512i b = mz_four(x + (size_t)t * stride);

                c[t][0] = mz_dot(c[t][0], w0, b);
                c[t][1] = mz_dot(c[t][1], w1, b);
            }
        }
        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            f[t][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[t][0]), s0, f[t][0]);
            f[t][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[t][1]), s1, f[t][1]);
        }
        if (has_min) {
            __m512 m0 = _mm512_loadu_ps(o.min + 32 * g);
            __m512 m1 = _mm512_loadu_ps(o.min + 32 * g + 16);

            MLCI_UNROLL
            for (int t = 0; t < rows; t++) {
                const int32_t *q = sums + (size_t)t * (stride / 16);
                __m512 v = _mm512_set1_ps((float)(group == 16 ? q[g]
                                                              : q[2 * g] + q[2 * g + 1]));

                f[t][0] = _mm512_fmadd_ps(m0, v, f[t][0]);
                f[t][1] = _mm512_fmadd_ps(m1, v, f[t][1]);
            }
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        __m512 scale = _mm512_set1_ps(a->scale[t0 + (uint32_t)t]);

        _mm512_storeu_ps(y + (size_t)t * ldy, _mm512_mul_ps(f[t][0], scale));
        _mm512_storeu_ps(y + (size_t)t * ldy + 16, _mm512_mul_ps(f[t][1], scale));
    }
}

/* Tiles do not depend on the format but for the group and minima: four bodies. */
MLCI_INLINE void mz_tiles(int group, bool has_min, mz_panel o, size_t columns,
                          const mlci_acts *a, uint32_t n, float *y, size_t ldy)
{
    uint32_t t = 0;

    for (; t + MZ_TILE <= n; t += MZ_TILE)
        mz_tile(group, has_min, o, columns, a, t, MZ_TILE, y + t * ldy, ldy);
    switch (n - t) {
    case 1: mz_tile(group, has_min, o, columns, a, t, 1, y + t * ldy, ldy); break;
    case 2: mz_tile(group, has_min, o, columns, a, t, 2, y + t * ldy, ldy); break;
    case 3: mz_tile(group, has_min, o, columns, a, t, 3, y + t * ldy, ldy); break;
    case 4: mz_tile(group, has_min, o, columns, a, t, 4, y + t * ldy, ldy); break;
    case 5: mz_tile(group, has_min, o, columns, a, t, 5, y + t * ldy, ldy); break;
    default: break;
    }
}

#define MZ_TILES(name, group, has_min)                                         \
    static MLCI_NOINLINE void name(mz_panel o, size_t columns,                 \
                                   const mlci_acts *a, uint32_t n, float *y,   \
                                   size_t ldy)                                 \
    {                                                                          \
        mz_tiles(group, has_min, o, columns, a, n, y, ldy);                    \
    }
MZ_TILES(mz_tiles_32, 32, false)
MZ_TILES(mz_tiles_32_min, 32, true)
MZ_TILES(mz_tiles_16, 16, false)
MZ_TILES(mz_tiles_16_min, 16, true)

MLCI_INLINE void mz_many(mlci_panel d, const uint8_t *p, size_t columns,
                         const mlci_acts *a, uint32_t n, float *y, size_t ldy,
                         void *scratch)
{
    mz_panel o = mz_scratch(scratch, columns);

    mz_decode(d, p, columns, o);
    if (d.group == 32 && d.min == MLCI_MIN_NONE)
        mz_tiles_32(o, columns, a, n, y, ldy);
    else if (d.group == 32)
        mz_tiles_32_min(o, columns, a, n, y, ldy);
    else if (d.min == MLCI_MIN_NONE)
        mz_tiles_16(o, columns, a, n, y, ldy);
    else
        mz_tiles_16_min(o, columns, a, n, y, ldy);
}

#define X(name, ...)                                                           \
    static void mz_##name(const mlci_packed *w, uint32_t panel,                \
                          const mlci_acts *a, uint32_t n, float *y,            \
                          size_t ldy, void *scratch)                           \
    {                                                                          \
        const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                          \
        const uint8_t *p = w->data + panel * w->panel_bytes;                   \
                                                                               \
        if (!MZ_FEW(d, p, w, a, n, y, ldy))                                    \
            mz_many(d, p, w->columns, a, n, y, ldy, scratch);                  \
    }
MLCI_INT_PANELS(X)
#undef X

#define MZ_TABLE(name)                                                         \
    const mlci_matmul_kernels name = {                                         \
        { MF_TABLE, MLCI_MATMUL_INT(MZ_ENTRY) }, mz_forms,                     \
    }
#define MZ_ENTRY(name) [MLCI_##name] = mz_##name,
