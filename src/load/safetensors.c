/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors.c - safetensors.h.
 *
 *   u64 n, then n bytes of JSON: {"name": {"dtype": "F16", "shape": [2, 3],
 *   "data_offsets": [begin, end]}, "__metadata__": {...}}, then the data
 */
#include "safetensors.h"
#include "../base/json.h"

#include <string.h>

enum { SF_MOST = 100 << 20 };        /* of a header, as the reference reader has it */

static const struct { const char *name; uint32_t bytes; } sf_types[MLCI_ST_COUNT] = {
#define X(name, bytes) { #name, bytes },
    MLCI_ST_TYPES(X)
#undef X
};

const char *mlci_st_type_name(mlci_st_type t) { return sf_types[t].name; }
uint32_t    mlci_st_type_bytes(mlci_st_type t) { return sf_types[t].bytes; }

static mlc_status sf_bad(const mlci_json *v, const char *what, mlc_error *err)
{
    return mlci_fail(err, MLC_EFORMAT, 0, "tensor %.*s: %s", (int)mlci_min(v->key_bytes, 100),
                     v->key, what);
}

static mlc_status sf_tensor(const mlci_json *v, uint64_t data, uint64_t file_size,
                            mlci_stored_tensor *t, mlc_error *err)
{
    const mlci_json *dtype = mlci_json_get(v, "dtype"), *shape = mlci_json_get(v, "shape");
    const mlci_json *place = mlci_json_get(v, "data_offsets"), *d;
    uint64_t count = 1;
    int64_t begin, end, dim;
    int type = 0;

    memset(t, 0, sizeof *t);
    t->name = (mlci_text){ v->key, v->key_bytes };
    if (dtype == NULL || shape == NULL || shape->type != MLCI_JSON_ARRAY || place == NULL
        || place->type != MLCI_JSON_ARRAY || place->n_items != 2)
        return sf_bad(v, "no dtype, shape or data_offsets", err);
    while (type < MLCI_ST_COUNT && !mlci_json_is(dtype, sf_types[type].name))
        type++;
    if (type == MLCI_ST_COUNT)
        return sf_bad(v, "an unknown dtype", err);
    t->type = (mlci_st_type)type;
    if (shape->n_items > 4)
        return sf_bad(v, "more than 4 dimensions", err);
    for (d = shape->items; d != NULL; d = d->next) {
        if (!mlci_json_integer(d, &dim) || dim < 0)
            return sf_bad(v, "a dimension that is no count", err);
        t->dims[t->rank++] = (uint64_t)dim;
        if (dim > 0 && count > UINT64_MAX / 64 / (uint64_t)dim)
            return sf_bad(v, "too many elements", err);
        count *= (uint64_t)dim;
    }
    if (!mlci_json_integer(place->items, &begin) || !mlci_json_integer(place->items->next, &end)
        || begin < 0 || end < begin)
        return sf_bad(v, "data_offsets that are no range", err);
    if ((uint64_t)(end - begin) != count * sf_types[type].bytes)
        return sf_bad(v, "data_offsets that do not fit its shape", err);
    if ((uint64_t)end > file_size - data)
        return sf_bad(v, "lies outside the file (is the file complete?)", err);
    t->offset = data + (uint64_t)begin;
    t->n_bytes = (uint64_t)(end - begin);
    return MLC_OK;
}

mlc_status mlci_safetensors_parse(mlci_arena *arena, const unsigned char *head, size_t n,
                                  uint64_t file_size, mlci_stored_fn *fn, void *user,
                                  mlc_error *err)
{
    const mlci_json *all;
    mlci_stored_tensor t;
    uint64_t length;
    mlc_status st;

    if (n < 8)
        return mlci_fail(err, MLC_EFORMAT, 0, "not a safetensors file: it has %zu bytes", n);
    length = mlci_le(head, 8);
    if (length > SF_MOST || length > n - 8)
        return mlci_fail(err, MLC_EFORMAT, 0, "the header claims %llu bytes, more than %s",
                         (unsigned long long)length,
                         length > SF_MOST ? "any has" : "the file has");
    st = mlci_json_parse(arena, (const char *)head + 8, (size_t)length, &all, err);
    if (st == MLC_OK && all->type != MLCI_JSON_OBJECT)
        st = mlci_fail(err, MLC_EFORMAT, 0, "the header is no JSON object");
    for (const mlci_json *v = st == MLC_OK ? all->items : NULL; v != NULL && st == MLC_OK;
         v = v->next) {
        if (v->key_bytes == 12 && memcmp(v->key, "__metadata__", 12) == 0)
            continue;
        st = sf_tensor(v, 8 + length, file_size, &t, err);
        if (st == MLC_OK)
            st = fn(user, &t, err);
    }
    return st;
}

mlc_status mlci_safetensors_open(mlci_arena *arena, const mlci_source *file, mlci_stored_fn *fn,
                                 void *user, mlc_error *err)
{
    unsigned char first[8] = { 0 }, *head;
    uint64_t n;
    mlc_status st = MLC_OK;

    if (file->data != NULL || file->size == 0)
        return mlci_error_prefix(err, mlci_safetensors_parse(arena, file->data, (size_t)file->size,
                                 file->size, fn, user, err), file->name);
    if (file->size >= 8)
        st = mlci_source_read(file, 0, first, 8, err);
    n = mlci_min(mlci_min(file->size, mlci_le(first, 8) > SF_MOST ? 8 : mlci_le(first, 8) + 8),
                 file->size);
    head = st == MLC_OK ? mlci_arena_new(arena, (size_t)n, 1) : NULL;
    if (st == MLC_OK && head == NULL)
        st = mlci_nomem(err, "header");
    if (st == MLC_OK)
        st = mlci_source_read(file, 0, head, (size_t)n, err);
    if (st == MLC_OK)
        st = mlci_safetensors_parse(arena, head, (size_t)n, file->size, fn, user, err);
    return mlci_error_prefix(err, st, file->name);
}
