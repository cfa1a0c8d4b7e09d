/* SPDX-License-Identifier: Apache-2.0
 *
 * test_layout.c - files that are laid out for the CPU: the same bits as their sources, the
 * same tokens, and what they refuse.
 */
#include "../include/mlc_experimental.h"
#include "golden.h"
#include "tiers.h"

#include <stdlib.h>

enum { N_TOKENS = 20 };

static const char text[] = "Caf\xc3\xa9 12345 don't \xe4\xbd\xa0\xe5\xa5\xbd\n\n  two <s> "
                           "<|im_end|> tabs\t.";
static mlc_error err;

/* Logits of some tokens, of each; malloc. */
static float *logits_of(mlc_context *ctx, const char *path, const char *quantization,
                        uint32_t flags, size_t *n)
{
    mlc_model_options mo;
    mlc_session_options so;
    mlc_model_info info;
    mlc_model *m = NULL;
    mlc_session *s = NULL;
    int32_t ids[N_TOKENS];
    float *out = NULL;

    mlc_model_options_init(&mo);
    mo.flags = flags;
    mo.quantization = quantization;
    mlc_session_options_init(&so);
    so.kv_tokens = 64;
    T_CHECK(mlc_model_open(ctx, path, &mo, &m, &err) == MLC_OK
            && mlc_session_open(m, &so, &s, &err) == MLC_OK, "%s", err.text);
    *n = 0;
    if (s != NULL) {
        mlc_model_info_init(&info);
        mlc_model_get_info(m, &info);
        out = malloc(N_TOKENS * info.vocab_size * sizeof *out);
        for (size_t i = 0; i < N_TOKENS; i++)
            ids[i] = (int32_t)((i * 37 + 11) % (info.vocab_size < 500 ? info.vocab_size : 500));
        for (size_t i = 0; i < N_TOKENS; i += 5) {
            T_CHECK(mlc_session_eval(s, ids + i, 5, &err) == MLC_OK, "%s", err.text);
            memcpy(out + *n, mlc_session_logits(s, 0), info.vocab_size * sizeof *out);
            *n += info.vocab_size;
        }
    }
    mlc_session_close(s);
    mlc_model_close(m);
    return out;
}

static void same_logits(mlc_context *ctx, const char *from, const char *laid, const char *q)
{
    size_t n, m;
    float *want = logits_of(ctx, from, q, 0, &n);

    for (uint32_t flags = 0; flags <= MLC_MODEL_NO_MMAP; flags += MLC_MODEL_NO_MMAP) {
        float *got = logits_of(ctx, laid, NULL, flags, &m);

        T_CHECK(n > 0 && n == m && memcmp(want, got, n * sizeof *got) == 0,
                "%zu and %zu logits, or other ones", n, m);
        free(got);
    }
    free(want);
}

static void same_pieces(const mlc_tokenizer *a, const mlc_tokenizer *b)
{
    size_t bad = 0;

    for (int32_t i = 0; i < (int32_t)mlc_tokenizer_size(a); i++) {
        const char *p, *q;
        size_t n, m;

        mlc_tokenizer_piece(a, i, &p, &n);
        mlc_tokenizer_piece(b, i, &q, &m);
        bad += n != m || memcmp(p, q, n) != 0
            || mlc_tokenizer_is_end(a, i) != mlc_tokenizer_is_end(b, i);
    }
    T_CHECK(bad == 0, "%zu tokens", bad);
}

/* Of the model, and by itself. */
static void same_tokenizer(mlc_context *ctx, const char *from, const char *laid)
{
    mlc_tokenizer *a = NULL, *b = NULL;
    int32_t x[200], y[200];
    size_t n = 0, m = 0;

    if (mlc_tokenizer_open(ctx, from, &a, &err) != MLC_OK) {
        T_CHECK(mlc_tokenizer_open(ctx, laid, &b, &err) != MLC_OK, "out of nowhere");
        return;
    }
    T_CHECK(mlc_tokenizer_open(ctx, laid, &b, &err) == MLC_OK
            && mlc_tokenizer_size(a) == mlc_tokenizer_size(b), "%s", err.text);
    if (b != NULL)
        same_pieces(a, b);
    for (uint32_t flags = 0; flags < 4 && b != NULL; flags++) {
        mlc_tokenizer_encode(a, text, sizeof text - 1, flags, x, 200, &n);
        mlc_tokenizer_encode(b, text, sizeof text - 1, flags, y, 200, &m);
        T_CHECK(n > 0 && n == m && memcmp(x, y, n * sizeof *x) == 0, "flags %u", flags);
    }
    mlc_tokenizer_close(a);
    mlc_tokenizer_close(b);
}

static const char *laid_path(void)
{
    static char path[600];

    snprintf(path, sizeof path, "%s", data_path("laid-out.mlc"));
    return path;
}

/* tier NULL: the best. */
static void test_model(const char *name, const char *q, const char *tier)
{
    mlc_context *ctx = test_context(tier);
    const mlcx_layout_options o = { .quantization = q };
    char from[600];

    snprintf(from, sizeof from, "%s", data_path("%s", name));
    T_CASE("%s, %s, %s", name, q != NULL ? q : "as it is", tier != NULL ? tier : "best tier");
    T_CHECK(mlcx_lay_out(ctx, from, laid_path(), &o, &err) == MLC_OK, "%s", err.text);
    same_logits(ctx, from, laid_path(), q);
    same_tokenizer(ctx, from, laid_path());
    mlc_context_close(ctx);
}

static mlc_status stop(void *user, double done)
{
    (void)user, (void)done;
    return MLC_ECANCELED;
}

static void test_refused(void)
{
    mlc_context *ctx = test_context(NULL);
    mlcx_layout_options o = { .device = "cuda" };
    mlcx_convert_options c = { .quantization = "q0f16" };
    mlcx_rank *ranks[2] = { NULL };
    mlc_model *m = NULL;
    char from[600], path[700];

    snprintf(from, sizeof from, "%s", data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"));
    T_CASE("another device");
    T_CHECK(mlcx_lay_out(ctx, from, laid_path(), &o, &err) == MLC_EUNSUPPORTED
            && strstr(err.text, "cuda") != NULL, "%s", err.text);
    T_CASE("stopped");
    (void)remove(laid_path());
    o = (mlcx_layout_options){ .progress = stop };
    snprintf(path, sizeof path, "%s.part", laid_path());
    T_CHECK(mlcx_lay_out(ctx, from, laid_path(), &o, &err) == MLC_ECANCELED
            && !data_exists(laid_path()) && !data_exists(path), "%s", err.text);
    T_CASE("nowhere to write");
    T_CHECK(mlcx_lay_out(ctx, from, "/nowhere/x.mlc", NULL, &err) == MLC_EIO, "%s", err.text);

    T_CASE("converted further");
    T_CHECK(mlcx_lay_out(ctx, from, laid_path(), NULL, &err) == MLC_OK, "%s", err.text);
    snprintf(path, sizeof path, "%s", data_path("laid-further"));
    T_CHECK(mlcx_convert(ctx, laid_path(), path, &c, &err) == MLC_EUNSUPPORTED, "%s", err.text);
    T_CASE("shared out");
    T_CHECK(mlcx_ranks_threads(ctx, 2, 1000, ranks, &err) == MLC_OK
            && mlcx_model_open_rank(ctx, laid_path(), ranks[0], NULL, &m, &err) == MLC_EUNSUPPORTED
            && strstr(err.text, "laid out") != NULL, "%s", err.text);
    mlcx_rank_close(ranks[0]);
    mlcx_rank_close(ranks[1]);
    T_CASE("laid out twice");
    snprintf(path, sizeof path, "%s", data_path("laid-twice.mlc"));
    T_CHECK(mlcx_lay_out(ctx, laid_path(), path, NULL, &err) == MLC_OK, "%s", err.text);
    same_logits(ctx, from, path, NULL);
    mlc_context_close(ctx);
}

int main(void)
{
    static const char *const names[] = {
        "golden/tiny/gguf/llama/llama-Q4_0.gguf",
        "golden/tiny/gguf/llama-h256/llama-h256-MIXED.gguf",
        "golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf", "golden/tiny/llama",
        "golden/tiny/gpt_oss-mxfp4", "golden/tiny/qwen2_moe", "golden/tiny/deepseek_v3",
        "golden/tiny/phi3-longrope", "golden/tiny/gpt2", "golden/tiny/mlc/llama-q4f16_1",
        "models/smollm2.gguf", "models/gemma3.gguf", "models/qwen2.gguf",
    };
    int n = 0;

    t_begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const bool real = strncmp(names[i], "models", 6) == 0;

        if (!data_exists(data_path("%s", names[i])) || (real && getenv("MLC_TEST_QUICK") != NULL))
            continue;
        n++;
        test_model(names[i], NULL, NULL);
        if (!real)
            test_model(names[i], NULL, "scalar");
    }
    T_CASE("there are models");
    T_CHECK(n > 0, "none");
    if (data_exists(data_path("golden/tiny/llama")))
        test_model("golden/tiny/llama", "q4f16_1", NULL);
    test_refused();
    return t_done();
}
