/* SPDX-License-Identifier: Apache-2.0
 *
 * use.c - generated kernels with their arguments.
 *
 * Where values lie and most sizes are known when a program is opened; what depends
 * on a step's rows is patched when it begins.
 */
#include "cpu.h"

#include <string.h>

static bool us_patch(mlci_executor *p, cpu_use *u, uint32_t at, mlci_dim dim)
{
    void *items = p->patches;

    if (!mlci_grow(p->weights->ctx, &items, &p->patches_cap, p->n_patches + 1,
                   sizeof *p->patches))
        return false;
    p->patches = items;
    p->patches[p->n_patches++] = (cpu_patch){ u, at, dim };
    return true;
}

static bool us_open(mlci_executor *p, const mlci_use *use, cpu_use *u)
{
    const mlci_weights *w = p->weights;
    const mlci_module *m = w->module;

    if (use->program == NULL)
        return true;
    u->fn = mlci_gen_find(w->kernels->generated, use->hash);
    if (u->fn == NULL)
        return false;
    for (uint32_t i = 0; i < use->n_data; i++) {
        const float *vector = w->nodes[use->data[i]].vector;

        u->args.stride[i] = (int64_t)cpu_row_elements(m, use->data[i]);
        u->args.data[i] = vector != NULL ? (void *)(uintptr_t)vector
                                         : (void *)p->values[use->data[i]];
        if (use->data[i] == m->result && !us_patch(p, u, i, UINT32_MAX))
            return false;
    }
    for (uint32_t i = 0; i < use->n_sizes; i++)
        if (!mlci_dim_known(&m->dims, use->sizes[i], &u->args.size[i])
            && !us_patch(p, u, i, use->sizes[i]))
            return false;
    u->tiled = mlci_program_tiled(&m->tir, use->program);
    for (uint32_t i = 0; i < use->n_scalars; i++)
        u->args.scalar[i].f = use->scalars[i];
    return true;
}

mlc_status cpu_uses_open(mlci_executor *p, mlc_error *err)
{
    const mlci_plan *plan = p->weights->plan;

    p->uses = mlci_new(p->weights->ctx, plan->n_calls * CPU_USES, sizeof *p->uses);
    if (p->uses == NULL)
        return mlci_nomem(err, "session");
    for (size_t i = 0; i < plan->n_calls; i++) {
        const mlci_call *c = &plan->calls[i];
        bool ok = us_open(p, &c->kernel, &p->uses[i * CPU_USES]);

        for (uint32_t e = 0; e < c->n_epilogues; e++)
            ok = ok && us_open(p, &c->epilogues[e].use, &p->uses[i * CPU_USES + 1 + e]);
        if (!ok)
            return mlci_nomem(err, "kernel arguments");
    }
    return MLC_OK;
}

void cpu_uses_close(mlci_executor *p)
{
    mlc_context *ctx = p->weights->ctx;

    mlci_delete(ctx, p->uses, p->weights->plan->n_calls * CPU_USES, sizeof *p->uses);
    mlci_delete(ctx, p->patches, p->patches_cap, sizeof *p->patches);
}

void cpu_uses_begin(mlci_executor *p, const mlci_step *step)
{
    const mlci_module *m = p->weights->module;
    const int64_t values[MLCI_MODEL_VALUES] = { 0, step->n_rows, step->n_logits };

    for (size_t i = 0; i < p->n_patches; i++) {
        const cpu_patch *x = &p->patches[i];

        if (x->dim == UINT32_MAX)
            x->use->args.data[x->at] = p->values[m->result];
        else
            (void)mlci_dim_at(&m->dims, x->dim, values, MLCI_MODEL_VALUES,
                              &x->use->args.size[x->at]);
    }
}

/* A kernel by itself: rows are shared among the threads, or columns if there are
 * fewer rows than threads and the kernel can be cut there. */
void cpu_run_kernel(const cpu_job *j)
{
    const cpu_use *u = cpu_use_of(j, 0);
    const mlci_module *m = j->p->weights->module;
    const mlci_type *t = &m->nodes[j->call->out].type;
    uint32_t rows = cpu_rows_of(j, j->call->out);
    int64_t columns = 1;
    mlci_gen_args a = u->args;
    size_t begin, end;

    if (t->rank > 1)
        (void)mlci_dim_known(&m->dims, t->dims[1], &columns);
    a.end[0] = rows;
    a.end[1] = columns;
    if (rows < j->team->n_threads && u->tiled) {
        mlci_team_share(j->team, j->thread, ((size_t)columns + 15) / 16, &begin, &end);
        a.begin[1] = (int64_t)begin * 16;
        a.end[1] = (int64_t)mlci_min(end * 16, (size_t)columns);
    } else {
        mlci_team_share(j->team, j->thread, rows, &begin, &end);
        a.begin[0] = (int64_t)begin;
        a.end[0] = (int64_t)end;
    }
    if (a.begin[0] < a.end[0] && a.begin[1] < a.end[1])
        u->fn(&a);
}
