/* SPDX-License-Identifier: Apache-2.0
 *
 * run_simple.c - library calls by themselves, where no product takes them in: keys
 * and values to their pages, and a matrix decoded whole (only for measuring what
 * decoding inside the product is worth).
 */
#include "cpu.h"

void cpu_run_decode(const cpu_job *j)
{
    const mlci_packed *w = &j->p->weights->nodes[j->call->x].packed;
    size_t begin, end;

    mlci_team_share(j->team, j->thread, w->rows, &begin, &end);
    for (size_t i = begin; i < end; i++)
        mlci_packed_row(w, (uint32_t)i, cpu_value(j, j->call->out) + i * w->columns);
}

void cpu_append(const cpu_job *j, uint32_t t, uint32_t head, uint32_t n_heads,
                const float *x, bool key)
{
    const mlci_call *c = j->call;
    const mlci_kv_layout *kv = &j->p->layouts[c - j->p->weights->plan->calls];
    const mlci_attention_kernels *k = j->p->weights->kernels->attention;
    int32_t position = j->step->positions[t];
    uint8_t *page = j->step->pages[c->pool][t][position / MLCI_PAGE_TOKENS];
    uint32_t slot = (uint32_t)position % MLCI_PAGE_TOKENS;

    for (uint32_t h = head; h < head + n_heads; h++, x += kv->head_dim) {
        if (key)
            k->store_key(x, kv->head_dim, page + mlci_kv_keys(kv, h), slot, kv->f32);
        else
            k->store_value(x, kv->head_dim, page + mlci_kv_values(kv, h), slot, kv->f32);
    }
}

void cpu_run_append(const cpu_job *j)
{
    const mlci_kv_layout *kv = &j->p->layouts[j->call - j->p->weights->plan->calls];
    const size_t size = (size_t)kv->n_heads * kv->head_dim;
    size_t begin, end;

    mlci_team_share(j->team, j->thread, j->step->n_rows, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        cpu_append(j, (uint32_t)t, 0, kv->n_heads, cpu_value(j, j->call->x) + t * size, true);
        cpu_append(j, (uint32_t)t, 0, kv->n_heads, cpu_value(j, j->call->y) + t * size, false);
    }
}
