/* SPDX-License-Identifier: Apache-2.0
 *
 * events.c - what a request's reader gets.
 *
 * The step thread publishes token numbers and a count of certain bytes; here, on
 * the reader's thread, they become text and OpenAI's JSON.  Detokenizing again
 * is cheap and gives the same bytes, so the counts agree.
 */
#include "request.h"

#include <string.h>

/* What the step thread has published, copied under the lock. */
typedef struct ev_view {
    mlci_request_state state;
    mlci_finish finish;
    size_t   n_out, n_cached;
    uint64_t safe;
    int64_t  t_submit, t_start, t_first, t_end;
} ev_view;

static const size_t ev_limit = (size_t)256 << 20;

static ev_view ev_look(mlc_request *r)
{
    ev_view v;

    mlci_os_lock(&r->engine->lock);
    v = (ev_view){ r->state, r->finish, r->n_out, r->n_cached, r->safe_bytes, r->t_submit,
                   r->t_start, r->t_first, r->t_end };
    mlci_os_unlock(&r->engine->lock);
    return v;
}

/* Bring r->text up to the certain bytes; what a token has beyond them is held. */
static void ev_read_text(mlc_request *r, const ev_view *v, char *piece, size_t cap)
{
    const mlc_tokenizer *tok = r->engine->model->tokenizer;
    size_t n;

    mlci_buf_put(&r->text, r->held.data, r->held.n);
    mlci_buf_clear(&r->held);
    while (r->n_read < v->n_out && r->text.n < v->safe && !r->text.failed) {
        if (!mlc_tokenizer_is_end(tok, r->out[r->n_read]) || r->params.ignore_end)
            if (mlc_detokenizer_push(&r->detok, tok, r->out[r->n_read], piece, cap, &n)
                == MLC_OK)
                mlci_buf_put(&r->text, piece, n);
        r->n_read++;
    }
    if (r->text.n < v->safe && v->state == MLCI_FINISHED
        && mlc_detokenizer_push(&r->detok, tok, -1, piece, cap, &n) == MLC_OK)
        mlci_buf_put(&r->text, piece, n);
    if (r->text.n > v->safe) {
        size_t safe = (size_t)v->safe;

        mlci_buf_put(&r->held, r->text.data + safe, r->text.n - safe);
        r->text.data[r->text.n = safe] = 0;
    }
}

/* ---- JSON ------------------------------------------------------------------------------- */

static const char *ev_reason(mlci_finish f)
{
    return f == MLCI_FINISH_STOP ? "stop" : f == MLCI_FINISH_LENGTH ? "length"
         : f == MLCI_FINISH_CANCELLED ? "cancelled" : NULL;
}

static void ev_head(mlc_request *r, bool chunk)
{
    const mlci_params *p = &r->params;

    mlci_buf_clear(&r->json);
    mlci_buf_format(&r->json, "{\"id\":\"%s-%llu\",\"object\":\"%s\",\"created\":%lld,"
                    "\"model\":", p->chat ? "chatcmpl" : "cmpl",
                    (unsigned long long)r->number,
                    !p->chat ? "text_completion" : chunk ? "chat.completion.chunk"
                                                         : "chat.completion",
                    (long long)r->created);
    mlci_buf_json_string(&r->json, p->model, strlen(p->model));
}

static void ev_token_logprob(mlc_request *r, int32_t id, double logprob)
{
    mlci_text t = mlci_token_bytes(r->engine->model->tokenizer, (uint32_t)id);
    mlci_buf *b = &r->json;
    char text[256];
    size_t n = 0;
    mlc_status st = mlc_tokenizer_decode(r->engine->model->tokenizer, &id, 1,
                                         MLC_DECODE_SPECIAL, text, sizeof text, &n);

    mlci_buf_text(b, "\"token\":");
    mlci_buf_json_string(b, text, st == MLC_OK ? n : 0);
    mlci_buf_text(b, ",\"logprob\":");
    mlci_buf_json_double(b, logprob < -9999.0 ? -9999.0 : (double)(float)logprob);
    mlci_buf_text(b, ",\"bytes\":[");
    for (size_t i = 0; i < t.n; i++)
        mlci_buf_format(b, i > 0 ? ",%u" : "%u", (unsigned)(unsigned char)t.p[i]);
    mlci_buf_char(b, ']');
}

/* "logprobs" of tokens [from, to). */
static void ev_logprobs(mlc_request *r, size_t from, size_t to)
{
    mlci_buf *b = &r->json;

    if (r->logprobs == NULL) {
        mlci_buf_text(b, ",\"logprobs\":null");
        return;
    }
    mlci_buf_text(b, ",\"logprobs\":{\"content\":[");
    for (size_t i = from; i < to; i++) {
        const mlci_logprob *lp = &r->logprobs[i];

        mlci_buf_text(b, i > from ? ",{" : "{");
        ev_token_logprob(r, r->out[i], (double)lp->logprob);
        mlci_buf_text(b, ",\"top_logprobs\":[");
        for (uint32_t k = 0; k < r->params.top_logprobs; k++) {
            mlci_buf_text(b, k > 0 ? ",{" : "{");
            ev_token_logprob(r, lp->ids[k], (double)lp->tops[k]);
            mlci_buf_char(b, '}');
        }
        mlci_buf_text(b, "]}");
    }
    mlci_buf_text(b, "],\"refusal\":null}");
}

static void ev_usage(mlc_request *r, const ev_view *v)
{
    double prefill = (double)(v->t_first - v->t_start) * 1e-6;
    double decode = (double)(v->t_end - v->t_first) * 1e-6;
    double first = (double)(v->t_first - v->t_submit) * 1e-6;
    size_t computed = r->params.n_prompt - v->n_cached;
    mlci_buf *b = &r->json;

    mlci_buf_format(b, ",\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,"
                    "\"total_tokens\":%zu,\"prompt_tokens_details\":{\"cached_tokens\":%zu},"
                    "\"extra\":{\"prefill_tokens\":%zu,\"prefill_tokens_per_s\":",
                    r->params.n_prompt, v->n_out, r->params.n_prompt + v->n_out,
                    v->n_cached, computed);
    mlci_buf_json_double(b, v->n_out > 0 && prefill > 0 ? (double)computed / prefill : 0);
    mlci_buf_text(b, ",\"decode_tokens_per_s\":");
    mlci_buf_json_double(b, v->n_out > 1 && decode > 0
                            ? (double)(v->n_out - 1) / decode : 0);
    mlci_buf_text(b, ",\"time_to_first_token_s\":");
    mlci_buf_json_double(b, v->n_out > 0 ? first : 0);
    mlci_buf_text(b, "}}");
}

/* A piece of the answer; why: the finish reason, or NULL. */
static void ev_chunk(mlc_request *r, const char *text, size_t n, size_t lp_from,
                     size_t lp_to, const char *why)
{
    mlci_buf *b = &r->json;

    ev_head(r, true);
    mlci_buf_text(b, ",\"choices\":[{\"index\":0,");
    if (!r->params.chat) {
        mlci_buf_text(b, "\"text\":");
        mlci_buf_json_string(b, text, n);
    } else {
        mlci_buf_text(b, "\"delta\":{");
        if (!r->role_sent)
            mlci_buf_text(b, "\"role\":\"assistant\"");
        if (why == NULL || n > 0) {
            mlci_buf_text(b, r->role_sent ? "\"content\":" : ",\"content\":");
            mlci_buf_json_string(b, text, n);
        }
        mlci_buf_char(b, '}');
    }
    ev_logprobs(r, lp_from, lp_to);
    if (why != NULL)
        mlci_buf_format(b, ",\"finish_reason\":\"%s\"}]}", why);
    else
        mlci_buf_text(b, ",\"finish_reason\":null}]}");
    r->role_sent = true;
}

static void ev_whole(mlc_request *r, const ev_view *v)
{
    mlci_buf *b = &r->json;

    ev_head(r, false);
    mlci_buf_text(b, ",\"choices\":[{\"index\":0,");
    mlci_buf_text(b, r->params.chat ? "\"message\":{\"role\":\"assistant\",\"content\":"
                                    : "\"text\":");
    mlci_buf_json_string(b, r->text.data, r->text.n);
    mlci_buf_text(b, r->params.chat ? ",\"refusal\":null}" : "");
    ev_logprobs(r, 0, v->n_out);
    mlci_buf_format(b, ",\"finish_reason\":\"%s\"}]", ev_reason(v->finish));
    ev_usage(r, v);
    mlci_buf_char(b, '}');
}

/* ---- events -------------------------------------------------------------------------------- */

static mlc_status ev_give(mlc_request *r, mlc_event *event, int32_t kind,
                          mlc_status status, size_t from, size_t n)
{
    mlc_event e;

    if (r->json.failed || r->text.failed)
        return MLC_ENOMEM;
    memset(&e, 0, sizeof e);
    e.kind = kind;
    e.request = r;
    e.user = r->user;
    e.json = r->json.data;
    e.json_bytes = r->json.n;
    e.text = r->text.data + from;
    e.text_bytes = n;
    e.status = status;
    return mlci_result_write(event, &e, sizeof e);
}

static mlc_status ev_error(mlc_request *r, mlc_event *event)
{
    char text[2048];
    size_t n = 0;

    (void)mlc_error_json(&r->error, text, sizeof text, &n);
    mlci_buf_clear(&r->json);
    mlci_buf_put(&r->json, text, n);
    r->done_sent = true;
    return ev_give(r, event, MLC_EVENT_ERROR, r->error.status, 0, 0);
}

static mlc_status ev_streamed(mlc_request *r, const ev_view *v, mlc_event *event,
                              bool *more)
{
    size_t from = (size_t)r->sent, n = r->text.n - from;
    size_t lp_from = r->n_logprobs_sent;
    bool finished = v->state == MLCI_FINISHED;

    if (n > 0 || (!r->role_sent && v->n_out > 0 && !finished)
        || (r->logprobs != NULL && v->n_out > lp_from && !finished)) {
        ev_chunk(r, r->text.data + from, n, lp_from, v->n_out, NULL);
        r->sent = r->text.n;
        r->n_logprobs_sent = v->n_out;
        *more = finished;
        return ev_give(r, event, MLC_EVENT_CHUNK, MLC_OK, from, n);
    }
    if (!finished)
        return MLC_ETIMEOUT;
    if (!r->finish_sent) {
        ev_chunk(r, "", 0, lp_from, v->n_out, ev_reason(v->finish));
        r->n_logprobs_sent = v->n_out;
        r->finish_sent = *more = true;
        return ev_give(r, event, MLC_EVENT_CHUNK, MLC_OK, from, 0);
    }
    ev_head(r, true);
    mlci_buf_text(&r->json, ",\"choices\":[]");
    ev_usage(r, v);
    mlci_buf_char(&r->json, '}');
    r->done_sent = true;
    return ev_give(r, event, MLC_EVENT_DONE, MLC_OK, from, 0);
}

mlc_status mlci_events_next(mlc_request *r, mlc_event *event, bool *more)
{
    ev_view v = ev_look(r);
    size_t cap = mlc_tokenizer_max_piece(r->engine->model->tokenizer);
    char *piece;

    *more = false;
    if (r->done_sent || v.finish == MLCI_FINISH_CLOSED)
        return MLC_ECLOSED;
    if (v.finish == MLCI_FINISH_ERROR)
        return ev_error(r, event);
    if (!r->params.stream && v.state != MLCI_FINISHED)
        return MLC_ETIMEOUT;
    if (r->json.ctx == NULL) {
        mlci_buf_init(&r->json, r->ctx, ev_limit);
        mlci_buf_init(&r->text, r->ctx, ev_limit);
        mlci_buf_init(&r->held, r->ctx, ev_limit);
    }
    piece = mlci_new(r->ctx, cap, 1);
    if (piece == NULL)
        return MLC_ENOMEM;
    ev_read_text(r, &v, piece, cap);
    mlci_delete(r->ctx, piece, cap, 1);
    if (r->held.failed)
        return MLC_ENOMEM;
    if (r->params.stream)
        return ev_streamed(r, &v, event, more);
    ev_whole(r, &v);
    r->done_sent = true;
    return ev_give(r, event, MLC_EVENT_DONE, MLC_OK, 0, r->text.n);
}
