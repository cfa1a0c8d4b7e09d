/* SPDX-License-Identifier: Apache-2.0
 *
 * test_matcher.c - masks are exact: each token's bit is what its bytes say; going back,
 * forks, ends, forced bytes; bad arguments.
 */
#include "golden.h"
#include "random_schema.h"
#include "../src/base/base.h"

#include <math.h>

static mlc_context *ctx;

typedef struct words {
    uint32_t  n;
    char     *bytes;
    uint32_t *offsets;
    mlc_vocab *v;
} words;

/* Single bytes, pieces that JSON is made of, and random ones of them. */
static words make(uint32_t n, uint64_t seed)
{
    static const char *const pieces[] = {
        "\"", "\":", "\", \"", "{\"", "\"}", "\"]", "[\"", ", ", ",", ": ", "}", "]", "}]", "],",
            "{", "[", " ",
        "\n", "  ", "\t\n ", " \"", "a", "b", "ab", "abc", "name",
            "\\", "\\\"", "\\n", "\\u00", "e4", "d83d",
        "\xc3", "\xa4", "\xc3\xa4", "\xf0\x9f", "0", "1", "12", "123", ".5", "-", "e", "E+",
            "true", "false", "null",
        "tr", "ue", "\"a\":", "\"b\": \"", "x\", \"y", "10", "00", "-1", "5,", "1]",
            "\"a\",\"a\"", "1,1",
    };
    words w = { n, malloc((size_t)n * 40), calloc(n + 1, sizeof *w.offsets), NULL };
    int32_t end = (int32_t)n - 1;
    uint32_t at = 0;

    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t parts = i < 256 ? 0 : 1 + t_below(&seed, 3);

        w.offsets[i] = at;
        if (i < 256)
            w.bytes[at++] = (char)i;
        while (parts-- > 0) {
            const char *p = pieces[t_below(&seed, sizeof pieces / sizeof *pieces)];

            memcpy(w.bytes + at, p, strlen(p));
            at += (uint32_t)strlen(p);
        }
    }
    w.offsets[n - 1] = w.offsets[n] = at;
    T_CHECK(mlc_vocab_open(ctx, w.bytes, w.offsets, n, &end, 1, &w.v, NULL) == MLC_OK, "vocab");
    return w;
}

static void release(words *w)
{
    mlc_vocab_close(w->v);
    free(w->bytes);
    free(w->offsets);
}

/* Each bit against the token's bytes, by a fork. */
static uint32_t check_mask(const words *w, mlc_matcher *m)
{
    uint32_t *mask = malloc(mlc_vocab_words(w->v) * sizeof *mask), wrong = 0, allowed = 0;

    memset(mask, 0xff, mlc_vocab_words(w->v) * sizeof *mask);
    T_CHECK(mlc_matcher_mask(m, mask) == MLC_OK, "mask");
    for (uint32_t i = 0; i < w->n; i++) {
        const uint32_t from = w->offsets[i], k = w->offsets[i + 1] - from;
        const bool bit = (mask[i / 32] >> (i % 32) & 1) != 0;
        bool want;

        if (i + 1 == w->n) {
            want = mlc_matcher_may_end(m);
        } else {
            want = k > 0 && mlc_matcher_accept_bytes(m, w->bytes + from, k, NULL) == MLC_OK;
            if (want)
                T_CHECK(mlc_matcher_rollback(m, 1) == MLC_OK, "back");
        }
        if (bit != want && wrong++ < 3)
            T_CHECK(bit == want, "token %u \"%.*s\": bit %d", i, (int)k, w->bytes + from, bit);
        allowed += bit;
    }
    for (uint32_t i = w->n; i < 32 * mlc_vocab_words(w->v); i++)
        wrong += (mask[i / 32] >> (i % 32) & 1) != 0;
    T_CHECK(wrong == 0, "%u of %u bits", wrong, w->n);
    free(mask);
    return allowed;
}

/* A random token of those that may come; shorter ones more often. */
static int32_t choose(const words *w, const uint32_t *mask, uint64_t *seed)
{
    int32_t found = -1;
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->n; i++)
        if ((mask[i / 32] >> (i % 32) & 1) != 0 && t_below(seed, ++n) == 0)
            found = (int32_t)i;
    return found;
}

static const char *const schemas[] = {
    "true",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"a\":{\"type\":\"integer\"},"
    "\"ab\":{\"enum\":[\"a\",\"abc\",1]}},\"required\":[\"a\"],\"additionalProperties\":false}",
    "{\"properties\":{\"a\":{\"type\":\"integer\"},\"ab\":{\"type\":\"null\"}}}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"maxLength\":3}}",
    "{\"type\":\"string\",\"minLength\":2,\"maxLength\":5}",
    "{\"type\":\"string\",\"minLength\":1}",
    "{\"type\":\"string\",\"pattern\":\"^[ab]+(\\\\.|\\\"|\xc3\xa4)*$\"}",
    "{\"type\":\"string\",\"pattern\":\"b\",\"maxLength\":4}",
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":-3,\"maximum\":120}}",
    "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":1},\"uniqueItems\":true}",
    "{\"type\":\"array\",\"items\":{\"enum\":[1,12,\"a\"]},\"uniqueItems\":true,\"minItems\":1}",
    "{\"type\":\"number\",\"multipleOf\":3}",
    "{\"patternProperties\":{\"^a\":{\"type\":\"boolean\"}},"
    "\"additionalProperties\":{\"type\":\"null\"},"
    "\"properties\":{\"ab\":{}},\"type\":\"object\"}",
    "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},"
    "{\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^b\"}},\"minProperties\":2}]}",
    "{\"oneOf\":[{\"type\":\"string\",\"pattern\":\"a\"},"
    "{\"type\":\"string\",\"maxLength\":2},{\"type\":\"null\"}]}",
    "{\"type\":\"object\",\"not\":{\"required\":[\"a\"]},\"maxProperties\":2}",
    "{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":"
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"},\"maxItems\":3}}}",
    "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[ab]*$\"},\"minProperties\":1}",
};

enum { N_SCHEMAS = sizeof schemas / sizeof *schemas };

static mlc_grammar *compile(const words *w, const char *text, uint32_t kind)
{
    mlc_grammar_options o;
    mlc_error err = { 0 };
    mlc_grammar *g;

    mlc_grammar_options_init(&o);
    o.kind = kind;
    (void)mlc_grammar_open(w->v, text, strlen(text), &o, &g, &err);
    T_CHECK(g != NULL, "%s: %s", text, err.text);
    return g;
}

/* A random walk; at each place the mask, by this matcher, by a fork, and by one that took
 * a way round and came back. */
static uint32_t walk(const words *w, mlc_grammar *g, uint32_t steps, bool unlike, uint64_t *seed)
{
    uint32_t *mask = malloc(mlc_vocab_words(w->v) * sizeof *mask),
        *again = malloc(mlc_vocab_words(w->v) * sizeof *mask);
    const size_t bytes = mlc_vocab_words(w->v) * sizeof *mask;
    uint32_t pairs = 0;
    mlc_matcher *m, *f;

    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    for (uint32_t i = 0; i < steps; i++, pairs++) {
        int32_t token, other;

        /* that unlike items are used up is found out late (docs/GRAMMAR.md) */
        T_CHECK(check_mask(w, m) > 0 || unlike, "nothing may come");
        T_CHECK(mlc_matcher_mask(m, mask) == MLC_OK, "mask");
        token = choose(w, mask, seed);
        other = choose(w, mask, seed);
        if (token < 0)
            break;
        T_CHECK(mlc_matcher_fork(m, &f, NULL) == MLC_OK, "fork");
        T_CHECK(mlc_matcher_accept(f, other) == MLC_OK && mlc_matcher_accept(m, token) == MLC_OK,
            "accept");
        T_CHECK(mlc_matcher_mask(f, again) == MLC_OK, "mask of the fork");
        T_CHECK(mlc_matcher_rollback(f, 1) == MLC_OK && mlc_matcher_mask(f, again) == MLC_OK
                && memcmp(mask, again, bytes) == 0, "back at the same place");
        mlc_matcher_close(f);
        if ((uint32_t)token + 1 == w->n) {
            T_CHECK(mlc_matcher_accept(m, 0) == MLC_ECLOSED && mlc_matcher_mask(m, again) == MLC_OK
                    && choose(w, again, seed) < 0, "after the end");
            break;
        }
    }
    mlc_matcher_close(m);
    free(mask);
    free(again);
    return pairs;
}

static void test_walks(const words *w)
{
    uint64_t seed = t_seed;
    uint32_t pairs = 0;

    for (int i = 0; i < N_SCHEMAS; i++) {
        mlc_grammar *g;

        T_CASE("masks of %.60s", schemas[i]);
        g = compile(w, schemas[i], MLC_GRAMMAR_JSON_SCHEMA);
        for (int k = 0; k < 24 && g != NULL; k++)
            pairs += walk(w, g, 14, strstr(schemas[i], "unique") != NULL, &seed);
        mlc_grammar_close(g);
    }
    T_CASE("regular expressions");
    for (int i = 0; i < 5; i++) {
        static const char *const patterns[] = { "^[a-c]+\"?$", "^(?!ab)[^1]*$", "a{2,5}", "^$",
                                                "(?:(?!ab|1c).)+" };
        mlc_grammar *g = compile(w, patterns[i], MLC_GRAMMAR_REGEX);

        for (int k = 0; k < 5 && g != NULL; k++)
            pairs += walk(w, g, 10, false, &seed);
        mlc_grammar_close(g);
    }
    T_CASE("rules");
    for (int i = 0; i < 2; i++) {
        static const char *const rules[] = {
            "root ::= \"[\" (item (\", \" item)*)? \"]\"\nitem ::= [ab]+ | root |"
              " \"\\\"\" [^\\\"]* \"\\\"\"",
            "root ::= e\ne ::= e \"+\" t | t\nt ::= \"name\" | [0-9]+ (\".\" [0-9]+)? |"
              " \"(\" e \")\"",
        };
        mlc_grammar *g = compile(w, rules[i], MLC_GRAMMAR_EBNF);

        for (int k = 0; k < 12 && g != NULL; k++)
            pairs += walk(w, g, 14, false, &seed);
        mlc_grammar_close(g);
    }
    T_CASE("tags");
    {
        mlc_grammar *g = compile(w, "{\"structures\":[{\"begin\":\"ab:\",\"schema\":{\"type\":"
            "\"array\",\"items\":{\"enum\":[\"a\",1]},\"uniqueItems\":true},\"end\":\"}\"},"
            "{\"begin\":\"abc\",\"schema\":{\"type\":\"integer\"},\"end\":\"\"}],"
            "\"triggers\":[\"ab\"]}",
            MLC_GRAMMAR_TAGS);

        for (int k = 0; k < 30 && g != NULL; k++)
            pairs += walk(w, g, 20, true, &seed);
        mlc_grammar_close(g);
    }
    T_CASE("tags of other grammars");
    {
        static const char tags[] = "{\"structures\":[{\"begin\":\"a:\",\"regex\":\"[ab/\\n]*\","
            "\"end\":\"ab\"},{\"begin\":\"b:\",\"ebnf\":\"root ::= \\\"1\\\" root | \\\"2\\\"\","
            "\"end\":\"}\"},{\"begin\":\"c:\",\"lark\":\"start: /0+/\",\"end\":\"\"}],"
            "\"triggers\":[\"a:\",\"b:\",\"c:\"],\"at_least_one\":true}";
        static const char *const whole[] = { "xa:b/\nabx", "b:112}1", "c:00x", "ya:abb:2}" };
        static const char *const not[] = { "a:bb", "b:112", "b:1}", "c:", "ab" };
        mlc_grammar *g = compile(w, tags, MLC_GRAMMAR_TAGS);
        mlc_matcher *m;

        for (int k = 0; k < 30 && g != NULL; k++)
            pairs += walk(w, g, 20, false, &seed);
        for (int k = 0; k < 9 && g != NULL; k++) {
            const char *text = k < 4 ? whole[k] : not[k - 4];

            T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
            T_CHECK((mlc_matcher_accept_bytes(m, text, strlen(text), NULL) == MLC_OK
                     && mlc_matcher_may_end(m)) == (k < 4), "%s", text);
            mlc_matcher_close(m);
        }
        mlc_grammar_close(g);
    }
    T_CASE("pairs of grammar and prefix");
    T_CHECK(pairs >= 2000, "%u", pairs);
}

/* A grammar by chance, written in one of the ways: 0 if nothing fits it. */
static mlc_grammar *random_grammar(const words *w, mlci_buf *b, mlc_grammar_options *o,
                                   uint64_t *seed)
{
    static const uint32_t flags[] = {
        0, 0, MLC_GRAMMAR_COMPACT, MLC_GRAMMAR_SPACED, MLC_GRAMMAR_IN_ORDER, MLC_GRAMMAR_PLAIN,
        MLC_GRAMMAR_COMPACT | MLC_GRAMMAR_IN_ORDER | MLC_GRAMMAR_PLAIN,
    };
    mlc_error err = { 0 };
    mlc_grammar *g;
    mlc_status st;

    mlc_grammar_options_init(o);
    mlci_buf_clear(b);
    switch (t_below(seed, 8)) {
    case 0:  o->kind = MLC_GRAMMAR_REGEX; r_regex(b, seed); break;
    case 1:  o->kind = MLC_GRAMMAR_EBNF; r_rules(b, seed); break;
    default:
        o->flags = flags[t_below(seed, sizeof flags / sizeof *flags)];
        r_schema(b, seed, 3);
        break;
    }
    st = mlc_grammar_open(w->v, b->data, b->n, o, &g, &err);
    T_CHECK(st == MLC_OK || strstr(err.text, "unsatisfiable") != NULL
            || strstr(err.text, "left recursion") != NULL, "%s: %s", b->data, err.text);
    return g;
}

/* Every mask is exact, and a whole text that was written in a way of its own is one of the
 * grammar in any way. */
static void random_walk(const words *w, mlc_grammar *g, mlc_grammar *plain, uint64_t *seed)
{
    uint32_t *mask = malloc(mlc_vocab_words(w->v) * sizeof *mask);
    mlc_matcher *m, *any;
    char text[1024] = "";
    size_t n = 0;

    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_open(plain, &any, NULL) == MLC_OK, "open");
    for (uint32_t i = 0; i < 12; i++) {
        int32_t token;

        (void)check_mask(w, m);
        T_CHECK(mlc_matcher_mask(m, mask) == MLC_OK, "mask");
        token = choose(w, mask, seed);
        if (token < 0)
            break;
        T_CHECK(mlc_matcher_accept(m, token) == MLC_OK, "accept");
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s",
                              (int)(w->offsets[token + 1] - w->offsets[token]),
                              w->bytes + w->offsets[token]);
        T_CHECK(mlc_matcher_accept(any, token) == MLC_OK, "not a beginning in any way: %s", text);
        if ((uint32_t)token + 1 == w->n)
            break;
    }
    mlc_matcher_close(m);
    mlc_matcher_close(any);
    free(mask);
}

static void test_random(void)
{
    words w = make(700, t_seed + 1);
    uint64_t seed = t_seed;
    uint32_t done = 0;
    mlci_buf b;

    T_CASE("2,000 grammars by chance");
    mlci_buf_init(&b, ctx, 1 << 20);
    for (uint32_t i = 0; done < 2000 && i < 6000 && t_case_fails == 0; i++) {
        mlc_grammar_options o, any;
        mlc_grammar *g = random_grammar(&w, &b, &o, &seed), *plain = g;

        if (g == NULL)
            continue;
        any = o;
        /* in order, less is left to be settled, so numbers and texts have more forms */
        any.flags = o.flags & MLC_GRAMMAR_IN_ORDER;
        if (o.flags != any.flags)
            T_CHECK(mlc_grammar_open(w.v, b.data, b.n, &any, &plain, NULL) == MLC_OK, "any way");
        for (int k = 0; k < 2 && plain != NULL; k++)
            random_walk(&w, g, plain, &seed);
        T_CHECK(t_case_fails == 0, "kind %u, flags %u: %.*s", o.kind, o.flags, (int)b.n, b.data);
        if (plain != g)
            mlc_grammar_close(plain);
        mlc_grammar_close(g);
        done++;
    }
    T_CHECK(done == 2000 || t_case_fails > 0, "%u", done);
    mlci_buf_reset(&b);
    release(&w);
}

static void test_forced(const words *w)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"abc\":{\"const\":true}},"
                                 "\"required\":[\"abc\"],\"additionalProperties\":false}";
    mlc_grammar *g = compile(w, schema, MLC_GRAMMAR_JSON_SCHEMA);
    char buf[64];
    mlc_matcher *m;
    size_t n;

    T_CASE("forced bytes");
    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_forced(m, buf, sizeof buf, &n) == MLC_OK && n == 0, "spaces may come");
    T_CHECK(mlc_matcher_accept_bytes(m, "{\"", 2, NULL) == MLC_OK, "begin");
    T_CHECK(mlc_matcher_forced(m, buf, sizeof buf, &n) == MLC_OK && n == 4
            && memcmp(buf, "abc\"", 4) == 0, "%zu \"%.*s\"", n, (int)n, buf);
    T_CHECK(mlc_matcher_accept_bytes(m, "abc\":t", 6, NULL) == MLC_OK, "on");
    T_CHECK(mlc_matcher_forced(m, buf, sizeof buf, &n) == MLC_OK && n == 3
            && memcmp(buf, "rue", 3) == 0, "%zu \"%.*s\"", n, (int)n, buf);
    T_CHECK(mlc_matcher_forced(m, buf, 2, &n) == MLC_OK && n == 2, "no more than fits");
    T_CHECK(mlc_matcher_accept_bytes(m, "rug", 3, &n) == MLC_EFORMAT && n == 2, "%zu taken", n);
    T_CHECK(mlc_matcher_accept_bytes(m, "rue}", 4, &n) == MLC_OK && mlc_matcher_may_end(m), "end");
    mlc_matcher_close(m);
    mlc_grammar_close(g);
}

/* Forced bytes as tokens: the longest, but for an end that a longer token might have. */
static void test_forced_tokens(void)
{
    static const char bytes[] = "\"a\"" "a" "ba" "bcc" "\"x" ":" "b" "ca";
    static const uint32_t offsets[] = { 0, 3, 4, 6, 9, 11, 12, 13, 15 };
    mlc_grammar_options o;
    int32_t tokens[8];
    mlc_grammar *g;
    mlc_matcher *m;
    mlc_vocab *v;
    size_t n = 9;

    T_CASE("forced tokens");
    T_CHECK(mlc_vocab_open(ctx, bytes, offsets, 8, NULL, 0, &v, NULL) == MLC_OK, "vocab");
    mlc_grammar_options_init(&o);
    o.kind = MLC_GRAMMAR_REGEX;
    T_CHECK(mlc_grammar_open(v, "\"a\"a:bc+", 8, &o, &g, NULL) == MLC_OK
            && mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_forced_tokens(m, tokens, 8, &n) == MLC_OK && n == 3 && tokens[0] == 0
            && tokens[1] == 1 && tokens[2] == 5, "%zu: bcc may come behind \"a\" a :", n);
    T_CHECK(mlc_matcher_forced_tokens(m, tokens, 1, &n) == MLC_OK && n == 1, "as many as fit");
    T_CHECK(mlc_matcher_accept_bytes(m, "\"a\"a:bc", 7, NULL) == MLC_OK
            && mlc_matcher_forced_tokens(m, tokens, 8, &n) == MLC_OK && n == 0, "a choice");
    T_CHECK(mlc_matcher_forced_tokens(NULL, tokens, 8, &n) == MLC_EINVAL, "NULL");
    mlc_matcher_close(m);
    mlc_grammar_close(g);
    mlc_vocab_close(v);
}

static void test_many(const words *w)
{
    static const int32_t tokens[] = { '[', '1', ',', ']', '1', ']' };
    mlc_grammar *g = compile(w, "{\"type\":\"array\"}", MLC_GRAMMAR_JSON_SCHEMA);
    uint32_t *mask = calloc(mlc_vocab_words(w->v), sizeof *mask), wrong = 0;
    float *f = calloc(w->n, sizeof *f);
    uint16_t *h = calloc(w->n, sizeof *h);
    mlc_matcher *m;
    size_t taken;

    T_CASE("drafts, and logits");
    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_accept_many(m, tokens, 6, &taken) == MLC_OK && taken == 3, "%zu", taken);
    T_CHECK(mlc_matcher_allows(m, '1') && !mlc_matcher_allows(m, ']'), "allows");
    T_CHECK(mlc_matcher_allows(m, '1') && mlc_matcher_rollback(m, 3) == MLC_OK
            && mlc_matcher_rollback(m, 1) == MLC_EINVAL, "asking takes nothing");
    T_CHECK(mlc_matcher_mask(m, mask) == MLC_OK, "mask");
    for (int type = MLC_LOGITS_F32; type <= MLC_LOGITS_BF16; type++) {
        const uint16_t low = type == MLC_LOGITS_F16 ? 0xfc00 : 0xff80;

        for (uint32_t i = 0; i < w->n; i++)
            f[i] = 1.5f, h[i] = 0x3e00;
        T_CHECK(mlc_mask_apply(mask, w->n, type, type == MLC_LOGITS_F32 ? (void *)f : h) == MLC_OK,
                "apply");
        for (uint32_t i = 0; i < w->n; i++) {
            const bool may = (mask[i / 32] >> (i % 32) & 1) != 0;

            wrong += type == MLC_LOGITS_F32 ? f[i] != (may ? 1.5f : -INFINITY)
                                            : h[i] != (may ? 0x3e00 : low);
        }
    }
    T_CHECK(wrong == 0, "%u logits", wrong);
    T_CHECK(mlc_mask_apply(mask, 1, 3, f) == MLC_EINVAL, "an unknown type");
    T_CHECK(mlc_mask_apply(NULL, 1, 0, f) == MLC_EINVAL, "NULL");
    mlc_matcher_close(m);
    mlc_grammar_close(g);
    free(mask);
    free(f);
    free(h);
}

/* Texts of any of several grammars: masks, going back to where others still counted. */
static void test_union(const words *w)
{
    static const char text[] =
        "[{\"regex\":\"ab*\"},{\"json_schema\":{\"enum\":[\"a\",1]}},"
        "{\"choice\":[\"abc\",\"a.c\"]},"
        "{\"any\":[{\"ebnf\":\"root ::= \\\"name\\\" root?\"},{\"choice\":[\"null\"]}]}]";
    static const char *const wrong[] = {
        "{}", "[]", "[{}]", "[1]", "[{\"regex\":1}]", "[{\"choice\":[]}]", "[{\"choice\":[1]}]",
        "[{\"x\":\"y\"}]", "[{\"regex\":\"a\",\"ebnf\":\"b\"}]", "[{\"regex\":\"(\"}]", "[",
    };
    mlc_grammar *g = compile(w, text, MLC_GRAMMAR_ANY), *none;
    uint64_t seed = t_seed;
    char forced[16];
    size_t n = 0;
    mlc_matcher *m;

    T_CASE("unions");
    for (int k = 0; k < 60 && g != NULL; k++)
        (void)walk(w, g, 12, false, &seed);
    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_accept_bytes(m, "a", 1, &n) == MLC_OK && mlc_matcher_may_end(m), "a");
    T_CHECK(mlc_matcher_accept_bytes(m, "b", 1, &n) == MLC_OK, "ab");
    T_CHECK(mlc_matcher_accept_bytes(m, "c", 1, &n) == MLC_OK && mlc_matcher_may_end(m) == 1,
        "only the choice is left");
    T_CHECK(mlc_matcher_accept_bytes(m, "b", 1, &n) == MLC_EFORMAT && n == 0, "not abcb");
    T_CHECK(mlc_matcher_rollback(m, 1) == MLC_OK
        && mlc_matcher_accept_bytes(m, "bb", 2, &n) == MLC_OK, "the first counts again");
    T_CHECK(mlc_matcher_rollback(m, 3) == MLC_EINVAL || mlc_matcher_rollback(m, 0) == MLC_OK, "n");
    mlc_matcher_close(m);
    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK
        && mlc_matcher_accept_bytes(m, "na", 2, &n) == MLC_OK
        && mlc_matcher_forced(m, forced, sizeof forced, &n) == MLC_OK && n == 2
        && memcmp(forced, "me", 2) == 0, "forced %zu", n);
    T_CHECK(mlc_matcher_accept_bytes(m, "x", 1, &n) == MLC_EFORMAT, "nax");
    mlc_matcher_close(m);
    mlc_grammar_close(g);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mlc_grammar_options o;
        mlc_error err = { 0 };

        mlc_grammar_options_init(&o);
        o.kind = MLC_GRAMMAR_ANY;
        T_CHECK(mlc_grammar_open(w->v, wrong[i], strlen(wrong[i]), &o, &none, &err) == MLC_EFORMAT
            && none == NULL && strncmp(err.text, "union", 5) == 0, "%s: %s", wrong[i], err.text);
    }
}

/* Unlike items: each document has states of its own, but memory stays below the limit, and
 * a matcher from before finds its way. */
static void test_memory(const words *w)
{
    static const char schema[] = "{\"type\":\"array\",\"uniqueItems\":true}";
    mlc_grammar_options o;
    mlc_matcher *old, *m;
    uint64_t seed = t_seed;
    mlc_grammar *g;
    size_t most = 0;
    char item[32];

    T_CASE("memory stays below the limit");
    mlc_grammar_options_init(&o);
    o.limit = 2 << 20;
    T_CHECK(mlc_grammar_open(w->v, schema, strlen(schema), &o, &g, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_open(g, &old, NULL) == MLC_OK
        && mlc_matcher_accept_bytes(old, "[1,\"a\"", 6, NULL) == MLC_OK
        && mlc_matcher_accept_bytes(old, ",", 1, NULL) == MLC_OK, "old");
    for (int i = 0; i < 300 && t_case_fails == 0; i++) {
        T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK
            && mlc_matcher_accept_bytes(m, "[0", 2, NULL) == MLC_OK, "open");
        for (int k = 0; k < 60; k++) {
            const int n = snprintf(item, sizeof item, ",%u%03d", 1 + t_below(&seed, 1 << 20), k);

            T_CHECK(mlc_matcher_accept_bytes(m, item, (size_t)n, NULL) == MLC_OK, "%s", item);
        }
        T_CHECK(mlc_matcher_accept_bytes(m, ",0]", 3, NULL) == MLC_EFORMAT, "0 came before");
        most = mlc_grammar_bytes(g) > most ? mlc_grammar_bytes(g) : most;
        mlc_matcher_close(m);
    }
    T_CHECK(most < o.limit && most > o.limit / 4, "%zu bytes", most);
    T_CHECK(mlc_matcher_accept_bytes(old, "1]", 2, NULL) == MLC_EFORMAT
        && mlc_matcher_rollback(old, 1) == MLC_OK
        && mlc_matcher_accept_bytes(old, "]", 1, NULL) == MLC_OK
        && mlc_matcher_may_end(old) == 1, "old");
    mlc_matcher_close(old);
    mlc_grammar_close(g);
}

/* Each byte leads to a new state of hundreds of parts: the mask lacks longer tokens, but no
 * byte that may come, has none too many, and is found again. */
static void test_work(const words *w)
{
    mlc_grammar *g = compile(w, ".*a.{300}|.*b.{200}", MLC_GRAMMAR_REGEX);
    uint32_t *mask = malloc(mlc_vocab_words(w->v) * sizeof *mask), longer = 0, lacking = 0;
    uint64_t seed = t_seed;
    mlc_matcher *m = NULL;

    T_CASE("a mask that would need very many states");
    T_CHECK(g != NULL && mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    for (int i = 0; i < 60 && m != NULL; i++)
        T_CHECK(mlc_matcher_accept_bytes(m, t_below(&seed, 2) ? "a" : "b", 1, NULL) == MLC_OK,
            "on");
    T_CHECK(m != NULL && mlc_matcher_mask(m, mask) == MLC_OK, "mask");
    for (uint32_t i = 0; i + 1 < w->n && m != NULL; i++) {
        const bool bit = (mask[i / 32] >> (i % 32) & 1) != 0;
        const bool may = mlc_matcher_allows(m, (int32_t)i) != 0;

        T_CHECK(i >= 256 ? !bit || may : bit == may, "token %u", i);
        longer += bit && i >= 256;
        lacking += may && !bit;
    }
    T_CHECK(lacking > 0, "%u longer ones, %u lacking", longer, lacking);
    mlc_matcher_close(m);
    mlc_grammar_close(g);
    free(mask);
}

/* The same text and options: the same grammar, until it is forgotten; as bytes and back. */
static void test_known(const words *w)
{
    char text[64], *saved = NULL;
    mlc_grammar *g, *again, *loaded = NULL;
    mlc_grammar_options o;
    mlc_error err = { 0 };
    size_t n = 0;

    T_CASE("grammars that are known, and saved");
    mlc_grammar_options_init(&o);
    o.flags = MLC_GRAMMAR_COMPACT;
    g = compile(w, "{\"type\":\"null\"}", MLC_GRAMMAR_JSON_SCHEMA);
    again = compile(w, "{\"type\":\"null\"}", MLC_GRAMMAR_JSON_SCHEMA);
    T_CHECK(again == g, "the same text");
    mlc_grammar_close(again);
    T_CHECK(mlc_grammar_open(w->v, "{\"type\":\"null\"}", 15, &o, &again, NULL) == MLC_OK
        && again != g, "other options");
    mlc_grammar_close(again);
    o.flags = MLC_GRAMMAR_FRESH;
    T_CHECK(mlc_grammar_open(w->v, "{\"type\":\"null\"}", 15, &o, &again, NULL) == MLC_OK
        && again != g, "fresh");
    mlc_grammar_close(again);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "{\"const\":%d}", i);
        mlc_grammar_close(compile(w, text, MLC_GRAMMAR_JSON_SCHEMA));
    }
    again = compile(w, "{\"type\":\"null\"}", MLC_GRAMMAR_JSON_SCHEMA);
    T_CHECK(again != g, "forgotten after 40 others");
    mlc_grammar_close(again);

    T_CHECK(mlc_grammar_save(g, NULL, 0, &n) == MLC_ETOOSMALL && n > 15 && n < 200, "%zu", n);
    saved = malloc(n);
    T_CHECK(mlc_grammar_save(g, saved, n, &n) == MLC_OK
        && mlc_grammar_load(w->v, saved, n, &loaded, &err) == MLC_OK, "%s", err.text);
    if (loaded != NULL) {
        mlc_matcher *m;

        T_CHECK(mlc_matcher_open(loaded, &m, NULL) == MLC_OK
            && mlc_matcher_accept_bytes(m, "null", 4, NULL) == MLC_OK && mlc_matcher_may_end(m),
            "as it was");
        mlc_matcher_close(m);
    }
    mlc_grammar_close(loaded);
    for (size_t i = 0; i < n; i++) {
        saved[i] ^= 1;
        T_CHECK(mlc_grammar_load(w->v, saved, n, &loaded, &err) == MLC_EFORMAT && loaded == NULL,
            "byte %zu changed", i);
        saved[i] ^= 1;
        T_CHECK(mlc_grammar_load(w->v, saved, i, &loaded, &err) == MLC_EFORMAT, "cut at %zu", i);
    }
    mlc_grammar_close(g);
    free(saved);
}

/* Masks of many matchers by all threads are those of each. */
static void test_batch(const words *w)
{
    enum { MANY = 40 };
    const size_t stride = mlc_vocab_words(w->v) + 3;
    uint32_t *masks = calloc(MANY * stride, sizeof *masks), *one = calloc(stride, sizeof *one);
    mlc_matcher *m[MANY] = { NULL };

    T_CASE("masks of many at once");
    for (int i = 1; i < MANY; i++) {
        mlc_grammar *g = compile(w, schemas[i % N_SCHEMAS], MLC_GRAMMAR_JSON_SCHEMA);

        T_CHECK(mlc_matcher_open(g, &m[i], NULL) == MLC_OK, "open");
        mlc_grammar_close(g);
    }
    T_CHECK(mlc_matcher_masks(m, MANY, masks, stride) == MLC_OK, "masks");
    T_CHECK(masks[0] == UINT32_MAX && masks[stride - 1] == UINT32_MAX, "no matcher");
    for (int i = 1; i < MANY; i++)
        T_CHECK(mlc_matcher_mask(m[i], one) == MLC_OK
            && memcmp(one, masks + (size_t)i * stride, (stride - 3) * sizeof *one) == 0, "%d", i);
    T_CHECK(mlc_matcher_masks(m, MANY, masks, 1) == MLC_EINVAL
        && mlc_matcher_masks(NULL, 1, masks, stride) == MLC_EINVAL
        && mlc_matcher_masks(NULL, 0, NULL, 0) == MLC_OK, "arguments");
    for (int i = 0; i < MANY; i++)
        mlc_matcher_close(m[i]);
    free(masks);
    free(one);
}

static void test_arguments(const words *w)
{
    static const uint32_t falling[] = { 3, 2, 5 };
    mlc_grammar *g = compile(w, "true", MLC_GRAMMAR_JSON_SCHEMA);
    mlc_grammar_options o;
    int32_t far = 1000000;
    mlc_error err = { 0 };
    mlc_grammar *none;
    mlc_matcher *m;
    mlc_vocab *v;

    T_CASE("bad arguments");
    T_CHECK(mlc_vocab_open(ctx, "abcde", falling, 2, NULL, 0, &v, &err) == MLC_EINVAL
        && v == NULL, "offsets");
    T_CHECK(mlc_vocab_open(ctx, w->bytes, w->offsets, w->n, &far, 1, &v, &err) == MLC_EINVAL,
        "end");
    T_CHECK(mlc_vocab_open(NULL, NULL, NULL, 0, NULL, 0, &v, NULL) == MLC_EINVAL, "NULL");
    mlc_grammar_options_init(&o);
    o.kind = 77;
    T_CHECK(mlc_grammar_open(w->v, "true", 4, &o, &none, &err) == MLC_EINVAL && none == NULL,
        "kind");
    mlc_grammar_options_init(&o);
    o.flags = MLC_GRAMMAR_COMPACT | MLC_GRAMMAR_SPACED;
    T_CHECK(mlc_grammar_open(w->v, "true", 4, &o, &none, &err) == MLC_EINVAL && none == NULL,
        "spaces and none");
    o.flags = 1u << 30;
    T_CHECK(mlc_grammar_open(w->v, "true", 4, &o, &none, &err) == MLC_EINVAL && none == NULL,
        "flags");
    mlc_grammar_options_init(&o);
    o.limit = 2000;
    T_CHECK(mlc_grammar_open(w->v, schemas[1], strlen(schemas[1]), &o, &none,
        &err) == MLC_ENOMEM, "limit");
    T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
    T_CHECK(mlc_matcher_accept(m, -1) == MLC_EINVAL && mlc_matcher_accept(m,
        (int32_t)w->n) == MLC_EINVAL, "token");
    T_CHECK(mlc_matcher_accept(m, ']') == MLC_EFORMAT, "not now");
    T_CHECK(mlc_matcher_rollback(m, 1) == MLC_EINVAL && mlc_matcher_rollback(m, 0) == MLC_OK,
        "too far");
    T_CHECK(mlc_matcher_mask(NULL, NULL) == MLC_EINVAL && mlc_matcher_may_end(NULL) == 0, "NULL");
    mlc_grammar_close(g);            /* the matcher keeps it */
    T_CHECK(mlc_matcher_accept(m, '[') == MLC_OK, "still there");
    mlc_matcher_close(m);
    mlc_matcher_close(NULL);
    mlc_grammar_close(NULL);
    mlc_vocab_close(NULL);
}

int main(void)
{
    words w;

    t_begin();
    mlc_context_open(NULL, &ctx, NULL);
    T_CASE("vocabulary");
    w = make(1200, t_seed);
    test_walks(&w);
    test_random();
    test_forced(&w);
    test_forced_tokens();
    test_many(&w);
    test_union(&w);
    test_memory(&w);
    test_work(&w);
    test_known(&w);
    test_batch(&w);
    test_arguments(&w);
    release(&w);
    mlc_context_close(ctx);
    return t_done();
}
