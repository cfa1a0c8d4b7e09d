/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.h - which tokens may come in a state of a machine.
 *
 * A mask is made once for each state and kept, as a list or as bits.  Making one is a walk
 * over the vocabulary's tree, cut off where a byte cannot come.  Inside of texts, where
 * nearly everything may come, most of the answer does not depend on the grammar: it is kept
 * with the vocabulary, and only tokens with a quote are walked.
 */
#ifndef MLCI_MASK_H
#define MLCI_MASK_H

#include "machine.h"
#include "vocab.h"

/* What a vocabulary's tokens are inside of texts. */
typedef struct mlci_text_vocab {
    mlc_context     *ctx;
    const mlci_vocab *v;
    mlci_vocab_node *quotes;      /* the tree of tokens that have a quote              */
    uint32_t         n_quotes, cap_quotes;
    uint8_t         *chars;       /* [n_tokens] characters that begin in it, at most 255 */
    uint32_t        *free_;       /* bits: may stand inside a text without a language  */
    uint32_t        *own;         /* bits: inside a text with one escape for each      */
    uint32_t       **within;      /* [256] of free: those of at most so many characters */
} mlci_text_vocab;

mlc_status mlci_text_vocab_open(mlci_text_vocab *t, const mlci_vocab *v, mlc_error *err);
void       mlci_text_vocab_close(mlci_text_vocab *t);
size_t     mlci_text_vocab_bytes(const mlci_text_vocab *t);

typedef struct mlci_masks {
    mlci_machine    *m;
    mlci_text_vocab *t;
    mlci_map         of_state, of_text;   /* state, or texts and place: number of a row */
    struct mask_row { uint32_t *words; uint32_t n; bool list; } *rows;
    size_t           n_rows, cap_rows, bytes;
    mlci_state      *path;                /* [depth + 1] room for walks                 */
    uint32_t        *bits;                /* room for one mask                          */
} mlci_masks;

mlc_status mlci_masks_open(mlci_masks *k, mlci_machine *m, mlci_text_vocab *t, mlc_error *err);
void       mlci_masks_close(mlci_masks *k);
/*
 * mask [mlci_vocab_words].  text: the bytes that led to the state, n of them, with room
 * for the longest token behind them.  false: out of memory, or a limit of the machine.
 */
bool mlci_masks_fill(mlci_masks *k, mlci_state state, uint8_t *text, size_t n, uint32_t *mask);

#endif
