/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_legalize.c - operators get the tensor programs that say what they compute,
 * from the library of definitions, and the patterns computed from these.
 *
 * Some have none: appends and attention work on pages, whose layout is the
 * device's, collectives on other ranks, products of experts and of heads on the matrix of
 * each; they are library calls from the start.
 */
#include "pass.h"

#include <stdio.h>
#include <string.h>

/* The definition of a node and what its "..." stands for. */
static const char *pl_definition(const mlci_module *m, const mlci_node *n, char name[32],
                                 uint32_t *rank)
{
    const bool vector = m->nodes[n->inputs[1]].type.rank == 1 && n->type.rank > 1;

    *rank = n->type.rank;
    switch (n->op) {
    case MLCI_OP_DECODE:
        snprintf(name, 32, "decode_%s",
                 mlci_format_table[m->nodes[n->inputs[0]].tensor->format].name);
        return name;
    case MLCI_OP_ADD: case MLCI_OP_MUL:
        *rank -= vector;
        return n->op == MLCI_OP_ADD ? vector ? "add_vector" : "add"
                                    : vector ? "mul_vector" : "mul";
    case MLCI_OP_RMS_NORM:
        (*rank)--;
        return "rms_norm";
    case MLCI_OP_LAYER_NORM: case MLCI_OP_SOFTMAX:
        (*rank)--;
        return mlci_op_names[n->op];
    case MLCI_OP_RESHAPE:
        if (n->type.rank == 4 || m->nodes[n->inputs[0]].type.rank == 4)
            return n->type.rank == 4 ? "planes" : "flat_planes";
        return n->type.rank == 3 ? "heads" : "flat";
    case MLCI_OP_ROPE:
        return n->interleaved ? "rope_pairs" : "rope";
    case MLCI_OP_NONE: case MLCI_OP_INPUT: case MLCI_OP_WEIGHT: case MLCI_OP_VECTOR:
    case MLCI_OP_KV_APPEND: case MLCI_OP_ATTENTION: case MLCI_OP_ALL_REDUCE:
    case MLCI_OP_ALL_GATHER: case MLCI_OP_TOP_K: case MLCI_OP_CHOSEN: case MLCI_OP_EXPERTS:
    case MLCI_OP_PER_HEAD:
        return NULL;
    default:
        return mlci_op_names[n->op];
    }
}

mlc_status mlci_pass_legalize(mlci_module *m, mlci_plan *plan)
{
    char name[32];

    (void)plan;
    if (m->library.t == NULL && mlci_library_init(&m->library, &m->tir) != MLC_OK)
        return m->tir.status;
    for (uint32_t i = 1; i < m->n_nodes && m->tir.status == MLC_OK; i++) {
        mlci_node *n = &m->nodes[i];
        uint32_t rank;
        const char *what = pl_definition(m, n, name, &rank);
        mlci_program *p;

        n->pattern = MLCI_OPAQUE;
        if (what == NULL)
            continue;
        p = mlci_library_find(&m->library, what, rank);
        if (p == NULL)
            return mlci_tir_fail(&m->tir, m->tir.status != MLC_OK ? m->tir.status : MLC_EINVAL,
                                    "operator %s has no definition", what);
        n->program = p;
        n->pattern = p->pattern;
    }
    return m->tir.status;
}
