/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows.c - every tier's row kernels against the definitions, with the bounds
 * that rows.h derives; the vector tiers against each other, bit by bit.
 */
#include "tiers.h"
#include "t.h"

#include <math.h>

enum { MAX_D = 1100, PAD = 32 };

static const float canary = 77.125f;
static const double u = 0x1p-23;
static const size_t widths[] = { 1, 15, 16, 17, 31, 64, 127, 128, 129, 576, 896, 1100 };
enum { N_WIDTHS = sizeof widths / sizeof *widths };

typedef struct rows { float x[MAX_D + PAD], g[MAX_D + PAD], y[MAX_D + PAD]; } rows;

/* kind 0: usual; 1: zeros; 2: one huge value; 3: small; 4: denormal; 5: large */
static const char *const kinds[] = { "usual", "zeros", "outlier", "small", "denormal",
                                     "large" };

static void make(rows *r, size_t d, int kind, uint64_t *seed)
{
    static const float factor[] = { 1, 0, 1e-2f, 1e-6f, 1e-40f, 1e4f };

    for (size_t i = 0; i < MAX_D + PAD; i++) {
        r->x[i] = t_uniform(seed) * factor[kind] * 8;
        r->g[i] = 1 + t_uniform(seed);
        r->y[i] = t_uniform(seed);
    }
    if (kind == 2)
        r->x[d / 2] = 3e4f;
}

static void fill(float *out)
{
    for (int i = 0; i < MAX_D + PAD; i++)
        out[i] = canary;
}

static void check(const char *what, const float *got, const float *want, size_t d,
                  const double *bound)
{
    for (size_t i = 0; i < d; i++)
        T_CHECK(fabs((double)got[i] - (double)want[i]) <= bound[i],
                "%s: [%zu of %zu] %.9g, want %.9g +- %.3g", what, i, d, (double)got[i],
                (double)want[i], bound[i]);
    for (size_t i = d; i < d + PAD; i++)
        T_CHECK(got[i] == canary, "%s: written past %zu", what, d);
}

/* The bits of the first vector tier, kept to compare the others with. */
static uint64_t bits(const float *y, size_t d, uint64_t h)
{
    return mlci_hash(y, d * sizeof *y, h);
}

static uint64_t check_norms(const mlci_row_kernels *k, const rows *r, size_t d)
{
    float out[MAX_D + PAD], want[MAX_D + PAD];
    double bound[MAX_D];
    uint64_t h;

    mlci_rows_ref.rms_norm(r->x, r->g, d, 1e-5f, want);
    for (size_t i = 0; i < d; i++)
        bound[i] = ((double)d / 128 + 6) * u * fabs((double)want[i]) + 0x1p-149;
    fill(out);
    k->rms_norm(r->x, r->g, d, 1e-5f, out);
    check("rms_norm", out, want, d, bound);
    h = bits(out, d, 1);
    fill(out);
    memcpy(out, r->x, d * sizeof *out);
    k->rms_norm(out, r->g, d, 1e-5f, out);
    check("rms_norm in place", out, want, d, bound);
    T_CHECK(bits(out, d, 1) == h, "rms_norm: other bits in place");

    for (size_t i = 0; i < d; i++)
        bound[i] += u * (fabs((double)want[i]) + fabs((double)r->y[i]));
    mlci_rows_ref.norm_add(r->x, r->g, r->y, d, 1e-5f, want);
    fill(out);
    k->norm_add(r->x, r->g, r->y, d, 1e-5f, out);
    check("norm_add", out, want, d, bound);
    return bits(out, d, h);
}

static uint64_t check_gates(const mlci_row_kernels *k, const rows *r, size_t d)
{
    float out[MAX_D + PAD], want[MAX_D + PAD];
    double bound[MAX_D];
    uint64_t h = 1;

    for (int gelu = 0; gelu < 2; gelu++) {
        mlci_rows_ref.gate(r->x, r->y, d, gelu, want);
        for (size_t i = 0; i < d; i++)
            bound[i] = 8 * u * fabs((double)want[i])
                     + 4e-7 * fabs((double)r->x[i] * (double)r->y[i]) + 0x1p-148;
        fill(out);
        k->gate(r->x, r->y, d, gelu, out);
        check(gelu ? "gelu gate" : "silu gate", out, want, d, bound);
        h = bits(out, d, h);
        mlci_rows_ref.act(r->x, d, gelu, want);
        for (size_t i = 0; i < d; i++)
            bound[i] = 8 * u * fabs((double)want[i]) + 4e-7 * fabs((double)r->x[i])
                     + 0x1p-148;
        fill(out);
        k->act(r->x, d, gelu, out);
        check(gelu ? "gelu" : "silu", out, want, d, bound);
        h = bits(out, d, h);
    }
    mlci_rows_ref.softcap(r->x, d, 30.0f, want);
    for (size_t i = 0; i < d; i++)
        bound[i] = 30 * 4e-7 + 4 * u * fabs((double)want[i]);
    fill(out);
    k->softcap(r->x, d, 30.0f, out);
    check("softcap", out, want, d, bound);
    return bits(out, d, h);
}

static uint64_t check_simple(const mlci_row_kernels *k, const rows *r, size_t d)
{
    float out[MAX_D + PAD], want[MAX_D + PAD];
    double bound[MAX_D] = { 0 };

    fill(out);
    k->scale(r->x, d, 0.3f, out);
    mlci_rows_ref.scale(r->x, d, 0.3f, want);
    check("scale", out, want, d, bound);
    fill(out);
    k->add(r->x, r->y, d, out);
    mlci_rows_ref.add(r->x, r->y, d, want);
    check("add", out, want, d, bound);
    fill(out);
    k->mul(r->x, r->y, d, out);
    mlci_rows_ref.mul(r->x, r->y, d, want);
    check("mul", out, want, d, bound);
    return bits(out, d, 1);
}

/* All forms must say the same, and be near x. */
static uint64_t check_quantize(const mlci_row_kernels *k, const rows *r, size_t d)
{
    static const int place[4] = { 0, 2, 1, 3 };
    int8_t high[MAX_D], low[MAX_D];
    int16_t quads[MAX_D];
    int32_t sums[MAX_D / 16], sum = 0;
    double most = 0;
    float scale = -1;
    mlci_quant_row q = { high, low, quads, sums, &scale };

    k->quantize(r->x, d, &q);
    for (size_t i = 0; i < d; i++)
        most = fmax(most, fabs((double)r->x[i]));
    for (size_t i = 0; i < d; i++) {
        int v = 256 * high[i] + low[i];
        double off = fabs((double)r->x[i] - (double)v * (double)scale);

        T_CHECK(abs(v) <= MLCI_QUANT_MAX, "[%zu] %d", i, v);
        T_CHECK(quads[i / 4 * 4 + (size_t)place[i % 4]] == v, "[%zu] quads differ", i);
        T_CHECK(most > 1e-30 ? off <= (double)scale * (0.5 + 0x1p-8) : v == 0,
                "[%zu] %.9g is %d * %.9g", i, (double)r->x[i], v, (double)scale);
        sum = i % 16 == 0 ? v : sum + v;
        T_CHECK(i % 16 != 15 || sums[i / 16] == sum, "[%zu] sum %d, want %d", i,
                sums[i / 16], sum);
    }
    return mlci_hash(quads, d * sizeof *quads, mlci_hash(&scale, 4, 1));
}

static void check_not_finite(const mlci_row_kernels *k)
{
    const float values[] = { INFINITY, -INFINITY, NAN };

    for (int v = 0; v < 3; v++)
        for (size_t at = 0; at < 32; at += 5) {
            float x[32], scale = 1;
            int16_t quads[32];
            int32_t sums[2];
            mlci_quant_row q = { NULL, NULL, quads, sums, &scale };

            for (int i = 0; i < 32; i++)
                x[i] = (float)i;
            x[at] = values[v];
            k->quantize(x, 32, &q);
            T_CHECK(isnan(scale), "%g at %zu: scale %g", (double)values[v], at,
                    (double)scale);
        }
}

static uint64_t check_all(const mlci_row_kernels *k, uint64_t seed)
{
    uint64_t h = 0;

    for (int kind = 0; kind < 6; kind++)
        for (int w = 0; w < N_WIDTHS; w++) {
            const size_t d = widths[w];
            rows r;

            make(&r, d, kind, &seed);
            h = mlci_mix(h ^ check_norms(k, &r, d));
            h = mlci_mix(h ^ check_gates(k, &r, d));
            h = mlci_mix(h ^ check_simple(k, &r, d));
            if (d % 16 == 0)
                h = mlci_mix(h ^ check_quantize(k, &r, d));
        }
    return h;
}

/* Turning by an angle and back, and by 90 degrees. */
static void check_rope(void)
{
    float x[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, table[8], back[8], f[4];

    mlci_rope_frequencies(10000.0f, 1.0f, 8, NULL, f);
    T_CHECK(f[0] == 1.0f && fabsf(f[1] - 0.1f) < 1e-7f && fabsf(f[2] - 0.01f) < 1e-8f,
            "frequencies %g %g %g", (double)f[0], (double)f[1], (double)f[2]);
    mlci_rope_angles(5, f, 8, table);
    T_CHECK(fabs((double)table[0] - cos(5.0)) < 1e-7
            && fabs((double)table[1] - sin(5.0)) < 1e-7, "angle 5");
    mlci_rope_angles(-5, f, 8, back);
    for (int form = 0; form < 2; form++) {
        mlci_rope_head(x, table, 8, form == 1);
        T_CHECK(fabs((double)x[0] - (cos(5.0) - (form ? 2 : 5) * sin(5.0))) < 1e-5,
                "form %d: %g", form, (double)x[0]);
        mlci_rope_head(x, back, 8, form == 1);
        for (int i = 0; i < 8; i++)
            T_CHECK(fabsf(x[i] - (float)(i + 1)) < 1e-5f, "form %d: [%d] %g", form, i,
                    (double)x[i]);
    }
    mlci_rope_frequencies(10000.0f, 4.0f, 8, (const float[]){ 1, 2, 1, 1 }, f);
    T_CHECK(f[0] == 0.25f && fabsf(f[1] - 0.0125f) < 1e-8f, "factors: %g %g",
            (double)f[0], (double)f[1]);
}

int main(void)
{
    uint64_t first = 0;

    t_begin();
    for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
        const mlci_row_kernels *k = mlci_cpu_kernels_of(t)->rows;
        uint64_t h;

        T_CASE("%s", mlci_tier_names[t]);
        h = check_all(k, t_seed);
        check_not_finite(k);
        if (t == tier_vector())
            first = h;
        T_CHECK(t == MLCI_TIER_SCALAR || h == first, "not the bits of the first vector tier");
    }
    for (int kind = 0; kind < 6; kind++) {  /* the reference by its own test */
        rows r;

        T_CASE("reference, %s", kinds[kind]);
        make(&r, 576, kind, &t_seed);
        check_quantize(&mlci_rows_ref, &r, 576);
    }
    T_CASE("rope");
    check_rope();
    return t_done();
}
