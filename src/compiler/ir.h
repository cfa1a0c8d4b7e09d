/* SPDX-License-Identifier: Apache-2.0
 *
 * ir.h - a model as a graph.
 *
 * A module is one function: a list of nodes in order of computation, each with
 * an operator, inputs (earlier nodes), attributes and a type whose dims may be
 * symbolic.  Models build it with the calls below (one per operator); types are
 * deduced as nodes are added, so a mismatch is reported where it is made.
 *
 * Passes do not rewrite the list.  They put nodes into groups: a group is what
 * one kernel computes, its members' values live in registers or tiles and only
 * what is used outside is written to memory.  At first every node is its own
 * group.
 *
 * Errors are sticky: after the first one m->tir.status is set and every call
 * returns node 0, so a builder needs no checks.
 */
#ifndef MLCI_IR_H
#define MLCI_IR_H

#include "../base/buf.h"
#include "../base/config.h"
#include "dtype.h"
#include "library.h"

typedef struct mlci_type {
    mlci_dtype dtype;
    uint32_t   rank;
    mlci_dim   dims[MLCI_MAX_RANK];
} mlci_type;

/* X(NAME, text, inputs) - ORDER op: the deduction table in ops.c.
 *
 *   input       tokens i32[n], positions i32[n], logit rows i32[r]
 *   weight      a matrix as stored [N, K]; vector: f32[D]
 *   decode      stored [N, K] -> f32[N, K]
 *   embed       ids i32[n], table f32[V, D] -> f32[n, D]
 *   matmul      x f32[n, K], w f32[N, K] -> x w^T f32[n, N]
 *   rms_norm    x [.., D], gain f32[D]; over the last dim; attr eps
 *   layer_norm  x [.., D], gain f32[D], bias f32[D]; likewise
 *   add, mul    same shape, or a vector over the last dim
 *   sub, div    same shape
 *   swiglu_limited  of a gate and an up; attr scale (alpha), factor (the limit)
 *   silu, gelu, gelu_erf, relu, sigmoid   gelu is the tanh form
 *   softmax     over the last dim
 *   conv2d      x f32[B, C, H, W], filter f32[O, C, U, V] -> f32[B, O, H-U+1, W-V+1]
 *   scale       x * attr scale;  softcap  c tanh(x / c), c = attr scale
 *   reshape     same number of elements
 *   rope_frequencies -> f32[D/2]: base^(-2i/D) / factor; attr scale (the base), factor
 *   longer      x, y f32[D], tokens i32[1] -> y if there are more tokens than attr scale
 *   rope_table  positions i32[n], frequencies f32[D/2] -> cos and sin f32[n, D]
 *   rope        x f32[n, H, D], table -> rotated; attr interleaved
 *   kv_append   k, v f32[n, H, D] into the pages of attr pool and layer -> state
 *   attention   q f32[n, H, D], state -> f32[n, H, D]; attr scale, factor (the cap of
 *               scores, 0: none), window; a third input: sinks f32[H]
 *   take        x f32[n, D], rows i32[r] -> f32[r, D]
 *   top_k       scores f32[n, E] -> i32[n, k], the experts with the largest; attr route
 *   chosen      scores f32[n, E], experts i32[n, k] -> f32[n, k], theirs; attr route
 *   experts     x f32[n, K] or f32[n k, K], experts i32[n, k], stored [E N, K] -> f32[n k, N]:
 *               each row times its experts' matrices; a fourth input: biases f32[E N]
 *   per_head    x f32[n, H, K], stored [H N, K] -> f32[n, H, N]: each head times its matrix
 *   join        x f32[n, H, D], y f32[n, H, E] -> f32[n, H, D + E]
 *   tail        x f32[n, H, D] -> f32[n, H, E], the last of each head
 *   combine     x f32[n k, D], weights f32[n, k] -> f32[n, D], sums of k rows
 *   all_reduce  x -> the sum of all ranks' x
 *   all_gather  x [.., D'] -> [.., D], the ranks' parts side by side; attr units
 *
 * The last two are put in by the shard pass.
 */
#define MLCI_OPS(X)                                                            \
    X(NONE, "none", 0)           X(INPUT, "input", 0)                          \
    X(WEIGHT, "weight", 0)       X(VECTOR, "vector", 0)                        \
    X(DECODE, "decode", 1)       X(EMBED, "embed", 2)                          \
    X(MATMUL, "matmul", 2)       X(RMS_NORM, "rms_norm", 2)                    \
    X(LAYER_NORM, "layer_norm", 3)                                             \
    X(ADD, "add", 2)             X(MUL, "mul", 2)                              \
    X(SUB, "sub", 2)             X(DIV, "div", 2)                              \
    X(SWIGLU_LIMITED, "swiglu_limited", 2)                                     \
    X(SILU, "silu", 1)           X(GELU, "gelu", 1)                            \
    X(GELU_ERF, "gelu_erf", 1)                                                 \
    X(RELU, "relu", 1)           X(SIGMOID, "sigmoid", 1)                      \
    X(SOFTMAX, "softmax", 1)     X(CONV2D, "conv2d", 2)                        \
    X(SCALE, "scale", 1)         X(SOFTCAP, "softcap", 1)                      \
    X(RESHAPE, "reshape", 1)     X(ROPE_FREQUENCIES, "rope_frequencies", 0)    \
    X(LONGER, "longer", 3)       X(ROPE_TABLE, "rope_table", 2)                \
    X(ROPE, "rope", 2)           X(KV_APPEND, "kv_append", 2)                  \
    X(ATTENTION, "attention", 2) X(TAKE, "take", 2)                            \
    X(TOP_K, "top_k", 1)         X(CHOSEN, "chosen", 2)                        \
    X(EXPERTS, "experts", 3)     X(COMBINE, "combine", 2)                      \
    X(PER_HEAD, "per_head", 2)   X(JOIN, "join", 2)                            \
    X(TAIL, "tail", 1)                                                         \
    X(ALL_REDUCE, "all_reduce", 1) X(ALL_GATHER, "all_gather", 1)

typedef enum mlci_op {
#define X(name, text, inputs) MLCI_OP_##name,
    MLCI_OPS(X)
#undef X
    MLCI_OP_COUNT
} mlci_op;

extern const char *const mlci_op_names[MLCI_OP_COUNT];

enum { MLCI_MAX_INPUTS = 4 };

/* The part [begin, begin + n) of an axis that this rank has; n 0: all of it. */
typedef struct mlci_slice { uint32_t axis, begin, n; } mlci_slice;

/* How a row's experts are chosen. */
typedef struct mlci_route {
    uint32_t k;                 /* experts of a row                             */
    uint32_t n_groups, top_groups;  /* only those of the best groups; 0, 1: any */
    bool     pair_sums;         /* a group's score: its two best, else its best */
    bool     normalize;         /* the chosen scores are divided by their sum   */
    float    scale;             /* then multiplied                              */
} mlci_route;

typedef struct mlci_node {
    mlci_op     op;
    uint32_t    inputs[MLCI_MAX_INPUTS];   /* node numbers, 0 = none            */
    uint32_t    group;          /* number of the group's first member          */
    uint32_t    last;           /* of a first member: the group's last         */
    uint32_t    n_uses;
    mlci_type   type;
    /* attributes */
    float       scale, factor;  /* scale, softcap, eps of a norm, attention    */
    uint32_t    window;         /* attention: 0 = all                          */
    uint32_t    pool, layer;    /* kv_append, attention                        */
    bool        interleaved;    /* rope: pairs (2i, 2i+1), else (i, i + D/2)   */
    bool        folded;         /* computed once, when weights are loaded      */
    mlci_slice  slice;          /* weight, vector: of the tensor's axes        */
    uint32_t    units;          /* all_gather: of what it gives, shared out;
                                   a weight: experts whose matrices it is, 0: one */
    mlci_route  route;          /* top_k, chosen                               */
    const mlci_tensor *tensor;  /* weight, vector                              */
    const char *name;           /* input, weight, vector                       */
    /* What it computes, once legalize has run; NULL for library calls (appends,
     * attention) and sources. */
    const mlci_program *program;
    mlci_pattern pattern;
} mlci_node;

/* One way of turning positions into angles: position * base^(-2i/dims) / factor. */
typedef struct mlci_rope {
    uint32_t dims;
    float    base, factor;
} mlci_rope;

/* Layers whose keys and values are kept equally long share a pool of pages. */
typedef struct mlci_pool_info {
    uint32_t n_layers, n_heads, head_dim;
    uint32_t window;            /* 0: everything is kept                       */
} mlci_pool_info;

enum { MLCI_MAX_POOLS = 4 };

/* Values of a model's symbols for mlci_dim_at: nothing, n, r. */
enum { MLCI_MODEL_VALUES = 3 };

typedef struct mlci_module {
    mlci_arena        *arena;
    const mlci_config *config;
    mlci_dims          dims;
    mlci_dim           n, r;    /* rows of a step, rows with logits            */
    mlci_node         *nodes;   /* node 0 is none                              */
    size_t             n_nodes, cap;
    uint32_t           tokens, positions, logit_rows, result;
    uint32_t           kv_tokens;   /* input i32[1]: the longest sequence that there
                                       may be; 0: nobody asks                  */
    mlci_pool_info     pools[MLCI_MAX_POOLS];
    uint32_t           n_pools;
    uint32_t           vocab_size, width;
    uint32_t           n_positions;     /* rows of the table of them, 0: none   */
    uint32_t           rank, n_ranks;   /* 0 of 1: nothing is shared out       */
    mlci_target        target;
    mlci_format        synthetic;   /* of matrices when there is no file       */
    mlci_tir           tir;     /* for programs: same arena, dims and errors   */
    mlci_library       library;
    struct mlci_fused *fused;   /* programs made of several nodes: fuse.c      */
    /* Is there a kernel of this signature?  NULL: of every one. */
    bool (*has_kernel)(const void *catalogue, uint64_t hash);
    const void        *catalogue;
} mlci_module;

/* An empty module with its inputs.  config and arena outlive it. */
mlc_status mlci_module_init(mlci_module *m, mlci_arena *arena,
                            const mlci_config *config, mlc_error *err);

/* ---- building -------------------------------------------------------------- */

/* Tensor names are formats with the layer number: "blk.%u.attn_q.weight". */
uint32_t mlci_weight(mlci_module *m, const char *name, uint32_t layer,
                     uint64_t rows, uint64_t columns);    /* already decoded   */
uint32_t mlci_vector(mlci_module *m, const char *name, uint32_t layer, uint64_t n);
bool     mlci_has_tensor(const mlci_module *m, const char *name, uint32_t layer);

uint32_t mlci_embed(mlci_module *m, uint32_t ids, uint32_t table);
uint32_t mlci_matmul(mlci_module *m, uint32_t x, uint32_t w);
uint32_t mlci_rms_norm(mlci_module *m, uint32_t x, uint32_t gain, float eps);
uint32_t mlci_add_op(mlci_module *m, uint32_t x, uint32_t y);
uint32_t mlci_mul_op(mlci_module *m, uint32_t x, uint32_t y);
uint32_t mlci_binary(mlci_module *m, mlci_op op, uint32_t x, uint32_t y);
uint32_t mlci_layer_norm(mlci_module *m, uint32_t x, uint32_t gain, uint32_t bias, float eps);
uint32_t mlci_unary(mlci_module *m, mlci_op op, uint32_t x, float scale);
uint32_t mlci_reshape(mlci_module *m, uint32_t x, uint32_t rank, const mlci_dim *dims);
/* factors: a vector that divides each frequency, 0: none. */
uint32_t mlci_rope_table(mlci_module *m, const mlci_rope *rope, uint32_t factors);
/* The same with other factors where sequences may be longer than `original`. */
uint32_t mlci_rope_table_long(mlci_module *m, const mlci_rope *rope, uint32_t factors,
                              uint32_t long_factors, uint32_t original);
uint32_t mlci_rope_op(mlci_module *m, uint32_t x, uint32_t table, bool interleaved);
uint32_t mlci_pool_add(mlci_module *m, uint32_t n_heads, uint32_t head_dim,
                       uint32_t window);
uint32_t mlci_kv_append(mlci_module *m, uint32_t k, uint32_t v, uint32_t pool);
/* sinks: a vector of one for each head, 0: none. */
uint32_t mlci_attention(mlci_module *m, uint32_t q, uint32_t state, uint32_t sinks, float scale,
                        float cap);
/* min(gate, limit) sigmoid(alpha gate) (up within -limit .. limit, + 1) */
uint32_t mlci_swiglu_limited(mlci_module *m, uint32_t gate, uint32_t up, float alpha,
                             float limit);
uint32_t mlci_take(mlci_module *m, uint32_t x, uint32_t rows);
uint32_t mlci_top_k(mlci_module *m, uint32_t scores, const mlci_route *route);
uint32_t mlci_chosen(mlci_module *m, uint32_t scores, uint32_t experts, const mlci_route *route);
/* The tensor "name.weight" is [n_experts, rows, columns]; "name.bias", if there is one,
 * [n_experts, rows]. */
uint32_t mlci_experts(mlci_module *m, uint32_t x, uint32_t experts, const char *name,
                      uint32_t layer, uint32_t n_experts, uint64_t rows, uint64_t columns);
/* The tensor "name.weight" is [heads, rows, columns]. */
uint32_t mlci_per_head(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                       uint32_t n_heads, uint64_t rows, uint64_t columns);
uint32_t mlci_join_op(mlci_module *m, uint32_t x, uint32_t y);
uint32_t mlci_tail_op(mlci_module *m, uint32_t x, uint32_t n);
/* weights f32[n, 1]: each row times its own. */
uint32_t mlci_combine(mlci_module *m, uint32_t x, uint32_t weights);

/* Helpers that several models share. */
uint32_t mlci_linear(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                     uint64_t rows, uint64_t columns); /* + "name.bias" if any  */
uint32_t mlci_norm(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                   uint64_t n, float eps);             /* rms_norm by a named gain */
uint32_t mlci_heads(mlci_module *m, uint32_t x, uint32_t n_heads, uint32_t head_dim);
uint32_t mlci_flat(mlci_module *m, uint32_t x);        /* [n, H, D] -> [n, H D] */

/* ---- asking ------------------------------------------------------------------ */

/* Deduce the node's type from its inputs and attributes; error if they clash. */
mlc_status mlci_deduce(mlci_module *m, mlci_node *node);

mlci_dim mlci_elements(mlci_module *m, const mlci_type *t);
/* "f32[n, 64]"; a dim that is not known is "?". */
void mlci_type_print(const mlci_dims *d, const mlci_type *t, char *buf, size_t cap);

/* Where the part of a rank begins, when `size` is `units` equal units shared out;
 * rank n_ranks: the size. */
static inline uint32_t mlci_share_begin(int64_t size, int64_t units, uint32_t rank,
                                        uint32_t n_ranks)
{
    return (uint32_t)(units * rank / n_ranks * (size / units));
}

/* Nothing computes it in a step: an input, stored, or computed when weights are
 * loaded. */
bool mlci_source_node(const mlci_node *n);
/* A copy of the node with inputs of its own as a new last node; its number. */
uint32_t mlci_node_add(mlci_module *m, const mlci_node *proto);

/* Does n read the node? */
bool mlci_reads(const mlci_node *n, uint32_t node);

/* Is the node's value wanted outside the two groups: used by another, or the result? */
bool mlci_leaves(const mlci_module *m, uint32_t node, uint32_t a, uint32_t b);
/* Is it written to memory: wanted outside its own? */
bool mlci_escapes(const mlci_module *m, uint32_t node);

/* The module as text: one line a node, groups in braces. */
void mlci_module_print(const mlci_module *m, mlci_buf *out);

#endif
