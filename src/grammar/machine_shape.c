/* SPDX-License-Identifier: Apache-2.0
 *
 * machine_shape.c - which names an object's formulas know.
 */
#include "judge.h"
#include "machine_frames.h"

#include <stdlib.h>
#include <string.h>

static mlci_tuples *mh_t(const mlci_machine *m) { return &m->s->tuples; }

typedef struct mh_names {
    mlci_machine *m;
    uint32_t     *names;             /* [n] as they were met, each once                  */
    size_t        n, cap;
    uint8_t      *met;               /* bits, by number                                  */
    bool          tables;            /* those of tables, or those that are required      */
    mlci_rx       patterns[64];
    uint32_t      n_patterns;
} mh_names;

static void mh_add_name(mh_names *x, uint32_t name)
{
    void *names = x->names;

    if ((x->met[name / 8] >> name % 8 & 1) != 0)
        return;
    x->met[name / 8] |= (uint8_t)(1 << name % 8);
    if (!mlci_grow(x->m->s->ctx, &names, &x->cap, x->n + 1, sizeof *x->names)) {
        x->m->too_complex = true;
        return;
    }
    x->names = names;
    x->names[x->n++] = name;
}

static void mh_add_pattern(mh_names *x, mlci_rx pattern)
{
    uint32_t i = 0;

    while (i < x->n_patterns && x->patterns[i] != pattern)
        i++;
    if (i < x->n_patterns)
        return;
    if (x->n_patterns == 64)
        x->m->too_complex = true;
    else
        x->patterns[x->n_patterns++] = pattern;
}

static bool mh_collect(void *user, const mlci_claim *a)
{
    mh_names *x = user;
    const mlci_members *t;

    if (!x->tables) {
        if (a->kind == MLCI_AT_HAS)
            mh_add_name(x, a->a);
        return true;
    }
    if (a->kind == MLCI_AT_NAMES)
        mh_add_pattern(x, mlci_judge_language(x->m, mlci_judge_only(x->m, a->a, MLCI_V_STRING),
                                              false));
    if (a->kind == MLCI_AT_MEMBERS) {
        t = &x->m->s->members[a->a];
        for (uint32_t i = 0; i < (t->order != NULL ? t->n_order : t->n); i++)
            mh_add_name(x, t->order != NULL ? t->order[i] : t->names[i]);
        for (uint32_t i = 0; i < t->n_patterns; i++)
            mh_add_pattern(x, t->patterns[i]);
    }
    return true;
}

static int mh_compare(const mlci_schema *s, uint32_t a, uint32_t b)
{
    const mlci_name *x = &s->names[a], *y = &s->names[b];
    int r = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return r != 0 ? r : x->n < y->n ? -1 : x->n > y->n;
}

/* Names in order of bytes, by merging. */
static void mh_sort(const mlci_schema *s, uint32_t *names, uint32_t *room, size_t n)
{
    const size_t half = n / 2;

    if (n < 2)
        return;
    mh_sort(s, names, room, half);
    mh_sort(s, names + half, room, n - half);
    memcpy(room, names, half * sizeof *room);
    for (size_t i = 0, k = half, out = 0; i < half; out++)
        names[out] = k < n && mh_compare(s, names[k], room[i]) < 0 ? names[k++] : room[i++];
}

/* ---- order ------------------------------------------------------------------------------ */

static int mh_by_name(const void *a, const void *b)
{
    const struct mlci_rank *x = a, *y = b;

    return x->name < y->name ? -1 : x->name > y->name;
}

/* Names rank as they were met first. */
static void mh_rank(mlci_machine *m, const mh_names *x, mlci_shape *s)
{
    s->ranks = mlci_arena_new(&m->s->arena, x->n + 1, sizeof *s->ranks);
    if (s->ranks == NULL) {
        m->too_complex = true;
        return;
    }
    for (uint32_t i = 0; i < x->n; i++)
        s->ranks[i] = (struct mlci_rank){ x->names[i], i };
    qsort(s->ranks, x->n, sizeof *s->ranks, mh_by_name);
    s->n_ranks = (uint32_t)x->n;
}

static uint32_t mh_rank_of(const mlci_shape *s, uint32_t name)
{
    uint32_t low = 0, high = s->n_ranks;

    while (low < high) {
        const uint32_t mid = (low + high) / 2;

        if (s->ranks[mid].name == name)
            return s->ranks[mid].rank;
        if (s->ranks[mid].name < name)
            low = mid + 1;
        else
            high = mid;
    }
    return UINT32_MAX;
}

bool mlci_shape_before(const mlci_shape *shape, uint32_t name, uint32_t other)
{
    return shape != NULL && shape->n_ranks > 0
        && mh_rank_of(shape, name) < mh_rank_of(shape, other);
}

/* Names and patterns that the formulas know; first those of tables. */
static bool mh_gather(mh_names *x, uint32_t vec)
{
    mlci_machine *m = x->m;
    const size_t bytes = m->s->n_names / 8 + 1;
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(mh_t(m), vec, &n);

    x->met = mlci_new(m->s->ctx, bytes, 1);
    for (int pass = 0; pass < 2 && x->met != NULL; pass++) {
        x->tables = pass == 0;
        for (uint32_t i = 0; i < n; i++)
            (void)mlci_fx_each(mh_t(m), fx[i], mh_collect, x);
    }
    m->too_complex |= x->met == NULL;
    mlci_delete(m->s->ctx, x->met, x->met != NULL ? bytes : 0, 1);
    return !m->too_complex;
}

/* The shape of an object that begins: its number. */
uint32_t mlci_machine_shape(mlci_machine *m, uint32_t vec)
{
    const uint32_t known = mlci_map_get(&m->memo, MA_SHAPE_OF, vec);
    mh_names x = { .m = m };
    void *shapes = m->shapes;
    mlci_shape s = { 0 };
    bool ok;

    if (known != UINT32_MAX)
        return known;
    ok = mh_gather(&x, vec);
    s.names = mlci_arena_new(&m->s->arena, 2 * x.n + 1, sizeof *s.names);
    s.patterns = mlci_arena_new(&m->s->arena, x.n_patterns + 1, sizeof *s.patterns);
    if (s.names == NULL || s.patterns == NULL || !ok
        || !mlci_grow(m->s->ctx, &shapes, &m->cap_shapes, m->n_shapes + 1, sizeof s)) {
        m->too_complex = true;
        mlci_delete(m->s->ctx, x.names, x.cap, sizeof *x.names);
        return 0;
    }
    m->shapes = shapes;
    if (m->s->o.in_order)
        mh_rank(m, &x, &s);
    if (x.n > 0)
        memcpy(s.names, x.names, x.n * sizeof *s.names);
    mlci_delete(m->s->ctx, x.names, x.cap, sizeof *x.names);
    mh_sort(m->s, s.names, s.names + x.n, x.n);
    s.n = (uint32_t)x.n;
    s.n_patterns = x.n_patterns;
    memcpy(s.patterns, x.patterns, x.n_patterns * sizeof *s.patterns);
    m->shapes[m->n_shapes] = s;
    m->too_complex |= !mlci_map_put(&m->memo, MA_SHAPE_OF, vec, (uint32_t)m->n_shapes);
    return (uint32_t)m->n_shapes++;
}
