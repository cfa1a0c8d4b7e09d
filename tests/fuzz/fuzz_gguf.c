/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_gguf.c - the directory, and what is built from it: tokenizer, graph, plan.
 */
#include "fuzz.h"
#include "../../models/models.h"
#include "../../src/compiler/pass.h"
#include "../../src/load/gguf.h"
#include "../../src/text/tokenizer.h"

/* The tables of a vocabulary that is laid out, if they lie in the input. */
static mlci_image image_of(const mlci_config *c, const uint8_t *bytes, size_t n)
{
    const mlci_tensor *t = mlci_config_tensor(c, "tokenizer.image");
    mlci_image image = { NULL, 0, false };

    if (t == NULL || t->offset > n || t->n_bytes > n - t->offset)
        return image;
    image.n = (size_t)t->n_bytes;
    image.p = malloc(image.n);
    FUZZ_CHECK(image.p != NULL);
    memcpy((void *)(uintptr_t)image.p, bytes + t->offset, image.n);
    return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    mlc_context *ctx = fuzz_context();
    mlc_error err = { 0 };
    mlci_directory g;
    mlci_config config;
    mlci_arena arena;
    mlci_module m;
    mlci_decoder d;
    mlci_plan plan;
    mlc_tokenizer *tok = NULL;
    mlci_image image;
    mlc_status st = mlci_gguf_parse(&g, ctx, bytes, n, (uint64_t)1 << 40, &err);

    if (st != MLC_OK) {
        FUZZ_CHECK(err.text[0] != 0 && err.status == st);
        return 0;
    }
    mlci_directory_config(&g, &config);
    image = image_of(&config, bytes, n);
    if (mlci_tokenizer_new(ctx, &config, &image, &tok, &err) == MLC_OK) {
        int32_t ids[32];
        size_t n_ids = 0;

        mlc_tokenizer_encode(tok, "a b\xc3\xa9 <s> 12", 13, 3, ids, 32, &n_ids);
        FUZZ_CHECK(n_ids <= 13 + 3);       /* a space before it, BOS, EOS */
    }
    mlc_tokenizer_close(tok);
    free((void *)(uintptr_t)image.p);
    mlci_arena_init(&arena, ctx, (size_t)64 << 20);
    st = mlci_module_init(&m, &arena, &config, &err);
    if (st == MLC_OK)
        st = mlci_model_build(&m, &d);
    if (st == MLC_OK)
        st = mlci_compile(&m, NULL, &plan, NULL, NULL);
    FUZZ_CHECK(st == MLC_OK || err.text[0] != 0);
    mlci_arena_reset(&arena);
    mlci_directory_close(&g);
    return 0;
}
