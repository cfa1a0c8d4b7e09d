/* SPDX-License-Identifier: Apache-2.0
 *
 * call.c - a group as a call.
 *
 * On the CPU a group with a contraction becomes a call of the matmul template: what
 * comes before the products is one kernel over rows (its prologue), what becomes of
 * each product, or of two together, one kernel over a tile (its epilogues).  Any
 * other group, and on a GPU every group, becomes one generated kernel or one of the
 * few library calls.
 */
#include "pass.h"

#include <stdio.h>
#include <string.h>

enum { CA_MEMBERS = 64 };

typedef struct ca_group {
    mlci_module *m;
    uint32_t members[CA_MEMBERS];  /* computing nodes, in order                 */
    uint32_t n;
} ca_group;

static bool ca_collect(mlci_module *m, uint32_t last, ca_group *g)
{
    g->m = m;
    g->n = 0;
    for (uint32_t i = m->nodes[last].group; i <= last; i++) {
        if (m->nodes[i].group != m->nodes[last].group)
            continue;
        if (g->n == CA_MEMBERS)
            return false;
        g->members[g->n++] = i;
    }
    return true;
}

static const mlci_node *ca_node(const ca_group *g, uint32_t i) { return &g->m->nodes[i]; }

static bool ca_inside(const ca_group *g, uint32_t node)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (g->members[i] == node)
            return true;
    return false;
}

static uint32_t ca_dim(const mlci_module *m, mlci_dim d)
{
    int64_t v = 0;

    (void)mlci_dim_known(&m->dims, d, &v);
    return (uint32_t)v;
}

/* Members that the node is computed from, itself included, down to products (which
 * stay outside), in order. */
static uint32_t ca_chain(const ca_group *g, uint32_t node, uint32_t *list)
{
    bool wanted[CA_MEMBERS] = { false };
    uint32_t n = 0;

    for (uint32_t i = g->n; i-- > 0;) {
        uint32_t id = g->members[i];

        if (ca_node(g, id)->pattern == MLCI_OUT_FUSIBLE)
            continue;
        wanted[i] = id == node;
        for (uint32_t k = i + 1; k < g->n && !wanted[i]; k++)
            wanted[i] = wanted[k] && mlci_reads(ca_node(g, g->members[k]), id);
    }
    for (uint32_t i = 0; i < g->n; i++)
        if (wanted[i])
            list[n++] = g->members[i];
    return n;
}

/* ---- calls without a product ------------------------------------------------------- */

static bool ca_library(const ca_group *g, mlci_call *c)
{
    const mlci_node *n = ca_node(g, g->members[0]);

    static const struct { mlci_op op; mlci_call_kind kind; } table[] = {
        { MLCI_OP_ATTENTION, MLCI_CALL_ATTENTION }, { MLCI_OP_KV_APPEND, MLCI_CALL_APPEND },
        { MLCI_OP_DECODE, MLCI_CALL_DECODE }, { MLCI_OP_ALL_REDUCE, MLCI_CALL_REDUCE },
        { MLCI_OP_ALL_GATHER, MLCI_CALL_GATHER }, { MLCI_OP_TOP_K, MLCI_CALL_TOP_K },
        { MLCI_OP_CHOSEN, MLCI_CALL_CHOSEN }, { MLCI_OP_EXPERTS, MLCI_CALL_EXPERTS },
        { MLCI_OP_PER_HEAD, MLCI_CALL_EXPERTS },
    };
    size_t i = 0;

    while (i < sizeof table / sizeof *table && table[i].op != n->op)
        i++;
    if (g->n != 1 || i == sizeof table / sizeof *table
        || (n->op == MLCI_OP_DECODE && g->m->target != MLCI_TARGET_CPU))
        return false;
    c->kind = table[i].kind;
    c->x = n->inputs[0];
    c->y = n->inputs[1];
    c->out = n->op == MLCI_OP_KV_APPEND ? 0 : g->members[0];
    c->scale = n->scale;
    c->cap = n->factor;
    c->pool = n->pool;
    c->layer = n->layer;
    c->window = n->window;
    if (c->kind == MLCI_CALL_EXPERTS) {
        const bool heads = n->op == MLCI_OP_PER_HEAD;
        const uint32_t w = n->inputs[heads ? 1 : 2];

        c->y = heads ? 0 : c->y;
        c->n_segments = 1;
        c->segments[0] = (mlci_segment){ w, c->out, ca_dim(g->m, n->type.dims[heads ? 2 : 1]) };
        c->columns = ca_dim(g->m, g->m->nodes[w].type.dims[1]);
    }
    return true;
}

/* Rows of a table, looked up where they are stored, then a kernel over each. */
static bool ca_embed(const ca_group *g, mlci_call *c)
{
    uint32_t embed = 0, rest[CA_MEMBERS], n = 0;

    for (uint32_t i = 0; i < g->n; i++)
        if (ca_node(g, g->members[i])->op == MLCI_OP_EMBED)
            embed = g->members[i];
    if (embed == 0)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        if (g->members[i] > embed)
            rest[n++] = g->members[i];
    if (g->n != n + (ca_inside(g, ca_node(g, embed)->inputs[1]) ? 2u : 1u))
        return false;
    c->kind = MLCI_CALL_EMBED;
    c->x = ca_node(g, embed)->inputs[0];
    c->y = ca_node(g, embed)->inputs[1];
    if (ca_inside(g, c->y)) {
        c->n_segments = 1;
        c->segments[0].weight = ca_node(g, c->y)->inputs[0];
        c->y = 0;
    }
    c->columns = ca_dim(g->m, ca_node(g, embed)->type.dims[1]);
    c->out = g->members[g->n - 1];
    return n == 0 || mlci_fuse(g->m, rest, n, c->out, &c->kernel);
}

/* Stored blocks are the templates' on the CPU, whose weights lie in panels. */
static bool ca_kernel(const ca_group *g, mlci_call *c)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (ca_node(g, g->members[i])->op == MLCI_OP_DECODE && g->m->target == MLCI_TARGET_CPU)
            return false;
    c->kind = MLCI_CALL_KERNEL;
    c->out = g->members[g->n - 1];
    return g->n <= MLCI_FUSE_NODES
        && mlci_fuse(g->m, g->members, g->n, c->out, &c->kernel);
}

/* ---- matmul --------------------------------------------------------------------------- */

/* The products and their weights. */
static bool ca_segments(const ca_group *g, mlci_call *c, uint32_t *x)
{
    *x = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        const mlci_node *n = ca_node(g, g->members[i]), *w = ca_node(g, n->inputs[1]);
        mlci_segment *s = &c->segments[c->n_segments];

        if (n->pattern != MLCI_OUT_FUSIBLE)
            continue;
        if (c->n_segments == MLCI_MAX_SEGMENTS || w->op != MLCI_OP_DECODE
            || !ca_inside(g, n->inputs[1]) || (*x != 0 && n->inputs[0] != *x))
            return false;
        *x = n->inputs[0];
        s->weight = w->inputs[0];
        s->product = g->members[i];
        s->rows = ca_dim(g->m, n->type.dims[1]);
        c->n_segments++;
    }
    return *x != 0;
}

static bool ca_prologue(const ca_group *g, mlci_call *c, uint32_t x)
{
    uint32_t list[CA_MEMBERS], n;

    c->x = x;
    c->columns = ca_dim(g->m, ca_node(g, x)->type.dims[1]);
    if (!ca_inside(g, x))
        return true;
    n = ca_chain(g, x, list);
    return n <= MLCI_FUSE_NODES && mlci_fuse(g->m, list, n, x, &c->kernel);
}

/* What ends at `value`: the kernel from the products to it.  A chain of nothing but
 * new shapes is the products' own bytes. */
static bool ca_epilogue(const ca_group *g, mlci_call *c, uint32_t value, mlci_sink sink)
{
    mlci_epilogue *e = &c->epilogues[c->n_epilogues];
    uint32_t list[CA_MEMBERS], n = 0, seen = 0;
    bool plain = true;

    if (c->n_epilogues == MLCI_MAX_SEGMENTS)
        return false;
    if (ca_node(g, value)->pattern != MLCI_OUT_FUSIBLE)
        n = ca_chain(g, value, list);
    for (uint32_t i = 0; i < n; i++)
        plain = plain && ca_node(g, list[i])->op == MLCI_OP_RESHAPE;
    e->out = value;
    e->sink = sink;
    e->head_dim = ca_node(g, value)->type.rank == 3
                ? ca_dim(g->m, ca_node(g, value)->type.dims[2]) : 0;
    for (uint32_t s = 0; s < c->n_segments; s++) {
        bool used = c->segments[s].product == value;

        for (uint32_t i = 0; i < n; i++)
            used = used || mlci_reads(ca_node(g, list[i]), c->segments[s].product);
        if (!used)
            continue;
        if (seen == 0)
            e->first = s;
        else if (s != e->first + seen || c->segments[s].rows != c->segments[e->first].rows)
            return false;
        seen++;
    }
    e->n = seen;
    c->n_epilogues++;
    if (seen == 0 || seen > 2 || (seen == 2 && e->head_dim != 0))
        return false;
    if (plain)
        return seen == 1;
    return n <= MLCI_FUSE_NODES && mlci_fuse(g->m, list, n, value, &e->use)
        && mlci_program_tiled(&g->m->tir, e->use.program);
}

static bool ca_matmul(const ca_group *g, mlci_call *c)
{
    uint32_t x, covered = 0;

    c->kind = MLCI_CALL_MATMUL;
    if (!ca_segments(g, c, &x) || !ca_prologue(g, c, x))
        return false;
    for (uint32_t i = 0; i < g->n; i++) {
        const mlci_node *n = ca_node(g, g->members[i]);

        if (n->op == MLCI_OP_KV_APPEND) {
            c->pool = n->pool;
            c->layer = n->layer;
            if (!ca_epilogue(g, c, n->inputs[0], MLCI_SINK_KEY)
                || !ca_epilogue(g, c, n->inputs[1], MLCI_SINK_VALUES))
                return false;
        } else if (mlci_escapes(g->m, g->members[i])) {
            if (!ca_epilogue(g, c, g->members[i], MLCI_SINK_VALUE))
                return false;
            c->out = g->members[i];
        }
    }
    /* Every product ends in exactly one place. */
    for (uint32_t i = 0; i < c->n_epilogues; i++)
        for (uint32_t s = 0; s < c->epilogues[i].n; s++) {
            if (covered & 1u << (c->epilogues[i].first + s))
                return false;
            covered |= 1u << (c->epilogues[i].first + s);
        }
    return covered == (1u << c->n_segments) - 1;
}

/* ---- any group --------------------------------------------------------------------------- */

bool mlci_group_call(mlci_module *m, uint32_t last, mlci_call *c)
{
    static bool (*const matchers[])(const ca_group *, mlci_call *) = {
        ca_library, ca_embed, ca_matmul, ca_kernel,
    };
    const mlci_call none = { .node = last };
    ca_group g;

    if (!ca_collect(m, last, &g))
        return false;
    for (size_t i = 0; i < sizeof matchers / sizeof *matchers; i++) {
        /* Templates are the CPU's. */
        if (m->target != MLCI_TARGET_CPU && (matchers[i] == ca_embed || matchers[i] == ca_matmul))
            continue;
        *c = none;
        if (matchers[i](&g, c))
            return true;
    }
    return false;
}

/* ---- printing ------------------------------------------------------------------------------ */

/* The definitions that a call was made of, from its nodes; a template's products and
 * decoding go without saying. */
static void ca_print_chain(const mlci_module *m, const mlci_call *c, mlci_buf *b)
{
    const uint32_t group = m->nodes[c->node].group;
    const char *comma = "";

    for (uint32_t i = group; i <= c->node; i++) {
        const mlci_node *n = &m->nodes[i];
        bool implied = c->kind != MLCI_CALL_KERNEL
            && (n->pattern == MLCI_OUT_FUSIBLE || n->op == MLCI_OP_DECODE
                || n->op == MLCI_OP_EMBED);

        if (n->group == group && n->program != NULL && n->op != MLCI_OP_RESHAPE && !implied) {
            mlci_buf_format(b, "%s%s", comma, n->program->name);
            comma = ", ";
        }
    }
}

void mlci_call_print(const mlci_module *m, const mlci_call *c, mlci_buf *b)
{
    static const char *const kinds[] = { "kernel", "matmul", "embed", "decode", "kv_append",
                                         "attention", "all_reduce", "all_gather", "top_k", "chosen",
                                         "experts" };

    mlci_buf_text(b, kinds[c->kind]);
    if (c->kind == MLCI_CALL_ATTENTION && c->window > 0)
        mlci_buf_format(b, "[window %u]", c->window);
    if (c->kind != MLCI_CALL_KERNEL && c->kind != MLCI_CALL_MATMUL && c->kind != MLCI_CALL_EMBED
        && c->kind != MLCI_CALL_EXPERTS)
        return;
    mlci_buf_char(b, '[');
    for (uint32_t i = 0; i < c->n_segments; i++)
        mlci_buf_format(b, "%s%s", i > 0 ? " + " : "",
                        mlci_format_table[m->nodes[c->segments[i].weight].tensor->format].name);
    mlci_buf_text(b, c->n_segments > 0 ? "; " : "");
    ca_print_chain(m, c, b);
    mlci_buf_char(b, ']');
    if (c->kernel.program != NULL)
        mlci_buf_format(b, " %s %016llx", c->kind == MLCI_CALL_MATMUL ? "rows" : "k",
                        (unsigned long long)c->kernel.hash);
    for (uint32_t i = 0; i < c->n_epilogues; i++)
        if (c->epilogues[i].use.program != NULL)
            mlci_buf_format(b, " tile %016llx", (unsigned long long)c->epilogues[i].use.hash);
}

/* Stored bytes of this rank's part. */
static uint64_t ca_stored(const mlci_node *n)
{
    const mlci_tensor *t = n->tensor;

    return n->slice.n == 0 ? t->n_bytes : t->n_bytes / t->dims[n->slice.axis] * n->slice.n;
}

uint64_t mlci_call_weight_bytes(const mlci_module *m, const mlci_call *c)
{
    bool rows = c->kind == MLCI_CALL_EMBED;
    uint64_t sum = 0;

    if (c->kind == MLCI_CALL_EXPERTS) {
        const mlci_node *w = &m->nodes[c->segments[0].weight];

        return c->y == 0 ? ca_stored(w)
                         : ca_stored(w) / w->units * ca_dim(m, m->nodes[c->y].type.dims[1]);
    }
    for (uint32_t i = m->nodes[c->node].group; i <= c->node; i++)
        rows = rows || (m->nodes[i].group == m->nodes[c->node].group
                        && m->nodes[i].op == MLCI_OP_EMBED);
    for (uint32_t i = 0; i < c->n_segments + c->kernel.n_data; i++) {
        const mlci_node *n = &m->nodes[i < c->n_segments ? c->segments[i].weight
                                                         : c->kernel.data[i - c->n_segments]];

        if (n->op == MLCI_OP_WEIGHT)
            sum += rows ? n->tensor->n_bytes / n->tensor->dims[0] : ca_stored(n);
    }
    return sum;
}
