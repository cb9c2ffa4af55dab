/* The parts of api_test, one for each subject, and what they share. */
#ifndef MPROC_API_TEST_H
#define MPROC_API_TEST_H

#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>

void api_domain(void);
void api_lock(void);
void api_value(void);
void api_array(void);
void api_queue(void);
void api_cancel(void);
void api_handle(void);
int api_handle_child(const char *what);
void api_pipe(void);
int api_pipe_child(void);
void api_inplace(void);
void api_jobs(void);
int api_jobs_child(void);
void api_options(void);
void api_rlock(void);
void api_rwlock(void);
void api_semaphore(void);
void api_condition(void);
void api_event(void);
void api_barrier(void);
void api_signals(void);
void api_value_wait(void);
void api_wait(void);
void api_pollable(void);

#define API_MS INT64_C(1000000) /* nanoseconds */

/* Programs that valgrind runs are some fifty times slower, and have few threads. */
static inline int api_slow(void) {
    return getenv("UNDER_VALGRIND") != NULL;
}

/* Zeroed memory that this process and its forks share. */
static inline void *api_shared(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

/* Somebody else, who runs a function: a thread of this process, or a forked one. */
typedef struct {
    void (*body)(void *);
    void *argument;
    int is_process;
    pid_t process;
    pthread_t thread;
    volatile pid_t *id; /* shared: the thread that runs it, once it does */
} party_t;

static inline void *party_main(void *argument) {
    party_t *p = (party_t *)argument;
    __atomic_store_n(p->id, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    p->body(p->argument);
    return NULL;
}

static inline void party_start(party_t *p, int as_process, void (*body)(void *), void *argument) {
    memset(p, 0, sizeof *p);
    p->body = body;
    p->argument = argument;
    p->is_process = as_process;
    p->id = (volatile pid_t *)api_shared(sizeof *p->id);
    if (!as_process) {
        if (pthread_create(&p->thread, NULL, party_main, p) != 0) {
            perror("pthread_create");
            exit(1);
        }
    } else if ((p->process = check_fork()) == 0) {
        party_main(p);
        check_leave();
    }
}

/* Waits until it has ended, successfully. */
static inline void party_join_at(party_t *p, const char *file, int line) {
    if (p->is_process) {
        check_child(p->process, file, line);
    } else {
        check_that(pthread_join(p->thread, NULL) == 0, file, line, "the thread ended");
    }
    munmap((void *)p->id, sizeof *p->id);
}
#define party_join(p) party_join_at((p), __FILE__, __LINE__)

static inline void party_kill(party_t *p) {
    check_kill(p->process);
    munmap((void *)p->id, sizeof *p->id);
}

/* The state letter of a thread: S is asleep, T stopped. */
static inline char api_state(pid_t process, pid_t thread) {
    char path[64], line[512], *end;
    ssize_t got;
    int fd;
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", (long)process, (long)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (got <= 0) {
        return '-';
    }
    line[got] = '\0';
    end = strrchr(line, ')'); /* the command name may contain anything */
    return end != NULL && end[1] == ' ' ? end[2] : '-';
}

/* For the watchdog: this is where the test is. */
static inline void api_here(const char *file, int line) {
    check_counts->file = file;
    check_counts->line = line;
}

/* Waits until it sleeps: for functions in which that can only be in the call under test. */
static inline void party_await_sleep_at(const party_t *p, const char *file, int line) {
    int looks = 0;
    api_here(file, line);
    while (looks < 3) {
        pid_t id = __atomic_load_n(p->id, __ATOMIC_SEQ_CST);
        looks = id != 0 && api_state(p->is_process ? p->process : getpid(), id) == 'S' ? looks + 1 : 0;
        check_sleep_ms(1);
    }
}
#define party_await_sleep(p) party_await_sleep_at((p), __FILE__, __LINE__)

/* The system call that a stopped thread is in; -1: none; -2: not to be found out. */
static inline long api_system_call(pid_t process, pid_t thread) {
    char path[64], line[64];
    ssize_t got;
    int fd;
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/syscall", (long)process, (long)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (got <= 0) {
        return -2;
    }
    line[got] = '\0';
    return strtol(line, NULL, 10);
}

/* Stops a process that waits: in its sleep, not while it holds one of the library's own locks for a moment. */
static inline void party_stop_at(const party_t *p, const char *file, int line) {
    enum { FUTEX_WAITV = 449 };
    int tries;
    for (tries = 0; tries < 100; tries++) {
        long call;
        party_await_sleep_at(p, file, line);
        kill(p->process, SIGSTOP);
        while (waitpid(p->process, NULL, WUNTRACED) < 0 && errno == EINTR) {
        }
        call = api_system_call(p->process, *p->id);
        if (call == SYS_futex || call == FUTEX_WAITV || call == -2) {
            return;
        }
        kill(p->process, SIGCONT);
    }
    check_that(0, file, line, "stopped in its sleep");
    kill(p->process, SIGSTOP);
}
#define party_stop(p) party_stop_at((p), __FILE__, __LINE__)

/* Waits until something holds; the watchdog says where if it never does. */
#define AWAIT(condition)              \
    do {                              \
        api_here(__FILE__, __LINE__); \
        while (!(condition)) {        \
            check_sleep_ms(1);        \
        }                             \
    } while (0)

#endif
