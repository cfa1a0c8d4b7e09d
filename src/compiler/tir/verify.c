/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.c - what every tensor program must keep, whoever made it.
 */
#include "tir.h"

#include <string.h>

typedef struct tv_check {
    mlci_tir           *t;
    const mlci_program *p;
    const mlci_stage   *s;
    uint32_t            stage;
} tv_check;

static bool tv_written(const mlci_program *p, uint32_t buffer, uint32_t stages)
{
    for (uint32_t i = 0; i < stages; i++)
        if (p->stages[i].buffer == buffer)
            return true;
    return false;
}

static void tv_load(void *user, const mlci_expr *e)
{
    tv_check *c = user;
    const mlci_buffer *b;

    if (e->buffer >= c->p->n_buffers) {
        mlci_tir_fail(c->t, MLC_EINVAL, "a load from buffer %u of %u", e->buffer,
                      c->p->n_buffers);
        return;
    }
    b = &c->p->buffers[e->buffer];
    if ((b->place == MLCI_OUT || b->place == MLCI_LOCAL)
        && !tv_written(c->p, e->buffer, c->stage))
        mlci_tir_fail(c->t, MLC_EFORMAT, "%s is read before it is written", b->name);
    if ((b->place == MLCI_SCALAR) != (e->op == MLCI_X_SCALAR))
        mlci_tir_fail(c->t, MLC_EINVAL, "%s is read as what it is not", b->name);
}

/* Is the axis used by the store's indices? */
static bool tv_stored(const tv_check *c, uint32_t atom, const mlci_expr *e)
{
    if (e->op == MLCI_X_DIM)
        return mlci_dim_uses(c->t->dims, e->dim, atom);
    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL; i++)
        if (tv_stored(c, atom, e->index[i]))
            return true;
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        if (tv_stored(c, atom, e->args[i]))
            return true;
    return false;
}

static void tv_axes(const tv_check *c)
{
    const mlci_buffer *b = &c->p->buffers[c->s->buffer];

    for (uint32_t i = 0; i < c->s->n_axes; i++) {
        const mlci_axis *a = &c->s->axes[i];
        const char *name = c->t->dims->atoms[a->atom].name;
        bool stored = false;

        for (uint32_t k = 0; k < i; k++)
            if (strcmp(c->t->dims->atoms[c->s->axes[k].atom].name, name) == 0)
                mlci_tir_fail(c->t, MLC_EFORMAT, "two loops over %s", name);
        for (uint32_t k = 0; k < b->rank; k++)
            stored = stored || tv_stored(c, a->atom, c->s->index[k]);
        if (a->reduce && c->s->store == MLCI_STORE)
            mlci_tir_fail(c->t, MLC_EFORMAT, "%s: a reduction over %s needs +=, max= or min=",
                          b->name, name);
        else if (a->reduce && stored)
            mlci_tir_fail(c->t, MLC_EFORMAT, "%s: %s is reduced and in the index", b->name,
                          name);
        else if (!a->reduce && !stored && c->s->store != MLCI_STORE)
            mlci_tir_fail(c->t, MLC_EFORMAT, "%s: %s is neither reduced nor in the index",
                          b->name, name);
    }
}

static void tv_type(const tv_check *c)
{
    const mlci_buffer *b = &c->p->buffers[c->s->buffer];
    mlci_dtype value = mlci_dtype_table[b->dtype].value, got = c->s->value->dtype;
    bool ints = value != MLCI_DT_F32 && value != MLCI_DT_BOOL && got != MLCI_DT_F32
             && got != MLCI_DT_BOOL;

    if (value != got && !ints && !(value == MLCI_DT_F32 && c->s->value->op == MLCI_X_DIM))
        mlci_tir_fail(c->t, MLC_EFORMAT, "%s: a value of type %s stored as %s", b->name,
                      mlci_dtype_table[got].name, mlci_dtype_table[b->dtype].name);
    else if (value == MLCI_DT_BOOL && c->s->store != MLCI_STORE)
        mlci_tir_fail(c->t, MLC_EFORMAT, "%s: a reduction of bools", b->name);
}

mlc_status mlci_program_verify(mlci_tir *t, const mlci_program *p)
{
    tv_check c = { .t = t, .p = p };

    for (uint32_t i = 0; i < p->n_stages && t->status == MLC_OK; i++) {
        const mlci_stage *s = &p->stages[i];
        const mlci_buffer *b = &p->buffers[s->buffer];

        c.s = s;
        c.stage = i;
        if (s->buffer >= p->n_buffers || s->value == NULL)
            return mlci_tir_fail(t, MLC_EINVAL, "stage %u stores nowhere", i);
        if (b->place == MLCI_IN || b->place == MLCI_SCALAR)
            return mlci_tir_fail(t, MLC_EFORMAT, "%s is an input and cannot be written",
                                 b->name);
        mlci_x_loads(s->value, tv_load, &c);
        for (uint32_t k = 0; k < b->rank; k++) {
            if (s->index[k] == NULL || s->index[k]->dtype == MLCI_DT_F32
                || s->index[k]->dtype == MLCI_DT_BOOL)
                return mlci_tir_fail(t, MLC_EFORMAT, "%s: index %u is not an integer",
                                     b->name, k);
            mlci_x_loads(s->index[k], tv_load, &c);
        }
        if (t->status == MLC_OK)
            tv_axes(&c);
        if (t->status == MLC_OK)
            tv_type(&c);
    }
    for (uint32_t i = p->n_params; i < p->n_buffers && t->status == MLC_OK; i++)
        if (!tv_written(p, i, p->n_stages))
            mlci_tir_fail(t, MLC_EFORMAT, "%s is never written", p->buffers[i].name);
    return t->status;
}
