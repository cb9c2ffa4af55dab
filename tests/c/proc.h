/*
 * Processes for the tests: starting them, waiting for them with a limit, words they share, directories
 * to look into. Header-only; include it before any system header, because it asks for GNU extensions.
 */
#ifndef MPROC_TESTS_PROC_H
#define MPROC_TESTS_PROC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline int64_t proc_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SEC + t.tv_nsec;
}

static inline void proc_sleep_ns(int64_t ns)
{
    struct timespec t = { ns / SEC, ns % SEC };
    while (nanosleep(&t, &t) && errno == EINTR) {
    }
}

/* Burns CPU time: for moments shorter than the scheduler can sleep. */
static inline void proc_spin_ns(int64_t ns)
{
    int64_t end = proc_now() + ns;
    while (proc_now() < end) {
    }
}

/* A small random generator (splitmix64); one for each thread, seeded differently. */
struct rng {
    uint64_t state;
};

static inline uint64_t mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint64_t rng_next(struct rng *r)
{
    return mix64(r->state += UINT64_C(0x9E3779B97F4A7C15));
}

/* 0 .. n-1 */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

/* Zeroed memory that forked children share; it survives the death of any of them. */
static inline void *proc_shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return p;
}

/* fork(); the child dies with the thread that started it, so that an interrupted test leaves nobody behind. */
static inline pid_t proc_fork(void)
{
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent && getppid() != 0) { /* 0: the parent is outside of our pid namespace */
            _exit(9);
        }
    }
    return pid;
}

/* waitpid() with a limit: false when the child has not ended in time (it is left running). */
static inline bool proc_wait(pid_t pid, int64_t timeout_ns, int *status)
{
    int64_t end = proc_now() + timeout_ns, pause = 20000;
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (proc_now() > end) {
            return false;
        }
        proc_sleep_ns(pause);
        pause = pause < 2 * MS ? pause * 2 : 2 * MS;
    }
}

/* SIGKILL, and waits until the kernel has taken the child apart. */
static inline void proc_kill(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

/* Waits until a shared word has reached a number. */
static inline bool proc_await(const _Atomic uint32_t *word, uint32_t at_least, int64_t timeout_ns)
{
    int64_t end = proc_now() + timeout_ns;
    while (atomic_load(word) < at_least) {
        if (proc_now() > end) {
            return false;
        }
        proc_sleep_ns(50000);
    }
    return true;
}

/* The state letter of a process (R, S, D, T, Z, ...), or '-' when there is none. */
static inline char proc_state(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f) {
        return '-';
    }
    char state = '-';
    if (fgets(line, sizeof line, f)) {
        const char *end = strrchr(line, ')'); /* the command name may contain anything */
        if (end && end[1] == ' ') {
            state = end[2];
        }
    }
    fclose(f);
    return state;
}

/* SIGSTOP, and waits until every thread has stopped. The target must be a child. */
static inline void proc_stop(pid_t pid)
{
    int status;
    kill(pid, SIGSTOP);
    while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
}

/* Runs the calling thread on one CPU only; harmless where that CPU is not ours. */
static inline void proc_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/*
 * Counts the entries of a directory, those that start with a dot only if asked for; -1 when it cannot be
 * read. Their names go to `names`, separated by blanks, as far as they fit.
 */
static inline int proc_list(const char *path, bool with_dots, char *names, size_t size)
{
    DIR *d = opendir(path);
    if (!d) {
        return -1;
    }
    int n = 0;
    size_t used = 0;
    if (size) {
        names[0] = 0;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || (!with_dots && e->d_name[0] == '.')) {
            continue;
        }
        n++;
        size_t len = strlen(e->d_name);
        if (used + len + 2 < size) {
            memcpy(names + used, e->d_name, len);
            used += len;
            names[used++] = ' ';
            names[used] = 0;
        }
    }
    closedir(d);
    return n;
}

/* Removes a directory and whatever is in it; of directories inside only empty ones. */
static inline void proc_remove_dir(const char *path)
{
    DIR *d = opendir(path);
    if (d) {
        for (struct dirent *e; (e = readdir(d));) {
            if (unlinkat(dirfd(d), e->d_name, 0) != 0) {
                unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
            }
        }
        closedir(d);
    }
    rmdir(path);
}

/*
 * Bytes that prove themselves: every word follows from the stamp in the first one, so a mixture of two
 * writes cannot pass. At least 16 bytes.
 */
static inline uint64_t pattern_word(uint64_t stamp, uint64_t i)
{
    return i == 0 ? stamp : (stamp ^ (i * UINT64_C(0xD1342543DE82EF95))) * UINT64_C(0x9E3779B97F4A7C15) + i;
}

static inline void pattern_fill(void *buf, size_t size, uint64_t stamp)
{
    unsigned char *p = buf;
    for (size_t i = 0; i * 8 < size; i++) {
        uint64_t w = pattern_word(stamp, i);
        size_t n = size - i * 8 < 8 ? size - i * 8 : 8;
        memcpy(p + i * 8, &w, n);
    }
}

/* The offset of the first byte that does not belong, or -1 when all is well; the stamp goes to *stamp. */
static inline long pattern_check(const void *buf, size_t size, uint64_t *stamp)
{
    const unsigned char *p = buf;
    memcpy(stamp, p, 8);
    for (size_t i = 1; i * 8 < size; i++) {
        uint64_t w = pattern_word(*stamp, i);
        size_t n = size - i * 8 < 8 ? size - i * 8 : 8;
        if (memcmp(p + i * 8, &w, n)) {
            return (long)(i * 8);
        }
    }
    return -1;
}

#endif
