/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_oss.c - gpt-oss' experts: all of a layer in one tensor, gates and ups in turn.
 *
 * As bfloat16 each expert's matrix is [in, out].  As MXFP4 it is [out, in], blocks of 32
 * codes and their scales apart; which of the two comes first, and in which file, is not
 * said, so they are put together at the end.
 */
#include "hf.h"

#include <stdio.h>
#include <string.h>

static mlc_status ho_put(mlci_files *f, mlci_tensor *t, int64_t layer, const char *name,
                         mlc_error *err)
{
    char text[96];
    const int n = snprintf(text, sizeof text, "blk.%lld.%s", (long long)layer, name);

    t->name.p = mlci_arena_copy(&f->directory.arena, text, (size_t)n);
    t->name.n = (size_t)n;
    return t->name.p == NULL ? mlci_nomem(err, "tensor names")
                             : mlci_directory_put_tensor(&f->directory, t, err);
}

static mlc_status ho_bad(const mlci_stored_tensor *s, const char *what, mlc_error *err)
{
    return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: %s", (int)mlci_min(s->name.n, 100),
                     s->name.p, what);
}

/* Every `stride`-th column from `first` on of each expert's [in, out] as rows. */
static mlc_status ho_columns(mlci_files *f, const mlci_stored_tensor *s, uint32_t file,
                             mlci_format format, uint32_t first, uint32_t stride, int64_t layer,
                             const char *name, mlc_error *err)
{
    const uint64_t n = s->dims[0], in = s->dims[1], out = s->dims[2], size = s->n_bytes / n;
    mlci_arena *arena = &f->directory.arena;
    const mlci_tensor **parts = mlci_arena_new(arena, (size_t)n, sizeof *parts);
    mlci_tensor *each = mlci_arena_new(arena, (size_t)n, sizeof *each), all = { 0 };

    if (parts == NULL || each == NULL)
        return mlci_nomem(err, "experts");
    for (uint64_t i = 0; i < n; i++) {
        each[i] = (mlci_tensor){ .name = s->name, .format = format, .rank = 2,
                                 .dims = { out / stride, in }, .n_bytes = size / stride,
                                 .offset = s->offset + i * size, .file = file,
                                 .stored = MLCI_STORED_COLUMNS, .all_rows = out,
                                 .first_row = first, .run = stride > 1 ? 1 : 0,
                                 .stride = stride };
        parts[i] = &each[i];
    }
    all = each[0];
    all.dims[0] *= n;
    all.n_bytes *= n;
    all.parts = parts;
    all.n_parts = (uint32_t)n;
    return ho_put(f, &all, layer, name, err);
}

/* Every stride-th value of [experts, values] as a vector. */
static mlc_status ho_bias(mlci_files *f, const mlci_stored_tensor *s, uint32_t file,
                          mlci_format format, uint32_t first, uint32_t stride, int64_t layer,
                          const char *name, mlc_error *err)
{
    const uint64_t n = s->dims[0] * s->dims[1];
    mlci_tensor t = { .format = format, .rank = 1, .dims = { n / stride },
                      .n_bytes = s->n_bytes / stride, .file = file,
                      .offset = s->offset + first * (s->n_bytes / n),
                      .run = stride > 1 ? 1 : 0, .stride = stride };

    return ho_put(f, &t, layer, name, err);
}

mlc_status mlci_hf_oss_put(mlci_files *f, const mlci_stored_tensor *s, uint32_t file,
                           int64_t layer, mlci_text rest, const mlci_hf_shape *shape,
                           mlc_error *err)
{
    static const char *const gates[] = { "ffn_gate_exps.weight", "ffn_up_exps.weight" };
    static const char *const biases[] = { "ffn_gate_exps.bias", "ffn_up_exps.bias" };
    const mlci_format format = s->type == MLCI_ST_F32 ? MLCI_F32
                             : s->type == MLCI_ST_F16 ? MLCI_F16 : MLCI_BF16;
    const bool down = rest.n > 4 && memcmp(rest.p, "down", 4) == 0;
    const bool bias = mlci_text_is(rest, "gate_up_proj_bias")
                   || mlci_text_is(rest, "down_proj_bias");
    char name[64];
    mlc_status st = MLC_OK;

    if (s->dims[0] != shape->n_experts || s->rank < 2 || s->n_bytes == 0)
        return ho_bad(s, "not of all experts", err);
    if (s->type == MLCI_ST_U8) {
        mlci_tensor t = { .format = MLCI_MXFP4, .rank = s->rank, .offset = s->offset,
                          .n_bytes = s->n_bytes, .file = file, .part = true };

        memcpy(t.dims, s->dims, sizeof t.dims);
        snprintf(name, sizeof name, "%.*s", (int)rest.n, rest.p);
        return ho_put(f, &t, layer, name, err);
    }
    if (s->type != MLCI_ST_F32 && s->type != MLCI_ST_F16 && s->type != MLCI_ST_BF16)
        return ho_bad(s, "neither floats nor MXFP4", err);
    if (s->rank != (bias ? 2u : 3u) || (!down && s->dims[bias ? 1 : 2] % 2 != 0))
        return ho_bad(s, "not its shape", err);
    if (down)
        return bias ? ho_bias(f, s, file, format, 0, 1, layer, "ffn_down_exps.bias", err)
                    : ho_columns(f, s, file, format, 0, 1, layer, "ffn_down_exps.weight", err);
    for (uint32_t i = 0; i < 2 && st == MLC_OK; i++)
        st = bias ? ho_bias(f, s, file, format, i, 2, layer, biases[i], err)
                  : ho_columns(f, s, file, format, i, 2, layer, gates[i], err);
    return st;
}

/* Blocks [experts, rows, groups, 16] with scales [experts, rows, groups]. */
static mlc_status ho_pair(mlci_files *f, const mlci_config *c, int64_t layer, const char *what,
                          mlc_error *err)
{
    const bool down = strcmp(what, "down_proj") == 0;
    const mlci_tensor *blocks, *scales;
    mlci_tensor t = { .format = MLCI_MXFP4, .rank = 2, .stored = MLCI_STORED_MXFP4 };
    char name[96];
    mlc_status st = MLC_OK;

    snprintf(name, sizeof name, "blk.%lld.%s_scales", (long long)layer, what);
    scales = mlci_config_tensor(c, name);
    snprintf(name, sizeof name, "blk.%lld.%s_blocks", (long long)layer, what);
    blocks = mlci_config_tensor(c, name);
    if (blocks == NULL)
        return MLC_OK;
    if (scales == NULL || blocks->rank != 4 || scales->rank != 3 || blocks->dims[3] != 16
        || memcmp(blocks->dims, scales->dims, 3 * sizeof *blocks->dims) != 0
        || (!down && blocks->dims[1] % 2 != 0))
        return mlci_fail(err, MLC_EFORMAT, 0, "tensor %s: its scales are missing or do not fit",
                         name);
    t.dims[0] = t.all_rows = blocks->dims[0] * blocks->dims[1];
    t.dims[1] = blocks->dims[2] * 32;
    t.offset = blocks->offset;
    t.file = blocks->file;
    t.scales = scales->offset;
    t.scales_file = scales->file;
    if (!down) {
        t.dims[0] /= 2;
        t.run = 1;
        t.stride = 2;
    }
    t.n_bytes = t.dims[0] * blocks->dims[2] * 17;
    for (uint32_t i = 0; i < (down ? 1u : 2u) && st == MLC_OK; i++) {
        t.first_row = i;
        st = ho_put(f, &t, layer, down ? "ffn_down_exps.weight"
                    : i == 0 ? "ffn_gate_exps.weight" : "ffn_up_exps.weight", err);
    }
    return st;
}

mlc_status mlci_hf_oss_join(mlci_files *f, const mlci_config *c, uint32_t n_layers, mlc_error *err)
{
    mlc_status st = MLC_OK;

    for (uint32_t i = 0; i < 2 * n_layers && st == MLC_OK; i++)
        st = ho_pair(f, c, i / 2, i % 2 ? "down_proj" : "gate_up_proj", err);
    return st;
}
