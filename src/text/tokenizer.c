/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.c - making a tokenizer from a file's keys, and the public calls.
 */
#include "tokenizer.h"
#include "../base/utf8.h"

#include <string.h>

/* Vocabulary memory: the largest (2^18 tokens, 10 bytes each, merges) needs
 * about 15 MB. */
static const size_t tk_limit = (size_t)1 << 30;

/* Tokens at which chat models stop, by name, for files that only name one of
 * theirs as the end.  Only control and user-defined tokens are looked at. */
static const char *const tk_ends[] = {
    "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>",
    "<|end|>", "<end_of_turn>", "<|endofturn|>", "<|return|>", "<|call|>",
    "<|end_of_turn|>", "<EOT>", "<|EOT|>", "</s>", "<eos>", "<turn|>",
    "<|end_of_sentence|>", "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81"
    "sentence\xef\xbd\x9c>",
};

/* ---- making one -------------------------------------------------------------------- */

static mlc_status tk_special(mlc_tokenizer *t, const mlci_config *c, mlc_error *err)
{
    static const struct { const char *key; int role; } keys[] = {
        { "tokenizer.ggml.bos_token_id", MLC_TOKEN_BOS },
        { "tokenizer.ggml.eos_token_id", MLC_TOKEN_EOS },
        { "tokenizer.ggml.unknown_token_id", MLC_TOKEN_UNK },
        { "tokenizer.ggml.padding_token_id", MLC_TOKEN_PAD },
        { "tokenizer.ggml.eot_token_id", -1 },
        { "tokenizer.ggml.eom_token_id", -1 },
    };

    mlci_value ends;

    for (int i = 0; i < 4; i++)
        t->special[i] = -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        uint32_t id;
        mlc_status st = mlci_config_u32_or(c, keys[i].key, 0, t->n_tokens - 1,
                                           UINT32_MAX, &id, err);

        if (st != MLC_OK)
            return st;
        if (id == UINT32_MAX)
            continue;
        if (keys[i].role >= 0)
            t->special[keys[i].role] = (int32_t)id;
        if (t->types[id] == TK_NORMAL && keys[i].role != MLC_TOKEN_UNK)
            t->types[id] = TK_CONTROL;  /* some files do not mark them */
        if (keys[i].role < 0 || keys[i].role == MLC_TOKEN_EOS)
            t->is_end[id] = 1;
    }
    if (mlci_config_find(c, "tokenizer.mlc.ends", &ends))
        for (uint64_t i = 0; i < ends.u; i++)
            t->is_end[mlci_le(ends.items + 4 * i, 4)] = 1;
    for (size_t i = 0; i < sizeof tk_ends / sizeof *tk_ends; i++) {
        int32_t id = mlci_vocab_find(t, tk_ends[i], strlen(tk_ends[i]));

        if (id >= 0 && t->types[id] == TK_CONTROL)
            t->is_end[id] = 1;
    }
    return MLC_OK;
}

/* As tokenizer.json said it (load/hf_tokenizer.c). */
static mlc_status tk_described(mlc_tokenizer *t, const mlci_config *c, mlci_pre_entry *pre,
                               mlc_error *err)
{
    const unsigned char *p;
    uint32_t splitter = 0;
    mlci_value v;
    mlc_status st = mlci_config_bool_or(c, "tokenizer.mlc.escape", false, &t->escape_spaces, err);

    if (st == MLC_OK)
        st = mlci_config_bool_or(c, "tokenizer.mlc.ignore_merges", false, &t->ignore_merges, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, "tokenizer.mlc.splitter", 0, MLCI_SPLIT_LLAMA3, 0, &splitter,
                                err);
    if (st != MLC_OK)
        return st;
    t->byte_level = !t->escape_spaces;
    memset(pre, 0, sizeof *pre);
    pre->splitter = (mlci_splitter)splitter;
    if (!mlci_config_find(c, "tokenizer.mlc.expressions", &v))
        return MLC_OK;
    p = v.items;
    for (uint64_t i = 0; i < v.u && i < MLCI_MAX_EXPRESSIONS; i++) {
        const size_t n = (size_t)mlci_le(p, 8);

        pre->expressions[i] = mlci_arena_copy(&t->arena, (const char *)p + 8, n);
        if (pre->expressions[i] == NULL)
            return mlci_nomem(err, "pre-tokenizer");
        p += 8 + n;
    }
    return MLC_OK;
}

static mlc_status tk_kind(mlc_tokenizer *t, const mlci_config *c, mlci_pre_entry *own,
                          const mlci_pre_entry **pre, mlc_error *err)
{
    mlci_text model, name;
    mlc_status st = mlci_config_text(c, "tokenizer.ggml.model", &model, err);

    *pre = NULL;
    if (st == MLC_OK)
        st = mlci_config_text(c, "tokenizer.ggml.pre", &name, err);
    if (st != MLC_OK)
        return st;
    if (mlci_text_is(model, "llama")) {
        t->score_based = t->escape_spaces = t->add_bos = t->add_space_prefix = true;
        return MLC_OK;
    }
    if (mlci_text_is(model, "hf")) {
        *pre = own;
        return tk_described(t, c, own, err);
    }
    if (!mlci_text_is(model, "gpt2") && !mlci_text_is(model, "gemma4"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tokenizer model \"%.*s\" is "
                         "unsupported (gpt2 and llama are)",
                         (int)mlci_min(model.n, 60), model.p);
    if (name.n == 0) {
        name.p = mlci_text_is(model, "gemma4") ? "gemma4" : "default";
        name.n = strlen(name.p);
    }
    *pre = mlci_pre_find(name.p, name.n);
    if (*pre == NULL)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "pre-tokenizer \"%.*s\" is "
                         "unknown: see src/text/pretok_tab.c",
                         (int)mlci_min(name.n, 60), name.p);
    t->ignore_merges = ((*pre)->flags & MLCI_PRE_IGNORE_MERGES) != 0;
    t->add_bos = ((*pre)->flags & MLCI_PRE_ADD_BOS) != 0;
    t->escape_spaces = ((*pre)->flags & MLCI_PRE_ESCAPE) != 0;
    t->byte_level = !t->escape_spaces;
    return MLC_OK;
}

/* What merges need. */
static mlc_status tk_merges(mlc_tokenizer *t, const mlci_config *c, mlc_error *err)
{
    mlci_value merges;

    if (t->score_based)
        return MLC_OK;
    if (!mlci_config_find(c, "tokenizer.ggml.merges", &merges)
        || merges.type != MLCI_VALUE_ARRAY || merges.item != MLCI_VALUE_TEXT)
        return mlci_fail(err, MLC_EFORMAT, 0, "key tokenizer.ggml.merges: missing or not texts");
    return mlci_merge_load(t, &merges, err);
}

/* Tables of the vocabulary, out of the file's texts. */
static mlc_status tk_tables(mlc_tokenizer *t, const mlci_config *c, bool described, mlc_error *err)
{
    mlc_status st = mlci_vocab_load(t, c, err);

    if (st == MLC_OK)
        st = tk_special(t, c, err);
    if (st == MLC_OK)
        st = tk_merges(t, c, err);
    if (st == MLC_OK && (t->score_based || (described && t->escape_spaces)))
        mlci_score_prepare(t);
    return st;
}

static mlc_status tk_load(mlc_tokenizer *t, const mlci_config *c, const mlci_image *image,
                          mlc_error *err)
{
    const mlci_pre_entry *pre;
    mlci_pre_entry own;
    mlc_status st = tk_kind(t, c, &own, &pre, err);

    if (st == MLC_OK)
        st = image != NULL && image->p != NULL ? mlci_image_read(t, image, err)
                                               : tk_tables(t, c, pre == &own, err);
    if (st == MLC_OK)
        st = mlci_special_build(t, err);
    if (st == MLC_OK && !t->score_based)
        st = mlci_pretok_open(&t->pretok, pre, err);
    if (st == MLC_OK)
        st = mlci_config_bool_or(c, "tokenizer.ggml.add_bos_token", t->add_bos,
                                 &t->add_bos, err);
    if (st == MLC_OK)
        st = mlci_config_bool_or(c, "tokenizer.ggml.add_eos_token", false,
                                 &t->add_eos, err);
    if (st == MLC_OK)
        st = mlci_config_bool_or(c, "tokenizer.ggml.add_space_prefix",
                                 t->add_space_prefix, &t->add_space_prefix, err);
    return st;
}

mlc_status mlci_tokenizer_new(mlc_context *ctx, const mlci_config *config,
                              const mlci_image *image, mlc_tokenizer **out, mlc_error *err)
{
    mlc_tokenizer *t = mlci_new(ctx, 1, sizeof *t);
    mlc_status st;

    *out = NULL;
    if (t == NULL)
        return mlci_nomem(err, "tokenizer");
    t->ctx = ctx;
    mlci_context_ref(ctx);
    mlci_arena_init(&t->arena, ctx, tk_limit);
    st = tk_load(t, config, image, err);
    if (st != MLC_OK) {
        mlc_tokenizer_close(t);
        return st;
    }
    *out = t;
    return MLC_OK;
}

void mlc_tokenizer_close(mlc_tokenizer *t)
{
    mlc_context *ctx;

    if (t == NULL)
        return;
    ctx = t->ctx;
    mlci_pretok_close(&t->pretok);
    mlci_arena_reset(&t->arena);
    mlci_delete(ctx, t, 1, sizeof *t);
    mlci_context_unref(ctx);
}

/* ---- encoding ------------------------------------------------------------------------ */

static void tk_word(void *user, const char *word, size_t n)
{
    mlci_merge_word(user, word, n);
}

/* Text between special tokens. */
static void tk_piece(mlci_encoder *e, const char *text, size_t n, bool first)
{
    const mlc_tokenizer *t = e->tok;
    mlc_status st = MLC_OK;

    if (n == 0 || e->status != MLC_OK)
        return;
    if (t->escape_spaces)
        mlci_score_encode(e, text, n, t->add_space_prefix && first);
    else
        st = mlci_pretok_split(&t->pretok, text, n, tk_word, e);
    if (e->status == MLC_OK)
        e->status = st;
}

static void tk_text(mlci_encoder *e, const char *text, size_t n, bool parse)
{
    const mlc_tokenizer *t = e->tok;
    size_t from = 0, at = 0, len = 0;
    bool first = true;
    int32_t id = -1;

    while (mlci_special_find(t, text, n, from, parse, &at, &len, &id)) {
        tk_piece(e, text + from, at - from, first);
        mlci_ids_add(e->out, id);
        first = t->types[id] != TK_USER;
        from = at + len;
    }
    tk_piece(e, text + from, n - from, first);
}

mlc_status mlc_tokenizer_encode(const mlc_tokenizer *tok, const char *text,
                                size_t n_bytes, uint32_t flags, int32_t *ids,
                                size_t cap, size_t *n_ids)
{
    const uint32_t known = MLC_ENCODE_SPECIAL | MLC_ENCODE_PARSE;
    bool parse = (flags & MLC_ENCODE_PARSE) != 0;
    mlci_ids out = { ids, cap, 0 };
    mlci_encoder e;
    char *copy = NULL;
    size_t n = n_bytes;

    if (tok == NULL || n_ids == NULL || (text == NULL && n_bytes > 0)
        || (ids == NULL && cap > 0) || (flags & ~known) != 0)
        return MLC_EINVAL;
    if (tok->escape_spaces && n > 0)
        n = mlci_score_normalize(text, n_bytes, NULL);
    if (n != n_bytes) {
        copy = mlci_new(tok->ctx, n, 1);
        if (copy == NULL)
            return MLC_ENOMEM;
        mlci_score_normalize(text, n_bytes, copy);
    }
    mlci_encoder_begin(&e, tok, &out, n);
    if ((flags & MLC_ENCODE_SPECIAL) && tok->add_bos && tok->special[MLC_TOKEN_BOS] >= 0)
        mlci_ids_add(&out, tok->special[MLC_TOKEN_BOS]);
    tk_text(&e, copy != NULL ? copy : text, n, parse);
    if ((flags & MLC_ENCODE_SPECIAL) && tok->add_eos && tok->special[MLC_TOKEN_EOS] >= 0)
        mlci_ids_add(&out, tok->special[MLC_TOKEN_EOS]);
    mlci_encoder_end(&e);
    mlci_delete(tok->ctx, copy, n, 1);
    if (e.status != MLC_OK)
        return e.status;
    *n_ids = out.n;
    return out.n > cap ? MLC_ETOOSMALL : MLC_OK;
}

/* ---- decoding ------------------------------------------------------------------------ */

size_t mlc_tokenizer_max_piece(const mlc_tokenizer *tok)
{
    /* Held-back bytes may become U+FFFD (3 bytes each), as may every byte of
     * the token; and a NUL. */
    return tok == NULL ? 0 : 3 * ((size_t)tok->max_piece + 4) + 1;
}

mlc_status mlc_tokenizer_piece(const mlc_tokenizer *tok, int32_t id,
                               const char **bytes, size_t *n_bytes)
{
    mlci_text b;

    if (tok == NULL || bytes == NULL || n_bytes == NULL || id < 0
        || (uint32_t)id >= tok->n_tokens)
        return MLC_EINVAL;
    b = mlci_token_bytes(tok, (uint32_t)id);
    *bytes = b.p;
    *n_bytes = b.n;
    return MLC_OK;
}

static bool tk_silent(const mlc_tokenizer *t, int32_t id, uint32_t flags)
{
    return (flags & MLC_DECODE_SPECIAL) == 0
        && (t->types[id] == TK_CONTROL || t->types[id] == TK_UNKNOWN);
}

/* Join what is pending with [s, s + n) and write whole characters, U+FFFD for
 * what is invalid; the unfinished rest becomes pending (in rest). */
static size_t tk_complete(mlc_detokenizer *d, const char *s, size_t n, bool end,
                          char *out)
{
    char joined[16];
    size_t i = 0, used = 0, from = 0;

    /* While something is pending, decode from a small buffer that holds it and
     * the next few bytes. */
    while (d->n_pending > 0) {
        size_t take = mlci_min(n - from, sizeof joined - d->n_pending), len;
        int32_t cp;

        memcpy(joined, d->pending, d->n_pending);
        if (take > 0)
            memcpy(joined + d->n_pending, s + from, take);
        len = mlci_utf8_read(joined, d->n_pending + take, &cp);
        if (cp == -2 && !end) {
            memcpy(d->pending + d->n_pending, s + from, take);
            d->n_pending += (uint32_t)take;
            return used;
        }
        used += mlci_utf8_write(cp, out + used);
        if (len >= d->n_pending) {
            from += len - d->n_pending;
            d->n_pending = 0;
        } else {
            memmove(d->pending, d->pending + len, d->n_pending - len);
            d->n_pending -= (uint32_t)len;
        }
    }
    for (i = from; i < n; ) {
        int32_t cp;
        size_t len;

        if ((unsigned char)s[i] < 0x80) {
            out[used++] = s[i++];
            continue;
        }
        len = mlci_utf8_read(s + i, n - i, &cp);
        if (cp == -2 && !end) {
            memcpy(d->pending, s + i, len);
            d->n_pending = (uint32_t)len;
            break;
        }
        used += mlci_utf8_write(cp, out + used);
        i += len;
    }
    return used;
}

mlc_status mlc_detokenizer_push(mlc_detokenizer *d, const mlc_tokenizer *tok,
                                int32_t id, char *buf, size_t cap, size_t *n_bytes)
{
    mlci_text b = { "", 0 };

    if (d == NULL || tok == NULL || buf == NULL || n_bytes == NULL || id < -1
        || id >= (int32_t)tok->n_tokens || d->n_pending > 3)
        return MLC_EINVAL;
    if (cap < mlc_tokenizer_max_piece(tok))
        return MLC_ETOOSMALL;
    if (id >= 0 && !tk_silent(tok, id, d->flags))
        b = mlci_token_bytes(tok, (uint32_t)id);
    *n_bytes = tk_complete(d, b.p, b.n, id < 0, buf);
    buf[*n_bytes] = 0;
    return MLC_OK;
}

mlc_status mlc_tokenizer_decode(const mlc_tokenizer *tok, const int32_t *ids,
                                size_t n_ids, uint32_t flags, char *buf,
                                size_t cap, size_t *n_bytes)
{
    mlc_detokenizer d = { .flags = flags };
    size_t used = 0;

    if (tok == NULL || n_bytes == NULL || (ids == NULL && n_ids > 0)
        || (buf == NULL && cap > 0))
        return MLC_EINVAL;
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= tok->n_tokens)
            return MLC_EINVAL;
    for (size_t i = 0; i <= n_ids; i++) {
        mlci_text b = { "", 0 };

        if (i < n_ids && !tk_silent(tok, ids[i], flags))
            b = mlci_token_bytes(tok, (uint32_t)ids[i]);
        /* By pieces of a token, so that a small buffer on the stack will do. */
        for (size_t from = 0; from < b.n || i == n_ids; from += 64) {
            char piece[3 * (64 + 4)];
            size_t take = mlci_min(b.n - from, 64), n;

            n = tk_complete(&d, b.p + from, take, i == n_ids, piece);
            if (used < cap && n < cap - used)
                memcpy(buf + used, piece, n);
            used += n;
            if (i == n_ids)
                break;
        }
    }
    *n_bytes = used;
    if (used + 1 > cap) {
        if (cap > 0)
            buf[0] = 0;
        return MLC_ETOOSMALL;
    }
    buf[used] = 0;
    return MLC_OK;
}

/* ---- the rest ------------------------------------------------------------------------- */

int32_t mlc_tokenizer_find(const mlc_tokenizer *tok, const char *bytes, size_t n_bytes)
{
    return tok == NULL || bytes == NULL ? -1 : mlci_vocab_find(tok, bytes, n_bytes);
}

int32_t mlc_tokenizer_special(const mlc_tokenizer *tok, int32_t role)
{
    return tok == NULL || role < 0 || role > 3 ? -1 : tok->special[role];
}

int32_t mlc_tokenizer_is_end(const mlc_tokenizer *tok, int32_t id)
{
    return tok != NULL && id >= 0 && (uint32_t)id < tok->n_tokens && tok->is_end[id];
}

size_t mlc_tokenizer_size(const mlc_tokenizer *tok)
{
    return tok == NULL ? 0 : tok->n_tokens;
}
