/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors.h - the header of a safetensors file (huggingface.co/docs/safetensors).
 */
#ifndef MLCI_SAFETENSORS_H
#define MLCI_SAFETENSORS_H

#include "../base/arena.h"
#include "../base/config.h"
#include "source.h"

/* Types of numbers; the names are the format's. */
#define MLCI_ST_TYPES(X)                                                       \
    X(F64, 8) X(F32, 4) X(F16, 2) X(BF16, 2) X(F8_E4M3, 1) X(F8_E5M2, 1)       \
    X(I64, 8) X(I32, 4) X(I16, 2) X(I8, 1) X(U8, 1) X(U32, 4) X(BOOL, 1)

typedef enum mlci_st_type {
#define X(name, bytes) MLCI_ST_##name,
    MLCI_ST_TYPES(X)
#undef X
    MLCI_ST_COUNT
} mlci_st_type;

typedef struct mlci_stored_tensor {
    mlci_text    name;
    mlci_st_type type;
    uint32_t     rank;
    uint64_t     dims[4];
    uint64_t     offset, n_bytes;     /* in the file                             */
} mlci_stored_tensor;

const char *mlci_st_type_name(mlci_st_type t);
uint32_t    mlci_st_type_bytes(mlci_st_type t);

/* Called for each tensor; an error ends the reading. */
typedef mlc_status mlci_stored_fn(void *user, const mlci_stored_tensor *t, mlc_error *err);

/* The header of a file of file_size bytes, of which head[0..n) are the first.  Nothing in
 * it is trusted; names lie in head or the arena. */
mlc_status mlci_safetensors_parse(mlci_arena *arena, const unsigned char *head, size_t n,
                                  uint64_t file_size, mlci_stored_fn *fn, void *user,
                                  mlc_error *err);
mlc_status mlci_safetensors_open(mlci_arena *arena, const mlci_source *file, mlci_stored_fn *fn,
                                 void *user, mlc_error *err);

#endif
