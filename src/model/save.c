/* SPDX-License-Identifier: Apache-2.0
 *
 * save.c - sequences as bytes.
 *
 *   "MLCS", u32 version 1, u64 hash of the model, u32 float32 keys and values,
 *   u32 pools, u64 tokens n, i32 tokens[n]
 *   for each pool: u64 first kept position f, then for f .. n-1 the position's
 *   keys and values [layer][key, value][head][dim]
 *   u64 checksum of all that
 *
 * Little-endian, the same for every device.
 */
#include "model.h"

#include <string.h>

enum { SV_VERSION = 1 };

typedef struct sv_stream {
    mlc_write_fn write;
    mlc_read_fn  read;
    void        *user;
    uint64_t     sum;
    mlc_status   status;
    mlc_error   *err;
} sv_stream;

/* Pass n bytes through, in whichever direction the stream goes. */
static void sv_bytes(sv_stream *v, void *bytes, size_t n)
{
    if (v->status != MLC_OK || n == 0)
        return;
    v->status = v->write != NULL ? v->write(v->user, bytes, n)
                                 : v->read(v->user, bytes, n);
    if (v->status != MLC_OK)
        mlci_fail(v->err, v->status, 0, "saved session: %s failed",
                  v->write != NULL ? "writing" : "reading");
    else
        v->sum = mlci_hash(bytes, n, v->sum);
}

static uint64_t sv_number(sv_stream *v, uint64_t x, int n)
{
    unsigned char b[8];

    for (int i = 0; i < n; i++)
        b[i] = (unsigned char)(x >> (8 * i));
    sv_bytes(v, b, (size_t)n);
    return v->status == MLC_OK ? mlci_le(b, n) : 0;
}

static mlc_status sv_expect(sv_stream *v, uint64_t want, int n, const char *what)
{
    uint64_t got = sv_number(v, want, n);

    if (v->status == MLC_OK && got != want)
        v->status = mlci_fail(v->err, MLC_EFORMAT, 0, "saved session: %s", what);
    return v->status;
}

/* Positions [from, n) of a pool, one after another through a buffer. */
static void sv_pool(sv_stream *v, mlc_session *s, uint32_t pool, uint32_t seq,
                    uint64_t from, uint64_t n, uint8_t *buf, size_t size)
{
    const mlci_backend *b = s->model->backend;
    uint8_t **table = mlci_kv_table(&s->kv, pool, seq);

    for (uint64_t i = from; i < n && v->status == MLC_OK; i++) {
        uint8_t *page = table[i / MLCI_KV_PAGE];
        uint32_t slot = (uint32_t)(i % MLCI_KV_PAGE);

        if (v->write != NULL)
            b->page_read(&s->model->module, pool, s->kv.f32, page, slot, buf);
        sv_bytes(v, buf, size);
        if (v->read != NULL && v->status == MLC_OK)
            b->page_write(&s->model->module, pool, s->kv.f32, page, slot, buf);
    }
}

static mlc_status sv_header(sv_stream *v, const mlc_session *s, uint64_t *n)
{
    sv_expect(v, 0x53434c4d, 4, "not one");
    sv_expect(v, SV_VERSION, 4, "made by another version");
    sv_expect(v, s->model->hash, 8, "made with another model");
    sv_expect(v, s->kv.f32, 4, "keys and values are of another type");
    sv_expect(v, s->kv.n_pools, 4, "made with another model");
    *n = sv_number(v, *n, 8);
    return v->status;
}

static mlc_status sv_body(sv_stream *v, mlc_session *s, uint32_t q, uint64_t n)
{
    sv_bytes(v, mlci_kv_tokens(&s->kv, q), (size_t)n * sizeof(int32_t));
    for (uint32_t p = 0; p < s->kv.n_pools && v->status == MLC_OK; p++) {
        size_t size = s->kv.pools[p].page_bytes / MLCI_KV_PAGE;
        uint8_t *buf = mlci_new(s->model->ctx, size, 1);
        uint64_t first = (uint64_t)s->kv.pools[p].first[q] * MLCI_KV_PAGE;

        if (buf == NULL) {
            v->status = mlci_nomem(v->err, "saved session");
            break;
        }
        first = sv_number(v, first, 8);
        if (v->read != NULL && v->status == MLC_OK) {
            bool ok = first % MLCI_KV_PAGE == 0 && first <= n
                   && (s->kv.pools[p].window == 0 ? first == 0
                       : first + s->kv.pools[p].window <= n + 1 || first == 0);

            v->status = !ok ? mlci_fail(v->err, MLC_EFORMAT, 0, "saved session: damaged")
                      : mlci_kv_fill(&s->kv, q, p, first, n);
            if (v->status == MLC_EKVFULL)
                mlci_fail(v->err, MLC_EKVFULL, 0, "saved session: the KV cache is full");
        }
        sv_pool(v, s, p, q, first, n, buf, size);
        mlci_delete(s->model->ctx, buf, size, 1);
    }
    if (v->status == MLC_OK) {
        uint64_t sum = v->sum;

        sv_expect(v, sum, 8, "damaged: the checksum differs");
    }
    return v->status;
}

mlc_status mlc_session_save(mlc_session *s, int32_t sequence, mlc_write_fn write,
                            void *user, mlc_error *err)
{
    sv_stream v = { .write = write, .user = user, .err = err };
    uint64_t n;

    if (!mlci_session_has(s, sequence) || write == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "no such sequence, or write is NULL");
    n = s->kv.lengths[sequence];
    if (sv_header(&v, s, &n) == MLC_OK)
        sv_body(&v, s, (uint32_t)sequence, n);
    return v.status;
}

mlc_status mlc_session_load(mlc_session *s, int32_t sequence, mlc_read_fn read, void *user,
                            mlc_error *err)
{
    sv_stream v = { .read = read, .user = user, .err = err };
    uint32_t q = (uint32_t)sequence;
    uint64_t n = 0;

    if (!mlci_session_has(s, sequence) || read == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "no such sequence, or read is NULL");
    (void)mlci_kv_rewind(&s->kv, q, 0);
    if (sv_header(&v, s, &n) != MLC_OK)
        return v.status;
    if (n > s->kv.max_tokens || mlci_kv_need(&s->kv, q, n) > mlci_kv_free_pages(&s->kv))
        return mlci_fail(err, MLC_EKVFULL, 0, "saved session: %llu tokens do not fit",
                         (unsigned long long)n);
    s->kv.lengths[q] = n;
    sv_body(&v, s, q, n);
    for (uint64_t i = 0; i < n && v.status == MLC_OK; i++)
        if (mlci_kv_tokens(&s->kv, q)[i] < -1
            || mlci_kv_tokens(&s->kv, q)[i] >= (int32_t)s->model->decoder.vocab)
            v.status = mlci_fail(err, MLC_EFORMAT, 0, "saved session: damaged tokens");
    if (v.status != MLC_OK) {
        (void)mlci_kv_rewind(&s->kv, q, 0);
        return v.status;
    }
    mlci_kv_advance(&s->kv, q, n, n);
    return MLC_OK;
}
