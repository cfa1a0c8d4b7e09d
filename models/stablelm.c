/* SPDX-License-Identifier: Apache-2.0
 *
 * stablelm.c - StableLM 2 (Bellagente et al. 2024, arXiv:2402.17834): Llama's graph with
 * LayerNorm, a quarter of each head rotated, biases on q, k and v.
 */
#include "models.h"

mlc_status mlci_model_stablelm(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.layer_norm = true;
    return mlci_decoder_graph(m, d);
}
