/* SPDX-License-Identifier: Apache-2.0
 *
 * rx.h - regular languages of bytes: expressions with intersection, complement and
 * counted repetition, and their derivatives (Brzozowski 1964; Owens, Reppy, Turon 2009).
 *
 * An expression is a number; equal numbers are equal languages, as far as the rules of
 * the constructors see it, so the derivatives of an expression are the states of an
 * automaton that is built as texts are read.  A repetition keeps its counts: a{1000000}
 * is one node, and its states are as many as a text visits.
 *
 * Byte 0xff, which UTF-8 does not use, stands for the end of a text; nothing follows it.
 *
 * Everything lies in the store's arena.  Not thread-safe.
 */
#ifndef MLCI_RX_H
#define MLCI_RX_H

#include "../base/arena.h"

typedef uint32_t mlci_rx;

enum {
    MLCI_RX_NONE,            /* no text at all                                  */
    MLCI_RX_EMPTY,           /* the empty text                                  */
    MLCI_RX_ALL,             /* every text                                      */
    MLCI_RX_END = 0xff
};

#define MLCI_RX_MANY UINT32_MAX      /* no upper bound of a repetition           */

typedef struct mlci_bytes { uint64_t words[4]; } mlci_bytes;   /* a set            */

typedef struct mlci_rx_store {
    mlci_arena arena;
    struct rx_node *nodes;
    uint32_t   n_nodes, cap_nodes;
    uint32_t  *table;                 /* hash table of nodes                      */
    uint32_t   cap_table;
    mlci_bytes *sets;
    uint32_t   n_sets, cap_sets;
    struct rx_map **maps;             /* classes of bytes, by number              */
    uint32_t   n_maps, cap_maps;
    struct rx_join *joins;            /* classes put together, the last of each place     */
    mlc_status status;                /* MLC_ENOMEM once a limit was reached: every
                                         call then gives MLCI_RX_NONE             */
} mlci_rx_store;

/* limit: bytes that it may take. */
mlc_status mlci_rx_open(mlci_rx_store *s, mlc_context *ctx, size_t limit);
void       mlci_rx_close(mlci_rx_store *s);

/* ---- building ---------------------------------------------------------------------- */

mlci_rx mlci_rx_bytes(mlci_rx_store *s, const mlci_bytes *set);     /* one byte of it  */
mlci_rx mlci_rx_text(mlci_rx_store *s, const char *text, size_t n);
/* One character of first..last, as UTF-8; surrogates are left out. */
mlci_rx mlci_rx_range(mlci_rx_store *s, uint32_t first, uint32_t last);
mlci_rx mlci_rx_cat(mlci_rx_store *s, mlci_rx a, mlci_rx b);
mlci_rx mlci_rx_or(mlci_rx_store *s, mlci_rx a, mlci_rx b);
mlci_rx mlci_rx_and(mlci_rx_store *s, mlci_rx a, mlci_rx b);
mlci_rx mlci_rx_not(mlci_rx_store *s, mlci_rx a);
/* min to max times a. */
mlci_rx mlci_rx_repeat(mlci_rx_store *s, mlci_rx a, uint32_t min, uint32_t max);

/*
 * A repetition of what depends on what follows it: X = k | body(X), the smallest.  First X,
 * then what it is: body was made of X as what follows, and has it nowhere in a complement
 * or a repetition.  Until then no step may be taken.  name: of what the body was made of.
 */
mlci_rx mlci_rx_loop(mlci_rx_store *s, mlci_rx k, const uint64_t name[2]);
void    mlci_rx_loop_is(mlci_rx_store *s, mlci_rx loop, mlci_rx body);

/* Any of a list. */
mlci_rx mlci_rx_or_all(mlci_rx_store *s, const mlci_rx *items, size_t n);
/* The largest product of the counts of repetitions that lie in one another; those without
 * an upper bound count as what they must be at least. */
uint32_t mlci_rx_counts(const mlci_rx_store *s, mlci_rx a);

/* Of a's texts the empty one, with its mark; of a loop that is not told yet, what follows it. */
mlci_rx mlci_rx_end(mlci_rx_store *s, mlci_rx a);
/* May the text end here, with its mark? */
bool mlci_rx_may_end(mlci_rx_store *s, mlci_rx state);

/* 128 bits that are the same for the same expression in any store. */
void mlci_rx_content(const mlci_rx_store *s, mlci_rx a, uint64_t content[2]);

/* ---- asking ------------------------------------------------------------------------ */

/* No intersection or complement is in it: some text is, as long as it is not NONE. */
bool mlci_rx_plain(const mlci_rx_store *s, mlci_rx a);
/* Is the empty text in it? */
bool mlci_rx_nullable(const mlci_rx_store *s, mlci_rx a);
/* What may follow the byte. */
mlci_rx mlci_rx_step(mlci_rx_store *s, mlci_rx a, uint8_t byte);
/* All steps at once, by classes of bytes: next[class_of[byte]].  NULL after a failure;
 * stays where it is. */
typedef struct mlci_rx_steps {
    const uint8_t *class_of;          /* [256]                                    */
    uint32_t       n;                 /* classes                                  */
    mlci_rx        next[];
} mlci_rx_steps;
const mlci_rx_steps *mlci_rx_all_steps(mlci_rx_store *s, mlci_rx a);
/*
 * Is there no text in it?  Without intersection and complement the constructors know;
 * else states are searched, at most `budget` of them: false, for good, if that did not
 * settle it.
 */
bool mlci_rx_dead(mlci_rx_store *s, mlci_rx a, uint32_t budget);
/* Characters (of UTF-8) after which the text may end at the earliest; MLCI_RX_FAR: that many
 * or more, 0 where `budget` states did not settle it. */
enum { MLCI_RX_FAR = 255 };
uint32_t mlci_rx_shortest(mlci_rx_store *s, mlci_rx a, uint32_t budget);
/* After how many the text must end; MLCI_RX_FAR: that many or more, or not settled. */
uint32_t mlci_rx_longest(mlci_rx_store *s, mlci_rx a, uint32_t budget);

static inline bool mlci_bytes_has(const mlci_bytes *b, uint8_t byte)
{
    return (b->words[byte / 64] >> (byte % 64) & 1) != 0;
}

static inline void mlci_bytes_add(mlci_bytes *b, uint8_t first, uint8_t last)
{
    for (unsigned i = first; i <= last; i++)
        b->words[i / 64] |= (uint64_t)1 << (i % 64);
}

#endif
