/* SPDX-License-Identifier: Apache-2.0
 *
 * scheme.c - scheme.h.
 */
#include "scheme.h"

#include <stdio.h>

static const mlci_scheme sc_schemes[] = {
    { "q0f16", 0, 32, MLCI_GROUP_F16, false, false },
    { "q0bf16", 0, 32, MLCI_GROUP_BF16, false, false },
    { "q0f32", 0, 32, MLCI_GROUP_F32, false, false },
    { "q3f16_0", 3, 40, MLCI_GROUP_F16, true, true },
    { "q3f16_1", 3, 40, MLCI_GROUP_F16, false, true },
    { "q4f16_0", 4, 32, MLCI_GROUP_F16, true, true },
    { "q4f16_1", 4, 32, MLCI_GROUP_F16, false, true },
    { "q4f16_2", 4, 32, MLCI_GROUP_F16, false, false },
    { "q4bf16_0", 4, 32, MLCI_GROUP_BF16, true, true },
    { "q4bf16_1", 4, 32, MLCI_GROUP_BF16, false, true },
    { "q4f32_1", 4, 32, MLCI_GROUP_F32, false, true },
};

const mlci_scheme *mlci_scheme_find(mlci_text name)
{
    for (size_t i = 0; i < sizeof sc_schemes / sizeof *sc_schemes; i++)
        if (mlci_text_is(name, sc_schemes[i].name))
            return &sc_schemes[i];
    return NULL;
}

void mlci_scheme_names(char *buf, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof sc_schemes / sizeof *sc_schemes && n < cap; i++)
        n += (size_t)snprintf(buf + n, cap - n, "%s%s", i > 0 ? ", " : "", sc_schemes[i].name);
}
