/* SPDX-License-Identifier: Apache-2.0
 *
 * words.c - words.h.
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum { WO_DEPTH = 64 };

/* What s->words is asked: the list of a language; the table of items that are not a name. */
enum { WO_LIST, WO_NO_ITEM };

static int wo_compare(const void *a, const void *b)
{
    const mlci_wanted *x = a, *y = b;
    int r = mlci_min(x->n, y->n) > 0 ? memcmp(x->p, y->p, mlci_min(x->n, y->n)) : 0;

    return r != 0 ? r : x->n < y->n ? -1 : x->n > y->n;
}

/* Sorted texts that are alike up to `depth`, as what is left of them with the end. */
static mlci_rx wo_tree(mlci_rx_store *s, const mlci_wanted *words, size_t n, size_t depth)
{
    const mlci_rx end = mlci_rx_text(s, "\xff", 1);
    mlci_rx r = MLCI_RX_NONE;
    size_t i = 0;

    if (n == 1)
        return mlci_rx_cat(s, mlci_rx_text(s, words[0].p + depth, words[0].n - depth), end);
    while (i < n && words[i].n == depth)
        i++;
    r = i > 0 ? end : r;
    while (i < n) {
        size_t k = i + 1, same = depth + 1;

        while (k < n && words[k].p[depth] == words[i].p[depth])
            k++;
        /* down what all of them share, without a call for each byte */
        while (k > i + 1 && same < words[i].n && words[k - 1].n > same
               && memcmp(words[i].p + depth, words[k - 1].p + depth, same + 1 - depth) == 0)
            same++;
        r = mlci_rx_or(s, r, mlci_rx_cat(s, mlci_rx_text(s, words[i].p + depth, same - depth),
                                         wo_tree(s, words + i, k - i, same)));
        i = k;
    }
    return r;
}

static int wo_by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

mlci_rx mlci_words_language(mlci_schema *s, mlci_wanted *words, size_t n)
{
    uint32_t names[MLCI_MOST_WORDS], list, kept = 0;
    mlci_rx r;

    qsort(words, n, sizeof *words, wo_compare);
    r = wo_tree(&s->rx, words, n, 0);
    if (n > MLCI_MOST_WORDS || mlci_words_of(s, r) != 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (words[i].n > MLCI_WORD_BYTES)
            return r;
    for (size_t i = 0; i < n; i++)
        names[i] = mlci_schema_name(s, words[i].p, words[i].n);
    qsort(names, n, sizeof *names, wo_by_number);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || names[kept - 1] != names[i])
            names[kept++] = names[i];
    list = mlci_tuple(&s->tuples, names, kept);
    if (names[kept - 1] != UINT32_MAX && list != UINT32_MAX)
        (void)mlci_map_put(&s->words, r, WO_LIST, list);    /* else it is a language like others */
    return r;
}

uint32_t mlci_words_of(const mlci_schema *s, mlci_rx language)
{
    const uint32_t list = mlci_map_get(&s->words, language, WO_LIST);

    return list != UINT32_MAX ? list : 0;
}

uint32_t mlci_words_wanted(const mlci_schema *s, mlci_fx a)
{
    uint32_t n, list = 0;
    const mlci_fx *items;
    bool text = false;
    mlci_claim x;

    for (int i = 0; i < WO_DEPTH && mlci_fx_kind_of(&s->tuples, a) == MLCI_FX_ATOM; i++) {
        x = mlci_fx_atom_of(&s->tuples, a);
        if (x.kind != MLCI_AT_REF)
            return 0;
        a = s->refs[x.a];
    }
    if (mlci_fx_kind_of(&s->tuples, a) != MLCI_FX_AND)
        return 0;
    items = mlci_fx_items(&s->tuples, a, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (mlci_fx_kind_of(&s->tuples, items[i]) != MLCI_FX_ATOM)
            return 0;
        x = mlci_fx_atom_of(&s->tuples, items[i]);
        if (x.kind == MLCI_AT_TYPE && x.a == MLCI_V_STRING)
            text = true;
        else if (x.kind == MLCI_AT_STRING && list == 0)
            list = mlci_words_of(s, x.a);
        else
            return 0;
    }
    return text ? list : 0;
}

mlci_rx mlci_words_some(mlci_schema *s, const uint32_t *names, uint32_t n)
{
    mlci_wanted words[MLCI_MOST_WORDS];

    if (n == 0 || n > MLCI_MOST_WORDS)
        return MLCI_RX_NONE;
    for (uint32_t i = 0; i < n; i++)
        words[i] = (mlci_wanted){ s->names[names[i]].p, s->names[names[i]].n };
    return mlci_words_language(s, words, n);
}

mlci_fx mlci_words_formula(mlci_schema *s, const uint32_t *names, uint32_t n)
{
    mlci_tuples *t = &s->tuples;

    if (n == 0 || n > MLCI_MOST_WORDS)
        return MLCI_FX_FALSE;
    return mlci_fx_and(t, mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_STRING, 0),
                       mlci_fx_atom(t, MLCI_AT_STRING, mlci_words_some(s, names, n), 0));
}

mlci_fx mlci_words_no_item(mlci_schema *s, uint32_t name)
{
    uint32_t table = mlci_map_get(&s->words, name, WO_NO_ITEM);
    void *items = s->items;

    if (table == UINT32_MAX) {
        if (!mlci_grow(s->ctx, &items, &s->cap_items, s->n_items + 1, sizeof *s->items))
            return UINT32_MAX;
        s->items = items;
        table = (uint32_t)s->n_items;
        s->items[s->n_items++] = (mlci_items){
            .rest = mlci_fx_not(&s->tuples, mlci_words_formula(s, &name, 1)) };
        if (!mlci_map_put(&s->words, name, WO_NO_ITEM, table))
            return UINT32_MAX;
    }
    return mlci_fx_atom(&s->tuples, MLCI_AT_ITEMS, table, 0);
}

/* ---- one text ------------------------------------------------------------------------- */

static bool wo_among(const mlci_schema *s, uint32_t list, uint32_t name)
{
    uint32_t n;
    const uint32_t *names = mlci_tuple_at(&s->tuples, list, &n);

    for (uint32_t i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}

static uint32_t wo_characters(const mlci_name *x)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < x->n; i++)
        n += ((uint8_t)x->p[i] & 0xc0) != 0x80;
    return n;
}

static bool wo_atom(mlci_schema *s, const mlci_claim *x, uint32_t name)
{
    uint32_t list, n;

    switch (x->kind) {
    case MLCI_AT_TYPE:   return (x->a & MLCI_V_STRING) != 0;
    case MLCI_AT_STRING:
        list = mlci_words_of(s, x->a);
        return list != 0 ? wo_among(s, list, name)
             : mlci_schema_matches(s, x->a, s->names[name].p, s->names[name].n);
    case MLCI_AT_LENGTH:
        n = wo_characters(&s->names[name]);
        return x->a <= n && n <= x->b;
    default: return true;                /* of other values */
    }
}

/* References that lead to themselves were refused when the schema was compiled. */
bool mlci_words_fit(mlci_schema *s, mlci_fx a, uint32_t name)
{
    const mlci_fx_kind kind = mlci_fx_kind_of(&s->tuples, a);
    uint32_t n, fits = 0;
    const mlci_fx *items;
    mlci_claim x;

    if (kind == MLCI_FX_CONST)
        return a == MLCI_FX_TRUE;
    if (kind == MLCI_FX_ATOM) {
        x = mlci_fx_atom_of(&s->tuples, a);
        return x.kind == MLCI_AT_REF ? mlci_words_fit(s, s->refs[x.a], name)
                                     : wo_atom(s, &x, name);
    }
    items = mlci_fx_items(&s->tuples, a, &n);
    for (uint32_t i = 0; i < n; i++) {
        const bool fit = mlci_words_fit(s, items[i], name);

        if (kind == MLCI_FX_AND && !fit)
            return false;
        if (kind == MLCI_FX_OR && fit)
            return true;
        fits += fit;
    }
    return kind == MLCI_FX_AND || (kind == MLCI_FX_ONE && fits == 1)
        || (kind == MLCI_FX_NOT && fits == 0);
}
