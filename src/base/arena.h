/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - memory that is freed in one go.
 *
 * Items are never freed singly; an arena has a limit, so that what is read from
 * outside cannot take unbounded memory.  Under ASan there is a poisoned gap
 * behind every item.  Not thread-safe.
 */
#ifndef MLCI_ARENA_H
#define MLCI_ARENA_H

#include "base.h"

typedef struct mlci_arena {
    mlc_context *ctx;
    struct mlci_chunk *chunks;   /* newest first                             */
    size_t used, limit;          /* bytes handed out, bytes allowed          */
} mlci_arena;

void  mlci_arena_init(mlci_arena *a, mlc_context *ctx, size_t limit);
void  mlci_arena_reset(mlci_arena *a);  /* frees everything; may be used again */

/* n * size zeroed bytes, aligned for any type; NULL when out of memory or over
 * the limit. */
void *mlci_arena_new(mlci_arena *a, size_t n, size_t size);

/* A copy with a NUL behind it. */
char *mlci_arena_copy(mlci_arena *a, const char *text, size_t n);

#endif
