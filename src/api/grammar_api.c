/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar_api.c - the one thing that grammars know of tokenizers.
 */
#include "../text/tokenizer.h"

#include <string.h>

/* Special tokens never stand for their text. */
static bool ga_is_text(uint8_t type)
{
    return type == TK_NORMAL || type == TK_USER || type == TK_BYTE;
}

mlc_status mlc_vocab_of(mlc_context *ctx, const mlc_tokenizer *tok, mlc_vocab **out,
                        mlc_error *err)
{
    const size_t n = tok != NULL ? mlc_tokenizer_size(tok) : 0;
    uint32_t *offsets = NULL;
    int32_t *ends = NULL;
    mlc_status st = MLC_OK;
    size_t n_ends = 0, cap = 0;
    void *bytes = NULL;

    if (out != NULL)
        *out = NULL;
    if (ctx == NULL || out == NULL || n == 0 || n > UINT32_MAX / 2)
        return mlci_fail(err, MLC_EINVAL, 0, "vocabulary: a NULL, or no tokens");
    offsets = mlci_new(ctx, n + 1, sizeof *offsets);
    ends = mlci_new(ctx, n, sizeof *ends);
    if (offsets == NULL || ends == NULL)
        st = mlci_nomem(err, "vocabulary");
    for (size_t i = 0; i < n && st == MLC_OK; i++) {
        const int32_t id = (int32_t)i;
        const char *p;
        size_t k;

        if (mlc_tokenizer_is_end(tok, id))
            ends[n_ends++] = id;
        offsets[i + 1] = offsets[i];
        if (!ga_is_text(tok->types[i]) || mlc_tokenizer_piece(tok, id, &p, &k) != MLC_OK)
            continue;
        if (k > UINT32_MAX / 2 - offsets[i]
            || !mlci_grow(ctx, &bytes, &cap, offsets[i] + k + 1, 1)) {
            st = mlci_nomem(err, "vocabulary");
            break;
        }
        memcpy((char *)bytes + offsets[i], p, k);
        offsets[i + 1] = offsets[i] + (uint32_t)k;
    }
    if (st == MLC_OK)
        st = mlc_vocab_open(ctx, bytes != NULL ? bytes : "", offsets, (uint32_t)n, ends, n_ends,
                            out, err);
    mlci_delete(ctx, bytes, cap, 1);
    mlci_delete(ctx, offsets, n + 1, sizeof *offsets);
    mlci_delete(ctx, ends, n, sizeof *ends);
    return st;
}
