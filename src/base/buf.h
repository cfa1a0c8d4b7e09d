/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.h - a growing byte buffer with a limit.
 *
 * Appending never fails on the spot: a buffer that ran out of memory or over
 * its limit is marked, further appends do nothing, and the writer checks once
 * at the end.  There is always a NUL behind the bytes.
 */
#ifndef MLCI_BUF_H
#define MLCI_BUF_H

#include "base.h"

typedef struct mlci_buf {
    mlc_context *ctx;
    char  *data;
    size_t n, cap, limit;
    bool   failed;
} mlci_buf;

void mlci_buf_init(mlci_buf *b, mlc_context *ctx, size_t limit);
void mlci_buf_reset(mlci_buf *b);   /* frees; may be used again */
void mlci_buf_clear(mlci_buf *b);   /* empties, keeps the memory */
void mlci_buf_put(mlci_buf *b, const void *bytes, size_t n);
void mlci_buf_text(mlci_buf *b, const char *text);
void mlci_buf_char(mlci_buf *b, char c);
void mlci_buf_format(mlci_buf *b, const char *fmt, ...) MLCI_PRINTF(2, 3);

/* JSON pieces.  Text must be UTF-8; the quotes are written too. */
void mlci_buf_json_string(mlci_buf *b, const char *text, size_t n);
/* The shortest decimal that reads back as the same double; null for NaN/inf. */
void mlci_buf_json_double(mlci_buf *b, double v);

#endif
