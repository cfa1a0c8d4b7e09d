/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_float.h - panels of F32, F16 and BF16 weights over v16: for each k, 32
 * weights times one value of each row.  Included by the tiers' files, which give
 * MF_TILE, the rows whose sums fit in registers.
 */
#include "../simd.h"
#include "matmul.h"

V_INLINE v16 mf_load(mlci_format f, const uint8_t *p)
{
    if (f == MLCI_F32)
        return v_load((const float *)(const void *)p);
    if (f == MLCI_F16)
        return v_load_f16((const uint16_t *)(const void *)p);
    {
        float t[16];

        for (int i = 0; i < 16; i++)
            t[i] = mlci_bf16_to_f32(((const uint16_t *)(const void *)p)[i]);
        return v_load(t);
    }
}

V_INLINE void mf_tile(mlci_format f, const uint8_t *p, size_t columns, const float *x,
                      size_t stride, int rows, float *y, size_t ldy)
{
    const size_t width = f == MLCI_F32 ? 4 : 2;
    v16 s[MF_TILE][2];

    MLCI_UNROLL
    for (int t = 0; t < rows; t++)
        s[t][0] = s[t][1] = v_zero();
    for (size_t k = 0; k < columns; k++, p += MLCI_PANEL_ROWS * width) {
        v16 w0 = mf_load(f, p), w1 = mf_load(f, p + 16 * width);

        MLCI_UNROLL
        for (int t = 0; t < rows; t++) {
            v16 v = v_set1(x[(size_t)t * stride + k]);

            s[t][0] = v_fma(w0, v, s[t][0]);
            s[t][1] = v_fma(w1, v, s[t][1]);
        }
    }
    MLCI_UNROLL
    for (int t = 0; t < rows; t++) {
        v_store(y + (size_t)t * ldy, s[t][0]);
        v_store(y + (size_t)t * ldy + 16, s[t][1]);
    }
}

V_INLINE void mf_panel(mlci_format f, const mlci_packed *w, uint32_t panel,
                       const mlci_acts *a, uint32_t n, float *y, size_t ldy)
{
    const uint8_t *p = w->data + panel * w->panel_bytes;
    uint32_t t = 0;

    for (; t + MF_TILE <= n; t += MF_TILE)
        mf_tile(f, p, w->columns, a->x + t * a->stride, a->stride, MF_TILE, y + t * ldy, ldy);
    for (; t < n; t++)
        mf_tile(f, p, w->columns, a->x + t * a->stride, a->stride, 1, y + t * ldy, ldy);
}

#define MF_DEFINE(name)                                                        \
    static void mf_##name(const mlci_packed *w, uint32_t panel,                \
                          const mlci_acts *a, uint32_t n, float *y,            \
                          size_t ldy, void *scratch)                           \
    {                                                                          \
        (void)scratch;                                                         \
        mf_panel(MLCI_##name, w, panel, a, n, y, ldy);                         \
    }
MF_DEFINE(F32)
MF_DEFINE(F16)
MF_DEFINE(BF16)

#define MF_TABLE                                                               \
    [MLCI_F32] = mf_F32, [MLCI_F16] = mf_F16, [MLCI_BF16] = mf_BF16
