/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_value.c - Python's values as templates see them.
 */
#include "jinja.h"
#include "../base/number.h"
#include "../base/utf8.h"
#include "unicode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- making -------------------------------------------------------------------- */

jv mlci_jv_none(void)       { return (jv){ .type = JV_NONE }; }
jv mlci_jv_bool(bool b)     { return (jv){ .type = JV_BOOL, .u.b = b }; }
jv mlci_jv_int(int64_t i)   { return (jv){ .type = JV_INT, .u.i = i }; }
jv mlci_jv_float(double f)  { return (jv){ .type = JV_FLOAT, .u.f = f }; }

jv mlci_jv_text(const char *s, size_t n)
{
    return (jv){ .type = JV_STRING, .n = n, .u.s = s };
}

jv mlci_jv_copy(je_run *r, const char *s, size_t n)
{
    char *p = mlci_arena_copy(r->arena, s, n);

    return p == NULL ? mlci_jinja_nomem(r) : mlci_jv_text(p, n);
}

jv mlci_jv_list(je_run *r, size_t cap)
{
    jv_list *l = mlci_arena_new(r->arena, 1, sizeof *l);
    jv v = { .type = JV_LIST, .u.list = l };

    if (l == NULL)
        return mlci_jinja_nomem(r);
    if (cap > 0) {
        l->items = mlci_arena_new(r->arena, cap, sizeof *l->items);
        if (l->items == NULL)
            return mlci_jinja_nomem(r);
        l->cap = cap;
    }
    return v;
}

jv mlci_jv_dict(je_run *r, size_t cap)
{
    jv_dict *d = mlci_arena_new(r->arena, 1, sizeof *d);
    jv v = { .type = JV_DICT, .u.dict = d };

    if (d == NULL)
        return mlci_jinja_nomem(r);
    if (cap > 0) {
        d->keys = mlci_arena_new(r->arena, cap, sizeof *d->keys);
        d->values = mlci_arena_new(r->arena, cap, sizeof *d->values);
        if (d->keys == NULL || d->values == NULL)
            return mlci_jinja_nomem(r);
        d->cap = cap;
    }
    return v;
}

static jv *jv_more(je_run *r, const jv *old, size_t n, size_t cap)
{
    jv *p = mlci_arena_new(r->arena, cap, sizeof *p);

    if (p == NULL)
        mlci_jinja_nomem(r);
    else if (n > 0)
        memcpy(p, old, n * sizeof *p);
    return p;
}

void mlci_jv_append(je_run *r, jv list, jv item)
{
    jv_list *l = list.u.list;

    if (r->failed || list.type != JV_LIST)
        return;
    if (l->n == l->cap) {
        size_t cap = l->cap < 4 ? 8 : l->cap * 2;
        jv *items = jv_more(r, l->items, l->n, cap);

        if (items == NULL)
            return;
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = item;
}

/* Dictionaries are small (a message, a tool): a search along the keys, each
 * step of which counts against the budget. */
static size_t jv_key(je_run *r, const jv_dict *d, jv key)
{
    size_t i = 0;

    while (i < d->n && mlci_jinja_step(r) && !mlci_jv_equal(r, d->keys[i], key))
        i++;
    return i;
}

void mlci_jv_put(je_run *r, jv dict, jv key, jv value)
{
    jv_dict *d = dict.u.dict;
    size_t i;

    if (r->failed || (dict.type != JV_DICT && dict.type != JV_NAMESPACE))
        return;
    i = jv_key(r, d, key);
    if (i == d->n && d->n == d->cap) {
        size_t cap = d->cap < 4 ? 8 : d->cap * 2;
        jv *keys = jv_more(r, d->keys, d->n, cap);
        jv *values = jv_more(r, d->values, d->n, cap);

        if (keys == NULL || values == NULL)
            return;
        d->keys = keys;
        d->values = values;
        d->cap = cap;
    }
    if (r->failed)
        return;
    d->n += i == d->n;
    d->keys[i] = key;
    d->values[i] = value;
}

bool mlci_jv_get(je_run *r, jv dict, jv key, jv *out)
{
    size_t i;

    if (dict.type != JV_DICT && dict.type != JV_NAMESPACE)
        return false;
    i = jv_key(r, dict.u.dict, key);
    if (r->failed || i == dict.u.dict->n)
        return false;
    *out = dict.u.dict->values[i];
    return true;
}

/* ---- asking ---------------------------------------------------------------------- */

bool mlci_jv_true(jv v)
{
    switch (v.type) {
    case JV_UNDEFINED: case JV_NONE: return false;
    case JV_BOOL:   return v.u.b;
    case JV_INT:    return v.u.i != 0;
    case JV_FLOAT:  return v.u.f != 0;
    case JV_STRING: return v.n > 0;
    case JV_LIST:   return v.u.list->n > 0 || v.flavour == JV_GENERATOR;
    case JV_DICT:   return v.u.dict->n > 0;
    default:        return true;
    }
}

bool mlci_jv_number(jv v, double *f)
{
    switch (v.type) {
    case JV_BOOL:  *f = v.u.b; return true;
    case JV_INT:   *f = (double)v.u.i; return true;
    case JV_FLOAT: *f = v.u.f; return true;
    default:       return false;
    }
}

bool mlci_jv_is(jv v, const char *text)
{
    mlci_text t = { v.u.s, v.n };

    return v.type == JV_STRING && mlci_text_is(t, text);
}

const char *mlci_jv_type_name(jv v)
{
    static const char *const names[] = { "undefined", "NoneType", "bool", "int",
        "float", "str", "list", "dict", "Namespace", "Macro", "function", "method",
        "LoopContext" };

    if (v.type == JV_LIST && v.flavour != JV_PLAIN)
        return v.flavour == JV_TUPLE ? "tuple" : "generator";
    return names[v.type];
}

static bool jv_lists_equal(je_run *r, const jv_list *a, const jv_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!mlci_jv_equal(r, a->items[i], b->items[i]))
            return false;
    return true;
}

static bool jv_dicts_equal(je_run *r, jv a, jv b)
{
    jv other;

    if (a.u.dict->n != b.u.dict->n)
        return false;
    for (size_t i = 0; i < a.u.dict->n; i++)
        if (!mlci_jv_get(r, b, a.u.dict->keys[i], &other)
            || !mlci_jv_equal(r, a.u.dict->values[i], other))
            return false;
    return true;
}

bool mlci_jv_equal(je_run *r, jv a, jv b)
{
    double x, y;
    bool equal = false;

    if (a.type == JV_INT && b.type == JV_INT)
        return a.u.i == b.u.i;
    if (mlci_jv_number(a, &x) && mlci_jv_number(b, &y))
        return x == y;
    if (a.type != b.type || ++r->value_depth > 100) {
        r->value_depth -= a.type == b.type;
        return false;
    }
    switch (a.type) {
    case JV_UNDEFINED: case JV_NONE: equal = true; break;
    case JV_STRING: equal = a.n == b.n && (a.n == 0 || memcmp(a.u.s, b.u.s, a.n) == 0);
        break;
    case JV_LIST: equal = a.flavour == b.flavour && mlci_jinja_step(r)
                       && jv_lists_equal(r, a.u.list, b.u.list);
        break;
    case JV_DICT: equal = mlci_jinja_step(r) && jv_dicts_equal(r, a, b); break;
    default: equal = a.u.list == b.u.list; break;  /* the same object */
    }
    r->value_depth--;
    return equal;
}

int mlci_jv_order(je_run *r, jv a, jv b)
{
    double x, y;
    size_t n = a.n < b.n ? a.n : b.n;
    int c;

    if (a.type == JV_INT && b.type == JV_INT)
        return a.u.i < b.u.i ? -1 : a.u.i > b.u.i;
    if (mlci_jv_number(a, &x) && mlci_jv_number(b, &y))
        return x < y ? -1 : x > y;
    if (a.type == JV_STRING && b.type == JV_STRING) {
        c = n > 0 ? memcmp(a.u.s, b.u.s, n) : 0;
        return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
    }
    if (a.type == JV_LIST && b.type == JV_LIST && r->value_depth < 100) {
        for (size_t i = 0; i < a.u.list->n && i < b.u.list->n; i++)
            if (!mlci_jv_equal(r, a.u.list->items[i], b.u.list->items[i])) {
                r->value_depth++;
                c = mlci_jv_order(r, a.u.list->items[i], b.u.list->items[i]);
                r->value_depth--;
                return c;
            }
        return a.u.list->n < b.u.list->n ? -1 : a.u.list->n > b.u.list->n;
    }
    mlci_jinja_fail(r, "'<' not supported between '%s' and '%s'",
                    mlci_jv_type_name(a), mlci_jv_type_name(b));
    return 0;
}

size_t mlci_jv_length(je_run *r, jv v)
{
    switch (v.type) {
    case JV_UNDEFINED: return 0;
    case JV_STRING:    return mlci_utf8_length(v.u.s, v.n);
    case JV_DICT:      return v.u.dict->n;
    case JV_LIST:
        if (v.flavour != JV_GENERATOR)
            return v.u.list->n;
        /* fall through */
    default:
        mlci_jinja_fail(r, "object of type '%s' has no len()", mlci_jv_type_name(v));
        return 0;
    }
}

jv mlci_jv_items(je_run *r, jv v)
{
    jv out;

    switch (v.type) {
    case JV_LIST:
        return v;
    case JV_UNDEFINED:
        return mlci_jv_list(r, 0);
    case JV_DICT:
        out = mlci_jv_list(r, v.u.dict->n);
        for (size_t i = 0; i < v.u.dict->n; i++)
            mlci_jv_append(r, out, v.u.dict->keys[i]);
        return out;
    case JV_STRING:
        out = mlci_jv_list(r, mlci_utf8_length(v.u.s, v.n));
        for (size_t i = 0; i < v.n; ) {
            int32_t cp;
            size_t n = mlci_utf8_read(v.u.s + i, v.n - i, &cp);

            mlci_jv_append(r, out, mlci_jv_text(v.u.s + i, n));
            i += n;
        }
        return out;
    default:
        return mlci_jinja_fail(r, "'%s' object is not iterable", mlci_jv_type_name(v));
    }
}

/* ---- text ------------------------------------------------------------------------ */

void mlci_jv_add(jv_builder *b, const char *s, size_t n)
{
    if (b->r->failed || n == 0)
        return;
    if (n > b->cap - b->n) {
        size_t cap = b->cap < 32 ? 64 : b->cap * 2;
        char *p;

        while (cap < b->n + n)
            cap *= 2;
        p = mlci_arena_new(b->r->arena, cap, 1);
        if (p == NULL) {
            mlci_jinja_nomem(b->r);
            return;
        }
        if (b->n > 0)
            memcpy(p, b->data, b->n);
        b->data = p;
        b->cap = cap;
    }
    memcpy(b->data + b->n, s, n);
    b->n += n;
}

void mlci_jv_add_text(jv_builder *b, const char *s) { mlci_jv_add(b, s, strlen(s)); }
void mlci_jv_add_char(jv_builder *b, char c)        { mlci_jv_add(b, &c, 1); }

jv mlci_jv_built(jv_builder *b)
{
    return mlci_jv_text(b->n > 0 ? b->data : "", b->n);
}

/* repr of a str: single quotes unless only those occur inside; what is not
 * printable (categories C and Z but the space) as an escape. */
static void jv_repr_string(jv_builder *b, jv v)
{
    bool one = memchr(v.u.s, '\'', v.n) != NULL && memchr(v.u.s, '"', v.n) == NULL;
    char quote = one ? '"' : '\'', text[16];

    mlci_jv_add_char(b, quote);
    for (size_t i = 0; i < v.n; ) {
        int32_t cp;
        size_t n = mlci_utf8_read(v.u.s + i, v.n - i, &cp);
        uint8_t c = mlci_unicode_class(cp);

        if (cp == quote || cp == '\\') {
            mlci_jv_add_char(b, '\\');
            mlci_jv_add_char(b, (char)cp);
        } else if (cp == '\n' || cp == '\r' || cp == '\t') {
            mlci_jv_add_text(b, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
        } else if (cp == ' ' || (c & (MLCI_CLASS_L | MLCI_CLASS_N | MLCI_CLASS_M
                                      | MLCI_CLASS_P | MLCI_CLASS_S))) {
            mlci_jv_add(b, v.u.s + i, n);
        } else {
            snprintf(text, sizeof text, cp < 0x100 ? "\\x%02x" : cp < 0x10000
                     ? "\\u%04x" : "\\U%08x", (unsigned)cp);
            mlci_jv_add_text(b, text);
        }
        i += n;
    }
    mlci_jv_add_char(b, quote);
}

static void jv_write(jv_builder *b, jv v, bool quoted);

static void jv_write_items(jv_builder *b, jv v)
{
    const jv_list *l = v.u.list;
    bool tuple = v.flavour == JV_TUPLE;

    mlci_jv_add_char(b, tuple ? '(' : '[');
    for (size_t i = 0; i < l->n && mlci_jinja_step(b->r); i++) {
        if (i > 0)
            mlci_jv_add_text(b, ", ");
        jv_write(b, l->items[i], true);
    }
    if (tuple && l->n == 1)
        mlci_jv_add_char(b, ',');
    mlci_jv_add_char(b, tuple ? ')' : ']');
}

static void jv_write_pairs(jv_builder *b, const jv_dict *d)
{
    mlci_jv_add_char(b, '{');
    for (size_t i = 0; i < d->n && mlci_jinja_step(b->r); i++) {
        if (i > 0)
            mlci_jv_add_text(b, ", ");
        jv_write(b, d->keys[i], true);
        mlci_jv_add_text(b, ": ");
        jv_write(b, d->values[i], true);
    }
    mlci_jv_add_char(b, '}');
}

static void jv_write(jv_builder *b, jv v, bool quoted)
{
    char text[64];

    if (++b->r->value_depth > 100)
        mlci_jinja_fail(b->r, "value nested too deeply to print");
    switch (b->r->failed ? JV_UNDEFINED : v.type) {
    case JV_UNDEFINED: break;
    case JV_NONE:  mlci_jv_add_text(b, "None"); break;
    case JV_BOOL:  mlci_jv_add_text(b, v.u.b ? "True" : "False"); break;
    case JV_INT:
        snprintf(text, sizeof text, "%lld", (long long)v.u.i);
        mlci_jv_add_text(b, text);
        break;
    case JV_FLOAT: mlci_jv_add(b, text, mlci_double_text(v.u.f, text)); break;
    case JV_STRING:
        if (quoted)
            jv_repr_string(b, v);
        else
            mlci_jv_add(b, v.u.s, v.n);
        break;
    case JV_LIST:
        if (v.flavour == JV_GENERATOR)
            mlci_jv_add_text(b, "<generator>");
        else
            jv_write_items(b, v);
        break;
    case JV_DICT: jv_write_pairs(b, v.u.dict); break;
    case JV_NAMESPACE:
        mlci_jv_add_text(b, "<Namespace ");
        jv_write_pairs(b, v.u.dict);
        mlci_jv_add_char(b, '>');
        break;
    default:
        snprintf(text, sizeof text, "<%s>", mlci_jv_type_name(v));
        mlci_jv_add_text(b, text);
        break;
    }
    b->r->value_depth--;
}

jv mlci_jv_str(je_run *r, jv v)
{
    jv_builder b = { .r = r };

    if (v.type == JV_STRING)
        return v;
    jv_write(&b, v, false);
    return mlci_jv_built(&b);
}

jv mlci_jv_repr(je_run *r, jv v)
{
    jv_builder b = { .r = r };

    jv_write(&b, v, true);
    return mlci_jv_built(&b);
}
