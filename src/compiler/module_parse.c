/* SPDX-License-Identifier: Apache-2.0
 *
 * module_parse.c - reading modules, and deducing what every statement gives.
 */
#include "module.h"
#include "../base/number.h"

#include <stdio.h>
#include <string.h>

enum { TX_MAX_STMTS = 4096 };

typedef struct tx_parser {
    mlci_lex          x;
    mlci_text_module *m;
    mlci_function    *f, **end;   /* being read; where it is hung               */
    bool              open;       /* shapes may declare symbols                 */
} tx_parser;

/* ---- types ------------------------------------------------------------------------- */

static mlci_dim tx_symbol(void *user, mlci_lex *x, mlci_text name)
{
    tx_parser *p = user;

    return mlci_scope_find(&p->f->scope, x, name, p->open);
}

static void tx_dims(tx_parser *p, mlci_type *t)
{
    do {
        if (t->rank == MLCI_MAX_RANK) {
            (void)mlci_lex_fail(&p->x, "more than %d dimensions", MLCI_MAX_RANK);
            return;
        }
        t->dims[t->rank++] = mlci_lex_take(&p->x, "?") ? MLCI_DIM_ANY
                           : mlci_dim_parse(&p->x, tx_symbol, p);
    } while (p->x.t->status == MLC_OK && mlci_lex_take(&p->x, ","));
    mlci_lex_want(&p->x, "]");
}

static mlci_type tx_type(tx_parser *p, bool open)
{
    mlci_type t = { MLCI_DT_F32, 0, { 0 } };

    p->open = open;
    if (p->x.t->status == MLC_OK
        && (!mlci_dtype_parse(p->x.text, &t.dtype) || t.dtype == MLCI_DT_STORED
            || t.dtype == MLCI_DT_STATE))
        (void)mlci_lex_fail(&p->x, "unknown type \"%.*s\"", (int)mlci_min(p->x.text.n, 40),
                            p->x.text.p);
    mlci_lex_next(&p->x);
    if (mlci_lex_take(&p->x, "["))
        tx_dims(p, &t);
    p->open = false;
    return t;
}

/* ---- deduction ------------------------------------------------------------------------ */

/* Sizes of formal parameters matched with those of arguments. */
typedef struct tx_match {
    mlci_dims *d;
    mlci_dim  *map;
    uint8_t   *any;         /* by atom: its value is not known                    */
    uint32_t   n;
} tx_match;

static bool tx_uses_any(const tx_match *k, mlci_dim a)
{
    for (uint32_t i = 1; i < k->n; i++)
        if (k->any[i] && mlci_dim_uses(k->d, a, i))
            return true;
    return false;
}

static uint32_t tx_free(const tx_match *k, mlci_dim a)
{
    uint32_t n = 0;

    for (uint32_t i = 1; i < k->n; i++)
        n += k->map[i] == MLCI_DIM_SAME && k->d->atoms[i].kind == MLCI_SYMBOL
          && mlci_dim_uses(k->d, a, i);
    return n;
}

/* One pair; again: a symbol was bound.  false: they cannot be shown to be equal. */
static bool tx_pair(tx_match *k, mlci_dim formal, mlci_dim given, bool *again)
{
    mlci_dim want;
    uint32_t atom, loose;

    if (formal == MLCI_DIM_ANY)
        return true;
    want = mlci_dim_subst(k->d, formal, k->map, k->n);
    atom = mlci_dim_atom(k->d, formal);
    if (given == MLCI_DIM_ANY) {
        if (atom != 0 && atom < k->n && k->map[atom] == MLCI_DIM_SAME && !k->any[atom])
            k->any[atom] = 1, *again = true;
        return true;
    }
    if (tx_uses_any(k, formal))
        return true;
    loose = tx_free(k, formal);
    if (loose == 1 && want != given && mlci_dim_solve(k->d, want, given, k->map, k->n)) {
        *again = true;
        return true;
    }
    return loose > 0 || want == given;
}

/* The result's dim: any if it needs what nobody knows. */
static mlci_dim tx_result(const tx_match *k, mlci_dim formal)
{
    if (formal == MLCI_DIM_ANY || tx_uses_any(k, formal) || tx_free(k, formal) > 0)
        return MLCI_DIM_ANY;
    return mlci_dim_subst(k->d, formal, k->map, k->n);
}

static bool tx_match_open(tx_parser *p, tx_match *k)
{
    mlc_context *ctx = p->m->arena.ctx;

    *k = (tx_match){ &p->m->dims, NULL, NULL, p->m->dims.n_atoms };
    k->map = mlci_new(ctx, k->n, sizeof *k->map);
    k->any = mlci_new(ctx, k->n, 1);
    if (k->map == NULL || k->any == NULL) {
        mlci_tir_fail(&p->m->tir, MLC_ENOMEM, "out of memory: module");
        return false;
    }
    memset(k->map, 0xff, k->n * sizeof *k->map);
    return true;
}

static void tx_match_close(tx_parser *p, tx_match *k)
{
    mlci_delete(p->m->arena.ctx, k->map, k->n, sizeof *k->map);
    mlci_delete(p->m->arena.ctx, k->any, k->n, 1);
}

static void tx_clash(tx_parser *p, const mlci_stmt *s, uint32_t arg, const mlci_type *want,
                     const mlci_type *got)
{
    char a[96], b[96];

    mlci_type_print(&p->m->dims, want, a, sizeof a);
    mlci_type_print(&p->m->dims, got, b, sizeof b);
    (void)mlci_lex_fail(&p->x, "%s: operand %u, %s, is %s where %s is wanted (a match_cast "
                        "leaves it to the run)", s->callee, arg + 1,
                        p->f->stmts[s->args[arg]].name, b, a);
}

/* All operands against the formal types. */
static void tx_match_all(tx_parser *p, tx_match *k, const mlci_stmt *s, const mlci_type *formal)
{
    bool again = true;

    while (again && p->x.t->status == MLC_OK) {
        again = false;
        for (uint32_t i = 0; i < s->n_args; i++) {
            const mlci_type *got = &p->f->stmts[s->args[i]].type;
            bool ok = got->dtype == formal[i].dtype && got->rank == formal[i].rank;

            for (uint32_t d = 0; ok && d < got->rank; d++)
                ok = tx_pair(k, formal[i].dims[d], got->dims[d], &again);
            if (!ok) {
                tx_clash(p, s, i, &formal[i], got);
                return;
            }
        }
    }
}

static void tx_program_types(const mlci_program *q, mlci_type *formal, mlci_type *out)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < q->n_params + q->n_outs; i++) {
        const mlci_buffer *b = &q->buffers[i];
        mlci_type t = { b->dtype, b->rank, { b->dims[0], b->dims[1], b->dims[2], b->dims[3] } };

        if (b->place == MLCI_OUT)
            *out = t;
        else if (b->place == MLCI_IN)
            formal[at++] = t;
    }
}

static void tx_deduce_program(tx_parser *p, mlci_stmt *s)
{
    mlci_type formal[MLCI_MAX_BUFFERS], out = { MLCI_DT_F32, 0, { 0 } };
    uint32_t arrays = 0;
    tx_match k;

    for (uint32_t i = 0; i < s->program->n_params; i++)
        arrays += s->program->buffers[i].place == MLCI_IN;
    if (s->program->n_outs != 1 || arrays != s->n_args
        || s->program->n_params - arrays != s->n_scalars) {
        (void)mlci_lex_fail(&p->x, "%s: %u operands and %u numbers, not %u and %u", s->callee,
                            arrays, s->program->n_params - arrays, s->n_args, s->n_scalars);
        return;
    }
    tx_program_types(s->program, formal, &out);
    if (tx_match_open(p, &k)) {
        tx_match_all(p, &k, s, formal);
        for (uint32_t d = 0; d < out.rank && p->x.t->status == MLC_OK; d++)
            out.dims[d] = tx_result(&k, out.dims[d]);
    }
    tx_match_close(p, &k);
    if (s->given) {   /* call_tir said a type: it must be what the program gives    */
        for (uint32_t d = 0; d < out.rank && p->x.t->status == MLC_OK; d++)
            if (out.rank != s->type.rank || out.dtype != s->type.dtype
                || (out.dims[d] != MLCI_DIM_ANY && out.dims[d] != s->type.dims[d])) {
                char a[96], b[96];

                mlci_type_print(&p->m->dims, &out, a, sizeof a);
                mlci_type_print(&p->m->dims, &s->type, b, sizeof b);
                (void)mlci_lex_fail(&p->x, "%s gives %s, not %s", s->callee, a, b);
            }
        return;
    }
    s->type = out;
}

static void tx_deduce_call(tx_parser *p, mlci_stmt *s)
{
    const mlci_function *f = s->function;
    mlci_type formal[MLCI_MAX_ARGS];
    tx_match k;

    if (f->n_params != s->n_args || s->n_scalars > 0) {
        (void)mlci_lex_fail(&p->x, "%s: %u operands, not %u", s->callee, f->n_params, s->n_args);
        return;
    }
    for (uint32_t i = 0; i < f->n_params; i++)
        formal[i] = f->stmts[i].type;
    s->type = f->returns;
    if (tx_match_open(p, &k)) {
        tx_match_all(p, &k, s, formal);
        for (uint32_t d = 0; d < s->type.rank && p->x.t->status == MLC_OK; d++)
            s->type.dims[d] = tx_result(&k, s->type.dims[d]);
    }
    tx_match_close(p, &k);
}

/* ---- statements ------------------------------------------------------------------------- */

static uint32_t tx_value(tx_parser *p)
{
    for (uint32_t i = p->f->n_stmts; i-- > 0;)
        if (p->x.word == MLCI_W_NAME && mlci_text_is(p->x.text, p->f->stmts[i].name)) {
            mlci_lex_next(&p->x);
            return i;
        }
    if (p->x.t->status == MLC_OK)
        (void)mlci_lex_fail(&p->x, "unknown value \"%.*s\"", (int)mlci_min(p->x.text.n, 40),
                            p->x.text.p);
    return 0;
}

static mlci_stmt *tx_add(tx_parser *p, const mlci_stmt *s)
{
    mlci_function *f = p->f;

    if (p->x.t->status != MLC_OK)
        return NULL;
    if (f->n_stmts == f->cap) {
        uint32_t cap = f->cap == 0 ? 16 : f->cap * 2;
        mlci_stmt *more = cap <= TX_MAX_STMTS ? mlci_arena_new(&p->m->arena, cap, sizeof *more)
                                              : NULL;

        if (more == NULL) {
            mlci_tir_fail(&p->m->tir, MLC_ENOMEM, "function %s: too large", f->name);
            return NULL;
        }
        if (f->n_stmts > 0)
            memcpy(more, f->stmts, f->n_stmts * sizeof *more);
        f->stmts = more;
        f->cap = cap;
    }
    f->stmts[f->n_stmts] = *s;
    return &f->stmts[f->n_stmts++];
}

static void tx_arguments(tx_parser *p, mlci_stmt *s)
{
    mlci_lex *x = &p->x;

    mlci_lex_want(x, "(");
    while (x->t->status == MLC_OK && !mlci_lex_is(x, ")")) {
        bool minus = mlci_lex_take(x, "-");
        double v;

        if (x->word == MLCI_W_NUMBER) {
            if (s->n_scalars == MLCI_MAX_ARGS || !mlci_read_double(x->text.p, x->text.n, &v))
                (void)mlci_lex_fail(x, "a number that cannot be read, or too many");
            else
                s->scalars[s->n_scalars++] = (float)(minus ? -v : v);
            mlci_lex_next(x);
        } else if (s->n_args == MLCI_MAX_ARGS) {
            (void)mlci_lex_fail(x, "more than %d operands", MLCI_MAX_ARGS);
        } else {
            s->args[s->n_args++] = tx_value(p);
        }
        if (!mlci_lex_take(x, ","))
            break;
    }
    mlci_lex_want(x, ")");
}

/* An operator: the definition for the rank of its first operand. */
static void tx_operator(tx_parser *p, mlci_stmt *s)
{
    uint32_t rank = s->n_args > 0 ? p->f->stmts[s->args[0]].type.rank : 0;
    mlci_program *q = NULL;

    /* "..." may stand for all axes of the operand or for all but the last. */
    for (uint32_t less = 0; less < 2 && p->x.t->status == MLC_OK; less++) {
        const mlci_program *at;

        if (less > rank)
            break;
        at = q = mlci_library_find(&p->m->library, s->callee, rank - less);
        for (uint32_t i = 0; at != NULL && i < at->n_params; i++)
            if (at->buffers[i].place == MLCI_IN) {
                if (at->buffers[i].rank == rank)
                    less = 2;
                break;
            }
    }
    s->program = q;
    if (q == NULL && p->x.t->status == MLC_OK)
        (void)mlci_lex_fail(&p->x, "no operator, program or function %s", s->callee);
    else if (p->x.t->status == MLC_OK)
        tx_deduce_program(p, s);
}

static void tx_unique(tx_parser *p, mlci_stmt *s)
{
    const mlci_type *t = &p->f->stmts[s->args[0]].type;

    s->kind = MLCI_S_UNIQUE;
    if (s->n_args != 1 || t->dtype == MLCI_DT_SHAPE || t->rank != 1)
        (void)mlci_lex_fail(&p->x, "unique: one operand of one dimension");
    s->type = (mlci_type){ t->dtype, 1, { MLCI_DIM_ANY } };
}

static void tx_reshape(tx_parser *p, mlci_stmt *s)
{
    const mlci_type *t = &p->f->stmts[s->args[0]].type, *to = &p->f->stmts[s->args[1]].type;
    mlci_dim a = mlci_dim_const(&p->m->dims, 1), b = a;
    bool known = true;

    s->kind = MLCI_S_RESHAPE;
    if (s->n_args != 2 || to->dtype != MLCI_DT_SHAPE || t->dtype == MLCI_DT_SHAPE) {
        (void)mlci_lex_fail(&p->x, "reshape: an array and a shape");
        return;
    }
    for (uint32_t i = 0; i < t->rank; i++)
        if ((known = known && t->dims[i] != MLCI_DIM_ANY))
            a = mlci_dim_mul(&p->m->dims, a, t->dims[i]);
    for (uint32_t i = 0; i < to->rank; i++)
        if ((known = known && to->dims[i] != MLCI_DIM_ANY))
            b = mlci_dim_mul(&p->m->dims, b, to->dims[i]);
    s->callee = "reshape";
    if (known && a != b)
        tx_clash(p, s, 0, to, t);
    s->type = *to;
    s->type.dtype = t->dtype;
}

static void tx_cast(tx_parser *p, mlci_stmt *s)
{
    const mlci_type *t;

    s->kind = MLCI_S_CAST;
    s->args[s->n_args++] = tx_value(p);
    t = &p->f->stmts[s->args[0]].type;
    mlci_lex_want(&p->x, "as");
    s->type = tx_type(p, true);
    s->callee = "match_cast";
    if (p->x.t->status == MLC_OK && (t->dtype != s->type.dtype || t->rank != s->type.rank))
        tx_clash(p, s, 0, &s->type, t);
}

/* What is behind "name =". */
static void tx_expression(tx_parser *p, mlci_stmt *s)
{
    mlci_lex *x = &p->x;
    bool tir = mlci_lex_take(x, "call_tir"), call, library;

    library = !tir && mlci_lex_take(x, "call_dps_library");
    call = !tir && !library && mlci_lex_take(x, "call");
    if (!tir && !library && !call && mlci_lex_take(x, "match_cast")) {
        tx_cast(p, s);
        return;
    }
    if (!tir && !library && !call && mlci_lex_take(x, "shape")) {
        s->kind = MLCI_S_SHAPE;
        s->type.dtype = MLCI_DT_SHAPE;
        mlci_lex_want(x, "[");
        tx_dims(p, &s->type);
        return;
    }
    s->kind = library ? MLCI_S_LIBRARY : call ? MLCI_S_CALL : MLCI_S_PROGRAM;
    if (library && x->word == MLCI_W_TEXT) {
        s->callee = mlci_arena_copy(&p->m->arena, x->text.p, x->text.n);
        mlci_lex_next(x);
    } else {
        s->callee = mlci_lex_name(x);
    }
    tx_arguments(p, s);
    s->given = tir || library;
    if (s->given) {
        mlci_lex_want(x, "->");
        s->type = tx_type(p, false);
    }
    if (x->t->status != MLC_OK || library)
        return;
    if (call) {
        s->function = mlci_text_function(p->m, s->callee);
        if (s->function == NULL || s->function == p->f)
            (void)mlci_lex_fail(x, "no function %s before this one", s->callee);
        else
            tx_deduce_call(p, s);
    } else if (strcmp(s->callee, "unique") == 0 && s->n_args == 1) {
        tx_unique(p, s);
    } else if (strcmp(s->callee, "reshape") == 0 && s->n_args == 2) {
        tx_reshape(p, s);
    } else {
        tx_operator(p, s);
    }
}

static void tx_function(tx_parser *p)
{
    mlci_lex *x = &p->x;
    mlci_function *f = mlci_arena_new(&p->m->arena, 1, sizeof *f);

    if (f == NULL) {
        mlci_tir_fail(&p->m->tir, MLC_ENOMEM, "out of memory: module");
        return;
    }
    p->f = f;
    f->name = mlci_lex_name(x);
    if (mlci_text_function(p->m, f->name) != NULL)
        (void)mlci_lex_fail(x, "two functions called %s", f->name);
    mlci_lex_want(x, "(");
    while (x->t->status == MLC_OK && !mlci_lex_is(x, ")")) {
        mlci_stmt s = { .kind = MLCI_S_PARAM, .name = mlci_lex_name(x) };

        mlci_lex_want(x, ":");
        s.type = tx_type(p, true);
        if (f->n_params == MLCI_MAX_ARGS)
            (void)mlci_lex_fail(x, "more than %d parameters", MLCI_MAX_ARGS);
        f->n_params += tx_add(p, &s) != NULL;
        if (!mlci_lex_take(x, ","))
            break;
    }
    mlci_lex_want(x, ")");
    mlci_lex_want(x, "->");
    f->returns = tx_type(p, true);
    mlci_lex_want(x, "{");
    while (x->t->status == MLC_OK && !mlci_lex_is(x, "return")) {
        mlci_stmt s = { .name = mlci_lex_name(x) };

        mlci_lex_want(x, "=");
        if (x->t->status == MLC_OK)
            tx_expression(p, &s);
        (void)tx_add(p, &s);
    }
    mlci_lex_want(x, "return");
    f->result = tx_value(p);
    mlci_lex_want(x, "}");
    *p->end = f;
    p->end = &f->next;
}

/* The declared result: a size that the body knows must be the declared one; a "?"
 * in either is left to the run. */
static void tx_returns(tx_parser *p)
{
    const mlci_type *got = &p->f->stmts[p->f->result].type, *want = &p->f->returns;
    bool ok = got->dtype == want->dtype && got->rank == want->rank;
    char a[96], b[96];

    for (uint32_t d = 0; ok && d < want->rank; d++)
        ok = want->dims[d] == MLCI_DIM_ANY || got->dims[d] == MLCI_DIM_ANY
          || got->dims[d] == want->dims[d];
    if (ok)
        return;
    mlci_type_print(&p->m->dims, want, a, sizeof a);
    mlci_type_print(&p->m->dims, got, b, sizeof b);
    (void)mlci_lex_fail(&p->x, "function %s returns %s, not %s", p->f->name, b, a);
}

mlci_function *mlci_text_function(const mlci_text_module *m, const char *name)
{
    mlci_function *f = m->functions;

    while (f != NULL && strcmp(f->name, name) != 0)
        f = f->next;
    return f;
}

mlc_status mlci_text_open(mlci_text_module *m, mlc_context *ctx, const char *text, size_t n,
                          mlc_error *err)
{
    tx_parser p = { .m = m, .end = &m->functions };

    memset(m, 0, sizeof *m);
    m->err = err;
    mlci_arena_init(&m->arena, ctx, (size_t)1 << 28);
    mlci_dims_init(&m->dims, &m->arena);
    m->tir = (mlci_tir){ .arena = &m->arena, .dims = &m->dims, .err = err };
    if (mlci_library_init(&m->library, &m->tir) != MLC_OK)
        return m->tir.status;
    mlci_lex_begin(&p.x, &m->tir, text, n);
    while (m->tir.status == MLC_OK && p.x.word != MLCI_W_END) {
        if (mlci_lex_take(&p.x, "program")) {
            m->n_own += mlci_library_read(&m->library, &p.x) == MLC_OK;
        } else {
            mlci_lex_want(&p.x, "function");
            tx_function(&p);
            if (m->tir.status == MLC_OK)
                tx_returns(&p);
        }
    }
    return m->tir.status;
}

void mlci_text_close(mlci_text_module *m)
{
    if (m->arena.ctx != NULL)
        mlci_arena_reset(&m->arena);
}

/* ---- printing ------------------------------------------------------------------------------ */

static void tx_print_stmt(const mlci_text_module *m, const mlci_function *f, const mlci_stmt *s,
                          mlci_buf *out)
{
    static const char *const words[] = { "", "", "call_dps_library ", "call ", "", "match_cast ",
                                         "shape", "" };
    char type[160];

    mlci_type_print(&m->dims, &s->type, type, sizeof type);
    mlci_buf_format(out, "    %s = %s", s->name, s->kind == MLCI_S_PROGRAM && s->given
                    ? "call_tir " : words[s->kind]);
    if (s->kind == MLCI_S_CAST) {
        mlci_buf_format(out, "%s as %s\n", f->stmts[s->args[0]].name, type);
        return;
    }
    if (s->kind == MLCI_S_SHAPE) {
        mlci_buf_format(out, "%s\n", type + strlen("shape"));
        return;
    }
    mlci_buf_format(out, s->kind == MLCI_S_LIBRARY ? "\"%s\"(" : "%s(", s->callee);
    for (uint32_t i = 0; i < s->n_args; i++)
        mlci_buf_format(out, "%s%s", i > 0 ? ", " : "", f->stmts[s->args[i]].name);
    for (uint32_t i = 0; i < s->n_scalars; i++) {
        char number[MLCI_DOUBLE_CHARS];

        (void)mlci_double_text((double)s->scalars[i], number);
        mlci_buf_format(out, "%s%s", i + s->n_args > 0 ? ", " : "", number);
    }
    mlci_buf_format(out, s->given ? ") -> %s\n" : ")   # %s\n", type);
}

void mlci_text_print(mlci_text_module *m, mlci_buf *out)
{
    char type[160];

    for (uint32_t i = m->n_own; i-- > 0;)
        mlci_library_print(&m->library, i, out);
    for (uint32_t i = 0; i < m->n_made; i++)
        mlci_program_print(&m->tir, m->made[i], out);
    for (const mlci_function *f = m->functions; f != NULL; f = f->next) {
        mlci_buf_format(out, "function %s(", f->name);
        for (uint32_t i = 0; i < f->n_params; i++) {
            mlci_type_print(&m->dims, &f->stmts[i].type, type, sizeof type);
            mlci_buf_format(out, "%s%s: %s", i > 0 ? ", " : "", f->stmts[i].name, type);
        }
        mlci_type_print(&m->dims, &f->returns, type, sizeof type);
        mlci_buf_format(out, ") -> %s {\n", type);
        for (uint32_t i = f->n_params; i < f->n_stmts; i++)
            tx_print_stmt(m, f, &f->stmts[i], out);
        mlci_buf_format(out, "    return %s\n}\n", f->stmts[f->result].name);
    }
}
