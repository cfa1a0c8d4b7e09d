/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.c - buf.h.
 */
#include "buf.h"
#include "number.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char bu_empty[1];  /* data of a buffer without memory; never written */

void mlci_buf_init(mlci_buf *b, mlc_context *ctx, size_t limit)
{
    memset(b, 0, sizeof *b);
    b->ctx = ctx;
    b->limit = limit;
    b->data = bu_empty;
}

void mlci_buf_reset(mlci_buf *b)
{
    if (b->cap > 0)
        mlci_delete(b->ctx, b->data, b->cap, 1);
    mlci_buf_init(b, b->ctx, b->limit);
}

void mlci_buf_clear(mlci_buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->cap > 0)
        b->data[0] = 0;
}

static bool bu_room(mlci_buf *b, size_t n)
{
    void *p = b->cap > 0 ? b->data : NULL;

    if (b->failed || n >= b->limit || b->n > b->limit - n - 1
        || !mlci_grow(b->ctx, &p, &b->cap, b->n + n + 1, 1)) {
        b->failed = true;
        return false;
    }
    b->data = p;
    return true;
}

void mlci_buf_put(mlci_buf *b, const void *bytes, size_t n)
{
    if (n == 0 || !bu_room(b, n))
        return;
    memcpy(b->data + b->n, bytes, n);
    b->n += n;
    b->data[b->n] = 0;
}

void mlci_buf_text(mlci_buf *b, const char *text)
{
    mlci_buf_put(b, text, strlen(text));
}

void mlci_buf_char(mlci_buf *b, char c)
{
    mlci_buf_put(b, &c, 1);
}

void mlci_buf_format(mlci_buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n <= 0 || !bu_room(b, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(b->data + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void mlci_buf_json_string(mlci_buf *b, const char *text, size_t n)
{
    size_t from = 0;

    mlci_buf_char(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *esc = c == '"' ? "\\\"" : c == '\\' ? "\\\\"
                        : c == '\n' ? "\\n" : c == '\r' ? "\\r"
                        : c == '\t' ? "\\t" : NULL;

        if (esc == NULL && c >= 0x20)
            continue;
        mlci_buf_put(b, text + from, i - from);
        from = i + 1;
        if (esc != NULL)
            mlci_buf_text(b, esc);
        else
            mlci_buf_format(b, "\\u%04x", c);
    }
    mlci_buf_put(b, text + from, n - from);
    mlci_buf_char(b, '"');
}

void mlci_buf_json_double(mlci_buf *b, double v)
{
    char text[MLCI_DOUBLE_CHARS];

    if (!isfinite(v)) {
        mlci_buf_text(b, "null");
        return;
    }
    mlci_buf_put(b, text, mlci_double_text(v, text));
}
