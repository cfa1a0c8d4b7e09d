/* SPDX-License-Identifier: Apache-2.0
 *
 * phi3.c - Phi 3 and 3.5 mini (Abdin et al. 2024, arXiv:2404.14219): Llama's graph with
 * rotation of halves; files have q, k, v in one tensor, and gate and up.
 */
#include "models.h"

mlc_status mlci_model_phi3(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    return mlci_decoder_graph(m, d);
}
