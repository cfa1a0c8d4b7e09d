/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.c - kernels: the loops around stages.
 */
#include "emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const kg_suffixes[KG_LANGUAGES] = { ".c", ".cu", ".cl", ".comp" };

void kg_line(kg_writer *w, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mlci_buf_format(w->out, "%*s%s\n", (int)(4 * w->indent), "", text);
}

static void kg_indent(kg_writer *w) { mlci_buf_format(w->out, "%*s", (int)(4 * w->indent), ""); }

static const char *kg_axis_name(const kg_writer *w, const mlci_axis *a)
{
    return w->t->dims->atoms[a->atom].name;
}

static const char *kg_int(const kg_writer *w) { return w->language == KG_C ? "int64_t" : "int"; }

static const char *kg_neutral(const kg_writer *w, const mlci_stage *s)
{
    bool f = w->p->buffers[s->buffer].dtype != MLCI_DT_I32;

    return s->store == MLCI_SUM ? f ? "0.0f" : "0"
         : s->store == MLCI_LARGEST ? f ? "-KG_INF" : "(-2147483647 - 1)"
         : f ? "KG_INF" : "2147483647";
}

/* a joined with b by the store's operation. */
static void kg_join(kg_writer *w, const mlci_stage *s, const char *a, const char *b)
{
    if (s->store == MLCI_SUM)
        mlci_buf_format(w->out, "%s + %s", a, b);
    else
        mlci_buf_format(w->out, "%s %s %s ? %s : %s", b, s->store == MLCI_LARGEST ? ">" : "<",
                        a, b, a);
}

/* ---- loops --------------------------------------------------------------------------- */

/* for (name = 0; name < extent; ...); the second axis and the first may have a
 * range.  Opens a block. */
static void kg_loop(kg_writer *w, uint32_t axis, uint32_t step)
{
    const mlci_axis *a = &w->s->axes[axis];
    const char *name = kg_axis_name(w, a);

    kg_indent(w);
    if (w->language == KG_C && (axis == 0 || (axis == 1 && w->tiled)) && !a->reduce) {
        mlci_buf_format(w->out, "for (int64_t %s = a->begin[%u]; %s < a->end[%u]; %s += %u) {\n",
                        name, axis, name, axis, name, step);
    } else {
        mlci_buf_format(w->out, "for (%s %s = 0; %s < ", kg_int(w), name, name);
        kg_index(w, a->extent);
        mlci_buf_format(w->out, "; %s += %u) {\n", name, step);
    }
    w->indent++;
}

static void kg_close(kg_writer *w)
{
    w->indent--;
    kg_line(w, "}");
}

/* ---- C ------------------------------------------------------------------------------- */

/* Values that do not change along the lane are computed before the loop. */
static void kg_hoist_find(kg_writer *w, const mlci_expr *e)
{
    uint32_t at;

    if (!kg_uses(w, e, w->lane)) {
        if (e->op != MLCI_X_NUMBER && w->n_hoisted < KG_HOISTED && !kg_find_hoisted(w, e, &at))
            w->hoisted[w->n_hoisted++] = e;
        return;
    }
    for (uint32_t i = 0; i < mlci_xop_table[e->op].operands; i++)
        kg_hoist_find(w, e->args[i]);
}

static void kg_hoist_write(kg_writer *w, const mlci_expr *e)
{
    w->n_hoisted = 0;
    kg_hoist_find(w, e);
    for (uint32_t i = 0; i < w->n_hoisted; i++) {
        kg_indent(w);
        mlci_buf_format(w->out, "const v16 u%u = v_set1(", i);
        kg_scalar(w, w->hoisted[i]);
        mlci_buf_text(w->out, ");\n");
    }
}

/* Whole vectors along the axis k, or what is left behind the last of them. */
static void kg_open_vectors(kg_writer *w, const char *k, bool rest)
{
    kg_line(w, rest ? "if (%s < last) {" : "for (; %s + 16 <= last; %s += 16) {", k, k);
    w->indent++;
    w->whole = !rest;
    if (rest)
        kg_line(w, "const size_t left = (size_t)(last - %s);", k);
    kg_indent(w);
}

/* One reduction along vectors: whole ones, then the rest with neutral lanes. */
static void kg_vector_reduce(kg_writer *w, const mlci_stage *s)
{
    const mlci_axis *a = &s->axes[s->n_axes - 1];
    const char *k = kg_axis_name(w, a);

    kg_line(w, "{");
    w->indent++;
    w->lane = a->atom;
    kg_hoist_write(w, s->value);
    kg_line(w, "v16 s = v_set1(%s);", kg_neutral(w, s));
    kg_indent(w);
    mlci_buf_format(w->out, "const int64_t last = ");
    kg_index(w, a->extent);
    mlci_buf_text(w->out, ";\n");
    kg_line(w, "int64_t %s = 0;", k);
    for (int rest = 0; rest < 2; rest++) {
        kg_open_vectors(w, k, rest);
        if (!rest && s->store == MLCI_SUM && s->value->op == MLCI_X_MUL) {
            mlci_buf_text(w->out, "s = v_fma(");
            kg_vector(w, s->value->args[0]);
            mlci_buf_text(w->out, ", ");
            kg_vector(w, s->value->args[1]);
            mlci_buf_text(w->out, ", s);\n");
        } else {
            mlci_buf_format(w->out, "s = %s(%s", s->store == MLCI_SUM ? "v_add"
                            : s->store == MLCI_LARGEST ? "v_max" : "v_min",
                            rest ? "v_first(" : "");
            kg_vector(w, s->value);
            if (rest)
                mlci_buf_format(w->out, ", left, %s)", kg_neutral(w, s));
            mlci_buf_text(w->out, ", s);\n");
        }
        kg_close(w);
    }
    w->whole = false;
    kg_line(w, "r%u = %s(s);", s->buffer, s->store == MLCI_SUM ? "v_sum"
            : s->store == MLCI_LARGEST ? "v_largest" : "v_smallest");
    w->n_hoisted = 0;
    w->lane = 0;
    kg_close(w);
}

/* Plain loops; a float sum goes into eight partial ones, which compilers turn into
 * vectors. */
static void kg_scalar_reduce(kg_writer *w, const mlci_stage *s)
{
    const bool f = w->p->buffers[s->buffer].dtype != MLCI_DT_I32;
    const bool lanes = f && s->store == MLCI_SUM;
    const uint32_t last = s->n_axes - 1;
    char r[16];
    uint32_t depth = 0;

    snprintf(r, sizeof r, "r%u", s->buffer);
    if (lanes)
        kg_line(w, "float sum[8] = { 0 };");
    for (uint32_t i = w->p->n_outer; i < last + !lanes; i++, depth++)
        kg_loop(w, i, 1);
    if (lanes) {
        const char *k = kg_axis_name(w, &s->axes[last]);

        kg_indent(w);
        mlci_buf_text(w->out, "const int64_t last = ");
        kg_index(w, s->axes[last].extent);
        mlci_buf_text(w->out, ";\n");
        for (int rest = 0; rest < 2; rest++) {
            if (!rest) {
                kg_line(w, "int64_t base = 0;");
                kg_line(w, "for (; base + 8 <= last; base += 8)");
                kg_line(w, "    for (int lane = 0; lane < 8; lane++) {");
                w->indent++;
            } else {
                kg_line(w, "for (int lane = 0; base < last; base++, lane++) {");
            }
            w->indent++;
            kg_line(w, rest ? "const int64_t %s = base;" : "const int64_t %s = base + lane;", k);
            kg_indent(w);
            mlci_buf_text(w->out, "sum[lane] += ");
            kg_scalar(w, s->value);
            mlci_buf_text(w->out, ";\n");
            kg_close(w);
            w->indent -= rest ? 0 : 1;
        }
    } else {
        kg_indent(w);
        mlci_buf_format(w->out, "const %s v = ", f ? "float" : "int32_t");
        kg_scalar(w, s->value);
        mlci_buf_text(w->out, ";\n");
        kg_indent(w);
        mlci_buf_format(w->out, "%s = ", r);
        kg_join(w, s, r, "v");
        mlci_buf_text(w->out, ";\n");
    }
    while (depth-- > 0)
        kg_close(w);
    if (lanes)
        kg_line(w, "%s = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + "
                   "((sum[1] + sum[5]) + (sum[3] + sum[7]));", r);
}

/* Is the last index of the store the axis, and all else free of it? */
static bool kg_contiguous(const kg_writer *w, const mlci_stage *s, uint32_t atom)
{
    const mlci_buffer *b = &w->p->buffers[s->buffer];
    mlci_dim rest;

    if (b->rank == 0 || b->dtype != MLCI_DT_F32)
        return false;
    for (uint32_t i = 0; i + 1 < b->rank; i++)
        if (kg_uses(w, s->index[i], atom))
            return false;
    rest = mlci_dim_sub(w->t->dims, s->index[b->rank - 1]->dim,
                        mlci_dim_of(w->t->dims, atom));
    return s->index[b->rank - 1]->op == MLCI_X_DIM && !mlci_dim_uses(w->t->dims, rest, atom);
}

/* Whole vectors, then the rest. */
static void kg_vector_store(kg_writer *w, const mlci_stage *s, bool ranged)
{
    const uint32_t last = s->n_axes - 1;
    const char *k = kg_axis_name(w, &s->axes[last]);

    kg_line(w, "{");
    w->indent++;
    kg_hoist_write(w, s->value);
    kg_indent(w);
    mlci_buf_text(w->out, "const int64_t last = ");
    if (ranged)
        mlci_buf_format(w->out, "a->end[%u]", last);
    else
        kg_index(w, s->axes[last].extent);
    mlci_buf_text(w->out, ";\n");
    if (ranged)
        kg_line(w, "int64_t %s = a->begin[%u];", k, last);
    else
        kg_line(w, "int64_t %s = 0;", k);
    for (int rest = 0; rest < 2; rest++) {
        kg_open_vectors(w, k, rest);
        mlci_buf_text(w->out, rest ? "v_store_n(&" : "v_store(&");
        kg_address(w, s->buffer, s->index);
        mlci_buf_text(w->out, ", ");
        kg_vector(w, s->value);
        mlci_buf_text(w->out, rest ? ", left);\n" : ");\n");
        kg_close(w);
    }
    w->n_hoisted = 0;
    w->whole = false;
    kg_close(w);
}

static void kg_c_store(kg_writer *w, const mlci_stage *s)
{
    const uint32_t last = s->n_axes - 1;
    const bool inner = s->n_axes > w->p->n_outer;
    uint32_t depth = 0;

    w->lane = inner ? s->axes[last].atom : 0;
    if (!inner || !kg_contiguous(w, s, w->lane) || !kg_can_vector(w, s->value)) {
        w->lane = 0;
        for (uint32_t i = w->p->n_outer; i < s->n_axes; i++, depth++)
            kg_loop(w, i, 1);
        kg_indent(w);
        mlci_buf_format(w->out, "const %s v = ", s->value->dtype == MLCI_DT_F32 ? "float"
                        : "int64_t");
        kg_scalar(w, s->value);
        mlci_buf_text(w->out, ";\n");
        kg_store(w, s->buffer, s->index, "v");
    } else {
        for (uint32_t i = w->p->n_outer; i < last; i++, depth++)
            kg_loop(w, i, 1);
        kg_vector_store(w, s, last == 0 || (last == 1 && w->tiled));
    }
    w->lane = 0;
    while (depth-- > 0)
        kg_close(w);
}

/* A local that no loop computes. */
static void kg_constant(kg_writer *w, const mlci_stage *s)
{
    kg_indent(w);
    mlci_buf_format(w->out, "const float r%u = ", s->buffer);
    kg_scalar(w, s->value);
    mlci_buf_text(w->out, ";\n");
}

static void kg_register(kg_writer *w, const mlci_stage *s, bool gpu)
{
    const mlci_buffer *b = &w->p->buffers[s->buffer];

    kg_line(w, "%s r%u = %s;", b->dtype == MLCI_DT_I32 ? gpu ? "int" : "int32_t" : "float",
            s->buffer, kg_neutral(w, s));
}

static void kg_c_stage(kg_writer *w, const mlci_stage *s)
{
    const mlci_buffer *b = &w->p->buffers[s->buffer];
    char r[16];

    w->s = s;
    if (s->store == MLCI_STORE && b->place == MLCI_LOCAL) {
        kg_constant(w, s);
        return;
    }
    if (s->store == MLCI_STORE) {
        kg_line(w, "{");
        w->indent++;
        kg_c_store(w, s);
        kg_close(w);
        return;
    }
    kg_register(w, s, false);
    kg_line(w, "{");
    w->indent++;
    w->lane = s->axes[s->n_axes - 1].atom;
    if (s->n_axes == w->p->n_outer + 1 && b->dtype == MLCI_DT_F32 && kg_can_vector(w, s->value))
        kg_vector_reduce(w, s);
    else {
        w->lane = 0;
        kg_scalar_reduce(w, s);
    }
    kg_close(w);
    snprintf(r, sizeof r, "r%u", s->buffer);
    if (b->place == MLCI_OUT)
        kg_store(w, s->buffer, s->index, r);
}

static void kg_emit_c(kg_writer *w)
{
    const mlci_program *p = w->p;
    uint32_t at = 0;

    kg_line(w, "static void k_%016llx(const mlci_gen_args *a)",
            (unsigned long long)w->k->hash);
    kg_line(w, "{");
    w->indent++;
    for (uint32_t i = 0; i < p->n_params + p->n_outs; i++)
        if (p->buffers[i].place != MLCI_SCALAR) {
            kg_line(w, "%s%s *const %s = a->data[%u];", p->buffers[i].place == MLCI_IN
                    ? "const " : "", kg_type(KG_C, p->buffers[i].dtype), p->buffers[i].name, at);
            kg_line(w, "const int64_t t%u = a->stride[%u];", i, at++);
        }
    for (uint32_t i = 0; i < w->k->symbols.n; i++)
        kg_line(w, "const int64_t s%u = a->size[%u];", i, i);
    at = 0;
    for (uint32_t i = 0; i < p->n_params; i++)
        if (p->buffers[i].place == MLCI_SCALAR)
            kg_line(w, "const %s %s = a->scalar[%u].%c;", kg_type(KG_C, p->buffers[i].dtype),
                    p->buffers[i].name, at++, p->buffers[i].dtype == MLCI_DT_F32 ? 'f'
                    : p->buffers[i].dtype == MLCI_DT_I32 ? 'i' : 'u');
    w->s = &p->stages[0];
    for (uint32_t i = 0; i < p->n_outer; i++)
        kg_loop(w, i, 1);
    for (uint32_t i = 0; i < p->n_stages; i++)
        kg_c_stage(w, &p->stages[i]);
    for (uint32_t i = 0; i < p->n_outer; i++)
        kg_close(w);
    w->indent--;
    kg_line(w, "}\n");
}

/* ---- GPU ----------------------------------------------------------------------------- */

/* Loop variables of the axes [from, to) out of one number, the last running fastest. */
static void kg_unflatten(kg_writer *w, const mlci_stage *s, uint32_t from, uint32_t to, char number)
{
    for (uint32_t i = to; i-- > from;) {
        kg_indent(w);
        mlci_buf_format(w->out, "const int %s = %c", kg_axis_name(w, &s->axes[i]), number);
        if (i == from) {
            mlci_buf_text(w->out, ";\n");
            continue;
        }
        mlci_buf_text(w->out, " % (");
        kg_index(w, s->axes[i].extent);
        mlci_buf_text(w->out, ");\n");
        kg_indent(w);
        mlci_buf_format(w->out, "%c = %c / (", number, number);
        kg_index(w, s->axes[i].extent);
        mlci_buf_text(w->out, ");\n");
    }
}

/* The axes from n_outer on, shared by the threads of a group; opens a block. */
static void kg_threads(kg_writer *w, const mlci_stage *s)
{
    const uint32_t from = w->p->n_outer;

    kg_indent(w);
    mlci_buf_text(w->out, "for (int e = KG_THREAD; e < ");
    for (uint32_t i = from; i < s->n_axes; i++) {
        mlci_buf_text(w->out, i > from ? " * (" : "(");
        kg_index(w, s->axes[i].extent);
        mlci_buf_text(w->out, ")");
    }
    mlci_buf_text(w->out, from == s->n_axes ? "1" : "");
    mlci_buf_format(w->out, "; e += %d) {\n", KG_THREADS);
    w->indent++;
    if (s->n_axes > from)
        kg_line(w, "int f = e;");
    kg_unflatten(w, s, from, s->n_axes, 'f');
}

static void kg_gpu_stage(kg_writer *w, const mlci_stage *s)
{
    const mlci_buffer *b = &w->p->buffers[s->buffer];
    const char *type = b->dtype == MLCI_DT_I32 ? "int" : "float";
    const char *shared = b->dtype == MLCI_DT_I32 ? "kg_i" : "kg_f";
    char r[16];

    w->s = s;
    snprintf(r, sizeof r, "r%u", s->buffer);
    if (s->store == MLCI_STORE && b->place == MLCI_LOCAL) {
        kg_constant(w, s);
        return;
    }
    if (s->store != MLCI_STORE)
        kg_register(w, s, true);
    kg_threads(w, s);
    kg_indent(w);
    mlci_buf_format(w->out, "const %s v = ", s->value->dtype == MLCI_DT_F32 ? "float"
                    : s->value->dtype == MLCI_DT_U32 ? "uint" : "int");
    kg_scalar(w, s->value);
    mlci_buf_text(w->out, ";\n");
    if (s->store == MLCI_STORE) {
        kg_store(w, s->buffer, s->index, "v");
        kg_close(w);
        return;
    }
    kg_indent(w);
    mlci_buf_format(w->out, "%s = ", r);
    kg_join(w, s, r, "v");
    mlci_buf_text(w->out, ";\n");
    kg_close(w);
    kg_line(w, "%s[KG_THREAD] = %s;", shared, r);
    kg_line(w, "KG_BARRIER;");
    kg_line(w, "for (int h = %d; h > 0; h = h / 2) {", KG_THREADS / 2);
    kg_line(w, "    if (KG_THREAD < h) {");
    kg_line(w, "        const %s a = %s[KG_THREAD], b = %s[KG_THREAD + h];", type, shared,
            shared);
    kg_indent(w);
    mlci_buf_format(w->out, "        %s[KG_THREAD] = ", shared);
    kg_join(w, s, "a", "b");
    mlci_buf_text(w->out, ";\n");
    kg_line(w, "    }");
    kg_line(w, "    KG_BARRIER;");
    kg_line(w, "}");
    kg_line(w, "%s = %s[0];", r, shared);
    kg_line(w, "KG_BARRIER;");
    if (b->place == MLCI_OUT) {
        kg_line(w, "if (KG_THREAD == 0) {");
        w->indent++;
        kg_store(w, s->buffer, s->index, r);
        kg_close(w);
    }
}

static void kg_gpu_signature(kg_writer *w)
{
    const mlci_program *p = w->p;
    uint32_t at = 0;

    if (w->language == KG_GLSL) {
        for (uint32_t i = 0; i < p->n_params + p->n_outs; i++) {
            const mlci_buffer *b = &p->buffers[i];
            uint32_t bytes = mlci_dtype_table[b->dtype].bytes;

            if (b->place != MLCI_SCALAR)
                kg_line(w, "layout(set = 0, binding = %u) %sbuffer B%u { %s %s[]; };", at++,
                        b->place == MLCI_IN ? "readonly " : "", i,
                        bytes < 4 || b->dtype == MLCI_DT_U32 ? "uint"
                        : b->dtype == MLCI_DT_F32 ? "float" : "int", b->name);
        }
        kg_line(w, "layout(push_constant) uniform P {");
        for (uint32_t i = 0; i < w->k->symbols.n; i++)
            kg_line(w, "    int s%u;", i);
        for (uint32_t i = 0; i < p->n_params; i++)
            if (p->buffers[i].place == MLCI_SCALAR)
                kg_line(w, "    %s %s;", kg_type(KG_GLSL, p->buffers[i].dtype),
                        p->buffers[i].name);
        kg_line(w, "    int kg_groups;");
        kg_line(w, "};");
        kg_line(w, "void main()");
        return;
    }
    mlci_buf_format(w->out, w->language == KG_CUDA
                    ? "extern \"C\" __global__ void __launch_bounds__(%d) k_%016llx("
                    : "__kernel __attribute__((reqd_work_group_size(%d, 1, 1))) void k_%016llx(",
                    KG_THREADS, (unsigned long long)w->k->hash);
    for (uint32_t i = 0; i < p->n_params + p->n_outs; i++) {
        const mlci_buffer *b = &p->buffers[i];

        if (b->place == MLCI_SCALAR)
            continue;
        mlci_buf_format(w->out, "%s%s%s%s *%s %s", at++ > 0 ? ", " : "",
                        w->language == KG_OPENCL ? "__global " : "",
                        b->place == MLCI_IN ? "const " : "", kg_type(w->language, b->dtype),
                        w->language == KG_OPENCL ? "restrict" : "__restrict__", b->name);
    }
    for (uint32_t i = 0; i < w->k->symbols.n; i++)
        mlci_buf_format(w->out, ", const int s%u", i);
    for (uint32_t i = 0; i < p->n_params; i++)
        if (p->buffers[i].place == MLCI_SCALAR)
            mlci_buf_format(w->out, ", const %s %s", kg_type(w->language, p->buffers[i].dtype),
                            p->buffers[i].name);
    mlci_buf_text(w->out, ", const int kg_groups)\n");
}

static void kg_emit_gpu(kg_writer *w)
{
    const mlci_program *p = w->p;
    const mlci_stage *s = &p->stages[0];

    w->s = s;
    kg_gpu_signature(w);
    kg_line(w, "{");
    w->indent++;
    kg_line(w, "KG_SHARED");
    /* More points than groups: each takes several. */
    kg_line(w, "for (int kg_point = KG_GROUP; kg_point < kg_groups; kg_point += KG_N_GROUPS) {");
    w->indent++;
    kg_line(w, "int g = kg_point;");
    kg_unflatten(w, s, 0, p->n_outer, 'g');
    for (uint32_t i = 0; i < p->n_stages; i++)
        kg_gpu_stage(w, &p->stages[i]);
    kg_close(w);
    kg_close(w);
    mlci_buf_text(w->out, "\n");
}

void kg_emit(kg_language language, kg_kernel *k, mlci_buf *out)
{
    kg_writer w = { .t = &k->t, .language = language, .k = k, .p = k->program, .out = out };

    w.tiled = mlci_program_tiled(&k->t, k->program);
    if (language == KG_GLSL)
        kg_prelude(language, out);
    kg_line(&w, "/* %s */", k->name);
    if (language == KG_C)
        kg_emit_c(&w);
    else
        kg_emit_gpu(&w);
}
