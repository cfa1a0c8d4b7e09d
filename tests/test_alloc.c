/* SPDX-License-Identifier: Apache-2.0
 *
 * test_alloc.c - memory: when the n-th allocation fails, for every n, opening and
 * using a tiny model gives MLC_ENOMEM (or works without it), and nothing leaks; a
 * step of a session or an engine allocates nothing; sizes given back are the sizes
 * that were taken.
 */
#include "golden.h"

#include <stdatomic.h>
#include <stdalign.h>

typedef struct counter {
    atomic_long calls, live, fail_at, bad;   /* fail_at 0: never               */
    atomic_llong bytes, peak;
} counter;

/* In front of each block: what it was asked for with. */
typedef struct head { size_t size, align; void *base; uint64_t magic; } head;
static const uint64_t magic = 0x6d656d6f7279u;

static void *count_alloc(void *user, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    counter *c = user;
    head *h = ptr != NULL ? (head *)ptr - 1 : NULL, *n;
    char *base, *p;
    long long now;

    if (h != NULL && (h->magic != magic || h->size != old_size || h->align != align))
        atomic_fetch_add(&c->bad, 1);
    if (h == NULL && old_size != 0)
        atomic_fetch_add(&c->bad, 1);
    if (new_size == 0) {
        if (h != NULL) {
            atomic_fetch_sub(&c->live, 1);
            atomic_fetch_sub(&c->bytes, (long long)h->size);
            h->magic = 0;
            free(h->base);
        }
        return NULL;
    }
    if (atomic_fetch_add(&c->calls, 1) + 1 == atomic_load(&c->fail_at))
        return NULL;
    if (align < alignof(max_align_t))
        align = alignof(max_align_t);
    base = malloc(new_size + align + sizeof *n);
    if (base == NULL)
        return NULL;
    p = base + sizeof *n;
    p += (align - (uintptr_t)p % align) % align;
    n = (head *)(void *)p - 1;
    *n = (head){ new_size, h != NULL ? h->align : align, base, magic };
    memset(p, 0xa5, new_size);               /* nobody may count on zeroes      */
    if (h != NULL) {
        memcpy(p, ptr, h->size < new_size ? h->size : new_size);
        atomic_fetch_sub(&c->bytes, (long long)h->size);
        atomic_fetch_sub(&c->live, 1);
        free(h->base);
    }
    atomic_fetch_add(&c->live, 1);
    now = atomic_fetch_add(&c->bytes, (long long)new_size) + (long long)new_size;
    if (now > atomic_load(&c->peak))
        atomic_store(&c->peak, now);
    return p;
}

static mlc_status last_status(void *user, const mlc_event *e)
{
    *(mlc_status *)user = e->status;
    return MLC_OK;
}

/* Open, evaluate, ask, close.  The first failure ends it; everything is closed. */
static mlc_status use(counter *c, const char *path, const char *tier, long *in_steps)
{
    static const char request[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"abc\"}],"
        "\"chat_template\":\"{% for m in messages %}{{ m.content }}{% endfor %}\","
        "\"max_tokens\":5,\"stream\":true,\"presence_penalty\":0.5,\"logprobs\":true}";
    mlc_context_options o;
    mlc_session_options so;
    mlc_engine_options eo;
    mlc_context *ctx = NULL;
    mlc_model *m = NULL;
    mlc_session *s = NULL;
    mlc_engine *e = NULL;
    mlc_request *r = NULL;
    const int32_t ids[70] = { 1, 2, 3, 4, 5 };
    mlc_status st, done = MLC_OK;
    mlc_error err = { 0 };
    long before;

    mlc_context_options_init(&o);
    o.alloc = count_alloc, o.alloc_user = c, o.cpu_tier = tier, o.n_threads = 2;
    st = mlc_context_open(&o, &ctx, NULL);
    if (st == MLC_OK)
        st = mlc_model_open(ctx, path, NULL, &m, &err);
    if (st == MLC_OK) {
        mlc_session_options_init(&so);
        so.kv_tokens = 256, so.n_sequences = 2;
        st = mlc_session_open(m, &so, &s, NULL);
    }
    before = atomic_load(&c->calls);
    if (st == MLC_OK)
        st = mlc_session_eval(s, ids, 70, NULL);
    for (int i = 0; i < 3 && st == MLC_OK; i++)
        st = mlc_session_eval(s, ids + i, 1, NULL);
    if (st == MLC_OK)
        st = mlc_session_fork(s, 0, 1);
    if (st == MLC_OK)
        st = mlc_session_rewind(s, 0, 3);
    *in_steps = atomic_load(&c->calls) - before;
    if (st == MLC_OK) {
        mlc_engine_options_init(&eo);
        eo.flags = MLC_ENGINE_MANUAL, eo.kv_tokens = 256;
        st = mlc_engine_open(m, &eo, &e, NULL);
    }
    if (st == MLC_OK)
        st = mlc_engine_submit(e, request, sizeof request - 1, NULL, &r, &err);
    before = atomic_load(&c->calls);
    for (int32_t busy = 1; busy && st == MLC_OK;)
        st = mlc_engine_step(e, &busy);
    *in_steps += atomic_load(&c->calls) - before;
    if (st == MLC_EFORMAT)
        fprintf(stderr, "%s\n", err.text);
    if (st == MLC_OK)
        st = mlc_request_wait(r, last_status, &done);
    if (st == MLC_OK)
        st = done;
    mlc_request_close(r);
    mlc_engine_close(e);
    mlc_session_close(s);
    mlc_model_close(m);
    mlc_context_close(ctx);
    return st;
}

static void test(const char *path, const char *tier)
{
    counter c = { 0 };
    long all, in_steps = -1, without = 0;
    mlc_status st;

    T_CASE("%s on %s: it works, and gives everything back", strrchr(path, '/') + 1, tier);
    st = use(&c, path, tier, &in_steps);
    all = atomic_load(&c.calls);
    T_CHECK(st == MLC_OK, "%s", mlc_status_name(st));
    T_CHECK(atomic_load(&c.live) == 0 && atomic_load(&c.bytes) == 0, "%ld blocks left",
            atomic_load(&c.live));
    T_CHECK(atomic_load(&c.bad) == 0, "%ld calls with other sizes than before",
            atomic_load(&c.bad));
    T_CHECK(all > 50, "only %ld allocations", all);
    T_CASE("%s on %s: a step allocates nothing", strrchr(path, '/') + 1, tier);
    T_CHECK(in_steps == 0, "%ld allocations", in_steps);

    T_CASE("%s on %s: the n-th allocation fails, for all n", strrchr(path, '/') + 1, tier);
    for (long n = 1; n <= all; n++) {
        memset(&c, 0, sizeof c);
        atomic_store(&c.fail_at, n);
        st = use(&c, path, tier, &in_steps);
        T_CHECK(st == MLC_ENOMEM || st == MLC_OK, "allocation %ld: %s", n,
                mlc_status_name(st));
        T_CHECK(atomic_load(&c.live) == 0, "allocation %ld: %ld blocks left", n,
                atomic_load(&c.live));
        T_CHECK(atomic_load(&c.bad) == 0, "allocation %ld: bad sizes", n);
        without += st == MLC_OK;
    }
    T_CHECK(without < all / 4, "%ld of %ld failures went unnoticed", without, all);
}

int main(void)
{
    t_begin();
    test(data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"), "scalar");
    test(data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"), NULL);
    test(data_path("golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"), NULL);
    return t_done();
}
