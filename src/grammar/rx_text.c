/* SPDX-License-Identifier: Apache-2.0
 *
 * rx_text.c - rx.h's expressions of characters and texts, as UTF-8.
 */
#include "rx.h"
#include "../base/utf8.h"

static mlci_rx xt_byte(mlci_rx_store *s, uint8_t first, uint8_t last)
{
    mlci_bytes b = { { 0, 0, 0, 0 } };

    mlci_bytes_add(&b, first, last);
    return mlci_rx_bytes(s, &b);
}

mlci_rx mlci_rx_text(mlci_rx_store *s, const char *text, size_t n)
{
    mlci_rx r = MLCI_RX_EMPTY;

    while (n-- > 0)
        r = mlci_rx_cat(s, xt_byte(s, (uint8_t)text[n], (uint8_t)text[n]), r);
    return r;
}

/* ---- characters ----------------------------------------------------------------------- */

static bool xt_filled(const uint8_t *p, int n, uint8_t with)
{
    while (n > 0 && p[n - 1] == with)
        n--;
    return n == 0;
}

/* Sequences of n bytes from a to b; all but the first are 80 to bf. */
static mlci_rx xt_span(mlci_rx_store *s, const uint8_t *a, const uint8_t *b, int n)
{
    static const uint8_t low[3] = { 0x80, 0x80, 0x80 }, high[3] = { 0xbf, 0xbf, 0xbf };
    unsigned first = a[0], last = b[0];
    mlci_rx r = MLCI_RX_NONE;

    if (n == 1)
        return xt_byte(s, a[0], b[0]);
    if (first == last)
        return mlci_rx_cat(s, xt_byte(s, a[0], a[0]), xt_span(s, a + 1, b + 1, n - 1));
    if (!xt_filled(a + 1, n - 1, 0x80)) {
        r = mlci_rx_cat(s, xt_byte(s, a[0], a[0]), xt_span(s, a + 1, high, n - 1));
        first++;
    }
    if (!xt_filled(b + 1, n - 1, 0xbf)) {
        r = mlci_rx_or(s, r, mlci_rx_cat(s, xt_byte(s, b[0], b[0]),
                                         xt_span(s, low, b + 1, n - 1)));
        last--;
    }
    if (first <= last)
        r = mlci_rx_or(s, r, mlci_rx_cat(s, xt_byte(s, (uint8_t)first, (uint8_t)last),
                                         xt_span(s, low, high, n - 1)));
    return r;
}

mlci_rx mlci_rx_range(mlci_rx_store *s, uint32_t first, uint32_t last)
{
    /* Ends of what has one, two, three bytes, with the gap of surrogates. */
    static const uint32_t parts[][2] = { { 0, 0x7f }, { 0x80, 0x7ff }, { 0x800, 0xd7ff },
                                         { 0xe000, 0xffff }, { 0x10000, 0x10ffff } };
    mlci_rx r = MLCI_RX_NONE;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint32_t from = first > parts[i][0] ? first : parts[i][0];
        uint32_t to = last < parts[i][1] ? last : parts[i][1];
        char a[4], b[4];

        if (from > to)
            continue;
        (void)mlci_utf8_write((int32_t)from, a);
        r = mlci_rx_or(s, r, xt_span(s, (const uint8_t *)a, (const uint8_t *)b,
                                     (int)mlci_utf8_write((int32_t)to, b)));
    }
    return r;
}
