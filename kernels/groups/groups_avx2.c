/* SPDX-License-Identifier: Apache-2.0
 *
 * groups_avx2.c - groups.h.
 */
#define GR_NAME mlci_groups_avx2
#include "groups_f16c.h"
#include "groups_body.h"
