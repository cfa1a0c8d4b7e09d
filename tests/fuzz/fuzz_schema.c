/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_schema.c - a schema (or another grammar), a NUL, then flags and what a matcher is
 * told: tokens to take, masks to make, steps back.  A token that a mask allows is taken, a
 * byte that it does not is not.
 */
#include "fuzz.h"
#include "../../src/base/utf8.h"

static mlc_vocab *vocab(void)
{
    static const char more[] = "\":\", \"{\"\"}]},: truefalsenull12.5\\u00\xc3\xa4";
    static uint32_t offsets[257 + 20];
    static char bytes[256 + sizeof more];
    static mlc_vocab *v;
    const int32_t end = 275;

    if (v != NULL)
        return v;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        offsets[i + 1] = (uint32_t)i + 1;
    }
    memcpy(bytes + 256, more, sizeof more - 1);
    for (uint32_t i = 257; i < 276; i++)     /* two bytes each, then the end */
        offsets[i] = i < 275 ? offsets[i - 1] + 2 : offsets[274];
    offsets[276] = offsets[275];
    (void)mlc_vocab_open(fuzz_context(), bytes, offsets, 276, &end, 1, &v, NULL);
    return v;
}

static void drive(mlc_grammar *g, const uint8_t *p, size_t n)
{
    uint32_t mask[9];
    mlc_matcher *m = NULL;
    size_t taken = 0;

    if (mlc_matcher_open(g, &m, NULL) != MLC_OK)
        return;
    for (size_t i = 0; i < n && i < 200; i++) {
        const int32_t token = p[i] < 250 ? p[i] : 256 + (p[i] - 250) * 4 + (int32_t)(i % 4);
        mlc_status st;

        if (p[i] == 249) {
            FUZZ_CHECK(mlc_matcher_rollback(m, taken > 0) == MLC_OK);
            taken -= taken > 0;
            continue;
        }
        if (i % 3 == 0 && mlc_matcher_mask(m, mask) != MLC_OK)
            break;
        st = mlc_matcher_accept(m, token);
        if (st == MLC_ENOMEM)
            break;
        if (i % 3 == 0 && token < 276) {
            const bool bit = (mask[token / 32] >> (token % 32) & 1) != 0;

            FUZZ_CHECK(token < 256 ? (st == MLC_OK) == bit : st == MLC_OK || !bit);
        }
        taken += st == MLC_OK;
    }
    mlc_matcher_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const uint8_t *zero = n > 0 ? memchr(bytes, 0, n) : NULL;
    size_t n_schema = zero != NULL ? (size_t)(zero - bytes) : n;
    mlc_grammar_options o;
    mlc_error err = { 0 };
    mlc_grammar *g;
    mlc_status st;

    mlc_grammar_options_init(&o);
    o.limit = (uint64_t)1 << 23;
    o.kind = n_schema == 0 ? MLC_GRAMMAR_JSON_SCHEMA : bytes[0] == '^' ? MLC_GRAMMAR_REGEX
           : bytes[0] == 'r' ? MLC_GRAMMAR_EBNF : bytes[0] == 's' || bytes[0] == '%'
           ? MLC_GRAMMAR_LARK : n_schema > 3 && memcmp(bytes, "{\"st", 4) == 0
           ? MLC_GRAMMAR_TAGS : n_schema > 1 && memcmp(bytes, "[{", 2) == 0
           ? MLC_GRAMMAR_ANY : MLC_GRAMMAR_JSON_SCHEMA;
    o.flags = MLC_GRAMMAR_FRESH;
    if (zero != NULL && zero + 1 < bytes + n)
        o.flags |= zero[1] & (MLC_GRAMMAR_FRESH - 1);
    st = mlc_grammar_open(vocab(), (const char *)bytes, n_schema, &o, &g, &err);
    FUZZ_CHECK((st == MLC_OK) == (g != NULL));
    FUZZ_CHECK(st == MLC_OK || (err.status == st && mlci_utf8_valid(err.text, strlen(err.text))));
    if (g != NULL && zero != NULL)
        drive(g, zero + 1, n - n_schema - 1);
    mlc_grammar_close(g);
    return 0;
}
