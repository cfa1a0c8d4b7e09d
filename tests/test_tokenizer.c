/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tokenizer.c - ids and texts against the references' (golden/text), and rules
 * that hold for any vocabulary.
 *
 * Where llama.cpp and the tokenizer's own authors disagree on a case we follow the
 * authors; the case is then named below.  spec-*: whether "</s>" is special in a
 * Qwen, Gemma or Phi vocabulary; ws-*: runs of tabs and newlines in Gemma's;
 * rnd-018: characters of a later Unicode; rep-002: a run of 10,000 letters.
 */
#include "golden.h"
#include "../src/text/tokenizer.h"

typedef struct vocabulary {
    const char *file, *golden, *except;
} vocabulary;

#define SPEC "spec-014 spec-019 spec-020 spec-023"
static const vocabulary vocabularies[] = {
    { "smollm2.gguf", "smollm2", "" },
    { "smollm2.gguf", "lcpp-model-smollm2", "rnd-018" },
    { "qwen2.gguf", "qwen2.5", "" },
    { "qwen2.gguf", "lcpp-model-qwen2.5", SPEC },
    { "gemma3.gguf", "gemma3", "ws-013 ws-014 ws-015 ws-016 ws-017 rep-002" },
    { "gemma3.gguf", "lcpp-model-gemma3", "ws-084 ws-086 ws-087 " SPEC },
    { "vocab/ggml-vocab-llama-bpe.gguf", "lcpp-llama-bpe", "" },
    { "vocab/ggml-vocab-llama-spm.gguf", "lcpp-llama-spm", "" },
    { "vocab/ggml-vocab-gpt-2.gguf", "lcpp-gpt-2", "" },
    { "vocab/ggml-vocab-qwen2.gguf", "lcpp-qwen2", SPEC },
    { "vocab/ggml-vocab-qwen35.gguf", "lcpp-qwen35", SPEC },
    { "vocab/ggml-vocab-phi-3.gguf", "lcpp-phi-3", SPEC },
    { "vocab/ggml-vocab-aquila.gguf", "lcpp-aquila", "rep-002" },
    { "vocab/ggml-vocab-baichuan.gguf", "lcpp-baichuan", "" },
    { "vocab/ggml-vocab-command-r.gguf", "lcpp-command-r", "rep-002" },
    { "vocab/ggml-vocab-deepseek-coder.gguf", "lcpp-deepseek-coder", "" },
    { "vocab/ggml-vocab-deepseek-llm.gguf", "lcpp-deepseek-llm", "" },
    { "vocab/ggml-vocab-falcon.gguf", "lcpp-falcon", "" },
    { "vocab/ggml-vocab-gemma-4.gguf", "lcpp-gemma-4", "" },
    { "vocab/ggml-vocab-gpt-neox.gguf", "lcpp-gpt-neox", "" },
    { "vocab/ggml-vocab-mpt.gguf", "lcpp-mpt", "" },
    { "vocab/ggml-vocab-refact.gguf", "lcpp-refact", "rnd-018" },
    { "vocab/ggml-vocab-starcoder.gguf", "lcpp-starcoder", "rnd-018" },
    { "../golden/text/spm/mistral-v1.model", "mistral-v1", "" },
    { "../golden/text/spm/mistral-v3.model", "mistral-v3", "" },
};

enum { MAX_IDS = 100000, MAX_TEXT = 100000 };
static int32_t ids[MAX_IDS], want[MAX_IDS];
static char text_out[MAX_TEXT];

static mlc_context *ctx;
static golden cases;

static const mlci_json *case_text(const mlci_json *id)
{
    for (const mlci_json *c = cases.root->items; c != NULL; c = c->next) {
        const mlci_json *other = mlci_json_get(c, "id");

        if (other->text_bytes == id->text_bytes
            && memcmp(other->text, id->text, id->text_bytes) == 0)
            return mlci_json_get(c, "text");
    }
    return NULL;
}

static void check_cases(const mlc_tokenizer *tok, const mlci_json *root, const char *except)
{
    static const char *const modes[] = { "n", "a", "p", "ap" };   /* ORDER encode flags */

    for (const mlci_json *c = mlci_json_get(root, "cases")->items; c != NULL; c = c->next) {
        const mlci_json *id = mlci_json_get(c, "id"), *text = case_text(id);
        char name[32];

        snprintf(name, sizeof name, "%.*s", (int)id->text_bytes, id->text);
        if (strstr(except, name) != NULL)
            continue;
        T_CHECK(text != NULL, "case %s has no text", name);
        for (uint32_t mode = 0; mode < 4 && text != NULL; mode++) {
            const mlci_json *list = mlci_json_get(c, modes[mode]);
            size_t n = 0, n_want = golden_ids(list, want, MAX_IDS);

            if (list == NULL)
                continue;
            T_CHECK(mlc_tokenizer_encode(tok, text->text, text->text_bytes, mode, ids,
                                         MAX_IDS, &n) == MLC_OK, "%s %s", name, modes[mode]);
            T_CHECK(n == n_want && memcmp(ids, want, n * sizeof *ids) == 0,
                    "%s %s: %zu ids, want %zu", name, modes[mode], n, n_want);
        }
    }
}

/* Whole texts, and what a stream gives out after each token. */
static void check_decoding(const mlc_tokenizer *tok, const mlci_json *root)
{
    for (const mlci_json *c = mlci_json_get(root, "decode")->items; c != NULL; c = c->next) {
        const mlci_json *text = mlci_json_get(c, "text"), *end = mlci_json_get(c, "end");
        size_t n = golden_ids(mlci_json_get(c, "ids"), ids, MAX_IDS), got = 0, i = 0;
        mlc_detokenizer d = { .flags = MLC_DECODE_SPECIAL };

        T_CHECK(mlc_tokenizer_decode(tok, ids, n, MLC_DECODE_SPECIAL, text_out, MAX_TEXT,
                                     &got) == MLC_OK
                && got == text->text_bytes && memcmp(text_out, text->text, got) == 0,
                "decode gave %s", text_out);
        for (const mlci_json *x = mlci_json_get(c, "chunks")->items; x != NULL; x = x->next) {
            T_CHECK(mlc_detokenizer_push(&d, tok, ids[i++], text_out, MAX_TEXT, &got)
                    == MLC_OK && got == x->text_bytes
                    && memcmp(text_out, x->text, got) == 0, "push %zu gave %s", i, text_out);
        }
        T_CHECK(mlc_detokenizer_push(&d, tok, -1, text_out, MAX_TEXT, &got) == MLC_OK
                && got == end->text_bytes && memcmp(text_out, end->text, got) == 0,
                "the end gave %s", text_out);
    }
}

static void check_corpus(const mlc_tokenizer *tok, const mlci_json *root)
{
    const mlci_json *want_hash = mlci_json_get(mlci_json_get(root, "corpus"), "fnv1a64");
    size_t n_text, n = 0;
    char *text = data_read(data_path("golden/text/corpus.txt"), &n_text), hex[20];
    int32_t *all = malloc((n_text + 2) * sizeof *all);
    uint64_t h = 0xcbf29ce484222325u;

    mlc_tokenizer_encode(tok, text, n_text, 0, all, n_text + 2, &n);
    for (size_t i = 0; i < 4 * n; i++)
        h = (h ^ (uint64_t)(all[i / 4] >> 8 * (i % 4) & 255)) * 0x100000001b3u;
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)h);
    T_CHECK(mlci_json_is(want_hash, hex), "ids of corpus.txt hash to %s", hex);
    free(all);
    free(text);
}

/* Rules of the interface, on random bytes. */
static void check_rules(const mlc_tokenizer *tok)
{
    const size_t n_tokens = mlc_tokenizer_size(tok);
    uint64_t s = t_seed;
    char text[64], small[8];
    size_t n, n2, len;
    const char *piece;

    for (int round = 0; round < 300; round++) {
        len = t_below(&s, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(t_below(&s, 4) == 0 ? t_rand(&s) : 'a' + t_below(&s, 26));
        T_CHECK(mlc_tokenizer_encode(tok, text, len, 3, ids, MAX_IDS, &n) == MLC_OK
                && n <= len + 2, "%zu ids for %zu bytes", n, len);
        for (size_t i = 0; i < n; i++)
            T_CHECK(ids[i] >= 0 && (size_t)ids[i] < n_tokens, "id %d", ids[i]);
        memcpy(want, ids, n * sizeof *ids);
        T_CHECK(mlc_tokenizer_encode(tok, text, len, 3, NULL, 0, &n2)
                == (n > 0 ? MLC_ETOOSMALL : MLC_OK) && n2 == n, "size alone");
        if (n > 1) {
            ids[1] = -77;
            T_CHECK(mlc_tokenizer_encode(tok, text, len, 3, ids, 1, &n2) == MLC_ETOOSMALL
                    && n2 == n && ids[0] == want[0] && ids[1] == -77, "a small buffer");
        }
    }
    T_CHECK(mlc_tokenizer_decode(tok, &(int32_t){ -1 }, 1, 0, small, 8, &n) == MLC_EINVAL
            && mlc_tokenizer_decode(tok, &(int32_t){ (int32_t)n_tokens }, 1, 0, small, 8, &n)
               == MLC_EINVAL, "ids that do not exist");
    T_CHECK(mlc_tokenizer_piece(tok, (int32_t)n_tokens, &piece, &len) == MLC_EINVAL, "piece");
    for (int32_t id = 0; id < (int32_t)n_tokens; id += 1 + (int32_t)t_below(&s, 50)) {
        int32_t back;

        T_CHECK(mlc_tokenizer_piece(tok, id, &piece, &len) == MLC_OK, "piece %d", id);
        back = mlc_tokenizer_find(tok, piece, len);
        if (len > 0) {                       /* equal bytes: any of them       */
            mlci_text a = mlci_token_bytes(tok, (uint32_t)id);
            mlci_text b = mlci_token_bytes(tok, (uint32_t)(back < 0 ? id : back));

            T_CHECK(back >= 0 && a.n == b.n && memcmp(a.p, b.p, a.n) == 0, "find %d", id);
        }
    }
    T_CHECK(mlc_tokenizer_find(tok, "\x01\x02 no such token", 16) == -1, "find nothing");
    T_CHECK(mlc_tokenizer_is_end(tok, -1) == 0, "no id ends nothing");
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    golden_open(&cases, ctx, data_path("golden/text/cases.json"));
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        const vocabulary *v = &vocabularies[i];
        const char *file = data_path("models/%s", v->file);
        mlc_tokenizer *tok = NULL;
        mlc_error err = { 0 };
        golden g;

        golden_open(&g, ctx, data_path("golden/text/tok/%s.json", v->golden));
        if (g.root == NULL) {                /* only part of them are here     */
            golden_close(&g);
            continue;
        }
        T_CASE("%s", v->golden);
        if (!data_exists(file)) {
            t_skip("its vocabulary is not here");
        } else {
            T_CHECK(mlc_tokenizer_open(ctx, file, &tok, &err) == MLC_OK, "%s", err.text);
            if (tok != NULL) {
                check_cases(tok, g.root, v->except);
                check_decoding(tok, g.root);
                check_corpus(tok, g.root);
                check_rules(tok);
            }
            mlc_tokenizer_close(tok);
        }
        golden_close(&g);
    }
    T_CASE("there were vocabularies");
    T_CHECK(t_passed + t_failed + t_skipped > 5, "goldens are missing");
    golden_close(&cases);
    mlc_context_close(ctx);
    return t_done();
}
