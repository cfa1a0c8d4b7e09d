/* SPDX-License-Identifier: Apache-2.0
 *
 * attention_ref.c - the formula of attention.h in double, one value at a time.
 * Never optimise this file.
 */
#include "attention.h"
#include "../../src/base/half.h"

#include <math.h>
#include <string.h>

static double ar_load(const uint8_t *block, size_t i, bool f32)
{
    uint16_t h;
    float f;

    if (f32) {
        memcpy(&f, block + 4 * i, 4);
        return (double)f;
    }
    memcpy(&h, block + 2 * i, 2);
    return (double)mlci_f16_to_f32(h);
}

static double ar_score(const mlci_attention_args *a, const float *q, const uint8_t *keys,
                       uint32_t slot)
{
    double s = 0.0;

    for (uint32_t d = 0; d < a->kv.head_dim; d++)
        s += (double)q[d] * ar_load(keys, (size_t)d * MLCI_PAGE_TOKENS + slot, a->kv.f32);
    s *= (double)a->scale;
    return a->cap > 0 ? (double)a->cap * tanh(s / (double)a->cap) : s;
}

void mlci_attention_ref(const mlci_attention_args *a, uint32_t row)
{
    const uint32_t dim = a->kv.head_dim, p = (uint32_t)a->positions[row];
    const uint32_t from = a->window > 0 && p + 1 > a->window ? p + 1 - a->window : 0;

    for (uint32_t h = 0; h < a->heads; h++) {
        const float *q = a->q + ((size_t)row * a->heads + h) * dim;
        float *out = a->out + ((size_t)row * a->heads + h) * dim;
        size_t keys = mlci_kv_keys(&a->kv, h / a->group);
        size_t values = mlci_kv_values(&a->kv, h / a->group);
        double max = -INFINITY, sum = 0.0, acc[1024] = { 0.0 };   /* the domain's limit */

        if (a->sinks != NULL)
            max = (double)a->sinks[h];
        for (uint32_t j = from; j <= p; j++)
            max = fmax(max, ar_score(a, q, a->pages[row][j / 64] + keys, j % 64));
        for (uint32_t j = from; j <= p; j++) {
            const uint8_t *page = a->pages[row][j / 64];
            double w = exp(ar_score(a, q, page + keys, j % 64) - max);

            sum += w;
            for (uint32_t d = 0; d < dim; d++)
                acc[d] += w * ar_load(page + values, (size_t)(j % 64) * dim + d, a->kv.f32);
        }
        if (a->sinks != NULL)
            sum += exp((double)a->sinks[h] - max);
        for (uint32_t d = 0; d < dim; d++)
            out[d] = (float)(acc[d] / sum);
    }
}
