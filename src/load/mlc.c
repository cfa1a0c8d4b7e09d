/* SPDX-License-Identifier: Apache-2.0
 *
 * mlc.c - directories as MLC-LLM's convert_weight writes them: mlc-chat-config.json,
 * tensor-cache.json (earlier ndarray-cache.json), params_shard_*.bin.
 *
 * A quantized matrix is two tensors: words of codes, least significant first, and scales
 * of groups; transposed in the "_0" schemes but for the embedding.  Groups of 32 with 4
 * bits are Q4_0's blocks with codes one higher, so they become these, exactly; groups of
 * 40 with 3 bits have no such twin and become float32.  "q4f16_autoawq" has AWQ's own
 * tensors (hf_quant.c), which become Q4_1.
 */
#include "../base/md5.h"
#include "hf.h"
#include "scheme.h"

#include <stdio.h>
#include <string.h>

enum { MD_CONFIG_MOST = 16 << 20, MD_CACHE_MOST = 256 << 20, MD_PIECE = 1 << 20,
       MD_AWQ = 128 };

typedef enum md_type { MD_F16, MD_BF16, MD_F32, MD_U32, MD_OTHER } md_type;

/* A tensor as the cache lists it. */
typedef struct md_record {
    mlci_text name;
    md_type   type;
    mlci_text type_name;
    uint32_t  rank, file;
    uint64_t  dims[4], offset, n_bytes;
} md_record;

typedef struct md_reader {
    mlci_files   *f;
    const char   *path;
    mlci_arena   *arena;
    md_record    *records;
    size_t        n;
    uint32_t      bits;              /* of codes; 0: not quantized               */
    bool          columns, post_norms, awq;
    mlci_hf_shape shape;
} md_reader;

static mlc_status md_bad(const md_record *r, const char *what, mlc_error *err)
{
    return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: %s", (int)mlci_min(r->name.n, 100),
                     r->name.p, what);
}

/* ---- the cache ------------------------------------------------------------------------- */

static bool md_count(const mlci_json *object, const char *key, uint64_t *v)
{
    int64_t i;

    if (!mlci_json_integer(mlci_json_get(object, key), &i) || i < 0)
        return false;
    *v = (uint64_t)i;
    return true;
}

static mlc_status md_record_of(const mlci_json *v, uint32_t file, uint64_t file_bytes, md_record *r,
                               mlc_error *err)
{
    static const struct { const char *name; md_type type; uint32_t bytes; } types[] = {
        { "float16", MD_F16, 2 }, { "bfloat16", MD_BF16, 2 }, { "float32", MD_F32, 4 },
        { "uint32", MD_U32, 4 },
    };
    const mlci_json *name = mlci_json_get(v, "name"), *shape = mlci_json_get(v, "shape");
    const mlci_json *type = mlci_json_get(v, "dtype");
    uint64_t count = 1, bytes = 0;
    int64_t dim;

    memset(r, 0, sizeof *r);
    if (name == NULL || name->type != MLCI_JSON_STRING || type == NULL
        || type->type != MLCI_JSON_STRING || shape == NULL || shape->type != MLCI_JSON_ARRAY
        || !md_count(v, "byteOffset", &r->offset) || !md_count(v, "nbytes", &r->n_bytes))
        return mlci_fail(err, MLC_EFORMAT, 0, "a tensor's record without name, shape, dtype, "
                         "byteOffset or nbytes");
    r->name = (mlci_text){ name->text, name->text_bytes };
    r->type_name = (mlci_text){ type->text, type->text_bytes };
    r->type = MD_OTHER;
    r->file = file;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (mlci_json_is(type, types[i].name)) {
            r->type = types[i].type;
            bytes = types[i].bytes;
        }
    if (r->type == MD_F32 && mlci_json_is(mlci_json_get(v, "format"), "f32-to-bf16")) {
        r->type = MD_BF16;
        bytes = 2;
    }
    if (shape->n_items > 4)
        return md_bad(r, "more than 4 dimensions", err);
    for (const mlci_json *d = shape->items; d != NULL; d = d->next) {
        if (!mlci_json_integer(d, &dim) || dim <= 0 || count > UINT64_MAX / 64 / (uint64_t)dim)
            return md_bad(r, "a dimension that is no count", err);
        r->dims[r->rank++] = (uint64_t)dim;
        count *= (uint64_t)dim;
    }
    if (r->type != MD_OTHER && r->n_bytes != count * bytes)
        return md_bad(r, "nbytes does not fit its shape", err);
    if (r->offset > file_bytes || r->n_bytes > file_bytes - r->offset)
        return md_bad(r, "lies outside its file", err);
    return MLC_OK;
}

static mlc_status md_verify(const mlci_source *s, const mlci_json *sum, mlc_error *err)
{
    uint8_t *piece = mlci_new(s->ctx, MD_PIECE, 1);
    mlc_status st = piece == NULL ? mlci_nomem(err, "checksum") : MLC_OK;
    char text[33];
    mlci_md5 m;

    mlci_md5_begin(&m);
    for (uint64_t at = 0; at < s->size && st == MLC_OK; at += MD_PIECE) {
        const size_t n = (size_t)mlci_min(s->size - at, (uint64_t)MD_PIECE);

        st = mlci_source_read(s, at, piece, n, err);
        if (st == MLC_OK)
            mlci_md5_put(&m, piece, n);
    }
    mlci_delete(s->ctx, piece, MD_PIECE, 1);
    mlci_md5_end(&m, text);
    return st != MLC_OK || (sum != NULL && mlci_json_is(sum, text)) ? st
         : mlci_fail(err, MLC_EFORMAT, 0, "%s: its md5 is %s, not as the list of files says",
                     s->name, text);
}

static mlc_status md_shard(md_reader *r, const mlci_json *shard, mlc_error *err)
{
    const mlci_json *list = mlci_json_get(shard, "records");
    uint64_t bytes;
    uint32_t file;
    char name[MLCI_HF_NAME];
    mlc_status st;

    if (!mlci_hf_file_name(mlci_json_get(shard, "dataPath"), name)
        || !md_count(shard, "nbytes", &bytes)
        || list == NULL || list->type != MLCI_JSON_ARRAY)
        return mlci_fail(err, MLC_EFORMAT, 0, "a shard without dataPath, nbytes or records");
    st = mlci_files_add(r->f, r->path, name, r->f->map, &file, err);
    if (st == MLC_OK && r->f->items[file].size != bytes)
        st = mlci_fail(err, MLC_EFORMAT, 0, "%s has %llu bytes, not %llu: is it complete?", name,
                       (unsigned long long)r->f->items[file].size, (unsigned long long)bytes);
    if (st == MLC_OK && r->f->verify)
        st = md_verify(&r->f->items[file], mlci_json_get(shard, "md5sum"), err);
    for (const mlci_json *v = list->items; v != NULL && st == MLC_OK; v = v->next)
        st = md_record_of(v, file, bytes, &r->records[r->n++], err);
    return st;
}

static mlc_status md_cache(md_reader *r, mlc_error *err)
{
    static const char *const names[] = { "tensor-cache.json", "ndarray-cache.json" };
    const mlci_json *cache = NULL, *list;
    const char *text = NULL, *name = NULL;
    mlc_status st = MLC_OK;
    size_t n, n_records = 0;

    for (int i = 0; i < 2 && text == NULL && st == MLC_OK; i++)
        text = mlci_files_text(r->arena, r->path, name = names[i], MD_CACHE_MOST, &n, &st, err);
    if (text == NULL)
        return st != MLC_OK ? st : mlci_fail(err, MLC_EFORMAT, 0, "there is no tensor-cache.json");
    st = mlci_json_parse(r->arena, text, n, &cache, err);
    list = mlci_json_get(cache, "records");
    if (st == MLC_OK && (list == NULL || list->type != MLCI_JSON_ARRAY))
        st = mlci_fail(err, MLC_EFORMAT, 0, "no records");
    for (const mlci_json *v = st == MLC_OK ? list->items : NULL; v != NULL; v = v->next) {
        const mlci_json *of = mlci_json_get(v, "records");

        n_records += of != NULL ? of->n_items : 0;
    }
    if (st == MLC_OK) {
        r->records = mlci_arena_new(r->arena, n_records + 1, sizeof *r->records);
        st = r->records == NULL ? mlci_nomem(err, "tensors") : MLC_OK;
    }
    for (const mlci_json *v = st == MLC_OK ? list->items : NULL; v != NULL && st == MLC_OK;
         v = v->next)
        st = md_shard(r, v, err);
    return mlci_error_prefix(err, st, name);
}

/* ---- tensors --------------------------------------------------------------------------- */

/* Of "X.q_weight" "X.q_scale": the name but for the last n bytes, with this end; it usually
 * follows. */
static const md_record *md_beside(const md_reader *r, size_t i, size_t n, const char *end)
{
    const mlci_text a = r->records[i].name;

    for (size_t k = 1; k <= r->n; k++) {
        const md_record *s = &r->records[(i + k) % r->n];

        if (mlci_text_ends(s->name, end) && s->name.n + n == a.n + strlen(end)
            && memcmp(s->name.p, a.p, a.n - n) == 0)
            return s;
    }
    return NULL;
}

/* Columns of the matrix: its words are as many as whole groups need. */
static uint64_t md_columns(const md_reader *r, const mlci_hf_name *n)
{
    return strcmp(n->name, "ffn_down") == 0 ? r->shape.ffn
         : strcmp(n->name, "ffn_down_exps") == 0 ? r->shape.expert_ffn
         : strcmp(n->name, "ffn_down_shexp") == 0 ? r->shape.shared_ffn
         : strcmp(n->name, "attn_output") == 0 ? (uint64_t)r->shape.n_heads * r->shape.head_dim
                                               : r->shape.width;
}

/* Experts' matrices, one below the other. */
static md_record md_flat(const md_record *w)
{
    md_record r = *w;

    if (r.rank == 3) {
        r.rank = 2;
        r.dims[0] *= r.dims[1];
        r.dims[1] = r.dims[2];
    }
    return r;
}

static mlc_status md_quantized(md_reader *r, size_t i, const mlci_hf_name *name, mlci_tensor *t,
                               mlc_error *err)
{
    const md_record *s = md_beside(r, i, 8, "q_scale"), flat = md_flat(&r->records[i]), *w = &flat;
    md_record scales;
    const bool columns = r->columns && strstr(name->name, "_embd") == NULL;
    const uint64_t k = md_columns(r, name), group = r->bits == 3 ? 40 : 32;
    const uint64_t groups = (k + group - 1) / group;
    const int rows = columns ? 1 : 0;

    if (s == NULL)
        return md_bad(w, "its q_scale is missing", err);
    if (r->bits == 0)
        return md_bad(w, "quantized, but \"quantization\" does not say how", err);
    scales = md_flat(s);
    s = &scales;
    if (columns && r->records[i].rank == 3)
        return md_bad(w, "experts in columns are unsupported", err);
    if (w->type != MD_U32 || (s->type != MD_F16 && s->type != MD_BF16) || w->rank != 2
        || s->rank != 2 || w->dims[rows] != s->dims[rows] || w->dims[1 - rows] != 4 * groups
        || s->dims[1 - rows] != groups)
        return md_bad(w, "its shape or dtype, or its scales', is not this quantization's", err);
    if (r->bits == 4 && k % 32 != 0)
        return md_bad(w, "rows that are no whole groups are unsupported", err);
    t->dims[0] = t->all_rows = w->dims[rows];
    t->dims[1] = k;
    t->format = r->bits == 3 ? MLCI_F32 : MLCI_Q4_0;
    t->n_bytes = t->dims[0] * (k / mlci_format_table[t->format].block_items)
               * mlci_format_table[t->format].block_bytes;
    t->rank = 2;
    t->stored = columns ? MLCI_STORED_MLC_COLUMNS : MLCI_STORED_MLC;
    t->scales = s->offset;
    t->scales_file = s->file;
    t->scales_bf16 = s->type == MD_BF16;
    t->bits = r->bits;
    return MLC_OK;
}

/* Groups of 128, packed along the rows. */
static mlc_status md_awq(md_reader *r, size_t i, mlci_tensor *t, mlc_error *err)
{
    const md_record *w = &r->records[i], *s = md_beside(r, i, 7, "scales");
    const md_record *z = md_beside(r, i, 7, "qzeros");
    uint64_t groups;

    if (s == NULL || z == NULL)
        return md_bad(w, "its scales or qzeros are missing", err);
    groups = (w->dims[0] + MD_AWQ - 1) / MD_AWQ;
    if (w->rank != 2 || s->rank != 2 || z->rank != 2 || w->type != MD_U32 || z->type != MD_U32
        || s->type != MD_F16 || w->dims[0] % 32 != 0 || s->dims[0] != groups
        || z->dims[0] != groups || z->dims[1] != w->dims[1] || s->dims[1] != 8 * w->dims[1])
        return md_bad(w, "its shape or dtype, or its scales', is not this quantization's", err);
    t->dims[0] = t->all_rows = s->dims[1];
    t->dims[1] = w->dims[0];
    t->format = MLCI_Q4_1;
    t->n_bytes = t->dims[0] * (t->dims[1] / 32) * mlci_format_table[t->format].block_bytes;
    t->rank = 2;
    t->stored = MLCI_STORED_AWQ;
    t->source = MLCI_F16;
    t->group = MD_AWQ;
    t->scales = s->offset;
    t->scales_file = s->file;
    t->zeros = z->offset;
    t->zeros_file = z->file;
    return MLC_OK;
}

static mlc_status md_tensor(md_reader *r, size_t i, mlc_error *err)
{
    const md_record *w = &r->records[i];
    const bool awq = r->awq && mlci_text_ends(w->name, ".qweight");
    const bool quantized = awq || mlci_text_ends(w->name, ".q_weight");
    mlci_tensor t = { .name = w->name, .rank = w->rank, .offset = w->offset, .file = w->file,
                      .n_bytes = w->n_bytes };
    mlci_hf_name name;
    char *text;
    mlc_status st = MLC_OK;

    if (mlci_text_ends(w->name, ".q_scale")
        || (r->awq && (mlci_text_ends(w->name, ".qzeros") || mlci_text_ends(w->name, ".scales"))))
        return MLC_OK;
    text = mlci_arena_copy(r->arena, w->name.p, w->name.n);
    if (text == NULL)
        return mlci_nomem(err, "tensors");
    if (quantized)
        memcpy(text + w->name.n - (awq ? 8 : 9), ".weight", 8);
    mlci_hf_name_of((mlci_text){ text, strlen(text) }, r->post_norms, &name);
    if (name.part == MLCI_HF_SKIP || name.part == MLCI_HF_UNKNOWN)
        return MLC_OK;                      /* the graph misses what it needs by name */
    if (awq)
        st = md_awq(r, i, &t, err);
    else if (quantized)
        st = md_quantized(r, i, &name, &t, err);
    else if (w->type > MD_F32 || w->rank < 1 || w->rank > 3)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tensor %.*s: dtype %.*s is unsupported",
                         (int)mlci_min(w->name.n, 100), w->name.p,
                         (int)mlci_min(w->type_name.n, 40), w->type_name.p);
    else {
        t.format = w->type == MD_F16 ? MLCI_F16 : w->type == MD_BF16 ? MLCI_BF16 : MLCI_F32;
        t.rank = w->rank == 3 ? 2 : w->rank;
        memcpy(t.dims, md_flat(w).dims, sizeof t.dims);
    }
    return st == MLC_OK ? mlci_hf_put(r->f, &name, &t, &r->shape, err) : st;
}

/* ---- the whole -------------------------------------------------------------------------- */

/* "q4f16_1": what codes there are. */
static mlc_status md_scheme(md_reader *r, const mlci_json *v, mlc_error *err)
{
    const mlci_scheme *scheme = NULL;

    if (v == NULL || v->type != MLCI_JSON_STRING)
        return mlci_fail(err, MLC_EFORMAT, 0, "mlc-chat-config.json: no quantization");
    r->awq = mlci_json_is(v, "q4f16_autoawq");
    if (r->awq)
        return MLC_OK;
    scheme = mlci_scheme_find((mlci_text){ v->text, v->text_bytes });
    if (scheme != NULL) {
        r->bits = scheme->bits;
        r->columns = scheme->columns;
        return MLC_OK;
    }
    return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quantization \"%.*s\" is unsupported",
                     (int)mlci_min(v->text_bytes, 40), v->text);
}

mlc_status mlci_mlc_open(mlci_files *f, const char *path, mlc_error *err)
{
    md_reader r = { .f = f, .path = path, .arena = &f->directory.arena };
    const mlci_json *chat, *config, *inner;
    const char *arch = NULL, *text;
    mlc_status st = MLC_OK;
    size_t n;

    text = mlci_files_text(r.arena, path, "mlc-chat-config.json", MD_CONFIG_MOST, &n, &st, err);
    if (text == NULL)
        return st != MLC_OK ? st : mlci_fail(err, MLC_EFORMAT, 0, "no mlc-chat-config.json");
    st = mlci_json_parse(r.arena, text, n, &chat, err);
    if (st != MLC_OK)
        return mlci_error_prefix(err, st, "mlc-chat-config.json");
    config = mlci_json_get(chat, "model_config");
    if (config == NULL || config->type != MLCI_JSON_OBJECT)
        return mlci_fail(err, MLC_EFORMAT, 0, "mlc-chat-config.json: no model_config");
    inner = mlci_json_get(config, "text_config");
    if (inner != NULL && inner->type == MLCI_JSON_OBJECT)
        config = inner;
    f->config = config;
    f->conv = mlci_json_get(chat, "conv_template");
    f->halves = true;
    st = md_scheme(&r, mlci_json_get(chat, "quantization"), err);
    if (st == MLC_OK)
        st = mlci_hf_config(f, config, mlci_json_get(chat, "model_type"), &arch, err);
    if (st == MLC_OK)
        st = mlci_hf_shape_of(f, &r.shape, err);
    if (st != MLC_OK)
        return st;
    r.post_norms = mlci_hf_post_norms(arch);
    st = md_cache(&r, err);
    for (size_t i = 0; i < r.n && st == MLC_OK; i++)
        st = md_tensor(&r, i, err);
    return st == MLC_OK ? mlci_hf_finish(f, path, chat, mlci_json_get(chat, "conv_template"), err)
                        : st;
}
