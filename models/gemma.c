/* SPDX-License-Identifier: Apache-2.0
 *
 * gemma.c - Gemma 1 (Gemma Team 2024, arXiv:2403.08295): Llama's graph with the embeddings
 * scaled by sqrt(width) and the tanh form of GELU; norm gains are w + 1, which GGUF files
 * have already added.
 */
#include "models.h"

#include <math.h>

mlc_status mlci_model_gemma(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.embedding_scale = sqrtf((float)d->width);
    d->style.activation = MLCI_OP_GELU;
    return mlci_decoder_graph(m, d);
}
