/* SPDX-License-Identifier: Apache-2.0
 *
 * test_models.c - the three real models on every tier against a float32 reference
 * on the same weights (golden/models): token ids, NLL of every position, the top 8
 * after the prompt, greedy continuation while the gap is clear.
 *
 * The default kernels may be 0.005 off on average, the float tier 0.001.
 * MLC_TEST_TIER names the only tier to run; MLC_TEST_QUICK leaves one model and
 * one prompt of it.
 */
#include "golden.h"
#include "tiers.h"

#include <math.h>

enum { MAX_IDS = 4096, MAX_VOCAB = 300000, ROWS = 32 };

typedef struct distance {
    double   nll, top;
    long     n_nll, n_top;
    int      greedy, of;
    uint64_t bits;                 /* a hash of all last logits                 */
} distance;

static mlc_context *ctx;
static mlc_error    err;
static float        last[MAX_VOCAB];

static double log_sum(const float *x, uint32_t n)
{
    double max = -INFINITY, sum = 0;

    for (uint32_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    for (uint32_t i = 0; i < n; i++)
        if ((double)x[i] > max - 60)
            sum += (double)expf((float)((double)x[i] - max));
    return max + log(sum);
}

/* NLL of all ids in batches of ROWS; the last row's logits stay in `last`. */
static void score(mlc_session *s, const int32_t *ids, size_t n, uint32_t vocab,
                  const mlci_json *nll, distance *d)
{
    mlc_row rows[ROWS];

    mlc_session_rewind(s, 0, 0);
    for (size_t at = 0; at < n; at += ROWS) {
        size_t k = n - at < ROWS ? n - at : ROWS;

        memset(rows, 0, sizeof rows);
        for (size_t i = 0; i < k; i++)
            rows[i].token = ids[at + i], rows[i].flags = MLC_ROW_LOGITS;
        T_CHECK(mlc_session_eval_rows(s, rows, k, &err) == MLC_OK, "%s", err.text);
        for (size_t i = 0; i < k; i++) {
            const float *logits = mlc_session_logits(s, i);

            if (at + i + 1 == n) {
                memcpy(last, logits, vocab * sizeof *last);
            } else if (nll != NULL) {
                d->nll += fabs(log_sum(logits, vocab) - (double)logits[ids[at + i + 1]]
                               - golden_number(nll));
                d->n_nll++;
                nll = nll->next;
            }
        }
    }
}

/* Whole and in sevens: the bits that batches of ROWS gave. */
static void check_chunks(mlc_session *s, const int32_t *ids, size_t n, uint32_t vocab)
{
    for (int k = 0; k < 2; k++) {
        size_t chunk = k == 0 ? 7 : n;

        mlc_session_rewind(s, 0, 0);
        for (size_t at = 0; at < n; at += chunk)
            T_CHECK(mlc_session_eval(s, ids + at, n - at < chunk ? n - at : chunk, &err)
                    == MLC_OK, "%s", err.text);
        T_CHECK(memcmp(mlc_session_logits(s, 0), last, vocab * sizeof *last) == 0,
                "other bits in chunks of %zu", chunk);
    }
}

static void check_prompt(mlc_session *s, const mlc_tokenizer *tok, const mlci_json *p,
                         distance *d)
{
    static int32_t ids[MAX_IDS], want[MAX_IDS];
    const mlci_json *text = mlci_json_get(p, "text"), *id = mlci_json_get(p, "id");
    const mlci_json *text_ids = mlci_json_get(p, "text_ids");
    const mlci_json *top = mlci_json_get(p, "last_top"), *gap, *logprob;
    const uint32_t vocab = (uint32_t)mlc_tokenizer_size(tok);
    size_t n, n_want = golden_ids(text_ids != NULL ? text_ids : mlci_json_get(p, "ids"), want,
                                  MAX_IDS), n_greedy;
    double sum;
    int32_t greedy[64];

    T_CHECK(mlc_tokenizer_encode(tok, text->text, text->text_bytes,
                                 MLC_ENCODE_SPECIAL | MLC_ENCODE_PARSE, ids, MAX_IDS, &n)
            == MLC_OK && n == n_want && memcmp(ids, want, n * sizeof *ids) == 0,
            "%.*s: %zu ids, want %zu", (int)id->text_bytes, id->text, n, n_want);
    n = golden_ids(mlci_json_get(p, "ids"), ids, MAX_IDS);
    score(s, ids, n, vocab, mlci_json_get(p, "nll")->items, d);
    sum = log_sum(last, vocab);
    d->bits = mlci_hash(last, vocab * sizeof *last, d->bits);
    logprob = mlci_json_get(top, "logprobs")->items;
    for (const mlci_json *t = mlci_json_get(top, "ids")->items; t != NULL;
         t = t->next, logprob = logprob->next, d->n_top++)
        d->top += fabs((double)last[golden_int(t)] - sum - golden_number(logprob));

    if (d->n_top == 8)                      /* one prompt is enough             */
        check_chunks(s, ids, n, vocab);
    n_greedy = golden_ids(mlci_json_get(p, "greedy"), greedy, 64);
    gap = mlci_json_get(p, "greedy_gap")->items;
    for (size_t i = 0; i < n_greedy && golden_number(gap) >= 0.05; i++, gap = gap->next) {
        const float *x = i == 0 ? last : mlc_session_logits(s, 0);
        int32_t best = 0;

        for (uint32_t t = 1; t < vocab; t++)
            best = x[t] > x[best] ? (int32_t)t : best;
        d->of++;
        d->greedy += best == greedy[i];
        T_CHECK(best == greedy[i], "%.*s: greedy %zu is %d, want %d", (int)id->text_bytes,
                id->text, i, best, greedy[i]);
        if (best != greedy[i] || mlc_session_eval(s, &best, 1, &err) != MLC_OK)
            break;
    }
}

static void test_model(const char *name, mlci_tier tier)
{
    const double bound = tier == MLCI_TIER_SCALAR ? 0.001 : 0.005;
    const char *path = data_path("models/%s.gguf", name);
    mlc_model *m = NULL;
    mlc_session_options o;
    mlc_session *s = NULL;
    golden g;
    distance d = { 0 };
    /* float is right, not fast; the vector tiers give the same bits */
    int left = tier == MLCI_TIER_SCALAR ? 4
             : tier == tier_vector() || tier_after(tier) == MLCI_TIER_COUNT ? 1000 : 4;


    if (getenv("MLC_TEST_QUICK") != NULL)
        left = 1;
    T_CASE("%s on %s", name, mlci_tier_names[tier]);
    if (!data_exists(path)) {
        t_skip("the model is not here");
        return;
    }
    ctx = test_context(mlci_tier_names[tier]);
    golden_open(&g, ctx, data_path("golden/models/%s.json", name));
    T_CHECK(g.root != NULL, "no golden");
    T_CHECK(mlc_model_open(ctx, path, NULL, &m, &err) == MLC_OK, "%s", err.text);
    mlc_session_options_init(&o);
    o.max_logits = ROWS, o.kv_tokens = 2048;
    if (m != NULL && g.root != NULL && mlc_session_open(m, &o, &s, &err) == MLC_OK)
        for (const mlci_json *p = mlci_json_get(g.root, "prompts")->items;
             p != NULL && left-- > 0; p = p->next)
            check_prompt(s, mlc_model_tokenizer(m), p, &d);
    T_CHECK(d.n_nll > 0 && d.n_top > 0, "nothing was compared: %s", err.text);
    T_CHECK(d.nll / (double)d.n_nll <= bound && d.top / (double)d.n_top <= bound,
            "mean |d nll| %.5f, mean |d logprob| %.5f, bound %g", d.nll / (double)d.n_nll,
            d.top / (double)d.n_top, bound);
    printf("%-8s %-11s mean |d nll| %.6f  mean |d logprob| %.6f  greedy %d of %d  bits %016llx\n",
           name, mlci_tier_names[tier], d.nll / (double)d.n_nll, d.top / (double)d.n_top,
           d.greedy, d.of, (unsigned long long)d.bits);
    mlc_session_close(s);
    mlc_model_close(m);
    golden_close(&g);
    mlc_context_close(ctx);
}

int main(void)
{
    static const char *const names[] = { "smollm2", "qwen2", "gemma3" };
    const char *only = getenv("MLC_TEST_TIER");
    const int models = getenv("MLC_TEST_QUICK") != NULL ? 1 : 3;

    t_begin();
    for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
        if (only != NULL && strcmp(only, mlci_tier_names[t]) != 0)
            continue;
        for (int i = 0; i < models; i++)
            test_model(names[i], t);
    }
    return t_done();
}
