/* SPDX-License-Identifier: Apache-2.0
 *
 * expr.c - expressions: building them with types, rewriting, comparing.
 *
 * Integer expressions over symbols, axes and constants become one dim, whatever
 * way they were written, so that indices are in canonical form from the start.
 */
#include "tir.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const mlci_dtype_info mlci_dtype_table[MLCI_DT_COUNT] = {
#define X(name, text, bytes, value) { text, bytes, MLCI_DT_##value },
    MLCI_DTYPES(X)
#undef X
};

const mlci_xop_info mlci_xop_table[MLCI_X_COUNT] = {
#define X(name, text, operands, kind) { text, operands, MLCI_XK_##kind },
    MLCI_XOPS(X)
#undef X
};

mlc_status mlci_tir_fail(mlci_tir *t, mlc_status status, const char *fmt, ...)
{
    char text[240];
    va_list ap;

    if (t->status == MLC_OK) {
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        t->status = mlci_fail(t->err, status, 0, "%s", text);
    }
    return t->status;
}

/* ---- leaves -------------------------------------------------------------------------- */

static const mlci_expr *xp_new(mlci_tir *t, const mlci_expr *proto)
{
    mlci_expr *e;

    if (t->dims->failed)
        mlci_tir_fail(t, t->dims->no_memory ? MLC_ENOMEM : MLC_EFORMAT,
                      t->dims->no_memory ? "out of memory: sizes" : "an index is too complex");
    if (t->status != MLC_OK)
        return NULL;
    e = mlci_arena_new(t->arena, 1, sizeof *e);
    if (e == NULL)
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
    else
        *e = *proto;
    return e;
}

const mlci_expr *mlci_x_number(mlci_tir *t, mlci_dtype type, double v)
{
    const mlci_expr e = { .op = MLCI_X_NUMBER, .dtype = type, .number = v };

    return xp_new(t, &e);
}

const mlci_expr *mlci_x_dim(mlci_tir *t, mlci_dim d)
{
    const mlci_expr e = { .op = MLCI_X_DIM, .dtype = MLCI_DT_INDEX, .dim = d };

    return xp_new(t, &e);
}

const mlci_expr *mlci_x_load(mlci_tir *t, const mlci_program *p, uint32_t buffer,
                             const mlci_expr *const *index)
{
    const mlci_buffer *b = &p->buffers[buffer];
    mlci_expr e = { .op = b->place == MLCI_SCALAR ? MLCI_X_SCALAR : MLCI_X_LOAD,
                    .dtype = mlci_dtype_table[b->dtype].value, .buffer = buffer };

    for (uint32_t i = 0; i < b->rank && t->status == MLC_OK; i++) {
        e.index[i] = index[i];
        if (index[i] == NULL || (index[i]->dtype != MLCI_DT_INDEX
                                 && index[i]->dtype != MLCI_DT_I32
                                 && index[i]->dtype != MLCI_DT_U32))
            mlci_tir_fail(t, MLC_EFORMAT, "%s: index %u is not an integer", b->name, i);
    }
    return xp_new(t, &e);
}

/* ---- types --------------------------------------------------------------------------- */

static bool xp_is_int(mlci_dtype d)
{
    return d == MLCI_DT_I32 || d == MLCI_DT_U32 || d == MLCI_DT_INDEX;
}

static bool xp_constant(mlci_tir *t, const mlci_expr *e, double *v)
{
    int64_t k;

    if (e->op == MLCI_X_NUMBER) {
        *v = e->number;
        return true;
    }
    if (e->op != MLCI_X_DIM || !mlci_dim_known(t->dims, e->dim, &k))
        return false;
    *v = (double)k;
    return true;
}

const mlci_expr *mlci_x_cast(mlci_tir *t, mlci_dtype to, const mlci_expr *a)
{
    mlci_expr e = { .op = MLCI_X_CAST, .dtype = to, .args = { a } };
    double v;

    if (t->status != MLC_OK || a->dtype == to)
        return a;
    if (to == MLCI_DT_F32 && xp_constant(t, a, &v))
        return mlci_x_number(t, to, v);
    if (a->op == MLCI_X_DIM && xp_is_int(to) && xp_constant(t, a, &v)
        && v >= (to == MLCI_DT_I32 ? INT32_MIN : 0)
        && v <= (to == MLCI_DT_I32 ? INT32_MAX : UINT32_MAX))
        return mlci_x_number(t, to, v);
    if (to != mlci_dtype_table[to].value || to == MLCI_DT_BOOL)
        mlci_tir_fail(t, MLC_EFORMAT, "an expression cannot have type %s",
                      mlci_dtype_table[to].name);
    return xp_new(t, &e);
}

const mlci_expr *mlci_x_bits(mlci_tir *t, mlci_dtype from, const mlci_expr *a)
{
    mlci_expr e = { .op = MLCI_X_BITS, .dtype = MLCI_DT_F32, .from = from, .args = { a } };

    if (t->status == MLC_OK && !xp_is_int(a->dtype))
        mlci_tir_fail(t, MLC_EFORMAT, "bits of a value that is not an integer");
    return xp_new(t, &e);
}

/* Bring two operands to one type: constants take the other's, indices become
 * whatever integer the other is. */
static void xp_adapt(mlci_tir *t, const mlci_expr **a, const mlci_expr **b, const char *op)
{
    mlci_dtype x = (*a)->dtype, y = (*b)->dtype;
    double v;

    if (x == y)
        return;
    if (x == MLCI_DT_INDEX && xp_is_int(y)) {
        if (xp_constant(t, *a, &v) || y == MLCI_DT_U32)
            *a = mlci_x_cast(t, y, *a);
        else
            *b = mlci_x_cast(t, MLCI_DT_INDEX, *b);
    } else if (y == MLCI_DT_INDEX && xp_is_int(x)) {
        xp_adapt(t, b, a, op);
    } else if (x == MLCI_DT_F32 && xp_is_int(y) && xp_constant(t, *b, &v)) {
        *b = mlci_x_number(t, MLCI_DT_F32, v);
    } else if (y == MLCI_DT_F32 && xp_is_int(x) && xp_constant(t, *a, &v)) {
        *a = mlci_x_number(t, MLCI_DT_F32, v);
    } else {
        mlci_tir_fail(t, MLC_EFORMAT, "%s of %s and %s: write a cast, as f32(...)", op,
                      mlci_dtype_table[x].name, mlci_dtype_table[y].name);
    }
}

/* ---- operations ---------------------------------------------------------------------- */

/* Index arithmetic is done by dims. */
static bool xp_fold_dim(mlci_tir *t, mlci_xop op, const mlci_expr *a, const mlci_expr *b,
                        mlci_dim *out)
{
    mlci_dims *d = t->dims;
    int64_t k;

    if (a->op != MLCI_X_DIM || (b != NULL && b->op != MLCI_X_DIM))
        return false;
    switch (op) {
    case MLCI_X_ADD: *out = mlci_dim_add(d, a->dim, b->dim); return true;
    case MLCI_X_SUB: *out = mlci_dim_sub(d, a->dim, b->dim); return true;
    case MLCI_X_MUL: *out = mlci_dim_mul(d, a->dim, b->dim); return true;
    case MLCI_X_NEG: *out = mlci_dim_sub(d, 0, a->dim); return true;
    case MLCI_X_DIV: case MLCI_X_MOD:
        if (mlci_dim_known(d, b->dim, &k) && k <= 0)
            return false;
        *out = op == MLCI_X_DIV ? mlci_dim_div(d, a->dim, b->dim)
                                : mlci_dim_mod(d, a->dim, b->dim);
        return true;
    default: return false;
    }
}

static bool xp_is(const mlci_expr *e, double v)
{
    return e != NULL && e->op == MLCI_X_NUMBER && e->dtype == MLCI_DT_F32 && e->number == v;
}

/* What needs no operation: x * 1, x + 0, x - 0, x / 1, a choice that is known. */
static const mlci_expr *xp_trivial(mlci_tir *t, mlci_xop op, const mlci_expr *const *a)
{
    double v;

    switch (op) {
    case MLCI_X_MUL: return xp_is(a[0], 1) ? a[1] : xp_is(a[1], 1) ? a[0] : NULL;
    case MLCI_X_DIV: return xp_is(a[1], 1) ? a[0] : NULL;
    case MLCI_X_ADD: return xp_is(a[1], 0) ? a[0] : xp_is(a[0], 0) ? a[1] : NULL;
    case MLCI_X_SUB: return xp_is(a[1], 0) ? a[0] : NULL;
    case MLCI_X_SELECT: return xp_constant(t, a[0], &v) ? a[v != 0 ? 1 : 2] : NULL;
    default: return NULL;
    }
}

/* A comparison of dims that ranges decide. */
static const mlci_expr *xp_decided(mlci_tir *t, mlci_xop op, const mlci_expr *a,
                                   const mlci_expr *b)
{
    int64_t low, high;

    if (a->op != MLCI_X_DIM || b->op != MLCI_X_DIM)
        return NULL;
    mlci_dim_range(t->dims, mlci_dim_sub(t->dims, b->dim, a->dim), &low, &high);
    if (op == MLCI_X_LT && (low > 0 || high <= 0))
        return mlci_x_number(t, MLCI_DT_BOOL, low > 0);
    if (op == MLCI_X_LE && (low >= 0 || high < 0))
        return mlci_x_number(t, MLCI_DT_BOOL, low >= 0);
    if ((op == MLCI_X_EQ || op == MLCI_X_NE) && low == 0 && high == 0)
        return mlci_x_number(t, MLCI_DT_BOOL, op == MLCI_X_EQ);
    if ((op == MLCI_X_EQ || op == MLCI_X_NE) && (low > 0 || high < 0))
        return mlci_x_number(t, MLCI_DT_BOOL, op == MLCI_X_NE);
    return NULL;
}

static bool xp_kind_fits(mlci_xkind kind, mlci_dtype d)
{
    switch (kind) {
    case MLCI_XK_ARITH: case MLCI_XK_COMPARE: return d == MLCI_DT_F32 || xp_is_int(d);
    case MLCI_XK_INT:   return xp_is_int(d);
    case MLCI_XK_BITS:  return xp_is_int(d) || d == MLCI_DT_BOOL;
    case MLCI_XK_FLOAT: return d == MLCI_DT_F32;
    default: return true;
    }
}

const mlci_expr *mlci_x_op(mlci_tir *t, mlci_xop op, const mlci_expr *a,
                           const mlci_expr *b, const mlci_expr *c)
{
    const mlci_xop_info *info = &mlci_xop_table[op];
    mlci_expr e = { .op = op };
    const mlci_expr *simple;
    double v;

    if (t->status != MLC_OK || a == NULL || (info->operands > 1 && b == NULL)
        || (info->operands > 2 && c == NULL))
        return NULL;
    if (xp_fold_dim(t, op, a, b, &e.dim))
        return mlci_x_dim(t, e.dim);
    if (op == MLCI_X_SELECT) {
        if (a->dtype != MLCI_DT_BOOL)
            mlci_tir_fail(t, MLC_EFORMAT, "select: the condition is not a bool");
        xp_adapt(t, &b, &c, info->name);
    } else if ((op == MLCI_X_SHL || op == MLCI_X_SHR) && xp_is_int(a->dtype)
               && xp_is_int(b->dtype) && !(a->op == MLCI_X_DIM && b->dtype != MLCI_DT_INDEX)) {
        b = mlci_x_cast(t, a->dtype, b);
    } else if (info->operands == 2) {
        xp_adapt(t, &a, &b, info->name);
        if (info->kind == MLCI_XK_FLOAT && xp_is_int(a->dtype) && xp_constant(t, a, &v)) {
            a = mlci_x_cast(t, MLCI_DT_F32, a);
            b = mlci_x_cast(t, MLCI_DT_F32, b);
        }
    } else if (info->kind == MLCI_XK_FLOAT && xp_constant(t, a, &v)) {
        a = mlci_x_cast(t, MLCI_DT_F32, a);
    }
    if (t->status != MLC_OK)
        return NULL;
    if (!xp_kind_fits(info->kind, a->dtype)) {
        mlci_tir_fail(t, MLC_EFORMAT, "%s of a value of type %s", info->name,
                      mlci_dtype_table[a->dtype].name);
        return NULL;
    }
    e.args[0] = a, e.args[1] = b, e.args[2] = c;
    e.dtype = info->kind == MLCI_XK_COMPARE ? MLCI_DT_BOOL
            : op == MLCI_X_SELECT ? b->dtype : a->dtype;
    simple = info->kind == MLCI_XK_COMPARE ? xp_decided(t, op, a, b)
                                           : xp_trivial(t, op, e.args);
    return simple != NULL ? simple : xp_new(t, &e);
}

/* ---- programs ------------------------------------------------------------------------ */

mlci_program *mlci_program_new(mlci_tir *t, const char *name)
{
    mlci_program *p = mlci_arena_new(t->arena, 1, sizeof *p);

    if (p != NULL) {
        p->name = name;
        p->buffers = mlci_arena_new(t->arena, MLCI_MAX_BUFFERS, sizeof *p->buffers);
        p->stages = mlci_arena_new(t->arena, MLCI_MAX_STAGES, sizeof *p->stages);
    }
    if (p == NULL || p->buffers == NULL || p->stages == NULL) {
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return NULL;
    }
    return p;
}

uint32_t mlci_program_buffer(mlci_tir *t, mlci_program *p, const mlci_buffer *b)
{
    if (t->status == MLC_OK && p->n_buffers == MLCI_MAX_BUFFERS)
        mlci_tir_fail(t, MLC_EUNSUPPORTED, "%s: more than %d buffers", p->name,
                      MLCI_MAX_BUFFERS);
    if (t->status != MLC_OK)
        return 0;
    p->buffers[p->n_buffers] = *b;
    p->n_params += b->place == MLCI_IN || b->place == MLCI_SCALAR;
    p->n_outs += b->place == MLCI_OUT;
    return p->n_buffers++;
}

/* ---- walking ------------------------------------------------------------------------- */

static const mlci_expr *xp_replaced(const mlci_rewrite *r, uint32_t atom)
{
    return r->exprs != NULL && atom < r->n_map ? r->exprs[atom] : NULL;
}

/* Does the dim use an atom that becomes an expression? */
static bool xp_replaces(mlci_tir *t, mlci_dim d, const mlci_rewrite *r)
{
    for (uint32_t i = 1; r->exprs != NULL && i < r->n_map; i++)
        if (r->exprs[i] != NULL && mlci_dim_uses(t->dims, d, i))
            return true;
    return false;
}

/* A dim as a tree of operations, where some of its atoms are not dims any more. */
static const mlci_expr *xp_rewrite_dim(mlci_tir *t, mlci_dim d, const mlci_rewrite *r)
{
    const mlci_poly p = t->dims->polys[d];
    const mlci_expr *sum = NULL;

    if (!xp_replaces(t, d, r))
        return mlci_x_dim(t, mlci_dim_subst(t->dims, d, r->map, r->n_map));
    for (uint32_t i = 0; i < p.n && t->status == MLC_OK; i++) {
        const mlci_expr *term = p.terms[i].coef == 1 ? NULL
                              : mlci_x_dim(t, mlci_dim_const(t->dims, p.terms[i].coef));

        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p.terms[i].factor[k] != 0; k++) {
            const mlci_atom x = t->dims->atoms[p.terms[i].factor[k]];
            const mlci_expr *f;

            if (x.kind == MLCI_SYMBOL && xp_replaced(r, p.terms[i].factor[k]) != NULL)
                f = mlci_x_cast(t, MLCI_DT_INDEX, xp_replaced(r, p.terms[i].factor[k]));
            else if (x.kind == MLCI_SYMBOL)
                f = mlci_x_dim(t, mlci_dim_subst(t->dims, mlci_dim_of(t->dims,
                                   p.terms[i].factor[k]), r->map, r->n_map));
            else
                f = mlci_x_op(t, x.kind == MLCI_QUOTIENT ? MLCI_X_DIV : MLCI_X_MOD,
                              xp_rewrite_dim(t, x.a, r), xp_rewrite_dim(t, x.b, r), NULL);
            term = term == NULL ? f : mlci_x_op(t, MLCI_X_MUL, term, f, NULL);
        }
        if (term == NULL)
            term = mlci_x_dim(t, mlci_dim_const(t->dims, 1));
        sum = sum == NULL ? term : mlci_x_op(t, MLCI_X_ADD, sum, term, NULL);
    }
    return sum;
}

const mlci_expr *mlci_x_rewrite(mlci_tir *t, const mlci_expr *e, const mlci_rewrite *r)
{
    const mlci_expr *args[3] = { NULL, NULL, NULL }, *index[MLCI_MAX_RANK] = { NULL };
    const mlci_expr *other;
    mlci_expr copy;

    if (t->status != MLC_OK)
        return NULL;
    if (e->op == MLCI_X_DIM)
        return xp_rewrite_dim(t, e->dim, r);
    if (e->op == MLCI_X_NUMBER)
        return e;
    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL; i++)
        index[i] = mlci_x_rewrite(t, e->index[i], r);
    if (e->op == MLCI_X_LOAD || e->op == MLCI_X_SCALAR) {
        other = t->status == MLC_OK && r->load != NULL ? r->load(r->user, t, e, index) : NULL;
        if (other != NULL || t->status != MLC_OK)
            return other;
        copy = *e;
        memcpy(copy.index, index, sizeof index);
        return xp_new(t, &copy);
    }
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        args[i] = mlci_x_rewrite(t, e->args[i], r);
    if (t->status != MLC_OK)
        return NULL;
    if (e->op == MLCI_X_CAST)
        return mlci_x_cast(t, e->dtype, args[0]);
    if (e->op == MLCI_X_BITS)
        return mlci_x_bits(t, e->from, args[0]);
    return mlci_x_op(t, e->op, args[0], args[1], args[2]);
}

bool mlci_x_same(const mlci_expr *a, const mlci_expr *b)
{
    if (a == NULL || b == NULL || a == b)
        return a == b;
    if (a->op != b->op || a->dtype != b->dtype || a->from != b->from
        || a->buffer != b->buffer || a->dim != b->dim || a->number != b->number)
        return false;
    for (uint32_t i = 0; i < mlci_xop_table[a->op].operands; i++)
        if (!mlci_x_same(a->args[i], b->args[i]))
            return false;
    for (uint32_t i = 0; i < MLCI_MAX_RANK; i++)
        if (!mlci_x_same(a->index[i], b->index[i]))
            return false;
    return true;
}

void mlci_x_loads(const mlci_expr *e, mlci_load_fn *fn, void *user)
{
    if (e->op == MLCI_X_LOAD || e->op == MLCI_X_SCALAR)
        fn(user, e);
    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL; i++)
        mlci_x_loads(e->index[i], fn, user);
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        mlci_x_loads(e->args[i], fn, user);
}
