/* SPDX-License-Identifier: Apache-2.0
 *
 * latent.c - latent.h.
 *
 *   attn_q or attn_q_b   a head's rows: nope, then rope  -> attn_q_nope, attn_q_rope
 *   attn_kv_a_mqa        the latent rows, then rope      -> attn_kv_a_latent, attn_kv_a_rope
 *   attn_kv_b            a head's rows: nope, then value -> attn_k_b (transposed), attn_v_b
 *
 * GGUF files have the last two as they are wanted here.
 */
#include "latent.h"
#include "tensor.h"

#include <stdio.h>
#include <string.h>

typedef struct la_work {
    mlci_files *f;
    mlci_config c;
    uint32_t    heads, nope, rope, value, rank;
    mlc_error  *err;
} la_work;

static mlc_status la_put(la_work *w, mlci_tensor *t, const char *name, uint32_t layer)
{
    char text[96];
    const int n = snprintf(text, sizeof text, "blk.%u.%s.weight", layer, name);

    t->name.p = mlci_arena_copy(&w->f->directory.arena, text, (size_t)n);
    t->name.n = (size_t)n;
    return t->name.p == NULL ? mlci_nomem(w->err, "tensor names")
                             : mlci_directory_put_tensor(&w->f->directory, t, w->err);
}

static mlc_status la_bad(la_work *w, const mlci_tensor *t, const char *what)
{
    return mlci_fail(w->err, MLC_EFORMAT, 0, "tensor %.*s: %s", (int)mlci_min(t->name.n, 100),
                     t->name.p, what);
}

/* The tensor of this name, if it is a plain matrix of so many rows; NULL and MLC_OK: there
 * is none. */
static mlc_status la_find(la_work *w, const char *name, uint32_t layer, uint64_t rows,
                          const mlci_tensor **out)
{
    char text[96];

    snprintf(text, sizeof text, "blk.%u.%s.weight", layer, name);
    *out = mlci_config_tensor(&w->c, text);
    if (*out != NULL && (*out)->stored != MLCI_STORED_BLOCKS)
        return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "tensor %.*s: codes are unsupported in "
                         "latent attention", (int)mlci_min((*out)->name.n, 100), (*out)->name.p);
    if (*out != NULL && ((*out)->rank != 2 || (*out)->dims[0] != rows || (*out)->run > 0
                         || (*out)->n_parts > 0))
        return la_bad(w, *out, "not rows of all heads");
    return MLC_OK;
}

/* Of every stride rows the `run` from `first` on; stride 0: those alone. */
static mlc_status la_rows(la_work *w, const mlci_tensor *all, uint32_t first, uint32_t run,
                          uint32_t stride, const char *name, uint32_t layer)
{
    const size_t row = mlci_tensor_row_bytes(all);
    mlci_tensor t = *all;

    t.part = true;
    t.dims[0] = stride > 0 ? all->dims[0] / stride * run : run;
    t.n_bytes = t.dims[0] * row;
    t.offset += first * row;
    t.run = stride > 0 ? run : 0;
    t.stride = stride;
    return la_put(w, &t, name, layer);
}

/* The nope rows of each head, transposed. */
static mlc_status la_columns(la_work *w, const mlci_tensor *all, uint32_t layer)
{
    const size_t row = mlci_tensor_row_bytes(all);
    mlci_arena *arena = &w->f->directory.arena;
    const mlci_tensor **parts = mlci_arena_new(arena, w->heads, sizeof *parts);
    mlci_tensor *each = mlci_arena_new(arena, w->heads, sizeof *each), t;

    if (parts == NULL || each == NULL)
        return mlci_nomem(w->err, "heads");
    for (uint32_t h = 0; h < w->heads; h++) {
        each[h] = *all;
        each[h].stored = MLCI_STORED_COLUMNS;
        each[h].dims[0] = each[h].all_rows = w->rank;
        each[h].dims[1] = w->nope;
        each[h].n_bytes = w->nope * row;
        each[h].offset += (uint64_t)h * (w->nope + w->value) * row;
        parts[h] = &each[h];
    }
    t = each[0];
    t.part = true;
    t.dims[0] *= w->heads;
    t.n_bytes *= w->heads;
    t.parts = parts;
    t.n_parts = w->heads;
    return la_put(w, &t, "attn_k_b", layer);
}

static mlc_status la_kv_b(la_work *w, uint32_t layer)
{
    const mlci_tensor *found;
    const uint32_t rows = w->nope + w->value;
    mlc_status st = la_find(w, "attn_kv_b", layer, (uint64_t)w->heads * rows, &found);
    mlci_tensor copy, *t = &copy;     /* the directory's tensors move */
    char made[96];

    snprintf(made, sizeof made, "blk.%u.attn_k_b.weight", layer);
    if (st != MLC_OK || found == NULL || mlci_config_tensor(&w->c, made) != NULL)
        return st;
    copy = *found;
    if (mlci_format_table[t->format].block_items != 1)
        return mlci_fail(w->err, MLC_EUNSUPPORTED, 0, "tensor %.*s: coded along its latent side; "
                         "files that llama.cpp has converted since April 2025 have it apart",
                         (int)mlci_min(t->name.n, 100), t->name.p);
    if (t->dims[1] != w->rank)
        return la_bad(w, t, "not as wide as the latent vector");
    st = la_columns(w, t, layer);
    return st == MLC_OK ? la_rows(w, t, w->nope, w->value, rows, "attn_v_b", layer) : st;
}

static mlc_status la_layer(la_work *w, uint32_t layer)
{
    const uint32_t head = w->nope + w->rope;
    const mlci_tensor *t;
    mlc_status st = la_find(w, "attn_q", layer, (uint64_t)w->heads * head, &t);

    if (st == MLC_OK && t == NULL)
        st = la_find(w, "attn_q_b", layer, (uint64_t)w->heads * head, &t);
    if (st == MLC_OK && t != NULL) {
        const mlci_tensor q = *t;

        st = la_rows(w, &q, 0, w->nope, head, "attn_q_nope", layer);
        if (st == MLC_OK)
            st = la_rows(w, &q, w->nope, w->rope, head, "attn_q_rope", layer);
    }
    if (st == MLC_OK)
        st = la_find(w, "attn_kv_a_mqa", layer, (uint64_t)w->rank + w->rope, &t);
    if (st == MLC_OK && t != NULL) {
        const mlci_tensor kv = *t;

        st = la_rows(w, &kv, 0, w->rank, 0, "attn_kv_a_latent", layer);
        if (st == MLC_OK)
            st = la_rows(w, &kv, w->rank, w->rope, 0, "attn_kv_a_rope", layer);
    }
    return st == MLC_OK ? la_kv_b(w, layer) : st;
}

mlc_status mlci_latent_split(mlci_files *f, mlc_error *err)
{
    la_work w = { .f = f, .err = err };
    uint32_t layers = 0, key = 0;
    mlc_status st;

    mlci_directory_config(&f->directory, &w.c);
    if (!mlci_text_is(w.c.arch, "deepseek2"))
        return MLC_OK;
    st = mlci_config_u32(&w.c, ".block_count", 1, 1024, &layers, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&w.c, ".attention.head_count", 1, 4096, &w.heads, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&w.c, ".attention.kv_lora_rank", 1, 1 << 16, &w.rank, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&w.c, ".rope.dimension_count", 2, 4096, &w.rope, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&w.c, ".attention.key_length_mla", w.rope + 1, 8192, &key, err);
    if (st == MLC_OK)
        st = mlci_config_u32(&w.c, ".attention.value_length_mla", 1, 8192, &w.value, err);
    w.nope = key - w.rope;
    for (uint32_t i = 0; i < layers && st == MLC_OK; i++)
        st = la_layer(&w, i);
    return st == MLC_OK ? mlci_directory_index_tensors(&f->directory, err) : st;
}
