/* SPDX-License-Identifier: Apache-2.0
 *
 * hf.h - model directories as Hugging Face (config.json, safetensors) and MLC have them.
 */
#ifndef MLCI_HF_H
#define MLCI_HF_H

#include "../base/json.h"
#include "files.h"
#include "safetensors.h"

mlc_status mlci_hf_open(mlci_files *f, const char *path, mlc_error *err);

/* The same for MLC's directories: mlc-chat-config.json and shards (mlc.c). */
mlc_status mlci_mlc_open(mlci_files *f, const char *path, mlc_error *err);

/* ---- what directories of other containers share (hf_config.c, hf_names.c) ---------------- */

/* A configuration's members as keys with GGUF's names; type: its model_type; arch: the
 * architecture's name. */
mlc_status mlci_hf_config(mlci_files *f, const mlci_json *config, const mlci_json *type,
                          const char **arch, mlc_error *err);

/* tokenizer.json and what is beside it as keys; nothing, if there is none.  conv: MLC's
 * conv_template, which wins over a Jinja one; may be NULL.  n_tokens: rows of the embedding;
 * those that no token has are unused. */
mlc_status mlci_hf_tokenizer(mlci_files *f, const char *path, const mlci_json *config,
                             const mlci_json *conv, uint64_t n_tokens, mlc_error *err);
/* A sentencepiece model (spm.c), by its name in the directory, likewise.  *n: at least so
 * many tokens, then how many there are, 0: there is no such file. */
mlc_status mlci_spm_tokenizer(mlci_files *f, const char *dir, const char *name, uint32_t *n,
                              mlc_error *err);
/* A conv_template as a Jinja template, in the arena; tokens: their texts. */
mlc_status mlci_mlc_template(mlci_arena *arena, const mlci_json *conv, const mlci_text *tokens,
                             uint32_t n_tokens, mlci_text *out, mlc_error *err);
/* The end of both: tensors are indexed, the tokenizer read, keys indexed again. */
mlc_status mlci_hf_finish(mlci_files *f, const char *path, const mlci_json *config,
                          const mlci_json *conv, mlc_error *err);

/* A tensor's name, taken apart: what it is in GGUF's names, and how it lies there. */
typedef enum mlci_hf_part {
    MLCI_HF_WHOLE, MLCI_HF_QKV,       /* rows of q, then k, then v               */
    MLCI_HF_QKV_HEADS,                /* q, k, v of each head in turn            */
    MLCI_HF_EXPERT,                   /* one of a layer's experts                */
    MLCI_HF_GATE_UP_EXPERTS,          /* [experts, gate's rows, up's, columns]   */
    MLCI_HF_GATE_UP, MLCI_HF_SKIP, MLCI_HF_UNKNOWN
} mlci_hf_part;

typedef struct mlci_hf_name {
    mlci_hf_part part;
    char         name[96];            /* without ".weight"; WHOLE                */
    int64_t      layer;               /* -1: of no layer                         */
    int64_t      expert;
    char         rest[32];            /* ".weight", ".bias"                      */
    bool         norm;                /* a norm's gain                           */
} mlci_hf_name;

/* post_norms: the norm behind the attention is not the one before the feed-forward part. */
void mlci_hf_name_of(mlci_text name, bool post_norms, mlci_hf_name *out);
/* The name that it has here: "blk.3.attn_q.weight" for to "attn_q", rest ".weight"; its length,
 * as snprintf has it. */
int mlci_hf_name_text(const mlci_hf_name *n, const char *to, const char *rest, char *buf,
                      size_t cap);
/* Is it one of a layer's experts, all in one? */
bool mlci_hf_experts(mlci_text name, int64_t *layer, mlci_text *rest);

/* A file's name out of an index, if it is one and stays in the directory. */
enum { MLCI_HF_NAME = 200 };
bool mlci_hf_file_name(const mlci_json *v, char name[MLCI_HF_NAME]);

/* What the directory is made of, by its keys, which it indexes. */
typedef struct mlci_hf_shape {
    uint32_t n_heads, n_kv_heads, head_dim, width, ffn, n_experts, expert_ffn,
             shared_ffn;
} mlci_hf_shape;
mlc_status mlci_hf_shape_of(mlci_files *f, mlci_hf_shape *shape, mlc_error *err);
/* Does this architecture have a norm of its own behind the attention? */
bool mlci_hf_post_norms(const char *arch);

/* gpt-oss (hf_oss.c): a tensor behind a layer's "mlp.experts."; what is in two tensors, once
 * the directory is indexed. */
mlc_status mlci_hf_oss_put(mlci_files *f, const mlci_stored_tensor *s, uint32_t file,
                           int64_t layer, mlci_text rest, const mlci_hf_shape *shape,
                           mlc_error *err);
mlc_status mlci_hf_oss_join(mlci_files *f, const mlci_config *c, uint32_t n_layers,
                            mlc_error *err);

/* Matrices that are codes (hf_quant.c), by what config.json says. */
typedef enum mlci_hf_codes { MLCI_HF_PLAIN, MLCI_HF_FP8, MLCI_HF_GPTQ, MLCI_HF_AWQ }
    mlci_hf_codes;
typedef struct mlci_hf_quant {
    mlci_hf_codes kind;
    uint32_t      group;              /* columns that share a scale, 0: all      */
    bool          symmetric;          /* zeros are all 8                         */
    bool          zero_plus;          /* they are written one less               */
} mlci_hf_quant;
mlc_status mlci_hf_quant_read(const mlci_json *config, mlci_hf_quant *q, mlc_error *err);
/* Is it one of the tensors of such a matrix?  Then it is put aside. */
bool mlci_hf_quant_put(mlci_files *f, const mlci_stored_tensor *s, uint32_t file, bool post_norms,
                       mlc_status *st, mlc_error *err);
/* Once the directory is indexed: they become tensors. */
mlc_status mlci_hf_quant_join(mlci_files *f, const mlci_hf_quant *q, mlc_error *err);

/* Put a tensor (its name is the file's) under the name or names it has here. */
mlc_status mlci_hf_put(mlci_files *f, const mlci_hf_name *n, const mlci_tensor *t,
                       const mlci_hf_shape *shape, mlc_error *err);

#endif
