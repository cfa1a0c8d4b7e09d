/* SPDX-License-Identifier: Apache-2.0
 *
 * llama.c - Llama 1 to 3 and what is built like them: SmolLM2, Mistral 7B (with its
 * window), Yi, TinyLlama (Touvron et al. 2023, arXiv:2302.13971; grouped heads as in
 * arXiv:2307.09288).
 *
 * GGUF files have the rows of q and k of each head in the order of interleaved
 * rotation.  Biases are used where a file has them.
 */
#include "models.h"

mlc_status mlci_model_llama(mlci_module *m, mlci_decoder *d)
{
    if (mlci_decoder_read(m, d) != MLC_OK)
        return m->tir.status;
    d->style.pairs = true;
    return mlci_decoder_graph(m, d);
}
