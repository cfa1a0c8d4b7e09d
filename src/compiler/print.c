/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c - a module as text.
 *
 *   %14 = rms_norm(%9, "blk.0.attn_norm.weight") {eps 1e-05}   f32[n, 576]
 *
 * Members of a group with several computing nodes stand in braces at the place
 * of the group's last member, which is where it is computed.
 */
#include "ir.h"

#include <stdio.h>
#include <string.h>

static void pr_operand(const mlci_module *m, mlci_buf *b, uint32_t id)
{
    const mlci_node *n = &m->nodes[id];

    if (n->op == MLCI_OP_WEIGHT)
        mlci_buf_format(b, "\"%s\":%s", n->name,
                        mlci_format_table[n->tensor->format].name);
    else if (n->op == MLCI_OP_INPUT || n->op == MLCI_OP_VECTOR)
        mlci_buf_format(b, n->op == MLCI_OP_INPUT ? "%s" : "\"%s\"", n->name);
    else
        mlci_buf_format(b, "%%%u", id);
    if (n->slice.n > 0)
        mlci_buf_format(b, "[%s%u..%u]", n->slice.axis == 1 ? ":, " : "", n->slice.begin,
                        n->slice.begin + n->slice.n);
}

static void pr_node(const mlci_module *m, mlci_buf *b, uint32_t id, const char *indent)
{
    const mlci_node *n = &m->nodes[id];
    char type[96];

    mlci_buf_format(b, "%s%%%u = %s(", indent, id, mlci_op_names[n->op]);
    for (int i = 0; i < MLCI_MAX_INPUTS && n->inputs[i] != 0; i++) {
        mlci_buf_text(b, i > 0 ? ", " : "");
        pr_operand(m, b, n->inputs[i]);
    }
    mlci_buf_char(b, ')');
    switch (n->op) {
    case MLCI_OP_RMS_NORM: case MLCI_OP_LAYER_NORM:
        mlci_buf_format(b, " {eps %g}", (double)n->scale);
        break;
    case MLCI_OP_SCALE: case MLCI_OP_SOFTCAP:
        mlci_buf_format(b, " {%g}", (double)n->scale);
        break;
    case MLCI_OP_ROPE:
        mlci_buf_text(b, n->interleaved ? " {interleaved}" : " {halves}");
        break;
    case MLCI_OP_ROPE_FREQUENCIES:
        mlci_buf_format(b, " {base %g, factor %g}", (double)n->scale, (double)n->factor);
        break;
    case MLCI_OP_SWIGLU_LIMITED:
        mlci_buf_format(b, " {alpha %g, limit %g}", (double)n->scale, (double)n->factor);
        break;
    case MLCI_OP_LONGER:
        mlci_buf_format(b, " {than %g}", (double)n->scale);
        break;
    case MLCI_OP_ALL_GATHER:
        mlci_buf_format(b, " {%u units}", n->units);
        break;
    case MLCI_OP_TOP_K:
        if (n->route.n_groups > 1)
            mlci_buf_format(b, " {of %u of %u groups by their %s}", n->route.top_groups,
                            n->route.n_groups, n->route.pair_sums ? "two best" : "best");
        break;
    case MLCI_OP_CHOSEN:
        mlci_buf_format(b, " {%sscale %g}", n->route.normalize ? "normalized, " : "",
                        (double)n->route.scale);
        break;
    case MLCI_OP_TAIL:
        mlci_buf_format(b, " {%u}", n->units);
        break;
    case MLCI_OP_KV_APPEND:
        mlci_buf_format(b, " {pool %u, layer %u}", n->pool, n->layer);
        break;
    case MLCI_OP_ATTENTION:
        mlci_buf_format(b, " {pool %u, layer %u, scale %g", n->pool, n->layer,
                        (double)n->scale);
        if (n->factor > 0)
            mlci_buf_format(b, ", cap %g", (double)n->factor);
        mlci_buf_format(b, n->window > 0 ? ", window %u}" : "}", n->window);
        break;
    default:
        break;
    }
    mlci_type_print(&m->dims, &n->type, type, sizeof type);
    mlci_buf_format(b, "   %s%s\n", type, n->folded ? "   # when weights are loaded" : "");
}

/* Computing members of the node's group, and whether this is the last. */
static uint32_t pr_group(const mlci_module *m, uint32_t id, bool *last)
{
    uint32_t count = 0;

    *last = true;
    for (uint32_t i = 1; i < m->n_nodes; i++)
        if (m->nodes[i].group == m->nodes[id].group && !mlci_source_node(&m->nodes[i])) {
            count++;
            *last = *last && i <= id;
        }
    return count;
}

void mlci_module_print(const mlci_module *m, mlci_buf *b)
{
    for (uint32_t p = 0; p < m->n_pools; p++)
        mlci_buf_format(b, "pool %u: %u layers, %u heads of %u, %s%u\n", p,
                        m->pools[p].n_layers, m->pools[p].n_heads, m->pools[p].head_dim,
                        m->pools[p].window > 0 ? "window " : "keeps all, window ",
                        m->pools[p].window);
    for (uint32_t i = 1; i < m->n_nodes; i++) {
        bool last;
        uint32_t count;

        if (m->nodes[i].folded)
            pr_node(m, b, i, "");
        if (mlci_source_node(&m->nodes[i]))
            continue;
        count = pr_group(m, i, &last);
        if (count == 1)
            pr_node(m, b, i, "");
        if (count == 1 || !last)
            continue;
        mlci_buf_text(b, "{\n");
        for (uint32_t k = 1; k <= i; k++)
            if (m->nodes[k].group == m->nodes[i].group && !mlci_source_node(&m->nodes[k]))
                pr_node(m, b, k, "  ");
        mlci_buf_text(b, "}\n");
    }
    mlci_buf_format(b, "return %%%u\n", m->result);
}
