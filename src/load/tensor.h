/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor.h - the rows of a tensor, whatever way they are stored.
 */
#ifndef MLCI_TENSOR_H
#define MLCI_TENSOR_H

#include "../../kernels/groups/groups.h"
#include "../base/config.h"
#include "source.h"

/* Bytes of a row of blocks; a vector's rows are its blocks. */
size_t mlci_tensor_row_bytes(const mlci_tensor *t);

/* A matrix of floats whose rows are to be blocks of Q4_0, with the codes of MLC's q4f16_1. */
void mlci_tensor_code(mlci_tensor *t);

/* Codes of rows, by the context's tier. */
const mlci_group_kernels *mlci_tensor_groups(const mlc_context *ctx);

/* Do the rows lie in a mapping as they are wanted? */
bool mlci_tensor_mapped(const mlci_source *files, const mlci_tensor *t);

/* Is more than copying needed for its rows? */
bool mlci_tensor_computed(const mlci_tensor *t);

/* Rows [begin, begin + n), which the tensor has, as blocks of its format: *out is in the
 * mapping, or the buffer, which has room for them (tensors that are not mapped need one).
 * Errors: of reading; MLC_EFORMAT for codes that mean nothing. */
mlc_status mlci_tensor_rows(const mlci_source *files, const mlci_tensor *t, uint64_t begin,
                            size_t n, uint8_t *buffer, const uint8_t **out, mlc_error *err);

/* These rows were copied and are not needed soon: give their memory back. */
void mlci_tensor_release(const mlci_source *files, const mlci_tensor *t, uint64_t begin, size_t n);

#endif
