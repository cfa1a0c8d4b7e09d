/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_common.c - what is computed twice is computed once: equal operators of equal
 * operands become one.
 *
 * Decoded weights are left alone: decoding is part of each product that wants it,
 * and a decoded matrix with two users would have to be written out.
 */
#include "pass.h"

#include <string.h>

static bool pc_same(const mlci_node *a, const mlci_node *b)
{
    return a->op == b->op && a->program == b->program
        && memcmp(a->inputs, b->inputs, sizeof a->inputs) == 0
        && memcmp(&a->scale, &b->scale, sizeof a->scale) == 0
        && memcmp(&a->factor, &b->factor, sizeof a->factor) == 0
        && a->type.rank == b->type.rank
        && memcmp(a->type.dims, b->type.dims, a->type.rank * sizeof *a->type.dims) == 0;
}

static void pc_replace(mlci_module *m, uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i < m->n_nodes && m->nodes[from].n_uses > 0; i++)
        for (int k = 0; k < MLCI_MAX_INPUTS; k++)
            if (m->nodes[i].inputs[k] == from) {
                m->nodes[i].inputs[k] = to;
                m->nodes[from].n_uses--;
                m->nodes[to].n_uses++;
            }
    if (m->result == from)
        m->result = to;
}

mlc_status mlci_pass_common(mlci_module *m, mlci_plan *plan)
{
    size_t cap = 64;
    uint32_t *table;

    (void)plan;
    while (cap < 2 * m->n_nodes)
        cap *= 2;
    table = mlci_new(m->arena->ctx, cap, sizeof *table);
    if (table == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: compiler");
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        const mlci_node *n = &m->nodes[i];
        size_t at;

        if (n->program == NULL || n->op == MLCI_OP_DECODE)
            continue;
        at = mlci_hash(n->inputs, sizeof n->inputs, (uint64_t)n->op) & (cap - 1);
        while (table[at] != 0 && !pc_same(&m->nodes[table[at]], n))
            at = (at + 1) & (cap - 1);
        if (table[at] == 0)
            table[at] = i;
        else
            pc_replace(m, i, table[at]);
    }
    mlci_delete(m->arena->ctx, table, cap, sizeof *table);
    return m->tir.status;
}
