/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_call.c - calling macros, methods and the global functions.
 */
#include "jinja.h"
#include "../base/os.h"

#include <stdio.h>
#include <string.h>

enum {
    JC_MAX_RANGE = 100000   /* of jinja2/sandbox.py                           */
};

/* ---- arguments ------------------------------------------------------------------ */

je_args mlci_jinja_eval_args(je_run *r, const jn_node *list, const jv *first)
{
    je_args a = { NULL, NULL, 0, 0 };
    size_t n = first != NULL;

    for (const jn_node *i = list; i != NULL; i = i->next)
        n++;
    a.values = mlci_arena_new(r->arena, n, sizeof *a.values);
    a.names = mlci_arena_new(r->arena, n, sizeof *a.names);
    if (a.values == NULL || a.names == NULL) {
        mlci_jinja_nomem(r);
        return a;
    }
    if (first != NULL)
        a.values[a.n++] = *first;
    a.n_positional = a.n;
    for (const jn_node *i = list; i != NULL && !r->failed; i = i->next) {
        if (i->kind == JN_KEYWORD)
            a.names[a.n] = i->name;
        else if (a.n > a.n_positional)
            mlci_jinja_fail(r, "positional argument follows keyword argument");
        else
            a.n_positional++;
        a.values[a.n++] = mlci_jinja_eval(r, i->kind == JN_KEYWORD ? i->a : i);
    }
    return a;
}

jv mlci_jinja_arg(const je_args *args, size_t i, const char *name, jv missing)
{
    if (i < args->n_positional)
        return args->values[i];
    for (size_t k = args->n_positional; k < args->n; k++)
        if (mlci_text_is(args->names[k], name))
            return args->values[k];
    return missing;
}

/* ---- macros ----------------------------------------------------------------------- */

jv mlci_jinja_capture(je_run *r, const jn_node *body)
{
    je_output mine = { NULL, 0, 0 }, *outer = r->out;

    r->out = &mine;
    mlci_jinja_exec(r, body);
    r->out = outer;
    return mlci_jv_text(mine.n > 0 ? mine.data : "", mine.n);
}

/* Does the tree mention the variable? */
static bool jc_mentions(const jn_node *n, const char *name, int depth)
{
    for (; n != NULL && depth < 300; n = n->next)
        if ((n->kind == JN_NAME && mlci_text_is(n->name, name))
            || jc_mentions(n->a, name, depth + 1) || jc_mentions(n->b, name, depth + 1)
            || jc_mentions(n->c, name, depth + 1) || jc_mentions(n->list, name, depth + 1))
            return true;
    return false;
}

/* Arguments that no parameter takes go to varargs and kwargs, if the macro
 * mentions them. */
static void jc_rest(je_run *r, const jn_node *macro, const je_args *args,
                    size_t n_params, const bool *used)
{
    static const mlci_text var_name = { "varargs", 7 }, kw_name = { "kwargs", 6 };
    jv rest = mlci_jv_list(r, 0), named = mlci_jv_dict(r, 0);
    bool more = args->n_positional > n_params, more_named = false;

    rest.flavour = JV_TUPLE;
    for (size_t i = n_params; i < args->n_positional; i++)
        mlci_jv_append(r, rest, args->values[i]);
    for (size_t i = args->n_positional; i < args->n; i++)
        if (!used[i]) {
            more_named = true;
            mlci_jv_put(r, named, mlci_jv_text(args->names[i].p, args->names[i].n),
                        args->values[i]);
        }
    if (more && !jc_mentions(macro->list, "varargs", 0))
        mlci_jinja_fail(r, "macro '%.*s' takes not more than %zu argument(s)",
                        (int)mlci_min(macro->name.n, 60), macro->name.p, n_params);
    if (more_named && !jc_mentions(macro->list, "kwargs", 0))
        mlci_jinja_fail(r, "macro '%.*s' takes no such keyword argument",
                        (int)mlci_min(macro->name.n, 60), macro->name.p);
    mlci_jinja_set(r, var_name, rest);
    mlci_jinja_set(r, kw_name, named);
}

static void jc_bind(je_run *r, const jn_node *macro, const je_args *args)
{
    bool *used = mlci_arena_new(r->arena, args->n, sizeof *used);
    size_t i = 0;

    if (used == NULL) {
        mlci_jinja_nomem(r);
        return;
    }
    for (const jn_node *p = macro->a; p != NULL && !r->failed; p = p->next, i++) {
        jv v = { .type = JV_UNDEFINED };
        bool given = i < args->n_positional;

        if (given)
            v = args->values[i];
        for (size_t k = args->n_positional; k < args->n; k++)
            if (args->names[k].n == p->name.n
                && memcmp(args->names[k].p, p->name.p, p->name.n) == 0) {
                if (given)
                    mlci_jinja_fail(r, "macro argument given twice");
                v = args->values[k];
                given = used[k] = true;
            }
        if (!given && p->a != NULL)
            v = mlci_jinja_eval(r, p->a);
        mlci_jinja_set(r, p->name, v);
    }
    jc_rest(r, macro, args, i, used);
}

static jv jc_macro(je_run *r, const jv_macro *m, const je_args *args, const jv *caller)
{
    static const mlci_text caller_name = { "caller", 6 };
    je_scope *outer = r->scope;
    jv out;

    r->scope = m->scope;
    r->scope = mlci_jinja_push(r);
    if (caller != NULL)
        mlci_jinja_set(r, caller_name, *caller);
    jc_bind(r, m->node, args);
    out = mlci_jinja_capture(r, m->node->list);
    if (r->flow != JE_ON)  /* "break" cannot leave a macro */
        r->flow = JE_ON;
    r->scope = outer;
    return out;
}

/* ---- globals ------------------------------------------------------------------------ */

static jv jc_range(je_run *r, const je_args *args)
{
    int64_t v[3] = { 0, 0, 1 }, n;
    size_t k = args->n_positional;
    jv out = mlci_jv_list(r, 0);

    if (k < 1 || k > 3 || args->n != k)
        return mlci_jinja_fail(r, "range expects 1 to 3 arguments");
    for (size_t i = 0; i < k; i++) {
        if (args->values[i].type != JV_INT && args->values[i].type != JV_BOOL)
            return mlci_jinja_fail(r, "range: '%s' object cannot be interpreted as an "
                                   "integer", mlci_jv_type_name(args->values[i]));
        v[k == 1 ? 1 : i] = args->values[i].type == JV_INT ? args->values[i].u.i
                                                           : args->values[i].u.b;
    }
    if (v[2] == 0)
        return mlci_jinja_fail(r, "range step must not be zero");
    n = v[2] > 0 ? (v[1] > v[0] ? (v[1] - v[0] - 1) / v[2] + 1 : 0)
                 : (v[0] > v[1] ? (v[0] - v[1] - 1) / -v[2] + 1 : 0);
    if (n > JC_MAX_RANGE)
        return mlci_jinja_fail(r, "range too big: at most %d", JC_MAX_RANGE);
    for (int64_t i = 0; i < n; i++)
        mlci_jv_append(r, out, mlci_jv_int(v[0] + i * v[2]));
    return out;
}

/* dict(a=1), dict(other, a=1); namespace() takes the same. */
static jv jc_dict(je_run *r, const je_args *args)
{
    jv out = mlci_jv_dict(r, 0);

    if (args->n_positional > 1
        || (args->n_positional == 1 && args->values[0].type != JV_DICT
            && args->values[0].type != JV_NAMESPACE))
        return mlci_jinja_fail(r, "dict expects at most one mapping");
    if (args->n_positional == 1)
        for (size_t i = 0; i < args->values[0].u.dict->n; i++)
            mlci_jv_put(r, out, args->values[0].u.dict->keys[i],
                        args->values[0].u.dict->values[i]);
    for (size_t i = args->n_positional; i < args->n; i++)
        mlci_jv_put(r, out, mlci_jv_text(args->names[i].p, args->names[i].n),
                    args->values[i]);
    return out;
}

static jv jc_namespace(je_run *r, const je_args *args)
{
    jv out = jc_dict(r, args);

    if (!r->failed)
        out.type = JV_NAMESPACE;
    return out;
}

static jv jc_raise(je_run *r, const je_args *args)
{
    const jv none = { .type = JV_UNDEFINED };
    jv text = mlci_jv_str(r, mlci_jinja_arg(args, 0, "message", none));

    if (!r->failed) {
        r->failed = r->raised = true;
        r->status = mlci_fail(r->err, MLC_EINVAL, 0, "%.*s",
                              (int)mlci_min(text.n, 247), text.n > 0 ? text.u.s : "");
    }
    return text;
}

/* strftime in the C locale; "-" as in "%-d" drops the leading zero. */
static void jc_date_field(jv_builder *b, const mlci_date *d, char c, bool plain)
{
    static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday",
        "Thursday", "Friday", "Saturday" };
    static const char *const months[] = { "January", "February", "March", "April",
        "May", "June", "July", "August", "September", "October", "November",
        "December" };
    const char *day = days[d->weekday % 7], *month = months[(d->month + 11) % 12];
    int h12 = d->hour % 12 == 0 ? 12 : d->hour % 12;
    char text[64] = "";
    int v = -1, width = 2;

    switch (c) {
    case 'a': snprintf(text, sizeof text, "%.3s", day); break;
    case 'A': snprintf(text, sizeof text, "%s", day); break;
    case 'b': case 'h': snprintf(text, sizeof text, "%.3s", month); break;
    case 'B': snprintf(text, sizeof text, "%s", month); break;
    case 'c': snprintf(text, sizeof text, "%.3s %.3s %2d %02d:%02d:%02d %04d", day, month,
                       d->day, d->hour, d->minute, d->second, d->year); break;
    case 'D': case 'x': snprintf(text, sizeof text, "%02d/%02d/%02d", d->month, d->day,
                                 d->year % 100); break;
    case 'F': snprintf(text, sizeof text, "%04d-%02d-%02d", d->year, d->month, d->day);
        break;
    case 'T': case 'X': snprintf(text, sizeof text, "%02d:%02d:%02d", d->hour, d->minute,
                                 d->second); break;
    case 'R': snprintf(text, sizeof text, "%02d:%02d", d->hour, d->minute); break;
    case 'e': snprintf(text, sizeof text, "%2d", d->day); break;
    case 'p': snprintf(text, sizeof text, "%s", d->hour < 12 ? "AM" : "PM"); break;
    case 'n': snprintf(text, sizeof text, "\n"); break;
    case 't': snprintf(text, sizeof text, "\t"); break;
    case '%': snprintf(text, sizeof text, "%%"); break;
    case 'd': v = d->day; break;
    case 'H': v = d->hour; break;
    case 'I': v = h12; break;
    case 'm': v = d->month; break;
    case 'M': v = d->minute; break;
    case 'S': v = d->second; break;
    case 'y': v = d->year % 100; break;
    case 'Y': v = d->year; width = 4; break;
    case 'j': v = d->yearday + 1; width = 3; break;
    case 'w': v = d->weekday; width = 1; break;
    case 'u': v = d->weekday == 0 ? 7 : d->weekday; width = 1; break;
    default:  snprintf(text, sizeof text, "%%%c", c); break;
    }
    if (v >= 0)
        snprintf(text, sizeof text, "%0*d", plain ? 1 : width, v);
    mlci_jv_add_text(b, text);
}

static jv jc_strftime(je_run *r, const je_args *args)
{
    const jv none = { .type = JV_UNDEFINED };
    jv f = mlci_jinja_arg(args, 0, "format", none);
    jv_builder b = { .r = r };
    mlci_date d;

    if (f.type != JV_STRING)
        return mlci_jinja_fail(r, "strftime_now expects a format string");
    mlci_os_date(r->unix_time, &d);
    for (size_t i = 0; i < f.n; i++) {
        bool plain = false;

        if (f.u.s[i] != '%' || i + 1 == f.n) {
            mlci_jv_add_char(&b, f.u.s[i]);
            continue;
        }
        i++;
        if (f.u.s[i] == '-' && i + 1 < f.n) {
            plain = true;
            i++;
        }
        jc_date_field(&b, &d, f.u.s[i], plain);
    }
    return mlci_jv_built(&b);
}

static const struct { const char *name; jf_fn *fn; } jc_globals[] = {
    { "range", jc_range }, { "dict", jc_dict }, { "namespace", jc_namespace },
    { "raise_exception", jc_raise }, { "strftime_now", jc_strftime },
};

bool mlci_jinja_global(mlci_text name, jv *out)
{
    for (int i = 0; i < (int)(sizeof jc_globals / sizeof *jc_globals); i++)
        if (mlci_text_is(name, jc_globals[i].name)) {
            *out = (jv){ .type = JV_FUNCTION, .u.function = i };
            return true;
        }
    return false;
}

/* ---- calls ----------------------------------------------------------------------------- */

jv mlci_jinja_call(je_run *r, jv callee, const je_args *args, const jv *caller)
{
    switch (callee.type) {
    case JV_MACRO:
        return jc_macro(r, callee.u.macro, args, caller);
    case JV_FUNCTION:
        return jc_globals[callee.u.function].fn(r, args);
    case JV_METHOD: {
        je_args with = { NULL, NULL, args->n + 1, args->n_positional + 1 };

        with.values = mlci_arena_new(r->arena, with.n, sizeof *with.values);
        with.names = mlci_arena_new(r->arena, with.n, sizeof *with.names);
        if (with.values == NULL || with.names == NULL)
            return mlci_jinja_nomem(r);
        with.values[0] = callee.u.method->self;
        if (args->n > 0) {
            memcpy(with.values + 1, args->values, args->n * sizeof *with.values);
            memcpy(with.names + 1, args->names, args->n * sizeof *with.names);
        }
        return callee.u.method->entry->fn(r, &with);
    }
    case JV_UNDEFINED:
        return mlci_jinja_fail(r, "an undefined value is not callable");
    default:
        return mlci_jinja_fail(r, "'%s' object is not callable",
                               mlci_jv_type_name(callee));
    }
}
