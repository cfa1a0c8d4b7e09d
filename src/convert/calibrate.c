/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate.c - how much each column of a matrix matters: the mean square of what comes to
 * it while the model reads a text.
 */
#include "../model/model.h"
#include "convert.h"

#include <string.h>

enum { CB_TOKENS = 16384, CB_CHUNK = 512, CB_LEAST = 64 };

static mlc_status cb_read(mlc_session *s, const int32_t *ids, size_t n, mlc_error *err)
{
    mlc_status st = MLC_OK;

    for (size_t at = 0; at + 2 < n && st == MLC_OK; at += CB_CHUNK) {
        mlc_session_rewind(s, 0, 0);
        st = mlc_session_eval(s, ids + at, mlci_min(n - at, (size_t)CB_CHUNK), err);
    }
    return st;
}

/* Means of squares by the tensor's name; a column that nothing came to counts a little. */
static mlc_status cb_keep(mlci_plan_out *p, const mlc_session *s, const mlc_model *m,
                          mlc_error *err)
{
    mlci_importance *to = mlci_arena_new(&p->arena, m->module.n_nodes, sizeof *to);

    if (to == NULL)
        return mlci_nomem(err, "calibration");
    p->importance = to;
    for (uint32_t i = 1; i < m->module.n_nodes; i++) {
        const mlci_node *n = &m->module.nodes[i];
        uint32_t columns;
        double sum = 0;
        float *w;

        if (n->op != MLCI_OP_WEIGHT)
            continue;
        columns = (uint32_t)n->tensor->dims[1];
        w = mlci_arena_new(&p->arena, columns, sizeof *w);
        to->name = mlci_arena_copy(&p->arena, n->name, strlen(n->name));
        if (w == NULL || to->name == NULL)
            return mlci_nomem(err, "calibration");
        if (!m->backend->observed(s->program, i, w, columns))
            continue;
        for (uint32_t k = 0; k < columns; k++)
            sum += (double)w[k];
        for (uint32_t k = 0; k < columns && sum > 0; k++)
            w[k] = (float)((double)w[k] / sum * columns + 0.01);
        to->columns = columns;
        to->w = w;
        to++;
        p->n_importance++;
    }
    return MLC_OK;
}

static mlc_status cb_run(mlci_plan_out *p, const mlc_model *m, mlc_session *s, const char *text,
                         mlc_error *err)
{
    const size_t bytes = mlci_min(strlen(text), (size_t)CB_TOKENS * 4);
    int32_t *ids = mlci_arena_new(&p->arena, CB_TOKENS, sizeof *ids);
    size_t n = 0;
    mlc_status st;

    if (ids == NULL)
        return mlci_nomem(err, "calibration");
    st = mlc_tokenizer_encode(m->tokenizer, text, bytes, 0, ids, CB_TOKENS, &n);
    n = mlci_min(n, (size_t)CB_TOKENS);
    if (n < CB_LEAST || (st != MLC_OK && st != MLC_ETOOSMALL))
        return mlci_fail(err, MLC_EINVAL, 0, "the text is too short to learn from: %zu tokens of "
                         "at least %d", n, CB_LEAST);
    st = m->backend->observe(s->program, err);
    if (st == MLC_OK)
        st = cb_read(s, ids, n, err);
    return st == MLC_OK ? cb_keep(p, s, m, err) : st;
}

mlc_status mlci_convert_calibrate(mlci_plan_out *p, mlc_context *ctx, const char *from,
                                  const char *text, mlc_error *err)
{
    mlc_session_options so;
    mlc_session *s = NULL;
    mlc_model *m = NULL;
    mlc_status st = mlc_model_open(ctx, from, NULL, &m, err);

    mlc_session_options_init(&so);
    if (st == MLC_OK && m->tokenizer == NULL)
        st = mlci_fail(err, MLC_EUNSUPPORTED, 0, "a model without a tokenizer cannot read a text");
    if (st == MLC_OK)
        st = mlc_session_open(m, &so, &s, err);
    if (st == MLC_OK)
        st = cb_run(p, m, s, text, err);
    mlc_session_close(s);
    mlc_model_close(m);
    return st;
}
