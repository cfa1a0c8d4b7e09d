/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - the serving engine, seen from inside.
 *
 * One thread steps: admit waiting requests to free sequences, run one batch of
 * prompt and decode rows, sample, publish.  Any thread submits, reads and
 * cancels.  What a step publishes is small - token numbers and how many bytes of
 * text are certain - so that the step thread allocates nothing; readers turn it
 * into text and JSON on their own time.
 *
 * Locking: engine->lock guards the queue, the ready list and the fields of a
 * request marked "shared".  Fields marked "step" belong to the step thread,
 * "reader" to whoever reads the request.
 */
#ifndef MLCI_ENGINE_H
#define MLCI_ENGINE_H

#include "../base/arena.h"
#include "../base/buf.h"
#include "../base/os.h"
#include "../model/model.h"

enum {
    MLCI_MAX_STOPS = 16,
    MLCI_MAX_STOP_BYTES = 256,
    MLCI_MAX_TOP_LOGPROBS = 20,
    MLCI_MAX_BIASES = 1024
};

typedef struct mlci_bias { int32_t id; float bias; } mlci_bias;

/* What a request asks for; made by api/params.c, then constant. */
typedef struct mlci_params {
    int32_t   *prompt;
    size_t     n_prompt;
    bool       chat, stream, ignore_end;
    float      temperature, top_p, min_p;
    float      repetition, presence, frequency;
    int32_t    top_k;             /* 0 = all                                   */
    uint64_t   seed;
    size_t     max_tokens;        /* 0 = as many as fit                        */
    mlci_bias *biases;
    size_t     n_biases;
    mlci_text  stops[2 * MLCI_MAX_STOPS];    /* the request's, the model's          */
    size_t     n_stops;
    bool       logprobs;
    uint32_t   top_logprobs;
    const char *model;            /* as the request named it, or the model's   */
} mlci_params;

typedef enum mlci_finish {
    MLCI_FINISH_NONE, MLCI_FINISH_STOP, MLCI_FINISH_LENGTH, MLCI_FINISH_CANCELLED,
    MLCI_FINISH_ERROR, MLCI_FINISH_CLOSED
} mlci_finish;

/* ---- sampler.c ------------------------------------------------------------------ */

typedef struct mlci_candidate_token { float logit, p; int32_t id; } mlci_candidate_token;

/* Room for the work, for all engines' requests in turn. */
typedef struct mlci_sampling {
    mlci_candidate_token *tokens; /* [vocab]                                   */
    float                *p;      /* [vocab]                                   */
} mlci_sampling;

typedef struct mlci_logprob {
    float   logprob;              /* of the chosen token                       */
    int32_t ids[MLCI_MAX_TOP_LOGPROBS];
    float   tops[MLCI_MAX_TOP_LOGPROBS];
} mlci_logprob;

typedef struct mlci_sampler {
    const mlc_context *ctx;
    const mlci_params *params;
    uint64_t  rng;
    uint32_t  vocab;
    uint16_t *counts;             /* [vocab] times generated; NULL if no penalty
                                     wants them                                */
    uint8_t  *in_prompt;          /* [vocab]                                   */
    int32_t  *seen;               /* distinct tokens so far                    */
    size_t    n_seen, seen_cap;
} mlci_sampler;

mlc_status mlci_sampler_open(mlci_sampler *s, mlc_context *ctx, const mlci_params *p,
                             uint32_t vocab, size_t max_tokens);
void mlci_sampler_close(mlci_sampler *s, mlc_context *ctx);

/* Choose a token.  logits [vocab] are changed; lp, if not NULL, gets the
 * log-probabilities of the distribution before penalties and temperature. */
int32_t mlci_sampler_pick(mlci_sampler *s, float *logits, mlci_sampling *scratch,
                          mlci_logprob *lp);

/* ---- output.c: from tokens to bytes that are certain ------------------------------ */

typedef struct mlci_output {
    mlc_detokenizer detok;
    uint64_t bytes;               /* text so far                               */
    uint64_t safe;                /* of these, certain not to be cut off       */
    char     tail[2 * MLCI_MAX_STOP_BYTES];  /* the last bytes                 */
    size_t   n_tail;
} mlci_output;

/* Add a token's text; true if a stop string is complete, safe then ends before
 * it.  id -1: the end, everything is safe.  buf: mlc_tokenizer_max_piece bytes. */
bool mlci_output_add(mlci_output *o, const mlci_params *p, const mlc_tokenizer *tok,
                     int32_t id, char *buf, size_t cap);

/* ---- requests and the engine -------------------------------------------------------- */

typedef enum mlci_request_state {
    MLCI_WAITING, MLCI_RUNNING, MLCI_FINISHED
} mlci_request_state;

struct mlc_request {
    mlc_engine  *engine;
    mlc_context *ctx;
    atomic_int   refs;            /* the caller, the engine while it runs      */
    void        *user;
    mlci_arena   arena;           /* params                                    */
    mlci_params  params;
    uint64_t     number;
    int64_t      created;         /* unix time                                 */
    atomic_bool  cancel;
    size_t       max_out;

    /* shared */
    mlci_request_state state;
    mlci_finish  finish;
    mlc_error    error;
    int32_t     *out;             /* [max_out] tokens                          */
    mlci_logprob *logprobs;       /* [max_out] or NULL                         */
    size_t       n_out, n_cached;
    uint64_t     safe_bytes;
    int64_t      t_submit, t_start, t_first, t_end;  /* us                     */
    mlc_request *next;            /* in the queue                              */
    mlc_request *next_ready;
    bool         is_ready;        /* is in the ready list                      */
    bool         closed;          /* by its owner                              */

    /* step */
    mlci_sampler sampler;
    mlci_output  output;
    int32_t      slot;            /* sequence, -1 = none                       */
    size_t       n_done;          /* tokens of prompt + out in the sequence    */

    /* reader */
    mlci_buf     text, json;
    mlci_buf     held;            /* read, but not certain yet: follows text   */
    mlc_detokenizer detok;
    size_t       n_read, n_logprobs_sent;
    uint64_t     sent;            /* bytes of text given out                   */
    bool         role_sent, finish_sent, done_sent;
};

typedef struct mlci_slot_state {
    mlc_request *request;         /* NULL: idle, its tokens are a cache        */
    uint64_t     last_used;
} mlci_slot_state;

typedef struct mlci_counters {
    uint64_t requests, finished, cancelled, refused, failed, preempted;
    uint64_t prompt_tokens, cached_tokens, output_tokens, steps;
    int64_t  busy_us;
} mlci_counters;

struct mlc_engine {
    mlc_context *ctx;
    mlc_model   *model;
    atomic_int   refs;            /* the caller, each request                  */
    mlci_mutex   lock;
    mlci_cond    work, news;      /* for the step thread, for readers          */
    mlci_thread  thread;
    bool         has_thread, stop;
    uint64_t     next_number;

    /* shared */
    mlc_request *queue, *queue_tail;
    size_t       n_queued, n_running, max_queued;
    mlc_request *ready, *ready_tail;
    mlci_counters counters;

    /* chat template, used by whoever submits */
    mlci_mutex    template_lock;
    mlc_template *chat_template;

    /* step */
    mlc_session  *session;
    mlci_slot_state *slots;
    uint32_t      n_slots, prefill_rows, max_rows;
    uint64_t      kv_tokens, clock;
    mlc_row      *rows;
    mlc_request **row_requests;   /* of the rows that want logits              */
    mlci_sampling scratch;
    char         *piece;          /* one token's text                          */
    size_t        piece_bytes;
};

/* engine.c */
mlc_status mlci_engine_open(mlc_model *model, const mlc_engine_options *opts,
                            mlc_engine **out, mlc_error *err);
void mlci_engine_unref(mlc_engine *e);
void mlci_request_unref(mlc_request *r);
/* Queue a request whose params are filled in; takes over the caller's hold on
 * failure only.  lock is taken inside. */
mlc_status mlci_engine_queue(mlc_engine *e, mlc_request *r, mlc_error *err);
/* With the lock held: readers of r have something new. */
void mlci_engine_publish(mlc_engine *e, mlc_request *r);
/* With the lock held: the request ends. */
void mlci_engine_finish(mlc_engine *e, mlc_request *r, mlci_finish why);

/* scheduler.c; step thread */
void mlci_schedule_admit(mlc_engine *e);
bool mlci_schedule_preempt(mlc_engine *e);
void mlci_schedule_release(mlc_engine *e, mlc_request *r);

/* step.c; one step, true if anything was done. */
bool mlci_engine_step(mlc_engine *e);

/* Tokens of prompt and output as one sequence. */
static inline int32_t mlci_request_token(const mlc_request *r, size_t i)
{
    return i < r->params.n_prompt ? r->params.prompt[i]
                                  : r->out[i - r->params.n_prompt];
}

static inline size_t mlci_request_length(const mlc_request *r)
{
    return r->params.n_prompt + r->n_out;
}

#endif
