/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_api.c - the public calls of engine and request.
 */
#include "request.h"

#include <stdio.h>
#include <string.h>

/* A request's JSON and params: a long conversation has some 100 KB. */
static const size_t ea_limit = (size_t)64 << 20;

void mlc_event_init_sized(mlc_event *event, size_t size)
{
    mlci_options_init(event, size);
}

mlc_status mlc_engine_open(mlc_model *model, const mlc_engine_options *opts,
                           mlc_engine **out, mlc_error *err)
{
    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (model == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "model is NULL");
    return mlci_engine_open(model, opts, out, err);
}

/* ---- submitting -------------------------------------------------------------------------- */

/* The model's template is parsed once; rendering takes turns. */
static mlc_status ea_chat_prompt(mlc_request *r, const mlci_json *json, mlci_buf *text,
                                 mlc_error *err)
{
    mlc_engine *e = r->engine;
    mlc_status st;

    mlci_os_lock(&e->template_lock);
    st = mlci_prompt_render(e->model, &e->chat_template, json, text, err);
    mlci_os_unlock(&e->template_lock);
    return st;
}

/* "prompt" may be text or token ids. */
static mlc_status ea_plain_prompt(mlc_request *r, const mlci_json *v, mlc_error *err)
{
    mlci_params *p = &r->params;
    uint32_t vocab = r->engine->model->decoder.vocab;

    if (v->type == MLCI_JSON_STRING)
        return mlci_prompt_encode(&r->arena, r->engine->model->tokenizer, v->text,
                                  v->text_bytes, MLC_ENCODE_SPECIAL | MLC_ENCODE_PARSE,
                                  &p->prompt, &p->n_prompt, err);
    if (v->type != MLCI_JSON_ARRAY || v->n_items == 0)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a string or an array of token "
                              "ids, not %s", mlci_json_type_name(v));
    p->prompt = mlci_arena_new(&r->arena, v->n_items, sizeof *p->prompt);
    if (p->prompt == NULL)
        return mlci_nomem(err, "prompt");
    for (const mlci_json *i = v->items; i != NULL; i = i->next) {
        int64_t id;

        if (!mlci_json_integer(i, &id) || id < 0 || id >= (int64_t)vocab)
            return mlci_json_fail(err, MLC_EINVAL, i, "must be a token id (0 to %u)",
                                  vocab - 1);
        p->prompt[p->n_prompt++] = (int32_t)id;
    }
    return MLC_OK;
}

static mlc_status ea_prompt(mlc_request *r, const mlci_json *json, mlc_error *err)
{
    const mlci_json *plain = mlci_json_get(json, "prompt");
    mlci_params *p = &r->params;
    mlci_buf text;
    mlc_status st;

    p->chat = mlci_json_get(json, "messages") != NULL || plain == NULL;
    if (!p->chat)
        return ea_plain_prompt(r, plain, err);
    mlci_buf_init(&text, r->ctx, ea_limit);
    st = ea_chat_prompt(r, json, &text, err);
    /* The template writes special tokens itself, the first one included. */
    if (st == MLC_OK)
        st = mlci_prompt_encode(&r->arena, r->engine->model->tokenizer, text.data, text.n,
                                MLC_ENCODE_PARSE, &p->prompt, &p->n_prompt, err);
    mlci_buf_reset(&text);
    return st;
}

mlc_status mlc_engine_submit(mlc_engine *e, const char *json, size_t n_bytes, void *user,
                             mlc_request **out, mlc_error *err)
{
    const mlci_json *request = NULL;
    mlc_request *r;
    char *copy;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (e == NULL || json == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "engine or json is NULL");
    r = mlci_new(e->ctx, 1, sizeof *r);
    if (r == NULL)
        return mlci_nomem(err, "request");
    r->engine = e;
    r->ctx = e->ctx;
    r->user = user;
    r->slot = -1;
    r->created = mlci_os_unix_time();
    atomic_init(&r->refs, 1);
    atomic_fetch_add(&e->refs, 1);
    mlci_arena_init(&r->arena, r->ctx, ea_limit);
    /* Params point into the text: it must live as long as they do. */
    copy = mlci_arena_copy(&r->arena, json, n_bytes);
    st = copy == NULL ? mlci_nomem(err, "the request is too large")
       : mlci_request_parse(&r->arena, copy, n_bytes, &request, err);
    if (st == MLC_OK)
        st = ea_prompt(r, request, err);
    if (st == MLC_OK)
        st = mlci_params_read(&r->params, &r->arena, request, e->model, err);
    if (st == MLC_OK)
        st = mlci_engine_queue(e, r, err);
    if (st != MLC_OK) {
        mlci_request_unref(r);
        return st;
    }
    *out = r;
    return MLC_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int64_t ea_deadline(int32_t timeout_ms)
{
    return timeout_ms < 0 ? -1 : mlci_os_now_us() + (int64_t)timeout_ms * 1000;
}

/* With the lock held: wait for news; false when the time is over. */
static bool ea_wait(mlc_engine *e, int32_t timeout_ms, int64_t deadline)
{
    if (timeout_ms == 0)
        return false;
    if (timeout_ms > 0)
        return mlci_os_wait_until(&e->news, &e->lock, deadline);
    mlci_os_wait(&e->news, &e->lock);
    return true;
}

static mlc_status ea_read(mlc_request *r, int32_t timeout_ms, mlc_event *event)
{
    int64_t deadline = ea_deadline(timeout_ms);
    mlc_engine *e = r->engine;

    for (;;) {
        size_t n_out;
        mlci_request_state state;
        bool more, in_time, closed;
        mlc_status st;

        mlci_os_lock(&e->lock);
        n_out = r->n_out;
        state = r->state;
        closed = r->closed && state != MLCI_FINISHED;
        mlci_os_unlock(&e->lock);
        st = closed ? MLC_ECLOSED : mlci_events_next(r, event, &more);
        if (st != MLC_ETIMEOUT)
            return st;
        mlci_os_lock(&e->lock);
        in_time = true;
        while (in_time && r->n_out == n_out && r->state == state && !r->closed)
            in_time = ea_wait(e, timeout_ms, deadline);
        mlci_os_unlock(&e->lock);
        if (!in_time)
            return MLC_ETIMEOUT;
    }
}

mlc_status mlc_request_read(mlc_request *r, int32_t timeout_ms, mlc_event *event)
{
    mlc_status st;

    if (r == NULL || event == NULL)
        return MLC_EINVAL;
    atomic_fetch_add(&r->refs, 1);  /* another thread may close it meanwhile */
    st = ea_read(r, timeout_ms, event);
    mlci_request_unref(r);
    return st;
}

mlc_status mlc_engine_next(mlc_engine *e, int32_t timeout_ms, mlc_event *event)
{
    int64_t deadline = ea_deadline(timeout_ms);

    if (e == NULL || event == NULL)
        return MLC_EINVAL;
    for (;;) {
        mlc_request *r;
        bool in_time = true, more = false, skip;
        mlc_status st = MLC_ETIMEOUT;

        mlci_os_lock(&e->lock);
        while (in_time && e->ready == NULL && !e->stop)
            in_time = ea_wait(e, timeout_ms, deadline);
        r = e->ready;
        if (r != NULL) {
            e->ready = r->next_ready;
            if (e->ready == NULL)
                e->ready_tail = NULL;
            r->is_ready = false;
        } else if (e->stop) {
            st = MLC_ECLOSED;
        }
        skip = r != NULL && r->closed;
        mlci_os_unlock(&e->lock);
        if (r == NULL)
            return st;
        if (!skip)
            st = mlci_events_next(r, event, &more);
        if (more || st == MLC_ENOMEM) {
            mlci_os_lock(&e->lock);
            mlci_engine_publish(e, r);
            mlci_os_unlock(&e->lock);
        }
        mlci_request_unref(r);  /* the list's hold; the owner has another */
        if (st == MLC_OK || st == MLC_ENOMEM)
            return st;
    }
}

mlc_status mlc_request_wait(mlc_request *r, mlc_event_fn on_event, void *user)
{
    mlc_event event;
    mlc_status st = MLC_OK;

    if (r == NULL)
        return MLC_EINVAL;
    while (st == MLC_OK) {
        mlc_event_init(&event);
        if (r->engine->has_thread) {
            st = mlc_request_read(r, -1, &event);
        } else {
            int32_t busy;

            while ((st = mlc_request_read(r, 0, &event)) == MLC_ETIMEOUT)
                (void)mlc_engine_step(r->engine, &busy);
        }
        if (st == MLC_OK && on_event != NULL) {
            st = on_event(user, &event);
            if (st != MLC_OK) {
                mlc_request_cancel(r);
                return st;
            }
        }
        if (st == MLC_OK && event.kind == MLC_EVENT_ERROR)
            return event.status;
        if (st == MLC_OK && event.kind == MLC_EVENT_DONE)
            return MLC_OK;
    }
    return st;
}

void mlc_request_cancel(mlc_request *r)
{
    if (r == NULL)
        return;
    atomic_store(&r->cancel, true);
    mlci_os_lock(&r->engine->lock);
    mlci_os_wake_all(&r->engine->work);
    mlci_os_unlock(&r->engine->lock);
}

void mlc_request_close(mlc_request *r)
{
    if (r == NULL)
        return;
    mlc_request_cancel(r);
    mlci_os_lock(&r->engine->lock);
    r->closed = true;
    mlci_os_wake_all(&r->engine->news);
    mlci_os_unlock(&r->engine->lock);
    mlci_request_unref(r);
}

/* ---- the rest ------------------------------------------------------------ */

mlc_status mlc_engine_step(mlc_engine *e, int32_t *busy)
{
    if (e == NULL || busy == NULL || e->has_thread)
        return MLC_EINVAL;
    (void)mlci_engine_step(e);
    mlci_os_lock(&e->lock);
    *busy = e->queue != NULL || e->n_running > 0;
    mlci_os_unlock(&e->lock);
    return MLC_OK;
}

mlc_status mlc_engine_metrics(mlc_engine *e, char *buf, size_t cap, size_t *n_bytes)
{
    mlci_counters c;
    size_t queued, running;
    int n;

    if (e == NULL || (buf == NULL && cap > 0))
        return MLC_EINVAL;
    mlci_os_lock(&e->lock);
    c = e->counters;
    queued = e->n_queued;
    running = e->n_running;
    mlci_os_unlock(&e->lock);
    n = snprintf(buf, cap, "{\"requests\":%llu,\"finished\":%llu,\"cancelled\":%llu,"
                 "\"refused\":%llu,\"failed\":%llu,\"preempted\":%llu,\"waiting\":%zu,"
                 "\"running\":%zu,\"prompt_tokens\":%llu,\"cached_tokens\":%llu,"
                 "\"output_tokens\":%llu,\"steps\":%llu,\"busy_s\":%lld.%06lld}",
                 (unsigned long long)c.requests, (unsigned long long)c.finished,
                 (unsigned long long)c.cancelled, (unsigned long long)c.refused,
                 (unsigned long long)c.failed, (unsigned long long)c.preempted, queued,
                 running, (unsigned long long)c.prompt_tokens,
                 (unsigned long long)c.cached_tokens, (unsigned long long)c.output_tokens,
                 (unsigned long long)c.steps, (long long)(c.busy_us / 1000000),
                 (long long)(c.busy_us % 1000000));
    if (n_bytes != NULL)
        *n_bytes = n > 0 ? (size_t)n : 0;
    return n >= 0 && (size_t)n < cap ? MLC_OK : MLC_ETOOSMALL;
}
