/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_dotprod.c - matmul.h for the tier.
 */
#define NE_LEVEL 1
#include "matmul_neon.h"

NE_TABLE(mlci_matmul_dotprod);
