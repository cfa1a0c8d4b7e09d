/* SPDX-License-Identifier: Apache-2.0
 *
 * text_vocab.h - what is the same in all grammars about a vocabulary's tokens: which may
 * stand inside of a string, which end one and what comes behind, which are spaces.
 *
 * Where nearly every token may come, or very few, this is most of a mask.
 */
#ifndef MLCI_TEXT_VOCAB_H
#define MLCI_TEXT_VOCAB_H

#include "../base/os.h"
#include "vocab.h"

/* Byte strings of tokens as a tree for walks: the branches of a node lie together. */
typedef struct mlci_tree {
    uint32_t  n;                  /* nodes, the root at 0                              */
    uint32_t *first;              /* [n + 1] the node's branches                       */
    uint8_t  *byte;               /* [n] of a branch                                   */
    uint32_t *to;                 /* [n] its node                                      */
    int32_t  *token;              /* [n] of a node, -1: none                           */
    int32_t  *same;               /* [n_tokens] the next of the same string, -1        */
    uint32_t  n_tokens;
} mlci_tree;

/* Strings whose escapes may be any, and those that escape only what must be (text_state.h). */
enum { MLCI_ANY_ESCAPE, MLCI_OWN_ESCAPE };

typedef struct mlci_text_vocab {
    mlc_context *ctx;
    uint32_t     n_tokens, words;
    uint32_t     depth;           /* bytes of the longest token                        */
    mlci_tree    all;
    mlci_tree    quotes;          /* tokens that have a quote                          */
    mlci_tree    special;         /* a quote or a backslash                            */
    mlci_tree    tails[2];        /* what is behind the quote that ends a string       */
    mlci_tree    stripped;        /* what is behind spaces, where it is no text        */
    uint32_t    *spaces;          /* bits: nothing but spaces                          */
    uint32_t    *inside[2];       /* bits: within a string                             */
    uint32_t    *inside_ends[2];  /* and those that end it, with nothing behind        */
    uint32_t     longest_end;     /* characters before the quote, at most              */
    uint8_t     *chars;           /* [n_tokens] characters in a string, at most 255    */
    mlci_mutex   lock;            /* of within and languages                           */
    struct mlci_language_row *languages;   /* [MLCI_LANGUAGES], the oldest goes first  */
    uint32_t     n_languages, next_language;
    uint32_t   **within[2];       /* [256] of inside[0], inside_ends[0]: those of at most
                                     so many characters; made when wanted              */
} mlci_text_vocab;

/* Tokens within a string of a language, kept for all grammars. */
enum { MLCI_LANGUAGES = 256 };

typedef struct mlci_language_row {
    uint64_t  content[2];
    uint32_t  most;
    uint32_t *bits;
} mlci_language_row;

/* Copy the row into bits; false: it is not there.  Both are safe to call from any thread. */
bool mlci_text_language_get(mlci_text_vocab *t, const uint64_t content[2], uint32_t most,
                            uint32_t *bits);
void mlci_text_language_put(mlci_text_vocab *t, const uint64_t content[2], uint32_t most,
                            const uint32_t *bits);

/* tokens: as of the vocabulary. */
mlc_status mlci_text_vocab_open(mlci_text_vocab *t, mlc_context *ctx,
                                const mlci_vocab_token *tokens, uint32_t n_tokens,
                                mlc_error *err);
void       mlci_text_vocab_close(mlci_text_vocab *t);
size_t     mlci_text_vocab_bytes(const mlci_text_vocab *t);

/* Tokens within a string of which at most so many characters may come; ends: and those that
 * end it.  NULL: out of memory. */
const uint32_t *mlci_text_within(mlci_text_vocab *t, uint32_t most, bool ends);

#endif
