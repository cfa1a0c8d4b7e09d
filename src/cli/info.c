/* SPDX-License-Identifier: Apache-2.0
 *
 * info.c - mlc info, devices, explain, ir.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static void in_json(const mlc_model *model, const mlc_model_info *i)
{
    cJSON *j = cJSON_CreateObject(), *meta;
    const char *key, *value;
    char *text;

    cJSON_AddStringToObject(j, "architecture", i->architecture);
    cJSON_AddStringToObject(j, "name", i->name);
    cJSON_AddStringToObject(j, "format", i->format);
    cJSON_AddNumberToObject(j, "parameters", (double)i->n_parameters);
    cJSON_AddNumberToObject(j, "file_bytes", (double)i->file_bytes);
    cJSON_AddNumberToObject(j, "vocab_size", i->vocab_size);
    cJSON_AddBoolToObject(j, "chat_template", i->chat_template != NULL);
    meta = cJSON_AddObjectToObject(j, "metadata");
    for (size_t k = 0; mlc_model_metadata(model, k, &key, &value) == MLC_OK; k++)
        cJSON_AddStringToObject(meta, key, value);
    text = cJSON_Print(j);
    puts(text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(j);
}

int cli_info(const cli_options *o)
{
    mlc_context *ctx;
    mlc_model *model;
    mlc_model_info i;
    const char *key, *value;

    if (cli_open(o, &ctx, o->model, MLC_MODEL_NO_WEIGHTS, &model) != 0)
        return 1;
    mlc_model_info_init(&i);
    (void)mlc_model_get_info(model, &i);
    if (o->json) {
        in_json(model, &i);
    } else {
        printf("%s: %s, %.1f M parameters, mostly %s, %.1f MB, %u tokens, %s\n\n", i.name,
               i.architecture, (double)i.n_parameters / 1e6, i.format,
               (double)i.file_bytes / 1e6, i.vocab_size,
               i.chat_template != NULL ? "with a chat template" : "no chat template");
        for (size_t k = 0; mlc_model_metadata(model, k, &key, &value) == MLC_OK; k++)
            printf("%-44s %.100s\n", key, value);
    }
    mlc_model_close(model);
    mlc_context_close(ctx);
    return 0;
}

int cli_devices(const cli_options *o)
{
    mlc_context *ctx;
    mlc_device d;

    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    mlc_device_init(&d);
    if (o->json)
        putchar('[');
    for (size_t i = 0; mlc_context_device(ctx, i, &d) == MLC_OK; i++) {
        if (o->json)
            printf("%s{\"id\":\"%s\",\"name\":\"%s\",\"threads\":%u,\"tiers\":\"%s\","
                   "\"tier\":\"%s\",\"memory_bytes\":%llu}", i > 0 ? "," : "", d.id, d.name,
                   d.n_threads, d.tiers, d.tier, (unsigned long long)d.memory_bytes);
        else
            printf("%s: %s, %.1f GB, %u threads, tier %s of: %s\n", d.id, d.name,
                   (double)d.memory_bytes / 1e9, d.n_threads, d.tier, d.tiers);
    }
    if (o->json)
        puts("]");
    mlc_context_close(ctx);
    return 0;
}

static void in_write(void *user, const char *text, size_t n)
{
    fwrite(text, 1, n, user);
}

int cli_explain(const cli_options *o)
{
    mlcx_explain_options options = { NULL, NULL, NULL, 0, 0 };
    mlc_context *ctx;
    mlc_error err;
    mlc_status st;

    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    options.pass = o->pass;
    options.device = o->device;
    options.without = o->without;
    options.n_ranks = (uint32_t)(o->ranks > 0 ? o->ranks : 0);
    options.rank = (uint32_t)(o->rank > 0 ? o->rank : 0);
    st = mlcx_explain(ctx, o->model, &options, in_write, stdout, &err);
    mlc_context_close(ctx);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

/* The file's text, to be freed; NULL after saying why. */
static char *in_read(const char *path, size_t *n)
{
    const size_t most = (size_t)16 << 20;
    FILE *f = fopen(path, "rb");
    char *text = f != NULL ? malloc(most) : NULL;

    *n = text != NULL ? fread(text, 1, most, f) : 0;
    if (f == NULL || text == NULL || ferror(f) || *n == most) {
        fprintf(stderr, "mlc: %s: cannot be read\n", path);
        free(text);
        text = NULL;
    }
    if (f != NULL)
        fclose(f);
    return text;
}

int cli_ir(const cli_options *o)
{
    mlcx_module *m = NULL;
    mlc_context *ctx;
    mlc_error err;
    mlc_status st;
    size_t n;
    char *text = in_read(o->model, &n);

    if (text == NULL)
        return 1;
    if (cli_open(o, &ctx, NULL, 0, NULL) != 0) {
        free(text);
        return 1;
    }
    st = mlcx_module_open(ctx, text, n, &m, &err);
    if (st == MLC_OK && o->passes != NULL)
        st = mlcx_module_optimize(m, o->passes, &err);
    if (st == MLC_OK)
        st = o->function == NULL ? mlcx_module_print(m, in_write, stdout)
           : mlcx_module_try(m, o->function, o->sizes, in_write, stdout, &err);
    mlcx_module_close(m);
    mlc_context_close(ctx);
    free(text);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}
