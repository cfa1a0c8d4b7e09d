/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c - tensor programs from text: what print.c writes, and
 *
 *   ...   in shapes, indices and loops stands for any number of leading axes; a
 *         program that has it is read once for each rank that is asked for.
 *
 * Operators bind as in C.  A whole number is an index and takes the type of what
 * it is combined with; one with a point is f32.
 */
#include "../lex.h"
#include "../../base/number.h"

#include <math.h>
#include <string.h>

enum { PA_MAX_DEPTH = 100 };

typedef struct pa_program {
    mlci_lex     *x;
    mlci_program *p;
    mlci_stage   *stage;     /* that is being read                            */
    uint32_t      rank;      /* of "..."                                      */
    mlci_dim      rest[MLCI_MAX_RANK];        /* its extents                  */
    uint32_t      rest_axes[MLCI_MAX_RANK];   /* its axes in the stage        */
    bool          has_rest;  /* the extents are known                         */
    bool          open;      /* shapes may declare symbols                    */
    mlci_scope    scope;
} pa_program;

static const mlci_expr *pa_expr(pa_program *a, int least);

/* ---- names and dims ------------------------------------------------------------------ */

static uint32_t pa_buffer(const pa_program *a, mlci_text name)
{
    for (uint32_t i = 0; i < a->p->n_buffers; i++)
        if (mlci_text_is(name, a->p->buffers[i].name))
            return i;
    return UINT32_MAX;
}

static mlci_dim pa_symbol(void *user, mlci_lex *x, mlci_text name)
{
    pa_program *a = user;

    for (uint32_t i = 0; a->stage != NULL && i < a->stage->n_axes; i++)
        if (mlci_text_is(name, x->t->dims->atoms[a->stage->axes[i].atom].name))
            return mlci_dim_of(x->t->dims, a->stage->axes[i].atom);
    return mlci_scope_find(&a->scope, x, name, a->open);
}

static int64_t pa_integer(mlci_lex *x)
{
    int64_t v = 0;

    if (x->word != MLCI_W_NUMBER || !x->whole || !mlci_read_int(x->text.p, x->text.n, &v))
        (void)mlci_lex_fail(x, "expected a whole number, found \"%.*s\"",
                            (int)mlci_min(x->text.n, 40), x->text.p);
    else
        mlci_lex_next(x);
    return v;
}

static mlci_dim pa_dim_leaf(mlci_lex *x, mlci_find_symbol *find, void *user)
{
    mlci_dim v;

    if (mlci_lex_take(x, "(")) {
        v = mlci_dim_parse(x, find, user);
        mlci_lex_want(x, ")");
        return v;
    }
    if (x->word != MLCI_W_NAME)
        return mlci_dim_const(x->t->dims, pa_integer(x));
    v = find(user, x, x->text);
    if (v == MLCI_DIM_SAME)
        (void)mlci_lex_fail(x, "unknown size \"%.*s\"", (int)mlci_min(x->text.n, 40),
                            x->text.p);
    mlci_lex_next(x);
    return v;
}

static mlci_dim pa_dim_product(mlci_lex *x, mlci_find_symbol *find, void *user)
{
    mlci_dims *d = x->t->dims;
    mlci_dim v = pa_dim_leaf(x, find, user), w;

    while (x->t->status == MLC_OK
           && (mlci_lex_is(x, "*") || mlci_lex_is(x, "/") || mlci_lex_is(x, "%"))) {
        char op = x->text.p[0];

        mlci_lex_next(x);
        w = pa_dim_leaf(x, find, user);
        if (x->t->status == MLC_OK && op != '*' && w == 0)
            (void)mlci_lex_fail(x, "a size divided by zero");
        if (x->t->status == MLC_OK)
            v = op == '*' ? mlci_dim_mul(d, v, w)
              : op == '/' ? mlci_dim_div(d, v, w) : mlci_dim_mod(d, v, w);
    }
    return v;
}

mlci_dim mlci_dim_parse(mlci_lex *x, mlci_find_symbol *find, void *user)
{
    mlci_dims *d = x->t->dims;
    mlci_dim v = 0, w;

    if (++x->depth > PA_MAX_DEPTH) {
        (void)mlci_lex_fail(x, "nested more than %d deep", PA_MAX_DEPTH);
        return 0;
    }
    if (mlci_lex_take(x, "-"))
        v = mlci_dim_sub(d, 0, pa_dim_product(x, find, user));
    else
        v = pa_dim_product(x, find, user);
    while (x->t->status == MLC_OK && (mlci_lex_is(x, "+") || mlci_lex_is(x, "-"))) {
        bool plus = mlci_lex_is(x, "+");

        mlci_lex_next(x);
        w = pa_dim_product(x, find, user);
        v = plus ? mlci_dim_add(d, v, w) : mlci_dim_sub(d, v, w);
    }
    x->depth--;
    if (d->no_memory)
        mlci_tir_fail(x->t, MLC_ENOMEM, "out of memory: sizes");
    else if (d->failed && x->t->status == MLC_OK)
        (void)mlci_lex_fail(x, "a size is too complex");
    return x->t->status == MLC_OK ? v : 0;
}

/* ---- expressions ---------------------------------------------------------------------- */

static const struct { const char *sign; mlci_xop op; int binding; bool swap; } pa_signs[] = {
    { "|", MLCI_X_OR, 1, false },   { "^", MLCI_X_XOR, 2, false },
    { "&", MLCI_X_AND, 3, false },  { "==", MLCI_X_EQ, 4, false },
    { "!=", MLCI_X_NE, 4, false },  { "<", MLCI_X_LT, 5, false },
    { "<=", MLCI_X_LE, 5, false },  { ">", MLCI_X_LT, 5, true },
    { ">=", MLCI_X_LE, 5, true },   { "<<", MLCI_X_SHL, 6, false },
    { ">>", MLCI_X_SHR, 6, false }, { "+", MLCI_X_ADD, 7, false },
    { "-", MLCI_X_SUB, 7, false },  { "*", MLCI_X_MUL, 8, false },
    { "/", MLCI_X_DIV, 8, false },  { "%", MLCI_X_MOD, 8, false },
};

/* Indices between brackets; "..." gives the stage's leading axes. */
static uint32_t pa_indices(pa_program *a, const mlci_expr **index)
{
    uint32_t n = 0;

    do {
        if (mlci_lex_take(a->x, "...")) {
            for (uint32_t i = 0; i < a->rank && n < MLCI_MAX_RANK; i++)
                index[n++] = mlci_x_dim(a->x->t, mlci_dim_of(a->x->t->dims,
                                                             a->rest_axes[i]));
            if (a->rest_axes[0] == 0 && a->rank > 0)
                (void)mlci_lex_fail(a->x, "\"...\" without its loops");
            continue;
        }
        if (n == MLCI_MAX_RANK) {
            (void)mlci_lex_fail(a->x, "more than %d indices", MLCI_MAX_RANK);
            return n;
        }
        index[n++] = pa_expr(a, 0);
    } while (mlci_lex_take(a->x, ","));
    mlci_lex_want(a->x, "]");
    return n;
}

static const mlci_expr *pa_load(pa_program *a, uint32_t buffer)
{
    const mlci_buffer *b = &a->p->buffers[buffer];
    const mlci_expr *index[MLCI_MAX_RANK] = { NULL };
    uint32_t n = mlci_lex_take(a->x, "[") ? pa_indices(a, index) : 0;

    if (a->x->t->status == MLC_OK && n != b->rank)
        (void)mlci_lex_fail(a->x, "%s has %u dimensions, not %u", b->name, b->rank, n);
    return a->x->t->status == MLC_OK ? mlci_x_load(a->x->t, a->p, buffer, index) : NULL;
}

static const mlci_expr *pa_call(pa_program *a, mlci_text name)
{
    mlci_tir *t = a->x->t;
    const mlci_expr *args[3] = { NULL, NULL, NULL };
    mlci_dtype type;
    uint32_t n = 0;

    do
        args[n++] = pa_expr(a, 0);
    while (n < 3 && mlci_lex_take(a->x, ","));
    mlci_lex_want(a->x, ")");
    if (t->status != MLC_OK)
        return NULL;
    if (n == 1 && mlci_dtype_parse(name, &type))
        return mlci_x_cast(t, type, args[0]);
    if (n == 1 && (mlci_text_is(name, "f16_bits") || mlci_text_is(name, "bf16_bits")
                   || mlci_text_is(name, "f32_bits")))
        return mlci_x_bits(t, name.p[0] == 'b' ? MLCI_DT_BF16
                              : name.p[1] == '1' ? MLCI_DT_F16 : MLCI_DT_F32, args[0]);
    for (int i = MLCI_X_MIN; i < MLCI_X_COUNT; i++)
        if (i != MLCI_X_CAST && i != MLCI_X_BITS && mlci_text_is(name, mlci_xop_table[i].name)
            && mlci_xop_table[i].operands == n)
            return mlci_x_op(t, (mlci_xop)i, args[0], args[1], args[2]);
    (void)mlci_lex_fail(a->x, "no function %.*s of %u operands",
                        (int)mlci_min(name.n, 40), name.p, n);
    return NULL;
}

static const mlci_expr *pa_named(pa_program *a)
{
    mlci_tir *t = a->x->t;
    mlci_text name = a->x->text;
    uint32_t buffer = pa_buffer(a, name);
    mlci_dim d;

    mlci_lex_next(a->x);
    if (buffer != UINT32_MAX)
        return pa_load(a, buffer);
    if (mlci_lex_take(a->x, "("))
        return pa_call(a, name);
    if (mlci_text_is(name, "inf"))
        return mlci_x_number(t, MLCI_DT_F32, (double)INFINITY);
    if (mlci_text_is(name, "true") || mlci_text_is(name, "false"))
        return mlci_x_number(t, MLCI_DT_BOOL, name.p[0] == 't');
    d = pa_symbol(a, a->x, name);
    if (d == MLCI_DIM_SAME) {
        (void)mlci_lex_fail(a->x, "unknown name \"%.*s\"", (int)mlci_min(name.n, 40), name.p);
        return NULL;
    }
    return mlci_x_dim(t, d);
}

static const mlci_expr *pa_leaf(pa_program *a)
{
    mlci_lex *x = a->x;
    const mlci_expr *e = NULL;
    double v = 0;
    int64_t k = 0;

    if (mlci_lex_take(x, "(")) {
        e = pa_expr(a, 0);
        mlci_lex_want(x, ")");
        return e;
    }
    if (mlci_lex_take(x, "-")) {
        if (x->word == MLCI_W_NUMBER && !x->whole
            && mlci_read_double(x->text.p, x->text.n, &v)) {
            mlci_lex_next(x);
            return mlci_x_number(x->t, MLCI_DT_F32, -v);
        }
        if (mlci_lex_take(x, "inf"))
            return mlci_x_number(x->t, MLCI_DT_F32, (double)-INFINITY);
        return mlci_x_op(x->t, MLCI_X_NEG, pa_expr(a, 9), NULL, NULL);
    }
    if (x->word == MLCI_W_NAME)
        return pa_named(a);
    if (x->word == MLCI_W_NUMBER && x->whole && mlci_read_int(x->text.p, x->text.n, &k))
        e = mlci_x_dim(x->t, mlci_dim_const(x->t->dims, k));
    else if (x->word == MLCI_W_NUMBER && mlci_read_double(x->text.p, x->text.n, &v))
        e = mlci_x_number(x->t, MLCI_DT_F32, v);
    else if (x->t->status == MLC_OK)
        (void)mlci_lex_fail(x, "expected a value, found \"%.*s\"",
                            (int)mlci_min(x->text.n, 40), x->text.p);
    mlci_lex_next(x);
    return e;
}

static const mlci_expr *pa_expr(pa_program *a, int least)
{
    const size_t n = sizeof pa_signs / sizeof *pa_signs;
    mlci_lex *x = a->x;
    const mlci_expr *e;

    if (++x->depth > PA_MAX_DEPTH) {
        (void)mlci_lex_fail(x, "nested more than %d deep", PA_MAX_DEPTH);
        return NULL;
    }
    e = pa_leaf(a);
    for (size_t i = 0; i < n && x->t->status == MLC_OK; i++) {
        const mlci_expr *b;

        if (pa_signs[i].binding < least || !mlci_lex_is(x, pa_signs[i].sign))
            continue;
        mlci_lex_next(x);
        b = pa_expr(a, pa_signs[i].binding + 1);
        e = pa_signs[i].swap ? mlci_x_op(x->t, pa_signs[i].op, b, e, NULL)
                             : mlci_x_op(x->t, pa_signs[i].op, e, b, NULL);
        i = SIZE_MAX;  /* from the beginning */
    }
    x->depth--;
    if (x->t->status == MLC_OK && e == NULL)
        (void)mlci_lex_fail(x, "an expression without a value");
    return e;
}

/* ---- programs ---------------------------------------------------------------------------- */

static mlci_note pa_note(mlci_lex *x)
{
    if (!mlci_lex_take(x, "@"))
        return MLCI_NOTE_NONE;
    for (int i = 1; i < MLCI_NOTE_COUNT; i++)
        if (mlci_lex_take(x, mlci_note_names[i]))
            return (mlci_note)i;
    (void)mlci_lex_fail(x, "unknown note \"%.*s\"", (int)mlci_min(x->text.n, 40), x->text.p);
    return MLCI_NOTE_NONE;
}

static void pa_rest_shape(pa_program *a, mlci_buffer *b)
{
    static const char *const names[MLCI_MAX_RANK] = { "e0", "e1", "e2", "e3" };

    for (uint32_t i = 0; i < a->rank; i++) {
        mlci_text name = { names[i], 2 };

        if (!a->has_rest)
            a->rest[i] = pa_symbol(a, a->x, name);
        if (b->rank < MLCI_MAX_RANK)
            b->dims[b->rank++] = a->rest[i];
    }
    a->has_rest = true;
}

/* "name: type" with the shape that may declare symbols. */
static void pa_declare(pa_program *a, mlci_place place)
{
    mlci_lex *x = a->x;
    mlci_buffer b = { .place = place };

    if (pa_buffer(a, x->text) != UINT32_MAX)
        (void)mlci_lex_fail(x, "two buffers called %.*s", (int)mlci_min(x->text.n, 40),
                            x->text.p);
    b.name = mlci_lex_name(x);
    mlci_lex_want(x, ":");
    if (x->t->status == MLC_OK
        && (!mlci_dtype_parse(x->text, &b.dtype) || b.dtype >= MLCI_DT_STORED))
        (void)mlci_lex_fail(x, "unknown type \"%.*s\"", (int)mlci_min(x->text.n, 40),
                            x->text.p);
    mlci_lex_next(x);
    if (mlci_lex_take(x, "[")) {
        do {
            if (mlci_lex_take(x, "..."))
                pa_rest_shape(a, &b);
            else if (b.rank == MLCI_MAX_RANK)
                (void)mlci_lex_fail(x, "more than %d dimensions", MLCI_MAX_RANK);
            else
                b.dims[b.rank++] = mlci_dim_parse(x, pa_symbol, a);
        } while (x->t->status == MLC_OK && mlci_lex_take(x, ","));
        mlci_lex_want(x, "]");
    } else if (place == MLCI_IN) {
        b.place = MLCI_SCALAR;
        if (b.dtype != MLCI_DT_F32 && b.dtype != MLCI_DT_I32 && b.dtype != MLCI_DT_U32)
            (void)mlci_lex_fail(x, "%s: a scalar is f32, i32 or u32", b.name);
    }
    b.note = pa_note(x);
    (void)mlci_program_buffer(x->t, a->p, &b);
}

static void pa_axis(pa_program *a, const char *name, mlci_dim extent, bool reduce,
                    mlci_note note)
{
    mlci_dims *d = a->x->t->dims;
    mlci_axis *axis = &a->stage->axes[a->stage->n_axes];
    int64_t most;

    if (a->stage->n_axes == MLCI_MAX_AXES) {
        (void)mlci_lex_fail(a->x, "more than %d loops", MLCI_MAX_AXES);
        return;
    }
    most = mlci_dim_known(d, extent, &most) && most > 0 ? most - 1 : INT64_MAX;
    axis->atom = mlci_dim_atom(d, mlci_dim_fresh(d, name, most));
    axis->extent = extent;
    axis->reduce = reduce;
    axis->note = note;
    a->stage->n_axes++;
}

static void pa_loops(pa_program *a)
{
    static const char *const names[MLCI_MAX_RANK] = { "a0", "a1", "a2", "a3" };
    mlci_lex *x = a->x;

    do {
        bool reduce;
        const char *name;
        mlci_dim extent;

        if (mlci_lex_take(x, "...")) {
            for (uint32_t i = 0; i < a->rank && x->t->status == MLC_OK; i++) {
                pa_axis(a, names[i], a->rest[i], false, MLCI_NOTE_NONE);
                a->rest_axes[i] = a->stage->axes[a->stage->n_axes - 1].atom;
            }
            continue;
        }
        reduce = mlci_lex_take(x, "reduce");
        if (pa_buffer(a, x->text) != UINT32_MAX)
            (void)mlci_lex_fail(x, "%.*s is a buffer", (int)mlci_min(x->text.n, 40),
                                x->text.p);
        name = mlci_lex_name(x);
        mlci_lex_want(x, "<");
        extent = mlci_dim_parse(x, pa_symbol, a);
        pa_axis(a, name, extent, reduce, pa_note(x));
    } while (x->t->status == MLC_OK && mlci_lex_take(x, ","));
    mlci_lex_want(x, ":");
}

static void pa_stage(pa_program *a)
{
    mlci_lex *x = a->x;
    mlci_stage s = { .n_axes = 0 };
    const mlci_expr *index[MLCI_MAX_RANK] = { NULL };
    uint32_t n;

    memset(a->rest_axes, 0, sizeof a->rest_axes);
    a->stage = &s;
    if (mlci_lex_take(x, "for"))
        pa_loops(a);
    s.buffer = pa_buffer(a, x->text);
    if (s.buffer == UINT32_MAX && x->t->status == MLC_OK)
        (void)mlci_lex_fail(x, "unknown buffer \"%.*s\"", (int)mlci_min(x->text.n, 40),
                            x->text.p);
    mlci_lex_next(x);
    n = mlci_lex_take(x, "[") ? pa_indices(a, index) : 0;
    memcpy(s.index, index, sizeof index);
    if (x->t->status == MLC_OK && n != a->p->buffers[s.buffer].rank)
        (void)mlci_lex_fail(x, "%s has %u dimensions, not %u", a->p->buffers[s.buffer].name,
                            a->p->buffers[s.buffer].rank, n);
    if (mlci_lex_take(x, "+="))
        s.store = MLCI_SUM;
    else if (mlci_lex_take(x, "max"))
        s.store = MLCI_LARGEST;
    else if (mlci_lex_take(x, "min"))
        s.store = MLCI_SMALLEST;
    if (s.store != MLCI_SUM)
        mlci_lex_want(x, "=");
    s.value = x->t->status == MLC_OK ? pa_expr(a, 0) : NULL;
    if (x->t->status == MLC_OK && a->p->n_stages == MLCI_MAX_STAGES)
        (void)mlci_lex_fail(x, "more than %d stages", MLCI_MAX_STAGES);
    if (x->t->status == MLC_OK)
        a->p->stages[a->p->n_stages++] = s;
    a->stage = NULL;
}

mlci_program *mlci_program_parse(mlci_lex *x, uint32_t rank)
{
    pa_program a = { .x = x, .rank = rank, .open = true };

    a.p = mlci_program_new(x->t, mlci_lex_name(x));
    if (a.p == NULL)
        return NULL;
    mlci_lex_want(x, "(");
    for (int part = 0; part < 2; part++) {
        if (part == 1) {
            mlci_lex_want(x, "->");
            mlci_lex_want(x, "(");
        }
        if (!mlci_lex_is(x, ")"))
            do
                pa_declare(&a, part == 0 ? MLCI_IN : MLCI_OUT);
            while (x->t->status == MLC_OK && mlci_lex_take(x, ","));
        mlci_lex_want(x, ")");
    }
    mlci_lex_want(x, "{");
    a.open = false;
    while (mlci_lex_take(x, "var"))
        pa_declare(&a, MLCI_LOCAL);
    while (x->t->status == MLC_OK && x->word != MLCI_W_END && !mlci_lex_is(x, "}"))
        pa_stage(&a);
    mlci_lex_want(x, "}");
    while (a.p->n_stages > 0 && a.p->n_outer < a.p->stages[0].n_axes
           && (a.p->stages[0].axes[a.p->n_outer].note == MLCI_NOTE_PARALLEL
               || a.p->stages[0].axes[a.p->n_outer].note == MLCI_NOTE_GROUP))
        a.p->n_outer++;
    if (x->t->status == MLC_OK && mlci_program_verify(x->t, a.p) != MLC_OK)
        mlci_error_prefix(x->t->err, x->t->status, a.p->name);
    return x->t->status == MLC_OK ? a.p : NULL;
}

void mlci_program_skip(mlci_lex *x, bool *has_rest, const char **end)
{
    *has_rest = false;
    while (x->t->status == MLC_OK && !mlci_lex_is(x, "}")) {
        *has_rest = *has_rest || mlci_lex_is(x, "...");
        if (x->word == MLCI_W_END)
            (void)mlci_lex_fail(x, "a program without its end");
        mlci_lex_next(x);
    }
    *end = x->p;
    mlci_lex_next(x);
}
