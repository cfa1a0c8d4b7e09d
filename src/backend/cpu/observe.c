/* SPDX-License-Identifier: Apache-2.0
 *
 * observe.c - what products are given: sums of squares of each column, for choosing codes.
 */
#include "cpu.h"

mlc_status cpu_observe(mlci_executor *p, mlc_error *err)
{
    const mlci_plan *plan = p->weights->plan;
    mlc_context *ctx = p->weights->ctx;

    p->squares = mlci_new(ctx, plan->n_calls * p->n_threads, sizeof *p->squares);
    if (p->squares == NULL)
        return mlci_nomem(err, "observation");
    for (size_t i = 0; i < plan->n_calls * p->n_threads; i++) {
        const mlci_call *c = &plan->calls[i % plan->n_calls];

        if (c->kind != MLCI_CALL_MATMUL && c->kind != MLCI_CALL_EXPERTS)
            continue;
        p->squares[i] = mlci_new(ctx, c->columns, sizeof **p->squares);
        if (p->squares[i] == NULL)
            return mlci_nomem(err, "observation");
    }
    return MLC_OK;
}

void cpu_observe_close(mlci_executor *p)
{
    const mlci_plan *plan = p->weights->plan;
    mlc_context *ctx = p->weights->ctx;

    for (size_t i = 0; p->squares != NULL && i < plan->n_calls * p->n_threads; i++)
        mlci_delete(ctx, p->squares[i], plan->calls[i % plan->n_calls].columns,
                    sizeof **p->squares);
    mlci_delete(ctx, p->squares, plan->n_calls * p->n_threads, sizeof *p->squares);
}

void cpu_observe_row(const cpu_job *j, const float *x)
{
    const mlci_plan *plan = j->p->weights->plan;
    float *sums = j->p->squares[j->thread * plan->n_calls + (size_t)(j->call - plan->calls)];

    for (uint32_t k = 0; k < j->call->columns; k++)
        sums[k] += x[k] * x[k];
}

bool cpu_observed(const mlci_executor *p, uint32_t weight, float *out, uint32_t n)
{
    const mlci_plan *plan = p->weights->plan;
    bool found = false;

    for (size_t i = 0; i < plan->n_calls && p->squares != NULL; i++) {
        const mlci_call *c = &plan->calls[i];
        bool reads = false;

        for (uint32_t s = 0; s < c->n_segments; s++)
            reads = reads || (c->segments[s].weight == weight && p->squares[i] != NULL);
        if (!reads || c->columns != n)
            continue;
        for (uint32_t t = 0; t < p->n_threads; t++)
            for (uint32_t k = 0; k < n; k++)
                out[k] += p->squares[t * plan->n_calls + i][k];
        found = true;
    }
    return found;
}
