/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_fold.c - what depends on constants alone is computed once, by the
 * interpreter, when weights are loaded.
 *
 * Only vectors count as constants: decoded weights must not be written out.
 */
#include "pass.h"

#include <string.h>

enum { FO_MAX_ELEMENTS = 1 << 20 };

static bool fo_constant(const mlci_module *m, const mlci_node *n)
{
    int64_t elements = 0;

    if (n->program == NULL || n->op == MLCI_OP_DECODE || n->type.dtype != MLCI_DT_F32)
        return false;
    for (int k = 0; k < MLCI_MAX_INPUTS; k++) {
        const mlci_node *in = &m->nodes[n->inputs[k]];

        if (n->inputs[k] != 0 && in->op != MLCI_OP_VECTOR && !in->folded)
            return false;
    }
    elements = 1;
    for (uint32_t i = 0; i < n->type.rank; i++) {
        int64_t d = 0;

        if (!mlci_dim_known(&m->dims, n->type.dims[i], &d) || d > FO_MAX_ELEMENTS / elements)
            return false;
        elements *= d;
    }
    return true;
}

mlc_status mlci_pass_fold(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        mlci_node *n = &m->nodes[i];

        n->folded = i != m->result && fo_constant(m, n);
        if (n->folded)
            n->pattern = MLCI_OPAQUE;      /* nothing is fused with it */
    }
    return m->tir.status;
}

mlc_status mlci_fold_compute(const mlci_module *m, mlc_context *ctx, uint32_t node,
                             float *const *values, mlc_error *err)
{
    const mlci_node *n = &m->nodes[node];
    const mlci_program *p = n->program;
    const float scalars[2] = { n->scale, n->factor };
    mlci_array arrays[MLCI_MAX_BUFFERS];
    uint32_t input = 0, scalar = 0;
    mlci_tir t = m->tir;

    t.err = err;
    for (uint32_t i = 0; i <= p->n_params; i++) {
        uint32_t from = i < p->n_params ? n->inputs[input] : node;

        if (p->buffers[i].place == MLCI_SCALAR) {
            arrays[i] = (mlci_array){ (void *)(uintptr_t)&scalars[scalar++], MLCI_DT_F32, 0,
                                      { 1, 1, 1, 1 } };
            continue;
        }
        arrays[i] = (mlci_array){ values[from], MLCI_DT_F32, m->nodes[from].type.rank,
                                  { 1, 1, 1, 1 } };
        for (uint32_t k = 0; k < arrays[i].rank; k++)
            (void)mlci_dim_known(&m->dims, m->nodes[from].type.dims[k], &arrays[i].dims[k]);
        input++;
    }
    return mlci_interpret(&t, ctx, p, arrays, UINT64_MAX);
}
