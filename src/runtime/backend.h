/* SPDX-License-Identifier: Apache-2.0
 *
 * backend.h - what a compute device does for the library: hold a model's
 * weights, run a plan's calls for the rows of a step.
 *
 * Weights belong to the model (many sessions share them), a program to one
 * session.  All memory of a program is taken when it is opened; run allocates
 * nothing.  Backends are a table (backends in model/open.c); each implements
 * this page and holds no maths: that is in kernels/.
 */
#ifndef MLCI_BACKEND_H
#define MLCI_BACKEND_H

#include "../compiler/pass.h"
#include "../load/source.h"
#include "comm.h"

/* One step: rows of any sequences, in the order of their results.  Prefill,
 * decode and scoring are all this. */
/* y += B (A x); rank 0: nothing.  a [rank][columns], b [rank][stride], stride the rows and
 * what fills them up to 32. */
typedef struct mlci_low_rank {
    uint32_t     rank;
    size_t       stride;
    const float *a, *b;
} mlci_low_rank;

typedef struct mlci_step {
    uint32_t n_rows, n_logits;
    uint32_t first_logit;              /* where in the result this step's logits
                                          go: earlier rows are kept            */
    const int32_t *tokens;             /* [n_rows]                             */
    const float *const *embeddings;    /* [n_rows] of width floats, or NULL: the
                                          row's token; the array may be NULL   */
    const int32_t *positions;          /* [n_rows]                             */
    const int32_t *logit_rows;         /* [n_logits] row numbers               */
    /* [pool][row][block]: the pages of the row's sequence in each pool */
    uint8_t *const *const *pages[MLCI_MAX_POOLS];
    const atomic_bool *cancel;         /* looked at between calls              */
    /* [n_rows]: of each node, what an adapter adds to products with that weight; NULL:
     * nothing; the array may be NULL. */
    const mlci_low_rank *const *adapters;
} mlci_step;

/* What a program may be asked for; fixed when it is opened. */
typedef struct mlci_bounds {
    uint32_t rows, logits;             /* of one step                          */
    uint64_t kv_tokens;                /* longest sequence                     */
    bool     kv_f32;
} mlci_bounds;

typedef struct mlci_weights mlci_weights;
typedef struct mlci_executor mlci_executor;

typedef struct mlci_load {
    mlc_context       *ctx;
    const mlci_module *module;
    const mlci_plan   *plan;
    const mlci_source *files;         /* the tensors' numbers are theirs         */
    mlci_comm         *comm;          /* NULL: one rank                         */
    mlc_status       (*progress)(void *user, double done);
    void              *progress_user;
} mlci_load;

typedef struct mlci_laid {
    const void *bytes;
    uint64_t    n_bytes;
    mlci_format format;
    bool        panels;                /* MLCI_STORED_PANELS, else blocks        */
} mlci_laid;

enum { MLCI_KV_PAGE = 64 };            /* positions of a page, on every device */

typedef struct mlci_backend {
    const char *name;
    /* Is a generated kernel of this signature there for the context's device? */
    bool       (*has_kernel)(const void *ctx, uint64_t hash);

    /* Read the plan's weights and lay them out for the device. */
    mlc_status (*weights_open)(const mlci_load *load, mlci_weights **out,
                               mlc_error *err);
    void       (*weights_close)(mlci_weights *w);
    uint64_t   (*weights_bytes)(const mlci_weights *w);
    /* Bytes that decoding one row reads. */
    uint64_t   (*decode_bytes)(const mlci_weights *w);
    /* What a weight or vector of the module became, for files that are laid out; false: it
     * is none.  Of all ranks: one. */
    bool       (*become)(const mlci_weights *w, uint32_t node, mlci_laid *out);

    /* Bytes of a page of a pool, and one position's part of it in the canonical
     * order [layer][key, value][head][dim] of the pages' own type, for saving. */
    size_t     (*page_bytes)(const mlci_module *m, uint32_t pool, bool kv_f32);
    void       (*page_read)(const mlci_module *m, uint32_t pool, bool kv_f32,
                            const uint8_t *page, uint32_t slot, uint8_t *out);
    void       (*page_write)(const mlci_module *m, uint32_t pool, bool kv_f32,
                             uint8_t *page, uint32_t slot, const uint8_t *in);

    mlc_status (*executor_open)(mlci_weights *w, const mlci_bounds *bounds,
                               mlci_executor **out, mlc_error *err);
    void       (*executor_close)(mlci_executor *p);
    uint64_t   (*executor_bytes)(const mlci_executor *p);
    /* Compute the step; MLC_EIO if another rank has gone, MLC_ECANCELED if its flag
     * was set meanwhile.  Pages of
     * the rows' positions have then been written in part. */
    mlc_status (*run)(mlci_executor *p, const mlci_step *step);
    /* Steps may have adapters of this rank from now on; not during a run. */
    mlc_status (*adapters)(mlci_executor *p, uint32_t rank, mlc_error *err);
    /* From now on add up the squares of what products are given; once, before any run. */
    mlc_status (*observe)(mlci_executor *p, mlc_error *err);
    /* Add the sums for a weight's n columns to out; false: no product reads it. */
    bool       (*observed)(const mlci_executor *p, uint32_t weight, float *out, uint32_t n);
    /* [bounds.logits][vocabulary]; rows that no later run has overwritten. */
    const float *(*logits)(const mlci_executor *p);
} mlci_backend;

extern const mlci_backend mlci_backend_cpu;

/* Logits that lie in the host's memory, by the CPU's generated kernels: the largest of
 * n, and the logarithm of the sum of their exponentials. */
float mlci_logits_largest(const mlc_context *ctx, const float *x, size_t n);
float mlci_logits_log_sum(const mlc_context *ctx, const float *x, size_t n);
/* In place: probabilities of n logits; those below min_p of the largest set to 0; logits
 * of tokens seen before, counts times in the output. */
void mlci_logits_softmax(const mlc_context *ctx, float *x, size_t n, float temperature);
void mlci_logits_min_p(const mlc_context *ctx, float *p, size_t n, float min_p);
void mlci_logits_penalize(const mlc_context *ctx, float *x, const int32_t *counts, size_t n,
                          float repetition, float frequency, float presence);

#endif
