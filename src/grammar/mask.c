/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.c - mask.h.
 */
#include "mask.h"
#include "text_state.h"

#include <string.h>

enum { MK_LIST = 256,                    /* tokens up to which a mask is kept as a list */
       MK_BYTES = 8 << 20 };             /* rows kept for a grammar                     */

/* ---- texts ---------------------------------------------------------------------------- */

/* Walk the tokens without a quote through a text's bytes: those that stay inside. */
static void mk_inside(mlci_text_vocab *t, uint32_t *place, bool any_escape, uint32_t *bits)
{
    const mlci_vocab *v = t->v;

    for (uint32_t i = 0; i < v->n_nodes;) {
        const mlci_vocab_node *n = &v->nodes[i];
        uint32_t p = n->depth > 1 ? place[n->depth - 1] : 0;
        uint8_t c;
        mlci_text_event e = mlci_text_byte(&p, n->byte, any_escape, &c);

        if (e == MLCI_TEXT_BAD || e == MLCI_TEXT_END) {
            i = n->next;
            continue;
        }
        place[n->depth] = p;
        for (int32_t k = n->token; k >= 0; k = v->same[k])
            bits[k / 32] |= (uint32_t)1 << (k % 32);
        i++;
    }
}

/* Characters that each token begins, when it comes between characters. */
static void mk_count(mlci_text_vocab *t, uint32_t *place, uint8_t *counts)
{
    const mlci_vocab *v = t->v;

    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const mlci_vocab_node *n = &v->nodes[i];
        uint32_t p = n->depth > 1 ? place[n->depth - 1] : 0;
        uint8_t count = n->depth > 1 ? counts[n->depth - 1] : 0, c;
        const bool begins = p == 0;

        (void)mlci_text_byte(&p, n->byte, true, &c);
        place[n->depth] = p;
        counts[n->depth] = (uint8_t)(count + (begins && count < 255));
        for (int32_t k = n->token; k >= 0; k = v->same[k])
            t->chars[k] = counts[n->depth];
    }
}

/* The tree of tokens that have a quote: a path is kept when something below it has one. */
static void mk_quotes(mlci_text_vocab *t, bool *quoted, uint32_t *open)
{
    const mlci_vocab *v = t->v;
    uint32_t depth = 0;

    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const mlci_vocab_node *n = &v->nodes[i];
        bool any = false;

        quoted[n->depth] = n->byte == '"' || (n->depth > 1 && quoted[n->depth - 1]);
        for (uint32_t k = i; !quoted[n->depth] && k < n->next && !any; k++)
            any = v->nodes[k].byte == '"';
        if (!quoted[n->depth] && !any) {
            i = n->next - 1;
            continue;
        }
        for (; depth >= n->depth; depth--)
            t->quotes[open[depth]].next = t->n_quotes;
        depth = n->depth;
        open[depth] = t->n_quotes;
        t->quotes[t->n_quotes] = *n;
        if (!quoted[n->depth])
            t->quotes[t->n_quotes].token = -1;
        t->n_quotes++;
    }
    for (; depth > 0; depth--)
        t->quotes[open[depth]].next = t->n_quotes;
}

mlc_status mlci_text_vocab_open(mlci_text_vocab *t, const mlci_vocab *v, mlc_error *err)
{
    const size_t words = mlci_vocab_words(v), deep = (size_t)v->depth + 2;
    uint32_t *room = mlci_new(v->ctx, 2 * deep, sizeof *room);
    bool *quoted = mlci_new(v->ctx, 2 * deep, sizeof *quoted);
    uint32_t quotes = 0;
    mlc_status st = MLC_OK;

    *t = (mlci_text_vocab){ .ctx = v->ctx, .v = v };
    for (uint32_t i = 0; i < v->n_nodes; i++)
        if (v->nodes[i].byte == '"')
            quotes += v->nodes[i].next - i + v->nodes[i].depth;
    t->cap_quotes = quotes < v->n_nodes ? quotes : v->n_nodes;
    t->quotes = mlci_new(v->ctx, t->cap_quotes, sizeof *t->quotes);
    t->chars = mlci_new(v->ctx, v->n_tokens, 1);
    t->free_ = mlci_new(v->ctx, words, sizeof *t->free_);
    t->own = mlci_new(v->ctx, words, sizeof *t->own);
    t->within = mlci_new(v->ctx, 256, sizeof *t->within);
    if (room == NULL || quoted == NULL || (t->quotes == NULL && t->cap_quotes > 0)
        || t->chars == NULL || t->free_ == NULL || t->own == NULL || t->within == NULL) {
        st = mlci_nomem(err, "vocabulary");
    } else {
        mk_inside(t, room, true, t->free_);
        mk_inside(t, room, false, t->own);
        mk_count(t, room, (uint8_t *)(room + deep));
        mk_quotes(t, quoted, room);
    }
    mlci_delete(v->ctx, room, 2 * deep, sizeof *room);
    mlci_delete(v->ctx, quoted, 2 * deep, sizeof *quoted);
    if (st != MLC_OK)
        mlci_text_vocab_close(t);
    return st;
}

void mlci_text_vocab_close(mlci_text_vocab *t)
{
    const size_t words = t->ctx != NULL ? mlci_vocab_words(t->v) : 0;

    if (t->ctx == NULL)
        return;
    for (int i = 0; i < 256 && t->within != NULL; i++)
        mlci_delete(t->ctx, t->within[i], words, sizeof **t->within);
    mlci_delete(t->ctx, (void *)t->within, 256, sizeof *t->within);
    mlci_delete(t->ctx, t->quotes, t->cap_quotes, sizeof *t->quotes);
    mlci_delete(t->ctx, t->chars, t->v->n_tokens, 1);
    mlci_delete(t->ctx, t->free_, words, sizeof *t->free_);
    mlci_delete(t->ctx, t->own, words, sizeof *t->own);
    t->ctx = NULL;
}

size_t mlci_text_vocab_bytes(const mlci_text_vocab *t)
{
    size_t n = 2;

    for (int i = 0; i < 256; i++)
        n += t->within[i] != NULL;
    return n * mlci_vocab_words(t->v) * sizeof *t->free_ + t->cap_quotes * sizeof *t->quotes
         + t->v->n_tokens;
}

/* Tokens inside of a text of which at most so many characters may come. */
static const uint32_t *mk_within(mlci_text_vocab *t, uint32_t most)
{
    const mlci_vocab *v = t->v;
    uint32_t *bits;

    if (most >= 255)
        return t->free_;
    if (t->within[most] != NULL)
        return t->within[most];
    bits = mlci_new(t->ctx, mlci_vocab_words(v), sizeof *bits);
    if (bits == NULL)
        return NULL;
    for (uint32_t w = 0; w < mlci_vocab_words(v); w++) {
        uint32_t x = 0;

        for (uint32_t k = 0; k < 32 && 32 * w + k < v->n_tokens; k++)
            x |= (uint32_t)(t->chars[32 * w + k] <= most) << k;
        bits[w] = x & t->free_[w];
    }
    return t->within[most] = bits;
}

/* ---- rows ----------------------------------------------------------------------------- */

static void mk_drop(mlci_masks *k)
{
    const size_t words = mlci_vocab_words(k->t->v);
    mlc_context *ctx = k->t->ctx;

    for (size_t i = 0; i < k->n_rows; i++)
        mlci_delete(ctx, k->rows[i].words, k->rows[i].list ? k->rows[i].n : words,
                    sizeof *k->rows[i].words);
    k->n_rows = 0;
    k->bytes = 0;
    mlci_map_close(&k->of_state);
    mlci_map_close(&k->of_text);
    mlci_map_open(&k->of_state, ctx);
    mlci_map_open(&k->of_text, ctx);
}

/* Keep a mask under a number; UINT32_MAX: no room, which does no harm. */
static uint32_t mk_keep(mlci_masks *k, const uint32_t *bits)
{
    const uint32_t words = mlci_vocab_words(k->t->v);
    mlc_context *ctx = k->t->ctx;
    struct mask_row r = { NULL, 0, true };
    void *rows = k->rows;

    for (uint32_t w = 0; w < words && r.n <= MK_LIST; w++)
        for (uint32_t x = bits[w]; x != 0 && r.n <= MK_LIST; x &= x - 1)
            r.n++;
    r.list = r.n <= MK_LIST;
    if (!mlci_grow(ctx, &rows, &k->cap_rows, k->n_rows + 1, sizeof *k->rows))
        return UINT32_MAX;
    k->rows = rows;
    r.words = mlci_new(ctx, r.list ? r.n : words, sizeof *r.words);
    if (r.words == NULL && (!r.list || r.n > 0))
        return UINT32_MAX;
    if (!r.list)
        memcpy(r.words, bits, words * sizeof *bits);
    for (uint32_t w = 0, n = 0; r.list && w < words; w++)
        for (uint32_t i = 0; bits[w] != 0 && i < 32; i++)
            if ((bits[w] >> i & 1) != 0)
                r.words[n++] = 32 * w + i;
    k->bytes += sizeof r + (r.list ? r.n : words) * sizeof *r.words;
    k->rows[k->n_rows] = r;
    return (uint32_t)k->n_rows++;
}

static void mk_copy(const mlci_masks *k, uint32_t row, uint32_t *mask)
{
    const uint32_t words = mlci_vocab_words(k->t->v);
    const struct mask_row *r = &k->rows[row];

    if (!r->list) {
        memcpy(mask, r->words, words * sizeof *mask);
        return;
    }
    memset(mask, 0, words * sizeof *mask);
    for (uint32_t i = 0; i < r->n; i++)
        mask[r->words[i] / 32] |= (uint32_t)1 << (r->words[i] % 32);
}

mlc_status mlci_masks_open(mlci_masks *k, mlci_machine *m, mlci_text_vocab *t, mlc_error *err)
{
    *k = (mlci_masks){ .m = m, .t = t };
    mlci_map_open(&k->of_state, t->ctx);
    mlci_map_open(&k->of_text, t->ctx);
    k->path = mlci_new(t->ctx, (size_t)t->v->depth + 2, sizeof *k->path);
    k->bits = mlci_new(t->ctx, mlci_vocab_words(t->v), sizeof *k->bits);
    return k->path != NULL && k->bits != NULL ? MLC_OK : mlci_nomem(err, "masks");
}

void mlci_masks_close(mlci_masks *k)
{
    if (k->t == NULL)
        return;
    mk_drop(k);
    mlci_map_close(&k->of_state);
    mlci_map_close(&k->of_text);
    mlci_delete(k->t->ctx, k->rows, k->cap_rows, sizeof *k->rows);
    mlci_delete(k->t->ctx, k->path, (size_t)k->t->v->depth + 2, sizeof *k->path);
    mlci_delete(k->t->ctx, k->bits, mlci_vocab_words(k->t->v), sizeof *k->bits);
}

/* ---- walks ---------------------------------------------------------------------------- */

/* All tokens of a tree. */
static void mk_walk(mlci_masks *k, const mlci_vocab_node *nodes, uint32_t n_nodes,
                    mlci_state state, uint8_t *text, size_t n, uint32_t *mask)
{
    mlci_machine *m = k->m;

    k->path[0] = state;
    m->text = text;
    for (uint32_t i = 0; i < n_nodes;) {
        const mlci_vocab_node *x = &nodes[i];
        const size_t at = n + x->depth - 1;
        mlci_state to;

        text[at] = x->byte;
        m->n_text = at;
        to = mlci_machine_step(m, k->path[x->depth - 1], x->byte);
        if (to == MLCI_DEAD) {
            i = x->next;
            continue;
        }
        k->path[x->depth] = to;
        for (int32_t t = x->token; t >= 0; t = k->t->v->same[t])
            mask[t / 32] |= (uint32_t)1 << (t % 32);
        i++;
    }
}

bool mlci_masks_fill(mlci_masks *k, mlci_state state, uint8_t *text, size_t n, uint32_t *mask)
{
    const uint32_t words = mlci_vocab_words(k->t->v);
    uint32_t row = mlci_map_get(&k->of_state, state, 0);
    const uint32_t *inside = NULL;
    mlci_inside in;

    if (row != UINT32_MAX) {
        mk_copy(k, row, mask);
        return true;
    }
    in = mlci_machine_inside(k->m, state);
    if (in.kind == MLCI_IN_FREE)
        inside = mk_within(k->t, in.most);
    else if (in.kind == MLCI_IN_NAME)
        inside = k->t->own;
    k->m->impure = false;
    if (inside != NULL) {
        memcpy(mask, inside, words * sizeof *mask);
        mk_walk(k, k->t->quotes, k->t->n_quotes, state, text, n, mask);
    } else {
        memset(mask, 0, words * sizeof *mask);
        mk_walk(k, k->t->v->nodes, k->t->v->n_nodes, state, text, n, mask);
    }
    if (k->m->too_complex)
        return false;
    if (k->bytes > MK_BYTES)
        mk_drop(k);
    row = k->m->impure ? UINT32_MAX : mk_keep(k, mask);
    if (row != UINT32_MAX)
        (void)mlci_map_put(&k->of_state, state, 0, row);
    return true;
}
