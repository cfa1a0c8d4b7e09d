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
#include "../weight/panel_one.h"

typedef struct ms_sub {
    const uint8_t *sub, *head;
} ms_sub;

MLCI_INLINE void ms_decode(mlci_panel d, ms_sub s, float w[MLCI_SUB][MLCI_PANEL_ROWS])
{
    for (uint32_t r = 0; r < MLCI_PANEL_ROWS; r++) {
        for (uint32_t g = 0; g < 32u / d.group; g++) {
            float scale, min;

            po_scales(d, s.sub, s.head, r, g, &scale, &min);
            for (uint32_t k = g * d.group; k < (g + 1) * d.group; k++)
                w[k][r] = scale * (float)po_code(d, s.sub, r, k) + min;
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
