/* SPDX-License-Identifier: Apache-2.0
 *
 * gptneox.c - GPT-NeoX 20B, Pythia (Black et al. 2022, arXiv:2204.06745): both sublayers
 * read x, each through a LayerNorm; a quarter of each head rotated; biases everywhere.
 */
#include "models.h"

mlc_status mlci_model_gptneox(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    m->tir.status = mlci_config_bool_or(m->config, ".use_parallel_residual", true,
                                        &d->style.parallel, m->tir.err);
    d->style.layer_norm = d->style.plain_ffn = true;
    d->style.activation = MLCI_OP_GELU_ERF;
    return mlci_decoder_graph(m, d);
}
