/* SPDX-License-Identifier: Apache-2.0
 *
 * files.c - files.h.
 */
#include "files.h"
#include "gguf.h"
#include "hf.h"
#include "latent.h"
#include "stretch.h"

#include <stdio.h>
#include <string.h>

enum { FI_MAX_PATH = 4096, FI_MAX_FILES = 4096 };

static const size_t fi_limit = (size_t)1 << 30;     /* of a directory's texts */

static mlc_status fi_path(const char *dir, const char *name, char path[FI_MAX_PATH], mlc_error *err)
{
    const int n = dir == NULL ? snprintf(path, FI_MAX_PATH, "%s", name)
                              : snprintf(path, FI_MAX_PATH, "%s/%s", dir, name);

    return n > 0 && n < FI_MAX_PATH ? MLC_OK
         : mlci_fail(err, MLC_EINVAL, 0, "the path of %.100s is too long", name);
}

static mlc_status fi_room(mlci_files *f, mlc_error *err)
{
    void *items = f->items;
    size_t cap = f->cap;

    if (f->n == FI_MAX_FILES)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "more than %d files", FI_MAX_FILES);
    if (!mlci_grow(f->ctx, &items, &cap, (size_t)f->n + 1, sizeof *f->items))
        return mlci_nomem(err, "files");
    f->items = items;
    f->cap = (uint32_t)cap;
    return MLC_OK;
}

mlc_status mlci_files_add(mlci_files *f, const char *dir, const char *name, bool map,
                          uint32_t *number, mlc_error *err)
{
    char path[FI_MAX_PATH];
    mlc_status st = fi_path(dir, name, path, err);

    if (st == MLC_OK)
        st = fi_room(f, err);
    if (st == MLC_OK)
        st = mlci_source_path(&f->items[f->n], f->ctx, path, map, err);
    if (st == MLC_OK)
        *number = f->n++;
    return st;
}

mlc_status mlci_files_add_made(mlci_files *f, const void *data, size_t n, uint32_t *number,
                               mlc_error *err)
{
    mlc_status st = fi_room(f, err);

    if (st != MLC_OK)
        return st;
    f->items[f->n] = (mlci_source){ .ctx = f->ctx, .file = { .fd = -1 }, .data = data, .size = n };
    *number = f->n++;
    return MLC_OK;
}

const char *mlci_files_text(mlci_arena *arena, const char *dir, const char *name, size_t most,
                            size_t *n, mlc_status *st, mlc_error *err)
{
    char path[FI_MAX_PATH], *text;
    mlci_source s;

    if (*st != MLC_OK || fi_path(dir, name, path, NULL) != MLC_OK || !mlci_os_is_file(path))
        return NULL;
    *st = mlci_source_path(&s, arena->ctx, path, false, err);
    if (*st != MLC_OK)
        return NULL;
    text = NULL;
    *n = (size_t)s.size;
    if (s.size > most)
        *st = mlci_fail(err, MLC_EFORMAT, 0, "%s: larger than %zu MB", name, most >> 20);
    else if ((text = mlci_arena_new(arena, *n + 1, 1)) == NULL)
        *st = mlci_nomem(err, name);
    else
        *st = mlci_source_read(&s, 0, text, *n, err);
    mlci_source_close(&s);
    return *st == MLC_OK ? text : NULL;
}

static mlc_status fi_gguf(mlci_files *f, mlc_error *err)
{
    mlc_status st = mlci_gguf_open(&f->directory, &f->items[0], err);
    mlci_config c;

    mlci_directory_config(&f->directory, &c);
    if (st == MLC_OK)
        st = mlci_config_bool_or(&c, "mlc.halves", false, &f->halves, err);
    if (st == MLC_OK)
        st = mlci_stretch_gguf(f, err);
    return st == MLC_OK ? mlci_latent_split(f, err) : st;
}

static void fi_begin(mlci_files *f, mlc_context *ctx, bool map)
{
    memset(f, 0, sizeof *f);
    f->ctx = ctx;
    f->map = map;
    mlci_arena_init(&f->directory.arena, ctx, fi_limit);
}

/* The last part of a directory's path. */
static void fi_name(mlci_files *f, const char *path)
{
    size_t n = strlen(path), begin;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/'; begin--)
        ;
    snprintf(f->name, sizeof f->name, "%.*s", (int)mlci_min(n - begin, 100), path + begin);
}

static const char fi_tokenizer[] = "tokenizer.json", fi_model[] = ".model";

/* A tokenizer alone, by its file. */
static bool fi_is_tokenizer(const char *path)
{
    const size_t n = strlen(path), k = strlen(fi_tokenizer);

    return n >= k && n < FI_MAX_PATH && strcmp(path + n - k, fi_tokenizer) == 0
        && (n == k || path[n - k - 1] == '/') && mlci_os_is_file(path);
}

/* A sentencepiece model alone. */
static bool fi_is_model(const char *path)
{
    const size_t n = strlen(path), k = strlen(fi_model);

    return n > k && n < FI_MAX_PATH && strcmp(path + n - k, fi_model) == 0
        && mlci_os_is_file(path);
}

static mlc_status fi_open_model(mlci_files *f, const char *path, mlc_error *err)
{
    uint32_t n = 0;
    mlc_status st;

    fi_name(f, path);
    f->halves = true;
    st = mlci_spm_tokenizer(f, NULL, path, &n, err);
    return mlci_error_prefix(err, st == MLC_OK ? mlci_directory_index_keys(&f->directory, err) : st,
                             f->name);
}

mlc_status mlci_files_open(mlci_files *f, mlc_context *ctx, const char *path, uint32_t flags,
                           mlc_error *err)
{
    const bool map = (flags & MLC_MODEL_NO_MMAP) == 0;
    char config[FI_MAX_PATH];
    uint32_t number;
    mlc_status st;

    fi_begin(f, ctx, map);
    f->verify = (flags & MLC_MODEL_VERIFY) != 0;
    if (fi_is_tokenizer(path)) {
        snprintf(config, sizeof config, "%.*s.", (int)(strlen(path) - strlen(fi_tokenizer)), path);
        snprintf(f->name, sizeof f->name, "%s", fi_tokenizer);
        return mlci_error_prefix(err, mlci_hf_finish(f, config, NULL, NULL, err), f->name);
    }
    if (fi_is_model(path))
        return fi_open_model(f, path, err);
    if (mlci_os_is_directory(path)) {
        fi_name(f, path);
        st = fi_path(path, "mlc-chat-config.json", config, err);
        if (st == MLC_OK)
            st = mlci_os_is_file(config) ? mlci_mlc_open(f, path, err) : mlci_hf_open(f, path, err);
        return mlci_error_prefix(err, st, f->name);
    }
    st = mlci_files_add(f, NULL, path, map, &number, err);
    if (st != MLC_OK)
        return st;
    memcpy(f->name, f->items[0].name, sizeof f->name);
    return fi_gguf(f, err);
}

mlc_status mlci_files_open_user(mlci_files *f, mlc_context *ctx, const mlc_source *user,
                                mlc_error *err)
{
    mlc_status st;

    fi_begin(f, ctx, false);
    st = fi_room(f, err);
    if (st == MLC_OK)
        st = mlci_source_user(&f->items[0], ctx, user, err);
    if (st != MLC_OK)
        return st;
    f->n = 1;
    memcpy(f->name, f->items[0].name, sizeof f->name);
    return fi_gguf(f, err);
}

void mlci_files_close(mlci_files *f)
{
    if (f->ctx == NULL)
        return;
    mlci_directory_close(&f->directory);
    for (uint32_t i = 0; i < f->n; i++)
        mlci_source_close(&f->items[i]);
    mlci_delete(f->ctx, f->items, f->cap, sizeof *f->items);
    memset(f, 0, sizeof *f);
}

void mlci_files_config(const mlci_files *f, mlci_config *c)
{
    mlci_directory_config(&f->directory, c);
    c->halves = f->halves;
}

uint64_t mlci_files_bytes(const mlci_files *f)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < f->n; i++)
        sum += f->items[i].size;
    return sum;
}
