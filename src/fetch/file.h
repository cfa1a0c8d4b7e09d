/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - one file of a server on this disk: resumed, checked, whole or not there.
 */
#ifndef MLCI_FETCH_FILE_H
#define MLCI_FETCH_FILE_H

#include "../base/arena.h"
#include "http.h"

typedef struct mlci_download {
    const char *url, *token, *to;        /* to: a path whose directory is there      */
    uint64_t    size;                    /* UINT64_MAX: not known                    */
    const char *sha256;                  /* "": not known                            */
    uint32_t    stall_ms;
    /* Called as bytes come, with how many; may be NULL. */
    mlc_status (*progress)(void *user, uint64_t n);
    void       *progress_user;
} mlci_download;

/* What came before an interruption lies in to.part, and of which version of the file it is in
 * to.etag.  Nothing is there under its own name until size and checksum are right. */
mlc_status mlci_fetch_file(mlci_http *h, const mlci_download *f, mlc_error *err);

/* A small text, at most `most` bytes, NUL behind it, in an arena; n: without that. */
mlc_status mlci_fetch_text(mlci_http *h, mlci_arena *arena, const mlci_download *f,
                           size_t most, const char **text, size_t *n, mlc_error *err);

#endif
