/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.h - what is behind the public handles (grammar.c, matcher.c).
 *
 * A grammar learns states and masks from its matchers.  When that takes too much memory it
 * is compiled again from its text, as a new generation; a matcher of an older one finds its
 * states again by reading its text once more.
 *
 * A union is a list of grammars, its matcher a list of matchers, of which those still count
 * that have taken every token.
 */
#ifndef MLCI_GRAMMAR_H
#define MLCI_GRAMMAR_H

#include "mask.h"
#include "tags.h"

enum { MLCI_GRAMMAR_LIMIT = 256 << 20,   /* unless it is said                   */
       MLCI_KNOWN = 32 };                /* that a vocabulary keeps             */

struct mlc_vocab {
    mlc_context    *ctx;
    atomic_int      refs;
    mlci_text_vocab t;
    char           *bytes;
    uint32_t       *offsets;      /* [n_tokens + 1]                             */
    uint32_t        n_tokens;
    int32_t        *ends;
    size_t          n_ends;
    mlci_mutex      lock;         /* of the grammars                            */
    mlc_grammar    *known[MLCI_KNOWN];   /* the last ones, the last one first   */
};

struct mlc_grammar {
    mlc_vocab   *v;
    atomic_int   refs;
    mlci_mutex   lock;            /* of all that follows                        */
    mlci_schema  s;
    mlci_machine m;
    mlci_tags    tags;            /* of structural tags                         */
    mlci_masks   k;
    mlc_grammar_options o;
    char        *text;            /* [n_text] that it was compiled from         */
    size_t       n_text;
    uint32_t     generation;
    bool         broken;          /* could not be compiled again                */
    uint32_t     calls;           /* since memory was looked at                 */
    size_t       least_bytes;     /* after the last time it was forgotten, 0: now */
    mlci_buf     dropped;         /* what lax mode left out                     */
    mlc_grammar **parts;          /* [n_parts] of a union; then nothing else is */
    size_t       n_parts;
};

/* A token's end: where the text was, and the state. */
typedef struct mlci_matcher_place {
    mlci_state state;
    bool       ended;
    size_t     n_text;
} mlci_matcher_place;

/*
 * What a matcher and its forks have read, as long as they agree: who reads on behind all of
 * it adds to it, who reads on before its end takes a copy.  Changed with the grammar's lock.
 */
typedef struct mlci_history {
    atomic_int refs;
    mlci_matcher_place *places;   /* [n] after each token, places[0] the beginning */
    size_t     n, cap;
    uint8_t   *text;              /* and behind it what is being tried            */
    size_t     cap_text;
} mlci_history;

struct mlc_matcher {
    mlc_grammar *g;
    mlci_history *h;              /* its first n places                           */
    size_t       n;
    uint32_t     generation;      /* of the grammar, whose states these are       */
    mlc_matcher **parts;          /* [g->n_parts] of a union                      */
    uint32_t    *mask;            /* of one of them                               */
};

static inline size_t mlci_grammar_limit(const mlc_grammar *g)
{
    return g->o.limit > 0 && g->o.limit < SIZE_MAX ? (size_t)g->o.limit : MLCI_GRAMMAR_LIMIT;
}

/* The number of bytes, with the lock held. */
size_t mlci_grammar_size(const mlc_grammar *g);
/* Forget all that was learned, with the lock held: a new generation.  After a failure it is
 * broken until this succeeds. */
mlc_status mlci_grammar_forget(mlc_grammar *g);
void mlci_grammar_unref(mlc_grammar *g);

/* ---- unions (union.c) ------------------------------------------------------------------- */

/* The grammars of a JSON list: [{"regex": "..."}, {"json_schema": ...}, ...]. */
mlc_status mlci_union_open(mlc_grammar *g, mlc_error *err);
void       mlci_union_close(mlc_grammar *g);
/* As the public functions of a matcher. */
mlc_status mlci_union_matchers(mlc_matcher *m, const mlc_matcher *from, mlc_error *err);
void       mlci_union_matchers_close(mlc_matcher *m);
mlc_status mlci_union_mask(mlc_matcher *m, uint32_t *mask);
mlc_status mlci_union_accept(mlc_matcher *m, int32_t token, const char *bytes, size_t n,
                             size_t *taken);
mlc_status mlci_union_rollback(mlc_matcher *m, size_t n);
int32_t    mlci_union_may_end(mlc_matcher *m);
mlc_status mlci_union_forced(mlc_matcher *m, char *buf, size_t cap, size_t *n_bytes);

#endif
