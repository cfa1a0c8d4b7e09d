/* SPDX-License-Identifier: Apache-2.0
 *
 * kv.c - kv.h.
 */
#include "kv.h"

#include <string.h>

static uint64_t kv_blocks(uint64_t tokens)
{
    return (tokens + MLCI_KV_PAGE - 1) / MLCI_KV_PAGE;
}

/* First block that a row at `position` (and later ones) can see. */
static uint64_t kv_first_visible(const mlci_kv_pool *p, uint64_t position, uint64_t slack)
{
    uint64_t back = p->window + slack;

    return p->window == 0 || position + 1 <= back ? 0
         : (position + 1 - back) / MLCI_KV_PAGE;
}

/* ---- pages ------------------------------------------------------------------------- */

static uint32_t kv_number(const mlci_kv_pool *p, const uint8_t *page)
{
    return (uint32_t)((size_t)(page - p->base) / p->page_bytes);
}

/* Zeroed when used for the first time: attention multiplies what lies behind the
 * last position by zero, which must not be NaN. */
static uint8_t *kv_take(mlci_kv_pool *p)
{
    uint32_t n;

    if (p->n_free == 0)
        return NULL;
    n = p->free_pages[--p->n_free];
    p->refs[n] = 1;
    if (!p->clean[n]) {
        memset(p->base + n * p->page_bytes, 0, p->page_bytes);
        p->clean[n] = 1;
    }
    return p->base + n * p->page_bytes;
}

static void kv_drop(mlci_kv_pool *p, uint8_t **entry)
{
    uint32_t n;

    if (*entry == NULL)
        return;
    n = kv_number(p, *entry);
    *entry = NULL;
    if (--p->refs[n] == 0)
        p->free_pages[p->n_free++] = n;
}

/* ---- opening ------------------------------------------------------------------------ */

static uint64_t kv_pages_of(const mlci_kv *kv, uint32_t window, uint64_t kv_tokens,
                            uint32_t max_rows)
{
    /* One page more for each sequence: their last pages are not full. */
    uint64_t all = kv_blocks(kv_tokens) + kv->n_sequences - 1, each;

    if (window == 0)
        return all;
    /* A window twice: before a batch, for undoing, and behind it. */
    each = 2 * kv_blocks((uint64_t)window + MLCI_KV_SLACK) + kv_blocks(max_rows) + 3;
    return each * kv->n_sequences < all ? each * kv->n_sequences : all;
}

static mlc_status kv_pool_open(mlci_kv *kv, mlci_kv_pool *p, uint64_t n_pages,
                               mlc_error *err)
{
    if (n_pages > UINT32_MAX || mlci_mul((size_t)n_pages, p->page_bytes) > SIZE_MAX / 2)
        return mlci_fail(err, MLC_ENOMEM, 0, "KV cache: too large");
    p->n_pages = (uint32_t)n_pages;
    /* Kernels read whole vectors: up to 64 bytes behind the last block. */
    p->base_bytes = (size_t)n_pages * p->page_bytes + 64;
    p->base = mlci_new_aligned(kv->ctx, p->base_bytes);
    p->free_pages = mlci_new(kv->ctx, p->n_pages, sizeof *p->free_pages);
    p->refs = mlci_new(kv->ctx, p->n_pages, sizeof *p->refs);
    p->clean = mlci_new(kv->ctx, p->n_pages, 1);
    p->tables = mlci_new(kv->ctx, (size_t)kv->n_sequences * kv->max_blocks,
                         sizeof *p->tables);
    p->first = mlci_new(kv->ctx, kv->n_sequences, sizeof *p->first);
    if (p->base == NULL || p->free_pages == NULL || p->refs == NULL || p->clean == NULL
        || p->tables == NULL || p->first == NULL)
        return mlci_fail(err, MLC_ENOMEM, 0, "out of memory: %zu MB of KV cache",
                         p->base_bytes >> 20);
    memset(p->base + p->base_bytes - 64, 0, 64);
    for (uint32_t i = 0; i < p->n_pages; i++)
        p->free_pages[p->n_free++] = p->n_pages - 1 - i;
    return MLC_OK;
}

mlc_status mlci_kv_open(mlci_kv *kv, mlc_context *ctx, const mlci_module *m,
                        const mlci_backend *backend, uint32_t n_sequences,
                        uint64_t kv_tokens, uint32_t max_rows, bool f32, mlc_error *err)
{
    mlc_status st = MLC_OK;

    memset(kv, 0, sizeof *kv);
    kv->ctx = ctx;
    kv->n_sequences = n_sequences;
    kv->n_pools = m->n_pools;
    kv->f32 = f32;
    kv->max_blocks = (uint32_t)kv_blocks(kv_tokens);
    kv->max_tokens = (uint64_t)kv->max_blocks * MLCI_KV_PAGE;
    if (m->n_positions > 0)
        kv->max_tokens = mlci_min(kv->max_tokens, m->n_positions);
    kv->lengths = mlci_new(ctx, n_sequences, sizeof *kv->lengths);
    kv->tokens = mlci_new(ctx, mlci_mul(n_sequences, (size_t)kv->max_tokens),
                          sizeof *kv->tokens);
    if (kv->lengths == NULL || kv->tokens == NULL)
        st = mlci_nomem(err, "sequences");
    for (uint32_t i = 0; i < kv->n_pools && st == MLC_OK; i++) {
        kv->pools[i].window = m->pools[i].window;
        kv->pools[i].page_bytes = backend->page_bytes(m, i, f32);
        st = kv_pool_open(kv, &kv->pools[i],
                          kv_pages_of(kv, m->pools[i].window, kv_tokens, max_rows), err);
    }
    if (st != MLC_OK)
        mlci_kv_close(kv);
    return st;
}

void mlci_kv_close(mlci_kv *kv)
{
    if (kv->ctx == NULL)
        return;
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        mlci_kv_pool *p = &kv->pools[i];

        mlci_delete_aligned(kv->ctx, p->base, p->base_bytes);
        mlci_delete(kv->ctx, p->free_pages, p->n_pages, sizeof *p->free_pages);
        mlci_delete(kv->ctx, p->refs, p->n_pages, sizeof *p->refs);
        mlci_delete(kv->ctx, p->clean, p->n_pages, 1);
        mlci_delete(kv->ctx, p->tables, (size_t)kv->n_sequences * kv->max_blocks,
                    sizeof *p->tables);
        mlci_delete(kv->ctx, p->first, kv->n_sequences, sizeof *p->first);
    }
    mlci_delete(kv->ctx, kv->lengths, kv->n_sequences, sizeof *kv->lengths);
    mlci_delete(kv->ctx, kv->tokens, mlci_mul(kv->n_sequences, (size_t)kv->max_tokens),
                sizeof *kv->tokens);
    memset(kv, 0, sizeof *kv);
}

/* ---- growing -------------------------------------------------------------------------- */

/* Does position `length` fall into a page that others share? */
static bool kv_shared_tail(const mlci_kv *kv, uint32_t pool, uint32_t seq)
{
    uint64_t length = kv->lengths[seq];
    uint8_t *page;

    if (length % MLCI_KV_PAGE == 0)
        return false;
    page = mlci_kv_table(kv, pool, seq)[length / MLCI_KV_PAGE];
    return page != NULL
        && kv->pools[pool].refs[kv_number(&kv->pools[pool], page)] > 1;
}

uint64_t mlci_kv_need(const mlci_kv *kv, uint32_t seq, uint64_t n)
{
    uint64_t length = kv->lengths[seq], need;

    if (n > kv->max_tokens || length > kv->max_tokens - n)
        return UINT64_MAX;
    need = kv_blocks(length + n) - kv_blocks(length);
    for (uint32_t i = 0; i < kv->n_pools; i++)
        if (kv->pools[i].window == 0 && n > 0 && kv_shared_tail(kv, i, seq))
            return need + 1;
    return need;
}

uint64_t mlci_kv_free_pages(const mlci_kv *kv)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < kv->n_pools; i++)
        if (kv->pools[i].window == 0 && kv->pools[i].n_free < least)
            least = kv->pools[i].n_free;
    return least;
}

mlc_status mlci_kv_extend(mlci_kv *kv, uint32_t seq, uint64_t n)
{
    uint64_t length = kv->lengths[seq];

    if (n == 0)
        return MLC_OK;
    if (n > kv->max_tokens || length > kv->max_tokens - n)
        return MLC_EKVFULL;
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        mlci_kv_pool *p = &kv->pools[i];
        uint8_t **table = mlci_kv_table(kv, i, seq);
        uint64_t b = length / MLCI_KV_PAGE;

        if (kv_shared_tail(kv, i, seq)) {
            uint8_t *own = kv_take(p);

            if (own == NULL)
                return MLC_EKVFULL;
            memcpy(own, table[b], p->page_bytes);
            kv_drop(p, &table[b]);
            table[b] = own;
        }
        for (; b < kv_blocks(length + n); b++)
            if (table[b] == NULL) {
                table[b] = kv_take(p);
                if (table[b] == NULL)
                    return MLC_EKVFULL;
            }
    }
    return MLC_OK;
}

mlc_status mlci_kv_fill(mlci_kv *kv, uint32_t seq, uint32_t pool, uint64_t from,
                        uint64_t length)
{
    uint8_t **table = mlci_kv_table(kv, pool, seq);

    kv->pools[pool].first[seq] = (uint32_t)(from / MLCI_KV_PAGE);
    for (uint64_t b = from / MLCI_KV_PAGE; b < kv_blocks(length); b++) {
        table[b] = kv_take(&kv->pools[pool]);
        if (table[b] == NULL)
            return MLC_EKVFULL;
    }
    return MLC_OK;
}

/* first[] only passes over entries that are gone, so what is kept for undoing
 * is still found and dropped by a later call with keep = length. */
void mlci_kv_advance(mlci_kv *kv, uint32_t seq, uint64_t length, uint64_t keep)
{
    kv->lengths[seq] = length;
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        mlci_kv_pool *p = &kv->pools[i];
        uint8_t **table = mlci_kv_table(kv, i, seq);
        uint64_t first = kv_first_visible(p, length, MLCI_KV_SLACK);
        uint64_t kept = kv_first_visible(p, keep, MLCI_KV_SLACK), kept_end = kv_blocks(keep);

        for (uint64_t b = p->first[seq]; b < first; b++)
            if (b < kept || b >= kept_end)
                kv_drop(p, &table[b]);
        while (p->first[seq] < first && table[p->first[seq]] == NULL)
            p->first[seq]++;
    }
}

/* ---- forking and rewinding ---------------------------------------------------------------- */

static void kv_clear(mlci_kv *kv, uint32_t seq, uint64_t from_block)
{
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        uint8_t **table = mlci_kv_table(kv, i, seq);

        for (uint64_t b = from_block; b < kv->max_blocks; b++)
            kv_drop(&kv->pools[i], &table[b]);
    }
}

void mlci_kv_fork(mlci_kv *kv, uint32_t src, uint32_t dst)
{
    if (src == dst)
        return;
    kv_clear(kv, dst, 0);
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        mlci_kv_pool *p = &kv->pools[i];
        uint8_t **from = mlci_kv_table(kv, i, src), **to = mlci_kv_table(kv, i, dst);

        for (uint64_t b = 0; b < kv_blocks(kv->lengths[src]); b++) {
            to[b] = from[b];
            if (to[b] != NULL)
                p->refs[kv_number(p, to[b])]++;
        }
        p->first[dst] = p->first[src];
    }
    kv->lengths[dst] = kv->lengths[src];
    memcpy(mlci_kv_tokens(kv, dst), mlci_kv_tokens(kv, src),
           (size_t)kv->lengths[src] * sizeof(int32_t));
}

bool mlci_kv_rewind(mlci_kv *kv, uint32_t seq, uint64_t length)
{
    for (uint32_t i = 0; i < kv->n_pools && length > 0; i++) {
        uint64_t need = kv_first_visible(&kv->pools[i], length, 0);
        uint8_t **table = mlci_kv_table(kv, i, seq);

        for (uint64_t b = need; b < kv_blocks(length); b++)
            if (table[b] == NULL)
                return false;
    }
    kv_clear(kv, seq, kv_blocks(length));
    kv->lengths[seq] = length;
    for (uint32_t i = 0; i < kv->n_pools && length == 0; i++)
        kv->pools[i].first[seq] = 0;
    return true;
}

bool mlci_kv_is_valid(const mlci_kv *kv)
{
    for (uint32_t i = 0; i < kv->n_pools; i++) {
        const mlci_kv_pool *p = &kv->pools[i];
        uint64_t held = 0, refs = 0, used = 0;

        for (uint32_t s = 0; s < kv->n_sequences; s++)
            for (uint64_t b = 0; b < kv->max_blocks; b++) {
                const uint8_t *page = mlci_kv_table(kv, i, s)[b];

                held += page != NULL;
                if (page != NULL && p->refs[kv_number(p, page)] == 0)
                    return false;
            }
        for (uint32_t n = 0; n < p->n_pages; n++) {
            refs += p->refs[n];
            used += p->refs[n] > 0;
        }
        if (held != refs || used + p->n_free != p->n_pages)
            return false;
    }
    return true;
}
