/* SPDX-License-Identifier: Apache-2.0
 *
 * passes.c - the list of passes, and the verifier that runs between them.
 */
#include "pass.h"

#include <string.h>

const mlci_pass mlci_pass_table[] = {
    { "shard", "each rank gets its part of the weights", false, mlci_pass_shard },
    { "legalize", "operators get their tensor programs", false, mlci_pass_legalize },
    { "fold", "what depends on constants alone is computed once", false, mlci_pass_fold },
    { "common", "what is computed twice is computed once", true, mlci_pass_common },
    { "dead", "what nobody needs is not computed", true, mlci_pass_dead },
    { "merge", "products of the same value become one", true, mlci_pass_merge },
    { "decode", "weights are decoded inside the product", true, mlci_pass_decode },
    { "epilogue", "bias, residual, gate, rope and append after it", true, mlci_pass_epilogue },
    { "prologue", "row selection and norm before it", true, mlci_pass_prologue },
    { "fuse_ops", "what is left between products, by pattern", true, mlci_pass_fuse_ops },
    { "fuse_tir", "the loops of a group become those of one call", true, mlci_pass_fuse_tir },
    { "dispatch", "groups become kernel calls", false, mlci_pass_dispatch },
    { "memory", "values get places", false, mlci_pass_memory },
};

const size_t mlci_pass_count = sizeof mlci_pass_table / sizeof *mlci_pass_table;

/* What every pass must keep: inputs come before their users, groups are named
 * after their first member, and groups can be computed one after another. */
static mlc_status ps_verify(mlci_module *m, const mlci_pass *pass)
{
    uint32_t *order = mlci_arena_new(m->arena, m->n_nodes, sizeof *order);
    size_t n;

    if (order == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        const mlci_node *node = &m->nodes[i];

        bool ordered = node->group <= i && m->nodes[node->group].group == node->group;

        for (int k = 0; k < MLCI_MAX_INPUTS; k++)
            ordered = ordered && node->inputs[k] < i;
        if (!ordered)
            return mlci_tir_fail(&m->tir, MLC_EINVAL, "pass %s left node %u in disorder",
                                    pass->name, i);
    }
    return mlci_group_order(m, order, &n);
}

bool mlci_pass_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (; list != NULL && *list != 0; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == n && memcmp(list, name, n) == 0)
            return true;
    return false;
}

mlc_status mlci_compile(mlci_module *m, const char *without, mlci_plan *plan,
                        mlci_trace_fn *trace, void *user)
{
    memset(plan, 0, sizeof *plan);
    if (trace != NULL)
        trace(user, NULL, m, plan);
    for (size_t i = 0; i < mlci_pass_count && m->tir.status == MLC_OK; i++) {
        const mlci_pass *p = &mlci_pass_table[i];

        if (p->optional && mlci_pass_listed(without, p->name))
            continue;
        if (p->run(m, plan) == MLC_OK)
            ps_verify(m, p);
        if (trace != NULL && m->tir.status == MLC_OK)
            trace(user, p, m, plan);
    }
    return m->tir.status;
}
