/* SPDX-License-Identifier: Apache-2.0
 *
 * score.c - mlc score: how likely a text is, token by token.
 */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SC_ROWS = 32, SC_TOP = 8 };

typedef struct sc_top { int32_t id; double logprob; } sc_top;

typedef struct sc_state {
    mlc_session *session;
    size_t   vocab;
    double  *nll;              /* [n_ids - 1]                                  */
    sc_top   top[SC_TOP];
    int32_t *greedy;
    size_t   n_greedy;
} sc_state;

static double sc_log_sum(const float *x, size_t n)
{
    double sum = 0;
    float max = x[0];

    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t i = 0; i < n; i++)
        sum += (double)expf(x[i] - max);
    return (double)max + log(sum);
}

static void sc_tops(sc_state *s, const float *x)
{
    double log_sum = sc_log_sum(x, s->vocab);
    size_t have = 0;

    for (size_t i = 0; i < s->vocab; i++) {
        size_t at = have < SC_TOP ? have++ : SC_TOP - 1;

        if (have == SC_TOP && at == SC_TOP - 1 && i >= SC_TOP
            && !((double)x[i] > s->top[at].logprob))
            continue;
        for (; at > 0 && (double)x[i] > s->top[at - 1].logprob; at--)
            s->top[at] = s->top[at - 1];
        s->top[at] = (sc_top){ (int32_t)i, (double)x[i] };
    }
    for (size_t i = 0; i < have; i++)
        s->top[i].logprob -= log_sum;
}

static mlc_status sc_text(sc_state *s, const int32_t *ids, size_t n, mlc_error *err)
{
    for (size_t i = 0; i < n; i += SC_ROWS) {
        mlc_row rows[SC_ROWS];
        size_t k = n - i < SC_ROWS ? n - i : SC_ROWS;
        mlc_status st;

        memset(rows, 0, sizeof rows);
        for (size_t r = 0; r < k; r++) {
            rows[r].token = ids[i + r];
            rows[r].flags = MLC_ROW_LOGITS;
        }
        st = mlc_session_eval_rows(s->session, rows, k, err);
        if (st != MLC_OK)
            return st;
        for (size_t r = 0; r < k; r++) {
            const float *x = mlc_session_logits(s->session, r);

            if (i + r + 1 < n)
                s->nll[i + r] = sc_log_sum(x, s->vocab) - (double)x[ids[i + r + 1]];
            else
                sc_tops(s, x);
        }
    }
    return MLC_OK;
}

/* Until the end token, which is the last. */
static mlc_status sc_continue(sc_state *s, const mlc_tokenizer *tok, size_t last_row,
                              size_t most, mlc_error *err)
{
    mlc_status st = MLC_OK;

    for (size_t row = last_row; s->n_greedy < most && st == MLC_OK; row = 0) {
        const float *x = mlc_session_logits(s->session, row);
        int32_t best = 0;

        for (size_t i = 1; i < s->vocab; i++)
            if (x[i] > x[best])
                best = (int32_t)i;
        s->greedy[s->n_greedy++] = best;
        if (mlc_tokenizer_is_end(tok, best))
            break;
        if (s->n_greedy < most)
            st = mlc_session_eval(s->session, &best, 1, err);
    }
    return st;
}

static void sc_print_json(const sc_state *s, const int32_t *ids, size_t n)
{
    printf("{\"ids\":");
    cli_print_ids(ids, n);
    printf(",\"nll\":[");
    for (size_t i = 0; i + 1 < n; i++)
        printf(i > 0 ? ",%.6f" : "%.6f", s->nll[i]);
    printf("],\"top\":[");
    for (size_t i = 0; i < SC_TOP && n > 0; i++)
        printf("%s{\"id\":%d,\"logprob\":%.6f}", i > 0 ? "," : "", s->top[i].id,
               s->top[i].logprob);
    printf("],\"greedy\":");
    cli_print_ids(s->greedy, s->n_greedy);
    printf("}\n");
}

static void sc_print(const sc_state *s, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i + 1 < n; i++)
        sum += s->nll[i];
    printf("%zu tokens", n);
    if (n > 1)
        printf(", mean negative log-likelihood %.5f, perplexity %.4f", sum / (double)(n - 1),
               exp(sum / (double)(n - 1)));
    putchar('\n');
    for (size_t i = 0; i < SC_TOP && n > 0; i++)
        printf("  next %d: %.5f\n", s->top[i].id, s->top[i].logprob);
}

static int sc_score(const cli_options *o, mlc_model *model, const int32_t *ids, size_t n)
{
    const mlc_tokenizer *tok = mlc_model_tokenizer(model);
    size_t greedy = o->greedy > 0 ? (size_t)o->greedy : 0;
    mlc_adapter *adapter = NULL;
    mlc_session_options so;
    sc_state s;
    mlc_error err;
    mlc_status st;

    memset(&s, 0, sizeof s);
    memset(&err, 0, sizeof err);
    if (n == 0)
        return cli_fail("there is no text to score");
    mlc_session_options_init(&so);
    so.kv_tokens = n + greedy;
    so.max_rows = so.max_logits = SC_ROWS;
    so.kv_type = o->kv == NULL ? MLC_KV_AUTO : strcmp(o->kv, "f32") == 0 ? MLC_KV_F32
                                                                         : MLC_KV_F16;
    s.vocab = cli_vocab_size(model);
    s.nll = malloc(n * sizeof *s.nll);
    s.greedy = malloc((greedy + 1) * sizeof *s.greedy);
    st = s.nll == NULL || s.greedy == NULL ? MLC_ENOMEM
       : mlc_session_open(model, &so, &s.session, &err);
    if (st == MLC_OK && o->adapter != NULL)
        st = mlc_adapter_open(model, o->adapter, &adapter, &err);
    if (st == MLC_OK && adapter != NULL)
        st = mlc_session_adapt(s.session, 0, adapter, &err);
    if (st == MLC_OK)
        st = sc_text(&s, ids, n, &err);
    if (st == MLC_OK)
        st = sc_continue(&s, tok, (n - 1) % SC_ROWS, greedy, &err);
    if (st == MLC_OK && o->json)
        sc_print_json(&s, ids, n);
    else if (st == MLC_OK)
        sc_print(&s, n);
    mlc_session_close(s.session);
    mlc_adapter_close(adapter);
    free(s.nll);
    free(s.greedy);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

int cli_score(const cli_options *o)
{
    mlc_context *ctx;
    mlc_model *model;
    int32_t *ids;
    size_t n = 0, n_text;
    char *text = NULL;
    int rc = 1;

    if (o->ids == NULL) {
        text = cli_gather_text(o, &n_text);
        if (text == NULL)
            return 1;
    }
    if (cli_open(o, &ctx, o->model, 0, &model) != 0) {
        free(text);
        return 1;
    }
    ids = o->ids != NULL ? cli_parse_ids(o->ids, &n)
        : cli_encode(mlc_model_tokenizer(model), text, n_text, cli_encode_flags(o), &n);
    if (ids != NULL)
        rc = sc_score(o, model, ids, n);
    free(ids);
    free(text);
    mlc_model_close(model);
    mlc_context_close(ctx);
    return rc;
}
