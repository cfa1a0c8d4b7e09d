/* SPDX-License-Identifier: Apache-2.0
 *
 * test_attention.c - every tier's attention against the definition, with the bound
 * of attention.h; whole, by chunks and in small calls it must give the same bits,
 * and the vector tiers the same as each other.
 */
#include "tiers.h"
#include "../src/base/half.h"
#include "t.h"

#include <math.h>

enum { MAX_ROWS = 70, MAX_PAGES = 12, PAD = 64 };

static const float canary = -55.5f;

typedef struct problem {
    uint32_t dim, heads, group, window, n_rows;
    int32_t  first;                       /* position of the first row           */
    bool     f32;
    float    scale, cap;
    bool     sinks;
} problem;

static const problem problems[] = {
    /* decode at several depths; odd sizes; groups; windows; whole prompts */
    { 64, 3, 3, 0, 1, 0, false, 0.125f, 0, false },
    { 64, 9, 3, 0, 1, 255, false, 0.125f, 0, false },
    { 64, 9, 3, 0, 1, 256, false, 0.125f, 0, false },
    { 64, 14, 7, 0, 2, 500, false, 0.125f, 0, false },
    { 256, 4, 4, 100, 1, 300, false, 0.0625f, 0, false },
    { 256, 4, 4, 512, 3, 700, false, 0.0625f, 0, false },
    { 17, 2, 1, 0, 5, 62, false, 0.2425f, 0, false },
    { 1, 1, 1, 0, 3, 63, false, 1.0f, 0, false },
    { 80, 6, 2, 0, 70, 0, false, 0.1118f, 0, false },
    { 32, 4, 2, 16, 70, 10, false, 0.1768f, 0, false },
    { 64, 9, 3, 0, 64, 190, true, 0.125f, 0, false },
    { 64, 2, 2, 1, 9, 100, true, 0.125f, 0, false },
    { 128, 60, 60, 0, 2, 290, false, 0.0884f, 0, false },   /* a group beyond one call  */
    { 32, 4, 2, 16, 70, 10, false, 0.5f, 1.5f, false },     /* capped                   */
    { 64, 2, 2, 0, 3, 300, true, 1.0f, 5.0f, false },
    { 64, 9, 3, 0, 2, 300, false, 0.125f, 0, true },
    { 32, 4, 2, 16, 70, 10, true, 0.5f, 0, true },
};

typedef struct state {
    mlci_attention_args args;
    float    q[MAX_ROWS * 60 * 256], out[MAX_ROWS * 60 * 256 + PAD];
    float    sinks[60];                   /* of less and of more than the scores */
    int32_t  positions[MAX_ROWS];
    uint8_t *table[MAX_PAGES];
    uint8_t *const *pages[MAX_ROWS];
    uint8_t *memory;
} state;

static void make(state *s, const problem *p, const mlci_attention_kernels *k,
                 uint64_t seed)
{
    const uint32_t kv_heads = p->heads / p->group;
    mlci_kv_layout kv = { 64, mlci_kv_block_bytes(p->dim, p->f32), kv_heads, p->dim, p->f32 };
    size_t page = mlci_round_up(kv.offset + 2 * kv_heads * kv.block_bytes, 64);
    int32_t last = p->first + (int32_t)p->n_rows - 1;
    int32_t from = p->window > 0 && p->first + 1 > (int32_t)p->window
                 ? p->first + 1 - (int32_t)p->window : 0;
    float row[256];

    /* pages in an odd order; those that no row sees are missing */
    s->memory = aligned_alloc(64, page * MAX_PAGES);
    memset(s->memory, 0, page * MAX_PAGES);
    for (int i = 0; i < MAX_PAGES; i++)
        s->table[i] = i * 64 <= last && i * 64 + 63 >= from
                    ? s->memory + page * (size_t)(i * 5 % MAX_PAGES) : NULL;
    for (int32_t j = from; j <= last; j++)
        for (uint32_t h = 0; h < kv_heads; h++) {
            for (uint32_t d = 0; d < p->dim; d++)
                row[d] = t_uniform(&seed);
            k->store_key(row, p->dim, s->table[j / 64] + mlci_kv_keys(&kv, h),
                         (uint32_t)j % 64, p->f32);
            for (uint32_t d = 0; d < p->dim; d++)
                row[d] = t_uniform(&seed);
            k->store_value(row, p->dim, s->table[j / 64] + mlci_kv_values(&kv, h),
                           (uint32_t)j % 64, p->f32);
        }
    for (uint32_t i = 0; i < p->n_rows * p->heads * p->dim; i++)
        s->q[i] = 3 * t_uniform(&seed);
    for (uint32_t i = 0; i < p->n_rows; i++) {
        s->positions[i] = p->first + (int32_t)i;
        s->pages[i] = s->table;
    }
    for (uint32_t h = 0; h < 60; h++)
        s->sinks[h] = 8 * t_uniform(&seed);
    s->args = (mlci_attention_args){ s->q, s->out, p->heads, p->group, p->scale, p->cap,
                                     p->sinks ? s->sinks : NULL, p->window, kv, s->positions,
                                     s->pages };
}

/* queries: how many in one call. */
static void attend(state *s, const problem *p, const mlci_attention_kernels *k,
                   uint32_t queries)
{
    void *scratch = aligned_alloc(64, mlci_round_up(mlci_att_scratch(p->dim), 64));
    uint32_t total = p->n_rows * p->group;

    for (uint32_t i = 0; i < p->n_rows * p->heads * p->dim + PAD; i++)
        s->out[i] = canary;
    for (uint32_t h = 0; h < p->heads / p->group; h++)
        for (uint32_t first = 0; first < total; first += queries)
            k->attend(&s->args, h, first,
                      total - first < queries ? total - first : queries, scratch);
    free(scratch);
}

/* As run_rows.c does for few rows: chunk by chunk, then merged. */
static void attend_chunks(state *s, const problem *p, const mlci_attention_kernels *k)
{
    const size_t padded = mlci_att_padded(p->dim);
    void *scratch = aligned_alloc(64, mlci_round_up(mlci_att_scratch(p->dim), 64));
    float *acc = malloc(4 * padded * sizeof *acc);
    mlci_att_part part[4];

    for (uint32_t row = 0; row < p->n_rows; row++)
        for (uint32_t h = 0; h < p->heads; h++) {
            int32_t at = s->positions[row];
            int32_t from = p->window > 0 && at + 1 > (int32_t)p->window
                         ? at + 1 - (int32_t)p->window : 0;
            uint32_t c0 = (uint32_t)from / MLCI_ATT_CHUNK;
            uint32_t n = (uint32_t)at / MLCI_ATT_CHUNK - c0 + 1;

            for (uint32_t c = 0; c < n; c++)
                k->chunk(&s->args, h / p->group, row * p->group + h % p->group, 1, c0 + c,
                         &part[c], acc + c * padded, scratch);
            k->merge(p->dim, n, part, 1, acc, padded, p->sinks ? s->sinks[h] : -INFINITY,
                     s->out + ((size_t)row * p->heads + h) * p->dim);
        }
    free(acc);
    free(scratch);
}

static void check(const state *s, const problem *p, const float *want)
{
    /* attention.h; scores reach 10 * scale, float16 tiers store what they read */
    double bound = (p->dim + 256.0 + 8) * 0x1p-23;
    size_t n = (size_t)p->n_rows * p->heads * p->dim;

    for (size_t i = 0; i < n; i++)
        T_CHECK(fabs((double)s->out[i] - (double)want[i]) <= bound,
                "[%zu] %.9g, want %.9g +- %.3g", i, (double)s->out[i], (double)want[i],
                bound);
    for (size_t i = n; i < n + PAD; i++)
        T_CHECK(s->out[i] == canary, "written past the end");
}

static uint64_t check_tier(const problem *p, const mlci_attention_kernels *k)
{
    static state s;
    static float want[MAX_ROWS * 60 * 256];
    const size_t bytes = (size_t)p->n_rows * p->heads * p->dim * sizeof *want;
    uint64_t h;

    make(&s, p, k, t_seed);
    for (uint32_t row = 0; row < p->n_rows; row++)
        mlci_attention_ref(&s.args, row);
    memcpy(want, s.out, bytes);
    attend(&s, p, k, MLCI_ATT_QUERIES);
    check(&s, p, want);
    h = mlci_hash(s.out, bytes, 0);
    for (uint32_t queries = 1; queries < 16; queries += 3) {
        attend(&s, p, k, queries);
        T_CHECK(mlci_hash(s.out, bytes, 0) == h, "other bits with %u queries a call",
                queries);
    }
    memset(s.out, 0, bytes);
    attend_chunks(&s, p, k);
    T_CHECK(mlci_hash(s.out, bytes, 0) == h, "other bits by chunks");
    free(s.memory);
    return h;
}

/* What is stored stays finite, and what was stored comes back. */
static void check_store(const mlci_attention_kernels *k)
{
    const float v[5] = { 1e30f, -1e30f, 65504.0f, 0.333251953125f, -0.0f };
    uint16_t keys[5 * 64] = { 0 }, values[64 * 5] = { 0 };

    k->store_key(v, 5, (uint8_t *)keys, 63, false);
    k->store_value(v, 5, (uint8_t *)values, 63, false);
    for (int d = 0; d < 5; d++) {
        float want = d == 0 ? 65504.0f : d == 1 ? -65504.0f : v[d];

        T_CHECK(mlci_f16_to_f32(keys[d * 64 + 63]) == want, "key %d", d);
        T_CHECK(mlci_f16_to_f32(values[63 * 5 + d]) == want, "value %d", d);
        for (int i = 0; i < 63; i++)
            T_CHECK(keys[d * 64 + i] == 0 && values[i * 5 + d] == 0, "another slot");
    }
}

int main(void)
{
    enum { N = sizeof problems / sizeof *problems };
    uint64_t first[N] = { 0 };

    t_begin();
    for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
        const mlci_attention_kernels *k = mlci_cpu_kernels_of(t)->attention;

        for (int i = 0; i < N; i++) {
            const problem *p = &problems[i];
            uint64_t h;

            T_CASE("%s: %u rows from %d, %u/%u heads of %u, window %u, %s",
                   mlci_tier_names[t], p->n_rows, p->first, p->heads, p->group, p->dim,
                   p->window, p->f32 ? "f32" : "f16");
            h = check_tier(p, k);
            if (t == tier_vector())
                first[i] = h;
            T_CHECK(t == MLCI_TIER_SCALAR || h == first[i],
                    "not the bits of the first vector tier");
        }
        T_CASE("%s: store", mlci_tier_names[t]);
        check_store(k);
    }
    return t_done();
}
