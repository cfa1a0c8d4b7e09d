/* SPDX-License-Identifier: Apache-2.0
 *
 * gptoss.c - gpt-oss (Agarwal et al. 2025, arXiv:2508.10925): experts with biases and a
 * limited SwiGLU, a sink in every head's softmax, every other layer with a window.
 */
#include "models.h"

mlc_status mlci_model_gptoss(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.sinks = true;
    d->style.swiglu_limit = 7.0f;
    d->style.local_pattern = 2;
    return mlci_decoder_graph(m, d);
}
