/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_simd.h - rows.h over v16; included by rows_<tier>.c, which says what the
 * table is called.  Limited by reading rows that lie in L1 or L2.
 */
#include "../simd.h"
#include "rows.h"

/* So small a row quantizes to zeros: 1 / scale would overflow. */
#define RS_SMALLEST 1e-30f

static void rs_quantize(const float *x, size_t d, const mlci_quant_row *o)
{
    const v16 least = v_set1(-MLCI_QUANT_MAX);
    v16 most = v_zero(), finite = v_zero(), inv;
    float m;

    for (size_t i = 0; i < d; i += 16) {
        most = v_max(v_abs(v_load(x + i)), most);
        finite = v_fma(v_load(x + i), v_zero(), finite);  /* NaN unless all are */
    }
    m = v_sum(finite) == 0 ? v_largest(most) : NAN;
    *o->scale = m > RS_SMALLEST ? m / MLCI_QUANT_MAX : m * 0.0f;
    inv = v_set1(m > RS_SMALLEST ? MLCI_QUANT_MAX / m : 0.0f);
    for (size_t i = 0; i < d; i += 16) {
        /* the maximum turns NaN into a number that fits */
        vi16 q = v_round(v_max(v_mul(v_load(x + i), inv), least));

        if (o->sums != NULL)
            o->sums[i / 16] = vi_sum(q);
        if (o->low != NULL)
            vi_store_planes(o->high + i, o->low + i, q);
        if (o->quads != NULL)
            vi_store_quads(o->quads + i, q);
    }
}

#define ROWS_TABLE(name) const mlci_row_kernels name = { rs_quantize }
