/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gguf.c - the GGUF directory: what is right is read, what is wrong gets a
 * sentence, and no byte outside the file is touched (under ASan: each case lies in
 * a block of its own size).
 */
#include "gguf_make.h"
#include "golden.h"
#include "../src/load/files.h"
#include "../src/load/gguf.h"
#include "../src/load/tensor.h"

#include <math.h>

static mlc_context *ctx;

/* A file with a key of each type and two tensors. */
static size_t make(gguf_make *g, uint32_t version)
{
    gm_begin(g, version);
    gm_str(g, "general.architecture", "test");
    for (uint32_t type = GM_U8; type <= GM_F64; type++) {
        static const char *const names[] = { "u8", "i8", "u16", "i16", "u32", "i32", "f32",
                                             "bool", "text", "array", "u64", "i64", "f64" };
        static const int sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
        const float f = -0.5f;
        const double d = 0.1;

        if (type == GM_TEXT) {
            gm_str(g, names[type], "t\xc3\xa9xt");
        } else if (type == GM_ARRAY) {
            gm_array(g, names[type], GM_TEXT, 2);
            gm_text(g, "");
            gm_text(g, "two");
        } else if (type == GM_F32 || type == GM_F64) {
            gm_key(g, names[type], type);
            gm_bytes(g, type == GM_F32 ? (const void *)&f : &d, (size_t)sizes[type]);
        } else {
            gm_key(g, names[type], type);
            gm_le(g, type == GM_BOOL ? 1 : 0xfffffffffffffff5u, sizes[type]);
        }
    }
    gm_array(g, "numbers", GM_I16, 3);
    gm_le(g, 0x0003fffe0001, 6);
    gm_tensor(g, "matrix", 2, (uint64_t[]){ 64, 3 }, 2, 2 * 18 * 3);
    gm_tensor(g, "vector", 1, (uint64_t[]){ 5 }, 0, 20);
    return gm_finish(g);
}

static void test_good(uint32_t version)
{
    gguf_make m;
    size_t data = make(&m, version);
    mlci_directory g;
    mlci_config c;
    mlci_value v;
    mlc_error err = { 0 };
    char text[200];
    const mlci_tensor *t;

    T_CASE("version %u", version);
    T_CHECK(mlci_gguf_parse(&g, ctx, m.p, m.n, m.n, &err) == MLC_OK, "%s", err.text);
    mlci_directory_config(&g, &c);
    T_CHECK(mlci_text_is(c.arch, "test"), "architecture");
    T_CHECK(mlci_config_find(&c, "u8", &v) && v.type == MLCI_VALUE_UINT && v.u == 0xf5, "u8");
    T_CHECK(mlci_config_find(&c, "i8", &v) && v.type == MLCI_VALUE_INT && v.i == -11, "i8");
    T_CHECK(mlci_config_find(&c, "u16", &v) && v.u == 0xfff5, "u16");
    T_CHECK(mlci_config_find(&c, "i16", &v) && v.i == -11, "i16");
    T_CHECK(mlci_config_find(&c, "u32", &v) && v.u == 0xfffffff5, "u32");
    T_CHECK(mlci_config_find(&c, "i32", &v) && v.i == -11, "i32");
    T_CHECK(mlci_config_find(&c, "u64", &v) && v.u == 0xfffffffffffffff5, "u64");
    T_CHECK(mlci_config_find(&c, "i64", &v) && v.i == -11, "i64");
    T_CHECK(mlci_config_find(&c, "f32", &v) && v.f == -0.5, "f32");
    T_CHECK(mlci_config_find(&c, "f64", &v) && v.f == 0.1, "f64");
    T_CHECK(mlci_config_find(&c, "bool", &v) && v.type == MLCI_VALUE_BOOL && v.u == 1, "bool");
    T_CHECK(mlci_config_find(&c, "text", &v) && mlci_text_is(v.text, "t\xc3\xa9xt"), "text");
    T_CHECK(mlci_config_find(&c, "array", &v) && v.u == 2 && v.item == MLCI_VALUE_TEXT,
            "array of texts");
    T_CHECK(mlci_config_find(&c, "numbers", &v) && v.u == 3 && v.item_bytes == 2, "array");
    mlci_value_print(&v, text, sizeof text);
    T_CHECK(strcmp(text, "[3 numbers]") == 0, "printed: %s", text);
    T_CHECK(!mlci_config_find(&c, "nothing", &v), "a key that is not there");
    t = mlci_config_tensor(&c, "matrix");
    T_CHECK(t != NULL && t->rank == 2 && t->dims[0] == 3 && t->dims[1] == 64
            && t->format == MLCI_Q4_0 && t->n_bytes == 108 && t->offset == data, "matrix");
    t = mlci_config_tensor(&c, "vector");
    T_CHECK(t != NULL && t->rank == 1 && t->dims[0] == 5 && t->format == MLCI_F32
            && t->offset == data + 128, "vector");
    T_CHECK(mlci_config_tensor(&c, "scalar") == NULL, "a tensor that is not there");
    mlci_directory_close(&g);
    free(m.p);
}

/* Cut at every length: always an error, never a byte too far. */
static void test_cut(void)
{
    gguf_make m;

    T_CASE("cut at every length");
    make(&m, 3);
    for (size_t n = 0; n < m.n; n++) {
        unsigned char *copy = malloc(n > 0 ? n : 1);
        mlci_directory g;
        mlc_error err = { 0 };

        memcpy(copy, m.p, n);
        if (mlci_gguf_parse(&g, ctx, copy, n, n, &err) == MLC_OK) {
            T_CHECK(m.n - n < 32, "%zu of %zu bytes were enough", n, m.n);
            mlci_directory_close(&g);
        } else {
            T_CHECK(err.status == MLC_EFORMAT && err.text[0] != 0, "%zu bytes: %s", n,
                    err.text);
        }
        free(copy);
    }
    free(m.p);
}

/* Each case writes one thing wrong. */
typedef struct bad { const char *name; mlc_status status; const char *text; } bad;
static const bad bads[] = {
    { "magic", MLC_EFORMAT, "not a GGUF file" },
    { "version 1", MLC_EUNSUPPORTED, "version 1" },
    { "big-endian", MLC_EUNSUPPORTED, "big-endian" },
    { "2^60 keys", MLC_EFORMAT, "1152921504606846976 keys" },
    { "2^60 tensors", MLC_EFORMAT, "1152921504606846976 tensors" },
    { "key name of 2^40 bytes", MLC_EFORMAT, "length of 1099511627776" },
    { "key type 13", MLC_EFORMAT, "key k: unknown type" },
    { "array of arrays", MLC_EFORMAT, "key k: array of arrays" },
    { "array type 99", MLC_EFORMAT, "key k: array of an unknown type" },
    { "array of 2^61 numbers", MLC_EFORMAT, "ends inside an array" },
    { "array of 2^62 texts", MLC_EFORMAT, "ends inside an array of texts" },
    { "text longer than the file", MLC_EFORMAT, "ends inside a key's text" },
    { "the same key twice", MLC_EFORMAT, "key k occurs twice" },
    { "alignment 0", MLC_EFORMAT, "general.alignment" },
    { "rank 0", MLC_EFORMAT, "tensor t: rank" },
    { "rank 5", MLC_EFORMAT, "tensor t: rank" },
    { "type 16", MLC_EUNSUPPORTED, "tensor t: block format IQ2_XXS" },
    { "type 99", MLC_EUNSUPPORTED, "tensor t: block format of a later version (type 99)" },
    { "row of 33 in blocks of 32", MLC_EFORMAT, "tensor t: row length" },
    { "2^63 * 2^63 elements", MLC_EFORMAT, "tensor t: too many" },
    { "no elements", MLC_EFORMAT, "tensor t: no or too many" },
    { "offset not aligned", MLC_EFORMAT, "tensor t: offset is not aligned" },
    { "offset beyond the file", MLC_EFORMAT, "tensor t: lies outside the file" },
    { "data beyond the file", MLC_EFORMAT, "tensor t: lies outside the file" },
    { "offset + size overflows", MLC_EFORMAT, "tensor t: lies outside the file" },
    { "the same tensor twice", MLC_EFORMAT, "tensor t occurs twice" },
};

static void bad_tensor(gguf_make *g, uint32_t rank, uint64_t d0, uint64_t d1, uint32_t type,
                       uint64_t offset)
{
    uint64_t dims[5] = { d0, d1, 1, 1, 1 };

    g->data_bytes = offset;
    gm_tensor(g, "t", rank, dims, type, 0);
    g->data_bytes = 64;
}

static void make_bad(gguf_make *g, int which)
{
    gm_begin(g, which == 1 ? 1 : which == 2 ? 0x03000000 : 3);
    switch (which) {
    case 5:  gm_le(g, (uint64_t)1 << 40, 8); gm_le(g, 0, 8); gm_le(g, 0, 8); g->n_keys = 1; break;
    case 6:  gm_key(g, "k", 13); break;
    case 7:  gm_array(g, "k", GM_ARRAY, 1); gm_le(g, 0, 8); break;
    case 8:  gm_array(g, "k", 99, 1); break;
    case 9:  gm_array(g, "k", GM_U64, (uint64_t)1 << 61); break;
    case 10: gm_array(g, "k", GM_TEXT, (uint64_t)1 << 62); break;
    case 11: gm_key(g, "k", GM_TEXT); gm_le(g, 1 << 20, 8); break;
    case 12: gm_u32(g, "k", 1); gm_u32(g, "k", 2); break;
    case 13: gm_u32(g, "general.alignment", 0); break;
    case 14: bad_tensor(g, 0, 1, 1, 0, 0); break;
    case 15: bad_tensor(g, 5, 1, 1, 0, 0); break;
    case 16: bad_tensor(g, 1, 256, 1, 16, 0); break;
    case 17: bad_tensor(g, 1, 1, 1, 99, 0); break;
    case 18: bad_tensor(g, 1, 33, 1, 2, 0); break;
    case 19: bad_tensor(g, 2, (uint64_t)1 << 63, (uint64_t)1 << 63, 0, 0); break;
    case 20: bad_tensor(g, 2, 0, 7, 0, 0); break;
    case 21: bad_tensor(g, 1, 8, 1, 0, 1); break;
    case 22: bad_tensor(g, 1, 8, 1, 0, (uint64_t)1 << 40); break;
    case 23: bad_tensor(g, 1, 1 << 20, 1, 0, 0); break;
    case 24: bad_tensor(g, 1, 8, 1, 0, UINT64_MAX - 31); break;
    case 25: bad_tensor(g, 1, 8, 1, 0, 0); bad_tensor(g, 1, 8, 1, 0, 32); break;
    default: gm_u32(g, "k", 1); break;
    }
    gm_finish(g);
    if (which == 0)
        g->p[0] = 'g';
    if (which == 3)
        memcpy(g->p + 16, "\0\0\0\0\0\0\0\x10", 8);
    if (which == 4)
        memcpy(g->p + 8, "\0\0\0\0\0\0\0\x10", 8);
}

static void test_bad(void)
{
    for (int i = 0; i < (int)(sizeof bads / sizeof *bads); i++) {
        gguf_make m;
        mlci_directory g;
        mlc_error err = { 0 };
        mlc_status st;

        T_CASE("bad: %s", bads[i].name);
        make_bad(&m, i);
        st = mlci_gguf_parse(&g, ctx, m.p, m.n, m.n, &err);
        T_CHECK(st == bads[i].status && strstr(err.text, bads[i].text) != NULL,
                "%s: %s", mlc_status_name(st), err.text);
        if (st == MLC_OK)
            mlci_directory_close(&g);
        free(m.p);
    }
}

/* Through read-at callbacks the same comes out as through a mapping. */
typedef struct bytes { const unsigned char *p; size_t n; int reads, released; } bytes;

static mlc_status bytes_read(void *user, uint64_t offset, void *buf, size_t n)
{
    bytes *b = user;

    b->reads++;
    if (offset > b->n || n > b->n - offset)
        return MLC_EIO;
    memcpy(buf, b->p + offset, n);
    return MLC_OK;
}

static void bytes_release(void *user) { ((bytes *)user)->released++; }

static void test_source(void)
{
    gguf_make m;
    bytes b = { 0 };
    mlc_source user;
    mlci_source s;
    mlci_directory g;
    mlci_config c;
    mlci_value v;
    mlc_error err = { 0 };

    T_CASE("read-at source");
    gm_begin(&m, 3);                      /* a head that needs several pieces   */
    gm_array(&m, "big", GM_U8, 3 << 20);
    gm_bytes(&m, NULL, 3 << 20);
    gm_str(&m, "last", "here");
    gm_finish(&m);
    b.p = m.p, b.n = m.n;
    mlc_source_init(&user);
    user.size_bytes = m.n, user.read_at = bytes_read, user.release = bytes_release;
    user.user = &b, user.name = "memory";
    T_CHECK(mlci_source_user(&s, ctx, &user, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlci_gguf_open(&g, &s, &err) == MLC_OK, "%s", err.text);
    mlci_directory_config(&g, &c);
    T_CHECK(mlci_config_find(&c, "last", &v) && mlci_text_is(v.text, "here"), "last key");
    T_CHECK(b.reads > 1, "%d reads", b.reads);
    mlci_directory_close(&g);
    mlci_source_close(&s);
    T_CHECK(b.released == 1, "released %d times", b.released);
    free(m.p);
}

/* ---- tensors that are made of what a file has ------------------------------------------- */

/* Opens what g has; the caller closes f. */
static mlc_status open_made(gguf_make *g, bytes *b, mlci_files *f, mlc_error *err)
{
    mlc_source source;

    *b = (bytes){ g->p, g->n, 0, 0 };
    mlc_source_init(&source);
    source.size_bytes = g->n, source.read_at = bytes_read, source.user = b;
    source.name = "memory";
    return mlci_files_open_user(f, ctx, &source, err);
}

/* Row `row` of a tensor of float32. */
static const float *row_of(const mlci_files *f, const char *name, uint64_t row, float *room)
{
    const mlci_tensor *t;
    const uint8_t *rows = NULL;
    mlc_error err;
    mlci_config c;

    mlci_files_config(f, &c);
    t = mlci_config_tensor(&c, name);
    T_CHECK(t != NULL && (t->rank == 1 || row < t->dims[0]), "no %s", name);
    if (t == NULL || mlci_tensor_rows(f->items, t, row, t->rank == 1 ? (size_t)t->dims[0] : 1,
                                      (uint8_t *)room, &rows, &err) != MLC_OK)
        return NULL;
    if (rows != (uint8_t *)room)
        memcpy(room, rows, (size_t)t->dims[t->rank == 1 ? 0 : 1] * 4);
    return room;
}

/* YaRN by a file's keys: what turns often stays, what hardly turns is stretched. */
static void test_yarn(void)
{
    mlci_files f;
    mlci_config c;
    mlc_error err = { 0 };
    gguf_make g;
    bytes b;
    float x[64], attention = 0;

    T_CASE("yarn");
    gm_begin(&g, 3);
    gm_str(&g, "general.architecture", "llama");
    gm_u32(&g, "llama.embedding_length", 256);
    gm_u32(&g, "llama.attention.head_count", 4);
    gm_str(&g, "llama.rope.scaling.type", "yarn");
    gm_f32(&g, "llama.rope.scaling.factor", 8);
    gm_u32(&g, "llama.rope.scaling.original_context_length", 4096);
    for (int i = 0; i < 200; i++) {   /* arrays that were made for this many */
        char name[32];

        snprintf(name, sizeof name, "key.%d", i % 100);
        if (i < 100)
            gm_u32(&g, name, (uint32_t)i);
        else
            gm_tensor(&g, name, 1, (uint64_t[]){ 1 }, 0, 4);
    }
    gm_finish(&g);
    T_CHECK(open_made(&g, &b, &f, &err) == MLC_OK && row_of(&f, "rope_freqs.weight", 0, x) != NULL,
            "%s", err.text);
    mlci_files_config(&f, &c);
    T_CHECK(mlci_config_float_or(&c, ".rope.scaling.attn_factor", 0, &attention, &err) == MLC_OK
            && fabs((double)attention - (1 + 0.1 * log(8))) < 1e-6, "%g", (double)attention);
    T_CHECK(f.directory.n_tensors == 101 && mlci_config_tensor(&c, "key.99") != NULL, "tensors");
    /* Of 32 frequencies the 10th turns 32 times (2.6), the 23rd once (-0.8): the ramp goes
     * from 10 to 23. */
    T_CHECK(x[0] == 1 && x[10] == 1 && x[23] == 8 && x[31] == 8, "%g %g %g %g", (double)x[0],
            (double)x[10], (double)x[23], (double)x[31]);
    T_CHECK(fabs((double)x[16] - 1 / (7.0 / 13 + 6.0 / 13 / 8)) < 1e-6, "%g", (double)x[16]);
    mlci_files_close(&f);
    free(g.p);
}

/* Rows of floats that count: row r of n columns begins with r n. */
static void put_counted(gguf_make *g, uint64_t offset, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        memcpy(g->p + offset + 4 * i, &(float){ (float)i }, 4);
}

/* DeepSeek's: 2 heads of 4 + 2 rows of q, a latent of 3 and 2, 2 heads of 4 + 5 rows. */
static void test_latent(void)
{
    mlci_files f;
    mlc_error err = { 0 };
    gguf_make g;
    bytes b;
    float x[64];
    size_t data;

    T_CASE("rows of heads");
    gm_begin(&g, 3);
    gm_str(&g, "general.architecture", "deepseek2");
    gm_u32(&g, "deepseek2.block_count", 1);
    gm_u32(&g, "deepseek2.attention.head_count", 2);
    gm_u32(&g, "deepseek2.attention.kv_lora_rank", 3);
    gm_u32(&g, "deepseek2.rope.dimension_count", 2);
    gm_u32(&g, "deepseek2.attention.key_length_mla", 6);
    gm_u32(&g, "deepseek2.attention.value_length_mla", 5);
    gm_tensor(&g, "blk.0.attn_q.weight", 2, (uint64_t[]){ 8, 12 }, 0, 384);
    gm_tensor(&g, "blk.0.attn_kv_a_mqa.weight", 2, (uint64_t[]){ 8, 5 }, 0, 160);
    gm_tensor(&g, "blk.0.attn_kv_b.weight", 2, (uint64_t[]){ 3, 18 }, 0, 216);
    data = gm_finish(&g);
    put_counted(&g, data, 96);
    put_counted(&g, data + 384, 40);
    put_counted(&g, data + 384 + 160, 54);
    T_CHECK(open_made(&g, &b, &f, &err) == MLC_OK, "%s", err.text);
    /* nope row 5 is the second head's second, row 6 + 1; rope row 2 the second's first */
    T_CHECK(row_of(&f, "blk.0.attn_q_nope.weight", 5, x) != NULL && x[0] == 7 * 8, "%g",
            (double)x[0]);
    T_CHECK(row_of(&f, "blk.0.attn_q_rope.weight", 2, x) != NULL && x[0] == 10 * 8, "%g",
            (double)x[0]);
    T_CHECK(row_of(&f, "blk.0.attn_kv_a_rope.weight", 1, x) != NULL && x[0] == 4 * 8, "%g",
            (double)x[0]);
    /* The second head's column 1 of rows 9 to 12, and its third row of values. */
    T_CHECK(row_of(&f, "blk.0.attn_k_b.weight", 4, x) != NULL && x[0] == 9 * 3 + 1
            && x[3] == 12 * 3 + 1, "%g %g", (double)x[0], (double)x[3]);
    T_CHECK(row_of(&f, "blk.0.attn_v_b.weight", 7, x) != NULL && x[0] == (9 + 4 + 2) * 3, "%g",
            (double)x[0]);
    mlci_files_close(&f);
    free(g.p);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_good(2);
    test_good(3);
    test_cut();
    test_bad();
    test_source();
    test_yarn();
    test_latent();
    mlc_context_close(ctx);
    return t_done();
}
