/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.c - blocks.h.
 */
#include "blocks.h"
#include "../generated/generated.h"

#include <string.h>

enum { BL_PIECE = 64 };     /* floats that are copied at once                    */

const int8_t mlci_iq4_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                     1, 13, 25, 38, 53, 69, 89, 113 };
const int8_t mlci_fp4_levels[16] = { 0, 1, 2, 3, 4, 6, 8, 12,
                                     0, -1, -2, -3, -4, -6, -8, -12 };

void mlci_k3_scales(const uint8_t *p, int8_t scale[16])
{
    for (int i = 0; i < 16; i++) {
        int low = i < 8 ? p[i] & 15 : p[i - 8] >> 4;
        int high = p[8 + i % 4] >> (i / 4 * 2) & 3;

        scale[i] = (int8_t)((low | high << 4) - 32);
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

/* A row of one format's generated kernel: symbols are rows and values. */
static void bl_row(mlci_format format, const void *blocks, size_t n, float *out)
{
    const mlci_gen_args a = { .data = { (void *)(uintptr_t)blocks, out },
                              .size = { 1, (int64_t)n }, .end = { 1, (int64_t)n } };

    mlci_gen_decoders[format](&a);
}

void mlci_blocks_decode(mlci_format format, const void *blocks, size_t n, float *out)
{
    const size_t bytes = mlci_format_table[format].block_bytes;
    uint32_t piece[BL_PIECE];

    if (mlci_format_table[format].block_items > 1) {
        bl_row(format, blocks, n, out);
        return;
    }
    /* Blocks are bytes; numbers are read as such and must be aligned. */
    for (size_t i = 0; i < n; i += BL_PIECE) {
        size_t k = n - i < BL_PIECE ? n - i : BL_PIECE;

        memcpy(piece, (const uint8_t *)blocks + i * bytes, k * bytes);
        bl_row(format, piece, k, out + i);
    }
}
