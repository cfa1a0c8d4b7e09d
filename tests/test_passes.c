/* SPDX-License-Identifier: Apache-2.0
 *
 * test_passes.c - each pass on a graph of a few nodes: what it does, and what it leaves.
 * (That the results stay right: test_fusion, test_shard.)
 */
#include "small_graph.h"

#include <math.h>

/* The group of a node as a pass left it; dispatch may split it later. */
typedef struct groups { const char *pass; uint32_t a, b; bool same; } groups;

static void watch(void *user, const mlci_pass *pass, const mlci_module *m, const mlci_plan *plan)
{
    groups *g = user;

    (void)plan;
    if (pass != NULL && strcmp(pass->name, g->pass) == 0)
        g->same = m->nodes[g->a].group == m->nodes[g->b].group;
}

/* Three products of one value with a gate, a residual, and a near miss. */
static void test_fusion(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, h, g, u, y;
    groups seen;

    T_CASE("gate and residual: two products, two calls");
    x = small_begin(&s);
    h = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
    g = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32", 0, 64, 32));
    g = mlci_unary(&s.m, MLCI_OP_SILU, g, 0);
    u = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32", 0, 64, 32));
    y = mlci_matmul(&s.m, mlci_mul_op(&s.m, g, u), mlci_weight(&s.m, "32x64", 0, 32, 64));
    s.m.result = mlci_add_op(&s.m, x, y);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    T_CHECK(plan.n_calls == 3 && count(&plan, MLCI_CALL_MATMUL) == 2, "%zu calls, %zu products",
            plan.n_calls, count(&plan, MLCI_CALL_MATMUL));
    T_CHECK(plan.calls[1].n_epilogues == 1 && plan.calls[1].epilogues[0].n == 2
            && plan.calls[1].n_segments == 2 && plan.calls[1].kernel.program != NULL
            && plan.calls[1].epilogues[0].use.program != NULL, "norm before, gate after");
    T_CHECK(plan.calls[2].n_epilogues == 1 && plan.calls[2].epilogues[0].use.n_data == 3,
            "residual after");
    small_end(&s);

    T_CASE("a value used twice is not fused away");
    x = small_begin(&s);
    h = mlci_matmul(&s.m, x, mlci_weight(&s.m, "32x32", 0, 32, 32));
    g = mlci_unary(&s.m, MLCI_OP_SILU, h, 0);
    u = mlci_mul_op(&s.m, g, g);
    s.m.result = mlci_add_op(&s.m, u, g);
    seen = (groups){ "epilogue", h, g, false };
    T_CHECK(mlci_compile(&s.m, NULL, &plan, watch, &seen) == MLC_OK && seen.same, "%s",
            "the activation belongs to the product");
    for (size_t i = 0; i < plan.n_calls; i++)
        T_CHECK(plan.calls[i].kind != MLCI_CALL_MATMUL || plan.calls[i].out == g,
                "call %zu ends with the activation", i);
    small_end(&s);
    x = small_begin(&s);
    h = mlci_matmul(&s.m, x, mlci_weight(&s.m, "32x32", 0, 32, 32));
    g = mlci_unary(&s.m, MLCI_OP_SILU, h, 0);
    u = mlci_mul_op(&s.m, g, g);
    s.m.result = mlci_add_op(&s.m, u, g);
    seen = (groups){ "epilogue", h, u, true };
    T_CHECK(mlci_compile(&s.m, NULL, &plan, watch, &seen) == MLC_OK && !seen.same, "%s",
            "the square does not: it needs the activation whole");
    small_end(&s);
}

/* Twice the same activation, a product that nobody wants, a weight used twice. */
static void test_common(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, a, b;
    size_t calls[3];

    for (int round = 0; round < 3; round++) {
        T_CASE("the same twice is computed once, the unwanted not at all: %d", round);
        x = small_begin(&s);
        a = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
        b = mlci_unary(&s.m, MLCI_OP_SOFTCAP, a, 3);
        a = mlci_unary(&s.m, MLCI_OP_SOFTCAP, a, round == 0 ? 3.0f : 4.0f);
        (void)mlci_matmul(&s.m, x, mlci_weight(&s.m, "96x32", 0, 96, 32));
        s.m.result = mlci_mul_op(&s.m, mlci_add_op(&s.m, a, b), mlci_add_op(&s.m, b, b));
        T_CHECK(mlci_compile(&s.m, round == 2 ? "dead,fuse_ops" : "fuse_ops", &plan, NULL, NULL)
                == MLC_OK, "%s", s.err.text);
        calls[round] = plan.n_calls;
        if (round == 0)   /* embed, norm, soft cap, one sum, product */
            T_CHECK(plan.n_calls == 5 && count(&plan, MLCI_CALL_MATMUL) == 0, "%zu calls",
                    plan.n_calls);
        small_end(&s);
    }
    /* the second soft cap and its sum; decoding and a product whose value goes nowhere */
    T_CHECK(calls[1] == calls[0] + 2 && calls[2] == calls[1] + 2, "%zu, %zu, %zu", calls[0],
            calls[1], calls[2]);
    T_CASE("a decoded weight is not shared: it would be written out");
    x = small_begin(&s);
    a = mlci_weight(&s.m, "50x32", 0, 50, 32);
    s.m.result = mlci_matmul(&s.m, x, a);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    T_CHECK(count(&plan, MLCI_CALL_DECODE) == 0 && plan.n_calls == 2, "%zu calls", plan.n_calls);
    small_end(&s);
}


/* ---- one by one ------------------------------------------------------------------------- */

/* What a pass saw and left: the module's state before it and after. */
typedef struct stage {
    const char *pass;
    uint32_t    node, other;        /* whose groups are compared                */
    bool        before, after;      /* in one group                             */
    bool        seen;
} stage;

static void watch_both(void *user, const mlci_pass *pass, const mlci_module *m,
                       const mlci_plan *plan)
{
    stage *s = user;
    const bool same = s->node < m->n_nodes && s->other < m->n_nodes
                   && m->nodes[s->node].group == m->nodes[s->other].group;

    (void)plan;
    if (s->seen)
        return;
    if (pass != NULL && strcmp(pass->name, s->pass) == 0) {
        s->after = same;
        s->seen = true;
    } else {
        s->before = same;
    }
}

/* The pass, and no other, puts the two nodes into one group. */
static void joins(small *s, const char *pass, uint32_t a, uint32_t b, mlci_plan *plan)
{
    stage seen = { pass, a, b, false, false, false };

    T_CHECK(mlci_compile(&s->m, NULL, plan, watch_both, &seen) == MLC_OK, "%s", s->err.text);
    T_CHECK(seen.seen && !seen.before && seen.after, "%s: before %d, after %d", pass, seen.before,
            seen.after);
}

static void test_legalize(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, y, h;

    T_CASE("legalize: programs by operator, rank and format, and their patterns");
    x = small_begin(&s);
    y = mlci_matmul(&s.m, x, mlci_weight(&s.m, "64x32", 0, 64, 32));
    h = mlci_rope_op(&s.m, mlci_heads(&s.m, y, 4, 16),
                     mlci_rope_table(&s.m, &(mlci_rope){ 16, 1e4f, 1 }, 0), true);
    s.m.result = mlci_flat(&s.m, h);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    T_CHECK(strcmp(s.m.nodes[y].program->name, "matmul") == 0
            && s.m.nodes[y].pattern == MLCI_OUT_FUSIBLE, "matmul");
    T_CHECK(strcmp(s.m.nodes[h].program->name, "rope_pairs") == 0, "rope_pairs");
    T_CHECK(strcmp(s.m.nodes[s.m.nodes[y].inputs[1]].program->name, "decode_Q8_0") == 0, "decode");
    small_end(&s);
}

static void test_fold(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, f, g, v;
    float a[16], b[16], *values[64] = { NULL };

    T_CASE("fold: what comes of vectors alone is no call, and has its value");
    x = small_begin(&s);
    v = mlci_vector(&s.m, "32", 0, 32);
    g = mlci_add_op(&s.m, v, mlci_vector(&s.m, "32", 0, 32));
    s.m.result = mlci_add_op(&s.m, x, g);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    T_CHECK(s.m.nodes[g].folded && !s.m.nodes[s.m.result].folded, "folded");
    T_CHECK(plan.n_calls == 2 && plan.slot_of[g] == 0, "%zu calls", plan.n_calls);
    small_end(&s);

    T_CASE("fold: frequencies of rotation, divided by factors");
    small_begin(&s);
    x = mlci_rope_table(&s.m, &(mlci_rope){ 8, 10000.0f, 4.0f }, mlci_vector(&s.m, "4", 0, 4));
    s.m.result = x;
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    f = s.m.nodes[x].inputs[1];
    g = s.m.nodes[f].inputs[0];
    T_CHECK(s.m.nodes[f].folded && s.m.nodes[g].folded && !s.m.nodes[x].folded, "folded");
    values[s.m.nodes[f].inputs[1]] = (float[4]){ 1, 2, 1, 1 };
    values[g] = a, values[f] = b;
    T_CHECK(mlci_fold_compute(&s.m, ctx, g, values, &s.err) == MLC_OK
            && mlci_fold_compute(&s.m, ctx, f, values, &s.err) == MLC_OK, "%s", s.err.text);
    T_CHECK(a[0] == 0.25f && fabsf(a[1] - 0.025f) < 1e-8f && fabsf(b[1] - 0.0125f) < 1e-8f
            && fabsf(b[3] - 0.00025f) < 1e-10f, "%g %g %g %g", (double)a[0], (double)a[1],
            (double)b[1], (double)b[3]);
    small_end(&s);
}

static void test_grouping(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, y, z, h;

    T_CASE("merge: products of one value, up to four");
    x = small_begin(&s);
    h = mlci_unary(&s.m, MLCI_OP_SILU, x, 0);
    y = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32", 0, 64, 32));
    z = mlci_matmul(&s.m, h, mlci_weight(&s.m, "96x32", 0, 96, 32));
    s.m.result = mlci_matmul(&s.m, mlci_unary(&s.m, MLCI_OP_SILU, y, 0),
                             mlci_weight(&s.m, "32x64", 0, 32, 64));
    s.m.result = mlci_add_op(&s.m, s.m.result, mlci_matmul(&s.m, z, mlci_weight(&s.m, "32x96", 0,
                                                                             32, 96)));
    joins(&s, "merge", y, z, &plan);
    small_end(&s);

    T_CASE("decode: a stored matrix and its product, floats too");
    x = small_begin(&s);
    y = s.m.result = mlci_matmul(&s.m, x, mlci_weight(&s.m, "64x32", 0, 64, 32));
    joins(&s, "decode", y, s.m.nodes[y].inputs[1], &plan);
    T_CHECK(count(&plan, MLCI_CALL_DECODE) == 0, "decoded");
    small_end(&s);

    T_CASE("epilogue: bias, and the activation after it");
    x = small_begin(&s);
    y = mlci_matmul(&s.m, x, mlci_weight(&s.m, "64x32", 0, 64, 32));
    z = mlci_unary(&s.m, MLCI_OP_GELU, mlci_add_op(&s.m, y, mlci_vector(&s.m, "64", 0, 64)), 0);
    s.m.result = mlci_rms_norm(&s.m, z, mlci_vector(&s.m, "64", 0, 64), 1e-5f);
    joins(&s, "epilogue", y, z, &plan);
    T_CHECK(plan.n_calls == 3, "embed, product, norm: %zu calls", plan.n_calls);
    small_end(&s);

    T_CASE("prologue: a norm before products alone, not one that others read");
    x = small_begin(&s);
    h = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
    y = s.m.result = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32", 0, 64, 32));
    joins(&s, "prologue", h, y, &plan);
    small_end(&s);
    x = small_begin(&s);
    h = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
    y = mlci_matmul(&s.m, h, mlci_weight(&s.m, "32x32", 0, 32, 32));
    s.m.result = mlci_add_op(&s.m, y, h);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK
            && s.m.nodes[h].group != s.m.nodes[y].group, "%s", s.err.text);
    small_end(&s);

    T_CASE("fuse_ops: a chain between products");
    x = small_begin(&s);
    h = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
    z = s.m.result = mlci_add_op(&s.m, h, mlci_vector(&s.m, "32", 0, 32));
    joins(&s, "fuse_ops", h, z, &plan);
    T_CHECK(plan.n_calls == 2, "%zu calls", plan.n_calls);
    small_end(&s);
}

static bool no_kernel(const void *catalogue, uint64_t hash)
{
    return hash != *(const uint64_t *)catalogue;
}

typedef struct known { uint64_t hashes[16]; size_t n; } known;

static bool is_known(const void *catalogue, uint64_t hash)
{
    const known *k = catalogue;

    for (size_t i = 0; i < k->n; i++)
        if (k->hashes[i] == hash)
            return true;
    return false;
}

static void test_calls(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, y, most;
    uint64_t hash;

    T_CASE("fuse_tir: a group becomes one call with one program; without it, single calls");
    for (int round = 0; round < 2; round++) {
        x = small_begin(&s);
        y = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
        s.m.result = mlci_add_op(&s.m, y, x);
        T_CHECK(mlci_compile(&s.m, round == 0 ? NULL : "fuse_tir", &plan, NULL, NULL) == MLC_OK,
                "%s", s.err.text);
        T_CHECK(plan.n_calls == (round == 0 ? 2u : 4u), "%zu calls", plan.n_calls);
        T_CHECK(count(&plan, MLCI_CALL_DECODE) == (round == 0 ? 0u : 1u), "decode");
        hash = plan.calls[1].kernel.hash;
        small_end(&s);
        if (round > 0)
            continue;
        T_CASE("dispatch: a group whose kernel is missing falls apart");
        x = small_begin(&s);
        s.m.has_kernel = no_kernel;
        s.m.catalogue = &hash;
        y = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
        s.m.result = mlci_add_op(&s.m, y, x);
        T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
        T_CHECK(plan.n_calls == 3, "%zu calls", plan.n_calls);
        small_end(&s);
    }
    T_CASE("dispatch: a product whose epilogue is missing keeps its decoding");
    for (int round = 0; round < 2; round++) {
        static known there;

        x = small_begin(&s);
        y = mlci_matmul(&s.m, x, mlci_weight(&s.m, "64x32", 0, 64, 32));
        y = mlci_add_op(&s.m, y, mlci_vector(&s.m, "64", 0, 64));
        s.m.result = mlci_unary(&s.m, MLCI_OP_GELU, y, 0);
        s.m.has_kernel = round == 0 ? NULL : is_known;
        s.m.catalogue = &there;
        T_CHECK(mlci_compile(&s.m, round == 0 ? "epilogue,fuse_ops" : NULL, &plan, NULL, NULL)
                == MLC_OK, "%s", s.err.text);
        for (size_t i = 0; i < plan.n_calls && round == 0; i++)
            there.hashes[there.n++] = plan.calls[i].kernel.hash;
        T_CHECK(plan.n_calls == 4 && count(&plan, MLCI_CALL_MATMUL) == 1
                && count(&plan, MLCI_CALL_DECODE) == 0, "%zu calls", plan.n_calls);
        small_end(&s);
    }
    T_CASE("dispatch: which way for how many rows");
    T_CHECK(mlci_call_way(MLCI_CALL_MATMUL, MLCI_TARGET_CPU, 2, &most) == MLCI_WAY_ALONE
            && most == 2, "%u", most);
    T_CHECK(mlci_call_way(MLCI_CALL_MATMUL, MLCI_TARGET_CPU, 3, &most) == MLCI_WAY_SHARED
            && most == UINT32_MAX, "%u", most);
    T_CHECK(mlci_call_way(MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, 4, &most) == MLCI_WAY_CHUNKS
            && mlci_call_way(MLCI_CALL_ATTENTION, MLCI_TARGET_CPU, 5, &most) == MLCI_WAY_TILES
            && mlci_call_way(MLCI_CALL_KERNEL, MLCI_TARGET_GPU, 5, &most) == MLCI_WAY_ONLY, "ways");
}

/* On a GPU a group is what one kernel can do. */
static void test_gpu(void)
{
    small s;
    mlci_plan plan;
    uint32_t x, h, g, u, y;

    T_CASE("gpu: decoding, both products and the gate are one kernel; the norm is its own");
    x = small_begin(&s);
    s.m.target = MLCI_TARGET_GPU;
    h = mlci_rms_norm(&s.m, x, mlci_vector(&s.m, "32", 0, 32), 1e-5f);
    g = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32", 0, 64, 32));
    u = mlci_matmul(&s.m, h, mlci_weight(&s.m, "64x32 of its own", 0, 64, 32));
    y = mlci_mul_op(&s.m, mlci_unary(&s.m, MLCI_OP_SILU, g, 0), u);
    y = mlci_matmul(&s.m, y, mlci_weight(&s.m, "32x64", 0, 32, 64));
    s.m.result = mlci_add_op(&s.m, x, y);
    T_CHECK(mlci_compile(&s.m, NULL, &plan, NULL, NULL) == MLC_OK, "%s", s.err.text);
    T_CHECK(plan.n_calls == 4 && count(&plan, MLCI_CALL_KERNEL) == 4, "%zu calls", plan.n_calls);
    T_CHECK(plan.calls[2].kernel.n_data == 4 && mlci_call_weight_bytes(&s.m, &plan.calls[2]) == 2,
            "%u buffers", plan.calls[2].kernel.n_data);
    for (size_t i = 0; i < plan.n_slots; i++)
        T_CHECK(s.m.nodes[plan.slots[i].node].op != MLCI_OP_DECODE, "decoded weights in memory");
    small_end(&s);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_fusion();
    test_common();
    test_legalize();
    test_fold();
    test_grouping();
    test_calls();
    test_gpu();
    mlc_context_close(ctx);
    return t_done();
}
