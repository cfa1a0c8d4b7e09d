/* SPDX-License-Identifier: Apache-2.0
 *
 * text_state.h - JSON strings byte by byte: escapes, UTF-8, and the languages and lengths
 * of what they stand for.
 *
 * A string without a language (only a length, or nothing) may be escaped in every way that
 * JSON knows.  One with a language, and every name, is escaped only where it must be, so
 * that each text has one form: \" \\ \b \f \n \r \t, and \u00.. for control characters.
 */
#ifndef MLCI_TEXT_STATE_H
#define MLCI_TEXT_STATE_H

#include "machine.h"

enum { MLCI_TEXT_BUDGET = 500 };    /* states that are searched for an end       */

typedef enum mlci_text_event {
    MLCI_TEXT_BAD, MLCI_TEXT_END,
    MLCI_TEXT_CHAR,                  /* the first byte of a character             */
    MLCI_TEXT_REST,                  /* another of its bytes                      */
    MLCI_TEXT_PART                   /* of an escape                              */
} mlci_text_event;

/* A byte at a place (0: between characters); free: every escape may come, and c does not
 * matter. */
mlci_text_event mlci_text_byte(uint32_t *place, uint8_t byte, bool any_escape, uint8_t *c);
/* The i-th character that an escape which is not free may become. */
bool mlci_text_escape(uint32_t place, uint32_t i, uint8_t *c);

/* A list of texts, one for each formula: language, least, most length. */
enum { MLCI_TEXT_WORDS = 3 };
uint32_t mlci_texts_of(mlci_machine *m, uint32_t vec);       /* 0: none is possible */
/* Can a text of the language still end within so many characters, and not before? */
bool mlci_text_fits(mlci_rx_store *s, mlci_rx language, uint32_t least, uint32_t most);
enum { MLCI_TEXTS_ON = -1, MLCI_TEXTS_DEAD = -2 };
/* ON, DEAD, or which of them has ended. */
int32_t mlci_texts_step(mlci_machine *m, uint32_t *texts, uint32_t *place, uint8_t byte);

/* Only lengths, no language: then most, same and may_end are filled in. */
bool mlci_texts_free(const mlci_machine *m, uint32_t texts, mlci_inside *in);

/* Where the string whose closing quote is, or would be, at `end` has its opening quote. */
size_t mlci_text_begin(const uint8_t *text, size_t end);

/* The text of a string between its quotes, with the escapes that must be; 0: it does not fit
 * into cap bytes. */
size_t mlci_text_decode(const uint8_t *p, size_t n, char *out, size_t cap);

/* Equal for equal values: 1 and 1.0, members in any order. */
uint64_t mlci_json_text_hash(const uint8_t *p, size_t n);

#endif
