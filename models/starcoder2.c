/* SPDX-License-Identifier: Apache-2.0
 *
 * starcoder2.c - StarCoder 2 (Lozhkov et al. 2024, arXiv:2402.19173): LayerNorm, a
 * feed-forward part without gate, biases everywhere, a sliding window.
 */
#include "models.h"

mlc_status mlci_model_starcoder2(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.layer_norm = d->style.plain_ffn = true;
    d->style.activation = MLCI_OP_GELU;
    return mlci_decoder_graph(m, d);
}
