/* SPDX-License-Identifier: Apache-2.0
 *
 * run_matmul.c - a product with what comes before and after it.
 *
 * Before: rows are selected, normed and quantized.  For one or two rows every
 * thread does that for itself (0.1 to 1 us, less than waiting for another);
 * for more they share the work and meet at a barrier.
 *
 * Then each thread takes a contiguous share of the units - a panel of 32 rows, or
 * as many as make whole heads - and for each computes the product of all rows and
 * at once what comes after it.
 */
#include "cpu.h"

#include <string.h>

/* ---- before ------------------------------------------------------------------------- */

static uint32_t rm_forms(const cpu_job *j, uint32_t n)
{
    const mlci_weights *w = j->p->weights;
    uint32_t forms = 0;

    for (uint32_t s = 0; s < j->call->n_segments; s++)
        forms |= w->kernels->matmul->forms(
            w->nodes[j->call->segments[s].weight].packed.format, n);
    return forms;
}

void cpu_prepare(const cpu_job *j, const mlci_acts *a, uint32_t t, uint32_t forms,
                 const float *x)
{
    const size_t k = j->call->columns;
    float *row = (forms & MLCI_FORM_FLOAT) ? (float *)(uintptr_t)a->x + t * a->stride : NULL;
    mlci_quant_row q = { NULL, NULL, NULL, (int32_t *)(uintptr_t)a->sums
                         + t * (a->stride / MLCI_SUM_GROUP),
                         (float *)(uintptr_t)a->scale + t };

    if (j->p->squares != NULL)
        cpu_observe_row(j, x);
    if (row != NULL && x != row)
        memcpy(row, x, k * sizeof *row);
    if (forms & MLCI_FORM_PLANES) {
        q.high = (int8_t *)(uintptr_t)a->high + t * a->stride;
        q.low = (int8_t *)(uintptr_t)a->low + t * a->stride;
    }
    if (forms & MLCI_FORM_QUADS)
        q.quads = (int16_t *)(uintptr_t)a->quads + t * a->stride;
    if (forms & (MLCI_FORM_PLANES | MLCI_FORM_QUADS))
        j->p->weights->kernels->rows->quantize(x, k, &q);
}

static void rm_prepare(const cpu_job *j, const mlci_acts *a, float *low, uint32_t t,
                       uint32_t forms)
{
    const float *x;

    const mlci_call *c = j->call;
    const cpu_use *before = cpu_use_of(j, 0);
    const size_t k = c->columns;
    float *row = (forms & MLCI_FORM_FLOAT) ? (float *)(uintptr_t)a->x + t * a->stride
                                           : j->p->threads[j->thread].row;

    if (before->fn != NULL) {
        mlci_gen_args args = before->args;

        args.data[c->kernel.n_data - 1] = row;
        args.stride[c->kernel.n_data - 1] = 0;
        args.begin[0] = t;
        args.end[0] = (int64_t)t + 1;
        args.end[1] = (int64_t)k;
        before->fn(&args);
    }
    x = before->fn != NULL ? row : cpu_value(j, c->x) + t * k;
    cpu_prepare(j, a, t, forms, x);
    if (j->step->adapters != NULL)
        cpu_low_rank_in(j, low, t, x);
}

/* *low: where what adapters make of the rows is. */
static const mlci_acts *rm_before(const cpu_job *j, uint32_t n, float **low)
{
    uint32_t forms = rm_forms(j, n);
    const mlci_acts *a = &j->p->threads[j->thread].acts;
    size_t begin, end;
    uint32_t most;

    if (mlci_call_way(MLCI_CALL_MATMUL, MLCI_TARGET_CPU, n, &most) == MLCI_WAY_ALONE) {
        *low = j->p->threads[j->thread].low;
        for (uint32_t t = 0; t < n; t++)
            rm_prepare(j, a, *low, t, forms);
        return a;
    }
    a = &j->p->acts;
    *low = j->p->low;
    mlci_team_share(j->team, j->thread, n, &begin, &end);
    for (size_t t = begin; t < end; t++)
        rm_prepare(j, a, *low, (uint32_t)t, forms);
    mlci_team_barrier(j->team);
    return a;
}

/* ---- after -------------------------------------------------------------------------- */

/* A unit's products: tile [n][ld], of which `rows` columns from row0 on count; two
 * products lie side by side. */
typedef struct rm_unit {
    float   *tile;
    size_t   ld;
    uint32_t n, row0, rows;
} rm_unit;

/* Kernels count columns from the matrix's first, which the tile does not have: an
 * address by numbers, since no pointer may go there. */
static void *rm_before_start(float *at, uint32_t columns)
{
    return (void *)((uintptr_t)at - columns * sizeof *at);
}

/* Where each of the kernel's buffers is for this unit. */
static void rm_arguments(const cpu_job *j, const mlci_epilogue *e, const rm_unit *u,
                         float *heads, mlci_gen_args *a)
{
    const mlci_call *c = j->call;
    const uint32_t out = e->use.n_data - 1, unit = e->head_dim > 0 ? e->head_dim : 1;

    for (uint32_t i = 0; i < out; i++)
        for (uint32_t s = 0; s < e->n; s++)
            if (e->use.data[i] == c->segments[e->first + s].product) {
                a->data[i] = rm_before_start(u->tile + s * MLCI_PANEL_ROWS, u->row0);
                a->stride[i] = (int64_t)u->ld;
            }
    if (e->sink != MLCI_SINK_VALUE) {
        a->data[out] = rm_before_start(heads, u->row0);
        a->stride[out] = (int64_t)u->ld;
    }
    a->begin[0] = 0;
    a->end[0] = u->n;
    a->begin[1] = u->row0 / unit;
    a->end[1] = (u->row0 + u->rows) / unit;
}

static void rm_after(const cpu_job *j, uint32_t epilogue, const rm_unit *u)
{
    const mlci_epilogue *e = &j->call->epilogues[epilogue];
    const cpu_use *use = cpu_use_of(j, 1 + epilogue);
    const uint32_t rows = j->call->segments[e->first].rows;
    const float *x = u->tile;

    if (use->fn != NULL) {
        mlci_gen_args a = use->args;

        x = j->p->threads[j->thread].heads;
        rm_arguments(j, e, u, j->p->threads[j->thread].heads, &a);
        use->fn(&a);
    }
    for (uint32_t t = 0; t < u->n && e->sink != MLCI_SINK_VALUE; t++)
        cpu_append(j, t, u->row0 / e->head_dim, u->rows / e->head_dim, x + t * u->ld,
                   e->sink == MLCI_SINK_KEY);
    for (uint32_t t = 0; t < u->n && e->sink == MLCI_SINK_VALUE && use->fn == NULL; t++)
        memcpy(cpu_value(j, e->out) + (size_t)t * rows + u->row0, u->tile + t * u->ld,
               u->rows * sizeof *u->tile);
}

/* ---- the product ---------------------------------------------------------------------- */

static void rm_one(const cpu_job *j, const mlci_acts *a, float *low, uint32_t epilogue,
                   uint32_t unit, uint32_t n)
{
    const mlci_epilogue *e = &j->call->epilogues[epilogue];
    const mlci_weights *w = j->p->weights;
    const cpu_thread *th = &j->p->threads[j->thread];
    const uint32_t panels = cpu_unit_panels(e);
    rm_unit u = { .tile = th->tile, .n = n, .row0 = unit * panels * MLCI_PANEL_ROWS };

    u.ld = (size_t)panels * e->n * MLCI_PANEL_ROWS;
    u.rows = (uint32_t)mlci_min(panels * MLCI_PANEL_ROWS,
                                j->call->segments[e->first].rows - u.row0);
    for (uint32_t i = 0; i < panels * e->n; i++) {
        const uint32_t s = e->first + (e->n == 2 ? i : 0);
        const mlci_packed *m = &w->nodes[j->call->segments[s].weight].packed;
        uint32_t panel = e->n == 2 ? unit : unit * panels + i;

        if (panel >= m->n_panels)
            continue;
        w->kernels->matmul->panel[m->format](m, panel, a, n, u.tile + i * MLCI_PANEL_ROWS, u.ld,
                                             th->matmul);
        if (j->step->adapters != NULL)
            cpu_low_rank_out(j, low, s, panel, n, u.tile + i * MLCI_PANEL_ROWS, u.ld);
    }
    rm_after(j, epilogue, &u);
}

/* Units of all segments in one line; each thread takes those that begin in its
 * share of the bytes. */
void cpu_run_matmul(const cpu_job *j)
{
    const mlci_call *c = j->call;
    const mlci_weights *w = j->p->weights;
    uint32_t n = cpu_rows_of(j, c->segments[0].product);
    const mlci_acts *a;
    float *low = NULL;
    size_t total = 0, begin, end, at = 0;

    if (n == 0)
        return;
    a = rm_before(j, n, &low);
    for (uint32_t s = 0; s < c->n_segments; s++)
        total += mlci_packed_bytes(&w->nodes[c->segments[s].weight].packed);
    mlci_team_share(j->team, j->thread, total, &begin, &end);
    for (uint32_t i = 0; i < c->n_epilogues; i++) {
        const mlci_epilogue *e = &c->epilogues[i];
        const mlci_packed *m = &w->nodes[c->segments[e->first].weight].packed;
        const uint32_t panels = cpu_unit_panels(e);
        uint32_t units = (m->n_panels + panels - 1) / panels;
        size_t bytes = m->panel_bytes * panels;

        if (e->n == 2)
            bytes += w->nodes[c->segments[e->first + 1].weight].packed.panel_bytes;
        for (uint32_t u = 0; u < units; u++, at += bytes)
            if (at >= begin && at < end)
                rm_one(j, a, low, i, u, n);
    }
}
