/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranks.c - models shared out among ranks, as threads and as processes: the same
 * logits as of one rank alone, the same bits on all; what happens when one goes.
 */
#include "golden.h"
#include "../include/mlc_experimental.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_RANKS = 4, PROMPT = 9, STEPS = 3, MAX_VOCAB = 300000 };

/* The logits of some prefill and decoding, one row after each. */
typedef struct answer {
    mlc_status status;
    size_t     n;                   /* values                                  */
    float     *logits;
    uint64_t   bytes;               /* of weights that a decoded token reads   */
    char       text[248];
} answer;

static void fail(answer *a, const mlc_error *err)
{
    a->status = err->status;
    snprintf(a->text, sizeof a->text, "%s", err->text);
}

/* The same calls on every rank. */
static void evaluate(const char *path, mlcx_rank *rank, mlc_context *ctx, answer *a)
{
    int32_t ids[PROMPT + STEPS];
    mlc_model *model = NULL;
    mlc_session *s = NULL;
    mlc_model_info info;
    mlc_error err = { 0 };
    mlc_status st = rank != NULL ? mlcx_model_open_rank(ctx, path, rank, NULL, &model, &err)
                                 : mlc_model_open(ctx, path, NULL, &model, &err);

    memset(a, 0, sizeof *a);
    if (st == MLC_OK)
        st = mlc_session_open(model, NULL, &s, &err);
    if (st == MLC_OK) {
        mlc_model_info_init(&info);
        mlc_model_get_info(model, &info);
        a->bytes = info.decode_bytes;
        a->logits = calloc((size_t)info.vocab_size * (STEPS + 1), sizeof *a->logits);
        for (int i = 0; i < PROMPT + STEPS; i++)
            ids[i] = (int32_t)((uint32_t)(i * 7919 + 3) % info.vocab_size);
    }
    for (int i = 0; i <= STEPS && st == MLC_OK; i++) {
        st = mlc_session_eval(s, i == 0 ? ids : ids + PROMPT + i - 1, i == 0 ? PROMPT : 1, &err);
        if (st == MLC_OK) {
            memcpy(a->logits + a->n, mlc_session_logits(s, 0),
                   info.vocab_size * sizeof *a->logits);
            a->n += info.vocab_size;
        }
    }
    if (st != MLC_OK)
        fail(a, &err);
    mlc_session_close(s);
    mlc_model_close(model);
}

static mlc_context *context(void)
{
    mlc_context_options o;
    mlc_context *ctx = NULL;
    mlc_error err = { 0 };

    mlc_context_options_init(&o);
    o.n_threads = 1;
    if (mlc_context_open(&o, &ctx, &err) != MLC_OK)
        fprintf(stderr, "context: %s\n", err.text);
    return ctx;
}

/* Largest difference to one rank alone, in parts of the logits' spread. */
static double distance(const answer *a, const answer *alone)
{
    double low = INFINITY, high = -INFINITY, most = 0;

    for (size_t i = 0; i < alone->n; i++) {
        low = fmin(low, (double)alone->logits[i]);
        high = fmax(high, (double)alone->logits[i]);
        most = fmax(most, fabs((double)alone->logits[i] - (double)a->logits[i]));
    }
    return most / (high - low);
}

static void check(const char *path, const answer *alone, const answer *all, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++) {
        T_CHECK(all[r].status == MLC_OK && all[r].n == alone->n, "rank %u: %s", r, all[r].text);
        if (all[r].status != MLC_OK || all[r].n != alone->n)
            return;
        T_CHECK(memcmp(all[r].logits, all[0].logits, alone->n * sizeof *alone->logits) == 0,
                "rank %u has other bits than rank 0", r);
        T_CHECK(all[r].bytes < alone->bytes, "rank %u reads %llu bytes of %llu", r,
                (unsigned long long)all[r].bytes, (unsigned long long)alone->bytes);
    }
    T_CHECK(distance(&all[0], alone) < 2e-3, "%s: logits differ by %.5f of their spread", path,
            distance(&all[0], alone));
}

/* ---- threads ------------------------------------------------------------------------ */

typedef struct job { const char *path; mlcx_rank *rank; answer answer; } job;

static void *run_rank(void *arg)
{
    job *j = arg;
    mlc_context *ctx = context();

    evaluate(j->path, j->rank, ctx, &j->answer);
    mlc_context_close(ctx);
    return NULL;
}

static void threads(const char *path, const answer *alone, uint32_t n)
{
    mlc_context *ctx = context();
    mlcx_rank *ranks[MAX_RANKS];
    pthread_t ids[MAX_RANKS];
    answer all[MAX_RANKS];
    job jobs[MAX_RANKS];
    mlc_error err;

    T_CHECK(mlcx_ranks_threads(ctx, n, 0, ranks, &err) == MLC_OK, "%s", err.text);
    for (uint32_t r = 0; r < n; r++) {
        jobs[r] = (job){ .path = path, .rank = ranks[r] };
        pthread_create(&ids[r], NULL, run_rank, &jobs[r]);
    }
    for (uint32_t r = 0; r < n; r++) {
        pthread_join(ids[r], NULL);
        mlcx_rank_close(ranks[r]);
        all[r] = jobs[r].answer;
    }
    check(path, alone, all, n);
    for (uint32_t r = 0; r < n; r++)
        free(all[r].logits);
    mlc_context_close(ctx);
}

/* ---- processes ------------------------------------------------------------------------ */

static const char *meeting(void)
{
    static char path[100];
    const char *dir = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/mlc_ranks_%ld", dir != NULL && strlen(dir) < 60 ? dir : "/tmp",
             (long)getpid());
    return path;
}

static void put(int fd, const void *data, size_t n)
{
    for (const char *p = data; n > 0;) {
        ssize_t k = write(fd, p, n);

        if (k <= 0)
            _exit(3);
        p += k;
        n -= (size_t)k;
    }
}

static bool get(int fd, void *data, size_t n)
{
    for (char *p = data; n > 0;) {
        ssize_t k = read(fd, p, n);

        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* What a process that is one rank does; its answer goes into the pipe. */
static void child(const char *path, const char *meet, uint32_t rank, uint32_t n, int fd)
{
    mlc_context *ctx = context();
    mlcx_rank *r = NULL;
    mlc_error err;
    answer a = { 0 };

    if (mlcx_rank_join(ctx, meet, rank, n, 20000, &r, &err) == MLC_OK)
        evaluate(path, r, ctx, &a);
    else
        fail(&a, &err);
    put(fd, &a, sizeof a);
    put(fd, a.logits, a.n * sizeof *a.logits);
    mlcx_rank_close(r);
    mlc_context_close(ctx);
    free(a.logits);
    _exit(0);
}

static void processes(const char *path, const answer *alone, uint32_t n)
{
    const char *meet = meeting();
    answer all[MAX_RANKS];
    pid_t pids[MAX_RANKS];
    int pipes[MAX_RANKS][2];

    fflush(NULL);
    for (uint32_t r = 0; r < n; r++) {
        if (pipe(pipes[r]) != 0 || (pids[r] = fork()) < 0) {
            T_CHECK(0, "fork");
            return;
        }
        if (pids[r] == 0)
            child(path, meet, r, n, pipes[r][1]);
        close(pipes[r][1]);
    }
    for (uint32_t r = 0; r < n; r++) {
        bool ok = get(pipes[r][0], &all[r], sizeof all[r]) && all[r].n <= MAX_VOCAB * 4;

        T_CHECK(ok, "rank %u ended without an answer", r);
        all[r].n = ok ? all[r].n : 0;
        all[r].logits = calloc(all[r].n + 1, sizeof *all[r].logits);
        T_CHECK(get(pipes[r][0], all[r].logits, all[r].n * sizeof *all[r].logits),
                "rank %u ended early", r);
        close(pipes[r][0]);
    }
    for (uint32_t r = 0; r < n; r++)
        waitpid(pids[r], NULL, 0);
    check(path, alone, all, n);
    for (uint32_t r = 0; r < n; r++)
        free(all[r].logits);
}

/* ---- when one goes ------------------------------------------------------------------------ */

/* A rank that does not come, and one that closes, end the other's evaluation. */
static void leaving(const char *path)
{
    mlc_context *ctx = context();
    mlcx_rank *ranks[2];
    mlc_error err = { 0 };
    answer a;

    T_CASE("threads: nobody else comes");
    T_CHECK(mlcx_ranks_threads(ctx, 2, 50, ranks, &err) == MLC_OK, "%s", err.text);
    evaluate(path, ranks[0], ctx, &a);
    T_CHECK(a.status == MLC_EIO && strstr(a.text, "another rank") != NULL, "%s", a.text);
    free(a.logits);
    mlcx_rank_close(ranks[0]);
    mlcx_rank_close(ranks[1]);
    T_CASE("threads: the other has closed");
    T_CHECK(mlcx_ranks_threads(ctx, 2, 0, ranks, &err) == MLC_OK, "%s", err.text);
    mlcx_rank_close(ranks[1]);
    evaluate(path, ranks[0], ctx, &a);
    T_CHECK(a.status == MLC_EIO, "%s", a.text);
    free(a.logits);
    mlcx_rank_close(ranks[0]);
    T_CASE("processes: nobody else comes");
    T_CHECK(mlcx_rank_join(ctx, meeting(), 0, 2, 50, &ranks[0], &err) == MLC_EIO
            && strstr(err.text, "rank 0 of 2") != NULL, "%s", err.text);
    T_CHECK(mlcx_rank_join(ctx, meeting(), 1, 2, 50, &ranks[0], &err) == MLC_EIO, "%s", err.text);
    T_CHECK(mlcx_rank_join(ctx, meeting(), 2, 2, 50, &ranks[0], &err) == MLC_EINVAL, "%s",
            err.text);
    T_CHECK(mlcx_rank_join(ctx, "/nowhere/at/all", 0, 2, 50, &ranks[0], &err) == MLC_EIO, "%s",
            err.text);
    T_CHECK(mlcx_ranks_threads(ctx, 9, 0, ranks, &err) == MLC_EINVAL, "%s", err.text);
    mlc_context_close(ctx);
}

/* A process that is killed between joining and evaluating. */
static void killed(const char *path)
{
    const char *meet = meeting();
    mlc_context *ctx;
    mlcx_rank *r = NULL;
    mlc_error err = { 0 };
    answer a = { 0 };
    pid_t pid;

    T_CASE("processes: the other is killed");
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        mlcx_rank_join(context(), meet, 1, 2, 20000, &r, &err);
        raise(SIGKILL);
    }
    ctx = context();
    T_CHECK(mlcx_rank_join(ctx, meet, 0, 2, 20000, &r, &err) == MLC_OK, "%s", err.text);
    if (r != NULL)
        evaluate(path, r, ctx, &a);
    T_CHECK(a.status == MLC_EIO, "status %d: %s", a.status, a.text);
    free(a.logits);
    waitpid(pid, NULL, 0);
    mlcx_rank_close(r);
    mlc_context_close(ctx);
}

/* Processes first: a process that has threads must not fork. */
static void test(const char *path, bool quick)
{
    mlc_context *ctx;
    answer alone;

    if (!data_exists(path)) {
        T_CASE("%s", path);
        t_skip("the model is not here");
        return;
    }
    ctx = context();
    evaluate(path, NULL, ctx, &alone);
    mlc_context_close(ctx);
    T_CASE("%s, 2 processes", path);
    processes(path, &alone, 2);
    T_CASE("%s, 2 threads", path);
    threads(path, &alone, 2);
    for (uint32_t n = 3; n <= MAX_RANKS && quick; n++) {
        T_CASE("%s, %u threads", path, n);
        threads(path, &alone, n);
    }
    free(alone.logits);
}

int main(void)
{
    char tiny[512];

    t_begin();
    snprintf(tiny, sizeof tiny, "%s", data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"));
    killed(tiny);
    test(tiny, true);
    test(data_path("golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"), true);
    test(data_path("golden/tiny/gguf/llama-h256/llama-h256-MIXED.gguf"), true);
    if (getenv("MLC_TEST_QUICK") == NULL) {
        test(data_path("models/smollm2.gguf"), false);
        test(data_path("models/qwen2.gguf"), false);
        test(data_path("models/gemma3.gguf"), false);
    }
    leaving(tiny);
    return t_done();
}
