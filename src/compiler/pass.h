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

typedef enum mlci_call_kind {
    MLCI_CALL_EMBED,       /* rows of a stored table, decoded and scaled       */
    MLCI_CALL_ROPE_TABLE,
    MLCI_CALL_MATMUL,      /* [take] [norm] -> stored weights -> epilogue      */
    MLCI_CALL_ATTENTION,
    MLCI_CALL_NORM_ADD,    /* y + rms_norm(x)                                  */
    MLCI_CALL_SIMPLE       /* one operator by itself: slower, never wrong      */
} mlci_call_kind;

typedef enum mlci_epilogue {
    MLCI_EPI_STORE,        /* [+ bias] [soft cap]                              */
    MLCI_EPI_RESIDUAL,     /* [+ bias] + another value                         */
    MLCI_EPI_GATED,        /* act(first [+ bias]) * (second [+ bias])          */
    MLCI_EPI_HEADS         /* [+ bias] [norm] [rope]: q stored, k and v to pages */
} mlci_epilogue;

typedef enum mlci_role {
    MLCI_ROLE_PLAIN, MLCI_ROLE_GATE, MLCI_ROLE_UP, MLCI_ROLE_Q, MLCI_ROLE_K,
    MLCI_ROLE_V
} mlci_role;

enum { MLCI_MAX_SEGMENTS = 4 };

/* One stored matrix of a matmul call.  Numbers are nodes, 0 = none. */
typedef struct mlci_segment {
    mlci_role role;
    uint32_t  weight, bias;
    uint32_t  head_gain;   /* norm over each head                              */
    float     head_eps;
    uint32_t  table;       /* rope                                             */
    bool      interleaved;
    uint32_t  out;         /* value that is stored                             */
    uint32_t  rows;
} mlci_segment;

typedef struct mlci_call {
    mlci_call_kind kind;
    uint32_t node;         /* last member of the group                         */
    uint32_t x, y;         /* operands: see dispatch.c for each kind           */
    uint32_t take, gain;   /* matmul: row numbers, norm gain                   */
    uint32_t out;
    float    eps, scale;
    mlci_epilogue epilogue;
    bool     gelu;         /* gated: gelu, else silu                           */
    uint32_t n_segments;
    mlci_segment segments[MLCI_MAX_SEGMENTS];
    uint32_t columns;      /* K of a matmul                                    */
    uint32_t pool, layer, window, head_dim;
} mlci_call;

/* Where a value lies.  Values are float32 or int32: four bytes an element. */
typedef struct mlci_slot {
    uint32_t node;
    mlci_dim elements;
    uint32_t first, last;  /* calls                                            */
} mlci_slot;

typedef struct mlci_plan {
    mlci_call *calls;
    size_t     n_calls;
    mlci_slot *slots;
    size_t     n_slots;
    uint32_t  *slot_of;    /* [n_nodes] slot + 1, 0 = the node has none         */
} mlci_plan;

/* ---- passes --------------------------------------------------------------------- */

typedef struct mlci_pass {
    const char *name, *what;
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

mlc_status mlci_pass_merge(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_decode(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_prologue(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_epilogue(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_rows(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_dispatch(mlci_module *m, mlci_plan *plan);
mlc_status mlci_pass_memory(mlci_module *m, mlci_plan *plan);

/* group.c: put two groups together if that leaves no cycle; false if not. */
bool mlci_join(mlci_module *m, uint32_t a, uint32_t b);
/* The matmul of the node's group, 0 if it has none. */
uint32_t mlci_group_matmul(const mlci_module *m, uint32_t node);
/* Node numbers of the groups' last members in an order of computation. */
mlc_status mlci_group_order(mlci_module *m, uint32_t *order, size_t *n);

/* Byte offsets of the slots for these values of the symbols: slots whose lives
 * overlap do not.  Returns the bytes that all take, SIZE_MAX if too large. */
size_t mlci_plan_place(const mlci_module *m, const mlci_plan *plan,
                       const int64_t values[MLCI_MODEL_VALUES], size_t *offsets);

/* One line of text about a call: its signature. */
void mlci_call_print(const mlci_module *m, const mlci_call *c, char *buf, size_t cap);

/* Weight bytes that the call reads for one row. */
uint64_t mlci_call_weight_bytes(const mlci_module *m, const mlci_call *c);

#endif
