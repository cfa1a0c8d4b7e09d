/* SPDX-License-Identifier: Apache-2.0
 *
 * dim.c - dim.h.  Terms are sorted by their factors, so a polynomial has one
 * form; a hash table finds it again.
 */
#include "dim.h"

#include <stdio.h>
#include <string.h>

/* ---- storing --------------------------------------------------------------------- */

static uint64_t di_hash(const mlci_poly *p)
{
    return mlci_hash(p->terms, p->n * sizeof *p->terms, p->n);
}

static bool di_grow_table(mlci_dims *d)
{
    size_t cap = d->table_cap == 0 ? 256 : d->table_cap * 2;
    uint32_t *table = mlci_arena_new(d->arena, cap, sizeof *table);

    if (table == NULL)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        size_t at = di_hash(&d->polys[i]) & (cap - 1);

        while (table[at] != 0)
            at = (at + 1) & (cap - 1);
        table[at] = (uint32_t)i + 1;
    }
    d->table = table;
    d->table_cap = cap;
    return true;
}

/* An array in the arena with room for one more; false when out of memory. */
static bool di_room(mlci_dims *d, void **items, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 64 : *cap * 2;
    void *p;

    if (n < *cap)
        return true;
    p = mlci_arena_new(d->arena, more, size);
    if (p == NULL)
        return false;
    if (n > 0)
        memcpy(p, *items, n * size);
    *items = p;
    *cap = more;
    return true;
}

static mlci_dim di_intern(mlci_dims *d, const mlci_poly *p)
{
    void *polys = d->polys;
    size_t at;

    if (d->failed)
        return 0;
    if (!di_room(d, &polys, d->n, &d->cap, sizeof *p)
        || (2 * d->n >= d->table_cap && !di_grow_table(d))) {
        d->failed = d->no_memory = true;
        return 0;
    }
    d->polys = polys;
    at = di_hash(p) & (d->table_cap - 1);
    for (; d->table[at] != 0; at = (at + 1) & (d->table_cap - 1)) {
        const mlci_poly *q = &d->polys[d->table[at] - 1];

        if (q->n == p->n && memcmp(q->terms, p->terms, p->n * sizeof *p->terms) == 0)
            return d->table[at] - 1;
    }
    d->polys[d->n] = *p;
    d->table[at] = (uint32_t)d->n + 1;
    return (mlci_dim)d->n++;
}

static uint16_t di_atom(mlci_dims *d, const mlci_atom *a)
{
    size_t cap = d->atoms_cap;
    void *atoms = d->atoms;

    if (d->failed || d->n_atoms >= UINT16_MAX) {
        d->failed = true;
        return 0;
    }
    if (!di_room(d, &atoms, d->n_atoms, &cap, sizeof *a)) {
        d->failed = d->no_memory = true;
        return 0;
    }
    d->atoms = atoms;
    d->atoms_cap = (uint32_t)cap;
    d->atoms[d->n_atoms] = *a;
    return (uint16_t)d->n_atoms++;
}

void mlci_dims_init(mlci_dims *d, mlci_arena *arena)
{
    mlci_poly zero;
    mlci_atom none = { MLCI_SYMBOL, "?", 0, 0, 0 };

    memset(d, 0, sizeof *d);
    memset(&zero, 0, sizeof zero);
    d->arena = arena;
    (void)di_intern(d, &zero);
    (void)di_atom(d, &none);
}

/* ---- polynomials --------------------------------------------------------------------- */

static bool di_sum_fits(int64_t a, int64_t b)
{
    return b > 0 ? a <= INT64_MAX - b : a >= INT64_MIN - b;
}

static bool di_product_fits(int64_t a, int64_t b)
{
    int64_t x, y;

    if (a == INT64_MIN || b == INT64_MIN)
        return false;
    x = a < 0 ? -a : a;
    y = b < 0 ? -b : b;
    return y == 0 || x <= INT64_MAX / y;
}

static void di_remove(mlci_poly *p, uint32_t i)
{
    memmove(&p->terms[i], &p->terms[i + 1], (p->n - i - 1) * sizeof *p->terms);
    p->n--;
    memset(&p->terms[p->n], 0, sizeof *p->terms);
}

/* In order of atoms, older ones first, the constant last: a copy with symbols of
 * its own, made in this order, has the same order. */
static int di_compare(const mlci_term *a, const mlci_term *b)
{
    for (int k = 0; k < MLCI_MAX_FACTORS; k++) {
        uint16_t x = (uint16_t)(a->factor[k] - 1), y = (uint16_t)(b->factor[k] - 1);

        if (x != y)
            return x < y ? 1 : -1;
    }
    return 0;
}

/* Insert a term in order of factors, collecting like ones. */
static void di_add_term(mlci_dims *d, mlci_poly *p, mlci_term t)
{
    uint32_t i = 0;
    int c = 1;

    if (t.coef == 0)
        return;
    while (i < p->n && (c = di_compare(&p->terms[i], &t)) > 0)
        i++;
    if (i < p->n && c == 0) {
        if (!di_sum_fits(p->terms[i].coef, t.coef)) {
            d->failed = true;
            return;
        }
        p->terms[i].coef += t.coef;
        if (p->terms[i].coef == 0)
            di_remove(p, i);
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

/* Product of two terms' factors, sorted; false if there are too many. */
static bool di_factors(const mlci_term *a, const mlci_term *b, mlci_term *out)
{
    uint32_t i = 0, k = 0, n = 0;

    memset(out, 0, sizeof *out);
    for (;;) {
        uint16_t x = i < MLCI_MAX_FACTORS ? a->factor[i] : 0;
        uint16_t y = k < MLCI_MAX_FACTORS ? b->factor[k] : 0;
        bool first = (uint16_t)(x - 1) <= (uint16_t)(y - 1);   /* 0 is last          */

        if (x == 0 && y == 0)
            return true;
        if (n == MLCI_MAX_FACTORS)
            return false;
        out->factor[n++] = first ? x : y;
        if (first)
            i++;
        else
            k++;
    }
}

static mlci_poly di_single(int64_t coef, uint16_t atom)
{
    mlci_poly p;

    memset(&p, 0, sizeof p);
    if (coef != 0) {
        p.n = 1;
        p.terms[0].coef = coef;
        p.terms[0].factor[0] = atom;
    }
    return p;
}

static mlci_poly di_times(mlci_dims *d, const mlci_poly *p, const mlci_poly *q)
{
    mlci_poly out;
    mlci_term t;

    memset(&out, 0, sizeof out);
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < q->n; k++) {
            if (!di_product_fits(p->terms[i].coef, q->terms[k].coef)
                || !di_factors(&p->terms[i], &q->terms[k], &t)) {
                d->failed = true;
                return out;
            }
            t.coef = p->terms[i].coef * q->terms[k].coef;
            di_add_term(d, &out, t);
        }
    return out;
}

/* b * (a / b) + a % b is a: find such a pair of terms and put a in their place. */
static bool di_rejoin(mlci_dims *d, mlci_poly *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const mlci_term r = p->terms[i];
        const mlci_atom *ra = &d->atoms[r.factor[0]];

        if (r.factor[0] == 0 || r.factor[1] != 0 || ra->kind != MLCI_REMAINDER)
            continue;
        for (uint32_t k = 0; k < p->n; k++) {
            const mlci_term q = p->terms[k];
            mlci_poly want, whole, scale = di_single(r.coef, 0);

            /* a constant divisor: the pair's second term is coef * b * (a / b) */
            if (q.factor[0] == 0 || q.factor[1] != 0
                || d->atoms[q.factor[0]].kind != MLCI_QUOTIENT
                || d->atoms[q.factor[0]].a != ra->a || d->atoms[q.factor[0]].b != ra->b)
                continue;
            want = di_times(d, &d->polys[ra->b], &scale);
            if (want.n != 1 || want.terms[0].factor[0] != 0 || want.terms[0].coef != q.coef)
                continue;
            whole = di_times(d, &d->polys[ra->a], &scale);
            di_remove(p, i > k ? i : k);
            di_remove(p, i > k ? k : i);
            for (uint32_t t = 0; t < whole.n; t++)
                di_add_term(d, p, whole.terms[t]);
            return true;
        }
    }
    return false;
}

static mlci_dim di_store(mlci_dims *d, mlci_poly *p)
{
    while (!d->failed && di_rejoin(d, p))
        continue;
    return di_intern(d, p);
}

mlci_dim mlci_dim_const(mlci_dims *d, int64_t v)
{
    mlci_poly p = di_single(v, 0);

    return di_intern(d, &p);
}

mlci_dim mlci_dim_of(mlci_dims *d, uint32_t atom)
{
    mlci_poly p = di_single(1, (uint16_t)atom);

    return di_intern(d, &p);
}

mlci_dim mlci_dim_fresh(mlci_dims *d, const char *name, int64_t most)
{
    mlci_atom a = { MLCI_SYMBOL, name, most, 0, 0 };

    return mlci_dim_of(d, di_atom(d, &a));
}

mlci_dim mlci_dim_symbol(mlci_dims *d, const char *name, int64_t most)
{
    for (uint32_t i = 1; i < d->n_atoms; i++)
        if (d->atoms[i].kind == MLCI_SYMBOL && strcmp(d->atoms[i].name, name) == 0)
            return mlci_dim_of(d, i);
    return mlci_dim_fresh(d, name, most);
}

static mlci_dim di_plus(mlci_dims *d, mlci_dim a, mlci_dim b, int64_t sign)
{
    mlci_poly p = d->polys[a], scale = di_single(sign, 0);
    mlci_poly q = di_times(d, &d->polys[b], &scale);

    for (uint32_t i = 0; i < q.n; i++)
        di_add_term(d, &p, q.terms[i]);
    return di_store(d, &p);
}

mlci_dim mlci_dim_add(mlci_dims *d, mlci_dim a, mlci_dim b) { return di_plus(d, a, b, 1); }
mlci_dim mlci_dim_sub(mlci_dims *d, mlci_dim a, mlci_dim b) { return di_plus(d, a, b, -1); }

mlci_dim mlci_dim_mul(mlci_dims *d, mlci_dim a, mlci_dim b)
{
    mlci_poly p = di_times(d, &d->polys[a], &d->polys[b]);

    return di_store(d, &p);
}

/* ---- quotients ---------------------------------------------------------------------- */

static int64_t di_floor(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

/* The term without one factor each of those of t; false if it lacks one. */
static bool di_cancel(mlci_term *x, const mlci_term *t)
{
    for (uint32_t k = 0; k < MLCI_MAX_FACTORS && t->factor[k] != 0; k++) {
        uint32_t i = 0;

        while (i < MLCI_MAX_FACTORS && x->factor[i] != t->factor[k])
            i++;
        if (i == MLCI_MAX_FACTORS)
            return false;
        memmove(&x->factor[i], &x->factor[i + 1],
                (MLCI_MAX_FACTORS - 1 - i) * sizeof *x->factor);
        x->factor[MLCI_MAX_FACTORS - 1] = 0;
    }
    return true;
}

/* a = quotient * b + rest, with as much as possible in the quotient. */
static void di_split(mlci_dims *d, mlci_dim a, mlci_dim b, mlci_poly *quotient,
                     mlci_poly *rest)
{
    const mlci_poly p = d->polys[a], q = d->polys[b];

    memset(quotient, 0, sizeof *quotient);
    memset(rest, 0, sizeof *rest);
    if (q.n != 1) {
        *rest = p;
        return;
    }
    for (uint32_t i = 0; i < p.n; i++) {
        mlci_term t = p.terms[i], back = t;
        int64_t c = q.terms[0].coef, part;

        if (!di_cancel(&t, &q.terms[0])) {
            di_add_term(d, rest, back);
            continue;
        }
        part = di_floor(t.coef, c);
        /* Of a constant term take the whole part, of others only what divides. */
        if (t.factor[0] != 0 && t.coef % c != 0)
            part = 0;
        back.coef = t.coef - part * c;
        t.coef = part;
        di_add_term(d, quotient, t);
        di_add_term(d, rest, back);
    }
}

/* Is 0 <= rest < b for all values of the symbols? */
static bool di_below(mlci_dims *d, mlci_dim rest, mlci_dim b)
{
    int64_t low, high, least, most;

    mlci_dim_range(d, rest, &low, &high);
    mlci_dim_range(d, b, &least, &most);
    return low >= 0 && high < least;
}

static mlci_dim di_pair(mlci_dims *d, mlci_atom_kind kind, mlci_dim a, mlci_dim b)
{
    mlci_atom atom = { kind, NULL, INT64_MAX, a, b };

    for (uint32_t i = 1; i < d->n_atoms; i++)
        if (d->atoms[i].kind == kind && d->atoms[i].a == a && d->atoms[i].b == b)
            return mlci_dim_of(d, i);
    return mlci_dim_of(d, di_atom(d, &atom));
}

/* (x / a) / b is x / (a * b) for positive a and b. */
static bool di_nested(mlci_dims *d, mlci_dim *rest, mlci_dim *b)
{
    const mlci_poly *p = &d->polys[*rest];
    const mlci_atom *in = &d->atoms[p->n == 1 ? p->terms[0].factor[0] : 0];
    int64_t x, y;

    if (p->n != 1 || p->terms[0].coef != 1 || p->terms[0].factor[1] != 0
        || in->kind != MLCI_QUOTIENT || !mlci_dim_known(d, in->b, &x)
        || !mlci_dim_known(d, *b, &y) || x <= 0 || y <= 0)
        return false;
    *rest = in->a;
    *b = mlci_dim_mul(d, in->b, *b);
    return true;
}

static mlci_dim di_divide(mlci_dims *d, mlci_dim a, mlci_dim b, bool remainder)
{
    mlci_poly quotient, rest;
    mlci_dim q, r, over = b;

    if (b == 0)
        d->failed = true;
    if (d->failed)
        return 0;
    di_split(d, a, b, &quotient, &rest);
    q = di_store(d, &quotient);
    r = di_store(d, &rest);
    if (r == 0 || di_below(d, r, b))
        return remainder ? r : q;
    if (remainder)
        return di_pair(d, MLCI_REMAINDER, r, b);
    if (quotient.n == 0 && di_nested(d, &r, &over))
        return di_divide(d, r, over, false);
    return mlci_dim_add(d, q, di_pair(d, MLCI_QUOTIENT, r, over));
}

mlci_dim mlci_dim_div(mlci_dims *d, mlci_dim a, mlci_dim b)
{
    return di_divide(d, a, b, false);
}

mlci_dim mlci_dim_mod(mlci_dims *d, mlci_dim a, mlci_dim b)
{
    return di_divide(d, a, b, true);
}

/* ---- asking --------------------------------------------------------------------------- */

bool mlci_dim_known(const mlci_dims *d, mlci_dim a, int64_t *v)
{
    const mlci_poly *p = &d->polys[a];

    *v = p->n == 0 ? 0 : p->terms[0].coef;
    return p->n == 0 || (p->n == 1 && p->terms[0].factor[0] == 0);
}

uint32_t mlci_dim_atom(const mlci_dims *d, mlci_dim a)
{
    const mlci_poly *p = &d->polys[a];
    uint16_t atom = p->n == 1 ? p->terms[0].factor[0] : 0;

    return atom != 0 && p->terms[0].coef == 1 && p->terms[0].factor[1] == 0
        && d->atoms[atom].kind == MLCI_SYMBOL ? atom : 0;
}

bool mlci_dim_uses(const mlci_dims *d, mlci_dim a, uint32_t atom)
{
    const mlci_poly *p = &d->polys[a];

    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p->terms[i].factor[k] != 0; k++) {
            const mlci_atom *x = &d->atoms[p->terms[i].factor[k]];

            if (p->terms[i].factor[k] == atom
                || (x->kind != MLCI_SYMBOL
                    && (mlci_dim_uses(d, x->a, atom) || mlci_dim_uses(d, x->b, atom))))
                return true;
        }
    return false;
}

static void di_atom_range(const mlci_dims *d, uint16_t atom, int64_t *low, int64_t *high)
{
    const mlci_atom *x = &d->atoms[atom];
    int64_t b;

    *low = 0;
    *high = x->most;
    if (x->kind == MLCI_SYMBOL)
        return;
    *high = INT64_MAX;
    if (!mlci_dim_known(d, x->b, &b) || b <= 0) {
        *low = INT64_MIN;
        return;
    }
    if (x->kind == MLCI_REMAINDER) {
        *high = b - 1;
        return;
    }
    mlci_dim_range(d, x->a, low, high);
    *low = *low == INT64_MIN ? *low : di_floor(*low, b);
    *high = *high == INT64_MAX ? *high : di_floor(*high, b);
}

void mlci_dim_range(const mlci_dims *d, mlci_dim a, int64_t *low, int64_t *high)
{
    const mlci_poly *p = &d->polys[a];

    *low = *high = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t from = 1, to = 1, c = p->terms[i].coef, x, y;
        bool lowest = false, highest = false;

        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p->terms[i].factor[k] != 0; k++) {
            di_atom_range(d, p->terms[i].factor[k], &x, &y);
            lowest = lowest || x < 0;      /* products of negatives: give up    */
            highest = highest || y == INT64_MAX || !di_product_fits(to, y);
            from = lowest ? 0 : from * x;
            to = highest ? 0 : to * y;
        }
        if (lowest)
            highest = true;
        x = c > 0 ? from : to;
        y = c > 0 ? to : from;
        if ((c > 0 ? lowest : highest) || *low == INT64_MIN || !di_product_fits(x, c)
            || !di_sum_fits(*low, x * c))
            *low = INT64_MIN;
        else
            *low += x * c;
        if ((c > 0 ? highest : lowest) || *high == INT64_MAX || !di_product_fits(y, c)
            || !di_sum_fits(*high, y * c))
            *high = INT64_MAX;
        else
            *high += y * c;
    }
}

mlci_dim mlci_dim_subst(mlci_dims *d, mlci_dim a, const mlci_dim *map, uint32_t n)
{
    const mlci_poly p = d->polys[a];
    mlci_dim sum = 0;

    for (uint32_t i = 0; i < p.n && !d->failed; i++) {
        mlci_dim term = mlci_dim_const(d, p.terms[i].coef);

        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p.terms[i].factor[k] != 0; k++) {
            uint16_t atom = p.terms[i].factor[k];
            const mlci_atom x = d->atoms[atom];
            mlci_dim with;

            if (x.kind != MLCI_SYMBOL) {
                with = di_divide(d, mlci_dim_subst(d, x.a, map, n),
                                 mlci_dim_subst(d, x.b, map, n), x.kind == MLCI_REMAINDER);
            } else {
                with = atom < n && map[atom] != MLCI_DIM_SAME ? map[atom]
                                                              : mlci_dim_of(d, atom);
            }
            term = mlci_dim_mul(d, term, with);
        }
        sum = mlci_dim_add(d, sum, term);
    }
    return sum;
}

bool mlci_dim_solve(mlci_dims *d, mlci_dim a, mlci_dim b, mlci_dim *map, uint32_t n)
{
    const mlci_poly p = d->polys[a];

    for (uint32_t i = 0; i < p.n; i++) {
        uint32_t atom = p.terms[i].factor[0];
        mlci_dim c, rest, s;

        if (atom == 0 || p.terms[i].factor[1] != 0 || d->atoms[atom].kind != MLCI_SYMBOL
            || atom >= n || map[atom] != MLCI_DIM_SAME)
            continue;
        c = mlci_dim_const(d, p.terms[i].coef);
        rest = mlci_dim_sub(d, a, mlci_dim_mul(d, c, mlci_dim_of(d, atom)));
        if (mlci_dim_uses(d, rest, atom) || mlci_dim_uses(d, b, atom))
            continue;
        s = mlci_dim_div(d, mlci_dim_sub(d, b, rest), c);
        if (mlci_dim_add(d, mlci_dim_mul(d, s, c), rest) != b)
            continue;
        map[atom] = s;
        return true;
    }
    return false;
}

static bool di_atom_at(const mlci_dims *d, uint16_t atom, const int64_t *values, uint32_t n,
                       int64_t *out)
{
    const mlci_atom *x = &d->atoms[atom];
    int64_t a, b;

    if (x->kind == MLCI_SYMBOL) {
        *out = atom < n ? values[atom] : 0;
        return atom < n;
    }
    if (!mlci_dim_at(d, x->a, values, n, &a) || !mlci_dim_at(d, x->b, values, n, &b)
        || b == 0 || (b == -1 && a == INT64_MIN))
        return false;
    *out = x->kind == MLCI_QUOTIENT ? di_floor(a, b) : a - di_floor(a, b) * b;
    return true;
}

bool mlci_dim_at(const mlci_dims *d, mlci_dim a, const int64_t *values, uint32_t n,
                 int64_t *out)
{
    const mlci_poly *p = &d->polys[a];
    int64_t sum = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        int64_t v = p->terms[i].coef, x;

        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p->terms[i].factor[k] != 0; k++) {
            if (!di_atom_at(d, p->terms[i].factor[k], values, n, &x)
                || !di_product_fits(v, x))
                return false;
            v *= x;
        }
        if (!di_sum_fits(sum, v))
            return false;
        sum += v;
    }
    *out = sum;
    return true;
}

/* ---- printing -------------------------------------------------------------------------- */

static size_t di_put(char *buf, size_t cap, size_t n, const char *text)
{
    if (n < cap)
        n += (size_t)snprintf(buf + n, cap - n, "%s", text);
    return n < cap ? n : cap - 1;
}

static size_t di_put_atom(const mlci_dims *d, uint16_t atom, char *buf, size_t cap, size_t n)
{
    const mlci_atom *x = &d->atoms[atom];
    const mlci_dim parts[2] = { x->a, x->b };

    if (x->kind == MLCI_SYMBOL)
        return di_put(buf, cap, n, x->name);
    n = di_put(buf, cap, n, "(");
    for (int i = 0; i < 2; i++) {
        const mlci_poly *p = &d->polys[parts[i]];
        bool plain = p->n == 0 || (p->n == 1 && (p->terms[0].factor[0] == 0
                                                 || mlci_dim_atom(d, parts[i]) != 0));

        if (i == 1)
            n = di_put(buf, cap, n, x->kind == MLCI_QUOTIENT ? "/" : "%");
        n = di_put(buf, cap, n, plain ? "" : "(");
        if (n < cap)
            mlci_dim_print(d, parts[i], buf + n, cap - n);
        n += strlen(buf + n);
        n = di_put(buf, cap, n, plain ? "" : ")");
    }
    return di_put(buf, cap, n, ")");
}

void mlci_dim_print(const mlci_dims *d, mlci_dim a, char *buf, size_t cap)
{
    const mlci_poly *p = &d->polys[a];
    size_t n = 0;

    buf[0] = 0;
    if (p->n == 0)
        (void)di_put(buf, cap, 0, "0");
    for (uint32_t i = 0; i < p->n && n < cap; i++) {
        const mlci_term *t = &p->terms[i];
        bool minus = t->coef < 0, one = t->coef == 1 || t->coef == -1;
        char number[32];

        if (i > 0)
            n = di_put(buf, cap, n, minus ? " - " : " + ");
        else if (minus)
            n = di_put(buf, cap, n, "-");
        snprintf(number, sizeof number, "%llu",
                 (unsigned long long)(minus ? 0 - (uint64_t)t->coef : (uint64_t)t->coef));
        if (!one || t->factor[0] == 0)
            n = di_put(buf, cap, n, number);
        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && t->factor[k] != 0; k++) {
            if (k > 0 || !one)
                n = di_put(buf, cap, n, "*");
            n = di_put_atom(d, t->factor[k], buf, cap, n);
        }
    }
}
