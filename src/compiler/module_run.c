/* SPDX-License-Identifier: Apache-2.0
 *
 * module_run.c - running a function of a module, statement by statement, with every
 * size checked where the text leaves it to the run.
 */
#include "module.h"

#include <string.h>

enum { TR_MAX_DEPTH = 32 };

typedef struct tr_run {
    mlci_text_module *m;
    mlc_context      *ctx;
    const mlci_host  *hosts;
    size_t            n_hosts;
    uint32_t          depth;
} tr_run;

/* One function's values and sizes. */
typedef struct tr_frame {
    tr_run              *r;
    const mlci_function *f;
    mlci_array          *values;     /* [n_stmts]                               */
    int64_t             *env;        /* by atom                                 */
    uint8_t             *known;
    uint32_t             n_env;
} tr_frame;

static size_t tr_bytes(const mlci_array *a)
{
    size_t n = mlci_dtype_table[a->dtype].bytes;

    for (uint32_t i = 0; i < a->rank; i++)
        n = mlci_mul(n, (size_t)a->dims[i]);
    return n > 0 ? n : 1;
}

static mlc_status tr_new(tr_frame *t, mlci_array *a)
{
    size_t n;

    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] < 0)
            return mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "a size below zero");
    n = tr_bytes(a);
    a->data = n < SIZE_MAX / 4 ? mlci_new(t->r->ctx, n, 1) : NULL;
    if (a->data == NULL)
        return mlci_tir_fail(&t->r->m->tir, MLC_ENOMEM, "out of memory: an array of %zu bytes",
                             n);
    return MLC_OK;
}

/* A size with one symbol that has no value yet, s or c * s + k, gives it one. */
static bool tr_bind(tr_frame *t, mlci_dim formal, int64_t got)
{
    mlci_dims *d = &t->r->m->dims;
    mlci_dim *map = mlci_new(t->r->ctx, t->n_env, sizeof *map);
    bool bound = false;

    for (uint32_t i = 0; map != NULL && i < t->n_env; i++)
        map[i] = t->known[i] ? mlci_dim_const(d, t->env[i]) : MLCI_DIM_SAME;
    if (map != NULL && mlci_dim_solve(d, mlci_dim_subst(d, formal, map, t->n_env),
                                      mlci_dim_const(d, got), map, t->n_env))
        for (uint32_t i = 1; i < t->n_env; i++)
            if (!t->known[i] && map[i] != MLCI_DIM_SAME
                && mlci_dim_known(d, map[i], &t->env[i])) {
                t->known[i] = 1;
                bound = true;
            }
    mlci_delete(t->r->ctx, map, t->n_env, sizeof *map);
    return bound;
}

/* Bind or check one size: formal over the function's symbols. */
static void tr_size(tr_frame *t, mlci_dim formal, int64_t got, const mlci_stmt *s, uint32_t d)
{
    mlci_dims *dims = &t->r->m->dims;
    int64_t want = 0;

    if (formal == MLCI_DIM_ANY)
        return;
    if (tr_bind(t, formal, got))
        return;
    if (!mlci_dim_at(dims, formal, t->env, t->n_env, &want) || want != got) {
        char text[96];

        mlci_dim_print(dims, formal, text, sizeof text);
        mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "%s: dimension %u of %s is %lld, but %s is "
                      "%lld", t->f->name, d, s->name, (long long)got, text, (long long)want);
    }
}

static void tr_shape(tr_frame *t, const mlci_type *type, const mlci_array *a, const mlci_stmt *s)
{
    if (a->dtype != type->dtype || a->rank != type->rank) {
        mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "%s: %s is %s of rank %u, not %s of rank %u",
                      t->f->name, s->name, mlci_dtype_table[a->dtype].name, a->rank,
                      mlci_dtype_table[type->dtype].name, type->rank);
        return;
    }
    /* First those that are a symbol alone: others may be made of them. */
    for (int round = 0; round < 2; round++)
        for (uint32_t d = 0; d < type->rank; d++)
            if (t->r->m->tir.status == MLC_OK && type->dims[d] != MLCI_DIM_ANY
                && (mlci_dim_atom(&t->r->m->dims, type->dims[d]) != 0) == (round == 0))
                tr_size(t, type->dims[d], a->dims[d], s, d);
}

/* ---- statements ------------------------------------------------------------------------- */

/* The sizes that the type of a call says, as far as they are known. */
static bool tr_said(const tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    for (uint32_t k = 0; k < out->rank; k++)
        if (s->type.dims[k] == MLCI_DIM_ANY
            || !mlci_dim_at(&t->r->m->dims, s->type.dims[k], t->env, t->n_env, &out->dims[k]))
            return false;
    return true;
}

/* The output's sizes: those of the type, or solved from the operands. */
static bool tr_output(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    const mlci_program *p = s->program;
    mlci_dims *d = &t->r->m->dims;
    mlci_dim *map;
    bool again = true, ok = true;

    *out = (mlci_array){ NULL, s->type.dtype, s->type.rank, { 1, 1, 1, 1 } };
    if (s->given && tr_said(t, s, out))
        return true;
    map = mlci_new(t->r->ctx, d->n_atoms, sizeof *map);
    if (map == NULL) {
        mlci_tir_fail(&t->r->m->tir, MLC_ENOMEM, "out of memory: module");
        return false;
    }
    memset(map, 0xff, d->n_atoms * sizeof *map);
    while (again) {
        again = false;
        for (uint32_t i = 0, at = 0; i < p->n_params; i++) {
            const mlci_array *a = &t->values[s->args[at]];

            if (p->buffers[i].place != MLCI_IN)
                continue;
            at++;
            for (uint32_t k = 0; k < p->buffers[i].rank && k < a->rank; k++) {
                mlci_dim want = mlci_dim_subst(d, p->buffers[i].dims[k], map, d->n_atoms);

                again = mlci_dim_solve(d, want, mlci_dim_const(d, a->dims[k]), map, d->n_atoms)
                     || again;
            }
        }
    }
    for (uint32_t k = 0; k < out->rank; k++)
        ok = mlci_dim_known(d, mlci_dim_subst(d, p->buffers[p->n_params].dims[k], map,
                                              d->n_atoms), &out->dims[k]) && ok;
    mlci_delete(t->r->ctx, map, d->n_atoms, sizeof *map);
    if (!ok)
        mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "%s: the size of its output is not decided",
                      s->callee);
    return ok;
}

static void tr_program(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    mlci_array arrays[MLCI_MAX_BUFFERS];
    float scalars[MLCI_MAX_ARGS];
    uint32_t at = 0, number = 0;
    mlci_tir *tir = &t->r->m->tir;

    if (!tr_output(t, s, out) || tr_new(t, out) != MLC_OK)
        return;
    for (uint32_t i = 0; i < s->program->n_params; i++) {
        const mlci_buffer *b = &s->program->buffers[i];

        if (b->place == MLCI_IN) {
            arrays[i] = t->values[s->args[at++]];
            continue;
        }
        arrays[i] = (mlci_array){ &scalars[number], b->dtype, 0, { 1, 1, 1, 1 } };
        mlci_element_set(b->dtype, &scalars[number], 0, (double)s->scalars[number]);
        number++;
    }
    arrays[s->program->n_params] = *out;
    (void)mlci_interpret(tir, t->r->ctx, s->program, arrays, (uint64_t)1 << 36);
}

static void tr_library(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    mlci_array arrays[MLCI_MAX_ARGS + 1];
    mlci_tir *tir = &t->r->m->tir;

    *out = (mlci_array){ NULL, s->type.dtype, s->type.rank, { 1, 1, 1, 1 } };
    if (!tr_said(t, s, out)) {
        mlci_tir_fail(tir, MLC_EINVAL, "%s: the size of its output is not decided", s->callee);
        return;
    }
    for (size_t i = 0; i < t->r->n_hosts; i++) {
        if (strcmp(t->r->hosts[i].name, s->callee) != 0)
            continue;
        if (tr_new(t, out) != MLC_OK)
            return;
        for (uint32_t k = 0; k < s->n_args; k++)
            arrays[k] = t->values[s->args[k]];
        arrays[s->n_args] = *out;
        if (t->r->hosts[i].run(t->r->hosts[i].user, arrays, s->n_args + 1) != 0)
            mlci_tir_fail(tir, MLC_EINVAL, "library function %s failed", s->callee);
        return;
    }
    mlci_tir_fail(tir, MLC_EUNSUPPORTED, "no library function %s is registered", s->callee);
}

/* The different elements, in order of their first appearance. */
static void tr_unique(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    const mlci_array *x = &t->values[s->args[0]];
    size_t size = mlci_dtype_table[x->dtype].bytes;
    int64_t n = 0;

    *out = *x;
    if (tr_new(t, out) != MLC_OK)
        return;
    for (int64_t i = 0; i < x->dims[0]; i++) {
        const char *e = (const char *)x->data + (size_t)i * size;
        int64_t k = 0;

        while (k < n && memcmp((char *)out->data + (size_t)k * size, e, size) != 0)
            k++;
        if (k == n)
            memcpy((char *)out->data + (size_t)n++ * size, e, size);
    }
    if (n != x->dims[0]) {   /* as long as it is, so that its size says its bytes    */
        mlci_array whole = *out;

        out->dims[0] = n;
        if (tr_new(t, out) == MLC_OK)
            memcpy(out->data, whole.data, (size_t)n * size);
        mlci_delete(t->r->ctx, whole.data, tr_bytes(&whole), 1);
    }
}

static void tr_copy(tr_frame *t, const mlci_array *from, mlci_array *out)
{
    if (tr_new(t, out) == MLC_OK)
        memcpy(out->data, from->data, mlci_min(tr_bytes(from), tr_bytes(out)));
}

static void tr_reshape(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    const mlci_array *x = &t->values[s->args[0]], *to = &t->values[s->args[1]];

    *out = *to;
    out->dtype = x->dtype;
    for (uint32_t k = to->rank; k < MLCI_MAX_RANK; k++)
        out->dims[k] = 1;
    if (tr_bytes(out) != tr_bytes(x))
        mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "reshape: %zu bytes into %zu", tr_bytes(x),
                      tr_bytes(out));
    else
        tr_copy(t, x, out);
}

static mlc_status tr_function(tr_run *r, const mlci_function *f, const mlci_array *args,
                              mlci_array *result);

static void tr_stmt(tr_frame *t, const mlci_stmt *s, mlci_array *out)
{
    mlci_array args[MLCI_MAX_ARGS];

    switch (s->kind) {
    case MLCI_S_PROGRAM: tr_program(t, s, out); break;
    case MLCI_S_LIBRARY: tr_library(t, s, out); break;
    case MLCI_S_UNIQUE:  tr_unique(t, s, out); break;
    case MLCI_S_RESHAPE: tr_reshape(t, s, out); break;
    case MLCI_S_CALL:
        for (uint32_t i = 0; i < s->n_args; i++)
            args[i] = t->values[s->args[i]];
        (void)tr_function(t->r, s->function, args, out);
        break;
    case MLCI_S_CAST:
        tr_shape(t, &s->type, &t->values[s->args[0]], &t->f->stmts[s->args[0]]);
        *out = t->values[s->args[0]];
        if (t->r->m->tir.status == MLC_OK)
            tr_copy(t, &t->values[s->args[0]], out);
        else
            out->data = NULL;
        break;
    case MLCI_S_SHAPE:
        *out = (mlci_array){ NULL, MLCI_DT_SHAPE, s->type.rank, { 1, 1, 1, 1 } };
        for (uint32_t k = 0; k < s->type.rank; k++)
            if (s->type.dims[k] == MLCI_DIM_ANY
                || !mlci_dim_at(&t->r->m->dims, s->type.dims[k], t->env, t->n_env, &out->dims[k]))
                mlci_tir_fail(&t->r->m->tir, MLC_EINVAL, "%s: a size that is not decided",
                              s->name);
        break;
    default: break;
    }
}

static void tr_frame_run(tr_frame *t, const mlci_array *args, mlci_array *result)
{
    const mlci_function *f = t->f;
    mlci_tir *tir = &t->r->m->tir;

    for (uint32_t i = 0; i < f->n_params && tir->status == MLC_OK; i++) {
        t->values[i] = args[i];
        tr_shape(t, &f->stmts[i].type, &args[i], &f->stmts[i]);
    }
    for (uint32_t i = f->n_params; i < f->n_stmts && tir->status == MLC_OK; i++)
        tr_stmt(t, &f->stmts[i], &t->values[i]);
    if (tir->status == MLC_OK) {
        tr_shape(t, &f->returns, &t->values[f->result], &f->stmts[f->result]);
        *result = t->values[f->result];
        if (tir->status == MLC_OK && result->dtype != MLCI_DT_SHAPE)
            tr_copy(t, &t->values[f->result], result);
    }
    for (uint32_t i = f->n_params; i < f->n_stmts; i++)
        if (t->values[i].data != NULL)
            mlci_delete(t->r->ctx, t->values[i].data, tr_bytes(&t->values[i]), 1);
}

static mlc_status tr_function(tr_run *r, const mlci_function *f, const mlci_array *args,
                              mlci_array *result)
{
    tr_frame t = { .r = r, .f = f, .n_env = r->m->dims.n_atoms };
    mlci_tir *tir = &r->m->tir;

    result->data = NULL;
    if (++r->depth > TR_MAX_DEPTH)
        return mlci_tir_fail(tir, MLC_EINVAL, "calls nested more than %d deep", TR_MAX_DEPTH);
    t.values = mlci_new(r->ctx, f->n_stmts, sizeof *t.values);
    t.env = mlci_new(r->ctx, t.n_env, sizeof *t.env);
    t.known = mlci_new(r->ctx, t.n_env, 1);
    if (t.values == NULL || t.env == NULL || t.known == NULL)
        mlci_tir_fail(tir, MLC_ENOMEM, "out of memory: function %s", f->name);
    else
        tr_frame_run(&t, args, result);
    mlci_delete(r->ctx, t.values, f->n_stmts, sizeof *t.values);
    mlci_delete(r->ctx, t.env, t.n_env, sizeof *t.env);
    mlci_delete(r->ctx, t.known, t.n_env, 1);
    r->depth--;
    if (tir->status != MLC_OK && result->data != NULL) {
        mlci_delete(r->ctx, result->data, tr_bytes(result), 1);
        result->data = NULL;
    }
    return tir->status;
}

mlc_status mlci_text_run(mlci_text_module *m, const mlci_function *f, const mlci_array *args,
                         const mlci_host *hosts, size_t n_hosts, mlci_array *result,
                         size_t *n_bytes)
{
    tr_run r = { m, m->arena.ctx, hosts, n_hosts, 0 };
    mlc_status st = tr_function(&r, f, args, result);

    *n_bytes = st == MLC_OK && result->data != NULL ? tr_bytes(result) : 0;
    m->tir.status = MLC_OK;     /* a failed run leaves the module as it was        */
    return st;
}
