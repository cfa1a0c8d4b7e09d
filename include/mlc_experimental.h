/* SPDX-License-Identifier: Apache-2.0
 *
 * mlc_experimental.h - calls for tools: looking into the compiler, measuring.
 *
 * These change with every release and are not exported by libmlc.so: link
 * libmlc.a to use them, as the mlc program does.
 */
#ifndef MLC_EXPERIMENTAL_H
#define MLC_EXPERIMENTAL_H

#include "mlc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Gets a piece of text to show; borrowed for the call. */
typedef void (*mlcx_text_fn)(void *user, const char *text, size_t n);

/*
 * mlcx_explain - the model's graph before and after each compiler pass, the
 * kernels that were chosen, bytes moved for one decoded token, memory planned.
 *
 *   without  names of passes to leave out, between commas; may be NULL.
 *   write    called several times with the text in pieces.
 *
 * Errors: as mlc_model_open.
 */
mlc_status mlcx_explain(mlc_context *ctx, const char *path, const char *without,
                        mlcx_text_fn write, void *user, mlc_error *err);

/* mlcx_model_open - as mlc_model_open, without some passes of the compiler. */
mlc_status mlcx_model_open(mlc_context *ctx, const char *path, const char *without,
                           const mlc_model_options *opts, mlc_model **out,
                           mlc_error *err);

/* ---- modules as text: src/compiler/module.h has the language ------------------ */

typedef struct mlcx_module mlcx_module;

/* A dense array; type: "f32", "f16", "i32", "u8", ..., or "shape", whose values are
 * its dims and whose data is NULL. */
typedef struct mlcx_array {
    void       *data;
    const char *type;
    uint32_t    rank;
    int64_t     dims[4];
} mlcx_array;

/* A kernel of the caller's, for call_dps_library: the operands, then the output, which
 * it fills.  Nonzero: failed. */
typedef int (*mlcx_kernel_fn)(void *user, const mlcx_array *arrays, uint32_t n);

/* mlcx_module_open - read a module; the text is copied.
 * Errors: MLC_EFORMAT with the line; MLC_ENOMEM. */
mlc_status mlcx_module_open(mlc_context *ctx, const char *text, size_t n,
                            mlcx_module **out, mlc_error *err);
void       mlcx_module_close(mlcx_module *m);

/* mlcx_module_print - its text, with the types that were deduced. */
mlc_status mlcx_module_print(mlcx_module *m, mlcx_text_fn write, void *user);

/* mlcx_module_kernel - what call_dps_library "name" calls.  At most 32.
 * Errors: MLC_EINVAL. */
mlc_status mlcx_module_kernel(mlcx_module *m, const char *name, mlcx_kernel_fn fn, void *user,
                              mlc_error *err);

/*
 * mlcx_module_run - interpret a function on arguments, one for each parameter.
 *   result   its data is the module's until the next run or mlcx_module_close.
 * Errors: MLC_EINVAL for a size or an index that does not fit, by name.
 */
mlc_status mlcx_module_run(mlcx_module *m, const char *function, const mlcx_array *args,
                           uint32_t n_args, mlcx_array *result, mlc_error *err);

/*
 * mlcx_module_try - the same on made-up arguments, and the result as text: sizes
 * "n=3,m=8" (4 if not named); element k is (k % 17 - 8) / 8, of integers k % 4.
 */
mlc_status mlcx_module_try(mlcx_module *m, const char *function, const char *sizes,
                           mlcx_text_fn write, void *user, mlc_error *err);

/*
 * mlcx_read_bandwidth - bytes per second at which all threads of the context
 * together read n_bytes of memory: the best of a few passes.
 * Errors: MLC_ENOMEM.
 */
mlc_status mlcx_read_bandwidth(mlc_context *ctx, size_t n_bytes, double *bytes_per_s);

/* mlcx_peak_memory - the most memory that the process has had resident, bytes. */
uint64_t mlcx_peak_memory(void);

/* mlcx_session_memory - bytes that the session holds besides KV pages. */
uint64_t mlcx_session_memory(const mlc_session *s);

#ifdef __cplusplus
}
#endif
#endif
