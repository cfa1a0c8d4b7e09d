/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/rows - rows made ready for integer products, which no tensor program says
 * as fast: 16 bits with one scale, in the orders that the products read.
 *
 *   quantize   q_i = round(x_i / scale), scale = max |x| / 32512; with the sums of
 *              each 16 values
 *
 * Shapes     rows are contiguous float32 [d].
 * Domain     d a multiple of 16.  A row with an infinity or a NaN quantizes to scale
 *            NaN, so that it does not pass unseen; one whose values are all below
 *            1e-30 to zeros.
 * Accuracy   |x - q scale| <= scale (1/2 + 2^-8).
 * Order      depends on d alone: a row has the same bits in every batch.  The
 *            vector tiers give the same bits as each other.
 *
 * File             Tier            Idea
 * rows_ref.c       -               the definition, in double
 * rows_simd.h      all             one text over v16 (kernels/simd.h)
 * rows_scalar.c, rows_avx2.c, rows_avx512.c, rows_neon.c: that text, compiled
 */
#ifndef MLCI_ROWS_H
#define MLCI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest magnitude of a quantized value: its upper of two signed bytes must
 * stay in range when the lower one is as small as -128. */
enum { MLCI_QUANT_MAX = 32512, MLCI_SUM_GROUP = 16 };

/* Where a quantized row goes; NULL for a form that is not wanted. */
typedef struct mlci_quant_row {
    int8_t  *high, *low;    /* [d] x = 256 high + low                         */
    int16_t *quads;         /* [d] of each four: 0, 2, 1, 3                   */
    int32_t *sums;          /* [d / 16]                                       */
    float   *scale;         /* [1]                                            */
} mlci_quant_row;

typedef struct mlci_row_kernels {
    void (*quantize)(const float *x, size_t d, const mlci_quant_row *out);
} mlci_row_kernels;

extern const mlci_row_kernels mlci_rows_ref, mlci_rows_scalar, mlci_rows_avx2,
    mlci_rows_avx512, mlci_rows_neon;

#endif
