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
        if (mlci_own_decode(m, i) != 0)
            (void)mlci_join(m, i, mlci_own_decode(m, i));
    }
    return m->tir.status;
}
