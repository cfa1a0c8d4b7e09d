/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - the bytes of a model file: a mapped path, a path that is read, or
 * the caller's callbacks.
 */
#ifndef MLCI_SOURCE_H
#define MLCI_SOURCE_H

#include "../base/base.h"
#include "../base/os.h"

typedef struct mlci_source {
    mlc_context         *ctx;
    mlci_file            file;
    mlc_source           user;      /* read_at set if it is the caller's      */
    const unsigned char *data;      /* the whole file, or NULL if not mapped  */
    uint64_t             size;
    char                 name[128]; /* last part of the path, for errors      */
} mlci_source;

mlc_status mlci_source_path(mlci_source *s, mlc_context *ctx, const char *path,
                            bool map, mlc_error *err);
mlc_status mlci_source_user(mlci_source *s, mlc_context *ctx,
                            const mlc_source *user, mlc_error *err);
void mlci_source_close(mlci_source *s);

/* Copy [offset, offset + n) out; the range must lie inside the file. */
mlc_status mlci_source_read(const mlci_source *s, uint64_t offset, void *buf,
                            size_t n, mlc_error *err);

/* These bytes were copied and are not needed soon: give their memory back. */
void mlci_source_release(const mlci_source *s, uint64_t offset, uint64_t n);

#endif
