/* SPDX-License-Identifier: Apache-2.0
 *
 * prompt.c - messages to prompt text.
 *
 * Messages are checked for what OpenAI demands of them; content given as parts
 * that are all text is joined, since most templates expect one string.  Then the
 * chat template gets the request's members as variables, with transformers'
 * defaults: tools and documents None, add_generation_prompt true.
 */
#include "request.h"

#include <string.h>

/* Prompts: a million tokens of text with room to spare. */
static const size_t pr_limit = (size_t)64 << 20;

/* ---- checking -------------------------------------------------------------------------- */

static mlc_status pr_check_content(const mlci_json *v, mlc_error *err)
{
    if (v == NULL || v->type == MLCI_JSON_NULL || v->type == MLCI_JSON_STRING)
        return MLC_OK;
    if (v->type != MLCI_JSON_ARRAY)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a string or an array of parts, "
                              "not %s", mlci_json_type_name(v));
    for (const mlci_json *part = v->items; part != NULL; part = part->next) {
        const mlci_json *type = mlci_json_get(part, "type");
        const mlci_json *text = mlci_json_get(part, "text");

        if (type == NULL || type->type != MLCI_JSON_STRING)
            return mlci_json_fail(err, MLC_EINVAL, part, "a part needs a \"type\"");
        if (!mlci_json_is(type, "text"))
            return mlci_json_fail(err, MLC_EUNSUPPORTED, type, "parts of type \"%.*s\" are "
                                  "unsupported by this model",
                                  (int)mlci_min(type->text_bytes, 40), type->text);
        if (text == NULL || text->type != MLCI_JSON_STRING)
            return mlci_json_fail(err, MLC_EINVAL, part, "a text part needs a \"text\"");
    }
    return MLC_OK;
}

static mlc_status pr_check(const mlci_json *messages, const mlci_json *request,
                           mlc_error *err)
{
    if (messages == NULL)
        return mlci_json_fail(err, MLC_EINVAL, request, "messages: missing");
    if (messages->type != MLCI_JSON_ARRAY || messages->n_items == 0)
        return mlci_json_fail(err, MLC_EINVAL, messages, "must be an array of at least one "
                              "message");
    for (const mlci_json *m = messages->items; m != NULL; m = m->next) {
        const mlci_json *role = mlci_json_get(m, "role");
        mlc_status st;

        if (m->type != MLCI_JSON_OBJECT)
            return mlci_json_fail(err, MLC_EINVAL, m, "must be an object, not %s",
                                  mlci_json_type_name(m));
        if (role == NULL || role->type != MLCI_JSON_STRING || role->text_bytes == 0)
            return mlci_json_fail(err, MLC_EINVAL, role != NULL ? role : m,
                                  "a message needs a \"role\", a string");
        st = pr_check_content(mlci_json_get(m, "content"), err);
        if (st != MLC_OK)
            return st;
    }
    return MLC_OK;
}

/* ---- the template's variables -------------------------------------------------------------- */

static void pr_member(mlci_buf *b, const char *key, size_t n)
{
    mlci_buf_text(b, b->n > 1 ? "," : "");
    mlci_buf_json_string(b, key, n);
    mlci_buf_char(b, ':');
}

static void pr_message(mlci_buf *b, const mlci_json *m)
{
    bool first = true;

    mlci_buf_char(b, '{');
    for (const mlci_json *f = m->items; f != NULL; f = f->next) {
        bool parts = f->type == MLCI_JSON_ARRAY && f->key_bytes == 7
                  && memcmp(f->key, "content", 7) == 0;

        mlci_buf_text(b, first ? "" : ",");
        first = false;
        mlci_buf_json_string(b, f->key, f->key_bytes);
        mlci_buf_char(b, ':');
        if (parts) {
            mlci_buf all;

            mlci_buf_init(&all, b->ctx, pr_limit);
            for (const mlci_json *p = f->items; p != NULL; p = p->next) {
                const mlci_json *text = mlci_json_get(p, "text");

                mlci_buf_put(&all, text->text, text->text_bytes);
            }
            b->failed = b->failed || all.failed;
            mlci_buf_json_string(b, all.data, all.n);
            mlci_buf_reset(&all);
        } else {
            mlci_json_write(f, b);
        }
    }
    mlci_buf_char(b, '}');
}

static void pr_token(mlci_buf *b, const mlc_model *m, const char *name, int32_t role)
{
    int32_t id = mlc_tokenizer_special(m->tokenizer, role);
    mlci_text t = { "", 0 };

    if (id >= 0)
        t = mlci_token_bytes(m->tokenizer, (uint32_t)id);
    pr_member(b, name, strlen(name));
    mlci_buf_json_string(b, t.p, t.n);
}

/* Later members win, so defaults go first. */
static void pr_variables(mlci_buf *b, const mlc_model *m, const mlci_json *request,
                         const mlci_json *messages)
{
    const mlci_json *more = mlci_json_get(request, "chat_template_kwargs");

    mlci_buf_text(b, "{\"add_generation_prompt\":true,\"tools\":null,\"documents\":null");
    pr_token(b, m, "bos_token", MLC_TOKEN_BOS);
    pr_token(b, m, "eos_token", MLC_TOKEN_EOS);
    for (const mlci_json *f = request->items; f != NULL; f = f->next)
        if (!mlci_params_is_option(f)) {
            pr_member(b, f->key, f->key_bytes);
            mlci_json_write(f, b);
        }
    for (const mlci_json *f = more != NULL ? more->items : NULL; f != NULL; f = f->next)
        if (f->key != NULL) {
            pr_member(b, f->key, f->key_bytes);
            mlci_json_write(f, b);
        }
    pr_member(b, "messages", 8);
    mlci_buf_char(b, '[');
    for (const mlci_json *f = messages->items; f != NULL; f = f->next) {
        pr_message(b, f);
        mlci_buf_text(b, f->next != NULL ? "," : "");
    }
    mlci_buf_text(b, "]}");
}

/* ---- rendering ----------------------------------------------------------- */

/* The template to use: the request's own, which is the caller's to close, or the
 * model's, which is parsed when it is wanted for the first time. */
static mlc_status pr_template(const mlc_model *m, mlc_template **model_template,
                              const mlci_json *request, mlc_template **own,
                              mlc_template **t, mlc_error *err)
{
    const mlci_json *v = mlci_json_get(request, "chat_template");
    mlc_status st = MLC_OK;

    if (v != NULL && v->type == MLCI_JSON_STRING) {
        st = mlc_template_open(m->ctx, v->text, v->text_bytes, own, err);
        *t = *own;
        return st;
    }
    if (v != NULL && v->type != MLCI_JSON_NULL)
        return mlci_json_fail(err, MLC_EINVAL, v, "must be a string, not %s",
                              mlci_json_type_name(v));
    if (m->chat_template == NULL)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "the model has no chat template: give one "
                         "as \"chat_template\", or use \"prompt\" instead of \"messages\"");
    if (*model_template == NULL)
        st = mlc_template_open(m->ctx, m->chat_template, m->chat_template_bytes,
                               model_template, err);
    *t = *model_template;
    return st;
}

mlc_status mlci_prompt_render(const mlc_model *m, mlc_template **model_template,
                              const mlci_json *request, mlci_buf *out, mlc_error *err)
{
    const mlci_json *messages = mlci_json_get(request, "messages");
    mlc_template *t = NULL, *own = NULL;
    const char *text;
    mlci_buf vars;
    size_t n;
    mlc_status st = pr_check(messages, request, err);

    if (st == MLC_OK)
        st = pr_template(m, model_template, request, &own, &t, err);
    if (st != MLC_OK)
        return st;
    mlci_buf_init(&vars, m->ctx, pr_limit);
    pr_variables(&vars, m, request, messages);
    st = vars.failed ? mlci_nomem(err, "the request is too large")
       : mlc_template_render(t, vars.data, vars.n, -1, &text, &n, err);
    mlci_buf_reset(&vars);
    if (st == MLC_OK) {
        mlci_buf_put(out, text, n);
        if (out->failed)
            st = mlci_nomem(err, "prompt");
    }
    mlc_template_close(own);
    return st;
}

mlc_status mlci_prompt_encode(mlci_arena *arena, const mlc_tokenizer *tok,
                              const char *text, size_t n, uint32_t flags,
                              int32_t **ids, size_t *n_ids, mlc_error *err)
{
    size_t cap = n / 2 + 16;      /* text has some four bytes a token           */
    int32_t *room = mlci_new(arena->ctx, cap, sizeof *room);
    mlc_status st = room == NULL ? MLC_ENOMEM
                  : mlc_tokenizer_encode(tok, text, n, flags, room, cap, n_ids);

    if (st == MLC_OK || st == MLC_ETOOSMALL) {
        *ids = mlci_arena_new(arena, *n_ids, sizeof **ids);
        if (*ids == NULL)
            st = MLC_ENOMEM;
        else if (st == MLC_OK)
            memcpy(*ids, room, *n_ids * sizeof **ids);
        else
            st = mlc_tokenizer_encode(tok, text, n, flags, *ids, *n_ids, n_ids);
    }
    mlci_delete(arena->ctx, room, cap, sizeof *room);
    return st == MLC_OK ? st : mlci_fail(err, st, 0, "the prompt cannot be tokenized");
}

mlc_status mlci_request_parse(mlci_arena *arena, const char *json, size_t n,
                              const mlci_json **request, mlc_error *err)
{
    mlc_status st = mlci_json_parse(arena, json, n, request, err);

    if (st == MLC_OK && (*request)->type != MLCI_JSON_OBJECT)
        st = mlci_fail(err, MLC_EINVAL, 0, "the request must be a JSON object");
    return st;
}

mlc_status mlc_model_prompt(const mlc_model *model, const char *json, size_t n_json,
                            char *buf, size_t cap, size_t *n_bytes, mlc_error *err)
{
    const mlci_json *request;
    mlc_template *model_template = NULL;
    mlci_arena arena;
    mlci_buf out;
    mlc_status st;

    if (model == NULL || json == NULL || n_bytes == NULL || (buf == NULL && cap > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "an argument is NULL");
    mlci_arena_init(&arena, model->ctx, pr_limit);
    mlci_buf_init(&out, model->ctx, pr_limit);
    st = mlci_request_parse(&arena, json, n_json, &request, err);
    if (st == MLC_OK)
        st = mlci_prompt_render(model, &model_template, request, &out, err);
    if (st == MLC_OK) {
        *n_bytes = out.n;
        if (out.n + 1 > cap)
            st = mlci_fail(err, MLC_ETOOSMALL, 0, "the prompt has %zu bytes", out.n);
        else
            memcpy(buf, out.data, out.n + 1);
    }
    mlc_template_close(model_template);
    mlci_buf_reset(&out);
    mlci_arena_reset(&arena);
    return st;
}
