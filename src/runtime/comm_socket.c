/* SPDX-License-Identifier: Apache-2.0
 *
 * comm_socket.c - ranks that are processes of one machine: a socket between every two.
 *
 * Rank r listens at path.r; the ranks above it connect, each saying its number.
 */
#include "comm.h"
#include "../base/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CS_PATH = 100 };

typedef struct cs_comm {
    mlci_comm    comm;
    mlc_context *ctx;
    int          fds[MLCI_MAX_RANKS];       /* -1: none                         */
    uint32_t     timeout_ms;
    bool         broken;
} cs_comm;

static int64_t cs_deadline(const cs_comm *c)
{
    return mlci_os_now_us() + (int64_t)c->timeout_ms * 1000;
}

static mlc_status cs_exchange(mlci_comm *comm, const void *mine, const size_t *sizes, void *all)
{
    cs_comm *c = (cs_comm *)(void *)comm;
    mlci_talk talks[MLCI_MAX_RANKS];
    unsigned char *to = all;
    uint32_t n = 0;

    for (uint32_t r = 0; r < comm->n_ranks; to += sizes[r++])
        if (r == comm->rank)
            memcpy(to, mine, sizes[r]);
        else
            talks[n++] = (mlci_talk){ c->fds[r], mine, to, sizes[comm->rank], sizes[r] };
    c->broken = c->broken || mlci_os_talk(talks, n, cs_deadline(c)) != 0;
    return c->broken ? MLC_EIO : MLC_OK;
}

static void cs_close(mlci_comm *comm)
{
    cs_comm *c = (cs_comm *)(void *)comm;
    mlc_context *ctx = c->ctx;

    for (uint32_t r = 0; r < comm->n_ranks; r++)
        mlci_os_hang_up(c->fds[r]);
    mlci_delete(ctx, c, 1, sizeof *c);
    mlci_context_unref(ctx);
}

/* Let those above in; each says who it is. */
static int cs_accept(cs_comm *c, int listener, int64_t deadline)
{
    for (uint32_t i = c->comm.rank + 1; i < c->comm.n_ranks; i++) {
        uint32_t who = UINT32_MAX;
        mlci_talk hello = { .in = &who, .n_in = sizeof who };
        int e = mlci_os_accept(listener, deadline, &hello.fd);
        const int fd = e == 0 ? hello.fd : -1;

        if (e == 0)
            e = mlci_os_talk(&hello, 1, deadline);
        if (e == 0 && (who <= c->comm.rank || who >= c->comm.n_ranks || c->fds[who] >= 0))
            e = EPROTO;
        if (e != 0) {
            mlci_os_hang_up(fd);
            return e;
        }
        c->fds[who] = fd;
    }
    return 0;
}

static int cs_connect(cs_comm *c, const char *path, uint32_t rank, int64_t deadline)
{
    mlci_talk hello = { .out = &c->comm.rank, .n_out = sizeof c->comm.rank };
    int e = mlci_os_connect(path, deadline, &hello.fd);

    if (e != 0)
        return e;
    c->fds[rank] = hello.fd;
    return mlci_os_talk(&hello, 1, deadline);
}

static mlc_status cs_meet(cs_comm *c, const char *path, mlc_error *err)
{
    const int64_t deadline = cs_deadline(c);
    char at[CS_PATH + 4];
    int listener = -1, e = 0;

    snprintf(at, sizeof at, "%s.%u", path, c->comm.rank);
    if (c->comm.rank + 1 < c->comm.n_ranks)
        e = mlci_os_listen(at, &listener);
    for (uint32_t r = 0; r < c->comm.rank && e == 0; r++) {
        char other[CS_PATH + 4];

        snprintf(other, sizeof other, "%s.%u", path, r);
        e = cs_connect(c, other, r, deadline);
    }
    if (listener >= 0) {
        if (e == 0)
            e = cs_accept(c, listener, deadline);
        mlci_os_hang_up(listener);
        mlci_os_remove(at);
    }
    return e == 0 ? MLC_OK : mlci_fail(err, MLC_EIO, e, "rank %u of %u: the others did not "
                                       "come to %s", c->comm.rank, c->comm.n_ranks, path);
}

mlc_status mlci_comm_sockets(mlc_context *ctx, const char *path, uint32_t rank,
                             uint32_t n_ranks, uint32_t timeout_ms, mlci_comm **out,
                             mlc_error *err)
{
    cs_comm *c;
    mlc_status st = mlci_comm_check(rank, n_ranks, err);

    *out = NULL;
    if (st != MLC_OK)
        return st;
    if (strlen(path) > CS_PATH)
        return mlci_fail(err, MLC_EINVAL, 0, "a socket's path may have %d bytes", CS_PATH);
    c = mlci_new(ctx, 1, sizeof *c);
    if (c == NULL)
        return mlci_nomem(err, "ranks");
    c->comm = (mlci_comm){ rank, n_ranks, cs_exchange, cs_close };
    c->ctx = ctx;
    mlci_context_ref(ctx);
    c->timeout_ms = mlci_comm_timeout(timeout_ms);
    for (uint32_t r = 0; r < MLCI_MAX_RANKS; r++)
        c->fds[r] = -1;
    st = cs_meet(c, path, err);
    if (st != MLC_OK) {
        cs_close(&c->comm);
        return st;
    }
    *out = &c->comm;
    return MLC_OK;
}
