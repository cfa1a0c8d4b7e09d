/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_avx2.c - matmul.h for the tier.
 */
#define MY_VNNI 0
#include "matmul_ymm.h"

MY_TABLE(mlci_matmul_avx2);
