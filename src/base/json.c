/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c - json.h: a parser by recursive descent without recursion (an explicit
 * parent pointer), RFC 8259 to the letter.
 */
#include "json.h"
#include "number.h"
#include "utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct js_parser {
    mlci_arena *arena;
    const char *text, *p, *end;
    mlc_error  *err;
} js_parser;

static mlc_status js_error(js_parser *s, const char *at, const char *what)
{
    size_t line = 1, column = 1;

    for (const char *c = s->text; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return mlci_fail(s->err, MLC_EINVAL, 0, "JSON line %zu, column %zu: %s",
                     line, column, what);
}

static void js_space(js_parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r'
                             || *s->p == '\t'))
        s->p++;
}

static int js_hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* "\u...." at s->p (behind the u).  A pair of surrogates is one character; a
 * single one has no UTF-8 form and becomes U+FFFD. */
static mlc_status js_unicode(js_parser *s, char **out)
{
    int cp = js_hex4(s->p, s->end), low;

    if (cp < 0)
        return js_error(s, s->p, "four hexadecimal digits expected after \\u");
    s->p += 4;
    if (cp >= 0xd800 && cp < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\'
        && s->p[1] == 'u') {
        low = js_hex4(s->p + 2, s->end);
        if (low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            s->p += 6;
        }
    }
    *out += mlci_utf8_write(cp, *out);
    return MLC_OK;
}

static mlc_status js_escape(js_parser *s, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = s->p < s->end && *s->p != 0 ? strchr(from, *s->p) : NULL;

    if (s->p < s->end && *s->p == 'u') {
        s->p++;
        return js_unicode(s, out);
    }
    if (at == NULL)
        return js_error(s, s->p, "unknown escape in a string");
    s->p++;
    *(*out)++ = to[at - from];
    return MLC_OK;
}

/* A string at s->p (behind the opening quote). */
static mlc_status js_string(js_parser *s, const char **text, size_t *n)
{
    const char *from = s->p, *close = s->p;
    bool plain = true;
    char *out;

    for (; close < s->end && *close != '"'; close++) {
        if ((unsigned char)*close < 0x20)
            return js_error(s, close, "control character in a string");
        if (*close == '\\') {
            plain = false;
            close++;
        }
    }
    if (close >= s->end)
        return js_error(s, from - 1, "string without an end");
    if (!mlci_utf8_valid(from, (size_t)(close - from)))
        return js_error(s, from, "string is not valid UTF-8");
    if (plain) {
        *text = from;
        *n = (size_t)(close - from);
        s->p = close + 1;
        return MLC_OK;
    }
    /* Decoding never makes text longer: \uXXXX (6) gives at most 3 bytes. */
    out = mlci_arena_new(s->arena, (size_t)(close - from) + 1, 1);
    if (out == NULL)
        return mlci_nomem(s->err, "JSON string");
    *text = out;
    while (s->p < close) {
        mlc_status st = MLC_OK;

        if (*s->p != '\\') {
            *out++ = *s->p++;
            continue;
        }
        s->p++;
        st = js_escape(s, &out);
        if (st != MLC_OK)
            return st;
    }
    *n = (size_t)(out - *text);
    s->p = close + 1;
    return MLC_OK;
}

static mlc_status js_number(js_parser *s, mlci_json *v)
{
    const char *p = s->p, *digits;

    if (p < s->end && *p == '-')
        p++;
    digits = p;
    while (p < s->end && *p >= '0' && *p <= '9')
        p++;
    if (p == digits || (*digits == '0' && p - digits > 1))
        return js_error(s, s->p, "value expected");
    if (p < s->end && *p == '.') {
        digits = ++p;
        while (p < s->end && *p >= '0' && *p <= '9')
            p++;
        if (p == digits)
            return js_error(s, p, "digit expected after the decimal point");
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '-' || *p == '+'))
            p++;
        digits = p;
        while (p < s->end && *p >= '0' && *p <= '9')
            p++;
        if (p == digits)
            return js_error(s, p, "digit expected in the exponent");
    }
    v->type = MLCI_JSON_NUMBER;
    v->text = s->p;
    v->text_bytes = (size_t)(p - s->p);
    s->p = p;
    return MLC_OK;
}

/* A value that is not a container, or the opening of one. */
static mlc_status js_value(js_parser *s, mlci_json *v)
{
    static const struct { const char *word; size_t n; mlci_json_type type; } words[] = {
        { "null", 4, MLCI_JSON_NULL }, { "true", 4, MLCI_JSON_TRUE },
        { "false", 5, MLCI_JSON_FALSE },
    };

    if (s->p >= s->end)
        return js_error(s, s->p, "text ends where a value is expected");
    switch (*s->p) {
    case '{': case '[':
        v->type = *s->p++ == '{' ? MLCI_JSON_OBJECT : MLCI_JSON_ARRAY;
        return MLC_OK;
    case '"':
        s->p++;
        v->type = MLCI_JSON_STRING;
        return js_string(s, &v->text, &v->text_bytes);
    default:
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if ((size_t)(s->end - s->p) >= words[i].n
                && memcmp(s->p, words[i].word, words[i].n) == 0) {
                v->type = words[i].type;
                s->p += words[i].n;
                return MLC_OK;
            }
        return js_number(s, v);
    }
}

/* The key and colon of a member. */
static mlc_status js_key(js_parser *s, mlci_json *v)
{
    mlc_status st;

    if (s->p >= s->end || *s->p != '"')
        return js_error(s, s->p, "key expected (a string in double quotes)");
    s->p++;
    st = js_string(s, &v->key, &v->key_bytes);
    if (st != MLC_OK)
        return st;
    js_space(s);
    if (s->p >= s->end || *s->p != ':')
        return js_error(s, s->p, "':' expected after a key");
    s->p++;
    js_space(s);
    return MLC_OK;
}

/* Behind a value: go up through all containers that end here.  *parent is the
 * container that goes on, or NULL when the root is complete. */
static mlc_status js_close(js_parser *s, mlci_json **parent, int *depth)
{
    while (*parent != NULL) {
        char c;

        js_space(s);
        c = s->p < s->end ? *s->p : 0;
        if (c == ',') {
            s->p++;
            js_space(s);
            return MLC_OK;
        }
        if (c != ((*parent)->type == MLCI_JSON_OBJECT ? '}' : ']'))
            return js_error(s, s->p, (*parent)->type == MLCI_JSON_OBJECT
                            ? "',' or '}' expected" : "',' or ']' expected");
        s->p++;
        (*depth)--;
        *parent = (*parent)->parent;
    }
    return MLC_OK;
}

mlc_status mlci_json_parse(mlci_arena *arena, const char *text, size_t n,
                           const mlci_json **out, mlc_error *err)
{
    js_parser s = { arena, text, text, text + n, err };
    mlci_json *parent = NULL, *root = NULL;
    mlci_json *last[MLCI_JSON_DEPTH + 1];  /* last item of each open container */
    int depth = 0;

    *out = NULL;
    js_space(&s);
    do {
        mlci_json *v = mlci_arena_new(arena, 1, sizeof *v);
        mlc_status st = MLC_OK;

        if (v == NULL)
            return mlci_nomem(err, "JSON value, or the text is too large");
        v->parent = parent;
        if (parent != NULL && parent->type == MLCI_JSON_OBJECT)
            st = js_key(&s, v);
        if (st == MLC_OK)
            st = js_value(&s, v);
        if (st != MLC_OK)
            return st;
        if (parent == NULL)
            root = v;
        else if (parent->n_items++ == 0)
            parent->items = v;
        else
            last[depth]->next = v;
        last[depth] = v;
        if (v->type >= MLCI_JSON_ARRAY) {
            char close = v->type == MLCI_JSON_OBJECT ? '}' : ']';

            js_space(&s);
            if (s.p < s.end && *s.p == close) {
                s.p++;
            } else {
                if (++depth > MLCI_JSON_DEPTH)
                    return js_error(&s, s.p, "nested too deeply");
                parent = v;
                continue;
            }
        }
        st = js_close(&s, &parent, &depth);
        if (st != MLC_OK)
            return st;
    } while (parent != NULL);
    js_space(&s);
    if (s.p != s.end)
        return js_error(&s, s.p, "text after the end of the value");
    *out = root;
    return MLC_OK;
}

const mlci_json *mlci_json_get(const mlci_json *object, const char *key)
{
    const mlci_json *found = NULL;
    size_t n = strlen(key);

    if (object == NULL || object->type != MLCI_JSON_OBJECT)
        return NULL;
    for (const mlci_json *m = object->items; m != NULL; m = m->next)
        if (m->key_bytes == n && memcmp(m->key, key, n) == 0)
            found = m;
    return found;
}

bool mlci_json_is(const mlci_json *v, const char *text)
{
    return v != NULL && v->type == MLCI_JSON_STRING
        && v->text_bytes == strlen(text)
        && memcmp(v->text, text, v->text_bytes) == 0;
}

bool mlci_json_number(const mlci_json *v, double *out)
{
    return v != NULL && v->type == MLCI_JSON_NUMBER
        && mlci_read_double(v->text, v->text_bytes, out);
}

bool mlci_json_integer(const mlci_json *v, int64_t *out)
{
    double d;

    if (v == NULL || v->type != MLCI_JSON_NUMBER)
        return false;
    if (mlci_read_int(v->text, v->text_bytes, out))
        return true;
    if (!mlci_read_double(v->text, v->text_bytes, &d) || d != floor(d)
        || fabs(d) > 9007199254740992.0)  /* 2^53: exact beyond doubt */
        return false;
    *out = (int64_t)d;
    return true;
}

const char *mlci_json_type_name(const mlci_json *v)
{
    static const char *const names[] = { "null", "false", "true", "a number",
                                         "a string", "an array", "an object" };

    return v == NULL ? "nothing" : names[v->type];
}

/* Without recursion: down to the first item, along to the next, up at the end. */
void mlci_json_write(const mlci_json *top, mlci_buf *out)
{
    static const char *const words[] = { "null", "false", "true" };
    const mlci_json *v = top;

    while (v != NULL) {
        if (v->key != NULL && v != top) {
            mlci_buf_json_string(out, v->key, v->key_bytes);
            mlci_buf_char(out, ':');
        }
        if (v->type <= MLCI_JSON_TRUE)
            mlci_buf_text(out, words[v->type]);
        else if (v->type == MLCI_JSON_NUMBER)
            mlci_buf_put(out, v->text, v->text_bytes);
        else if (v->type == MLCI_JSON_STRING)
            mlci_buf_json_string(out, v->text, v->text_bytes);
        else
            mlci_buf_char(out, v->type == MLCI_JSON_ARRAY ? '[' : '{');
        if (v->items != NULL) {
            v = v->items;
            continue;
        }
        if (v->type >= MLCI_JSON_ARRAY)
            mlci_buf_char(out, v->type == MLCI_JSON_ARRAY ? ']' : '}');
        while (v != top && v->next == NULL) {
            v = v->parent;
            mlci_buf_char(out, v->type == MLCI_JSON_ARRAY ? ']' : '}');
        }
        if (v == top)
            return;
        mlci_buf_char(out, ',');
        v = v->next;
    }
}

void mlci_json_path(const mlci_json *v, char *buf, size_t cap)
{
    const mlci_json *chain[MLCI_JSON_DEPTH + 1];
    size_t depth = 0, n = 0;

    buf[0] = 0;
    for (; v != NULL && v->parent != NULL && depth < MLCI_JSON_DEPTH; v = v->parent)
        chain[depth++] = v;
    while (depth-- > 0 && n + 1 < cap) {
        const mlci_json *c = chain[depth];
        int wrote;

        if (c->key != NULL) {
            wrote = snprintf(buf + n, cap - n, "%s%.*s", n > 0 ? "." : "",
                             (int)mlci_min(c->key_bytes, 60), c->key);
        } else {
            size_t i = 0;

            for (const mlci_json *p = c->parent->items; p != c; p = p->next)
                i++;
            wrote = snprintf(buf + n, cap - n, "[%zu]", i);
        }
        n += wrote > 0 ? (size_t)wrote : 0;
    }
}

mlc_status mlci_json_fail(mlc_error *err, mlc_status status, const mlci_json *v,
                          const char *fmt, ...)
{
    char path[128], text[240];
    va_list ap;

    mlci_json_path(v, path, sizeof path);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return mlci_fail(err, status, 0, "%s%s%s", path, path[0] != 0 ? ": " : "",
                     text);
}
