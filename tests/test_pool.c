/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pool.c - the worker threads: all take part, a barrier lets none pass early,
 * callers take turns.  Most telling under ThreadSanitizer.
 */
#include "golden.h"
#include "../src/base/os.h"
#include "../src/base/pool.h"

enum { PHASES = 50, MAX_THREADS = 5 };

typedef struct phases {
    int        written[MAX_THREADS];      /* plain: the barrier orders them        */
    int        bad;
    atomic_int runs;
} phases;

/* In each phase a thread writes its own cell, and after the barrier reads all. */
static void phases_run(void *arg, mlci_team *team, uint32_t thread)
{
    phases *p = arg;
    int bad = 0;

    atomic_fetch_add(&p->runs, 1);
    for (int i = 1; i <= PHASES; i++) {
        p->written[thread] = i;
        mlci_team_barrier(team);
        for (uint32_t t = 0; t < team->n_threads; t++)
            bad += p->written[t] != i;
        mlci_team_barrier(team);
    }
    if (thread == 0)
        p->bad = bad;
}

typedef struct shares { uint32_t n; int hits[100]; } shares;

static void shares_run(void *arg, mlci_team *team, uint32_t thread)
{
    shares *s = arg;
    size_t begin, end;

    mlci_team_share(team, thread, s->n, &begin, &end);
    for (size_t i = begin; i < end; i++)
        s->hits[i]++;
}

typedef struct caller { mlci_pool *pool; int *sum; int bad; } caller;

static void add_run(void *arg, mlci_team *team, uint32_t thread)
{
    caller *c = arg;

    if (thread == 0)
        ++*c->sum;           /* only safe if runs take turns */
    mlci_team_barrier(team);
}

static void caller_run(void *arg)
{
    caller *c = arg;

    for (int i = 0; i < 50; i++)
        mlci_pool_run(c->pool, add_run, c);
}

int main(void)
{
    mlc_context *ctx = test_context(NULL);
    mlc_error err;

    t_begin();
    for (uint32_t n = 1; n <= MAX_THREADS; n += n < 3 ? 1 : 2) {
        mlci_pool *pool = NULL;
        int sum = 0;
        caller c[3];
        mlci_thread threads[3];

        T_CASE("%u threads", n);
        T_CHECK(mlci_pool_open(ctx, n, &pool, &err) == MLC_OK, "%s", err.text);
        for (int i = 0; i < 5; i++) {
            phases p = { 0 };

            mlci_pool_run(pool, phases_run, &p);
            T_CHECK(p.bad == 0, "%d cells were not of the phase", p.bad);
            T_CHECK(atomic_load(&p.runs) == (int)n, "%d took part", atomic_load(&p.runs));
        }
        for (uint32_t k = 0; k <= 100; k += 33) {
            shares s = { k, { 0 } };

            mlci_pool_run(pool, shares_run, &s);
            for (uint32_t i = 0; i < 100; i++)
                T_CHECK(s.hits[i] == (i < k), "item %u of %u: %d times", i, k, s.hits[i]);
        }
        for (int i = 0; i < 3; i++) {
            c[i] = (caller){ pool, &sum, 0 };
            T_CHECK(mlci_os_thread_start(&threads[i], caller_run, &c[i]) == 0, "thread");
        }
        for (int i = 0; i < 3; i++)
            mlci_os_thread_join(&threads[i]);
        T_CHECK(sum == 150, "three callers, 50 runs each: %d", sum);
        mlci_pool_close(ctx, pool);
    }
    mlc_context_close(ctx);
    return t_done();
}
