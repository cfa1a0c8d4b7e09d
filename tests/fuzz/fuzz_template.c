/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_template.c - a template, a NUL, and its variables as JSON (or a conversation
 * if there is no NUL).
 */
#include "fuzz.h"
#include "../../src/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char usual[] = "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"content\":\"Hi\"}],\"add_generation_prompt\":true,\"n\":[1,2.5]}";
    const uint8_t *zero = n > 0 ? memchr(bytes, 0, n) : NULL;
    size_t n_text = zero != NULL ? (size_t)(zero - bytes) : n;
    const char *vars = zero != NULL ? (const char *)zero + 1 : usual, *text;
    size_t n_vars = zero != NULL ? n - n_text - 1 : sizeof usual - 1, n_out;
    mlc_template *t = NULL;
    mlc_error err = { 0 };
    mlc_status st = mlc_template_open(fuzz_context(), (const char *)bytes, n_text, &t, &err);

    if (st == MLC_OK)
        st = mlc_template_render(t, vars, n_vars, 0, &text, &n_out, &err);
    if (st == MLC_OK)
        FUZZ_CHECK(strlen(text) <= n_out && text[n_out] == 0);
    else
        FUZZ_CHECK(err.status == st && mlci_utf8_valid(err.text, strlen(err.text)));
    mlc_template_close(t);
    return 0;
}
