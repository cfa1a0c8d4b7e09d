/* SPDX-License-Identifier: Apache-2.0
 *
 * models.h - the architectures: one file each, which reads the configuration,
 * builds the graph and names the weights.
 *
 * To add one: write models/<arch>.c with a function like mlci_model_llama, add
 * it to the table in models.c, and its tiny golden to tests/test_models.c.
 */
#ifndef MLCI_MODELS_H
#define MLCI_MODELS_H

#include "../src/compiler/ir.h"

/* What decoder-only transformers have in common, read from the file's keys. */
typedef struct mlci_decoder {
    uint32_t n_layers, width, n_heads, n_kv_heads, head_dim, ffn, vocab, context;
    uint32_t window;            /* sliding window, 0 = none                   */
    float    eps;
    mlci_rope rope;
} mlci_decoder;

mlc_status mlci_decoder_read(mlci_module *m, mlci_decoder *d);

/* The gated feed-forward part of a layer: down(act(gate x) * up x). */
uint32_t mlci_decoder_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                          mlci_op activation);

/* The head: the last norm on the rows that want logits, then "output.weight",
 * or the embedding table where the two are tied. */
uint32_t mlci_decoder_head(mlci_module *m, const mlci_decoder *d, uint32_t x);

/* Build the module's graph.  m was initialised; sets m->result.  Errors: an
 * unknown architecture is named with those that are known. */
mlc_status mlci_model_build(mlci_module *m, mlci_decoder *d);

/* The i-th architecture's name, NULL behind the last. */
const char *mlci_model_arch(size_t i);

/* Llama's graph, for those that differ in little: rotation of pairs or halves. */
mlc_status mlci_llama_graph(mlci_module *m, mlci_decoder *d, bool interleaved);

mlc_status mlci_model_llama(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_qwen2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gemma3(mlci_module *m, mlci_decoder *d);

#endif
