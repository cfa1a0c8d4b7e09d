/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter.c - low-rank adapters (LoRA) of a model: PEFT's directories and llama.cpp's files.
 *
 * PEFT: adapter_config.json and adapter_model.safetensors with "base_model.model.NAME.lora_A
 * .weight" [r, K] and "lora_B" [N, r].  GGUF: "NAME.lora_a", "NAME.lora_b" under GGUF's
 * names.  Rows of q and k lie as their own base model's do, which may be another order than
 * this one's.
 */
#include "../../kernels/weight/blocks.h"
#include "../base/json.h"
#include "../load/hf.h"
#include "../load/tensor.h"
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AD_CONFIG_MOST = 1 << 20, AD_MAX_RANK = 1024, AD_PARTS = 8192, AD_PATH = 4096 };

static const size_t ad_limit = (size_t)8 << 30;
static const char ad_base[] = "base_model.model.";

/* One of the two matrices, under GGUF's name for its weight; part: how that lies there. */
typedef struct ad_matrix {
    mlci_hf_name name;
    mlci_tensor  tensor;
    bool         b;
} ad_matrix;

typedef struct ad_work {
    mlc_adapter *a;
    mlci_files   f;
    ad_matrix   *items;
    uint32_t     n, file;
    float        alpha;               /* 0: the rank                             */
    bool         root;                /* alpha / sqrt(rank)                      */
    bool         halves;              /* rows of q and k as Hugging Face has them */
    mlc_error   *err;
} ad_work;

static mlc_status ad_bad(ad_work *w, mlc_status st, mlci_text name, const char *what)
{
    return mlci_fail(w->err, st, 0, "tensor %.*s: %s", (int)mlci_min(name.n, 150), name.p, what);
}

static mlc_status ad_add(ad_work *w, const ad_matrix *m)
{
    if (w->n == AD_PARTS)
        return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "more than %d matrices", AD_PARTS);
    if (m->tensor.rank != 2 || m->tensor.dims[m->b ? 1 : 0] > AD_MAX_RANK)
        return ad_bad(w, MLC_EUNSUPPORTED, m->tensor.name, "not a matrix of a rank up to 1024");
    w->items[w->n++] = *m;
    return MLC_OK;
}

/* ---- PEFT ----------------------------------------------------------------------------- */

static mlc_status ad_stored(void *user, const mlci_stored_tensor *s, mlc_error *err)
{
    static const char *const ends[] = { ".lora_A.weight", ".lora_B.weight" };
    ad_work *w = user;
    ad_matrix m = { .tensor = { .name = s->name, .rank = s->rank, .offset = s->offset,
                                .n_bytes = s->n_bytes, .file = w->file } };
    char text[200];
    size_t n = 0;

    (void)err;
    for (int i = 0; i < 2; i++)
        if (mlci_text_ends(s->name, ends[i])) {
            m.b = i == 1;
            n = s->name.n - strlen(ends[i]);
        }
    if (n < sizeof ad_base || memcmp(s->name.p, ad_base, sizeof ad_base - 1) != 0
        || n - sizeof ad_base > 150)
        return ad_bad(w, MLC_EUNSUPPORTED, s->name, "neither lora_A nor lora_B of a product");
    if (s->type != MLCI_ST_F32 && s->type != MLCI_ST_F16 && s->type != MLCI_ST_BF16)
        return ad_bad(w, MLC_EUNSUPPORTED, s->name, "its dtype is unsupported");
    snprintf(text, sizeof text, "%.*s.weight", (int)(n - (sizeof ad_base - 1)),
             s->name.p + sizeof ad_base - 1);
    mlci_hf_name_of((mlci_text){ text, strlen(text) }, false, &m.name);
    m.tensor.format = s->type == MLCI_ST_F32 ? MLCI_F32 : s->type == MLCI_ST_F16 ? MLCI_F16
                                                                                 : MLCI_BF16;
    memcpy(m.tensor.dims, s->dims, sizeof m.tensor.dims);
    return ad_add(w, &m);
}

/* What would be another sum than ours. */
static mlc_status ad_config(ad_work *w, const mlci_json *c)
{
    static const char *const switches[] = { "use_dora", "fan_in_fan_out", "lora_bias" };
    static const char *const empty[] = { "alpha_pattern", "modules_to_save",
                                         "trainable_token_indices" };
    const mlci_json *type = mlci_json_get(c, "peft_type"), *v;
    double x;

    if (!mlci_json_is(type, "LORA"))
        return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "adapter_config.json: peft_type is not LORA");
    for (size_t i = 0; i < 3; i++) {
        v = mlci_json_get(c, switches[i]);
        if (v != NULL && v->type == MLCI_JSON_TRUE)
            return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "adapter_config.json: %s is unsupported",
                             switches[i]);
        v = mlci_json_get(c, empty[i]);
        if (v != NULL && v->n_items > 0)
            return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "adapter_config.json: %s is unsupported",
                             empty[i]);
    }
    v = mlci_json_get(c, "lora_alpha");
    if (v != NULL && v->type == MLCI_JSON_NUMBER && mlci_json_number(v, &x) && x > 0 && x < 1e6)
        w->alpha = (float)x;
    v = mlci_json_get(c, "use_rslora");
    w->root = v != NULL && v->type == MLCI_JSON_TRUE;
    w->halves = true;
    return MLC_OK;
}

static mlc_status ad_peft(ad_work *w, const char *path)
{
    const mlci_json *config;
    const char *text;
    size_t n;
    mlc_status st = MLC_OK;

    text = mlci_files_text(&w->a->arena, path, "adapter_config.json", AD_CONFIG_MOST, &n, &st,
                           w->err);
    if (text == NULL)
        return st != MLC_OK ? st : mlci_fail(w->err, MLC_EFORMAT, 0, "no adapter: there is no "
                                             "adapter_config.json");
    st = mlci_json_parse(&w->a->arena, text, n, &config, w->err);
    if (st != MLC_OK)
        return mlci_error_prefix(w->err, st, "adapter_config.json");
    st = ad_config(w, config);
    if (st == MLC_OK)
        st = mlci_files_add(&w->f, path, "adapter_model.safetensors", true, &w->file, w->err);
    return st != MLC_OK ? st : mlci_safetensors_open(&w->f.directory.arena, &w->f.items[w->file],
                                                     ad_stored, w, w->err);
}

/* ---- GGUF ----------------------------------------------------------------------------- */

static mlc_status ad_gguf(ad_work *w, const char *path)
{
    mlci_config c;
    mlc_status st = mlci_files_open(&w->f, w->a->model->ctx, path, 0, w->err);

    if (st != MLC_OK)
        return st;
    mlci_files_config(&w->f, &c);
    st = mlci_config_float_or(&c, "adapter.lora.alpha", 0, &w->alpha, w->err);
    for (size_t i = 0; i < w->f.directory.n_tensors && st == MLC_OK; i++) {
        const mlci_tensor *t = &w->f.directory.tensors[i];
        const size_t n = t->name.n - strlen(".weight.lora_a");
        ad_matrix m = { .name = { .part = MLCI_HF_WHOLE }, .tensor = *t };

        m.b = mlci_text_ends(t->name, ".weight.lora_b");
        if ((!m.b && !mlci_text_ends(t->name, ".weight.lora_a")) || n >= sizeof m.name.name)
            return ad_bad(w, MLC_EUNSUPPORTED, t->name, "neither lora_a nor lora_b of a product");
        snprintf(m.name.name, sizeof m.name.name, "%.*s", (int)n, t->name.p);
        m.name.layer = -1;
        st = ad_add(w, &m);
    }
    return st;
}

/* ---- the model's ---------------------------------------------------------------------- */

/* Rows of a matrix as floats, in the adapter's arena. */
static mlc_status ad_floats(ad_work *w, const mlci_tensor *t, float **out)
{
    const size_t n = (size_t)t->dims[1], row = mlci_tensor_row_bytes(t);
    uint8_t *bytes = mlci_new(w->a->model->ctx, row, (size_t)t->dims[0]);
    const uint8_t *rows;
    mlc_status st = MLC_OK;

    *out = mlci_arena_new(&w->a->arena, n * (size_t)t->dims[0], sizeof **out);
    if (*out == NULL || bytes == NULL)
        st = mlci_nomem(w->err, "adapter");
    if (st == MLC_OK)
        st = mlci_tensor_rows(w->f.items, t, 0, (size_t)t->dims[0], bytes, &rows, w->err);
    if (st == MLC_OK)
        mlci_blocks_decode(t->format, rows, n * (size_t)t->dims[0], *out);
    mlci_delete(w->a->model->ctx, bytes, bytes != NULL ? row : 0, (size_t)t->dims[0]);
    return st;
}

/* The weight of this name that a product reads, and nothing else; 0: there is none. */
static uint32_t ad_node(const mlc_model *m, const char *name)
{
    for (size_t i = 0; i < m->plan.n_calls; i++)
        for (uint32_t s = 0; s < m->plan.calls[i].n_segments; s++) {
            const uint32_t node = m->plan.calls[i].segments[s].weight;

            if (m->plan.calls[i].kind == MLCI_CALL_MATMUL
                && strcmp(m->module.nodes[node].name, name) == 0
                && strcmp(name, "token_embd.weight") != 0)
                return node;
        }
    return 0;
}

/* Where row r of the model's matrix is in the adapter's: halves of heads, or pairs. */
static size_t ad_row(const ad_work *w, const char *name, size_t r)
{
    const mlc_model *m = w->a->model;
    const size_t head = m->decoder.head_dim, in = r % head;
    const bool turned = strstr(name, ".attn_q.") != NULL || strstr(name, ".attn_k.") != NULL;

    if (!turned || !m->decoder.style.pairs || w->halves == m->config.halves)
        return r;
    return w->halves ? r - in + in % 2 * (head / 2) + in / 2
                     : r - in + in % (head / 2) * 2 + in / (head / 2);
}

/* Rows [begin, ..) of b for one of the model's weights. */
static mlc_status ad_put(ad_work *w, const ad_matrix *a, const ad_matrix *b, const float *fa,
                         const float *fb, const char *name, uint64_t begin, uint64_t *rows)
{
    const uint32_t node = ad_node(w->a->model, name);
    const mlci_tensor *t = node != 0 ? w->a->model->module.nodes[node].tensor : NULL;
    const uint32_t rank = (uint32_t)a->tensor.dims[0];
    const float alpha = w->alpha > 0 ? w->alpha : (float)rank;
    const float scale = alpha / (w->root ? sqrtf((float)rank) : (float)rank);
    mlci_low_rank *to;
    float *out;

    if (t == NULL)
        return ad_bad(w, MLC_EUNSUPPORTED, a->tensor.name, "this model has no product with it");
    if (t->dims[1] != a->tensor.dims[1] || b->tensor.dims[0] < begin + t->dims[0]
        || b->tensor.dims[1] != rank || rank == 0)
        return ad_bad(w, MLC_EFORMAT, a->tensor.name, "its shape is not of this model");
    to = &w->a->of[node];
    if (to->rank != 0)
        return ad_bad(w, MLC_EFORMAT, a->tensor.name, "occurs twice");
    to->stride = mlci_round_up((size_t)t->dims[0], 32);
    out = mlci_arena_new(&w->a->arena, rank * to->stride, sizeof *out);
    if (out == NULL)
        return mlci_nomem(w->err, "adapter");
    for (size_t r = 0; r < t->dims[0]; r++)
        for (uint32_t i = 0; i < rank; i++)
            out[i * to->stride + r] = scale * fb[(begin + ad_row(w, name, r)) * rank + i];
    to->rank = rank;
    to->a = fa;
    to->b = out;
    w->a->rank = rank > w->a->rank ? rank : w->a->rank;
    *rows = begin + t->dims[0];
    return MLC_OK;
}

static mlc_status ad_pair(ad_work *w, const ad_matrix *a, const ad_matrix *b)
{
    static const char *const qkv[] = { "attn_q", "attn_k", "attn_v" };
    static const char *const gate_up[] = { "ffn_gate", "ffn_up" };
    const mlci_hf_name *name = &a->name;
    const char *whole = name->name, *const *parts = &whole;
    float *fa = NULL, *fb = NULL;
    uint64_t rows = 0;
    int n = 1;
    mlc_status st = ad_floats(w, &a->tensor, &fa);

    if (st == MLC_OK)
        st = ad_floats(w, &b->tensor, &fb);
    if (name->part == MLCI_HF_QKV)
        parts = qkv, n = 3;
    else if (name->part == MLCI_HF_GATE_UP && name->name[0] == 0)
        parts = gate_up, n = 2;
    else if (name->part != MLCI_HF_WHOLE)
        return ad_bad(w, MLC_EUNSUPPORTED, a->tensor.name, "this model has no product with it");
    for (int i = 0; i < n && st == MLC_OK; i++) {
        char text[160];

        (void)mlci_hf_name_text(name, parts[i], ".weight", text, sizeof text);
        st = ad_put(w, a, b, fa, fb, text, rows, &rows);
    }
    return st != MLC_OK || rows == b->tensor.dims[0] ? st
         : ad_bad(w, MLC_EFORMAT, b->tensor.name, "more rows than the model's");
}

static bool ad_same(const mlci_hf_name *a, const mlci_hf_name *b)
{
    return a->part == b->part && a->layer == b->layer && strcmp(a->name, b->name) == 0;
}

static mlc_status ad_pairs(ad_work *w)
{
    mlc_status st = MLC_OK;
    uint32_t n_a = 0;

    for (uint32_t i = 0; i < w->n && st == MLC_OK; i++) {
        const ad_matrix *b = NULL;

        if (w->items[i].b)
            continue;
        n_a++;
        for (uint32_t k = 0; k < w->n && b == NULL; k++)
            if (w->items[k].b && ad_same(&w->items[i].name, &w->items[k].name))
                b = &w->items[k];
        st = b != NULL ? ad_pair(w, &w->items[i], b)
           : ad_bad(w, MLC_EFORMAT, w->items[i].tensor.name, "its other matrix is missing");
    }
    if (st == MLC_OK && (n_a == 0 || 2 * n_a != w->n))
        st = mlci_fail(w->err, MLC_EFORMAT, 0, "the adapter's matrices are no pairs");
    return st;
}

/* ---- the public calls ----------------------------------------------------------------- */

mlc_status mlc_adapter_open(mlc_model *model, const char *path, mlc_adapter **out, mlc_error *err)
{
    mlc_error unwanted = { 0 };
    ad_work w = { .err = err != NULL ? err : &unwanted };
    mlc_status st;

    if (out == NULL)
        return mlci_fail(w.err, MLC_EINVAL, 0, "out is NULL");
    *out = NULL;
    if (model == NULL || path == NULL || model->weights == NULL)
        return mlci_fail(w.err, MLC_EINVAL, 0, "model or path is NULL, or it has no weights");
    if (model->comm != NULL)
        return mlci_fail(w.err, MLC_EUNSUPPORTED, 0, "adapters of a model that is shared out are "
                         "unsupported");
    w.a = mlci_new(model->ctx, 1, sizeof *w.a);
    if (w.a == NULL)
        return mlci_nomem(w.err, "adapter");
    w.a->model = model;
    mlci_model_ref(model);
    atomic_init(&w.a->refs, 1);
    mlci_arena_init(&w.a->arena, model->ctx, ad_limit);
    w.a->of = mlci_arena_new(&w.a->arena, model->module.n_nodes, sizeof *w.a->of);
    w.items = mlci_new(model->ctx, AD_PARTS, sizeof *w.items);
    w.f.ctx = model->ctx;
    mlci_arena_init(&w.f.directory.arena, model->ctx, ad_limit);
    st = w.a->of == NULL || w.items == NULL ? mlci_nomem(w.err, "adapter")
       : mlci_os_is_directory(path) ? mlci_error_prefix(w.err, ad_peft(&w, path), path)
       : ad_gguf(&w, path);
    if (st == MLC_OK)
        st = mlci_error_prefix(w.err, ad_pairs(&w), path);
    mlci_files_close(&w.f);
    mlci_delete(model->ctx, w.items, AD_PARTS, sizeof *w.items);
    if (st != MLC_OK) {
        mlc_adapter_close(w.a);
        return st;
    }
    *out = w.a;
    return MLC_OK;
}

void mlci_adapter_ref(mlc_adapter *a) { atomic_fetch_add(&a->refs, 1); }

void mlc_adapter_close(mlc_adapter *a)
{
    mlc_model *m;

    if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    m = a->model;
    mlci_arena_reset(&a->arena);
    mlci_delete(m->ctx, a, 1, sizeof *a);
    mlc_model_close(m);
}
