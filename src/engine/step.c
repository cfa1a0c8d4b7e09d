/* SPDX-License-Identifier: Apache-2.0
 *
 * step.c - one step: a batch of rows, then a token for each that wants one.
 *
 * Every running request that has its prompt behind it gives one row; a limited
 * number of rows goes to prompts, in the order of their arrival, so that a long
 * prompt never stalls the others for more than one step.
 */
#include "engine.h"

#include <string.h>

/* Requests that were cancelled leave before the batch is made. */
static void sp_drop_cancelled(mlc_engine *e)
{
    for (uint32_t i = 0; i < e->n_slots; i++) {
        mlc_request *r = e->slots[i].request;

        if (r == NULL || !atomic_load(&r->cancel))
            continue;
        mlci_output_add(&r->output, &r->params, e->model->tokenizer, -1, e->piece,
                        e->piece_bytes);
        mlci_os_lock(&e->lock);
        r->safe_bytes = r->output.safe;
        mlci_schedule_release(e, r);
        mlci_engine_finish(e, r, MLCI_FINISH_CANCELLED);
        mlci_os_unlock(&e->lock);
        mlci_request_unref(r);
    }
}

/* The next n tokens of a request as rows; the last of its tokens wants logits. */
static void sp_add_rows(mlc_engine *e, mlc_request *r, size_t n, size_t *n_rows,
                        uint32_t *n_logits)
{
    for (size_t i = 0; i < n; i++) {
        mlc_row *row = &e->rows[(*n_rows)++];

        memset(row, 0, sizeof *row);
        row->sequence = r->slot;
        row->token = mlci_request_token(r, r->n_done + i);
        if (r->n_done + i + 1 == mlci_request_length(r)) {
            row->flags = MLC_ROW_LOGITS;
            e->row_requests[(*n_logits)++] = r;
        }
    }
}

static size_t sp_batch(mlc_engine *e, uint32_t *n_logits)
{
    size_t n = 0, room;

    *n_logits = 0;
    for (uint32_t i = 0; i < e->n_slots; i++) {
        mlc_request *r = e->slots[i].request;

        if (r != NULL && r->n_done + 1 == mlci_request_length(r))
            sp_add_rows(e, r, 1, &n, n_logits);
    }
    room = e->prefill_rows;
    for (uint64_t after = 0; room > 0; ) {
        mlc_request *first = NULL;
        size_t take;

        for (uint32_t i = 0; i < e->n_slots; i++) {
            mlc_request *r = e->slots[i].request;

            if (r != NULL && r->n_done + 1 < mlci_request_length(r)
                && r->number > after && (first == NULL || r->number < first->number))
                first = r;
        }
        if (first == NULL)
            break;
        after = first->number;
        take = mlci_min(room, mlci_request_length(first) - first->n_done);
        sp_add_rows(e, first, take, &n, n_logits);
        room -= take;
    }
    return n;
}

/* One more token for the request; true if it goes on. */
static bool sp_take_token(mlc_engine *e, mlc_request *r, int32_t id)
{
    const mlc_tokenizer *tok = e->model->tokenizer;
    bool end = mlc_tokenizer_is_end(tok, id) && !r->params.ignore_end, stopped = false;
    mlci_finish why = MLCI_FINISH_NONE;

    r->out[r->n_out] = id;
    if (!end)
        stopped = mlci_output_add(&r->output, &r->params, tok, id, e->piece,
                                  e->piece_bytes);
    if (end || stopped)
        why = MLCI_FINISH_STOP;
    else if (r->n_out + 1 == r->max_out)
        why = MLCI_FINISH_LENGTH;
    if (why != MLCI_FINISH_NONE && !stopped)
        mlci_output_add(&r->output, &r->params, tok, -1, e->piece, e->piece_bytes);

    mlci_os_lock(&e->lock);
    r->n_out++;
    r->safe_bytes = r->output.safe;
    if (r->n_out == 1)
        r->t_first = mlci_os_now_us();
    e->counters.output_tokens++;
    if (why != MLCI_FINISH_NONE) {
        mlci_schedule_release(e, r);
        mlci_engine_finish(e, r, why);
    } else {
        mlci_engine_publish(e, r);
    }
    mlci_os_unlock(&e->lock);
    return why == MLCI_FINISH_NONE;
}

static void sp_sample(mlc_engine *e, uint32_t n_logits)
{
    for (uint32_t i = 0; i < n_logits; i++) {
        mlc_request *r = e->row_requests[i];
        /* The session's row: nobody else reads it before the next step. */
        float *logits = (float *)(uintptr_t)mlc_session_logits(e->session, i);
        mlci_logprob *lp = r->logprobs != NULL ? &r->logprobs[r->n_out] : NULL;

        if (!sp_take_token(e, r, mlci_sampler_pick(&r->sampler, logits, &e->scratch, lp)))
            mlci_request_unref(r);
    }
}

/* A batch that cannot be computed at all (no pages even for one request, a lost
 * device) ends its requests. */
static void sp_fail_all(mlc_engine *e, const mlc_error *err)
{
    for (uint32_t i = 0; i < e->n_slots; i++) {
        mlc_request *r = e->slots[i].request;

        if (r == NULL)
            continue;
        mlci_os_lock(&e->lock);
        r->error = *err;
        mlci_schedule_release(e, r);
        mlci_engine_finish(e, r, MLCI_FINISH_ERROR);
        mlci_os_unlock(&e->lock);
        mlci_request_unref(r);
    }
}

bool mlci_engine_step(mlc_engine *e)
{
    int64_t begin = mlci_os_now_us();
    uint32_t n_logits = 0;
    mlc_error err;
    mlc_status st;
    bool stop;
    size_t n;

    sp_drop_cancelled(e);
    mlci_schedule_admit(e);
    if (e->n_running == 0)
        return false;
    do {
        n = sp_batch(e, &n_logits);
        st = mlc_session_eval_rows(e->session, e->rows, n, &err);
    } while (st == MLC_EKVFULL && mlci_schedule_preempt(e));
    if (st != MLC_OK) {
        mlci_os_lock(&e->lock);
        stop = e->stop;
        mlci_os_unlock(&e->lock);
        if (!stop)  /* closing ends all requests itself */
            sp_fail_all(e, &err);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        e->slots[e->rows[i].sequence].request->n_done++;
    sp_sample(e, n_logits);
    mlci_os_lock(&e->lock);
    e->counters.steps++;
    e->counters.busy_us += mlci_os_now_us() - begin;
    mlci_os_unlock(&e->lock);
    return true;
}
