/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_directory.c - a model's directory out of one input (one_file says how).  It is
 * opened, and evaluates a token if it opens; its tokenizer reads a text.
 */
#include "fuzz.h"
#include "../../src/base/utf8.h"

#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 9 };

static const char *const names[] = {
    "config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json",
    "tokenizer_config.json", "mlc-chat-config.json", "tensor-cache.json", "params_shard_0.bin",
    "tokenizer.model",
};

static const char *directory(void)
{
    static char path[] = "/tmp/mlc-fuzz-XXXXXX";
    static bool made;

    if (!made)
        FUZZ_CHECK(mkdtemp(path) != NULL);
    made = true;
    return path;
}

static void path_of(int i, char path[256])
{
    snprintf(path, 256, "%s/%s", directory(), names[i]);
}

/* A file: its number, its length in 16 bits, its bytes; the rest follows. */
static size_t one_file(const uint8_t *p, size_t n)
{
    size_t length;
    char path[256];
    FILE *f;

    if (n < 3)
        return n;
    length = (size_t)p[1] | (size_t)p[2] << 8;
    length = length < n - 3 ? length : n - 3;
    path_of(p[0] % MOST, path);
    f = fopen(path, "wb");
    FUZZ_CHECK(f != NULL && fwrite(p + 3, 1, length, f) == length && fclose(f) == 0);
    return length + 3;
}

static void check(mlc_status st, const mlc_error *err)
{
    FUZZ_CHECK(st == MLC_OK || (err->status == st && err->text[0] != 0
                                && mlci_utf8_valid(err->text, strlen(err->text))));
}

static void run(mlc_model *m)
{
    mlc_session_options o;
    mlc_session *s = NULL;
    mlc_error err = { 0 };
    const int32_t token = 1;
    mlc_status st;

    mlc_session_options_init(&o);
    o.kv_tokens = 64;
    st = mlc_session_open(m, &o, &s, &err);
    check(st, &err);
    if (st == MLC_OK)
        check(mlc_session_eval(s, &token, 1, &err), &err);
    mlc_session_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[256], text[256];
    mlc_error err = { 0 };
    mlc_model *m = NULL;
    mlc_tokenizer *t = NULL;
    int32_t ids[64];
    size_t k = 0;
    mlc_status st;

    for (int i = 0; i < MOST; i++) {
        path_of(i, path);
        (void)remove(path);
    }
    for (size_t at = 0; at < n;)
        at += one_file(bytes + at, n - at);
    st = mlc_model_open(fuzz_context(), directory(), NULL, &m, &err);
    check(st, &err);
    if (st == MLC_OK)
        run(m);
    mlc_model_close(m);
    st = mlc_tokenizer_open(fuzz_context(), directory(), &t, &err);
    check(st, &err);
    if (st == MLC_OK && mlc_tokenizer_encode(t, "a b <s>", 7, MLC_ENCODE_SPECIAL, ids, 64, &k)
                        == MLC_OK)
        (void)mlc_tokenizer_decode(t, ids, k, 0, text, sizeof text, &k);
    mlc_tokenizer_close(t);
    return 0;
}
