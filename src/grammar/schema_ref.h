/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_ref.h - where a "$ref" leads inside a document: identifiers, anchors, pointers.
 */
#ifndef MLCI_SCHEMA_REF_H
#define MLCI_SCHEMA_REF_H

#include "../base/json.h"
#include "tuple.h"

/* A schema with an identifier, or an anchor within one. */
typedef struct mlci_place_name {
    const mlci_json *at;
    const char *uri, *anchor;    /* absolute, without a fragment; NULL: none        */
    const mlci_json *resource;   /* of a dynamic anchor: the schema it lies in      */
} mlci_place_name;

typedef struct mlci_places {
    mlci_arena      *arena;
    mlc_context     *ctx;
    const mlci_json *root;
    mlci_place_name *names;
    size_t           n, cap;
    uint32_t        *dynamic;    /* [n_dynamic] the names that are                  */
    size_t           n_dynamic, cap_dynamic;
    mlci_map         by_name;    /* hash of identifier and anchor: the first such   */
    mlci_map         by_place;   /* hash of a schema: its identifier                */
    mlci_map         children;   /* of large objects that a pointer went through    */
    const mlci_json **child;     /* [n_child] by the map's number                   */
    size_t           n_child, cap_child;
    int32_t          draft;      /* 4: "id"; to 7: "$ref" hides what is beside it   */
    bool             failed;     /* out of memory                                   */
} mlci_places;

void mlci_places_open(mlci_places *p, mlci_arena *arena, mlc_context *ctx, const mlci_json *root,
                      int32_t draft);
void mlci_places_close(mlci_places *p);
/* What a reference in the schema `from` names; NULL: nothing here. */
const mlci_json *mlci_places_find(mlci_places *p, const mlci_json *from, const char *ref,
                                  const char **anchor);
/* The schema with an identifier of its own that this one lies in. */
const mlci_json *mlci_places_resource(const mlci_places *p, const mlci_json *at);
#endif
