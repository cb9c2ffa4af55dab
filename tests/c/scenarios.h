/*
 * Scenarios: one story about processes each (fork, exec, stop, kill, namespaces, descriptors, memory).
 * Every scenario runs in a process of its own, with a domain of its own and a time limit; whatever it
 * leaves running is killed afterwards, and then its domain must be removable.
 */
#ifndef MPROC_TESTS_SCENARIOS_H
#define MPROC_TESTS_SCENARIOS_H

#include "proc.h"

#include <mproc.h>

enum outcome { RUNNING, FAILED, SKIPPED };

/* Shared by the runner and every process of a scenario. */
struct stage {
    _Atomic uint32_t outcome;
    char why[600];
    _Atomic uint32_t step;    /* for processes of a scenario to wait for each other */
    _Atomic uint32_t flag[8]; /* what they tell each other */
    _Atomic uint64_t number[8];
    char domain[128]; /* the scenario's own domain; also in MPROC_DOMAIN */
};

extern struct stage *stage;

struct scenario {
    const char *name;
    void (*play)(void);
    unsigned limit_s;    /* 0: 30 s */
    bool keeps_domain;   /* the story itself spoils or removes the domain */
};

/* Each file brings its stories, ended by an empty one. */
extern const struct scenario fork_scenarios[], stop_scenarios[], thread_scenarios[], descriptor_scenarios[],
    namespace_scenarios[], memory_scenarios[], signal_scenarios[], passing_scenarios[], pipe_scenarios[],
    family_scenarios[], wait_scenarios[], container_scenarios[];

/* What a program does that a scenario starts with mproc_spawn(): this one once more, with "--program NAME". */
int run_program(const char *name);
/* Those of them that belong to the stories about pipes; false: there is none of that name. */
bool run_pipe_program(const char *name);

/* Ends the scenario (from any of its processes): it has failed. */
void fail_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
/* Ends the scenario: it cannot run here; say how it could. */
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * A tmpfs of our own in place of the scenario's domain directory, seen by this process and its children
 * only. False, with errno, where that is not allowed: how_to_mount says what to do then.
 */
bool private_tmpfs(const char *options);
extern const char how_to_mount[];
/* Fills the file system to the last page; the name of the file starts with a dot, so it is no object. */
void fill_up(const char *path);
/* Every descriptor but the standard ones. */
void close_everything(void);
/* After that: regular files of the program's own now have the numbers that the library used. */
ino_t reuse_numbers(void);
/* They are still the program's, unchanged, and without a lock from anybody. */
void check_numbers(ino_t ino);
/* Two connected sockets. */
void make_pair(int pair[2]);

/* "MPROC_EBUSY: text of the last error", in a static buffer. */
const char *status_text(int status);

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            fail_at(__FILE__, __LINE__, "%s", #condition);                                                 \
        }                                                                                                  \
    } while (0)

#define EXPECT(call, wanted)                                                                               \
    do {                                                                                                   \
        int status_ = (call);                                                                              \
        if (status_ != (wanted)) {                                                                         \
            fail_at(__FILE__, __LINE__, "%s returned %s instead of %s", #call, status_text(status_),       \
                    mproc_status_name(wanted));                                                            \
        }                                                                                                  \
    } while (0)

#define OK(call) EXPECT(call, MPROC_OK)

/* Waits for a step that another process of the scenario takes. */
#define AWAIT(word, at_least)                                                                              \
    do {                                                                                                   \
        if (!proc_await(&(word), (at_least), 20 * SEC)) {                                                  \
            fail_at(__FILE__, __LINE__, "waited in vain for %s >= %s", #word, #at_least);                  \
        }                                                                                                  \
    } while (0)

/* A child must end with exit status 0 within 20 s. */
#define JOIN(pid)                                                                                          \
    do {                                                                                                   \
        int end_ = -1;                                                                                     \
        if (!proc_wait((pid), 20 * SEC, &end_)) {                                                          \
            fail_at(__FILE__, __LINE__, "a process does not end");                                         \
        }                                                                                                  \
        if (end_ != 0) {                                                                                   \
            fail_at(__FILE__, __LINE__, "a process ended with wait status 0x%x", (unsigned)end_);          \
        }                                                                                                  \
    } while (0)

/* Runs `body` in a child (which then exits with 0) and waits for it. */
#define IN_CHILD(...)                                                                                      \
    do {                                                                                                   \
        pid_t child_ = proc_fork();                                                                        \
        if (child_ == 0) {                                                                                 \
            __VA_ARGS__;                                                                                   \
            _exit(0);                                                                                      \
        }                                                                                                  \
        JOIN(child_);                                                                                      \
    } while (0)

/* The usual objects, by name, in the default domain. */
static inline mproc_lock_t *new_lock(const char *name)
{
    mproc_lock_t *lock = NULL;
    OK(mproc_lock_create(NULL, name, NULL, &lock));
    return lock;
}

static inline mproc_lock_t *old_lock(const char *name)
{
    mproc_lock_t *lock = NULL;
    OK(mproc_lock_open(NULL, name, NULL, &lock));
    return lock;
}

static inline mproc_value_t *new_value(const char *name, int64_t initial)
{
    mproc_value_t *value = NULL;
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I64;
    o.initial = &initial;
    OK(mproc_value_create(NULL, name, &o, &value));
    return value;
}

static inline mproc_array_t *new_array(const char *name, int32_t type, size_t length)
{
    mproc_array_t *array = NULL;
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = type;
    o.ndim = 1;
    o.shape[0] = length;
    OK(mproc_array_create(NULL, name, &o, &array));
    return array;
}

static inline mproc_queue_t *new_queue(const char *name, uint64_t capacity)
{
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.capacity_bytes = capacity;
    OK(mproc_queue_create(NULL, name, &o, &queue));
    return queue;
}

static inline int64_t value_of(const mproc_value_t *value)
{
    int64_t number = 0;
    OK(mproc_value_get_i64(value, &number));
    return number;
}

#endif
