/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.c - mlc bench: speed of prefill and decoding, next to how fast this
 * machine reads memory, measured in the same minute.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BE_MAX_REPEAT = 99, BE_FIRST_PROMPT = 5 };

/* Memory that no cache holds; a phone has not much more. */
static const size_t be_read_bytes = (size_t)512 << 20;

typedef struct be_times {
    double prefill[BE_MAX_REPEAT], decode[BE_MAX_REPEAT], read[BE_MAX_REPEAT];
    double load_s, first_s;
    uint64_t peak;
} be_times;

static int be_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double be_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, be_compare);
    return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Ordinary tokens, the same each time. */
static void be_prompt(int32_t *ids, int n, size_t vocab)
{
    uint32_t x = 1;

    for (int i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        ids[i] = (int32_t)(x % (uint32_t)(vocab / 2) + (uint32_t)(vocab / 4));
    }
}

/* In lanes, which the compiler makes vectors of: a vocabulary of 262,144 is a
 * tenth of a small model's step otherwise. */
static int32_t be_best(const float *x, size_t n)
{
    float lane[16], best = x[0];
    size_t k = 0;

    for (int i = 0; i < 16; i++)
        lane[i] = best;
    for (; k + 16 <= n; k += 16)
        for (size_t i = 0; i < 16; i++)
            lane[i] = x[k + i] > lane[i] ? x[k + i] : lane[i];
    for (int i = 0; i < 16; i++)
        best = lane[i] > best ? lane[i] : best;
    for (; k < n; k++)
        best = x[k] > best ? x[k] : best;
    for (k = 0; k + 1 < n && x[k] != best; k++) {}
    return (int32_t)k;
}

static mlc_status be_decode(mlc_session *s, const cli_options *o, const int32_t *ids,
                            size_t vocab, double *speed, mlc_error *err)
{
    int32_t id = ids[0];
    mlc_status st = mlc_session_rewind(s, 0, 0);
    double t;

    if (st == MLC_OK && o->depth > 0)
        st = mlc_session_eval(s, ids, (size_t)o->depth, err);
    t = cli_seconds();
    for (int i = 0; i < o->n_decode && st == MLC_OK; i++) {
        st = mlc_session_eval(s, &id, 1, err);
        if (st == MLC_OK)
            id = be_best(mlc_session_logits(s, 0), vocab);
    }
    *speed = (double)o->n_decode / (cli_seconds() - t);
    return st;
}

static mlc_status be_measure(const cli_options *o, mlc_context *ctx, mlc_session *s,
                             const int32_t *ids, size_t vocab, be_times *t, double begin,
                             mlc_error *err)
{
    mlc_status st = mlc_session_eval(s, ids, BE_FIRST_PROMPT, err);

    if (st == MLC_OK)
        (void)be_best(mlc_session_logits(s, 0), vocab);
    t->first_s = cli_seconds() - begin;
    /* Once unmeasured, as llama-bench does: memory is touched for the first time. */
    if (st == MLC_OK)
        st = mlc_session_rewind(s, 0, 0);
    if (st == MLC_OK)
        st = mlc_session_eval(s, ids, (size_t)o->n_prompt, err);
    for (int r = 0; r < o->repeat && st == MLC_OK; r++) {
        double from;

        st = mlc_session_rewind(s, 0, 0);
        from = cli_seconds();
        if (st == MLC_OK)
            st = mlc_session_eval(s, ids, (size_t)o->n_prompt, err);
        t->prefill[r] = (double)o->n_prompt / (cli_seconds() - from);
        if (st == MLC_OK)
            st = be_decode(s, o, ids, vocab, &t->decode[r], err);
        if (r == 0)
            t->peak = mlcx_peak_memory();
        if (st == MLC_OK)
            st = mlcx_read_bandwidth(ctx, be_read_bytes, &t->read[r]);
    }
    return st;
}

static void be_print(const cli_options *o, be_times *t, uint64_t decode_bytes)
{
    double prefill = be_median(t->prefill, o->repeat);
    double decode = be_median(t->decode, o->repeat);
    double read = be_median(t->read, o->repeat);

    if (o->json) {
        printf("{\"prefill_tokens_per_s\":%.2f,\"decode_tokens_per_s\":%.2f,"
               "\"load_ms\":%.1f,\"first_token_ms\":%.1f,\"peak_rss_bytes\":%llu,"
               "\"decode_bytes_per_token\":%llu,\"read_bandwidth_bytes_per_s\":%.0f}\n",
               prefill, decode, t->load_s * 1e3, t->first_s * 1e3,
               (unsigned long long)t->peak, (unsigned long long)decode_bytes, read);
        return;
    }
    printf("prefill, %d tokens: %.1f tokens/s\n", o->n_prompt, prefill);
    printf("decode, %d tokens from depth %d: %.1f tokens/s\n", o->n_decode, o->depth,
           decode);
    printf("a decoded token reads %.1f MB: %.1f GB/s, %.0f %% of the %.1f GB/s that "
           "memory gives\n", (double)decode_bytes / 1e6, decode * (double)decode_bytes / 1e9,
           100 * decode * (double)decode_bytes / read, read / 1e9);
    printf("loading %.0f ms, first token of a %d-token prompt after %.0f ms, peak memory "
           "%.0f MB\n", t->load_s * 1e3, BE_FIRST_PROMPT, t->first_s * 1e3,
           (double)t->peak / 1e6);
}

static int be_run(const cli_options *o, mlc_context *ctx, mlc_model *model, be_times *t,
                  double begin)
{
    int longest = o->n_prompt > o->depth ? o->n_prompt : o->depth;
    size_t vocab = cli_vocab_size(model);
    int32_t *ids = malloc(((size_t)longest + BE_FIRST_PROMPT) * sizeof *ids);
    mlc_session_options so;
    mlc_model_info info;
    mlc_session *s = NULL;
    mlc_error err;
    mlc_status st;

    memset(&err, 0, sizeof err);
    mlc_model_info_init(&info);
    (void)mlc_model_get_info(model, &info);
    mlc_session_options_init(&so);
    so.kv_tokens = (uint64_t)longest + (uint64_t)o->n_decode + BE_FIRST_PROMPT + 1;
    so.kv_type = o->kv == NULL ? MLC_KV_AUTO : strcmp(o->kv, "f32") == 0 ? MLC_KV_F32
                                                                         : MLC_KV_F16;
    st = ids == NULL ? MLC_ENOMEM : mlc_session_open(model, &so, &s, &err);
    if (st == MLC_OK) {
        be_prompt(ids, longest + BE_FIRST_PROMPT, vocab);
        st = be_measure(o, ctx, s, ids, vocab, t, begin, &err);
    }
    if (st == MLC_OK)
        be_print(o, t, info.decode_bytes);
    mlc_session_close(s);
    free(ids);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

int cli_bench(const cli_options *o)
{
    static be_times t;
    mlc_context *ctx;
    mlc_model *model;
    double begin = cli_seconds();
    int rc;

    if (o->repeat < 1 || o->repeat > BE_MAX_REPEAT || o->n_prompt < 1 || o->n_decode < 1)
        return cli_fail("mlc bench: a number is out of range");
    rc = cli_open(o, &ctx, o->model, 0, &model);
    if (rc != 0)
        return rc;
    t.load_s = cli_seconds() - begin;
    rc = be_run(o, ctx, model, &t, begin);
    mlc_model_close(model);
    mlc_context_close(ctx);
    return rc;
}
