/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_expr.c - expressions, by recursive descent in the order of binding of
 * jinja2/parser.py:
 *
 *   a if b else c  <  or  <  and  <  not  <  == != < <= > >= in, not in
 *   <  + -  <  ~  <  * / // %  <  **  <  unary - +  <  . [] ()  and  | is
 *
 * (Filters and tests bind tighter than the binary operators, looser than a sign.)
 */
#include "jinja.h"

#include <string.h>

enum { JX_MAX_DEPTH = 200 };

static jn_node *jx_or(jp_parser *p);
static jn_node *jx_unary(jp_parser *p, bool with_filters);

/* ---- tokens ---------------------------------------------------------------------- */

void mlci_jinja_syntax(jp_parser *p, const char *what)
{
    if (!p->failed)
        mlci_fail(p->err, MLC_EFORMAT, 0, "template line %u: %s, found \"%.*s\"",
                  p->t->line, what, (int)mlci_min(p->t->text.n, 40), p->t->text.p);
    p->failed = true;
}

static void jx_next(jp_parser *p)
{
    if (p->t->kind != JT_END)
        p->t++;
}

bool mlci_jinja_is_op(const jp_parser *p, const char *op)
{
    return !p->failed && p->t->kind == JT_OP && mlci_text_is(p->t->text, op);
}

bool mlci_jinja_is_name(const jp_parser *p, const char *name)
{
    return !p->failed && p->t->kind == JT_NAME && mlci_text_is(p->t->text, name);
}

bool mlci_jinja_skip_op(jp_parser *p, const char *op)
{
    bool yes = mlci_jinja_is_op(p, op);

    if (yes)
        jx_next(p);
    return yes;
}

bool mlci_jinja_skip_name(jp_parser *p, const char *name)
{
    bool yes = mlci_jinja_is_name(p, name);

    if (yes)
        jx_next(p);
    return yes;
}

void mlci_jinja_expect_op(jp_parser *p, const char *op)
{
    char what[32] = "expected ";

    if (mlci_jinja_skip_op(p, op))
        return;
    strcat(what, op);
    mlci_jinja_syntax(p, what);
}

mlci_text mlci_jinja_expect_name(jp_parser *p)
{
    mlci_text name = p->t->text;

    if (p->t->kind != JT_NAME)
        mlci_jinja_syntax(p, "expected a name");
    else
        jx_next(p);
    return name;
}

jn_node *mlci_jinja_node(jp_parser *p, jn_kind kind)
{
    jn_node *n = mlci_arena_new(p->arena, 1, sizeof *n);

    if (n == NULL) {
        p->no_memory |= !p->failed;
        if (!p->failed)
            mlci_nomem(p->err, "template");
        p->failed = true;
        return &p->none;
    }
    n->kind = kind;
    n->line = p->t->line;
    return n;
}

static jn_node *jx_const(jp_parser *p, jv value)
{
    jn_node *n = mlci_jinja_node(p, JN_CONST);

    n->value = mlci_arena_new(p->arena, 1, sizeof value);
    if (n->value == NULL) {
        mlci_jinja_syntax(p, "out of memory");
        return n;
    }
    *n->value = value;
    return n;
}

static jn_node *jx_two(jp_parser *p, jn_kind kind, jo_op op, jn_node *a, jn_node *b)
{
    jn_node *n = mlci_jinja_node(p, kind);

    n->op = op;
    n->a = a;
    n->b = b;
    return n;
}

/* ---- atoms ------------------------------------------------------------------------- */

/* "[a, b]": items in list.  The opening bracket was read. */
static jn_node *jx_list(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_LIST), **end = &n->list;

    while (!p->failed && !mlci_jinja_is_op(p, "]")) {
        *end = mlci_jinja_expr(p);
        end = &(*end)->next;
        if (!mlci_jinja_skip_op(p, ","))
            break;
    }
    mlci_jinja_expect_op(p, "]");
    return n;
}

/* "{a: b}": pairs as nodes with a (key) and b (value) in list. */
static jn_node *jx_dict(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_DICT), **end = &n->list;

    while (!p->failed && !mlci_jinja_is_op(p, "}")) {
        jn_node *pair = mlci_jinja_node(p, JN_DICT);

        pair->a = mlci_jinja_expr(p);
        mlci_jinja_expect_op(p, ":");
        pair->b = mlci_jinja_expr(p);
        *end = pair;
        end = &pair->next;
        if (!mlci_jinja_skip_op(p, ","))
            break;
    }
    mlci_jinja_expect_op(p, "}");
    return n;
}

/* One or more string literals next to each other are one. */
static jn_node *jx_string(jp_parser *p)
{
    const jt_token *first = p->t;
    size_t n = 0;
    char *all;

    while (p->t->kind == JT_STRING) {
        n += p->t->text.n;
        jx_next(p);
    }
    if (p->t == first + 1)
        return jx_const(p, mlci_jv_text(first->text.p, first->text.n));
    all = mlci_arena_new(p->arena, n + 1, 1);
    if (all == NULL) {
        mlci_jinja_syntax(p, "out of memory");
        return mlci_jinja_node(p, JN_CONST);
    }
    n = 0;
    for (const jt_token *t = first; t < p->t; t++) {
        memcpy(all + n, t->text.p, t->text.n);
        n += t->text.n;
    }
    return jx_const(p, mlci_jv_text(all, n));
}

static jn_node *jx_name(jp_parser *p)
{
    static const struct { const char *name; int value; } words[] = {
        { "true", 1 }, { "True", 1 }, { "false", 0 }, { "False", 0 },
        { "none", -1 }, { "None", -1 },
    };
    jn_node *n;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (mlci_jinja_skip_name(p, words[i].name))
            return jx_const(p, words[i].value < 0 ? mlci_jv_none()
                                                  : mlci_jv_bool(words[i].value));
    n = mlci_jinja_node(p, JN_NAME);
    n->name = mlci_jinja_expect_name(p);
    return n;
}

jn_node *mlci_jinja_primary(jp_parser *p)
{
    jn_node *n;

    switch (p->t->kind) {
    case JT_NAME:   return jx_name(p);
    case JT_STRING: return jx_string(p);
    case JT_INT:
        n = jx_const(p, mlci_jv_int(p->t->integer));
        jx_next(p);
        return n;
    case JT_FLOAT:
        n = jx_const(p, mlci_jv_float(p->t->number));
        jx_next(p);
        return n;
    default:
        break;
    }
    if (mlci_jinja_skip_op(p, "[")) {
        return jx_list(p);
    } else if (mlci_jinja_skip_op(p, "{")) {
        return jx_dict(p);
    } else if (mlci_jinja_skip_op(p, "(")) {
        if (mlci_jinja_skip_op(p, ")"))
            return mlci_jinja_node(p, JN_TUPLE);
        n = mlci_jinja_tuple(p, false);
        mlci_jinja_expect_op(p, ")");
        return n;
    }
    mlci_jinja_syntax(p, "expected an expression");
    return mlci_jinja_node(p, JN_CONST);
}

/* ---- behind an atom ----------------------------------------------------------------- */

/* Arguments as a list of expressions; "name=value" as JN_KEYWORD with a. */
jn_node *mlci_jinja_arguments(jp_parser *p)
{
    jn_node *first = NULL, **end = &first;

    while (!p->failed && !mlci_jinja_is_op(p, ")")) {
        if (p->t->kind == JT_NAME && p->t[1].kind == JT_OP
            && mlci_text_is(p->t[1].text, "=")) {
            jn_node *k = mlci_jinja_node(p, JN_KEYWORD);

            k->name = mlci_jinja_expect_name(p);
            jx_next(p);
            k->a = mlci_jinja_expr(p);
            *end = k;
        } else {
            *end = mlci_jinja_expr(p);
        }
        end = &(*end)->next;
        if (!mlci_jinja_skip_op(p, ","))
            break;
    }
    mlci_jinja_expect_op(p, ")");
    return first;
}

/* "a[b]" or "a[b:c:d]" (JN_SLICE: from b, to c, step in list). */
static jn_node *jx_subscript(jp_parser *p, jn_node *a)
{
    jn_node *part[3] = { NULL, NULL, NULL }, *n;
    int colons = 0;

    while (!p->failed && !mlci_jinja_is_op(p, "]")) {
        if (mlci_jinja_skip_op(p, ":")) {
            if (++colons > 2)
                mlci_jinja_syntax(p, "too many ':' in a slice");
        } else {
            part[colons] = mlci_jinja_tuple(p, false);
            if (!mlci_jinja_is_op(p, ":") && !mlci_jinja_is_op(p, "]"))
                mlci_jinja_syntax(p, "expected ]");
        }
    }
    mlci_jinja_expect_op(p, "]");
    if (colons == 0 && part[0] == NULL)
        mlci_jinja_syntax(p, "expected an expression before");
    n = mlci_jinja_node(p, colons == 0 ? JN_INDEX : JN_SLICE);
    n->a = a;
    n->b = part[0];
    n->c = part[1];
    n->list = part[2];
    return n;
}

static jn_node *jx_call(jp_parser *p, jn_node *a)
{
    jn_node *n = mlci_jinja_node(p, JN_CALL);

    n->a = a;
    n->list = mlci_jinja_arguments(p);
    return n;
}

static jn_node *jx_postfix(jp_parser *p, jn_node *a)
{
    for (;;) {
        if (mlci_jinja_skip_op(p, ".")) {
            jn_node *n = mlci_jinja_node(p, JN_ATTR);

            n->a = a;
            if (p->t->kind == JT_INT) {  /* a.0 is a[0] */
                n->kind = JN_INDEX;
                n->b = mlci_jinja_primary(p);
            } else {
                n->name = mlci_jinja_expect_name(p);
            }
            a = n;
        } else if (mlci_jinja_skip_op(p, "[")) {
            a = jx_subscript(p, a);
        } else if (mlci_jinja_skip_op(p, "(")) {
            a = jx_call(p, a);
        } else {
            return a;
        }
    }
}

/* "is [not] name [argument]": JN_TEST with a, name and arguments in list. */
static jn_node *jx_test(jp_parser *p, jn_node *a)
{
    bool negate = mlci_jinja_skip_name(p, "not");
    jn_node *n = mlci_jinja_node(p, JN_TEST);
    jt_kind k;

    n->a = a;
    n->name = mlci_jinja_expect_name(p);
    k = p->t->kind;
    if (mlci_jinja_skip_op(p, "(")) {
        n->list = mlci_jinja_arguments(p);
    } else if (((k == JT_NAME && !mlci_jinja_is_name(p, "else")
                 && !mlci_jinja_is_name(p, "or") && !mlci_jinja_is_name(p, "and")
                 && !mlci_jinja_is_name(p, "is") && !mlci_jinja_is_name(p, "if")
                 && !mlci_jinja_is_name(p, "in") && !mlci_jinja_is_name(p, "not"))
                || k == JT_STRING || k == JT_INT || k == JT_FLOAT
                || mlci_jinja_is_op(p, "[") || mlci_jinja_is_op(p, "{"))) {
        n->list = jx_postfix(p, mlci_jinja_primary(p));
    }
    return negate ? jx_two(p, JN_NOT, JO_EQ, n, NULL) : n;
}

/* "| name(arguments)" any number of times: JN_FILTER with a, name, list. */
jn_node *mlci_jinja_filters(jp_parser *p, jn_node *a)
{
    while (!p->failed) {
        if (mlci_jinja_skip_op(p, "|")) {
            jn_node *n = mlci_jinja_node(p, JN_FILTER);

            n->a = a;
            n->name = mlci_jinja_expect_name(p);
            if (mlci_jinja_skip_op(p, "("))
                n->list = mlci_jinja_arguments(p);
            a = n;
        } else if (mlci_jinja_skip_name(p, "is")) {
            a = jx_test(p, a);
        } else if (mlci_jinja_skip_op(p, "(")) {
            a = jx_call(p, a);
        } else {
            break;
        }
    }
    return a;
}

/* ---- operators ------------------------------------------------------------------------ */

static jn_node *jx_unary(jp_parser *p, bool with_filters)
{
    jn_node *n;

    if (++p->depth > JX_MAX_DEPTH)
        mlci_jinja_syntax(p, "expression nested too deeply");
    if (p->failed)
        n = mlci_jinja_node(p, JN_CONST);
    else if (mlci_jinja_skip_op(p, "-"))
        n = jx_two(p, JN_NEG, JO_SUB, jx_unary(p, false), NULL);
    else if (mlci_jinja_skip_op(p, "+"))
        n = jx_two(p, JN_POS, JO_ADD, jx_unary(p, false), NULL);
    else
        n = jx_postfix(p, mlci_jinja_primary(p));
    p->depth--;
    return with_filters ? mlci_jinja_filters(p, n) : n;
}

static jn_node *jx_pow(jp_parser *p)
{
    jn_node *a = jx_unary(p, true);

    while (mlci_jinja_skip_op(p, "**"))
        a = jx_two(p, JN_BINARY, JO_POW, a, jx_unary(p, true));
    return a;
}

static jn_node *jx_product(jp_parser *p)
{
    jn_node *a = jx_pow(p);

    for (;;) {
        jo_op op;

        if (mlci_jinja_skip_op(p, "*"))
            op = JO_MUL;
        else if (mlci_jinja_skip_op(p, "/"))
            op = JO_DIV;
        else if (mlci_jinja_skip_op(p, "//"))
            op = JO_FLOORDIV;
        else if (mlci_jinja_skip_op(p, "%"))
            op = JO_MOD;
        else
            return a;
        a = jx_two(p, JN_BINARY, op, a, jx_pow(p));
    }
}

static jn_node *jx_concat(jp_parser *p)
{
    jn_node *a = jx_product(p);

    while (mlci_jinja_skip_op(p, "~"))
        a = jx_two(p, JN_CONCAT, JO_ADD, a, jx_product(p));
    return a;
}

static jn_node *jx_sum(jp_parser *p)
{
    jn_node *a = jx_concat(p);

    for (;;) {
        if (mlci_jinja_skip_op(p, "+"))
            a = jx_two(p, JN_BINARY, JO_ADD, a, jx_concat(p));
        else if (mlci_jinja_skip_op(p, "-"))
            a = jx_two(p, JN_BINARY, JO_SUB, a, jx_concat(p));
        else
            return a;
    }
}

/* "a < b < c": JN_COMPARE with a, and (op, operand) nodes in list. */
static jn_node *jx_compare(jp_parser *p)
{
    static const struct { const char *op; jo_op code; } ops[] = {
        { "==", JO_EQ }, { "!=", JO_NE }, { "<=", JO_LE }, { ">=", JO_GE },
        { "<", JO_LT }, { ">", JO_GT },
    };
    jn_node *a = jx_sum(p), *n = NULL, **end = NULL;

    for (;;) {
        int code = -1;

        for (size_t i = 0; i < sizeof ops / sizeof *ops && code < 0; i++)
            if (mlci_jinja_skip_op(p, ops[i].op))
                code = (int)ops[i].code;
        if (code < 0 && mlci_jinja_skip_name(p, "in"))
            code = JO_IN;
        if (code < 0 && mlci_jinja_is_name(p, "not") && p->t[1].kind == JT_NAME
            && mlci_text_is(p->t[1].text, "in")) {
            jx_next(p);
            jx_next(p);
            code = JO_NOT_IN;
        }
        if (code < 0)
            return n != NULL ? n : a;
        if (n == NULL) {
            n = jx_two(p, JN_COMPARE, JO_EQ, a, NULL);
            end = &n->list;
        }
        *end = jx_two(p, JN_COMPARE, (jo_op)code, jx_sum(p), NULL);
        end = &(*end)->next;
    }
}

static jn_node *jx_not(jp_parser *p)
{
    jn_node *n;

    if (!mlci_jinja_skip_name(p, "not"))
        return jx_compare(p);
    if (++p->depth > JX_MAX_DEPTH)
        mlci_jinja_syntax(p, "expression nested too deeply");
    n = p->failed ? mlci_jinja_node(p, JN_CONST)
      : jx_two(p, JN_NOT, JO_EQ, jx_not(p), NULL);
    p->depth--;
    return n;
}

static jn_node *jx_and(jp_parser *p)
{
    jn_node *a = jx_not(p);

    while (mlci_jinja_skip_name(p, "and"))
        a = jx_two(p, JN_AND, JO_EQ, a, jx_not(p));
    return a;
}

static jn_node *jx_or(jp_parser *p)
{
    jn_node *a = jx_and(p);

    while (mlci_jinja_skip_name(p, "or"))
        a = jx_two(p, JN_OR, JO_EQ, a, jx_and(p));
    return a;
}

jn_node *mlci_jinja_expr_plain(jp_parser *p)
{
    return jx_or(p);
}

/* "a if b else c": JN_COND with a (condition), b (then), c (else or NULL). */
jn_node *mlci_jinja_expr(jp_parser *p)
{
    jn_node *n = jx_or(p);

    while (mlci_jinja_skip_name(p, "if")) {
        jn_node *cond = jx_two(p, JN_COND, JO_EQ, jx_or(p), n);

        if (mlci_jinja_skip_name(p, "else")) {
            if (++p->depth > JX_MAX_DEPTH)
                mlci_jinja_syntax(p, "expression nested too deeply");
            cond->c = p->failed ? NULL : mlci_jinja_expr(p);
            p->depth--;
        }
        n = cond;
    }
    return n;
}

jn_node *mlci_jinja_tuple(jp_parser *p, bool plain)
{
    jn_node *first = plain ? jx_or(p) : mlci_jinja_expr(p), *n, **end;

    if (!mlci_jinja_is_op(p, ","))
        return first;
    n = mlci_jinja_node(p, JN_TUPLE);
    n->list = first;
    end = &first->next;
    while (mlci_jinja_skip_op(p, ",")) {
        if (p->t->kind == JT_BLOCK_END || p->t->kind == JT_VAR_END
            || mlci_jinja_is_op(p, ")") || mlci_jinja_is_op(p, "=")
            || mlci_jinja_is_name(p, "in"))
            break;
        *end = plain ? jx_or(p) : mlci_jinja_expr(p);
        end = &(*end)->next;
    }
    return n;
}
