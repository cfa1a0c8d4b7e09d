/* SPDX-License-Identifier: Apache-2.0
 *
 * text_state.c - text_state.h.
 */
#include "text_state.h"
#include "judge.h"

#include "../base/utf8.h"

#include <string.h>

/* Places: inside a character of UTF-8 (how many bytes are to come, and which first), inside
 * an escape. */
enum {
    TS_PLAIN, TS_ONE, TS_TWO, TS_THREE, TS_E0, TS_ED, TS_F0, TS_F4,
    TS_SLASH = 16, TS_HEX4, TS_HEX3, TS_HEX2, TS_HEX1, TS_D, TS_HIGH2, TS_HIGH1, TS_LOW_SLASH,
    TS_LOW_U, TS_LOW_D, TS_LOW_C,
    TS_CONTROL0 = 32, TS_CONTROL1, TS_CONTROL2, TS_CONTROL_LOW, TS_CONTROL_HIGH
};

static int ts_hex(uint8_t b)
{
    return b >= '0' && b <= '9' ? b - '0' : b >= 'a' && b <= 'f' ? b - 'a' + 10
         : b >= 'A' && b <= 'F' ? b - 'A' + 10 : -1;
}

static mlci_text_event ts_lead(uint32_t *place, uint8_t b)
{
    if (b < 0x80) {
        *place = TS_PLAIN;
        return MLCI_TEXT_CHAR;
    }
    if (b < 0xc2 || b > 0xf4)
        return MLCI_TEXT_BAD;
    *place = b < 0xe0 ? TS_ONE : b == 0xe0 ? TS_E0 : b == 0xed ? TS_ED : b < 0xf0 ? TS_TWO
           : b == 0xf0 ? TS_F0 : b == 0xf4 ? TS_F4 : TS_THREE;
    return MLCI_TEXT_CHAR;
}

static mlci_text_event ts_rest(uint32_t *place, uint8_t b)
{
    static const struct { uint8_t first, last, next; } table[] = {
        [TS_ONE] = { 0x80, 0xbf, TS_PLAIN }, [TS_TWO] = { 0x80, 0xbf, TS_ONE },
        [TS_THREE] = { 0x80, 0xbf, TS_TWO }, [TS_E0] = { 0xa0, 0xbf, TS_ONE },
        [TS_ED] = { 0x80, 0x9f, TS_ONE },    [TS_F0] = { 0x90, 0xbf, TS_TWO },
        [TS_F4] = { 0x80, 0x8f, TS_TWO },
    };

    if (b < table[*place].first || b > table[*place].last)
        return MLCI_TEXT_BAD;
    *place = table[*place].next;
    return MLCI_TEXT_REST;
}

/* Behind a backslash, where every escape may come. */
static mlci_text_event ts_any_escape(uint32_t *place, uint8_t b)
{
    const int x = ts_hex(b);

    switch (*place) {
    case TS_SLASH:
        if (b == 'u') {
            *place = TS_HEX4;
            return MLCI_TEXT_PART;
        }
        *place = TS_PLAIN;
        return b != 0 && strchr("\"\\/bfnrt", b) != NULL ? MLCI_TEXT_CHAR : MLCI_TEXT_BAD;
    case TS_LOW_SLASH: *place = TS_LOW_U; return b == '\\' ? MLCI_TEXT_PART : MLCI_TEXT_BAD;
    case TS_LOW_U:     *place = TS_LOW_D; return b == 'u' ? MLCI_TEXT_PART : MLCI_TEXT_BAD;
    default: break;
    }
    if (x < 0 || (*place == TS_LOW_D && x != 13) || (*place == TS_LOW_C && x < 12)
        || (*place == TS_D && x >= 12))
        return MLCI_TEXT_BAD;
    switch (*place) {
    case TS_HEX4:  *place = x == 13 ? TS_D : TS_HEX3; break;
    case TS_HEX3:  *place = TS_HEX2; break;
    case TS_HEX2:  *place = TS_HEX1; break;
    case TS_D:     *place = x < 8 ? TS_HEX2 : TS_HIGH2; break;
    case TS_HIGH2: *place = TS_HIGH1; break;
    case TS_HIGH1: *place = TS_LOW_SLASH; break;
    case TS_LOW_D: *place = TS_LOW_C; break;
    case TS_LOW_C: *place = TS_HEX2; break;
    default:       *place = TS_PLAIN; return MLCI_TEXT_CHAR;
    }
    return MLCI_TEXT_PART;
}

static const char ts_letters[] = "\"\\bfnrt", ts_values[] = "\"\\\b\f\n\r\t";

/* Behind a backslash, where only what must be escaped is. */
static mlci_text_event ts_own_escape(uint32_t *place, uint8_t b, uint8_t *c)
{
    const int x = ts_hex(b);
    const char *at;

    switch (*place) {
    case TS_SLASH:
        if (b == 'u') {
            *place = TS_CONTROL0;
            return MLCI_TEXT_PART;
        }
        at = b != 0 ? strchr(ts_letters, b) : NULL;
        if (at == NULL)
            return MLCI_TEXT_BAD;
        *c = (uint8_t)ts_values[at - ts_letters];
        *place = TS_PLAIN;
        return MLCI_TEXT_CHAR;
    case TS_CONTROL0: case TS_CONTROL1:
        ++*place;
        return b == '0' ? MLCI_TEXT_PART : MLCI_TEXT_BAD;
    case TS_CONTROL2:
        *place = b == '0' ? TS_CONTROL_LOW : TS_CONTROL_HIGH;
        return b == '0' || b == '1' ? MLCI_TEXT_PART : MLCI_TEXT_BAD;
    default:
        if (x < 0)
            return MLCI_TEXT_BAD;
        *c = (uint8_t)(x + (*place == TS_CONTROL_HIGH ? 16 : 0));
        *place = TS_PLAIN;
        return MLCI_TEXT_CHAR;
    }
}

bool mlci_text_escape(uint32_t place, uint32_t i, uint8_t *c)
{
    const uint32_t first = place == TS_CONTROL_HIGH ? 16 : 0;
    const uint32_t n = place >= TS_CONTROL_LOW ? 16 : 32;

    *c = (uint8_t)(first + i);
    if (i >= n && place == TS_SLASH && i < n + 2)
        *c = (uint8_t)(i == n ? '"' : '\\');
    return i < n || (place == TS_SLASH && i < n + 2);
}

mlci_text_event mlci_text_byte(uint32_t *place, uint8_t byte, bool any_escape, uint8_t *c)
{
    *c = byte;
    if (*place >= TS_SLASH)
        return any_escape ? ts_any_escape(place, byte) : ts_own_escape(place, byte, c);
    if (*place != TS_PLAIN)
        return ts_rest(place, byte);
    if (byte == '"')
        return MLCI_TEXT_END;
    if (byte == '\\') {
        *place = TS_SLASH;
        return MLCI_TEXT_PART;
    }
    return byte < 0x20 ? MLCI_TEXT_BAD : ts_lead(place, byte);
}

/* ---- languages and lengths ------------------------------------------------------------ */

enum { TS_WORDS = MLCI_TEXT_WORDS, TS_MOST = 64 };

bool mlci_text_fits(mlci_rx_store *s, mlci_rx language, uint32_t least, uint32_t most)
{
    if (most < MLCI_RX_FAR && mlci_rx_shortest(s, language, MLCI_TEXT_BUDGET) > most)
        return false;
    return least == 0 || language == MLCI_RX_ALL
        || mlci_rx_longest(s, language, MLCI_TEXT_BUDGET) >= mlci_min(least, MLCI_RX_FAR);
}

/* The lengths that a wish asks for, or the others; false: it is about something else, or
 * lengths on both sides are left. */
static bool ts_lengths(const mlci_tuples *t, mlci_fx a, uint32_t *least, uint32_t *most)
{
    const bool not = mlci_fx_kind_of(t, a) == MLCI_FX_NOT;
    mlci_claim x;
    uint32_t n;

    if (not)
        a = *mlci_fx_items(t, a, &n);
    if (mlci_fx_kind_of(t, a) != MLCI_FX_ATOM)
        return false;
    x = mlci_fx_atom_of(t, a);
    if (x.kind != MLCI_AT_LENGTH || (not && x.a > 0 && x.b < UINT32_MAX))
        return false;
    *least = !not ? x.a : x.a > 0 ? 0 : x.b + 1;
    *most = !not ? x.b : x.a > 0 ? x.a - 1 : UINT32_MAX;
    return true;
}

/* A conjunction's lengths apart from its languages. */
static void ts_one(mlci_machine *m, mlci_fx a, uint32_t *w)
{
    mlci_tuples *t = &m->s->tuples;
    const mlci_fx *items = &a;
    mlci_fx rest = MLCI_FX_TRUE;
    uint32_t n = 1;

    w[1] = 0, w[2] = UINT32_MAX;
    if (mlci_fx_kind_of(t, a) == MLCI_FX_AND)
        items = mlci_fx_items(t, a, &n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t least, most;

        if (!ts_lengths(t, items[i], &least, &most)) {
            rest = mlci_fx_and(t, rest, items[i]);
            continue;
        }
        w[1] = least > w[1] ? least : w[1];
        w[2] = most < w[2] ? most : w[2];
    }
    w[0] = rest == MLCI_FX_TRUE ? MLCI_RX_ALL : mlci_judge_language(m, rest, false);
    if (w[1] > w[2] || mlci_rx_dead(&m->s->rx, w[0], MLCI_TEXT_BUDGET)
        || !mlci_text_fits(&m->s->rx, w[0], w[1], w[2]))
        w[0] = MLCI_RX_NONE;
}

uint32_t mlci_texts_of(mlci_machine *m, uint32_t vec)
{
    uint32_t n, words[TS_MOST * TS_WORDS], r;
    const uint32_t *fx = mlci_tuple_at(&m->s->tuples, vec, &n);
    bool any = false;

    if (n > TS_MOST) {
        m->too_complex = true;
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        ts_one(m, mlci_judge_only(m, fx[i], MLCI_V_STRING), words + i * TS_WORDS);
        any |= words[i * TS_WORDS] != MLCI_RX_NONE;
    }
    r = any ? mlci_tuple(&m->s->tuples, words, n * TS_WORDS) : 0;
    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : 0;
}

/* One decoded byte in all of them; false: none is left. */
static bool ts_take(mlci_machine *m, uint32_t *w, uint32_t n, uint8_t c, bool first)
{
    bool any = false;

    for (uint32_t i = 0; i < n; i += TS_WORDS) {
        if (w[i] == MLCI_RX_NONE)
            continue;
        if (first && w[i + 2] == 0)
            w[i] = MLCI_RX_NONE;
        if (w[i] > MLCI_RX_ALL) {
            w[i] = mlci_rx_step(&m->s->rx, w[i], c);
            if (mlci_rx_dead(&m->s->rx, w[i], MLCI_TEXT_BUDGET))
                w[i] = MLCI_RX_NONE;
        } else if (w[i] == MLCI_RX_EMPTY) {
            w[i] = MLCI_RX_NONE;
        }
        if (first) {
            w[i + 1] -= w[i + 1] > 0;
            w[i + 2] -= w[i + 2] > 0 && w[i + 2] != UINT32_MAX;
        }
        if (w[i] > MLCI_RX_ALL && !mlci_text_fits(&m->s->rx, w[i], w[i + 1], w[i + 2]))
            w[i] = MLCI_RX_NONE;
        any |= w[i] != MLCI_RX_NONE;
    }
    return any;
}

static int32_t ts_ended(mlci_machine *m, const uint32_t *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += TS_WORDS)
        if (w[i] != MLCI_RX_NONE && w[i + 1] == 0 && mlci_rx_may_end(&m->s->rx, w[i]))
            return (int32_t)(i / TS_WORDS);
    return MLCI_TEXTS_DEAD;
}

int32_t mlci_texts_step(mlci_machine *m, uint32_t *texts, uint32_t *place, uint8_t byte)
{
    uint32_t n, words[TS_MOST * TS_WORDS], some[TS_MOST * TS_WORDS];
    const uint32_t *from = mlci_tuple_at(&m->s->tuples, *texts, &n);
    bool free = true, on = false;
    uint8_t c;

    for (uint32_t i = 0; i < n; i += TS_WORDS)
        free &= from[i] == MLCI_RX_ALL || from[i] == MLCI_RX_NONE;
    memcpy(words, from, n * sizeof *words);
    free = free && !m->s->o.own_escapes;
    switch (mlci_text_byte(place, byte, free, &c)) {
    case MLCI_TEXT_END: return ts_ended(m, words, n);
    case MLCI_TEXT_CHAR: on = ts_take(m, words, n, c, true); break;
    case MLCI_TEXT_REST: on = ts_take(m, words, n, c, false); break;
    case MLCI_TEXT_PART:
        for (uint32_t i = 0; !on && (free ? i == 0 : mlci_text_escape(*place, i, &c)); i++) {
            memcpy(some, words, n * sizeof *some);
            on = ts_take(m, some, n, c, true);
        }
        return on ? MLCI_TEXTS_ON : MLCI_TEXTS_DEAD;
    default: break;
    }
    if (!on)
        return MLCI_TEXTS_DEAD;
    *texts = mlci_tuple(&m->s->tuples, words, n);
    m->too_complex |= *texts == UINT32_MAX;
    return m->too_complex ? MLCI_TEXTS_DEAD : MLCI_TEXTS_ON;
}

bool mlci_texts_free(const mlci_machine *m, uint32_t texts, mlci_inside *in)
{
    uint32_t n;
    const uint32_t *w = mlci_tuple_at(&m->s->tuples, texts, &n);

    in->most = 0;
    in->same = in->may_end = true;
    for (uint32_t i = 0; i < n; i += TS_WORDS) {
        if (w[i] != MLCI_RX_ALL && w[i] != MLCI_RX_NONE)
            return false;
        if (w[i] == MLCI_RX_ALL && w[i + 2] > in->most)
            in->most = w[i + 2];
        in->same &= w[i + 1] == 0 && w[i + 2] == UINT32_MAX;
        in->may_end &= w[i + 1] == 0 && (n == TS_WORDS || w[i + 2] == UINT32_MAX);
    }
    return true;
}

size_t mlci_text_begin(const uint8_t *text, size_t end)
{
    for (size_t i = end; i > 0; i--) {
        size_t k = i - 1;

        if (text[i - 1] != '"')
            continue;
        while (k > 0 && text[k - 1] == '\\')
            k--;
        if ((i - 1 - k) % 2 == 0)
            return i - 1;
    }
    return 0;
}

size_t mlci_text_decode(const uint8_t *p, size_t n, char *out, size_t cap)
{
    uint32_t place = 0;
    size_t k = 0;
    uint8_t c;

    for (size_t i = 0; i < n; i++) {
        const mlci_text_event e = mlci_text_byte(&place, p[i], false, &c);

        if (e != MLCI_TEXT_CHAR && e != MLCI_TEXT_REST)
            continue;
        if (k == cap)
            return 0;
        out[k++] = (char)c;
    }
    return k;
}

/* ---- values as numbers ---------------------------------------------------------------- */

enum { TS_DEEP = 200 };

typedef struct ts_reader { const uint8_t *p; size_t n, at; uint32_t depth; } ts_reader;

static uint64_t ts_value(ts_reader *r);

static void ts_spaces(ts_reader *r)
{
    while (r->at < r->n && strchr(" \t\r\n,:", r->p[r->at]) != NULL)
        r->at++;
}

static uint32_t ts_unit(const ts_reader *r, size_t at)
{
    uint32_t v = 0;

    for (size_t i = at; i < at + 4 && i < r->n; i++)
        v = v << 4 | (uint32_t)(ts_hex(r->p[i]) & 15);
    return v;
}

static uint64_t ts_string(ts_reader *r)
{
    uint64_t h = 3;

    for (r->at++; r->at < r->n && r->p[r->at] != '"'; r->at++) {
        uint32_t u;
        char out[4];
        size_t n = 1;

        out[0] = (char)r->p[r->at];
        if (out[0] == '\\' && r->at + 1 < r->n) {
            const char *k = strchr(ts_letters, r->p[++r->at]);

            out[0] = k != NULL && *k != 0 ? ts_values[k - ts_letters] : (char)r->p[r->at];
            if (r->p[r->at] == 'u') {
                u = ts_unit(r, r->at + 1);
                r->at += 4;
                if (u >= 0xd800 && u < 0xdc00) {
                    u = 0x10000 + ((u - 0xd800) << 10) + (ts_unit(r, r->at + 3) - 0xdc00);
                    r->at += 6;
                }
                n = mlci_utf8_write((int32_t)u, out);
            }
        }
        for (size_t i = 0; i < n; i++)
            h = (h ^ (uint8_t)out[i]) * 0x100000001b3u, h ^= h >> 31;
    }
    r->at++;
    return mlci_mix(h);
}

static uint64_t ts_scalar(ts_reader *r)
{
    const size_t from = r->at;
    mlci_decimal d;

    while (r->at < r->n && strchr(",]} \t\r\n:", r->p[r->at]) == NULL)
        r->at++;
    if (r->at > from && (r->p[from] == '-' || ts_hex(r->p[from]) < 10) && r->p[from] != 'f'
        && mlci_decimal_read(&d, (const char *)r->p + from, r->at - from))
        return mlci_hash(d.digits, (size_t)d.n, mlci_mix((uint64_t)(uint32_t)d.scale * 2
                                                         + d.negative));
    return mlci_hash(r->p + from, r->at - from, 5);
}

static uint64_t ts_value(ts_reader *r)
{
    uint64_t h = 11, key;
    bool object;

    ts_spaces(r);
    if (r->at >= r->n || (r->p[r->at] != '{' && r->p[r->at] != '['))
        return r->at < r->n && r->p[r->at] == '"' ? ts_string(r) : ts_scalar(r);
    if (r->depth == TS_DEEP)          /* deeper, only the same text is the same value */
        return mlci_hash(r->p + r->at, r->n - r->at, 6);
    object = r->p[r->at++] == '{';
    r->depth++;
    for (ts_spaces(r); r->at < r->n && r->p[r->at] != '}' && r->p[r->at] != ']'; ts_spaces(r)) {
        const size_t before = r->at;

        key = object ? ts_string(r) : 0;
        h = object ? h + mlci_mix(key ^ mlci_mix(ts_value(r) + 1))
                   : mlci_mix(h * 31 + ts_value(r));
        r->at += r->at == before;
    }
    r->at++;
    r->depth--;
    return mlci_mix(h + object);
}

uint64_t mlci_json_text_hash(const uint8_t *p, size_t n)
{
    ts_reader r = { p, n, 0, 0 };

    return ts_value(&r);
}
