/* SPDX-License-Identifier: Apache-2.0
 *
 * rx_search.c - what is found by looking through a language's states: whether there is
 * any text in it, and how long the shortest and the longest are.
 */
#include "rx_node.h"

/* ---- emptiness ------------------------------------------------------------------------ */

/* States that can be reached from one, in order of their discovery. */
typedef struct xs_search {
    mlci_rx *states;          /* [cap]                                            */
    uint32_t n, cap;
    uint8_t *seen;            /* bits, by number                                  */
    size_t   seen_bytes;
} xs_search;

static bool xs_visit(mlci_rx_store *s, xs_search *v, mlci_rx a)
{
    void *seen = v->seen;

    if (!mlci_grow(s->arena.ctx, &seen, &v->seen_bytes, a / 8 + 1, 1))
        return false;
    v->seen = seen;
    if ((v->seen[a / 8] >> (a % 8) & 1) != 0)
        return true;
    if (v->n == v->cap)
        return false;
    v->seen[a / 8] |= (uint8_t)(1 << (a % 8));
    v->states[v->n++] = a;
    return true;
}

/* 1: none of them accepts and there are no more; -1: one does; 0: not settled. */
static int8_t xs_explore(mlci_rx_store *s, xs_search *v, mlci_rx a)
{
    if (!xs_visit(s, v, a))
        return 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const mlci_rx_steps *steps;

        if (rx_at(s, v->states[i])->nullable || rx_at(s, v->states[i])->dead < 0)
            return -1;
        steps = mlci_rx_all_steps(s, v->states[i]);
        if (steps == NULL)
            return 0;
        for (uint32_t k = 0; k < steps->n; k++)
            if (rx_at(s, steps->next[k])->dead != 1 && !xs_visit(s, v, steps->next[k]))
                return 0;
    }
    return 1;
}

bool mlci_rx_dead(mlci_rx_store *s, mlci_rx a, uint32_t budget)
{
    mlc_context *ctx = s->arena.ctx;
    xs_search v = { .cap = budget };
    int8_t found;

    if (rx_at(s, a)->dead != 0 || s->status != MLC_OK)
        return rx_at(s, a)->dead > 0;
    v.states = mlci_new(ctx, budget, sizeof *v.states);
    found = v.states != NULL ? xs_explore(s, &v, a) : 0;
    for (uint32_t i = 0; i < v.n && found == 1; i++)
        s->nodes[v.states[i]].dead = 1;
    if (found != 1)                     /* what was not settled is not asked again */
        s->nodes[a].dead = -1;
    mlci_delete(ctx, v.seen, v.seen_bytes, 1);
    mlci_delete(ctx, v.states, budget, sizeof *v.states);
    return found == 1;
}

/* Level by level; the bytes inside a character lead on within a level. */
static uint32_t xs_reach(mlci_rx_store *s, xs_search *v, mlci_rx a, mlci_rx *later)
{
    uint32_t n_later = 0;

    if (!xs_visit(s, v, a))
        return 0;
    for (uint32_t level = 0, i = 0; level < MLCI_RX_FAR; level++) {
        for (; i < v->n; i++) {
            const mlci_rx_steps *steps;

            if (mlci_rx_may_end(s, v->states[i]))
                return level;
            steps = mlci_rx_all_steps(s, v->states[i]);
            for (unsigned b = 0; steps != NULL && b < MLCI_RX_END; b++) {
                const mlci_rx to = steps->next[steps->class_of[b]];
                const bool inside = b >= 0x80 && b < 0xc0;

                if (rx_at(s, to)->dead == 1 || (b > 0 && to == steps->next[steps->class_of[b - 1]]
                                                && inside == (b > 0x80 && b <= 0xc0)))
                    continue;
                if (inside ? !xs_visit(s, v, to) : n_later == v->cap)
                    return 0;
                if (!inside)
                    later[n_later++] = to;
            }
            if (steps == NULL)
                return 0;
        }
        for (uint32_t k = 0; k < n_later; k++)
            if (!xs_visit(s, v, later[k]))
                return 0;
        n_later = 0;
    }
    return MLCI_RX_FAR;
}

uint32_t mlci_rx_shortest(mlci_rx_store *s, mlci_rx a, uint32_t budget)
{
    mlc_context *ctx = s->arena.ctx;
    xs_search v = { .cap = budget };
    mlci_rx *later;
    uint32_t r = 0;

    if (rx_at(s, a)->shortest > 0)
        return rx_at(s, a)->shortest - 1u;
    v.states = mlci_new(ctx, budget, sizeof *v.states);
    later = mlci_new(ctx, budget, sizeof *later);
    if (v.states != NULL && later != NULL)
        r = xs_reach(s, &v, a, later);
    s->nodes[a].shortest = (uint16_t)(r + 1);
    mlci_delete(ctx, v.seen, v.seen_bytes, 1);
    mlci_delete(ctx, v.states, budget, sizeof *v.states);
    mlci_delete(ctx, later, budget, sizeof *later);
    return r;
}

enum { XS_ASKED = 1, XS_DEEP = 300 };

/* A state that leads back to one being asked makes texts as long as you like: from each of
 * them some text can still end. */
static uint32_t xs_longest(mlci_rx_store *s, mlci_rx a, uint32_t *budget, uint32_t depth)
{
    const uint16_t known = rx_at(s, a)->longest;
    const mlci_rx_steps *steps;
    uint32_t r = 0;

    if (known > 0)
        return known == XS_ASKED ? MLCI_RX_FAR : known - 2u;
    if (*budget == 0 || depth == XS_DEEP)
        return MLCI_RX_FAR;
    --*budget;
    s->nodes[a].longest = XS_ASKED;
    steps = mlci_rx_all_steps(s, a);
    for (unsigned b = 0; steps != NULL && b < MLCI_RX_END && r < MLCI_RX_FAR; b++) {
        const mlci_rx to = steps->next[steps->class_of[b]];
        const bool inside = b >= 0x80 && b < 0xc0;
        uint32_t x;

        if ((b > 0 && to == steps->next[steps->class_of[b - 1]]
             && inside == (b > 0x80 && b <= 0xc0)) || mlci_rx_dead(s, to, *budget + 1))
            continue;
        x = xs_longest(s, to, budget, depth + 1) + !inside;
        r = x > r ? x : r;
    }
    r = steps == NULL || r > MLCI_RX_FAR ? MLCI_RX_FAR : r;
    s->nodes[a].longest = (uint16_t)(r + 2);
    return r;
}

uint32_t mlci_rx_longest(mlci_rx_store *s, mlci_rx a, uint32_t budget)
{
    return xs_longest(s, a, &budget, 0);
}
