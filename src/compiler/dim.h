/* SPDX-License-Identifier: Apache-2.0
 *
 * dim.h - symbolic integers: dimensions, loop bounds and buffer indices.
 *
 * A dim is a polynomial with integer coefficients over atoms.  An atom is a
 * symbol ("n" rows of a step, a loop variable), or a quotient or remainder of
 * two dims that nothing simpler is known for.  Every dim is kept in one canonical
 * form - terms sorted, like terms collected, quotients taken out of what they
 * divide - and stored once, so two dims are equal if their numbers are:
 * 2*n + n and 3*n get the same one, and so do (n*4)/4 and n, and 8*(k/8) + k%8
 * and k.  Different numbers prove nothing: then only a run can tell.
 *
 * Symbols are never negative, and most have an upper bound.  Division rounds
 * towards minus infinity; a remainder has the sign of the divisor.
 */
#ifndef MLCI_DIM_H
#define MLCI_DIM_H

#include "../base/arena.h"

enum { MLCI_MAX_TERMS = 8, MLCI_MAX_FACTORS = 4 };

typedef uint32_t mlci_dim;      /* 0 is the dim 0                              */

typedef struct mlci_term {
    int64_t  coef;
    uint16_t factor[MLCI_MAX_FACTORS];  /* atoms, rising; 0 = none             */
} mlci_term;

typedef struct mlci_poly {
    uint32_t  n;                /* terms, none for zero                        */
    mlci_term terms[MLCI_MAX_TERMS];
} mlci_poly;

typedef enum mlci_atom_kind { MLCI_SYMBOL, MLCI_QUOTIENT, MLCI_REMAINDER } mlci_atom_kind;

typedef struct mlci_atom {
    mlci_atom_kind kind;
    const char    *name;        /* symbol                                      */
    int64_t        most;        /* symbol: upper bound, INT64_MAX = unknown    */
    mlci_dim       a, b;        /* a / b, a % b                                */
} mlci_atom;

typedef struct mlci_dims {
    mlci_arena *arena;
    mlci_poly  *polys;
    size_t      n, cap;
    uint32_t   *table;          /* hash -> number + 1, open addressing         */
    size_t      table_cap;
    mlci_atom  *atoms;          /* atom 0 is none                              */
    uint32_t    n_atoms, atoms_cap;
    bool        failed;         /* out of memory, too complex, overflow        */
    bool        no_memory;      /* the first of these                          */
} mlci_dims;

/* Not a dim: one that only a run can tell.  No function here takes it. */
#define MLCI_DIM_ANY (UINT32_MAX - 1)

/* Entry of a substitution: the atom stays. */
#define MLCI_DIM_SAME UINT32_MAX

void     mlci_dims_init(mlci_dims *d, mlci_arena *arena);
mlci_dim mlci_dim_const(mlci_dims *d, int64_t v);
/* The symbol of that name, made if there is none; a new one whatever the name. */
mlci_dim mlci_dim_symbol(mlci_dims *d, const char *name, int64_t most);
mlci_dim mlci_dim_fresh(mlci_dims *d, const char *name, int64_t most);
mlci_dim mlci_dim_add(mlci_dims *d, mlci_dim a, mlci_dim b);
mlci_dim mlci_dim_sub(mlci_dims *d, mlci_dim a, mlci_dim b);
mlci_dim mlci_dim_mul(mlci_dims *d, mlci_dim a, mlci_dim b);
mlci_dim mlci_dim_div(mlci_dims *d, mlci_dim a, mlci_dim b);
mlci_dim mlci_dim_mod(mlci_dims *d, mlci_dim a, mlci_dim b);

/* The value as a constant; false if it has a symbol in it. */
bool mlci_dim_known(const mlci_dims *d, mlci_dim a, int64_t *v);
/* The dim that is this atom. */
mlci_dim mlci_dim_of(mlci_dims *d, uint32_t atom);
/* The atom if the dim is nothing but a symbol, else 0. */
uint32_t mlci_dim_atom(const mlci_dims *d, mlci_dim a);
bool mlci_dim_uses(const mlci_dims *d, mlci_dim a, uint32_t atom);
/* Bounds that hold for all values of the symbols; INT64_MIN or MAX: unknown. */
void mlci_dim_range(const mlci_dims *d, mlci_dim a, int64_t *low, int64_t *high);

/* With map[atom] in place of each symbol (n entries, MLCI_DIM_SAME: keep). */
mlci_dim mlci_dim_subst(mlci_dims *d, mlci_dim a, const mlci_dim *map, uint32_t n);

/* a = c * s + rest for one symbol s without an entry in the map: give it (b - rest) /
 * c if that has no remainder.  false: there is none. */
bool mlci_dim_solve(mlci_dims *d, mlci_dim a, mlci_dim b, mlci_dim *map, uint32_t n);

/* The value for these values of the symbols, by atom number (n entries); false
 * if a symbol has none, at a division by zero and when it does not fit. */
bool mlci_dim_at(const mlci_dims *d, mlci_dim a, const int64_t *values, uint32_t n,
                 int64_t *out);

/* "4*n + 1", "n/32" */
void mlci_dim_print(const mlci_dims *d, mlci_dim a, char *buf, size_t cap);

#endif
