/* SPDX-License-Identifier: Apache-2.0
 *
 * interp.c - running tensor programs by walking their expressions: slow, checked,
 * and the definition that generated kernels are tested by.
 *
 * Floats are doubles until they are stored.  Integers have the width of their
 * type and wrap; shifts by their width or more give 0; division by zero is an
 * error.  select computes the chosen operand only, so it can guard a load.
 */
#include "tir.h"
#include "../../base/half.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct it_value { double f; int64_t i; } it_value;

typedef struct it_run {
    mlci_tir           *t;
    const mlci_program *p;
    mlci_array         *arrays;     /* [n_buffers]                            */
    int64_t            *env;        /* by atom                                */
    uint32_t            n_env;
    uint64_t            left;       /* of the budget                          */
    bool                failed;
} it_run;

/* ---- elements ------------------------------------------------------------------------ */

double mlci_element_get(mlci_dtype type, const void *data, size_t i)
{
    const unsigned char *p = (const unsigned char *)data + i * mlci_dtype_table[type].bytes;
    uint64_t bits = mlci_le(p, (int)mlci_dtype_table[type].bytes);

    switch (type) {
    case MLCI_DT_F32:  return (double)mlci_bits_f32((uint32_t)bits);
    case MLCI_DT_F16:  return (double)mlci_f16_to_f32((uint16_t)bits);
    case MLCI_DT_BF16: return (double)mlci_bits_f32((uint32_t)bits << 16);
    case MLCI_DT_I8:   return (double)(int8_t)bits;
    case MLCI_DT_I16:  return (double)(int16_t)bits;
    case MLCI_DT_I32:  return (double)(int32_t)bits;
    case MLCI_DT_INDEX: return (double)(int64_t)bits;
    default:           return (double)bits;
    }
}

static uint64_t it_wrapped(double v)
{
    if (!(v > -9.2e18))
        return v < 0 ? (uint64_t)INT64_MIN : 0;
    return v < 9.2e18 ? (uint64_t)(int64_t)v : (uint64_t)INT64_MAX;
}

void mlci_element_set(mlci_dtype type, void *data, size_t i, double v)
{
    unsigned char *p = (unsigned char *)data + i * mlci_dtype_table[type].bytes;
    uint64_t bits;

    switch (type) {
    case MLCI_DT_F32:  bits = mlci_f32_bits((float)v); break;
    case MLCI_DT_F16:  bits = mlci_f32_to_f16((float)v); break;
    case MLCI_DT_BF16: bits = mlci_f32_to_bf16((float)v); break;
    default:           bits = it_wrapped(v);
    }
    for (uint32_t k = 0; k < mlci_dtype_table[type].bytes; k++)
        p[k] = (unsigned char)(bits >> 8 * k);
}

/* ---- expressions ----------------------------------------------------------------------- */

static it_value it_eval(it_run *r, const mlci_expr *e);

static it_value it_fail(it_run *r, const char *what)
{
    if (!r->failed)
        mlci_tir_fail(r->t, MLC_EINVAL, "%s: %s", r->p->name, what);
    r->failed = true;
    return (it_value){ 0, 0 };
}

/* Where an element lies; SIZE_MAX after an error. */
static size_t it_at(it_run *r, uint32_t buffer, const mlci_expr *const *index)
{
    const mlci_array *a = &r->arrays[buffer];
    size_t at = 0;

    for (uint32_t i = 0; i < a->rank; i++) {
        int64_t v = it_eval(r, index[i]).i;

        if (r->failed)
            return SIZE_MAX;
        if (v < 0 || v >= a->dims[i]) {
            mlci_tir_fail(r->t, MLC_EINVAL, "%s: index %lld of %s, dimension %u, is outside "
                          "[0, %lld)", r->p->name, (long long)v, r->p->buffers[buffer].name,
                          i, (long long)a->dims[i]);
            r->failed = true;
            return SIZE_MAX;
        }
        at = at * (size_t)a->dims[i] + (size_t)v;
    }
    return at;
}

static it_value it_wrap(mlci_dtype type, int64_t v)
{
    it_value x = { 0, v };

    if (type == MLCI_DT_I32)
        x.i = (int32_t)(uint32_t)(uint64_t)v;
    else if (type == MLCI_DT_U32)
        x.i = (int64_t)((uint64_t)v & UINT32_MAX);
    return x;
}

static it_value it_load(it_run *r, const mlci_expr *e)
{
    size_t at = e->op == MLCI_X_SCALAR ? 0 : it_at(r, e->buffer, e->index);
    const mlci_array *a = &r->arrays[e->buffer];
    it_value v = { 0, 0 };

    if (at == SIZE_MAX)
        return v;
    v.f = mlci_element_get(a->dtype, a->data, at);
    if (e->dtype != MLCI_DT_F32)
        v.i = (int64_t)v.f;
    return v;
}

static int64_t it_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static it_value it_integer(it_run *r, const mlci_expr *e, int64_t a, int64_t b)
{
    const uint64_t x = (uint64_t)a, y = (uint64_t)b;
    const int width = e->dtype == MLCI_DT_INDEX ? 64 : 32;

    switch (e->op) {
    case MLCI_X_ADD: return it_wrap(e->dtype, (int64_t)(x + y));
    case MLCI_X_SUB: return it_wrap(e->dtype, (int64_t)(x - y));
    case MLCI_X_MUL: return it_wrap(e->dtype, (int64_t)(x * y));
    case MLCI_X_DIV: case MLCI_X_MOD:
        if (b == 0 || (b == -1 && a == INT64_MIN))
            return it_fail(r, "division by zero");
        return it_wrap(e->dtype, e->op == MLCI_X_DIV ? it_floor_div(a, b)
                                                     : a - it_floor_div(a, b) * b);
    case MLCI_X_AND: return it_wrap(e->dtype, a & b);
    case MLCI_X_OR:  return it_wrap(e->dtype, a | b);
    case MLCI_X_XOR: return it_wrap(e->dtype, a ^ b);
    case MLCI_X_SHL: return it_wrap(e->dtype, b >= width ? 0 : (int64_t)(x << (y & 63)));
    case MLCI_X_SHR: return it_wrap(e->dtype, b >= width || b < 0 ? 0 : a >> b);
    case MLCI_X_MIN: return it_wrap(e->dtype, a < b ? a : b);
    case MLCI_X_MAX: return it_wrap(e->dtype, a > b ? a : b);
    case MLCI_X_NEG: return it_wrap(e->dtype, (int64_t)(0 - x));
    case MLCI_X_ABS: return it_wrap(e->dtype, a < 0 ? (int64_t)(0 - x) : a);
    default: return it_fail(r, "an operator without a meaning for integers");
    }
}

/* What float32 might have made of it. */
static double it_noisy(it_run *r, double v)
{
    double u;

    if (r->t->noise == 0 || !isfinite(v))
        return v;
    r->t->noise = mlci_mix(r->t->noise);
    u = (double)(r->t->noise >> 11) * 0x1p-52 - 1.0;
    return fabs(v) > (double)FLT_MAX ? copysign((double)INFINITY, v) : v * (1.0 + u * 0x1p-22);
}

static it_value it_float(it_run *r, const mlci_expr *e, double a, double b)
{
    it_value v = { 0, 0 };

    switch (e->op) {
    case MLCI_X_ADD: v.f = a + b; break;
    case MLCI_X_SUB: v.f = a - b; break;
    case MLCI_X_MUL: v.f = a * b; break;
    case MLCI_X_DIV: v.f = a / b; break;
    case MLCI_X_MIN: v.f = a < b ? a : b; break;
    case MLCI_X_MAX: v.f = a > b ? a : b; break;
    case MLCI_X_POW: v.f = pow(a, b); break;
    case MLCI_X_NEG: v.f = -a; break;
    case MLCI_X_ABS: v.f = fabs(a); break;
    case MLCI_X_EXP: v.f = exp(a); break;
    case MLCI_X_LOG: v.f = log(a); break;
    case MLCI_X_SQRT: v.f = sqrt(a); break;
    case MLCI_X_RSQRT: v.f = 1.0 / sqrt(a); break;
    case MLCI_X_TANH: v.f = tanh(a); break;
    case MLCI_X_SIN: v.f = sin(a); break;
    case MLCI_X_COS: v.f = cos(a); break;
    case MLCI_X_ERF: v.f = erf(a); break;
    case MLCI_X_FLOOR: v.f = floor(a); break;
    case MLCI_X_ROUND: v.f = nearbyint(a); break;
    default: return it_fail(r, "an operator without a meaning for floats");
    }
    v.f = it_noisy(r, v.f);
    return v;
}

static it_value it_compare(const mlci_expr *e, it_value a, it_value b)
{
    const bool f = e->args[0]->dtype == MLCI_DT_F32;
    it_value v = { 0, 0 };

    switch (e->op) {
    case MLCI_X_LT: v.i = f ? a.f < b.f : a.i < b.i; break;
    case MLCI_X_LE: v.i = f ? a.f <= b.f : a.i <= b.i; break;
    case MLCI_X_EQ: v.i = f ? a.f == b.f : a.i == b.i; break;
    default:        v.i = f ? a.f != b.f : a.i != b.i; break;
    }
    return v;
}

static it_value it_convert(const mlci_expr *e, it_value a)
{
    it_value v = { 0, 0 };

    if (e->op == MLCI_X_BITS)
        v.f = e->from == MLCI_DT_F16 ? (double)mlci_f16_to_f32((uint16_t)a.i)
            : (double)mlci_bits_f32((uint32_t)a.i << (e->from == MLCI_DT_BF16 ? 16 : 0));
    else if (e->dtype == MLCI_DT_F32)
        v.f = e->args[0]->dtype == MLCI_DT_F32 ? a.f : (double)a.i;
    else
        v = it_wrap(e->dtype, e->args[0]->dtype == MLCI_DT_F32
                              ? (int64_t)it_wrapped(trunc(a.f)) : a.i);
    return v;
}

static it_value it_eval(it_run *r, const mlci_expr *e)
{
    const mlci_xop_info *info = &mlci_xop_table[e->op];
    it_value a, b = { 0, 0 };

    switch (e->op) {
    case MLCI_X_NUMBER: return (it_value){ e->number, e->dtype == MLCI_DT_F32
                                                      ? 0 : (int64_t)e->number };
    case MLCI_X_DIM:
        a = (it_value){ 0, 0 };
        if (!mlci_dim_at(r->t->dims, e->dim, r->env, r->n_env, &a.i))
            return it_fail(r, "an index that does not fit");
        return a;
    case MLCI_X_SCALAR: case MLCI_X_LOAD: return it_load(r, e);
    case MLCI_X_SELECT:
        return it_eval(r, e->args[it_eval(r, e->args[0]).i != 0 ? 1 : 2]);
    default: break;
    }
    a = it_eval(r, e->args[0]);
    if (info->operands > 1)
        b = it_eval(r, e->args[1]);
    if (info->kind == MLCI_XK_COMPARE)
        return it_compare(e, a, b);
    if (info->kind == MLCI_XK_CAST)
        return it_convert(e, a);
    if (e->dtype == MLCI_DT_BOOL)
        return (it_value){ 0, e->op == MLCI_X_AND ? a.i & b.i
                            : e->op == MLCI_X_OR ? a.i | b.i : a.i ^ b.i };
    return e->dtype == MLCI_DT_F32 ? it_float(r, e, a.f, b.f)
                                   : it_integer(r, e, a.i, b.i);
}

/* ---- stages ------------------------------------------------------------------------------ */

static double it_join(mlci_store store, double a, double b)
{
    return store == MLCI_SUM ? a + b
         : store == MLCI_LARGEST ? (b > a ? b : a) : b < a ? b : a;
}

/* All axes from `axis` on; *sum collects a reduction. */
static void it_loops(it_run *r, const mlci_stage *s, uint32_t axis, bool reduce, double *sum)
{
    int64_t extent;

    while (axis < s->n_axes && s->axes[axis].reduce != reduce)
        axis++;
    if (axis < s->n_axes) {
        if (!mlci_dim_at(r->t->dims, s->axes[axis].extent, r->env, r->n_env, &extent)) {
            (void)it_fail(r, "a loop whose length does not fit");
            return;
        }
        for (int64_t i = 0; i < extent && !r->failed; i++) {
            r->env[s->axes[axis].atom] = i;
            it_loops(r, s, axis + 1, reduce, sum);
        }
        return;
    }
    if (r->left == 0) {
        if (!r->failed)
            mlci_tir_fail(r->t, MLC_ECANCELED, "%s: more steps than allowed", r->p->name);
        r->failed = true;
        return;
    }
    r->left--;
    if (reduce || s->store == MLCI_STORE) {
        it_value v = it_eval(r, s->value);
        double x = s->value->dtype == MLCI_DT_F32 ? v.f : (double)v.i;

        *sum = reduce ? it_noisy(r, it_join(s->store, *sum, x)) : x;
    } else {
        *sum = s->store == MLCI_SUM ? 0 : s->store == MLCI_LARGEST ? (double)-INFINITY
                                                                   : (double)INFINITY;
        it_loops(r, s, 0, true, sum);
    }
    if (!reduce && !r->failed) {
        size_t at = it_at(r, s->buffer, s->index);

        if (at != SIZE_MAX)
            mlci_element_set(r->arrays[s->buffer].dtype, r->arrays[s->buffer].data, at, *sum);
    }
}

/* ---- programs ------------------------------------------------------------------------------ */

/* A term as its coefficient, with what is known, times one symbol; *atom 0: all is known. */
static bool it_term(const it_run *r, const mlci_term *term, const uint8_t *known, int64_t *coef,
                    uint32_t *atom)
{
    *coef = term->coef;
    *atom = 0;
    for (uint32_t k = 0; k < MLCI_MAX_FACTORS && term->factor[k] != 0; k++) {
        const uint32_t a = term->factor[k];
        const int64_t v = r->env[a];     /* not negative */

        if (known[a] && v > 0 && (*coef > INT64_MAX / v || *coef < INT64_MIN / v))
            return false;
        if (known[a])
            *coef *= v;
        else if (*atom == 0 && r->t->dims->atoms[a].kind == MLCI_SYMBOL)
            *atom = a;
        else
            return false;
    }
    return true;
}

/* A symbol's value from a shape: what is known times s, plus what is known. */
static bool it_solve(it_run *r, mlci_dim d, int64_t size, uint8_t *known)
{
    const mlci_poly *p = &r->t->dims->polys[d];
    int64_t rest = size, coef = 0;
    uint32_t atom = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        int64_t c;
        uint32_t a;

        if (!it_term(r, &p->terms[i], known, &c, &a) || (a != 0 && atom != 0))
            return false;
        if (a == 0)
            rest -= c;
        else
            atom = a, coef = c;
    }
    if (atom == 0 || coef == 0 || rest % coef != 0 || rest / coef < 0)
        return false;
    r->env[atom] = rest / coef;
    known[atom] = 1;
    return true;
}

static void it_bind(it_run *r, const mlci_array *given, uint8_t *known)
{
    const mlci_program *p = r->p;
    const uint32_t n = p->n_params + p->n_outs;
    bool again = true;
    mlci_symbols symbols;

    while (again) {
        again = false;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < p->buffers[i].rank && k < given[i].rank; k++)
                again = it_solve(r, p->buffers[i].dims[k], given[i].dims[k], known) || again;
    }
    if (mlci_program_symbols(r->t, p, &symbols) != MLC_OK)
        return;
    for (uint32_t i = 0; i < symbols.n; i++)
        if (!known[symbols.old[i]])
            mlci_tir_fail(r->t, MLC_EINVAL, "%s: size %s is not decided by its inputs",
                          p->name, r->t->dims->atoms[symbols.old[i]].name);
    for (uint32_t i = 0; i < n && r->t->status == MLC_OK; i++) {
        const mlci_buffer *b = &p->buffers[i];
        int64_t want;

        if (given[i].rank != b->rank || given[i].dtype != b->dtype)
            mlci_tir_fail(r->t, MLC_EINVAL, "%s: %s is %s of rank %u, not %s of rank %u",
                          p->name, b->name, mlci_dtype_table[b->dtype].name, b->rank,
                          mlci_dtype_table[given[i].dtype].name, given[i].rank);
        for (uint32_t k = 0; k < b->rank && r->t->status == MLC_OK; k++)
            if (!mlci_dim_at(r->t->dims, b->dims[k], r->env, r->n_env, &want)
                || want != given[i].dims[k])
                mlci_tir_fail(r->t, MLC_EINVAL, "%s: %s, dimension %u: %lld, but the other "
                              "operands make it %lld", p->name, b->name, k,
                              (long long)given[i].dims[k], (long long)want);
        r->arrays[i] = given[i];
    }
}

static size_t it_bytes(const mlci_array *a)
{
    size_t n = mlci_dtype_table[a->dtype].bytes;

    for (uint32_t i = 0; i < a->rank; i++)
        n = mlci_mul(n, (size_t)a->dims[i]);
    return n;
}

static void it_locals(it_run *r, mlc_context *ctx)
{
    const mlci_program *p = r->p;

    for (uint32_t i = p->n_params + p->n_outs; i < p->n_buffers && r->t->status == MLC_OK; i++) {
        mlci_array *a = &r->arrays[i];

        a->dtype = p->buffers[i].dtype;
        a->rank = p->buffers[i].rank;
        for (uint32_t k = 0; k < a->rank; k++)
            if (!mlci_dim_at(r->t->dims, p->buffers[i].dims[k], r->env, r->n_env, &a->dims[k])
                || a->dims[k] < 0)
                mlci_tir_fail(r->t, MLC_EINVAL, "%s: size of %s", p->name, p->buffers[i].name);
        if (r->t->status == MLC_OK)
            a->data = mlci_new(ctx, mlci_max(it_bytes(a), 1), 1);
        if (r->t->status == MLC_OK && a->data == NULL)
            mlci_tir_fail(r->t, MLC_ENOMEM, "out of memory: %s of program %s",
                          p->buffers[i].name, p->name);
    }
}

mlc_status mlci_interpret(mlci_tir *t, mlc_context *ctx, const mlci_program *p,
                          const mlci_array *arrays, uint64_t budget)
{
    it_run r = { .t = t, .p = p, .n_env = t->dims->n_atoms, .left = budget };
    uint8_t *known;

    if (t->status != MLC_OK)
        return t->status;
    known = mlci_new(ctx, r.n_env, 1);
    r.env = mlci_new(ctx, r.n_env, sizeof *r.env);
    r.arrays = mlci_new(ctx, p->n_buffers + 1, sizeof *r.arrays);
    if (known == NULL || r.env == NULL || r.arrays == NULL)
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: program %s", p->name);
    if (t->status == MLC_OK)
        it_bind(&r, arrays, known);
    if (t->status == MLC_OK)
        it_locals(&r, ctx);
    for (uint32_t i = 0; i < p->n_stages && t->status == MLC_OK; i++) {
        double sum = 0;

        it_loops(&r, &p->stages[i], 0, false, &sum);
    }
    for (uint32_t i = p->n_params + p->n_outs; r.arrays != NULL && i < p->n_buffers; i++)
        if (r.arrays[i].data != NULL)
            mlci_delete(ctx, r.arrays[i].data, mlci_max(it_bytes(&r.arrays[i]), 1), 1);
    mlci_delete(ctx, r.arrays, p->n_buffers + 1, sizeof *r.arrays);
    mlci_delete(ctx, r.env, r.n_env, sizeof *r.env);
    mlci_delete(ctx, known, r.n_env, 1);
    return t->status;
}
