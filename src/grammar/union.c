/* SPDX-License-Identifier: Apache-2.0
 *
 * union.c - texts of any of several grammars (grammar.h).
 *
 * A part that a token did not fit stays behind: it has fewer places than the union.  Going
 * back as far makes it count again.
 */
#include "grammar.h"

#include <string.h>

enum { UN_PARTS = 256 };

/* ---- grammars --------------------------------------------------------------------------- */

/* The texts of a list, as a regular expression. */
static void un_choice(const mlci_json *list, mlci_buf *b)
{
    for (const mlci_json *x = list->items; x != NULL; x = x->next) {
        mlci_buf_text(b, x == list->items ? "(?:" : "|");
        for (size_t i = 0; i < x->text_bytes; i++) {
            const char c = x->text[i];

            if (c != 0 && strchr("\\^$.|?*+()[]{}/", c) != NULL)
                mlci_buf_char(b, '\\');
            mlci_buf_char(b, c);
        }
    }
    mlci_buf_text(b, ")");
}

static bool un_texts(const mlci_json *list)
{
    if (list->type != MLCI_JSON_ARRAY || list->n_items == 0)
        return false;
    for (const mlci_json *x = list->items; x != NULL; x = x->next)
        if (x->type != MLCI_JSON_STRING)
            return false;
    return true;
}

static mlc_status un_part(mlc_grammar *g, const mlci_json *x, size_t i, mlc_error *err)
{
    enum { TEXT, JSON, CHOICE };
    static const struct { const char *key; uint32_t kind, form; } kinds[] = {
        { "json_schema", MLC_GRAMMAR_JSON_SCHEMA, JSON }, { "regex", MLC_GRAMMAR_REGEX, TEXT },
        { "ebnf", MLC_GRAMMAR_EBNF, TEXT }, { "lark", MLC_GRAMMAR_LARK, TEXT },
        { "tags", MLC_GRAMMAR_TAGS, JSON }, { "any", MLC_GRAMMAR_ANY, JSON },
        { "choice", MLC_GRAMMAR_REGEX, CHOICE },
    };
    const mlci_json *v = x->type == MLCI_JSON_OBJECT && x->n_items == 1 ? x->items : NULL;
    mlc_grammar_options o = g->o;
    mlc_error why = { 0 };
    mlc_status st;
    mlci_buf b;
    size_t k = 0;

    while (v != NULL && k < sizeof kinds / sizeof *kinds
           && (v->key_bytes != strlen(kinds[k].key)
               || memcmp(v->key, kinds[k].key, v->key_bytes) != 0))
        k++;
    if (v == NULL || k == sizeof kinds / sizeof *kinds
        || (kinds[k].form == TEXT && v->type != MLCI_JSON_STRING)
        || (kinds[k].form == CHOICE && !un_texts(v)))
        return mlci_fail(err, MLC_EFORMAT, 0, "union: part %zu is no {\"json_schema\": ...}, "
                         "{\"regex\": \"...\"}, ebnf, lark, tags, any or {\"choice\": [\"...\"]}",
                         i);
    mlci_buf_init(&b, g->v->ctx, SIZE_MAX);
    if (kinds[k].form == CHOICE)
        un_choice(v, &b);
    else if (kinds[k].form == JSON)
        mlci_json_write(v, &b);
    else
        mlci_buf_put(&b, v->text, v->text_bytes);
    o.kind = kinds[k].kind;
    st = b.failed ? mlci_nomem(&why, "union")
       : mlc_grammar_open(g->v, b.n > 0 ? b.data : "", b.n, &o, &g->parts[i], &why);
    mlci_buf_reset(&b);
    if (st != MLC_OK)
        return mlci_fail(err, st, 0, "union, part %zu: %s", i, why.text);
    if (g->parts[i]->dropped.n > 0)
        mlci_buf_format(&g->dropped, "part %zu: %s", i, g->parts[i]->dropped.data);
    return g->dropped.failed ? mlci_nomem(err, "union") : MLC_OK;
}

mlc_status mlci_union_open(mlc_grammar *g, mlc_error *err)
{
    const mlci_json *v = NULL;
    mlc_error why = { 0 };
    mlci_arena json;
    mlc_status st;
    size_t i = 0;

    mlci_arena_init(&json, g->v->ctx, MLCI_GRAMMAR_LIMIT);
    st = mlci_json_parse(&json, g->text, g->n_text, &v, &why);
    if (st != MLC_OK)
        st = mlci_fail(err, st == MLC_EINVAL ? MLC_EFORMAT : st, 0, "union: %s", why.text);
    else if (v->type != MLCI_JSON_ARRAY || v->n_items == 0 || v->n_items > UN_PARTS)
        st = mlci_fail(err, MLC_EFORMAT, 0, "union: no list of 1 to %d grammars", UN_PARTS);
    if (st == MLC_OK) {
        g->parts = mlci_new(g->v->ctx, v->n_items, sizeof *g->parts);
        g->n_parts = g->parts != NULL ? v->n_items : 0;
        st = g->parts != NULL ? MLC_OK : mlci_nomem(err, "union");
    }
    if (st == MLC_OK)
        for (const mlci_json *x = v->items; x != NULL && st == MLC_OK; x = x->next)
            st = un_part(g, x, i++, err);
    mlci_arena_reset(&json);
    return st;
}

void mlci_union_close(mlc_grammar *g)
{
    for (size_t i = 0; i < g->n_parts; i++)
        mlc_grammar_close(g->parts[i]);
    if (g->parts != NULL)
        mlci_delete(g->v->ctx, (void *)g->parts, g->n_parts, sizeof *g->parts);
}

/* ---- matchers --------------------------------------------------------------------------- */

static bool un_counts(const mlc_matcher *m, size_t i) { return m->parts[i]->n == m->n; }

mlc_status mlci_union_matchers(mlc_matcher *m, const mlc_matcher *from, mlc_error *err)
{
    mlc_context *ctx = m->g->v->ctx;
    mlc_status st = MLC_OK;

    m->parts = mlci_new(ctx, m->g->n_parts, sizeof *m->parts);
    m->mask = mlci_new(ctx, m->g->v->t.words, sizeof *m->mask);
    if (m->parts == NULL || m->mask == NULL)
        return mlci_nomem(err, "matcher");
    for (size_t i = 0; i < m->g->n_parts && st == MLC_OK; i++)
        st = from == NULL ? mlc_matcher_open(m->g->parts[i], &m->parts[i], err)
                          : mlc_matcher_fork(from->parts[i], &m->parts[i], err);
    return st;
}

void mlci_union_matchers_close(mlc_matcher *m)
{
    for (size_t i = 0; m->parts != NULL && i < m->g->n_parts; i++)
        mlc_matcher_close(m->parts[i]);
    if (m->parts != NULL)
        mlci_delete(m->g->v->ctx, (void *)m->parts, m->g->n_parts, sizeof *m->parts);
    mlci_delete(m->g->v->ctx, m->mask, m->mask != NULL ? m->g->v->t.words : 0, sizeof *m->mask);
}

mlc_status mlci_union_mask(mlc_matcher *m, uint32_t *mask)
{
    const size_t words = m->g->v->t.words;
    mlc_status st = MLC_OK;

    memset(mask, 0, words * sizeof *mask);
    for (size_t i = 0; i < m->g->n_parts && st == MLC_OK; i++) {
        if (!un_counts(m, i))
            continue;
        st = mlc_matcher_mask(m->parts[i], m->mask);
        for (size_t k = 0; k < words && st == MLC_OK; k++)
            mask[k] |= m->mask[k];
    }
    return st;
}

/* A token, or bytes: by every part that counts.  Those it does not fit stay behind. */
mlc_status mlci_union_accept(mlc_matcher *m, int32_t token, const char *bytes, size_t n,
                             size_t *taken)
{
    mlc_status worst = MLC_EFORMAT;
    bool any = false;

    *taken = 0;
    for (size_t i = 0; i < m->g->n_parts; i++) {
        size_t k = 0;
        mlc_status st;

        if (!un_counts(m, i))
            continue;
        st = token >= 0 ? mlc_matcher_accept(m->parts[i], token)
                        : mlc_matcher_accept_bytes(m->parts[i], bytes, n, &k);
        any |= st == MLC_OK;
        worst = st == MLC_ENOMEM || (st == MLC_ECLOSED && worst != MLC_ENOMEM) ? st : worst;
        *taken = k > *taken ? k : *taken;
    }
    m->n += any;
    return any ? MLC_OK : worst;
}

mlc_status mlci_union_rollback(mlc_matcher *m, size_t n)
{
    m->n -= n;
    for (size_t i = 0; i < m->g->n_parts; i++)
        if (m->parts[i]->n > m->n)
            (void)mlc_matcher_rollback(m->parts[i], m->parts[i]->n - m->n);
    return MLC_OK;
}

int32_t mlci_union_may_end(mlc_matcher *m)
{
    for (size_t i = 0; i < m->g->n_parts; i++)
        if (un_counts(m, i) && mlc_matcher_may_end(m->parts[i]))
            return 1;
    return 0;
}

/* What all parts that count begin with. */
mlc_status mlci_union_forced(mlc_matcher *m, char *buf, size_t cap, size_t *n_bytes)
{
    mlc_context *ctx = m->g->v->ctx;
    char *other = mlci_new(ctx, cap + 1, 1);
    mlc_status st = other != NULL ? MLC_OK : MLC_ENOMEM;
    bool first = true;

    for (size_t i = 0; i < m->g->n_parts && st == MLC_OK; i++) {
        size_t n = 0, k = 0;

        if (!un_counts(m, i))
            continue;
        st = mlc_matcher_forced(m->parts[i], first ? buf : other, cap, &n);
        while (!first && k < n && k < *n_bytes && buf[k] == other[k])
            k++;
        *n_bytes = first ? n : k;
        first = false;
    }
    mlci_delete(ctx, other, cap + 1, 1);
    return st;
}
