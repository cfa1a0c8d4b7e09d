/* SPDX-License-Identifier: Apache-2.0
 *
 * features.h - what the CPU can do, and the kernel tiers that follow.
 */
#ifndef MLCI_CPU_FEATURES_H
#define MLCI_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tiers from slow to fast; a build has those of its architecture.
 * ORDER tier: the tables in features.c and the kernel tables. */
typedef enum mlci_tier {
    MLCI_TIER_SCALAR,      /* plain C in float32: right everywhere           */
    MLCI_TIER_AVX2,        /* AVX2, FMA, F16C                                */
    MLCI_TIER_AVXVNNI,     /* + AVX-VNNI (VEX VPDPBUSD)                      */
    MLCI_TIER_AVX512,      /* AVX-512 F, BW, DQ, VL                          */
    MLCI_TIER_AVX512VNNI,  /* + AVX-512 VNNI                                 */
    MLCI_TIER_NEON,        /* ARMv8                                          */
    MLCI_TIER_DOTPROD,     /* + SDOT / UDOT (ARMv8.2)                        */
    MLCI_TIER_I8MM,        /* + SMMLA / USMMLA (ARMv8.6)                     */
    MLCI_TIER_COUNT
} mlci_tier;

extern const char *const mlci_tier_names[MLCI_TIER_COUNT];

/* Can this CPU (and its operating system) run the tier, and is it built in? */
bool mlci_cpu_has(mlci_tier tier);

/* The CPU's name, "" if it does not say. */
void mlci_cpu_name(char *buf, size_t cap);

#endif
