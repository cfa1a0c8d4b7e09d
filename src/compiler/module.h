/* SPDX-License-Identifier: Apache-2.0
 *
 * module.h - modules as text: graph functions, tensor programs and library calls
 * side by side.
 *
 *   program twice(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[i] * 2.0 }
 *
 *   function main(x: f32[n, 64], w: f32[m, 64]) -> f32[n, m] {
 *       h = rms_norm(x, g, 1e-05)               # an operator: kernels/defs
 *       y = matmul(h, w)
 *       z = call_tir twice(y) -> f32[n, m]      # a program, its output's shape said
 *       u = call_dps_library "host.sort"(z) -> f32[n, m]
 *       v = call other(u)                       # another function
 *       k = unique(v)                           # how many, only a run can tell: f32[?]
 *       c = match_cast k as f32[q]              # q is bound, and may be used below
 *       s = shape[q, 2*n]                       # a shape as a value
 *       return c
 *   }
 *
 * Types are deduced statement by statement.  Equality of sizes is proved on their
 * canonical forms; where it cannot be, the error says both shapes, and a match_cast
 * leaves it to the run.  A size that cannot be deduced is "?": only the rank is
 * known.  An operator with "..." in its definition takes operands of any rank.
 *
 * Running interprets every statement (tir/interp.c): checked, slow, the oracle.
 */
#ifndef MLCI_MODULE_H
#define MLCI_MODULE_H

#include "ir.h"

enum { MLCI_MAX_ARGS = 8, MLCI_MAX_MADE = 256 };

typedef enum mlci_stmt_kind {
    MLCI_S_PARAM, MLCI_S_PROGRAM, MLCI_S_LIBRARY, MLCI_S_CALL, MLCI_S_UNIQUE,
    MLCI_S_CAST, MLCI_S_SHAPE, MLCI_S_RESHAPE
} mlci_stmt_kind;

/* One statement and the value it gives. */
typedef struct mlci_stmt {
    mlci_stmt_kind kind;
    const char *name;
    const char *callee;            /* program, library function, function       */
    bool        given;             /* PROGRAM: call_tir, with its type          */
    const mlci_program *program;
    struct mlci_function *function;
    uint32_t    args[MLCI_MAX_ARGS], n_args;    /* statements                   */
    float       scalars[MLCI_MAX_ARGS];
    uint32_t    n_scalars;
    mlci_type   type;              /* SHAPE: the dims are the values            */
} mlci_stmt;

typedef struct mlci_function {
    struct mlci_function *next;
    const char *name;
    mlci_stmt  *stmts;
    uint32_t    n_stmts, cap, n_params, result;
    mlci_type   returns;
    mlci_scope  scope;             /* symbols of its own                        */
} mlci_function;

/* A function of the host: arrays are the arguments, then the output, which has its
 * size already.  Nonzero: failed. */
typedef int mlci_host_fn(void *user, const mlci_array *arrays, uint32_t n);

typedef struct mlci_host { const char *name; mlci_host_fn *run; void *user; } mlci_host;

typedef struct mlci_text_module {
    mlci_arena     arena;
    mlci_dims      dims;
    mlci_tir       tir;
    mlci_library   library;
    uint32_t       n_own;          /* programs of the text                      */
    mlci_program  *made[MLCI_MAX_MADE];   /* by passes                          */
    uint32_t       n_made, n_named;
    mlci_function *functions;      /* in order                                  */
    mlc_error     *err;
} mlci_text_module;

/* Read a module; its text must outlive it.  mlci_text_close also after a failure. */
mlc_status mlci_text_open(mlci_text_module *m, mlc_context *ctx, const char *text, size_t n,
                          mlc_error *err);
void mlci_text_close(mlci_text_module *m);
mlci_function *mlci_text_function(const mlci_text_module *m, const char *name);
/* With the types that were deduced; what is printed reads back the same. */
void mlci_text_print(mlci_text_module *m, mlci_buf *out);

/* The i-th pass over modules, NULL behind the last; and running it: see module_pass.c. */
const char *mlci_text_pass_name(size_t i);
mlc_status  mlci_text_pass(mlci_text_module *m, size_t i);

/*
 * Run a function: arrays for its parameters in order (a shape's: data NULL, its
 * values in dims).  The result's data is new memory of n_bytes, for mlci_delete(ctx,
 * data, n_bytes, 1).  hosts: functions for call_dps_library.
 */
mlc_status mlci_text_run(mlci_text_module *m, const mlci_function *f, const mlci_array *args,
                         const mlci_host *hosts, size_t n_hosts, mlci_array *result,
                         size_t *n_bytes);

#endif
