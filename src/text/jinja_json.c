/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_json.c - JSON into template values, and the filter tojson: Python's
 * json.dumps with ensure_ascii, indent, separators and sort_keys.
 */
#include "jinja.h"
#include "../base/number.h"
#include "../base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

jv mlci_jv_from_json(je_run *r, const mlci_json *j)
{
    int64_t i;
    double d;
    jv v;

    switch (j->type) {
    case MLCI_JSON_NULL:   return mlci_jv_none();
    case MLCI_JSON_FALSE:  return mlci_jv_bool(false);
    case MLCI_JSON_TRUE:   return mlci_jv_bool(true);
    case MLCI_JSON_STRING: return mlci_jv_text(j->text, j->text_bytes);
    case MLCI_JSON_NUMBER:
        if (mlci_read_int(j->text, j->text_bytes, &i))
            return mlci_jv_int(i);
        return mlci_read_double(j->text, j->text_bytes, &d) ? mlci_jv_float(d)
                                                            : mlci_jv_none();
    case MLCI_JSON_ARRAY:
        v = mlci_jv_list(r, j->n_items);
        for (const mlci_json *m = j->items; m != NULL && !r->failed; m = m->next)
            mlci_jv_append(r, v, mlci_jv_from_json(r, m));
        return v;
    case MLCI_JSON_OBJECT:
        v = mlci_jv_dict(r, j->n_items);
        for (const mlci_json *m = j->items; m != NULL && !r->failed; m = m->next)
            mlci_jv_put(r, v, mlci_jv_text(m->key, m->key_bytes),
                        mlci_jv_from_json(r, m));
        return v;
    }
    return mlci_jv_none();
}

typedef struct jj_writer {
    jv_builder b;
    bool ascii, sort, indented;
    jv   indent;            /* one level, as text                            */
    jv   item_sep, key_sep;
} jj_writer;

static void jj_write(jj_writer *w, jv v, int level);

static void jj_string(jj_writer *w, jv s)
{
    char text[16];

    mlci_jv_add_char(&w->b, '"');
    for (size_t i = 0; i < s.n; ) {
        int32_t cp;
        size_t n = mlci_utf8_read(s.u.s + i, s.n - i, &cp);
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *at = cp > 0 && cp < 0x80 ? strchr(from, cp) : NULL;

        if (at != NULL) {
            mlci_jv_add_char(&w->b, '\\');
            mlci_jv_add_char(&w->b, to[at - from]);
        } else if ((cp >= 0 && cp < 0x20) || (w->ascii && (cp < 0 || cp > 0x7e))) {
            if (cp > 0xffff)  /* as UTF-16: two escapes */
                snprintf(text, sizeof text, "\\u%04x\\u%04x",
                         (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                         (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
            else
                snprintf(text, sizeof text, "\\u%04x",
                         (unsigned)(cp < 0 ? MLCI_REPLACEMENT : cp));
            mlci_jv_add_text(&w->b, text);
        } else {
            mlci_jv_add(&w->b, s.u.s + i, n);
        }
        i += n;
    }
    mlci_jv_add_char(&w->b, '"');
}

static void jj_float(jj_writer *w, double f)
{
    char text[MLCI_DOUBLE_CHARS];

    if (isnan(f))
        mlci_jv_add_text(&w->b, "NaN");
    else if (isinf(f))
        mlci_jv_add_text(&w->b, f < 0 ? "-Infinity" : "Infinity");
    else
        mlci_jv_add(&w->b, text, mlci_double_text(f, text));
}

static void jj_newline(jj_writer *w, int level)
{
    if (!w->indented)
        return;
    mlci_jv_add_char(&w->b, '\n');
    for (int i = 0; i < level; i++)
        mlci_jv_add(&w->b, w->indent.u.s, w->indent.n);
}

static void jj_items(jj_writer *w, const jv_list *l, int level)
{
    mlci_jv_add_char(&w->b, '[');
    for (size_t i = 0; i < l->n && mlci_jinja_step(w->b.r); i++) {
        if (i > 0)
            mlci_jv_add(&w->b, w->item_sep.u.s, w->item_sep.n);
        jj_newline(w, level + 1);
        jj_write(w, l->items[i], level + 1);
    }
    if (l->n > 0)
        jj_newline(w, level);
    mlci_jv_add_char(&w->b, ']');
}

/* The i-th key in order of text (selection by rank: objects are small). */
static size_t jj_sorted(const jj_writer *w, const jv_dict *d, size_t i)
{
    for (size_t k = 0; k < d->n; k++) {
        size_t rank = 0;

        for (size_t m = 0; m < d->n && mlci_jinja_step(w->b.r); m++)
            rank += mlci_jv_order(w->b.r, d->keys[m], d->keys[k]) < 0;
        if (rank == i)
            return k;
    }
    return i;
}

static void jj_key(jj_writer *w, jv key)
{
    jv_builder inner = { .r = w->b.r };
    jj_writer plain = *w;

    if (key.type == JV_STRING) {
        jj_string(w, key);
        return;
    }
    if (key.type != JV_NONE && key.type != JV_BOOL && key.type != JV_INT
        && key.type != JV_FLOAT) {
        mlci_jinja_fail(w->b.r, "keys must be str, int, float, bool or None");
        return;
    }
    plain.b = inner;
    jj_write(&plain, key, 0);
    jj_string(w, mlci_jv_built(&plain.b));
}

static void jj_members(jj_writer *w, const jv_dict *d, int level)
{
    mlci_jv_add_char(&w->b, '{');
    for (size_t i = 0; i < d->n && mlci_jinja_step(w->b.r); i++) {
        size_t k = w->sort ? jj_sorted(w, d, i) : i;

        if (i > 0)
            mlci_jv_add(&w->b, w->item_sep.u.s, w->item_sep.n);
        jj_newline(w, level + 1);
        jj_key(w, d->keys[k]);
        mlci_jv_add(&w->b, w->key_sep.u.s, w->key_sep.n);
        jj_write(w, d->values[k], level + 1);
    }
    if (d->n > 0)
        jj_newline(w, level);
    mlci_jv_add_char(&w->b, '}');
}

static void jj_write(jj_writer *w, jv v, int level)
{
    jv text;

    if (level > 100)
        mlci_jinja_fail(w->b.r, "value nested too deeply for tojson");
    if (w->b.r->failed)
        return;
    switch (v.type) {
    case JV_NONE:   mlci_jv_add_text(&w->b, "null"); break;
    case JV_BOOL:   mlci_jv_add_text(&w->b, v.u.b ? "true" : "false"); break;
    case JV_STRING: jj_string(w, v); break;
    case JV_FLOAT:  jj_float(w, v.u.f); break;
    case JV_DICT:   jj_members(w, v.u.dict, level); break;
    case JV_INT:
        text = mlci_jv_str(w->b.r, v);
        mlci_jv_add(&w->b, text.u.s, text.n);
        break;
    case JV_LIST:
        if (v.flavour != JV_GENERATOR) {
            jj_items(w, v.u.list, level);
            break;
        }
        /* fall through */
    default:
        mlci_jinja_fail(w->b.r, "Object of type %s is not JSON serializable",
                        mlci_jv_type_name(v));
    }
}

static jv jj_spaces(je_run *r, int64_t n)
{
    jv_builder b = { .r = r };

    for (int64_t i = 0; i < n && i < 100; i++)
        mlci_jv_add_char(&b, ' ');
    return mlci_jv_built(&b);
}

jv mlci_jinja_tojson(je_run *r, jv v, const je_args *args)
{
    const jv none = { .type = JV_NONE };
    jv indent = mlci_jinja_arg(args, 2, "indent", none);
    jv seps = mlci_jinja_arg(args, 3, "separators", none);
    jj_writer w = { .b = { .r = r } };

    w.ascii = mlci_jv_true(mlci_jinja_arg(args, 1, "ensure_ascii", none));
    w.sort = mlci_jv_true(mlci_jinja_arg(args, 4, "sort_keys", none));
    w.indented = indent.type == JV_INT || indent.type == JV_STRING;
    w.indent = indent.type == JV_STRING ? indent
             : jj_spaces(r, indent.type == JV_INT ? indent.u.i : 0);
    w.item_sep = mlci_jv_text(w.indented ? "," : ", ", w.indented ? 1 : 2);
    w.key_sep = mlci_jv_text(": ", 2);
    if (seps.type == JV_LIST && seps.u.list->n == 2
        && seps.u.list->items[0].type == JV_STRING
        && seps.u.list->items[1].type == JV_STRING) {
        w.item_sep = seps.u.list->items[0];
        w.key_sep = seps.u.list->items[1];
    }
    jj_write(&w, v, 0);
    return mlci_jv_built(&w.b);
}
