/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - one request after the other by libcurl, which is loaded when it is needed: a
 * program that downloads nothing neither needs it nor waits for it.
 */
#ifndef MLCI_HTTP_H
#define MLCI_HTTP_H

#include "../base/base.h"

enum { MLCI_HTTP_TEXT = 256 };

/* What a response says of itself. */
typedef struct mlci_http_head {
    long     status;                     /* 200, 206, ...                            */
    uint64_t length;                     /* of the body, UINT64_MAX: not said        */
    uint64_t first, total;               /* 206: the part; total UINT64_MAX: not said */
    char     etag[MLCI_HTTP_TEXT];
} mlci_http_head;

typedef struct mlci_http_request {
    const char *url, *token;             /* token: for the url's own host; NULL: none */
    uint64_t    from;                    /* the body from here on ...                */
    const char *etag;                    /* ... if it still is this one              */
    uint32_t    stall_ms;                /* nothing came for so long: give up        */
    /* Before the body of the last response of redirections, and each piece of it.
     * Anything but MLC_OK ends the request with that status. */
    mlc_status (*head)(void *user, const mlci_http_head *h, mlc_error *err);
    mlc_status (*body)(void *user, const void *p, size_t n, mlc_error *err);
    void       *user;
} mlci_http_request;

typedef struct mlci_http {
    const struct mlci_curl *curl;        /* its functions                            */
    void       *handle;
    mlc_context *ctx;
} mlci_http;

/* MLC_EUNSUPPORTED: there is no libcurl. */
mlc_status mlci_http_open(mlci_http *h, mlc_context *ctx, mlc_error *err);
void mlci_http_close(mlci_http *h);

/* MLC_EIO: of the transport; a status like 404 is head's business.  *again: trying again
 * may help. */
mlc_status mlci_http_get(mlci_http *h, const mlci_http_request *r, bool *again, mlc_error *err);

#endif
