/* SPDX-License-Identifier: Apache-2.0
 *
 * pull.c - mlc pull, mlc list, mlc remove; models of the net by their names everywhere.
 *
 * The library reads no environment: what is said there is looked up here.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PL_PATH = 4096 };

/* What the environment says, in o; the texts are in paths. */
typedef struct pl_paths { char cache[PL_PATH], hub[PL_PATH]; } pl_paths;

static const char *pl_env(const char *name)
{
    const char *v = getenv(name);

    return v != NULL && v[0] != 0 ? v : NULL;
}

static void pl_home(char out[PL_PATH], const char *set, const char *below, const char *in_home)
{
    const char *home = pl_env("HOME");

    if (set != NULL)
        snprintf(out, PL_PATH, "%s%s", set, below);
    else
        snprintf(out, PL_PATH, "%s%s", home != NULL ? home : "/tmp", in_home);
}

static void pl_cache(char out[PL_PATH])
{
    if (pl_env("MLC_CACHE") != NULL)
        pl_home(out, pl_env("MLC_CACHE"), "/models", "");
    else
        pl_home(out, pl_env("XDG_CACHE_HOME"), "/libmlc/models", "/.cache/libmlc/models");
}

static int pl_policy(const char *text, int32_t *out)
{
    static const char *const names[] = { "on", "off", "redo", "readonly" };

    *out = MLCX_CACHE_ON;
    for (int32_t i = 0; text != NULL && i < 4; i++) {
        size_t n = 0;

        while (names[i][n] != 0 && (text[n] | 32) == names[i][n])
            n++;
        if (names[i][n] == 0 && text[n] == 0) {
            *out = i;
            return 0;
        }
    }
    return text == NULL ? 0 : cli_fail("a cache policy is on, off, redo or readonly, not \"%s\"",
                                       text);
}

static mlc_status pl_progress(void *user, const char *file, uint64_t done, uint64_t total)
{
    cli_bar *bar = user;

    if (file != NULL)
        bar->what = file;
    return total > 0 ? cli_progress(bar, (double)done / (double)(total > done ? total : done))
                     : MLC_OK;
}

static int pl_pull(const cli_options *o, mlc_context *ctx, char path[PL_PATH])
{
    const char *policy = o->cache_policy != NULL ? o->cache_policy
                                                 : pl_env("MLC_DOWNLOAD_CACHE_POLICY");
    cli_bar bar = { "looking", cli_seconds(), false };
    pl_paths p;
    mlcx_pull_options options = {
        .cache = p.cache, .hub_cache = p.hub, .endpoint = pl_env("HF_ENDPOINT"),
        .token = pl_env("HF_TOKEN"), .offline = o->offline || pl_env("HF_HUB_OFFLINE") != NULL,
        .stall_ms = pl_env("MLC_STALL_MS") != NULL ? (uint32_t)atoi(pl_env("MLC_STALL_MS")) : 0,
        .progress = pl_progress, .progress_user = &bar,
    };
    mlc_error err = { 0 };
    mlc_status st;

    pl_cache(p.cache);
    if (pl_env("HF_HUB_CACHE") != NULL)
        snprintf(p.hub, sizeof p.hub, "%s", pl_env("HF_HUB_CACHE"));
    else
        pl_home(p.hub, pl_env("HF_HOME"), "/hub", "/.cache/huggingface/hub");
    if (pl_policy(policy, &options.policy) != 0)
        return 1;
    st = mlcx_pull(ctx, o->model, &options, path, PL_PATH, &err);
    cli_bar_end(&bar);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

int cli_resolve(cli_options *o)
{
    mlc_context *ctx;
    char *path;
    int rc;

    if (!mlcx_is_remote(o->model))
        return 0;
    path = malloc(PL_PATH);
    if (path == NULL || cli_open(o, &ctx, NULL, 0, NULL) != 0) {
        free(path);
        return 1;
    }
    rc = pl_pull(o, ctx, path);
    mlc_context_close(ctx);
    if (rc != 0)
        free(path);
    else
        o->model = o->resolved = path;
    return rc;
}

int cli_pull(const cli_options *o)
{
    mlc_context *ctx;
    char path[PL_PATH];
    int rc;

    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    rc = pl_pull(o, ctx, path);
    mlc_context_close(ctx);
    if (rc == 0)
        printf("%s\n", path);
    return rc;
}

static mlc_status pl_print(void *user, const mlcx_kept *kept)
{
    const cli_options *o = user;

    if (o->verbose)
        printf("%10.1f MB  %s\n               %s\n", (double)kept->bytes / 1e6, kept->name,
               kept->path);
    else
        printf("%10.1f MB  %s\n", (double)kept->bytes / 1e6, kept->name);
    return MLC_OK;
}

/* What is kept: printed, or o->model taken away. */
static int pl_kept(const cli_options *o, bool remove)
{
    char cache[PL_PATH];
    mlc_context *ctx;
    mlc_error err = { 0 };
    mlc_status st;

    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    pl_cache(cache);
    st = remove ? mlcx_kept_remove(ctx, cache, o->model, &err)
                : mlcx_kept_list(ctx, cache, pl_print, (void *)(uintptr_t)o, &err);
    mlc_context_close(ctx);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

int cli_list(const cli_options *o) { return pl_kept(o, false); }
int cli_remove(const cli_options *o) { return pl_kept(o, true); }
