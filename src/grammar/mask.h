/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.h - which tokens may come in a state of a machine.
 *
 * A mask is made once for each state and kept: as bits that are the same for many states
 * (those of the vocabulary, of a text's language, none at all), tokens that come to them,
 * tokens that do not.  Making one is a walk over the vocabulary's tree, or over that part of
 * it of which text_vocab.h does not know enough.
 */
#ifndef MLCI_MASK_H
#define MLCI_MASK_H

#include "machine.h"
#include "text_vocab.h"

typedef struct mlci_masks {
    mlci_machine    *m;
    mlci_text_vocab *t;
    mlci_map         of_state;        /* number of a row                               */
    mlci_map         of_text;         /* language, most characters: number of a text   */
    struct mask_row *rows;
    size_t           n_rows, cap_rows;
    uint32_t       **texts;           /* bits of tokens inside                         */
    size_t           n_texts, cap_texts;
    size_t           bytes;           /* of all these                                  */
    struct mask_step *path;           /* [depth + 2] room for walks                    */
    const uint32_t  *bits;            /* what the mask being made began with           */
    uint32_t        *found;           /* tokens that came to them, and that went       */
    uint32_t         n_found, n_gone;
    size_t           work;            /* states there may be when the mask is made     */
    bool             part;            /* there were more: it lacks longer tokens       */
} mlci_masks;

mlc_status mlci_masks_open(mlci_masks *k, mlci_machine *m, mlci_text_vocab *t, mlc_error *err);
void       mlci_masks_close(mlci_masks *k);
/*
 * mask [words of the vocabulary].  text: the bytes that led to the state, n of them, with
 * room for the longest token behind them.  A mask that would need very many new states lacks
 * tokens of more than a byte.  false: out of memory, or a limit of the machine.
 */
bool mlci_masks_fill(mlci_masks *k, mlci_state state, uint8_t *text, size_t n, uint32_t *mask);

#endif
