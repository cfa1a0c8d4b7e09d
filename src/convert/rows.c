/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - rows of a tensor of the source as codes and scales, by all threads.
 */
#include "../../kernels/weight/blocks.h"
#include "../base/half.h"
#include "../base/pool.h"
#include "../load/tensor.h"
#include "convert.h"

#include <string.h>

/* What one thread needs for a row. */
typedef struct ro_room {
    uint8_t   *blocks, *codes;
    float     *x, *scales;
    size_t     bytes;
    mlc_error  err;
    mlc_status status;
} ro_room;

typedef struct ro_job {
    const mlci_files  *f;
    const mlci_out    *o;
    const mlci_scheme *s;
    const mlci_group_kernels *kernels;
    mlci_out_data     *data;
    ro_room           *rooms;      /* of each thread                            */
} ro_job;

static uint64_t ro_part_rows(const mlci_tensor *t)
{
    return t->rank == 1 ? 1 : t->rank == 3 ? t->dims[0] * t->dims[1] : t->dims[0];
}

/* Row r of the tensor that is made: which part's, and which row of that. */
static const mlci_tensor *ro_source(const mlci_out *o, uint64_t r, uint64_t *row, uint32_t *part)
{
    uint64_t expert = 0;

    if (o->n_experts > 0) {
        expert = r / (o->rows / o->n_experts);
        r %= o->rows / o->n_experts;
    }
    for (*part = 0;; ++*part) {
        const uint64_t n = ro_part_rows(o->parts[*part]) / (o->n_experts > 0 ? o->n_experts : 1);

        if (r < n) {
            *row = expert * n + r;
            return o->parts[*part];
        }
        r -= n;
    }
}

/* Pairs (2i, 2i + 1) of a head's rows were (i, i + half). */
static uint64_t ro_from_pairs(uint64_t row, uint32_t head)
{
    const uint64_t in = row % head, half = head / 2;

    return row - in + (in < half ? 2 * in : 2 * (in - half) + 1);
}

/* Bits of 16 as they are stored; float32 as the bfloat16 beside it. */
static uint16_t ro_bits(float x, mlci_group_dtype dtype)
{
    uint32_t u = mlci_f32_bits(x);

    if (dtype == MLCI_GROUP_F16)
        return mlci_f32_to_f16(x);
    if ((u & 0x7f800000u) != 0x7f800000u && (u & 0x7fffffffu) < 0x7f7f0000u)
        u += 0x7fff + (u >> 16 & 1);
    return (uint16_t)(u >> 16);
}

/* A row of n values in the model's dtype to room->x; 1 is added in the source's. */
static mlc_status ro_floats(const ro_job *j, const mlci_tensor *t, uint64_t row, size_t n,
                            ro_room *room)
{
    const mlci_group_dtype source = t->format == MLCI_F16 ? MLCI_GROUP_F16
                                  : t->format == MLCI_BF16 ? MLCI_GROUP_BF16 : MLCI_GROUP_F32;
    const uint8_t *blocks;
    mlc_status st;

    st = mlci_tensor_rows(j->f->items, t, t->rank == 1 ? 0 : row,
                          t->rank == 1 ? n / mlci_format_table[t->format].block_items : 1,
                          room->blocks, &blocks, &room->err);
    if (st != MLC_OK)
        return st;
    if (source == MLCI_GROUP_F16 && !t->plus_one && j->s->dtype == source) {
        j->kernels->f16(blocks, n, room->x);
    } else {
        mlci_blocks_decode(t->format, blocks, n, room->x);
        for (size_t i = 0; i < n; i++)
            room->x[i] = mlci_group_round(
                t->plus_one ? mlci_group_round(room->x[i] + 1.0f, source) : room->x[i],
                j->s->dtype);
    }
    return MLC_OK;
}

static void ro_put16(uint8_t *to, uint16_t v)
{
    to[0] = (uint8_t)v;
    to[1] = (uint8_t)(v >> 8);
}

/* Codes of a row as words, 32 bits of as many as there is room for; scales. */
static void ro_codes(const ro_job *j, uint64_t row, uint32_t part, ro_room *room)
{
    const mlci_out *o = j->o;
    const size_t n = (size_t)o->columns, per = 32 / j->s->bits;
    const size_t groups = (n + j->s->group - 1) / j->s->group, words = groups * 4;

    if (o->search)
        mlci_groups_search(room->x, o->importance[part], n, j->s->group, j->s->bits == 3 ? 3 : 7,
                           j->s->dtype, room->codes, room->scales);
    else
        j->kernels->codes(room->x, n, j->s->group, j->s->bits == 3 ? 3 : 7, j->s->dtype,
                          room->codes, room->scales);
    for (size_t w = 0; w < words; w++) {
        const size_t at = o->columns_first ? w * (size_t)o->rows + (size_t)row
                                           : (size_t)row * words + w;
        uint32_t word = 0;

        for (size_t i = 0; i < per && w * per + i < n; i++)
            word |= (uint32_t)room->codes[w * per + i] << (i * j->s->bits);
        ro_put16(j->data->codes + 4 * at, (uint16_t)word);
        ro_put16(j->data->codes + 4 * at + 2, (uint16_t)(word >> 16));
    }
    for (size_t g = 0; g < groups; g++)
        ro_put16(j->data->scales + 2 * (o->columns_first ? g * (size_t)o->rows + (size_t)row
                                                : (size_t)row * groups + g),
                 ro_bits(room->scales[g], j->s->dtype));
}

static void ro_row(const ro_job *j, uint64_t r, ro_room *room)
{
    const mlci_out *o = j->o;
    const size_t n = (size_t)o->columns;
    uint32_t part;
    uint64_t row;
    const mlci_tensor *t = ro_source(o, r, &row, &part);

    if (o->pairs > 0 && part < 2)
        row = ro_from_pairs(row, o->pairs);
    room->status = ro_floats(j, t, row, n, room);
    if (room->status != MLC_OK)
        return;
    if (o->quantized) {
        ro_codes(j, r, part, room);
        return;
    }
    for (size_t i = 0; i < n; i++)
        ro_put16(j->data->codes + 2 * ((size_t)r * n + i), ro_bits(room->x[i], j->s->dtype));
}

/* A vector's parts, each by itself. */
static void ro_vector(const ro_job *j, ro_room *room)
{
    uint8_t *to = j->data->codes;

    for (uint32_t p = 0; p < j->o->n_parts && room->status == MLC_OK; p++) {
        const size_t n = (size_t)j->o->parts[p]->dims[0];
        const uint32_t head = p < 2 ? j->o->pairs : 0;

        room->status = ro_floats(j, j->o->parts[p], 0, n, room);
        for (size_t i = 0; i < n && room->status == MLC_OK; i++, to += 2)
            ro_put16(to, ro_bits(room->x[head > 0 ? ro_from_pairs(i, head) : i], j->s->dtype));
    }
}

static void ro_thread(void *arg, mlci_team *team, uint32_t thread)
{
    const ro_job *j = arg;
    ro_room *room = &j->rooms[thread];
    size_t begin, end;

    if (j->o->columns == 1) {
        if (thread == 0)
            ro_vector(j, room);
        return;
    }
    mlci_team_share(team, thread, (size_t)j->o->rows, &begin, &end);
    for (size_t r = begin; r < end && room->status == MLC_OK; r++)
        ro_row(j, r, room);
}

/* Room for the longest row, vectors being rows. */
static mlc_status ro_open(mlc_context *ctx, const mlci_out *o, ro_room *room, mlc_error *err)
{
    size_t n = (size_t)o->columns, row = 0;

    for (uint32_t p = 0; p < o->n_parts; p++) {
        const mlci_tensor *t = o->parts[p];

        if (t->rank == 1)
            n = (size_t)mlci_max(n, t->dims[0]);
        row = (size_t)mlci_max(row, t->n_bytes / ro_part_rows(t));
    }
    room->bytes = mlci_round_up(row, 64) + mlci_round_up(n, 64) * 9;
    room->blocks = mlci_new(ctx, room->bytes, 1);
    if (room->blocks == NULL)
        return mlci_nomem(err, "rows");
    room->x = (float *)(void *)(room->blocks + mlci_round_up(row, 64));
    room->scales = room->x + mlci_round_up(n, 64);
    room->codes = (uint8_t *)(room->scales + mlci_round_up(n, 64));
    return MLC_OK;
}

mlc_status mlci_convert_rows(const mlci_files *f, const mlci_out *o, const mlci_scheme *s,
                             mlci_out_data *data, mlc_error *err)
{
    mlc_context *ctx = f->ctx;
    ro_job j = { f, o, s, mlci_tensor_groups(ctx), data, NULL };
    mlc_status st = MLC_OK;

    data->codes = mlci_new(ctx, (size_t)o->bytes, 1);
    data->scales = mlci_new(ctx, (size_t)o->scale_bytes + 1, 1);
    j.rooms = mlci_new(ctx, ctx->n_threads, sizeof *j.rooms);
    if (data->codes == NULL || data->scales == NULL || j.rooms == NULL)
        st = mlci_nomem(err, "converted tensor");
    for (uint32_t i = 0; i < ctx->n_threads && st == MLC_OK; i++)
        st = ro_open(ctx, o, &j.rooms[i], err);
    if (st == MLC_OK)
        mlci_pool_run(ctx->pool, ro_thread, &j);
    for (uint32_t i = 0; i < ctx->n_threads && j.rooms != NULL; i++) {
        if (st == MLC_OK && j.rooms[i].status != MLC_OK) {
            st = j.rooms[i].status;
            *err = j.rooms[i].err;
        }
        mlci_delete(ctx, j.rooms[i].blocks, j.rooms[i].bytes, 1);
    }
    mlci_delete(ctx, j.rooms, ctx->n_threads, sizeof *j.rooms);
    return st;
}
