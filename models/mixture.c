/* SPDX-License-Identifier: Apache-2.0
 *
 * mixture.c - a feed-forward part of many experts, of which each row goes to a few
 * (Jiang et al. 2024, arXiv:2401.04088).
 */
#include "models.h"

enum { MX_MAX_EXPERTS = 4096 };

/* llama.cpp's numbers for what makes scores of an expert's logits. */
enum { MX_SOFTMAX = 1, MX_SIGMOID = 2 };

mlc_status mlci_mixture_read(mlci_module *m, mlci_decoder *d)
{
    const mlci_config *c = m->config;
    mlci_mixture *x = &d->mixture;
    mlc_error *err = m->tir.err;
    uint32_t gating = MX_SOFTMAX, shared = 0;
    mlc_status st = mlci_config_u32_or(c, ".expert_count", 0, MX_MAX_EXPERTS, 0, &x->n, err);

    if (st != MLC_OK || x->n == 0)
        return st;
    st = mlci_config_u32(c, ".expert_used_count", 1, x->n, &x->route.k, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_feed_forward_length", 1, 1 << 20, d->ffn, &x->ffn, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_shared_feed_forward_length", 0, 1 << 20, 0,
                                &x->shared_ffn, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_shared_count", 0, 1 << 10, 0, &shared, err);
    if (x->shared_ffn == 0)
        x->shared_ffn = shared * x->ffn;
    if (st == MLC_OK)
        st = mlci_config_bool_or(c, ".expert_weights_norm", x->route.normalize,
                                 &x->route.normalize, err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".expert_weights_scale", 1, &x->route.scale, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_gating_func", MX_SOFTMAX, MX_SIGMOID, MX_SOFTMAX,
                                &gating, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_group_count", 1, x->n, 1, &x->route.n_groups, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".expert_group_used_count", 1, x->route.n_groups, 1,
                                &x->route.top_groups, err);
    if (st == MLC_OK && !(x->route.scale > 0))
        x->route.scale = 1;
    x->sigmoid = gating == MX_SIGMOID;
    return st;
}

bool mlci_mixture_layer(const mlci_module *m, const mlci_decoder *d, uint32_t layer)
{
    return d->mixture.n > 0 && mlci_has_tensor(m, "blk.%u.ffn_gate_inp.weight", layer);
}

/* The part that every row goes through, times its own gate where it has one. */
static uint32_t mx_shared(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer)
{
    uint32_t y = mlci_decoder_ffn(m, d, x, layer, d->mixture.shared_ffn, "_shexp"), part;

    if (!mlci_has_tensor(m, "blk.%u.ffn_gate_inp_shexp.weight", layer))
        return y;
    part = mlci_linear(m, x, "blk.%u.ffn_gate_inp_shexp", layer, 1, d->width);
    return mlci_combine(m, y, mlci_unary(m, MLCI_OP_SIGMOID, part, 0));
}

uint32_t mlci_mixture_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer)
{
    const mlci_mixture *mx = &d->mixture;
    uint32_t scores, ids, weights, gate, up, y;

    scores = mlci_unary(m, mx->sigmoid ? MLCI_OP_SIGMOID : MLCI_OP_SOFTMAX,
                        mlci_linear(m, x, "blk.%u.ffn_gate_inp", layer, mx->n, d->width), 0);
    y = scores;                       /* by which they are chosen, not weighed */
    if (mx->sigmoid && mlci_has_tensor(m, "blk.%u.exp_probs_b.bias", layer))
        y = mlci_add_op(m, scores, mlci_vector(m, "blk.%u.exp_probs_b.bias", layer, mx->n));
    ids = mlci_top_k(m, y, &mx->route);
    weights = mlci_chosen(m, scores, ids, &mx->route);
    gate = mlci_experts(m, x, ids, "blk.%u.ffn_gate_exps", layer, mx->n, mx->ffn, d->width);
    up = mlci_experts(m, x, ids, "blk.%u.ffn_up_exps", layer, mx->n, mx->ffn, d->width);
    y = d->style.swiglu_limit > 0
      ? mlci_swiglu_limited(m, gate, up, 1.702f, d->style.swiglu_limit)
      : mlci_mul_op(m, mlci_unary(m, d->style.activation, gate, 0), up);
    y = mlci_experts(m, y, ids, "blk.%u.ffn_down_exps", layer, mx->n, d->width, mx->ffn);
    y = mlci_combine(m, y, weights);
    return mx->shared_ffn > 0 ? mlci_add_op(m, y, mx_shared(m, d, x, layer)) : y;
}
