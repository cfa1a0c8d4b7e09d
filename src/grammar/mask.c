/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.c - mask.h.
 */
#include "mask.h"
#include "text_state.h"

#include <string.h>

enum { MK_LIST = 2048,                   /* tokens up to which a mask is bits and a list */
       MK_BYTES = 8 << 20,               /* kept for a grammar                           */
       MK_WORK = 8000 };                 /* states and what they are made of that one mask
                                            may need to be built                         */

/* In of_text, for "most characters": a list of texts, or of language, least, most. */
#define MK_SEVERAL (UINT32_MAX - 1)
#define MK_LEAST   (UINT32_MAX - 2)

enum { MK_NO_TEXT, MK_FREE, MK_NAME };

/* Where a walk is, at each depth: branches left, and what the bytes so far led to. */
struct mask_step {
    uint32_t   branch, end;
    mlci_state state;
    mlci_bytes may;                    /* bytes that the state does not rule out       */
    uint8_t    text;                   /* MK_FREE, MK_NAME: inside of a text that no
                                          character changes; only its end is a step    */
    uint32_t   place;                  /* in the bytes of a text (text_state.h)        */
    uint32_t   left, least;            /* characters of a language that may, must come */
    const mlci_rx_steps *steps;
};

/* bits, and tokens: first those that come to them, then those that do not. */
struct mask_row {
    const uint32_t *bits;              /* NULL: none                                   */
    uint32_t       *tokens;
    uint32_t        n, n_gone;
    bool            own;               /* bits are the row's                           */
};

/* ---- rows ------------------------------------------------------------------------------- */

static void mk_drop(mlci_masks *k)
{
    mlc_context *ctx = k->t->ctx;

    for (size_t i = 0; i < k->n_rows; i++) {
        struct mask_row *r = &k->rows[i];

        mlci_delete(ctx, r->tokens, r->n + r->n_gone, sizeof *r->tokens);
        if (r->own)
            mlci_delete(ctx, (void *)(uintptr_t)r->bits, k->t->words, sizeof *r->bits);
    }
    for (size_t i = 0; i < k->n_texts; i++)
        mlci_delete(ctx, k->texts[i], k->t->words, sizeof **k->texts);
    k->n_rows = k->n_texts = k->bytes = 0;
    mlci_map_close(&k->of_state);
    mlci_map_close(&k->of_text);
    mlci_map_open(&k->of_state, ctx);
    mlci_map_open(&k->of_text, ctx);
}

static uint32_t *mk_copy_of(mlci_masks *k, const uint32_t *from, size_t n)
{
    uint32_t *p = n > 0 ? mlci_new(k->t->ctx, n, sizeof *p) : NULL;

    if (p != NULL)
        memcpy(p, from, n * sizeof *p);
    k->bytes += p != NULL ? n * sizeof *p : 0;
    return p;
}

/* Keep a mask that was made for a state; without room it is made again the next time. */
static void mk_keep(mlci_masks *k, mlci_state state, const uint32_t *mask)
{
    struct mask_row r = { .bits = k->bits };
    const uint32_t n = k->n_found + k->n_gone;
    void *rows = k->rows;

    if (!mlci_grow(k->t->ctx, &rows, &k->cap_rows, k->n_rows + 1, sizeof *k->rows))
        return;
    k->rows = rows;
    if (k->n_found > MK_LIST || k->n_gone > MK_LIST) {
        r.bits = mk_copy_of(k, mask, k->t->words);
        r.own = true;
    } else {
        r.tokens = mk_copy_of(k, k->found, k->n_found);
        r.n = k->n_found;
        if (k->n_gone > 0) {
            mlci_delete(k->t->ctx, r.tokens, r.n, sizeof *r.tokens);
            r.tokens = mlci_new(k->t->ctx, n, sizeof *r.tokens);
            if (r.tokens != NULL) {
                memcpy(r.tokens, k->found, k->n_found * sizeof *r.tokens);
                memcpy(r.tokens + k->n_found, k->found + MK_LIST, k->n_gone * sizeof *r.tokens);
            }
            r.n_gone = k->n_gone;
        }
    }
    if ((r.own ? r.bits == NULL : r.tokens == NULL && n > 0)
        || !mlci_map_put(&k->of_state, state, 0, (uint32_t)k->n_rows))
        return;
    k->bytes += sizeof r + 24;            /* and its share of the map */
    k->rows[k->n_rows++] = r;
}

static void mk_copy(const mlci_masks *k, uint32_t row, uint32_t *mask)
{
    const struct mask_row *r = &k->rows[row];

    if (r->bits != NULL)
        memcpy(mask, r->bits, k->t->words * sizeof *mask);
    else
        memset(mask, 0, k->t->words * sizeof *mask);
    for (uint32_t i = 0; i < r->n; i++)
        mask[r->tokens[i] / 32] |= (uint32_t)1 << (r->tokens[i] % 32);
    for (uint32_t i = r->n; i < r->n + r->n_gone; i++)
        mask[r->tokens[i] / 32] &= ~((uint32_t)1 << (r->tokens[i] % 32));
}

mlc_status mlci_masks_open(mlci_masks *k, mlci_machine *m, mlci_text_vocab *t, mlc_error *err)
{
    *k = (mlci_masks){ .m = m, .t = t };
    mlci_map_open(&k->of_state, t->ctx);
    mlci_map_open(&k->of_text, t->ctx);
    k->path = mlci_new(t->ctx, (size_t)t->depth + 2, sizeof *k->path);
    k->found = mlci_new(t->ctx, 2 * MK_LIST, sizeof *k->found);
    return k->path != NULL && k->found != NULL ? MLC_OK : mlci_nomem(err, "masks");
}

void mlci_masks_close(mlci_masks *k)
{
    mlc_context *ctx = k->t != NULL ? k->t->ctx : NULL;

    if (ctx == NULL)
        return;
    mk_drop(k);
    mlci_map_close(&k->of_state);
    mlci_map_close(&k->of_text);
    mlci_delete(ctx, k->rows, k->cap_rows, sizeof *k->rows);
    mlci_delete(ctx, (void *)k->texts, k->cap_texts, sizeof *k->texts);
    mlci_delete(ctx, k->path, (size_t)k->t->depth + 2, sizeof *k->path);
    mlci_delete(ctx, k->found, 2 * MK_LIST, sizeof *k->found);
    k->t = NULL;
}

/* ---- walks ------------------------------------------------------------------------------ */

static bool mk_bit(const uint32_t *bits, uint32_t i)
{
    return bits != NULL && (bits[i / 32] >> (i % 32) & 1) != 0;
}

/* A token comes to a list, or goes from it. */
static void mk_list(uint32_t *list, uint32_t *n, uint32_t token, bool comes)
{
    uint32_t i = 0;

    if (comes && *n < MK_LIST)
        list[*n] = token;
    if (comes || *n > MK_LIST) {         /* too long: nobody will look at it */
        ++*n;
        return;
    }
    while (list[i] != token)
        i++;
    list[i] = list[--*n];
}

/* Set or clear what a node's tokens have in the mask; k->bits is what it began with. */
static void mk_put(mlci_masks *k, const mlci_tree *t, uint32_t node, bool set, uint32_t *mask)
{
    for (int32_t i = t->token[node]; i >= 0; i = t->same[i]) {
        const uint32_t token = (uint32_t)i;

        if (mk_bit(mask, token) == set)
            continue;
        mask[token / 32] ^= (uint32_t)1 << (token % 32);
        if (mk_bit(k->bits, token))
            mk_list(k->found + MK_LIST, &k->n_gone, token, !set);
        else
            mk_list(k->found, &k->n_found, token, set);
    }
}

static bool mk_down(struct mask_step *p, const mlci_tree *t, uint32_t node)
{
    p->branch = t->first[node];
    p->end = t->first[node + 1];
    return p->branch < p->end;
}

/* This mask has built too much: from here on only tokens of one byte are looked at, and what
 * was found is not kept. */
static bool mk_tired(mlci_masks *k)
{
    k->part |= k->m->s->rx.n_nodes + k->m->s->tuples.n > k->work;
    return k->part;
}

/* Enter a state at p; by_quote: by an opening quote. */
static void mk_enter(const mlci_masks *k, struct mask_step *p, mlci_state s, bool by_quote)
{
    const mlci_inside in = by_quote ? mlci_machine_inside(k->m, s) : (mlci_inside){ 0 };

    p->state = s;
    p->place = 0;
    p->text = !in.same ? MK_NO_TEXT : in.kind == MLCI_IN_NAME ? MK_NAME : MK_FREE;
    if (p->text == MK_NO_TEXT)
        p->may = mlci_machine_bytes_of(k->m, s);
}

/* One branch: where it leads, MLCI_DEAD if it cannot come.  below: filled for what follows. */
static mlci_state mk_branch(mlci_masks *k, const struct mask_step *p, uint8_t byte,
                            struct mask_step *below, bool deeper)
{
    mlci_state to;
    uint8_t c;

    if (p->text != MK_NO_TEXT) {
        uint32_t place = p->place;
        mlci_text_event e = mlci_text_byte(&place, byte, p->text == MK_FREE
                                           && !k->m->s->o.own_escapes, &c);

        if (e != MLCI_TEXT_END) {
            below->state = p->state;
            below->text = p->text;
            below->place = place;
            return e != MLCI_TEXT_BAD ? p->state : MLCI_DEAD;
        }
    }
    to = mlci_machine_step(k->m, p->state, byte);
    if (to == MLCI_DEAD || !deeper)
        return to;
    if (to == p->state && p->text == MK_NO_TEXT) {
        below->state = to;
        below->text = MK_NO_TEXT;
        below->may = p->may;
    } else {
        mk_enter(k, below, to, byte == '"' && p->text == MK_NO_TEXT);
    }
    return to;
}

/* All tokens of a tree below a node, from a state; p: room. */
static void mk_walk(mlci_masks *k, struct mask_step *p, const mlci_tree *t, uint32_t node,
                    mlci_state state, uint8_t *text, size_t n, uint32_t *mask)
{
    size_t depth = 0;

    mk_enter(k, p, state, false);
    (void)mk_down(p, t, node);
    for (;;) {
        struct mask_step *x = &p[depth];
        uint8_t byte;

        if (x->branch == x->end || (depth > 0 && mk_tired(k))) {
            if (depth-- == 0)
                return;
            continue;
        }
        byte = t->byte[x->branch];
        node = t->to[x->branch++];
        if (x->text == MK_NO_TEXT && !mlci_bytes_has(&x->may, byte))
            continue;
        text[n + depth] = byte;
        k->m->n_text = n + depth;
        if (mk_branch(k, x, byte, x + 1, t->first[node] < t->first[node + 1]) == MLCI_DEAD)
            continue;
        mk_put(k, t, node, true, mask);
        depth += mk_down(x + 1, t, node);
    }
}

/* Tokens without quotes and backslashes inside a text with a language. */
static void mk_walk_language(mlci_masks *k, mlci_rx language, uint32_t least, uint32_t most,
                             uint32_t *bits)
{
    const mlci_tree *t = &k->t->all;
    mlci_rx_store *s = &k->m->s->rx;
    struct mask_step *p = k->path;
    size_t depth = 0;

    p->steps = mlci_rx_all_steps(s, language);
    p->place = 0;
    p->left = most;
    p->least = least;
    (void)mk_down(p, t, 0);
    while (s->status == MLC_OK) {
        struct mask_step *x = &p[depth];
        uint32_t node, place, left, must;
        mlci_text_event e;
        uint8_t byte, c;
        mlci_rx to;

        if (x->branch == x->end || (depth > 0 && mk_tired(k))) {
            if (depth-- == 0)
                return;
            continue;
        }
        byte = t->byte[x->branch];
        node = t->to[x->branch++];
        to = x->steps->next[x->steps->class_of[byte]];
        place = x->place;
        e = mlci_text_byte(&place, byte, false, &c);
        if (to == MLCI_RX_NONE || (e != MLCI_TEXT_CHAR && e != MLCI_TEXT_REST)
            || (e == MLCI_TEXT_CHAR && x->left == 0) || mlci_rx_dead(s, to, MLCI_TEXT_BUDGET))
            continue;
        left = x->left - (e == MLCI_TEXT_CHAR && x->left != UINT32_MAX);
        must = x->least - (e == MLCI_TEXT_CHAR && x->least > 0);
        if (!mlci_text_fits(s, to, must, left))
            continue;
        for (int32_t i = t->token[node]; i >= 0; i = t->same[i])
            bits[i / 32] |= (uint32_t)1 << (i % 32);
        if (!mk_down(x + 1, t, node))
            continue;
        x[1].place = place;
        x[1].left = left;
        x[1].least = must;
        x[1].steps = mlci_rx_all_steps(s, to);
        depth++;
    }
}

/* The same, kept: many states have the text at their top.  NULL: out of memory. */
static const uint32_t *mk_language(mlci_masks *k, mlci_rx language, uint32_t least, uint32_t most)
{
    void *texts = (void *)k->texts;
    uint32_t *bits, i, key = language, second;
    uint64_t content[2];

    most = most > k->t->depth + MLCI_RX_FAR ? UINT32_MAX : most;
    least = least > 1 ? (uint32_t)mlci_min(least, k->t->depth + MLCI_RX_FAR) : 0;
    second = most;
    if (least > 0) {                     /* one character more is no matter */
        key = mlci_tuple(&k->m->s->tuples, (const uint32_t[]){ language, least, most }, 3);
        second = MK_LEAST;
    }
    i = mlci_map_get(&k->of_text, key, second);
    if (i != UINT32_MAX)
        return k->texts[i];
    if (!mlci_grow(k->t->ctx, &texts, &k->cap_texts, k->n_texts + 1, sizeof *k->texts))
        return NULL;
    k->texts = texts;
    bits = mlci_new(k->t->ctx, k->t->words, sizeof *bits);
    if (bits == NULL)
        return NULL;
    mlci_rx_content(&k->m->s->rx, language, content);
    content[0] ^= mlci_mix(least);
    if (!mlci_text_language_get(k->t, content, most, bits)) {
        mk_walk_language(k, language, least, most, bits);
        if (k->m->s->rx.status == MLC_OK && !k->part)
            mlci_text_language_put(k->t, content, most, bits);
    }
    k->bytes += k->t->words * sizeof *bits;
    k->texts[k->n_texts++] = bits;
    if (!k->part)
        (void)mlci_map_put(&k->of_text, key, second, (uint32_t)k->n_texts - 1);
    return bits;
}

/* Tokens inside any of a list of texts (language, least, most characters). */
static const uint32_t *mk_texts(mlci_masks *k, uint32_t list)
{
    uint32_t n, *bits, i = mlci_map_get(&k->of_text, list, MK_SEVERAL);
    const uint32_t *w = mlci_tuple_at(&k->m->s->tuples, list, &n);
    void *texts;

    if (i != UINT32_MAX)
        return k->texts[i];
    if (n == MLCI_TEXT_WORDS)
        return mk_language(k, w[0], w[1], w[2]);
    bits = mlci_new(k->t->ctx, k->t->words, sizeof *bits);
    for (i = 0; i < n && bits != NULL; i += MLCI_TEXT_WORDS) {
        const uint32_t *one = w[i] == MLCI_RX_NONE ? NULL
                            : mk_language(k, w[i] == MLCI_RX_ALL ? k->m->s->text : w[i],
                                          w[i + 1], w[i + 2]);

        for (uint32_t x = 0; one != NULL && x < k->t->words; x++)
            bits[x] |= one[x];
    }
    texts = (void *)k->texts;
    if (bits == NULL
        || !mlci_grow(k->t->ctx, &texts, &k->cap_texts, k->n_texts + 1, sizeof *k->texts)) {
        mlci_delete(k->t->ctx, bits, k->t->words, sizeof *bits);
        return NULL;
    }
    k->texts = texts;
    k->bytes += k->t->words * sizeof *bits;
    k->texts[k->n_texts++] = bits;
    if (!k->part)
        (void)mlci_map_put(&k->of_text, list, MK_SEVERAL, (uint32_t)k->n_texts - 1);
    return bits;
}

/* ---- masks ------------------------------------------------------------------------------ */

static void mk_begin(mlci_masks *k, const uint32_t *bits, uint32_t *mask)
{
    k->bits = bits;
    if (bits != NULL)
        memcpy(mask, bits, k->t->words * sizeof *mask);
    else
        memset(mask, 0, k->t->words * sizeof *mask);
}

/* Names that are known by name: where others would end, they may not, or lead elsewhere.
 * Walks the tokens with quotes as long as they spell one of them. */
static void mk_known_names(mlci_masks *k, mlci_state state, uint8_t *text, size_t n,
                           uint32_t *mask)
{
    const mlci_tree *t = &k->t->quotes;
    struct mask_step *p = k->path;
    size_t depth = 0;

    p->state = state;
    p->may = mlci_machine_names_of(k->m, state);
    (void)mk_down(p, t, 0);
    for (;;) {
        struct mask_step *x = &p[depth];
        uint32_t node;
        mlci_state to;
        uint8_t byte;

        if (x->branch == x->end) {        /* not cut short: it takes tokens away */
            if (depth-- == 0)
                return;
            continue;
        }
        byte = t->byte[x->branch];
        node = t->to[x->branch++];
        if (!mlci_bytes_has(&x->may, byte))
            continue;
        text[n + depth] = byte;
        k->m->n_text = n + depth;
        to = mlci_machine_step(k->m, x->state, byte);
        if (byte == '"') {               /* what was said of all below is not so */
            uint32_t last = node;

            while (t->first[last] < t->first[last + 1])
                last = t->to[t->first[last + 1] - 1];
            for (uint32_t i = node; i <= last; i++)      /* in the order of a walk */
                mk_put(k, t, i, false, mask);
            if (to == MLCI_DEAD)
                continue;
            mk_put(k, t, node, true, mask);
            mk_walk(k, x + 1, t, node, to, text, n + depth + 1, mask);
        } else if (to != MLCI_DEAD && mk_down(x + 1, t, node)) {
            x[1].state = to;
            x[1].may = mlci_machine_names_of(k->m, to);
            depth++;
        }
    }
}

/* Tokens that spell a beginning of a known name, without its end. */
static void mk_walk_names(mlci_masks *k, mlci_state state, uint8_t *text, size_t n,
                          uint32_t *mask)
{
    const mlci_tree *t = &k->t->all;
    struct mask_step *p = k->path;
    size_t depth = 0;

    p->state = state;
    p->may = mlci_machine_names_of(k->m, state);
    (void)mk_down(p, t, 0);
    for (;;) {
        struct mask_step *x = &p[depth];
        uint32_t node;
        uint8_t byte;

        if (x->branch == x->end || (depth > 0 && mk_tired(k))) {
            if (depth-- == 0)
                return;
            continue;
        }
        byte = t->byte[x->branch];
        node = t->to[x->branch++];
        if (byte == '"' || !mlci_bytes_has(&x->may, byte))
            continue;
        text[n + depth] = byte;
        k->m->n_text = n + depth;
        x[1].state = mlci_machine_step(k->m, x->state, byte);
        if (x[1].state == MLCI_DEAD)
            continue;
        mk_put(k, t, node, true, mask);
        if (mk_down(x + 1, t, node)) {
            x[1].may = mlci_machine_names_of(k->m, x[1].state);
            depth++;
        }
    }
}

/* A string that any character may follow, as far as tokens with quotes go: they end it all
 * alike, and what comes behind is asked once.  false: they do not. */
static bool mk_string(mlci_masks *k, const mlci_inside *in, mlci_state state, uint8_t *text,
                      size_t n, uint32_t *mask)
{
    const bool own = in->kind == MLCI_IN_NAME || k->m->s->o.own_escapes;
    const int escape = own ? MLCI_OWN_ESCAPE : MLCI_ANY_ESCAPE;
    const bool known = in->kind == MLCI_IN_NAME && !in->same;
    mlci_text_vocab *t = k->t;
    const uint32_t *bits;
    mlci_state end;

    if (!in->may_end || in->most < t->longest_end)
        return false;
    text[n] = '"';
    k->m->n_text = n;
    end = mlci_machine_step(k->m, known ? mlci_machine_other_name(k->m, state) : state, '"');
    if (k->m->impure)
        return false;
    bits = !own ? mlci_text_within(t, in->most, end != MLCI_DEAD)
         : end != MLCI_DEAD ? t->inside_ends[escape] : t->inside[escape];
    if (bits == NULL)
        return false;
    mk_begin(k, bits, mask);
    if (end != MLCI_DEAD)
        mk_walk(k, k->path, &t->tails[escape], 0, end, text, n + 1, mask);
    if (known)
        mk_known_names(k, state, text, n, mask);
    return true;
}

/* What the state's place allows by itself, and the rest by a walk. */
static void mk_make(mlci_masks *k, mlci_state state, uint8_t *text, size_t n, uint32_t *mask)
{
    const mlci_inside in = mlci_machine_inside(k->m, state);
    const mlci_text_vocab *t = k->t;
    const uint32_t *bits = NULL;

    k->n_found = k->n_gone = 0;
    if ((in.kind == MLCI_IN_FREE || in.kind == MLCI_IN_NAME)
        && mk_string(k, &in, state, text, n, mask))
        return;
    k->m->impure = false;
    if (in.kind == MLCI_IN_FREE)
        bits = k->m->s->o.own_escapes ? t->inside[MLCI_OWN_ESCAPE]
                                      : mlci_text_within(k->t, in.most, false);
    else if (in.kind == MLCI_IN_NAME)
        bits = t->inside[MLCI_OWN_ESCAPE];
    else if (in.kind == MLCI_IN_LANGUAGE)
        bits = in.texts != 0 ? mk_texts(k, in.texts) : mk_language(k, in.language, 0, in.most);
    else if (in.kind == MLCI_IN_SPACES)
        bits = t->spaces;
    mk_begin(k, bits, mask);
    mk_walk(k, k->path, bits == NULL ? &t->all : in.kind == MLCI_IN_SPACES ? &t->stripped
            : in.kind == MLCI_IN_LANGUAGE ? &t->special : &t->quotes, 0, state, text, n, mask);
    if (bits != NULL && in.kind == MLCI_IN_LANGUAGE && in.names) {
        /* names that are known need not be of the others' language */
        mk_walk_names(k, state, text, n, mask);
    }
}

static bool mk_none(const mlci_masks *k, const uint32_t *mask)
{
    for (size_t i = 0; i < k->t->words; i++)
        if (mask[i] != 0)
            return false;
    return true;
}

bool mlci_masks_fill(mlci_masks *k, mlci_state state, uint8_t *text, size_t n, uint32_t *mask)
{
    uint32_t row = mlci_map_get(&k->of_state, state, 0);
    mlci_machine *m = k->m;

    if (row != UINT32_MAX) {
        mk_copy(k, row, mask);
        return true;
    }
    if (k->bytes > MK_BYTES)
        mk_drop(k);
    m->impure = false;
    m->trying = true;
    m->text = text;
    k->part = false;
    k->work = m->s->rx.n_nodes + m->s->tuples.n + MK_WORK;
    mk_make(k, state, text, n, mask);
    if (k->part && mk_none(k, mask)) {   /* a vocabulary without single bytes */
        k->part = false;
        k->work = SIZE_MAX;
        mk_make(k, state, text, n, mask);
    }
    m->trying = false;
    if (m->too_complex || m->s->rx.status != MLC_OK)
        return false;
    if (!m->impure && !k->part)
        mk_keep(k, state, mask);
    return true;
}
