/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_neon.c - matmul.h for the tier.
 */
#define NE_LEVEL 0
#include "matmul_neon.h"

NE_TABLE(mlci_matmul_neon);
