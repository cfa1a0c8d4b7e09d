/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.h - what the files of mlc grammar share.
 */
#ifndef CLI_GRAMMAR_H
#define CLI_GRAMMAR_H

#include "cli.h"

/* A vocabulary's byte strings. */
typedef struct cli_tokens {
    char     *bytes;
    uint32_t *offsets;               /* [n + 1] */
    uint32_t  n;
} cli_tokens;

/* All schemas of a folder against their instances: figures as JSON on stdout. */
int cli_grammar_bench(mlc_vocab *v, const cli_tokens *t, const mlc_grammar_options *opts,
                      const char *folder);

#endif
