/* SPDX-License-Identifier: Apache-2.0
 *
 * spm.c - sentencepiece's tokenizer.model as keys.
 *
 * The file is one message in protocol buffers: pieces with scores and types (whose numbers
 * GGUF took over), how it was trained, how texts are normalized.  Byte-pair models are read;
 * unigram models and normalizations that change texts are refused by name.
 */
#include "../text/tokenizer.h"
#include "hf.h"

#include <stdio.h>
#include <string.h>

enum { SP_MOST = 64 << 20, SP_MAX_PIECES = 1 << 24 };

/* A field: its number, and a number (varint or 32 bits) or bytes. */
typedef struct sp_field {
    uint32_t number;
    bool     bytes;
    uint64_t v;
    const unsigned char *p;
    size_t   n;
} sp_field;

typedef struct sp_reader { const unsigned char *p, *end; bool bad; } sp_reader;

static uint64_t sp_varint(sp_reader *r)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        const unsigned char c = *r->p++;

        v |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return v;
    }
    r->bad = true;
    return 0;
}

/* The next field; false at the end or where something is wrong. */
static bool sp_next(sp_reader *r, sp_field *f)
{
    uint64_t tag, n = 0;

    if (r->bad || r->p == r->end)
        return false;
    tag = sp_varint(r);
    *f = (sp_field){ .number = (uint32_t)(tag >> 3) };
    switch (tag & 7) {
    case 0: f->v = sp_varint(r); return !r->bad;
    case 1: n = 8; break;
    case 2: n = sp_varint(r); f->bytes = true; break;
    case 5: n = 4; break;
    default: r->bad = true;
    }
    if (r->bad || n > (uint64_t)(r->end - r->p)) {
        r->bad = true;
        return false;
    }
    f->p = r->p;
    f->n = (size_t)n;
    if (!f->bytes)
        f->v = mlci_le(f->p, (int)n);
    r->p += n;
    return true;
}

typedef struct sp_model {
    mlci_files *f;
    uint32_t    n;
    unsigned char *texts;          /* as GGUF has them: lengths and bytes         */
    float      *scores;
    int32_t    *types;
    uint64_t    kind, unknown, bos, eos, pad;
    bool        prefix, shrink, mapped;
} sp_model;

static void sp_trainer(sp_model *m, const sp_field *of)
{
    sp_reader r = { of->p, of->p + of->n, false };
    sp_field f;

    while (sp_next(&r, &f))
        switch (f.number) {
        case 3: m->kind = f.v; break;
        case 40: m->unknown = f.v; break;
        case 41: m->bos = f.v; break;
        case 42: m->eos = f.v; break;
        case 43: m->pad = f.v; break;
        default: break;
        }
}

static void sp_normalizer(sp_model *m, const sp_field *of)
{
    sp_reader r = { of->p, of->p + of->n, false };
    sp_field f;

    while (sp_next(&r, &f))
        switch (f.number) {
        case 2: m->mapped = f.n > 0; break;
        case 3: m->prefix = f.v != 0; break;
        case 4: m->shrink = f.v != 0; break;
        default: break;
        }
}

/* A piece to the end of the arrays, which have room; returns the bytes of its text. */
static size_t sp_piece(sp_model *m, const sp_field *of, unsigned char *to)
{
    sp_reader r = { of->p, of->p + of->n, false };
    uint64_t type = 1;
    float score = 0;
    size_t n = 0;
    sp_field f;

    while (sp_next(&r, &f)) {
        if (f.number == 1 && f.bytes) {
            n = f.n;
            memcpy(to + 8, f.p, n);
        } else if (f.number == 2 && !f.bytes) {
            const uint32_t bits = (uint32_t)f.v;

            memcpy(&score, &bits, sizeof score);
        } else if (f.number == 3) {
            type = f.v;
        }
    }
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)n >> (8 * i));
    m->scores[m->n] = score;
    m->types[m->n++] = type >= 1 && type <= 6 ? (int32_t)type : 1;
    return 8 + n;
}

/* Pieces are counted first, then kept. */
static mlc_status sp_pieces(sp_model *m, const unsigned char *p, size_t n, uint32_t least,
                            mlc_error *err)
{
    mlci_arena *arena = &m->f->directory.arena;
    sp_reader r = { p, p + n, false };
    size_t pieces = 0, bytes = 0;
    sp_field f;

    while (sp_next(&r, &f))
        if (f.number == 1 && f.bytes) {
            pieces++;
            bytes += 8 + f.n;
        } else if (f.number == 2 && f.bytes) {
            sp_trainer(m, &f);
        } else if (f.number == 3 && f.bytes) {
            sp_normalizer(m, &f);
        }
    if (r.bad || pieces == 0 || pieces > SP_MAX_PIECES)
        return mlci_fail(err, MLC_EFORMAT, 0, "tokenizer.model: no sentencepiece model");
    if (pieces < least) {             /* rows of the embedding without a piece */
        bytes += 8 * (least - pieces);
        pieces = least;
    }
    m->texts = mlci_arena_new(arena, bytes, 1);
    m->scores = mlci_arena_new(arena, pieces, sizeof *m->scores);
    m->types = mlci_arena_new(arena, pieces, sizeof *m->types);
    if (m->texts == NULL || m->scores == NULL || m->types == NULL)
        return mlci_nomem(err, "vocabulary");
    r = (sp_reader){ p, p + n, false };
    bytes = 0;
    while (sp_next(&r, &f))
        if (f.number == 1 && f.bytes)
            bytes += sp_piece(m, &f, m->texts + bytes);
    while (m->n < pieces)
        m->types[m->n++] = TK_UNUSED;
    return MLC_OK;
}

static mlc_status sp_check(const sp_model *m, mlc_error *err)
{
    static const char *const kinds[] = { "?", "unigram", "bpe", "word", "char" };

    if (m->kind != 2)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tokenizer.model: \"%s\" is unsupported (bpe "
                         "is)", kinds[m->kind < 5 ? m->kind : 0]);
    if (m->mapped || m->shrink)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tokenizer.model: its normalization (%s) is "
                         "unsupported", m->mapped ? "of characters" : "of spaces");
    return MLC_OK;
}

static mlc_status sp_put(sp_model *m, const char *key, mlci_value v, mlc_error *err)
{
    return mlci_directory_put(&m->f->directory, key, v, err);
}

static mlc_status sp_keys(sp_model *m, mlc_error *err)
{
    const struct { const char *key; uint64_t id; } ids[] = {
        { "tokenizer.ggml.unknown_token_id", m->unknown },
        { "tokenizer.ggml.bos_token_id", m->bos }, { "tokenizer.ggml.eos_token_id", m->eos },
        { "tokenizer.ggml.padding_token_id", m->pad },
    };
    const mlci_value array = { .type = MLCI_VALUE_ARRAY, .u = m->n };
    mlci_value texts = array, scores = array, types = array;
    mlc_status st;

    texts.item = MLCI_VALUE_TEXT;
    texts.items = m->texts;
    scores.item = MLCI_VALUE_FLOAT;
    scores.item_bytes = types.item_bytes = 4;
    scores.items = (const unsigned char *)m->scores;
    types.item = MLCI_VALUE_INT;
    types.items = (const unsigned char *)m->types;
    st = mlci_directory_put_text(&m->f->directory, "tokenizer.ggml.model",
                                 (mlci_text){ "llama", 5 }, err);
    if (st == MLC_OK)
        st = sp_put(m, "tokenizer.ggml.tokens", texts, err);
    if (st == MLC_OK)
        st = sp_put(m, "tokenizer.ggml.scores", scores, err);
    if (st == MLC_OK)
        st = sp_put(m, "tokenizer.ggml.token_type", types, err);
    for (size_t i = 0; i < sizeof ids / sizeof *ids && st == MLC_OK; i++)
        if (ids[i].id < m->n)
            st = sp_put(m, ids[i].key, (mlci_value){ .type = MLCI_VALUE_UINT, .u = ids[i].id },
                        err);
    return st != MLC_OK ? st
         : sp_put(m, "tokenizer.ggml.add_space_prefix",
                  (mlci_value){ .type = MLCI_VALUE_BOOL, .u = m->prefix }, err);
}

mlc_status mlci_spm_tokenizer(mlci_files *f, const char *dir, const char *name, uint32_t *count,
                              mlc_error *err)
{
    sp_model m = { .f = f, .kind = 1, .bos = 1, .eos = 2, .pad = UINT64_MAX, .prefix = true,
                   .shrink = true };
    mlci_arena arena;
    const char *text;
    mlc_status st = MLC_OK;
    size_t n = 0;

    mlci_arena_init(&arena, f->ctx, SP_MOST + 4096);
    text = mlci_files_text(&arena, dir, name, SP_MOST, &n, &st, err);
    if (text != NULL) {
        st = sp_pieces(&m, (const unsigned char *)text, n, *count, err);
        if (st == MLC_OK)
            st = sp_check(&m, err);
        if (st == MLC_OK)
            st = sp_keys(&m, err);
    }
    *count = st == MLC_OK ? m.n : 0;
    mlci_arena_reset(&arena);
    return st;
}
