/* SPDX-License-Identifier: Apache-2.0
 *
 * test_generated.c - every generated C kernel on every tier of this CPU against the
 * interpreter, in rectangles; the vector tiers against each other, bit by bit.
 */
#include "kernel_check.h"
#include "tiers.h"
#include "generated_args.h"

enum { MAX_RUNS = 3000 };

/* Bits of the outputs on the first vector tier, in order of runs: the others give
 * the same. */
typedef struct tier_run {
    const mlci_gen_table *table;
    bool      compare;
    uint64_t *bits;
    size_t    n;
} tier_run;

static void check_bits(tier_run *r, const kc_case *c)
{
    uint64_t h = 1;

    for (uint32_t i = c->p->n_params; i < c->p->n_params + c->p->n_outs; i++)
        h = mlci_hash(c->arrays[i].data, c->bytes[i], h);
    if (r->n < MAX_RUNS && r->compare)
        T_CHECK(r->bits[r->n] == h, "not the bits of the first vector tier");
    else if (r->n < MAX_RUNS)
        r->bits[r->n] = h;
    r->n++;
}

/* The second half of the rows first, and columns in two parts where they may be. */
static bool run_tier(void *user, const kc_case *c)
{
    mlci_gen_fn *fn = mlci_gen_find(((tier_run *)user)->table, c->hash);
    int64_t half[2] = { c->axes[0] / 2, c->tiled ? c->axes[1] / 2 : 0 };
    mlci_gen_args a;

    if (fn == NULL || c->n_sizes > MLCI_GEN_SYMBOLS)
        return false;
    generated_args(c, &a);
    for (int part = 0; part < 4; part++) {
        a.begin[0] = part < 2 ? half[0] : 0;
        a.end[0] = part < 2 ? c->axes[0] : half[0];
        a.begin[1] = part % 2 == 0 ? half[1] : 0;
        a.end[1] = part % 2 == 0 ? c->axes[1] : half[1];
        if (a.begin[1] < a.end[1] || (part % 2 == 0 && c->axes[1] == 0))
            fn(&a);
    }
    check_bits(user, c);
    return true;
}

int main(void)
{
    static uint64_t bits[2][MAX_RUNS];
    const mlci_gen_table *before = NULL;
    mlc_context *ctx = test_context(NULL);

    t_begin();
    for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
        tier_run r = { mlci_cpu_kernels_of(t)->generated, t > tier_vector(),
                       bits[t == MLCI_TIER_SCALAR ? 0 : 1], 0 };

        if (r.table != before)     /* several tiers share a table */
            kc_file(ctx, GEN_DIR "/cpu.tir", run_tier, &r, mlci_tier_names[t]);
        before = r.table;
    }
    kc_file(ctx, GEN_DIR "/once.tir", run_tier,
            &(tier_run){ &mlci_gen_once, false, bits[0], MAX_RUNS }, "once");
    mlc_context_close(ctx);
    return t_done();
}
