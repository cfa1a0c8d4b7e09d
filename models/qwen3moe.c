/* SPDX-License-Identifier: Apache-2.0
 *
 * qwen3moe.c - Qwen3-MoE (Yang et al. 2025, arXiv:2505.09388): heads of q and k are normed,
 * the chosen experts' scores divided by their sum.
 */
#include "models.h"

mlc_status mlci_model_qwen3moe(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.qk_norm = MLCI_NORM_HEADS;
    return mlci_decoder_graph(m, d);
}
