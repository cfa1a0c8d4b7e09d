/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - arena.h: a list of chunks, each twice as large as the one before up
 * to a bound, and items cut from the newest.
 */
#include "arena.h"

#include <string.h>

enum { AR_FIRST = 4096, AR_LARGEST = 1 << 20, AR_GAP = MLCI_ASAN ? 16 : 0 };

typedef struct mlci_chunk {
    _Alignas(16) struct mlci_chunk *next;
    size_t size, used;           /* of the bytes behind this header          */
} mlci_chunk;

void mlci_arena_init(mlci_arena *a, mlc_context *ctx, size_t limit)
{
    memset(a, 0, sizeof *a);
    a->ctx = ctx;
    a->limit = limit;
}

void mlci_arena_reset(mlci_arena *a)
{
    while (a->chunks != NULL) {
        mlci_chunk *c = a->chunks;

        a->chunks = c->next;
        MLCI_UNPOISON(c + 1, c->size);
        mlci_delete(a->ctx, c, 1, sizeof *c + c->size);
    }
    a->used = 0;
}

static mlci_chunk *ar_chunk(mlci_arena *a, size_t need)
{
    size_t size = a->chunks == NULL ? AR_FIRST : a->chunks->size * 2;
    mlci_chunk *c;

    size = size > AR_LARGEST ? AR_LARGEST : size;
    size = size < need ? need : size;
    c = mlci_new(a->ctx, 1, sizeof *c + size);
    if (c == NULL)
        return NULL;
    c->size = size;
    c->next = a->chunks;
    a->chunks = c;
    MLCI_POISON(c + 1, size);
    return c;
}

void *mlci_arena_new(mlci_arena *a, size_t n, size_t size)
{
    size_t need = mlci_mul(n, size);
    mlci_chunk *c = a->chunks;
    char *p;

    if (need > a->limit || need > a->limit - a->used)
        return NULL;
    need = mlci_round_up(need + AR_GAP + (need == 0), 16);
    if (c == NULL || c->size - c->used < need)
        c = ar_chunk(a, need);
    if (c == NULL)
        return NULL;
    p = (char *)(c + 1) + c->used;
    c->used += need;
    a->used += need;
    MLCI_UNPOISON(p, need - AR_GAP);
    return p;
}

char *mlci_arena_copy(mlci_arena *a, const char *text, size_t n)
{
    char *p = n < SIZE_MAX ? mlci_arena_new(a, n + 1, 1) : NULL;

    if (p != NULL && n > 0)
        memcpy(p, text, n);
    return p;
}
