/* SPDX-License-Identifier: Apache-2.0
 *
 * groups_body.h - groups.h in plain C: loops over 32 values that compilers turn into
 * vectors of whatever the tier has.  GR_NAME: the tier's table.
 */
#include "groups.h"
#include "../../src/base/base.h"
#include "../../src/base/half.h"

enum { GR_GROUP = 32 };

/* With `cut` bits of mantissa less; subnormals of float16 stay finer than they are, which
 * adding `most` hides. */
MLCI_INLINE float gr_round(float x, int cut)
{
    uint32_t u = mlci_f32_bits(x);

    if (cut == 0)
        return x;
    u += (1u << (cut - 1)) - 1 + (u >> cut & 1);
    return mlci_bits_f32(u & ~((1u << cut) - 1));
}

MLCI_INLINE void gr_group(const float *x, size_t n, float most, int cut, mlci_group_dtype dtype,
                          uint8_t *codes, float *scale)
{
    uint32_t largest = 0;             /* as bits, which have the same order */
    float s;

    for (size_t i = 0; i < n; i++) {
        const uint32_t a = mlci_f32_bits(x[i]) & 0x7fffffffu;

        largest = a > largest ? a : largest;
    }
    *scale = s = mlci_group_round(mlci_bits_f32(largest) / most, dtype);
    if (!(s > 0)) {
        for (size_t i = 0; i < n; i++)
            codes[i] = (uint8_t)(int)most;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float q = gr_round(gr_round(x[i] / s, cut) + most, cut);

        q = q + 12582912.0f - 12582912.0f;          /* 1.5 * 2^23: to a whole number */
        q = q > 2 * most ? 2 * most : q;
        codes[i] = (uint8_t)(int)(q > 0 ? q : 0);
    }
}

MLCI_INLINE void gr_row(const float *x, size_t n, size_t size, float most, int cut,
                        mlci_group_dtype dtype, uint8_t *codes, float *scales)
{
    for (size_t i = 0; i < n; i += size, scales++) {
        if (size == GR_GROUP && n - i >= GR_GROUP)
            gr_group(x + i, GR_GROUP, most, cut, dtype, codes + i, scales);
        else
            gr_group(x + i, n - i < size ? n - i : size, most, cut, dtype, codes + i, scales);
    }
}

static void gr_codes(const float *x, size_t n, size_t size, int most, mlci_group_dtype dtype,
                     uint8_t *codes, float *scales)
{
    switch (dtype) {
    case MLCI_GROUP_F16: gr_row(x, n, size, (float)most, 13, dtype, codes, scales); break;
    default: gr_row(x, n, size, (float)most, 0, dtype, codes, scales);
    }
}

static void gr_q4_0(const uint8_t *codes, const float *scales, size_t n, uint8_t *blocks)
{
    for (size_t i = 0; i < n; i += GR_GROUP, blocks += 18) {
        const uint16_t s = mlci_f32_to_f16(*scales++);

        blocks[0] = (uint8_t)s;
        blocks[1] = (uint8_t)(s >> 8);
        for (size_t k = 0; k < 16; k++)
            blocks[2 + k] = (uint8_t)(codes[i + k] + (codes[i + k + 16] << 4) + 0x11);
    }
}

const mlci_group_kernels GR_NAME = { gr_codes, gr_f16, gr_q4_0 };
