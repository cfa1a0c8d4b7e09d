/* SPDX-License-Identifier: Apache-2.0
 *
 * cfg.c - reading texts by context-free grammars.
 */
#include "cfg.h"

#include <stdlib.h>
#include <string.h>

enum { CF_WAYS = 2048, CF_WORDS = 3, CF_BUDGET = 500, CF_NODES = 1 << 20 };

/* The way that has read everything. */
#define CF_DONE UINT32_MAX

uint32_t mlci_cfg_node_add(mlci_cfg *g, mlci_cfg_kind kind, uint32_t what, uint32_t next)
{
    void *nodes = g->nodes;

    if (g->n_nodes >= CF_NODES
        || !mlci_grow(g->ctx, &nodes, &g->cap_nodes, g->n_nodes + 1, sizeof *g->nodes))
        return 0;
    g->nodes = nodes;
    g->nodes[g->n_nodes] = (mlci_cfg_node){ kind, what, next, false };
    return (uint32_t)g->n_nodes++;
}

/* Ways found so far, and nodes with their calls that were looked at. */
struct cf_ways {
    mlci_cfg *g;
    uint32_t  n, n_seen;
    bool      failed;
    uint32_t  words[CF_WAYS * CF_WORDS], seen[CF_WAYS * 2];
};
typedef struct cf_ways cf_ways;

static void cf_add(cf_ways *w, uint32_t language, uint32_t node, uint32_t calls)
{
    uint32_t *x = w->words;

    for (uint32_t i = 0; i < w->n; i++, x += CF_WORDS)
        if (x[0] == language && x[1] == node && x[2] == calls)
            return;
    if (w->n == CF_WAYS) {
        w->failed = true;
        return;
    }
    x[0] = language, x[1] = node, x[2] = calls;
    w->n++;
}

static void cf_queue(cf_ways *w, uint32_t node, uint32_t calls)
{
    if (!w->g->nodes[node].ends)
        return;
    for (uint32_t i = 0; i < w->n_seen; i++)
        if (w->seen[2 * i] == node && w->seen[2 * i + 1] == calls)
            return;
    if (w->n_seen == CF_WAYS) {
        w->failed = true;
        return;
    }
    w->seen[2 * w->n_seen] = node;
    w->seen[2 * w->n_seen++ + 1] = calls;
}

/* All terminals that can come at a node. */
static void cf_enter(cf_ways *w, uint32_t node, uint32_t calls)
{
    mlci_tuples *t = w->g->tuples;
    uint32_t i = w->n_seen, n;

    cf_queue(w, node, calls);
    for (; i < w->n_seen && !w->failed; i++) {
        const mlci_cfg_node *x = &w->g->nodes[w->seen[2 * i]];
        const uint32_t *call;

        calls = w->seen[2 * i + 1];
        switch (x->kind) {
        case MLCI_CFG_READ:
            if (mlci_rx_nullable(w->g->rx, x->what))
                cf_queue(w, x->next, calls);
            if (x->what != MLCI_RX_EMPTY)
                cf_add(w, x->what, x->next, calls);
            break;
        case MLCI_CFG_CHOOSE:
            cf_queue(w, x->what, calls);
            cf_queue(w, x->next, calls);
            break;
        case MLCI_CFG_CALL:              /* a call at the end of a rule replaces it */
            n = calls;
            if (w->g->nodes[x->next].kind != MLCI_CFG_END)
                n = mlci_tuple(t, (const uint32_t[]){ x->next, calls }, 2);
            w->failed |= n == UINT32_MAX;
            if (!w->failed)
                cf_queue(w, w->g->rules[x->what], n);
            break;
        default:
            if (calls == 0) {
                cf_add(w, MLCI_RX_EMPTY, CF_DONE, 0);
                break;
            }
            call = mlci_tuple_at(t, calls, &n);
            cf_queue(w, call[0], call[1]);
            break;
        }
    }
}

static int cf_compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    for (int i = 0; i < CF_WORDS; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static uint32_t cf_keep(cf_ways *w)
{
    if (w->failed)
        return UINT32_MAX;
    if (w->n == 0)
        return 0;
    qsort(w->words, w->n, CF_WORDS * sizeof *w->words, cf_compare);
    return mlci_tuple(w->g->tuples, w->words, w->n * CF_WORDS);
}

/* A node can end if what is behind it can, over and over until nothing changes. */
static void cf_find_ends(mlci_cfg *g)
{
    bool more = true;

    g->nodes[0].ends = true;
    while (more) {
        more = false;
        for (size_t i = g->n_nodes; i-- > 1;) {
            mlci_cfg_node *x = &g->nodes[i];
            bool ends = g->nodes[x->next].ends;

            if (x->kind == MLCI_CFG_READ)
                ends = ends && x->what != MLCI_RX_NONE;
            else if (x->kind == MLCI_CFG_CALL)
                ends = ends && g->nodes[g->rules[x->what]].ends;
            else if (x->kind == MLCI_CFG_CHOOSE)
                ends = ends || g->nodes[x->what].ends;
            more |= ends && !x->ends;
            x->ends = ends;
        }
    }
}

bool mlci_cfg_ready(mlci_cfg *g)
{
    cf_find_ends(g);
    g->ways = mlci_new(g->ctx, 1, sizeof *g->ways);
    return g->ways != NULL;
}

static cf_ways *cf_begin(mlci_cfg *g)
{
    g->ways->g = g;
    g->ways->n = g->ways->n_seen = 0;
    g->ways->failed = false;
    return g->ways;
}

uint32_t mlci_cfg_start(mlci_cfg *g)
{
    cf_ways *w = cf_begin(g);

    cf_enter(w, g->rules[0], 0);
    return cf_keep(w);
}

uint32_t mlci_cfg_step(mlci_cfg *g, uint32_t state, uint8_t byte)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(g->tuples, state, &n);
    cf_ways *w = cf_begin(g);

    for (uint32_t i = 0; i < n && !w->failed && byte < MLCI_RX_BEGIN; i += CF_WORDS) {
        const mlci_rx to = x[i + 1] == CF_DONE ? MLCI_RX_NONE : mlci_rx_step(g->rx, x[i], byte);

        if (to == MLCI_RX_NONE || mlci_rx_dead(g->rx, to, CF_BUDGET))
            continue;
        if (to != MLCI_RX_EMPTY)
            cf_add(w, to, x[i + 1], x[i + 2]);
        if (mlci_rx_nullable(g->rx, to))
            cf_enter(w, x[i + 1], x[i + 2]);
    }
    return g->rx->status == MLC_OK ? cf_keep(w) : UINT32_MAX;
}

bool mlci_cfg_may_end(const mlci_cfg *g, uint32_t state)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(g->tuples, state, &n);

    for (uint32_t i = 0; i < n; i += CF_WORDS)
        if (x[i + 1] == CF_DONE)
            return true;
    return false;
}

mlci_bytes mlci_cfg_bytes_of(const mlci_cfg *g, uint32_t state)
{
    mlci_bytes b = { { 0, 0, 0, 0 } };
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(g->tuples, state, &n);

    for (uint32_t i = 0; i < n; i += CF_WORDS) {
        const mlci_rx_steps *s = x[i + 1] == CF_DONE ? NULL : mlci_rx_all_steps(g->rx, x[i]);

        for (unsigned k = 0; s != NULL && k < MLCI_RX_BEGIN; k++)
            if (s->next[s->class_of[k]] != MLCI_RX_NONE)
                mlci_bytes_add(&b, (uint8_t)k, (uint8_t)k);
    }
    return b;
}

void mlci_cfg_close(mlci_cfg *g)
{
    if (g->ctx == NULL)
        return;
    mlci_delete(g->ctx, g->ways, 1, sizeof *g->ways);
    mlci_delete(g->ctx, g->nodes, g->cap_nodes, sizeof *g->nodes);
    mlci_delete(g->ctx, g->rules, g->cap_rules, sizeof *g->rules);
    g->ctx = NULL;
}
