/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/weight - how a stored matrix lies in memory for the CPU's products.
 *
 * A matrix W [N, K] is cut into panels of 32 rows; a panel is one contiguous
 * stream that a product reads from front to back.  It is laid out like this
 * because bytes, not arithmetic, limit decoding: separate streams for values,
 * scales and minima reach 55 to 80 % of the read bandwidth, one stream 87 %
 * (bench/NOTES.md).
 *
 * Integer formats.  K is cut into sub-blocks of 32:
 *
 *   low part   two halves of 16 rows; in each, dwords of one row each: four
 *              consecutive k.  4 bits: 4 x 16 dwords, byte c of dword j holds
 *              k = 4j + c in its low and 16 + 4j + c in its high nibble.  8 bits:
 *              8 x 16 dwords, k = 4j + c.  2 bits: 2 x 16 dwords, bits 2i of byte
 *              c of dword v hold k = 16v + 4i + c.
 *   high part  1 bit: one dword a row, bit j of byte c belongs to k = 4j + c.
 *              2 bits: as the 2-bit low part.
 *   scales     one for 32 rows and each group of 16 or 32 k: float16, or int8
 *   minima     float16 or uint8, likewise
 *
 * Formats with two levels of scales put the float16 factors of 256 k (and those
 * of the minima) before the eight sub-blocks they belong to.  The value is
 *
 *   w = factor * scale * (u - zero)  - min_factor * min      (K-quants)
 *   w = scale * (u - zero) + min                             (others)
 *
 * where u is the unsigned code, through a table of 16 levels for IQ4 and MXFP4.
 * All of it is exact: nothing is rounded on the way from the file.  TQ1_0 is
 * kept with two bits a value (2.06 instead of 1.69); Q3_K's 6-bit scales as
 * bytes (3.56 instead of 3.44); others within 3 % of the file.
 *
 * Float formats: for each k, the 32 rows' values, in the file's own type.
 *
 * N is padded to 32 with rows of zeros.  Panels start at multiples of 64 bytes.
 */
#ifndef MLCI_WEIGHT_H
#define MLCI_WEIGHT_H

#include "../../src/base/compiler.h"
#include "../../src/base/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MLCI_PANEL_ROWS = 32, MLCI_SUB = 32, MLCI_SUPER = 256 };

typedef enum mlci_scale_kind {
    MLCI_SCALE_F16,      /* float16 for each group                            */
    MLCI_SCALE_I8,       /* float16 for 256, int8 for each group              */
    MLCI_SCALE_NIBBLE,   /* float16 for 256, low nibble for each group        */
    MLCI_SCALE_E8M0,     /* exponent byte for each group: 2^(e - 128)         */
    MLCI_SCALE_SUPER     /* float16 for 256, nothing for groups               */
} mlci_scale_kind;

typedef enum mlci_min_kind {
    MLCI_MIN_NONE,
    MLCI_MIN_F16,        /* added                                             */
    MLCI_MIN_U8,         /* times a float16 for 256, subtracted               */
    MLCI_MIN_NIBBLE      /* high nibble beside the scale, likewise            */
} mlci_min_kind;

typedef enum mlci_lut { MLCI_LUT_NONE, MLCI_LUT_IQ4, MLCI_LUT_FP4 } mlci_lut;

/* What is constant in a kernel: the canonical descriptor of a stored matrix. */
typedef struct mlci_panel {
    uint8_t low, high;   /* bits                                              */
    uint8_t group;       /* k per scale: 16 or 32                             */
    int16_t zero;        /* subtracted from the code                          */
    mlci_scale_kind scale;
    mlci_min_kind   min;
    mlci_lut        lut;
} mlci_panel;

/* X(format, descriptor) for the integer formats.  TQ1_0 is stored as TQ2_0. */
#define MLCI_INT_PANELS(X)                                                     \
    X(Q4_0,   4, 0, 32,   8, F16,    NONE,   NONE)                             \
    X(Q4_1,   4, 0, 32,   0, F16,    F16,    NONE)                             \
    X(Q5_0,   4, 1, 32,  16, F16,    NONE,   NONE)                             \
    X(Q5_1,   4, 1, 32,   0, F16,    F16,    NONE)                             \
    X(Q8_0,   8, 0, 32, 128, F16,    NONE,   NONE)                             \
    X(Q2_K,   2, 0, 16,   0, NIBBLE, NIBBLE, NONE)                             \
    X(Q3_K,   2, 1, 16,   4, I8,     NONE,   NONE)                             \
    X(Q4_K,   4, 0, 32,   0, I8,     U8,     NONE)                             \
    X(Q5_K,   4, 1, 32,   0, I8,     U8,     NONE)                             \
    X(Q6_K,   4, 2, 16,  32, I8,     NONE,   NONE)                             \
    X(IQ4_NL, 4, 0, 32, 128, F16,    NONE,   IQ4)                              \
    X(IQ4_XS, 4, 0, 32, 128, I8,     NONE,   IQ4)                              \
    X(MXFP4,  4, 0, 32,  12, E8M0,   NONE,   FP4)                              \
    X(TQ2_0,  2, 0, 32,   1, SUPER,  NONE,   NONE)

#define MLCI_PANEL(low, high, group, zero, scale, min, lut)                    \
    { low, high, group, zero, MLCI_SCALE_##scale, MLCI_MIN_##min, MLCI_LUT_##lut }

/* ---- geometry: constants wherever the descriptor is one ------------------------ */

MLCI_INLINE size_t mlci_low_bytes(mlci_panel d)   /* of one half (16 rows)  */
{
    return (size_t)d.low * 64;
}

MLCI_INLINE size_t mlci_high_bytes(mlci_panel d)
{
    return (size_t)d.high * 64;
}

MLCI_INLINE size_t mlci_scale_bytes(mlci_panel d) /* of a sub-block         */
{
    size_t one = d.scale == MLCI_SCALE_F16 ? 64 : d.scale == MLCI_SCALE_SUPER ? 0 : 32;

    return one * (32u / d.group);
}

MLCI_INLINE size_t mlci_min_bytes(mlci_panel d)
{
    size_t one = d.min == MLCI_MIN_F16 ? 64 : d.min == MLCI_MIN_U8 ? 32 : 0;

    return one * (32u / d.group);
}

MLCI_INLINE size_t mlci_sub_bytes(mlci_panel d)
{
    return 2 * (mlci_low_bytes(d) + mlci_high_bytes(d)) + mlci_scale_bytes(d)
         + mlci_min_bytes(d);
}

MLCI_INLINE bool mlci_two_level(mlci_panel d)
{
    return d.scale == MLCI_SCALE_I8 || d.scale == MLCI_SCALE_NIBBLE
        || d.scale == MLCI_SCALE_SUPER;
}

MLCI_INLINE size_t mlci_head_bytes(mlci_panel d)  /* before every 256 k     */
{
    return !mlci_two_level(d) ? 0
         : d.min == MLCI_MIN_U8 || d.min == MLCI_MIN_NIBBLE ? 128 : 64;
}

/* ---- matrices -------------------------------------------------------------------- */

/* A stored matrix.  data is [n_panels] panels of panel_bytes each. */
typedef struct mlci_packed {
    mlci_format    format;      /* as packed: TQ1_0 becomes TQ2_0             */
    uint32_t       rows, columns;
    uint32_t       n_panels;
    size_t         panel_bytes;
    const uint8_t *data;
} mlci_packed;

/* Is the format one of the float ones? */
static inline bool mlci_format_is_float(mlci_format f)
{
    return f == MLCI_F32 || f == MLCI_F16 || f == MLCI_BF16;
}

/* The descriptor of an integer format. */
mlci_panel mlci_panel_of(mlci_format format);

/* Fill in all but data.  columns must be a multiple of the format's block. */
void mlci_packed_shape(mlci_packed *p, mlci_format format, uint32_t rows,
                       uint32_t columns);

static inline size_t mlci_packed_bytes(const mlci_packed *p)
{
    return p->n_panels * p->panel_bytes;
}

/*
 * Lay out panels [begin, end) of a matrix.
 *
 *   blocks  the file's rows from row 32 * begin on, row_bytes apart
 *   out     panel begin
 *
 * Speed: 2 to 5 GB/s a core, so a 100 MB model takes 20 ms on two.
 */
void mlci_pack_panels(const mlci_packed *p, mlci_format source, const uint8_t *blocks,
                      size_t row_bytes, uint32_t begin, uint32_t end, uint8_t *out);

/* A row of the matrix as float32 [columns].  The second is the definition. */
void mlci_packed_row(const mlci_packed *p, uint32_t row, float *out);
void mlci_packed_row_ref(const mlci_packed *p, uint32_t row, float *out);

#endif
