/* SPDX-License-Identifier: Apache-2.0
 *
 * groups_f16c.h - half precision by the instruction for it.
 */
#include "../../src/base/half.h"

#include <immintrin.h>
#include <stddef.h>

static void gr_f16(const uint8_t *in, size_t n, float *out)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(in + 2 * i))));
    for (; i < n; i++)
        out[i] = mlci_f16_at(in + 2 * i);
}
