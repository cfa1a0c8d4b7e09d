/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_prologue.c - what happens to rows before a product: their selection and
 * their norm.  Both are recomputed by every thread while one row is decoded,
 * which costs less than a barrier.
 */
#include "pass.h"

/* All uses of the node are products of one group; gives one of them. */
static uint32_t pp_only_matmuls(const mlci_module *m, uint32_t node)
{
    uint32_t found = 0, uses = 0;

    for (uint32_t i = node + 1; i < m->n_nodes; i++) {
        if (!mlci_reads(&m->nodes[i], node))
            continue;
        if (m->nodes[i].pattern != MLCI_OUT_FUSIBLE || m->nodes[i].inputs[0] != node
            || (found != 0 && m->nodes[i].group != m->nodes[found].group))
            return 0;
        found = i;
        uses++;
    }
    return uses == m->nodes[node].n_uses ? found : 0;
}

mlc_status mlci_pass_prologue(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        const mlci_node *n = &m->nodes[i];
        uint32_t user = 0, from = n->inputs[0];

        /* Rows before a product are whole, so even a reduction over one may join. */
        if (n->pattern <= MLCI_REDUCTION && n->type.rank == 2 && n->op != MLCI_OP_EMBED
            && n->op != MLCI_OP_DECODE && n->op != MLCI_OP_RESHAPE && i != m->result
            && mlci_group_matmul(m, i) == 0)
            user = pp_only_matmuls(m, i);
        if (user == 0 || !mlci_join(m, i, user))
            continue;
        if (m->nodes[from].pattern <= MLCI_INJECTIVE && m->nodes[from].n_uses == 1
            && m->nodes[from].type.rank == 2 && m->nodes[from].op != MLCI_OP_EMBED
            && m->nodes[from].op != MLCI_OP_RESHAPE
            && mlci_group_matmul(m, from) == 0)
            (void)mlci_join(m, from, i);
    }
    return m->tir.status;
}
