/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.c - the public interface: vocabularies, grammars, matchers.
 *
 * A grammar remembers what its matchers learn of it, so each call on a matcher holds the
 * grammar's lock.
 */
#include "mask.h"
#include "regex.h"
#include "tags.h"

#include <math.h>
#include <string.h>

#define GR_SPACES (MLC_GRAMMAR_COMPACT | MLC_GRAMMAR_SPACED)
#define GR_FLAGS  ((uint32_t)(GR_SPACES | MLC_GRAMMAR_NO_FORMAT | MLC_GRAMMAR_IN_ORDER             \
                              | MLC_GRAMMAR_PLAIN | MLC_GRAMMAR_LAX))

enum { GR_OPTIONS_V0 = sizeof(mlc_grammar_options), GR_LIMIT = 256 << 20 };

struct mlc_vocab {
    mlc_context    *ctx;
    atomic_int      refs;
    mlci_text_vocab t;
    char           *bytes;
    uint32_t       *offsets;      /* [n_tokens + 1]                             */
    uint32_t        n_tokens;
    int32_t        *ends;
    size_t          n_ends;
};

struct mlc_grammar {
    mlc_vocab   *v;
    atomic_int   refs;
    mlci_mutex   lock;
    mlci_schema  s;
    mlci_machine m;
    mlci_tags    tags;            /* of structural tags                         */
    mlci_masks   k;
};

/* A token's end: where the text was, and the state. */
typedef struct gr_place { mlci_state state; bool ended; size_t n_text; } gr_place;

struct mlc_matcher {
    mlc_grammar *g;
    gr_place    *places;          /* [n] after each token, places[0] the beginning */
    size_t       n, cap;
    uint8_t     *text;            /* with room for the longest token              */
    size_t       cap_text;
};

/* ---- vocabularies ----------------------------------------------------------------------- */

static void gr_vocab_unref(mlc_vocab *v)
{
    mlc_context *ctx = v->ctx;

    if (atomic_fetch_sub(&v->refs, 1) != 1)
        return;
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
    st = gr_vocab_fill(v, bytes, offsets, ends, err);
    if (st != MLC_OK)
        gr_vocab_unref(v);
    else
        *out = v;
    return st;
}

void mlc_vocab_close(mlc_vocab *v)
{
    if (v != NULL)
        gr_vocab_unref(v);
}

size_t mlc_vocab_words(const mlc_vocab *v) { return v != NULL ? v->t.words : 0; }

/* ---- grammars --------------------------------------------------------------------------- */

void mlc_grammar_options_init_sized(mlc_grammar_options *opts, size_t size)
{
    mlci_options_init(opts, size);
}

static void gr_unref(mlc_grammar *g)
{
    mlc_vocab *v = g->v;

    if (atomic_fetch_sub(&g->refs, 1) != 1)
        return;
    mlci_masks_close(&g->k);
    mlci_machine_close(&g->m);
    mlci_tags_close(&g->tags);
    mlci_schema_close(&g->s);
    mlci_os_mutex_reset(&g->lock);
    mlci_delete(v->ctx, g, 1, sizeof *g);
    gr_vocab_unref(v);
}

/* The whole text: as a group between ^ and $ (its own, if it has both), or as it is where
 * it has them and what cannot stand in a group. */
static mlc_status gr_regex(mlc_grammar *g, const char *text, size_t n, mlc_error *err)
{
    const bool anchored = n > 1 && text[0] == '^' && text[n - 1] == '$'
                       && (n < 3 || text[n - 2] != '\\');
    mlci_rx_store *s = &g->s.rx;
    mlci_buf b;
    mlci_rx r;
    mlc_status st;

    mlci_buf_init(&b, g->v->ctx, n + 16);
    mlci_buf_text(&b, "^(?:");
    mlci_buf_put(&b, text + anchored, n - 2 * (size_t)anchored);
    mlci_buf_text(&b, ")$");
    st = b.failed ? mlci_nomem(err, "grammar") : mlci_regex_read(s, b.data, b.n, &r, err);
    mlci_buf_reset(&b);
    if (st == MLC_EUNSUPPORTED && anchored)
        st = mlci_regex_read(s, text, n, &r, err);
    if (st != MLC_OK)
        return st;
    r = mlci_rx_begin(s, r);
    return mlci_machine_open_text(&g->m, &g->s, mlci_rx_and(s, r, g->s.text), err);
}

static mlc_status gr_compile(mlc_grammar *g, const char *text, size_t n,
                             const mlc_grammar_options *o, mlc_error *err)
{
    const mlci_schema_options so = {
        .format = (o->flags & MLC_GRAMMAR_NO_FORMAT) == 0,
        .spaces = (o->flags & MLC_GRAMMAR_COMPACT) != 0 ? MLCI_SPACES_NONE
                : (o->flags & MLC_GRAMMAR_SPACED) != 0 ? MLCI_SPACES_ONE : MLCI_SPACES_ANY,
        .in_order = (o->flags & MLC_GRAMMAR_IN_ORDER) != 0,
        .own_escapes = (o->flags & MLC_GRAMMAR_PLAIN) != 0,
        .lax = (o->flags & MLC_GRAMMAR_LAX) != 0,
    };
    const size_t limit = o->limit > 0 && o->limit < SIZE_MAX ? (size_t)o->limit : GR_LIMIT;
    mlc_status st;

    if (o->kind == MLC_GRAMMAR_REGEX) {
        st = mlci_schema_open(&g->s, g->v->ctx, "true", 4, &so, limit, err);
        return st == MLC_OK ? gr_regex(g, text, n, err) : st;
    }
    if (o->kind == MLC_GRAMMAR_EBNF || o->kind == MLC_GRAMMAR_LARK) {
        st = mlci_schema_open(&g->s, g->v->ctx, "true", 4, &so, limit, err);
        return st != MLC_OK ? st
             : mlci_machine_open_cfg(&g->m, &g->s, text, n, o->kind == MLC_GRAMMAR_LARK
                                     ? MLCI_CFG_LARK : MLCI_CFG_EBNF, err);
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
    if ((o.flags & ~GR_FLAGS) != 0
        || (o.flags & GR_SPACES) == GR_SPACES)
        return mlci_fail(err, MLC_EINVAL, 0, "grammar: flags %u that are not known, or contradict",
                         o.flags);
    g = mlci_new(v->ctx, 1, sizeof *g);
    if (g == NULL)
        return mlci_nomem(err, "grammar");
    g->v = v;
    atomic_init(&g->refs, 1);
    atomic_fetch_add(&v->refs, 1);
    st = mlci_os_mutex_init(&g->lock) == 0 ? gr_compile(g, text, n_bytes, &o, err)
                                           : mlci_nomem(err, "grammar");
    if (st == MLC_OK)
        st = mlci_masks_open(&g->k, &g->m, &v->t, err);
    if (st != MLC_OK)
        gr_unref(g);
    else
        *out = g;
    return st;
}

void mlc_grammar_close(mlc_grammar *g)
{
    if (g != NULL)
        gr_unref(g);
}

const char *mlc_grammar_dropped(const mlc_grammar *g)
{
    return g != NULL && g->s.dropped.n > 0 ? g->s.dropped.data : "";
}

size_t mlc_grammar_states(const mlc_grammar *g)
{
    mlc_grammar *x = (mlc_grammar *)(uintptr_t)g;
    size_t n = 0;

    if (g == NULL)
        return 0;
    mlci_os_lock(&x->lock);
    n = g->s.tuples.n;
    mlci_os_unlock(&x->lock);
    return n;
}

size_t mlc_grammar_bytes(const mlc_grammar *g)
{
    mlc_grammar *x = (mlc_grammar *)(uintptr_t)g;
    size_t n = 0;

    if (g == NULL)
        return 0;
    mlci_os_lock(&x->lock);
    n = sizeof *g + mlci_schema_bytes(&g->s) + mlci_machine_bytes(&g->m) + g->k.bytes;
    n += g->tags.ctx != NULL ? mlci_tags_bytes(&g->tags) : 0;
    mlci_os_unlock(&x->lock);
    return n;
}

/* ---- matchers --------------------------------------------------------------------------- */

mlc_status mlc_matcher_open(mlc_grammar *g, mlc_matcher **out, mlc_error *err)
{
    mlc_matcher *m;
    void *places = NULL;

    if (out != NULL)
        *out = NULL;
    if (g == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "matcher: a NULL");
    m = mlci_new(g->v->ctx, 1, sizeof *m);
    if (m == NULL || !mlci_grow(g->v->ctx, &places, &m->cap, 1, sizeof *m->places)) {
        mlci_delete(g->v->ctx, m, 1, sizeof *m);
        return mlci_nomem(err, "matcher");
    }
    m->g = g;
    m->places = places;
    m->places[m->n++] = (gr_place){ g->m.start, false, 0 };
    atomic_fetch_add(&g->refs, 1);
    *out = m;
    return MLC_OK;
}

void mlc_matcher_close(mlc_matcher *m)
{
    mlc_grammar *g = m != NULL ? m->g : NULL;

    if (m == NULL)
        return;
    mlci_delete(g->v->ctx, m->places, m->cap, sizeof *m->places);
    mlci_delete(g->v->ctx, m->text, m->cap_text, 1);
    mlci_delete(g->v->ctx, m, 1, sizeof *m);
    gr_unref(g);
}

static const gr_place *gr_last(const mlc_matcher *m) { return &m->places[m->n - 1]; }

/* Room for so many bytes behind the text, and for one more token. */
static bool gr_room(mlc_matcher *m, size_t more)
{
    mlc_context *ctx = m->g->v->ctx;
    void *text = m->text, *places = m->places;

    if (!mlci_grow(ctx, &text, &m->cap_text, gr_last(m)->n_text + more + 1, 1))
        return false;
    m->text = text;
    if (!mlci_grow(ctx, &places, &m->cap, m->n + 1, sizeof *m->places))
        return false;
    m->places = places;
    return true;
}

mlc_status mlc_matcher_fork(const mlc_matcher *m, mlc_matcher **out, mlc_error *err)
{
    mlc_matcher *f;
    mlc_status st;
    void *places;

    if (m == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "matcher: a NULL");
    st = mlc_matcher_open(m->g, out, err);
    if (st != MLC_OK)
        return st;
    f = *out;
    places = f->places;
    if (mlci_grow(m->g->v->ctx, &places, &f->cap, m->n, sizeof *m->places)) {
        f->places = places;
        if (!gr_room(f, gr_last(m)->n_text))
            st = MLC_ENOMEM;
    } else {
        st = MLC_ENOMEM;
    }
    if (st != MLC_OK) {
        mlc_matcher_close(f);
        *out = NULL;
        return mlci_nomem(err, "matcher");
    }
    memcpy(f->places, m->places, m->n * sizeof *m->places);
    f->n = m->n;
    if (gr_last(m)->n_text > 0)
        memcpy(f->text, m->text, gr_last(m)->n_text);
    return MLC_OK;
}

mlc_status mlc_matcher_mask(mlc_matcher *m, uint32_t *mask)
{
    mlc_grammar *g = m != NULL ? m->g : NULL;
    const gr_place *p;
    bool ok = true, end;

    if (m == NULL || mask == NULL)
        return MLC_EINVAL;
    if (!gr_room(m, g->v->t.depth + 1))
        return MLC_ENOMEM;
    p = gr_last(m);
    mlci_os_lock(&g->lock);
    if (p->ended)
        memset(mask, 0, g->v->t.words * sizeof *mask);
    else
        ok = mlci_masks_fill(&g->k, p->state, m->text, p->n_text, mask);
    end = !p->ended && mlci_machine_may_end(&g->m, p->state);
    mlci_os_unlock(&g->lock);
    for (size_t i = 0; i < g->v->n_ends && end; i++)
        mask[g->v->ends[i] / 32] |= (uint32_t)1 << (g->v->ends[i] % 32);
    return ok ? MLC_OK : MLC_ENOMEM;
}

/* The state after bytes that are put behind the text; taken: how many may come. */
static mlc_status gr_step(mlc_matcher *m, const char *bytes, size_t n, size_t *taken)
{
    mlc_grammar *g = m->g;
    mlci_state s = gr_last(m)->state;
    size_t i = 0;
    const size_t at = gr_last(m)->n_text;

    mlci_os_lock(&g->lock);
    for (; i < n; i++) {
        mlci_state next;

        m->text[at + i] = (uint8_t)bytes[i];
        g->m.text = m->text;
        g->m.n_text = at + i;
        next = mlci_machine_step(&g->m, s, (uint8_t)bytes[i]);
        if (next == MLCI_DEAD)
            break;
        s = next;
    }
    mlci_os_unlock(&g->lock);
    *taken = i;
    if (i < n)
        return g->m.too_complex ? MLC_ENOMEM : MLC_EFORMAT;
    m->places[m->n++] = (gr_place){ s, false, at + n };
    return MLC_OK;
}

mlc_status mlc_matcher_accept_bytes(mlc_matcher *m, const char *bytes, size_t n_bytes,
                                    size_t *taken)
{
    size_t none;

    if (taken == NULL)
        taken = &none;
    *taken = 0;
    if (m == NULL || (bytes == NULL && n_bytes > 0))
        return MLC_EINVAL;
    if (gr_last(m)->ended)
        return MLC_ECLOSED;
    return gr_room(m, n_bytes) ? gr_step(m, bytes, n_bytes, taken) : MLC_ENOMEM;
}

mlc_status mlc_matcher_accept(mlc_matcher *m, int32_t token)
{
    mlc_vocab *v = m != NULL ? m->g->v : NULL;
    size_t taken;
    gr_place p;

    if (m == NULL || token < 0 || (uint32_t)token >= v->n_tokens)
        return MLC_EINVAL;
    p = *gr_last(m);
    if (p.ended)
        return MLC_ECLOSED;
    for (size_t i = 0; i < v->n_ends; i++) {
        if (v->ends[i] != token)
            continue;
        if (!mlc_matcher_may_end(m))
            return MLC_EFORMAT;
        if (!gr_room(m, 0))
            return MLC_ENOMEM;
        p.ended = true;
        m->places[m->n++] = p;
        return MLC_OK;
    }
    if (v->offsets[token] == v->offsets[token + 1])
        return MLC_EFORMAT;
    return mlc_matcher_accept_bytes(m, v->bytes + v->offsets[token],
                                    v->offsets[token + 1] - v->offsets[token], &taken);
}

mlc_status mlc_matcher_accept_many(mlc_matcher *m, const int32_t *tokens, size_t n,
                                   size_t *taken)
{
    mlc_status st = MLC_OK;

    if (m == NULL || taken == NULL || (tokens == NULL && n > 0))
        return MLC_EINVAL;
    for (*taken = 0; *taken < n && st == MLC_OK; *taken += st == MLC_OK)
        st = mlc_matcher_accept(m, tokens[*taken]);
    return st == MLC_ENOMEM ? st : MLC_OK;
}

int32_t mlc_matcher_allows(mlc_matcher *m, int32_t token)
{
    if (mlc_matcher_accept(m, token) != MLC_OK)
        return 0;
    m->n--;
    return 1;
}

mlc_status mlc_mask_apply(const uint32_t *mask, size_t n, int32_t type, void *logits)
{
    const uint16_t half = type == MLC_LOGITS_F16 ? 0xfc00 : 0xff80;

    if (mask == NULL || logits == NULL || type < MLC_LOGITS_F32 || type > MLC_LOGITS_BF16)
        return MLC_EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (i % 32 == 0 && mask[i / 32] == UINT32_MAX && n - i >= 32) {
            i += 31;
            continue;
        }
        if ((mask[i / 32] >> (i % 32) & 1) != 0)
            continue;
        if (type == MLC_LOGITS_F32)
            ((float *)logits)[i] = -INFINITY;
        else
            ((uint16_t *)logits)[i] = half;
    }
    return MLC_OK;
}

mlc_status mlc_matcher_rollback(mlc_matcher *m, size_t n)
{
    if (m == NULL || n >= m->n)
        return MLC_EINVAL;
    m->n -= n;
    return MLC_OK;
}

int32_t mlc_matcher_may_end(mlc_matcher *m)
{
    bool r;

    if (m == NULL || gr_last(m)->ended)
        return 0;
    mlci_os_lock(&m->g->lock);
    r = mlci_machine_may_end(&m->g->m, gr_last(m)->state);
    mlci_os_unlock(&m->g->lock);
    return r;
}

/* The only byte that may come; -1: there is a choice. */
static int gr_only_byte(mlci_machine *m, mlci_state s, mlci_state *next)
{
    const mlci_bytes may = mlci_machine_bytes_of(m, s);
    int only = -1;

    if (mlci_machine_may_end(m, s))
        return -1;
    for (unsigned b = 0; b < 256; b++) {
        mlci_state to = mlci_bytes_has(&may, (uint8_t)b)
                      ? mlci_machine_step(m, s, (uint8_t)b) : MLCI_DEAD;

        if (to == MLCI_DEAD)
            continue;
        if (only >= 0)
            return -1;
        only = (int)b;
        *next = to;
    }
    return only;
}

mlc_status mlc_matcher_forced(mlc_matcher *m, char *buf, size_t cap, size_t *n_bytes)
{
    mlci_machine *x = m != NULL ? &m->g->m : NULL;
    mlci_state s;
    size_t at;
    int byte;

    if (m == NULL || n_bytes == NULL || (buf == NULL && cap > 0))
        return MLC_EINVAL;
    *n_bytes = 0;
    if (gr_last(m)->ended)
        return MLC_OK;
    if (!gr_room(m, cap + 1))
        return MLC_ENOMEM;
    s = gr_last(m)->state;
    at = gr_last(m)->n_text;
    mlci_os_lock(&m->g->lock);
    x->text = m->text;
    for (x->n_text = at; *n_bytes < cap && (byte = gr_only_byte(x, s, &s)) >= 0; x->n_text++) {
        m->text[x->n_text] = (uint8_t)byte;
        buf[(*n_bytes)++] = (char)byte;
    }
    mlci_os_unlock(&m->g->lock);
    return x->too_complex ? MLC_ENOMEM : MLC_OK;
}
