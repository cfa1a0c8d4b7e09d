/* SPDX-License-Identifier: Apache-2.0
 *
 * dim.h - symbolic dimensions.
 *
 * A dim is a polynomial with integer coefficients over named symbols ("n" rows
 * of a step, "r" rows with logits).  Every dim is kept in one canonical form -
 * terms sorted, like terms collected - and stored once, so two dims are equal
 * exactly if their numbers are: 2*n + n and 3*n get the same one.
 *
 * Each symbol has an upper bound, and every coefficient that occurs in practice
 * is positive, so a polynomial's bound is its value at the bounds.
 */
#ifndef MLCI_DIM_H
#define MLCI_DIM_H

#include "../base/arena.h"

enum { MLCI_MAX_SYMBOLS = 4, MLCI_MAX_TERMS = 6 };

typedef uint32_t mlci_dim;      /* 0 is the dim 0                              */

typedef struct mlci_term {
    int64_t coef;
    uint8_t power[MLCI_MAX_SYMBOLS];
} mlci_term;

typedef struct mlci_poly {
    uint32_t  n;                /* terms, none for zero                        */
    mlci_term terms[MLCI_MAX_TERMS];
} mlci_poly;

typedef struct mlci_dims {
    mlci_arena *arena;
    mlci_poly  *polys;
    size_t      n, cap;
    const char *symbols[MLCI_MAX_SYMBOLS];
    uint64_t    bounds[MLCI_MAX_SYMBOLS];
    uint32_t    n_symbols;
    bool        failed;         /* out of memory, too many terms, overflow     */
} mlci_dims;

void     mlci_dims_init(mlci_dims *d, mlci_arena *arena);
mlci_dim mlci_dim_const(mlci_dims *d, int64_t v);
mlci_dim mlci_dim_symbol(mlci_dims *d, const char *name, uint64_t bound);
mlci_dim mlci_dim_add(mlci_dims *d, mlci_dim a, mlci_dim b);
mlci_dim mlci_dim_mul(mlci_dims *d, mlci_dim a, mlci_dim b);

/* The value as a constant; false if it has a symbol in it. */
bool mlci_dim_known(const mlci_dims *d, mlci_dim a, int64_t *v);

/* The value with these values of the symbols; SIZE_MAX if it does not fit. */
uint64_t mlci_dim_at(const mlci_dims *d, mlci_dim a,
                     const uint64_t values[MLCI_MAX_SYMBOLS]);

/* "4*n + 1" */
void mlci_dim_print(const mlci_dims *d, mlci_dim a, char *buf, size_t cap);

#endif
