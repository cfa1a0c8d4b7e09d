/* SPDX-License-Identifier: Apache-2.0
 *
 * qwen2.c - Qwen 2 and 2.5 (Yang et al. 2024, arXiv:2407.10671): Llama's graph
 * with biases on q, k and v (which the file has) and rotation of halves.
 */
#include "models.h"

mlc_status mlci_model_qwen2(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    return mlci_decoder_graph(m, d);
}
