/* SPDX-License-Identifier: Apache-2.0
 *
 * logits.c - sampling steps on logits in memory: generated kernels by their names.
 */
#include "cpu.h"

#include <string.h>

static mlci_gen_fn *lg_kernel(const mlc_context *ctx, const char *name)
{
    const mlci_gen_table *t = mlci_cpu_kernels_of(mlci_context_devices(ctx)->tier)->generated;
    size_t i = 0;

    while (strcmp(t->entries[i].name, name) != 0)   /* kernelgen has put it there */
        i++;
    return t->entries[i].run;
}

/* One row of n columns to one number: symbols are rows and columns. */
static float lg_row(const mlc_context *ctx, const char *name, const float *x, size_t n)
{
    float y = 0;
    const mlci_gen_args a = { .data = { (void *)(uintptr_t)x, &y }, .stride = { (int64_t)n, 1 },
                              .size = { 1, (int64_t)n }, .end = { 1, 1 } };

    lg_kernel(ctx, name)(&a);
    return y;
}

float mlci_logits_largest(const mlc_context *ctx, const float *x, size_t n)
{
    return lg_row(ctx, "largest", x, n);
}

float mlci_logits_log_sum(const mlc_context *ctx, const float *x, size_t n)
{
    return lg_row(ctx, "log_sum", x, n);
}
