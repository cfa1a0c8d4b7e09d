/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c - how much of a request's text is certain.
 *
 * A stop string may begin in one token and end three later, so text that could
 * still turn out to be the beginning of one is held back: the longest end of the
 * text that some stop string begins with.  Only the last bytes are kept for that
 * (twice the longest stop string); readers make the text itself.
 */
#include "engine.h"

#include <string.h>

/* Is there a stop string in the tail?  *at: where it begins, the earliest. */
static bool ou_find(const mlci_output *o, const mlci_params *p, size_t *at)
{
    bool found = false;

    for (size_t s = 0; s < p->n_stops; s++) {
        const mlci_text *stop = &p->stops[s];

        for (size_t i = 0; i + stop->n <= o->n_tail && (!found || i < *at); i++)
            if (memcmp(o->tail + i, stop->p, stop->n) == 0) {
                *at = i;
                found = true;
                break;
            }
    }
    return found;
}

/* Bytes at the end of the tail that some stop string begins with. */
static size_t ou_open_end(const mlci_output *o, const mlci_params *p)
{
    size_t most = 0;

    for (size_t s = 0; s < p->n_stops; s++) {
        const mlci_text *stop = &p->stops[s];
        size_t n = mlci_min(stop->n - 1, o->n_tail);

        for (; n > most; n--)
            if (memcmp(o->tail + o->n_tail - n, stop->p, n) == 0)
                break;
        most = mlci_max(most, n);
    }
    return most;
}

/* Add up to MLCI_MAX_STOP_BYTES bytes, forgetting as many of the oldest. */
static bool ou_append(mlci_output *o, const mlci_params *p, const char *s, size_t n)
{
    size_t at = 0, drop = o->n_tail + n > sizeof o->tail ? o->n_tail + n - sizeof o->tail : 0;

    memmove(o->tail, o->tail + drop, o->n_tail - drop);
    o->n_tail -= drop;
    memcpy(o->tail + o->n_tail, s, n);
    o->n_tail += n;
    o->bytes += n;
    if (ou_find(o, p, &at)) {
        o->safe = o->bytes - (o->n_tail - at);
        return true;
    }
    o->safe = o->bytes - ou_open_end(o, p);
    return false;
}

bool mlci_output_add(mlci_output *o, const mlci_params *p, const mlc_tokenizer *tok,
                     int32_t id, char *buf, size_t cap)
{
    size_t n = 0;

    if (mlc_detokenizer_push(&o->detok, tok, id, buf, cap, &n) != MLC_OK)
        return false;
    for (size_t i = 0; i < n; i += MLCI_MAX_STOP_BYTES)
        if (ou_append(o, p, buf + i, mlci_min(n - i, MLCI_MAX_STOP_BYTES)))
            return true;
    if (id < 0)
        o->safe = o->bytes;
    return false;
}
