/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fork.c - forks of matchers share what they have read: each behaves like one that
 * has read its own text alone, whoever reads on, goes back or is closed meanwhile.
 */
#include "golden.h"
#include "../src/base/base.h"

#include <pthread.h>

enum { BYTES = 256, WORDS = BYTES / 32, MANY = 12, LONGEST = 300, THREADS = 4 };

static mlc_context *ctx;

/* A vocabulary of single bytes. */
static mlc_vocab *bytes_vocab(void)
{
    char bytes[BYTES];
    uint32_t offsets[BYTES + 1];
    mlc_vocab *v = NULL;

    for (uint32_t i = 0; i < BYTES; i++) {
        bytes[i] = (char)i;
        offsets[i] = i;
    }
    offsets[BYTES] = BYTES;
    T_CHECK(mlc_vocab_open(ctx, bytes, offsets, BYTES, NULL, 0, &v, NULL) == MLC_OK, "vocab");
    return v;
}

/* A matcher and what it has read, a byte each. */
typedef struct reader {
    mlc_matcher *m;
    char         text[LONGEST];
    size_t       n;
} reader;

/* Is it as if it had read its text alone? */
static bool alike(mlc_grammar *g, const reader *r)
{
    uint32_t mask[WORDS] = { 0 }, want[WORDS] = { 1 };
    mlc_matcher *fresh = NULL;
    bool ok = mlc_matcher_open(g, &fresh, NULL) == MLC_OK;

    for (size_t i = 0; i < r->n && ok; i++)
        ok = mlc_matcher_accept_bytes(fresh, r->text + i, 1, NULL) == MLC_OK;
    ok = ok && mlc_matcher_mask(fresh, want) == MLC_OK && mlc_matcher_mask(r->m, mask) == MLC_OK
      && memcmp(mask, want, sizeof mask) == 0
      && mlc_matcher_may_end(fresh) == mlc_matcher_may_end(r->m);
    mlc_matcher_close(fresh);
    return ok;
}

/* A byte that may come, of those that keep strings short; -1: none. */
static int some_byte(mlc_matcher *m, uint64_t *seed)
{
    static const char letters[] = "ab\"\",,:]}{[1 ";
    uint32_t mask[WORDS];

    if (mlc_matcher_mask(m, mask) != MLC_OK)
        return -1;
    for (int tries = 0; tries < 100; tries++) {
        const uint8_t b = (uint8_t)letters[t_below(seed, sizeof letters - 1)];

        if ((mask[b / 32] >> (b % 32) & 1) != 0)
            return b;
    }
    return -1;
}

/* One of: read on, go back, be replaced by a fork of another one. */
static bool move(reader *all, size_t n, size_t i, uint64_t *seed)
{
    reader *r = &all[i];
    const size_t from = t_below(seed, (uint32_t)n), back = t_below(seed, (uint32_t)r->n + 1);
    int byte;

    switch (t_below(seed, 8)) {
    case 0:
        if (from == i)
            return true;
        mlc_matcher_close(r->m);
        *r = all[from];
        return mlc_matcher_fork(all[from].m, &r->m, NULL) == MLC_OK;
    case 1:
        r->n -= back;
        return mlc_matcher_rollback(r->m, back) == MLC_OK;
    default:
        byte = r->n < LONGEST ? some_byte(r->m, seed) : -1;
        if (byte < 0)
            return true;
        r->text[r->n++] = (char)byte;
        return mlc_matcher_accept(r->m, byte) == MLC_OK;
    }
}

/* The texts that came before matter, and so do states of names and values. */
static mlc_grammar *grammar(mlc_vocab *v, uint64_t limit)
{
    static const char schema[] =
        "{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"anyOf\":[{\"type\":\"array\","
        "\"items\":{\"type\":\"string\",\"maxLength\":9}},{\"type\":\"object\","
        "\"additionalProperties\":{\"enum\":[1,\"ab\"]}}]}}";
    mlc_grammar_options o;
    mlc_grammar *g = NULL;

    mlc_grammar_options_init(&o);
    o.limit = limit;
    o.flags = MLC_GRAMMAR_FRESH;
    T_CHECK(mlc_grammar_open(v, schema, strlen(schema), &o, &g, NULL) == MLC_OK, "grammar");
    return g;
}

static void test_random(mlc_vocab *v, uint64_t limit)
{
    mlc_grammar *g = grammar(v, limit), *other = grammar(v, 0);
    uint64_t seed = t_seed;
    reader all[MANY] = { { NULL, "", 0 } };
    size_t most = 0;

    T_CASE("forks of forks, a limit of %u KiB", (unsigned)(limit >> 10));
    for (int i = 0; i < MANY; i++)
        T_CHECK(mlc_matcher_open(g, &all[i].m, NULL) == MLC_OK, "open");
    for (int step = 0; step < 6000; step++) {
        const size_t i = t_below(&seed, MANY);

        T_CHECK(move(all, MANY, i, &seed), "step %d", step);
        most = all[i].n > most ? all[i].n : most;
        if (step % 4 == 0)
            T_CHECK(alike(other, &all[i]), "step %d: after \"%.*s\"", step, (int)all[i].n,
                    all[i].text);
    }
    T_CHECK(most > 60, "texts of at most %zu bytes", most);
    for (int i = 0; i < MANY; i++)
        mlc_matcher_close(all[i].m);
    mlc_grammar_close(g);
    mlc_grammar_close(other);
}

/* ---- threads ------------------------------------------------------------------------------ */

typedef struct worker { reader all[3]; uint64_t seed; bool ok; } worker;

static void *work(void *arg)
{
    worker *w = arg;

    w->ok = true;
    for (int step = 0; step < 1500 && w->ok; step++)
        w->ok = move(w->all, 3, t_below(&w->seed, 3), &w->seed);
    return NULL;
}

static void test_threads(mlc_vocab *v)
{
    static worker workers[THREADS];
    mlc_grammar *g = grammar(v, 0), *other = grammar(v, 0);
    pthread_t threads[THREADS];
    reader first = { NULL, "[[\"ab\",\"b\"],", 12 };

    T_CASE("forks of one matcher in several threads");
    T_CHECK(mlc_matcher_open(g, &first.m, NULL) == MLC_OK, "open");
    for (size_t i = 0; i < first.n; i++)
        T_CHECK(mlc_matcher_accept_bytes(first.m, first.text + i, 1, NULL) == MLC_OK, "%zu", i);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i].seed = t_seed + i;
        for (int k = 0; k < 3; k++) {
            workers[i].all[k] = first;
            T_CHECK(mlc_matcher_fork(first.m, &workers[i].all[k].m, NULL) == MLC_OK, "fork");
        }
    }
    mlc_matcher_close(first.m);
    for (int i = 0; i < THREADS; i++)
        T_CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "thread");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        T_CHECK(workers[i].ok, "thread %d", i);
        for (int k = 0; k < 3; k++) {
            T_CHECK(alike(other, &workers[i].all[k]), "thread %d, matcher %d", i, k);
            mlc_matcher_close(workers[i].all[k].m);
        }
    }
    mlc_grammar_close(g);
    mlc_grammar_close(other);
}

int main(void)
{
    mlc_vocab *v;

    ctx = test_context(NULL);
    t_begin();
    v = bytes_vocab();
    test_random(v, 0);
    test_random(v, 200 << 10);
    test_threads(v);
    mlc_vocab_close(v);
    mlc_context_close(ctx);
    return t_done();
}
