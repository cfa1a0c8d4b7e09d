/* SPDX-License-Identifier: Apache-2.0
 *
 * os.h - the one page that names the operating system: mapping, pages,
 * threads, clock.  os_posix.c is Linux, Android, macOS and iOS.
 *
 * Every function may be called from any thread.  Those that return int give 0
 * or the system's error number.
 */
#ifndef MLCI_OS_H
#define MLCI_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- files ---------------------------------------------------------------- */

typedef struct mlci_file {
    const unsigned char *data;  /* the mapping, or NULL for an empty file     */
    uint64_t             size;
    int                  fd;
} mlci_file;

int  mlci_os_map(mlci_file *file, const char *path);
void mlci_os_unmap(mlci_file *file);
/* Read exactly n bytes at offset; past the end is an error. */
int  mlci_os_read_at(const mlci_file *file, uint64_t offset, void *buf, size_t n);
int  mlci_os_open(mlci_file *file, const char *path);  /* no mapping */
bool mlci_os_is_file(const char *path);
bool mlci_os_is_directory(const char *path);
int  mlci_os_make_directory(const char *path);       /* 0 also if there is one */
/* Writing: a new file, empty if there was one; all of n bytes; a file's new name, which
 * takes the place of another's. */
int  mlci_os_create(const char *path, int *fd);
int  mlci_os_write(int fd, const void *p, size_t n);
int  mlci_os_append(const char *path, uint64_t at, int *fd);   /* what is behind `at` goes */
int  mlci_os_close(int fd);
/* Open, and locked against other processes until it is closed; EAGAIN: another has it. */
int  mlci_os_lock_file(const char *path, int *fd);
/* Names in a directory but for those that begin with a dot; false stops. */
int  mlci_os_list(const char *path, bool (*name)(void *user, const char *name), void *user);
/* A file or an empty directory. */
int  mlci_os_delete(const char *path);
int  mlci_os_rename(const char *from, const char *to);
/* The pages between these bytes of a file mapping will not be needed soon:
 * they leave resident memory and come back from the file when touched. */
void mlci_os_release(const void *p, size_t n);
void mlci_os_will_need(const void *p, size_t n);

/* ---- memory ---------------------------------------------------------------- */

/* Zeroed pages, huge where the system has them; NULL when it refuses. */
void *mlci_os_pages(size_t n);
void  mlci_os_pages_free(void *p, size_t n);
uint64_t mlci_os_memory_total(void);
uint64_t mlci_os_peak_rss(void);

/* ---- threads ---------------------------------------------------------------- */

/* Lives as long as the thread: it must be joined. */
typedef struct mlci_thread {
    void (*run)(void *arg);
    void  *arg;
    void  *id;
} mlci_thread;
typedef struct mlci_mutex  { _Alignas(16) unsigned char impl[64]; } mlci_mutex;
typedef struct mlci_cond   { _Alignas(16) unsigned char impl[64]; } mlci_cond;

int  mlci_os_thread_start(mlci_thread *t, void (*run)(void *arg), void *arg);
void mlci_os_thread_join(mlci_thread *t);
void mlci_os_yield(void);
uint32_t mlci_os_cpu_count(void);  /* that this process may use, at least 1 */

int  mlci_os_mutex_init(mlci_mutex *m);
void mlci_os_mutex_reset(mlci_mutex *m);
void mlci_os_lock(mlci_mutex *m);
void mlci_os_unlock(mlci_mutex *m);
int  mlci_os_cond_init(mlci_cond *c);
void mlci_os_cond_reset(mlci_cond *c);
void mlci_os_wait(mlci_cond *c, mlci_mutex *m);
/* false when the clock has passed deadline (mlci_os_now_us) first. */
bool mlci_os_wait_until(mlci_cond *c, mlci_mutex *m, int64_t deadline_us);
void mlci_os_wake_all(mlci_cond *c);

/* ---- sockets of this machine (os_socket_posix.c) --------------------------------- */

/* Deadlines are of mlci_os_now_us.  Everything is closed on exec and without signals. */
int  mlci_os_listen(const char *path, int *fd);      /* replaces what was there  */
int  mlci_os_accept(int fd, int64_t deadline_us, int *peer);
int  mlci_os_connect(const char *path, int64_t deadline_us, int *peer);
void mlci_os_hang_up(int fd);
void mlci_os_remove(const char *path);

/* All peers at once: send out, receive in.  ECONNRESET: a peer has gone. */
typedef struct mlci_talk {
    int         fd;
    const void *out;
    void       *in;
    size_t      n_out, n_in;
} mlci_talk;
int  mlci_os_talk(mlci_talk *peers, uint32_t n, int64_t deadline_us);

/* ---- libraries that may be there ---------------------------------------------------- */

void *mlci_os_library(const char *name);             /* NULL: it is not          */
void *mlci_os_symbol(void *library, const char *name);

/* ---- clock and the rest ------------------------------------------------------ */

int64_t mlci_os_now_us(void);      /* monotonic */
void mlci_os_sleep(uint32_t ms);
int64_t mlci_os_unix_time(void);   /* seconds since 1970, UTC */
typedef struct mlci_date {
    int year, month, day, hour, minute, second, weekday, yearday;
} mlci_date;
/* Broken-down local time of "seconds since 1970 in local time" (t >= 0), or of
 * the current moment (t < 0). */
void mlci_os_date(int64_t t, mlci_date *date);
uint64_t mlci_os_random(void);     /* for seeds */
/* Append ": what the system calls it" to a text. */
void mlci_os_error_text(int os_error, char *buf, size_t cap);

#endif
