/* SPDX-License-Identifier: Apache-2.0
 *
 * tags.h - structural tags: free text until a trigger comes, then one of the tags that
 * begin with it, a JSON value of its schema (or a text of its grammar), the tag's end, and
 * free text again.
 *
 *   {"structures": [{"begin": "<f=add>", "schema": {...}, "end": "</f>"}, ...],
 *    "triggers": ["<f="], "at_least_one": false, "stop_after_first": false}
 *
 * Instead of a schema: "regex", "ebnf" or "lark", with a text, which ends where the tag's end
 * first fits.
 *
 * Each schema has a machine of its own.  No begin may be the beginning of another.
 */
#ifndef MLCI_TAGS_H
#define MLCI_TAGS_H

#include "machine.h"

typedef struct mlci_tag {
    mlci_name    begin, end;
    mlci_schema  s;
    mlci_machine m;
    bool         whole;              /* the end is read by the machine                 */
} mlci_tag;

/* A node of the triggers' tree, with the node to go on from when a byte does not fit. */
typedef struct mlci_trigger_node {
    uint32_t child, sibling, fail;
    int32_t  trigger;
    uint8_t  byte;
} mlci_trigger_node;

typedef struct mlci_tags {
    mlc_context *ctx;
    mlci_arena   arena;
    mlci_tag    *tags;
    size_t       n_tags, n_open;      /* of n_open there is something to close        */
    mlci_name   *triggers;
    size_t       n_triggers;
    mlci_trigger_node *nodes;         /* node 0: nothing of a trigger yet              */
    uint32_t     n_nodes;
    bool         at_least_one, stop_after_first;
} mlci_tags;

/* Errors: as mlci_schema_open, the tag's place before them. */
mlc_status mlci_tags_open(mlci_tags *t, mlc_context *ctx, const char *text, size_t n,
                          const mlci_schema_options *o, size_t limit, mlc_error *err);
void       mlci_tags_close(mlci_tags *t);
size_t     mlci_tags_bytes(const mlci_tags *t);

/* Where the text is: two numbers and how many tags have come (0, 1: one or more). */
typedef enum mlci_tag_phase {
    MLCI_TAG_FREE, MLCI_TAG_BEGIN, MLCI_TAG_VALUE, MLCI_TAG_END, MLCI_TAG_DONE, MLCI_TAG_DEAD
} mlci_tag_phase;
typedef struct mlci_tag_place {
    mlci_tag_phase phase;
    uint32_t a, b;     /* FREE: node; BEGIN: trigger, bytes so far; VALUE: tag, state;
                          END: tag, bytes so far                                     */
    uint32_t some;
} mlci_tag_place;

/* After a byte.  outer: whose text it is, and whether steps may be kept. */
mlci_tag_place mlci_tags_step(mlci_tags *t, mlci_machine *outer, mlci_tag_place p, uint8_t byte);
bool mlci_tags_may_end(mlci_tags *t, mlci_tag_place p);

#endif
