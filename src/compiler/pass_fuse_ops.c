/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_fuse_ops.c - what is left between products: chains of operators that need no
 * more than a row at a time become one kernel.
 *
 * Which may join is a matter of their patterns alone; whether the result can be
 * scheduled as one kernel is tried at once.
 */
#include "pass.h"

bool mlci_may_fuse(mlci_pattern producer, mlci_pattern consumer)
{
    if (producer == MLCI_OUT_FUSIBLE)      /* what becomes of each sum */
        return consumer <= MLCI_BROADCAST;
    if (consumer == MLCI_OUT_FUSIBLE)      /* what a factor is made of */
        return producer <= MLCI_INJECTIVE;
    return producer <= MLCI_REDUCTION && consumer <= MLCI_REDUCTION
        && (producer < MLCI_REDUCTION || consumer <= MLCI_BROADCAST);
}

mlc_status mlci_pass_fuse_ops(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        const mlci_node *n = &m->nodes[i];

        if (n->program == NULL || mlci_group_matmul(m, i) != 0 || n->op == MLCI_OP_RESHAPE)
            continue;
        for (int k = 0; k < MLCI_MAX_INPUTS; k++) {
            uint32_t in = n->inputs[k];
            const mlci_node *p = &m->nodes[in];

            if (in == 0 || p->program == NULL || p->n_uses != 1 || in == m->result
                || mlci_group_matmul(m, in) != 0)
                continue;
            /* Rows are looked up by the device's own call, which scales them too. */
            if (p->op == MLCI_OP_EMBED ? n->pattern == MLCI_ELEMENTWISE
                                       : mlci_may_fuse(p->pattern, n->pattern)
                                         && mlci_one_kernel(m, in, i))
                (void)mlci_join(m, i, in);
        }
    }
    return m->tir.status;
}
