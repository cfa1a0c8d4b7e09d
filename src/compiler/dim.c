/* SPDX-License-Identifier: Apache-2.0
 *
 * dim.c - dim.h.  Dims of a module are few (tens), so interning is a search
 * along the table.
 */
#include "dim.h"

#include <stdio.h>
#include <string.h>

static mlci_dim di_intern(mlci_dims *d, const mlci_poly *p)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->polys[i].n == p->n
            && memcmp(d->polys[i].terms, p->terms, p->n * sizeof *p->terms) == 0)
            return (mlci_dim)i;
    if (d->n == d->cap) {
        size_t cap = d->cap == 0 ? 64 : d->cap * 2;
        mlci_poly *more = mlci_arena_new(d->arena, cap, sizeof *more);

        if (more == NULL) {
            d->failed = true;
            return 0;
        }
        if (d->n > 0)
            memcpy(more, d->polys, d->n * sizeof *more);
        d->polys = more;
        d->cap = cap;
    }
    d->polys[d->n] = *p;
    return (mlci_dim)d->n++;
}

void mlci_dims_init(mlci_dims *d, mlci_arena *arena)
{
    mlci_poly zero;

    memset(d, 0, sizeof *d);
    memset(&zero, 0, sizeof zero);
    d->arena = arena;
    (void)di_intern(d, &zero);
}

/* Insert a term in order of powers, collecting like ones. */
static void di_add_term(mlci_dims *d, mlci_poly *p, mlci_term t)
{
    uint32_t i = 0;
    int c = 1;

    while (i < p->n && (c = memcmp(p->terms[i].power, t.power, sizeof t.power)) > 0)
        i++;
    if (t.coef == 0)
        return;
    if (i < p->n && c == 0) {
        int64_t a = p->terms[i].coef;

        if (t.coef > 0 ? a > INT64_MAX - t.coef : a < INT64_MIN - t.coef) {
            d->failed = true;
            return;
        }
        p->terms[i].coef = a + t.coef;
        if (p->terms[i].coef == 0) {
            memmove(&p->terms[i], &p->terms[i + 1], (p->n - i - 1) * sizeof t);
            p->n--;
            memset(&p->terms[p->n], 0, sizeof t);
        }
        return;
    }
    if (p->n == MLCI_MAX_TERMS) {
        d->failed = true;
        return;
    }
    memmove(&p->terms[i + 1], &p->terms[i], (p->n - i) * sizeof t);
    p->terms[i] = t;
    p->n++;
}

mlci_dim mlci_dim_const(mlci_dims *d, int64_t v)
{
    mlci_poly p;
    mlci_term t;

    memset(&p, 0, sizeof p);
    memset(&t, 0, sizeof t);
    t.coef = v;
    di_add_term(d, &p, t);
    return di_intern(d, &p);
}

mlci_dim mlci_dim_symbol(mlci_dims *d, const char *name, uint64_t bound)
{
    mlci_poly p;
    mlci_term t;
    uint32_t s = 0;

    memset(&p, 0, sizeof p);
    memset(&t, 0, sizeof t);
    while (s < d->n_symbols && strcmp(d->symbols[s], name) != 0)
        s++;
    if (s == MLCI_MAX_SYMBOLS) {
        d->failed = true;
        return 0;
    }
    if (s == d->n_symbols) {
        d->symbols[s] = name;
        d->bounds[s] = bound;
        d->n_symbols++;
    }
    t.coef = 1;
    t.power[s] = 1;
    di_add_term(d, &p, t);
    return di_intern(d, &p);
}

mlci_dim mlci_dim_add(mlci_dims *d, mlci_dim a, mlci_dim b)
{
    mlci_poly p = d->polys[a], q = d->polys[b];

    for (uint32_t i = 0; i < q.n; i++)
        di_add_term(d, &p, q.terms[i]);
    return di_intern(d, &p);
}

mlci_dim mlci_dim_mul(mlci_dims *d, mlci_dim a, mlci_dim b)
{
    mlci_poly p = d->polys[a], q = d->polys[b], out;

    memset(&out, 0, sizeof out);
    for (uint32_t i = 0; i < p.n; i++)
        for (uint32_t k = 0; k < q.n; k++) {
            mlci_term t = p.terms[i];
            int64_t x = t.coef < 0 ? -t.coef : t.coef;
            int64_t y = q.terms[k].coef < 0 ? -q.terms[k].coef : q.terms[k].coef;

            if (y != 0 && x > INT64_MAX / y) {
                d->failed = true;
                return 0;
            }
            t.coef *= q.terms[k].coef;
            for (int s = 0; s < MLCI_MAX_SYMBOLS; s++)
                t.power[s] = (uint8_t)(t.power[s] + q.terms[k].power[s]);
            di_add_term(d, &out, t);
        }
    return di_intern(d, &out);
}

bool mlci_dim_known(const mlci_dims *d, mlci_dim a, int64_t *v)
{
    static const uint8_t none[MLCI_MAX_SYMBOLS];
    const mlci_poly *p = &d->polys[a];

    *v = p->n == 0 ? 0 : p->terms[0].coef;
    return p->n == 0
        || (p->n == 1 && memcmp(p->terms[0].power, none, sizeof none) == 0);
}

uint64_t mlci_dim_at(const mlci_dims *d, mlci_dim a,
                     const uint64_t values[MLCI_MAX_SYMBOLS])
{
    const mlci_poly *p = &d->polys[a];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        size_t v = (size_t)p->terms[i].coef;

        for (uint32_t s = 0; s < d->n_symbols; s++)
            for (uint8_t k = 0; k < p->terms[i].power[s]; k++)
                v = mlci_mul(v, (size_t)values[s]);
        sum = mlci_add((size_t)sum, v);
    }
    return sum;
}

void mlci_dim_print(const mlci_dims *d, mlci_dim a, char *buf, size_t cap)
{
    const mlci_poly *p = &d->polys[a];
    size_t n = 0;

    buf[0] = 0;
    if (p->n == 0)
        snprintf(buf, cap, "0");
    for (uint32_t i = 0; i < p->n && n < cap; i++) {
        const char *mul = "";
        bool plain = true;

        for (uint32_t s = 0; s < d->n_symbols; s++)
            plain = plain && p->terms[i].power[s] == 0;
        if (i > 0)
            n += (size_t)snprintf(buf + n, cap - n, " + ");
        if (n < cap && (plain || p->terms[i].coef != 1)) {
            n += (size_t)snprintf(buf + n, cap - n, "%lld", (long long)p->terms[i].coef);
            mul = "*";
        }
        for (uint32_t s = 0; s < d->n_symbols; s++)
            for (uint8_t k = 0; k < p->terms[i].power[s] && n < cap; k++) {
                n += (size_t)snprintf(buf + n, cap - n, "%s%s", mul, d->symbols[s]);
                mul = "*";
            }
    }
}
