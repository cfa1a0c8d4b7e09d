/* SPDX-License-Identifier: Apache-2.0
 *
 * run_ranks.c - collectives: one thread talks to the other ranks, the rest wait.
 */
#include "cpu.h"

#include <string.h>

/* Others cannot go on without us, nor we without them: the step ends here. */
static void rk_end(const cpu_job *j, mlc_status st)
{
    const size_t call = (size_t)(j->call - j->p->weights->plan->calls);

    if (st == MLC_OK)
        return;
    j->p->stopped = st;
    atomic_store(&j->p->canceled[call % 2], true);
}

void cpu_run_reduce(const cpu_job *j)
{
    const mlci_module *m = j->p->weights->module;
    const size_t n = cpu_rows_of(j, j->call->out) * cpu_row_elements(m, j->call->out);
    float *out = cpu_value(j, j->call->out);

    if (j->thread != 0 || n == 0)
        return;
    if (out != cpu_value(j, j->call->x))
        memcpy(out, cpu_value(j, j->call->x), n * sizeof *out);
    rk_end(j, mlci_all_reduce(j->p->weights->comm, out, n, j->p->room));
}

void cpu_run_gather(const cpu_job *j)
{
    const mlci_module *m = j->p->weights->module;
    mlci_comm *comm = j->p->weights->comm;
    const size_t rows = cpu_rows_of(j, j->call->out);
    const size_t width = cpu_row_elements(m, j->call->out);
    size_t begins[MLCI_MAX_RANKS + 1];

    if (j->thread != 0 || rows == 0)
        return;
    for (uint32_t r = 0; r <= comm->n_ranks; r++)
        begins[r] = mlci_share_begin((int64_t)width, m->nodes[j->call->node].units, r,
                                     comm->n_ranks);
    rk_end(j, mlci_all_gather(comm, cpu_value(j, j->call->x), rows, begins,
                              cpu_value(j, j->call->out), j->p->room));
}
