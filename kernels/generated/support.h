/* SPDX-License-Identifier: Apache-2.0
 *
 * support.h - what generated C kernels use besides simd.h: integers that divide
 * towards minus infinity and shift by any amount, 16-bit floats.
 */
#ifndef MLCI_GENERATED_SUPPORT_H
#define MLCI_GENERATED_SUPPORT_H

#include "../simd.h"

#define KG_INF INFINITY

V_INLINE int64_t kg_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return q - (a % b != 0 && (a < 0) != (b < 0));
}
V_INLINE int64_t kg_floor_mod(int64_t a, int64_t b) { return a - kg_floor_div(a, b) * b; }

V_INLINE int32_t kg_shl(int32_t a, int64_t n)
{
    return n < 0 || n > 31 ? 0 : (int32_t)((uint32_t)a << n);
}
V_INLINE int32_t kg_shr(int32_t a, int64_t n)    { return n < 0 || n > 31 ? 0 : a >> n; }
V_INLINE uint32_t kg_shl_u(uint32_t a, int64_t n) { return n < 0 || n > 31 ? 0 : a << n; }
V_INLINE uint32_t kg_shr_u(uint32_t a, int64_t n) { return n < 0 || n > 31 ? 0 : a >> n; }

V_INLINE int64_t kg_min(int64_t a, int64_t b)    { return a < b ? a : b; }
V_INLINE int64_t kg_max(int64_t a, int64_t b)    { return a > b ? a : b; }
V_INLINE int64_t kg_abs(int64_t a)               { return a < 0 ? -a : a; }
V_INLINE float kg_min_f(float a, float b)        { return a < b ? a : b; }
V_INLINE float kg_max_f(float a, float b)        { return a > b ? a : b; }
V_INLINE float kg_abs_f(float a)                 { return fabsf(a); }
V_INLINE float kg_rsqrt(float a)                 { return 1.0f / sqrtf(a); }

V_INLINE float kg_float(uint32_t bits)           { return mlci_bits_f32(bits); }
V_INLINE float kg_brain(uint32_t bits)           { return mlci_bits_f32(bits << 16); }
V_INLINE float kg_half(uint32_t bits)            { return mlci_f16_to_f32((uint16_t)bits); }
V_INLINE float kg_f16(uint16_t bits)             { return mlci_f16_to_f32(bits); }
V_INLINE float kg_bf16(uint16_t bits)            { return mlci_bf16_to_f32(bits); }
V_INLINE uint16_t kg_to_f16(float x)             { return mlci_f32_to_f16(x); }
V_INLINE uint16_t kg_to_bf16(float x)            { return mlci_f32_to_bf16(x); }

#endif
