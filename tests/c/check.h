/*
 * What the C tests share: checks that count, a private domain, and a watchdog that says where.
 *
 * The tests run in a child process; its parent has no part in the domain, so it can see whether the domain
 * can be removed and whether anything is left. The counters live in shared memory: checks in forked
 * children count too.
 */
#ifndef MPROC_CHECK_H
#define MPROC_CHECK_H

#include <mproc.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK_SECONDS 120 /* far beyond what a test takes, also under valgrind: only a hang gets here */

typedef struct {
    int passed;
    int failed;
    const char *file; /* where the process that checked last is */
    int line;
} check_counts_t;

/* One for all source files of a program. */
__attribute__((weak)) check_counts_t *check_counts;

static inline void check_that(int ok, const char *file, int line, const char *text) {
    check_counts->file = file;
    check_counts->line = line;
    __atomic_fetch_add(ok ? &check_counts->passed : &check_counts->failed, 1, __ATOMIC_RELAXED);
    if (!ok) {
        fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
    }
}

static inline void check_long(long long expected, long long seen, const char *file, int line, const char *text) {
    check_that(expected == seen, file, line, text);
    if (expected != seen) {
        fprintf(stderr, "    expected %lld, got %lld\n", expected, seen);
    }
}

static inline void check_status(int expected, int seen, const char *file, int line, const char *text) {
    check_that(expected == seen, file, line, text);
    if (expected != seen) {
        mproc_error_t error;
        fprintf(stderr, "    expected %s, got %s (%d)", mproc_status_name(expected), mproc_status_name(seen), seen);
        if (seen < 0 && mproc_last_error(&error, sizeof error) == MPROC_OK) {
            fprintf(stderr, ": %s (errno %d)", error.message, error.sys_errno);
        }
        fputc('\n', stderr);
    }
}

/* A condition; two integers; the status a call returns. */
#define CHECK(condition) check_that((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define CHECK_INT(expected, seen) check_long((long long)(expected), (long long)(seen), __FILE__, __LINE__, #seen)
#define CHECK_IS(status, call) check_status((status), (call), __FILE__, __LINE__, #call)
#define CHECK_OK(call) CHECK_IS(MPROC_OK, call)

/* The same where nothing can go on without it. */
#define NEED_OK(call)                                                         \
    do {                                                                      \
        int need_status = (call);                                             \
        check_status(MPROC_OK, need_status, __FILE__, __LINE__, #call);       \
        if (need_status != MPROC_OK) {                                        \
            exit(1);                                                          \
        }                                                                     \
    } while (0)

static inline void check_alarm(int signal_number) {
    static const char text[] = "watchdog: hung after the check at ";
    char digits[12];
    size_t at = sizeof digits;
    int line = check_counts->line;
    (void)signal_number;
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + line % 10);
        line /= 10;
    } while (line != 0);
    digits[--at] = ':';
    if (write(2, text, sizeof text - 1) < 0 || write(2, check_counts->file, strlen(check_counts->file)) < 0 ||
        write(2, digits + at, sizeof digits - at) < 0) {
        _exit(3);
    }
    _exit(2);
}

/* Forked children do not inherit an alarm: each calls this for itself. */
static inline void check_watchdog(void) {
    signal(SIGALRM, check_alarm);
    alarm(CHECK_SECONDS);
}

/* fork() with a watchdog in the child. The child ends with check_leave(). */
static inline pid_t check_fork(void) {
    pid_t pid;
    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    if (pid == 0) {
        check_watchdog();
    }
    return pid;
}

/* Ends a forked child without running its parent's atexit handlers. */
static inline void check_leave(void) {
    fflush(NULL);
    _exit(0);
}

/* Waits for a child that has to end by itself, successfully. */
static inline void check_child(pid_t pid, const char *file, int line) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, file, line, "the child ended well");
}
#define CHECK_CHILD(pid) check_child((pid), __FILE__, __LINE__)

/* Kills a child and waits until it is gone. */
static inline void check_kill(pid_t pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static inline void check_sleep_ms(long ms) {
    struct timespec t;
    t.tv_sec = ms / 1000;
    t.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&t, NULL);
}

/* A gate between a process and its forks: one word, opened once. */
typedef int check_gate_t;

static inline check_gate_t *check_gate(void) {
    void *page = mmap(NULL, sizeof(check_gate_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return (check_gate_t *)page;
}

static inline void check_gate_open(check_gate_t *gate) {
    __atomic_store_n(gate, 1, __ATOMIC_SEQ_CST);
}

static inline void check_gate_wait(check_gate_t *gate) {
    while (__atomic_load_n(gate, __ATOMIC_SEQ_CST) == 0) {
        check_sleep_ms(1);
    }
}

static inline void check_gate_free(check_gate_t *gate) {
    munmap(gate, sizeof *gate);
}

/* Removes a directory of files, however its owner ended. */
static inline void check_remove_files(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    rmdir(path);
}

/* Runs the tests in a private default domain and prints the tally; the result of main(). */
static inline int check_main(const char *title, void (*tests)(void)) {
    char domain[64];
    struct stat st;
    pid_t child;
    int status = -1;

    check_counts = mmap(NULL, sizeof *check_counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (check_counts == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    check_counts->file = "(start)";
    snprintf(domain, sizeof domain, "/dev/shm/mproc-ctest-%ld", (long)getpid());
    setenv("MPROC_DOMAIN", domain, 1);

    child = check_fork();
    if (child == 0) {
        tests();
        fflush(NULL);
        exit(0); /* not _exit: leak checkers look here */
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s: the tests ended with %s %d\n", title, WIFSIGNALED(status) ? "signal" : "exit code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        __atomic_fetch_add(&check_counts->failed, 1, __ATOMIC_RELAXED);
    }
    CHECK_OK(mproc_domain_remove(domain));
    CHECK(stat(domain, &st) != 0 && errno == ENOENT);
    check_remove_files(domain);
    printf("%d passed, %d failed\n", check_counts->passed, check_counts->failed);
    return check_counts->failed == 0 ? 0 : 1;
}

#endif
