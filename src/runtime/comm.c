/* SPDX-License-Identifier: Apache-2.0
 *
 * comm.c - collectives, and ranks that are threads of one process.
 */
#include "comm.h"
#include "../base/os.h"

#include <string.h>

mlc_status mlci_comm_check(uint32_t rank, uint32_t n_ranks, mlc_error *err)
{
    return n_ranks >= 1 && n_ranks <= MLCI_MAX_RANKS && rank < n_ranks ? MLC_OK
         : mlci_fail(err, MLC_EINVAL, 0, "rank %u of %u: 1 to %d are possible", rank, n_ranks,
                     MLCI_MAX_RANKS);
}

mlc_status mlci_all_reduce(mlci_comm *c, float *x, size_t n, float *room)
{
    size_t sizes[MLCI_MAX_RANKS];
    mlc_status st;

    for (uint32_t r = 0; r < c->n_ranks; r++)
        sizes[r] = n * sizeof *x;
    st = c->exchange(c, x, sizes, room);
    if (st != MLC_OK)
        return st;
    memcpy(x, room, n * sizeof *x);
    for (uint32_t r = 1; r < c->n_ranks; r++)
        for (size_t i = 0; i < n; i++)
            x[i] += room[r * n + i];
    return MLC_OK;
}

mlc_status mlci_all_gather(mlci_comm *c, const float *part, size_t rows, const size_t *begins,
                           float *out, float *room)
{
    const size_t width = begins[c->n_ranks];
    size_t sizes[MLCI_MAX_RANKS];
    mlc_status st;

    for (uint32_t r = 0; r < c->n_ranks; r++)
        sizes[r] = rows * (begins[r + 1] - begins[r]) * sizeof *part;
    st = c->exchange(c, part, sizes, room);
    for (uint32_t r = 0; r < c->n_ranks && st == MLC_OK; r++) {
        const size_t n = begins[r + 1] - begins[r];

        for (size_t i = 0; i < rows; i++, room += n)
            memcpy(out + i * width + begins[r], room, n * sizeof *room);
    }
    return st;
}

/* ---- threads ------------------------------------------------------------------------------ */

/* What all ranks share.  An exchange has two meetings: after the first everybody's part
 * is there to be read, after the second nobody reads any more. */
typedef struct co_meeting {
    mlc_context    *ctx;
    mlci_mutex      lock;
    mlci_cond       changed;
    uint32_t        n_ranks, open, arrived, turn, timeout_ms;
    bool            broken;
    const void     *parts[MLCI_MAX_RANKS];
} co_meeting;

typedef struct co_thread {
    mlci_comm   comm;
    co_meeting *meeting;
} co_thread;

static bool co_meet(co_meeting *m)
{
    const uint32_t turn = m->turn;
    const int64_t until = mlci_os_now_us() + (int64_t)m->timeout_ms * 1000;
    bool ok;

    if (++m->arrived == m->n_ranks) {
        m->arrived = 0;
        m->turn++;
        mlci_os_wake_all(&m->changed);
    }
    while (m->turn == turn && !m->broken)
        if (!mlci_os_wait_until(&m->changed, &m->lock, until) && m->turn == turn)
            m->broken = true;
    ok = m->turn != turn;
    if (!ok)
        mlci_os_wake_all(&m->changed);
    return ok;
}

static mlc_status co_exchange(mlci_comm *c, const void *mine, const size_t *sizes, void *all)
{
    co_meeting *m = ((co_thread *)(void *)c)->meeting;
    unsigned char *to = all;
    bool ok;

    mlci_os_lock(&m->lock);
    m->parts[c->rank] = mine;
    ok = !m->broken && co_meet(m);
    mlci_os_unlock(&m->lock);
    for (uint32_t r = 0; r < c->n_ranks && ok; to += sizes[r++])
        memcpy(to, m->parts[r], sizes[r]);
    mlci_os_lock(&m->lock);
    ok = ok && co_meet(m);
    mlci_os_unlock(&m->lock);
    return ok ? MLC_OK : MLC_EIO;
}

/* One rank less, or the one who opened it; the last takes it down. */
static void co_leave(co_meeting *m)
{
    mlc_context *ctx = m->ctx;
    bool last;

    mlci_os_lock(&m->lock);
    last = --m->open == 0;
    mlci_os_unlock(&m->lock);
    if (!last)
        return;
    mlci_os_cond_reset(&m->changed);
    mlci_os_mutex_reset(&m->lock);
    mlci_delete(ctx, m, 1, sizeof *m);
    mlci_context_unref(ctx);
}

static void co_close(mlci_comm *c)
{
    co_thread *t = (co_thread *)(void *)c;
    co_meeting *m = t->meeting;

    mlci_os_lock(&m->lock);
    m->broken = true;
    mlci_os_wake_all(&m->changed);
    mlci_os_unlock(&m->lock);
    mlci_delete(m->ctx, t, 1, sizeof *t);
    co_leave(m);
}

static mlc_status co_open(co_meeting *m, mlci_comm **out, mlc_error *err)
{
    for (uint32_t r = 0; r < m->n_ranks; r++) {
        co_thread *t = mlci_new(m->ctx, 1, sizeof *t);

        if (t == NULL)
            return mlci_nomem(err, "ranks");
        t->comm = (mlci_comm){ r, m->n_ranks, co_exchange, co_close };
        t->meeting = m;
        m->open++;
        out[r] = &t->comm;
    }
    return MLC_OK;
}

/* The meeting with its lock; NULL after saying why. */
static co_meeting *co_new(mlc_context *ctx, uint32_t n_ranks, uint32_t timeout_ms, mlc_error *err)
{
    co_meeting *m = mlci_new(ctx, 1, sizeof *m);
    bool lock = m != NULL && mlci_os_mutex_init(&m->lock) == 0;

    if (!lock || mlci_os_cond_init(&m->changed) != 0) {
        if (lock)
            mlci_os_mutex_reset(&m->lock);
        mlci_delete(ctx, m, 1, sizeof *m);
        (void)mlci_nomem(err, "ranks");
        return NULL;
    }
    m->ctx = ctx;
    m->n_ranks = n_ranks;
    m->timeout_ms = timeout_ms;
    m->open = 1;                        /* ours, until all are there */
    mlci_context_ref(ctx);
    return m;
}

mlc_status mlci_comm_threads(mlc_context *ctx, uint32_t n_ranks, uint32_t timeout_ms,
                             mlci_comm **out, mlc_error *err)
{
    mlc_status st = mlci_comm_check(0, n_ranks, err);
    co_meeting *m;

    if (st != MLC_OK)
        return st;
    for (uint32_t r = 0; r < n_ranks; r++)
        out[r] = NULL;
    m = co_new(ctx, n_ranks, mlci_comm_timeout(timeout_ms), err);
    if (m == NULL)
        return MLC_ENOMEM;
    st = co_open(m, out, err);
    for (uint32_t r = 0; r < n_ranks && st != MLC_OK; r++) {
        mlci_comm_close(out[r]);
        out[r] = NULL;
    }
    co_leave(m);
    return st;
}
