/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_eval.c - running a template's tree.
 *
 * Scopes: the template, a macro call, a loop's iteration, a with or filter
 * block each have one; if does not.  "set" writes to the innermost.
 */
#include "jinja.h"
#include "../base/os.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { JE_MAX_DEPTH = 400 };  /* of nested evaluation: about 300 KB of stack */

/* ---- errors and limits ------------------------------------------------------------ */

jv mlci_jinja_fail(je_run *r, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    if (!r->failed) {
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        r->failed = true;
        r->status = mlci_fail(r->err, MLC_EFORMAT, 0, "template line %u: %s", r->line,
                              text);
    }
    return (jv){ .type = JV_UNDEFINED };
}

jv mlci_jinja_nomem(je_run *r)
{
    if (!r->failed) {
        r->failed = true;
        r->status = mlci_fail(r->err, MLC_ENOMEM, 0, "template line %u: out of memory, "
                              "or over the limit of a rendering", r->line);
    }
    return (jv){ .type = JV_UNDEFINED };
}

bool mlci_jinja_step(je_run *r)
{
    if (r->steps > 0) {
        r->steps--;
    } else if (!r->failed) {
        r->failed = true;
        r->status = mlci_fail(r->err, MLC_ENOMEM, 0,
                              "template line %u: too many steps", r->line);
    }
    return !r->failed;
}

/* ---- scopes and output --------------------------------------------------------------- */

je_scope *mlci_jinja_push(je_run *r)
{
    je_scope *s = mlci_arena_new(r->arena, 1, sizeof *s);

    if (s == NULL) {
        mlci_jinja_nomem(r);
        return r->scope;
    }
    s->parent = r->scope;
    return s;
}

static struct je_var *je_find(je_scope *s, mlci_text name)
{
    for (struct je_var *v = s->vars; v != NULL; v = v->next)
        if (v->name.n == name.n && memcmp(v->name.p, name.p, name.n) == 0)
            return v;
    return NULL;
}

void mlci_jinja_set(je_run *r, mlci_text name, jv value)
{
    struct je_var *v = je_find(r->scope, name);

    if (v == NULL) {
        v = mlci_arena_new(r->arena, 1, sizeof *v);
        if (v == NULL) {
            mlci_jinja_nomem(r);
            return;
        }
        v->name = name;
        v->next = r->scope->vars;
        r->scope->vars = v;
    }
    v->value = value;
}

static jv je_name(je_run *r, mlci_text name)
{
    jv v = { .type = JV_UNDEFINED };

    for (je_scope *s = r->scope; s != NULL; s = s->parent) {
        struct je_var *var = je_find(s, name);

        if (var != NULL)
            return var->value;
    }
    (void)mlci_jinja_global(name, &v);
    return v;
}

void mlci_jinja_write(je_run *r, const char *s, size_t n)
{
    je_output *o = r->out;

    if (r->failed || n == 0)
        return;
    if (n > o->cap - o->n) {
        size_t cap = o->cap < 512 ? 1024 : o->cap * 2;
        char *p;

        while (cap < o->n + n + 1)
            cap *= 2;
        p = mlci_arena_new(r->arena, cap, 1);
        if (p == NULL) {
            mlci_jinja_nomem(r);
            return;
        }
        if (o->n > 0)
            memcpy(p, o->data, o->n);
        o->data = p;
        o->cap = cap;
    }
    memcpy(o->data + o->n, s, n);
    o->n += n;
}

/* ---- arithmetic ------------------------------------------------------------------------ */

static jv je_overflow(je_run *r)
{
    return mlci_jinja_fail(r, "integer too large");
}

static jv je_int_op(je_run *r, jo_op op, int64_t a, int64_t b)
{
    bool neg = a < 0, over;
    uint64_t m;
    int64_t q;

    switch (op) {
    case JO_ADD:
        over = b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b;
        return over ? je_overflow(r) : mlci_jv_int(a + b);
    case JO_SUB:
        over = b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b;
        return over ? je_overflow(r) : mlci_jv_int(a - b);
    case JO_MUL:
        m = (uint64_t)(a < 0 ? -(uint64_t)a : (uint64_t)a);
        if (b != 0 && m > (uint64_t)INT64_MAX / (uint64_t)(b < 0 ? -(uint64_t)b
                                                                  : (uint64_t)b))
            return je_overflow(r);
        return mlci_jv_int(a * b);
    case JO_DIV:
        return b == 0 ? mlci_jinja_fail(r, "division by zero")
                      : mlci_jv_float((double)a / (double)b);
    case JO_FLOORDIV: case JO_MOD:
        if (b == 0 || (b == -1 && a == INT64_MIN))
            return mlci_jinja_fail(r, "division by zero");
        q = a / b - ((a % b != 0) && (neg != (b < 0)));
        return mlci_jv_int(op == JO_MOD ? a - q * b : q);
    default:
        break;
    }
    /* JO_POW */
    if (b < 0)
        return mlci_jv_float(pow((double)a, (double)b));
    for (q = 1; b > 0; b--) {
        jv v = je_int_op(r, JO_MUL, q, a);

        if (r->failed)
            return v;
        q = v.u.i;
        if (q == 0 || q == 1)
            break;
        if (!mlci_jinja_step(r))
            break;
    }
    return mlci_jv_int(q);
}

static jv je_float_op(je_run *r, jo_op op, double a, double b)
{
    if ((op == JO_DIV || op == JO_FLOORDIV || op == JO_MOD) && b == 0)
        return mlci_jinja_fail(r, "division by zero");
    switch (op) {
    case JO_ADD:      return mlci_jv_float(a + b);
    case JO_SUB:      return mlci_jv_float(a - b);
    case JO_MUL:      return mlci_jv_float(a * b);
    case JO_DIV:      return mlci_jv_float(a / b);
    case JO_FLOORDIV: return mlci_jv_float(floor(a / b));
    case JO_MOD:      return mlci_jv_float(a - floor(a / b) * b);
    default:          return mlci_jv_float(pow(a, b));
    }
}

/* str * int and list * int. */
static jv je_repeat(je_run *r, jv v, int64_t times)
{
    jv_builder b = { .r = r };
    jv out;

    if (v.type == JV_STRING) {
        for (int64_t i = 0; i < times && v.n > 0 && mlci_jinja_step(r); i++)
            mlci_jv_add(&b, v.u.s, v.n);
        return mlci_jv_built(&b);
    }
    out = mlci_jv_list(r, 0);
    for (int64_t i = 0; i < times && !r->failed; i++)
        for (size_t k = 0; k < v.u.list->n && mlci_jinja_step(r); k++)
            mlci_jv_append(r, out, v.u.list->items[k]);
    return out;
}

static jv je_join(je_run *r, jv a, jv b)
{
    jv out;

    if (a.type == JV_STRING) {
        jv_builder text = { .r = r };
        bool safe = a.flavour == JV_SAFE || b.flavour == JV_SAFE;

        if (safe) {
            a = mlci_jinja_escape(r, a);
            b = mlci_jinja_escape(r, b);
        }
        mlci_jv_add(&text, a.u.s, a.n);
        mlci_jv_add(&text, b.u.s, b.n);
        out = mlci_jv_built(&text);
        out.flavour = safe ? JV_SAFE : JV_PLAIN;
        return out;
    }
    out = mlci_jv_list(r, a.u.list->n + b.u.list->n);
    out.flavour = a.flavour;
    for (size_t i = 0; i < a.u.list->n && mlci_jinja_step(r); i++)
        mlci_jv_append(r, out, a.u.list->items[i]);
    for (size_t i = 0; i < b.u.list->n && mlci_jinja_step(r); i++)
        mlci_jv_append(r, out, b.u.list->items[i]);
    return out;
}

static jv je_binary(je_run *r, jo_op op, jv a, jv b)
{
    double x, y;
    bool ints = (a.type == JV_INT || a.type == JV_BOOL)
             && (b.type == JV_INT || b.type == JV_BOOL);

    if (r->failed)
        return a;
    if (ints)
        return je_int_op(r, op, a.type == JV_BOOL ? a.u.b : a.u.i,
                         b.type == JV_BOOL ? b.u.b : b.u.i);
    if (mlci_jv_number(a, &x) && mlci_jv_number(b, &y))
        return je_float_op(r, op, x, y);
    if (op == JO_ADD && a.type == b.type
        && (a.type == JV_STRING || (a.type == JV_LIST && a.flavour == b.flavour)))
        return je_join(r, a, b);
    if (op == JO_MUL && (a.type == JV_STRING || a.type == JV_LIST) && b.type == JV_INT)
        return je_repeat(r, a, b.u.i);
    if (op == JO_MUL && (b.type == JV_STRING || b.type == JV_LIST) && a.type == JV_INT)
        return je_repeat(r, b, a.u.i);
    return mlci_jinja_fail(r, "unsupported operand types: '%s' and '%s'",
                           mlci_jv_type_name(a), mlci_jv_type_name(b));
}

static bool je_contains(je_run *r, jv needle, jv v)
{
    jv dummy;

    switch (v.type) {
    case JV_UNDEFINED:
        return false;
    case JV_STRING:
        if (needle.type != JV_STRING) {
            mlci_jinja_fail(r, "'in <string>' requires string as left operand");
            return false;
        }
        for (size_t i = 0; needle.n <= v.n && i <= v.n - needle.n; i++)
            if (needle.n == 0 || memcmp(v.u.s + i, needle.u.s, needle.n) == 0)
                return true;
        return false;
    case JV_LIST:
        for (size_t i = 0; i < v.u.list->n && mlci_jinja_step(r); i++)
            if (mlci_jv_equal(r, v.u.list->items[i], needle))
                return true;
        return false;
    case JV_DICT:
        return mlci_jv_get(r, v, needle, &dummy);
    default:
        mlci_jinja_fail(r, "argument of type '%s' is not iterable", mlci_jv_type_name(v));
        return false;
    }
}

static bool je_compare(je_run *r, jo_op op, jv a, jv b)
{
    switch (op) {
    case JO_EQ: return mlci_jv_equal(r, a, b);
    case JO_NE: return !mlci_jv_equal(r, a, b);
    case JO_LT: return mlci_jv_order(r, a, b) < 0;
    case JO_LE: return mlci_jv_order(r, a, b) <= 0;
    case JO_GT: return mlci_jv_order(r, a, b) > 0;
    case JO_GE: return mlci_jv_order(r, a, b) >= 0;
    case JO_IN: return je_contains(r, a, b);
    default:    return !je_contains(r, a, b);
    }
}

/* ---- expressions ------------------------------------------------------------------------ */

static jv je_items(je_run *r, const jn_node *n)
{
    jv out = mlci_jv_list(r, 0);

    for (const jn_node *i = n->list; i != NULL && !r->failed; i = i->next)
        mlci_jv_append(r, out, mlci_jinja_eval(r, i));
    out.flavour = n->kind == JN_TUPLE ? JV_TUPLE : JV_PLAIN;
    return out;
}

static jv je_pairs(je_run *r, const jn_node *n)
{
    jv out = mlci_jv_dict(r, 0);

    for (const jn_node *i = n->list; i != NULL && !r->failed; i = i->next) {
        jv key = mlci_jinja_eval(r, i->a);

        mlci_jv_put(r, out, key, mlci_jinja_eval(r, i->b));
    }
    return out;
}

static jv je_chain(je_run *r, const jn_node *n)
{
    jv a = mlci_jinja_eval(r, n->a);

    for (const jn_node *c = n->list; c != NULL && !r->failed; c = c->next) {
        jv b = mlci_jinja_eval(r, c->a);

        if (r->failed || !je_compare(r, c->op, a, b))
            return mlci_jv_bool(false);
        a = b;
    }
    return mlci_jv_bool(true);
}

static jv je_filter(je_run *r, const jn_node *n, const jv *first)
{
    jf_fn *fn = mlci_jinja_find_filter(n->name);
    jv v = first != NULL ? *first : mlci_jinja_eval(r, n->a);
    je_args args;

    r->line = n->line;
    if (fn == NULL)
        return mlci_jinja_fail(r, "no filter named '%.*s'",
                               (int)mlci_min(n->name.n, 60), n->name.p);
    args = mlci_jinja_eval_args(r, n->list, &v);
    return r->failed ? v : fn(r, &args);
}

static jv je_test(je_run *r, const jn_node *n)
{
    jf_fn *fn = mlci_jinja_find_test(n->name);
    jv v = mlci_jinja_eval(r, n->a);
    je_args args;

    if (fn == NULL)
        return mlci_jinja_fail(r, "no test named '%.*s'",
                               (int)mlci_min(n->name.n, 60), n->name.p);
    args = mlci_jinja_eval_args(r, n->list, &v);
    return r->failed ? v : fn(r, &args);
}

static jv je_sign(je_run *r, jv v, bool negative)
{
    switch (v.type) {
    case JV_BOOL:  return mlci_jv_int(negative ? -(int64_t)v.u.b : v.u.b);
    case JV_INT:   return negative ? je_int_op(r, JO_SUB, 0, v.u.i) : v;
    case JV_FLOAT: return mlci_jv_float(negative ? -v.u.f : v.u.f);
    default:
        return mlci_jinja_fail(r, "bad operand type for a sign: '%s'",
                               mlci_jv_type_name(v));
    }
}

static jv je_optional(je_run *r, const jn_node *n)
{
    return n == NULL ? (jv){ .type = JV_UNDEFINED } : mlci_jinja_eval(r, n);
}

/* "~" joins the texts as they are: only "+" is Python's and escapes. */
static jv je_concat(je_run *r, const jn_node *n)
{
    jv a = mlci_jv_str(r, mlci_jinja_eval(r, n->a));
    jv b = mlci_jv_str(r, mlci_jinja_eval(r, n->b));

    a.flavour = b.flavour = JV_PLAIN;
    return r->failed ? a : je_join(r, a, b);
}

static jv je_expr(je_run *r, const jn_node *n)
{
    jv a, b, c;

    switch (n->kind) {
    case JN_CONST: return *n->value;
    case JN_NAME:  return je_name(r, n->name);
    case JN_LIST: case JN_TUPLE: return je_items(r, n);
    case JN_DICT:  return je_pairs(r, n);
    case JN_ATTR:  a = mlci_jinja_eval(r, n->a);
        r->line = n->line;
        return r->failed ? a : mlci_jinja_attr(r, a, n->name);
    case JN_INDEX:
        a = mlci_jinja_eval(r, n->a);
        b = mlci_jinja_eval(r, n->b);
        r->line = n->line;
        return r->failed ? a : mlci_jinja_index(r, a, b);
    case JN_SLICE:
        a = mlci_jinja_eval(r, n->a);
        b = je_optional(r, n->b);
        c = je_optional(r, n->c);
        return r->failed ? a : mlci_jinja_slice(r, a, b, c, je_optional(r, n->list));
    case JN_CALL: {
        je_args args;

        a = mlci_jinja_eval(r, n->a);
        args = mlci_jinja_eval_args(r, n->list, NULL);
        r->line = n->line;
        return r->failed ? a : mlci_jinja_call(r, a, &args, NULL);
    }
    case JN_FILTER: return je_filter(r, n, NULL);
    case JN_TEST:   return je_test(r, n);
    case JN_NOT:    return mlci_jv_bool(!mlci_jv_true(mlci_jinja_eval(r, n->a)));
    case JN_NEG: case JN_POS:
        return je_sign(r, mlci_jinja_eval(r, n->a), n->kind == JN_NEG);
    case JN_AND:
        a = mlci_jinja_eval(r, n->a);
        return mlci_jv_true(a) ? mlci_jinja_eval(r, n->b) : a;
    case JN_OR:
        a = mlci_jinja_eval(r, n->a);
        return mlci_jv_true(a) ? a : mlci_jinja_eval(r, n->b);
    case JN_COND:
        return mlci_jv_true(mlci_jinja_eval(r, n->a)) ? mlci_jinja_eval(r, n->b)
                                                      : je_optional(r, n->c);
    case JN_BINARY:
        a = mlci_jinja_eval(r, n->a);
        b = mlci_jinja_eval(r, n->b);
        r->line = n->line;
        return je_binary(r, n->op, a, b);
    case JN_CONCAT:  return je_concat(r, n);
    case JN_COMPARE: return je_chain(r, n);
    default:
        return mlci_jinja_fail(r, "not an expression");
    }
}

jv mlci_jinja_eval(je_run *r, const jn_node *n)
{
    jv v = { .type = JV_UNDEFINED };

    if (!mlci_jinja_step(r))
        return v;
    if (++r->depth > JE_MAX_DEPTH)
        mlci_jinja_fail(r, "recursion too deep");
    else
        v = je_expr(r, n);
    r->depth--;
    return v;
}

/* ---- statements --------------------------------------------------------------------------- */

static void je_assign(je_run *r, const jn_node *target, jv value)
{
    jv items;
    size_t i = 0;

    if (r->failed)
        return;
    if (target->kind == JN_NAME) {
        mlci_jinja_set(r, target->name, value);
        return;
    }
    if (target->kind == JN_ATTR) {
        jv ns = mlci_jinja_eval(r, target->a);

        if (ns.type != JV_NAMESPACE)
            mlci_jinja_fail(r, "cannot assign attribute on non-namespace object");
        else
            mlci_jv_put(r, ns, mlci_jv_text(target->name.p, target->name.n), value);
        return;
    }
    items = mlci_jv_items(r, value);
    for (const jn_node *t = target->list; t != NULL && !r->failed; t = t->next, i++) {
        if (i >= items.u.list->n)
            mlci_jinja_fail(r, "not enough values to unpack");
        else
            mlci_jinja_set(r, t->name, items.u.list->items[i]);
    }
    if (!r->failed && i < items.u.list->n)
        mlci_jinja_fail(r, "too many values to unpack");
}

/* The items that pass "for ... if". */
static jv je_loop_items(je_run *r, const jn_node *n, const jn_node *target)
{
    jv all = mlci_jv_items(r, mlci_jinja_eval(r, n->b)), out;
    je_scope *outer = r->scope;

    if (r->failed || n->c == NULL)
        return all;
    out = mlci_jv_list(r, 0);
    for (size_t i = 0; i < all.u.list->n && !r->failed; i++) {
        r->scope = mlci_jinja_push(r);
        je_assign(r, target, all.u.list->items[i]);
        if (mlci_jv_true(mlci_jinja_eval(r, n->c)))
            mlci_jv_append(r, out, all.u.list->items[i]);
        r->scope = outer;
    }
    return out;
}

static void je_for(je_run *r, const jn_node *n)
{
    static const mlci_text loop_name = { "loop", 4 };
    const jn_node *target = n->a->kind == JN_IF ? n->a->a : n->a;
    const jn_node *other = n->a->kind == JN_IF ? n->a->list : NULL;
    jv items = je_loop_items(r, n, target), loop = { .type = JV_LOOP };
    je_scope *outer = r->scope;

    if (r->failed)
        return;
    loop.u.loop = mlci_arena_new(r->arena, 1, sizeof *loop.u.loop);
    if (loop.u.loop == NULL) {
        mlci_jinja_nomem(r);
        return;
    }
    loop.u.loop->items = items.u.list;
    for (size_t i = 0; i < items.u.list->n && !r->failed; i++) {
        loop.u.loop->i = i;
        r->scope = mlci_jinja_push(r);
        mlci_jinja_set(r, loop_name, loop);
        je_assign(r, target, items.u.list->items[i]);
        mlci_jinja_exec(r, n->list);
        r->scope = outer;
        if (r->flow == JE_BREAK)
            break;
        r->flow = JE_ON;
    }
    r->flow = JE_ON;
    if (items.u.list->n == 0 && other != NULL) {
        r->scope = mlci_jinja_push(r);
        mlci_jinja_exec(r, other);
        r->scope = outer;
    }
}

/* Filters on a text: the innermost node's operand is the text itself. */
static jv je_filter_chain(je_run *r, const jn_node *n, jv text)
{
    jv v = n->a != NULL ? je_filter_chain(r, n->a, text) : text;

    return r->failed || n->kind != JN_FILTER ? v : je_filter(r, n, &v);
}

static void je_define(je_run *r, const jn_node *n)
{
    jv v = { .type = JV_MACRO };

    v.u.macro = mlci_arena_new(r->arena, 1, sizeof *v.u.macro);
    if (v.u.macro == NULL) {
        mlci_jinja_nomem(r);
        return;
    }
    v.u.macro->node = n;
    v.u.macro->scope = r->scope;
    if (n->kind == JN_MACRO) {
        mlci_jinja_set(r, n->name, v);
    } else {  /* JN_CALL_BLOCK: the body is a macro that the callee may call */
        je_args args;
        jv callee = mlci_jinja_eval(r, n->b->a), text;

        args = mlci_jinja_eval_args(r, n->b->list, NULL);
        if (r->failed)
            return;
        text = mlci_jv_str(r, mlci_jinja_call(r, callee, &args, &v));
        mlci_jinja_write(r, text.u.s, text.n);
    }
}

static void je_with(je_run *r, const jn_node *n)
{
    je_scope *outer = r->scope, *inner = mlci_jinja_push(r);

    for (const jn_node *s = n->a; s != NULL && !r->failed; s = s->next) {
        jv v = mlci_jinja_eval(r, s->b);  /* in the outer scope */

        r->scope = inner;
        je_assign(r, s->a, v);
        r->scope = outer;
    }
    if (n->a != NULL)
        r->scope = inner;
    mlci_jinja_exec(r, n->list);
    r->scope = outer;
}

static void je_statement(je_run *r, const jn_node *n)
{
    jv v;

    r->line = n->line;
    switch (n->kind) {
    case JN_DATA:
        mlci_jinja_write(r, n->name.p, n->name.n);
        break;
    case JN_OUTPUT:
        v = mlci_jv_str(r, mlci_jinja_eval(r, n->a));
        mlci_jinja_write(r, v.u.s, r->failed ? 0 : v.n);
        break;
    case JN_IF:
        while (n != NULL && n->kind == JN_IF && n->a != NULL) {
            if (mlci_jv_true(mlci_jinja_eval(r, n->a))) {
                mlci_jinja_exec(r, n->list);
                return;
            }
            if (r->failed)
                return;
            if (n->b == NULL || n->b->kind != JN_IF || n->b->next != NULL) {
                mlci_jinja_exec(r, n->b);
                return;
            }
            n = n->b;
        }
        break;
    case JN_FOR:
        je_for(r, n);
        break;
    case JN_SET:
        v = mlci_jinja_eval(r, n->b);
        je_assign(r, n->a, v);
        break;
    case JN_SET_BLOCK:
        v = mlci_jinja_capture(r, n->list);
        if (n->b != NULL)
            v = je_filter_chain(r, n->b, v);
        je_assign(r, n->a, v);
        break;
    case JN_FILTER_BLOCK:
        v = mlci_jv_str(r, je_filter_chain(r, n->b, mlci_jinja_capture(r, n->list)));
        mlci_jinja_write(r, v.u.s, r->failed ? 0 : v.n);
        break;
    case JN_MACRO: case JN_CALL_BLOCK:
        je_define(r, n);
        break;
    case JN_WITH:
        je_with(r, n);
        break;
    case JN_BREAK:
        r->flow = JE_BREAK;
        break;
    case JN_CONTINUE:
        r->flow = JE_CONTINUE;
        break;
    default:
        mlci_jinja_fail(r, "not a statement");
    }
}

void mlci_jinja_exec(je_run *r, const jn_node *list)
{
    if (++r->depth > JE_MAX_DEPTH)
        mlci_jinja_fail(r, "recursion too deep");
    for (; list != NULL && r->flow == JE_ON && mlci_jinja_step(r); list = list->next)
        je_statement(r, list);
    r->depth--;
}
