/* SPDX-License-Identifier: Apache-2.0
 *
 * base.h - what every file of the library may use: memory through the
 * context's allocator, error sentences, the log, option structs across ABI
 * levels.
 *
 * Names with the prefix mlci_ are hidden: they cross files but never the
 * library boundary.
 */
#ifndef MLCI_BASE_H
#define MLCI_BASE_H

#include "../../include/mlc.h"
#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct mlci_pool mlci_pool;

struct mlc_context {
    mlc_alloc_fn alloc;
    void        *alloc_user;
    mlc_log_fn   log;
    void        *log_user;
    int32_t      log_level;
    uint32_t     n_threads;
    atomic_int   refs;
    mlci_pool   *pool;          /* base/pool.h                               */
    void        *devices;       /* runtime/device.h                          */
};

void mlci_context_ref(mlc_context *ctx);
void mlci_context_unref(mlc_context *ctx);

/* Fill *err (may be NULL) and return status, so that a failing function can
 * say "return mlci_fail(...)". */
mlc_status mlci_fail(mlc_error *err, mlc_status status, int os_error,
                     const char *fmt, ...) MLCI_PRINTF(4, 5);
mlc_status mlci_nomem(mlc_error *err, const char *what);

/* Put a prefix before an error's text ("file.gguf: ..."), cutting at the end. */
mlc_status mlci_error_prefix(mlc_error *err, mlc_status status,
                             const char *prefix);

void mlci_log(const mlc_context *ctx, int32_t level, const char *fmt, ...)
    MLCI_PRINTF(3, 4);

mlc_status mlci_options_read(void *dst, size_t known, size_t least,
                             const void *src, mlc_error *err);
void mlci_options_init(void *opts, size_t size);
/* Copy a filled result to the caller's struct, up to its size. */
mlc_status mlci_result_write(void *dst, const void *src, size_t known);

/* Zeroed n * size bytes; NULL on overflow or when the allocator refuses. */
void *mlci_new(mlc_context *ctx, size_t n, size_t size);
void  mlci_delete(mlc_context *ctx, void *p, size_t n, size_t size);

/* n bytes at a multiple of 64, not zeroed: weights, KV pages, scratch. */
void *mlci_new_aligned(mlc_context *ctx, size_t n_bytes);
void  mlci_delete_aligned(mlc_context *ctx, void *p, size_t n_bytes);

/* Grow an array to at least need items; false leaves everything as it was. */
bool mlci_grow(mlc_context *ctx, void **items, size_t *cap, size_t need,
               size_t size);

/* The allocator that a context gets when the caller brings none. */
void *mlci_default_alloc(void *user, void *ptr, size_t old_size,
                         size_t new_size, size_t align);

/* a * b, or SIZE_MAX when that does not fit. */
static inline size_t mlci_mul(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

static inline size_t mlci_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static inline size_t mlci_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static inline size_t mlci_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t mlci_max(size_t a, size_t b) { return a > b ? a : b; }

/* Little-endian numbers at any address. */
static inline uint64_t mlci_le(const unsigned char *p, int n_bytes)
{
    uint64_t v = 0;

    while (n_bytes-- > 0)
        v = v << 8 | p[n_bytes];
    return v;
}

/* splitmix64's finalizer (Steele, Lea, Flood 2014): a good mix of 64 bits. */
static inline uint64_t mlci_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t mlci_hash(const void *bytes, size_t n, uint64_t seed);

#endif
