/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tiny.c - tiny models as directories (golden/tiny): logits, NLL of each position,
 * greedy continuation while the gap is clear; on the scalar tier and the first of the
 * vector ones.
 */
#include "golden.h"
#include "sequence.h"
#include "tiers.h"

static void test_model(const char *folder, mlci_tier tier)
{
    mlc_context *ctx = test_context(mlci_tier_names[tier]);
    mlc_session_options o;
    mlc_session *s = NULL;
    mlc_model *m = NULL;
    golden g;

    T_CASE("%s on %s", folder, mlci_tier_names[tier]);
    mlc_session_options_init(&o);
    o.max_logits = MAX_IDS;
    if (tier == MLCI_TIER_SCALAR)
        o.kv_type = MLC_KV_F32;
    T_CHECK(mlc_model_open(ctx, data_path("golden/tiny/%s", folder), NULL, &m, &err) == MLC_OK
            && mlc_session_open(m, &o, &s, &err) == MLC_OK, "%s", err.text);
    golden_open(&g, ctx, data_path("golden/tiny/%s/golden.json", folder));
    T_CHECK(mlci_json_get(g.root, "sequences") != NULL, "no golden");
    for (const mlci_json *q = s != NULL ? mlci_json_get(g.root, "sequences")->items : NULL;
         q != NULL; q = q->next)
        check_sequence(s, q, tier == MLCI_TIER_SCALAR ? 1e-3 : 0.05);
    golden_close(&g);
    mlc_session_close(s);
    mlc_model_close(m);
    mlc_context_close(ctx);
}

int main(int argc, char **argv)
{
    static const char *const folders[] = {
        "llama", "llama-tied", "llama-llama3rope", "llama-yarn", "mistral", "qwen2", "qwen3",
        "gemma", "gemma2", "gemma3_text", "phi", "phi3", "olmo2", "smollm3", "granite", "stablelm",
        "starcoder2", "gpt2", "gpt_neox", "mlc/llama-q0f16", "mlc/llama-q0bf16", "mlc/llama-q0f32",
        "mlc/llama-q3f16_1", "mlc/llama-q4bf16_1", "mlc/llama-q4f16_0", "mlc/llama-q4f16_1",
        "mlc/llama-q4f16_1-shards", "mlc/llama-q4f16_2", "mlc/llama_tied-q4f16_1",
        "mlc/gemma-q4f16_1", "mlc/gemma3-q4f16_1", "mlc/mistral-q4f16_1", "mlc/phi3-q4f16_1",
        "mlc/qwen2-q4f16_1", "mlc/qwen3-q4f16_1",
    };
    int n = 0;

    t_begin();
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!data_exists(data_path("golden/tiny/%s/golden.json", folders[i]))
            || (argc > 1 && strcmp(argv[1], folders[i]) != 0))
            continue;
        n++;
        test_model(folders[i], MLCI_TIER_SCALAR);
        test_model(folders[i], tier_vector());
    }
    T_CASE("there are models");
    T_CHECK(n > 0, "none");
    return t_done();
}
