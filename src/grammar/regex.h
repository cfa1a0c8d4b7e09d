/* SPDX-License-Identifier: Apache-2.0
 *
 * regex.h - regular expressions of ECMA-262, as JSON Schema's "pattern" uses them, to
 * languages (rx.h).
 *
 *   alternatives, groups, . [ ] \d \w \s and their complements, escapes of characters,
 *   * + ? {m} {m,} {m,n} (lazy ones alike), ^ $, lookahead (?= ) (?! )
 *
 * Refused by name: back references, lookbehind, \b and \B, other properties than those
 * below.  Characters are Unicode's; texts are UTF-8.
 */
#ifndef MLCI_REGEX_H
#define MLCI_REGEX_H

#include "rx.h"

/*
 * Texts in which the expression is found anywhere, or which it matches from end to end
 * (all), with the mark of the end: w is one of them if w MLCI_RX_END is in *out.
 * Errors: MLC_EFORMAT for an expression that is none, MLC_EUNSUPPORTED for the above,
 * both with the place; MLC_ENOMEM at the store's limit.
 */
mlc_status mlci_regex_read(mlci_rx_store *s, const char *text, size_t n, bool all, mlci_rx *out,
                           mlc_error *err);

/*
 * The language that the expression matches exactly, without a mark, as a part of larger
 * texts: ^, $ and lookahead are refused.  Otherwise as above.
 */
mlc_status mlci_regex_read_terminal(mlci_rx_store *s, const char *text, size_t n, mlci_rx *out,
                                    mlc_error *err);

/* The characters of a property's name (what stands between \p{ and }), in rising runs; false:
 * it is not one of L, N, M, P, S, Lu, Ll, Lt, LC, Nd (also by their long names, and with "gc="),
 * White_Space, ASCII, Any. */
typedef void mlci_property_fn(void *user, uint32_t first, uint32_t last);
bool mlci_regex_property(const char *name, size_t n, mlci_property_fn *add, void *user);

#endif
