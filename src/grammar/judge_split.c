/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_split.c - what a member or an item leaves of formulas (judge.h).
 */
#include "judge.h"

#include <string.h>

enum { JE_LEAVES = 512, JE_DEPTH = 200 };
#define JE_DONE 0x80000000u          /* in an atom's b: this member was taken           */

static mlci_tuples *je_t(const mlci_machine *m) { return &m->s->tuples; }

/* ---- members and items ---------------------------------------------------------------- */

/* One member or item in all formulas of a list. */
typedef struct je_event {
    mlci_machine *m;
    uint32_t      name;             /* UINT32_MAX: a name that no table knows       */
    uint64_t      patterns;         /* that it matches, by the shape                */
    const mlci_shape *shape;
    bool          item;
    mlci_fx       value;            /* being decided                                */
    bool          holds;
    mlci_fx       open;             /* the first value that is not decided yet      */
    uint32_t      words;            /* the value is one of a few texts: their list  */
} je_event;

static bool je_matched(const je_event *e, mlci_rx pattern)
{
    for (uint32_t i = 0; i < e->shape->n_patterns; i++)
        if (e->shape->patterns[i] == pattern)
            return (e->patterns >> i & 1) != 0;
    return false;
}

static mlci_fx je_members_say(je_event *e, const mlci_members *t)
{
    mlci_fx r = MLCI_FX_TRUE;
    bool any = false;

    if (e->name != UINT32_MAX)
        return mlci_judge_member_value(e->m, t, e->name);
    for (uint32_t i = 0; i < t->n_patterns; i++)
        if (je_matched(e, t->patterns[i])) {
            r = mlci_fx_and(je_t(e->m), r, t->pattern_values[i]);
            any = true;
        }
    return any ? r : t->rest;
}

/* What an atom wants of the value that comes; TRUE: nothing. */
static mlci_fx je_wants(je_event *e, const mlci_claim *x)
{
    const mlci_items *t;

    if ((x->b & JE_DONE) != 0)
        return MLCI_FX_TRUE;
    if (x->kind == MLCI_AT_MEMBERS)
        return je_members_say(e, &e->m->s->members[x->a]);
    if (x->kind == MLCI_AT_CONTAINS)
        return x->a;
    if (x->kind != MLCI_AT_ITEMS)
        return MLCI_FX_TRUE;
    t = &e->m->s->items[x->a];
    return x->b < t->n ? t->prefix[x->b] : t->rest;
}

/* What is left of it after a value that fits, or does not. */
static mlci_fx je_after(je_event *e, const mlci_claim *x, bool fits)
{
    mlci_tuples *t = je_t(e->m);

    if (x->kind == MLCI_AT_CONTAINS)
        return fits && x->b == 1 ? MLCI_FX_TRUE
             : mlci_fx_atom(t, x->kind, x->a, (x->b - fits) | JE_DONE);
    if (!fits)
        return MLCI_FX_FALSE;
    if (x->kind == MLCI_AT_ITEMS) {    /* behind the prefix the place does not matter */
        const mlci_items *table = &e->m->s->items[x->a];

        return mlci_fx_atom(t, x->kind, x->a, (x->b + (x->b < table->n)) | JE_DONE);
    }
    return mlci_fx_atom(t, x->kind, x->a, x->b | JE_DONE);
}

/* Before values: names and counts, and what needs no look at the value. */
static mlci_fx je_arrive(void *user, mlci_fx atom, const mlci_claim *x)
{
    je_event *e = user;
    mlci_fx want;

    switch (x->kind) {
    case MLCI_AT_HAS:
        return x->a == e->name ? MLCI_FX_TRUE
             : mlci_shape_before(e->shape, x->a, e->name) ? MLCI_FX_FALSE : atom;
    case MLCI_AT_MORE: case MLCI_AT_LONGER:
        return x->a == 1 ? MLCI_FX_TRUE : mlci_fx_atom(je_t(e->m), x->kind, x->a - 1, 0);
    case MLCI_AT_NAMES:
        want = e->name == UINT32_MAX ? je_matched(e, mlci_judge_names(e->m, x->a))
             : mlci_words_fit(e->m->s, x->a, e->name);
        return want ? atom : MLCI_FX_FALSE;
    case MLCI_AT_MEMBERS: case MLCI_AT_ITEMS: case MLCI_AT_CONTAINS:
        want = je_wants(e, x);
        return want <= MLCI_FX_TRUE ? je_after(e, x, want == MLCI_FX_TRUE) : atom;
    default: return atom;
    }
}

static mlci_fx je_decide(void *user, mlci_fx atom, const mlci_claim *x)
{
    je_event *e = user;

    return (x->b & JE_DONE) == 0 && je_wants(e, x) == e->value && e->value > MLCI_FX_TRUE
         ? je_after(e, x, e->holds) : atom;
}

/* How many of the texts that the value may be fit what is wanted. */
static uint32_t je_words_fit(const je_event *e, mlci_fx want, uint32_t *n)
{
    const uint32_t *names = mlci_tuple_at(je_t(e->m), e->words, n);
    uint32_t fit = 0;

    for (uint32_t i = 0; i < *n; i++)
        fit += mlci_words_fit(e->m->s, want, names[i]);
    return fit;
}

static mlci_fx je_decide_words(void *user, mlci_fx atom, const mlci_claim *x)
{
    je_event *e = user;
    const mlci_fx want = (x->b & JE_DONE) == 0 ? je_wants(e, x) : MLCI_FX_TRUE;
    uint32_t n, fit;

    if (want <= MLCI_FX_TRUE)
        return atom;
    fit = je_words_fit(e, want, &n);
    return fit == 0 || fit == n ? je_after(e, x, fit == n) : atom;
}

static bool je_find_open(void *user, const mlci_claim *x)
{
    je_event *e = user;

    if (x->kind == MLCI_AT_MEMBERS || x->kind == MLCI_AT_ITEMS || x->kind == MLCI_AT_CONTAINS)
        e->open = je_wants(e, x);
    return e->open == MLCI_FX_TRUE;
}

static mlci_fx je_finish(void *user, mlci_fx atom, const mlci_claim *x)
{
    const je_event *e = user;

    if (x->kind != MLCI_AT_MEMBERS && x->kind != MLCI_AT_ITEMS && x->kind != MLCI_AT_CONTAINS)
        return atom;
    return (x->b & JE_DONE) == 0 ? atom
         : mlci_fx_atom(je_t(e->m), x->kind, x->a, x->b & ~JE_DONE);
}

/* A list with each formula replaced; 0 (the empty list) when none is left. */
static uint32_t je_map_vec(mlci_machine *m, uint32_t vec, mlci_fx_fn *fn, void *user)
{
    uint32_t n, some[32], *room, r;
    const uint32_t *fx = mlci_tuple_at(je_t(m), vec, &n);
    bool any = false;

    room = n <= 32 ? some : mlci_new(m->s->ctx, n, sizeof *room);
    if (room == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        room[i] = mlci_fx_map(je_t(m), fx[i], fn, user);
        any |= room[i] != MLCI_FX_FALSE;
        m->too_complex |= room[i] == UINT32_MAX;
    }
    r = any && !m->too_complex ? mlci_tuple(je_t(m), room, n) : 0;
    if (room != some)
        mlci_delete(m->s->ctx, room, n, sizeof *room);
    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : 0;
}

/* ---- splitting ------------------------------------------------------------------------ */

typedef struct je_leaves {
    uint32_t n;
    mlci_fx  conditions[JE_LEAVES];
    uint32_t vecs[JE_LEAVES];
} je_leaves;

static bool je_vec_possible(mlci_machine *m, uint32_t vec, bool object)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(je_t(m), vec, &n);
    bool r = false;

    for (uint32_t i = 0; i < n && !r; i++)
        r = mlci_judge_container_possible(m, fx[i], object);
    return r;
}

static void je_leaf(je_event *e, je_leaves *l, mlci_fx condition, uint32_t vec)
{
    vec = je_map_vec(e->m, vec, je_finish, e);
    if (vec == 0 || !je_vec_possible(e->m, vec, !e->item))
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->vecs[i] == vec) {
            l->conditions[i] = mlci_fx_or(je_t(e->m), l->conditions[i], condition);
            return;
        }
    if (l->n == JE_LEAVES) {
        e->m->too_complex = true;
        return;
    }
    l->conditions[l->n] = condition;
    l->vecs[l->n++] = vec;
}

static void je_split(je_event *e, je_leaves *l, mlci_fx condition, uint32_t vec, uint32_t depth);

/* What is left when the value in question holds, or does not. */
static uint32_t je_decided(je_event *e, uint32_t vec, mlci_fx value, bool holds)
{
    e->value = value, e->holds = holds;
    return je_map_vec(e->m, vec, je_decide, e);
}

/* The value is one of a few texts, some of which fit and some do not. */
static void je_split_words(je_event *e, je_leaves *l, uint32_t list, uint32_t vec, mlci_fx value,
                           uint32_t depth)
{
    uint32_t n, fit[MLCI_MOST_WORDS], others[MLCI_MOST_WORDS], n_fit = 0, n_others = 0;
    const uint32_t *names = mlci_tuple_at(je_t(e->m), list, &n);

    for (uint32_t i = 0; i < n; i++)
        if (mlci_words_fit(e->m->s, value, names[i]))
            fit[n_fit++] = names[i];
        else
            others[n_others++] = names[i];
    je_split(e, l, mlci_words_formula(e->m->s, fit, n_fit), je_decided(e, vec, value, true),
             depth + 1);
    je_split(e, l, mlci_words_formula(e->m->s, others, n_others),
             je_decided(e, vec, value, false), depth + 1);
}

static void je_split(je_event *e, je_leaves *l, mlci_fx condition, uint32_t vec, uint32_t depth)
{
    const uint32_t *fx, words = mlci_words_wanted(e->m->s, condition);
    uint32_t yes, no, n;
    mlci_fx value, both;

    if (vec == 0 || e->m->too_complex || condition == MLCI_FX_FALSE)
        return;
    e->words = words;
    if (words != 0)
        vec = je_map_vec(e->m, vec, je_decide_words, e);
    e->open = MLCI_FX_TRUE;
    fx = mlci_tuple_at(je_t(e->m), vec, &n);
    for (uint32_t i = 0; i < n && mlci_fx_each(je_t(e->m), fx[i], je_find_open, e); i++)
        ;
    value = e->open;
    if (value <= MLCI_FX_TRUE) {
        je_leaf(e, l, condition, vec);
        return;
    }
    if (depth == JE_DEPTH) {
        e->m->too_complex = true;
        return;
    }
    if (words != 0) {
        je_split_words(e, l, words, vec, value, depth);
        return;
    }
    yes = je_decided(e, vec, value, true);
    no = je_decided(e, vec, value, false);
    if (yes == no) {
        je_split(e, l, condition, yes, depth + 1);
        return;
    }
    both = mlci_fx_and(je_t(e->m), condition, value);
    if (yes != 0 && (no == 0 || mlci_judge_possible(e->m, both)))
        je_split(e, l, both, yes, depth + 1);
    both = mlci_fx_and(je_t(e->m), condition, mlci_fx_not(je_t(e->m), value));
    if (no != 0 && mlci_judge_possible(e->m, both))
        je_split(e, l, both, no, depth + 1);
}

static bool je_event_split(je_event *e, uint32_t vec, mlci_split *out)
{
    uint32_t wants[JE_LEAVES], pending[JE_LEAVES], n = 0;
    je_leaves *l = mlci_new(e->m->s->ctx, 1, sizeof *l);

    if (l == NULL) {
        e->m->too_complex = true;
        return false;
    }
    je_split(e, l, MLCI_FX_TRUE, je_map_vec(e->m, vec, je_arrive, e), 0);
    for (uint32_t i = 0; i < l->n && !e->m->too_complex; i++)
        if (mlci_judge_possible(e->m, l->conditions[i])) {
            wants[n] = l->conditions[i];
            pending[n++] = l->vecs[i];
        }
    mlci_delete(e->m->s->ctx, l, 1, sizeof *l);
    if (n == 0 || e->m->too_complex)
        return false;
    out->wants = mlci_tuple(je_t(e->m), wants, n);
    out->pending = mlci_tuple(je_t(e->m), pending, n);
    e->m->too_complex |= out->wants == UINT32_MAX || out->pending == UINT32_MAX;
    return !e->m->too_complex;
}

bool mlci_judge_member(mlci_machine *m, uint32_t vec, uint32_t name, uint64_t patterns,
                       const mlci_shape *shape, mlci_split *out)
{
    je_event e = { .m = m, .name = name, .patterns = patterns, .shape = shape };

    return je_event_split(&e, vec, out);
}

bool mlci_judge_item(mlci_machine *m, uint32_t vec, mlci_split *out)
{
    je_event e = { .m = m, .name = UINT32_MAX, .item = true };

    return je_event_split(&e, vec, out);
}

/* ---- ends ----------------------------------------------------------------------------- */

static mlci_fx je_end(void *user, mlci_fx atom, const mlci_claim *x)
{
    (void)user, (void)atom;
    return x->kind == MLCI_AT_MEMBERS || x->kind == MLCI_AT_NAMES || x->kind == MLCI_AT_ITEMS
        || x->kind == MLCI_AT_UNIQUE;
}

int32_t mlci_judge_close(mlci_machine *m, uint32_t vec)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(je_t(m), vec, &n);

    for (uint32_t i = 0; i < n; i++)
        if (mlci_fx_map(je_t(m), fx[i], je_end, m) == MLCI_FX_TRUE)
            return (int32_t)i;
    return -1;
}

static mlci_fx je_twice(void *user, mlci_fx atom, const mlci_claim *x)
{
    (void)user;
    return x->kind == MLCI_AT_UNIQUE ? MLCI_FX_FALSE : atom;
}

typedef struct je_text { mlci_machine *m; uint32_t name; } je_text;

static mlci_fx je_without(void *user, mlci_fx atom, const mlci_claim *x)
{
    const je_text *e = user;

    return x->kind != MLCI_AT_UNIQUE ? atom
         : mlci_fx_and(je_t(e->m), atom, mlci_words_no_item(e->m->s, e->name));
}

uint32_t mlci_judge_without(mlci_machine *m, uint32_t vec, uint32_t name)
{
    je_text e = { m, name };

    vec = je_map_vec(m, vec, je_without, &e);
    return vec != 0 && je_vec_possible(m, vec, false) ? vec : 0;
}

uint32_t mlci_judge_repeated(mlci_machine *m, uint32_t vec)
{
    return je_map_vec(m, vec, je_twice, m);
}
