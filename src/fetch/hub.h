/* SPDX-License-Identifier: Apache-2.0
 *
 * hub.h - names of models on the net, and which of a repository's files a model is.
 */
#ifndef MLCI_HUB_H
#define MLCI_HUB_H

#include "../base/arena.h"
#include "file.h"

enum { MLCI_HUB_NAME = 256, MLCI_HUB_URL = 2048 };

typedef struct mlci_hub_name {
    char url[MLCI_HUB_URL];              /* of one file; "": of the hub           */
    char repo[MLCI_HUB_NAME];            /* "user/repo"                           */
    char revision[MLCI_HUB_NAME];        /* "main" unless it was said             */
    char file[MLCI_HUB_NAME];            /* "": not said                          */
    char folder[MLCI_HUB_NAME * 2];      /* in the cache                          */
} mlci_hub_name;

bool mlci_hub_is_remote(const char *name);
/* MLC_EINVAL: it is no name. */
mlc_status mlci_hub_parse(const char *name, mlci_hub_name *out, mlc_error *err);

typedef struct mlci_hub_file {
    const char *path, *sha256;           /* sha256 "": not listed                 */
    uint64_t    size;
    bool        wanted;
} mlci_hub_file;

/* What a repository has, in an arena, with what the model is marked as wanted; *one: the file
 * that is the model, NULL: the folder is. */
mlc_status mlci_hub_files(mlci_http *h, mlci_arena *arena, const mlci_hub_name *name,
                          const mlci_download *how, const char *endpoint, mlci_hub_file **files,
                          uint32_t *n, const char **one, mlc_error *err);
/* The same choice among files of which only the names are known. */
mlc_status mlci_hub_choose(const mlci_hub_name *name, mlci_hub_file *files, uint32_t n,
                           const char **one, mlc_error *err);

/* "endpoint/user/repo/resolve/revision/path", with what a URL may not have written out. */
bool mlci_hub_url(char out[MLCI_HUB_URL], const char *endpoint, const mlci_hub_name *name,
                  const char *path);

#endif
