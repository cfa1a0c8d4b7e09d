/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.h - kernels as source text, from scheduled tensor programs.
 *
 * One walk over stages and expressions; a dialect says how each language writes
 * types, loads and functions.  Every kernel has the same signature: its buffers in
 * order, then the values of its symbols, then its scalars.
 *
 *   C        struct mlci_gen_args (kernels/generated/generated.h); a call computes
 *            a rectangle of the first two axes; over v16 where all is float32 and
 *            lies side by side, else plain loops
 *   CUDA C, OpenCL C, GLSL   a group of KG_THREADS threads for each point of the
 *            outer axes; sizes are 32-bit, arrays dense
 */
#ifndef KG_EMIT_H
#define KG_EMIT_H

#include "../../src/compiler/tir/tir.h"

enum { KG_THREADS = 128, KG_HOISTED = 32 };

typedef enum kg_language { KG_C, KG_CUDA, KG_OPENCL, KG_GLSL, KG_LANGUAGES } kg_language;

extern const char *const kg_suffixes[KG_LANGUAGES];

/* One kernel, with sizes of its own: a set of all would have too many. */
typedef struct kg_kernel {
    mlci_arena          arena;
    mlci_dims           dims;
    mlci_tir            t;
    const mlci_program *program;      /* canonical copy of a scheduled program  */
    mlci_symbols        symbols;      /* its symbols, in the order of arguments */
    uint64_t            hash;
    const char         *name;         /* what it was made from, for people      */
} kg_kernel;

/* What every kernel file of the language begins with: helpers. */
void kg_prelude(kg_language language, mlci_buf *out);
/* The kernel as a function called k_<hash>; GLSL: a whole shader. */
void kg_emit(kg_language language, kg_kernel *k, mlci_buf *out);
/* What decodes panels, as an inline function over a file's lanes (emit_panel.c). */
void kg_emit_panel(mlci_tir *t, const mlci_program *p, mlci_buf *out);

/* ---- inside --------------------------------------------------------------------------- */

typedef struct kg_writer {
    mlci_tir        *t;
    kg_language      language;
    const kg_kernel *k;
    const mlci_program *p;
    const mlci_stage *s;              /* being written                          */
    mlci_buf        *out;
    uint32_t         lane;            /* atom along which vectors go, 0: none   */
    uint32_t         indent;
    bool             tiled;           /* axis 1 has a range                     */
    bool             whole;           /* vectors are whole                      */
    const mlci_expr *hoisted[KG_HOISTED];  /* u0, u1, ... of the loop           */
    uint32_t         n_hoisted;
} kg_writer;

void kg_line(kg_writer *w, const char *fmt, ...) MLCI_PRINTF(2, 3);
const char *kg_type(kg_language language, mlci_dtype type);
void kg_index(kg_writer *w, mlci_dim d);                     /* a dim            */
void kg_scalar(kg_writer *w, const mlci_expr *e);            /* an expression    */
void kg_vector(kg_writer *w, const mlci_expr *e);            /* as v16           */
void kg_address(kg_writer *w, uint32_t buffer, const mlci_expr *const *index);
bool kg_find_hoisted(const kg_writer *w, const mlci_expr *e, uint32_t *i);
bool kg_can_vector(kg_writer *w, const mlci_expr *e);
bool kg_uses(const kg_writer *w, const mlci_expr *e, uint32_t atom);
void kg_store(kg_writer *w, uint32_t buffer, const mlci_expr *const *index,
              const char *value);

#endif
