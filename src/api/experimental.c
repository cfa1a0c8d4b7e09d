/* SPDX-License-Identifier: Apache-2.0
 *
 * experimental.c - mlc_experimental.h.
 */
#include "../../include/mlc_experimental.h"
#include "../base/os.h"
#include "../base/pool.h"
#include "../model/model.h"

#include <string.h>

mlc_status mlcx_model_open(mlc_context *ctx, const char *path, const char *without,
                           const mlc_model_options *opts, mlc_model **out, mlc_error *err)
{
    const mlci_how how = { .without = without };

    if (path == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "path is NULL");
    return mlci_model_open(ctx, path, NULL, opts, &how, out, err);
}

/* ---- ranks ---------------------------------------------------------------------------- */

/* The public handle is the transport itself. */
static mlci_comm *xp_comm(mlcx_rank *r) { return (mlci_comm *)(void *)r; }

mlc_status mlcx_ranks_threads(mlc_context *ctx, uint32_t n_ranks, uint32_t timeout_ms,
                              mlcx_rank **out, mlc_error *err)
{
    mlci_comm *comms[MLCI_MAX_RANKS];
    mlc_status st;

    if (ctx == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "ctx or out is NULL");
    st = mlci_comm_threads(ctx, n_ranks, timeout_ms, comms, err);
    for (uint32_t r = 0; r < n_ranks && st == MLC_OK; r++)
        out[r] = (mlcx_rank *)(void *)comms[r];
    return st;
}

mlc_status mlcx_rank_join(mlc_context *ctx, const char *path, uint32_t rank, uint32_t n_ranks,
                          uint32_t timeout_ms, mlcx_rank **out, mlc_error *err)
{
    mlci_comm *comm = NULL;
    mlc_status st;

    if (ctx == NULL || path == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "ctx, path or out is NULL");
    st = mlci_comm_sockets(ctx, path, rank, n_ranks, timeout_ms, &comm, err);
    *out = (mlcx_rank *)(void *)comm;
    return st;
}

void mlcx_rank_close(mlcx_rank *r) { mlci_comm_close(xp_comm(r)); }

mlc_status mlcx_model_open_rank(mlc_context *ctx, const char *path, mlcx_rank *rank,
                                const mlc_model_options *opts, mlc_model **out, mlc_error *err)
{
    const mlci_how how = { .comm = xp_comm(rank) };

    if (path == NULL || rank == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "path or rank is NULL");
    return mlci_model_open(ctx, path, NULL, opts, &how, out, err);
}

/* ---- measuring ------------------------------------------------------------------------ */

enum { XP_PASSES = 5 };

typedef struct xp_read {
    const uint64_t *words;
    size_t          n;
    atomic_ullong   sum;   /* used, so that the reads are */
} xp_read;

static void xp_sum(void *arg, mlci_team *team, uint32_t thread)
{
    xp_read *r = arg;
    uint64_t s[8] = { 0 };
    size_t a, b;

    mlci_team_share(team, thread, r->n / 8, &a, &b);
    for (size_t i = a * 8; i < b * 8; i += 8) {
        MLCI_PREFETCH_L2((uintptr_t)(r->words + i) + 1024);   /* 0 to 10 % faster */
        for (size_t k = 0; k < 8; k++)
            s[k] += r->words[i + k];
    }
    for (size_t k = 1; k < 8; k++)
        s[0] += s[k];
    atomic_fetch_add(&r->sum, s[0]);
}

mlc_status mlcx_read_bandwidth(mlc_context *ctx, size_t n_bytes, double *bytes_per_s)
{
    size_t n = n_bytes / 64 * 8;
    uint64_t *words = mlci_new_aligned(ctx, n * 8);
    xp_read r = { words, n, 0 };
    int64_t best = INT64_MAX;

    if (words == NULL)
        return MLC_ENOMEM;
    memset(words, 1, n * 8);
    for (int i = 0; i < XP_PASSES; i++) {
        int64_t t = mlci_os_now_us();

        mlci_pool_run(ctx->pool, xp_sum, &r);
        t = mlci_os_now_us() - t;
        best = t < best ? t : best;
    }
    mlci_delete_aligned(ctx, words, n * 8);
    *bytes_per_s = best > 0 ? (double)(n * 8) * 1e6 / (double)best : 0;
    return MLC_OK;
}

uint64_t mlcx_peak_memory(void)
{
    return mlci_os_peak_rss();
}

uint64_t mlcx_session_memory(const mlc_session *s)
{
    return s->model->backend->executor_bytes(s->program);
}
