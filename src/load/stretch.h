/* SPDX-License-Identifier: Apache-2.0
 *
 * stretch.h - rotations of models that were stretched to longer texts: what their
 * frequencies are divided by.
 */
#ifndef MLCI_STRETCH_H
#define MLCI_STRETCH_H

#include "files.h"

typedef struct mlci_stretch {
    double   base, factor, original;   /* original: length before               */
    uint32_t dims;                     /* of a head that are rotated             */
    double   low, high;                /* Llama 3: of waves in the original length */
    double   fast, slow;               /* YaRN: turns in the original length     */
    bool     whole;                    /* YaRN: the ramp is between whole dimensions */
} mlci_stretch;

/* What frequency i is divided by: Llama 3.1's way, YaRN's. */
typedef double mlci_stretch_fn(const mlci_stretch *s, uint32_t i);
mlci_stretch_fn mlci_stretch_llama3, mlci_stretch_yarn;

/* All of them as the tensor that GGUF files of Llama 3.1 have, "rope_freqs.weight". */
mlc_status mlci_stretch_divisors(mlci_files *f, const mlci_stretch *s, mlci_stretch_fn *fn,
                                 mlc_error *err);
/* As a tensor: x lives in the directory's arena. */
mlc_status mlci_stretch_put(mlci_files *f, const char *name, const float *x, uint32_t n,
                            mlc_error *err);

/* A GGUF file whose keys ask for YaRN gets the tensor, and the keys that models read. */
mlc_status mlci_stretch_gguf(mlci_files *f, mlc_error *err);

#endif
