/* SPDX-License-Identifier: Apache-2.0
 *
 * text_vocab.c - text_vocab.h.
 */
#include "text_vocab.h"
#include "text_state.h"

#include <string.h>

/* ---- trees ------------------------------------------------------------------------------ */

static void tv_tree_close(mlc_context *ctx, mlci_tree *t)
{
    mlci_delete(ctx, t->first, (size_t)t->n + 1, sizeof *t->first);
    mlci_delete(ctx, t->byte, t->n, 1);
    mlci_delete(ctx, t->to, t->n, sizeof *t->to);
    mlci_delete(ctx, t->token, t->n, sizeof *t->token);
    mlci_delete(ctx, t->same, t->n_tokens, sizeof *t->same);
}

static bool tv_layout(mlc_context *ctx, const mlci_vocab *v, mlci_tree *t)
{
    uint32_t *open = mlci_new(ctx, (size_t)v->depth + 2, sizeof *open);

    t->n = v->n_nodes + 1;
    t->first = mlci_new(ctx, (size_t)t->n + 1, sizeof *t->first);
    t->byte = mlci_new(ctx, t->n, 1);
    t->to = mlci_new(ctx, t->n, sizeof *t->to);
    t->token = mlci_new(ctx, t->n, sizeof *t->token);
    if (open == NULL || t->first == NULL || t->byte == NULL || t->to == NULL || t->token == NULL) {
        mlci_delete(ctx, open, (size_t)v->depth + 2, sizeof *open);
        return false;
    }
    for (uint32_t i = 0; i < v->n_nodes; i++) {          /* how many branches each has */
        open[v->nodes[i].depth] = i + 1;
        t->first[open[v->nodes[i].depth - 1] + 1]++;
        t->token[i + 1] = v->nodes[i].token;
    }
    t->token[0] = -1;
    for (uint32_t i = 0; i < t->n; i++)
        t->first[i + 1] += t->first[i];
    /* In order of the nodes; what is filled so far is in first, which is put right again. */
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        uint32_t *at = &t->first[open[v->nodes[i].depth - 1]];

        open[v->nodes[i].depth] = i + 1;
        t->to[*at] = i + 1;
        t->byte[(*at)++] = v->nodes[i].byte;
    }
    memmove(t->first + 1, t->first, t->n * sizeof *t->first);
    t->first[0] = 0;
    mlci_delete(ctx, open, (size_t)v->depth + 2, sizeof *open);
    return true;
}

/* The tree of some strings of tokens (n = 0: none); same stays the tree's. */
static bool tv_tree(mlc_context *ctx, const mlci_vocab_token *tokens, uint32_t n, mlci_tree *t,
                    uint32_t *depth)
{
    mlci_vocab v;
    bool ok;

    if (mlci_vocab_open(&v, ctx, tokens, n, NULL) != MLC_OK)
        return false;
    t->n_tokens = n;
    t->same = v.same;
    v.same = NULL;
    ok = tv_layout(ctx, &v, t);
    *depth = v.depth;
    v.n_tokens = 0;
    mlci_vocab_close(&v);
    return ok;
}

/* ---- tokens in strings -------------------------------------------------------------------- */

static void tv_bit(uint32_t *bits, uint32_t i) { bits[i / 32] |= (uint32_t)1 << (i % 32); }

/* A token that comes between characters of a string: how many it has, where it ends it
 * (n: nowhere); false: it cannot come. */
static bool tv_string(const mlci_vocab_token *x, bool any_escape, uint32_t *chars, size_t *end)
{
    uint32_t place = 0;
    uint8_t c;

    *chars = 0;
    for (*end = 0; *end < x->n; ++*end) {
        const bool begins = place == 0;

        switch (mlci_text_byte(&place, (uint8_t)x->p[*end], any_escape, &c)) {
        case MLCI_TEXT_BAD: return false;
        case MLCI_TEXT_END: return true;
        default: *chars += begins;
        }
    }
    return true;
}

static void tv_strings(mlci_text_vocab *t, const mlci_vocab_token *tokens, int escape,
                       mlci_vocab_token *tails)
{
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        const mlci_vocab_token *x = &tokens[i];
        uint32_t chars;
        size_t end;

        tails[i] = (mlci_vocab_token){ NULL, 0 };
        if (x->n == 0 || !tv_string(x, escape == MLCI_ANY_ESCAPE, &chars, &end))
            continue;
        if (end < x->n && chars > t->longest_end)
            t->longest_end = chars;
        if (escape == MLCI_ANY_ESCAPE)
            t->chars[i] = (uint8_t)(chars < 255 ? chars : 255);
        if (end == x->n)
            tv_bit(t->inside[escape], i);
        if (end + 1 >= x->n)
            tv_bit(t->inside_ends[escape], i);
        else
            tails[i] = (mlci_vocab_token){ x->p + end + 1, x->n - end - 1 };
    }
}

static void tv_spaces(mlci_text_vocab *t, const mlci_vocab_token *tokens, mlci_vocab_token *rest)
{
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        const mlci_vocab_token *x = &tokens[i];
        size_t k = 0;

        while (k < x->n && x->p[k] != 0 && strchr(" \n\t\r", x->p[k]) != NULL)
            k++;
        rest[i] = (mlci_vocab_token){ NULL, 0 };
        if (k == x->n && k > 0)
            tv_bit(t->spaces, i);
        else if (k < x->n && x->p[k] != 0 && strchr("\"{}[],:-0123456789tfn", x->p[k]) != NULL)
            rest[i] = (mlci_vocab_token){ x->p + k, x->n - k };
    }
}

static void tv_with(const mlci_text_vocab *t, const mlci_vocab_token *tokens, const char *bytes,
                    mlci_vocab_token *some)
{
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        bool any = false;

        for (size_t k = 0; k < tokens[i].n && !any; k++)
            any = tokens[i].p[k] == bytes[0] || tokens[i].p[k] == bytes[1];
        some[i] = any ? tokens[i] : (mlci_vocab_token){ NULL, 0 };
    }
}

static bool tv_fill(mlci_text_vocab *t, const mlci_vocab_token *tokens, mlci_vocab_token *room)
{
    const uint32_t n = t->n_tokens;
    uint32_t depth;
    bool ok = tv_tree(t->ctx, tokens, n, &t->all, &t->depth);

    tv_with(t, tokens, "\"\"", room);
    ok = ok && tv_tree(t->ctx, room, n, &t->quotes, &depth);
    tv_with(t, tokens, "\"\\", room);
    ok = ok && tv_tree(t->ctx, room, n, &t->special, &depth);
    for (int e = 0; e < 2; e++) {
        tv_strings(t, tokens, e, room);
        ok = ok && tv_tree(t->ctx, room, n, &t->tails[e], &depth);
    }
    tv_spaces(t, tokens, room);
    return ok && tv_tree(t->ctx, room, n, &t->stripped, &depth);
}

mlc_status mlci_text_vocab_open(mlci_text_vocab *t, mlc_context *ctx,
                                const mlci_vocab_token *tokens, uint32_t n_tokens,
                                mlc_error *err)
{
    mlci_vocab_token *room = mlci_new(ctx, n_tokens, sizeof *room);
    bool ok = room != NULL;

    *t = (mlci_text_vocab){ .ctx = ctx, .n_tokens = n_tokens, .words = (n_tokens + 31) / 32 };
    t->chars = mlci_new(ctx, n_tokens, 1);
    t->spaces = mlci_new(ctx, t->words, sizeof *t->spaces);
    t->languages = mlci_new(ctx, MLCI_LANGUAGES, sizeof *t->languages);
    ok = ok && mlci_os_mutex_init(&t->lock) == 0;
    ok = ok && t->chars != NULL && t->spaces != NULL && t->languages != NULL;
    for (int e = 0; e < 2; e++) {
        t->inside[e] = mlci_new(ctx, t->words, sizeof *t->inside[e]);
        t->inside_ends[e] = mlci_new(ctx, t->words, sizeof *t->inside_ends[e]);
        t->within[e] = mlci_new(ctx, 256, sizeof *t->within[e]);
        ok = ok && t->inside[e] != NULL && t->inside_ends[e] != NULL && t->within[e] != NULL;
    }
    ok = ok && tv_fill(t, tokens, room);
    mlci_delete(ctx, room, n_tokens, sizeof *room);
    if (ok)
        return MLC_OK;
    mlci_text_vocab_close(t);
    return mlci_fail(err, MLC_ENOMEM, 0, "vocabulary: out of memory, or a token is too long");
}

void mlci_text_vocab_close(mlci_text_vocab *t)
{
    if (t->ctx == NULL)
        return;
    tv_tree_close(t->ctx, &t->all);
    tv_tree_close(t->ctx, &t->quotes);
    tv_tree_close(t->ctx, &t->special);
    tv_tree_close(t->ctx, &t->stripped);
    for (int e = 0; e < 2; e++) {
        tv_tree_close(t->ctx, &t->tails[e]);
        mlci_delete(t->ctx, t->inside[e], t->words, sizeof *t->inside[e]);
        mlci_delete(t->ctx, t->inside_ends[e], t->words, sizeof *t->inside_ends[e]);
        for (int i = 0; i < 256 && t->within[e] != NULL; i++)
            mlci_delete(t->ctx, t->within[e][i], t->words, sizeof **t->within[e]);
        mlci_delete(t->ctx, (void *)t->within[e], 256, sizeof *t->within[e]);
    }
    for (int i = 0; i < MLCI_LANGUAGES && t->languages != NULL; i++)
        mlci_delete(t->ctx, t->languages[i].bits, t->words, sizeof *t->languages[i].bits);
    mlci_delete(t->ctx, t->languages, MLCI_LANGUAGES, sizeof *t->languages);
    mlci_os_mutex_reset(&t->lock);
    mlci_delete(t->ctx, t->chars, t->n_tokens, 1);
    mlci_delete(t->ctx, t->spaces, t->words, sizeof *t->spaces);
    t->ctx = NULL;
}

static size_t tv_bytes(const mlci_tree *t) { return t->n * (size_t)13 + t->n_tokens * (size_t)4; }

size_t mlci_text_vocab_bytes(const mlci_text_vocab *t)
{
    size_t rows = 5 + (size_t)t->n_languages;

    for (int i = 0; i < 256; i++)
        rows += (t->within[0][i] != NULL) + (size_t)(t->within[1][i] != NULL);
    return rows * t->words * sizeof *t->spaces + t->n_tokens + tv_bytes(&t->all)
         + tv_bytes(&t->quotes) + tv_bytes(&t->special) + tv_bytes(&t->stripped)
         + tv_bytes(&t->tails[0]) + tv_bytes(&t->tails[1]);
}

static mlci_language_row *tv_language(mlci_text_vocab *t, const uint64_t content[2],
                                      uint32_t most)
{
    for (uint32_t i = 0; i < t->n_languages; i++) {
        mlci_language_row *r = &t->languages[i];

        if (r->content[0] == content[0] && r->content[1] == content[1] && r->most == most)
            return r;
    }
    return NULL;
}

bool mlci_text_language_get(mlci_text_vocab *t, const uint64_t content[2], uint32_t most,
                            uint32_t *bits)
{
    const mlci_language_row *r;

    mlci_os_lock(&t->lock);
    r = tv_language(t, content, most);
    if (r != NULL)
        memcpy(bits, r->bits, t->words * sizeof *bits);
    mlci_os_unlock(&t->lock);
    return r != NULL;
}

void mlci_text_language_put(mlci_text_vocab *t, const uint64_t content[2], uint32_t most,
                            const uint32_t *bits)
{
    mlci_language_row *r;

    mlci_os_lock(&t->lock);
    r = &t->languages[t->next_language];
    if (tv_language(t, content, most) == NULL) {
        if (r->bits == NULL)
            r->bits = mlci_new(t->ctx, t->words, sizeof *r->bits);
        if (r->bits != NULL) {
            memcpy(r->bits, bits, t->words * sizeof *bits);
            memcpy(r->content, content, sizeof r->content);
            r->most = most;
            t->next_language = (t->next_language + 1) % MLCI_LANGUAGES;
            t->n_languages += t->n_languages < MLCI_LANGUAGES;
        }
    }
    mlci_os_unlock(&t->lock);
}

static const uint32_t *tv_within(mlci_text_vocab *t, uint32_t most, bool ends)
{
    const uint32_t *from = ends ? t->inside_ends[MLCI_ANY_ESCAPE] : t->inside[MLCI_ANY_ESCAPE];
    uint32_t *bits;

    if (most >= 255 || t->within[ends][most] != NULL)
        return most >= 255 ? from : t->within[ends][most];
    bits = mlci_new(t->ctx, t->words, sizeof *bits);
    for (uint32_t w = 0; w < t->words && bits != NULL; w++) {
        uint32_t x = 0;

        for (uint32_t k = 0; k < 32 && 32 * w + k < t->n_tokens; k++)
            x |= (uint32_t)(t->chars[32 * w + k] <= most) << k;
        bits[w] = x & from[w];
    }
    return t->within[ends][most] = bits;
}

const uint32_t *mlci_text_within(mlci_text_vocab *t, uint32_t most, bool ends)
{
    const uint32_t *bits;

    mlci_os_lock(&t->lock);
    bits = tv_within(t, most, ends);
    mlci_os_unlock(&t->lock);
    return bits;
}
