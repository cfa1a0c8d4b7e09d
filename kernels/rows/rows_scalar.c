/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_scalar.c - rows.h for the tier.
 */
#define MLCI_SCALAR_TIER 1
#include "rows_simd.h"

ROWS_TABLE(mlci_rows_scalar);
