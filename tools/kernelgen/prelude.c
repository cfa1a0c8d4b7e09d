/* SPDX-License-Identifier: Apache-2.0
 *
 * prelude.c - what stands before the kernels of each language.
 */
#include "emit.h"

/* In C all of it is support.h. */
static const char kg_c[] =
    "#include \"support.h\"\n#include \"generated.h\"\n\n";

/* The same text is CUDA C, OpenCL C and GLSL but for a few words. */
static const char kg_common[] =
    "KG_FN int kg_floor_div(int a, int b)\n"
    "{ int q = a / b; return a - q * b != 0 && (a < 0) != (b < 0) ? q - 1 : q; }\n"
    "KG_FN int kg_floor_mod(int a, int b) { return a - kg_floor_div(a, b) * b; }\n"
    "KG_FN int kg_shl(int a, int n) { return n < 0 || n > 31 ? 0 : a << n; }\n"
    "KG_FN int kg_shr(int a, int n) { return n < 0 || n > 31 ? 0 : a >> n; }\n"
    "KG_FN uint kg_shl_u(uint a, uint n) { return n > 31u ? 0u : a << n; }\n"
    "KG_FN uint kg_shr_u(uint a, uint n) { return n > 31u ? 0u : a >> n; }\n"
    "KG_FN int kg_min(int a, int b) { return a < b ? a : b; }\n"
    "KG_FN int kg_max(int a, int b) { return a > b ? a : b; }\n"
    "KG_FN int kg_abs(int a) { return a < 0 ? -a : a; }\n"
    "KG_FN float kg_min_f(float a, float b) { return a < b ? a : b; }\n"
    "KG_FN float kg_max_f(float a, float b) { return a > b ? a : b; }\n"
    "KG_FN float kg_abs_f(float a) { return a < 0.0f ? -a : a; }\n"
    "KG_FN float kg_brain(uint h) { return kg_float(h << 16); }\n"
    "KG_FN uint kg_to_bf16(float x)\n"
    "{ uint u = kg_bits(x); return (u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u\n"
    "  : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16; }\n";

static const char kg_cuda[] =
    "#define KG_FN static __device__ __forceinline__\n"
    "#define KG_INF __int_as_float(0x7f800000)\n"
    "#define KG_THREAD ((int)threadIdx.x)\n"
    "#define KG_GROUP ((int)blockIdx.x)\n"
    "#define KG_N_GROUPS ((int)gridDim.x)\n"
    "#define KG_BARRIER __syncthreads()\n"
    "#define KG_SHARED __shared__ float kg_f[128]; __shared__ int kg_i[128]; \\\n"
    "  (void)kg_f; (void)kg_i;\n"
    "typedef unsigned char uchar;\n"
    "typedef unsigned short ushort;\n"
    "typedef unsigned int uint;\n"
    "KG_FN float kg_float(uint u) { return __uint_as_float(u); }\n"
    "KG_FN uint kg_bits(float f) { return __float_as_uint(f); }\n"
    "KG_FN float kg_half(uint h)\n"
    "{ float f; asm(\"cvt.f32.f16 %0, %1;\" : \"=f\"(f) : \"h\"((ushort)h)); return f; }\n"
    "KG_FN float kg_f16(ushort h) { return kg_half(h); }\n"
    "KG_FN float kg_bf16(ushort h) { return kg_float((uint)h << 16); }\n"
    "KG_FN ushort kg_to_f16(float f)\n"
    "{ ushort h; asm(\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(h) : \"f\"(f)); return h; }\n";

static const char kg_opencl[] =
    "#define KG_FN static inline\n"
    "#define KG_INF INFINITY\n"
    "#define KG_THREAD ((int)get_local_id(0))\n"
    "#define KG_GROUP ((int)get_group_id(0))\n"
    "#define KG_N_GROUPS ((int)get_num_groups(0))\n"
    "#define KG_BARRIER barrier(CLK_LOCAL_MEM_FENCE)\n"
    "#define KG_SHARED __local float kg_f[128]; __local int kg_i[128];\n"
    "KG_FN float kg_float(uint u) { return as_float(u); }\n"
    "KG_FN uint kg_bits(float f) { return as_uint(f); }\n"
    "KG_FN float kg_half(uint h)\n"
    "{ ushort s = (ushort)h; return vload_half(0, (const __private half *)&s); }\n"
    "KG_FN float kg_f16(ushort h) { return kg_half(h); }\n"
    "KG_FN float kg_bf16(ushort h) { return kg_float((uint)h << 16); }\n"
    "KG_FN ushort kg_to_f16(float f)\n"
    "{ ushort s; vstore_half_rte(f, 0, (__private half *)&s); return s; }\n";

/* Sines of large angles: GLSL promises nothing beyond pi, so a multiple of 2 pi is
 * taken off first, in two parts (Cody, Waite).  erf: Abramowitz, Stegun 7.1.26,
 * error 1.5e-7. */
static const char kg_glsl[] =
    "#version 450\n"
    "layout(local_size_x = 128) in;\n"
    "#define KG_FN\n"
    "#define KG_INF uintBitsToFloat(0x7f800000u)\n"
    "#define KG_THREAD int(gl_LocalInvocationID.x)\n"
    "#define KG_GROUP int(gl_WorkGroupID.x)\n"
    "#define KG_N_GROUPS int(gl_NumWorkGroups.x)\n"
    "#define KG_BARRIER barrier()\n"
    "#define KG_SHARED\n"
    "shared float kg_f[128];\n"
    "shared int kg_i[128];\n"
    "float kg_float(uint u) { return uintBitsToFloat(u); }\n"
    "uint kg_bits(float f) { return floatBitsToUint(f); }\n"
    "float kg_half(uint h) { return unpackHalf2x16(h).x; }\n"
    "uint kg_to_f16(float f) { return packHalf2x16(vec2(f, 0.0)) & 65535u; }\n"
    "float kg_turn(float x)\n"
    "{ float n = roundEven(x * 0.15915494309189535);\n"
    "  return (x - n * 6.28125) - n * 0.0019353071795864769; }\n"
    "float kg_sin(float x) { return sin(kg_turn(x)); }\n"
    "float kg_cos(float x) { return cos(kg_turn(x)); }\n"
    "float kg_tanh(float x) { return isnan(x) ? x\n"
    "  : 1.0 - 2.0 / (exp(2.0 * clamp(x, -10.0, 10.0)) + 1.0); }\n"
    "float kg_erf(float x)\n"
    "{ float a = abs(x), t = 1.0 / (1.0 + 0.3275911 * a);\n"
    "  float y = 1.0 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t\n"
    "    - 0.284496736) * t + 0.254829592) * t * exp(-a * a);\n"
    "  return x < 0.0 ? -y : y; }\n"
    "#define KG_PART(word, at, per, bits) ((word) >> ((uint(at) % per) * bits))\n"
    "int kg_u8(uint w, int at) { return int(KG_PART(w, at, 4u, 8u) & 255u); }\n"
    "int kg_i8(uint w, int at) { return bitfieldExtract(int(KG_PART(w, at, 4u, 8u)), 0, 8); }\n"
    "int kg_u16(uint w, int at) { return int(KG_PART(w, at, 2u, 16u) & 65535u); }\n"
    "int kg_i16(uint w, int at) { return bitfieldExtract(int(KG_PART(w, at, 2u, 16u)), 0, 16); }\n"
    "float kg_f16(uint w, int at) { return kg_half(KG_PART(w, at, 2u, 16u) & 65535u); }\n"
    "float kg_bf16(uint w, int at) { return kg_float(KG_PART(w, at, 2u, 16u) << 16); }\n";

void kg_prelude(kg_language language, mlci_buf *out)
{
    static const char *const own[] = { kg_c, kg_cuda, kg_opencl, kg_glsl };

    mlci_buf_text(out, own[language]);
    if (language != KG_C)
        mlci_buf_text(out, kg_common);
    mlci_buf_text(out, "\n");
}
