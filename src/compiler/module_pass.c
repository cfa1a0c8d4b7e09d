/* SPDX-License-Identifier: Apache-2.0
 *
 * module_pass.c - passes over modules as text: equal statements become one, unused ones
 * go, programs that follow each other become one.
 *
 * A pass changes the statements; whoever runs it prints the module and reads it again,
 * which deduces all types anew.
 */
#include "module.h"
#include "pass.h"

#include <stdio.h>
#include <string.h>

/* ---- common ---------------------------------------------------------------------------- */

static bool mp_same(const mlci_stmt *a, const mlci_stmt *b)
{
    return a->kind == MLCI_S_PROGRAM && b->kind == MLCI_S_PROGRAM && a->program == b->program
        && a->n_args == b->n_args && a->n_scalars == b->n_scalars
        && memcmp(a->args, b->args, a->n_args * sizeof *a->args) == 0
        && memcmp(a->scalars, b->scalars, a->n_scalars * sizeof *a->scalars) == 0;
}

static void mp_replace(mlci_function *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i < f->n_stmts; i++)
        for (uint32_t k = 0; k < f->stmts[i].n_args; k++)
            if (f->stmts[i].args[k] == from)
                f->stmts[i].args[k] = to;
    if (f->result == from)
        f->result = to;
}

static void mp_common(mlci_text_module *m, mlci_function *f)
{
    (void)m;
    for (uint32_t i = f->n_params; i < f->n_stmts; i++)
        for (uint32_t k = f->n_params; k < i; k++)
            if (mp_same(&f->stmts[k], &f->stmts[i])) {
                mp_replace(f, i, k);
                break;
            }
}

/* ---- dead -------------------------------------------------------------------------------- */

static uint32_t mp_uses(const mlci_function *f, uint32_t stmt)
{
    uint32_t n = f->result == stmt;

    for (uint32_t i = stmt + 1; i < f->n_stmts; i++)
        for (uint32_t k = 0; k < f->stmts[i].n_args; k++)
            n += f->stmts[i].args[k] == stmt;
    return n;
}

static void mp_drop(mlci_function *f, uint32_t stmt)
{
    memmove(&f->stmts[stmt], &f->stmts[stmt + 1], (f->n_stmts - stmt - 1) * sizeof *f->stmts);
    f->n_stmts--;
    for (uint32_t i = stmt; i < f->n_stmts; i++)
        for (uint32_t k = 0; k < f->stmts[i].n_args; k++)
            f->stmts[i].args[k] -= f->stmts[i].args[k] > stmt;
    f->result -= f->result > stmt;
}

/* A library function may do more than return a value, and a match_cast checks and binds:
 * both stay. */
static void mp_dead(mlci_text_module *m, mlci_function *f)
{
    (void)m;
    for (uint32_t i = f->n_stmts; i-- > f->n_params;)
        if (f->stmts[i].kind != MLCI_S_LIBRARY && f->stmts[i].kind != MLCI_S_CAST
            && f->stmts[i].kind != MLCI_S_CALL && mp_uses(f, i) == 0)
            mp_drop(f, i);
}

/* ---- fuse ---------------------------------------------------------------------------------- */

/* The values of a statement's program: each statement is the array of its number. */
static void mp_part(const mlci_stmt *s, uint32_t id, mlci_part *part)
{
    uint32_t at = 0;

    memset(part, 0, sizeof *part);
    part->program = s->program;
    for (uint32_t i = 0; i < s->program->n_params; i++)
        if (s->program->buffers[i].place == MLCI_IN)
            part->values[i] = 1 + s->args[at++];
    part->values[s->program->n_params] = 1 + id;
}

/* The statement that does both, with the merged program's parameters. */
static bool mp_arguments(const mlci_merged *merged, const mlci_stmt *const pair[2], mlci_stmt *s)
{
    const mlci_program *q = merged->program;
    const mlci_stmt *from;

    s->n_args = s->n_scalars = 0;
    for (uint32_t i = 0; i < q->n_params; i++)
        if (q->buffers[i].place == MLCI_SCALAR) {
            if (s->n_scalars == MLCI_MAX_ARGS)
                return false;
            from = pair[merged->sources[i] >> 8];
            s->scalars[s->n_scalars++] =
                from->scalars[mlci_program_scalar(from->program, merged->sources[i] & 255)];
        } else {
            if (s->n_args == MLCI_MAX_ARGS)
                return false;
            s->args[s->n_args++] = merged->values[i] - 1;
        }
    return true;
}

/* Its producer's loops inside those of statement i; the producer is then unused. */
static bool mp_merge(mlci_text_module *m, mlci_function *f, uint32_t from, uint32_t i)
{
    const mlci_stmt *const pair[2] = { &f->stmts[from], &f->stmts[i] };
    const uint32_t out = 1 + i;
    mlci_stmt s = f->stmts[i];
    mlci_merged merged;
    mlci_part parts[2];
    mlci_program *q;
    char name[48];

    mp_part(pair[0], from, &parts[0]);
    mp_part(pair[1], i, &parts[1]);
    if (m->n_made == MLCI_MAX_MADE
        || !mlci_tir_merge(&m->tir, "fused", parts, 2, &out, 1, &merged)
        || !mp_arguments(&merged, pair, &s))
        return false;
    q = mlci_tir_inline(&m->tir, merged.program);
    if (q == NULL)
        return false;
    q = mlci_program_copy(&m->tir, q, true, NULL);
    do   /* an earlier run may have made some */
        snprintf(name, sizeof name, "fused_%u", m->n_named++);
    while (mlci_library_find(&m->library, name, 0) != NULL);
    if (q == NULL || (q->name = mlci_arena_copy(&m->arena, name, strlen(name))) == NULL)
        return false;
    q->pattern = mlci_program_pattern(&m->tir, q);
    m->made[m->n_made++] = q;
    s.program = q;
    s.callee = q->name;
    s.given = true;
    f->stmts[i] = s;
    return true;
}

static void mp_fuse(mlci_text_module *m, mlci_function *f)
{
    for (uint32_t i = f->n_params; i < f->n_stmts && m->tir.status == MLC_OK; i++) {
        bool again = true;

        while (again) {
            again = false;
            for (uint32_t k = 0; k < f->stmts[i].n_args && !again; k++) {
                const uint32_t from = f->stmts[i].args[k];
                const mlci_stmt *p = &f->stmts[from];

                if (f->stmts[i].kind == MLCI_S_PROGRAM && p->kind == MLCI_S_PROGRAM
                    && mp_uses(f, from) == 1
                    && mlci_may_fuse(p->program->pattern, f->stmts[i].program->pattern))
                    again = mp_merge(m, f, from, i);
            }
        }
    }
    mp_dead(m, f);
}

/* Programs that a later merge took in are not called any more. */
static void mp_sweep(mlci_text_module *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->n_made; i++) {
        bool used = false;

        for (const mlci_function *f = m->functions; f != NULL; f = f->next)
            for (uint32_t k = 0; k < f->n_stmts; k++)
                used = used || f->stmts[k].program == m->made[i];
        if (used)
            m->made[n++] = m->made[i];
    }
    m->n_made = n;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void      (*run)(mlci_text_module *m, mlci_function *f);
} mp_table[] = { { "common", mp_common }, { "dead", mp_dead }, { "fuse", mp_fuse } };

const char *mlci_text_pass_name(size_t i)
{
    return i < sizeof mp_table / sizeof *mp_table ? mp_table[i].name : NULL;
}

mlc_status mlci_text_pass(mlci_text_module *m, size_t i)
{
    for (mlci_function *f = m->functions; f != NULL && m->tir.status == MLC_OK; f = f->next)
        mp_table[i].run(m, f);
    mp_sweep(m);
    return m->tir.status;
}
