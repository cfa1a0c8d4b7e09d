/* SPDX-License-Identifier: Apache-2.0
 *
 * number.c - number.h.
 *
 * strtod and printf follow the process's locale, which is not ours to set.  So
 * strtod only ever gets numbers without a decimal point, and of what printf
 * writes only the digits are taken.
 */
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The form of a decimal number; *dot is the offset of its point or n. */
static bool nu_shape(const char *s, size_t n, size_t *dot, bool *is_int)
{
    size_t i = 0, digits = 0;

    *dot = n;
    *is_int = true;
    if (i < n && (s[i] == '-' || s[i] == '+'))
        i++;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
        digits++;
    if (i < n && s[i] == '.') {
        *dot = i++;
        *is_int = false;
        for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
            digits++;
    }
    if (digits == 0)
        return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        size_t from;

        *is_int = false;
        i++;
        if (i < n && (s[i] == '-' || s[i] == '+'))
            i++;
        for (from = i; i < n && s[i] >= '0' && s[i] <= '9'; i++)
            ;
        if (i == from)
            return false;
    }
    return i == n;
}

/* Exact by arithmetic: at most 15 digits and a power of ten that a double
 * holds exactly (Clinger 1990).  Nearly every number that people write. */
static bool nu_fast(const char *s, size_t n, double *v)
{
    static const double pow10[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
        1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
        1e21, 1e22 };
    int64_t m = 0;
    int digits = 0, scale = 0;
    bool neg = s[0] == '-', frac = false;

    for (size_t i = s[0] == '-' || s[0] == '+'; i < n; i++) {
        if (s[i] == '.') {
            frac = true;
        } else if (s[i] < '0' || s[i] > '9' || ++digits > 15) {
            return false;
        } else {
            m = m * 10 + (s[i] - '0');
            scale += frac;
        }
    }
    *v = (double)m / pow10[scale];
    *v = neg ? -*v : *v;
    return true;
}

/* The general way: all digits as one integer and a power of ten, which strtod
 * reads the same in every locale.  Digits after the 100th are dropped: they can
 * only matter to a number made to lie on a rounding boundary. */
bool mlci_read_double(const char *s, size_t n, double *v)
{
    char small[128];
    size_t dot, i, used = 0, digits;
    int64_t exp10 = 0, written = 0;
    bool is_int, frac = false;

    if (!nu_shape(s, n, &dot, &is_int))
        return false;
    if (nu_fast(s, n, v))
        return true;
    if (s[0] == '-')
        small[used++] = '-';
    digits = used;                     /* where they begin                   */
    for (i = s[0] == '-' || s[0] == '+'; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
        if (s[i] == '.') {
            frac = true;
            continue;
        }
        exp10 -= frac;
        if (used > 100)
            exp10++;
        else if (used > digits || s[i] != '0')
            small[used++] = s[i];
    }
    if (i < n)
        for (size_t j = i + 1 + (s[i + 1] == '-' || s[i + 1] == '+'); j < n; j++)
            written = written < 100000 ? written * 10 + (s[j] - '0') : written;
    if (i < n && s[i + 1] == '-')
        written = -written;
    exp10 += written;
    exp10 = exp10 < -99999 ? -99999 : exp10 > 99999 ? 99999 : exp10;
    snprintf(small + used, sizeof small - used, "%se%d",
             used == digits ? "0" : "", (int)exp10);
    *v = strtod(small, NULL);
    return true;
}

bool mlci_read_int(const char *s, size_t n, int64_t *v)
{
    uint64_t m = 0, max = INT64_MAX;
    size_t dot, i = 0;
    bool is_int, neg = n > 0 && s[0] == '-';

    if (!nu_shape(s, n, &dot, &is_int) || !is_int)
        return false;
    for (i = s[0] == '-' || s[0] == '+'; i < n; i++) {
        uint64_t d = (uint64_t)(s[i] - '0');

        if (m > (max + neg - d) / 10)
            return false;
        m = m * 10 + d;
    }
    *v = neg ? (int64_t)(0 - m) : (int64_t)m;
    return true;
}

size_t mlci_double_text(double v, char text[MLCI_DOUBLE_CHARS])
{
    char e_form[MLCI_DOUBLE_CHARS], digits[24];
    int prec = 0, exp10, nd = 0, n = 0;
    const char *e;

    if (isnan(v) || isinf(v))
        return (size_t)snprintf(text, MLCI_DOUBLE_CHARS, "%s",
                                isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    do {  /* %e of 0..16 decimals: the first that reads back is the shortest */
        snprintf(e_form, sizeof e_form, "%.*e", prec, v);
    } while (strtod(e_form, NULL) != v && ++prec <= 16);
    e = strchr(e_form, 'e');
    exp10 = e != NULL ? atoi(e + 1) : 0;
    for (const char *p = e_form; p < e; p++)
        if (*p >= '0' && *p <= '9')
            digits[nd++] = *p;
    while (nd > 1 && digits[nd - 1] == '0')
        nd--;

    if (e_form[0] == '-')
        text[n++] = '-';
    if (exp10 < -4 || exp10 >= 16) {
        text[n++] = digits[0];
        if (nd > 1)
            text[n++] = '.';
        memcpy(text + n, digits + 1, (size_t)(nd - 1));
        n += nd - 1;
        return (size_t)(n + snprintf(text + n, (size_t)(MLCI_DOUBLE_CHARS - n),
                                     "e%c%02d", exp10 < 0 ? '-' : '+',
                                     exp10 < 0 ? -exp10 : exp10));
    }
    if (exp10 < 0) {
        memcpy(text + n, "0.000", (size_t)(1 - exp10) + 0);
        n += 1 - exp10;
        memcpy(text + n, digits, (size_t)nd);
        n += nd;
    } else {
        for (int i = 0; i < nd || i <= exp10; i++) {
            text[n++] = i < nd ? digits[i] : '0';
            if (i == exp10) {
                text[n++] = '.';
                if (i + 1 >= nd)
                    text[n++] = '0';
            }
        }
    }
    text[n] = 0;
    return (size_t)n;
}
