/* SPDX-License-Identifier: Apache-2.0
 *
 * test_simd.c - what kernels/simd.h promises, on every tier: the error of exp and
 * tanh over the whole range, and that all tiers do the same.
 */
#include "simd_probe.h"
#include "tiers.h"
#include "../src/base/half.h"
#include "t.h"

#include <math.h>

typedef struct tier_probe { mlci_tier tier; const simd_probe *probe; } tier_probe;

static const tier_probe probes[] = {
    { MLCI_TIER_SCALAR, &simd_probe_scalar },
#if defined __x86_64__
    { MLCI_TIER_AVX2, &simd_probe_avx2 }, { MLCI_TIER_AVX512, &simd_probe_avx512 },
#elif defined __aarch64__
    { MLCI_TIER_NEON, &simd_probe_neon },
#endif
};

/* Every 331st float in [-87.3, 88]: six million of them. */
static void check_exp(const simd_probe *p)
{
    double worst = 0;
    float at = 0, x[16], y[16];
    int n = 0;

    for (uint32_t b = 0; b <= mlci_f32_bits(88.0f); b += 331)
        for (int sign = 0; sign < 2; sign++) {
            x[n++] = mlci_bits_f32(b | (uint32_t)sign << 31);
            if (x[n - 1] < -87.3f)
                n--;
            if (n < 16)
                continue;
            p->exp(x, y);
            for (n = 0; n < 16; n++) {
                double want = exp((double)x[n]), off = fabs((double)y[n] - want) / want;

                if (!(off <= worst))
                    worst = off, at = x[n];
            }
            n = 0;
        }
    T_CHECK(worst < 2e-7, "relative error %.3g at %.9g", worst, (double)at);
}

static void check_exp_edges(const simd_probe *p)
{
    const float x[16] = { -INFINITY, -1e30f, -88, -87.31f, 0, -0.0f, 1, 88, 89, 1e30f,
                          INFINITY, 1e-40f, -1e-40f, 0.5f, -0.5f, 2 };
    float y[16];

    p->exp(x, y);
    for (int i = 0; i < 4; i++)
        T_CHECK(y[i] == 0, "exp(%g) = %g", (double)x[i], (double)y[i]);
    T_CHECK(y[4] == 1 && y[5] == 1 && y[11] == 1 && y[12] == 1, "near zero");
    for (int i = 8; i < 11; i++)
        T_CHECK(y[i] == y[7] && y[i] < INFINITY, "exp(%g) = %g", (double)x[i], (double)y[i]);
}

static void check_tanh(const simd_probe *p)
{
    double worst = 0;

    for (int i = -16 * 40000; i < 16 * 40000; i += 16) {
        float x[16], y[16];

        for (int j = 0; j < 16; j++)
            x[j] = (float)(i + j) * (12.0f / (16 * 40000));
        p->tanh(x, y);
        for (int j = 0; j < 16; j++)
            worst = fmax(worst, fabs((double)y[j] - tanh((double)x[j])));
    }
    T_CHECK(worst < 4e-7, "absolute error %.3g", worst);
}

static void check_half(const simd_probe *p)
{
    float x[16], back[16];
    uint16_t h[16];

    for (uint32_t b = 0; b < 65536; b += 16) {   /* every float16, there and back */
        for (uint32_t i = 0; i < 16; i++)
            x[i] = mlci_f16_to_f32((uint16_t)(b + i));
        p->half(x, h, back);
        for (uint32_t i = 0; i < 16; i++)
            T_CHECK(isnan(x[i]) ? isnan(back[i]) : h[i] == b + i && back[i] == x[i],
                    "float16 %04x became %04x", b + i, h[i]);
    }
    for (uint32_t b = 0; b < 0x7f800000u / 16; b += 4099) {  /* and floats between */
        for (uint32_t i = 0; i < 16; i++)
            x[i] = mlci_bits_f32(b * 16 + i * 77);
        p->half(x, h, back);
        for (uint32_t i = 0; i < 16; i++)
            T_CHECK(h[i] == mlci_f32_to_f16(x[i]), "%.9g became %04x, not %04x",
                    (double)x[i], h[i], mlci_f32_to_f16(x[i]));
    }
}

static void check_lanes(const simd_probe *p, uint64_t seed)
{
    static const int place[4] = { 0, 2, 1, 3 };

    for (int round = 0; round < 1000; round++) {
        float x[16], y[17], sum = 0, most = -INFINITY;
        int8_t high[16], low[16];
        int16_t quads[16];
        int32_t isum, want = 0;
        float tree[16];

        for (int i = 0; i < 16; i++) {
            tree[i] = x[i] = t_uniform(&seed) * 32512;
            most = x[i] > most ? x[i] : most;
            want += (int32_t)lrintf(x[i]);
        }
        for (int step = 8; step > 0; step /= 2)
            for (int i = 0; i < step; i++)
                tree[i] += tree[i + step];
        sum = tree[0];
        T_CHECK(p->sum(x) == sum, "sum");
        T_CHECK(p->largest(x) == most, "largest");
        p->round(x, y);
        p->planes(x, high, low, quads, &isum);
        T_CHECK(isum == want, "sum of integers %d, want %d", isum, want);
        for (int i = 0; i < 16; i++) {
            T_CHECK(y[i] == nearbyintf(x[i]), "round");
            T_CHECK(256 * high[i] + low[i] == (int)y[i], "planes of %g: %d %d",
                    (double)x[i], high[i], low[i]);
            T_CHECK(quads[i / 4 * 4 + place[i % 4]] == (int)y[i], "quads");
        }
        for (uint32_t n = 0; n <= 16; n++) {
            for (int i = 0; i < 17; i++)
                y[i] = -1;
            p->part(x, y, n);
            for (uint32_t i = 0; i < 17; i++)
                T_CHECK(y[i] == (i < n ? x[i] : -1), "first %u: [%u] %g", n, i,
                        (double)y[i]);
        }
    }
}

/* Ties go to the even number. */
static void check_ties(const simd_probe *p)
{
    const float x[16] = { 0.5f, 1.5f, 2.5f, 3.5f, -0.5f, -1.5f, -2.5f, -3.5f, 127.5f,
                          128.5f, 0.49999997f, 8388607.5f, 1, -1, 0, 2 };
    const float want[16] = { 0, 2, 2, 4, 0, -2, -2, -4, 128, 128, 0, 8388608, 1, -1, 0, 2 };
    float y[16];

    p->round(x, y);
    for (int i = 0; i < 16; i++)
        T_CHECK(y[i] == want[i], "round(%g) = %g", (double)x[i], (double)y[i]);
}

int main(void)
{
    t_begin();
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        const simd_probe *p = probes[i].probe;
        const char *name = mlci_tier_names[probes[i].tier];

        if (!mlci_cpu_has(probes[i].tier))
            continue;
        T_CASE("%s: exp", name);
        check_exp(p);
        check_exp_edges(p);
        T_CASE("%s: tanh", name);
        check_tanh(p);
        T_CASE("%s: float16", name);
        check_half(p);
        T_CASE("%s: lanes", name);
        check_lanes(p, t_seed);
        check_ties(p);
    }
    return t_done();
}
