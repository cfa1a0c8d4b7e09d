/* SPDX-License-Identifier: Apache-2.0
 *
 * scheme.h - MLC-LLM's quantizations by their names: what its directories hold, what can be
 * written, what floats can become while they load.
 */
#ifndef MLCI_SCHEME_H
#define MLCI_SCHEME_H

#include "../../kernels/groups/groups.h"
#include "../base/config.h"

typedef struct mlci_scheme {
    const char      *name;        /* "q4f16_1"                                  */
    uint32_t         bits;        /* of a code; 0: weights are only cast        */
    uint32_t         group;       /* values of a scale                          */
    mlci_group_dtype dtype;       /* of all that has no codes                   */
    bool             columns;     /* codes of products' matrices are transposed */
    bool             ends;        /* embedding and head have codes too          */
} mlci_scheme;

/* NULL: unknown. */
const mlci_scheme *mlci_scheme_find(mlci_text name);
/* All names, for errors; cut to fit. */
void mlci_scheme_names(char *buf, size_t cap);

#endif
