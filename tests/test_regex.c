/* SPDX-License-Identifier: Apache-2.0
 *
 * test_regex.c - languages of bytes: random expressions against their meaning on all
 * short texts, UTF-8 ranges against every character, and ECMA-262's expressions by what
 * they accept, reject and refuse.
 */
#include "golden.h"
#include "../src/base/utf8.h"
#include "../src/grammar/regex.h"

static mlc_context *ctx;

static mlci_rx walk(mlci_rx_store *s, mlci_rx r, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r = mlci_rx_step(s, r, (uint8_t)text[i]);
    return r;
}

/* ---- random expressions ---------------------------------------------------------------- */

enum { MAX_TREE = 64, MAX_TEXT = 5 };

/* An expression as a tree, and what it means: the texts that it has from i to k. */
typedef struct tree {
    struct { int kind, a, b; uint32_t min, max; } nodes[MAX_TREE];
    int      n;
    uint64_t seed;
} tree;

enum { T_LETTER, T_EITHER, T_CAT, T_OR, T_AND, T_NOT, T_REPEAT, T_EMPTY };

static int grow(tree *t, int depth)
{
    int kind = depth == 0 || t->n > MAX_TREE - 10 ? (int)t_below(&t->seed, 2)
                                                  : (int)t_below(&t->seed, 8);
    int id = t->n++, a = 0, b = 0;

    if (kind == T_CAT || kind == T_OR || kind == T_AND)
        a = grow(t, depth - 1), b = grow(t, depth - 1);
    if (kind == T_NOT || kind == T_REPEAT)
        a = grow(t, depth - 1);
    t->nodes[id].kind = kind, t->nodes[id].a = a, t->nodes[id].b = b;
    t->nodes[id].min = t_below(&t->seed, 3);
    t->nodes[id].max = t_below(&t->seed, 3) == 0 ? MLCI_RX_MANY
                     : t->nodes[id].min + t_below(&t->seed, 3);
    if (kind == T_LETTER)
        t->nodes[id].a = (int)t_below(&t->seed, 2);
    return id;
}

static mlci_rx build(mlci_rx_store *s, const tree *t, int id)
{
    mlci_rx a;

    switch (t->nodes[id].kind) {
    case T_LETTER: return mlci_rx_text(s, t->nodes[id].a == 0 ? "a" : "b", 1);
    case T_EITHER: return mlci_rx_range(s, 'a', 'b');
    case T_EMPTY:  return MLCI_RX_EMPTY;
    case T_NOT:    return mlci_rx_not(s, build(s, t, t->nodes[id].a));
    case T_REPEAT:
        return mlci_rx_repeat(s, build(s, t, t->nodes[id].a), t->nodes[id].min, t->nodes[id].max);
    default:
        a = build(s, t, t->nodes[id].a);
        return (t->nodes[id].kind == T_CAT ? mlci_rx_cat
                : t->nodes[id].kind == T_OR ? mlci_rx_or : mlci_rx_and)(
            s, a, build(s, t, t->nodes[id].b));
    }
}

static bool means(const tree *t, int id, const char *x, int i, int k);

/* Some number of times, at least min and at most max (of an empty text more than the
 * text's length makes no difference). */
static bool times(const tree *t, int id, const char *x, int i, int k, uint32_t min, uint32_t max)
{
    if (i == k && (min == 0 || means(t, id, x, i, i)))
        return true;
    if (max == 0)
        return false;
    for (int m = i + 1; m <= k; m++)
        if (means(t, id, x, i, m)
            && times(t, id, x, m, k, min - (min > 0), max == MLCI_RX_MANY ? max : max - 1))
            return true;
    /* an empty one first, if that helps to reach the least number */
    return min > 0 && means(t, id, x, i, i)
        && times(t, id, x, i, k, 0, max == MLCI_RX_MANY ? max : max - 1);
}

static bool means(const tree *t, int id, const char *x, int i, int k)
{
    const int a = t->nodes[id].a, b = t->nodes[id].b;

    switch (t->nodes[id].kind) {
    case T_LETTER: return k == i + 1 && x[i] == (a == 0 ? 'a' : 'b');
    case T_EITHER: return k == i + 1;
    case T_EMPTY:  return i == k;
    case T_OR:     return means(t, a, x, i, k) || means(t, b, x, i, k);
    case T_AND:    return means(t, a, x, i, k) && means(t, b, x, i, k);
    case T_NOT:    return !means(t, a, x, i, k);
    case T_REPEAT: return times(t, a, x, i, k, t->nodes[id].min, t->nodes[id].max);
    default:
        for (int m = i; m <= k; m++)
            if (means(t, a, x, i, m) && means(t, b, x, m, k))
                return true;
        return false;
    }
}

static void test_random(void)
{
    for (int round = 0; round < 2000; round++) {
        tree t = { .n = 0, .seed = t_seed * 7919 + (uint64_t)round };
        mlci_rx_store s;
        int root = grow(&t, 4), wrong = 0, some = 0;
        mlci_rx r;

        T_CASE("random expression %d", round);
        mlci_rx_open(&s, ctx, 1 << 24);
        r = build(&s, &t, root);
        for (int n = 0; n <= MAX_TEXT; n++)
            for (int bits = 0; bits < 1 << n; bits++) {
                char x[MAX_TEXT];
                bool want;

                for (int i = 0; i < n; i++)
                    x[i] = (char)('a' + (bits >> i & 1));
                want = means(&t, root, x, 0, n);
                some += want;
                wrong += want != mlci_rx_nullable(&s, walk(&s, r, x, (size_t)n));
            }
        T_CHECK(s.status == MLC_OK && wrong == 0, "%d texts wrong", wrong);
        T_CHECK(some == 0 || !mlci_rx_dead(&s, r, 5000), "called empty, but has %d texts", some);
        mlci_rx_close(&s);
    }
}

/* ---- characters --------------------------------------------------------------------------- */

static void test_range(uint32_t first, uint32_t last)
{
    mlci_rx_store s;
    mlci_rx r;
    uint32_t wrong = 0;

    T_CASE("characters U+%04X to U+%04X", first, last);
    mlci_rx_open(&s, ctx, 1 << 24);
    r = mlci_rx_range(&s, first, last);
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 || (c > 0xd000 && c < 0x10100) ? 1 : 7) {
        char text[4];
        size_t n;

        if (c >= 0xd800 && c < 0xe000)
            continue;
        n = mlci_utf8_write((int32_t)c, text);
        wrong += mlci_rx_nullable(&s, walk(&s, r, text, n)) != (c >= first && c <= last);
    }
    T_CHECK(wrong == 0, "%u characters", wrong);
    T_CHECK(walk(&s, r, "\xed\xa0\x80", 3) == MLCI_RX_NONE, "a surrogate");
    T_CHECK(walk(&s, r, "\xc0\x80", 2) == MLCI_RX_NONE, "an overlong form");
    mlci_rx_close(&s);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static bool found(mlci_rx_store *s, mlci_rx r, const char *text)
{
    return mlci_rx_may_end(s, walk(s, r, text, strlen(text)));
}

static void test_regex(void)
{
    static const struct { const char *pattern, *yes[4], *no[4]; } table[] = {
        { "b", { "b", "abc" }, { "", "ac" } },
        { "^ab?c$", { "ac", "abc" }, { "abbc", "xac", "acx" } },
        { "^a|b$", { "ax", "xb" }, { "xa", "bx" } },
        { "(^|x)a", { "a", "bxa" }, { "ba" } },
        { "^[a-c_-]+$", { "a-c", "_" }, { "", "d", "a d" } },
        { "^[^a-c]$", { "d", "\xc3\xa4", "\xf0\x9f\x98\x80" }, { "a", "" } },
        { "^.$", { "x", "\xe2\x82\xac" }, { "\n", "", "xy" } },
        { "^\\d{3}-\\d{2,}$", { "123-45", "123-4567" }, { "12-45", "123-4" } },
        { "^\\w+\\s\\S$", { "ab c", "a\t\xc3\xa9" }, { "ab", "\xc3\xa9 a" } },
        { "^(?:ab){2,3}$", { "abab", "ababab" }, { "ab", "abababab" } },
        { "^(?<year>\\d{4})$", { "2026" }, { "26" } },
        { "^(?=.*\\d)(?=.*[a-z]).{4,}$", { "abc1", "1xxx" }, { "abcd", "1234", "a1" } },
        { "^(?!ab)", { "ba", "a", "" }, { "ab", "abc" } },
        { "^\\u00e4\\x41\\u{1F600}\\uD83D\\uDE00$",
          { "\xc3\xa4""A\xf0\x9f\x98\x80\xf0\x9f\x98\x80" }, { "A" } },
        { "^\\.\\/\\$\\^\\-$", { "./$^-" }, { "x/$^-" } },
        { "^a{,2}$", { "a{,2}" }, { "aa" } },
        { "^[\\]\\b\\d]$", { "]", "\b", "5" }, { "d" } },
        { "^a*?b+?$", { "b", "aabb" }, { "a" } },
        { "", { "", "anything" }, { NULL } },
        { "$^", { NULL }, { "a" } },
        { "^(a|b)*abb$", { "abb", "aababb" }, { "ab", "abba" } },
        { "^[\\D]$", { "x" }, { "5" } },
        { "^\\p{L}+$", { "a\xc3\xa4\xe4\xb8\xad", "Z" }, { "5", "", "a b" } },
        { "^\\P{L}$", { "5", "\xf0\x9f\x98\x80" }, { "a", "\xc3\xa4" } },
        { "^[\\p{Lu}_][\\p{Letter}\\p{gc=Nd}]*$", { "_a9", "\xc3\x84\xd9\xa3" },
          { "a", "9", "\xc7\x85" } },
        { "^[^\\p{P}\\p{White_Space}]$", { "a", "+" }, { ".", "\xe2\x80\x83", "\xc2\xbf" } },
    };
    mlci_rx_store s;
    mlc_error err = { 0 };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlci_rx r;

        T_CASE("/%s/", table[i].pattern);
        mlci_rx_open(&s, ctx, 1 << 24);
        T_CHECK(mlci_regex_read(&s, table[i].pattern, strlen(table[i].pattern), false, &r, &err)
                == MLC_OK, "%s", err.text);
        for (int k = 0; k < 4 && table[i].yes[k] != NULL; k++)
            T_CHECK(found(&s, r, table[i].yes[k]), "\"%s\" is not found", table[i].yes[k]);
        for (int k = 0; k < 4 && table[i].no[k] != NULL; k++)
            T_CHECK(!found(&s, r, table[i].no[k]), "\"%s\" is found", table[i].no[k]);
        mlci_rx_close(&s);
    }
}

/* Can anything come of what has been read so far? */
static void test_alive(void)
{
    static const struct { const char *pattern, *text; bool alive; } table[] = {
        { "^a$", "", true }, { "^a$", "a", true }, { "^a$", "x", false }, { "^a$", "aa", false },
        { "^ab|c", "x", true }, { "^(ab|c)", "x", false }, { "a$b", "", false },
        { "(a|$)b", "", true }, { "^(a$)+$", "a", true }, { "^(a$){2}", "", false },
        { "x^a", "x", false }, { "^(?!a).$", "a", false }, { "^(?!a).$", "", true },
        { "^(?=.*1)[ab]*$", "", false }, { "^(?=.*b)[ab]*$", "a", true },
        { "^[^\\u0000-\\u{10FFFF}]", "", false },
    };
    mlci_rx_store s;
    mlc_error err = { 0 };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlci_rx r;

        T_CASE("/%s/ after \"%s\"", table[i].pattern, table[i].text);
        mlci_rx_open(&s, ctx, 1 << 24);
        T_CHECK(mlci_regex_read(&s, table[i].pattern, strlen(table[i].pattern), false, &r, &err)
                == MLC_OK, "%s", err.text);
        r = walk(&s, r, table[i].text, strlen(table[i].text));
        T_CHECK(mlci_rx_dead(&s, r, 1000) != table[i].alive, "alive: %d", !table[i].alive);
        mlci_rx_close(&s);
    }
}

static void test_refused(void)
{
    static const struct { const char *pattern; mlc_status status; const char *says; } table[] = {
        { "a)", MLC_EFORMAT, "at 1: a closing parenthesis" },
        { "(a", MLC_EFORMAT, "does not end" },
        { "[a", MLC_EFORMAT, "does not end" },
        { "*a", MLC_EFORMAT, "nothing to repeat" },
        { "a**", MLC_EFORMAT, "a repetition of a repetition" },
        { "a{3,2}", MLC_EFORMAT, "at least more than at most" },
        { "[b-a]", MLC_EFORMAT, "ends before it begins" },
        { "\\", MLC_EFORMAT, "a backslash at the end" },
        { "\\xg1", MLC_EFORMAT, "hexadecimal" },
        { "\\u{110000}", MLC_EFORMAT, "beyond" },
        { "\\y", MLC_EFORMAT, "an unknown escape" },
        { "a\\b", MLC_EUNSUPPORTED, "word boundaries" },
        { "(a)\\1", MLC_EUNSUPPORTED, "back references" },
        { "(?<=a)b", MLC_EUNSUPPORTED, "lookbehind" },
        { "\\p{Script=Greek}", MLC_EUNSUPPORTED, "\\p{ }" },
        { "\\p{L", MLC_EFORMAT, "\\p" },
        { "\\pL", MLC_EFORMAT, "\\p" },
        { "[\\P", MLC_EFORMAT, "" },
        { "(?*a)", MLC_EFORMAT, "an unknown kind of group" },
        { "\xff", MLC_EFORMAT, "no UTF-8" },
    };
    mlci_rx_store s;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlc_error err = { 0 };
        mlci_rx r;

        T_CASE("/%s/ is refused", table[i].pattern);
        mlci_rx_open(&s, ctx, 1 << 24);
        T_CHECK(mlci_regex_read(&s, table[i].pattern, strlen(table[i].pattern), false, &r, &err)
                == table[i].status && strstr(err.text, table[i].says) != NULL, "%s", err.text);
        mlci_rx_close(&s);
    }
}

/* ---- what is large --------------------------------------------------------------------------- */

static void test_large(void)
{
    static char deep[100001];
    mlci_rx_store s;
    mlc_error err = { 0 };
    mlci_rx r, x;

    T_CASE("a million times is a handful of nodes until it is read");
    mlci_rx_open(&s, ctx, 1 << 24);
    T_CHECK(mlci_regex_read(&s, "^a{5,1000000}$", 14, false, &r, &err) == MLC_OK, "%s", err.text);
    T_CHECK(s.n_nodes < 50 && found(&s, r, "aaaaa") && !found(&s, r, "aaaa"), "%u", s.n_nodes);
    mlci_rx_close(&s);

    T_CASE("of an intersection that has no text it is known");
    mlci_rx_open(&s, ctx, 1 << 24);
    r = mlci_rx_and(&s, mlci_rx_repeat(&s, mlci_rx_text(&s, "ab", 2), 1, MLCI_RX_MANY),
                    mlci_rx_not(&s, mlci_rx_cat(&s, mlci_rx_text(&s, "a", 1), MLCI_RX_ALL)));
    T_CHECK(r != MLCI_RX_NONE && mlci_rx_dead(&s, r, 100), "not found to be empty");
    x = mlci_rx_and(&s, mlci_rx_repeat(&s, mlci_rx_text(&s, "ab", 2), 1, MLCI_RX_MANY),
                    mlci_rx_not(&s, mlci_rx_text(&s, "ab", 2)));
    T_CHECK(!mlci_rx_dead(&s, x, 100) && !mlci_rx_nullable(&s, walk(&s, x, "ab", 2))
            && mlci_rx_nullable(&s, walk(&s, x, "abab", 4)), "abab is in it");
    mlci_rx_close(&s);

    T_CASE("deep, long, and more states than the store holds: a limit");
    memset(deep, '(', 100000);
    mlci_rx_open(&s, ctx, 1 << 24);
    T_CHECK(mlci_regex_read(&s, deep, 100000, false, &r, &err) == MLC_EUNSUPPORTED, "%s", err.text);
    mlci_rx_close(&s);
    for (int i = 0; i < 100000; i++)
        deep[i] = i % 2 == 0 ? 'a' : '?';
    mlci_rx_open(&s, ctx, 1 << 26);
    T_CHECK(mlci_regex_read(&s, deep, 100000, false, &r, &err) == MLC_ENOMEM, "%s", err.text);
    mlci_rx_close(&s);
    memset(deep, 'a', 100000);
    deep[0] = '^';
    mlci_rx_open(&s, ctx, 1 << 26);
    T_CHECK(mlci_regex_read(&s, deep, 100000, false, &r, &err) == MLC_OK && found(&s, r, deep + 1)
            && !found(&s, r, deep + 2), "%s", err.text);
    mlci_rx_close(&s);
    mlci_rx_open(&s, ctx, 1 << 20);
    T_CHECK(mlci_regex_read(&s, "x.{30}$", 7, false, &r, &err) == MLC_OK, "%s", err.text);
    for (uint64_t i = 0, seed = 1; i < 100000 && s.status == MLC_OK; i++)
        r = mlci_rx_step(&s, r, t_below(&seed, 2) ? 'x' : 'y');
    T_CHECK(s.status == MLC_ENOMEM && r == MLCI_RX_NONE, "%u nodes", s.n_nodes);
    mlci_rx_close(&s);
}

int main(void)
{
    static const uint32_t ranges[][2] = { { 0, 0x10ffff }, { 'a', 'z' }, { 0x7f, 0x80 },
                                          { 0x7ff, 0x800 }, { 0x20ac, 0x20ac },
                                          { 0xd000, 0xf000 }, { 0xffff, 0x10000 },
                                          { 0x3042, 0x1f64f }, { 0x10fffe, 0x10ffff } };

    ctx = test_context(NULL);
    t_begin();
    test_random();
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        test_range(ranges[i][0], ranges[i][1]);
    test_regex();
    test_alive();
    test_refused();
    test_large();
    mlc_context_close(ctx);
    return t_done();
}
