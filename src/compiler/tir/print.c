/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c - tensor programs as text, and their free symbols.
 *
 * What is printed is what parse.c reads: printing, parsing and printing again
 * gives the same text.
 */
#include "tir.h"
#include "../../base/number.h"

#include <stdio.h>
#include <string.h>

const char *const mlci_note_names[MLCI_NOTE_COUNT] = {
    "", "parallel", "vectorize", "unroll", "group", "thread", "register", "inline",
};

static void tp_dim(const mlci_tir *t, mlci_dim d, mlci_buf *out)
{
    char text[256];

    mlci_dim_print(t->dims, d, text, sizeof text);
    mlci_buf_text(out, text);
}

static void tp_number(const mlci_expr *e, mlci_buf *out)
{
    char text[MLCI_DOUBLE_CHARS];

    if (e->dtype == MLCI_DT_BOOL)
        mlci_buf_text(out, e->number != 0 ? "true" : "false");
    else if (e->dtype != MLCI_DT_F32)
        mlci_buf_format(out, "%s(%lld)", mlci_dtype_table[e->dtype].name,
                        (long long)e->number);
    else
        mlci_buf_put(out, text, mlci_double_text(e->number, text));
}

/* How tightly an operator binds, as in C; calls and leaves most. */
static int tp_binding(const mlci_expr *e)
{
    switch (e->op) {
    case MLCI_X_OR: return 1;
    case MLCI_X_XOR: return 2;
    case MLCI_X_AND: return 3;
    case MLCI_X_EQ: case MLCI_X_NE: return 4;
    case MLCI_X_LT: case MLCI_X_LE: return 5;
    case MLCI_X_SHL: case MLCI_X_SHR: return 6;
    case MLCI_X_ADD: case MLCI_X_SUB: return 7;
    case MLCI_X_MUL: case MLCI_X_DIV: case MLCI_X_MOD: return 8;
    case MLCI_X_DIM: return 0;      /* may be a sum: always in brackets inside   */
    case MLCI_X_NUMBER: return e->number < 0 ? 9 : 10;
    default: return 10;
    }
}

static void tp_expr(const mlci_tir *t, const mlci_program *p, const mlci_expr *e, int least,
                    mlci_buf *out);

static void tp_list(const mlci_tir *t, const mlci_program *p, const mlci_expr *const *list,
                    uint32_t n, mlci_buf *out)
{
    for (uint32_t i = 0; i < n && list[i] != NULL; i++) {
        mlci_buf_text(out, i > 0 ? ", " : "");
        tp_expr(t, p, list[i], 0, out);
    }
}

static bool tp_plain_dim(const mlci_tir *t, const mlci_expr *e)
{
    int64_t k;

    return mlci_dim_atom(t->dims, e->dim) != 0
        || (mlci_dim_known(t->dims, e->dim, &k) && k >= 0);
}

static void tp_expr(const mlci_tir *t, const mlci_program *p, const mlci_expr *e, int least,
                    mlci_buf *out)
{
    const mlci_xop_info *info = &mlci_xop_table[e->op];
    int own = tp_binding(e);
    bool brackets = own < least && !(e->op == MLCI_X_DIM && tp_plain_dim(t, e));

    mlci_buf_text(out, brackets ? "(" : "");
    switch (e->op) {
    case MLCI_X_NUMBER: tp_number(e, out); break;
    case MLCI_X_DIM:    tp_dim(t, e->dim, out); break;
    case MLCI_X_SCALAR: mlci_buf_text(out, p->buffers[e->buffer].name); break;
    case MLCI_X_LOAD:
        mlci_buf_format(out, "%s[", p->buffers[e->buffer].name);
        tp_list(t, p, e->index, p->buffers[e->buffer].rank, out);
        mlci_buf_char(out, ']');
        break;
    case MLCI_X_CAST: case MLCI_X_BITS:
        mlci_buf_format(out, e->op == MLCI_X_CAST ? "%s(" : "%s_bits(",
                        mlci_dtype_table[e->op == MLCI_X_CAST ? e->dtype : e->from].name);
        tp_expr(t, p, e->args[0], 0, out);
        mlci_buf_char(out, ')');
        break;
    default:
        if (own == 10) {
            mlci_buf_format(out, "%s(", info->name);
            tp_list(t, p, e->args, info->operands, out);
            mlci_buf_char(out, ')');
            break;
        }
        tp_expr(t, p, e->args[0], own, out);
        mlci_buf_format(out, " %s ", info->name);
        tp_expr(t, p, e->args[1], own + 1, out);
    }
    mlci_buf_text(out, brackets ? ")" : "");
}

void mlci_x_print(const mlci_tir *t, const mlci_program *p, const mlci_expr *e, mlci_buf *out)
{
    tp_expr(t, p, e, 0, out);
}

static void tp_buffer(const mlci_tir *t, const mlci_buffer *b, mlci_buf *out)
{
    mlci_buf_format(out, "%s: %s", b->name, mlci_dtype_table[b->dtype].name);
    for (uint32_t i = 0; i < b->rank; i++) {
        mlci_buf_text(out, i == 0 ? "[" : ", ");
        tp_dim(t, b->dims[i], out);
    }
    mlci_buf_text(out, b->rank > 0 ? "]" : "");
    if (b->note != MLCI_NOTE_NONE)
        mlci_buf_format(out, " @%s", mlci_note_names[b->note]);
}

static void tp_stage(const mlci_tir *t, const mlci_program *p, const mlci_stage *s,
                     mlci_buf *out)
{
    static const char *const stores[] = { "=", "+=", "max=", "min=" };

    mlci_buf_text(out, "    ");
    for (uint32_t i = 0; i < s->n_axes; i++) {
        const mlci_axis *a = &s->axes[i];

        mlci_buf_format(out, "%s%s%s < ", i == 0 ? "for " : ", ", a->reduce ? "reduce " : "",
                        t->dims->atoms[a->atom].name);
        tp_dim(t, a->extent, out);
        if (a->note != MLCI_NOTE_NONE)
            mlci_buf_format(out, " @%s", mlci_note_names[a->note]);
    }
    mlci_buf_format(out, "%s%s", s->n_axes > 0 ? ": " : "", p->buffers[s->buffer].name);
    if (p->buffers[s->buffer].rank > 0) {
        mlci_buf_char(out, '[');
        tp_list(t, p, s->index, p->buffers[s->buffer].rank, out);
        mlci_buf_char(out, ']');
    }
    mlci_buf_format(out, " %s ", stores[s->store]);
    tp_expr(t, p, s->value, 0, out);
    mlci_buf_char(out, '\n');
}

void mlci_program_print(const mlci_tir *t, const mlci_program *p, mlci_buf *out)
{
    uint32_t i = 0;

    mlci_buf_format(out, "program %s(", p->name);
    for (; i < p->n_buffers && p->buffers[i].place != MLCI_OUT; i++) {
        mlci_buf_text(out, i > 0 ? ", " : "");
        tp_buffer(t, &p->buffers[i], out);
    }
    mlci_buf_text(out, ") -> (");
    for (uint32_t k = i; k < p->n_buffers && p->buffers[k].place == MLCI_OUT; k++) {
        mlci_buf_text(out, k > i ? ", " : "");
        tp_buffer(t, &p->buffers[k], out);
    }
    mlci_buf_text(out, ") {\n");
    for (i = p->n_params + p->n_outs; i < p->n_buffers; i++) {
        mlci_buf_text(out, "    var ");
        tp_buffer(t, &p->buffers[i], out);
        mlci_buf_char(out, '\n');
    }
    for (i = 0; i < p->n_stages; i++)
        tp_stage(t, p, &p->stages[i], out);
    mlci_buf_text(out, "}\n");
}

/* ---- symbols and copies ----------------------------------------------------------- */

static void tp_collect(mlci_tir *t, mlci_dim d, mlci_symbols *s)
{
    const mlci_poly p = t->dims->polys[d];

    for (uint32_t i = 0; i < p.n; i++)
        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && p.terms[i].factor[k] != 0; k++) {
            uint32_t atom = p.terms[i].factor[k], at = 0;
            const mlci_atom *a = &t->dims->atoms[atom];

            if (a->kind != MLCI_SYMBOL) {
                tp_collect(t, a->a, s);
                tp_collect(t, a->b, s);
                continue;
            }
            while (at < s->n && s->old[at] != atom)
                at++;
            if (at < s->n)
                continue;
            if (at == MLCI_MAX_PROGRAM_SYMBOLS) {
                mlci_tir_fail(t, MLC_EUNSUPPORTED, "a program of more than %d symbols",
                              MLCI_MAX_PROGRAM_SYMBOLS);
                return;
            }
            s->old[s->n++] = atom;
        }
}

/* Those of the buffers' shapes; then of what loops run over, which a program may
 * not use alone but its sizes decide. */
mlc_status mlci_program_symbols(mlci_tir *t, const mlci_program *p, mlci_symbols *out)
{
    out->n = 0;
    for (uint32_t i = 0; i < p->n_buffers; i++)
        for (uint32_t k = 0; k < p->buffers[i].rank; k++)
            tp_collect(t, p->buffers[i].dims[k], out);
    for (uint32_t i = 0; i < p->n_stages; i++)
        for (uint32_t k = 0; k < p->stages[i].n_axes; k++)
            tp_collect(t, p->stages[i].axes[k].extent, out);
    memcpy(out->atoms, out->old, sizeof out->atoms);
    return t->status;
}

static const char *tp_name(mlci_tir *t, char letter, uint32_t number, const char *plain,
                           bool names)
{
    char text[16];
    const char *copy;

    if (!names)
        return plain;
    snprintf(text, sizeof text, "%c%u", letter, number);
    copy = mlci_arena_copy(t->arena, text, strlen(text));
    if (copy == NULL)
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
    return copy != NULL ? copy : plain;
}

typedef struct tp_copier {
    mlci_tir *t;
    mlci_dim *map;
    uint32_t  n_map, axes, n_outer;
    bool      names;
} tp_copier;

static uint32_t tp_fresh(tp_copier *c, char letter, uint32_t number, uint32_t old)
{
    const mlci_atom a = c->t->dims->atoms[old];
    mlci_dim d = mlci_dim_fresh(c->t->dims, tp_name(c->t, letter, number, a.name, c->names),
                                a.most);

    if (old < c->n_map)
        c->map[old] = d;
    return mlci_dim_atom(c->t->dims, d);
}

static void tp_copy_stage(tp_copier *c, const mlci_stage *from, mlci_stage *to)
{
    mlci_rewrite r = { c->map, c->n_map, NULL, NULL, NULL };

    *to = *from;
    for (uint32_t i = 0; i < from->n_axes; i++) {
        to->axes[i].extent = mlci_dim_subst(c->t->dims, from->axes[i].extent, c->map,
                                            c->n_map);
        /* Outer axes of a scheduled program are the same in all its stages. */
        if (i < c->n_outer && c->map[from->axes[i].atom] != MLCI_DIM_SAME)
            to->axes[i].atom = mlci_dim_atom(c->t->dims, c->map[from->axes[i].atom]);
        else
            to->axes[i].atom = tp_fresh(c, 'i', c->axes++, from->axes[i].atom);
    }
    for (uint32_t i = 0; i < MLCI_MAX_RANK && from->index[i] != NULL; i++)
        to->index[i] = mlci_x_rewrite(c->t, from->index[i], &r);
    to->value = mlci_x_rewrite(c->t, from->value, &r);
}

mlci_program *mlci_program_copy(mlci_tir *t, const mlci_program *p, bool names,
                                mlci_symbols *symbols)
{
    tp_copier c = { .t = t, .n_map = t->dims->n_atoms, .n_outer = p->n_outer, .names = names };
    mlci_program *q = mlci_program_new(t, names ? "kernel" : p->name);
    mlci_symbols own;

    c.map = mlci_arena_new(t->arena, c.n_map, sizeof *c.map);
    if (q == NULL || c.map == NULL || mlci_program_symbols(t, p, &own) != MLC_OK) {
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
        return NULL;
    }
    memset(c.map, 0xff, c.n_map * sizeof *c.map);   /* MLCI_DIM_SAME */
    for (uint32_t i = 0; i < own.n; i++)
        own.atoms[i] = tp_fresh(&c, 's', i, own.old[i]);
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        mlci_buffer b = p->buffers[i];

        b.name = tp_name(t, 'b', i, b.name, names);
        for (uint32_t k = 0; k < b.rank; k++)
            b.dims[k] = mlci_dim_subst(t->dims, b.dims[k], c.map, c.n_map);
        (void)mlci_program_buffer(t, q, &b);
    }
    for (uint32_t i = 0; i < p->n_stages && t->status == MLC_OK; i++)
        tp_copy_stage(&c, &p->stages[i], &q->stages[q->n_stages++]);
    q->n_outer = p->n_outer;
    if (symbols != NULL)
        *symbols = own;
    return t->status == MLC_OK ? q : NULL;
}

const char *mlci_program_signature(mlci_tir *t, const mlci_program *p, uint64_t *hash,
                                   mlci_symbols *symbols)
{
    const mlci_program *q = mlci_program_copy(t, p, true, symbols);
    const char *text = NULL;
    mlci_buf b;

    if (q == NULL)
        return NULL;
    mlci_buf_init(&b, t->arena->ctx, (size_t)1 << 20);
    mlci_program_print(t, q, &b);
    if (!b.failed)
        text = mlci_arena_copy(t->arena, b.data, b.n);
    if (text == NULL)
        mlci_tir_fail(t, MLC_ENOMEM, "out of memory: tensor program");
    else
        *hash = mlci_hash(b.data, b.n, 0);
    mlci_buf_reset(&b);
    return text;
}
