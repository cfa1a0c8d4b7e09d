/* SPDX-License-Identifier: Apache-2.0
 *
 * test_template.c - chat templates against Jinja2's renderings (golden/text/chat),
 * byte for byte, or the expected error; the limits of time and memory; errors that
 * name the line.
 */
#include "golden.h"

#include <dirent.h>
#include <time.h>

static mlc_context *ctx;

static bool text_is(const mlci_json *v, const char *text, size_t n)
{
    return v != NULL && v->text_bytes == n && memcmp(v->text, text, n) == 0;
}

/* One file: a template, and what it gives for each conversation. */
static void check_file(const char *path)
{
    golden g;
    const mlci_json *source;
    mlc_template *t = NULL;
    mlc_error err = { 0 };
    mlc_status opened;
    const int64_t now = 1722004205;          /* 2024-07-26 14:30:05: golden/text/README.md */

    golden_open(&g, ctx, path);
    source = mlci_json_get(g.root, "text");
    opened = mlc_template_open(ctx, source->text, source->text_bytes, &t, &err);
    for (const mlci_json *c = mlci_json_get(g.root, "cases")->items; c != NULL; c = c->next) {
        const mlci_json *want = mlci_json_get(c, "expected"), *error = mlci_json_get(c, "error");
        const mlci_json *raised = mlci_json_get(c, "raised_by_template");
        const mlci_json *name = mlci_json_get(c, "case");
        const char *text = "";
        size_t n = 0;
        mlci_buf vars;
        mlc_status st = opened;

        mlci_buf_init(&vars, ctx, 1 << 24);
        mlci_json_write(mlci_json_get(c, "kwargs"), &vars);
        if (st == MLC_OK)
            st = mlc_template_render(t, vars.data, vars.n, now, &text, &n, &err);
        mlci_buf_reset(&vars);
        if (want != NULL && want->type == MLCI_JSON_STRING)
            T_CHECK(st == MLC_OK && text_is(want, text, n), "%.*s: %s %.200s",
                    (int)name->text_bytes, name->text, mlc_status_name(st),
                    st == MLC_OK ? text : err.text);
        else if (raised != NULL && raised->type == MLCI_JSON_TRUE)
            T_CHECK(st == MLC_EINVAL && text_is(error, err.text, strlen(err.text)),
                    "%.*s: %s %s", (int)name->text_bytes, name->text, mlc_status_name(st),
                    err.text);
        else
            T_CHECK(st != MLC_OK, "%.*s: rendered, but Jinja2 says %.*s",
                    (int)name->text_bytes, name->text, (int)error->text_bytes, error->text);
    }
    mlc_template_close(t);
    golden_close(&g);
}

static void test_golden(void)
{
    DIR *dir = opendir(data_path("golden/text/chat"));
    int n = 0;

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strstr(e->d_name, ".json") == NULL)
            continue;
        T_CASE("%s", e->d_name);
        check_file(data_path("golden/text/chat/%s", e->d_name));
        n++;
    }
    if (dir != NULL)
        closedir(dir);
    T_CASE("there were templates");
    T_CHECK(n >= 2, "%d", n);
}

/* Small pieces of the language, in one line each, with Jinja2 3.1's results. */
static const struct { const char *source, *vars, *want; } pieces[] = {
    { "{{ 1 + 2 * 3 ** 2 // 4 % 3 }}", "{}", "2" },
    { "{{ 7 // -2 }} {{ -7 % 3 }} {{ 2 ** -1 }} {{ 1 / 2 }}", "{}", "-4 2 0.5 0.5" },
    { "{{ 'a' ~ 1 ~ none ~ true }}", "{}", "a1NoneTrue" },
    { "{{ [1, 'a', {'b': 2.0}] }}", "{}", "[1, 'a', {'b': 2.0}]" },
    { "{{ x.y[0]['z'] }}|{{ x.no }}", "{\"x\":{\"y\":[{\"z\":5}]}}", "5|" },
    { "{% for a in x if a > 1 %}{{ loop.index }}/{{ loop.length }}{{ a }};{% else %}none"
      "{% endfor %}", "{\"x\":[1,2,3]}", "1/22;2/23;" },
    { "{% for a in x %}{{ a }}{% else %}none{% endfor %}", "{\"x\":[]}", "none" },
    { "{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}"
      "{% endfor %}{{ ns.a }}", "{}", "4" },
    { "{% set a = 1 %}{% for i in range(3) %}{% set a = 5 %}{% endfor %}{{ a }}", "{}", "1" },
    { "{%- if x is defined and x is not none -%} y {%- else -%} n {%- endif -%}", "{}", "n" },
    { "a\n  {%- if true %}\n  b\n  {%- endif %}\nc", "{}", "a  bc" },
    { "{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(2, b=3) }}", "{}",
      "1x23" },
    { "{{ 'abc'[::-1] }}{{ 'abcdef'[1:-2:2] }}", "{}", "cbabd" },
    { "{{ x | tojson }}", "{\"x\":{\"a\":[1,null,\"<\\u00e9\"]}}",
      "{\"a\": [1, null, \"<\xc3\xa9\"]}" },
    { "{{ [3,1,2] | sort | join('-') }} {{ 'a,b'.split(',') | last }}", "{}", "1-2-3 b" },
    { "{{ '  x '.strip() | upper }}{{ 'AbC' | lower }}{{ 'x y' | title }}", "{}", "XabcX Y" },
    { "{{ x | selectattr('r', 'equalto', 'u') | map(attribute='c') | list }}",
      "{\"x\":[{\"r\":\"u\",\"c\":1},{\"r\":\"a\",\"c\":2}]}", "[1]" },
    { "{% generation %}g{% endgeneration %}", "{}", "g" },
    { "{# comment #}{% raw %}{{ x }}{% endraw %}", "{}", "{{ x }}" },
    { "{{ 'yes' if x else 'no' }}{{ 'a' if false }}", "{\"x\":[0]}", "yes" },
    { "{% for k, v in x.items() %}{{ k }}={{ v }} {% endfor %}", "{\"x\":{\"b\":1,\"a\":2}}",
      "b=1 a=2 " },
    { "{{ 'a' in x and 'z' not in x }}", "{\"x\":[\"a\"]}", "True" },
    { "{{ 12345678901234567890123 }}", "{}", NULL },     /* Python's big integers: no */
};

static void test_pieces(void)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        mlc_template *t = NULL;
        mlc_error err = { 0 };
        const char *text = "";
        size_t n = 0;
        mlc_status st;

        T_CASE("%s", pieces[i].source);
        st = mlc_template_open(ctx, pieces[i].source, strlen(pieces[i].source), &t, &err);
        if (st == MLC_OK)
            st = mlc_template_render(t, pieces[i].vars, strlen(pieces[i].vars), 0, &text, &n,
                                     &err);
        if (pieces[i].want != NULL)
            T_CHECK(st == MLC_OK && strcmp(text, pieces[i].want) == 0, "%s",
                    st == MLC_OK ? text : err.text);
        else
            T_CHECK(st != MLC_OK && err.text[0] != 0, "%s", text);
        mlc_template_close(t);
    }
}

/* Hostile or mistaken templates: an error with its line, soon. */
static const struct { const char *source; mlc_status status; const char *text; } bads[] = {
    { "a\n{% if x %}", MLC_EFORMAT, "line 2" },
    { "{% endif %}", MLC_EFORMAT, "line 1" },
    { "\n\n{{ 1 + }}", MLC_EFORMAT, "line 3" },
    { "{{ x ", MLC_EFORMAT, "line 1" },
    { "{{ 'abc }}", MLC_EFORMAT, "line 1" },
    { "{% nosuchtag %}", MLC_EFORMAT, "nosuchtag" },
    { "\n{{ x | nosuchfilter }}", MLC_EFORMAT, "nosuchfilter" },
    { "{{ raise_exception('no ' ~ 'system') }}", MLC_EINVAL, "no system" },
    { "{{ 1 / 0 }}", MLC_EFORMAT, "line 1" },
    { "{{ x.y.z }}", MLC_EFORMAT, "line 1" },
    { "{{ x() }}", MLC_EFORMAT, "line 1" },
    { "{% for i in range(100000000) %}{% endfor %}", MLC_EFORMAT, "range" },
    { "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
      MLC_ENOMEM, "line 1" },
    { "{% set a = ['x'] %}{% for i in range(99) %}{% set a = a + a %}{{ a }}{% endfor %}",
      MLC_OK, NULL },                        /* a is set anew in each round: fine */
    { "{% set ns = namespace(a='xxxxxxxx') %}{% for i in range(99) %}"
      "{% set ns.a = ns.a ~ ns.a %}{% endfor %}", MLC_ENOMEM, NULL },
    { "{{ 'x' * 1000000000000 }}", MLC_ENOMEM, NULL },
    { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", MLC_EFORMAT, NULL },
};

static void test_bad(void)
{
    char *deep = malloc(200001);

    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        mlc_template *t = NULL;
        mlc_error err = { 0 };
        const char *text;
        size_t n;
        mlc_status st;

        T_CASE("bad: %s", bads[i].source);
        st = mlc_template_open(ctx, bads[i].source, strlen(bads[i].source), &t, &err);
        if (st == MLC_OK)
            st = mlc_template_render(t, "{}", 2, 0, &text, &n, &err);
        T_CHECK(st == bads[i].status, "%s: %s", mlc_status_name(st), err.text);
        T_CHECK(bads[i].text == NULL || strstr(err.text, bads[i].text) != NULL, "%s",
                err.text);
        mlc_template_close(t);
    }
    T_CASE("bad: nested 100,000 deep");
    for (int kind = 0; kind < 3; kind++) {
        mlc_template *t = NULL;
        mlc_error err = { 0 };

        for (int i = 0; i < 200000; i++)
            deep[i] = i < 2 ? '{' : "([-"[kind];
        deep[200000] = 0;
        T_CHECK(mlc_template_open(ctx, deep, 200000, &t, &err) == MLC_EFORMAT, "%s", err.text);
    }
    T_CASE("variables that are no object");
    {
        mlc_template *t = NULL;
        mlc_error err = { 0 };
        const char *text;
        size_t n;

        T_CHECK(mlc_template_open(ctx, "x", 1, &t, &err) == MLC_OK, "%s", err.text);
        T_CHECK(mlc_template_render(t, "[1]", 3, 0, &text, &n, &err) == MLC_EINVAL, "array");
        T_CHECK(mlc_template_render(t, "{", 1, 0, &text, &n, &err) == MLC_EINVAL, "half");
        T_CHECK(mlc_template_render(t, "{}", 2, 0, &text, &n, &err) == MLC_OK
                && strcmp(text, "x") == 0, "and it still works");
        mlc_template_close(t);
    }
    free(deep);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_golden();
    test_pieces();
    test_bad();
    mlc_context_close(ctx);
    return t_done();
}
