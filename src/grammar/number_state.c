/* SPDX-License-Identifier: Apache-2.0
 *
 * number_state.c - number_state.h.
 */
#include "number_state.h"
#include "judge.h"
#include "text_state.h"

#include <string.h>

static uint32_t nu_keep(mlci_machine *m, const uint32_t *words, uint32_t n)
{
    uint32_t r = mlci_tuple(&m->s->tuples, words, n);

    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : 0;
}

/* Words of one number in a list: its language, which formula it belongs to, and a list of
 * divisors: which one, whether it must divide, remainder (two words), digits behind the
 * point. */
enum { NU_WORDS = 3, NU_DIVISOR_WORDS = 5, NU_MOST = 64, NU_DIVISORS = 8 };

typedef struct nu_list { uint32_t n, words[NU_MOST * NU_WORDS]; } nu_list;

/* A formula's languages, one for each way its divisors may turn out. */
static void nu_add(mlci_machine *m, nu_list *x, mlci_fx a, uint32_t which,
                           uint32_t *divisors, uint32_t n)
{
    const uint32_t d = mlci_judge_divisor(m, a);
    uint32_t *w = x->words + x->n * NU_WORDS;
    mlci_rx language;

    if (a == MLCI_FX_FALSE || m->too_complex)
        return;
    if (d != UINT32_MAX && n < NU_DIVISORS) {
        uint32_t *words = divisors + n * NU_DIVISOR_WORDS;

        memset(words, 0, NU_DIVISOR_WORDS * sizeof *words);
        words[0] = d;
        for (words[1] = 0; words[1] < 2; words[1]++)
            nu_add(m, x, mlci_judge_divided(m, a, d, words[1] != 0), which, divisors, n + 1);
        return;
    }
    language = mlci_judge_language(m, a, true);
    if (n > 0)                            /* remainders are of digits as they stand */
        language = mlci_rx_and(&m->s->rx, language, mlci_numbers_plain(&m->s->rx));
    if (mlci_rx_dead(&m->s->rx, language, MLCI_TEXT_BUDGET))
        return;
    m->too_complex |= x->n == NU_MOST || d != UINT32_MAX;
    if (m->too_complex)
        return;
    w[0] = language;
    w[1] = which;
    w[2] = nu_keep(m, divisors, n * NU_DIVISOR_WORDS);
    x->n++;
}

uint32_t mlci_numbers_of(mlci_machine *m, uint32_t vec)
{
    uint32_t n;
    uint32_t divisors[NU_DIVISORS * NU_DIVISOR_WORDS];
    const uint32_t *fx = mlci_tuple_at(&m->s->tuples, vec, &n);
    nu_list x = { .n = 0 };

    for (uint32_t i = 0; i < n; i++)
        nu_add(m, &x, mlci_judge_only(m, fx[i], MLCI_V_NUMBER), i, divisors, 0);
    return nu_keep(m, x.words, x.n * NU_WORDS);
}

/* The digits as one whole number: what is left over after the divisor. */
static void nu_digit(const mlci_machine *m, uint32_t *x, uint8_t byte)
{
    const mlci_divisor *d = &m->s->divisors[x[0]];
    uint64_t r = (uint64_t)x[3] << 32 | x[2];

    if (byte == '.')
        x[4] = 1;
    if (byte < '0' || byte > '9' || x[4] > d->scale)
        return;
    x[4] += x[4] > 0;
    r = (r * 10 + (uint64_t)(byte - '0')) % d->units;
    x[2] = (uint32_t)r;
    x[3] = (uint32_t)(r >> 32);
}

/* Do all divisors divide that must, and no others? */
static bool nu_divides(const mlci_machine *m, uint32_t divisors)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, divisors, &n);

    for (uint32_t i = 0; i < n; i += NU_DIVISOR_WORDS) {
        const mlci_divisor *d = &m->s->divisors[x[i]];
        uint64_t r = (uint64_t)x[i + 3] << 32 | x[i + 2];

        for (uint32_t k = x[i + 4] > 0 ? x[i + 4] - 1 : 0; k < d->scale; k++)
            r = r * 10 % d->units;
        if ((r == 0) != (x[i + 1] != 0))
            return false;
    }
    return true;
}

static uint32_t nu_digits(mlci_machine *m, uint32_t divisors, uint8_t byte)
{
    uint32_t n, words[NU_DIVISORS * NU_DIVISOR_WORDS];
    const uint32_t *from = mlci_tuple_at(&m->s->tuples, divisors, &n);

    memcpy(words, from, n * sizeof *words);
    for (uint32_t i = 0; i < n; i += NU_DIVISOR_WORDS)
        nu_digit(m, words + i, byte);
    return n > 0 ? nu_keep(m, words, n) : 0;
}

uint32_t mlci_numbers_step(mlci_machine *m, uint32_t numbers, uint8_t byte)
{
    uint32_t n, kept = 0, words[NU_MOST * NU_WORDS];
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, numbers, &n);

    for (uint32_t i = 0; i < n; i += NU_WORDS) {
        const mlci_rx r = mlci_rx_step(&m->s->rx, x[i], byte);

        if (r == MLCI_RX_NONE || mlci_rx_dead(&m->s->rx, r, MLCI_TEXT_BUDGET))
            continue;
        words[kept] = r;
        words[kept + 1] = x[i + 1];
        words[kept + 2] = x[i + 2] != 0 ? nu_digits(m, x[i + 2], byte) : 0;
        kept += NU_WORDS;
    }
    return kept > 0 ? nu_keep(m, words, kept) : 0;
}

/* Which formula it fits if it ends here; -1: none. */
int32_t mlci_numbers_end(mlci_machine *m, uint32_t numbers)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, numbers, &n);

    for (uint32_t i = 0; i < n; i += NU_WORDS)
        if (mlci_rx_nullable(&m->s->rx, x[i]) && nu_divides(m, x[i + 2]))
            return (int32_t)x[i + 1];
    return -1;
}
