/* SPDX-License-Identifier: Apache-2.0
 *
 * executor.c - a plan with memory for a session's steps, and running it.
 *
 * One block holds everything: the plan's values at the offsets of the memory
 * plan, the prepared rows of products, and each thread's scratch.
 */
#include "cpu.h"

#include <string.h>

_Static_assert((int)MLCI_KV_PAGE == (int)MLCI_PAGE_TOKENS, "the pool's pages are the kernels'");

/* ---- pages -------------------------------------------------------------------------- */

mlci_kv_layout cpu_kv_layout(const mlci_module *m, uint32_t pool, uint32_t layer, bool f32)
{
    const mlci_pool_info *p = &m->pools[pool];
    mlci_kv_layout l = { .n_heads = p->n_heads, .head_dim = p->head_dim, .f32 = f32 };

    l.block_bytes = mlci_kv_block_bytes(p->head_dim, f32);
    l.offset = (size_t)layer * 2 * p->n_heads * l.block_bytes;
    return l;
}

size_t cpu_page_bytes(const mlci_module *m, uint32_t pool, bool f32)
{
    return cpu_kv_layout(m, pool, m->pools[pool].n_layers, f32).offset;
}

/* Copy one position between its page and [layer][key, value][head][dim]. */
static void pg_copy(const mlci_module *m, uint32_t pool, bool f32, uint8_t *page,
                    uint32_t slot, uint8_t *flat, bool to_page)
{
    const size_t size = f32 ? 4 : 2;

    for (uint32_t l = 0; l < m->pools[pool].n_layers; l++) {
        mlci_kv_layout kv = cpu_kv_layout(m, pool, l, f32);

        for (uint32_t part = 0; part < 2; part++)
            for (uint32_t h = 0; h < kv.n_heads; h++) {
                uint8_t *block = page + (part == 0 ? mlci_kv_keys(&kv, h)
                                                   : mlci_kv_values(&kv, h));

                for (uint32_t d = 0; d < kv.head_dim; d++, flat += size) {
                    uint8_t *at = block + size * (part == 0
                        ? (size_t)d * MLCI_PAGE_TOKENS + slot
                        : (size_t)slot * kv.head_dim + d);

                    memcpy(to_page ? at : flat, to_page ? flat : at, size);
                }
            }
    }
}

void cpu_page_read(const mlci_module *m, uint32_t pool, bool f32, const uint8_t *page,
                   uint32_t slot, uint8_t *out)
{
    pg_copy(m, pool, f32, (uint8_t *)(uintptr_t)page, slot, out, false);
}

void cpu_page_write(const mlci_module *m, uint32_t pool, bool f32, uint8_t *page,
                    uint32_t slot, const uint8_t *in)
{
    pg_copy(m, pool, f32, page, slot, (uint8_t *)(uintptr_t)in, true);
}

/* ---- memory ---------------------------------------------------------------------------- */

uint32_t cpu_unit_panels(const mlci_epilogue *e)
{
    uint32_t panels = 1;

    while (e->head_dim > 0 && panels * MLCI_PANEL_ROWS % e->head_dim != 0)
        panels++;
    return panels;
}

/* Cuts pieces off a block whose size is not known yet: with base NULL it only
 * counts. */
typedef struct pg_cutter { uint8_t *base; size_t used; } pg_cutter;

static void *pg_cut(pg_cutter *c, size_t bytes)
{
    void *p = c->base != NULL ? c->base + c->used : NULL;

    c->used = mlci_round_up(mlci_add(c->used, bytes), 64);
    return p;
}

/* values: of all rows. */
static void pg_cut_acts(pg_cutter *c, mlci_acts *a, size_t rows, size_t values, bool floats)
{
    a->high = pg_cut(c, values);
    a->low = pg_cut(c, values);
    a->quads = pg_cut(c, mlci_mul(values, 2));
    a->sums = pg_cut(c, mlci_mul(values / MLCI_SUM_GROUP, 4));
    a->scale = pg_cut(c, mlci_mul(rows, 4));
    a->x = floats ? pg_cut(c, mlci_mul(values, 4)) : NULL;
}

/* What the plan's calls need at most. */
typedef struct pg_needs {
    size_t columns, tile, head_dim, row, heads, room;
    size_t of_row, experts;      /* most experts of a row; of all               */
    size_t prepared;             /* most values of a row that products get      */
    bool   floats;
} pg_needs;

static pg_needs pg_measure(const mlci_weights *w)
{
    const mlci_matmul_kernels *k = w->kernels->matmul;
    pg_needs n = { .columns = 64, .tile = 64, .head_dim = 16, .row = 64, .heads = 1,
                   .of_row = 1 };

    for (size_t i = 0; i < w->plan->n_calls; i++) {
        const mlci_call *c = &w->plan->calls[i];

        if (c->kind == MLCI_CALL_MATMUL || c->kind == MLCI_CALL_EXPERTS) {
            const size_t pairs = c->kind == MLCI_CALL_EXPERTS ? cpu_of_row(w->module, c) : 1;

            n.columns = mlci_max(n.columns, c->columns);
            n.prepared = mlci_max(n.prepared, pairs * mlci_round_up(c->columns, 64));
            for (uint32_t e = 0; e < c->n_epilogues; e++)
                n.tile = mlci_max(n.tile, cpu_unit_panels(&c->epilogues[e])
                                          * c->epilogues[e].n * MLCI_PANEL_ROWS);
            for (uint32_t s = 0; s < c->n_segments; s++)
                n.floats = n.floats
                    || k->forms(w->nodes[c->segments[s].weight].packed.format, 1)
                       == MLCI_FORM_FLOAT;
        }
        n.row = mlci_max(n.row, c->columns);
        if (c->kind == MLCI_CALL_EXPERTS) {
            n.of_row = mlci_max(n.of_row, cpu_of_row(w->module, c));
            n.experts = mlci_max(n.experts, w->module->nodes[c->segments[0].weight].units);
        } else if (c->kind == MLCI_CALL_TOP_K) {
            n.row = mlci_max(n.row, 3 * cpu_row_elements(w->module, c->x));
        }
        if (c->kind == MLCI_CALL_REDUCE || c->kind == MLCI_CALL_GATHER)
            n.room = mlci_max(n.room, cpu_row_elements(w->module, c->out));
    }
    for (uint32_t p = 0; p < w->module->n_pools; p++)
        n.head_dim = mlci_max(n.head_dim, w->module->pools[p].head_dim);
    for (uint32_t i = 1; i < w->module->n_nodes; i++)
        if (w->module->nodes[i].op == MLCI_OP_ATTENTION) {
            int64_t h = 0;

            (void)mlci_dim_known(&w->module->dims, w->module->nodes[i].type.dims[1], &h);
            n.heads = mlci_max(n.heads, (size_t)h);
        }
    return n;
}

static void pg_lay_out(mlci_executor *p, pg_cutter *c, const size_t *offsets,
                       size_t values_bytes)
{
    const mlci_weights *w = p->weights;
    pg_needs need = pg_measure(w);
    uint8_t *values = pg_cut(c, values_bytes);
    uint32_t chunked, alone;      /* most rows that attention cuts so, that threads
                                     prepare for themselves */

    if (values != NULL)
        for (uint32_t i = 1; i < w->module->n_nodes; i++)
            if (w->plan->slot_of[i] != 0)
                p->values[i] = (float *)(void *)(values + offsets[w->plan->slot_of[i] - 1]);
    p->result = p->values[w->module->result];
    p->acts.stride = mlci_round_up(need.columns, 64);
    need.prepared = mlci_max(need.prepared, p->acts.stride);
    pg_cut_acts(c, &p->acts, mlci_mul(p->bounds.rows, need.of_row),
                mlci_mul(p->bounds.rows, need.prepared), need.floats);
    if (w->comm != NULL)
        p->room = pg_cut(c, mlci_mul(p->bounds.rows * w->comm->n_ranks, need.room) * sizeof(float));
    p->max_chunks = (uint32_t)(p->bounds.kv_tokens / MLCI_ATT_CHUNK + 2);
    (void)mlci_call_way(MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, 1, &chunked);
    (void)mlci_call_way(MLCI_CALL_MATMUL, MLCI_TARGET_CPU, 1, &alone);
    p->parts = pg_cut(c, chunked * need.heads * p->max_chunks * sizeof *p->parts);
    p->part_acc = pg_cut(c, chunked * need.heads * p->max_chunks
                            * mlci_att_padded(need.head_dim) * sizeof(float));
    for (uint32_t t = 0; t < p->n_threads; t++) {
        cpu_thread *th = &p->threads[t];

        th->matmul = pg_cut(c, mlci_matmul_scratch(need.columns));
        th->attention = pg_cut(c, mlci_att_scratch(need.head_dim));
        th->tile = pg_cut(c, mlci_mul(p->bounds.rows, need.tile) * sizeof(float));
        th->heads = pg_cut(c, mlci_mul(p->bounds.rows, need.tile) * sizeof(float));
        th->row = pg_cut(c, mlci_round_up(need.row, 64) * sizeof(float));
        th->pairs = need.experts == 0 ? NULL
                  : pg_cut(c, mlci_add(mlci_mul(p->bounds.rows, need.of_row), need.experts + 1)
                              * sizeof *th->pairs);
        th->acts.stride = p->acts.stride;
        pg_cut_acts(c, &th->acts, alone, alone * th->acts.stride, need.floats);
    }
}

void cpu_executor_close(mlci_executor *p)
{
    mlc_context *ctx;

    if (p == NULL)
        return;
    ctx = p->weights->ctx;
    mlci_delete_aligned(ctx, p->blob, p->blob_bytes);
    mlci_delete(ctx, p->values, p->weights->module->n_nodes, sizeof *p->values);
    mlci_delete(ctx, p->threads, p->n_threads, sizeof *p->threads);
    mlci_delete(ctx, p->layouts, p->weights->plan->n_calls, sizeof *p->layouts);
    cpu_low_rank_close(p);
    cpu_observe_close(p);
    cpu_uses_close(p);
    mlci_delete(ctx, p, 1, sizeof *p);
}

static mlc_status pg_open(mlci_executor *p, mlc_error *err)
{
    const mlci_weights *w = p->weights;
    mlc_context *ctx = w->ctx;
    const int64_t symbols[MLCI_MODEL_VALUES] = { 0, p->bounds.rows, p->bounds.logits };
    size_t *offsets = mlci_new(ctx, w->plan->n_slots, sizeof *offsets);
    pg_cutter c = { NULL, 0 };
    size_t values;

    p->values = mlci_new(ctx, w->module->n_nodes, sizeof *p->values);
    p->threads = mlci_new(ctx, p->n_threads, sizeof *p->threads);
    p->layouts = mlci_new(ctx, w->plan->n_calls, sizeof *p->layouts);
    if (offsets == NULL || p->values == NULL || p->threads == NULL || p->layouts == NULL) {
        mlci_delete(ctx, offsets, w->plan->n_slots, sizeof *offsets);
        return mlci_nomem(err, "session");
    }
    for (size_t i = 0; i < w->plan->n_calls; i++)
        p->layouts[i] = cpu_kv_layout(w->module, w->plan->calls[i].pool,
                                      w->plan->calls[i].layer, p->bounds.kv_f32);
    values = mlci_plan_place(w->module, w->plan, symbols, offsets);
    pg_lay_out(p, &c, offsets, values);
    p->blob_bytes = c.used;
    p->blob = values < SIZE_MAX / 4 ? mlci_new_aligned(ctx, c.used) : NULL;
    if (p->blob != NULL) {
        c = (pg_cutter){ p->blob, 0 };
        pg_lay_out(p, &c, offsets, values);
    }
    mlci_delete(ctx, offsets, w->plan->n_slots, sizeof *offsets);
    return p->blob != NULL ? cpu_uses_open(p, err)
         : mlci_fail(err, MLC_ENOMEM, 0, "out of memory: %zu MB for steps of %u rows",
                     p->blob_bytes >> 20, p->bounds.rows);
}

mlc_status cpu_executor_open(mlci_weights *w, const mlci_bounds *bounds, mlci_executor **out,
                            mlc_error *err)
{
    mlci_executor *p = mlci_new(w->ctx, 1, sizeof *p);
    mlc_status st;

    *out = NULL;
    if (p == NULL)
        return mlci_nomem(err, "session");
    p->weights = w;
    p->bounds = *bounds;
    p->n_threads = w->ctx->n_threads;
    st = pg_open(p, err);
    if (st != MLC_OK) {
        cpu_executor_close(p);
        return st;
    }
    *out = p;
    return MLC_OK;
}

uint64_t cpu_executor_bytes(const mlci_executor *p) { return p->blob_bytes; }

/* ---- running ------------------------------------------------------------------------------ */

static void pg_thread(void *arg, mlci_team *team, uint32_t thread)
{
    static void (*const run[])(const cpu_job *) = {
        [MLCI_CALL_KERNEL] = cpu_run_kernel, [MLCI_CALL_MATMUL] = cpu_run_matmul,
        [MLCI_CALL_EMBED] = cpu_run_embed, [MLCI_CALL_DECODE] = cpu_run_decode,
        [MLCI_CALL_APPEND] = cpu_run_append, [MLCI_CALL_ATTENTION] = cpu_run_attention,
        [MLCI_CALL_REDUCE] = cpu_run_reduce, [MLCI_CALL_GATHER] = cpu_run_gather,
        [MLCI_CALL_TOP_K] = cpu_run_top_k, [MLCI_CALL_CHOSEN] = cpu_run_chosen,
        [MLCI_CALL_EXPERTS] = cpu_run_experts,
    };
    mlci_executor *p = arg;
    const mlci_plan *plan = p->weights->plan;

    for (size_t i = 0; i < plan->n_calls; i++) {
        cpu_job j = { p, p->step, &plan->calls[i], team, thread };

        /* One thread looks at the flag, so that all leave at the same call; two
         * places in turn, so that nobody still reads the one being written. */
        if (thread == 0)
            atomic_store(&p->canceled[i % 2],
                         p->step->cancel != NULL && atomic_load(p->step->cancel));
        run[plan->calls[i].kind](&j);
        mlci_team_barrier(team);
        if (atomic_load(&p->canceled[i % 2])) {
            if (thread == 0 && p->stopped == MLC_OK)
                p->stopped = MLC_ECANCELED;
            return;
        }
    }
}

mlc_status cpu_run(mlci_executor *p, const mlci_step *step)
{
    const mlci_module *m = p->weights->module;

    p->step = step;
    p->stopped = MLC_OK;
    p->values[m->result] = p->result + (size_t)step->first_logit * m->vocab_size;
    memcpy(p->values[m->tokens], step->tokens, step->n_rows * sizeof(int32_t));
    memcpy(p->values[m->positions], step->positions, step->n_rows * sizeof(int32_t));
    if (p->values[m->kv_tokens] != NULL)
        *(int32_t *)(void *)p->values[m->kv_tokens]
            = (int32_t)mlci_min(p->bounds.kv_tokens, INT32_MAX);
    if (step->n_logits > 0)
        memcpy(p->values[m->logit_rows], step->logit_rows,
               step->n_logits * sizeof(int32_t));
    cpu_uses_begin(p, step);
    mlci_pool_run(p->weights->ctx->pool, pg_thread, p);
    return p->stopped;
}

const float *cpu_logits(const mlci_executor *p)
{
    return p->result;
}
