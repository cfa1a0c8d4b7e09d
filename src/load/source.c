/* SPDX-License-Identifier: Apache-2.0
 *
 * source.c - source.h.
 */
#include "source.h"

#include <stdio.h>
#include <string.h>

static void so_name(mlci_source *s, const char *path)
{
    const char *slash = strrchr(path, '/');

    snprintf(s->name, sizeof s->name, "%.100s", slash != NULL && slash[1] != 0
             ? slash + 1 : path);
}

mlc_status mlci_source_path(mlci_source *s, mlc_context *ctx, const char *path,
                            bool map, mlc_error *err)
{
    int e;

    memset(s, 0, sizeof *s);
    s->ctx = ctx;
    so_name(s, path);
    e = map ? mlci_os_map(&s->file, path) : mlci_os_open(&s->file, path);
    if (e != 0) {
        s->file.fd = -1;
        return mlci_fail(err, MLC_EIO, e, "cannot open %.150s", path);
    }
    s->data = s->file.data;
    s->size = s->file.size;
    return MLC_OK;
}

mlc_status mlci_source_user(mlci_source *s, mlc_context *ctx,
                            const mlc_source *user, mlc_error *err)
{
    mlc_status st;

    memset(s, 0, sizeof *s);
    s->ctx = ctx;
    s->file.fd = -1;
    st = mlci_options_read(&s->user, sizeof s->user, sizeof s->user, user, err);
    if (st != MLC_OK)
        return st;
    so_name(s, s->user.name != NULL ? s->user.name : "model");
    if (s->user.read_at == NULL && s->user.map == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "source: read_at and map are NULL");
    s->size = s->user.size_bytes;
    if (s->user.map != NULL) {
        s->data = s->user.map(s->user.user);
        if (s->data == NULL && s->user.read_at == NULL)
            return mlci_fail(err, MLC_EIO, 0, "source %s: map gave NULL", s->name);
    }
    return MLC_OK;
}

void mlci_source_close(mlci_source *s)
{
    if (s->user.release != NULL)
        s->user.release(s->user.user);
    if (s->file.fd >= 0 && s->ctx != NULL)
        mlci_os_unmap(&s->file);
    memset(s, 0, sizeof *s);
    s->file.fd = -1;
}

mlc_status mlci_source_read(const mlci_source *s, uint64_t offset, void *buf,
                            size_t n, mlc_error *err)
{
    mlc_status st = MLC_OK;
    int e = 0;

    if (offset > s->size || n > s->size - offset)
        return mlci_fail(err, MLC_EFORMAT, 0, "%s: read past the end", s->name);
    if (s->data != NULL)
        memcpy(buf, s->data + offset, n);
    else if (s->user.read_at != NULL)
        st = s->user.read_at(s->user.user, offset, buf, n);
    else
        e = mlci_os_read_at(&s->file, offset, buf, n);
    if (st != MLC_OK || e != 0)
        return mlci_fail(err, st != MLC_OK ? st : MLC_EIO, e,
                         "%s: cannot read %zu bytes at %llu", s->name, n,
                         (unsigned long long)offset);
    return MLC_OK;
}

void mlci_source_release(const mlci_source *s, uint64_t offset, uint64_t n)
{
    if (s->file.data != NULL)
        mlci_os_release(s->file.data + offset, (size_t)n);
}
