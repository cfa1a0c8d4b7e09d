/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_i8mm.c - matmul.h for the tier.
 */
#define NE_LEVEL 2
#include "matmul_neon.h"

NE_TABLE(mlci_matmul_i8mm);
