/* SPDX-License-Identifier: Apache-2.0
 *
 * olmo2.c - OLMo 2 (OLMo Team 2024, arXiv:2501.00656): norms behind the sublayers only, and
 * over the whole rows of q and k.
 */
#include "models.h"

mlc_status mlci_model_olmo2(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.post_norms_only = true;
    d->style.qk_norm = MLCI_NORM_ROWS;
    return mlci_decoder_graph(m, d);
}
