/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c - batches of rows on sequences.
 *
 * A batch longer than the program's bound is run in pieces.  Before the first,
 * everything that can fail for want of pages is checked; while they run, pages
 * that the state before the batch needs are kept, so that a cancelled batch
 * leaves every sequence as it was.
 */
#include "model.h"
#include "../runtime/device.h"

#include <string.h>

enum {
    SE_OPTIONS_V0 = sizeof(mlc_session_options),
    SE_ROWS = 256,              /* default rows of a step: decoding weights is
                                   4 % of its time then (bench/NOTES.md)        */
    SE_MAX_SEQUENCES = 1 << 16,
    SE_MAX_ROWS = 1 << 16
};

void mlc_session_options_init_sized(mlc_session_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

/* ---- opening ----------------------------------------------------------------------------- */

static mlc_status se_read_options(const mlc_model *m, mlc_session_options *o,
                                   mlc_error *err)
{
    if (m->weights == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "the model was opened without weights");
    o->n_sequences = o->n_sequences != 0 ? o->n_sequences : 1;
    o->max_rows = o->max_rows != 0 ? o->max_rows : SE_ROWS;
    o->max_logits = o->max_logits != 0 ? o->max_logits : 1;
    o->kv_tokens = o->kv_tokens != 0 ? o->kv_tokens : m->decoder.context;
    if (o->n_sequences > SE_MAX_SEQUENCES || o->max_rows > SE_MAX_ROWS
        || o->max_logits > SE_MAX_ROWS || o->kv_tokens > INT32_MAX)
        return mlci_fail(err, MLC_EINVAL, 0, "session options: a number is too large");
    if (o->kv_type < MLC_KV_AUTO || o->kv_type > MLC_KV_F32)
        return mlci_fail(err, MLC_EINVAL, 0, "session options: kv_type %d is unknown",
                         o->kv_type);
    if (o->kv_type == MLC_KV_AUTO)
        o->kv_type = mlci_context_devices(m->ctx)->tier == MLCI_TIER_SCALAR
                   ? MLC_KV_F32 : MLC_KV_F16;
    return MLC_OK;
}

static mlc_status se_open(mlc_session *s, const mlc_session_options *o, mlc_error *err)
{
    mlc_model *m = s->model;
    mlc_context *ctx = m->ctx;
    mlci_bounds bounds = { .rows = o->max_rows, .logits = o->max_logits,
                           .kv_tokens = o->kv_tokens, .kv_f32 = o->kv_type == MLC_KV_F32 };
    mlc_status st = mlci_kv_open(&s->kv, ctx, &m->module, m->backend, o->n_sequences,
                                 o->kv_tokens, o->max_rows, bounds.kv_f32, err);

    if (st != MLC_OK)
        return st;
    s->max_rows = o->max_rows;
    s->max_logits = o->max_logits;
    s->tokens = mlci_new(ctx, o->max_rows, sizeof *s->tokens);
    s->positions = mlci_new(ctx, o->max_rows, sizeof *s->positions);
    s->logit_rows = mlci_new(ctx, o->max_logits, sizeof *s->logit_rows);
    s->embeddings = mlci_new(ctx, o->max_rows, sizeof *s->embeddings);
    s->counts = mlci_new(ctx, o->n_sequences, sizeof *s->counts);
    s->adapters = mlci_new(ctx, o->n_sequences, sizeof *s->adapters);
    s->low = mlci_new(ctx, o->max_rows, sizeof *s->low);
    if (s->tokens == NULL || s->positions == NULL || s->logit_rows == NULL
        || s->embeddings == NULL || s->counts == NULL || s->adapters == NULL || s->low == NULL)
        return mlci_nomem(err, "session");
    for (uint32_t i = 0; i < m->module.n_pools; i++) {
        s->pages[i] = mlci_new(ctx, o->max_rows, sizeof *s->pages[i]);
        if (s->pages[i] == NULL)
            return mlci_nomem(err, "session");
    }
    return m->backend->executor_open(m->weights, &bounds, &s->program, err);
}

mlc_status mlc_session_open(mlc_model *model, const mlc_session_options *user_opts,
                            mlc_session **out, mlc_error *err)
{
    mlc_session_options opts;
    mlc_session *s;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (model == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "model is NULL");
    st = mlci_options_read(&opts, sizeof opts, SE_OPTIONS_V0, user_opts, err);
    if (st == MLC_OK)
        st = se_read_options(model, &opts, err);
    if (st != MLC_OK)
        return st;
    s = mlci_new(model->ctx, 1, sizeof *s);
    if (s == NULL)
        return mlci_nomem(err, "session");
    s->model = model;
    mlci_model_ref(model);
    st = se_open(s, &opts, err);
    if (st != MLC_OK) {
        mlc_session_close(s);
        return st;
    }
    *out = s;
    return MLC_OK;
}

void mlc_session_close(mlc_session *s)
{
    mlc_context *ctx;
    mlc_model *m;

    if (s == NULL)
        return;
    m = s->model;
    ctx = m->ctx;
    m->backend->executor_close(s->program);
    for (uint32_t i = 0; i < MLCI_MAX_POOLS; i++)
        mlci_delete(ctx, s->pages[i], s->max_rows, sizeof *s->pages[i]);
    for (uint32_t q = 0; s->adapters != NULL && q < s->kv.n_sequences; q++)
        mlc_adapter_close(s->adapters[q]);
    mlci_delete(ctx, s->adapters, s->kv.n_sequences, sizeof *s->adapters);
    mlci_delete(ctx, s->low, s->max_rows, sizeof *s->low);
    mlci_delete(ctx, s->counts, s->kv.n_sequences, sizeof *s->counts);
    mlci_delete(ctx, s->tokens, s->max_rows, sizeof *s->tokens);
    mlci_delete(ctx, s->positions, s->max_rows, sizeof *s->positions);
    mlci_delete(ctx, s->logit_rows, s->max_logits, sizeof *s->logit_rows);
    mlci_delete(ctx, s->embeddings, s->max_rows, sizeof *s->embeddings);
    mlci_kv_close(&s->kv);
    mlci_delete(ctx, s, 1, sizeof *s);
    mlc_model_close(m);
}

/* ---- evaluating ----------------------------------------------------------------------------- */

/* What is to be run: rows, or tokens of sequence 0 of which the last wants logits. */
typedef struct se_batch {
    const mlc_row *rows;
    const int32_t *tokens;
    size_t         n;
} se_batch;

static mlc_row se_row(const se_batch *b, size_t i)
{
    mlc_row r = { 0, 0, 0, 0, NULL };

    if (b->rows != NULL)
        return b->rows[i];
    r.token = b->tokens[i];
    r.flags = i + 1 == b->n ? MLC_ROW_LOGITS : 0;
    return r;
}

static mlc_status se_check_row(const mlc_session *s, const mlc_row *r, size_t i,
                               mlc_error *err)
{
    if (!mlci_session_has(s, r->sequence))
        return mlci_fail(err, MLC_EINVAL, 0, "row %zu: there is no sequence %d", i,
                         r->sequence);
    if (r->embedding == NULL
        && (r->token < 0 || (uint32_t)r->token >= s->model->decoder.vocab))
        return mlci_fail(err, MLC_EINVAL, 0, "row %zu: token %d is not in the vocabulary "
                         "of %u", i, r->token, s->model->decoder.vocab);
    if ((r->flags & ~(uint32_t)MLC_ROW_LOGITS) != 0 || r->reserved0 != 0)
        return mlci_fail(err, MLC_EINVAL, 0, "row %zu: unknown flags", i);
    return MLC_OK;
}

/* Everything that can be wrong with the batch, and whether its pages are there. */
static mlc_status se_check(mlc_session *s, const se_batch *b, mlc_error *err)
{
    uint64_t need = 0, logits = 0, there = mlci_kv_free_pages(&s->kv);

    memset(s->counts, 0, s->kv.n_sequences * sizeof *s->counts);
    for (size_t i = 0; i < b->n; i++) {
        mlc_row r = se_row(b, i);
        mlc_status st = se_check_row(s, &r, i, err);

        if (st != MLC_OK)
            return st;
        logits += (r.flags & MLC_ROW_LOGITS) != 0;
        s->counts[r.sequence]++;
    }
    if (logits > s->max_logits)
        return mlci_fail(err, MLC_EINVAL, 0, "%llu rows want logits, the session keeps %u",
                         (unsigned long long)logits, s->max_logits);
    for (uint32_t q = 0; q < s->kv.n_sequences; q++) {
        uint64_t more = mlci_kv_need(&s->kv, q, s->counts[q]);

        if (more == UINT64_MAX)
            return mlci_fail(err, MLC_EKVFULL, 0, "sequence %u: %llu + %llu tokens do not "
                             "fit %llu", q, (unsigned long long)s->kv.lengths[q],
                             (unsigned long long)s->counts[q],
                             (unsigned long long)s->kv.max_tokens);
        need += more;
    }
    if (need > there)
        return mlci_fail(err, MLC_EKVFULL, 0, "the KV cache has %llu free pages, %llu "
                         "are needed", (unsigned long long)there, (unsigned long long)need);
    return MLC_OK;
}

/* Rows [from, from + n) as one step; lengths advance as positions are given out. */
static mlc_status se_piece(mlc_session *s, const se_batch *b, size_t from, uint32_t n)
{
    mlci_step step = { .n_rows = n, .first_logit = s->n_logits, .tokens = s->tokens,
                       .positions = s->positions, .logit_rows = s->logit_rows,
                       .embeddings = s->embeddings, .cancel = &s->cancel,
                       .adapters = s->any_adapter ? s->low : NULL };
    mlc_status st = MLC_OK;

    for (uint32_t i = 0; i < n; i++) {
        mlc_row r = se_row(b, from + i);
        uint32_t q = (uint32_t)r.sequence;
        uint64_t at = s->kv.lengths[q];

        st = mlci_kv_extend(&s->kv, q, 1);
        if (st != MLC_OK)
            return st;
        s->tokens[i] = r.embedding == NULL ? r.token : -1;
        s->embeddings[i] = r.embedding;
        s->low[i] = s->adapters[q] != NULL ? s->adapters[q]->of : NULL;
        s->positions[i] = (int32_t)at;
        mlci_kv_tokens(&s->kv, q)[at] = s->tokens[i];
        for (uint32_t p = 0; p < s->kv.n_pools; p++)
            s->pages[p][i] = mlci_kv_table(&s->kv, p, q);
        if (r.flags & MLC_ROW_LOGITS)
            s->logit_rows[step.n_logits++] = (int32_t)i;
        s->kv.lengths[q] = at + 1;
    }
    for (uint32_t p = 0; p < s->kv.n_pools; p++)
        step.pages[p] = s->pages[p];
    st = s->model->backend->run(s->program, &step);
    if (st != MLC_OK)
        return st;
    s->n_logits += step.n_logits;
    for (uint32_t q = 0; q < s->kv.n_sequences; q++)
        if (s->kv.lengths[q] != s->counts[q])
            mlci_kv_advance(&s->kv, q, s->kv.lengths[q], s->counts[q]);
    return MLC_OK;
}

static mlc_status se_eval(mlc_session *s, const se_batch *b, mlc_error *err)
{
    mlc_status st = se_check(s, b, err);

    if (st != MLC_OK || b->n == 0)
        return st;
    s->n_logits = 0;
    atomic_store(&s->cancel, false);
    /* From now on counts are the lengths to go back to. */
    for (uint32_t q = 0; q < s->kv.n_sequences; q++)
        s->counts[q] = s->kv.lengths[q];
    for (size_t i = 0; i < b->n && st == MLC_OK; i += s->max_rows)
        st = se_piece(s, b, i, (uint32_t)mlci_min(s->max_rows, b->n - i));
    for (uint32_t q = 0; q < s->kv.n_sequences; q++)
        if (st != MLC_OK)
            (void)mlci_kv_rewind(&s->kv, q, s->counts[q]);
        else if (s->kv.lengths[q] != s->counts[q])
            mlci_kv_advance(&s->kv, q, s->kv.lengths[q], s->kv.lengths[q]);
    if (st != MLC_OK) {
        s->n_logits = 0;
        return mlci_fail(err, st, 0, st == MLC_ECANCELED ? "cancelled"
                         : st == MLC_EIO ? "another rank is gone or does not answer"
                         : "the step could not be computed");
    }
    return MLC_OK;
}

mlc_status mlc_session_eval_rows(mlc_session *s, const mlc_row *rows, size_t n_rows,
                                 mlc_error *err)
{
    se_batch b = { rows, NULL, n_rows };

    if (s == NULL || (rows == NULL && n_rows > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "session or rows is NULL");
    return se_eval(s, &b, err);
}

mlc_status mlc_session_eval(mlc_session *s, const int32_t *tokens, size_t n_tokens,
                            mlc_error *err)
{
    se_batch b = { NULL, tokens, n_tokens };

    if (s == NULL || (tokens == NULL && n_tokens > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "session or tokens is NULL");
    return se_eval(s, &b, err);
}

const float *mlc_session_logits(const mlc_session *s, size_t i)
{
    if (s == NULL || i >= s->n_logits)
        return NULL;
    return s->model->backend->logits(s->program) + i * s->model->decoder.vocab;
}

/* ---- sequences ----------------------------------------------------------- */

size_t mlc_session_length(const mlc_session *s, int32_t sequence)
{
    return mlci_session_has(s, sequence) ? (size_t)s->kv.lengths[sequence] : 0;
}

const int32_t *mlc_session_tokens(const mlc_session *s, int32_t sequence)
{
    return mlci_session_has(s, sequence) ? mlci_kv_tokens(&s->kv, (uint32_t)sequence) : NULL;
}

/* Sequence q's adapter is this one from now on. */
static void se_adapt(mlc_session *s, uint32_t q, mlc_adapter *a)
{
    if (a != NULL)
        mlci_adapter_ref(a);
    mlc_adapter_close(s->adapters[q]);
    s->adapters[q] = a;
    s->any_adapter = false;
    for (uint32_t i = 0; i < s->kv.n_sequences; i++)
        s->any_adapter = s->any_adapter || s->adapters[i] != NULL;
}

mlc_status mlc_session_adapt(mlc_session *s, int32_t sequence, mlc_adapter *adapter,
                             mlc_error *err)
{
    mlc_status st = MLC_OK;

    if (!mlci_session_has(s, sequence) || (adapter != NULL && adapter->model != s->model))
        return mlci_fail(err, MLC_EINVAL, 0, adapter != NULL && s != NULL
                         && adapter->model != s->model ? "the adapter is another model's"
                         : "there is no such sequence");
    if (s->kv.lengths[sequence] > 0)
        return mlci_fail(err, MLC_EINVAL, 0, "sequence %d has tokens that were read without: "
                         "rewind it first", sequence);
    if (adapter != NULL)
        st = s->model->backend->adapters(s->program, adapter->rank, err);
    if (st == MLC_OK)
        se_adapt(s, (uint32_t)sequence, adapter);
    return st;
}

mlc_status mlc_session_fork(mlc_session *s, int32_t src, int32_t dst)
{
    if (!mlci_session_has(s, src) || !mlci_session_has(s, dst))
        return MLC_EINVAL;
    se_adapt(s, (uint32_t)dst, s->adapters[src]);
    mlci_kv_fork(&s->kv, (uint32_t)src, (uint32_t)dst);
    return MLC_OK;
}

mlc_status mlc_session_rewind(mlc_session *s, int32_t sequence, size_t n_tokens)
{
    if (!mlci_session_has(s, sequence) || n_tokens > s->kv.lengths[sequence])
        return MLC_EINVAL;
    return mlci_kv_rewind(&s->kv, (uint32_t)sequence, n_tokens) ? MLC_OK
                                                                : MLC_EUNSUPPORTED;
}

void mlc_session_cancel(mlc_session *s)
{
    if (s != NULL)
        atomic_store(&s->cancel, true);
}
