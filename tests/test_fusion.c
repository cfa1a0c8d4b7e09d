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
#include "golden.h"
#include "tir_help.h"
#include "../models/models.h"
#include "../src/compiler/pass.h"

enum { GRAPHS = 1000, ROWS = 3, LOGITS = 2, VOCAB = 24, LAYERS = 6 };

static mlc_context *ctx;

typedef struct graph {
    mlci_arena  arena;
    mlci_config config;
    mlci_module m;
    mlc_error   err;
    mlci_plan   plan;
    void      **node_values;     /* node by node                               */
    void      **plan_values;     /* by the plan: inside block, or a source's   */
    char       *block;
    /* keys and values of the step's rows, by pool and layer: of each run */
    float      *keys[2][MLCI_MAX_POOLS][LAYERS], *values[2][MLCI_MAX_POOLS][LAYERS];
    bool        all;             /* every optional tensor                      */
    mlci_tensor table;
    uint64_t    seed;
} graph;

/* ---- bundled architectures ------------------------------------------------------------- */

static bool model_key(const void *impl, const char *key, size_t n, mlci_value *out)
{
    static const struct { const char *end; uint64_t v; } table[] = {
        { ".block_count", LAYERS }, { ".embedding_length", 64 },
        { ".feed_forward_length", 96 }, { ".attention.head_count", 4 },
        { ".attention.head_count_kv", 2 }, { ".attention.key_length", 16 },
        { ".attention.sliding_window", 2 },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t k = strlen(table[i].end);

        if (n >= k && memcmp(key + n - k, table[i].end, k) == 0) {
            *out = (mlci_value){ .type = MLCI_VALUE_UINT, .u = table[i].v };
            return true;
        }
    }
    if (n > 24 && memcmp(key + n - 24, ".final_logit_softcapping", 24) == 0) {
        *out = (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = 3 };
        return ((const graph *)impl)->all;
    }
    return false;
}

static const mlci_tensor *model_tensor(const void *impl, const char *name, size_t n)
{
    const graph *g = impl;
    bool table = n == 17 && memcmp(name, "token_embd.weight", n) == 0;

    return g->all || table ? &g->table : NULL;
}

static void build_model(graph *g, const char *arch)
{
    mlci_decoder d;

    g->table = (mlci_tensor){ .format = MLCI_Q4_0, .rank = 2, .dims = { VOCAB, 64 } };
    g->config.find = model_key, g->config.tensor = model_tensor;
    g->config.impl = g, g->config.synthetic = true;
    g->config.arch = (mlci_text){ arch, strlen(arch) };
    mlci_arena_init(&g->arena, ctx, (size_t)1 << 26);
    mlci_module_init(&g->m, &g->arena, &g->config, &g->err);
    mlci_model_build(&g->m, &d);
}

static bool no_key(const void *impl, const char *key, size_t n, mlci_value *out)
{
    (void)impl, (void)key, (void)n, (void)out;
    return false;
}

static const mlci_tensor *no_tensor(const void *impl, const char *name, size_t n)
{
    (void)impl, (void)name, (void)n;
    return NULL;
}

/* ---- building ----------------------------------------------------------------------- */

static uint32_t names;

static uint32_t weight(graph *g, uint32_t rows, uint32_t columns)
{
    (void)g;
    return mlci_weight(&g->m, "w%u", names++, rows, columns);
}

static uint32_t vector(graph *g, uint32_t n);

static uint32_t stored_vector(graph *g, uint32_t n)
{
    return mlci_vector(&g->m, "v%u", names++, n);
}

static uint32_t width(const graph *g, uint32_t node)
{
    int64_t d = 0;

    (void)mlci_dim_known(&g->m.dims, g->m.nodes[node].type.dims[1], &d);
    return (uint32_t)d;
}

/* Rows cut into heads, perhaps normed, turned, and put together again. */
static uint32_t turn(graph *g, uint32_t x, uint32_t table)
{
    uint32_t h = mlci_heads(&g->m, x, width(g, x) / 16, 16);

    if (t_below(&g->seed, 2) == 0)
        h = mlci_rms_norm(&g->m, h, vector(g, 16), 1e-5f);
    h = mlci_rope_op(&g->m, h, table, t_below(&g->seed, 2) == 0);
    return mlci_flat(&g->m, h);
}

/* Rows as images of two planes, four high; filters from a decoded matrix. */
static uint32_t convolve(graph *g, uint32_t x)
{
    mlci_module *m = &g->m;
    const mlci_dim n = m->nodes[x].type.dims[0];
    const uint32_t wide = width(g, x) / 8;
    mlci_dim image[4] = { n, mlci_dim_const(&m->dims, 2), mlci_dim_const(&m->dims, 4),
                          mlci_dim_const(&m->dims, wide) };
    mlci_dim filter[4] = { mlci_dim_const(&m->dims, 32), mlci_dim_const(&m->dims, 2),
                           mlci_dim_const(&m->dims, 4), mlci_dim_const(&m->dims, 4) };
    mlci_dim flat[2] = { n, mlci_dim_const(&m->dims, 32 * (wide - 3)) };
    uint32_t c = mlci_binary(m, MLCI_OP_CONV2D, mlci_reshape(m, x, 4, image),
                             mlci_reshape(m, weight(g, 32, 32), 4, filter));

    if (t_below(&g->seed, 2) == 0)
        c = mlci_unary(m, MLCI_OP_RELU, c, 0);
    return mlci_reshape(m, c, 2, flat);
}

/* A vector of the file, or computed from such. */
static uint32_t vector(graph *g, uint32_t n)
{
    uint32_t v = stored_vector(g, n);

    if (t_below(&g->seed, 4) == 0)
        v = mlci_add_op(&g->m, v, stored_vector(g, n));
    return t_below(&g->seed, 8) == 0 ? mlci_unary(&g->m, MLCI_OP_SIGMOID, v, 0) : v;
}

static uint32_t step(graph *g, const uint32_t *values, uint32_t n, uint32_t table)
{
    mlci_module *m = &g->m;
    uint32_t x = values[t_below(&g->seed, n)], y = values[t_below(&g->seed, n)], w = width(g, x);

    switch (t_below(&g->seed, 16)) {
    case 0: case 1: return mlci_matmul(m, x, weight(g, t_below(&g->seed, 2) ? 32 : 64, w));
    case 2: return mlci_add_op(m, x, vector(g, w));
    case 3: return width(g, y) == w ? mlci_add_op(m, x, y) : mlci_mul_op(m, x, vector(g, w));
    case 4: return width(g, y) == w ? mlci_mul_op(m, x, y) : mlci_unary(m, MLCI_OP_SILU, x, 0);
    case 5: return mlci_unary(m, t_below(&g->seed, 2) ? MLCI_OP_SILU : MLCI_OP_GELU, x, 0);
    case 6: return mlci_unary(m, MLCI_OP_SCALE, x, 0.5f);
    case 7: return mlci_unary(m, MLCI_OP_SOFTCAP, x, 3.0f);
    case 8: return mlci_rms_norm(m, x, vector(g, w), 1e-5f);
    case 9: return turn(g, x, table);
    case 10: return mlci_unary(m, MLCI_OP_SOFTMAX, x, 0);
    case 11: return mlci_layer_norm(m, x, vector(g, w), vector(g, w), 1e-5f);
    case 12: return w == 32 || w == 64 ? convolve(g, x) : mlci_unary(m, MLCI_OP_RELU, x, 0);
    case 13: return width(g, y) == w ? mlci_binary(m, MLCI_OP_SUB, x, y)
                                     : mlci_unary(m, MLCI_OP_SIGMOID, x, 0);
    case 14: return mlci_binary(m, MLCI_OP_DIV, x, mlci_unary(m, MLCI_OP_SIGMOID, x, 0));
    default: {  /* a gate */
        uint32_t a = mlci_matmul(m, x, weight(g, 64, w));
        uint32_t b = mlci_matmul(m, x, weight(g, 64, w));

        return mlci_mul_op(m, mlci_unary(m, MLCI_OP_SILU, a, 0), b);
    }
    }
}

static void build(graph *g)
{
    const mlci_rope rope = { 16, 100.0f, 2.0f };
    uint32_t values[16], n = 0, table, last;
    uint32_t steps = 2 + t_below(&g->seed, 9);

    memset(&g->config, 0, sizeof g->config);
    g->config.find = no_key, g->config.tensor = no_tensor, g->config.synthetic = true;
    g->config.arch = (mlci_text){ "test", 4 };
    mlci_arena_init(&g->arena, ctx, (size_t)1 << 26);
    mlci_module_init(&g->m, &g->arena, &g->config, &g->err);
    names = 0;
    table = mlci_rope_table(&g->m, &rope, 0);
    values[n++] = mlci_embed(&g->m, g->m.tokens, weight(g, VOCAB, 32));
    for (uint32_t i = 0; i < steps && g->m.tir.status == MLC_OK; i++) {
        uint32_t next = step(g, values, n, table);

        values[n++] = next;
    }
    last = values[n - 1];
    if (t_below(&g->seed, 2) == 0) {
        last = mlci_take(&g->m, last, g->m.logit_rows);
        last = mlci_rms_norm(&g->m, last, vector(g, width(g, last)), 1e-5f);
        last = mlci_matmul(&g->m, last, weight(g, 32, width(g, last)));
    }
    g->m.result = last;
}

/* ---- values -------------------------------------------------------------------------- */

static mlci_array array_of(const graph *g, uint32_t node, void *data)
{
    static const int64_t env[MLCI_MODEL_VALUES] = { 0, ROWS, LOGITS };
    const mlci_type *t = &g->m.nodes[node].type;
    mlci_array a = { data, t->dtype, t->rank, { 1, 1, 1, 1 } };

    for (uint32_t i = 0; i < t->rank; i++)
        if (!mlci_dim_at(&g->m.dims, t->dims[i], env, MLCI_MODEL_VALUES, &a.dims[i]))
            T_CHECK(0, "dim of node %u", node);
    if (t->dtype == MLCI_DT_STORED) {      /* as bytes: Q4_0 blocks */
        a.dtype = MLCI_DT_U8;
        a.rank = 3;
        a.dims[1] /= 32;
        a.dims[2] = 18;
    }
    return a;
}

static size_t bytes_of(const graph *g, uint32_t node)
{
    mlci_array a = array_of(g, node, NULL);
    size_t n = mlci_dtype_table[a.dtype].bytes;

    for (uint32_t i = 0; i < a.rank; i++)
        n *= (size_t)a.dims[i];
    return n;
}

/* Inputs, weights and vectors: the same for both runs. */
static void fill_sources(graph *g)
{
    for (uint32_t i = 1; i < g->m.n_nodes; i++) {
        const mlci_node *n = &g->m.nodes[i];
        size_t bytes = bytes_of(g, i);
        char *p;

        if (n->op != MLCI_OP_INPUT && n->op != MLCI_OP_WEIGHT && n->op != MLCI_OP_VECTOR)
            continue;
        p = g->node_values[i] = calloc(1, bytes);
        for (size_t k = 0; k < bytes && n->op == MLCI_OP_WEIGHT; k++)
            p[k] = (char)(k % 18 == 1 ? 0x2c : t_rand(&g->seed));
        for (size_t k = 0; k < bytes / 4 && n->op == MLCI_OP_VECTOR; k++)
            ((float *)(void *)p)[k] = tir_random(&g->seed);
        for (size_t k = 0; k < bytes / 4 && n->op == MLCI_OP_INPUT; k++)
            ((int32_t *)(void *)p)[k] = i == g->m.logit_rows ? (int32_t)(ROWS - 1 - k)
                                      : i == g->m.positions && g->m.n_pools > 0 ? (int32_t)k
                                      : (int32_t)t_below(&g->seed, VOCAB);
    }
}

static bool interpret(graph *g, const mlci_program *p, const mlci_array *data,
                      const float *scalars, mlci_array out)
{
    mlci_array all[MLCI_MAX_BUFFERS];
    uint32_t at = 0;

    for (uint32_t i = 0; i < p->n_params; i++)
        if (p->buffers[i].place == MLCI_SCALAR)
            all[i] = tir_array(MLCI_DT_F32, (void *)(uintptr_t)scalars++, 0, 1, 1, 1);
        else
            all[i] = data[at++];
    all[p->n_params] = out;
    return mlci_interpret(&g->m.tir, ctx, p, all, (uint64_t)1 << 32) == MLC_OK;
}

/* Keys and values are kept in arrays; the rows of the step are one sequence's first. */
static void keep(graph *g, float **to, const float *x, uint32_t pool)
{
    const mlci_pool_info *p = &g->m.pools[pool];
    const size_t bytes = sizeof *x * ROWS * p->n_heads * p->head_dim;

    *to = malloc(bytes);
    memcpy(*to, x, bytes);
}

/* Scaled dot products, softmax, sum: for each row over itself and those before. */
static void attend(const graph *g, int run, const mlci_node *n, const float *q, float *out)
{
    const mlci_pool_info *p = &g->m.pools[n->pool];
    const uint32_t d = p->head_dim;
    int64_t heads = 0;

    (void)mlci_dim_known(&g->m.dims, n->type.dims[1], &heads);
    for (int64_t i = 0; i < ROWS * heads; i++) {
        const int64_t row = i / heads, kv = i % heads / (heads / p->n_heads);
        const int64_t first = n->window > 0 && row + 1 > n->window ? row + 1 - n->window : 0;
        double sum = 0, acc[64] = { 0 };

        for (int64_t k = first; k <= row; k++) {
            const int64_t at = (k * p->n_heads + kv) * d;
            double dot = 0;

            for (uint32_t c = 0; c < d; c++)
                dot += (double)q[i * d + c] * (double)g->keys[run][n->pool][n->layer][at + c];
            dot = exp(dot * (double)n->scale);
            sum += dot;
            for (uint32_t c = 0; c < d; c++)
                acc[c] += dot * (double)g->values[run][n->pool][n->layer][at + c];
        }
        for (uint32_t c = 0; c < d; c++)
            out[i * d + c] = (float)(acc[c] / sum);
    }
}

static bool run_node(graph *g, uint32_t i)
{
    const mlci_node *n = &g->m.nodes[i];
    const float scalars[2] = { n->scale, n->factor };
    mlci_array data[MLCI_MAX_INPUTS];

    for (uint32_t k = 0; k < MLCI_MAX_INPUTS && n->inputs[k] != 0; k++)
        data[k] = array_of(g, n->inputs[k], g->node_values[n->inputs[k]]);
    if (n->op == MLCI_OP_KV_APPEND) {
        keep(g, &g->keys[0][n->pool][n->layer], data[0].data, n->pool);
        keep(g, &g->values[0][n->pool][n->layer], data[1].data, n->pool);
        return true;
    }
    g->node_values[i] = calloc(1, bytes_of(g, i));
    if (n->op == MLCI_OP_ATTENTION) {
        attend(g, 0, n, data[0].data, g->node_values[i]);
        return true;
    }
    return interpret(g, n->program, data, scalars, array_of(g, i, g->node_values[i]));
}

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
        void *to = ep->sink == MLCI_SINK_VALUE ? place(g, ep->out) : calloc(1, bytes_of(g, ep->out));

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

static void compare(const graph *g)
{
    const float *want = g->node_values[g->m.result], *got = g->plan_values[g->m.result];
    size_t n = bytes_of(g, g->m.result) / 4, bad = 0;
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)want[i]));
    for (size_t i = 0; i < n; i++)
        bad += !(fabs((double)want[i] - (double)got[i]) <= 2e-5 * most);
    T_CHECK(bad == 0, "%zu of %zu values differ", bad, n);
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
            if (g->m.nodes[i].program != NULL || g->m.nodes[i].op == MLCI_OP_KV_APPEND
                || g->m.nodes[i].op == MLCI_OP_ATTENTION)
                ok = run_node(g, i);
        lay_out(g);
        for (size_t i = 0; i < g->plan.n_calls && ok; i++)
            ok = run_call(g, &g->plan.calls[i]);
        T_CHECK(ok, "%s", g->err.text);
        if (ok)
            compare(g);
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

static void check_model(const char *arch, bool all)
{
    for (int target = 0; target < MLCI_TARGET_COUNT; target++)
        for (size_t p = 0; p <= mlci_pass_count; p++) {
            graph g = { .all = all, .seed = t_seed + p };
            const char *without = p < mlci_pass_count ? mlci_pass_table[p].name : NULL;

            if (without != NULL && !mlci_pass_table[p].optional)
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
        check_model(arch, false);
        check_model(arch, true);
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
