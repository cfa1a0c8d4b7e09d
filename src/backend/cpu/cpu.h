/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.h - the CPU backend, seen from inside.
 *
 * A run is one function on all threads of the pool: each thread goes through the
 * plan's calls and does its share, with a barrier behind every call.
 */
#ifndef MLCI_CPU_H
#define MLCI_CPU_H

#include "../../../kernels/attention/attention.h"
#include "../../../kernels/generated/generated.h"
#include "../../../kernels/matmul/matmul.h"
#include "../../../kernels/rows/rows.h"
#include "../../base/pool.h"
#include "../../runtime/backend.h"
#include "../../runtime/device.h"

/* The kernels of a tier. */
typedef struct mlci_cpu_kernels {
    const mlci_row_kernels       *rows;
    const mlci_matmul_kernels    *matmul;
    const mlci_attention_kernels *attention;
    const mlci_gen_table         *generated;
} mlci_cpu_kernels;

const mlci_cpu_kernels *mlci_cpu_kernels_of(mlci_tier tier);

/* A weight or vector of the module, ready for kernels. */
typedef struct cpu_weight {
    mlci_packed    packed;    /* data NULL if the matrix is only looked up     */
    const uint8_t *rows;      /* looked up: the file's rows                    */
    size_t         row_bytes;
    const float   *vector;
} cpu_weight;

struct mlci_weights {
    mlc_context       *ctx;
    const mlci_module *module;
    const mlci_plan   *plan;
    const mlci_cpu_kernels *kernels;
    mlci_comm         *comm;
    cpu_weight        *nodes;          /* [module->n_nodes]                    */
    uint8_t           *blob;           /* all panels and vectors               */
    size_t             blob_bytes;
};

/* A generated kernel, its arguments filled in but for ranges and tiles. */
typedef struct cpu_use {
    mlci_gen_fn  *fn;                  /* NULL: none                           */
    bool          tiled;               /* columns may be cut too               */
    mlci_gen_args args;
} cpu_use;

/* A size that depends on the step, or a pointer into the result. */
typedef struct cpu_patch {
    cpu_use *use;
    uint32_t at;                       /* size or buffer                       */
    mlci_dim dim;                      /* UINT32_MAX: the result's address     */
} cpu_patch;

enum { CPU_USES = 1 + MLCI_MAX_SEGMENTS };  /* of a call: kernel, epilogues      */

typedef struct cpu_thread {
    void  *matmul, *attention;         /* scratch of the kernels               */
    float *tile;                       /* products of one unit                 */
    float *heads;                      /* keys or values of one unit           */
    float *row;                        /* a normed row, scores of experts      */
    uint32_t *pairs;                   /* of rows and experts, in order        */
    mlci_acts acts;                    /* own prepared rows, for one or two    */
    float *low;                        /* what adapters make of these          */
} cpu_thread;

struct mlci_executor {
    mlci_weights  *weights;
    mlci_bounds    bounds;
    uint8_t       *blob;               /* slots and scratch                    */
    size_t         blob_bytes;
    float        **values;             /* [n_nodes] where a node's value lies  */
    mlci_acts      acts;               /* shared prepared rows                 */
    float         *part_acc;           /* attention in chunks: partial results */
    mlci_att_part *parts;
    uint32_t       max_chunks;
    cpu_thread    *threads;
    uint32_t       n_threads;
    const mlci_step *step;             /* of the run                           */
    float         *result;             /* all rows of logits                   */
    atomic_bool    canceled[2];        /* seen at this call and the one before */
    mlc_status     stopped;            /* why the run ended early              */
    float        **squares;            /* [n_threads][n_calls] or NULL: observe.c */
    float         *low;                /* what adapters make of prepared rows:
                                          [rows][MLCI_MAX_SEGMENTS][low_rank]  */
    size_t         n_low;
    uint32_t       low_rank;
    float         *room;               /* what an exchange with ranks needs    */
    mlci_kv_layout *layouts;           /* [n_calls] for attention and appends  */
    cpu_use       *uses;               /* [n_calls][CPU_USES]                  */
    cpu_patch     *patches;
    size_t         n_patches, patches_cap;
};

/* One thread's part of a call.  n: rows of the step or of the logits. */
typedef struct cpu_job {
    mlci_executor    *p;
    const mlci_step *step;
    const mlci_call *call;
    mlci_team       *team;
    uint32_t         thread;
} cpu_job;

void cpu_run_matmul(const cpu_job *j);
void cpu_run_attention(const cpu_job *j);
void cpu_run_embed(const cpu_job *j);
void cpu_run_kernel(const cpu_job *j);
void cpu_run_decode(const cpu_job *j);
void cpu_run_append(const cpu_job *j);
void cpu_run_reduce(const cpu_job *j);
void cpu_run_gather(const cpu_job *j);
void cpu_run_top_k(const cpu_job *j);
void cpu_run_chosen(const cpu_job *j);
void cpu_run_experts(const cpu_job *j);

/* x as prepared row t of a product, in these forms. */
void cpu_prepare(const cpu_job *j, const mlci_acts *a, uint32_t t, uint32_t forms,
                 const float *x);

/* A key or value row of all heads from head on, to the page of row t's position. */
void cpu_append(const cpu_job *j, uint32_t t, uint32_t head, uint32_t n_heads,
                const float *x, bool key);

/* observe.c */
mlc_status cpu_observe(mlci_executor *p, mlc_error *err);
void       cpu_observe_close(mlci_executor *p);
void       cpu_observe_row(const cpu_job *j, const float *x);
bool       cpu_observed(const mlci_executor *p, uint32_t weight, float *out, uint32_t n);

/* low_rank.c: A x of a row; B's part added to the product of a segment's panel; room for
 * adapters of a rank. */
void       cpu_low_rank_in(const cpu_job *j, float *low, uint32_t t, const float *x);
void       cpu_low_rank_out(const cpu_job *j, float *low, uint32_t segment, uint32_t panel,
                            uint32_t n, float *tile, size_t ld);
mlc_status cpu_low_rank_room(mlci_executor *p, uint32_t rank, mlc_error *err);
void       cpu_low_rank_close(mlci_executor *p);

/* use.c: kernels bound to their arguments, and what changes with a step. */
mlc_status cpu_uses_open(mlci_executor *p, mlc_error *err);
void       cpu_uses_close(mlci_executor *p);
void       cpu_uses_begin(mlci_executor *p, const mlci_step *step);

/* Panels of each product that are computed before their epilogue: heads must be
 * whole. */
uint32_t cpu_unit_panels(const mlci_epilogue *e);

static inline const cpu_use *cpu_use_of(const cpu_job *j, uint32_t which)
{
    return &j->p->uses[(size_t)(j->call - j->p->weights->plan->calls) * CPU_USES + which];
}

/* executor.c: the entries of the backend's table */
mlc_status cpu_executor_open(mlci_weights *w, const mlci_bounds *bounds,
                            mlci_executor **out, mlc_error *err);
void       cpu_executor_close(mlci_executor *p);
uint64_t   cpu_executor_bytes(const mlci_executor *p);
mlc_status cpu_run(mlci_executor *p, const mlci_step *step);
const float *cpu_logits(const mlci_executor *p);
size_t     cpu_page_bytes(const mlci_module *m, uint32_t pool, bool f32);
void       cpu_page_read(const mlci_module *m, uint32_t pool, bool f32,
                         const uint8_t *page, uint32_t slot, uint8_t *out);
void       cpu_page_write(const mlci_module *m, uint32_t pool, bool f32, uint8_t *page,
                          uint32_t slot, const uint8_t *in);

mlci_kv_layout cpu_kv_layout(const mlci_module *m, uint32_t pool, uint32_t layer,
                             bool f32);

static inline float *cpu_value(const cpu_job *j, uint32_t node)
{
    return j->p->values[node];
}

/* Rows that the node has in this step. */
static inline uint32_t cpu_rows_of(const cpu_job *j, uint32_t node)
{
    const mlci_module *m = j->p->weights->module;
    const mlci_dim rows = m->nodes[node].type.dims[0];
    const int64_t values[MLCI_MODEL_VALUES] = { 0, j->step->n_rows, j->step->n_logits };
    int64_t n = 0;

    if (rows == m->n || rows == m->r)
        return rows == m->r ? j->step->n_logits : j->step->n_rows;
    (void)mlci_dim_at(&m->dims, rows, values, MLCI_MODEL_VALUES, &n);
    return (uint32_t)n;
}

/* Values of one row of the node. */
static inline size_t cpu_row_elements(const mlci_module *m, uint32_t node)
{
    const mlci_type *t = &m->nodes[node].type;
    int64_t d = 0;
    size_t n = 1;

    for (uint32_t i = 1; i < t->rank; i++)
        if (mlci_dim_known(&m->dims, t->dims[i], &d))
            n *= (size_t)d;
    return n;
}

/* Matrices that a call of experts, or of heads each with its own, multiplies a row with. */
static inline size_t cpu_of_row(const mlci_module *m, const mlci_call *c)
{
    return c->y != 0 ? cpu_row_elements(m, c->y) : m->nodes[c->segments[0].weight].units;
}

#endif
