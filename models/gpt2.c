/* SPDX-License-Identifier: Apache-2.0
 *
 * gpt2.c - GPT-2 (Radford et al. 2019): a table of positions, LayerNorm, a feed-forward
 * part without gate, biases everywhere.
 */
#include "models.h"

mlc_status mlci_model_gpt2(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.layer_norm = d->style.plain_ffn = d->style.positions = true;
    d->style.activation = MLCI_OP_GELU;
    return mlci_decoder_graph(m, d);
}
