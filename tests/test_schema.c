/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schema.c - JSON Schema: cases for each keyword, the JSON Schema Test Suite, and a
 * sample of real schemas with valid and invalid instances.
 */
#include "golden.h"
#include "grammar_help.h"
#include "../src/base/base.h"

#include <dirent.h>

static mlc_context *ctx;
static mlc_vocab *bytes;          /* token i is byte i */

static mlc_grammar *compile(const char *schema, size_t n, bool format, mlc_error *err)
{
    mlc_grammar_options o;
    mlc_grammar *g = NULL;

    mlc_grammar_options_init(&o);
    o.flags = format ? 0 : MLC_GRAMMAR_NO_FORMAT;
    (void)mlc_grammar_open(bytes, schema, n, &o, &g, err);
    return g;
}

/* ---- cases ------------------------------------------------------------------------------ */

/* Instances apart by '|': those that fit, those that do not. */
static const struct { const char *schema, *fit, *unfit; } cases[] = {
    { "true", "1|\"a\"|[]|{}|null|{\"a\":[1,{\"b\":null}]}| [ 1 , 2 ] ", "|[|01|+1|.5|1.|'a'|["
      "1,]|{\"a\"}|nul" },
    { "{\"type\":\"integer\"}", "0|-5|12|1.0|3e2|-0", "1.5|\"1\"|null|1e-2" },
    { "{\"type\":[\"null\",\"boolean\"]}", "null|true|false", "0|\"true\"|[]" },
    { "{\"enum\":[\"a\",\"ab\",1.5,null,[1,{\"k\":2}]]}",
      "\"a\"|\"ab\"|1.5|1.50|null|[1,{\"k\":2}]|[1.0, {\"k\":2}]", "\"b\"|\"\"|1|[1]|[1,{}]|[1"
      ",{\"k\":2},3]" },
    { "{\"const\":{\"a\":1,\"b\":[]}}", "{\"a\":1,\"b\":[]}|{\"b\":[],\"a\":1}", "{\"a\":1}|{"
      "\"a\":1,\"b\":[],\"c\":1}|1" },
    { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
      "\"ab\"|\"abc\"|\"\xc3\xa4\xc3\xb6\"|\"\\u00e4\\n\"|\"\\ud83d\\ude00x\"", "\"a\"|\"abcd"
      "\"|\"\xc3\xa4\"|\"\xff\xff\"|\"a\nb\"" },
    { "{\"type\":\"string\",\"maxLength\":1000000}", "\"\"|\"abc\"", "1" },
    { "{\"type\":\"string\",\"pattern\":\"^a+b$\"}", "\"ab\"|\"aaab\"", "\"b\"|\"abb\"|\"\"" },
    { "{\"type\":\"string\",\"pattern\":\"x\"}", "\"x\"|\"axb\"|\"\\\"x\"", "\"ab\"" },
    { "{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"|\"1999-12-31\"", "\"2023-02"
      "-29\"|\"2024-13-01\"" },
    { "{\"type\":\"string\",\"format\":\"uuid\"}", "\"01234567-89ab-cdef-0123-456789abcdef"
      "\"", "\"0123\"" },
    { "{\"type\":\"string\",\"format\":\"ipv6\"}", "\"::1\"|\"fe80::a:b\"", "\":::\"|\"1\"" },
    { "{\"type\":\"string\",\"format\":\"regex\"}", "\"a(bc)*[d-f]\"|\"\\\\d+\"", ""
      "\"(\"|\"*\"|\"[\"" },
    { "{\"minimum\":-1.5,\"maximum\":10}", "-1.5|0|10|9.99|10.0|\"x\"", "-1.51|10.1|11|-2|100" },
    { "{\"exclusiveMinimum\":0,\"exclusiveMaximum\":100}", "1|0.001|99.99", "0|100|-1|0.0|100."
      "0" },
    { "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"minimum\":1,\"exclusiveMinim"
      "um\":true}", "2|1.1", "1|1.0|0" },
    { "{\"type\":\"number\",\"multipleOf\":0.25}", "0.5|1|-0.75|12.250", "0.3|0.251" },
    { "{\"type\":\"integer\",\"multipleOf\":7,\"not\":{\"multipleOf\":2}}", "7|21|-35", "14|8|"
      "0|1" },
    { "{\"not\":{\"type\":\"number\",\"minimum\":5}}", "4|\"a\"|4.99", "5|6|1e1" },
    { "{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}",
      "{\"a\":1}|{\"b\":\"x\",\"a\":2}|3", "{}|{\"a\":\"x\"}|{\"b\":1}" },
    { "{\"type\":\"object\",\"properties\":{\"a\":{},\"ab\":{}},\"additionalProperties\":false}",
      "{}|{\"a\":1}|{\"ab\":1,\"a\":2}", "{\"b\":1}|{\"abc\":1}|{\"a\":1,\"a\":2}" },
    { "{\"patternProperties\":{\"^n\":{\"type\":\"number\"},\"x$\":{\"minimum\":3}},\"addition"
      "alProperties\":{\"type\":\"null\"}}",
      "{\"n\":1}|{\"nx\":3}|{\"ax\":4,\"b\":null}", "{\"n\":\"a\"}|{\"nx\":2}|{\"b\":1}" },
    { "{\"type\":\"object\",\"propertyNames\":{\"maxLength\":2}}", "{}|{\"ab\":1}", "{\"abc"
      "\":1}" },
    { "{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":2}", "{\"a\":1}|{\"a\":1,"
      "\"b\":2}", "{}|{\"a\":1,\"b\":2,\"c\":3}|{\"a\":1,\"a\":1}" },
    { "{\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"c\":{\"properties"
      "\":{\"d\":{\"const\":1}}}}}",
      "{}|{\"a\":1,\"b\":2}|{\"b\":1}|{\"c\":1,\"d\":1}|{\"d\":5}", "{\"a\":1}|{\"c\":1,"
      "\"d\":2}" },
    { "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}", ""
      "[1]|[1,2]", "[]|[1,2,3]|[\"a\"]" },
    { "{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false}", "[]|[1]|[1,2]", "[2]|"
      "[1,2,3]|[1,1]" },
    { "{\"type\":\"array\",\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}",
      "[1,1]|[0,1,2,1,1]", "[]|[1]|[1,1,1,1]|[2,2]" },
    { "{\"type\":\"array\",\"uniqueItems\":true}", "[]|[1,2]|[1,\"1\"]|[{\"a\":1},{\"a\":2}]|["
      "[],{}]",
      "[1,1]|[1,1.0]|[\"a\",\"\\u0061\"]|[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]|[[1],[1]]|[null"
      ",2,null]" },
    { "{\"anyOf\":[{\"properties\":{\"t\":{\"const\":\"a\"},\"x\":{\"type\":\"string\"}},\"req"
      "uired\":[\"t\"]},"
      "{\"properties\":{\"t\":{\"const\":\"b\"},\"x\":{\"type\":\"number\"}},\"required"
      "\":[\"t\"]}]}",
      "{\"t\":\"a\",\"x\":\"s\"}|{\"x\":1,\"t\":\"b\"}|{\"t\":\"b\"}", "{\"t\":\"a\",\"x\":1}|"
      "{\"x\":1,\"t\":\"a\"}|{\"t\":\"c\"}|{}" },
    { "{\"oneOf\":[{\"multipleOf\":3},{\"multipleOf\":5}],\"type\":\"integer\"}", "3|5|9", "15"
      "|0|7" },
    { "{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"type\":\"object\"}", "{"
      "\"a\":1}|{\"b\":1}", "{}|{\"a\":1,\"b\":1}" },
    { "{\"if\":{\"properties\":{\"k\":{\"const\":1}},\"required\":[\"k\"]},\"then\":{\"require"
      "d\":[\"x\"]},\"else\":{\"required\":[\"y\"]},\"type\":\"object\"}",
      "{\"k\":1,\"x\":0}|{\"y\":0}|{\"k\":2,\"y\":0}|{\"x\":0,\"k\":1}", "{\"k\":1}|{\"k\":1,"
      "\"y\":0}|{}" },
    { "{\"not\":{\"required\":[\"a\"]},\"type\":\"object\"}", "{}|{\"b\":1}", "{\"a\":1}|{"
      "\"b\":1,\"a\":2}" },
    { "{\"type\":\"object\",\"not\":{\"properties\":{\"a\":{\"type\":\"integer\"}}}}", "{"
      "\"a\":\"x\"}|{\"b\":1,\"a\":null}", "{}|{\"a\":1}" },
    { "{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#/$defs/n"
      "\"},\"v\":{\"type\":\"integer\"}},\"required\":[\"v\"],\"additionalProperties\":false}}"
      ",\"$ref\":\"#/$defs/n\"}",
      "{\"v\":1}|{\"next\":{\"v\":2,\"next\":{\"v\":3}},\"v\":1}", "{}|{\"next\":{},\"v\":1}|{"
      "\"v\":1,\"next\":null}" },
    { "{\"$ref\":\"#/$defs/s\",\"maxLength\":1,\"$defs\":{\"s\":{\"type\":\"string\"}}}", ""
      "\"a\"", "\"ab\"|1" },
    { "{\"allOf\":[{\"properties\":{\"a\":{}}}],\"anyOf\":[{\"properties\":{\"b\":{\"const"
      "\":1}},\"required\":[\"b\"]},{}],\"unevaluatedProperties\":false,\"type\":\"object\"}",
      "{}|{\"a\":1}|{\"a\":1,\"b\":1}|{\"b\":1}", "{\"c\":1}|{\"b\":2}" },
    { "{\"prefixItems\":[{\"type\":\"string\"}],\"contains\":{\"type\":\"null\"},\"unevaluated"
      "Items\":{\"type\":\"integer\"}}",
      "[\"a\",null]|[\"a\",1,null]", "[\"a\"]|[\"a\",null,\"b\"]|[1,null]" },
};

static void check_list(mlc_grammar *g, const char *list, bool want)
{
    check_texts(g, list, '|', true, want);
}

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("%s", cases[i].schema);
        g = compile(cases[i].schema, strlen(cases[i].schema), true, &err);
        T_CHECK(g != NULL, "%s", err.text);
        if (g != NULL) {
            check_list(g, cases[i].fit, true);
            check_list(g, cases[i].unfit, false);
        }
        mlc_grammar_close(g);
    }
}

/* Beginnings from which something that fits can still come, and those from which it cannot. */
static const struct { const char *schema, *alive, *dead; } prefixes[] = {
    { "{\"type\":\"string\",\"pattern\":\"^(a{3}|b+)$\",\"minLength\":5}", "\"b|\"bbbbbbb",
      "\"a" },
    { "{\"type\":\"string\",\"pattern\":\"^(ab?|c(d|ef|gh{3}))$\",\"minLength\":4}",
      "\"c|\"cgh", "\"a|\"cd|\"ce" },
    { "{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":8,\"maximum\":29}", "1|14|2|28",
      "8|9|15|20|-|3" },
    { "{\"type\":\"number\",\"multipleOf\":0.25,\"minimum\":8.3,\"maximum\":8.9}",
      "8.|8.5|8.75|8.7500", "8.3|8.51|8.8" },
    { "{\"type\":\"integer\",\"multipleOf\":1000,\"maximum\":100000}", "12|1200|-|-123456",
      "121|101" },
    { "{\"items\":{\"enum\":[\"red\",\"green\",\"blue\"]},\"type\":\"array\","
      "\"uniqueItems\":true}", "[\"red\", \"g|[\"blue\",\"red\",|[\"red\",\"blue\",\"green\"]",
      "[\"red\",\"r|[\"red\",\"blue\",\"green\",|[\"blue\",\"red\",\"b" },
    { "{\"items\":{\"enum\":[\"a\\\"\",\"a\\n\"]},\"type\":\"array\",\"uniqueItems\":true}",
      "[\"a\\\"\",\"a\\n", "[\"a\\\"\",\"a\\\"|[\"a\\n\",\"a\\u000a" },
    { "{\"items\":{\"enum\":[\"a\",\"b\"]},\"type\":\"array\",\"uniqueItems\":true,"
      "\"minItems\":2}", "[\"a\",|[\"a\",\"b\"]", "[\"a\"]|[\"a\",\"a" },
    { "{\"anyOf\":[{\"properties\":{\"k\":{\"const\":\"x\"},\"v\":{\"type\":\"null\"}}},"
      "{\"properties\":{\"k\":{\"enum\":[\"y\",\"z\"]},\"v\":{\"const\":1}}}],"
      "\"type\":\"object\",\"required\":[\"k\",\"v\"]}",
      "{\"k\":\"x\",\"v\":n|{\"k\":\"z\",\"v\":1|{\"v\":1,\"k\":\"y",
      "{\"k\":\"x\",\"v\":1|{\"k\":\"y\",\"v\":n|{\"v\":1,\"k\":\"x|{\"k\":\"w" },
};

static void test_dead_ends(void)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("beginnings: %s", prefixes[i].schema);
        g = compile(prefixes[i].schema, strlen(prefixes[i].schema), true, &err);
        T_CHECK(g != NULL, "%s", err.text);

        if (g != NULL) {
            check_texts(g, prefixes[i].alive, '|', false, true);
            check_texts(g, prefixes[i].dead, '|', false, false);
        }
        mlc_grammar_close(g);
    }
}

/* Ways to write values. */
static const struct { uint32_t flags; const char *schema, *fit, *unfit; } ways[] = {
    { MLC_GRAMMAR_COMPACT, "true", "{\"a\":[1,2],\"b c\":\" \"}|[]|1",
      " 1|[1, 2]|{ }|{\"a\": 1}|1 |[ ]" },
    { MLC_GRAMMAR_SPACED, "true", "{\"a\": [1, 2], \"b\": {}}|[]|[[], 1]",
      "[1,2]|{\"a\":1}|{\"a\":  1}|[ 1]|[1 , 2]|[1,\n2]|1 " },
    { MLC_GRAMMAR_IN_ORDER,
      "{\"properties\":{\"b\":{},\"a\":{},\"c\":{}},\"required\":[\"a\"],\"type\":\"object\"}",
      "{\"b\":1,\"a\":1,\"c\":1}|{\"a\":1}|{\"b\":1, \"a\":1,\"x\":1,\"y\":1}",
      "{\"a\":1,\"b\":1}|{\"c\":1|{\"x\":1|{\"b\":1,\"c|{\"a\":1,\"x\":1,\"c\":1}|{\"b\":1}" },
    { MLC_GRAMMAR_IN_ORDER,
      "{\"allOf\":[{\"properties\":{\"z\":{\"const\":1},\"y\":{}}},"
      "{\"properties\":{\"x\":{},\"y\":{\"const\":2}}}],\"type\":\"object\"}",
      "{\"z\":1,\"y\":2,\"x\":3}|{\"z\":1,\"x\":3}", "{\"x\":1,\"z\":1}|{\"y\":2,\"z\":1}" },
    { MLC_GRAMMAR_PLAIN, "{\"type\":\"string\"}", "\"a\\n\\\"\\u0001\"|\"\xc3\xa4\"",
      "\"\\u0041\"|\"\\/\"|\"\\u00e4\"" },
    { MLC_GRAMMAR_PLAIN, "{\"type\":\"string\",\"maxLength\":2}", "\"a\\n\"|\"\\u0001\"",
      "\"\\u0041\"|\"a\\nb\"" },
    { 0, "{\"not\":{\"type\":\"string\",\"maxLength\":2}}", "\"\\u0041bc\"", "\"\\u0041\"" },
};

static void test_ways(void)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mlc_grammar_options o;
        mlc_error err = { 0 };
        mlc_grammar *g;

        T_CASE("flags %u: %s", ways[i].flags, ways[i].schema);
        mlc_grammar_options_init(&o);
        o.flags = ways[i].flags;
        (void)mlc_grammar_open(bytes, ways[i].schema, strlen(ways[i].schema), &o, &g, &err);
        T_CHECK(g != NULL, "%s", err.text);
        if (g != NULL) {
            check_list(g, ways[i].fit, true);
            check_list(g, ways[i].unfit, false);
        }
        mlc_grammar_close(g);
    }
}

/* What is left out when asked for. */
static void test_lax(void)
{
    static const struct { const char *schema, *dropped, *fit, *unfit; } lax[] = {
        { "{\"type\":\"string\",\"pattern\":\"(a)\\\\1\",\"maxLength\":2}", "#/pattern", "\"x\"",
          "\"xyz\"|1" },
        { "{\"properties\":{\"a\":{\"$ref\":\"http://x/y\"},\"b\":{\"type\":\"null\"}}}",
          "#/properties/a/$ref", "{\"a\":1}", "{\"b\":1}" },
        { "{\"not\":{\"anyOf\":[{\"pattern\":\"\\\\bx\"}]},\"type\":\"string\"}",
          "#/not/anyOf/0/pattern", "\"x\"", "1" },
        { "{\"patternProperties\":{\"\\\\bx\":{}},\"additionalProperties\":false,"
          "\"type\":\"object\"}", "#/patternProperties/\\bx", "{\"y x\":1}", "1" },
        { "{\"type\":\"integer\"}", "", "1", "\"\"" },
    };

    for (size_t i = 0; i < sizeof lax / sizeof *lax; i++) {
        mlc_grammar_options o;
        mlc_error err = { 0 };
        mlc_grammar *g;
        const char *dropped;

        T_CASE("lax: %s", lax[i].schema);
        mlc_grammar_options_init(&o);
        T_CHECK((mlc_grammar_open(bytes, lax[i].schema, strlen(lax[i].schema), &o, &g, &err)
                 == MLC_EUNSUPPORTED) == (lax[i].dropped[0] != 0), "%s", err.text);
        mlc_grammar_close(g);
        o.flags = MLC_GRAMMAR_LAX;
        (void)mlc_grammar_open(bytes, lax[i].schema, strlen(lax[i].schema), &o, &g, &err);
        dropped = mlc_grammar_dropped(g);
        T_CHECK(g != NULL && strstr(dropped, lax[i].dropped) != NULL
                && (dropped[0] != 0) == (lax[i].dropped[0] != 0), "%s %s", err.text, dropped);
        if (g != NULL) {
            check_list(g, lax[i].fit, true);
            check_list(g, lax[i].unfit, false);
        }
        mlc_grammar_close(g);
    }
    T_CASE("lax: a schema that is none");
    {
        mlc_grammar_options o;
        mlc_grammar *g;

        mlc_grammar_options_init(&o);
        o.flags = MLC_GRAMMAR_LAX;
        T_CHECK(mlc_grammar_open(bytes, "{\"type\":7}", 10, &o, &g, NULL) == MLC_EFORMAT, "type");
        T_CHECK(mlc_grammar_dropped(NULL)[0] == 0, "NULL");
    }
}

/* What is refused, how, and what the sentence names. */
static void test_refused(void)
{
    static const struct { const char *schema; mlc_status status; const char *says; } table[] = {
        { "{", MLC_EFORMAT, "line 1" },
        { "{\"type\":\"strin\"}", MLC_EFORMAT, "#/type" },
        { "{\"items\":{\"pattern\":\"(\"}}", MLC_EFORMAT, "#/items/pattern" },
        { "{\"pattern\":\"(a)\\\\1\"}", MLC_EUNSUPPORTED, "back references" },
        { "{\"$ref\":\"other.json\"}", MLC_EUNSUPPORTED, "other.json" },
        { "{\"$ref\":\"#\"}", MLC_EUNSUPPORTED, "leads to itself" },
        { "false", MLC_EFORMAT, "unsatisfiable" },
        { "{\"type\":\"string\",\"enum\":[1,2]}", MLC_EFORMAT, "unsatisfiable" },
        { "{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}"
        "", MLC_EFORMAT, "unsatisfiable" },
        { "{\"minLength\":-1}", MLC_EFORMAT, "minLength" },
        { "{\"multipleOf\":0}", MLC_EFORMAT, "multipleOf" },
        { "[]", MLC_EFORMAT, "no schema" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mlc_grammar_options o;
        mlc_error err = { 0 };
        mlc_grammar *g;
        mlc_status st;

        T_CASE("refused: %s", table[i].schema);
        mlc_grammar_options_init(&o);
        st = mlc_grammar_open(bytes, table[i].schema, strlen(table[i].schema), &o, &g, &err);
        T_CHECK(st == table[i].status && g == NULL, "status %d", (int)st);
        T_CHECK(strstr(err.text, table[i].says) != NULL, "\"%s\" does not say %s", err.text,
                table[i].says);
    }
}

/* ---- files ------------------------------------------------------------------------------ */

static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *p = NULL;

    *n = 0;
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    p = malloc(*n + 1);
    *n = fread(p, 1, *n, f);
    fclose(f);
    return p;
}

typedef struct tally { int groups, right, refused, wrong_accepts, wrong_refusals; } tally;

static bool has_lone_surrogate(const char *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)          /* as the reader keeps them */
        if ((unsigned char)p[i] == 0xed && (unsigned char)p[i + 1] >= 0xa0)
            return true;
    return false;
}

/* One schema with instances: a list of objects with "valid" and "data". */
static void run_group(const mlci_json *schema, const mlci_json *tests, const char *draft,
                      bool format, tally *t)
{
    mlci_buf text;
    mlc_error err = { 0 };
    mlc_grammar *g;
    int fn = 0, fp = 0, valid = 0;

    mlci_buf_init(&text, ctx, (size_t)1 << 24);
    mlci_json_write(schema, &text);
    if (draft != NULL && schema->type == MLCI_JSON_OBJECT && mlci_json_get(schema, "$schema"
      "") == NULL) {
        mlci_buf more;

        mlci_buf_init(&more, ctx, (size_t)1 << 24);
        mlci_buf_format(&more, "{\"$schema\":\"%s\"%s", draft, schema->n_items > 0 ? "," : "");
        mlci_buf_put(&more, text.data + 1, text.n - 1);
        mlci_buf_reset(&text);
        text = more;
    }
    g = compile(text.data, text.n, format, &err);
    t->groups++;
    for (const mlci_json *x = tests->items; x != NULL; x = x->next) {
        const bool want = mlci_json_get(x, "valid")->type == MLCI_JSON_TRUE;
        bool got;

        valid += want;
        if (g == NULL)
            continue;
        mlci_buf_clear(&text);
        mlci_json_write(mlci_json_get(x, "data"), &text);
        if (has_lone_surrogate(text.data, text.n))
            continue;
        got = accepts(g, text.data, text.n);
        fn += want && !got;
        fp += !want && got;
    }
    t->wrong_accepts += fp;
    t->wrong_refusals += fn;
    t->refused += g == NULL;
    t->right += g != NULL ? fn + fp == 0 : valid == 0 && strstr(err.text, "unsatisfiable"
      "") != NULL;
    mlc_grammar_close(g);
    mlci_buf_reset(&text);
}

static void run_file(const char *path, const char *draft, tally *t)
{
    mlci_arena arena;
    const mlci_json *v = NULL;
    size_t n;
    char *text = read_all(path, &n);

    mlci_arena_init(&arena, ctx, (size_t)1 << 26);
    T_CHECK(text != NULL && mlci_json_parse(&arena, text, n, &v, NULL) == MLC_OK, "%s", path);
    for (const mlci_json *g = v != NULL && v->type == MLCI_JSON_ARRAY ? v->items : NULL; g != NULL;
         g = g->next)
        run_group(mlci_json_get(g, "schema"), mlci_json_get(g, "tests"), draft, false, t);
    if (v != NULL && v->type == MLCI_JSON_OBJECT)
        run_group(mlci_json_get(v, "schema"), mlci_json_get(v, "tests"), NULL, true, t);
    mlci_arena_reset(&arena);
    free(text);
}

static bool run_folder(const char *folder, const char *draft, tally *t)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    char path[1024];

    if (d == NULL)
        return false;
    while ((e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);

        if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        run_file(path, draft, t);
    }
    closedir(d);
    return true;
}

static void test_suite(void)
{
    static const struct { const char *folder, *schema; int least; } drafts[] = {
        { "draft2020-12", NULL, 358 },
        { "draft7", "http://json-schema.org/draft-07/schema#", 244 },
        { "draft4", "http://json-schema.org/draft-04/schema#", 150 },
    };

    for (int i = 0; i < 3; i++) {
        tally t = { 0 };

        T_CASE("the test suite, %s", drafts[i].folder);
        if (!run_folder(data_path("golden/grammar/tests/%s"
        "", drafts[i].folder), drafts[i].schema, &t)) {
            t_skip("tests/golden/grammar/suite.tar.gz is not unpacked");
            continue;
        }
        T_CHECK(t.wrong_accepts == 0, "%d accepted that are invalid", t.wrong_accepts);
        T_CHECK(t.right >= drafts[i].least, "%d of %d groups right, %d schemas refused", t.right,
                t.groups, t.refused);
    }
}

static void test_sample(void)
{
    tally t = { 0 };

    T_CASE("real schemas");
    if (!run_folder(data_path("golden/grammar/schemas"), NULL, &t)) {
        t_skip("the sample of schemas is not here");
        return;
    }
    T_CHECK(t.groups >= 80 && t.refused * 50 <= t.groups, "%d of %d refused", t.refused, t.groups);
    T_CHECK(t.wrong_accepts == 0, "%d accepted that are invalid", t.wrong_accepts);
    T_CHECK(t.wrong_refusals == 0, "%d refused that are valid", t.wrong_refusals);
}

/* ---- hostile schemas ---------------------------------------------------------------------- */

static void hostile(const char *what, const char *schema, size_t n)
{
    mlc_error err = { 0 };
    mlc_grammar *g;

    T_CASE("hostile: %s", what);
    g = compile(schema, n, true, &err);
    T_CHECK(g != NULL || err.status != MLC_OK, "neither compiled nor refused");
    if (g != NULL) {
        T_CHECK(mlc_grammar_bytes(g) <= (size_t)256 << 20, "%zu bytes", mlc_grammar_bytes(g));
        (void)accepts(g, "[[[{\"a\":\"xxxxxxxxxx\"}]]]", 24);
    }
    mlc_grammar_close(g);
}

static void repeat(mlci_buf *b, const char *text, int n)
{
    while (n-- > 0)
        mlci_buf_text(b, text);
}

static void test_hostile(void)
{
    static const char *const some[] = {
        "{\"pattern\":\"((a*)*)*b\"}", "{\"pattern\":\"(a{1,1000}){1,1000}\"}",
        "{\"pattern\":\"a{1000000}\"}", "{\"pattern\":\".*x.{30}\"}",
        "{\"minLength\":1000000,\"pattern\":\"^(ab|cd)*$\"}", "{\"minItems\":1000000}",
      "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#\"}},\"$ref\":\"#/$defs/a\"}",
        "{\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/a\"}}},\"$ref\":\"#/$defs/a\"}",
        "{\"items\":{\"$ref\":\"#\"},\"contains\":{\"$ref\":\"#\"},\"uniqueItems\":true}",
    };
    mlci_buf b;

    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        hostile(some[i], some[i], strlen(some[i]));
    mlci_buf_init(&b, ctx, (size_t)1 << 26);
    repeat(&b, "{\"not\":", 5000);
    hostile("5000 nots", b.data, b.n);
    mlci_buf_clear(&b);
    mlci_buf_text(&b, "{\"anyOf\":[");
    for (int i = 0; i < 60; i++)
        mlci_buf_format(&b, "%s{\"properties\":{\"a\":{\"pattern\":\"%c.*%d\"},\"b%d\":{}}}",
                        i > 0 ? "," : "", 'a' + i % 26, i, i);
    mlci_buf_text(&b, "]}");
    hostile("60 branches that overlap", b.data, b.n);
    for (int deep = 0; deep < 2; deep++) {      /* met from its beginning, or from its end */
        const int n = 40000;

        mlci_buf_clear(&b);
        mlci_buf_text(&b, deep ? "{\"properties\":{" : "{\"$ref\":\"#/$defs/d0\"");
        for (int i = n; deep && i > 0; i -= 50)
            mlci_buf_format(&b, "%s\"p%d\":{\"$ref\":\"#/$defs/d%d\"}", i < n ? "," : "", i, i);
        mlci_buf_text(&b, deep ? "},\"$defs\":{" : ",\"$defs\":{");
        for (int i = 0; i < n; i++)
            mlci_buf_format(&b, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i + 1);
        mlci_buf_format(&b, "\"d%d\":{\"type\":\"string\"}}}", n);
        hostile(deep ? "references in a chain, from its end" : "references in a chain", b.data,
                b.n);
    }
    mlci_buf_clear(&b);
    mlci_buf_text(&b, "{\"properties\":{");
    for (int i = 0; i < 20000; i++)
        mlci_buf_format(&b, "\"p%d\":{\"$ref\":\"#a%d\"},", i, i);
    mlci_buf_text(&b, "\"q\":{}},\"$defs\":{");
    for (int i = 0; i < 20000; i++)
        mlci_buf_format(&b, "\"d%d\":{\"$anchor\":\"a%d\"},\"e%d\":{\"$id\":\"http://x/%d\"},",
                        i, i, i, i);
    mlci_buf_text(&b, "\"q\":{}}}");
    hostile("20,000 anchors and identifiers", b.data, b.n);
    T_CASE("33 dynamic anchors");
    {
        mlc_error err = { 0 };

        mlci_buf_clear(&b);
        mlci_buf_text(&b, "{\"$defs\":{");
        for (int i = 0; i < 33; i++)
            mlci_buf_format(&b, "%s\"d%d\":{\"$dynamicAnchor\":\"a%d\"}", i > 0 ? "," : "", i, i);
        mlci_buf_text(&b, "}}");
        T_CHECK(compile(b.data, b.n, true, &err) == NULL && err.status == MLC_EUNSUPPORTED
                && strstr(err.text, "#/$defs/d32") != NULL, "%s", err.text);
    }
    T_CASE("a long chain of references that is not too long");
    {
        mlc_grammar *g;

        mlci_buf_clear(&b);
        mlci_buf_text(&b, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
        for (int i = 0; i < 900; i++)
            mlci_buf_format(&b, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i + 1);
        mlci_buf_text(&b, "\"d900\":{\"type\":\"null\"}}}");
        g = compile(b.data, b.n, true, NULL);
        T_CHECK(g != NULL && accepts(g, "null", 4) && !accepts(g, "1", 1), "900");
        mlc_grammar_close(g);
    }
    mlci_buf_clear(&b);
    mlci_buf_text(&b, "{\"enum\":[\"");
    repeat(&b, "0123456789abcdef\",\"", 250000);
    mlci_buf_text(&b, "x\"]}");
    hostile("5 MB", b.data, b.n);
    mlci_buf_reset(&b);
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
    test_ways();
    test_lax();
    test_dead_ends();
    test_refused();
    test_suite();
    test_sample();
    test_hostile();
    mlc_vocab_close(bytes);
    mlc_context_close(ctx);
    return t_done();
}
