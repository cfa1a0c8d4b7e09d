/* SPDX-License-Identifier: Apache-2.0
 *
 * lex.h - words of the compiler's text form.
 *
 * Names may have dots in them ("blk.0.attn_q"); # begins a comment.  An error
 * says the line.
 */
#ifndef MLCI_LEX_H
#define MLCI_LEX_H

#include "../base/config.h"
#include "tir/tir.h"

typedef enum mlci_lexeme { MLCI_W_END, MLCI_W_NAME, MLCI_W_NUMBER, MLCI_W_TEXT,
                         MLCI_W_SIGN } mlci_lexeme;

typedef struct mlci_lex {
    mlci_tir   *t;
    const char *p, *end;
    uint32_t    line;
    mlci_lexeme   word;       /* the current one                                */
    mlci_text   text;       /* its letters; of a text what the quotes hold    */
    bool        whole;      /* number: an integer                             */
    uint32_t    depth;      /* of nesting                                     */
} mlci_lex;

void mlci_lex_begin(mlci_lex *x, mlci_tir *t, const char *text, size_t n);
void mlci_lex_next(mlci_lex *x);
mlc_status mlci_lex_fail(mlci_lex *x, const char *fmt, ...) MLCI_PRINTF(2, 3);

/* Is the current word this sign or name? take: and go on if so. */
bool mlci_lex_is(const mlci_lex *x, const char *text);
bool mlci_lex_take(mlci_lex *x, const char *text);
/* It must be; says what was found instead. */
void mlci_lex_want(mlci_lex *x, const char *text);
/* A name, copied into the arena; "" after an error. */
const char *mlci_lex_name(mlci_lex *x);

/* Sizes by name, as a program or a function declares them. */
typedef struct mlci_scope {
    const char *names[MLCI_MAX_PROGRAM_SYMBOLS];
    mlci_dim    dims[MLCI_MAX_PROGRAM_SYMBOLS];
    uint32_t    n;
} mlci_scope;

/* The dim of that name; if there is none a new one (declare) or MLCI_DIM_SAME. */
mlci_dim mlci_scope_find(mlci_scope *s, mlci_lex *x, mlci_text name, bool declare);

/* parse.c: a program, its keyword already taken; rank: what "..." stands for.
 * skip: go over it without building; *end is behind its last brace. */
mlci_program *mlci_program_parse(mlci_lex *x, uint32_t rank);
void mlci_program_skip(mlci_lex *x, bool *has_rest, const char **end);

/* A dim over the symbols for which find() knows a dim (MLCI_DIM_SAME: unknown). */
typedef mlci_dim mlci_find_symbol(void *user, mlci_lex *x, mlci_text name);
mlci_dim mlci_dim_parse(mlci_lex *x, mlci_find_symbol *find, void *user);

bool mlci_dtype_parse(mlci_text name, mlci_dtype *out);

#endif
