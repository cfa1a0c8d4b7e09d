/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/generated - kernels that tools/kernelgen makes from tensor programs when
 * the library is built: norms, activations, gates, rotation, residuals, biases,
 * caps, casts, softmax, decoding and embedding, and whatever the compiler's passes
 * fused of them over all architectures.
 *
 * A kernel computes what its program says for a rectangle of the first two axes of
 * what it stores.  The first dimension of every buffer has a stride of its own, so
 * a row may lie in a tile; the others are dense.  Vectors of 16 floats run along
 * the last axis and sums go into 16 partial ones: one order on every vector tier,
 * so all tiers but the scalar one give the same bits.
 *
 * Domain     sizes as the program's shapes demand; buffers do not overlap, except
 *            that an output may be an input that is read at the same elements.
 * Accuracy   each operation rounds once to float32 (exp and tanh: simd.h); sums of
 *            d terms have d / 16 + 4 roundings a term.
 */
#ifndef MLCI_GENERATED_H
#define MLCI_GENERATED_H

#include <stddef.h>
#include <stdint.h>

enum { MLCI_GEN_BUFFERS = 12, MLCI_GEN_SYMBOLS = 16, MLCI_GEN_SCALARS = 8 };

typedef struct mlci_gen_args {
    void    *data[MLCI_GEN_BUFFERS];      /* in the program's order, scalars left out */
    int64_t  stride[MLCI_GEN_BUFFERS];    /* elements from one first index to the next */
    int64_t  size[MLCI_GEN_SYMBOLS];
    union { float f; int32_t i; uint32_t u; } scalar[MLCI_GEN_SCALARS];
    int64_t  begin[2], end[2];            /* of the first two axes                   */
} mlci_gen_args;

typedef void mlci_gen_fn(const mlci_gen_args *a);

typedef struct mlci_gen_entry {
    uint64_t     hash;                    /* of the program's canonical text         */
    mlci_gen_fn *run;
    const char  *name;
} mlci_gen_entry;

/* Sorted by hash. */
typedef struct mlci_gen_table {
    const mlci_gen_entry *entries;
    size_t n;
    mlci_gen_fn *largest, *log_sum, *penalize, *softmax, *min_p;   /* for sampling   */
} mlci_gen_table;

/* What is not worth a form for each tier: decoding of blocks, and look-up of rows. */
extern const mlci_gen_table mlci_gen_once;
extern mlci_gen_fn *const mlci_gen_decoders[];   /* by mlci_format: rows, values  */

extern const mlci_gen_table mlci_gen_scalar, mlci_gen_avx2, mlci_gen_avx512, mlci_gen_neon;

/* NULL if there is none. */
static inline mlci_gen_fn *mlci_gen_find(const mlci_gen_table *t, uint64_t hash)
{
    size_t low = 0, high = t->n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (t->entries[mid].hash == hash)
            return t->entries[mid].run;
        if (t->entries[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

#endif
