/* SPDX-License-Identifier: Apache-2.0
 *
 * test_adapter.c - sequences with two adapters and with none in one batch have the bits that
 * each has alone, however prompts are cut; forks, wrong calls.  That an adapter does what it
 * should is test_lora.py's.
 */
#include "golden.h"
#include "tiers.h"

#include <sys/stat.h>

#define MODEL "golden/tiny/gguf/llama/llama-Q4_0.gguf"

enum { N_TOKENS = 12, RANK = 3 };

static mlc_error err;

/* A's and B's of some products, random; as PEFT writes them. */
static const char *make_adapter(const char *name, uint64_t seed)
{
    static const struct { const char *name; int rows, columns; } of[] = {
        { "model.layers.0.self_attn.q_proj", 64, 64 }, { "model.layers.1.mlp.down_proj", 64, 128 },
        { "model.layers.2.self_attn.v_proj", 32, 64 }, { "model.layers.2.mlp.gate_proj", 128, 64 },
        { "lm_head", 512, 64 },
    };
    static char folder[600];
    char path[700], head[4096];
    size_t n = 1, at = 0;
    uint64_t length;
    FILE *f;

    snprintf(folder, sizeof folder, "%s", data_path("adapter-%s", name));
    (void)mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/adapter_config.json", folder);
    f = fopen(path, "w");
    T_CHECK(f != NULL && fputs("{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":6}", f) >= 0
            && fclose(f) == 0, "%s", path);
    head[0] = '{';
    for (int i = 0; i < 10; i++) {
        const int rows = i % 2 == 0 ? RANK : of[i / 2].rows;
        const int columns = i % 2 == 0 ? of[i / 2].columns : RANK;

        n += (size_t)snprintf(head + n, sizeof head - n, "%s\"base_model.model.%s.lora_%c.weight\":"
                              "{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}",
                              i > 0 ? "," : "", of[i / 2].name, i % 2 == 0 ? 'A' : 'B', rows,
                              columns, at, at + (size_t)(4 * rows * columns));
        at += (size_t)(4 * rows * columns);
    }
    head[n++] = '}';
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    f = fopen(path, "wb");
    length = n;
    T_CHECK(f != NULL && fwrite(&length, 1, 8, f) == 8 && fwrite(head, 1, n, f) == n, "%s", path);
    for (size_t i = 0; i < at / 4 && f != NULL; i++) {
        const float x = (float)((double)(t_rand(&seed) % 2001) / 1000 - 1) * 0.3f;

        (void)fwrite(&x, 1, 4, f);
    }
    T_CHECK(f != NULL && fclose(f) == 0, "%s", path);
    return folder;
}

static int32_t token_of(int sequence, int i) { return (i * 37 + sequence * 11 + 5) % 512; }

/* Logits of each token of a sequence by itself, in pieces. */
static void alone(mlc_model *m, mlc_adapter *a, int sequence, int piece, float *out)
{
    mlc_session_options o;
    mlc_session *s = NULL;

    mlc_session_options_init(&o);
    o.kv_tokens = 64, o.max_logits = N_TOKENS;
    T_CHECK(mlc_session_open(m, &o, &s, &err) == MLC_OK
            && mlc_session_adapt(s, 0, a, &err) == MLC_OK, "%s", err.text);
    for (int i = 0; i < N_TOKENS && s != NULL; i += piece) {
        mlc_row rows[N_TOKENS] = { { 0, 0, 0, 0, NULL } };

        for (int k = 0; k < piece; k++) {
            rows[k].token = token_of(sequence, i + k);
            rows[k].flags = MLC_ROW_LOGITS;
        }
        T_CHECK(mlc_session_eval_rows(s, rows, (size_t)piece, &err) == MLC_OK, "%s", err.text);
        for (int k = 0; k < piece; k++)
            memcpy(out + (i + k) * 512, mlc_session_logits(s, (size_t)k), 512 * sizeof *out);
    }
    mlc_session_close(s);
}

static void test_batch(mlc_model *m, mlc_adapter **adapters)
{
    static float want[3][N_TOKENS * 512], cut[N_TOKENS * 512];
    mlc_session_options o;
    mlc_session *s = NULL;
    size_t bad = 0;

    T_CASE("alone, in pieces");
    for (int q = 0; q < 3; q++) {
        alone(m, adapters[q], q, 1, want[q]);
        alone(m, adapters[q], q, 6, cut);
        T_CHECK(memcmp(want[q], cut, sizeof cut) == 0, "sequence %d", q);
    }
    alone(m, NULL, 0, 1, cut);
    T_CHECK(memcmp(want[0], cut, sizeof cut) != 0, "an adapter without effect");

    T_CASE("two adapters and none in one batch");
    mlc_session_options_init(&o);
    o.kv_tokens = 256, o.n_sequences = 4, o.max_logits = 12;
    T_CHECK(mlc_session_open(m, &o, &s, &err) == MLC_OK, "%s", err.text);
    for (int q = 0; q < 3 && s != NULL; q++)
        T_CHECK(mlc_session_adapt(s, q, adapters[q], &err) == MLC_OK, "%s", err.text);
    for (int i = 0; i < N_TOKENS && s != NULL; i += 4) {
        mlc_row rows[12] = { { 0, 0, 0, 0, NULL } };

        for (int k = 0; k < 12; k++) {      /* sequences in turn */
            rows[k].sequence = k % 3;
            rows[k].token = token_of(k % 3, i + k / 3);
            rows[k].flags = MLC_ROW_LOGITS;
        }
        T_CHECK(mlc_session_eval_rows(s, rows, 12, &err) == MLC_OK, "%s", err.text);
        for (int k = 0; k < 12; k++)
            bad += memcmp(mlc_session_logits(s, (size_t)k), want[k % 3] + (i + k / 3) * 512,
                          512 * sizeof **want) != 0;
    }
    T_CHECK(bad == 0, "%zu rows have other bits", bad);

    T_CASE("a fork has its adapter");
    T_CHECK(mlc_session_rewind(s, 1, N_TOKENS - 1) == MLC_OK
            && mlc_session_fork(s, 1, 3) == MLC_OK, "fork");
    {
        mlc_row row = { 0, 0, 0, 0, NULL };

        row.sequence = 3, row.token = token_of(1, N_TOKENS - 1), row.flags = MLC_ROW_LOGITS;
        T_CHECK(mlc_session_eval_rows(s, &row, 1, &err) == MLC_OK
                && memcmp(mlc_session_logits(s, 0), want[1] + (N_TOKENS - 1) * 512,
                          512 * sizeof **want) == 0, "other bits");
    }
    T_CASE("wrong calls");
    T_CHECK(mlc_session_adapt(s, 0, NULL, &err) == MLC_EINVAL && strstr(err.text, "rewind") != NULL,
            "%s", err.text);
    T_CHECK(mlc_session_adapt(s, 9, NULL, &err) == MLC_EINVAL, "a sequence that is not there");
    T_CHECK(mlc_session_rewind(s, 0, 0) == MLC_OK && mlc_session_adapt(s, 0, NULL, &err) == MLC_OK,
            "%s", err.text);
    mlc_session_close(s);
}

int main(void)
{
    static const mlci_tier tiers[] = { MLCI_TIER_SCALAR, MLCI_TIER_COUNT };

    t_begin();
    for (int i = 0; i < 2; i++) {
        const mlci_tier tier = tiers[i] == MLCI_TIER_COUNT ? tier_vector() : tiers[i];
        mlc_context *ctx = test_context(mlci_tier_names[tier]);
        mlc_model *m = NULL, *other = NULL;
        mlc_adapter *a[3] = { NULL };
        mlc_session *s = NULL;

        T_CASE("open on %s", mlci_tier_names[tier]);
        T_CHECK(mlc_model_open(ctx, data_path(MODEL), NULL, &m, &err) == MLC_OK
                && mlc_adapter_open(m, make_adapter("one", 3), &a[0], &err) == MLC_OK
                && mlc_adapter_open(m, make_adapter("two", 4), &a[1], &err) == MLC_OK, "%s",
                err.text);
        test_batch(m, a);
        T_CASE("another model's");
        T_CHECK(mlc_model_open(ctx, data_path(MODEL), NULL, &other, &err) == MLC_OK
                && mlc_session_open(other, NULL, &s, &err) == MLC_OK
                && mlc_session_adapt(s, 0, a[0], &err) == MLC_EINVAL, "%s", err.text);
        mlc_session_close(s);
        mlc_model_close(other);
        T_CASE("a session keeps what was closed");
        s = NULL;
        T_CHECK(mlc_session_open(m, NULL, &s, &err) == MLC_OK
                && mlc_session_adapt(s, 0, a[1], &err) == MLC_OK, "%s", err.text);
        mlc_adapter_close(a[0]);
        mlc_adapter_close(a[1]);
        mlc_model_close(m);
        T_CHECK(mlc_session_eval(s, (const int32_t[]){ 1, 2, 3 }, 3, &err) == MLC_OK, "%s",
                err.text);
        mlc_session_close(s);
        mlc_context_close(ctx);
    }
    return t_done();
}
