/* SPDX-License-Identifier: Apache-2.0
 *
 * gemma3.c - Gemma 3, text (Gemma Team 2025, arXiv:2503.19786).
 *
 * Five layers with a sliding window, then one with full attention, each kind
 * with its own rotation base and its own pool of pages; norms before and after
 * each sublayer and on the heads of q and k; embeddings scaled by sqrt(width).
 * Norm gains in GGUF files have Gemma's 1 already added.
 */
#include "models.h"

#include <math.h>

/* What the files do not say: the base of the local layers' rotation. */
static const float g3_local_base = 10000.0f;

/* The 27B model divides by the width per head, the others by the head size. */
enum { G3_LAYERS_27B = 62 };

static mlc_status g3_read(mlci_module *m, mlci_decoder *d, uint32_t *pattern,
                          float *softcap)
{
    mlc_status st = mlci_decoder_read(m, d);

    if (st == MLC_OK)
        st = mlci_config_u32_or(m->config, ".attention.sliding_window", 0, 1 << 28, 0,
                                &d->window, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(m->config, ".attention.sliding_window_pattern", 1, 1024,
                                6, pattern, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(m->config, ".final_logit_softcapping", 0, softcap,
                                  m->tir.err);
    m->tir.status = st;
    return st;
}

mlc_status mlci_model_gemma3(mlci_module *m, mlci_decoder *d)
{
    uint32_t x, tables[2], pools[2], q_rows, kv_rows, pattern;
    mlci_rope local;
    float scale, softcap;

    if (g3_read(m, d, &pattern, &softcap) != MLC_OK)
        return m->tir.status;
    local = d->rope;
    local.base = g3_local_base;
    local.factor = 1;
    q_rows = d->n_heads * d->head_dim;
    kv_rows = d->n_kv_heads * d->head_dim;
    scale = 1.0f / sqrtf(d->n_layers == G3_LAYERS_27B ? (float)d->width / (float)d->n_heads
                                                      : (float)d->head_dim);
    tables[0] = mlci_rope_table(m, &d->rope, 0);
    tables[1] = mlci_rope_table(m, &local, 0);
    pools[0] = mlci_pool_add(m, d->n_kv_heads, d->head_dim, 0);
    pools[1] = mlci_pool_add(m, d->n_kv_heads, d->head_dim, d->window);
    x = mlci_embed(m, m->tokens, mlci_weight(m, "token_embd.weight", 0, d->vocab,
                                             d->width));
    x = mlci_unary(m, MLCI_OP_SCALE, x, sqrtf((float)d->width));
    for (uint32_t l = 0; l < d->n_layers && m->tir.status == MLC_OK; l++) {
        uint32_t is_local = (l + 1) % pattern != 0;
        uint32_t h, q, k, v;

        h = mlci_norm(m, x, "blk.%u.attn_norm.weight", l, d->width, d->eps);
        q = mlci_linear(m, h, "blk.%u.attn_q", l, q_rows, d->width);
        k = mlci_linear(m, h, "blk.%u.attn_k", l, kv_rows, d->width);
        v = mlci_linear(m, h, "blk.%u.attn_v", l, kv_rows, d->width);
        q = mlci_heads(m, q, d->n_heads, d->head_dim);
        k = mlci_heads(m, k, d->n_kv_heads, d->head_dim);
        q = mlci_norm(m, q, "blk.%u.attn_q_norm.weight", l, d->head_dim, d->eps);
        k = mlci_norm(m, k, "blk.%u.attn_k_norm.weight", l, d->head_dim, d->eps);
        q = mlci_rope_op(m, q, tables[is_local], false);
        k = mlci_rope_op(m, k, tables[is_local], false);
        v = mlci_heads(m, v, d->n_kv_heads, d->head_dim);
        h = mlci_attention(m, q, mlci_kv_append(m, k, v, pools[is_local]), scale);
        h = mlci_linear(m, mlci_flat(m, h), "blk.%u.attn_output", l, d->width, q_rows);
        h = mlci_norm(m, h, "blk.%u.post_attention_norm.weight", l, d->width, d->eps);
        x = mlci_add_op(m, x, h);

        h = mlci_norm(m, x, "blk.%u.ffn_norm.weight", l, d->width, d->eps);
        h = mlci_decoder_ffn(m, d, h, l, MLCI_OP_GELU);
        h = mlci_norm(m, h, "blk.%u.post_ffw_norm.weight", l, d->width, d->eps);
        x = mlci_add_op(m, x, h);
    }
    x = mlci_decoder_head(m, d, x);
    m->result = softcap > 0 ? mlci_unary(m, MLCI_OP_SOFTCAP, x, softcap) : x;
    return m->tir.status;
}
