/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows.c - every tier's quantizer against the bound that rows.h gives; the
 * vector tiers against each other, bit by bit.
 */
#include "tiers.h"
#include "t.h"

#include <math.h>

enum { MAX_D = 1104 };

static const size_t widths[] = { 16, 32, 64, 128, 576, 896, 1104 };
enum { N_WIDTHS = sizeof widths / sizeof *widths };

typedef struct rows { float x[MAX_D]; } rows;

/* kind 0: usual; 1: zeros; 2: one huge value; 3: small; 4: denormal; 5: large */
static const char *const kinds[] = { "usual", "zeros", "outlier", "small", "denormal",
                                     "large" };

static void make(rows *r, size_t d, int kind, uint64_t *seed)
{
    static const float factor[] = { 1, 0, 1e-2f, 1e-6f, 1e-40f, 1e4f };

    for (size_t i = 0; i < MAX_D; i++)
        r->x[i] = t_uniform(seed) * factor[kind] * 8;
    if (kind == 2)
        r->x[d / 2] = 3e4f;
}

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
            h = mlci_mix(h ^ check_quantize(k, &r, d));
        }
    return h;
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
    return t_done();
}
