/* SPDX-License-Identifier: Apache-2.0
 *
 * pretok.c - the built-in splitters of pretok.h and the loop over expressions.
 *
 * GPT-2 (Radford et al. 2019, encoder.py):
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Llama 3 and Qwen 2 (their tokenizer.json; n is 3 or 1):
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}
 *   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *
 * Each alternative is tried in order at the current place, as a regular
 * expression would; a place always matches something, so words cover the text.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pretok.h"
#include "../base/utf8.h"
#include "unicode.h"

#include <pcre2.h>
#include <string.h>

/* A character and its class; at the end of the text, class 0 and length 0. */
typedef struct pt_char { int32_t cp; uint32_t len; uint8_t cls; } pt_char;

static inline pt_char pt_at(const char *s, size_t n, size_t i)
{
    pt_char c = { -1, 0, 0 };

    if (i >= n)
        return c;
    if ((unsigned char)s[i] < 0x80) {
        c.cp = s[i];
        c.len = 1;
    } else {
        c.len = (uint32_t)mlci_utf8_read(s + i, n - i, &c.cp);
    }
    c.cls = mlci_unicode_class(c.cp);
    return c;
}

/* First place at or after i whose character is not in the classes. */
static inline size_t pt_run(const char *s, size_t n, size_t i, uint8_t classes)
{
    for (;;) {
        pt_char c = pt_at(s, n, i);

        if (c.len == 0 || (c.cls & classes) == 0)
            return i;
        i += c.len;
    }
}

/* As pt_run, for [^\s\p{L}\p{N}]. */
static inline size_t pt_other(const char *s, size_t n, size_t i)
{
    for (;;) {
        pt_char c = pt_at(s, n, i);

        if (c.len == 0 || (c.cls & (MLCI_CLASS_SPACE | MLCI_CLASS_L | MLCI_CLASS_N)))
            return i;
        i += c.len;
    }
}

/* Length of a contraction at i ('s 't 're 've 'm 'll 'd), 0 if there is none.
 * any_case: Unicode's folding, under which U+017F is an s too. */
static size_t pt_contraction(const char *s, size_t n, size_t i, bool any_case)
{
    char a, b;

    if (s[i] != '\'' || i + 1 >= n)
        return 0;
    if (any_case && i + 2 < n && memcmp(s + i + 1, "\xc5\xbf", 2) == 0)
        return 3;
    a = s[i + 1];
    b = i + 2 < n ? s[i + 2] : 0;
    if (any_case && a >= 'A' && a <= 'Z')
        a = (char)(a + 32);
    if (any_case && b >= 'A' && b <= 'Z')
        b = (char)(b + 32);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e')
        || (a == 'l' && b == 'l') ? 3 : 0;
}

/* \s+(?!\S)|\s+ where the white space ends at end: all of it at the end of the
 * text, else all but its last character, else that one. */
static size_t pt_white(const char *s, size_t n, size_t i, size_t end)
{
    size_t last = end;

    if (end >= n)
        return end;
    do {  /* back over one character */
        last--;
    } while (((unsigned char)s[last] & 0xc0) == 0x80);
    return last > i ? last : end;
}

static size_t pt_gpt2(const char *s, size_t n, size_t i)
{
    size_t len = pt_contraction(s, n, i, false), j;
    pt_char c = pt_at(s, n, i);

    if (len > 0)
        return i + len;
    j = c.cp == ' ' ? i + 1 : i;
    if (j > i)
        c = pt_at(s, n, j);
    if (c.len > 0 && (c.cls & MLCI_CLASS_L))
        return pt_run(s, n, j, MLCI_CLASS_L);
    if (c.len > 0 && (c.cls & MLCI_CLASS_N))
        return pt_run(s, n, j, MLCI_CLASS_N);
    if (c.len > 0 && (c.cls & MLCI_CLASS_SPACE) == 0)
        return pt_other(s, n, j);
    return pt_white(s, n, i, pt_run(s, n, i, MLCI_CLASS_SPACE));
}

static size_t pt_llama3(const char *s, size_t n, size_t i, int max_digits)
{
    size_t len = pt_contraction(s, n, i, true), j, end, nl = 0;
    pt_char c = pt_at(s, n, i), d;

    if (len > 0)
        return i + len;
    /* [^\r\n\p{L}\p{N}]?\p{L}+ */
    if (c.cls & MLCI_CLASS_L)
        return pt_run(s, n, i, MLCI_CLASS_L);
    if ((c.cls & MLCI_CLASS_N) == 0 && c.cp != '\r' && c.cp != '\n') {
        d = pt_at(s, n, i + c.len);
        if (d.len > 0 && (d.cls & MLCI_CLASS_L))
            return pt_run(s, n, i + c.len, MLCI_CLASS_L);
    }
    if (c.cls & MLCI_CLASS_N) {
        for (j = i; max_digits > 0 && c.len > 0 && (c.cls & MLCI_CLASS_N); max_digits--) {
            j += c.len;
            c = pt_at(s, n, j);
        }
        return j;
    }
    /*  ?[^\s\p{L}\p{N}]+[\r\n]* */
    j = c.cp == ' ' ? i + 1 : i;
    end = pt_other(s, n, j);
    if (end > j) {
        while (end < n && (s[end] == '\r' || s[end] == '\n'))
            end++;
        return end;
    }
    /* \s*[\r\n]+ : up to the last line end of the white space */
    end = pt_run(s, n, i, MLCI_CLASS_SPACE);
    for (j = i; j < end; j++)
        if (s[j] == '\r' || s[j] == '\n')
            nl = j + 1;
    return nl > 0 ? nl : pt_white(s, n, i, end);
}

typedef void pt_word_fn(void *user, const char *word, size_t n);

static void pt_split_gpt2(const char *s, size_t n, pt_word_fn *word, void *user)
{
    for (size_t i = 0, end; i < n; i = end) {
        end = pt_gpt2(s, n, i);
        word(user, s + i, end - i);
    }
}

/* Digits alone first; GPT-2's expression then sees the pieces between them, so
 * that white space before a digit is at the end of its piece. */
static void pt_split_digits(const char *s, size_t n, pt_word_fn *word, void *user)
{
    size_t from = 0;

    for (size_t i = 0; i < n; ) {
        pt_char c = pt_at(s, n, i);

        if (c.cls & MLCI_CLASS_N) {
            pt_split_gpt2(s + from, i - from, word, user);
            word(user, s + i, c.len);
            from = i + c.len;
        }
        i += c.len;
    }
    pt_split_gpt2(s + from, n - from, word, user);
}

static void pt_split_llama3(const char *s, size_t n, int max_digits,
                            pt_word_fn *word, void *user)
{
    for (size_t i = 0, end; i < n; i = end) {
        end = pt_llama3(s, n, i, max_digits);
        word(user, s + i, end - i);
    }
}

/* ---- expressions ------------------------------------------------------------- */

/* Backtracking beyond these means an expression or text made to hurt. */
enum { PT_MATCH_LIMIT = 10 * 1000 * 1000, PT_DEPTH_LIMIT = 100 * 1000 };

typedef struct pt_regex {
    const mlci_pretok   *p;
    pcre2_match_data    *data;
    pcre2_match_context *context;
    pt_word_fn          *word;
    void                *user;
} pt_regex;

/* Cut [s, s + n) by the level-th expression: its matches and what is between
 * them go on to the next level; behind the last they are words. */
static mlc_status pt_level(const pt_regex *r, uint32_t level, const char *s, size_t n)
{
    size_t from = 0, at = 0;

    if (n == 0)
        return MLC_OK;
    if (level == r->p->n_codes) {
        r->word(r->user, s, n);
        return MLC_OK;
    }
    while (at <= n) {
        int rc = pcre2_match(r->p->codes[level], (PCRE2_SPTR)s, n, at,
                             PCRE2_NO_UTF_CHECK, r->data, r->context);
        size_t a, b;
        mlc_status st;

        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            return rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_HEAPLIMIT
                 ? MLC_ENOMEM : MLC_EUNSUPPORTED;
        a = pcre2_get_ovector_pointer(r->data)[0];
        b = pcre2_get_ovector_pointer(r->data)[1];
        if (a == b) {  /* an empty match cuts, too */
            at = b + 1;
            while (at < n && ((unsigned char)s[at] & 0xc0) == 0x80)
                at++;
            if (a == from)
                continue;
        } else {
            at = b;
        }
        st = pt_level(r, level + 1, s + from, a - from);
        if (st == MLC_OK)
            st = pt_level(r, level + 1, s + a, b - a);
        if (st != MLC_OK)
            return st;
        from = b;
    }
    return pt_level(r, level + 1, s + from, n - from);
}

/* PCRE2 wants valid UTF-8: invalid bytes stand alone between valid runs. */
static mlc_status pt_split_regex(const mlci_pretok *p, const char *s, size_t n,
                                 pt_word_fn *word, void *user)
{
    pt_regex r = { p, pcre2_match_data_create(1, NULL),
                   pcre2_match_context_create(NULL), word, user };
    mlc_status st = r.data != NULL && r.context != NULL ? MLC_OK : MLC_ENOMEM;
    size_t from = 0;

    if (st == MLC_OK) {
        pcre2_set_match_limit(r.context, PT_MATCH_LIMIT);
        pcre2_set_depth_limit(r.context, PT_DEPTH_LIMIT);
    }
    for (size_t i = 0; i < n && st == MLC_OK; ) {
        int32_t cp;
        size_t len = mlci_utf8_read(s + i, n - i, &cp);

        if (cp < 0) {
            st = pt_level(&r, 0, s + from, i - from);
            if (st == MLC_OK)
                word(user, s + i, len);
            from = i + len;
        }
        i += len;
    }
    if (st == MLC_OK)
        st = pt_level(&r, 0, s + from, n - from);
    pcre2_match_data_free(r.data);
    pcre2_match_context_free(r.context);
    return st;
}

mlc_status mlci_pretok_split(const mlci_pretok *p, const char *text, size_t n,
                             pt_word_fn *word, void *user)
{
    switch (p->splitter) {
    case MLCI_SPLIT_GPT2:        pt_split_gpt2(text, n, word, user); break;
    case MLCI_SPLIT_DIGITS_GPT2: pt_split_digits(text, n, word, user); break;
    case MLCI_SPLIT_QWEN2:       pt_split_llama3(text, n, 1, word, user); break;
    case MLCI_SPLIT_LLAMA3:      pt_split_llama3(text, n, 3, word, user); break;
    case MLCI_SPLIT_REGEX:       return pt_split_regex(p, text, n, word, user);
    }
    return MLC_OK;
}

const mlci_pre_entry *mlci_pre_find(const char *name, size_t n)
{
    for (size_t i = 0; i < mlci_pre_count; i++)
        if (mlci_text_listed((mlci_text){ name, n }, mlci_pre_table[i].names))
            return &mlci_pre_table[i];
    return NULL;
}

mlc_status mlci_pretok_open(mlci_pretok *p, const mlci_pre_entry *entry,
                            mlc_error *err)
{
    memset(p, 0, sizeof *p);
    p->splitter = entry->splitter;
    for (int i = 0; i < MLCI_MAX_EXPRESSIONS && entry->expressions[i] != NULL; i++) {
        int rc;
        PCRE2_SIZE at;

        p->codes[i] = pcre2_compile((PCRE2_SPTR)entry->expressions[i],
                                    PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                    &rc, &at, NULL);
        if (p->codes[i] == NULL) {
            mlci_pretok_close(p);
            return rc == PCRE2_ERROR_NOMEMORY ? mlci_nomem(err, "pre-tokenizer")
                : mlci_fail(err, MLC_EFORMAT, 0, "pre-tokenizer expression %d is "
                            "wrong at character %zu", i + 1, (size_t)at);
        }
        (void)pcre2_jit_compile(p->codes[i], PCRE2_JIT_COMPLETE);
        p->n_codes++;
    }
    return MLC_OK;
}

void mlci_pretok_close(mlci_pretok *p)
{
    for (uint32_t i = 0; i < p->n_codes; i++)
        pcre2_code_free(p->codes[i]);
    p->n_codes = 0;
}
