/* SPDX-License-Identifier: Apache-2.0
 *
 * smollm3.c - SmolLM3 (Bakouch et al. 2025): Llama's graph; every fourth layer is not
 * rotated (Yang et al. 2025, arXiv:2501.18795).
 *
 * GGUF files have the rows of q and k in the order of interleaved rotation.
 */
#include "models.h"

mlc_status mlci_model_smollm3(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.pairs = true;
    d->style.still_every = 4;
    m->tir.status = mlci_config_u32_or(m->config, ".no_rope_layer_interval", 0, 1024, 4,
                                       &d->style.still_every, m->tir.err);
    return mlci_decoder_graph(m, d);
}
