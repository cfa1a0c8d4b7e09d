/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_dead.c - what nobody needs is not computed: neither the result nor an append
 * comes of it.
 */
#include "pass.h"

mlc_status mlci_pass_dead(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    /* Users stand behind what they use: one round from the end finds all. */
    for (uint32_t i = (uint32_t)m->n_nodes; i-- > 1;) {
        mlci_node *n = &m->nodes[i];

        if (n->n_uses > 0 || i == m->result || n->op == MLCI_OP_KV_APPEND
            || n->op == MLCI_OP_INPUT || n->op == MLCI_OP_WEIGHT || n->op == MLCI_OP_VECTOR)
            continue;
        for (int k = 0; k < MLCI_MAX_INPUTS; k++) {
            m->nodes[n->inputs[k]].n_uses--;
            n->inputs[k] = 0;
        }
        n->op = MLCI_OP_NONE;
        n->program = NULL;
        n->folded = false;
        n->pattern = MLCI_OPAQUE;
    }
    return m->tir.status;
}
