/* SPDX-License-Identifier: Apache-2.0
 *
 * kv.h - the state of a session's sequences: pages of keys and values.
 *
 * Layers with the same retention share a pool of pages, 64 positions each.  A
 * sequence has for each pool a table of pages.  Pages are counted: a fork shares
 * them all, and a page that is shared is copied before it is written to.  A pool
 * with a sliding window gives pages back once no later row can see them.
 *
 * All memory is taken in mlci_kv_open.  One thread at a time.
 */
#ifndef MLCI_KV_H
#define MLCI_KV_H

#include "../runtime/backend.h"

typedef struct mlci_kv_pool {
    uint8_t  *base;               /* [n_pages] pages of page_bytes             */
    size_t    page_bytes, base_bytes;
    uint32_t  n_pages, n_free;
    uint32_t *free_pages;         /* stack of page numbers                     */
    uint32_t *refs;               /* [n_pages]                                 */
    uint8_t  *clean;              /* [n_pages] 1: has been zeroed once         */
    uint32_t  window;             /* positions kept; 0 = all                   */
    uint8_t **tables;             /* [n_sequences][max_blocks], NULL = none    */
    uint32_t *first;              /* [n_sequences] first block that is kept    */
} mlci_kv_pool;

typedef struct mlci_kv {
    mlc_context  *ctx;
    uint32_t      n_sequences, max_blocks, n_pools;
    uint64_t      max_tokens;     /* of one sequence                           */
    bool          f32;
    mlci_kv_pool  pools[MLCI_MAX_POOLS];
    uint64_t     *lengths;        /* [n_sequences]                             */
    int32_t      *tokens;         /* [n_sequences][max_tokens]                 */
} mlci_kv;

enum {
    MLCI_KV_SLACK = 256           /* positions beyond a window that stay, so that
                                     a sequence can be rewound a little         */
};

mlc_status mlci_kv_open(mlci_kv *kv, mlc_context *ctx, const mlci_module *m,
                        const mlci_backend *backend, uint32_t n_sequences,
                        uint64_t kv_tokens, uint32_t max_rows, bool f32, mlc_error *err);
void mlci_kv_close(mlci_kv *kv);

static inline uint8_t **mlci_kv_table(const mlci_kv *kv, uint32_t pool, uint32_t seq)
{
    return kv->pools[pool].tables + (size_t)seq * kv->max_blocks;
}

static inline int32_t *mlci_kv_tokens(const mlci_kv *kv, uint32_t seq)
{
    return kv->tokens + (size_t)seq * kv->max_tokens;
}

/* Pages that positions [length, length + n) of the sequence would take from the
 * free ones of the pools that keep everything; UINT64_MAX if it gets too long. */
uint64_t mlci_kv_need(const mlci_kv *kv, uint32_t seq, uint64_t n);
uint64_t mlci_kv_free_pages(const mlci_kv *kv);

/* Make positions [length, length + n) writable: new pages, copies of shared ones.
 * The length does not change.  MLC_EKVFULL: as far as it got may stay. */
mlc_status mlci_kv_extend(mlci_kv *kv, uint32_t seq, uint64_t n);

/* For loading: give an empty sequence's pool pages for positions [from, length). */
mlc_status mlci_kv_fill(mlci_kv *kv, uint32_t seq, uint32_t pool, uint64_t from,
                        uint64_t length);

/* The sequence now has this length.  keep: positions that must stay visible for
 * a row at keep, besides those that the next row sees (for undoing). */
void mlci_kv_advance(mlci_kv *kv, uint32_t seq, uint64_t length, uint64_t keep);

void mlci_kv_fork(mlci_kv *kv, uint32_t src, uint32_t dst);

/* false if a window has already dropped what is needed (nothing changes). */
bool mlci_kv_rewind(mlci_kv *kv, uint32_t seq, uint64_t length);

/* For tests and debug builds: counts and tables agree. */
bool mlci_kv_is_valid(const mlci_kv *kv);

#endif
