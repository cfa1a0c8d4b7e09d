/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c - several programs as one, and locals computed where they are used.
 *
 * Merging unifies sizes: each program has its own symbols, and where a value is
 * written with shape [n, k] and read with shape [m, 32*b], m becomes n and k
 * 32*b.  The other way round, a product against a product, has no answer that
 * holds always, and such programs stay apart.
 */
#include "tir.h"

#include <stdio.h>
#include <string.h>

enum { MG_MAX_NODES = 20000 };   /* of an inlined expression                    */

/* ---- sizes ---------------------------------------------------------------------------- */

typedef struct mg_unify {
    mlci_tir *t;
    mlci_dim *map;               /* by atom, MLCI_DIM_SAME: free                */
    uint32_t  n;
} mg_unify;

static mlci_dim mg_resolve(mg_unify *u, mlci_dim d)
{
    for (int i = 0; i < 32; i++) {   /* until nothing changes: a few rounds     */
        mlci_dim next = mlci_dim_subst(u->t->dims, d, u->map, u->n);

        if (next == d)
            return d;
        d = next;
    }
    return d;
}

static bool mg_equal(mg_unify *u, mlci_dim a, mlci_dim b)
{
    a = mg_resolve(u, a);
    b = mg_resolve(u, b);
    return a == b
        || (mlci_dim_atom(u->t->dims, b) != 0
            && mlci_dim_solve(u->t->dims, b, a, u->map, u->n))
        || mlci_dim_solve(u->t->dims, a, b, u->map, u->n)
        || mlci_dim_solve(u->t->dims, b, a, u->map, u->n);
}

/* ---- merging ---------------------------------------------------------------------------- */

typedef struct mg_merge {
    mlci_tir     *t;
    mlci_program *p;
    mg_unify      unify;
    uint32_t      values[MLCI_MAX_BUFFERS];     /* of p's buffers                */
    uint32_t      sources[MLCI_MAX_BUFFERS];
} mg_merge;

static bool mg_listed(const uint32_t *list, uint32_t n, uint32_t value)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool mg_writes(const mlci_part *parts, uint32_t n, uint32_t value)
{
    for (uint32_t i = 0; i < n; i++)
        if (mg_listed(parts[i].values + parts[i].program->n_params,
                      parts[i].program->n_outs, value))
            return true;
    return false;
}

/* The buffer of p for a part's: found by its value, or new. */
static uint32_t mg_buffer(mg_merge *m, const mlci_program *q, uint32_t i, uint32_t value,
                          uint32_t source, mlci_place place)
{
    mlci_buffer b = q->buffers[i];
    char name[24];

    for (uint32_t k = 0; value != 0 && k < m->p->n_buffers; k++)
        if (m->values[k] == value) {
            if (m->p->buffers[k].rank != b.rank || m->p->buffers[k].dtype != b.dtype)
                return UINT32_MAX;
            for (uint32_t d = 0; d < b.rank; d++)
                if (!mg_equal(&m->unify, m->p->buffers[k].dims[d], b.dims[d]))
                    return UINT32_MAX;
            return k;
        }
    b.place = b.place == MLCI_SCALAR ? MLCI_SCALAR : place;
    snprintf(name, sizeof name, "%c%u", place == MLCI_LOCAL ? 't' : place == MLCI_OUT ? 'y'
             : b.place == MLCI_SCALAR ? 'c' : 'x', m->p->n_buffers);
    b.name = mlci_arena_copy(m->t->arena, name, strlen(name));
    if (b.name == NULL)
        mlci_tir_fail(m->t, MLC_ENOMEM, "out of memory: tensor program");
    if (m->t->status != MLC_OK || m->p->n_buffers == MLCI_MAX_BUFFERS)
        return UINT32_MAX;
    m->values[m->p->n_buffers] = value;
    m->sources[m->p->n_buffers] = source;
    return mlci_program_buffer(m->t, m->p, &b);
}

static const mlci_expr *mg_renumber(void *user, mlci_tir *t, const mlci_expr *load,
                                    const mlci_expr *const *index)
{
    const uint32_t *to = user;
    mlci_expr *e = mlci_arena_new(t->arena, 1, sizeof *e);

    if (e == NULL) {
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return NULL;
    }
    *e = *load;
    memcpy(e->index, index, sizeof e->index);
    e->buffer = to[load->buffer];
    return e;
}

/* A stage with sizes resolved and buffers by their new numbers. */
static void mg_stage(mg_merge *m, const mlci_stage *s, uint32_t *to)
{
    mlci_rewrite r = { m->unify.map, m->unify.n, NULL, mg_renumber, to };
    mlci_stage *out = &m->p->stages[m->p->n_stages++];

    *out = *s;
    out->buffer = to[s->buffer];
    for (uint32_t i = 0; i < s->n_axes; i++) {
        out->axes[i].extent = mg_resolve(&m->unify, s->axes[i].extent);
        /* A size that became a number bounds its loop. */
        if (mlci_dim_known(m->t->dims, out->axes[i].extent,
                           &m->t->dims->atoms[s->axes[i].atom].most))
            m->t->dims->atoms[s->axes[i].atom].most--;
        else
            m->t->dims->atoms[s->axes[i].atom].most = INT64_MAX;
    }
    for (uint32_t i = 0; i < MLCI_MAX_RANK && s->index[i] != NULL; i++)
        out->index[i] = mlci_x_rewrite(m->t, s->index[i], &r);
    out->value = mlci_x_rewrite(m->t, s->value, &r);
}

/* Buffers: those of all parts, then by place: inputs, outputs, locals. */
static bool mg_place(mg_merge *m, const mlci_part *parts, mlci_program *const *copies,
                     uint32_t n, const uint32_t *outs, uint32_t n_outs,
                     uint32_t (*to)[MLCI_MAX_BUFFERS])
{
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < copies[i]->n_buffers; k++) {
                const mlci_program *q = copies[i];
                bool own = k >= q->n_params + q->n_outs;
                uint32_t value = own ? 0 : parts[i].values[k];
                bool written = own || k >= q->n_params
                            || (value != 0 && mg_writes(parts, n, value));
                mlci_place place = !written ? MLCI_IN
                                 : !own && mg_listed(outs, n_outs, value) ? MLCI_OUT
                                 : MLCI_LOCAL;

                if ((int)place != round)
                    continue;
                to[i][k] = mg_buffer(m, q, k, value, i << 8 | k, place);
                if (to[i][k] == UINT32_MAX)
                    return false;
            }
    return true;
}

bool mlci_tir_merge(mlci_tir *t, const char *name, const mlci_part *parts, uint32_t n,
                    const uint32_t *outs, uint32_t n_outs, mlci_merged *out)
{
    uint32_t (*to)[MLCI_MAX_BUFFERS] = mlci_arena_new(t->arena, n, sizeof *to);
    mlci_program **copies = mlci_arena_new(t->arena, n, sizeof *copies);
    mg_merge m = { .t = t, .p = mlci_program_new(t, name) };
    uint32_t stages = 0;

    for (uint32_t i = 0; i < n && t->status == MLC_OK && copies != NULL; i++) {
        copies[i] = mlci_program_copy(t, parts[i].program, false, NULL);
        stages += parts[i].program->n_stages;
    }
    m.unify = (mg_unify){ t, NULL, t->dims->n_atoms };
    m.unify.map = mlci_arena_new(t->arena, m.unify.n, sizeof *m.unify.map);
    if (to == NULL || copies == NULL || m.unify.map == NULL)
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
    if (t->status != MLC_OK || stages > MLCI_MAX_STAGES)
        return false;
    memset(m.unify.map, 0xff, m.unify.n * sizeof *m.unify.map);
    if (!mg_place(&m, parts, copies, n, outs, n_outs, to))
        return false;
    for (uint32_t i = 0; i < m.unify.n; i++)
        if (m.unify.map[i] != MLCI_DIM_SAME)
            m.unify.map[i] = mg_resolve(&m.unify, m.unify.map[i]);
    for (uint32_t i = 0; i < m.p->n_buffers; i++)
        for (uint32_t k = 0; k < m.p->buffers[i].rank; k++)
            m.p->buffers[i].dims[k] = mg_resolve(&m.unify, m.p->buffers[i].dims[k]);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < copies[i]->n_stages && t->status == MLC_OK; k++)
            mg_stage(&m, &copies[i]->stages[k], to[i]);
    out->program = m.p;
    memcpy(out->values, m.values, sizeof m.values);
    memcpy(out->sources, m.sources, sizeof m.sources);
    return mlci_program_verify(t, m.p) == MLC_OK;
}

bool mlci_program_bind(mlci_tir *t, const mlci_program *p, const mlci_symbols *free,
                       const mlci_dim (*dims)[MLCI_MAX_RANK], mlci_dim *values)
{
    mg_unify u = { t, NULL, t->dims->n_atoms };
    bool again = true, ok = true;

    u.map = mlci_new(t->arena->ctx, u.n, sizeof *u.map);
    if (u.map == NULL) {
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return false;
    }
    memset(u.map, 0xff, u.n * sizeof *u.map);
    while (again) {   /* shapes with one free symbol, until there are no more      */
        again = false;
        for (uint32_t i = 0, at = 0; i < p->n_params + p->n_outs; i++) {
            const mlci_buffer *b = &p->buffers[i];

            if (b->place == MLCI_SCALAR)
                continue;
            for (uint32_t k = 0; k < b->rank && dims[at][0] != UINT32_MAX; k++) {
                mlci_dim want = mlci_dim_subst(t->dims, b->dims[k], u.map, u.n);
                uint32_t unknown = 0;

                for (uint32_t s = 0; s < free->n; s++)
                    unknown += u.map[free->old[s]] == MLCI_DIM_SAME
                            && mlci_dim_uses(t->dims, want, free->old[s]);
                if (unknown == 0)
                    ok = ok && want == dims[at][k];
                else if (unknown == 1)
                    again = mlci_dim_solve(t->dims, want, dims[at][k], u.map, u.n) || again;
            }
            at++;
        }
    }
    for (uint32_t s = 0; s < free->n; s++) {
        values[s] = u.map[free->old[s]];
        ok = ok && values[s] != MLCI_DIM_SAME;
    }
    mlci_delete(t->arena->ctx, u.map, u.n, sizeof *u.map);
    return ok;
}

/* ---- inlining ---------------------------------------------------------------------------- */

typedef struct mg_inline {
    const mlci_program *p;
    const mlci_stage   *from;    /* the local's only stage                      */
    uint32_t            buffer;
} mg_inline;

/* A stage whose store is at its own axes, one each: then any element can be
 * computed by putting its indices in their place. */
static bool mg_can_inline(const mlci_tir *t, const mlci_program *p, uint32_t stage)
{
    const mlci_stage *s = &p->stages[stage];
    const mlci_buffer *b = &p->buffers[s->buffer];

    if (b->place != MLCI_LOCAL || s->store != MLCI_STORE || s->n_axes != b->rank
        || mlci_dtype_table[b->dtype].value != b->dtype)
        return false;
    for (uint32_t i = 0; i < p->n_stages; i++)
        if (i != stage && p->stages[i].buffer == s->buffer)
            return false;
    for (uint32_t i = 0; i < b->rank; i++) {
        uint32_t atom = s->index[i]->op == MLCI_X_DIM ? mlci_dim_atom(t->dims, s->index[i]->dim)
                                                      : 0;
        bool own = false;

        for (uint32_t k = 0; k < s->n_axes; k++)
            own = own || s->axes[k].atom == atom;
        for (uint32_t k = 0; k < i; k++)
            own = own && s->index[k]->dim != s->index[i]->dim;
        if (!own)
            return false;
    }
    return true;
}

static size_t mg_nodes(const mlci_expr *e, size_t most)
{
    size_t n = 1;

    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL && n < most; i++)
        n += mg_nodes(e->index[i], most - n);
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands && n < most; i++)
        n += mg_nodes(e->args[i], most - n);
    return n;
}

static const mlci_expr *mg_substitute(void *user, mlci_tir *t, const mlci_expr *load,
                                      const mlci_expr *const *index)
{
    const mg_inline *in = user;
    const uint32_t n = t->dims->n_atoms;
    mlci_rewrite r = { NULL, n, NULL, NULL, NULL };
    const mlci_expr **exprs, *e;
    mlci_dim *map;

    if (load->buffer != in->buffer)
        return NULL;
    map = mlci_new(t->arena->ctx, n, sizeof *map);
    exprs = mlci_new(t->arena->ctx, n, sizeof *exprs);
    if (map == NULL || exprs == NULL) {
        mlci_delete(t->arena->ctx, map, n, sizeof *map);
        mlci_delete(t->arena->ctx, exprs, n, sizeof *exprs);
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return NULL;
    }
    memset(map, 0xff, n * sizeof *map);
    for (uint32_t i = 0; i < in->from->n_axes; i++) {
        uint32_t atom = mlci_dim_atom(t->dims, in->from->index[i]->dim);

        if (index[i]->op == MLCI_X_DIM)
            map[atom] = index[i]->dim;
        else
            exprs[atom] = index[i];
    }
    r.map = map;
    r.exprs = exprs;
    e = mlci_x_rewrite(t, in->from->value, &r);
    mlci_delete(t->arena->ctx, map, n, sizeof *map);
    mlci_delete(t->arena->ctx, exprs, n, sizeof *exprs);
    return e;
}

static void mg_inline_into(mlci_tir *t, mg_inline *in, mlci_stage *s)
{
    mlci_rewrite r = { NULL, 0, NULL, mg_substitute, in };

    s->value = mlci_x_rewrite(t, s->value, &r);
    for (uint32_t i = 0; i < MLCI_MAX_RANK && s->index[i] != NULL && t->status == MLC_OK; i++)
        s->index[i] = mlci_x_rewrite(t, s->index[i], &r);
}

/* Without buffers that nothing writes any more. */
static mlci_program *mg_compact(mlci_tir *t, const mlci_program *p)
{
    mlci_program *q = mlci_program_new(t, p->name);
    uint32_t to[MLCI_MAX_BUFFERS] = { 0 };
    mlci_rewrite r = { NULL, 0, NULL, mg_renumber, to };

    for (uint32_t i = 0; q != NULL && i < p->n_buffers; i++) {
        bool used = p->buffers[i].place != MLCI_LOCAL;

        for (uint32_t k = 0; k < p->n_stages; k++)
            used = used || p->stages[k].buffer == i;
        if (used)
            to[i] = mlci_program_buffer(t, q, &p->buffers[i]);
    }
    for (uint32_t i = 0; i < p->n_stages && t->status == MLC_OK; i++) {
        mlci_stage *s = &q->stages[q->n_stages++];

        *s = p->stages[i];
        s->buffer = to[s->buffer];
        s->value = mlci_x_rewrite(t, s->value, &r);
        for (uint32_t k = 0; k < MLCI_MAX_RANK && s->index[k] != NULL; k++)
            s->index[k] = mlci_x_rewrite(t, s->index[k], &r);
    }
    return t->status == MLC_OK ? q : NULL;
}

mlci_program *mlci_tir_inline(mlci_tir *t, const mlci_program *p)
{
    mlci_program work = *p;
    mlci_stage *stages = mlci_arena_new(t->arena, MLCI_MAX_STAGES, sizeof *stages);

    if (stages == NULL) {
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return NULL;
    }
    memcpy(stages, p->stages, p->n_stages * sizeof *stages);
    work.stages = stages;
    for (uint32_t i = 0; i < work.n_stages && t->status == MLC_OK; i++) {
        mlci_stage from = stages[i];
        mg_inline in = { &work, &from, from.buffer };

        if (!mg_can_inline(t, &work, i))
            continue;
        memmove(&stages[i], &stages[i + 1], (work.n_stages - i - 1) * sizeof *stages);
        work.n_stages--;
        for (uint32_t k = i; k < work.n_stages && t->status == MLC_OK; k++) {
            mg_inline_into(t, &in, &stages[k]);
            if (t->status == MLC_OK && mg_nodes(stages[k].value, MG_MAX_NODES) >= MG_MAX_NODES)
                return NULL;
        }
        i--;
    }
    return t->status == MLC_OK ? mg_compact(t, &work) : NULL;
}
