/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels/experts - which experts a row goes to (Shazeer et al. 2017, arXiv:1701.06538).
 *
 * A few hundred scores a row: plain C on every tier, microseconds beside milliseconds of
 * products.
 */
#ifndef MLCI_EXPERTS_H
#define MLCI_EXPERTS_H

#include <stdbool.h>
#include <stdint.h>

/* The indices of the k largest of n scores, k <= n, the largest first; of equal ones the
 * lowest index.  Not a number counts as the least. */
void mlci_experts_top(const float *x, uint32_t n, uint32_t k, int32_t *ids);

/* The scores of the `top` best of n_groups equal groups, the others' as -INFINITY (DeepSeek-AI
 * 2024, arXiv:2412.19437, 2.1.2).  A group is as good as its best score, or its two best together.
 * room: n_groups floats and as many integers. */
typedef struct mlci_group_room { float *scores; int32_t *ids; } mlci_group_room;
void mlci_experts_groups(const float *x, uint32_t n, uint32_t n_groups, uint32_t top,
                         bool pair_sums, mlci_group_room room, float *out);

/* The k scores of the ids, divided by their sum if normalize, times scale. */
void mlci_experts_chosen(const float *x, const int32_t *ids, uint32_t k, bool normalize,
                         float scale, float *out);

/* Pairs (row, one of its k experts) in order of experts: order[begin[e] .. begin[e + 1]) are
 * the numbers row * k + i of expert e's, ascending.  begin: n_experts + 1 items.  Ids are
 * within 0 .. n_experts - 1. */
void mlci_experts_order(const int32_t *ids, uint32_t n_pairs, uint32_t n_experts, uint32_t *begin,
                    uint32_t *order);

/* The same where pair i is of expert i % n_experts: heads that have a matrix each. */
void mlci_experts_in_turn(uint32_t n_pairs, uint32_t n_experts, uint32_t *begin, uint32_t *order);

#endif
