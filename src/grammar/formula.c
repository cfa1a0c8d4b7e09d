/* SPDX-License-Identifier: Apache-2.0
 *
 * formula.c - formula.h.
 */
#include "formula.h"

#include <stdlib.h>
#include <string.h>

/* Any failure is UINT32_MAX and stays so. */
#define FM_FAILED UINT32_MAX

mlci_fx mlci_fx_open(mlci_tuples *t)
{
    static const uint32_t yes[2] = { MLCI_FX_CONST, 1 };

    /* Number 0, the empty list, is FALSE. */
    return mlci_tuple(t, yes, 2);
}

mlci_fx mlci_fx_atom(mlci_tuples *t, mlci_claim_kind kind, uint32_t a, uint32_t b)
{
    const uint32_t words[4] = { MLCI_FX_ATOM, kind, a, b };

    if (kind == MLCI_AT_TYPE && (a & MLCI_V_ALL) == 0)
        return MLCI_FX_FALSE;
    if (kind == MLCI_AT_TYPE && (a & MLCI_V_ALL) == MLCI_V_ALL)
        return MLCI_FX_TRUE;
    return mlci_tuple(t, words, 4);
}

mlci_fx_kind mlci_fx_kind_of(const mlci_tuples *t, mlci_fx a)
{
    return a <= MLCI_FX_TRUE || a == FM_FAILED ? MLCI_FX_CONST : (mlci_fx_kind)t->items[a][1];
}

const mlci_fx *mlci_fx_items(const mlci_tuples *t, mlci_fx a, uint32_t *n)
{
    *n = t->items[a][0] - 1;
    return t->items[a] + 2;
}

mlci_claim mlci_fx_atom_of(const mlci_tuples *t, mlci_fx a)
{
    const uint32_t *w = t->items[a];

    return (mlci_claim){ (mlci_claim_kind)w[2], w[3], w[4] };
}

static bool fm_is_atom(const mlci_tuples *t, mlci_fx a, mlci_claim_kind kind)
{
    return mlci_fx_kind_of(t, a) == MLCI_FX_ATOM && t->items[a][2] == (uint32_t)kind;
}

mlci_fx mlci_fx_not(mlci_tuples *t, mlci_fx a)
{
    const uint32_t words[2] = { MLCI_FX_NOT, a };

    if (a == FM_FAILED || a <= MLCI_FX_TRUE)
        return a == FM_FAILED ? a : !a;
    if (mlci_fx_kind_of(t, a) == MLCI_FX_NOT)
        return t->items[a][2];
    if (fm_is_atom(t, a, MLCI_AT_TYPE))
        return mlci_fx_atom(t, MLCI_AT_TYPE, ~t->items[a][3] & MLCI_V_ALL, 0);
    return mlci_tuple(t, words, 2);
}

static int fm_compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool fm_has(const mlci_fx *items, uint32_t n, mlci_fx a)
{
    uint32_t low = 0;

    while (low < n) {
        uint32_t mid = low + (n - low) / 2;

        if (items[mid] == a)
            return true;
        if (items[mid] < a)
            low = mid + 1;
        else
            n = mid;
    }
    return false;
}

static mlci_fx fm_keep(mlci_tuples *t, mlci_fx_kind kind, const mlci_fx *items, uint32_t n)
{
    uint32_t some[64], *words = n < 64 ? some : mlci_new(t->ctx, n + 1, sizeof *words);
    mlci_fx r;

    if (words == NULL)
        return FM_FAILED;
    words[0] = kind;
    memcpy(words + 1, items, n * sizeof *items);
    r = mlci_tuple(t, words, n + 1);
    if (words != some)
        mlci_delete(t->ctx, words, n + 1, sizeof *words);
    return r;
}

static bool fm_sorted(const mlci_fx *items, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (items[i] < items[i - 1])
            return false;
    return true;
}

/* Exactly one of them. */
static mlci_fx fm_one(mlci_tuples *t, mlci_fx *items, uint32_t n)
{
    uint32_t kept = 0, sure = 0;
    mlci_fx r;

    for (uint32_t i = 0; i < n; i++) {
        if (items[i] == FM_FAILED)
            return FM_FAILED;
        if (items[i] == MLCI_FX_TRUE)
            sure++;
        else if (items[i] != MLCI_FX_FALSE)
            items[kept++] = items[i];
    }
    if (sure > 1 || (sure == 0 && kept == 0))
        return MLCI_FX_FALSE;
    if (sure == 1) {
        for (uint32_t i = 0; i < kept; i++)
            items[i] = mlci_fx_not(t, items[i]);
        return mlci_fx_list(t, MLCI_FX_AND, items, kept);
    }
    if (kept == 1)
        return items[0];
    if (!fm_sorted(items, kept))
        qsort(items, kept, sizeof *items, fm_compare);
    r = fm_keep(t, MLCI_FX_ONE, items, kept);
    return r;
}

/* Members that are lists of the same kind are put in their place. */
static mlci_fx *fm_flatten(mlci_tuples *t, mlci_fx_kind kind, const mlci_fx *items, uint32_t *n,
                           size_t *cap)
{
    size_t total = 0, at = 0;
    mlci_fx *flat;

    for (uint32_t i = 0; i < *n; i++)
        total += mlci_fx_kind_of(t, items[i]) == kind ? t->items[items[i]][0] - 1 : 1;
    flat = mlci_new(t->ctx, total, sizeof *flat);
    for (uint32_t i = 0; i < *n && flat != NULL; i++) {
        uint32_t m = 1;
        const mlci_fx *from = &items[i];

        if (mlci_fx_kind_of(t, items[i]) == kind)
            from = mlci_fx_items(t, items[i], &m);
        memcpy(flat + at, from, m * sizeof *flat);
        at += m;
    }
    *n = (uint32_t)total;
    *cap = total;
    return flat;
}

/* Conditions on the type become one of them. */
static mlci_fx fm_types(mlci_tuples *t, mlci_fx_kind kind, mlci_fx *items, uint32_t *n)
{
    uint32_t mask = kind == MLCI_FX_AND ? MLCI_V_ALL : 0, kept = 0, found = 0;

    for (uint32_t i = 0; i < *n; i++)
        if (fm_is_atom(t, items[i], MLCI_AT_TYPE)) {
            const uint32_t more = t->items[items[i]][3];

            mask = kind == MLCI_FX_AND ? mask & more : mask | more;
            found++;
        } else {
            items[kept++] = items[i];
        }
    *n = kept;
    return found == 0 ? (mlci_fx)(kind == MLCI_FX_AND) : mlci_fx_atom(t, MLCI_AT_TYPE, mask, 0);
}

static mlci_fx fm_normal(mlci_tuples *t, mlci_fx_kind kind, mlci_fx *items, uint32_t n)
{
    const mlci_fx unit = kind == MLCI_FX_AND, zero = !unit;
    uint32_t kept = 0;
    mlci_fx types = fm_types(t, kind, items, &n);

    if (types == zero || types == FM_FAILED)
        return types;
    if (types != unit)
        items[n++] = types;
    if (!fm_sorted(items, n))
        qsort(items, n, sizeof *items, fm_compare);
    for (uint32_t i = 0; i < n; i++) {
        if (items[i] == FM_FAILED || items[i] == zero)
            return items[i];
        if (items[i] != unit && (kept == 0 || items[kept - 1] != items[i]))
            items[kept++] = items[i];
    }
    for (uint32_t i = 0; i < kept; i++)
        if (mlci_fx_kind_of(t, items[i]) == MLCI_FX_NOT
            && fm_has(items, kept, t->items[items[i]][2]))
            return zero;
    return kept == 0 ? unit : kept == 1 ? items[0] : fm_keep(t, kind, items, kept);
}

mlci_fx mlci_fx_list(mlci_tuples *t, mlci_fx_kind kind, mlci_fx *items, uint32_t n)
{
    bool nested = false;
    mlci_fx *flat, r;
    size_t cap;

    if (kind == MLCI_FX_ONE)
        return fm_one(t, items, n);
    for (uint32_t i = 0; i < n; i++) {
        if (items[i] == FM_FAILED)
            return FM_FAILED;
        nested |= mlci_fx_kind_of(t, items[i]) == kind;
    }
    if (n == 0)
        return kind == MLCI_FX_AND;
    if (!nested) {
        return fm_normal(t, kind, items, n);
    }
    flat = fm_flatten(t, kind, items, &n, &cap);
    r = flat != NULL ? fm_normal(t, kind, flat, n) : FM_FAILED;
    mlci_delete(t->ctx, flat, cap, sizeof *flat);
    return r;
}

static mlci_fx fm_two(mlci_tuples *t, mlci_fx_kind kind, mlci_fx a, mlci_fx b)
{
    mlci_fx items[2] = { a, b };

    return mlci_fx_list(t, kind, items, 2);
}

mlci_fx mlci_fx_and(mlci_tuples *t, mlci_fx a, mlci_fx b) { return fm_two(t, MLCI_FX_AND, a, b); }
mlci_fx mlci_fx_or(mlci_tuples *t, mlci_fx a, mlci_fx b)  { return fm_two(t, MLCI_FX_OR, a, b); }

mlci_fx mlci_fx_map(mlci_tuples *t, mlci_fx a, mlci_fx_fn *fn, void *user)
{
    const mlci_fx_kind kind = mlci_fx_kind_of(t, a);
    mlci_fx some[32], *room, r;
    const mlci_fx *items;
    mlci_claim what;
    uint32_t n;

    if (kind == MLCI_FX_CONST)
        return a;
    if (kind == MLCI_FX_ATOM) {
        what = mlci_fx_atom_of(t, a);
        return fn(user, a, &what);
    }
    items = mlci_fx_items(t, a, &n);
    if (kind == MLCI_FX_NOT)
        return mlci_fx_not(t, mlci_fx_map(t, items[0], fn, user));
    room = n <= 32 ? some : mlci_new(t->ctx, n, sizeof *room);
    if (room == NULL)
        return FM_FAILED;
    for (uint32_t i = 0; i < n; i++)
        room[i] = mlci_fx_map(t, items[i], fn, user);
    r = mlci_fx_list(t, kind, room, n);
    if (room != some)
        mlci_delete(t->ctx, room, n, sizeof *room);
    return r;
}

bool mlci_fx_each(const mlci_tuples *t, mlci_fx a, mlci_fx_look *fn, void *user)
{
    const mlci_fx_kind kind = mlci_fx_kind_of(t, a);
    const mlci_fx *items;
    mlci_claim what;
    uint32_t n;

    if (kind == MLCI_FX_CONST)
        return true;
    if (kind == MLCI_FX_ATOM) {
        what = mlci_fx_atom_of(t, a);
        return fn(user, &what);
    }
    items = mlci_fx_items(t, a, &n);
    for (uint32_t i = 0; i < n; i++)
        if (!mlci_fx_each(t, items[i], fn, user))
            return false;
    return true;
}
