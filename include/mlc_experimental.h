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
