/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_ref.c - the definitions of rows.h in double, one loop per line of math.
 * Never optimise this file: it is what the others are tested by.
 */
#include "rows.h"

#include <math.h>

static double rr_norm_factor(const float *x, size_t d, float eps)
{
    double s = 0.0;

    for (size_t i = 0; i < d; i++)
        s += (double)x[i] * x[i];
    return 1.0 / sqrt(s / (double)d + (double)eps);
}

static void rr_rms_norm(const float *x, const float *g, size_t d, float eps, float *y)
{
    double f = rr_norm_factor(x, d, eps);

    for (size_t i = 0; i < d; i++)
        y[i] = (float)((double)x[i] * f * (double)g[i]);
}

static void rr_norm_add(const float *x, const float *g, const float *y, size_t d,
                        float eps, float *out)
{
    double f = rr_norm_factor(x, d, eps);

    for (size_t i = 0; i < d; i++)
        out[i] = (float)((double)y[i] + (double)x[i] * f * (double)g[i]);
}

static void rr_quantize(const float *x, size_t d, const mlci_quant_row *o)
{
    double most = 0.0, scale;
    bool finite = true;

    for (size_t i = 0; i < d; i++) {
        most = fmax(most, fabs((double)x[i]));
        finite = finite && isfinite(x[i]);
    }
    scale = most > 1e-30 ? most / MLCI_QUANT_MAX : 0.0;
    *o->scale = finite ? (float)scale : NAN;
    for (size_t i = 0; i < d; i++) {
        static const int place[4] = { 0, 2, 1, 3 };
        int q = scale > 0 && finite ? (int)nearbyint((double)x[i] / scale) : 0;

        if (o->low != NULL) {
            o->low[i] = (int8_t)(q & 255);
            o->high[i] = (int8_t)((q - o->low[i]) / 256);
        }
        if (o->quads != NULL)
            o->quads[i / 4 * 4 + (size_t)place[i % 4]] = (int16_t)q;
        if (o->sums != NULL)
            o->sums[i / 16] = (i % 16 == 0 ? 0 : o->sums[i / 16]) + q;
    }
}

static double rr_activation(double a, bool gelu)
{
    if (gelu)
        return 0.5 * a * (1.0 + tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)));
    return a / (1.0 + exp(-a));
}

static void rr_gate(const float *a, const float *b, size_t n, bool gelu, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(rr_activation((double)a[i], gelu) * (double)b[i]);
}

static void rr_act(const float *x, size_t n, bool gelu, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)rr_activation((double)x[i], gelu);
}

static void rr_scale(const float *x, size_t n, float c, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * c;
}

static void rr_add(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static void rr_mul(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

static void rr_softcap(const float *x, size_t n, float c, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((double)c * tanh((double)x[i] / (double)c));
}

const mlci_row_kernels mlci_rows_ref = {
    rr_rms_norm, rr_norm_add, rr_quantize, rr_gate, rr_scale, rr_add, rr_mul,
    rr_softcap, rr_act,
};

void mlci_rope_head(float *x, const float *table, uint32_t dims, bool interleaved)
{
    uint32_t half = dims / 2;

    for (uint32_t i = 0; i < half; i++) {
        float *u = interleaved ? x + 2 * i : x + i;
        float *v = interleaved ? x + 2 * i + 1 : x + i + half;
        float c = table[2 * i], s = table[2 * i + 1];
        float a = *u * c - *v * s;

        *v = *v * c + *u * s;
        *u = a;
    }
}

void mlci_rope_frequencies(float base, float factor, uint32_t dims,
                           const float *factors, float *frequencies)
{
    for (uint32_t i = 0; i < dims / 2; i++) {
        float f = (float)(1.0 / pow((double)base, (double)(2 * i) / (double)dims));

        frequencies[i] = f / factor / (factors != NULL ? factors[i] : 1.0f);
    }
}

void mlci_rope_angles(int32_t position, const float *frequencies, uint32_t dims,
                      float *table)
{
    for (uint32_t i = 0; i < dims / 2; i++) {
        float angle = (float)position * frequencies[i];

        table[2 * i] = (float)cos((double)angle);
        table[2 * i + 1] = (float)sin((double)angle);
    }
}
