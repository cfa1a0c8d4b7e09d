/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - opening and closing, the queue, the step thread.
 */
#include "engine.h"

#include <string.h>

enum {
    EN_OPTIONS_V0 = sizeof(mlc_engine_options),
    EN_SEQUENCES = 4,
    EN_ROWS = 256,
    EN_QUEUED = 256,
    EN_MAX_SEQUENCES = 1024,
    EN_MAX_ROWS = 1 << 15
};

/* ---- requests ------------------------------------------------------------------------ */

void mlci_request_unref(mlc_request *r)
{
    mlc_context *ctx;
    mlc_engine *e;

    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    ctx = r->ctx;
    e = r->engine;
    mlci_delete(ctx, r->out, r->max_out, sizeof *r->out);
    mlci_delete(ctx, r->logprobs, r->max_out, sizeof *r->logprobs);
    mlci_sampler_close(&r->sampler, ctx);
    mlci_buf_reset(&r->text);
    mlci_buf_reset(&r->held);
    mlci_buf_reset(&r->json);
    mlci_arena_reset(&r->arena);
    mlci_delete(ctx, r, 1, sizeof *r);
    mlci_engine_unref(e);
}

void mlci_engine_publish(mlc_engine *e, mlc_request *r)
{
    if (!r->is_ready && !r->closed) {
        r->is_ready = true;
        r->next_ready = NULL;
        if (e->ready_tail != NULL)
            e->ready_tail->next_ready = r;
        else
            e->ready = r;
        e->ready_tail = r;
        atomic_fetch_add(&r->refs, 1);  /* the list's hold */
    }
    mlci_os_wake_all(&e->news);
}

void mlci_engine_finish(mlc_engine *e, mlc_request *r, mlci_finish why)
{
    r->state = MLCI_FINISHED;
    r->finish = why;
    r->t_end = mlci_os_now_us();
    e->counters.finished += why == MLCI_FINISH_STOP || why == MLCI_FINISH_LENGTH;
    e->counters.cancelled += why == MLCI_FINISH_CANCELLED;
    e->counters.failed += why == MLCI_FINISH_ERROR;
    mlci_engine_publish(e, r);
}

mlc_status mlci_engine_queue(mlc_engine *e, mlc_request *r, mlc_error *err)
{
    const mlci_params *p = &r->params;
    size_t room;
    mlc_status st;

    if (p->n_prompt == 0)
        return mlci_fail(err, MLC_EINVAL, 0, "the prompt is empty");
    if (p->n_prompt + 1 > e->kv_tokens)
        return mlci_fail(err, MLC_EKVFULL, 0, "the prompt has %zu tokens, the KV cache "
                         "holds %llu", p->n_prompt, (unsigned long long)e->kv_tokens);
    room = (size_t)e->kv_tokens - p->n_prompt;
    r->max_out = p->max_tokens > 0 && p->max_tokens < room ? p->max_tokens : room;
    r->out = mlci_new(e->ctx, r->max_out, sizeof *r->out);
    if (p->logprobs)
        r->logprobs = mlci_new(e->ctx, r->max_out, sizeof *r->logprobs);
    st = mlci_sampler_open(&r->sampler, e->ctx, p, e->model->decoder.vocab, r->max_out);
    if (r->out == NULL || (p->logprobs && r->logprobs == NULL) || st != MLC_OK)
        return mlci_nomem(err, "request");
    r->t_submit = mlci_os_now_us();
    mlci_os_lock(&e->lock);
    if (e->stop || e->n_queued >= e->max_queued) {
        bool stop = e->stop;

        e->counters.refused++;
        mlci_os_unlock(&e->lock);
        return stop ? mlci_fail(err, MLC_ECLOSED, 0, "the engine is closed")
                    : mlci_fail(err, MLC_EKVFULL, 0, "%zu requests are waiting already: "
                                "try again later", e->max_queued);
    }
    r->number = ++e->next_number;
    atomic_fetch_add(&r->refs, 1);  /* the engine's hold until it ends */
    if (e->queue_tail != NULL)
        e->queue_tail->next = r;
    else
        e->queue = r;
    e->queue_tail = r;
    e->n_queued++;
    e->counters.requests++;
    e->counters.prompt_tokens += p->n_prompt;
    mlci_os_wake_all(&e->work);
    mlci_os_unlock(&e->lock);
    return MLC_OK;
}

/* ---- the step thread -------------------------------------------------------------------- */

static void en_thread(void *arg)
{
    mlc_engine *e = arg;

    for (;;) {
        bool stop;

        mlci_os_lock(&e->lock);
        while (!e->stop && e->queue == NULL && e->n_running == 0)
            mlci_os_wait(&e->work, &e->lock);
        stop = e->stop;
        mlci_os_unlock(&e->lock);
        if (stop)
            return;
        (void)mlci_engine_step(e);
    }
}

/* ---- opening ------------------------------------------------------------------------------ */

void mlc_engine_options_init_sized(mlc_engine_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

static mlc_status en_open(mlc_engine *e, const mlc_engine_options *o, mlc_error *err)
{
    mlc_session_options so;
    mlc_status st;

    if (e->model->tokenizer == NULL)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "the model has no tokenizer");
    mlc_session_options_init(&so);
    so.n_sequences = e->n_slots = o->max_sequences != 0 ? o->max_sequences : EN_SEQUENCES;
    e->prefill_rows = o->prefill_rows != 0 ? o->prefill_rows : EN_ROWS;
    e->max_rows = e->prefill_rows + e->n_slots;
    e->max_queued = o->max_queued != 0 ? o->max_queued : EN_QUEUED;
    e->kv_tokens = o->kv_tokens != 0 ? o->kv_tokens : e->model->decoder.context;
    if (e->n_slots > EN_MAX_SEQUENCES || e->prefill_rows > EN_MAX_ROWS)
        return mlci_fail(err, MLC_EINVAL, 0, "engine options: at most %d sequences and %d "
                         "rows", EN_MAX_SEQUENCES, EN_MAX_ROWS);
    so.kv_tokens = e->kv_tokens;
    so.max_rows = e->max_rows;
    so.max_logits = e->n_slots;
    so.kv_type = o->kv_type;
    st = mlc_session_open(e->model, &so, &e->session, err);
    if (st != MLC_OK)
        return st;
    e->piece_bytes = mlc_tokenizer_max_piece(e->model->tokenizer);
    e->slots = mlci_new(e->ctx, e->n_slots, sizeof *e->slots);
    e->rows = mlci_new(e->ctx, e->max_rows, sizeof *e->rows);
    e->row_requests = mlci_new(e->ctx, e->n_slots, sizeof *e->row_requests);
    e->scratch.tokens = mlci_new(e->ctx, e->model->decoder.vocab, sizeof *e->scratch.tokens);
    e->scratch.p = mlci_new(e->ctx, e->model->decoder.vocab, sizeof *e->scratch.p);
    e->piece = mlci_new(e->ctx, e->piece_bytes, 1);
    if (e->slots == NULL || e->rows == NULL || e->row_requests == NULL
        || e->scratch.tokens == NULL || e->scratch.p == NULL || e->piece == NULL)
        return mlci_nomem(err, "engine");
    if ((o->flags & MLC_ENGINE_MANUAL) == 0) {
        int os = mlci_os_thread_start(&e->thread, en_thread, e);

        if (os != 0)
            return mlci_fail(err, MLC_EIO, os, "cannot start the engine's thread");
        e->has_thread = true;
    }
    return MLC_OK;
}

void mlci_engine_unref(mlc_engine *e)
{
    mlc_context *ctx;
    mlc_model *model;

    if (atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    ctx = e->ctx;
    model = e->model;
    mlc_session_close(e->session);
    mlc_template_close(e->chat_template);
    mlci_delete(ctx, e->slots, e->n_slots, sizeof *e->slots);
    mlci_delete(ctx, e->rows, e->max_rows, sizeof *e->rows);
    mlci_delete(ctx, e->row_requests, e->n_slots, sizeof *e->row_requests);
    mlci_delete(ctx, e->scratch.tokens, model->decoder.vocab, sizeof *e->scratch.tokens);
    mlci_delete(ctx, e->scratch.p, model->decoder.vocab, sizeof *e->scratch.p);
    mlci_delete(ctx, e->piece, e->piece_bytes, 1);
    mlci_os_mutex_reset(&e->lock);
    mlci_os_mutex_reset(&e->template_lock);
    mlci_os_cond_reset(&e->work);
    mlci_os_cond_reset(&e->news);
    mlci_delete(ctx, e, 1, sizeof *e);
    mlc_model_close(model);
}

mlc_status mlci_engine_open(mlc_model *model, const mlc_engine_options *user_opts,
                            mlc_engine **out, mlc_error *err)
{
    mlc_engine_options opts;
    mlc_engine *e;
    mlc_status st = mlci_options_read(&opts, sizeof opts, EN_OPTIONS_V0, user_opts, err);

    if (st != MLC_OK)
        return st;
    if ((opts.flags & ~(uint32_t)MLC_ENGINE_MANUAL) != 0)
        return mlci_fail(err, MLC_EINVAL, 0, "engine options: unknown flags");
    e = mlci_new(model->ctx, 1, sizeof *e);
    if (e == NULL)
        return mlci_nomem(err, "engine");
    e->ctx = model->ctx;
    e->model = model;
    mlci_model_ref(model);
    atomic_init(&e->refs, 1);
    mlci_os_mutex_init(&e->lock);
    mlci_os_mutex_init(&e->template_lock);
    mlci_os_cond_init(&e->work);
    mlci_os_cond_init(&e->news);
    st = en_open(e, &opts, err);
    if (st != MLC_OK) {
        mlci_engine_unref(e);
        return st;
    }
    *out = e;
    return MLC_OK;
}

/* Everything that waits or runs ends as closed; the ready list lets go. */
static void en_end_all(mlc_engine *e)
{
    mlc_request *drop[2] = { NULL, NULL };  /* lists to unref outside the lock */

    mlci_os_lock(&e->lock);
    for (mlc_request *r = e->queue; r != NULL; r = r->next)
        r->closed = true;
    drop[0] = e->queue;
    drop[1] = e->ready;
    e->queue = e->queue_tail = e->ready = e->ready_tail = NULL;
    e->n_queued = 0;
    for (mlc_request *r = drop[0]; r != NULL; r = r->next)
        mlci_engine_finish(e, r, MLCI_FINISH_CLOSED);
    mlci_os_unlock(&e->lock);
    for (mlc_request *r = drop[0], *next; r != NULL; r = next) {
        next = r->next;
        mlci_request_unref(r);
    }
    for (mlc_request *r = drop[1], *next; r != NULL; r = next) {
        next = r->next_ready;
        mlci_os_lock(&e->lock);
        r->is_ready = false;
        mlci_os_unlock(&e->lock);
        mlci_request_unref(r);
    }
    for (uint32_t i = 0; i < e->n_slots && e->slots != NULL; i++) {
        mlc_request *r = e->slots[i].request;

        if (r == NULL)
            continue;
        mlci_os_lock(&e->lock);
        r->closed = true;
        mlci_schedule_release(e, r);
        mlci_engine_finish(e, r, MLCI_FINISH_CLOSED);
        mlci_os_unlock(&e->lock);
        mlci_request_unref(r);
    }
    mlci_os_lock(&e->lock);
    mlci_os_wake_all(&e->news);
    mlci_os_unlock(&e->lock);
}

void mlc_engine_close(mlc_engine *e)
{
    if (e == NULL)
        return;
    mlci_os_lock(&e->lock);
    e->stop = true;
    mlci_os_wake_all(&e->work);
    mlci_os_unlock(&e->lock);
    mlc_session_cancel(e->session);
    if (e->has_thread)
        mlci_os_thread_join(&e->thread);
    en_end_all(e);
    mlci_engine_unref(e);
}
