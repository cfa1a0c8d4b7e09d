/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.c - mlc convert, mlc quantize.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct co_bar { double begun, shown; } co_bar;

/* On a terminal: how far, and how long it will take. */
static mlc_status co_progress(void *user, double done)
{
    co_bar *bar = user;
    const double now = cli_seconds();

    if (!isatty(STDERR_FILENO) || (done < 1 && now - bar->shown < 0.1))
        return MLC_OK;
    bar->shown = now;
    fprintf(stderr, "\r%3.0f %% [%-40.*s] %.0f s left ", done * 100, (int)(done * 40),
            "########################################",
            done > 0 ? (now - bar->begun) * (1 - done) / done : 0.0);
    if (done >= 1)
        fprintf(stderr, "\r%60s\r", "");
    return MLC_OK;
}

static int co_run(const cli_options *o, bool search)
{
    co_bar bar = { cli_seconds(), 0 };
    mlcx_convert_options options = {
        .quantization = o->quantization != NULL ? o->quantization : "q4f16_1",
        .progress = co_progress, .progress_user = &bar, .search = search,
    };
    char *text = NULL;
    size_t n;
    mlc_context *ctx;
    mlc_error err = { 0 };
    mlc_status st;

    if (o->output == NULL)
        return cli_fail("mlc convert wants a directory to write: -o DIR");
    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    if (o->text_file != NULL) {
        text = cli_read_file(o->text_file, &n);
        if (text == NULL) {
            mlc_context_close(ctx);
            return cli_fail("cannot read %s", o->text_file);
        }
        options.text = text;
    }
    st = mlcx_convert(ctx, o->model, o->output, &options, &err);
    mlc_context_close(ctx);
    free(text);
    if (st != MLC_OK)
        return cli_fail_status(&err);
    printf("%s: %s in %.1f s\n", o->output, options.quantization, cli_seconds() - bar.begun);
    return 0;
}

int cli_convert(const cli_options *o) { return co_run(o, false); }
int cli_quantize(const cli_options *o) { return co_run(o, true); }
