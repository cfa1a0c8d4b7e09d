/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - characters from bytes and back (Unicode 15, section 3.9).
 */
#ifndef MLCI_UTF8_H
#define MLCI_UTF8_H

#include "base.h"

enum { MLCI_REPLACEMENT = 0xfffd };

/*
 * Decode one character of s[0..n), n >= 1.  Returns the bytes used.
 *   *cp >= 0   the character
 *   *cp == -1  a maximal invalid part: stands for one U+FFFD
 *   *cp == -2  valid so far, but the bytes end here
 */
size_t mlci_utf8_read(const char *s, size_t n, int32_t *cp);

/* Write a character (1 to 4 bytes); a surrogate or too large one as U+FFFD. */
size_t mlci_utf8_write(int32_t cp, char out[4]);

bool mlci_utf8_valid(const char *s, size_t n);

/* Number of characters in valid UTF-8. */
size_t mlci_utf8_length(const char *s, size_t n);

#endif
