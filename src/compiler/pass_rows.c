/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_rows.c - what is left between products: a norm whose result is only
 * added to something, a scale of the embedding.
 */
#include "pass.h"

mlc_status mlci_pass_rows(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->status == MLC_OK; i++) {
        const mlci_node *n = &m->nodes[i];
        uint32_t last = n->inputs[n->op == MLCI_OP_ADD ? 1 : 0];
        const mlci_node *p = &m->nodes[last];

        if (p->n_uses != 1 || last == m->result || n->group != i)
            continue;
        if ((n->op == MLCI_OP_ADD && p->op == MLCI_OP_RMS_NORM && p->type.rank == 2
             && n->type.rank == 2 && p->group == last)
            || (n->op == MLCI_OP_SCALE && p->op == MLCI_OP_EMBED))
            (void)mlci_join(m, i, last);
    }
    return m->status;
}
