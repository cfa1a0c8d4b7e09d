/* SPDX-License-Identifier: Apache-2.0
 *
 * low_rank.c - adapters: what two thin matrices add to a product (Hu et al. 2021,
 * arXiv:2106.09685), row by row, so that rows with several adapters and with none are one
 * batch.
 *
 * y += B (A x): A x is computed where a row is made ready, B's part of a panel's 32 rows
 * where the panel's product is.  Sums are in a fixed order of one row alone: a row has the
 * same bits in every batch.
 */
#include "cpu.h"

#include <string.h>

enum { LR_LANES = 16 };

/* The row of the step that row t of the call's x is: logits are taken from some. */
static uint32_t lr_row(const cpu_job *j, uint32_t t)
{
    const mlci_module *m = j->p->weights->module;
    const bool logits = m->nodes[j->call->segments[0].product].type.dims[0] == m->r
                     && m->r != m->n;

    return logits ? (uint32_t)j->step->logit_rows[t] : t;
}

static const mlci_low_rank *lr_of(const cpu_job *j, uint32_t t, uint32_t segment)
{
    const mlci_low_rank *all = j->step->adapters[lr_row(j, t)];
    const mlci_low_rank *l = all != NULL ? &all[j->call->segments[segment].weight] : NULL;

    return l != NULL && l->rank > 0 ? l : NULL;
}

/* Sums of LR_LANES columns apart, then of these in order. */
static float lr_dot(const float *a, const float *x, size_t n)
{
    float lanes[LR_LANES] = { 0 }, sum = 0;
    size_t k = 0;

    for (; k + LR_LANES <= n; k += LR_LANES)
        for (int i = 0; i < LR_LANES; i++)
            lanes[i] += a[k + (size_t)i] * x[k + (size_t)i];
    for (; k < n; k++)
        lanes[0] += a[k] * x[k];
    for (int i = 0; i < LR_LANES; i++)
        sum += lanes[i];
    return sum;
}

static float *lr_place(const cpu_job *j, float *low, uint32_t t, uint32_t segment)
{
    return low + ((size_t)t * MLCI_MAX_SEGMENTS + segment) * j->p->low_rank;
}

void cpu_low_rank_in(const cpu_job *j, float *low, uint32_t t, const float *x)
{
    for (uint32_t s = 0; s < j->call->n_segments; s++) {
        const mlci_low_rank *l = lr_of(j, t, s);
        float *out = lr_place(j, low, t, s);

        for (uint32_t i = 0; l != NULL && i < l->rank; i++)
            out[i] = lr_dot(l->a + (size_t)i * j->call->columns, x, j->call->columns);
    }
}

void cpu_low_rank_out(const cpu_job *j, float *low, uint32_t segment, uint32_t panel, uint32_t n,
                      float *tile, size_t ld)
{
    for (uint32_t t = 0; t < n; t++) {
        const mlci_low_rank *l = lr_of(j, t, segment);
        const float *in = lr_place(j, low, t, segment);

        for (uint32_t i = 0; l != NULL && i < l->rank; i++) {
            const float *b = l->b + (size_t)i * l->stride + (size_t)panel * MLCI_PANEL_ROWS;

            for (size_t r = 0; r < MLCI_PANEL_ROWS; r++)
                tile[t * ld + r] += b[r] * in[i];
        }
    }
}

/* Shared rows, then two of every thread's own. */
mlc_status cpu_low_rank_room(mlci_executor *p, uint32_t rank, mlc_error *err)
{
    const size_t each = MLCI_MAX_SEGMENTS * (size_t)rank;
    uint32_t alone;
    size_t n;
    float *low;

    if (rank <= p->low_rank)
        return MLC_OK;
    (void)mlci_call_way(MLCI_CALL_MATMUL, MLCI_TARGET_CPU, 1, &alone);
    n = mlci_mul(p->bounds.rows + (size_t)alone * p->n_threads, each);
    low = mlci_new(p->weights->ctx, n, sizeof *low);
    if (low == NULL)
        return mlci_nomem(err, "adapters");
    cpu_low_rank_close(p);
    p->low = low;
    p->n_low = n;
    p->low_rank = rank;
    for (uint32_t t = 0; t < p->n_threads; t++)
        p->threads[t].low = low + (p->bounds.rows + (size_t)alone * t) * each;
    return MLC_OK;
}

void cpu_low_rank_close(mlci_executor *p)
{
    mlci_delete(p->weights->ctx, p->low, p->n_low, sizeof *p->low);
    p->low = NULL;
}
