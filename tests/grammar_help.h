/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar_help.h - which texts fit a grammar.
 */
#ifndef GRAMMAR_HELP_H
#define GRAMMAR_HELP_H

#include "../include/mlc.h"
#include "t.h"

/* May a text begin like this; or is this a whole one? */
static inline bool takes(mlc_grammar *g, const char *text, size_t n, bool whole)
{
    mlc_matcher *m;
    bool r;

    if (mlc_matcher_open(g, &m, NULL) != MLC_OK)
        return false;
    r = mlc_matcher_accept_bytes(m, text, n, NULL) == MLC_OK
     && (!whole || mlc_matcher_may_end(m));
    mlc_matcher_close(m);
    return r;
}

static inline bool accepts(mlc_grammar *g, const char *text, size_t n)
{
    return takes(g, text, n, true);
}

/* Texts (or their beginnings) with a character between them: all are taken, or none is. */
static inline void check_texts(mlc_grammar *g, const char *list, char between, bool whole,
                               bool want)
{
    const char set[2] = { between, 0 };

    for (const char *p = list;; p += strcspn(p, set) + 1) {
        const size_t n = strcspn(p, set);

        T_CHECK(takes(g, p, n, whole) == want, "\"%.*s\"", (int)n, p);
        if (p[n] == 0)
            return;
    }
}

#endif
