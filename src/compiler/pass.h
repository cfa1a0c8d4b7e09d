/* SPDX-License-Identifier: Apache-2.0
 *
 * pass.h - from a graph to a plan.
 *
 * The pass list is a table (passes.c); each pass is one file.  Grouping passes
 * put nodes together that one kernel can compute; dispatch turns groups into
 * calls, splitting those for which there is no kernel; the memory plan gives
 * every value that crosses from one call to another a place.
 */
#ifndef MLCI_PASS_H
#define MLCI_PASS_H

#include "ir.h"

/* ---- plan ---------------------------------------------------------------------- */

enum { MLCI_FUSE_NODES = 16, MLCI_USE_BUFFERS = 12, MLCI_USE_SIZES = 16, MLCI_USE_SCALARS = 8 };

/* A generated kernel with its arguments.  program NULL: no kernel, the value as it
 * is. */
typedef struct mlci_use {
    const mlci_program *program;               /* scheduled                         */
    uint64_t hash;                             /* of its signature                  */
    uint32_t n_data, data[MLCI_USE_BUFFERS];   /* nodes, in order of buffers        */
    uint32_t n_sizes;
    mlci_dim sizes[MLCI_USE_SIZES];            /* in order of the signature         */
    uint32_t n_scalars;
    float    scalars[MLCI_USE_SCALARS];
    uint32_t out;
} mlci_use;

typedef enum mlci_call_kind {
    MLCI_CALL_KERNEL,      /* a generated kernel                               */
    MLCI_CALL_MATMUL,      /* template: prologue, stored weights, epilogues    */
    MLCI_CALL_EMBED,       /* rows of a stored table, then a kernel on each    */
    MLCI_CALL_DECODE,      /* a whole matrix: only without the decode pass     */
    MLCI_CALL_APPEND,      /* library: keys and values to pages                */
    MLCI_CALL_ATTENTION,   /* library                                          */
    MLCI_CALL_REDUCE,      /* collective: sum over ranks                       */
    MLCI_CALL_GATHER,      /* collective: parts side by side                   */
    MLCI_CALL_TOP_K, MLCI_CALL_CHOSEN,   /* library: which experts, their scores */
    MLCI_CALL_EXPERTS      /* library: rows times their experts' panels        */
} mlci_call_kind;

enum { MLCI_MAX_SEGMENTS = 4 };

/* One stored matrix of a matmul call. */
typedef struct mlci_segment {
    uint32_t weight, product;   /* nodes                                       */
    uint32_t rows;
} mlci_segment;

typedef enum mlci_sink { MLCI_SINK_VALUE, MLCI_SINK_KEY, MLCI_SINK_VALUES } mlci_sink;

/* What becomes of products before they are written: of one segment, or of two side
 * by side (a gate). */
typedef struct mlci_epilogue {
    mlci_use  use;
    uint32_t  first, n;         /* segments                                    */
    uint32_t  out;              /* node                                        */
    uint32_t  head_dim;         /* a unit is made of whole heads, 0: any       */
    mlci_sink sink;
} mlci_epilogue;

typedef struct mlci_call {
    mlci_call_kind kind;
    uint32_t node;              /* last member of the group                    */
    uint32_t out;
    mlci_use kernel;            /* KERNEL; MATMUL: before; EMBED: after        */
    uint32_t x, y;              /* MATMUL: rows (without kernel); others: operands */
    uint32_t columns;           /* MATMUL, EMBED: K                            */
    uint32_t n_segments, n_epilogues;
    mlci_segment  segments[MLCI_MAX_SEGMENTS];
    mlci_epilogue epilogues[MLCI_MAX_SEGMENTS];
    uint32_t pool, layer, window;
    float    scale, cap;
} mlci_call;

/* How a call is carried out, where there is a choice. */
typedef enum mlci_way {
    MLCI_WAY_ONLY, MLCI_WAY_ALONE, MLCI_WAY_SHARED, MLCI_WAY_CHUNKS, MLCI_WAY_TILES,
    MLCI_WAY_COUNT
} mlci_way;

extern const char *const mlci_way_names[MLCI_WAY_COUNT];

/* The way for a step of so many rows, by the table in pass_dispatch.c, and up to how
 * many it holds. */
mlci_way mlci_call_way(mlci_call_kind kind, mlci_target target, uint32_t rows,
                       uint32_t *most_rows);

/* Where a value lies.  Values are float32 or int32: four bytes an element. */
typedef struct mlci_slot {
    uint32_t node;
    mlci_dim elements;
    uint32_t first, last;  /* calls                                            */
} mlci_slot;

typedef struct mlci_plan {
    mlci_call **fused;     /* by group: what fuse_tir made of it, or NULL      */
    mlci_call *calls;
    size_t     n_calls;
    mlci_slot *slots;
    size_t     n_slots;
    uint32_t  *slot_of;    /* [n_nodes] slot + 1, 0 = the node has none         */
} mlci_plan;

/* ---- passes --------------------------------------------------------------------- */

typedef struct mlci_pass {
    const char *name, *what;
    bool        optional;   /* bench --without leaves it out                   */
    mlc_status (*run)(mlci_module *m, mlci_plan *plan);
} mlci_pass;

extern const mlci_pass mlci_pass_table[];
extern const size_t mlci_pass_count;

typedef void mlci_trace_fn(void *user, const mlci_pass *pass, const mlci_module *m,
                           const mlci_plan *plan);

/* Run all passes but those whose names are in without (separated by commas, or
 * NULL); trace, if not NULL, sees the module before (pass NULL) and after each. */
mlc_status mlci_compile(mlci_module *m, const char *without, mlci_plan *plan,
                        mlci_trace_fn *trace, void *user);

/* Is the name in the list, between commas?  The list may be NULL. */
bool mlci_pass_listed(const char *list, const char *name);

mlc_status mlci_pass_shard(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_legalize(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_fold(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_common(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_dead(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_merge(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_decode(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_prologue(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_epilogue(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_fuse_ops(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_fuse_tir(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_dispatch(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_memory(mlci_module *m, mlci_plan *plan);

/* group.c: can the groups of the two nodes be one generated kernel, if there were it? */
bool mlci_one_kernel(mlci_module *m, uint32_t a, uint32_t b);
/* Put two groups together if that leaves no cycle (and, on a GPU, one kernel); false if
 * not. */
bool mlci_join(mlci_module *m, uint32_t a, uint32_t b);
/* What decodes the weights of a contraction, or the rows that are looked up, if nobody
 * else uses it; 0 if there is none. */
uint32_t mlci_own_decode(const mlci_module *m, uint32_t node);
/* The matmul of the node's group, 0 if it has none. */
uint32_t mlci_group_matmul(const mlci_module *m, uint32_t node);
/* pass_fuse_ops.c: may a producer of the first pattern be computed inside a consumer of
 * the second? */
bool mlci_may_fuse(mlci_pattern producer, mlci_pattern consumer);
/* call.c: the group whose last member is given as one call; false if it cannot be. */
bool mlci_group_call(mlci_module *m, uint32_t last, mlci_call *call);
/* pass_fold.c: the value of a folded node, from those of others; [n_nodes]. */
mlc_status mlci_fold_compute(const mlci_module *m, mlc_context *ctx, uint32_t node,
                             float *const *values, mlc_error *err);
/* fuse.c: the nodes (in order of computation) as one kernel that gives result; false
 * if they cannot be one.  mlci_fuse: also if there is no such kernel. */
bool mlci_can_fuse(mlci_module *m, const uint32_t *nodes, uint32_t n, uint32_t result,
                   mlci_use *use);
bool mlci_fuse(mlci_module *m, const uint32_t *nodes, uint32_t n, uint32_t result,
               mlci_use *use);
/* Node numbers of the groups' last members in an order of computation. */
mlc_status mlci_group_order(mlci_module *m, uint32_t *order, size_t *n);

/* Byte offsets of the slots for these values of the symbols: slots whose lives
 * overlap do not.  Returns the bytes that all take, SIZE_MAX if too large. */
size_t mlci_plan_place(const mlci_module *m, const mlci_plan *plan,
                       const int64_t values[MLCI_MODEL_VALUES], size_t *offsets);

/* A call as text, on one line: its weights, what it is made of, its kernels. */
void mlci_call_print(const mlci_module *m, const mlci_call *c, mlci_buf *b);

/* Weight bytes that the call reads for one row. */
uint64_t mlci_call_weight_bytes(const mlci_module *m, const mlci_call *c);

#endif
