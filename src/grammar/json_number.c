/* SPDX-License-Identifier: Apache-2.0
 *
 * json_number.c - json_number.h.
 */
#include "json_number.h"

#include <string.h>

/* ---- decimals ------------------------------------------------------------------------- */

bool mlci_decimal_read(mlci_decimal *d, const char *text, size_t n)
{
    size_t i = 0;
    int64_t exponent = 0, sign = 1;
    bool point = false;

    *d = (mlci_decimal){ .negative = n > 0 && text[0] == '-' };
    for (i = d->negative; i < n && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        d->scale += point;
        if (d->n == 0 && text[i] == '0')
            continue;
        if (d->n == MLCI_DECIMAL_DIGITS)
            return false;
        d->digits[d->n++] = text[i];
    }
    if (i < n)
        i++;
    if (i < n && (text[i] == '-' || text[i] == '+'))
        sign = text[i++] == '-' ? -1 : 1;
    for (; i < n; i++)
        if ((exponent = exponent * 10 + (text[i] - '0')) > 100000)
            return false;
    while (d->n > 0 && d->digits[d->n - 1] == '0') {
        d->n--;
        d->scale--;
    }
    d->scale -= (int32_t)(sign * exponent);
    if (d->n == 0)
        d->scale = 0, d->negative = false;
    return d->n + (d->scale < 0 ? -d->scale : 0) <= MLCI_DECIMAL_DIGITS
        && d->scale <= MLCI_DECIMAL_DIGITS;
}

/* The digit before (i < whole) and behind the point. */
typedef struct jn_parts {
    int32_t whole, fraction;
    char    digits[2 * MLCI_DECIMAL_DIGITS + 2];
} jn_parts;

static void jn_split(const mlci_decimal *d, jn_parts *p)
{
    int32_t at = 0;

    p->whole = d->n - d->scale > 0 ? d->n - d->scale : 1;
    p->fraction = d->scale > 0 ? d->scale : 0;
    for (int32_t i = d->n - d->scale - p->whole; at < p->whole + p->fraction; i++)
        p->digits[at++] = i >= 0 && i < d->n ? d->digits[i] : '0';
}

/* ---- pieces --------------------------------------------------------------------------- */

static mlci_rx jn_digits(mlci_rx_store *s, int first, int last)
{
    mlci_bytes b = { { 0, 0, 0, 0 } };

    if (first > last)
        return MLCI_RX_NONE;
    mlci_bytes_add(&b, (uint8_t)first, (uint8_t)last);
    return mlci_rx_bytes(s, &b);
}

static mlci_rx jn_any(mlci_rx_store *s, uint32_t min, uint32_t max)
{
    return mlci_rx_repeat(s, jn_digits(s, '0', '9'), min, max);
}

static mlci_rx jn_zeros(mlci_rx_store *s, uint32_t min)
{
    return mlci_rx_repeat(s, jn_digits(s, '0', '0'), min, MLCI_RX_MANY);
}

static mlci_rx jn_maybe(mlci_rx_store *s, mlci_rx a) { return mlci_rx_or(s, a, MLCI_RX_EMPTY); }

static mlci_rx jn_point(mlci_rx_store *s, mlci_rx digits)
{
    return mlci_rx_cat(s, mlci_rx_text(s, ".", 1), digits);
}

/* A fraction or none. */
static mlci_rx jn_fraction(mlci_rx_store *s)
{
    return jn_maybe(s, jn_point(s, jn_any(s, 1, MLCI_RX_MANY)));
}

static mlci_rx jn_exponent(mlci_rx_store *s, bool whole)
{
    mlci_bytes e = { { 0, 0, 0, 0 } }, sign = { { 0, 0, 0, 0 } };
    mlci_rx r;

    mlci_bytes_add(&e, 'e', 'e');
    mlci_bytes_add(&e, 'E', 'E');
    mlci_bytes_add(&sign, '+', '+');
    if (!whole)
        mlci_bytes_add(&sign, '-', '-');
    r = mlci_rx_cat(s, jn_maybe(s, mlci_rx_bytes(s, &sign)), jn_any(s, 1, MLCI_RX_MANY));
    return jn_maybe(s, mlci_rx_cat(s, mlci_rx_bytes(s, &e), r));
}

static mlci_rx jn_signed(mlci_rx_store *s, mlci_rx r)
{
    return mlci_rx_cat(s, jn_maybe(s, mlci_rx_text(s, "-", 1)), r);
}

/* Whole numbers without a sign. */
static mlci_rx jn_whole(mlci_rx_store *s)
{
    return mlci_rx_or(s, jn_digits(s, '0', '0'),
                      mlci_rx_cat(s, jn_digits(s, '1', '9'), jn_any(s, 0, MLCI_RX_MANY)));
}

/* Zero however it is written. */
static mlci_rx jn_zero(mlci_rx_store *s)
{
    mlci_rx r = mlci_rx_cat(s, jn_maybe(s, jn_point(s, jn_zeros(s, 1))), jn_exponent(s, false));

    return mlci_rx_cat(s, jn_digits(s, '0', '0'), r);
}

static mlci_rx jn_magnitude(mlci_rx_store *s)
{
    mlci_rx r = mlci_rx_cat(s, jn_fraction(s), jn_exponent(s, false));

    return mlci_rx_cat(s, jn_whole(s), r);
}

mlci_rx mlci_numbers_all(mlci_rx_store *s) { return jn_signed(s, jn_magnitude(s)); }

mlci_rx mlci_numbers_plain(mlci_rx_store *s)
{
    return jn_signed(s, mlci_rx_cat(s, jn_whole(s), jn_fraction(s)));
}

mlci_rx mlci_numbers_whole(mlci_rx_store *s)
{
    mlci_rx tail = mlci_rx_or(s, jn_maybe(s, jn_point(s, jn_zeros(s, 1))), jn_exponent(s, true));

    return jn_signed(s, mlci_rx_cat(s, jn_whole(s), tail));
}

mlci_rx mlci_numbers_grid(mlci_rx_store *s, uint32_t n)
{
    mlci_rx some = mlci_rx_cat(s, jn_any(s, 1, n), jn_zeros(s, 0));

    return jn_signed(s, mlci_rx_cat(s, jn_whole(s), jn_maybe(s, jn_point(s, some))));
}

/* ---- bounds --------------------------------------------------------------------------- */

/* Digits behind the point that say as much as p's from i on, or more, or less. */
static mlci_rx jn_rest(mlci_rx_store *s, const jn_parts *p, int32_t i, bool above, bool strict)
{
    const int digit = i < p->fraction ? p->digits[p->whole + i] : 0;
    mlci_rx r, further;

    if (i == p->fraction) {
        if (!above)
            return strict ? MLCI_RX_NONE : jn_zeros(s, 0);
        r = jn_any(s, 0, MLCI_RX_MANY);
        return strict ? mlci_rx_cat(s, jn_zeros(s, 0),
                                    mlci_rx_cat(s, jn_digits(s, '1', '9'), r)) : r;
    }
    r = mlci_rx_cat(s, above ? jn_digits(s, digit + 1, '9') : jn_digits(s, '0', digit - 1),
                    jn_any(s, 0, MLCI_RX_MANY));
    further = mlci_rx_cat(s, jn_digits(s, digit, digit), jn_rest(s, p, i + 1, above, strict));
    r = mlci_rx_or(s, r, further);
    return above || i == 0 ? r : jn_maybe(s, r);
}

/* Whole digits equal: what follows them. */
static mlci_rx jn_tail(mlci_rx_store *s, const jn_parts *p, bool above, bool strict)
{
    mlci_rx r = jn_rest(s, p, 0, above, strict);

    if (p->fraction == 0) {      /* at least one digit behind a point */
        r = above ? strict ? r : jn_any(s, 1, MLCI_RX_MANY)
                  : strict ? MLCI_RX_NONE : jn_zeros(s, 1);
        r = jn_point(s, r);
        return strict ? r : jn_maybe(s, r);
    }
    r = jn_point(s, r);
    return above ? r : jn_maybe(s, r);
}

/* Magnitudes as large as p, or larger; or as small, or smaller. */
static mlci_rx jn_bound(mlci_rx_store *s, const jn_parts *p, bool above, bool strict)
{
    const uint32_t n = (uint32_t)p->whole;
    mlci_rx r = jn_tail(s, p, above, strict), others = MLCI_RX_NONE;

    for (uint32_t i = n; i-- > 0;) {
        const int digit = p->digits[i], least = i == 0 && n > 1 ? '1' : '0';
        mlci_rx beside = above ? jn_digits(s, digit + 1, '9') : jn_digits(s, least, digit - 1);

        beside = mlci_rx_cat(s, beside, mlci_rx_cat(s, jn_any(s, n - 1 - i, n - 1 - i),
                                                    jn_fraction(s)));
        r = mlci_rx_or(s, beside, mlci_rx_cat(s, jn_digits(s, digit, digit), r));
    }
    if (above)
        others = mlci_rx_cat(s, jn_digits(s, '1', '9'),
                             mlci_rx_cat(s, jn_any(s, n, MLCI_RX_MANY), jn_fraction(s)));
    else if (n > 1)
        others = mlci_rx_cat(s, mlci_rx_or(s, jn_digits(s, '0', '0'), mlci_rx_cat(s,
                     jn_digits(s, '1', '9'), jn_any(s, 0, n - 2))), jn_fraction(s));
    return mlci_rx_or(s, r, others);
}

mlci_rx mlci_numbers_beyond(mlci_rx_store *s, const mlci_decimal *d, bool above, bool strict)
{
    const mlci_rx minus = mlci_rx_text(s, "-", 1);
    mlci_rx zero = jn_zero(s), same, other;
    jn_parts p;

    if (d->n == 0) {             /* by the sign alone, however it is written */
        mlci_rx some = mlci_rx_and(s, jn_magnitude(s), mlci_rx_not(s, zero));

        some = above ? some : mlci_rx_cat(s, minus, some);
        return strict ? some : mlci_rx_or(s, some, jn_signed(s, zero));
    }
    jn_split(d, &p);
    if (d->negative != above) {  /* beyond it, on its own side */
        same = jn_bound(s, &p, true, strict);
        return d->negative ? mlci_rx_cat(s, minus, same) : same;
    }
    same = jn_bound(s, &p, false, strict);
    other = jn_magnitude(s);
    return d->negative ? mlci_rx_or(s, mlci_rx_cat(s, minus, same), other)
                       : mlci_rx_or(s, mlci_rx_cat(s, minus, other), same);
}

mlci_rx mlci_numbers_equal(mlci_rx_store *s, const mlci_decimal *d)
{
    mlci_rx r;
    jn_parts p;

    if (d->n == 0)
        return jn_signed(s, jn_zero(s));
    jn_split(d, &p);
    r = p.fraction == 0 ? jn_maybe(s, jn_point(s, jn_zeros(s, 1)))
                        : jn_point(s, mlci_rx_cat(s, mlci_rx_text(s, p.digits + p.whole,
                                                  (size_t)p.fraction), jn_zeros(s, 0)));
    r = mlci_rx_cat(s, mlci_rx_text(s, p.digits, (size_t)p.whole), r);
    return d->negative ? mlci_rx_cat(s, mlci_rx_text(s, "-", 1), r) : r;
}
