/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_lex.c - a template's text to tokens, with the white-space rules of
 * jinja2/lexer.py: trim_blocks (the newline behind a block or comment tag
 * goes), lstrip_blocks (blanks between the start of a line and such a tag go),
 * "-" (all white space on that side goes), "+" (neither rule on that side).
 */
#include "jinja.h"
#include "../base/number.h"
#include "../base/utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct jl_lexer {
    mlci_arena *arena;
    const char *s;          /* text with line ends as \n                     */
    size_t      n, i;
    uint32_t    line;
    jt_token   *tokens;
    size_t      n_tokens, cap;
    bool        line_start; /* i is at the start of a line                   */
    bool        strip_next; /* the last tag ended with "-"                   */
    mlc_error  *err;
} jl_lexer;

static mlc_status jl_error(jl_lexer *l, const char *what)
{
    return mlci_fail(l->err, MLC_EFORMAT, 0, "template line %u: %s", l->line, what);
}

static bool jl_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool jl_at(const jl_lexer *l, size_t i, const char *text)
{
    size_t n = strlen(text);

    return l->n - i >= n && memcmp(l->s + i, text, n) == 0;
}

static jt_token *jl_add(jl_lexer *l, jt_kind kind, const char *p, size_t n)
{
    jt_token *t;

    if (l->n_tokens == l->cap) {
        size_t cap = l->cap == 0 ? 256 : l->cap * 2;
        jt_token *bigger = mlci_arena_new(l->arena, cap, sizeof *bigger);

        if (bigger == NULL)
            return NULL;
        if (l->n_tokens > 0)
            memcpy(bigger, l->tokens, l->n_tokens * sizeof *bigger);
        l->tokens = bigger;
        l->cap = cap;
    }
    t = &l->tokens[l->n_tokens++];
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->line = l->line;
    t->text.p = p;
    t->text.n = n;
    return t;
}

static void jl_count_lines(jl_lexer *l, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        l->line += l->s[i] == '\n';
}

/* The text before a tag at position tag. */
static mlc_status jl_data(jl_lexer *l, size_t tag, bool is_tag)
{
    size_t from = l->i, to = tag;
    char c = is_tag && l->s[tag + 1] != '{' ? l->s[tag + 2] : 0;
    char sign = is_tag ? l->s[tag + 2] : 0;

    if (l->strip_next)
        while (from < to && jl_space(l->s[from]))
            from++;
    l->strip_next = false;
    if (sign == '-') {
        while (to > from && jl_space(l->s[to - 1]))
            to--;
    } else if (is_tag && l->s[tag + 1] != '{' && c != '+') {
        size_t start = to;

        while (start > l->i && l->s[start - 1] != '\n')
            start--;
        if (start > l->i || l->line_start) {
            size_t k = start;

            while (k < to && (l->s[k] == ' ' || l->s[k] == '\t'))
                k++;
            if (k == to && start >= from)
                to = start;
            else if (k == to)
                to = from;
        }
    }
    if (to > from && jl_add(l, JT_DATA, l->s + from, to - from) == NULL)
        return mlci_nomem(l->err, "template");
    jl_count_lines(l, l->i, tag);
    l->i = tag;
    return MLC_OK;
}

/* Behind the closing "%}" or "#}" that ends at l->i. */
static void jl_after_tag(jl_lexer *l, char sign, bool trims)
{
    l->strip_next = sign == '-';
    l->line_start = false;
    if (trims && sign != '+' && sign != '-' && l->i < l->n && l->s[l->i] == '\n') {
        l->i++;
        l->line++;
        l->line_start = true;
    }
}

/* ---- inside tags -------------------------------------------------------------- */

static int jl_digit(char c, int base)
{
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
          : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;

    return d < base ? d : -1;
}

/* Python's escapes; an unknown one keeps its backslash.  p is behind the
 * backslash; returns how much was used. */
static size_t jl_escape(const char *p, size_t n, char **out)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = p[0] != 0 ? strchr(from, p[0]) : NULL;
    size_t digits = p[0] == 'x' ? 2 : p[0] == 'u' ? 4 : p[0] == 'U' ? 8 : 0, i;
    int32_t cp = 0;

    if (at != NULL) {
        *(*out)++ = to[at - from];
        return 1;
    }
    if (p[0] == '\n')
        return 1;
    if (digits > 0) {
        for (i = 1; i <= digits && i < n && jl_digit(p[i], 16) >= 0; i++)
            cp = (int32_t)((uint32_t)cp << 4 | (uint32_t)jl_digit(p[i], 16));
        if (i == digits + 1) {
            *out += mlci_utf8_write(cp, *out);
            return i;
        }
    }
    if (jl_digit(p[0], 8) >= 0) {
        for (i = 0; i < 3 && i < n && jl_digit(p[i], 8) >= 0; i++)
            cp = cp * 8 + jl_digit(p[i], 8);
        *out += mlci_utf8_write(cp, *out);
        return i;
    }
    *(*out)++ = '\\';
    return 0;
}

static mlc_status jl_string(jl_lexer *l)
{
    char quote = l->s[l->i];
    size_t from = l->i + 1, to = from;
    char *out, *start;

    while (to < l->n && l->s[to] != quote)
        to += l->s[to] == '\\' ? 2 : 1;
    if (to >= l->n)
        return jl_error(l, "string without an end");
    /* An escape of n characters gives at most n bytes, \uXXXX 3, \UXXXXXXXX 4. */
    start = out = mlci_arena_new(l->arena, to - from + 1, 1);
    if (out == NULL)
        return mlci_nomem(l->err, "template");
    for (size_t i = from; i < to; ) {
        if (l->s[i] == '\\' && i + 1 < to) {
            i++;
            i += jl_escape(l->s + i, to - i, &out);
        } else {
            *out++ = l->s[i++];
        }
    }
    if (jl_add(l, JT_STRING, start, (size_t)(out - start)) == NULL)
        return mlci_nomem(l->err, "template");
    jl_count_lines(l, l->i, to + 1);
    l->i = to + 1;
    return MLC_OK;
}

static mlc_status jl_number(jl_lexer *l)
{
    char digits[64];
    size_t i = l->i, n = 0;
    bool is_float = false;
    jt_token *t;

    for (; i < l->n && n < sizeof digits; i++) {
        char c = l->s[i];

        if (c == '_')
            continue;
        if (c == '.' && !is_float && i + 1 < l->n && jl_digit(l->s[i + 1], 10) >= 0)
            is_float = true;
        else if ((c == 'e' || c == 'E') && i + 1 < l->n
                 && (jl_digit(l->s[i + 1], 10) >= 0
                     || (i + 2 < l->n && (l->s[i + 1] == '-' || l->s[i + 1] == '+')
                         && jl_digit(l->s[i + 2], 10) >= 0))) {
            is_float = true;
            digits[n++] = c;
            c = l->s[++i];
            if (n == sizeof digits)
                break;
        } else if (jl_digit(c, 10) < 0) {
            break;
        }
        digits[n++] = c;
    }
    t = jl_add(l, is_float ? JT_FLOAT : JT_INT, l->s + l->i, i - l->i);
    if (t == NULL)
        return mlci_nomem(l->err, "template");
    if (is_float ? !mlci_read_double(digits, n, &t->number)
                 : !mlci_read_int(digits, n, &t->integer))
        return jl_error(l, "number out of range");
    l->i = i;
    return MLC_OK;
}

static bool jl_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
        || (unsigned char)c >= 0x80 || (!first && c >= '0' && c <= '9');
}

static mlc_status jl_operator(jl_lexer *l)
{
    static const char *const ops[] = { "//", "**", "==", "!=", "<=", ">=", "+", "-",
        "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ".", ",",
        ":", "|", ";" };

    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
        if (jl_at(l, l->i, ops[k])) {
            if (jl_add(l, JT_OP, ops[k], strlen(ops[k])) == NULL)
                return mlci_nomem(l->err, "template");
            l->i += strlen(ops[k]);
            return MLC_OK;
        }
    return jl_error(l, "unexpected character");
}

/* Tokens up to and with the closing tag, "%}" or "}}". */
static mlc_status jl_inside(jl_lexer *l, const char *close, jt_kind end)
{
    int open = 0;  /* a "}}" inside a dict literal is two brackets */
    mlc_status st;

    for (;;) {
        char c;
        size_t k;

        while (l->i < l->n && jl_space(l->s[l->i]))
            l->line += l->s[l->i++] == '\n';
        if (l->i >= l->n)
            return jl_error(l, "tag without an end");
        c = l->s[l->i];
        k = l->i + ((c == '-' || c == '+') ? 1 : 0);
        if (open == 0 && jl_at(l, k, close)) {
            char sign = k > l->i ? c : 0;

            if (jl_add(l, end, close, 2) == NULL)
                return mlci_nomem(l->err, "template");
            l->i = k + 2;
            jl_after_tag(l, sign, end == JT_BLOCK_END);
            return MLC_OK;
        }
        if (c == '{' || c == '[' || c == '(')
            open++;
        else if (c == '}' || c == ']' || c == ')')
            open -= open > 0;
        if (c == '"' || c == '\'') {
            st = jl_string(l);
        } else if (c >= '0' && c <= '9') {
            st = jl_number(l);
        } else if (jl_name_char(c, true)) {
            for (k = l->i; k < l->n && jl_name_char(l->s[k], false); k++)
                ;
            st = jl_add(l, JT_NAME, l->s + l->i, k - l->i) != NULL ? MLC_OK
               : mlci_nomem(l->err, "template");
            l->i = k;
        } else {
            st = jl_operator(l);
        }
        if (st != MLC_OK)
            return st;
    }
}

static mlc_status jl_comment(jl_lexer *l)
{
    size_t k = l->i + 2;

    while (k < l->n && !jl_at(l, k, "#}"))
        k++;
    if (k >= l->n)
        return jl_error(l, "comment without an end");
    jl_count_lines(l, l->i, k);
    l->i = k + 2;
    jl_after_tag(l, k > 0 ? l->s[k - 1] : 0, true);
    return MLC_OK;
}

/* "{% raw %}" at l->i: everything up to "{% endraw %}" is data. */
static bool jl_raw_tag(const jl_lexer *l, size_t i, const char *word, size_t *end,
                       char *sign)
{
    size_t k = i + 2;

    if (!jl_at(l, i, "{%"))
        return false;
    if (k < l->n && (l->s[k] == '-' || l->s[k] == '+'))
        k++;
    while (k < l->n && jl_space(l->s[k]))
        k++;
    if (!jl_at(l, k, word))
        return false;
    k += strlen(word);
    while (k < l->n && jl_space(l->s[k]))
        k++;
    *sign = 0;
    if (k < l->n && (l->s[k] == '-' || l->s[k] == '+'))
        *sign = l->s[k++];
    *end = k + 2;
    return jl_at(l, k, "%}");
}

static mlc_status jl_raw(jl_lexer *l, size_t body, char sign)
{
    size_t k = body, end = 0;
    char end_sign = 0;
    mlc_status st;

    jl_count_lines(l, l->i, body);
    l->i = body;
    jl_after_tag(l, sign, true);
    while (k < l->n && !jl_raw_tag(l, k, "endraw", &end, &end_sign))
        k++;
    if (k >= l->n)
        return jl_error(l, "raw block without an end");
    st = jl_data(l, k, true);
    jl_count_lines(l, k, end);
    l->i = end;
    jl_after_tag(l, end_sign, true);
    return st;
}

static mlc_status jl_tag(jl_lexer *l)
{
    bool block = l->s[l->i + 1] == '%';
    size_t body;
    char sign;

    if (l->s[l->i + 1] == '#')
        return jl_comment(l);
    if (jl_raw_tag(l, l->i, "raw", &body, &sign))
        return jl_raw(l, body, sign);
    if (jl_add(l, block ? JT_BLOCK_BEGIN : JT_VAR_BEGIN, l->s + l->i, 2) == NULL)
        return mlci_nomem(l->err, "template");
    l->i += 2;
    if (l->i < l->n && (l->s[l->i] == '-' || l->s[l->i] == '+'))
        l->i++;
    return block ? jl_inside(l, "%}", JT_BLOCK_END) : jl_inside(l, "}}", JT_VAR_END);
}

mlc_status mlci_jinja_lex(mlci_arena *arena, const char *text, size_t n,
                          jt_token **tokens, mlc_error *err)
{
    jl_lexer l = { .arena = arena, .line = 1, .line_start = true, .err = err };
    char *copy = mlci_arena_new(arena, n + 4, 1);  /* NULs: looking ahead is safe */

    if (copy == NULL)
        return mlci_nomem(err, "template");
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n')
            continue;
        copy[l.n++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (l.n > 0 && copy[l.n - 1] == '\n')  /* keep_trailing_newline is off */
        l.n--;
    copy[l.n] = 0;
    l.s = copy;
    while (l.i < l.n) {
        size_t k = l.i;
        mlc_status st;

        while (k < l.n && !(copy[k] == '{' && (copy[k + 1] == '{' || copy[k + 1] == '%'
                                               || copy[k + 1] == '#')))
            k++;
        st = jl_data(&l, k, k < l.n);
        if (st == MLC_OK && k < l.n)
            st = jl_tag(&l);
        if (st != MLC_OK)
            return st;
    }
    if (jl_add(&l, JT_END, "", 0) == NULL)
        return mlci_nomem(err, "template");
    *tokens = l.tokens;
    return MLC_OK;
}
