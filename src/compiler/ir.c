/* SPDX-License-Identifier: Apache-2.0
 *
 * ir.c - building modules.
 */
#include "ir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bounds of the symbols when nobody says otherwise; a session sets its own. */
enum { IR_MAX_ROWS = 256, IR_MAX_LOGITS = 1 };

const char *const mlci_op_names[MLCI_OP_COUNT] = {
#define X(name, text, inputs) text,
    MLCI_OPS(X)
#undef X
};

uint32_t mlci_node_add(mlci_module *m, const mlci_node *proto)
{
    mlci_node *n;
    uint32_t id = (uint32_t)m->n_nodes;

    if (m->tir.status != MLC_OK)
        return 0;
    if (m->n_nodes == m->cap) {
        size_t cap = m->cap == 0 ? 1024 : m->cap * 2;
        mlci_node *more = mlci_arena_new(m->arena, cap, sizeof *more);

        if (more == NULL) {
            mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
            return 0;
        }
        if (m->n_nodes > 0)
            memcpy(more, m->nodes, m->n_nodes * sizeof *more);
        m->nodes = more;
        m->cap = cap;
    }
    n = &m->nodes[id];
    *n = *proto;
    n->group = n->last = id;
    if (mlci_deduce(m, n) != MLC_OK)
        return 0;
    m->n_nodes++;
    for (int i = 0; i < MLCI_MAX_INPUTS; i++)
        m->nodes[n->inputs[i]].n_uses++;
    return id;
}

static uint32_t ir_input(mlci_module *m, const char *name, mlci_dim dim)
{
    mlci_node n = { .op = MLCI_OP_INPUT, .name = name };

    n.type.dtype = MLCI_DT_I32;
    n.type.rank = 1;
    n.type.dims[0] = dim;
    return mlci_node_add(m, &n);
}

mlc_status mlci_module_init(mlci_module *m, mlci_arena *arena,
                            const mlci_config *config, mlc_error *err)
{
    const mlci_node none = { .op = MLCI_OP_NONE };

    memset(m, 0, sizeof *m);
    m->arena = arena;
    m->config = config;
    m->n_ranks = 1;
    m->synthetic = MLCI_Q4_0;
    mlci_dims_init(&m->dims, arena);
    m->tir = (mlci_tir){ .arena = arena, .dims = &m->dims, .err = err };
    m->n = mlci_dim_symbol(&m->dims, "n", IR_MAX_ROWS);
    m->r = mlci_dim_symbol(&m->dims, "r", IR_MAX_LOGITS);
    (void)mlci_node_add(m, &none);
    m->tokens = ir_input(m, "tokens", m->n);
    m->positions = ir_input(m, "positions", m->n);
    m->logit_rows = ir_input(m, "logit_rows", m->r);
    if (m->dims.failed)
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
    return m->tir.status;
}

/* ---- weights ------------------------------------------------------------------ */

static const mlci_tensor *ir_tensor(mlci_module *m, const char *format, uint32_t layer,
                                    const char **name)
{
    char text[96];
    int n = snprintf(text, sizeof text, format, layer);
    const mlci_tensor *t;

    if (m->tir.status != MLC_OK)
        return NULL;
    t = m->config->synthetic ? NULL : mlci_config_tensor(m->config, text);
    *name = mlci_arena_copy(m->arena, text, n > 0 ? (size_t)n : 0);
    if (*name == NULL)
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
    else if (t == NULL && !m->config->synthetic)
        mlci_tir_fail(&m->tir, MLC_EFORMAT, "tensor %s: missing", text);
    return t;
}

static const mlci_tensor *ir_synthetic(mlci_module *m, uint32_t rank, uint64_t rows,
                                       uint64_t columns)
{
    mlci_tensor *t = mlci_arena_new(m->arena, 1, sizeof *t);

    if (t == NULL)
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
    else
        *t = (mlci_tensor){ .format = rank == 1 ? MLCI_F32 : m->synthetic, .rank = rank,
                            .dims = { rows, columns } };
    return t;
}

bool mlci_has_tensor(const mlci_module *m, const char *format, uint32_t layer)
{
    char text[96];

    snprintf(text, sizeof text, format, layer);
    return mlci_config_tensor(m->config, text) != NULL;
}

/* Experts' matrices, [E, N, K], are one below the other; one row may be a vector. */
static const mlci_tensor *ir_as_matrix(mlci_module *m, const mlci_tensor *t, uint64_t n_experts)
{
    const bool experts = n_experts > 0 && t->rank == 3 && t->dims[0] == n_experts;
    mlci_tensor *flat;

    if (!experts && (n_experts > 0 || t->rank != 1 || t->run > 0))
        return t;
    flat = mlci_arena_new(m->arena, 1, sizeof *flat);
    if (flat == NULL) {
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
        return t;
    }
    *flat = *t;
    flat->rank = 2;
    flat->dims[0] = experts ? t->dims[0] * t->dims[1] : 1;
    flat->dims[1] = experts ? t->dims[2] : t->dims[0];
    return flat;
}

/* Experts' biases, [E, N], as one vector. */
static const mlci_tensor *ir_as_vector(mlci_module *m, const mlci_tensor *t, uint64_t n)
{
    mlci_tensor *flat;

    if (t->rank != 2 || t->dims[0] * t->dims[1] != n || t->stored != MLCI_STORED_BLOCKS
        || t->run > 0 || t->n_parts > 0 || mlci_format_table[t->format].block_items != 1)
        return t;
    flat = mlci_arena_new(m->arena, 1, sizeof *flat);
    if (flat == NULL) {
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: graph");
        return t;
    }
    *flat = *t;
    flat->rank = 1;
    flat->dims[0] = n;
    flat->dims[1] = 1;
    return flat;
}

static uint32_t ir_stored(mlci_module *m, const char *format, uint32_t layer,
                          mlci_op op, uint32_t rank, uint64_t rows, uint64_t columns,
                          uint32_t n_experts)
{
    mlci_node n = { .op = op, .units = n_experts };
    uint64_t want[2] = { rows, columns };

    n.tensor = ir_tensor(m, format, layer, &n.name);
    if (m->config->synthetic && m->tir.status == MLC_OK)
        n.tensor = ir_synthetic(m, rank, rows, columns);
    if (m->tir.status == MLC_OK && (n_experts > 0 || (rank == 2 && rows == 1)))
        n.tensor = ir_as_matrix(m, n.tensor, n_experts);
    if (m->tir.status == MLC_OK && rank == 1)
        n.tensor = ir_as_vector(m, n.tensor, rows);
    if (m->tir.status != MLC_OK)
        return 0;
    if (n.tensor->rank != rank || n.tensor->dims[0] != rows
        || (rank == 2 && n.tensor->dims[1] != columns)) {
        mlci_tir_fail(&m->tir, MLC_EFORMAT, "tensor %s: shape is [%llu, %llu], expected "
                         "[%llu, %llu]", n.name,
                         (unsigned long long)n.tensor->dims[0],
                         (unsigned long long)n.tensor->dims[1],
                         (unsigned long long)want[0], (unsigned long long)want[1]);
        return 0;
    }
    n.type.dtype = op == MLCI_OP_WEIGHT ? MLCI_DT_STORED : MLCI_DT_F32;
    n.type.rank = rank;
    for (uint32_t i = 0; i < rank; i++)
        n.type.dims[i] = mlci_dim_const(&m->dims, (int64_t)want[i]);
    return mlci_node_add(m, &n);
}

/* A tensor that is used twice (a tied head) is one weight and one decode. */
static uint32_t ir_find_weight(const mlci_module *m, const char *format, uint32_t layer)
{
    char text[96];

    snprintf(text, sizeof text, format, layer);
    for (uint32_t i = 1; i < m->n_nodes; i++)
        if (m->nodes[i].op == MLCI_OP_WEIGHT && strcmp(m->nodes[i].name, text) == 0)
            return i;
    return 0;
}

uint32_t mlci_weight(mlci_module *m, const char *name, uint32_t layer, uint64_t rows,
                     uint64_t columns)
{
    mlci_node n = { .op = MLCI_OP_DECODE };

    n.inputs[0] = strchr(name, '%') == NULL ? ir_find_weight(m, name, layer) : 0;
    if (n.inputs[0] == 0)
        n.inputs[0] = ir_stored(m, name, layer, MLCI_OP_WEIGHT, 2, rows, columns, 0);
    return mlci_node_add(m, &n);
}

uint32_t mlci_vector(mlci_module *m, const char *name, uint32_t layer, uint64_t n)
{
    return ir_stored(m, name, layer, MLCI_OP_VECTOR, 1, n, 0, 0);
}

/* ---- operators ------------------------------------------------------------------- */

static uint32_t ir_two(mlci_module *m, mlci_op op, uint32_t x, uint32_t y, float scale)
{
    mlci_node n = { .op = op, .inputs = { x, y }, .scale = scale };

    return mlci_node_add(m, &n);
}

uint32_t mlci_embed(mlci_module *m, uint32_t ids, uint32_t table)
{
    return ir_two(m, MLCI_OP_EMBED, ids, table, 0);
}

uint32_t mlci_matmul(mlci_module *m, uint32_t x, uint32_t w)
{
    return ir_two(m, MLCI_OP_MATMUL, x, w, 0);
}

uint32_t mlci_rms_norm(mlci_module *m, uint32_t x, uint32_t gain, float eps)
{
    return ir_two(m, MLCI_OP_RMS_NORM, x, gain, eps);
}

uint32_t mlci_add_op(mlci_module *m, uint32_t x, uint32_t y)
{
    return ir_two(m, MLCI_OP_ADD, x, y, 0);
}

uint32_t mlci_mul_op(mlci_module *m, uint32_t x, uint32_t y)
{
    return ir_two(m, MLCI_OP_MUL, x, y, 0);
}

uint32_t mlci_binary(mlci_module *m, mlci_op op, uint32_t x, uint32_t y)
{
    return ir_two(m, op, x, y, 0);
}

uint32_t mlci_layer_norm(mlci_module *m, uint32_t x, uint32_t gain, uint32_t bias, float eps)
{
    mlci_node n = { .op = MLCI_OP_LAYER_NORM, .inputs = { x, gain, bias }, .scale = eps };

    return mlci_node_add(m, &n);
}

uint32_t mlci_unary(mlci_module *m, mlci_op op, uint32_t x, float scale)
{
    return ir_two(m, op, x, 0, scale);
}

uint32_t mlci_reshape(mlci_module *m, uint32_t x, uint32_t rank, const mlci_dim *dims)
{
    mlci_node n = { .op = MLCI_OP_RESHAPE, .inputs = { x, 0 } };

    n.type.dtype = MLCI_DT_F32;
    n.type.rank = rank;
    memcpy(n.type.dims, dims, rank * sizeof *dims);
    return mlci_node_add(m, &n);
}

static uint32_t ir_frequencies(mlci_module *m, const mlci_rope *rope, uint32_t factors)
{
    mlci_node n = { .op = MLCI_OP_ROPE_FREQUENCIES, .scale = rope->base,
                    .factor = rope->factor };
    uint32_t f;

    n.type = (mlci_type){ MLCI_DT_F32, 1, { mlci_dim_const(&m->dims, rope->dims / 2) } };
    f = mlci_node_add(m, &n);
    return factors != 0 ? mlci_binary(m, MLCI_OP_DIV, f, factors) : f;
}

uint32_t mlci_rope_table(mlci_module *m, const mlci_rope *rope, uint32_t factors)
{
    return ir_two(m, MLCI_OP_ROPE_TABLE, m->positions, ir_frequencies(m, rope, factors), 0);
}

uint32_t mlci_rope_table_long(mlci_module *m, const mlci_rope *rope, uint32_t factors,
                              uint32_t long_factors, uint32_t original)
{
    mlci_node n = { .op = MLCI_OP_LONGER, .scale = (float)original };

    if (m->kv_tokens == 0)
        m->kv_tokens = ir_input(m, "kv_tokens", mlci_dim_const(&m->dims, 1));
    n.inputs[0] = ir_frequencies(m, rope, factors);
    n.inputs[1] = ir_frequencies(m, rope, long_factors);
    n.inputs[2] = m->kv_tokens;
    return ir_two(m, MLCI_OP_ROPE_TABLE, m->positions, mlci_node_add(m, &n), 0);
}

uint32_t mlci_rope_op(mlci_module *m, uint32_t x, uint32_t table, bool interleaved)
{
    mlci_node n = { .op = MLCI_OP_ROPE, .inputs = { x, table },
                    .interleaved = interleaved };

    return mlci_node_add(m, &n);
}

uint32_t mlci_pool_add(mlci_module *m, uint32_t n_heads, uint32_t head_dim,
                       uint32_t window)
{
    if (m->n_pools == MLCI_MAX_POOLS) {
        mlci_tir_fail(&m->tir, MLC_EUNSUPPORTED, "more than %d state pools", MLCI_MAX_POOLS);
        return 0;
    }
    m->pools[m->n_pools] = (mlci_pool_info){ 0, n_heads, head_dim, window };
    return m->n_pools++;
}

uint32_t mlci_kv_append(mlci_module *m, uint32_t k, uint32_t v, uint32_t pool)
{
    mlci_node n = { .op = MLCI_OP_KV_APPEND, .inputs = { k, v }, .pool = pool };

    n.layer = m->pools[pool].n_layers++;
    return mlci_node_add(m, &n);
}

uint32_t mlci_swiglu_limited(mlci_module *m, uint32_t gate, uint32_t up, float alpha, float limit)
{
    mlci_node n = { .op = MLCI_OP_SWIGLU_LIMITED, .inputs = { gate, up }, .scale = alpha,
                    .factor = limit };

    return mlci_node_add(m, &n);
}

uint32_t mlci_attention(mlci_module *m, uint32_t q, uint32_t state, uint32_t sinks, float scale,
                        float cap)
{
    mlci_node n = { .op = MLCI_OP_ATTENTION, .inputs = { q, state, sinks }, .scale = scale,
                    .factor = cap };

    n.pool = m->nodes[state].pool;
    n.layer = m->nodes[state].layer;
    n.window = m->pools[n.pool].window;
    return mlci_node_add(m, &n);
}

uint32_t mlci_take(mlci_module *m, uint32_t x, uint32_t rows)
{
    return ir_two(m, MLCI_OP_TAKE, x, rows, 0);
}

uint32_t mlci_top_k(mlci_module *m, uint32_t scores, const mlci_route *route)
{
    mlci_node n = { .op = MLCI_OP_TOP_K, .inputs = { scores }, .route = *route };

    return mlci_node_add(m, &n);
}

uint32_t mlci_chosen(mlci_module *m, uint32_t scores, uint32_t experts, const mlci_route *route)
{
    mlci_node n = { .op = MLCI_OP_CHOSEN, .inputs = { scores, experts }, .route = *route };

    return mlci_node_add(m, &n);
}

uint32_t mlci_experts(mlci_module *m, uint32_t x, uint32_t experts, const char *name,
                      uint32_t layer, uint32_t n_experts, uint64_t rows, uint64_t columns)
{
    mlci_node n = { .op = MLCI_OP_EXPERTS, .inputs = { x, experts } };
    char text[96];

    snprintf(text, sizeof text, "%s.weight", name);
    n.inputs[2] = ir_stored(m, text, layer, MLCI_OP_WEIGHT, 2, n_experts * rows, columns,
                            n_experts);
    snprintf(text, sizeof text, "%s.bias", name);
    if (mlci_has_tensor(m, text, layer))
        n.inputs[3] = mlci_vector(m, text, layer, n_experts * rows);
    return mlci_node_add(m, &n);
}

uint32_t mlci_per_head(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                       uint32_t n_heads, uint64_t rows, uint64_t columns)
{
    mlci_node n = { .op = MLCI_OP_PER_HEAD, .inputs = { x } };

    n.inputs[1] = ir_stored(m, name, layer, MLCI_OP_WEIGHT, 2, n_heads * rows, columns, n_heads);
    return mlci_node_add(m, &n);
}

uint32_t mlci_join_op(mlci_module *m, uint32_t x, uint32_t y)
{
    return ir_two(m, MLCI_OP_JOIN, x, y, 0);
}

uint32_t mlci_tail_op(mlci_module *m, uint32_t x, uint32_t n)
{
    const mlci_node tail = { .op = MLCI_OP_TAIL, .inputs = { x }, .units = n };

    return mlci_node_add(m, &tail);
}

uint32_t mlci_combine(mlci_module *m, uint32_t x, uint32_t weights)
{
    return ir_two(m, MLCI_OP_COMBINE, x, weights, 0);
}

/* ---- helpers ------------------------------------------------------------------------ */

uint32_t mlci_linear(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                     uint64_t rows, uint64_t columns)
{
    char text[96];
    uint32_t y;

    snprintf(text, sizeof text, "%s.weight", name);
    y = mlci_matmul(m, x, mlci_weight(m, text, layer, rows, columns));
    snprintf(text, sizeof text, "%s.bias", name);
    if (mlci_has_tensor(m, text, layer))
        y = mlci_add_op(m, y, mlci_vector(m, text, layer, rows));
    return y;
}

uint32_t mlci_norm(mlci_module *m, uint32_t x, const char *name, uint32_t layer,
                   uint64_t n, float eps)
{
    return mlci_rms_norm(m, x, mlci_vector(m, name, layer, n), eps);
}

uint32_t mlci_heads(mlci_module *m, uint32_t x, uint32_t n_heads, uint32_t head_dim)
{
    mlci_dim dims[3] = { m->nodes[x].type.dims[0],
                         mlci_dim_const(&m->dims, n_heads),
                         mlci_dim_const(&m->dims, head_dim) };

    return mlci_reshape(m, x, 3, dims);
}

uint32_t mlci_flat(mlci_module *m, uint32_t x)
{
    const mlci_type *t = &m->nodes[x].type;
    mlci_dim dims[2] = { t->dims[0], mlci_dim_mul(&m->dims, t->dims[1], t->dims[2]) };

    return mlci_reshape(m, x, 2, dims);
}

bool mlci_source_node(const mlci_node *n)
{
    return n->op == MLCI_OP_NONE || n->op == MLCI_OP_INPUT || n->op == MLCI_OP_WEIGHT
        || n->op == MLCI_OP_VECTOR || n->folded;
}

bool mlci_reads(const mlci_node *n, uint32_t node)
{
    for (int k = 0; k < MLCI_MAX_INPUTS; k++)
        if (n->inputs[k] == node)
            return true;
    return false;
}

bool mlci_leaves(const mlci_module *m, uint32_t node, uint32_t a, uint32_t b)
{
    uint32_t inside = 0;

    for (uint32_t i = node + 1; i < m->n_nodes && inside < m->nodes[node].n_uses; i++)
        for (int k = 0; k < MLCI_MAX_INPUTS; k++)
            if (m->nodes[i].inputs[k] == node) {
                if (m->nodes[i].group != a && m->nodes[i].group != b)
                    return true;
                inside++;
            }
    return node == m->result;
}

bool mlci_escapes(const mlci_module *m, uint32_t node)
{
    return mlci_leaves(m, node, m->nodes[node].group, m->nodes[node].group);
}
