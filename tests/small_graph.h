/* SPDX-License-Identifier: Apache-2.0
 *
 * small_graph.h - for tests: modules of a few nodes, with tensors of whatever shape.
 */
#ifndef TEST_SMALL_GRAPH_H
#define TEST_SMALL_GRAPH_H

#include "golden.h"
#include "../src/compiler/pass.h"

static mlc_context *ctx;

/* A file with whatever matrix is asked for: the numbers in its name, "4x32". */
static inline const mlci_tensor *fake_tensor(const void *impl, const char *name, size_t n)
{
    static mlci_tensor t[64];
    static int used;
    mlci_tensor *x = &t[used++ % 64];
    unsigned rows = 0, columns = 0;

    memset(x, 0, sizeof *x);
    x->rank = sscanf(name, "%ux%u", &rows, &columns) == 2 ? 2 : 1;
    x->name = (mlci_text){ name, n };
    x->format = x->rank == 2 ? MLCI_Q8_0 : MLCI_F32;
    x->dims[0] = rows, x->dims[1] = x->rank == 2 ? columns : 1;
    x->n_bytes = 1;
    (void)impl;
    return rows > 0 ? x : NULL;
}

static inline bool fake_find(const void *impl, const char *key, size_t n, mlci_value *out)
{
    (void)impl, (void)key, (void)n, (void)out;
    return false;
}

typedef struct small {
    mlci_arena  arena;
    mlci_config config;
    mlci_module m;
    mlc_error   err;
} small;

static inline uint32_t small_begin(small *s)      /* gives x [n, 32] */
{
    memset(s, 0, sizeof *s);
    s->config.find = fake_find, s->config.tensor = fake_tensor;
    s->config.arch = (mlci_text){ "test", 4 };
    mlci_arena_init(&s->arena, ctx, 1 << 24);
    mlci_module_init(&s->m, &s->arena, &s->config, &s->err);
    return mlci_embed(&s->m, s->m.tokens, mlci_weight(&s->m, "50x32", 0, 50, 32));
}

static inline void small_end(small *s) { mlci_arena_reset(&s->arena); }

static inline size_t count(const mlci_plan *p, mlci_call_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_calls; i++)
        n += p->calls[i].kind == kind;
    return n;
}

#endif
