/* SPDX-License-Identifier: Apache-2.0
 *
 * common.c - what the commands share.
 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- errors, time ------------------------------------------------------------------ */

int cli_fail(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "mlc: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}

int cli_fail_status(const mlc_error *err)
{
    return cli_fail("%s", err->text[0] != 0 ? err->text : mlc_status_name(err->status));
}

double cli_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- opening --------------------------------------------------------------------------- */

static void co_log(void *user, int32_t level, const char *text)
{
    (void)user, (void)level;
    fprintf(stderr, "mlc: %s\n", text);
}

mlc_status cli_progress(void *user, double done)
{
    cli_bar *bar = user;
    int n = (int)(done * 40);

    if (cli_seconds() - bar->begun < 1.0 || !isatty(STDERR_FILENO))
        return MLC_OK;
    bar->shown = true;
    fprintf(stderr, "\r%s [%.*s%*s] %3d %%", bar->what, n,
            "########################################", 40 - n, "", (int)(done * 100));
    return MLC_OK;
}

void cli_bar_end(const cli_bar *bar)
{
    if (bar->shown)
        fprintf(stderr, "\r%60s\r", "");
}

int cli_open(const cli_options *o, mlc_context **ctx, const char *path, uint32_t flags,
             mlc_model **model)
{
    mlc_context_options co;
    mlc_model_options mo;
    cli_bar bar = { "loading", cli_seconds(), false };
    mlc_error err;
    mlc_status st;

    memset(&err, 0, sizeof err);
    mlc_context_options_init(&co);
    co.n_threads = (uint32_t)o->threads;
    co.cpu_tier = o->tier;
    co.log = co_log;
    co.log_level = o->verbose > 1 ? MLC_LOG_DEBUG : o->verbose ? MLC_LOG_INFO
                                                               : MLC_LOG_WARN;
    if (mlc_context_open(&co, ctx, &err) != MLC_OK)
        return cli_fail_status(&err);
    if (path == NULL)
        return 0;
    mlc_model_options_init(&mo);
    mo.flags = flags | (o->verify ? MLC_MODEL_VERIFY : 0);
    mo.device = o->device;
    mo.progress = cli_progress;
    mo.progress_user = &bar;
    mo.quantization = o->quantization;
    st = o->without != NULL ? mlcx_model_open(*ctx, path, o->without, &mo, model, &err)
                            : mlc_model_open(*ctx, path, &mo, model, &err);
    cli_bar_end(&bar);
    if (st != MLC_OK) {
        mlc_context_close(*ctx);
        return cli_fail_status(&err);
    }
    return 0;
}

/* ---- text and tokens ----------------------------------------------------------------------- */

char *cli_read_file(const char *path, size_t *n)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t cap = 1 << 16, got;
    char *text = malloc(cap + 1);

    *n = 0;
    if (f == NULL || text == NULL) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
        free(text);
        return NULL;
    }
    while ((got = fread(text + *n, 1, cap - *n, f)) > 0) {
        *n += got;
        if (*n == cap) {
            char *more = realloc(text, 2 * cap + 1);

            if (more == NULL)
                break;
            text = more;
            cap *= 2;
        }
    }
    if (ferror(f)) {
        cli_fail("cannot read %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[*n] = 0;
    }
    if (f != stdin)
        fclose(f);
    return text;
}

char *cli_gather_text(const cli_options *o, size_t *n)
{
    char *text;

    if (o->text_file != NULL)
        return cli_read_file(o->text_file, n);
    if (o->prompt == NULL || strcmp(o->prompt, "-") == 0)
        return cli_read_file("-", n);
    *n = strlen(o->prompt);
    text = malloc(*n + 1);
    if (text != NULL)
        memcpy(text, o->prompt, *n + 1);
    return text;
}

int32_t *cli_parse_ids(const char *text, size_t *n)
{
    int32_t *ids = malloc((strlen(text) / 2 + 1) * sizeof *ids);
    char *end;

    *n = 0;
    while (ids != NULL && *text != 0) {
        long v = strtol(text, &end, 10);

        if (end == text || v < 0 || v > INT32_MAX || (*end != 0 && *end != ',')) {
            cli_fail("--ids: \"%.20s\" is no token id", text);
            free(ids);
            return NULL;
        }
        ids[(*n)++] = (int32_t)v;
        text = *end == ',' ? end + 1 : end;
    }
    return ids;
}

size_t cli_vocab_size(const mlc_model *model)
{
    mlc_model_info info;

    mlc_model_info_init(&info);
    return mlc_model_get_info(model, &info) == MLC_OK ? info.vocab_size : 0;
}

uint32_t cli_encode_flags(const cli_options *o)
{
    return (o->no_special ? 0u : (uint32_t)MLC_ENCODE_SPECIAL)
         | (o->no_parse ? 0u : (uint32_t)MLC_ENCODE_PARSE);
}

int32_t *cli_encode(const mlc_tokenizer *tok, const char *text, size_t n, uint32_t flags,
                    size_t *n_ids)
{
    int32_t *ids = tok != NULL ? malloc((n + 3) * sizeof *ids) : NULL;
    mlc_status st = tok == NULL ? MLC_EUNSUPPORTED : ids == NULL ? MLC_ENOMEM
        : mlc_tokenizer_encode(tok, text, n, flags, ids, n + 3, n_ids);

    if (st != MLC_OK) {
        cli_fail("cannot tokenize: %s", tok == NULL ? "the model has no tokenizer"
                                                    : mlc_status_name(st));
        free(ids);
        return NULL;
    }
    return ids;
}

void cli_print_ids(const int32_t *ids, size_t n)
{
    putchar('[');
    for (size_t i = 0; i < n; i++)
        printf(i > 0 ? ",%d" : "%d", ids[i]);
    putchar(']');
}

/* ---- sampling options ------------------------------------------------------------------------ */

static const char *co_set_stop(cJSON *request, const char *value)
{
    cJSON *list = cJSON_CreateArray();

    while (list != NULL && *value != 0) {
        size_t n = strcspn(value, ",");
        char one[256];

        snprintf(one, sizeof one, "%.*s", (int)n, value);
        if (n > 0)
            cJSON_AddItemToArray(list, cJSON_CreateString(one));
        value += n + (value[n] == ',');
    }
    cJSON_DeleteItemFromObject(request, "stop");
    cJSON_AddItemToObject(request, "stop", list);
    return NULL;
}

const char *cli_set_sampling(cJSON *request, const char *key, const char *value)
{
    static const char *const numbers[] = {
        "temperature", "top_p", "top_k", "min_p", "repetition_penalty",
        "presence_penalty", "frequency_penalty", "seed", "max_tokens",
    };
    char name[64], *end;
    size_t i;

    snprintf(name, sizeof name, "%s", key);
    for (i = 0; name[i] != 0; i++)
        if (name[i] == '-')
            name[i] = '_';
    if (strcmp(name, "stop") == 0)
        return co_set_stop(request, value);
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double v;

        if (strcmp(name, numbers[i]) != 0)
            continue;
        v = strtod(value, &end);
        if (*value == 0 || *end != 0)
            return "is no number";
        cJSON_DeleteItemFromObject(request, name);
        cJSON_AddNumberToObject(request, name, v);
        return NULL;
    }
    return "is no sampling option: temperature, top_p, top_k, min_p, "
           "repetition_penalty, presence_penalty, frequency_penalty, seed, max_tokens, "
           "stop";
}

/* ---- answers ------------------------------------------------------------- */

static volatile sig_atomic_t co_interrupted;

static void co_interrupt(int sig)
{
    (void)sig;
    co_interrupted = 1;
}

void cli_catch_interrupt(void)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = co_interrupt;
    sigaction(SIGINT, &sa, NULL);
}

void cli_answer_reset(cli_answer *a)
{
    free(a->text);
    cJSON_Delete(a->usage);
    memset(a, 0, sizeof *a);
}

static bool co_keep(cli_answer *a, const char *text, size_t n)
{
    char *more = realloc(a->text, a->n + n + 1);

    if (more == NULL)
        return false;
    a->text = more;
    memcpy(a->text + a->n, text, n);
    a->n += n;
    a->text[a->n] = 0;
    return true;
}

mlc_status cli_stream(mlc_engine *engine, const cJSON *request, cli_answer *answer,
                      mlc_error *err)
{
    char *json = cJSON_PrintUnformatted(request);
    mlc_request *req = NULL;
    mlc_event e;
    mlc_status st = json == NULL ? MLC_ENOMEM
        : mlc_engine_submit(engine, json, strlen(json), NULL, &req, err);

    cJSON_free(json);
    co_interrupted = 0;
    while (st == MLC_OK) {
        mlc_event_init(&e);
        st = mlc_request_read(req, 100, &e);
        if (co_interrupted && !answer->cancelled) {
            mlc_request_cancel(req);
            answer->cancelled = true;
        }
        if (st == MLC_ETIMEOUT) {
            st = MLC_OK;
            continue;
        }
        if (st != MLC_OK)
            break;
        fwrite(e.text, 1, e.text_bytes, stdout);
        fflush(stdout);
        if (!co_keep(answer, e.text, e.text_bytes))
            st = MLC_ENOMEM;
        if (e.kind == MLC_EVENT_ERROR) {
            st = e.status;
            snprintf(err->text, sizeof err->text, "%.200s", e.json);
        }
        if (e.kind == MLC_EVENT_DONE) {
            cJSON *done = cJSON_Parse(e.json);

            answer->usage = cJSON_DetachItemFromObject(done, "usage");
            cJSON_Delete(done);
            break;
        }
    }
    mlc_request_close(req);
    return st;
}
