/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_filter.c - filters on single values and text, and the list of all
 * filters.  Those on sequences are in jinja_seq.c.
 */
#include "jinja.h"
#include "../base/number.h"
#include "../base/utf8.h"
#include "unicode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const jv jf_none = { .type = JV_NONE };
static const jv jf_undefined = { .type = JV_UNDEFINED };

bool mlci_jinja_is_space(int32_t cp)
{
    return (cp >= 0x1c && cp <= 0x1f) || (mlci_unicode_class(cp) & MLCI_CLASS_SPACE);
}

/* Call another filter or method by name on the same arguments: "trim" is
 * str.strip, and so on. */
static jv jf_method(je_run *r, const je_args *args, const char *name)
{
    mlci_text t = { name, strlen(name) };
    const jm_entry *e = mlci_jinja_find_method(JV_STRING, t);
    je_args copy = *args;
    jv *values = mlci_arena_new(r->arena, args->n, sizeof *values);

    if (values == NULL || e == NULL)
        return mlci_jinja_nomem(r);
    memcpy(values, args->values, args->n * sizeof *values);
    values[0] = mlci_jv_str(r, values[0]);  /* soft_str: None becomes "None" */
    copy.values = values;
    return r->failed ? values[0] : e->fn(r, &copy);
}

static jv jf_trim(je_run *r, const je_args *a)       { return jf_method(r, a, "strip"); }
static jv jf_upper(je_run *r, const je_args *a)      { return jf_method(r, a, "upper"); }
static jv jf_lower(je_run *r, const je_args *a)      { return jf_method(r, a, "lower"); }
static jv jf_title(je_run *r, const je_args *a)      { return jf_method(r, a, "title"); }
static jv jf_capitalize(je_run *r, const je_args *a) { return jf_method(r, a, "capitalize"); }
static jv jf_replace(je_run *r, const je_args *a)    { return jf_method(r, a, "replace"); }

static jv jf_tojson(je_run *r, const je_args *a)
{
    return mlci_jinja_tojson(r, a->values[0], a);
}

static jv jf_string(je_run *r, const je_args *a) { return mlci_jv_str(r, a->values[0]); }

static jv jf_safe(je_run *r, const je_args *a)
{
    jv s = mlci_jv_str(r, a->values[0]);

    s.flavour = JV_SAFE;
    return s;
}

static jv jf_length(je_run *r, const je_args *a)
{
    return mlci_jv_int((int64_t)mlci_jv_length(r, a->values[0]));
}

static jv jf_default(je_run *r, const je_args *a)
{
    bool falsy = mlci_jv_true(mlci_jinja_arg(a, 2, "boolean", jf_none));
    jv v = a->values[0];

    (void)r;
    if (v.type == JV_UNDEFINED || (falsy && !mlci_jv_true(v)))
        return mlci_jinja_arg(a, 1, "default_value", mlci_jv_text("", 0));
    return v;
}

static jv jf_int(je_run *r, const je_args *a)
{
    jv v = a->values[0], missing = mlci_jinja_arg(a, 1, "default", mlci_jv_int(0));
    size_t from = 0;
    int64_t i;
    double d;

    (void)r;
    if (v.type == JV_STRING) {
        size_t n = v.n;

        while (from < n && mlci_jinja_is_space((unsigned char)v.u.s[from]))
            from++;
        while (n > from && mlci_jinja_is_space((unsigned char)v.u.s[n - 1]))
            n--;
        if (mlci_read_int(v.u.s + from, n - from, &i))
            return mlci_jv_int(i);
        if (!mlci_read_double(v.u.s + from, n - from, &d))
            return missing;
    } else if (v.type == JV_INT) {
        return v;
    } else if (!mlci_jv_number(v, &d)) {
        return missing;
    }
    return fabs(d) < 9e18 ? mlci_jv_int((int64_t)d) : missing;
}

static jv jf_float(je_run *r, const je_args *a)
{
    jv v = a->values[0];
    double d;

    (void)r;
    if (mlci_jv_number(v, &d)
        || (v.type == JV_STRING && mlci_read_double(v.u.s, v.n, &d)))
        return mlci_jv_float(d);
    return mlci_jinja_arg(a, 1, "default", mlci_jv_float(0));
}

static jv jf_abs(je_run *r, const je_args *a)
{
    jv v = a->values[0];

    if (v.type == JV_INT && v.u.i != INT64_MIN)
        return mlci_jv_int(v.u.i < 0 ? -v.u.i : v.u.i);
    if (v.type == JV_FLOAT)
        return mlci_jv_float(fabs(v.u.f));
    return mlci_jinja_fail(r, "bad operand type for abs(): '%s'", mlci_jv_type_name(v));
}

static jv jf_round(je_run *r, const je_args *a)
{
    jv prec = mlci_jinja_arg(a, 1, "precision", mlci_jv_int(0));
    jv how = mlci_jinja_arg(a, 2, "method", mlci_jv_text("common", 6));
    double d, scale;

    if (!mlci_jv_number(a->values[0], &d) || prec.type != JV_INT)
        return mlci_jinja_fail(r, "round expects a number");
    if (a->values[0].type == JV_INT && mlci_jv_is(how, "common"))
        return a->values[0];
    scale = pow(10, (double)prec.u.i);
    if (mlci_jv_is(how, "ceil"))
        return mlci_jv_float(ceil(d * scale) / scale);
    if (mlci_jv_is(how, "floor"))
        return mlci_jv_float(floor(d * scale) / scale);
    return mlci_jv_float(nearbyint(d * scale) / scale);
}

/* Indents all lines but the first (first=True: that too); empty ones only with
 * blank=True. */
static jv jf_indent(je_run *r, const je_args *a)
{
    jv s = mlci_jv_str(r, a->values[0]);
    jv width = mlci_jinja_arg(a, 1, "width", mlci_jv_int(4));
    bool first = mlci_jv_true(mlci_jinja_arg(a, 2, "first", jf_none));
    bool blank = mlci_jv_true(mlci_jinja_arg(a, 3, "blank", jf_none));
    jv_builder b = { .r = r };
    size_t from = 0;

    for (size_t i = 0; i <= s.n && !r->failed; i++) {
        if (i < s.n && s.u.s[i] != '\n')
            continue;
        if ((from > 0 || first) && (i > from || blank)) {
            if (width.type == JV_STRING)
                mlci_jv_add(&b, width.u.s, width.n);
            else
                for (int64_t k = 0; width.type == JV_INT && k < width.u.i && k < 1000; k++)
                    mlci_jv_add_char(&b, ' ');
        }
        mlci_jv_add(&b, s.u.s + from, i - from + (i < s.n));
        from = i + 1;
    }
    return mlci_jv_built(&b);
}

jv mlci_jinja_escape(je_run *r, jv v)
{
    jv s = mlci_jv_str(r, v), out;
    jv_builder b = { .r = r };

    if (s.flavour == JV_SAFE)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        const char *e = s.u.s[i] == '&' ? "&amp;" : s.u.s[i] == '<' ? "&lt;"
                      : s.u.s[i] == '>' ? "&gt;" : s.u.s[i] == '"' ? "&#34;"
                      : s.u.s[i] == '\'' ? "&#39;" : NULL;

        if (e != NULL)
            mlci_jv_add_text(&b, e);
        else
            mlci_jv_add_char(&b, s.u.s[i]);
    }
    out = mlci_jv_built(&b);
    out.flavour = JV_SAFE;
    return out;
}

static jv jf_escape(je_run *r, const je_args *a)
{
    return mlci_jinja_escape(r, a->values[0]);
}

static jv jf_wordcount(je_run *r, const je_args *a)
{
    jv s = mlci_jv_str(r, a->values[0]);
    int64_t n = 0;
    bool inside = false;

    for (size_t i = 0; i < s.n; ) {
        int32_t cp;
        bool word;

        i += mlci_utf8_read(s.u.s + i, s.n - i, &cp);
        word = cp == '_' || (mlci_unicode_class(cp) & (MLCI_CLASS_L | MLCI_CLASS_N));
        n += word && !inside;
        inside = word;
    }
    return mlci_jv_int(n);
}

static jv jf_attr(je_run *r, const je_args *a)
{
    jv name = mlci_jinja_arg(a, 1, "name", jf_undefined);
    mlci_text t = { name.u.s, name.n };

    if (name.type != JV_STRING)
        return mlci_jinja_fail(r, "attr expects a name");
    /* Attributes only: an item of a dict is none. */
    return a->values[0].type == JV_DICT ? jf_undefined
         : mlci_jinja_attr(r, a->values[0], t);
}

/* "%s" % ...: the conversions s, d, i, f and %. */
static jv jf_format(je_run *r, const je_args *a)
{
    jv s = mlci_jv_str(r, a->values[0]), text;
    jv_builder b = { .r = r };
    size_t next = 1;
    char num[64];
    double d;

    for (size_t i = 0; i < s.n && !r->failed; i++) {
        char c = s.u.s[i];

        if (c != '%' || i + 1 == s.n) {
            mlci_jv_add_char(&b, c);
            continue;
        }
        c = s.u.s[++i];
        if (c == '%') {
            mlci_jv_add_char(&b, '%');
            continue;
        }
        if (next >= a->n_positional)
            return mlci_jinja_fail(r, "not enough arguments for format string");
        if (c == 's') {
            text = mlci_jv_str(r, a->values[next++]);
            mlci_jv_add(&b, text.u.s, r->failed ? 0 : text.n);
        } else if ((c == 'd' || c == 'i' || c == 'f')
                   && mlci_jv_number(a->values[next], &d)) {
            snprintf(num, sizeof num, c == 'f' ? "%f" : "%.0f", c == 'f' ? d : trunc(d));
            mlci_jv_add_text(&b, num);
            next++;
        } else {
            return mlci_jinja_fail(r, "unsupported format character '%c'", c);
        }
    }
    return mlci_jv_built(&b);
}

static const jf_entry jf_table[] = {
    { "abs", jf_abs }, { "attr", jf_attr }, { "capitalize", jf_capitalize },
    { "count", jf_length }, { "d", jf_default }, { "default", jf_default },
    { "e", jf_escape }, { "escape", jf_escape }, { "float", jf_float },
    { "format", jf_format }, { "indent", jf_indent }, { "int", jf_int },
    { "length", jf_length }, { "lower", jf_lower }, { "replace", jf_replace },
    { "round", jf_round }, { "safe", jf_safe }, { "string", jf_string },
    { "title", jf_title }, { "tojson", jf_tojson }, { "trim", jf_trim },
    { "upper", jf_upper }, { "wordcount", jf_wordcount },
};

jf_fn *mlci_jinja_find_filter(mlci_text name)
{
    for (size_t i = 0; i < sizeof jf_table / sizeof *jf_table; i++)
        if (mlci_text_is(name, jf_table[i].name))
            return jf_table[i].fn;
    for (const jf_entry *e = mlci_jinja_seq_filters; e->name != NULL; e++)
        if (mlci_text_is(name, e->name))
            return e->fn;
    return NULL;
}
