/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.h - a model as an MLC directory: which tensors it has, their codes, its files.
 *
 * The way: the source's directory gives tensors under GGUF's names; the plan (plan.c) says
 * which of MLC's tensors are made of them and in which file each lies, all before the first
 * weight is read; then each file is written under another name, checked and renamed, and
 * the two files that make it a model come last.  What was finished is written down in a
 * journal beside them, so that a conversion that was killed goes on where it was.
 */
#ifndef MLCI_CONVERT_H
#define MLCI_CONVERT_H

#include "../base/buf.h"
#include "../load/files.h"
#include "../load/scheme.h"

/* ---- the plan ------------------------------------------------------------------------------ */

enum { MLCI_CONVERT_NAME = 120, MLCI_CONVERT_PARTS = 3 };

/* One of MLC's tensors: rows of up to three of the source's, one below the other; those of
 * experts alternate, expert by expert. */
typedef struct mlci_out {
    char     name[MLCI_CONVERT_NAME];   /* with ".weight" or ".bias"               */
    const mlci_tensor *parts[MLCI_CONVERT_PARTS];
    uint32_t n_parts, n_experts;        /* n_experts 0: it is not of experts       */
    uint64_t rows, columns;             /* columns 1: a vector                     */
    uint32_t pairs;                     /* rows of heads of this size lie in pairs; 0: not;
                                           only of parts before the third         */
    bool     columns_first;             /* codes and scales are stored transposed     */
    bool     quantized, search;         /* search: for the scales that lose least  */
    const float *importance[MLCI_CONVERT_PARTS];   /* of the columns, NULL: alike      */
    uint32_t shard;                     /* its codes' or values' place, scales behind */
    uint64_t offset, bytes, scale_shard, scale_offset, scale_bytes;
} mlci_out;

typedef struct mlci_shard { uint64_t bytes; uint32_t first; char md5[33]; bool done; } mlci_shard;

/* What comes to a tensor's columns: means of squares. */
typedef struct mlci_importance { const char *name; uint32_t columns; const float *w; }
    mlci_importance;

typedef struct mlci_plan_out {
    mlci_arena  arena;
    mlci_out   *items;
    uint32_t    n, cap;
    mlci_shard *shards;
    uint32_t    n_shards;
    uint64_t    bytes;
    mlci_importance *importance;
    uint32_t    n_importance;
} mlci_plan_out;

/* calibrate.c: the model reads the text; what comes to its matrices goes to the plan. */
mlc_status mlci_convert_calibrate(mlci_plan_out *p, mlc_context *ctx, const char *from,
                                  const char *text, mlc_error *err);
/* Search for scales, by what calibration found if there was one. */
void mlci_convert_search(mlci_plan_out *p);

mlc_status mlci_convert_plan(mlci_plan_out *p, const mlci_files *f, const mlci_config *c,
                             const mlci_scheme *s, mlc_error *err);

/* ---- rows ---------------------------------------------------------------------------------- */

/* A tensor's codes (or values, cast) and scales, made by all threads; both freed by the
 * caller with mlci_delete. */
typedef struct mlci_out_data { uint8_t *codes, *scales; } mlci_out_data;
mlc_status mlci_convert_rows(const mlci_files *f, const mlci_out *o, const mlci_scheme *s,
                             mlci_out_data *data, mlc_error *err);

/* ---- texts --------------------------------------------------------------------------------- */

/* mlc-chat-config.json; tokenizer_files: names that were written, between spaces. */
mlc_status mlci_convert_config(const mlci_files *f, const mlci_config *c, const mlci_scheme *s,
                               const char *tokenizer_files, mlci_buf *out, mlc_error *err);
/* A GGUF file's vocabulary as tokenizer.json; what is beside it as tokenizer_config.json. */
mlc_status mlci_convert_tokenizer(const mlci_config *c, mlc_context *ctx, mlci_buf *out,
                                  mlc_error *err);
mlc_status mlci_convert_tokenizer_config(const mlci_config *c, mlci_buf *out, mlc_error *err);

#endif
