/* SPDX-License-Identifier: Apache-2.0
 *
 * half.h - 16-bit floats to float32 and back, in plain C (exact; to 16 bits
 * round to nearest, ties to even).
 */
#ifndef MLCI_HALF_H
#define MLCI_HALF_H

#include <stdint.h>
#include <string.h>

static inline float mlci_bits_f32(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t mlci_f32_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float mlci_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fffu;

    if (rest >= 0x7c00)                        /* infinity, NaN              */
        return mlci_bits_f32(sign | 0x7f800000u | (rest & 0x3ff) << 13);
    if (rest >= 0x0400)                        /* normal: rebias 15 to 127   */
        return mlci_bits_f32(sign | ((rest << 13) + (112u << 23)));
    return mlci_bits_f32(sign | mlci_f32_bits((float)rest * 0x1p-24f));
}

/* Two bytes, little-endian, at any address. */
static inline float mlci_f16_at(const uint8_t *p)
{
    return mlci_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static inline uint16_t mlci_f32_to_f16(float f)
{
    uint32_t u = mlci_f32_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;

    if (a > 0x7f800000)                        /* NaN stays one              */
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x47800000)                       /* 2^16 and more              */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000)                        /* below 2^-14: add 2^-1 so
                                                  that the sum's last bits are
                                                  the subnormal's, rounded   */
        return (uint16_t)(sign | ((mlci_f32_bits(mlci_bits_f32(a) + 0.5f)
                                   - 0x3f000000u) & 0x7fff));
    a += 0xfff + (a >> 13 & 1);                /* may carry into infinity    */
    return (uint16_t)(sign | ((a >> 13) - (112u << 10)));
}

static inline uint16_t mlci_f32_to_bf16(float f)
{
    uint32_t u = mlci_f32_bits(f);

    if ((u & 0x7fffffff) > 0x7f800000)         /* NaN stays one              */
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float mlci_bf16_to_f32(uint16_t h)
{
    return mlci_bits_f32((uint32_t)h << 16);
}

#endif
