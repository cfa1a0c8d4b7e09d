/* SPDX-License-Identifier: Apache-2.0
 *
 * directory.c - directory.h.
 */
#include "directory.h"

#include <stdio.h>
#include <string.h>

/* Open addressing; slots hold index + 1.  Returns the slot of the name, or of
 * the free place where it would go. */
static size_t dy_slot(const uint32_t *slots, size_t n_slots, const char *name,
                      size_t n, const void *items, size_t stride)
{
    size_t s = (size_t)mlci_hash(name, n, 0) & (n_slots - 1);

    for (; slots[s] != 0; s = (s + 1) & (n_slots - 1)) {
        const mlci_text *t = (const mlci_text *)(const void *)
            ((const char *)items + (slots[s] - 1) * stride);

        if (t->n == n && memcmp(t->p, name, n) == 0)
            break;
    }
    return s;
}

/* Index the names (the first member of each item); a name may occur once. */
static mlc_status dy_index(mlci_directory *d, const void *items, size_t n, size_t stride,
                           uint32_t **slots, size_t *n_slots, const char *what,
                           mlc_error *err)
{
    *n_slots = 16;
    while (*n_slots < 2 * n)
        *n_slots *= 2;
    *slots = mlci_arena_new(&d->arena, *n_slots, sizeof **slots);
    if (*slots == NULL)
        return mlci_nomem(err, "directory");
    for (size_t i = 0; i < n; i++) {
        const mlci_text *t = (const mlci_text *)(const void *)
            ((const char *)items + i * stride);
        size_t s = dy_slot(*slots, *n_slots, t->p, t->n, items, stride);

        if ((*slots)[s] != 0)
            return mlci_fail(err, MLC_EFORMAT, 0, "%s %.*s occurs twice", what,
                             (int)mlci_min(t->n, 100), t->p);
        (*slots)[s] = (uint32_t)i + 1;
    }
    return MLC_OK;
}

mlc_status mlci_directory_index_keys(mlci_directory *d, mlc_error *err)
{
    return dy_index(d, d->keys, d->n_keys, sizeof *d->keys, &d->key_slots, &d->n_key_slots,
                    "key", err);
}

mlc_status mlci_directory_index_tensors(mlci_directory *d, mlc_error *err)
{
    return dy_index(d, d->tensors, d->n_tensors, sizeof *d->tensors, &d->tensor_slots,
                    &d->n_tensor_slots, "tensor", err);
}

static bool dy_find(const void *impl, const char *key, size_t n, mlci_value *out)
{
    const mlci_directory *d = impl;
    uint32_t i = d->n_key_slots == 0 ? 0       /* not indexed yet */
               : d->key_slots[dy_slot(d->key_slots, d->n_key_slots, key, n, d->keys,
                                      sizeof *d->keys)];

    if (i == 0)
        return false;
    *out = d->keys[i - 1].value;
    return true;
}

static const mlci_tensor *dy_find_tensor(const void *impl, const char *name, size_t n)
{
    const mlci_directory *d = impl;
    uint32_t i = d->n_tensor_slots == 0 ? 0
               : d->tensor_slots[dy_slot(d->tensor_slots, d->n_tensor_slots, name, n,
                                         d->tensors, sizeof *d->tensors)];

    return i == 0 ? NULL : &d->tensors[i - 1];
}

void mlci_directory_config(const mlci_directory *d, mlci_config *c)
{
    mlci_value v;

    memset(c, 0, sizeof *c);
    c->impl = d;
    c->find = dy_find;
    c->tensor = dy_find_tensor;
    c->arch.p = "";
    if (mlci_config_find(c, "general.architecture", &v) && v.type == MLCI_VALUE_TEXT)
        c->arch = v.text;
}

void mlci_directory_close(mlci_directory *d)
{
    if (d->arena.ctx != NULL && d->head != NULL)
        mlci_delete(d->arena.ctx, d->head, d->head_bytes, 1);
    mlci_arena_reset(&d->arena);
    memset(d, 0, sizeof *d);
}

/* ---- putting one together ------------------------------------------------------------ */

/* Room for one more: arenas give no memory back, so arrays double. */
static bool dy_room(mlci_directory *d, void **items, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 64 : *cap * 2;
    void *p;

    if (n < *cap)
        return true;
    while (more <= n)                 /* a GGUF file's array has no room at all */
        more *= 2;
    p = mlci_arena_new(&d->arena, more, size);
    if (p == NULL)
        return false;
    if (n > 0)
        memcpy(p, *items, n * size);
    *items = p;
    *cap = more;
    return true;
}

mlc_status mlci_directory_put(mlci_directory *d, const char *key, mlci_value value, mlc_error *err)
{
    void *keys = d->keys;

    if (!dy_room(d, &keys, d->n_keys, &d->cap_keys, sizeof *d->keys))
        return mlci_nomem(err, "directory");
    d->keys = keys;
    d->keys[d->n_keys++] = (mlci_entry){ { key, strlen(key) }, value };
    return MLC_OK;
}

mlc_status mlci_directory_put_text(mlci_directory *d, const char *key, mlci_text v, mlc_error *err)
{
    return mlci_directory_put(d, key, (mlci_value){ .type = MLCI_VALUE_TEXT, .text = v }, err);
}

mlc_status mlci_directory_put_tensor(mlci_directory *d, const mlci_tensor *t, mlc_error *err)
{
    void *tensors = d->tensors;

    if (!dy_room(d, &tensors, d->n_tensors, &d->cap_tensors, sizeof *d->tensors))
        return mlci_nomem(err, "directory");
    d->tensors = tensors;
    d->tensors[d->n_tensors++] = *t;
    return MLC_OK;
}

/* ---- printing ---------------------------------------------------------------------- */

void mlci_value_print(const mlci_value *v, char *buf, size_t cap)
{
    size_t n = 0;

    switch (v->type) {
    case MLCI_VALUE_UINT:
        snprintf(buf, cap, "%llu", (unsigned long long)v->u);
        return;
    case MLCI_VALUE_INT:
        snprintf(buf, cap, "%lld", (long long)v->i);
        return;
    case MLCI_VALUE_FLOAT:
        snprintf(buf, cap, "%g", v->f);
        return;
    case MLCI_VALUE_BOOL:
        snprintf(buf, cap, "%s", v->u != 0 ? "true" : "false");
        return;
    case MLCI_VALUE_TEXT:
        snprintf(buf, cap, "%.*s%s", (int)mlci_min(v->text.n, 200), v->text.p,
                 v->text.n > 200 ? "..." : "");
        break;
    case MLCI_VALUE_ARRAY:
        snprintf(buf, cap, "[%llu %s]", (unsigned long long)v->u,
                 v->item == MLCI_VALUE_TEXT ? "texts" : "numbers");
        return;
    }
    for (n = 0; buf[n] != 0; n++)  /* one line */
        if ((unsigned char)buf[n] < 0x20)
            buf[n] = ' ';
}
