/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.c - mlcx_convert: shards one after the other, then what makes them a model.
 */
#include "../../include/mlc_experimental.h"
#include "../base/md5.h"
#include "../load/tensor.h"
#include "convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CV_PATH = 4096, CV_COPY_MOST = 256 << 20, CV_JOURNAL_MOST = 16 << 20 };

static const char cv_journal[] = "convert.journal";

typedef struct cv_work {
    mlc_context       *ctx;
    const mlcx_convert_options *options;
    const char        *to;
    mlci_files         files;
    mlci_config        config;
    const mlci_scheme *scheme;
    mlci_plan_out      plan;
    uint64_t           done;             /* bytes                                */
    char               header[128];      /* of the journal                       */
    char               tokenizer[256];   /* files that were written              */
    mlc_error         *err;
} cv_work;

static mlc_status cv_io(cv_work *w, int error, const char *name)
{
    return mlci_fail(w->err, MLC_EIO, error, "cannot write %s", name);
}

/* dir/name, with more behind it. */
static const char *cv_path(const cv_work *w, char buf[CV_PATH], const char *name, const char *more)
{
    snprintf(buf, CV_PATH, "%s/%s%s", w->to, name, more);
    return buf;
}

/* A file under another name until it is whole; st: of what was written. */
static mlc_status cv_begin(cv_work *w, const char *name, int *fd)
{
    char part[CV_PATH];
    const int e = mlci_os_create(cv_path(w, part, name, ".part"), fd);

    return e == 0 ? MLC_OK : cv_io(w, e, name);
}

static mlc_status cv_end(cv_work *w, const char *name, int fd, mlc_status st)
{
    char part[CV_PATH], path[CV_PATH];
    int e = mlci_os_close(fd);

    if (st == MLC_OK && e == 0)
        e = mlci_os_rename(cv_path(w, part, name, ".part"), cv_path(w, path, name, ""));
    return st != MLC_OK || e == 0 ? st : cv_io(w, e, name);
}

static mlc_status cv_write(cv_work *w, const char *name, const char *bytes, size_t n)
{
    int fd, e;
    mlc_status st = cv_begin(w, name, &fd);

    if (st != MLC_OK)
        return st;
    e = mlci_os_write(fd, bytes, n);
    return cv_end(w, name, fd, e == 0 ? MLC_OK : cv_io(w, e, name));
}

/* ---- what was done before ---------------------------------------------------------------- */

/* What the result depends on: names, sizes and samples of the files, and the scheme. */
static mlc_status cv_fingerprint(cv_work *w)
{
    enum { SAMPLES = 16, SAMPLE = 4096 };
    char digest[33], bytes[SAMPLE];
    mlci_md5 m;
    mlc_status st = MLC_OK;

    mlci_md5_begin(&m);
    mlci_md5_put(&m, &w->options->search, sizeof w->options->search);
    if (w->options->text != NULL)
        mlci_md5_put(&m, w->options->text, strlen(w->options->text));
    for (uint32_t i = 0; i < w->files.n && st == MLC_OK; i++) {
        const mlci_source *s = &w->files.items[i];

        mlci_md5_put(&m, s->name, strlen(s->name));
        mlci_md5_put(&m, &s->size, sizeof s->size);
        for (uint64_t k = 0; k < SAMPLES && s->size > SAMPLE && st == MLC_OK; k++) {
            st = mlci_source_read(s, (s->size - SAMPLE) / (SAMPLES - 1) * k, bytes, SAMPLE, w->err);
            if (st == MLC_OK)
                mlci_md5_put(&m, bytes, SAMPLE);
        }
    }
    mlci_md5_end(&m, digest);
    snprintf(w->header, sizeof w->header, "libmlc convert 1 %s %s\n", w->scheme->name, digest);
    return st;
}

/* Size of a file of the result; -1: it is not there. */
static int64_t cv_size(const cv_work *w, const char *name)
{
    char path[CV_PATH];
    mlci_file f;
    int64_t n = -1;

    if (mlci_os_open(&f, cv_path(w, path, name, "")) == 0) {
        n = (int64_t)f.size;
        mlci_os_unmap(&f);
    }
    return n;
}

/* Shards that the journal has and that are there; a journal of another source counts not. */
static mlc_status cv_resume(cv_work *w)
{
    char name[64];
    mlci_arena arena;
    const char *p;
    size_t n;
    mlc_status st = MLC_OK;

    mlci_arena_init(&arena, w->ctx, CV_JOURNAL_MOST + 4096);
    p = mlci_files_text(&arena, w->to, cv_journal, CV_JOURNAL_MOST, &n, &st, w->err);
    if (p != NULL && strncmp(p, w->header, strlen(w->header)) == 0)
        for (p += strlen(w->header); *p != 0; p = strchr(p, '\n') + 1) {
            char *rest;
            const unsigned long shard = strtoul(p, &rest, 10);

            if (shard >= w->plan.n_shards || rest == p || *rest != ' ' || strcspn(rest, "\n") != 33
                || rest[33] == 0)
                break;
            snprintf(name, sizeof name, "params_shard_%lu.bin", shard);
            if (cv_size(w, name) != (int64_t)w->plan.shards[shard].bytes)
                continue;
            memcpy(w->plan.shards[shard].md5, rest + 1, 32);
            w->plan.shards[shard].done = true;
        }
    mlci_arena_reset(&arena);
    return st;
}

/* The journal anew, with what is done. */
static mlc_status cv_journal_write(cv_work *w)
{
    mlci_buf b;
    mlc_status st;

    mlci_buf_init(&b, w->ctx, (size_t)16 << 20);
    mlci_buf_text(&b, w->header);
    for (uint32_t i = 0; i < w->plan.n_shards; i++)
        if (w->plan.shards[i].done)
            mlci_buf_format(&b, "%u %s\n", i, w->plan.shards[i].md5);
    st = b.failed ? mlci_nomem(w->err, "journal") : cv_write(w, cv_journal, b.data, b.n);
    mlci_buf_reset(&b);
    return st;
}

/* ---- shards -------------------------------------------------------------------------------- */

static mlc_status cv_progress(cv_work *w, uint64_t bytes)
{
    mlc_status st = MLC_OK;

    w->done += bytes;
    if (w->options->progress != NULL)
        st = w->options->progress(w->options->progress_user,
                                  (double)w->done / (double)mlci_max(w->plan.bytes, 1));
    return st == MLC_OK ? st : mlci_fail(w->err, st, 0, "the conversion was stopped");
}

static void cv_release(cv_work *w, const mlci_out *o)
{
    for (uint32_t i = 0; i < o->n_parts; i++)
        if (o->columns > 1)
            mlci_tensor_release(w->files.items, o->parts[i], 0,
                                (size_t)(o->rows / o->n_parts < o->parts[i]->dims[0]
                                         ? o->rows / o->n_parts : o->parts[i]->dims[0]));
}

static mlc_status cv_put(cv_work *w, int fd, mlci_md5 *m, const uint8_t *p, uint64_t n,
                         const char *name)
{
    const int e = mlci_os_write(fd, p, (size_t)n);

    mlci_md5_put(m, p, (size_t)n);
    return e == 0 ? cv_progress(w, n) : cv_io(w, e, name);
}

static mlc_status cv_tensors(cv_work *w, uint32_t shard, int fd, mlci_md5 *m, const char *name)
{
    mlc_status st = MLC_OK;

    for (uint32_t i = 0; i < w->plan.n && st == MLC_OK; i++) {
        const mlci_out *o = &w->plan.items[i];
        mlci_out_data data = { NULL, NULL };
        const bool scales = o->quantized && o->scale_shard == shard;

        if (o->shard != shard && !scales)
            continue;
        st = mlci_convert_rows(&w->files, o, w->scheme, &data, w->err);
        if (st == MLC_OK && o->shard == shard)
            st = cv_put(w, fd, m, data.codes, o->bytes, name);
        if (st == MLC_OK && scales)
            st = cv_put(w, fd, m, data.scales, o->scale_bytes, name);
        mlci_delete(w->ctx, data.codes, (size_t)o->bytes, 1);
        mlci_delete(w->ctx, data.scales, (size_t)o->scale_bytes + 1, 1);
        cv_release(w, o);
    }
    return st;
}

static mlc_status cv_shard(cv_work *w, uint32_t shard)
{
    char name[64];
    mlci_md5 m;
    mlc_status st;
    int fd;

    snprintf(name, sizeof name, "params_shard_%u.bin", shard);
    st = cv_begin(w, name, &fd);
    if (st != MLC_OK)
        return st;
    mlci_md5_begin(&m);
    st = cv_end(w, name, fd, cv_tensors(w, shard, fd, &m, name));
    if (st != MLC_OK)
        return st;
    mlci_md5_end(&m, w->plan.shards[shard].md5);
    w->plan.shards[shard].done = true;
    return cv_journal_write(w);
}

/* ---- the other files ----------------------------------------------------------------------- */

static void cv_record(const cv_work *w, mlci_buf *b, const mlci_out *o, bool scales, bool half)
{
    static const char *const dtypes[] = { "float16", "bfloat16", "float32" };
    const uint64_t groups = (o->columns + w->scheme->group - 1) / w->scheme->group;
    const size_t stem = strlen(o->name) - strlen(".weight");
    const uint64_t last = scales ? groups : o->quantized ? groups * 4 : o->columns;
    const bool half_dtype = half && w->scheme->dtype == MLCI_GROUP_F32;

    mlci_buf_text(b, "    {\"name\": ");
    if (o->quantized) {
        mlci_buf_format(b, "\"%.*s.%s\"", (int)stem, o->name, scales ? "q_scale" : "q_weight");
    } else {
        mlci_buf_json_string(b, o->name, strlen(o->name));
    }
    mlci_buf_text(b, ", \"shape\": [");
    if (o->n_experts > 0)
        mlci_buf_format(b, "%u, %llu, %llu", o->n_experts,
                        (unsigned long long)(o->rows / o->n_experts), (unsigned long long)last);
    else if (o->columns == 1)
        mlci_buf_format(b, "%llu", (unsigned long long)o->rows);
    else if (o->columns_first)
        mlci_buf_format(b, "%llu, %llu", (unsigned long long)last, (unsigned long long)o->rows);
    else
        mlci_buf_format(b, "%llu, %llu", (unsigned long long)o->rows, (unsigned long long)last);
    mlci_buf_format(b, "], \"dtype\": \"%s\", \"format\": \"%s\", \"nbytes\": %llu, "
                    "\"byteOffset\": %llu}",
                    o->quantized && !scales ? "uint32"
                    : half_dtype ? "bfloat16" : dtypes[w->scheme->dtype],
                    half ? "raw" : "f32-to-bf16",
                    (unsigned long long)(scales ? o->scale_bytes : o->bytes),
                    (unsigned long long)(scales ? o->scale_offset : o->offset));
}

/* half: with float32 called what it is stored as. */
static void cv_cache(const cv_work *w, mlci_buf *b, bool half)
{
    uint64_t tensors = 0, values = 0, bytes = 0;

    /* float32 counts as what it stands for */
    for (uint32_t i = 0; i < w->plan.n; i++) {
        const mlci_out *o = &w->plan.items[i];
        const uint64_t twice = w->scheme->dtype == MLCI_GROUP_F32 ? 2 : 1;

        tensors += o->quantized ? 2 : 1;
        values += o->rows * o->columns;
        bytes += o->bytes * (o->quantized ? 1 : twice) + o->scale_bytes * twice;
    }
    mlci_buf_format(b, "{\n \"metadata\": {\"ParamSize\": %llu, \"ParamBytes\": %llu.0, "
                    "\"BitsPerParam\": ", (unsigned long long)tensors,
                    (unsigned long long)bytes);
    mlci_buf_json_double(b, 8.0 * (double)bytes / (double)mlci_max(values, 1));
    mlci_buf_text(b, "},\n \"records\": [");
    for (uint32_t s = 0; s < w->plan.n_shards; s++) {
        const char *comma = "\n";

        mlci_buf_format(b, "%s\n  {\"dataPath\": \"params_shard_%u.bin\", "
                        "\"format\": \"raw-shard\", \"nbytes\": %llu, \"records\": [",
                        s > 0 ? "," : "", s, (unsigned long long)w->plan.shards[s].bytes);
        for (uint32_t i = 0; i < w->plan.n; i++)
            for (int scales = 0; scales < 2; scales++) {
                const mlci_out *o = &w->plan.items[i];

                if (scales ? !o->quantized || o->scale_shard != s : o->shard != s)
                    continue;
                mlci_buf_text(b, comma);
                cv_record(w, b, o, scales, half);
                comma = ",\n";
            }
        mlci_buf_format(b, "\n   ], \"md5sum\": \"%s\"}", w->plan.shards[s].md5);
    }
    mlci_buf_text(b, "\n ]\n}\n");
}

static void cv_tokenizer_file(cv_work *w, const char *name)
{
    const size_t n = strlen(w->tokenizer);

    snprintf(w->tokenizer + n, sizeof w->tokenizer - n, "%s%s", n > 0 ? " " : "", name);
}

/* Files of a directory that say how texts become tokens and chats texts. */
static mlc_status cv_copy(cv_work *w, const char *from)
{
    static const struct { const char *name; bool tokenizer; } names[] = {
        { "tokenizer.json", true }, { "tokenizer.model", true }, { "vocab.json", true },
        { "merges.txt", true }, { "added_tokens.json", true }, { "tokenizer_config.json", true },
        { "special_tokens_map.json", true }, { "chat_template.jinja", false },
        { "generation_config.json", false },
    };
    mlc_status st = MLC_OK;

    for (size_t i = 0; i < sizeof names / sizeof *names && st == MLC_OK; i++) {
        mlci_arena arena;
        const char *text;
        size_t n;

        mlci_arena_init(&arena, w->ctx, (size_t)CV_COPY_MOST + 4096);
        text = mlci_files_text(&arena, from, names[i].name, CV_COPY_MOST, &n, &st, w->err);
        if (text != NULL)
            st = cv_write(w, names[i].name, text, n);
        if (text != NULL && names[i].tokenizer)
            cv_tokenizer_file(w, names[i].name);
        mlci_arena_reset(&arena);
    }
    return st;
}

static mlc_status cv_made(cv_work *w)
{
    mlci_buf b;
    mlc_status st;

    mlci_buf_init(&b, w->ctx, (size_t)CV_COPY_MOST);
    st = mlci_convert_tokenizer(&w->config, w->ctx, &b, w->err);
    if (st == MLC_OK)
        st = cv_write(w, "tokenizer.json", b.data, b.n);
    cv_tokenizer_file(w, "tokenizer.json");
    mlci_buf_clear(&b);
    if (st == MLC_OK)
        st = mlci_convert_tokenizer_config(&w->config, &b, w->err);
    if (st == MLC_OK)
        st = cv_write(w, "tokenizer_config.json", b.data, b.n);
    cv_tokenizer_file(w, "tokenizer_config.json");
    mlci_buf_reset(&b);
    return st;
}

/* What makes the shards a model; the configuration last. */
static mlc_status cv_finish(cv_work *w, const char *from)
{
    char path[CV_PATH];
    mlci_buf b;
    mlc_status st = mlci_os_is_directory(from) ? cv_copy(w, from) : cv_made(w);

    mlci_buf_init(&b, w->ctx, (size_t)256 << 20);
    for (int half = 0; half < 2 && st == MLC_OK; half++) {
        if (half && w->scheme->dtype != MLCI_GROUP_F32)
            break;
        mlci_buf_clear(&b);
        cv_cache(w, &b, half);
        st = b.failed ? mlci_nomem(w->err, "list of tensors")
           : cv_write(w, half ? "tensor-cache-b16.json" : "tensor-cache.json", b.data, b.n);
    }
    mlci_buf_clear(&b);
    if (st == MLC_OK)
        st = mlci_convert_config(&w->files, &w->config, w->scheme, w->tokenizer, &b, w->err);
    if (st == MLC_OK)
        st = cv_write(w, "mlc-chat-config.json", b.data, b.n);
    mlci_buf_reset(&b);
    if (st == MLC_OK)
        mlci_os_remove(cv_path(w, path, cv_journal, ""));
    return st;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static mlc_status cv_run(cv_work *w, const char *from)
{
    mlc_status st = mlci_files_open(&w->files, w->ctx, from, 0, w->err);

    if (st != MLC_OK)
        return st;
    mlci_files_config(&w->files, &w->config);
    st = mlci_convert_plan(&w->plan, &w->files, &w->config, w->scheme, w->err);
    if (st == MLC_OK && w->options->text != NULL)
        st = mlci_convert_calibrate(&w->plan, w->ctx, from, w->options->text, w->err);
    if (st == MLC_OK && (w->options->search || w->options->text != NULL))
        mlci_convert_search(&w->plan);
    if (st == MLC_OK)
        st = cv_fingerprint(w);
    if (st == MLC_OK) {
        const int e = mlci_os_make_directory(w->to);

        st = e == 0 ? MLC_OK : cv_io(w, e, w->to);
    }
    if (st != MLC_OK)
        return st;
    if (cv_size(w, "mlc-chat-config.json") >= 0 || cv_size(w, "config.json") >= 0)
        return mlci_fail(w->err, MLC_EINVAL, 0, "%s holds a model already", w->to);
    st = cv_resume(w);
    for (uint32_t i = 0; i < w->plan.n_shards && st == MLC_OK; i++)
        st = w->plan.shards[i].done ? cv_progress(w, w->plan.shards[i].bytes) : cv_shard(w, i);
    return st == MLC_OK ? cv_finish(w, from) : st;
}

mlc_status mlcx_convert(mlc_context *ctx, const char *from, const char *to,
                        const mlcx_convert_options *options, mlc_error *err)
{
    static const mlcx_convert_options defaults = { .quantization = "q4f16_1" };
    mlc_error unwanted = { 0 };
    cv_work w = { .ctx = ctx, .to = to, .err = err != NULL ? err : &unwanted };
    char known[200] = "";
    mlc_status st;

    w.options = options != NULL ? options : &defaults;
    if (ctx == NULL || from == NULL || to == NULL || w.options->quantization == NULL)
        return mlci_fail(w.err, MLC_EINVAL, 0, "mlcx_convert: an argument is NULL");
    if (strlen(to) > CV_PATH - 64)
        return mlci_fail(w.err, MLC_EINVAL, 0, "mlcx_convert: the path is too long");
    w.scheme = mlci_scheme_find(
        (mlci_text){ w.options->quantization, strlen(w.options->quantization) });
    if (w.scheme == NULL) {
        mlci_scheme_names(known, sizeof known);
        return mlci_fail(w.err, MLC_EUNSUPPORTED, 0, "quantization \"%.40s\" is unknown: there "
                         "are %s", w.options->quantization, known);
    }
    mlci_arena_init(&w.plan.arena, ctx, (size_t)1 << 30);
    st = cv_run(&w, from);
    mlci_arena_reset(&w.plan.arena);
    mlci_files_close(&w.files);
    return st;
}
