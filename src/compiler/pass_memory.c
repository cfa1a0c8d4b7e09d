/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_memory.c - the memory plan.
 *
 * The pass finds which values cross from one call to another and from when to
 * when they live.  Placing them happens when the bounds of the symbols are known
 * (a session knows how many rows it may get): by size, largest first, each at
 * the lowest offset where nothing lies that lives at the same time.
 */
#include "pass.h"

#include <string.h>

enum { ME_ALIGN = 64 };

/* A reshape is the same bytes under another type. */
static uint32_t me_storage(const mlci_module *m, uint32_t node)
{
    while (m->nodes[node].op == MLCI_OP_RESHAPE && mlci_escapes(m, node))
        node = m->nodes[node].inputs[0];
    return node;
}

static void me_slot(mlci_module *m, mlci_plan *p, uint32_t node, uint32_t call)
{
    mlci_slot *s;

    if (node == 0 || m->nodes[node].type.dtype == MLCI_DT_STATE)
        return;
    node = me_storage(m, node);
    if (mlci_source_node(&m->nodes[node]) && m->nodes[node].op != MLCI_OP_INPUT)
        return;
    if (p->slot_of[node] == 0) {
        s = &p->slots[p->n_slots++];
        s->node = node;
        s->elements = mlci_elements(m, &m->nodes[node].type);
        /* Inputs are there from the start; rows of the result stay over several
         * steps, so nothing may lie there in between. */
        s->first = m->nodes[node].op == MLCI_OP_INPUT || node == m->result ? 0 : call;
        p->slot_of[node] = (uint32_t)p->n_slots;
    }
    p->slots[p->slot_of[node] - 1].last = call;
}

/* What a kernel reads and that is not the call's own: products, looked-up rows. */
static void me_use(mlci_module *m, mlci_plan *p, const mlci_call *c, const mlci_use *u,
                   uint32_t call)
{
    for (uint32_t i = 0; i < u->n_data; i++) {
        bool own = u->data[i] == u->out
                || (c->kind == MLCI_CALL_EMBED && m->nodes[u->data[i]].op == MLCI_OP_EMBED);

        for (uint32_t s = 0; s < c->n_segments; s++)
            own = own || c->segments[s].product == u->data[i];
        if (!own)
            me_slot(m, p, u->data[i], call);
    }
}

mlc_status mlci_pass_memory(mlci_module *m, mlci_plan *p)
{
    p->slots = mlci_arena_new(m->arena, m->n_nodes, sizeof *p->slots);
    p->slot_of = mlci_arena_new(m->arena, m->n_nodes, sizeof *p->slot_of);
    if (p->slots == NULL || p->slot_of == NULL)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "out of memory: plan");
    for (uint32_t i = 0; i < p->n_calls; i++) {
        const mlci_call *c = &p->calls[i];

        /* With a kernel before them, products read its rows, which lie nowhere. */
        if (c->kind != MLCI_CALL_MATMUL || c->kernel.program == NULL)
            me_slot(m, p, c->x, i);
        me_slot(m, p, c->y, i);
        me_use(m, p, c, &c->kernel, i);
        me_slot(m, p, c->out, i);
        for (uint32_t e = 0; e < c->n_epilogues; e++) {
            me_use(m, p, c, &c->epilogues[e].use, i);
            if (c->epilogues[e].sink == MLCI_SINK_VALUE)
                me_slot(m, p, c->epilogues[e].out, i);
        }
    }
    /* The step writes its inputs before the first call, and positions serve
     * every append and attention without being named there; the caller reads
     * the result after the last. */
    me_slot(m, p, m->positions, 0);
    me_slot(m, p, m->result, (uint32_t)p->n_calls);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t node = i == 0 ? m->tokens : i == 1 ? m->positions : m->logit_rows;

        me_slot(m, p, node, (uint32_t)p->n_calls);
    }
    /* Reshapes share their operand's place. */
    for (uint32_t i = 1; i < m->n_nodes; i++)
        if (m->nodes[i].op == MLCI_OP_RESHAPE)
            p->slot_of[i] = p->slot_of[me_storage(m, i)];
    if (m->dims.failed)
        return mlci_tir_fail(&m->tir, MLC_ENOMEM, "shape too complex");
    return m->tir.status;
}

/* Bytes of a slot; SIZE_MAX if that does not fit. */
static size_t me_size(const mlci_module *m, const mlci_slot *s,
                      const int64_t values[MLCI_MODEL_VALUES])
{
    int64_t n;

    return mlci_dim_at(&m->dims, s->elements, values, MLCI_MODEL_VALUES, &n) && n >= 0
         ? mlci_mul((size_t)n, 4) : SIZE_MAX;
}

size_t mlci_plan_place(const mlci_module *m, const mlci_plan *p,
                       const int64_t values[MLCI_MODEL_VALUES], size_t *offsets)
{
    size_t total = 0;

    for (size_t i = 0; i < p->n_slots; i++)
        offsets[i] = SIZE_MAX;
    for (size_t done = 0; done < p->n_slots; done++) {
        size_t pick = SIZE_MAX, best = 0, at = 0;
        bool moved = true;

        for (size_t i = 0; i < p->n_slots; i++) {
            size_t size = me_size(m, &p->slots[i], values);

            if (offsets[i] == SIZE_MAX && (pick == SIZE_MAX || size > best)) {
                pick = i;
                best = size;
            }
        }
        if (best > SIZE_MAX / 4)
            return SIZE_MAX;
        while (moved) {  /* up past everything in the way, until nothing is */
            moved = false;
            for (size_t i = 0; i < p->n_slots; i++) {
                const mlci_slot *a = &p->slots[pick], *b = &p->slots[i];
                size_t size = me_size(m, b, values);

                if (offsets[i] == SIZE_MAX || a->first > b->last || b->first > a->last
                    || at >= offsets[i] + size || offsets[i] >= at + best)
                    continue;
                at = mlci_round_up(offsets[i] + size, ME_ALIGN);
                moved = true;
            }
        }
        offsets[pick] = at;
        total = mlci_max(total, mlci_round_up(at + best, ME_ALIGN));
    }
    return total;
}
