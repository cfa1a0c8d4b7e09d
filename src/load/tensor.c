/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor.c - tensor.h.
 */
#include "tensor.h"
#include "../../kernels/weight/blocks.h"
#include "../base/half.h"
#include "../runtime/device.h"

#include <math.h>
#include <string.h>

enum { TE_SOME = 256, TE_CODED = 8 };

size_t mlci_tensor_row_bytes(const mlci_tensor *t)
{
    return t->rank == 1 ? mlci_format_table[t->format].block_bytes
                        : (size_t)(t->n_bytes / t->dims[0]);
}

bool mlci_tensor_mapped(const mlci_source *files, const mlci_tensor *t)
{
    return t->n_parts == 0 && !t->coded && files[t->file].data != NULL
        && t->stored == MLCI_STORED_BLOCKS && t->run == 0;
}

bool mlci_tensor_computed(const mlci_tensor *t)
{
    return t->coded || t->stored == MLCI_STORED_FP8 || t->stored == MLCI_STORED_GPTQ
        || t->stored == MLCI_STORED_AWQ;
}

/* Rows in runs, one run after the other. */
static mlc_status te_runs(const mlci_source *file, const mlci_tensor *t, uint64_t begin, size_t n,
                          uint8_t *out, mlc_error *err)
{
    const size_t row = mlci_tensor_row_bytes(t);
    mlc_status st = MLC_OK;

    for (size_t done = 0; done < n && st == MLC_OK;) {
        const uint64_t r = begin + done;
        const uint64_t in_run = t->run > 0 ? r % t->run : 0;
        const size_t k = t->run > 0 ? (size_t)mlci_min(n - done, t->run - in_run) : n;
        const uint64_t from = t->run > 0 ? r / t->run * t->stride + in_run : r;

        st = mlci_source_read(file, t->offset + from * row, out + done * row, k * row, err);
        done += k;
    }
    return st;
}

/* Column k of the rows is a part of the file's row k; with a stride, every so many-th item. */
static mlc_status te_columns(const mlci_source *file, const mlci_tensor *t, uint64_t begin,
                             size_t n, uint8_t *out, mlc_error *err)
{
    const size_t size = mlci_format_table[t->format].block_bytes;
    const uint64_t columns = t->dims[1], stride = t->run > 0 ? t->stride : 1;
    uint8_t some[TE_SOME * 4];
    mlc_status st = MLC_OK;

    for (uint64_t k = 0; k < columns && st == MLC_OK; k++)
        for (size_t done = 0, m; done < n && st == MLC_OK; done += m) {
            const uint64_t from = k * t->all_rows + t->first_row + (begin + done) * stride;

            m = (size_t)mlci_min(n - done, TE_SOME / stride);
            st = mlci_source_read(file, t->offset + from * size, some,
                                  ((m - 1) * (size_t)stride + 1) * size, err);
            for (size_t i = 0; i < m && st == MLC_OK; i++)
                memcpy(out + ((done + i) * columns + k) * size, some + i * (size_t)stride * size,
                       size);
        }
    return st;
}

/* ---- MLC's groups ------------------------------------------------------------------------- */

/* Where n rows' items lie, `width` of `size` bytes a row: in the mapping, or in room, which is
 * taken.  columns: item k of all rows is the file's row k. */
typedef struct te_items { const uint8_t *p; uint8_t *room; size_t n_bytes; } te_items;

static mlc_status te_gather(const mlci_source *file, const mlci_tensor *t, uint64_t offset,
                            uint64_t first, size_t n, size_t width, size_t size, te_items *x,
                            mlc_error *err)
{
    uint8_t some[TE_SOME * 4];
    mlc_status st = MLC_OK;

    x->n_bytes = n * width * size;
    if (t->stored == MLCI_STORED_MLC && file->data != NULL) {
        x->p = file->data + offset + first * width * size;
        return st;
    }
    x->p = x->room = mlci_new(file->ctx, x->n_bytes, 1);
    if (x->room == NULL)
        return mlci_nomem(err, "reading weights");
    if (t->stored == MLCI_STORED_MLC)
        return mlci_source_read(file, offset + first * width * size, x->room, x->n_bytes, err);
    for (uint64_t k = 0; k < width && st == MLC_OK; k++)
        for (size_t done = 0; done < n && st == MLC_OK; done += TE_SOME) {
            const size_t m = mlci_min(n - done, (size_t)TE_SOME);

            st = mlci_source_read(file, offset + (k * t->all_rows + first + done) * size, some,
                                  m * size, err);
            for (size_t i = 0; i < m && st == MLC_OK; i++)
                memcpy(x->room + ((done + i) * width + k) * size, some + i * size, size);
        }
    return st;
}

static uint16_t te_scale(const mlci_tensor *t, const uint8_t *p)
{
    const uint16_t bits = (uint16_t)mlci_le(p, 2);

    return t->scales_bf16 ? mlci_f32_to_f16(mlci_bf16_to_f32(bits)) : bits;
}

/* 32 codes of 0 to 14, one after the other, as a block of Q4_0, which subtracts one more. */
static bool te_q4(const uint8_t in[16], uint16_t scale, uint8_t out[18])
{
    unsigned bad = 0;

    out[0] = (uint8_t)scale;
    out[1] = (uint8_t)(scale >> 8);
    for (int i = 0; i < 8; i++) {
        const unsigned a = in[i], b = in[i + 8];

        bad |= ((a & 15) == 15) | (a >> 4 == 15) | ((b & 15) == 15) | (b >> 4 == 15);
        out[2 + 2 * i] = (uint8_t)(((a & 15) | (b & 15) << 4) + 0x11);
        out[3 + 2 * i] = (uint8_t)((a >> 4 | (b & 0xf0)) + 0x11);
    }
    return bad == 0;
}

/* 40 codes of 3 bits, ten a word; k of them count. */
static void te_q3(const uint8_t in[16], uint16_t scale, size_t k, uint8_t *out)
{
    for (size_t i = 0; i < k; i++) {
        const int code = (int)(mlci_le(in + i / 10 * 4, 4) >> i % 10 * 3 & 7) - 3;
        const float x = (float)code * mlci_f16_to_f32(scale);

        memcpy(out + 4 * i, &x, sizeof x);
    }
}

/* Rows [first, first + n) of the whole. */
static mlc_status te_mlc(const mlci_source *files, const mlci_tensor *t, uint64_t first, size_t n,
                         uint8_t *out, mlc_error *err)
{
    const size_t columns = (size_t)t->dims[1], group = t->bits == 3 ? 40 : 32;
    const size_t groups = (columns + group - 1) / group, row = mlci_tensor_row_bytes(t);
    te_items w = { NULL, NULL, 0 }, s = { NULL, NULL, 0 };
    bool good = true;
    mlc_status st = te_gather(&files[t->file], t, t->offset, first, n, 4 * groups, 4, &w, err);

    if (st == MLC_OK)
        st = te_gather(&files[t->scales_file], t, t->scales, first, n, groups, 2, &s, err);
    for (size_t i = 0; i < n && st == MLC_OK; i++)
        for (size_t g = 0; g < groups; g++) {
            const uint8_t *in = w.p + (i * groups + g) * 16;
            const uint16_t scale = te_scale(t, s.p + (i * groups + g) * 2);

            if (t->bits == 3)
                te_q3(in, scale, mlci_min(group, columns - g * group),
                      out + i * row + 4 * g * group);
            else
                good &= te_q4(in, scale, out + i * row + g * 18);
        }
    mlci_delete(files->ctx, w.room, w.room != NULL ? w.n_bytes : 0, 1);
    mlci_delete(files->ctx, s.room, s.room != NULL ? s.n_bytes : 0, 1);
    return st != MLC_OK || good ? st
         : mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: a code of 15, which means nothing",
                     (int)mlci_min(t->name.n, 100), t->name.p);
}

/* Rows of blocks of 32 codes, two neighbours a byte, as blocks whose byte has codes 16 apart. */
static mlc_status te_mxfp4(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                           size_t n, uint8_t *out, mlc_error *err)
{
    const size_t groups = (size_t)t->dims[1] / 32;
    const uint64_t stride = t->run > 0 ? t->stride : 1;
    uint8_t *in = mlci_new(files->ctx, groups, 17);
    mlc_status st = in == NULL ? mlci_nomem(err, "reading weights") : MLC_OK;

    for (size_t i = 0; i < n && st == MLC_OK; i++) {
        const uint64_t row = t->first_row + (begin + i) * stride;

        st = mlci_source_read(&files[t->file], t->offset + row * groups * 16, in, groups * 16,
                              err);
        if (st == MLC_OK)
            st = mlci_source_read(&files[t->scales_file], t->scales + row * groups,
                                  in + groups * 16, groups, err);
        for (size_t g = 0; g < groups && st == MLC_OK; g++, out += 17) {
            const uint8_t *codes = in + g * 16;

            out[0] = in[groups * 16 + g];
            for (int k = 0; k < 16; k++) {
                const int low = codes[k / 2] >> (k % 2 * 4) & 15;

                out[1 + k] = (uint8_t)(low | (codes[8 + k / 2] >> (k % 2 * 4) & 15) << 4);
            }
        }
    }
    mlci_delete(files->ctx, in, groups, 17);
    return st;
}

/* ---- fp8, GPTQ, AWQ ------------------------------------------------------------------------ */

static float te_float(mlci_format f, const uint8_t *p)
{
    float x;

    mlci_blocks_decode(f, p, 1, &x);
    return x;
}

/* Four bits of exponent, bias 7; no infinities; NaN where all bits but the sign are set. */
static float te_e4m3(uint8_t v)
{
    const int e = v >> 3 & 15, m = v & 7;
    const float x = e == 0 ? (float)m / 512.0f : ldexpf((float)(8 + m), e - 10);

    return (v & 127) == 127 ? NAN : (v & 128) != 0 ? -x : x;
}

/* Rows of codes as float16. */
static mlc_status te_fp8(const mlci_source *files, const mlci_tensor *t, uint64_t begin, size_t n,
                         uint8_t *out, mlc_error *err)
{
    const size_t columns = (size_t)t->dims[1], size = mlci_format_table[t->source].block_bytes;
    const size_t groups = t->group == UINT32_MAX ? 1 : (columns + t->group - 1) / t->group;
    const size_t bytes = columns + groups * 4;
    uint8_t *in = mlci_new(files->ctx, bytes, 1), *scales = in + columns;
    mlc_status st = in == NULL ? mlci_nomem(err, "reading weights") : MLC_OK;
    bool good = true;
    float values[256];

    for (int v = 0; v < 256; v++)
        values[v] = te_e4m3((uint8_t)v);
    for (size_t i = 0; i < n && st == MLC_OK; i++) {
        const uint64_t row = begin + i, of = t->group_rows == UINT32_MAX ? 0 : row / t->group_rows;

        st = mlci_source_read(&files[t->file], t->offset + row * columns, in, columns, err);
        if (st == MLC_OK)
            st = mlci_source_read(&files[t->scales_file], t->scales + of * groups * size, scales,
                                  groups * size, err);
        for (size_t k = 0; k < columns && st == MLC_OK; k++) {
            const size_t g = t->group == UINT32_MAX ? 0 : k / t->group;
            const uint16_t h = mlci_f32_to_f16(values[in[k]]
                                               * te_float(t->source, scales + g * size));

            good &= (h & 0x7c00) != 0x7c00;
            memcpy(out + (i * columns + k) * 2, &h, 2);
        }
    }
    mlci_delete(files->ctx, in, bytes, 1);
    return st != MLC_OK || good ? st
         : mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: a value that is none",
                     (int)mlci_min(t->name.n, 100), t->name.p);
}

/* Where AWQ's words have the code of a row, of eight. */
static int te_shift(const mlci_tensor *t, uint64_t row)
{
    static const uint8_t awq[8] = { 0, 4, 1, 5, 2, 6, 3, 7 };

    return 4 * (t->stored == MLCI_STORED_AWQ ? awq[row % 8] : (int)(row % 8));
}

/* Code k of the whole's rows [begin, begin + n), one byte each. */
static mlc_status te_codes(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                           size_t n, uint64_t k, uint8_t *out, mlc_error *err)
{
    const bool awq = t->stored == MLCI_STORED_AWQ;
    uint8_t words[TE_SOME * 4];
    mlc_status st = MLC_OK;

    for (size_t done = 0, some; done < n && st == MLC_OK; done += some) {
        const uint64_t row = begin + done, first = awq ? row / 8 : row;
        const uint64_t at = awq ? k * (t->all_rows / 8) + first : k / 8 * t->all_rows + first;
        size_t count;

        some = mlci_min(n - done, (size_t)TE_SOME - 8);
        count = awq ? (size_t)((row + some + 7) / 8 - first) : some;
        st = mlci_source_read(&files[t->file], t->offset + 4 * at, words, 4 * count, err);
        for (size_t i = 0; i < some && st == MLC_OK; i++) {
            const size_t word = awq ? (size_t)((row + i) / 8 - first) : i;
            const int shift = awq ? te_shift(t, row + i) : (int)(4 * (k % 8));

            out[done + i] = (uint8_t)(mlci_le(words + 4 * word, 4) >> shift & 15);
        }
    }
    return st;
}

/* The scale and zero of the whole's row in a group. */
static mlc_status te_scale_zero(const mlci_source *files, const mlci_tensor *t, uint64_t row,
                                uint64_t group, float *scale, int *zero, mlc_error *err)
{
    const size_t size = mlci_format_table[t->source].block_bytes;
    uint8_t s[4], z[4];
    mlc_status st = mlci_source_read(&files[t->scales_file],
                                     t->scales + (group * t->all_rows + row) * size, s, size, err);

    if (st == MLC_OK)
        st = mlci_source_read(&files[t->zeros_file],
                              t->zeros + (group * (t->all_rows / 8) + row / 8) * 4, z, 4, err);
    if (st != MLC_OK)
        return st;
    *scale = te_float(t->source, s);
    *zero = (int)(mlci_le(z, 4) >> te_shift(t, row) & 15) + (int)t->bits;
    if (t->format == MLCI_Q4_0 && *zero != 8)
        return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: a zero of %d, though they are said to "
                         "be all 8", (int)mlci_min(t->name.n, 100), t->name.p, *zero);
    return MLC_OK;
}

/* Blocks of 32 codes; codes[k][n]. */
static mlc_status te_int4_blocks(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                                 size_t n, const uint8_t *codes, uint8_t *out, mlc_error *err)
{
    const size_t head = t->format == MLCI_Q4_0 ? 2 : 4;
    mlc_status st = MLC_OK;

    for (size_t i = 0; i < n && st == MLC_OK; i++)
        for (uint64_t k = 0; k < t->dims[1] && st == MLC_OK; k += 32, out += head + 16) {
            const uint8_t *from = codes + k * n + i;
            float scale = 0;
            uint16_t half[2];
            int zero = 0;

            st = te_scale_zero(files, t, begin + i, k / t->group, &scale, &zero, err);
            half[0] = mlci_f32_to_f16(scale);
            half[1] = mlci_f32_to_f16(-scale * (float)zero);
            memcpy(out, half, head);
            for (size_t j = 0; j < 16; j++)
                out[head + j] = (uint8_t)(from[j * n] | from[(j + 16) * n] << 4);
        }
    return st;
}

static mlc_status te_int4(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                          size_t n, uint8_t *out, mlc_error *err)
{
    const size_t columns = (size_t)t->dims[1];
    uint8_t *codes = mlci_new(files->ctx, n, columns);
    mlc_status st = codes == NULL ? mlci_nomem(err, "reading weights") : MLC_OK;

    for (uint64_t k = 0; k < columns && st == MLC_OK; k++)
        st = te_codes(files, t, t->first_row + begin, n, k, codes + k * n, err);
    if (st == MLC_OK)
        st = te_int4_blocks(files, t, t->first_row + begin, n, codes, out, err);
    mlci_delete(files->ctx, codes, n, columns);
    return st;
}

static mlc_status te_mlc_runs(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                              size_t n, uint8_t *out, mlc_error *err)
{
    const size_t row = mlci_tensor_row_bytes(t);
    mlc_status st = MLC_OK;

    if (t->run == 0)
        return te_mlc(files, t, t->first_row + begin, n, out, err);
    for (size_t done = 0, k; done < n && st == MLC_OK; done += k) {
        const uint64_t r = begin + done;

        k = (size_t)mlci_min(n - done, t->run - r % t->run);
        st = te_mlc(files, t, t->first_row + r / t->run * t->stride + r % t->run, k,
                    out + done * row, err);
    }
    return st;
}

static mlc_status te_parts(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                           size_t n, uint8_t *out, mlc_error *err)
{
    const uint64_t each = t->parts[0]->dims[0];
    const size_t row = mlci_tensor_row_bytes(t);
    mlc_status st = MLC_OK;

    for (size_t done = 0, k; done < n && st == MLC_OK; done += k) {
        const uint64_t r = begin + done;
        const uint8_t *rows;

        k = (size_t)mlci_min(n - done, each - r % each);
        st = mlci_tensor_rows(files, t->parts[r / each], r % each, k, out + done * row, &rows,
                              err);
        if (st == MLC_OK && rows != out + done * row)
            memcpy(out + done * row, rows, k * row);
    }
    return st;
}

/* ---- codes made on the way --------------------------------------------------------------- */

const mlci_group_kernels *mlci_tensor_groups(const mlc_context *ctx)
{
#if defined __x86_64__
    if (mlci_context_devices(ctx)->tier != MLCI_TIER_SCALAR)
        return &mlci_groups_avx2;
#endif
    (void)ctx;
    return &mlci_groups_scalar;
}

void mlci_tensor_code(mlci_tensor *t)
{
    t->coded = true;
    t->source = t->format;
    t->format = MLCI_Q4_0;
    t->n_bytes = t->dims[0] * (t->dims[1] / 32) * 18;
}

/* As it is stored. */
static mlci_tensor te_stored(const mlci_tensor *t)
{
    mlci_tensor s = *t;

    if (!t->coded)
        return s;
    s.coded = false;
    s.format = t->source;
    s.n_bytes = t->dims[0] * t->dims[1] * mlci_format_table[t->source].block_bytes;
    return s;
}

/* What rows become codes in: of k rows as stored, and one row's values, codes, scales. */
typedef struct te_room { uint8_t *bytes, *rows, *codes; float *x, *scales; size_t n; } te_room;

static mlc_status te_room_open(te_room *r, const mlci_source *files, size_t row, size_t columns,
                               mlc_error *err)
{
    const size_t rows = mlci_round_up(TE_CODED * row, 64), n = mlci_round_up(columns, 64);

    r->n = rows + n * 4 + n * 4 + n;
    r->bytes = r->rows = mlci_new(files->ctx, r->n, 1);
    if (r->bytes == NULL)
        return mlci_nomem(err, "rows");
    r->x = (float *)(void *)(r->bytes + rows);
    r->scales = r->x + n;
    r->codes = (uint8_t *)(r->scales + n);
    return MLC_OK;
}

static mlc_status te_coded(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                           size_t n, uint8_t *out, mlc_error *err)
{
    const mlci_group_kernels *k = mlci_tensor_groups(files->ctx);
    const mlci_tensor stored = te_stored(t);
    const size_t columns = (size_t)t->dims[1], row = mlci_tensor_row_bytes(&stored);
    te_room room = { 0 };
    mlc_status st = te_room_open(&room, files, row, columns, err);

    for (size_t done = 0; done < n && st == MLC_OK; done += TE_CODED) {
        const size_t some = mlci_min(n - done, (size_t)TE_CODED);
        const uint8_t *rows;

        st = mlci_tensor_rows(files, &stored, begin + done, some, room.rows, &rows, err);
        for (size_t i = 0; i < some && st == MLC_OK; i++, rows += row) {
            if (t->source == MLCI_F16)
                k->f16(rows, columns, room.x);
            else
                mlci_blocks_decode(t->source, rows, columns, room.x);
            for (size_t c = 0; c < columns && t->source != MLCI_F16; c++)
                room.x[c] = mlci_group_round(room.x[c], MLCI_GROUP_F16);
            k->codes(room.x, columns, 32, 7, MLCI_GROUP_F16, room.codes, room.scales);
            k->q4_0(room.codes, room.scales, columns, out + (done + i) * (columns / 32 * 18));
        }
    }
    mlci_delete(files->ctx, room.bytes, room.bytes != NULL ? room.n : 0, 1);
    return st;
}

mlc_status mlci_tensor_rows(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                            size_t n, uint8_t *buffer, const uint8_t **out, mlc_error *err)
{
    *out = buffer;
    if (mlci_tensor_mapped(files, t)) {
        *out = files[t->file].data + t->offset + begin * mlci_tensor_row_bytes(t);
        return MLC_OK;
    }
    if (t->coded)
        return te_coded(files, t, begin, n, buffer, err);
    if (t->n_parts > 0)
        return te_parts(files, t, begin, n, buffer, err);
    switch (t->stored) {
    case MLCI_STORED_FP8: return te_fp8(files, t, begin, n, buffer, err);
    case MLCI_STORED_GPTQ: case MLCI_STORED_AWQ: return te_int4(files, t, begin, n, buffer, err);
    case MLCI_STORED_MXFP4: return te_mxfp4(files, t, begin, n, buffer, err);
    case MLCI_STORED_PANELS:
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "tensor %.*s is laid out for a device: take "
                         "the model that it was made of", (int)mlci_min(t->name.n, 100), t->name.p);
    case MLCI_STORED_COLUMNS: return te_columns(&files[t->file], t, begin, n, buffer, err);
    case MLCI_STORED_MLC: case MLCI_STORED_MLC_COLUMNS:
        return te_mlc_runs(files, t, begin, n, buffer, err);
    default: return te_runs(&files[t->file], t, begin, n, buffer, err);
    }
}

void mlci_tensor_release(const mlci_source *files, const mlci_tensor *as, uint64_t begin, size_t n)
{
    const mlci_tensor stored = te_stored(as), *t = &stored;
    const size_t row = mlci_tensor_row_bytes(t);
    const uint64_t each = t->n_parts > 0 ? t->parts[0]->dims[0] : 0;

    for (size_t done = 0, k; done < n && each > 0; done += k) {
        const uint64_t r = begin + done;

        k = (size_t)mlci_min(n - done, each - r % each);
        mlci_tensor_release(files, t->parts[r / each], r % each, k);
    }
    if (t->n_parts == 0 && t->stored == MLCI_STORED_BLOCKS && t->run == 0)
        mlci_source_release(&files[t->file], t->offset + begin * row, (uint64_t)n * row);
}
