/* SPDX-License-Identifier: Apache-2.0
 *
 * llama.c - Llama 1 to 3 and what is built like them: SmolLM2, Mistral 7B, Yi,
 * TinyLlama (Touvron et al. 2023, arXiv:2302.13971; grouped heads as in
 * arXiv:2307.09288).
 *
 * GGUF files have the rows of q and k of each head in the order of interleaved
 * rotation.  Biases are used where a file has them.
 */
#include "models.h"

#include <math.h>

mlc_status mlci_llama_graph(mlci_module *m, mlci_decoder *d, bool interleaved)
{
    uint32_t x, table, pool, factors = 0;
    uint32_t q_rows, kv_rows;

    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    q_rows = d->n_heads * d->head_dim;
    kv_rows = d->n_kv_heads * d->head_dim;
    if (mlci_has_tensor(m, "rope_freqs.weight", 0))  /* Llama 3.1's scaling */
        factors = mlci_vector(m, "rope_freqs.weight", 0, d->rope.dims / 2);
    table = mlci_rope_table(m, &d->rope, factors);
    pool = mlci_pool_add(m, d->n_kv_heads, d->head_dim, 0);
    x = mlci_embed(m, m->tokens, mlci_weight(m, "token_embd.weight", 0, d->vocab,
                                             d->width));
    for (uint32_t l = 0; l < d->n_layers && m->tir.status == MLC_OK; l++) {
        uint32_t h, q, k, v;

        h = mlci_norm(m, x, "blk.%u.attn_norm.weight", l, d->width, d->eps);
        q = mlci_linear(m, h, "blk.%u.attn_q", l, q_rows, d->width);
        k = mlci_linear(m, h, "blk.%u.attn_k", l, kv_rows, d->width);
        v = mlci_linear(m, h, "blk.%u.attn_v", l, kv_rows, d->width);
        q = mlci_heads(m, q, d->n_heads, d->head_dim);
        k = mlci_heads(m, k, d->n_kv_heads, d->head_dim);
        q = mlci_rope_op(m, q, table, interleaved);
        k = mlci_rope_op(m, k, table, interleaved);
        v = mlci_heads(m, v, d->n_kv_heads, d->head_dim);
        h = mlci_attention(m, q, mlci_kv_append(m, k, v, pool),
                           1.0f / sqrtf((float)d->head_dim));
        h = mlci_linear(m, mlci_flat(m, h), "blk.%u.attn_output", l, d->width, q_rows);
        x = mlci_add_op(m, x, h);

        h = mlci_norm(m, x, "blk.%u.ffn_norm.weight", l, d->width, d->eps);
        x = mlci_add_op(m, x, mlci_decoder_ffn(m, d, h, l, MLCI_OP_SILU));
    }
    m->result = mlci_decoder_head(m, d, x);
    return m->tir.status;
}

mlc_status mlci_model_llama(mlci_module *m, mlci_decoder *d)
{
    return mlci_llama_graph(m, d, true);
}
