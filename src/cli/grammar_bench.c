/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar_bench.c - mlc grammar --bench: a folder of schemas with instances
 * ({"schema": ..., "tests": [{"valid": true, "data": ...}]}), token by token.
 *
 * Instances are written with a space behind each comma and colon, and cut into the longest
 * tokens there are.  Each schema is compiled three times; of each token's times the least
 * counts, as of a machine without other work.  Then once more over the last grammar: warm.
 */
#include "grammar.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GB_FRESH = 3 };

/* ---- JSON, as it stands ----------------------------------------------------------------- */

typedef struct gb_slice { const char *p, *end; } gb_slice;

static void gb_spaces(gb_slice *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p) != NULL)
        s->p++;
}

/* Over one value, which is given; text that is no JSON gives what there is. */
static gb_slice gb_value(gb_slice *s)
{
    gb_slice v;
    int depth = 0;

    gb_spaces(s);
    v.p = s->p;
    do {
        const char c = s->p < s->end ? *s->p : 0;

        if (c == '"')
            for (s->p++; s->p < s->end && *s->p != '"'; s->p++)
                s->p += *s->p == '\\' && s->p + 1 < s->end;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        s->p += s->p < s->end;
    } while (s->p < s->end && (depth > 0 || (v.p[0] != '"' && v.p[0] != '{' && v.p[0] != '['
                                             && strchr(",]} \t\r\n", *s->p) == NULL)));
    v.end = s->p;
    return v;
}

/* The next item, or member with its key; false: there is none. */
static bool gb_next(gb_slice *s, gb_slice *key, gb_slice *v)
{
    gb_spaces(s);
    if (s->p < s->end && (*s->p == ',' || *s->p == '{' || *s->p == '['))
        s->p++;
    gb_spaces(s);
    if (s->p >= s->end || *s->p == '}' || *s->p == ']')
        return false;
    if (key != NULL) {
        *key = gb_value(s);
        gb_spaces(s);
        s->p += s->p < s->end && *s->p == ':';
    }
    *v = gb_value(s);
    return true;
}

static gb_slice gb_member(gb_slice object, const char *name)
{
    const size_t n = strlen(name);
    gb_slice key, v;

    while (gb_next(&object, &key, &v))
        if ((size_t)(key.end - key.p) == n + 2 && memcmp(key.p + 1, name, n) == 0)
            return v;
    return (gb_slice){ NULL, NULL };
}

/* One space behind commas and colons, no others. */
static size_t gb_write(gb_slice v, char *out)
{
    bool in = false;
    size_t n = 0;

    for (const char *p = v.p; p < v.end; p++) {
        if (!in && strchr(" \t\r\n", *p) != NULL)
            continue;
        in ^= *p == '"';
        out[n++] = *p;
        if (in && *p == '\\' && p + 1 < v.end)
            out[n++] = *++p;
        if (!in && (*p == ',' || *p == ':'))
            out[n++] = ' ';
    }
    return n;
}

/* ---- tokens ----------------------------------------------------------------------------- */

typedef struct gb_bench {
    mlc_vocab *v;
    const cli_tokens *t;
    uint32_t  *sorted;                /* tokens in order of their bytes                    */
    uint32_t  *mask;
    const mlc_grammar_options *opts;
    struct gb_times { double *x; size_t n, cap; } compile, first, mask_times, accept, warm;
    size_t     schemas, refused, valid, valid_ok, invalid, invalid_ok;
    bool       failed;
} gb_bench;

static const cli_tokens *gb_order;    /* for qsort */

static int gb_compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const uint32_t *o = gb_order->offsets, n = o[x + 1] - o[x], k = o[y + 1] - o[y];
    const int r = memcmp(gb_order->bytes + o[x], gb_order->bytes + o[y], n < k ? n : k);

    return r != 0 ? r : n < k ? -1 : n > k;
}

/* The longest token that the text begins with; -1: none. */
static int32_t gb_longest(const gb_bench *b, const char *text, size_t n)
{
    const uint32_t *o = b->t->offsets;
    uint32_t low = 0, high = b->t->n;
    int32_t best = -1;

    for (size_t i = 0; i < n && low < high; i++) {
        const uint8_t c = (uint8_t)text[i];
        uint32_t bounds[2];

        for (unsigned k = 0; k < 2; k++) {    /* the first whose byte is c, or more */
            uint32_t from = low, to = high;

            while (from < to) {
                const uint32_t mid = (from + to) / 2, t = b->sorted[mid];

                if (o[t + 1] - o[t] <= i || (uint8_t)b->t->bytes[o[t] + i] < c + k)
                    from = mid + 1;
                else
                    to = mid;
            }
            bounds[k] = from;
        }
        low = bounds[0], high = bounds[1];
        if (low < high && o[b->sorted[low] + 1] - o[b->sorted[low]] == i + 1)
            best = (int32_t)b->sorted[low];
    }
    return best;
}

/* ---- times ------------------------------------------------------------------------------ */

static void gb_add(gb_bench *b, struct gb_times *t, double x)
{
    if (t->n == t->cap) {
        const size_t cap = t->cap > 0 ? 2 * t->cap : 1024;
        double *more = realloc(t->x, cap * sizeof *more);

        b->failed |= more == NULL;
        if (more == NULL)
            return;
        t->x = more;
        t->cap = cap;
    }
    t->x[t->n++] = x;
}

static int gb_by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void gb_print(const char *name, struct gb_times *t, double unit, const char *end)
{
    double sum = 0;

    if (t->n > 0)
        qsort(t->x, t->n, sizeof *t->x, gb_by_size);
    for (size_t i = 0; i < t->n; i++)
        sum += t->x[i];
    printf("  \"%s\": {", name);
    if (t->n > 0)
        printf("\"mean\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"p99.9\": %.3f, \"max\": %.3f",
               unit * sum / (double)t->n, unit * t->x[t->n / 2], unit * t->x[t->n * 99 / 100],
               unit * t->x[t->n * 999 / 1000], unit * t->x[t->n - 1]);
    printf("}%s\n", end);
}

/* ---- instances -------------------------------------------------------------------------- */

/* One instance: does it fit?  Times of masks and steps, the least so far of each. */
static bool gb_instance(gb_bench *b, mlc_grammar *g, const int32_t *tokens, size_t n,
                        double *mask, double *accept, bool first)
{
    mlc_matcher *m = NULL;
    bool ok = mlc_matcher_open(g, &m, NULL) == MLC_OK;

    for (size_t i = 0; i < n && ok; i++) {
        const double t0 = cli_seconds();
        double t1, t2;

        b->failed |= mlc_matcher_mask(m, b->mask) != MLC_OK;
        t1 = cli_seconds();
        ok = mlc_matcher_accept(m, tokens[i]) == MLC_OK;
        t2 = cli_seconds();
        mask[i] = first || t1 - t0 < mask[i] ? t1 - t0 : mask[i];
        accept[i] = first || t2 - t1 < accept[i] ? t2 - t1 : accept[i];
    }
    ok = ok && mlc_matcher_may_end(m);
    mlc_matcher_close(m);
    return ok;
}

static void gb_test(gb_bench *b, mlc_grammar *const *g, gb_slice data, bool valid, bool count)
{
    const size_t size = 2 * (size_t)(data.end - data.p) + 1;
    char *text = malloc(size);
    int32_t *tokens = malloc(size * sizeof *tokens);
    double *mask = calloc(size, sizeof *mask), *accept = calloc(size, sizeof *accept);
    size_t n = 0;
    bool ok = false;

    b->failed |= text == NULL || tokens == NULL || mask == NULL || accept == NULL;
    if (!b->failed) {
        const size_t bytes = gb_write(data, text);

        for (size_t at = 0; at < bytes;) {
            const int32_t t = gb_longest(b, text + at, bytes - at);

            if (t < 0)
                break;
            tokens[n++] = t;
            at += b->t->offsets[t + 1] - b->t->offsets[t];
        }
        for (int k = 0; k < GB_FRESH; k++)
            ok = gb_instance(b, g[k], tokens, n, mask, accept, k == 0);
        if (count && n > 0)
            gb_add(b, &b->first, mask[0]);
        for (size_t i = 0; i < n && mask[i] > 0; i++) {
            gb_add(b, &b->mask_times, mask[i]);
            gb_add(b, &b->accept, accept[i]);
        }
        (void)gb_instance(b, g[0], tokens, n, mask, accept, true);
        for (size_t i = 0; i < n && mask[i] > 0; i++)
            gb_add(b, &b->warm, mask[i]);
    }
    b->valid += valid;
    b->valid_ok += valid && ok;
    b->invalid += !valid;
    b->invalid_ok += !valid && !ok;
    free(text);
    free(tokens);
    free(mask);
    free(accept);
}

static void gb_file(gb_bench *b, gb_slice file)
{
    const gb_slice schema = gb_member(file, "schema");
    gb_slice tests = gb_member(file, "tests"), test;
    mlc_grammar *g[GB_FRESH] = { NULL };
    double least = 1e9;
    bool first = true;

    if (schema.p == NULL || tests.p == NULL)
        return;
    b->schemas++;
    for (int i = 0; i < GB_FRESH; i++) {
        const double begin = cli_seconds();
        const mlc_status st = mlc_grammar_open(b->v, schema.p, (size_t)(schema.end - schema.p),
                                               b->opts, &g[i], NULL);
        const double t = cli_seconds() - begin;

        least = t < least ? t : least;
        if (st != MLC_OK)
            break;
    }
    b->refused += g[0] == NULL;
    gb_add(b, &b->compile, least);
    while (gb_next(&tests, NULL, &test)) {
        const gb_slice data = gb_member(test, "data"), valid = gb_member(test, "valid");
        const bool fits = valid.p != NULL && *valid.p == 't';

        if (data.p == NULL)
            continue;
        if (g[GB_FRESH - 1] != NULL)
            gb_test(b, g, data, fits, first);
        else
            b->valid += fits;
        first = false;
    }
    for (int i = 0; i < GB_FRESH; i++)
        mlc_grammar_close(g[i]);
}

/* ---- folders ---------------------------------------------------------------------------- */

static int gb_folder(gb_bench *b, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    char path[4096];

    if (dir == NULL)
        return cli_fail("%s: no folder that can be read", folder);
    while ((e = readdir(dir)) != NULL && !b->failed) {
        const size_t n = strlen(e->d_name);
        char *text;
        size_t size;

        if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        text = cli_read_file(path, &size);
        if (text != NULL)
            gb_file(b, (gb_slice){ text, text + size });
        free(text);
    }
    closedir(dir);
    return b->failed ? cli_fail("out of memory, or a grammar's limit") : 0;
}

static void gb_figures(gb_bench *b)
{
    printf("{\n  \"schemas\": %zu, \"refused\": %zu,\n  \"valid\": %zu, \"accepted\": %zu,\n"
           "  \"invalid\": %zu, \"not_accepted\": %zu,\n", b->schemas, b->refused, b->valid,
           b->valid_ok, b->invalid, b->invalid_ok);
    gb_print("compile_us", &b->compile, 1e6, ",");
    gb_print("first_mask_us", &b->first, 1e6, ",");
    gb_print("mask_us", &b->mask_times, 1e6, ",");
    gb_print("mask_warm_us", &b->warm, 1e6, ",");
    gb_print("accept_us", &b->accept, 1e6, "\n}");
}

int cli_grammar_bench(mlc_vocab *v, const cli_tokens *t, const mlc_grammar_options *opts,
                      const char *folder)
{
    gb_bench b = { .v = v, .t = t, .opts = opts };
    int rc;

    b.sorted = malloc(((size_t)t->n + 1) * sizeof *b.sorted);
    b.mask = malloc((mlc_vocab_words(v) + 1) * sizeof *b.mask);
    b.failed = b.sorted == NULL || b.mask == NULL;
    for (uint32_t i = 0; i < t->n && !b.failed; i++)
        b.sorted[i] = i;
    gb_order = t;
    if (!b.failed)
        qsort(b.sorted, t->n, sizeof *b.sorted, gb_compare);
    rc = gb_folder(&b, folder);
    if (rc == 0 && b.schemas == 0)
        rc = cli_fail("%s: no schemas with tests in it", folder);
    if (rc == 0)
        gb_figures(&b);
    free(b.compile.x);
    free(b.first.x);
    free(b.mask_times.x);
    free(b.warm.x);
    free(b.accept.x);
    free(b.sorted);
    free(b.mask);
    return rc;
}
