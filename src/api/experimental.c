/* SPDX-License-Identifier: Apache-2.0
 *
 * experimental.c - mlc_experimental.h.
 */
#include "../../include/mlc_experimental.h"
#include "../base/os.h"
#include "../base/pool.h"
#include "../model/model.h"

#include <string.h>

static const size_t xp_limit = (size_t)64 << 20;

typedef struct xp_trace {
    mlci_buf     buf;
    mlcx_text_fn write;
    void        *user;
} xp_trace;

static void xp_flush(xp_trace *t)
{
    t->write(t->user, t->buf.data, t->buf.n);
    mlci_buf_clear(&t->buf);
}

static void xp_calls(mlci_buf *b, const mlci_module *m, const mlci_plan *plan)
{
    for (size_t i = 0; i < plan->n_calls; i++) {
        mlci_buf_format(b, "call %zu: ", i);
        mlci_call_print(m, &plan->calls[i], b);
        mlci_buf_format(b, " -> %%%u", plan->calls[i].out);
        if (plan->calls[i].n_segments > 0)
            mlci_buf_format(b, "   %.3f MB of weights for a row",
                            (double)mlci_call_weight_bytes(m, &plan->calls[i]) / 1e6);
        mlci_buf_char(b, '\n');
    }
}

static void xp_pass(void *user, const mlci_pass *pass, const mlci_module *m,
                    const mlci_plan *plan)
{
    xp_trace *t = user;

    if (pass == NULL)
        mlci_buf_text(&t->buf, "==== the graph as built\n");
    else
        mlci_buf_format(&t->buf, "\n==== after pass %s: %s\n", pass->name, pass->what);
    if (plan->n_calls == 0)
        mlci_module_print(m, &t->buf);
    else if (plan->slots == NULL)
        xp_calls(&t->buf, m, plan);
    xp_flush(t);
}

/* The memory plan for a step of the default size, and what a token moves. */
static void xp_summary(xp_trace *t, const mlci_module *m, const mlci_plan *plan,
                       size_t *offsets)
{
    const uint64_t rows[2] = { 1, 256 };
    uint64_t weights = 0, kv = 0;
    mlci_buf *b = &t->buf;
    char dim[64];

    for (size_t i = 0; i < plan->n_calls; i++)
        weights += mlci_call_weight_bytes(m, &plan->calls[i]);
    for (uint32_t p = 0; p < m->n_pools; p++)
        kv += (uint64_t)m->pools[p].n_layers * 2 * m->pools[p].n_heads
            * m->pools[p].head_dim * 2;
    mlci_buf_format(b, "%zu calls, %zu values in memory\n", plan->n_calls, plan->n_slots);
    for (int k = 0; k < 2; k++) {
        const int64_t values[MLCI_MODEL_VALUES] = { 0, (int64_t)rows[k], 1 };

        mlci_buf_format(b, "n = %llu, r = 1: %zu bytes planned\n",
                        (unsigned long long)rows[k],
                        mlci_plan_place(m, plan, values, offsets));
    }
    for (size_t i = 0; i < plan->n_slots; i++) {
        const mlci_slot *s = &plan->slots[i];

        mlci_dim_print(&m->dims, s->elements, dim, sizeof dim);
        mlci_buf_format(b, "  %%%u: %s x 4 bytes at %zu, calls %u to %u\n", s->node, dim,
                        offsets[i], s->first, s->last);
    }
    mlci_buf_format(b, "\nbytes moved for one decoded token: %.3f MB of weights (as in the "
                    "file), %llu bytes of keys and values written, as many read for each "
                    "earlier token\n", (double)weights / 1e6, (unsigned long long)kv);
    xp_flush(t);
}

static mlc_status xp_explain(mlc_context *ctx, mlc_model *model, const char *without,
                             xp_trace *t, mlc_error *err)
{
    mlci_arena arena;
    mlci_module m;
    mlci_plan plan;
    mlci_decoder d;
    mlc_status st;

    mlci_arena_init(&arena, ctx, (size_t)1 << 30);
    st = mlci_module_init(&m, &arena, &model->config, err);
    m.has_kernel = model->backend->has_kernel;
    m.catalogue = model->ctx;
    if (st == MLC_OK)
        st = mlci_model_build(&m, &d);
    if (st == MLC_OK)
        st = mlci_compile(&m, without, &plan, xp_pass, t);
    if (st == MLC_OK) {
        size_t *offsets = mlci_arena_new(&arena, plan.n_slots, sizeof *offsets);

        if (offsets == NULL)
            st = mlci_nomem(err, "explain");
        else
            xp_summary(t, &m, &plan, offsets);
    }
    mlci_arena_reset(&arena);
    return st;
}

mlc_status mlcx_explain(mlc_context *ctx, const char *path, const char *without,
                        mlcx_text_fn write, void *user, mlc_error *err)
{
    mlc_model_options opts;
    mlc_model *model;
    xp_trace t;
    mlc_status st;

    if (ctx == NULL || path == NULL || write == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "an argument is NULL");
    mlc_model_options_init(&opts);
    opts.flags = MLC_MODEL_NO_WEIGHTS;
    st = mlc_model_open(ctx, path, &opts, &model, err);
    if (st != MLC_OK)
        return st;
    t = (xp_trace){ .write = write, .user = user };
    mlci_buf_init(&t.buf, ctx, xp_limit);
    st = xp_explain(ctx, model, without, &t, err);
    mlci_buf_reset(&t.buf);
    mlc_model_close(model);
    return st;
}

mlc_status mlcx_model_open(mlc_context *ctx, const char *path, const char *without,
                           const mlc_model_options *opts, mlc_model **out, mlc_error *err)
{
    if (path == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "path is NULL");
    return mlci_model_open(ctx, path, NULL, opts, without, out, err);
}

/* ---- measuring ------------------------------------------------------------------------ */

enum { XP_PASSES = 5 };

typedef struct xp_read {
    const uint64_t *words;
    size_t          n;
    atomic_ullong   sum;   /* used, so that the reads are */
} xp_read;

static void xp_sum(void *arg, mlci_team *team, uint32_t thread)
{
    xp_read *r = arg;
    uint64_t s[8] = { 0 };
    size_t a, b;

    mlci_team_share(team, thread, r->n / 8, &a, &b);
    for (size_t i = a * 8; i < b * 8; i += 8) {
        MLCI_PREFETCH_L2((uintptr_t)(r->words + i) + 1024);   /* 0 to 10 % faster */
        for (size_t k = 0; k < 8; k++)
            s[k] += r->words[i + k];
    }
    for (size_t k = 1; k < 8; k++)
        s[0] += s[k];
    atomic_fetch_add(&r->sum, s[0]);
}

mlc_status mlcx_read_bandwidth(mlc_context *ctx, size_t n_bytes, double *bytes_per_s)
{
    size_t n = n_bytes / 64 * 8;
    uint64_t *words = mlci_new_aligned(ctx, n * 8);
    xp_read r = { words, n, 0 };
    int64_t best = INT64_MAX;

    if (words == NULL)
        return MLC_ENOMEM;
    memset(words, 1, n * 8);
    for (int i = 0; i < XP_PASSES; i++) {
        int64_t t = mlci_os_now_us();

        mlci_pool_run(ctx->pool, xp_sum, &r);
        t = mlci_os_now_us() - t;
        best = t < best ? t : best;
    }
    mlci_delete_aligned(ctx, words, n * 8);
    *bytes_per_s = best > 0 ? (double)(n * 8) * 1e6 / (double)best : 0;
    return MLC_OK;
}

uint64_t mlcx_peak_memory(void)
{
    return mlci_os_peak_rss();
}

uint64_t mlcx_session_memory(const mlc_session *s)
{
    return s->model->backend->executor_bytes(s->program);
}
