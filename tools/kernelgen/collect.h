/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.h - which kernels are wanted.
 */
#ifndef KG_COLLECT_H
#define KG_COLLECT_H

#include "emit.h"
#include "../../src/compiler/library.h"

enum { KG_MAX_KERNELS = 2000 };

/* What every device can bind. */
enum { KG_MAX_BINDINGS = 8 };

/* Kernels for every tier of the CPU, for devices, and for the CPU once: what is not worth
 * a form for each tier. */
typedef enum kg_list { KG_CPU, KG_GPU, KG_ONCE, KG_LISTS } kg_list;

typedef struct kg_set {
    mlc_context *ctx;
    mlci_arena   arena;
    mlci_dims    dims;
    mlci_tir     t;
    mlci_library library;
    mlc_error    err;
    kg_kernel   *kernels[KG_LISTS][KG_MAX_KERNELS];
    size_t       n[KG_LISTS];
} kg_set;

/* Fill the set; false and s->err if something is wrong. */
bool kg_collect(kg_set *s, const char *definitions);
/* Each program of the file as C that decodes panels. */
bool kg_panels(kg_set *s, const char *definitions, mlci_buf *out);

#endif
