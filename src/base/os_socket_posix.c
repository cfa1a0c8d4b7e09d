/* SPDX-License-Identifier: Apache-2.0
 *
 * os_socket_posix.c - the sockets of os.h: Unix domain, for processes of one machine.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { OK_MAX_PEERS = 16 };

static int ok_address(const char *path, struct sockaddr_un *a)
{
    size_t n = strlen(path);

    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    if (n >= sizeof a->sun_path)
        return ENAMETOOLONG;
    memcpy(a->sun_path, path, n);
    return 0;
}

/* It shall not block nor be inherited; closed if that fails. */
static int ok_prepare(int fd)
{
    int e = fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ? errno : 0;

    if (e != 0)
        close(fd);
    return e;
}

static int ok_socket(int *fd)
{
    *fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return *fd < 0 ? errno : ok_prepare(*fd);
}

static int ok_left_ms(int64_t deadline_us)
{
    int64_t left = (deadline_us - mlci_os_now_us()) / 1000;

    return left <= 0 ? 0 : left < 1000 ? (int)left + 1 : 1000;
}

int mlci_os_listen(const char *path, int *fd)
{
    struct sockaddr_un a;
    int e = ok_address(path, &a);

    if (e == 0)
        e = ok_socket(fd);
    if (e != 0)
        return e;
    (void)unlink(path);
    if (bind(*fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(*fd, OK_MAX_PEERS) == 0)
        return 0;
    e = errno;
    close(*fd);
    return e;
}

int mlci_os_accept(int fd, int64_t deadline_us, int *peer)
{
    struct pollfd p = { fd, POLLIN, 0 };

    for (;;) {
        *peer = accept(fd, NULL, NULL);
        if (*peer >= 0)
            return ok_prepare(*peer);
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED)
            return errno;
        if (mlci_os_now_us() >= deadline_us)
            return ETIMEDOUT;
        (void)poll(&p, 1, ok_left_ms(deadline_us));
    }
}

int mlci_os_connect(const char *path, int64_t deadline_us, int *peer)
{
    const struct timespec moment = { 0, 2000000 };
    struct sockaddr_un a;
    int e = ok_address(path, &a);

    while (e == 0) {
        e = ok_socket(peer);
        if (e != 0 || connect(*peer, (struct sockaddr *)&a, sizeof a) == 0)
            return e;
        e = errno;
        close(*peer);
        /* The other side may not have begun to listen. */
        if (e != ENOENT && e != ECONNREFUSED && e != EAGAIN && e != EINTR)
            return e;
        if (mlci_os_now_us() >= deadline_us)
            return ETIMEDOUT;
        nanosleep(&moment, NULL);
        e = 0;
    }
    return e;
}

void mlci_os_hang_up(int fd)
{
    if (fd >= 0)
        close(fd);
}

void mlci_os_remove(const char *path) { (void)unlink(path); }

/* As much as goes at once; the error, EAGAIN when there is more to do. */
static int ok_step(mlci_talk *t)
{
    ssize_t n;

    while (t->n_out > 0) {
        n = send(t->fd, t->out, t->n_out, MSG_NOSIGNAL);
        if (n < 0)
            break;
        t->out = (const char *)t->out + n;
        t->n_out -= (size_t)n;
    }
    if (t->n_out > 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return ECONNRESET;
    while (t->n_in > 0) {
        n = recv(t->fd, t->in, t->n_in, 0);
        if (n == 0)
            return ECONNRESET;
        if (n < 0)
            break;
        t->in = (char *)t->in + n;
        t->n_in -= (size_t)n;
    }
    if (t->n_in > 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return ECONNRESET;
    return t->n_out > 0 || t->n_in > 0 ? EAGAIN : 0;
}

int mlci_os_talk(mlci_talk *peers, uint32_t n, int64_t deadline_us)
{
    struct pollfd p[OK_MAX_PEERS];

    if (n > OK_MAX_PEERS)
        return EINVAL;
    for (;;) {
        uint32_t busy = 0;

        for (uint32_t i = 0; i < n; i++) {
            int e = ok_step(&peers[i]);

            if (e != 0 && e != EAGAIN)
                return e;
            if (e == EAGAIN)
                p[busy++] = (struct pollfd){ peers[i].fd, (short)((peers[i].n_in > 0 ? POLLIN : 0)
                    | (peers[i].n_out > 0 ? POLLOUT : 0)), 0 };
        }
        if (busy == 0)
            return 0;
        if (mlci_os_now_us() >= deadline_us)
            return ETIMEDOUT;
        (void)poll(p, busy, ok_left_ms(deadline_us));
    }
}
