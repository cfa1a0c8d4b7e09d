/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - JSON Schema to formulas over what a value must be (formula.h).
 *
 * Drafts 4, 6, 7, 2019-09 and 2020-12, told apart by "$schema" (2020-12 without one).
 * Every keyword of theirs is a part of the formula or refused by name.  What is compiled
 * is what can be reached from the root; a "$ref" is an atom, so schemas may be recursive.
 */
#ifndef MLCI_SCHEMA_H
#define MLCI_SCHEMA_H

#include "../base/json.h"
#include "formula.h"
#include "json_number.h"

/* properties, patternProperties, additionalProperties. */
typedef struct mlci_members {
    uint32_t  n, n_patterns;
    uint32_t *names;             /* [n] rising                                      */
    uint32_t *order;             /* [n_order] as they were written, some twice; or NULL */
    uint32_t  n_order;
    mlci_fx  *values;            /* [n] of a member that has the name               */
    mlci_rx  *patterns;          /* [n_patterns] of a name                          */
    mlci_fx  *pattern_values;
    mlci_fx   rest;              /* of members that neither names nor patterns know */
} mlci_members;

/* prefixItems, items. */
typedef struct mlci_items { uint32_t n; mlci_fx *prefix; mlci_fx rest; } mlci_items;

/* multipleOf: units of 10^-scale. */
typedef struct mlci_divisor { uint64_t units; uint32_t scale; } mlci_divisor;

typedef struct mlci_name { const char *p; uint32_t n; } mlci_name;

typedef enum mlci_spaces {
    MLCI_SPACES_ANY, MLCI_SPACES_NONE,
    MLCI_SPACES_ONE              /* one behind each comma and colon                 */
} mlci_spaces;

typedef struct mlci_schema_options {
    bool format;                 /* "format" is asserted                            */
    mlci_spaces spaces;          /* how values are written                          */
    bool in_order;               /* members as "properties" lists them, others last */
    bool own_escapes;            /* in strings, only those that must be             */
    bool lax;                    /* what is not enforced is left out, and listed    */
} mlci_schema_options;

typedef struct mlci_schema {
    mlc_context  *ctx;
    mlci_schema_options o;
    mlci_arena    arena;
    mlci_tuples   tuples;        /* formulas, and what states are made of           */
    mlci_rx_store rx;
    mlci_rx       text;          /* any text, with its end                          */
    mlci_map      name_of;       /* hash of a name: its number                      */
    mlci_name    *names;         /* [n_names]                                       */
    size_t        n_names, cap_names;
    mlci_map      words;         /* what words.h knows of languages and names       */
    mlci_members *members;
    size_t        n_members, cap_members;
    mlci_items   *items;
    size_t        n_items, cap_items;
    mlci_divisor *divisors;
    size_t        n_divisors, cap_divisors;
    mlci_fx      *refs;          /* [n_refs] what each stands for                   */
    size_t        n_refs, cap_refs;
    mlci_fx       root;
    mlci_buf      dropped;       /* what was left out, a line for each              */
} mlci_schema;

/*
 * Compile a schema's text.  limit: bytes that it may take.
 * Errors: MLC_EFORMAT (no JSON, no schema, a pattern that is none), MLC_EUNSUPPORTED (a
 * keyword that is not enforced, unless lax) with a JSON pointer to the place; MLC_ENOMEM at
 * the limit.
 */
mlc_status mlci_schema_open(mlci_schema *s, mlc_context *ctx, const char *text, size_t n,
                            const mlci_schema_options *o, size_t limit, mlc_error *err);
void       mlci_schema_close(mlci_schema *s);
size_t     mlci_schema_bytes(const mlci_schema *s);

/* The number of a name, new or known; UINT32_MAX: out of memory. */
uint32_t mlci_schema_name(mlci_schema *s, const char *p, size_t n);

/* Does the text (no marks in it) belong to the language (with its end)? */
bool mlci_schema_matches(mlci_schema *s, mlci_rx language, const char *p, size_t n);

#endif
