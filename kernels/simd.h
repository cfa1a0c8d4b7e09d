/* SPDX-License-Identifier: Apache-2.0
 *
 * simd.h - sixteen float32 at a time, on every tier.
 *
 * Kernels that are not about instructions (norms, rotation, softmax, attention)
 * are written once, over the type v16; the tier's compiler flags choose what a
 * v16 is: one AVX-512 register, two of AVX2, four of NEON, or an array.  Every
 * operation rounds once, v_fma without rounding the product, and sums over the
 * lanes have one fixed order; so the vector tiers give the same bits.  The array
 * form has no fused multiply-add (software ones are a hundred times slower): the
 * scalar tier may differ in the last places.
 *
 * Include from files whose suffix names the tier, never from headers.
 */
#ifndef MLCI_SIMD_H
#define MLCI_SIMD_H

#include "../src/base/compiler.h"
#include "../src/base/half.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V_INLINE MLCI_INLINE

#if defined __AVX512F__ && defined __AVX512BW__

# include <immintrin.h>
# define V_REGISTERS 32   /* of the machine, each holding V_PER_REGISTER lanes */
# define V_PER_V16 1

typedef __m512  v16;
typedef __m512i vi16;

V_INLINE __mmask16 v_mask(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}

V_INLINE v16 v_set1(float x)                  { return _mm512_set1_ps(x); }
V_INLINE v16 v_load(const float *p)           { return _mm512_loadu_ps(p); }
V_INLINE v16 v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
V_INLINE void v_store(float *p, v16 v)        { _mm512_storeu_ps(p, v); }
V_INLINE void v_store_n(float *p, v16 v, size_t n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), v);
}
V_INLINE v16 v_add(v16 a, v16 b)              { return _mm512_add_ps(a, b); }
V_INLINE v16 v_sub(v16 a, v16 b)              { return _mm512_sub_ps(a, b); }
V_INLINE v16 v_mul(v16 a, v16 b)              { return _mm512_mul_ps(a, b); }
V_INLINE v16 v_div(v16 a, v16 b)              { return _mm512_div_ps(a, b); }
V_INLINE v16 v_max(v16 a, v16 b)              { return _mm512_max_ps(a, b); }
V_INLINE v16 v_min(v16 a, v16 b)              { return _mm512_min_ps(a, b); }
V_INLINE v16 v_fma(v16 a, v16 b, v16 c)       { return _mm512_fmadd_ps(a, b, c); }
V_INLINE v16 v_abs(v16 a)                     { return _mm512_abs_ps(a); }
V_INLINE v16 v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
V_INLINE void v_store_f16(uint16_t *p, v16 v)
{
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
V_INLINE vi16 v_round(v16 a)                  { return _mm512_cvtps_epi32(a); }
V_INLINE v16 v_float(vi16 a)                  { return _mm512_cvtepi32_ps(a); }
/* a * 2^n by adding n to the exponent; a in [0.5, 2], result normal. */
V_INLINE v16 v_scale2(v16 a, vi16 n)
{
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a),
                                                _mm512_slli_epi32(n, 23)));
}
V_INLINE v16 v_select_below(v16 x, v16 limit, v16 then, v16 otherwise)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), otherwise,
                                then);
}
/* Sum and store of 16 quantized values: see rows_tile.h. */
V_INLINE int32_t vi_sum(vi16 a)               { return _mm512_reduce_add_epi32(a); }
V_INLINE void vi_store_quads(int16_t *p, vi16 a)
{
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtepi32_epi16(_mm512_shuffle_epi32(a, _MM_PERM_DBCA)));
}
V_INLINE void vi_store_planes(int8_t *high, int8_t *low, vi16 a)
{
    __m512i lo = _mm512_srai_epi32(_mm512_slli_epi32(a, 24), 24);
    __m512i hi = _mm512_srai_epi32(_mm512_sub_epi32(a, lo), 8);

    _mm_storeu_si128((__m128i *)(void *)low, _mm512_cvtepi32_epi8(lo));
    _mm_storeu_si128((__m128i *)(void *)high, _mm512_cvtepi32_epi8(hi));
}

#elif defined __AVX2__ && defined __FMA__

# include <immintrin.h>
# define V_REGISTERS 16
# define V_PER_V16 2

typedef struct v16  { __m256 a, b; } v16;
typedef struct vi16 { __m256i a, b; } vi16;

# define V_BOTH(op, x, y) ((v16){ op((x).a, (y).a), op((x).b, (y).b) })

/* Lanes [0, n) on, 0 <= n <= 8: a window sliding over ones and zeros. */
V_INLINE __m256i v_mask8(size_t n)
{
    static const int32_t window[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

    return _mm256_loadu_si256((const __m256i *)(const void *)
                              (window + 8 - (n < 8 ? n : 8)));
}

V_INLINE v16 v_set1(float x)
{
    __m256 v = _mm256_set1_ps(x);

    return (v16){ v, v };
}
V_INLINE v16 v_load(const float *p)
{
    return (v16){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}
V_INLINE v16 v_load_n(const float *p, size_t n)
{
    return (v16){ _mm256_maskload_ps(p, v_mask8(n)),
                  _mm256_maskload_ps(p + 8, v_mask8(n > 8 ? n - 8 : 0)) };
}
V_INLINE void v_store(float *p, v16 v)
{
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}
V_INLINE void v_store_n(float *p, v16 v, size_t n)
{
    _mm256_maskstore_ps(p, v_mask8(n), v.a);
    _mm256_maskstore_ps(p + 8, v_mask8(n > 8 ? n - 8 : 0), v.b);
}
V_INLINE v16 v_add(v16 a, v16 b) { return V_BOTH(_mm256_add_ps, a, b); }
V_INLINE v16 v_sub(v16 a, v16 b) { return V_BOTH(_mm256_sub_ps, a, b); }
V_INLINE v16 v_mul(v16 a, v16 b) { return V_BOTH(_mm256_mul_ps, a, b); }
V_INLINE v16 v_div(v16 a, v16 b) { return V_BOTH(_mm256_div_ps, a, b); }
V_INLINE v16 v_max(v16 a, v16 b) { return V_BOTH(_mm256_max_ps, a, b); }
V_INLINE v16 v_min(v16 a, v16 b) { return V_BOTH(_mm256_min_ps, a, b); }
V_INLINE v16 v_fma(v16 a, v16 b, v16 c)
{
    return (v16){ _mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b) };
}
V_INLINE v16 v_abs(v16 a)
{
    __m256 m = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));

    return (v16){ _mm256_and_ps(a.a, m), _mm256_and_ps(a.b, m) };
}
V_INLINE v16 v_load_f16(const uint16_t *p)
{
    return (v16){ _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p)),
                  _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p + 8))) };
}
V_INLINE void v_store_f16(uint16_t *p, v16 v)
{
    _mm_storeu_si128((__m128i *)(void *)p,
                     _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(void *)(p + 8),
                     _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT));
}
V_INLINE vi16 v_round(v16 a)
{
    return (vi16){ _mm256_cvtps_epi32(a.a), _mm256_cvtps_epi32(a.b) };
}
V_INLINE v16 v_float(vi16 a)
{
    return (v16){ _mm256_cvtepi32_ps(a.a), _mm256_cvtepi32_ps(a.b) };
}
V_INLINE __m256 v_scale2_8(__m256 a, __m256i n)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a),
                                                _mm256_slli_epi32(n, 23)));
}
V_INLINE v16 v_scale2(v16 a, vi16 n)
{
    return (v16){ v_scale2_8(a.a, n.a), v_scale2_8(a.b, n.b) };
}
V_INLINE v16 v_select_below(v16 x, v16 limit, v16 then, v16 otherwise)
{
    return (v16){ _mm256_blendv_ps(otherwise.a, then.a,
                                   _mm256_cmp_ps(x.a, limit.a, _CMP_LT_OQ)),
                  _mm256_blendv_ps(otherwise.b, then.b,
                                   _mm256_cmp_ps(x.b, limit.b, _CMP_LT_OQ)) };
}
V_INLINE int32_t vi_sum(vi16 a)
{
    __m256i s = _mm256_add_epi32(a.a, a.b);
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));

    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1));
    return _mm_cvtsi128_si32(t);
}
/* 16 values in [-32768, 32767] as int16, in order. */
V_INLINE __m256i vi_pack16(vi16 a)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a.a, a.b), 0xd8);
}
V_INLINE void vi_store_quads(int16_t *p, vi16 a)
{
    vi16 q = { _mm256_shuffle_epi32(a.a, 0xd8), _mm256_shuffle_epi32(a.b, 0xd8) };

    _mm256_storeu_si256((__m256i *)(void *)p, vi_pack16(q));
}
V_INLINE void vi_store_planes(int8_t *high, int8_t *low, vi16 a)
{
    __m256i v = vi_pack16(a);
    __m256i lo = _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8);
    __m256i hi = _mm256_srai_epi16(_mm256_sub_epi16(v, lo), 8);
    __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(lo, hi), 0xd8);

    _mm_storeu_si128((__m128i *)(void *)low, _mm256_castsi256_si128(both));
    _mm_storeu_si128((__m128i *)(void *)high, _mm256_extracti128_si256(both, 1));
}

#elif defined __aarch64__ && !defined MLCI_SCALAR_TIER

# include <arm_neon.h>
# define V_REGISTERS 32
# define V_PER_V16 4

typedef struct v16  { float32x4_t v[4]; } v16;
typedef struct vi16 { int32x4_t v[4]; } vi16;

# define V_EACH(expr) do { for (int i = 0; i < 4; i++) r.v[i] = (expr); } while (0)
# define V_DEF2(name, fn) \
    V_INLINE v16 name(v16 a, v16 b) { v16 r; V_EACH(fn(a.v[i], b.v[i])); return r; }

V_INLINE v16 v_set1(float x)         { v16 r; V_EACH(vdupq_n_f32(x)); return r; }
V_INLINE v16 v_load(const float *p)  { v16 r; V_EACH(vld1q_f32(p + 4 * i)); return r; }
V_INLINE v16 v_load_n(const float *p, size_t n)
{
    float t[16] = { 0 };

    if (n >= 16)
        return v_load(p);
    memcpy(t, p, n * sizeof *p);
    return v_load(t);
}
V_INLINE void v_store(float *p, v16 v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.v[i]);
}
V_INLINE void v_store_n(float *p, v16 v, size_t n)
{
    float t[16];

    if (n >= 16) {
        v_store(p, v);
        return;
    }
    v_store(t, v);
    memcpy(p, t, n * sizeof *p);
}
V_DEF2(v_add, vaddq_f32)
V_DEF2(v_sub, vsubq_f32)
V_DEF2(v_mul, vmulq_f32)
V_DEF2(v_div, vdivq_f32)
/* x86's MAXPS and MINPS give the second operand when one is NaN; so do these. */
V_INLINE v16 v_max(v16 a, v16 b)
{
    v16 r;

    V_EACH(vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]));
    return r;
}
V_INLINE v16 v_min(v16 a, v16 b)
{
    v16 r;

    V_EACH(vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]));
    return r;
}
V_INLINE v16 v_fma(v16 a, v16 b, v16 c)
{
    v16 r;

    V_EACH(vfmaq_f32(c.v[i], a.v[i], b.v[i]));
    return r;
}
V_INLINE v16 v_abs(v16 a) { v16 r; V_EACH(vabsq_f32(a.v[i])); return r; }
V_INLINE v16 v_load_f16(const uint16_t *p)
{
    v16 r;

    V_EACH(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
    return r;
}
V_INLINE void v_store_f16(uint16_t *p, v16 v)
{
    for (int i = 0; i < 4; i++)
        vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(v.v[i])));
}
V_INLINE vi16 v_round(v16 a)  { vi16 r; V_EACH(vcvtnq_s32_f32(a.v[i])); return r; }
V_INLINE v16 v_float(vi16 a)  { v16 r; V_EACH(vcvtq_f32_s32(a.v[i])); return r; }
V_INLINE v16 v_scale2(v16 a, vi16 n)
{
    v16 r;

    V_EACH(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a.v[i]),
                                           vshlq_n_s32(n.v[i], 23))));
    return r;
}
V_INLINE v16 v_select_below(v16 x, v16 limit, v16 then, v16 otherwise)
{
    v16 r;

    V_EACH(vbslq_f32(vcltq_f32(x.v[i], limit.v[i]), then.v[i], otherwise.v[i]));
    return r;
}
V_INLINE int32_t vi_sum(vi16 a)
{
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3])));
}
V_INLINE void vi_store_quads(int16_t *p, vi16 a)
{
    for (int i = 0; i < 4; i++) {
        int16x4_t q = vmovn_s32(a.v[i]);  /* k0 k1 k2 k3 -> k0 k2 k1 k3 */

        vst1_s16(p + 4 * i, vext_s16(vuzp1_s16(q, q), vuzp2_s16(q, q), 2));
    }
}
V_INLINE void vi_store_planes(int8_t *high, int8_t *low, vi16 a)
{
    for (int i = 0; i < 2; i++) {
        int16x8_t v = vcombine_s16(vmovn_s32(a.v[2 * i]), vmovn_s32(a.v[2 * i + 1]));
        int8x8_t lo = vmovn_s16(v);

        vst1_s8(low + 8 * i, lo);
        vst1_s8(high + 8 * i, vshrn_n_s16(vsubq_s16(v, vmovl_s8(lo)), 8));
    }
}

#else

# define MLCI_SIMD_ARRAY 1
# define V_REGISTERS 16
# define V_PER_V16 4

typedef struct v16  { float v[16]; } v16;
typedef struct vi16 { int32_t v[16]; } vi16;

# define V_EACH(expr) do { for (int i = 0; i < 16; i++) r.v[i] = (expr); } while (0)

V_INLINE v16 v_set1(float x)         { v16 r; V_EACH(x); return r; }
V_INLINE v16 v_load(const float *p)  { v16 r; V_EACH(p[i]); return r; }
V_INLINE v16 v_load_n(const float *p, size_t n)
{
    v16 r;

    V_EACH((size_t)i < n ? p[i] : 0.0f);
    return r;
}
V_INLINE void v_store(float *p, v16 v) { memcpy(p, v.v, sizeof v.v); }
V_INLINE void v_store_n(float *p, v16 v, size_t n)
{
    memcpy(p, v.v, (n < 16 ? n : 16) * sizeof *p);
}
V_INLINE v16 v_add(v16 a, v16 b) { v16 r; V_EACH(a.v[i] + b.v[i]); return r; }
V_INLINE v16 v_sub(v16 a, v16 b) { v16 r; V_EACH(a.v[i] - b.v[i]); return r; }
V_INLINE v16 v_mul(v16 a, v16 b) { v16 r; V_EACH(a.v[i] * b.v[i]); return r; }
V_INLINE v16 v_div(v16 a, v16 b) { v16 r; V_EACH(a.v[i] / b.v[i]); return r; }
V_INLINE v16 v_max(v16 a, v16 b) { v16 r; V_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); return r; }
V_INLINE v16 v_min(v16 a, v16 b) { v16 r; V_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); return r; }
V_INLINE v16 v_fma(v16 a, v16 b, v16 c)
{
    v16 r;

    V_EACH(a.v[i] * b.v[i] + c.v[i]);
    return r;
}
V_INLINE v16 v_abs(v16 a) { v16 r; V_EACH(fabsf(a.v[i])); return r; }
V_INLINE v16 v_load_f16(const uint16_t *p)
{
    v16 r;

    V_EACH(mlci_f16_to_f32(p[i]));
    return r;
}
V_INLINE void v_store_f16(uint16_t *p, v16 v)
{
    for (int i = 0; i < 16; i++)
        p[i] = mlci_f32_to_f16(v.v[i]);
}
V_INLINE vi16 v_round(v16 a)
{
    vi16 r;

    V_EACH((int32_t)nearbyintf(a.v[i]));
    return r;
}
V_INLINE v16 v_float(vi16 a) { v16 r; V_EACH((float)a.v[i]); return r; }
V_INLINE v16 v_scale2(v16 a, vi16 n)
{
    v16 r;

    V_EACH(mlci_bits_f32(mlci_f32_bits(a.v[i]) + ((uint32_t)n.v[i] << 23)));
    return r;
}
V_INLINE v16 v_select_below(v16 x, v16 limit, v16 then, v16 otherwise)
{
    v16 r;

    V_EACH(x.v[i] < limit.v[i] ? then.v[i] : otherwise.v[i]);
    return r;
}
V_INLINE int32_t vi_sum(vi16 a)
{
    int32_t s = 0;

    for (int i = 0; i < 16; i++)
        s += a.v[i];
    return s;
}
V_INLINE void vi_store_quads(int16_t *p, vi16 a)
{
    for (int i = 0; i < 16; i += 4) {
        p[i] = (int16_t)a.v[i];
        p[i + 1] = (int16_t)a.v[i + 2];
        p[i + 2] = (int16_t)a.v[i + 1];
        p[i + 3] = (int16_t)a.v[i + 3];
    }
}
V_INLINE void vi_store_planes(int8_t *high, int8_t *low, vi16 a)
{
    for (int i = 0; i < 16; i++) {
        low[i] = (int8_t)(a.v[i] & 255);
        high[i] = (int8_t)((a.v[i] - low[i]) / 256);
    }
}

#endif

/* ---- what follows from the above ---------------------------------------------------- */

/* Long functions: of arrays, inlining them everywhere is most of the scalar tier. */
#if defined MLCI_SIMD_ARRAY
# define V_LONG static inline
#else
# define V_LONG V_INLINE
#endif

V_INLINE v16 v_zero(void) { return v_set1(0.0f); }

/* Sum of the lanes, as a tree: i with i + 8, then i + 4, i + 2, i + 1. */
V_LONG float v_sum(v16 v)
{
    float t[16];

    v_store(t, v);
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            t[i] += t[i + step];
    return t[0];
}

V_LONG float v_largest(v16 v)
{
    float t[16], m;

    v_store(t, v);
    m = t[0];
    for (int i = 1; i < 16; i++)
        m = t[i] > m ? t[i] : m;
    return m;
}

V_LONG float v_smallest(v16 v)
{
    float t[16], m;

    v_store(t, v);
    m = t[0];
    for (int i = 1; i < 16; i++)
        m = t[i] < m ? t[i] : m;
    return m;
}

/* The first n lanes, the others replaced: the end of a reduction. */
V_LONG v16 v_first(v16 v, size_t n, float rest)
{
    float t[16];

    v_store(t, v);
    for (size_t i = n; i < 16; i++)
        t[i] = rest;
    return v_load(t);
}

V_INLINE v16 v_neg(v16 a) { return v_sub(v_zero(), a); }

/*
 * exp(x), relative error below 2e-7 (measured over all floats in the range:
 * tests/test_simd.c); 0 below -87.3, and x is clamped to 88 above.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts (Cody and Waite); e^r by
 * the Taylor polynomial of degree 7, whose remainder is 5e-9.
 */
V_LONG v16 v_exp(v16 x)
{
    v16 lowest = v_set1(-87.3f), clamped = v_min(v_max(x, lowest), v_set1(88.0f));
    vi16 n = v_round(v_mul(clamped, v_set1(1.44269504f)));
    v16 f = v_float(n);
    v16 r = v_fma(f, v_set1(-0.693359375f), clamped);
    v16 p = v_set1(1.0f / 5040);

    r = v_fma(f, v_set1(2.12194440e-4f), r);
    p = v_fma(p, r, v_set1(1.0f / 720));
    p = v_fma(p, r, v_set1(1.0f / 120));
    p = v_fma(p, r, v_set1(1.0f / 24));
    p = v_fma(p, r, v_set1(1.0f / 6));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, r, v_set1(1.0f));
    p = v_fma(p, r, v_set1(1.0f));
    return v_select_below(x, lowest, v_zero(), v_scale2(p, n));
}

/* tanh(x) = 1 - 2 / (e^2x + 1); the clamp keeps e^2x finite. */
V_LONG v16 v_tanh(v16 x)
{
    v16 two = v_set1(2.0f), one = v_set1(1.0f);
    v16 c = v_min(v_max(x, v_set1(-10.0f)), v_set1(10.0f));

    return v_sub(one, v_div(two, v_add(v_exp(v_mul(two, c)), one)));
}

#endif
