/* SPDX-License-Identifier: Apache-2.0
 *
 * formula.h - what is still wanted of a JSON value: and, or, not and "exactly one of"
 * over conditions (atoms).
 *
 * A formula is a number; the same formula has the same number.  Each atom speaks of one
 * type of value and holds of all others, as JSON Schema's keywords do.  Atoms about objects
 * and arrays are residuals: what is left of them after the members that were read.
 */
#ifndef MLCI_FORMULA_H
#define MLCI_FORMULA_H

#include "tuple.h"

typedef uint32_t mlci_fx;

enum { MLCI_FX_FALSE, MLCI_FX_TRUE };

typedef enum mlci_fx_kind {
    MLCI_FX_CONST, MLCI_FX_AND, MLCI_FX_OR, MLCI_FX_ONE, MLCI_FX_NOT, MLCI_FX_ATOM
} mlci_fx_kind;

/* Types of values, as bits; true and false apart. */
enum {
    MLCI_V_NULL = 1, MLCI_V_TRUE = 2, MLCI_V_FALSE = 4, MLCI_V_NUMBER = 8, MLCI_V_STRING = 16,
    MLCI_V_OBJECT = 32, MLCI_V_ARRAY = 64, MLCI_V_ALL = 127, MLCI_V_TYPES = 7
};

typedef enum mlci_claim_kind {
    MLCI_AT_TYPE,      /* a: types                                                 */
    MLCI_AT_REF,       /* a: a schema                                              */
    MLCI_AT_STRING,    /* a: language of the text                                  */
    MLCI_AT_LENGTH,    /* a to b code points                                       */
    MLCI_AT_NUMBER,    /* a: language of the text                                  */
    MLCI_AT_MULTIPLE,  /* a: number of a divisor                                   */
    MLCI_AT_MEMBERS,   /* a: table of members; each fits what the table says of it */
    MLCI_AT_HAS,       /* a: name; a member of this name comes                     */
    MLCI_AT_MORE,      /* a or more members come                                   */
    MLCI_AT_NAMES,     /* a: formula for names                                     */
    MLCI_AT_ITEMS,     /* a: table of items, b: number of the next one             */
    MLCI_AT_LONGER,    /* a or more items come                                     */
    MLCI_AT_CONTAINS,  /* b or more items that fit formula a come                  */
    MLCI_AT_UNIQUE,    /* no item is equal to another                              */
    MLCI_AT_KINDS
} mlci_claim_kind;

typedef struct mlci_claim { mlci_claim_kind kind; uint32_t a, b; } mlci_claim;

/* Formulas are lists in t: kind, then members, or atom, a, b. */
mlci_fx mlci_fx_open(mlci_tuples *t);      /* MLCI_FX_TRUE; UINT32_MAX: out of memory */
mlci_fx mlci_fx_atom(mlci_tuples *t, mlci_claim_kind kind, uint32_t a, uint32_t b);
mlci_fx mlci_fx_not(mlci_tuples *t, mlci_fx a);
/* kind: AND, OR or ONE.  The list is sorted and changed. */
mlci_fx mlci_fx_list(mlci_tuples *t, mlci_fx_kind kind, mlci_fx *items, uint32_t n);
mlci_fx mlci_fx_and(mlci_tuples *t, mlci_fx a, mlci_fx b);
mlci_fx mlci_fx_or(mlci_tuples *t, mlci_fx a, mlci_fx b);

mlci_fx_kind mlci_fx_kind_of(const mlci_tuples *t, mlci_fx a);
/* Members of a list, or the one of a negation. */
const mlci_fx *mlci_fx_items(const mlci_tuples *t, mlci_fx a, uint32_t *n);
mlci_claim mlci_fx_atom_of(const mlci_tuples *t, mlci_fx a);

/* Each atom, until fn says false. */
typedef bool mlci_fx_look(void *user, const mlci_claim *what);
bool mlci_fx_each(const mlci_tuples *t, mlci_fx a, mlci_fx_look *fn, void *user);

/* The formula with each atom replaced by fn's formula for it. */
typedef mlci_fx mlci_fx_fn(void *user, mlci_fx atom, const mlci_claim *what);
mlci_fx mlci_fx_map(mlci_tuples *t, mlci_fx a, mlci_fx_fn *fn, void *user);

#endif
