/* SPDX-License-Identifier: Apache-2.0
 *
 * models.h - the architectures: one file each, which reads the configuration,
 * builds the graph and names the weights.
 *
 * To add one: write models/<arch>.c with a function like mlci_model_llama, add
 * it to the table in models.c, and its tiny golden to tests/test_tiny.c.
 */
#ifndef MLCI_MODELS_H
#define MLCI_MODELS_H

#include "../src/compiler/ir.h"

typedef enum mlci_qk_norm { MLCI_NORM_NONE, MLCI_NORM_HEADS, MLCI_NORM_ROWS } mlci_qk_norm;

/* In what an architecture differs from the others; all zero but the activation: LLaMA. */
typedef struct mlci_style {
    mlci_op  activation;
    mlci_qk_norm qk_norm;       /* of each head of q and k, or their whole rows */
    bool     pairs;             /* GGUF files have rotated pairs side by side */
    bool     layer_norm;        /* LayerNorm with bias, else RMSNorm          */
    bool     post_norms;        /* also behind each sublayer                  */
    bool     post_norms_only;   /* behind, not before                         */
    bool     parallel;          /* both sublayers read x                      */
    bool     one_norm;          /* parallel: through the same norm            */
    bool     plain_ffn;         /* down(act(up x)), no gate                   */
    bool     positions;         /* a table of positions, no rotation          */
    bool     sinks;             /* a score more in each head's softmax        */
    float    swiglu_limit;      /* of gates and ups; 0: plain                 */
    uint32_t local_pattern;     /* every so many-th layer has no window       */
    mlci_rope local_rope;       /* of those that have one; base 0: as all     */
    uint32_t still_every;       /* every so many-th layer has no rotation     */
    float    embedding_scale, residual_scale, logits_scale;   /* 0: 1         */
    float    attention_scale;   /* 0: 1 / sqrt(head_dim)                      */
    float    attention_cap, logits_cap;    /* of scores, of logits; 0: none    */
} mlci_style;

/* A feed-forward part of many experts; n 0: there is none. */
typedef struct mlci_mixture {
    uint32_t   n, ffn;          /* experts, and the width of each              */
    uint32_t   shared_ffn;      /* of the part that every row goes through     */
    bool       sigmoid;         /* scores are sigmoids, else a softmax         */
    mlci_route route;
} mlci_mixture;

/* Keys and values of all heads are made of one short vector a row, which is what is kept
 * (latent.c); kv_rank 0: they are not. */
typedef struct mlci_latent {
    uint32_t kv_rank, q_rank;   /* its width; that of the queries' own, 0: none */
    uint32_t nope, rope, value; /* a head's key: made of it, rotated; its value */
} mlci_latent;

/* What decoder-only transformers have in common, read from the file's keys. */
typedef struct mlci_decoder {
    uint32_t n_layers, width, n_heads, n_kv_heads, head_dim, ffn, vocab, context;
    uint32_t window;            /* sliding window, 0 = none                   */
    float    eps;
    uint32_t original;          /* context before it was stretched, 0: it was not */
    float    rope_scale;        /* of cosines and sines (YaRN), 0: 1          */
    mlci_rope rope;
    mlci_mixture mixture;
    mlci_latent latent;
    mlci_style style;
} mlci_decoder;

mlc_status mlci_decoder_read(mlci_module *m, mlci_decoder *d);

/* mixture.c: its keys; has the layer experts (some are dense)?; the part's graph. */
mlc_status mlci_mixture_read(mlci_module *m, mlci_decoder *d);
bool     mlci_mixture_layer(const mlci_module *m, const mlci_decoder *d, uint32_t layer);
uint32_t mlci_mixture_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer);

/* latent.c: its keys, once d is read; an attention's graph up to its output product. */
mlc_status mlci_latent_read(mlci_module *m, mlci_decoder *d);
uint32_t mlci_latent_attention(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                               uint32_t table, uint32_t pool);

/* The gated feed-forward part of a layer, n wide: down(act(gate x) * up x).  suffix: of the
 * tensors' names, behind "ffn_gate". */
uint32_t mlci_decoder_ffn(mlci_module *m, const mlci_decoder *d, uint32_t x, uint32_t layer,
                          uint32_t n, const char *suffix);

/* The graph, once d is complete (decoder.c). */
mlc_status mlci_decoder_graph(mlci_module *m, mlci_decoder *d);

/* Build the module's graph.  m was initialised; sets m->result.  Errors: an
 * unknown architecture is named with those that are known. */
mlc_status mlci_model_build(mlci_module *m, mlci_decoder *d);

/* The i-th architecture's name, NULL behind the last. */
const char *mlci_model_arch(size_t i);

/* The name of the architecture that Hugging Face's configurations call so ("model_type");
 * NULL: none. */
const char *mlci_model_of_type(mlci_text type);
/* These names of an architecture, between spaces; "" if it is unknown. */
const char *mlci_model_type_of(mlci_text arch);
/* All of these names, for errors; cut to fit. */
void mlci_model_types(char *buf, size_t cap);

mlc_status mlci_model_llama(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_qwen2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_qwen3(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_qwen2moe(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_qwen3moe(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gptoss(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gemma(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gemma2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gemma3(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_phi2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_phi3(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_olmo2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_smollm3(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_granite(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_stablelm(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_starcoder2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_deepseek2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gpt2(mlci_module *m, mlci_decoder *d);
mlc_status mlci_model_gptneox(mlci_module *m, mlci_decoder *d);

#endif
