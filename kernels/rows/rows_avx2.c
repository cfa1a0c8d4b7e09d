/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_avx2.c - rows.h for the tier.
 */
#include "rows_simd.h"

ROWS_TABLE(mlci_rows_avx2);
