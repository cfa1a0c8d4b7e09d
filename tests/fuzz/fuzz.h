/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h - what the fuzz targets share.  A target takes bytes, not a path.
 *
 * `make fuzz` builds them with clang's libFuzzer: build/fuzz/fuzz_gguf
 * tests/corpus/gguf.  `make test` replays tests/corpus through replay.c; an input
 * that once failed stays there, named after what it found.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../../src/base/base.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A broken promise of the library: stop here, so that the input is kept. */
#define FUZZ_CHECK(cond) do { if (!(cond)) {                                   \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);             \
        abort(); } } while (0)

static inline mlc_context *fuzz_context(void)
{
    static mlc_context *ctx;
    mlc_context_options o;

    if (ctx != NULL)
        return ctx;
    mlc_context_options_init(&o);
    o.n_threads = 1;
    FUZZ_CHECK(mlc_context_open(&o, &ctx, NULL) == MLC_OK);
    return ctx;
}

#endif
