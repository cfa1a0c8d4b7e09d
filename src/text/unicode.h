/* SPDX-License-Identifier: Apache-2.0
 *
 * unicode.h - what the tokenizers and templates need to know of characters.
 */
#ifndef MLCI_UNICODE_H
#define MLCI_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* General categories as bits: L*, N*, White_Space, M*, P*, S*, Lu or Lt, Ll. */
enum {
    MLCI_CLASS_L = 1, MLCI_CLASS_N = 2, MLCI_CLASS_SPACE = 4, MLCI_CLASS_M = 8,
    MLCI_CLASS_P = 16, MLCI_CLASS_S = 32, MLCI_CLASS_UPPER = 64,
    MLCI_CLASS_LOWER = 128
};

typedef struct mlci_case_run {
    int32_t first, last, step, delta;
} mlci_case_run;

extern const uint16_t mlci_unicode_blocks[];
extern const uint8_t  mlci_unicode_classes[];
extern const mlci_case_run mlci_unicode_upper[], mlci_unicode_lower[];
extern const size_t mlci_unicode_upper_count, mlci_unicode_lower_count;

/* 0 for what is no character. */
static inline uint8_t mlci_unicode_class(int32_t cp)
{
    if (cp < 0 || cp > 0x10ffff)
        return 0;
    return mlci_unicode_classes[mlci_unicode_blocks[cp >> 7] * 128 + (cp & 127)];
}

/* Simple case mappings: one character to one. */
int32_t mlci_unicode_to_upper(int32_t cp);
int32_t mlci_unicode_to_lower(int32_t cp);

#endif
