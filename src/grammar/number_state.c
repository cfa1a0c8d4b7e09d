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
static void nu_add(mlci_machine *m, nu_list *x, mlci_fx a, uint32_t which, uint32_t *divisors,
                   uint32_t n)
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
    x->n += mlci_numbers_divisible(m, language, w[2]);
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

/* ---- can the divisors still be satisfied? ------------------------------------------------ */

enum { NU_PAIRS = 256 };              /* of a language's state and remainders: more are
                                         taken to lead somewhere                        */

typedef struct nu_search { uint32_t n, pairs[NU_PAIRS][2]; mlci_map seen; } nu_search;

static bool nu_visit(mlci_machine *m, nu_search *v, mlci_rx language, uint32_t divisors)
{
    if (mlci_map_get(&v->seen, language, divisors) != UINT32_MAX)
        return true;
    if (v->n == NU_PAIRS || !mlci_map_put(&v->seen, language, divisors, 0))
        return false;
    v->pairs[v->n][0] = language;
    v->pairs[v->n++][1] = divisors;
    return !m->too_complex;
}

/* Does any divisor look behind the point?  Else there are only zeros. */
static bool nu_point(const mlci_machine *m, uint32_t divisors)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, divisors, &n);

    for (uint32_t i = 0; i < n; i += NU_DIVISOR_WORDS)
        if (m->s->divisors[x[i]].scale > 0)
            return true;
    return false;
}

/* Breadth first; true also where it was not settled. */
static bool nu_find(mlci_machine *m, nu_search *v, mlci_rx language, uint32_t divisors)
{
    const char *bytes = nu_point(m, divisors) ? "-0123456789." : "-0123456789";

    if (!nu_visit(m, v, language, divisors))
        return true;
    for (uint32_t i = 0; i < v->n; i++) {
        if (mlci_rx_nullable(&m->s->rx, v->pairs[i][0]) && nu_divides(m, v->pairs[i][1]))
            return true;
        for (const char *b = bytes; *b != 0; b++) {
            const mlci_rx to = mlci_rx_step(&m->s->rx, v->pairs[i][0], (uint8_t)*b);

            if (!mlci_rx_dead(&m->s->rx, to, MLCI_TEXT_BUDGET)
                && !nu_visit(m, v, to, nu_digits(m, v->pairs[i][1], (uint8_t)*b)))
                return true;
        }
    }
    return false;
}

/* One divisor that must divide (or must not, of whole numbers), and any digits may follow,
 * so many that every remainder is among them. */
static bool nu_any_digits(mlci_machine *m, mlci_rx language, uint32_t divisors)
{
    uint32_t n;
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, divisors, &n);
    const mlci_divisor *d = &m->s->divisors[x[0]];

    if (n != NU_DIVISOR_WORDS || (x[1] == 0 && d->scale > 0))
        return false;
    for (uint64_t ways = 1; ways < UINT64_MAX / 10; ways *= 10) {
        const mlci_rx to = mlci_rx_step(&m->s->rx, language, '0');

        if (ways >= d->units && mlci_rx_nullable(&m->s->rx, language))
            return true;
        for (uint8_t byte = '1'; byte <= '9'; byte++)
            if (mlci_rx_step(&m->s->rx, language, byte) != to)
                return false;
        language = to;
    }
    return false;
}

bool mlci_numbers_divisible(mlci_machine *m, mlci_rx language, uint32_t divisors)
{
    uint32_t known;
    nu_search *v;
    bool r;

    if (divisors == 0)
        return true;
    known = mlci_map_get(&m->divisible, language, divisors);
    if (known != UINT32_MAX)
        return known != 0;
    if (nu_any_digits(m, language, divisors)) {
        (void)mlci_map_put(&m->divisible, language, divisors, 1);
        return true;
    }
    v = mlci_new(m->s->ctx, 1, sizeof *v);
    if (v == NULL)
        return true;
    mlci_map_open(&v->seen, m->s->ctx);
    r = nu_find(m, v, language, divisors);
    mlci_map_close(&v->seen);
    mlci_delete(m->s->ctx, v, 1, sizeof *v);
    (void)mlci_map_put(&m->divisible, language, divisors, r);
    return r;
}

uint32_t mlci_numbers_step(mlci_machine *m, uint32_t numbers, uint8_t byte)
{
    uint32_t n, kept = 0, words[NU_MOST * NU_WORDS];
    const uint32_t *x = mlci_tuple_at(&m->s->tuples, numbers, &n);

    for (uint32_t i = 0; i < n; i += NU_WORDS) {
        const mlci_rx r = mlci_rx_step(&m->s->rx, x[i], byte);
        uint32_t divisors;

        if (r == MLCI_RX_NONE || mlci_rx_dead(&m->s->rx, r, MLCI_TEXT_BUDGET))
            continue;
        divisors = x[i + 2] != 0 ? nu_digits(m, x[i + 2], byte) : 0;
        if (!mlci_numbers_divisible(m, r, divisors))
            continue;
        words[kept] = r;
        words[kept + 1] = x[i + 1];
        words[kept + 2] = divisors;
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
