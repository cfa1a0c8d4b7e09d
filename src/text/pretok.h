/* SPDX-License-Identifier: Apache-2.0
 *
 * pretok.h - cutting text into words before merging.
 *
 * The common splitters are written out (pretok.c: ten times faster than a
 * regular expression); others are expressions that PCRE2 runs (pretok_tab.c).
 * To add one, add a line to that table.
 */
#ifndef MLCI_PRETOK_H
#define MLCI_PRETOK_H

#include "../base/config.h"

typedef enum mlci_splitter {
    MLCI_SPLIT_REGEX,     /* the expressions of the table, one after another */
    MLCI_SPLIT_GPT2,
    MLCI_SPLIT_DIGITS_GPT2, /* every digit alone, then as GPT-2              */
    MLCI_SPLIT_QWEN2,     /* as Llama 3, digits alone                        */
    MLCI_SPLIT_LLAMA3     /* digits in threes                                */
} mlci_splitter;

enum { MLCI_MAX_EXPRESSIONS = 6 };

enum {
    MLCI_PRE_IGNORE_MERGES = 1,  /* a word that is a token is not merged     */
    MLCI_PRE_ADD_BOS = 2,        /* unless the file says otherwise           */
    MLCI_PRE_ESCAPE = 4          /* U+2581 for spaces, no byte alphabet      */
};

typedef struct mlci_pre_entry {
    const char   *names;         /* of tokenizer.ggml.pre, between spaces    */
    mlci_splitter splitter;
    uint32_t      flags;
    const char   *expressions[MLCI_MAX_EXPRESSIONS];
} mlci_pre_entry;

/* What a splitter that is written out does, as the expression of the models' tokenizer.json;
 * NULL: no single one says it. */
const char *mlci_splitter_expression(mlci_splitter s);

extern const mlci_pre_entry mlci_pre_table[];
extern const size_t mlci_pre_count;

typedef struct mlci_pretok {
    mlci_splitter splitter;
    uint32_t      n_codes;
    void         *codes[MLCI_MAX_EXPRESSIONS];  /* pcre2_code                */
} mlci_pretok;

const mlci_pre_entry *mlci_pre_find(const char *name, size_t n);

mlc_status mlci_pretok_open(mlci_pretok *p, const mlci_pre_entry *entry,
                            mlc_error *err);
void mlci_pretok_close(mlci_pretok *p);

/* Calls word() for every word of text, in order.  MLC_ENOMEM, or
 * MLC_EUNSUPPORTED when an expression hits PCRE2's match limit. */
mlc_status mlci_pretok_split(const mlci_pretok *p, const char *text, size_t n,
                             void (*word)(void *user, const char *word, size_t n),
                             void *user);

#endif
