/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_check.h - generated kernels against the interpreter, on any device.
 *
 * Reads a file of scheduled programs (kernelgen's cpu.tir or gpu.tir), and for each
 * picks sizes and inputs, runs the interpreter and the device's kernel, and compares
 * every element of the outputs, with guards behind them.
 */
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include "tir_help.h"
#include "golden.h"
#include "../src/compiler/library.h"

enum { KC_GUARD = 64 };

typedef struct kc_case {
    const mlci_program *p;
    uint64_t   hash;
    mlci_array arrays[MLCI_MAX_BUFFERS];      /* parameters, scalars too, then outputs */
    size_t     bytes[MLCI_MAX_BUFFERS];       /* of each, without the guard            */
    int64_t    sizes[MLCI_MAX_PROGRAM_SYMBOLS];
    uint32_t   n_sizes;
    int64_t    groups;                        /* points of the outer axes              */
    int64_t    axes[2];                       /* extents of the first two              */
    bool       tiled;
    bool       tame;                          /* no infinities go in, and no sum of parts
                                                 may become one                         */
} kc_case;

/* Run the kernel on the case's arrays, outputs into arrays[i].data.  false: the
 * device has none of that hash. */
typedef bool kc_run(void *user, const kc_case *c);

static inline int kc_number(const tir_bench *b, uint32_t atom)
{
    return atoi(b->dims.atoms[atom].name + 1);
}

/* Sizes that satisfy the shapes: a symbol inside a quotient is a multiple of 256. */
static inline bool kc_sizes(tir_bench *b, kc_case *c, const mlci_symbols *s, int64_t *env,
                            uint64_t *seed)
{
    const mlci_program *p = c->p;

    for (uint32_t i = 0; i < s->n; i++) {
        bool blocks = false;

        for (uint32_t a = 1; a < b->dims.n_atoms; a++)
            blocks = blocks || (b->dims.atoms[a].kind != MLCI_SYMBOL
                                && mlci_dim_uses(&b->dims, b->dims.atoms[a].a, s->old[i])
                                && mlci_dim_atom(&b->dims, b->dims.atoms[a].a) == s->old[i]);
        env[s->old[i]] = blocks ? 256 * (1 + t_below(seed, 2))
                       : t_below(seed, 3) == 0 ? 15 + t_below(seed, 20) : 1 + t_below(seed, 6);
        c->sizes[kc_number(b, s->old[i])] = env[s->old[i]];
    }
    c->n_sizes = s->n;
    for (uint32_t i = 0; i < p->n_params + p->n_outs; i++) {
        mlci_array *a = &c->arrays[i];

        *a = (mlci_array){ NULL, p->buffers[i].dtype, p->buffers[i].rank, { 1, 1, 1, 1 } };
        c->bytes[i] = mlci_dtype_table[a->dtype].bytes;
        for (uint32_t k = 0; k < a->rank; k++) {
            if (!mlci_dim_at(&b->dims, p->buffers[i].dims[k], env, b->dims.n_atoms, &a->dims[k])
                || a->dims[k] < 1 || a->dims[k] > 5000)
                return false;
            c->bytes[i] *= (size_t)a->dims[k];
        }
        /* Errors are measured by the largest output: of few, all may be small by
         * cancellation. */
        if (i >= p->n_params && a->rank > 0 && c->bytes[i] < 8 * 4)
            return false;
    }
    c->groups = 1;
    c->tiled = mlci_program_tiled(&b->t, p);
    for (uint32_t k = 0; k < p->stages[0].n_axes; k++) {
        int64_t n = 1;

        if (!mlci_dim_at(&b->dims, p->stages[0].axes[k].extent, env, b->dims.n_atoms, &n))
            return false;
        if (k < p->n_outer)
            c->groups *= n;
        if (k < 2)
            c->axes[k] = n;
    }
    return c->groups < 20000;
}

/* tame: no infinities among bytes; wild: zeros and one huge value among floats. */
static inline void kc_fill(kc_case *c, uint64_t *seed, bool tame, bool wild)
{
    for (uint32_t i = 0; i < c->p->n_params + c->p->n_outs; i++) {
        mlci_array *a = &c->arrays[i];
        unsigned char *bytes = a->data = malloc(c->bytes[i] + KC_GUARD);
        size_t n = c->bytes[i] / mlci_dtype_table[a->dtype].bytes;

        memset(bytes, 0xa5, c->bytes[i] + KC_GUARD);
        for (size_t k = 0; i < c->p->n_params && k < n; k++)
            switch (a->dtype) {
            case MLCI_DT_F32:
                ((float *)a->data)[k] = c->p->buffers[i].place == MLCI_SCALAR
                                      ? 0.5f + (float)t_below(seed, 100) / 80
                                      : wild && k == n / 2 ? 3e4f
                                      : wild && k % 3 == 0 ? 0.0f : tir_random(seed);
                break;
            case MLCI_DT_F16: case MLCI_DT_BF16:
                mlci_element_set(a->dtype, a->data, k, (double)tir_random(seed));
                break;
            case MLCI_DT_I32:   /* may be a row number */
                ((int32_t *)a->data)[k] = 0;
                break;
            default:            /* a float16's exponent that is not infinity's */
                for (size_t d = 0; d < mlci_dtype_table[a->dtype].bytes; d++)
                    bytes[k * mlci_dtype_table[a->dtype].bytes + d]
                        = (unsigned char)(t_rand(seed) & (tame ? 0xbf : 0xff));
            }
    }
}

/* Integers that index something: small enough for whatever they index. */
static inline void kc_rows(kc_case *c, uint64_t *seed)
{
    int64_t least = 20;

    for (uint32_t i = 0; i < c->p->n_params; i++)
        if (c->arrays[i].rank > 1)
            for (uint32_t k = 0; k < 2; k++)
                least = c->arrays[i].dims[k] < least ? c->arrays[i].dims[k] : least;
    for (uint32_t i = 0; i < c->p->n_params; i++)
        if (c->arrays[i].dtype == MLCI_DT_I32)
            for (size_t k = 0; k < c->bytes[i] / 4; k++)
                ((int32_t *)c->arrays[i].data)[k] = (int32_t)t_below(seed, (uint32_t)least);
}

/* An element that may be as far off as float32 operations are; an overflow of partial
 * sums may end as infinity or as NaN. */
static inline bool kc_near(double w, double g, double tolerance)
{
    return w == g || isinf(tolerance) || (!(fabs(w) < 1e37) && !(fabs(g) < 1e37))
        || fabs(w - g) <= tolerance;
}

enum { KC_NOISY = 4 };

/* How much the element moves when every operation is off by a little; infinity when
 * one of them overflows. */
static inline double kc_moves(const mlci_array *a, double w, void *const *noisy, size_t k)
{
    double most = 0;

    for (int i = 0; i < KC_NOISY; i++) {
        double d = fabs(mlci_element_get(a->dtype, noisy[i], k) - w);

        if (!(d <= most))
            most = isnan(d) ? (double)INFINITY : d;
    }
    return most;
}

/* Elements that are off; with noisy results, by more than four times what those are. */
static inline size_t kc_differ(const kc_case *c, uint32_t i, const void *want, void *const *noisy)
{
    const mlci_array *a = &c->arrays[i];
    const double tolerance = a->dtype == MLCI_DT_F16 ? 1e-3
                           : a->dtype == MLCI_DT_BF16 ? 8e-3 : 3e-6;
    size_t n = c->bytes[i] / mlci_dtype_table[a->dtype].bytes, bad = 0;
    double most = 0;

    for (size_t k = 0; k < n; k++) {
        double w = fabs(mlci_element_get(a->dtype, want, k));

        most = isfinite(w) && w > most ? w : most;
    }
    for (size_t k = 0; k < n; k++) {
        double w = mlci_element_get(a->dtype, want, k), g = mlci_element_get(a->dtype, a->data, k);
        double allowed = 2e-5 * fabs(w) + tolerance * most
                       + (noisy != NULL ? 4 * kc_moves(a, w, noisy, k) : 0);
        bool same = kc_near(w, g, allowed) || (!c->tame && !isfinite(g));

        bad += !same;
        if (!same && noisy != NULL && bad < 4)
            T_CHECK(0, "output %u, element %zu of %zu: %.9g, want %.9g +- %.2g", i, k, n, g, w,
                    allowed);
    }
    return bad;
}

/* The program again, with operations that are off; arrays has room for outputs. */
static inline void kc_noisy(tir_bench *b, const kc_case *c, uint64_t *seed, mlci_array *arrays)
{
    memcpy(arrays, c->arrays, sizeof c->arrays);
    for (uint32_t i = c->p->n_params; i < c->p->n_params + c->p->n_outs; i++)
        arrays[i].data = calloc(1, c->bytes[i]);
    b->t.noise = t_rand(seed) | 1;
    (void)mlci_interpret(&b->t, b->arena.ctx, c->p, arrays, (uint64_t)1 << 32);
    b->t.noise = 0;
}

static inline void kc_compare(tir_bench *b, const kc_case *c, void *const *want, uint64_t *seed)
{
    static mlci_array noisy[KC_NOISY][MLCI_MAX_BUFFERS];
    const uint32_t begin = c->p->n_params, end = begin + c->p->n_outs;
    size_t bad = 0;

    for (uint32_t i = begin; i < end; i++) {
        const unsigned char *guard = (const unsigned char *)c->arrays[i].data + c->bytes[i];

        for (int k = 0; k < KC_GUARD; k++)
            T_CHECK(guard[k] == 0xa5, "byte %d behind output %u", k, i);
        bad += kc_differ(c, i, want[i], NULL);
    }
    if (bad == 0)
        return;
    for (int k = 0; k < KC_NOISY; k++)
        kc_noisy(b, c, seed, noisy[k]);
    for (uint32_t i = begin; i < end; i++) {
        void *list[KC_NOISY];

        for (int k = 0; k < KC_NOISY; k++)
            list[k] = noisy[k][i].data;
        bad = kc_differ(c, i, want[i], list);
        T_CHECK(bad == 0, "%zu elements", bad);
        for (int k = 0; k < KC_NOISY; k++)
            free(list[k]);
    }
}

static inline void kc_one(tir_bench *b, const mlci_program *p, kc_run *run, void *user,
                          const char *device, uint64_t *seed)
{
    int64_t *env = calloc(b->dims.n_atoms, sizeof *env);
    void *want[MLCI_MAX_BUFFERS] = { NULL };
    mlci_symbols symbols;
    kc_case c = { .p = p, .hash = strtoull(p->name + 2, NULL, 16) };
    mlci_array arrays[MLCI_MAX_BUFFERS];

    (void)mlci_program_symbols(&b->t, p, &symbols);
    T_CASE("%s on %s", p->name, device);
    for (int round = 0; round < 3; round++) {
        int tries = 0;

        while (!kc_sizes(b, &c, &symbols, env, seed) && tries++ < 1000)
            continue;
        T_CHECK(tries < 1000, "no sizes fit");
        c.tame = round < 2;
        kc_fill(&c, seed, c.tame, round == 1);
        kc_rows(&c, seed);
        memcpy(arrays, c.arrays, sizeof arrays);
        for (uint32_t i = p->n_params; i < p->n_params + p->n_outs; i++)
            arrays[i].data = want[i] = calloc(1, c.bytes[i]);
        if (mlci_interpret(&b->t, b->arena.ctx, p, arrays, (uint64_t)1 << 32) != MLC_OK)
            T_CHECK(0, "%s", b->err.text);
        else if (!run(user, &c))
            T_CHECK(0, "no kernel");
        else
            kc_compare(b, &c, want, seed);
        b->t.status = MLC_OK;
        for (uint32_t i = 0; i < p->n_params + p->n_outs; i++) {
            free(c.arrays[i].data);
            free(want[i]);
        }
    }
    free(env);
}

/* All programs of the file; every step-th of them. */
static inline void kc_file(mlc_context *ctx, const char *path, kc_run *run, void *user,
                           const char *device)
{
    size_t n = 0;
    char *text = data_read(path, &n);
    uint64_t seed = t_seed;
    tir_bench b;
    mlci_lex x;

    if (text == NULL) {
        T_CASE("programs");
        T_CHECK(0, "%s cannot be read", path);
        return;
    }
    tir_open(&b, ctx);
    mlci_lex_begin(&x, &b.t, text, n);
    while (x.word != MLCI_W_END && b.t.status == MLC_OK) {
        mlci_program *p;

        mlci_lex_want(&x, "program");
        p = mlci_program_parse(&x, 0);
        if (p != NULL)
            kc_one(&b, p, run, user, device, &seed);
    }
    T_CHECK(b.t.status == MLC_OK, "%s", b.err.text);
    tir_close(&b);
    free(text);
}

#endif
