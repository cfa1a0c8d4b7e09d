/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_tokenizer.c - tokenizer.json (byte-pair encoding), and what stands beside it, as keys:
 * GGUF's where it has them, "tokenizer.mlc." for what it has not.
 *
 * What a file asks for and nobody here does is refused by its name.
 */
#include "../text/tokenizer.h"
#include "hf.h"

#include <stdio.h>
#include <string.h>

enum { HT_MOST = 64 << 20, HT_MAX_TOKENS = 1 << 24, HT_MAX_ENDS = 64,
       HT_MAX_STOPS = 16, HT_MAX_STOP = 256 };

static const char ht_underscore[] = "\xe2\x96\x81";

typedef struct ht_reader {
    mlci_files  *f;
    const mlci_json *conv;           /* of MLC, NULL: none                       */
    mlci_arena   arena;              /* of the JSON, freed at the end            */
    uint32_t     n_tokens;
    mlci_text   *texts;              /* [n_tokens]                               */
    int32_t     *types;
    bool         byte_level, escape, space_prefix, fallback;
    mlci_splitter splitter;
    mlci_text    expressions[MLCI_MAX_EXPRESSIONS];
    uint32_t     n_expressions;
    int64_t      bos, last;          /* put before and behind a text; -1: none   */
    mlc_error   *err;
    mlc_status   status;
} ht_reader;

static void ht_refuse(ht_reader *r, const char *what, const mlci_json *v)
{
    const mlci_text t = v != NULL && v->type == MLCI_JSON_STRING
                      ? (mlci_text){ v->text, v->text_bytes } : (mlci_text){ "?", 1 };

    if (r->status == MLC_OK)
        r->status = mlci_fail(r->err, MLC_EUNSUPPORTED, 0, "%s \"%.*s\" is unsupported", what,
                              (int)mlci_min(t.n, 60), t.p);
}

static bool ht_true(const mlci_json *object, const char *key)
{
    const mlci_json *v = mlci_json_get(object, key);

    return v != NULL && v->type == MLCI_JSON_TRUE;
}

static bool ht_given(const mlci_json *v) { return v != NULL && v->type != MLCI_JSON_NULL; }

static bool ht_is(const mlci_json *object, const char *key, const char *text)
{
    const mlci_json *v = mlci_json_get(object, key);

    return v != NULL && mlci_json_is(v, text);
}

/* ---- the way of a text -------------------------------------------------------------------- */

static void ht_normalizer(ht_reader *r, const mlci_json *v)
{
    const mlci_json *list = mlci_json_get(v, "normalizers");
    const mlci_json *pattern = mlci_json_get(mlci_json_get(v, "pattern"), "String");

    if (!ht_given(v) || r->status != MLC_OK || ht_is(v, "type", "NFC"))
        return;                       /* texts are taken to be in NFC */
    if (ht_is(v, "type", "Sequence") && list != NULL)
        for (const mlci_json *x = list->items; x != NULL; x = x->next)
            ht_normalizer(r, x);
    else if (ht_is(v, "type", "Prepend") && ht_is(v, "prepend", ht_underscore))
        r->space_prefix = true;
    else if (ht_is(v, "type", "Replace") && pattern != NULL && mlci_json_is(pattern, " ")
             && ht_is(v, "content", ht_underscore))
        r->escape = true;
    else
        ht_refuse(r, "tokenizer.json: normalizer", mlci_json_get(v, "type"));
}

/* One of several splits, in order; text NULL: a splitter that is written out. */
static void ht_split(ht_reader *r, const char *text, size_t n, mlci_splitter splitter)
{
    if (r->n_expressions == 0 && r->splitter == MLCI_SPLIT_REGEX) {
        for (int i = 0; i <= MLCI_SPLIT_LLAMA3 && text != NULL; i++) {
            const char *known = mlci_splitter_expression((mlci_splitter)i);

            if (known != NULL && mlci_text_is((mlci_text){ text, n }, known))
                splitter = (mlci_splitter)i;
        }
        r->splitter = splitter;
        if (splitter != MLCI_SPLIT_REGEX)
            return;
    }
    if (r->splitter != MLCI_SPLIT_REGEX || text == NULL
        || r->n_expressions == MLCI_MAX_EXPRESSIONS)
        r->status = mlci_fail(r->err, MLC_EUNSUPPORTED, 0,
                              "tokenizer.json: this sequence of pre-tokenizers is unsupported");
    else
        r->expressions[r->n_expressions++] = (mlci_text){ text, n };
}

static void ht_byte_level(ht_reader *r, const mlci_json *v)
{
    r->byte_level = true;
    if (ht_true(v, "add_prefix_space"))
        ht_refuse(r, "tokenizer.json: add_prefix_space of", mlci_json_get(v, "type"));
    else if (!ht_true(v, "use_regex") && mlci_json_get(v, "use_regex") != NULL)
        return;
    else if (r->splitter == MLCI_SPLIT_DIGITS_GPT2)
        return;
    else
        ht_split(r, NULL, 0, MLCI_SPLIT_GPT2);
}

static void ht_pre_tokenizer(ht_reader *r, const mlci_json *v)
{
    const mlci_json *list = mlci_json_get(v, "pretokenizers"), *p = mlci_json_get(v, "pattern");
    const mlci_json *regex = mlci_json_get(p, "Regex"), *string = mlci_json_get(p, "String");

    if (!ht_given(v) || r->status != MLC_OK)
        return;
    if (ht_is(v, "type", "Sequence") && list != NULL)
        for (const mlci_json *x = list->items; x != NULL; x = x->next)
            ht_pre_tokenizer(r, x);
    else if (ht_is(v, "type", "ByteLevel"))
        ht_byte_level(r, v);
    else if (ht_is(v, "type", "Digits") && ht_true(v, "individual_digits")
             && r->splitter == MLCI_SPLIT_REGEX && r->n_expressions == 0)
        r->splitter = MLCI_SPLIT_DIGITS_GPT2;      /* and a ByteLevel after it */
    else if (ht_is(v, "type", "Split") && regex != NULL
             && (ht_is(v, "behavior", "Isolated") || ht_is(v, "behavior", "Removed")))
        ht_split(r, regex->text, regex->text_bytes, MLCI_SPLIT_REGEX);
    else if (ht_is(v, "type", "Split") && string != NULL && mlci_json_is(string, " ") && r->escape)
        return;                       /* Gemma: no space is left by then */
    else if (ht_is(v, "type", "Metaspace") && ht_is(v, "replacement", ht_underscore)) {
        r->escape = true;
        r->space_prefix = ht_true(v, "add_prefix_space") || ht_is(v, "prepend_scheme", "first")
                       || ht_is(v, "prepend_scheme", "always");
    } else {
        ht_refuse(r, "tokenizer.json: pre-tokenizer", mlci_json_get(v, "type"));
    }
}

/* The special tokens before and behind "$A". */
static void ht_template(ht_reader *r, const mlci_json *v)
{
    const mlci_json *map = mlci_json_get(v, "special_tokens");
    const mlci_json *single = mlci_json_get(v, "single");
    bool text = false;

    for (const mlci_json *x = single != NULL ? single->items : NULL; x != NULL; x = x->next) {
        const mlci_json *id = mlci_json_get(mlci_json_get(x, "SpecialToken"), "id"), *ids;
        const mlci_json *of = NULL;
        int64_t number;

        if (mlci_json_get(x, "Sequence") != NULL) {
            text = true;
            continue;
        }
        for (const mlci_json *m = map != NULL && id != NULL ? map->items : NULL; m != NULL;
             m = m->next)
            if (m->key_bytes == id->text_bytes && memcmp(m->key, id->text, id->text_bytes) == 0)
                of = m;
        ids = mlci_json_get(of, "ids");
        if (ids == NULL || ids->n_items != 1 || !mlci_json_integer(ids->items, &number)
            || number < 0 || number >= HT_MAX_TOKENS || (text ? r->last : r->bos) >= 0) {
            ht_refuse(r, "tokenizer.json: template with", id);
            return;
        }
        *(text ? &r->last : &r->bos) = number;
    }
}

static void ht_post_processor(ht_reader *r, const mlci_json *v)
{
    const mlci_json *list = mlci_json_get(v, "processors");

    if (!ht_given(v) || r->status != MLC_OK || ht_is(v, "type", "ByteLevel"))
        return;
    if (ht_is(v, "type", "Sequence") && list != NULL)
        for (const mlci_json *x = list->items; x != NULL; x = x->next)
            ht_post_processor(r, x);
    else if (ht_is(v, "type", "TemplateProcessing"))
        ht_template(r, v);
    else
        ht_refuse(r, "tokenizer.json: post-processor", mlci_json_get(v, "type"));
}

/* ---- tokens -------------------------------------------------------------------------------- */

static mlc_status ht_bad(ht_reader *r, const char *what)
{
    if (r->status == MLC_OK)
        r->status = mlci_fail(r->err, MLC_EFORMAT, 0, "tokenizer.json: %s", what);
    return r->status;
}

/* The largest number of vocabulary and added tokens; those must be counts. */
static void ht_count(ht_reader *r, const mlci_json *vocab, const mlci_json *added)
{
    int64_t id, most = -1;

    for (const mlci_json *v = vocab->items; v != NULL; v = v->next) {
        if (!mlci_json_integer(v, &id) || id < 0 || id >= HT_MAX_TOKENS) {
            (void)ht_bad(r, "a token's number is none");
            return;
        }
        most = id > most ? id : most;
    }
    for (const mlci_json *v = added != NULL ? added->items : NULL; v != NULL; v = v->next) {
        const mlci_json *text = mlci_json_get(v, "content");

        if (!mlci_json_integer(mlci_json_get(v, "id"), &id) || id < 0 || id >= HT_MAX_TOKENS
            || text == NULL || text->type != MLCI_JSON_STRING) {
            (void)ht_bad(r, "an added token without id or content");
            return;
        }
        most = id > most ? id : most;
    }
    if (r->n_tokens <= most)
        r->n_tokens = (uint32_t)most + 1;
}

static bool ht_is_byte(mlci_text t)
{
    return t.n == 6 && memcmp(t.p, "<0x", 3) == 0 && t.p[5] == '>';
}

static void ht_tokens(ht_reader *r, const mlci_json *vocab, const mlci_json *added)
{
    int64_t id = 0;

    ht_count(r, vocab, added);
    if (r->status != MLC_OK)
        return;
    r->texts = mlci_arena_new(&r->arena, r->n_tokens, sizeof *r->texts);
    r->types = mlci_arena_new(&r->f->directory.arena, r->n_tokens, sizeof *r->types);
    if (r->texts == NULL || r->types == NULL) {
        r->status = mlci_nomem(r->err, "vocabulary");
        return;
    }
    for (uint32_t i = 0; i < r->n_tokens; i++)
        r->types[i] = TK_UNUSED;
    for (const mlci_json *v = vocab->items; v != NULL; v = v->next) {
        (void)mlci_json_integer(v, &id);
        r->texts[id] = (mlci_text){ v->key, v->key_bytes };
        r->types[id] = r->fallback && ht_is_byte(r->texts[id]) ? TK_BYTE : TK_NORMAL;
    }
    for (const mlci_json *v = added != NULL ? added->items : NULL; v != NULL; v = v->next) {
        const mlci_json *text = mlci_json_get(v, "content");

        (void)mlci_json_integer(mlci_json_get(v, "id"), &id);
        r->texts[id] = (mlci_text){ text->text, text->text_bytes };
        r->types[id] = ht_true(v, "special") ? TK_CONTROL : TK_USER;
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void ht_put(ht_reader *r, const char *key, mlci_value v)
{
    if (r->status == MLC_OK)
        r->status = mlci_directory_put(&r->f->directory, key, v, r->err);
}

static void ht_put_bool(ht_reader *r, const char *key, bool v)
{
    ht_put(r, key, (mlci_value){ .type = MLCI_VALUE_BOOL, .u = v });
}

/* An array of texts as GGUF has them: a length of 64 bits and the bytes of each. */
typedef struct ht_texts { unsigned char *p; size_t n, cap; } ht_texts;

static unsigned char *ht_text_room(ht_texts *a, size_t n)
{
    unsigned char *p = a->p + a->n;

    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)((uint64_t)n >> (8 * i));
    a->n += 8 + n;
    return p + 8;
}

static void ht_put_texts(ht_reader *r, const char *key, const mlci_text *texts, size_t n)
{
    ht_texts a = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++)
        a.cap += 8 + texts[i].n;
    a.p = r->status == MLC_OK ? mlci_arena_new(&r->f->directory.arena, a.cap + 1, 1) : NULL;
    if (a.p == NULL && r->status == MLC_OK)
        r->status = mlci_nomem(r->err, "vocabulary");
    for (size_t i = 0; i < n && r->status == MLC_OK; i++) {
        unsigned char *to = ht_text_room(&a, texts[i].n);

        if (texts[i].n > 0)
            memcpy(to, texts[i].p, texts[i].n);
    }
    ht_put(r, key, (mlci_value){ .type = MLCI_VALUE_ARRAY, .item = MLCI_VALUE_TEXT, .u = n,
                                 .items = a.p });
}

/* "a b", or [a, b]. */
static void ht_merges(ht_reader *r, const mlci_json *merges)
{
    const size_t n = merges != NULL && merges->type == MLCI_JSON_ARRAY ? merges->n_items : 0;
    mlci_text *texts = mlci_arena_new(&r->arena, n + 1, sizeof *texts);
    size_t i = 0;

    if (texts == NULL) {
        r->status = mlci_nomem(r->err, "merges");
        return;
    }
    for (const mlci_json *v = n > 0 ? merges->items : NULL; v != NULL && r->status == MLC_OK;
         v = v->next) {
        const mlci_json *a = v->items, *b = a != NULL ? a->next : NULL;
        char *text;

        if (v->type == MLCI_JSON_STRING) {
            texts[i++] = (mlci_text){ v->text, v->text_bytes };
            continue;
        }
        if (v->type != MLCI_JSON_ARRAY || v->n_items != 2 || a->type != MLCI_JSON_STRING
            || b->type != MLCI_JSON_STRING || memchr(a->text, ' ', a->text_bytes) != NULL) {
            (void)ht_bad(r, "a merge that is no pair of tokens");
            return;
        }
        text = mlci_arena_new(&r->arena, a->text_bytes + b->text_bytes + 2, 1);
        if (text == NULL) {
            r->status = mlci_nomem(r->err, "merges");
            return;
        }
        memcpy(text, a->text, a->text_bytes);
        text[a->text_bytes] = ' ';
        memcpy(text + a->text_bytes + 1, b->text, b->text_bytes);
        texts[i++] = (mlci_text){ text, a->text_bytes + b->text_bytes + 1 };
    }
    ht_put_texts(r, "tokenizer.ggml.merges", texts, n);
}

static void ht_put_id(ht_reader *r, const char *key, int64_t id)
{
    if (id >= 0 && id < r->n_tokens)
        ht_put(r, key, (mlci_value){ .type = MLCI_VALUE_UINT, .u = (uint64_t)id });
}

/* Where the model stops: a number, or several, and those of MLC's template; the first one as
 * the end if there is none yet. */
static void ht_ends(ht_reader *r, const mlci_json *v, const mlci_json *more, bool first)
{
    const mlci_json *lists[] = { v, more };
    int32_t *ids = mlci_arena_new(&r->f->directory.arena, HT_MAX_ENDS, sizeof *ids);
    size_t n = 0;
    int64_t id;

    if (ids == NULL) {
        r->status = mlci_nomem(r->err, "tokens");
        return;
    }
    for (int i = 0; i < 2; i++) {
        const mlci_json *x = lists[i];
        const bool list = x != NULL && x->type == MLCI_JSON_ARRAY;

        for (x = list ? x->items : x; x != NULL; x = list ? x->next : NULL)
            if (n < HT_MAX_ENDS && mlci_json_integer(x, &id) && id >= 0 && id < r->n_tokens)
                ids[n++] = (int32_t)id;
    }
    if (n > 0 && first)
        ht_put_id(r, "tokenizer.ggml.eos_token_id", ids[0]);
    ht_put(r, "tokenizer.mlc.ends",
           (mlci_value){ .type = MLCI_VALUE_ARRAY, .item = MLCI_VALUE_INT, .item_bytes = 4, .u = n,
                         .items = (const unsigned char *)ids });
}

static void ht_ids(ht_reader *r, const mlci_json *config, const mlci_json *generation,
                   const mlci_json *unknown)
{
    const mlci_json *ends = mlci_json_get(generation, "eos_token_id");
    int64_t id = -1;

    if (r->bos >= 0)
        id = r->bos;
    else if (!mlci_json_integer(mlci_json_get(config, "bos_token_id"), &id))
        id = -1;
    ht_put_id(r, "tokenizer.ggml.bos_token_id", id);
    ht_ends(r, ht_given(ends) ? ends : mlci_json_get(config, "eos_token_id"),
            mlci_json_get(r->conv, "stop_token_ids"), true);
    if (mlci_json_integer(mlci_json_get(config, "pad_token_id"), &id))
        ht_put_id(r, "tokenizer.ggml.padding_token_id", id);
    for (uint32_t i = 0; i < r->n_tokens && unknown != NULL; i++)
        if (r->texts[i].n == unknown->text_bytes && unknown->type == MLCI_JSON_STRING
            && r->texts[i].n > 0 && memcmp(r->texts[i].p, unknown->text, r->texts[i].n) == 0) {
            r->types[i] = TK_UNKNOWN;
            ht_put_id(r, "tokenizer.ggml.unknown_token_id", i);
            return;
        }
}

static void ht_model(ht_reader *r, const mlci_json *all, const mlci_json *config,
                     const mlci_json *generation)
{
    const mlci_json *model = mlci_json_get(all, "model"), *type = mlci_json_get(model, "type");
    const mlci_json *vocab = mlci_json_get(model, "vocab");
    const mlci_json *added = mlci_json_get(all, "added_tokens");

    if (ht_given(type) && !mlci_json_is(type, "BPE")) {
        ht_refuse(r, "tokenizer.json: model", type);
        return;
    }
    if (vocab == NULL || vocab->type != MLCI_JSON_OBJECT) {
        (void)ht_bad(r, "no vocabulary");
        return;
    }
    r->fallback = ht_true(model, "byte_fallback");
    ht_normalizer(r, mlci_json_get(all, "normalizer"));
    ht_pre_tokenizer(r, mlci_json_get(all, "pre_tokenizer"));
    ht_post_processor(r, mlci_json_get(all, "post_processor"));
    if (r->byte_level == r->escape && r->status == MLC_OK)
        (void)ht_bad(r, "neither bytes nor U+2581 stand for spaces, or both do");
    ht_tokens(r, vocab, added);
    if (r->status != MLC_OK)
        return;
    ht_put(r, "tokenizer.ggml.model", (mlci_value){ .type = MLCI_VALUE_TEXT,
                                                    .text = { "hf", 2 } });
    ht_ids(r, config, generation, mlci_json_get(model, "unk_token"));
    ht_put_texts(r, "tokenizer.ggml.tokens", r->texts, r->n_tokens);
    ht_put(r, "tokenizer.ggml.token_type",
           (mlci_value){ .type = MLCI_VALUE_ARRAY, .item = MLCI_VALUE_INT, .item_bytes = 4,
                         .u = r->n_tokens, .items = (const unsigned char *)r->types });
    ht_merges(r, mlci_json_get(model, "merges"));
    ht_put_texts(r, "tokenizer.mlc.expressions", r->expressions, r->n_expressions);
    ht_put(r, "tokenizer.mlc.splitter", (mlci_value){ .type = MLCI_VALUE_UINT,
                                                      .u = (uint64_t)r->splitter });
    ht_put_bool(r, "tokenizer.mlc.escape", r->escape);
    ht_put_bool(r, "tokenizer.mlc.ignore_merges", ht_true(model, "ignore_merges"));
    ht_put_bool(r, "tokenizer.ggml.add_bos_token", r->bos >= 0);
    ht_put_bool(r, "tokenizer.ggml.add_eos_token", r->last >= 0);
    ht_put_bool(r, "tokenizer.ggml.add_space_prefix", r->space_prefix);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A JSON file of the directory, which need not be there. */
static const mlci_json *ht_file(ht_reader *r, const char *path, const char *name)
{
    const mlci_json *v = NULL;
    const char *text;
    size_t n;

    text = mlci_files_text(&r->arena, path, name, HT_MOST, &n, &r->status, r->err);
    if (text != NULL)
        r->status = mlci_error_prefix(r->err, mlci_json_parse(&r->arena, text, n, &v, r->err),
                                      name);
    return r->status == MLC_OK ? v : NULL;
}

/* How the model wants to be sampled: of its generation_config.json, or of MLC's
 * configuration, where 1 says nothing. */
static void ht_sampling(ht_reader *r, const mlci_json *config)
{
    static const struct { const char *from, *to; bool whole; } keys[] = {
        { "temperature", "general.sampling.temp", false },
        { "top_p", "general.sampling.top_p", false },
        { "top_k", "general.sampling.top_k", true },
        { "repetition_penalty", "general.sampling.penalty_repeat", false },
    };
    double x;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const mlci_json *v = mlci_json_get(config, keys[i].from);

        if (v == NULL || v->type != MLCI_JSON_NUMBER || !mlci_json_number(v, &x)
            || x < 0 || x > 1 << 20 || (r->conv != NULL && (x <= 1 && x >= 1)))
            continue;
        ht_put(r, keys[i].to, keys[i].whole
               ? (mlci_value){ .type = MLCI_VALUE_UINT, .u = (uint64_t)x }
               : (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = x });
    }
}

/* MLC's stop_str, a text or several. */
static void ht_stops(ht_reader *r)
{
    const mlci_json *v = mlci_json_get(r->conv, "stop_str");
    mlci_text stops[HT_MAX_STOPS];
    size_t n = 0;

    for (v = v != NULL && v->type == MLCI_JSON_ARRAY ? v->items : v; v != NULL; v = v->next) {
        if (v->type == MLCI_JSON_STRING && v->text_bytes > 0 && v->text_bytes <= HT_MAX_STOP
            && n < HT_MAX_STOPS)
            stops[n++] = (mlci_text){ v->text, v->text_bytes };
        if (v->parent == r->conv)
            break;                    /* it was no list */
    }
    ht_put_texts(r, "tokenizer.mlc.stops", stops, n);
}

/* MLC's; a file of its own, a text, or one of several by name. */
static void ht_chat_template(ht_reader *r, const char *path, const mlci_json *config)
{
    const mlci_json *v = mlci_json_get(config, "chat_template");
    mlci_text t = { NULL, 0 };

    if (r->conv != NULL) {
        r->status = mlci_mlc_template(&r->f->directory.arena, r->conv, r->texts, r->n_tokens, &t,
                                      r->err);
        ht_put(r, "tokenizer.chat_template", (mlci_value){ .type = MLCI_VALUE_TEXT, .text = t });
        ht_stops(r);
        return;
    }
    t.p = mlci_files_text(&r->f->directory.arena, path, "chat_template.jinja", HT_MOST, &t.n,
                          &r->status, r->err);
    for (const mlci_json *x = v != NULL && v->type == MLCI_JSON_ARRAY ? v->items : NULL;
         x != NULL; x = x->next)
        if (ht_is(x, "name", "default"))
            v = mlci_json_get(x, "template");
    if (t.p == NULL && v != NULL && v->type == MLCI_JSON_STRING) {
        t.p = mlci_arena_copy(&r->f->directory.arena, v->text, v->text_bytes);
        t.n = v->text_bytes;
        if (t.p == NULL && r->status == MLC_OK)
            r->status = mlci_nomem(r->err, "chat template");
    }
    if (t.p != NULL)
        ht_put(r, "tokenizer.chat_template", (mlci_value){ .type = MLCI_VALUE_TEXT, .text = t });
}

/* tokenizer.model, where there is no tokenizer.json; what to put around a text says
 * tokenizer_config.json. */
static void ht_sentencepiece(ht_reader *r, const char *path, const mlci_json *config,
                             const mlci_json *generation)
{
    const mlci_json *beside, *ends = mlci_json_get(generation, "eos_token_id"), *add;
    const unsigned char *p = NULL;

    r->status = mlci_spm_tokenizer(r->f, path, "tokenizer.model", &r->n_tokens, r->err);
    if (r->status != MLC_OK || r->n_tokens == 0)
        return;
    /* The texts are for what comes after. */
    r->texts = mlci_arena_new(&r->arena, r->n_tokens, sizeof *r->texts);
    for (size_t i = 0; i < r->f->directory.n_keys; i++)
        if (mlci_text_is(r->f->directory.keys[i].name, "tokenizer.ggml.tokens"))
            p = r->f->directory.keys[i].value.items;
    if (r->texts == NULL || p == NULL) {
        r->status = mlci_nomem(r->err, "vocabulary");
        return;
    }
    for (uint32_t i = 0; i < r->n_tokens; i++) {
        r->texts[i] = (mlci_text){ (const char *)p + 8, (size_t)mlci_le(p, 8) };
        p += 8 + r->texts[i].n;
    }
    beside = ht_file(r, path, "tokenizer_config.json");
    add = mlci_json_get(beside, "add_bos_token");
    if (ht_given(add))
        ht_put_bool(r, "tokenizer.ggml.add_bos_token", add->type == MLCI_JSON_TRUE);
    ht_put_bool(r, "tokenizer.ggml.add_eos_token", ht_true(beside, "add_eos_token"));
    ht_ends(r, ht_given(ends) ? ends : mlci_json_get(config, "eos_token_id"),
            mlci_json_get(r->conv, "stop_token_ids"), false);
}

mlc_status mlci_hf_tokenizer(mlci_files *f, const char *path, const mlci_json *config,
                             const mlci_json *conv, uint64_t n_tokens, mlc_error *err)
{
    ht_reader r = { .f = f, .n_tokens = (uint32_t)mlci_min(n_tokens, HT_MAX_TOKENS), .bos = -1,
                    .last = -1, .err = err, .status = MLC_OK };
    const mlci_json *all, *beside, *generation;

    r.conv = conv != NULL && conv->type == MLCI_JSON_OBJECT ? conv : NULL;
    mlci_arena_init(&r.arena, f->ctx, (size_t)512 << 20);
    generation = ht_file(&r, path, "generation_config.json");
    ht_sampling(&r, r.conv != NULL ? config : generation);
    all = ht_file(&r, path, "tokenizer.json");
    if (all == NULL && r.status == MLC_OK)
        ht_sentencepiece(&r, path, config, generation);
    else if (all != NULL)
        ht_model(&r, all, config, generation);
    if (r.n_tokens > 0 && r.texts != NULL) {
        beside = ht_file(&r, path, "tokenizer_config.json");
        if (r.status == MLC_OK)
            ht_chat_template(&r, path, beside);
    }
    mlci_arena_reset(&r.arena);
    return r.status;
}
