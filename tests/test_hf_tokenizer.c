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

/* ---- sentencepiece models --------------------------------------------------------------- */

/* Pieces, a trainer's kind, a normalizer without what changes texts: protocol buffers. */
static size_t write_model(unsigned char *p, int kind, int shrink)
{
    static const struct { const char *text; float score; int type; } pieces[] = {
        { "<unk>", 0, 2 }, { "<s>", 0, 3 }, { "</s>", 0, 3 }, { "\xe2\x96\x81", -3, 1 },
        { "a", -4, 1 }, { "b", -5, 1 }, { "ab", -1, 1 }, { "\xe2\x96\x81" "ab", -2, 1 },
        { "<0x21>", 0, 6 },
    };
    size_t n = 0;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const size_t text = strlen(pieces[i].text);

        p[n++] = 1 << 3 | 2;
        p[n++] = (unsigned char)(2 + text + 5 + 2);
        p[n++] = 1 << 3 | 2;
        p[n++] = (unsigned char)text;
        memcpy(p + n, pieces[i].text, text);
        n += text;
        p[n++] = 2 << 3 | 5;
        memcpy(p + n, &pieces[i].score, 4);
        n += 4;
        p[n++] = 3 << 3;
        p[n++] = (unsigned char)pieces[i].type;
    }
    p[n++] = 2 << 3 | 2, p[n++] = 2, p[n++] = 3 << 3, p[n++] = (unsigned char)kind;
    p[n++] = 3 << 3 | 2, p[n++] = 2, p[n++] = 4 << 3, p[n++] = (unsigned char)shrink;
    return n;
}

static mlc_status open_model(const unsigned char *p, size_t n, mlc_tokenizer **t)
{
    char path[600];
    FILE *f;

    snprintf(path, sizeof path, "%s", data_path("made.model"));
    f = fopen(path, "wb");
    T_CHECK(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0, "%s", path);
    return mlc_tokenizer_open(ctx, path, t, &err);
}

static void test_sentencepiece(void)
{
    static const int32_t want[] = { 1, 7, 7, 8 };
    unsigned char p[400];
    const size_t bytes = write_model(p, 2, 0);
    mlc_tokenizer *t = NULL;
    int32_t ids[16];
    size_t n = 0;

    T_CASE("a sentencepiece model");
    T_CHECK(open_model(p, bytes, &t) == MLC_OK, "%s", err.text);
    T_CHECK(mlc_tokenizer_size(t) == 9
            && mlc_tokenizer_encode(t, "ab ab!", 6, MLC_ENCODE_SPECIAL, ids, 16, &n) == MLC_OK
            && n == 4 && memcmp(ids, want, sizeof want) == 0, "%zu: %d %d %d", n, ids[0], ids[1],
            ids[2]);
    mlc_tokenizer_close(t);
    T_CASE("sentencepiece models that are refused");
    (void)write_model(p, 1, 0);
    T_CHECK(open_model(p, bytes, &t) == MLC_EUNSUPPORTED && strstr(err.text, "unigram") != NULL,
            "%s", err.text);
    (void)write_model(p, 2, 1);
    T_CHECK(open_model(p, bytes, &t) == MLC_EUNSUPPORTED && strstr(err.text, "spaces") != NULL,
            "%s", err.text);
    (void)write_model(p, 2, 0);
    for (size_t cut = 0; cut < bytes; cut++) {
        const mlc_status st = open_model(p, cut, &t);

        T_CHECK(st != MLC_OK && t == NULL && err.text[0] != 0, "%zu bytes open", cut);
    }
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_golden("bytelevel", false);
    test_golden("bytefallback", true);
    test_refused();
    test_sentencepiece();
    mlc_context_close(ctx);
    return t_done();
}
