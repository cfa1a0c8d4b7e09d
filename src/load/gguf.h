/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf.h - the directory of a GGUF file.
 *
 * Only the directory is read here; weights are touched when they are laid out.
 */
#ifndef MLCI_GGUF_H
#define MLCI_GGUF_H

#include "directory.h"

/* Files that are laid out for a device (convert/layout.c) are GGUF files with more types: a
 * matrix as panels (kernels/weight) has this and its blocks' type.  One of experts has rank
 * 3, the panels of each begin anew. */
enum { MLCI_GGUF_PANELS = 0x6d6c0000 };

/* GGUF's number of a format. */
uint32_t mlci_gguf_type(mlci_format format);

/* Read the directory of a whole file that lies at bytes[0..n).  Nothing in it
 * is trusted.  Takes bytes, not a path, so that it can be fuzzed. */
mlc_status mlci_gguf_parse(mlci_directory *g, mlc_context *ctx,
                           const unsigned char *bytes, size_t n,
                           uint64_t file_size, mlc_error *err);

mlc_status mlci_gguf_open(mlci_directory *g, const mlci_source *s, mlc_error *err);

#endif
