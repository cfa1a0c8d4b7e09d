/* SPDX-License-Identifier: Apache-2.0
 *
 * regex_property.c - \p{...}: characters by their general category.
 */
#include "regex.h"

#include "../text/unicode.h"

#include <string.h>

/* Where ten decimal digits begin (Nd, Unicode 18). */
static const uint32_t rp_tens[] = {
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
    0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50,
    0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950,
    0x1fbf0,
};

/* Titlecase letters, first and last of each run (Lt). */
static const uint32_t rp_title[][2] = {
    { 0x1c5, 0x1c5 }, { 0x1c8, 0x1c8 }, { 0x1cb, 0x1cb }, { 0x1f2, 0x1f2 }, { 0x1f88, 0x1f8f },
    { 0x1f98, 0x1f9f }, { 0x1fa8, 0x1faf }, { 0x1fbc, 0x1fbc }, { 0x1fcc, 0x1fcc },
    { 0x1ffc, 0x1ffc },
};

enum { RP_TITLE = sizeof rp_title / sizeof *rp_title, RP_BLOCK = 128, RP_END = 0x110000 };

static bool rp_is_title(uint32_t cp)
{
    for (int i = 0; i < RP_TITLE; i++)
        if (cp >= rp_title[i][0] && cp <= rp_title[i][1])
            return true;
    return false;
}

/* Every run of characters that have one of the classes; not: of which titlecase is none. */
static void rp_classes(uint8_t classes, bool no_title, mlci_property_fn *add, void *user)
{
    uint32_t first = RP_END;
    int alike = -1;                       /* a whole block was in (1) or out (0)          */

    for (uint32_t cp = 0; cp <= RP_END; cp++) {
        const uint32_t block = cp / RP_BLOCK;
        bool in;

        if (cp % RP_BLOCK == 0 && cp > 0 && cp < RP_END) {
            if (alike >= 0 && mlci_unicode_blocks[block] == mlci_unicode_blocks[block - 1]) {
                cp += RP_BLOCK - 1;
                continue;
            }
            alike = -1;
        }
        in = cp < RP_END && (mlci_unicode_class((int32_t)cp) & classes) != 0
          && !(no_title && rp_is_title(cp));
        if (cp % RP_BLOCK == 0)
            alike = in;
        else if (alike != in)
            alike = -1;
        if (in && first == RP_END)
            first = cp;
        if (!in && first != RP_END) {
            add(user, first, cp - 1);
            first = RP_END;
        }
    }
}

static bool rp_is(const char *name, size_t n, const char *text)
{
    return n == strlen(text) && memcmp(name, text, n) == 0;
}

bool mlci_regex_property(const char *name, size_t n, mlci_property_fn *add, void *user)
{
    static const struct { const char *name, *longer; uint8_t classes; bool no_title; } table[] = {
        { "L", "Letter", MLCI_CLASS_L, false }, { "N", "Number", MLCI_CLASS_N, false },
        { "M", "Mark", MLCI_CLASS_M, false }, { "P", "Punctuation", MLCI_CLASS_P, false },
        { "S", "Symbol", MLCI_CLASS_S, false },
        { "Ll", "Lowercase_Letter", MLCI_CLASS_LOWER, false },
        { "Lu", "Uppercase_Letter", MLCI_CLASS_UPPER, true },
        { "LC", "Cased_Letter", MLCI_CLASS_UPPER | MLCI_CLASS_LOWER, false },
        { "space", "White_Space", MLCI_CLASS_SPACE, false },
    };
    static const char *const before[] = { "General_Category=", "gc=" };

    for (int i = 0; i < 2; i++) {
        const size_t k = strlen(before[i]);

        if (n > k && memcmp(name, before[i], k) == 0)
            name += k, n -= k;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (rp_is(name, n, table[i].name) || rp_is(name, n, table[i].longer)) {
            rp_classes(table[i].classes, table[i].no_title, add, user);
            return true;
        }
    if (rp_is(name, n, "Nd") || rp_is(name, n, "Decimal_Number"))
        for (size_t i = 0; i < sizeof rp_tens / sizeof *rp_tens; i++)
            add(user, rp_tens[i], rp_tens[i] + 9);
    else if (rp_is(name, n, "Lt") || rp_is(name, n, "Titlecase_Letter"))
        for (int i = 0; i < RP_TITLE; i++)
            add(user, rp_title[i][0], rp_title[i][1]);
    else if (rp_is(name, n, "ASCII"))
        add(user, 0, 0x7f);
    else if (rp_is(name, n, "Any"))
        add(user, 0, RP_END - 1);
    else
        return false;
    return true;
}
