/* SPDX-License-Identifier: Apache-2.0
 *
 * template.c - the public calls for chat templates.
 */
#include "jinja.h"

#include <string.h>

/* A template's tree: the longest known (20 KB of text) takes 400 KB.  A
 * rendering: a prompt of a few hundred KB, built by appending. */
static const size_t te_tree_limit = (size_t)64 << 20;
static const size_t te_render_limit = (size_t)256 << 20;

/* A prompt of 1,000 messages takes about 10^6 steps; 10^8 are a few seconds. */
static const uint64_t te_steps = 100 * 1000 * 1000;

mlc_status mlc_template_open(mlc_context *ctx, const char *text, size_t n_bytes,
                             mlc_template **out, mlc_error *err)
{
    mlc_template *t;
    jt_token *tokens;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (ctx == NULL || (text == NULL && n_bytes > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "ctx or text is NULL");
    t = mlci_new(ctx, 1, sizeof *t);
    if (t == NULL)
        return mlci_nomem(err, "template");
    t->ctx = ctx;
    mlci_context_ref(ctx);
    mlci_arena_init(&t->arena, ctx, te_tree_limit);
    mlci_arena_init(&t->render, ctx, te_render_limit);
    st = mlci_jinja_lex(&t->arena, text, n_bytes, &tokens, err);
    if (st == MLC_OK)
        st = mlci_jinja_parse(&t->arena, tokens, &t->body, err);
    if (st != MLC_OK) {
        mlc_template_close(t);
        return st;
    }
    *out = t;
    return MLC_OK;
}

mlc_status mlc_template_render(mlc_template *t, const char *vars, size_t n_bytes,
                               int64_t unix_time, const char **text,
                               size_t *text_bytes, mlc_error *err)
{
    je_output out = { NULL, 0, 0 };
    const mlci_json *json;
    je_run r;
    mlc_status st;

    if (t == NULL || vars == NULL || text == NULL || text_bytes == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "an argument is NULL");
    mlci_arena_reset(&t->render);
    st = mlci_json_parse(&t->render, vars, n_bytes, &json, err);
    if (st != MLC_OK)
        return st;
    if (json->type != MLCI_JSON_OBJECT)
        return mlci_fail(err, MLC_EINVAL, 0, "template variables: an object is expected");
    memset(&r, 0, sizeof r);
    r.arena = &t->render;
    r.err = err;
    r.out = &out;
    r.unix_time = unix_time;
    r.steps = te_steps;
    r.scope = mlci_jinja_push(&r);
    for (const mlci_json *m = json->items; m != NULL && !r.failed; m = m->next) {
        mlci_text name = { m->key, m->key_bytes };

        mlci_jinja_set(&r, name, mlci_jv_from_json(&r, m));
    }
    if (!r.failed)
        mlci_jinja_exec(&r, t->body);
    mlci_jinja_write(&r, "", 1);  /* the NUL behind the text */
    if (r.failed)
        return r.status;
    *text = out.data;
    *text_bytes = out.n - 1;
    return MLC_OK;
}

void mlc_template_close(mlc_template *t)
{
    mlc_context *ctx;

    if (t == NULL)
        return;
    ctx = t->ctx;
    mlci_arena_reset(&t->render);
    mlci_arena_reset(&t->arena);
    mlci_delete(ctx, t, 1, sizeof *t);
    mlci_context_unref(ctx);
}
