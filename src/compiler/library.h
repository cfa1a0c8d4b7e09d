/* SPDX-License-Identifier: Apache-2.0
 *
 * library.h - programs by name: the definitions in kernels/defs, and a user's own.
 *
 * A text is looked through once; a program is read when it is first asked for, and
 * once for each rank that its "..." stands for.  Its pattern is computed then.
 */
#ifndef MLCI_LIBRARY_H
#define MLCI_LIBRARY_H

#include "lex.h"

typedef struct mlci_library {
    mlci_tir *t;
    struct mlci_library_entry *entries;   /* newest first                      */
} mlci_library;

/* The library's own definitions. */
mlc_status mlci_library_init(mlci_library *l, mlci_tir *t);
/* More: text stays the caller's and must outlive the library.  A name that is
 * there already is hidden by the new one. */
mlc_status mlci_library_add(mlci_library *l, const char *text, size_t n);
/* The program; rank is that of "..." (ignored if it has none).  NULL and no error
 * if there is none of that name. */
mlci_program *mlci_library_find(mlci_library *l, const char *name, uint32_t rank);
/* One program of the text at the lexer, "program" being taken. */
mlc_status mlci_library_read(mlci_library *l, mlci_lex *x);
/* The i-th program as text, newest first: with "..." as it was written, since it has
 * no one rank. */
void mlci_library_print(mlci_library *l, uint32_t i, mlci_buf *out);
/* Names, newest first; false at the end. */
bool mlci_library_name(const mlci_library *l, uint32_t i, const char **name, bool *has_rest);

/* kernels/defs as one text, made by the Makefile. */
extern const char mlci_definitions[];

#endif
