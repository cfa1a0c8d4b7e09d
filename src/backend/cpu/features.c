/* SPDX-License-Identifier: Apache-2.0
 *
 * features.c - CPU detection (Intel SDM vol. 2, CPUID; Linux auxv for ARM).
 *
 * A feature counts only if the operating system saves its registers (XCR0):
 * virtual machines advertise instructions that then fault.
 */
#include "features.h"

#include <stdio.h>
#include <string.h>

const char *const mlci_tier_names[MLCI_TIER_COUNT] = {
    "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod", "i8mm",
};

#if defined __x86_64__

#include <cpuid.h>

static uint64_t ft_xcr0(void)
{
    uint32_t a, d;

    __asm__ __volatile__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

typedef struct ft_x86 { bool avx2, avxvnni, avx512, vnni512; } ft_x86;

static bool ft_bits(uint32_t reg, uint32_t bits) { return (reg & bits) == bits; }

static ft_x86 ft_detect(void)
{
    ft_x86 f = { false, false, false, false };
    uint32_t a, b, c, d, c1, b7, c7, a71 = 0;
    uint64_t xcr0;

    if (!__get_cpuid(1, &a, &b, &c1, &d) || !ft_bits(c1, 1u << 27 /* OSXSAVE */)
        || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d))
        return f;
    if (a >= 1 && __get_cpuid_count(7, 1, &a71, &b, &c, &d) == 0)
        a71 = 0;
    xcr0 = ft_xcr0();
    f.avx2 = ft_bits(c1, 1u << 12 /* FMA */ | 1u << 28 /* AVX */ | 1u << 29 /* F16C */)
          && ft_bits(b7, 1u << 5 /* AVX2 */ | 1u << 3 /* BMI1 */)
          && (xcr0 & 6) == 6;
    f.avxvnni = f.avx2 && ft_bits(a71, 1u << 4);
    f.avx512 = f.avx2 && (xcr0 & 0xe6) == 0xe6
            && ft_bits(b7, 1u << 16 /* F */ | 1u << 17 /* DQ */ | 1u << 30 /* BW */
                           | 1u << 31 /* VL */);
    f.vnni512 = f.avx512 && ft_bits(c7, 1u << 11);
    return f;
}

bool mlci_cpu_has(mlci_tier tier)
{
    ft_x86 f = ft_detect();

    switch (tier) {
    case MLCI_TIER_SCALAR:     return true;
    case MLCI_TIER_AVX2:       return f.avx2;
    case MLCI_TIER_AVXVNNI:    return f.avxvnni;
    case MLCI_TIER_AVX512:     return f.avx512;
    case MLCI_TIER_AVX512VNNI: return f.vnni512;
    default:                   return false;
    }
}

void mlci_cpu_name(char *buf, size_t cap)
{
    uint32_t r[12];
    char text[49];
    size_t from = 0, n;

    if (cap == 0)
        return;
    buf[0] = 0;
    for (uint32_t i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2],
                         &r[4 * i + 3]))
            return;
    memcpy(text, r, 48);
    text[48] = 0;
    while (text[from] == ' ')
        from++;
    for (n = strlen(text); n > from && text[n - 1] == ' '; n--)
        text[n - 1] = 0;
    snprintf(buf, cap, "%s", text + from);
}

#elif defined __aarch64__

#if defined __linux__
# include <sys/auxv.h>
#endif

bool mlci_cpu_has(mlci_tier tier)
{
    bool dot = false, i8mm = false;

#if defined __linux__
    /* Bits of the kernel's uapi/asm/hwcap.h: ASIMDDP in HWCAP, I8MM in HWCAP2. */
    dot = (getauxval(AT_HWCAP) >> 20 & 1) != 0;
    i8mm = dot && (getauxval(AT_HWCAP2) >> 13 & 1) != 0;
#elif defined __APPLE__
    dot = true;  /* since A12 and every M */
#endif
    switch (tier) {
    case MLCI_TIER_SCALAR: case MLCI_TIER_NEON: return true;
    case MLCI_TIER_DOTPROD: return dot;
    case MLCI_TIER_I8MM:    return i8mm;
    default:                return false;
    }
}

void mlci_cpu_name(char *buf, size_t cap)
{
    snprintf(buf, cap, "ARM64");
}

#else

bool mlci_cpu_has(mlci_tier tier)
{
    return tier == MLCI_TIER_SCALAR;
}

void mlci_cpu_name(char *buf, size_t cap)
{
    snprintf(buf, cap, "CPU");
}

#endif
