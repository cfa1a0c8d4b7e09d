/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_merge.c - products of the same value become one.
 *
 * q, k and v, or gate and up, multiply the same rows: as one call the rows are
 * prepared once, there is one barrier instead of three, and the weights are one
 * stream.  Their formats may differ; each stays a segment of its own.
 */
#include "pass.h"

mlc_status mlci_pass_merge(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        uint32_t members = 1;

        if (m->nodes[i].pattern != MLCI_OUT_FUSIBLE || m->nodes[i].group != i)
            continue;
        for (uint32_t k = i + 1; k < m->n_nodes && members < MLCI_MAX_SEGMENTS; k++)
            if (m->nodes[k].pattern == MLCI_OUT_FUSIBLE && m->nodes[k].group == k
                && m->nodes[k].inputs[0] == m->nodes[i].inputs[0] && mlci_join(m, i, k))
                members++;
    }
    return m->tir.status;
}
