/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.c - mlcx_lay_out: a model as a file that is used where it lies.
 *
 * The file is GGUF's format with more types (load/gguf.h): matrices as the panels that
 * products read, tables of embeddings as their blocks, vectors as floats, and in
 * "tokenizer.image" the vocabulary's tables (text/image.c).  Keys are the source's but for
 * the vocabulary's texts.  What is written is what a model that was opened has in memory,
 * so any source will do, and codes made while loading too.
 */
#include "../../include/mlc_experimental.h"
#include "../model/model.h"
#include "../load/gguf.h"
#include "../base/buf.h"

#include <stdio.h>
#include <string.h>

enum { LY_ALIGN = 64, LY_PATH = 4096 };

static const size_t ly_head_most = (size_t)64 << 20, ly_piece = (size_t)8 << 20;

/* GGUF's types of values. */
enum { LY_U8, LY_I8, LY_U16, LY_I16, LY_U32, LY_I32, LY_F32, LY_BOOL, LY_TEXT, LY_ARRAY, LY_U64,
       LY_I64, LY_F64 };

/* A tensor to write; node 0: none of the graph. */
typedef struct ly_item {
    const char *name;
    mlci_laid   laid;
    uint64_t    offset;
    uint32_t    node;
} ly_item;

typedef struct ly_work {
    const mlcx_layout_options *options;
    mlc_model  *model;
    mlci_buf    head;
    mlci_arena  arena;
    ly_item    *items;
    uint32_t    n_items;
    uint8_t    *image;
    uint64_t    done, total;
    int         fd;
    const char *to;
    mlc_error  *err;
} ly_work;

/* ---- the head ------------------------------------------------------------------------------ */

static void ly_le(ly_work *w, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        mlci_buf_char(&w->head, (char)(v & 0xff));
}

static void ly_text(ly_work *w, const char *p, size_t n)
{
    ly_le(w, n, 8);
    mlci_buf_put(&w->head, p, n);
}

/* Which type holds the items of an array. */
static uint32_t ly_item_type(const mlci_value *v)
{
    static const uint8_t whole[2][4] = { { LY_U8, LY_U16, LY_U32, LY_U64 },
                                         { LY_I8, LY_I16, LY_I32, LY_I64 } };
    const int size = v->item_bytes == 1 ? 0 : v->item_bytes == 2 ? 1 : v->item_bytes == 4 ? 2 : 3;

    switch (v->item) {
    case MLCI_VALUE_TEXT: return LY_TEXT;
    case MLCI_VALUE_BOOL: return LY_BOOL;
    case MLCI_VALUE_FLOAT: return v->item_bytes == 4 ? LY_F32 : LY_F64;
    default: return whole[v->item == MLCI_VALUE_INT][size];
    }
}

static void ly_array(ly_work *w, const mlci_value *v)
{
    const unsigned char *end = v->items;

    ly_le(w, ly_item_type(v), 4);
    ly_le(w, v->u, 8);
    if (v->item != MLCI_VALUE_TEXT)
        end += v->u * v->item_bytes;
    for (uint64_t i = 0; i < v->u && v->item == MLCI_VALUE_TEXT; i++)
        end += 8 + mlci_le(end, 8);
    mlci_buf_put(&w->head, v->items, (size_t)(end - v->items));
}

static void ly_value(ly_work *w, const mlci_value *v)
{
    static const uint8_t types[] = {
        [MLCI_VALUE_UINT] = LY_U64, [MLCI_VALUE_INT] = LY_I64, [MLCI_VALUE_FLOAT] = LY_F64,
        [MLCI_VALUE_BOOL] = LY_BOOL, [MLCI_VALUE_TEXT] = LY_TEXT, [MLCI_VALUE_ARRAY] = LY_ARRAY,
    };
    uint64_t bits;

    ly_le(w, types[v->type], 4);
    switch (v->type) {
    case MLCI_VALUE_UINT: ly_le(w, v->u, 8); break;
    case MLCI_VALUE_INT: ly_le(w, (uint64_t)v->i, 8); break;
    case MLCI_VALUE_FLOAT:
        memcpy(&bits, &v->f, sizeof bits);
        ly_le(w, bits, 8);
        break;
    case MLCI_VALUE_BOOL: ly_le(w, v->u != 0, 1); break;
    case MLCI_VALUE_TEXT: ly_text(w, v->text.p, v->text.n); break;
    default: ly_array(w, v); break;
    }
}

/* Does the image say it, or this file otherwise? */
static bool ly_left_out(const ly_work *w, mlci_text key)
{
    return mlci_text_is(key, "general.alignment") || mlci_text_is(key, "mlc.halves")
        || (w->image != NULL
            && mlci_text_listed(key, "tokenizer.ggml.tokens tokenizer.ggml.scores "
                                "tokenizer.ggml.token_type tokenizer.ggml.merges "
                                "tokenizer.mlc.ends"));
}

static void ly_keys(ly_work *w)
{
    const mlci_directory *d = &w->model->files.directory;
    uint64_t n = 2;

    for (size_t i = 0; i < d->n_keys; i++)
        n += !ly_left_out(w, d->keys[i].name);
    mlci_buf_put(&w->head, "GGUF", 4);
    ly_le(w, 3, 4);
    ly_le(w, w->n_items, 8);
    ly_le(w, n, 8);
    ly_text(w, "general.alignment", 17);
    ly_value(w, &(mlci_value){ .type = MLCI_VALUE_UINT, .u = LY_ALIGN });
    ly_text(w, "mlc.halves", 10);
    ly_value(w, &(mlci_value){ .type = MLCI_VALUE_BOOL, .u = w->model->files.halves });
    for (size_t i = 0; i < d->n_keys; i++)
        if (!ly_left_out(w, d->keys[i].name)) {
            ly_text(w, d->keys[i].name.p, d->keys[i].name.n);
            ly_value(w, &d->keys[i].value);
        }
}

/* Dims are written contiguous first. */
static void ly_tensor(ly_work *w, const ly_item *it)
{
    const mlci_node *n = &w->model->module.nodes[it->node];
    const mlci_tensor *t = n->tensor;
    uint64_t dims[3] = { it->laid.n_bytes / sizeof(float) };
    uint32_t rank = 1;

    if (n->op == MLCI_OP_WEIGHT) {
        const bool experts = it->laid.panels && n->units > 0;

        rank = experts ? 3 : 2;
        dims[0] = t->dims[1];
        dims[1] = experts ? t->dims[0] / n->units : t->dims[0];
        dims[2] = n->units;
    }
    ly_text(w, it->name, strlen(it->name));
    ly_le(w, rank, 4);
    for (uint32_t i = 0; i < rank; i++)
        ly_le(w, dims[i], 8);
    ly_le(w, mlci_gguf_type(it->laid.format) + (it->laid.panels ? MLCI_GGUF_PANELS : 0), 4);
    ly_le(w, it->offset, 8);
}

static mlc_status ly_image(ly_work *w)
{
    const mlc_tokenizer *t = w->model->tokenizer;
    const size_t n = t != NULL ? mlci_image_bytes(t) : 0;

    if (t == NULL)
        return MLC_OK;
    w->image = mlci_arena_new(&w->arena, n, 1);
    if (w->image == NULL)
        return mlci_nomem(w->err, "vocabulary");
    mlci_image_write(t, w->image);
    w->items[w->n_items++] = (ly_item){ "tokenizer.image", { w->image, n, MLCI_F32, false }, 0, 0 };
    return MLC_OK;
}

/* What is to be written and where: the vocabulary first, then tensors in order of use. */
static mlc_status ly_plan(ly_work *w)
{
    const mlci_module *m = &w->model->module;
    mlc_status st;

    w->items = mlci_arena_new(&w->arena, m->n_nodes + 1, sizeof *w->items);
    if (w->items == NULL)
        return mlci_nomem(w->err, "list of tensors");
    st = ly_image(w);
    for (uint32_t i = 1; i < m->n_nodes && st == MLC_OK; i++) {
        ly_item *it = &w->items[w->n_items];
        bool there = !w->model->backend->become(w->model->weights, i, &it->laid);

        for (uint32_t k = 0; k < w->n_items && !there; k++)
            there = strcmp(w->items[k].name, m->nodes[i].name) == 0;
        if (!there) {
            it->name = m->nodes[i].name;
            it->node = i;
            w->n_items++;
        }
    }
    for (uint32_t i = 0; i < w->n_items; i++) {
        w->items[i].offset = w->total;
        w->total += mlci_round_up(w->items[i].laid.n_bytes, LY_ALIGN);
    }
    return st;
}

static mlc_status ly_head(ly_work *w)
{
    ly_keys(w);
    for (uint32_t i = 0; i < w->n_items; i++)
        ly_tensor(w, &w->items[i]);
    while (w->head.n % LY_ALIGN != 0 && !w->head.failed)
        mlci_buf_char(&w->head, 0);
    return w->head.failed ? mlci_nomem(w->err, "head of the file") : MLC_OK;
}

/* ---- the file ------------------------------------------------------------------------------ */

static mlc_status ly_write(ly_work *w, const void *p, uint64_t n)
{
    const uint8_t *from = p;

    for (uint64_t some; n > 0; n -= some, from += some) {
        int e;
        mlc_status st = MLC_OK;

        some = mlci_min(n, (uint64_t)ly_piece);
        e = mlci_os_write(w->fd, from, (size_t)some);
        if (e != 0)
            return mlci_fail(w->err, MLC_EIO, e, "cannot write %s", w->to);
        w->done += some;
        if (w->options->progress != NULL)
            st = w->options->progress(w->options->progress_user,
                                      (double)w->done / (double)(w->total + w->head.n));
        if (st != MLC_OK)
            return mlci_fail(w->err, st, 0, "writing was stopped");
    }
    return MLC_OK;
}

static mlc_status ly_data(ly_work *w)
{
    static const char zeros[LY_ALIGN];
    mlc_status st = ly_write(w, w->head.data, w->head.n);

    for (uint32_t i = 0; i < w->n_items && st == MLC_OK; i++) {
        const mlci_laid *l = &w->items[i].laid;

        st = ly_write(w, l->bytes, l->n_bytes);
        if (st == MLC_OK)
            st = ly_write(w, zeros, mlci_round_up(l->n_bytes, LY_ALIGN) - l->n_bytes);
    }
    return st;
}

/* Under another name until it is whole. */
static mlc_status ly_file(ly_work *w)
{
    char part[LY_PATH];
    int e = snprintf(part, sizeof part, "%s.part", w->to) < (int)sizeof part
          ? mlci_os_create(part, &w->fd) : 0;
    mlc_status st;

    if (strlen(w->to) + 6 > sizeof part)
        return mlci_fail(w->err, MLC_EINVAL, 0, "the path is too long");
    if (e != 0)
        return mlci_fail(w->err, MLC_EIO, e, "cannot write %s", w->to);
    st = ly_data(w);
    e = mlci_os_close(w->fd);
    if (st == MLC_OK && e == 0)
        e = mlci_os_rename(part, w->to);
    if (st != MLC_OK || e != 0)
        mlci_os_remove(part);
    return st != MLC_OK || e == 0 ? st : mlci_fail(w->err, MLC_EIO, e, "cannot write %s", w->to);
}

mlc_status mlcx_lay_out(mlc_context *ctx, const char *from, const char *to,
                        const mlcx_layout_options *options, mlc_error *err)
{
    static const mlcx_layout_options defaults = { .device = "cpu" };
    mlc_error unwanted = { 0 };
    ly_work w = { .to = to, .options = options != NULL ? options : &defaults,
                  .err = err != NULL ? err : &unwanted };
    mlc_model_options open;
    mlc_status st;

    if (ctx == NULL || from == NULL || to == NULL)
        return mlci_fail(w.err, MLC_EINVAL, 0, "mlcx_lay_out: an argument is NULL");
    if (w.options->device != NULL && strcmp(w.options->device, "cpu") != 0)
        return mlci_fail(w.err, MLC_EUNSUPPORTED, 0, "files are laid out for cpu, not \"%.40s\"",
                         w.options->device);
    mlc_model_options_init(&open);
    open.quantization = w.options->quantization;
    st = mlc_model_open(ctx, from, &open, &w.model, w.err);
    if (st != MLC_OK)
        return st;
    mlci_arena_init(&w.arena, ctx, (size_t)1 << 30);
    mlci_buf_init(&w.head, ctx, ly_head_most);
    st = ly_plan(&w);
    if (st == MLC_OK)
        st = ly_head(&w);
    if (st == MLC_OK)
        st = ly_file(&w);
    mlci_buf_reset(&w.head);
    mlci_arena_reset(&w.arena);
    mlc_model_close(w.model);
    return st;
}
