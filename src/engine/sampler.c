/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.c - from logits to a token.
 *
 * Order: logit bias; repetition (Keskar et al. 2019, over prompt and output),
 * presence and frequency penalties (over output) - temperature - top-k - softmax
 * - top-p - min-p - one random number.  Temperature 0 is the largest logit.  What is
 * arithmetic is generated kernels (kernels/defs/ops.tir, "sampling"); here is which
 * tokens they get, and the choice: a heap, a running sum, one number.
 *
 * Tokens whose logit is so far below the largest that together they weigh less
 * than 10^-8 are left out at once (SA_RANGE): of 150,000 a few hundred remain, and
 * the exponentials of the others are never computed.  The remaining ones form a
 * heap; only as many as top-k and top-p let through are taken off it.
 */
#include "engine.h"

#include <math.h>
#include <string.h>

/* 2^18 tokens times e^-31 is 10^-8. */
static const float sa_range = 31.0f;

enum { SA_SOME = 64 };   /* seen tokens at a time */

mlc_status mlci_sampler_open(mlci_sampler *s, mlc_context *ctx, const mlci_params *p,
                             uint32_t vocab, size_t max_tokens)
{
    bool counts = p->repetition != 1.0f || p->presence != 0 || p->frequency != 0;

    memset(s, 0, sizeof *s);
    s->ctx = ctx;
    s->params = p;
    s->rng = p->seed;
    s->vocab = vocab;
    if (!counts)
        return MLC_OK;
    s->seen_cap = mlci_min(vocab, p->n_prompt + max_tokens);
    s->counts = mlci_new(ctx, vocab, sizeof *s->counts);
    s->in_prompt = mlci_new(ctx, vocab, 1);
    s->seen = mlci_new(ctx, s->seen_cap, sizeof *s->seen);
    if (s->counts == NULL || s->in_prompt == NULL || s->seen == NULL) {
        mlci_sampler_close(s, ctx);
        return MLC_ENOMEM;
    }
    for (size_t i = 0; i < p->n_prompt; i++)
        if (!s->in_prompt[p->prompt[i]]) {
            s->in_prompt[p->prompt[i]] = 1;
            s->seen[s->n_seen++] = p->prompt[i];
        }
    return MLC_OK;
}

void mlci_sampler_close(mlci_sampler *s, mlc_context *ctx)
{
    mlci_delete(ctx, s->counts, s->vocab, sizeof *s->counts);
    mlci_delete(ctx, s->in_prompt, s->vocab, 1);
    mlci_delete(ctx, s->seen, s->seen_cap, sizeof *s->seen);
    s->counts = NULL;
    s->in_prompt = NULL;
    s->seen = NULL;
}

static void sa_adjust(const mlci_sampler *s, float *logits)
{
    const mlci_params *p = s->params;

    for (size_t i = 0; i < p->n_biases; i++)
        logits[p->biases[i].id] += p->biases[i].bias;
    for (size_t i = 0; i < s->n_seen; i += SA_SOME) {
        size_t n = mlci_min(s->n_seen - i, (size_t)SA_SOME);
        int32_t counts[SA_SOME];
        float x[SA_SOME];

        for (size_t k = 0; k < n; k++) {
            counts[k] = s->counts[s->seen[i + k]];
            x[k] = logits[s->seen[i + k]];
        }
        mlci_logits_penalize(s->ctx, x, counts, n, p->repetition, p->frequency, p->presence);
        for (size_t k = 0; k < n; k++)
            logits[s->seen[i + k]] = x[k];
    }
}

static void sa_remember(mlci_sampler *s, int32_t id)
{
    if (s->counts == NULL)
        return;
    if (s->counts[id] == 0 && !s->in_prompt[id] && s->n_seen < s->seen_cap)
        s->seen[s->n_seen++] = id;
    if (s->counts[id] < UINT16_MAX)
        s->counts[id]++;
}

/* ---- log-probabilities ------------------------------------------------------------ */

/* The k largest in order, by insertion: k is at most 20. */
static void sa_tops(const float *x, uint32_t n, uint32_t k, int32_t *ids, float *tops)
{
    uint32_t have = 0;

    for (uint32_t i = 0; i < n && k > 0; i++) {
        uint32_t at;

        if (have == k && !(x[i] > tops[k - 1]))
            continue;
        have += have < k;
        for (at = have - 1; at > 0 && x[i] > tops[at - 1]; at--) {
            tops[at] = tops[at - 1];
            ids[at] = ids[at - 1];
        }
        tops[at] = x[i];
        ids[at] = (int32_t)i;
    }
}

/* ---- choosing ------------------------------------------------------------------------ */

/* A uniform number in [0, 1) of 53 bits (splitmix64). */
static double sa_uniform(mlci_sampler *s)
{
    s->rng += 0x9e3779b97f4a7c15u;
    return (double)(mlci_mix(s->rng) >> 11) * 0x1p-53;
}

static bool sa_before(const mlci_candidate_token *a, const mlci_candidate_token *b)
{
    return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

static void sa_sift(mlci_candidate_token *h, size_t n, size_t i)
{
    mlci_candidate_token x = h[i];
    size_t c;

    while ((c = 2 * i + 1) < n) {
        if (c + 1 < n && sa_before(&h[c + 1], &h[c]))
            c++;
        if (!sa_before(&h[c], &x))
            break;
        h[i] = h[c];
        i = c;
    }
    h[i] = x;
}

/* Take the best k off the heap; they end up at its back, best last. */
static mlci_candidate_token sa_pop(mlci_candidate_token *h, size_t *n)
{
    mlci_candidate_token top = h[0];

    (*n)--;
    h[0] = h[*n];
    h[*n] = top;
    if (*n > 0)
        sa_sift(h, *n, 0);
    return top;
}

/* The tokens that can be drawn, with their probabilities. */
static size_t sa_candidates(const mlci_sampler *s, const float *logits, float max,
                            mlci_sampling *scratch)
{
    float floor_ = max - sa_range * s->params->temperature;
    size_t n = 0;

    for (uint32_t i = 0; i < s->vocab; i++)
        if (logits[i] >= floor_) {
            scratch->tokens[n] = (mlci_candidate_token){ .logit = logits[i], .id = (int32_t)i };
            scratch->p[n++] = logits[i];
        }
    mlci_logits_softmax(s->ctx, scratch->p, n, s->params->temperature);
    for (size_t i = 0; i < n; i++)
        scratch->tokens[i].p = scratch->p[i];
    return n;
}

/* How many of n candidates top-k and top-p let through.  They come to lie at the back,
 * the best last, and their probabilities in scratch->p, the best first. */
static size_t sa_best(const mlci_params *p, mlci_sampling *scratch, size_t n)
{
    size_t most = p->top_k > 0 ? mlci_min((size_t)p->top_k, n) : n, heap = n, taken = 0;
    mlci_candidate_token *c = scratch->tokens;
    double total = 0, kept = 0;

    for (size_t i = n / 2; i-- > 0; )
        sa_sift(c, n, i);
    for (size_t i = 0; i < n && most == n; i++)
        total += (double)c[i].p;
    for (; most < n && taken < most; taken++)   /* the sum over the k best          */
        total += (double)sa_pop(c, &heap).p;
    for (size_t i = 0; i < most; i++) {
        if (i > 0 && kept >= (double)p->top_p * total)
            return i;
        scratch->p[i] = i < taken ? c[n - 1 - i].p : sa_pop(c, &heap).p;
        kept += (double)scratch->p[i];
    }
    return most;
}

static int32_t sa_sample(mlci_sampler *s, const float *logits, float max,
                         mlci_sampling *scratch)
{
    size_t n = sa_candidates(s, logits, max, scratch);
    size_t most = sa_best(s->params, scratch, n), last = 0;
    double kept = 0, u;

    if (s->params->min_p > 0)
        mlci_logits_min_p(s->ctx, scratch->p, most, s->params->min_p);
    for (size_t i = 0; i < most; i++)
        kept += (double)scratch->p[i];
    u = sa_uniform(s) * kept;
    for (size_t i = 0; i < most && scratch->p[i] > 0; i++) {
        last = i;
        u -= (double)scratch->p[i];
        if (u < 0)
            break;
    }
    return scratch->tokens[n - 1 - last].id;
}

/* What penalties and biases did to one logit, undone: lp wants the model's own. */
static double sa_raw(const mlci_sampler *s, const float *logits, int32_t id)
{
    const mlci_params *p = s->params;
    double x = (double)logits[id];

    if (s->counts != NULL && (s->in_prompt[id] || s->counts[id] > 0)) {
        if (s->counts[id] > 0)
            x += (double)(p->presence + p->frequency * (float)s->counts[id]);
        x = x > 0 ? x * (double)p->repetition : x / (double)p->repetition;
    }
    for (size_t i = 0; i < p->n_biases; i++)
        if (p->biases[i].id == id)
            x -= (double)p->biases[i].bias;
    return x;
}

int32_t mlci_sampler_pick(mlci_sampler *s, float *logits, mlci_sampling *scratch,
                          mlci_logprob *lp)
{
    double log_sum = 0;
    int32_t id = 0;
    float max;

    if (lp != NULL) {
        log_sum = (double)mlci_logits_log_sum(s->ctx, logits, s->vocab);
        sa_tops(logits, s->vocab, s->params->top_logprobs, lp->ids, lp->tops);
        for (uint32_t i = 0; i < s->params->top_logprobs; i++)
            lp->tops[i] = (float)((double)lp->tops[i] - log_sum);
    }
    if (s->n_seen > 0 || s->params->n_biases > 0)
        sa_adjust(s, logits);
    max = mlci_logits_largest(s->ctx, logits, s->vocab);
    if (!(max > -INFINITY) || s->params->temperature <= 0) {
        while ((uint32_t)id + 1 < s->vocab && logits[id] != max)
            id++;
    } else {
        id = sa_sample(s, logits, max, scratch);
    }
    if (lp != NULL)
        lp->logprob = (float)(sa_raw(s, logits, id) - log_sum);
    sa_remember(s, id);
    return id;
}
