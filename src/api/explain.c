/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c - what the compiler does with a model, as text: mlcx_explain.
 */
#include "../../include/mlc_experimental.h"
#include "../../kernels/generated/devices.h"
#include "../model/model.h"

#include <string.h>

static const size_t ex_limit = (size_t)64 << 20;

typedef struct ex_trace {
    mlci_buf     buf;
    mlcx_text_fn write;
    void        *user;
    const char  *only, *without;    /* the pass to show, NULL: all              */
} ex_trace;

static void ex_flush(ex_trace *t)
{
    t->write(t->user, t->buf.data, t->buf.n);
    mlci_buf_clear(&t->buf);
}

/* ---- calls and programs ------------------------------------------------------------------ */

/* Which of several ways calls of a kind are carried out, by rows. */
static void ex_ways(mlci_buf *b, const mlci_module *m, mlci_call_kind kind, const char *name)
{
    uint32_t rows = 1, most;
    mlci_way way = mlci_call_way(kind, m->target, rows, &most);

    if (way == MLCI_WAY_ONLY)
        return;
    mlci_buf_format(b, "%s:", name);
    for (; most != UINT32_MAX; rows = most + 1) {
        way = mlci_call_way(kind, m->target, rows, &most);
        if (most != UINT32_MAX)
            mlci_buf_format(b, " up to %u rows %s;", most, mlci_way_names[way]);
    }
    mlci_buf_format(b, " else %s\n", mlci_way_names[way]);
}

static void ex_calls(mlci_buf *b, const mlci_module *m, const mlci_plan *plan)
{
    for (size_t i = 0; i < plan->n_calls; i++) {
        uint64_t bytes = mlci_call_weight_bytes(m, &plan->calls[i]);

        mlci_buf_format(b, "call %zu: ", i);
        mlci_call_print(m, &plan->calls[i], b);
        mlci_buf_format(b, " -> %%%u", plan->calls[i].out);
        if (bytes > 0)
            mlci_buf_format(b, "   %.3f MB of weights for a row", (double)bytes / 1e6);
        mlci_buf_char(b, '\n');
    }
    ex_ways(b, m, MLCI_CALL_MATMUL, "matmul");
    ex_ways(b, m, MLCI_CALL_ATTENTION, "attention");
}

/* The scheduled program of a use, the first time it is met. */
static void ex_program(mlci_buf *b, const mlci_module *m, const mlci_use *u, const mlci_plan *plan,
                       uint32_t group)
{
    mlci_tir t = m->tir;
    const char *text;
    uint64_t hash;

    if (u->program == NULL)
        return;
    for (uint32_t g = 1; g < group; g++) {
        const mlci_call *c = plan->fused[g];
        bool seen = c != NULL && c->kernel.hash == u->hash;

        for (uint32_t e = 0; c != NULL && e < c->n_epilogues; e++)
            seen = seen || c->epilogues[e].use.hash == u->hash;
        if (seen)
            return;
    }
    text = mlci_program_signature(&t, u->program, &hash, NULL);
    mlci_buf_format(b, "\n# k_%016llx\n%s", (unsigned long long)u->hash, text != NULL ? text : "");
}

static void ex_programs(mlci_buf *b, const mlci_module *m, const mlci_plan *plan)
{
    for (uint32_t g = 1; g < m->n_nodes; g++) {
        const mlci_call *c = plan->fused[g];

        if (c == NULL)
            continue;
        ex_program(b, m, &c->kernel, plan, g);
        for (uint32_t e = 0; e < c->n_epilogues; e++)
            ex_program(b, m, &c->epilogues[e].use, plan, g);
    }
}

/* ---- passes --------------------------------------------------------------------------------- */

static bool ex_left_out(const ex_trace *t, const mlci_pass *p)
{
    return p->optional && mlci_pass_listed(t->without, p->name);
}

/* Is the state after this pass (NULL: none yet) one to show: after the wanted pass, or
 * what it begins with? */
static bool ex_shown(const ex_trace *t, const mlci_pass *pass)
{
    const mlci_pass *next = pass == NULL ? mlci_pass_table : pass + 1;

    if (t->only == NULL || (pass != NULL && strcmp(pass->name, t->only) == 0))
        return true;
    while (next < mlci_pass_table + mlci_pass_count && ex_left_out(t, next))
        next++;
    return next < mlci_pass_table + mlci_pass_count && strcmp(next->name, t->only) == 0;
}

static void ex_pass(void *user, const mlci_pass *pass, const mlci_module *m,
                    const mlci_plan *plan)
{
    ex_trace *t = user;

    if (!ex_shown(t, pass))
        return;
    if (pass == NULL)
        mlci_buf_text(&t->buf, "==== the graph as built\n");
    else
        mlci_buf_format(&t->buf, "\n==== after pass %s: %s\n", pass->name, pass->what);
    if (plan->slots == NULL && plan->n_calls > 0)
        ex_calls(&t->buf, m, plan);
    else if (plan->slots == NULL)
        mlci_module_print(m, &t->buf);
    if (pass != NULL && pass->run == mlci_pass_fuse_tir)
        ex_programs(&t->buf, m, plan);
    ex_flush(t);
}

/* The memory plan for a step of the default size, and what a token moves. */
static void ex_summary(ex_trace *t, const mlci_module *m, const mlci_plan *plan,
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
    ex_flush(t);
}

/* ---- the call ------------------------------------------------------------------------------- */

static bool ex_device_kernel(const void *catalogue, uint64_t hash)
{
    (void)catalogue;
    return mlci_device_kernel(hash) >= 0;
}

/* What the device's name means for the compiler. */
static mlc_status ex_device(const char *name, mlc_model *model, mlci_goal *goal, mlc_error *err)
{
    static const char *const gpus[] = { "cuda", "vulkan", "opencl" };
    const size_t n = name != NULL ? strcspn(name, ":") : 0;

    goal->target = MLCI_TARGET_CPU;
    goal->has_kernel = model->backend->has_kernel;
    goal->catalogue = model->ctx;
    if (name == NULL || strcmp(name, "cpu") == 0 || strcmp(name, "auto") == 0)
        return MLC_OK;
    for (size_t i = 0; i < sizeof gpus / sizeof *gpus; i++)
        if (strlen(gpus[i]) == n && memcmp(gpus[i], name, n) == 0) {
            goal->target = MLCI_TARGET_GPU;
            goal->has_kernel = ex_device_kernel;
            return MLC_OK;
        }
    return mlci_fail(err, MLC_EINVAL, 0, "device \"%.40s\" is unknown: cpu, cuda, vulkan and "
                     "opencl are", name);
}

static mlc_status ex_check(const mlcx_explain_options *o, mlc_error *err)
{
    bool known = o->pass == NULL || strcmp(o->pass, "all") == 0;

    if (o->n_ranks > 0 && mlci_comm_check(o->rank, o->n_ranks, err) != MLC_OK)
        return MLC_EINVAL;
    for (size_t i = 0; i < mlci_pass_count && !known; i++)
        known = strcmp(mlci_pass_table[i].name, o->pass) == 0;
    return known ? MLC_OK
         : mlci_fail(err, MLC_EINVAL, 0, "pass \"%.40s\" is unknown: mlc explain names them all",
                     o->pass);
}

static mlc_status ex_explain(mlc_context *ctx, mlc_model *model, const mlcx_explain_options *o,
                             ex_trace *t, mlc_error *err)
{
    mlci_goal goal = { .without = o->without, .rank = o->rank, .n_ranks = o->n_ranks };
    mlci_arena arena;
    mlci_module m;
    mlci_plan plan;
    mlci_decoder d;
    mlc_status st = ex_device(o->device, model, &goal, err);

    if (st != MLC_OK)
        return st;
    mlci_arena_init(&arena, ctx, (size_t)1 << 30);
    st = mlci_model_compile(&model->config, &goal, &arena, &m, &d, &plan, ex_pass, t, err);
    if (st == MLC_OK && (t->only == NULL || strcmp(t->only, "memory") == 0)) {
        size_t *offsets = mlci_arena_new(&arena, plan.n_slots, sizeof *offsets);

        if (offsets == NULL)
            st = mlci_nomem(err, "explain");
        else
            ex_summary(t, &m, &plan, offsets);
    }
    mlci_arena_reset(&arena);
    return st;
}

mlc_status mlcx_explain(mlc_context *ctx, const char *path, const mlcx_explain_options *options,
                        mlcx_text_fn write, void *user, mlc_error *err)
{
    const mlcx_explain_options none = { NULL, NULL, NULL, 0, 0 };
    const mlcx_explain_options *o = options != NULL ? options : &none;
    mlc_model_options opts;
    mlc_model *model;
    ex_trace t;
    mlc_status st;

    if (ctx == NULL || path == NULL || write == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "an argument is NULL");
    st = ex_check(o, err);
    if (st != MLC_OK)
        return st;
    mlc_model_options_init(&opts);
    opts.flags = MLC_MODEL_NO_WEIGHTS;
    st = mlc_model_open(ctx, path, &opts, &model, err);
    if (st != MLC_OK)
        return st;
    t = (ex_trace){ .write = write, .user = user, .without = o->without,
                    .only = o->pass != NULL && strcmp(o->pass, "all") != 0 ? o->pass : NULL };
    mlci_buf_init(&t.buf, ctx, ex_limit);
    st = ex_explain(ctx, model, o, &t, err);
    mlci_buf_reset(&t.buf);
    mlc_model_close(model);
    return st;
}
