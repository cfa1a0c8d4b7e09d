/* SPDX-License-Identifier: Apache-2.0
 *
 * weights.c - the model's weights, laid out for the CPU's kernels.
 *
 * Matrices that are multiplied with become panels, tensor by tensor and in
 * pieces of a few megabytes: all threads lay out a piece, then its pages in the
 * file's mapping are given back, so that resident memory stays near the size of
 * the weights.  A matrix that only embeddings look up stays in the file.
 */
#include "cpu.h"
#include "../../../kernels/weight/blocks.h"
#include "../../load/tensor.h"

#include <string.h>

/* A piece: enough to keep threads busy (1 ms), little beside a model. */
enum { WE_PIECE = 4 << 20 };

typedef struct we_piece {
    const mlci_packed *packed;
    mlci_format        format;
    const uint8_t     *blocks;
    size_t             row_bytes;
    uint32_t           begin, end;   /* panels                                  */
    uint8_t           *out;
} we_piece;

static void we_pack(void *arg, mlci_team *team, uint32_t thread)
{
    const we_piece *p = arg;
    size_t a, b;

    mlci_team_share(team, thread, p->end - p->begin, &a, &b);
    mlci_pack_panels(p->packed, p->format, p->blocks + a * MLCI_PANEL_ROWS * p->row_bytes,
                     p->row_bytes, p->begin + (uint32_t)a, p->begin + (uint32_t)b,
                     p->out + a * p->packed->panel_bytes);
}

/* Rows that are made on the way, by all threads. */
typedef struct we_rows_job {
    const mlci_source *files;
    const mlci_tensor *t;
    uint64_t    begin;
    size_t      n, row_bytes;
    uint8_t    *out;
    mlci_mutex  mutex;
    mlc_error  *err;           /* of the first that failed                      */
    mlc_status  status;
} we_rows_job;

static void we_make(void *arg, mlci_team *team, uint32_t thread)
{
    we_rows_job *j = arg;
    const uint8_t *rows;
    mlc_error err = { 0 };
    mlc_status st;
    size_t a, b;

    mlci_team_share(team, thread, j->n, &a, &b);
    if (a == b)
        return;
    st = mlci_tensor_rows(j->files, j->t, j->begin + a, b - a, j->out + a * j->row_bytes, &rows,
                          &err);
    if (st == MLC_OK)
        return;
    mlci_os_lock(&j->mutex);
    if (j->status == MLC_OK && j->err != NULL)
        *j->err = err;
    j->status = st;
    mlci_os_unlock(&j->mutex);
}

/* As mlci_tensor_rows.  Mapped files can be read by several threads; the caller's cannot. */
static mlc_status we_get(const mlci_load *load, const mlci_tensor *t, uint64_t begin, size_t n,
                         uint8_t *buffer, const uint8_t **out, mlc_error *err)
{
    const uint32_t file = t->n_parts > 0 ? t->parts[0]->file : t->file;
    we_rows_job j = { .files = load->files, .t = t, .begin = begin, .n = n, .out = buffer,
                      .row_bytes = mlci_tensor_row_bytes(t), .err = err, .status = MLC_OK };

    if (!mlci_tensor_computed(t) || load->files[file].data == NULL
        || mlci_os_mutex_init(&j.mutex) != 0)
        return mlci_tensor_rows(load->files, t, begin, n, buffer, out, err);
    *out = buffer;
    mlci_pool_run(load->ctx->pool, we_make, &j);
    mlci_os_mutex_reset(&j.mutex);
    return j.status;
}

typedef struct we_reader {
    const mlci_load *load;
    uint8_t  *buffer;         /* of a piece, when a tensor is not mapped as it is */
    size_t    buffer_bytes;
    uint64_t  done, total;    /* bytes of the file                              */
} we_reader;

static mlc_status we_progress(we_reader *r, uint64_t n, mlc_error *err)
{
    mlc_status st = MLC_OK;

    r->done += n;
    if (r->load->progress != NULL)
        st = r->load->progress(r->load->progress_user,
                               (double)r->done / (double)(r->total > 0 ? r->total : 1));
    return st == MLC_OK ? st : mlci_fail(err, st, 0, "loading was stopped");
}

/* This rank's part of a stored tensor. */
typedef struct we_part {
    uint64_t begin;           /* its first row, or a vector's first block       */
    size_t   row_bytes, skip; /* of a whole row; before the part's columns      */
    uint32_t rows, columns;
} we_part;

static we_part we_part_of(const mlci_node *n)
{
    const mlci_tensor *t = n->tensor;
    const mlci_format_info *f = &mlci_format_table[t->format];
    we_part p = { .rows = (uint32_t)t->dims[0],
                  .columns = t->rank == 2 ? (uint32_t)t->dims[1] : 1,
                  .row_bytes = mlci_tensor_row_bytes(t) };

    if (n->slice.n == 0)
        return p;
    if (n->slice.axis == 1) {
        p.columns = n->slice.n;
        p.skip = n->slice.begin / f->block_items * f->block_bytes;
    } else if (t->rank == 2) {
        p.rows = n->slice.n;
        p.begin = n->slice.begin;
    } else {
        p.rows = n->slice.n;
        p.begin = n->slice.begin / f->block_items;
    }
    return p;
}

/* Bytes that are read for it: whole rows, even if only some columns count. */
static uint64_t we_read_bytes(const mlci_node *n)
{
    const we_part p = we_part_of(n);

    return n->slice.n == 0 || n->op == MLCI_OP_VECTOR ? n->tensor->n_bytes
                                                      : (uint64_t)p.rows * p.row_bytes;
}

/* Rows with those that fill up the last panel of each expert but the last. */
static uint32_t we_panel_rows(const mlci_node *n, uint32_t rows)
{
    const uint32_t each = n->units > 0 ? rows / n->units : 0;

    return each % MLCI_PANEL_ROWS == 0 ? rows
         : (uint32_t)mlci_round_up(each, MLCI_PANEL_ROWS) * n->units;
}

/* Rows [part.begin, + part.rows) of the tensor as all panels of `packed`. */
static mlc_status we_panels(we_reader *r, const mlci_tensor *t, const we_part *part,
                            const mlci_packed *packed, uint8_t *out, mlc_error *err)
{
    const mlci_source *files = r->load->files;
    size_t panel_rows = part->row_bytes * MLCI_PANEL_ROWS;
    uint32_t step = (uint32_t)mlci_max(1, WE_PIECE / panel_rows);
    mlc_status st = MLC_OK;

    for (uint32_t p = 0; p < packed->n_panels && st == MLC_OK; p += step) {
        uint32_t end = (uint32_t)mlci_min(p + step, packed->n_panels);
        uint64_t from = part->begin + (uint64_t)p * MLCI_PANEL_ROWS;
        size_t rows = mlci_min((end - p) * MLCI_PANEL_ROWS, part->rows - p * MLCI_PANEL_ROWS);
        we_piece piece = { packed, t->format, NULL, part->row_bytes, p, end,
                           out + p * packed->panel_bytes };

        st = we_get(r->load, t, from, rows, r->buffer, &piece.blocks, err);
        if (st == MLC_OK) {
            piece.blocks += part->skip;
            mlci_pool_run(r->load->ctx->pool, we_pack, &piece);
            mlci_tensor_release(files, t, from, rows);
            st = we_progress(r, rows * part->row_bytes, err);
        }
    }
    return st;
}

/* Panels that can be used where they lie. */
static bool we_in_place(const mlci_load *load, const mlci_tensor *t)
{
    const uint8_t *data = load->files[t->file].data;

    return t->stored == MLCI_STORED_PANELS && data != NULL
        && (uintptr_t)(data + t->offset) % 64 == 0;
}

/* Panels out of the file. */
static mlc_status we_laid(we_reader *r, const mlci_tensor *t, cpu_weight *w, uint8_t *out,
                          mlc_error *err)
{
    const mlci_source *file = &r->load->files[t->file];
    mlc_status st = MLC_OK;

    if (we_in_place(r->load, t)) {
        w->packed.data = file->data + t->offset;
        return we_progress(r, t->n_bytes, err);
    }
    w->packed.data = out;
    for (uint64_t done = 0, n; done < t->n_bytes && st == MLC_OK; done += n) {
        n = mlci_min(t->n_bytes - done, (uint64_t)WE_PIECE);
        st = mlci_source_read(file, t->offset + done, out + done, (size_t)n, err);
        if (st == MLC_OK)
            st = we_progress(r, n, err);
    }
    return st;
}

/* Every expert's rows begin with a panel. */
static mlc_status we_matrix(we_reader *r, const mlci_node *node, cpu_weight *w,
                            uint8_t *out, mlc_error *err)
{
    we_part part = we_part_of(node);
    const uint32_t n = part.rows == w->packed.rows ? 1 : node->units;
    mlci_packed one = w->packed;
    mlc_status st = MLC_OK;

    w->packed.data = out;
    part.rows /= n;
    one.rows = part.rows;
    one.n_panels /= n;
    for (uint32_t i = 0; i < n && st == MLC_OK; i++, part.begin += part.rows)
        st = we_panels(r, node->tensor, &part, &one, out + i * mlci_packed_bytes(&one), err);
    return st;
}

/* Rows as the file has them: borrowed from the mapping, or copied to out. */
static mlc_status we_rows(we_reader *r, const mlci_tensor *t, cpu_weight *w,
                          uint8_t *out, mlc_error *err)
{
    mlc_status st = we_get(r->load, t, 0, (size_t)t->dims[0], out, &w->rows, err);

    w->row_bytes = mlci_tensor_row_bytes(t);
    if (st == MLC_OK && w->rows == out)
        mlci_tensor_release(r->load->files, t, 0, (size_t)t->dims[0]);
    return st == MLC_OK ? we_progress(r, t->n_bytes, err) : st;
}

static mlc_status we_vector(we_reader *r, const mlci_node *node, cpu_weight *w, float *out,
                            mlc_error *err)
{
    const mlci_tensor *t = node->tensor;
    const we_part part = we_part_of(node);
    const size_t n = part.rows / mlci_format_table[t->format].block_items;
    const uint8_t *blocks;
    mlc_status st;

    w->vector = out;
    if (n * part.row_bytes > r->buffer_bytes && !mlci_tensor_mapped(r->load->files, t))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "vector of %u values", part.rows);
    st = mlci_tensor_rows(r->load->files, t, part.begin, n, r->buffer, &blocks, err);
    if (st != MLC_OK)
        return st;
    mlci_blocks_decode(t->format, blocks, part.rows, out);
    for (uint32_t i = 0; i < part.rows && t->plus_one; i++)
        out[i] += 1.0f;
    return we_progress(r, n * part.row_bytes, err);
}

/* ---- planning the blob ----------------------------------------------------------- */

/* Matrices that a product or a decode of its own needs as panels. */
static void we_find_products(const mlci_weights *w, uint8_t *multiplied)
{
    for (size_t i = 0; i < w->plan->n_calls; i++) {
        const mlci_call *c = &w->plan->calls[i];

        if (c->kind == MLCI_CALL_MATMUL || c->kind == MLCI_CALL_EXPERTS)
            for (uint32_t s = 0; s < c->n_segments; s++)
                multiplied[c->segments[s].weight] = 1;
        else if (c->kind == MLCI_CALL_DECODE)
            multiplied[c->x] = 1;
    }
}

static size_t we_folded_bytes(const mlci_module *m, uint32_t node)
{
    int64_t rows = 1;

    (void)mlci_dim_known(&m->dims, m->nodes[node].type.dims[0], &rows);
    return mlci_round_up((size_t)rows * cpu_row_elements(m, node) * sizeof(float), 64);
}

static size_t we_size(const mlci_load *load, const mlci_node *n, cpu_weight *w,
                      bool multiplied)
{
    const we_part part = we_part_of(n);

    if (n->op == MLCI_OP_VECTOR)
        return mlci_round_up(part.rows * sizeof(float), 64);
    if (multiplied) {
        mlci_packed_shape(&w->packed, n->tensor->format, we_panel_rows(n, part.rows),
                          part.columns);
        if (we_in_place(load, n->tensor))
            return 0;
        return mlci_round_up(mlci_packed_bytes(&w->packed), 64);
    }
    return mlci_tensor_mapped(load->files, n->tensor)
         ? 0 : mlci_round_up((size_t)n->tensor->n_bytes, 64);
}

static mlc_status we_check(const mlci_node *n, const cpu_weight *w, bool multiplied,
                           mlc_error *err)
{
    if (n->tensor->stored == MLCI_STORED_PANELS
        && (n->slice.n > 0 || !multiplied || n->tensor->n_bytes != mlci_packed_bytes(&w->packed)))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tensor %s: laid out for another use: take "
                         "the model that it was made of", n->name);
    if (n->op == MLCI_OP_WEIGHT
        && (n->tensor->dims[0] > 1u << 28 || n->tensor->dims[1] > 1u << 20))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tensor %s: too large", n->name);
    return MLC_OK;
}

/* What depends on vectors alone, in order of computation. */
static mlc_status we_fold(mlci_weights *w, uint8_t *out, mlc_error *err)
{
    const mlci_module *m = w->module;
    float **values = mlci_new(w->ctx, m->n_nodes, sizeof *values);
    mlc_status st = values == NULL ? mlci_nomem(err, "weights") : MLC_OK;

    for (uint32_t i = 1; i < m->n_nodes && st == MLC_OK; i++) {
        values[i] = (float *)(uintptr_t)w->nodes[i].vector;
        if (!m->nodes[i].folded)
            continue;
        w->nodes[i].vector = values[i] = (float *)(void *)out;
        out += we_folded_bytes(m, i);
        st = mlci_fold_compute(m, w->ctx, i, values, err);
    }
    mlci_delete(w->ctx, values, m->n_nodes, sizeof *values);
    return st;
}

static mlc_status we_fill(mlci_weights *w, we_reader *r, const uint8_t *multiplied,
                          mlc_error *err)
{
    uint8_t *out = w->blob;
    mlc_status st = MLC_OK;

    for (uint32_t i = 1; i < w->module->n_nodes && st == MLC_OK; i++) {
        const mlci_node *n = &w->module->nodes[i];
        cpu_weight *c = &w->nodes[i];

        if (n->op != MLCI_OP_WEIGHT && n->op != MLCI_OP_VECTOR)
            continue;
        if (n->op == MLCI_OP_VECTOR)
            st = we_vector(r, n, c, (float *)(void *)out, err);
        else if (n->tensor->stored == MLCI_STORED_PANELS)
            st = we_laid(r, n->tensor, c, out, err);
        else if (multiplied[i])
            st = we_matrix(r, n, c, out, err);
        else
            st = we_rows(r, n->tensor, c, out, err);
        out += we_size(r->load, n, &(cpu_weight){ 0 }, multiplied[i]);
    }
    return st == MLC_OK ? we_fold(w, out, err) : st;
}

static mlc_status we_load(mlci_weights *w, const mlci_load *load, uint8_t *multiplied,
                          mlc_error *err)
{
    we_reader r = { .load = load };
    mlc_status st = MLC_OK;
    bool mapped = true;

    we_find_products(w, multiplied);
    for (uint32_t i = 1; i < w->module->n_nodes && st == MLC_OK; i++) {
        const mlci_node *n = &w->module->nodes[i];

        if (n->folded)
            w->blob_bytes += we_folded_bytes(w->module, i);
        if (n->op != MLCI_OP_WEIGHT && n->op != MLCI_OP_VECTOR)
            continue;
        mapped &= mlci_tensor_mapped(load->files, n->tensor);
        r.total += we_read_bytes(n);
        if (n->op == MLCI_OP_WEIGHT)
            r.buffer_bytes = mlci_max(r.buffer_bytes,
                                      mlci_tensor_row_bytes(n->tensor) * MLCI_PANEL_ROWS);
        w->blob_bytes += we_size(load, n, &w->nodes[i], multiplied[i]);
        st = we_check(n, &w->nodes[i], multiplied[i], err);
    }
    if (st != MLC_OK)
        return st;
    w->blob = mlci_new_aligned(w->ctx, w->blob_bytes);
    if (w->blob == NULL)
        return mlci_fail(err, MLC_ENOMEM, 0, "out of memory: %zu MB of weights",
                         w->blob_bytes >> 20);
    if (!mapped) {
        r.buffer_bytes = mlci_max(r.buffer_bytes, WE_PIECE);
        r.buffer = mlci_new(w->ctx, r.buffer_bytes, 1);
        if (r.buffer == NULL)
            return mlci_nomem(err, "reading weights");
    }
    st = we_fill(w, &r, multiplied, err);
    mlci_delete(w->ctx, r.buffer, r.buffer_bytes, 1);
    return st;
}

static void we_close(mlci_weights *w)
{
    if (w == NULL)
        return;
    mlci_delete_aligned(w->ctx, w->blob, w->blob_bytes);
    mlci_delete(w->ctx, w->nodes, w->module->n_nodes, sizeof *w->nodes);
    mlci_delete(w->ctx, w, 1, sizeof *w);
}

static mlc_status we_open(const mlci_load *load, mlci_weights **out, mlc_error *err)
{
    mlci_weights *w = mlci_new(load->ctx, 1, sizeof *w);
    uint8_t *multiplied;
    mlc_status st;

    *out = NULL;
    if (w == NULL)
        return mlci_nomem(err, "weights");
    w->ctx = load->ctx;
    w->module = load->module;
    w->plan = load->plan;
    w->comm = load->comm;
    w->kernels = mlci_cpu_kernels_of(mlci_context_devices(load->ctx)->tier);
    w->nodes = mlci_new(w->ctx, w->module->n_nodes, sizeof *w->nodes);
    multiplied = mlci_new(w->ctx, w->module->n_nodes, 1);
    st = w->nodes == NULL || multiplied == NULL ? mlci_nomem(err, "weights")
       : we_load(w, load, multiplied, err);
    mlci_delete(w->ctx, multiplied, w->module->n_nodes, 1);
    if (st != MLC_OK) {
        we_close(w);
        return st;
    }
    *out = w;
    return MLC_OK;
}

static bool we_become(const mlci_weights *w, uint32_t node, mlci_laid *out)
{
    const cpu_weight *c = &w->nodes[node];
    const mlci_node *n = &w->module->nodes[node];

    if (n->op == MLCI_OP_VECTOR)
        *out = (mlci_laid){ c->vector, n->tensor->dims[0] * sizeof(float), MLCI_F32, false };
    else if (n->op == MLCI_OP_WEIGHT && c->packed.data != NULL)
        *out = (mlci_laid){ c->packed.data, mlci_packed_bytes(&c->packed), c->packed.format, true };
    else if (n->op == MLCI_OP_WEIGHT)
        *out = (mlci_laid){ c->rows, n->tensor->n_bytes, n->tensor->format, false };
    else
        return false;
    return true;
}

/* ---- asking ----------------------------------------------------------------------- */

static uint64_t we_bytes(const mlci_weights *w)
{
    uint64_t sum = w->blob_bytes;

    for (uint32_t i = 1; i < w->module->n_nodes; i++)
        if (w->nodes[i].rows != NULL
            && (w->nodes[i].rows < w->blob || w->nodes[i].rows >= w->blob + w->blob_bytes))
            sum += w->module->nodes[i].tensor->n_bytes;
    return sum;
}

static uint64_t we_decode_bytes(const mlci_weights *w)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < w->plan->n_calls; i++) {
        const mlci_call *c = &w->plan->calls[i];

        if (c->kind == MLCI_CALL_MATMUL)
            for (uint32_t s = 0; s < c->n_segments; s++)
                sum += mlci_packed_bytes(&w->nodes[c->segments[s].weight].packed);
        else if (c->kind == MLCI_CALL_EXPERTS)
            sum += mlci_packed_bytes(&w->nodes[c->segments[0].weight].packed)
                 / w->module->nodes[c->segments[0].weight].units
                 * cpu_of_row(w->module, c);
        else
            sum += mlci_call_weight_bytes(w->module, c);
    }
    return sum;
}

static bool we_has_kernel(const void *ctx, uint64_t hash)
{
    mlci_tier tier = mlci_context_devices((mlc_context *)(uintptr_t)ctx)->tier;

    return mlci_gen_find(mlci_cpu_kernels_of(tier)->generated, hash) != NULL;
}

const mlci_backend mlci_backend_cpu = {
    .name = "cpu", .has_kernel = we_has_kernel,
    .weights_open = we_open, .weights_close = we_close, .weights_bytes = we_bytes,
    .decode_bytes = we_decode_bytes,
    .page_bytes = cpu_page_bytes, .page_read = cpu_page_read,
    .page_write = cpu_page_write,
    .become = we_become,
    .executor_open = cpu_executor_open, .executor_close = cpu_executor_close,
    .executor_bytes = cpu_executor_bytes, .run = cpu_run, .logits = cpu_logits,
    .adapters = cpu_low_rank_room, .observe = cpu_observe, .observed = cpu_observed,
};
