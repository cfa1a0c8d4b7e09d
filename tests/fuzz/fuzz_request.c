/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_request.c - request JSON to an engine on a tiny model; what it takes runs for
 * a few steps.
 */
#include "fuzz.h"
#include "../../src/base/utf8.h"

static const char path[] = "tests/golden/tiny/gguf/llama/llama-Q4_0.gguf";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static mlc_engine *engine;
    mlc_request *r = NULL;
    mlc_error err = { 0 };
    mlc_event event;
    mlc_status st;
    char json[2048];
    int32_t busy = 1;

    if (engine == NULL) {
        mlc_model *m = NULL;
        mlc_engine_options o;

        mlc_engine_options_init(&o);
        o.flags = MLC_ENGINE_MANUAL;
        FUZZ_CHECK(mlc_model_open(fuzz_context(), path, NULL, &m, &err) == MLC_OK
                   && mlc_engine_open(m, &o, &engine, &err) == MLC_OK);
        mlc_model_close(m);
    }
    st = mlc_engine_submit(engine, (const char *)bytes, n, NULL, &r, &err);
    FUZZ_CHECK((st == MLC_OK) == (r != NULL));
    if (st != MLC_OK) {
        FUZZ_CHECK(err.status == st && err.text[0] != 0
                   && mlci_utf8_valid(err.text, strlen(err.text)));
        FUZZ_CHECK(mlc_error_json(&err, json, sizeof json, NULL) == MLC_OK);
        return 0;
    }
    for (int i = 0; i < 4 && busy; i++)
        FUZZ_CHECK(mlc_engine_step(engine, &busy) == MLC_OK);
    mlc_event_init(&event);
    st = mlc_request_read(r, 0, &event);
    FUZZ_CHECK(st == MLC_ETIMEOUT || st == MLC_ECLOSED
               || (st == MLC_OK && strlen(event.json) == event.json_bytes));
    mlc_request_close(r);
    for (busy = 1; busy;)
        FUZZ_CHECK(mlc_engine_step(engine, &busy) == MLC_OK);
    return 0;
}
