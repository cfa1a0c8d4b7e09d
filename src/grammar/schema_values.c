/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_values.c - keywords of JSON Schema about one value: constants, texts, numbers,
 * members, items.
 */
#include "schema_compile.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static mlci_fx sw_typed(mlci_compiler *c, uint32_t type, mlci_fx a)
{
    return mlci_fx_and(&c->s->tuples, mlci_fx_atom(&c->s->tuples, MLCI_AT_TYPE, type, 0), a);
}

static mlci_fx sw_language(mlci_compiler *c, mlci_claim_kind kind, mlci_rx language)
{
    return mlci_fx_atom(&c->s->tuples, kind, language, 0);
}

static void *sw_new(mlci_compiler *c, size_t n, size_t size)
{
    void *p = mlci_arena_new(&c->s->arena, n, size);

    if (p == NULL)
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "the schema is too large");
    return p;
}

/* ---- constants ------------------------------------------------------------------------ */

static mlci_fx sw_number_const(mlci_compiler *c, const mlci_json *v)
{
    mlci_rx_store *s = &c->s->rx;
    mlci_decimal d;
    mlci_rx r;

    if (!mlci_decimal_read(&d, v->text, v->text_bytes))
        return mlci_schema_fail(c, MLC_EUNSUPPORTED, v, "a number of too many digits");
    r = mlci_rx_or(s, mlci_numbers_equal(s, &d), mlci_rx_text(s, v->text, v->text_bytes));
    return sw_typed(c, MLCI_V_NUMBER, sw_language(c, MLCI_AT_NUMBER, r));
}

static mlci_fx sw_array_const(mlci_compiler *c, const mlci_json *v)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_items m = { .n = v->n_items, .rest = MLCI_FX_FALSE };
    mlci_fx r;
    uint32_t i = 0;

    m.prefix = sw_new(c, v->n_items + 1, sizeof *m.prefix);
    for (const mlci_json *x = v->items; x != NULL && m.prefix != NULL; x = x->next)
        m.prefix[i++] = mlci_schema_const(c, x);
    r = mlci_fx_atom(t, MLCI_AT_ITEMS, mlci_schema_new_items(c, &m), 0);
    if (v->n_items > 0)
        r = mlci_fx_and(t, r, mlci_fx_atom(t, MLCI_AT_LONGER, v->n_items, 0));
    return sw_typed(c, MLCI_V_ARRAY, r);
}

static int sw_by_name(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

typedef struct sw_member { uint32_t name, order; mlci_fx value; } sw_member;

static int sw_by_member(const void *a, const void *b)
{
    const sw_member *x = a, *y = b;

    return x->name != y->name ? (x->name < y->name ? -1 : 1) : x->order < y->order ? -1 : 1;
}

void mlci_schema_sort_members(mlci_compiler *c, mlci_members *m)
{
    sw_member *all = mlci_arena_new(&c->arena, m->n + 1, sizeof *all);
    uint32_t n = 0;

    if (m->n == 0)
        return;
    if (all == NULL) {
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "out of memory");
        return;
    }
    m->order = c->s->o.in_order ? sw_new(c, m->n + 1, sizeof *m->order) : NULL;
    if (m->order != NULL) {
        memcpy(m->order, m->names, m->n * sizeof *m->names);
        m->n_order = m->n;
    }
    for (uint32_t i = 0; i < m->n; i++)
        all[i] = (sw_member){ m->names[i], i, m->values[i] };
    qsort(all, m->n, sizeof *all, sw_by_member);
    for (uint32_t i = 0; i < m->n; i++) {
        n -= n > 0 && m->names[n - 1] == all[i].name;
        m->names[n] = all[i].name;
        m->values[n++] = all[i].value;
    }
    m->n = n;
}

/* All of these names. */
static mlci_fx sw_has_all(mlci_compiler *c, uint32_t *names, uint32_t n)
{
    mlci_fx *items = mlci_arena_new(&c->arena, n + 1, sizeof *items);

    if (items == NULL)
        return mlci_schema_fail(c, MLC_ENOMEM, NULL, "out of memory");
    qsort(names, n, sizeof *names, sw_by_name);
    for (uint32_t i = 0; i < n; i++)
        items[i] = mlci_fx_atom(&c->s->tuples, MLCI_AT_HAS, names[i], 0);
    return mlci_fx_list(&c->s->tuples, MLCI_FX_AND, items, n);
}

static uint32_t sw_name(mlci_compiler *c, const char *p, size_t n)
{
    const uint32_t id = mlci_schema_name(c->s, p, n);

    if (id == UINT32_MAX)
        (void)mlci_schema_fail(c, MLC_ENOMEM, NULL, "the schema is too large");
    return id;
}

static mlci_fx sw_object_const(mlci_compiler *c, const mlci_json *v)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_members m = { .rest = MLCI_FX_FALSE };
    mlci_fx r;

    m.names = sw_new(c, v->n_items + 1, sizeof *m.names);
    m.values = sw_new(c, v->n_items + 1, sizeof *m.values);
    for (const mlci_json *x = v->items; x != NULL && c->status == MLC_OK; x = x->next) {
        m.names[m.n] = sw_name(c, x->key, x->key_bytes);
        m.values[m.n++] = mlci_schema_const(c, x);
    }
    if (c->status != MLC_OK)
        return MLCI_FX_FALSE;
    mlci_schema_sort_members(c, &m);
    r = mlci_fx_atom(t, MLCI_AT_MEMBERS, mlci_schema_new_members(c, &m), 0);
    return sw_typed(c, MLCI_V_OBJECT, mlci_fx_and(t, r, sw_has_all(c, m.names, m.n)));
}

mlci_fx mlci_schema_const(mlci_compiler *c, const mlci_json *v)
{
    mlci_wanted text = { v->text, v->text_bytes };
    mlci_tuples *t = &c->s->tuples;

    if (c->status != MLC_OK)
        return MLCI_FX_FALSE;
    switch (v->type) {
    case MLCI_JSON_NULL:   return mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_NULL, 0);
    case MLCI_JSON_TRUE:   return mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_TRUE, 0);
    case MLCI_JSON_FALSE:  return mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_FALSE, 0);
    case MLCI_JSON_NUMBER: return sw_number_const(c, v);
    case MLCI_JSON_ARRAY:  return sw_array_const(c, v);
    case MLCI_JSON_OBJECT: return sw_object_const(c, v);
    default:
        return sw_typed(c, MLCI_V_STRING,
                        sw_language(c, MLCI_AT_STRING, mlci_words_language(c->s, &text, 1)));
    }
}

mlci_fx mlci_schema_enum(mlci_compiler *c, const mlci_json *list)
{
    mlci_wanted *texts = mlci_arena_new(&c->arena, list->n_items + 1, sizeof *texts);
    mlci_fx *items = mlci_arena_new(&c->arena, list->n_items + 1, sizeof *items);
    uint32_t n_texts = 0, n = 0;

    if (list->type != MLCI_JSON_ARRAY)
        return mlci_schema_fail(c, MLC_EFORMAT, list, "enum is no list");
    if (texts == NULL || items == NULL)
        return mlci_schema_fail(c, MLC_ENOMEM, list, "out of memory");
    for (const mlci_json *x = list->items; x != NULL; x = x->next)
        if (x->type == MLCI_JSON_STRING)
            texts[n_texts++] = (mlci_wanted){ x->text, x->text_bytes };
        else
            items[n++] = mlci_schema_const(c, x);
    if (n_texts > 0) {
        items[n++] = sw_typed(c, MLCI_V_STRING, sw_language(c, MLCI_AT_STRING,
                              mlci_words_language(c->s, texts, n_texts)));
    }
    return mlci_fx_list(&c->s->tuples, MLCI_FX_OR, items, n);
}

/* ---- texts ---------------------------------------------------------------------------- */

static mlci_fx sw_format(mlci_compiler *c, const mlci_json *v)
{
    const char *name, *pattern, *other = NULL;
    mlci_rx r;

    if (!c->format || v->type != MLCI_JSON_STRING)
        return MLCI_FX_TRUE;
    if (mlci_json_is(v, "regex"))
        return sw_language(c, MLCI_AT_STRING, mlci_format_regex(&c->s->rx));
    name = mlci_arena_copy(&c->arena, v->text, v->text_bytes);
    pattern = name != NULL ? mlci_format_pattern(name, &other) : NULL;
    if (pattern == NULL)
        return MLCI_FX_TRUE;
    r = mlci_schema_pattern(c, v, pattern, strlen(pattern));
    if (other != NULL)
        r = mlci_rx_or(&c->s->rx, r, mlci_schema_pattern(c, v, other, strlen(other)));
    return sw_language(c, MLCI_AT_STRING, r);
}

mlci_fx mlci_schema_string(mlci_compiler *c, const mlci_json *at)
{
    uint32_t least = 0, most = UINT32_MAX;
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = MLCI_FX_TRUE;
    const mlci_json *v;

    (void)mlci_schema_count(c, at, "minLength", &least);
    (void)mlci_schema_count(c, at, "maxLength", &most);
    if (least > most)
        r = mlci_fx_atom(t, MLCI_AT_STRING, MLCI_RX_NONE, 0);
    else if (least > 0 || most != UINT32_MAX)
        r = mlci_fx_atom(t, MLCI_AT_LENGTH, least, most);
    if ((v = mlci_json_get(at, "pattern")) != NULL) {
        if (v->type != MLCI_JSON_STRING)
            return mlci_schema_fail(c, MLC_EFORMAT, v, "pattern is no text");
        r = mlci_fx_and(t, r, sw_language(c, MLCI_AT_STRING,
                                          mlci_schema_pattern(c, v, v->text, v->text_bytes)));
    }
    if ((v = mlci_json_get(at, "format")) != NULL)
        r = mlci_fx_and(t, r, sw_format(c, v));
    return r;
}

/* ---- numbers -------------------------------------------------------------------------- */

static bool sw_decimal(mlci_compiler *c, const mlci_json *v, mlci_decimal *d)
{
    if (v->type != MLCI_JSON_NUMBER)
        (void)mlci_schema_fail(c, MLC_EFORMAT, v, "no number");
    else if (!mlci_decimal_read(d, v->text, v->text_bytes))
        (void)mlci_schema_fail(c, MLC_EUNSUPPORTED, v, "too many digits");
    return c->status == MLC_OK;
}

static mlci_fx sw_bound(mlci_compiler *c, const mlci_json *at, const char *key,
                        const char *exclusive, bool above)
{
    const mlci_json *v = mlci_json_get(at, key), *x = mlci_json_get(at, exclusive);
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = MLCI_FX_TRUE;
    mlci_decimal d;
    bool strict = x != NULL && x->type == MLCI_JSON_TRUE;    /* draft 4 */

    if (v != NULL && sw_decimal(c, v, &d))
        r = sw_language(c, MLCI_AT_NUMBER, mlci_numbers_beyond(&c->s->rx, &d, above, strict));
    if (x != NULL && x->type == MLCI_JSON_NUMBER && sw_decimal(c, x, &d))
        r = mlci_fx_and(t, r, sw_language(c, MLCI_AT_NUMBER,
                                          mlci_numbers_beyond(&c->s->rx, &d, above, true)));
    return r;
}

static mlci_fx sw_multiple(mlci_compiler *c, const mlci_json *v)
{
    mlci_schema *s = c->s;
    void *divisors = s->divisors;
    mlci_divisor x = { 0, 0 };
    mlci_decimal d;
    mlci_fx r;

    if (!sw_decimal(c, v, &d))
        return MLCI_FX_FALSE;
    if (d.n == 0 || d.negative)
        return mlci_schema_fail(c, MLC_EFORMAT, v, "multipleOf is not above zero");
    x.scale = d.scale > 0 ? (uint32_t)d.scale : 0;
    if (d.n - (d.scale < 0 ? d.scale : 0) > 17)
        return mlci_schema_fail(c, MLC_EUNSUPPORTED, v, "multipleOf has more than 17 digits");
    for (int32_t i = 0; i < d.n - (d.scale < 0 ? d.scale : 0); i++)
        x.units = x.units * 10 + (uint64_t)(i < d.n ? d.digits[i] - '0' : 0);
    r = sw_language(c, MLCI_AT_NUMBER, x.scale == 0 ? mlci_numbers_whole(&s->rx)
                                                    : mlci_numbers_grid(&s->rx, x.scale));
    if (x.units == 1)
        return r;
    if (!mlci_grow(s->ctx, &divisors, &s->cap_divisors, s->n_divisors + 1, sizeof x))
        return mlci_schema_fail(c, MLC_ENOMEM, v, "out of memory");
    s->divisors = divisors;
    s->divisors[s->n_divisors] = x;
    /* Remainders are of digits as they stand: no exponents. */
    r = mlci_fx_and(&s->tuples, r,
                    sw_language(c, MLCI_AT_NUMBER, mlci_numbers_grid(&s->rx, x.scale)));
    return mlci_fx_and(&s->tuples, r, mlci_fx_atom(&s->tuples, MLCI_AT_MULTIPLE,
                                                   (uint32_t)s->n_divisors++, 0));
}

mlci_fx mlci_schema_number(mlci_compiler *c, const mlci_json *at)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = sw_bound(c, at, "minimum", "exclusiveMinimum", true);
    const mlci_json *v;

    r = mlci_fx_and(t, r, sw_bound(c, at, "maximum", "exclusiveMaximum", false));
    if ((v = mlci_json_get(at, "multipleOf")) != NULL)
        r = mlci_fx_and(t, r, sw_multiple(c, v));
    return r;
}

/* ---- members -------------------------------------------------------------------------- */

static bool sw_is_object(mlci_compiler *c, const mlci_json *v)
{
    if (v != NULL && v->type != MLCI_JSON_OBJECT)
        (void)mlci_schema_fail(c, MLC_EFORMAT, v, "no object");
    return v != NULL && v->type == MLCI_JSON_OBJECT;
}

static mlci_fx sw_members(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    const mlci_json *props = mlci_json_get(at, "properties");
    const mlci_json *patterns = mlci_json_get(at, "patternProperties");
    const mlci_json *rest = mlci_json_get(at, "additionalProperties");
    mlci_members m = { .rest = MLCI_FX_TRUE };

    if (props == NULL && patterns == NULL && rest == NULL)
        return MLCI_FX_TRUE;
    if (sw_is_object(c, props)) {
        m.names = sw_new(c, props->n_items + 1, sizeof *m.names);
        m.values = sw_new(c, props->n_items + 1, sizeof *m.values);
        for (const mlci_json *x = props->items; x != NULL && c->status == MLC_OK; x = x->next) {
            m.names[m.n] = sw_name(c, x->key, x->key_bytes);
            m.values[m.n++] = mlci_schema_value(c, x, scope);
        }
    }
    if (sw_is_object(c, patterns)) {
        m.patterns = sw_new(c, patterns->n_items + 1, sizeof *m.patterns);
        m.pattern_values = sw_new(c, patterns->n_items + 1, sizeof *m.pattern_values);
        for (const mlci_json *x = patterns->items; x != NULL && c->status == MLC_OK; x = x->next) {
            m.patterns[m.n_patterns] = mlci_schema_pattern(c, x, x->key, x->key_bytes);
            m.pattern_values[m.n_patterns++] = mlci_schema_value(c, x, scope);
        }
    }
    if (rest != NULL)
        m.rest = mlci_schema_value(c, rest, scope);
    if (c->status != MLC_OK)
        return MLCI_FX_FALSE;
    mlci_schema_sort_members(c, &m);
    for (uint32_t i = 0; i < m.n; i++)      /* patterns count for names, too */
        for (uint32_t k = 0; k < m.n_patterns; k++)
            if (mlci_schema_matches(c->s, m.patterns[k], c->s->names[m.names[i]].p,
                                    c->s->names[m.names[i]].n))
                m.values[i] = mlci_fx_and(&c->s->tuples, m.values[i], m.pattern_values[k]);
    if (m.n == 0 && m.n_patterns == 0 && m.rest == MLCI_FX_TRUE)
        return MLCI_FX_TRUE;
    return mlci_fx_atom(&c->s->tuples, MLCI_AT_MEMBERS, mlci_schema_new_members(c, &m), 0);
}

/* A list of names. */
static mlci_fx sw_required(mlci_compiler *c, const mlci_json *v)
{
    uint32_t *names, n = 0;

    if (v->type == MLCI_JSON_TRUE || v->type == MLCI_JSON_FALSE) {   /* draft 3, of a member */
        if (c->draft <= 4)
            return MLCI_FX_TRUE;
    }
    if (v->type != MLCI_JSON_ARRAY)
        return mlci_schema_fail(c, MLC_EFORMAT, v, "no list of names");
    names = mlci_arena_new(&c->arena, v->n_items + 1, sizeof *names);
    for (const mlci_json *x = v->items; x != NULL && names != NULL; x = x->next) {
        if (x->type != MLCI_JSON_STRING)
            return mlci_schema_fail(c, MLC_EFORMAT, x, "a name is no text");
        names[n++] = sw_name(c, x->text, x->text_bytes);
    }
    return names != NULL ? sw_has_all(c, names, n)
                         : mlci_schema_fail(c, MLC_ENOMEM, v, "out of memory");
}

/* dependencies, dependentRequired, dependentSchemas: if there is one name, then ... */
static mlci_fx sw_dependent(mlci_compiler *c, const mlci_json *v, uint32_t scope)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = MLCI_FX_TRUE, has, then;

    if (!sw_is_object(c, v))
        return MLCI_FX_FALSE;
    for (const mlci_json *x = v->items; x != NULL && c->status == MLC_OK; x = x->next) {
        has = mlci_fx_atom(t, MLCI_AT_HAS, sw_name(c, x->key, x->key_bytes), 0);
        then = x->type == MLCI_JSON_ARRAY ? sw_required(c, x)
             : x->type == MLCI_JSON_STRING
             ? mlci_fx_atom(t, MLCI_AT_HAS, sw_name(c, x->text, x->text_bytes), 0)
             : mlci_schema_value(c, x, scope);
        r = mlci_fx_and(t, r, mlci_fx_or(t, mlci_fx_not(t, has), then));
    }
    /* "has" holds of what is no object: there the dependence says nothing */
    return r == MLCI_FX_TRUE ? r
         : mlci_fx_or(t, mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_ALL & ~MLCI_V_OBJECT, 0), r);
}

mlci_fx mlci_schema_object(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    static const char *const dependent[] = { "dependencies", "dependentRequired",
                                             "dependentSchemas" };
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = sw_members(c, at, scope);
    const mlci_json *v;
    uint32_t n;

    if ((v = mlci_json_get(at, "required")) != NULL)
        r = mlci_fx_and(t, r, sw_required(c, v));
    if (mlci_schema_count(c, at, "minProperties", &n) && n > 0)
        r = mlci_fx_and(t, r, mlci_fx_atom(t, MLCI_AT_MORE, n, 0));
    if (mlci_schema_count(c, at, "maxProperties", &n))
        r = mlci_fx_and(t, r, mlci_fx_or(t,
            mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_ALL & ~MLCI_V_OBJECT, 0),
            mlci_fx_not(t, mlci_fx_atom(t, MLCI_AT_MORE, n + 1, 0))));
    if ((v = mlci_json_get(at, "propertyNames")) != NULL && c->draft >= 6)
        r = mlci_fx_and(t, r, mlci_fx_atom(t, MLCI_AT_NAMES, mlci_schema_value(c, v, scope), 0));
    for (size_t i = 0; i < 3; i++)
        if ((v = mlci_json_get(at, dependent[i])) != NULL)
            r = mlci_fx_and(t, r, sw_dependent(c, v, scope));
    return r;
}

/* ---- items ---------------------------------------------------------------------------- */

static mlci_fx sw_items(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    const mlci_json *prefix = mlci_json_get(at, "prefixItems");
    const mlci_json *rest = mlci_json_get(at, "items");
    mlci_items m = { .rest = MLCI_FX_TRUE };

    if (rest != NULL && rest->type == MLCI_JSON_ARRAY) {     /* drafts to 2019-09 */
        prefix = rest;
        rest = mlci_json_get(at, "additionalItems");
    }
    if (prefix == NULL && rest == NULL)
        return MLCI_FX_TRUE;
    if (prefix != NULL) {
        m.prefix = sw_new(c, prefix->n_items + 1, sizeof *m.prefix);
        for (const mlci_json *x = prefix->items; x != NULL && m.prefix != NULL; x = x->next)
            m.prefix[m.n++] = mlci_schema_value(c, x, scope);
    }
    if (rest != NULL)
        m.rest = mlci_schema_value(c, rest, scope);
    if (c->status != MLC_OK || (m.n == 0 && m.rest == MLCI_FX_TRUE))
        return c->status == MLC_OK;
    return mlci_fx_atom(&c->s->tuples, MLCI_AT_ITEMS, mlci_schema_new_items(c, &m), 0);
}

static mlci_fx sw_not_array(mlci_compiler *c, mlci_fx a)
{
    mlci_tuples *t = &c->s->tuples;

    return mlci_fx_or(t, mlci_fx_atom(t, MLCI_AT_TYPE, MLCI_V_ALL & ~MLCI_V_ARRAY, 0), a);
}

static mlci_fx sw_contains(mlci_compiler *c, const mlci_json *at, const mlci_json *v,
                           uint32_t scope)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_fx what = mlci_schema_value(c, v, scope), r = MLCI_FX_TRUE;
    uint32_t least = 1, most;

    if (c->draft >= 2019)
        (void)mlci_schema_count(c, at, "minContains", &least);
    if (least > 0)
        r = mlci_fx_atom(t, MLCI_AT_CONTAINS, what, least);
    if (c->draft >= 2019 && mlci_schema_count(c, at, "maxContains", &most))
        r = mlci_fx_and(t, r, sw_not_array(c, mlci_fx_not(t,
            mlci_fx_atom(t, MLCI_AT_CONTAINS, what, most + 1))));
    return r;
}

mlci_fx mlci_schema_array(mlci_compiler *c, const mlci_json *at, uint32_t scope)
{
    mlci_tuples *t = &c->s->tuples;
    mlci_fx r = sw_items(c, at, scope);
    const mlci_json *v;
    uint32_t n;

    if (mlci_schema_count(c, at, "minItems", &n) && n > 0)
        r = mlci_fx_and(t, r, mlci_fx_atom(t, MLCI_AT_LONGER, n, 0));
    if (mlci_schema_count(c, at, "maxItems", &n))
        r = mlci_fx_and(t, r, sw_not_array(c,
            mlci_fx_not(t, mlci_fx_atom(t, MLCI_AT_LONGER, n + 1, 0))));
    v = mlci_json_get(at, "uniqueItems");
    if (v != NULL && v->type == MLCI_JSON_TRUE)
        r = mlci_fx_and(t, r, mlci_fx_atom(t, MLCI_AT_UNIQUE, 0, 0));
    if ((v = mlci_json_get(at, "contains")) != NULL && c->draft >= 6)
        r = mlci_fx_and(t, r, sw_contains(c, at, v, scope));
    return r;
}
