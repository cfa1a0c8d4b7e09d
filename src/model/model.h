/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h - an open model and a session on it, seen from inside.
 */
#ifndef MLCI_MODEL_H
#define MLCI_MODEL_H

#include "../../models/models.h"
#include "../load/files.h"
#include "../runtime/backend.h"
#include "../text/tokenizer.h"
#include "kv.h"

typedef struct mlci_metadata { const char *key, *value; } mlci_metadata;

/* What a request that says nothing about sampling gets. */
typedef struct mlci_sampling_defaults { float temperature, top_p, repetition; uint32_t top_k; }
    mlci_sampling_defaults;

struct mlc_model {
    mlc_context   *ctx;
    atomic_int     refs;
    mlci_files     files;
    mlci_config    config;
    mlci_arena     arena;         /* graph, plan, texts                        */
    mlci_module    module;
    mlci_plan      plan;
    mlci_decoder   decoder;
    const mlci_backend *backend;
    mlci_weights  *weights;       /* NULL with MLC_MODEL_NO_WEIGHTS            */
    mlc_tokenizer *tokenizer;     /* NULL: a directory without one             */
    mlci_comm     *comm;          /* of the ranks, NULL: one                   */
    const char    *arch, *name, *format;
    const char    *chat_template; /* NULL if the file has none                 */
    size_t         chat_template_bytes;
    mlci_sampling_defaults sampling;
    mlci_text     *stops;         /* [n_stops] texts at which chats stop        */
    size_t         n_stops;
    mlci_metadata *metadata;
    size_t         n_metadata;
    uint64_t       n_parameters, hash;
};

void mlci_model_ref(mlc_model *m);

/* What a graph is compiled for. */
typedef struct mlci_goal {
    const char *without;       /* passes to leave out, between commas; NULL: none    */
    mlci_target target;
    bool      (*has_kernel)(const void *catalogue, uint64_t hash);
    const void *catalogue;
    uint32_t    rank, n_ranks; /* n_ranks 0 or 1: one has all                        */
} mlci_goal;

/* The model's graph in a module of its own, and its plan.  trace may be NULL. */
mlc_status mlci_model_compile(const mlci_config *config, const mlci_goal *goal,
                              mlci_arena *arena, mlci_module *module, mlci_decoder *decoder,
                              mlci_plan *plan, mlci_trace_fn *trace, void *user, mlc_error *err);

/* A model opened in a way that is not everybody's: passes left out, or as one rank of
 * several, whose comm outlives it.  how may be NULL. */
typedef struct mlci_how {
    const char *without;
    mlci_comm  *comm;
} mlci_how;
mlc_status mlci_model_open(mlc_context *ctx, const char *path, const mlc_source *source,
                           const mlc_model_options *opts, const mlci_how *how,
                           mlc_model **out, mlc_error *err);

/* Two thin matrices for each weight that an adapter has some for (adapter.c). */
struct mlc_adapter {
    mlc_model     *model;
    atomic_int     refs;
    mlci_arena     arena;
    mlci_low_rank *of;            /* [n_nodes] of the model's graph            */
    uint32_t       rank;          /* the largest                               */
};

void mlci_adapter_ref(mlc_adapter *a);

struct mlc_session {
    mlc_model     *model;
    mlc_adapter  **adapters;      /* [n_sequences], NULL: none                 */
    const mlci_low_rank **low;    /* one step's rows                           */
    bool           any_adapter;
    mlci_executor  *program;
    mlci_kv        kv;
    uint32_t       max_rows, max_logits;
    /* one step's rows */
    int32_t       *tokens, *positions, *logit_rows;
    const float  **embeddings;
    uint8_t *const **pages[MLCI_MAX_POOLS];
    uint32_t       n_logits;      /* of the last eval                          */
    uint64_t      *counts;        /* [n_sequences] rows of a batch             */
    atomic_bool    cancel;
};

/* Is there a sequence of this number? */
static inline bool mlci_session_has(const mlc_session *s, int32_t sequence)
{
    return s != NULL && sequence >= 0 && (uint32_t)sequence < s->kv.n_sequences;
}

#endif
