/* SPDX-License-Identifier: Apache-2.0
 *
 * mlc.h - the public interface of libmlc, an embeddable LLM inference library.
 *
 * This file is the whole contract: a name that is not here may change at any
 * commit.  The objects, from long-lived to short-lived:
 *
 *   mlc_context    allocator, log sink, devices, worker threads.
 *   mlc_model      weights, tokenizer, compiled plan.  Immutable once open.
 *   mlc_tokenizer  text to token ids and back; part of a model or alone.
 *   mlc_template   a chat template: messages to prompt text.
 *   mlc_session    low level: sequences of tokens with their KV state; batches
 *                  of rows in, logits out.
 *   mlc_engine     everyday: OpenAI-shaped request JSON in, events out.
 *   mlc_request    one such request.
 *
 * The shortest useful program (examples/hello.c):
 *
 *   mlc_context_open -> mlc_model_open -> mlc_engine_open -> mlc_engine_submit
 *   -> mlc_request_read until it says MLC_ECLOSED -> close everything.
 *
 * Errors   Every fallible call returns mlc_status; outputs are written only on
 *          MLC_OK, except that a handle output is set to NULL first.  Calls
 *          that read files or text also fill *err, which may be NULL.  The
 *          library never prints, exits, aborts or installs a signal handler.
 * Memory   All of it comes from the context's allocator, except what the
 *          PCRE2 takes for a tokenizer's pattern (bounded, per model).
 *          An X from mlc_X_open is released by mlc_X_close, which accepts NULL.
 * Handles  are counted inside: a model may be closed while its sessions live,
 *          an engine while its requests live; the memory goes with the last.
 * Text     is UTF-8.  Sizes are in bytes and never count a terminator; returned
 *          text is always followed by a NUL that its size does not include.
 * Tags     The last line of each comment is checked by tests/check_header.sh:
 *            thread: any    - may be called at any time from any thread
 *                    handle - one thread at a time per handle
 *            alloc:  no     - never calls the allocator
 *            block:  yes    - may wait for a disk, a device or a computation
 *            since:  ABI level that introduced the function
 */
#ifndef MLC_H
#define MLC_H

#include <stddef.h>
#include <stdint.h>

#ifndef MLC_API
# if defined _WIN32 && defined MLC_BUILD_SHARED
#  define MLC_API __declspec(dllexport)
# elif defined _WIN32 && defined MLC_USE_SHARED
#  define MLC_API __declspec(dllimport)
# elif defined __GNUC__
#  define MLC_API __attribute__((visibility("default")))
# else
#  define MLC_API
# endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------ */
/* Version and errors                                                        */
/* ------------------------------------------------------------------------ */

/* ABI level of this header.  Level 0 is the time before the interface freezes:
 * the library is libmlc.so.0 and functions may still change. */
#define MLC_ABI 0

/* Not an enum type: its width must not depend on compiler flags.  Numbers are
 * never reused; new ones are appended, so treat an unknown one as failure. */
typedef int32_t mlc_status;
enum {
    MLC_OK           =   0,
    MLC_EINVAL       =  -1, /* an argument breaks the documented contract     */
    MLC_ENOMEM       =  -2, /* the allocator returned NULL, or a limit is hit */
    MLC_EIO          =  -3, /* the operating system said no; see os_error     */
    MLC_EFORMAT      =  -4, /* the bytes are not what they claim to be        */
    MLC_EUNSUPPORTED =  -5, /* valid, but this build or version cannot        */
    MLC_EKVFULL      =  -6, /* no free KV page; retry after freeing some      */
    MLC_ETIMEOUT     =  -7, /* nothing happened within the time given         */
    MLC_ECANCELED    =  -8, /* cancelled by the caller                        */
    MLC_ECLOSED      =  -9, /* nothing more will come                         */
    MLC_ETOOSMALL    = -10, /* the buffer is too small; the size is reported  */
    MLC_EDEVICE      = -11  /* the device is lost; only closing is legal now  */
};

/* Filled on failure.  256 bytes for ever: the caller owns it, often on the
 * stack, so it can neither grow nor need freeing.  For errors in request JSON
 * the text begins with the path of the field: "messages[0].role: ...". */
typedef struct mlc_error {
    mlc_status status;
    int32_t    os_error;   /* errno or GetLastError, 0 if none               */
    char       text[248];  /* one UTF-8 sentence, no newline, terminated     */
} mlc_error;

/*
 * mlc_abi - the ABI level of the library; compare with MLC_ABI after dlopen.
 * thread:any alloc:no block:no since:0
 */
MLC_API int32_t mlc_abi(void);

/*
 * mlc_version - "major.minor.patch"; static.
 * thread:any alloc:no block:no since:0
 */
MLC_API const char *mlc_version(void);

/*
 * mlc_status_name - "MLC_EFORMAT" for a number, "unknown" otherwise; static.
 * thread:any alloc:no block:no since:0
 */
MLC_API const char *mlc_status_name(mlc_status status);

/*
 * mlc_error_json - the error as OpenAI's error object:
 * {"error":{"message":...,"type":...,"param":...,"code":...}}.
 *
 *   err     borrowed for the call.
 *   buf     receives at most size bytes, NUL included; may be NULL if size is 0.
 *   n_bytes receives the length of the whole text (also on MLC_ETOOSMALL, after
 *           which buf holds nothing); may be NULL.
 *
 * Errors: MLC_EINVAL, MLC_ETOOSMALL (2 KiB are always enough).
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_error_json(const mlc_error *err, char *buf, size_t size,
                                  size_t *n_bytes);

/* ------------------------------------------------------------------------ */
/* Context                                                                   */
/* ------------------------------------------------------------------------ */

typedef struct mlc_context   mlc_context;
typedef struct mlc_model     mlc_model;
typedef struct mlc_tokenizer mlc_tokenizer;
typedef struct mlc_template  mlc_template;
typedef struct mlc_session   mlc_session;
typedef struct mlc_adapter   mlc_adapter;
typedef struct mlc_engine    mlc_engine;
typedef struct mlc_request   mlc_request;

/* One function does all three jobs.  new_size 0 frees ptr and returns NULL;
 * ptr NULL allocates; otherwise resize.  old_size and align are always the
 * values given before, so a caller can account exactly without headers.
 * It is called from any thread of the context and must be thread-safe. */
typedef void *(*mlc_alloc_fn)(void *user, void *ptr, size_t old_size,
                              size_t new_size, size_t align);

/* Log levels; a context passes on the messages up to its level. */
enum { MLC_LOG_NONE = 0, MLC_LOG_ERROR = 1, MLC_LOG_WARN = 2, MLC_LOG_INFO = 3,
       MLC_LOG_DEBUG = 4 };

/* text is one line without newline, borrowed for the call.  Called from any
 * thread; must not call back into the library. */
typedef void (*mlc_log_fn)(void *user, int32_t level, const char *text);

/* Fields of option structs are only ever appended; zero in an appended field
 * means "as before the field existed".  Padding is spelled out and zero. */
typedef struct mlc_context_options {
    uint32_t     struct_size; /* set by mlc_context_options_init            */
    uint32_t     n_threads;   /* 0 = the CPUs this process may use          */
    mlc_alloc_fn alloc;       /* NULL = malloc, huge pages for large blocks */
    void        *alloc_user;
    mlc_log_fn   log;         /* NULL = no log                              */
    void        *log_user;
    int32_t      log_level;   /* MLC_LOG_*                                  */
    uint32_t     reserved0;
    const char  *cpu_tier;    /* instruction tier of the CPU kernels: NULL =
                                 the best this CPU has, else a name from
                                 mlc_device.tiers; borrowed for the call    */
} mlc_context_options;

/*
 * mlc_context_options_init - the only way to make an options struct.
 * Use the macro: it passes the size that the *caller* was compiled with.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_context_options_init_sized(mlc_context_options *opts,
                                            size_t size);
#define mlc_context_options_init(o) mlc_context_options_init_sized((o), sizeof *(o))

/*
 * mlc_context_open - allocator, log, devices and the pool of worker threads.
 * The workers sleep unless a model computes.
 *
 *   opts  borrowed for the call; NULL = defaults.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EUNSUPPORTED (a tier that this CPU lacks,
 * an option that this build is too old to know).
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_context_open(const mlc_context_options *opts,
                                    mlc_context **out, mlc_error *err);

/*
 * mlc_context_close - drops the caller's hold; the context goes when the last
 * object made from it is closed.  NULL is a no-op.
 * thread:handle alloc:yes block:yes since:0
 */
MLC_API void mlc_context_close(mlc_context *ctx);

/* One compute device.  Result structs are written up to the caller's size. */
typedef struct mlc_device {
    uint32_t    struct_size;  /* set by mlc_device_init                      */
    uint32_t    n_threads;    /* CPU: threads used; 0 elsewhere              */
    const char *id;           /* "cpu", "cuda:0", ...; owned by the context  */
    const char *name;         /* what the maker calls it; as id              */
    const char *tiers;        /* space-separated kernel tiers this device can
                                 run, slowest first; as id                   */
    const char *tier;         /* the tier in use; as id                      */
    uint64_t    memory_bytes; /* total memory, 0 = unknown                   */
} mlc_device;

/*
 * mlc_device_init - prepares a result struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_device_init_sized(mlc_device *device, size_t size);
#define mlc_device_init(d) mlc_device_init_sized((d), sizeof *(d))

/*
 * mlc_context_device - the i-th device that was found, in the order in which
 * "auto" would choose; MLC_ECLOSED after the last.
 *
 * Errors: MLC_EINVAL, MLC_ECLOSED.
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_context_device(const mlc_context *ctx, size_t i,
                                      mlc_device *device);

/* ------------------------------------------------------------------------ */
/* Model                                                                     */
/* ------------------------------------------------------------------------ */

/* Where a model is read from when it has no path: an archive entry, an
 * encrypted store, a buffer.  All callbacks may come from any thread, several
 * at once, until the last object made from the model is closed. */
typedef struct mlc_source {
    uint32_t    struct_size;  /* set by mlc_source_init                     */
    uint32_t    reserved0;
    uint64_t    size_bytes;   /* of the whole file                          */
    /* Fill buf with n bytes at offset; anything but MLC_OK stops the open. */
    mlc_status (*read_at)(void *user, uint64_t offset, void *buf, size_t n);
    /* Optional: a pointer to the whole file, valid until release.          */
    const void *(*map)(void *user);
    /* Optional: called once when the library is done with the source.      */
    void       (*release)(void *user);
    void       *user;
    const char *name;         /* for error texts; borrowed for the call     */
} mlc_source;

/*
 * mlc_source_init - prepares the struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_source_init_sized(mlc_source *source, size_t size);
#define mlc_source_init(s) mlc_source_init_sized((s), sizeof *(s))

typedef struct mlc_model_options {
    uint32_t    struct_size;  /* set by mlc_model_options_init              */
    uint32_t    flags;        /* MLC_MODEL_*                                */
    const char *device;       /* NULL or "auto", "cpu", "cuda:0", ...;
                                 borrowed for the call                      */
    /* Called now and then while weights load: share done in [0, 1]; may be
     * NULL.  Anything but MLC_OK stops the open with that status.          */
    mlc_status (*progress)(void *user, double done);
    void       *progress_user;
    /* NULL: weights stay as they are stored.  "q4f16_1", "q4f16_2" (MLC-LLM's names): matrices
     * that are stored as floats become 4-bit codes while they load, the same as mlc convert
     * writes; embedding and head stay floats with _2. */
    const char *quantization;
} mlc_model_options;

enum {
    MLC_MODEL_NO_MMAP  = 1, /* read the file into memory instead of mapping */
    MLC_MODEL_NO_WEIGHTS = 2, /* metadata and tokenizer only: sessions and
                                engines on it fail with MLC_EINVAL           */
    MLC_MODEL_VERIFY = 4    /* compare files with the checksums that the model
                               has of them (MLC's directories; others have
                               none): reads all of them once more            */
};

/*
 * mlc_model_options_init - prepares the struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_model_options_init_sized(mlc_model_options *opts, size_t size);
#define mlc_model_options_init(o) mlc_model_options_init_sized((o), sizeof *(o))

/*
 * mlc_model_open - open a model: read its metadata, build and compile its
 * graph, lay out its weights for the device.
 *
 *   path  UTF-8; borrowed for the call: a GGUF file, or a directory as Hugging
 *         Face (config.json, safetensors) or MLC-LLM (mlc-chat-config.json) have.
 *   opts  borrowed for the call; NULL = defaults.
 *   out   receives the model; release with mlc_model_close.
 *
 * Files are mapped and must not be changed while the model is open.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EIO, MLC_EFORMAT (err->text names the
 * file and the tensor or key), MLC_EUNSUPPORTED (architecture, block format or
 * device; the text names it and the ones there are).
 * thread:any alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_model_open(mlc_context *ctx, const char *path,
                                  const mlc_model_options *opts,
                                  mlc_model **out, mlc_error *err);

/*
 * mlc_model_open_source - as mlc_model_open, from callbacks.  source itself is
 * borrowed for the call; its callbacks live until release is called, which
 * also happens when opening fails.
 * thread:any alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_model_open_source(mlc_context *ctx,
                                         const mlc_source *source,
                                         const mlc_model_options *opts,
                                         mlc_model **out, mlc_error *err);

/*
 * mlc_model_close - NULL is a no-op.  Sessions and engines made from the model
 * keep working; the memory goes with the last of them.
 * thread:any alloc:yes block:yes since:0
 */
MLC_API void mlc_model_close(mlc_model *model);

/* What a model is.  Pointers are owned by the model. */
typedef struct mlc_model_info {
    uint32_t    struct_size;     /* set by mlc_model_info_init               */
    uint32_t    n_layers;
    const char *architecture;    /* "llama", "qwen2", ...                    */
    const char *name;            /* the file's own name for it, or ""        */
    const char *chat_template;   /* Jinja text, NULL if the file has none    */
    uint64_t    chat_template_bytes;
    uint64_t    n_parameters;    /* weights, counted singly                  */
    uint64_t    file_bytes;
    uint64_t    weight_bytes;    /* as laid out for the device               */
    uint64_t    decode_bytes;    /* weight bytes read to decode one token    */
    uint64_t    kv_bytes_per_token; /* float16, all layers                   */
    uint32_t    vocab_size;
    uint32_t    width;           /* of the residual stream                   */
    uint32_t    context_length;  /* trained                                  */
    uint32_t    sliding_window;  /* 0 = none                                 */
    const char *device;          /* "cpu"                                    */
    const char *format;          /* of most weights: "Q4_1", ...             */
    uint64_t    hash;            /* names the model in saved sessions        */
} mlc_model_info;

/*
 * mlc_model_info_init - prepares a result struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_model_info_init_sized(mlc_model_info *info, size_t size);
#define mlc_model_info_init(i) mlc_model_info_init_sized((i), sizeof *(i))

/*
 * mlc_model_get_info - fill *info (prepared by mlc_model_info_init).
 * Errors: MLC_EINVAL.
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_model_get_info(const mlc_model *model,
                                      mlc_model_info *info);

/*
 * mlc_model_metadata - the i-th key of the file's metadata and its value as
 * text (long arrays shortened); MLC_ECLOSED after the last.  Owned by the model.
 * Errors: MLC_EINVAL, MLC_ECLOSED.
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_model_metadata(const mlc_model *model, size_t i,
                                      const char **key, const char **value);

/*
 * mlc_model_tokenizer - the model's tokenizer, borrowed: valid while the model
 * is.  Do not close it.  NULL: the directory has no tokenizer.json.
 * thread:any alloc:no block:no since:0
 */
MLC_API const mlc_tokenizer *mlc_model_tokenizer(const mlc_model *model);

/* ------------------------------------------------------------------------ */
/* Tokenizer                                                                 */
/* ------------------------------------------------------------------------ */

/* Encoding flags. */
enum {
    MLC_ENCODE_SPECIAL = 1, /* add what the model adds: BOS, EOS             */
    MLC_ENCODE_PARSE   = 2  /* recognise special tokens written in the text  */
};

/*
 * mlc_tokenizer_open - the tokenizer of a model (a path as of mlc_model_open), without
 * its weights; or of a tokenizer.json, by its path.
 * Errors: as mlc_model_open.
 * thread:any alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_tokenizer_open(mlc_context *ctx, const char *path,
                                      mlc_tokenizer **out, mlc_error *err);

/*
 * mlc_tokenizer_close - NULL is a no-op.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_tokenizer_close(mlc_tokenizer *tok);

/*
 * mlc_tokenizer_encode - text to token ids.
 *
 *   text   [n_bytes] UTF-8, NUL bytes allowed; invalid bytes are encoded as
 *          they are where the vocabulary can (byte tokens), else as U+FFFD.
 *   flags  MLC_ENCODE_*.
 *   ids    [cap] receives the ids; may be NULL if cap is 0.
 *   n_ids  receives the number of ids, also on MLC_ETOOSMALL (then ids holds
 *          the first cap of them).  n_bytes + 3 ids are always enough.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_ETOOSMALL.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_tokenizer_encode(const mlc_tokenizer *tok,
                                        const char *text, size_t n_bytes,
                                        uint32_t flags, int32_t *ids,
                                        size_t cap, size_t *n_ids);

/* Decoding flags. */
enum {
    MLC_DECODE_SPECIAL = 1  /* write special tokens instead of skipping them */
};

/*
 * mlc_tokenizer_decode - token ids to text: the bytes of all tokens joined,
 * every maximal invalid part replaced by U+FFFD.
 *
 *   buf      [cap] receives the text and a NUL; may be NULL if cap is 0.
 *   n_bytes  receives the length, also on MLC_ETOOSMALL (buf then holds nothing).
 *
 * Errors: MLC_EINVAL (also an id outside the vocabulary), MLC_ETOOSMALL.
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_tokenizer_decode(const mlc_tokenizer *tok,
                                        const int32_t *ids, size_t n_ids,
                                        uint32_t flags, char *buf, size_t cap,
                                        size_t *n_bytes);

/*
 * mlc_tokenizer_piece - the raw bytes of one token (perhaps half a character),
 * owned by the tokenizer.  A special token gives its literal text.
 * Errors: MLC_EINVAL (no such id).
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_tokenizer_piece(const mlc_tokenizer *tok, int32_t id,
                                       const char **bytes, size_t *n_bytes);

/*
 * mlc_tokenizer_find - the id whose bytes are exactly these, or -1.
 * thread:any alloc:no block:no since:0
 */
MLC_API int32_t mlc_tokenizer_find(const mlc_tokenizer *tok, const char *bytes,
                                   size_t n_bytes);

/* Special ids, for mlc_tokenizer_special. */
enum { MLC_TOKEN_BOS = 0, MLC_TOKEN_EOS = 1, MLC_TOKEN_UNK = 2,
       MLC_TOKEN_PAD = 3 };

/*
 * mlc_tokenizer_special - the id that plays the role, -1 if none does.
 * thread:any alloc:no block:no since:0
 */
MLC_API int32_t mlc_tokenizer_special(const mlc_tokenizer *tok, int32_t role);

/*
 * mlc_tokenizer_is_end - 1 if generation stops at this id (end of text, end of
 * turn), else 0.
 * thread:any alloc:no block:no since:0
 */
MLC_API int32_t mlc_tokenizer_is_end(const mlc_tokenizer *tok, int32_t id);

/*
 * mlc_tokenizer_size - number of ids; 0 for NULL.
 * thread:any alloc:no block:no since:0
 */
MLC_API size_t mlc_tokenizer_size(const mlc_tokenizer *tok);

/* A streaming decoder: the caller owns it, a plain struct to be zeroed.  It
 * holds back at most three bytes of an unfinished character. */
typedef struct mlc_detokenizer {
    uint8_t pending[8];   /* private */
    uint32_t n_pending;   /* private */
    uint32_t flags;       /* MLC_DECODE_* */
} mlc_detokenizer;

/*
 * mlc_detokenizer_push - one more token; whole characters out.
 *
 *   id       the token; -1 ends the stream: what is held back becomes U+FFFD.
 *   buf      [cap] receives the text and a NUL; cap must be at least
 *            mlc_tokenizer_max_piece(tok) bytes.
 *   n_bytes  receives the length, perhaps 0.
 *
 * The outputs of all pushes joined equal mlc_tokenizer_decode of all ids.
 * Errors: MLC_EINVAL, MLC_ETOOSMALL (state unchanged).
 * thread:handle alloc:no block:no since:0
 */
MLC_API mlc_status mlc_detokenizer_push(mlc_detokenizer *d,
                                        const mlc_tokenizer *tok, int32_t id,
                                        char *buf, size_t cap, size_t *n_bytes);

/*
 * mlc_tokenizer_max_piece - a buffer size that any push fits in.
 * thread:any alloc:no block:no since:0
 */
MLC_API size_t mlc_tokenizer_max_piece(const mlc_tokenizer *tok);

/* ------------------------------------------------------------------------ */
/* Chat template                                                             */
/* ------------------------------------------------------------------------ */

/*
 * mlc_template_open - parse a Jinja chat template.
 *
 *   text  [n_bytes] borrowed for the call.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EFORMAT (err->text has the line).
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_template_open(mlc_context *ctx, const char *text,
                                     size_t n_bytes, mlc_template **out,
                                     mlc_error *err);

/*
 * mlc_template_render - the template's text for these variables.
 *
 *   vars     [n_bytes] a JSON object whose members become the variables:
 *            "messages", "tools", "add_generation_prompt", "bos_token", ...
 *   unix_time  the clock of strftime_now, seconds since 1970 in local time;
 *              negative = now.
 *   text     receives the rendering, owned by the template until its next
 *            render or close.
 *
 * Time and memory are bounded: a template that loops for ever fails.
 * Errors: MLC_EINVAL (vars is no JSON object, or the template itself raised an
 * error: err->text is its message), MLC_EFORMAT (the template did something
 * that is an error in Jinja; the text has the line), MLC_ENOMEM (a limit).
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_template_render(mlc_template *t, const char *vars,
                                       size_t n_bytes, int64_t unix_time,
                                       const char **text, size_t *text_bytes,
                                       mlc_error *err);

/*
 * mlc_template_close - NULL is a no-op.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_template_close(mlc_template *t);

/*
 * mlc_model_prompt - the prompt text that a chat-completion request becomes:
 * its messages and options through the model's chat template (or the request's
 * own "chat_template").  add_generation_prompt is true unless the request says
 * otherwise; members of "chat_template_kwargs" and members of the request that
 * are no sampling option are variables of the template.
 *
 *   json     [n_json] the request; borrowed for the call.
 *   buf      [cap] receives the text and a NUL; may be NULL if cap is 0.
 *   n_bytes  receives the length, also on MLC_ETOOSMALL (buf then holds nothing).
 *
 * Errors: MLC_EINVAL (err->text names the field, or is the template's message),
 * MLC_EFORMAT, MLC_EUNSUPPORTED (no template), MLC_ENOMEM, MLC_ETOOSMALL.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_model_prompt(const mlc_model *model, const char *json,
                                    size_t n_json, char *buf, size_t cap,
                                    size_t *n_bytes, mlc_error *err);

/* ------------------------------------------------------------------------ */
/* Session: sequences and batches of rows                                    */
/* ------------------------------------------------------------------------ */

/* KV element types. */
enum { MLC_KV_AUTO = 0, /* float16; float32 on the scalar tier, the reference */
       MLC_KV_F16 = 1, MLC_KV_F32 = 2 };

typedef struct mlc_session_options {
    uint32_t struct_size;   /* set by mlc_session_options_init               */
    uint32_t n_sequences;   /* ids 0 .. n-1; 0 = 1                           */
    uint64_t kv_tokens;     /* capacity of all sequences together, rounded up
                               to pages; 0 = the model's context length      */
    uint32_t max_rows;      /* rows computed at once (longer batches are cut
                               into chunks); 0 = 256                         */
    uint32_t max_logits;    /* rows of logits kept per eval; 0 = 1           */
    int32_t  kv_type;       /* MLC_KV_*                                      */
    uint32_t reserved0;
} mlc_session_options;

/*
 * mlc_session_options_init - prepares the struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_session_options_init_sized(mlc_session_options *opts,
                                            size_t size);
#define mlc_session_options_init(o) mlc_session_options_init_sized((o), sizeof *(o))

/*
 * mlc_session_open - KV pages and scratch memory for a model.  All memory of
 * the session is taken here: later calls allocate nothing, but for
 * mlc_session_adapt.
 *
 *   opts  borrowed for the call; NULL = defaults.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EUNSUPPORTED.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_session_open(mlc_model *model,
                                    const mlc_session_options *opts,
                                    mlc_session **out, mlc_error *err);

/*
 * mlc_session_close - NULL is a no-op.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_session_close(mlc_session *s);

/*
 * mlc_session_eval - append tokens to sequence 0 and run the model on them.
 *
 *   tokens  [n_tokens], each in [0, vocab size); borrowed for the call.
 *   n_tokens  0 does nothing and succeeds.
 *
 * All or nothing: on any error the sequence is as it was before the call.
 * Afterwards mlc_session_logits(s, 0) is the row of the last token.
 *
 * Errors: MLC_EINVAL, MLC_EKVFULL, MLC_ECANCELED.
 * thread:handle alloc:no block:yes since:0
 */
MLC_API mlc_status mlc_session_eval(mlc_session *s, const int32_t *tokens,
                                    size_t n_tokens, mlc_error *err);

/* Row flags. */
enum { MLC_ROW_LOGITS = 1 /* keep the logits of this row */ };

/* One row of a batch: the next position of its sequence.  Rows of one sequence
 * follow each other in the order of the array; zero what is reserved. */
typedef struct mlc_row {
    int32_t      sequence;   /* [0, n_sequences)                             */
    int32_t      token;      /* [0, vocab size); ignored with an embedding   */
    uint32_t     flags;      /* MLC_ROW_*                                    */
    uint32_t     reserved0;
    const float *embedding;  /* NULL, or [width] float32 instead of a token;
                                borrowed for the call                        */
} mlc_row;

/*
 * mlc_session_eval_rows - run a batch of rows of any sequences.
 *
 *   rows  [n_rows] borrowed for the call; at most max_logits of them with
 *         MLC_ROW_LOGITS.
 *
 * The numbers of a row do not depend on the rows that ran with it, nor on how
 * a sequence was cut into batches: the same bits come out.
 * All or nothing, as mlc_session_eval.
 *
 * Errors: MLC_EINVAL, MLC_EKVFULL, MLC_ECANCELED.
 * thread:handle alloc:no block:yes since:0
 */
MLC_API mlc_status mlc_session_eval_rows(mlc_session *s, const mlc_row *rows,
                                         size_t n_rows, mlc_error *err);

/*
 * mlc_session_logits - [vocab size] float32 scores of the i-th row that asked
 * for them in the last eval.  Owned by the session; valid until the next call
 * that takes it.  NULL if there is no such row.
 * thread:handle alloc:no block:no since:0
 */
MLC_API const float *mlc_session_logits(const mlc_session *s, size_t i);

/*
 * mlc_adapter_open - a low-rank adapter (LoRA) of a model, for sequences of its sessions.
 *
 *   path  a directory as PEFT writes it (adapter_config.json,
 *         adapter_model.safetensors), or a GGUF file as llama.cpp has them.
 *
 * Memory: its matrices as float32.
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EIO, MLC_EFORMAT if it is not of this model,
 * MLC_EUNSUPPORTED (DoRA, embeddings, experts, models that are shared out).
 * thread:any alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_adapter_open(mlc_model *model, const char *path,
                                    mlc_adapter **out, mlc_error *err);

/*
 * mlc_adapter_close - sequences that have it keep it.  NULL is a no-op.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_adapter_close(mlc_adapter *adapter);

/*
 * mlc_session_adapt - a sequence without tokens gets an adapter, or none (NULL).
 * Sequences with several and with none are one batch, each with the bits that it
 * has alone.  Forks have it too; saved sequences do not say which they had.
 * Errors: MLC_EINVAL (a sequence with tokens: mlc_session_rewind first; another
 * model's adapter), MLC_ENOMEM.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_session_adapt(mlc_session *s, int32_t sequence,
                                     mlc_adapter *adapter, mlc_error *err);

/*
 * mlc_session_length - tokens in a sequence; 0 if there is no such sequence.
 * thread:handle alloc:no block:no since:0
 */
MLC_API size_t mlc_session_length(const mlc_session *s, int32_t sequence);

/*
 * mlc_session_fork - make sequence dst a copy of src.  Whole pages are shared
 * and copied when one of the two writes to them.  What dst held is dropped.
 * Errors: MLC_EINVAL.
 * thread:handle alloc:no block:no since:0
 */
MLC_API mlc_status mlc_session_fork(mlc_session *s, int32_t src, int32_t dst);

/*
 * mlc_session_rewind - cut a sequence back to its first n_tokens.
 *
 * Errors: MLC_EINVAL (longer than it is), MLC_EUNSUPPORTED (a sliding-window
 * layer has already dropped what the new end would need; rewind to 0 and
 * evaluate again).  The sequence is unchanged on error.
 * thread:handle alloc:no block:no since:0
 */
MLC_API mlc_status mlc_session_rewind(mlc_session *s, int32_t sequence,
                                      size_t n_tokens);

/* Gets n bytes to keep, or fills buf with n bytes.  Anything but MLC_OK stops
 * the call with that status. */
typedef mlc_status (*mlc_write_fn)(void *user, const void *bytes, size_t n);
typedef mlc_status (*mlc_read_fn)(void *user, void *buf, size_t n);

/*
 * mlc_session_save - write a sequence (tokens and KV state) as bytes.  The
 * form is the same for every device and names the model by its hash.
 * Errors: MLC_EINVAL, and what write returns.
 * thread:handle alloc:no block:yes since:0
 */
MLC_API mlc_status mlc_session_save(mlc_session *s, int32_t sequence,
                                    mlc_write_fn write, void *user,
                                    mlc_error *err);

/*
 * mlc_session_load - replace a sequence by a saved one.  On error the sequence
 * is empty.
 * Errors: MLC_EINVAL, MLC_EFORMAT (damaged, or of another model or KV type),
 * MLC_EKVFULL, and what read returns.
 * thread:handle alloc:no block:yes since:0
 */
MLC_API mlc_status mlc_session_load(mlc_session *s, int32_t sequence,
                                    mlc_read_fn read, void *user,
                                    mlc_error *err);

/*
 * mlc_session_tokens - the ids of a sequence (-1 where a row was an embedding).
 * Owned by the session; valid until the next call that takes it.
 * thread:handle alloc:no block:no since:0
 */
MLC_API const int32_t *mlc_session_tokens(const mlc_session *s,
                                          int32_t sequence);

/*
 * mlc_session_cancel - make a running eval return MLC_ECANCELED soon; the only
 * call that is allowed on a busy session.  Without one it has no effect.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_session_cancel(mlc_session *s);

/* ------------------------------------------------------------------------ */
/* Engine: OpenAI-shaped requests                                            */
/* ------------------------------------------------------------------------ */

typedef struct mlc_engine_options {
    uint32_t struct_size;   /* set by mlc_engine_options_init                */
    uint32_t flags;         /* MLC_ENGINE_*                                  */
    uint32_t max_sequences; /* requests computed at once; 0 = 4              */
    uint32_t prefill_rows;  /* prompt rows per step; 0 = 256                 */
    uint64_t kv_tokens;     /* of all requests together; 0 = the model's
                               context length                                */
    int32_t  kv_type;       /* MLC_KV_*                                      */
    uint32_t max_queued;    /* requests waiting; more are refused; 0 = 256   */
} mlc_engine_options;

enum {
    MLC_ENGINE_MANUAL = 1   /* no thread: the host calls mlc_engine_step     */
};

/*
 * mlc_engine_options_init - prepares the struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_engine_options_init_sized(mlc_engine_options *opts,
                                           size_t size);
#define mlc_engine_options_init(o) mlc_engine_options_init_sized((o), sizeof *(o))

/*
 * mlc_engine_open - an engine that serves requests on one model.  Starts its
 * step thread unless MLC_ENGINE_MANUAL is set.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM, MLC_EIO (no thread).
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_engine_open(mlc_model *model,
                                   const mlc_engine_options *opts,
                                   mlc_engine **out, mlc_error *err);

/*
 * mlc_engine_close - stops the step thread and cancels what runs: readers wake
 * with MLC_ECLOSED.  Requests must still be closed.  NULL is a no-op.
 * thread:any alloc:yes block:yes since:0
 */
MLC_API void mlc_engine_close(mlc_engine *engine);

/*
 * mlc_engine_submit - check a request and queue it.
 *
 *   json  [n_bytes] a chat-completion request as OpenAI has it ("messages"),
 *         or a completion request ("prompt"); borrowed for the call.  The
 *         fields that are read: docs/REQUEST.md.  Unknown fields are ignored.
 *   user  given back in this request's events.
 *
 * Errors: MLC_EINVAL (err->text starts with the field's path; mlc_error_json
 * makes OpenAI's error object of it), MLC_EUNSUPPORTED (a known field that this
 * build cannot honour), MLC_ENOMEM, MLC_EKVFULL (the prompt can never fit: the
 * text has the numbers; or the queue is full), MLC_ECLOSED.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_engine_submit(mlc_engine *engine, const char *json,
                                     size_t n_bytes, void *user,
                                     mlc_request **out, mlc_error *err);

/*
 * mlc_engine_step - run one step of a MLC_ENGINE_MANUAL engine.
 *
 *   busy  receives 1 if there is more to do, 0 if the engine is idle.
 *
 * Errors: MLC_EINVAL (the engine has its own thread).
 * thread:handle alloc:no block:yes since:0
 */
MLC_API mlc_status mlc_engine_step(mlc_engine *engine, int32_t *busy);

/* Event kinds. */
enum {
    MLC_EVENT_CHUNK = 1,  /* a piece of the answer ("stream": true)          */
    MLC_EVENT_DONE  = 2,  /* the last event: with "stream" the usage chunk,
                             without it the whole answer                     */
    MLC_EVENT_ERROR = 3   /* the last event: OpenAI's error object           */
};

/* What happened.  Text is owned by the request until its next read. */
typedef struct mlc_event {
    uint32_t     struct_size; /* set by mlc_event_init                       */
    int32_t      kind;        /* MLC_EVENT_*                                 */
    mlc_request *request;     /* borrowed                                    */
    void        *user;        /* as given to mlc_engine_submit               */
    const char  *json;        /* one JSON object, no newline                 */
    size_t       json_bytes;
    const char  *text;        /* the answer's new text alone, perhaps empty;
                                 on MLC_EVENT_DONE without "stream" all of it */
    size_t       text_bytes;
    mlc_status   status;      /* MLC_OK, or why the request failed           */
    uint32_t     reserved0;
} mlc_event;

/*
 * mlc_event_init - prepares a result struct; use the macro.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_event_init_sized(mlc_event *event, size_t size);
#define mlc_event_init(e) mlc_event_init_sized((e), sizeof *(e))

/*
 * mlc_request_read - the request's next event.
 *
 *   timeout_ms  how long to wait; 0 = do not, negative = until there is one.
 *
 * Several tokens that are ready together may come as one chunk.  On a
 * MLC_ENGINE_MANUAL engine there is nothing to wait for: use 0.
 *
 * Errors: MLC_ETIMEOUT, MLC_ECLOSED (the last event was read, or the engine was
 * closed), MLC_ENOMEM (its text cannot be had any more: close the request).
 * thread:handle alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_request_read(mlc_request *req, int32_t timeout_ms,
                                    mlc_event *event);

/*
 * mlc_engine_next - the next event of any of the engine's requests, in the
 * order in which they became ready.  Do not mix with mlc_request_read on the
 * same request from another thread.
 *
 * Errors: MLC_ETIMEOUT, MLC_ECLOSED (the engine was closed), MLC_ENOMEM.
 * thread:any alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_engine_next(mlc_engine *engine, int32_t timeout_ms,
                                   mlc_event *event);

/* Gets one event; anything but MLC_OK cancels the request and ends the wait. */
typedef mlc_status (*mlc_event_fn)(void *user, const mlc_event *event);

/*
 * mlc_request_wait - the callback form: calls on_event for each event, on the
 * calling thread, until the last.  Steps a MLC_ENGINE_MANUAL engine itself.
 *
 *   on_event  may be NULL: just wait.
 *
 * Errors: as mlc_request_read; what on_event returned; the status of the last
 * event if it is MLC_EVENT_ERROR.
 * thread:handle alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_request_wait(mlc_request *req, mlc_event_fn on_event,
                                    void *user);

/*
 * mlc_request_cancel - ask for the end.  The request still gets its last
 * event: MLC_EVENT_DONE with finish_reason "cancelled" and the usage so far.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_request_cancel(mlc_request *req);

/*
 * mlc_request_close - release the request; cancels it if it still runs.  A
 * reader on another thread wakes with MLC_ECLOSED.  NULL is a no-op.
 * thread:any alloc:yes block:no since:0
 */
MLC_API void mlc_request_close(mlc_request *req);

/*
 * mlc_engine_metrics - counters since the engine was opened, as one JSON
 * object (docs/REQUEST.md).
 *
 *   buf      [cap] receives the text and a NUL.
 *   n_bytes  receives its length, also on MLC_ETOOSMALL; may be NULL.
 *
 * Errors: MLC_EINVAL, MLC_ETOOSMALL (4 KiB are always enough).
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_engine_metrics(mlc_engine *engine, char *buf, size_t cap,
                                      size_t *n_bytes);

/* ------------------------------------------------------------------------ */
/* Grammars: which tokens may come                                           */
/* ------------------------------------------------------------------------ */

/* Any engine can use this part: a vocabulary of byte strings in, masks out. */
typedef struct mlc_vocab   mlc_vocab;
typedef struct mlc_grammar mlc_grammar;
typedef struct mlc_matcher mlc_matcher;

/*
 * mlc_vocab_open - a vocabulary, prepared for masks; for all grammars.
 *
 *   bytes    the tokens' bytes one behind the other; copied.
 *   offsets  [n_tokens + 1] where each begins; a token of no bytes (a special
 *            one) is never allowed, but for ends.
 *   ends     [n_ends] ids that end the text; allowed where it may end.
 *
 * Errors: MLC_EINVAL, MLC_EUNSUPPORTED (a token of more than 60,000 bytes),
 * MLC_ENOMEM.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_vocab_open(mlc_context *ctx, const char *bytes,
                                  const uint32_t *offsets, uint32_t n_tokens,
                                  const int32_t *ends, size_t n_ends,
                                  mlc_vocab **out, mlc_error *err);

/*
 * mlc_vocab_of - the vocabulary of a tokenizer, its end tokens included.
 * Errors: as mlc_vocab_open.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_vocab_of(mlc_context *ctx, const mlc_tokenizer *tok,
                                mlc_vocab **out, mlc_error *err);

/*
 * mlc_vocab_close - NULL is a no-op; grammars keep what they need of it.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_vocab_close(mlc_vocab *v);

/*
 * mlc_vocab_words - 32-bit words of a mask: bit i % 32 of word i / 32 is token i.
 * thread:any alloc:no block:no since:0
 */
MLC_API size_t mlc_vocab_words(const mlc_vocab *v);

/* What a grammar's text is. */
enum {
    MLC_GRAMMAR_JSON_SCHEMA = 0, /* drafts 4 to 2020-12; "true" is any JSON    */
    MLC_GRAMMAR_REGEX       = 1, /* ECMA-262; the whole text, as between ^ and $ */
    MLC_GRAMMAR_EBNF        = 2, /* root ::= ...; as llama.cpp and XGrammar      */
    MLC_GRAMMAR_LARK        = 3, /* start: ...; rules, terminals, %ignore        */
    MLC_GRAMMAR_TAGS        = 4, /* free text and tool calls: {"structures":
                                    [{"begin", "schema" (or "regex", "ebnf",
                                    "lark"), "end"}], "triggers": []}          */
    MLC_GRAMMAR_ANY         = 5  /* any of several: [{"regex": "..."}, {"json_schema":
                                    ...}, {"choice": ["yes", "no"]}, ...]      */
};
enum {
    MLC_GRAMMAR_NO_FORMAT = 1,   /* JSON Schema's "format" is a remark only    */
    MLC_GRAMMAR_COMPACT   = 2,   /* JSON without spaces; else any may come ... */
    MLC_GRAMMAR_SPACED    = 4,   /* ... or one behind each comma and colon     */
    MLC_GRAMMAR_IN_ORDER  = 8,   /* members as "properties" lists them, others
                                    last; else in any order                    */
    MLC_GRAMMAR_PLAIN     = 16,  /* strings escape only what must be           */
    MLC_GRAMMAR_LAX       = 32,  /* what is not enforced is left out and listed
                                    (mlc_grammar_dropped); else refused        */
    MLC_GRAMMAR_FRESH     = 64   /* compile it in any case; else a grammar of the
                                    same text and options that the vocabulary
                                    still knows is the same grammar            */
};

typedef struct mlc_grammar_options {
    uint32_t struct_size;
    uint32_t kind;         /* MLC_GRAMMAR_*                                   */
    uint32_t flags;        /* MLC_GRAMMAR_NO_FORMAT, ...                      */
    uint32_t reserved;
    uint64_t limit;        /* bytes that it may take, 0 = 256 MiB             */
} mlc_grammar_options;

/*
 * mlc_grammar_options_init - defaults: JSON Schema, formats asserted.
 * thread:any alloc:no block:no since:0
 */
MLC_API void mlc_grammar_options_init_sized(mlc_grammar_options *opts, size_t size);
#define mlc_grammar_options_init(o) mlc_grammar_options_init_sized((o), sizeof *(o))

/*
 * mlc_grammar_open - compile a grammar.
 *
 *   text  [n_bytes] UTF-8, not needed afterwards.
 *   opts  may be NULL.
 *
 * Every keyword of JSON Schema is enforced or the schema is refused (unless lax).
 * Errors: MLC_EINVAL, MLC_EFORMAT (not what it should be, or nothing fits it),
 * MLC_EUNSUPPORTED (with the keyword's place), MLC_ENOMEM.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_grammar_open(mlc_vocab *v, const char *text, size_t n_bytes,
                                    const mlc_grammar_options *opts,
                                    mlc_grammar **out, mlc_error *err);

/*
 * mlc_grammar_save - a grammar as bytes, for mlc_grammar_load in another process: its text
 * and options, with a version and a checksum, in the machine's byte order.  Compiling is
 * fast enough that states are not worth their bytes.
 *
 *   buf      [cap] receives them if they fit; may be NULL with cap 0.
 *   n_bytes  how many they are.
 *
 * Errors: MLC_EINVAL, MLC_ETOOSMALL (cap is too small).
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_grammar_save(const mlc_grammar *g, void *buf, size_t cap,
                                    size_t *n_bytes);

/*
 * mlc_grammar_load - a grammar from what mlc_grammar_save gave.
 * Errors: as mlc_grammar_open; MLC_EFORMAT (damaged, or of another version).
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_grammar_load(mlc_vocab *v, const void *bytes, size_t n_bytes,
                                    mlc_grammar **out, mlc_error *err);

/*
 * mlc_grammar_close - NULL is a no-op; matchers keep it alive.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_grammar_close(mlc_grammar *g);

/*
 * mlc_grammar_dropped - what MLC_GRAMMAR_LAX left out of the schema: a sentence with its
 * JSON pointer on each line, "" for nothing.  Valid as long as the grammar.
 * thread:any alloc:no block:no since:0
 */
MLC_API const char *mlc_grammar_dropped(const mlc_grammar *g);

/*
 * mlc_grammar_states - how many states its matchers have visited, and what states are made
 * of.
 * thread:any alloc:no block:yes since:0
 */
MLC_API size_t mlc_grammar_states(const mlc_grammar *g);

/*
 * mlc_grammar_bytes - memory that it takes now: it grows with the states that its
 * matchers visit, up to the limit.
 * thread:any alloc:no block:no since:0
 */
MLC_API size_t mlc_grammar_bytes(const mlc_grammar *g);

/*
 * mlc_matcher_open - a text that is just beginning.
 * Errors: MLC_EINVAL, MLC_ENOMEM.
 * thread:any alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_open(mlc_grammar *g, mlc_matcher **out, mlc_error *err);

/*
 * mlc_matcher_close - NULL is a no-op.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API void mlc_matcher_close(mlc_matcher *m);

/*
 * mlc_matcher_fork - another one at the same place, with the same way back, in constant
 * time: both share what was read, until they read on differently.
 * Errors: MLC_EINVAL, MLC_ENOMEM.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_fork(const mlc_matcher *m, mlc_matcher **out,
                                    mlc_error *err);

/*
 * mlc_matcher_mask - which tokens may come.
 *
 *   mask  [mlc_vocab_words] receives a bit for each token.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM (the grammar's limit).
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_mask(mlc_matcher *m, uint32_t *mask);

/*
 * mlc_matcher_masks - the masks of several matchers, by the context's worker threads.
 * Matchers of one grammar take turns.
 *
 *   m      [n] matchers of one context, each once; NULL: every token may come.
 *   masks  [n][stride] the mask of each.
 *   stride 32-bit words from one mask to the next, at least mlc_vocab_words.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM (that of the first matcher that failed; the others' masks
 * are valid).
 * thread:handle alloc:yes block:yes since:0
 */
MLC_API mlc_status mlc_matcher_masks(mlc_matcher *const *m, size_t n, uint32_t *masks,
                                     size_t stride);

/*
 * mlc_matcher_accept - go on by a token.
 * Errors: MLC_EFORMAT (it may not come; nothing has changed), MLC_ECLOSED (the text
 * has ended), MLC_EINVAL (no such token), MLC_ENOMEM.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_accept(mlc_matcher *m, int32_t token);

/*
 * mlc_matcher_accept_bytes - go on by bytes, which count as one token when taken
 * back.  taken (may be NULL): how many may come; on MLC_EFORMAT nothing has changed.
 * Errors: as mlc_matcher_accept.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_accept_bytes(mlc_matcher *m, const char *bytes,
                                            size_t n_bytes, size_t *taken);

/*
 * mlc_matcher_accept_many - go on by tokens up to the first that may not come, as
 * drafts of a smaller model are checked.  taken: how many were taken.
 * Errors: MLC_EINVAL, MLC_ENOMEM (taken counts those before).
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_accept_many(mlc_matcher *m, const int32_t *tokens,
                                           size_t n, size_t *taken);

/*
 * mlc_matcher_allows - 1 if mlc_matcher_accept would take the token, else 0.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API int32_t mlc_matcher_allows(mlc_matcher *m, int32_t token);

/*
 * mlc_matcher_rollback - take back the last n tokens.
 * Errors: MLC_EINVAL (there were not so many; nothing has changed).
 * thread:handle alloc:no block:no since:0
 */
MLC_API mlc_status mlc_matcher_rollback(mlc_matcher *m, size_t n);

/*
 * mlc_matcher_may_end - 1 if the text may end here, else 0.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API int32_t mlc_matcher_may_end(mlc_matcher *m);

/* Types of logits. */
enum { MLC_LOGITS_F32 = 0, MLC_LOGITS_F16 = 1, MLC_LOGITS_BF16 = 2 };

/*
 * mlc_mask_apply - logits [n] of tokens that may not come become -infinity.
 *
 *   mask   of mlc_matcher_mask; n at most as many bits as it has.
 *   type   MLC_LOGITS_*.
 *
 * Errors: MLC_EINVAL.
 * thread:any alloc:no block:no since:0
 */
MLC_API mlc_status mlc_mask_apply(const uint32_t *mask, size_t n, int32_t type,
                                  void *logits);

/*
 * mlc_matcher_forced - the bytes that must come next, whatever the model says.
 *
 *   buf      [cap] receives them.
 *   n_bytes  how many; 0 if there is a choice.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_forced(mlc_matcher *m, char *buf, size_t cap,
                                      size_t *n_bytes);

/*
 * mlc_matcher_forced_tokens - the tokens that must come next, whatever the model says: the
 * forced bytes cut into the longest tokens, up to where a token might go on beyond them.
 * Nothing is taken.
 *
 *   tokens   [cap] receives them.
 *   n_tokens how many they are; 0: there is a choice.
 *
 * Errors: MLC_EINVAL, MLC_ENOMEM.
 * thread:handle alloc:yes block:no since:0
 */
MLC_API mlc_status mlc_matcher_forced_tokens(mlc_matcher *m, int32_t *tokens, size_t cap,
                                             size_t *n_tokens);

#ifdef __cplusplus
}
#endif
#endif
