/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.h - the parts of a tokenizer, seen from inside the library.
 *
 *   text -> special tokens cut out (special.c) -> for each piece between them:
 *     byte-level BPE: words (pretok.c), each merged by rank (merge.c)
 *     score-based:    spaces to U+2581, words where that is safe (score.c),
 *                     each merged by score (merge.c), unknown bytes as <0xNN>
 *
 * A tokenizer is immutable, so any thread may use it.
 */
#ifndef MLCI_TOKENIZER_H
#define MLCI_TOKENIZER_H

#include "../base/arena.h"
#include "../base/config.h"
#include "pretok.h"

/* Token types, with GGUF's numbers. */
enum { TK_NORMAL = 1, TK_UNKNOWN = 2, TK_CONTROL = 3, TK_USER = 4, TK_UNUSED = 5,
       TK_BYTE = 6 };

/* A merge rule: tokens left and right become id; lower keys go first. */
typedef struct mlci_merge {
    uint32_t left, right;   /* left == UINT32_MAX: free slot                 */
    uint32_t key, id;
} mlci_merge;

/* Special tokens as a trie over their bytes; children are siblings in a list. */
typedef struct mlci_trie_node {
    uint32_t child, sibling;
    int32_t  id;            /* the token that ends here, or -1               */
    uint8_t  byte;
} mlci_trie_node;

struct mlc_tokenizer {
    mlc_context *ctx;
    mlci_arena   arena;
    bool         score_based;      /* false: byte-level BPE                  */
    bool         add_bos, add_eos, add_space_prefix, ignore_merges;
    bool         escape_spaces;    /* space is U+2581 in the vocabulary      */
    bool         byte_level;       /* the vocabulary is in GPT-2's alphabet  */
    uint32_t     n_tokens, max_piece;
    uint32_t    *offsets;          /* [n_tokens + 1] into bytes              */
    char        *bytes;            /* of all tokens, as text contains them   */
    uint8_t     *types;            /* [n_tokens] TK_*                        */
    uint8_t     *is_end;           /* [n_tokens]                             */
    uint32_t    *score_keys;       /* [n_tokens] order of scores, lower first;
                                      NULL without scores                    */
    uint32_t    *slots;            /* hash of bytes: id + 1                  */
    size_t       n_slots;
    mlci_merge  *merges;           /* hash of (left, right)                  */
    size_t       n_merge_slots;
    int32_t      byte_ids[256];    /* token of a single byte, or -1          */
    int32_t      special[4];       /* MLC_TOKEN_*                            */
    mlci_trie_node *trie;          /* node 0 is the root                     */
    uint8_t      trie_first[256];  /* 1: some user token begins so, 2: control */
    uint8_t      joins_space[256]; /* 1: some token has this byte right before
                                      a U+2581 that is not its first: no cut  */
    mlci_pretok  pretok;
};

/* Where ids go; counts on when there is no room. */
typedef struct mlci_ids {
    int32_t *ids;
    size_t   cap, n;
} mlci_ids;

static inline void mlci_ids_add(mlci_ids *out, int32_t id)
{
    if (out->n < out->cap)
        out->ids[out->n] = id;
    out->n++;
}

/* Scratch of one encode call. */
typedef struct mlci_encoder {
    const mlc_tokenizer *tok;
    mlci_ids    *out;
    struct mlci_word *cache;        /* merge.c                               */
    struct mlci_symbol *symbols;    /* of a long word                        */
    size_t       n_symbols;
    struct mlci_candidate *heap;
    size_t       n_heap;
    mlc_status   status;
} mlci_encoder;

/* The tables of a vocabulary that is laid out (image.c), at a multiple of 8; unless they are
 * to be copied they outlive the tokenizer.  p NULL: there are none. */
typedef struct mlci_image { const void *p; size_t n; bool copy; } mlci_image;

/* Build from a file's keys ("tokenizer.ggml.*"), the vocabulary from the image if there is
 * one (NULL: there is none). */
mlc_status mlci_tokenizer_new(mlc_context *ctx, const mlci_config *config,
                              const mlci_image *image, mlc_tokenizer **out, mlc_error *err);

/* ---- parts ------------------------------------------------------------------ */

static inline mlci_text mlci_token_bytes(const mlc_tokenizer *t, uint32_t id)
{
    mlci_text b = { t->bytes + t->offsets[id], t->offsets[id + 1] - t->offsets[id] };

    return b;
}

/* vocab.c: the id with these bytes, -1 if there is none. */
int32_t mlci_vocab_find(const mlc_tokenizer *t, const char *bytes, size_t n);
mlc_status mlci_vocab_load(mlc_tokenizer *t, const mlci_config *c, mlc_error *err);

/* special.c: build the trie; find the next special token of text[from..n),
 * false if there is none.  parse: control tokens count too. */
mlc_status mlci_special_build(mlc_tokenizer *t, mlc_error *err);
bool mlci_special_find(const mlc_tokenizer *t, const char *text, size_t n,
                       size_t from, bool parse, size_t *at, size_t *len,
                       int32_t *id);

/* merge.c: the tokens of one word. */
void mlci_merge_word(mlci_encoder *e, const char *word, size_t n);
mlc_status mlci_merge_load(mlc_tokenizer *t, const mlci_value *merges, mlc_error *err);
void mlci_encoder_begin(mlci_encoder *e, const mlc_tokenizer *t, mlci_ids *out,
                        size_t text_bytes);
void mlci_encoder_end(mlci_encoder *e);

/* score.c: a piece of text, with a space before it if prefix is set; U+2581 to
 * spaces (out NULL: just the length of that). */
void mlci_score_encode(mlci_encoder *e, const char *text, size_t n, bool prefix);
size_t mlci_score_normalize(const char *text, size_t n, char *out);
void mlci_score_prepare(mlc_tokenizer *t);

/* image.c: a tokenizer's tables as bytes, at a multiple of 8; a tokenizer's tables there. */
size_t mlci_image_bytes(const mlc_tokenizer *t);
void mlci_image_write(const mlc_tokenizer *t, uint8_t *out);
mlc_status mlci_image_read(mlc_tokenizer *t, const mlci_image *image, mlc_error *err);

/* GPT-2's alphabet: bytes as printable characters.  Gives the byte of a
 * character, -1 if it stands for none. */
int mlci_byte_of_char(int32_t cp);

#endif
