/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf.c - gguf.h, for versions 2 and 3 of the format (ggml's docs/gguf.md).
 *
 *   "GGUF", u32 version, u64 n_tensors, u64 n_keys
 *   keys:    text name, u32 type, value
 *   tensors: text name, u32 rank, u64 dims[rank] (contiguous first), u32 type,
 *            u64 offset from the start of the data section
 *   padding to general.alignment (32 unless said), then the data section
 *
 * Every count is compared with the bytes that are left before anything is
 * allocated for it: a file cannot ask for more memory than its own size times a
 * small factor.
 */
#include "gguf.h"
#include "../../kernels/weight/weight.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    GU_MAX_NAME = 65535,       /* spec: keys have at most 2^16 - 1 bytes      */
    GU_MIN_KEY = 8 + 4 + 1,    /* empty name, type, one byte of value         */
    GU_MIN_TENSOR = 8 + 4 + 4 + 8,
    GU_HEAD_FIRST = 1 << 20,   /* first read of a file that is not mapped     */
    GU_HEAD_MOST = 64 << 20    /* Gemma 4's vocabulary, the largest: 15 MB    */
};

/* Memory for the directory: 272 tensors of a small model take 40 KB, and the
 * largest files (DeepSeek) have a few thousand. */
static const size_t gu_limit = (size_t)64 << 20;

typedef struct gu_reader {
    const unsigned char *p, *end;
    mlc_error *err;
    bool cut;                  /* failed because the bytes ended             */
} gu_reader;

enum { GU_U8, GU_I8, GU_U16, GU_I16, GU_U32, GU_I32, GU_F32, GU_BOOL, GU_TEXT,
       GU_ARRAY, GU_U64, GU_I64, GU_F64, GU_TYPES };

static const struct { uint8_t bytes; mlci_value_type type; } gu_types[GU_TYPES] = {
    [GU_U8] = { 1, MLCI_VALUE_UINT },   [GU_I8] = { 1, MLCI_VALUE_INT },
    [GU_U16] = { 2, MLCI_VALUE_UINT },  [GU_I16] = { 2, MLCI_VALUE_INT },
    [GU_U32] = { 4, MLCI_VALUE_UINT },  [GU_I32] = { 4, MLCI_VALUE_INT },
    [GU_F32] = { 4, MLCI_VALUE_FLOAT }, [GU_BOOL] = { 1, MLCI_VALUE_BOOL },
    [GU_TEXT] = { 0, MLCI_VALUE_TEXT }, [GU_ARRAY] = { 0, MLCI_VALUE_ARRAY },
    [GU_U64] = { 8, MLCI_VALUE_UINT },  [GU_I64] = { 8, MLCI_VALUE_INT },
    [GU_F64] = { 8, MLCI_VALUE_FLOAT },
};

/* ggml's tensor types.  ours is -1 for those without a decoder here. */
static const struct { const char *name; int ours; } gu_tensor_types[] = {
    [0] = { "F32", MLCI_F32 },    [1] = { "F16", MLCI_F16 },
    [2] = { "Q4_0", MLCI_Q4_0 },  [3] = { "Q4_1", MLCI_Q4_1 },
    [4] = { "Q4_2", -1 },         [5] = { "Q4_3", -1 },
    [6] = { "Q5_0", MLCI_Q5_0 },  [7] = { "Q5_1", MLCI_Q5_1 },
    [8] = { "Q8_0", MLCI_Q8_0 },  [9] = { "Q8_1", -1 },
    [10] = { "Q2_K", MLCI_Q2_K }, [11] = { "Q3_K", MLCI_Q3_K },
    [12] = { "Q4_K", MLCI_Q4_K }, [13] = { "Q5_K", MLCI_Q5_K },
    [14] = { "Q6_K", MLCI_Q6_K }, [15] = { "Q8_K", -1 },
    [16] = { "IQ2_XXS", -1 },     [17] = { "IQ2_XS", -1 },
    [18] = { "IQ3_XXS", -1 },     [19] = { "IQ1_S", -1 },
    [20] = { "IQ4_NL", MLCI_IQ4_NL }, [21] = { "IQ3_S", -1 },
    [22] = { "IQ2_S", -1 },       [23] = { "IQ4_XS", MLCI_IQ4_XS },
    [24] = { "I8", -1 },  [25] = { "I16", -1 }, [26] = { "I32", -1 },
    [27] = { "I64", -1 }, [28] = { "F64", -1 }, [29] = { "IQ1_M", -1 },
    [30] = { "BF16", MLCI_BF16 },
    [31] = { "Q4_0_4_4", -1 }, [32] = { "Q4_0_4_8", -1 }, [33] = { "Q4_0_8_8", -1 },
    [34] = { "TQ1_0", MLCI_TQ1_0 }, [35] = { "TQ2_0", MLCI_TQ2_0 },
    [36] = { "IQ4_NL_4_4", -1 }, [37] = { "IQ4_NL_4_8", -1 },
    [38] = { "IQ4_NL_8_8", -1 }, [39] = { "MXFP4", MLCI_MXFP4 },
    [40] = { "NVFP4", -1 },
};

/* ---- reading ---------------------------------------------------------------- */

static size_t gu_left(const gu_reader *r) { return (size_t)(r->end - r->p); }

static mlc_status gu_cut(gu_reader *r, const char *what)
{
    r->cut = true;
    return mlci_fail(r->err, MLC_EFORMAT, 0, "the file ends inside %s", what);
}

static mlc_status gu_number(gu_reader *r, int n_bytes, uint64_t *v,
                            const char *what)
{
    if (gu_left(r) < (size_t)n_bytes)
        return gu_cut(r, what);
    *v = mlci_le(r->p, n_bytes);
    r->p += n_bytes;
    return MLC_OK;
}

static mlc_status gu_text(gu_reader *r, size_t most, mlci_text *t, const char *what)
{
    uint64_t n = 0;
    mlc_status st = gu_number(r, 8, &n, what);

    if (st != MLC_OK)
        return st;
    if (n > most)
        return mlci_fail(r->err, MLC_EFORMAT, 0, "%s has a length of %llu bytes",
                         what, (unsigned long long)n);
    if (n > gu_left(r))
        return gu_cut(r, what);
    t->p = (const char *)r->p;
    t->n = (size_t)n;
    r->p += n;
    return MLC_OK;
}

/* ---- keys -------------------------------------------------------------------- */

static mlc_status gu_bad_key(gu_reader *r, const mlci_text *key, const char *what)
{
    return mlci_fail(r->err, MLC_EFORMAT, 0, "key %.*s: %s",
                     (int)mlci_min(key->n, 100), key->p, what);
}

static void gu_scalar(const unsigned char *p, uint32_t type, mlci_value *v)
{
    int n = gu_types[type].bytes;
    uint64_t u = mlci_le(p, n);
    uint32_t u32 = (uint32_t)u;
    float f;

    v->type = gu_types[type].type;
    v->u = u;
    v->i = (int64_t)(u << (64 - 8 * n)) >> (64 - 8 * n);
    if (type == GU_F32) {
        memcpy(&f, &u32, sizeof f);
        v->f = f;
    } else if (type == GU_F64) {
        memcpy(&v->f, &u, sizeof v->f);
    }
}

static mlc_status gu_array(gu_reader *r, const mlci_text *key, mlci_value *v)
{
    uint64_t type = 0, n = 0;
    mlc_status st = gu_number(r, 4, &type, "an array");

    if (st == MLC_OK)
        st = gu_number(r, 8, &n, "an array");
    if (st != MLC_OK)
        return st;
    if (type >= GU_TYPES)
        return gu_bad_key(r, key, "array of an unknown type");
    if (type == GU_ARRAY)
        return gu_bad_key(r, key, "array of arrays");
    v->type = MLCI_VALUE_ARRAY;
    v->item = gu_types[type].type;
    v->item_bytes = gu_types[type].bytes;
    v->u = n;
    v->items = r->p;
    if (type != GU_TEXT) {
        if (n > gu_left(r) / v->item_bytes)
            return gu_cut(r, "an array");
        r->p += n * v->item_bytes;
        return MLC_OK;
    }
    if (n > gu_left(r) / 8)
        return gu_cut(r, "an array of texts");
    for (uint64_t i = 0; i < n && st == MLC_OK; i++) {
        mlci_text t;

        st = gu_text(r, SIZE_MAX, &t, "an array of texts");
    }
    return st;
}

static mlc_status gu_key(gu_reader *r, mlci_entry *k)
{
    uint64_t type = 0;
    mlc_status st = gu_text(r, GU_MAX_NAME, &k->name, "a key's name");

    if (st == MLC_OK)
        st = gu_number(r, 4, &type, "a key's type");
    if (st != MLC_OK)
        return st;
    if (type >= GU_TYPES)
        return gu_bad_key(r, &k->name, "unknown type");
    if (type == GU_ARRAY)
        return gu_array(r, &k->name, &k->value);
    if (type == GU_TEXT) {
        k->value.type = MLCI_VALUE_TEXT;
        return gu_text(r, SIZE_MAX, &k->value.text, "a key's text");
    }
    if (gu_left(r) < gu_types[type].bytes)
        return gu_cut(r, "a key's value");
    gu_scalar(r->p, (uint32_t)type, &k->value);
    r->p += gu_types[type].bytes;
    return MLC_OK;
}

/* ---- tensors ------------------------------------------------------------------- */

static mlc_status gu_bad_tensor(gu_reader *r, mlc_status status,
                                const mlci_tensor *t, const char *what)
{
    return mlci_fail(r->err, status, 0, "tensor %.*s: %s",
                     (int)mlci_min(t->name.n, 100), t->name.p, what);
}

static mlc_status gu_tensor_format(gu_reader *r, mlci_tensor *t, uint64_t type)
{
    const size_t n_types = sizeof gu_tensor_types / sizeof *gu_tensor_types;
    char text[80];

    if (type >= MLCI_GGUF_PANELS && type - MLCI_GGUF_PANELS < n_types) {
        t->stored = MLCI_STORED_PANELS;
        type -= MLCI_GGUF_PANELS;
    }
    if (type < n_types && gu_tensor_types[type].ours >= 0) {
        t->format = (mlci_format)gu_tensor_types[type].ours;
        return MLC_OK;
    }
    snprintf(text, sizeof text, "block format %s (type %llu) is unsupported",
             type < n_types ? gu_tensor_types[type].name : "of a later version",
             (unsigned long long)type);
    return gu_bad_tensor(r, MLC_EUNSUPPORTED, t, text);
}

uint32_t mlci_gguf_type(mlci_format format)
{
    uint32_t i = 0;

    while (gu_tensor_types[i].ours != (int)format)
        i++;
    return i;
}

/* What the panels of a matrix take, or those of experts. */
static mlc_status gu_panels(gu_reader *r, mlci_tensor *t)
{
    const uint64_t n = t->rank == 3 ? t->dims[0] : 1;
    const uint64_t rows = t->rank == 3 ? t->dims[1] : t->dims[0];
    mlci_packed p;

    if (t->rank < 2 || t->rank > 3 || rows > 1u << 28 || t->dims[t->rank - 1] > 1u << 20
        || n > 1u << 16)
        return gu_bad_tensor(r, MLC_EFORMAT, t, "panels of no matrix");
    mlci_packed_shape(&p, t->format, (uint32_t)rows, (uint32_t)t->dims[t->rank - 1]);
    if (p.format != t->format)
        return gu_bad_tensor(r, MLC_EFORMAT, t, "this format has no panels");
    t->n_bytes = n * mlci_packed_bytes(&p);
    return MLC_OK;
}

/* dims are stored contiguous first; ours are rows first. */
static mlc_status gu_tensor_size(gu_reader *r, mlci_tensor *t,
                                 const uint64_t dims[4])
{
    const mlci_format_info *f = &mlci_format_table[t->format];
    uint64_t blocks;

    for (uint32_t i = 0; i < t->rank; i++)
        t->dims[i] = dims[t->rank - 1 - i];
    if (dims[0] % f->block_items != 0)
        return gu_bad_tensor(r, MLC_EFORMAT, t,
                             "row length is no multiple of the block size");
    blocks = dims[0] / f->block_items;
    for (uint32_t i = 1; i < t->rank; i++) {
        if (dims[i] != 0 && blocks > UINT64_MAX / 1024 / dims[i])
            return gu_bad_tensor(r, MLC_EFORMAT, t, "too many elements");
        blocks *= dims[i];
    }
    if (blocks > UINT64_MAX / 1024 || blocks == 0)
        return gu_bad_tensor(r, MLC_EFORMAT, t, "no or too many elements");
    t->n_bytes = blocks * f->block_bytes;
    return t->stored == MLCI_STORED_PANELS ? gu_panels(r, t) : MLC_OK;
}

static mlc_status gu_tensor(gu_reader *r, mlci_tensor *t, uint64_t alignment)
{
    uint64_t rank = 0, type = 0, dims[4] = { 1, 1, 1, 1 };
    mlc_status st = gu_text(r, GU_MAX_NAME, &t->name, "a tensor's name");

    if (st == MLC_OK)
        st = gu_number(r, 4, &rank, "the tensor directory");
    if (st != MLC_OK)
        return st;
    if (rank < 1 || rank > 4)
        return gu_bad_tensor(r, MLC_EFORMAT, t, "rank is not 1 to 4");
    t->rank = (uint32_t)rank;
    for (uint64_t i = 0; i < rank && st == MLC_OK; i++)
        st = gu_number(r, 8, &dims[i], "the tensor directory");
    if (st == MLC_OK)
        st = gu_number(r, 4, &type, "the tensor directory");
    if (st == MLC_OK)
        st = gu_number(r, 8, &t->offset, "the tensor directory");
    if (st == MLC_OK)
        st = gu_tensor_format(r, t, type);
    if (st == MLC_OK)
        st = gu_tensor_size(r, t, dims);
    if (st == MLC_OK && t->offset % alignment != 0)
        st = gu_bad_tensor(r, MLC_EFORMAT, t, "offset is not aligned");
    return st;
}

/* ---- the whole ------------------------------------------------------------------- */

static mlc_status gu_header(gu_reader *r, mlci_directory *g)
{
    uint64_t version = 0, nt = 0, nk = 0;
    mlc_status st;

    if (gu_left(r) < 4 || memcmp(r->p, "GGUF", 4) != 0)
        return mlci_fail(r->err, MLC_EFORMAT, 0,
                         "not a GGUF file: it does not begin with \"GGUF\"");
    r->p += 4;
    st = gu_number(r, 4, &version, "the header");
    if (st == MLC_OK)
        st = gu_number(r, 8, &nt, "the header");
    if (st == MLC_OK)
        st = gu_number(r, 8, &nk, "the header");
    if (st != MLC_OK)
        return st;
    g->version = (uint32_t)version;
    if (version != 2 && version != 3)
        return mlci_fail(r->err, MLC_EUNSUPPORTED, 0,
                         "GGUF version %u is unsupported (2 and 3 are)%s", g->version,
                         (version & 0xffff) == 0 ? ": big-endian file?" : "");
    if (nk > gu_left(r) / GU_MIN_KEY || nt > gu_left(r) / GU_MIN_TENSOR) {
        r->cut = true;
        return mlci_fail(r->err, MLC_EFORMAT, 0, "the header claims %llu keys and "
                         "%llu tensors, more than the file has room for",
                         (unsigned long long)nk, (unsigned long long)nt);
    }
    g->n_keys = (size_t)nk;
    g->n_tensors = (size_t)nt;
    g->keys = mlci_arena_new(&g->arena, g->n_keys, sizeof *g->keys);
    g->tensors = mlci_arena_new(&g->arena, g->n_tensors, sizeof *g->tensors);
    if (g->keys == NULL || g->tensors == NULL)
        return mlci_nomem(r->err, "file directory");
    return MLC_OK;
}

/* Offsets become offsets in the file, and must lie inside it. */
static mlc_status gu_place(gu_reader *r, mlci_directory *g, uint64_t data,
                           uint64_t file_size)
{
    for (size_t i = 0; i < g->n_tensors; i++) {
        mlci_tensor *t = &g->tensors[i];
        uint64_t room = file_size > data ? file_size - data : 0;

        if (t->offset > room || t->n_bytes > room - t->offset)
            return gu_bad_tensor(r, MLC_EFORMAT, t,
                                 "lies outside the file (is the file complete?)");
        t->offset += data;
    }
    return MLC_OK;
}

static mlc_status gu_parse(mlci_directory *g, gu_reader *r, uint64_t file_size)
{
    const unsigned char *start = r->p;
    mlci_config c;
    uint32_t alignment = 32;
    mlc_status st = gu_header(r, g);

    for (size_t i = 0; i < g->n_keys && st == MLC_OK; i++)
        st = gu_key(r, &g->keys[i]);
    if (st == MLC_OK)
        st = mlci_directory_index_keys(g, r->err);
    if (st != MLC_OK)
        return st;
    mlci_directory_config(g, &c);
    st = mlci_config_u32_or(&c, "general.alignment", 1, 1 << 20, 32, &alignment,
                            r->err);
    for (size_t i = 0; i < g->n_tensors && st == MLC_OK; i++)
        st = gu_tensor(r, &g->tensors[i], alignment);
    if (st == MLC_OK)
        st = mlci_directory_index_tensors(g, r->err);
    if (st != MLC_OK)
        return st;
    g->head_bytes = (size_t)(r->p - start);
    return gu_place(r, g, mlci_round_up(g->head_bytes, alignment), file_size);
}

mlc_status mlci_gguf_parse(mlci_directory *g, mlc_context *ctx,
                           const unsigned char *bytes, size_t n,
                           uint64_t file_size, mlc_error *err)
{
    gu_reader r = { bytes, bytes + n, err, false };
    mlc_status st;

    memset(g, 0, sizeof *g);
    mlci_arena_init(&g->arena, ctx, gu_limit);
    st = gu_parse(g, &r, file_size);
    if (st != MLC_OK)
        mlci_directory_close(g);
    return st;
}

/* Without a mapping, read the head in doubling pieces until it is whole. */
static mlc_status gu_read_head(mlci_directory *g, const mlci_source *s, mlc_error *err)
{
    uint64_t want = GU_HEAD_FIRST;

    for (;; want *= 2) {
        size_t n = (size_t)(want < s->size ? want : s->size);
        unsigned char *head = mlci_new(s->ctx, n, 1);
        gu_reader r = { head, head + n, err, false };
        mlc_status st;

        if (head == NULL)
            return mlci_nomem(err, "head of the file");
        memset(g, 0, sizeof *g);
        mlci_arena_init(&g->arena, s->ctx, gu_limit);
        st = mlci_source_read(s, 0, head, n, err);
        if (st == MLC_OK)
            st = gu_parse(g, &r, s->size);
        g->head = head;
        g->head_bytes = n;
        if (st == MLC_OK)
            return st;
        mlci_directory_close(g);
        if (!r.cut || n == s->size)
            return st;
        if (want >= GU_HEAD_MOST)
            return mlci_fail(err, MLC_EFORMAT, 0, "the directory takes more than %d MB",
                             GU_HEAD_MOST >> 20);
    }
}

mlc_status mlci_gguf_open(mlci_directory *g, const mlci_source *s, mlc_error *err)
{
    mlc_status st = s->data != NULL || s->size == 0
        ? mlci_gguf_parse(g, s->ctx, s->data, (size_t)s->size, s->size, err)
        : gu_read_head(g, s, err);

    return mlci_error_prefix(err, st, s->name);
}
