/* SPDX-License-Identifier: Apache-2.0
 *
 * random_schema.h - JSON Schemas, regular expressions and rules by chance.
 */
#ifndef RANDOM_SCHEMA_H
#define RANDOM_SCHEMA_H

#include "../src/base/base.h"
#include "t.h"

static const char *r_pick(uint64_t *seed, const char *const *of, uint32_t n)
{
    return of[t_below(seed, n)];
}

#define R_PICK(seed, ...)                                                      \
    r_pick(seed, (const char *const[]){ __VA_ARGS__ },                         \
           sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void r_schema(mlci_buf *b, uint64_t *seed, int depth);

static void r_list(mlci_buf *b, uint64_t *seed, int depth)
{
    const uint32_t n = 1 + t_below(seed, 3);

    mlci_buf_text(b, "[");
    for (uint32_t i = 0; i < n; i++) {
        mlci_buf_text(b, i > 0 ? "," : "");
        r_schema(b, seed, depth - 1);
    }
    mlci_buf_text(b, "]");
}

static const char *r_name(uint64_t *seed) { return R_PICK(seed, "a", "b", "ab", "name", "a\\\""); }

static void r_object(mlci_buf *b, uint64_t *seed, int depth)
{
    const uint32_t n = t_below(seed, 4);

    mlci_buf_text(b, "\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i < n; i++) {
        mlci_buf_text(b, i > 0 ? ",\"" : "\"");
        mlci_buf_text(b, r_name(seed));
        mlci_buf_text(b, "\":");
        r_schema(b, seed, depth - 1);
    }
    mlci_buf_text(b, "}");
    if (t_below(seed, 2) == 0) {
        mlci_buf_text(b, ",\"required\":[\"");
        mlci_buf_text(b, r_name(seed));
        mlci_buf_text(b, "\"]");
    }
    if (t_below(seed, 4) == 0) {
        mlci_buf_text(b, ",\"additionalProperties\":");
        r_schema(b, seed, 0);
    }
    if (t_below(seed, 4) == 0) {
        mlci_buf_text(b, ",\"patternProperties\":{\"^a\":");
        r_schema(b, seed, depth - 1);
        mlci_buf_text(b, "}");
    }
    mlci_buf_text(b, t_below(seed, 5) == 0 ? ",\"maxProperties\":2" : "");
    mlci_buf_text(b, t_below(seed, 6) == 0 ? ",\"propertyNames\":{\"pattern\":\"a\"}" : "");
}

static void r_array(mlci_buf *b, uint64_t *seed, int depth)
{
    mlci_buf_text(b, "\"type\":\"array\"");
    if (t_below(seed, 3) == 0) {
        mlci_buf_text(b, ",\"prefixItems\":");
        r_list(b, seed, depth);
    }
    mlci_buf_text(b, ",\"items\":");
    r_schema(b, seed, depth - 1);
    mlci_buf_text(b, R_PICK(seed, "", "", ",\"uniqueItems\":true", ",\"maxItems\":2"));
    if (t_below(seed, 5) == 0) {
        mlci_buf_text(b, ",\"contains\":");
        r_schema(b, seed, depth - 1);
    }
}

/* One schema; deeper ones are any of a few. */
static void r_schema(mlci_buf *b, uint64_t *seed, int depth)
{
    static const char *const leaves[] = {
        "true", "{\"type\":\"integer\",\"minimum\":-3,\"maximum\":120}", "{\"type\":\"null\"}",
        "{\"type\":\"string\"}", "{\"type\":\"string\",\"maxLength\":2}",
        "{\"type\":\"string\",\"pattern\":\"^[ab]+$\",\"minLength\":2}",
        "{\"enum\":[\"a\",\"ab\",\"b\\\"\"]}", "{\"enum\":[1,12,\"a\",null,[1]]}",
        "{\"const\":\"abc\"}", "{\"type\":\"number\",\"multipleOf\":0.5,\"minimum\":0}",
        "{\"type\":[\"boolean\",\"string\"],\"minLength\":1}", "{\"format\":\"date\"}",
        "{\"type\":\"string\",\"pattern\":\"b\"}", "{\"type\":\"integer\",\"multipleOf\":7}",
    };

    if (depth <= 0) {
        mlci_buf_text(b, r_pick(seed, leaves, sizeof leaves / sizeof *leaves));
        return;
    }
    mlci_buf_text(b, "{");
    switch (t_below(seed, 7)) {
    case 0: case 1: case 2: r_object(b, seed, depth); break;
    case 3: case 4: r_array(b, seed, depth); break;
    case 5:
        mlci_buf_text(b, R_PICK(seed, "\"anyOf\":", "\"oneOf\":", "\"allOf\":"));
        r_list(b, seed, depth);
        break;
    default:
        mlci_buf_text(b, "\"not\":");
        r_schema(b, seed, depth - 1);
        break;
    }
    mlci_buf_text(b, "}");
}

static void r_regex(mlci_buf *b, uint64_t *seed)
{
    const uint32_t n = 1 + t_below(seed, 3);

    for (uint32_t i = 0; i < n; i++) {
        mlci_buf_text(b, R_PICK(seed, "a", "[ab]", "(a|bc)", "[^a]", "\\\\d", "(ab|\\\")", ".",
                                "((?!ab).)", "(a|b(?=[^b]))", "(a|$)"));
        mlci_buf_text(b, R_PICK(seed, "", "", "*", "+", "?", "{2,3}"));
    }
}

static void r_rules(mlci_buf *b, uint64_t *seed)
{
    static const char *const names[] = { "root", "x", "y" };

    for (int i = 0; i < 3; i++) {
        const uint32_t ways = 1 + t_below(seed, 2);

        mlci_buf_text(b, names[i]);
        mlci_buf_text(b, " ::= ");
        for (uint32_t k = 0; k < ways; k++) {
            mlci_buf_text(b, k > 0 ? " | " : "");
            mlci_buf_text(b, R_PICK(seed, "\"a\"", "[ab]", "\"\\\"\" [^\\\"]* \"\\\"\"", "\"{\""));
            mlci_buf_text(b, R_PICK(seed, "", " x?", " y*", " (\",\" y)*", " \"]\"", " x+"));
        }
        mlci_buf_text(b, "\n");
    }
}

#endif
