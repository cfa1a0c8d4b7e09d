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

enum { RM_ALONE = 2 };   /* rows up to which threads prepare for themselves */

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

static void rm_prepare(const cpu_job *j, const mlci_acts *a, uint32_t t, uint32_t forms)
{
    const mlci_call *c = j->call;
    const mlci_weights *w = j->p->weights;
    const size_t k = c->columns;
    uint32_t from = c->take != 0 ? (uint32_t)((int32_t *)(void *)cpu_value(j, c->take))[t]
                                 : t;
    const float *x = cpu_value(j, c->x) + from * k;
    float *row = (forms & MLCI_FORM_FLOAT) ? (float *)(uintptr_t)a->x + t * a->stride
                                           : j->p->threads[j->thread].row;
    mlci_quant_row q = { NULL, NULL, NULL, (int32_t *)(uintptr_t)a->sums
                         + t * (a->stride / MLCI_SUM_GROUP),
                         (float *)(uintptr_t)a->scale + t };

    if (c->gain != 0)
        w->kernels->rows->rms_norm(x, w->nodes[c->gain].vector, k, c->eps, row);
    else if (forms & MLCI_FORM_FLOAT)
        memcpy(row, x, k * sizeof *row);
    if (c->gain != 0)
        x = row;
    if (forms & MLCI_FORM_PLANES) {
        q.high = (int8_t *)(uintptr_t)a->high + t * a->stride;
        q.low = (int8_t *)(uintptr_t)a->low + t * a->stride;
    }
    if (forms & MLCI_FORM_QUADS)
        q.quads = (int16_t *)(uintptr_t)a->quads + t * a->stride;
    if (forms & (MLCI_FORM_PLANES | MLCI_FORM_QUADS))
        w->kernels->rows->quantize(x, k, &q);
}

static const mlci_acts *rm_before(const cpu_job *j, uint32_t n)
{
    uint32_t forms = rm_forms(j, n);
    const mlci_acts *a = &j->p->threads[j->thread].acts;
    size_t begin, end;

    if (n <= RM_ALONE) {
        for (uint32_t t = 0; t < n; t++)
            rm_prepare(j, a, t, forms);
        return a;
    }
    a = &j->p->acts;
    mlci_team_share(j->team, j->thread, n, &begin, &end);
    for (size_t t = begin; t < end; t++)
        rm_prepare(j, a, (uint32_t)t, forms);
    mlci_team_barrier(j->team);
    return a;
}

/* ---- after -------------------------------------------------------------------------- */

/* A unit's products: tile [n][ld], of which `rows` columns from row0 on count. */
typedef struct rm_unit {
    float   *tile;
    size_t   ld;
    uint32_t n, row0, rows;
} rm_unit;

static void rm_add_bias(const cpu_job *j, const mlci_segment *s, const rm_unit *u,
                        size_t column)
{
    const mlci_weights *w = j->p->weights;

    if (s->bias == 0)
        return;
    for (uint32_t t = 0; t < u->n; t++) {
        float *y = u->tile + t * u->ld + column;

        w->kernels->rows->add(y, w->nodes[s->bias].vector + u->row0, u->rows, y);
    }
}

static void rm_store(const cpu_job *j, const mlci_segment *s, const rm_unit *u)
{
    const mlci_row_kernels *k = j->p->weights->kernels->rows;
    float *out = cpu_value(j, s->out);

    rm_add_bias(j, s, u, 0);
    for (uint32_t t = 0; t < u->n; t++) {
        const float *y = u->tile + t * u->ld;
        size_t at = (size_t)t * s->rows + u->row0;

        if (j->call->epilogue == MLCI_EPI_RESIDUAL)
            k->add(y, cpu_value(j, j->call->y) + at, u->rows, out + at);
        else if (j->call->scale != 0)
            k->softcap(y, u->rows, j->call->scale, out + at);
        else
            memcpy(out + at, y, u->rows * sizeof *out);
    }
}

static void rm_gated(const cpu_job *j, const rm_unit *u)
{
    const mlci_segment *s = j->call->segments;
    float *out = cpu_value(j, j->call->out);

    rm_add_bias(j, &s[0], u, 0);
    rm_add_bias(j, &s[1], u, MLCI_PANEL_ROWS);
    for (uint32_t t = 0; t < u->n; t++) {
        const float *y = u->tile + t * u->ld;

        j->p->weights->kernels->rows->gate(y, y + MLCI_PANEL_ROWS, u->rows, j->call->gelu,
                                           out + (size_t)t * s[0].rows + u->row0);
    }
}

/* Norm and rotation of a head, then to its place. */
static void rm_head(const cpu_job *j, const mlci_segment *s, uint32_t t, uint32_t head,
                    float *y)
{
    const mlci_weights *w = j->p->weights;
    const mlci_call *c = j->call;
    const mlci_kv_layout *kv = &j->p->layouts[c - w->plan->calls];
    const uint32_t dim = c->head_dim;
    int32_t position = j->step->positions[t];
    uint32_t slot = (uint32_t)position % MLCI_PAGE_TOKENS;
    uint8_t *page;

    if (s->head_gain != 0)
        w->kernels->rows->rms_norm(y, w->nodes[s->head_gain].vector, dim, s->head_eps, y);
    if (s->table != 0) {
        uint32_t dims = (uint32_t)cpu_row_size(j, s->table);

        mlci_rope_head(y, cpu_value(j, s->table) + (size_t)t * dims, dims, s->interleaved);
    }
    if (s->role == MLCI_ROLE_Q) {
        memcpy(cpu_value(j, s->out) + ((size_t)t * s->rows + (size_t)head * dim), y,
               dim * sizeof *y);
        return;
    }
    page = j->step->pages[c->pool][t][position / MLCI_PAGE_TOKENS];
    if (s->role == MLCI_ROLE_K)
        w->kernels->attention->store_key(y, dim, page + mlci_kv_keys(kv, head), slot,
                                         kv->f32);
    else
        w->kernels->attention->store_value(y, dim, page + mlci_kv_values(kv, head), slot,
                                           kv->f32);
}

static void rm_heads(const cpu_job *j, const mlci_segment *s, const rm_unit *u)
{
    const uint32_t dim = j->call->head_dim;

    rm_add_bias(j, s, u, 0);
    for (uint32_t t = 0; t < u->n; t++)
        for (uint32_t h = 0; h < u->rows / dim; h++)
            rm_head(j, s, t, u->row0 / dim + h, u->tile + t * u->ld + h * dim);
}

/* ---- the product ---------------------------------------------------------------------- */

static void rm_one(const cpu_job *j, const mlci_acts *a, uint32_t segment, uint32_t unit,
                   uint32_t n)
{
    const mlci_call *c = j->call;
    const mlci_weights *w = j->p->weights;
    const cpu_thread *th = &j->p->threads[j->thread];
    const mlci_segment *s = &c->segments[segment];
    const bool gated = c->epilogue == MLCI_EPI_GATED;
    const uint32_t panels = cpu_unit_panels(c);
    rm_unit u = { .tile = th->tile, .n = n, .row0 = unit * panels * MLCI_PANEL_ROWS };

    u.ld = (size_t)(gated ? 2 : panels) * MLCI_PANEL_ROWS;
    u.rows = (uint32_t)mlci_min(panels * MLCI_PANEL_ROWS, s->rows - u.row0);
    for (uint32_t i = 0; i < (gated ? 2 : panels); i++) {
        const mlci_packed *m = &w->nodes[c->segments[gated ? i : segment].weight].packed;
        uint32_t panel = gated ? unit : unit * panels + i;

        if (panel < m->n_panels)
            w->kernels->matmul->panel[m->format](m, panel, a, n,
                                                 u.tile + i * MLCI_PANEL_ROWS, u.ld,
                                                 th->matmul);
    }
    if (gated)
        rm_gated(j, &u);
    else if (c->epilogue == MLCI_EPI_HEADS)
        rm_heads(j, s, &u);
    else
        rm_store(j, s, &u);
}

/* Units of all segments in one line; each thread takes those that begin in its
 * share of the bytes. */
void cpu_run_matmul(const cpu_job *j)
{
    const mlci_call *c = j->call;
    const mlci_weights *w = j->p->weights;
    uint32_t n = cpu_rows_of(j, c->segments[0].out != 0 ? c->segments[0].out : c->out);
    const bool gated = c->epilogue == MLCI_EPI_GATED;
    const uint32_t panels = cpu_unit_panels(c);
    const mlci_acts *a;
    size_t total = 0, begin, end, at = 0;

    if (n == 0)
        return;
    a = rm_before(j, n);
    for (uint32_t s = 0; s < c->n_segments; s++)
        total += mlci_packed_bytes(&w->nodes[c->segments[s].weight].packed);
    mlci_team_share(j->team, j->thread, total, &begin, &end);
    for (uint32_t s = 0; s < (gated ? 1 : c->n_segments); s++) {
        const mlci_packed *m = &w->nodes[c->segments[s].weight].packed;
        uint32_t units = (m->n_panels + panels - 1) / panels;
        size_t bytes = m->panel_bytes * panels;

        if (gated)
            bytes += w->nodes[c->segments[1].weight].packed.panel_bytes;
        for (uint32_t u = 0; u < units; u++, at += bytes)
            if (at >= begin && at < end)
                rm_one(j, a, s, u, n);
    }
}
