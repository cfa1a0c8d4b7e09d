/* SPDX-License-Identifier: Apache-2.0
 *
 * words.h - languages of a few texts ("const", "enum"), of which it stays known which
 * they are.
 *
 * Schemas tell their branches apart by such texts: whether a text fits the other branches
 * is then asked of each text, without a look into what two languages have in common.
 */
#ifndef MLCI_WORDS_H
#define MLCI_WORDS_H

#include "schema.h"

typedef struct mlci_wanted { const char *p; size_t n; } mlci_wanted;

enum { MLCI_MOST_WORDS = 64, MLCI_WORD_BYTES = 512 };

/* The language of these texts, each with its end; sorts them.  Of MLCI_MOST_WORDS or fewer,
 * none longer than MLCI_WORD_BYTES, it stays known which they are. */
mlci_rx mlci_words_language(mlci_schema *s, mlci_wanted *words, size_t n);
/* A list of names (numbers, rising) that are all texts of the language; 0: not known. */
uint32_t mlci_words_of(const mlci_schema *s, mlci_rx language);
/* The texts that a formula wants, when it wants one of a few and says no more; 0: it does not. */
uint32_t mlci_words_wanted(const mlci_schema *s, mlci_fx a);
/* The language of some names, at most MLCI_MOST_WORDS; "one of these" as a formula. */
mlci_rx mlci_words_some(mlci_schema *s, const uint32_t *names, uint32_t n);
mlci_fx mlci_words_formula(mlci_schema *s, const uint32_t *names, uint32_t n);
/* "No item is this text": a formula. */
mlci_fx mlci_words_no_item(mlci_schema *s, uint32_t name);
/* Does a formula hold of a text? */
bool mlci_words_fit(mlci_schema *s, mlci_fx a, uint32_t name);

#endif
