/* SPDX-License-Identifier: Apache-2.0
 *
 * tiers.h - for tests: the kernel tiers that this machine can run.
 */
#ifndef TEST_TIERS_H
#define TEST_TIERS_H

#include "../src/backend/cpu/cpu.h"

/* for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) */
static inline mlci_tier tier_after(mlci_tier t)
{
    do
        t = (mlci_tier)(t + 1);
    while (t < MLCI_TIER_COUNT && !mlci_cpu_has(t));
    return t;
}

static inline mlci_tier tier_first(void) { return MLCI_TIER_SCALAR; }

/* The vector tiers give the same bits as each other: the first of them. */
static inline mlci_tier tier_vector(void) { return tier_after(MLCI_TIER_SCALAR); }

#endif
