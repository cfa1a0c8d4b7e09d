/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - schema.h: the walk over a schema, references, and what combines schemas.
 */
#include "schema_compile.h"
#include "regex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SM_MAX_DEPTH = 400, SM_MAX_REFS = 100000, SM_MAX_DROPS = 100,
       SM_LEVELS = 1000, SM_MAX_DYNAMIC = 32, SM_ASKED = 1 };

mlci_fx mlci_schema_fail(mlci_compiler *c, mlc_status status, const mlci_json *at,
                         const char *fmt, ...)
{
    char what[256], place[256] = "";
    va_list args;
    size_t n = 0;
    const mlci_json *up[64], *failed = at;
    size_t depth = 0;

    if (c->status != MLC_OK)
        return MLCI_FX_FALSE;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    for (; at != NULL && at->parent != NULL && depth < 64; at = at->parent)
        up[depth++] = at;
    while (depth > 0 && n + 40 < sizeof place) {
        const mlci_json *x = up[--depth];
        size_t i = 0;

        if (x->key != NULL) {
            n += (size_t)snprintf(place + n, sizeof place - n, "/%.*s",
                                  (int)mlci_min(x->key_bytes, 60), x->key);
            n = mlci_min(n, sizeof place - 1);
            continue;
        }
        for (const mlci_json *y = x->parent->items; y != x; y = y->next)
            i++;
        n += (size_t)snprintf(place + n, sizeof place - n, "/%zu", i);
    }
    c->failed = failed;
    c->status = mlci_fail(c->err, status, 0, "schema, at \"#%s\": %s", place, what);
    return MLCI_FX_FALSE;
}

/* ---- tables --------------------------------------------------------------------------- */

uint32_t mlci_schema_new_members(mlci_compiler *c, const mlci_members *m)
{
    mlci_schema *s = c->s;
    void *items = s->members;

    if (!mlci_grow(s->ctx, &items, &s->cap_members, s->n_members + 1, sizeof *s->members)) {
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "out of memory");
        return 0;
    }
    s->members = items;
    s->members[s->n_members] = *m;
    return (uint32_t)s->n_members++;
}

uint32_t mlci_schema_new_items(mlci_compiler *c, const mlci_items *m)
{
    mlci_schema *s = c->s;
    void *items = s->items;

    if (!mlci_grow(s->ctx, &items, &s->cap_items, s->n_items + 1, sizeof *s->items)) {
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "out of memory");
        return 0;
    }
    s->items = items;
    s->items[s->n_items] = *m;
    return (uint32_t)s->n_items++;
}

uint32_t mlci_schema_name(mlci_schema *s, const char *p, size_t n)
{
    uint64_t h = mlci_hash(p, n, 7);
    void *names = s->names;

    for (;; h++) {
        uint32_t at = mlci_map_get(&s->name_of, (uint32_t)h, (uint32_t)(h >> 32));

        if (at == UINT32_MAX)
            break;
        if (s->names[at].n == n && memcmp(s->names[at].p, p, n) == 0)
            return at;
    }
    if (n > UINT32_MAX / 2 || !mlci_grow(s->ctx, &names, &s->cap_names, s->n_names + 1,
                                         sizeof *s->names))
        return UINT32_MAX;
    s->names = names;
    s->names[s->n_names] = (mlci_name){ mlci_arena_copy(&s->arena, p, n), (uint32_t)n };
    if (s->names[s->n_names].p == NULL
        || !mlci_map_put(&s->name_of, (uint32_t)h, (uint32_t)(h >> 32), (uint32_t)s->n_names))
        return UINT32_MAX;
    return (uint32_t)s->n_names++;
}

bool mlci_schema_matches(mlci_schema *s, mlci_rx language, const char *p, size_t n)
{
    for (size_t i = 0; i < n && language != MLCI_RX_NONE; i++)
        language = mlci_rx_step(&s->rx, language, (uint8_t)p[i]);
    return mlci_rx_may_end(&s->rx, language);
}

mlci_rx mlci_schema_pattern(mlci_compiler *c, const mlci_json *at, const char *p, size_t n)
{
    mlc_error err = { 0 };
    mlci_rx r;
    mlc_status st = mlci_regex_read(&c->s->rx, p, n, false, &r, &err);

    if (st != MLC_OK) {
        (void)mlci_schema_fail(c, st, at, "%s", err.text);
        return MLCI_RX_NONE;
    }
    return r;
}

bool mlci_schema_count(mlci_compiler *c, const mlci_json *at, const char *key, uint32_t *n)
{
    const mlci_json *v = mlci_json_get(at, key);
    int64_t i;

    if (v == NULL)
        return false;
    if (!mlci_json_integer(v, &i) || i < 0) {
        (void)mlci_schema_fail(c, MLC_EFORMAT, v, "%s is no count", key);
        return false;
    }
    *n = i > 0x7fffffff ? 0x7fffffff : (uint32_t)i;
    return true;
}

/* ---- references ----------------------------------------------------------------------- */

/* The scope when the resource of `at` is entered: its dynamic anchors count unless an
 * outer one has the name. */
static uint32_t sm_enter(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    const mlci_json *resource = mlci_places_resource(&c->places, at);

    for (size_t i = 0; i < c->places.n_dynamic; i++) {
        const mlci_place_name *x = &c->places.names[c->places.dynamic[i]];
        uint32_t n, words[2 * SM_MAX_DYNAMIC], name;
        const uint32_t *pairs = mlci_tuple_at(&c->s->tuples, scope, &n);
        bool there = false;

        if (x->resource != resource)
            continue;
        name = mlci_schema_name(c->s, x->anchor, strlen(x->anchor));
        for (uint32_t k = 0; k < n; k += 2)
            there |= pairs[k] == name;
        if (there)
            continue;
        if (n == 2 * SM_MAX_DYNAMIC)
            return mlci_schema_fail(c, MLC_EUNSUPPORTED, x->at, "more than %d dynamic anchors",
                                    SM_MAX_DYNAMIC);
        memcpy(words, pairs, n * sizeof *words);
        words[n] = name;
        words[n + 1] = c->places.dynamic[i];
        scope = mlci_tuple(&c->s->tuples, words, n + 2);
        if (scope == UINT32_MAX) {
            (void)mlci_schema_fail(c, MLC_ENOMEM, at, "out of memory");
            return 0;
        }
    }
    return scope;
}

/* The atom for a schema in a scope. */
static mlci_fx sm_goal(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    mlci_schema *s = c->s;
    void *goals = c->goals, *refs = s->refs;

    uint64_t h;
    uint32_t i;

    scope = sm_enter(c, at, scope);
    h = mlci_mix((uint64_t)(uintptr_t)at ^ (uint64_t)scope << 48);
    while ((i = mlci_map_get(&c->goal_of, (uint32_t)h, (uint32_t)(h >> 32))) != UINT32_MAX) {
        if (c->goals[i].at == at && c->goals[i].scope == scope)
            return mlci_fx_atom(&s->tuples, MLCI_AT_REF, i, 0);
        h++;
    }
    if (s->n_refs == SM_MAX_REFS)
        return mlci_schema_fail(c, MLC_EUNSUPPORTED, at, "more than %d references", SM_MAX_REFS);
    if (!mlci_grow(s->ctx, &goals, &c->cap_goals, s->n_refs + 1, sizeof *c->goals)
        || !mlci_grow(s->ctx, &refs, &s->cap_refs, s->n_refs + 1, sizeof *s->refs)
        || !mlci_map_put(&c->goal_of, (uint32_t)h, (uint32_t)(h >> 32), (uint32_t)s->n_refs))
        return mlci_schema_fail(c, MLC_ENOMEM, at, "out of memory");
    c->goals = goals;
    s->refs = refs;
    c->goals[s->n_refs].at = at;
    c->goals[s->n_refs].scope = scope;
    s->refs[s->n_refs] = MLCI_FX_TRUE;
    return mlci_fx_atom(&s->tuples, MLCI_AT_REF, (uint32_t)s->n_refs++, 0);
}

/* Where a reference leads, in the scope; NULL after a failure. */
static const mlci_json *sm_target(mlci_compiler *c, const mlci_json *v, bool dynamic,
                                  uint32_t scope)
{
    const mlci_json *at = NULL;
    const char *anchor = NULL, *text;

    if (v->type != MLCI_JSON_STRING) {
        (void)mlci_schema_fail(c, MLC_EFORMAT, v, "a reference that is no text");
        return NULL;
    }
    text = mlci_arena_copy(&c->arena, v->text, v->text_bytes);
    if (text != NULL)
        at = mlci_places_find(&c->places, v->parent, text, &anchor);
    if (at == NULL)
        (void)mlci_schema_fail(c, MLC_EUNSUPPORTED, v,
                               "a reference to \"%.80s\", which is not in the schema",
                               text != NULL ? text : "");
    if (at != NULL && dynamic && anchor != NULL) {
        uint32_t n, name = mlci_schema_name(c->s, anchor, strlen(anchor));
        const uint32_t *pairs = mlci_tuple_at(&c->s->tuples, scope, &n);

        for (uint32_t k = 0; k < n; k += 2)
            if (pairs[k] == name)
                return c->places.names[pairs[k + 1]].at;
    }
    return at;
}

static mlci_fx sm_ref(mlci_compiler *c, const mlci_json *v, bool dynamic, uint32_t scope)
{
    const mlci_json *at = sm_target(c, v, dynamic, scope);

    return at != NULL ? sm_goal(c, at, scope) : MLCI_FX_FALSE;
}

const mlci_json *mlci_schema_ref_target(mlci_compiler *c, const mlci_json *at, bool dynamic,
                                        uint32_t *scope)
{
    const mlci_json *v = mlci_json_get(at, dynamic ? "$dynamicRef" : "$ref"), *to;

    if (v == NULL && !dynamic)
        v = mlci_json_get(at, "$recursiveRef");
    to = v != NULL ? sm_target(c, v, dynamic, *scope) : NULL;
    if (to != NULL)
        *scope = sm_enter(c, to, *scope);
    return to;
}

/* ---- schemas -------------------------------------------------------------------------- */

static mlci_fx sm_list(mlci_compiler *c, const mlci_json *v, mlci_fx_kind kind, uint32_t scope)
{
    mlci_fx *items, r;
    uint32_t n = 0;

    if (v->type != MLCI_JSON_ARRAY || v->n_items == 0)
        return mlci_schema_fail(c, MLC_EFORMAT, v, "no list of schemas");
    items = mlci_arena_new(&c->arena, v->n_items, sizeof *items);
    if (items == NULL)
        return mlci_schema_fail(c, MLC_ENOMEM, v, "out of memory");
    for (const mlci_json *x = v->items; x != NULL && c->status == MLC_OK; x = x->next)
        items[n++] = mlci_schema_value(c, x, scope);
    r = mlci_fx_list(&c->s->tuples, kind, items, n);
    return r;
}

static mlci_fx sm_type_name(mlci_compiler *c, const mlci_json *v)
{
    static const struct { const char *name; uint32_t mask; } table[] = {
        { "null", MLCI_V_NULL }, { "boolean", MLCI_V_TRUE | MLCI_V_FALSE },
        { "number", MLCI_V_NUMBER }, { "string", MLCI_V_STRING },
        { "object", MLCI_V_OBJECT }, { "array", MLCI_V_ARRAY }, { "any", MLCI_V_ALL },
    };
    mlci_tuples *t = &c->s->tuples;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (mlci_json_is(v, table[i].name))
            return mlci_fx_atom(t, MLCI_AT_TYPE, table[i].mask, 0);
    if (mlci_json_is(v, "integer"))
        return mlci_fx_and(t, mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_NUMBER, 0),
                           mlci_fx_atom(t, MLCI_AT_NUMBER, mlci_numbers_whole(&c->s->rx), 0));
    return mlci_schema_fail(c, MLC_EFORMAT, v, "an unknown type");
}

static mlci_fx sm_type(mlci_compiler *c, const mlci_json *v, uint32_t scope)
{
    mlci_fx r = MLCI_FX_FALSE;

    if (v->type != MLCI_JSON_ARRAY)
        return sm_type_name(c, v);
    for (const mlci_json *x = v->items; x != NULL; x = x->next)
        r = mlci_fx_or(&c->s->tuples, r, x->type == MLCI_JSON_OBJECT   /* draft 3 */
                       ? mlci_schema_value(c, x, scope) : sm_type_name(c, x));
    return r;
}

static mlci_fx sm_if(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    const mlci_json *yes = mlci_json_get(at, "then"), *no = mlci_json_get(at, "else");
    mlci_tuples *t = &c->s->tuples;
    mlci_fx cond, a, b;

    if (yes == NULL && no == NULL)
        return MLCI_FX_TRUE;
    cond = mlci_schema_value(c, mlci_json_get(at, "if"), scope);
    a = yes != NULL ? mlci_schema_value(c, yes, scope) : MLCI_FX_TRUE;
    b = no != NULL ? mlci_schema_value(c, no, scope) : MLCI_FX_TRUE;
    return mlci_fx_or(t, mlci_fx_and(t, cond, a), mlci_fx_and(t, mlci_fx_not(t, cond), b));
}

/* Keywords that combine schemas at the same place. */
static mlci_fx sm_combined(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    static const struct { const char *key; mlci_fx_kind kind; } lists[] = {
        { "allOf", MLCI_FX_AND }, { "anyOf", MLCI_FX_OR }, { "oneOf", MLCI_FX_ONE },
    };
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = MLCI_FX_TRUE;
    const mlci_json *v;

    for (size_t i = 0; i < 3; i++)
        if ((v = mlci_json_get(at, lists[i].key)) != NULL)
            r = mlci_fx_and(t, r, sm_list(c, v, lists[i].kind, scope));
    if ((v = mlci_json_get(at, "not")) != NULL)
        r = mlci_fx_and(t, r, mlci_fx_not(t, mlci_schema_value(c, v, scope)));
    if (c->draft >= 7 && mlci_json_get(at, "if") != NULL)
        r = mlci_fx_and(t, r, sm_if(c, at, scope));
    return r;
}

mlci_fx mlci_schema_value(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_fx parts[12];
    const mlci_json *v;
    uint32_t n = 0;
    mlci_fx r;

    if (c->status != MLC_OK)
        return MLCI_FX_FALSE;
    if (at->type == MLCI_JSON_TRUE || at->type == MLCI_JSON_FALSE)
        return at->type == MLCI_JSON_TRUE;
    if (at->type != MLCI_JSON_OBJECT)
        return mlci_schema_fail(c, MLC_EFORMAT, at, "no schema");
    if (++c->depth > SM_MAX_DEPTH)
        return mlci_schema_fail(c, MLC_EUNSUPPORTED, at, "schemas more than %d deep", SM_MAX_DEPTH);
    scope = mlci_json_get(at, "$id") != NULL ? sm_enter(c, at, scope) : scope;
    v = mlci_json_get(at, "$ref");
    if (v != NULL && (c->draft >= 2019 || v->type == MLCI_JSON_STRING)) {
        parts[n++] = sm_ref(c, v, false, scope);
        if (c->draft < 2019) {           /* nothing beside it counts */
            c->depth--;
            return parts[0];
        }
    }
    if ((v = mlci_json_get(at, "$dynamicRef")) != NULL && c->draft >= 2020)
        parts[n++] = sm_ref(c, v, true, scope);
    if ((v = mlci_json_get(at, "$recursiveRef")) != NULL && c->draft == 2019)
        parts[n++] = sm_ref(c, v, false, scope);
    if ((v = mlci_json_get(at, "type")) != NULL)
        parts[n++] = sm_type(c, v, scope);
    if ((v = mlci_json_get(at, "enum")) != NULL)
        parts[n++] = mlci_schema_enum(c, v);
    if ((v = mlci_json_get(at, "const")) != NULL && c->draft >= 6)
        parts[n++] = mlci_schema_const(c, v);
    parts[n++] = mlci_schema_string(c, at);
    parts[n++] = mlci_schema_number(c, at);
    parts[n++] = mlci_schema_object(c, at, scope);
    parts[n++] = mlci_schema_array(c, at, scope);
    parts[n++] = sm_combined(c, at, scope);
    parts[n++] = mlci_schema_unevaluated(c, at, scope);
    c->depth--;
    r = mlci_fx_list(t, MLCI_FX_AND, parts, n);
    return r != UINT32_MAX ? r : mlci_schema_fail(c, MLC_ENOMEM, at, "the schema is too large");
}

/* ---- whole schemas -------------------------------------------------------------------- */

static int32_t sm_draft(const mlci_json *root)
{
    static const struct { const char *in; int32_t draft; } table[] = {
        { "draft-03", 4 }, { "draft-04", 4 }, { "draft-06", 6 }, { "draft-07", 7 },
        { "2019-09", 2019 }, { "2020-12", 2020 },
    };
    const mlci_json *v = mlci_json_get(root, "$schema");

    for (size_t i = 0; v != NULL && v->type == MLCI_JSON_STRING && i < 6; i++)
        for (size_t k = 0; k + strlen(table[i].in) <= v->text_bytes; k++)
            if (memcmp(v->text + k, table[i].in, strlen(table[i].in)) == 0)
                return table[i].draft;
    return 2020;
}

/* How many levels a formula has with what its references stand for, before any member or
 * item: what reads formulas goes down all of them.  known: of each reference, plus two.
 * SM_LEVELS: more than that, or a reference that leads back to itself. */
static uint32_t sm_levels(const mlci_schema *s, mlci_fx a, uint32_t depth, uint32_t *known)
{
    const mlci_fx_kind kind = mlci_fx_kind_of(&s->tuples, a);
    uint32_t n, most = 0;
    const mlci_fx *items;
    mlci_claim what;

    if (kind == MLCI_FX_CONST)
        return 1;
    if (depth == SM_LEVELS)
        return SM_LEVELS;
    if (kind == MLCI_FX_ATOM) {
        what = mlci_fx_atom_of(&s->tuples, a);
        if (what.kind != MLCI_AT_REF)
            return 1;
        if (known[what.a] == 0) {
            known[what.a] = SM_ASKED;
            most = sm_levels(s, s->refs[what.a], depth + 1, known);
            known[what.a] = most + 2;
        }
        most = known[what.a] == SM_ASKED ? SM_LEVELS : known[what.a] - 2;
        return most < SM_LEVELS ? most + 1 : SM_LEVELS;
    }
    items = mlci_fx_items(&s->tuples, a, &n);
    for (uint32_t i = 0; i < n && most < SM_LEVELS; i++) {
        const uint32_t levels = sm_levels(s, items[i], depth + 1, known);

        most = levels > most ? levels : most;
    }
    return most < SM_LEVELS ? most + 1 : SM_LEVELS;
}

static void sm_whole(mlci_compiler *c)
{
    mlci_schema *s = c->s;
    uint32_t *known;

    s->root = mlci_schema_value(c, c->root, sm_enter(c, c->root, 0));
    for (size_t i = 0; i < s->n_refs && c->status == MLC_OK; i++) {
        mlci_fx r = mlci_schema_value(c, c->goals[i].at, c->goals[i].scope);

        s->refs[i] = r;
    }
    known = mlci_arena_new(&c->arena, s->n_refs + 1, sizeof *known);
    for (uint32_t i = 0; i < s->n_refs && c->status == MLC_OK && known != NULL; i++)
        if (sm_levels(s, mlci_fx_atom(&s->tuples, MLCI_AT_REF, i, 0), 0, known) == SM_LEVELS)
            (void)mlci_schema_fail(c, MLC_EUNSUPPORTED, c->goals[i].at, "a reference that leads "
                                   "to itself, or through more than %d levels", SM_LEVELS);
    if (c->status == MLC_OK && (s->rx.status != MLC_OK || s->root == UINT32_MAX || known == NULL
                                || c->places.failed))
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "the schema is too large");
}

/* Everything but the list of what was left out. */
static void sm_reset(mlci_schema *s)
{
    mlci_delete(s->ctx, s->names, s->cap_names, sizeof *s->names);
    mlci_delete(s->ctx, s->members, s->cap_members, sizeof *s->members);
    mlci_delete(s->ctx, s->items, s->cap_items, sizeof *s->items);
    mlci_delete(s->ctx, s->divisors, s->cap_divisors, sizeof *s->divisors);
    mlci_delete(s->ctx, s->refs, s->cap_refs, sizeof *s->refs);
    mlci_map_close(&s->name_of);
    mlci_map_close(&s->words);
    mlci_tuples_close(&s->tuples);
    mlci_rx_close(&s->rx);
    mlci_arena_reset(&s->arena);
}

/* From JSON that was read. */
static mlc_status sm_compile(mlci_schema *s, mlci_compiler *c, size_t limit)
{
    mlc_context *ctx = s->ctx;

    mlci_arena_init(&s->arena, ctx, limit);
    mlci_arena_init(&c->arena, ctx, limit);
    mlci_map_open(&s->name_of, ctx);
    mlci_map_open(&s->words, ctx);
    mlci_map_open(&c->goal_of, ctx);
    if (!mlci_tuples_open(&s->tuples, ctx, &s->arena)
        || mlci_fx_open(&s->tuples) != MLCI_FX_TRUE
        || mlci_rx_open(&s->rx, ctx, limit) != MLC_OK)
        c->status = mlci_nomem(c->err, "schema");
    if (c->status == MLC_OK) {
        s->text = mlci_rx_cat(&s->rx, mlci_rx_repeat(&s->rx, mlci_rx_range(&s->rx, 0, 0x10ffff),
                                                     0, MLCI_RX_MANY),
                              mlci_rx_text(&s->rx, "\xff", 1));
        c->draft = sm_draft(c->root);
        mlci_places_open(&c->places, &c->arena, ctx, c->root, c->draft);
        if (c->places.failed)
            (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "out of memory");
        else
            sm_whole(c);
        mlci_places_close(&c->places);
    }
    mlci_delete(ctx, c->goals, c->cap_goals, sizeof *c->goals);
    mlci_map_close(&c->goal_of);
    mlci_arena_reset(&c->arena);
    return c->status;
}

/* Over and over, less what failed. */
static mlc_status sm_lax(mlci_schema *s, const mlci_json *root, size_t limit, mlc_error *err)
{
    for (int i = 0; i < SM_MAX_DROPS; i++) {
        mlc_error why = { 0 };
        mlci_compiler c = { .s = s, .err = &why, .format = s->o.format, .root = root };
        const mlc_status st = sm_compile(s, &c, limit);

        if (st == MLC_OK)
            return st;
        if (st != MLC_EUNSUPPORTED || !mlci_schema_leave_out(c.failed))
            return mlci_fail(err, st, 0, "%s", why.text);
        mlci_buf_text(&s->dropped, why.text);
        mlci_buf_text(&s->dropped, "\n");
        sm_reset(s);
        *s = (mlci_schema){ .ctx = s->ctx, .o = s->o, .dropped = s->dropped };
    }
    return mlci_fail(err, MLC_EUNSUPPORTED, 0, "schema: more than %d places to leave out",
                     SM_MAX_DROPS);
}

mlc_status mlci_schema_open(mlci_schema *s, mlc_context *ctx, const char *text, size_t n,
                            const mlci_schema_options *o, size_t limit, mlc_error *err)
{
    const mlci_json *root = NULL;
    mlc_error why = { 0 };
    mlci_arena json;
    mlc_status st;

    *s = (mlci_schema){ .ctx = ctx, .o = *o };
    mlci_buf_init(&s->dropped, ctx, limit);
    mlci_arena_init(&json, ctx, limit);
    st = mlci_json_parse(&json, text, n, &root, &why);
    if (st != MLC_OK) {                  /* a schema is a text like others */
        st = mlci_fail(err, st == MLC_EINVAL ? MLC_EFORMAT : st, 0, "schema: %s", why.text);
    } else if (o->lax) {
        st = sm_lax(s, root, limit, err);
    } else {
        mlci_compiler c = { .s = s, .err = err, .format = o->format, .root = root };

        st = sm_compile(s, &c, limit);
    }
    mlci_arena_reset(&json);
    if (st == MLC_OK && s->dropped.failed)
        st = mlci_nomem(err, "schema");
    if (st != MLC_OK)
        mlci_schema_close(s);
    return st;
}

void mlci_schema_close(mlci_schema *s)
{
    if (s->ctx == NULL)
        return;
    sm_reset(s);
    mlci_buf_reset(&s->dropped);
    s->ctx = NULL;
}

size_t mlci_schema_bytes(const mlci_schema *s)
{
    return s->arena.used + s->rx.arena.used + s->tuples.cap * sizeof *s->tuples.items
         + s->tuples.numbers.bytes + s->cap_names * sizeof *s->names
         + s->cap_members * sizeof *s->members + s->cap_items * sizeof *s->items
         + s->cap_refs * sizeof *s->refs + s->name_of.bytes
         + s->words.bytes;
}
