/* SPDX-License-Identifier: Apache-2.0
 *
 * t.h - the test harness: no dependencies, one process per binary.
 *
 * T_CASE begins a case, T_CHECK looks at a condition.  A failure prints file:line,
 * the case and the seed that repeats it; t_done prints "N passed, N failed" (cases)
 * and gives the exit status: 0 only if nothing failed.
 *
 * Environment: MLC_TEST_SEED sets the seed, MLC_TEST_STRICT makes a case that is
 * skipped count as failed.
 */
#ifndef T_H
#define T_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char     t_case[160];
static uint64_t t_seed = 1;
static int      t_fails, t_case_fails, t_passed, t_failed, t_skipped;

static inline void t_finish(void)
{
    if (t_case[0] != 0 && t_case_fails > 0)
        t_failed++;
    else if (t_case[0] != 0)
        t_passed++;
    t_case[0] = 0;
}

#define T_CASE(...) do {                                                       \
        t_finish();                                                            \
        t_case_fails = 0;                                                      \
        snprintf(t_case, sizeof t_case, __VA_ARGS__); } while (0)

#define T_CHECK(cond, ...) do { if (!(cond)) {                                 \
        t_fails++, t_case_fails++;                                             \
        if (t_case_fails <= 10) {                                              \
            fprintf(stderr, "%s:%d: [%s seed=%llu] %s: ", __FILE__, __LINE__,  \
                    t_case, (unsigned long long)t_seed, #cond);                \
            fprintf(stderr, __VA_ARGS__); fputc('\n', stderr); } } } while (0)

/* The case cannot run here: what is missing. */
static inline void t_skip(const char *what)
{
    fprintf(stderr, "skipped: [%s] %s\n", t_case, what);
    if (getenv("MLC_TEST_STRICT") != NULL)
        t_fails++, t_case_fails++;
    else
        t_skipped++, t_case[0] = 0;
}

static inline void t_begin(void)
{
    const char *s = getenv("MLC_TEST_SEED");

    if (s != NULL)
        t_seed = strtoull(s, NULL, 0);
}

static inline int t_done(void)
{
    t_finish();
    printf("%d passed, %d failed, %d skipped\n", t_passed, t_failed, t_skipped);
    return t_fails > 0;
}

/* splitmix64 (Steele, Lea, Flood 2014): same stream on every machine. */
static inline uint64_t t_rand(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint32_t t_below(uint64_t *s, uint32_t n)
{
    return (uint32_t)(t_rand(s) % n);
}

static inline float t_uniform(uint64_t *s)  /* in [-1, 1) */
{
    return (float)(int64_t)(t_rand(s) >> 40) * 0x1p-23f - 1.0f;
}

#endif
