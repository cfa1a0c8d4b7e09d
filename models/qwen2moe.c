/* SPDX-License-Identifier: Apache-2.0
 *
 * qwen2moe.c - Qwen1.5-MoE and Qwen2-MoE: experts, and a part that every row goes through.
 */
#include "models.h"

mlc_status mlci_model_qwen2moe(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    return mlci_decoder_graph(m, d);
}
