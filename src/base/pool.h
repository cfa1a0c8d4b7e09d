/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h - worker threads that run one function together.
 *
 * A step of a model is hundreds of short phases (a few microseconds each at one
 * token), all of which need all threads.  Waking a sleeping thread costs 50 us,
 * so the pool wakes once per run and the function separates its phases with
 * mlci_team_barrier (about 0.1 us).  Between runs a worker spins for a moment -
 * the next decode step is usually that near - and then sleeps.
 *
 * One run at a time: concurrent callers take turns.
 */
#ifndef MLCI_POOL_H
#define MLCI_POOL_H

#include "base.h"

/* What a function running on the pool knows of its team. */
typedef struct mlci_team {
    uint32_t n_threads;
    _Alignas(64) atomic_uint arrived;   /* of the current barrier            */
    _Alignas(64) atomic_uint phase;     /* barriers passed                   */
} mlci_team;

typedef void mlci_team_fn(void *arg, mlci_team *team, uint32_t thread);

mlc_status mlci_pool_open(mlc_context *ctx, uint32_t n_threads, mlci_pool **out,
                          mlc_error *err);
void mlci_pool_close(mlc_context *ctx, mlci_pool *pool);

/* Run fn(arg, team, t) for t = 0 .. n_threads-1, 0 on the calling thread.
 * Everything written before is visible to all, and after to the caller. */
void mlci_pool_run(mlci_pool *pool, mlci_team_fn *fn, void *arg);

/* No thread passes before all have come. */
void mlci_team_barrier(mlci_team *team);

/* The thread's share [*begin, *end) of n equal items: contiguous, fixed. */
static inline void mlci_team_share(const mlci_team *team, uint32_t thread,
                                   size_t n, size_t *begin, size_t *end)
{
    *begin = n * thread / team->n_threads;
    *end = n * (thread + 1) / team->n_threads;
}

#endif
