/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab.c - vocab.h.
 */
#include "vocab.h"

#include <string.h>

/* ---- sorting -------------------------------------------------------------------------- */

/* Tokens by their bytes: large parts are dealt out by their byte at `depth` (American
 * flag sort), small ones put in order by insertion, what is alike for long by merging,
 * so that hostile vocabularies take neither the stack nor for ever. */
typedef struct vo_sort {
    const mlci_vocab_token *tokens;
    int32_t *ids, *room;
} vo_sort;

enum { VO_SMALL = 16, VO_DEEP = 12 };

static int vo_compare(const mlci_vocab_token *a, const mlci_vocab_token *b, size_t from)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int c = n > from ? memcmp(a->p + from, b->p + from, n - from) : 0;

    return c != 0 ? c : a->n < b->n ? -1 : a->n > b->n;
}

static void vo_insert(const vo_sort *s, size_t begin, size_t end, size_t depth)
{
    for (size_t i = begin + 1; i < end; i++) {
        int32_t id = s->ids[i];
        size_t k = i;

        for (; k > begin && vo_compare(&s->tokens[id], &s->tokens[s->ids[k - 1]], depth) < 0; k--)
            s->ids[k] = s->ids[k - 1];
        s->ids[k] = id;
    }
}

static void vo_merge(const vo_sort *s, size_t begin, size_t end, size_t depth)
{
    for (size_t i = begin; i < end; i += VO_SMALL)
        vo_insert(s, i, mlci_min(i + VO_SMALL, end), depth);
    for (size_t n = VO_SMALL; n < end - begin; n *= 2)
        for (size_t i = begin; i + n < end; i += 2 * n) {
            const size_t middle = i + n, last = mlci_min(i + 2 * n, end);
            size_t a = i, b = middle, out = i;

            memcpy(s->room + i, s->ids + i, (last - i) * sizeof *s->ids);
            while (a < middle || b < last)
                if (b == last || (a < middle && vo_compare(&s->tokens[s->room[a]],
                                                           &s->tokens[s->room[b]], depth) <= 0))
                    s->ids[out++] = s->room[a++];
                else
                    s->ids[out++] = s->room[b++];
        }
}

/* 0: it ends here; else its byte and one. */
static unsigned vo_key(const vo_sort *s, size_t i, size_t depth)
{
    const mlci_vocab_token *t = &s->tokens[s->ids[i]];

    return depth < t->n ? (unsigned)(unsigned char)t->p[depth] + 1 : 0;
}

static void vo_sort_part(const vo_sort *s, size_t begin, size_t end, size_t depth)
{
    size_t starts[258] = { 0 }, at[257];

    while (end - begin > VO_SMALL && depth < VO_DEEP) {
        size_t most = 0;

        memset(starts, 0, sizeof starts);
        for (size_t i = begin; i < end; i++)
            starts[vo_key(s, i, depth) + 1]++;
        for (unsigned k = 0; k < 257; k++) {
            starts[k + 1] += starts[k];
            at[k] = starts[k];
            most = starts[k + 1] - starts[k] > most ? starts[k + 1] - starts[k] : most;
        }
        if (most == end - begin) {       /* all alike here: no need to deal them out */
            if (starts[1] == end - begin)
                return;                  /* and all end: they are the same */
            depth++;
            continue;
        }
        for (unsigned k = 0; k < 257; k++)
            while (at[k] < starts[k + 1]) {
                unsigned to = vo_key(s, begin + at[k], depth);
                int32_t id = s->ids[begin + at[k]];

                s->ids[begin + at[k]] = s->ids[begin + at[to]];
                s->ids[begin + at[to]++] = id;
            }
        for (unsigned k = 1; k < 257; k++)
            if (starts[k + 1] - starts[k] > 1)
                vo_sort_part(s, begin + starts[k], begin + starts[k + 1], depth + 1);
        return;
    }
    vo_merge(s, begin, end, depth);
}

/* ---- the tree ------------------------------------------------------------------------- */

static size_t vo_common(const mlci_vocab_token *a, const mlci_vocab_token *b)
{
    size_t n = a->n < b->n ? a->n : b->n, i = 0;

    while (i < n && a->p[i] == b->p[i])
        i++;
    return i;
}

static void vo_node(mlci_vocab *v, uint8_t byte, size_t depth)
{
    v->nodes[v->n_nodes++] = (mlci_vocab_node){ -1, (uint16_t)depth, byte };
    v->depth = depth > v->depth ? (uint32_t)depth : v->depth;
}

/* Nodes that all tokens need together: what each has beyond the one before. */
static size_t vo_count(const mlci_vocab_token *tokens, const int32_t *ids, uint32_t n)
{
    size_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += tokens[ids[i]].n - (i > 0 ? vo_common(&tokens[ids[i - 1]], &tokens[ids[i]]) : 0);
    return sum;
}

static void vo_build(mlci_vocab *v, const mlci_vocab_token *tokens, const int32_t *ids, uint32_t n,
                     uint32_t *open)
{
    size_t depth = 0;                    /* of the path, whose nodes are in open        */

    for (uint32_t i = 0; i < n; i++) {
        const mlci_vocab_token *t = &tokens[ids[i]];
        const size_t keep = i > 0 ? vo_common(&tokens[ids[i - 1]], t) : 0;

        for (depth = keep; depth < t->n; depth++) {
            open[depth] = v->n_nodes;
            vo_node(v, (uint8_t)t->p[depth], depth + 1);
        }
        v->same[ids[i]] = v->nodes[open[depth - 1]].token;
        v->nodes[open[depth - 1]].token = ids[i];
    }
}

mlc_status mlci_vocab_open(mlci_vocab *v, mlc_context *ctx, const mlci_vocab_token *tokens,
                           uint32_t n_tokens, mlc_error *err)
{
    int32_t *ids = mlci_new(ctx, 2 * (size_t)n_tokens, sizeof *ids);
    uint32_t *open = mlci_new(ctx, MLCI_TOKEN_BYTES, sizeof *open), n = 0;
    mlc_status st = MLC_OK;
    size_t nodes = 0;

    memset(v, 0, sizeof *v);
    v->ctx = ctx;
    v->n_tokens = n_tokens;
    v->same = mlci_new(ctx, n_tokens, sizeof *v->same);
    for (uint32_t i = 0; i < n_tokens && st == MLC_OK && ids != NULL; i++) {
        if (tokens[i].n > MLCI_TOKEN_BYTES)
            st = mlci_fail(err, MLC_EUNSUPPORTED, 0, "token %u has %zu bytes", i, tokens[i].n);
        else if (tokens[i].n > 0)
            ids[n++] = (int32_t)i;
    }
    if (st == MLC_OK && ids != NULL) {
        vo_sort_part(&(vo_sort){ tokens, ids, ids + n_tokens }, 0, n, 0);
        nodes = vo_count(tokens, ids, n);
        v->nodes = nodes < UINT32_MAX ? mlci_new(ctx, nodes, sizeof *v->nodes) : NULL;
        v->cap_nodes = v->nodes != NULL ? (uint32_t)nodes : 0;
    }
    if (st == MLC_OK && (ids == NULL || open == NULL || v->same == NULL
                         || (v->nodes == NULL && nodes > 0)))
        st = mlci_nomem(err, "vocabulary");
    if (st == MLC_OK)
        vo_build(v, tokens, ids, n, open);
    mlci_delete(ctx, ids, 2 * (size_t)n_tokens, sizeof *ids);
    mlci_delete(ctx, open, MLCI_TOKEN_BYTES, sizeof *open);
    if (st != MLC_OK)
        mlci_vocab_close(v);
    return st;
}

void mlci_vocab_close(mlci_vocab *v)
{
    if (v->ctx == NULL)
        return;
    mlci_delete(v->ctx, v->nodes, v->cap_nodes, sizeof *v->nodes);
    mlci_delete(v->ctx, v->same, v->n_tokens, sizeof *v->same);
    memset(v, 0, sizeof *v);
}

size_t mlci_vocab_bytes(const mlci_vocab *v)
{
    return v->cap_nodes * sizeof *v->nodes + v->n_tokens * sizeof *v->same;
}
