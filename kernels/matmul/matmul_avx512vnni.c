/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_avx512vnni.c - matmul.h for the tier.
 */
#define MZ_VNNI 1
#include "matmul_zmm.h"

MZ_TABLE(mlci_matmul_avx512vnni);
