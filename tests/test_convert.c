/* SPDX-License-Identifier: Apache-2.0
 *
 * test_convert.c - conversion to MLC directories: the bytes that MLC-LLM's own converter
 * wrote, texts and logits as the source has them, and what is left when it stops halfway.
 */
#include "../include/mlc_experimental.h"
#include "../kernels/groups/groups.h"
#include "../src/base/half.h"
#include "../src/base/md5.h"
#include "sequence.h"
#include "tiers.h"

#include <stdio.h>
#include <unistd.h>

static mlc_context *ctx;
static char to[600];

/* `to` is a directory for a result, without what an earlier run left there. */
static void fresh(const char *name)
{
    static const char *const names[] = {
        "mlc-chat-config.json", "tensor-cache.json", "tensor-cache-b16.json", "tokenizer.json",
        "tokenizer_config.json", "convert.journal", "config.json", "generation_config.json",
    };
    char path[700];

    snprintf(to, sizeof to, "%s", data_path("converted-%s", name));

    for (size_t i = 0; i < sizeof names / sizeof *names + 40; i++) {
        if (i < sizeof names / sizeof *names)
            snprintf(path, sizeof path, "%s/%s", to, names[i]);
        else
            snprintf(path, sizeof path, "%s/params_shard_%zu.bin", to,
                     i - sizeof names / sizeof *names);
        (void)remove(path);
    }
}

static bool convert(const char *from, const char *q)
{
    const mlcx_convert_options o = { .quantization = q };
    const mlc_status st = mlcx_convert(ctx, from, to, &o, &err);

    T_CHECK(st == MLC_OK, "%s", err.text);
    return st == MLC_OK;
}

static bool same_file(const char *a, const char *b, const char *name)
{
    char path[700];
    size_t n, m;
    char *x, *y;
    bool same;

    snprintf(path, sizeof path, "%s/%s", a, name);
    x = data_read(path, &n);
    snprintf(path, sizeof path, "%s/%s", b, name);
    y = data_read(path, &m);
    same = x != NULL && y != NULL && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- as MLC-LLM's converter -------------------------------------------------------------- */

/* The golden's sequences through a model. */
static void check_logits(const char *model, const mlc_model_options *options,
                         const char *expected, const char *file)
{
    mlc_session_options o;
    mlc_session *s = NULL;
    mlc_model *m = NULL;
    const mlci_json *of;
    golden g;

    mlc_session_options_init(&o);
    o.max_logits = MAX_IDS;
    T_CHECK(mlc_model_open(ctx, model, options, &m, &err) == MLC_OK
            && mlc_session_open(m, &o, &s, &err) == MLC_OK, "%s", err.text);
    golden_open(&g, ctx, expected);
    of = file != NULL ? mlci_json_get(mlci_json_get(g.root, "files"), file) : g.root;
    T_CHECK(mlci_json_get(of, "sequences") != NULL, "no golden");
    for (const mlci_json *v = s != NULL ? mlci_json_get(of, "sequences")->items : NULL; v != NULL;
         v = v->next)
        check_sequence(s, v, 0.05);
    golden_close(&g);
    mlc_session_close(s);
    mlc_model_close(m);
}

/* logits: MLC's configuration says all that the source's says. */
static void test_bytes(const char *source, const char *q, const char *by_mlc, bool logits)
{
    char from[600], want[600];

    snprintf(from, sizeof from, "%s", data_path("golden/tiny/%s", source));
    snprintf(want, sizeof want, "%s", data_path("golden/tiny/mlc/%s", by_mlc));
    if (access(from, R_OK) != 0 || access(want, R_OK) != 0)
        return;
    T_CASE("%s to %s", source, q);
    fresh("tiny");
    if (!convert(from, q))
        return;
    T_CHECK(same_file(to, want, "params_shard_0.bin"), "other bytes");
    if (!logits)
        return;
    check_logits(to, NULL, data_path("golden/tiny/mlc/%s/golden.json", by_mlc), NULL);
    /* Gemma's gains, with 1 added, are rounded to bfloat16 by the converter alone. */
    if ((strcmp(q, "q4f16_1") != 0 && strcmp(q, "q4f16_2") != 0)
        || strncmp(source, "gemma", 5) == 0)
        return;
    T_CASE("%s with %s while loading", source, q);
    for (uint32_t flags = 0; flags <= MLC_MODEL_NO_MMAP; flags += MLC_MODEL_NO_MMAP) {
        mlc_model_options o;

        mlc_model_options_init(&o);
        o.flags = flags;
        o.quantization = q;
        check_logits(from, &o, data_path("golden/tiny/mlc/%s/golden.json", by_mlc), NULL);
    }
}

/* A GGUF file's rows of q and k are in another order, its keys have other names; half
 * precision loses nothing of four bits. */
static void test_gguf(const char *arch)
{
    char file[100];

    T_CASE("%s-Q4_0.gguf to q0f16", arch);
    fresh("tiny");
    snprintf(file, sizeof file, "%s-Q4_0.gguf", arch);
    if (convert(data_path("golden/tiny/gguf/%s/%s", arch, file), "q0f16"))
        check_logits(to, NULL, data_path("golden/tiny/gguf/%s/golden.json", arch), file);
}

/* Logits behind a few tokens. */
static void some_logits(float out[V])
{
    static const int32_t ids[] = { 5, 77, 300, 12 };
    mlc_session *s = NULL;
    mlc_model *m = NULL;

    T_CHECK(mlc_model_open(ctx, to, NULL, &m, &err) == MLC_OK
            && mlc_session_open(m, NULL, &s, &err) == MLC_OK
            && mlc_session_eval(s, ids, 4, &err) == MLC_OK, "%s", err.text);
    if (s != NULL)
        memcpy(out, mlc_session_logits(s, 0), V * sizeof *out);
    mlc_session_close(s);
    mlc_model_close(m);
}

/* Matrices are transposed by the "_0" schemes, tables of embeddings are not, whatever they are
 * called: the same codes either way. */
static void test_transposed(const char *source)
{
    static float rows[V], columns[V];
    char from[600];

    snprintf(from, sizeof from, "%s", data_path("golden/tiny/%s", source));
    if (access(from, R_OK) != 0)
        return;
    T_CASE("%s, transposed", source);
    fresh("rows");
    if (convert(from, "q4f16_1"))
        some_logits(rows);
    fresh("columns");
    if (convert(from, "q4f16_0"))
        some_logits(columns);
    T_CHECK(memcmp(rows, columns, sizeof rows) == 0, "other logits");
}

/* ---- a real model ------------------------------------------------------------------------ */

static mlc_status stop(void *user, double done)
{
    return done >= *(const double *)user ? MLC_ECANCELED : MLC_OK;
}

static size_t encode(const mlc_model *m, const char *text, int32_t *ids, size_t cap)
{
    size_t n = 0;

    return mlc_tokenizer_encode(mlc_model_tokenizer(m), text, strlen(text), 0, ids, cap, &n)
        == MLC_OK ? n : 0;
}

/* Texts become the same tokens. */
static void check_texts(const char *from)
{
    static int32_t a[4096], b[4096];
    mlc_model_options o;
    mlc_model *x = NULL, *y = NULL;
    size_t bytes;
    char *corpus = data_read(data_path("golden/text/corpus.txt"), &bytes);

    mlc_model_options_init(&o);
    o.flags = MLC_MODEL_NO_WEIGHTS;
    T_CHECK(mlc_model_open(ctx, from, &o, &x, &err) == MLC_OK
            && mlc_model_open(ctx, to, &o, &y, &err) == MLC_OK, "%s", err.text);
    for (size_t at = 0; x != NULL && y != NULL && corpus != NULL && at + 2000 < bytes;
         at += 40000) {
        const char kept = corpus[at + 2000];
        size_t n, m;

        corpus[at + 2000] = 0;
        n = encode(x, corpus + at, a, 4096);
        m = encode(y, corpus + at, b, 4096);
        T_CHECK(n > 0 && n == m && memcmp(a, b, n * sizeof *a) == 0, "other tokens at %zu", at);
        corpus[at + 2000] = kept;
    }
    if (x != NULL && y != NULL) {
        mlc_model_info i, k;

        mlc_model_info_init(&i);
        mlc_model_info_init(&k);
        T_CHECK(mlc_model_get_info(x, &i) == MLC_OK && mlc_model_get_info(y, &k) == MLC_OK
                && i.vocab_size == k.vocab_size && (i.chat_template == NULL
                    ? k.chat_template == NULL : strcmp(i.chat_template, k.chat_template) == 0),
                "another template");
    }
    mlc_model_close(x);
    mlc_model_close(y);
    free(corpus);
}

/* Stopped once in the second file and once at the end: nothing opens, the rest is kept. */
static void test_stopped(const char *from)
{
    double when = 0.6;
    const mlcx_convert_options o = { .quantization = "q4f16_1", .progress = stop,
                                     .progress_user = &when };
    static const char *const names[] = { "params_shard_0.bin", "params_shard_1.bin",
                                         "params_shard_2.bin", "tensor-cache.json",
                                         "mlc-chat-config.json" };
    char whole[600];
    mlc_model *m = NULL;

    fresh("whole");
    if (!convert(from, "q4f16_1"))
        return;
    snprintf(whole, sizeof whole, "%s", to);
    check_texts(from);
    fresh("stopped");
    for (int i = 0; i < 2; i++, when = 0.99) {
        T_CHECK(mlcx_convert(ctx, from, to, &o, &err) == MLC_ECANCELED, "not stopped");
        T_CHECK(mlc_model_open(ctx, to, NULL, &m, &err) != MLC_OK, "half a model opens");
    }
    T_CHECK(same_file(to, whole, names[0]), "the first file is not there");
    if (convert(from, "q4f16_1"))
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            T_CHECK(same_file(to, whole, names[i]), "%s differs", names[i]);
    T_CHECK(!data_exists(data_path("converted-stopped/convert.journal")), "the journal is left");
}

/* ---- what cannot be ------------------------------------------------------------------------ */

static void refuse(const char *from, const char *q, mlc_status status, const char *says)
{
    const mlcx_convert_options o = { .quantization = q };
    const mlc_status st = mlcx_convert(ctx, from, to, &o, &err);

    T_CHECK(st == status && strstr(err.text, says) != NULL, "%d: %s", st, err.text);
}

static void test_refused(void)
{
    mlc_model_options o;
    mlc_model *m = NULL;
    char from[600];

    snprintf(from, sizeof from, "%s", data_path("golden/tiny/llama"));
    T_CASE("what cannot be converted");
    fresh("refused");
    refuse(from, "q5f16_1", MLC_EUNSUPPORTED, "q4f16_1");
    refuse(data_path("golden/tiny/gpt_neox"), "q4f16_1", MLC_EUNSUPPORTED, "gptneox");
    refuse(data_path("nothing"), "q4f16_1", MLC_EIO, "nothing");
    (void)convert(from, "q4f16_1");
    refuse(from, "q4f16_1", MLC_EINVAL, "holds a model already");
    snprintf(to, sizeof to, "%s/tokenizer.json/x", from);
    refuse(from, "q4f16_1", MLC_EIO, "cannot write");
    mlc_model_options_init(&o);
    o.quantization = "q3f16_1";
    T_CHECK(mlc_model_open(ctx, from, &o, &m, &err) == MLC_EUNSUPPORTED
            && strstr(err.text, "q4f16_1") != NULL, "%s", err.text);
}

/* A byte of a shard that is another: only checksums show it. */
static void test_verify(void)
{
    mlc_model_options o;
    mlc_model *m = NULL;
    char path[700];
    FILE *f;

    T_CASE("checksums");
    fresh("verified");
    if (!convert(data_path("golden/tiny/llama"), "q4f16_1"))
        return;
    mlc_model_options_init(&o);
    o.flags = MLC_MODEL_VERIFY;
    T_CHECK(mlc_model_open(ctx, to, &o, &m, &err) == MLC_OK, "%s", err.text);
    mlc_model_close(m);
    snprintf(path, sizeof path, "%s/params_shard_0.bin", to);
    f = fopen(path, "r+b");
    T_CHECK(f != NULL && fseek(f, 5000, SEEK_SET) == 0 && fputc(0x21, f) != EOF && fclose(f) == 0,
            "%s", path);
    T_CHECK(mlc_model_open(ctx, to, NULL, &m, &err) == MLC_OK, "%s", err.text);
    mlc_model_close(m);
    T_CHECK(mlc_model_open(ctx, to, &o, &m, &err) == MLC_EFORMAT
            && strstr(err.text, "params_shard_0.bin") != NULL
            && strstr(err.text, "md5") != NULL, "%s", err.text);
}

/* ---- codes --------------------------------------------------------------------------------- */

static float half(float x) { return mlci_f16_to_f32(mlci_f32_to_f16(x)); }

/* Each operation rounded by itself. */
static int code(float x, float scale, int most)
{
    const double sum = (double)half(half(x / scale) + (float)most);
    const double whole = nearbyint(sum);

    return (int)(whole < 0 ? 0 : whole > 2 * most ? 2 * most : whole);
}

static void test_codes(const mlci_group_kernels *k, const char *name)
{
    enum { N = 32 * 5 };
    static float x[N], scales[N];
    static uint8_t codes[N], blocks[N / 32 * 18];

    T_CASE("codes, %s", name);
    for (int round = 0; round < 2000; round++) {
        const int most = round % 2 ? 7 : 3;
        const size_t size = most == 7 ? 32 : 40, n = most == 7 ? N : N - 11;
        const float unit = ldexpf(1, round % 37 - 24);
        size_t bad = 0;

        for (size_t i = 0; i < n; i++)
            x[i] = half(unit * ((float)t_below(&t_seed, 4001) / 2000 - 1)
                        * (round % 5 == 0 && i / size == 1 ? 0.0f : 1.0f));
        k->codes(x, n, size, most, MLCI_GROUP_F16, codes, scales);
        for (size_t i = 0; i < n; i++) {
            const size_t g = i / size;
            float largest = 0;

            for (size_t j = g * size; j < n && j < (g + 1) * size; j++)
                largest = fmaxf(largest, fabsf(x[j]));
            bad += scales[g] != half(largest / (float)most);
            bad += codes[i] != (scales[g] > 0 ? code(x[i], scales[g], most) : most);
        }
        T_CHECK(bad == 0, "round %d: %zu of %zu", round, bad, n);
        if (most != 7)
            continue;
        k->q4_0(codes, scales, n, blocks);
        for (size_t i = 0; i < n; i++) {
            const uint8_t *b = blocks + i / 32 * 18, byte = b[2 + i % 16];

            bad += (i % 32 < 16 ? byte & 15 : byte >> 4) != codes[i] + 1
                || mlci_f16_to_f32((uint16_t)(b[0] | b[1] << 8)) != scales[i / 32];
        }
        T_CHECK(bad == 0, "blocks of round %d", round);
    }
}

/* What is lost, each column counted as its importance. */
static double loss(const float *x, const float *w, size_t n, const uint8_t *codes,
                   const float *scales)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const double e = (double)x[i] - ((double)codes[i] - 7) * (double)scales[i / 32];

        sum += e * e * (w != NULL ? (double)w[i] : (double)x[i] * (double)x[i]);
    }
    return sum;
}

/* The search is never much worse than the largest values' scales, and better on average. */
static void test_search(void)
{
    enum { N = 64, ROUNDS = 500 };
    static float x[N], w[N], plain[N / 32], scales[N / 32];
    static uint8_t codes[N];
    double ratio = 0;

    T_CASE("the search for scales");
    for (int round = 0; round < ROUNDS; round++) {
        const float *importance = round % 2 ? w : NULL;
        double before, after;

        for (size_t i = 0; i < N; i++) {
            x[i] = half(t_uniform(&t_seed) * t_uniform(&t_seed) * ldexpf(1, round % 20 - 10));
            w[i] = 0.01f + fabsf(t_uniform(&t_seed));
        }
        mlci_groups_scalar.codes(x, N, 32, 7, MLCI_GROUP_F16, codes, plain);
        before = loss(x, importance, N, codes, plain);
        mlci_groups_search(x, importance, N, 32, 7, MLCI_GROUP_F16, codes, scales);
        after = loss(x, importance, N, codes, scales);
        ratio += after / before / ROUNDS;
        T_CHECK(after <= 1.01 * before, "round %d: %g, was %g", round, after, before);
    }
    T_CHECK(ratio < 0.9, "on average %g of what was lost", ratio);
    memset(x, 0, sizeof x);
    mlci_groups_search(x, NULL, N, 32, 7, MLCI_GROUP_F16, codes, scales);
    T_CHECK(codes[0] == 7 && !(scales[0] > 0) && !(scales[0] < 0), "zeros");
}

/* What comes to the columns changes codes; they open as any. */
static void test_calibration(void)
{
    mlcx_convert_options o = { .quantization = "q4f16_1", .search = 1, .text = "Too short." };
    char from[600], plain[600];
    size_t n;
    char *text = data_read(data_path("golden/text/corpus.txt"), &n);

    T_CASE("calibration");
    if (text == NULL || n < 4000) {
        t_skip("no text");
        free(text);
        return;
    }
    snprintf(from, sizeof from, "%s", data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"));
    fresh("searched");
    T_CHECK(mlcx_convert(ctx, from, to, &o, &err) == MLC_EINVAL
            && strstr(err.text, "too short") != NULL, "%s", err.text);
    o.text = NULL;
    T_CHECK(mlcx_convert(ctx, from, to, &o, &err) == MLC_OK, "%s", err.text);
    snprintf(plain, sizeof plain, "%s", to);
    fresh("calibrated");
    text[4000] = 0;
    o.text = text;
    T_CHECK(mlcx_convert(ctx, from, to, &o, &err) == MLC_OK, "%s", err.text);
    T_CHECK(!same_file(plain, to, "params_shard_0.bin"), "the text changed nothing");
    free(text);
}

static void test_half(const mlci_group_kernels *k, const char *name)
{
    static uint8_t in[2 * 65536 + 1];
    static float out[65536];
    size_t bad = 0;

    T_CASE("half precision, %s", name);
    for (uint32_t i = 0; i < 65536; i++)
        in[2 * i + 1] = (uint8_t)i, in[2 * i + 2] = (uint8_t)(i >> 8);
    k->f16(in + 1, 65536 - 3, out);
    for (uint32_t i = 0; i < 65536 - 3; i++) {
        const float want = mlci_f16_to_f32((uint16_t)i);

        bad += !(out[i] == want || (out[i] != out[i] && want != want));
    }
    T_CHECK(bad == 0, "%zu differ", bad);
}

/* RFC 1321's own, in one go and byte by byte. */
static void test_md5(void)
{
    static const struct { const char *text, *sum; } table[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" }, { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
          "0", "57edf4a22be3c955ac49da2e2107b67a" },
    };

    T_CASE("md5");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int single = 0; single < 2; single++) {
            const size_t n = strlen(table[i].text);
            char sum[33];
            mlci_md5 m;

            mlci_md5_begin(&m);
            for (size_t k = 0; k < n && single; k++)
                mlci_md5_put(&m, table[i].text + k, 1);
            if (!single)
                mlci_md5_put(&m, table[i].text, n);
            mlci_md5_end(&m, sum);
            T_CHECK(strcmp(sum, table[i].sum) == 0, "%s: %s", table[i].text, sum);
        }
}

int main(void)
{
    static const struct { const char *source, *q, *golden; bool logits; } table[] = {
        { "llama", "q4f16_0", "llama-q4f16_0", true },
        { "llama", "q4f16_1", "llama-q4f16_1", true },
        { "llama", "q3f16_1", "llama-q3f16_1", true },
        { "llama", "q4f16_2", "llama-q4f16_2", true },
        { "llama", "q4bf16_1", "llama-q4bf16_1", true },
        { "llama", "q0f16", "llama-q0f16", true }, { "llama", "q0bf16", "llama-q0bf16", true },
        { "llama", "q0f32", "llama-q0f32", true },
        { "mistral", "q4f16_1", "mistral-q4f16_1", true },
        { "mixtral", "q4f16_1", "mixtral-q4f16_1", true },
        { "qwen2", "q4f16_1", "qwen2-q4f16_1", true },
        { "qwen3", "q4f16_1", "qwen3-q4f16_1", true },
        { "gemma", "q4f16_1", "gemma-q4f16_1", true },
        { "gemma3_text", "q4f16_1", "gemma3-q4f16_1", true },
        { "phi3", "q4f16_1", "phi3-q4f16_1", false },    /* whose golden has no window */
    };
    char real[600];

    snprintf(real, sizeof real, "%s", data_path("models/smollm2.gguf"));
    ctx = test_context(NULL);
    t_begin();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        test_bytes(table[i].source, table[i].q, table[i].golden, table[i].logits);
    test_transposed("llama");
    test_transposed("phi3");
    test_transposed("gpt2");
    test_gguf("llama");
    test_gguf("gemma3_text");
    test_refused();
    test_verify();
    test_codes(&mlci_groups_scalar, "scalar");
    test_half(&mlci_groups_scalar, "scalar");
#if defined __x86_64__
    if (tier_vector() != MLCI_TIER_SCALAR) {
        test_codes(&mlci_groups_avx2, "avx2");
        test_half(&mlci_groups_avx2, "avx2");
    }
#endif
    test_search();
    test_calibration();
    test_md5();
    T_CASE("a conversion that is stopped");
    if (data_exists(real))
        test_stopped(real);
    else
        t_skip("no model");
    mlc_context_close(ctx);
    return t_done();
}
