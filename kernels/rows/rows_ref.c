/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_ref.c - the definitions of rows.h in double, one loop per line of math.
 * Never optimise this file: it is what the others are tested by.
 */
#include "rows.h"

#include <math.h>

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

const mlci_row_kernels mlci_rows_ref = { rr_quantize };
