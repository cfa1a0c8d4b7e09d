/* SPDX-License-Identifier: Apache-2.0
 *
 * compiler.h - everything that differs between compilers, in one place.
 * Nothing outside this file may use a compiler extension.
 */
#ifndef MLCI_COMPILER_H
#define MLCI_COMPILER_H

#if defined __GNUC__
# define MLCI_PRINTF(f, a) __attribute__((format(printf, f, a)))
# define MLCI_INLINE       static inline __attribute__((always_inline))
# define MLCI_NOINLINE     __attribute__((noinline))
# define MLCI_LIKELY(x)    __builtin_expect(!!(x), 1)
# define MLCI_UNLIKELY(x)  __builtin_expect(!!(x), 0)
# define MLCI_HIDDEN       __attribute__((visibility("hidden")))
#else
# define MLCI_PRINTF(f, a)
# define MLCI_INLINE       static inline
# define MLCI_NOINLINE
# define MLCI_LIKELY(x)    (x)
# define MLCI_UNLIKELY(x)  (x)
# define MLCI_HIDDEN
#endif

/* Ask for full unrolling of the next loop: accumulator arrays stay in
 * registers only if every index is a constant. */
#if defined __clang__
# define MLCI_UNROLL _Pragma("clang loop unroll(full)")
#elif defined __GNUC__
# define MLCI_UNROLL _Pragma("GCC unroll 32")
#else
# define MLCI_UNROLL
#endif

/* Fetch a line into the second-level cache.  Any address will do: none faults. */
#if defined __GNUC__
# define MLCI_PREFETCH_L2(address) __builtin_prefetch((const void *)(address), 0, 2)
#else
# define MLCI_PREFETCH_L2(address) ((void)(address))
#endif

/* A short wait inside a spin loop. */
#if defined __x86_64__ || defined __i386__
# define MLCI_PAUSE() __builtin_ia32_pause()
#elif defined __aarch64__ || defined __arm__
# define MLCI_PAUSE() __asm__ __volatile__("yield")
#else
# define MLCI_PAUSE() ((void)0)
#endif

/* AddressSanitizer: red zones inside arenas, no private page mapping. */
#if defined __SANITIZE_ADDRESS__
# define MLCI_ASAN 1
#elif defined __has_feature
# if __has_feature(address_sanitizer)
#  define MLCI_ASAN 1
# endif
#endif
#ifndef MLCI_ASAN
# define MLCI_ASAN 0
#endif

#if MLCI_ASAN
# include <sanitizer/asan_interface.h>
# define MLCI_POISON(p, n)   __asan_poison_memory_region((p), (n))
# define MLCI_UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
# define MLCI_POISON(p, n)   ((void)(p), (void)(n))
# define MLCI_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#endif
