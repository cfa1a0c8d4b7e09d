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

typedef struct mlcx_explain_options {
    const char *pass;       /* "all" or NULL: every pass; else before and after this one  */
    const char *device;     /* NULL or "cpu", "cuda", "vulkan", "opencl": need not be there */
    const char *without;    /* passes to leave out, between commas; may be NULL           */
    uint32_t    rank, n_ranks;  /* the part of one of several; 0, 0: everything           */
} mlcx_explain_options;

/*
 * mlcx_explain - the model's graph before and after compiler passes, the kernels that
 * were chosen, bytes moved for one decoded token, memory planned.
 *
 *   options  may be NULL.
 *   write    called several times with the text in pieces.
 *
 * Errors: as mlc_model_open; MLC_EINVAL for a pass or device that there is not.
 */
mlc_status mlcx_explain(mlc_context *ctx, const char *path, const mlcx_explain_options *options,
                        mlcx_text_fn write, void *user, mlc_error *err);

typedef struct mlcx_convert_options {
    const char *quantization;   /* "q4f16_1", ...: MLC-LLM's names                        */
    int32_t     search;         /* 1: scales that lose least, not the largest values'     */
    const char *text;           /* search with calibration: losses count by what comes to a
                                   column while the model reads this (UTF-8); NULL: by the
                                   values' own squares                                    */
    /* Called now and then: share done in [0, 1]; may be NULL.  Anything but MLC_OK stops
     * with that status. */
    mlc_status (*progress)(void *user, double done);
    void       *progress_user;
} mlcx_convert_options;

/*
 * mlcx_convert - write a model as a directory of MLC-LLM's format: codes, scales and all that
 * mlc_model_open needs, from any model that it opens.
 *
 *   from     a path as for mlc_model_open.
 *   to       the directory; is made.  A conversion that was stopped or killed leaves nothing
 *            there that opens as a model, and the next one goes on where it was.
 *   options  NULL: q4f16_1.
 *
 * Memory: the largest tensor once as it becomes, and some rows.
 * Errors: as mlc_model_open; MLC_EINVAL if `to` holds a model; MLC_EUNSUPPORTED for a
 * quantization, an architecture or a tensor that the format has no name for; MLC_EIO.
 */
mlc_status mlcx_convert(mlc_context *ctx, const char *from, const char *to,
                        const mlcx_convert_options *options, mlc_error *err);

typedef struct mlcx_layout_options {
    const char *device;         /* "cpu"; NULL: that                                      */
    const char *quantization;   /* as of mlc_model_options; NULL: none                    */
    /* As of mlcx_convert_options; of writing. */
    mlc_status (*progress)(void *user, double done);
    void       *progress_user;
} mlcx_layout_options;

/*
 * mlcx_lay_out - write a model as one file that is used where it lies: weights as a device's
 * products read them, the vocabulary as tables.  Opening such a file copies and computes
 * next to nothing; its pages are read when they are needed, and shared by processes.
 *
 *   from     a path as for mlc_model_open.
 *   to       the file; takes the place of another, once it is whole.
 *   options  NULL: for the CPU, weights as they are.
 *
 * The file opens with this version of the library and on machines of any instruction set,
 * and gives the bits that its source gives.  It cannot be converted further.
 * Memory: as the model's.
 * Errors: as mlc_model_open; MLC_EUNSUPPORTED for another device; MLC_EIO.
 */
mlc_status mlcx_lay_out(mlc_context *ctx, const char *from, const char *to,
                        const mlcx_layout_options *options, mlc_error *err);

/* ---- models of the net, kept on this disk ----------------------------------------------- */

enum {
    MLCX_CACHE_ON,              /* what is there is used, what is not is brought and kept   */
    MLCX_CACHE_OFF,             /* brought anew to a folder of its own, which nothing finds */
    MLCX_CACHE_REDO,            /* brought anew, in the place of what was there             */
    MLCX_CACHE_READONLY         /* what is there is used, else an error                     */
};

typedef struct mlcx_pull_options {
    const char *cache;          /* the folder; is made                                      */
    int32_t     policy;         /* MLCX_CACHE_*                                             */
    int32_t     offline;        /* 1: as MLCX_CACHE_READONLY, and errors say so             */
    const char *endpoint;       /* the hub, NULL: "https://huggingface.co"                  */
    const char *token;          /* for the hub, NULL: none                                  */
    const char *hub_cache;      /* Hugging Face's own folder ("~/.cache/huggingface/hub"): a
                                   model that is there is used; NULL: it is not looked at   */
    uint32_t    stall_ms;       /* nothing came for so long: try again; 0: 30000            */
    /* Called as bytes come: those there and those wanted (0: not known); may be NULL.
     * Anything but MLC_OK stops with that status; the next pull goes on from there. */
    mlc_status (*progress)(void *user, const char *file, uint64_t done, uint64_t total);
    void       *progress_user;
} mlcx_pull_options;

/* mlcx_is_remote - 1 if the name is of the net: "HF://user/repo", "hf.co/user/repo:file" or
 * an http URL; 0 if it is a path. */
int32_t mlcx_is_remote(const char *name);

/*
 * mlcx_pull - bring a model, unless it is here, and say where it lies.
 *
 *   name   "HF://user/repo", "hf.co/user/repo", "huggingface.co/user/repo", each with
 *          "@revision" and ":file" behind it if need be; or the URL of a GGUF file.  Of a
 *          repository of GGUF files `file` is one's name or a part of it ("Q4_K_M"); of
 *          others all that a model needs is brought.
 *   path   what mlc_model_open takes: a buffer of cap bytes.
 *
 * Files are resumed, compared with the sizes and sha256 that the hub lists, and have their
 * names only when they are right.  Two processes that want the same model wait for each
 * other.  Errors: MLC_EIO of net and disk, MLC_EFORMAT for what is not as it was said,
 * MLC_EUNSUPPORTED without libcurl, MLC_EINVAL for a name that is none, MLC_ETOOSMALL.
 */
mlc_status mlcx_pull(mlc_context *ctx, const char *name, const mlcx_pull_options *options,
                     char *path, size_t cap, mlc_error *err);

/* One of the models that are kept. */
typedef struct mlcx_kept { const char *name, *path; uint64_t bytes; } mlcx_kept;
/* mlcx_kept_list - call `each` with every one; anything but MLC_OK stops with that. */
mlc_status mlcx_kept_list(mlc_context *ctx, const char *cache,
                          mlc_status (*each)(void *user, const mlcx_kept *kept), void *user,
                          mlc_error *err);
/* mlcx_kept_remove - take a model, by a name as for mlcx_pull, off the disk.
 * MLC_EINVAL: it is not there. */
mlc_status mlcx_kept_remove(mlc_context *ctx, const char *cache, const char *name,
                            mlc_error *err);

/* mlcx_model_open - as mlc_model_open, without some passes of the compiler. */
mlc_status mlcx_model_open(mlc_context *ctx, const char *path, const char *without,
                           const mlc_model_options *opts, mlc_model **out,
                           mlc_error *err);

/* ---- a model shared out among ranks -------------------------------------------------
 *
 * Every rank holds a part of the weights and of the state, and makes the same calls on a
 * model and sessions of its own: the same batches, forks and rewinds in the same order.
 * All get the same logits, bit for bit; beside one rank alone, sums are rounded in
 * another order.  Each rank needs a context of its own and, in one process, a thread.
 *
 * When a rank closes, dies or stays away longer than the timeout, the others' evaluation
 * ends with MLC_EIO, and so does every later one.
 */

typedef struct mlcx_rank mlcx_rank;

/* mlcx_ranks_threads - n_ranks (at most 8) of this process: out[n_ranks].
 *   timeout_ms  0: a minute.
 * Errors: MLC_EINVAL, MLC_ENOMEM. */
mlc_status mlcx_ranks_threads(mlc_context *ctx, uint32_t n_ranks, uint32_t timeout_ms,
                              mlcx_rank **out, mlc_error *err);

/* mlcx_rank_join - this process as one of n_ranks on this machine that meet at path (at
 * most 100 bytes), where sockets path.0, path.1 ... are made while they do.
 * Errors: MLC_EIO if the others do not come; MLC_EINVAL, MLC_ENOMEM. */
mlc_status mlcx_rank_join(mlc_context *ctx, const char *path, uint32_t rank, uint32_t n_ranks,
                          uint32_t timeout_ms, mlcx_rank **out, mlc_error *err);

/* mlcx_rank_close - after the models and sessions that use it.  NULL is allowed. */
void mlcx_rank_close(mlcx_rank *rank);

/* mlcx_model_open_rank - as mlc_model_open, with this rank's part alone. */
mlc_status mlcx_model_open_rank(mlc_context *ctx, const char *path, mlcx_rank *rank,
                                const mlc_model_options *opts, mlc_model **out, mlc_error *err);

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

/* A pass of the caller's: the module as text; what is given to write (with out) becomes
 * the module, nothing leaves it as it was.  Nonzero: failed. */
typedef int (*mlcx_pass_fn)(void *user, const char *text, size_t n, mlcx_text_fn write,
                            void *out);

/* mlcx_module_pass - a pass by its name, for mlcx_module_optimize.  At most 32.
 * Errors: MLC_EINVAL. */
mlc_status mlcx_module_pass(mlcx_module *m, const char *name, mlcx_pass_fn fn, void *user,
                            mlc_error *err);

/*
 * mlcx_module_optimize - run passes: names between commas, in that order; NULL: all of
 * the library's.  After each the module is read again, with all types deduced anew.
 *
 *   common  equal calls of programs become one     dead  unused values go
 *   fuse    programs that follow each other become one, where their patterns allow it
 *
 * Errors: MLC_EINVAL for an unknown name; MLC_EFORMAT if what a pass made is no module,
 * MLC_ECANCELED if it failed: by its name, and the module is as it was before it.
 */
mlc_status mlcx_module_optimize(mlcx_module *m, const char *passes, mlc_error *err);

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
