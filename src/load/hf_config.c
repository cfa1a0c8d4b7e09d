/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_config.c - Hugging Face's config.json, and MLC's model_config, as GGUF's keys.
 */
#include "../../models/models.h"
#include "hf.h"
#include "stretch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HC_MAX_ROPE = 1024 };

/* What a member is here; INVERSE_ROOT: 1 / sqrt of it. */
typedef enum hc_kind { HC_UINT, HC_FLOAT, HC_INVERSE_ROOT, HC_PART_OF_HEAD, HC_BOOL } hc_kind;

/* The first of a key's lines that the file has counts. */
static const struct { const char *from, *to; hc_kind kind; } hc_keys[] = {
    { "num_hidden_layers", ".block_count", HC_UINT }, { "n_layer", ".block_count", HC_UINT },
    { "hidden_size", ".embedding_length", HC_UINT }, { "n_embd", ".embedding_length", HC_UINT },
    { "intermediate_size", ".feed_forward_length", HC_UINT },
    { "n_inner", ".feed_forward_length", HC_UINT },
    { "num_attention_heads", ".attention.head_count", HC_UINT },
    { "n_head", ".attention.head_count", HC_UINT },
    { "num_key_value_heads", ".attention.head_count_kv", HC_UINT },
    { "head_dim", ".attention.key_length", HC_UINT },
    { "context_window_size", ".context_length", HC_UINT },
    { "max_position_embeddings", ".context_length", HC_UINT },
    { "n_positions", ".context_length", HC_UINT },
    { "rms_norm_eps", ".attention.layer_norm_rms_epsilon", HC_FLOAT },
    { "layer_norm_eps", ".attention.layer_norm_epsilon", HC_FLOAT },
    { "layer_norm_epsilon", ".attention.layer_norm_epsilon", HC_FLOAT },
    { "norm_epsilon", ".attention.layer_norm_epsilon", HC_FLOAT },
    { "rope_theta", ".rope.freq_base", HC_FLOAT },
    { "position_embedding_base", ".rope.freq_base", HC_FLOAT },
    { "rotary_emb_base", ".rope.freq_base", HC_FLOAT },
    { "rope_local_base_freq", ".rope.local_freq_base", HC_FLOAT },
    { "sliding_window_pattern", ".attention.sliding_window_pattern", HC_UINT },
    { "_sliding_window_pattern", ".attention.sliding_window_pattern", HC_UINT },
    { "partial_rotary_factor", ".rope.dimension_count", HC_PART_OF_HEAD },
    { "rotary_pct", ".rope.dimension_count", HC_PART_OF_HEAD },
    { "final_logit_softcapping", ".final_logit_softcapping", HC_FLOAT },
    { "attn_logit_softcapping", ".attn_logit_softcapping", HC_FLOAT },
    { "query_pre_attn_scalar", ".attention.scale", HC_INVERSE_ROOT },
    { "attention_multiplier", ".attention.scale", HC_FLOAT },
    { "embedding_multiplier", ".embedding_scale", HC_FLOAT },
    { "residual_multiplier", ".residual_scale", HC_FLOAT },
    { "logits_scaling", ".logit_scale", HC_FLOAT },
    { "no_rope_layer_interval", ".no_rope_layer_interval", HC_UINT },
    { "kv_lora_rank", ".attention.kv_lora_rank", HC_UINT },
    { "q_lora_rank", ".attention.q_lora_rank", HC_UINT },
    { "v_head_dim", ".attention.value_length_mla", HC_UINT },
    { "n_routed_experts", ".expert_count", HC_UINT },
    { "n_shared_experts", ".expert_shared_count", HC_UINT },
    { "n_group", ".expert_group_count", HC_UINT },
    { "topk_group", ".expert_group_used_count", HC_UINT },
    { "routed_scaling_factor", ".expert_weights_scale", HC_FLOAT },
    { "num_local_experts", ".expert_count", HC_UINT },
    { "num_experts", ".expert_count", HC_UINT },
    { "num_experts_per_tok", ".expert_used_count", HC_UINT },
    { "moe_intermediate_size", ".expert_feed_forward_length", HC_UINT },
    { "shared_expert_intermediate_size", ".expert_shared_feed_forward_length", HC_UINT },
    { "norm_topk_prob", ".expert_weights_norm", HC_BOOL },
    { "use_parallel_residual", ".use_parallel_residual", HC_BOOL },
};

typedef struct hc_writer {
    mlci_files      *f;
    const mlci_json *config;
    const char      *arch;
    uint32_t         head_dim, rope_dims;
    mlc_error       *err;
    mlc_status       status;
} hc_writer;

/* "llama.block_count" of ".block_count", in the arena. */
static const char *hc_name(hc_writer *w, const char *key)
{
    char text[128];
    const int n = snprintf(text, sizeof text, "%s%s", w->arch, key);
    const char *p = mlci_arena_copy(&w->f->directory.arena, text, (size_t)n);

    if (p == NULL && w->status == MLC_OK)
        w->status = mlci_nomem(w->err, "keys");
    return p;
}

static bool hc_has(hc_writer *w, const char *name)
{
    for (size_t i = 0; i < w->f->directory.n_keys; i++)
        if (mlci_text_is(w->f->directory.keys[i].name, name))
            return true;
    return false;
}

static void hc_put(hc_writer *w, const char *key, mlci_value v)
{
    const char *name = w->status == MLC_OK ? hc_name(w, key) : NULL;

    if (name != NULL && !hc_has(w, name))
        w->status = mlci_directory_put(&w->f->directory, name, v, w->err);
}

static void hc_put_float(hc_writer *w, const char *key, double v)
{
    hc_put(w, key, (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = v });
}

static void hc_put_uint(hc_writer *w, const char *key, uint64_t v)
{
    hc_put(w, key, (mlci_value){ .type = MLCI_VALUE_UINT, .u = v });
}

static bool hc_given(const mlci_json *v)
{
    return v != NULL && v->type != MLCI_JSON_NULL;
}

/* Since version 5 of transformers what is rotated how is in an object of its own, or in one
 * for each kind of layer; NULL: it is not. */
static const mlci_json *hc_rotation(const mlci_json *config, const char *kind)
{
    const mlci_json *all = mlci_json_get(config, "rope_parameters");
    const mlci_json *one = mlci_json_get(all, kind);

    return one != NULL || strcmp(kind, "full_attention") != 0 ? one : all;
}

/* MLC keeps what its own classes do not know in "kwargs". */
static const mlci_json *hc_get(const mlci_json *config, const char *key)
{
    const mlci_json *v = mlci_json_get(config, key);

    if (v == NULL)
        v = mlci_json_get(mlci_json_get(config, "kwargs"), key);
    return v != NULL ? v : mlci_json_get(hc_rotation(config, "full_attention"), key);
}

/* -1: it is not there. */
static double hc_number(const mlci_json *object, const char *key)
{
    const mlci_json *v = hc_get(object, key);
    double x;

    return v != NULL && v->type == MLCI_JSON_NUMBER && mlci_json_number(v, &x) ? x : -1;
}

/* 0: it is not one up to most. */
static uint32_t hc_whole(double x, double most)
{
    return x > 0 && x <= most ? (uint32_t)x : 0;
}

static void hc_key(hc_writer *w, const mlci_json *v, const char *to, hc_kind kind)
{
    double x = 0;
    int64_t i;

    if (kind == HC_BOOL && (v->type == MLCI_JSON_TRUE || v->type == MLCI_JSON_FALSE))
        hc_put(w, to, (mlci_value){ .type = MLCI_VALUE_BOOL, .u = v->type == MLCI_JSON_TRUE });
    else if (kind == HC_UINT && mlci_json_integer(v, &i) && i >= 0)
        hc_put_uint(w, to, (uint64_t)i);
    else if (kind == HC_UINT && mlci_json_integer(v, &i) && i == -1)
        return;                       /* MLC: does not apply */
    else if (kind != HC_UINT && kind != HC_BOOL && mlci_json_number(v, &x) && isfinite(x)
             && (kind == HC_FLOAT || x > 0)) {
        if (kind == HC_PART_OF_HEAD)
            hc_put_uint(w, to, w->rope_dims = (uint32_t)fmin(x * w->head_dim, 4096));
        else
            hc_put_float(w, to, kind == HC_INVERSE_ROOT ? 1 / sqrt(x) : x);
    } else
        w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "%.*s: not a number that makes sense",
                              (int)mlci_min(v->key_bytes, 60), v->key);
}

/* ---- scaled rotation ----------------------------------------------------------------------- */

/* Divisors that are given. */
static void hc_factors(hc_writer *w, const mlci_json *list, const char *name, uint32_t n)
{
    float *x = mlci_arena_new(&w->f->directory.arena, n, sizeof *x);
    uint32_t i = 0;
    double v;

    if (x == NULL)
        w->status = mlci_nomem(w->err, "rotation");
    else if (list == NULL || list->type != MLCI_JSON_ARRAY || list->n_items != n)
        w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "rope_scaling: there must be %u factors", n);
    if (w->status != MLC_OK)
        return;
    for (const mlci_json *f = list->items; f != NULL; f = f->next, i++) {
        if (!mlci_json_number(f, &v) || !(v > 0) || v > 1e9) {
            w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "rope_scaling: a factor that makes no "
                                  "sense");
            return;
        }
        x[i] = (float)v;
    }
    w->status = mlci_stretch_put(w->f, name, x, n, w->err);
}

/* Phi 3: divisors for short texts and for long ones. */
static void hc_longrope(hc_writer *w, const mlci_json *s, const mlci_stretch *r, double factor)
{
    const double most = hc_number(w->config, "max_position_embeddings");
    const double stretch = most > 0 ? most / r->original : r->factor;

    hc_factors(w, mlci_json_get(s, "short_factor"), "rope_factors_short.weight", r->dims / 2);
    if (w->status == MLC_OK)
        hc_factors(w, mlci_json_get(s, "long_factor"), "rope_factors_long.weight", r->dims / 2);
    hc_put(w, ".rope.scaling.type", (mlci_value){ .type = MLCI_VALUE_TEXT,
                                                  .text = { "longrope", 8 } });
    hc_put_uint(w, ".rope.scaling.original_context_length", (uint64_t)fmin(r->original, 1 << 28));
    hc_put_float(w, ".rope.scaling.attn_factor", factor > 0 ? factor : stretch > 1
                 ? sqrt(1 + log(stretch) / log(r->original)) : 1);
}

/* DeepSeek tells the factor of rotations from that of scores, of which the model makes a
 * square. */
static void hc_yarn(hc_writer *w, const mlci_json *s, mlci_stretch *r, double factor)
{
    const double fast = hc_number(s, "beta_fast"), slow = hc_number(s, "beta_slow");
    const double all = hc_number(s, "mscale_all_dim"), one = hc_number(s, "mscale");
    const double more = r->factor > 1 ? 0.1 * log(r->factor) : 0;
    const mlci_json *whole = mlci_json_get(s, "truncate");

    r->fast = fast > 0 ? fast : 32;
    r->slow = slow > 0 ? slow : 1;
    r->whole = whole == NULL || whole->type != MLCI_JSON_FALSE;
    w->status = mlci_stretch_divisors(w->f, r, mlci_stretch_yarn, w->err);
    if (strcmp(w->arch, "deepseek2") == 0 && all > 0) {
        hc_put_float(w, ".rope.scaling.yarn_log_multiplier", 0.1 * all);
        hc_put_float(w, ".rope.scaling.factor", r->factor);
        if (factor <= 0)
            factor = (1 + (one > 0 ? one : 1) * more) / (1 + all * more);
    }
    hc_put_float(w, ".rope.scaling.attn_factor", factor > 0 ? factor : 1 + more);
}

static void hc_scaling(hc_writer *w)
{
    const mlci_json *s = hc_get(w->config, "rope_scaling"), *type;
    const double theta = hc_number(w->config, "rope_theta");
    const double position = hc_number(w->config, "position_embedding_base");
    mlci_stretch r = { .base = theta > 0 ? theta : position > 0 ? position : 10000,
                       .dims = w->rope_dims };
    double factor;

    if (!hc_given(s))
        s = hc_rotation(w->config, "full_attention");
    factor = hc_number(s, "attention_factor");
    r.factor = hc_number(s, "factor");
    r.original = hc_number(s, "original_max_position_embeddings");
    if (!hc_given(s) || w->status != MLC_OK)
        return;
    if (r.original <= 0)
        r.original = hc_number(w->config, "original_max_position_embeddings");
    if (r.original <= 0)
        r.original = hc_number(w->config, "max_position_embeddings");
    type = mlci_json_get(s, "rope_type");
    if (!hc_given(type))
        type = mlci_json_get(s, "type");
    if (!hc_given(type) || mlci_json_is(type, "default"))
        return;
    if (mlci_json_is(type, "longrope") || mlci_json_is(type, "su")) {
        if (r.original > 1 && r.dims >= 2 && r.dims <= HC_MAX_ROPE)
            hc_longrope(w, s, &r, factor);
        else
            w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "rope_scaling: no original length");
        return;
    }
    if (!(r.factor > 0) || r.dims < 2 || r.dims > HC_MAX_ROPE || !(r.original > 0) || r.base <= 1)
        w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "rope_scaling: a factor or length is missing "
                              "or makes no sense");
    else if (mlci_json_is(type, "linear")) {
        hc_put(w, ".rope.scaling.type", (mlci_value){ .type = MLCI_VALUE_TEXT,
                                                      .text = { "linear", 6 } });
        hc_put_float(w, ".rope.scaling.factor", r.factor);
    } else if (mlci_json_is(type, "llama3")) {
        r.low = hc_number(s, "low_freq_factor");
        r.high = hc_number(s, "high_freq_factor");
        if (r.low > 0 && r.high > r.low)
            w->status = mlci_stretch_divisors(w->f, &r, mlci_stretch_llama3, w->err);
        else
            w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "rope_scaling: low_freq_factor and "
                                  "high_freq_factor make no sense");
    } else if (mlci_json_is(type, "yarn")) {
        hc_yarn(w, s, &r, factor);
    } else {
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "rope_scaling: type \"%.*s\" is "
                              "unsupported (linear, llama3, yarn and longrope are)",
                              (int)mlci_min(type->text_bytes, 40), type->text);
    }
}

/* ---- DeepSeek ------------------------------------------------------------------------------- */

/* Numbers that are several of the file's together, or mean another thing there. */
static void hc_latent(hc_writer *w)
{
    const uint32_t nope = hc_whole(hc_number(w->config, "qk_nope_head_dim"), 4096);
    const uint32_t rope = hc_whole(hc_number(w->config, "qk_rope_head_dim"), 4096);
    const mlci_json *method = hc_get(w->config, "topk_method");
    const bool sigmoid = mlci_text_is(w->f->model_type, "deepseek_v3");

    if (nope == 0 || rope == 0)
        w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "qk_nope_head_dim, qk_rope_head_dim: "
                              "missing, or not numbers that make sense");
    hc_put_uint(w, ".attention.key_length", nope + rope);
    hc_put_uint(w, ".attention.key_length_mla", nope + rope);
    hc_put_uint(w, ".rope.dimension_count", w->rope_dims = rope);
    hc_put_uint(w, ".expert_gating_func", sigmoid ? 2 : 1);
    if (hc_given(method) && mlci_json_is(method, "greedy"))      /* whatever the groups */
        hc_put_uint(w, ".expert_group_count", 1);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Windows are switched off in more than one way. */
static void hc_window(hc_writer *w)
{
    const mlci_json *use = hc_get(w->config, "use_sliding_window");
    const bool qwen = use != NULL || strncmp(w->arch, "qwen", 4) == 0;
    const double window = hc_number(w->config, "sliding_window");
    const double mlc = hc_number(w->config, "sliding_window_size");

    if (qwen && use != NULL && use->type == MLCI_JSON_TRUE && window > 0)
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0,
                              "use_sliding_window: windows of some layers are unsupported here");
    else if (!qwen && (window > 0 || mlc > 0))
        hc_put_uint(w, ".attention.sliding_window",
                    (uint64_t)fmin(window > 0 ? window : mlc, 1 << 28));
}

/* "layer_types": every so many-th layer without a window, or all alike. */
static void hc_layer_types(hc_writer *w)
{
    const mlci_json *list = hc_get(w->config, "layer_types"), *v;
    const double local = hc_number(hc_rotation(w->config, "sliding_attention"), "rope_theta");
    uint64_t n = 0, pattern = 0;
    bool regular = true;

    if (local > 0)
        hc_put_float(w, ".rope.local_freq_base", local);
    if (list == NULL || list->type != MLCI_JSON_ARRAY)
        return;
    for (v = list->items; v != NULL; v = v->next) {
        const bool full = mlci_json_is(v, "full_attention");

        n++;
        if (full && pattern == 0)
            pattern = n;
        regular &= (full || mlci_json_is(v, "sliding_attention"))
                && full == (pattern > 0 && n % pattern == 0);
    }
    if (!regular)
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0,
                              "layer_types: this order of layers is unsupported");
    else if (strncmp(w->arch, "gemma", 5) == 0)
        hc_put_uint(w, ".attention.sliding_window_pattern", pattern > 0 ? pattern : 1024);
    else if (strcmp(w->arch, "gpt-oss") == 0 && pattern == 2)
        return;
    else if (pattern > 1)
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "layer_types: layers that differ are "
                              "unsupported in %s", w->arch);
    else if (pattern == 1)            /* all without one */
        hc_put_uint(w, ".attention.sliding_window", 0);
}

/* SmolLM3's list says what its interval says. */
static void hc_still_layers(hc_writer *w)
{
    const mlci_json *list = hc_get(w->config, "no_rope_layers");
    const double given = hc_number(w->config, "no_rope_layer_interval");
    const uint32_t interval = hc_whole(given > 0 ? given : 4, 1024);
    uint32_t n = 0;
    int64_t turned;

    if (list == NULL || list->type != MLCI_JSON_ARRAY || interval == 0)
        return;
    for (const mlci_json *v = list->items; v != NULL && w->status == MLC_OK; v = v->next, n++)
        if (!mlci_json_integer(v, &turned) || (turned == 0) != ((n + 1) % interval == 0))
            w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "no_rope_layers: it is not every "
                                  "layer of no_rope_layer_interval");
}

static bool hc_true(const mlci_json *config, const char *key)
{
    const mlci_json *v = hc_get(config, key);

    return v != NULL && v->type == MLCI_JSON_TRUE;
}

mlc_status mlci_hf_config(mlci_files *f, const mlci_json *config, const mlci_json *type,
                          const char **arch, mlc_error *err)
{
    const double head = hc_number(config, "head_dim"), width = hc_number(config, "hidden_size");
    const double heads = hc_number(config, "num_attention_heads");
    hc_writer w = { .f = f, .config = config, .err = err, .status = MLC_OK };
    char known[512] = "";

    if (type == NULL || type->type != MLCI_JSON_STRING)
        return mlci_fail(err, MLC_EFORMAT, 0, "the configuration has no model_type");
    w.arch = *arch = mlci_model_of_type((mlci_text){ type->text, type->text_bytes });
    if (w.arch == NULL) {
        mlci_model_types(known, sizeof known);
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "model_type \"%.*s\" is unknown: this library "
                         "has %s", (int)mlci_min(type->text_bytes, 60), type->text, known);
    }
    f->model_type = (mlci_text){ type->text, type->text_bytes };
    if (strcmp(w.arch, "deepseek2") == 0 && hc_true(config, "attention_bias"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "attention_bias is unsupported in %s", w.arch);
    if (hc_true(config, "qk_layernorm") || hc_true(config, "scale_attn_by_inverse_layer_idx"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "qk_layernorm and "
                         "scale_attn_by_inverse_layer_idx are unsupported");
    w.head_dim = hc_whole(head > 0 ? head : heads > 0 ? width / heads : 0, 4096);
    w.rope_dims = w.head_dim;
    w.status = mlci_directory_put_text(&f->directory, "general.architecture",
                                       (mlci_text){ w.arch, strlen(w.arch) }, err);
    if (w.status == MLC_OK)
        w.status = mlci_directory_put_text(&f->directory, "general.name",
                                           (mlci_text){ f->name, strlen(f->name) }, err);
    if (strcmp(w.arch, "deepseek2") == 0)
        hc_latent(&w);
    for (size_t i = 0; i < sizeof hc_keys / sizeof *hc_keys && w.status == MLC_OK; i++) {
        const mlci_json *v = hc_get(config, hc_keys[i].from);

        if (hc_given(v))
            hc_key(&w, v, hc_keys[i].to, hc_keys[i].kind);
    }
    if (strcmp(w.arch, "gpt2") == 0 && hc_number(config, "n_embd") > 0)
        hc_put_uint(&w, ".feed_forward_length", hc_whole(4 * hc_number(config, "n_embd"), 1e9));
    if (w.status == MLC_OK)
        hc_layer_types(&w);
    if (w.status == MLC_OK)
        hc_still_layers(&w);
    if (w.status == MLC_OK)
        hc_window(&w);
    hc_scaling(&w);
    return w.status;
}
