/* SPDX-License-Identifier: Apache-2.0
 *
 * tir.h - tensor programs: loop nests over buffers.
 *
 * A program has buffers (inputs, outputs, locals), scalar parameters and a list of
 * stages, computed one after another.  A stage is one loop nest with one store
 * in the middle:
 *
 *   program rms_norm(x: f32[n, d], g: f32[d], eps: f32) -> (y: f32[n, d]) {
 *       var s: f32[n]
 *       for i < n, reduce k < d: s[i] += x[i, k] * x[i, k]
 *       for i < n, j < d: y[i, j] = x[i, j] * rsqrt(s[i] / f32(d) + eps) * g[j]
 *   }
 *
 * Axes are spatial or reductions; a store that reduces (+=, max=, min=) begins
 * from the operation's neutral element, so it needs no initialisation.  Sizes are
 * dims (dim.h) over the program's own symbols, which a call binds; index
 * expressions are dims too wherever no data decides them, so two of them can be
 * compared by number.  All sums may be computed in any order and any precision
 * of at least float32.
 *
 * Programs and expressions do not change once they are built; transformations
 * make new ones.  Everything lies in one arena.  After a failure tir->status is
 * set and further calls do nothing.
 */
#ifndef MLCI_TIR_H
#define MLCI_TIR_H

#include "../../base/buf.h"
#include "../dim.h"
#include "../dtype.h"

enum { MLCI_MAX_RANK = 4, MLCI_MAX_AXES = 8, MLCI_MAX_BUFFERS = 24, MLCI_MAX_STAGES = 24 };

/* ---- expressions --------------------------------------------------------------- */

/* X(NAME, text, operands, kind): kind says what types it takes.
 *   ARITH numbers of one type   INT integers   COMPARE -> bool   LOGIC bool
 *   FLOAT f32                   other: see below */
#define MLCI_XOPS(X)                                                           \
    X(NUMBER, "number", 0, LEAF)  /* value of the node's type              */  \
    X(DIM, "dim", 0, LEAF)        /* index: a dim over symbols and axes    */  \
    X(SCALAR, "scalar", 0, LEAF)  /* a scalar parameter                    */  \
    X(LOAD, "load", 0, LEAF)      /* an element of a buffer                */  \
    X(ADD, "+", 2, ARITH)   X(SUB, "-", 2, ARITH)    X(MUL, "*", 2, ARITH)     \
    X(DIV, "/", 2, ARITH)   /* integers: towards minus infinity            */  \
    X(MOD, "%", 2, INT)     X(AND, "&", 2, BITS)     X(OR, "|", 2, BITS)       \
    X(XOR, "^", 2, BITS)    X(SHL, "<<", 2, INT)     X(SHR, ">>", 2, INT)      \
    X(LT, "<", 2, COMPARE)  X(LE, "<=", 2, COMPARE)                            \
    X(EQ, "==", 2, COMPARE) X(NE, "!=", 2, COMPARE)                            \
    X(MIN, "min", 2, ARITH) X(MAX, "max", 2, ARITH)  X(POW, "pow", 2, FLOAT)   \
    X(SELECT, "select", 3, SELECT)  /* only the chosen operand is computed */  \
    X(CAST, "cast", 1, CAST)  /* to the node's type: towards zero, wrapping */ \
    X(BITS, "bits", 1, CAST)  /* the bits of an integer as f16, bf16, f32  */  \
    X(NEG, "neg", 1, ARITH) X(ABS, "abs", 1, ARITH)                            \
    X(EXP, "exp", 1, FLOAT) X(LOG, "log", 1, FLOAT)  X(SQRT, "sqrt", 1, FLOAT) \
    X(RSQRT, "rsqrt", 1, FLOAT) X(TANH, "tanh", 1, FLOAT)                      \
    X(SIN, "sin", 1, FLOAT) X(COS, "cos", 1, FLOAT)  X(ERF, "erf", 1, FLOAT)   \
    X(FLOOR, "floor", 1, FLOAT) X(ROUND, "round", 1, FLOAT)

typedef enum mlci_xop {
#define X(name, text, operands, kind) MLCI_X_##name,
    MLCI_XOPS(X)
#undef X
    MLCI_X_COUNT
} mlci_xop;

typedef enum mlci_xkind {
    MLCI_XK_LEAF, MLCI_XK_ARITH, MLCI_XK_INT, MLCI_XK_BITS, MLCI_XK_COMPARE,
    MLCI_XK_FLOAT, MLCI_XK_SELECT, MLCI_XK_CAST
} mlci_xkind;

typedef struct mlci_xop_info {
    const char *name;
    uint32_t    operands;
    mlci_xkind  kind;
} mlci_xop_info;

extern const mlci_xop_info mlci_xop_table[MLCI_X_COUNT];

typedef struct mlci_expr mlci_expr;
struct mlci_expr {
    mlci_xop   op;
    mlci_dtype dtype;           /* of the value: f32, i32, u32, index, bool    */
    mlci_dtype from;            /* BITS: what the bits are                     */
    uint32_t   buffer;          /* LOAD, SCALAR: number in the program         */
    mlci_dim   dim;             /* DIM                                         */
    double     number;          /* NUMBER; integers are exact                  */
    const mlci_expr *args[3];
    const mlci_expr *index[MLCI_MAX_RANK];  /* LOAD: index each                */
};

/* ---- programs ------------------------------------------------------------------ */

typedef enum mlci_place { MLCI_IN, MLCI_OUT, MLCI_LOCAL, MLCI_SCALAR } mlci_place;

/* What a schedule says of an axis or a local. */
typedef enum mlci_note {
    MLCI_NOTE_NONE, MLCI_NOTE_PARALLEL, MLCI_NOTE_VECTORIZE, MLCI_NOTE_UNROLL,
    MLCI_NOTE_GROUP,            /* bound to the number of a thread group       */
    MLCI_NOTE_THREAD,           /* bound to the threads of a group             */
    MLCI_NOTE_REGISTER,         /* local: one value per point of outer axes    */
    MLCI_NOTE_INLINE,           /* local: computed where it is used            */
    MLCI_NOTE_COUNT
} mlci_note;

extern const char *const mlci_note_names[MLCI_NOTE_COUNT];

typedef struct mlci_buffer {
    const char *name;
    mlci_place  place;
    mlci_dtype  dtype;
    mlci_note   note;
    uint32_t    rank;
    mlci_dim    dims[MLCI_MAX_RANK];
} mlci_buffer;

typedef struct mlci_axis {
    uint32_t  atom;             /* its symbol                                  */
    mlci_dim  extent;           /* runs over 0 <= axis < extent                */
    bool      reduce;
    mlci_note note;
} mlci_axis;

typedef enum mlci_store { MLCI_STORE, MLCI_SUM, MLCI_LARGEST, MLCI_SMALLEST } mlci_store;

typedef struct mlci_stage {
    mlci_axis  axes[MLCI_MAX_AXES];
    uint32_t   n_axes;
    mlci_store store;
    uint32_t   buffer;
    const mlci_expr *index[MLCI_MAX_RANK];
    const mlci_expr *value;
} mlci_stage;

/* What a program does with its inputs, computed from its accesses; the later the
 * less can be fused. */
typedef enum mlci_pattern {
    MLCI_ELEMENTWISE,     /* every input read where the output is written      */
    MLCI_BROADCAST,       /* some at a selection of the output's axes, in order */
    MLCI_INJECTIVE,       /* elsewhere, but each output needs no loop          */
    MLCI_REDUCTION,       /* a loop over what one output needs                 */
    MLCI_OUT_FUSIBLE,     /* a contraction: the sum over a product, of which a
                             factor is the same for many outputs               */
    MLCI_OPAQUE,          /* writes where data says, in parts, or twice        */
    MLCI_PATTERN_COUNT
} mlci_pattern;

typedef struct mlci_program {
    const char  *name;
    mlci_buffer *buffers;       /* parameters in order, outputs, then locals   */
    uint32_t     n_buffers, n_params, n_outs;
    mlci_stage  *stages;
    uint32_t     n_stages;
    uint32_t     n_outer;       /* scheduled: leading axes all stages share    */
    mlci_pattern pattern;       /* of one from the library                     */
    bool         rowwise;       /* mlci_program_rowwise, likewise              */
} mlci_program;

typedef struct mlci_tir {
    mlci_arena *arena;
    mlci_dims  *dims;
    mlc_error  *err;
    mlc_status  status;
    /* Not 0: the interpreter's float operations are each off at random, by up to two
     * units of float32, and overflow as it does.  Tests learn from it how far off a
     * kernel may be. */
    uint64_t    noise;
} mlci_tir;

mlc_status mlci_tir_fail(mlci_tir *t, mlc_status status, const char *fmt, ...)
    MLCI_PRINTF(3, 4);

/* ---- building (expr.c); results are typed, operands adapted to each other -------- */

const mlci_expr *mlci_x_number(mlci_tir *t, mlci_dtype type, double v);
const mlci_expr *mlci_x_dim(mlci_tir *t, mlci_dim d);
const mlci_expr *mlci_x_load(mlci_tir *t, const mlci_program *p, uint32_t buffer,
                             const mlci_expr *const *index);
const mlci_expr *mlci_x_op(mlci_tir *t, mlci_xop op, const mlci_expr *a,
                           const mlci_expr *b, const mlci_expr *c);
const mlci_expr *mlci_x_cast(mlci_tir *t, mlci_dtype to, const mlci_expr *a);
const mlci_expr *mlci_x_bits(mlci_tir *t, mlci_dtype from, const mlci_expr *a);

/* A program with room for the most buffers and stages. */
mlci_program *mlci_program_new(mlci_tir *t, const char *name);
uint32_t mlci_program_buffer(mlci_tir *t, mlci_program *p, const mlci_buffer *b);

/* Which of the program's scalars the parameter is. */
static inline uint32_t mlci_program_scalar(const mlci_program *p, uint32_t param)
{
    uint32_t before = 0;

    for (uint32_t i = 0; i < param; i++)
        before += p->buffers[i].place == MLCI_SCALAR;
    return before;
}

/* Rewriting: each symbol by map (as mlci_dim_subst), each load by load(), which
 * gives NULL to keep it; loads' buffers are numbers in the new program. */
typedef struct mlci_rewrite {
    const mlci_dim *map;
    uint32_t        n_map;
    const mlci_expr *const *exprs;  /* [n_map] or NULL: atoms that become a value
                                       only data knows                            */
    const mlci_expr *(*load)(void *user, mlci_tir *t, const mlci_expr *load,
                             const mlci_expr *const *index);
    void           *user;
} mlci_rewrite;

const mlci_expr *mlci_x_rewrite(mlci_tir *t, const mlci_expr *e, const mlci_rewrite *r);

/* Are they the same value by construction? */
bool mlci_x_same(const mlci_expr *a, const mlci_expr *b);

/* Every load and scalar of the expression, indices included. */
typedef void mlci_load_fn(void *user, const mlci_expr *load);
void mlci_x_loads(const mlci_expr *e, mlci_load_fn *fn, void *user);

/* ---- whole programs -------------------------------------------------------------- */

/* Types, bounds of indices where they can be proved, axes used, single writers. */
mlc_status mlci_program_verify(mlci_tir *t, const mlci_program *p);

void mlci_program_print(const mlci_tir *t, const mlci_program *p, mlci_buf *out);
void mlci_x_print(const mlci_tir *t, const mlci_program *p, const mlci_expr *e,
                  mlci_buf *out);

/* A copy with symbols and axes of its own.  With names, they and the buffers are
 * called by number (s0, i0, b0) in order of appearance: two programs that do the
 * same have the same text.  symbols (may be NULL) gets the copy's symbols' atoms
 * and map the original's, both in that order; n how many. */
enum { MLCI_MAX_PROGRAM_SYMBOLS = 32 };
typedef struct mlci_symbols {
    uint32_t old[MLCI_MAX_PROGRAM_SYMBOLS], atoms[MLCI_MAX_PROGRAM_SYMBOLS];
    uint32_t n;
} mlci_symbols;
mlci_program *mlci_program_copy(mlci_tir *t, const mlci_program *p, bool names,
                                mlci_symbols *symbols);
/* Free symbols of a program in order of appearance. */
mlc_status mlci_program_symbols(mlci_tir *t, const mlci_program *p, mlci_symbols *out);

/* ---- analysis (pattern.c) ----------------------------------------------------------- */

extern const char *const mlci_pattern_names[MLCI_PATTERN_COUNT];

mlci_pattern mlci_stage_pattern(const mlci_tir *t, const mlci_program *p,
                                const mlci_stage *s);
mlci_pattern mlci_program_pattern(const mlci_tir *t, const mlci_program *p);

/* Does row i of the outputs need no other row of any input of two or more
 * dimensions? */
bool mlci_program_rowwise(const mlci_tir *t, const mlci_program *p);

/* ---- merging and scheduling (merge.c, schedule.c) ------------------------------------- */

/* One program of a group.  values: a number for each parameter and output; equal
 * numbers are the same array (0: scalars and others that nobody shares). */
typedef struct mlci_part {
    const mlci_program *program;
    uint32_t            values[MLCI_MAX_BUFFERS];
} mlci_part;

/*
 * One program that does what the parts do, in order.  Values that a part writes
 * become locals, those in outs (n_outs) outputs, all others inputs; sizes are
 * unified, so that what two programs call n and m is one symbol where they meet.
 * values (may be NULL) gets the number of each parameter and output, and (part <<
 * 8 | parameter) in sources.  NULL without an error if sizes cannot be unified.
 */
typedef struct mlci_merged {
    mlci_program *program;
    uint32_t      values[MLCI_MAX_BUFFERS], sources[MLCI_MAX_BUFFERS];
} mlci_merged;
bool mlci_tir_merge(mlci_tir *t, const char *name, const mlci_part *parts, uint32_t n,
                    const uint32_t *outs, uint32_t n_outs, mlci_merged *out);

/* Locals that need no loop are computed where they are used.  NULL without an
 * error if the result would be too large. */
mlci_program *mlci_tir_inline(mlci_tir *t, const mlci_program *p);

typedef enum mlci_target { MLCI_TARGET_CPU, MLCI_TARGET_GPU, MLCI_TARGET_COUNT } mlci_target;

/*
 * A program as kernels are made of: leading axes that all stages share (n_outer),
 * reductions into one register for each of their points, then what is stored.
 * Notes say how the axes run on the target.  NULL without an error if it has no
 * such form (a reduction over something that is itself reduced elsewhere).
 */
mlci_program *mlci_tir_schedule(mlci_tir *t, const mlci_program *p, mlci_target target);

/* Values of a program's symbols (free, in that order) for buffers of these shapes;
 * false if the shapes do not fit it.  dims: of the parameters and outputs that are
 * no scalars, in order; UINT32_MAX as first dim: not known. */
bool mlci_program_bind(mlci_tir *t, const mlci_program *p, const mlci_symbols *free,
                       const mlci_dim (*dims)[MLCI_MAX_RANK], mlci_dim *values);

/* May a kernel compute a range of the second axis alone? */
bool mlci_program_tiled(const mlci_tir *t, const mlci_program *scheduled);

/* The text of a canonical copy, and its hash: equal for programs that do the same.
 * symbols as mlci_program_copy. */
const char *mlci_program_signature(mlci_tir *t, const mlci_program *p, uint64_t *hash,
                                   mlci_symbols *symbols);

/* ---- running (interp.c) --------------------------------------------------------------- */

/* A buffer for the interpreter: dense, in the order of its dims. */
typedef struct mlci_array {
    void       *data;
    mlci_dtype  dtype;
    uint32_t    rank;
    int64_t     dims[MLCI_MAX_RANK];
} mlci_array;

/*
 * Run a program: arrays for its parameters in order (scalars too: rank 0, f32 or
 * i32), then its outputs.  Symbols take their values from the arrays' sizes.
 * Floats are computed in double and rounded where they are stored.
 * Errors: a size that does not fit or an index outside its buffer, by name;
 * MLC_ENOMEM; MLC_ECANCELED after more than budget stores and reductions.
 */
mlc_status mlci_interpret(mlci_tir *t, mlc_context *ctx, const mlci_program *p,
                          const mlci_array *arrays, uint64_t budget);

double mlci_element_get(mlci_dtype type, const void *data, size_t i);
void   mlci_element_set(mlci_dtype type, void *data, size_t i, double v);

#endif
