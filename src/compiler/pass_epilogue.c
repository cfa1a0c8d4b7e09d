/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_epilogue.c - what happens to the rows of a product before they are
 * written: bias, residual, gate, norm and rotation of heads, append to pages.
 *
 * A node joins the group of a product if its pattern allows it, every operand that
 * the group computes is used by it alone, and at least one is.
 * Whether there is a kernel for the result is for dispatch to say.
 */
#include "pass.h"

static bool pe_can_follow(const mlci_node *n)
{
    /* An append takes its rows from the product's tile; what reduces may do so over
     * a head, which is inside a tile, but not over a row. */
    return n->op == MLCI_OP_KV_APPEND
        || (n->program != NULL && n->program->rowwise
            && (n->pattern <= MLCI_INJECTIVE
                || (n->pattern == MLCI_REDUCTION && n->type.rank == 3)));
}

/* The operand is a value that the product's group computes behind the product
 * (and not its prologue). */
static bool pe_behind(const mlci_module *m, uint32_t node)
{
    const mlci_node *n = &m->nodes[node];

    return n->pattern == MLCI_OUT_FUSIBLE
        || (pe_can_follow(n) && mlci_group_matmul(m, node) != 0);
}

mlc_status mlci_pass_epilogue(mlci_module *m, mlci_plan *plan)
{
    (void)plan;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        const mlci_node *n = &m->nodes[i];
        uint32_t from = 0;
        bool ok = pe_can_follow(n);

        for (int k = 0; k < MLCI_MAX_INPUTS && ok; k++) {
            uint32_t in = n->inputs[k];

            /* Of two candidates (a residual may itself be a product's result)
             * the later one is the chain that this node ends. */
            if (in != 0 && m->nodes[in].n_uses == 1 && in != m->result
                && pe_behind(m, in))
                from = in > from ? in : from;
        }
        if (!ok || from == 0)
            continue;
        /* Both sides of a gate, and both k and v, must be in the same group. */
        if (n->op == MLCI_OP_KV_APPEND
            && m->nodes[n->inputs[0]].group != m->nodes[n->inputs[1]].group)
            continue;
        (void)mlci_join(m, i, from);
        /* The CPU's template has one list of products; a kernel may have several. */
        for (int k = 0; k < MLCI_MAX_INPUTS && m->target != MLCI_TARGET_CPU; k++)
            if (n->inputs[k] != 0 && n->inputs[k] != from && m->nodes[n->inputs[k]].n_uses == 1
                && pe_behind(m, n->inputs[k]))
                (void)mlci_join(m, i, n->inputs[k]);
    }
    return m->tir.status;
}
