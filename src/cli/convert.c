/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.c - mlc convert, mlc quantize.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static int co_run(const cli_options *o, bool search)
{
    cli_bar bar = { search ? "quantizing" : "converting", cli_seconds(), false };
    mlcx_convert_options options = {
        .quantization = o->quantization != NULL ? o->quantization : "q4f16_1",
        .progress = cli_progress, .progress_user = &bar, .search = search,
    };
    char *text = NULL;
    size_t n;
    mlc_context *ctx;
    mlc_error err = { 0 };
    mlc_status st;

    if (o->output == NULL)
        return cli_fail("mlc %s wants a directory to write: -o DIR",
                        search ? "quantize" : "convert");
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
    cli_bar_end(&bar);
    mlc_context_close(ctx);
    free(text);
    if (st != MLC_OK)
        return cli_fail_status(&err);
    printf("%s: %s in %.1f s\n", o->output, options.quantization, cli_seconds() - bar.begun);
    return 0;
}

/* One file that is used where it lies. */
static int co_lay_out(const cli_options *o)
{
    cli_bar bar = { "writing", cli_seconds(), false };
    mlcx_layout_options options = {
        .device = o->target, .quantization = o->quantization,
        .progress = cli_progress, .progress_user = &bar,
    };
    mlc_context *ctx;
    mlc_error err = { 0 };
    mlc_status st;

    if (o->output == NULL)
        return cli_fail("mlc convert --for wants a file to write: -o FILE");
    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    st = mlcx_lay_out(ctx, o->model, o->output, &options, &err);
    cli_bar_end(&bar);
    mlc_context_close(ctx);
    if (st != MLC_OK)
        return cli_fail_status(&err);
    printf("%s: for %s in %.1f s\n", o->output, o->target, cli_seconds() - bar.begun);
    return 0;
}

int cli_convert(const cli_options *o)
{
    return o->target != NULL ? co_lay_out(o) : co_run(o, false);
}
int cli_quantize(const cli_options *o) { return co_run(o, true); }
