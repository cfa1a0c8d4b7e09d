/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.c - formulas on values: by type, as languages; what they mention.
 */
#include "judge.h"

static mlci_tuples *ju_t(const mlci_machine *m) { return &m->s->tuples; }

/* ---- one type of value ---------------------------------------------------------------- */

static const uint32_t ju_type_of[MLCI_AT_KINDS] = {
    [MLCI_AT_STRING] = MLCI_V_STRING, [MLCI_AT_LENGTH] = MLCI_V_STRING,
    [MLCI_AT_NUMBER] = MLCI_V_NUMBER, [MLCI_AT_MULTIPLE] = MLCI_V_NUMBER,
    [MLCI_AT_MEMBERS] = MLCI_V_OBJECT, [MLCI_AT_HAS] = MLCI_V_OBJECT,
    [MLCI_AT_MORE] = MLCI_V_OBJECT, [MLCI_AT_NAMES] = MLCI_V_OBJECT,
    [MLCI_AT_ITEMS] = MLCI_V_ARRAY, [MLCI_AT_LONGER] = MLCI_V_ARRAY,
    [MLCI_AT_CONTAINS] = MLCI_V_ARRAY, [MLCI_AT_UNIQUE] = MLCI_V_ARRAY,
};

typedef struct ju_typed { mlci_machine *m; uint32_t type; } ju_typed;

static mlci_fx ju_only(void *user, mlci_fx atom, const mlci_claim *what)
{
    const ju_typed *x = user;

    if (what->kind == MLCI_AT_TYPE)
        return (what->a & x->type) != 0;
    if (what->kind == MLCI_AT_REF)
        return mlci_judge_only(x->m, x->m->s->refs[what->a], x->type);
    return ju_type_of[what->kind] == x->type ? atom : MLCI_FX_TRUE;
}

/* Of what a reference stands for: remembered beside m->only's types. */
static uint32_t ju_ref_types(mlci_machine *m, mlci_fx atom, uint32_t ref)
{
    uint32_t types = mlci_map_get(&m->only, atom, 0);

    if (types == UINT32_MAX) {
        types = mlci_judge_types(m, m->s->refs[ref]);
        (void)mlci_map_put(&m->only, atom, 0, types);
    }
    return types;
}

uint32_t mlci_judge_types(mlci_machine *m, mlci_fx a)
{
    const mlci_fx_kind kind = mlci_fx_kind_of(ju_t(m), a);
    uint32_t n, types = MLCI_V_ALL;
    const mlci_fx *items;
    mlci_claim x;

    if (kind == MLCI_FX_CONST)
        return a == MLCI_FX_TRUE ? MLCI_V_ALL : 0;
    if (kind == MLCI_FX_ATOM) {
        x = mlci_fx_atom_of(ju_t(m), a);
        return x.kind == MLCI_AT_TYPE ? x.a
             : x.kind == MLCI_AT_REF ? ju_ref_types(m, a, x.a) : MLCI_V_ALL;
    }
    if (kind == MLCI_FX_NOT)
        return MLCI_V_ALL;
    items = mlci_fx_items(ju_t(m), a, &n);
    if (kind == MLCI_FX_AND) {
        for (uint32_t i = 0; i < n && types != 0; i++)
            types &= mlci_judge_types(m, items[i]);
        return types;
    }
    types = 0;
    for (uint32_t i = 0; i < n && types != MLCI_V_ALL; i++)
        types |= mlci_judge_types(m, items[i]);
    return types;
}

mlci_fx mlci_judge_only(mlci_machine *m, mlci_fx a, uint32_t type)
{
    ju_typed x = { m, type };
    mlci_fx r;

    if (a <= MLCI_FX_TRUE)
        return a;
    r = mlci_map_get(&m->only, a, type);
    if (r != UINT32_MAX)
        return r;
    r = (mlci_judge_types(m, a) & type) == 0 ? MLCI_FX_FALSE : mlci_fx_map(ju_t(m), a, ju_only, &x);
    if (r == UINT32_MAX || !mlci_map_put(&m->only, a, type, r)) {
        m->too_complex = true;
        return MLCI_FX_FALSE;
    }
    return r;
}

/* ---- languages ------------------------------------------------------------------------ */

static mlci_rx ju_length(mlci_machine *m, uint32_t least, uint32_t most)
{
    mlci_rx_store *s = &m->s->rx;
    mlci_rx any = mlci_rx_range(s, 0, 0x10ffff);

    return mlci_rx_cat(s, mlci_rx_repeat(s, any, least, most), mlci_rx_text(s, "\xff", 1));
}

uint32_t mlci_judge_words(const mlci_machine *m, mlci_fx a)
{
    mlci_claim x;

    if (mlci_fx_kind_of(ju_t(m), a) != MLCI_FX_ATOM)
        return 0;
    x = mlci_fx_atom_of(ju_t(m), a);
    return x.kind == MLCI_AT_STRING ? mlci_words_of(m->s, x.a) : 0;
}

/* The few texts that a negation leaves out; 0: it is another formula. */
uint32_t mlci_judge_words_not(const mlci_machine *m, mlci_fx a)
{
    uint32_t n;

    return mlci_fx_kind_of(ju_t(m), a) == MLCI_FX_NOT
         ? mlci_judge_words(m, *mlci_fx_items(ju_t(m), a, &n)) : 0;
}

uint32_t mlci_judge_fitting(mlci_machine *m, mlci_fx a, uint32_t fit[MLCI_MOST_WORDS])
{
    const bool several = mlci_fx_kind_of(ju_t(m), a) == MLCI_FX_AND;
    uint32_t n = 1, n_words, n_fit = 0, list = 0;
    const mlci_fx *items = several ? mlci_fx_items(ju_t(m), a, &n) : &a;
    const uint32_t *names;

    for (uint32_t i = 0; i < n && list == 0; i++)
        list = mlci_judge_words(m, items[i]);
    if (list == 0)
        return UINT32_MAX;
    names = mlci_tuple_at(ju_t(m), list, &n_words);
    for (uint32_t i = 0; i < n_words; i++)
        if (mlci_words_fit(m->s, a, names[i]))
            fit[n_fit++] = names[i];
    return n_fit;
}

/* All of several wishes for a text.  Of a few texts each is tried, and what leaves a few
 * out is put together: one automaton then, not one for each. */
static mlci_rx ju_all_texts(mlci_machine *m, mlci_fx a)
{
    mlci_rx_store *s = &m->s->rx;
    uint32_t n, one, fit[MLCI_MOST_WORDS], n_fit = mlci_judge_fitting(m, a, fit);
    const mlci_fx *items = mlci_fx_items(ju_t(m), a, &n);
    mlci_rx r = m->s->text, without = MLCI_RX_NONE;

    if (n_fit != UINT32_MAX)
        return mlci_words_some(m->s, fit, n_fit);
    for (uint32_t i = 0; i < n; i++) {
        mlci_rx x;

        if (mlci_judge_words_not(m, items[i]) == 0) {
            x = mlci_judge_language(m, items[i], false);
            r = r == m->s->text ? x : mlci_rx_and(s, r, x);
            continue;
        }
        x = mlci_judge_language(m, *mlci_fx_items(ju_t(m), items[i], &one), false);
        without = mlci_rx_or(s, without, x);
    }
    return without != MLCI_RX_NONE ? mlci_rx_and(s, r, mlci_rx_not(s, without)) : r;
}

/* Languages of numbers need not hold every way to write one, so what is outside of them
 * is looked for among those without an exponent, of which they hold all. */
mlci_rx mlci_judge_language(mlci_machine *m, mlci_fx a, bool number)
{
    mlci_rx_store *s = &m->s->rx;
    const mlci_fx_kind kind = mlci_fx_kind_of(ju_t(m), a);
    const mlci_fx *items;
    mlci_claim what;
    mlci_rx r, none, all;
    uint32_t n;

    if (kind == MLCI_FX_CONST && a != MLCI_FX_TRUE)
        return MLCI_RX_NONE;
    if (kind == MLCI_FX_CONST)
        return number ? mlci_numbers_all(s) : m->s->text;
    if (kind == MLCI_FX_ATOM) {
        what = mlci_fx_atom_of(ju_t(m), a);
        return what.kind == MLCI_AT_LENGTH ? ju_length(m, what.a, what.b)
             : what.kind == MLCI_AT_MULTIPLE ? mlci_numbers_plain(s) : what.a;
    }
    if (kind == MLCI_FX_AND && !number)
        return ju_all_texts(m, a);
    items = mlci_fx_items(ju_t(m), a, &n);
    all = number ? mlci_numbers_plain(s) : m->s->text;
    if (kind == MLCI_FX_NOT)
        return mlci_rx_and(s, all, mlci_rx_not(s, mlci_judge_language(m, items[0], number)));
    r = mlci_judge_language(m, items[0], number);
    none = mlci_rx_and(s, all, mlci_rx_not(s, r));
    for (uint32_t i = 1; i < n; i++) {
        mlci_rx x = mlci_judge_language(m, items[i], number), not_x;

        if (kind == MLCI_FX_ONE) {
            not_x = mlci_rx_and(s, all, mlci_rx_not(s, x));
            r = mlci_rx_or(s, mlci_rx_and(s, r, not_x), mlci_rx_and(s, none, x));
            none = mlci_rx_and(s, none, not_x);
        } else {
            r = kind == MLCI_FX_AND ? mlci_rx_and(s, r, x) : mlci_rx_or(s, r, x);
        }
    }
    return r;
}

mlci_rx mlci_judge_names(mlci_machine *m, mlci_fx a)
{
    return mlci_judge_language(m, mlci_judge_only(m, a, MLCI_V_STRING), false);
}

/* The formula when a divisor divides, or does not. */
typedef struct ju_divisor { uint32_t divisor; bool divides; uint32_t first; } ju_divisor;

static mlci_fx ju_divide(void *user, mlci_fx atom, const mlci_claim *what)
{
    const ju_divisor *d = user;

    return what->kind == MLCI_AT_MULTIPLE && what->a == d->divisor ? d->divides : atom;
}

static bool ju_find_divisor(void *user, const mlci_claim *what)
{
    ju_divisor *d = user;

    if (what->kind == MLCI_AT_MULTIPLE)
        d->first = what->a;
    return what->kind != MLCI_AT_MULTIPLE;
}

uint32_t mlci_judge_divisor(mlci_machine *m, mlci_fx a)
{
    ju_divisor d = { 0, false, UINT32_MAX };

    (void)mlci_fx_each(ju_t(m), a, ju_find_divisor, &d);
    return d.first;
}

mlci_fx mlci_judge_divided(mlci_machine *m, mlci_fx a, uint32_t divisor, bool divides)
{
    ju_divisor d = { divisor, divides, 0 };

    return mlci_fx_map(ju_t(m), a, ju_divide, &d);
}

/* ---- what is mentioned ---------------------------------------------------------------- */

static bool ju_other_kind(void *user, const mlci_claim *what)
{
    return what->kind != *(const mlci_claim_kind *)user;
}

bool mlci_judge_mentions(const mlci_machine *m, uint32_t vec, mlci_claim_kind kind)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ju_t(m), vec, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!mlci_fx_each(ju_t(m), fx[i], ju_other_kind, &kind))
            return true;
    return false;
}

bool mlci_judge_plain(const mlci_machine *m, uint32_t vec)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ju_t(m), vec, &n);
    const mlci_fx *items = fx;

    if (n != 1)
        return false;
    if (mlci_fx_kind_of(ju_t(m), fx[0]) == MLCI_FX_AND)
        items = mlci_fx_items(ju_t(m), fx[0], &n);
    for (uint32_t i = 0; i < n; i++) {
        const mlci_fx_kind kind = mlci_fx_kind_of(ju_t(m), items[i]);

        if (kind != MLCI_FX_CONST
            && (kind != MLCI_FX_ATOM || mlci_fx_atom_of(ju_t(m), items[i]).kind == MLCI_AT_MORE))
            return false;
    }
    return true;
}
