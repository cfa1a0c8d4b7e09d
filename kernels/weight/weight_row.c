/* SPDX-License-Identifier: Apache-2.0
 *
 * weight_row.c - one row of a matrix out of its panel, for embeddings: the same
 * numbers as weight_ref.c, with the descriptor a constant in each copy.
 */
#include "panel_one.h"

MLCI_INLINE void ro_row(mlci_panel d, const uint8_t *p, uint32_t columns, uint32_t r,
                        float *out)
{
    const uint8_t *head = p;

    for (uint32_t k = 0; k < columns; k += MLCI_SUB, p += mlci_sub_bytes(d)) {
        if (mlci_two_level(d) && k % MLCI_SUPER == 0) {
            head = p;
            p += mlci_head_bytes(d);
        }
        for (uint32_t g = 0; g < 32u / d.group; g++) {
            float scale, min;

            po_scales(d, p, head, r, g, &scale, &min);
            for (uint32_t i = g * d.group; i < (g + 1) * d.group; i++)
                out[k + i] = scale * (float)po_code(d, p, r, i) + min;
        }
    }
}

void mlci_packed_row(const mlci_packed *p, uint32_t row, float *out)
{
    const uint8_t *panel = p->data + row / MLCI_PANEL_ROWS * p->panel_bytes;
    uint32_t r = row % MLCI_PANEL_ROWS;

    switch (p->format) {
#define X(name, ...)                                                           \
    case MLCI_##name: {                                                        \
        const mlci_panel d = MLCI_PANEL(__VA_ARGS__);                          \
        ro_row(d, panel, p->columns, r, out);                                  \
        break;                                                                 \
    }
    MLCI_INT_PANELS(X)
#undef X
    default: {
        size_t width = mlci_format_table[p->format].block_bytes;

        for (uint32_t k = 0; k < p->columns; k++)
            mlci_blocks_decode(p->format, panel + ((size_t)k * MLCI_PANEL_ROWS + r) * width,
                               1, out + k);
    }
    }
}
