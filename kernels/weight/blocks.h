/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.h - the values of every block format, one block at a time.
 *
 * What they are is in kernels/defs/formats.tir, from which the decoders are generated;
 * they decode vectors and embedding rows, and everything faster is tested against them.
 */
#ifndef MLCI_BLOCKS_H
#define MLCI_BLOCKS_H

#include "../../src/base/format.h"

/* The two 4-bit tables: IQ4_NL's levels, and MXFP4's (E2M1) times two. */
extern const int8_t mlci_iq4_levels[16];
extern const int8_t mlci_fp4_levels[16];

/*
 * Decode n values (a multiple of the format's block_items) from whole blocks.
 * Any alignment.  Each value is what the formula gives in float32, one rounding
 * per operation.
 */
void mlci_blocks_decode(mlci_format format, const void *blocks, size_t n,
                        float *out);

/* The eight 6-bit scales and minima of a Q4_K or Q5_K block (12 bytes). */
void mlci_k4_scales(const uint8_t *packed, uint8_t scale[8], uint8_t min[8]);

/* The sixteen 6-bit scales of a Q3_K block (12 bytes), less 32. */
void mlci_k3_scales(const uint8_t *packed, int8_t scale[16]);

#endif
