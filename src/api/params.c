/* SPDX-License-Identifier: Apache-2.0
 *
 * params.c - a request's options.
 *
 * Every known field has one line in pa_fields: its name, its range, where it
 * goes.  Fields that this build cannot honour are refused by name; unknown ones
 * are ignored, as OpenAI does.
 */
#include "request.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef enum pa_kind { PA_FLOAT, PA_SIZE, PA_INT, PA_BOOL } pa_kind;

typedef struct pa_field {
    const char *name;
    pa_kind     kind;
    double      least, most;
    size_t      offset;
} pa_field;

#define PA(name, kind, least, most, member)                                    \
    { name, kind, least, most, offsetof(mlci_params, member) }

static const pa_field pa_fields[] = {
    PA("temperature", PA_FLOAT, 0, 100, temperature),
    PA("top_p", PA_FLOAT, 0, 1, top_p),
    PA("top_k", PA_INT, 0, 1 << 30, top_k),
    PA("min_p", PA_FLOAT, 0, 1, min_p),
    PA("repetition_penalty", PA_FLOAT, 0.01, 100, repetition),
    PA("presence_penalty", PA_FLOAT, -2, 2, presence),
    PA("frequency_penalty", PA_FLOAT, -2, 2, frequency),
    PA("max_tokens", PA_SIZE, 1, 1e9, max_tokens),
    PA("max_completion_tokens", PA_SIZE, 1, 1e9, max_tokens),
    PA("stream", PA_BOOL, 0, 1, stream),
    PA("ignore_eos", PA_BOOL, 0, 1, ignore_end),
};

/* Other members that say how to answer, not what to. */
static const char *const pa_others[] = {
    "model", "stream_options", "stop", "seed", "n", "logprobs", "top_logprobs", "logit_bias",
    "user", "chat_template", "chat_template_kwargs", "messages", "prompt",
};

bool mlci_params_is_option(const mlci_json *member)
{
    mlci_text key = { member->key, member->key_bytes };

    for (size_t i = 0; i < sizeof pa_fields / sizeof *pa_fields; i++)
        if (mlci_text_is(key, pa_fields[i].name))
            return true;
    for (size_t i = 0; i < sizeof pa_others / sizeof *pa_others; i++)
        if (mlci_text_is(key, pa_others[i]))
            return true;
    return false;
}

static mlc_status pa_range(const mlci_json *v, const pa_field *f, mlc_error *err)
{
    if (f->most >= 1e9)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be at least %g", f->least);
    return mlci_json_fail(err, MLC_EINVAL, v, "must be between %g and %g", f->least,
                          f->most);
}

static mlc_status pa_read(mlci_params *p, const mlci_json *v, const pa_field *f,
                          mlc_error *err)
{
    char *to = (char *)p + f->offset;
    int64_t i = 0;
    double d = 0;

    if (f->kind == PA_BOOL) {
        if (v->type != MLCI_JSON_TRUE && v->type != MLCI_JSON_FALSE)
            return mlci_json_fail(err, MLC_EINVAL, v, "must be true or false, not %s",
                                  mlci_json_type_name(v));
        *(bool *)(void *)to = v->type == MLCI_JSON_TRUE;
        return MLC_OK;
    }
    if (!mlci_json_number(v, &d))
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a number, not %s",
                              mlci_json_type_name(v));
    if (f->kind != PA_FLOAT && !mlci_json_integer(v, &i))
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a whole number");
    if (!(d >= f->least && d <= f->most))
        return pa_range(v, f, err);
    if (f->kind == PA_FLOAT)
        *(float *)(void *)to = (float)d;
    else if (f->kind == PA_INT)
        *(int32_t *)(void *)to = (int32_t)i;
    else
        *(size_t *)(void *)to = (size_t)i;
    return MLC_OK;
}

static mlc_status pa_stop(mlci_params *p, const mlci_json *v, mlc_error *err)
{
    const mlci_json *one = v->type == MLCI_JSON_ARRAY ? v->items : v;

    if (v->type != MLCI_JSON_ARRAY && v->type != MLCI_JSON_STRING)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a string or an array of them, "
                              "not %s", mlci_json_type_name(v));
    for (; one != NULL; one = v->type == MLCI_JSON_ARRAY ? one->next : NULL) {
        if (one->type != MLCI_JSON_STRING)
            return mlci_json_fail(err, MLC_EINVAL, one, "must be a string, not %s",
                                  mlci_json_type_name(one));
        if (one->text_bytes == 0 || one->text_bytes > MLCI_MAX_STOP_BYTES)
            return mlci_json_fail(err, MLC_EINVAL, one, "must have 1 to %d bytes",
                                  MLCI_MAX_STOP_BYTES);
        if (p->n_stops == MLCI_MAX_STOPS)
            return mlci_json_fail(err, MLC_EINVAL, v, "at most %d stop strings",
                                  MLCI_MAX_STOPS);
        p->stops[p->n_stops++] = (mlci_text){ one->text, one->text_bytes };
    }
    return MLC_OK;
}

/* {"token id": bias}: -100 and below forbid a token, 100 and above force it. */
static mlc_status pa_bias(mlci_params *p, mlci_arena *arena, const mlci_json *v,
                          uint32_t vocab, mlc_error *err)
{
    if (v->type != MLCI_JSON_OBJECT)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be an object of token ids to "
                              "numbers, not %s", mlci_json_type_name(v));
    if (v->n_items > MLCI_MAX_BIASES)
        return mlci_json_fail(err, MLC_EINVAL, v, "at most %d tokens", MLCI_MAX_BIASES);
    p->biases = mlci_arena_new(arena, v->n_items, sizeof *p->biases);
    if (p->biases == NULL)
        return mlci_nomem(err, "logit_bias");
    for (const mlci_json *m = v->items; m != NULL; m = m->next) {
        uint64_t id = 0;
        bool ok = m->key_bytes > 0 && m->key_bytes < 10;
        double bias;

        for (size_t i = 0; ok && i < m->key_bytes; i++) {
            ok = m->key[i] >= '0' && m->key[i] <= '9';
            id = id * 10 + (uint64_t)(m->key[i] - '0');
        }
        if (!ok || id >= vocab)
            return mlci_json_fail(err, MLC_EINVAL, m, "is no token id of this vocabulary "
                                  "(0 to %u)", vocab - 1);
        if (!mlci_json_number(m, &bias) || !(bias >= -100 && bias <= 100))
            return mlci_json_fail(err, MLC_EINVAL, m, "must be a number from -100 to 100");
        p->biases[p->n_biases++] = (mlci_bias){ (int32_t)id,
            bias <= -100 ? -INFINITY : bias >= 100 ? 1000.0f : (float)bias };
    }
    return MLC_OK;
}

/* Chat: "logprobs": true and "top_logprobs": n.  Completions: "logprobs": n. */
static mlc_status pa_logprobs(mlci_params *p, const mlci_json *request, mlc_error *err)
{
    const mlci_json *on = mlci_json_get(request, "logprobs");
    const mlci_json *top = mlci_json_get(request, "top_logprobs");
    int64_t n = 0;

    if (on != NULL && on->type == MLCI_JSON_NUMBER && !p->chat) {
        top = on;
        p->logprobs = true;
    } else if (on != NULL && on->type == MLCI_JSON_TRUE) {
        p->logprobs = true;
    } else if (on != NULL && on->type != MLCI_JSON_FALSE && on->type != MLCI_JSON_NULL) {
        return mlci_json_fail(err, MLC_EINVAL, on, "must be true or false, not %s",
                              mlci_json_type_name(on));
    }
    if (top == NULL || top->type == MLCI_JSON_NULL)
        return MLC_OK;
    if (!mlci_json_integer(top, &n) || n < 0 || n > MLCI_MAX_TOP_LOGPROBS)
        return mlci_json_fail(err, MLC_EINVAL, top, "must be a whole number from 0 to %d",
                              MLCI_MAX_TOP_LOGPROBS);
    if (!p->logprobs)
        return mlci_json_fail(err, MLC_EINVAL, top, "needs \"logprobs\": true");
    p->top_logprobs = (uint32_t)n;
    return MLC_OK;
}

static mlc_status pa_seed(mlci_params *p, const mlci_json *v, mlc_error *err)
{
    int64_t i = 0;

    if (v == NULL || v->type == MLCI_JSON_NULL) {
        p->seed = mlci_os_random();
        return MLC_OK;
    }
    if (!mlci_json_integer(v, &i))
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a whole number");
    p->seed = (uint64_t)i;
    return MLC_OK;
}

/* What OpenAI has and this build has not; a value that asks for nothing passes. */
static mlc_status pa_refuse(const mlci_json *request, mlc_error *err)
{
    const mlci_json *v = mlci_json_get(request, "n");
    int64_t n = 1;

    if (v != NULL && v->type != MLCI_JSON_NULL) {
        if (!mlci_json_integer(v, &n) || n < 1)
            return mlci_json_fail(err, MLC_EINVAL, v, "must be a whole number from 1 on");
        if (n > 1)
            return mlci_json_fail(err, MLC_EUNSUPPORTED, v,
                                  "more than one choice is unsupported");
    }
    v = mlci_json_get(request, "response_format");
    if (v != NULL && v->type != MLCI_JSON_NULL) {
        if (v->type != MLCI_JSON_OBJECT)
            return mlci_json_fail(err, MLC_EINVAL, v, "must be an object, not %s",
                                  mlci_json_type_name(v));
        if (!mlci_json_is(mlci_json_get(v, "type"), "text"))
            return mlci_json_fail(err, MLC_EUNSUPPORTED, v,
                                  "only {\"type\": \"text\"} is supported");
    }
    v = mlci_json_get(request, "tool_choice");
    if (v != NULL && v->type != MLCI_JSON_NULL && !mlci_json_is(v, "auto")
        && !mlci_json_is(v, "none"))
        return mlci_json_fail(err, MLC_EUNSUPPORTED, v,
                              "only \"auto\" and \"none\" are supported");
    return MLC_OK;
}

/*
 * A request that says nothing about sampling gets the model's defaults; one that names any
 * of the four fields gets OpenAI's neutral values for the others.
 */
static void pa_defaults(mlci_params *p, const mlci_json *request, const mlci_sampling_defaults *s)
{
    static const char *const names[] = { "temperature", "top_p", "top_k", "min_p" };

    p->temperature = p->top_p = p->repetition = 1.0f;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const mlci_json *v = mlci_json_get(request, names[i]);

        if (v != NULL && v->type != MLCI_JSON_NULL)
            return;
    }
    p->temperature = s->temperature;
    p->top_p = s->top_p;
    p->top_k = (int32_t)s->top_k;
    p->repetition = s->repetition;
}

mlc_status mlci_params_read(mlci_params *p, mlci_arena *arena, const mlci_json *request,
                            const mlc_model *m, mlc_error *err)
{
    const mlci_json *v;
    mlc_status st;

    pa_defaults(p, request, &m->sampling);
    p->model = m->name;
    v = mlci_json_get(request, "model");
    if (v != NULL && v->type == MLCI_JSON_STRING) {
        p->model = mlci_arena_copy(arena, v->text, v->text_bytes);
        if (p->model == NULL)
            return mlci_nomem(err, "request");
    }
    st = pa_refuse(request, err);
    for (size_t i = 0; i < sizeof pa_fields / sizeof *pa_fields && st == MLC_OK; i++) {
        v = mlci_json_get(request, pa_fields[i].name);
        if (v != NULL && v->type != MLCI_JSON_NULL)
            st = pa_read(p, v, &pa_fields[i], err);
    }
    v = mlci_json_get(request, "stop");
    if (st == MLC_OK && v != NULL && v->type != MLCI_JSON_NULL)
        st = pa_stop(p, v, err);
    for (size_t i = 0; i < m->n_stops && i < MLCI_MAX_STOPS && st == MLC_OK
         && mlci_json_get(request, "messages") != NULL; i++)
        p->stops[p->n_stops++] = m->stops[i];
    v = mlci_json_get(request, "logit_bias");
    if (st == MLC_OK && v != NULL && v->type != MLCI_JSON_NULL)
        st = pa_bias(p, arena, v, m->decoder.vocab, err);
    if (st == MLC_OK)
        st = pa_logprobs(p, request, err);
    if (st == MLC_OK)
        st = pa_seed(p, mlci_json_get(request, "seed"), err);
    return st;
}
