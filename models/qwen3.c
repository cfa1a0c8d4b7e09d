/* SPDX-License-Identifier: Apache-2.0
 *
 * qwen3.c - Qwen 3 (Yang et al. 2025, arXiv:2505.09388): Qwen 2's graph without biases,
 * with norms on the heads of q and k.
 */
#include "models.h"

mlc_status mlci_model_qwen3(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.qk_norm = MLCI_NORM_HEADS;
    return mlci_decoder_graph(m, d);
}
