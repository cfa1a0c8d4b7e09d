/* SPDX-License-Identifier: Apache-2.0
 *
 * base.c - errors, log, option structs, memory, hash.
 */
#include "base.h"
#include "os.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ------------------------------------------------------------- */

/* Texts come from files too: keep one line of printable characters, and do
 * not cut a UTF-8 sequence in two at the end. */
static void ba_tidy(char *text)
{
    char *p = text, *end = text + strlen(text);

    while (p < end) {
        int32_t cp;
        size_t n = mlci_utf8_read(p, (size_t)(end - p), &cp);

        if (cp == -2) {                  /* cut by the buffer's end            */
            *p = 0;
            return;
        }
        if (cp == -1)
            memset(p, '?', n);
        else if (cp < 0x20 || cp == 0x7f)
            *p = ' ';
        p += n;
    }
}

mlc_status mlci_fail(mlc_error *err, mlc_status status, int os_error,
                     const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        int n;

        err->status = status;
        err->os_error = os_error;
        va_start(ap, fmt);
        n = vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        if (os_error != 0 && n >= 0 && (size_t)n < sizeof err->text - 4)
            mlci_os_error_text(os_error, err->text + n,
                               sizeof err->text - (size_t)n);
        ba_tidy(err->text);
    }
    return status;
}

mlc_status mlci_nomem(mlc_error *err, const char *what)
{
    return mlci_fail(err, MLC_ENOMEM, 0, "out of memory: %s", what);
}

mlc_status mlci_error_prefix(mlc_error *err, mlc_status status,
                             const char *prefix)
{
    if (err != NULL && status != MLC_OK) {
        mlc_error old = *err;

        snprintf(err->text, sizeof err->text, "%.120s: %.*s", prefix,
                 (int)sizeof err->text - 8, old.text);
        ba_tidy(err->text);
    }
    return status;
}

void mlci_log(const mlc_context *ctx, int32_t level, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (ctx->log == NULL || level > ctx->log_level)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    ba_tidy(line);
    ctx->log(ctx->log_user, level, line);
}

/* ---- option and result structs ------------------------------------------- */

/*
 * Copy the caller's options into ours.  Either side may be older:
 *
 *   caller older   its struct is shorter: our extra fields stay zero, which by
 *                  rule means "as before they existed".
 *   caller newer   its struct is longer: fine if the part that we do not know
 *                  is all zero, else it asked for something we cannot do, and
 *                  ignoring it silently would be the worst answer.
 */
mlc_status mlci_options_read(void *dst, size_t known, size_t least,
                             const void *src, mlc_error *err)
{
    const unsigned char *bytes = src;
    uint32_t size;

    memset(dst, 0, known);
    if (src == NULL)
        return MLC_OK;
    memcpy(&size, src, sizeof size);
    /* 4096 is no format limit: it keeps an uninitialised size from sending us
     * reading through the caller's memory. */
    if (size < least || size > 4096)
        return mlci_fail(err, MLC_EINVAL, 0,
                         "options: struct_size is %u; use the _init macro", size);
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return mlci_fail(err, MLC_EUNSUPPORTED, 0,
                             "options: byte %zu is set, this library knows %zu",
                             i, known);
    memcpy(dst, src, size < known ? size : known);
    return MLC_OK;
}

void mlci_options_init(void *opts, size_t size)
{
    uint32_t size32 = (uint32_t)size;

    if (opts == NULL || size < sizeof size32)
        return;
    memset(opts, 0, size);
    memcpy(opts, &size32, sizeof size32);
}

mlc_status mlci_result_write(void *dst, const void *src, size_t known)
{
    uint32_t size;

    memcpy(&size, dst, sizeof size);
    if (size < sizeof size || size > 4096)
        return MLC_EINVAL;
    memset((unsigned char *)dst + sizeof size, 0, size - sizeof size);
    memcpy((unsigned char *)dst + sizeof size,
           (const unsigned char *)src + sizeof size,
           (size < known ? size : known) - sizeof size);
    return MLC_OK;
}

/* ---- memory --------------------------------------------------------------- */

enum {
    BA_ALIGN = 64,             /* of aligned blocks: a cache line, a zmm       */
    BA_PAGES = 1 << 21         /* blocks of this size on come from the system,
                                  in huge pages where there are (3 % of decode
                                  speed: bench/NOTES.md)                       */
};

static bool ba_from_pages(size_t size)
{
    return !MLCI_ASAN && size >= BA_PAGES;
}

static void *ba_alloc(size_t size, size_t align)
{
    if (ba_from_pages(size))
        return mlci_os_pages(size);
    if (align <= sizeof(max_align_t))
        return malloc(size);
    return size > SIZE_MAX - align ? NULL
         : aligned_alloc(align, mlci_round_up(size, align));
}

static void ba_free(void *p, size_t size)
{
    if (ba_from_pages(size))
        mlci_os_pages_free(p, size);
    else
        free(p);
}

void *mlci_default_alloc(void *user, void *ptr, size_t old_size,
                         size_t new_size, size_t align)
{
    void *p;

    (void)user;
    if (new_size == 0) {
        if (ptr != NULL)
            ba_free(ptr, old_size);
        return NULL;
    }
    if (ptr == NULL)
        return ba_alloc(new_size, align);
    if (align <= sizeof(max_align_t) && !ba_from_pages(old_size)
        && !ba_from_pages(new_size))
        return realloc(ptr, new_size);
    p = ba_alloc(new_size, align);
    if (p != NULL) {
        memcpy(p, ptr, old_size < new_size ? old_size : new_size);
        ba_free(ptr, old_size);
    }
    return p;
}

void *mlci_new(mlc_context *ctx, size_t n, size_t size)
{
    void *p;

    if (n == 0 || size == 0)
        n = size = 1;
    if (n > SIZE_MAX / size)
        return NULL;
    p = ctx->alloc(ctx->alloc_user, NULL, 0, n * size, sizeof(max_align_t));
    if (p != NULL && !(ctx->alloc == mlci_default_alloc && ba_from_pages(n * size)))
        memset(p, 0, n * size);  /* fresh pages are zero, and stay untouched */
    return p;
}

void mlci_delete(mlc_context *ctx, void *p, size_t n, size_t size)
{
    if (n == 0 || size == 0)
        n = size = 1;
    if (p != NULL)
        ctx->alloc(ctx->alloc_user, p, n * size, 0, sizeof(max_align_t));
}

void *mlci_new_aligned(mlc_context *ctx, size_t n_bytes)
{
    return ctx->alloc(ctx->alloc_user, NULL, 0, n_bytes + (n_bytes == 0), BA_ALIGN);
}

void mlci_delete_aligned(mlc_context *ctx, void *p, size_t n_bytes)
{
    if (p != NULL)
        ctx->alloc(ctx->alloc_user, p, n_bytes + (n_bytes == 0), 0, BA_ALIGN);
}

bool mlci_grow(mlc_context *ctx, void **items, size_t *cap, size_t need,
               size_t size)
{
    size_t n = *cap < 8 ? 8 : *cap;
    void *p;

    if (need <= *cap)
        return true;
    while (n < need)
        n = n > SIZE_MAX / 2 ? need : n * 2;
    if (n > SIZE_MAX / size)
        return false;
    p = ctx->alloc(ctx->alloc_user, *items, *cap * size, n * size,
                   sizeof(max_align_t));
    if (p == NULL)
        return false;
    memset((char *)p + *cap * size, 0, (n - *cap) * size);
    *items = p;
    *cap = n;
    return true;
}

/* ---- hash ------------------------------------------------------------------ */

/* Eight bytes at a time through a multiply-and-fold; for tables, and to name
 * models, not against an adversary.  The length is mixed in, so a zero byte at
 * the end counts. */
uint64_t mlci_hash(const void *bytes, size_t n, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ (uint64_t)n * 0x9e3779b97f4a7c15u;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        h = mlci_mix(h ^ mlci_le(p + i, 8));
    return mlci_mix(h ^ mlci_le(p + i, (int)(n - i)) ^ 0x2545f4914f6cdd1du);
}
