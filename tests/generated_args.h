/* SPDX-License-Identifier: Apache-2.0
 *
 * generated_args.h - arguments of a generated C kernel for a case of kernel_check.h.
 */
#ifndef GENERATED_ARGS_H
#define GENERATED_ARGS_H

#include "kernel_check.h"
#include "../kernels/generated/generated.h"

static inline void generated_args(const kc_case *c, mlci_gen_args *a)
{
    uint32_t data = 0, scalars = 0;

    memset(a, 0, sizeof *a);
    for (uint32_t i = 0; i < c->p->n_params + c->p->n_outs; i++) {
        const mlci_array *x = &c->arrays[i];

        if (c->p->buffers[i].place == MLCI_SCALAR) {
            memcpy(&a->scalar[scalars++], x->data, 4);
            continue;
        }
        a->data[data] = x->data;
        a->stride[data] = 1;
        for (uint32_t k = 1; k < x->rank; k++)
            a->stride[data] *= x->dims[k];
        data++;
    }
    memcpy(a->size, c->sizes, sizeof a->size);
}

#endif
