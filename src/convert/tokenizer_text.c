/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_text.c - a GGUF file's vocabulary as tokenizer.json and tokenizer_config.json.
 *
 * Byte-pair vocabularies have their merges.  One with scores has none: a merge of two
 * tokens is worth what the token has that it gives.
 */
#include "../base/arena.h"
#include "../text/tokenizer.h"
#include "convert.h"

#include <stdlib.h>
#include <string.h>

static const char tj_underscore[] = "\xe2\x96\x81";

typedef struct tj_merge { float score; uint32_t left, right; } tj_merge;

typedef struct tj_writer {
    const mlci_config *c;
    mlc_context *ctx;
    mlci_arena   arena;
    mlci_buf    *b;
    uint32_t     n;
    mlci_text   *tokens;
    const unsigned char *types, *scores;   /* int32 and float32, little-endian    */
    uint32_t    *slots;                    /* of texts: token + 1                 */
    size_t       n_slots;
    bool         score_based, add_bos, prefix;
    const mlci_pre_entry *pre;
    mlc_error   *err;
} tj_writer;

static int32_t tj_type(const tj_writer *w, uint32_t i)
{
    return w->types != NULL ? (int32_t)mlci_le(w->types + 4 * (size_t)i, 4) : TK_NORMAL;
}

static float tj_score(const tj_writer *w, uint32_t i)
{
    const uint32_t bits = (uint32_t)mlci_le(w->scores + 4 * (size_t)i, 4);
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static const unsigned char *tj_array(const mlci_config *c, const char *key, mlci_value_type item,
                                     uint64_t n)
{
    mlci_value v;

    return mlci_config_find(c, key, &v) && v.type == MLCI_VALUE_ARRAY && v.item == item
        && v.u == n ? v.items : NULL;
}

static uint32_t tj_slot(const tj_writer *w, const char *p, size_t n)
{
    size_t at = (size_t)mlci_hash(p, n, 0) & (w->n_slots - 1);

    while (w->slots[at] != 0) {
        const mlci_text t = w->tokens[w->slots[at] - 1];

        if (t.n == n && memcmp(t.p, p, n) == 0)
            break;
        at = (at + 1) & (w->n_slots - 1);
    }
    return (uint32_t)at;
}

static mlc_status tj_open(tj_writer *w)
{
    const unsigned char *p;
    mlci_value v;

    if (!mlci_config_find(w->c, "tokenizer.ggml.tokens", &v) || v.type != MLCI_VALUE_ARRAY
        || v.item != MLCI_VALUE_TEXT || v.u == 0 || v.u > 1 << 24)
        return mlci_fail(w->err, MLC_EFORMAT, 0, "key tokenizer.ggml.tokens: missing or no texts");
    w->n = (uint32_t)v.u;
    w->types = tj_array(w->c, "tokenizer.ggml.token_type", MLCI_VALUE_INT, v.u);
    w->scores = tj_array(w->c, "tokenizer.ggml.scores", MLCI_VALUE_FLOAT, v.u);
    for (w->n_slots = 64; w->n_slots < 2 * (size_t)w->n; w->n_slots *= 2) { }
    w->tokens = mlci_arena_new(&w->arena, w->n, sizeof *w->tokens);
    w->slots = mlci_arena_new(&w->arena, w->n_slots, sizeof *w->slots);
    if (w->tokens == NULL || w->slots == NULL)
        return mlci_nomem(w->err, "vocabulary");
    p = v.items;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t at;

        w->tokens[i] = (mlci_text){ (const char *)p + 8, (size_t)mlci_le(p, 8) };
        p += 8 + w->tokens[i].n;
        at = tj_slot(w, w->tokens[i].p, w->tokens[i].n);
        if (w->slots[at] == 0)
            w->slots[at] = i + 1;
    }
    return MLC_OK;
}

/* ---- parts --------------------------------------------------------------------------------- */

static void tj_added(const tj_writer *w)
{
    const char *comma = "";

    mlci_buf_text(w->b, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
                        "\"added_tokens\":[");
    for (uint32_t i = 0; i < w->n; i++) {
        const int32_t type = tj_type(w, i);

        if (type != TK_CONTROL && type != TK_USER && type != TK_UNKNOWN)
            continue;
        mlci_buf_format(w->b, "%s\n{\"id\":%u,\"content\":", comma, i);
        mlci_buf_json_string(w->b, w->tokens[i].p, w->tokens[i].n);
        mlci_buf_format(w->b, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                        "\"normalized\":false,\"special\":%s}", type == TK_USER ? "false" : "true");
        comma = ",";
    }
    mlci_buf_text(w->b, "],\n");
}

static void tj_split(mlci_buf *b, const char *expression)
{
    mlci_buf_text(b, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
    mlci_buf_json_string(b, expression, strlen(expression));
    mlci_buf_text(b, "},\"behavior\":\"Isolated\",\"invert\":false},");
}

static void tj_words(const tj_writer *w)
{
    bool regex = false;      /* of ByteLevel itself */

    mlci_buf_text(w->b, "\"normalizer\":null,\n\"pre_tokenizer\":{\"type\":\"Sequence\","
                        "\"pretokenizers\":[");
    switch (w->pre->splitter) {
    case MLCI_SPLIT_QWEN2: case MLCI_SPLIT_LLAMA3:
        tj_split(w->b, mlci_splitter_expression(w->pre->splitter));
        break;
    case MLCI_SPLIT_DIGITS_GPT2:
        mlci_buf_text(w->b, "{\"type\":\"Digits\",\"individual_digits\":true},");
        regex = true;
        break;
    case MLCI_SPLIT_GPT2: regex = true; break;
    case MLCI_SPLIT_REGEX:
        for (int i = 0; i < MLCI_MAX_EXPRESSIONS && w->pre->expressions[i] != NULL; i++)
            tj_split(w->b, w->pre->expressions[i]);
    }
    mlci_buf_format(w->b, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true"
                    ",\"use_regex\":%s}]},\n\"decoder\":{\"type\":\"ByteLevel\","
                    "\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\n",
                    regex ? "true" : "false");
}

static void tj_spaces(const tj_writer *w)
{
    mlci_buf_format(w->b, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s%s%s"
                    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"%s\"}]},\n"
                    "\"pre_tokenizer\":null,\n\"decoder\":{\"type\":\"Sequence\",\"decoders\":["
                    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"%s\"},\"content\":\" \"},"
                    "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}%s]},\n",
                    w->prefix ? "{\"type\":\"Prepend\",\"prepend\":\"" : "",
                    w->prefix ? tj_underscore : "", w->prefix ? "\"}," : "", tj_underscore,
                    tj_underscore, w->prefix ? ",{\"type\":\"Strip\",\"content\":\" \","
                    "\"start\":1,\"stop\":0}" : "");
}

static void tj_template(const tj_writer *w)
{
    uint32_t bos = 0;

    mlci_buf_text(w->b, "\"post_processor\":");
    if (!w->add_bos || mlci_config_u32(w->c, "tokenizer.ggml.bos_token_id", 0, w->n - 1, &bos,
                                       NULL) != MLC_OK) {
        mlci_buf_text(w->b, "null,\n");
        return;
    }
    mlci_buf_text(w->b, "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":");
    mlci_buf_json_string(w->b, w->tokens[bos].p, w->tokens[bos].n);
    mlci_buf_text(w->b, ",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
                        "\"special_tokens\":{");
    mlci_buf_json_string(w->b, w->tokens[bos].p, w->tokens[bos].n);
    mlci_buf_text(w->b, ":{\"id\":");
    mlci_buf_json_string(w->b, w->tokens[bos].p, w->tokens[bos].n);
    mlci_buf_format(w->b, ",\"ids\":[%u],\"tokens\":[", bos);
    mlci_buf_json_string(w->b, w->tokens[bos].p, w->tokens[bos].n);
    mlci_buf_text(w->b, "]}}},\n");
}

/* ---- merges -------------------------------------------------------------------------------- */

static void tj_pair(const tj_writer *w, const char *comma, mlci_text a, mlci_text b)
{
    mlci_buf_format(w->b, "%s\n[", comma);
    mlci_buf_json_string(w->b, a.p, a.n);
    mlci_buf_char(w->b, ',');
    mlci_buf_json_string(w->b, b.p, b.n);
    mlci_buf_char(w->b, ']');
}

/* "left right", both without spaces. */
static mlc_status tj_given_merges(const tj_writer *w)
{
    const unsigned char *p;
    mlci_value v;

    if (!mlci_config_find(w->c, "tokenizer.ggml.merges", &v) || v.type != MLCI_VALUE_ARRAY
        || v.item != MLCI_VALUE_TEXT)
        return mlci_fail(w->err, MLC_EFORMAT, 0, "key tokenizer.ggml.merges: missing or no texts");
    p = v.items;
    for (uint64_t i = 0; i < v.u; i++) {
        const size_t n = (size_t)mlci_le(p, 8);
        const char *text = (const char *)p + 8, *space = memchr(text + 1, ' ', n > 0 ? n - 1 : 0);

        if (space == NULL)
            return mlci_fail(w->err, MLC_EFORMAT, 0, "key tokenizer.ggml.merges: one without two "
                             "tokens");
        tj_pair(w, i > 0 ? "," : "", (mlci_text){ text, (size_t)(space - text) },
                (mlci_text){ space + 1, n - (size_t)(space - text) - 1 });
        p += 8 + n;
    }
    return MLC_OK;
}

/* The best first; of equal ones the one whose tokens come first. */
static int tj_order(const void *a, const void *b)
{
    const tj_merge *x = a, *y = b;

    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? 1 : -1;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

/* Calls for each way to cut a token into two others; their number. */
static size_t tj_cuts(const tj_writer *w, uint32_t token, tj_merge *out)
{
    const mlci_text t = w->tokens[token];
    size_t n = 0;

    if (tj_type(w, token) != TK_NORMAL)
        return 0;
    for (size_t i = 1; i < t.n; i++) {
        uint32_t left, right;

        if (((unsigned char)t.p[i] & 0xc0) == 0x80)
            continue;                 /* inside a character */
        left = w->slots[tj_slot(w, t.p, i)];
        right = left != 0 ? w->slots[tj_slot(w, t.p + i, t.n - i)] : 0;
        if (right == 0)
            continue;
        if (out != NULL)
            out[n] = (tj_merge){ tj_score(w, token), left - 1, right - 1 };
        n++;
    }
    return n;
}

static mlc_status tj_made_merges(tj_writer *w)
{
    size_t n = 0, at = 0;
    tj_merge *merges;

    if (w->scores == NULL)
        return mlci_fail(w->err, MLC_EFORMAT, 0, "key tokenizer.ggml.scores: missing or not one a "
                         "token");
    for (uint32_t i = 0; i < w->n; i++)
        n += tj_cuts(w, i, NULL);
    merges = mlci_arena_new(&w->arena, n + 1, sizeof *merges);
    if (merges == NULL)
        return mlci_nomem(w->err, "merges");
    for (uint32_t i = 0; i < w->n; i++)
        at += tj_cuts(w, i, merges + at);
    qsort(merges, n, sizeof *merges, tj_order);
    for (size_t i = 0; i < n; i++)
        tj_pair(w, i > 0 ? "," : "", w->tokens[merges[i].left], w->tokens[merges[i].right]);
    return MLC_OK;
}

static mlc_status tj_model(tj_writer *w)
{
    uint32_t unknown = w->n;
    const bool ignore = !w->score_based && (w->pre->flags & MLCI_PRE_IGNORE_MERGES) != 0;
    mlc_status st;

    for (uint32_t i = 0; i < w->n && unknown == w->n; i++)
        if (tj_type(w, i) == TK_UNKNOWN)
            unknown = i;
    mlci_buf_text(w->b, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
    if (unknown < w->n)
        mlci_buf_json_string(w->b, w->tokens[unknown].p, w->tokens[unknown].n);
    else
        mlci_buf_text(w->b, "null");
    mlci_buf_format(w->b, ",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
                    "\"fuse_unk\":%s,\"byte_fallback\":%s,\"ignore_merges\":%s,\"vocab\":{",
                    w->score_based ? "true" : "false", w->score_based ? "true" : "false",
                    ignore ? "true" : "false");
    for (uint32_t i = 0, written = 0; i < w->n; i++) {
        if (w->slots[tj_slot(w, w->tokens[i].p, w->tokens[i].n)] != i + 1)
            continue;                 /* a text counts once */
        mlci_buf_text(w->b, written++ > 0 ? ",\n" : "\n");
        mlci_buf_json_string(w->b, w->tokens[i].p, w->tokens[i].n);
        mlci_buf_format(w->b, ":%u", i);
    }
    mlci_buf_text(w->b, "},\"merges\":[");
    st = w->score_based ? tj_made_merges(w) : tj_given_merges(w);
    mlci_buf_text(w->b, "]}}\n");
    return st;
}

static mlc_status tj_kind(tj_writer *w)
{
    mlci_text model, pre;
    mlc_status st = mlci_config_text(w->c, "tokenizer.ggml.model", &model, w->err);

    if (st == MLC_OK)
        st = mlci_config_text(w->c, "tokenizer.ggml.pre", &pre, w->err);
    if (st != MLC_OK)
        return st;
    w->score_based = mlci_text_is(model, "llama");
    w->add_bos = w->prefix = w->score_based;
    if (!w->score_based) {
        w->pre = pre.n == 0 ? mlci_pre_find("default", 7) : mlci_pre_find(pre.p, pre.n);
        if (!mlci_text_is(model, "gpt2") || w->pre == NULL || (w->pre->flags & MLCI_PRE_ESCAPE))
            return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "tokenizer \"%.*s\" cannot be written as "
                             "tokenizer.json", (int)mlci_min(model.n, 60), model.p);
        w->add_bos = (w->pre->flags & MLCI_PRE_ADD_BOS) != 0;
    }
    st = mlci_config_bool_or(w->c, "tokenizer.ggml.add_bos_token", w->add_bos, &w->add_bos, w->err);
    return st != MLC_OK ? st : mlci_config_bool_or(w->c, "tokenizer.ggml.add_space_prefix",
                                                   w->prefix, &w->prefix, w->err);
}

mlc_status mlci_convert_tokenizer(const mlci_config *c, mlc_context *ctx, mlci_buf *out,
                                  mlc_error *err)
{
    tj_writer w = { .c = c, .ctx = ctx, .b = out, .err = err };
    mlc_status st;

    mlci_arena_init(&w.arena, ctx, (size_t)1 << 30);
    st = tj_kind(&w);
    if (st == MLC_OK)
        st = tj_open(&w);
    if (st == MLC_OK) {
        tj_added(&w);
        if (w.score_based)
            tj_spaces(&w);
        else
            tj_words(&w);
        tj_template(&w);
        st = tj_model(&w);
    }
    mlci_arena_reset(&w.arena);
    return st != MLC_OK ? st : out->failed ? mlci_nomem(err, "tokenizer.json") : MLC_OK;
}

mlc_status mlci_convert_tokenizer_config(const mlci_config *c, mlci_buf *out, mlc_error *err)
{
    mlci_text t;
    mlc_status st = mlci_config_text(c, "tokenizer.chat_template", &t, err);

    if (st != MLC_OK)
        return st;
    mlci_buf_text(out, "{");
    if (t.n > 0) {
        mlci_buf_text(out, "\"chat_template\": ");
        mlci_buf_json_string(out, t.p, t.n);
    }
    mlci_buf_text(out, "}\n");
    return out->failed ? mlci_nomem(err, "tokenizer_config.json") : MLC_OK;
}
