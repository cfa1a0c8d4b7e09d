/* SPDX-License-Identifier: Apache-2.0
 *
 * golden.h - for tests: the files that tests/prepare.sh lays out.
 *
 * MLC_TEST_DATA names the folder, by default "build".
 */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include "../src/base/json.h"
#include "t.h"

#include <stdarg.h>

/* A path below the folder, in a buffer that the next but three calls reuse. */
static inline const char *data_path(const char *fmt, ...)
{
    static char paths[4][512];
    static int  next;
    char       *path = paths[next++ % 4];
    const char *root = getenv("MLC_TEST_DATA");
    int         n = snprintf(path, sizeof paths[0], "%s/", root != NULL ? root : "build");
    va_list     ap;

    va_start(ap, fmt);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, fmt, ap);
    va_end(ap);
    return path;
}

static inline bool data_exists(const char *path)
{
    FILE *f = fopen(path, "rb");

    bool is = f != NULL;

    if (is)
        fclose(f);
    return is;
}

/* The whole file, to be freed; NULL if there is none.  A NUL follows. */
static inline char *data_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *bytes = NULL;
    long size;

    *n = 0;
    if (f == NULL)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0) {
        rewind(f);
        bytes = malloc((size_t)size + 1);
        *n = bytes != NULL ? fread(bytes, 1, (size_t)size, f) : 0;
        if (bytes != NULL)
            bytes[*n] = 0;
    }
    fclose(f);
    return bytes;
}

typedef struct golden {
    char            *text;
    mlci_arena       arena;
    const mlci_json *root;      /* NULL if the file is not there */
} golden;

static inline void golden_open(golden *g, mlc_context *ctx, const char *path)
{
    mlc_error err = { 0 };
    size_t n;

    g->root = NULL;
    g->text = data_read(path, &n);
    mlci_arena_init(&g->arena, ctx, (size_t)1 << 30);
    if (g->text != NULL && mlci_json_parse(&g->arena, g->text, n, &g->root, &err) != MLC_OK)
        fprintf(stderr, "%s: %s\n", path, err.text);
}

static inline void golden_close(golden *g)
{
    mlci_arena_reset(&g->arena);
    free(g->text);
}

static inline int64_t golden_int(const mlci_json *v)
{
    int64_t i = INT64_MIN;

    if (v != NULL)
        mlci_json_integer(v, &i);
    return i;
}

static inline double golden_number(const mlci_json *v)
{
    double d = 0;

    if (v != NULL)
        mlci_json_number(v, &d);
    return d;
}

/* The ids of an array; returns how many. */
static inline size_t golden_ids(const mlci_json *array, int32_t *ids, size_t cap)
{
    size_t n = 0;

    for (const mlci_json *v = array != NULL ? array->items : NULL; v != NULL && n < cap;
         v = v->next)
        ids[n++] = (int32_t)golden_int(v);
    return n;
}

/* A context on a tier by name (NULL: the best); exits if there is none. */
static inline mlc_context *test_context(const char *tier)
{
    mlc_context_options o;
    mlc_context *ctx = NULL;
    mlc_error err = { 0 };

    mlc_context_options_init(&o);
    o.cpu_tier = tier;
    o.n_threads = 2;
    if (mlc_context_open(&o, &ctx, &err) != MLC_OK) {
        fprintf(stderr, "context: %s\n", err.text);
        exit(1);
    }
    return ctx;
}

#endif
