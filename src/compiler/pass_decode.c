/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_decode.c - weights are decoded inside the product (or the embedding)
 * that uses them: decoded weights are never written to memory.
 */
#include "pass.h"

mlc_status mlci_pass_decode(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        const mlci_node *n = &m->nodes[i];
        const mlci_node *w = &m->nodes[n->inputs[1]];

        /* A contraction's operand, or rows that are looked up. */
        if ((n->pattern == MLCI_OUT_FUSIBLE || n->op == MLCI_OP_EMBED)
            && w->pattern <= MLCI_INJECTIVE && w->op == MLCI_OP_DECODE && w->n_uses == 1)
            (void)mlci_join(m, i, n->inputs[1]);
    }
    return m->tir.status;
}
