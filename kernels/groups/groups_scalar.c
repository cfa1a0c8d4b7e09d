/* SPDX-License-Identifier: Apache-2.0
 *
 * groups_scalar.c - groups.h for what every processor of the architecture has.
 */
#define GR_NAME mlci_groups_scalar
#include "../../src/base/half.h"

#include <stddef.h>

static void gr_f16(const uint8_t *in, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = mlci_f16_at(in + 2 * i);
}

#include "groups_body.h"
