/* SPDX-License-Identifier: Apache-2.0
 *
 * matcher.c - the public interface: matchers.
 *
 * A grammar remembers what its matchers learn of it, so each call on a matcher holds the
 * grammar's lock.
 */
#include "grammar.h"
#include "../base/pool.h"

#include <math.h>
#include <string.h>

/* Memory is looked at once in so many calls. */
enum { MT_CALLS = 64, MT_FORCED = 4096 };    /* bytes that are looked at for forced tokens */

static const mlci_matcher_place *mt_last(const mlc_matcher *m) { return &m->h->places[m->n - 1]; }

/* ---- histories -------------------------------------------------------------------------- */

static void mt_release(mlc_context *ctx, mlci_history *h)
{
    if (h == NULL || atomic_fetch_sub(&h->refs, 1) > 1)
        return;
    mlci_delete(ctx, h->places, h->cap, sizeof *h->places);
    mlci_delete(ctx, h->text, h->cap_text, 1);
    mlci_delete(ctx, h, 1, sizeof *h);
}

static bool mt_grow(mlc_context *ctx, mlci_history *h, size_t n, size_t n_text)
{
    void *text = h->text, *places = h->places;

    if (!mlci_grow(ctx, &text, &h->cap_text, n_text, 1))
        return false;
    h->text = text;
    if (!mlci_grow(ctx, &places, &h->cap, n, sizeof *h->places))
        return false;
    h->places = places;
    return true;
}

static mlci_history *mt_history(mlc_context *ctx, size_t n, size_t n_text)
{
    mlci_history *h = mlci_new(ctx, 1, sizeof *h);

    if (h == NULL)
        return NULL;
    atomic_init(&h->refs, 1);
    if (mt_grow(ctx, h, n, n_text))
        return h;
    mt_release(ctx, h);
    return NULL;
}

/* Room for so many bytes behind the text and one more place, which are the matcher's alone;
 * with the lock held.  What others read without the lock does not move. */
static bool mt_room(mlc_matcher *m, size_t more)
{
    const size_t n_text = mt_last(m)->n_text;
    mlc_context *ctx = m->g->v->ctx;
    mlci_history *h = m->h;

    if (atomic_load(&h->refs) == 1) {
        h->n = m->n;                      /* beyond is what others read, or it took back */
        return mt_grow(ctx, h, m->n + 1, n_text + more + 1);
    }
    if (h->n == m->n && m->n < h->cap && n_text + more < h->cap_text)
        return true;
    h = mt_history(ctx, m->n + 1, n_text + more + 1);
    if (h == NULL)
        return false;
    memcpy(h->places, m->h->places, m->n * sizeof *h->places);
    if (n_text > 0)
        memcpy(h->text, m->h->text, n_text);
    h->n = m->n;
    mt_release(ctx, m->h);
    m->h = h;
    return true;
}

/* One more place, for which there is room; with the lock held. */
static void mt_put(mlc_matcher *m, mlci_state state, bool ended, size_t n_text)
{
    m->h->places[m->n++] = (mlci_matcher_place){ state, ended, n_text };
    m->h->n = m->n;
}

/* ---- opening ---------------------------------------------------------------------------- */

/* With the history of another, if there is one. */
static mlc_status mt_open(mlc_grammar *g, const mlc_matcher *from, mlc_matcher **out,
                          mlc_error *err)
{
    mlc_matcher *m = mlci_new(g->v->ctx, 1, sizeof *m);
    mlc_status st = MLC_OK;

    if (m == NULL)
        return mlci_nomem(err, "matcher");
    m->g = g;
    atomic_fetch_add(&g->refs, 1);
    if (from != NULL) {
        if (atomic_fetch_add(&from->h->refs, 1) == 1)
            from->h->n = from->n;         /* so that one of them reads on without a copy */
        m->h = from->h;
        m->n = from->n;
        m->generation = from->generation;
    } else {
        m->h = mt_history(g->v->ctx, 1, 1);
        mlci_os_lock(&g->lock);
        if (m->h != NULL)
            mt_put(m, g->m.start, false, 0);
        m->generation = g->generation;
        mlci_os_unlock(&g->lock);
    }
    if (m->h == NULL)
        st = mlci_nomem(err, "matcher");
    else if (g->n_parts > 0)
        st = mlci_union_matchers(m, from, err);
    if (st != MLC_OK)
        mlc_matcher_close(m);
    else
        *out = m;
    return st;
}

mlc_status mlc_matcher_open(mlc_grammar *g, mlc_matcher **out, mlc_error *err)
{
    if (out != NULL)
        *out = NULL;
    if (g == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "matcher: a NULL");
    return mt_open(g, NULL, out, err);
}

mlc_status mlc_matcher_fork(const mlc_matcher *m, mlc_matcher **out, mlc_error *err)
{
    if (out != NULL)
        *out = NULL;
    if (m == NULL || out == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "matcher: a NULL");
    return mt_open(m->g, m, out, err);
}

void mlc_matcher_close(mlc_matcher *m)
{
    mlc_grammar *g = m != NULL ? m->g : NULL;

    if (m == NULL)
        return;
    mlci_union_matchers_close(m);
    mt_release(g->v->ctx, m->h);
    mlci_delete(g->v->ctx, m, 1, sizeof *m);
    mlci_grammar_unref(g);
}

/* ---- generations ------------------------------------------------------------------------ */

/* The states of the grammar as it is now, by reading the text again. */
static bool mt_replay(mlc_matcher *m)
{
    mlci_machine *x = &m->g->m;
    mlci_matcher_place *places = m->h->places;
    mlci_state s = x->start;
    size_t at = 0;

    x->text = m->h->text;
    x->trying = false;
    places[0].state = s;
    for (size_t i = 1; i < m->n; i++) {
        for (; at < places[i].n_text && s != MLCI_DEAD; at++) {
            x->n_text = at;
            s = mlci_machine_step(x, s, m->h->text[at]);
        }
        places[i].state = s;
    }
    m->generation = m->g->generation;
    if (m->g->least_bytes == 0)           /* what this text alone takes */
        m->g->least_bytes = mlci_grammar_size(m->g);
    return s != MLCI_DEAD;
}

static bool mt_failed(const mlc_grammar *g)
{
    return g->broken || g->m.too_complex || g->s.rx.status != MLC_OK;
}

/* Locks, with states that are the grammar's; false: it is out of memory, and not locked. */
static bool mt_begin(mlc_matcher *m)
{
    mlc_grammar *g = m->g;
    bool ok = true;

    mlci_os_lock(&g->lock);
    if (g->calls++ % MT_CALLS == 0) {
        const size_t now = mlci_grammar_size(g);

        if (now > mlci_grammar_limit(g) / 2 && now > 2 * g->least_bytes)
            ok = mlci_grammar_forget(g) == MLC_OK;
    }
    if (ok && mt_failed(g))
        ok = mlci_grammar_forget(g) == MLC_OK;
    if (ok && m->generation != g->generation)
        ok = mt_replay(m);
    if (!ok)
        mlci_os_unlock(&g->lock);
    return ok;
}

/* And with room for so many bytes behind the text. */
static bool mt_begin_with(mlc_matcher *m, size_t more)
{
    if (!mt_begin(m))
        return false;
    if (mt_room(m, more))
        return true;
    mlci_os_unlock(&m->g->lock);
    return false;
}

/* After a limit: once more with nothing learned.  false: that will not help. */
static bool mt_again(mlc_matcher *m)
{
    return mt_failed(m->g) && mlci_grammar_forget(m->g) == MLC_OK && mt_replay(m);
}

/* ---- masks and steps -------------------------------------------------------------------- */

mlc_status mlc_matcher_mask(mlc_matcher *m, uint32_t *mask)
{
    mlc_grammar *g = m != NULL ? m->g : NULL;
    const mlci_matcher_place *p;
    bool ok = true, end;

    if (m == NULL || mask == NULL)
        return MLC_EINVAL;
    if (g->n_parts > 0)
        return mlci_union_mask(m, mask);
    if (!mt_begin_with(m, g->v->t.depth + 1))
        return MLC_ENOMEM;
    p = mt_last(m);
    if (p->ended)
        memset(mask, 0, g->v->t.words * sizeof *mask);
    else
        ok = mlci_masks_fill(&g->k, p->state, m->h->text, p->n_text, mask)
          || (mt_again(m) && mlci_masks_fill(&g->k, p->state, m->h->text, p->n_text, mask));
    end = ok && !p->ended && mlci_machine_may_end(&g->m, p->state);
    mlci_os_unlock(&g->lock);
    for (size_t i = 0; i < g->v->n_ends && end; i++)
        mask[g->v->ends[i] / 32] |= (uint32_t)1 << (g->v->ends[i] % 32);
    return ok ? MLC_OK : MLC_ENOMEM;
}

typedef struct mt_batch {
    mlc_matcher *const *m;
    size_t      n, stride;
    uint32_t   *masks;
    _Atomic size_t next, failed;      /* the first that failed, n: none             */
} mt_batch;

static void mt_some(void *arg, mlci_team *team, uint32_t thread)
{
    mt_batch *b = arg;
    size_t i;

    (void)team, (void)thread;
    while ((i = atomic_fetch_add(&b->next, 1)) < b->n) {
        uint32_t *mask = b->masks + i * b->stride;
        size_t failed = atomic_load(&b->failed);

        if (b->m[i] == NULL)
            memset(mask, 0xff, b->stride * sizeof *mask);
        else if (mlc_matcher_mask(b->m[i], mask) != MLC_OK)
            while (i < failed && !atomic_compare_exchange_weak(&b->failed, &failed, i))
                ;
    }
}

mlc_status mlc_matcher_masks(mlc_matcher *const *m, size_t n, uint32_t *masks, size_t stride)
{
    mt_batch b = { m, n, stride, masks, 0, n };
    mlc_context *ctx = NULL;

    if ((m == NULL || masks == NULL) && n > 0)
        return MLC_EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (m[i] == NULL)
            continue;
        if (stride < m[i]->g->v->t.words || (ctx != NULL && ctx != m[i]->g->v->ctx))
            return MLC_EINVAL;
        ctx = m[i]->g->v->ctx;
    }
    if (n > 1 && ctx != NULL)
        mlci_pool_run(ctx->pool, mt_some, &b);
    else
        mt_some(&b, NULL, 0);
    return atomic_load(&b.failed) == n ? MLC_OK : MLC_ENOMEM;
}

/* The bytes from the last place on, which are in the text; taken: how many may come. */
static mlci_state mt_step(mlc_matcher *m, size_t n, size_t *taken)
{
    const size_t at = mt_last(m)->n_text;
    mlci_machine *x = &m->g->m;
    mlci_state s = mt_last(m)->state;

    x->text = m->h->text;
    for (*taken = 0; *taken < n; ++*taken) {
        mlci_state next;

        x->n_text = at + *taken;
        next = mlci_machine_step(x, s, m->h->text[at + *taken]);
        if (next == MLCI_DEAD)
            return next;
        s = next;
    }
    return s;
}

mlc_status mlc_matcher_accept_bytes(mlc_matcher *m, const char *bytes, size_t n_bytes,
                                    size_t *taken)
{
    mlc_status st = MLC_OK;
    mlci_state s;
    size_t none;

    if (taken == NULL)
        taken = &none;
    *taken = 0;
    if (m == NULL || (bytes == NULL && n_bytes > 0))
        return MLC_EINVAL;
    if (m->g->n_parts > 0)
        return mlci_union_accept(m, -1, bytes, n_bytes, taken);
    if (mt_last(m)->ended)
        return MLC_ECLOSED;
    if (!mt_begin_with(m, n_bytes))
        return MLC_ENOMEM;
    if (n_bytes > 0)
        memcpy(m->h->text + mt_last(m)->n_text, bytes, n_bytes);
    s = mt_step(m, n_bytes, taken);
    if (*taken < n_bytes && mt_again(m))
        s = mt_step(m, n_bytes, taken);
    if (*taken < n_bytes)
        st = mt_failed(m->g) ? MLC_ENOMEM : MLC_EFORMAT;
    if (st == MLC_OK)
        mt_put(m, s, false, mt_last(m)->n_text + n_bytes);
    mlci_os_unlock(&m->g->lock);
    return st;
}

static bool mt_is_end(const mlc_vocab *v, int32_t token)
{
    for (size_t i = 0; i < v->n_ends; i++)
        if (v->ends[i] == token)
            return true;
    return false;
}

mlc_status mlc_matcher_accept(mlc_matcher *m, int32_t token)
{
    mlc_vocab *v = m != NULL ? m->g->v : NULL;
    size_t taken;

    if (m == NULL || token < 0 || (uint32_t)token >= v->n_tokens)
        return MLC_EINVAL;
    if (m->g->n_parts > 0)
        return mlci_union_accept(m, token, NULL, 0, &taken);
    if (mt_last(m)->ended)
        return MLC_ECLOSED;
    if (!mt_is_end(v, token)) {
        const uint32_t from = v->offsets[token], n = v->offsets[token + 1] - from;

        return n > 0 ? mlc_matcher_accept_bytes(m, v->bytes + from, n, &taken) : MLC_EFORMAT;
    }
    if (!mlc_matcher_may_end(m))
        return MLC_EFORMAT;
    if (!mt_begin_with(m, 0))
        return MLC_ENOMEM;
    mt_put(m, mt_last(m)->state, true, mt_last(m)->n_text);
    mlci_os_unlock(&m->g->lock);
    return MLC_OK;
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
    return mlc_matcher_accept(m, token) == MLC_OK && mlc_matcher_rollback(m, 1) == MLC_OK;
}

mlc_status mlc_matcher_rollback(mlc_matcher *m, size_t n)
{
    if (m == NULL || n >= m->n)
        return MLC_EINVAL;
    if (m->g->n_parts > 0)
        return mlci_union_rollback(m, n);
    m->n -= n;
    return MLC_OK;
}

int32_t mlc_matcher_may_end(mlc_matcher *m)
{
    bool r;

    if (m == NULL)
        return 0;
    if (m->g->n_parts > 0)
        return mlci_union_may_end(m);
    if (mt_last(m)->ended || !mt_begin(m))
        return 0;
    r = mlci_machine_may_end(&m->g->m, mt_last(m)->state);
    mlci_os_unlock(&m->g->lock);
    return r;
}

/* The only byte that may come; -1: there is a choice. */
static int mt_only_byte(mlci_machine *m, mlci_state s, mlci_state *next)
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
    bool failed;
    size_t at;
    int byte;

    if (m == NULL || n_bytes == NULL || (buf == NULL && cap > 0))
        return MLC_EINVAL;
    *n_bytes = 0;
    if (m->g->n_parts > 0)
        return mlci_union_forced(m, buf, cap, n_bytes);
    if (mt_last(m)->ended)
        return MLC_OK;
    if (!mt_begin_with(m, cap + 1))
        return MLC_ENOMEM;
    s = mt_last(m)->state;
    at = mt_last(m)->n_text;
    x->text = m->h->text;
    for (x->n_text = at; *n_bytes < cap && (byte = mt_only_byte(x, s, &s)) >= 0; x->n_text++) {
        m->h->text[x->n_text] = (uint8_t)byte;
        buf[(*n_bytes)++] = (char)byte;
    }
    failed = mt_failed(m->g);
    mlci_os_unlock(&m->g->lock);
    if (failed)
        *n_bytes = 0;
    return failed ? MLC_ENOMEM : MLC_OK;
}

/* The longest token that the bytes begin with, which no longer one might be; -1: none. */
static int32_t mt_longest(const mlci_tree *t, const char *bytes, size_t n, size_t *used)
{
    uint32_t node = 0, i = 0;
    int32_t best = -1;

    for (; i < n; i++) {
        uint32_t k = t->first[node];

        while (k < t->first[node + 1] && t->byte[k] != (uint8_t)bytes[i])
            k++;
        if (k == t->first[node + 1])
            return best;
        node = t->to[k];
        if (t->token[node] >= 0) {
            best = t->token[node];
            *used = i + 1;
        }
    }
    return t->first[node] < t->first[node + 1] ? -1 : best;
}

mlc_status mlc_matcher_forced_tokens(mlc_matcher *m, int32_t *tokens, size_t cap,
                                     size_t *n_tokens)
{
    mlc_context *ctx = m != NULL ? m->g->v->ctx : NULL;
    size_t n = 0, at = 0, used = 0;
    mlc_status st;
    char *bytes;

    if (m == NULL || n_tokens == NULL || (tokens == NULL && cap > 0))
        return MLC_EINVAL;
    *n_tokens = 0;
    bytes = mlci_new(ctx, MT_FORCED, 1);
    if (bytes == NULL)
        return MLC_ENOMEM;
    st = mlc_matcher_forced(m, bytes, MT_FORCED, &n);
    while (st == MLC_OK && *n_tokens < cap) {
        const int32_t token = mt_longest(&m->g->v->t.all, bytes + at, n - at, &used);

        if (token < 0)
            break;
        tokens[(*n_tokens)++] = token;
        at += used;
    }
    mlci_delete(ctx, bytes, MT_FORCED, 1);
    return st;
}

/* ---- logits ----------------------------------------------------------------------------- */

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
