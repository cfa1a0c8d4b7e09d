/* SPDX-License-Identifier: Apache-2.0
 *
 * rx_node.h - what an expression's number stands for.
 */
#ifndef MLCI_RX_NODE_H
#define MLCI_RX_NODE_H

#include "rx.h"

typedef enum rx_kind { RX_NONE, RX_EMPTY, RX_ALL, RX_SET, RX_CAT, RX_OR, RX_AND, RX_NOT,
                       RX_REPEAT,
                       RX_LOOP          /* a; b is what may follow it, a part of a; min: its own */
} rx_kind;

struct rx_node {
    uint8_t  kind;
    bool     nullable, plain;    /* plain: no intersection or complement inside   */
    bool     busy;               /* LOOP: a step of it is being taken             */
    bool     ends;               /* the mark of the end is inside                 */
    uint16_t depth;
    uint32_t a, b;               /* operands; SET: number of the set              */
    uint32_t min, max;
    uint64_t content[2];         /* of what it says, whatever the numbers         */
    uint32_t counts;             /* product of repetitions inside one another     */
    uint16_t shortest;           /* plus one, 0: not known                        */
    uint16_t longest;            /* plus two, 0: not known, 1: being asked        */
    int8_t   dead;               /* 1: no text, -1: some, 0: not known            */
    uint32_t map;                /* number of its classes plus one, 0: not known  */
    const mlci_rx_steps *steps;  /* NULL: not computed yet                        */
};

static inline const struct rx_node *rx_at(const mlci_rx_store *s, mlci_rx a)
{
    return &s->nodes[a];
}

#endif
