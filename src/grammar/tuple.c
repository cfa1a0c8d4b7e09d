/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple.c - tuple.h.
 */
#include "tuple.h"

#include <string.h>

enum { TU_ROOM = 2048 };

static uint64_t tu_hash(const uint32_t *items, uint32_t n)
{
    uint64_t h = n;

    for (uint32_t i = 0; i < n; i++)
        h = (h ^ items[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return mlci_mix(h);
}

bool mlci_tuples_open(mlci_tuples *t, mlc_context *ctx, mlci_arena *arena)
{
    memset(t, 0, sizeof *t);
    t->arena = arena;
    t->ctx = ctx;
    return mlci_tuple(t, NULL, 0) == 0;
}

void mlci_tuples_close(mlci_tuples *t)
{
    if (t->ctx == NULL)
        return;
    mlci_delete(t->ctx, (void *)t->items, t->cap, sizeof *t->items);
    mlci_delete(t->ctx, t->table, t->cap_table, sizeof *t->table);
}

static bool tu_rehash(mlci_tuples *t)
{
    size_t cap = t->cap_table == 0 ? 64 : t->cap_table * 2;
    uint32_t *table = mlci_new(t->ctx, cap, sizeof *table);

    if (table == NULL)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        size_t h = tu_hash(t->items[i] + 1, t->items[i][0]) & (cap - 1);

        while (table[h] != 0)
            h = (h + 1) & (cap - 1);
        table[h] = (uint32_t)i + 1;
    }
    mlci_delete(t->ctx, t->table, t->cap_table, sizeof *t->table);
    t->table = table;
    t->cap_table = cap;
    return true;
}

/* A copy with the length before it. */
static const uint32_t *tu_keep(mlci_tuples *t, const uint32_t *items, uint32_t n)
{
    uint32_t *p;

    if (n + 1 > TU_ROOM / 4) {
        p = mlci_arena_new(t->arena, n + 1, sizeof *p);
    } else {
        if (t->n_room < n + 1) {
            t->room = mlci_arena_new(t->arena, t->n < 64 ? TU_ROOM / 4 : TU_ROOM, sizeof *t->room);
            t->n_room = t->room != NULL ? t->n < 64 ? TU_ROOM / 4 : TU_ROOM : 0;
        }
        p = t->room;
        if (p != NULL) {
            t->room += n + 1;
            t->n_room -= n + 1;
        }
    }
    if (p == NULL)
        return NULL;
    p[0] = n;
    if (n > 0)
        memcpy(p + 1, items, n * sizeof *p);
    return p;
}

uint32_t mlci_tuple(mlci_tuples *t, const uint32_t *items, uint32_t n)
{
    void *list = (void *)t->items;
    const uint32_t *p;
    size_t h;

    if (2 * (t->n + 1) > t->cap_table && !tu_rehash(t))
        return UINT32_MAX;
    h = tu_hash(items, n) & (t->cap_table - 1);
    for (; t->table[h] != 0; h = (h + 1) & (t->cap_table - 1)) {
        p = t->items[t->table[h] - 1];
        if (p[0] == n && (n == 0 || memcmp(p + 1, items, n * sizeof *p) == 0))
            return t->table[h] - 1;
    }
    if (t->n >= UINT32_MAX / 2 || !mlci_grow(t->ctx, &list, &t->cap, t->n + 1, sizeof *t->items))
        return UINT32_MAX;
    t->items = list;
    p = tu_keep(t, items, n);
    if (p == NULL)
        return UINT32_MAX;
    t->items[t->n] = p;
    t->table[h] = (uint32_t)++t->n;
    return (uint32_t)t->n - 1;
}

/* ---- maps ----------------------------------------------------------------------------- */

void mlci_map_open(mlci_map *m, mlc_context *ctx) { *m = (mlci_map){ .ctx = ctx }; }

void mlci_map_close(mlci_map *m)
{
    if (m->ctx != NULL)
        mlci_delete(m->ctx, m->slots, m->cap, sizeof *m->slots);
}

static uint64_t tu_key(uint32_t a, uint32_t b) { return ((uint64_t)a << 32 | b) + 1; }

static struct mlci_map_slot *tu_slot(const mlci_map *m, uint64_t key)
{
    size_t h = mlci_mix(key) & (m->cap - 1);

    while (m->slots[h].key != 0 && m->slots[h].key != key)
        h = (h + 1) & (m->cap - 1);
    return &m->slots[h];
}

uint32_t mlci_map_get(const mlci_map *m, uint32_t a, uint32_t b)
{
    const struct mlci_map_slot *s = m->cap > 0 ? tu_slot(m, tu_key(a, b)) : NULL;

    return s != NULL && s->key != 0 ? s->value : UINT32_MAX;
}

bool mlci_map_put(mlci_map *m, uint32_t a, uint32_t b, uint32_t value)
{
    struct mlci_map_slot *s;

    if (2 * (m->n + 1) > m->cap) {
        mlci_map more = { m->ctx, NULL, 0, m->cap == 0 ? 64 : m->cap * 2 };

        more.slots = mlci_new(m->ctx, more.cap, sizeof *more.slots);
        if (more.slots == NULL)
            return false;
        for (size_t i = 0; i < m->cap; i++)
            if (m->slots[i].key != 0) {
                *tu_slot(&more, m->slots[i].key) = m->slots[i];
                more.n++;
            }
        mlci_map_close(m);
        *m = more;
    }
    s = tu_slot(m, tu_key(a, b));
    m->n += s->key == 0;
    s->key = tu_key(a, b);
    s->value = value;
    return true;
}
