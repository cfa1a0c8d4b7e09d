/* SPDX-License-Identifier: Apache-2.0
 *
 * attention_simd.h - attention.h over v16; included by attention_<tier>.c.
 *
 * Scores and values are the same product: out[q][lane] += sum_k c[q][k] m[k][lane]
 * with keys (k a dimension, lanes positions) and then values (k a position, lanes
 * dimensions).  at_tile does it for up to 6 queries and AT_LANES x 16 lanes with
 * all sums in registers.  With many queries a block is turned into float32 once;
 * with few it is converted while it is read.
 *
 * Limits: prefill, multiply-adds; decode, reading pages (2 bytes x 2 x head_dim
 * for each position and key head).
 */
#include "../simd.h"
#include "attention.h"

enum {
#ifdef MLCI_SIMD_ARRAY
    AT_TILE = 2,                        /* no registers to fill: keep code small */
#else
    AT_TILE = 6,
#endif
    AT_REST = AT_TILE / 2,
    AT_LANES = V_PER_V16 == 1 ? 4 : 1,  /* v16 a tile: 6 x 4 of 32 registers, or
                                           6 x 2 of 16                          */
    AT_CONVERT = 12                     /* queries from which on blocks are
                                           converted first                      */
};

V_INLINE v16 at_load(const void *m, size_t i, bool half)
{
    return half ? v_load_f16((const uint16_t *)m + i) : v_load((const float *)m + i);
}

/* queries, lanes, half and add are constants. */
V_INLINE void at_tile(const void *m, size_t ldm, size_t n_k, bool half, const float *c,
                      size_t ldc, int queries, int lanes, float *out, size_t ldo, bool add)
{
    v16 s[AT_TILE][AT_LANES];

    MLCI_UNROLL
    for (int q = 0; q < queries; q++)
        MLCI_UNROLL
        for (int i = 0; i < lanes; i++)
            s[q][i] = add ? v_load(out + (size_t)q * ldo + 16 * (size_t)i) : v_zero();
    for (size_t k = 0; k < n_k; k++) {
        v16 v[AT_LANES];

        MLCI_UNROLL
        for (int i = 0; i < lanes; i++)
            v[i] = at_load(m, k * ldm + 16 * (size_t)i, half);
        MLCI_UNROLL
        for (int q = 0; q < queries; q++) {
            v16 x = v_set1(c[(size_t)q * ldc + k]);

            MLCI_UNROLL
            for (int i = 0; i < lanes; i++)
                s[q][i] = v_fma(v[i], x, s[q][i]);
        }
    }
    MLCI_UNROLL
    for (int q = 0; q < queries; q++)
        MLCI_UNROLL
        for (int i = 0; i < lanes; i++)
            v_store(out + (size_t)q * ldo + 16 * (size_t)i, s[q][i]);
}

/* Any number of queries and of lanes (n_lanes / 16, rounded up). */
V_INLINE void at_product(const void *m, size_t ldm, size_t n_k, bool half, const float *c,
                         size_t ldc, uint32_t queries, size_t n_lanes, float *out,
                         size_t ldo, bool add)
{
    size_t size = half ? 2 : 4;

    for (size_t i = 0; i < n_lanes; ) {
        int wide = n_lanes - i >= 16 * AT_LANES;
        const char *mi = (const char *)m + i * size;
        uint32_t q = 0;

        for (; q + AT_TILE <= queries; q += AT_TILE)
            if (wide)
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, AT_TILE, AT_LANES,
                        out + q * ldo + i, ldo, add);
            else
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, AT_TILE, 1,
                        out + q * ldo + i, ldo, add);
        for (; q + AT_REST <= queries; q += AT_REST)
            if (wide)
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, AT_REST, AT_LANES,
                        out + q * ldo + i, ldo, add);
            else
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, AT_REST, 1,
                        out + q * ldo + i, ldo, add);
        for (; q < queries; q++)
            if (wide)
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, 1, AT_LANES,
                        out + q * ldo + i, ldo, add);
            else
                at_tile(mi, ldm, n_k, half, c + q * ldc, ldc, 1, 1, out + q * ldo + i, ldo,
                        add);
        i += wide ? 16 * AT_LANES : 16;
    }
}

static MLCI_NOINLINE void at_product_f32(const void *m, size_t ldm, size_t n_k,
                                         const float *c, size_t ldc, uint32_t queries,
                                         size_t n_lanes, float *out, size_t ldo, bool add)
{
    if (add)
        at_product(m, ldm, n_k, false, c, ldc, queries, n_lanes, out, ldo, true);
    else
        at_product(m, ldm, n_k, false, c, ldc, queries, n_lanes, out, ldo, false);
}

static MLCI_NOINLINE void at_product_f16(const void *m, size_t ldm, size_t n_k,
                                         const float *c, size_t ldc, uint32_t queries,
                                         size_t n_lanes, float *out, size_t ldo, bool add)
{
    if (add)
        at_product(m, ldm, n_k, true, c, ldc, queries, n_lanes, out, ldo, true);
    else
        at_product(m, ldm, n_k, true, c, ldc, queries, n_lanes, out, ldo, false);
}

/* Working memory of one call, cut from scratch. */
typedef struct at_work {
    float *q, *acc, *total;    /* [queries][padded]                            */
    float *scores;             /* [queries][256]                               */
    float *block;              /* 64 x padded                                  */
    mlci_att_part *part, *total_part;
    size_t padded;
} at_work;

static at_work at_cut(void *scratch, size_t head_dim)
{
    at_work w;
    float *p = scratch;

    w.padded = mlci_att_padded(head_dim);
    w.q = p;
    w.acc = w.q + MLCI_ATT_QUERIES * w.padded;
    w.total = w.acc + MLCI_ATT_QUERIES * w.padded;
    w.scores = w.total + MLCI_ATT_QUERIES * w.padded;
    w.block = w.scores + MLCI_ATT_QUERIES * MLCI_ATT_CHUNK;
    w.part = (mlci_att_part *)(void *)(w.block + MLCI_PAGE_TOKENS * w.padded + 64);
    w.total_part = w.part + MLCI_ATT_QUERIES;
    return w;
}

static const float *at_query(const mlci_attention_args *a, uint32_t head, uint32_t i)
{
    size_t row = i / a->group;

    return a->q + (row * a->heads + head * a->group + i % a->group) * a->kv.head_dim;
}

static void at_gather(const mlci_attention_args *a, uint32_t head, uint32_t first,
                      uint32_t n, const at_work *w)
{
    const size_t dim = a->kv.head_dim;

    for (uint32_t i = 0; i < n; i++) {
        const float *q = at_query(a, head, first + i);

        for (size_t d = 0; d < dim; d += 16)
            v_store_n(w->q + i * w->padded + d,
                      v_mul(v_load_n(q + d, dim - d), v_set1(a->scale)), dim - d);
    }
}

/* The first and last position that a row sees. */
static void at_range(const mlci_attention_args *a, uint32_t row, int64_t *from,
                     int64_t *to)
{
    *to = a->positions[row];
    *from = mlci_att_first(a->window, *to);
}

/* A block in float32: itself, or its conversion. */
static const void *at_block(const void *m, size_t n, bool convert, float *out)
{
    const uint16_t *h = m;

    if (!convert)
        return m;
    for (size_t i = 0; i < n; i += 16)
        v_store(out + i, v_load_f16(h + i));
    return out;
}

/* cap tanh(s / cap), where tanh x = 1 - 2 / (e^2x + 1), which is 1 in float32 from 10 on. */
static void at_cap(float *s, size_t n, float cap)
{
    const v16 one = v_set1(1.0f), two = v_set1(2.0f), most = v_set1(12.0f);

    for (size_t i = 0; i < n; i += 16) {
        v16 x = v_div(v_load(s + i), v_set1(cap));

        x = v_max(v_min(x, most), v_sub(v_zero(), most));
        x = v_sub(one, v_div(two, v_add(v_exp(v_mul(x, two)), one)));
        v_store(s + i, v_mul(x, v_set1(cap)));
    }
}

/* Scores of one query to weights, in place; what it does not see becomes 0. */
static mlci_att_part at_softmax(float *s, int64_t base, size_t n, int64_t from, int64_t to)
{
    mlci_att_part p = { -INFINITY, 0.0f };
    v16 max = v_set1(-INFINITY), sum = v_zero();

    for (size_t i = 0; i < n; i++)
        if (base + (int64_t)i < from || base + (int64_t)i > to)
            s[i] = -INFINITY;
    for (size_t i = 0; i < n; i += 16)
        max = v_max(v_load(s + i), max);
    p.max = v_largest(max);
    if (!(p.max > -INFINITY)) {
        memset(s, 0, n * sizeof *s);
        return p;
    }
    for (size_t i = 0; i < n; i += 16) {
        v16 e = v_exp(v_sub(v_load(s + i), v_set1(p.max)));

        v_store(s + i, e);
        sum = v_add(sum, e);
    }
    p.sum = v_sum(sum);
    return p;
}

/* Queries are gathered in w->q. */
static void at_chunk(const mlci_attention_args *a, uint32_t head, uint32_t first,
                     uint32_t n, uint32_t chunk, mlci_att_part *part, float *acc,
                     const at_work *w)
{
    const uint32_t per_chunk = MLCI_ATT_CHUNK / MLCI_PAGE_TOKENS;
    const uint32_t first_row = first / a->group, last_row = (first + n - 1) / a->group;
    const size_t dim = a->kv.head_dim;
    const bool half = !a->kv.f32, convert = half && n >= AT_CONVERT;
    uint8_t *const *pages = a->pages[first_row];
    int64_t base = (int64_t)chunk * MLCI_ATT_CHUNK, low, high, unused;
    uint32_t b0, b1;

    at_range(a, first_row, &low, &unused);
    at_range(a, last_row, &unused, &high);
    b0 = low > base ? (uint32_t)((low - base) / MLCI_PAGE_TOKENS) : 0;
    b1 = high < base + MLCI_ATT_CHUNK
       ? (uint32_t)((high - base) / MLCI_PAGE_TOKENS) + 1 : per_chunk;
    for (uint32_t b = b0; b < b1; b++) {
        const uint8_t *page = pages[chunk * per_chunk + b];
        const void *keys = at_block(page + mlci_kv_keys(&a->kv, head),
                                    dim * MLCI_PAGE_TOKENS, convert, w->block);
        float *s = w->scores + b * MLCI_PAGE_TOKENS;

        if (half && !convert)
            at_product_f16(keys, MLCI_PAGE_TOKENS, dim, w->q, w->padded, n,
                           MLCI_PAGE_TOKENS, s, MLCI_ATT_CHUNK, false);
        else
            at_product_f32(keys, MLCI_PAGE_TOKENS, dim, w->q, w->padded, n,
                           MLCI_PAGE_TOKENS, s, MLCI_ATT_CHUNK, false);
    }
    for (uint32_t i = 0; i < n; i++) {
        int64_t from, to;

        float *s = w->scores + i * MLCI_ATT_CHUNK + b0 * MLCI_PAGE_TOKENS;
        const size_t seen = (size_t)(b1 - b0) * MLCI_PAGE_TOKENS;

        if (a->cap > 0)
            at_cap(s, seen, a->cap);
        at_range(a, (first + i) / a->group, &from, &to);
        part[i] = at_softmax(s, base + b0 * MLCI_PAGE_TOKENS, seen, from, to);
    }
    for (uint32_t b = b0; b < b1; b++) {
        const uint8_t *page = pages[chunk * per_chunk + b];
        const void *values = at_block(page + mlci_kv_values(&a->kv, head),
                                      dim * MLCI_PAGE_TOKENS, convert, w->block);
        const float *s = w->scores + b * MLCI_PAGE_TOKENS;

        if (half && !convert)
            at_product_f16(values, dim, MLCI_PAGE_TOKENS, s, MLCI_ATT_CHUNK, n, dim, acc,
                           w->padded, b > b0);
        else
            at_product_f32(values, dim, MLCI_PAGE_TOKENS, s, MLCI_ATT_CHUNK, n, dim, acc,
                           w->padded, b > b0);
    }
}

static float at_exp1(float x)
{
    float t[16];

    v_store(t, v_exp(v_set1(x)));
    return t[0];
}

/* total += part, where either may have seen nothing. */
static void at_add_part(mlci_att_part *t, float *total, const mlci_att_part *p,
                        const float *acc, size_t padded)
{
    float max = p->max > t->max ? p->max : t->max, old, new_;

    if (!(p->max > -INFINITY))
        return;
    if (!(t->max > -INFINITY)) {
        *t = *p;
        memcpy(total, acc, padded * sizeof *total);
        return;
    }
    old = at_exp1(t->max - max);
    new_ = at_exp1(p->max - max);
    t->sum = t->sum * old + p->sum * new_;
    t->max = max;
    for (size_t d = 0; d < padded; d += 16)
        v_store(total + d, v_add(v_mul(v_load(total + d), v_set1(old)),
                                 v_mul(v_load(acc + d), v_set1(new_))));
}

/* The sink is one more part, without values. */
static void at_write(const mlci_att_part *t, const float *total, size_t dim, float sink,
                     float *out)
{
    float sum = t->sum, old = 1.0f;

    if (sink > -INFINITY) {
        const float max = sink > t->max ? sink : t->max;

        old = at_exp1(t->max - max);
        sum = sum * old + at_exp1(sink - max);
    }
    for (size_t d = 0; d < dim; d += 16)
        v_store_n(out + d, v_div(v_mul(v_load(total + d), v_set1(old)), v_set1(sum)), dim - d);
}

static float at_sink(const mlci_attention_args *a, uint32_t head, uint32_t i)
{
    return a->sinks != NULL ? a->sinks[head * a->group + i % a->group] : -INFINITY;
}

static void at_attend(const mlci_attention_args *a, uint32_t head, uint32_t first,
                      uint32_t n, void *scratch)
{
    at_work w = at_cut(scratch, a->kv.head_dim);
    int64_t low, high, unused;

    at_range(a, first / a->group, &low, &unused);
    at_range(a, (first + n - 1) / a->group, &unused, &high);
    at_gather(a, head, first, n, &w);
    for (uint32_t i = 0; i < n; i++)
        w.total_part[i].max = -INFINITY;
    for (int64_t c = low / MLCI_ATT_CHUNK; c <= high / MLCI_ATT_CHUNK; c++) {
        at_chunk(a, head, first, n, (uint32_t)c, w.part, w.acc, &w);
        for (uint32_t i = 0; i < n; i++)
            at_add_part(&w.total_part[i], w.total + i * w.padded, &w.part[i],
                        w.acc + i * w.padded, w.padded);
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t at = (size_t)(at_query(a, head, first + i) - a->q);

        at_write(&w.total_part[i], w.total + i * w.padded, a->kv.head_dim,
                 at_sink(a, head, first + i), a->out + at);
    }
}

static void at_one_chunk(const mlci_attention_args *a, uint32_t head, uint32_t first,
                         uint32_t n, uint32_t chunk, mlci_att_part *part, float *acc,
                         void *scratch)
{
    at_work w = at_cut(scratch, a->kv.head_dim);

    at_gather(a, head, first, n, &w);
    at_chunk(a, head, first, n, chunk, part, acc, &w);
}

static void at_merge(uint32_t head_dim, uint32_t n_chunks, const mlci_att_part *part,
                     size_t part_stride, const float *acc, size_t acc_stride, float sink,
                     float *out)
{
    float total[1024];
    mlci_att_part t = { -INFINITY, 0.0f };

    for (uint32_t c = 0; c < n_chunks; c++)
        at_add_part(&t, total, part + c * part_stride, acc + c * acc_stride,
                    mlci_att_padded(head_dim));
    at_write(&t, total, head_dim, sink, out);
}

/* ---- storing ---------------------------------------------------------------------- */

/* Beyond float16's range values become its largest: infinities would turn into
 * NaN in scores. */
V_INLINE v16 at_clamp(v16 v)
{
    return v_min(v_max(v, v_set1(-65504.0f)), v_set1(65504.0f));
}

static void at_store_key(const float *k, uint32_t head_dim, uint8_t *block, uint32_t slot,
                         bool f32)
{
    for (uint32_t d = 0; d < head_dim; d += 16) {
        uint32_t n = head_dim - d < 16 ? head_dim - d : 16;
        uint16_t h[16];

        if (f32) {
            for (uint32_t i = 0; i < n; i++)
                memcpy(block + 4 * ((size_t)(d + i) * MLCI_PAGE_TOKENS + slot), k + d + i, 4);
            continue;
        }
        v_store_f16(h, at_clamp(v_load_n(k + d, n)));
        for (uint32_t i = 0; i < n; i++)
            memcpy(block + 2 * ((size_t)(d + i) * MLCI_PAGE_TOKENS + slot), &h[i], 2);
    }
}

static void at_store_value(const float *v, uint32_t head_dim, uint8_t *block,
                           uint32_t slot, bool f32)
{
    uint8_t *to = block + (size_t)slot * head_dim * (f32 ? 4 : 2);

    if (f32) {
        memcpy(to, v, head_dim * sizeof *v);
        return;
    }
    for (uint32_t d = 0; d < head_dim; d += 16) {
        uint32_t n = head_dim - d < 16 ? head_dim - d : 16;
        uint16_t h[16];

        v_store_f16(h, at_clamp(v_load_n(v + d, n)));
        memcpy(to + 2 * (size_t)d, h, n * sizeof *h);
    }
}

#define ATTENTION_TABLE(name)                                                  \
    const mlci_attention_kernels name = {                                      \
        at_attend, at_one_chunk, at_merge, at_store_key, at_store_value,       \
    }
