/* SPDX-License-Identifier: Apache-2.0
 *
 * test_module.c - modules as text: functions, programs and library calls side by
 * side; sizes that are deduced, that only a run knows, and that clash.
 */
#include "golden.h"
#include "tir_help.h"
#include "../include/mlc_experimental.h"
#include "../src/compiler/module.h"

#include <math.h>

static mlc_context *ctx;

typedef struct module { mlci_text_module m; mlc_error err; mlc_status st; } module;

static void open_text(module *x, const char *text)
{
    memset(x, 0, sizeof *x);
    x->st = mlci_text_open(&x->m, ctx, text, strlen(text), &x->err);
}

static void print(module *x, char *text, size_t cap)
{
    mlci_buf b;

    mlci_buf_init(&b, ctx, 1 << 20);
    mlci_text_print(&x->m, &b);
    snprintf(text, cap, "%s", b.n > 0 ? b.data : "");
    mlci_buf_reset(&b);
}

/* The text of the type that was deduced for a value of main. */
static void deduced(module *x, const char *value, const char *want)
{
    char text[8192], line[256], *main_text;

    print(x, text, sizeof text);
    snprintf(line, sizeof line, "    %s = ", value);
    main_text = strstr(text, "function main");
    T_CHECK(main_text != NULL && strstr(main_text, line) != NULL, "no %s in:\n%s", value, text);
    if (main_text != NULL && strstr(main_text, line) != NULL) {
        char *from = strstr(main_text, line), *end = strchr(from, '\n');

        *end = 0;
        T_CHECK(strstr(from, want) != NULL, "%s, want %s", from, want);
    }
}

static bool run(module *x, const mlci_array *args, const mlci_host *hosts, size_t n_hosts,
                mlci_array *out, size_t *n)
{
    const mlci_function *f = mlci_text_function(&x->m, "main");

    return f != NULL && mlci_text_run(&x->m, f, args, hosts, n_hosts, out, n) == MLC_OK;
}

static int negate(void *user, const mlci_array *a, uint32_t n)
{
    for (int64_t i = 0; i < a[0].dims[0] * a[0].dims[1]; i++)
        ((float *)a[n - 1].data)[i] = -((const float *)a[0].data)[i];
    ++*(int *)user;
    return 0;
}

static const char mixed[] =
    "program twice(x: f32[n, m]) -> (y: f32[n, m]) {\n"
    "    for i < n, j < m: y[i, j] = x[i, j] * 2.0\n"
    "}\n"
    "function half(x: f32[a, b]) -> f32[a, b] {\n"
    "    y = scale(x, 0.5)   # f32[a, b]\n"
    "    return y\n"
    "}\n"
    "function main(x: f32[n, 4], w: f32[m, 4], v: f32[m]) -> f32[n, m] {\n"
    "    h = matmul(x, w)   # f32[n, m]\n"
    "    b = add_vector(h, v)   # f32[n, m]\n"
    "    t = call_tir twice(b) -> f32[n, m]\n"
    "    l = call_dps_library \"host.negate\"(t) -> f32[n, m]\n"
    "    c = call half(l)   # f32[n, m]\n"
    "    return c\n"
    "}\n";

static void test_mixed(void)
{
    float x[2][4], w[3][4], v[3];
    uint64_t seed = t_seed;
    static char once[65536], twice[65536];
    mlci_array out;
    int calls = 0;
    const mlci_host host = { "host.negate", negate, &calls };
    size_t n = 0;
    module a, b;

    T_CASE("functions, programs and library calls: printed, read and printed again");
    open_text(&a, mixed);
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    print(&a, once, sizeof once);
    T_CHECK(strcmp(once, mixed) == 0, "%s", once);
    open_text(&b, once);
    print(&b, twice, sizeof twice);
    T_CHECK(b.st == MLC_OK && strcmp(once, twice) == 0, "%s%s", b.err.text, twice);
    mlci_text_close(&b.m);

    T_CASE("a program of any rank, and more functions than a few, are printed whole");
    {
        char many[8192] = "program bent(x: f32[...]) -> (y: f32[...]) {"
                          " for ...: y[...] = x[...] * 3.0 }\n";

        for (int i = 0; i < 100; i++)
            snprintf(many + strlen(many), sizeof many - strlen(many),
                     "function f%d(x: f32[n, m]) -> f32[n, m] { y = bent(x)\n return y }\n", i);
        open_text(&b, many);
        T_CHECK(b.st == MLC_OK, "%s", b.err.text);
        print(&b, once, sizeof once);
        mlci_text_close(&b.m);
        open_text(&b, once);
        print(&b, twice, sizeof twice);
        T_CHECK(b.st == MLC_OK && strcmp(once, twice) == 0
                && strstr(once, "function f0(") != NULL && strstr(once, "f32[...]") != NULL, "%s",
                b.err.text);
        mlci_text_close(&b.m);
    }

    T_CASE("and run");
    for (int i = 0; i < 12; i++)
        w[i / 4][i % 4] = tir_random(&seed), x[i / 4 % 2][i % 4] = tir_random(&seed);
    v[0] = 1, v[1] = 2, v[2] = 3;
    {
        mlci_array args[] = { tir_array(MLCI_DT_F32, x, 2, 2, 4, 1),
                              tir_array(MLCI_DT_F32, w, 2, 3, 4, 1),
                              tir_array(MLCI_DT_F32, v, 1, 3, 1, 1) };

        T_CHECK(run(&a, args, &host, 1, &out, &n) && calls == 1 && out.dims[0] == 2
                && out.dims[1] == 3, "%s", a.err.text);
        for (int i = 0; i < 6 && n > 0; i++) {
            double want = v[i % 3];

            for (int k = 0; k < 4; k++)
                want += (double)x[i / 3][k] * w[i % 3][k];
            T_CHECK(fabs((double)((float *)out.data)[i] + want) < 1e-5, "%d", i);
        }
        mlci_delete(ctx, out.data, n, 1);
        T_CHECK(!run(&a, args, NULL, 0, &out, &n)
                && strstr(a.err.text, "host.negate is registered") != NULL, "%s", a.err.text);
        args[2].dims[0] = 2;
        T_CHECK(!run(&a, args, &host, 1, &out, &n)
                && strstr(a.err.text, "dimension 0 of v is 2, but m is 3") != NULL, "%s",
                a.err.text);
    }
    mlci_text_close(&a.m);
}

static void test_shapes(void)
{
    module a;

    T_CASE("a function that calls another with a symbolic shape argument gets only the rank back");
    open_text(&a,
        "function inner(x: f32[k], s: shape[?, ?]) -> f32[?, ?] {\n"
        "    y = reshape(x, s)\n return y }\n"
        "function main(x: f32[2*n, m]) -> f32[?, ?] {\n"
        "    p = shape[2*n*m]\n"
        "    f = reshape(x, p)\n"
        "    s = shape[n, 2*m]\n"
        "    y = call inner(f, s)\n"
        "    z = silu(y)\n"
        "    return z }\n");
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    deduced(&a, "f", "# f32[2*n*m]");
    deduced(&a, "y", "# f32[?, ?]");
    deduced(&a, "z", "# f32[?, ?]");
    {
        float x[12];
        size_t n = 0;
        mlci_array out, arg = tir_array(MLCI_DT_F32, x, 2, 4, 3, 1);

        memset(x, 0, sizeof x);
        T_CHECK(run(&a, &arg, NULL, 0, &out, &n) && out.dims[0] == 2 && out.dims[1] == 6, "%s",
                a.err.text);
        mlci_delete(ctx, out.data, n, 1);
    }
    mlci_text_close(&a.m);

    T_CASE("a shape's own symbols come back from the call");
    open_text(&a,
        "function inner(x: f32[p*q], s: shape[p, q]) -> f32[p, q] {\n"
        "    y = reshape(x, s)\n return y }\n"
        "function main(x: f32[n*m], w: f32[n, m]) -> f32[n, m] {\n"
        "    s = shape[n, m]\n y = call inner(x, s)\n z = add(y, w)\n return z }\n");
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    deduced(&a, "y", "# f32[n, m]");
    mlci_text_close(&a.m);
}

static void test_unique(void)
{
    module a;

    T_CASE("unique gives a size that only a run knows; match_cast binds it");
    open_text(&a,
        "function main(x: f32[n], y: f32[k]) -> f32[q] {\n"
        "    u = unique(x)\n c = match_cast u as f32[q]\n d = scale(c, 2.0)\n"
        "    e = match_cast y as f32[q]\n f = add(d, e)\n return f }\n");
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    deduced(&a, "u", "# f32[?]");
    deduced(&a, "d", "# f32[q]");
    deduced(&a, "f", "# f32[q]");
    {
        float x[6] = { 1, 2, 1, 3, 2, 1 }, y[3] = { 10, 20, 30 };
        size_t n = 0;
        mlci_array out, args[] = { tir_array(MLCI_DT_F32, x, 1, 6, 1, 1),
                                   tir_array(MLCI_DT_F32, y, 1, 3, 1, 1) };

        T_CHECK(run(&a, args, NULL, 0, &out, &n) && out.dims[0] == 3
                && ((float *)out.data)[2] == 36, "%s", a.err.text);
        mlci_delete(ctx, out.data, n, 1);
        x[5] = 9;
        T_CHECK(!run(&a, args, NULL, 0, &out, &n)
                && strstr(a.err.text, "dimension 0 of y is 3, but q is 4") != NULL, "%s",
                a.err.text);
    }
    mlci_text_close(&a.m);
}

static void test_sizes(void)
{
    module a;

    T_CASE("a convolution with symbolic height and width");
    open_text(&a,
        "function main(x: f32[1, 3, h, w], f: f32[8, 3, 3, 3]) -> f32[1, 8, h - 2, w - 2] {\n"
        "    y = conv2d(x, f)\n z = relu(y)\n return z }\n");
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    deduced(&a, "y", "# f32[1, 8, h - 2, w - 2]");
    {
        float x[3 * 4 * 5], f[8 * 27];
        size_t n = 0;
        mlci_array out, args[] = { { x, MLCI_DT_F32, 4, { 1, 3, 4, 5 } },
                                   { f, MLCI_DT_F32, 4, { 8, 3, 3, 3 } } };

        for (int i = 0; i < 60; i++)
            x[i] = 1;
        for (int i = 0; i < 216; i++)
            f[i] = (float)(i / 27);
        T_CHECK(run(&a, args, NULL, 0, &out, &n) && out.dims[2] == 2 && out.dims[3] == 3
                && ((float *)out.data)[6 * 5] == 27 * 5, "%s", a.err.text);
        mlci_delete(ctx, out.data, n, 1);
    }
    mlci_text_close(&a.m);

    T_CASE("2 n + n is 3 n, and (n * 4) / 4 is n, across a call");
    open_text(&a,
        "function same(x: f32[k], y: f32[k]) -> f32[k] { z = add(x, y)\n return z }\n"
        "function main(x: f32[n], a: f32[2*n + n], b: f32[3*n], c: f32[n*4/4]) -> f32[3*n] {\n"
        "    y = call same(a, b)\n d = call same(x, c)\n return y }\n");
    T_CHECK(a.st == MLC_OK, "%s", a.err.text);
    deduced(&a, "y", "# f32[3*n]");
    deduced(&a, "d", "# f32[n]");
    mlci_text_close(&a.m);
}

static void test_refused(void)
{
    static const struct { const char *text, *says; } table[] = {
        { "function main(x: f32[n], y: f32[m]) -> f32[n] { z = add(x, y)\n return z }",
          "add: operand 2, y, is f32[m] where f32[" },
        { "function main(x: f32[n, 8], w: f32[m, 9]) -> f32[n, m] { z = matmul(x, w)\n return z }",
          "matmul: operand 2, w, is f32[m, 9] where f32[" },
        { "function main(x: f32[n]) -> f32[n] { z = nosuch(x)\n return z }", "nosuch" },
        { "function main(x: f32[n]) -> f32[n] { z = silu(y)\n return z }", "unknown value \"y\"" },
        { "function main(x: f32[n]) -> f32[n + 1] { z = silu(x)\n return z }",
          "returns f32[n], not f32[n + 1]" },
        { "function main(x: f32[n]) -> f32[n] { z = call main(x)\n return z }",
          "no function main before" },
        { "function main(x: f32[n]) -> f32[n] { z = match_cast x as f32[a, b]\n return z }",
          "match_cast: operand 1, x, is f32[n]" },
        { "function main(x: f32[n]) -> f32[m] { s = shape[m + 1, n]\n y = reshape(x, s)\n"
          " return y }", "reshape: operand 1, x, is f32[n]" },
        { "function main(x: f32[n]) -> f32[n] { z = scale(x)\n return z }",
          "scale: 1 operands and 1 numbers, not 1 and 0" },
        { "function main(x: f32[n]) -> f32[n] { z = call_tir silu(x) -> f32[2*n]\n return z }",
          "silu gives f32[n], not f32[2*n]" },
        { "nonsense", "line 1: expected \"function\", found \"nonsense\"" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        module a;

        T_CASE("refused: %s", table[i].says);
        open_text(&a, table[i].text);
        T_CHECK(a.st != MLC_OK && strstr(a.err.text, table[i].says) != NULL, "%s", a.err.text);
        mlci_text_close(&a.m);
    }
}

/* ---- passes ------------------------------------------------------------------------ */

/* Decoding, product, bias (twice the same), activation, scaling, and what nobody uses;
 * a cast and a library call that stay. */
static const char chain[] =
    "function main(x: f32[n, 64], q: u8[m, 2, 18], b: f32[m]) -> f32[n, m] {\n"
    "    w = call_tir decode_Q4_0(q) -> f32[m, 64]\n"
    "    y = matmul(x, w)\n"
    "    z = add_vector(y, b)\n"
    "    z2 = add_vector(y, b)\n"
    "    unused = gelu(z2)\n"
    "    s = silu(z)\n"
    "    t = scale(s, 0.5)\n"
    "    c = match_cast t as f32[n, p]\n"
    "    return t\n"
    "}\n";

typedef struct text { char text[8192]; size_t n; } text;

static void take(void *user, const char *p, size_t n)
{
    text *t = user;

    if (t->n + n < sizeof t->text) {
        memcpy(t->text + t->n, p, n);
        t->text[t->n += n] = 0;
    }
}

static size_t count(const char *s, const char *what)
{
    size_t n = 0;

    for (s = strstr(s, what); s != NULL; s = strstr(s + 1, what))
        n++;
    return n;
}

static mlcx_module *open_api(const char *source)
{
    mlcx_module *m = NULL;
    mlc_error err = { 0 };

    T_CHECK(mlcx_module_open(ctx, source, strlen(source), &m, &err) == MLC_OK, "%s", err.text);
    return m;
}

/* main of the module on random numbers: always the same. */
static void numbers(mlcx_module *m, float out[6])
{
    float x[2 * 64], b[3];
    unsigned char q[3 * 2 * 18];
    uint64_t seed = 7;
    mlcx_array args[3] = { { x, "f32", 2, { 2, 64 } }, { q, "u8", 3, { 3, 2, 18 } },
                           { b, "f32", 1, { 3 } } }, result = { NULL, NULL, 0, { 0 } };
    mlc_error err = { 0 };

    for (int i = 0; i < 128; i++)
        x[i] = tir_random(&seed);
    for (int i = 0; i < 108; i++)
        q[i] = (unsigned char)(i % 18 == 1 ? 0x2c : t_rand(&seed));
    for (int i = 0; i < 3; i++)
        b[i] = tir_random(&seed);
    T_CHECK(mlcx_module_run(m, "main", args, 3, &result, &err) == MLC_OK, "%s", err.text);
    memset(out, 0, 6 * sizeof *out);
    if (result.data != NULL)
        memcpy(out, result.data, 6 * sizeof *out);
}

static void near_to(const float *got, const float *want)
{
    for (int i = 0; i < 6; i++)
        T_CHECK(fabsf(got[i] - want[i]) <= 1e-6f * fabsf(want[i]) && want[i] != 0,
                "%d: %g, want %g", i, (double)got[i], (double)want[i]);
}

static void test_passes(void)
{
    float want[6], got[6];
    mlcx_module *m;
    mlc_error err = { 0 };
    text t = { "", 0 };

    T_CASE("common, dead: one sum is left of two, nothing of the unused");
    m = open_api(chain);
    numbers(m, want);
    T_CHECK(mlcx_module_optimize(m, "common,dead", &err) == MLC_OK, "%s", err.text);
    mlcx_module_print(m, take, &t);
    T_CHECK(count(t.text, "add_vector(") == 1 && strstr(t.text, "gelu") == NULL, "%s", t.text);
    T_CHECK(count(t.text, "match_cast t") == 1, "%s", t.text);
    numbers(m, got);
    near_to(got, want);
    T_CASE("fuse: from decoding to scaling one program, without the decoded matrix");
    T_CHECK(mlcx_module_optimize(m, "fuse", &err) == MLC_OK, "%s", err.text);
    t.n = 0;
    mlcx_module_print(m, take, &t);
    T_CHECK(count(t.text, "call_tir") == 1 && count(t.text, "program") == 1
            && count(t.text, "var ") == 1 && strstr(t.text, "matmul") == NULL, "%s", t.text);
    numbers(m, got);
    near_to(got, want);
    mlcx_module_close(m);
    T_CASE("all passes, twice");
    m = open_api(chain);
    T_CHECK(mlcx_module_optimize(m, NULL, &err) == MLC_OK
            && mlcx_module_optimize(m, NULL, &err) == MLC_OK, "%s", err.text);
    numbers(m, got);
    near_to(got, want);
    mlcx_module_close(m);
    T_CASE("what may not be fused: a value that is used twice, a reduction in a product");
    m = open_api("function main(x: f32[n, 64], q: u8[m, 2, 18], b: f32[m]) -> f32[n, m] {\n"
                 "    h = softmax(x)\n    w = call_tir decode_Q4_0(q) -> f32[m, 64]\n"
                 "    y = matmul(h, w)\n    z = add_vector(y, b)\n    s = silu(z)\n"
                 "    t = mul(z, s)\n    return t\n}\n");
    numbers(m, want);
    T_CHECK(mlcx_module_optimize(m, "fuse", &err) == MLC_OK, "%s", err.text);
    t.n = 0;
    mlcx_module_print(m, take, &t);
    T_CHECK(strstr(t.text, "h = softmax(x)") != NULL && count(t.text, "fused") == 4
            && count(t.text, "+=") == 1, "%s", t.text);
    numbers(m, got);
    near_to(got, want);
    mlcx_module_close(m);
}

/* ---- passes of the caller's ------------------------------------------------------------ */

static int no_silu(void *user, const char *p, size_t n, mlcx_text_fn write, void *out)
{
    const char *at = strstr(p, "silu");

    (void)user;
    write(out, p, (size_t)(at - p));
    write(out, "relu", 4);
    write(out, at + 4, n - (size_t)(at + 4 - p));
    return 0;
}

static int nonsense(void *user, const char *p, size_t n, mlcx_text_fn write, void *out)
{
    (void)user, (void)p, (void)n;
    write(out, "function main(", 14);
    return 0;
}

static int nothing(void *user, const char *p, size_t n, mlcx_text_fn write, void *out)
{
    (void)p, (void)n, (void)write, (void)out;
    return *(int *)user;
}

static void test_own_passes(void)
{
    int zero = 0, one = 1;
    float want[6], got[6];
    mlcx_module *m = open_api(chain);
    mlc_error err = { 0 };
    text t = { "", 0 };

    T_CASE("a pass of the caller's between the library's");
    T_CHECK(mlcx_module_pass(m, "no_silu", no_silu, NULL, &err) == MLC_OK
            && mlcx_module_pass(m, "nonsense", nonsense, NULL, &err) == MLC_OK
            && mlcx_module_pass(m, "keep", nothing, &zero, &err) == MLC_OK
            && mlcx_module_pass(m, "fail", nothing, &one, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlcx_module_optimize(m, "dead,no_silu,keep,fuse", &err) == MLC_OK, "%s", err.text);
    mlcx_module_print(m, take, &t);
    T_CHECK(strstr(t.text, "exp(") == NULL && strstr(t.text, "max(") != NULL, "%s", t.text);
    numbers(m, want);
    T_CASE("a pass that fails, or makes no module, is named and changes nothing");
    T_CHECK(mlcx_module_optimize(m, "nonsense", &err) == MLC_EFORMAT
            && strncmp(err.text, "pass nonsense: line 1", 21) == 0, "%s", err.text);
    T_CHECK(mlcx_module_optimize(m, "fail", &err) == MLC_ECANCELED
            && strstr(err.text, "pass fail") != NULL, "%s", err.text);
    T_CHECK(mlcx_module_optimize(m, "nosuch", &err) == MLC_EINVAL
            && strstr(err.text, "pass nosuch") != NULL, "%s", err.text);
    T_CHECK(mlcx_module_pass(m, NULL, nothing, &one, &err) == MLC_EINVAL, "%s", err.text);
    memset(got, 0, sizeof got);
    numbers(m, got);
    T_CHECK(memcmp(got, want, sizeof got) == 0, "changed");
    mlcx_module_close(m);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_mixed();
    test_shapes();
    test_unique();
    test_sizes();
    test_refused();
    test_passes();
    test_own_passes();
    mlc_context_close(ctx);
    return t_done();
}
