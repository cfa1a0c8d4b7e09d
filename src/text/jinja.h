/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja.h - an interpreter for the Jinja that chat templates are written in
 * (Jinja2 3.1 as transformers sets it up: trim_blocks, lstrip_blocks,
 * loopcontrols, the generation tag, raise_exception, strftime_now, tojson
 * without HTML escapes).
 *
 *   jinja_lex.c     text to tokens, white-space control
 *   jinja_parse.c   statements to a tree      jinja_expr.c  expressions
 *   jinja_eval.c    running the tree          jinja_call.c  macros, globals
 *   jinja_value.c   Python's values: truth, equality, order, str and repr
 *   jinja_filter.c  filters and tests         jinja_method.c  methods
 *   jinja_json.c    tojson, from JSON         jinja_table.c   names to functions
 *
 * The tree belongs to the template and is never changed; everything that a
 * rendering makes lies in an arena with a limit, and every node evaluated
 * counts against a budget, so a template can neither loop nor grow for ever.
 * After an error (run->failed) values are undefined and evaluation winds down:
 * helpers need not check for it to stay safe.
 */
#ifndef MLCI_JINJA_H
#define MLCI_JINJA_H

#include "../base/arena.h"
#include "../base/config.h"
#include "../base/json.h"

/* ---- tokens and tree --------------------------------------------------------- */

typedef enum jt_kind {
    JT_END, JT_DATA, JT_BLOCK_BEGIN, JT_BLOCK_END, JT_VAR_BEGIN, JT_VAR_END,
    JT_NAME, JT_STRING, JT_INT, JT_FLOAT, JT_OP
} jt_kind;

typedef struct jt_token {
    jt_kind   kind;
    uint32_t  line;
    mlci_text text;     /* a string's is decoded; an operator's as written    */
    double    number;
    int64_t   integer;
} jt_token;

typedef enum jn_kind {
    /* expressions */
    JN_CONST, JN_NAME, JN_LIST, JN_TUPLE, JN_DICT, JN_ATTR, JN_INDEX, JN_SLICE,
    JN_CALL, JN_FILTER, JN_TEST, JN_NOT, JN_NEG, JN_POS, JN_AND, JN_OR, JN_COND,
    JN_BINARY, JN_CONCAT, JN_COMPARE, JN_KEYWORD,
    /* statements */
    JN_DATA, JN_OUTPUT, JN_IF, JN_FOR, JN_SET, JN_SET_BLOCK, JN_MACRO,
    JN_CALL_BLOCK, JN_FILTER_BLOCK, JN_WITH, JN_BREAK, JN_CONTINUE
} jn_kind;

typedef enum jo_op {
    JO_ADD, JO_SUB, JO_MUL, JO_DIV, JO_FLOORDIV, JO_MOD, JO_POW,
    JO_EQ, JO_NE, JO_LT, JO_LE, JO_GT, JO_GE, JO_IN, JO_NOT_IN
} jo_op;

/* What a, b, c and list mean is said where the node is made (the parsers). */
typedef struct jn_node {
    jn_kind   kind;
    jo_op     op;
    uint32_t  line;
    mlci_text name;
    struct jn_node *a, *b, *c;
    struct jn_node *list;          /* items, arguments, body: linked by next  */
    struct jn_node *next;
    struct jv      *value;         /* JN_CONST                                */
} jn_node;

struct mlc_template {
    mlc_context *ctx;
    mlci_arena   arena;            /* the tree                                */
    mlci_arena   render;           /* of the last rendering                   */
    jn_node     *body;
};

/* ---- values -------------------------------------------------------------------- */

typedef enum jv_type {
    JV_UNDEFINED, JV_NONE, JV_BOOL, JV_INT, JV_FLOAT, JV_STRING, JV_LIST,
    JV_DICT, JV_NAMESPACE, JV_MACRO, JV_FUNCTION, JV_METHOD, JV_LOOP
} jv_type;

/* What Python would have in place of a list; JV_SAFE is a string that went
 * through the filter safe: adding another one to it escapes that for HTML. */
typedef enum jv_flavour { JV_PLAIN, JV_TUPLE, JV_GENERATOR, JV_SAFE } jv_flavour;

typedef struct jv {
    jv_type type;
    jv_flavour flavour;            /* of a JV_LIST or JV_STRING               */
    size_t  n;                     /* JV_STRING: bytes                        */
    union {
        bool    b;
        int64_t i;
        double  f;
        const char        *s;
        struct jv_list    *list;
        struct jv_dict    *dict;   /* JV_DICT, JV_NAMESPACE                   */
        struct jv_macro   *macro;
        struct jv_method  *method;
        struct je_loop    *loop;
        int                function; /* index in the table of globals         */
    } u;
} jv;

typedef struct jv_list { jv *items; size_t n, cap; } jv_list;
typedef struct jv_dict { jv *keys, *values; size_t n, cap; } jv_dict;

/* Variables of a block; look-ups go on in the parent. */
typedef struct je_scope {
    struct je_scope *parent;
    struct je_var { mlci_text name; jv value; struct je_var *next; } *vars;
} je_scope;

typedef struct jv_macro {
    const jn_node *node;
    je_scope      *scope;          /* where it was defined                    */
} jv_macro;

typedef struct jv_method { jv self; const struct jm_entry *entry; } jv_method;

typedef struct je_loop {
    const jv_list *items;
    size_t i;
    jv     changed;                /* last value given to loop.changed        */
} je_loop;

/* ---- a rendering ----------------------------------------------------------------- */

typedef struct je_output { char *data; size_t n, cap; } je_output;

typedef struct je_run {
    mlci_arena *arena;
    mlc_error  *err;
    je_scope   *scope;
    je_output  *out;
    int64_t     unix_time;
    uint64_t    steps;             /* left                                    */
    uint32_t    depth, value_depth, line;
    bool        failed, raised;
    mlc_status  status;
    enum { JE_ON, JE_BREAK, JE_CONTINUE } flow;
} je_run;

/* Positional arguments first, then keywords. */
typedef struct je_args {
    jv        *values;
    mlci_text *names;              /* NULL text for positional ones           */
    size_t     n, n_positional;
} je_args;

/* ---- between the files -------------------------------------------------------------- */

mlc_status mlci_jinja_lex(mlci_arena *arena, const char *text, size_t n,
                          jt_token **tokens, mlc_error *err);
mlc_status mlci_jinja_parse(mlci_arena *arena, const jt_token *tokens,
                            jn_node **body, mlc_error *err);

/* The parser's state, shared by jinja_parse.c and jinja_expr.c. */
typedef struct jp_parser {
    mlci_arena     *arena;
    const jt_token *t;             /* current token                           */
    mlc_error      *err;
    bool            failed, no_memory;
    uint32_t        depth;
    jn_node         none;   /* stands for a node when memory has run out      */
} jp_parser;

jn_node *mlci_jinja_node(jp_parser *p, jn_kind kind);
jn_node *mlci_jinja_expr(jp_parser *p);             /* with "a if b else c"     */
jn_node *mlci_jinja_expr_plain(jp_parser *p);       /* without                  */
jn_node *mlci_jinja_tuple(jp_parser *p, bool plain); /* "a, b" or just "a"      */
jn_node *mlci_jinja_filters(jp_parser *p, jn_node *a); /* "| f | g" behind a    */
jn_node *mlci_jinja_arguments(jp_parser *p);        /* "(" was read; up to ")"  */
jn_node *mlci_jinja_primary(jp_parser *p);
void     mlci_jinja_syntax(jp_parser *p, const char *what);
bool     mlci_jinja_is_op(const jp_parser *p, const char *op);
bool     mlci_jinja_is_name(const jp_parser *p, const char *name);
bool     mlci_jinja_skip_op(jp_parser *p, const char *op);
bool     mlci_jinja_skip_name(jp_parser *p, const char *name);
void     mlci_jinja_expect_op(jp_parser *p, const char *op);
mlci_text mlci_jinja_expect_name(jp_parser *p);

/* Errors inside a rendering. */
jv   mlci_jinja_fail(je_run *r, const char *fmt, ...) MLCI_PRINTF(2, 3);
jv   mlci_jinja_nomem(je_run *r);
bool mlci_jinja_step(je_run *r);   /* false when the budget is used up          */

/* jinja_eval.c */
jv   mlci_jinja_eval(je_run *r, const jn_node *n);
void mlci_jinja_exec(je_run *r, const jn_node *list);
void mlci_jinja_write(je_run *r, const char *s, size_t n);
void mlci_jinja_set(je_run *r, mlci_text name, jv value);
je_scope *mlci_jinja_push(je_run *r);

/* jinja_call.c */
jv   mlci_jinja_call(je_run *r, jv callee, const je_args *args, const jv *caller);
bool mlci_jinja_global(mlci_text name, jv *out);
je_args mlci_jinja_eval_args(je_run *r, const jn_node *list, const jv *first);
jv   mlci_jinja_capture(je_run *r, const jn_node *body);

/* jinja_value.c */
jv mlci_jv_none(void);
jv mlci_jv_bool(bool b);
jv mlci_jv_int(int64_t i);
jv mlci_jv_float(double f);
jv mlci_jv_text(const char *s, size_t n);   /* not copied */
jv mlci_jv_copy(je_run *r, const char *s, size_t n);
jv mlci_jv_list(je_run *r, size_t cap);
jv mlci_jv_dict(je_run *r, size_t cap);
void mlci_jv_append(je_run *r, jv list, jv item);
void mlci_jv_put(je_run *r, jv dict, jv key, jv value);
bool mlci_jv_get(je_run *r, jv dict, jv key, jv *out);
bool mlci_jv_true(jv v);
bool mlci_jv_equal(je_run *r, jv a, jv b);
int  mlci_jv_order(je_run *r, jv a, jv b);  /* fails for what has no order */
jv   mlci_jv_str(je_run *r, jv v);          /* Python's str()  */
jv   mlci_jv_repr(je_run *r, jv v);
bool mlci_jv_number(jv v, double *f);       /* int, float, bool */
bool mlci_jv_is(jv v, const char *text);
/* The items that a for loop would see, as a list; fails if v is not iterable. */
jv   mlci_jv_items(je_run *r, jv v);
size_t mlci_jv_length(je_run *r, jv v);
const char *mlci_jv_type_name(jv v);

/* A string that is being built. */
typedef struct jv_builder { je_run *r; char *data; size_t n, cap; } jv_builder;
void mlci_jv_add(jv_builder *b, const char *s, size_t n);
void mlci_jv_add_text(jv_builder *b, const char *s);
void mlci_jv_add_char(jv_builder *b, char c);
jv   mlci_jv_built(jv_builder *b);

/* jinja_attr.c: a.b and a[b], slices; characters of strings. */
jv mlci_jinja_attr(je_run *r, jv v, mlci_text name);
jv mlci_jinja_index(je_run *r, jv v, jv key);
jv mlci_jinja_slice(je_run *r, jv v, jv from, jv to, jv step);

/* jinja_json.c */
jv mlci_jv_from_json(je_run *r, const mlci_json *j);
jv mlci_jinja_tojson(je_run *r, jv v, const je_args *args);

/* jinja_filter.c, jinja_seq.c, jinja_test.c, jinja_method.c; args->values[0] is
 * the value that the filter, test or method is applied to. */
typedef jv jf_fn(je_run *r, const je_args *args);
typedef struct jf_entry { const char *name; jf_fn *fn; } jf_entry;
typedef struct jm_entry { jv_type type; const char *name; jf_fn *fn; } jm_entry;

jv   mlci_jinja_escape(je_run *r, jv v);            /* & < > " ' for HTML       */
jf_fn *mlci_jinja_find_filter(mlci_text name);
jf_fn *mlci_jinja_find_test(mlci_text name);
const jm_entry *mlci_jinja_find_method(jv_type type, mlci_text name);
extern const jf_entry mlci_jinja_seq_filters[];   /* ends with a NULL name      */

/* The i-th argument behind the value, or the one with this name; missing if
 * there is none. */
jv mlci_jinja_arg(const je_args *args, size_t i, const char *name, jv missing);
jv mlci_jinja_attr_path(je_run *r, jv v, jv path);  /* "a.b.0", as sort has it */
bool mlci_jinja_is_space(int32_t cp);               /* Python's str.isspace    */

#endif
