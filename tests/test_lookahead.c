/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lookahead.c - regular expressions with conditions on what follows, wherever they
 * stand: random ones against their meaning on all short texts, the usual ones by what
 * they accept, and large ones.
 */
#include "golden.h"
#include "../src/grammar/regex.h"

static mlc_context *ctx;

/* ---- an expression, its text and its meaning ----------------------------------------------- */

enum { MAX_TREE = 40, MAX_TEXT = 6 };

enum { T_LETTER, T_ANY, T_BEGIN, T_END, T_EMPTY, T_CAT, T_OR, T_REPEAT, T_AHEAD, T_NOT_AHEAD,
       T_KINDS };

typedef struct tree {
    struct { int kind, a, b; uint32_t min, max; } nodes[MAX_TREE];
    int      n;
    uint64_t seed;
} tree;

static int grow(tree *t, int depth)
{
    const bool leaf = depth == 0 || t->n > MAX_TREE - 12;
    const int kind = leaf ? (int)t_below(&t->seed, t_below(&t->seed, 6) == 0 ? T_CAT : T_BEGIN)
                          : (int)t_below(&t->seed, T_KINDS);
    const int id = t->n++;

    t->nodes[id].kind = kind;
    t->nodes[id].min = t_below(&t->seed, 3);
    t->nodes[id].max = t_below(&t->seed, 2) == 0 ? MLCI_RX_MANY
                     : t->nodes[id].min + t_below(&t->seed, 3);
    t->nodes[id].a = kind == T_LETTER ? (int)t_below(&t->seed, 2)
                   : kind >= T_CAT ? grow(t, depth - 1) : 0;
    t->nodes[id].b = kind == T_CAT || kind == T_OR ? grow(t, depth - 1) : 0;
    return id;
}

static void print(const tree *t, int id, char *to, size_t room)
{
    static const char *const leaves[] = { NULL, ".", "^", "$", "(?:)" };
    const int kind = t->nodes[id].kind;
    const uint32_t min = t->nodes[id].min, max = t->nodes[id].max;
    char a[2000] = "", b[2000] = "", counts[32] = "*";

    if (kind >= T_CAT)
        print(t, t->nodes[id].a, a, sizeof a);
    if (kind == T_CAT || kind == T_OR)
        print(t, t->nodes[id].b, b, sizeof b);
    if (max != MLCI_RX_MANY)
        snprintf(counts, sizeof counts, "{%u,%u}", min, max);
    else if (min > 0)
        snprintf(counts, sizeof counts, "{%u,}", min);
    switch (kind) {
    case T_LETTER:    snprintf(to, room, "%c", 'a' + t->nodes[id].a);  break;
    case T_CAT:       snprintf(to, room, "%s%s", a, b);                break;
    case T_OR:        snprintf(to, room, "(%s|%s)", a, b);             break;
    case T_REPEAT:    snprintf(to, room, "(?:%s)%s", a, counts);       break;
    case T_AHEAD:     snprintf(to, room, "(?=%s)", a);                 break;
    case T_NOT_AHEAD: snprintf(to, room, "(?!%s)", a);                 break;
    default:          snprintf(to, room, "%s", leaves[kind]);          break;
    }
}

/* Where it may end when it begins at i: a bit for each place of x, which has n letters. */
static unsigned ends(const tree *t, int id, const char *x, int n, int i);

static unsigned ends_of_all(const tree *t, int id, const char *x, int n, unsigned begins)
{
    unsigned r = 0;

    for (int i = 0; i <= n; i++)
        if (begins >> i & 1)
            r |= ends(t, id, x, n, i);
    return r;
}

static unsigned ends(const tree *t, int id, const char *x, int n, int i)
{
    const int a = t->nodes[id].a, b = t->nodes[id].b;
    const uint32_t min = t->nodes[id].min, max = t->nodes[id].max;
    const unsigned here = 1u << i;
    unsigned r = here;

    switch (t->nodes[id].kind) {
    case T_LETTER:    return i < n && x[i] == 'a' + a ? here << 1 : 0;
    case T_ANY:       return i < n ? here << 1 : 0;
    case T_BEGIN:     return i == 0 ? here : 0;
    case T_END:       return i == n ? here : 0;
    case T_EMPTY:     return here;
    case T_CAT:       return ends_of_all(t, b, x, n, ends(t, a, x, n, i));
    case T_OR:        return ends(t, a, x, n, i) | ends(t, b, x, n, i);
    case T_AHEAD:     return ends(t, a, x, n, i) != 0 ? here : 0;
    case T_NOT_AHEAD: return ends(t, a, x, n, i) == 0 ? here : 0;
    default: break;
    }
    for (uint32_t k = 0; k < min; k++)
        r = ends_of_all(t, a, x, n, r);
    for (uint32_t k = min; k < (max == MLCI_RX_MANY ? min + MAX_TEXT : max); k++)
        r |= ends_of_all(t, a, x, n, r);
    return r;
}

/* ---- tests ------------------------------------------------------------------------------- */

static mlci_rx walk(mlci_rx_store *s, mlci_rx r, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r = mlci_rx_step(s, r, (uint8_t)text[i]);
    return r;
}

static void test_random(int rounds)
{
    int some = 0, none = 0;

    for (int round = 0; round < rounds; round++) {
        tree t = { .n = 0, .seed = t_seed * 7919 + (uint64_t)round };
        const int root = grow(&t, 5);
        char pattern[2000], first[MAX_TEXT + 1] = "";
        mlc_error err = { 0 };
        mlci_rx_store s;
        int wrong = 0;
        mlci_rx r;

        print(&t, root, pattern, sizeof pattern);
        T_CASE("/%s/", pattern);
        mlci_rx_open(&s, ctx, 1 << 24);
        T_CHECK(mlci_regex_read(&s, pattern, strlen(pattern), false, &r, &err) == MLC_OK, "%s",
                err.text);
        for (int n = 0; n <= MAX_TEXT && err.text[0] == '\0'; n++)
            for (int bits = 0; bits < 1 << n; bits++) {
                char x[MAX_TEXT + 1] = "";
                bool want;

                for (int i = 0; i < n; i++)
                    x[i] = (char)('a' + (bits >> i & 1));
                want = ends_of_all(&t, root, x, n, (2u << n) - 1) != 0;
                some += want;
                none += !want;
                if (want != mlci_rx_may_end(&s, walk(&s, r, x, (size_t)n)) && wrong++ == 0)
                    memcpy(first, x, sizeof first);
            }
        T_CHECK(s.status == MLC_OK && wrong == 0, "%d texts wrong, the first \"%s\"", wrong, first);
        mlci_rx_close(&s);
    }
    T_CASE("random expressions find some texts, and others not");
    T_CHECK(some > 5 * rounds && none > 5 * rounds, "%d and %d", some, none);
}

static void test_known(void)
{
    static const struct { const char *pattern, *text; bool found; } table[] = {
        { "^((?!foo).)*$", "a fo bar", true }, { "^((?!foo).)*$", "a foo bar", false },
        { "^((?!foo).)*$", "", true }, { "^((?!foo).)*$", "fofo", true },
        { "^((?!foo).)+$", "", false }, { "^((?!foo).)+$", "f\xc3\xb6o", true },
        { "^(?:(?!--)[a-z-])+$", "a-b-c", true }, { "^(?:(?!--)[a-z-])+$", "a--b", false },
        { "^([a-z](?!z)|-)*!", "ab-c!", true }, { "^([a-z](?!z)|-)*!", "abz!", false },
        { "^(?:(?=.{1,3}\\.)[^.]+\\.)+$", "ab.abc.", true },
        { "^(?:(?=.{1,3}\\.)[^.]+\\.)+$", "ab.abcd.", false },
        { "^(a(?=b)|b(?!b)){4}$", "abab", true }, { "^(a(?=b)|b(?!b)){4}$", "abba", false },
        { "^(?:(?!a)(?:(?!b).)*b)*$", "cbdb", true }, { "^(?:(?!a)(?:(?!b).)*b)*$", "cbab", false },
        { "^(?:(?!^b).)*$", "ab", true }, { "^(?:(?!^b).)*$", "ba", false },
        { "^(?:(?!b$).)*$", "abc", true }, { "^(?:(?!b$).)*$", "ab", false },
        { "((?=a)|(?=b))*c", "c", true }, { "^((?!a)|b)*c$", "bbc", true },
        { "(a|b(?=(?:c(?!d))+$))x?", "bcc", true }, { "^b(?=(?:c(?!d))+$)", "bcd", false },
    };
    mlci_rx_store s;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlc_error err = { 0 };
        mlci_rx r;

        T_CASE("/%s/ in \"%s\"", table[i].pattern, table[i].text);
        mlci_rx_open(&s, ctx, 1 << 24);
        T_CHECK(mlci_regex_read(&s, table[i].pattern, strlen(table[i].pattern), false, &r, &err)
                == MLC_OK, "%s", err.text);
        r = walk(&s, r, table[i].text, strlen(table[i].text));
        T_CHECK(mlci_rx_may_end(&s, r) == table[i].found, "found: %d", !table[i].found);
        mlci_rx_close(&s);
    }
}

/* The same loop read twice is the same language by its content, another one another. */
static void test_content(void)
{
    static const char *const patterns[] = { "^((?!foo).)*$", "^((?!fo).)*$", "^((?!foo).)*x$" };
    uint64_t content[4][2];

    for (int i = 0; i < 4; i++) {
        const char *p = patterns[i % 3];
        mlci_rx_store s;
        mlc_error err = { 0 };
        mlci_rx r;

        T_CASE("the content of /%s/", p);
        mlci_rx_open(&s, ctx, 1 << 24);
        if (i == 3)
            (void)mlci_rx_text(&s, "other numbers", 13);
        T_CHECK(mlci_regex_read(&s, p, strlen(p), false, &r, &err) == MLC_OK, "%s", err.text);
        mlci_rx_content(&s, walk(&s, r, "f", 1), content[i]);
        mlci_rx_close(&s);
        for (int k = 0; k < i; k++)
            T_CHECK((memcmp(content[i], content[k], sizeof content[i]) == 0) == (i == k + 3),
                    "as of %d", k);
    }
}

static void test_large(void)
{
    static const struct { const char *repeat; int times; const char *end, *says; } table[] = {
        { "(?:", 150, "(?!a)b)*", "more than 8 repetitions" },
        { "(?:", 12, "(?!a)b){9}", "repeated too often" },
        { "(?:", 1, "(?!a)b){1000000}", "repeated too often" },
        { "(?:", 1, "(?!a)b){0,1000000}", "repeated too often" },
        { "(?:", 180, "(?!a)b)", NULL },
        { "(?:(?!a).)*", 30, "", NULL },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[4000] = "^";
        mlci_rx_store s;
        mlc_error err = { 0 };
        char b[200];
        mlci_rx r;

        memset(b, 'b', sizeof b);
        for (int k = 0; k < table[i].times; k++)
            strcat(text, table[i].repeat);
        for (int k = 0; k < table[i].times && table[i].end[0] != '\0'; k++)
            strcat(text, table[i].end);
        T_CASE("%d times %s%s", table[i].times, table[i].repeat, table[i].end);
        mlci_rx_open(&s, ctx, 1 << 24);
        if (table[i].says == NULL)
            T_CHECK(mlci_regex_read(&s, text, strlen(text), false, &r, &err) == MLC_OK
                    && mlci_rx_may_end(&s, walk(&s, r, b, sizeof b)), "%s", err.text);
        else
            T_CHECK(mlci_regex_read(&s, text, strlen(text), false, &r, &err) == MLC_EUNSUPPORTED
                    && strstr(err.text, table[i].says) != NULL, "%s", err.text);
        mlci_rx_close(&s);
    }
}

int main(int argc, char **argv)
{
    ctx = test_context(NULL);
    t_begin();
    test_random(argc > 1 ? atoi(argv[1]) : 3000);
    test_known();
    test_content();
    test_large();
    mlc_context_close(ctx);
    return t_done();
}
