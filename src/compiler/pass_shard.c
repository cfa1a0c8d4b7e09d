/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_shard.c - a model shared out among ranks, each of which runs the same plan on
 * its part of the weights (Shoeybi et al. 2019, arXiv:1909.08053).
 *
 * Values that must be cut alike form a class: what a product gives, what element by
 * element becomes of it, its heads, and the next product's columns.  A class is cut
 * into units that no member splits further (a head, a block of a format), and each
 * rank gets a range of them.  A product whose rows of weights are cut gives a part
 * of each row; one whose columns are cut gives a part of each sum, and an all_reduce
 * follows.  What a norm needs whole, or what has fewer units than there are ranks, is
 * computed by every rank.
 *
 * Nodes are written anew in order, with types deduced again from the parts.
 */
#include "pass.h"

#include <string.h>

/* A set of values (by one of their nodes) that are cut alike. */
typedef struct sd_class {
    uint32_t parent;          /* the class it became part of                    */
    int64_t  units;           /* 0: nothing said yet                            */
    bool     whole;
} sd_class;

typedef struct sd_work {
    mlci_module *m;
    sd_class    *classes;     /* [n_nodes], by node                             */
    mlci_node   *old;
    size_t       n_old;
    uint32_t    *to;          /* old node -> new                                */
    uint32_t     pools[MLCI_MAX_POOLS];   /* an append of each                  */
} sd_work;

/* ---- classes --------------------------------------------------------------------------- */

static uint32_t sd_find(sd_work *w, uint32_t node)
{
    while (w->classes[node].parent != node)
        node = w->classes[node].parent = w->classes[w->classes[node].parent].parent;
    return node;
}

static int64_t sd_gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t r = a % b;

        a = b;
        b = r;
    }
    return a;
}

/* The class has a member of this size that must not be cut inside `grain`. */
static void sd_member(sd_work *w, uint32_t node, int64_t size, int64_t grain)
{
    sd_class *c = &w->classes[sd_find(w, node)];

    if (size % grain != 0)
        c->whole = true;
    else
        c->units = sd_gcd(c->units, size / grain);
}

static void sd_whole(sd_work *w, uint32_t node) { w->classes[sd_find(w, node)].whole = true; }

static void sd_union(sd_work *w, uint32_t a, uint32_t b)
{
    sd_class *x = &w->classes[sd_find(w, a)], *y = &w->classes[sd_find(w, b)];

    if (x == y)
        return;
    y->parent = x->parent;
    x->whole = x->whole || y->whole;
    x->units = sd_gcd(x->units, y->units);
}

static int64_t sd_dim(const sd_work *w, const mlci_node *n, uint32_t axis)
{
    int64_t v = 0;

    (void)mlci_dim_known(&w->m->dims, n->type.dims[axis], &v);
    return v;
}

static int64_t sd_block(const mlci_node *stored)
{
    return mlci_format_table[stored->tensor->format].block_items;
}

/* The stored matrix of a product, NULL if it has none. */
static const mlci_node *sd_matrix(const sd_work *w, const mlci_node *product)
{
    const mlci_node *decode = &w->old[product->inputs[1]];

    return decode->op == MLCI_OP_DECODE ? &w->old[decode->inputs[0]] : NULL;
}

static void sd_reshape(sd_work *w, uint32_t id)
{
    const mlci_node *n = &w->old[id], *x = &w->old[n->inputs[0]];

    sd_union(w, id, n->inputs[0]);
    if (n->type.rank == 3 && x->type.rank == 2)
        sd_member(w, id, sd_dim(w, n, 1), 1);
    else if (n->type.rank == 2 && x->type.rank == 3)
        sd_member(w, id, sd_dim(w, x, 1), 1);
    else
        sd_whole(w, id);
}

/* A vector along the cut axis is cut with it, if that is where a block begins. */
static void sd_vector(sd_work *w, uint32_t id, uint32_t vector)
{
    const mlci_node *v = &w->old[vector];

    if (v->op == MLCI_OP_VECTOR && v->tensor != NULL)
        sd_member(w, id, sd_dim(w, v, 0), sd_block(v));
    else
        sd_whole(w, id);
}

/* What the operator says of its own class and its operands'. */
static void sd_constrain(sd_work *w, uint32_t id)
{
    const mlci_node *n = &w->old[id];
    const mlci_node *y = &w->old[n->inputs[1]];

    switch (n->op) {
    case MLCI_OP_MATMUL:
        if (sd_matrix(w, n) == NULL) {
            sd_whole(w, id);
            sd_whole(w, n->inputs[0]);
            break;
        }
        sd_member(w, id, sd_dim(w, n, 1), 1);
        sd_member(w, n->inputs[0], sd_dim(w, y, 1), sd_block(sd_matrix(w, n)));
        break;
    case MLCI_OP_ADD: case MLCI_OP_MUL: case MLCI_OP_SUB: case MLCI_OP_DIV:
    case MLCI_OP_SWIGLU_LIMITED:
        sd_union(w, id, n->inputs[0]);
        if (y->type.rank == n->type.rank)
            sd_union(w, id, n->inputs[1]);
        else if (n->type.rank == 2)
            sd_vector(w, id, n->inputs[1]);
        break;
    case MLCI_OP_SILU: case MLCI_OP_GELU: case MLCI_OP_GELU_ERF: case MLCI_OP_RELU:
    case MLCI_OP_SIGMOID:
    case MLCI_OP_SCALE: case MLCI_OP_SOFTCAP: case MLCI_OP_ROPE: case MLCI_OP_TAKE:
        sd_union(w, id, n->inputs[0]);
        break;
    case MLCI_OP_RMS_NORM: case MLCI_OP_LAYER_NORM: case MLCI_OP_SOFTMAX:
        sd_union(w, id, n->inputs[0]);
        if (n->type.rank == 2)           /* over what would be cut */
            sd_whole(w, id);
        break;
    case MLCI_OP_RESHAPE:
        sd_reshape(w, id);
        break;
    case MLCI_OP_KV_APPEND: case MLCI_OP_ATTENTION:
        sd_union(w, id, n->inputs[0]);
        sd_union(w, id, n->inputs[1]);
        if (n->op == MLCI_OP_ATTENTION && n->inputs[2] != 0)
            sd_whole(w, id);             /* sinks are not cut yet */
        if (w->pools[n->pool] != 0)      /* all of a pool's layers alike */
            sd_union(w, id, w->pools[n->pool]);
        w->pools[n->pool] = id;
        break;
    default:
        sd_whole(w, id);
        for (int k = 0; k < MLCI_MAX_INPUTS && n->inputs[k] != 0; k++)
            sd_whole(w, n->inputs[k]);
    }
}

static bool sd_split(sd_work *w, uint32_t node)
{
    const sd_class *c = &w->classes[sd_find(w, node)];

    return !c->whole && c->units >= (int64_t)w->m->n_ranks;
}

/* A product gives whole sums of a part, or parts of whole sums, not both. */
static void sd_settle(sd_work *w)
{
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 1; i < w->n_old; i++)
            if (w->old[i].op == MLCI_OP_MATMUL && sd_split(w, i)
                && sd_split(w, w->old[i].inputs[0])) {
                sd_whole(w, i);
                again = true;
            }
    }
}

/* This rank's part of an axis of `size` in the node's class. */
static mlci_slice sd_share(sd_work *w, uint32_t node, uint32_t axis, int64_t size)
{
    const int64_t units = w->classes[sd_find(w, node)].units;
    const uint32_t begin = mlci_share_begin(size, units, w->m->rank, w->m->n_ranks);
    const uint32_t end = mlci_share_begin(size, units, w->m->rank + 1, w->m->n_ranks);

    return (mlci_slice){ axis, begin, end - begin };
}

/* ---- writing the graph anew --------------------------------------------------------------- */

static void sd_cut_type(sd_work *w, mlci_type *t, const mlci_slice *s)
{
    t->dims[s->axis] = mlci_dim_const(&w->m->dims, s->n);
}

/* The stored node with this part of it; a new one for each that is cut. */
static uint32_t sd_stored(sd_work *w, uint32_t old, mlci_slice s)
{
    mlci_node n = w->old[old];

    n.slice = s;
    sd_cut_type(w, &n.type, &s);
    return mlci_node_add(w->m, &n);
}

/* Stored nodes and their decoding, whole: written when something wants them so. */
static uint32_t sd_need(sd_work *w, uint32_t id)
{
    const mlci_op op = w->old[id].op;
    mlci_node n = w->old[id];

    if (w->to[id] != 0 || (op != MLCI_OP_WEIGHT && op != MLCI_OP_VECTOR && op != MLCI_OP_DECODE))
        return w->to[id];
    if (op == MLCI_OP_DECODE)
        n.inputs[0] = sd_need(w, n.inputs[0]);
    return w->to[id] = mlci_node_add(w->m, &n);
}

static uint32_t sd_product(sd_work *w, uint32_t id)
{
    const mlci_node *n = &w->old[id], *decode = &w->old[n->inputs[1]];
    const bool rows = sd_split(w, id), columns = sd_split(w, n->inputs[0]);
    mlci_node d = *decode, p = *n, sum = { .op = MLCI_OP_ALL_REDUCE };

    p.inputs[0] = w->to[n->inputs[0]];
    if (!rows && !columns) {
        p.inputs[1] = sd_need(w, n->inputs[1]);
    } else {
        d.inputs[0] = sd_stored(w, decode->inputs[0],
                                rows ? sd_share(w, id, 0, sd_dim(w, decode, 0))
                                     : sd_share(w, n->inputs[0], 1, sd_dim(w, decode, 1)));
        p.inputs[1] = mlci_node_add(w->m, &d);
    }
    sum.inputs[0] = mlci_node_add(w->m, &p);
    return columns ? mlci_node_add(w->m, &sum) : sum.inputs[0];
}

static uint32_t sd_write(sd_work *w, uint32_t id)
{
    const mlci_node *old = &w->old[id];
    mlci_node n = *old;

    const bool cut = sd_split(w, id) && old->inputs[1] != 0 && old->type.rank == 2
                  && w->old[old->inputs[1]].op == MLCI_OP_VECTOR;

    if (n.op == MLCI_OP_WEIGHT || n.op == MLCI_OP_VECTOR || n.op == MLCI_OP_DECODE)
        return 0;
    if (n.op == MLCI_OP_MATMUL && sd_matrix(w, old) != NULL)
        return sd_product(w, id);
    for (int k = 0; k < MLCI_MAX_INPUTS; k++)
        n.inputs[k] = k == 1 && cut ? sd_stored(w, old->inputs[1],
                                                sd_share(w, id, 0, sd_dim(w, old, 1)))
                                    : sd_need(w, old->inputs[k]);
    if (sd_split(w, id) && n.op == MLCI_OP_RESHAPE) {
        mlci_slice s = sd_share(w, id, 1, sd_dim(w, old, 1));

        sd_cut_type(w, &n.type, &s);
    }
    return mlci_node_add(w->m, &n);
}

static void sd_rewrite(sd_work *w)
{
    mlci_module *m = w->m;

    for (uint32_t p = 0; p < m->n_pools; p++)
        if (w->pools[p] != 0 && sd_split(w, w->pools[p]))
            m->pools[p].n_heads = sd_share(w, w->pools[p], 1, m->pools[p].n_heads).n;
    m->nodes = NULL;
    m->n_nodes = m->cap = 0;
    for (uint32_t i = 0; i < w->n_old && m->tir.status == MLC_OK; i++) {
        w->old[i].n_uses = 0;
        w->to[i] = i == 0 ? mlci_node_add(m, &w->old[0]) : sd_write(w, i);
    }
    if (m->tir.status == MLC_OK && sd_split(w, m->result)) {
        mlci_node gather = { .op = MLCI_OP_ALL_GATHER, .inputs = { w->to[m->result] } };

        gather.type = w->old[m->result].type;
        gather.units = (uint32_t)w->classes[sd_find(w, m->result)].units;
        w->to[m->result] = mlci_node_add(m, &gather);
    }
    m->tokens = w->to[m->tokens];
    m->positions = w->to[m->positions];
    m->logit_rows = w->to[m->logit_rows];
    m->kv_tokens = w->to[m->kv_tokens];
    m->result = w->to[m->result];
}

mlc_status mlci_pass_shard(mlci_module *m, mlci_plan *plan)
{
    sd_work w = { .m = m, .old = m->nodes, .n_old = m->n_nodes };

    (void)plan;
    if (m->n_ranks <= 1)
        return m->tir.status;
    w.classes = mlci_arena_new(m->arena, m->n_nodes, sizeof *w.classes);
    w.to = mlci_arena_new(m->arena, m->n_nodes, sizeof *w.to);
    if (w.classes == NULL || w.to == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    for (uint32_t i = 0; i < m->n_nodes; i++)
        w.classes[i].parent = i;
    for (uint32_t i = 1; i < m->n_nodes; i++)
        if (!mlci_source_node(&m->nodes[i]) && m->nodes[i].op != MLCI_OP_DECODE)
            sd_constrain(&w, i);
    sd_settle(&w);
    sd_rewrite(&w);
    return m->tir.status;
}
