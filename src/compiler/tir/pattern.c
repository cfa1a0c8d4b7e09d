/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern.c - the pattern of a tensor program, computed from how its loops read
 * and write (the classes are those of Relay's fusion, Chen et al. 2018,
 * arXiv:1802.04799, where operators are tagged with them by hand).
 */
#include "tir.h"

#include <string.h>

const char *const mlci_pattern_names[MLCI_PATTERN_COUNT] = {
    "elementwise", "broadcast", "injective", "reduction", "out-fusible", "opaque",
};

/* ---- stores -------------------------------------------------------------------------- */

static const mlci_axis *pn_axis(const mlci_stage *s, uint32_t atom)
{
    for (uint32_t i = 0; i < s->n_axes; i++)
        if (s->axes[i].atom == atom)
            return &s->axes[i];
    return NULL;
}

/* One index of a store as step * axis + offset; false if it is nothing such. */
typedef struct pn_line { const mlci_axis *axis; int64_t step; mlci_dim offset; } pn_line;

static bool pn_linear(const mlci_tir *t, const mlci_stage *s, const mlci_expr *e,
                      pn_line *out)
{
    mlci_poly p;

    if (e->op != MLCI_X_DIM)
        return false;
    p = t->dims->polys[e->dim];
    *out = (pn_line){ NULL, 0, 0 };
    for (uint32_t i = 0; i < p.n; i++) {
        const mlci_axis *a = p.terms[i].factor[0] == 0 ? NULL
                           : pn_axis(s, p.terms[i].factor[0]);

        if (a == NULL || p.terms[i].factor[1] != 0)
            continue;
        if (out->axis != NULL || a->reduce || p.terms[i].coef <= 0)
            return false;
        out->axis = a;
        out->step = p.terms[i].coef;
        out->offset = mlci_dim_sub(t->dims, e->dim,
                                   mlci_dim_mul(t->dims, mlci_dim_const(t->dims, out->step),
                                                mlci_dim_of(t->dims, a->atom)));
    }
    /* Nothing of any axis may be left in the offset. */
    for (uint32_t i = 0; i < s->n_axes; i++)
        if (mlci_dim_uses(t->dims, out->axis != NULL ? out->offset : e->dim, s->axes[i].atom))
            return false;
    return out->axis != NULL;
}

/* Each index an axis of its own; *part is the dimension of which only a part is
 * written (rank: none).  false: elements may be written twice, or data decides. */
static bool pn_store(const mlci_tir *t, const mlci_program *p, const mlci_stage *s,
                     uint32_t *part, pn_line *line)
{
    const mlci_buffer *b = &p->buffers[s->buffer];
    uint32_t spatial = 0;
    pn_line l[MLCI_MAX_RANK];

    *part = b->rank;
    for (uint32_t i = 0; i < b->rank; i++) {
        if (!pn_linear(t, s, s->index[i], &l[i]))
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (l[k].axis == l[i].axis)
                return false;
        if (l[i].step == 1 && l[i].offset == 0 && l[i].axis->extent == b->dims[i])
            continue;
        if (*part < b->rank)
            return false;
        *part = i;
        *line = l[i];
    }
    for (uint32_t i = 0; i < s->n_axes; i++)
        spatial += !s->axes[i].reduce;
    return spatial == b->rank;
}

/* Do the stages that write the buffer cover it once, one after another along one
 * dimension?  A step of c wants c stages that fill each other's gaps. */
static bool pn_covered(const mlci_tir *t, const mlci_program *p, uint32_t buffer)
{
    mlci_dim done = 0, extent = 0;
    uint32_t dimension = MLCI_MAX_RANK, part;
    int64_t step = 1, gap = 0;
    bool whole = false;
    pn_line l;

    for (uint32_t i = 0; i < p->n_stages; i++) {
        const mlci_stage *s = &p->stages[i];

        if (s->buffer != buffer)
            continue;
        if (!pn_store(t, p, s, &part, &l))
            return false;
        if (whole)
            return false;
        if (part == p->buffers[buffer].rank) {   /* all of it, at once           */
            whole = dimension == MLCI_MAX_RANK;
            if (!whole)
                return false;
            continue;
        }
        if (dimension != MLCI_MAX_RANK && part != dimension)
            return false;
        dimension = part;
        if (gap > 0 && (l.step != step || l.axis->extent != extent))
            return false;
        if (l.offset != mlci_dim_add(t->dims, done, mlci_dim_const(t->dims, gap)))
            return false;
        step = l.step;
        extent = l.axis->extent;
        if (++gap < step)
            continue;
        done = mlci_dim_add(t->dims, done, mlci_dim_mul(t->dims, extent,
                                                        mlci_dim_const(t->dims, step)));
        gap = 0;
    }
    return whole || (dimension != MLCI_MAX_RANK && gap == 0
                     && done == p->buffers[buffer].dims[dimension]);
}

/* ---- loads --------------------------------------------------------------------------- */

typedef struct pn_loads {
    const mlci_tir     *t;
    const mlci_program *p;
    const mlci_stage   *s;
    mlci_pattern        pattern;
} pn_loads;

static void pn_load(void *user, const mlci_expr *e)
{
    pn_loads *l = user;
    const uint32_t rank = l->p->buffers[e->buffer].rank;
    const uint32_t out = l->p->buffers[l->s->buffer].rank;
    mlci_pattern own = MLCI_ELEMENTWISE;
    uint32_t k = 0;

    if (e->op == MLCI_X_SCALAR)
        return;
    for (uint32_t i = 0; i < rank; i++) {
        while (k < out && (e->index[i]->op != MLCI_X_DIM
                           || l->s->index[k]->op != MLCI_X_DIM
                           || l->s->index[k]->dim != e->index[i]->dim))
            k++;
        if (k == out) {
            own = MLCI_INJECTIVE;
            break;
        }
        k++;
    }
    if (own == MLCI_ELEMENTWISE && rank < out)
        own = MLCI_BROADCAST;
    l->pattern = own > l->pattern ? own : l->pattern;
}

/* ---- contractions -------------------------------------------------------------------- */

/* Which axes of the stage an expression depends on: bits. */
static uint32_t pn_uses(const mlci_tir *t, const mlci_stage *s, const mlci_expr *e)
{
    uint32_t bits = 0;

    if (e->op == MLCI_X_DIM)
        for (uint32_t i = 0; i < s->n_axes; i++)
            if (mlci_dim_uses(t->dims, e->dim, s->axes[i].atom))
                bits |= 1u << i;
    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL; i++)
        bits |= pn_uses(t, s, e->index[i]);
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        bits |= pn_uses(t, s, e->args[i]);
    return bits;
}

/* Two factors that both run along a reduced axis, one of which lacks an axis of
 * the output that the other has. */
static bool pn_contraction(const mlci_tir *t, const mlci_stage *s)
{
    uint32_t reduced = 0, a, b;

    if (s->store != MLCI_SUM || s->value->op != MLCI_X_MUL)
        return false;
    for (uint32_t i = 0; i < s->n_axes; i++)
        reduced |= s->axes[i].reduce ? 1u << i : 0;
    a = pn_uses(t, s, s->value->args[0]);
    b = pn_uses(t, s, s->value->args[1]);
    return (a & reduced) != 0 && (b & reduced) != 0 && ((a ^ b) & ~reduced) != 0;
}

/* ---- the answer ---------------------------------------------------------------------- */

mlci_pattern mlci_stage_pattern(const mlci_tir *t, const mlci_program *p, const mlci_stage *s)
{
    pn_loads l = { t, p, s, MLCI_ELEMENTWISE };
    uint32_t part;
    pn_line line;

    if (!pn_store(t, p, s, &part, &line))
        return MLCI_OPAQUE;
    for (uint32_t i = 0; i < s->n_axes; i++)
        if (s->axes[i].reduce)
            return pn_contraction(t, s) ? MLCI_OUT_FUSIBLE : MLCI_REDUCTION;
    mlci_x_loads(s->value, pn_load, &l);
    return part < p->buffers[s->buffer].rank ? MLCI_INJECTIVE : l.pattern;
}

mlci_pattern mlci_program_pattern(const mlci_tir *t, const mlci_program *p)
{
    mlci_pattern most = MLCI_ELEMENTWISE;

    for (uint32_t i = 0; i < p->n_stages; i++) {
        mlci_pattern own = mlci_stage_pattern(t, p, &p->stages[i]);

        most = own > most ? own : most;
    }
    for (uint32_t i = p->n_params; i < p->n_buffers; i++)
        if (!pn_covered(t, p, i))
            return MLCI_OPAQUE;
    return most;
}

/* ---- rows ---------------------------------------------------------------------------- */

typedef struct pn_rows { const mlci_program *p; const mlci_stage *s; bool ok; } pn_rows;

static void pn_row(void *user, const mlci_expr *e)
{
    pn_rows *r = user;

    if (e->op == MLCI_X_SCALAR || r->p->buffers[e->buffer].rank < 2)
        return;
    r->ok = r->ok && e->index[0]->op == MLCI_X_DIM && r->s->index[0] != NULL
         && r->s->index[0]->op == MLCI_X_DIM && e->index[0]->dim == r->s->index[0]->dim;
}

bool mlci_program_rowwise(const mlci_tir *t, const mlci_program *p)
{
    (void)t;
    for (uint32_t i = 0; i < p->n_stages; i++) {
        pn_rows r = { p, &p->stages[i], true };

        mlci_x_loads(p->stages[i].value, pn_row, &r);
        if (!r.ok)
            return false;
    }
    return true;
}
