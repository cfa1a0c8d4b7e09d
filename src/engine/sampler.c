/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.c - from logits to a token.
 *
 * Order: logit bias; repetition (Keskar et al. 2019, over prompt and output),
 * presence and frequency penalties (over output) - temperature - top-k - softmax
 * - top-p - min-p - one random number.  Temperature 0 is the largest logit.  What goes
 * over the whole vocabulary is generated kernels (largest, log_sum).
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
    for (size_t i = 0; i < s->n_seen; i++) {
        int32_t id = s->seen[i];
        float x = logits[id];

        x = x > 0 ? x / p->repetition : x * p->repetition;
        if (s->counts[id] > 0)
            x -= p->presence + p->frequency * (float)s->counts[id];
        logits[id] = x;
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

static int32_t sa_sample(mlci_sampler *s, const float *logits, float max,
                         mlci_candidate_token *c)
{
    const mlci_params *p = s->params;
    float inv = 1.0f / p->temperature;
    float floor_ = max - sa_range * p->temperature;
    double total = 0, kept = 0, limit, u;
    size_t n = 0, heap, taken = 0, most;
    float low;

    for (uint32_t i = 0; i < s->vocab; i++)
        if (logits[i] >= floor_)
            c[n++] = (mlci_candidate_token){ logits[i], (int32_t)i };
    for (size_t i = n / 2; i-- > 0; )
        sa_sift(c, n, i);
    most = p->top_k > 0 ? mlci_min((size_t)p->top_k, n) : n;
    if (most == n)
        for (size_t i = 0; i < n; i++)
            total += exp((double)((c[i].logit - max) * inv));
    heap = n;
    if (most < n) {  /* the sum over the k best: they are needed anyway */
        while (taken < most) {
            total += exp((double)((sa_pop(c, &heap).logit - max) * inv));
            taken++;
        }
    }
    limit = (double)p->top_p * total;
    low = p->min_p > 0 ? max + logf(p->min_p) * p->temperature : -INFINITY;
    /* How many pass top-p and min-p, best first. */
    for (most = 0; most < n; most++) {
        mlci_candidate_token t;

        if (taken > 0 && most == taken)
            break;
        t = most < taken ? c[n - 1 - most] : sa_pop(c, &heap);
        if (most > 0 && (kept >= limit || t.logit < low))
            break;
        kept += exp((double)((t.logit - max) * inv));
    }
    u = sa_uniform(s) * kept;
    for (size_t i = 0; i + 1 < most; i++) {
        u -= exp((double)((c[n - 1 - i].logit - max) * inv));
        if (u < 0)
            return c[n - 1 - i].id;
    }
    return c[n - most].id;
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

int32_t mlci_sampler_pick(mlci_sampler *s, float *logits, mlci_candidate_token *scratch,
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
