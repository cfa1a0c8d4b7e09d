/* SPDX-License-Identifier: Apache-2.0
 *
 * test_compiler.c - symbolic dims, shape deduction, passes and the memory plan, on
 * small modules and on the tiny models' graphs.
 */
#include "small_graph.h"
#include "../models/models.h"
#include "../src/compiler/pass.h"
#include "../src/load/gguf.h"

/* ---- dims ------------------------------------------------------------------------ */

static void test_dims(void)
{
    mlci_arena a;
    mlci_dims d;
    mlci_dim n, r, k, four, two, three, sum;
    int64_t at[MLCI_MODEL_VALUES] = { 0, 10, 3 };
    int64_t v = 0, low, high;
    char text[80];

    T_CASE("dims: equal exactly if their numbers are");
    mlci_arena_init(&a, ctx, 1 << 20);
    mlci_dims_init(&d, &a);
    n = mlci_dim_symbol(&d, "n", 100);
    r = mlci_dim_symbol(&d, "r", 5);
    k = mlci_dim_fresh(&d, "k", 31);
    two = mlci_dim_const(&d, 2), three = mlci_dim_const(&d, 3);
    T_CHECK(mlci_dim_add(&d, mlci_dim_mul(&d, two, n), n) == mlci_dim_mul(&d, n, three),
            "2n + n = 3n");
    T_CHECK(mlci_dim_mul(&d, mlci_dim_add(&d, n, two), mlci_dim_add(&d, r, three))
            == mlci_dim_add(&d, mlci_dim_add(&d, mlci_dim_mul(&d, r, n),
                                             mlci_dim_mul(&d, three, n)),
                            mlci_dim_add(&d, mlci_dim_const(&d, 6),
                                         mlci_dim_mul(&d, two, r))),
            "(n + 2)(r + 3) = rn + 3n + 6 + 2r");
    T_CHECK(n != r && mlci_dim_mul(&d, two, n) != n, "different dims");
    T_CHECK(mlci_dim_mul(&d, n, mlci_dim_const(&d, 0)) == mlci_dim_const(&d, 0), "zero");
    T_CHECK(mlci_dim_known(&d, mlci_dim_mul(&d, two, three), &v) && v == 6, "constant");
    T_CHECK(!mlci_dim_known(&d, n, &v), "a symbol is not known");
    four = mlci_dim_const(&d, 4);
    T_CHECK(mlci_dim_div(&d, mlci_dim_mul(&d, n, four), four) == n,
            "(n * 4) / 4 = n");
    T_CHECK(mlci_dim_div(&d, mlci_dim_mul(&d, n, r), r) == n, "(n r) / r = n");
    T_CHECK(mlci_dim_div(&d, mlci_dim_add(&d, mlci_dim_mul(&d, n, mlci_dim_const(&d, 32)), k),
                         mlci_dim_const(&d, 32)) == n, "(32 n + k) / 32 = n, k < 32");
    T_CHECK(mlci_dim_mod(&d, mlci_dim_add(&d, mlci_dim_mul(&d, n, mlci_dim_const(&d, 32)), k),
                         mlci_dim_const(&d, 32)) == k, "(32 n + k) %% 32 = k");
    T_CHECK(mlci_dim_add(&d, mlci_dim_mul(&d, three, mlci_dim_div(&d, n, three)),
                         mlci_dim_mod(&d, n, three)) == n, "3 (n / 3) + n %% 3 = n");
    T_CHECK(mlci_dim_div(&d, mlci_dim_div(&d, n, two), three)
            == mlci_dim_div(&d, n, mlci_dim_const(&d, 6)), "n / 2 / 3 = n / 6");
    T_CHECK(mlci_dim_div(&d, mlci_dim_add(&d, n, two), two)
            == mlci_dim_add(&d, mlci_dim_div(&d, n, two), mlci_dim_const(&d, 1)),
            "(n + 2) / 2 = n / 2 + 1");
    T_CHECK(mlci_dim_div(&d, n, two)
            != mlci_dim_div(&d, mlci_dim_add(&d, n, mlci_dim_const(&d, 1)), two),
            "n / 2 is not (n + 1) / 2");
    sum = mlci_dim_sub(&d, mlci_dim_div(&d, n, three), mlci_dim_mod(&d, r, two));
    T_CHECK(mlci_dim_at(&d, sum, at, 3, &v) && v == 2, "10 / 3 - 3 %% 2 = %lld", (long long)v);
    mlci_dim_print(&d, sum, text, sizeof text);
    T_CHECK(strcmp(text, "(n/3) - (r%2)") == 0 || strcmp(text, "-(r%2) + (n/3)") == 0, "%s", text);
    mlci_dim_range(&d, mlci_dim_sub(&d, n, r), &low, &high);
    T_CHECK(low == -5 && high == 100, "n - r in [%lld, %lld]", (long long)low, (long long)high);
    sum = mlci_dim_add(&d, mlci_dim_mul(&d, mlci_dim_mul(&d, n, n), r), three);
    T_CHECK(mlci_dim_at(&d, sum, at, 3, &v) && v == 303, "n n r + 3");
    mlci_dim_print(&d, mlci_dim_add(&d, mlci_dim_mul(&d, two, n), three), text, sizeof text);
    T_CHECK(strcmp(text, "2*n + 3") == 0, "%s", text);
    T_CHECK(!d.failed, "all of this fits");

    T_CASE("dims: overflow is an error, not a number");
    at[1] = INT64_MAX;
    T_CHECK(!mlci_dim_at(&d, mlci_dim_mul(&d, n, n), at, 3, &v), "n n at 2^63 - 1");
    mlci_dim_mul(&d, mlci_dim_const(&d, INT64_MAX), two);
    T_CHECK(d.failed, "2^63 * 2");
    mlci_arena_reset(&a);
}

/* ---- deduction -------------------------------------------------------------------- */

static void check_type(const small *s, uint32_t node, const char *want)
{
    char text[96];

    mlci_type_print(&s->m.dims, &s->m.nodes[node].type, text, sizeof text);
    T_CHECK(strcmp(text, want) == 0, "%s, want %s", text, want);
}

static void test_deduce(void)
{
    small s;
    uint32_t x, y, q;

    T_CASE("shapes are deduced");
    x = small_begin(&s);
    check_type(&s, x, "f32[n, 32]");
    y = mlci_matmul(&s.m, x, mlci_weight(&s.m, "96x32", 0, 96, 32));
    check_type(&s, y, "f32[n, 96]");
    q = mlci_heads(&s.m, y, 3, 32);
    check_type(&s, q, "f32[n, 3, 32]");
    check_type(&s, mlci_flat(&s.m, q), "f32[n, 96]");
    check_type(&s, mlci_take(&s.m, y, s.m.logit_rows), "f32[r, 96]");
    check_type(&s, mlci_rms_norm(&s.m, q, mlci_vector(&s.m, "32", 0, 32), 1e-5f),
               "f32[n, 3, 32]");
    T_CHECK(s.m.tir.status == MLC_OK, "%s", s.err.text);
    small_end(&s);

    T_CASE("a shape error names operator and shapes, and sticks");
    x = small_begin(&s);
    y = mlci_matmul(&s.m, x, mlci_weight(&s.m, "96x64", 0, 96, 64));
    T_CHECK(y == 0 && s.m.tir.status != MLC_OK && strstr(s.err.text, "matmul") != NULL
            && strstr(s.err.text, "[n, 32]") != NULL && strstr(s.err.text, "[96, 64]") != NULL,
            "%s", s.err.text);
    T_CHECK(mlci_add_op(&s.m, x, x) == 0, "nothing more is built");
    small_end(&s);

    T_CASE("add: shapes differ");
    x = small_begin(&s);
    mlci_add_op(&s.m, x, mlci_matmul(&s.m, x, mlci_weight(&s.m, "64x32", 0, 64, 32)));
    T_CHECK(s.m.tir.status != MLC_OK && strstr(s.err.text, "add") != NULL, "%s", s.err.text);
    small_end(&s);

    T_CASE("reshape: elements differ");
    x = small_begin(&s);
    mlci_heads(&s.m, x, 3, 32);
    T_CHECK(s.m.tir.status != MLC_OK && strstr(s.err.text, "reshape") != NULL, "%s", s.err.text);
    small_end(&s);

    T_CASE("a tensor of another shape than the model wants");
    small_begin(&s);
    mlci_weight(&s.m, "96x64", 0, 96, 32);
    T_CHECK(s.m.tir.status == MLC_EFORMAT && strstr(s.err.text, "96x64") != NULL, "%s",
            s.err.text);
    small_end(&s);

    T_CASE("a tensor that is missing");
    small_begin(&s);
    mlci_weight(&s.m, "blk.%u.none", 7, 96, 32);
    T_CHECK(s.m.tir.status == MLC_EFORMAT && strstr(s.err.text, "blk.7.none") != NULL, "%s",
            s.err.text);
    small_end(&s);
}

/* ---- memory -------------------------------------------------------------------------- */

static size_t slot_bytes(const mlci_module *m, const mlci_slot *s, const int64_t *values)
{
    int64_t n = 0;

    T_CHECK(mlci_dim_at(&m->dims, s->elements, values, MLCI_MODEL_VALUES, &n), "size");
    return (size_t)n * 4;
}

/* Values whose lives overlap must not share a byte. */
/* tight: as it is used; without a pass some gaps are left. */
static void check_memory(const mlci_module *m, const mlci_plan *p, int64_t rows, bool tight)
{
    const int64_t values[MLCI_MODEL_VALUES] = { 0, rows, rows < 4 ? rows : 4 };
    size_t *at = calloc(p->n_slots, sizeof *at), bad = 0, largest = 0;
    size_t total = mlci_plan_place(m, p, values, at), sum = 0, peak = 0;

    for (size_t i = 0; i < p->n_slots; i++) {
        const mlci_slot *a = &p->slots[i];
        size_t na = slot_bytes(m, a, values);

        sum += na;
        largest = na > largest ? na : largest;
        T_CHECK(at[i] % 64 == 0 && at[i] + na <= total, "slot %zu: outside", i);
        for (size_t j = 0; j < i; j++) {
            const mlci_slot *b = &p->slots[j];
            size_t nb = slot_bytes(m, b, values);

            bad += a->first <= b->last && b->first <= a->last && at[i] < at[j] + nb
                && at[j] < at[i] + na;
        }
    }
    T_CHECK(bad == 0, "%zu pairs overlap", bad);
    for (uint32_t c = 0; c <= p->n_calls; c++) {
        size_t live = 0;

        for (size_t i = 0; i < p->n_slots; i++)
            live += p->slots[i].first <= c && c <= p->slots[i].last
                  ? (slot_bytes(m, &p->slots[i], values) + 63) / 64 * 64 : 0;
        peak = live > peak ? live : peak;
    }
    T_CHECK(!tight || total <= peak + peak / 10, "%zu bytes planned, at most %zu live at once",
            total, peak);
    T_CHECK(total >= largest && total < sum, "%zu bytes planned; sum %zu", total, sum);
    free(at);
}

/* A value is read after the call that made it. */
static void check_order(const mlci_module *m, const mlci_plan *p)
{
    for (size_t i = 0; i < p->n_slots; i++)
        T_CHECK(p->slots[i].first <= p->slots[i].last && p->slots[i].last <= p->n_calls,
                "slot %zu lives from %u to %u", i, p->slots[i].first, p->slots[i].last);
    for (size_t i = 0; i < p->n_calls; i++)
        T_CHECK(p->calls[i].node > 0 && p->calls[i].node < m->n_nodes, "call %zu", i);
}

static void test_model(const char *path, size_t calls_per_layer, size_t others)
{
    static const char *const withouts[] = { "", "merge", "decode", "prologue", "epilogue",
                                            "fuse_ops",
                                            "merge,decode,prologue,epilogue,fuse_ops" };

    for (size_t w = 0; w < sizeof withouts / sizeof *withouts; w++) {
        mlci_arena arena;
        mlci_source source;
        mlci_directory g;
        mlci_config config;
        mlci_module m;
        mlci_decoder d;
        mlci_plan plan;
        mlc_error err = { 0 };

        T_CASE("%s without '%s'", strrchr(path, '/') + 1, withouts[w]);
        mlci_arena_init(&arena, ctx, 1 << 26);
        if (mlci_source_path(&source, ctx, path, true, &err) != MLC_OK
            || mlci_gguf_open(&g, &source, &err) != MLC_OK) {
            T_CHECK(0, "%s", err.text);
            continue;
        }
        mlci_directory_config(&g, &config);
        T_CHECK(mlci_module_init(&m, &arena, &config, &err) == MLC_OK
                && mlci_model_build(&m, &d) == MLC_OK
                && mlci_compile(&m, withouts[w], &plan, NULL, NULL) == MLC_OK, "%s", err.text);
        check_order(&m, &plan);
        check_memory(&m, &plan, 1, w == 0);
        check_memory(&m, &plan, 256, w == 0);
        if (w == 0)
            T_CHECK(plan.n_calls == calls_per_layer * d.n_layers + others
                    && count(&plan, MLCI_CALL_APPEND) == 0, "%zu calls, %zu appends",
                    plan.n_calls, count(&plan, MLCI_CALL_APPEND));
        else
            T_CHECK(plan.n_calls >= calls_per_layer * d.n_layers + others, "%zu calls",
                    plan.n_calls);
        mlci_directory_close(&g);
        mlci_source_close(&source);
        mlci_arena_reset(&arena);
    }
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_dims();
    test_deduce();
    /* qkv, attention, output, gate and up, down; besides: embedding, rope, head */
    test_model(data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"), 5, 3);
    /* and a norm-and-add after attention and after the feed-forward part, two ropes */
    test_model(data_path("golden/tiny/gguf/gemma3_text/gemma3_text-Q4_0.gguf"), 7, 4);
    mlc_context_close(ctx);
    return t_done();
}
