/* SPDX-License-Identifier: Apache-2.0
 *
 * fuse.c - several nodes of the graph as one scheduled tensor program, and what its
 * arguments are.
 *
 * Layers repeat: the same programs wired the same way give the same kernel, so the
 * work is done once for each pattern of wiring and found again by it.
 */
#include "pass.h"

#include <string.h>

enum { FU_MAX_INPUTS = MLCI_MAX_INPUTS };

/* Nodes by their programs, and where each operand comes from: 1 + i is the i-th
 * node of the group, FU_OUTSIDE + i the i-th value from outside. */
typedef struct fu_wiring {
    const mlci_program *programs[MLCI_FUSE_NODES];
    uint32_t inputs[MLCI_FUSE_NODES][FU_MAX_INPUTS];
    uint32_t n, result;
} fu_wiring;

enum { FU_OUTSIDE = 1000 };

struct mlci_fused {
    struct mlci_fused *next;
    fu_wiring     wiring;
    mlci_program *program;      /* scheduled; NULL: cannot be                   */
    mlci_symbols  symbols;
    uint64_t      hash;
    uint32_t      values[MLCI_MAX_BUFFERS], sources[MLCI_MAX_BUFFERS];
};

static uint32_t fu_find(uint32_t *list, uint32_t *n, uint32_t cap, uint32_t node)
{
    uint32_t i = 0;

    while (i < *n && list[i] != node)
        i++;
    if (i == *n && *n < cap)
        list[(*n)++] = node;
    return i;
}

static bool fu_wire(const mlci_module *m, const uint32_t *nodes, uint32_t n, uint32_t result,
                    fu_wiring *w, uint32_t *outside, uint32_t *n_outside)
{
    memset(w, 0, sizeof *w);
    w->n = n;
    *n_outside = 0;
    for (uint32_t i = 0; i < n; i++) {
        const mlci_node *node = &m->nodes[nodes[i]];

        w->programs[i] = node->program;
        if (node->program == NULL)
            return false;
        if (nodes[i] == result)
            w->result = i;
        for (uint32_t k = 0; k < FU_MAX_INPUTS && node->inputs[k] != 0; k++) {
            uint32_t own = 0;

            while (own < i && nodes[own] != node->inputs[k])
                own++;
            w->inputs[i][k] = own < i ? 1 + own
                : FU_OUTSIDE + fu_find(outside, n_outside, MLCI_MAX_BUFFERS, node->inputs[k]);
        }
    }
    return true;
}

static void fu_build(mlci_module *m, struct mlci_fused *f)
{
    mlci_part parts[MLCI_FUSE_NODES];
    const fu_wiring *w = &f->wiring;
    uint32_t out = 1 + w->result;
    mlci_merged merged;

    memset(parts, 0, sizeof parts);
    for (uint32_t i = 0; i < w->n; i++) {
        const mlci_program *p = w->programs[i];
        uint32_t at = 0;

        parts[i].program = p;
        for (uint32_t k = 0; k < p->n_params; k++)
            if (p->buffers[k].place != MLCI_SCALAR && at < FU_MAX_INPUTS)
                parts[i].values[k] = w->inputs[i][at++];
        parts[i].values[p->n_params] = 1 + i;
        if (p->n_outs != 1)
            return;
    }
    if (!mlci_tir_merge(&m->tir, "fused", parts, w->n, &out, 1, &merged))
        return;
    f->program = mlci_tir_schedule(&m->tir, merged.program, m->target);
    if (f->program == NULL
        || mlci_program_signature(&m->tir, f->program, &f->hash, &f->symbols) == NULL)
        return;
    memcpy(f->values, merged.values, sizeof f->values);
    memcpy(f->sources, merged.sources, sizeof f->sources);
}

/* Indices that grow too long when one is put into another: these programs are not
 * merged, and nothing is wrong. */
static void fu_forgive(mlci_module *m, struct mlci_fused *f)
{
    if (!m->dims.failed || m->dims.no_memory)
        return;
    m->dims.failed = false;
    m->tir.status = MLC_OK;
    f->program = NULL;
}

static struct mlci_fused *fu_lookup(mlci_module *m, const fu_wiring *w)
{
    struct mlci_fused *f = m->fused;

    while (f != NULL && memcmp(&f->wiring, w, sizeof *w) != 0)
        f = f->next;
    if (f != NULL)
        return f;
    f = mlci_arena_new(m->arena, 1, sizeof *f);
    if (f == NULL) {
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
        return NULL;
    }
    f->wiring = *w;
    fu_build(m, f);
    fu_forgive(m, f);
    if (m->tir.status != MLC_OK)
        return NULL;
    f->next = m->fused;
    m->fused = f;
    return f;
}

/* The attribute that a program's parameter stands for. */
static float fu_scalar(const mlci_node *n, uint32_t param)
{
    return mlci_program_scalar(n->program, param) == 0 ? n->scale : n->factor;
}

/* The shape of stored blocks as their decoder sees them: rows, blocks, bytes. */
static void fu_stored(mlci_module *m, const mlci_node *n, mlci_dim dims[MLCI_MAX_RANK])
{
    const mlci_format_info *f = &mlci_format_table[n->tensor->format];
    int64_t columns = 0;

    (void)mlci_dim_known(&m->dims, n->type.dims[1], &columns);
    dims[1] = mlci_dim_const(&m->dims, columns / f->block_items);
    dims[2] = mlci_dim_const(&m->dims, f->block_bytes);
}

/* The use's arguments: nodes for buffers, attributes for scalars, sizes. */
static bool fu_arguments(mlci_module *m, const struct mlci_fused *f, const uint32_t *nodes,
                         const uint32_t *outside, mlci_use *u)
{
    const mlci_program *p = f->program;
    mlci_dim dims[MLCI_MAX_BUFFERS][MLCI_MAX_RANK];

    for (uint32_t i = 0; i < p->n_params + p->n_outs; i++) {
        uint32_t v = f->values[i], node;

        if (p->buffers[i].place == MLCI_SCALAR) {
            if (u->n_scalars == MLCI_USE_SCALARS)
                return false;
            u->scalars[u->n_scalars++] = fu_scalar(&m->nodes[nodes[f->sources[i] >> 8]],
                                                   f->sources[i] & 255);
            continue;
        }
        node = v >= FU_OUTSIDE ? outside[v - FU_OUTSIDE] : nodes[v - 1];
        if (u->n_data == MLCI_USE_BUFFERS)
            return false;
        memcpy(dims[u->n_data], m->nodes[node].type.dims, sizeof *dims);
        if (m->nodes[node].type.dtype == MLCI_DT_STORED)
            fu_stored(m, &m->nodes[node], dims[u->n_data]);
        u->data[u->n_data++] = node;
    }
    u->n_sizes = f->symbols.n;
    return u->n_sizes <= MLCI_USE_SIZES
        && mlci_program_bind(&m->tir, p, &f->symbols, (const mlci_dim (*)[MLCI_MAX_RANK])dims,
                             u->sizes);
}

bool mlci_can_fuse(mlci_module *m, const uint32_t *nodes, uint32_t n, uint32_t result,
                   mlci_use *use)
{
    uint32_t outside[MLCI_MAX_BUFFERS], n_outside;
    struct mlci_fused *f;
    fu_wiring w;

    memset(use, 0, sizeof *use);
    if (n == 0 || n > MLCI_FUSE_NODES || m->tir.status != MLC_OK
        || !fu_wire(m, nodes, n, result, &w, outside, &n_outside))
        return false;
    f = fu_lookup(m, &w);
    if (f == NULL || f->program == NULL)
        return false;
    use->program = f->program;
    use->hash = f->hash;
    use->out = result;
    return fu_arguments(m, f, nodes, outside, use);
}

bool mlci_fuse(mlci_module *m, const uint32_t *nodes, uint32_t n, uint32_t result, mlci_use *use)
{
    return mlci_can_fuse(m, nodes, n, result, use)
        && (m->has_kernel == NULL || m->has_kernel(m->catalogue, use->hash));
}
