/* SPDX-License-Identifier: Apache-2.0
 *
 * logits.c - sampling steps on logits in memory, by the tier's generated kernels.
 */
#include "cpu.h"

static const mlci_gen_table *lg_kernels(const mlc_context *ctx)
{
    return mlci_cpu_kernels_of(mlci_context_devices(ctx)->tier)->generated;
}

/* One row of n columns to one number: symbols are rows and columns. */
static float lg_row(mlci_gen_fn *kernel, const float *x, size_t n)
{
    float y = 0;
    const mlci_gen_args a = { .data = { (void *)(uintptr_t)x, &y }, .stride = { (int64_t)n, 1 },
                              .size = { 1, (int64_t)n }, .end = { 1, 1 } };

    kernel(&a);
    return y;
}

float mlci_logits_largest(const mlc_context *ctx, const float *x, size_t n)
{
    return lg_row(lg_kernels(ctx)->largest, x, n);
}

float mlci_logits_log_sum(const mlc_context *ctx, const float *x, size_t n)
{
    return lg_row(lg_kernels(ctx)->log_sum, x, n);
}
