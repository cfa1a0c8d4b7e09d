/* SPDX-License-Identifier: Apache-2.0
 *
 * config_text.c - mlc-chat-config.json: what the source says of itself, under MLC's names.
 *
 * A source that is a directory has its own configuration, whose members are kept; a GGUF
 * file has keys, which become Hugging Face's members.
 */
#include "../../models/models.h"
#include "../../kernels/weight/blocks.h"
#include "../base/json.h"
#include "../load/hf.h"
#include "../load/stretch.h"
#include "../load/tensor.h"
#include "convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CX_MAX_ROPE = 1024 };

/* GGUF's keys and the members that they become. */
static const struct { const char *key, *member; } cx_keys[] = {
    { ".embedding_length", "hidden_size" }, { ".feed_forward_length", "intermediate_size" },
    { ".attention.head_count", "num_attention_heads" },
    { ".attention.head_count_kv", "num_key_value_heads" }, { ".block_count", "num_hidden_layers" },
    { ".context_length", "max_position_embeddings" },
    { ".attention.layer_norm_rms_epsilon", "rms_norm_eps" },
    { ".attention.layer_norm_epsilon", "layer_norm_eps" },
    { ".rope.freq_base", "rope_theta" }, { ".rope.local_freq_base", "rope_local_base_freq" },
    { ".attention.sliding_window", "sliding_window" },
    { ".attention.sliding_window_pattern", "sliding_window_pattern" },
    { ".final_logit_softcapping", "final_logit_softcapping" },
    { ".attn_logit_softcapping", "attn_logit_softcapping" },
    { ".expert_used_count", "num_experts_per_tok" },
    { ".expert_feed_forward_length", "moe_intermediate_size" },
    { ".expert_shared_feed_forward_length", "shared_expert_intermediate_size" },
    { ".expert_weights_norm", "norm_topk_prob" }, { ".attention.scale", "attention_multiplier" },
    { ".embedding_scale", "embedding_multiplier" }, { ".residual_scale", "residual_multiplier" },
    { ".logit_scale", "logits_scaling" },
};

typedef struct cx_writer {
    const mlci_files  *f;
    const mlci_config *c;
    mlci_buf          *b;
    const char        *comma;
    mlc_error         *err;
    mlc_status         status;
} cx_writer;

static void cx_member(cx_writer *w, const char *name, size_t n)
{
    mlci_buf_text(w->b, w->comma);
    mlci_buf_json_string(w->b, name, n);
    mlci_buf_text(w->b, ": ");
    w->comma = ",\n    ";
}

/* Whole numbers without a point; others as float32 has them. */
static void cx_digits(cx_writer *w, double v)
{
    mlci_buf_format(w->b, v >= -1e9 && v <= 1e9 && v >= floor(v) ? "%.0f" : "%.7g", v);
}

static void cx_number(cx_writer *w, const char *name, double v)
{
    cx_member(w, name, strlen(name));
    cx_digits(w, v);
}

static bool cx_value(const mlci_value *v, double *x)
{
    switch (v->type) {
    case MLCI_VALUE_UINT: *x = (double)v->u; return true;
    case MLCI_VALUE_INT: *x = (double)v->i; return true;
    case MLCI_VALUE_FLOAT: *x = v->f; return true;
    default: return false;
    }
}

static double cx_key(const cx_writer *w, const char *key, double missing)
{
    mlci_value v;
    double x;

    return mlci_config_find(w->c, key, &v) && cx_value(&v, &x) ? x : missing;
}

/* ---- rotation of a GGUF file ------------------------------------------------------------- */

/* The divisors as the scaling that made them, if it was Llama 3.1's. */
static void cx_divisors(cx_writer *w, const mlci_tensor *t)
{
    const double base = cx_key(w, ".rope.freq_base", 10000);
    const uint64_t n = t->dims[0];
    mlci_stretch rope = { .base = base, .original = 8192, .dims = (uint32_t)mlci_min(2 * n, 4096),
                          .low = 1, .high = 4 };
    float x[CX_MAX_ROPE];
    uint8_t bytes[CX_MAX_ROPE * 4];
    const uint8_t *rows;
    bool same = t->rank == 1 && t->format == MLCI_F32 && n <= CX_MAX_ROPE;

    if (same) {
        w->status = mlci_tensor_rows(w->f->items, t, 0, (size_t)n, bytes, &rows, w->err);
        if (w->status != MLC_OK)
            return;
        mlci_blocks_decode(t->format, rows, (size_t)n, x);
    }
    for (uint64_t i = 0; i < n && same; i++)
        rope.factor = fmax(rope.factor, (double)x[i]);
    for (uint64_t i = 0; i < n && same; i++) {
        const double want = mlci_stretch_llama3(&rope, (uint32_t)i);

        same = fabs((double)x[i] - want) <= 1e-3 * want;
    }
    if (!same) {
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "rope_freqs.weight is not Llama 3.1's "
                              "scaling: MLC's configuration has no name for it");
        return;
    }
    cx_member(w, "rope_scaling", 12);
    mlci_buf_text(w->b, "{\"rope_type\": \"llama3\", \"factor\": ");
    cx_digits(w, rope.factor);
    mlci_buf_text(w->b, ", \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
                        "\"original_max_position_embeddings\": 8192}");
}

static void cx_rope(cx_writer *w, double head_dim)
{
    const mlci_tensor *divisors = mlci_config_tensor(w->c, "rope_freqs.weight");
    const double dims = cx_key(w, ".rope.dimension_count", head_dim);
    mlci_text type = { NULL, 0 };

    if (dims < head_dim)
        cx_number(w, "partial_rotary_factor", dims / head_dim);
    (void)mlci_config_text(w->c, ".rope.scaling.type", &type, NULL);
    if (mlci_text_is(type, "linear")) {
        cx_member(w, "rope_scaling", 12);
        mlci_buf_text(w->b, "{\"rope_type\": \"linear\", \"factor\": ");
        cx_digits(w, cx_key(w, ".rope.scaling.factor", 1));
        mlci_buf_char(w->b, '}');
    } else if (divisors != NULL) {
        cx_divisors(w, divisors);
    }
}

/* ---- members ------------------------------------------------------------------------------- */

static void cx_of_keys(cx_writer *w)
{
    const double head = cx_key(w, ".attention.key_length",
                               cx_key(w, ".embedding_length", 0)
                               / cx_key(w, ".attention.head_count", 1));

    for (size_t i = 0; i < sizeof cx_keys / sizeof *cx_keys; i++) {
        mlci_value v;
        double x;

        if (!mlci_config_find(w->c, cx_keys[i].key, &v))
            continue;
        if (v.type == MLCI_VALUE_BOOL) {
            cx_member(w, cx_keys[i].member, strlen(cx_keys[i].member));
            mlci_buf_text(w->b, v.u ? "true" : "false");
        } else if (cx_value(&v, &x)) {
            cx_number(w, cx_keys[i].member, x);
        }
    }
    if (cx_key(w, ".expert_count", 0) > 0)
        cx_number(w, mlci_text_is(w->c->arch, "llama") ? "num_local_experts" : "num_experts",
                  cx_key(w, ".expert_count", 0));
    cx_number(w, "head_dim", head);
    cx_rope(w, head);
    cx_member(w, "tie_word_embeddings", 19);
    mlci_buf_text(w->b, mlci_config_tensor(w->c, "output.weight") != NULL ? "false" : "true");
}

/* Members that say how the source was stored. */
static bool cx_is_about_files(const mlci_json *v)
{
    static const char *const names[] = { "architectures", "auto_map", "quantization_config",
                                         "torch_dtype", "dtype", "transformers_version",
                                         "model_type" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mlci_text_is((mlci_text){ v->key, v->key_bytes }, names[i]))
            return true;
    return false;
}

static void cx_of_json(cx_writer *w)
{
    for (const mlci_json *v = w->f->config->items; v != NULL; v = v->next)
        if (!cx_is_about_files(v)) {
            cx_member(w, v->key, v->key_bytes);
            mlci_json_write(v, w->b);
        }
}

static void cx_more(cx_writer *w, const char *name, double v)
{
    if (w->f->config == NULL || mlci_json_get(w->f->config, name) == NULL)
        cx_number(w, name, v);
}

static double cx_least(double a, double b) { return a < b ? a : b; }

static void cx_model(cx_writer *w)
{
    const mlci_tensor *table = mlci_config_tensor(w->c, "token_embd.weight");
    const double context = cx_key(w, ".context_length", 4096);

    if (w->f->config != NULL)
        cx_of_json(w);
    else
        cx_of_keys(w);
    cx_more(w, "vocab_size", table != NULL ? (double)table->dims[0] : 0);
    cx_more(w, "position_embedding_base", cx_key(w, ".rope.freq_base", 10000));
    cx_more(w, "context_window_size", context);
    cx_more(w, "prefill_chunk_size", cx_least(context, 2048));
    cx_more(w, "tensor_parallel_shards", 1);
    cx_more(w, "max_batch_size", 128);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void cx_model_type(cx_writer *w)
{
    const char *type = NULL;
    char names[64];

    if (w->f->model_type.n > 0) {
        mlci_buf_json_string(w->b, w->f->model_type.p, w->f->model_type.n);
        return;
    }
    type = mlci_model_type_of(w->c->arch);
    snprintf(names, sizeof names, "%.*s", (int)strcspn(type, " "), type);
    if (mlci_text_is(w->c->arch, "gemma3"))
        snprintf(names, sizeof names, "gemma3_text");
    else if (mlci_text_is(w->c->arch, "llama") && cx_key(w, ".expert_count", 0) > 0)
        snprintf(names, sizeof names, "mixtral");
    mlci_buf_json_string(w->b, names, strlen(names));
}

static void cx_id(cx_writer *w, const char *name, const char *key)
{
    const double id = cx_key(w, key, -1);

    if (id < 0)
        return;
    mlci_buf_format(w->b, ",\n  \"%s\": ", name);
    cx_digits(w, id);
}

static void cx_sampling(cx_writer *w)
{
    static const struct { const char *name, *key; double missing; } table[] = {
        { "temperature", "general.sampling.temp", 1 },
        { "top_p", "general.sampling.top_p", 1 },
        { "repetition_penalty", "general.sampling.penalty_repeat", 1 },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlci_buf_format(w->b, ",\n  \"%s\": ", table[i].name);
        cx_digits(w, cx_key(w, table[i].key, table[i].missing));
    }
    mlci_buf_text(w->b, ",\n  \"presence_penalty\": 0.0,\n  \"frequency_penalty\": 0.0");
}

/* All ids that end an answer. */
static void cx_ends(cx_writer *w)
{
    mlci_value v;

    if (!mlci_config_find(w->c, "tokenizer.mlc.ends", &v) || v.u == 0) {
        cx_id(w, "eos_token_id", "tokenizer.ggml.eos_token_id");
        return;
    }
    mlci_buf_text(w->b, ",\n  \"eos_token_id\": [");
    for (uint64_t i = 0; i < v.u; i++)
        mlci_buf_format(w->b, "%s%u", i > 0 ? ", " : "", (unsigned)mlci_le(v.items + 4 * i, 4));
    mlci_buf_char(w->b, ']');
}

static void cx_files(cx_writer *w, const char *names)
{
    mlci_buf_text(w->b, ",\n  \"tokenizer_files\": [");
    for (const char *p = names, *comma = ""; *p != 0; comma = ", ") {
        const size_t n = strcspn(p, " ");

        mlci_buf_text(w->b, comma);
        mlci_buf_json_string(w->b, p, n);
        p += n + (p[n] == ' ');
    }
    mlci_buf_char(w->b, ']');
}

mlc_status mlci_convert_config(const mlci_files *f, const mlci_config *c, const mlci_scheme *s,
                               const char *tokenizer_files, mlci_buf *out, mlc_error *err)
{
    const mlci_tensor *table = mlci_config_tensor(c, "token_embd.weight");
    const bool nested = mlci_text_is(c->arch, "gemma3");
    cx_writer w = { f, c, out, "\n    ", err, MLC_OK };
    double context, window;

    context = cx_key(&w, ".context_length", 4096);
    window = cx_key(&w, ".attention.sliding_window", 0);
    mlci_buf_text(out, "{\n  \"version\": \"0.1.0\",\n  \"model_type\": ");
    cx_model_type(&w);
    mlci_buf_format(out, ",\n  \"quantization\": \"%s\",\n  \"model_config\": {%s", s->name,
                    nested ? "\"text_config\": {" : "");
    cx_model(&w);
    if (nested)
        mlci_buf_format(out, "}, \"vocab_size\": %llu, \"context_window_size\": %.0f, "
                        "\"prefill_chunk_size\": %.0f, \"is_text_model\": true",
                        (unsigned long long)(table != NULL ? table->dims[0] : 0), context,
                        cx_least(context, 2048));
    mlci_buf_format(out, "\n  },\n  \"vocab_size\": %llu,\n  \"context_window_size\": %.0f,\n"
                    "  \"sliding_window_size\": %.0f,\n  \"prefill_chunk_size\": %.0f,\n"
                    "  \"attention_sink_size\": -1,\n  \"tensor_parallel_shards\": 1,\n"
                    "  \"pipeline_parallel_stages\": 1",
                    (unsigned long long)(table != NULL ? table->dims[0] : 0), context,
                    window > 0 ? window : -1, cx_least(context, 2048));
    cx_sampling(&w);
    cx_files(&w, tokenizer_files);
    if (f->conv != NULL) {
        mlci_buf_text(out, ",\n  \"conv_template\": ");
        mlci_json_write(f->conv, out);
    }
    cx_id(&w, "pad_token_id", "tokenizer.ggml.padding_token_id");
    cx_id(&w, "bos_token_id", "tokenizer.ggml.bos_token_id");
    cx_ends(&w);
    mlci_buf_text(out, ",\n  \"model_task\": \"chat\"\n}\n");
    return w.status != MLC_OK ? w.status : out->failed ? mlci_nomem(err, "configuration") : MLC_OK;
}
