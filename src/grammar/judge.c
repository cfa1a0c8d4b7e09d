/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.c - formulas on values: what is left of them, whether anything fits.
 */
#include "machine.h"

#include <string.h>

enum { JU_BUDGET = 500, JU_LEAVES = 512, JU_LOOK = 64, JU_DEPTH = 200 };
#define JU_DONE 0x80000000u          /* in an atom's b: this member was taken           */

static mlci_tuples *ju_t(const mlci_machine *m) { return &m->s->tuples; }

/* Questions in m->memo, beside machine.c's: the first number's top bits. */
enum { JU_POSSIBLE = 1 << 30, JU_ASKED = 2, JU_UNKNOWN = 3 };

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

mlci_fx mlci_judge_only(mlci_machine *m, mlci_fx a, uint32_t type)
{
    ju_typed x = { m, type };
    mlci_fx r;

    if (a <= MLCI_FX_TRUE)
        return a;
    r = mlci_map_get(&m->only, a, type);
    if (r != UINT32_MAX)
        return r;
    r = mlci_fx_map(ju_t(m), a, ju_only, &x);
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

/* ---- is there a value? ---------------------------------------------------------------- */

static const mlci_items *ju_table(const mlci_machine *m, uint32_t i) { return &m->s->items[i]; }

/* What a table says of a name; patterns: of names that it does not know. */
static mlci_fx ju_member_value(mlci_machine *m, const mlci_members *t, uint32_t name)
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
            r = mlci_fx_and(ju_t(m), r, t->pattern_values[i]);
            any = true;
        }
    return any ? r : t->rest;
}

static mlci_rx ju_names(mlci_machine *m, mlci_fx a)
{
    return mlci_judge_language(m, mlci_judge_only(m, a, MLCI_V_STRING), false);
}

/* The atoms of a conjunction in which nothing is to be chosen; what else is in it counts
 * as possible. */
typedef struct ju_plain {
    const mlci_fx *items;
    uint32_t       n;
    mlci_fx        one;
} ju_plain;

static void ju_conjunction(const mlci_machine *m, mlci_fx a, ju_plain *p)
{
    p->one = a;
    p->items = &p->one;
    p->n = 1;
    if (mlci_fx_kind_of(ju_t(m), a) == MLCI_FX_AND)
        p->items = mlci_fx_items(ju_t(m), a, &p->n);
}

/* "Not n or more": fewer than n; UINT32_MAX: it says something else. */
static uint32_t ju_fewer(const mlci_machine *m, mlci_fx a, mlci_claim_kind kind)
{
    const mlci_fx *items;
    mlci_claim what;
    uint32_t n;

    if (mlci_fx_kind_of(ju_t(m), a) != MLCI_FX_NOT)
        return UINT32_MAX;
    items = mlci_fx_items(ju_t(m), a, &n);
    if (mlci_fx_kind_of(ju_t(m), items[0]) != MLCI_FX_ATOM)
        return UINT32_MAX;
    what = mlci_fx_atom_of(ju_t(m), items[0]);
    return what.kind == kind ? what.a : UINT32_MAX;
}

static bool ju_member_possible(mlci_machine *m, const ju_plain *p, uint32_t name)
{
    mlci_fx all = MLCI_FX_TRUE;

    for (uint32_t i = 0; i < p->n; i++) {
        mlci_claim x;

        if (mlci_fx_kind_of(ju_t(m), p->items[i]) != MLCI_FX_ATOM)
            continue;
        x = mlci_fx_atom_of(ju_t(m), p->items[i]);
        if (x.kind == MLCI_AT_MEMBERS)
            all = mlci_fx_and(ju_t(m), all, ju_member_value(m, &m->s->members[x.a], name));
        else if (x.kind == MLCI_AT_NAMES
                 && !mlci_schema_matches(m->s, ju_names(m, x.a), m->s->names[name].p,
                                         m->s->names[name].n))
            return false;
    }
    return mlci_judge_possible(m, all);
}

static bool ju_object_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t required = 0, least = 0, fewer = UINT32_MAX;
    ju_plain p;

    ju_conjunction(m, a, &p);
    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t f = ju_fewer(m, p.items[i], MLCI_AT_MORE);
        mlci_claim x;

        fewer = f < fewer ? f : fewer;
        if (mlci_fx_kind_of(ju_t(m), p.items[i]) != MLCI_FX_ATOM)
            continue;
        x = mlci_fx_atom_of(ju_t(m), p.items[i]);
        if (x.kind == MLCI_AT_MORE)
            least = x.a > least ? x.a : least;
        if (x.kind == MLCI_AT_HAS) {
            required++;
            if (!ju_member_possible(m, &p, x.a))
                return false;
        }
    }
    return required < fewer && least < fewer;
}

/* What the tables of a conjunction say of the item `ahead` of the next one. */
static mlci_fx ju_item_value(mlci_machine *m, const ju_plain *p, uint32_t ahead)
{
    mlci_fx all = MLCI_FX_TRUE;

    for (uint32_t i = 0; i < p->n; i++) {
        mlci_claim x;
        const mlci_items *t;

        if (mlci_fx_kind_of(ju_t(m), p->items[i]) != MLCI_FX_ATOM)
            continue;
        x = mlci_fx_atom_of(ju_t(m), p->items[i]);
        if (x.kind != MLCI_AT_ITEMS)
            continue;
        t = ju_table(m, x.a);
        all = mlci_fx_and(ju_t(m), all, x.b + ahead < t->n ? t->prefix[x.b + ahead] : t->rest);
    }
    return all;
}

static bool ju_array_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t least = 0, fewer = UINT32_MAX;
    ju_plain p;

    ju_conjunction(m, a, &p);
    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t f = ju_fewer(m, p.items[i], MLCI_AT_LONGER), found = 0;
        mlci_claim x;

        fewer = f < fewer ? f : fewer;
        if (mlci_fx_kind_of(ju_t(m), p.items[i]) != MLCI_FX_ATOM)
            continue;
        x = mlci_fx_atom_of(ju_t(m), p.items[i]);
        if (x.kind == MLCI_AT_LONGER)
            least = x.a > least ? x.a : least;
        if (x.kind != MLCI_AT_CONTAINS)
            continue;
        least = x.b > least ? x.b : least;
        for (uint32_t k = 0; k < JU_LOOK && found == 0; k++)
            found = mlci_judge_possible(m, mlci_fx_and(ju_t(m), x.a, ju_item_value(m, &p, k)));
        if (found == 0)
            return false;
    }
    for (uint32_t k = 0; k < least && k < JU_LOOK; k++)
        if (!mlci_judge_possible(m, ju_item_value(m, &p, k)))
            return false;
    return least < fewer;
}

static bool ju_container_possible(mlci_machine *m, mlci_fx a, bool object)
{
    uint32_t n;
    const mlci_fx *items;
    bool r = false;

    if (a <= MLCI_FX_TRUE)
        return a == MLCI_FX_TRUE;
    if (mlci_fx_kind_of(ju_t(m), a) == MLCI_FX_OR) {
        items = mlci_fx_items(ju_t(m), a, &n);
        for (uint32_t i = 0; i < n && !r; i++)
            r = ju_container_possible(m, items[i], object);
        return r;
    }
    return object ? ju_object_possible(m, a) : ju_array_possible(m, a);
}

/* Each divisor may divide or not. */
static bool ju_number_possible(mlci_machine *m, mlci_fx a, uint32_t depth)
{
    const uint32_t d = mlci_judge_divisor(m, a);

    if (d == UINT32_MAX)
        return !mlci_rx_dead(&m->s->rx, mlci_judge_language(m, a, true), JU_BUDGET);
    if (depth == 8)
        return true;
    return ju_number_possible(m, mlci_judge_divided(m, a, d, true), depth + 1)
        || ju_number_possible(m, mlci_judge_divided(m, a, d, false), depth + 1);
}

/* A reference that is met while it is looked at has no finite value by that way. */
bool mlci_judge_possible(mlci_machine *m, mlci_fx a)
{
    uint32_t known;
    bool r = false;

    if (a <= MLCI_FX_TRUE)
        return a == MLCI_FX_TRUE;
    known = mlci_map_get(&m->memo, JU_POSSIBLE, a);
    if (known < JU_UNKNOWN) {
        m->guessed |= known == JU_ASKED;
        return known == 1;
    }
    if (m->asking == JU_DEPTH || !mlci_map_put(&m->memo, JU_POSSIBLE, a, JU_ASKED))
        return true;
    m->guessed = m->asking++ > 0 && m->guessed;
    for (uint32_t type = 1; type <= MLCI_V_ARRAY && !r; type <<= 1) {
        mlci_fx x = mlci_judge_only(m, a, type);

        if (x <= MLCI_FX_TRUE)
            r = x == MLCI_FX_TRUE;
        else if (type == MLCI_V_NUMBER)
            r = ju_number_possible(m, x, 0);
        else if (type == MLCI_V_STRING)
            r = !mlci_rx_dead(&m->s->rx, mlci_judge_language(m, x, false), JU_BUDGET);
        else
            r = ju_container_possible(m, x, type == MLCI_V_OBJECT);
    }
    /* A no that rests on a question still being asked is none for good. */
    m->asking--;
    (void)mlci_map_put(&m->memo, JU_POSSIBLE, a,
                       r ? 1 : m->guessed && m->asking > 0 ? JU_UNKNOWN : 0);
    return r;
}

/* ---- members and items ---------------------------------------------------------------- */

/* One member or item in all formulas of a list. */
typedef struct ju_event {
    mlci_machine *m;
    uint32_t      name;             /* UINT32_MAX: a name that no table knows       */
    uint64_t      patterns;         /* that it matches, by the shape                */
    const mlci_shape *shape;
    bool          item;
    mlci_fx       value;            /* being decided                                */
    bool          holds;
    mlci_fx       open;             /* the first value that is not decided yet      */
} ju_event;

static bool ju_matched(const ju_event *e, mlci_rx pattern)
{
    for (uint32_t i = 0; i < e->shape->n_patterns; i++)
        if (e->shape->patterns[i] == pattern)
            return (e->patterns >> i & 1) != 0;
    return false;
}

static mlci_fx ju_members_say(ju_event *e, const mlci_members *t)
{
    mlci_fx r = MLCI_FX_TRUE;
    bool any = false;

    if (e->name != UINT32_MAX)
        return ju_member_value(e->m, t, e->name);
    for (uint32_t i = 0; i < t->n_patterns; i++)
        if (ju_matched(e, t->patterns[i])) {
            r = mlci_fx_and(ju_t(e->m), r, t->pattern_values[i]);
            any = true;
        }
    return any ? r : t->rest;
}

/* What an atom wants of the value that comes; TRUE: nothing. */
static mlci_fx ju_wants(ju_event *e, const mlci_claim *x)
{
    const mlci_items *t;

    if ((x->b & JU_DONE) != 0)
        return MLCI_FX_TRUE;
    if (x->kind == MLCI_AT_MEMBERS)
        return ju_members_say(e, &e->m->s->members[x->a]);
    if (x->kind == MLCI_AT_CONTAINS)
        return x->a;
    if (x->kind != MLCI_AT_ITEMS)
        return MLCI_FX_TRUE;
    t = ju_table(e->m, x->a);
    return x->b < t->n ? t->prefix[x->b] : t->rest;
}

/* What is left of it after a value that fits, or does not. */
static mlci_fx ju_after(ju_event *e, const mlci_claim *x, bool fits)
{
    mlci_tuples *t = ju_t(e->m);

    if (x->kind == MLCI_AT_CONTAINS)
        return fits && x->b == 1 ? MLCI_FX_TRUE
             : mlci_fx_atom(t, x->kind, x->a, (x->b - fits) | JU_DONE);
    if (!fits)
        return MLCI_FX_FALSE;
    if (x->kind == MLCI_AT_ITEMS) {    /* behind the prefix the place does not matter */
        const mlci_items *table = ju_table(e->m, x->a);

        return mlci_fx_atom(t, x->kind, x->a, (x->b + (x->b < table->n)) | JU_DONE);
    }
    return mlci_fx_atom(t, x->kind, x->a, x->b | JU_DONE);
}

/* Before values: names and counts, and what needs no look at the value. */
static mlci_fx ju_arrive(void *user, mlci_fx atom, const mlci_claim *x)
{
    ju_event *e = user;
    mlci_fx want;

    switch (x->kind) {
    case MLCI_AT_HAS:    return x->a == e->name ? MLCI_FX_TRUE : atom;
    case MLCI_AT_MORE: case MLCI_AT_LONGER:
        return x->a == 1 ? MLCI_FX_TRUE : mlci_fx_atom(ju_t(e->m), x->kind, x->a - 1, 0);
    case MLCI_AT_NAMES:
        want = e->name == UINT32_MAX ? ju_matched(e, ju_names(e->m, x->a))
             : mlci_schema_matches(e->m->s, ju_names(e->m, x->a), e->m->s->names[e->name].p,
                                   e->m->s->names[e->name].n);
        return want ? atom : MLCI_FX_FALSE;
    case MLCI_AT_MEMBERS: case MLCI_AT_ITEMS: case MLCI_AT_CONTAINS:
        want = ju_wants(e, x);
        return want <= MLCI_FX_TRUE ? ju_after(e, x, want == MLCI_FX_TRUE) : atom;
    default: return atom;
    }
}

static mlci_fx ju_decide(void *user, mlci_fx atom, const mlci_claim *x)
{
    ju_event *e = user;

    return (x->b & JU_DONE) == 0 && ju_wants(e, x) == e->value && e->value > MLCI_FX_TRUE
         ? ju_after(e, x, e->holds) : atom;
}

static bool ju_find_open(void *user, const mlci_claim *x)
{
    ju_event *e = user;

    if (x->kind == MLCI_AT_MEMBERS || x->kind == MLCI_AT_ITEMS || x->kind == MLCI_AT_CONTAINS)
        e->open = ju_wants(e, x);
    return e->open == MLCI_FX_TRUE;
}

static mlci_fx ju_finish(void *user, mlci_fx atom, const mlci_claim *x)
{
    const ju_event *e = user;

    if (x->kind != MLCI_AT_MEMBERS && x->kind != MLCI_AT_ITEMS && x->kind != MLCI_AT_CONTAINS)
        return atom;
    return (x->b & JU_DONE) == 0 ? atom
         : mlci_fx_atom(ju_t(e->m), x->kind, x->a, x->b & ~JU_DONE);
}

/* A list with each formula replaced; 0 (the empty list) when none is left. */
static uint32_t ju_map_vec(mlci_machine *m, uint32_t vec, mlci_fx_fn *fn, void *user)
{
    uint32_t n, some[32], *room, r;
    const uint32_t *fx = mlci_tuple_at(ju_t(m), vec, &n);
    bool any = false;

    room = n <= 32 ? some : mlci_new(m->s->ctx, n, sizeof *room);
    if (room == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        room[i] = mlci_fx_map(ju_t(m), fx[i], fn, user);
        any |= room[i] != MLCI_FX_FALSE;
        m->too_complex |= room[i] == UINT32_MAX;
    }
    r = any && !m->too_complex ? mlci_tuple(ju_t(m), room, n) : 0;
    if (room != some)
        mlci_delete(m->s->ctx, room, n, sizeof *room);
    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : 0;
}

/* ---- splitting ------------------------------------------------------------------------ */

typedef struct ju_leaves {
    uint32_t n;
    mlci_fx  conditions[JU_LEAVES];
    uint32_t vecs[JU_LEAVES];
} ju_leaves;

static bool ju_vec_possible(mlci_machine *m, uint32_t vec, bool object)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ju_t(m), vec, &n);
    bool r = false;

    for (uint32_t i = 0; i < n && !r; i++) {
        const uint32_t known = mlci_map_get(&m->memo, JU_POSSIBLE + 1 + object, fx[i]);

        r = known != UINT32_MAX ? known == 1 : ju_container_possible(m, fx[i], object);
        if (known == UINT32_MAX)
            (void)mlci_map_put(&m->memo, JU_POSSIBLE + 1 + object, fx[i], r);
    }
    return r;
}

static void ju_leaf(ju_event *e, ju_leaves *l, mlci_fx condition, uint32_t vec)
{
    vec = ju_map_vec(e->m, vec, ju_finish, e);
    if (vec == 0 || !ju_vec_possible(e->m, vec, !e->item))
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->vecs[i] == vec) {
            l->conditions[i] = mlci_fx_or(ju_t(e->m), l->conditions[i], condition);
            return;
        }
    if (l->n == JU_LEAVES) {
        e->m->too_complex = true;
        return;
    }
    l->conditions[l->n] = condition;
    l->vecs[l->n++] = vec;
}

static void ju_split(ju_event *e, ju_leaves *l, mlci_fx condition, uint32_t vec, uint32_t depth)
{
    const uint32_t *fx;
    uint32_t yes, no, n;
    mlci_fx value, both;

    if (vec == 0 || e->m->too_complex || condition == MLCI_FX_FALSE)
        return;
    e->open = MLCI_FX_TRUE;
    fx = mlci_tuple_at(ju_t(e->m), vec, &n);
    for (uint32_t i = 0; i < n && mlci_fx_each(ju_t(e->m), fx[i], ju_find_open, e); i++)
        ;
    value = e->open;
    if (value <= MLCI_FX_TRUE) {
        ju_leaf(e, l, condition, vec);
        return;
    }
    if (depth == JU_DEPTH) {
        e->m->too_complex = true;
        return;
    }
    e->value = value, e->holds = true;
    yes = ju_map_vec(e->m, vec, ju_decide, e);
    e->holds = false;
    no = ju_map_vec(e->m, vec, ju_decide, e);
    if (yes == no) {
        ju_split(e, l, condition, yes, depth + 1);
        return;
    }
    both = mlci_fx_and(ju_t(e->m), condition, value);
    if (yes != 0 && (no == 0 || mlci_judge_possible(e->m, both)))
        ju_split(e, l, both, yes, depth + 1);
    both = mlci_fx_and(ju_t(e->m), condition, mlci_fx_not(ju_t(e->m), value));
    if (no != 0 && mlci_judge_possible(e->m, both))
        ju_split(e, l, both, no, depth + 1);
}

static bool ju_event_split(ju_event *e, uint32_t vec, mlci_split *out)
{
    uint32_t wants[JU_LEAVES], pending[JU_LEAVES], n = 0;
    ju_leaves *l = mlci_new(e->m->s->ctx, 1, sizeof *l);

    if (l == NULL) {
        e->m->too_complex = true;
        return false;
    }
    ju_split(e, l, MLCI_FX_TRUE, ju_map_vec(e->m, vec, ju_arrive, e), 0);
    for (uint32_t i = 0; i < l->n && !e->m->too_complex; i++)
        if (mlci_judge_possible(e->m, l->conditions[i])) {
            wants[n] = l->conditions[i];
            pending[n++] = l->vecs[i];
        }
    mlci_delete(e->m->s->ctx, l, 1, sizeof *l);
    if (n == 0 || e->m->too_complex)
        return false;
    out->wants = mlci_tuple(ju_t(e->m), wants, n);
    out->pending = mlci_tuple(ju_t(e->m), pending, n);
    e->m->too_complex |= out->wants == UINT32_MAX || out->pending == UINT32_MAX;
    return !e->m->too_complex;
}

bool mlci_judge_member(mlci_machine *m, uint32_t vec, uint32_t name, uint64_t patterns,
                       const mlci_shape *shape, mlci_split *out)
{
    ju_event e = { .m = m, .name = name, .patterns = patterns, .shape = shape };

    return ju_event_split(&e, vec, out);
}

bool mlci_judge_item(mlci_machine *m, uint32_t vec, mlci_split *out)
{
    ju_event e = { .m = m, .name = UINT32_MAX, .item = true };

    return ju_event_split(&e, vec, out);
}

/* ---- ends ----------------------------------------------------------------------------- */

static mlci_fx ju_end(void *user, mlci_fx atom, const mlci_claim *x)
{
    (void)user, (void)atom;
    return x->kind == MLCI_AT_MEMBERS || x->kind == MLCI_AT_NAMES || x->kind == MLCI_AT_ITEMS
        || x->kind == MLCI_AT_UNIQUE;
}

int32_t mlci_judge_close(mlci_machine *m, uint32_t vec)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ju_t(m), vec, &n);

    for (uint32_t i = 0; i < n; i++)
        if (mlci_fx_map(ju_t(m), fx[i], ju_end, m) == MLCI_FX_TRUE)
            return (int32_t)i;
    return -1;
}

static mlci_fx ju_twice(void *user, mlci_fx atom, const mlci_claim *x)
{
    (void)user;
    return x->kind == MLCI_AT_UNIQUE ? MLCI_FX_FALSE : atom;
}

uint32_t mlci_judge_repeated(mlci_machine *m, uint32_t vec)
{
    return ju_map_vec(m, vec, ju_twice, m);
}
