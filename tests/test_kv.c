/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kv.c - the paged cache against a naive model (one array a sequence) over
 * random operations: what a sequence can see is what was written to it, whoever
 * shares its pages; pages are counted right; nothing is lost when all are closed.
 */
#include "golden.h"
#include "../src/model/kv.h"

enum { SEQUENCES = 4, TOKENS = 640, WINDOW = 70, OPERATIONS = 6000 };

static size_t page_bytes(const mlci_module *m, uint32_t pool, bool f32)
{
    (void)m, (void)pool, (void)f32;
    return MLCI_KV_PAGE * sizeof(uint64_t);
}

typedef struct naive {
    uint64_t length, longest;      /* now; since it was last empty              */
    uint64_t values[2][TOKENS];
} naive;

static uint64_t *slot(const mlci_kv *kv, uint32_t pool, uint32_t seq, uint64_t pos)
{
    uint8_t *page = mlci_kv_table(kv, pool, seq)[pos / MLCI_KV_PAGE];

    return page == NULL ? NULL : (uint64_t *)(void *)page + pos % MLCI_KV_PAGE;
}

/* Every position that the next row could see. */
static uint64_t check_visible(const mlci_kv *kv, const naive *model, uint32_t seq)
{
    uint64_t bad = 0;

    for (uint32_t pool = 0; pool < 2; pool++)
        for (uint64_t p = 0; p < model->length; p++) {
            const uint64_t *v;

            if (pool == 1 && p + WINDOW <= model->length)
                continue;
            v = slot(kv, pool, seq, p);
            bad += v == NULL || *v != model->values[pool][p];
        }
    return bad + (kv->lengths[seq] != model->length);
}

/* Append n positions as a session does: make room, write, advance.  As all of its
 * sequence is one batch, what is needed for undoing starts at its old end. */
static bool append(mlci_kv *kv, naive *m, uint32_t seq, uint64_t n, uint64_t *seed)
{
    uint64_t old = m->length;

    if (mlci_kv_extend(kv, seq, n) != MLC_OK) {
        mlci_kv_rewind(kv, seq, old);       /* drops what it got so far        */
        return false;
    }
    for (uint64_t p = old; p < old + n; p++)
        for (uint32_t pool = 0; pool < 2; pool++)
            *slot(kv, pool, seq, p) = m->values[pool][p] = t_rand(seed);
    m->length = old + n;
    m->longest = m->length > m->longest ? m->length : m->longest;
    mlci_kv_advance(kv, seq, m->length, m->length);
    return true;
}

static void test_random(uint64_t kv_tokens, uint64_t seed)
{
    mlci_module module;
    mlci_backend backend = { .page_bytes = page_bytes };
    mlci_kv kv;
    mlc_error err;
    mlc_context *ctx = test_context(NULL);
    static naive models[SEQUENCES];
    int appended = 0, refused = 0, rewound = 0, dropped = 0;

    memset(&module, 0, sizeof module);
    memset(models, 0, sizeof models);
    module.n_pools = 2;
    module.pools[1].window = WINDOW;
    T_CHECK(mlci_kv_open(&kv, ctx, &module, &backend, SEQUENCES, kv_tokens, 64, false, &err)
            == MLC_OK, "%s", err.text);
    for (int op = 0; op < OPERATIONS; op++) {
        uint32_t seq = t_below(&seed, SEQUENCES), other = t_below(&seed, SEQUENCES);
        naive *m = &models[seq];
        uint64_t n = 1 + t_below(&seed, t_below(&seed, 4) == 0 ? 64 : 3);

        switch (t_below(&seed, 10)) {
        case 0:
            mlci_kv_fork(&kv, seq, other);
            models[other] = *m;
            break;
        case 1:
            n = m->length > 0 ? t_below(&seed, (uint32_t)m->length + 1) : 0;
            n = t_below(&seed, 3) > 0 && m->length > 20 ? m->length - n % 20 : n;
            if (mlci_kv_rewind(&kv, seq, n)) {
                m->length = n;
                m->longest = n > 0 ? m->longest : 0;
                rewound++;
            } else {                        /* only for what a window dropped  */
                T_CHECK(n > 0 && n + MLCI_KV_SLACK < m->longest, "%llu of %llu",
                        (unsigned long long)n, (unsigned long long)m->longest);
                dropped++;
            }
            break;
        default: {
            uint64_t need = mlci_kv_need(&kv, seq, n), have = mlci_kv_free_pages(&kv);

            if (m->length + n > kv_tokens)
                n = kv_tokens - m->length;
            need = mlci_kv_need(&kv, seq, n);
            if (append(&kv, m, seq, n, &seed)) {
                appended++;
                T_CHECK(need <= have, "%llu pages needed, %llu free",
                        (unsigned long long)need, (unsigned long long)have);
            } else {
                refused++;
                T_CHECK(need > have, "refused with %llu free, %llu needed",
                        (unsigned long long)have, (unsigned long long)need);
            }
        }
        }
        for (uint32_t s = 0; s < SEQUENCES; s++)
            T_CHECK(check_visible(&kv, &models[s], s) == 0, "operation %d, sequence %u", op, s);
        T_CHECK(mlci_kv_is_valid(&kv), "operation %d: counts", op);
        if (t_case_fails > 0)
            break;
    }
    T_CHECK(appended > 1000 && refused > 10 && rewound > 100, "%d appended, %d refused, %d "
            "rewound", appended, refused, rewound);
    T_CHECK(kv_tokens < 400 || dropped > 0, "no window ever dropped anything");
    for (uint32_t s = 0; s < SEQUENCES; s++)
        mlci_kv_rewind(&kv, s, 0);
    T_CHECK(kv.pools[0].n_free == kv.pools[0].n_pages
            && kv.pools[1].n_free == kv.pools[1].n_pages, "all pages are free again");
    mlci_kv_close(&kv);
    mlc_context_close(ctx);
}

int main(void)
{
    t_begin();
    T_CASE("random operations");
    test_random(TOKENS, t_seed);
    T_CASE("random operations, few pages");
    test_random(256, t_seed + 1);
    return t_done();
}
