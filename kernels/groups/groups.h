/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/groups - rows to codes and scales of groups, as MLC-LLM's converter rounds them.
 *
 *   scale[g] = max |x| / most            most = 2^(bits - 1) - 1
 *   code[k]  = round(x[k] / scale[g] + most), ties to even, within 0 .. 2 most
 *
 * Scales are rounded to the model's dtype, as x was.  With float16 so is each operation: a
 * quotient just beside a half may fall on it, and the code is then the even one; with
 * bfloat16 and float32 the rest is float32.  Codes are the same bits
 * on every tier; a group of zeros, or one whose scale is too small for the dtype, has
 * scale 0 and codes of `most`.
 *
 * Speed   one division and some ten operations a value: 1 to 2 GB of float16 a second on a
 *         core with eight lanes or more (plain C that compilers make vectors of).
 */
#ifndef MLCI_GROUPS_H
#define MLCI_GROUPS_H

#include "../../src/base/half.h"

#include <stddef.h>

typedef enum mlci_group_dtype { MLCI_GROUP_F16, MLCI_GROUP_BF16, MLCI_GROUP_F32 } mlci_group_dtype;

/* x as the dtype has it. */
static inline float mlci_group_round(float x, mlci_group_dtype dtype)
{
    return dtype == MLCI_GROUP_F16 ? mlci_f16_to_f32(mlci_f32_to_f16(x))
         : dtype == MLCI_GROUP_BF16 ? mlci_bf16_to_f32(mlci_f32_to_bf16(x)) : x;
}

typedef struct mlci_group_kernels {
    /* One row of n values in groups of `size`, the last one shorter; codes [n], scales one a
     * group.  most: 3 or 7. */
    void (*codes)(const float *x, size_t n, size_t size, int most, mlci_group_dtype dtype,
                  uint8_t *codes, float *scales);
    /* Half precision, little-endian at any address, to floats. */
    void (*f16)(const uint8_t *in, size_t n, float *out);
    /* n codes (a multiple of 32) and their scales, which are float16, as blocks of Q4_0. */
    void (*q4_0)(const uint8_t *codes, const float *scales, size_t n, uint8_t *blocks);
} mlci_group_kernels;

/* search.c, on every tier: codes [n] and scales with the least squared error, each column's
 * counted as its importance (NULL: as the value's square, which is the best guess without
 * calibration); only scales round to the dtype.  Groups of at most 64. */
void mlci_groups_search(const float *x, const float *importance, size_t n, size_t size, int most,
                        mlci_group_dtype dtype, uint8_t *codes, float *scales);

extern const mlci_group_kernels mlci_groups_scalar, mlci_groups_avx2;

#endif
