/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c - opening a model: directory, tokenizer, graph, plan, weights.
 *
 * Opening is a list of steps that each own one resource; closing takes a model
 * that is half built, so failure and normal closing are the same code.
 */
#include "model.h"
#include "../load/scheme.h"
#include "../load/tensor.h"
#include "../runtime/device.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { MO_OPTIONS_V0 = offsetof(mlc_model_options, quantization) };

/* Graph, plan, texts: the largest models have some 10,000 nodes of 120 bytes;
 * compiling takes as much again for each pass. */
static const size_t mo_limit = (size_t)1 << 30;

void mlc_model_options_init_sized(mlc_model_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

void mlc_source_init_sized(mlc_source *source, size_t size)
{
    mlci_options_init(source, size);
}

void mlc_model_info_init_sized(mlc_model_info *info, size_t size)
{
    mlci_options_init(info, size);
}

/* ---- steps ------------------------------------------------------------------------------ */

static mlc_status mo_text(mlc_model *m, const char *key, const char **out, size_t *n,
                          mlc_error *err)
{
    mlci_text t;
    mlc_status st = mlci_config_text(&m->config, key, &t, err);

    if (st != MLC_OK)
        return st;
    *out = mlci_arena_copy(&m->arena, t.p, t.n);
    *n = t.n;
    return *out != NULL ? MLC_OK : mlci_nomem(err, "model texts");
}

/* The vocabulary's tables where they lie, or in the arena; none: p NULL. */
static mlc_status mo_image(const mlci_files *f, mlci_arena *arena, mlci_image *out, mlc_error *err)
{
    const mlci_tensor *t;
    const uint8_t *p;
    mlci_config c;
    void *copy;

    *out = (mlci_image){ NULL, 0, false };
    mlci_files_config(f, &c);
    t = mlci_config_tensor(&c, "tokenizer.image");
    if (t == NULL || t->rank != 1 || t->stored != MLCI_STORED_BLOCKS)
        return MLC_OK;
    p = f->items[t->file].data != NULL ? f->items[t->file].data + t->offset : NULL;
    *out = (mlci_image){ p, (size_t)t->n_bytes, false };
    if (p != NULL && (uintptr_t)p % 8 == 0)
        return MLC_OK;
    out->p = copy = mlci_arena_new(arena, (size_t)t->n_bytes, 1);
    return copy == NULL ? mlci_nomem(err, "vocabulary")
                        : mlci_source_read(&f->items[t->file], t->offset, copy,
                                           (size_t)t->n_bytes, err);
}

/* The model's own, where it has sensible ones; else what small quantized models need to stay
 * on the point. */
static void mo_sampling(mlc_model *m)
{
    float temperature = 0.7f, top_p = 0.95f, repetition = 1;
    uint32_t top_k = 0;

    (void)mlci_config_float_or(&m->config, "general.sampling.temp", 0.7, &temperature, NULL);
    (void)mlci_config_float_or(&m->config, "general.sampling.top_p", 0.95, &top_p, NULL);
    (void)mlci_config_float_or(&m->config, "general.sampling.penalty_repeat", 1, &repetition,
                               NULL);
    (void)mlci_config_u32_or(&m->config, "general.sampling.top_k", 0, 1 << 20, 0, &top_k, NULL);
    m->sampling = (mlci_sampling_defaults){
        temperature >= 0 && temperature <= 2 ? temperature : 0.7f,
        top_p > 0 && top_p <= 1 ? top_p : 0.95f,
        repetition > 0 && repetition <= 2 ? repetition : 1, top_k,
    };
}

/* MLC's conv_template has some. */
static mlc_status mo_stops(mlc_model *m, mlc_error *err)
{
    const unsigned char *p;
    mlci_value v;

    if (!mlci_config_find(&m->config, "tokenizer.mlc.stops", &v))
        return MLC_OK;
    m->stops = mlci_arena_new(&m->arena, (size_t)v.u + 1, sizeof *m->stops);
    p = v.items;
    for (uint64_t i = 0; i < v.u && m->stops != NULL; i++) {
        const size_t n = (size_t)mlci_le(p, 8);

        m->stops[i] = (mlci_text){ mlci_arena_copy(&m->arena, (const char *)p + 8, n), n };
        if (m->stops[i].p == NULL)
            return mlci_nomem(err, "stop strings");
        m->n_stops++;
        p += 8 + n;
    }
    return m->stops != NULL ? MLC_OK : mlci_nomem(err, "stop strings");
}

static mlc_status mo_describe(mlc_model *m, mlc_error *err)
{
    uint64_t count[MLCI_FORMAT_COUNT] = { 0 };
    int most = 0;
    size_t n;
    mlc_status st = mo_text(m, "general.architecture", &m->arch, &n, err);

    if (st == MLC_OK)
        st = mo_text(m, "general.name", &m->name, &n, err);
    if (st == MLC_OK)
        st = mo_text(m, "tokenizer.chat_template", &m->chat_template,
                     &m->chat_template_bytes, err);
    if (st != MLC_OK)
        return st;
    if (m->chat_template_bytes == 0)
        m->chat_template = NULL;
    mo_sampling(m);
    st = mo_stops(m, err);
    if (st != MLC_OK)
        return st;
    for (size_t i = 0; i < m->files.directory.n_tensors; i++) {
        const mlci_tensor *t = &m->files.directory.tensors[i];
        const uint64_t items = t->part ? 0 : t->n_bytes / mlci_format_table[t->format].block_bytes
                       * mlci_format_table[t->format].block_items;

        m->n_parameters += items;
        count[t->format] += items;
    }
    for (int f = 0; f < MLCI_FORMAT_COUNT; f++)
        if (count[f] > count[most])
            most = f;
    m->format = mlci_format_table[most].name;
    m->metadata = mlci_arena_new(&m->arena, m->files.directory.n_keys, sizeof *m->metadata);
    if (m->metadata == NULL)
        return mlci_nomem(err, "metadata");
    for (; m->n_metadata < m->files.directory.n_keys; m->n_metadata++) {
        const mlci_entry *k = &m->files.directory.keys[m->n_metadata];
        char text[256];

        mlci_value_print(&k->value, text, sizeof text);
        m->metadata[m->n_metadata].key = mlci_arena_copy(&m->arena, k->name.p, k->name.n);
        m->metadata[m->n_metadata].value = mlci_arena_copy(&m->arena, text, strlen(text));
        if (m->metadata[m->n_metadata].key == NULL
            || m->metadata[m->n_metadata].value == NULL)
            return mlci_nomem(err, "metadata");
    }
    return MLC_OK;
}

/* Names the model in saved sessions: the directory, and the first bytes of each
 * tensor.  Reading all weights would take longer than laying them out. */
static mlc_status mo_hash(mlc_model *m, mlc_error *err)
{
    unsigned char bytes[64];
    uint64_t h = mlci_hash(m->arch, strlen(m->arch), m->files.directory.n_tensors);

    if (m->comm != NULL)         /* a rank's state is its own */
        h = mlci_mix(h ^ ((uint64_t)m->comm->rank << 32 | m->comm->n_ranks));

    for (size_t i = 0; i < m->files.directory.n_tensors; i++) {
        const mlci_tensor *t = &m->files.directory.tensors[i];
        uint64_t there = m->files.items[t->file].size - t->offset;
        size_t n = (size_t)mlci_min(mlci_min(t->n_bytes, sizeof bytes), there);
        mlc_status st = mlci_source_read(&m->files.items[t->file], t->offset, bytes, n, err);

        if (st != MLC_OK)
            return st;
        h = mlci_hash(t->name.p, t->name.n, h ^ (uint64_t)t->format);
        h = mlci_hash(t->dims, sizeof t->dims, h);
        h = mlci_hash(bytes, n, h);
    }
    m->hash = h;
    return MLC_OK;
}

mlc_status mlci_model_compile(const mlci_config *config, const mlci_goal *goal,
                              mlci_arena *arena, mlci_module *m, mlci_decoder *decoder,
                              mlci_plan *plan, mlci_trace_fn *trace, void *user, mlc_error *err)
{
    mlc_status st = mlci_module_init(m, arena, config, err);

    m->target = goal->target;
    m->has_kernel = goal->has_kernel;
    m->catalogue = goal->catalogue;
    m->rank = goal->rank;
    m->n_ranks = (uint32_t)mlci_max(goal->n_ranks, 1);
    if (st == MLC_OK)
        st = mlci_model_build(m, decoder);
    return st == MLC_OK ? mlci_compile(m, goal->without, plan, trace, user) : st;
}

/* Products' matrices and tables that are floats get codes when they are read.  What chooses
 * experts stays as it is. */
static mlc_status mo_quantize(mlc_model *m, const char *name, mlc_error *err)
{
    const mlci_scheme *scheme = mlci_scheme_find((mlci_text){ name, strlen(name) });

    if (scheme == NULL || scheme->bits != 4 || scheme->dtype != MLCI_GROUP_F16 || scheme->columns)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quantization \"%.40s\" is unsupported while "
                         "loading (q4f16_1 and q4f16_2 are)", name);
    for (size_t i = 0; i < m->files.directory.n_tensors; i++) {
        mlci_tensor *t = &m->files.directory.tensors[i];
        const bool end = mlci_text_is(t->name, "token_embd.weight")
                      || mlci_text_is(t->name, "output.weight");

        const bool floats = t->format == MLCI_F32 || t->format == MLCI_F16
                         || t->format == MLCI_BF16;

        if (t->rank == 2 && floats && t->stored != MLCI_STORED_PANELS && t->dims[1] % 32 == 0
            && t->dims[0] > 1 && (!end || scheme->ends)
            && !mlci_text_ends(t->name, ".ffn_gate_inp.weight"))
            mlci_tensor_code(t);
    }
    return MLC_OK;
}

static mlc_status mo_compile(mlc_model *m, const mlci_how *how, mlc_error *err)
{
    mlci_goal goal = { .without = how->without, .target = MLCI_TARGET_CPU,
                       .has_kernel = m->backend->has_kernel, .catalogue = m->ctx };
    mlc_status st;

    if (m->comm != NULL) {
        goal.rank = m->comm->rank;
        goal.n_ranks = m->comm->n_ranks;
    }
    st = mlci_model_compile(&m->config, &goal, &m->arena, &m->module, &m->decoder, &m->plan,
                            NULL, NULL, err);
    if (st == MLC_OK && m->tokenizer != NULL && m->tokenizer->n_tokens != m->decoder.vocab)
        st = mlci_fail(err, MLC_EFORMAT, 0, "the vocabulary has %u tokens, the embedding "
                       "%u rows", m->tokenizer->n_tokens, m->decoder.vocab);
    return st;
}

static mlc_status mo_open(mlc_model *m, const mlc_model_options *opts,
                          const mlci_how *how, mlc_error *err)
{
    mlci_load load = { .ctx = m->ctx, .module = &m->module, .plan = &m->plan,
                       .files = m->files.items, .comm = how->comm, .progress = opts->progress,
                       .progress_user = opts->progress_user };
    mlci_image image = { NULL, 0, false };
    mlci_value model;
    mlc_status st = mlci_device_check(m->ctx, opts->device, err);

    if (st != MLC_OK)
        return st;
    m->backend = &mlci_backend_cpu;
    m->comm = how->comm;
    mlci_files_config(&m->files, &m->config);
    st = mo_describe(m, err);
    if (st == MLC_OK)
        st = mo_image(&m->files, &m->arena, &image, err);
    if (st == MLC_OK && (!m->files.halves || mlci_config_find(&m->config, "tokenizer.ggml.model",
                                                              &model)))
        st = mlci_tokenizer_new(m->ctx, &m->config, &image, &m->tokenizer, err);
    if (st == MLC_OK && (opts->flags & MLC_MODEL_NO_WEIGHTS) == 0) {
        st = mo_compile(m, how, err);
        if (st == MLC_OK)
            st = mo_hash(m, err);
        if (st == MLC_OK)
            st = m->backend->weights_open(&load, &m->weights, err);
    }
    /* The directory (vocabulary texts) has been copied where it is needed. */
    if (st == MLC_OK && m->files.directory.head_bytes > 0)
        mlci_source_release(&m->files.items[0], 0, m->files.directory.head_bytes);
    return mlci_error_prefix(err, st, m->files.name);
}

static void mo_free(mlc_model *m)
{
    mlc_context *ctx = m->ctx;

    if (m->weights != NULL)
        m->backend->weights_close(m->weights);
    mlc_tokenizer_close(m->tokenizer);
    mlci_arena_reset(&m->arena);
    mlci_files_close(&m->files);
    mlci_delete(ctx, m, 1, sizeof *m);
    mlci_context_unref(ctx);
}

void mlci_model_ref(mlc_model *m)
{
    atomic_fetch_add(&m->refs, 1);
}

void mlc_model_close(mlc_model *m)
{
    if (m != NULL && atomic_fetch_sub(&m->refs, 1) == 1)
        mo_free(m);
}

mlc_status mlci_model_open(mlc_context *ctx, const char *path, const mlc_source *source,
                           const mlc_model_options *user_opts, const mlci_how *how,
                           mlc_model **out, mlc_error *err)
{
    const mlci_how usual = { NULL, NULL };
    mlc_model_options opts;
    mlc_model *m;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (ctx == NULL || (path == NULL && source == NULL))
        return mlci_fail(err, MLC_EINVAL, 0, "ctx, or path or source, is NULL");
    st = mlci_options_read(&opts, sizeof opts, MO_OPTIONS_V0, user_opts, err);
    if (st != MLC_OK)
        return st;
    m = mlci_new(ctx, 1, sizeof *m);
    if (m == NULL)
        return mlci_nomem(err, "model");
    m->ctx = ctx;
    mlci_context_ref(ctx);
    atomic_init(&m->refs, 1);
    mlci_arena_init(&m->arena, ctx, mo_limit);
    st = path != NULL
        ? mlci_files_open(&m->files, ctx, path, opts.flags, err)
        : mlci_files_open_user(&m->files, ctx, source, err);
    if (st == MLC_OK && opts.quantization != NULL)
        st = mo_quantize(m, opts.quantization, err);
    if (st == MLC_OK)
        st = mo_open(m, &opts, how != NULL ? how : &usual, err);
    if (st != MLC_OK) {
        mlc_model_close(m);
        return st;
    }
    mlci_log(ctx, MLC_LOG_INFO, "opened %s: %s, %llu M parameters, mostly %s",
             m->files.name, m->arch, (unsigned long long)(m->n_parameters / 1000000),
             m->format);
    *out = m;
    return MLC_OK;
}

mlc_status mlc_model_open(mlc_context *ctx, const char *path, const mlc_model_options *opts,
                          mlc_model **out, mlc_error *err)
{
    if (path == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "path is NULL");
    return mlci_model_open(ctx, path, NULL, opts, NULL, out, err);
}

mlc_status mlc_model_open_source(mlc_context *ctx, const mlc_source *source,
                                 const mlc_model_options *opts, mlc_model **out,
                                 mlc_error *err)
{
    if (source == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "source is NULL");
    return mlci_model_open(ctx, NULL, source, opts, NULL, out, err);
}

mlc_status mlc_tokenizer_open(mlc_context *ctx, const char *path, mlc_tokenizer **out,
                              mlc_error *err)
{
    mlci_files f;
    mlci_config c;
    mlci_value model;
    mlci_image image;
    mlci_arena arena;
    mlc_status st;

    if (out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (ctx == NULL || path == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "ctx or path is NULL");
    st = mlci_files_open(&f, ctx, path, 0, err);
    mlci_arena_init(&arena, ctx, mo_limit);
    if (st == MLC_OK) {
        mlci_files_config(&f, &c);
        st = mo_image(&f, &arena, &image, err);
        image.copy = true;
        if (st == MLC_OK)
            st = f.halves && !mlci_config_find(&c, "tokenizer.ggml.model", &model)
               ? mlci_fail(err, MLC_EFORMAT, 0, "there is no tokenizer.json")
               : mlci_tokenizer_new(ctx, &c, &image, out, err);
        st = mlci_error_prefix(err, st, f.name);
    }
    mlci_arena_reset(&arena);
    mlci_files_close(&f);
    return st;
}

/* ---- asking -------------------------------------------------------------------------------- */

mlc_status mlc_model_get_info(const mlc_model *m, mlc_model_info *info)
{
    mlc_model_info r;

    if (m == NULL || info == NULL)
        return MLC_EINVAL;
    memset(&r, 0, sizeof r);
    r.architecture = m->arch;
    r.name = m->name;
    r.chat_template = m->chat_template;
    r.chat_template_bytes = m->chat_template_bytes;
    r.n_parameters = m->n_parameters;
    r.file_bytes = mlci_files_bytes(&m->files);
    r.vocab_size = m->tokenizer != NULL ? m->tokenizer->n_tokens : m->decoder.vocab;
    r.device = m->backend->name;
    r.format = m->format;
    if (m->weights != NULL) {
        r.n_layers = m->decoder.n_layers;
        r.width = m->decoder.width;
        r.context_length = m->decoder.context;
        r.sliding_window = m->decoder.window;
        r.weight_bytes = m->backend->weights_bytes(m->weights);
        r.decode_bytes = m->backend->decode_bytes(m->weights);
        r.hash = m->hash;
        for (uint32_t i = 0; i < m->module.n_pools; i++)
            r.kv_bytes_per_token += m->backend->page_bytes(&m->module, i, false)
                                  / MLCI_KV_PAGE;
    }
    return mlci_result_write(info, &r, sizeof r);
}

mlc_status mlc_model_metadata(const mlc_model *m, size_t i, const char **key,
                              const char **value)
{
    if (m == NULL || key == NULL || value == NULL)
        return MLC_EINVAL;
    if (i >= m->n_metadata)
        return MLC_ECLOSED;
    *key = m->metadata[i].key;
    *value = m->metadata[i].value;
    return MLC_OK;
}

const mlc_tokenizer *mlc_model_tokenizer(const mlc_model *m)
{
    return m == NULL ? NULL : m->tokenizer;
}
