/* SPDX-License-Identifier: Apache-2.0
 *
 * deepseek2.c - DeepSeek V2, V3 and R1 (DeepSeek-AI 2024, arXiv:2405.04434 and 2412.19437),
 * and what is built like them: latent attention, many small experts in groups, and a part
 * that every row goes through.
 */
#include "models.h"

#include <math.h>

mlc_status mlci_model_deepseek2(mlci_module *m, mlci_decoder *d)
{
    float stretch, factor, scale;

    if (mlci_decoder_read(m, d) != MLC_OK || mlci_latent_read(m, d) != MLC_OK)
        return m->tir.status;
    m->tir.status = mlci_config_float_or(m->config, ".rope.scaling.yarn_log_multiplier", 0,
                                         &stretch, m->tir.err);
    if (m->tir.status == MLC_OK)
        m->tir.status = mlci_config_float_or(m->config, ".rope.scaling.factor", 1, &factor,
                                             m->tir.err);
    if (m->tir.status != MLC_OK)
        return m->tir.status;
    d->mixture.route.pair_sums = d->mixture.sigmoid;      /* V3 */
    scale = factor > 1 ? 1 + stretch * logf(factor) : 1;
    d->style.attention_scale = scale * scale / sqrtf((float)(d->latent.nope + d->latent.rope));
    return mlci_decoder_graph(m, d);
}
