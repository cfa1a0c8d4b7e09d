/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_dispatch.c - groups become calls, and in which of several ways a call is
 * carried out for the rows of a step.
 *
 * A group that fuse_tir could not make one call of, or for which the catalogue
 * lacks a kernel, is taken apart and its members are called one by one.
 */
#include "pass.h"

/* ---- ways ------------------------------------------------------------------------------ */

/* The first line that fits; most rows ascend. */
static const struct {
    mlci_call_kind kind;
    mlci_target    target;
    uint32_t       most_rows;
    mlci_way       way;
} ds_ways[] = {
    /* One or two rows: preparing them on every thread costs less than a barrier. */
    { MLCI_CALL_MATMUL, MLCI_TARGET_CPU, 2, MLCI_WAY_ALONE },
    { MLCI_CALL_MATMUL, MLCI_TARGET_CPU, UINT32_MAX, MLCI_WAY_SHARED },
    /* Few rows leave threads idle unless the context is shared out as well. */
    { MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, 4, MLCI_WAY_CHUNKS },
    { MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, UINT32_MAX, MLCI_WAY_TILES },
};

const char *const mlci_way_names[MLCI_WAY_COUNT] = {
    "rows in order", "every thread prepares the rows", "rows prepared once",
    "chunks of the context", "tiles of queries",
};

mlci_way mlci_call_way(mlci_call_kind kind, mlci_target target, uint32_t rows,
                       uint32_t *most_rows)
{
    for (size_t i = 0; i < sizeof ds_ways / sizeof *ds_ways; i++)
        if (ds_ways[i].kind == kind && ds_ways[i].target == target
            && rows <= ds_ways[i].most_rows) {
            *most_rows = ds_ways[i].most_rows;
            return ds_ways[i].way;
        }
    *most_rows = UINT32_MAX;
    return MLCI_WAY_ONLY;
}

/* ---- the pass ---------------------------------------------------------------------------- */

static bool ds_fused(const mlci_plan *plan, uint32_t group)
{
    return plan->fused != NULL && plan->fused[group] != NULL;
}

static void ds_alone(mlci_module *m, uint32_t node)
{
    m->nodes[node].group = m->nodes[node].last = node;
}

/* A product, or a look-up, keeps its decoding: decoded weights are large. */
static void ds_keep_decode(mlci_module *m, mlci_plan *plan, uint32_t node)
{
    const uint32_t weights = mlci_own_decode(m, node);
    mlci_call call;

    if (plan->fused == NULL || weights == 0 || m->nodes[weights].group != weights
        || !mlci_join(m, node, weights))
        return;
    plan->fused[weights] = NULL;
    if (mlci_group_call(m, node, &call))
        plan->fused[weights] = mlci_arena_new(m->arena, 1, sizeof call);
    if (plan->fused[weights] != NULL) {
        *plan->fused[weights] = call;
    } else {
        ds_alone(m, node);
        ds_alone(m, weights);
    }
}

/* Groups that are not one call fall apart into their members. */
static void ds_split(mlci_module *m, mlci_plan *plan, const uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t group = m->nodes[order[i]].group;
        uint32_t members[64], n_members = 0;

        if (ds_fused(plan, group) || group == order[i])
            continue;
        for (uint32_t k = group; k <= order[i]; k++)
            if (m->nodes[k].group == group) {
                ds_alone(m, k);
                if (n_members < sizeof members / sizeof *members)
                    members[n_members++] = k;
            }
        for (uint32_t k = 0; k < n_members; k++)
            ds_keep_decode(m, plan, members[k]);
    }
}

mlc_status mlci_pass_dispatch(mlci_module *m, mlci_plan *plan)
{
    uint32_t *order = mlci_arena_new(m->arena, m->n_nodes, sizeof *order);
    size_t n;

    if (order == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    if (mlci_group_order(m, order, &n) != MLC_OK)
        return m->tir.status;
    ds_split(m, plan, order, n);
    if (mlci_group_order(m, order, &n) != MLC_OK)
        return m->tir.status;
    plan->calls = mlci_arena_new(m->arena, n, sizeof *plan->calls);
    if (plan->calls == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: plan");
    for (size_t i = 0; i < n && m->tir.status == MLC_OK; i++) {
        uint32_t group = m->nodes[order[i]].group;

        if (ds_fused(plan, group))
            plan->calls[plan->n_calls] = *plan->fused[group];
        else if (m->nodes[order[i]].op == MLCI_OP_RESHAPE)
            continue;  /* the same bytes: nothing to do */
        else if (!mlci_group_call(m, order[i], &plan->calls[plan->n_calls]))
            return mlci_tir_fail(&m->tir, MLC_EINVAL, "no kernel for node %u (%s)", order[i],
                                 mlci_op_names[m->nodes[order[i]].op]);
        plan->n_calls++;
    }
    return m->tir.status;
}
