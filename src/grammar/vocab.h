/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab.h - the tokens of a vocabulary as byte strings, in a tree by their bytes.
 *
 * The tree is written down in preorder: a node's subtree follows it, and `next` leads
 * behind it.
 */
#ifndef MLCI_VOCAB_H
#define MLCI_VOCAB_H

#include "../base/base.h"

typedef struct mlci_vocab_node {
    int32_t  token;               /* the first token that ends here, -1: none           */
    uint16_t depth;               /* bytes so far                                       */
    uint8_t  byte;                /* the last of them                                   */
} mlci_vocab_node;

typedef struct mlci_vocab {
    mlc_context     *ctx;
    uint32_t         n_tokens, n_nodes, cap_nodes;
    mlci_vocab_node *nodes;
    int32_t         *same;        /* [n_tokens] the next token of the same bytes, -1    */
    uint32_t         depth;       /* of the deepest node                                */
} mlci_vocab;

/* Bytes of a token; those without any (special ones) are not in the tree. */
typedef struct mlci_vocab_token { const char *p; size_t n; } mlci_vocab_token;

enum { MLCI_TOKEN_BYTES = 60000 };       /* most that a token may have                  */

/* The tokens' bytes are not needed afterwards.  Errors: MLC_EUNSUPPORTED for a token
 * that is too long, MLC_ENOMEM. */
mlc_status mlci_vocab_open(mlci_vocab *v, mlc_context *ctx, const mlci_vocab_token *tokens,
                           uint32_t n_tokens, mlc_error *err);
void       mlci_vocab_close(mlci_vocab *v);
size_t     mlci_vocab_bytes(const mlci_vocab *v);

#endif
