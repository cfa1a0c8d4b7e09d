/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/attention - softmax(scale q K^T) V over paged keys and values.
 *
 *   s[j] = scale * q . k[j]        for positions j the row may see
 *   s[j] = cap tanh(s[j] / cap)    if there is a cap (Gemma 2, arXiv:2408.00118)
 *   out  = sum_j e^(s[j] - m) v[j] / sum_j e^(s[j] - m),   m = max_j s[j]
 * With a sink (Xiao et al. 2023, arXiv:2309.17453; gpt-oss) one more score, which no value
 * belongs to, is among those that m and the sum below are taken over.
 *
 * Source   Vaswani et al. 2017; computed in chunks as in Milakov & Gimelshein
 *          2018 (arXiv:1805.02867) and FlashAttention (arXiv:2205.14135).
 * Shapes   q, out [rows][heads][head_dim] float32; `group` query heads share a
 *          key head.  A page holds 64 positions of some layers; inside it, for
 *          each layer and key head, a block of keys [head_dim][64] and one of
 *          values [64][head_dim], float16 or float32.  Keys lie transposed, so
 *          that 64 scores are computed side by side without sums over lanes.
 * Sees     positions max(0, p - window + 1) .. p of its sequence (window 0: from
 *          0), p the row's own.
 * Order    Chunks of 256 positions, at multiples of 256, each by itself: scores
 *          in order of dimension, maximum, exponentials, their sum in 16 lanes
 *          and a tree, values in order of position.  Then chunks are merged in
 *          order.  None of this depends on what else runs or how the prompt was
 *          cut, so a row's bits do not either; pages with nothing visible may be
 *          missing.
 * Accuracy float32 throughout: |out - ref| <= (head_dim + 256 + 8) u max|v| for
 *          |s| <= 10; the bound grows with e^(error of s) beyond, which a cap makes
 *          4 u cap.
 * Domain   head_dim 1 to 1024; stored values finite (the store clamps).
 *
 * File                 Tier      Idea
 * attention_ref.c      -         the formula in double
 * attention_simd.h     all       products of 6 queries x 64 lanes over v16
 */
#ifndef MLCI_ATTENTION_H
#define MLCI_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MLCI_PAGE_TOKENS = 64,
    MLCI_ATT_CHUNK = 256,       /* positions; a multiple of a page             */
    MLCI_ATT_QUERIES = 48       /* at most in one call                         */
};

/* Where keys and values of one layer lie in a page. */
typedef struct mlci_kv_layout {
    size_t   offset;            /* of the layer's first block                  */
    size_t   block_bytes;       /* of the keys of one head, = of its values    */
    uint32_t n_heads, head_dim;
    bool     f32;
} mlci_kv_layout;

static inline size_t mlci_kv_block_bytes(uint32_t head_dim, bool f32)
{
    return (size_t)head_dim * MLCI_PAGE_TOKENS * (f32 ? 4 : 2);
}

static inline size_t mlci_kv_keys(const mlci_kv_layout *l, uint32_t head)
{
    return l->offset + 2 * head * l->block_bytes;
}

static inline size_t mlci_kv_values(const mlci_kv_layout *l, uint32_t head)
{
    return mlci_kv_keys(l, head) + l->block_bytes;
}

typedef struct mlci_attention_args {
    const float *q;
    float       *out;
    uint32_t     heads, group;
    float        scale, cap;            /* cap 0: none                         */
    const float *sinks;                 /* [heads], NULL: none                 */
    uint32_t     window;
    mlci_kv_layout kv;
    const int32_t *positions;           /* [rows]                              */
    uint8_t *const *const *pages;       /* [rows][block]: pages of the row's
                                           sequence, in order; NULL where none
                                           is visible                          */
} mlci_attention_args;

/* The first position that a row at position p sees. */
static inline int64_t mlci_att_first(uint32_t window, int64_t p)
{
    return window > 0 && p + 1 > (int64_t)window ? p + 1 - window : 0;
}

/* What one chunk gives for a query: acc is not yet divided by sum. */
typedef struct mlci_att_part { float max, sum; } mlci_att_part;

typedef struct mlci_attention_kernels {
    /*
     * Queries [first, first + n) of one key head, n <= MLCI_ATT_QUERIES, counted
     * row by row, `group` to a row; all rows of one sequence.  Writes out.
     * scratch: mlci_att_scratch(head_dim) bytes, aligned to 64.
     */
    void (*attend)(const mlci_attention_args *a, uint32_t head, uint32_t first,
                   uint32_t n, void *scratch);
    /* One chunk of them: part [n], acc [n][head_dim rounded up to 16]. */
    void (*chunk)(const mlci_attention_args *a, uint32_t head, uint32_t first,
                  uint32_t n, uint32_t chunk, mlci_att_part *part, float *acc,
                  void *scratch);
    /* Merge a query's chunks (stride: between them) and its sink (-INFINITY: none), and
     * write its output. */
    void (*merge)(uint32_t head_dim, uint32_t n_chunks, const mlci_att_part *part,
                  size_t part_stride, const float *acc, size_t acc_stride, float sink,
                  float *out);
    /* Store one position's key or value [head_dim] into its block. */
    void (*store_key)(const float *k, uint32_t head_dim, uint8_t *block, uint32_t slot,
                      bool f32);
    void (*store_value)(const float *v, uint32_t head_dim, uint8_t *block, uint32_t slot,
                        bool f32);
} mlci_attention_kernels;

extern const mlci_attention_kernels mlci_attention_scalar, mlci_attention_avx2,
    mlci_attention_avx512, mlci_attention_neon;

static inline size_t mlci_att_padded(size_t head_dim)
{
    return (head_dim + 15) / 16 * 16;
}

static inline size_t mlci_att_scratch(size_t head_dim)
{
    size_t pad = mlci_att_padded(head_dim);

    /* queries, accumulators, totals; scores; a block of keys or values */
    return sizeof(float) * (3 * MLCI_ATT_QUERIES * pad
                            + MLCI_ATT_QUERIES * MLCI_ATT_CHUNK
                            + MLCI_PAGE_TOKENS * pad + 64)
         + 2 * MLCI_ATT_QUERIES * sizeof(mlci_att_part) + 64;
}

/* The definition, for all heads of row `row`. */
void mlci_attention_ref(const mlci_attention_args *a, uint32_t row);

#endif
