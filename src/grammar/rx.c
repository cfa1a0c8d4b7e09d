/* SPDX-License-Identifier: Apache-2.0
 *
 * rx.c - rx.h.
 *
 * Sums and intersections are lists to the right, in rising order of numbers, each member
 * once; products lean to the right.  What recursion may go through is counted in each
 * node (`depth`), so that hostile expressions end with a limit and not with the stack.
 */
#include "rx_node.h"

#include <stdlib.h>
#include <string.h>

/* Many states cut the bytes alike: their classes are kept once. */
struct rx_map { uint64_t hash; uint32_t n; uint8_t class_of[256]; };
struct rx_join { uint32_t a, b, to; };

enum { RX_JOINS = 256 };

enum { RX_MAX_DEPTH = 2000 };

static mlci_rx rx_fail(mlci_rx_store *s)
{
    s->status = MLC_ENOMEM;
    return MLCI_RX_NONE;
}

/* ---- nodes ---------------------------------------------------------------------------- */

static uint64_t rx_hash(const struct rx_node *n)
{
    return mlci_mix(mlci_mix(((uint64_t)n->a << 32 | n->b) + n->kind)
                    ^ ((uint64_t)n->min << 32 | n->max));
}

static bool rx_equal(const struct rx_node *x, const struct rx_node *y)
{
    return x->kind == y->kind && x->a == y->a && x->b == y->b && x->min == y->min
        && x->max == y->max;
}

/* Room for one more: arenas give no memory back, so arrays double. */
static bool rx_room(mlci_rx_store *s, void **items, uint32_t n, uint32_t *cap, size_t size)
{
    uint32_t more = *cap == 0 ? 64 : *cap * 2;
    void *p;

    if (n < *cap)
        return true;
    p = *cap > UINT32_MAX / 4 ? NULL : mlci_arena_new(&s->arena, more, size);
    if (p == NULL)
        return false;
    if (n > 0)
        memcpy(p, *items, n * size);
    *items = p;
    *cap = more;
    return true;
}

static bool rx_rehash(mlci_rx_store *s)
{
    uint32_t cap = s->cap_table == 0 ? 256 : s->cap_table * 2;
    uint32_t *table = mlci_arena_new(&s->arena, cap, sizeof *table);

    if (table == NULL)
        return false;
    for (uint32_t i = 1; i < s->n_nodes; i++) {
        uint64_t h = rx_hash(&s->nodes[i]) & (cap - 1);

        while (table[h] != 0)
            h = (h + 1) & (cap - 1);
        table[h] = i;
    }
    s->table = table;
    s->cap_table = cap;
    return true;
}

/* A hash of what an expression says: the same in every store. */
static void rx_content(const mlci_rx_store *s, struct rx_node *n)
{
    const uint64_t *a = s->nodes[n->a].content, *b = s->nodes[n->b].content;

    for (int i = 0; i < 2; i++) {
        const uint64_t counts = (uint64_t)n->min << 32 | n->max;
        const uint64_t seed = mlci_mix(counts + 16u * n->kind + (unsigned)i);

        switch ((rx_kind)n->kind) {
        case RX_SET:
            n->content[i] = mlci_hash(s->sets[n->a].words, sizeof s->sets[n->a].words, seed);
            break;
        case RX_OR: case RX_AND:      /* lists in the order of numbers: a sum has none */
            n->content[i] = mlci_mix(a[i] ^ seed) + (rx_at(s, n->b)->kind == n->kind ? b[i]
                                                     : mlci_mix(b[i] ^ seed));
            break;
        case RX_CAT: n->content[i] = mlci_mix(mlci_mix(a[i] ^ seed) + b[i]); break;
        case RX_NOT: case RX_REPEAT: n->content[i] = mlci_mix(a[i] + seed); break;
        default: n->content[i] = seed; break;
        }
    }
}

static uint32_t rx_counts(const mlci_rx_store *s, const struct rx_node *n)
{
    uint64_t a = 1, b = 1, times = n->max == MLCI_RX_MANY ? n->min : n->max;

    if (n->kind >= RX_CAT)
        a = rx_at(s, n->a)->counts;
    if (n->kind == RX_CAT || n->kind == RX_OR || n->kind == RX_AND)
        b = rx_at(s, n->b)->counts;
    if (n->kind == RX_REPEAT)
        a *= times > 1 ? times : 1;
    a = a > b ? a : b;
    return a < UINT32_MAX ? (uint32_t)a : UINT32_MAX;
}

/* The node, found or new. */
static mlci_rx rx_intern(mlci_rx_store *s, const struct rx_node *n)
{
    void *nodes = s->nodes;
    uint64_t h;

    if (s->status != MLC_OK || n->depth > RX_MAX_DEPTH)
        return rx_fail(s);
    if (2 * s->n_nodes >= s->cap_table && !rx_rehash(s))
        return rx_fail(s);
    h = rx_hash(n) & (s->cap_table - 1);
    while (s->table[h] != 0) {
        if (rx_equal(rx_at(s, s->table[h]), n))
            return s->table[h];
        h = (h + 1) & (s->cap_table - 1);
    }
    if (!rx_room(s, &nodes, s->n_nodes, &s->cap_nodes, sizeof *s->nodes))
        return rx_fail(s);
    s->nodes = nodes;
    s->nodes[s->n_nodes] = *n;
    rx_content(s, &s->nodes[s->n_nodes]);
    s->nodes[s->n_nodes].counts = rx_counts(s, n);
    s->table[h] = s->n_nodes;
    return s->n_nodes++;
}

static uint32_t rx_map_keep(mlci_rx_store *s, const uint8_t *class_of, uint32_t n);

mlc_status mlci_rx_open(mlci_rx_store *s, mlc_context *ctx, size_t limit)
{
    void *nodes = NULL;

    memset(s, 0, sizeof *s);
    mlci_arena_init(&s->arena, ctx, limit);
    if (!rx_room(s, &nodes, 0, &s->cap_nodes, sizeof *s->nodes)) {
        s->status = MLC_ENOMEM;
        return s->status;
    }
    s->nodes = nodes;
    for (int k = RX_NONE; k <= RX_ALL; k++)
        s->nodes[s->n_nodes++] = (struct rx_node){ .kind = (uint8_t)k, .nullable = k != RX_NONE,
                                                   .plain = true, .depth = 1,
                                                   .dead = k == RX_NONE ? 1 : -1,
                                                   .content = { (uint64_t)k + 1, (uint64_t)k } };
    s->joins = mlci_arena_new(&s->arena, RX_JOINS, sizeof *s->joins);
    if (!rx_rehash(s) || s->joins == NULL)
        s->status = MLC_ENOMEM;
    else
        (void)rx_map_keep(s, (const uint8_t[256]){ 0 }, 1);
    return s->status;
}

void mlci_rx_close(mlci_rx_store *s)
{
    if (s->arena.ctx != NULL)
        mlci_arena_reset(&s->arena);
}

/* ---- constructors --------------------------------------------------------------------- */

mlci_rx mlci_rx_bytes(mlci_rx_store *s, const mlci_bytes *set)
{
    struct rx_node n = { .kind = RX_SET, .plain = true, .depth = 1, .dead = -1 };
    static const mlci_bytes none = { { 0, 0, 0, 0 } };
    void *sets = s->sets;

    if (memcmp(set, &none, sizeof none) == 0)
        return MLCI_RX_NONE;
    n.ends = mlci_bytes_has(set, MLCI_RX_END);
    while (n.a < s->n_sets && memcmp(&s->sets[n.a], set, sizeof *set) != 0)
        n.a++;
    if (n.a == s->n_sets) {
        if (s->status != MLC_OK || !rx_room(s, &sets, s->n_sets, &s->cap_sets, sizeof *s->sets))
            return rx_fail(s);
        s->sets = sets;
        s->sets[s->n_sets++] = *set;
    }
    return rx_intern(s, &n);
}

static mlci_rx rx_derive(mlci_rx_store *s, mlci_rx a, uint8_t byte);
static mlci_rx rx_derive_list(mlci_rx_store *s, rx_kind kind, mlci_rx a, uint8_t byte);
static mlci_rx rx_derive_loop(mlci_rx_store *s, mlci_rx a, uint8_t byte);

mlci_rx mlci_rx_cat(mlci_rx_store *s, mlci_rx a, mlci_rx b)
{
    struct rx_node n = { .kind = RX_CAT, .a = a, .b = b };
    const struct rx_node *x, *y;
    uint32_t deeper;

    if (a == MLCI_RX_NONE || b == MLCI_RX_NONE)
        return MLCI_RX_NONE;
    if (a == MLCI_RX_EMPTY || b == MLCI_RX_EMPTY)
        return a == MLCI_RX_EMPTY ? b : a;
    if (a == MLCI_RX_ALL && b == MLCI_RX_ALL)
        return a;
    /* Down a's own list, which was built the same way. */
    if (rx_at(s, a)->kind == RX_CAT) {
        mlci_rx head = rx_at(s, a)->a, rest = mlci_rx_cat(s, rx_at(s, a)->b, b);

        return mlci_rx_cat(s, head, rest);
    }
    x = rx_at(s, a), y = rx_at(s, b);
    n.nullable = x->nullable && y->nullable;
    n.plain = x->plain && y->plain;
    n.ends = x->ends || y->ends;
    n.dead = n.plain ? -1 : 0;
    /* A step goes into b only if a may be empty. */
    deeper = x->nullable && y->depth > x->depth ? y->depth : x->depth;
    n.depth = (uint16_t)(deeper + 1);
    return rx_intern(s, &n);
}

/* ---- sums and intersections: sorted lists --------------------------------------------- */

/* Members of the list that a is, if it is one of this kind. */
static uint32_t rx_count(const mlci_rx_store *s, rx_kind kind, mlci_rx a)
{
    uint32_t n = 1;

    for (; rx_at(s, a)->kind == kind; a = rx_at(s, a)->b)
        n++;
    return n;
}

static void rx_gather(const mlci_rx_store *s, rx_kind kind, mlci_rx a, mlci_rx *items)
{
    for (; rx_at(s, a)->kind == kind; a = rx_at(s, a)->b)
        *items++ = rx_at(s, a)->a;
    *items = a;
}

/* Two sorted lists into one, each member once. */
static uint32_t rx_merge(const mlci_rx *x, uint32_t nx, const mlci_rx *y, uint32_t ny, mlci_rx *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0, k = 0; i < nx || k < ny;) {
        mlci_rx next = k == ny || (i < nx && x[i] <= y[k]) ? x[i] : y[k];

        i += i < nx && x[i] == next;
        k += k < ny && y[k] == next;
        out[n++] = next;
    }
    return n;
}

static mlci_rx rx_pair(mlci_rx_store *s, rx_kind kind, mlci_rx a, mlci_rx b)
{
    struct rx_node n = { .kind = (uint8_t)kind, .a = a, .b = b };
    const struct rx_node *x = rx_at(s, a), *y = rx_at(s, b);
    /* The rest of a list is gone through by a loop. */
    const uint32_t rest = y->kind == kind ? y->depth : y->depth + 1u;

    n.nullable = kind == RX_OR ? x->nullable || y->nullable : x->nullable && y->nullable;
    n.plain = kind == RX_OR && x->plain && y->plain;
    n.ends = x->ends || y->ends;
    n.dead = n.plain ? -1 : 0;
    n.depth = (uint16_t)(x->depth + 1u > rest ? x->depth + 1u : rest);
    return rx_intern(s, &n);
}

/* Sets of a list become one of them; the rest moves up. */
static mlci_rx rx_join_sets(mlci_rx_store *s, rx_kind kind, mlci_rx *items, uint32_t *n)
{
    mlci_bytes all = { { 0, 0, 0, 0 } };
    uint32_t kept = 0;
    bool any = false;

    for (uint32_t i = 0; i < *n; i++) {
        const struct rx_node *x = rx_at(s, items[i]);

        if (x->kind != RX_SET || (x->ends && kind == RX_OR)) {   /* the mark stays apart */
            items[kept++] = items[i];
            continue;
        }
        for (int w = 0; w < 4; w++)
            all.words[w] = !any ? s->sets[x->a].words[w]
                         : kind == RX_OR ? all.words[w] | s->sets[x->a].words[w]
                                         : all.words[w] & s->sets[x->a].words[w];
        any = true;
    }
    *n = kept;
    return any ? mlci_rx_bytes(s, &all) : kind == RX_OR ? MLCI_RX_NONE : MLCI_RX_ALL;
}

static mlci_rx rx_build(mlci_rx_store *s, rx_kind kind, mlci_rx unit, mlci_rx zero,
                        const mlci_rx *items, uint32_t n)
{
    mlci_rx r = unit;

    for (uint32_t i = n; i-- > 0;)
        r = items[i] == zero || r == zero ? zero : r == unit ? items[i]
          : rx_pair(s, kind, items[i], r);
    return r;
}

static mlci_rx rx_combine(mlci_rx_store *s, rx_kind kind, mlci_rx a, mlci_rx b)
{
    const mlci_rx unit = kind == RX_OR ? MLCI_RX_NONE : MLCI_RX_ALL;
    const mlci_rx zero = kind == RX_OR ? MLCI_RX_ALL : MLCI_RX_NONE;
    mlc_context *ctx = s->arena.ctx;
    uint32_t na, nb, n;
    mlci_rx *room, set, r;

    if (a == b || b == unit || a == zero)
        return a;
    if (a == unit || b == zero)
        return b;
    na = rx_count(s, kind, a), nb = rx_count(s, kind, b);
    n = na + nb;
    room = mlci_new(ctx, 3 * (size_t)n, sizeof *room);
    if (room == NULL)
        return rx_fail(s);
    rx_gather(s, kind, a, room);
    rx_gather(s, kind, b, room + na);
    n = rx_merge(room, na, room + na, nb, room + na + nb);
    set = rx_join_sets(s, kind, room + na + nb, &n);
    n = rx_merge(room + na + nb, n, &set, set != unit, room);
    r = s->status == MLC_OK ? rx_build(s, kind, unit, zero, room, n) : MLCI_RX_NONE;
    mlci_delete(ctx, room, 3 * (size_t)(na + nb), sizeof *room);
    return r;
}

mlci_rx mlci_rx_or(mlci_rx_store *s, mlci_rx a, mlci_rx b)  { return rx_combine(s, RX_OR, a, b); }
mlci_rx mlci_rx_and(mlci_rx_store *s, mlci_rx a, mlci_rx b) { return rx_combine(s, RX_AND, a, b); }

static int rx_by_number(const void *a, const void *b)
{
    const mlci_rx x = *(const mlci_rx *)a, y = *(const mlci_rx *)b;

    return x < y ? -1 : x > y;
}

/* All of a list at once: only the list of all of them is built, and none on the way. */
static mlci_rx rx_all(mlci_rx_store *s, rx_kind kind, const mlci_rx *items, size_t n)
{
    const mlci_rx unit = kind == RX_OR ? MLCI_RX_NONE : MLCI_RX_ALL;
    const mlci_rx zero = kind == RX_OR ? MLCI_RX_ALL : MLCI_RX_NONE;
    uint32_t total = 0, kept = 0;
    mlci_rx *room, set, r;

    if (n <= 2)
        return n == 0 ? unit : n == 1 ? items[0] : rx_combine(s, kind, items[0], items[1]);
    for (size_t i = 0; i < n; i++)
        total += rx_count(s, kind, items[i]);
    room = mlci_new(s->arena.ctx, 2 * (size_t)total + 1, sizeof *room);
    if (room == NULL)
        return rx_fail(s);
    for (size_t i = 0, at = 0; i < n; at += rx_count(s, kind, items[i]), i++)
        rx_gather(s, kind, items[i], room + at);
    qsort(room, total, sizeof *room, rx_by_number);
    for (uint32_t i = 0; i < total; i++)
        if (room[i] != unit && (kept == 0 || room[kept - 1] != room[i]))
            room[kept++] = room[i];
    set = rx_join_sets(s, kind, room, &kept);
    kept = rx_merge(room, kept, &set, set != unit, room + total);
    r = s->status == MLC_OK ? rx_build(s, kind, unit, zero, room + total, kept) : MLCI_RX_NONE;
    mlci_delete(s->arena.ctx, room, 2 * (size_t)total + 1, sizeof *room);
    return r;
}

mlci_rx mlci_rx_or_all(mlci_rx_store *s, const mlci_rx *items, size_t n)
{
    return rx_all(s, RX_OR, items, n);
}

bool mlci_rx_plain(const mlci_rx_store *s, mlci_rx a) { return rx_at(s, a)->plain; }

uint32_t mlci_rx_counts(const mlci_rx_store *s, mlci_rx a) { return rx_at(s, a)->counts; }

mlci_rx mlci_rx_not(mlci_rx_store *s, mlci_rx a)
{
    const struct rx_node *x = rx_at(s, a);
    struct rx_node n = { .kind = RX_NOT, .a = a, .nullable = !x->nullable };

    if (a == MLCI_RX_NONE || a == MLCI_RX_ALL)
        return a == MLCI_RX_NONE ? MLCI_RX_ALL : MLCI_RX_NONE;
    if (x->kind == RX_NOT)
        return x->a;
    n.ends = x->ends;
    n.depth = (uint16_t)(x->depth + 1);
    return rx_intern(s, &n);
}

mlci_rx mlci_rx_repeat(mlci_rx_store *s, mlci_rx a, uint32_t min, uint32_t max)
{
    const struct rx_node *x = rx_at(s, a);
    struct rx_node n = { .kind = RX_REPEAT, .a = a, .min = x->nullable ? 0 : min, .max = max };

    if (max == 0 || a == MLCI_RX_EMPTY)
        return MLCI_RX_EMPTY;
    if (a == MLCI_RX_NONE)
        return min == 0 ? MLCI_RX_EMPTY : MLCI_RX_NONE;
    if (a == MLCI_RX_ALL || (min == 1 && max == 1)
        || (x->kind == RX_REPEAT && x->min == 0 && x->max == MLCI_RX_MANY))
        return a;
    n.nullable = n.min == 0;
    n.plain = x->plain && !x->ends;         /* it may have to end and go on       */
    n.ends = x->ends;
    n.dead = n.plain || n.nullable ? -1 : 0;
    n.depth = (uint16_t)(x->depth + 1);
    return rx_intern(s, &n);
}

/* ---- steps ---------------------------------------------------------------------------- */

bool mlci_rx_nullable(const mlci_rx_store *s, mlci_rx a) { return rx_at(s, a)->nullable; }

static mlci_rx rx_derive(mlci_rx_store *s, mlci_rx a, uint8_t byte)
{
    const struct rx_node n = *rx_at(s, a);
    mlci_rx r;

    if (n.steps != NULL)
        return n.steps->next[n.steps->class_of[byte]];
    switch ((rx_kind)n.kind) {
    case RX_NONE: case RX_EMPTY: return MLCI_RX_NONE;
    case RX_ALL:  return MLCI_RX_ALL;
    case RX_SET:  return mlci_bytes_has(&s->sets[n.a], byte) ? MLCI_RX_EMPTY : MLCI_RX_NONE;
    case RX_NOT:  return mlci_rx_not(s, rx_derive(s, n.a, byte));
    case RX_LOOP: return rx_derive_loop(s, a, byte);
    case RX_CAT:
        r = mlci_rx_cat(s, rx_derive(s, n.a, byte), n.b);
        return rx_at(s, n.a)->nullable ? mlci_rx_or(s, r, rx_derive(s, n.b, byte)) : r;
    case RX_REPEAT:
        r = mlci_rx_repeat(s, n.a, n.min - (n.min > 0),
                           n.max == MLCI_RX_MANY ? n.max : n.max - 1);
        return mlci_rx_cat(s, rx_derive(s, n.a, byte), r);
    default: break;
    }
    return rx_derive_list(s, (rx_kind)n.kind, a, byte);
}

/* Again at once, without a byte in between, it gives nothing new. */
static mlci_rx rx_derive_loop(mlci_rx_store *s, mlci_rx a, uint8_t byte)
{
    mlci_rx r;

    if (rx_at(s, a)->busy)
        return MLCI_RX_NONE;
    s->nodes[a].busy = true;
    r = rx_derive(s, rx_at(s, a)->a, byte);
    s->nodes[a].busy = false;
    return r;
}

/* Members that cannot come are left out before lists are made of the others. */
static mlci_rx rx_derive_list(mlci_rx_store *s, rx_kind kind, mlci_rx a, uint8_t byte)
{
    const mlci_rx zero = kind == RX_OR ? MLCI_RX_ALL : MLCI_RX_NONE;
    const mlci_rx unit = kind == RX_OR ? MLCI_RX_NONE : MLCI_RX_ALL;
    mlci_rx some[32], *items = some, r = unit;
    uint32_t n = rx_count(s, kind, a), kept = 0;

    if (n > 32)
        items = mlci_new(s->arena.ctx, n, sizeof *items);
    if (items == NULL)
        return rx_fail(s);
    for (uint32_t i = 0; i < n && r != zero; i++) {
        r = rx_derive(s, i + 1 < n ? rx_at(s, a)->a : a, byte);
        a = i + 1 < n ? rx_at(s, a)->b : a;
        if (r != unit)
            items[kept++] = r;
    }
    if (r != zero)
        r = rx_all(s, kind, items, kept);
    if (items != some)
        mlci_delete(s->arena.ctx, items, n, sizeof *items);
    return r;
}

/* ---- classes: bytes that every step treats alike have one number ------------------------ */

/* Map number 0 has one class of all bytes. */
static uint32_t rx_map_keep(mlci_rx_store *s, const uint8_t *class_of, uint32_t n)
{
    const uint64_t hash = mlci_hash(class_of, 256, 0);
    void *maps = s->maps;
    struct rx_map *m;

    for (uint32_t i = s->n_maps; i-- > 0;)
        if (s->maps[i]->hash == hash && memcmp(s->maps[i]->class_of, class_of, 256) == 0)
            return i;
    m = mlci_arena_new(&s->arena, 1, sizeof *m);
    if (m == NULL || !rx_room(s, &maps, s->n_maps, &s->cap_maps, sizeof *s->maps)) {
        (void)rx_fail(s);
        return 0;
    }
    s->maps = maps;
    memcpy(m->class_of, class_of, 256);
    m->hash = hash;
    m->n = n;
    s->maps[s->n_maps] = m;
    return s->n_maps++;
}

/* The classes of two maps' pairs. */
static uint32_t rx_map_join(mlci_rx_store *s, uint32_t a, uint32_t b)
{
    struct rx_join *j = &s->joins[(a * 31 + b) % RX_JOINS];
    uint8_t class_of[256], first[256][2];
    uint32_t n = 0;

    if (a == b || b == 0)
        return a;
    if (a == 0)
        return b;
    if (j->a == a && j->b == b && j->to != 0)
        return j->to;
    for (unsigned x = 0; x < 256; x++) {
        const uint8_t p = s->maps[a]->class_of[x], q = s->maps[b]->class_of[x];
        uint32_t k = 0;

        while (k < n && (first[k][0] != p || first[k][1] != q))
            k++;
        if (k == n) {
            first[n][0] = p;
            first[n++][1] = q;
        }
        class_of[x] = (uint8_t)k;
    }
    *j = (struct rx_join){ a, b, rx_map_keep(s, class_of, n) };
    return j->to;
}

/* The classes of an expression's steps: each set cuts them in two. */
static uint32_t rx_classes(mlci_rx_store *s, mlci_rx a)
{
    const struct rx_node x = *rx_at(s, a);
    uint8_t class_of[256];
    uint32_t r = 0;
    mlci_rx i;

    if (x.map != 0)
        return x.map - 1;
    switch ((rx_kind)x.kind) {
    case RX_SET:
        for (unsigned b = 0; b < 256; b++)
            class_of[b] = mlci_bytes_has(&s->sets[x.a], (uint8_t)b)
                       == mlci_bytes_has(&s->sets[x.a], 0) ? 0 : 1;
        r = rx_map_keep(s, class_of, 2);
        break;
    case RX_CAT:
        r = rx_classes(s, x.a);
        if (rx_at(s, x.a)->nullable)
            r = rx_map_join(s, r, rx_classes(s, x.b));
        break;
    case RX_OR: case RX_AND:
        for (i = a; rx_at(s, i)->kind == x.kind; i = rx_at(s, i)->b)
            r = rx_map_join(s, r, rx_classes(s, rx_at(s, i)->a));
        r = rx_map_join(s, r, rx_classes(s, i));
        break;
    case RX_NOT: case RX_REPEAT:
        r = rx_classes(s, x.a);
        break;
    default: break;
    }
    s->nodes[a].map = r + 1;
    return r;
}

const mlci_rx_steps *mlci_rx_all_steps(mlci_rx_store *s, mlci_rx a)
{
    const struct rx_map *map;
    mlci_rx_steps *steps;
    uint32_t number;

    if (rx_at(s, a)->steps != NULL || s->status != MLC_OK)
        return s->status == MLC_OK ? rx_at(s, a)->steps : NULL;
    number = rx_classes(s, a);
    map = s->maps[number];
    steps = mlci_arena_new(&s->arena, 1, sizeof *steps + map->n * sizeof *steps->next);
    if (steps == NULL) {
        (void)rx_fail(s);
        return NULL;
    }
    steps->class_of = map->class_of;
    steps->n = map->n;
    for (unsigned b = 256; b-- > 0;)
        if (b == 255 || map->class_of[b] != map->class_of[b + 1])
            steps->next[map->class_of[b]] = rx_derive(s, a, (uint8_t)b);
    if (s->status != MLC_OK)
        return NULL;
    return s->nodes[a].steps = steps;
}

mlci_rx mlci_rx_step(mlci_rx_store *s, mlci_rx a, uint8_t byte)
{
    const mlci_rx_steps *steps = mlci_rx_all_steps(s, a);

    return steps != NULL ? steps->next[steps->class_of[byte]] : MLCI_RX_NONE;
}

/* ---- loops ---------------------------------------------------------------------------- */

/* Of a loop beyond that of what follows it, as long as it is not told; and at most. */
enum { RX_LOOP_DEPTH = 20, RX_LOOP_MAX_DEPTH = 400 };

mlci_rx mlci_rx_loop(mlci_rx_store *s, mlci_rx k, const uint64_t name[2])
{
    const struct rx_node *x = rx_at(s, k);
    const struct rx_node n = { .kind = RX_LOOP, .a = k, .b = k, .min = s->n_nodes,
                               .nullable = x->nullable, .ends = x->ends,
                               .depth = (uint16_t)(x->depth + RX_LOOP_DEPTH) };
    mlci_rx r = rx_intern(s, &n);

    for (int i = 0; i < 2 && s->status == MLC_OK; i++)
        s->nodes[r].content[i] = mlci_mix(name[i] + mlci_mix(rx_at(s, k)->content[i]));
    return r;
}

/* The classes of all sets that lie in a, whether a first step meets them or not. */
static uint32_t rx_classes_inside(mlci_rx_store *s, mlci_rx a)
{
    const uint32_t n = s->n_nodes;
    mlci_rx *list = mlci_new(s->arena.ctx, n, sizeof *list);
    bool *seen = mlci_new(s->arena.ctx, n, sizeof *seen);
    uint32_t count = 0, r = 0;

    if (list == NULL || seen == NULL)
        (void)rx_fail(s);
    else
        list[count++] = a;
    for (uint32_t i = 0; i < count; i++) {
        const struct rx_node x = *rx_at(s, list[i]);
        const mlci_rx parts[2] = { x.kind >= RX_CAT ? x.a : 0, x.kind >= RX_CAT ? x.b : 0 };

        if (x.kind == RX_SET)
            r = rx_map_join(s, r, rx_classes(s, list[i]));
        for (int k = 0; k < 2; k++)
            if (!seen[parts[k]]) {
                seen[parts[k]] = true;
                list[count++] = parts[k];
            }
    }
    mlci_delete(s->arena.ctx, list, n, sizeof *list);
    mlci_delete(s->arena.ctx, seen, n, sizeof *seen);
    return r;
}

/*
 * What was made of the loop meanwhile knew less of it.  Loops inside it lead to all of its
 * classes, as it leads to theirs.
 */
void mlci_rx_loop_is(mlci_rx_store *s, mlci_rx loop, mlci_rx body)
{
    const mlci_rx all = s->status == MLC_OK ? mlci_rx_or(s, rx_at(s, loop)->b, body) : 0;
    uint32_t classes;

    if (s->status != MLC_OK
        || rx_at(s, all)->depth > rx_at(s, loop)->depth + RX_LOOP_MAX_DEPTH) {
        (void)rx_fail(s);
        return;
    }
    s->nodes[loop].a = all;
    s->nodes[loop].depth = (uint16_t)(rx_at(s, all)->depth + 1);
    classes = rx_classes_inside(s, all);
    for (mlci_rx i = loop; i < s->n_nodes; i++)
        s->nodes[i].map = rx_at(s, i)->kind == RX_LOOP ? classes + 1 : 0;
}

/* ---- the end -------------------------------------------------------------------------- */

mlci_rx mlci_rx_end(mlci_rx_store *s, mlci_rx a)
{
    const mlci_rx r = rx_derive(s, a, MLCI_RX_END);

    return rx_at(s, r)->nullable ? mlci_rx_text(s, "\xff", 1) : MLCI_RX_NONE;
}

bool mlci_rx_may_end(mlci_rx_store *s, mlci_rx state)
{
    return mlci_rx_nullable(s, mlci_rx_step(s, state, MLCI_RX_END));
}

void mlci_rx_content(const mlci_rx_store *s, mlci_rx a, uint64_t content[2])
{
    memcpy(content, rx_at(s, a)->content, 2 * sizeof *content);
}
