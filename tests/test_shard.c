/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shard.c - graphs shared out among ranks compute what the whole graph says.
 *
 * Random graphs and every bundled architecture, node by node in the interpreter: once
 * whole, and once on all ranks in step, with sums and parts put together between them.
 */
#include "random_graph.h"

enum { GRAPHS = 500, RANKS = 3 };

static uint64_t n_sums, n_parts;

/* The rank's part of what the whole graph has under this name. */
static void *part_of(const graph *whole, const graph *g, uint32_t node)
{
    const mlci_node *n = &g->m.nodes[node];
    char *to = calloc(1, bytes_of(g, node));
    uint32_t from = 1;
    mlci_array a;
    size_t row, rows = 1, skip = 0, take;

    while (whole->m.nodes[from].name == NULL || whole->m.nodes[from].op != n->op
           || strcmp(whole->m.nodes[from].name, n->name) != 0)
        from++;
    a = array_of(whole, from, NULL);
    row = bytes_of(whole, from);
    take = bytes_of(g, node);
    if (n->slice.n > 0 && n->slice.axis == 1) {   /* Q4_0: blocks of 32 in 18 bytes */
        rows = (size_t)a.dims[0];
        row /= rows;
        take /= rows;
        skip = n->slice.begin / 32 * 18;
    } else if (n->slice.n > 0) {
        skip = n->slice.begin * (row / (size_t)a.dims[0]);
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(to + i * take, (char *)whole->node_values[from] + i * row + skip, take);
    return to;
}

static void reduce(graph *ranks, uint32_t n, uint32_t node)
{
    const uint32_t x = ranks[0].m.nodes[node].inputs[0];
    const size_t count = bytes_of(&ranks[0], node) / 4;

    for (uint32_t r = 0; r < n; r++) {
        float *out = ranks[r].node_values[node] = calloc(count, 4);

        for (uint32_t k = 0; k < n; k++)
            for (size_t i = 0; i < count; i++)
                out[i] += ((float *)ranks[k].node_values[x])[i];
    }
    n_sums++;
}

static void gather(graph *ranks, uint32_t n, uint32_t node)
{
    const uint32_t x = ranks[0].m.nodes[node].inputs[0];
    mlci_array a = array_of(&ranks[0], node, NULL);
    const size_t rows = (size_t)a.dims[0], width = (size_t)a.dims[1];

    for (uint32_t r = 0; r < n; r++) {
        float *out = ranks[r].node_values[node] = calloc(rows * width, 4);
        size_t at = 0;

        for (uint32_t k = 0; k < n; k++) {
            size_t part = (size_t)array_of(&ranks[k], x, NULL).dims[1];

            for (size_t i = 0; i < rows; i++)
                memcpy(out + i * width + at, (float *)ranks[k].node_values[x] + i * part,
                       part * 4);
            at += part;
        }
        T_CHECK(at == width, "parts of %zu, %zu wanted", at, width);
    }
    n_parts++;
}

static bool run_ranks(const graph *whole, graph *ranks, uint32_t n)
{
    bool ok = true;

    for (uint32_t i = 1; i < ranks[0].m.n_nodes && ok; i++)
        for (uint32_t r = 0; r < n && ok; r++) {
            const mlci_node *node = &ranks[r].m.nodes[i];

            T_CHECK(node->op == ranks[0].m.nodes[i].op, "node %u of rank %u", i, r);
            if (node->op == MLCI_OP_ALL_REDUCE || node->op == MLCI_OP_ALL_GATHER) {
                if (r == 0)
                    (node->op == MLCI_OP_ALL_REDUCE ? reduce : gather)(ranks, n, i);
            } else if (node->name != NULL) {
                ranks[r].node_values[i] = part_of(whole, &ranks[r], i);
            } else if (node->op != MLCI_OP_NONE) {
                ok = run_node(&ranks[r], i);
            }
        }
    return ok;
}

static void release(graph *g)
{
    for (uint32_t i = 1; i < g->m.n_nodes && g->node_values != NULL; i++)
        free(g->node_values[i]);
    for (uint32_t k = 0; k < MLCI_MAX_POOLS * LAYERS; k++) {
        free(g->keys[0][k / LAYERS][k % LAYERS]);
        free(g->values[0][k / LAYERS][k % LAYERS]);
    }
    free(g->node_values);
    mlci_arena_reset(&g->arena);
}

static void compile(graph *g, const char *arch, uint32_t rank, uint32_t n)
{
    if (arch != NULL)
        build_model(g, arch);
    else
        build(g);
    g->m.rank = rank;
    g->m.n_ranks = n;
    /* Dead nodes go; nothing else changes what nodes compute. */
    T_CHECK(g->m.tir.status == MLC_OK
            && mlci_compile(&g->m, NULL, &g->plan, NULL, NULL) == MLC_OK, "%s", g->err.text);
    g->node_values = calloc(g->m.n_nodes, sizeof *g->node_values);
}

static void check(uint64_t seed, const char *arch, bool all, uint32_t n)
{
    graph whole = { .seed = seed, .all = all }, ranks[RANKS];
    bool ok = true;

    compile(&whole, arch, 0, 1);
    if (whole.m.tir.status == MLC_OK) {
        fill_sources(&whole);
        for (uint32_t i = 1; i < whole.m.n_nodes && ok; i++)
            ok = whole.node_values[i] != NULL || whole.m.nodes[i].op == MLCI_OP_NONE
              || run_node(&whole, i);
    }
    for (uint32_t r = 0; r < n; r++) {
        ranks[r] = (graph){ .seed = seed, .all = all };
        compile(&ranks[r], arch, r, n);
        ok = ok && ranks[r].m.tir.status == MLC_OK;
    }
    ok = ok && run_ranks(&whole, ranks, n);
    T_CHECK(ok, "%s", whole.err.text);
    for (uint32_t r = 0; r < n && ok; r++)
        compare(&whole, whole.node_values[whole.m.result],
                ranks[r].node_values[ranks[r].m.result]);
    for (uint32_t r = 0; r < n; r++)
        release(&ranks[r]);
    release(&whole);
}

int main(void)
{
    const char *arch;
    uint64_t n_archs = 0;

    ctx = test_context(NULL);
    t_begin();
    for (; (arch = mlci_model_arch(n_archs)) != NULL; n_archs++)
        for (int all = 0; all < 2; all++) {
            T_CASE("%s, %s tensors", arch, all ? "all" : "few");
            check(t_seed, arch, all, 2);
        }
    T_CASE("the models are shared out");
    T_CHECK(n_sums > 60 && n_parts == 2 * n_archs, "%llu sums, %llu gathers",
            (unsigned long long)n_sums, (unsigned long long)n_parts);
    for (uint64_t i = 0; i < GRAPHS; i++) {
        T_CASE("graph %llu", (unsigned long long)(t_seed * 100000 + i));
        check(t_seed * 100000 + i, NULL, false, 2 + (uint32_t)(i % (RANKS - 1)));
    }
    T_CASE("the random graphs are shared out");
    T_CHECK(n_sums > 100 && n_parts > 100, "%llu sums, %llu gathers", (unsigned long long)n_sums,
            (unsigned long long)n_parts);
    mlc_context_close(ctx);
    return t_done();
}
