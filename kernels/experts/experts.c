/* SPDX-License-Identifier: Apache-2.0
 *
 * experts.c - experts.h.
 */
#include "experts.h"

#include <math.h>
#include <string.h>

void mlci_experts_top(const float *x, uint32_t n, uint32_t k, int32_t *ids)
{
    uint32_t have = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = have;

        while (at > 0 && (x[i] > x[ids[at - 1]]
                          || (x[ids[at - 1]] != x[ids[at - 1]] && x[i] == x[i])))
            at--;
        if (at == k)
            continue;
        have += have < k;
        memmove(ids + at + 1, ids + at, (have - 1 - at) * sizeof *ids);
        ids[at] = (int32_t)i;
    }
}

void mlci_experts_groups(const float *x, uint32_t n, uint32_t n_groups, uint32_t top,
                         bool pair_sums, mlci_group_room room, float *out)
{
    const uint32_t size = n / n_groups;

    for (uint32_t g = 0; g < n_groups; g++) {
        int32_t best[2] = { 0, 0 };
        const bool two = pair_sums && size > 1;

        mlci_experts_top(x + g * size, size, two ? 2 : 1, best);
        room.scores[g] = x[g * size + (uint32_t)best[0]]
                       + (two ? x[g * size + (uint32_t)best[1]] : 0.0f);
    }
    mlci_experts_top(room.scores, n_groups, top, room.ids);
    for (uint32_t i = 0; i < n; i++)
        out[i] = -INFINITY;
    for (uint32_t t = 0; t < top; t++)
        memcpy(out + (uint32_t)room.ids[t] * size, x + (uint32_t)room.ids[t] * size,
               size * sizeof *x);
}

void mlci_experts_chosen(const float *x, const int32_t *ids, uint32_t k, bool normalize,
                         float scale, float *out)
{
    float sum = 0.0f, by = scale;

    for (uint32_t i = 0; i < k; i++)
        sum += x[ids[i]];
    if (normalize)
        by = scale / (sum + 1e-20f);
    for (uint32_t i = 0; i < k; i++)
        out[i] = x[ids[i]] * by;
}

void mlci_experts_order(const int32_t *ids, uint32_t n_pairs, uint32_t n_experts, uint32_t *begin,
                    uint32_t *order)
{
    memset(begin, 0, (n_experts + 1) * sizeof *begin);
    for (uint32_t i = 0; i < n_pairs; i++)
        begin[(uint32_t)ids[i] + 1]++;
    for (uint32_t e = 0; e < n_experts; e++)
        begin[e + 1] += begin[e];
    for (uint32_t i = 0; i < n_pairs; i++)
        order[begin[(uint32_t)ids[i]]++] = i;
    memmove(begin + 1, begin, n_experts * sizeof *begin);
    begin[0] = 0;
}

void mlci_experts_in_turn(uint32_t n_pairs, uint32_t n_experts, uint32_t *begin, uint32_t *order)
{
    const uint32_t each = n_pairs / n_experts;

    for (uint32_t e = 0; e <= n_experts; e++)
        begin[e] = e * each;
    for (uint32_t i = 0; i < n_pairs; i++)
        order[i % n_experts * each + i / n_experts] = i;
}
