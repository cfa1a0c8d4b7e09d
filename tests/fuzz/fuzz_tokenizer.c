/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_tokenizer.c - any bytes through a byte-level and a score-based vocabulary, and
 * any ids back.  The first byte chooses the flags.
 */
#include "fuzz.h"
#include "../gguf_make.h"
#include "../../src/base/utf8.h"
#include "../../src/load/gguf.h"
#include "../../src/text/tokenizer.h"

static mlc_tokenizer *tokenizers[2];

/* GPT-2's character for a byte. */
static void byte_char(int byte, char out[8])
{
    int printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    int c = byte, other = 0;

    for (int b = 0; b < byte && !printable; b++)
        other += !((b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae);
    if (!printable)
        c = 256 + other;
    out[mlci_utf8_write(c, out)] = 0;
}

static mlc_tokenizer *make(int score_based)
{
    static const char *const pieces[] = { "th", "the", "in", "er", "\xe2\x96\x81", "\xe2\x96\x81t",
                                          "\xe2\x96\x81the", "ab", "\xc3\xa9" };
    gguf_make g;
    mlci_directory file;
    mlci_config config;
    mlc_tokenizer *tok = NULL;
    mlc_error err;
    const int n_pieces = score_based ? 9 : 4, n = 256 + n_pieces + 1;
    char text[8];

    gm_begin(&g, 3);
    gm_str(&g, "general.architecture", "llama");
    gm_str(&g, "tokenizer.ggml.model", score_based ? "llama" : "gpt2");
    gm_str(&g, "tokenizer.ggml.pre", "qwen2");
    gm_array(&g, "tokenizer.ggml.tokens", GM_TEXT, (uint64_t)n);
    for (int i = 0; i < 256; i++) {
        if (score_based)
            snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
        else
            byte_char(i, text);
        gm_text(&g, text);
    }
    for (int i = 0; i < n_pieces; i++)
        gm_text(&g, pieces[i]);
    gm_text(&g, "<end>");
    gm_array(&g, "tokenizer.ggml.token_type", GM_I32, (uint64_t)n);
    for (int i = 0; i < n; i++)
        gm_le(&g, i == n - 1 ? 3 : i < 256 && score_based ? 6 : 1, 4);
    if (score_based) {
        gm_array(&g, "tokenizer.ggml.scores", GM_F32, (uint64_t)n);
        for (int i = 0; i < n; i++)
            gm_bytes(&g, &(float){ (float)-i }, 4);
    } else {
        static const char *const merges[] = { "t h", "th e", "i n", "e r" };

        gm_array(&g, "tokenizer.ggml.merges", GM_TEXT, 4);
        for (int i = 0; i < 4; i++)
            gm_text(&g, merges[i]);
    }
    gm_finish(&g);
    FUZZ_CHECK(mlci_gguf_parse(&file, fuzz_context(), g.p, g.n, g.n, &err) == MLC_OK);
    mlci_directory_config(&file, &config);
    FUZZ_CHECK(mlci_tokenizer_new(fuzz_context(), &config, NULL, &tok, &err) == MLC_OK);
    mlci_directory_close(&file);
    free(g.p);
    return tok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes + 1;
    uint32_t flags = n > 0 ? bytes[0] & 3 : 0;
    int32_t *ids;
    char *back;

    if (n == 0)
        return 0;
    n--;
    ids = malloc((n + 2) * sizeof *ids);
    back = malloc(3 * n + 64);
    for (int i = 0; i < 2; i++) {
        mlc_tokenizer *tok;
        size_t n_ids = 0, n_back = 0;

        if (tokenizers[i] == NULL)
            tokenizers[i] = make(i);
        tok = tokenizers[i];
        FUZZ_CHECK(mlc_tokenizer_encode(tok, text, n, flags, ids, n + 2, &n_ids) == MLC_OK);
        for (size_t k = 0; k < n_ids; k++)
            FUZZ_CHECK(ids[k] >= 0 && (size_t)ids[k] < mlc_tokenizer_size(tok));
        FUZZ_CHECK(mlc_tokenizer_decode(tok, ids, n_ids, MLC_DECODE_SPECIAL, back, 3 * n + 64,
                                        &n_back) == MLC_OK);
        FUZZ_CHECK(mlci_utf8_valid(back, n_back));
        /* every byte has a token, so valid text comes back whole */
        if (i == 0 && flags == 0 && mlci_utf8_valid(text, n))
            FUZZ_CHECK(n_back == n && memcmp(back, text, n) == 0);
        for (size_t k = 0; k + 4 <= n && k < 400; k += 4) {
            int32_t id;

            memcpy(&id, text + k, 4);
            mlc_tokenizer_decode(tok, &id, 1, flags, back, 3 * n + 64, &n_back);
        }
    }
    free(ids);
    free(back);
    return 0;
}
