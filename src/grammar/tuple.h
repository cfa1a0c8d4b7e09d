/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple.h - lists of numbers that are kept once, under a number each, and a map from
 * pairs of numbers to a number.
 *
 * Everything that a grammar's states are made of is such a list: equal states have equal
 * numbers, so what was computed for one is found again by its number.
 */
#ifndef MLCI_TUPLE_H
#define MLCI_TUPLE_H

#include "../base/arena.h"

typedef struct mlci_map {
    mlc_context *ctx;
    struct mlci_map_part **parts;     /* [1 << bits] by the first bits of a hash         */
    uint32_t bits;
    size_t   bytes;                   /* that it takes                                   */
} mlci_map;

typedef struct mlci_tuples {
    mlci_arena *arena;                /* where lists lie; they stay where they are      */
    mlc_context *ctx;
    const uint32_t **items;           /* [cap] n, then the numbers                      */
    size_t    n, cap;
    mlci_map  numbers;                /* hash of a list: its number                     */
    uint32_t *room;                   /* being filled                                   */
    size_t    n_room;
} mlci_tuples;

/* The list of none is number 0. */
bool mlci_tuples_open(mlci_tuples *t, mlc_context *ctx, mlci_arena *arena);
void mlci_tuples_close(mlci_tuples *t);
/* UINT32_MAX when out of memory. */
uint32_t mlci_tuple(mlci_tuples *t, const uint32_t *items, uint32_t n);

static inline const uint32_t *mlci_tuple_at(const mlci_tuples *t, uint32_t id, uint32_t *n)
{
    *n = t->items[id][0];
    return t->items[id] + 1;
}

void mlci_map_open(mlci_map *m, mlc_context *ctx);
void mlci_map_close(mlci_map *m);
/* UINT32_MAX: not there. */
uint32_t mlci_map_get(const mlci_map *m, uint32_t a, uint32_t b);
/* value: not UINT32_MAX.  False: out of memory, or more than some billions. */
bool mlci_map_put(mlci_map *m, uint32_t a, uint32_t b, uint32_t value);

#endif
