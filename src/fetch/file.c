/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - file.h.
 *
 * A server may stall, cut off, lie about lengths, or have another version of a file when it
 * is asked for the rest.  The rest is asked for only "if it is still this one"; what is
 * answered is compared with what was asked; and the checksum, where one is known, has the
 * last word.
 */
#include "file.h"
#include "../base/buf.h"
#include "../base/os.h"
#include "../base/sha256.h"

#include <stdio.h>
#include <string.h>

enum { FF_PATH = 4096, FF_TRIES = 6, FF_ALL_TRIES = 100, FF_PIECE = 1 << 16 };

typedef struct ff_work {
    const mlci_download *f;
    char        part[FF_PATH], tag[FF_PATH];
    char        etag[MLCI_HTTP_TEXT];    /* of what is in the part               */
    uint64_t    have, total;             /* total UINT64_MAX: not known          */
    mlci_sha256 sum;
    int         fd;                      /* -1: not open                         */
    long        status;                  /* of the last response                 */
    bool        again;                   /* another attempt may go better        */
    bool        resumed;                 /* what is there came in pieces         */
} ff_work;

static mlc_status ff_io(const ff_work *w, int e, mlc_error *err)
{
    return mlci_fail(err, MLC_EIO, e, "cannot write %s", w->f->to);
}

/* ---- what is there from before ------------------------------------------------------------- */

static void ff_forget(ff_work *w)
{
    (void)mlci_os_delete(w->tag);
    (void)mlci_os_delete(w->part);
    w->have = 0;
    w->etag[0] = 0;
    w->resumed = false;
    mlci_sha256_begin(&w->sum);
}

/* The part counts if it says of which version it is; its checksum so far. */
static void ff_recall(ff_work *w)
{
    char bytes[FF_PIECE];
    mlci_file f;

    mlci_sha256_begin(&w->sum);
    w->have = 0;
    w->etag[0] = 0;
    if (mlci_os_open(&f, w->tag) == 0) {
        if (f.size > 0 && f.size < sizeof w->etag
            && mlci_os_read_at(&f, 0, w->etag, (size_t)f.size) == 0)
            w->etag[f.size] = 0;
        else
            w->etag[0] = 0;
        mlci_os_unmap(&f);
    }
    if (w->etag[0] == 0 || mlci_os_open(&f, w->part) != 0)
        return;
    while (w->have < f.size) {
        const size_t n = (size_t)mlci_min(f.size - w->have, sizeof bytes);

        if (mlci_os_read_at(&f, w->have, bytes, n) != 0)
            break;
        mlci_sha256_put(&w->sum, bytes, n);
        w->have += n;
    }
    mlci_os_unmap(&f);
    w->resumed = w->have > 0;
    if (w->f->size != UINT64_MAX && w->have > w->f->size)
        ff_forget(w);
}

static mlc_status ff_remember(ff_work *w, const char *etag, mlc_error *err)
{
    int fd, e;

    snprintf(w->etag, sizeof w->etag, "%s", etag);
    if (etag[0] == 0)                    /* nothing could be resumed by it */
        return MLC_OK;
    e = mlci_os_create(w->tag, &fd);
    if (e != 0)
        return ff_io(w, e, err);
    e = mlci_os_write(fd, etag, strlen(etag));
    (void)mlci_os_close(fd);
    return e == 0 ? MLC_OK : ff_io(w, e, err);
}

/* ---- responses ----------------------------------------------------------------------------- */

static mlc_status ff_refused(ff_work *w, long status, mlc_error *err)
{
    w->again = status == 429 || status >= 500 || status == 408;
    if (status == 401 || status == 403)
        return mlci_fail(err, MLC_EIO, 0, "%.200s: %s (%ld)", w->f->url, w->f->token != NULL
                         && w->f->token[0] != 0 ? "the token may not read it"
                         : "it is private or asks for terms: a token is needed", status);
    return mlci_fail(err, MLC_EIO, 0, "%.200s: %s (%ld)", w->f->url,
                     status == 404 ? "there is no such file" : "the server refused", status);
}

/* The rest of what is there, if that is what the response is. */
static bool ff_continues(const ff_work *w, const mlci_http_head *h)
{
    return h->status == 206 && h->first == w->have
        && (h->etag[0] == 0 || strcmp(h->etag, w->etag) == 0)
        && (h->total == UINT64_MAX || w->total == UINT64_MAX || h->total == w->total);
}

static mlc_status ff_head(void *user, const mlci_http_head *h, mlc_error *err)
{
    ff_work *w = user;
    mlc_status st = MLC_OK;
    int e;

    w->status = h->status;
    if (h->status == 416 || (h->status == 206 && !ff_continues(w, h))) {
        ff_forget(w);                    /* it is another file by now */
        w->again = true;
        return mlci_fail(err, MLC_EIO, 0, "%.200s: the file changed meanwhile", w->f->url);
    }
    if (h->status != 200 && h->status != 206)
        return ff_refused(w, h->status, err);
    w->resumed = h->status == 206;
    if (h->status == 200) {
        ff_forget(w);
        w->total = h->length;
        st = ff_remember(w, h->etag, err);
    } else if (h->total != UINT64_MAX) {
        w->total = h->total;
    }
    if (st == MLC_OK && w->f->size != UINT64_MAX && w->total != UINT64_MAX
        && w->total != w->f->size)
        return mlci_fail(err, MLC_EFORMAT, 0, "%.200s: the server has %llu bytes, not the %llu "
                         "of its list", w->f->url, (unsigned long long)w->total,
                         (unsigned long long)w->f->size);
    if (st != MLC_OK)
        return st;
    e = mlci_os_append(w->part, w->have, &w->fd);
    if (e != 0)
        w->fd = -1;
    return e == 0 ? MLC_OK : ff_io(w, e, err);
}

static mlc_status ff_body(void *user, const void *p, size_t n, mlc_error *err)
{
    ff_work *w = user;
    const uint64_t most = w->f->size != UINT64_MAX ? w->f->size : w->total;
    int e;

    if (most != UINT64_MAX && n > most - w->have)
        return mlci_fail(err, MLC_EFORMAT, 0, "%.200s: more than the %llu bytes that were said",
                         w->f->url, (unsigned long long)most);
    e = mlci_os_write(w->fd, p, n);
    if (e != 0)
        return ff_io(w, e, err);
    mlci_sha256_put(&w->sum, p, n);
    w->have += n;
    return w->f->progress != NULL ? w->f->progress(w->f->progress_user, n) : MLC_OK;
}

/* One attempt; MLC_OK: all that the server has is there. */
static mlc_status ff_try(mlci_http *h, ff_work *w, mlc_error *err)
{
    mlci_http_request r = { .url = w->f->url, .token = w->f->token, .from = w->have,
                            .etag = w->etag, .stall_ms = w->f->stall_ms, .head = ff_head,
                            .body = ff_body, .user = w };
    bool again = false;
    mlc_status st;
    int e = 0;

    w->fd = -1;
    w->again = false;
    if (w->have > 0 && w->have == w->f->size)         /* only its name is missing */
        return MLC_OK;
    st = mlci_http_get(h, &r, &again, err);
    if (w->fd >= 0)
        e = mlci_os_close(w->fd);
    w->again |= again;
    if (st == MLC_OK && e != 0)
        return ff_io(w, e, err);
    if (st == MLC_OK && w->total != UINT64_MAX && w->have < w->total) {
        w->again = true;
        return mlci_fail(err, MLC_EIO, 0, "%.200s: cut off after %llu of %llu bytes", w->f->url,
                         (unsigned long long)w->have, (unsigned long long)w->total);
    }
    return st;
}

static mlc_status ff_check(ff_work *w, mlc_error *err)
{
    char got[65];

    mlci_sha256_end(&w->sum, got);
    if (w->f->size != UINT64_MAX && w->have != w->f->size)
        return mlci_fail(err, MLC_EFORMAT, 0, "%.200s: %llu bytes came, not %llu", w->f->url,
                         (unsigned long long)w->have, (unsigned long long)w->f->size);
    if (w->f->sha256[0] != 0 && strcmp(w->f->sha256, got) != 0)
        return mlci_fail(err, MLC_EFORMAT, 0, "%.200s: its sha256 is %s, not %s", w->f->url, got,
                         w->f->sha256);
    return MLC_OK;
}

/* All of it under the other name, in as many attempts as make sense; those that brought
 * something do not count. */
static mlc_status ff_bring(mlci_http *h, ff_work *w, mlc_error *err)
{
    mlc_status st;

    for (int i = 0, all = 0;; i++, all++) {
        const uint64_t before = w->have;

        st = ff_try(h, w, err);
        if (st == MLC_OK || !w->again || i == FF_TRIES || all == FF_ALL_TRIES)
            return st;
        if (w->have > before + FF_PIECE)
            i = 0;
        mlci_os_sleep(100u << i);
    }
}

mlc_status mlci_fetch_file(mlci_http *h, const mlci_download *f, mlc_error *err)
{
    ff_work w = { .f = f, .fd = -1, .total = f->size };
    mlc_status st = MLC_OK;
    int e = 0;

    if (snprintf(w.part, FF_PATH, "%s.part", f->to) >= FF_PATH
        || snprintf(w.tag, FF_PATH, "%s.etag", f->to) >= FF_PATH)
        return mlci_fail(err, MLC_EINVAL, 0, "the path of %.100s is too long", f->to);
    ff_recall(&w);
    if (w.have > 0 && f->progress != NULL)
        st = f->progress(f->progress_user, w.have);
    for (int i = 0; i < 2 && st == MLC_OK; i++) {     /* once more from the beginning */
        st = ff_bring(h, &w, err);
        if (st != MLC_OK)
            return st;
        st = ff_check(&w, err);
        if (st == MLC_OK)
            break;
        if (!w.resumed || i == 1) {
            ff_forget(&w);
            return st;
        }
        ff_forget(&w);
        st = MLC_OK;
    }
    if (st == MLC_OK)
        e = mlci_os_rename(w.part, f->to);
    if (st == MLC_OK && e == 0)
        (void)mlci_os_delete(w.tag);
    return st != MLC_OK || e == 0 ? st : ff_io(&w, e, err);
}

/* ---- texts --------------------------------------------------------------------------------- */

typedef struct ff_text { const mlci_download *f; mlci_buf b; ff_work w; } ff_text;

static mlc_status ff_text_head(void *user, const mlci_http_head *h, mlc_error *err)
{
    ff_text *t = user;

    mlci_buf_clear(&t->b);
    return h->status == 200 ? MLC_OK : ff_refused(&t->w, h->status, err);
}

static mlc_status ff_text_body(void *user, const void *p, size_t n, mlc_error *err)
{
    ff_text *t = user;

    mlci_buf_put(&t->b, p, n);
    return !t->b.failed ? MLC_OK : mlci_fail(err, MLC_EFORMAT, 0, "%.200s: too long", t->f->url);
}

mlc_status mlci_fetch_text(mlci_http *h, mlci_arena *arena, const mlci_download *f, size_t most,
                           const char **text, size_t *n, mlc_error *err)
{
    ff_text t = { .f = f, .w = { .f = f } };
    const mlci_http_request r = { .url = f->url, .token = f->token, .stall_ms = f->stall_ms,
                                  .head = ff_text_head, .body = ff_text_body, .user = &t };
    mlc_status st;
    bool again;

    mlci_buf_init(&t.b, h->ctx, most);
    for (int i = 0;; i++) {
        t.w.again = again = false;
        st = mlci_http_get(h, &r, &again, err);
        if (st == MLC_OK || !(again || t.w.again) || i == FF_TRIES)
            break;
        mlci_os_sleep(100u << i);
    }
    if (st == MLC_OK) {
        *n = t.b.n;
        *text = mlci_arena_copy(arena, t.b.data != NULL ? t.b.data : "", t.b.n);
        if (*text == NULL)
            st = mlci_nomem(err, "texts");
    }
    mlci_buf_reset(&t.b);
    return st;
}
