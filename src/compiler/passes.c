/* SPDX-License-Identifier: Apache-2.0
 *
 * passes.c - the list of passes, and the verifier that runs between them.
 */
#include "pass.h"

#include <string.h>

const mlci_pass mlci_pass_table[] = {
    { "merge", "products of the same value become one", mlci_pass_merge },
    { "decode", "weights are decoded inside the product", mlci_pass_decode },
    { "prologue", "row selection and norm before a product", mlci_pass_prologue },
    { "epilogue", "bias, residual, gate, rope and append after it", mlci_pass_epilogue },
    { "rows", "norm and add, scale after embedding", mlci_pass_rows },
    { "dispatch", "groups become kernel calls", mlci_pass_dispatch },
    { "memory", "values get places", mlci_pass_memory },
};

const size_t mlci_pass_count = sizeof mlci_pass_table / sizeof *mlci_pass_table;

/* What every pass must keep: inputs come before their users, groups are named
 * after their first member, and groups can be computed one after another. */
static mlc_status ps_verify(mlci_module *m, const mlci_pass *pass)
{
    uint32_t *order = mlci_arena_new(m->arena, m->n_nodes, sizeof *order);
    size_t n;

    if (order == NULL)
        return mlci_module_fail(m, MLC_ENOMEM, "out of memory: compiler");
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        const mlci_node *node = &m->nodes[i];

        if (node->inputs[0] >= i || node->inputs[1] >= i || node->group > i
            || m->nodes[node->group].group != node->group)
            return mlci_module_fail(m, MLC_EINVAL, "pass %s left node %u in disorder",
                                    pass->name, i);
    }
    return mlci_group_order(m, order, &n);
}

static bool ps_listed(const char *list, const char *name)
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
    for (size_t i = 0; i < mlci_pass_count && m->status == MLC_OK; i++) {
        const mlci_pass *p = &mlci_pass_table[i];

        /* The last two make the plan: there is no doing without. */
        if (i + 2 < mlci_pass_count && ps_listed(without, p->name))
            continue;
        if (p->run(m, plan) == MLC_OK)
            ps_verify(m, p);
        if (trace != NULL && m->status == MLC_OK)
            trace(user, p, m, plan);
    }
    return m->status;
}
