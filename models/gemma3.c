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
static const double g3_local_base = 10000;

/* The 27B model divides by the width per head, the others by the head size. */
enum { G3_LAYERS_27B = 62 };

mlc_status mlci_model_gemma3(mlci_module *m, mlci_decoder *d)
{
    mlci_style *s = &d->style;

    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    m->tir.status = mlci_config_u32_or(m->config, ".attention.sliding_window_pattern", 1, 1024, 6,
                                       &s->local_pattern, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".final_logit_softcapping", 0,
                                             &s->logits_cap, m->tir.err);
    s->local_rope = d->rope;
    s->local_rope.factor = 1;
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".rope.local_freq_base", g3_local_base,
                                             &s->local_rope.base, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".attention.scale",
                                             1.0 / sqrt(d->n_layers == G3_LAYERS_27B
                                             ? (double)d->width / d->n_heads : d->head_dim),
                                             &s->attention_scale, m->tir.err);
    s->activation = MLCI_OP_GELU;
    s->qk_norm = MLCI_NORM_HEADS;
    s->post_norms = true;
    s->embedding_scale = sqrtf((float)d->width);
    return mlci_decoder_graph(m, d);
}
