/* SPDX-License-Identifier: Apache-2.0
 *
 * dtype.h - types of elements.  X(NAME, text, bytes, value type).
 *
 * Memory holds any of them; an expression computes with five: f32, i32, u32,
 * index (64 bits, what dims and loop variables are) and bool.  The value type is
 * what a load of the element gives.
 */
#ifndef MLCI_DTYPE_H
#define MLCI_DTYPE_H

#include <stdint.h>

#define MLCI_DTYPES(X)                                                         \
    X(F32, "f32", 4, F32)     X(F16, "f16", 2, F32)   X(BF16, "bf16", 2, F32)  \
    X(I8, "i8", 1, I32)       X(U8, "u8", 1, I32)     X(I16, "i16", 2, I32)    \
    X(U16, "u16", 2, I32)     X(I32, "i32", 4, I32)   X(U32, "u32", 4, U32)    \
    X(INDEX, "index", 8, INDEX) X(BOOL, "bool", 1, BOOL)                       \
    X(STORED, "stored", 0, STORED)  /* a weight as its file has it          */ \
    X(STATE, "state", 0, STATE)     /* a sequence's state after an append   */ \
    X(SHAPE, "shape", 0, SHAPE)     /* a list of dims as a value            */

typedef enum mlci_dtype {
#define X(name, text, bytes, value) MLCI_DT_##name,
    MLCI_DTYPES(X)
#undef X
    MLCI_DT_COUNT
} mlci_dtype;

typedef struct mlci_dtype_info {
    const char *name;
    uint32_t    bytes;
    mlci_dtype  value;
} mlci_dtype_info;

extern const mlci_dtype_info mlci_dtype_table[MLCI_DT_COUNT];

#endif
