/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - mlc tokenize, detokenize, template: what needs no weights.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tx_tokenizer(const cli_options *o, mlc_context **ctx, mlc_tokenizer **tok)
{
    mlc_error err;

    if (cli_open(o, ctx, NULL, 0, NULL) != 0)
        return 1;
    if (mlc_tokenizer_open(*ctx, o->model, tok, &err) != MLC_OK) {
        mlc_context_close(*ctx);
        return cli_fail_status(&err);
    }
    return 0;
}

int cli_tokenize(const cli_options *o)
{
    mlc_context *ctx;
    mlc_tokenizer *tok;
    size_t n, n_ids = 0;
    char *text = cli_gather_text(o, &n);
    int32_t *ids = NULL;

    if (text == NULL)
        return 1;
    if (tx_tokenizer(o, &ctx, &tok) != 0) {
        free(text);
        return 1;
    }
    ids = cli_encode(tok, text, n, cli_encode_flags(o), &n_ids);
    if (ids != NULL && o->json) {
        printf("{\"ids\":");
        cli_print_ids(ids, n_ids);
        printf("}\n");
    }
    for (size_t i = 0; ids != NULL && !o->json && i < n_ids; i++) {
        const char *bytes = "";
        size_t len = 0;

        (void)mlc_tokenizer_piece(tok, ids[i], &bytes, &len);
        printf("%7d  ", ids[i]);
        for (size_t k = 0; k < len; k++)
            if ((unsigned char)bytes[k] < 0x20 || (unsigned char)bytes[k] == 0x7f)
                printf("\\x%02x", (unsigned)(unsigned char)bytes[k]);
            else
                putchar(bytes[k]);
        putchar('\n');
    }
    mlc_tokenizer_close(tok);
    mlc_context_close(ctx);
    free(text);
    free(ids);
    return ids == NULL;
}

int cli_detokenize(const cli_options *o)
{
    mlc_context *ctx;
    mlc_tokenizer *tok;
    size_t n_ids, n = 0;
    int32_t *ids;
    char *text;
    mlc_status st;

    if (o->ids == NULL)
        return cli_fail("mlc detokenize wants --ids 1,2,3");
    ids = cli_parse_ids(o->ids, &n_ids);
    if (ids == NULL || tx_tokenizer(o, &ctx, &tok) != 0) {
        free(ids);
        return 1;
    }
    st = mlc_tokenizer_decode(tok, ids, n_ids, MLC_DECODE_SPECIAL, NULL, 0, &n);
    text = malloc(n + 1);
    if (st == MLC_ETOOSMALL && text != NULL)
        st = mlc_tokenizer_decode(tok, ids, n_ids, MLC_DECODE_SPECIAL, text, n + 1, &n);
    if (st == MLC_OK && o->json) {
        cJSON *j = cJSON_CreateStringReference(text);
        char *quoted = cJSON_PrintUnformatted(j);

        printf("{\"text\":%s}\n", quoted != NULL ? quoted : "null");
        cJSON_free(quoted);
        cJSON_Delete(j);
    } else if (st == MLC_OK) {
        fwrite(text, 1, n, stdout);
        putchar('\n');
    }
    free(text);
    free(ids);
    mlc_tokenizer_close(tok);
    mlc_context_close(ctx);
    return st == MLC_OK ? 0 : cli_fail("an id is outside the vocabulary");
}

int cli_template(const cli_options *o)
{
    mlc_context *ctx;
    mlc_model *model;
    size_t n_json, n = 0;
    char *json, *text = NULL;
    mlc_error err;
    mlc_status st;

    if (o->json_file == NULL)
        return cli_fail("mlc template wants --json-file FILE");
    json = cli_read_file(o->json_file, &n_json);
    if (json == NULL)
        return 1;
    if (cli_open(o, &ctx, o->model, MLC_MODEL_NO_WEIGHTS, &model) != 0) {
        free(json);
        return 1;
    }
    st = mlc_model_prompt(model, json, n_json, NULL, 0, &n, &err);
    if (st == MLC_ETOOSMALL && (text = malloc(n + 1)) != NULL)
        st = mlc_model_prompt(model, json, n_json, text, n + 1, &n, &err);
    if (st == MLC_OK)
        fwrite(text, 1, n, stdout);
    free(text);
    free(json);
    mlc_model_close(model);
    mlc_context_close(ctx);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}
