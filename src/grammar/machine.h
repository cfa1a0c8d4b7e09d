/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.h - an automaton with a stack that reads JSON byte by byte and knows after
 * each whether the text so far may still become a value of a schema.
 *
 * A state is a number: a frame (what is being read: a value, a text, a name, ...) and the
 * state that waits below it.  Equal states have equal numbers, so steps are remembered.
 *
 * What is wanted of a value is a list of formulas of which exactly one will hold: the
 * frame below says for each of them how it goes on (`pending`).  One formula is the rule;
 * several come of anyOf, oneOf, not, if, contains, which learn only later what was true.
 *
 *   { "a": 1      object frame: [F]             F says what is wanted of the whole object
 *                 member "a" splits it: the value fits A -> F1, or does not -> F2
 *                 value frame: [A, not A], below it: [[F1], [F2]]
 */
#ifndef MLCI_MACHINE_H
#define MLCI_MACHINE_H

#include "cfg.h"
#include "schema.h"

typedef uint32_t mlci_state;
enum { MLCI_DEAD = 0 };

/* The names that an object may have by name, in order of their bytes; patterns of names. */
typedef struct mlci_shape {
    uint32_t *names, n;
    struct mlci_rank { uint32_t name, rank; } *ranks;   /* [n_ranks] by name; 0: any order */
    uint32_t  n_ranks;
    mlci_rx  *patterns;
    uint32_t  n_patterns;
} mlci_shape;

typedef struct mlci_machine {
    mlci_schema *s;
    mlci_cfg     cfg;                 /* of a context-free grammar                      */
    struct mlci_tags *tags;           /* of structural tags (tags.h); the caller's      */
    mlci_shape  *shapes;
    size_t       n_shapes, cap_shapes;
    mlci_map     steps;               /* state, byte: state                            */
    struct mlci_near { uint32_t key; mlci_state to; } *near_;   /* the last of them    */
    mlci_map     only;                /* formula, type: formula                        */
    mlci_map     memo;                /* several questions: see the enum in machine.c   */
    mlci_map     divisible;           /* number_state.c: language, what is left over   */
    const uint8_t *text;              /* all bytes so far, when a step may look back   */
    size_t       n_text;
    bool         impure;              /* the last step looked back: not to be kept     */
    bool         trying;              /* the text behind is a token's that may not come */
    bool         guessed;             /* judge.c: an answer rests on an open question  */
    uint32_t     asking;              /* how many are open                             */
    bool         too_complex;         /* a limit was reached: the state is dead        */
    mlci_state   start;
} mlci_machine;

mlc_status mlci_machine_open(mlci_machine *m, mlci_schema *s, mlc_error *err);
/* One of a language of texts (with its end) instead of a JSON value. */
mlc_status mlci_machine_open_text(mlci_machine *m, mlci_schema *s, mlci_rx language,
                                  mlc_error *err);
/* A text of a context-free grammar; notation: of cfg.h.  end: what follows it, or NULL. */
mlc_status mlci_machine_open_cfg(mlci_machine *m, mlci_schema *s, const char *text, size_t n,
                                 int notation, const mlci_name *end, mlc_error *err);
/* Free text and tags, which stay the caller's. */
mlc_status mlci_machine_open_tags(mlci_machine *m, mlci_schema *s, struct mlci_tags *tags,
                                  mlc_error *err);
void       mlci_machine_close(mlci_machine *m);
size_t     mlci_machine_bytes(const mlci_machine *m);

/* The state after a byte, MLCI_DEAD if it cannot come. */
mlci_state mlci_machine_step_far(mlci_machine *m, mlci_state state, uint8_t byte);

enum { MLCI_NEAR = 2048 };

static inline mlci_state mlci_machine_step(mlci_machine *m, mlci_state state, uint8_t byte)
{
    const uint32_t key = state << 8 | byte;
    const struct mlci_near *x = &m->near_[(key ^ key >> 11) % MLCI_NEAR];

    return x->key == key ? x->to : mlci_machine_step_far(m, state, byte);
}

/* May the text end here? */
bool mlci_machine_may_end(mlci_machine *m, mlci_state state);

/* What can be said of the tokens that may come, without a look at each. */
typedef enum mlci_inside_kind {
    MLCI_IN_OTHER,
    MLCI_IN_FREE,                 /* in a text without a language                    */
    MLCI_IN_NAME,                 /* in a name that may be any                       */
    MLCI_IN_LANGUAGE,             /* in a text or name of a language                 */
    MLCI_IN_SPACES                /* where spaces change nothing                     */
} mlci_inside_kind;

typedef struct mlci_inside {
    mlci_inside_kind kind;
    uint32_t texts;               /* LANGUAGE: a list of texts (text_state.h), or 0  */
    mlci_rx  language;            /* of a name                                       */
    uint32_t most;                /* characters that may still come                  */
    bool     same;                /* FREE, NAME: every character leads back here     */
    bool     may_end;             /* FREE, NAME: after any characters                */
    bool     names;               /* LANGUAGE: and a name that is known              */
} mlci_inside;
mlci_inside mlci_machine_inside(const mlci_machine *m, mlci_state state);
/* No other bytes can come than these: a set that costs little to tell. */
mlci_bytes mlci_machine_bytes_of(const mlci_machine *m, mlci_state state);
/* In a name: the bytes that go on with one that is known, the quote after it among them. */
mlci_bytes mlci_machine_names_of(const mlci_machine *m, mlci_state state);
/* The same place in a name that is none of them. */
mlci_state mlci_machine_other_name(mlci_machine *m, mlci_state state);

#endif
