/* SPDX-License-Identifier: Apache-2.0
 *
 * group.c - groups of nodes: joining them, and putting them in order.
 */
#include "pass.h"

#include <string.h>

/* Would a and b, as one, need a value that is computed from their own?  Mark
 * every group outside that does, until nothing changes. */
static bool gp_cycle(const mlci_module *m, uint32_t a, uint32_t b, uint8_t *marks)
{
    /* Only what lies between their first and last members can be in the way. */
    const uint32_t end = m->nodes[a].last > m->nodes[b].last ? m->nodes[a].last
                                                             : m->nodes[b].last;
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t i = a; i <= end; i++) {
            uint32_t g = m->nodes[i].group;
            bool inside = g == a || g == b;

            for (int k = 0; k < MLCI_MAX_INPUTS; k++) {
                uint32_t in = m->nodes[i].inputs[k], from = m->nodes[in].group;

                if (in == 0)
                    continue;
                if (inside && marks[from])
                    return true;
                if (!inside && !marks[g] && (from == a || from == b || marks[from])) {
                    marks[g] = 1;
                    changed = true;
                }
            }
        }
    }
    return false;
}

static bool gp_in(const mlci_module *m, uint32_t node, uint32_t a, uint32_t b)
{
    return m->nodes[node].group == a || m->nodes[node].group == b;
}

bool mlci_one_kernel(mlci_module *m, uint32_t x, uint32_t y)
{
    const uint32_t a = m->nodes[x].group, b = m->nodes[y].group;
    const uint32_t first = a < b ? a : b;
    const uint32_t end = m->nodes[a].last > m->nodes[b].last ? m->nodes[a].last : m->nodes[b].last;
    uint32_t nodes[MLCI_FUSE_NODES], n = 0;
    mlci_use use;

    for (uint32_t i = first; i <= end; i++) {
        if (!gp_in(m, i, a, b))
            continue;
        if (n == MLCI_FUSE_NODES || (i != end && mlci_leaves(m, i, a, b)))
            return false;
        nodes[n++] = i;
    }
    return mlci_can_fuse(m, nodes, n, end, &use);
}

bool mlci_join(mlci_module *m, uint32_t x, uint32_t y)
{
    uint32_t a = m->nodes[x].group, b = m->nodes[y].group;
    uint8_t *marks;
    bool cycle;

    if (a == b)
        return true;
    /* Templates take more than one kernel can; without them that is the limit. */
    if (m->target != MLCI_TARGET_CPU && !mlci_one_kernel(m, a, b))
        return false;
    if (b < a) {
        uint32_t t = a;

        a = b;
        b = t;
    }
    marks = mlci_new(m->arena->ctx, m->n_nodes, 1);
    if (marks == NULL) {
        mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
        return false;
    }
    cycle = gp_cycle(m, a, b, marks);
    mlci_delete(m->arena->ctx, marks, m->n_nodes, 1);
    if (cycle)
        return false;
    for (uint32_t i = b; i <= m->nodes[b].last; i++)
        if (m->nodes[i].group == b)
            m->nodes[i].group = a;
    m->nodes[a].last = m->nodes[b].last > m->nodes[a].last ? m->nodes[b].last : m->nodes[a].last;
    return true;
}

uint32_t mlci_own_decode(const mlci_module *m, uint32_t node)
{
    const mlci_node *n = &m->nodes[node], *w = &m->nodes[n->inputs[1]];

    return (n->pattern == MLCI_OUT_FUSIBLE || n->op == MLCI_OP_EMBED)
        && w->pattern <= MLCI_INJECTIVE && w->op == MLCI_OP_DECODE && w->n_uses == 1
         ? n->inputs[1] : 0;
}

uint32_t mlci_group_matmul(const mlci_module *m, uint32_t node)
{
    const uint32_t g = m->nodes[node].group;

    for (uint32_t i = g; i <= m->nodes[g].last; i++)
        if (m->nodes[i].pattern == MLCI_OUT_FUSIBLE && m->nodes[i].group == g)
            return i;
    return 0;
}

/* Kahn's algorithm over groups, the group whose last member comes first in the
 * list being taken first. */
mlc_status mlci_group_order(mlci_module *m, uint32_t *order, size_t *n)
{
    uint8_t *done = mlci_arena_new(m->arena, m->n_nodes, 1);
    uint32_t *last = mlci_arena_new(m->arena, m->n_nodes, sizeof *last);
    size_t groups = 0;

    *n = 0;
    if (done == NULL || last == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        if (mlci_source_node(&m->nodes[i])) {
            done[m->nodes[i].group] = 1;
            continue;
        }
        groups += last[m->nodes[i].group] == 0;
        last[m->nodes[i].group] = i;
    }
    while (*n < groups) {
        size_t before = *n;

        for (uint32_t i = 1; i < m->n_nodes; i++) {
            uint32_t g = m->nodes[i].group;
            bool ready = last[g] == i && !done[g];

            for (uint32_t k = g; k <= i && ready; k++)
                for (int s = 0; s < MLCI_MAX_INPUTS; s++) {
                    uint32_t from = m->nodes[m->nodes[k].inputs[s]].group;

                    if (m->nodes[k].group == g && m->nodes[k].inputs[s] != 0)
                        ready = ready && (from == g || done[from]);
                }
            if (ready) {
                done[g] = 1;
                order[(*n)++] = i;
            }
        }
        if (*n == before)
            return mlci_tir_fail(&m->tir, MLC_EINVAL, "groups depend on each other");
    }
    return m->tir.status;
}
