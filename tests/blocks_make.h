/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks_make.h - for tests: random valid blocks of any format.  Every bit is
 * random but for the float scales, which are finite and of similar size.
 */
#ifndef TEST_BLOCKS_MAKE_H
#define TEST_BLOCKS_MAKE_H

#include "../src/base/format.h"
#include "../src/base/half.h"
#include "t.h"

/* Where float16 scales and minima lie in a block; -1 = none. */
typedef struct block_halves { int scale, min; } block_halves;

static inline block_halves block_halves_of(mlci_format f)
{
    switch (f) {
    case MLCI_Q4_1: case MLCI_Q5_1: case MLCI_Q4_K: case MLCI_Q5_K:
        return (block_halves){ 0, 2 };
    case MLCI_Q2_K:   return (block_halves){ 80, 82 };
    case MLCI_Q3_K:   return (block_halves){ 108, -1 };
    case MLCI_Q6_K:   return (block_halves){ 208, -1 };
    case MLCI_TQ1_0:  return (block_halves){ 52, -1 };
    case MLCI_TQ2_0:  return (block_halves){ 64, -1 };
    case MLCI_MXFP4: case MLCI_F32: case MLCI_F16: case MLCI_BF16:
        return (block_halves){ -1, -1 };
    default:          return (block_halves){ 0, -1 };
    }
}

static inline void block_put_half(uint8_t *p, float v)
{
    uint16_t h = mlci_f32_to_f16(v);

    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

static inline void blocks_make(mlci_format f, size_t n_items, uint8_t *out, uint64_t *seed)
{
    const mlci_format_info *info = &mlci_format_table[f];
    block_halves h = block_halves_of(f);

    for (size_t b = 0; b < n_items / info->block_items; b++) {
        uint8_t *p = out + b * info->block_bytes;
        float v = t_uniform(seed);

        for (uint32_t i = 0; i < info->block_bytes; i++)
            p[i] = (uint8_t)t_rand(seed);
        if (h.scale >= 0)
            block_put_half(p + h.scale, 0.01f * t_uniform(seed));
        if (h.min >= 0)
            block_put_half(p + h.min, 0.05f * t_uniform(seed));
        if (f == MLCI_MXFP4)
            p[0] = (uint8_t)(116 + t_below(seed, 16));   /* around 2^0 */
        if (f == MLCI_F32)
            memcpy(p, &v, 4);
        else if (f == MLCI_F16)
            block_put_half(p, v);
        else if (f == MLCI_BF16)
            p[0] = (uint8_t)(mlci_f32_bits(v) >> 16), p[1] = (uint8_t)(mlci_f32_bits(v) >> 24);
    }
}

/* The same blocks with their minima set to zero. */
static inline void blocks_drop_minima(mlci_format f, size_t n_items, uint8_t *blocks)
{
    const mlci_format_info *info = &mlci_format_table[f];
    block_halves h = block_halves_of(f);

    for (size_t b = 0; h.min >= 0 && b < n_items / info->block_items; b++)
        block_put_half(blocks + b * info->block_bytes + h.min, 0.0f);
}

#endif
