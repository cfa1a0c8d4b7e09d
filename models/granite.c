/* SPDX-License-Identifier: Apache-2.0
 *
 * granite.c - Granite 3 (IBM 2024): Llama's graph with factors on the embeddings, the
 * sublayers, the scores and the logits (which are divided).
 */
#include "models.h"

mlc_status mlci_model_granite(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.pairs = true;
    m->tir.status = mlci_config_float_or(m->config, ".embedding_scale", 1,
                                         &d->style.embedding_scale, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".residual_scale", 1,
                                             &d->style.residual_scale, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".attention.scale", 0,
                                             &d->style.attention_scale, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".logit_scale", 1,
                                             &d->style.logits_scale, m->tir.err);
    if (d->style.logits_scale != 0)
        d->style.logits_scale = 1.0f / d->style.logits_scale;
    return mlci_decoder_graph(m, d);
}
