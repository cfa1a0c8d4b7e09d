/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_avxvnni.c - matmul.h for the tier.
 */
#define MY_VNNI 1
#include "matmul_ymm.h"

MY_TABLE(mlci_matmul_avxvnni);
