/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_panel.c - what decodes panels (kernels/defs/panels.tir), over the lanes that the
 * file which includes it has: PN(load), PN(bits), PN(to_float), ... (kernels/weight/
 * panel_decode.h says what each must do).
 *
 * One function a program: a pointer for each of its arrays of two axes, which the caller
 * has moved to its first lane; a register for each array of one; the number of the first
 * axis, a constant once the function is inlined.
 */
#include "emit.h"

#include <string.h>

/* Is e this operation on a number?  The number is v. */
static bool pa_with(const mlci_expr *e, mlci_xop op, double *v)
{
    if (e->op != op || e->args[1]->op != MLCI_X_NUMBER)
        return false;
    *v = e->args[1]->number;
    return true;
}

/* A number, or an expression of the first axis. */
static void pa_int(kg_writer *w, const mlci_expr *e)
{
    while (e->op == MLCI_X_CAST)
        e = e->args[0];
    if (e->op == MLCI_X_NUMBER)
        mlci_buf_format(w->out, "%lld", (long long)e->number);
    else if (e->op == MLCI_X_DIM) {
        mlci_buf_text(w->out, "(int)(");
        kg_index(w, e->dim);
        mlci_buf_char(w->out, ')');
    } else {
        mlci_tir_fail(w->t, MLC_EUNSUPPORTED, "%s: a number that lanes decide", w->p->name);
    }
}

static bool pa_is_int(const mlci_expr *e)
{
    while (e->op == MLCI_X_CAST)
        e = e->args[0];
    return e->op == MLCI_X_NUMBER || e->op == MLCI_X_DIM;
}

/* PN(what)(lanes in memory). */
static void pa_load(kg_writer *w, const char *what, const mlci_expr *e)
{
    const mlci_buffer *b = &w->p->buffers[e->buffer];

    mlci_buf_format(w->out, "PN(%s)(%s + %u * (", what, b->name,
                    mlci_dtype_table[b->dtype].bytes);
    kg_index(w, b->dims[1]);
    mlci_buf_text(w->out, ") * ");
    pa_int(w, e->index[0]);
    mlci_buf_char(w->out, ')');
}

/* A field of bytes: bits [from, from + width) of a load, moved to bit `to`. */
typedef struct pa_field {
    const mlci_expr *load, *from;
    int              to, width;
} pa_field;

static bool pa_find_field(const mlci_expr *e, pa_field *f)
{
    double v;

    f->to = 0;
    f->from = NULL;
    if (pa_with(e, MLCI_X_SHL, &v)) {
        f->to = (int)v;
        e = e->args[0];
    }
    if (!pa_with(e, MLCI_X_AND, &v))
        return false;
    f->width = v == 1 ? 1 : v == 3 ? 2 : v == 15 ? 4 : 0;
    e = e->args[0];
    if (e->op == MLCI_X_SHR && pa_is_int(e->args[1])) {
        f->from = e->args[1];
        e = e->args[0];
    }
    f->load = e;
    return e->op == MLCI_X_LOAD && f->width > 0;
}

static void pa_bytes(kg_writer *w, const mlci_expr *e);

static void pa_write_field(kg_writer *w, const pa_field *f)
{
    pa_load(w, "load", f->load);
    mlci_buf_text(w->out, ", ");
    if (f->from != NULL)
        pa_int(w, f->from);
    else
        mlci_buf_char(w->out, '0');
    mlci_buf_format(w->out, ", %d, %d)", f->to, f->width);
}

/* Bytes: fields of loads, put together, and one look-up in 16 levels. */
static void pa_bytes(kg_writer *w, const mlci_expr *e)
{
    pa_field f;

    while (e->op == MLCI_X_CAST)
        e = e->args[0];
    if (e->op == MLCI_X_LOAD && w->p->buffers[e->buffer].rank == 1) {
        mlci_buf_format(w->out, "PN(look_up)(%s, ", w->p->buffers[e->buffer].name);
        pa_bytes(w, e->index[0]);
        mlci_buf_char(w->out, ')');
    } else if (e->op == MLCI_X_LOAD) {
        pa_load(w, "load", e);
    } else if (e->op == MLCI_X_OR && pa_find_field(e->args[1], &f)) {
        mlci_buf_text(w->out, "PN(or_bits)(");
        pa_bytes(w, e->args[0]);
        mlci_buf_text(w->out, ", ");
        pa_write_field(w, &f);
    } else if (pa_find_field(e, &f)) {
        mlci_buf_text(w->out, "PN(bits)(");
        pa_write_field(w, &f);
    } else {
        mlci_tir_fail(w->t, MLC_EUNSUPPORTED, "%s: %s of bytes", w->p->name,
                      mlci_xop_table[e->op].name);
    }
}

/* Floats and dwords: PN(op)(operands). */
static void pa_wide(kg_writer *w, const mlci_expr *e)
{
    static const char *const names[MLCI_X_COUNT] = {
        [MLCI_X_SUB] = "sub", [MLCI_X_AND] = "and", [MLCI_X_SHR] = "shr",
        [MLCI_X_SHL] = "shl", [MLCI_X_MUL] = "mul", [MLCI_X_NEG] = "neg",
    };
    const mlci_buffer *b = &w->p->buffers[e->buffer];
    const char *name = names[e->op];

    if (e->op == MLCI_X_LOAD && b->rank == 1) {
        mlci_buf_text(w->out, b->name);
        return;
    }
    if (e->op == MLCI_X_LOAD) {
        pa_load(w, b->dtype == MLCI_DT_F16 ? "halves" : b->dtype == MLCI_DT_I8 ? "signed"
                   : "unsigned", e);
        return;
    }
    if (e->op == MLCI_X_NUMBER) {
        mlci_buf_format(w->out, "PN(all)(%lld)", (long long)e->number);
        return;
    }
    if (e->op == MLCI_X_CAST && e->dtype != MLCI_DT_F32) {
        pa_wide(w, e->args[0]);
        return;
    }
    if (e->op == MLCI_X_SELECT && e->args[0]->op == MLCI_X_LT) {
        mlci_buf_text(w->out, "PN(select_less)(");
        for (int i = 0; i < 4; i++) {
            mlci_buf_text(w->out, i > 0 ? ", " : "");
            pa_wide(w, i < 2 ? e->args[0]->args[i] : e->args[i - 1]);
        }
        mlci_buf_char(w->out, ')');
        return;
    }
    if (e->op == MLCI_X_CAST)
        name = "to_float";
    else if (e->op == MLCI_X_BITS && e->from == MLCI_DT_F32)
        name = "as_float";
    else if (name == NULL)
        mlci_tir_fail(w->t, MLC_EUNSUPPORTED, "%s: %s of lanes", w->p->name,
                      mlci_xop_table[e->op].name);
    mlci_buf_format(w->out, "PN(%s)(", name);
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++) {
        mlci_buf_text(w->out, i > 0 ? ", " : "");
        pa_wide(w, e->args[i]);
    }
    mlci_buf_char(w->out, ')');
}

void kg_emit_panel(mlci_tir *t, const mlci_program *p, mlci_buf *out)
{
    const mlci_stage *s = &p->stages[0];
    kg_writer w = { .t = t, .language = KG_C, .p = p, .s = s, .out = out };
    bool bytes;

    if (p->n_stages != 1 || p->n_outs != 1 || s->n_axes != 2 || s->store != MLCI_STORE) {
        mlci_tir_fail(t, MLC_EUNSUPPORTED, "%s: not one loop over two axes", p->name);
        return;
    }
    bytes = p->buffers[s->buffer].dtype == MLCI_DT_U8;
    mlci_buf_format(out, "MLCI_INLINE PN(%s) PN(%s)(", bytes ? "v8" : "vf", p->name);
    for (uint32_t i = 0; i < p->n_params; i++) {
        const mlci_buffer *b = &p->buffers[i];

        mlci_buf_format(out, b->rank == 2 ? "const uint8_t *%s, "
                             : b->dtype == MLCI_DT_U8 ? "PN(levels) %s, " : "PN(vf) %s, ",
                        b->name);
    }
    mlci_buf_format(out, "int %s)\n{\n    return ",
                    t->dims->atoms[s->axes[0].atom].name);
    (bytes ? pa_bytes : pa_wide)(&w, s->value);
    mlci_buf_text(out, ";\n}\n");
}
