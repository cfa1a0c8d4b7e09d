/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h - the mlc program.  It uses the library through mlc.h (and
 * mlc_experimental.h for explain and bench) like any other program.
 */
#ifndef CLI_H
#define CLI_H

#include "../../include/mlc.h"
#include "../../include/mlc_experimental.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* ---- options ------------------------------------------------------------------- */

/* A file, and those that follow it on the command line up to the next option. */
typedef struct cli_files { const char *first; char *const *more; int n_more; } cli_files;

/* What the command line said; each command reads what it knows. */
typedef struct cli_options {
    const char *model, *device, *tier, *kv, *without, *function, *sizes;
    int         threads, verbose;
    bool        json, verify, offline, no_special, no_parse, raw, help;
    const char *prompt, *system, *text_file, *json_file, *ids;
    const char *pass, *passes;
    const char *schema, *regex, *ebnf, *lark, *tag, *any, *mask_after;
    cli_files   check;
    const char *bench, *quantization, *output, *target, *cache_policy, *adapter;
    char       *resolved;       /* of model, where that was a name on the net */
    bool        explain_grammar, no_format, compact, spaced, in_order, plain, lax;
    int         ranks, rank;
    int         greedy, n_prompt, n_decode, depth, repeat;
    cJSON      *sampling;       /* members for the request                     */
} cli_options;

typedef struct cli_command {
    const char *name, *arguments, *what;
    const char *options;        /* long names it takes, between spaces         */
    int       (*run)(const cli_options *o);
} cli_command;

/* ---- what commands share: common.c ----------------------------------------------- */

/* Print "mlc: ..." on stderr and return 1. */
int cli_fail(const char *fmt, ...);
int cli_fail_status(const mlc_error *err);

/* A context and, unless path is NULL, a model for the options.  0 or an exit
 * status; the error has been printed. */
int  cli_open(const cli_options *o, mlc_context **ctx, const char *path, uint32_t flags,
              mlc_model **model);

/* o->model, if it is a name on the net, becomes the path where it lies.  0 or an exit status. */
int  cli_resolve(cli_options *o);

char *cli_read_file(const char *path, size_t *n);    /* "-": stdin; malloc */
char *cli_gather_text(const cli_options *o, size_t *n);  /* --text-file, -p, stdin */
int32_t *cli_parse_ids(const char *text, size_t *n); /* "1,2,3"; malloc      */
int32_t *cli_encode(const mlc_tokenizer *tok, const char *text, size_t n, uint32_t flags,
                    size_t *n_ids);                  /* malloc               */
size_t cli_vocab_size(const mlc_model *model);
uint32_t cli_encode_flags(const cli_options *o);
void cli_print_ids(const int32_t *ids, size_t n);
double cli_seconds(void);

/* A bar on a terminal, once something has taken a second; cli_bar_end takes it away. */
typedef struct cli_bar { const char *what; double begun; bool shown; } cli_bar;
mlc_status cli_progress(void *bar, double done);
void       cli_bar_end(const cli_bar *bar);

/* "key=value" of a sampling option into a request object; NULL or why not. */
const char *cli_set_sampling(cJSON *request, const char *key, const char *value);

/* Adds the whole request's answer to stdout as it comes.  *text (malloc) gets it
 * all, *usage the usage object; either may be NULL. */
typedef struct cli_answer {
    char  *text;
    size_t n;
    cJSON *usage;
    bool   cancelled;
} cli_answer;

mlc_status cli_stream(mlc_engine *engine, const cJSON *request, cli_answer *answer,
                      mlc_error *err);
void cli_answer_reset(cli_answer *a);
/* Ctrl-C cancels the running answer, instead of the program. */
void cli_catch_interrupt(void);

/* ---- line editing: line.c ----------------------------------------------------------- */

typedef struct cli_line cli_line;

cli_line *cli_line_open(void);
/* The next line without its newline (malloc), NULL at the end of input. */
char *cli_line_read(cli_line *l, const char *prompt);
void  cli_line_close(cli_line *l);

/* ---- commands --------------------------------------------------------------------------- */

int cli_chat(const cli_options *o);
int cli_run(const cli_options *o);
int cli_score(const cli_options *o);
int cli_tokenize(const cli_options *o);
int cli_detokenize(const cli_options *o);
int cli_template(const cli_options *o);
int cli_bench(const cli_options *o);
int cli_pull(const cli_options *o);
int cli_list(const cli_options *o);
int cli_remove(const cli_options *o);
int cli_convert(const cli_options *o);
int cli_quantize(const cli_options *o);
int cli_info(const cli_options *o);
int cli_devices(const cli_options *o);
int cli_explain(const cli_options *o);
int cli_ir(const cli_options *o);
int cli_grammar(const cli_options *o);

#endif
