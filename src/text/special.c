/* SPDX-License-Identifier: Apache-2.0
 *
 * special.c - special tokens inside text.
 *
 * User-defined tokens are recognised always, control tokens (and the unknown
 * one) when the caller asks.  The leftmost match wins, of those the longest.  A table of possible
 * first bytes makes ordinary text cost one look-up per byte.
 */
#include "tokenizer.h"

#include <string.h>

enum { SP_USER = 1, SP_CONTROL = 2 };

static uint8_t sp_kind(uint8_t type)
{
    return type == TK_USER ? SP_USER
         : type == TK_CONTROL || type == TK_UNKNOWN ? SP_CONTROL : 0;
}

static uint32_t sp_child(const mlc_tokenizer *t, uint32_t node, uint8_t byte)
{
    uint32_t c = t->trie[node].child;

    while (c != 0 && t->trie[c].byte != byte)
        c = t->trie[c].sibling;
    return c;
}

mlc_status mlci_special_build(mlc_tokenizer *t, mlc_error *err)
{
    size_t n = 1, used = 1;

    for (uint32_t id = 0; id < t->n_tokens; id++)
        if (sp_kind(t->types[id]) != 0)
            n += mlci_token_bytes(t, id).n;
    t->trie = n < UINT32_MAX ? mlci_arena_new(&t->arena, n, sizeof *t->trie) : NULL;
    if (t->trie == NULL)
        return mlci_nomem(err, "special tokens");
    t->trie[0].id = -1;
    for (uint32_t id = 0; id < t->n_tokens; id++) {
        uint8_t kind = sp_kind(t->types[id]);
        mlci_text b = mlci_token_bytes(t, id);
        uint32_t node = 0;

        if (kind == 0 || b.n == 0)
            continue;
        t->trie_first[(unsigned char)b.p[0]] |= kind;
        for (size_t i = 0; i < b.n; i++) {
            uint32_t c = sp_child(t, node, (uint8_t)b.p[i]);

            if (c == 0) {
                c = (uint32_t)used++;
                t->trie[c].byte = (uint8_t)b.p[i];
                t->trie[c].id = -1;
                t->trie[c].sibling = t->trie[node].child;
                t->trie[node].child = c;
            }
            node = c;
        }
        if (t->trie[node].id < 0)
            t->trie[node].id = (int32_t)id;
    }
    return MLC_OK;
}

bool mlci_special_find(const mlc_tokenizer *t, const char *text, size_t n,
                       size_t from, bool parse, size_t *at, size_t *len,
                       int32_t *id)
{
    uint8_t kinds = parse ? SP_USER | SP_CONTROL : SP_USER;

    for (size_t i = from; i < n; i++) {
        uint32_t node = 0;

        if ((t->trie_first[(unsigned char)text[i]] & kinds) == 0)
            continue;
        *len = 0;
        for (size_t j = i; j < n; j++) {
            int32_t found;

            node = sp_child(t, node, (uint8_t)text[j]);
            if (node == 0)
                break;
            found = t->trie[node].id;
            if (found >= 0 && (sp_kind(t->types[found]) & kinds) != 0) {
                *len = j + 1 - i;
                *id = found;
            }
        }
        if (*len > 0) {
            *at = i;
            return true;
        }
    }
    return false;
}
