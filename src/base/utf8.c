/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.c - utf8.h.  The bounds of the second byte (table 3-7) are what keeps
 * overlong forms and surrogates out; with them a "maximal subpart" (the part
 * that U+FFFD replaces) is simply what was accepted before the bad byte.
 */
#include "utf8.h"

size_t mlci_utf8_read(const char *text, size_t n, int32_t *cp)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned lo = 0x80, hi = 0xbf;
    size_t len;
    int32_t c;

    if (s[0] < 0x80) {
        *cp = s[0];
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        *cp = -1;
        return 1;
    }
    len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    c = s[0] & (0x7f >> len);
    if (s[0] == 0xe0)
        lo = 0xa0;
    if (s[0] == 0xed)
        hi = 0x9f;
    if (s[0] == 0xf0)
        lo = 0x90;
    if (s[0] == 0xf4)
        hi = 0x8f;
    for (size_t i = 1; i < len; i++) {
        if (i >= n || s[i] < lo || s[i] > hi) {
            *cp = i >= n ? -2 : -1;
            return i;
        }
        c = c << 6 | (s[i] & 0x3f);
        lo = 0x80;
        hi = 0xbf;
    }
    *cp = c;
    return len;
}

size_t mlci_utf8_write(int32_t cp, char out[4])
{
    if (cp < 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = MLCI_REPLACEMENT;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

bool mlci_utf8_valid(const char *s, size_t n)
{
    int32_t cp;

    for (size_t i = 0; i < n; i += mlci_utf8_read(s + i, n - i, &cp))
        if ((unsigned char)s[i] >= 0x80
            && (mlci_utf8_read(s + i, n - i, &cp), cp < 0))
            return false;
    return true;
}

size_t mlci_utf8_length(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}
