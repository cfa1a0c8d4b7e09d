/* SPDX-License-Identifier: Apache-2.0
 *
 * phi2.c - Phi 1.5 and 2 (Li et al. 2023, arXiv:2309.05463): both sublayers read the same
 * LayerNorm, a part of each head is rotated, biases everywhere.
 */
#include "models.h"

mlc_status mlci_model_phi2(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.layer_norm = d->style.plain_ffn = true;
    d->style.parallel = d->style.one_norm = true;
    d->style.activation = MLCI_OP_GELU;
    return mlci_decoder_graph(m, d);
}
