/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_regex.c - an expression, a NUL, and a text (or the expression itself): read,
 * stepped through, asked whether anything can still come.
 */
#include "fuzz.h"
#include "../../src/base/utf8.h"
#include "../../src/grammar/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const uint8_t *zero = n > 0 ? memchr(bytes, 0, n) : NULL;
    size_t n_pattern = zero != NULL ? (size_t)(zero - bytes) : n;
    const uint8_t *text = zero != NULL ? zero + 1 : bytes;
    size_t n_text = zero != NULL ? n - n_pattern - 1 : n;
    mlci_rx_store s;
    mlc_error err = { 0 };
    mlci_rx r = MLCI_RX_NONE;
    mlc_status st = mlci_rx_open(&s, fuzz_context(), (size_t)1 << 22);

    if (st == MLC_OK)
        st = mlci_regex_read(&s, (const char *)bytes, n_pattern, false, &r, &err);
    FUZZ_CHECK(st == MLC_OK || (err.status == st && mlci_utf8_valid(err.text, strlen(err.text))));
    for (size_t i = 0; i < n_text && i < 200 && st == MLC_OK; i++)
        r = mlci_rx_step(&s, r, text[i]);
    if (st == MLC_OK && mlci_rx_may_end(&s, r) && s.status == MLC_OK)
        FUZZ_CHECK(!mlci_rx_dead(&s, r, 100));
    mlci_rx_close(&s);
    return 0;
}
