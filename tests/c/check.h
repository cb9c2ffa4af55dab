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
#include <stdarg.h>
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

/* What failed, to be said once more behind the totals: often only the last lines of a log are kept. */
enum { CHECK_NOTES = 20, CHECK_NOTE = 400 };
typedef struct {
    int count; /* also of those that found no place */
    char lines[CHECK_NOTES][CHECK_NOTE];
} check_notes_t;

/* Shared by all processes of a program, as the counts are; NULL: nothing is noted. */
__attribute__((weak)) check_notes_t *check_notes;

/* Memory that forked children share. */
static inline void *check_shared(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

__attribute__((format(printf, 1, 0))) static inline void check_note_list(const char *format, va_list args) {
    char line[CHECK_NOTE];
    int place;
    if (check_notes == NULL) {
        return;
    }
    memset(line, 0, sizeof line);
    vsnprintf(line, sizeof line, format, args);
    place = __atomic_fetch_add(&check_notes->count, 1, __ATOMIC_RELAXED);
    if (place < CHECK_NOTES) {
        memcpy(check_notes->lines[place], line, sizeof line);
    }
}

/* Notes what failed; whoever calls it has said so already. */
__attribute__((format(printf, 1, 2))) static inline void check_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    check_note_list(format, args);
    va_end(args);
}

/* Says what failed, and notes it. */
__attribute__((format(printf, 1, 2))) static inline void check_complain(const char *format, ...) {
    char line[2 * CHECK_NOTE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "%s\n", line); /* in one piece, whoever else writes there */
    va_start(args, format);
    check_note_list(format, args);
    va_end(args);
}

/* Counts it; whether it holds. Whoever calls it says more if it does not. */
static inline int check_count(int ok, const char *file, int line) {
    check_counts->file = file;
    check_counts->line = line;
    __atomic_fetch_add(ok ? &check_counts->passed : &check_counts->failed, 1, __ATOMIC_RELAXED);
    return ok;
}

static inline void check_that(int ok, const char *file, int line, const char *text) {
    if (!check_count(ok, file, line)) {
        check_complain("%s:%d: failed: %s", file, line, text);
    }
}

static inline void check_long(long long expected, long long seen, const char *file, int line, const char *text) {
    if (!check_count(expected == seen, file, line)) {
        check_complain("%s:%d: failed: %s: expected %lld, got %lld", file, line, text, expected, seen);
    }
}

static inline void check_status(int expected, int seen, const char *file, int line, const char *text) {
    if (!check_count(expected == seen, file, line)) {
        mproc_error_t error;
        const char *names[2];
        memset(&error, 0, sizeof error);
        if (seen < 0) {
            mproc_last_error(&error, sizeof error);
        }
        names[0] = mproc_status_name(expected);
        names[1] = mproc_status_name(seen);
        check_complain("%s:%d: failed: %s: expected %s, got %s (%d): %s (errno %d)", file, line, text, names[0],
                       names[1], seen, error.message, error.sys_errno);
    }
}

/* The end of a program's output: the totals, and what failed, a line each, beginning with FAIL. Its exit code. */
static inline int check_tally(void) {
    int i;
    fflush(NULL);
    printf("%d passed, %d failed\n", check_counts->passed, check_counts->failed);
    for (i = 0; check_notes != NULL && i < check_notes->count && i < CHECK_NOTES; i++) {
        printf("FAIL %s\n", check_notes->lines[i]);
    }
    if (check_notes != NULL && check_notes->count > CHECK_NOTES) {
        printf("FAIL and %d more\n", check_notes->count - CHECK_NOTES);
    }
    return check_counts->failed == 0 ? 0 : 1;
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
    return (check_gate_t *)check_shared(sizeof(check_gate_t));
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

    check_counts = (check_counts_t *)check_shared(sizeof *check_counts);
    check_notes = (check_notes_t *)check_shared(sizeof *check_notes);
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
        check_complain("%s: the tests ended with %s %d, after the check at %s:%d", title,
                       WIFSIGNALED(status) ? "signal" : "exit code",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), check_counts->file,
                       check_counts->line);
        __atomic_fetch_add(&check_counts->failed, 1, __ATOMIC_RELAXED);
    }
    CHECK_OK(mproc_domain_remove(domain));
    CHECK(stat(domain, &st) != 0 && errno == ENOENT);
    check_remove_files(domain);
    return check_tally();
}

#endif
