/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.c - from what a program computes to how a target runs it.
 *
 * Every kernel that is generated has one shape: for each point of the outer axes,
 * reductions into registers, then stores.  What differs between targets is which
 * axes are threads, groups or vectors: the table below.  A scheduled program is a
 * program like any other; the interpreter runs it too.
 */
#include "tir.h"

#include <string.h>

/* How the axes run.  On the CPU threads share rows and vectors go along the last
 * axis; on a GPU a group takes one point of the outer axes, and its threads what
 * is inside. */
static const struct sc_rule { mlci_note outer, inner, reduce; } sc_rules[][MLCI_TARGET_COUNT] = {
#define CPU { MLCI_NOTE_PARALLEL, MLCI_NOTE_VECTORIZE, MLCI_NOTE_VECTORIZE }
#define GPU { MLCI_NOTE_GROUP, MLCI_NOTE_THREAD, MLCI_NOTE_THREAD }
    [MLCI_ELEMENTWISE] = { CPU, GPU },
    [MLCI_BROADCAST]   = { CPU, GPU },
    [MLCI_INJECTIVE]   = { CPU, GPU },
    [MLCI_REDUCTION]   = { CPU, GPU },
    /* Codes of a block are decoded side by side: the reduction is unrolled. */
    [MLCI_OUT_FUSIBLE] = { { MLCI_NOTE_PARALLEL, MLCI_NOTE_VECTORIZE, MLCI_NOTE_UNROLL }, GPU },
    [MLCI_OPAQUE]      = { CPU, GPU },
#undef CPU
#undef GPU
};

typedef struct sc_work {
    mlci_tir     *t;
    mlci_program *p;
    uint32_t      outer;          /* axes, UINT32_MAX: not known yet            */
    bool          bad;
} sc_work;

static uint32_t sc_spatial(const mlci_stage *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_axes; i++)
        n += !s->axes[i].reduce;
    return n;
}

/* Put the axes in the order of the store's indices, reductions last. */
static void sc_sort(sc_work *w, mlci_stage *s)
{
    mlci_axis axes[MLCI_MAX_AXES];
    uint32_t n = 0;

    for (uint32_t d = 0; d < w->p->buffers[s->buffer].rank; d++)
        for (uint32_t i = 0; i < s->n_axes; i++)
            if (!s->axes[i].reduce && s->index[d]->op == MLCI_X_DIM
                && mlci_dim_uses(w->t->dims, s->index[d]->dim, s->axes[i].atom))
                axes[n++] = s->axes[i];
    for (uint32_t i = 0; i < s->n_axes; i++)
        if (s->axes[i].reduce)
            axes[n++] = s->axes[i];
    if (n == s->n_axes)
        memcpy(s->axes, axes, n * sizeof *axes);
    else
        w->bad = true;
}

/* A register is read at the outer axes of the stage, in order, and nowhere else. */
typedef struct sc_reads { sc_work *w; const mlci_stage *s; } sc_reads;

static void sc_read(void *user, const mlci_expr *e)
{
    sc_reads *r = user;
    const mlci_buffer *b = &r->w->p->buffers[e->buffer];

    if (b->place == MLCI_IN || b->place == MLCI_SCALAR)
        return;
    if (b->place == MLCI_OUT || b->rank != r->w->outer || r->s->n_axes < b->rank) {
        r->w->bad = true;
        return;
    }
    for (uint32_t i = 0; i < b->rank; i++)
        if (e->index[i]->op != MLCI_X_DIM
            || mlci_dim_atom(r->w->t->dims, e->index[i]->dim) != r->s->axes[i].atom
            || r->s->axes[i].reduce)
            r->w->bad = true;
}

/* How many axes are outer: those of the reductions; without any, all but the
 * last of what is stored. */
static void sc_outer(sc_work *w)
{
    const mlci_program *p = w->p;

    w->outer = UINT32_MAX;
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const mlci_stage *s = &p->stages[i];
        uint32_t n = sc_spatial(s);

        if (n == s->n_axes && s->store == MLCI_STORE && p->buffers[s->buffer].place == MLCI_OUT)
            continue;
        /* A local that was not inlined counts as a register too. */
        w->bad = w->bad || (w->outer != UINT32_MAX && w->outer != n);
        w->outer = n;
    }
    for (uint32_t i = 0; i < p->n_stages; i++) {
        uint32_t n = sc_spatial(&p->stages[i]);

        if (w->outer == UINT32_MAX)
            w->outer = n > 0 ? n - 1 : 0;
        w->bad = w->bad || n < w->outer;
    }
}

/* All stages use the first one's atoms for the outer axes. */
static void sc_share(sc_work *w)
{
    const uint32_t n = w->t->dims->n_atoms;
    mlci_program *p = w->p;
    mlci_dim *map = mlci_new(w->t->arena->ctx, n, sizeof *map);
    mlci_rewrite r = { map, n, NULL, NULL, NULL };

    if (map == NULL) {
        mlci_tir_fail(w->t, MLC_ENOMEM, "out of memory: tensor program");
        return;
    }
    for (uint32_t i = 1; i < p->n_stages && w->t->status == MLC_OK; i++) {
        mlci_stage *s = &p->stages[i];

        memset(map, 0xff, n * sizeof *map);
        for (uint32_t k = 0; k < w->outer; k++) {
            w->bad = w->bad || s->axes[k].extent != p->stages[0].axes[k].extent;
            map[s->axes[k].atom] = mlci_dim_of(w->t->dims, p->stages[0].axes[k].atom);
            s->axes[k].atom = p->stages[0].axes[k].atom;
        }
        s->value = mlci_x_rewrite(w->t, s->value, &r);
        for (uint32_t k = 0; k < MLCI_MAX_RANK && s->index[k] != NULL; k++)
            s->index[k] = mlci_x_rewrite(w->t, s->index[k], &r);
    }
    mlci_delete(w->t->arena->ctx, map, n, sizeof *map);
}

static void sc_annotate(sc_work *w, mlci_target target)
{
    mlci_program *p = w->p;
    const struct sc_rule *rule = &sc_rules[mlci_program_pattern(w->t, p)][target];

    for (uint32_t i = 0; i < p->n_stages; i++)
        for (uint32_t k = 0; k < p->stages[i].n_axes; k++) {
            mlci_axis *a = &p->stages[i].axes[k];

            a->note = a->reduce ? rule->reduce : k < w->outer ? rule->outer : rule->inner;
        }
    for (uint32_t i = 0; i < p->n_buffers; i++)
        if (p->buffers[i].place == MLCI_LOCAL)
            p->buffers[i].note = MLCI_NOTE_REGISTER;
}

mlci_program *mlci_tir_schedule(mlci_tir *t, const mlci_program *p, mlci_target target)
{
    sc_work w = { .t = t };
    mlci_program *q = mlci_tir_inline(t, p);

    if (q == NULL || mlci_program_pattern(t, q) == MLCI_OPAQUE)
        return NULL;
    w.p = q;
    for (uint32_t i = 0; i < q->n_stages && !w.bad; i++)
        sc_sort(&w, &q->stages[i]);
    if (!w.bad)
        sc_outer(&w);
    for (uint32_t i = 0; i < q->n_stages && !w.bad; i++) {
        const mlci_stage *s = &q->stages[i];
        sc_reads r = { &w, s };

        mlci_x_loads(s->value, sc_read, &r);
        w.bad = w.bad || (q->buffers[s->buffer].place == MLCI_LOCAL && s->n_axes > w.outer
                          && s->store == MLCI_STORE);
        w.bad = w.bad || (s->store != MLCI_STORE && sc_spatial(s) != w.outer);
    }
    if (w.bad || t->status != MLC_OK)
        return NULL;
    sc_share(&w);
    if (w.bad || t->status != MLC_OK)
        return NULL;
    sc_annotate(&w, target);
    q->n_outer = w.outer;
    return mlci_program_verify(t, q) == MLC_OK ? q : NULL;
}

bool mlci_program_tiled(const mlci_tir *t, const mlci_program *p)
{
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const mlci_stage *s = &p->stages[i];
        const mlci_buffer *b = &p->buffers[s->buffer];

        if (p->n_outer < 2 && (s->n_axes != 2 || s->store != MLCI_STORE))
            return false;
        /* The second axis must be the second dimension of what is written. */
        if (b->place == MLCI_OUT
            && (b->rank < 2 || s->index[1]->op != MLCI_X_DIM
                || mlci_dim_atom(t->dims, s->index[1]->dim) != s->axes[1].atom
                || s->axes[1].extent != b->dims[1]))
            return false;
    }
    return p->n_outer > 0;
}
