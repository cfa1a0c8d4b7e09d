/* SPDX-License-Identifier: Apache-2.0
 *
 * lex.c - lex.h.
 */
#include "lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool lx_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool lx_digit(char c) { return c >= '0' && c <= '9'; }

mlc_status mlci_lex_fail(mlci_lex *x, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    x->word = MLCI_W_END;
    x->p = x->end;
    return mlci_tir_fail(x->t, MLC_EFORMAT, "line %u: %s", x->line, text);
}

static void lx_blank(mlci_lex *x)
{
    while (x->p < x->end) {
        if (*x->p == '#') {
            while (x->p < x->end && *x->p != '\n')
                x->p++;
        } else if (*x->p == '\n') {
            x->line++;
            x->p++;
        } else if (*x->p == ' ' || *x->p == '\t' || *x->p == '\r') {
            x->p++;
        } else {
            return;
        }
    }
}

static void lx_number(mlci_lex *x)
{
    x->whole = true;
    while (x->p < x->end && (lx_digit(*x->p) || *x->p == '.' || *x->p == 'e'
                             || ((*x->p == '+' || *x->p == '-') && x->p[-1] == 'e'))) {
        x->whole = x->whole && lx_digit(*x->p);
        x->p++;
    }
}

static void lx_sign(mlci_lex *x)
{
    static const char *const signs[] = { "...", "->", "<<", ">>", "<=", ">=", "==", "!=",
                                         "+=" };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen(signs[i]);

        if ((size_t)(x->end - x->p) >= n && memcmp(x->p, signs[i], n) == 0) {
            x->p += n;
            return;
        }
    }
    x->p++;
}

void mlci_lex_next(mlci_lex *x)
{
    const char *from;

    lx_blank(x);
    from = x->p;
    x->text = (mlci_text){ from, 0 };
    if (x->p == x->end || x->t->status != MLC_OK) {
        x->word = MLCI_W_END;
        return;
    }
    if (lx_letter(*x->p)) {
        x->word = MLCI_W_NAME;
        while (x->p < x->end && (lx_letter(*x->p) || lx_digit(*x->p) || *x->p == '.'))
            x->p++;
    } else if (lx_digit(*x->p)) {
        x->word = MLCI_W_NUMBER;
        lx_number(x);
    } else if (*x->p == '"') {
        x->word = MLCI_W_TEXT;
        do
            x->p++;
        while (x->p < x->end && *x->p != '"' && *x->p != '\n');
        if (x->p == x->end || *x->p == '\n') {
            (void)mlci_lex_fail(x, "a text without its end");
            return;
        }
        x->text = (mlci_text){ from + 1, (size_t)(x->p - from) - 1 };
        x->p++;
        return;
    } else {
        x->word = MLCI_W_SIGN;
        lx_sign(x);
    }
    x->text.n = (size_t)(x->p - from);
}

void mlci_lex_begin(mlci_lex *x, mlci_tir *t, const char *text, size_t n)
{
    *x = (mlci_lex){ .t = t, .p = text, .end = text + n, .line = 1 };
    mlci_lex_next(x);
}

bool mlci_lex_is(const mlci_lex *x, const char *text)
{
    return (x->word == MLCI_W_NAME || x->word == MLCI_W_SIGN) && mlci_text_is(x->text, text);
}

bool mlci_lex_take(mlci_lex *x, const char *text)
{
    if (!mlci_lex_is(x, text))
        return false;
    mlci_lex_next(x);
    return true;
}

void mlci_lex_want(mlci_lex *x, const char *text)
{
    if (!mlci_lex_take(x, text) && x->t->status == MLC_OK)
        (void)mlci_lex_fail(x, "expected \"%s\", found \"%.*s\"", text,
                            (int)mlci_min(x->text.n, 40), x->text.p);
}

const char *mlci_lex_name(mlci_lex *x)
{
    const char *name;

    if (x->word != MLCI_W_NAME) {
        if (x->t->status == MLC_OK)
            (void)mlci_lex_fail(x, "expected a name, found \"%.*s\"",
                                (int)mlci_min(x->text.n, 40), x->text.p);
        return "";
    }
    name = mlci_arena_copy(x->t->arena, x->text.p, x->text.n);
    if (name == NULL)
        mlci_tir_fail(x->t, MLC_ENOMEM, "out of memory: module");
    mlci_lex_next(x);
    return name != NULL ? name : "";
}

bool mlci_dtype_parse(mlci_text name, mlci_dtype *out)
{
    for (int i = 0; i < MLCI_DT_COUNT; i++)
        if (mlci_text_is(name, mlci_dtype_table[i].name)) {
            *out = (mlci_dtype)i;
            return true;
        }
    return false;
}

mlci_dim mlci_scope_find(mlci_scope *s, mlci_lex *x, mlci_text name, bool declare)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (mlci_text_is(name, s->names[i]))
            return s->dims[i];
    if (!declare)
        return MLCI_DIM_SAME;
    if (s->n == MLCI_MAX_PROGRAM_SYMBOLS) {
        (void)mlci_lex_fail(x, "more than %d symbols", MLCI_MAX_PROGRAM_SYMBOLS);
        return 0;
    }
    s->names[s->n] = mlci_arena_copy(x->t->arena, name.p, name.n);
    if (s->names[s->n] == NULL) {
        mlci_tir_fail(x->t, MLC_ENOMEM, "out of memory: sizes");
        return 0;
    }
    s->dims[s->n] = mlci_dim_fresh(x->t->dims, s->names[s->n], INT64_MAX);
    return s->dims[s->n++];
}
