/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c - machine.h: frames and their steps.
 *
 * A state is a list of numbers: the frame's kind, what it knows, the state below.
 */
#include "judge.h"
#include "machine_frames.h"
#include "number_state.h"
#include "tags.h"
#include "text_state.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum { MA_PATTERNS = 8, MA_TEXT_BYTES = MLCI_WORD_BYTES, MA_SEEN = 4096, MA_MOST_STATES = 1 << 24 };
#define MA_NO (UINT32_MAX - 1)

static mlci_tuples *ma_t(const mlci_machine *m) { return &m->s->tuples; }

static uint32_t ma_keep(mlci_machine *m, const uint32_t *words, uint32_t n)
{
    uint32_t r = mlci_tuple(ma_t(m), words, n);

    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : 0;
}

#define MA_STATE(m, ...)                                                       \
    ma_keep(m, (const uint32_t[]){ __VA_ARGS__ },                              \
            sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static const uint32_t *ma_at(const mlci_machine *m, mlci_state s) { return mlci_frame(m, s); }

static uint32_t ma_remember(mlci_machine *m, uint32_t a, uint32_t b, uint32_t value)
{
    m->too_complex |= !mlci_map_put(&m->memo, a, b, value);
    return value;
}

/* ---- what waits below ----------------------------------------------------------------- */

static uint32_t ma_pick(const mlci_machine *m, uint32_t list, uint32_t i)
{
    return ma_t(m)->items[list][1 + i];
}

static bool ma_space(const mlci_machine *m, uint8_t b)
{
    return m->s->o.spaces == MLCI_SPACES_ANY
        && (b == ' ' || b == '\n' || b == '\t' || b == '\r');
}

/* A state behind a comma or a colon. */
static mlci_state ma_behind(mlci_machine *m, mlci_state s)
{
    return m->s->o.spaces == MLCI_SPACES_ONE && s != MLCI_DEAD ? MA_STATE(m, MA_SPACE, s) : s;
}

/* Where the value that ends before `end` begins, behind one of two bytes: backwards, strings
 * as one. */
static size_t ma_value_begin(const mlci_machine *m, size_t end, uint8_t behind, uint8_t or)
{
    uint32_t depth = 0;
    size_t i = end;

    for (; i > 0; i--) {
        const uint8_t b = m->text[i - 1];

        if (depth == 0 && (b == behind || b == or))
            break;
        if (b == '}' || b == ']')
            depth++;
        else if (b == '{' || b == '[')
            depth--;
        else if (b == '"')
            i = mlci_text_begin(m->text, i - 1) + 1;
    }
    return i;
}

static size_t ma_item_begin(const mlci_machine *m, size_t end)
{
    return ma_value_begin(m, end, ',', '[');
}

static uint64_t ma_name_hash(const mlci_machine *m, size_t begin, size_t end)
{
    return mlci_hash(m->text + begin, end - begin, 2);
}

static size_t ma_back_to(const mlci_machine *m, size_t i, uint8_t byte)
{
    while (i > 0 && m->text[i - 1] != byte)
        i--;
    return i > 0 ? i - 1 : 0;
}

/* Is there a member of this name in the object, before the name whose opening quote is at
 * `quote`?  Backwards through the text. */
static bool ma_name_before(const mlci_machine *m, size_t quote, uint64_t hash)
{
    while (quote > 0) {
        size_t comma = quote, end;

        while (comma > 0 && m->text[comma - 1] != ',' && m->text[comma - 1] != '{')
            comma--;
        if (comma == 0 || m->text[comma - 1] == '{')
            return false;
        end = ma_back_to(m, ma_value_begin(m, comma - 1, ':', ':'), '"');
        quote = mlci_text_begin(m->text, end);
        if (ma_name_hash(m, quote + 1, end) == hash)
            return true;
    }
    return false;
}

/* Names or items so far: number of a list (hash low, hash high, list before), 0: none.  Of
 * a token that is only tried, all look alike (MA_TRIED), so that states are few: what they
 * are is looked up in the text. */
enum { MA_TRIED = 1 };

/* end: of the item, or where the name's opening quote is. */
static bool ma_known(mlci_machine *m, uint32_t list, uint64_t hash, bool names, size_t end)
{
    for (; list != 0; list = ma_pick(m, list, 2)) {
        uint64_t x = (uint64_t)ma_pick(m, list, 1) << 32 | ma_pick(m, list, 0);

        if (x == MA_TRIED && names)
            return ma_name_before(m, end, hash);
        if (x == MA_TRIED) {             /* the item before */
            const size_t begin = ma_item_begin(m, end);

            end = begin > 0 ? begin - 1 : 0;
            x = mlci_json_text_hash(m->text + ma_item_begin(m, end),
                                    end - ma_item_begin(m, end));
        }
        if (x == hash)
            return true;
    }
    return false;
}

static uint32_t ma_add_known(mlci_machine *m, uint32_t list, uint64_t hash)
{
    hash = m->trying ? MA_TRIED : hash + (hash == MA_TRIED);
    return ma_keep(m, (const uint32_t[]){ (uint32_t)hash, (uint32_t)(hash >> 32), list }, 3);
}

/* Whether items must be unlike, in an ITEM: each is looked up among those before, or is one
 * of a few texts, which is then wanted no more. */
enum { MA_ALIKE, MA_UNLIKE, MA_UNLIKE_TEXTS };

/* The item that ends before `end` has come; vec: what is wanted then. */
static mlci_state ma_unlike(mlci_machine *m, const uint32_t *f, uint32_t vec, size_t end)
{
    const size_t begin = mlci_text_begin(m->text, end - 1) + 1;
    uint32_t items = f[2];
    char text[MA_TEXT_BYTES];
    uint64_t hash;

    m->impure = true;
    if (f[3] == MA_UNLIKE_TEXTS) {
        const size_t n = mlci_text_decode(m->text + begin, end - 1 - begin, text, sizeof text);
        const uint32_t name = mlci_schema_name(m->s, text, n);

        m->too_complex |= name == UINT32_MAX;
        vec = name != UINT32_MAX ? mlci_judge_without(m, vec, name) : 0;
    } else {
        const size_t first = ma_item_begin(m, end);

        hash = mlci_json_text_hash(m->text + first, end - first);
        if (ma_known(m, items, hash, false, end))
            vec = mlci_judge_repeated(m, vec);
        items = vec != 0 ? ma_add_known(m, items, hash) : 0;
    }
    return vec != 0 ? MA_STATE(m, MA_ARRAY, vec, items, MA_NEXT, f[4]) : MLCI_DEAD;
}

/* A value has come, and it fits number `which` of what was wanted. */
static mlci_state ma_return(mlci_machine *m, mlci_state below, uint32_t which, size_t end)
{
    const uint32_t *f = ma_at(m, below);
    uint32_t vec;

    switch ((ma_kind)f[0]) {
    case MA_ROOT:   return MA_STATE(m, MA_END, 0);
    case MA_MEMBER: return MA_STATE(m, MA_OBJECT, ma_pick(m, f[1], which), f[2], f[3], f[4],
                                    MA_NEXT, f[6]);
    case MA_ITEM: default:
        vec = ma_pick(m, f[1], which);
        return f[3] != MA_ALIKE ? ma_unlike(m, f, vec, end)
                                : MA_STATE(m, MA_ARRAY, vec, f[2], MA_NEXT, f[4]);
    }
}

/* ---- lists of formulas for one type --------------------------------------------------- */

/* The list for objects or arrays; 0: none is possible. */
static uint32_t ma_only(mlci_machine *m, uint32_t vec, uint32_t type, uint32_t question)
{
    uint32_t n, known = mlci_map_get(&m->memo, question, vec), words[512];
    const uint32_t *fx = mlci_tuple_at(ma_t(m), vec, &n);
    bool any = false;

    if (known != UINT32_MAX)
        return known;
    for (uint32_t i = 0; i < n && i < 512; i++) {
        words[i] = mlci_judge_only(m, fx[i], type);
        any |= words[i] != MLCI_FX_FALSE
            && mlci_judge_possible(m, mlci_fx_and(ma_t(m), fx[i],
                                                  mlci_fx_atom(ma_t(m), MLCI_AT_TYPE, type, 0)));
    }
    m->too_complex |= n > 512;
    return ma_remember(m, question, vec, any ? ma_keep(m, words, n) : 0);
}

/* The first that wants this type and no more. */
static int32_t ma_literal(mlci_machine *m, uint32_t vec, uint32_t type)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ma_t(m), vec, &n);

    for (uint32_t i = 0; i < n; i++)
        if (mlci_judge_only(m, fx[i], type) == MLCI_FX_TRUE)
            return (int32_t)i;
    return -1;
}

/* ---- names ---------------------------------------------------------------------------- */

/* What a member leads to depends on the shape where names are told apart by patterns, or
 * have an order. */
static uint32_t ma_member_key(mlci_machine *m, uint32_t vec, uint32_t shape, uint32_t name)
{
    return name != UINT32_MAX && m->shapes[shape].n_ranks == 0
         ? vec : ma_keep(m, (const uint32_t[]){ vec, shape }, 2);
}

/* What a member of a known name, or of others that match these patterns, splits into. */
static bool ma_split(mlci_machine *m, uint32_t vec, uint32_t shape, uint32_t name,
                     uint64_t patterns, mlci_split *out)
{
    const uint32_t w = name != UINT32_MAX ? MA_MEMBER_WANTS + name
                                          : MA_CLASS_WANTS + (uint32_t)patterns;
    const uint32_t p = name != UINT32_MAX ? MA_MEMBER_PENDING + name
                                          : MA_CLASS_PENDING + (uint32_t)patterns;
    const bool keep = name != UINT32_MAX || patterns < 1 << 20;
    const uint32_t key = ma_member_key(m, vec, shape, name);

    out->wants = keep ? mlci_map_get(&m->memo, w, key) : UINT32_MAX;
    if (out->wants == UINT32_MAX) {
        if (!mlci_judge_member(m, vec, name, patterns, &m->shapes[shape], out))
            out->wants = out->pending = MA_NO;
        if (keep) {
            (void)ma_remember(m, w, key, out->wants);
            (void)ma_remember(m, p, key, out->pending);
        }
    } else {
        out->pending = mlci_map_get(&m->memo, p, key);
    }
    return out->wants != MA_NO;
}

static bool ma_allowed(mlci_machine *m, uint32_t vec, uint32_t shape, uint32_t seen, uint32_t i)
{
    const uint32_t name = m->shapes[shape].names[i];
    uint32_t n, known, key;
    const uint32_t *bits = mlci_tuple_at(ma_t(m), seen, &n);
    mlci_split split;

    if (i / 32 < n && (bits[i / 32] >> (i % 32) & 1) != 0)
        return false;
    key = ma_member_key(m, vec, shape, name);
    known = mlci_map_get(&m->memo, MA_ALLOWED + name, key);
    if (known != UINT32_MAX)
        return known == 1;
    return ma_remember(m, MA_ALLOWED + name, key, mlci_judge_plain(m, vec)
                       ? mlci_judge_allows(m, vec, name, &m->shapes[shape])
                       : ma_split(m, vec, shape, name, 0, &split)) == 1;
}

/* Texts of other names: the first says which may come at all, one more for each pattern. */
static uint32_t ma_others(mlci_machine *m, uint32_t vec, uint32_t shape)
{
    const uint32_t n = m->shapes[shape].n_patterns;
    const uint32_t key = ma_keep(m, (const uint32_t[]){ vec, shape }, 2);
    uint32_t known = mlci_map_get(&m->memo, MA_OTHERS_OF, key), words[65];
    mlci_rx_store *rx = &m->s->rx;
    mlci_rx all = MLCI_RX_NONE;
    mlci_split split;

    if (known != UINT32_MAX)
        return known;
    for (uint32_t c = 0; n <= MA_PATTERNS && c < 1u << n; c++) {
        mlci_rx r = n == 0 ? MLCI_RX_ALL : m->s->text;

        for (uint32_t i = 0; i < n; i++) {
            const mlci_rx pattern = m->shapes[shape].patterns[i];

            r = mlci_rx_and(rx, r, (c >> i & 1) != 0 ? pattern : mlci_rx_not(rx, pattern));
        }
        if (!mlci_rx_dead(rx, r, MLCI_TEXT_BUDGET)
            && ma_split(m, vec, shape, UINT32_MAX, c, &split))
            all = mlci_rx_or(rx, all, r);
    }
    words[0] = n > MA_PATTERNS ? MLCI_RX_ALL : all;
    memcpy(words + 1, m->shapes[shape].patterns, n * sizeof *words);
    return ma_remember(m, MA_OTHERS_OF, key,
                       words[0] == MLCI_RX_NONE ? 0 : ma_keep(m, words, n + 1));
}

/* ---- a name being read ---------------------------------------------------------------- */

/* The object frame is below. */
static mlci_state ma_key_begin(mlci_machine *m, mlci_state object)
{
    const uint32_t *f = ma_at(m, object);
    const uint32_t n = m->shapes[f[4]].n;
    uint32_t others = ma_others(m, f[1], f[4]), first = 0;

    while (first < n && others == 0 && !ma_allowed(m, f[1], f[4], f[2], first))
        first++;
    if (first == n && others == 0)
        return MLCI_DEAD;
    return MA_STATE(m, MA_KEY, first, n, 0, 0, others, object);
}

/* One decoded byte. */
static mlci_state ma_key_byte(mlci_machine *m, const uint32_t *f, uint8_t byte, uint32_t place)
{
    const uint32_t *o = ma_at(m, f[6]);
    const mlci_shape *shape = &m->shapes[o[4]];
    uint32_t first = f[1], last = f[2], others = f[5], n, words[65];
    const uint32_t at = f[3];

    while (first < last) {                /* those that go on with the byte */
        const mlci_name *x = &m->s->names[shape->names[first]];

        if (x->n > at && (uint8_t)x->p[at] >= byte)
            break;
        first++;
    }
    for (uint32_t low = first, high = last; low < high;) {
        const mlci_name *x;
        uint32_t mid = (low + high) / 2;

        x = &m->s->names[shape->names[mid]];
        if (x->n > at && (uint8_t)x->p[at] > byte)
            last = high = mid;
        else
            low = mid + 1;
    }
    if (others != 0) {
        const uint32_t *from = mlci_tuple_at(ma_t(m), others, &n);

        memcpy(words, from, n * sizeof *words);
        for (uint32_t i = 0; i < n; i++)
            words[i] = mlci_rx_step(&m->s->rx, words[i], byte);
        others = mlci_rx_dead(&m->s->rx, words[0], MLCI_TEXT_BUDGET) ? 0 : ma_keep(m, words, n);
    }
    while (first < last && others == 0 && !ma_allowed(m, o[1], o[4], o[2], first))
        first++;
    if (first >= last && others == 0)
        return MLCI_DEAD;
    if (first >= last)                   /* how many bytes so far does not matter then */
        return MA_STATE(m, MA_KEY, 0, 0, 0, place, others, f[6]);
    return MA_STATE(m, MA_KEY, first, last, at + 1, place, others, f[6]);
}

static bool ma_needs_others(mlci_machine *m, uint32_t vec)
{
    uint32_t known = mlci_map_get(&m->memo, MA_NEEDS_OTHERS, vec);

    return (known != UINT32_MAX ? known
            : ma_remember(m, MA_NEEDS_OTHERS, vec, !mlci_judge_plain(m, vec))) != 0;
}

/* The names that may not come any more after number i of a shape (UINT32_MAX: others): it,
 * and where members have an order, those before it. */
static uint32_t ma_seen(mlci_machine *m, const mlci_shape *shape, uint32_t seen, uint32_t i)
{
    const uint32_t name = i != UINT32_MAX ? shape->names[i] : i;
    uint32_t n, words[MA_SEEN], most = shape->n_ranks > 0 ? (shape->n + 31) / 32 : i / 32 + 1;
    const uint32_t *bits = mlci_tuple_at(ma_t(m), seen, &n);

    if (i == UINT32_MAX && shape->n_ranks == 0)
        return seen;
    most = most > n ? most : n;
    if (most > MA_SEEN) {
        m->too_complex = true;
        return seen;
    }
    memset(words, 0, most * sizeof *words);
    memcpy(words, bits, n * sizeof *words);
    if (i != UINT32_MAX)
        words[i / 32] |= (uint32_t)1 << (i % 32);
    for (uint32_t k = 0; k < shape->n && shape->n_ranks > 0; k++)
        if (mlci_shape_before(shape, shape->names[k], name))
            words[k / 32] |= (uint32_t)1 << (k % 32);
    return ma_keep(m, words, most);
}

static mlci_state ma_key_end(mlci_machine *m, const uint32_t *f)
{
    const uint32_t *o = ma_at(m, f[6]), *bits;
    const mlci_shape *shape = &m->shapes[o[4]];
    uint32_t n, others = o[3];
    uint64_t patterns = 0, hash;
    mlci_split split;

    if (f[1] < f[2] && m->s->names[shape->names[f[1]]].n == f[3]) {
        if (!ma_allowed(m, o[1], o[4], o[2], f[1])
            || !ma_split(m, o[1], o[4], shape->names[f[1]], 0, &split))
            return MLCI_DEAD;
        return MA_STATE(m, MA_MEMBER, split.pending, ma_seen(m, shape, o[2], f[1]), others, o[4],
                        MA_COLON, o[6], split.wants);
    }
    if (f[5] == 0)
        return MLCI_DEAD;
    bits = mlci_tuple_at(ma_t(m), f[5], &n);
    if (!mlci_rx_may_end(&m->s->rx, bits[0]))
        return MLCI_DEAD;
    for (uint32_t i = 1; i < n; i++)
        patterns |= (uint64_t)mlci_rx_may_end(&m->s->rx, bits[i]) << (i - 1);
    if (!ma_split(m, o[1], o[4], UINT32_MAX, patterns, &split))
        return MLCI_DEAD;
    if (ma_needs_others(m, o[1])) {
        const size_t quote = mlci_text_begin(m->text, m->n_text);

        m->impure = true;
        hash = ma_name_hash(m, quote + 1, m->n_text);
        if (ma_known(m, others, hash, true, quote))
            return MLCI_DEAD;
        others = ma_add_known(m, others, hash);
    }
    return MA_STATE(m, MA_MEMBER, split.pending, ma_seen(m, shape, o[2], UINT32_MAX), others,
                    o[4], MA_COLON, o[6], split.wants);
}

static mlci_state ma_key_step(mlci_machine *m, const uint32_t *f, uint8_t byte)
{
    uint32_t place = f[4];
    mlci_state s = MLCI_DEAD;
    uint8_t c;

    switch (mlci_text_byte(&place, byte, false, &c)) {
    case MLCI_TEXT_END:  return ma_key_end(m, f);
    case MLCI_TEXT_CHAR: case MLCI_TEXT_REST: return ma_key_byte(m, f, c, place);
    case MLCI_TEXT_PART:          /* of an escape: one of those that it may become must do */
        for (uint32_t i = 0; mlci_text_escape(place, i, &c) && s == MLCI_DEAD; i++)
            s = ma_key_byte(m, f, c, 0);
        return s != MLCI_DEAD ? MA_STATE(m, MA_KEY, f[1], f[2], f[3], place, f[5], f[6]) : s;
    default: return MLCI_DEAD;
    }
}

/* ---- objects and arrays --------------------------------------------------------------- */

static mlci_state ma_object_step(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t *f = ma_at(m, s);
    mlci_state after;
    int32_t which;

    if (ma_space(m, byte))
        return s;
    if (byte == '}' && f[5] != MA_AFTER) {
        which = mlci_judge_close(m, f[1]);
        return which >= 0 ? ma_return(m, f[6], (uint32_t)which, m->n_text + 1) : MLCI_DEAD;
    }
    if (byte == '"' && f[5] != MA_NEXT)
        return ma_key_begin(m, s);
    if (byte != ',' || f[5] != MA_NEXT)
        return MLCI_DEAD;
    after = MA_STATE(m, MA_OBJECT, f[1], f[2], f[3], f[4], MA_AFTER, f[6]);
    return ma_key_begin(m, after) != MLCI_DEAD ? ma_behind(m, after) : MLCI_DEAD;
}

static mlci_state ma_member_step(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t *f = ma_at(m, s);
    mlci_state below;

    if (ma_space(m, byte))
        return s;
    if (byte != ':')
        return MLCI_DEAD;
    below = MA_STATE(m, MA_MEMBER, f[1], f[2], f[3], f[4], MA_READING, f[6]);
    return ma_behind(m, MA_STATE(m, MA_VALUE, f[7], below));
}

static mlci_state ma_value_step(mlci_machine *m, mlci_state s, uint8_t byte);

/* How items are told apart that these formulas want. */
static uint32_t ma_unlike_how(mlci_machine *m, uint32_t wants)
{
    uint32_t n;
    const uint32_t *fx = mlci_tuple_at(ma_t(m), wants, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!mlci_judge_few_texts(m, fx[i]))
            return MA_UNLIKE;
    return MA_UNLIKE_TEXTS;
}

/* An item may come: the state in which it is read. */
static mlci_state ma_item(mlci_machine *m, const uint32_t *f)
{
    uint32_t wants = mlci_map_get(&m->memo, MA_ITEM_WANTS, f[1]), pending, unlike;
    mlci_split split;

    if (wants == UINT32_MAX) {
        if (!mlci_judge_item(m, f[1], &split))
            split.wants = split.pending = MA_NO;
        wants = ma_remember(m, MA_ITEM_WANTS, f[1], split.wants);
        (void)ma_remember(m, MA_ITEM_PENDING, f[1], split.pending);
    }
    if (wants == MA_NO)
        return MLCI_DEAD;
    pending = mlci_map_get(&m->memo, MA_ITEM_PENDING, f[1]);
    unlike = mlci_judge_mentions(m, f[1], MLCI_AT_UNIQUE) ? ma_unlike_how(m, wants) : MA_ALIKE;
    return MA_STATE(m, MA_VALUE, wants, MA_STATE(m, MA_ITEM, pending, f[2], unlike, f[4]));
}

static mlci_state ma_array_step(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t *f = ma_at(m, s);
    mlci_state item;
    int32_t which;

    if (ma_space(m, byte))
        return s;
    if (byte == ']') {
        which = mlci_judge_close(m, f[1]);
        return which >= 0 ? ma_return(m, f[4], (uint32_t)which, m->n_text + 1) : MLCI_DEAD;
    }
    if (f[3] == MA_NEXT)
        return byte == ',' ? ma_behind(m, ma_item(m, f)) : MLCI_DEAD;
    item = ma_item(m, f);
    return item != MLCI_DEAD ? ma_value_step(m, item, byte) : item;
}

/* ---- values --------------------------------------------------------------------------- */

const char *const mlci_literals[3] = { "null", "true", "false" };

static mlci_state ma_literal_begin(mlci_machine *m, uint32_t vec, mlci_state below, uint32_t which)
{
    static const uint32_t types[] = { MLCI_V_NULL, MLCI_V_TRUE, MLCI_V_FALSE };
    int32_t i = ma_literal(m, vec, types[which]);

    return i >= 0 ? MA_STATE(m, MA_LITERAL, which, 1, (uint32_t)i, below) : MLCI_DEAD;
}

static mlci_state ma_value_step(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t *f = ma_at(m, s);
    uint32_t vec, texts, numbers;

    if (ma_space(m, byte))
        return s;
    switch (byte) {
    case '"':
        texts = mlci_map_get(&m->memo, MA_STRING_OF, f[1]);
        if (texts == UINT32_MAX)
            texts = ma_remember(m, MA_STRING_OF, f[1], mlci_texts_of(m, f[1]));
        return texts != 0 ? MA_STATE(m, MA_STRING, texts, 0, f[2]) : MLCI_DEAD;
    case '{':
        vec = ma_only(m, f[1], MLCI_V_OBJECT, MA_OBJECT_OF);
        return vec != 0 ? MA_STATE(m, MA_OBJECT, vec, 0, 0, mlci_machine_shape(m, vec), MA_FIRST,
                                   f[2])
                        : MLCI_DEAD;
    case '[':
        vec = ma_only(m, f[1], MLCI_V_ARRAY, MA_ARRAY_OF);
        return vec != 0 ? MA_STATE(m, MA_ARRAY, vec, 0, MA_FIRST, f[2]) : MLCI_DEAD;
    case 'n': return ma_literal_begin(m, f[1], f[2], 0);
    case 't': return ma_literal_begin(m, f[1], f[2], 1);
    case 'f': return ma_literal_begin(m, f[1], f[2], 2);
    default:
        if (byte != '-' && (byte < '0' || byte > '9'))
            return MLCI_DEAD;
        numbers = mlci_map_get(&m->memo, MA_NUMBER_OF, f[1]);
        if (numbers == UINT32_MAX)
            numbers = ma_remember(m, MA_NUMBER_OF, f[1], mlci_numbers_of(m, f[1]));
        numbers = mlci_numbers_step(m, numbers, byte);
        return numbers != 0 ? MA_STATE(m, MA_NUMBER, numbers, f[2]) : MLCI_DEAD;
    }
}

static mlci_state ma_string_step(mlci_machine *m, const uint32_t *f, uint8_t byte)
{
    uint32_t place = f[2], texts = f[1];
    int32_t which = mlci_texts_step(m, &texts, &place, byte);

    if (which >= 0)
        return ma_return(m, f[3], (uint32_t)which, m->n_text + 1);
    return which == MLCI_TEXTS_ON ? MA_STATE(m, MA_STRING, texts, place, f[3]) : MLCI_DEAD;
}

static mlci_tag_place ma_place(const uint32_t *f)
{
    return (mlci_tag_place){ (mlci_tag_phase)f[1], f[2], f[3], f[4] };
}

static mlci_state ma_step(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t *f = ma_at(m, s);
    mlci_tag_place place;
    const char *literal;
    uint32_t numbers;
    mlci_state next;
    int32_t which;

    switch ((ma_kind)f[0]) {
    case MA_END:    return ma_space(m, byte) ? s : MLCI_DEAD;
    case MA_SPACE:  return byte == ' ' ? f[1] : MLCI_DEAD;
    case MA_VALUE:  return ma_value_step(m, s, byte);
    case MA_STRING: return ma_string_step(m, f, byte);
    case MA_OBJECT: return ma_object_step(m, s, byte);
    case MA_KEY:    return ma_key_step(m, f, byte);
    case MA_MEMBER: return ma_member_step(m, s, byte);
    case MA_ARRAY:  return ma_array_step(m, s, byte);
    case MA_TEXT:
        next = byte < MLCI_RX_END ? mlci_rx_step(&m->s->rx, f[1], byte) : MLCI_RX_NONE;
        return next != MLCI_RX_NONE && !mlci_rx_dead(&m->s->rx, next, MLCI_TEXT_BUDGET)
             ? MA_STATE(m, MA_TEXT, next, 0) : MLCI_DEAD;
    case MA_CFG:
        next = mlci_cfg_step(&m->cfg, f[1], byte);
        m->too_complex |= next == UINT32_MAX;
        return next != 0 && next != UINT32_MAX ? MA_STATE(m, MA_CFG, next, 0) : MLCI_DEAD;
    case MA_TAGS:
        place = mlci_tags_step(m->tags, m, ma_place(f), byte);
        return place.phase == MLCI_TAG_DEAD ? MLCI_DEAD
             : MA_STATE(m, MA_TAGS, place.phase, place.a, place.b, place.some, 0);
    case MA_LITERAL:
        literal = mlci_literals[f[1]];
        if ((uint8_t)literal[f[2]] != byte)
            return MLCI_DEAD;
        return literal[f[2] + 1] == 0 ? ma_return(m, f[4], f[3], m->n_text + 1)
                                      : MA_STATE(m, MA_LITERAL, f[1], f[2] + 1, f[3], f[4]);
    case MA_NUMBER:
        numbers = mlci_numbers_step(m, f[1], byte);
        if (numbers != 0)
            return MA_STATE(m, MA_NUMBER, numbers, f[2]);
        which = mlci_numbers_end(m, f[1]);
        next = which >= 0 ? ma_return(m, f[2], (uint32_t)which, m->n_text) : MLCI_DEAD;
        return next != MLCI_DEAD ? mlci_machine_step(m, next, byte) : next;
    default: return MLCI_DEAD;
    }
}

mlci_state mlci_machine_step_far(mlci_machine *m, mlci_state s, uint8_t byte)
{
    const uint32_t key = s << 8 | byte;
    struct mlci_near *x = &m->near_[(key ^ key >> 11) % MLCI_NEAR];
    uint32_t next = mlci_map_get(&m->steps, s, byte);
    bool before = m->impure;

    if (next == UINT32_MAX) {
        m->impure = false;
        next = ma_step(m, s, byte);
        if (m->too_complex || m->s->rx.status != MLC_OK || s >= MA_MOST_STATES) {
            m->too_complex = true;
            return MLCI_DEAD;
        }
        if (m->impure)
            return next;
        (void)mlci_map_put(&m->steps, s, byte, next);
        m->impure = before;
    }
    *x = (struct mlci_near){ key, next };
    return next;
}

bool mlci_machine_may_end(mlci_machine *m, mlci_state s)
{
    const uint32_t *f = ma_at(m, s);

    if (s == MLCI_DEAD)
        return false;
    if (f[0] == MA_TEXT)
        return mlci_rx_may_end(&m->s->rx, f[1]);
    if (f[0] == MA_CFG)
        return mlci_cfg_may_end(&m->cfg, f[1]);
    if (f[0] == MA_TAGS)
        return mlci_tags_may_end(m->tags, ma_place(f));
    return f[0] == MA_END || (f[0] == MA_NUMBER && ma_at(m, f[2])[0] == MA_ROOT
                              && mlci_numbers_end(m, f[1]) >= 0);
}

/* ---- beginning ------------------------------------------------------------------------ */

static mlc_status ma_open(mlci_machine *m, mlci_schema *s, mlc_error *err)
{
    memset(m, 0, sizeof *m);
    m->s = s;
    mlci_map_open(&m->steps, s->ctx);
    mlci_map_open(&m->only, s->ctx);
    mlci_map_open(&m->memo, s->ctx);
    mlci_map_open(&m->divisible, s->ctx);
    m->near_ = mlci_new(s->ctx, MLCI_NEAR, sizeof *m->near_);
    return m->near_ != NULL ? MLC_OK : mlci_nomem(err, "grammar");
}

static mlc_status ma_opened(const mlci_machine *m, bool possible, mlc_error *err)
{
    if (m->too_complex || m->s->rx.status != MLC_OK)
        return mlci_fail(err, MLC_ENOMEM, 0, "grammar: too large");
    return possible ? MLC_OK
         : mlci_fail(err, MLC_EFORMAT, 0, "grammar: unsatisfiable, nothing fits it");
}

mlc_status mlci_machine_open(mlci_machine *m, mlci_schema *s, mlc_error *err)
{
    mlc_status st = ma_open(m, s, err);

    if (st != MLC_OK)
        return st;
    m->start = MA_STATE(m, MA_VALUE, ma_keep(m, &s->root, 1), MA_STATE(m, MA_ROOT, 0));
    return ma_opened(m, mlci_judge_possible(m, s->root), err);
}

mlc_status mlci_machine_open_text(mlci_machine *m, mlci_schema *s, mlci_rx language,
                                  mlc_error *err)
{
    mlc_status st = ma_open(m, s, err);

    if (st != MLC_OK)
        return st;
    m->start = MA_STATE(m, MA_TEXT, language, 0);
    return ma_opened(m, !mlci_rx_dead(&s->rx, language, MLCI_TEXT_BUDGET), err);
}

mlc_status mlci_machine_open_cfg(mlci_machine *m, mlci_schema *s, const char *text, size_t n,
                                 int notation, const mlci_name *end, mlc_error *err)
{
    mlc_status st = ma_open(m, s, err);
    uint32_t start;

    if (st == MLC_OK)
        st = mlci_cfg_open(&m->cfg, s->ctx, &s->rx, &s->tuples, text, n, notation, err);
    if (st != MLC_OK)
        return st;
    if (end != NULL && !mlci_cfg_end_with(&m->cfg, end->p, end->n))
        return mlci_nomem(err, "grammar");
    start = mlci_cfg_start(&m->cfg);
    m->too_complex = start == UINT32_MAX;
    m->start = MA_STATE(m, MA_CFG, start, 0);
    return ma_opened(m, start != 0, err);
}

mlc_status mlci_machine_open_tags(mlci_machine *m, mlci_schema *s, mlci_tags *tags,
                                  mlc_error *err)
{
    mlc_status st = ma_open(m, s, err);

    if (st != MLC_OK)
        return st;
    m->tags = tags;
    m->start = MA_STATE(m, MA_TAGS, MLCI_TAG_FREE, 0, 0, 0, 0);
    return ma_opened(m, true, err);
}

void mlci_machine_close(mlci_machine *m)
{
    mlci_cfg_close(&m->cfg);
    mlci_map_close(&m->steps);
    mlci_map_close(&m->only);
    mlci_map_close(&m->memo);
    mlci_map_close(&m->divisible);
    if (m->s == NULL)
        return;
    mlci_delete(m->s->ctx, m->near_, MLCI_NEAR, sizeof *m->near_);
    mlci_delete(m->s->ctx, m->shapes, m->cap_shapes, sizeof *m->shapes);
}

size_t mlci_machine_bytes(const mlci_machine *m)
{
    return m->steps.bytes + m->only.bytes + m->memo.bytes + m->divisible.bytes
         + m->cap_shapes * sizeof *m->shapes + MLCI_NEAR * sizeof *m->near_;
}
