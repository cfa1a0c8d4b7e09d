/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - mlc run: one answer on stdout.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ru_message(cJSON *messages, const char *role, const char *content)
{
    cJSON *m = cJSON_CreateObject();

    cJSON_AddStringToObject(m, "role", role);
    cJSON_AddStringToObject(m, "content", content);
    cJSON_AddItemToArray(messages, m);
}

/* Through the chat template where there is one; else the text is continued. */
static cJSON *ru_request(const cli_options *o, const mlc_model *model, const char *text)
{
    cJSON *request = cJSON_Duplicate(o->sampling, true), *messages;
    mlc_model_info info;

    mlc_model_info_init(&info);
    (void)mlc_model_get_info(model, &info);
    cJSON_AddBoolToObject(request, "stream", true);
    if (o->raw || info.chat_template == NULL) {
        if (!o->raw)
            fprintf(stderr, "mlc: the model has no chat template, the text is continued\n");
        cJSON_AddStringToObject(request, "prompt", text);
        return request;
    }
    messages = cJSON_AddArrayToObject(request, "messages");
    if (o->system != NULL)
        ru_message(messages, "system", o->system);
    ru_message(messages, "user", text);
    return request;
}

static int ru_answer(const cli_options *o, mlc_model *model, const char *text)
{
    mlc_engine_options eo;
    mlc_engine *engine;
    cli_answer answer = { NULL, 0, NULL, false };
    cJSON *request;
    mlc_error err;
    mlc_status st;

    memset(&err, 0, sizeof err);
    mlc_engine_options_init(&eo);
    eo.max_sequences = 1;
    eo.kv_type = o->kv == NULL ? MLC_KV_AUTO : strcmp(o->kv, "f32") == 0 ? MLC_KV_F32
                                                                         : MLC_KV_F16;
    if (mlc_engine_open(model, &eo, &engine, &err) != MLC_OK)
        return cli_fail_status(&err);
    request = ru_request(o, model, text);
    st = cli_stream(engine, request, &answer, &err);
    if (answer.n > 0 && answer.text[answer.n - 1] != '\n')
        putchar('\n');
    cJSON_Delete(request);
    cli_answer_reset(&answer);
    mlc_engine_close(engine);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

int cli_run(const cli_options *o)
{
    mlc_context *ctx;
    mlc_model *model;
    size_t n;
    char *text = cli_gather_text(o, &n);
    int rc;

    if (text == NULL)
        return 1;
    rc = cli_open(o, &ctx, o->model, 0, &model);
    if (rc == 0) {
        rc = ru_answer(o, model, text);
        mlc_model_close(model);
        mlc_context_close(ctx);
    }
    free(text);
    return rc;
}
