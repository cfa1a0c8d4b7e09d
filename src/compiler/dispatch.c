/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c - groups become calls.
 *
 * The catalogue of fused kernels is: embed (decode, scale), matmul (decode, with
 * the prologues and epilogues of pass.h), attention, norm_add, rope_table.  Each
 * matcher below recognises one by its operators; a group that none recognises is
 * taken apart and its members are called one by one.
 *
 * Operands of a call:
 *   embed       x ids, segments[0].weight; scale
 *   rope_table  x positions, y frequency factors; node has the rope
 *   matmul      x rows [take, gain, eps], segments; y the residual; scale soft cap
 *   attention   x queries; out
 *   norm_add    x normed with gain and eps, y added
 *   simple      node's own inputs
 */
#include "pass.h"

#include <stdio.h>
#include <string.h>

typedef struct ds_group {
    const mlci_module *m;
    uint32_t members[64];     /* computing nodes, in order                      */
    uint32_t n;
} ds_group;

static bool ds_collect(const mlci_module *m, uint32_t last, ds_group *g)
{
    g->m = m;
    g->n = 0;
    for (uint32_t i = m->nodes[last].group; i <= last; i++) {
        if (m->nodes[i].group != m->nodes[last].group)
            continue;
        if (g->n == 64)
            return false;
        g->members[g->n++] = i;
    }
    return true;
}

static const mlci_node *ds_node(const ds_group *g, uint32_t i) { return &g->m->nodes[i]; }

static bool ds_inside(const ds_group *g, uint32_t node)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (g->members[i] == node)
            return true;
    return false;
}

/* The member that uses the node, 0 if none or several do. */
static uint32_t ds_user(const ds_group *g, uint32_t node)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < g->n; i++) {
        const mlci_node *n = ds_node(g, g->members[i]);

        if (n->inputs[0] == node || n->inputs[1] == node) {
            if (found != 0)
                return 0;
            found = g->members[i];
        }
    }
    return found;
}

static uint32_t ds_dim(const mlci_module *m, mlci_dim d)
{
    int64_t v = 0;

    (void)mlci_dim_known(&m->dims, d, &v);
    return (uint32_t)v;
}

/* ---- embed, norm_add, single nodes ------------------------------------------------- */

static bool ds_embed(const ds_group *g, mlci_call *c)
{
    const mlci_node *last = ds_node(g, g->members[g->n - 1]);
    const mlci_node *embed = last->op == MLCI_OP_SCALE ? ds_node(g, last->inputs[0]) : last;

    if (embed->op != MLCI_OP_EMBED || g->n != (last == embed ? 2u : 3u)
        || ds_node(g, embed->inputs[1])->op != MLCI_OP_DECODE)
        return false;
    c->kind = MLCI_CALL_EMBED;
    c->x = embed->inputs[0];
    c->n_segments = 1;
    c->segments[0].weight = ds_node(g, embed->inputs[1])->inputs[0];
    c->columns = ds_dim(g->m, embed->type.dims[1]);
    c->scale = last == embed ? 1.0f : last->scale;
    c->out = g->members[g->n - 1];
    return true;
}

static bool ds_norm_add(const ds_group *g, mlci_call *c)
{
    const mlci_node *add = ds_node(g, g->members[g->n - 1]);
    const mlci_node *norm = ds_node(g, add->inputs[1]);

    if (g->n != 2 || add->op != MLCI_OP_ADD || norm->op != MLCI_OP_RMS_NORM
        || norm->type.rank != 2)
        return false;
    c->kind = MLCI_CALL_NORM_ADD;
    c->x = norm->inputs[0];
    c->y = add->inputs[0];
    c->gain = norm->inputs[1];
    c->eps = norm->scale;
    c->columns = ds_dim(g->m, add->type.dims[1]);
    c->out = g->members[1];
    return true;
}

static bool ds_single(const ds_group *g, mlci_call *c)
{
    const mlci_node *n = ds_node(g, g->members[0]);

    if (g->n != 1)
        return false;
    c->kind = n->op == MLCI_OP_ATTENTION ? MLCI_CALL_ATTENTION
            : n->op == MLCI_OP_ROPE_TABLE ? MLCI_CALL_ROPE_TABLE : MLCI_CALL_SIMPLE;
    c->x = n->inputs[0];
    c->y = n->inputs[1];
    c->out = n->op == MLCI_OP_KV_APPEND ? 0 : g->members[0];
    c->scale = n->scale;
    c->pool = n->pool;
    c->layer = n->layer;
    c->window = n->window;
    return true;
}

/* ---- matmul --------------------------------------------------------------------------- */

/* The members before the products; their number, 0 if there are others. */
static bool ds_prologue(const ds_group *g, const mlci_node *mm, mlci_call *c,
                        uint32_t *used)
{
    const mlci_node *norm = ds_node(g, mm->inputs[0]);

    c->x = mm->inputs[0];
    if (!ds_inside(g, c->x))
        return true;
    if (norm->op != MLCI_OP_RMS_NORM || norm->type.rank != 2)
        return false;
    c->gain = norm->inputs[1];
    c->eps = norm->scale;
    c->x = norm->inputs[0];
    (*used)++;
    if (ds_inside(g, c->x)) {
        const mlci_node *take = ds_node(g, c->x);

        if (take->op != MLCI_OP_TAKE)
            return false;
        c->take = take->inputs[1];
        c->x = take->inputs[0];
        (*used)++;
    }
    return true;
}

/* Follow one product's value: [bias] and, for heads, [reshape] [norm] [rope].
 * Stops at the first node that is none of these; *at is the last value. */
static void ds_chain(const ds_group *g, mlci_segment *s, uint32_t *at, uint32_t *used)
{
    for (;;) {
        uint32_t next = ds_user(g, *at);
        const mlci_node *n = ds_node(g, next);

        if (next == 0)
            return;
        if (n->op == MLCI_OP_ADD && n->inputs[0] == *at && s->bias == 0
            && ds_node(g, n->inputs[1])->op == MLCI_OP_VECTOR) {
            s->bias = n->inputs[1];
        } else if (n->op == MLCI_OP_RMS_NORM && s->head_gain == 0 && s->table == 0) {
            s->head_gain = n->inputs[1];
            s->head_eps = n->scale;
        } else if (n->op == MLCI_OP_ROPE && s->table == 0) {
            s->table = n->inputs[1];
            s->interleaved = n->interleaved;
        } else if (n->op != MLCI_OP_RESHAPE) {
            return;
        }
        *at = next;
        (*used)++;
    }
}

static bool ds_has_heads(const mlci_segment *s)
{
    return s->head_gain != 0 || s->table != 0;
}

/* Two products, act(a) * b. */
static bool ds_gated(const ds_group *g, mlci_call *c, const uint32_t *ends,
                     uint32_t *used)
{
    uint32_t act = ds_user(g, ends[0]), first = 0, mul;
    const mlci_node *n = ds_node(g, act);

    if (c->n_segments != 2)
        return false;
    if (n->op != MLCI_OP_SILU && n->op != MLCI_OP_GELU) {
        first = 1;
        act = ds_user(g, ends[1]);
        n = ds_node(g, act);
    }
    mul = ds_user(g, act);
    if ((n->op != MLCI_OP_SILU && n->op != MLCI_OP_GELU) || mul == 0
        || ds_node(g, mul)->op != MLCI_OP_MUL || ds_user(g, ends[1 - first]) != mul
        || ds_has_heads(&c->segments[0]) || ds_has_heads(&c->segments[1])
        || c->segments[0].rows != c->segments[1].rows)
        return false;
    if (first == 1) {
        mlci_segment t = c->segments[0];

        c->segments[0] = c->segments[1];
        c->segments[1] = t;
    }
    c->segments[0].role = MLCI_ROLE_GATE;
    c->segments[1].role = MLCI_ROLE_UP;
    c->gelu = n->op == MLCI_OP_GELU;
    c->epilogue = MLCI_EPI_GATED;
    c->out = c->segments[0].out = mul;
    *used += 2;
    return true;
}

/* q, k and v: k and v end in an append, q does not. */
static bool ds_heads(const ds_group *g, mlci_call *c, const uint32_t *ends,
                     uint32_t *used)
{
    uint32_t append = 0;

    for (uint32_t i = 0; i < g->n; i++)
        if (ds_node(g, g->members[i])->op == MLCI_OP_KV_APPEND)
            append = g->members[i];
    if (append == 0 || c->n_segments != 3)
        return false;
    for (uint32_t i = 0; i < 3; i++) {
        mlci_segment *s = &c->segments[i];
        const mlci_node *n = ds_node(g, append);

        s->role = n->inputs[0] == ends[i] ? MLCI_ROLE_K
                : n->inputs[1] == ends[i] ? MLCI_ROLE_V : MLCI_ROLE_Q;
        s->out = s->role == MLCI_ROLE_Q ? ends[i] : 0;
        if (g->m->nodes[ends[i]].type.rank != 3)
            return false;
        if (s->role == MLCI_ROLE_Q)
            c->out = ends[i];
    }
    c->pool = g->m->nodes[append].pool;
    c->layer = g->m->nodes[append].layer;
    c->head_dim = g->m->pools[c->pool].head_dim;
    c->epilogue = MLCI_EPI_HEADS;
    (*used)++;
    return c->out != 0 && c->segments[0].role != c->segments[1].role
        && c->segments[1].role != c->segments[2].role;
}

/* Values that are stored, with an addition or soft cap if there is one product. */
static bool ds_stored(const ds_group *g, mlci_call *c, const uint32_t *ends,
                      uint32_t *used)
{
    uint32_t next = c->n_segments == 1 ? ds_user(g, ends[0]) : 0;
    const mlci_node *n = ds_node(g, next);

    c->epilogue = MLCI_EPI_STORE;
    for (uint32_t i = 0; i < c->n_segments; i++) {
        if (ds_has_heads(&c->segments[i]))
            return false;
        c->segments[i].out = ends[i];
    }
    if (next != 0 && n->op == MLCI_OP_ADD && n->type.rank == 2
        && ds_node(g, n->inputs[0])->op != MLCI_OP_VECTOR
        && ds_node(g, n->inputs[1])->op != MLCI_OP_VECTOR) {
        c->y = n->inputs[0] == ends[0] ? n->inputs[1] : n->inputs[0];
        c->epilogue = MLCI_EPI_RESIDUAL;
    } else if (next != 0 && n->op == MLCI_OP_SOFTCAP) {
        c->scale = n->scale;
    } else if (next != 0) {
        return false;
    }
    if (next != 0) {
        c->segments[0].out = next;
        (*used)++;
    }
    c->out = c->segments[0].out;
    return true;
}

static bool ds_matmul(const ds_group *g, mlci_call *c)
{
    uint32_t ends[MLCI_MAX_SEGMENTS], used = 0;
    const mlci_node *first = NULL;
    mlci_call try;

    c->kind = MLCI_CALL_MATMUL;
    for (uint32_t i = 0; i < g->n; i++) {
        const mlci_node *n = ds_node(g, g->members[i]), *w;
        mlci_segment *s = &c->segments[c->n_segments];

        if (n->op != MLCI_OP_MATMUL)
            continue;
        w = ds_node(g, n->inputs[1]);
        if (c->n_segments == MLCI_MAX_SEGMENTS || w->op != MLCI_OP_DECODE
            || !ds_inside(g, n->inputs[1])
            || (first != NULL && n->inputs[0] != first->inputs[0]))
            return false;
        first = n;
        s->weight = w->inputs[0];
        s->rows = ds_dim(g->m, n->type.dims[1]);
        ends[c->n_segments++] = g->members[i];
        used += 2;
    }
    if (first == NULL || !ds_prologue(g, first, c, &used))
        return false;
    c->columns = ds_dim(g->m, ds_node(g, first->inputs[0])->type.dims[1]);
    for (uint32_t i = 0; i < c->n_segments; i++)
        ds_chain(g, &c->segments[i], &ends[i], &used);
    for (int way = 0; way < 3; way++) {
        uint32_t all = used;
        bool ok;

        try = *c;
        ok = way == 0 ? ds_gated(g, &try, ends, &all)
           : way == 1 ? ds_heads(g, &try, ends, &all) : ds_stored(g, &try, ends, &all);
        if (ok && all == g->n) {
            *c = try;
            return true;
        }
    }
    return false;
}

/* ---- the pass ---------------------------------------------------------------------------- */

static bool ds_match(const ds_group *g, mlci_call *c)
{
    static bool (*const matchers[])(const ds_group *, mlci_call *) = {
        ds_single, ds_embed, ds_norm_add, ds_matmul,
    };
    const mlci_call none = { .node = g->members[g->n - 1] };

    for (size_t i = 0; i < sizeof matchers / sizeof *matchers; i++) {
        *c = none;
        if (matchers[i](g, c))
            return true;
    }
    return false;
}

/* Groups without a kernel fall apart into their members. */
static mlc_status ds_split(mlci_module *m, const uint32_t *order, size_t n)
{
    ds_group g;
    mlci_call c;

    for (size_t i = 0; i < n; i++) {
        uint32_t group = m->nodes[order[i]].group;

        if (ds_collect(m, order[i], &g) && ds_match(&g, &c))
            continue;
        for (uint32_t k = group; k <= order[i]; k++)
            if (m->nodes[k].group == group)
                m->nodes[k].group = k;
    }
    return m->status;
}

mlc_status mlci_pass_dispatch(mlci_module *m, mlci_plan *plan)
{
    uint32_t *order = mlci_arena_new(m->arena, m->n_nodes, sizeof *order);
    ds_group g;
    size_t n;

    if (order == NULL)
        return mlci_module_fail(m, MLC_ENOMEM, "out of memory: compiler");
    if (mlci_group_order(m, order, &n) != MLC_OK || ds_split(m, order, n) != MLC_OK
        || mlci_group_order(m, order, &n) != MLC_OK)
        return m->status;
    plan->calls = mlci_arena_new(m->arena, n, sizeof *plan->calls);
    if (plan->calls == NULL)
        return mlci_module_fail(m, MLC_ENOMEM, "out of memory: plan");
    for (size_t i = 0; i < n; i++) {
        if (m->nodes[order[i]].op == MLCI_OP_RESHAPE && m->nodes[order[i]].group == order[i])
            continue;  /* the same bytes: nothing to do */
        if (!ds_collect(m, order[i], &g) || !ds_match(&g, &plan->calls[plan->n_calls]))
            return mlci_module_fail(m, MLC_EINVAL, "no kernel for node %u (%s)", order[i],
                                    mlci_op_names[m->nodes[order[i]].op]);
        plan->n_calls++;
    }
    return m->status;
}

/* ---- printing ------------------------------------------------------------------------------ */

static const char *ds_format(const mlci_module *m, uint32_t weight)
{
    return mlci_format_table[m->nodes[weight].tensor->format].name;
}

void mlci_call_print(const mlci_module *m, const mlci_call *c, char *buf, size_t cap)
{
    static const char *const epilogues[] = { "store", "residual", "gated", "heads" };
    size_t n;

    switch (c->kind) {
    case MLCI_CALL_EMBED:
        snprintf(buf, cap, "embed[%s%s]", ds_format(m, c->segments[0].weight),
                 c->scale != 1.0f ? ", scale" : "");
        return;
    case MLCI_CALL_ROPE_TABLE: snprintf(buf, cap, "rope_table"); return;
    case MLCI_CALL_ATTENTION:
        snprintf(buf, cap, c->window > 0 ? "attention[window %u]" : "attention", c->window);
        return;
    case MLCI_CALL_NORM_ADD: snprintf(buf, cap, "norm_add"); return;
    case MLCI_CALL_SIMPLE:
        snprintf(buf, cap, "%s", mlci_op_names[m->nodes[c->node].op]);
        return;
    case MLCI_CALL_MATMUL: break;
    }
    n = (size_t)snprintf(buf, cap, "matmul[%s%s", c->take != 0 ? "take, " : "",
                         c->gain != 0 ? "norm; " : "");
    for (uint32_t i = 0; i < c->n_segments && n < cap; i++)
        n += (size_t)snprintf(buf + n, cap - n, "%s%s", i > 0 ? " + " : "",
                              ds_format(m, c->segments[i].weight));
    if (n < cap)
        n += (size_t)snprintf(buf + n, cap - n, "; %s", c->epilogue == MLCI_EPI_GATED
                              ? c->gelu ? "gelu gate" : "silu gate"
                              : epilogues[c->epilogue]);
    for (uint32_t i = 0; i < c->n_segments && n < cap; i++)
        if (c->segments[i].head_gain != 0 || c->segments[i].table != 0) {
            n += (size_t)snprintf(buf + n, cap - n, ":%s%s, append",
                                  c->segments[i].head_gain != 0 ? " norm," : "",
                                  c->segments[i].table != 0 ? " rope" : "");
            break;
        }
    if (n < cap)
        snprintf(buf + n, cap - n, c->scale != 0 ? ", soft cap]" : "]");
}

uint64_t mlci_call_weight_bytes(const mlci_module *m, const mlci_call *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->n_segments; i++) {
        const mlci_tensor *t = m->nodes[c->segments[i].weight].tensor;

        sum += c->kind == MLCI_CALL_EMBED ? t->n_bytes / t->dims[0] : t->n_bytes;
    }
    return sum;
}
