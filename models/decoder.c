/* SPDX-License-Identifier: Apache-2.0
 *
 * decoder.c - the graph that most decoder-only transformers are: a table of embeddings,
 * layers of attention and a feed-forward part with norms around them, a head.
 */
#include "models.h"

#include <math.h>
#include <stdio.h>

/* A layer's norm by its name; layer norms have a bias. */
static uint32_t de_norm(mlci_module *m, const mlci_decoder *d, uint32_t x, const char *name,
                        uint32_t layer)
{
    char weight[96], bias[96];

    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    if (!d->style.layer_norm)
        return mlci_norm(m, x, weight, layer, d->width, d->eps);
    return mlci_layer_norm(m, x, mlci_vector(m, weight, layer, d->width),
                           mlci_vector(m, bias, layer, d->width), d->eps);
}

static uint32_t de_scaled(mlci_module *m, uint32_t x, float scale)
{
    return scale == 0 || scale == 1 ? x : mlci_unary(m, MLCI_OP_SCALE, x, scale);
}

/* q or k: the product, its norm, in heads. */
static uint32_t de_heads(mlci_module *m, const mlci_decoder *d, uint32_t x, const char *name,
                         const char *norm, uint32_t layer, uint32_t n_heads)
{
    const uint32_t rows = n_heads * d->head_dim;

    x = mlci_linear(m, x, name, layer, rows, d->width);
    if (d->style.qk_norm == MLCI_NORM_ROWS)
        x = mlci_norm(m, x, norm, layer, rows, d->eps);
    x = mlci_heads(m, x, n_heads, d->head_dim);
    return d->style.qk_norm == MLCI_NORM_HEADS ? mlci_norm(m, x, norm, layer, d->head_dim, d->eps)
                                               : x;
}

/* table 0: not rotated. */
static uint32_t de_attention(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                             uint32_t table, uint32_t pool)
{
    const float scale = d->style.attention_scale > 0 ? d->style.attention_scale
                                                     : 1.0f / sqrtf((float)d->head_dim);
    const bool pairs = d->style.pairs && !m->config->halves;
    uint32_t q, k, v, sinks = 0;

    if (d->latent.kv_rank > 0)
        return mlci_linear(m, mlci_latent_attention(m, d, x, layer, table, pool),
                           "blk.%u.attn_output", layer, d->width, d->n_heads * d->latent.value);
    q = de_heads(m, d, x, "blk.%u.attn_q", "blk.%u.attn_q_norm.weight", layer, d->n_heads);
    k = de_heads(m, d, x, "blk.%u.attn_k", "blk.%u.attn_k_norm.weight", layer, d->n_kv_heads);
    v = mlci_linear(m, x, "blk.%u.attn_v", layer, d->n_kv_heads * d->head_dim, d->width);
    if (table != 0) {
        q = mlci_rope_op(m, q, table, pairs);
        k = mlci_rope_op(m, k, table, pairs);
    }
    v = mlci_heads(m, v, d->n_kv_heads, d->head_dim);
    if (d->style.sinks)
        sinks = mlci_vector(m, "blk.%u.attn_sinks.weight", layer, d->n_heads);
    x = mlci_attention(m, q, mlci_kv_append(m, k, v, pool), sinks, scale,
                       d->style.attention_cap);
    return mlci_linear(m, mlci_flat(m, x), "blk.%u.attn_output", layer, d->width,
                       d->n_heads * d->head_dim);
}

static uint32_t de_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer)
{
    uint32_t up;

    if (mlci_mixture_layer(m, d, layer))
        return mlci_mixture_ffn(m, d, x, layer);
    if (!d->style.plain_ffn)
        return mlci_decoder_ffn(m, d, x, layer, d->ffn, "");
    up = mlci_linear(m, x, "blk.%u.ffn_up", layer, d->ffn, d->width);
    return mlci_linear(m, mlci_unary(m, d->style.activation, up, 0), "blk.%u.ffn_down", layer,
                       d->width, d->ffn);
}

/* gpt-oss' GGUF files call it after what is before it. */
static const char *de_ffn_norm(const mlci_module *m, const mlci_decoder *d, uint32_t layer)
{
    return d->style.sinks && mlci_has_tensor(m, "blk.%u.post_attention_norm.weight", layer)
         ? "blk.%u.post_attention_norm" : "blk.%u.ffn_norm";
}

static uint32_t de_layer(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                         uint32_t table, uint32_t pool)
{
    const mlci_style *s = &d->style;
    const uint32_t in = s->post_norms_only ? x : de_norm(m, d, x, "blk.%u.attn_norm", layer);
    uint32_t h = de_attention(m, d, in, layer, table, pool);

    if (s->post_norms || s->post_norms_only)
        h = de_norm(m, d, h, "blk.%u.post_attention_norm", layer);
    h = de_scaled(m, h, s->residual_scale);
    if (s->parallel) {
        const uint32_t f = s->one_norm ? in : de_norm(m, d, x, "blk.%u.ffn_norm", layer);

        return mlci_add_op(m, mlci_add_op(m, x, h), de_ffn(m, d, f, layer));
    }
    x = mlci_add_op(m, x, h);
    h = s->post_norms_only ? x : de_norm(m, d, x, de_ffn_norm(m, d, layer), layer);
    h = de_ffn(m, d, h, layer);
    if (s->post_norms || s->post_norms_only)
        h = de_norm(m, d, h, "blk.%u.post_ffw_norm", layer);
    return mlci_add_op(m, x, de_scaled(m, h, s->residual_scale));
}

static uint32_t de_head(mlci_module *m, const mlci_decoder *d, uint32_t x)
{
    const char *head = mlci_has_tensor(m, "output.weight", 0) ? "output.weight"
                                                              : "token_embd.weight";

    x = mlci_take(m, x, m->logit_rows);
    x = de_norm(m, d, x, "output_norm", 0);
    x = mlci_matmul(m, x, mlci_weight(m, head, 0, d->vocab, d->width));
    if (mlci_has_tensor(m, "output.bias", 0))
        x = mlci_add_op(m, x, mlci_vector(m, "output.bias", 0, d->vocab));
    x = de_scaled(m, x, d->style.logits_scale);
    return d->style.logits_cap > 0 ? mlci_unary(m, MLCI_OP_SOFTCAP, x, d->style.logits_cap) : x;
}

/* Tables of rotation, one for each kind of layer; 0: none. */
static uint32_t de_table(mlci_module *m, const mlci_decoder *d, const mlci_rope *rope)
{
    uint32_t table, factors = 0;

    if (d->style.positions)
        return 0;
    if (d->original > 0 && mlci_has_tensor(m, "rope_factors_long.weight", 0)) {
        factors = mlci_vector(m, "rope_factors_short.weight", 0, rope->dims / 2);
        table = mlci_vector(m, "rope_factors_long.weight", 0, rope->dims / 2);
        table = mlci_rope_table_long(m, rope, factors, table, d->original);
        return de_scaled(m, table, d->rope_scale);
    }
    if (mlci_has_tensor(m, "rope_freqs.weight", 0) && rope == &d->rope)
        factors = mlci_vector(m, "rope_freqs.weight", 0, rope->dims / 2);
    table = mlci_rope_table(m, rope, factors);
    return de_scaled(m, table, d->rope_scale);
}

mlc_status mlci_decoder_graph(mlci_module *m, mlci_decoder *d)
{
    const mlci_style *s = &d->style;
    const bool local = s->local_pattern > 1;     /* else every layer has the window */
    const bool mixed = local && d->n_layers >= s->local_pattern;
    uint32_t x, tables[2], pools[2];

    if (m->tir.status != MLC_OK)
        return m->tir.status;
    tables[0] = tables[1] = de_table(m, d, &d->rope);
    if (local && s->local_rope.base > 0)
        tables[1] = de_table(m, d, &s->local_rope);
    pools[0] = pools[1] = mlci_pool_add(m, d->n_kv_heads, d->head_dim, mixed ? 0 : d->window);
    if (mixed)
        pools[1] = mlci_pool_add(m, d->n_kv_heads, d->head_dim, d->window);
    x = mlci_embed(m, m->tokens, mlci_weight(m, "token_embd.weight", 0, d->vocab, d->width));
    x = de_scaled(m, x, s->embedding_scale);
    m->n_positions = s->positions ? d->context : 0;
    if (s->positions)
        x = mlci_add_op(m, x, mlci_embed(m, m->positions,
                                         mlci_weight(m, "position_embd.weight", 0, d->context,
                                                     d->width)));
    for (uint32_t l = 0; l < d->n_layers && m->tir.status == MLC_OK; l++) {
        const uint32_t is_local = local && (l + 1) % s->local_pattern != 0;
        const bool still = s->still_every > 0 && (l + 1) % s->still_every == 0;

        x = de_layer(m, d, x, l, still ? 0 : tables[is_local], pools[is_local]);
    }
    m->result = de_head(m, d, x);
    return m->tir.status;
}
