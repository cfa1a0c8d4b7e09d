/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_lax.c - what to leave out of a schema that says something that is not enforced.
 */
#include "schema_compile.h"

#include <string.h>

/* All members of this key: of two, the first would count when the last is gone. */
static void sx_remove(mlci_json *parent, const char *key, size_t n)
{
    mlci_json **at = &parent->items;

    while (*at != NULL) {
        mlci_json *x = *at;

        if (x->key_bytes != n || memcmp(x->key, key, n) != 0) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        parent->n_items--;
    }
}

static bool sx_is(const mlci_json *x, const char *key)
{
    return x->key != NULL && x->key_bytes == strlen(key) && memcmp(x->key, key, x->key_bytes) == 0;
}

/* Under these, less that is asked of a part may be more that is asked of the whole. */
static bool sx_turns(const mlci_json *x)
{
    static const char *const keys[] = { "not", "oneOf", "if", "contains" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (sx_is(x, keys[i]))
            return true;
    return false;
}

bool mlci_schema_leave_out(const mlci_json *at)
{
    static const char *const unevaluated[] = { "unevaluatedProperties", "unevaluatedItems" };
    mlci_json *parent;
    bool any = false;

    for (int i = 0; i < 2; i++)          /* a failure that names the schema, not the keyword */
        if (at != NULL && mlci_json_get(at, unevaluated[i]) != NULL) {
            sx_remove((mlci_json *)(uintptr_t)at, unevaluated[i], strlen(unevaluated[i]));
            any = true;
        }
    if (any)
        return true;
    while (at != NULL && at->key == NULL)
        at = at->parent;
    for (const mlci_json *x = at; x != NULL; x = x->parent)
        at = x->key != NULL && sx_turns(x) ? x : at;
    if (at == NULL)
        return false;
    parent = at->parent;
    if (sx_is(parent, "patternProperties") && parent->parent != NULL)
        sx_remove(parent->parent, "additionalProperties", 20);   /* of names it knew */
    sx_remove(parent, at->key, at->key_bytes);
    return true;
}
