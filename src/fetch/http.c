/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - http.h.
 *
 * Numbers of options are libcurl's stable interface (curl/curl.h); they are written here so
 * that the library can be built where only programs that run later have libcurl.
 */
#include "http.h"
#include "../base/os.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HT_OPT_LOW_SPEED_LIMIT = 19, HT_OPT_LOW_SPEED_TIME = 20, HT_OPT_FOLLOWLOCATION = 52,
    HT_OPT_MAXREDIRS = 68, HT_OPT_NOSIGNAL = 99, HT_OPT_HTTPAUTH = 107,
    HT_OPT_CONNECTTIMEOUT_MS = 156, HT_OPT_PROTOCOLS = 181, HT_OPT_REDIR_PROTOCOLS = 182,
    HT_OPT_WRITEDATA = 10001, HT_OPT_URL = 10002, HT_OPT_ERRORBUFFER = 10010,
    HT_OPT_USERAGENT = 10018, HT_OPT_HTTPHEADER = 10023, HT_OPT_HEADERDATA = 10029,
    HT_OPT_XOAUTH2_BEARER = 10220, HT_OPT_WRITEFUNCTION = 20011, HT_OPT_HEADERFUNCTION = 20079
};
enum { HT_INFO_RESPONSE_CODE = 0x200002, HT_GLOBAL_ALL = 3, HT_AUTH_BEARER = 1 << 6,
       HT_PROTOCOLS = 1 | 2 };           /* http, https */
/* Codes after which another attempt makes no sense. */
enum { HT_BAD_PROTOCOL = 1, HT_BAD_URL = 3, HT_WRITE_ERROR = 23, HT_TOO_MANY_REDIRECTS = 47,
       HT_BAD_CERTIFICATE = 60 };

typedef struct mlci_curl {
    int   (*global_init)(long flags);
    void *(*init)(void);
    void  (*reset)(void *handle);
    int   (*setopt)(void *handle, int option, ...);
    int   (*perform)(void *handle);
    int   (*getinfo)(void *handle, int info, ...);
    void  (*cleanup)(void *handle);
    const char *(*strerror)(int code);
    void *(*append)(void *list, const char *text);
    void  (*free_all)(void *list);
} mlci_curl;

/* A pointer to a function out of one to data, which C does not convert. */
static bool ht_symbol(void *library, const char *name, void *fn)
{
    void *p = mlci_os_symbol(library, name);

    memcpy(fn, &p, sizeof p);
    return p != NULL;
}

/* Once for the process, which keeps it. */
static const mlci_curl *ht_load(void)
{
    static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib" };
    static mlci_curl c;
    static atomic_int state;             /* 1: being loaded, 2: there, 3: not    */
    int expected = 0;
    void *l = NULL;
    bool good;

    if (!atomic_compare_exchange_strong(&state, &expected, 1)) {
        while (atomic_load(&state) == 1)
            mlci_os_yield();
        return atomic_load(&state) == 2 ? &c : NULL;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && l == NULL; i++)
        l = mlci_os_library(names[i]);
    good = l != NULL && ht_symbol(l, "curl_global_init", &c.global_init)
        && ht_symbol(l, "curl_easy_init", &c.init) && ht_symbol(l, "curl_easy_reset", &c.reset)
        && ht_symbol(l, "curl_easy_setopt", &c.setopt)
        && ht_symbol(l, "curl_easy_perform", &c.perform)
        && ht_symbol(l, "curl_easy_getinfo", &c.getinfo)
        && ht_symbol(l, "curl_easy_cleanup", &c.cleanup)
        && ht_symbol(l, "curl_easy_strerror", &c.strerror)
        && ht_symbol(l, "curl_slist_append", &c.append)
        && ht_symbol(l, "curl_slist_free_all", &c.free_all) && c.global_init(HT_GLOBAL_ALL) == 0;
    atomic_store(&state, good ? 2 : 3);
    return good ? &c : NULL;
}

mlc_status mlci_http_open(mlci_http *h, mlc_context *ctx, mlc_error *err)
{
    h->ctx = ctx;
    h->curl = ht_load();
    h->handle = h->curl != NULL ? h->curl->init() : NULL;
    return h->handle != NULL ? MLC_OK
         : mlci_fail(err, MLC_EUNSUPPORTED, 0, "downloading needs libcurl, which is not here "
                     "(Debian: libcurl4)");
}

void mlci_http_close(mlci_http *h)
{
    if (h->handle != NULL)
        h->curl->cleanup(h->handle);
    h->handle = NULL;
}

/* ---- one request -------------------------------------------------------------------------- */

typedef struct ht_work {
    mlci_http      *h;
    const mlci_http_request *r;
    mlci_http_head  head;
    bool            told;                /* head was called                       */
    mlc_status      status;              /* of the caller's functions             */
    mlc_error      *err;
} ht_work;

static bool ht_begins(const char *line, size_t n, const char *name, const char **value)
{
    const size_t k = strlen(name);

    if (n <= k || line[k] != ':')
        return false;
    for (size_t i = 0; i < k; i++)
        if ((line[i] | 32) != name[i])
            return false;
    *value = line + k + 1;
    while (*value < line + n && **value == ' ')
        (*value)++;
    return true;
}

/* A number at p, up to end; UINT64_MAX: it is none. */
static uint64_t ht_number(const char *p, const char *end)
{
    uint64_t v = 0;
    const char *from = p;

    while (p < end && *p >= '0' && *p <= '9' && v < UINT64_MAX / 16)
        v = v * 10 + (uint64_t)(*p++ - '0');
    return p > from ? v : UINT64_MAX;
}

/* "bytes 100-199/200" */
static void ht_range(mlci_http_head *head, const char *p, const char *end)
{
    const char *slash = memchr(p, '/', (size_t)(end - p));

    if (end - p < 6 || memcmp(p, "bytes ", 6) != 0)
        return;
    head->first = ht_number(p + 6, end);
    head->total = slash != NULL ? ht_number(slash + 1, end) : UINT64_MAX;
}

static size_t ht_header(char *line, size_t size, size_t count, void *user)
{
    ht_work *w = user;
    mlci_http_head *head = &w->head;
    const size_t all = size * count;
    size_t n = all;
    const char *v;

    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
        n--;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)      /* another response of a redirection */
        *head = (mlci_http_head){ .length = UINT64_MAX, .total = UINT64_MAX,
                                  .first = UINT64_MAX };
    else if (ht_begins(line, n, "content-length", &v))
        head->length = ht_number(v, line + n);
    else if (ht_begins(line, n, "content-range", &v))
        ht_range(head, v, line + n);
    else if (ht_begins(line, n, "etag", &v) && (size_t)(line + n - v) < sizeof head->etag)
        snprintf(head->etag, sizeof head->etag, "%.*s", (int)(line + n - v), v);
    return all;
}

static mlc_status ht_tell(ht_work *w)
{
    if (w->told || w->status != MLC_OK)
        return w->status;
    w->told = true;
    (void)w->h->curl->getinfo(w->h->handle, HT_INFO_RESPONSE_CODE, &w->head.status);
    return w->status = w->r->head(w->r->user, &w->head, w->err);
}

static size_t ht_body(char *p, size_t size, size_t count, void *user)
{
    ht_work *w = user;

    if (ht_tell(w) == MLC_OK)
        w->status = w->r->body(w->r->user, p, size * count, w->err);
    return w->status == MLC_OK ? size * count : 0;
}

static void *ht_headers(ht_work *w)
{
    const mlci_curl *c = w->h->curl;
    char text[MLCI_HTTP_TEXT + 32];
    void *list;

    if (w->r->from == 0)
        return NULL;
    snprintf(text, sizeof text, "Range: bytes=%llu-", (unsigned long long)w->r->from);
    list = c->append(NULL, text);
    if (w->r->etag != NULL && list != NULL) {
        snprintf(text, sizeof text, "If-Range: %s", w->r->etag);
        list = c->append(list, text);
    }
    return list;
}

mlc_status mlci_http_get(mlci_http *h, const mlci_http_request *r, bool *again, mlc_error *err)
{
    const mlci_curl *c = h->curl;
    ht_work w = { .h = h, .r = r, .status = MLC_OK, .err = err };
    char why[256] = "";
    void *list = ht_headers(&w);
    int code;

    c->reset(h->handle);
    (void)c->setopt(h->handle, HT_OPT_URL, r->url);
    (void)c->setopt(h->handle, HT_OPT_NOSIGNAL, 1L);
    (void)c->setopt(h->handle, HT_OPT_PROTOCOLS, (long)HT_PROTOCOLS);
    (void)c->setopt(h->handle, HT_OPT_REDIR_PROTOCOLS, (long)HT_PROTOCOLS);
    (void)c->setopt(h->handle, HT_OPT_FOLLOWLOCATION, 1L);
    (void)c->setopt(h->handle, HT_OPT_MAXREDIRS, 10L);
    (void)c->setopt(h->handle, HT_OPT_CONNECTTIMEOUT_MS, (long)r->stall_ms);
    (void)c->setopt(h->handle, HT_OPT_LOW_SPEED_LIMIT, 1L);
    (void)c->setopt(h->handle, HT_OPT_LOW_SPEED_TIME, (long)((r->stall_ms + 999) / 1000));
    (void)c->setopt(h->handle, HT_OPT_USERAGENT, "libmlc");
    (void)c->setopt(h->handle, HT_OPT_ERRORBUFFER, why);
    (void)c->setopt(h->handle, HT_OPT_HEADERFUNCTION, ht_header);
    (void)c->setopt(h->handle, HT_OPT_HEADERDATA, &w);
    (void)c->setopt(h->handle, HT_OPT_WRITEFUNCTION, ht_body);
    (void)c->setopt(h->handle, HT_OPT_WRITEDATA, &w);
    if (list != NULL)
        (void)c->setopt(h->handle, HT_OPT_HTTPHEADER, list);
    if (r->token != NULL && r->token[0] != 0) {
        (void)c->setopt(h->handle, HT_OPT_HTTPAUTH, (long)HT_AUTH_BEARER);
        (void)c->setopt(h->handle, HT_OPT_XOAUTH2_BEARER, r->token);
    }
    code = c->perform(h->handle);
    if (code == 0)
        (void)ht_tell(&w);                            /* a response without a body */
    c->free_all(list);
    *again = code != HT_BAD_PROTOCOL && code != HT_BAD_URL && code != HT_TOO_MANY_REDIRECTS
          && code != HT_BAD_CERTIFICATE && w.status == MLC_OK;
    if (w.status != MLC_OK || code == 0)
        return w.status;
    return mlci_fail(err, MLC_EIO, 0, "%.200s: %s", r->url, why[0] != 0 ? why : c->strerror(code));
}
