/* SPDX-License-Identifier: Apache-2.0
 *
 * errors.c - status numbers, names and texts in one table; OpenAI's error object.
 */
#include "../base/base.h"

#include <stdio.h>
#include <string.h>

#define MLC_VERSION_TEXT "0.1.0"

/* X(status, OpenAI's error type) */
#define ER_STATUS_MAP(X)                                                       \
    X(MLC_OK, "none")                                                          \
    X(MLC_EINVAL, "invalid_request_error")                                     \
    X(MLC_ENOMEM, "server_error")                                              \
    X(MLC_EIO, "server_error")                                                 \
    X(MLC_EFORMAT, "invalid_request_error")                                    \
    X(MLC_EUNSUPPORTED, "invalid_request_error")                               \
    X(MLC_EKVFULL, "rate_limit_error")                                         \
    X(MLC_ETIMEOUT, "server_error")                                            \
    X(MLC_ECANCELED, "server_error")                                           \
    X(MLC_ECLOSED, "server_error")                                             \
    X(MLC_ETOOSMALL, "server_error")                                           \
    X(MLC_EDEVICE, "server_error")

static const struct { mlc_status status; const char *name, *type; } er_table[] = {
#define X(status, type) { status, #status, type },
    ER_STATUS_MAP(X)
#undef X
};

int32_t mlc_abi(void)
{
    return MLC_ABI;
}

const char *mlc_version(void)
{
    return MLC_VERSION_TEXT;
}

const char *mlc_status_name(mlc_status status)
{
    for (size_t i = 0; i < sizeof er_table / sizeof *er_table; i++)
        if (er_table[i].status == status)
            return er_table[i].name;
    return "unknown";
}

/* JSON text with a length that goes on counting when the room is used up. */
typedef struct er_out { char *buf; size_t cap, n; } er_out;

static void er_char(er_out *o, char c)
{
    if (o->n < o->cap)
        o->buf[o->n] = c;
    o->n++;
}

static void er_text(er_out *o, const char *s)
{
    while (*s != 0)
        er_char(o, *s++);
}

static void er_string(er_out *o, const char *s, size_t n)
{
    er_char(o, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            er_char(o, '\\');
        er_char(o, s[i]);  /* error texts have no control characters */
    }
    er_char(o, '"');
}

/* Length of the field's path that the text begins with ("messages[0].role: ..."),
 * 0 if it begins with something else. */
static size_t er_path(const char *text)
{
    size_t n = 0;

    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z')
           || (text[n] >= '0' && text[n] <= '9') || text[n] == '_' || text[n] == '.'
           || text[n] == '[' || text[n] == ']')
        n++;
    return n > 0 && text[n] == ':' && text[n + 1] == ' ' ? n : 0;
}

mlc_status mlc_error_json(const mlc_error *err, char *buf, size_t size, size_t *n_bytes)
{
    er_out o = { buf, size, 0 };
    const char *type = "server_error";
    size_t path;

    if (err == NULL || (buf == NULL && size > 0))
        return MLC_EINVAL;
    for (size_t i = 0; i < sizeof er_table / sizeof *er_table; i++)
        if (er_table[i].status == err->status)
            type = er_table[i].type;
    path = err->status == MLC_EINVAL || err->status == MLC_EUNSUPPORTED
         ? er_path(err->text) : 0;
    er_text(&o, "{\"error\":{\"message\":");
    er_string(&o, err->text, strnlen(err->text, sizeof err->text));
    er_text(&o, ",\"type\":");
    er_string(&o, type, strlen(type));
    er_text(&o, ",\"param\":");
    if (path > 0)
        er_string(&o, err->text, path);
    else
        er_text(&o, "null");
    er_text(&o, ",\"code\":");
    er_string(&o, mlc_status_name(err->status), strlen(mlc_status_name(err->status)));
    er_text(&o, "}}");
    if (n_bytes != NULL)
        *n_bytes = o.n;
    if (o.n + 1 > size) {
        if (size > 0)
            buf[0] = 0;
        return MLC_ETOOSMALL;
    }
    buf[o.n] = 0;
    return MLC_OK;
}
