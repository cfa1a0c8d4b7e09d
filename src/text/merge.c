/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c - byte-pair merging of one word (Sennrich et al. 2016).
 *
 * Start from single bytes (or characters); again and again join the pair of
 * neighbours with the lowest key, the leftmost of equals, until no pair has a
 * rule.  The key is the rank of a merge rule, or the order of the score of the
 * token that the two make.
 *
 * Short words - nearly all - keep their symbols in an array and scan it.  Long
 * ones (a run of 10,000 letters) use a heap of candidates, so that the time is
 * n log n.  A cache over one encode call remembers what short words became:
 * text repeats itself, a hit costs a tenth of a merge.
 */
#include "tokenizer.h"
#include "../base/utf8.h"

#include <string.h>

enum {
    MG_SHORT = 48,          /* symbols of a word that is scanned             */
    MG_WORD_BYTES = 22,     /* of a cached word                              */
    MG_WORD_IDS = 6,
    MG_CACHE = 2048,        /* words                                         */
    MG_CACHE_FROM = 256     /* bytes of text that make a cache worth its 100 KB */
};

typedef struct mlci_word {
    uint8_t n_bytes, n_ids;         /* n_bytes 0: free                       */
    char    bytes[MG_WORD_BYTES];
    int32_t ids[MG_WORD_IDS];
} mlci_word;

typedef struct mlci_symbol {
    const char *text;
    uint32_t    n_bytes, span;      /* span: first symbols it is made of      */
    int32_t     id;                 /* -1: no token (a character to be spelled) */
    int32_t     prev, next;         /* long words                             */
    uint32_t    key;                /* short words: of the pair with the next */
    int32_t     pair;               /* ... and what it makes                  */
} mlci_symbol;

typedef struct mlci_candidate {
    uint32_t key, span;
    int32_t  left, id;
} mlci_candidate;

/* ---- rules -------------------------------------------------------------------- */

static size_t mg_slot(const mlci_merge *merges, size_t n_slots, uint32_t left,
                      uint32_t right)
{
    size_t s = (size_t)mlci_mix((uint64_t)left << 32 | right) & (n_slots - 1);

    while (merges[s].left != UINT32_MAX
           && (merges[s].left != left || merges[s].right != right))
        s = (s + 1) & (n_slots - 1);
    return s;
}

/* "left right" in the file's alphabet: both parts as bytes, one behind the
 * other, in buf.  Returns the length of the left part. */
static size_t mg_rule_bytes(const char *s, size_t n, bool byte_level, char *buf,
                            size_t *total)
{
    const char *space = n > 1 ? memchr(s + 1, ' ', n - 1) : NULL;
    size_t split = space != NULL ? (size_t)(space - s) : n, left = 0, used = 0;

    for (size_t i = 0; i < n; ) {
        int32_t cp;
        size_t len = mlci_utf8_read(s + i, n - i, &cp);
        int b = byte_level ? mlci_byte_of_char(cp) : -1;

        if (i == split) {
            left = used;
        } else if (b >= 0) {
            buf[used++] = (char)b;
        } else if (!byte_level && cp == 0x2581) {
            buf[used++] = ' ';
        } else {
            memcpy(buf + used, s + i, len);
            used += len;
        }
        i += len;
    }
    *total = used;
    return split < n ? left : used;
}

mlc_status mlci_merge_load(mlc_tokenizer *t, const mlci_value *v, mlc_error *err)
{
    const unsigned char *p = v->items;
    char buf[1024];

    for (t->n_merge_slots = 16; t->n_merge_slots < v->u + v->u / 2; )
        t->n_merge_slots *= 2;
    t->merges = mlci_arena_new(&t->arena, t->n_merge_slots, sizeof *t->merges);
    if (t->merges == NULL || v->u >= UINT32_MAX)
        return mlci_nomem(err, "merge rules");
    for (size_t i = 0; i < t->n_merge_slots; i++)
        t->merges[i].left = UINT32_MAX;
    for (uint32_t rank = 0; rank < v->u; rank++) {
        size_t n = (size_t)mlci_le(p, 8), left, total, s;
        int32_t a, b, c;

        if (n <= sizeof buf) {
            left = mg_rule_bytes((const char *)p + 8, n, t->byte_level, buf, &total);
            a = mlci_vocab_find(t, buf, left);
            b = mlci_vocab_find(t, buf + left, total - left);
            c = mlci_vocab_find(t, buf, total);
            /* A rule with a part that is no token can never apply. */
            if (a >= 0 && b >= 0 && c >= 0) {
                s = mg_slot(t->merges, t->n_merge_slots, (uint32_t)a, (uint32_t)b);
                if (t->merges[s].left == UINT32_MAX)
                    t->merges[s] = (mlci_merge){ (uint32_t)a, (uint32_t)b, rank,
                                                 (uint32_t)c };
            }
        }
        p += 8 + n;
    }
    return MLC_OK;
}

/* What two neighbours make; key UINT32_MAX if nothing. */
static int32_t mg_pair(const mlc_tokenizer *t, const mlci_symbol *a,
                       const mlci_symbol *b, uint32_t *key)
{
    const mlci_merge *m;
    int32_t id;

    *key = UINT32_MAX;
    if (!t->score_based) {
        if (a->id < 0 || b->id < 0)
            return -1;
        m = &t->merges[mg_slot(t->merges, t->n_merge_slots, (uint32_t)a->id,
                               (uint32_t)b->id)];
        if (m->left == UINT32_MAX)
            return -1;
        *key = m->key;
        return (int32_t)m->id;
    }
    if (a->n_bytes + b->n_bytes > t->max_piece)
        return -1;
    id = mlci_vocab_find(t, a->text, a->n_bytes + b->n_bytes);
    if (id < 0 || t->types[id] == TK_CONTROL || t->types[id] == TK_UNKNOWN
        || t->types[id] == TK_BYTE)
        return -1;
    *key = t->score_keys[id];
    return id;
}

/* ---- first symbols and last ids --------------------------------------------------- */

/* The word's bytes or characters, at most cap; returns how many there are. */
static size_t mg_first(const mlc_tokenizer *t, const char *word, size_t n,
                       mlci_symbol *sym, size_t cap)
{
    size_t count = 0;

    for (size_t i = 0; i < n; ) {
        int32_t cp, id;
        size_t len = 1;

        if (t->byte_level) {
            id = t->byte_ids[(unsigned char)word[i]];
            if (id < 0) {  /* the vocabulary cannot write this byte: it goes */
                i++;
                continue;
            }
        } else {
            len = mlci_utf8_read(word + i, n - i, &cp);
            id = mlci_vocab_find(t, word + i, len);
            if (id >= 0 && (t->types[id] == TK_CONTROL || t->types[id] == TK_BYTE))
                id = -1;
        }
        if (count < cap)
            sym[count] = (mlci_symbol){ word + i, (uint32_t)len, 1, id,
                                        (int32_t)count - 1, (int32_t)count + 1, 0, 0 };
        count++;
        i += len;
    }
    return count;
}

static void mg_emit(mlci_encoder *e, const mlci_symbol *s)
{
    const mlc_tokenizer *t = e->tok;

    if (s->id >= 0) {
        mlci_ids_add(e->out, s->id);
        return;
    }
    for (uint32_t i = 0; i < s->n_bytes; i++) {
        int32_t id = t->byte_ids[(unsigned char)s->text[i]];

        if (id < 0) {
            if (t->special[MLC_TOKEN_UNK] >= 0)
                mlci_ids_add(e->out, t->special[MLC_TOKEN_UNK]);
            return;
        }
        mlci_ids_add(e->out, id);
    }
}

/* ---- short words -------------------------------------------------------------------- */

static void mg_scan(mlci_encoder *e, mlci_symbol *sym, size_t n)
{
    const mlc_tokenizer *t = e->tok;

    for (size_t i = 0; i + 1 < n; i++)
        sym[i].pair = mg_pair(t, &sym[i], &sym[i + 1], &sym[i].key);
    while (n > 1) {
        size_t best = 0;

        for (size_t i = 1; i + 1 < n; i++)
            if (sym[i].key < sym[best].key)
                best = i;
        if (sym[best].key == UINT32_MAX)
            break;
        sym[best].id = sym[best].pair;
        sym[best].n_bytes += sym[best + 1].n_bytes;
        memmove(&sym[best + 1], &sym[best + 2], (n - best - 2) * sizeof *sym);
        n--;
        if (best + 1 < n)
            sym[best].pair = mg_pair(t, &sym[best], &sym[best + 1], &sym[best].key);
        if (best > 0)
            sym[best - 1].pair = mg_pair(t, &sym[best - 1], &sym[best],
                                         &sym[best - 1].key);
    }
    for (size_t i = 0; i < n; i++)
        mg_emit(e, &sym[i]);
}

/* ---- long words --------------------------------------------------------------------- */

static bool mg_before(const mlci_candidate *a, const mlci_candidate *b)
{
    return a->key != b->key ? a->key < b->key : a->left < b->left;
}

static void mg_push(mlci_encoder *e, size_t *n, mlci_candidate c)
{
    size_t i = (*n)++;

    for (; i > 0 && mg_before(&c, &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = c;
}

static mlci_candidate mg_pop(mlci_encoder *e, size_t *n)
{
    mlci_candidate top = e->heap[0], last = e->heap[--*n];
    size_t i = 0, c;

    while ((c = 2 * i + 1) < *n) {
        if (c + 1 < *n && mg_before(&e->heap[c + 1], &e->heap[c]))
            c++;
        if (!mg_before(&e->heap[c], &last))
            break;
        e->heap[i] = e->heap[c];
        i = c;
    }
    e->heap[i] = last;
    return top;
}

static void mg_consider(mlci_encoder *e, size_t *n_heap, int32_t left)
{
    const mlci_symbol *a, *b;
    mlci_candidate c;

    if (left < 0 || e->symbols[left].next < 0)
        return;
    a = &e->symbols[left];
    b = &e->symbols[a->next];
    c.id = mg_pair(e->tok, a, b, &c.key);
    c.left = left;
    c.span = a->span + b->span;
    if (c.key != UINT32_MAX)
        mg_push(e, n_heap, c);
}

/* Each merge adds at most two candidates, so 3 n fit. */
static void mg_long(mlci_encoder *e, const char *word, size_t n_bytes, size_t n)
{
    mlc_context *ctx = e->tok->ctx;
    void *sym = e->symbols, *heap = e->heap;
    size_t n_heap = 0;

    if (n > INT32_MAX / 4 || !mlci_grow(ctx, &sym, &e->n_symbols, n, sizeof *e->symbols)) {
        e->status = MLC_ENOMEM;
        return;
    }
    e->symbols = sym;
    if (!mlci_grow(ctx, &heap, &e->n_heap, 3 * n, sizeof *e->heap)) {
        e->status = MLC_ENOMEM;
        return;
    }
    e->heap = heap;
    mg_first(e->tok, word, n_bytes, e->symbols, n);
    e->symbols[n - 1].next = -1;
    for (size_t i = 0; i + 1 < n; i++)
        mg_consider(e, &n_heap, (int32_t)i);
    while (n_heap > 0) {
        mlci_candidate c = mg_pop(e, &n_heap);
        mlci_symbol *a = &e->symbols[c.left], *b;

        /* Stale if either side has changed since: spans only ever grow, and a
         * symbol that was swallowed has span 0. */
        if (a->span == 0 || a->next < 0)
            continue;
        b = &e->symbols[a->next];
        if (a->span + b->span != c.span)
            continue;
        a->id = c.id;
        a->span = c.span;
        a->n_bytes += b->n_bytes;
        b->span = 0;
        a->next = b->next;
        if (a->next >= 0)
            e->symbols[a->next].prev = c.left;
        mg_consider(e, &n_heap, a->prev);
        mg_consider(e, &n_heap, c.left);
    }
    for (int32_t i = 0; i >= 0; i = e->symbols[i].next)
        mg_emit(e, &e->symbols[i]);
}

/* ---- the cache ------------------------------------------------------------------------ */

void mlci_encoder_begin(mlci_encoder *e, const mlc_tokenizer *t, mlci_ids *out,
                        size_t text_bytes)
{
    memset(e, 0, sizeof *e);
    e->tok = t;
    e->out = out;
    if (text_bytes >= MG_CACHE_FROM)  /* without memory it works without cache */
        e->cache = mlci_new(t->ctx, MG_CACHE, sizeof *e->cache);
}

void mlci_encoder_end(mlci_encoder *e)
{
    mlc_context *ctx = e->tok->ctx;

    mlci_delete(ctx, e->cache, MG_CACHE, sizeof *e->cache);
    mlci_delete(ctx, e->symbols, e->n_symbols, sizeof *e->symbols);
    mlci_delete(ctx, e->heap, e->n_heap, sizeof *e->heap);
}

static void mg_word(mlci_encoder *e, const char *word, size_t n)
{
    mlci_symbol sym[MG_SHORT];
    size_t count;
    int32_t id;

    if (e->tok->ignore_merges && n <= e->tok->max_piece) {
        id = mlci_vocab_find(e->tok, word, n);
        if (id >= 0 && e->tok->types[id] == TK_NORMAL) {
            mlci_ids_add(e->out, id);
            return;
        }
    }
    count = mg_first(e->tok, word, n, sym, MG_SHORT);
    if (count <= MG_SHORT)
        mg_scan(e, sym, count);
    else
        mg_long(e, word, n, count);
}

void mlci_merge_word(mlci_encoder *e, const char *word, size_t n)
{
    mlci_ids mine, *out = e->out;
    int32_t ids[MG_WORD_IDS];
    mlci_word *w;

    if (n == 0)
        return;
    if (e->cache == NULL || n > MG_WORD_BYTES) {
        mg_word(e, word, n);
        return;
    }
    w = &e->cache[mlci_hash(word, n, 0) % MG_CACHE];
    if (w->n_bytes != n || memcmp(w->bytes, word, n) != 0) {
        mine = (mlci_ids){ ids, MG_WORD_IDS, 0 };
        e->out = &mine;
        mg_word(e, word, n);
        e->out = out;
        if (mine.n > MG_WORD_IDS) {  /* too many to keep: once more, for real */
            mg_word(e, word, n);
            return;
        }
        w->n_bytes = (uint8_t)n;
        w->n_ids = (uint8_t)mine.n;
        memcpy(w->bytes, word, n);
        memcpy(w->ids, ids, mine.n * sizeof *ids);
    }
    for (uint8_t i = 0; i < w->n_ids; i++)
        mlci_ids_add(out, w->ids[i]);
}
