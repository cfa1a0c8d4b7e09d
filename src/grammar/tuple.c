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
    mlci_map_open(&t->numbers, ctx);
    return mlci_tuple(t, NULL, 0) == 0;
}

void mlci_tuples_close(mlci_tuples *t)
{
    if (t->ctx == NULL)
        return;
    mlci_delete(t->ctx, (void *)t->items, t->cap, sizeof *t->items);
    mlci_map_close(&t->numbers);
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
    uint64_t h = tu_hash(items, n);
    void *list = (void *)t->items;
    const uint32_t *p;

    for (;; h++) {                        /* another list with the same hash: the next one */
        const uint32_t at = mlci_map_get(&t->numbers, (uint32_t)(h >> 32), (uint32_t)h);

        if (at == UINT32_MAX)
            break;
        p = t->items[at];
        if (p[0] == n && (n == 0 || memcmp(p + 1, items, n * sizeof *p) == 0))
            return at;
    }
    if (t->n >= UINT32_MAX / 2 || !mlci_grow(t->ctx, &list, &t->cap, t->n + 1, sizeof *t->items))
        return UINT32_MAX;
    t->items = list;
    p = tu_keep(t, items, n);
    if (p == NULL
        || !mlci_map_put(&t->numbers, (uint32_t)(h >> 32), (uint32_t)h, (uint32_t)t->n))
        return UINT32_MAX;
    t->items[t->n] = p;
    return (uint32_t)t->n++;
}

/* ---- maps ----------------------------------------------------------------------------- */

/* Slots in parts of at most TU_PART, each for the hashes that begin with its `depth` bits.
 * A part that is half full is split, so that no one put pays for the whole map. */
enum { TU_FIRST = 32, TU_PART = 512, TU_MOST_BITS = 24 };

struct mlci_map_part {
    uint32_t depth, n, cap;
    struct tu_slot { uint32_t a, b, value; } slots[];     /* value plus one; 0: free     */
};

void mlci_map_open(mlci_map *m, mlc_context *ctx) { *m = (mlci_map){ .ctx = ctx }; }

static uint64_t tu_key(uint32_t a, uint32_t b) { return mlci_mix(((uint64_t)a << 32 | b) + 1); }

static size_t tu_part_of(const mlci_map *m, uint64_t h)
{
    return m->bits > 0 ? h >> (64 - m->bits) : 0;
}

static size_t tu_part_bytes(uint32_t cap)
{
    return sizeof(struct mlci_map_part) + cap * sizeof(struct tu_slot);
}

static struct mlci_map_part *tu_part(mlci_map *m, uint32_t depth, uint32_t cap)
{
    struct mlci_map_part *p = mlci_new(m->ctx, 1, tu_part_bytes(cap));

    if (p != NULL) {
        p->depth = depth, p->cap = cap;
        m->bytes += tu_part_bytes(cap);
    }
    return p;
}

static void tu_drop(mlci_map *m, struct mlci_map_part *p)
{
    if (p == NULL)
        return;
    m->bytes -= tu_part_bytes(p->cap);
    mlci_delete(m->ctx, p, 1, tu_part_bytes(p->cap));
}

void mlci_map_close(mlci_map *m)
{
    const size_t n = m->parts != NULL ? (size_t)1 << m->bits : 0;

    for (size_t i = 0; i < n; i++)        /* the first of those that lead to it frees it */
        if (i == 0 || m->parts[i] != m->parts[i - 1])
            tu_drop(m, m->parts[i]);
    if (n > 0)
        mlci_delete(m->ctx, m->parts, n, sizeof *m->parts);
    m->parts = NULL;
}

static struct tu_slot *tu_slot(struct mlci_map_part *p, uint64_t h, uint32_t a, uint32_t b)
{
    size_t i = h & (p->cap - 1);

    while (p->slots[i].value != 0 && (p->slots[i].a != a || p->slots[i].b != b))
        i = (i + 1) & (p->cap - 1);
    return &p->slots[i];
}

uint32_t mlci_map_get(const mlci_map *m, uint32_t a, uint32_t b)
{
    const uint64_t h = tu_key(a, b);

    return m->parts != NULL ? tu_slot(m->parts[tu_part_of(m, h)], h, a, b)->value - 1 : UINT32_MAX;
}

/* Every entry of `from` to one of two, by the bit of its hash. */
static void tu_move(const struct mlci_map_part *from, struct mlci_map_part *const to[2],
                    uint32_t bit)
{
    for (uint32_t i = 0; i < from->cap; i++) {
        const struct tu_slot *x = &from->slots[i];
        const uint64_t h = tu_key(x->a, x->b);

        if (x->value != 0) {
            struct mlci_map_part *p = to[h >> bit & 1];

            *tu_slot(p, h, x->a, x->b) = *x;
            p->n++;
        }
    }
}

static bool tu_more_bits(mlci_map *m)
{
    const size_t n = (size_t)1 << m->bits;
    struct mlci_map_part **parts = mlci_new(m->ctx, 2 * n, sizeof *parts);

    if (parts == NULL)
        return false;
    for (size_t i = 0; i < 2 * n; i++)
        parts[i] = m->parts[i / 2];
    mlci_delete(m->ctx, m->parts, n, sizeof *parts);
    m->parts = parts;
    m->bytes += n * sizeof *parts;
    m->bits++;
    return true;
}

/* Room for one more in the part of this hash: a larger one, or two. */
static bool tu_make_room(mlci_map *m, uint64_t h)
{
    struct mlci_map_part *p = m->parts[tu_part_of(m, h)], *to[2];
    size_t first, n;

    if (p->cap < TU_PART) {               /* the only part of the map */
        to[0] = to[1] = tu_part(m, 0, 2 * p->cap);
        if (to[0] == NULL)
            return false;
        tu_move(p, to, 63);
        m->parts[0] = to[0];
        tu_drop(m, p);
        return true;
    }
    if (p->depth == TU_MOST_BITS || (p->depth == m->bits && !tu_more_bits(m)))
        return false;
    for (int i = 0; i < 2; i++)
        to[i] = tu_part(m, p->depth + 1, TU_PART);
    if (to[0] == NULL || to[1] == NULL) {
        tu_drop(m, to[0]);
        tu_drop(m, to[1]);
        return false;
    }
    tu_move(p, to, 63 - p->depth);
    n = (size_t)1 << (m->bits - p->depth);
    first = tu_part_of(m, h) / n * n;
    for (size_t i = 0; i < n; i++)
        m->parts[first + i] = to[i >= n / 2];
    tu_drop(m, p);
    return true;
}

bool mlci_map_put(mlci_map *m, uint32_t a, uint32_t b, uint32_t value)
{
    const uint64_t h = tu_key(a, b);
    struct mlci_map_part *p;
    struct tu_slot *s;

    if (m->parts == NULL) {
        m->parts = mlci_new(m->ctx, 1, sizeof *m->parts);
        p = m->parts != NULL ? tu_part(m, 0, TU_FIRST) : NULL;
        if (p == NULL) {
            mlci_delete(m->ctx, m->parts, 1, sizeof *m->parts);
            m->parts = NULL;
            return false;
        }
        m->parts[0] = p;
        m->bytes += sizeof *m->parts;
    }
    while (p = m->parts[tu_part_of(m, h)], 2 * (p->n + 1) > p->cap)
        if (!tu_make_room(m, h))
            return false;
    s = tu_slot(p, h, a, b);
    p->n += s->value == 0;
    *s = (struct tu_slot){ a, b, value + 1 };
    return true;
}
