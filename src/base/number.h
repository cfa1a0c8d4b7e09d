/* SPDX-License-Identifier: Apache-2.0
 *
 * number.h - decimal text to numbers and back, independent of the locale that
 * the host process may have set.
 */
#ifndef MLCI_NUMBER_H
#define MLCI_NUMBER_H

#include "base.h"

enum { MLCI_DOUBLE_CHARS = 40 };

/* The shortest text that reads back as v, as Python's repr writes it: "0.1",
 * "1.0", "1e+16", "inf", "nan".  Returns its length; a NUL follows. */
size_t mlci_double_text(double v, char text[MLCI_DOUBLE_CHARS]);

/* A whole decimal number in [text, text + n): digits, optional sign, fraction
 * and exponent.  false if it is anything else. */
bool mlci_read_double(const char *text, size_t n, double *v);
bool mlci_read_int(const char *text, size_t n, int64_t *v);  /* also if it overflows */

#endif
