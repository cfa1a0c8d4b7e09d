/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tir.c - tensor programs: text and back, types, the interpreter with its
 * checks, patterns computed from loops and what nearly has them.
 */
#include "golden.h"
#include "tir_help.h"
#include "../src/base/half.h"
#include "../src/compiler/library.h"

static mlc_context *ctx;

/* ---- text -------------------------------------------------------------------------- */

static const char norm_text[] =
    "program rms_norm(x: f32[n, d], g: f32[d], eps: f32) -> (y: f32[n, d]) {\n"
    "    var s: f32[n]\n"
    "    for i < n, reduce k < d: s[i] += x[i, k] * x[i, k]\n"
    "    for i < n, j < d: y[i, j] = x[i, j] * rsqrt(s[i] / f32(d) + eps) * g[j]\n"
    "}\n";

static const char decode_text[] =
    "program decode(q: u8[n, k/32, 18]) -> (w: f32[n, k]) {\n"
    "    for i < n, j < k: w[i, j] = f16_bits(q[i, j/32, 0] | q[i, j/32, 1] << 8)"
    " * f32((q[i, j/32, 2 + j%16] >> j%32/16*4 & 15) - 8)\n"
    "}\n";

static void test_text(void)
{
    static const char *const texts[] = { norm_text, decode_text,
        "program odd(x: bf16[n, 2*m], a: i32, b: u32) -> (y: f16[n], z: i8[m]) {\n"
        "    var t: f32[n] @register\n"
        "    for i < n @parallel, reduce k < 2*m @vectorize: t[i] max= abs(x[i, k])\n"
        "    for i < n: y[i] = select(t[i] < inf & i != 3, pow(t[i], 0.5), -1.5e-07)\n"
        "    for i < m: z[i] = (i32(i) - a) % 5 ^ i32(b >> u32(2))\n"
        "}\n" };
    tir_bench b;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mlci_program *p, *q;
        char *once;

        T_CASE("printed, read and printed again: program %zu", i);
        tir_open(&b, ctx);
        p = tir_read(&b, texts[i], 0);
        T_CHECK(p != NULL, "%s", b.err.text);
        if (p == NULL)
            continue;
        once = tir_text(&b, p);
        q = tir_read(&b, once, 0);
        T_CHECK(q != NULL && strcmp(tir_text(&b, q), once) == 0, "%s\n%s", once, b.err.text);
        if (i == 0)
            T_CHECK(strcmp(once, texts[0]) == 0, "%s", once);
        tir_close(&b);
    }
    T_CASE("the same program under other names has the same signature, others have not");
    tir_open(&b, ctx);
    {
        const char *a = "program a(x: f32[n, m]) -> (y: f32[n, m]) {"
                        " for i < n, j < m: y[i, j] = x[i, j] * x[i, j] }";
        const char *c = "program c(u: f32[q, r]) -> (v: f32[q, r]) {"
                        " for s < q, t < r: v[s, t] = u[s, t] * u[s, t] }";
        const char *e = "program e(u: f32[q, r]) -> (v: f32[q, r]) {"
                        " for s < q, t < r: v[s, t] = u[s, t] + u[s, t] }";
        mlci_symbols s;
        mlci_program *p = mlci_program_copy(&b.t, tir_read(&b, a, 0), true, &s);
        char *text = tir_text(&b, p);

        T_CHECK(s.n == 2, "%u symbols", s.n);
        T_CHECK(strcmp(text, tir_text(&b, mlci_program_copy(&b.t, tir_read(&b, c, 0), true,
                                                            NULL))) == 0, "%s", text);
        T_CHECK(strcmp(text, tir_text(&b, mlci_program_copy(&b.t, tir_read(&b, e, 0), true,
                                                            NULL))) != 0, "%s", text);
    }
    tir_close(&b);
    T_CASE("... stands for any number of axes");
    tir_open(&b, ctx);
    for (uint32_t rank = 1; rank < 4; rank++) {
        mlci_program *p = tir_read(&b, "program f(x: f32[..., d], g: f32[d]) -> (y: f32[..., d]) {"
                                       " for ..., j < d: y[..., j] = x[..., j] * g[j] }", rank);

        T_CHECK(p != NULL && p->buffers[0].rank == rank + 1 && p->stages[0].n_axes == rank + 1,
                "rank %u: %s", rank, b.err.text);
    }
    tir_close(&b);
}

static void test_errors(void)
{
    static const struct { const char *text, *says; } table[] = {
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[j] }", "unknown name \"j\"" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[i, i] }", "has 1 dimensions" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < m: y[i] = x[i] }", "unknown size \"m\"" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: x[i] = x[i] }", "is an input" },
        { "program p(x: f32[n]) -> (y: f32[n]) { }", "y is never written" },
        { "program p(x: f32[n]) -> (y: f32[n]) { var z: f32[n] for i < n: y[i] = z[i] }",
          "read before it is written" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n, reduce k < n: y[i] = x[k] }",
          "needs +=" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n, k < n: y[i] += x[k] }",
          "neither reduced nor in the index" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n, reduce k < n: y[i + k] += x[i] }",
          "reduced and in the index" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n, i < n: y[i] = x[i] }",
          "two loops over i" },
        { "program p(x: f32[n]) -> (y: i32[n]) { for i < n: y[i] = x[i] }", "stored as i32" },
        { "program p(x: f32[n], q: i32[n]) -> (y: f32[n]) { for i < n: y[i] = x[i] + q[i] }",
          "write a cast" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[x[i]] }", "not an integer" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = sing(x[i]) }",
          "no function sing of 1" },
        { "program p(x: f32[n]) -> (y: f32[n])\n{ for i < n:\n y[i] = }",
          "line 3: expected a value" },
        { "program p(x: f33[n]) -> (y: f32[n]) { }", "unknown type \"f33\"" },
        { "program p(x: f32[n/0]) -> (y: f32[n]) { }", "divided by zero" },
        { "program p(x: f32[n], x: f32[n]) -> (y: f32[n]) { }", "two buffers called x" },
        { "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[i]", "expected \"}\"" },
    };
    char deep[1024] = "program p(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = ";
    tir_bench b;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        T_CASE("refused: %s", table[i].says);
        tir_open(&b, ctx);
        T_CHECK(tir_read(&b, table[i].text, 0) == NULL && strstr(b.err.text, table[i].says) != NULL,
                "%s", b.err.text);
        tir_close(&b);
    }
    T_CASE("refused: nested too deep");
    memset(deep + strlen(deep), '(', 500);
    tir_open(&b, ctx);
    T_CHECK(tir_read(&b, deep, 0) == NULL && strstr(b.err.text, "deep") != NULL, "%s", b.err.text);
    tir_close(&b);
}

/* ---- running ------------------------------------------------------------------------- */

static void test_run(void)
{
    tir_bench b;
    float x[3][8], g[8], eps = 1e-5f, y[3][8];
    uint64_t seed = t_seed;

    T_CASE("rms_norm is what it says");
    tir_open(&b, ctx);
    for (int i = 0; i < 24; i++)
        x[i / 8][i % 8] = tir_random(&seed), g[i % 8] = tir_random(&seed);
    {
        mlci_array a[] = { tir_array(MLCI_DT_F32, x, 2, 3, 8, 1),
                           tir_array(MLCI_DT_F32, g, 1, 8, 1, 1),
                           tir_array(MLCI_DT_F32, &eps, 0, 1, 1, 1),
                           tir_array(MLCI_DT_F32, y, 2, 3, 8, 1) };
        mlci_program *p = tir_read(&b, norm_text, 0);

        T_CHECK(mlci_interpret(&b.t, ctx, p, a, 1000) == MLC_OK, "%s", b.err.text);
        for (int i = 0; i < 3; i++) {
            double s = 0;

            for (int k = 0; k < 8; k++)
                s += (double)x[i][k] * x[i][k];
            for (int k = 0; k < 8; k++) {
                double want = x[i][k] / sqrt((double)(float)s / 8 + (double)eps) * g[k];

                T_CHECK(fabs(y[i][k] - want) <= 1e-6 * fabs(want) + 1e-30, "%g %g", y[i][k], want);
            }
        }
        a[1].dims[0] = 7;
        T_CHECK(mlci_interpret(&b.t, ctx, p, a, 1000) != MLC_OK
                && strstr(b.err.text, "rms_norm: g, dimension 0: 7") != NULL, "%s", b.err.text);
        b.t.status = MLC_OK;
        a[1].dims[0] = 8;
        T_CHECK(mlci_interpret(&b.t, ctx, p, a, 20) == MLC_ECANCELED, "a budget of 20");
    }
    tir_close(&b);
}

static void test_run_bytes(void)
{
    tir_bench b;
    float w[2][64];
    unsigned char q[2][2][18];
    uint64_t seed = t_seed;

    T_CASE("a block format decoded");
    tir_open(&b, ctx);
    for (size_t i = 0; i < sizeof q; i++)
        (&q[0][0][0])[i] = (unsigned char)t_rand(&seed);
    for (int i = 0; i < 4; i++)
        q[i / 2][i % 2][1] &= 0x3b;          /* a finite scale */
    {
        mlci_array a[] = { tir_array(MLCI_DT_U8, q, 3, 2, 2, 18),
                           tir_array(MLCI_DT_F32, w, 2, 2, 64, 1) };
        mlci_program *p = tir_read(&b, decode_text, 0);

        T_CHECK(p != NULL && mlci_interpret(&b.t, ctx, p, a, 1000) == MLC_OK, "%s", b.err.text);
        for (int i = 0; i < 128 && p != NULL; i++) {
            const unsigned char *block = q[i / 64][i % 64 / 32];
            int k = i % 32, code = block[2 + k % 16] >> (k / 16 * 4) & 15;

            T_CHECK(w[i / 64][i % 64] == mlci_f16_at(block) * (float)(code - 8), "value %d", i);
        }
    }
    tir_close(&b);
}

static void test_run_integers(void)
{
    tir_bench b;

    T_CASE("an index outside its buffer is named; select guards one");
    tir_open(&b, ctx);
    {
        int32_t ids[4] = { 0, 2, 3, -1 };
        float t[3] = { 10, 20, 30 }, out[4];
        mlci_array a[] = { tir_array(MLCI_DT_I32, ids, 1, 4, 1, 1),
                           tir_array(MLCI_DT_F32, t, 1, 3, 1, 1),
                           tir_array(MLCI_DT_F32, out, 1, 4, 1, 1) };

        T_CHECK(mlci_interpret(&b.t, ctx, tir_read(&b,
            "program take(ids: i32[n], t: f32[v]) -> (y: f32[n]) {"
            " for i < n: y[i] = select(ids[i] >= 0 & ids[i] < v, t[ids[i]], -1.0) }", 0),
            a, 100) == MLC_OK, "%s", b.err.text);
        T_CHECK(out[0] == 10 && out[1] == 30 && out[2] == -1 && out[3] == -1, "values");
        T_CHECK(mlci_interpret(&b.t, ctx, tir_read(&b,
            "program take(ids: i32[n], t: f32[v]) -> (y: f32[n]) {"
            " for i < n: y[i] = t[ids[i]] }", 0), a, 100) != MLC_OK
            && strstr(b.err.text, "index 3 of t, dimension 0, is outside [0, 3)") != NULL,
            "%s", b.err.text);
    }
    tir_close(&b);

    T_CASE("integers wrap, shifts end, division rounds down");
    tir_open(&b, ctx);
    {
        int32_t in[2] = { INT32_MAX, -7 }, out[5];
        mlci_array a[] = { tir_array(MLCI_DT_I32, in, 1, 2, 1, 1),
                           tir_array(MLCI_DT_I32, out, 1, 5, 1, 1) };

        T_CHECK(mlci_interpret(&b.t, ctx, tir_read(&b,
            "program w(x: i32[2]) -> (y: i32[5]) {"
            " for i < 1: y[i] = x[0] + 1\n for i < 1: y[i + 1] = x[1] / 2\n"
            " for i < 1: y[i + 2] = x[1] % 3\n for i < 1: y[i + 3] = x[0] << 40\n"
            " for i < 1: y[i + 4] = i32(trunc_is_cast) }", 0), a, 100) != MLC_OK, "no such name");
        b.t.status = MLC_OK;
        T_CHECK(mlci_interpret(&b.t, ctx, tir_read(&b,
            "program w(x: i32[2]) -> (y: i32[5]) {"
            " for i < 1: y[i] = x[0] + 1\n for i < 1: y[i + 1] = x[1] / 2\n"
            " for i < 1: y[i + 2] = x[1] % 3\n for i < 1: y[i + 3] = x[0] << 40\n"
            " for i < 1: y[i + 4] = i32(-2.9) }", 0), a, 100) == MLC_OK, "%s", b.err.text);
        T_CHECK(out[0] == INT32_MIN && out[1] == -4 && out[2] == 2 && out[3] == 0 && out[4] == -2,
                "%d %d %d %d %d", out[0], out[1], out[2], out[3], out[4]);
    }
    tir_close(&b);
}

/* ---- patterns ---------------------------------------------------------------------------- */

static void test_patterns(void)
{
    static const struct { const char *name, *text; mlci_pattern want; } table[] = {
        { "same place", "(x: f32[n, m], z: f32[n, m]) -> (y: f32[n, m]) {"
          " for i < n, j < m: y[i, j] = x[i, j] + z[i, j] }", MLCI_ELEMENTWISE },
        { "loops in another order", "(x: f32[n, m]) -> (y: f32[n, m]) {"
          " for j < m, i < n: y[i, j] = x[i, j] }", MLCI_ELEMENTWISE },
        { "a vector along rows", "(x: f32[n, m], g: f32[m]) -> (y: f32[n, m]) {"
          " for i < n, j < m: y[i, j] = x[i, j] + g[j] }", MLCI_BROADCAST },
        { "a square's transpose is not element-wise", "(x: f32[n, n]) -> (y: f32[n, n]) {"
          " for i < n, j < n: y[i, j] = x[j, i] }", MLCI_INJECTIVE },
        { "axes out of order are no broadcast", "(x: f32[b, a]) -> (y: f32[a, b, c]) {"
          " for i < a, j < b, k < c: y[i, j, k] = x[j, i] }", MLCI_INJECTIVE },
        { "shifted", "(x: f32[n + 1]) -> (y: f32[n]) { for i < n: y[i] = x[i + 1] }",
          MLCI_INJECTIVE },
        { "reshape", "(x: f32[n, a*b]) -> (y: f32[n, a, b]) {"
          " for i < n, j < a, k < b: y[i, j, k] = x[i, b*j + k] }", MLCI_INJECTIVE },
        { "gather", "(x: f32[v], ids: i32[n]) -> (y: f32[n]) { for i < n: y[i] = x[ids[i]] }",
          MLCI_INJECTIVE },
        { "halves cover the whole", "(x: f32[n, 2*h]) -> (y: f32[n, 2*h]) {"
          " for i < n, j < h: y[i, j] = x[i, j + h]\n for i < n, j < h: y[i, j + h] = x[i, j] }",
          MLCI_INJECTIVE },
        { "pairs cover the whole", "(x: f32[2*h]) -> (y: f32[2*h]) {"
          " for j < h: y[2*j] = x[2*j + 1]\n for j < h: y[2*j + 1] = x[2*j] }", MLCI_INJECTIVE },
        { "halves that leave a gap", "(x: f32[n, 3*h]) -> (y: f32[n, 3*h]) {"
          " for i < n, j < h: y[i, j] = x[i, j + h]\n for i < n, j < h: y[i, j + h] = x[i, j] }",
          MLCI_OPAQUE },
        { "halves that overlap", "(x: f32[2*h]) -> (y: f32[2*h]) {"
          " for j < h: y[j] = x[j]\n for j < h: y[j + h - 1] = x[j] }", MLCI_OPAQUE },
        { "every other one", "(x: f32[h]) -> (y: f32[2*h]) { for j < h: y[2*j] = x[j] }",
          MLCI_OPAQUE },
        { "sum", "(x: f32[n, m]) -> (y: f32[n]) { for i < n, reduce k < m: y[i] += x[i, k] }",
          MLCI_REDUCTION },
        { "sum of squares is no contraction", "(x: f32[n, m]) -> (y: f32[n]) {"
          " for i < n, reduce k < m: y[i] += x[i, k] * x[i, k] }", MLCI_REDUCTION },
        { "a factor outside the sum is no contraction", "(x: f32[n, m], s: f32[n]) -> (y: f32[n])"
          " { for i < n, reduce k < m: y[i] += x[i, k] * s[i] }", MLCI_REDUCTION },
        { "a largest product is no contraction", "(x: f32[n, k], w: f32[m, k]) -> (y: f32[n, m])"
          " { for i < n, j < m, reduce l < k: y[i, j] max= x[i, l] * w[j, l] }", MLCI_REDUCTION },
        { "matmul", "(x: f32[n, k], w: f32[m, k]) -> (y: f32[n, m])"
          " { for i < n, j < m, reduce l < k: y[i, j] += x[i, l] * w[j, l] }", MLCI_OUT_FUSIBLE },
        { "norm: reduction, then broadcast", "(x: f32[n, d]) -> (y: f32[n, d]) {"
          " var s: f32[n] for i < n, reduce k < d: s[i] += x[i, k] * x[i, k]\n"
          " for i < n, j < d: y[i, j] = x[i, j] * s[i] }", MLCI_REDUCTION },
        { "decode, then matmul", "(x: f32[n, k], q: i8[m, k]) -> (y: f32[n, m]) {"
          " var w: f32[m, k] for j < m, l < k: w[j, l] = f32(q[j, l])\n"
          " for i < n, j < m, reduce l < k: y[i, j] += x[i, l] * w[j, l] }", MLCI_OUT_FUSIBLE },
        { "scatter", "(x: f32[n], ids: i32[n]) -> (y: f32[v]) { for i < n: y[ids[i]] = x[i] }",
          MLCI_OPAQUE },
        { "diagonal", "(x: f32[n]) -> (y: f32[n, n]) { for i < n: y[i, i] = x[i] }", MLCI_OPAQUE },
        { "written by many", "(x: f32[n, m]) -> (y: f32[n]) {"
          " for i < n, j < m: y[i] = x[i, j] }", MLCI_OPAQUE },
        { "one row too few", "(x: f32[n + 1]) -> (y: f32[n + 1]) { for i < n: y[i] = x[i] }",
          MLCI_OPAQUE },
        { "written twice", "(x: f32[n]) -> (y: f32[n]) {"
          " for i < n: y[i] = x[i]\n for i < n: y[i] = x[i] * 2.0 }", MLCI_OPAQUE },
    };
    tir_bench b;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[600];
        mlci_program *p;
        mlci_pattern got;

        T_CASE("pattern: %s", table[i].name);
        snprintf(text, sizeof text, "program p%s", table[i].text);
        tir_open(&b, ctx);
        p = tir_read(&b, text, 0);
        T_CHECK(p != NULL, "%s", b.err.text);
        if (p != NULL) {
            got = mlci_program_pattern(&b.t, p);
            T_CHECK(got == table[i].want, "%s, want %s", mlci_pattern_names[got],
                    mlci_pattern_names[table[i].want]);
        }
        tir_close(&b);
    }
}

/* ---- definitions ------------------------------------------------------------------------- */

static void test_definitions(void)
{
    tir_bench b;
    mlci_library l;
    const char *name;
    bool rest;

    T_CASE("every definition can be read, at every rank, and printed back");
    tir_open(&b, ctx);
    T_CHECK(mlci_library_init(&l, &b.t) == MLC_OK, "%s", b.err.text);
    for (uint32_t i = 0; mlci_library_name(&l, i, &name, &rest); i++)
        for (uint32_t rank = 1; rank < (rest ? 4u : 2u); rank++) {
            const mlci_program *p = mlci_library_find(&l, name, rank);

            T_CHECK(p != NULL, "%s: %s", name, b.err.text);
            if (p == NULL)
                return;
            T_CHECK(mlci_program_pattern(&b.t, p) != MLCI_OPAQUE, "%s is opaque", name);
            T_CHECK(tir_read(&b, tir_text(&b, p), 0) != NULL, "%s: %s", tir_text(&b, p),
                    b.err.text);
        }
    T_CHECK(mlci_library_find(&l, "none such", 1) == NULL && b.t.status == MLC_OK, "unknown");
    tir_close(&b);
}

/* Blocks decoded by the definition are what GGUF's own reader makes of them. */
static void test_formats(void)
{
    for (int f = MLCI_F32 + 1; f < MLCI_FORMAT_COUNT; f++) {
        const mlci_format_info *info = &mlci_format_table[f];
        const bool is_float = info->block_items == 1;
        char name[32];
        size_t n = 0, n_want = 0;
        void *bytes, *want;
        float *out;
        tir_bench b;
        mlci_library l;

        T_CASE("decode_%s", info->name);
        snprintf(name, sizeof name, "%s%s", info->name,
                 data_exists(data_path("golden/gguf_blocks/%s.bin", info->name)) ? ""
                                                                              : "-random");
        bytes = data_read(data_path("golden/gguf_blocks/%s.bin", name), &n);
        want = data_read(data_path("golden/gguf_blocks/%s.f32", name), &n_want);
        if (bytes == NULL || want == NULL) {
            t_skip("no golden data");
            continue;
        }
        tir_open(&b, ctx);
        snprintf(name, sizeof name, "decode_%s", info->name);
        T_CHECK(mlci_library_init(&l, &b.t) == MLC_OK, "%s", b.err.text);
        out = calloc(n_want, 1);
        {
            int64_t items = (int64_t)n_want / 4, blocks = items / info->block_items;
            mlci_array a[] = { is_float
                ? tir_array(f == MLCI_F16 ? MLCI_DT_F16
                            : MLCI_DT_BF16, bytes, 2, 1, items, 1)
                : tir_array(MLCI_DT_U8, bytes, 3, 1, blocks, info->block_bytes),
                tir_array(MLCI_DT_F32, out, 2, 1, items, 1) };
            const mlci_program *p = mlci_library_find(&l, name, 0);

            T_CHECK(p != NULL && mlci_interpret(&b.t, ctx, p, a, UINT64_MAX) == MLC_OK, "%s",
                    b.err.text);
        }
        {
            const float *w = want;
            size_t bad = 0;

            /* the definition rounds once, the reader after each product */
            for (size_t i = 0; i < n_want / 4; i++)
                bad += !(fabs((double)out[i] - (double)w[i]) <= 3e-7 * fabs((double)w[i])
                         || fabs((double)out[i] - (double)w[i]) <= 1e-6 * 1e-3
                         || (isnan(out[i]) && isnan(w[i])));
            T_CHECK(bad == 0, "%zu of %zu values differ", bad, n_want / 4);
        }
        free(out);
        free(bytes);
        free(want);
        tir_close(&b);
    }
}

/* ---- merging ------------------------------------------------------------------------------ */

/* Two programs from different texts become one loop that decodes as it goes. */
static void test_merge(void)
{
    tir_bench b;
    mlci_library l;
    mlci_merged m = { 0 };
    mlci_part parts[2];
    const uint32_t outs[1] = { 4 };
    mlci_program *s = NULL;
    float x[2][64], y[2][3], z[2][3], w[3][64];
    unsigned char q[3][2][18];
    uint64_t seed = t_seed;

    T_CASE("decode_Q4_0 and matmul, merged: no decoded weights are left");
    tir_open(&b, ctx);
    T_CHECK(mlci_library_init(&l, &b.t) == MLC_OK, "%s", b.err.text);
    parts[0] = (mlci_part){ mlci_library_find(&l, "decode_Q4_0", 0), { 1, 2 } };
    parts[1] = (mlci_part){ mlci_library_find(&l, "matmul", 0), { 3, 2, 4 } };
    T_CHECK(mlci_tir_merge(&b.t, "fused", parts, 2, outs, 1, &m), "%s", b.err.text);
    if (m.program != NULL)
        s = mlci_tir_schedule(&b.t, m.program, MLCI_TARGET_CPU);
    T_CHECK(s != NULL, "%s", b.err.text);
    if (s == NULL)
        return;
    T_CHECK(m.program->n_buffers == 4 && s->n_buffers == 3 && s->n_stages == 1
            && s->n_outer == 2, "%s", tir_text(&b, s));
    T_CHECK(mlci_program_pattern(&b.t, m.program) == MLCI_OUT_FUSIBLE, "pattern");
    T_CHECK(strstr(tir_text(&b, s), "@parallel") != NULL
            && strstr(tir_text(&b, s), "@unroll") != NULL, "%s", tir_text(&b, s));
    for (size_t i = 0; i < sizeof q; i++)
        (&q[0][0][0])[i] = (unsigned char)t_rand(&seed);
    for (int i = 0; i < 6; i++)
        q[i / 2][i % 2][1] = 0x2c;
    for (int i = 0; i < 128; i++)
        x[i / 64][i % 64] = tir_random(&seed);
    {
        mlci_array decode[] = { tir_array(MLCI_DT_U8, q, 3, 3, 2, 18),
                                tir_array(MLCI_DT_F32, w, 2, 3, 64, 1) };
        mlci_array product[] = { tir_array(MLCI_DT_F32, x, 2, 2, 64, 1), decode[1],
                                 tir_array(MLCI_DT_F32, z, 2, 2, 3, 1) };
        mlci_array fused[MLCI_MAX_BUFFERS];

        for (uint32_t i = 0; i < m.program->n_params; i++)
            fused[i] = m.values[i] == 1 ? decode[0] : product[0];
        fused[2] = tir_array(MLCI_DT_F32, y, 2, 2, 3, 1);
        T_CHECK(mlci_interpret(&b.t, ctx, parts[0].program, decode, 10000) == MLC_OK
                && mlci_interpret(&b.t, ctx, parts[1].program, product, 10000) == MLC_OK
                && mlci_interpret(&b.t, ctx, s, fused, 10000) == MLC_OK, "%s", b.err.text);
        for (int i = 0; i < 6; i++)
            T_CHECK(fabs((double)y[i / 3][i % 3] - (double)z[i / 3][i % 3]) < 1e-5, "%g %g",
                    (double)y[i / 3][i % 3], (double)z[i / 3][i % 3]);
    }
    tir_close(&b);
}

static void test_merge_sizes(void)
{
    tir_bench b;
    mlci_library l;
    mlci_merged m = { 0 };
    mlci_part parts[2];
    const uint32_t outs[1] = { 4 };
    mlci_program *s;

    T_CASE("a norm into a product: two reductions over different loops stay apart");
    tir_open(&b, ctx);
    T_CHECK(mlci_library_init(&l, &b.t) == MLC_OK, "%s", b.err.text);
    parts[0] = (mlci_part){ mlci_library_find(&l, "rms_norm", 1), { 1, 5, 0, 2 } };
    parts[1] = (mlci_part){ mlci_library_find(&l, "matmul", 0), { 2, 3, 4 } };
    T_CHECK(mlci_tir_merge(&b.t, "fused", parts, 2, outs, 1, &m), "%s", b.err.text);
    T_CHECK(mlci_tir_schedule(&b.t, m.program, MLCI_TARGET_CPU) == NULL && b.t.status == MLC_OK,
            "%s", b.err.text);
    tir_close(&b);

    T_CASE("sizes that cannot be one keep programs apart");
    tir_open(&b, ctx);
    parts[0] = (mlci_part){ tir_read(&b, "program a(x: f32[n]) -> (y: f32[n + 1]) {"
                                         " for i < n + 1: y[i] = 1.0 }", 0), { 1, 2 } };
    parts[1] = (mlci_part){ tir_read(&b, "program b(x: f32[7]) -> (y: f32[7]) {"
                                         " for i < 7: y[i] = x[i] }", 0), { 2, 4 } };
    T_CHECK(mlci_tir_merge(&b.t, "ok", parts, 2, outs, 1, &m)
            && m.program->buffers[0].dims[0] == mlci_dim_const(&b.dims, 6), "n = 6");
    parts[0].program = tir_read(&b, "program a(x: f32[n]) -> (y: f32[8]) {"
                                    " for i < 8: y[i] = 1.0 }", 0);
    T_CHECK(!mlci_tir_merge(&b.t, "not", parts, 2, outs, 1, &m) && b.t.status == MLC_OK, "8 = 7");
    tir_close(&b);

    T_CASE("a value used at two places is computed at both");
    tir_open(&b, ctx);
    parts[0] = (mlci_part){ tir_read(&b, "program a(x: f32[n]) -> (y: f32[n]) {"
                                         " for i < n: y[i] = x[i] * 2.0 }", 0), { 1, 2 } };
    parts[1] = (mlci_part){ tir_read(&b, "program b(x: f32[2*n]) -> (y: f32[n]) {"
                                         " for i < n: y[i] = x[i] - x[i + n] }", 0), { 2, 4 } };
    T_CHECK(mlci_tir_merge(&b.t, "twice", parts, 2, outs, 1, &m), "%s", b.err.text);
    s = mlci_tir_schedule(&b.t, m.program, MLCI_TARGET_GPU);
    T_CHECK(s != NULL && strstr(tir_text(&b, s), "] * 2.0 - x") != NULL, "%s",
            s != NULL ? tir_text(&b, s) : b.err.text);
    tir_close(&b);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_text();
    test_errors();
    test_run();
    test_run_bytes();
    test_run_integers();
    test_patterns();
    test_definitions();
    test_formats();
    test_merge();
    test_merge_sizes();
    mlc_context_close(ctx);
    return t_done();
}
