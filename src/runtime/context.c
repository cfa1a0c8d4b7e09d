/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - opening a context: allocator, log, devices, threads.
 */
#include "../base/os.h"
#include "../base/pool.h"
#include "device.h"

#include <stdio.h>
#include <string.h>

/* sizeof(mlc_context_options) at ABI 0: no caller can have a shorter one. */
enum { CX_OPTIONS_V0 = sizeof(mlc_context_options) };

enum { CX_MAX_THREADS = 256 };

void mlc_context_options_init_sized(mlc_context_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

void mlc_device_init_sized(mlc_device *device, size_t size)
{
    mlci_options_init(device, size);
}

static mlc_status cx_find_cpu(mlci_devices *d, const char *want, mlc_error *err)
{
    size_t n = 0;
    bool found = want == NULL;

    for (int t = 0; t < MLCI_TIER_COUNT; t++) {
        if (!mlci_cpu_has((mlci_tier)t))
            continue;
        n += (size_t)snprintf(d->cpu_tiers + n, sizeof d->cpu_tiers - n, "%s%s",
                              n > 0 ? " " : "", mlci_tier_names[t]);
        if (want == NULL || strcmp(want, mlci_tier_names[t]) == 0) {
            d->tier = (mlci_tier)t;
            found = true;
        }
    }
    mlci_cpu_name(d->cpu_name, sizeof d->cpu_name);
    d->memory_bytes = mlci_os_memory_total();
    if (!found)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "CPU tier \"%.40s\": this CPU and "
                         "build have %s", want, d->cpu_tiers);
    return MLC_OK;
}

mlc_status mlc_context_open(const mlc_context_options *user_opts,
                            mlc_context **out, mlc_error *err)
{
    mlc_context_options opts;
    mlc_context proto, *ctx;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    st = mlci_options_read(&opts, sizeof opts, CX_OPTIONS_V0, user_opts, err);
    if (st != MLC_OK)
        return st;
    memset(&proto, 0, sizeof proto);
    proto.alloc = opts.alloc != NULL ? opts.alloc : mlci_default_alloc;
    proto.alloc_user = opts.alloc_user;
    ctx = mlci_new(&proto, 1, sizeof *ctx);
    if (ctx == NULL)
        return mlci_nomem(err, "context");
    ctx->alloc = proto.alloc;
    ctx->alloc_user = proto.alloc_user;
    ctx->log = opts.log;
    ctx->log_user = opts.log_user;
    ctx->log_level = opts.log_level;
    ctx->n_threads = opts.n_threads != 0 ? opts.n_threads : mlci_os_cpu_count();
    atomic_init(&ctx->refs, 1);
    if (ctx->n_threads > CX_MAX_THREADS)
        st = mlci_fail(err, MLC_EINVAL, 0, "%u threads: at most %d", ctx->n_threads,
                       CX_MAX_THREADS);
    ctx->devices = mlci_new(ctx, 1, sizeof(mlci_devices));
    if (st == MLC_OK && ctx->devices == NULL)
        st = mlci_nomem(err, "devices");
    if (st == MLC_OK)
        st = cx_find_cpu(ctx->devices, opts.cpu_tier, err);
    if (st == MLC_OK)
        st = mlci_pool_open(ctx, ctx->n_threads, &ctx->pool, err);
    if (st != MLC_OK) {
        mlci_context_unref(ctx);
        return st;
    }
    mlci_log(ctx, MLC_LOG_INFO, "device cpu: %s, %u threads, tier %s (of %s)",
             mlci_context_devices(ctx)->cpu_name, ctx->n_threads,
             mlci_tier_names[mlci_context_devices(ctx)->tier],
             mlci_context_devices(ctx)->cpu_tiers);
    *out = ctx;
    return MLC_OK;
}

void mlci_context_ref(mlc_context *ctx)
{
    atomic_fetch_add(&ctx->refs, 1);
}

void mlci_context_unref(mlc_context *ctx)
{
    if (atomic_fetch_sub(&ctx->refs, 1) != 1)
        return;
    mlci_pool_close(ctx, ctx->pool);
    mlci_delete(ctx, ctx->devices, 1, sizeof(mlci_devices));
    mlci_delete(ctx, ctx, 1, sizeof *ctx);
}

void mlc_context_close(mlc_context *ctx)
{
    if (ctx != NULL)
        mlci_context_unref(ctx);
}

mlc_status mlc_context_device(const mlc_context *ctx, size_t i, mlc_device *device)
{
    const mlci_devices *d;
    mlc_device r;

    if (ctx == NULL || device == NULL)
        return MLC_EINVAL;
    if (i > 0)
        return MLC_ECLOSED;
    d = mlci_context_devices(ctx);
    memset(&r, 0, sizeof r);
    r.n_threads = ctx->n_threads;
    r.id = "cpu";
    r.name = d->cpu_name;
    r.tiers = d->cpu_tiers;
    r.tier = mlci_tier_names[d->tier];
    r.memory_bytes = d->memory_bytes;
    return mlci_result_write(device, &r, sizeof r);
}

mlc_status mlci_device_check(const mlc_context *ctx, const char *name, mlc_error *err)
{
    (void)ctx;
    if (name == NULL || strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0)
        return MLC_OK;
    return mlci_fail(err, MLC_EUNSUPPORTED, 0,
                     "device \"%.40s\" is not there: this build and machine have cpu", name);
}
