/* SPDX-License-Identifier: Apache-2.0
 *
 * run_rows.c - embedding, rotation tables, norm-and-add, attention.
 */
#include "cpu.h"
#include "../../../kernels/weight/blocks.h"

#include <math.h>
#include <string.h>

static void rw_share(const cpu_job *j, size_t n, size_t *begin, size_t *end)
{
    mlci_team_share(j->team, j->thread, n, begin, end);
}

/* The caller's own rows instead of tokens' are as the model's, whatever comes after the
 * look-up. */
static const float *rw_given(const cpu_job *j, size_t row)
{
    return j->step->embeddings != NULL && j->call->x == j->p->weights->module->tokens
         ? j->step->embeddings[row] : NULL;
}

void cpu_run_embed(const cpu_job *j)
{
    const mlci_call *c = j->call;
    const cpu_weight *w = &j->p->weights->nodes[c->segments[0].weight];
    const cpu_use *after = cpu_use_of(j, 0);
    const int32_t *ids = (const int32_t *)(const void *)cpu_value(j, c->x);
    size_t begin, end;

    rw_share(j, j->step->n_rows, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        float *out = cpu_value(j, c->out) + i * c->columns;
        float *row = after->fn != NULL ? j->p->threads[j->thread].row : out;
        uint32_t token = (uint32_t)ids[i];

        if (rw_given(j, i) != NULL) {
            memcpy(out, rw_given(j, i), c->columns * sizeof *out);
            continue;
        }
        if (c->y != 0)
            memcpy(row, cpu_value(j, c->y) + (size_t)token * c->columns,
                   c->columns * sizeof *row);
        else if (w->rows != NULL)
            mlci_blocks_decode(j->p->weights->module->nodes[c->segments[0].weight].tensor->format,
                               w->rows + (size_t)token * w->row_bytes, c->columns, row);
        else
            mlci_packed_row(&w->packed, token, row);
        if (after->fn != NULL) {
            mlci_gen_args a = after->args;

            a.data[0] = (void *)((uintptr_t)row - i * c->columns * sizeof *row);
            a.begin[0] = (int64_t)i;
            a.end[0] = (int64_t)i + 1;
            a.end[1] = c->columns;
            after->fn(&a);
        }
    }
}

/* ---- attention ------------------------------------------------------------------------ */

typedef struct rw_attention {
    mlci_attention_args args;
    uint32_t n_rows, n_chunks;   /* chunks: most that a row sees                */
    uint32_t first_chunk;
} rw_attention;

static rw_attention rw_setup(const cpu_job *j)
{
    const mlci_module *m = j->p->weights->module;
    const mlci_call *c = j->call;
    rw_attention a = { .n_rows = j->step->n_rows };
    int64_t heads = 0, low = INT64_MAX, high = 0;

    (void)mlci_dim_known(&m->dims, m->nodes[c->node].type.dims[1], &heads);
    a.args.q = cpu_value(j, c->x);
    a.args.out = cpu_value(j, c->out);
    a.args.kv = j->p->layouts[c - j->p->weights->plan->calls];
    a.args.heads = (uint32_t)heads;
    a.args.group = (uint32_t)heads / a.args.kv.n_heads;
    a.args.scale = c->scale;
    a.args.cap = c->cap;
    a.args.sinks = j->p->weights->nodes[m->nodes[c->node].inputs[2]].vector;
    a.args.window = c->window;
    a.args.positions = j->step->positions;
    a.args.pages = j->step->pages[c->pool];
    for (uint32_t i = 0; i < a.n_rows; i++) {
        int64_t p = j->step->positions[i];
        int64_t from = mlci_att_first(c->window, p);

        low = from < low ? from : low;
        high = p > high ? p : high;
    }
    a.first_chunk = (uint32_t)(low / MLCI_ATT_CHUNK);
    a.n_chunks = (uint32_t)(high / MLCI_ATT_CHUNK) - a.first_chunk + 1;
    return a;
}

/* Few rows with long contexts: chunks are tasks of their own, merged afterwards.
 * The same bits as in one go: attention.h. */
static void rw_chunked(const cpu_job *j, const rw_attention *a)
{
    const mlci_attention_kernels *k = j->p->weights->kernels->attention;
    const uint32_t kv_heads = a->args.kv.n_heads, group = a->args.group;
    const size_t padded = mlci_att_padded(a->args.kv.head_dim);
    const uint32_t stride = j->p->max_chunks;
    uint32_t tasks = a->n_rows * kv_heads * a->n_chunks;
    size_t begin, end;

    for (uint32_t t = j->thread; t < tasks; t += j->team->n_threads) {
        uint32_t chunk = t % a->n_chunks, head = t / a->n_chunks % kv_heads;
        uint32_t row = t / a->n_chunks / kv_heads;
        int64_t p = j->step->positions[row];
        int64_t from = mlci_att_first(a->args.window, p);
        int64_t base = (int64_t)(a->first_chunk + chunk) * MLCI_ATT_CHUNK;

        for (uint32_t g = 0; g < group; g += MLCI_ATT_QUERIES) {
            uint32_t n = (uint32_t)mlci_min(group - g, MLCI_ATT_QUERIES);
            size_t at = ((size_t)row * a->args.heads + head * group + g) * stride;
            mlci_att_part part[MLCI_ATT_QUERIES];
            float *acc = j->p->part_acc + (at + (size_t)chunk * n) * padded;

            for (uint32_t i = 0; i < n; i++)
                part[i] = (mlci_att_part){ -INFINITY, 0.0f };
            if (base <= p && base + MLCI_ATT_CHUNK > from)
                k->chunk(&a->args, head, row * group + g, n, a->first_chunk + chunk, part,
                         acc, j->p->threads[j->thread].attention);
            for (uint32_t i = 0; i < n; i++)
                j->p->parts[at + (size_t)i * stride + chunk] = part[i];
        }
    }
    mlci_team_barrier(j->team);
    mlci_team_share(j->team, j->thread, (size_t)a->n_rows * a->args.heads, &begin, &end);
    for (size_t h = begin; h < end; h++) {
        uint32_t g = (uint32_t)(h % group) / MLCI_ATT_QUERIES * MLCI_ATT_QUERIES;
        uint32_t n = (uint32_t)mlci_min(group - g, MLCI_ATT_QUERIES);
        uint32_t i = (uint32_t)(h % group) - g;
        size_t at = (h - i) * stride;

        k->merge(a->args.kv.head_dim, a->n_chunks, j->p->parts + h * stride, 1,
                 j->p->part_acc + (at + i) * padded, (size_t)n * padded,
                 a->args.sinks != NULL ? a->args.sinks[h % a->args.heads] : -INFINITY,
                 a->args.out + h * a->args.kv.head_dim);
    }
}

/* Rows of one sequence that follow each other share a tile of queries. */
static uint32_t rw_same_sequence(const rw_attention *a, uint32_t row, uint32_t most)
{
    uint32_t n = 1;

    while (n < most && row + n < a->n_rows
           && a->args.pages[row + n] == a->args.pages[row])
        n++;
    return n;
}

void cpu_run_attention(const cpu_job *j)
{
    rw_attention a = rw_setup(j);
    const uint32_t kv_heads = a.args.kv.n_heads, group = a.args.group;
    uint32_t per_tile = (uint32_t)mlci_max(1, MLCI_ATT_QUERIES / group), task = 0, most;

    if (mlci_call_way(MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, a.n_rows, &most) == MLCI_WAY_CHUNKS
        && a.n_chunks > 1 && a.n_chunks <= j->p->max_chunks) {
        rw_chunked(j, &a);
        return;
    }
    /* Later rows see more: dealing tiles out from the end in turn evens it. */
    for (uint32_t row = 0, n; row < a.n_rows; row += n) {
        n = rw_same_sequence(&a, row, per_tile);
        for (uint32_t h = 0; h < kv_heads; h++, task++) {
            uint32_t turn = task / j->team->n_threads, lane = task % j->team->n_threads;

            if ((turn % 2 == 0 ? lane : j->team->n_threads - 1 - lane) != j->thread)
                continue;
            for (uint32_t q = 0; q < n * group; q += MLCI_ATT_QUERIES)
                j->p->weights->kernels->attention->attend(
                    &a.args, h, row * group + q,
                    (uint32_t)mlci_min(n * group - q, MLCI_ATT_QUERIES),
                    j->p->threads[j->thread].attention);
        }
    }
}
