/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_ref.c - schema_ref.h.  Relative references as RFC 3986, section 5.2.
 */
#include "schema_ref.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char sr_nowhere[] = "json-schema:///";     /* of a root without a name */

static const char *sr_text(mlci_places *p, const char *s, size_t n)
{
    const char *r = mlci_arena_copy(p->arena, s, n);

    p->failed |= r == NULL;
    return r != NULL ? r : "";
}

/* Length of "scheme:", 0: none. */
static size_t sr_scheme(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ':')
            return i + 1;
        if (strchr("/?#", s[i]) != NULL)
            return 0;
    }
    return 0;
}

/* Where the path begins: behind "scheme:" and "//authority". */
static size_t sr_path(const char *s)
{
    size_t i = sr_scheme(s, strlen(s));

    if (s[i] == '/' && s[i + 1] == '/')
        for (i += 2; s[i] != 0 && s[i] != '/' && s[i] != '?'; i++)
            ;
    return i;
}

/* "a/./b" and "a/x/../b" become "a/b", in place from `at` on. */
static void sr_dots(char *s, size_t at)
{
    char *out = s + at, *in = out;

    while (*in != 0) {
        if (strncmp(in, "/./", 3) == 0 || strcmp(in, "/.") == 0) {
            in += 2;
            if (*in == 0)
                *out++ = '/';
        } else if (strncmp(in, "/../", 4) == 0 || strcmp(in, "/..") == 0) {
            in += 3;
            while (out > s + at && *--out != '/')
                ;
            if (*in == 0)
                *out++ = '/';
        } else {
            *out++ = *in++;
        }
    }
    *out = 0;
}

/* ref (n bytes, without a fragment) seen from base. */
static const char *sr_join(mlci_places *p, const char *base, const char *ref, size_t n)
{
    size_t path = sr_path(base), keep = strlen(base);
    char *r;

    if (n == 0 || sr_scheme(ref, n) > 0)
        return n == 0 ? base : sr_text(p, ref, n);
    if (n > 1 && ref[0] == '/' && ref[1] == '/')
        keep = sr_scheme(base, keep);
    else if (ref[0] == '/')
        keep = path;
    else
        while (keep > path && base[keep - 1] != '/')
            keep--;
    r = mlci_arena_new(p->arena, keep + n + 2, 1);
    if (r == NULL) {
        p->failed = true;
        return "";
    }
    memcpy(r, base, keep);
    if (keep == path && ref[0] != '/' && path > sr_scheme(base, strlen(base)))
        r[keep++] = '/';
    memcpy(r + keep, ref, n);
    sr_dots(r, path);
    return r;
}

static const mlci_json *sr_id(const mlci_places *p, const mlci_json *at)
{
    const mlci_json *id = at->type == MLCI_JSON_OBJECT
                        ? mlci_json_get(at, p->draft == 4 ? "id" : "$id") : NULL;

    if (p->draft < 2019 && id != NULL && mlci_json_get(at, "$ref") != NULL)
        return NULL;
    return id != NULL && id->type == MLCI_JSON_STRING ? id : NULL;
}

static size_t sr_hash(const mlci_json *text)
{
    const char *h = memchr(text->text, '#', text->text_bytes);

    return h != NULL ? (size_t)(h - text->text) : text->text_bytes;
}

/* The first of a name, and the key that it has or would have: keys are hashes, so one that
 * is taken leads to the next.  UINT32_MAX: none. */
static uint32_t sr_find(const mlci_places *p, const char *uri, const char *anchor, uint64_t *h)
{
    const size_t n = anchor != NULL ? strlen(anchor) : 0;
    uint32_t i;

    *h = mlci_hash(uri, strlen(uri), mlci_hash(anchor != NULL ? anchor : "", n, anchor != NULL));
    while ((i = mlci_map_get(&p->by_name, (uint32_t)*h, (uint32_t)(*h >> 32))) != UINT32_MAX) {
        const mlci_place_name *x = &p->names[i];

        if (strcmp(x->uri, uri) == 0 && (x->anchor == NULL) == (anchor == NULL)
            && (anchor == NULL || strcmp(x->anchor, anchor) == 0))
            break;
        ++*h;
    }
    return i;
}

/* The same by the place of an identifier. */
static uint32_t sr_place(const mlci_places *p, const mlci_json *at, uint64_t *h)
{
    uint32_t i;

    *h = mlci_mix((uint64_t)(uintptr_t)at);
    while ((i = mlci_map_get(&p->by_place, (uint32_t)*h, (uint32_t)(*h >> 32))) != UINT32_MAX
           && p->names[i].at != at)
        ++*h;
    return i;
}

static void sr_add(mlci_places *p, const mlci_json *at, const char *uri, const mlci_json *anchor,
                   size_t skip, bool dynamic)
{
    const char *name = anchor != NULL ? sr_text(p, anchor->text + skip, anchor->text_bytes - skip)
                                      : NULL;
    void *names = p->names, *list = p->dynamic;
    uint64_t h, place;

    if (!mlci_grow(p->ctx, &names, &p->cap, p->n + 1, sizeof *p->names)) {
        p->failed = true;
        return;
    }
    p->names = names;
    p->names[p->n] = (mlci_place_name){ at, uri, name, NULL };
    if (sr_find(p, uri, name, &h) == UINT32_MAX)
        p->failed |= !mlci_map_put(&p->by_name, (uint32_t)h, (uint32_t)(h >> 32), (uint32_t)p->n);
    if (name == NULL && sr_place(p, at, &place) == UINT32_MAX)
        p->failed |= !mlci_map_put(&p->by_place, (uint32_t)place, (uint32_t)(place >> 32),
                                   (uint32_t)p->n);
    if (dynamic && mlci_grow(p->ctx, &list, &p->cap_dynamic, p->n_dynamic + 1,
                             sizeof *p->dynamic)) {
        p->dynamic = list;
        p->dynamic[p->n_dynamic++] = (uint32_t)p->n;
        p->names[p->n].resource = mlci_places_resource(p, at);
    } else if (dynamic) {
        p->failed = true;
    }
    p->n++;
}

static void sr_collect(mlci_places *p, const mlci_json *at, const char *base)
{
    const mlci_json *id = sr_id(p, at), *a;

    if (id != NULL) {
        const size_t n = sr_hash(id);

        if (n > 0 || at == p->root) {
            base = sr_join(p, base, id->text, n);
            sr_add(p, at, base, NULL, 0, false);
        }
        if (n + 1 < id->text_bytes)     /* drafts to 7: "#name" */
            sr_add(p, at, base, id, n + 1, false);
    } else if (at == p->root) {
        sr_add(p, at, base, NULL, 0, false);
    }
    for (int k = 0; k < 2 && at->type == MLCI_JSON_OBJECT; k++) {
        a = mlci_json_get(at, k == 0 ? "$anchor" : "$dynamicAnchor");
        if (a != NULL && a->type == MLCI_JSON_STRING)
            sr_add(p, at, base, a, 0, k == 1);
    }
    for (a = at->items; a != NULL; a = a->next) {
        const bool data = a->key != NULL && ((a->key_bytes == 4 && memcmp(a->key, "enum", 4) == 0)
                          || (a->key_bytes == 5 && memcmp(a->key, "const", 5) == 0));

        if ((a->type == MLCI_JSON_OBJECT || a->type == MLCI_JSON_ARRAY) && !data)
            sr_collect(p, a, base);
    }
}

void mlci_places_open(mlci_places *p, mlci_arena *arena, mlc_context *ctx, const mlci_json *root,
                      int32_t draft)
{
    *p = (mlci_places){ .arena = arena, .ctx = ctx, .root = root, .draft = draft };
    mlci_map_open(&p->by_name, ctx);
    mlci_map_open(&p->by_place, ctx);
    mlci_map_open(&p->children, ctx);
    sr_collect(p, root, sr_nowhere);
}

void mlci_places_close(mlci_places *p)
{
    mlci_delete(p->ctx, p->names, p->cap, sizeof *p->names);
    mlci_delete(p->ctx, (void *)p->child, p->cap_child, sizeof *p->child);
    mlci_delete(p->ctx, p->dynamic, p->cap_dynamic, sizeof *p->dynamic);
    mlci_map_close(&p->by_name);
    mlci_map_close(&p->by_place);
    mlci_map_close(&p->children);
}

static const mlci_place_name *sr_resource(const mlci_places *p, const mlci_json *at)
{
    for (uint64_t h; at != NULL; at = at->parent) {
        const uint32_t i = sr_place(p, at, &h);

        if (i != UINT32_MAX)
            return &p->names[i];
    }
    return &p->names[0];
}

const mlci_json *mlci_places_resource(const mlci_places *p, const mlci_json *at)
{
    return sr_resource(p, at)->at;
}

static int sr_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One step of a pointer, from `s` to the next slash: "~1", "~0" and "%xx" undone. */
static size_t sr_unescape(const char *s, size_t n, char *out)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (s[i] == '%' && i + 2 < n && sr_hex(s[i + 1]) >= 0 && sr_hex(s[i + 2]) >= 0) {
            out[k++] = (char)(sr_hex(s[i + 1]) * 16 + sr_hex(s[i + 2]));
            i += 2;
        } else {
            out[k++] = s[i];
        }
    n = k;
    k = 0;
    for (size_t i = 0; i < n; i++)
        if (out[i] == '~' && i + 1 < n && (out[i + 1] == '0' || out[i + 1] == '1'))
            out[k++] = out[++i] == '0' ? '~' : '/';
        else
            out[k++] = out[i];
    return k;
}

enum { SR_LARGE = 32 };               /* members that are worth an index                 */

/* Where the last member of a name is kept: the map's keys are hashes, so one that is taken
 * by another member leads to the next. */
static uint32_t sr_slot(const mlci_places *p, const mlci_json *object, const char *key, size_t n,
                        uint64_t *h)
{
    uint32_t i;

    *h = mlci_hash(key, n, (uint64_t)(uintptr_t)object);
    while ((i = mlci_map_get(&p->children, (uint32_t)*h, (uint32_t)(*h >> 32))) != UINT32_MAX
           && (p->child[i]->parent != object || p->child[i]->key_bytes != n
               || memcmp(p->child[i]->key, key, n) != 0))
        ++*h;
    return i;
}

static void sr_index(mlci_places *p, const mlci_json *object)
{
    uint64_t h;

    for (const mlci_json *a = object->items; a != NULL && !p->failed; a = a->next) {
        const uint32_t i = sr_slot(p, object, a->key, a->key_bytes, &h);
        void *child = (void *)p->child;

        if (i != UINT32_MAX) {
            p->child[i] = a;
            continue;
        }
        p->failed = !mlci_grow(p->ctx, &child, &p->cap_child, p->n_child + 1, sizeof *p->child)
                 || !mlci_map_put(&p->children, (uint32_t)h, (uint32_t)(h >> 32),
                                  (uint32_t)p->n_child);
        p->child = child;
        if (!p->failed)
            p->child[p->n_child++] = a;
    }
}

/* The last member of a name, by an index where there are many. */
static const mlci_json *sr_member(mlci_places *p, const mlci_json *object, const char *key,
                                  size_t n)
{
    const mlci_json *first = object->items, *found = NULL;
    uint32_t i;
    uint64_t h;

    if (object->n_items < SR_LARGE) {
        for (const mlci_json *a = first; a != NULL; a = a->next)
            if (a->key_bytes == n && memcmp(a->key, key, n) == 0)
                found = a;
        return found;
    }
    if (sr_slot(p, object, first->key, first->key_bytes, &h) == UINT32_MAX)
        sr_index(p, object);
    i = sr_slot(p, object, key, n, &h);
    return i != UINT32_MAX ? p->child[i] : NULL;
}

static const mlci_json *sr_item(const mlci_json *array, const char *step, size_t n)
{
    const unsigned long at = n > 0 ? strtoul(step, NULL, 10) : ULONG_MAX;
    const mlci_json *a = array->items;

    for (unsigned long i = 0; a != NULL && i < at; i++)
        a = a->next;
    return a;
}

static const mlci_json *sr_pointer(mlci_places *p, const mlci_json *at, const char *s)
{
    while (at != NULL && *s == '/') {
        const size_t n = strcspn(++s, "/");
        char *step = mlci_arena_new(p->arena, n + 1, 1);
        size_t bytes;

        if (step == NULL) {
            p->failed = true;
            return NULL;
        }
        bytes = sr_unescape(s, n, step);
        at = at->type == MLCI_JSON_OBJECT ? sr_member(p, at, step, bytes)
           : at->type == MLCI_JSON_ARRAY ? sr_item(at, step, bytes) : NULL;
        s += n;
    }
    return *s == 0 ? at : NULL;
}

const mlci_json *mlci_places_find(mlci_places *p, const mlci_json *from, const char *ref,
                                  const char **anchor)
{
    const size_t n = strcspn(ref, "#");
    const char *fragment = ref[n] == '#' ? ref + n + 1 : "";
    const char *uri = sr_join(p, sr_resource(p, from)->uri, ref, n);
    const bool pointer = fragment[0] == 0 || fragment[0] == '/';
    uint64_t h;
    const uint32_t i = sr_find(p, uri, pointer ? NULL : fragment, &h);

    *anchor = NULL;
    if (i == UINT32_MAX)
        return NULL;
    if (pointer)
        return sr_pointer(p, p->names[i].at, fragment);
    *anchor = p->names[i].resource != NULL ? p->names[i].anchor : NULL;
    return p->names[i].at;
}
