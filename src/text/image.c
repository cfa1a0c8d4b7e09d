/* SPDX-License-Identifier: Apache-2.0
 *
 * image.c - a vocabulary's tables as one run of bytes, to be used where it lies.
 *
 * Reading one is a check that looks at every entry once (a millisecond for 150,000 tokens):
 * the tables come from a file, and a look-up must end and stay inside them.
 *
 *   head, then each at a multiple of 8: offsets u32[n_tokens + 1], slots u32[n_slots],
 *   score keys u32[n_tokens] if there are any, merges[n_merge_slots], types u8[n_tokens],
 *   ends u8[n_tokens], bytes
 *
 * Numbers are little-endian, as in memory.
 */
#include "tokenizer.h"

#include <string.h>

#define IM_MAGIC 0x31656761b96d746bu     /* also says which end comes first */

typedef struct im_head {
    uint64_t magic, n_bytes;             /* of the tokens                    */
    uint32_t n_tokens, max_piece, n_slots, n_merge_slots, has_scores, reserved;
    int32_t  special[4], byte_ids[256];
    uint8_t  joins_space[256];
} im_head;

enum { IM_OFFSETS, IM_SLOTS, IM_SCORES, IM_MERGES, IM_TYPES, IM_ENDS, IM_BYTES, IM_END };

static void im_sizes(const im_head *h, size_t sizes[IM_END])
{
    const size_t n = h->n_tokens;

    sizes[IM_OFFSETS] = sizeof(uint32_t) * (n + 1);
    sizes[IM_SLOTS] = sizeof(uint32_t) * (size_t)h->n_slots;
    sizes[IM_SCORES] = h->has_scores ? sizeof(uint32_t) * n : 0;
    sizes[IM_MERGES] = sizeof(mlci_merge) * (size_t)h->n_merge_slots;
    sizes[IM_TYPES] = sizes[IM_ENDS] = n;
    sizes[IM_BYTES] = (size_t)h->n_bytes;
}

/* at[IM_END]: the whole. */
static void im_places(const im_head *h, size_t at[IM_END + 1])
{
    size_t sizes[IM_END];

    im_sizes(h, sizes);
    at[0] = sizeof *h;
    for (int i = 0; i < IM_END; i++)
        at[i + 1] = mlci_round_up(mlci_add(at[i], sizes[i]), 8);
}

static im_head im_head_of(const mlc_tokenizer *t)
{
    im_head h = { .magic = IM_MAGIC, .n_bytes = t->offsets[t->n_tokens], .n_tokens = t->n_tokens,
                  .max_piece = t->max_piece, .n_slots = (uint32_t)t->n_slots,
                  .n_merge_slots = (uint32_t)t->n_merge_slots,
                  .has_scores = t->score_keys != NULL };

    memcpy(h.special, t->special, sizeof h.special);
    memcpy(h.byte_ids, t->byte_ids, sizeof h.byte_ids);
    memcpy(h.joins_space, t->joins_space, sizeof h.joins_space);
    return h;
}

size_t mlci_image_bytes(const mlc_tokenizer *t)
{
    const im_head h = im_head_of(t);
    size_t at[IM_END + 1];

    im_places(&h, at);
    return at[IM_END];
}

void mlci_image_write(const mlc_tokenizer *t, uint8_t *out)
{
    const im_head h = im_head_of(t);
    const void *from[IM_END] = { t->offsets, t->slots, t->score_keys, t->merges, t->types,
                                 t->is_end, t->bytes };
    size_t at[IM_END + 1], sizes[IM_END];

    im_sizes(&h, sizes);
    im_places(&h, at);
    memset(out, 0, at[IM_END]);
    memcpy(out, &h, sizeof h);
    for (int i = 0; i < IM_END; i++)
        if (sizes[i] > 0)
            memcpy(out + at[i], from[i], sizes[i]);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool im_power(uint32_t n) { return n > 0 && (n & (n - 1)) == 0; }

/* Numbers of tokens, -1 for none. */
static bool im_ids(const im_head *h, const int32_t *ids, size_t n)
{
    bool good = true;

    for (size_t i = 0; i < n; i++)
        good &= ids[i] >= -1 && ids[i] < (int64_t)h->n_tokens;
    return good;
}

static bool im_head_good(const im_head *h, size_t n)
{
    size_t at[IM_END + 1];

    if (h->magic != IM_MAGIC || h->n_tokens == 0 || h->n_tokens > 1u << 24
        || h->n_bytes >= UINT32_MAX || h->max_piece > h->n_bytes || h->has_scores > 1
        || !im_power(h->n_slots) || (h->n_merge_slots > 0 && !im_power(h->n_merge_slots))
        || !im_ids(h, h->special, 4) || !im_ids(h, h->byte_ids, 256))
        return false;
    im_places(h, at);
    return at[IM_END] <= n;
}

/* Look-ups end at a free slot, of which there must be one. */
static bool im_tables_good(const mlc_tokenizer *t)
{
    const uint32_t n = t->n_tokens;
    uint32_t free_slots = 0, free_merges = 0, bad = t->offsets[0] != 0;

    for (uint32_t i = 0; i < n; i++)
        bad |= (t->offsets[i + 1] < t->offsets[i])
            | (t->offsets[i + 1] - t->offsets[i] > t->max_piece);
    for (size_t i = 0; i < t->n_slots; i++) {
        bad |= t->slots[i] > n;
        free_slots |= t->slots[i] == 0;
    }
    for (size_t i = 0; i < t->n_merge_slots; i++) {
        const mlci_merge *m = &t->merges[i];

        if (m->left == UINT32_MAX)
            free_merges = 1;
        else
            bad |= (m->left >= n) | (m->right >= n) | (m->id >= n);
    }
    for (uint32_t i = 0; i < n; i++)
        bad |= t->types[i] > TK_BYTE;
    return !bad && free_slots && (free_merges || t->score_based);
}

/* Never written to: the tokenizer is complete. */
static void *im_table(const uint8_t *p, size_t at) { return (void *)(uintptr_t)(p + at); }

mlc_status mlci_image_read(mlc_tokenizer *t, const mlci_image *image, mlc_error *err)
{
    const size_t n = image->n;
    const uint8_t *p = image->p;
    im_head h = { 0 };
    size_t at[IM_END + 1];

    if (image->copy) {
        void *copy = mlci_arena_new(&t->arena, n, 1);

        if (copy == NULL)
            return mlci_nomem(err, "vocabulary");
        p = memcpy(copy, p, n);
    }
    if (n >= sizeof h)
        memcpy(&h, p, sizeof h);
    if (n < sizeof h || !im_head_good(&h, n) || (t->score_based && !h.has_scores)
        || (!t->score_based && h.n_merge_slots == 0))
        return mlci_fail(err, MLC_EFORMAT, 0, "the vocabulary's tables make no sense");
    im_places(&h, at);
    t->n_tokens = h.n_tokens;
    t->max_piece = h.max_piece;
    t->n_slots = h.n_slots;
    t->n_merge_slots = h.n_merge_slots;
    memcpy(t->special, h.special, sizeof h.special);
    memcpy(t->byte_ids, h.byte_ids, sizeof h.byte_ids);
    memcpy(t->joins_space, h.joins_space, sizeof h.joins_space);
    t->offsets = im_table(p, at[IM_OFFSETS]);
    t->slots = im_table(p, at[IM_SLOTS]);
    t->score_keys = h.has_scores ? im_table(p, at[IM_SCORES]) : NULL;
    t->merges = im_table(p, at[IM_MERGES]);
    t->types = im_table(p, at[IM_TYPES]);
    t->is_end = im_table(p, at[IM_ENDS]);
    t->bytes = im_table(p, at[IM_BYTES]);
    return im_tables_good(t) && t->offsets[t->n_tokens] == h.n_bytes
         ? MLC_OK : mlci_fail(err, MLC_EFORMAT, 0, "the vocabulary's tables make no sense");
}
