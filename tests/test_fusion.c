/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fusion.c - what the passes make of a graph computes what the graph says.
 *
 * Random graphs of the operators, and every bundled architecture, at tiny sizes.  Each
 * is run twice by the interpreter: node by node, and call by call of the plan, with
 * every value at its planned place in one block of memory that was filled with NaN.  A
 * pass that fuses what it must not, or a place that is used twice, shows as a
 * difference.
 */
#include "random_graph.h"

enum { GRAPHS = 1000 };

/* ---- the plan ---------------------------------------------------------------------------- */

static void *place(graph *g, uint32_t node)
{
    const mlci_node *n = &g->m.nodes[node];

    return n->op == MLCI_OP_WEIGHT || n->op == MLCI_OP_VECTOR
         ? g->node_values[node] : g->plan_values[node];
}

/* own: a value that the call has for itself, at `where`. */
static bool run_use(graph *g, const mlci_use *u, const uint32_t *own, void *const *where,
                    uint32_t n_own, void *out)
{
    mlci_array data[MLCI_USE_BUFFERS];

    for (uint32_t i = 0; i + 1 < u->n_data; i++) {
        void *p = place(g, u->data[i]);

        for (uint32_t k = 0; k < n_own; k++)
            p = own[k] == u->data[i] ? where[k] : p;
        T_CHECK(p != NULL, "node %u is read but lies nowhere", u->data[i]);
        if (p == NULL)
            return false;
        data[i] = array_of(g, u->data[i], p);
    }
    return interpret(g, u->program, data, u->scalars, array_of(g, u->out, out));
}

static bool run_matmul(graph *g, const mlci_call *c)
{
    void *rows = NULL, *products[MLCI_MAX_SEGMENTS] = { NULL };
    uint32_t own[MLCI_MAX_SEGMENTS], x = g->m.nodes[c->segments[0].product].inputs[0];
    bool ok = true;

    if (c->kernel.program != NULL) {
        rows = calloc(1, bytes_of(g, x));
        ok = run_use(g, &c->kernel, NULL, NULL, 0, rows);
    }
    for (uint32_t s = 0; s < c->n_segments && ok; s++) {
        const mlci_node *n = &g->m.nodes[c->segments[s].product];
        mlci_array in[2] = { array_of(g, x, rows != NULL ? rows : place(g, x)),
                             array_of(g, n->inputs[1], g->node_values[n->inputs[1]]) };

        own[s] = c->segments[s].product;
        products[s] = calloc(1, bytes_of(g, own[s]));
        ok = interpret(g, n->program, in, NULL, array_of(g, own[s], products[s]));
    }
    for (uint32_t e = 0; e < c->n_epilogues && ok; e++) {
        const mlci_epilogue *ep = &c->epilogues[e];
        void *to = ep->sink == MLCI_SINK_VALUE ? place(g, ep->out)
                                               : calloc(1, bytes_of(g, ep->out));

        if (ep->use.program != NULL)
            ok = run_use(g, &ep->use, own, products, c->n_segments, to);
        else
            memcpy(to, products[ep->first], bytes_of(g, ep->out));
        if (ep->sink == MLCI_SINK_VALUE)
            continue;
        keep(g, ep->sink == MLCI_SINK_KEY ? &g->keys[1][c->pool][c->layer]
                                          : &g->values[1][c->pool][c->layer], to, c->pool);
        free(to);
    }
    for (uint32_t s = 0; s < c->n_segments; s++)
        free(products[s]);
    free(rows);
    return ok;
}

static bool run_call(graph *g, const mlci_call *c)
{
    uint32_t embed = 0;
    mlci_array data[3];
    void *rows;
    bool ok;

    switch (c->kind) {
    case MLCI_CALL_KERNEL: return run_use(g, &c->kernel, NULL, NULL, 0, place(g, c->out));
    case MLCI_CALL_MATMUL: return run_matmul(g, c);
    case MLCI_CALL_APPEND:
        keep(g, &g->keys[1][c->pool][c->layer], place(g, c->x), c->pool);
        keep(g, &g->values[1][c->pool][c->layer], place(g, c->y), c->pool);
        return true;
    case MLCI_CALL_ATTENTION:
        attend(g, 1, &g->m.nodes[c->node], place(g, c->x), place(g, c->out));
        return true;
    case MLCI_CALL_DECODE:
        memcpy(place(g, c->out), g->node_values[c->out], bytes_of(g, c->out));
        return true;
    case MLCI_CALL_TOP_K: case MLCI_CALL_CHOSEN: case MLCI_CALL_EXPERTS:
        for (int i = 0; i < 3 && g->m.nodes[c->node].inputs[i] != 0; i++) {
            const uint32_t in = g->m.nodes[c->node].inputs[i];

            data[i] = array_of(g, in, place(g, in));
        }
        return run_route(g, &g->m.nodes[c->node], data, place(g, c->out));
    case MLCI_CALL_EMBED:
        for (uint32_t i = 1; i <= c->node; i++)
            embed = g->m.nodes[i].op == MLCI_OP_EMBED ? i : embed;
        rows = g->node_values[embed];
        ok = true;
        if (c->kernel.program != NULL)
            ok = run_use(g, &c->kernel, &embed, &rows, 1, place(g, c->out));
        else
            memcpy(place(g, c->out), rows, bytes_of(g, c->out));
        return ok;
    default: T_CHECK(0, "call of kind %d", c->kind); return false;
    }
}

/* What the backends do when they load weights. */
static void fold(graph *g, uint32_t node)
{
    float **values = calloc(g->m.n_nodes, sizeof *values);

    g->plan_values[node] = calloc(1, bytes_of(g, node));
    for (uint32_t i = 1; i <= node; i++)
        values[i] = g->m.nodes[i].folded ? g->plan_values[i] : g->node_values[i];
    T_CHECK(mlci_fold_compute(&g->m, ctx, node, values, &g->err) == MLC_OK, "%s", g->err.text);
    free(values);
}

/* Values at their planned places, in memory full of NaN. */
static void lay_out(graph *g)
{
    const int64_t env[MLCI_MODEL_VALUES] = { 0, ROWS, LOGITS };
    size_t *at = calloc(g->plan.n_slots, sizeof *at);
    size_t total = mlci_plan_place(&g->m, &g->plan, env, at);

    g->block = malloc(total + 64);
    memset(g->block, 0xff, total + 64);
    for (uint32_t i = 1; i < g->m.n_nodes; i++) {
        if (g->m.nodes[i].folded)
            fold(g, i);
        if (g->plan.slot_of[i] == 0)
            continue;
        g->plan_values[i] = g->block + at[g->plan.slot_of[i] - 1];
        if (g->m.nodes[i].op == MLCI_OP_INPUT)
            memcpy(g->plan_values[i], g->node_values[i], bytes_of(g, i));
        T_CHECK(g->m.nodes[i].op != MLCI_OP_DECODE || g->m.nodes[i].n_uses == 0
                || g->m.nodes[i].group == i, "decoded weights of node %u are written", i);
    }
    free(at);
}

static void release(graph *g)
{
    for (uint32_t i = 1; i < g->m.n_nodes && g->node_values != NULL; i++) {
        free(g->node_values[i]);
        if (g->m.nodes[i].folded)
            free(g->plan_values[i]);
    }
    for (int run = 0; run < 2; run++)
        for (uint32_t k = 0; k < MLCI_MAX_POOLS * LAYERS; k++) {
            free(g->keys[run][k / LAYERS][k % LAYERS]);
            free(g->values[run][k / LAYERS][k % LAYERS]);
        }
    free(g->node_values);
    free(g->plan_values);
    free(g->block);
    mlci_arena_reset(&g->arena);
}

/* Both ways give the same. */
static void check(graph *g, mlci_target target, const char *without)
{
    bool ok = true;

    g->m.target = target;
    T_CHECK(g->m.tir.status == MLC_OK
            && mlci_compile(&g->m, without, &g->plan, NULL, NULL) == MLC_OK, "%s", g->err.text);
    if (g->m.tir.status == MLC_OK) {
        g->node_values = calloc(g->m.n_nodes, sizeof *g->node_values);
        g->plan_values = calloc(g->m.n_nodes, sizeof *g->plan_values);
        fill_sources(g);
        for (uint32_t i = 1; i < g->m.n_nodes && ok; i++)
            if (!mlci_source_node(&g->m.nodes[i]) || g->m.nodes[i].folded)
                ok = run_node(g, i);
        lay_out(g);
        for (size_t i = 0; i < g->plan.n_calls && ok; i++)
            ok = run_call(g, &g->plan.calls[i]);
        T_CHECK(ok, "%s", g->err.text);
        if (ok)
            compare(g, g->node_values[g->m.result], g->plan_values[g->m.result]);
    }
    release(g);
}

static void check_random(uint64_t seed)
{
    static const char *const withouts[] = { NULL, NULL, NULL, "merge", "prologue", "epilogue",
                                            "fuse_ops", "decode", "merge,epilogue",
                                            "common", "dead", "fuse_tir" };
    graph g = { .seed = seed };

    build(&g);
    check(&g, seed % 3 == 2 ? MLCI_TARGET_GPU : MLCI_TARGET_CPU,
          withouts[seed % (sizeof withouts / sizeof *withouts)]);
}

/* All passes always; each left out in one of the four cases, another in each architecture. */
static void check_model(size_t number, const char *arch, bool all)
{
    for (int target = 0; target < MLCI_TARGET_COUNT; target++)
        for (size_t p = 0; p <= mlci_pass_count; p++) {
            graph g = { .all = all, .seed = t_seed + p };
            const char *without = p < mlci_pass_count ? mlci_pass_table[p].name : NULL;

            if (without != NULL && (!mlci_pass_table[p].optional
                                    || (number + p) % 4 != (size_t)(2 * target + all)))
                continue;
            T_CASE("%s, %s tensors, %s, without %s", arch, all ? "all" : "few",
                   target == MLCI_TARGET_CPU ? "cpu" : "gpu", without != NULL ? without : "none");
            build_model(&g, arch);
            check(&g, (mlci_target)target, without);
        }
}

int main(void)
{
    const char *one = getenv("MLC_TEST_GRAPH");

    const char *arch;

    ctx = test_context(NULL);
    t_begin();
    for (size_t i = 0; (arch = mlci_model_arch(i)) != NULL && one == NULL; i++) {
        check_model(i, arch, false);
        check_model(i, arch, true);
    }
    for (uint64_t i = 0; i < (getenv("MLC_TEST_QUICK") != NULL ? 50 : GRAPHS) && one == NULL; i++) {
        T_CASE("graph %llu", (unsigned long long)(t_seed * 100000 + i));
        check_random(t_seed * 100000 + i);
    }
    if (one != NULL) {
        T_CASE("graph %s", one);
        check_random(strtoull(one, NULL, 0));
    }
    mlc_context_close(ctx);
    return t_done();
}
