/*
 * What the tests of looking look at. Does what its arguments say, one after the other, prints "ready", and stays until
 * its standard input ends or it is killed:
 *
 *   all        an object of each kind, some of them held
 *   waiter     waits for the lock "mutex" and for the condition "cond"
 *   odd        has a command name that a terminal would obey, and holds the lock "odd"
 *   events=N   N persistent events, e0000 ...
 *   pump       puts and takes messages of the queue "stream", writes the SNAPSHOT "beat", sets the event "tick"
 *   dict       the dict "site" with a list inside, of which it has a handle
 *   get=NAME   prints the string under the key "host" of the dict NAME
 *   info=NAME  prints bytes used, blocks and containers of the arena of the dict NAME
 *   churn      sets and deletes keys of the dict "churn", always two to eleven of them; opens and closes a list inside
 */
#include <inttypes.h>
#include <mproc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        int status_ = (call);                                                                                          \
        if (status_ < 0) {                                                                                             \
            fprintf(stderr, "%s: %s\n", #call, mproc_strerror(status_));                                               \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

typedef struct {
    int32_t x, y;
    double weight;
} point_t;

static atomic_int waiting;

static mproc_lock_t *make_lock(const char *name)
{
    mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
    mproc_lock_t *lock;
    options.flags = MPROC_EXIST_OK;
    MUST(mproc_lock_create(NULL, name, &options, &lock));
    return lock;
}

static mproc_condition_t *make_condition(const char *name)
{
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    mproc_condition_t *condition;
    options.flags = MPROC_EXIST_OK;
    MUST(mproc_condition_create(NULL, name, &options, &condition));
    return condition;
}

static mproc_event_t *make_event(const char *name, uint32_t flags)
{
    mproc_event_options_t options = MPROC_EVENT_OPTIONS_INIT;
    mproc_event_t *event;
    options.flags = flags;
    MUST(mproc_event_create(NULL, name, &options, &event));
    return event;
}

static mproc_queue_t *make_queue(const char *name, uint32_t flags, uint64_t bytes)
{
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_queue_t *queue;
    options.flags = flags;
    options.capacity_bytes = bytes;
    MUST(mproc_queue_create(NULL, name, &options, &queue));
    return queue;
}

static mproc_value_t *make_value(const char *name, int32_t type, size_t size, const void *initial)
{
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    options.type_code = type;
    options.elem_size = size;
    options.initial = initial;
    MUST(mproc_value_create(NULL, name, &options, &value));
    return value;
}

static void locks(void)
{
    mproc_rlock_options_t rlock_options = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock_options = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore_options = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_barrier_options_t barrier_options = MPROC_BARRIER_OPTIONS_INIT;
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *semaphore;
    mproc_barrier_t *barrier;
    MUST(mproc_lock_lock(make_lock("mutex"), MPROC_FOREVER, NULL));
    make_lock("idle");
    MUST(mproc_rlock_create(NULL, "nested", &rlock_options, &rlock));
    MUST(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    MUST(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    MUST(mproc_rwlock_create(NULL, "shared", &rwlock_options, &rwlock));
    MUST(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
    semaphore_options.flags = MPROC_SEMAPHORE_ACCOUNTING;
    semaphore_options.initial = 3;
    MUST(mproc_semaphore_create(NULL, "permits", &semaphore_options, &semaphore));
    MUST(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
    MUST(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
    MUST(mproc_event_set(make_event("started", 0)));
    make_condition("cond");
    barrier_options.parties = 4;
    MUST(mproc_barrier_create(NULL, "meet", &barrier_options, &barrier));
    MUST(mproc_barrier_register(barrier));
}

static void data(void)
{
    const int64_t number = -42;
    const point_t point = { 1, 2, 0.5 };
    const double row[3] = { 0.5, 1.5, -2.5 };
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    mproc_array_t *array;
    make_value("number", MPROC_TYPE_I64, 0, &number);
    make_value("point", MPROC_TYPE_STRUCT, sizeof point, &point);
    options.type_code = MPROC_TYPE_F64;
    options.ndim = 2;
    options.shape[0] = 3;
    options.shape[1] = 4;
    options.initial = row;
    options.initial_count = 3;
    MUST(mproc_array_create(NULL, "table", &options, &array));
}

static void messages(void)
{
    mproc_queue_t *queue = make_queue("jobs", MPROC_QUEUE_JOINABLE | MPROC_POLLABLE | MPROC_PERSIST, 1 << 16);
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *end0, *end1;
    mproc_view_t view;
    char taken[16];
    size_t len;
    int fd;
    for (int i = 0; i < 6; i++) {
        MUST(mproc_queue_put(queue, "message", 7, MPROC_FOREVER, NULL));
    }
    MUST(mproc_queue_get(queue, taken, sizeof taken, &len, MPROC_FOREVER, NULL));
    MUST(mproc_queue_peek(queue, &view, MPROC_FOREVER, NULL));
    MUST(mproc_queue_reserve(queue, 100, &view, MPROC_FOREVER, NULL));
    MUST(mproc_queue_readable_fd(queue, &fd));
    MUST(mproc_pipe_create(NULL, "duplex", &options, &end0, &end1));
    MUST(mproc_pipe_send(end0, "one", 3, MPROC_FOREVER, NULL));
    MUST(mproc_pipe_send(end1, "two", 3, MPROC_FOREVER, NULL));
    MUST(mproc_pipe_send(end1, "three", 5, MPROC_FOREVER, NULL));
}

static void *wait_for_lock(void *nothing)
{
    mproc_lock_t *lock = make_lock("mutex");
    atomic_fetch_add(&waiting, 1);
    (void)mproc_lock_lock(lock, MPROC_FOREVER, NULL);
    return nothing;
}

static void *wait_for_condition(void *nothing)
{
    mproc_condition_t *condition = make_condition("cond");
    MUST(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    atomic_fetch_add(&waiting, 1);
    (void)mproc_condition_wait(condition, MPROC_FOREVER, NULL);
    return nothing;
}

static void *pump(void *nothing)
{
    const point_t point = { 1, 2, 0.5 };
    mproc_queue_t *queue = make_queue("stream", 0, 1 << 16);
    mproc_value_t *beat = make_value("beat", MPROC_TYPE_STRUCT, sizeof point, &point);
    mproc_event_t *tick = make_event("tick", 0);
    char taken[16];
    size_t len;
    /* Never empty, so that a look always finds something. */
    MUST(mproc_queue_put(queue, "first", 5, MPROC_FOREVER, NULL));
    atomic_fetch_add(&waiting, 1);
    for (;;) {
        MUST(mproc_queue_put(queue, "message", 7, MPROC_FOREVER, NULL));
        MUST(mproc_queue_get(queue, taken, sizeof taken, &len, MPROC_FOREVER, NULL));
        MUST(mproc_value_store(beat, &point, sizeof point));
        MUST(mproc_event_set(tick));
        MUST(mproc_event_clear(tick));
        usleep(100);
    }
    return nothing;
}

static mproc_dict_t *make_dict(const char *name)
{
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict;
    options.flags = MPROC_EXIST_OK;
    options.limit_bytes = 16 << 20;
    MUST(mproc_dict_create(NULL, name, &options, &dict));
    return dict;
}

static void containers(void)
{
    mproc_dict_t *dict = make_dict("site");
    const mproc_arena_t *arena;
    mproc_list_t *list;
    mproc_datum_t ports;
    MUST(mproc_dict_set(dict, mproc_datum_str("host"), mproc_datum_str("example.org")));
    MUST(mproc_dict_set(dict, mproc_datum_str("ports"), mproc_datum_new(MPROC_KIND_LIST)));
    MUST(mproc_dict_get(dict, mproc_datum_str("ports"), NULL, 0, &ports));
    MUST(mproc_dict_arena(dict, &arena));
    MUST(mproc_list_follow(arena, ports, &list));
    MUST(mproc_list_append(list, mproc_datum_int(80)));
}

static void get(const char *name)
{
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict;
    mproc_datum_t host;
    char text[64];
    MUST(mproc_dict_open(NULL, name, &options, &dict));
    MUST(mproc_dict_get(dict, mproc_datum_str("host"), text, sizeof text, &host));
    printf("%.*s\n", (int)host.len, (const char *)host.data);
}

static void info(const char *name)
{
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    const mproc_arena_t *arena;
    mproc_arena_info_t info;
    mproc_dict_t *dict;
    MUST(mproc_dict_open(NULL, name, &options, &dict));
    MUST(mproc_dict_arena(dict, &arena));
    MUST(mproc_arena_info(arena, &info, sizeof info));
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", info.used_bytes, info.blocks, info.containers);
}

static void *churn(void *nothing)
{
    mproc_dict_t *dict = make_dict("churn");
    const mproc_arena_t *arena;
    mproc_datum_t inside;
    mproc_list_t *list;
    MUST(mproc_dict_arena(dict, &arena));
    MUST(mproc_dict_set(dict, mproc_datum_int(0), mproc_datum_str("stays")));
    MUST(mproc_dict_set(dict, mproc_datum_str("inside"), mproc_datum_new(MPROC_KIND_LIST)));
    MUST(mproc_dict_get(dict, mproc_datum_str("inside"), NULL, 0, &inside));
    atomic_fetch_add(&waiting, 1);
    for (;;) {
        for (int i = 1; i < 10; i++) {
            MUST(mproc_dict_set(dict, mproc_datum_int(i), mproc_datum_str("comes and goes")));
            MUST(mproc_list_follow(arena, inside, &list));
            mproc_list_close(list);
        }
        for (int i = 1; i < 10; i++) {
            MUST(mproc_dict_delete(dict, mproc_datum_int(i)));
        }
    }
    return nothing;
}

static void start(void *(*job)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, job, NULL) != 0) {
        fputs("pthread_create failed\n", stderr);
        exit(1);
    }
}

static void run(const char *what)
{
    int n;
    if (!strcmp(what, "all")) {
        locks();
        data();
        messages();
    } else if (!strcmp(what, "waiter")) {
        start(wait_for_lock);
        start(wait_for_condition);
        while (atomic_load(&waiting) < 2) {
            usleep(1000);
        }
    } else if (!strcmp(what, "odd")) {
        prctl(PR_SET_NAME, "od\033[31md");
        MUST(mproc_lock_lock(make_lock("odd"), MPROC_FOREVER, NULL));
    } else if (!strcmp(what, "pump")) {
        start(pump);
        while (atomic_load(&waiting) < 1) {
            usleep(1000);
        }
    } else if (!strcmp(what, "dict")) {
        containers();
    } else if (!strncmp(what, "get=", 4)) {
        get(what + 4);
    } else if (!strncmp(what, "info=", 5)) {
        info(what + 5);
    } else if (!strcmp(what, "churn")) {
        start(churn);
        while (atomic_load(&waiting) < 1) {
            usleep(1000);
        }
    } else if (sscanf(what, "events=%d", &n) == 1) {
        for (int i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "e%04d", i);
            mproc_event_close(make_event(name, MPROC_PERSIST));
        }
    } else {
        fprintf(stderr, "unknown: %s\n", what);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    char byte;
    for (int i = 1; i < argc; i++) {
        run(argv[i]);
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
    }
    return 0;
}
