/* SPDX-License-Identifier: Apache-2.0
 *
 * score.c - score-based vocabularies (sentencepiece's BPE: Llama 2, Gemma).
 *
 * Such a vocabulary has no pre-tokenizer: in principle the whole text is one
 * word.  But where no token has a space right after some byte, no merge can
 * ever cross that place, and cutting there changes nothing.  So text falls into
 * ordinary words, which are short and repeat.
 */
#include "tokenizer.h"

#include <string.h>

void mlci_score_prepare(mlc_tokenizer *t)
{
    for (uint32_t id = 0; id < t->n_tokens; id++) {
        mlci_text b = mlci_token_bytes(t, id);

        if (t->types[id] == TK_CONTROL || t->types[id] == TK_BYTE)
            continue;
        for (size_t i = 1; i < b.n; i++)
            if (b.p[i] == ' ' && b.p[i - 1] != ' ')
                t->joins_space[(unsigned char)b.p[i - 1]] = 1;
    }
}

static void sc_words(mlci_encoder *e, const char *s, size_t n)
{
    size_t from = 0;

    for (size_t i = 1; i < n; i++)
        if (s[i] == ' ' && s[i - 1] != ' '
            && !e->tok->joins_space[(unsigned char)s[i - 1]]) {
            mlci_merge_word(e, s + from, i - from);
            from = i;
        }
    mlci_merge_word(e, s + from, n - from);
}

void mlci_score_encode(mlci_encoder *e, const char *text, size_t n, bool prefix)
{
    mlc_context *ctx = e->tok->ctx;
    char *copy;

    if (n == 0 || !prefix) {
        sc_words(e, text, n);
        return;
    }
    copy = mlci_new(ctx, n + 1, 1);
    if (copy == NULL) {
        e->status = MLC_ENOMEM;
        return;
    }
    copy[0] = ' ';
    memcpy(copy + 1, text, n);
    sc_words(e, copy, n + 1);
    mlci_delete(ctx, copy, n + 1, 1);
}

/* Token bytes hold spaces where the file has U+2581, so text goes in as it is;
 * only a U+2581 in the text itself must become a space, as in sentencepiece. */
size_t mlci_score_normalize(const char *text, size_t n, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < n; used++) {
        bool space = n - i >= 3 && memcmp(text + i, "\xe2\x96\x81", 3) == 0;

        if (out != NULL)
            out[used] = space ? ' ' : text[i];
        i += space ? 3 : 1;
    }
    return used;
}
