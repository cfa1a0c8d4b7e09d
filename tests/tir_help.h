/* SPDX-License-Identifier: Apache-2.0
 *
 * tir_help.h - reading and running tensor programs in tests.
 */
#ifndef TIR_HELP_H
#define TIR_HELP_H

#include "t.h"
#include "../src/compiler/lex.h"

#include <math.h>

typedef struct tir_bench {
    mlci_arena arena;
    mlci_dims  dims;
    mlci_tir   t;
    mlc_error  err;
} tir_bench;

static inline void tir_open(tir_bench *b, mlc_context *ctx)
{
    memset(b, 0, sizeof *b);
    mlci_arena_init(&b->arena, ctx, (size_t)1 << 26);
    mlci_dims_init(&b->dims, &b->arena);
    b->t = (mlci_tir){ .arena = &b->arena, .dims = &b->dims, .err = &b->err };
}

static inline void tir_close(tir_bench *b) { mlci_arena_reset(&b->arena); }

/* A program from text, "program" included; NULL and b->err if it has errors. */
static inline mlci_program *tir_read(tir_bench *b, const char *text, uint32_t rank)
{
    mlci_lex x;

    mlci_lex_begin(&x, &b->t, text, strlen(text));
    mlci_lex_want(&x, "program");
    return mlci_program_parse(&x, rank);
}

static inline char *tir_text(tir_bench *b, const mlci_program *p)
{
    static char text[4][16384];
    static int turn;
    char *to = text[turn++ % 4];
    mlci_buf out;

    mlci_buf_init(&out, b->arena.ctx, 16000);
    mlci_program_print(&b->t, p, &out);
    snprintf(to, sizeof text[0], "%s", out.data);
    mlci_buf_reset(&out);
    return to;
}

static inline mlci_array tir_array(mlci_dtype type, void *data, uint32_t rank, int64_t d0,
                                   int64_t d1, int64_t d2)
{
    mlci_array a = { data, type, rank, { d0, d1, d2, 1 } };

    return a;
}

/* Numbers in [-2, 2). */
static inline float tir_random(uint64_t *s) { return 2 * t_uniform(s); }

#endif
