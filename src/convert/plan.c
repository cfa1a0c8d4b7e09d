/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - which of MLC's tensors are made of which of the source's, and where each goes.
 *
 * Names and what is fused follow MLC-LLM's loaders; the order is that of the names that
 * Hugging Face's files have, by which its converter goes too.
 */
#include "../base/json.h"
#include "convert.h"

#include <stdio.h>
#include <string.h>

enum { CL_SHARD = 32 << 20, CL_MAX_LAYERS = 1024 };

/* ---- names --------------------------------------------------------------------------------- */

/* from: GGUF's names without "blk.N." and ".weight", those that are fused with '+'. */
typedef struct cl_rule { const char *from, *to; } cl_rule;

static const cl_rule cl_llama[] = {
    { "ffn_gate_exps+ffn_up_exps", "moe.e1_e3" }, { "ffn_down_exps", "moe.e2" },
    { "ffn_gate_inp", "moe.gate" },
    { "attn_norm", "input_layernorm" }, { "ffn_down", "mlp.down_proj" },
    { "ffn_gate+ffn_up", "mlp.gate_up_proj" }, { "ffn_up", "mlp.c_fc" },
    { "ffn_norm", "post_attention_layernorm" }, { "attn_k_norm", "self_attn.k_norm" },
    { "attn_q+attn_k+attn_v", "self_attn.qkv_proj" }, { "attn_output", "self_attn.o_proj" },
    { "attn_q_norm", "self_attn.q_norm" },
};
static const cl_rule cl_qwen[] = {
    { "attn_norm", "input_layernorm" },
    { "ffn_down_exps", "mlp.moe_down_proj" },
    { "ffn_gate_exps+ffn_up_exps", "mlp.moe_gate_up_proj" }, { "ffn_gate_inp", "mlp.gate" },
    { "ffn_down_shexp", "mlp.shared_expert.down_proj" },
    { "ffn_gate_shexp+ffn_up_shexp", "mlp.shared_expert.gate_up_proj" },
    { "ffn_gate_inp_shexp", "mlp.shared_expert_gate" },
    { "ffn_down", "mlp.down_proj" }, { "ffn_gate+ffn_up", "mlp.gate_up_proj" },
    { "ffn_norm", "post_attention_layernorm" }, { "attn_k_norm", "self_attn.k_norm" },
    { "attn_q+attn_k+attn_v", "self_attn.c_attn" }, { "attn_output", "self_attn.o_proj" },
    { "attn_q_norm", "self_attn.q_norm" },
};
/* Norms also behind the parts. */
static const cl_rule cl_gemma2[] = {
    { "attn_norm", "input_layernorm" }, { "ffn_down", "mlp.down_proj" },
    { "ffn_gate+ffn_up", "mlp.gate_up_proj" },
    { "post_attention_norm", "post_attention_layernorm" },
    { "post_ffw_norm", "post_feedforward_layernorm" },
    { "ffn_norm", "pre_feedforward_layernorm" },
    { "attn_k_norm", "self_attn.k_norm" },
    { "attn_q+attn_k+attn_v", "self_attn.qkv_proj" }, { "attn_output", "self_attn.o_proj" },
    { "attn_q_norm", "self_attn.q_norm" },
};
static const cl_rule cl_gemma3[] = {
    { "attn_norm", "input_layernorm" }, { "ffn_down", "mlp.down_proj" },
    { "ffn_gate+ffn_up", "mlp.gate_up_proj" },
    { "post_attention_norm", "post_attention_layernorm" },
    { "post_ffw_norm", "post_feedforward_layernorm" },
    { "ffn_norm", "pre_feedforward_layernorm" },
    { "attn_k_norm", "self_attn.k_norm" }, { "attn_k", "self_attn.k_proj" },
    { "attn_output", "self_attn.o_proj" }, { "attn_q_norm", "self_attn.q_norm" },
    { "attn_q", "self_attn.q_proj" }, { "attn_v", "self_attn.v_proj" },
};
static const cl_rule cl_phi3[] = {
    { "attn_norm", "ln" }, { "ffn_down", "mlp.down_proj" },
    { "ffn_gate+ffn_up", "mlp.gate_up_proj" }, { "ffn_norm", "post_attention_layernorm" },
    { "attn_output", "mixer.out_proj" }, { "attn_q+attn_k+attn_v", "mixer.qkv_proj" },
};
static const cl_rule cl_gpt2[] = {
    { "attn_q+attn_k+attn_v", "attn.c_attn" }, { "attn_output", "attn.c_proj" },
    { "attn_norm", "ln_1" }, { "ffn_norm", "ln_2" }, { "ffn_up", "mlp.c_fc" },
    { "ffn_down", "mlp.c_proj" },
};

/* Architectures between spaces; layers: before the number. */
static const struct cl_family {
    const char *archs, *head, *embed, *positions, *layers, *norm;
    const cl_rule *rules;
    size_t n;
} cl_families[] = {
#define CL_RULES(t) t, sizeof t / sizeof *t
    { "llama gemma smollm3 granite stablelm starcoder2", "lm_head", "model.embed_tokens", "",
      "model.layers", "model.norm", CL_RULES(cl_llama) },
    { "qwen2 qwen3 qwen2moe qwen3moe", "lm_head", "model.embed_tokens", "", "model.layers",
      "model.norm", CL_RULES(cl_qwen) },
    { "gemma2 olmo2", "lm_head", "model.embed_tokens", "", "model.layers", "model.norm",
      CL_RULES(cl_gemma2) },
    { "gemma3", "language_model.lm_head", "language_model.model.embed_tokens", "",
      "language_model.model.layers", "language_model.model.norm", CL_RULES(cl_gemma3) },
    { "phi3", "lm_head", "transformer.embd", "", "transformer.h", "transformer.norm",
      CL_RULES(cl_phi3) },
    { "gpt2", "lm_head", "transformer.wte", "transformer.wpe", "transformer.h",
      "transformer.ln_f", CL_RULES(cl_gpt2) },
#undef CL_RULES
};

static const struct cl_family *cl_family_of(mlci_text arch)
{
    for (size_t i = 0; i < sizeof cl_families / sizeof *cl_families; i++)
        if (mlci_text_listed(arch, cl_families[i].archs))
            return &cl_families[i];
    return NULL;
}

/* ---- the list ------------------------------------------------------------------------------ */

typedef struct cl_work {
    mlci_plan_out     *p;
    const mlci_config *c;
    const mlci_scheme *s;
    uint32_t           n_experts, head_dim;
    bool               pairs;      /* q's and k's rows are GGUF's               */
    mlc_error         *err;
    mlc_status         status;
} cl_work;

static mlci_out *cl_new(cl_work *w)
{
    mlci_plan_out *p = w->p;

    if (p->n == p->cap) {
        const uint32_t cap = p->cap == 0 ? 256 : 2 * p->cap;
        mlci_out *more = mlci_arena_new(&p->arena, cap, sizeof *more);

        if (more == NULL) {
            w->status = mlci_nomem(w->err, "list of tensors");
            return NULL;
        }
        if (p->n > 0)
            memcpy(more, p->items, p->n * sizeof *more);
        p->items = more;
        p->cap = cap;
    }
    memset(&p->items[p->n], 0, sizeof *p->items);
    return &p->items[p->n++];
}

/* Codes for what products and look-ups read; not for what chooses experts. */
static bool cl_quantized(const cl_work *w, const mlci_out *o, bool end)
{
    const bool gate = strstr(o->name, "gate.weight") != NULL;

    return w->s->bits > 0 && o->columns > 1 && !(gate && o->rows <= 256) && (!end || w->s->ends);
}

/* One of MLC's tensors; source: a format with the layer, '+' between several; end: ".weight".
 * A tensor that the source does not have is left out. */
static void cl_put(cl_work *w, const char *source, const char *name, long layer, const char *suffix,
                   bool end)
{
    mlci_out o = { .n_experts = strstr(source, "_exps") != NULL ? w->n_experts : 0 };
    mlci_out *to;

    for (const char *p = source; *p != 0 && w->status == MLC_OK;) {
        const int n = (int)strcspn(p, "+");
        const mlci_tensor *t;
        char text[120];

        if (layer >= 0)
            snprintf(text, sizeof text, "blk.%ld.%.*s%s", layer, n, p, suffix);
        else
            snprintf(text, sizeof text, "%.*s%s", n, p, suffix);
        t = mlci_config_tensor(w->c, text);
        if (t == NULL)
            return;
        if (o.n_parts == MLCI_CONVERT_PARTS)
            return;
        o.parts[o.n_parts++] = t;
        p += n + (p[n] == '+');
    }
    if (w->status != MLC_OK)
        return;
    for (uint32_t i = 0; i < o.n_parts; i++) {
        const mlci_tensor *t = o.parts[i];
        const uint64_t rows = t->rank == 3 ? t->dims[0] * t->dims[1] : t->dims[0];

        o.columns = t->rank == 1 ? 1 : t->dims[t->rank - 1];
        o.rows += rows;
        if (t->rank > 3 || (i > 0 && (t->rank == 1) != (o.parts[0]->rank == 1))
            || (i > 0 && t->rank > 1 && o.columns != o.parts[0]->dims[o.parts[0]->rank - 1])
            || (o.n_experts > 0 && (rows % o.n_experts != 0 || t->rank == 1))) {
            w->status = mlci_fail(w->err, MLC_EFORMAT, 0, "tensor %.*s: shape does not fit",
                                  (int)mlci_min(t->name.n, 100), t->name.p);
            return;
        }
    }
    snprintf(o.name, sizeof o.name, "%s%s", name, suffix);
    o.pairs = w->pairs && (strncmp(source, "attn_q+", 7) == 0 || strcmp(source, "attn_q") == 0
                           || strcmp(source, "attn_k") == 0) ? w->head_dim : 0;
    o.quantized = cl_quantized(w, &o, end);
    o.columns_first = o.quantized && w->s->columns && strstr(source, "_embd") == NULL;
    if (o.quantized && (o.columns % 32 != 0 || (o.columns_first && o.n_experts > 0))) {
        w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "tensor %s: %s", o.name,
                              o.n_experts > 0 ? "experts cannot be transposed: take q4f16_1"
                                              : "rows of whole groups are needed");
        return;
    }
    to = cl_new(w);
    if (to != NULL)
        *to = o;
}

/* Several of a rule's sources have one name as well: with a gate there is no plain one. */
static void cl_layer(cl_work *w, const struct cl_family *f, long layer)
{
    char name[120], gate[64];

    snprintf(gate, sizeof gate, "blk.%ld.ffn_gate.weight", layer);
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->rules[i].from, "ffn_up") == 0 && mlci_config_tensor(w->c, gate) != NULL)
            continue;
        snprintf(name, sizeof name, "%s.%ld.%s", f->layers, layer, f->rules[i].to);
        cl_put(w, f->rules[i].from, name, layer, ".bias", false);
        cl_put(w, f->rules[i].from, name, layer, ".weight", false);
    }
}

/* ---- places -------------------------------------------------------------------------------- */

static void cl_sizes(const mlci_scheme *s, mlci_out *o)
{
    const uint64_t groups = (o->columns + s->group - 1) / s->group;

    /* float32 is stored as bfloat16 */
    o->bytes = o->quantized ? o->rows * groups * 16 : o->rows * o->columns * 2;
    o->scale_bytes = o->quantized ? o->rows * groups * 2 : 0;
}

/* A shard that is being filled, and how many there are. */
typedef struct cl_filling { uint64_t pending; uint32_t next; } cl_filling;

/* Large ones have a file of their own; the others fill the open one, whose number is given
 * when it is closed: until then UINT32_MAX. */
static void cl_place(cl_filling *f, uint64_t bytes, uint32_t *shard, uint64_t *offset)
{
    if (f->pending + bytes >= CL_SHARD && 2 * bytes >= CL_SHARD) {
        *shard = f->next++;
        *offset = 0;
        return;
    }
    *shard = UINT32_MAX;
    *offset = f->pending;
    f->pending += bytes;
}

static void cl_close(mlci_plan_out *p, cl_filling *f, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++) {
        if (p->items[i].shard == UINT32_MAX)
            p->items[i].shard = f->next;
        if (p->items[i].scale_shard == UINT32_MAX)
            p->items[i].scale_shard = f->next;
    }
    f->next++;
    f->pending = 0;
}

static void cl_places(cl_work *w)
{
    mlci_plan_out *p = w->p;
    cl_filling f = { 0, 0 };

    for (uint32_t i = 0; i < p->n; i++) {
        mlci_out *o = &p->items[i];
        uint32_t scale_shard = 0;

        cl_sizes(w->s, o);
        if (f.pending > 0 && f.pending + o->bytes >= CL_SHARD && 2 * o->bytes < CL_SHARD)
            cl_close(p, &f, i);
        cl_place(&f, o->bytes, &o->shard, &o->offset);
        if (o->quantized) {
            if (f.pending > 0 && f.pending + o->scale_bytes >= CL_SHARD
                && 2 * o->scale_bytes < CL_SHARD)
                cl_close(p, &f, i + 1);
            cl_place(&f, o->scale_bytes, &scale_shard, &o->scale_offset);
        }
        o->scale_shard = scale_shard;
        p->bytes += o->bytes + o->scale_bytes;
    }
    if (f.pending > 0)
        cl_close(p, &f, p->n);
    p->n_shards = f.next;
    p->shards = mlci_arena_new(&p->arena, f.next + 1, sizeof *p->shards);
    if (p->shards == NULL) {
        w->status = mlci_nomem(w->err, "list of files");
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        p->shards[p->items[i].shard].bytes += p->items[i].bytes;
        if (p->items[i].quantized)
            p->shards[p->items[i].scale_shard].bytes += p->items[i].scale_bytes;
    }
}

static const float *cl_importance(const mlci_plan_out *p, const mlci_tensor *t)
{
    for (uint32_t i = 0; i < p->n_importance; i++)
        if (mlci_text_is(t->name, p->importance[i].name)
            && p->importance[i].columns == t->dims[t->rank - 1])
            return p->importance[i].w;
    return NULL;
}

void mlci_convert_search(mlci_plan_out *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        mlci_out *o = &p->items[i];

        o->search = o->quantized;
        for (uint32_t k = 0; k < o->n_parts && o->quantized; k++)
            o->importance[k] = cl_importance(p, o->parts[k]);
    }
}

/* Nothing of the source may be lost. */
static void cl_check(cl_work *w, const mlci_files *f)
{
    for (size_t i = 0; i < f->directory.n_tensors && w->status == MLC_OK; i++) {
        const mlci_tensor *t = &f->directory.tensors[i];
        bool used = mlci_text_is(t->name, "rope_freqs.weight") || t->part;

        for (uint32_t k = 0; k < w->p->n && !used; k++)
            for (uint32_t part = 0; part < w->p->items[k].n_parts; part++)
                used = used || w->p->items[k].parts[part] == t;
        if (!used)
            w->status = mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "tensor %.*s: MLC's format has no "
                                  "name for it", (int)mlci_min(t->name.n, 100), t->name.p);
    }
}

mlc_status mlci_convert_plan(mlci_plan_out *p, const mlci_files *f, const mlci_config *c,
                             const mlci_scheme *s, mlc_error *err)
{
    const struct cl_family *family = cl_family_of(c->arch);
    cl_work w = { .p = p, .c = c, .s = s, .err = err, .status = MLC_OK };
    uint32_t layers = 0, width = 0, heads = 1;

    if (family == NULL)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "architecture \"%.*s\" cannot be converted",
                         (int)mlci_min(c->arch.n, 60), c->arch.p);
    w.status = mlci_config_u32(c, ".block_count", 1, CL_MAX_LAYERS, &layers, err);
    if (w.status == MLC_OK)
        w.status = mlci_config_u32(c, ".embedding_length", 1, 1 << 20, &width, err);
    if (w.status == MLC_OK)
        w.status = mlci_config_u32(c, ".attention.head_count", 1, 4096, &heads, err);
    if (w.status == MLC_OK)
        w.status = mlci_config_u32_or(c, ".attention.key_length", 2, 4096, width / heads,
                                      &w.head_dim, err);
    if (w.status == MLC_OK)
        w.status = mlci_config_u32_or(c, ".expert_count", 0, 4096, 0, &w.n_experts, err);
    w.pairs = !f->halves && mlci_text_is(c->arch, "llama");
    cl_put(&w, "output", family->head, -1, ".weight", true);
    cl_put(&w, "token_embd", family->embed, -1, ".weight", true);
    if (family->positions[0] != 0)
        cl_put(&w, "position_embd", family->positions, -1, ".weight", true);
    for (uint32_t l = 0; l < layers && w.status == MLC_OK; l++)
        cl_layer(&w, family, (long)l);
    cl_put(&w, "output_norm", family->norm, -1, ".bias", false);
    cl_put(&w, "output_norm", family->norm, -1, ".weight", false);
    if (w.status == MLC_OK)
        cl_check(&w, f);
    if (w.status == MLC_OK)
        cl_places(&w);
    return w.status;
}
