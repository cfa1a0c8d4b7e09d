/* SPDX-License-Identifier: Apache-2.0
 *
 * files.h - a model's files: a GGUF file, or a directory as Hugging Face or MLC have them.
 */
#ifndef MLCI_FILES_H
#define MLCI_FILES_H

#include "directory.h"

typedef struct mlci_files {
    mlc_context   *ctx;
    mlci_source   *items;          /* [n]; those with data of our own are in the arena */
    uint32_t       n, cap;
    mlci_directory directory;
    bool           map, verify;
    bool           halves;         /* mlci_config's                           */
    /* Of a directory: its model's configuration and what that calls the architecture, MLC's
     * conv_template; NULL and empty if there is none. */
    const struct mlci_json *config, *conv;
    mlci_text      model_type;
    char           name[128];      /* last part of the path, for errors       */
} mlci_files;

/* path: a file or a directory; flags: MLC_MODEL_*.  mlci_files_close also after a failure. */
mlc_status mlci_files_open(mlci_files *f, mlc_context *ctx, const char *path, uint32_t flags,
                           mlc_error *err);
mlc_status mlci_files_open_user(mlci_files *f, mlc_context *ctx, const mlc_source *user,
                                mlc_error *err);
void       mlci_files_close(mlci_files *f);

/* The directory as a config; lives as long as f. */
void mlci_files_config(const mlci_files *f, mlci_config *c);
/* Bytes of all. */
uint64_t mlci_files_bytes(const mlci_files *f);

/* ---- for readers of containers ------------------------------------------------------------ */

/* One more file, dir/name, or name alone if dir is NULL; its number. */
mlc_status mlci_files_add(mlci_files *f, const char *dir, const char *name, bool map,
                          uint32_t *number, mlc_error *err);
/* One that was made: data lives in the directory's arena. */
mlc_status mlci_files_add_made(mlci_files *f, const void *data, size_t n, uint32_t *number,
                               mlc_error *err);
/* A whole small file of the directory as text in an arena, NUL behind it; NULL: it is not
 * there, and *st stays as it was. */
const char *mlci_files_text(mlci_arena *arena, const char *dir, const char *name, size_t most,
                            size_t *n, mlc_status *st, mlc_error *err);

#endif
