/* SPDX-License-Identifier: Apache-2.0
 *
 * run_experts.c - a mixture of experts: which of them a row goes to, and the products with
 * their matrices; and those of heads that have one each, whose order is known.
 *
 * A matrix of every expert lies in panels of its own.  Pairs of a row and one of its
 * experts are put in order of experts, so that each expert's rows are prepared side by
 * side and one pass over its panels serves them all: a step reads the panels of the
 * experts that it needs, once.
 */
#include "cpu.h"
#include "../../../kernels/experts/experts.h"

#include <string.h>

static const int32_t *re_ids(const cpu_job *j, uint32_t node)
{
    return (const int32_t *)(const void *)cpu_value(j, node);
}

static uint32_t re_columns(const cpu_job *j, uint32_t node)
{
    return (uint32_t)cpu_row_elements(j->p->weights->module, node);
}

void cpu_run_top_k(const cpu_job *j)
{
    const mlci_route *r = &j->p->weights->module->nodes[j->call->node].route;
    const uint32_t n = re_columns(j, j->call->x);
    const cpu_thread *th = &j->p->threads[j->thread];
    const mlci_group_room room = { th->row + n, (int32_t *)(void *)(th->row + n + r->n_groups) };
    size_t begin, end;

    mlci_team_share(j->team, j->thread, cpu_rows_of(j, j->call->x), &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const float *x = cpu_value(j, j->call->x) + i * n;

        if (r->n_groups > 1) {
            mlci_experts_groups(x, n, r->n_groups, r->top_groups, r->pair_sums, room, th->row);
            x = th->row;
        }
        mlci_experts_top(x, n, r->k, (int32_t *)(void *)cpu_value(j, j->call->out) + i * r->k);
    }
}

void cpu_run_chosen(const cpu_job *j)
{
    const mlci_route *r = &j->p->weights->module->nodes[j->call->node].route;
    const uint32_t n = re_columns(j, j->call->x), k = re_columns(j, j->call->y);
    size_t begin, end;

    mlci_team_share(j->team, j->thread, cpu_rows_of(j, j->call->x), &begin, &end);
    for (size_t i = begin; i < end; i++)
        mlci_experts_chosen(cpu_value(j, j->call->x) + i * n, re_ids(j, j->call->y) + i * k, k,
                    r->normalize, r->scale, cpu_value(j, j->call->out) + i * k);
}

/* The products of a step: pairs in order of experts, and their prepared rows. */
typedef struct re_products {
    const mlci_packed *w;
    uint32_t  n_experts, n_pairs, rows;
    uint32_t  n_rows;                             /* of x; heads: as many as pairs */
    uint32_t  panels;                             /* of one expert              */
    uint32_t *begin, *order;
    const float *bias;                            /* [n_experts][rows], or NULL */
    mlci_acts acts;
} re_products;

/* Rows [from, ..) of prepared ones. */
static mlci_acts re_from(const mlci_acts *a, size_t from)
{
    mlci_acts b = *a;

    b.high += from * a->stride;
    b.low += from * a->stride;
    b.quads += from * a->stride;
    b.sums += from * (a->stride / MLCI_SUM_GROUP);
    b.scale += from;
    b.x = a->x != NULL ? a->x + from * a->stride : NULL;
    return b;
}

/* A row by itself is prepared once, by every thread for itself; else they share the work
 * and meet.  An expert may get one row or all. */
static void re_prepare(const cpu_job *j, re_products *p)
{
    const mlci_matmul_kernels *k = j->p->weights->kernels->matmul;
    const uint32_t forms = k->forms(p->w->format, 1) | k->forms(p->w->format, p->n_pairs);
    size_t begin, end;

    if (p->n_rows == 1) {
        p->acts = j->p->threads[j->thread].acts;
        cpu_prepare(j, &p->acts, 0, forms, cpu_value(j, j->call->x));
        return;
    }
    p->acts.stride = mlci_round_up(j->call->columns, 64);
    mlci_team_share(j->team, j->thread, p->n_pairs, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const uint32_t row = p->n_rows == p->n_pairs ? p->order[i]
                                                     : p->order[i] / (p->n_pairs / p->n_rows);

        cpu_prepare(j, &p->acts, (uint32_t)i, forms,
                    cpu_value(j, j->call->x) + (size_t)row * j->call->columns);
    }
    mlci_team_barrier(j->team);
}

static void re_panel(const cpu_job *j, const re_products *p, uint32_t expert, uint32_t panel)
{
    const uint32_t first = p->begin[expert], n = p->begin[expert + 1] - first;
    const cpu_thread *th = &j->p->threads[j->thread];
    const uint32_t row0 = panel * MLCI_PANEL_ROWS;
    const size_t rows = mlci_min(MLCI_PANEL_ROWS, p->rows - row0);
    const float *bias = p->bias != NULL ? p->bias + (size_t)expert * p->rows + row0 : NULL;
    const mlci_acts a = p->n_rows == 1 ? p->acts : re_from(&p->acts, first);

    j->p->weights->kernels->matmul->panel[p->w->format](
        p->w, expert * p->panels + panel, &a, n, th->tile, MLCI_PANEL_ROWS, th->matmul);
    for (uint32_t i = 0; i < n && bias != NULL; i++)
        for (size_t r = 0; r < rows; r++)
            th->tile[(size_t)i * MLCI_PANEL_ROWS + r] += bias[r];
    for (uint32_t i = 0; i < n; i++)
        memcpy(cpu_value(j, j->call->out) + (size_t)p->order[first + i] * p->rows + row0,
               th->tile + (size_t)i * MLCI_PANEL_ROWS, rows * sizeof *th->tile);
}

/* What a panel costs: its bytes once, and its rows. */
static uint64_t re_cost(const re_products *p, uint32_t expert)
{
    const uint32_t n = p->begin[expert + 1] - p->begin[expert];

    return n == 0 ? 0 : 4 + n;
}

void cpu_run_experts(const cpu_job *j)
{
    const mlci_call *c = j->call;
    const mlci_weights *w = j->p->weights;
    const cpu_thread *th = &j->p->threads[j->thread];
    re_products p = { .w = &w->nodes[c->segments[0].weight].packed, .acts = j->p->acts };
    uint64_t total = 0, at = 0;
    size_t begin, end;

    p.n_experts = w->module->nodes[c->segments[0].weight].units;
    p.n_pairs = cpu_rows_of(j, c->out) * (c->y == 0 ? p.n_experts : 1);
    p.n_rows = c->y == 0 ? p.n_pairs : cpu_rows_of(j, c->x);
    p.rows = c->segments[0].rows;
    p.panels = p.w->n_panels / p.n_experts;
    p.begin = th->pairs;
    p.bias = c->y == 0 ? NULL : w->nodes[w->module->nodes[c->node].inputs[3]].vector;
    p.order = th->pairs + p.n_experts + 1;
    if (p.n_pairs == 0)
        return;
    if (c->y == 0)
        mlci_experts_in_turn(p.n_pairs, p.n_experts, p.begin, p.order);
    else
        mlci_experts_order(re_ids(j, c->y), p.n_pairs, p.n_experts, p.begin, p.order);
    re_prepare(j, &p);
    for (uint32_t e = 0; e < p.n_experts; e++)
        total += re_cost(&p, e) * p.panels;
    mlci_team_share(j->team, j->thread, (size_t)total, &begin, &end);
    for (uint32_t e = 0; e < p.n_experts; e++) {
        const uint64_t cost = re_cost(&p, e);

        for (uint32_t i = 0; i < p.panels && cost > 0; i++, at += cost)
            if (at >= begin && at < end)
                re_panel(j, &p, e, i);
    }
}
