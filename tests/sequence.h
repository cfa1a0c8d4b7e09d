/* SPDX-License-Identifier: Apache-2.0
 *
 * sequence.h - for tests: a text of a tiny model's golden through a session.
 */
#ifndef TEST_SEQUENCE_H
#define TEST_SEQUENCE_H

#include "../include/mlc.h"
#include "golden.h"

#include <math.h>

enum { MAX_IDS = 256, V = 512 };

static mlc_error err;

static inline double log_sum(const float *logits)
{
    double max = -INFINITY, sum = 0;

    for (int i = 0; i < V; i++)
        max = fmax(max, (double)logits[i]);
    for (int i = 0; i < V; i++)
        sum += exp((double)logits[i] - max);
    return max + log(sum);
}

/* golden/tiny/README.md: float32 activations 1e-3, 16-bit ones 0.05. */
static inline void check_sequence(mlc_session *s, const mlci_json *q, double bound)
{
    static mlc_row rows[MAX_IDS];
    int32_t ids[MAX_IDS], greedy[64];
    size_t n = golden_ids(mlci_json_get(q, "ids"), ids, MAX_IDS), i = 0;
    size_t n_greedy = golden_ids(mlci_json_get(q, "greedy_ids"), greedy, 64);
    const mlci_json *nll = mlci_json_get(q, "nll"), *gap = mlci_json_get(q, "greedy_gaps")->items;
    const float *logits;

    memset(rows, 0, sizeof rows);
    for (i = 0; i < n; i++)
        rows[i].token = ids[i], rows[i].flags = MLC_ROW_LOGITS;
    mlc_session_rewind(s, 0, 0);
    T_CHECK(mlc_session_eval_rows(s, rows, n, &err) == MLC_OK, "%s", err.text);
    i = 0;
    for (const mlci_json *v = nll->items; v != NULL; v = v->next, i++) {
        logits = mlc_session_logits(s, i);
        T_CHECK(fabs(log_sum(logits) - (double)logits[ids[i + 1]] - golden_number(v)) <= bound,
                "nll[%zu] is %.6f, want %.6f", i,
                log_sum(logits) - (double)logits[ids[i + 1]], golden_number(v));
    }
    logits = mlc_session_logits(s, n - 1);
    i = 0;
    for (const mlci_json *v = mlci_json_get(q, "last_logits")->items; v != NULL; v = v->next, i++)
        T_CHECK(fabs((double)logits[i] - golden_number(v)) <= bound, "logit %zu: %.6f, want %.6f",
                i, (double)logits[i], golden_number(v));
    for (i = 0; i < n_greedy && golden_number(gap) > 2 * bound; i++, gap = gap->next) {
        int32_t best = 0;

        for (int32_t t = 1; t < V; t++)
            best = logits[t] > logits[best] ? t : best;
        T_CHECK(best == greedy[i], "greedy %zu: %d, want %d", i, best, greedy[i]);
        if (mlc_session_eval(s, &greedy[i], 1, &err) != MLC_OK)
            break;
        logits = mlc_session_logits(s, 0);
    }
}

#endif
