/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mutate.c - damaged model files give an error or a working model: never a
 * crash, a hang or a huge allocation.  Most telling under ASan and UBSan.
 *
 * The three real models' heads (keys, vocabulary, tensor directory) are cut at every
 * percent and changed at random, the weights left away; whole tiny models are
 * changed at random, opened with their weights and run.
 *
 * MLC_TEST_MUTATIONS: how many of each; default 670 of a real model, 700 of a tiny
 * one (2,010 and 2,100 in all).
 */
#include "../include/mlc_experimental.h"
#include "golden.h"
#include "../src/load/gguf.h"
#include "../src/model/model.h"

enum { MAX_BYTES = 1 << 30 };

typedef struct damaged {
    const unsigned char *p;       /* the first n bytes of a file of size bytes   */
    size_t n;
    bool   map;                   /* all of it, to be used where it lies         */
} damaged;

static const void *damaged_map(void *user) { return ((const damaged *)user)->p; }

static mlc_status damaged_read(void *user, uint64_t offset, void *buf, size_t n)
{
    const damaged *d = user;
    size_t have = offset < d->n ? d->n - (size_t)offset : 0;

    memset(buf, 0, n);                                  /* weights: zeros       */
    memcpy(buf, d->p + (have > 0 ? offset : 0), have < n ? have : n);
    return MLC_OK;
}

/* An allocator with a limit: what a damaged length asks for must fail. */
static size_t largest;

static void *limited_alloc(void *user, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    if (new_size > largest)
        largest = new_size;
    return new_size > MAX_BYTES ? NULL
                                : mlci_default_alloc(user, ptr, old_size, new_size, align);
}

static mlc_context *limited_context(void)
{
    mlc_context_options o;
    mlc_context *ctx = NULL;

    mlc_context_options_init(&o);
    o.alloc = limited_alloc;
    o.n_threads = 1;
    mlc_context_open(&o, &ctx, NULL);
    return ctx;
}

/* A model that opened must work: text there and back, a template, some tokens. */
static void use(mlc_model *m, bool weights)
{
    const mlc_tokenizer *tok = mlc_model_tokenizer(m);
    static const char request[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi you\"}]}";
    int32_t ids[64];
    char text[2048];
    size_t n = 0, n_text;
    mlc_session_options o;
    mlc_session *s = NULL;
    mlc_error err;

    mlc_tokenizer_encode(tok, "Hello, w\xc3\xb6rld 123 <s>", 21, 3, ids, 64, &n);
    T_CHECK(n <= 23, "%zu ids for 21 bytes", n);
    mlc_tokenizer_decode(tok, ids, n, 0, text, sizeof text, &n_text);
    mlc_model_prompt(m, request, sizeof request - 1, text, sizeof text, &n_text, &err);
    if (!weights)
        return;
    mlc_session_options_init(&o);
    o.kv_tokens = 64;
    if (mlc_session_open(m, &o, &s, &err) == MLC_OK) {
        for (size_t i = 0; i < n && i < 3; i++) {
            mlc_status st = mlc_session_eval(s, &ids[i], 1, &err);

            T_CHECK(st == MLC_OK || st == MLC_EINVAL, "%s", mlc_status_name(st));
        }
        mlc_session_close(s);
    }
}

static int opened, refused;

static void try_file(mlc_context *ctx, damaged *d, uint64_t size, bool weights)
{
    mlc_source source;
    mlc_model_options o;
    mlc_model *m = NULL;
    mlc_error err = { 0 };
    int64_t start = mlci_os_now_us();
    mlc_status st;

    mlc_source_init(&source);
    source.size_bytes = size, source.read_at = damaged_read, source.user = d;
    source.name = "damaged.gguf";
    source.map = d->map ? damaged_map : NULL;
    mlc_model_options_init(&o);
    o.flags = weights ? 0 : MLC_MODEL_NO_WEIGHTS;
    st = mlc_model_open_source(ctx, &source, &o, &m, &err);
    if (st == MLC_OK) {
        opened++;
        use(m, weights);
    } else {
        refused++;
        T_CHECK(err.text[0] != 0 && err.status == st && st >= MLC_EKVFULL,
                "%s: %s", mlc_status_name(st), err.text);
    }
    mlc_model_close(m);
    T_CHECK(mlci_os_now_us() - start < 20000000, "20 seconds for one file");
}

/* Change some bytes: any value, a bit, a large number, a piece copied or moved. */
static void mutate(unsigned char *p, size_t n, size_t structure, uint64_t *seed)
{
    int times = 1 + (int)t_below(seed, 4);

    while (times-- > 0) {
        /* half of them where the structure is densest, at the ends of the head */
        size_t at = t_below(seed, 2) == 0 ? t_below(seed, (uint32_t)n)
                  : t_below(seed, 2) == 0 ? t_below(seed, (uint32_t)structure)
                  : n - 1 - t_below(seed, (uint32_t)structure);
        size_t len = mlci_min(1 + t_below(seed, 8), n - at);

        switch (t_below(seed, 5)) {
        case 0: p[at] = (unsigned char)t_rand(seed); break;
        case 1: p[at] ^= (unsigned char)(1u << t_below(seed, 8)); break;
        case 2: memset(p + at, 0xff, len); break;
        case 3: memset(p + at, 0, len); break;
        default: memmove(p + at, p + t_below(seed, (uint32_t)(n - len)), len); break;
        }
    }
}

static int mutations(int standard)
{
    const char *s = getenv("MLC_TEST_MUTATIONS");

    return s != NULL ? atoi(s) : standard;
}

static void test_real(const char *name)
{
    const char *path = data_path("models/%s.gguf", name);
    mlc_context *ctx = limited_context();
    mlci_source source;
    mlci_directory g;
    mlc_error err = { 0 };
    unsigned char *head, *copy;
    uint64_t size, seed = t_seed;
    size_t n;

    T_CASE("%s: open", name);
    if (!data_exists(path)) {
        t_skip("the model is not here");
        mlc_context_close(ctx);
        return;
    }
    T_CHECK(mlci_source_path(&source, ctx, path, true, &err) == MLC_OK
            && mlci_gguf_open(&g, &source, &err) == MLC_OK, "%s", err.text);
    n = g.head_bytes, size = source.size;
    head = malloc(n), copy = malloc(n);
    memcpy(head, source.data, n);
    mlci_directory_close(&g);
    mlci_source_close(&source);

    T_CASE("%s: cut at every percent of the file and of its head", name);
    opened = refused = 0;
    for (unsigned percent = 0; percent < 100; percent++) {
        damaged d = { head, n, false };

        try_file(ctx, &d, size / 100 * percent, false);
        try_file(ctx, &d, n / 100 * percent, false);
    }
    T_CHECK(opened == 0 && refused == 200, "%d were opened", opened);

    T_CASE("%s: mutations of the head", name);
    opened = refused = 0;
    for (int i = mutations(670); i > 0; i--) {
        damaged d = { copy, n, false };

        memcpy(copy, head, n);
        mutate(copy, n, 2000, &seed);
        try_file(ctx, &d, size, false);
    }
    T_CHECK(opened > 0 && refused > 0, "%d opened, %d refused", opened, refused);
    free(head);
    free(copy);
    mlc_context_close(ctx);
}

/* structure: how far in from its ends a file is mostly structure; most: what may change. */
static void test_whole(const char *name, const char *path, size_t structure, size_t most,
                       bool map)
{
    mlc_context *ctx = limited_context();
    size_t n;
    unsigned char *whole = (unsigned char *)data_read(path, &n);
    unsigned char *copy = aligned_alloc(64, (n + 64) / 64 * 64);
    uint64_t seed = t_seed;

    T_CASE("%s: cut at every percent", name);
    opened = refused = 0;
    for (unsigned percent = 0; percent < 100; percent++) {
        size_t cut = n * percent / 100;
        unsigned char *exact = aligned_alloc(64, (cut + 64) / 64 * 64);
        damaged d = { exact, cut, map };

        memcpy(exact, whole, cut);
        try_file(ctx, &d, cut, true);
        free(exact);
    }
    T_CHECK(opened == 0 && refused == 100, "%d were opened", opened);

    T_CASE("%s: mutations", name);
    opened = refused = 0;
    for (int i = mutations(700); i > 0; i--) {
        damaged d = { copy, n, map };

        memcpy(copy, whole, n);
        mutate(copy, mlci_min(n, most), structure, &seed);
        try_file(ctx, &d, n, true);
    }
    T_CHECK(opened > 0 && refused > 0, "%d opened, %d refused", opened, refused);
    free(whole);
    free(copy);
    mlc_context_close(ctx);
}

static void test_tiny(const char *file)
{
    test_whole(file, data_path("golden/tiny/gguf/%s", file), 2000, 20000, false);
}

/* A file that is laid out ends with its vocabulary's tables; read, and used where it lies. */
static void test_laid(const char *from)
{
    mlc_context *ctx = test_context(NULL);
    mlc_error err = { 0 };
    char path[600], source[600];

    snprintf(path, sizeof path, "%s", data_path("laid-damaged.mlc"));
    snprintf(source, sizeof source, "%s", data_path("golden/tiny/%s", from));
    T_CASE("%s: laid out", from);
    T_CHECK(mlcx_lay_out(ctx, source, path, NULL, &err) == MLC_OK, "%s", err.text);
    mlc_context_close(ctx);
    test_whole("laid out and read", path, 20000, SIZE_MAX, false);
    test_whole("laid out and mapped", path, 20000, SIZE_MAX, true);
}

int main(void)
{
    t_begin();
    test_tiny("llama/llama-Q4_0.gguf");
    test_tiny("llama-h256/llama-h256-MIXED.gguf");
    test_tiny("gemma3_text/gemma3_text-Q4_0.gguf");
    test_laid("gguf/llama/llama-Q4_0.gguf");
    if (data_exists(data_path("golden/tiny/mlc/llama-q4f16_1")))
        test_laid("mlc/llama-q4f16_1");
    test_real("smollm2");
    test_real("gemma3");
    test_real("qwen2");
    T_CASE("no allocation was huge");
    T_CHECK(largest <= (size_t)64 << 20, "%zu bytes at once", largest);
    return t_done();
}
