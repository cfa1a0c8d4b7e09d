/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - a JSON reader for requests, schemas and template variables.
 *
 * cJSON, which the library uses elsewhere, turns every number into a double and
 * cannot hold a NUL in a string; requests need both.  This reader keeps numbers
 * as they were written, strings as bytes and length, and takes its memory from
 * an arena whose limit bounds it.  Nesting is limited to MLCI_JSON_DEPTH.
 *
 * Values point into the source text where nothing had to be decoded, so the
 * text must outlive them.
 */
#ifndef MLCI_JSON_H
#define MLCI_JSON_H

#include "arena.h"
#include "buf.h"

enum { MLCI_JSON_DEPTH = 200 };

typedef enum mlci_json_type {
    MLCI_JSON_NULL, MLCI_JSON_FALSE, MLCI_JSON_TRUE, MLCI_JSON_NUMBER,
    MLCI_JSON_STRING, MLCI_JSON_ARRAY, MLCI_JSON_OBJECT
} mlci_json_type;

typedef struct mlci_json {
    mlci_json_type    type;
    uint32_t          n_items;   /* of an array or object                    */
    const char       *key;       /* of an object's member, else NULL         */
    size_t            key_bytes;
    const char       *text;      /* a string's bytes, a number as written    */
    size_t            text_bytes;
    struct mlci_json *items;     /* first item or member, in order           */
    struct mlci_json *next;      /* next of the same parent                  */
    struct mlci_json *parent;
} mlci_json;

/* Parse all of text[0..n).  The error says line and column. */
mlc_status mlci_json_parse(mlci_arena *arena, const char *text, size_t n,
                           const mlci_json **out, mlc_error *err);

/* The last member with this key (as JavaScript and Python take it), or NULL;
 * also NULL when object is no object. */
const mlci_json *mlci_json_get(const mlci_json *object, const char *key);

bool mlci_json_is(const mlci_json *v, const char *text);  /* a string equal to text */
bool mlci_json_number(const mlci_json *v, double *out);
bool mlci_json_integer(const mlci_json *v, int64_t *out); /* also "3.0" and "1e2" */

const char *mlci_json_type_name(const mlci_json *v);      /* "a string", ... */

/* Append the value as JSON text. */
void mlci_json_write(const mlci_json *v, mlci_buf *out);

/* The path of a value from its root: "messages[2].content"; cut to fit. */
void mlci_json_path(const mlci_json *v, char *buf, size_t cap);

/* "path: sentence" as an error. */
mlc_status mlci_json_fail(mlc_error *err, mlc_status status, const mlci_json *v,
                          const char *fmt, ...) MLCI_PRINTF(4, 5);

#endif
