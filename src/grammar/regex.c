/* SPDX-License-Identifier: Apache-2.0
 *
 * regex.c - regex.h, by recursive descent.
 *
 * A sequence is collected and put together from its end, since lookahead and $ speak of
 * what comes after them, the rest of the text; and ^ of whether anything was before, so
 * there are two languages of each end: at the beginning of the text and elsewhere.  A group
 * with one of these inside is no language of its own: it is read again for each text that
 * follows it.
 */
#include "regex.h"
#include "../base/utf8.h"

#include <string.h>

enum { RG_MAX_COUNTS = 10000, RG_MAX_DEPTH = 200, RG_MAX_RANGES = 4096, RG_LAST = 0x10ffff,
       RG_MAX_LOOPS = 8, RG_MAX_AGAIN = 1 << 18 };

typedef struct rg_range { uint32_t first, last; } rg_range;

/* A set of characters being collected. */
typedef struct rg_class {
    rg_range *ranges;
    size_t    n, cap;
} rg_class;

/* The texts from a place on, if it is the text's beginning and if not. */
typedef struct rg_rest { mlci_rx first, later; } rg_rest;

typedef enum rg_kind { RG_TEXT, RG_BEGIN, RG_END, RG_AHEAD, RG_NOT_AHEAD,
                       RG_AGAIN    /* a group, min to max times, read when its rest is known */
} rg_kind;

/* One element of a sequence. */
typedef struct rg_term {
    rg_kind  kind;
    mlci_rx  rx;                      /* TEXT */
    rg_rest  ahead;
    size_t   from, to;                /* AGAIN: the place of the group's inside    */
    uint32_t min, max;
} rg_term;

typedef struct rg_parser {
    mlci_rx_store *s;
    const char    *text;
    size_t         n, at;
    uint32_t       depth;
    bool           terminal;      /* no ^ and $, no lookahead                     */
    uint32_t       alone;         /* groups around that are read without their rest */
    bool           needed;        /* inside them: the rest matters                */
    uint32_t       begins;        /* ^ read                                       */
    uint32_t       loops;         /* repetitions with lookahead around            */
    size_t         again;         /* bytes read again                             */
    mlc_status     status;
    mlc_error     *err;
} rg_parser;

static mlc_status rg_fail(rg_parser *p, mlc_status status, const char *what)
{
    if (p->status == MLC_OK)
        p->status = mlci_fail(p->err, status, 0, "pattern, at %zu: %s", p->at, what);
    return p->status;
}

static bool rg_is(const rg_parser *p, const char *what)
{
    size_t n = strlen(what);

    return p->n - p->at >= n && memcmp(p->text + p->at, what, n) == 0;
}

static bool rg_take(rg_parser *p, const char *what)
{
    if (!rg_is(p, what))
        return false;
    p->at += strlen(what);
    return true;
}

/* ---- characters ----------------------------------------------------------------------- */

static void rg_add(rg_parser *p, rg_class *c, uint32_t first, uint32_t last)
{
    void *ranges = c->ranges;

    if (p->status != MLC_OK)
        return;
    if (c->n == RG_MAX_RANGES)
        (void)rg_fail(p, MLC_EUNSUPPORTED, "a class of more than 4096 ranges");
    else if (!mlci_grow(p->s->arena.ctx, &ranges, &c->cap, c->n + 1, sizeof *c->ranges))
        (void)rg_fail(p, MLC_ENOMEM, "out of memory");
    if (p->status != MLC_OK)
        return;
    c->ranges = ranges;
    c->ranges[c->n++] = (rg_range){ first, last };
}

/* Sorted, apart from each other. */
static void rg_sort(rg_class *c)
{
    size_t n = 0;

    for (size_t i = 1; i < c->n; i++) {
        rg_range r = c->ranges[i];
        size_t k = i;

        for (; k > 0 && c->ranges[k - 1].first > r.first; k--)
            c->ranges[k] = c->ranges[k - 1];
        c->ranges[k] = r;
    }
    for (size_t i = 0; i < c->n; i++)
        if (n > 0 && c->ranges[i].first <= c->ranges[n - 1].last + 1) {
            if (c->ranges[i].last > c->ranges[n - 1].last)
                c->ranges[n - 1].last = c->ranges[i].last;
        } else {
            c->ranges[n++] = c->ranges[i];
        }
    c->n = n;
}

static void rg_free(rg_parser *p, rg_class *c)
{
    mlci_delete(p->s->arena.ctx, c->ranges, c->cap, sizeof *c->ranges);
}

/* The set, or all others, as a language of one character. */
static mlci_rx rg_language(rg_parser *p, rg_class *c, bool others)
{
    uint32_t next = 0;
    size_t n = 0;
    mlci_rx *all, r;

    rg_sort(c);
    all = mlci_new(p->s->arena.ctx, c->n + 1, sizeof *all);
    if (all == NULL) {
        (void)rg_fail(p, MLC_ENOMEM, "out of memory");
        return MLCI_RX_NONE;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (!others)
            all[n++] = mlci_rx_range(p->s, c->ranges[i].first, c->ranges[i].last);
        else if (next < c->ranges[i].first)
            all[n++] = mlci_rx_range(p->s, next, c->ranges[i].first - 1);
        next = c->ranges[i].last + 1;
    }
    if (others && next <= RG_LAST)
        all[n++] = mlci_rx_range(p->s, next, RG_LAST);
    r = mlci_rx_or_all(p->s, all, n);
    mlci_delete(p->s->arena.ctx, all, c->n + 1, sizeof *all);
    return r;
}

typedef struct rg_adding { rg_parser *p; rg_class *c; bool others; uint32_t next; } rg_adding;

static void rg_add_run(void *user, uint32_t first, uint32_t last)
{
    rg_adding *a = user;

    if (!a->others)
        rg_add(a->p, a->c, first, last);
    else if (a->next < first)
        rg_add(a->p, a->c, a->next, first - 1);
    a->next = last + 1;
}

/* What is behind the last run, when it is the others that are wanted. */
static void rg_add_last(const rg_adding *a)
{
    if (a->others && a->next <= RG_LAST)
        rg_add(a->p, a->c, a->next, RG_LAST);
}

/* At the p of \p{...} or \P{...}; taken but for the brace at the end. */
static void rg_property(rg_parser *p, rg_class *c)
{
    rg_adding a = { p, c, p->text[p->at] == 'P', 0 };
    const size_t name = p->at + 2;
    size_t end = name;

    while (end < p->n && p->text[end] != '}')
        end++;
    if (name > p->n || p->text[p->at + 1] != '{' || end == p->n)
        (void)rg_fail(p, MLC_EFORMAT, "\\p without a name in braces");
    else if (!mlci_regex_property(p->text + name, end - name, rg_add_run, &a))
        (void)rg_fail(p, MLC_EUNSUPPORTED, "\\p{ } of this name is unsupported");
    else
        rg_add_last(&a);
    p->at = end < p->n ? end : p->n - 1;
}

/* What \d, \w, \s, \p{...} and their capitals stand for, up to its last byte; false if it is
 * none of them. */
static bool rg_shorthand(rg_parser *p, char letter, rg_class *c)
{
    static const rg_range digit[] = { { '0', '9' } };
    static const rg_range word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
    static const rg_range space[] = { { 9, 13 }, { 32, 32 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
                                      { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f },
                                      { 0x205f, 0x205f }, { 0x3000, 0x3000 },
                                      { 0xfeff, 0xfeff } };
    static const struct { char letter; const rg_range *ranges; size_t n; } table[] = {
        { 'd', digit, 1 }, { 'w', word, 4 }, { 's', space, 10 },
    };
    if (letter == 'p' || letter == 'P') {
        rg_property(p, c);
        return true;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        rg_adding a = { p, c, letter == table[i].letter - 'a' + 'A', 0 };

        if (letter != table[i].letter && !a.others)
            continue;
        for (size_t k = 0; k < table[i].n; k++)
            rg_add_run(&a, table[i].ranges[k].first, table[i].ranges[k].last);
        rg_add_last(&a);
        return true;
    }
    return false;
}

static uint32_t rg_hex(rg_parser *p, int digits)
{
    uint32_t v = 0;

    for (int i = 0; i < digits; i++) {
        char c = p->at < p->n ? p->text[p->at] : 0;
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

        if (d < 0) {
            (void)rg_fail(p, MLC_EFORMAT, "a hexadecimal digit is missing");
            return 0;
        }
        v = v << 4 | (uint32_t)d;
        p->at++;
    }
    return v;
}

/* Behind "\u": four digits, a pair of surrogates, or braces. */
static uint32_t rg_unicode(rg_parser *p)
{
    uint32_t v = 0;

    if (rg_take(p, "{")) {
        while (p->status == MLC_OK && !rg_take(p, "}")) {
            v = v << 4 | rg_hex(p, 1);
            if (v > RG_LAST)
                (void)rg_fail(p, MLC_EFORMAT, "a character beyond U+10FFFF");
        }
        return v;
    }
    v = rg_hex(p, 4);
    if (v >= 0xd800 && v < 0xdc00 && rg_is(p, "\\u")) {
        const size_t before = p->at;
        uint32_t low;

        p->at += 2;
        low = rg_hex(p, 4);
        if (low >= 0xdc00 && low < 0xe000)
            return 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        p->at = before;
    }
    return v;
}

/* A character of the pattern as it stands. */
static uint32_t rg_literal(rg_parser *p)
{
    int32_t cp;

    if (p->at == p->n) {
        (void)rg_fail(p, MLC_EFORMAT, "a class that does not end");
        return 0;
    }
    p->at += mlci_utf8_read(p->text + p->at, p->n - p->at, &cp);
    if (cp < 0)
        (void)rg_fail(p, MLC_EFORMAT, "bytes that are no UTF-8");
    return (uint32_t)cp;
}

/* Behind a backslash: one character. */
static uint32_t rg_escape(rg_parser *p)
{
    static const char letters[] = "tnvfr0", values[] = "\t\n\v\f\r\0";
    char c = p->at < p->n ? p->text[p->at] : 0;
    const char *at = c != 0 ? strchr(letters, c) : NULL;

    if (p->at == p->n) {
        (void)rg_fail(p, MLC_EFORMAT, "a backslash at the end");
        return 0;
    }
    if (at != NULL) {
        p->at++;
        return (uint32_t)(unsigned char)values[at - letters];
    }
    if (rg_take(p, "x"))
        return rg_hex(p, 2);
    if (rg_take(p, "u"))
        return rg_unicode(p);
    if (c == 'c' && p->n - p->at > 1) {
        p->at += 2;
        return (uint32_t)p->text[p->at - 1] & 31;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        (void)rg_fail(p, c == 'b' || c == 'B' || c == 'k' || (c >= '1' && c <= '9')
                         ? MLC_EUNSUPPORTED : MLC_EFORMAT,
                      c == 'b' || c == 'B' ? "word boundaries are unsupported"
                      : c == 'k' || (c >= '1' && c <= '9') ? "back references are unsupported"
                      : "an unknown escape");
        return 0;
    }
    return rg_literal(p);
}

/* One member of a class; false: a shorthand was added. */
static bool rg_member(rg_parser *p, rg_class *c, uint32_t *cp)
{
    if (!rg_take(p, "\\")) {
        *cp = rg_literal(p);
        return true;
    }
    if (p->at < p->n && rg_shorthand(p, p->text[p->at], c)) {
        p->at++;
        return false;
    }
    if (rg_take(p, "b")) {
        *cp = 8;
        return true;
    }
    *cp = rg_escape(p);
    return true;
}

/* Behind "[". */
static mlci_rx rg_brackets(rg_parser *p)
{
    rg_class c = { NULL, 0, 0 };
    const bool others = rg_take(p, "^");
    mlci_rx r;

    while (p->status == MLC_OK && !rg_take(p, "]")) {
        uint32_t first, last;

        if (p->at == p->n) {
            (void)rg_fail(p, MLC_EFORMAT, "a class that does not end");
            break;
        }
        if (!rg_member(p, &c, &first))
            continue;
        last = first;
        if (rg_is(p, "-") && !rg_is(p, "-]")) {
            p->at++;
            if (!rg_member(p, &c, &last)) {     /* [a-\d]: the minus is itself */
                rg_add(p, &c, '-', '-');
                last = first;
            }
        }
        if (last < first)
            (void)rg_fail(p, MLC_EFORMAT, "a range that ends before it begins");
        rg_add(p, &c, first, last);
    }
    r = p->status == MLC_OK ? rg_language(p, &c, others) : MLCI_RX_NONE;
    rg_free(p, &c);
    return r;
}

static mlci_rx rg_dot(rg_parser *p)
{
    rg_class c = { NULL, 0, 0 };
    mlci_rx r;

    rg_add(p, &c, '\n', '\n');
    rg_add(p, &c, '\r', '\r');
    rg_add(p, &c, 0x2028, 0x2029);
    r = p->status == MLC_OK ? rg_language(p, &c, true) : MLCI_RX_NONE;
    rg_free(p, &c);
    return r;
}

/* ---- terms ---------------------------------------------------------------------------- */

static rg_rest rg_alternatives(rg_parser *p, rg_rest rest);

static const rg_rest rg_empty = { MLCI_RX_EMPTY, MLCI_RX_EMPTY };
static const rg_rest rg_any = { MLCI_RX_ALL, MLCI_RX_ALL };

/* Behind "(": a group's inside, without what follows it. */
static rg_term rg_inside(rg_parser *p)
{
    const bool needed = p->needed;
    rg_term t = { .from = p->at, .min = 1, .max = 1 };

    p->needed = false;
    p->alone++;
    t.rx = rg_alternatives(p, rg_empty).later;
    p->alone--;
    t.kind = p->needed ? RG_AGAIN : RG_TEXT;
    t.to = p->at;
    p->needed |= needed;
    return t;
}

/* A condition on the rest, or on what was before. */
static rg_term rg_condition(rg_parser *p, rg_kind kind)
{
    if (p->terminal)
        (void)rg_fail(p, MLC_EUNSUPPORTED, kind == RG_BEGIN || kind == RG_END
                      ? "^ and $ are unsupported here" : "lookahead is unsupported here");
    p->needed |= p->alone > 0;
    p->begins += kind == RG_BEGIN;
    return (rg_term){ .kind = kind };
}

/* Behind "(": what kind, and its inside. */
static rg_term rg_group(rg_parser *p)
{
    const bool ahead = rg_is(p, "?=") || rg_is(p, "?!");
    rg_term t = { .rx = MLCI_RX_NONE };

    if (++p->depth > RG_MAX_DEPTH) {
        (void)rg_fail(p, MLC_EUNSUPPORTED, "groups more than 200 deep");
        return t;
    }
    if (rg_is(p, "?<=") || rg_is(p, "?<!"))
        (void)rg_fail(p, MLC_EUNSUPPORTED, "lookbehind is unsupported");
    else if (ahead) {
        t = rg_condition(p, rg_is(p, "?=") ? RG_AHEAD : RG_NOT_AHEAD);
        p->at += 2;
    } else if (rg_take(p, "?<")) {
        while (p->at < p->n && p->text[p->at] != '>')
            p->at++;
        if (!rg_take(p, ">"))
            (void)rg_fail(p, MLC_EFORMAT, "a name that does not end");
    } else if (rg_is(p, "?") && !rg_take(p, "?:")) {
        (void)rg_fail(p, MLC_EFORMAT, "an unknown kind of group");
    }
    if (p->status == MLC_OK && ahead)
        t.ahead = rg_alternatives(p, rg_any);
    else if (p->status == MLC_OK)
        t = rg_inside(p);
    if (p->status == MLC_OK && !rg_take(p, ")"))
        (void)rg_fail(p, MLC_EFORMAT, "a group that does not end");
    p->depth--;
    return t;
}

/* The inside of a group once more, now that its rest is known. */
static rg_rest rg_once_more(rg_parser *p, const rg_term *t, rg_rest rest)
{
    const size_t at = p->at;
    rg_rest r = { MLCI_RX_NONE, MLCI_RX_NONE };

    p->again += t->to - t->from + 1;
    if (p->again > RG_MAX_AGAIN)
        (void)rg_fail(p, MLC_EUNSUPPORTED, "conditions in groups that are repeated too often");
    if (p->status != MLC_OK)
        return r;
    p->at = t->from;
    r = rg_alternatives(p, rest);
    p->at = p->status == MLC_OK ? at : p->at;
    return r;
}

static rg_rest rg_or(rg_parser *p, rg_rest a, rg_rest b)
{
    const mlci_rx first = mlci_rx_or(p->s, a.first, b.first);

    return (rg_rest){ first, a.first == a.later && b.first == b.later
                             ? first : mlci_rx_or(p->s, a.later, b.later) };
}

/* Any number of times.  One that takes no text adds nothing to the rest, so what is at the
 * beginning of the text either goes on elsewhere or is over. */
static rg_rest rg_loop(rg_parser *p, const rg_term *t, rg_rest rest)
{
    const char *inside = p->text + t->from;
    const uint64_t name[2] = { mlci_hash(inside, t->to - t->from, 0),
                               mlci_hash(inside, t->to - t->from, 1) };
    const uint32_t begins = p->begins;
    const mlci_rx loop = mlci_rx_loop(p->s, rest.later, name);
    rg_rest r = { MLCI_RX_NONE, loop };

    if (++p->loops > RG_MAX_LOOPS)
        (void)rg_fail(p, MLC_EUNSUPPORTED, "conditions in more than 8 repetitions");
    r = rg_once_more(p, t, r);
    p->loops--;
    if (p->status == MLC_OK)
        mlci_rx_loop_is(p->s, loop, r.later);
    return (rg_rest){ rest.first == rest.later && p->begins == begins
                      ? loop : mlci_rx_or(p->s, rest.first, r.first), loop };
}

/* The group as often as it says, from its end. */
static rg_rest rg_apply(rg_parser *p, const rg_term *t, rg_rest rest)
{
    rg_rest r = t->max == MLCI_RX_MANY ? rg_loop(p, t, rest) : rest;

    for (uint32_t i = t->min; i < t->max && t->max != MLCI_RX_MANY && p->status == MLC_OK; i++)
        r = rg_or(p, rest, rg_once_more(p, t, r));
    for (uint32_t i = 0; i < t->min && p->status == MLC_OK; i++)
        r = rg_once_more(p, t, r);
    return r;
}

/* A text of a, and then the rest: after the empty text the place is the same. */
static rg_rest rg_then(rg_parser *p, mlci_rx a, rg_rest rest)
{
    const mlci_rx later = mlci_rx_cat(p->s, a, rest.later);
    mlci_rx some;

    if (rest.first == rest.later || !mlci_rx_nullable(p->s, a))
        return (rg_rest){ later, later };
    some = mlci_rx_and(p->s, a, mlci_rx_not(p->s, MLCI_RX_EMPTY));
    some = mlci_rx_cat(p->s, some, rest.later);
    return (rg_rest){ mlci_rx_or(p->s, some, rest.first), later };
}

static rg_rest rg_ahead(rg_parser *p, const rg_term *t, rg_rest rest)
{
    const bool not = t->kind == RG_NOT_AHEAD;
    const mlci_rx a = not ? mlci_rx_not(p->s, t->ahead.first) : t->ahead.first;
    const mlci_rx b = not ? mlci_rx_not(p->s, t->ahead.later) : t->ahead.later;

    return (rg_rest){ mlci_rx_and(p->s, a, rest.first), mlci_rx_and(p->s, b, rest.later) };
}

static rg_rest rg_put(rg_parser *p, const rg_term *t, rg_rest rest)
{
    switch (t->kind) {
    case RG_TEXT:  return rg_then(p, t->rx, rest);
    case RG_BEGIN: return (rg_rest){ rest.first, MLCI_RX_NONE };
    case RG_END:
        return (rg_rest){ mlci_rx_end(p->s, rest.first), mlci_rx_end(p->s, rest.later) };
    case RG_AGAIN: return rg_apply(p, t, rest);
    default:       return rg_ahead(p, t, rest);
    }
}

static mlci_rx rg_backslash(rg_parser *p)
{
    rg_class c = { NULL, 0, 0 };
    mlci_rx r = MLCI_RX_NONE;

    if (p->at < p->n && rg_shorthand(p, p->text[p->at], &c)) {
        p->at++;
        r = p->status == MLC_OK ? rg_language(p, &c, false) : r;
    } else {
        uint32_t cp = rg_escape(p);

        r = p->status == MLC_OK ? mlci_rx_range(p->s, cp, cp) : r;
    }
    rg_free(p, &c);
    return r;
}

/* A number; false if there is none. */
static bool rg_number(rg_parser *p, uint32_t *v)
{
    const size_t begin = p->at;

    *v = 0;
    for (; p->at < p->n && p->text[p->at] >= '0' && p->text[p->at] <= '9'; p->at++) {
        if (*v > 100000000)
            (void)rg_fail(p, MLC_EUNSUPPORTED, "a repetition of more than 10^9");
        *v = *v * 10 + (uint32_t)(p->text[p->at] - '0');
        if (p->status != MLC_OK)
            return false;
    }
    return p->at > begin;
}

/* "{m,n}": false, and nothing taken, if it is not one. */
static bool rg_counts(rg_parser *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->at;

    p->at++;
    if (rg_number(p, min)) {
        *max = *min;
        if (rg_take(p, ",") && !rg_number(p, max))
            *max = MLCI_RX_MANY;
        if (rg_take(p, "}"))
            return true;
    }
    p->at = begin;
    return false;
}

static void rg_quantified(rg_parser *p, rg_term *t)
{
    uint32_t min = 1, max = 1, inside;

    if (rg_take(p, "*"))
        min = 0, max = MLCI_RX_MANY;
    else if (rg_take(p, "+"))
        max = MLCI_RX_MANY;
    else if (rg_take(p, "?"))
        min = 0;
    else if (!rg_is(p, "{") || !rg_counts(p, &min, &max))
        return;
    (void)rg_take(p, "?");
    if (max < min)
        (void)rg_fail(p, MLC_EFORMAT, "a repetition of at least more than at most");
    if (rg_is(p, "*") || rg_is(p, "+") || rg_is(p, "?"))
        (void)rg_fail(p, MLC_EFORMAT, "a repetition of a repetition");
    if (p->status != MLC_OK)
        return;
    t->min = min, t->max = max;
    if (t->kind == RG_AGAIN)
        return;
    inside = mlci_rx_counts(p->s, t->rx);
    t->rx = mlci_rx_repeat(p->s, t->rx, min, max);
    /* what counts can make of each other are as many states */
    if (inside > 1 && mlci_rx_counts(p->s, t->rx) > RG_MAX_COUNTS)
        (void)rg_fail(p, MLC_EUNSUPPORTED, "repetitions in repetitions, over 10000 in all");
}

static rg_term rg_one(rg_parser *p)
{
    rg_term t = { .rx = MLCI_RX_NONE };

    if (rg_take(p, "^"))
        t = rg_condition(p, RG_BEGIN);
    else if (rg_take(p, "$"))
        t = rg_condition(p, RG_END);
    else if (rg_is(p, "*") || rg_is(p, "+") || rg_is(p, "?"))
        (void)rg_fail(p, MLC_EFORMAT, "nothing to repeat");
    else if (rg_take(p, "("))
        t = rg_group(p);
    else if (rg_take(p, "["))
        t.rx = rg_brackets(p);
    else if (rg_take(p, "."))
        t.rx = rg_dot(p);
    else if (rg_take(p, "\\"))
        t.rx = rg_backslash(p);
    else {
        uint32_t cp = rg_literal(p);

        t.rx = p->status == MLC_OK ? mlci_rx_range(p->s, cp, cp) : MLCI_RX_NONE;
    }
    if (t.kind == RG_TEXT || t.kind == RG_AGAIN)
        rg_quantified(p, &t);
    return t;
}

static rg_rest rg_sequence(rg_parser *p, rg_rest rest)
{
    rg_term *terms = NULL;
    size_t n = 0, cap = 0;

    while (p->status == MLC_OK && p->at < p->n && !rg_is(p, "|") && !rg_is(p, ")")) {
        void *items = terms;

        if (!mlci_grow(p->s->arena.ctx, &items, &cap, n + 1, sizeof *terms)) {
            (void)rg_fail(p, MLC_ENOMEM, "out of memory");
            break;
        }
        terms = items;
        terms[n++] = rg_one(p);
    }
    while (n-- > 0 && p->status == MLC_OK && !(p->alone > 0 && p->needed))
        rest = rg_put(p, &terms[n], rest);
    mlci_delete(p->s->arena.ctx, terms, cap, sizeof *terms);
    return rest;
}

static rg_rest rg_alternatives(rg_parser *p, rg_rest rest)
{
    rg_rest r = { MLCI_RX_NONE, MLCI_RX_NONE }, one;
    mlci_rx *items[2] = { NULL, NULL };          /* at the beginning, elsewhere */
    size_t n = 0, cap[2] = { 0, 0 };
    bool same = true;

    do {
        for (int k = 0; k < 2; k++) {
            void *more = items[k];

            if (mlci_grow(p->s->arena.ctx, &more, &cap[k], n + 1, sizeof *items[k]))
                items[k] = more;
            else
                (void)rg_fail(p, MLC_ENOMEM, "out of memory");
        }
        if (p->status != MLC_OK)
            break;
        one = rg_sequence(p, rest);
        items[0][n] = one.first;
        items[1][n++] = one.later;
        same &= one.first == one.later;
    } while (p->status == MLC_OK && rg_take(p, "|"));
    if (p->status == MLC_OK) {
        r.later = mlci_rx_or_all(p->s, items[1], n);
        r.first = same ? r.later : mlci_rx_or_all(p->s, items[0], n);
    }
    for (int k = 0; k < 2; k++)
        mlci_delete(p->s->arena.ctx, items[k], cap[k], sizeof *items[k]);
    return r;
}

/* ---- reading -------------------------------------------------------------------------- */

static mlc_status rg_read(rg_parser *p, rg_rest rest, rg_rest *out)
{
    *out = rg_alternatives(p, rest);
    if (p->status == MLC_OK && p->at < p->n)
        (void)rg_fail(p, MLC_EFORMAT, "a closing parenthesis without a group");
    if (p->status == MLC_OK && p->s->status != MLC_OK)
        (void)rg_fail(p, MLC_ENOMEM, "the expression is too large");
    return p->status;
}

mlc_status mlci_regex_read(mlci_rx_store *s, const char *text, size_t n, bool all, mlci_rx *out,
                           mlc_error *err)
{
    rg_parser p = { .s = s, .text = text, .n = n, .status = MLC_OK, .err = err };
    const mlci_rx end = mlci_rx_text(s, "\xff", 1);
    const rg_rest whole = { end, end };
    mlci_bytes bytes = { { 0, 0, 0, 0 } };
    rg_rest r;
    mlci_rx some;

    *out = MLCI_RX_NONE;
    if (rg_read(&p, all ? whole : rg_any, &r) != MLC_OK)
        return p.status;
    *out = r.first;
    if (all || r.first == MLCI_RX_ALL)
        return MLC_OK;
    /* found anywhere */
    mlci_bytes_add(&bytes, 0, MLCI_RX_END - 1);
    some = mlci_rx_repeat(s, mlci_rx_bytes(s, &bytes), r.first == r.later ? 0 : 1, MLCI_RX_MANY);
    some = mlci_rx_cat(s, some, r.later);
    *out = r.first == r.later ? some : mlci_rx_or(s, r.first, some);
    if (s->status != MLC_OK)
        (void)rg_fail(&p, MLC_ENOMEM, "the expression is too large");
    return p.status;
}

mlc_status mlci_regex_read_terminal(mlci_rx_store *s, const char *text, size_t n, mlci_rx *out,
                                    mlc_error *err)
{
    rg_parser p = { .s = s, .text = text, .n = n, .status = MLC_OK, .err = err, .terminal = true };
    rg_rest r;
    mlc_status st = rg_read(&p, rg_empty, &r);

    *out = st == MLC_OK ? r.first : MLCI_RX_NONE;
    return st;
}
