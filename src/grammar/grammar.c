/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.c - the public interface: vocabularies, grammars.
 */
#include "grammar.h"
#include "regex.h"

#include <string.h>

#define GR_SPACES (MLC_GRAMMAR_COMPACT | MLC_GRAMMAR_SPACED)
#define GR_FLAGS  ((uint32_t)(GR_SPACES | MLC_GRAMMAR_NO_FORMAT | MLC_GRAMMAR_IN_ORDER             \
                              | MLC_GRAMMAR_PLAIN | MLC_GRAMMAR_LAX | MLC_GRAMMAR_FRESH))

enum { GR_OPTIONS_V0 = sizeof(mlc_grammar_options) };

/* ---- vocabularies ----------------------------------------------------------------------- */

static void gr_vocab_unref(mlc_vocab *v)
{
    mlc_context *ctx = v->ctx;

    if (atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    mlci_os_mutex_reset(&v->lock);
    mlci_text_vocab_close(&v->t);
    mlci_delete(ctx, v->bytes, v->offsets != NULL ? v->offsets[v->n_tokens] : 0, 1);
    mlci_delete(ctx, v->offsets, (size_t)v->n_tokens + 1, sizeof *v->offsets);
    mlci_delete(ctx, v->ends, v->n_ends, sizeof *v->ends);
    mlci_delete(ctx, v, 1, sizeof *v);
    mlci_context_unref(ctx);
}

static mlc_status gr_vocab_fill(mlc_vocab *v, const char *bytes, const uint32_t *offsets,
                                const int32_t *ends, mlc_error *err)
{
    mlci_vocab_token *tokens = mlci_new(v->ctx, v->n_tokens, sizeof *tokens);
    mlc_status st = tokens != NULL ? MLC_OK : mlci_nomem(err, "vocabulary");

    v->offsets = mlci_new(v->ctx, (size_t)v->n_tokens + 1, sizeof *v->offsets);
    if (v->offsets != NULL)
        memcpy(v->offsets, offsets, ((size_t)v->n_tokens + 1) * sizeof *offsets);
    v->bytes = mlci_new(v->ctx, offsets[v->n_tokens], 1);
    v->ends = mlci_new(v->ctx, v->n_ends, sizeof *v->ends);
    if (v->offsets == NULL || (v->bytes == NULL && offsets[v->n_tokens] > 0)
        || (v->ends == NULL && v->n_ends > 0))
        st = mlci_nomem(err, "vocabulary");
    for (uint32_t i = 0; i < v->n_tokens && st == MLC_OK; i++) {
        tokens[i] = (mlci_vocab_token){ v->bytes + offsets[i], offsets[i + 1] - offsets[i] };
        if (tokens[i].n > MLCI_TOKEN_BYTES)
            st = mlci_fail(err, MLC_EUNSUPPORTED, 0, "token %u has %zu bytes", i, tokens[i].n);
    }
    if (st == MLC_OK && offsets[v->n_tokens] > 0)
        memcpy(v->bytes, bytes, offsets[v->n_tokens]);
    for (size_t i = 0; i < v->n_ends && st == MLC_OK; i++) {
        v->ends[i] = ends[i];
        tokens[ends[i]].n = 0;           /* an end is no text */
    }
    if (st == MLC_OK)
        st = mlci_text_vocab_open(&v->t, v->ctx, tokens, v->n_tokens, err);
    mlci_delete(v->ctx, tokens, v->n_tokens, sizeof *tokens);
    return st;
}

mlc_status mlc_vocab_open(mlc_context *ctx, const char *bytes, const uint32_t *offsets,
                          uint32_t n_tokens, const int32_t *ends, size_t n_ends,
                          mlc_vocab **out, mlc_error *err)
{
    mlc_status st = MLC_OK;
    mlc_vocab *v;

    if (out != NULL)
        *out = NULL;
    if (ctx == NULL || out == NULL || offsets == NULL || n_tokens == 0
        || (bytes == NULL && offsets[n_tokens] > 0) || (ends == NULL && n_ends > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "vocabulary: a NULL, or no tokens");
    for (uint32_t i = 0; i < n_tokens; i++)
        if (offsets[i] > offsets[i + 1])
            return mlci_fail(err, MLC_EINVAL, 0, "vocabulary: offset %u is beyond the next", i);
    for (size_t i = 0; i < n_ends; i++)
        if (ends[i] < 0 || (uint32_t)ends[i] >= n_tokens)
            return mlci_fail(err, MLC_EINVAL, 0, "vocabulary: end %d is no token", (int)ends[i]);
    v = mlci_new(ctx, 1, sizeof *v);
    if (v == NULL)
        return mlci_nomem(err, "vocabulary");
    v->ctx = ctx;
    v->n_tokens = n_tokens;
    v->n_ends = n_ends;
    atomic_init(&v->refs, 1);
    mlci_context_ref(ctx);
    st = mlci_os_mutex_init(&v->lock) == 0 ? gr_vocab_fill(v, bytes, offsets, ends, err)
                                           : mlci_nomem(err, "vocabulary");
    if (st != MLC_OK)
        gr_vocab_unref(v);
    else
        *out = v;
    return st;
}

void mlc_vocab_close(mlc_vocab *v)
{
    mlc_grammar *known[MLCI_KNOWN];

    if (v == NULL)
        return;
    mlci_os_lock(&v->lock);
    memcpy((void *)known, (void *)v->known, sizeof known);
    memset((void *)v->known, 0, sizeof v->known);
    mlci_os_unlock(&v->lock);
    for (int i = 0; i < MLCI_KNOWN; i++)
        mlc_grammar_close(known[i]);
    gr_vocab_unref(v);
}

size_t mlc_vocab_words(const mlc_vocab *v) { return v != NULL ? v->t.words : 0; }

/* ---- grammars --------------------------------------------------------------------------- */

void mlc_grammar_options_init_sized(mlc_grammar_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

static void gr_reset(mlc_grammar *g)
{
    mlci_masks_close(&g->k);
    mlci_machine_close(&g->m);
    mlci_tags_close(&g->tags);
    mlci_schema_close(&g->s);
}

void mlci_grammar_unref(mlc_grammar *g)
{
    mlc_vocab *v = g->v;

    if (atomic_fetch_sub(&g->refs, 1) != 1)
        return;
    gr_reset(g);
    mlci_union_close(g);
    mlci_buf_reset(&g->dropped);
    mlci_delete(v->ctx, g->text, g->n_text + 1, 1);
    mlci_os_mutex_reset(&g->lock);
    mlci_delete(v->ctx, g, 1, sizeof *g);
    gr_vocab_unref(v);
}

static mlc_status gr_regex(mlc_grammar *g, const char *text, size_t n, mlc_error *err)
{
    mlci_rx_store *s = &g->s.rx;
    mlci_rx r;
    mlc_status st = mlci_regex_read(s, text, n, true, &r, err);

    if (st != MLC_OK)
        return st;
    if (!mlci_rx_plain(s, r))             /* else it has nothing but characters in it */
        r = mlci_rx_and(s, r, g->s.text);
    return mlci_machine_open_text(&g->m, &g->s, r, err);
}

static mlc_status gr_read(mlc_grammar *g, mlc_error *err)
{
    const mlc_grammar_options *o = &g->o;
    const char *text = g->text;
    const size_t n = g->n_text;
    const mlci_schema_options so = {
        .format = (o->flags & MLC_GRAMMAR_NO_FORMAT) == 0,
        .spaces = (o->flags & MLC_GRAMMAR_COMPACT) != 0 ? MLCI_SPACES_NONE
                : (o->flags & MLC_GRAMMAR_SPACED) != 0 ? MLCI_SPACES_ONE : MLCI_SPACES_ANY,
        .in_order = (o->flags & MLC_GRAMMAR_IN_ORDER) != 0,
        .own_escapes = (o->flags & MLC_GRAMMAR_PLAIN) != 0,
        .lax = (o->flags & MLC_GRAMMAR_LAX) != 0,
    };
    const size_t limit = mlci_grammar_limit(g);
    mlc_status st;

    if (o->kind == MLC_GRAMMAR_REGEX) {
        st = mlci_schema_open(&g->s, g->v->ctx, "true", 4, &so, limit, err);
        return st == MLC_OK ? gr_regex(g, text, n, err) : st;
    }
    if (o->kind == MLC_GRAMMAR_EBNF || o->kind == MLC_GRAMMAR_LARK) {
        st = mlci_schema_open(&g->s, g->v->ctx, "true", 4, &so, limit, err);
        return st != MLC_OK ? st
             : mlci_machine_open_cfg(&g->m, &g->s, text, n, o->kind == MLC_GRAMMAR_LARK
                                     ? MLCI_CFG_LARK : MLCI_CFG_EBNF, NULL, err);
    }
    if (o->kind == MLC_GRAMMAR_TAGS) {
        st = mlci_schema_open(&g->s, g->v->ctx, "true", 4, &so, limit, err);
        if (st == MLC_OK)
            st = mlci_tags_open(&g->tags, g->v->ctx, text, n, &so, limit, err);
        for (size_t i = 0; i < g->tags.n_tags && st == MLC_OK; i++)
            if (g->tags.tags[i].s.dropped.n > 0)
                mlci_buf_format(&g->s.dropped, "structure %zu: %s", i,
                                g->tags.tags[i].s.dropped.data);
        return st == MLC_OK ? mlci_machine_open_tags(&g->m, &g->s, &g->tags, err) : st;
    }
    if (o->kind != MLC_GRAMMAR_JSON_SCHEMA)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: unknown kind %u", o->kind);
    st = mlci_schema_open(&g->s, g->v->ctx, text, n, &so, limit, err);
    return st == MLC_OK ? mlci_machine_open(&g->m, &g->s, err) : st;
}

static mlc_status gr_compile(mlc_grammar *g, mlc_error *err)
{
    mlc_status st = gr_read(g, err);

    if (st == MLC_OK)
        st = mlci_masks_open(&g->k, &g->m, &g->v->t, err);
    return st;
}

/* What cannot be compiled again (out of memory) is left closed: its machine is at its limit. */
mlc_status mlci_grammar_forget(mlc_grammar *g)
{
    mlc_error err;
    mlc_status st;

    gr_reset(g);
    memset(&g->s, 0, sizeof g->s);
    memset(&g->m, 0, sizeof g->m);
    memset(&g->tags, 0, sizeof g->tags);
    memset(&g->k, 0, sizeof g->k);
    g->generation++;
    g->least_bytes = 0;
    st = gr_compile(g, &err);
    g->broken = st != MLC_OK;
    return st;
}

/* ---- grammars that the vocabulary knows ------------------------------------------------- */

static bool gr_same(const mlc_grammar *g, const char *text, size_t n,
                    const mlc_grammar_options *o)
{
    return g->n_text == n && g->o.kind == o->kind && g->o.flags == o->flags
        && g->o.limit == o->limit && (n == 0 || memcmp(g->text, text, n) == 0);
}

/* One of them, with a reference; it is the last one then.  NULL: none. */
static mlc_grammar *gr_find(mlc_vocab *v, const char *text, size_t n,
                            const mlc_grammar_options *o)
{
    mlc_grammar *g = NULL;
    int i = 0;

    mlci_os_lock(&v->lock);
    while (i < MLCI_KNOWN && v->known[i] != NULL && !gr_same(v->known[i], text, n, o))
        i++;
    if (i < MLCI_KNOWN && v->known[i] != NULL) {
        g = v->known[i];
        memmove((void *)(v->known + 1), (void *)v->known, (size_t)i * sizeof *v->known);
        v->known[0] = g;
        atomic_fetch_add(&g->refs, 1);
    }
    mlci_os_unlock(&v->lock);
    return g;
}

/* Those that were not asked for longest go when there are too many, or they are too large. */
static void gr_know(mlc_vocab *v, mlc_grammar *g)
{
    mlc_grammar *gone[MLCI_KNOWN + 1] = { NULL };
    size_t bytes = mlc_grammar_bytes(g);
    int n = 0, kept = 1;

    atomic_fetch_add(&g->refs, 1);
    mlci_os_lock(&v->lock);
    gone[n++] = v->known[MLCI_KNOWN - 1];
    memmove((void *)(v->known + 1), (void *)v->known, (MLCI_KNOWN - 1) * sizeof *v->known);
    v->known[0] = g;
    for (int i = 1; i < MLCI_KNOWN && v->known[i] != NULL; i++) {
        mlc_grammar *x = v->known[i];

        v->known[i] = NULL;
        bytes += mlc_grammar_bytes(x);
        if (bytes > MLCI_GRAMMAR_LIMIT)
            gone[n++] = x;
        else
            v->known[kept++] = x;
    }
    mlci_os_unlock(&v->lock);
    while (n > 0)
        mlc_grammar_close(gone[--n]);
}

mlc_status mlc_grammar_open(mlc_vocab *v, const char *text, size_t n_bytes,
                            const mlc_grammar_options *opts, mlc_grammar **out, mlc_error *err)
{
    mlc_grammar_options o;
    mlc_status st;
    mlc_grammar *g;

    if (out != NULL)
        *out = NULL;
    if (v == NULL || out == NULL || text == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: a NULL");
    st = mlci_options_read(&o, sizeof o, GR_OPTIONS_V0, opts, err);
    if (st != MLC_OK)
        return st;
    if ((o.flags & ~GR_FLAGS) != 0)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: unknown flags 0x%x", o.flags & ~GR_FLAGS);
    if ((o.flags & GR_SPACES) == GR_SPACES)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: both compact and spaced");
    g = (o.flags & MLC_GRAMMAR_FRESH) == 0 ? gr_find(v, text, n_bytes, &o) : NULL;
    if (g != NULL) {
        *out = g;
        return MLC_OK;
    }
    g = mlci_new(v->ctx, 1, sizeof *g);
    if (g == NULL)
        return mlci_nomem(err, "grammar");
    g->v = v;
    g->o = o;
    atomic_init(&g->refs, 1);
    atomic_fetch_add(&v->refs, 1);
    g->n_text = n_bytes;
    g->text = mlci_new(v->ctx, n_bytes + 1, 1);
    mlci_buf_init(&g->dropped, v->ctx, SIZE_MAX);
    st = mlci_os_mutex_init(&g->lock) == 0 && g->text != NULL ? MLC_OK
                                                              : mlci_nomem(err, "grammar");
    if (st == MLC_OK) {
        memcpy(g->text, text, n_bytes);
        st = o.kind == MLC_GRAMMAR_ANY ? mlci_union_open(g, err) : gr_compile(g, err);
    }
    g->least_bytes = 1;
    if (st == MLC_OK)
        mlci_buf_put(&g->dropped, g->s.dropped.data, g->s.dropped.n);
    if (st != MLC_OK) {
        mlci_grammar_unref(g);
        return st;
    }
    if ((o.flags & MLC_GRAMMAR_FRESH) == 0)
        gr_know(v, g);
    *out = g;
    return MLC_OK;
}

/* ---- grammars as bytes ------------------------------------------------------------------ */

typedef struct gr_saved {
    char     magic[4];                    /* "MLCG" */
    uint32_t version, kind, flags;
    uint64_t limit, n_text, sum;
} gr_saved;

enum { GR_VERSION = 1 };

static uint64_t gr_sum(const gr_saved *h, const char *text)
{
    return mlci_hash(text, (size_t)h->n_text, mlci_hash(h, offsetof(gr_saved, sum), 3));
}

mlc_status mlc_grammar_save(const mlc_grammar *g, void *buf, size_t cap, size_t *n_bytes)
{
    gr_saved h = { "MLCG", GR_VERSION, 0, 0, 0, 0, 0 };

    if (g == NULL || n_bytes == NULL || (buf == NULL && cap > 0))
        return MLC_EINVAL;
    *n_bytes = sizeof h + g->n_text;
    if (cap < *n_bytes)
        return MLC_ETOOSMALL;
    h.kind = g->o.kind;
    h.flags = g->o.flags;
    h.limit = g->o.limit;
    h.n_text = g->n_text;
    h.sum = gr_sum(&h, g->text);
    memcpy(buf, &h, sizeof h);
    memcpy((char *)buf + sizeof h, g->text, g->n_text);
    return MLC_OK;
}

mlc_status mlc_grammar_load(mlc_vocab *v, const void *bytes, size_t n_bytes, mlc_grammar **out,
                            mlc_error *err)
{
    const char *text = (const char *)bytes + sizeof(gr_saved);
    mlc_grammar_options o;
    gr_saved h;

    if (out != NULL)
        *out = NULL;
    if (v == NULL || out == NULL || bytes == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: a NULL");
    if (n_bytes < sizeof h || memcmp(bytes, "MLCG", 4) != 0)
        return mlci_fail(err, MLC_EFORMAT, 0, "grammar: not what mlc_grammar_save writes");
    memcpy(&h, bytes, sizeof h);
    if (h.version != GR_VERSION)
        return mlci_fail(err, MLC_EFORMAT, 0, "grammar: saved by another version (%u)", h.version);
    if (h.n_text != n_bytes - sizeof h || h.sum != gr_sum(&h, text))
        return mlci_fail(err, MLC_EFORMAT, 0, "grammar: damaged");
    mlc_grammar_options_init(&o);
    o.kind = h.kind;
    o.flags = h.flags;
    o.limit = h.limit;
    return mlc_grammar_open(v, text, (size_t)h.n_text, &o, out, err);
}

void mlc_grammar_close(mlc_grammar *g)
{
    if (g != NULL)
        mlci_grammar_unref(g);
}

const char *mlc_grammar_dropped(const mlc_grammar *g)
{
    return g != NULL && g->dropped.n > 0 ? g->dropped.data : "";
}

size_t mlci_grammar_size(const mlc_grammar *g)
{
    size_t n = sizeof *g + g->n_text;

    if (g->m.s != NULL)
        n += mlci_schema_bytes(&g->s) + mlci_machine_bytes(&g->m) + g->k.bytes;
    return n + (g->tags.ctx != NULL ? mlci_tags_bytes(&g->tags) : 0);
}

/* Of a grammar and the parts that it is a union of. */
static size_t gr_total(const mlc_grammar *g, size_t (*of)(const mlc_grammar *))
{
    mlc_grammar *x = (mlc_grammar *)(uintptr_t)g;
    size_t n;

    if (g == NULL)
        return 0;
    mlci_os_lock(&x->lock);
    n = of(g);
    mlci_os_unlock(&x->lock);
    for (size_t i = 0; i < g->n_parts; i++)
        n += gr_total(g->parts[i], of);
    return n;
}

static size_t gr_states(const mlc_grammar *g) { return g->s.tuples.n; }

size_t mlc_grammar_states(const mlc_grammar *g) { return gr_total(g, gr_states); }

size_t mlc_grammar_bytes(const mlc_grammar *g) { return gr_total(g, mlci_grammar_size); }
