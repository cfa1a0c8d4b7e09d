/* SPDX-License-Identifier: Apache-2.0
 *
 * weight_row.c - one row of a matrix out of its panel, for embeddings: the same
 * numbers as weight_ref.c, with the descriptor a constant in each copy.
 */
#include "weight.h"
#include "../../src/base/half.h"
#include "blocks.h"

#include <string.h>

MLCI_INLINE int ro_code(mlci_panel d, const uint8_t *low, const uint8_t *high, uint32_t k)
{
    const uint32_t c = k % 4;
    int code;

    if (d.low == 8)
        code = low[k / 4 * 64 + c];
    else if (d.low == 4)
        code = low[k % 16 / 4 * 64 + c] >> (k / 16 * 4) & 15;
    else
        code = low[k / 16 * 64 + c] >> (k % 16 / 4 * 2) & 3;
    if (d.high == 1)
        code |= (high[c] >> (k / 4) & 1) << d.low;
    else if (d.high == 2)
        code |= (high[k / 16 * 64 + c] >> (k % 16 / 4 * 2) & 3) << d.low;
    if (d.lut == MLCI_LUT_IQ4)
        return mlci_iq4_levels[code];
    if (d.lut == MLCI_LUT_FP4)
        return mlci_fp4_levels[code];
    return code - d.zero;
}

MLCI_INLINE void ro_row(mlci_panel d, const uint8_t *p, uint32_t columns, uint32_t r,
                        float *out)
{
    const uint8_t *head = p;

    for (uint32_t k = 0; k < columns; k += MLCI_SUB, p += mlci_sub_bytes(d)) {
        const uint8_t *low, *high, *scales, *mins;

        if (mlci_two_level(d) && k % MLCI_SUPER == 0) {
            head = p;
            p += mlci_head_bytes(d);
        }
        low = p + r / 16 * mlci_low_bytes(d) + r % 16 * 4;
        high = p + 2 * mlci_low_bytes(d) + r / 16 * mlci_high_bytes(d) + r % 16 * 4;
        scales = p + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
        mins = scales + mlci_scale_bytes(d);
        for (uint32_t g = 0; g < 32u / d.group; g++) {
            uint8_t byte = scales[g * 32 + r];
            float scale, min = 0;

            switch (d.scale) {
            case MLCI_SCALE_F16:    scale = mlci_f16_at(scales + g * 64 + 2 * r); break;
            case MLCI_SCALE_I8:     scale = mlci_f16_at(head + 2 * r) * (float)(int8_t)byte; break;
            case MLCI_SCALE_NIBBLE: scale = mlci_f16_at(head + 2 * r) * (float)(byte & 15); break;
            case MLCI_SCALE_SUPER:  scale = mlci_f16_at(head + 2 * r); break;
            default: scale = mlci_bits_f32(byte < 2 ? 0x00200000u << byte
                                                    : (byte - 1u) << 23);
            }
            if (d.min == MLCI_MIN_F16)
                min = mlci_f16_at(mins + g * 64 + 2 * r);
            else if (d.min == MLCI_MIN_U8)
                min = -mlci_f16_at(head + 64 + 2 * r) * (float)mins[g * 32 + r];
            else if (d.min == MLCI_MIN_NIBBLE)
                min = -mlci_f16_at(head + 64 + 2 * r) * (float)(byte >> 4);
            for (uint32_t i = g * d.group; i < (g + 1) * d.group; i++)
                out[k + i] = scale * (float)ro_code(d, low, high, i) + min;
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
