/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_possible.c - is there a value that fits a formula?
 */
#include "judge.h"
#include "number_state.h"

enum { JP_BUDGET = 500, JP_LOOK = 64, JP_DEPTH = 200, JP_DIVISORS = 4 };

/* Questions in m->memo, beside machine.c's: the first number's top bits. */
enum { JP_POSSIBLE = 1 << 30, JP_CONTAINER = JP_POSSIBLE + 1, JP_ASKED = 2, JP_UNKNOWN = 3 };

static mlci_tuples *jp_t(const mlci_machine *m) { return &m->s->tuples; }

/* What a table says of a name; patterns: of names that it does not know. */
mlci_fx mlci_judge_member_value(mlci_machine *m, const mlci_members *t, uint32_t name)
{
    uint32_t low = 0, high = t->n;
    mlci_fx r = MLCI_FX_TRUE;
    bool any = false;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (t->names[mid] == name)
            return t->values[mid];
        if (t->names[mid] < name)
            low = mid + 1;
        else
            high = mid;
    }
    for (uint32_t i = 0; i < t->n_patterns; i++)
        if (mlci_schema_matches(m->s, t->patterns[i], m->s->names[name].p, m->s->names[name].n)) {
            r = mlci_fx_and(jp_t(m), r, t->pattern_values[i]);
            any = true;
        }
    return any ? r : t->rest;
}

/* The atoms of a conjunction in which nothing is to be chosen; what else is in it counts
 * as possible. */
typedef struct jp_plain {
    const mlci_fx *items;
    uint32_t       n;
    mlci_fx        one;
} jp_plain;

static void jp_conjunction(const mlci_machine *m, mlci_fx a, jp_plain *p)
{
    p->one = a;
    p->items = &p->one;
    p->n = 1;
    if (mlci_fx_kind_of(jp_t(m), a) == MLCI_FX_AND)
        p->items = mlci_fx_items(jp_t(m), a, &p->n);
}

/* Number i of them; of what is no atom, the kind is MLCI_AT_KINDS. */
static mlci_claim jp_atom(const mlci_machine *m, const jp_plain *p, uint32_t i)
{
    return mlci_fx_kind_of(jp_t(m), p->items[i]) == MLCI_FX_ATOM
         ? mlci_fx_atom_of(jp_t(m), p->items[i]) : (mlci_claim){ MLCI_AT_KINDS, 0, 0 };
}

/* "Not n or more": fewer than n; UINT32_MAX: it says something else. */
static uint32_t jp_fewer(const mlci_machine *m, mlci_fx a, mlci_claim_kind kind)
{
    const mlci_fx *items;
    mlci_claim what;
    uint32_t n;

    if (mlci_fx_kind_of(jp_t(m), a) != MLCI_FX_NOT)
        return UINT32_MAX;
    items = mlci_fx_items(jp_t(m), a, &n);
    if (mlci_fx_kind_of(jp_t(m), items[0]) != MLCI_FX_ATOM)
        return UINT32_MAX;
    what = mlci_fx_atom_of(jp_t(m), items[0]);
    return what.kind == kind ? what.a : UINT32_MAX;
}

static bool jp_member_possible(mlci_machine *m, const jp_plain *p, uint32_t name)
{
    mlci_fx all = MLCI_FX_TRUE;

    for (uint32_t i = 0; i < p->n; i++) {
        const mlci_claim x = jp_atom(m, p, i);

        if (x.kind == MLCI_AT_MEMBERS)
            all = mlci_fx_and(jp_t(m), all, mlci_judge_member_value(m, &m->s->members[x.a], name));
        else if (x.kind == MLCI_AT_NAMES && !mlci_words_fit(m->s, x.a, name))
            return false;
    }
    return mlci_judge_possible(m, all);
}

bool mlci_judge_allows(mlci_machine *m, uint32_t vec, uint32_t name, const mlci_shape *shape)
{
    jp_plain p;
    uint32_t n;

    jp_conjunction(m, *mlci_tuple_at(jp_t(m), vec, &n), &p);
    for (uint32_t i = 0; i < p.n && shape->n_ranks > 0; i++) {
        const mlci_claim x = jp_atom(m, &p, i);

        if (x.kind == MLCI_AT_HAS && mlci_shape_before(shape, x.a, name))
            return false;
    }
    return jp_member_possible(m, &p, name);
}

static bool jp_object_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t required = 0, least = 0, fewer = UINT32_MAX;
    jp_plain p;

    jp_conjunction(m, a, &p);
    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t f = jp_fewer(m, p.items[i], MLCI_AT_MORE);
        const mlci_claim x = jp_atom(m, &p, i);

        fewer = f < fewer ? f : fewer;
        if (x.kind == MLCI_AT_MORE)
            least = x.a > least ? x.a : least;
        if (x.kind == MLCI_AT_HAS) {
            required++;
            if (!jp_member_possible(m, &p, x.a))
                return false;
        }
    }
    return required < fewer && least < fewer;
}

/* What the tables of a conjunction say of the item `ahead` of the next one. */
static mlci_fx jp_item_value(mlci_machine *m, const jp_plain *p, uint32_t ahead)
{
    mlci_fx all = MLCI_FX_TRUE;

    for (uint32_t i = 0; i < p->n; i++) {
        const mlci_claim x = jp_atom(m, p, i);
        const mlci_items *t;

        if (x.kind != MLCI_AT_ITEMS)
            continue;
        t = &m->s->items[x.a];
        all = mlci_fx_and(jp_t(m), all, x.b + ahead < t->n ? t->prefix[x.b + ahead] : t->rest);
    }
    return all;
}

static uint32_t jp_count_texts(mlci_machine *m, mlci_fx a)
{
    uint32_t fit[MLCI_MOST_WORDS];

    return a == MLCI_FX_FALSE ? 0 : mlci_judge_fitting(m, a, fit);
}

uint32_t mlci_judge_count(mlci_machine *m, mlci_fx a)
{
    uint32_t n = jp_count_texts(m, mlci_judge_only(m, a, MLCI_V_STRING));

    for (uint32_t type = 1; type <= MLCI_V_ARRAY && n != UINT32_MAX; type <<= 1) {
        if (type == MLCI_V_STRING || mlci_judge_only(m, a, type) == MLCI_FX_FALSE)
            continue;
        n = type >= MLCI_V_NUMBER ? UINT32_MAX : n + 1;
    }
    return n;
}

bool mlci_judge_few_texts(mlci_machine *m, mlci_fx a)
{
    for (uint32_t type = 1; type <= MLCI_V_ARRAY; type <<= 1)
        if (type != MLCI_V_STRING && mlci_judge_only(m, a, type) != MLCI_FX_FALSE)
            return false;
    return jp_count_texts(m, mlci_judge_only(m, a, MLCI_V_STRING)) != UINT32_MAX;
}

/* Behind the prefixes of all tables: are there so many values that are unlike? */
static bool jp_unlike(mlci_machine *m, const jp_plain *p, uint32_t least)
{
    bool unique = false;

    for (uint32_t i = 0; i < p->n; i++) {
        const mlci_claim x = jp_atom(m, p, i);

        unique |= x.kind == MLCI_AT_UNIQUE;
        if (x.kind == MLCI_AT_ITEMS && x.b < m->s->items[x.a].n)
            return true;
    }
    return !unique || mlci_judge_count(m, jp_item_value(m, p, 0)) >= least;
}

static bool jp_array_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t least = 0, fewer = UINT32_MAX;
    jp_plain p;

    jp_conjunction(m, a, &p);
    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t f = jp_fewer(m, p.items[i], MLCI_AT_LONGER), found = 0;
        const mlci_claim x = jp_atom(m, &p, i);

        fewer = f < fewer ? f : fewer;
        if (x.kind == MLCI_AT_LONGER)
            least = x.a > least ? x.a : least;
        if (x.kind != MLCI_AT_CONTAINS)
            continue;
        least = x.b > least ? x.b : least;
        for (uint32_t k = 0; k < JP_LOOK && found == 0; k++)
            found = mlci_judge_possible(m, mlci_fx_and(jp_t(m), x.a, jp_item_value(m, &p, k)));
        if (found == 0)
            return false;
    }
    for (uint32_t k = 0; k < least && k < JP_LOOK; k++)
        if (!mlci_judge_possible(m, jp_item_value(m, &p, k)))
            return false;
    return least < fewer && (least == 0 || jp_unlike(m, &p, least));
}

static bool jp_container_possible(mlci_machine *m, mlci_fx a, bool object)
{
    uint32_t n;
    const mlci_fx *items;
    bool r = false;

    if (a <= MLCI_FX_TRUE)
        return a == MLCI_FX_TRUE;
    if (mlci_fx_kind_of(jp_t(m), a) == MLCI_FX_OR) {
        items = mlci_fx_items(jp_t(m), a, &n);
        for (uint32_t i = 0; i < n && !r; i++)
            r = jp_container_possible(m, items[i], object);
        return r;
    }
    return object ? jp_object_possible(m, a) : jp_array_possible(m, a);
}

bool mlci_judge_container_possible(mlci_machine *m, mlci_fx a, bool object)
{
    const uint32_t known = mlci_map_get(&m->memo, JP_CONTAINER + object, a);
    bool r;

    if (known != UINT32_MAX)
        return known == 1;
    r = jp_container_possible(m, a, object);
    if (r || !m->guessed || m->asking == 0)
        (void)mlci_map_put(&m->memo, JP_CONTAINER + object, a, r);
    return r;
}

static bool jp_count_divisors(void *user, const mlci_claim *what)
{
    *(uint32_t *)user += what->kind == MLCI_AT_MULTIPLE;
    return true;
}

/* Of many divisors it is not asked what they leave together. */
static bool jp_number_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t n = 0, list;

    (void)mlci_fx_each(jp_t(m), a, jp_count_divisors, &n);
    if (n == 0)
        return !mlci_rx_dead(&m->s->rx, mlci_judge_language(m, a, true), JP_BUDGET);
    list = n <= JP_DIVISORS ? mlci_tuple(jp_t(m), &a, 1) : UINT32_MAX;
    return list == UINT32_MAX || mlci_numbers_of(m, list) != 0;
}

/* Of a few texts each is tried; there are always others than a few; else languages tell. */
static bool jp_text_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t fit[MLCI_MOST_WORDS], n = mlci_judge_fitting(m, a, fit);
    bool others = true;
    jp_plain p;

    if (n != UINT32_MAX)
        return n > 0;
    jp_conjunction(m, a, &p);
    for (uint32_t i = 0; i < p.n; i++)
        others = others && mlci_judge_words_not(m, p.items[i]) != 0;
    return others || !mlci_rx_dead(&m->s->rx, mlci_judge_language(m, a, false), JP_BUDGET);
}

/* A reference that is met while it is looked at has no finite value by that way. */
bool mlci_judge_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t known;
    uint32_t types;
    bool r = false;

    if (a <= MLCI_FX_TRUE)
        return a == MLCI_FX_TRUE;
    known = mlci_map_get(&m->memo, JP_POSSIBLE, a);
    if (known < JP_UNKNOWN) {
        m->guessed |= known == JP_ASKED;
        return known == 1;
    }
    if (m->asking == JP_DEPTH || !mlci_map_put(&m->memo, JP_POSSIBLE, a, JP_ASKED))
        return true;
    m->guessed = m->asking++ > 0 && m->guessed;
    types = mlci_judge_types(m, a);
    for (uint32_t type = 1; type <= MLCI_V_ARRAY && !r; type <<= 1) {
        mlci_fx x = (types & type) != 0 ? mlci_judge_only(m, a, type) : MLCI_FX_FALSE;

        if (x <= MLCI_FX_TRUE)
            r = x == MLCI_FX_TRUE;
        else if (type == MLCI_V_NUMBER)
            r = jp_number_possible(m, x);
        else if (type == MLCI_V_STRING)
            r = jp_text_possible(m, x);
        else
            r = mlci_judge_container_possible(m, x, type == MLCI_V_OBJECT);
    }
    /* A no that rests on a question still being asked is none for good. */
    m->asking--;
    (void)mlci_map_put(&m->memo, JP_POSSIBLE, a,
                       r ? 1 : m->guessed && m->asking > 0 ? JP_UNKNOWN : 0);
    return r;
}
