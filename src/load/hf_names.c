/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_names.c - names of Hugging Face's and MLC's tensors, and tensors that are several.
 */
#include "hf.h"

#include <stdio.h>
#include <string.h>

typedef struct hn_rule { const char *from, *to; mlci_hf_part part; } hn_rule;

/* Before a layer's number. */
static const char *const hn_layers[] = {
    "model.layers.", "language_model.model.layers.", "model.language_model.layers.",
    "transformer.h.", "h.", "gpt_neox.layers.",
};

/* Behind it, without ".weight" or ".bias". */
static const hn_rule hn_of_layer[] = {
    { "input_layernorm", "attn_norm", MLCI_HF_WHOLE }, { "ln_1", "attn_norm", MLCI_HF_WHOLE },
    { "ln", "attn_norm", MLCI_HF_WHOLE },
    { "post_attention_layernorm", "ffn_norm", MLCI_HF_WHOLE },
    { "ln_2", "ffn_norm", MLCI_HF_WHOLE },
    { "pre_feedforward_layernorm", "ffn_norm", MLCI_HF_WHOLE },
    { "post_feedforward_layernorm", "post_ffw_norm", MLCI_HF_WHOLE },
    { "self_attn.q_norm", "attn_q_norm", MLCI_HF_WHOLE },
    { "self_attn.k_norm", "attn_k_norm", MLCI_HF_WHOLE },
    { "self_attn.q_proj", "attn_q", MLCI_HF_WHOLE },
    { "self_attn.k_proj", "attn_k", MLCI_HF_WHOLE },
    { "self_attn.v_proj", "attn_v", MLCI_HF_WHOLE },
    { "self_attn.o_proj", "attn_output", MLCI_HF_WHOLE },
    { "self_attn.dense", "attn_output", MLCI_HF_WHOLE },
    { "attn.c_proj", "attn_output", MLCI_HF_WHOLE },
    { "attention.dense", "attn_output", MLCI_HF_WHOLE },
    { "mixer.out_proj", "attn_output", MLCI_HF_WHOLE },
    { "self_attn.qkv_proj", "", MLCI_HF_QKV }, { "self_attn.c_attn", "", MLCI_HF_QKV },
    { "attn.c_attn", "", MLCI_HF_QKV }, { "mixer.qkv_proj", "", MLCI_HF_QKV },
    { "attention.query_key_value", "", MLCI_HF_QKV_HEADS },
    { "self_attn.q_a_proj", "attn_q_a", MLCI_HF_WHOLE },
    { "self_attn.q_a_layernorm", "attn_q_a_norm", MLCI_HF_WHOLE },
    { "self_attn.q_b_proj", "attn_q_b", MLCI_HF_WHOLE },
    { "self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa", MLCI_HF_WHOLE },
    { "self_attn.kv_a_layernorm", "attn_kv_a_norm", MLCI_HF_WHOLE },
    { "self_attn.kv_b_proj", "attn_kv_b", MLCI_HF_WHOLE },
    { "mlp.gate_proj", "ffn_gate", MLCI_HF_WHOLE }, { "mlp.up_proj", "ffn_up", MLCI_HF_WHOLE },
    { "mlp.fc1", "ffn_up", MLCI_HF_WHOLE }, { "mlp.c_fc", "ffn_up", MLCI_HF_WHOLE },
    { "mlp.dense_h_to_4h", "ffn_up", MLCI_HF_WHOLE },
    { "mlp.down_proj", "ffn_down", MLCI_HF_WHOLE }, { "mlp.fc2", "ffn_down", MLCI_HF_WHOLE },
    { "mlp.c_proj", "ffn_down", MLCI_HF_WHOLE },
    { "mlp.dense_4h_to_h", "ffn_down", MLCI_HF_WHOLE },
    { "mlp.gate_up_proj", "", MLCI_HF_GATE_UP },
    { "block_sparse_moe.gate", "ffn_gate_inp", MLCI_HF_WHOLE },
    { "mlp.gate", "ffn_gate_inp", MLCI_HF_WHOLE },
    { "moe.gate", "ffn_gate_inp", MLCI_HF_WHOLE },
    { "mlp.router", "ffn_gate_inp", MLCI_HF_WHOLE },
    { "self_attn.sinks", "attn_sinks", MLCI_HF_WHOLE },
    { "mlp.shared_expert_gate", "ffn_gate_inp_shexp", MLCI_HF_WHOLE },
    { "mlp.shared_expert.gate_proj", "ffn_gate_shexp", MLCI_HF_WHOLE },
    { "mlp.shared_expert.up_proj", "ffn_up_shexp", MLCI_HF_WHOLE },
    { "mlp.shared_expert.down_proj", "ffn_down_shexp", MLCI_HF_WHOLE },
    { "mlp.gate.e_score_correction_bias", "exp_probs_b", MLCI_HF_WHOLE },
    { "mlp.shared_experts.gate_proj", "ffn_gate_shexp", MLCI_HF_WHOLE },
    { "mlp.shared_experts.up_proj", "ffn_up_shexp", MLCI_HF_WHOLE },
    { "mlp.shared_experts.down_proj", "ffn_down_shexp", MLCI_HF_WHOLE },
    { "mlp.experts.gate_up_proj", "", MLCI_HF_GATE_UP_EXPERTS },
    { "moe.e1_e3", "", MLCI_HF_GATE_UP_EXPERTS },
    { "mlp.moe_gate_up_proj", "", MLCI_HF_GATE_UP_EXPERTS },
    { "mlp.moe_down_proj", "ffn_down_exps", MLCI_HF_WHOLE },
    { "mlp.shared_expert.gate_up_proj", "_shexp", MLCI_HF_GATE_UP },
    { "mlp.experts.down_proj", "ffn_down_exps", MLCI_HF_WHOLE },
    { "moe.e2", "ffn_down_exps", MLCI_HF_WHOLE },
    /* buffers that old files have */
    { "self_attn.rotary_emb.inv_freq", "", MLCI_HF_SKIP }, { "attn", "", MLCI_HF_SKIP },
    { "attn.masked_bias", "", MLCI_HF_SKIP }, { "attention", "", MLCI_HF_SKIP },
    { "attention.masked_bias", "", MLCI_HF_SKIP },
    { "attention.rotary_emb.inv_freq", "", MLCI_HF_SKIP },
};

/* Behind an expert's number. */
static const char *const hn_experts[] = { "block_sparse_moe.experts.", "mlp.experts." };
static const hn_rule hn_of_expert[] = {
    { "w1", "ffn_gate_exps", MLCI_HF_EXPERT }, { "gate_proj", "ffn_gate_exps", MLCI_HF_EXPERT },
    { "w2", "ffn_down_exps", MLCI_HF_EXPERT }, { "down_proj", "ffn_down_exps", MLCI_HF_EXPERT },
    { "w3", "ffn_up_exps", MLCI_HF_EXPERT }, { "up_proj", "ffn_up_exps", MLCI_HF_EXPERT },
};

/* Of no layer. */
static const hn_rule hn_others[] = {
    { "model.embed_tokens", "token_embd", MLCI_HF_WHOLE },
    { "language_model.model.embed_tokens", "token_embd", MLCI_HF_WHOLE },
    { "model.language_model.embed_tokens", "token_embd", MLCI_HF_WHOLE },
    { "transformer.wte", "token_embd", MLCI_HF_WHOLE }, { "wte", "token_embd", MLCI_HF_WHOLE },
    { "transformer.embd", "token_embd", MLCI_HF_WHOLE },
    { "gpt_neox.embed_in", "token_embd", MLCI_HF_WHOLE },
    { "transformer.wpe", "position_embd", MLCI_HF_WHOLE },
    { "wpe", "position_embd", MLCI_HF_WHOLE },
    { "model.norm", "output_norm", MLCI_HF_WHOLE },
    { "language_model.model.norm", "output_norm", MLCI_HF_WHOLE },
    { "model.language_model.norm", "output_norm", MLCI_HF_WHOLE },
    { "model.final_layernorm", "output_norm", MLCI_HF_WHOLE },
    { "transformer.ln_f", "output_norm", MLCI_HF_WHOLE }, { "ln_f", "output_norm", MLCI_HF_WHOLE },
    { "transformer.norm", "output_norm", MLCI_HF_WHOLE },
    { "gpt_neox.final_layer_norm", "output_norm", MLCI_HF_WHOLE },
    { "lm_head", "output", MLCI_HF_WHOLE }, { "language_model.lm_head", "output", MLCI_HF_WHOLE },
    { "embed_out", "output", MLCI_HF_WHOLE },
};

/* Parts that no text model needs begin like this. */
static const char *const hn_beside[] = { "vision_tower.", "multi_modal_projector.",
                                         "model.vision_tower.", "model.multi_modal_projector." };

static bool hn_begins(mlci_text *t, const char *with)
{
    const size_t n = strlen(with);

    if (t->n < n || memcmp(t->p, with, n) != 0)
        return false;
    t->p += n;
    t->n -= n;
    return true;
}

/* "12." */
static bool hn_number(mlci_text *t, int64_t *v)
{
    size_t n = 0;

    *v = 0;
    while (n < t->n && n < 6 && t->p[n] >= '0' && t->p[n] <= '9')
        *v = *v * 10 + (t->p[n++] - '0');
    if (n == 0 || n == t->n || t->p[n] != '.')
        return false;
    t->p += n + 1;
    t->n -= n + 1;
    return true;
}

static const hn_rule *hn_find(const hn_rule *rules, size_t n, mlci_text name)
{
    for (size_t i = 0; i < n; i++)
        if (mlci_text_is(name, rules[i].from))
            return &rules[i];
    return NULL;
}

/* One of the beginnings, then a number. */
static bool hn_numbered(const char *const *begins, size_t n, mlci_text *name, int64_t *number)
{
    for (size_t i = 0; i < n; i++) {
        mlci_text t = *name;

        if (hn_begins(&t, begins[i]) && hn_number(&t, number)) {
            *name = t;
            return true;
        }
    }
    return false;
}

bool mlci_hf_experts(mlci_text name, int64_t *layer, mlci_text *rest)
{
    *rest = name;
    return hn_numbered(hn_layers, sizeof hn_layers / sizeof *hn_layers, rest, layer)
        && hn_begins(rest, "mlp.experts.");
}

void mlci_hf_name_of(mlci_text name, bool post_norms, mlci_hf_name *out)
{
    const char *const ends[] = { ".weight", ".bias", "" };
    const hn_rule *rule = NULL;
    mlci_text t = name;
    bool in_layer, expert;

    memset(out, 0, sizeof *out);
    out->part = MLCI_HF_UNKNOWN;
    out->layer = -1;
    for (size_t i = 0; i < sizeof hn_beside / sizeof *hn_beside; i++)
        if (hn_begins(&t, hn_beside[i])) {
            out->part = MLCI_HF_SKIP;
            return;
        }
    in_layer = hn_numbered(hn_layers, sizeof hn_layers / sizeof *hn_layers, &t, &out->layer);
    expert = in_layer && hn_numbered(hn_experts, sizeof hn_experts / sizeof *hn_experts, &t,
                                     &out->expert);
    for (int i = 0; i < 3 && rule == NULL; i++) {
        const size_t n = strlen(ends[i]);
        const mlci_text stem = { t.p, t.n >= n ? t.n - n : 0 };

        if (t.n < n || memcmp(t.p + t.n - n, ends[i], n) != 0)
            continue;
        rule = expert ? hn_find(hn_of_expert, sizeof hn_of_expert / sizeof *hn_of_expert, stem)
             : in_layer ? hn_find(hn_of_layer, sizeof hn_of_layer / sizeof *hn_of_layer, stem)
                        : hn_find(hn_others, sizeof hn_others / sizeof *hn_others, stem);
        snprintf(out->rest, sizeof out->rest, "%s", ends[i]);
    }
    if (rule == NULL)
        return;
    out->part = rule->part;
    if (out->rest[0] == 0)            /* it is called without ".weight" */
        snprintf(out->rest, sizeof out->rest, "%s",
                 strcmp(rule->to, "exp_probs_b") == 0 ? ".bias" : ".weight");
    snprintf(out->name, sizeof out->name, "%s", post_norms
             && strcmp(rule->from, "post_attention_layernorm") == 0 ? "post_attention_norm"
                                                                    : rule->to);
    out->norm = strstr(out->name, "norm") != NULL;
}

int mlci_hf_name_text(const mlci_hf_name *n, const char *to, const char *rest, char *buf,
                      size_t cap)
{
    return n->part == MLCI_HF_EXPERT
         ? snprintf(buf, cap, "blk.%lld.%s.%lld%s", (long long)n->layer, to, (long long)n->expert,
                    rest)
         : n->layer < 0 ? snprintf(buf, cap, "%s%s", to, rest)
         : snprintf(buf, cap, "blk.%lld.%s%s", (long long)n->layer, to, rest);
}

/* ---- putting ---------------------------------------------------------------------------- */

/* As "blk.3.attn_q.weight": rows [begin, begin + n) of it, in runs if run > 0. */
static mlc_status hn_put_part(mlci_files *f, const mlci_hf_name *name, const char *to,
                              const mlci_tensor *all, uint64_t begin, uint64_t n, uint32_t run,
                              uint32_t stride, mlc_error *err)
{
    const mlci_format_info *format = &mlci_format_table[all->format];
    const size_t row = all->rank == 1 ? format->block_bytes : (size_t)(all->n_bytes / all->dims[0]);
    mlci_tensor t = *all;
    char text[160];
    int length;

    if (all->dims[0] < begin + n)
        return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: %llu rows, not %llu",
                         (int)mlci_min(all->name.n, 100), all->name.p,
                         (unsigned long long)all->dims[0], (unsigned long long)(begin + n));
    length = mlci_hf_name_text(name, to, name->rest, text, sizeof text);
    t.part = name->part == MLCI_HF_EXPERT;
    t.name.p = mlci_arena_copy(&f->directory.arena, text, (size_t)length);
    t.name.n = (size_t)length;
    if (t.name.p == NULL)
        return mlci_nomem(err, "tensor names");
    if (n != all->dims[0]) {
        t.dims[0] = n;
        t.n_bytes = all->n_bytes / all->dims[0] * n;
        t.run = run;
        t.stride = stride;
        t.first_row = begin;
        if (all->stored == MLCI_STORED_BLOCKS) {
            t.offset += begin * row;
            t.first_row = 0;
        }
    }
    return mlci_directory_put_tensor(&f->directory, &t, err);
}

mlc_status mlci_hf_put(mlci_files *f, const mlci_hf_name *n, const mlci_tensor *t,
                       const mlci_hf_shape *shape, mlc_error *err)
{
    static const char *const to[] = { "attn_q", "attn_k", "attn_v" };
    const uint64_t head = shape->head_dim;
    const uint64_t rows[] = { shape->n_heads * head, shape->n_kv_heads * head,
                              shape->n_kv_heads * head };
    uint64_t begin = 0;
    mlc_status st = MLC_OK;

    switch (n->part) {
    case MLCI_HF_WHOLE: case MLCI_HF_EXPERT:
        return hn_put_part(f, n, n->name, t, 0, t->dims[0], 0, 0, err);
    case MLCI_HF_GATE_UP:
        for (uint64_t i = 0; i < 2 && st == MLC_OK; i++) {
            char name[40];            /* with what follows it, if anything */

            snprintf(name, sizeof name, "%s%.20s", i == 0 ? "ffn_gate" : "ffn_up", n->name);
            st = hn_put_part(f, n, name, t, i * (t->dims[0] / 2), t->dims[0] / 2, 0, 0, err);
        }
        return st;
    case MLCI_HF_GATE_UP_EXPERTS:
        if (t->dims[0] != 2 * (uint64_t)shape->n_experts * shape->expert_ffn)
            return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: not gate and up of %u experts",
                             (int)mlci_min(t->name.n, 100), t->name.p, shape->n_experts);
        for (uint64_t i = 0; i < 2 && st == MLC_OK; i++)
            st = hn_put_part(f, n, i == 0 ? "ffn_gate_exps" : "ffn_up_exps", t,
                             i * shape->expert_ffn, t->dims[0] / 2, shape->expert_ffn,
                             2 * shape->expert_ffn, err);
        return st;
    case MLCI_HF_QKV:
        for (int i = 0; i < 3 && st == MLC_OK; begin += rows[i++])
            st = hn_put_part(f, n, to[i], t, begin, rows[i], 0, 0, err);
        return st;
    case MLCI_HF_QKV_HEADS:           /* the last part's rows end where the tensor does */
        if (t->dims[0] != 3 * rows[0] || head == 0)
            return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: not q, k, v of %u heads",
                             (int)mlci_min(t->name.n, 100), t->name.p, shape->n_heads);
        for (uint64_t i = 0; i < 3 && st == MLC_OK; i++)
            st = hn_put_part(f, n, to[i], t, i * head, rows[0], (uint32_t)head,
                             3 * (uint32_t)head, err);
        return st;
    default: return MLC_OK;
    }
}
