/* SPDX-License-Identifier: Apache-2.0
 *
 * comm.h - what the ranks of a model that is shared out say to each other.
 *
 * Every rank makes the same calls in the same order.  The one thing a transport does
 * is an exchange: each rank gives some bytes and gets everybody's.  Sums are made of
 * it in the order of ranks, so all ranks have the same bits.
 *
 * A rank that is closed, dies or stays away longer than the timeout fails the others'
 * exchange, and every one after it.
 */
#ifndef MLCI_COMM_H
#define MLCI_COMM_H

#include "../base/base.h"

enum { MLCI_MAX_RANKS = 8 };

typedef struct mlci_comm mlci_comm;
struct mlci_comm {
    uint32_t rank, n_ranks;
    /* sizes: bytes of each rank's part.  all: every part in order, [sum of sizes]. */
    mlc_status (*exchange)(mlci_comm *c, const void *mine, const size_t *sizes, void *all);
    void       (*close)(mlci_comm *c);
};

/* n ranks of this process, each for a thread of its own.  timeout_ms 0: a minute. */
mlc_status mlci_comm_threads(mlc_context *ctx, uint32_t n_ranks, uint32_t timeout_ms,
                             mlci_comm **out, mlc_error *err);

/* One rank of several processes on this machine, which meet at `path` (sockets path.0,
 * path.1, ... are made there and removed). */
mlc_status mlci_comm_sockets(mlc_context *ctx, const char *path, uint32_t rank,
                             uint32_t n_ranks, uint32_t timeout_ms, mlci_comm **out,
                             mlc_error *err);

/* Is there such a rank?  The error says which there can be. */
mlc_status mlci_comm_check(uint32_t rank, uint32_t n_ranks, mlc_error *err);

static inline uint32_t mlci_comm_timeout(uint32_t timeout_ms)
{
    return timeout_ms != 0 ? timeout_ms : 60000;
}

static inline void mlci_comm_close(mlci_comm *c)
{
    if (c != NULL)
        c->close(c);
}

/* x[n] becomes the sum over ranks; room for n_ranks * n floats. */
mlc_status mlci_all_reduce(mlci_comm *c, float *x, size_t n, float *room);

/* Rows of `width` floats of which this rank has columns [begin, begin + n): room for
 * rows * width floats.  begins: of every rank, and the width at the end. */
mlc_status mlci_all_gather(mlci_comm *c, const float *part, size_t rows, const size_t *begins,
                           float *out, float *room);

#endif
