/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf.h - the directory of a GGUF file: its keys and its tensors.
 *
 * Only the directory is read here; weights are touched when they are laid out.
 * Keys, texts and arrays point into the file's mapping, or into a copy of the
 * file's head when it is not mapped.
 */
#ifndef MLCI_GGUF_H
#define MLCI_GGUF_H

#include "../base/arena.h"
#include "../base/config.h"
#include "source.h"

typedef struct mlci_gguf_key {
    mlci_text  name;
    mlci_value value;
} mlci_gguf_key;

typedef struct mlci_gguf {
    mlci_arena     arena;      /* the arrays below                           */
    unsigned char *head;       /* copy of the file's head, if not mapped     */
    size_t         head_bytes; /* of the copy, or of the part that was read  */
    mlci_gguf_key *keys;
    mlci_tensor   *tensors;
    size_t         n_keys, n_tensors;
    uint32_t      *key_slots, *tensor_slots;   /* hash tables: index + 1     */
    size_t         n_key_slots, n_tensor_slots;
    uint32_t       version;
} mlci_gguf;

/* Read the directory of a whole file that lies at bytes[0..n).  Nothing in it
 * is trusted.  Takes bytes, not a path, so that it can be fuzzed. */
mlc_status mlci_gguf_parse(mlci_gguf *g, mlc_context *ctx,
                           const unsigned char *bytes, size_t n,
                           uint64_t file_size, mlc_error *err);

mlc_status mlci_gguf_open(mlci_gguf *g, const mlci_source *s, mlc_error *err);
void mlci_gguf_close(mlci_gguf *g);

/* The file as a config; lives as long as g. */
void mlci_gguf_config(const mlci_gguf *g, mlci_config *c);

/* A value as text, for people; long ones are shortened. */
void mlci_value_print(const mlci_value *v, char *buf, size_t cap);

#endif
