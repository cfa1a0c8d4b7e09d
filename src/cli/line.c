/* SPDX-License-Identifier: Apache-2.0
 *
 * line.c - reading lines from a person: libedit on a terminal (history, editing;
 * Escape then Enter starts a new line), plain lines otherwise.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if CLI_LIBEDIT
# include <histedit.h>
#endif

enum { LI_HISTORY = 500 };

struct cli_line {
    const char *prompt;
    bool        terminal;
#if CLI_LIBEDIT
    EditLine   *edit;
    History    *history;
#endif
};

#if CLI_LIBEDIT

static char *li_prompt(EditLine *e)
{
    cli_line *l = NULL;

    el_get(e, EL_CLIENTDATA, &l);
    return (char *)(uintptr_t)l->prompt;
}

static unsigned char li_newline(EditLine *e, int ch)
{
    (void)ch;
    return el_insertstr(e, "\n") == 0 ? CC_REFRESH : CC_ERROR;
}

static void li_setup(cli_line *l)
{
    HistEvent ev;

    l->edit = el_init("mlc", stdin, stdout, stderr);
    l->history = history_init();
    if (l->edit == NULL || l->history == NULL)
        return;
    history(l->history, &ev, H_SETSIZE, LI_HISTORY);
    el_set(l->edit, EL_CLIENTDATA, l);
    el_set(l->edit, EL_PROMPT, li_prompt);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_HIST, history, l->history);
    el_set(l->edit, EL_ADDFN, "mlc-newline", "start a new line", li_newline);
    el_set(l->edit, EL_BIND, "^[^M", "mlc-newline", NULL);
    el_set(l->edit, EL_BIND, "^[^J", "mlc-newline", NULL);
}

static char *li_edit(cli_line *l)
{
    int n = 0;
    const char *text;
    char *copy;
    HistEvent ev;

    errno = 0;
    text = el_gets(l->edit, &n);
    if (text == NULL || n <= 0) {
        bool interrupted = errno == EINTR;

        el_reset(l->edit);
        putchar('\n');
        return interrupted ? strdup("") : NULL;
    }
    copy = strdup(text);
    if (copy != NULL && copy[strlen(copy) - 1] == '\n')
        copy[strlen(copy) - 1] = 0;
    if (copy != NULL && copy[0] != 0)
        history(l->history, &ev, H_ENTER, copy);
    return copy;
}

#endif

cli_line *cli_line_open(void)
{
    cli_line *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
#if CLI_LIBEDIT
    if (l->terminal)
        li_setup(l);
#endif
    return l;
}

void cli_line_close(cli_line *l)
{
    if (l == NULL)
        return;
#if CLI_LIBEDIT
    if (l->edit != NULL)
        el_end(l->edit);
    if (l->history != NULL)
        history_end(l->history);
#endif
    free(l);
}

char *cli_line_read(cli_line *l, const char *prompt)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    l->prompt = prompt;
#if CLI_LIBEDIT
    if (l->edit != NULL && l->history != NULL)
        return li_edit(l);
#endif
    if (l->terminal) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    n = getline(&line, &cap, stdin);
    if (n <= 0) {
        free(line);
        return NULL;
    }
    if (line[n - 1] == '\n')
        line[n - 1] = 0;
    return line;
}
