/* SPDX-License-Identifier: Apache-2.0
 *
 * os_posix.c - os.h for systems with POSIX threads and mmap.
 */
#if defined __linux__ && !defined _GNU_SOURCE
# define _GNU_SOURCE  /* sched_getaffinity, MADV_HUGEPAGE, getrandom */
#endif
#if defined __APPLE__ && !defined _DARWIN_C_SOURCE
# define _DARWIN_C_SOURCE
#endif
#include "os.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined __linux__
# include <sys/random.h>
#endif

/* ---- files ---------------------------------------------------------------- */

int mlci_os_open(mlci_file *file, const char *path)
{
    struct stat sb;
    int e;

    memset(file, 0, sizeof *file);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return errno;
    e = fstat(file->fd, &sb) < 0 ? errno : S_ISDIR(sb.st_mode) ? EISDIR : 0;
    if (e != 0) {
        close(file->fd);
        return e;
    }
    file->size = (uint64_t)sb.st_size;
    return 0;
}

int mlci_os_map(mlci_file *file, const char *path)
{
    int e = mlci_os_open(file, path);
    void *p;

    if (e != 0 || file->size == 0)
        return e;
    if (file->size > SIZE_MAX) {
        mlci_os_unmap(file);
        return EFBIG;
    }
    p = mmap(NULL, (size_t)file->size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (p == MAP_FAILED) {
        e = errno;
        mlci_os_unmap(file);
        return e;
    }
    file->data = p;
    return 0;
}

bool mlci_os_is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool mlci_os_is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int mlci_os_create(const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? errno : 0;
}

int mlci_os_write(int fd, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        const ssize_t k = write(fd, at, n < (1u << 30) ? n : 1u << 30);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? errno : ENOSPC;
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

int mlci_os_close(int fd) { return close(fd) == 0 ? 0 : errno; }

int mlci_os_append(const char *path, uint64_t at, int *fd)
{
    int e;

    *fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return errno;
    if (ftruncate(*fd, (off_t)at) == 0 && lseek(*fd, 0, SEEK_END) == (off_t)at)
        return 0;
    e = errno;
    close(*fd);
    return e;
}

int mlci_os_lock_file(const char *path, int *fd)
{
    int e;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return errno;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    e = errno == EWOULDBLOCK ? EAGAIN : errno;
    close(*fd);
    return e;
}

int mlci_os_list(const char *path, bool (*name)(void *user, const char *name), void *user)
{
    DIR *d = opendir(path);
    const struct dirent *entry;

    if (d == NULL)
        return errno;
    while ((entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.' && !name(user, entry->d_name))
            break;
    closedir(d);
    return 0;
}

int mlci_os_delete(const char *path)
{
    return unlink(path) == 0 || ((errno == EISDIR || errno == EPERM) && rmdir(path) == 0)
         ? 0 : errno;
}

int mlci_os_rename(const char *from, const char *to) { return rename(from, to) == 0 ? 0 : errno; }

int mlci_os_make_directory(const char *path)
{
    return mkdir(path, 0777) == 0 || mlci_os_is_directory(path) ? 0 : errno;
}

void mlci_os_unmap(mlci_file *file)
{
    if (file->data != NULL)
        munmap((void *)(uintptr_t)file->data, (size_t)file->size);
    if (file->fd >= 0)
        close(file->fd);
    memset(file, 0, sizeof *file);
    file->fd = -1;
}

int mlci_os_read_at(const mlci_file *file, uint64_t offset, void *buf, size_t n)
{
    char *p = buf;

    while (n > 0) {
        ssize_t got = pread(file->fd, p, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return ENODATA;
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* madvise wants whole pages: those that lie entirely inside for dropping, those
 * that touch the range for reading ahead. */
static void os_advise(const void *p, size_t n, int advice, int inside)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t a = (uintptr_t)p, b = a + n;

    a = inside ? (a + page - 1) / page * page : a / page * page;
    b = inside ? b / page * page : (b + page - 1) / page * page;
    if (a < b)
        (void)madvise((void *)a, b - a, advice);
}

void mlci_os_release(const void *p, size_t n)   { os_advise(p, n, MADV_DONTNEED, 1); }
void mlci_os_will_need(const void *p, size_t n) { os_advise(p, n, MADV_WILLNEED, 0); }

/* ---- memory ---------------------------------------------------------------- */

/* A huge page needs 2 MiB alignment.  Map a little more and give the ends
 * back, so that the length alone is enough to unmap. */
void *mlci_os_pages(size_t n)
{
    const size_t huge = (size_t)1 << 21, page = (size_t)sysconf(_SC_PAGESIZE);
    size_t len, head;
    char *p;

    if (n > SIZE_MAX / 2)
        return NULL;
    len = (n + page - 1) / page * page;
    p = mmap(NULL, len + huge, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    head = (huge - (uintptr_t)p % huge) % huge;
    if (head > 0)
        munmap(p, head);
    if (huge - head > 0)
        munmap(p + head + len, huge - head);
#ifdef MADV_HUGEPAGE
    (void)madvise(p + head, len, MADV_HUGEPAGE);
#endif
    return p + head;
}

void mlci_os_pages_free(void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    munmap(p, (n + page - 1) / page * page);
}

uint64_t mlci_os_memory_total(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

uint64_t mlci_os_peak_rss(void)
{
    struct rusage ru;

    if (getrusage(RUSAGE_SELF, &ru) != 0)
        return 0;
#ifdef __APPLE__
    return (uint64_t)ru.ru_maxrss;
#else
    return (uint64_t)ru.ru_maxrss * 1024;
#endif
}

/* ---- threads ---------------------------------------------------------------- */

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(mlci_mutex), "mutex room");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(mlci_cond), "cond room");
_Static_assert(sizeof(pthread_t) <= sizeof(void *), "thread room");

static void *os_thread_main(void *p)
{
    mlci_thread *t = p;

    t->run(t->arg);
    return NULL;
}

int mlci_os_thread_start(mlci_thread *t, void (*run)(void *arg), void *arg)
{
    static const size_t stack = (size_t)1 << 20;
    pthread_attr_t attr;
    pthread_t id;
    int e;

    t->run = run;
    t->arg = arg;
    e = pthread_attr_init(&attr);
    if (e != 0)
        return e;
    (void)pthread_attr_setstacksize(&attr, stack);
    e = pthread_create(&id, &attr, os_thread_main, t);
    pthread_attr_destroy(&attr);
    if (e == 0)
        memcpy(&t->id, &id, sizeof id);
    return e;
}

void mlci_os_thread_join(mlci_thread *t)
{
    pthread_t id;

    memcpy(&id, &t->id, sizeof id);
    pthread_join(id, NULL);
}

void mlci_os_yield(void) { sched_yield(); }

uint32_t mlci_os_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#if defined __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : n > 1024 ? 1024 : (uint32_t)n;
}

static pthread_mutex_t *os_mutex(mlci_mutex *m) { return (pthread_mutex_t *)(void *)m->impl; }
static pthread_cond_t *os_cond(mlci_cond *c) { return (pthread_cond_t *)(void *)c->impl; }

int  mlci_os_mutex_init(mlci_mutex *m)  { return pthread_mutex_init(os_mutex(m), NULL); }
void mlci_os_mutex_reset(mlci_mutex *m) { pthread_mutex_destroy(os_mutex(m)); }
void mlci_os_lock(mlci_mutex *m)        { pthread_mutex_lock(os_mutex(m)); }
void mlci_os_unlock(mlci_mutex *m)      { pthread_mutex_unlock(os_mutex(m)); }

int mlci_os_cond_init(mlci_cond *c)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);

    if (e != 0)
        return e;
#ifndef __APPLE__
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    e = pthread_cond_init(os_cond(c), &attr);
    pthread_condattr_destroy(&attr);
    return e;
}

void mlci_os_cond_reset(mlci_cond *c) { pthread_cond_destroy(os_cond(c)); }
void mlci_os_wake_all(mlci_cond *c)   { pthread_cond_broadcast(os_cond(c)); }

void mlci_os_wait(mlci_cond *c, mlci_mutex *m)
{
    pthread_cond_wait(os_cond(c), os_mutex(m));
}

bool mlci_os_wait_until(mlci_cond *c, mlci_mutex *m, int64_t deadline_us)
{
    struct timespec ts;
    int64_t left = deadline_us - mlci_os_now_us();

    if (left <= 0)
        return false;
#ifdef __APPLE__
    ts.tv_sec = (time_t)(left / 1000000);
    ts.tv_nsec = (long)(left % 1000000) * 1000;
    return pthread_cond_timedwait_relative_np(os_cond(c), os_mutex(m), &ts) == 0;
#else
    ts.tv_sec = (time_t)(deadline_us / 1000000);
    ts.tv_nsec = (long)(deadline_us % 1000000) * 1000;
    return pthread_cond_timedwait(os_cond(c), os_mutex(m), &ts) == 0;
#endif
}

/* ---- clock and the rest ------------------------------------------------------ */

void mlci_os_sleep(uint32_t ms)
{
    struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

int64_t mlci_os_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t mlci_os_unix_time(void)
{
    return (int64_t)time(NULL);
}

void mlci_os_date(int64_t t, mlci_date *date)
{
    time_t clock = (time_t)(t < 0 ? mlci_os_unix_time() : t);
    struct tm tm;

    memset(&tm, 0, sizeof tm);
    if (t < 0)
        (void)localtime_r(&clock, &tm);
    else
        (void)gmtime_r(&clock, &tm);
    date->year = tm.tm_year + 1900;
    date->month = tm.tm_mon + 1;
    date->day = tm.tm_mday;
    date->hour = tm.tm_hour;
    date->minute = tm.tm_min;
    date->second = tm.tm_sec;
    date->weekday = tm.tm_wday;
    date->yearday = tm.tm_yday;
}

uint64_t mlci_os_random(void)
{
    uint64_t v = 0;

#if defined __linux__
    if (getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v)
        return v;
#else
    if (getentropy(&v, sizeof v) == 0)
        return v;
#endif
    return (uint64_t)mlci_os_now_us() * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
}

void mlci_os_error_text(int os_error, char *buf, size_t cap)
{
    char text[128];

#if defined __GLIBC__
    const char *t = strerror_r(os_error, text, sizeof text);
#else
    const char *t = strerror_r(os_error, text, sizeof text) == 0 ? text : "";
#endif
    snprintf(buf, cap, ": %s", t);
}

/* ---- libraries that may be there ------------------------------------------------------ */

void *mlci_os_library(const char *name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
void *mlci_os_symbol(void *library, const char *name) { return dlsym(library, name); }
