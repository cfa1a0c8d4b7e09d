/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/matmul - rows times one panel of a stored matrix.
 *
 *   y[t, r] = sum_k x[t, k] * w[r, k]       t < n rows, r < 32 rows of the panel
 *
 * Integer formats on the vector tiers: x is quantized to 16 bits with one scale
 * per row (rows.h), and
 *
 *   y[t, r] = scale[t] * sum_g ( s[r, g] * isum[t, r, g] + m[r, g] * xsum[t, g] )
 *   isum    = sum_{k in g} q[t, k] * (u[r, k] - zero)
 *
 * over groups g of 16 or 32 k; isum and xsum are exact in 32 bits (255 * 32512 *
 * 32 < 2^31).  The outer sum runs over g in order, in float32: f = fma(isum, s, f),
 * then f = fma(m, xsum, f) where the format has minima.  That fixes every bit of
 * the result: one row or many, AVX2, AVX-512 or NEON, all give the same.
 *
 * Why 16 bits: with 8 (what llama.cpp does) log-probabilities move by 0.05 to
 * 0.12; with 16 by 0.002, and bytes, not arithmetic, limit decoding anyway
 * (bench/NOTES.md).
 *
 * Float formats, and every format on the scalar tier: x in float32,
 * y[t, r] = fma over k in order (scalar: product and sum round separately).
 *
 * Accuracy   against the exact sum: each x is off by at most (1/2 + 2^-8)
 *            scale, so the sum by 0.504 scale sum_k |w|; then 2 K/group + 2
 *            float32 roundings of partial sums, each at most u/2 of their
 *            largest magnitude (2^-150 where they are subnormal).  Float
 *            formats: K roundings, scalar tier 2 K.
 * Domain     K a multiple of 32 (256 for formats with super-blocks), at most
 *            2^20; n >= 1.
 *
 * File                        Tier               Idea
 * matmul_ref.c                -                  the sum above in double
 * matmul_scalar.c             scalar             decode 32 x 32 values, multiply
 * ymm_codes.h, ymm_few.h, matmul_ymm.h, _avx2.c, _avxvnni.c   maddubs or vpdpbusd; pmaddwd
 * zmm_codes.h, zmm_few.h, matmul_zmm.h, _avx512.c, _avx512vnni.c  vpdpbusd; vpdpwssd
 * neon_codes.h, matmul_neon.h, _neon.c, _dotprod.c, _i8mm.c     smull, sdot; smmla
 * One or two rows decode each weight in registers (one stream of bytes, the
 * limit is memory); more rows decode a panel to 16 bits once and run over it
 * with tiles of 32 x 6 (the limit is multiply-adds).
 */
#ifndef MLCI_MATMUL_H
#define MLCI_MATMUL_H

#include "../rows/rows.h"
#include "../weight/weight.h"

/* Prepared rows.  Row t of a form starts at t * stride items of it. */
typedef struct mlci_acts {
    const int8_t  *high, *low;   /* forms of rows.h; NULL where not made       */
    const int16_t *quads;
    const int32_t *sums;         /* stride / 16 items a row                    */
    const float   *scale;        /* [n]                                        */
    const float   *x;            /* float32 rows                               */
    size_t         stride;
} mlci_acts;

/* Forms that a panel function wants for n rows: bits. */
enum { MLCI_FORM_PLANES = 1, MLCI_FORM_QUADS = 2, MLCI_FORM_FLOAT = 4 };

/*
 * y[t * ldy + r] for all n rows and the 32 rows of one panel.
 * scratch: mlci_matmul_scratch(K) bytes, aligned to 64, for this thread.
 */
typedef void mlci_panel_fn(const mlci_packed *w, uint32_t panel, const mlci_acts *a,
                           uint32_t n, float *y, size_t ldy, void *scratch);

typedef struct mlci_matmul_kernels {
    mlci_panel_fn *panel[MLCI_FORMAT_COUNT];
    uint32_t (*forms)(mlci_format format, uint32_t n);
} mlci_matmul_kernels;

extern const mlci_matmul_kernels mlci_matmul_ref, mlci_matmul_scalar, mlci_matmul_avx2,
    mlci_matmul_avxvnni, mlci_matmul_avx512, mlci_matmul_avx512vnni, mlci_matmul_neon,
    mlci_matmul_dotprod, mlci_matmul_i8mm;

/* A panel's values as 16 bits and its scales as floats. */
static inline size_t mlci_matmul_scratch(size_t columns)
{
    return columns * MLCI_PANEL_ROWS * 2
         + columns / MLCI_SUM_GROUP * MLCI_PANEL_ROWS * 2 * sizeof(float) + 256;
}

/*
 * Ask for the sub-block that lies 4 KiB ahead, into the second-level cache: the
 * hardware's own prefetchers stop at pages.  Worth 10 to 25 % of decoding on Intel,
 * 0 to 7 % on AMD; into the first level, or nearer, it costs (bench/NOTES.md).
 */
MLCI_INLINE void mlci_matmul_ahead(mlci_panel d, const uint8_t *sub)
{
    MLCI_UNROLL
    for (size_t i = 0; i < mlci_sub_bytes(d); i += 64)
        MLCI_PREFETCH_L2((uintptr_t)sub + 4096 + i);
}

/* One line for each format in a tier's table: X(format). */
#define MLCI_MATMUL_INT(X)                                                     \
    X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K)    \
    X(Q6_K) X(IQ4_NL) X(IQ4_XS) X(MXFP4) X(TQ2_0)

#endif
