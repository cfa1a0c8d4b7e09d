/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab.c - the vocabulary of a GGUF file into flat arrays.
 *
 * Token bytes are kept as text contains them, so that encoding compares bytes
 * of the text directly: the GPT-2 alphabet (printable stand-ins for bytes) is
 * undone, U+2581 becomes a space, <0x0A> becomes the byte 10.
 */
#include "tokenizer.h"
#include "../base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The alphabet of GPT-2's encoder.py: printable Latin-1 stands for itself, the
 * 68 other bytes for U+0100 onwards in order. */
int mlci_byte_of_char(int32_t cp)
{
    int next = 0x100;

    if ((cp >= '!' && cp <= '~') || (cp >= 0xa1 && cp <= 0xac)
        || (cp >= 0xae && cp <= 0xff))
        return cp;
    for (int b = 0; b < 256 && next <= cp; b++) {
        if ((b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae)
            continue;
        if (next++ == cp)
            return b;
    }
    return -1;
}

typedef struct vo_loader {
    mlc_tokenizer *t;
    int16_t  byte_of[512];     /* mlci_byte_of_char of small characters      */
    char    *out;              /* where the next token's bytes go            */
} vo_loader;

/* One token's bytes; never longer than its text in the file.  A normal token
 * with a character outside the alphabet cannot come out of merging: it becomes
 * unused, so that a twin with the same bytes inside the alphabet is found. */
static void vo_bytes(vo_loader *l, const char *s, size_t n, uint8_t *token_type)
{
    const mlc_tokenizer *t = l->t;
    uint8_t type = *token_type;

    if (t->byte_level && (type == TK_NORMAL || type == TK_UNUSED)) {
        for (size_t i = 0; i < n; ) {
            int32_t cp;
            size_t len = mlci_utf8_read(s + i, n - i, &cp);

            if (cp >= 0 && cp < 512 && l->byte_of[cp] >= 0) {
                *l->out++ = (char)l->byte_of[cp];
            } else {
                memcpy(l->out, s + i, len);
                l->out += len;
                *token_type = TK_UNUSED;
            }
            i += len;
        }
        return;
    }
    if (type == TK_BYTE && n == 6 && memcmp(s, "<0x", 3) == 0) {
        unsigned b = 0;

        if (sscanf(s + 3, "%2x", &b) == 1)
            *l->out++ = (char)b;
        return;
    }
    for (size_t i = 0; i < n; ) {
        if (t->escape_spaces && n - i >= 3 && memcmp(s + i, "\xe2\x96\x81", 3) == 0) {
            *l->out++ = ' ';
            i += 3;
        } else {
            *l->out++ = s[i++];
        }
    }
}

static bool vo_merging(uint8_t type)
{
    return type == TK_NORMAL || type == TK_USER;
}

/* Tokens that merging may give go first, so that look-ups prefer them over a
 * control or byte token with the same bytes. */
static void vo_index(mlc_tokenizer *t, bool merging)
{
    for (uint32_t id = 0; id < t->n_tokens; id++) {
        mlci_text b = mlci_token_bytes(t, id);
        size_t s;

        if (vo_merging(t->types[id]) != merging)
            continue;
        for (s = (size_t)mlci_hash(b.p, b.n, 0) & (t->n_slots - 1); t->slots[s] != 0;
             s = (s + 1) & (t->n_slots - 1)) {
            mlci_text o = mlci_token_bytes(t, t->slots[s] - 1);

            if (o.n == b.n && memcmp(o.p, b.p, b.n) == 0)
                break;
        }
        if (t->slots[s] == 0)
            t->slots[s] = id + 1;
    }
}

int32_t mlci_vocab_find(const mlc_tokenizer *t, const char *bytes, size_t n)
{
    size_t s = (size_t)mlci_hash(bytes, n, 0) & (t->n_slots - 1);

    for (; t->slots[s] != 0; s = (s + 1) & (t->n_slots - 1)) {
        mlci_text o = mlci_token_bytes(t, t->slots[s] - 1);

        if (o.n == n && memcmp(o.p, bytes, n) == 0)
            return (int32_t)t->slots[s] - 1;
    }
    return -1;
}

static mlc_status vo_array(const mlci_config *c, const char *key,
                           mlci_value_type item, mlci_value *v, mlc_error *err)
{
    if (!mlci_config_find(c, key, v))
        return mlci_fail(err, MLC_EFORMAT, 0, "key %s: missing", key);
    if (v->type != MLCI_VALUE_ARRAY || v->item != item)
        return mlci_fail(err, MLC_EFORMAT, 0, "key %s: not an array of %s", key,
                         item == MLCI_VALUE_TEXT ? "texts" : "numbers");
    return MLC_OK;
}

static mlc_status vo_types(mlc_tokenizer *t, const mlci_config *c, mlc_error *err)
{
    const char *key = "tokenizer.ggml.token_type";
    mlci_value v;

    memset(t->types, TK_NORMAL, t->n_tokens);
    if (!mlci_config_find(c, key, &v))
        return MLC_OK;
    if (v.type != MLCI_VALUE_ARRAY || v.item_bytes != 4 || v.u != t->n_tokens)
        return mlci_fail(err, MLC_EFORMAT, 0, "key %s: not %u 32-bit numbers", key,
                         t->n_tokens);
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        uint64_t type = mlci_le(v.items + (size_t)i * 4, 4);

        t->types[i] = type >= TK_NORMAL && type <= TK_BYTE ? (uint8_t)type : TK_NORMAL;
    }
    return MLC_OK;
}

/* Scores as keys whose unsigned order is the order of merging: highest score
 * first.  The usual trick: flip a positive float's sign bit, all of a negative
 * one's, and here everything once more. */
static mlc_status vo_scores(mlc_tokenizer *t, const mlci_config *c, mlc_error *err)
{
    const char *key = "tokenizer.ggml.scores";
    mlci_value v;
    mlc_status st = vo_array(c, key, MLCI_VALUE_FLOAT, &v, err);

    if (st != MLC_OK)
        return st;
    if (v.item_bytes != 4 || v.u != t->n_tokens)
        return mlci_fail(err, MLC_EFORMAT, 0, "key %s: not %u 32-bit floats", key,
                         t->n_tokens);
    t->score_keys = mlci_arena_new(&t->arena, t->n_tokens, sizeof *t->score_keys);
    if (t->score_keys == NULL)
        return mlci_nomem(err, "scores");
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        uint32_t u = (uint32_t)mlci_le(v.items + (size_t)i * 4, 4);

        t->score_keys[i] = (u & 0x80000000u) ? u : ~(u | 0x80000000u);
    }
    return MLC_OK;
}

static void vo_byte_ids(mlc_tokenizer *t)
{
    for (int b = 0; b < 256; b++)
        t->byte_ids[b] = -1;
    for (uint32_t id = 0; id < t->n_tokens; id++) {
        mlci_text p = mlci_token_bytes(t, id);
        uint8_t want = t->byte_level ? TK_NORMAL : TK_BYTE;

        if (p.n == 1 && t->types[id] == want
            && t->byte_ids[(unsigned char)p.p[0]] < 0)
            t->byte_ids[(unsigned char)p.p[0]] = (int32_t)id;
    }
}

mlc_status mlci_vocab_load(mlc_tokenizer *t, const mlci_config *c, mlc_error *err)
{
    const uint32_t most = 1u << 24;  /* the largest vocabularies have 2^18 */
    vo_loader l = { .t = t };
    const unsigned char *p;
    uint64_t total = 0;
    mlci_value v;
    mlc_status st = vo_array(c, "tokenizer.ggml.tokens", MLCI_VALUE_TEXT, &v, err);

    if (st != MLC_OK)
        return st;
    if (v.u == 0 || v.u > most)
        return mlci_fail(err, MLC_EFORMAT, 0, "key tokenizer.ggml.tokens: %llu tokens",
                         (unsigned long long)v.u);
    t->n_tokens = (uint32_t)v.u;
    p = v.items;
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        total += mlci_le(p, 8);
        p += 8 + mlci_le(p, 8);
    }
    for (t->n_slots = 1024; t->n_slots < 2 * (size_t)t->n_tokens; )
        t->n_slots *= 2;
    t->types = mlci_arena_new(&t->arena, t->n_tokens, 1);
    t->is_end = mlci_arena_new(&t->arena, t->n_tokens, 1);
    t->offsets = mlci_arena_new(&t->arena, (size_t)t->n_tokens + 1, sizeof *t->offsets);
    t->slots = mlci_arena_new(&t->arena, t->n_slots, sizeof *t->slots);
    t->bytes = total < UINT32_MAX ? mlci_arena_new(&t->arena, (size_t)total + 1, 1) : NULL;
    if (t->types == NULL || t->is_end == NULL || t->offsets == NULL
        || t->slots == NULL || t->bytes == NULL)
        return mlci_nomem(err, "vocabulary");
    st = vo_types(t, c, err);
    if (st == MLC_OK && t->score_based)
        st = vo_scores(t, c, err);
    if (st != MLC_OK)
        return st;

    for (int i = 0; i < 512; i++)
        l.byte_of[i] = (int16_t)mlci_byte_of_char(i);
    l.out = t->bytes;
    p = v.items;
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        size_t n = (size_t)mlci_le(p, 8);

        t->offsets[i] = (uint32_t)(l.out - t->bytes);
        vo_bytes(&l, (const char *)p + 8, n, &t->types[i]);
        t->offsets[i + 1] = (uint32_t)(l.out - t->bytes);
        t->max_piece = (uint32_t)mlci_max(t->max_piece, t->offsets[i + 1] - t->offsets[i]);
        p += 8 + n;
    }
    vo_index(t, true);
    vo_index(t, false);
    vo_byte_ids(t);
    return MLC_OK;
}
