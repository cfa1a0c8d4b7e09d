/* SPDX-License-Identifier: Apache-2.0
 *
 * random_graph.h - for tests: random graphs of the operators and every bundled
 * architecture, at tiny sizes, and running them node by node by the interpreter.
 */
#ifndef TEST_RANDOM_GRAPH_H
#define TEST_RANDOM_GRAPH_H

#include "golden.h"
#include "tir_help.h"
#include "../models/models.h"
#include "../src/base/half.h"
#include "../src/compiler/pass.h"

enum { ROWS = 3, LOGITS = 2, VOCAB = 24, LAYERS = 6 };

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

static inline bool model_key(const void *impl, const char *key, size_t n, mlci_value *out)
{
    static const struct { const char *end; uint64_t v; } table[] = {
        { ".block_count", LAYERS }, { ".embedding_length", 64 },
        { ".feed_forward_length", 96 }, { ".attention.head_count", 4 },
        { ".attention.head_count_kv", 2 }, { ".attention.key_length", 16 },
        { ".attention.sliding_window", 2 }, { ".expert_count", 4 }, { ".expert_used_count", 2 },
        { "phi3.rope.scaling.original_context_length", 24 },
        { ".expert_feed_forward_length", 32 }, { ".expert_shared_feed_forward_length", 96 },
        { ".attention.kv_lora_rank", 32 }, { "deepseek2.rope.dimension_count", 8 },
        { ".attention.key_length_mla", 40 }, { ".attention.value_length_mla", 16 },
    };
    /* Those of a model that has every optional tensor. */
    static const struct { const char *key; uint64_t v; } more[] = {
        { "deepseek2.attention.q_lora_rank", 32 }, { "deepseek2.expert_gating_func", 2 },
        { "deepseek2.expert_group_count", 2 }, { "deepseek2.expert_group_used_count", 1 },
    };
    const char *dot = memchr(key, '.', n);
    const bool mixture = dot != NULL && dot - key > 3 && (memcmp(dot - 3, "moe", 3) == 0
                                                          || memcmp(dot - 3, "ek2", 3) == 0
                                                          || memcmp(dot - 3, "oss", 3) == 0);

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t k = strlen(table[i].end);

        if (n >= k && memcmp(key + n - k, table[i].end, k) == 0
            && (mixture || memcmp(table[i].end, ".expert", 7) != 0)) {
            *out = (mlci_value){ .type = MLCI_VALUE_UINT, .u = table[i].v };
            return true;
        }
    }
    for (size_t i = 0; i < sizeof more / sizeof *more && ((const graph *)impl)->all; i++)
        if (n == strlen(more[i].key) && memcmp(key, more[i].key, n) == 0) {
            *out = (mlci_value){ .type = MLCI_VALUE_UINT, .u = more[i].v };
            return true;
        }
    if (n > 24 && memcmp(key + n - 24, ".final_logit_softcapping", 24) == 0) {
        *out = (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = 3 };
        return ((const graph *)impl)->all;
    }
    return false;
}

static inline const mlci_tensor *model_tensor(const void *impl, const char *name, size_t n)
{
    const graph *g = impl;
    bool table = n == 17 && memcmp(name, "token_embd.weight", n) == 0;

    return g->all || table ? &g->table : NULL;
}

static inline void build_model(graph *g, const char *arch)
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

static inline bool no_key(const void *impl, const char *key, size_t n, mlci_value *out)
{
    (void)impl, (void)key, (void)n, (void)out;
    return false;
}

static inline const mlci_tensor *no_tensor(const void *impl, const char *name, size_t n)
{
    (void)impl, (void)name, (void)n;
    return NULL;
}

/* ---- building ----------------------------------------------------------------------- */

static uint32_t names;

static inline uint32_t weight(graph *g, uint32_t rows, uint32_t columns)
{
    (void)g;
    return mlci_weight(&g->m, "w%u", names++, rows, columns);
}

static inline uint32_t vector(graph *g, uint32_t n);

static inline uint32_t stored_vector(graph *g, uint32_t n)
{
    return mlci_vector(&g->m, "v%u", names++, n);
}

static inline uint32_t width(const graph *g, uint32_t node)
{
    int64_t d = 0;

    (void)mlci_dim_known(&g->m.dims, g->m.nodes[node].type.dims[1], &d);
    return (uint32_t)d;
}

/* Rows cut into heads, perhaps normed, turned, and put together again. */
static inline uint32_t turn(graph *g, uint32_t x, uint32_t table)
{
    uint32_t h = mlci_heads(&g->m, x, width(g, x) / 16, 16);

    if (t_below(&g->seed, 2) == 0)
        h = mlci_rms_norm(&g->m, h, vector(g, 16), 1e-5f);
    h = mlci_rope_op(&g->m, h, table, t_below(&g->seed, 2) == 0);
    return mlci_flat(&g->m, h);
}

/* Rows as images of two planes, four high; filters from a decoded matrix. */
static inline uint32_t convolve(graph *g, uint32_t x)
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
static inline uint32_t vector(graph *g, uint32_t n)
{
    uint32_t v = stored_vector(g, n);

    if (t_below(&g->seed, 4) == 0)
        v = mlci_add_op(&g->m, v, stored_vector(g, n));
    return t_below(&g->seed, 8) == 0 ? mlci_unary(&g->m, MLCI_OP_SIGMOID, v, 0) : v;
}

static inline uint32_t step(graph *g, const uint32_t *values, uint32_t n, uint32_t table)
{
    mlci_module *m = &g->m;
    uint32_t x = values[t_below(&g->seed, n)], y = values[t_below(&g->seed, n)], w = width(g, x);

    switch (t_below(&g->seed, 16)) {
    case 0: case 1: return mlci_matmul(m, x, weight(g, 32 * (1 + t_below(&g->seed, 3)), w));
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
        uint32_t a = mlci_matmul(m, x, weight(g, 96, w));
        uint32_t b = mlci_matmul(m, x, weight(g, 96, w));

        return mlci_mul_op(m, mlci_unary(m, MLCI_OP_SILU, a, 0), b);
    }
    }
}

static inline void build(graph *g)
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

static inline mlci_array array_of(const graph *g, uint32_t node, void *data)
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

static inline size_t bytes_of(const graph *g, uint32_t node)
{
    mlci_array a = array_of(g, node, NULL);
    size_t n = mlci_dtype_table[a.dtype].bytes;

    for (uint32_t i = 0; i < a.rank; i++)
        n *= (size_t)a.dims[i];
    return n;
}

/* Inputs, weights and vectors: the same for both runs. */
static inline void fill_sources(graph *g)
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

static inline bool interpret(graph *g, const mlci_program *p, const mlci_array *data,
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
static inline void keep(graph *g, float **to, const float *x, uint32_t pool)
{
    const mlci_pool_info *p = &g->m.pools[pool];
    const size_t bytes = sizeof *x * ROWS * p->n_heads * p->head_dim;

    *to = malloc(bytes);
    memcpy(*to, x, bytes);
}

/* Scaled dot products, softmax, sum: for each row over itself and those before. */
static inline void attend(const graph *g, int run, const mlci_node *n, const float *q, float *out)
{
    const mlci_pool_info *p = &g->m.pools[n->pool];
    const uint32_t d = p->head_dim;
    int64_t heads = 0;

    (void)mlci_dim_known(&g->m.dims, n->type.dims[1], &heads);
    for (int64_t i = 0; i < ROWS * heads; i++) {
        const int64_t row = i / heads, kv = i % heads / (heads / p->n_heads);
        const int64_t first = n->window > 0 && row + 1 > n->window ? row + 1 - n->window : 0;
        const float *sinks = n->inputs[2] != 0 ? g->node_values[n->inputs[2]] : NULL;
        double sum = sinks != NULL ? exp((double)sinks[i % heads]) : 0, acc[64] = { 0 };

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

/* ---- a mixture of experts, as plainly as can be ---- */

/* What a group is worth: its best score, or its two best. */
static inline float route_group(const mlci_route *r, const float *x, int64_t n)
{
    float best = -INFINITY, next = -INFINITY;

    for (int64_t i = 0; i < n; i++)
        if (x[i] > best)
            next = best, best = x[i];
        else if (x[i] > next)
            next = x[i];
    return r->pair_sums ? best + next : best;
}

/* Are fewer than top_groups groups better than expert e's? */
static inline bool route_allows(const mlci_route *r, const float *x, int64_t n, int32_t e)
{
    const int64_t size = r->n_groups > 1 ? n / r->n_groups : n, own = e / size;
    uint32_t better = 0;

    for (int64_t g = 0; g < n / size; g++) {
        const float a = route_group(r, x + g * size, size);
        const float b = route_group(r, x + own * size, size);

        better += a > b || (!(a < b) && g < own);
    }
    return size == n || better < r->top_groups;
}

static inline void route_top_k(const mlci_route *r, const mlci_array *x, int32_t *ids)
{
    for (int64_t i = 0; i < x->dims[0]; i++)
        for (uint32_t k = 0; k < r->k; k++) {
            const float *row = (const float *)x->data + i * x->dims[1];
            int32_t best = -1;

            for (int32_t e = 0; e < x->dims[1]; e++) {
                bool taken = !route_allows(r, row, x->dims[1], e);

                for (uint32_t b = 0; b < k; b++)
                    taken = taken || ids[i * r->k + b] == e;
                if (!taken && (best < 0 || row[e] > row[best]))
                    best = e;
            }
            ids[i * r->k + k] = best;
        }
}

static inline void route_chosen(const mlci_route *r, const mlci_array *x, const mlci_array *ids,
                                float *out)
{
    for (int64_t i = 0; i < x->dims[0]; i++) {
        float sum = 0;

        for (int64_t k = 0; k < r->k; k++) {
            const int32_t e = ((const int32_t *)ids->data)[i * r->k + k];

            sum += out[i * r->k + k] = ((const float *)x->data)[i * x->dims[1] + e];
        }
        for (int64_t k = 0; k < r->k; k++)
            out[i * r->k + k] *= r->scale / (r->normalize ? sum : 1.0f);
    }
}

/* A row's product with one of blocks of Q4_0. */
static inline double route_product(const float *x, const uint8_t *row, int64_t n)
{
    double sum = 0;

    for (int64_t k = 0; k < n; k++) {
        const uint8_t *block = row + k / 32 * 18, byte = block[2 + k % 16];
        const int code = (k % 32 < 16 ? byte & 15 : byte >> 4) - 8;

        sum += (double)x[k] * code * (double)mlci_f16_to_f32((uint16_t)(block[0] | block[1] << 8));
    }
    return sum;
}

static inline void route_experts(const mlci_array *x, const mlci_array *ids, const mlci_array *w,
                                 const float *bias, uint32_t n_experts, float *out)
{
    const int64_t pairs = ids->dims[0] * ids->dims[1], rows = w->dims[0] / n_experts;
    const int64_t columns = x->dims[1], row_bytes = w->dims[1] * 18;

    for (int64_t p = 0; p < pairs; p++)
        for (int64_t r = 0; r < rows; r++) {
            const int64_t e = ((const int32_t *)ids->data)[p];
            const float *in = (const float *)x->data
                            + (x->dims[0] == pairs ? p : p / ids->dims[1]) * columns;

            out[p * rows + r] = (float)(route_product(in, (const uint8_t *)w->data
                                                      + (e * rows + r) * row_bytes, columns)
                                        + (bias != NULL ? (double)bias[e * rows + r] : 0));
        }
}

/* Every head of x with a matrix of its own. */
static inline void route_heads(const mlci_array *x, const mlci_array *w, float *out)
{
    const int64_t heads = x->dims[1], columns = x->dims[2], rows = w->dims[0] / heads;

    for (int64_t p = 0; p < x->dims[0] * heads; p++)
        for (int64_t r = 0; r < rows; r++)
            out[p * rows + r] = (float)route_product((const float *)x->data + p * columns,
                                                     (const uint8_t *)w->data
                                                     + (p % heads * rows + r) * w->dims[1] * 18,
                                                     columns);
}

/* false: it is none of these. */
static inline bool run_route(const graph *g, const mlci_node *n, const mlci_array *in, void *out)
{
    if (n->op == MLCI_OP_TOP_K)
        route_top_k(&n->route, &in[0], out);
    else if (n->op == MLCI_OP_CHOSEN)
        route_chosen(&n->route, &in[0], &in[1], out);
    else if (n->op == MLCI_OP_EXPERTS)
        route_experts(&in[0], &in[1], &in[2],
                      n->inputs[3] != 0 ? g->node_values[n->inputs[3]] : NULL,
                      g->m.nodes[n->inputs[2]].units, out);
    else if (n->op == MLCI_OP_PER_HEAD)
        route_heads(&in[0], &in[1], out);
    else
        return false;
    return true;
}

static inline bool run_node(graph *g, uint32_t i)
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
    if (run_route(g, n, data, g->node_values[i]))
        return true;
    return interpret(g, n->program, data, scalars, array_of(g, i, g->node_values[i]));
}

/* The graph's result, as it should be and as it is: sums may be rounded in another
 * order, nothing else may differ. */
static inline void compare(const graph *g, const float *want, const float *got)
{
    size_t n = bytes_of(g, g->m.result) / 4, bad = 0;
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)want[i]));
    for (size_t i = 0; i < n; i++)
        bad += !(fabs((double)want[i] - (double)got[i]) <= 2e-5 * most);
    T_CHECK(bad == 0, "%zu of %zu values differ", bad, n);
}

#endif
