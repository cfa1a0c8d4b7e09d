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

/* One row in place, with one scalar. */
static void lg_change(mlci_gen_fn *kernel, float *x, size_t n, float scalar)
{
    const mlci_gen_args a = { .data = { x, x }, .stride = { (int64_t)n, (int64_t)n },
                              .size = { 1, (int64_t)n }, .scalar = { { .f = scalar } },
                              .end = { 1, (int64_t)n } };

    kernel(&a);
}

void mlci_logits_softmax(const mlc_context *ctx, float *x, size_t n, float temperature)
{
    lg_change(lg_kernels(ctx)->softmax, x, n, temperature);
}

void mlci_logits_min_p(const mlc_context *ctx, float *p, size_t n, float min_p)
{
    lg_change(lg_kernels(ctx)->min_p, p, n, min_p);
}

void mlci_logits_penalize(const mlc_context *ctx, float *x, const int32_t *counts, size_t n,
                          float repetition, float frequency, float presence)
{
    const int64_t v = (int64_t)n;
    const mlci_gen_args a = {
        .data = { x, (void *)(uintptr_t)counts, x }, .stride = { v, v, v }, .size = { 1, v },
        .scalar = { { .f = repetition }, { .f = frequency }, { .f = presence } },
        .end = { 1, v },
    };

    lg_kernels(ctx)->penalize(&a);
}
