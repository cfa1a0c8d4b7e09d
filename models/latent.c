/* SPDX-License-Identifier: Apache-2.0
 *
 * latent.c - attention whose keys and values are made of one short vector a row
 * (DeepSeek-AI 2024, arXiv:2405.04434, 2.1).
 *
 * A head's key is B c, c the row's vector, beside a rotated part that all heads share; its
 * value V c.  Neither is computed: q^T (B c) = (B^T q)^T c, and a sum of V c is V times the
 * sum of c.  So B^T goes to the queries and V to the output, a matrix for each head, and what
 * is attended to is one head of keys (rotated part, c), which are the values as well:
 * 576 numbers a token instead of 40,960 (V3).
 */
#include "models.h"

#include <math.h>

mlc_status mlci_latent_read(mlci_module *m, mlci_decoder *d)
{
    const mlci_config *c = m->config;
    mlci_latent *l = &d->latent;
    mlc_error *err = m->tir.err;
    uint32_t key = 0;
    mlc_status st = mlci_config_u32(c, ".attention.kv_lora_rank", 1, 1008, &l->kv_rank, err);

    l->rope = d->rope.dims;
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".attention.q_lora_rank", 0, 1 << 16, 0, &l->q_rank, err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".attention.key_length_mla", l->rope + 1, 4096, &key, err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".attention.value_length_mla", 1, 4096, &l->value, err);
    l->nope = key - l->rope;
    d->n_kv_heads = 1;
    d->head_dim = l->rope + l->kv_rank;
    if (st == MLC_OK && d->head_dim > 1024)
        st = mlci_fail(err, MLC_EUNSUPPORTED, 0, "head size %u is unsupported", d->head_dim);
    return m->tir.status = st;
}

/* Rotated parts come first: the rope operator leaves what is behind them. */
uint32_t mlci_latent_attention(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                               uint32_t table, uint32_t pool)
{
    const mlci_latent *l = &d->latent;
    const uint32_t n = d->n_heads, width = l->q_rank > 0 ? l->q_rank : d->width;
    uint32_t from = x, q, k, turned;

    if (l->q_rank > 0) {
        from = mlci_linear(m, x, "blk.%u.attn_q_a", layer, l->q_rank, d->width);
        from = mlci_norm(m, from, "blk.%u.attn_q_a_norm.weight", layer, l->q_rank, d->eps);
    }
    turned = mlci_linear(m, from, "blk.%u.attn_q_rope", layer, n * l->rope, width);
    q = mlci_linear(m, from, "blk.%u.attn_q_nope", layer, n * l->nope, width);
    q = mlci_per_head(m, mlci_heads(m, q, n, l->nope), "blk.%u.attn_k_b.weight", layer, n,
                      l->kv_rank, l->nope);
    q = mlci_join_op(m, mlci_heads(m, turned, n, l->rope), q);
    turned = mlci_linear(m, x, "blk.%u.attn_kv_a_rope", layer, l->rope, d->width);
    k = mlci_linear(m, x, "blk.%u.attn_kv_a_latent", layer, l->kv_rank, d->width);
    k = mlci_norm(m, k, "blk.%u.attn_kv_a_norm.weight", layer, l->kv_rank, d->eps);
    k = mlci_join_op(m, mlci_heads(m, turned, 1, l->rope), mlci_heads(m, k, 1, l->kv_rank));
    q = mlci_rope_op(m, q, table, true);
    k = mlci_rope_op(m, k, table, true);
    q = mlci_attention(m, q, mlci_kv_append(m, k, k, pool), 0, d->style.attention_scale, 0);
    q = mlci_per_head(m, mlci_tail_op(m, q, l->kv_rank), "blk.%u.attn_v_b.weight", layer, n,
                      l->value, l->kv_rank);
    return mlci_flat(m, q);
}
