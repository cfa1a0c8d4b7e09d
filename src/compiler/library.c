/* SPDX-License-Identifier: Apache-2.0
 *
 * library.c - library.h.
 */
#include "library.h"

#include <string.h>

struct mlci_library_entry {
    struct mlci_library_entry *next;
    const char  *name;
    mlci_lex     at;                      /* behind the keyword                */
    const char  *end;                     /* of its text                       */
    bool         has_rest;
    mlci_program *ranks[MLCI_MAX_RANK + 1];
};

mlc_status mlci_library_read(mlci_library *l, mlci_lex *x)
{
    struct mlci_library_entry *e = mlci_arena_new(l->t->arena, 1, sizeof *e);

    if (e == NULL)
        return mlci_tir_fail(l->t, MLC_ENOMEM, "out of memory: definitions");
    e->at = *x;
    e->name = mlci_lex_name(x);
    mlci_program_skip(x, &e->has_rest, &e->end);
    e->next = l->entries;
    l->entries = e;
    return l->t->status;
}

mlc_status mlci_library_add(mlci_library *l, const char *text, size_t n)
{
    mlci_lex x;

    mlci_lex_begin(&x, l->t, text, n);
    while (l->t->status == MLC_OK && x.word != MLCI_W_END) {
        mlci_lex_want(&x, "program");
        (void)mlci_library_read(l, &x);
    }
    return l->t->status;
}

mlc_status mlci_library_init(mlci_library *l, mlci_tir *t)
{
    l->t = t;
    l->entries = NULL;
    return mlci_library_add(l, mlci_definitions, strlen(mlci_definitions));
}

mlci_program *mlci_library_find(mlci_library *l, const char *name, uint32_t rank)
{
    struct mlci_library_entry *e = l->entries;
    mlci_lex x;

    while (e != NULL && strcmp(e->name, name) != 0)
        e = e->next;
    if (e == NULL || l->t->status != MLC_OK || rank > MLCI_MAX_RANK)
        return NULL;
    if (!e->has_rest)
        rank = 0;
    if (e->ranks[rank] == NULL) {
        x = e->at;
        e->ranks[rank] = mlci_program_parse(&x, rank);
        if (e->ranks[rank] != NULL)
            e->ranks[rank]->pattern = mlci_program_pattern(l->t, e->ranks[rank]);
        if (e->ranks[rank] != NULL)
            e->ranks[rank]->rowwise = mlci_program_rowwise(l->t, e->ranks[rank]);
    }
    return e->ranks[rank];
}

static struct mlci_library_entry *lb_entry(const mlci_library *l, uint32_t i)
{
    struct mlci_library_entry *e = l->entries;

    while (e != NULL && i-- > 0)
        e = e->next;
    return e;
}

void mlci_library_print(mlci_library *l, uint32_t i, mlci_buf *out)
{
    const struct mlci_library_entry *e = lb_entry(l, i);
    const mlci_program *p = NULL;

    if (e != NULL && e->has_rest) {
        mlci_buf_text(out, "program ");
        mlci_buf_put(out, e->at.text.p, (size_t)(e->end - e->at.text.p));
        mlci_buf_char(out, '\n');
    } else if (e != NULL) {
        p = mlci_library_find(l, e->name, 0);
    }
    if (p != NULL)
        mlci_program_print(l->t, p, out);
}

bool mlci_library_name(const mlci_library *l, uint32_t i, const char **name, bool *has_rest)
{
    const struct mlci_library_entry *e = lb_entry(l, i);

    if (e == NULL)
        return false;
    *name = e->name;
    *has_rest = e->has_rest;
    return true;
}
