/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_unevaluated.c - unevaluatedProperties, unevaluatedItems.
 *
 * What a schema evaluates depends on which of its parts hold.  For each choice of parts
 * (cases) that is known, so the keyword is the sum over the cases of: these parts hold, and
 * what they do not evaluate fits the keyword's schema.  A case that counts too few parts is
 * only stricter, so cases need not exclude each other.
 */
#include "schema_compile.h"

#include <string.h>

enum { SU_CASES = 128, SU_DEPTH = 32, SU_NAMES = 2048 };

/* What is evaluated, if `when` holds. */
typedef struct su_case {
    mlci_fx   when;
    bool      all, all_items;
    uint32_t  n_names, n_patterns, n_items;
    uint32_t *names;
    mlci_rx  *patterns;
    mlci_fx   contains;          /* items that fit this                             */
} su_case;

typedef struct su_cases { uint32_t n; su_case items[SU_CASES]; } su_cases;

typedef struct su_walk {
    mlci_compiler   *c;
    const mlci_json *up[SU_DEPTH];   /* schemas being looked into                   */
    uint32_t         depth;
    const mlci_json *self;           /* whose keyword it is: its own does not count */
} su_walk;

static void *su_new(su_walk *w, size_t n, size_t size)
{
    void *p = mlci_arena_new(&w->c->arena, n + 1, size);

    if (p == NULL)
        (void)mlci_schema_fail(w->c, MLC_ENOMEM, NULL, "the schema is too large");
    return p;
}

static su_cases *su_one(su_walk *w)
{
    su_cases *s = su_new(w, 1, sizeof *s);

    if (s != NULL) {
        s->n = 1;
        s->items[0].when = MLCI_FX_TRUE;
    }
    return s;
}

static bool su_empty(const su_case *x)
{
    return !x->all && !x->all_items && x->n_names == 0 && x->n_patterns == 0 && x->n_items == 0
        && x->contains == MLCI_FX_FALSE;
}

/* Both at once. */
static su_case su_join(su_walk *w, const su_case *a, const su_case *b)
{
    mlci_tuples *t = &w->c->s->tuples;
    su_case r = *a;

    r.when = mlci_fx_and(t, a->when, b->when);
    r.all |= b->all;
    r.all_items |= b->all_items;
    r.n_items = b->n_items > r.n_items ? b->n_items : r.n_items;
    r.contains = mlci_fx_or(t, a->contains, b->contains);
    if (a->n_names + b->n_names > SU_NAMES)
        (void)mlci_schema_fail(w->c, MLC_EUNSUPPORTED, w->self, "too many names for unevaluated");
    if (b->n_names + b->n_patterns == 0 || w->c->status != MLC_OK)
        return r;
    r.names = su_new(w, a->n_names + b->n_names, sizeof *r.names);
    r.patterns = su_new(w, a->n_patterns + b->n_patterns, sizeof *r.patterns);
    if (w->c->status != MLC_OK)
        return *a;
    for (uint32_t i = 0; i < a->n_names + b->n_names; i++)
        r.names[i] = i < a->n_names ? a->names[i] : b->names[i - a->n_names];
    for (uint32_t i = 0; i < a->n_patterns + b->n_patterns; i++)
        r.patterns[i] = i < a->n_patterns ? a->patterns[i] : b->patterns[i - a->n_patterns];
    r.n_names += b->n_names;
    r.n_patterns += b->n_patterns;
    return r;
}

/* Every pair of cases.  optional: or the second not at all. */
static void su_times(su_walk *w, su_cases *a, const su_cases *b, bool optional)
{
    su_cases *r = su_new(w, 1, sizeof *r);

    if (r == NULL || b == NULL)
        return;
    for (uint32_t i = 0; i < a->n && w->c->status == MLC_OK; i++) {
        for (uint32_t k = 0; k < b->n + optional; k++) {
            if (k < b->n && su_empty(&b->items[k]) && optional)
                continue;                /* it adds nothing */
            if (r->n == SU_CASES) {
                (void)mlci_schema_fail(w->c, MLC_EUNSUPPORTED, w->self,
                                       "unevaluated: more than %d cases", SU_CASES);
                return;
            }
            r->items[r->n++] = k < b->n ? su_join(w, &a->items[i], &b->items[k]) : a->items[i];
        }
    }
    *a = *r;
}

static su_cases *su_schema(su_walk *w, const mlci_json *at, uint32_t scope);

/* A part that need not hold: its cases, each with the part itself. */
static su_cases *su_part(su_walk *w, const mlci_json *at, uint32_t scope, mlci_fx when)
{
    su_cases *s = su_schema(w, at, scope);

    for (uint32_t i = 0; s != NULL && i < s->n; i++)
        s->items[i].when = mlci_fx_and(&w->c->s->tuples, s->items[i].when, when);
    return s;
}

static void su_own(su_walk *w, const mlci_json *at, su_case *x)
{
    static const char *const whole[] = { "additionalProperties", "unevaluatedProperties" };
    const mlci_json *v = mlci_json_get(at, "properties");

    if (v != NULL && v->type == MLCI_JSON_OBJECT) {
        x->names = su_new(w, v->n_items, sizeof *x->names);
        for (const mlci_json *p = v->items; p != NULL && x->names != NULL; p = p->next)
            x->names[x->n_names++] = mlci_schema_name(w->c->s, p->key, p->key_bytes);
    }
    v = mlci_json_get(at, "patternProperties");
    if (v != NULL && v->type == MLCI_JSON_OBJECT) {
        x->patterns = su_new(w, v->n_items, sizeof *x->patterns);
        for (const mlci_json *p = v->items; p != NULL && x->patterns != NULL; p = p->next)
            x->patterns[x->n_patterns++] = mlci_schema_pattern(w->c, p, p->key, p->key_bytes);
    }
    for (int i = 0; i < 2; i++)
        x->all |= mlci_json_get(at, whole[i]) != NULL && (i == 0 || at != w->self);
    v = mlci_json_get(at, "items");
    x->all_items |= (v != NULL && v->type != MLCI_JSON_ARRAY)
                 || (mlci_json_get(at, "unevaluatedItems") != NULL && at != w->self)
                 || (v != NULL && mlci_json_get(at, "additionalItems") != NULL);
    if (v == NULL || v->type != MLCI_JSON_ARRAY)
        v = mlci_json_get(at, "prefixItems");
    x->n_items = v != NULL && v->type == MLCI_JSON_ARRAY ? v->n_items : 0;
}

static void su_lists(su_walk *w, su_cases *s, const mlci_json *at, uint32_t scope)
{
    static const char *const keys[] = { "allOf", "anyOf", "oneOf" };

    for (int k = 0; k < 3; k++) {
        const mlci_json *v = mlci_json_get(at, keys[k]);

        for (const mlci_json *x = v != NULL ? v->items : NULL; x != NULL; x = x->next)
            if (k == 0)
                su_times(w, s, su_schema(w, x, scope), false);
            else
                su_times(w, s, su_part(w, x, scope, mlci_schema_value(w->c, x, scope)), true);
    }
}

static void su_if(su_walk *w, su_cases *s, const mlci_json *at, uint32_t scope)
{
    const mlci_json *cond = mlci_json_get(at, "if"), *yes = mlci_json_get(at, "then");
    const mlci_json *no = mlci_json_get(at, "else");
    mlci_tuples *t = &w->c->s->tuples;
    su_cases *both, *a, *b;
    mlci_fx holds;

    if (cond == NULL)
        return;
    holds = mlci_schema_value(w->c, cond, scope);
    a = su_part(w, cond, scope, holds);
    if (yes != NULL && a != NULL)
        su_times(w, a, su_schema(w, yes, scope), false);
    b = no != NULL ? su_part(w, no, scope, mlci_fx_not(t, holds)) : su_one(w);
    both = su_one(w);
    if (w->c->status != MLC_OK)
        return;
    if (no == NULL)
        b->items[0].when = mlci_fx_not(t, holds);
    both->n = 0;
    for (uint32_t i = 0; i < a->n + b->n && i < SU_CASES; i++)
        both->items[both->n++] = i < a->n ? a->items[i] : b->items[i - a->n];
    if (a->n + b->n > SU_CASES)
        (void)mlci_schema_fail(w->c, MLC_EUNSUPPORTED, at, "unevaluated: too many cases");
    su_times(w, s, both, false);
}

static su_cases *su_schema(su_walk *w, const mlci_json *at, uint32_t scope)
{
    mlci_tuples *t = &w->c->s->tuples;
    su_cases *s = su_one(w);
    const mlci_json *v;

    if (s == NULL || at->type != MLCI_JSON_OBJECT)
        return s;
    for (uint32_t i = 0; i < w->depth; i++)
        if (w->up[i] == at)              /* a circle adds nothing new */
            return s;
    if (w->depth == SU_DEPTH) {
        (void)mlci_schema_fail(w->c, MLC_EUNSUPPORTED, at, "unevaluated: too deep");
        return s;
    }
    w->up[w->depth++] = at;
    su_own(w, at, &s->items[0]);
    if ((v = mlci_json_get(at, "contains")) != NULL && w->c->draft >= 2020)
        s->items[0].contains = mlci_schema_value(w->c, v, scope);
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        uint32_t into = scope;
        const mlci_json *to = mlci_schema_ref_target(w->c, at, dynamic != 0, &into);

        if (to != NULL)
            su_times(w, s, su_schema(w, to, into), false);
    }
    su_lists(w, s, at, scope);
    su_if(w, s, at, scope);
    v = mlci_json_get(at, "dependentSchemas");
    for (const mlci_json *x = v != NULL ? v->items : NULL; x != NULL; x = x->next) {
        const uint32_t name = mlci_schema_name(w->c->s, x->key, x->key_bytes);
        mlci_fx has = mlci_fx_atom(t, MLCI_AT_HAS, name, 0);

        su_times(w, s, su_part(w, x, scope, has), true);
    }
    w->depth--;
    return s;
}

static mlci_fx su_members(mlci_compiler *c, const su_case *x, mlci_fx value)
{
    mlci_members m = { .n_patterns = x->n_patterns, .rest = value };

    if (x->all)
        return MLCI_FX_TRUE;
    m.names = mlci_arena_new(&c->s->arena, x->n_names + 1, sizeof *m.names);
    m.values = mlci_arena_new(&c->s->arena, x->n_names + 1, sizeof *m.values);
    m.patterns = mlci_arena_new(&c->s->arena, x->n_patterns + 1, sizeof *m.patterns);
    m.pattern_values = mlci_arena_new(&c->s->arena, x->n_patterns + 1, sizeof *m.pattern_values);
    if (m.names == NULL || m.values == NULL || m.patterns == NULL || m.pattern_values == NULL)
        return mlci_schema_fail(c, MLC_ENOMEM, NULL, "the schema is too large");
    for (uint32_t i = 0; i < x->n_names; i++) {
        m.names[m.n] = x->names[i];
        m.values[m.n++] = MLCI_FX_TRUE;
    }
    for (uint32_t i = 0; i < x->n_patterns; i++) {
        m.patterns[i] = x->patterns[i];
        m.pattern_values[i] = MLCI_FX_TRUE;
    }
    mlci_schema_sort_members(c, &m);
    return mlci_fx_atom(&c->s->tuples, MLCI_AT_MEMBERS, mlci_schema_new_members(c, &m), 0);
}

static mlci_fx su_items(mlci_compiler *c, const su_case *x, mlci_fx value)
{
    mlci_items m = { .n = x->n_items, .rest = mlci_fx_or(&c->s->tuples, value, x->contains) };

    if (x->all_items || m.rest == MLCI_FX_TRUE)
        return MLCI_FX_TRUE;
    m.prefix = mlci_arena_new(&c->s->arena, x->n_items + 1, sizeof *m.prefix);
    if (m.prefix == NULL)
        return mlci_schema_fail(c, MLC_ENOMEM, NULL, "the schema is too large");
    for (uint32_t i = 0; i < x->n_items; i++)
        m.prefix[i] = MLCI_FX_TRUE;
    return mlci_fx_atom(&c->s->tuples, MLCI_AT_ITEMS, mlci_schema_new_items(c, &m), 0);
}

mlci_fx mlci_schema_unevaluated(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    const mlci_json *members = mlci_json_get(at, "unevaluatedProperties");
    const mlci_json *items = mlci_json_get(at, "unevaluatedItems");
    mlci_tuples *t = &c->s->tuples;
    su_walk w = { .c = c, .self = at };
    mlci_fx a, b, r = MLCI_FX_FALSE;
    su_cases *s;

    if ((members == NULL && items == NULL) || c->draft < 2019)
        return MLCI_FX_TRUE;
    a = members != NULL ? mlci_schema_value(c, members, scope) : MLCI_FX_TRUE;
    b = items != NULL ? mlci_schema_value(c, items, scope) : MLCI_FX_TRUE;
    s = c->status == MLC_OK ? su_schema(&w, at, scope) : NULL;
    for (uint32_t i = 0; s != NULL && i < s->n && c->status == MLC_OK; i++) {
        mlci_fx one = mlci_fx_and(t, su_members(c, &s->items[i], a), su_items(c, &s->items[i], b));

        r = mlci_fx_or(t, r, mlci_fx_and(t, s->items[i].when, one));
    }
    return c->status == MLC_OK ? r : MLCI_FX_FALSE;
}
