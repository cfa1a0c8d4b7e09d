/* SPDX-License-Identifier: Apache-2.0
 *
 * test_base.c - text, numbers, JSON, 16-bit floats, memory with limits, options
 * across ABI levels.
 */
#include "golden.h"
#include "../src/base/half.h"
#include "../src/base/number.h"
#include "../src/base/utf8.h"

#include <math.h>

/* ---- UTF-8: Unicode 15, table 3-7 and the examples of section 3.9 ------------ */

static const struct { const char *bytes; int n, used; int32_t cp; } utf8_reads[] = {
    { "A", 1, 1, 'A' },
    { "\0", 1, 1, 0 },
    { "\xc3\xa9", 2, 2, 0xe9 },
    { "\xe2\x82\xac", 3, 3, 0x20ac },
    { "\xf0\x9f\x99\x82", 4, 4, 0x1f642 },
    { "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
    { "\xc3", 1, 1, -2 },                       /* could go on                  */
    { "\xf0\x9f\x99", 3, 3, -2 },
    { "\x80", 1, 1, -1 },                       /* a continuation alone         */
    { "\xc0\xaf", 2, 1, -1 },                   /* overlong: C0 never begins    */
    { "\xc1\xbf", 2, 1, -1 },                   /* C1 neither                   */
    { "\xe0\x9f\xbf", 3, 1, -1 },               /* overlong                     */
    { "\xed\xa0\x80", 3, 1, -1 },               /* surrogate                    */
    { "\xf4\x90\x80\x80", 4, 1, -1 },           /* above U+10FFFF               */
    { "\xf5\x80\x80\x80", 4, 1, -1 },
    { "\xe2\x82" "A", 3, 2, -1 },               /* a maximal part is one        */
    { "\xf0\x9f" "A", 3, 2, -1 },
};

static void test_utf8(void)
{
    char out[4];

    T_CASE("utf8 reads");
    for (size_t i = 0; i < sizeof utf8_reads / sizeof *utf8_reads; i++) {
        int32_t cp;
        size_t used = mlci_utf8_read(utf8_reads[i].bytes, (size_t)utf8_reads[i].n, &cp);

        T_CHECK(cp == utf8_reads[i].cp && used == (size_t)utf8_reads[i].used,
                "case %zu: %d in %zu bytes", i, cp, used);
    }
    T_CASE("utf8: every character comes back");
    for (int32_t c = 0; c <= 0x10ffff; c++) {
        int32_t back;
        size_t n = mlci_utf8_write(c, out);
        bool surrogate = c >= 0xd800 && c < 0xe000;

        T_CHECK(mlci_utf8_read(out, n, &back) == n
                && back == (surrogate ? MLCI_REPLACEMENT : c), "U+%04X", c);
        T_CHECK(mlci_utf8_valid(out, n) && mlci_utf8_length(out, n) == 1, "U+%04X", c);
    }
    T_CHECK(mlci_utf8_write(0x110000, out) == 3 && memcmp(out, "\xef\xbf\xbd", 3) == 0,
            "too large");
}

/* ---- numbers ------------------------------------------------------------------- */

static const struct { double v; const char *text; } doubles[] = {
    { 0.0, "0.0" }, { -0.0, "-0.0" }, { 1.0, "1.0" }, { 0.1, "0.1" }, { 100.0, "100.0" },
    { 1e16, "1e+16" }, { 123456789012345680.0, "1.2345678901234568e+17" },
    { 1e-5, "1e-05" }, { 0.0001, "0.0001" }, { 5e-324, "5e-324" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" }, { 2.5e-8, "2.5e-08" },
    { 1.0 / 3, "0.3333333333333333" }, { -123.456, "-123.456" },
};
static const char *const not_numbers[] = { "", "-", "+", ".", "e5", "1e", "1e+", "0x10", "1 ",
                                           " 1", "1.2.3", "nan", "inf", "1_0" };

static void test_numbers(void)
{
    char text[MLCI_DOUBLE_CHARS];
    uint64_t s = t_seed;
    double v;
    int64_t i;

    T_CASE("numbers as text");
    for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) {
        mlci_double_text(doubles[k].v, text);
        T_CHECK(strcmp(text, doubles[k].text) == 0, "%s, want %s", text, doubles[k].text);
    }
    T_CASE("numbers come back");
    for (int k = 0; k < 20000; k++) {
        uint64_t bits = t_rand(&s);
        double d;

        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        T_CHECK(mlci_read_double(text, mlci_double_text(d, text), &v) && v == d, "%s", text);
    }
    T_CASE("what is no number");
    for (size_t k = 0; k < sizeof not_numbers / sizeof *not_numbers; k++)
        T_CHECK(!mlci_read_double(not_numbers[k], strlen(not_numbers[k]), &v), "'%s'",
                not_numbers[k]);
    T_CHECK(mlci_read_int("9223372036854775807", 19, &i) && i == INT64_MAX, "largest");
    T_CHECK(mlci_read_int("-9223372036854775808", 20, &i) && i == INT64_MIN, "smallest");
    T_CHECK(!mlci_read_int("9223372036854775808", 19, &i), "too large");
    T_CHECK(!mlci_read_int("1.5", 3, &i), "a fraction");
}

/* ---- JSON ------------------------------------------------------------------------ */

static const struct { const char *text, *out, *error; } jsons[] = {
    { "null", "null", NULL }, { " [ 1 , 2.50,-0e+1 ] ", "[1,2.50,-0e+1]", NULL },
    { "{\"a\":{\"b\":[true,false]},\"a\":1}", "{\"a\":{\"b\":[true,false]},\"a\":1}", NULL },
    { "\"\\u00e9\\ud83d\\ude42\\n\\/\"", "\"\xc3\xa9\xf0\x9f\x99\x82\\n/\"", NULL },
    { "\"\\ud800x\"", "\"\xef\xbf\xbdx\"", NULL },       /* half a pair            */
    { "12345678901234567890123", "12345678901234567890123", NULL },
    { "", NULL, "line 1, column 1" }, { "[1,]", NULL, "column 4" },
    { "{\"a\":1,}", NULL, "column 8" }, { "{a:1}", NULL, "column 2" },
    { "[1 2]", NULL, "column 4" }, { "01", NULL, "column" }, { "1.", NULL, "column" },
    { "+1", NULL, "column" }, { ".5", NULL, "column" }, { "tru", NULL, "column" },
    { "\"\\x\"", NULL, "column" }, { "\"a\nb\"", NULL, "column" }, { "\"abc", NULL, "column" },
    { "\"\xff\"", NULL, "column" }, { "[\n\n  }", NULL, "line 3, column 3" },
    { "1 1", NULL, "column 3" }, { "'a'", NULL, "column 1" }, { "NaN", NULL, "column 1" },
    { "\xef\xbb\xbf{}", NULL, "column 1" },
};

static void test_json(mlc_context *ctx)
{
    const char *object = "{\"x\":[{\"y\":3.0},{\"y\":1e2}],\"x2\":1.5,\"s\":\"t\",\"s\":\"u\"}";
    mlci_arena a;
    mlci_buf out;
    char deep[2 * MLCI_JSON_DEPTH + 10], path[64];
    const mlci_json *v;
    mlc_error err;
    int64_t i;

    mlci_arena_init(&a, ctx, 1 << 20);
    mlci_buf_init(&out, ctx, 1 << 16);
    for (size_t k = 0; k < sizeof jsons / sizeof *jsons; k++) {
        T_CASE("json %s", jsons[k].text);
        memset(&err, 0, sizeof err);
        if (mlci_json_parse(&a, jsons[k].text, strlen(jsons[k].text), &v, &err) == MLC_OK) {
            mlci_buf_clear(&out);
            mlci_json_write(v, &out);
            T_CHECK(jsons[k].out != NULL && strcmp(out.data, jsons[k].out) == 0, "%s",
                    out.data);
        } else {
            T_CHECK(jsons[k].error != NULL && strstr(err.text, jsons[k].error) != NULL, "%s",
                    err.text);
        }
    }

    T_CASE("json depth");
    for (int depth = MLCI_JSON_DEPTH - 1; depth <= MLCI_JSON_DEPTH + 1; depth++) {
        memset(deep, '[', (size_t)depth);
        deep[depth] = '1';
        memset(deep + depth + 1, ']', (size_t)depth);
        T_CHECK((mlci_json_parse(&a, deep, 2 * (size_t)depth + 1, &v, &err) == MLC_OK)
                == (depth <= MLCI_JSON_DEPTH), "%d", depth);
    }
    T_CASE("json limit");
    memset(deep, '1', sizeof deep);
    mlci_arena_reset(&a);
    mlci_arena_init(&a, ctx, 512);
    T_CHECK(mlci_json_parse(&a, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", 40, &v, &err)
            == MLC_ENOMEM, "more nodes than the arena's limit");
    mlci_arena_reset(&a);

    T_CASE("json look-ups");
    mlci_arena_init(&a, ctx, 1 << 20);
    T_CHECK(mlci_json_parse(&a, object, strlen(object), &v, &err) == MLC_OK, "%s", err.text);
    T_CHECK(mlci_json_integer(mlci_json_get(mlci_json_get(v, "x")->items, "y"), &i) && i == 3,
            "3.0 is an integer");
    T_CHECK(mlci_json_integer(mlci_json_get(mlci_json_get(v, "x")->items->next, "y"), &i)
            && i == 100, "1e2 is an integer");
    T_CHECK(!mlci_json_integer(mlci_json_get(v, "x2"), &i), "1.5 is none");
    T_CHECK(mlci_json_is(mlci_json_get(v, "s"), "u"), "the last of equal keys");
    T_CHECK(mlci_json_get(mlci_json_get(v, "s"), "x") == NULL, "a member of no object");
    mlci_json_path(mlci_json_get(mlci_json_get(v, "x")->items->next, "y"), path, sizeof path);
    T_CHECK(strcmp(path, "x[1].y") == 0, "%s", path);
    mlci_json_path(mlci_json_get(mlci_json_get(v, "x")->items->next, "y"), path, 4);
    T_CHECK(strlen(path) < 4, "a path is cut to fit: %s", path);
    mlci_arena_reset(&a);
    mlci_buf_reset(&out);
}

/* ---- memory with limits ------------------------------------------------------------ */

static void test_memory(mlc_context *ctx)
{
    mlci_arena a;
    mlci_buf b;
    char *p;

    T_CASE("arena");
    mlci_arena_init(&a, ctx, 1000);
    p = mlci_arena_new(&a, 10, 10);
    T_CHECK(p != NULL && p[0] == 0 && p[99] == 0 && (uintptr_t)p % 16 == 0, "zeroed, aligned");
    T_CHECK(mlci_arena_new(&a, SIZE_MAX, 2) == NULL, "a product that overflows");
    T_CHECK(mlci_arena_new(&a, 1, 2000) == NULL, "over the limit");
    T_CHECK(strcmp(mlci_arena_copy(&a, "abc", 2), "ab") == 0, "copy");
    mlci_arena_reset(&a);

    T_CASE("buffer");
    mlci_buf_init(&b, ctx, 20);
    mlci_buf_format(&b, "%s-%d", "x", 5);
    mlci_buf_json_string(&b, "\"\\\n\x01", 4);
    T_CHECK(!b.failed && strcmp(b.data, "x-5\"\\\"\\\\\\n\\u0001\"") == 0, "%s", b.data);
    mlci_buf_text(&b, "0123456789");
    T_CHECK(b.failed, "over the limit");
    mlci_buf_reset(&b);
    mlci_buf_json_double(&b, (double)NAN);
    T_CHECK(strcmp(b.data, "null") == 0, "%s", b.data);
    mlci_buf_reset(&b);
}

/* ---- 16-bit floats ------------------------------------------------------------------ */

static void test_half(void)
{
    T_CASE("float16: each comes back, and halfway goes to even");
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = mlci_f16_to_f32((uint16_t)h);

        if (isnan(f)) {
            T_CHECK((h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0, "%04x", h);
            continue;
        }
        T_CHECK(mlci_f32_to_f16(f) == h, "%04x: %04x", h, mlci_f32_to_f16(f));
        if ((h & 0x7fff) < 0x7bff) {             /* and the next is finite */
            float next = mlci_f16_to_f32((uint16_t)(h + 1)), half = f + (next - f) / 2;
            uint16_t even = (uint16_t)(h % 2 == 0 ? h : h + 1);

            T_CHECK(mlci_f32_to_f16(half) == even, "%04x + half", h);
            T_CHECK(mlci_f32_to_f16(nextafterf(half, next)) == (uint16_t)(h + 1), "%04x", h);
            T_CHECK(mlci_f32_to_f16(nextafterf(half, f)) == h, "%04x", h);
        }
    }
    T_CHECK(mlci_f16_to_f32(0x3555) == 0.333251953125f, "a third");
    T_CHECK(mlci_f32_to_f16(65520.0f) == 0x7c00 && mlci_f32_to_f16(65519.0f) == 0x7bff,
            "the border of infinity");
    T_CHECK(mlci_bf16_to_f32(0x3fc0) == 1.5f, "bfloat16");
}

/* ---- options and errors across ABI levels --------------------------------------------- */

typedef struct options_1 { uint32_t struct_size, a; } options_1;
typedef struct options_2 { uint32_t struct_size, a, b, c; } options_2;

static void test_abi(void)
{
    options_1 old = { sizeof old, 7 }, got1;
    options_2 new = { sizeof new, 7, 0, 0 }, got2;
    mlc_error err = { 0 };
    mlc_device device = { 0 };
    char json[2048];
    size_t n;

    T_CASE("options");
    T_CHECK(mlci_options_read(&got2, sizeof got2, sizeof old, &old, &err) == MLC_OK
            && got2.a == 7 && got2.b == 0 && got2.c == 0, "older caller");
    T_CHECK(mlci_options_read(&got1, sizeof got1, sizeof old, &new, &err) == MLC_OK
            && got1.a == 7, "newer caller, nothing new wanted");
    new.c = 1;
    T_CHECK(mlci_options_read(&got1, sizeof got1, sizeof old, &new, &err) == MLC_EUNSUPPORTED
            && strstr(err.text, "byte 12") != NULL, "newer caller wants more: %s", err.text);
    old.struct_size = 4;
    T_CHECK(mlci_options_read(&got1, sizeof got1, sizeof old, &old, &err) == MLC_EINVAL,
            "shorter than ever");
    old.struct_size = 0xffffffff;
    T_CHECK(mlci_options_read(&got1, sizeof got1, sizeof old, &old, &err) == MLC_EINVAL,
            "not initialised");

    T_CASE("results are written up to the caller's size");
    {
        options_2 full = { sizeof full, 1, 2, 3 };
        unsigned char room[12];
        uint32_t size = 8;

        memset(room, 0xaa, sizeof room);
        memcpy(room, &size, 4);
        T_CHECK(mlci_result_write(room, &full, sizeof full) == MLC_OK && room[4] == 1
                && room[8] == 0xaa, "wrote beyond");
        size = 12;
        memcpy(room, &size, 4);
        mlci_result_write(room, &full, 8);
        T_CHECK(room[4] == 1 && room[8] == 0, "fields that we do not know are zero");
    }

    T_CASE("errors");
    T_CHECK(sizeof(mlc_error) == 256, "%zu", sizeof(mlc_error));
    T_CHECK(mlc_context_device(NULL, 0, &device) == MLC_EINVAL, "NULL context");
    memset(&err, 0, sizeof err);
    err.status = MLC_EINVAL;
    snprintf(err.text, sizeof err.text, "messages[0].role: \"x\" is no role");
    T_CHECK(mlc_error_json(&err, NULL, 0, &n) == MLC_ETOOSMALL && n > 20, "size");
    T_CHECK(mlc_error_json(&err, json, n + 1, &n) == MLC_OK && strlen(json) == n
            && strstr(json, "\"param\":\"messages[0].role\"") != NULL
            && strstr(json, "\"type\":\"invalid_request_error\"") != NULL
            && strstr(json, "\\\"x\\\" is no role") != NULL, "%s", json);
    T_CHECK(strcmp(mlc_status_name(MLC_EFORMAT), "MLC_EFORMAT") == 0
            && strcmp(mlc_status_name(-999), "unknown") == 0, "names");
    T_CHECK(mlci_fail(&err, MLC_EIO, 2, "%0400d", 1) == MLC_EIO && strlen(err.text) == 247,
            "a long sentence is cut");
}

int main(void)
{
    mlc_context *ctx = test_context(NULL);

    t_begin();
    test_utf8();
    test_numbers();
    test_json(ctx);
    test_memory(ctx);
    test_half();
    test_abi();
    mlc_context_close(ctx);
    return t_done();
}
