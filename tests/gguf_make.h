/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_make.h - for tests: writing GGUF files into memory.
 *
 * Keys and tensors are written as they come; gm_finish fills in the counts,
 * pads and appends the data of the tensors.
 */
#ifndef TEST_GGUF_MAKE_H
#define TEST_GGUF_MAKE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GM_U8 = 0, GM_I8, GM_U16, GM_I16, GM_U32, GM_I32, GM_F32, GM_BOOL, GM_TEXT, GM_ARRAY,
       GM_U64, GM_I64, GM_F64 };

typedef struct gguf_make {
    unsigned char *p;
    size_t   n, cap;
    uint64_t n_keys, n_tensors, data_bytes;
} gguf_make;

static inline void gm_bytes(gguf_make *g, const void *bytes, size_t n)
{
    if (g->n + n > g->cap) {
        g->cap = 2 * (g->n + n);
        g->p = realloc(g->p, g->cap);
    }
    if (bytes != NULL)
        memcpy(g->p + g->n, bytes, n);
    else
        memset(g->p + g->n, 0, n);
    g->n += n;
}

static inline void gm_le(gguf_make *g, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        gm_bytes(g, &(unsigned char){ (unsigned char)v }, 1);
}

static inline void gm_text(gguf_make *g, const char *text)
{
    gm_le(g, strlen(text), 8);
    gm_bytes(g, text, strlen(text));
}

static inline void gm_begin(gguf_make *g, uint32_t version)
{
    memset(g, 0, sizeof *g);
    gm_bytes(g, "GGUF", 4);
    gm_le(g, version, 4);
    gm_le(g, 0, 8);            /* counts: gm_finish                            */
    gm_le(g, 0, 8);
}

static inline void gm_key(gguf_make *g, const char *key, uint32_t type)
{
    gm_text(g, key);
    gm_le(g, type, 4);
    g->n_keys++;
}

static inline void gm_u32(gguf_make *g, const char *key, uint32_t v)
{
    gm_key(g, key, GM_U32);
    gm_le(g, v, 4);
}

static inline void gm_f32(gguf_make *g, const char *key, float v)
{
    gm_key(g, key, GM_F32);
    gm_bytes(g, &v, 4);
}

static inline void gm_bool(gguf_make *g, const char *key, int v)
{
    gm_key(g, key, GM_BOOL);
    gm_le(g, (uint64_t)v, 1);
}

static inline void gm_str(gguf_make *g, const char *key, const char *v)
{
    gm_key(g, key, GM_TEXT);
    gm_text(g, v);
}

static inline void gm_array(gguf_make *g, const char *key, uint32_t type, uint64_t n)
{
    gm_key(g, key, GM_ARRAY);
    gm_le(g, type, 4);
    gm_le(g, n, 8);
}

/* rank dims, the contiguous one first; bytes: what its data take. */
static inline void gm_tensor(gguf_make *g, const char *name, uint32_t rank,
                             const uint64_t *dims, uint32_t type, uint64_t bytes)
{
    gm_text(g, name);
    gm_le(g, rank, 4);
    for (uint32_t i = 0; i < rank; i++)
        gm_le(g, dims[i], 8);
    gm_le(g, type, 4);
    gm_le(g, g->data_bytes, 8);
    g->data_bytes += (bytes + 31) / 32 * 32;
    g->n_tensors++;
}

/* Counts, padding, zeroed data.  The caller frees g->p. */
static inline size_t gm_finish(gguf_make *g)
{
    size_t n = g->n;

    for (int i = 0; i < 8; i++) {
        g->p[8 + i] = (unsigned char)(g->n_tensors >> 8 * i);
        g->p[16 + i] = (unsigned char)(g->n_keys >> 8 * i);
    }
    gm_bytes(g, NULL, (n + 31) / 32 * 32 - n);
    n = g->n;
    gm_bytes(g, NULL, g->data_bytes);
    return n;                  /* where the data begin                         */
}

#endif
