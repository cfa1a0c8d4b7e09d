/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c - pool.h.
 *
 * A run is a generation number.  Workers wait for it to change, first spinning
 * on the atomic, then under the mutex; the caller bumps it and takes part as
 * thread 0.  The last barrier of a run is the pool's own, so that the caller
 * returns only when nobody reads its arguments any more.
 */
#include "pool.h"
#include "os.h"

#include <string.h>

enum {
    /* Spins between looks at the clock; a pause is 10 to 50 ns. */
    PL_SPINS_PER_LOOK = 64,
    /* A worker that waits longer than this for the next run goes to sleep.
     * Longer than sampling one token (up to 100 us), shorter than a person
     * notices on a battery. */
    PL_SPIN_US = 200,
    /* In a barrier the others are known to be running: give the CPU away only
     * when they seem not to be (more threads than CPUs). */
    PL_BARRIER_SPINS = 20000
};

typedef struct pl_worker {
    mlci_thread thread;
    mlci_pool  *pool;
    uint32_t    index;
} pl_worker;

struct mlci_pool {
    mlci_team     team;
    _Alignas(64) atomic_uint generation;
    atomic_bool   stop;
    mlci_mutex    turn;       /* held by the caller of a run                  */
    mlci_mutex    lock;       /* guards sleepers and the two below            */
    mlci_cond     wake;
    atomic_uint   n_sleeping;
    mlci_team_fn *fn;
    void         *arg;
    pl_worker    *workers;
    uint32_t      n_started;
};

void mlci_team_barrier(mlci_team *team)
{
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    uint32_t spins = 0;

    if (team->n_threads == 1)
        return;
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1
        == team->n_threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->phase, phase + 1, memory_order_release);
        return;
    }
    while (atomic_load_explicit(&team->phase, memory_order_acquire) == phase) {
        MLCI_PAUSE();
        if (++spins > PL_BARRIER_SPINS)
            mlci_os_yield();
    }
}

/* Wait until the generation is no longer seen; false when the pool stops. */
static bool pl_wait(mlci_pool *p, uint32_t seen)
{
    int64_t until = mlci_os_now_us() + PL_SPIN_US;
    uint32_t spins = 0;

    while (atomic_load_explicit(&p->generation, memory_order_acquire) == seen) {
        MLCI_PAUSE();
        if (++spins % PL_SPINS_PER_LOOK == 0 && mlci_os_now_us() > until) {
            mlci_os_lock(&p->lock);
            atomic_fetch_add(&p->n_sleeping, 1);
            while (atomic_load(&p->generation) == seen)
                mlci_os_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->n_sleeping, 1);
            mlci_os_unlock(&p->lock);
            break;
        }
    }
    return !atomic_load(&p->stop);
}

static void pl_work(void *arg)
{
    pl_worker *w = arg;
    mlci_pool *p = w->pool;
    uint32_t seen = 0;

    while (pl_wait(p, seen)) {
        seen++;
        p->fn(p->arg, &p->team, w->index);
        mlci_team_barrier(&p->team);
    }
}

static void pl_publish(mlci_pool *p)
{
    /* A worker counts itself as sleeping before it looks at the generation for
     * the last time, and we look at the count after changing the generation
     * (both sequentially consistent): one of the two sees the other. */
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->n_sleeping) > 0) {
        mlci_os_lock(&p->lock);
        mlci_os_wake_all(&p->wake);
        mlci_os_unlock(&p->lock);
    }
}

void mlci_pool_run(mlci_pool *p, mlci_team_fn *fn, void *arg)
{
    mlci_os_lock(&p->turn);
    p->fn = fn;
    p->arg = arg;
    if (p->team.n_threads > 1)
        pl_publish(p);
    fn(arg, &p->team, 0);
    mlci_team_barrier(&p->team);
    mlci_os_unlock(&p->turn);
}

mlc_status mlci_pool_open(mlc_context *ctx, uint32_t n_threads, mlci_pool **out,
                          mlc_error *err)
{
    mlci_pool *p = mlci_new_aligned(ctx, sizeof *p);
    int e = 0;

    *out = NULL;
    if (p == NULL)
        return mlci_nomem(err, "thread pool");
    memset(p, 0, sizeof *p);
    p->team.n_threads = n_threads;
    p->workers = mlci_new(ctx, n_threads, sizeof *p->workers);
    if (p->workers == NULL) {
        mlci_delete_aligned(ctx, p, sizeof *p);
        return mlci_nomem(err, "thread pool");
    }
    mlci_os_mutex_init(&p->turn);
    mlci_os_mutex_init(&p->lock);
    mlci_os_cond_init(&p->wake);
    for (uint32_t i = 1; i < n_threads && e == 0; i++) {
        pl_worker *w = &p->workers[i];

        w->pool = p;
        w->index = i;
        e = mlci_os_thread_start(&w->thread, pl_work, w);
        p->n_started += e == 0;
    }
    if (e != 0) {
        mlci_pool_close(ctx, p);
        return mlci_fail(err, MLC_EIO, e, "cannot start worker thread %u",
                         p->n_started + 1);
    }
    *out = p;
    return MLC_OK;
}

void mlci_pool_close(mlc_context *ctx, mlci_pool *p)
{
    uint32_t n;

    if (p == NULL)
        return;
    n = p->team.n_threads;
    atomic_store(&p->stop, true);
    pl_publish(p);
    for (uint32_t i = 1; i <= p->n_started; i++)
        mlci_os_thread_join(&p->workers[i].thread);
    mlci_os_mutex_reset(&p->turn);
    mlci_os_mutex_reset(&p->lock);
    mlci_os_cond_reset(&p->wake);
    mlci_delete(ctx, p->workers, n, sizeof *p->workers);
    mlci_delete_aligned(ctx, p, sizeof *p);
}
