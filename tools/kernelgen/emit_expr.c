/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_expr.c - expressions in each language, and what the languages lack.
 */
#include "emit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *kg_type(kg_language language, mlci_dtype type)
{
    static const char *const c[] = { "float", "uint16_t", "uint16_t", "int8_t", "uint8_t",
                                     "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t" };
    static const char *const gpu[] = { "float", "ushort", "ushort", "char", "uchar", "short",
                                       "ushort", "int", "uint", "int" };

    return language == KG_C ? c[type] : gpu[type];
}

bool kg_uses(const kg_writer *w, const mlci_expr *e, uint32_t atom)
{
    if (e->op == MLCI_X_DIM)
        return mlci_dim_uses(w->t->dims, e->dim, atom);
    for (uint32_t i = 0; i < MLCI_MAX_RANK && e->index[i] != NULL; i++)
        if (kg_uses(w, e->index[i], atom))
            return true;
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        if (kg_uses(w, e->args[i], atom))
            return true;
    return false;
}

/* ---- indices ------------------------------------------------------------------------- */

static void kx_dim(kg_writer *w, mlci_dim d);

static void kx_atom(kg_writer *w, uint16_t atom)
{
    const mlci_atom *x = &w->t->dims->atoms[atom];
    const char *op = x->kind == MLCI_QUOTIENT ? "/" : "%";
    int64_t low, high, k;
    bool plain;

    if (x->kind == MLCI_SYMBOL) {
        mlci_buf_text(w->out, x->name);
        return;
    }
    mlci_dim_range(w->t->dims, x->a, &low, &high);
    plain = low >= 0;
    if (!plain) {
        mlci_buf_format(w->out, "kg_floor_%s(", x->kind == MLCI_QUOTIENT ? "div" : "mod");
        kx_dim(w, x->a);
        mlci_buf_text(w->out, ", ");
        kx_dim(w, x->b);
        mlci_buf_text(w->out, ")");
        return;
    }
    /* Unsigned division by a constant is a shift. */
    mlci_buf_text(w->out, w->language == KG_C ? "(int64_t)((uint64_t)("
                  : w->language == KG_GLSL ? "int(uint(" : "(int)((uint)(");
    kx_dim(w, x->a);
    mlci_buf_format(w->out, ") %s ", op);
    if (mlci_dim_known(w->t->dims, x->b, &k))
        mlci_buf_format(w->out, "%lldu)", (long long)k);
    else {
        mlci_buf_text(w->out, w->language == KG_C ? "(uint64_t)(" : w->language == KG_GLSL
                      ? "uint(" : "(uint)(");
        kx_dim(w, x->b);
        mlci_buf_text(w->out, "))");
    }
}

static void kx_dim(kg_writer *w, mlci_dim d)
{
    const mlci_poly *p = &w->t->dims->polys[d];

    if (p->n == 0)
        mlci_buf_text(w->out, "0");
    for (uint32_t i = 0; i < p->n; i++) {
        const mlci_term *t = &p->terms[i];
        bool first = true;

        mlci_buf_text(w->out, t->coef < 0 ? i > 0 ? " - " : "-" : i > 0 ? " + " : "");
        if ((t->coef != 1 && t->coef != -1) || t->factor[0] == 0) {
            mlci_buf_format(w->out, "%lld", (long long)(t->coef < 0 ? -t->coef : t->coef));
            first = false;
        }
        for (uint32_t k = 0; k < MLCI_MAX_FACTORS && t->factor[k] != 0; k++) {
            mlci_buf_text(w->out, first ? "" : " * ");
            kx_atom(w, t->factor[k]);
            first = false;
        }
    }
}

void kg_index(kg_writer *w, mlci_dim d) { kx_dim(w, d); }

/* The number of an element: rows by their stride in C, else dense. */
static void kx_offset(kg_writer *w, uint32_t buffer, const mlci_expr *const *index)
{
    const mlci_buffer *b = &w->p->buffers[buffer];

    if (b->rank == 0)
        mlci_buf_text(w->out, "0");
    for (uint32_t i = 0; i < b->rank; i++) {
        if (i > 0)
            mlci_buf_text(w->out, " + ");
        mlci_buf_char(w->out, '(');
        kg_scalar(w, index[i]);
        mlci_buf_char(w->out, ')');
        if (i == 0 && w->language == KG_C) {
            mlci_buf_format(w->out, " * t%u", buffer);
            continue;
        }
        for (uint32_t k = i + 1; k < b->rank; k++) {
            mlci_buf_text(w->out, " * (");
            kx_dim(w, b->dims[k]);
            mlci_buf_char(w->out, ')');
        }
    }
}

void kg_address(kg_writer *w, uint32_t buffer, const mlci_expr *const *index)
{
    mlci_buf_format(w->out, "%s[", w->p->buffers[buffer].name);
    kx_offset(w, buffer, index);
    mlci_buf_char(w->out, ']');
}

/* ---- loads and stores ---------------------------------------------------------------- */

static void kx_load(kg_writer *w, const mlci_expr *e)
{
    const mlci_buffer *b = &w->p->buffers[e->buffer];
    uint32_t bytes = mlci_dtype_table[b->dtype].bytes;

    if (e->op == MLCI_X_SCALAR) {
        mlci_buf_text(w->out, b->name);
        return;
    }
    if (b->place == MLCI_LOCAL) {
        mlci_buf_format(w->out, "r%u", e->buffer);
        return;
    }
    if (w->language == KG_GLSL && bytes < 4) {
        static const char *const get[] = { "", "kg_f16", "kg_bf16", "kg_i8", "kg_u8", "kg_i16",
                                           "kg_u16" };

        mlci_buf_format(w->out, "%s(%s[uint(", get[b->dtype], b->name);
        kx_offset(w, e->buffer, e->index);
        mlci_buf_format(w->out, ") / %uu], ", 4 / bytes);
        kx_offset(w, e->buffer, e->index);
        mlci_buf_char(w->out, ')');
        return;
    }
    if (b->dtype == MLCI_DT_F16 || b->dtype == MLCI_DT_BF16)
        mlci_buf_text(w->out, b->dtype == MLCI_DT_F16 ? "kg_f16(" : "kg_bf16(");
    kg_address(w, e->buffer, e->index);
    if (b->dtype == MLCI_DT_F16 || b->dtype == MLCI_DT_BF16)
        mlci_buf_char(w->out, ')');
}

void kg_store(kg_writer *w, uint32_t buffer, const mlci_expr *const *index, const char *value)
{
    const mlci_buffer *b = &w->p->buffers[buffer];
    uint32_t bytes = mlci_dtype_table[b->dtype].bytes;
    const char *half = b->dtype == MLCI_DT_F16 ? "kg_to_f16"
                     : b->dtype == MLCI_DT_BF16 ? "kg_to_bf16" : NULL;

    mlci_buf_format(w->out, "%*s", (int)(4 * w->indent), "");
    if (w->language == KG_GLSL && bytes < 4) {
        /* Threads may write parts of one word. */
        mlci_buf_format(w->out, "{ uint kg_at = uint(");
        kx_offset(w, buffer, index);
        mlci_buf_format(w->out, "); uint kg_by = kg_at %% %uu * %uu; "
                        "uint kg_v = uint(%s(%s)) & %uu; "
                        "atomicAnd(%s[kg_at / %uu], ~(%uu << kg_by)); "
                        "atomicOr(%s[kg_at / %uu], kg_v << kg_by); }\n", 4 / bytes, 8 * bytes,
                        half != NULL ? half : "int", value, bytes == 1 ? 255u : 65535u, b->name,
                        4 / bytes, bytes == 1 ? 255u : 65535u, b->name, 4 / bytes);
        return;
    }
    kg_address(w, buffer, index);
    if (half != NULL)
        mlci_buf_format(w->out, " = %s(%s);\n", half, value);
    else if (w->language == KG_GLSL)
        mlci_buf_format(w->out, " = %s(%s);\n", kg_type(w->language, b->dtype), value);
    else
        mlci_buf_format(w->out, " = (%s)(%s);\n", kg_type(w->language, b->dtype), value);
}

/* ---- values -------------------------------------------------------------------------- */

static void kx_number(kg_writer *w, const mlci_expr *e)
{
    char text[40];

    if (e->dtype == MLCI_DT_F32) {
        if (isinf(e->number)) {
            mlci_buf_text(w->out, e->number > 0 ? "KG_INF" : "(-KG_INF)");
            return;
        }
        snprintf(text, sizeof text, "%.9g", (double)(float)e->number);
        mlci_buf_format(w->out, e->number < 0 ? "(%s%sf)" : "%s%sf", text,
                        strcspn(text, ".e") == strlen(text) ? ".0" : "");
    } else if (e->dtype == MLCI_DT_BOOL) {
        mlci_buf_text(w->out, w->language == KG_C ? e->number != 0 ? "1" : "0"
                      : e->number != 0 ? "true" : "false");
    } else if (e->dtype == MLCI_DT_I32 && e->number == (double)INT32_MIN) {
        mlci_buf_text(w->out, "(-2147483647 - 1)");
    } else {
        mlci_buf_format(w->out, e->dtype == MLCI_DT_U32 ? "%.0fu" : "%.0f", e->number);
    }
}

/* Names of functions: C, CUDA, OpenCL, GLSL. */
static const char *kx_function(kg_language l, mlci_xop op)
{
    static const struct { mlci_xop op; const char *names[KG_LANGUAGES]; } table[] = {
        { MLCI_X_POW,   { "powf", "powf", "pow", "pow" } },
        { MLCI_X_EXP,   { "expf", "expf", "exp", "exp" } },
        { MLCI_X_LOG,   { "logf", "logf", "log", "log" } },
        { MLCI_X_SQRT,  { "sqrtf", "sqrtf", "sqrt", "sqrt" } },
        { MLCI_X_RSQRT, { "kg_rsqrt", "rsqrtf", "rsqrt", "inversesqrt" } },
        { MLCI_X_TANH,  { "tanhf", "tanhf", "tanh", "kg_tanh" } },
        { MLCI_X_SIN,   { "sinf", "sinf", "sin", "kg_sin" } },
        { MLCI_X_COS,   { "cosf", "cosf", "cos", "kg_cos" } },
        { MLCI_X_ERF,   { "erff", "erff", "erf", "kg_erf" } },
        { MLCI_X_FLOOR, { "floorf", "floorf", "floor", "floor" } },
        { MLCI_X_ROUND, { "rintf", "rintf", "rint", "roundEven" } },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].op == op)
            return table[i].names[l];
    return NULL;
}

static void kx_call(kg_writer *w, const char *name, const mlci_expr *e)
{
    mlci_buf_format(w->out, "%s(", name);
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++) {
        mlci_buf_text(w->out, i > 0 ? ", " : "");
        kg_scalar(w, e->args[i]);
    }
    mlci_buf_char(w->out, ')');
}

static void kx_cast(kg_writer *w, const char *type, const mlci_expr *a)
{
    mlci_buf_format(w->out, w->language == KG_GLSL ? "%s(" : "((%s)(", type);
    kg_scalar(w, a);
    mlci_buf_text(w->out, w->language == KG_GLSL ? ")" : "))");
}

/* Is the amount known to be less than the width? */
static bool kx_small_shift(const kg_writer *w, const mlci_expr *n)
{
    int64_t low, high;

    if (n->op == MLCI_X_NUMBER)
        return n->number >= 0 && n->number < 32;
    while (n->op == MLCI_X_CAST)
        n = n->args[0];
    if (n->op != MLCI_X_DIM)
        return false;
    mlci_dim_range(w->t->dims, n->dim, &low, &high);
    return low >= 0 && high < 32;
}

static void kx_infix(kg_writer *w, const mlci_expr *e)
{
    const bool ints = e->args[0]->dtype != MLCI_DT_F32;
    const bool is_signed = e->dtype == MLCI_DT_I32 || e->dtype == MLCI_DT_INDEX;

    if (ints && is_signed && (e->op == MLCI_X_DIV || e->op == MLCI_X_MOD)) {
        kx_call(w, e->op == MLCI_X_DIV ? "kg_floor_div" : "kg_floor_mod", e);
        return;
    }
    if ((e->op == MLCI_X_SHL || e->op == MLCI_X_SHR) && !kx_small_shift(w, e->args[1])) {
        kx_call(w, e->dtype == MLCI_DT_U32 ? e->op == MLCI_X_SHL ? "kg_shl_u" : "kg_shr_u"
                   : e->op == MLCI_X_SHL ? "kg_shl" : "kg_shr", e);
        return;
    }
    mlci_buf_char(w->out, '(');
    kg_scalar(w, e->args[0]);
    mlci_buf_format(w->out, " %s ", e->dtype == MLCI_DT_BOOL && e->op == MLCI_X_AND ? "&&"
                    : e->dtype == MLCI_DT_BOOL && e->op == MLCI_X_OR ? "||"
                    : e->dtype == MLCI_DT_BOOL && e->op == MLCI_X_XOR ? "!="
                    : mlci_xop_table[e->op].name);
    kg_scalar(w, e->args[1]);
    mlci_buf_char(w->out, ')');
}

void kg_scalar(kg_writer *w, const mlci_expr *e)
{
    const char *name = kx_function(w->language, e->op);

    switch (e->op) {
    case MLCI_X_NUMBER: kx_number(w, e); return;
    case MLCI_X_DIM:
        mlci_buf_char(w->out, '(');
        kx_dim(w, e->dim);
        mlci_buf_char(w->out, ')');
        return;
    case MLCI_X_SCALAR: case MLCI_X_LOAD: kx_load(w, e); return;
    case MLCI_X_SELECT:
        mlci_buf_char(w->out, '(');
        kg_scalar(w, e->args[0]);
        mlci_buf_text(w->out, " ? ");
        kg_scalar(w, e->args[1]);
        mlci_buf_text(w->out, " : ");
        kg_scalar(w, e->args[2]);
        mlci_buf_char(w->out, ')');
        return;
    case MLCI_X_CAST: kx_cast(w, kg_type(w->language, e->dtype), e->args[0]); return;
    case MLCI_X_BITS:
        mlci_buf_text(w->out, e->from == MLCI_DT_F16 ? "kg_half(" : e->from == MLCI_DT_BF16
                      ? "kg_brain(" : "kg_float(");
        kx_cast(w, w->language == KG_C ? "uint32_t" : "uint", e->args[0]);
        mlci_buf_char(w->out, ')');
        return;
    case MLCI_X_NEG:
        mlci_buf_text(w->out, "(-");
        kg_scalar(w, e->args[0]);
        mlci_buf_char(w->out, ')');
        return;
    case MLCI_X_MIN: case MLCI_X_MAX: case MLCI_X_ABS:
        kx_call(w, e->op == MLCI_X_ABS ? e->dtype == MLCI_DT_F32 ? "kg_abs_f" : "kg_abs"
                   : e->dtype == MLCI_DT_F32 ? e->op == MLCI_X_MIN ? "kg_min_f" : "kg_max_f"
                   : e->op == MLCI_X_MIN ? "kg_min" : "kg_max", e);
        return;
    default:
        if (name != NULL)
            kx_call(w, name, e);
        else
            kx_infix(w, e);
    }
}

/* ---- vectors ------------------------------------------------------------------------- */

/* A load whose last index is the lane and something that stays. */
static bool kx_along(const kg_writer *w, const mlci_expr *e)
{
    const mlci_buffer *b = &w->p->buffers[e->buffer];
    mlci_dim rest;

    if (e->op != MLCI_X_LOAD || b->dtype != MLCI_DT_F32 || b->place == MLCI_LOCAL
        || e->index[b->rank - 1]->op != MLCI_X_DIM)
        return false;
    for (uint32_t i = 0; i + 1 < b->rank; i++)
        if (kg_uses(w, e->index[i], w->lane))
            return false;
    rest = mlci_dim_sub(w->t->dims, e->index[b->rank - 1]->dim,
                        mlci_dim_of(w->t->dims, w->lane));
    return !mlci_dim_uses(w->t->dims, rest, w->lane);
}

static const char *kx_vector_name(mlci_xop op)
{
    switch (op) {
    case MLCI_X_ADD: return "v_add";
    case MLCI_X_SUB: return "v_sub";
    case MLCI_X_MUL: return "v_mul";
    case MLCI_X_DIV: return "v_div";
    case MLCI_X_MIN: return "v_min";
    case MLCI_X_MAX: return "v_max";
    case MLCI_X_EXP: return "v_exp";
    case MLCI_X_TANH: return "v_tanh";
    case MLCI_X_ABS: return "v_abs";
    case MLCI_X_NEG: return "v_neg";
    default: return NULL;
    }
}

/* Vectors that lie along rank-1 buffers have stride 1 there: only the first index
 * of a buffer of higher rank has a stride, and the lane is never it. */
bool kg_can_vector(kg_writer *w, const mlci_expr *e)
{
    if (e->dtype != MLCI_DT_F32)
        return false;
    if (!kg_uses(w, e, w->lane))
        return true;
    if (e->op == MLCI_X_LOAD)
        return kx_along(w, e);
    if (kx_vector_name(e->op) == NULL)
        return false;
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        if (!kg_can_vector(w, e->args[i]))
            return false;
    return true;
}

bool kg_find_hoisted(const kg_writer *w, const mlci_expr *e, uint32_t *i)
{
    for (*i = 0; *i < w->n_hoisted; (*i)++)
        if (mlci_x_same(w->hoisted[*i], e))
            return true;
    return false;
}

void kg_vector(kg_writer *w, const mlci_expr *e)
{
    uint32_t at;

    if (!kg_uses(w, e, w->lane)) {
        if (kg_find_hoisted(w, e, &at)) {
            mlci_buf_format(w->out, "u%u", at);
            return;
        }
        mlci_buf_text(w->out, "v_set1(");
        kg_scalar(w, e);
        mlci_buf_char(w->out, ')');
        return;
    }
    if (e->op == MLCI_X_LOAD) {
        mlci_buf_text(w->out, w->whole ? "v_load(&" : "v_load_n(&");
        kg_address(w, e->buffer, e->index);
        mlci_buf_text(w->out, w->whole ? ")" : ", left)");
        return;
    }
    if (e->op == MLCI_X_ADD && e->args[0]->op == MLCI_X_MUL) {
        mlci_buf_text(w->out, "v_fma(");
        kg_vector(w, e->args[0]->args[0]);
        mlci_buf_text(w->out, ", ");
        kg_vector(w, e->args[0]->args[1]);
        mlci_buf_text(w->out, ", ");
        kg_vector(w, e->args[1]);
        mlci_buf_char(w->out, ')');
        return;
    }
    mlci_buf_format(w->out, "%s(", kx_vector_name(e->op));
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++) {
        mlci_buf_text(w->out, i > 0 ? ", " : "");
        kg_vector(w, e->args[i]);
    }
    mlci_buf_char(w->out, ')');
}
