/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tiny.c - tiny models as directories (golden/tiny): logits, NLL of each position,
 * greedy continuation while the gap is clear; on the scalar tier and the first of the
 * vector ones.
 */
#include "golden.h"
#include "sequence.h"
#include "tiers.h"
#include "../src/api/request.h"

#include <sys/stat.h>

/* The same model with the configuration that a later version of transformers writes. */
static const char *newer(const char *folder)
{
    const char *to = data_path("newer"), *parts[] = { "model.safetensors", "config.json" };
    char from[600], path[600], name[300];
    FILE *f;

    (void)mkdir(to, 0777);
    for (int i = 0; i < 2; i++) {
        size_t n;
        char *bytes;

        snprintf(name, sizeof name, "golden/tiny/%s/%s", folder, i == 1 ? "config.v5.json"
                                                                        : parts[i]);
        snprintf(from, sizeof from, "%s", data_path("%s", name));
        snprintf(path, sizeof path, "%s/%s", to, parts[i]);
        bytes = data_read(from, &n);
        f = bytes != NULL ? fopen(path, "wb") : NULL;
        T_CHECK(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s", path);
        free(bytes);
    }
    snprintf(path, sizeof path, "%s/generation_config.json", to);
    f = fopen(path, "w");
    T_CHECK(f != NULL && fputs("{\"temperature\":0.5,\"top_k\":7,\"top_p\":-1}", f) >= 0
            && fclose(f) == 0, "%s", path);
    return to;
}

/* Requests that say nothing get what generation_config.json says, as far as it makes sense. */
static void check_sampling(mlc_context *ctx, const mlc_model *m)
{
    mlci_params p = { 0 };
    const mlci_json *request;
    mlci_arena arena;

    mlci_arena_init(&arena, ctx, 1 << 20);
    T_CHECK(mlci_json_parse(&arena, "{}", 2, &request, &err) == MLC_OK
            && mlci_params_read(&p, &arena, request, m, &err) == MLC_OK
            && fabs((double)p.temperature - 0.5) < 1e-6 && p.top_k == 7
            && fabs((double)p.top_p - 0.95) < 1e-6, "%g %d %g", (double)p.temperature, p.top_k,
            (double)p.top_p);
    mlci_arena_reset(&arena);
}

/* Two experts of a token are as good to 1e-3 in their logits: a key rounded to float16 makes
 * the other one the second best. */
static bool close_experts(const char *folder)
{
    return strcmp(folder, "qwen3_moe") == 0 || strncmp(folder, "gpt_oss", 7) == 0;
}

/* again: from files that are not mapped, with the newer configuration if there is one. */
static void test_model(const char *folder, mlci_tier tier, bool again)
{
    const bool other = again && data_exists(data_path("golden/tiny/%s/config.v5.json", folder));
    const char *path = other ? newer(folder) : data_path("golden/tiny/%s", folder);
    mlc_context *ctx = test_context(mlci_tier_names[tier]);
    mlc_model_options unmapped;
    mlc_session_options o;
    mlc_session *s = NULL, *small = NULL;
    mlc_model *m = NULL;
    golden g;

    mlc_model_options_init(&unmapped);
    unmapped.flags = MLC_MODEL_NO_MMAP;

    T_CASE("%s%s on %s", folder, again ? ", again" : "", mlci_tier_names[tier]);
    mlc_session_options_init(&o);
    o.max_logits = MAX_IDS;
    if (tier == MLCI_TIER_SCALAR || close_experts(folder))
        o.kv_type = MLC_KV_F32;
    T_CHECK(mlc_model_open(ctx, path, again ? &unmapped : NULL, &m, &err) == MLC_OK
            && mlc_session_open(m, &o, &s, &err) == MLC_OK, "%s", err.text);
    /* Phi 3 turns otherwise where there may be more than 64 tokens. */
    o.kv_tokens = 64;
    T_CHECK(m == NULL || mlc_session_open(m, &o, &small, &err) == MLC_OK, "%s", err.text);
    if (other && m != NULL)
        check_sampling(ctx, m);
    golden_open(&g, ctx, data_path("golden/tiny/%s/golden.json", folder));
    T_CHECK(mlci_json_get(g.root, "sequences") != NULL, "no golden");
    for (const mlci_json *q = s != NULL ? mlci_json_get(g.root, "sequences")->items : NULL;
         q != NULL; q = q->next)
        check_sequence(mlci_json_get(q, "ids")->n_items <= 40 ? small : s, q,
                       tier == MLCI_TIER_SCALAR ? 1e-3 : 0.05);
    golden_close(&g);
    mlc_session_close(s);
    mlc_session_close(small);
    mlc_model_close(m);
    mlc_context_close(ctx);
}

/* Chats stop where the template says, other requests do not. */
static void test_stops(void)
{
    static const struct { const char *json; size_t n; } table[] = {
        { "{\"messages\":[]}", 1 }, { "{\"messages\":[],\"stop\":\"x\"}", 2 },
        { "{\"prompt\":\"x\"}", 0 },
    };
    mlc_context *ctx = test_context(NULL);
    mlc_model *m = NULL;

    T_CASE("stop strings of a template");
    T_CHECK(mlc_model_open(ctx, data_path("golden/tiny/mlc/llama-q4f16_1"), NULL, &m, &err)
            == MLC_OK, "%s", err.text);
    for (size_t i = 0; i < sizeof table / sizeof *table && m != NULL; i++) {
        mlci_params p = { 0 };
        const mlci_json *request;
        mlci_arena arena;

        mlci_arena_init(&arena, ctx, 1 << 20);
        T_CHECK(mlci_json_parse(&arena, table[i].json, strlen(table[i].json), &request, &err)
                == MLC_OK && mlci_params_read(&p, &arena, request, m, &err) == MLC_OK
                && p.n_stops == table[i].n, "%zu in %s", p.n_stops, table[i].json);
        if (p.n_stops > 0)
            T_CHECK(mlci_text_is(p.stops[p.n_stops - 1], "[INST]"), "another");
        mlci_arena_reset(&arena);
    }
    mlc_model_close(m);
    mlc_context_close(ctx);
}

int main(int argc, char **argv)
{
    static const char *const folders[] = {
        "llama", "llama-tied", "llama-llama3rope", "llama-yarn", "mistral", "mixtral", "qwen2",
        "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi", "phi3",
        "phi3-longrope", "olmo2", "smollm3", "granite", "stablelm", "starcoder2", "gpt2",
        "gpt_neox", "gpt_oss", "gpt_oss-mxfp4", "deepseek_v2-lite", "deepseek_v3",
        "mlc/llama-q0f16", "mlc/llama-q0bf16",
        "mlc/llama-q0f32", "mlc/llama-q3f16_1", "mlc/llama-q4bf16_1", "mlc/llama-q4f16_0",
        "mlc/llama-q4f16_1", "mlc/llama-q4f16_1-shards", "mlc/llama-q4f16_2",
        "mlc/llama_tied-q4f16_1", "mlc/gemma-q4f16_1", "mlc/gemma3-q4f16_1",
        "mlc/mistral-q4f16_1", "mlc/phi3-q4f16_1", "mlc/mixtral-q4f16_1", "mlc/qwen2-q4f16_1",
        "mlc/qwen3-q4f16_1",
    };
    int n = 0;

    t_begin();
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!data_exists(data_path("golden/tiny/%s/golden.json", folders[i]))
            || (argc > 1 && strcmp(argv[1], folders[i]) != 0))
            continue;
        n++;
        test_model(folders[i], MLCI_TIER_SCALAR, false);
        test_model(folders[i], tier_vector(), false);
        test_model(folders[i], tier_vector(), true);
    }
    if (data_exists(data_path("golden/tiny/mlc/llama-q4f16_1/golden.json")))
        test_stops();
    T_CASE("there are models");
    T_CHECK(n > 0, "none");
    return t_done();
}
