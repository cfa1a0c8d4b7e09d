/* SPDX-License-Identifier: Apache-2.0
 *
 * models.c - the table of architectures, and what they share.
 */
#include "models.h"

#include <stdio.h>
#include <string.h>

/* ORDER of the first three: tools/kernelgen/collect.c.
 * types: what Hugging Face's configurations call it, between spaces. */
static const struct {
    const char *arch, *types;
    mlc_status (*build)(mlci_module *m, mlci_decoder *d);
} ml_table[] = {
    { "llama", "llama mistral mixtral", mlci_model_llama },
    { "qwen2", "qwen2", mlci_model_qwen2 },
    { "gemma3", "gemma3 gemma3_text", mlci_model_gemma3 },
    { "qwen3", "qwen3", mlci_model_qwen3 },
    { "qwen2moe", "qwen2_moe", mlci_model_qwen2moe },
    { "qwen3moe", "qwen3_moe", mlci_model_qwen3moe },
    { "gpt-oss", "gpt_oss", mlci_model_gptoss },
    { "deepseek2", "deepseek_v2 deepseek_v3", mlci_model_deepseek2 },
    { "gemma", "gemma", mlci_model_gemma },
    { "gemma2", "gemma2", mlci_model_gemma2 },
    { "phi2", "phi", mlci_model_phi2 },
    { "phi3", "phi3", mlci_model_phi3 },
    { "olmo2", "olmo2", mlci_model_olmo2 },
    { "smollm3", "smollm3", mlci_model_smollm3 },
    { "granite", "granite", mlci_model_granite },
    { "stablelm", "stablelm", mlci_model_stablelm },
    { "starcoder2", "starcoder2", mlci_model_starcoder2 },
    { "gpt2", "gpt2", mlci_model_gpt2 },
    { "gptneox", "gpt_neox", mlci_model_gptneox },
};

enum { ML_MAX_LAYERS = 1024, ML_MAX_WIDTH = 1 << 20, ML_MAX_HEADS = 4096,
       ML_MAX_CONTEXT = 1 << 28 };

/* Position scaling that is only a factor; what needs more is refused by name.
 * (Llama 3's scaling comes as the tensor rope_freqs.weight.) */
static mlc_status ml_rope(mlci_module *m, mlci_decoder *d)
{
    const mlci_config *c = m->config;
    mlci_text type;
    float factor;
    mlc_status st;

    st = mlci_config_u32_or(c, ".rope.dimension_count", 2, d->head_dim, d->head_dim,
                            &d->rope.dims, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.freq_base", 10000, &d->rope.base, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.scaling.factor", 1, &factor, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_text(c, ".rope.scaling.type", &type, m->tir.err);
    if (st != MLC_OK)
        return st;
    st = mlci_config_u32_or(c, ".rope.scaling.original_context_length", 1, ML_MAX_CONTEXT, 0,
                            &d->original, m->tir.err);
    if (st != MLC_OK)
        return st;
    st = mlci_config_float_or(c, ".rope.scaling.attn_factor", 1, &d->rope_scale, m->tir.err);
    if (st != MLC_OK)
        return st;
    if (type.n > 0 && !mlci_text_is(type, "none") && !mlci_text_is(type, "linear")
        && !(mlci_text_is(type, "longrope")
             && mlci_config_tensor(c, "rope_factors_long.weight") != NULL)
        && !(mlci_text_is(type, "yarn") && mlci_config_tensor(c, "rope_freqs.weight") != NULL))
        return mlci_fail(m->tir.err, MLC_EUNSUPPORTED, 0, "rope scaling \"%.*s\" is "
                         "unsupported (none, linear, yarn and longrope are)",
                         (int)mlci_min(type.n, 40), type.p);
    d->rope.factor = mlci_text_is(type, "linear") ? factor : 1;
    if (!(d->rope.base > 0) || !(d->rope.factor > 0))
        return mlci_fail(m->tir.err, MLC_EFORMAT, 0, "rope base and factor must be positive");
    return MLC_OK;
}

static mlc_status ml_read(mlci_module *m, mlci_decoder *d)
{
    const mlci_config *c = m->config;
    const mlci_tensor *embd = mlci_config_tensor(c, "token_embd.weight");
    mlc_status st;

    memset(d, 0, sizeof *d);
    d->style.activation = MLCI_OP_SILU;
    d->mixture.route.normalize = !mlci_text_is(c->arch, "qwen2moe");
    st = mlci_config_u32(c, ".block_count", 1, ML_MAX_LAYERS, &d->n_layers, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".embedding_length", 1, ML_MAX_WIDTH, &d->width, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".feed_forward_length", 1, ML_MAX_WIDTH, &d->ffn, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".attention.head_count", 1, ML_MAX_HEADS, &d->n_heads,
                             m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".attention.head_count_kv", 1, d->n_heads, d->n_heads,
                                &d->n_kv_heads, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".attention.key_length", 2, ML_MAX_WIDTH,
                                d->width / d->n_heads, &d->head_dim, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".context_length", 1, ML_MAX_CONTEXT, 4096,
                                &d->context, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".attention.layer_norm_epsilon", 1e-5, &d->eps, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".attention.layer_norm_rms_epsilon", d->eps, &d->eps,
                                  m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".attention.sliding_window", 0, 1 << 28, 0, &d->window,
                                m->tir.err);
    if (st == MLC_OK)
        st = mlci_mixture_read(m, d);
    if (st != MLC_OK)
        return st;
    if (d->n_heads % d->n_kv_heads != 0)
        return mlci_fail(m->tir.err, MLC_EFORMAT, 0, "%u heads cannot share %u key heads",
                         d->n_heads, d->n_kv_heads);
    if (d->head_dim == 0 || d->head_dim % 2 != 0 || d->head_dim > 1024)
        return mlci_fail(m->tir.err, MLC_EUNSUPPORTED, 0, "head size %u is unsupported",
                         d->head_dim);
    if (embd == NULL || embd->rank != 2 || embd->dims[0] > 1 << 24)
        return mlci_fail(m->tir.err, MLC_EFORMAT, 0,
                         "tensor token_embd.weight: missing or not a matrix");
    d->vocab = (uint32_t)embd->dims[0];
    return ml_rope(m, d);
}

mlc_status mlci_decoder_read(mlci_module *m, mlci_decoder *d)
{
    mlc_status st = m->tir.status;

    if (st == MLC_OK)
        st = ml_read(m, d);
    m->tir.status = st;
    m->vocab_size = d->vocab;
    m->width = d->width;
    return st;
}

uint32_t mlci_decoder_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                          uint32_t n, const char *suffix)
{
    char name[64];
    uint32_t gate, up;

    snprintf(name, sizeof name, "blk.%%u.ffn_gate%s", suffix);
    gate = mlci_linear(m, x, name, layer, n, d->width);
    snprintf(name, sizeof name, "blk.%%u.ffn_up%s", suffix);
    up = mlci_linear(m, x, name, layer, n, d->width);
    x = mlci_mul_op(m, mlci_unary(m, d->style.activation, gate, 0), up);
    snprintf(name, sizeof name, "blk.%%u.ffn_down%s", suffix);
    return mlci_linear(m, x, name, layer, d->width, n);
}

mlc_status mlci_model_build(mlci_module *m, mlci_decoder *d)
{
    char known[512] = "";
    size_t n = 0;

    for (size_t i = 0; i < sizeof ml_table / sizeof *ml_table; i++) {
        if (mlci_text_is(m->config->arch, ml_table[i].arch))
            return ml_table[i].build(m, d);
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "",
                              ml_table[i].arch);
    }
    if (m->config->arch.n == 0)
        return mlci_tir_fail(&m->tir, MLC_EFORMAT, "key general.architecture: missing");
    return mlci_tir_fail(&m->tir, MLC_EUNSUPPORTED, "architecture \"%.*s\" is unknown: "
                            "this library has %s", (int)mlci_min(m->config->arch.n, 60),
                            m->config->arch.p, known);
}

const char *mlci_model_of_type(mlci_text type)
{
    for (size_t i = 0; i < sizeof ml_table / sizeof *ml_table; i++)
        if (mlci_text_listed(type, ml_table[i].types))
            return ml_table[i].arch;
    return NULL;
}

const char *mlci_model_type_of(mlci_text arch)
{
    for (size_t i = 0; i < sizeof ml_table / sizeof *ml_table; i++)
        if (mlci_text_is(arch, ml_table[i].arch))
            return ml_table[i].types;
    return "";
}

void mlci_model_types(char *buf, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof ml_table / sizeof *ml_table && n < cap; i++)
        n += (size_t)snprintf(buf + n, cap - n, "%s%s", i > 0 ? " " : "", ml_table[i].types);
}

const char *mlci_model_arch(size_t i)
{
    return i < sizeof ml_table / sizeof *ml_table ? ml_table[i].arch : NULL;
}
