/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sampler.c - the distribution that tokens are drawn from, against a plain
 * reference: exactly the tokens that top-k, top-p and min-p let through, each as
 * often as it should be; penalties and biases by their formulas; log-probabilities
 * of the model itself.
 */
#include "golden.h"
#include "../src/engine/engine.h"

#include <math.h>

enum { V = 300, DRAWS = 20000 };

static mlc_context *ctx;

static mlci_params neutral(void)
{
    mlci_params p;

    memset(&p, 0, sizeof p);
    p.temperature = p.top_p = p.repetition = 1.0f;
    p.seed = t_seed;
    return p;
}

static void make_logits(float *x, uint64_t seed, float spread)
{
    for (int i = 0; i < V; i++)
        x[i] = spread * t_uniform(&seed);
    x[7] = x[3];                            /* a tie */
}

/* ---- the reference ----------------------------------------------------------------- */

static const double *sort_by;

static int by_probability(const void *a, const void *b)
{
    int i = *(const int *)a, j = *(const int *)b;

    return sort_by[i] != sort_by[j] ? (sort_by[i] < sort_by[j] ? 1 : -1) : i - j;
}

/* temperature, top-k, softmax, top-p, min-p; what is left, normalised. */
static void reference(const mlci_params *p, const float *logits, double *prob)
{
    int order[V];
    double max = -INFINITY, sum = 0, kept = 0;
    int n = p->top_k > 0 && p->top_k < V ? p->top_k : V, k;

    for (int i = 0; i < V; i++)
        max = fmax(max, (double)logits[i]);
    for (int i = 0; i < V; i++) {
        prob[i] = exp(((double)logits[i] - max) / (double)p->temperature);
        order[i] = i;
    }
    sort_by = prob;
    qsort(order, V, sizeof *order, by_probability);
    for (k = n; k < V; k++)
        prob[order[k]] = 0;
    for (k = 0; k < n; k++)
        sum += prob[order[k]];
    for (k = 0; k < n; k++) {
        bool in = k == 0 || (kept < (double)p->top_p * sum
                             && prob[order[k]] >= (double)p->min_p * prob[order[0]]);

        if (!in) {
            for (; k < n; k++)
                prob[order[k]] = 0;
            break;
        }
        kept += prob[order[k]];
    }
    for (int i = 0; i < V; i++)
        prob[i] /= kept;
}

/* ---- distributions ------------------------------------------------------------------- */

static const struct { const char *name; float temperature, top_p, min_p; int top_k; float spread; }
settings[] = {
    { "plain", 1, 1, 0, 0, 4 },       { "hot", 2.5f, 1, 0, 0, 4 },
    { "cold", 0.2f, 1, 0, 0, 4 },     { "top-k 5", 1, 1, 0, 5, 2 },
    { "top-k 1", 1, 1, 0, 1, 2 },     { "top-p 0.5", 1, 0.5f, 0, 0, 5 },
    { "top-p 0", 1, 0, 0, 0, 5 },     { "min-p 0.2", 1, 1, 0.2f, 0, 4 },
    { "min-p 1", 1, 1, 1, 0, 4 },     { "all", 0.8f, 0.9f, 0.05f, 40, 5 },
    { "flat", 1, 1, 0, 0, 0 },        { "top-k of all", 1, 0.7f, 0, V, 3 },
};

static mlci_candidate_token tokens[V];
static float weights[V];
static mlci_sampling scratch = { tokens, weights };

static void test_distribution(int which)
{
    mlci_params p = neutral();
    mlci_sampler s;
    static float logits[V], x[V];
    double prob[V], chi = 0;
    int hits[V] = { 0 }, cells = 0;

    T_CASE("%s", settings[which].name);
    p.temperature = settings[which].temperature, p.top_p = settings[which].top_p;
    p.min_p = settings[which].min_p, p.top_k = settings[which].top_k;
    make_logits(logits, t_seed + (uint64_t)which, settings[which].spread);
    reference(&p, logits, prob);
    T_CHECK(mlci_sampler_open(&s, ctx, &p, V, 10) == MLC_OK, "open");
    for (int i = 0; i < DRAWS; i++) {
        memcpy(x, logits, sizeof x);
        hits[mlci_sampler_pick(&s, x, &scratch, NULL)]++;
    }
    for (int i = 0; i < V; i++) {
        double want = prob[i] * DRAWS;

        T_CHECK(prob[i] > 0 || hits[i] == 0, "token %d must not come", i);
        if (want >= 5) {
            chi += (hits[i] - want) * (hits[i] - want) / want;
            cells++;
        }
    }
    /* chi^2 of f degrees is about normal(f, 2 f): six sigma, and room for small f */
    T_CHECK(chi <= cells + 6 * sqrt(2.0 * cells) + 10, "chi^2 is %.1f for %d tokens", chi,
            cells);
    T_CHECK(cells > 0, "no token is likely enough to count");
    mlci_sampler_close(&s, ctx);
}

static void test_seed(void)
{
    mlci_params p = neutral(), q = neutral();
    mlci_sampler a, b, c;
    float logits[V], x[V];
    int same = 0;

    T_CASE("same seed, same tokens");
    q.seed = p.seed + 1;
    make_logits(logits, t_seed, 1);
    mlci_sampler_open(&a, ctx, &p, V, 10);
    mlci_sampler_open(&b, ctx, &p, V, 10);
    mlci_sampler_open(&c, ctx, &q, V, 10);
    for (int i = 0; i < 200; i++) {
        int32_t ia, ib, ic;

        memcpy(x, logits, sizeof x);
        ia = mlci_sampler_pick(&a, x, &scratch, NULL);
        memcpy(x, logits, sizeof x);
        ib = mlci_sampler_pick(&b, x, &scratch, NULL);
        memcpy(x, logits, sizeof x);
        ic = mlci_sampler_pick(&c, x, &scratch, NULL);
        T_CHECK(ia == ib, "draw %d", i);
        same += ia == ic;
    }
    T_CHECK(same < 50, "another seed gives other tokens: %d of 200 are equal", same);
}

/* ---- what changes logits ---------------------------------------------------------------- */

static void test_penalties(void)
{
    mlci_params p = neutral();
    mlci_bias biases[2] = { { 20, 4.5f }, { 21, -INFINITY } };
    int32_t prompt[3] = { 10, 11, 10 };
    mlci_sampler s;
    float logits[V], x[V];
    mlci_logprob lp;

    T_CASE("greedy takes the largest, the first of equals");
    p.temperature = 0;
    make_logits(logits, t_seed, 1);
    logits[100] = logits[200] = 9;
    mlci_sampler_open(&s, ctx, &p, V, 10);
    memcpy(x, logits, sizeof x);
    T_CHECK(mlci_sampler_pick(&s, x, &scratch, NULL) == 100, "greedy");
    logits[100] = -INFINITY, logits[200] = NAN;
    memcpy(x, logits, sizeof x);
    T_CHECK(mlci_sampler_pick(&s, x, &scratch, NULL) >= 0, "NaN and infinity do no harm");
    mlci_sampler_close(&s, ctx);

    T_CASE("penalties by their formulas");
    make_logits(logits, t_seed, 1);
    logits[10] = 2, logits[11] = -2, logits[50] = 8;
    p.prompt = prompt, p.n_prompt = 3;
    p.repetition = 1.5f, p.presence = 0.25f, p.frequency = 0.5f;
    p.biases = biases, p.n_biases = 2;
    mlci_sampler_open(&s, ctx, &p, V, 10);
    for (int i = 0; i < 3; i++) {           /* 50 comes while it stays largest  */
        double want50 = i == 0 ? 8 : 8 / 1.5 - 0.25 - 0.5 * i;

        memcpy(x, logits, sizeof x);
        T_CHECK(mlci_sampler_pick(&s, x, &scratch, NULL) == 50, "draw %d", i);
        T_CHECK(fabs((double)x[50] - want50) < 1e-5, "output token: %g, want %g",
                (double)x[50], want50);
        T_CHECK(fabs((double)x[10] - 2 / 1.5) < 1e-5 && fabs((double)x[11] + 3) < 1e-5,
                "prompt tokens: %g, %g", (double)x[10], (double)x[11]);
        T_CHECK(x[20] == logits[20] + 4.5f && x[21] == -INFINITY, "biases");
        T_CHECK(x[30] == logits[30], "others stay");
    }
    mlci_sampler_close(&s, ctx);

    T_CASE("log-probabilities are the model's own");
    p.logprobs = true, p.top_logprobs = 5;
    mlci_sampler_open(&s, ctx, &p, V, 10);
    for (int i = 0; i < 2; i++) {
        double sum = 0;
        int32_t id;

        for (int k = 0; k < V; k++)
            sum += exp((double)logits[k]);
        memcpy(x, logits, sizeof x);
        id = mlci_sampler_pick(&s, x, &scratch, &lp);
        T_CHECK(fabs((double)lp.logprob - ((double)logits[id] - log(sum))) < 1e-4, "%g, want %g",
                (double)lp.logprob, (double)logits[id] - log(sum));
        T_CHECK(lp.ids[0] == 50 && fabs((double)lp.tops[0] - (8 - log(sum))) < 1e-4, "top");
        for (int k = 1; k < 5; k++)
            T_CHECK(lp.tops[k] <= lp.tops[k - 1] && lp.ids[k] != lp.ids[k - 1], "order");
    }
    mlci_sampler_close(&s, ctx);

    T_CASE("a forbidden token never comes, a forced one always");
    p = neutral();
    biases[0] = (mlci_bias){ 42, 1000 }, biases[1] = (mlci_bias){ 50, -INFINITY };
    p.biases = biases + 1, p.n_biases = 1;
    mlci_sampler_open(&s, ctx, &p, V, 10);
    for (int i = 0; i < 500; i++) {
        memcpy(x, logits, sizeof x);
        T_CHECK(mlci_sampler_pick(&s, x, &scratch, NULL) != 50, "draw %d", i);
    }
    mlci_sampler_close(&s, ctx);
    p.biases = biases;
    mlci_sampler_open(&s, ctx, &p, V, 10);
    for (int i = 0; i < 50; i++) {
        memcpy(x, logits, sizeof x);
        T_CHECK(mlci_sampler_pick(&s, x, &scratch, NULL) == 42, "draw %d", i);
    }
    mlci_sampler_close(&s, ctx);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    for (int i = 0; i < (int)(sizeof settings / sizeof *settings); i++)
        test_distribution(i);
    test_seed();
    test_penalties();
    mlc_context_close(ctx);
    return t_done();
}
