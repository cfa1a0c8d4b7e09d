/* SPDX-License-Identifier: Apache-2.0
 *
 * gemma2.c - Gemma 2 (Gemma Team 2024, arXiv:2408.00118): every other layer with a sliding
 * window, norms before and after each sublayer, caps on scores and logits.
 */
#include "models.h"

#include <math.h>

/* The 27B model divides by the width per head, the others by the head size. */
enum { G2_LAYERS_27B = 46 };

mlc_status mlci_model_gemma2(mlci_module *m, mlci_decoder *d)
{
    mlci_style *s = &d->style;
    mlc_status st;

    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    st = mlci_config_float_or(m->config, ".attn_logit_softcapping", 50, &s->attention_cap,
                              m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(m->config, ".final_logit_softcapping", 30, &s->logits_cap,
                                  m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_float_or(m->config, ".attention.scale", 1.0 / sqrt(
                                  d->n_layers == G2_LAYERS_27B ? (double)d->width / d->n_heads
                                                               : d->head_dim),
                                  &s->attention_scale, m->tir.err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(m->config, ".attention.sliding_window_pattern", 1, 1024, 2,
                                &s->local_pattern, m->tir.err);
    m->tir.status = st;
    s->activation = MLCI_OP_GELU;
    s->post_norms = true;
    s->embedding_scale = sqrtf((float)d->width);
    return mlci_decoder_graph(m, d);
}
