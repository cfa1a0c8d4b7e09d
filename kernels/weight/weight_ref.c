/* SPDX-License-Identifier: Apache-2.0
 *
 * weight_ref.c - the layout of weight.h read one value at a time.  Never
 * optimise this file: the packing and every product are tested by it.
 */
#include "weight.h"
#include "../../src/base/half.h"
#include "blocks.h"

/* The code of row r (of 32) and k (of 32) in a sub-block. */
static int wr_code(mlci_panel d, const uint8_t *sub, uint32_t r, uint32_t k)
{
    const uint8_t *low = sub + r / 16 * mlci_low_bytes(d) + r % 16 * 4 + k % 4;
    const uint8_t *high = sub + 2 * mlci_low_bytes(d) + r / 16 * mlci_high_bytes(d)
                        + r % 16 * 4 + k % 4;
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
        code = mlci_iq4_levels[code] + 128;
    else if (d.lut == MLCI_LUT_FP4)
        code = mlci_fp4_levels[code] + 12;
    return code - d.zero;
}

static float wr_value(mlci_panel d, const uint8_t *panel, uint32_t r, uint32_t k)
{
    size_t super = 8 * mlci_sub_bytes(d) + mlci_head_bytes(d);
    const uint8_t *head = panel + k / MLCI_SUPER * super;
    const uint8_t *sub = mlci_two_level(d)
        ? head + mlci_head_bytes(d) + k % MLCI_SUPER / MLCI_SUB * mlci_sub_bytes(d)
        : panel + k / MLCI_SUB * mlci_sub_bytes(d);
    const uint8_t *scales = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d));
    const uint8_t *mins = scales + mlci_scale_bytes(d);
    uint32_t g = k % MLCI_SUB / d.group;
    float scale = 0, min = 0;
    int code = wr_code(d, sub, r, k % MLCI_SUB);
    uint32_t e;

    switch (d.scale) {
    case MLCI_SCALE_F16:    scale = mlci_f16_at(scales + g * 64 + 2 * r); break;
    case MLCI_SCALE_I8:     scale = mlci_f16_at(head + 2 * r) * (float)(int8_t)scales[g * 32 + r];
        break;
    case MLCI_SCALE_NIBBLE: scale = mlci_f16_at(head + 2 * r) * (float)(scales[g * 32 + r] & 15);
        break;
    case MLCI_SCALE_SUPER:  scale = mlci_f16_at(head + 2 * r); break;
    case MLCI_SCALE_E8M0:
        e = scales[g * 32 + r];
        scale = mlci_bits_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23);
        break;
    }
    switch (d.min) {
    case MLCI_MIN_NONE:   break;
    case MLCI_MIN_F16:    min = mlci_f16_at(mins + g * 64 + 2 * r); break;
    case MLCI_MIN_U8:     min = -mlci_f16_at(head + 64 + 2 * r) * (float)mins[g * 32 + r]; break;
    case MLCI_MIN_NIBBLE: min = -mlci_f16_at(head + 64 + 2 * r)
                              * (float)(scales[g * 32 + r] >> 4);
        break;
    }
    return scale * (float)code + min;
}

void mlci_packed_row_ref(const mlci_packed *p, uint32_t row, float *out)
{
    const uint8_t *panel = p->data + row / MLCI_PANEL_ROWS * p->panel_bytes;
    uint32_t r = row % MLCI_PANEL_ROWS;

    for (uint32_t k = 0; k < p->columns; k++) {
        size_t at = (size_t)k * MLCI_PANEL_ROWS + r;

        if (p->format == MLCI_F32)
            mlci_blocks_decode(MLCI_F32, panel + 4 * at, 1, out + k);
        else if (mlci_format_is_float(p->format))
            mlci_blocks_decode(p->format, panel + 2 * at, 1, out + k);
        else
            out[k] = wr_value(mlci_panel_of(p->format), panel, r, k);
    }
}
