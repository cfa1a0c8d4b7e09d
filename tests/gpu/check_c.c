/* SPDX-License-Identifier: Apache-2.0
 *
 * check_c.c - generated C kernels of a folder, built into this program for whatever
 * tier its flags say, against the interpreter.
 */
#include "../kernel_check.h"

#define KG_TABLE kc_table
#include "kernels.inc"

#include "../generated_args.h"

static bool run(void *user, const kc_case *c)
{
    mlci_gen_fn *fn = mlci_gen_find(&kc_table, c->hash);
    mlci_gen_args a;

    (void)user;
    if (fn == NULL)
        return false;
    generated_args(c, &a);
    a.end[0] = c->axes[0];
    a.end[1] = c->axes[1];
    fn(&a);
    return true;
}

int main(int argc, char **argv)
{
    mlc_context *ctx = test_context(NULL);
    char path[512];

    t_begin();
    snprintf(path, sizeof path, "%s/cpu.tir", argc == 2 ? argv[1] : "");
    kc_file(ctx, path, run, NULL, "C");
    mlc_context_close(ctx);
    return t_done();
}
