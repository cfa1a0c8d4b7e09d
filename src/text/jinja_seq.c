/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_seq.c - filters on sequences and mappings.
 */
#include "jinja.h"
#include "../base/number.h"

#include <string.h>

static const jv jq_none = { .type = JV_NONE };
static const jv jq_undefined = { .type = JV_UNDEFINED };

/* "a.b.0" one step after another. */
jv mlci_jinja_attr_path(je_run *r, jv v, jv path)
{
    size_t from = 0;

    if (path.type == JV_INT)
        return mlci_jinja_index(r, v, path);
    if (path.type != JV_STRING)
        return mlci_jinja_fail(r, "attribute must be a name");
    for (size_t i = 0; i <= path.n && !r->failed; i++) {
        jv key = mlci_jv_text(path.u.s + from, i - from);
        int64_t k;

        if (i < path.n && path.u.s[i] != '.')
            continue;
        if (mlci_read_int(key.u.s, key.n, &k))
            key = mlci_jv_int(k);
        v = mlci_jinja_index(r, v, key);
        from = i + 1;
    }
    return v;
}

static jv jq_list(je_run *r, const je_args *a)
{
    jv items = mlci_jv_items(r, a->values[0]), out = mlci_jv_list(r, 0);

    for (size_t i = 0; !r->failed && i < items.u.list->n; i++)
        mlci_jv_append(r, out, items.u.list->items[i]);
    return out;
}

static jv jq_first(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]);

    return !r->failed && l.u.list->n > 0 ? l.u.list->items[0] : jq_undefined;
}

static jv jq_last(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]);

    return !r->failed && l.u.list->n > 0 ? l.u.list->items[l.u.list->n - 1]
                                         : jq_undefined;
}

static jv jq_reverse(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]), out;

    if (a->values[0].type == JV_STRING)
        return mlci_jinja_slice(r, a->values[0], jq_none, jq_none, mlci_jv_int(-1));
    out = mlci_jv_list(r, 0);
    for (size_t i = r->failed ? 0 : l.u.list->n; i-- > 0; )
        mlci_jv_append(r, out, l.u.list->items[i]);
    return out;
}

static jv jq_join(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]);
    jv sep = mlci_jv_str(r, mlci_jinja_arg(a, 1, "d", mlci_jv_text("", 0)));
    jv attr = mlci_jinja_arg(a, 2, "attribute", jq_none);
    jv_builder b = { .r = r };

    for (size_t i = 0; !r->failed && i < l.u.list->n && mlci_jinja_step(r); i++) {
        jv v = l.u.list->items[i];

        if (attr.type != JV_NONE)
            v = mlci_jinja_attr_path(r, v, attr);
        v = mlci_jv_str(r, v);
        if (i > 0)
            mlci_jv_add(&b, sep.u.s, sep.n);
        mlci_jv_add(&b, v.u.s, r->failed ? 0 : v.n);
    }
    return mlci_jv_built(&b);
}

/* Pairs of a mapping as tuples. */
static jv jq_pairs(je_run *r, jv v)
{
    jv out = mlci_jv_list(r, 0);

    for (size_t i = 0; i < v.u.dict->n && !r->failed; i++) {
        jv pair = mlci_jv_list(r, 2);

        pair.flavour = JV_TUPLE;
        mlci_jv_append(r, pair, v.u.dict->keys[i]);
        mlci_jv_append(r, pair, v.u.dict->values[i]);
        mlci_jv_append(r, out, pair);
    }
    return out;
}

static jv jq_items(je_run *r, const je_args *a)
{
    if (a->values[0].type == JV_UNDEFINED)
        return mlci_jv_list(r, 0);
    if (a->values[0].type != JV_DICT)
        return mlci_jinja_fail(r, "Can only get item pairs from a mapping.");
    return jq_pairs(r, a->values[0]);
}

/* ---- sorting -------------------------------------------------------------------------- */

/* Lower case for texts unless case counts. */
static jv jq_fold(je_run *r, jv v, bool case_sensitive)
{
    static const mlci_text lower = { "lower", 5 };
    je_args args = { &v, NULL, 1, 1 };

    return v.type == JV_STRING && !case_sensitive
         ? mlci_jinja_find_filter(lower)(r, &args) : v;
}

/* Merge sort by keys: stable, n log n. */
static void jq_merge_sort(je_run *r, jv *keys, jv *items, jv *key_tmp, jv *item_tmp,
                          size_t n, bool reverse)
{
    size_t half = n / 2, i = 0, j = half, k = 0;

    if (n < 2 || r->failed)
        return;
    jq_merge_sort(r, keys, items, key_tmp, item_tmp, half, reverse);
    jq_merge_sort(r, keys + half, items + half, key_tmp, item_tmp, n - half, reverse);
    while (k < n && mlci_jinja_step(r)) {
        bool left = j == n;

        if (i < half && j < n) {
            int c = mlci_jv_order(r, keys[i], keys[j]);

            left = reverse ? c >= 0 : c <= 0;
        }
        key_tmp[k] = left ? keys[i] : keys[j];
        item_tmp[k++] = left ? items[i++] : items[j++];
    }
    memcpy(keys, key_tmp, k * sizeof *keys);
    memcpy(items, item_tmp, k * sizeof *items);
}

static jv jq_sorted(je_run *r, jv list, jv attr, bool case_sensitive, bool reverse)
{
    size_t n = list.u.list->n;
    jv out = mlci_jv_list(r, n);
    jv *keys = mlci_arena_new(r->arena, n, sizeof *keys);
    jv *tmp = mlci_arena_new(r->arena, n, 2 * sizeof *tmp);

    if (keys == NULL || tmp == NULL)
        return mlci_jinja_nomem(r);
    for (size_t i = 0; i < n && !r->failed; i++) {
        jv v = list.u.list->items[i];

        mlci_jv_append(r, out, v);
        if (attr.type != JV_NONE)
            v = mlci_jinja_attr_path(r, v, attr);
        keys[i] = jq_fold(r, v, case_sensitive);
    }
    if (!r->failed)
        jq_merge_sort(r, keys, out.u.list->items, tmp, tmp + n, n, reverse);
    return out;
}

static jv jq_sort(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]);
    bool reverse = mlci_jv_true(mlci_jinja_arg(a, 1, "reverse", jq_none));
    bool sensitive = mlci_jv_true(mlci_jinja_arg(a, 2, "case_sensitive", jq_none));
    jv attr = mlci_jinja_arg(a, 3, "attribute", jq_none);

    return r->failed ? l : jq_sorted(r, l, attr, sensitive, reverse);
}

static jv jq_dictsort(je_run *r, const je_args *a)
{
    bool sensitive = mlci_jv_true(mlci_jinja_arg(a, 1, "case_sensitive", jq_none));
    jv by = mlci_jinja_arg(a, 2, "by", mlci_jv_text("key", 3));
    bool reverse = mlci_jv_true(mlci_jinja_arg(a, 3, "reverse", jq_none));

    if (a->values[0].type != JV_DICT)
        return mlci_jinja_fail(r, "dictsort expects a mapping");
    return jq_sorted(r, jq_pairs(r, a->values[0]),
                     mlci_jv_int(mlci_jv_is(by, "value") ? 1 : 0), sensitive, reverse);
}

static jv jq_extreme(je_run *r, const je_args *a, int sign)
{
    jv l = mlci_jv_items(r, a->values[0]);
    bool sensitive = mlci_jv_true(mlci_jinja_arg(a, 1, "case_sensitive", jq_none));
    jv attr = mlci_jinja_arg(a, 2, "attribute", jq_none);
    jv best = jq_undefined, best_key = jq_undefined;

    for (size_t i = 0; !r->failed && i < l.u.list->n && mlci_jinja_step(r); i++) {
        jv v = l.u.list->items[i], key;

        key = jq_fold(r, attr.type != JV_NONE ? mlci_jinja_attr_path(r, v, attr) : v,
                      sensitive);
        if (i == 0 || mlci_jv_order(r, key, best_key) * sign > 0) {
            best = v;
            best_key = key;
        }
    }
    return best;
}

static jv jq_max(je_run *r, const je_args *a) { return jq_extreme(r, a, 1); }
static jv jq_min(je_run *r, const je_args *a) { return jq_extreme(r, a, -1); }

static jv jq_unique(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]), out = mlci_jv_list(r, 0);
    jv seen = mlci_jv_list(r, 0);
    bool sensitive = mlci_jv_true(mlci_jinja_arg(a, 1, "case_sensitive", jq_none));
    jv attr = mlci_jinja_arg(a, 2, "attribute", jq_none);

    for (size_t i = 0; !r->failed && i < l.u.list->n; i++) {
        jv v = l.u.list->items[i], key;
        size_t k = 0;

        key = jq_fold(r, attr.type != JV_NONE ? mlci_jinja_attr_path(r, v, attr) : v,
                      sensitive);
        while (k < seen.u.list->n && mlci_jinja_step(r)
               && !mlci_jv_equal(r, seen.u.list->items[k], key))
            k++;
        if (!r->failed && k == seen.u.list->n) {
            mlci_jv_append(r, seen, key);
            mlci_jv_append(r, out, v);
        }
    }
    return out;
}

static jv jq_sum(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]);
    jv attr = mlci_jinja_arg(a, 1, "attribute", jq_none);
    jv start = mlci_jinja_arg(a, 2, "start", mlci_jv_int(0));
    double total, d;
    bool ints = start.type == JV_INT;

    if (r->failed || !mlci_jv_number(start, &total))
        return mlci_jinja_fail(r, "sum expects numbers");
    for (size_t i = 0; i < l.u.list->n && mlci_jinja_step(r); i++) {
        jv v = l.u.list->items[i];

        if (attr.type != JV_NONE)
            v = mlci_jinja_attr_path(r, v, attr);
        if (!mlci_jv_number(v, &d))
            return mlci_jinja_fail(r, "sum expects numbers");
        ints = ints && v.type != JV_FLOAT;
        total += d;
    }
    return ints ? mlci_jv_int((int64_t)total) : mlci_jv_float(total);
}

/* ---- map and select ------------------------------------------------------------------- */

/* The arguments behind the first k, with v before them. */
static je_args jq_shift(je_run *r, const je_args *a, size_t k, jv v)
{
    je_args out = { NULL, NULL, 0, 1 };

    out.values = mlci_arena_new(r->arena, a->n + 1, sizeof *out.values);
    out.names = mlci_arena_new(r->arena, a->n + 1, sizeof *out.names);
    if (out.values == NULL || out.names == NULL) {
        mlci_jinja_nomem(r);
        return out;
    }
    out.values[out.n++] = v;
    for (size_t i = k; i < a->n; i++) {
        out.values[out.n] = a->values[i];
        out.names[out.n++] = a->names[i];
        out.n_positional += i < a->n_positional;
    }
    return out;
}

/* What map and select go through: nothing for None and other false values. */
static jv jq_source(je_run *r, jv v)
{
    return mlci_jv_true(v) ? mlci_jv_items(r, v) : mlci_jv_list(r, 0);
}

/* An empty list that stands for a generator: it can be looped over, but neither
 * measured nor written as JSON. */
static jv jq_generator(je_run *r)
{
    jv out = mlci_jv_list(r, 0);

    out.flavour = JV_GENERATOR;
    return out;
}

static jv jq_map(je_run *r, const je_args *a)
{
    jv l = jq_source(r, a->values[0]), out = jq_generator(r);
    jv attr = mlci_jinja_arg(a, SIZE_MAX, "attribute", jq_none);
    jv missing = mlci_jinja_arg(a, SIZE_MAX, "default", jq_undefined);
    jf_fn *fn = NULL;

    if (!r->failed && attr.type == JV_NONE) {
        mlci_text name = { "", 0 };

        if (a->n_positional > 1 && a->values[1].type == JV_STRING) {
            name.p = a->values[1].u.s;
            name.n = a->values[1].n;
        }
        fn = mlci_jinja_find_filter(name);
        if (fn == NULL)
            return mlci_jinja_fail(r, "map: no filter named '%.*s'",
                                   (int)mlci_min(name.n, 60), name.p);
    }
    for (size_t i = 0; !r->failed && i < l.u.list->n && mlci_jinja_step(r); i++) {
        jv v = l.u.list->items[i];

        if (fn != NULL) {
            je_args args = jq_shift(r, a, 2, v);

            v = r->failed ? v : fn(r, &args);
        } else {
            v = mlci_jinja_attr_path(r, v, attr);
            if (v.type == JV_UNDEFINED)
                v = missing;
        }
        mlci_jv_append(r, out, v);
    }
    return out;
}

/* select(test, args...), selectattr(name, test, args...) and their opposites. */
static jv jq_choose(je_run *r, const je_args *a, bool by_attr, bool keep)
{
    jv l = jq_source(r, a->values[0]), out = jq_generator(r);
    size_t at = by_attr ? 2 : 1;
    jf_fn *fn = NULL;

    if (by_attr && a->n_positional < 2)
        return mlci_jinja_fail(r, "missing attribute name");
    if (a->n_positional > at) {
        mlci_text name = { a->values[at].u.s, a->values[at].n };

        fn = a->values[at].type == JV_STRING ? mlci_jinja_find_test(name) : NULL;
        if (fn == NULL)
            return mlci_jinja_fail(r, "no such test");
    }
    for (size_t i = 0; !r->failed && i < l.u.list->n && mlci_jinja_step(r); i++) {
        jv v = l.u.list->items[i];
        jv x = by_attr ? mlci_jinja_attr_path(r, v, a->values[1]) : v;

        if (fn != NULL && !r->failed) {
            je_args args = jq_shift(r, a, at + 1, x);

            x = r->failed ? x : fn(r, &args);
        }
        if (!r->failed && mlci_jv_true(x) == keep)
            mlci_jv_append(r, out, v);
    }
    return out;
}

static jv jq_select(je_run *r, const je_args *a)     { return jq_choose(r, a, false, true); }
static jv jq_reject(je_run *r, const je_args *a)     { return jq_choose(r, a, false, false); }
static jv jq_selectattr(je_run *r, const je_args *a) { return jq_choose(r, a, true, true); }
static jv jq_rejectattr(je_run *r, const je_args *a) { return jq_choose(r, a, true, false); }

/* Tuples (key, items) by the value of an attribute, in its order. */
static jv jq_groupby(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]), out = mlci_jv_list(r, 0), group = out;
    jv attr = mlci_jinja_arg(a, 1, "attribute", jq_none), last = jq_undefined;

    if (r->failed)
        return l;
    l = jq_sorted(r, l, attr, false, false);
    for (size_t i = 0; !r->failed && i < l.u.list->n; i++) {
        jv key = mlci_jinja_attr_path(r, l.u.list->items[i], attr);

        if (i == 0 || !mlci_jv_equal(r, key, last)) {
            jv pair = mlci_jv_list(r, 2);

            group = mlci_jv_list(r, 0);
            pair.flavour = JV_TUPLE;
            mlci_jv_append(r, pair, key);
            mlci_jv_append(r, pair, group);
            mlci_jv_append(r, out, pair);
            last = key;
        }
        mlci_jv_append(r, group, l.u.list->items[i]);
    }
    return out;
}

static jv jq_batch(je_run *r, const je_args *a)
{
    jv l = mlci_jv_items(r, a->values[0]), out = mlci_jv_list(r, 0), row = out;
    jv n = mlci_jinja_arg(a, 1, "linecount", jq_none);
    jv fill = mlci_jinja_arg(a, 2, "fill_with", jq_none);

    if (n.type != JV_INT || n.u.i < 1)
        return mlci_jinja_fail(r, "batch expects a size");
    for (size_t i = 0; !r->failed && i < l.u.list->n; i++) {
        if ((int64_t)i % n.u.i == 0) {
            row = mlci_jv_list(r, 0);
            mlci_jv_append(r, out, row);
        }
        mlci_jv_append(r, row, l.u.list->items[i]);
    }
    while (fill.type != JV_NONE && !r->failed && l.u.list->n > 0
           && (int64_t)row.u.list->n < n.u.i && mlci_jinja_step(r))
        mlci_jv_append(r, row, fill);
    return out;
}

const jf_entry mlci_jinja_seq_filters[] = {
    { "batch", jq_batch }, { "dictsort", jq_dictsort }, { "first", jq_first },
    { "groupby", jq_groupby }, { "items", jq_items }, { "join", jq_join },
    { "last", jq_last }, { "list", jq_list }, { "map", jq_map }, { "max", jq_max },
    { "min", jq_min }, { "reject", jq_reject }, { "rejectattr", jq_rejectattr },
    { "reverse", jq_reverse }, { "select", jq_select }, { "selectattr", jq_selectattr },
    { "sort", jq_sort }, { "sum", jq_sum }, { "unique", jq_unique },
    { NULL, NULL },
};
