/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_attr.c - a.b, a[b] and a[b:c:d].
 *
 * As in Jinja, "a.b" looks for a method or attribute first and for an item
 * second, "a[b]" the other way round; what is not there is undefined, and
 * asking an undefined value for anything is an error.
 */
#include "jinja.h"
#include "../base/utf8.h"

#include <string.h>

static jv ja_loop_attr(je_run *r, const je_loop *l, mlci_text name, bool *found)
{
    size_t n = l->items->n;
    const jv undefined = { .type = JV_UNDEFINED };

    (void)r;
    *found = true;
    if (mlci_text_is(name, "index"))     return mlci_jv_int((int64_t)l->i + 1);
    if (mlci_text_is(name, "index0"))    return mlci_jv_int((int64_t)l->i);
    if (mlci_text_is(name, "revindex"))  return mlci_jv_int((int64_t)(n - l->i));
    if (mlci_text_is(name, "revindex0")) return mlci_jv_int((int64_t)(n - l->i) - 1);
    if (mlci_text_is(name, "first"))     return mlci_jv_bool(l->i == 0);
    if (mlci_text_is(name, "last"))      return mlci_jv_bool(l->i + 1 == n);
    if (mlci_text_is(name, "length"))    return mlci_jv_int((int64_t)n);
    if (mlci_text_is(name, "depth"))     return mlci_jv_int(1);
    if (mlci_text_is(name, "depth0"))    return mlci_jv_int(0);
    if (mlci_text_is(name, "previtem"))
        return l->i > 0 ? l->items->items[l->i - 1] : undefined;
    if (mlci_text_is(name, "nextitem"))
        return l->i + 1 < n ? l->items->items[l->i + 1] : undefined;
    *found = false;
    return undefined;
}

static jv ja_method(je_run *r, jv v, mlci_text name, bool *found)
{
    const jm_entry *e = mlci_jinja_find_method(v.type, name);
    jv out = { .type = JV_METHOD };

    *found = e != NULL;
    if (e == NULL)
        return (jv){ .type = JV_UNDEFINED };
    out.u.method = mlci_arena_new(r->arena, 1, sizeof *out.u.method);
    if (out.u.method == NULL)
        return mlci_jinja_nomem(r);
    out.u.method->self = v;
    out.u.method->entry = e;
    return out;
}

jv mlci_jinja_attr(je_run *r, jv v, mlci_text name)
{
    jv out = { .type = JV_UNDEFINED };
    bool found = false;

    if (v.type == JV_UNDEFINED)
        return mlci_jinja_fail(r, "undefined value has no attribute '%.*s'",
                               (int)mlci_min(name.n, 60), name.p);
    if (v.type == JV_LOOP)
        out = ja_loop_attr(r, v.u.loop, name, &found);
    if (!found)
        out = ja_method(r, v, name, &found);
    if (!found && !mlci_jv_get(r, v, mlci_jv_text(name.p, name.n), &out))
        out.type = JV_UNDEFINED;
    return out;
}

static jv ja_char(je_run *r, jv s, int64_t i)
{
    int64_t n = (int64_t)mlci_utf8_length(s.u.s, s.n);
    size_t at = 0, len = 0;
    int32_t cp;

    (void)r;
    i = i < 0 ? i + n : i;
    if (i < 0 || i >= n)
        return (jv){ .type = JV_UNDEFINED };
    for (int64_t k = 0; k <= i; k++) {
        at += len;
        len = mlci_utf8_read(s.u.s + at, s.n - at, &cp);
    }
    return mlci_jv_text(s.u.s + at, len);
}

jv mlci_jinja_index(je_run *r, jv v, jv key)
{
    jv out = { .type = JV_UNDEFINED };
    int64_t i = key.type == JV_BOOL ? key.u.b : key.u.i;
    bool is_int = key.type == JV_INT || key.type == JV_BOOL;

    if (v.type == JV_UNDEFINED)
        return mlci_jinja_fail(r, "undefined value has no items");
    if (v.type == JV_LIST && is_int) {
        i = i < 0 ? i + (int64_t)v.u.list->n : i;
        return i >= 0 && (size_t)i < v.u.list->n ? v.u.list->items[i] : out;
    }
    if (v.type == JV_STRING && is_int)
        return ja_char(r, v, i);
    if (v.type == JV_DICT && mlci_jv_get(r, v, key, &out))
        return out;
    if (key.type == JV_STRING) {
        mlci_text name = { key.u.s, key.n };

        return mlci_jinja_attr(r, v, name);
    }
    return out;
}

/* A slice's bound as Python has it. */
static int64_t ja_bound(je_run *r, jv v, int64_t n, int64_t missing, int64_t low,
                        int64_t high)
{
    int64_t i;

    if (v.type == JV_UNDEFINED || v.type == JV_NONE)
        return missing;
    if (v.type != JV_INT && v.type != JV_BOOL) {
        mlci_jinja_fail(r, "slice indices must be integers");
        return 0;
    }
    i = v.type == JV_BOOL ? v.u.b : v.u.i;
    i = i < 0 ? i + n : i;
    return i < low ? low : i > high ? high : i;
}

jv mlci_jinja_slice(je_run *r, jv v, jv from, jv to, jv step)
{
    jv items, out;
    int64_t n, s, a, b;

    if (v.type != JV_LIST && v.type != JV_STRING)
        return v.type == JV_UNDEFINED
             ? mlci_jinja_fail(r, "undefined value cannot be sliced")
             : (jv){ .type = JV_UNDEFINED };
    items = mlci_jv_items(r, v);
    if (r->failed)
        return items;
    n = (int64_t)items.u.list->n;
    s = step.type == JV_INT ? step.u.i : 1;
    if (s == 0)
        return mlci_jinja_fail(r, "slice step cannot be zero");
    a = s > 0 ? ja_bound(r, from, n, 0, 0, n) : ja_bound(r, from, n, n - 1, -1, n - 1);
    b = s > 0 ? ja_bound(r, to, n, n, 0, n) : ja_bound(r, to, n, -1, -1, n - 1);
    if (v.type == JV_STRING) {
        jv_builder text = { .r = r };

        for (; s > 0 ? a < b : a > b; a += s)
            mlci_jv_add(&text, items.u.list->items[a].u.s, items.u.list->items[a].n);
        return mlci_jv_built(&text);
    }
    out = mlci_jv_list(r, 0);
    out.flavour = v.flavour;
    for (; (s > 0 ? a < b : a > b) && mlci_jinja_step(r); a += s)
        mlci_jv_append(r, out, items.u.list->items[a]);
    return out;
}
