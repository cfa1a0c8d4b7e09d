/* SPDX-License-Identifier: Apache-2.0
 *
 * hf.c - hf.h: a directory of config.json and safetensors.
 */
#include "hf.h"
#include "latent.h"

#include <stdio.h>
#include <string.h>

enum { HF_CONFIG_MOST = 16 << 20, HF_INDEX_MOST = 64 << 20 };

typedef struct hf_reader {
    mlci_files   *f;
    const char   *path;
    uint32_t      file;
    bool          plus_one;    /* norms' gains are to be had 1 added             */
    bool          post_norms;
    bool          tied;
    bool          oss;         /* gpt-oss                                       */
    bool          columns;     /* GPT-2's matrices are [in, out]                 */
    mlci_hf_shape shape;
} hf_reader;

static mlc_status hf_bad(const mlci_stored_tensor *s, mlc_status st, const char *what,
                         mlc_error *err)
{
    return mlci_fail(err, st, 0, "tensor %.*s: %s", (int)mlci_min(s->name.n, 100), s->name.p, what);
}

static mlc_status hf_tensor(void *user, const mlci_stored_tensor *s, mlc_error *err)
{
    hf_reader *r = user;
    mlci_hf_name name;
    mlci_text rest;
    mlci_tensor t = { .name = s->name, .rank = s->rank, .offset = s->offset,
                      .n_bytes = s->n_bytes, .file = r->file };
    mlc_status st;

    if (r->oss && mlci_hf_experts(s->name, &name.layer, &rest))
        return mlci_hf_oss_put(r->f, s, r->file, name.layer, rest, &r->shape, err);
    if (!r->oss && mlci_hf_quant_put(r->f, s, r->file, r->post_norms, &st, err))
        return st;
    mlci_hf_name_of(s->name, r->post_norms, &name);
    if (name.part == MLCI_HF_SKIP || (r->tied && strcmp(name.name, "output") == 0))
        return MLC_OK;
    if (name.part == MLCI_HF_UNKNOWN)
        return hf_bad(s, MLC_EUNSUPPORTED, "not of a known architecture", err);
    if (s->type != MLCI_ST_F32 && s->type != MLCI_ST_F16 && s->type != MLCI_ST_BF16)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tensor %.*s: dtype %s is unsupported",
                         (int)mlci_min(s->name.n, 100), s->name.p, mlci_st_type_name(s->type));
    if (s->rank < 1 || s->rank > 3 || s->dims[0] == 0 || s->n_bytes == 0)
        return hf_bad(s, MLC_EFORMAT, "neither a matrix nor a vector", err);
    t.format = s->type == MLCI_ST_F32 ? MLCI_F32 : s->type == MLCI_ST_F16 ? MLCI_F16 : MLCI_BF16;
    memcpy(t.dims, s->dims, sizeof t.dims);
    if (s->rank == 3) {               /* experts: one below the other */
        t.rank = 2;
        t.dims[0] *= t.dims[1];
        t.dims[1] = t.dims[2];
    }
    t.plus_one = r->plus_one && name.norm;
    if (r->columns && s->rank == 2 && name.layer >= 0) {
        t.dims[0] = s->dims[1];
        t.dims[1] = s->dims[0];
        t.all_rows = t.dims[0];
        t.stored = MLCI_STORED_COLUMNS;
    }
    return mlci_hf_put(r->f, &name, &t, &r->shape, err);
}

static mlc_status hf_file(hf_reader *r, const char *name, mlc_error *err)
{
    mlc_status st = mlci_files_add(r->f, r->path, name, r->f->map, &r->file, err);

    return st != MLC_OK ? st
         : mlci_safetensors_open(&r->f->directory.arena, &r->f->items[r->file], hf_tensor, r, err);
}

bool mlci_hf_file_name(const mlci_json *v, char name[MLCI_HF_NAME])
{
    if (v == NULL || v->type != MLCI_JSON_STRING || v->text_bytes == 0
        || v->text_bytes >= MLCI_HF_NAME || memchr(v->text, '/', v->text_bytes) != NULL
        || memchr(v->text, 0, v->text_bytes) != NULL || v->text[0] == '.')
        return false;
    snprintf(name, MLCI_HF_NAME, "%.*s", (int)v->text_bytes, v->text);
    return true;
}

/* model.safetensors.index.json names a file for each tensor; each file once. */
static mlc_status hf_shards(hf_reader *r, const char *text, size_t n, mlc_error *err)
{
    const mlci_json *index, *map;
    const uint32_t first = r->f->n;
    char name[MLCI_HF_NAME];
    mlc_status st = mlci_json_parse(&r->f->directory.arena, text, n, &index, err);

    if (st != MLC_OK)
        return mlci_error_prefix(err, st, "model.safetensors.index.json");
    map = mlci_json_get(index, "weight_map");
    if (map == NULL || map->type != MLCI_JSON_OBJECT)
        return mlci_fail(err, MLC_EFORMAT, 0, "model.safetensors.index.json: no weight_map");
    for (const mlci_json *v = map->items; v != NULL && st == MLC_OK; v = v->next) {
        bool known = false;

        if (!mlci_hf_file_name(v, name))
            return mlci_fail(err, MLC_EFORMAT, 0, "model.safetensors.index.json: a file's name "
                             "that is none");
        for (uint32_t i = first; i < r->f->n && !known; i++)
            known = strncmp(r->f->items[i].name, name, sizeof r->f->items[i].name - 28) == 0;
        if (!known)
            st = hf_file(r, name, err);
    }
    return st;
}

static mlc_status hf_weights(hf_reader *r, mlc_error *err)
{
    mlc_status st = MLC_OK;
    size_t n;
    const char *index = mlci_files_text(&r->f->directory.arena, r->path,
                                        "model.safetensors.index.json", HF_INDEX_MOST, &n, &st,
                                        err);

    if (st != MLC_OK)
        return st;
    return index != NULL ? hf_shards(r, index, n, err) : hf_file(r, "model.safetensors", err);
}

bool mlci_hf_post_norms(const char *arch)
{
    return strcmp(arch, "gemma2") == 0 || strcmp(arch, "gemma3") == 0 || strcmp(arch, "olmo2") == 0;
}

mlc_status mlci_hf_shape_of(mlci_files *f, mlci_hf_shape *shape, mlc_error *err)
{
    mlci_config c;
    mlc_status st = mlci_directory_index_keys(&f->directory, err);

    if (st != MLC_OK)
        return st;
    mlci_directory_config(&f->directory, &c);
    st = mlci_config_u32(&c, ".embedding_length", 1, 1 << 20, &shape->width, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&c, ".feed_forward_length", 1, 1 << 20, &shape->ffn, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&c, ".attention.head_count", 1, 4096, &shape->n_heads, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(&c, ".attention.head_count_kv", 1, 4096, shape->n_heads,
                                &shape->n_kv_heads, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(&c, ".expert_count", 0, 1 << 16, 0, &shape->n_experts, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(&c, ".expert_feed_forward_length", 1, 1 << 20, shape->ffn,
                                &shape->expert_ffn, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(&c, ".expert_shared_feed_forward_length", 0, 1 << 20, 0,
                                &shape->shared_ffn, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(&c, ".attention.key_length", 1, 4096,
                                shape->width / shape->n_heads, &shape->head_dim, err);
    return st;
}

/* The directory's tensors move when more are put in. */
static const mlci_tensor *hf_keep(mlci_arena *arena, const mlci_tensor *t)
{
    mlci_tensor *copy = mlci_arena_new(arena, 1, sizeof *copy);

    if (copy != NULL)
        *copy = *t;
    return copy;
}

/* The matrices of a layer's experts, if the first is there, as one tensor. */
static mlc_status hf_join(mlci_files *f, const mlci_config *c, const char *what, uint32_t layer,
                          uint32_t n, mlc_error *err)
{
    mlci_arena *arena = &f->directory.arena;
    const mlci_tensor **parts = NULL;
    mlci_tensor all = { .n_parts = n };
    char text[96];

    for (uint32_t i = 0; i < n; i++) {
        const mlci_tensor *t;

        snprintf(text, sizeof text, "blk.%u.%s.%u.weight", layer, what, i);
        t = mlci_config_tensor(c, text);
        if (i == 0 && t == NULL)
            return MLC_OK;
        if (i == 0)
            parts = mlci_arena_new(arena, n, sizeof *parts);
        if (parts == NULL || (t != NULL && (parts[i] = hf_keep(arena, t)) == NULL))
            return mlci_nomem(err, "experts");
        if (t == NULL || t->rank != 2 || t->format != parts[0]->format
            || t->dims[0] != parts[0]->dims[0] || t->dims[1] != parts[0]->dims[1])
            return mlci_fail(err, MLC_EFORMAT, 0, "tensor %s: missing, or not as the first "
                             "expert's", text);
    }
    snprintf(text, sizeof text, "blk.%u.%s.weight", layer, what);
    all.name = (mlci_text){ mlci_arena_copy(arena, text, strlen(text)), strlen(text) };
    if (all.name.p == NULL)
        return mlci_nomem(err, "experts");
    all.format = parts[0]->format;
    all.rank = 2;
    all.dims[0] = n * parts[0]->dims[0];
    all.dims[1] = parts[0]->dims[1];
    all.n_bytes = n * parts[0]->n_bytes;
    all.parts = parts;
    return mlci_directory_put_tensor(&f->directory, &all, err);
}

static mlc_status hf_join_experts(mlci_files *f, const mlci_config *c, mlc_error *err)
{
    static const char *const what[] = { "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps" };
    uint32_t n, layers = 0;
    mlc_status st = mlci_config_u32_or(c, ".expert_count", 0, 4096, 0, &n, err);

    if (st == MLC_OK && n > 0)
        st = mlci_config_u32(c, ".block_count", 1, 1024, &layers, err);
    for (uint32_t i = 0; i < 3 * layers && st == MLC_OK; i++)
        st = hf_join(f, c, what[i % 3], i / 3, n, err);
    if (st == MLC_OK && mlci_text_is(c->arch, "gpt-oss"))
        st = mlci_hf_oss_join(f, c, layers, err);
    if (st == MLC_OK && n > 0)
        st = mlci_directory_index_tensors(&f->directory, err);
    return st == MLC_OK ? mlci_latent_split(f, err) : st;
}

mlc_status mlci_hf_finish(mlci_files *f, const char *path, const mlci_json *config,
                          const mlci_json *conv, mlc_error *err)
{
    mlci_hf_quant quant = { .kind = MLCI_HF_PLAIN };
    const mlci_tensor *table;
    mlci_config c;
    mlc_status st = mlci_directory_index_tensors(&f->directory, err);

    if (st != MLC_OK)
        return st;
    mlci_directory_config(&f->directory, &c);
    if (config != NULL && conv == NULL)
        st = mlci_hf_quant_read(config, &quant, err);
    if (st == MLC_OK)
        st = mlci_hf_quant_join(f, &quant, err);
    if (st == MLC_OK)
        st = hf_join_experts(f, &c, err);
    if (st != MLC_OK)
        return st;
    table = mlci_config_tensor(&c, "token_embd.weight");
    st = mlci_hf_tokenizer(f, path, config, conv, table != NULL ? table->dims[0] : 0, err);
    return st == MLC_OK ? mlci_directory_index_keys(&f->directory, err) : st;
}

mlc_status mlci_hf_open(mlci_files *f, const char *path, mlc_error *err)
{
    hf_reader r = { .f = f, .path = path };
    const mlci_json *config, *inner, *tied;
    const char *arch = NULL, *text;
    mlc_status st = MLC_OK;
    size_t n;

    text = mlci_files_text(&f->directory.arena, path, "config.json", HF_CONFIG_MOST, &n, &st, err);
    if (text == NULL)
        return st != MLC_OK ? st : mlci_fail(err, MLC_EFORMAT, 0, "no model: there is no "
                                             "config.json");
    st = mlci_json_parse(&f->directory.arena, text, n, &config, err);
    if (st != MLC_OK)
        return mlci_error_prefix(err, st, "config.json");
    inner = mlci_json_get(config, "text_config");
    if (inner != NULL && inner->type == MLCI_JSON_OBJECT)
        config = inner;
    f->config = config;
    f->halves = true;
    tied = mlci_json_get(config, "tie_word_embeddings");
    r.tied = tied != NULL && tied->type == MLCI_JSON_TRUE;
    st = mlci_hf_config(f, config, mlci_json_get(config, "model_type"), &arch, err);
    if (st == MLC_OK)
        st = mlci_hf_shape_of(f, &r.shape, err);
    if (st != MLC_OK)
        return st;
    r.plus_one = strncmp(arch, "gemma", 5) == 0;
    r.post_norms = mlci_hf_post_norms(arch);
    r.columns = strcmp(arch, "gpt2") == 0;
    r.oss = strcmp(arch, "gpt-oss") == 0;
    st = hf_weights(&r, err);
    return st == MLC_OK ? mlci_hf_finish(f, path, config, NULL, err) : st;
}
