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

/* ---- calls ------------------------------------------------------------------------------ */

/* Where rules that are being read go on is a list of pairs, each node once: the node behind
 * a call, and where that rule goes on in turn.  0 is the end of the text, in a list the
 * pair 0, 0.  So many stacks are one number, which share what they have in common. */
enum { CF_DEEP = 2000 };

static uint32_t cf_push(mlci_cfg *g, uint32_t node, uint32_t calls)
{
    return mlci_tuple(g->tuples, (const uint32_t[]){ node, calls }, 2);
}

static const uint32_t *cf_pairs(const mlci_cfg *g, uint32_t calls, uint32_t *n)
{
    static const uint32_t end[2] = { 0, 0 };
    const uint32_t *x = mlci_tuple_at(g->tuples, calls, n);

    if (calls != 0)
        return x;
    *n = 2;
    return end;
}

/* The stacks of both; UINT32_MAX: a limit was reached. */
static uint32_t cf_union(mlci_cfg *g, uint32_t a, uint32_t b, uint32_t depth)
{
    uint32_t n_a, n_b, i = 0, k = 0, n = 0, known, *words;
    const uint32_t *x = cf_pairs(g, a, &n_a), *y = cf_pairs(g, b, &n_b);
    bool failed = false;

    if (a == b)
        return a;
    if (a > b)
        return cf_union(g, b, a, depth);
    known = mlci_map_get(&g->unions, a, b);
    if (known != UINT32_MAX)
        return known;
    words = depth < CF_DEEP ? mlci_new(g->ctx, n_a + n_b, sizeof *words) : NULL;
    if (words == NULL)
        return UINT32_MAX;
    while (i < n_a || k < n_b) {
        const bool left = k == n_b || (i < n_a && x[i] <= y[k]);
        const bool right = i == n_a || (k < n_b && y[k] <= x[i]);

        words[n] = left ? x[i] : y[k];
        words[n + 1] = left && right ? cf_union(g, x[i + 1], y[k + 1], depth + 1)
                     : left ? x[i + 1] : y[k + 1];
        failed |= words[n + 1] == UINT32_MAX;
        n += 2;
        i += left ? 2 : 0;
        k += right ? 2 : 0;
    }
    known = failed ? UINT32_MAX : mlci_tuple(g->tuples, words, n);
    mlci_delete(g->ctx, words, n_a + n_b, sizeof *words);
    return known != UINT32_MAX && mlci_map_put(&g->unions, a, b, known) ? known : UINT32_MAX;
}

/* ---- ways ------------------------------------------------------------------------------- */

/* Ways found so far, and nodes with their calls; those that are to be looked at. */
struct cf_ways {
    mlci_cfg *g;
    uint32_t  n, n_seen;
    bool      failed;
    uint32_t  words[CF_WAYS * CF_WORDS];
    struct cf_seen { uint32_t node, calls; bool fresh; } seen[CF_WAYS];
};
typedef struct cf_ways cf_ways;

static uint32_t cf_both(cf_ways *w, uint32_t a, uint32_t b)
{
    const uint32_t r = cf_union(w->g, a, b, 0);

    w->failed |= r == UINT32_MAX;
    return r;
}

static void cf_add(cf_ways *w, uint32_t language, uint32_t node, uint32_t calls)
{
    uint32_t *x = w->words;

    for (uint32_t i = 0; i < w->n; i++, x += CF_WORDS)
        if (x[0] == language && x[1] == node) {
            x[2] = cf_both(w, x[2], calls);
            return;
        }
    if (w->n == CF_WAYS) {
        w->failed = true;
        return;
    }
    x[0] = language, x[1] = node, x[2] = calls;
    w->n++;
}

static void cf_queue(cf_ways *w, uint32_t node, uint32_t calls)
{
    struct cf_seen *x = w->seen;

    if (!w->g->nodes[node].ends)
        return;
    for (uint32_t i = 0; i < w->n_seen; i++, x++)
        if (x->node == node) {
            calls = cf_both(w, x->calls, calls);
            x->fresh |= calls != x->calls;
            x->calls = calls;
            return;
        }
    if (w->n_seen == CF_WAYS) {
        w->failed = true;
        return;
    }
    *x = (struct cf_seen){ node, calls, true };
    w->n_seen++;
}

/* What follows from being at a node. */
static void cf_look(cf_ways *w, uint32_t node, uint32_t calls)
{
    mlci_cfg *g = w->g;
    const mlci_cfg_node *x = &g->nodes[node];
    const uint32_t *pairs;
    uint32_t n;

    switch (x->kind) {
    case MLCI_CFG_READ:
        if (mlci_rx_nullable(g->rx, x->what))
            cf_queue(w, x->next, calls);
        if (x->what != MLCI_RX_EMPTY)
            cf_add(w, x->what, x->next, calls);
        break;
    case MLCI_CFG_CHOOSE:
        cf_queue(w, x->what, calls);
        cf_queue(w, x->next, calls);
        break;
    case MLCI_CFG_CALL:                  /* a call at the end of a rule replaces it */
        n = g->nodes[x->next].kind != MLCI_CFG_END ? cf_push(g, x->next, calls) : calls;
        w->failed |= n == UINT32_MAX;
        if (!w->failed)
            cf_queue(w, g->rules[x->what], n);
        break;
    default:
        pairs = cf_pairs(g, calls, &n);
        for (uint32_t i = 0; i < n && !w->failed; i += 2)
            if (pairs[i] == 0)
                cf_add(w, MLCI_RX_EMPTY, CF_DONE, 0);
            else
                cf_queue(w, pairs[i], pairs[i + 1]);
        break;
    }
}

/* All terminals that can come at a node; again where more calls were found. */
static void cf_enter(cf_ways *w, uint32_t node, uint32_t calls)
{
    bool more = true;

    cf_queue(w, node, calls);
    while (more && !w->failed) {
        more = false;
        for (uint32_t i = 0; i < w->n_seen && !w->failed; i++) {
            struct cf_seen *x = &w->seen[i];

            if (!x->fresh)
                continue;
            x->fresh = false;
            more = true;
            cf_look(w, x->node, x->calls);
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

bool mlci_cfg_end_with(mlci_cfg *g, const char *p, size_t n)
{
    const uint32_t end = mlci_cfg_node_add(g, MLCI_CFG_READ, mlci_rx_text(g->rx, p, n), 0);

    g->first = end != 0 ? mlci_cfg_node_add(g, MLCI_CFG_CALL, 0, end) : 0;
    cf_find_ends(g);
    return g->first != 0;
}

bool mlci_cfg_ready(mlci_cfg *g)
{
    g->first = g->rules[0];
    cf_find_ends(g);
    mlci_map_open(&g->unions, g->ctx);
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

    cf_enter(w, g->first, 0);
    return cf_keep(w);
}

uint32_t mlci_cfg_step(mlci_cfg *g, uint32_t state, uint8_t byte)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(g->tuples, state, &n);
    cf_ways *w = cf_begin(g);

    for (uint32_t i = 0; i < n && !w->failed && byte < MLCI_RX_END; i += CF_WORDS) {
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

        for (unsigned k = 0; s != NULL && k < MLCI_RX_END; k++)
            if (s->next[s->class_of[k]] != MLCI_RX_NONE)
                mlci_bytes_add(&b, (uint8_t)k, (uint8_t)k);
    }
    return b;
}

void mlci_cfg_close(mlci_cfg *g)
{
    if (g->ctx == NULL)
        return;
    mlci_map_close(&g->unions);
    mlci_delete(g->ctx, g->ways, 1, sizeof *g->ways);
    mlci_delete(g->ctx, g->nodes, g->cap_nodes, sizeof *g->nodes);
    mlci_delete(g->ctx, g->rules, g->cap_rules, sizeof *g->rules);
    g->ctx = NULL;
}
