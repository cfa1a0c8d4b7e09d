/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_scalar.c - matmul.h in plain C and float32: the tier that runs
 * everywhere, and the float reference for the quantized rows of the others.
 *
 * 32 k of a panel are decoded to floats [k][32 rows] (4 KB), then multiplied with
 * every row; compilers turn the inner loop over 32 rows into vector code of
 * whatever the machine has.
 */
#define MLCI_SCALAR_TIER 1
#define MF_TILE 2
#include "matmul_float.h"
#include "../weight/blocks.h"

typedef struct ms_sub {
    const uint8_t *sub, *head;
} ms_sub;

MLCI_INLINE int ms_code(mlci_panel d, const uint8_t *low, const uint8_t *high,
                        uint32_t k)
{
    int code;

    if (d.low == 8)
        code = low[k / 4 * 64];
    else if (d.low == 4)
        code = low[k % 16 / 4 * 64] >> (k / 16 * 4) & 15;
    else
        code = low[k / 16 * 64] >> (k % 16 / 4 * 2) & 3;
    if (d.high == 1)
        code |= (high[0] >> (k / 4) & 1) << d.low;
    else if (d.high == 2)
        code |= (high[k / 16 * 64] >> (k % 16 / 4 * 2) & 3) << d.low;
    if (d.lut == MLCI_LUT_IQ4)
        return mlci_iq4_levels[code];
    if (d.lut == MLCI_LUT_FP4)
        return mlci_fp4_levels[code];
    return code - d.zero;
}

/* Scale and minimum of row r and group g. */
MLCI_INLINE void ms_scales(mlci_panel d, ms_sub s, uint32_t r, uint32_t g, float *scale,
                           float *min)
{
    const uint8_t *scales = s.sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *mins = scales + mlci_scale_bytes(d);
    uint8_t byte = scales[g * 32 + r];

    *min = 0;
    switch (d.scale) {
    case MLCI_SCALE_F16:    *scale = mlci_f16_at(scales + g * 64 + 2 * r); break;
    case MLCI_SCALE_I8:     *scale = mlci_f16_at(s.head + 2 * r) * (float)(int8_t)byte; break;
    case MLCI_SCALE_NIBBLE: *scale = mlci_f16_at(s.head + 2 * r) * (float)(byte & 15); break;
    case MLCI_SCALE_SUPER:  *scale = mlci_f16_at(s.head + 2 * r); break;
    case MLCI_SCALE_E8M0:
        *scale = mlci_bits_f32(byte < 2 ? 0x00200000u << byte : (byte - 1u) << 23);
        break;
    }
    if (d.min == MLCI_MIN_F16)
        *min = mlci_f16_at(mins + g * 64 + 2 * r);
    else if (d.min == MLCI_MIN_U8)
        *min = -mlci_f16_at(s.head + 64 + 2 * r) * (float)mins[g * 32 + r];
    else if (d.min == MLCI_MIN_NIBBLE)
        *min = -mlci_f16_at(s.head + 64 + 2 * r) * (float)(byte >> 4);
}

MLCI_INLINE void ms_decode(mlci_panel d, ms_sub s, float w[MLCI_SUB][MLCI_PANEL_ROWS])
{
    for (uint32_t r = 0; r < MLCI_PANEL_ROWS; r++) {
        const uint8_t *low = s.sub + r / 16 * mlci_low_bytes(d) + r % 16 * 4;
        const uint8_t *high = s.sub + 2 * mlci_low_bytes(d)
                            + r / 16 * mlci_high_bytes(d) + r % 16 * 4;

        for (uint32_t g = 0; g < 32u / d.group; g++) {
            float scale, min;

            ms_scales(d, s, r, g, &scale, &min);
            for (uint32_t k = g * d.group; k < (g + 1) * d.group; k++)
                w[k][r] = scale * (float)ms_code(d, low + k % 4, high + k % 4, k) + min;
        }
    }
}

/* y += w^T x over 32 k. */
static void ms_multiply(float w[MLCI_SUB][MLCI_PANEL_ROWS], const float *x, float *y)
{
    float s[MLCI_PANEL_ROWS];

    memcpy(s, y, sizeof s);
    for (int k = 0; k < MLCI_SUB; k++)
        for (int r = 0; r < MLCI_PANEL_ROWS; r++)
            s[r] += w[k][r] * x[k];
    memcpy(y, s, sizeof s);
}

MLCI_INLINE void ms_panel(mlci_panel d, const mlci_packed *w, uint32_t panel,
                          const mlci_acts *a, uint32_t n, float *y, size_t ldy)
{
    float values[MLCI_SUB][MLCI_PANEL_ROWS];
    ms_sub s;

    s.sub = s.head = w->data + panel * w->panel_bytes;
    for (uint32_t t = 0; t < n; t++)
        memset(y + t * ldy, 0, MLCI_PANEL_ROWS * sizeof *y);
    for (uint32_t k = 0; k < w->columns; k += MLCI_SUB) {
        if (mlci_two_level(d) && k % MLCI_SUPER == 0) {
            s.head = s.sub;
            s.sub += mlci_head_bytes(d);
        }
        ms_decode(d, s, values);
        for (uint32_t t = 0; t < n; t++)
            ms_multiply(values, a->x + t * a->stride + k, y + t * ldy);
        s.sub += mlci_sub_bytes(d);
    }
}

#define X(name, ...)                                                           \
    static void ms_##name(const mlci_packed *w, uint32_t panel,                \
                          const mlci_acts *a, uint32_t n, float *y,            \
                          size_t ldy, void *scratch)                           \
    {                                                                          \
        static const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                   \
        (void)scratch;                                                         \
        ms_panel(d, w, panel, a, n, y, ldy);                                   \
    }
MLCI_INT_PANELS(X)
#undef X

static uint32_t ms_forms(mlci_format format, uint32_t n)
{
    (void)format, (void)n;
    return MLCI_FORM_FLOAT;
}

const mlci_matmul_kernels mlci_matmul_scalar = {
    {
        MF_TABLE,
#define X(name) [MLCI_##name] = ms_##name,
        MLCI_MATMUL_INT(X)
#undef X
    },
    ms_forms,
};
