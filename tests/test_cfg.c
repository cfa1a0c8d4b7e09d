/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cfg.c - EBNF and Lark: texts that fit and that do not, what is refused and how,
 * grammars that mean harm, masks byte by byte.
 */
#include "../src/base/base.h"
#include "grammar_help.h"
#include "t.h"

static mlc_context *ctx;
static mlc_vocab *bytes;          /* token i is byte i */

static mlc_grammar *compile(uint32_t kind, const char *text, mlc_error *err)
{
    mlc_grammar_options o;
    mlc_grammar *g;

    mlc_grammar_options_init(&o);
    o.kind = kind;
    o.limit = (uint64_t)64 << 20;
    (void)mlc_grammar_open(bytes, text, strlen(text), &o, &g, err);
    return g;
}

/* The text, byte by byte, with the mask before each. */

static const struct { uint32_t kind; const char *grammar, *fit, *unfit; } cases[] = {
    { MLC_GRAMMAR_EBNF, "root ::= \"a\" | \"b\" root", "a;ba;bbba", ";b;ab;c" },
    { MLC_GRAMMAR_EBNF, "root ::= [a-c]+ \"-\"? [^0-9\\]x]*  # a comment\n",
      "a;abc-;abc-yz;a\xc3\xa4", ";-;a1;a]" },
    { MLC_GRAMMAR_EBNF, "root ::= ws \"{\" ws (pair (ws \",\" ws pair)*)? ws \"}\"\n"
      "pair ::= [a-z]+ ws \":\" ws [0-9]{1,3}\nws ::= [ \\t\\n]*\n",
      "{};{a:1};{ a : 12 , b:345 }", "{a};{a:1,};{a:1234};{a:1" },
    { MLC_GRAMMAR_EBNF, "root ::= (\"ab\"){2} | (\"x\"){1,2} \"y\" | \"z\"{2,}",
        "abab;xy;xxy;zz;zzzz",
      "ab;ababab;y;xxxy;z" },
    { MLC_GRAMMAR_EBNF, "root ::= e\ne ::= e \"+\" t | e \"-\" t | t\nt ::= \"(\" e \")\" | [0-9]",
      "1;1+2-3;(1+2)-(3);((1))", "+1;1+;(1;1);12" },
    { MLC_GRAMMAR_EBNF, "root ::= s\ns ::= s s | \"a\"", "a;aaaa", ";b;ab" },
    { MLC_GRAMMAR_EBNF, "root ::= \"\\u00e4\\x41\\n\" | 'q\"' .",
        "\xc3\xa4" "A\n;q\"x;q\"\xe2\x82\xac",
      "\xc3\xa4" "A;q\"" },
    { MLC_GRAMMAR_EBNF, "root ::= a | b\na ::= \"x\" a\nb ::= \"y\"", "y", "x;xy" },
    { MLC_GRAMMAR_EBNF, "root ::=\n  \"a\"\n  | \"b\"\nother ::= \"c\"\n", "a;b", "c;ab" },
    { MLC_GRAMMAR_LARK,
        "start: item (\",\" item)*\nitem: NAME \"=\" value\nvalue: /[0-9]+/ | \"yes\"i\n"
      "NAME: /[a-z]/ LETTER*\nLETTER: \"a\"..\"z\"\n", NULL, NULL },
    { MLC_GRAMMAR_LARK, "start: item (\",\" item)*\nitem: NAME \"=\" value -> pair\n"
      "?value: /[0-9]+/\n     | \"yes\"i\nNAME: /[a-z]+/\n", "a=1;ab=yes,c=YeS",
          "a;a=;=1;a=no;a =1" },
    { MLC_GRAMMAR_LARK, "start: sum\n?sum: sum \"+\" NUMBER | NUMBER\n%import common.NUMBER\n"
      "%import common.WS\n", "1+2.5;3", "+1;1 + 2" },
    { MLC_GRAMMAR_LARK,
        "%import common.INT\n%import common.WS\n%ignore WS\nstart: INT (\"+\" INT)*\n",
      "1+2; 1 + 2", "1 2;+" },
    { MLC_GRAMMAR_LARK, "start: \"a\"~2 [\"b\"] \"c\"~1..3", "aac;aabccc", "ac;aab;aacccc" },
};

#define TAGS "{\"structures\":[{\"begin\":\"<f=add>\",\"schema\":{\"type\":\"object\"," \
    "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},\"end\":\"</f>\"}," \
    "{\"begin\":\"<f=neg>\",\"schema\":{\"type\":\"number\"},\"end\":\"</f>\"}]," \
    "\"triggers\":[\"<f=\"]"

static const struct { const char *grammar, *fit, *unfit; } tags[] = {
    { TAGS "}", ";hello <b> <f;<f=add>{\"a\":1}</f>;x<f=neg>-1.5</f>y<f=add> {\"a\": 2} </f>.;"
      "<<f=neg>1</f>",
      "<f=;<f=mul>;<f=add>{}</f>;<f=add>{\"a\":1}</g>;<f=neg>x</f>;<f=neg>1" },
    { TAGS ",\"at_least_one\":true,\"stop_after_first\":true}", "<f=neg>1</f>;ab<f=neg>1</f>",
      ";ab;<f=neg>1</f>x" },
    { "{\"structures\":[{\"begin\":\"[A]\",\"schema\":{\"type\":\"integer\"},\"end\":\"\"}],"
      "\"triggers\":[\"[A]\",\"xyz\"]}", "[A]12;[A]1 [A]2;[A[A]3;a[A]1 b", "[A];[A]x;xyz" },
};

static void check_list(mlc_grammar *g, const char *list, bool want)
{
    check_texts(g, list, ';', true, want);
}

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("%.100s", cases[i].grammar);
        g = compile(cases[i].kind, cases[i].grammar, &err);
        if (cases[i].fit == NULL) {      /* ranges of strings are not Lark's here */
            T_CHECK(g == NULL && err.status == MLC_EFORMAT, "%s", err.text);
            continue;
        }
        T_CHECK(g != NULL, "%s", err.text);
        if (g != NULL) {
            check_list(g, cases[i].fit, true);
            check_list(g, cases[i].unfit, false);
        }
        mlc_grammar_close(g);
    }
}

static void test_tags(void)
{
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("tags %zu", i);
        g = compile(MLC_GRAMMAR_TAGS, tags[i].grammar, &err);
        T_CHECK(g != NULL, "%s", err.text);
        if (g != NULL) {
            check_list(g, tags[i].fit, true);
            check_list(g, tags[i].unfit, false);
        }
        mlc_grammar_close(g);
    }
}

static void test_refused(void)
{
    static const struct {
        uint32_t kind;
        const char *grammar;
        mlc_status st;
        const char *says;
    } t[] = {
        { MLC_GRAMMAR_REGEX, "a)(b", MLC_EFORMAT, "at 1" },
        { MLC_GRAMMAR_REGEX, "a(", MLC_EFORMAT, "at 2" },
        { MLC_GRAMMAR_REGEX, "a|b\\", MLC_EFORMAT, "at 4" },
        { MLC_GRAMMAR_EBNF, "", MLC_EFORMAT, "\"root\"" },
        { MLC_GRAMMAR_EBNF, "root ::= a\n\nb ::= \"x\"", MLC_EFORMAT, "no rule \"a\"" },
        { MLC_GRAMMAR_EBNF, "root ::= \"x\n", MLC_EFORMAT, "line 1: a string" },
        { MLC_GRAMMAR_EBNF, "root ::= \"x\"\nroot ::= \"y\"", MLC_EFORMAT, "line 2" },
        { MLC_GRAMMAR_EBNF, "root ::= (\"x\"", MLC_EFORMAT, "group" },
        { MLC_GRAMMAR_EBNF, "root ::= [a", MLC_EFORMAT, "class" },
        { MLC_GRAMMAR_EBNF, "root ::= \"x\"{3,2}", MLC_EFORMAT, "counts" },
        { MLC_GRAMMAR_EBNF, "root ::= a\na ::= b \"x\"\nb ::= a \"y\" | \"z\"", MLC_EUNSUPPORTED,
            "recursion" },
        { MLC_GRAMMAR_EBNF, "root ::= s\ns ::= s s | \"a\" | \"\"", MLC_EUNSUPPORTED, "recursion" },
        { MLC_GRAMMAR_EBNF, "root ::= n root \"x\" | \"y\"\nn ::= \"z\"?", MLC_EUNSUPPORTED,
            "empty" },
        { MLC_GRAMMAR_EBNF, "root ::= \"x\" root", MLC_EFORMAT, "unsatisfiable" },
        { MLC_GRAMMAR_EBNF, "root = \"x\"", MLC_EFORMAT, "::=" },
        { MLC_GRAMMAR_TAGS, "{\"structures\":[]}", MLC_EFORMAT, "no lists" },
        { MLC_GRAMMAR_TAGS, "{\"structures\":[{\"begin\":\"<\","
          "\"end\":\"\",\"schema\":{\"type\":1}}],"
          "\"triggers\":[\"<\"]}", MLC_EFORMAT, "structure 0: schema" },
        { MLC_GRAMMAR_TAGS, "{\"structures\":[{\"begin\":\"<\","
          "\"end\":\"\",\"schema\":true}],"
          "\"triggers\":[\"(\"]}", MLC_EFORMAT, "no trigger" },
        { MLC_GRAMMAR_LARK, "start: /a$/", MLC_EUNSUPPORTED, "^ and $" },
        { MLC_GRAMMAR_LARK, "start: \"a\"\n%declare X\n", MLC_EUNSUPPORTED, "line 2" },
        { MLC_GRAMMAR_LARK, "rule: \"a\"", MLC_EFORMAT, "start" },
        { MLC_GRAMMAR_LARK, "%import common.NOTHING\nstart: \"a\"", MLC_EUNSUPPORTED, "common" },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("refused: %.60s", t[i].grammar);
        g = compile(t[i].kind, t[i].grammar, &err);
        T_CHECK(g == NULL && err.status == t[i].st, "status %d", (int)err.status);
        T_CHECK(strstr(err.text, t[i].says) != NULL, "\"%s\" does not say %s", err.text, t[i].says);
        mlc_grammar_close(g);
    }
}

/* A verdict or a limit, and nothing else. */
static void test_hostile(void)
{
    static const char *const some[] = {
        "root ::= a a\na ::= b b\nb ::= c c\nc ::= d d\nd ::= e e\ne ::= (\"\" | \"x\")*",
        "root ::= (((((\"x\"{1,100}){1,100}){1,100}){1,100}){1,100})",
        "root ::= n root | \"x\"\nn ::= \"\" | n n",
        "root ::= \"(\" root \")\" | root root | \"\"",
    };
    static char text[200000];
    size_t n = 0;

    for (size_t i = 0; i < 5; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("hostile %zu", i);
        if (i == 4) {
            n += (size_t)snprintf(text, sizeof text, "root ::= ");
            memset(text + n, '(', 100000);
        }
        g = compile(MLC_GRAMMAR_EBNF, i < 4 ? some[i] : text, &err);
        T_CHECK(g != NULL || err.status != MLC_OK, "neither compiled nor refused");
        if (g != NULL) {
            mlc_matcher *m;

            T_CHECK(mlc_matcher_open(g, &m, NULL) == MLC_OK, "open");
            for (int k = 0; k < 200; k++)
                (void)mlc_matcher_accept(m, k % 3 == 0 ? '(' : 'x');
            T_CHECK(mlc_grammar_bytes(g) <= (size_t)256 << 20, "%zu bytes", mlc_grammar_bytes(g));
            mlc_matcher_close(m);
        }
        mlc_grammar_close(g);
    }
}

int main(void)
{
    static char all[256];
    static uint32_t offsets[257];

    t_begin();
    mlc_context_open(NULL, &ctx, NULL);
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
        offsets[i + 1] = (uint32_t)i + 1;
    }
    if (mlc_vocab_open(ctx, all, offsets, 256, NULL, 0, &bytes, NULL) != MLC_OK)
        return 1;
    test_cases();
    test_tags();
    test_refused();
    test_hostile();
    mlc_vocab_close(bytes);
    mlc_context_close(ctx);
    return t_done();
}
