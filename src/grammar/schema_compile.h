/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_compile.h - what the files that compile schemas share.
 */
#ifndef MLCI_SCHEMA_COMPILE_H
#define MLCI_SCHEMA_COMPILE_H

#include "schema.h"
#include "schema_ref.h"

typedef struct mlci_compiler {
    mlci_schema *s;
    mlci_arena   arena;          /* of the compilation alone                        */
    mlci_places  places;
    const mlci_json *root;
    int32_t      draft;          /* 4, 6, 7, 2019, 2020                             */
    bool         format;
    struct mlci_goal_ref { const mlci_json *at; uint32_t scope; } *goals;   /* of each ref */
    size_t       cap_goals;
    mlci_map     goal_of;        /* hash of a goal: its number                      */
    uint32_t     depth;
    mlc_error   *err;
    mlc_status   status;
    const mlci_json *failed;     /* where                                           */
} mlci_compiler;

/* The keyword's name and place in front of a sentence; false, to be returned. */
mlci_fx mlci_schema_fail(mlci_compiler *c, mlc_status status, const mlci_json *at,
                         const char *fmt, ...) MLCI_PRINTF(4, 5);

/* Take what failed at this place out of the schema's JSON, with all that it would turn round
 * (a part of "not" with the whole of it); false: the whole schema failed. */
bool mlci_schema_leave_out(const mlci_json *at);
/* A schema (an object, true or false) in a dynamic scope. */
mlci_fx mlci_schema_value(mlci_compiler *c, const mlci_json *at, uint32_t scope);
/* Values equal to this one. */
mlci_fx mlci_schema_const(mlci_compiler *c, const mlci_json *v);
mlci_fx mlci_schema_enum(mlci_compiler *c, const mlci_json *list);
mlci_fx mlci_schema_string(mlci_compiler *c, const mlci_json *at);    /* keywords of strings */
mlci_fx mlci_schema_number(mlci_compiler *c, const mlci_json *at);
mlci_fx mlci_schema_object(mlci_compiler *c, const mlci_json *at, uint32_t scope);
mlci_fx mlci_schema_array(mlci_compiler *c, const mlci_json *at, uint32_t scope);
/* A keyword's count; false: not there. */
bool mlci_schema_count(mlci_compiler *c, const mlci_json *at, const char *key, uint32_t *n);
mlci_rx mlci_schema_pattern(mlci_compiler *c, const mlci_json *at, const char *p, size_t n);
/* A format's language as a pattern, or two of which one must fit (NULL: one); NULL: no
 * format of the specification, or "regex". */
const char *mlci_format_pattern(const char *name, const char **other);
/* Regular expressions (ECMA-262), with their end; groups at most eight deep. */
mlci_rx mlci_format_regex(mlci_rx_store *s);

/* unevaluatedProperties and unevaluatedItems of a schema. */
mlci_fx mlci_schema_unevaluated(mlci_compiler *c, const mlci_json *at, uint32_t scope);
/* Where $ref, or $dynamicRef, of a schema leads, and the scope there; NULL: it has none. */
const mlci_json *mlci_schema_ref_target(mlci_compiler *c, const mlci_json *at, bool dynamic,
                                        uint32_t *scope);
/* Names and values in rising order of names; the last of equal names counts. */
void mlci_schema_sort_members(mlci_compiler *c, mlci_members *m);

uint32_t mlci_schema_new_members(mlci_compiler *c, const mlci_members *m);
uint32_t mlci_schema_new_items(mlci_compiler *c, const mlci_items *m);

#endif
