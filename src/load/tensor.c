/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor.c - tensor.h.
 */
#include "tensor.h"

#include <string.h>

enum { TE_SOME = 256 };

size_t mlci_tensor_row_bytes(const mlci_tensor *t)
{
    return t->rank == 1 ? mlci_format_table[t->format].block_bytes
                        : (size_t)(t->n_bytes / t->dims[0]);
}

bool mlci_tensor_mapped(const mlci_source *files, const mlci_tensor *t)
{
    return files[t->file].data != NULL && t->stored == MLCI_STORED_BLOCKS && t->run == 0;
}

/* Rows in runs, one run after the other. */
static mlc_status te_runs(const mlci_source *file, const mlci_tensor *t, uint64_t begin, size_t n,
                          uint8_t *out, mlc_error *err)
{
    const size_t row = mlci_tensor_row_bytes(t);
    mlc_status st = MLC_OK;

    for (size_t done = 0; done < n && st == MLC_OK;) {
        const uint64_t r = begin + done;
        const uint64_t in_run = t->run > 0 ? r % t->run : 0;
        const size_t k = t->run > 0 ? (size_t)mlci_min(n - done, t->run - in_run) : n;
        const uint64_t from = t->run > 0 ? r / t->run * t->stride + in_run : r;

        st = mlci_source_read(file, t->offset + from * row, out + done * row, k * row, err);
        done += k;
    }
    return st;
}

/* Column k of the rows is a part of the file's row k. */
static mlc_status te_columns(const mlci_source *file, const mlci_tensor *t, uint64_t begin,
                             size_t n, uint8_t *out, mlc_error *err)
{
    const size_t size = mlci_format_table[t->format].block_bytes;
    const uint64_t columns = t->dims[1];
    uint8_t some[TE_SOME * 4];
    mlc_status st = MLC_OK;

    for (uint64_t k = 0; k < columns && st == MLC_OK; k++)
        for (size_t done = 0; done < n && st == MLC_OK; done += TE_SOME) {
            const size_t m = mlci_min(n - done, (size_t)TE_SOME);
            const uint64_t from = k * t->all_rows + t->first_row + begin + done;

            st = mlci_source_read(file, t->offset + from * size, some, m * size, err);
            for (size_t i = 0; i < m && st == MLC_OK; i++)
                memcpy(out + ((done + i) * columns + k) * size, some + i * size, size);
        }
    return st;
}

mlc_status mlci_tensor_rows(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                            size_t n, uint8_t *buffer, const uint8_t **out, mlc_error *err)
{
    *out = buffer;
    if (mlci_tensor_mapped(files, t)) {
        *out = files[t->file].data + t->offset + begin * mlci_tensor_row_bytes(t);
        return MLC_OK;
    }
    return t->stored == MLCI_STORED_COLUMNS ? te_columns(&files[t->file], t, begin, n, buffer, err)
                                            : te_runs(&files[t->file], t, begin, n, buffer, err);
}

void mlci_tensor_release(const mlci_source *files, const mlci_tensor *t, uint64_t begin, size_t n)
{
    const size_t row = mlci_tensor_row_bytes(t);

    if (t->stored == MLCI_STORED_BLOCKS && t->run == 0)
        mlci_source_release(&files[t->file], t->offset + begin * row, (uint64_t)n * row);
}
