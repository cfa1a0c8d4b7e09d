/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.h - what formulas say of values: which languages, whether any value fits, what
 * is left of them after a member or an item.
 */
#ifndef MLCI_JUDGE_H
#define MLCI_JUDGE_H

#include "machine.h"
#include "words.h"

/* ---- formulas by type (judge.c) --------------------------------------------------------- */

/* Types (bits) of which a value may fit, as far as a look at the formula tells. */
uint32_t mlci_judge_types(mlci_machine *m, mlci_fx a);
/* The formula for values of one type (a bit). */
mlci_fx mlci_judge_only(mlci_machine *m, mlci_fx a, uint32_t type);
/* The language of texts, or of numbers, of a formula for them; of names, of any formula. */
mlci_rx mlci_judge_language(mlci_machine *m, mlci_fx a, bool number);
mlci_rx mlci_judge_names(mlci_machine *m, mlci_fx a);
/* The few texts that an atom wants, or a negation of it leaves out (words.h); 0: others. */
uint32_t mlci_judge_words(const mlci_machine *m, mlci_fx a);
uint32_t mlci_judge_words_not(const mlci_machine *m, mlci_fx a);
/* Of a formula for texts that wants one of a few: those that fit all of it, and how many;
 * UINT32_MAX: others may fit. */
uint32_t mlci_judge_fitting(mlci_machine *m, mlci_fx a, uint32_t fit[MLCI_MOST_WORDS]);
/* A divisor that it speaks of, UINT32_MAX: none; what is left when it divides or not. */
uint32_t mlci_judge_divisor(mlci_machine *m, mlci_fx a);
mlci_fx  mlci_judge_divided(mlci_machine *m, mlci_fx a, uint32_t divisor, bool divides);
/* Does a formula of the list speak of this? */
bool mlci_judge_mentions(const mlci_machine *m, uint32_t vec, mlci_claim_kind kind);
/* No choice in it: members may come twice without harm. */
bool mlci_judge_plain(const mlci_machine *m, uint32_t vec);

/* ---- is there a value? (judge_possible.c) ----------------------------------------------- */

/* True where that was not settled. */
bool mlci_judge_possible(mlci_machine *m, mlci_fx a);
/* The same of what is left of a formula for objects, or arrays. */
bool mlci_judge_container_possible(mlci_machine *m, mlci_fx a, bool object);
/* How many values fit that are texts, null, true or false; UINT32_MAX: others do, or many. */
uint32_t mlci_judge_count(mlci_machine *m, mlci_fx a);
/* Do nothing but a few texts fit? */
bool mlci_judge_few_texts(mlci_machine *m, mlci_fx a);
/* What a table says of a member of a known name. */
mlci_fx mlci_judge_member_value(mlci_machine *m, const mlci_members *t, uint32_t name);
/* Of a plain list: may a member of a known name come? */
bool mlci_judge_allows(mlci_machine *m, uint32_t vec, uint32_t name, const mlci_shape *shape);
/* Does one name come before another where members have an order?  UINT32_MAX: others. */
bool mlci_shape_before(const mlci_shape *shape, uint32_t name, uint32_t other);

/* ---- members and items (judge_split.c) -------------------------------------------------- */

/* A member or an item comes: what is wanted of its value and, for each of these formulas,
 * what is wanted of the whole then.  Lists of formulas, and of lists; false: it cannot come. */
typedef struct mlci_split { uint32_t wants, pending; } mlci_split;
bool mlci_judge_member(mlci_machine *m, uint32_t vec, uint32_t name, uint64_t patterns,
                       const mlci_shape *shape, mlci_split *out);
bool mlci_judge_item(mlci_machine *m, uint32_t vec, mlci_split *out);
/* The formula of an object or array that ends here is TRUE: its place; -1: none. */
int32_t mlci_judge_close(mlci_machine *m, uint32_t vec);
/* After an item that is equal to another; after one that is this text, which then may not
 * come again. */
uint32_t mlci_judge_repeated(mlci_machine *m, uint32_t vec);
uint32_t mlci_judge_without(mlci_machine *m, uint32_t vec, uint32_t name);

#endif
