/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hf_tokenizer.c - tokenizer.json: ids and texts as Hugging Face's library gives them
 * (golden/tiny/tokenizer); what is refused, by its name.
 */
#include "golden.h"

#include <unistd.h>

enum { MAX_IDS = 4096 };

static mlc_context *ctx;
static mlc_error    err;

static void check_ids(const mlc_tokenizer *t, const mlci_json *c, const char *key, uint32_t flags)
{
    const mlci_json *text = mlci_json_get(c, "text");
    int32_t ids[MAX_IDS], want[MAX_IDS];
    const size_t n_want = golden_ids(mlci_json_get(c, key), want, MAX_IDS);
    size_t n = 0;

    T_CHECK(mlc_tokenizer_encode(t, text->text, text->text_bytes, flags, ids, MAX_IDS, &n)
            == MLC_OK && n == n_want && memcmp(ids, want, n * sizeof *ids) == 0,
            "\"%.*s\": %zu %s, want %zu", (int)text->text_bytes, text->text, n, key, n_want);
}

/* Decoding gives the bytes of all tokens: with the space that encoding put before. */
static void check_text(const mlc_tokenizer *t, const mlci_json *c, bool prefix)
{
    const mlci_json *want = mlci_json_get(c, "decoded");
    int32_t ids[MAX_IDS];
    char text[4 * MAX_IDS];
    size_t n = 0;

    T_CHECK(mlc_tokenizer_decode(t, ids, golden_ids(mlci_json_get(c, "ids"), ids, MAX_IDS), 0,
                                 text, sizeof text, &n) == MLC_OK, "decode");
    if (prefix && n > 0) {
        T_CHECK(text[0] == ' ', "no space");
        memmove(text, text + 1, n--);
    }
    T_CHECK(n == want->text_bytes && memcmp(text, want->text, n) == 0,
            "\"%.*s\", want \"%.*s\"", (int)n, text, (int)want->text_bytes, want->text);
}

static void test_golden(const char *name, bool prefix)
{
    const char *path = data_path("golden/tiny/tokenizer/%s/tokenizer.json", name);
    mlc_tokenizer *t = NULL;
    golden g;

    T_CASE("%s", name);
    if (!data_exists(path)) {
        T_CHECK(data_exists(data_path("golden/tiny/gguf/llama/golden.json")), "no goldens at all");
        return;
    }
    golden_open(&g, ctx, data_path("golden/tiny/tokenizer/%s/golden.json", name));
    T_CHECK(mlc_tokenizer_open(ctx, path, &t, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlc_tokenizer_size(t) == (size_t)golden_int(mlci_json_get(g.root, "vocab_size")),
            "%zu tokens", mlc_tokenizer_size(t));
    for (const mlci_json *c = mlci_json_get(g.root, "cases")->items; t != NULL && c != NULL;
         c = c->next) {
        check_ids(t, c, "ids", MLC_ENCODE_SPECIAL | MLC_ENCODE_PARSE);
        check_ids(t, c, "ids_no_special", MLC_ENCODE_PARSE);
        check_text(t, c, prefix);
    }
    mlc_tokenizer_close(t);
    golden_close(&g);
}

static void test_refused(void)
{
    static const struct { const char *json, *says; } table[] = {
        { "[", "line 1" },
        { "{}", "no vocabulary" },
        { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "Unigram" },
        { "{\"model\":{\"vocab\":{\"a\":-1}},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
          "number" },
        { "{\"model\":{\"vocab\":{\"a\":99999999}},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
          "number" },
        { "{\"model\":{\"vocab\":{\"a\":0}}}", "stand for spaces" },
        { "{\"model\":{\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"NFKD\"}}", "NFKD" },
        { "{\"model\":{\"vocab\":{\"a\":0}},\"pre_tokenizer\":{\"type\":\"Bert\"}}", "Bert" },
        { "{\"model\":{\"vocab\":{\"a\":0}},\"post_processor\":{\"type\":\"X\"}}", "X" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]},"
          "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}", "merge" },
        { "{\"model\":{\"vocab\":{\"a\":0}},\"added_tokens\":[{}],"
          "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}", "added token" },
        { "{\"model\":{\"vocab\":{\"a\":0}},\"pre_tokenizer\":{\"type\":\"Sequence\","
          "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
          "\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\",\"use_regex\":false}]}}",
          "wrong at character" },
    };
    char dir[] = "/tmp/mlc-test-XXXXXX", path[64];

    T_CHECK(mkdtemp(dir) != NULL, "a directory");
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlc_tokenizer *t = NULL;
        FILE *f = fopen(path, "w");

        T_CASE("%s", table[i].json);
        fputs(table[i].json, f);
        fclose(f);
        T_CHECK(mlc_tokenizer_open(ctx, path, &t, &err) != MLC_OK && t == NULL
                && strstr(err.text, table[i].says) != NULL, "%s", err.text);
    }
    remove(path);
    rmdir(dir);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_golden("bytelevel", false);
    test_golden("bytefallback", true);
    test_refused();
    mlc_context_close(ctx);
    return t_done();
}
