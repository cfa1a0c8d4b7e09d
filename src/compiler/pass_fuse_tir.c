/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_fuse_tir.c - the loops of each group become those of one call: its programs
 * are merged, what needs no loop is computed in place, the rest is scheduled.
 *
 * Grouping says what may be computed together; here it is.  A group that cannot be
 * scheduled, or for which there is no kernel, is left for dispatch to take apart.
 */
#include "pass.h"

static uint32_t fr_members(const mlci_module *m, uint32_t last)
{
    uint32_t n = 0;

    for (uint32_t i = m->nodes[last].group; i <= last; i++)
        n += m->nodes[i].group == m->nodes[last].group;
    return n;
}

mlc_status mlci_pass_fuse_tir(mlci_module *m, mlci_plan *plan)
{
    uint32_t *order = mlci_arena_new(m->arena, m->n_nodes, sizeof *order);
    mlci_call call;
    size_t n;

    plan->fused = mlci_arena_new(m->arena, m->n_nodes, sizeof *plan->fused);
    if (order == NULL || plan->fused == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    if (mlci_group_order(m, order, &n) != MLC_OK)
        return m->tir.status;
    for (size_t i = 0; i < n && m->tir.status == MLC_OK; i++) {
        uint32_t group = m->nodes[order[i]].group;

        if (fr_members(m, order[i]) < 2 || !mlci_group_call(m, order[i], &call))
            continue;
        plan->fused[group] = mlci_arena_new(m->arena, 1, sizeof call);
        if (plan->fused[group] == NULL)
            return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
        *plan->fused[group] = call;
    }
    return m->tir.status;
}
