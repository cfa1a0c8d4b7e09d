/* SPDX-License-Identifier: Apache-2.0
 *
 * tiers.c - which kernels belong to which tier.  ORDER tier
 */
#include "cpu.h"

static const mlci_cpu_kernels ti_table[MLCI_TIER_COUNT] = {
    [MLCI_TIER_SCALAR] = { &mlci_rows_scalar, &mlci_matmul_scalar,
                           &mlci_attention_scalar,
                           &mlci_gen_scalar },
#if defined __x86_64__
    [MLCI_TIER_AVX2] = { &mlci_rows_avx2, &mlci_matmul_avx2, &mlci_attention_avx2,
                           &mlci_gen_avx2 },
    [MLCI_TIER_AVXVNNI] = { &mlci_rows_avx2, &mlci_matmul_avxvnni, &mlci_attention_avx2,
                           &mlci_gen_avx2 },
    [MLCI_TIER_AVX512] = { &mlci_rows_avx512, &mlci_matmul_avx512,
                           &mlci_attention_avx512,
                           &mlci_gen_avx512 },
    [MLCI_TIER_AVX512VNNI] = { &mlci_rows_avx512, &mlci_matmul_avx512vnni,
                               &mlci_attention_avx512,
                           &mlci_gen_avx512 },
#elif defined __aarch64__
    [MLCI_TIER_NEON] = { &mlci_rows_neon, &mlci_matmul_neon, &mlci_attention_neon,
                           &mlci_gen_neon },
    [MLCI_TIER_DOTPROD] = { &mlci_rows_neon, &mlci_matmul_dotprod, &mlci_attention_neon,
                           &mlci_gen_neon },
    [MLCI_TIER_I8MM] = { &mlci_rows_neon, &mlci_matmul_i8mm, &mlci_attention_neon,
                           &mlci_gen_neon },
#endif
};

const mlci_cpu_kernels *mlci_cpu_kernels_of(mlci_tier tier)
{
    return &ti_table[tier];
}
