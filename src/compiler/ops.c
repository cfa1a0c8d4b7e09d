/* SPDX-License-Identifier: Apache-2.0
 *
 * ops.c - what each operator gives: shape deduction.
 *
 * One function per kind of rule; the table maps operators to them.  An error
 * names the operator and the shapes that do not fit.
 */
#include "ir.h"

#include <stdio.h>
#include <string.h>

typedef mlc_status op_rule(mlci_module *m, mlci_node *n, const mlci_type *a,
                           const mlci_type *b);

void mlci_type_print(const mlci_dims *d, const mlci_type *t, char *buf, size_t cap)
{
    size_t n = (size_t)snprintf(buf, cap, "%s", mlci_dtype_table[t->dtype].name);

    for (uint32_t i = 0; i < t->rank && n < cap; i++) {
        n += (size_t)snprintf(buf + n, cap - n, i == 0 ? "[" : ", ");
        if (n < cap && t->dims[i] == MLCI_DIM_ANY)
            snprintf(buf + n, cap - n, "?");
        else if (n < cap)
            mlci_dim_print(d, t->dims[i], buf + n, cap - n);
        n = strlen(buf);
    }
    if (t->rank > 0 && n < cap)
        snprintf(buf + n, cap - n, "]");
}

static mlc_status op_clash(mlci_module *m, const mlci_node *n, const mlci_type *a,
                           const mlci_type *b)
{
    char x[80], y[80];

    mlci_type_print(&m->dims, a, x, sizeof x);
    mlci_type_print(&m->dims, b, y, sizeof y);
    return mlci_tir_fail(&m->tir, MLC_EFORMAT, "%s: operands %s and %s do not fit",
                            mlci_op_names[n->op], x, y);
}

mlci_dim mlci_elements(mlci_module *m, const mlci_type *t)
{
    mlci_dim d = mlci_dim_const(&m->dims, 1);

    for (uint32_t i = 0; i < t->rank; i++)
        d = mlci_dim_mul(&m->dims, d, t->dims[i]);
    return d;
}

static bool op_same(const mlci_type *a, const mlci_type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank
        && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

static mlci_type op_f32(uint32_t rank, mlci_dim a, mlci_dim b, mlci_dim c)
{
    mlci_type t = { MLCI_DT_F32, rank, { a, b, c, 0 } };

    return t;
}

/* The type was given with the node. */
static mlc_status op_given(mlci_module *m, mlci_node *n, const mlci_type *a,
                           const mlci_type *b)
{
    (void)n, (void)a, (void)b;
    return m->tir.status;
}

static mlc_status op_like_first(mlci_module *m, mlci_node *n, const mlci_type *a,
                                const mlci_type *b)
{
    if (a->dtype != MLCI_DT_F32)
        return op_clash(m, n, a, b);
    n->type = *a;
    return MLC_OK;
}

/* Same shapes, or a vector over the last dim. */
static mlc_status op_broadcast(mlci_module *m, mlci_node *n, const mlci_type *a,
                               const mlci_type *b)
{
    bool vector = b->rank == 1 && a->rank > 1 && b->dims[0] == a->dims[a->rank - 1];

    if (a->dtype != MLCI_DT_F32 || b->dtype != MLCI_DT_F32
        || (!vector && !op_same(a, b)))
        return op_clash(m, n, a, b);
    n->type = *a;
    return MLC_OK;
}

static mlc_status op_equal(mlci_module *m, mlci_node *n, const mlci_type *a,
                           const mlci_type *b)
{
    return a->dtype == MLCI_DT_F32 && op_same(a, b) ? op_broadcast(m, n, a, b)
                                                    : op_clash(m, n, a, b);
}

static mlc_status op_layer_norm(mlci_module *m, mlci_node *n, const mlci_type *a,
                                const mlci_type *b)
{
    const mlci_type *bias = &m->nodes[n->inputs[2]].type;

    if (b->rank != 1 || a->rank < 2 || !op_same(b, bias))
        return op_clash(m, n, a, bias);
    return op_broadcast(m, n, a, b);
}

/* A map of C planes over an image of C planes: no padding, stride 1. */
static mlc_status op_conv2d(mlci_module *m, mlci_node *n, const mlci_type *a,
                            const mlci_type *b)
{
    mlci_dim one = mlci_dim_const(&m->dims, 1);

    if (a->rank != 4 || b->rank != 4 || a->dims[1] != b->dims[1]
        || a->dtype != MLCI_DT_F32 || b->dtype != MLCI_DT_F32)
        return op_clash(m, n, a, b);
    n->type = (mlci_type){ MLCI_DT_F32, 4, { a->dims[0], b->dims[0] } };
    for (uint32_t k = 2; k < 4; k++)
        n->type.dims[k] = mlci_dim_add(&m->dims, one,
                                       mlci_dim_sub(&m->dims, a->dims[k], b->dims[k]));
    return MLC_OK;
}

static mlc_status op_all_gather(mlci_module *m, mlci_node *n, const mlci_type *a,
                                const mlci_type *b)
{
    if (a->dtype != MLCI_DT_F32 || a->rank == 0 || n->type.rank != a->rank)
        return op_clash(m, n, a, b);
    return MLC_OK;
}

static mlc_status op_rms_norm(mlci_module *m, mlci_node *n, const mlci_type *a,
                              const mlci_type *b)
{
    if (b->rank != 1 || a->rank < 2)
        return op_clash(m, n, a, b);
    return op_broadcast(m, n, a, b);
}

static mlc_status op_decode(mlci_module *m, mlci_node *n, const mlci_type *a,
                            const mlci_type *b)
{
    if (a->dtype != MLCI_DT_STORED || a->rank != 2)
        return op_clash(m, n, a, b);
    n->type = op_f32(2, a->dims[0], a->dims[1], 0);
    return MLC_OK;
}

static mlc_status op_embed(mlci_module *m, mlci_node *n, const mlci_type *a,
                           const mlci_type *b)
{
    if (a->dtype != MLCI_DT_I32 || a->rank != 1 || b->rank != 2
        || b->dtype != MLCI_DT_F32)
        return op_clash(m, n, a, b);
    n->type = op_f32(2, a->dims[0], b->dims[1], 0);
    return MLC_OK;
}

static mlc_status op_matmul(mlci_module *m, mlci_node *n, const mlci_type *a,
                            const mlci_type *b)
{
    if (a->rank != 2 || b->rank != 2 || a->dims[1] != b->dims[1]
        || a->dtype != MLCI_DT_F32 || b->dtype != MLCI_DT_F32)
        return op_clash(m, n, a, b);
    n->type = op_f32(2, a->dims[0], b->dims[0], 0);
    return MLC_OK;
}

static mlc_status op_reshape(mlci_module *m, mlci_node *n, const mlci_type *a,
                             const mlci_type *b)
{
    (void)b;
    if (a->dtype != MLCI_DT_F32
        || mlci_elements(m, a) != mlci_elements(m, &n->type))
        return op_clash(m, n, a, &n->type);
    return MLC_OK;
}

static mlc_status op_rope_table(mlci_module *m, mlci_node *n, const mlci_type *a,
                                const mlci_type *b)
{
    int64_t half = 0;

    if (a->dtype != MLCI_DT_I32 || a->rank != 1 || b->rank != 1
        || !mlci_dim_known(&m->dims, b->dims[0], &half) || half == 0)
        return op_clash(m, n, a, b);
    n->type = op_f32(2, a->dims[0], mlci_dim_const(&m->dims, 2 * half), 0);
    return MLC_OK;
}

/* x [n, H, D] with a table [n, R]: the first R of D values are rotated. */
static mlc_status op_rope(mlci_module *m, mlci_node *n, const mlci_type *a,
                          const mlci_type *b)
{
    int64_t d = 0, r = 0;

    if (a->rank != 3 || b->rank != 2 || a->dims[0] != b->dims[0]
        || !mlci_dim_known(&m->dims, a->dims[2], &d)
        || !mlci_dim_known(&m->dims, b->dims[1], &r) || r > d)
        return op_clash(m, n, a, b);
    n->type = *a;
    return MLC_OK;
}

static mlc_status op_kv_append(mlci_module *m, mlci_node *n, const mlci_type *a,
                               const mlci_type *b)
{
    const mlci_pool_info *p = &m->pools[n->pool];

    if (!op_same(a, b) || a->rank != 3
        || a->dims[1] != mlci_dim_const(&m->dims, p->n_heads)
        || a->dims[2] != mlci_dim_const(&m->dims, p->head_dim))
        return op_clash(m, n, a, b);
    n->type = (mlci_type){ MLCI_DT_STATE, 0, { 0 } };
    return MLC_OK;
}

static mlc_status op_attention(mlci_module *m, mlci_node *n, const mlci_type *a,
                               const mlci_type *b)
{
    const mlci_pool_info *p = &m->pools[n->pool];
    const mlci_type *sinks = &m->nodes[n->inputs[2]].type;
    int64_t heads = 0;

    if (n->inputs[2] != 0 && (a->rank != 3 || sinks->rank != 1 || sinks->dims[0] != a->dims[1]))
        return op_clash(m, n, a, sinks);
    if (a->rank != 3 || b->dtype != MLCI_DT_STATE
        || !mlci_dim_known(&m->dims, a->dims[1], &heads) || heads % p->n_heads != 0
        || a->dims[2] != mlci_dim_const(&m->dims, p->head_dim))
        return op_clash(m, n, a, b);
    n->type = *a;
    return MLC_OK;
}

static mlc_status op_take(mlci_module *m, mlci_node *n, const mlci_type *a,
                          const mlci_type *b)
{
    if (a->rank != 2 || b->rank != 1 || b->dtype != MLCI_DT_I32)
        return op_clash(m, n, a, b);
    n->type = op_f32(2, b->dims[0], a->dims[1], 0);
    return MLC_OK;
}

static mlc_status op_top_k(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    const mlci_route *r = &n->route;
    int64_t experts = 0;

    if (a->dtype != MLCI_DT_F32 || a->rank != 2 || !mlci_dim_known(&m->dims, a->dims[1], &experts)
        || r->k == 0 || r->k > experts
        || (r->n_groups > 1 && (experts % r->n_groups != 0 || r->top_groups > r->n_groups
                                || r->top_groups * (experts / r->n_groups) < r->k)))
        return op_clash(m, n, a, b);
    n->type = op_f32(2, a->dims[0], mlci_dim_const(&m->dims, r->k), 0);
    n->type.dtype = MLCI_DT_I32;
    return MLC_OK;
}

static mlc_status op_chosen(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    if (a->dtype != MLCI_DT_F32 || a->rank != 2 || b->dtype != MLCI_DT_I32 || b->rank != 2
        || a->dims[0] != b->dims[0])
        return op_clash(m, n, a, b);
    n->type = op_f32(2, b->dims[0], b->dims[1], 0);
    return MLC_OK;
}

static mlc_status op_experts(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    const mlci_node *w = &m->nodes[n->inputs[2]];
    int64_t rows = 0;
    mlci_dim pairs;

    if (w->type.dtype != MLCI_DT_STORED || w->type.rank != 2 || w->units == 0)
        return op_clash(m, n, a, &w->type);
    if (b->dtype != MLCI_DT_I32 || b->rank != 2 || a->dtype != MLCI_DT_F32 || a->rank != 2)
        return op_clash(m, n, a, b);
    pairs = mlci_dim_mul(&m->dims, b->dims[0], b->dims[1]);
    if ((a->dims[0] != b->dims[0] && a->dims[0] != pairs) || a->dims[1] != w->type.dims[1]
        || !mlci_dim_known(&m->dims, w->type.dims[0], &rows) || rows % w->units != 0)
        return op_clash(m, n, a, &w->type);
    if (n->inputs[3] != 0 && (m->nodes[n->inputs[3]].type.rank != 1
                              || m->nodes[n->inputs[3]].type.dims[0] != w->type.dims[0]))
        return op_clash(m, n, &w->type, &m->nodes[n->inputs[3]].type);
    n->type = op_f32(2, pairs, mlci_dim_const(&m->dims, rows / w->units), 0);
    return MLC_OK;
}

static mlc_status op_per_head(mlci_module *m, mlci_node *n, const mlci_type *a,
                              const mlci_type *b)
{
    const mlci_node *w = &m->nodes[n->inputs[1]];
    int64_t rows = 0, heads = 0;

    if (a->dtype != MLCI_DT_F32 || a->rank != 3 || b->dtype != MLCI_DT_STORED || b->rank != 2
        || a->dims[2] != b->dims[1] || !mlci_dim_known(&m->dims, b->dims[0], &rows)
        || !mlci_dim_known(&m->dims, a->dims[1], &heads) || heads != (int64_t)w->units
        || heads == 0 || rows % heads != 0)
        return op_clash(m, n, a, b);
    n->type = *a;
    n->type.dims[2] = mlci_dim_const(&m->dims, rows / heads);
    return MLC_OK;
}

static mlc_status op_join(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    if (a->dtype != MLCI_DT_F32 || b->dtype != MLCI_DT_F32 || a->rank != 3 || b->rank != 3
        || a->dims[0] != b->dims[0] || a->dims[1] != b->dims[1])
        return op_clash(m, n, a, b);
    n->type = *a;
    n->type.dims[2] = mlci_dim_add(&m->dims, a->dims[2], b->dims[2]);
    return MLC_OK;
}

static mlc_status op_tail(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    int64_t d = 0;

    if (a->dtype != MLCI_DT_F32 || a->rank != 3 || !mlci_dim_known(&m->dims, a->dims[2], &d)
        || n->units == 0 || n->units > d)
        return op_clash(m, n, a, b);
    n->type = *a;
    n->type.dims[2] = mlci_dim_const(&m->dims, n->units);
    return MLC_OK;
}

static mlc_status op_combine(mlci_module *m, mlci_node *n, const mlci_type *a, const mlci_type *b)
{
    if (a->dtype != MLCI_DT_F32 || b->dtype != MLCI_DT_F32 || a->rank != 2 || b->rank != 2
        || a->dims[0] != mlci_dim_mul(&m->dims, b->dims[0], b->dims[1]))
        return op_clash(m, n, a, b);
    n->type = op_f32(2, b->dims[0], a->dims[1], 0);
    return MLC_OK;
}

static op_rule *const op_rules[MLCI_OP_COUNT] = {
    [MLCI_OP_NONE] = op_given,            [MLCI_OP_INPUT] = op_given,
    [MLCI_OP_WEIGHT] = op_given,          [MLCI_OP_VECTOR] = op_given,
    [MLCI_OP_DECODE] = op_decode,         [MLCI_OP_EMBED] = op_embed,
    [MLCI_OP_MATMUL] = op_matmul,         [MLCI_OP_RMS_NORM] = op_rms_norm,
    [MLCI_OP_ADD] = op_broadcast,         [MLCI_OP_MUL] = op_broadcast,
    [MLCI_OP_SILU] = op_like_first,       [MLCI_OP_GELU] = op_like_first,
    [MLCI_OP_GELU_ERF] = op_like_first,
    [MLCI_OP_SCALE] = op_like_first,      [MLCI_OP_SOFTCAP] = op_like_first,
    [MLCI_OP_RESHAPE] = op_reshape,       [MLCI_OP_ROPE_TABLE] = op_rope_table,
    [MLCI_OP_ROPE] = op_rope,             [MLCI_OP_KV_APPEND] = op_kv_append,
    [MLCI_OP_ATTENTION] = op_attention,   [MLCI_OP_TAKE] = op_take,
    [MLCI_OP_LAYER_NORM] = op_layer_norm, [MLCI_OP_SUB] = op_equal,
    [MLCI_OP_DIV] = op_equal,             [MLCI_OP_RELU] = op_like_first,
    [MLCI_OP_SIGMOID] = op_like_first,    [MLCI_OP_SOFTMAX] = op_like_first,
    [MLCI_OP_ROPE_FREQUENCIES] = op_given,
    [MLCI_OP_CONV2D] = op_conv2d,         [MLCI_OP_ALL_REDUCE] = op_like_first,
    [MLCI_OP_ALL_GATHER] = op_all_gather, [MLCI_OP_TOP_K] = op_top_k,
    [MLCI_OP_CHOSEN] = op_chosen,         [MLCI_OP_EXPERTS] = op_experts,
    [MLCI_OP_LONGER] = op_equal,          [MLCI_OP_PER_HEAD] = op_per_head,
    [MLCI_OP_JOIN] = op_join,             [MLCI_OP_TAIL] = op_tail,
    [MLCI_OP_COMBINE] = op_combine,       [MLCI_OP_SWIGLU_LIMITED] = op_equal,
};

mlc_status mlci_deduce(mlci_module *m, mlci_node *n)
{
    if (m->tir.status == MLC_OK)
        op_rules[n->op](m, n, &m->nodes[n->inputs[0]].type,
                        &m->nodes[n->inputs[1]].type);
    if (m->dims.failed)
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "%s: shape too complex", mlci_op_names[n->op]);
    return m->tir.status;
}
