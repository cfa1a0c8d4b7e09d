/* SPDX-License-Identifier: Apache-2.0
 *
 * directory.h - what a model's files hold, whatever their container: keys and tensors by
 * name, as mlci_config has them.
 *
 * A GGUF file has one; those of other containers are put together from their files
 * (hf.c).  Names, texts and arrays lie in the arena, in a file's mapping, or in a copy of
 * the file's head when it is not mapped.
 */
#ifndef MLCI_DIRECTORY_H
#define MLCI_DIRECTORY_H

#include "../base/arena.h"
#include "../base/config.h"
#include "source.h"

typedef struct mlci_entry {
    mlci_text  name;
    mlci_value value;
} mlci_entry;

typedef struct mlci_directory {
    mlci_arena     arena;      /* the arrays below                           */
    unsigned char *head;       /* copy of the file's head, if not mapped     */
    size_t         head_bytes; /* of the copy, or of the part that was read  */
    mlci_entry    *keys;
    mlci_tensor   *tensors;
    size_t         n_keys, n_tensors, cap_keys, cap_tensors;
    uint32_t      *key_slots, *tensor_slots;   /* hash tables: index + 1     */
    size_t         n_key_slots, n_tensor_slots;
    uint32_t       version;    /* of a GGUF file                             */
} mlci_directory;

/* Index what was put in; a name may occur once. */
mlc_status mlci_directory_index_keys(mlci_directory *d, mlc_error *err);
mlc_status mlci_directory_index_tensors(mlci_directory *d, mlc_error *err);
void mlci_directory_close(mlci_directory *d);

/* The directory as a config; lives as long as it. */
void mlci_directory_config(const mlci_directory *d, mlci_config *c);

/* ---- putting one together; names and what values point to must outlive it ---------------- */

mlc_status mlci_directory_put(mlci_directory *d, const char *key, mlci_value value, mlc_error *err);
mlc_status mlci_directory_put_text(mlci_directory *d, const char *key, mlci_text v, mlc_error *err);
mlc_status mlci_directory_put_tensor(mlci_directory *d, const mlci_tensor *t, mlc_error *err);

/* A value as text, for people; long ones are shortened. */
void mlci_value_print(const mlci_value *v, char *buf, size_t cap);

#endif
