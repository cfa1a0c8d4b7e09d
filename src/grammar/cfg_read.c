/* SPDX-License-Identifier: Apache-2.0
 *
 * cfg_read.c - EBNF and Lark to nets of nodes (cfg.h).
 *
 * A rule is read into a tree, direct left recursion (a: a x | y) becomes y x*, then the
 * tree becomes nodes from its end to its beginning.
 */
#include "cfg.h"
#include "regex.h"

#include "../base/buf.h"
#include "../base/utf8.h"

#include <stdio.h>
#include <string.h>

typedef enum gl_kind { GL_READ, GL_RULE, GL_SEQ, GL_ANY, GL_REPEAT } gl_kind;

typedef struct gl_tree {
    gl_kind  kind;
    uint32_t what, min, max;         /* READ: a language; RULE: its number          */
    struct gl_tree *first, *next;    /* members; the next of the same list          */
} gl_tree;

typedef struct gl_rule { const char *name; size_t n; gl_tree *tree; const char *used; } gl_rule;

typedef struct gl_reader {
    mlci_cfg   *g;
    mlci_arena  arena;
    const char *text, *p, *end;
    bool        lark, terminal;      /* inside a terminal of Lark's                 */
    gl_rule    *rules;
    size_t      n_rules, cap_rules;
    gl_tree    *ignored;
    uint32_t    depth;
    mlc_error  *err;
    mlc_status  status;
} gl_reader;

enum { GL_DEPTH = 200, GL_RULES = 20000 };

static gl_tree *gl_fail(gl_reader *r, mlc_status st, const char *at, const char *what)
{
    size_t line = 1;

    if ((uintptr_t)at < (uintptr_t)r->text || (uintptr_t)at > (uintptr_t)r->end)
        at = r->p;                       /* a name or pattern that is not the text's */
    for (const char *p = r->text; p < at; p++)
        line += *p == '\n';
    if (r->status == MLC_OK)
        r->status = mlci_fail(r->err, st, 0, "grammar, line %zu: %s", line, what);
    return NULL;
}

static gl_tree *gl_new(gl_reader *r, gl_kind kind, uint32_t what, gl_tree *first)
{
    gl_tree *t = mlci_arena_new(&r->arena, 1, sizeof *t);

    if (t == NULL)
        return gl_fail(r, MLC_ENOMEM, r->p, "the grammar is too large");
    t->kind = kind;
    t->what = what;
    t->first = first;
    return t;
}

/* ---- words ------------------------------------------------------------------------------ */

static bool gl_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
        || c == '-' || c == '.';
}

static size_t gl_name(const gl_reader *r, const char *p)
{
    size_t n = 0;

    while (p + n < r->end && gl_is_name(p[n]) && !(r->lark && (p[n] == '-' || p[n] == '.')))
        n++;
    return n;
}

/* Spaces and comments; lines: newlines, too. */
static void gl_skip(gl_reader *r, bool lines)
{
    while (r->p < r->end) {
        if (*r->p == '#' || (*r->p == '/' && r->end - r->p > 1 && r->p[1] == '/'))
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        else if (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || (lines && *r->p == '\n'))
            r->p++;
        else
            return;
    }
}

static bool gl_take(gl_reader *r, const char *what)
{
    const size_t n = strlen(what);

    if ((size_t)(r->end - r->p) < n || memcmp(r->p, what, n) != 0)
        return false;
    r->p += n;
    return true;
}

static uint32_t gl_rule_of(gl_reader *r, const char *name, size_t n)
{
    void *rules = r->rules;

    for (size_t i = 0; i < r->n_rules; i++)
        if (r->rules[i].n == n && memcmp(r->rules[i].name, name, n) == 0)
            return (uint32_t)i;
    if (r->n_rules == GL_RULES
        || !mlci_grow(r->g->ctx, &rules, &r->cap_rules, r->n_rules + 1, sizeof *r->rules)) {
        (void)gl_fail(r, MLC_ENOMEM, name, "more than 20000 rules");
        return 0;
    }
    r->rules = rules;
    r->rules[r->n_rules] = (gl_rule){ name, n, NULL, name };
    return (uint32_t)r->n_rules++;
}

/* ---- terminals --------------------------------------------------------------------------- */

/* What may be ignored comes before each terminal of a rule. */
static gl_tree *gl_terminal(gl_reader *r, mlci_rx language)
{
    gl_tree *t = gl_new(r, GL_READ, language, NULL), *before;

    if (t == NULL || r->ignored == NULL || r->terminal)
        return t;
    before = gl_new(r, GL_REPEAT, 0, r->ignored);
    if (before == NULL)
        return NULL;
    before->max = UINT32_MAX;
    before->next = t;
    return gl_new(r, GL_SEQ, 0, before);
}

static int gl_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind a backslash: one character's bytes; their number. */
static size_t gl_escape(gl_reader *r, char out[4])
{
    static const char letters[] = "ntrfvb0", values[] = "\n\t\r\f\v\b\0";
    const char c = r->p < r->end ? *r->p++ : 0;
    const char *at = c != 0 ? strchr(letters, c) : NULL;
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t v = 0;

    out[0] = at != NULL ? values[at - letters] : c;
    if (digits == 0)
        return 1;
    for (int i = 0; i < digits; i++) {
        const int d = r->p < r->end ? gl_hex(*r->p) : -1;

        if (d < 0 || v > 0x10ffff) {
            (void)gl_fail(r, MLC_EFORMAT, r->p, "an escape without its digits");
            return 0;
        }
        v = v << 4 | (uint32_t)d;
        r->p++;
    }
    if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) {
        (void)gl_fail(r, MLC_EFORMAT, r->p, "an escape that is no character");
        return 0;
    }
    return mlci_utf8_write((int32_t)v, out);
}

static gl_tree *gl_string(gl_reader *r)
{
    const char quote = *r->p++, *from = r->p;
    mlci_rx_store *s = r->g->rx;
    mlci_buf b;
    mlci_rx x = MLCI_RX_EMPTY;

    mlci_buf_init(&b, r->g->ctx, (size_t)1 << 24);
    while (r->p < r->end && *r->p != quote && *r->p != '\n') {
        char c[4] = { *r->p++ };

        mlci_buf_put(&b, c, c[0] == '\\' ? gl_escape(r, c) : 1);
    }
    if (!gl_take(r, quote == '"' ? "\"" : "'"))
        (void)gl_fail(r, MLC_EFORMAT, from, "a string that does not end");
    if (r->lark && r->p < r->end && *r->p == 'i') {       /* letters of either case */
        r->p++;
        for (size_t i = b.n; i-- > 0;) {
            const char low = (char)(b.data[i] | 0x20);
            const bool letter = low >= 'a' && low <= 'z';
            mlci_bytes set = { { 0, 0, 0, 0 } };

            mlci_bytes_add(&set, (uint8_t)b.data[i], (uint8_t)b.data[i]);
            if (letter)
                mlci_bytes_add(&set, (uint8_t)(b.data[i] ^ 0x20), (uint8_t)(b.data[i] ^ 0x20));
            x = mlci_rx_cat(s, mlci_rx_bytes(s, &set), x);
        }
    } else {
        x = mlci_rx_text(s, b.data != NULL ? b.data : "", b.n);
    }
    if (b.failed)
        (void)gl_fail(r, MLC_ENOMEM, from, "out of memory");
    mlci_buf_reset(&b);
    return r->status == MLC_OK ? gl_terminal(r, x) : NULL;
}

/* [from, to) as a regular expression. */
static gl_tree *gl_regex(gl_reader *r, const char *from, const char *to)
{
    mlc_error err = { 0 };
    mlci_rx x;
    mlc_status st = mlci_regex_read_terminal(r->g->rx, from, (size_t)(to - from), &x, &err);

    return st == MLC_OK ? gl_terminal(r, x) : gl_fail(r, st, from, err.text);
}

/* Up to the bracket or slash that ends it. */
static const char *gl_until(gl_reader *r, char end)
{
    const char *from = r->p;
    bool class = false;

    for (; r->p < r->end; r->p++) {
        if (*r->p == '\\' && r->p + 1 < r->end)
            r->p++;
        else if (*r->p == end && !(class && end == '/'))
            return r->p++;
        else if (*r->p == '[' || *r->p == ']')
            class = *r->p == '[';
    }
    (void)gl_fail(r, MLC_EFORMAT, from, end == ']' ? "a class that does not end"
                                                   : "an expression that does not end");
    return from;
}

/* ---- trees -------------------------------------------------------------------------------- */

static gl_tree *gl_choice(gl_reader *r, bool inside);

static gl_tree *gl_atom(gl_reader *r)
{
    const char *from = r->p, *to;
    gl_tree *t;
    size_t n;

    if (*r->p == '"' || (*r->p == '\'' && !r->lark))
        return gl_string(r);
    if (*r->p == '[' && !r->lark) {
        r->p++;
        to = gl_until(r, ']');
        return r->status == MLC_OK ? gl_regex(r, from, to + 1) : NULL;
    }
    if (*r->p == '/') {
        r->p++;
        to = gl_until(r, '/');
        t = r->status == MLC_OK ? gl_regex(r, from + 1, to) : NULL;
        if (r->p < r->end && strchr("imslux", *r->p) != NULL)
            return gl_fail(r, MLC_EUNSUPPORTED, r->p, "flags of expressions are unsupported");
        return t;
    }
    if (*r->p == '.' && !r->lark) {
        r->p++;
        return gl_terminal(r, mlci_rx_range(r->g->rx, 0, 0x10ffff));
    }
    if (*r->p == '(' || *r->p == '[') {
        if (++r->depth > GL_DEPTH)
            return gl_fail(r, MLC_EUNSUPPORTED, r->p, "groups more than 200 deep");
        r->p++;
        t = gl_choice(r, true);
        r->depth--;
        gl_skip(r, true);
        if (t != NULL && !gl_take(r, *from == '(' ? ")" : "]"))
            return gl_fail(r, MLC_EFORMAT, from, "a group that does not end");
        if (t != NULL && *from == '[' && (t = gl_new(r, GL_REPEAT, 0, t)) != NULL)
            t->max = 1;
        return t;
    }
    n = gl_name(r, r->p);
    if (n == 0)
        return gl_fail(r, MLC_EFORMAT, r->p, "neither a string, a class, a group nor a rule");
    r->p += n;
    t = gl_new(r, GL_RULE, gl_rule_of(r, from, n), NULL);
    if (t != NULL && r->ignored != NULL && !r->terminal && *from >= 'A' && *from <= 'Z') {
        gl_tree *before = gl_new(r, GL_REPEAT, 0, r->ignored);

        if (before == NULL)
            return NULL;
        before->max = UINT32_MAX;
        before->next = t;
        t = gl_new(r, GL_SEQ, 0, before);
    }
    return t;
}

static bool gl_number(gl_reader *r, uint32_t *v)
{
    const char *from = r->p;

    for (*v = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9' && *v < 100000; r->p++)
        *v = *v * 10 + (uint32_t)(*r->p - '0');
    return r->p > from;
}

/* "{m,n}" and "~m..n". */
static void gl_counts(gl_reader *r, bool lark, uint32_t *min, uint32_t *max)
{
    bool ok = true;

    gl_skip(r, false);
    if (!gl_number(r, min))
        ok = !lark && r->p < r->end && *r->p == ',';
    gl_skip(r, false);
    *max = *min;
    if (lark ? gl_take(r, "..") : gl_take(r, ",")) {
        gl_skip(r, false);
        if (!gl_number(r, max))
            *max = lark ? 0 : UINT32_MAX, ok &= !lark;
    }
    gl_skip(r, false);
    if (!ok || (!lark && !gl_take(r, "}")) || *max < *min || *min > 10000
        || (*max != UINT32_MAX && *max > 10000))
        (void)gl_fail(r, MLC_EFORMAT, r->p, "counts are {m}, {m,} or {m,n}, at most 10000");
}

static gl_tree *gl_item(gl_reader *r)
{
    gl_tree *t = gl_atom(r);

    while (t != NULL && r->p < r->end && r->status == MLC_OK) {
        uint32_t min = 0, max = UINT32_MAX;

        if (!r->lark || *r->p != ' ')
            gl_skip(r, false);
        if (r->p == r->end)
            break;
        if (gl_take(r, "+"))
            min = 1;
        else if (gl_take(r, "?"))
            max = 1;
        else if (!r->lark && gl_take(r, "{"))
            gl_counts(r, false, &min, &max);
        else if (r->lark && gl_take(r, "~"))
            gl_counts(r, true, &min, &max);
        else if (!gl_take(r, "*"))
            break;
        t = gl_new(r, GL_REPEAT, 0, t);
        if (t != NULL)
            t->min = min, t->max = max;
    }
    return t;
}

/* Does another rule begin here? */
static bool gl_at_rule(const gl_reader *r, const char *p)
{
    size_t n;

    if (r->lark && p < r->end && (*p == '?' || *p == '!' || *p == '%'))
        return true;
    n = gl_name(r, p);
    if (n == 0)
        return false;
    p += n;
    if (r->lark && p < r->end && *p == '.')              /* a priority */
        for (p++; p < r->end && *p >= '0' && *p <= '9'; p++)
            ;
    while (p < r->end && (*p == ' ' || *p == '\t'))
        p++;
    return r->lark ? p < r->end && *p == ':' : r->end - p >= 3 && memcmp(p, "::=", 3) == 0;
}

static gl_tree *gl_sequence(gl_reader *r, bool inside)
{
    gl_tree *first = NULL, **to = &first;

    for (;;) {
        const char *before = r->p;

        gl_skip(r, true);
        if (r->p == r->end || *r->p == '|' || *r->p == ')' || (r->lark && *r->p == ']')
            || (!inside && memchr(before, '\n', (size_t)(r->p - before)) != NULL
                && gl_at_rule(r, r->p))
            || (!inside && !r->lark && gl_at_rule(r, r->p)))
            break;
        if (r->lark && gl_take(r, "->")) {               /* an alias says nothing here */
            gl_skip(r, false);
            r->p += gl_name(r, r->p);
            continue;
        }
        *to = gl_item(r);
        if (*to == NULL)
            return NULL;
        if ((*to)->next != NULL) {                       /* shared: it needs a place of its own */
            *to = gl_new(r, GL_SEQ, 0, *to);
            if (*to == NULL)
                return NULL;
        }
        to = &(*to)->next;
    }
    return gl_new(r, GL_SEQ, 0, first);
}

static gl_tree *gl_choice(gl_reader *r, bool inside)
{
    gl_tree *first = NULL, **to = &first;

    do {
        *to = gl_sequence(r, inside);
        if (*to == NULL)
            return NULL;
        to = &(*to)->next;
        gl_skip(r, true);
    } while (gl_take(r, "|"));
    return gl_new(r, GL_ANY, 0, first);
}

/* ---- rules --------------------------------------------------------------------------------- */

static gl_tree *gl_list(gl_reader *r, gl_kind kind, gl_tree *a, gl_tree *b)
{
    if (a == NULL || b == NULL)
        return NULL;
    a->next = b;
    return gl_new(r, kind, 0, a);
}

/* a: a x | y  becomes  (y) (x)*. */
static gl_tree *gl_left(gl_reader *r, uint32_t self, gl_tree *any)
{
    gl_tree *base = NULL, **to_base = &base, *tail = NULL, **to_tail = &tail, *next;

    for (gl_tree *x = any->first; x != NULL; x = next) {
        gl_tree *first = x->first;

        next = x->next;
        x->next = NULL;
        if (first != NULL && first->kind == GL_RULE && first->what == self) {
            x->first = first->next;
            if (x->first == NULL)        /* a: a says nothing */
                continue;
            *to_tail = x;
            to_tail = &x->next;
        } else {
            *to_base = x;
            to_base = &x->next;
        }
    }
    base = gl_new(r, GL_ANY, 0, base);
    if (tail == NULL || base == NULL)
        return base;
    tail = gl_new(r, GL_ANY, 0, tail);
    tail = tail != NULL ? gl_new(r, GL_REPEAT, 0, tail) : NULL;
    if (tail != NULL)
        tail->max = UINT32_MAX;
    return gl_list(r, GL_SEQ, base, tail);
}

static const struct { const char *name, *pattern; } gl_common[] = {
    { "DIGIT", "[0-9]" }, { "HEXDIGIT", "[0-9a-fA-F]" }, { "INT", "[0-9]+" },
    { "SIGNED_INT", "[+-]?[0-9]+" }, { "DECIMAL", "[0-9]+\\.[0-9]*|\\.[0-9]+" },
    { "FLOAT", "[0-9]+[eE][+-]?[0-9]+|([0-9]+\\.[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?" },
    { "NUMBER", "([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?" },
    { "SIGNED_NUMBER", "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?" },
    { "ESCAPED_STRING", "\"([^\"\\\\\\n]|\\\\[^\\n])*\"" }, { "LETTER", "[a-zA-Z]" },
    { "WORD", "[a-zA-Z]+" }, { "CNAME", "[a-zA-Z_][a-zA-Z_0-9]*" }, { "WS", "[ \\t\\f\\r\\n]+" },
    { "WS_INLINE", "[ \\t]+" }, { "NEWLINE", "(\\r?\\n)+" }, { "LF", "\\n" }, { "CR", "\\r" },
};

static void gl_import(gl_reader *r)
{
    const char *from;
    size_t n;

    gl_skip(r, false);
    if (!gl_take(r, "common.")) {
        (void)gl_fail(r, MLC_EUNSUPPORTED, r->p, "only common.X can be imported");
        return;
    }
    from = r->p;
    n = gl_name(r, from);
    r->p += n;
    for (size_t i = 0; i < sizeof gl_common / sizeof *gl_common; i++) {
        uint32_t rule;

        if (strlen(gl_common[i].name) != n || memcmp(gl_common[i].name, from, n) != 0)
            continue;
        rule = gl_rule_of(r, from, n);
        r->terminal = true;
        r->rules[rule].tree = gl_regex(r, gl_common[i].pattern,
                                       gl_common[i].pattern + strlen(gl_common[i].pattern));
        r->terminal = false;
        return;
    }
    (void)gl_fail(r, MLC_EUNSUPPORTED, from, "common has no such terminal here");
}

static void gl_directive(gl_reader *r)
{
    const char *from = r->p;

    if (gl_take(r, "%import")) {
        gl_import(r);
    } else if (gl_take(r, "%ignore")) {
        gl_tree *t, *old = r->ignored;

        r->terminal = true;
        gl_skip(r, false);
        t = gl_choice(r, false);
        r->terminal = false;
        if (old != NULL && t != NULL) {
            gl_tree *both = gl_new(r, GL_SEQ, 0, old);

            t = both != NULL ? gl_list(r, GL_ANY, both, t) : NULL;
        }
        r->ignored = t;
    } else {
        (void)gl_fail(r, MLC_EUNSUPPORTED, from, "only %import and %ignore are supported");
    }
}

static void gl_read_rule(gl_reader *r)
{
    const char *from;
    uint32_t rule;
    gl_tree *t;
    size_t n;

    if (r->lark && *r->p == '%') {
        gl_directive(r);
        return;
    }
    while (r->lark && (gl_take(r, "?") || gl_take(r, "!")))
        ;
    from = r->p;
    n = gl_name(r, from);
    if (n == 0 || !gl_at_rule(r, from)) {
        (void)gl_fail(r, MLC_EFORMAT, from, r->lark ? "no \"name:\"" : "no \"name ::=\"");
        return;
    }
    r->p += n;
    while (r->p < r->end && *r->p != ':')
        r->p++;
    (void)(gl_take(r, "::=") || gl_take(r, ":"));
    rule = gl_rule_of(r, from, n);
    r->terminal = r->lark && *from >= 'A' && *from <= 'Z';
    t = gl_choice(r, false);
    r->terminal = false;
    if (t == NULL)
        return;
    t = gl_left(r, rule, t);
    if (r->rules[rule].tree != NULL)
        (void)gl_fail(r, MLC_EFORMAT, from, "a rule of that name is there already");
    r->rules[rule].tree = t;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static uint32_t gl_node(gl_reader *r, mlci_cfg_kind kind, uint32_t what, uint32_t next)
{
    uint32_t n = mlci_cfg_node_add(r->g, kind, what, next);

    if (n == 0)
        (void)gl_fail(r, MLC_ENOMEM, r->text, "more than a million nodes");
    return n;
}

/* The node of a tree that goes on at `next`. */
static uint32_t gl_nodes(gl_reader *r, const gl_tree *t, uint32_t next)
{
    const gl_tree *items[256];
    uint32_t n = 0, node = next, loop;

    if (r->status != MLC_OK)
        return 0;
    switch (t->kind) {
    case GL_READ: return gl_node(r, MLCI_CFG_READ, t->what, next);
    case GL_RULE: return gl_node(r, MLCI_CFG_CALL, t->what, next);
    case GL_SEQ:                         /* from the end, 256 at a time */
        for (const gl_tree *x = t->first; x != NULL; x = x->next) {
            if (n == 256) {
                gl_tree rest = { .kind = GL_SEQ, .first = (gl_tree *)(uintptr_t)x };

                node = gl_nodes(r, &rest, next);
                break;
            }
            items[n++] = x;
        }
        while (n-- > 0)
            node = gl_nodes(r, items[n], node);
        return node;
    case GL_ANY:
        node = t->first != NULL ? gl_nodes(r, t->first, next)
                                : gl_node(r, MLCI_CFG_READ, MLCI_RX_NONE, next);
        for (const gl_tree *x = t->first != NULL ? t->first->next : NULL; x != NULL; x = x->next) {
            loop = gl_nodes(r, x, next);
            node = gl_node(r, MLCI_CFG_CHOOSE, loop, node);
        }
        return node;
    default:
        if (t->max == UINT32_MAX) {
            loop = gl_node(r, MLCI_CFG_CHOOSE, 0, next);
            node = gl_nodes(r, t->first, loop);
            if (r->status == MLC_OK)
                r->g->nodes[loop].what = node;
            node = loop;
        }
        for (uint32_t i = t->min; t->max != UINT32_MAX && i < t->max; i++) {
            loop = gl_nodes(r, t->first, node);
            node = gl_node(r, MLCI_CFG_CHOOSE, loop, next);
        }
        for (uint32_t i = 0; i < t->min; i++)
            node = gl_nodes(r, t->first, node);
        return node;
    }
}

/* What is reached of rules before anything is read. */
typedef struct gl_first {
    const mlci_cfg *g;
    uint8_t *nodes;                  /* been there                                   */
    uint8_t *rules;                  /* 1 being looked at, 2 fine                    */
    uint8_t *empty;                  /* of a node: the rule can end without reading  */
    uint32_t depth;
} gl_first;

static void gl_find_empty(gl_first *f)
{
    bool more = true;

    f->empty[0] = 1;
    while (more) {
        more = false;
        for (size_t i = f->g->n_nodes; i-- > 1;) {
            const mlci_cfg_node *x = &f->g->nodes[i];
            bool empty = f->empty[x->next] != 0;

            if (x->kind == MLCI_CFG_READ)
                empty = empty && mlci_rx_nullable(f->g->rx, x->what);
            else if (x->kind == MLCI_CFG_CALL)
                empty = empty && f->empty[f->g->rules[x->what]] != 0;
            else if (x->kind == MLCI_CFG_CHOOSE)
                empty = empty || f->empty[x->what] != 0;
            more |= empty && f->empty[i] == 0;
            f->empty[i] = empty;
        }
    }
}

/* Is a rule called while it is being called, before anything was read? */
static bool gl_loops(gl_first *f, uint32_t node)
{
    const mlci_cfg_node *x = &f->g->nodes[node];
    bool r = false;

    if (x->kind == MLCI_CFG_END || f->nodes[node] != 0)
        return false;
    if (f->depth == 5000)
        return true;
    f->nodes[node] = 1;
    f->depth++;
    if (x->kind == MLCI_CFG_CHOOSE)
        r = gl_loops(f, x->what);
    if (x->kind == MLCI_CFG_CALL && f->rules[x->what] != 2) {
        r = f->rules[x->what] == 1;
        f->rules[x->what] = 1;
        r = r || gl_loops(f, f->g->rules[x->what]);
        f->rules[x->what] = 2;
    }
    if (!r && (x->kind == MLCI_CFG_CHOOSE
               || (x->kind == MLCI_CFG_READ && mlci_rx_nullable(f->g->rx, x->what))
               || (x->kind == MLCI_CFG_CALL && f->empty[f->g->rules[x->what]] != 0)))
        r = gl_loops(f, x->next);
    f->depth--;
    return r;
}

static bool gl_any_loops(gl_reader *r)
{
    gl_first f = { .g = r->g };

    f.nodes = mlci_arena_new(&r->arena, r->g->n_nodes, 1);
    f.empty = mlci_arena_new(&r->arena, r->g->n_nodes, 1);
    f.rules = mlci_arena_new(&r->arena, r->n_rules, 1);
    if (f.nodes == NULL || f.empty == NULL || f.rules == NULL) {
        (void)gl_fail(r, MLC_ENOMEM, r->text, "the grammar is too large");
        return false;
    }
    gl_find_empty(&f);
    for (size_t i = 0; i < r->n_rules; i++) {
        if (f.rules[i] != 0)
            continue;
        f.rules[i] = 1;
        if (gl_loops(&f, r->g->rules[i])) {
            (void)gl_fail(r, MLC_EUNSUPPORTED, r->rules[i].name,
                          "left recursion by way of other or of empty rules is unsupported");
            return true;
        }
        f.rules[i] = 2;
    }
    return false;
}

static void gl_finish(gl_reader *r)
{
    mlci_cfg *g = r->g;
    void *rules = g->rules;

    if (!mlci_grow(g->ctx, &rules, &g->cap_rules, r->n_rules, sizeof *g->rules)) {
        (void)gl_fail(r, MLC_ENOMEM, r->text, "out of memory");
        return;
    }
    g->rules = rules;
    g->n_rules = r->n_rules;
    for (size_t i = 0; i < r->n_rules && r->status == MLC_OK; i++) {
        char what[120];

        snprintf(what, sizeof what, "there is no rule \"%.*s\"", (int)mlci_min(r->rules[i].n, 60),
                 r->rules[i].name);
        if (r->rules[i].tree == NULL)
            (void)gl_fail(r, MLC_EFORMAT, r->rules[i].used, what);
        else
            g->rules[i] = gl_nodes(r, r->rules[i].tree, 0);
    }
    if (r->status == MLC_OK && !gl_any_loops(r) && r->status == MLC_OK
        && (g->rx->status != MLC_OK || !mlci_cfg_ready(g)))
        (void)gl_fail(r, MLC_ENOMEM, r->text, "the grammar is too large");
}

mlc_status mlci_cfg_open(mlci_cfg *g, mlc_context *ctx, mlci_rx_store *rx, mlci_tuples *tuples,
                         const char *text, size_t n, int notation, mlc_error *err)
{
    gl_reader r = { .g = g, .text = text, .p = text, .end = text + n, .err = err,
                    .lark = notation == MLCI_CFG_LARK, .status = MLC_OK };

    *g = (mlci_cfg){ .ctx = ctx, .rx = rx, .tuples = tuples };
    mlci_arena_init(&r.arena, ctx, (size_t)64 << 20);
    if (mlci_cfg_node_add(g, MLCI_CFG_END, 0, 0) != 0 || g->n_nodes != 1)
        (void)gl_fail(&r, MLC_ENOMEM, text, "out of memory");
    if (memchr(text, 0, n) != NULL || !mlci_utf8_valid(text, n))
        (void)gl_fail(&r, MLC_EFORMAT, text, "not UTF-8 text");
    (void)gl_rule_of(&r, r.lark ? "start" : "root", r.lark ? 5 : 4);
    for (gl_skip(&r, true); r.p < r.end && r.status == MLC_OK; gl_skip(&r, true))
        gl_read_rule(&r);
    if (r.status == MLC_OK && r.rules[0].tree == NULL)
        (void)gl_fail(&r, MLC_EFORMAT, text, r.lark ? "there is no rule \"start\""
                                                    : "there is no rule \"root\"");
    if (r.status == MLC_OK)
        gl_finish(&r);
    mlci_delete(ctx, r.rules, r.cap_rules, sizeof *r.rules);
    mlci_arena_reset(&r.arena);
    if (r.status != MLC_OK)
        mlci_cfg_close(g);
    return r.status;
}
