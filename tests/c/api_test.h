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
void api_datum(void);
void api_dict(void);
void api_list(void);
void api_namespace(void);
void api_arena(void);
void api_far_containers(void);
void api_manager(void);

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

static inline mproc_builder_t *api_builder(void) {
    mproc_builder_t *builder = NULL;
    NEED_OK(mproc_builder_create(&builder));
    return builder;
}

/* A datum, given as JSON. It lives in the builder until the next call on that. */
static inline mproc_datum_t api_datum_of(mproc_builder_t *builder, const char *json) {
    mproc_datum_t datum = mproc_datum_nil();
    NEED_OK(mproc_builder_reset(builder));
    NEED_OK(mproc_builder_add_json(builder, json, strlen(json)));
    NEED_OK(mproc_builder_datum(builder, &datum));
    return datum;
}

/* What a datum is, as JSON. */
static inline void api_check_datum(const char *expected, mproc_datum_t datum, const char *file, int line) {
    size_t cap = strlen(expected) + 256, len = 0;
    char *seen = (char *)calloc(1, cap);
    int status = mproc_datum_to_json(datum, 0, seen, cap, &len);
    if (status == MPROC_EMSGSIZE) {
        free(seen);
        seen = (char *)calloc(1, len);
        status = mproc_datum_to_json(datum, 0, seen, len, &len);
    }
    check_status(MPROC_OK, status, file, line, "mproc_datum_to_json()");
    check_that(strcmp(expected, seen) == 0, file, line, "the datum is what it should be");
    if (strcmp(expected, seen) != 0) {
        fprintf(stderr, "    expected %s, got %s\n", expected, seen);
    }
    free(seen);
}
#define CHECK_DATUM(expected, datum) api_check_datum((expected), (datum), __FILE__, __LINE__)

/* What a container of a kind (dict, list or namespace) is, with all that is inside, as JSON. */
#define CHECK_CONTENTS(expected, kind, container)                                     \
    do {                                                                              \
        mproc_builder_t *contents_in = api_builder();                                 \
        mproc_datum_t contents = mproc_datum_nil();                                   \
        CHECK_OK(mproc_##kind##_copy((container), MPROC_COPY_DEEP, contents_in));     \
        CHECK_OK(mproc_builder_datum(contents_in, &contents));                        \
        CHECK_DATUM((expected), contents);                                            \
        mproc_builder_close(contents_in);                                             \
    } while (0)
#define CHECK_DICT(expected, container) CHECK_CONTENTS((expected), dict, (container))
#define CHECK_LIST(expected, container) CHECK_CONTENTS((expected), list, (container))
#define CHECK_NAMESPACE(expected, container) CHECK_CONTENTS((expected), namespace, (container))

/* What an iterator still has, as JSON: values; or keys; or pairs, as lists of two. Ends it. */
enum { API_VALUES, API_KEYS, API_PAIRS };
static inline void api_check_iter(const char *expected, mproc_iter_t *iter, int what, const char *file, int line) {
    mproc_builder_t *builder = api_builder();
    mproc_datum_t key, value, all = mproc_datum_nil();
    int status;
    check_status(MPROC_OK, mproc_builder_begin_list(builder), file, line, "mproc_builder_begin_list()");
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
        int added = MPROC_OK;
        if (what == API_PAIRS) {
            added = mproc_builder_begin_list(builder);
        }
        if (what != API_VALUES && added == MPROC_OK) {
            added = mproc_builder_add(builder, key);
        }
        if (what != API_KEYS && added == MPROC_OK) {
            added = mproc_builder_add(builder, value);
        }
        if (what == API_PAIRS && added == MPROC_OK) {
            added = mproc_builder_end(builder);
        }
        if (added != MPROC_OK) {
            check_status(MPROC_OK, added, file, line, "mproc_builder_add()");
        }
    }
    check_status(MPROC_END, status, file, line, "mproc_iter_next()");
    check_status(MPROC_END, mproc_iter_next(iter, NULL, NULL), file, line, "mproc_iter_next(), again");
    check_status(MPROC_OK, mproc_builder_end(builder), file, line, "mproc_builder_end()");
    check_status(MPROC_OK, mproc_builder_datum(builder, &all), file, line, "mproc_builder_datum()");
    api_check_datum(expected, all, file, line);
    mproc_builder_close(builder);
    mproc_iter_close(iter);
}
#define CHECK_ITER(expected, iter, what) api_check_iter((expected), (iter), (what), __FILE__, __LINE__)

/* An arena in which nothing is wrong. */
static inline void api_check_sound(const mproc_arena_t *arena, const char *file, int line) {
    char text[256] = "";
    check_status(MPROC_OK, mproc_arena_check(arena, text, sizeof text), file, line, "the arena is sound");
    if (text[0] != '\0') {
        fprintf(stderr, "    %s\n", text);
    }
}
#define CHECK_SOUND(arena) api_check_sound((arena), __FILE__, __LINE__)

static inline mproc_arena_info_t api_arena_info(const mproc_arena_t *arena) {
    mproc_arena_info_t info;
    NEED_OK(mproc_arena_info(arena, &info, sizeof info));
    return info;
}

/* Waits until something holds; the watchdog says where if it never does. */
#define AWAIT(condition)              \
    do {                              \
        api_here(__FILE__, __LINE__); \
        while (!(condition)) {        \
            check_sleep_ms(1);        \
        }                             \
    } while (0)

#endif
