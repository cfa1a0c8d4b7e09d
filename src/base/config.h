/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - what a model file says about itself, whatever its container.
 *
 * Keys and tensor names are GGUF's, without the architecture's prefix for keys
 * that have one: ".block_count" means "llama.block_count" in a llama file.  A
 * loader of another container translates its names to these.
 *
 * Everything here is borrowed from the loader and lives as long as the model.
 */
#ifndef MLCI_CONFIG_H
#define MLCI_CONFIG_H

#include "base.h"
#include "format.h"

#include <string.h>

typedef struct mlci_text { const char *p; size_t n; } mlci_text;

typedef enum mlci_value_type {
    MLCI_VALUE_UINT, MLCI_VALUE_INT, MLCI_VALUE_FLOAT, MLCI_VALUE_BOOL,
    MLCI_VALUE_TEXT, MLCI_VALUE_ARRAY
} mlci_value_type;

typedef struct mlci_value {
    mlci_value_type type;
    uint64_t  u;           /* UINT, BOOL; ARRAY: number of items             */
    int64_t   i;           /* INT                                            */
    double    f;           /* FLOAT                                          */
    mlci_text text;        /* TEXT                                           */
    mlci_value_type item;  /* ARRAY: type of its items                       */
    uint32_t  item_bytes;  /* ARRAY: size of one item, 0 for texts           */
    const unsigned char *items;  /* ARRAY: little-endian, unaligned; texts as
                                    a u64 length and the bytes each          */
} mlci_value;

/* How a tensor's rows are stored (load/tensor.c makes blocks of its format of them). */
typedef enum mlci_stored {
    MLCI_STORED_BLOCKS,    /* as they are                                    */
    MLCI_STORED_COLUMNS,   /* [columns, rows]: the matrix transposed         */
    MLCI_STORED_MLC,       /* words of codes and, apart, scales of groups    */
    MLCI_STORED_MLC_COLUMNS,   /* both transposed                            */
    MLCI_STORED_MXFP4,     /* codes in pairs side by side and, apart, scales */
    MLCI_STORED_FP8,       /* codes of 8 bits and, apart, scales of groups    */
    MLCI_STORED_GPTQ, MLCI_STORED_AWQ,    /* words of 8 codes, scales, zeros  */
    MLCI_STORED_PANELS     /* as products on the CPU read them (kernels/weight) */
} mlci_stored;

/* One tensor of the model's files.  dims[0] is the number of rows, dims[1] of columns
 * (the contiguous ones); a vector has rank 1 and its length in dims[0]. */
typedef struct mlci_tensor {
    mlci_text   name;
    mlci_format format;
    uint32_t    rank;
    uint64_t    dims[4];
    uint64_t    offset;    /* in the file                                    */
    uint64_t    n_bytes;
    uint32_t    file;      /* its number                                     */
    bool        plus_one;  /* a vector: 1 is to be added                     */
    bool        part;      /* of another one: counts for nothing by itself   */
    mlci_stored stored;
    /* It is a part of a larger one: row r is that one's (r / run) * stride + r % run,
     * counted from offset; run 0: they follow each other. */
    uint32_t    run, stride;
    uint64_t    first_row, all_rows;   /* of the larger one, where rows are no bytes of
                              their own (COLUMNS, MLC)                       */
    /* MLC: the scales', and whether they are bfloat16; bits of a code */
    uint64_t    scales;
    uint32_t    scales_file, bits;
    bool        scales_bf16;
    /* FP8, GPTQ, AWQ: columns and rows (FP8) that share a scale, whose format is source;
     * the zeros; bits 1: they are one less than they mean */
    uint32_t    group, group_rows, zeros_file;
    uint64_t    zeros;
    /* Its rows are floats of this format and become Q4_0 when they are read. */
    bool        coded;
    mlci_format source;
    /* Matrices of equal shape, one below the other, make it; n_parts 0: it is one.  Of the
     * members above only name, format, rank, dims and n_bytes count then. */
    const struct mlci_tensor *const *parts;
    uint32_t    n_parts;
} mlci_tensor;

typedef struct mlci_config {
    const void *impl;
    mlci_text   arch;
    bool (*find)(const void *impl, const char *key, size_t n, mlci_value *out);
    const mlci_tensor *(*tensor)(const void *impl, const char *name, size_t n);
    bool halves;           /* rows of q and k are as Hugging Face has them: the two halves
                              of a head are rotated pairs, whatever the architecture's
                              GGUF files have                                 */
    bool synthetic;        /* no file: every tensor has the shape that is asked
                              for (tools/kernelgen)                          */
} mlci_config;

/* Typed look-ups.  A missing key gives the default, or an error if there is
 * none (the _need forms); a key of another type or out of range is an error. */
bool mlci_config_find(const mlci_config *c, const char *key, mlci_value *out);
mlc_status mlci_config_u32(const mlci_config *c, const char *key,
                           uint32_t least, uint32_t most, uint32_t *v,
                           mlc_error *err);
mlc_status mlci_config_u32_or(const mlci_config *c, const char *key,
                              uint32_t least, uint32_t most, uint32_t missing,
                              uint32_t *v, mlc_error *err);
mlc_status mlci_config_float_or(const mlci_config *c, const char *key,
                                double missing, float *v, mlc_error *err);
mlc_status mlci_config_bool_or(const mlci_config *c, const char *key,
                               bool missing, bool *v, mlc_error *err);
/* An absent text gives an empty one. */
mlc_status mlci_config_text(const mlci_config *c, const char *key, mlci_text *v,
                            mlc_error *err);

const mlci_tensor *mlci_config_tensor(const mlci_config *c, const char *name);

static inline bool mlci_text_is(mlci_text t, const char *s)
{
    size_t i = 0;

    while (i < t.n && s[i] != 0 && s[i] == t.p[i])
        i++;
    return i == t.n && s[i] == 0;
}

static inline bool mlci_text_ends(mlci_text t, const char *with)
{
    const size_t n = strlen(with);

    return t.n >= n && memcmp(t.p + t.n - n, with, n) == 0;
}

/* Is it one of a list, between spaces? */
static inline bool mlci_text_listed(mlci_text t, const char *list)
{
    for (size_t n; *list != 0; list += n + (list[n] == ' ')) {
        n = strcspn(list, " ");
        if (n == t.n && memcmp(list, t.p, n) == 0)
            return true;
    }
    return false;
}

#endif
