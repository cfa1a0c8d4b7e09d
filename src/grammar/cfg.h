/* SPDX-License-Identifier: Apache-2.0
 *
 * cfg.h - context-free grammars: rules over regular languages of bytes.
 *
 * A rule is a net of nodes: read something of a language, call a rule, choose, end.  A
 * text is read by all ways at once: each way is what is left of a terminal, the node behind
 * it and all stacks of calls that it may be in, as one graph (Tomita 1985).  So a grammar
 * that is ambiguous has no more ways than it has nodes.  Left recursion is turned into
 * repetition when the grammar is read.
 */
#ifndef MLCI_CFG_H
#define MLCI_CFG_H

#include "rx.h"
#include "tuple.h"

typedef enum mlci_cfg_kind {
    MLCI_CFG_END, MLCI_CFG_READ, MLCI_CFG_CALL, MLCI_CFG_CHOOSE
} mlci_cfg_kind;

typedef struct mlci_cfg_node {
    mlci_cfg_kind kind;
    uint32_t      what;          /* READ: a language; CALL: a rule; CHOOSE: a node   */
    uint32_t      next;
    bool          ends;          /* the rule's end can be reached from here          */
} mlci_cfg_node;

typedef struct mlci_cfg {
    mlc_context   *ctx;
    mlci_rx_store *rx;
    mlci_tuples   *tuples;
    mlci_cfg_node *nodes;        /* node 0 ends                                      */
    size_t         n_nodes, cap_nodes;
    uint32_t      *rules;        /* the node each begins with                        */
    uint32_t       first;        /* the node that texts begin with                   */
    size_t         n_rules, cap_rules;
    struct cf_ways *ways;        /* room for a step                                  */
    mlci_map       unions;       /* of calls                                         */
} mlci_cfg;

enum { MLCI_CFG_EBNF, MLCI_CFG_LARK };

/*
 * Read a grammar: "root ::= ..." (EBNF as XGrammar and llama.cpp write it), or Lark's
 * "start: ...".  Errors: MLC_EFORMAT, MLC_EUNSUPPORTED with the line; MLC_ENOMEM.
 */
mlc_status mlci_cfg_open(mlci_cfg *g, mlc_context *ctx, mlci_rx_store *rx, mlci_tuples *tuples,
                         const char *text, size_t n, int notation, mlc_error *err);
void       mlci_cfg_close(mlci_cfg *g);

/* States are lists: language left, node behind it, calls; for each way.  0: none;
 * UINT32_MAX: a limit was reached. */
uint32_t mlci_cfg_start(mlci_cfg *g);
uint32_t mlci_cfg_step(mlci_cfg *g, uint32_t state, uint8_t byte);
bool     mlci_cfg_may_end(const mlci_cfg *g, uint32_t state);
mlci_bytes mlci_cfg_bytes_of(const mlci_cfg *g, uint32_t state);

/* Texts go on with this one after the first rule; false: out of memory. */
bool mlci_cfg_end_with(mlci_cfg *g, const char *p, size_t n);

/* Room for steps, and which nodes can still end: before the first step.  false: out of
 * memory. */
bool mlci_cfg_ready(mlci_cfg *g);

/* For the readers: a new node, 0 when out of memory. */
uint32_t mlci_cfg_node_add(mlci_cfg *g, mlci_cfg_kind kind, uint32_t what, uint32_t next);

#endif
