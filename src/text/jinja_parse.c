/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_parse.c - statements.
 */
#include "jinja.h"

#include <string.h>

enum { JP_MAX_DEPTH = 100 };

static jn_node *jp_body(jp_parser *p, const char *const *ends);

/* Behind a block's expression: "%}". */
static void jp_block_end(jp_parser *p)
{
    if (p->t->kind != JT_BLOCK_END)
        mlci_jinja_syntax(p, "expected the end of the tag");
    else
        p->t++;
}

/* The body up to one of the names; the name itself is consumed. */
static mlci_text jp_until(jp_parser *p, jn_node **body, const char *a, const char *b,
                          const char *c)
{
    const char *const ends[] = { a, b, c, NULL };

    jp_block_end(p);
    *body = jp_body(p, ends);
    return p->failed ? p->t->text : mlci_jinja_expect_name(p);
}

/* JN_IF: a condition, list then, b else (a body, or the next JN_IF). */
static jn_node *jp_if(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_IF);
    mlci_text end;

    n->a = mlci_jinja_tuple(p, true);
    end = jp_until(p, &n->list, "elif", "else", "endif");
    if (p->failed)
        return n;
    if (mlci_text_is(end, "elif")) {
        if (++p->depth > JP_MAX_DEPTH)
            mlci_jinja_syntax(p, "too many elif");
        n->b = p->failed ? NULL : jp_if(p);
        p->depth--;
        return n;
    }
    if (mlci_text_is(end, "else"))
        jp_until(p, &n->b, "endif", NULL, NULL);
    jp_block_end(p);
    return n;
}

/* A name, ns.name, or names between commas, possibly in parentheses. */
static jn_node *jp_target(jp_parser *p, bool allow_attr)
{
    bool paren = mlci_jinja_skip_op(p, "(");
    jn_node *n = mlci_jinja_node(p, JN_NAME), *t, **end;

    n->name = mlci_jinja_expect_name(p);
    if (allow_attr && mlci_jinja_skip_op(p, ".")) {
        t = mlci_jinja_node(p, JN_ATTR);
        t->a = n;
        t->name = mlci_jinja_expect_name(p);
        n = t;
    }
    if (!mlci_jinja_is_op(p, ",")) {
        if (paren)
            mlci_jinja_expect_op(p, ")");
        return n;
    }
    t = mlci_jinja_node(p, JN_TUPLE);
    t->list = n;
    end = &n->next;
    while (mlci_jinja_skip_op(p, ",") && p->t->kind == JT_NAME
           && !mlci_jinja_is_name(p, "in")) {
        *end = mlci_jinja_node(p, JN_NAME);
        (*end)->name = mlci_jinja_expect_name(p);
        end = &(*end)->next;
    }
    if (paren)
        mlci_jinja_expect_op(p, ")");
    return t;
}

/* JN_FOR: a target, b what is looped over, c filter, list body; the else body
 * hangs on the target as its list. */
static jn_node *jp_for(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_FOR);
    jn_node *other = NULL;
    mlci_text end;

    n->a = jp_target(p, false);
    if (!mlci_jinja_skip_name(p, "in"))
        mlci_jinja_syntax(p, "expected in");
    n->b = mlci_jinja_tuple(p, true);
    if (mlci_jinja_skip_name(p, "if"))
        n->c = mlci_jinja_expr(p);
    if (mlci_jinja_is_name(p, "recursive"))
        mlci_jinja_syntax(p, "recursive loops are unsupported");
    end = jp_until(p, &n->list, "else", "endfor", NULL);
    if (!p->failed && mlci_text_is(end, "else"))
        jp_until(p, &other, "endfor", NULL, NULL);
    jp_block_end(p);
    if (other != NULL) {  /* wrap, since a tuple target uses its own list */
        jn_node *w = mlci_jinja_node(p, JN_IF);

        w->list = other;
        w->a = n->a;
        n->a = w;
    }
    return n;
}

/* JN_SET: a target, b value.  JN_SET_BLOCK: a target, b filters on a dummy,
 * list body. */
static jn_node *jp_set(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_SET);

    n->a = jp_target(p, true);
    if (mlci_jinja_skip_op(p, "=")) {
        n->b = mlci_jinja_tuple(p, false);
        jp_block_end(p);
        return n;
    }
    n->kind = JN_SET_BLOCK;
    n->b = mlci_jinja_filters(p, NULL);
    jp_until(p, &n->list, "endset", NULL, NULL);
    jp_block_end(p);
    return n;
}

/* Parameters: JN_NAME nodes with a default in a. */
static jn_node *jp_parameters(jp_parser *p)
{
    jn_node *first = NULL, **end = &first;

    while (!p->failed && !mlci_jinja_is_op(p, ")")) {
        *end = mlci_jinja_node(p, JN_NAME);
        (*end)->name = mlci_jinja_expect_name(p);
        if (mlci_jinja_skip_op(p, "="))
            (*end)->a = mlci_jinja_expr(p);
        end = &(*end)->next;
        if (!mlci_jinja_skip_op(p, ","))
            break;
    }
    mlci_jinja_expect_op(p, ")");
    return first;
}

/* JN_MACRO: name, a parameters, list body. */
static jn_node *jp_macro(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_MACRO);

    n->name = mlci_jinja_expect_name(p);
    mlci_jinja_expect_op(p, "(");
    n->a = jp_parameters(p);
    jp_until(p, &n->list, "endmacro", NULL, NULL);
    if (p->t->kind == JT_NAME)  /* "endmacro name" */
        p->t++;
    jp_block_end(p);
    return n;
}

/* JN_CALL_BLOCK: b the call, a parameters of the caller, list its body. */
static jn_node *jp_call(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_CALL_BLOCK);

    if (mlci_jinja_skip_op(p, "("))
        n->a = jp_parameters(p);
    n->b = mlci_jinja_expr(p);
    if (n->b->kind != JN_CALL)
        mlci_jinja_syntax(p, "expected a call");
    jp_until(p, &n->list, "endcall", NULL, NULL);
    jp_block_end(p);
    return n;
}

/* JN_FILTER_BLOCK: b the filters on a dummy, list the body. */
static jn_node *jp_filter(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_FILTER_BLOCK);
    jn_node *f = mlci_jinja_node(p, JN_FILTER);

    f->name = mlci_jinja_expect_name(p);
    if (mlci_jinja_skip_op(p, "("))
        f->list = mlci_jinja_arguments(p);
    n->b = mlci_jinja_filters(p, f);
    jp_until(p, &n->list, "endfilter", NULL, NULL);
    jp_block_end(p);
    return n;
}

/* JN_WITH: a the JN_SETs, list the body. */
static jn_node *jp_with(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_WITH), **end = &n->a;

    while (!p->failed && p->t->kind != JT_BLOCK_END) {
        *end = mlci_jinja_node(p, JN_SET);
        (*end)->a = jp_target(p, false);
        mlci_jinja_expect_op(p, "=");
        (*end)->b = mlci_jinja_expr(p);
        end = &(*end)->next;
        if (!mlci_jinja_skip_op(p, ","))
            break;
    }
    jp_until(p, &n->list, "endwith", NULL, NULL);
    jp_block_end(p);
    return n;
}

/* The generation tag marks the assistant's text for training: its body counts
 * as if the tag were not there. */
static jn_node *jp_generation(jp_parser *p)
{
    jn_node *n = mlci_jinja_node(p, JN_WITH);

    jp_until(p, &n->list, "endgeneration", NULL, NULL);
    jp_block_end(p);
    return n;
}

static jn_node *jp_jump(jp_parser *p, jn_kind kind)
{
    jn_node *n = mlci_jinja_node(p, kind);

    jp_block_end(p);
    return n;
}

static jn_node *jp_statement(jp_parser *p)
{
    if (mlci_jinja_skip_name(p, "if"))         return jp_if(p);
    if (mlci_jinja_skip_name(p, "for"))        return jp_for(p);
    if (mlci_jinja_skip_name(p, "set"))        return jp_set(p);
    if (mlci_jinja_skip_name(p, "macro"))      return jp_macro(p);
    if (mlci_jinja_skip_name(p, "call"))       return jp_call(p);
    if (mlci_jinja_skip_name(p, "filter"))     return jp_filter(p);
    if (mlci_jinja_skip_name(p, "with"))       return jp_with(p);
    if (mlci_jinja_skip_name(p, "generation")) return jp_generation(p);
    if (mlci_jinja_skip_name(p, "break"))      return jp_jump(p, JN_BREAK);
    if (mlci_jinja_skip_name(p, "continue"))   return jp_jump(p, JN_CONTINUE);
    mlci_jinja_syntax(p, "unknown or misplaced tag");
    return mlci_jinja_node(p, JN_DATA);
}

static bool jp_is_end(const jp_parser *p, const char *const *ends)
{
    if (ends != NULL && p->t[1].kind == JT_NAME)
        for (int i = 0; i < 3 && ends[i] != NULL; i++)
            if (mlci_text_is(p->t[1].text, ends[i]))
                return true;
    return false;
}

/* Data, output and statements until "{% end" (consumed up to the name). */
static jn_node *jp_body(jp_parser *p, const char *const *ends)
{
    jn_node *first = NULL, **tail = &first;

    if (++p->depth > JP_MAX_DEPTH)
        mlci_jinja_syntax(p, "blocks nested too deeply");
    while (!p->failed && p->t->kind != JT_END) {
        if (p->t->kind == JT_DATA) {
            *tail = mlci_jinja_node(p, JN_DATA);
            (*tail)->name = p->t->text;
            p->t++;
        } else if (p->t->kind == JT_VAR_BEGIN) {
            p->t++;
            *tail = mlci_jinja_node(p, JN_OUTPUT);
            (*tail)->a = mlci_jinja_tuple(p, false);
            if (!p->failed && p->t->kind != JT_VAR_END)
                mlci_jinja_syntax(p, "expected }}");
            else if (!p->failed)
                p->t++;
        } else if (jp_is_end(p, ends)) {
            p->t++;
            p->depth--;
            return first;
        } else {
            p->t++;
            *tail = jp_statement(p);
        }
        tail = &(*tail)->next;
    }
    if (ends != NULL)
        mlci_jinja_syntax(p, "block without an end");
    p->depth--;
    return first;
}

mlc_status mlci_jinja_parse(mlci_arena *arena, const jt_token *tokens,
                            jn_node **body, mlc_error *err)
{
    jp_parser p = { .arena = arena, .t = tokens, .err = err };

    *body = jp_body(&p, NULL);
    return p.no_memory ? MLC_ENOMEM : p.failed ? MLC_EFORMAT : MLC_OK;
}
