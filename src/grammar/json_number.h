/* SPDX-License-Identifier: Apache-2.0
 *
 * json_number.h - sets of JSON numbers as languages of their texts.
 *
 * What JSON Schema says of numbers it says of values: 1, 1.0 and 10e-1 are one number.
 * Languages here hold every way to write a value without an exponent; with one where that
 * is cheap: bounds of zero, integers, numbers without bounds.
 */
#ifndef MLCI_JSON_NUMBER_H
#define MLCI_JSON_NUMBER_H

#include "rx.h"

enum { MLCI_DECIMAL_DIGITS = 400 };

/* (-1)^negative * digits * 10^-scale; no zeros before or behind. */
typedef struct mlci_decimal {
    bool    negative;
    int32_t n, scale;
    char    digits[MLCI_DECIMAL_DIGITS];
} mlci_decimal;

/* A number as JSON writes it; false if it has too many digits. */
bool mlci_decimal_read(mlci_decimal *d, const char *text, size_t n);

mlci_rx mlci_numbers_all(mlci_rx_store *s);
mlci_rx mlci_numbers_plain(mlci_rx_store *s);        /* without an exponent */
mlci_rx mlci_numbers_whole(mlci_rx_store *s);
mlci_rx mlci_numbers_equal(mlci_rx_store *s, const mlci_decimal *d);
/* Those >= d (above) or <= d; strict: not d itself. */
mlci_rx mlci_numbers_beyond(mlci_rx_store *s, const mlci_decimal *d, bool above, bool strict);
/* Those with at most n digits behind the point, but for zeros. */
mlci_rx mlci_numbers_grid(mlci_rx_store *s, uint32_t n);

#endif
