/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/rows - what happens to single rows between products.
 *
 *   rms_norm   s = (1/d) sum x_i^2;  y_i = x_i / sqrt(s + eps) * g_i
 *              (Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4)
 *   norm_add   out_i = y_i + rms_norm(x)_i
 *   quantize   q_i = round(x_i / scale), scale = max |x| / 32512: 16-bit rows for
 *              the integer products; with the sums of each 16 values
 *   gate       act(a_i) * b_i; act silu: a / (1 + e^-a), or gelu, tanh form:
 *              a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3)))
 *              (Shazeer 2020, arXiv:2002.05202; Hendrycks & Gimpel 2016)
 *   rope       pairs (u, v) of a head turned: (u c - v s, v c + u s)
 *              (Su et al. 2021, arXiv:2104.09864)
 *   softcap    c tanh(x / c)
 *
 * Shapes     rows are contiguous float32; x, y, g, a, b, out [d].  out may be any
 *            of the inputs.
 * Domain     d >= 1, eps >= 0; quantize: d a multiple of 16.  A row with an
 *            infinity or a NaN quantizes to scale NaN, so that it does not pass
 *            unseen; one whose values are all below 1e-30 to zeros.
 * Accuracy   rms_norm: |y - ref| <= (d/128 + 6) u |ref|, u = 2^-23: squares are
 *            summed in 16 lanes (d/16 terms each, half an ulp a step), then by a
 *            tree of 4; the root halves that; root, quotient and two products add
 *            4 u/2, the reference's rounding 1 u/2.  norm_add: the same of the
 *            norm, and u of the sum (ours and the reference's).  gate:
 *            8 u |ref| + 4e-7 |a b| (e^x: 2e-7;
 *            gelu's tanh cancels near zero, hence the absolute part).
 *            quantize: |x - q scale| <= scale (1/2 + 2^-8).
 * Order      depends on d alone: a row has the same bits in every batch.  The
 *            vector tiers give the same bits as each other.
 *
 * File             Tier            Idea
 * rows_ref.c       -               the definitions, in double
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
    void (*rms_norm)(const float *x, const float *g, size_t d, float eps, float *y);
    void (*norm_add)(const float *x, const float *g, const float *y, size_t d,
                     float eps, float *out);
    void (*quantize)(const float *x, size_t d, const mlci_quant_row *out);
    void (*gate)(const float *a, const float *b, size_t n, bool gelu, float *out);
    /* y = x * c; y = a + b; y = a * b; c tanh(x / c) */
    void (*scale)(const float *x, size_t n, float c, float *y);
    void (*add)(const float *a, const float *b, size_t n, float *y);
    void (*mul)(const float *a, const float *b, size_t n, float *y);
    void (*softcap)(const float *x, size_t n, float c, float *y);
    /* silu or gelu alone */
    void (*act)(const float *x, size_t n, bool gelu, float *y);
} mlci_row_kernels;

extern const mlci_row_kernels mlci_rows_ref, mlci_rows_scalar, mlci_rows_avx2,
    mlci_rows_avx512, mlci_rows_neon;

/*
 * Turn the first dims values of a head in place.  table [dims / 2][2] holds cos
 * and sin of the row's angles.  interleaved: pairs (2i, 2i + 1), else (i, i +
 * dims / 2).  Plain C: each product and sum rounds once on every tier.
 */
void mlci_rope_head(float *x, const float *table, uint32_t dims, bool interleaved);

/*
 * The table of one position: angle_i = position / factor * base^(-2i / dims)
 * / factors[i] (factors may be NULL), in float32 as the models' own code has it.
 * frequencies [dims / 2] were made by mlci_rope_frequencies.
 */
void mlci_rope_frequencies(float base, float factor, uint32_t dims,
                           const float *factors, float *frequencies);
void mlci_rope_angles(int32_t position, const float *frequencies, uint32_t dims,
                      float *table);

#endif
