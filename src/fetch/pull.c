/* SPDX-License-Identifier: Apache-2.0
 *
 * pull.c - mlcx_pull and what is kept.
 *
 *   cache/user--repo/       a repository's files, under their own names once they are right
 *     .name                 how it is called
 *     .complete             all of a model that is a folder is there
 *     .lock                 who brings files holds it
 *   cache/url--digest/      the file of a URL
 */
#include "../../include/mlc_experimental.h"
#include "../base/json.h"
#include "../base/os.h"
#include "hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PU_PATH = 4096, PU_DEPTH = 4, PU_FILES = 20000, PU_LOCK_MS = 100 };

static const char pu_hub[] = "https://huggingface.co";
static const size_t pu_limit = (size_t)64 << 20;

typedef struct pu_work {
    mlc_context  *ctx;
    const mlcx_pull_options *o;
    mlci_hub_name name;
    mlci_arena    arena;
    char          folder[PU_PATH];
    const char   *file;                  /* that is being brought                */
    uint64_t      done, total;
    mlc_error    *err;
} pu_work;

/* dir/name; false: too long. */
static bool pu_path(char out[PU_PATH], const char *dir, const char *name)
{
    const int n = name[0] == 0 ? snprintf(out, PU_PATH, "%s", dir)
                               : snprintf(out, PU_PATH, "%s/%s", dir, name);

    return n > 0 && n < PU_PATH;
}

static mlc_status pu_long(mlc_error *err)
{
    return mlci_fail(err, MLC_EINVAL, 0, "the path of the cache is too long");
}

/* ---- folders --------------------------------------------------------------------------------- */

typedef struct pu_names { mlci_arena *arena; mlci_hub_file *items; uint32_t n, cap; } pu_names;

static bool pu_add_name(void *user, const char *name)
{
    pu_names *p = user;

    if (p->n == p->cap) {
        const uint32_t cap = p->cap == 0 ? 64 : p->cap * 2;
        mlci_hub_file *more = cap > PU_FILES ? NULL
                                             : mlci_arena_new(p->arena, cap, sizeof *more);

        if (more == NULL)
            return false;
        if (p->n > 0)
            memcpy(more, p->items, p->n * sizeof *more);
        p->items = more;
        p->cap = cap;
    }
    p->items[p->n].path = mlci_arena_copy(p->arena, name, strlen(name));
    p->items[p->n].sha256 = "";
    return p->items[p->n].path != NULL && ++p->n > 0;
}

static uint64_t pu_bytes(const char *path)
{
    mlci_file f;
    uint64_t n;

    if (mlci_os_open(&f, path) != 0)
        return 0;
    n = f.size;
    mlci_os_unmap(&f);
    return n;
}

/* Bytes of a folder's files; remove: they and it go. */
static uint64_t pu_walk(mlci_arena *arena, const char *dir, bool remove, int depth)
{
    static const char *const own[] = { ".name", ".complete", ".lock" };
    pu_names names = { arena, NULL, 0, 0 };
    uint64_t sum = 0;
    char path[PU_PATH];

    (void)mlci_os_list(dir, pu_add_name, &names);
    for (uint32_t i = 0; i < names.n; i++) {
        if (!pu_path(path, dir, names.items[i].path))
            continue;
        if (mlci_os_is_directory(path))
            sum += depth < PU_DEPTH ? pu_walk(arena, path, remove, depth + 1) : 0;
        else
            sum += pu_bytes(path);
        if (remove)
            (void)mlci_os_delete(path);
    }
    for (size_t i = 0; i < 3 && remove; i++)
        if (pu_path(path, dir, own[i]))
            (void)mlci_os_delete(path);
    if (remove)
        (void)mlci_os_delete(dir);
    return sum;
}

/* Each folder on the way to a path. */
static mlc_status pu_make_folders(const char *path, mlc_error *err)
{
    char part[PU_PATH];

    for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        int e;

        snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
        e = mlci_os_make_directory(part);
        if (e != 0)
            return mlci_fail(err, MLC_EIO, e, "cannot make %s", part);
    }
    return MLC_OK;
}

static mlc_status pu_mark(pu_work *w, const char *name, const char *text)
{
    char path[PU_PATH];
    int fd, e;

    if (!pu_path(path, w->folder, name))
        return pu_long(w->err);
    e = mlci_os_create(path, &fd);
    if (e == 0) {
        e = mlci_os_write(fd, text, strlen(text));
        (void)mlci_os_close(fd);
    }
    return e == 0 ? MLC_OK : mlci_fail(w->err, MLC_EIO, e, "cannot write %s", path);
}

/* ---- what is here ---------------------------------------------------------------------------- */

/* Files that an index of safetensors names are all there, or there is none. */
static bool pu_whole(mlci_arena *arena, const char *dir)
{
    const mlci_json *root, *map;
    char path[PU_PATH], name[512];
    char *text;
    mlci_file f;
    bool good = true;

    if (!pu_path(path, dir, "model.safetensors.index.json") || mlci_os_open(&f, path) != 0)
        return pu_path(path, dir, "config.json") && mlci_os_is_file(path);
    text = f.size < pu_limit / 4 ? mlci_arena_new(arena, (size_t)f.size + 1, 1) : NULL;
    good = text != NULL && mlci_os_read_at(&f, 0, text, (size_t)f.size) == 0
        && mlci_json_parse(arena, text, (size_t)f.size, &root, NULL) == MLC_OK;
    mlci_os_unmap(&f);
    map = good ? mlci_json_get(root, "weight_map") : NULL;
    for (const mlci_json *v = map != NULL ? map->items : NULL; v != NULL && good; v = v->next) {
        good = v->type == MLCI_JSON_STRING && v->text_bytes < sizeof name;
        if (good)
            snprintf(name, sizeof name, "%.*s", (int)v->text_bytes, v->text);
        good = good && pu_path(path, dir, name) && mlci_os_is_file(path);
    }
    return good && map != NULL;
}

/* The model among a folder's files, as a path; false: it is not there.  marked: a model that
 * is the folder must be marked as complete. */
static bool pu_among(pu_work *w, const char *dir, bool marked, char *out)
{
    pu_names names = { &w->arena, NULL, 0, 0 };
    const char *one;
    char path[PU_PATH];
    mlc_error ignored;

    if (w->name.file[0] != 0 && pu_path(path, dir, w->name.file) && mlci_os_is_file(path)) {
        memcpy(out, path, PU_PATH);
        return true;
    }
    if (w->name.url[0] != 0 || mlci_os_list(dir, pu_add_name, &names) != 0
        || mlci_hub_choose(&w->name, names.items, names.n, &one, &ignored) != MLC_OK)
        return false;
    if (one != NULL)
        return pu_path(out, dir, one);
    if (marked ? !(pu_path(path, dir, ".complete") && mlci_os_is_file(path))
               : !pu_whole(&w->arena, dir))
        return false;
    return pu_path(out, dir, "");
}

/* In the folder that Hugging Face's own programs keep. */
static bool pu_in_hub(pu_work *w, char *out)
{
    char path[PU_PATH], commit[65];
    mlci_file f;
    size_t n = strcspn(w->name.repo, "/");
    bool good;

    if (w->o->hub_cache == NULL || w->name.repo[0] == 0
        || snprintf(path, sizeof path, "%s/models--%.*s--%s/refs/%s", w->o->hub_cache, (int)n,
                    w->name.repo, w->name.repo + n + 1, w->name.revision) >= PU_PATH
        || mlci_os_open(&f, path) != 0)
        return false;
    good = f.size > 0 && f.size < sizeof commit
        && mlci_os_read_at(&f, 0, commit, (size_t)f.size) == 0;
    n = good ? (size_t)f.size : 0;
    mlci_os_unmap(&f);
    while (n > 0 && (commit[n - 1] == '\n' || commit[n - 1] == ' '))
        n--;
    commit[n] = 0;
    if (n == 0 || strspn(commit, "0123456789abcdef") != n)
        return false;
    n = strcspn(w->name.repo, "/");
    return snprintf(path, sizeof path, "%s/models--%.*s--%s/snapshots/%s", w->o->hub_cache, (int)n,
                    w->name.repo, w->name.repo + n + 1, commit) < PU_PATH
        && pu_among(w, path, false, out);
}

/* ---- bringing it ----------------------------------------------------------------------------- */

static mlc_status pu_progress(void *user, uint64_t n)
{
    pu_work *w = user;

    w->done += n;
    return w->o->progress == NULL ? MLC_OK
         : w->o->progress(w->o->progress_user, w->file, w->done, w->total);
}

/* Wait for whoever brings the same. */
static mlc_status pu_lock(pu_work *w, int *fd)
{
    char path[PU_PATH];
    int e;

    if (!pu_path(path, w->folder, ".lock"))
        return pu_long(w->err);
    while ((e = mlci_os_lock_file(path, fd)) == EAGAIN) {
        const mlc_status st = pu_progress(w, 0);

        if (st != MLC_OK)
            return mlci_fail(w->err, st, 0, "stopped while another process brings the model");
        mlci_os_sleep(PU_LOCK_MS);
    }
    return e == 0 ? MLC_OK : mlci_fail(w->err, MLC_EIO, e, "cannot lock %s", path);
}

static mlci_download pu_how(pu_work *w)
{
    return (mlci_download){ .token = w->o->token, .size = UINT64_MAX, .sha256 = "",
                          .stall_ms = w->o->stall_ms > 0 ? w->o->stall_ms : 30000,
                          .progress = pu_progress, .progress_user = w };
}

static mlc_status pu_file(pu_work *w, mlci_http *h, mlci_download f, const char *path)
{
    char to[PU_PATH];
    mlc_status st;

    if (!pu_path(to, w->folder, path))
        return pu_long(w->err);
    w->file = path;
    f.to = to;
    st = pu_make_folders(to, w->err);
    if (st == MLC_OK && w->o->policy != MLCX_CACHE_REDO && mlci_os_is_file(to)
        && (f.size == UINT64_MAX || pu_bytes(to) == f.size))
        return pu_progress(w, pu_bytes(to));
    return st == MLC_OK ? mlci_fetch_file(h, &f, w->err) : st;
}

static mlc_status pu_repository(pu_work *w, mlci_http *h, char *out)
{
    const char *endpoint = w->o->endpoint != NULL ? w->o->endpoint : pu_hub, *one = NULL;
    mlci_hub_file *files = NULL;
    mlci_download f = pu_how(w);
    char url[MLCI_HUB_URL];
    uint32_t n = 0;
    mlc_status st = mlci_hub_files(h, &w->arena, &w->name, &f, endpoint, &files, &n, &one, w->err);

    for (uint32_t i = 0; i < n && st == MLC_OK; i++)
        w->total += files[i].wanted && files[i].size != UINT64_MAX ? files[i].size : 0;
    for (uint32_t i = 0; i < n && st == MLC_OK; i++) {
        if (!files[i].wanted)
            continue;
        f = pu_how(w);
        f.url = url;
        f.size = files[i].size;
        f.sha256 = files[i].sha256;
        st = mlci_hub_url(url, endpoint, &w->name, files[i].path) ? pu_file(w, h, f, files[i].path)
           : mlci_fail(w->err, MLC_EFORMAT, 0, "%s: a name that is too long", w->name.repo);
    }
    if (st == MLC_OK && one == NULL)
        st = pu_mark(w, ".complete", "");
    return st != MLC_OK || pu_path(out, w->folder, one != NULL ? one : "") ? st : pu_long(w->err);
}

static mlc_status pu_url(pu_work *w, mlci_http *h, char *out)
{
    mlci_download f = pu_how(w);
    mlc_status st;

    f.url = w->name.url;
    f.token = NULL;                      /* the hub's */
    st = pu_file(w, h, f, w->name.file);
    return st != MLC_OK || pu_path(out, w->folder, w->name.file) ? st : pu_long(w->err);
}

/* With the folder made and locked. */
static mlc_status pu_bring(pu_work *w, const char *called, char *out)
{
    mlci_http h = { 0 };
    char mark[PU_PATH];
    int lock = -1;
    mlc_status st;

    st = pu_path(mark, w->folder, ".complete") ? pu_make_folders(mark, w->err) : pu_long(w->err);
    if (st == MLC_OK)
        st = pu_lock(w, &lock);
    if (st != MLC_OK)
        return st;
    if (w->o->policy != MLCX_CACHE_ON || !pu_among(w, w->folder, true, out)) {
        (void)mlci_os_delete(mark);
        st = pu_mark(w, ".name", called);
        if (st == MLC_OK)
            st = mlci_http_open(&h, w->ctx, w->err);
        if (st == MLC_OK)
            st = w->name.url[0] != 0 ? pu_url(w, &h, out) : pu_repository(w, &h, out);
        mlci_http_close(&h);
    }
    (void)mlci_os_close(lock);
    return st;
}

static mlc_status pu_pull(pu_work *w, const char *called, char *out)
{
    const bool keep = w->o->policy == MLCX_CACHE_ON || w->o->policy == MLCX_CACHE_READONLY;
    const bool local = w->o->policy == MLCX_CACHE_READONLY || w->o->offline;
    char once[64];

    if (w->o->policy == MLCX_CACHE_OFF) {
        snprintf(once, sizeof once, "once--%016llx", (unsigned long long)mlci_os_random());
        if (!pu_path(w->folder, w->o->cache, once))
            return pu_long(w->err);
    } else if (!pu_path(w->folder, w->o->cache, w->name.folder)) {
        return pu_long(w->err);
    }
    if ((keep || w->o->offline) && (pu_among(w, w->folder, true, out) || pu_in_hub(w, out)))
        return MLC_OK;
    if (local)
        return mlci_fail(w->err, MLC_EIO, 0, "%.200s is not on this disk, and %s", called,
                         w->o->offline ? "this is offline" : "the cache is only read");
    return pu_bring(w, called, out);
}

int32_t mlcx_is_remote(const char *name)
{
    return name != NULL && mlci_hub_is_remote(name);
}

/* How it is kept: without the file. */
static void pu_called(const mlci_hub_name *name, char out[MLCI_HUB_URL])
{
    const bool usual = strcmp(name->revision, "main") == 0;

    if (name->url[0] != 0)
        snprintf(out, MLCI_HUB_URL, "%s", name->url);
    else
        snprintf(out, MLCI_HUB_URL, "hf.co/%s%s%s", name->repo, usual ? "" : "@",
                 usual ? "" : name->revision);
}

mlc_status mlcx_pull(mlc_context *ctx, const char *name, const mlcx_pull_options *options,
                     char *path, size_t cap, mlc_error *err)
{
    mlc_error unwanted = { 0 };
    char called[MLCI_HUB_URL], out[PU_PATH];
    pu_work w = { .ctx = ctx, .o = options, .err = err != NULL ? err : &unwanted };
    mlc_status st;

    if (ctx == NULL || name == NULL || options == NULL || options->cache == NULL || path == NULL
        || options->policy < MLCX_CACHE_ON || options->policy > MLCX_CACHE_READONLY)
        return mlci_fail(w.err, MLC_EINVAL, 0, "mlcx_pull: an argument is NULL or unknown");
    st = mlci_hub_parse(name, &w.name, w.err);
    if (st != MLC_OK)
        return st;
    mlci_arena_init(&w.arena, ctx, pu_limit);
    pu_called(&w.name, called);
    st = pu_pull(&w, called, out);
    mlci_arena_reset(&w.arena);
    if (st == MLC_OK && strlen(out) >= cap)
        return mlci_fail(w.err, MLC_ETOOSMALL, 0, "the path has %zu bytes", strlen(out) + 1);
    if (st == MLC_OK)
        memcpy(path, out, strlen(out) + 1);
    return st;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* What a folder's .name says; false: it is none of ours. */
static bool pu_name_of(const char *dir, char out[MLCI_HUB_URL])
{
    char path[PU_PATH];
    mlci_file f;
    bool good;

    if (!pu_path(path, dir, ".name") || mlci_os_open(&f, path) != 0)
        return false;
    good = f.size > 0 && f.size < MLCI_HUB_URL && mlci_os_read_at(&f, 0, out, (size_t)f.size) == 0;
    out[good ? f.size : 0] = 0;
    mlci_os_unmap(&f);
    return good;
}

/* A folder's models: itself, or each GGUF file. */
static mlc_status pu_each(mlci_arena *arena, const char *dir,
                          mlc_status (*each)(void *user, const mlcx_kept *kept), void *user)
{
    pu_names names = { arena, NULL, 0, 0 };
    char called[MLCI_HUB_URL], path[PU_PATH], name[PU_PATH];
    mlcx_kept kept = { called, dir, 0 };
    mlc_status st = MLC_OK;

    if (!pu_name_of(dir, called))
        return MLC_OK;
    if (pu_path(path, dir, ".complete") && mlci_os_is_file(path)) {
        kept.bytes = pu_walk(arena, dir, false, 0);
        return each(user, &kept);
    }
    (void)mlci_os_list(dir, pu_add_name, &names);
    for (uint32_t i = 0; i < names.n && st == MLC_OK; i++) {
        const size_t n = strlen(names.items[i].path);

        if (n < 5 || strcmp(names.items[i].path + n - 5, ".gguf") != 0
            || !pu_path(path, dir, names.items[i].path))
            continue;
        snprintf(name, sizeof name, "%s:%s", called, names.items[i].path);
        kept = (mlcx_kept){ strncmp(called, "hf.co/", 6) == 0 ? name : called, path,
                            pu_bytes(path) };
        st = each(user, &kept);
    }
    return st;
}

mlc_status mlcx_kept_list(mlc_context *ctx, const char *cache,
                          mlc_status (*each)(void *user, const mlcx_kept *kept), void *user,
                          mlc_error *err)
{
    pu_names names = { NULL, NULL, 0, 0 };
    char dir[PU_PATH];
    mlci_arena arena;
    mlc_status st = MLC_OK;

    if (ctx == NULL || cache == NULL || each == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "mlcx_kept_list: an argument is NULL");
    mlci_arena_init(&arena, ctx, pu_limit);
    names.arena = &arena;
    (void)mlci_os_list(cache, pu_add_name, &names);
    for (uint32_t i = 0; i < names.n && st == MLC_OK; i++)
        if (pu_path(dir, cache, names.items[i].path) && mlci_os_is_directory(dir))
            st = pu_each(&arena, dir, each, user);
    mlci_arena_reset(&arena);
    return st;
}

mlc_status mlcx_kept_remove(mlc_context *ctx, const char *cache, const char *name, mlc_error *err)
{
    const mlcx_pull_options o = { .cache = cache };
    pu_work w = { .ctx = ctx, .o = &o, .err = err };
    char called[MLCI_HUB_URL], path[PU_PATH];
    mlc_status st;

    if (ctx == NULL || cache == NULL || name == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "mlcx_kept_remove: an argument is NULL");
    st = mlci_hub_parse(name, &w.name, err);
    if (st != MLC_OK)
        return st;
    mlci_arena_init(&w.arena, ctx, pu_limit);
    if (!pu_path(w.folder, cache, w.name.folder) || !pu_name_of(w.folder, called)
        || (w.name.file[0] != 0 && !pu_among(&w, w.folder, true, path)))
        st = mlci_fail(err, MLC_EINVAL, 0, "%.200s is not kept", name);
    else if (w.name.file[0] != 0 && w.name.url[0] == 0)
        (void)mlci_os_delete(path);
    if (st == MLC_OK && (w.name.file[0] == 0 || w.name.url[0] != 0
                         || pu_walk(&w.arena, w.folder, false, 0) == 0))
        (void)pu_walk(&w.arena, w.folder, true, 0);
    mlci_arena_reset(&w.arena);
    return st;
}
