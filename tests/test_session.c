/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session.c - tiny models (golden/tiny/gguf) through the session interface, on
 * every tier: numbers against the float32 reference; the same bits however a
 * sequence is cut into batches; fork, rewind, save and load as identities; errors
 * that leave things as they were.
 */
#include "golden.h"
#include "sequence.h"
#include "tiers.h"
#include "../include/mlc_experimental.h"
#include "../src/model/model.h"

#include <dirent.h>
#include <math.h>

static mlc_context *ctx;

static mlc_session *session(mlc_model *m, uint32_t n_sequences, uint32_t max_logits,
                            uint64_t kv_tokens)
{
    mlc_session_options o;
    mlc_session *s = NULL;

    mlc_session_options_init(&o);
    o.n_sequences = n_sequences;
    o.max_logits = max_logits;
    o.kv_tokens = kv_tokens;
    T_CHECK(mlc_session_open(m, &o, &s, &err) == MLC_OK, "%s", err.text);
    return s;
}

static mlc_model *model(const char *path)
{
    mlc_model *m = NULL;

    T_CHECK(mlc_model_open(ctx, path, NULL, &m, &err) == MLC_OK, "%s", err.text);
    return m;
}

/* ---- numbers ---------------------------------------------------------------------- */

static void test_goldens(const char *folder, mlci_tier tier)
{
    DIR *dir = opendir(data_path("golden/tiny/gguf/%s", folder));
    golden g;
    int n = 0;

    golden_open(&g, ctx, data_path("golden/tiny/gguf/%s/golden.json", folder));
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        const mlci_json *f = mlci_json_get(mlci_json_get(g.root, "files"), e->d_name);
        mlc_model *m;
        mlc_session *s;

        if (f == NULL)
            continue;
        n++;
        T_CASE("%s on %s", e->d_name, mlci_tier_names[tier]);
        m = model(data_path("golden/tiny/gguf/%s/%s", folder, e->d_name));
        if (m == NULL)
            continue;
        s = session(m, 1, MAX_IDS, 0);
        for (const mlci_json *q = mlci_json_get(f, "sequences")->items; q != NULL; q = q->next)
            check_sequence(s, q, tier == MLCI_TIER_SCALAR ? 1e-3 : 0.05);
        mlc_session_close(s);
        mlc_model_close(m);
    }
    T_CASE("%s: there were models", folder);
    T_CHECK(n > 0, "none");
    if (dir != NULL)
        closedir(dir);
    golden_close(&g);
}

/* ---- the same bits ------------------------------------------------------------------ */

static void random_ids(int32_t *ids, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)t_below(&seed, V);
}

static uint64_t logits_hash(const mlc_session *s, size_t row)
{
    return mlci_hash(mlc_session_logits(s, row), V * sizeof(float), 0);
}

enum { LONG = 200 };

/* Sequence `mine` gets the ids in chunks, with `beside` rows of others in each. */
static uint64_t run_chunks(mlc_session *s, const int32_t *ids, size_t n, size_t chunk,
                           size_t beside)
{
    static mlc_row rows[4 * LONG];
    uint64_t seed = 99;
    const int32_t mine = beside > 0 ? 1 : 0;
    size_t mine_row = 0;

    for (int32_t i = 0; i < 3; i++)
        mlc_session_rewind(s, i, 0);
    for (size_t at = 0; at < n; at += chunk) {
        size_t k = 0, len = n - at < chunk ? n - at : chunk;

        memset(rows, 0, sizeof rows);
        for (size_t i = 0; i < beside; i++, k++)
            rows[k].sequence = i % 2 == 0 ? 0 : 2, rows[k].token = (int32_t)t_below(&seed, V);
        for (size_t i = 0; i < len; i++, k++)
            rows[k].sequence = mine, rows[k].token = ids[at + i];
        mine_row = k - 1;
        rows[mine_row].flags = MLC_ROW_LOGITS;
        if (beside > 0)                  /* rows behind as well as before      */
            rows[k].sequence = 2, rows[k++].token = 5;
        T_CHECK(mlc_session_eval_rows(s, rows, k, &err) == MLC_OK, "%s", err.text);
    }
    return logits_hash(s, 0);
}

static void test_same_bits(mlc_model *m, const char *tier)
{
    static const size_t chunks[] = { 1, 7, 64, LONG };
    mlc_session *s = session(m, 3, 1, 3000);
    int32_t ids[LONG];
    uint64_t first = 0;

    T_CASE("chunks of 1, 7, 64 and whole, alone and beside others: same bits on %s", tier);
    random_ids(ids, LONG, t_seed);
    for (size_t c = 0; c < 4; c++)
        for (size_t beside = 0; beside < 6; beside += 5) {
            uint64_t h = run_chunks(s, ids, LONG, chunks[c], beside);

            if (c == 0 && beside == 0)
                first = h;
            T_CHECK(h == first, "chunks of %zu beside %zu", chunks[c], beside);
        }
    mlc_session_close(s);
}

/* ---- fork, rewind, save, load ------------------------------------------------------- */

typedef struct memory { unsigned char *p; size_t n, cap, at, limit; } memory;

static mlc_status memory_write(void *user, const void *bytes, size_t n)
{
    memory *b = user;

    if (b->n + n > b->limit)
        return MLC_EIO;
    if (b->n + n > b->cap)
        b->p = realloc(b->p, b->cap = 2 * (b->n + n));
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return MLC_OK;
}

static mlc_status memory_read(void *user, void *buf, size_t n)
{
    memory *b = user;

    if (n > b->n - b->at)
        return MLC_EIO;
    memcpy(buf, b->p + b->at, n);
    b->at += n;
    return MLC_OK;
}

/* What the next token gives, on a fork so that the sequence stays. */
static uint64_t probe(mlc_session *s, int32_t seq)
{
    mlc_row row = { 2, 17, MLC_ROW_LOGITS, 0, NULL };

    T_CHECK(mlc_session_fork(s, seq, 2) == MLC_OK, "fork");
    T_CHECK(mlc_session_eval_rows(s, &row, 1, &err) == MLC_OK, "%s", err.text);
    mlc_session_rewind(s, 2, 0);
    return logits_hash(s, 0);
}

static void test_identities(mlc_model *m)
{
    mlc_session *s = session(m, 3, 1, 3000);
    int32_t ids[LONG];
    uint64_t h;
    memory b = { .limit = SIZE_MAX };
    mlc_row row = { 1, 3, 0, 0, NULL };

    random_ids(ids, LONG, t_seed + 1);
    T_CHECK(mlc_session_eval(s, ids, LONG, &err) == MLC_OK, "%s", err.text);
    h = probe(s, 0);

    T_CASE("rewind takes back");
    T_CHECK(mlc_session_eval(s, ids, 30, &err) == MLC_OK, "%s", err.text);
    T_CHECK(probe(s, 0) != h, "other tokens, other numbers");
    T_CHECK(mlc_session_rewind(s, 0, LONG) == MLC_OK && probe(s, 0) == h, "%zu tokens left",
            mlc_session_length(s, 0));
    T_CHECK(mlc_session_rewind(s, 0, LONG + 1) == MLC_EINVAL, "longer than it is");
    T_CHECK(memcmp(mlc_session_tokens(s, 0), ids, sizeof ids) == 0, "tokens");

    T_CASE("a fork is a copy");
    T_CHECK(mlc_session_fork(s, 0, 1) == MLC_OK && probe(s, 1) == h, "same");
    for (int i = 0; i < 70; i++)
        mlc_session_eval_rows(s, &row, 1, &err);
    T_CHECK(probe(s, 0) == h && mlc_session_length(s, 1) == LONG + 70, "source unchanged");
    T_CHECK(mlc_session_rewind(s, 0, 0) == MLC_OK
            && mlc_session_rewind(s, 1, LONG) == MLC_OK && probe(s, 1) == h,
            "it outlives its source");
    T_CHECK(mlc_session_fork(s, 1, 0) == MLC_OK && probe(s, 0) == h, "and back");
    T_CHECK(mlc_session_fork(s, 0, 9) == MLC_EINVAL && mlc_session_fork(s, -1, 0) == MLC_EINVAL,
            "sequences that do not exist");

    T_CASE("save and load");
    T_CHECK(mlc_session_save(s, 0, memory_write, &b, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlc_session_load(s, 1, memory_read, &b, &err) == MLC_OK && b.at == b.n, "%s",
            err.text);
    T_CHECK(probe(s, 1) == h && memcmp(mlc_session_tokens(s, 1), ids, sizeof ids) == 0, "same");

    T_CASE("a saved file cut anywhere is an error and an empty sequence");
    for (size_t n = 0; n < b.n; n += n < 300 ? 1 : 997) {
        memory cut = { b.p, n, n, 0, 0 };

        T_CHECK(mlc_session_load(s, 1, memory_read, &cut, &err) != MLC_OK
                && mlc_session_length(s, 1) == 0, "%zu of %zu bytes", n, b.n);
    }
    T_CASE("a saved file with a wrong byte in its head");
    for (size_t i = 0; i < 48; i++) {
        memory bad = { b.p, b.n, b.n, 0, 0 };

        b.p[i] ^= 0x41;
        if (mlc_session_load(s, 1, memory_read, &bad, &err) != MLC_OK)
            T_CHECK(mlc_session_length(s, 1) == 0 && err.text[0] != 0, "byte %zu", i);
        b.p[i] ^= 0x41;
    }
    T_CHECK(probe(s, 0) == h, "other sequences are untouched");
    T_CASE("a write that fails stops the save");
    b.limit = b.n + 1000;
    T_CHECK(mlc_session_save(s, 0, memory_write, &b, &err) == MLC_EIO, "status");
    free(b.p);
    mlc_session_close(s);
}

/* ---- errors and limits ----------------------------------------------------------------- */

typedef struct canceler { mlc_session *s; atomic_int go; } canceler;

static void cancel_run(void *arg)
{
    canceler *c = arg;

    while (atomic_load(&c->go) == 0)
        mlci_os_yield();
    for (int i = 0; i < 200000 && atomic_load(&c->go) == 1; i++) {
        mlc_session_cancel(c->s);
        mlci_os_yield();
    }
}

static void test_errors(mlc_model *m)
{
    mlc_session *s = session(m, 2, 2, 128);
    int32_t ids[LONG], bad = V;
    mlc_row rows[3] = { { 0, 1, MLC_ROW_LOGITS, 0, NULL }, { 1, 2, MLC_ROW_LOGITS, 0, NULL },
                        { 0, 3, MLC_ROW_LOGITS, 0, NULL } };
    canceler c;
    mlci_thread t;
    int canceled = 0;

    random_ids(ids, LONG, t_seed);
    T_CASE("all or nothing");
    T_CHECK(mlc_session_eval(s, ids, 10, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlc_session_eval(s, &bad, 1, &err) == MLC_EINVAL && strstr(err.text, "512") != NULL
            && mlc_session_length(s, 0) == 10, "%s", err.text);
    bad = -1;
    T_CHECK(mlc_session_eval(s, &bad, 1, &err) == MLC_EINVAL, "%s", err.text);
    T_CHECK(mlc_session_eval(s, ids, LONG, &err) == MLC_EKVFULL
            && mlc_session_length(s, 0) == 10, "%s", err.text);
    T_CHECK(mlc_session_eval(s, ids, 128 - 10, &err) == MLC_OK
            && mlc_session_eval(s, ids, 1, &err) == MLC_EKVFULL
            && mlc_session_length(s, 0) == 128, "to the last place: %s", err.text);
    T_CHECK(mlc_session_rewind(s, 0, 5) == MLC_OK
            && mlc_session_eval(s, ids, 1, &err) == MLC_OK, "and back: %s", err.text);
    T_CHECK(mlc_session_eval_rows(s, rows, 3, &err) == MLC_EINVAL
            && mlc_session_length(s, 0) == 6 && mlc_session_length(s, 1) == 0,
            "more logits than rows of them: %s", err.text);
    T_CHECK(mlc_session_eval_rows(s, rows, 2, &err) == MLC_OK
            && mlc_session_logits(s, 1) != NULL && mlc_session_logits(s, 2) == NULL, "%s",
            err.text);
    rows[0].sequence = 2;
    T_CHECK(mlc_session_eval_rows(s, rows, 1, &err) == MLC_EINVAL, "%s", err.text);
    T_CHECK(mlc_session_eval(s, NULL, 0, &err) == MLC_OK
            && mlc_session_eval(s, NULL, 1, &err) == MLC_EINVAL, "no tokens");
    mlc_session_close(s);

    T_CASE("cancel from another thread");
    s = session(m, 1, 1, 1024);
    c.s = s;
    atomic_init(&c.go, 0);
    T_CHECK(mlci_os_thread_start(&t, cancel_run, &c) == 0, "thread");
    for (int i = 0; i < 50 && canceled == 0; i++) {
        size_t before = mlc_session_length(s, 0);
        mlc_status st;

        atomic_store(&c.go, 1);
        st = mlc_session_eval(s, ids, LONG, &err);
        canceled += st == MLC_ECANCELED;
        T_CHECK(st == MLC_OK || (st == MLC_ECANCELED && mlc_session_length(s, 0) == before),
                "%s", mlc_status_name(st));
        mlc_session_rewind(s, 0, 0);
    }
    atomic_store(&c.go, 2);
    mlci_os_thread_join(&t);
    T_CHECK(canceled > 0, "never canceled");
    T_CHECK(mlc_session_eval(s, ids, LONG, &err) == MLC_OK, "and it still works: %s", err.text);
    mlc_session_close(s);
}

/* A row may bring its embedding: the token's own gives the token's logits. */
static void test_embedding(mlc_model *m)
{
    mlc_session *s = session(m, 1, 1, 128);
    const mlci_tensor *t = mlci_config_tensor(&m->config, "token_embd.weight");
    float *table = malloc(V * 64 * sizeof *table);
    mlc_row row = { 0, 9, MLC_ROW_LOGITS, 0, NULL };
    uint64_t h;

    T_CASE("a row with an embedding");
    T_CHECK(mlci_source_read(m->files.items, t->offset, table, V * 64 * sizeof *table, &err)
            == MLC_OK, "%s", err.text);
    mlc_session_eval_rows(s, &row, 1, &err);
    h = logits_hash(s, 0);
    mlc_session_rewind(s, 0, 0);
    row.embedding = table + 9 * 64;
    row.token = -5;
    T_CHECK(mlc_session_eval_rows(s, &row, 1, &err) == MLC_OK && logits_hash(s, 0) == h, "%s",
            err.text);
    T_CHECK(mlc_session_tokens(s, 0)[0] == -1, "its id is -1");
    row.embedding = table + 10 * 64;
    mlc_session_rewind(s, 0, 0);
    mlc_session_eval_rows(s, &row, 1, &err);
    T_CHECK(logits_hash(s, 0) != h, "another one gives others");
    free(table);
    mlc_session_close(s);
}

/* Whatever passes are left out, the same model comes out. */
static void test_without(const char *path)
{
    static const char *const withouts[] = { "merge", "decode", "prologue", "epilogue", "fuse_ops",
                                            "merge,decode,prologue,epilogue,fuse_ops" };
    static float want[V];
    int32_t ids[LONG];

    random_ids(ids, LONG, t_seed);
    for (size_t w = 0; w <= sizeof withouts / sizeof *withouts; w++) {
        mlc_model *m = NULL;
        mlc_session *s;
        const float *logits;

        T_CASE("%s without '%s'", strrchr(path, '/') + 1, w > 0 ? withouts[w - 1] : "");
        if (mlcx_model_open(ctx, path, w > 0 ? withouts[w - 1] : NULL, NULL, &m, &err)
            != MLC_OK) {
            T_CHECK(0, "%s", err.text);
            continue;
        }
        s = session(m, 1, 1, 512);
        T_CHECK(mlc_session_eval(s, ids, 90, &err) == MLC_OK
                && mlc_session_eval(s, ids + 90, 1, &err) == MLC_OK, "%s", err.text);
        logits = mlc_session_logits(s, 0);
        if (w == 0)
            memcpy(want, logits, sizeof want);
        for (int i = 0; i < V; i++)      /* float32 sums in other orders           */
            T_CHECK(fabs((double)(logits[i] - want[i])) <= 1e-3, "logit %d: %g, want %g", i,
                    (double)logits[i], (double)want[i]);
        mlc_session_close(s);
        mlc_model_close(m);
    }
}

int main(void)
{
    t_begin();
    for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
        mlc_model *m;

        ctx = test_context(mlci_tier_names[t]);
        test_goldens("llama", t);
        test_goldens("llama-h256", t);
        test_goldens("gemma3_text", t);
        T_CASE("open on %s", mlci_tier_names[t]);
        m = model(data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"));
        test_same_bits(m, mlci_tier_names[t]);
        mlc_model_close(m);
        m = model(data_path("golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"));
        test_same_bits(m, mlci_tier_names[t]);
        mlc_model_close(m);
        mlc_context_close(ctx);
    }
    ctx = test_context("scalar");
    test_without(data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"));
    test_without(data_path("golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"));
    mlc_context_close(ctx);

    ctx = test_context(NULL);
    for (int i = 0; i < 2; i++) {
        mlc_model *m;

        T_CASE("open");
        m = model(data_path(i == 0 ? "golden/tiny/gguf/llama/llama-Q4_0.gguf"
                                   : "golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"));
        test_identities(m);
        test_errors(m);
        mlc_model_close(m);
    }
    if (data_exists(data_path("golden/tiny/gguf/llama/llama-F32.gguf"))) {
        mlc_model *m;

        T_CASE("open");
        m = model(data_path("golden/tiny/gguf/llama/llama-F32.gguf"));
        test_embedding(m);
        mlc_model_close(m);
    }
    mlc_context_close(ctx);
    return t_done();
}
