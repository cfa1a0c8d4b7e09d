/* SPDX-License-Identifier: Apache-2.0
 *
 * run_simple.c - every operator by itself, for graphs that no fused kernel fits
 * and for measuring what a pass is worth.  Rows are shared among the threads.
 */
#include "cpu.h"

#include <string.h>

static const float *sm_operand(const cpu_job *j, uint32_t node)
{
    const float *v = j->p->weights->nodes[node].vector;

    return v != NULL ? v : cpu_value(j, node);
}

static void sm_decode(const cpu_job *j, uint32_t rows, size_t columns)
{
    size_t begin, end;

    mlci_team_share(j->team, j->thread, rows, &begin, &end);
    for (size_t i = begin; i < end; i++)
        mlci_packed_row(&j->p->weights->nodes[j->call->x].packed, (uint32_t)i,
                        cpu_value(j, j->call->out) + i * columns);
}

/* Each thread takes a share of the weight rows. */
static void sm_matmul(const cpu_job *j, uint32_t n)
{
    const size_t k = cpu_row_size(j, j->call->x), rows = cpu_row_size(j, j->call->out);
    const float *x = cpu_value(j, j->call->x), *w = cpu_value(j, j->call->y);
    size_t begin, end;

    mlci_team_share(j->team, j->thread, rows, &begin, &end);
    for (size_t r = begin; r < end; r++)
        for (size_t t = 0; t < n; t++) {
            float s = 0;

            for (size_t i = 0; i < k; i++)
                s += x[t * k + i] * w[r * k + i];
            cpu_value(j, j->call->out)[t * rows + r] = s;
        }
}

/* One row; size values. */
static void sm_row(const cpu_job *j, const mlci_node *n, size_t t, size_t size)
{
    const mlci_module *m = j->p->weights->module;
    const mlci_row_kernels *k = j->p->weights->kernels->rows;
    const mlci_call *c = j->call;
    const float *x = cpu_value(j, c->x) + t * size;
    float *out = cpu_value(j, c->out) + t * size;
    size_t step = size;

    if (c->y != 0 && m->nodes[c->y].type.rank == 1)
        step = (size_t)m->nodes[c->y].tensor->dims[0];
    switch (n->op) {
    case MLCI_OP_ADD: case MLCI_OP_MUL:
        for (size_t i = 0; i < size; i += step)
            (n->op == MLCI_OP_ADD ? k->add : k->mul)(
                x + i, step < size || m->nodes[c->y].type.rank == 1
                       ? sm_operand(j, c->y) : cpu_value(j, c->y) + t * size,
                step, out + i);
        break;
    case MLCI_OP_RMS_NORM:
        for (size_t i = 0; i < size; i += step)
            k->rms_norm(x + i, sm_operand(j, c->y), step, c->scale, out + i);
        break;
    case MLCI_OP_SILU: case MLCI_OP_GELU:
        k->act(x, size, n->op == MLCI_OP_GELU, out);
        break;
    case MLCI_OP_SCALE:   k->scale(x, size, c->scale, out); break;
    case MLCI_OP_SOFTCAP: k->softcap(x, size, c->scale, out); break;
    default: break;
    }
}

static void sm_rope(const cpu_job *j, const mlci_node *n, size_t t, size_t size)
{
    const mlci_module *m = j->p->weights->module;
    float *out = cpu_value(j, j->call->out) + t * size;
    uint32_t dims = (uint32_t)cpu_row_size(j, j->call->y);
    int64_t dim = 1;

    (void)mlci_dim_known(&m->dims, n->type.dims[2], &dim);
    memcpy(out, cpu_value(j, j->call->x) + t * size, size * sizeof *out);
    for (size_t h = 0; h < size; h += (size_t)dim)
        mlci_rope_head(out + h, cpu_value(j, j->call->y) + t * dims, dims, n->interleaved);
}

static void sm_append(const cpu_job *j, size_t t)
{
    const mlci_call *c = j->call;
    const mlci_kv_layout *kv = &j->p->layouts[c - j->p->weights->plan->calls];
    const mlci_attention_kernels *k = j->p->weights->kernels->attention;
    int32_t position = j->step->positions[t];
    uint8_t *page = j->step->pages[c->pool][t][position / MLCI_PAGE_TOKENS];
    uint32_t slot = (uint32_t)position % MLCI_PAGE_TOKENS;

    for (uint32_t h = 0; h < kv->n_heads; h++) {
        size_t at = (t * kv->n_heads + h) * kv->head_dim;

        k->store_key(cpu_value(j, c->x) + at, kv->head_dim, page + mlci_kv_keys(kv, h),
                     slot, kv->f32);
        k->store_value(cpu_value(j, c->y) + at, kv->head_dim,
                       page + mlci_kv_values(kv, h), slot, kv->f32);
    }
}

/* Rows of a table or of an earlier value by number. */
static void sm_gather(const cpu_job *j, const mlci_node *n, size_t t, size_t size)
{
    bool embed = n->op == MLCI_OP_EMBED;
    const float *table = cpu_value(j, embed ? j->call->y : j->call->x);
    int32_t row = embed ? j->step->tokens[t] : j->step->logit_rows[t];

    if (embed && j->step->embeddings != NULL && j->step->embeddings[t] != NULL)
        table = j->step->embeddings[t];
    else
        table += (size_t)row * size;
    memcpy(cpu_value(j, j->call->out) + t * size, table, size * sizeof *table);
}

void cpu_run_simple(const cpu_job *j)
{
    const mlci_module *m = j->p->weights->module;
    const mlci_node *n = &m->nodes[j->call->node];
    uint32_t rows = n->op == MLCI_OP_KV_APPEND ? j->step->n_rows
                                               : cpu_rows_of(j, j->call->node);
    size_t size = cpu_row_size(j, j->call->node), begin, end;

    if (n->op == MLCI_OP_DECODE) {
        sm_decode(j, (uint32_t)m->nodes[j->call->x].tensor->dims[0], size);
        return;
    }
    if (n->op == MLCI_OP_MATMUL) {
        sm_matmul(j, rows);
        return;
    }
    mlci_team_share(j->team, j->thread, rows, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        if (n->op == MLCI_OP_ROPE)
            sm_rope(j, n, t, size);
        else if (n->op == MLCI_OP_KV_APPEND)
            sm_append(j, t);
        else if (n->op == MLCI_OP_EMBED || n->op == MLCI_OP_TAKE)
            sm_gather(j, n, t, size);
        else
            sm_row(j, n, t, size);
    }
}
