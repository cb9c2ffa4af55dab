/*
 * Who holds something dies: near or behind a connection, it is the same death, and the others go on. Who is only
 * stopped keeps what he has. And the server dies: who waited is told, memory stays.
 */
#include "manager_test.h"

/* --- what can be held -------------------------------------------------------------------------------------------- */

/* The director's handle; made before the victim is started, which opens its own by name. */
static union {
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *semaphore;
    mproc_value_t *value;
    mproc_array_t *array;
    mproc_queue_t *queue;
    mproc_barrier_t *barrier;
    mproc_pipe_t *pipe;
    mproc_condition_t *condition;
} mine;

static mproc_value_options_t number_options(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    options.type_code = MPROC_TYPE_I64;
    return options;
}

static mproc_array_options_t row_options(void) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    options.type_code = MPROC_TYPE_I64;
    options.ndim = 1;
    options.shape[0] = 4;
    return options;
}

static void lock_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_lock_create(domain, "x", NULL, &mine.lock));
}
static void lock_hold(const mproc_domain_t *domain) {
    mproc_lock_t *lock = NULL;
    NEED_OK(mproc_lock_open(domain, "x", NULL, &lock));
    NEED_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
}
static void lock_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(mine.lock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_lock(mine.lock, 30 * MS, NULL));
}
static void lock_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(mine.lock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_lock_unlock(mine.lock));
    CHECK_OK(mproc_lock_try(mine.lock));
    CHECK_OK(mproc_lock_unlock(mine.lock));
}
static void lock_close(void) {
    mproc_lock_close(mine.lock);
}

static void rlock_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_rlock_create(domain, "x", NULL, &mine.rlock));
}
static void rlock_hold(const mproc_domain_t *domain) {
    mproc_rlock_t *rlock = NULL;
    NEED_OK(mproc_rlock_open(domain, "x", NULL, &rlock));
    NEED_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    NEED_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
}
static void rlock_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_try(mine.rlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock(mine.rlock, 30 * MS, NULL));
}
static void rlock_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_rlock_lock(mine.rlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rlock_unlock(mine.rlock));
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(mine.rlock)); /* the dead one's two levels are gone */
}
static void rlock_close(void) {
    mproc_rlock_close(mine.rlock);
}

static void rwlock_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_rwlock_create(domain, "x", NULL, &mine.rwlock));
}
static void writer_hold(const mproc_domain_t *domain) {
    mproc_rwlock_t *rwlock = NULL;
    NEED_OK(mproc_rwlock_open(domain, "x", NULL, &rwlock));
    NEED_OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
}
static void writer_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_read_try(mine.rwlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(mine.rwlock, 30 * MS, NULL));
}
static void writer_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_rwlock_write_lock(mine.rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_write_unlock(mine.rwlock));
    CHECK_OK(mproc_rwlock_read_lock(mine.rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_unlock(mine.rwlock));
}
static void reader_hold(const mproc_domain_t *domain) {
    mproc_rwlock_t *rwlock = NULL;
    NEED_OK(mproc_rwlock_open(domain, "x", NULL, &rwlock));
    NEED_OK(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL));
}
static void reader_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_try(mine.rwlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rwlock_write_lock(mine.rwlock, 30 * MS, NULL));
    CHECK_OK(mproc_rwlock_read_lock(mine.rwlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rwlock_read_unlock(mine.rwlock));
}
static void reader_after(void) {
    CHECK_OK(mproc_rwlock_write_lock(mine.rwlock, MPROC_FOREVER, NULL)); /* a reader leaves nothing half done */
    CHECK_OK(mproc_rwlock_write_unlock(mine.rwlock));
}
static void rwlock_close(void) {
    mproc_rwlock_close(mine.rwlock);
}

static void permit_make(const mproc_domain_t *domain) {
    mproc_semaphore_options_t options = MPROC_SEMAPHORE_OPTIONS_INIT;
    options.flags = MPROC_SEMAPHORE_ACCOUNTING;
    options.initial = 2;
    NEED_OK(mproc_semaphore_create(domain, "x", &options, &mine.semaphore));
}
static void permit_hold(const mproc_domain_t *domain) {
    mproc_semaphore_t *semaphore = NULL;
    NEED_OK(mproc_semaphore_open(domain, "x", NULL, &semaphore));
    NEED_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
    NEED_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
}
static void permit_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_try(mine.semaphore));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(mine.semaphore, 30 * MS, NULL));
    CHECK_IS(MPROC_EPERM, mproc_semaphore_release(mine.semaphore, 1)); /* not ours to give */
}
static void permit_after(void) {
    mproc_semaphore_info_t info;
    CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(mine.semaphore, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_semaphore_acquire(mine.semaphore, MPROC_FOREVER, NULL)); /* both came back */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_try(mine.semaphore));         /* and not more */
    CHECK_OK(mproc_semaphore_info(mine.semaphore, &info, sizeof info));
    CHECK_INT(2, info.held);
    CHECK_OK(mproc_semaphore_release(mine.semaphore, 2));
}
static void semaphore_close(void) {
    mproc_semaphore_close(mine.semaphore);
}

static void value_make(const mproc_domain_t *domain) {
    mproc_value_options_t options = number_options();
    NEED_OK(mproc_value_create(domain, "x", &options, &mine.value));
}
static void value_hold(const mproc_domain_t *domain) {
    mproc_value_options_t options = number_options();
    mproc_value_t *value = NULL;
    NEED_OK(mproc_value_open(domain, "x", &options, &value));
    NEED_OK(mproc_value_lock(value, MPROC_FOREVER, NULL));
    NEED_OK(mproc_value_set_i64(value, 4711));
}
static void value_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_lock(mine.value, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_lock(mine.value, 30 * MS, NULL));
}
static void value_after(void) {
    int64_t number = 0;
    CHECK_IS(MPROC_RECOVERED, mproc_value_lock(mine.value, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_value_get_i64(mine.value, &number));
    CHECK_INT(4711, number);
    CHECK_OK(mproc_value_unlock(mine.value));
}
static void value_close(void) {
    mproc_value_close(mine.value);
}

static void array_make(const mproc_domain_t *domain) {
    mproc_array_options_t options = row_options();
    NEED_OK(mproc_array_create(domain, "x", &options, &mine.array));
}
static void array_hold(const mproc_domain_t *domain) {
    mproc_array_options_t options = row_options();
    mproc_array_t *array = NULL;
    NEED_OK(mproc_array_open(domain, "x", &options, &array));
    NEED_OK(mproc_array_lock(array, MPROC_FOREVER, NULL));
}
static void array_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_array_lock(mine.array, 30 * MS, NULL));
}
static void array_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_array_lock(mine.array, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_array_unlock(mine.array));
}
static void array_close(void) {
    mproc_array_close(mine.array);
}

static void lease_make(const mproc_domain_t *domain) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = MPROC_QUEUE_LEASE;
    NEED_OK(mproc_queue_create(domain, "x", &options, &mine.queue));
    NEED_OK(mproc_queue_put(mine.queue, "the job", 7, 0, NULL));
}
static void lease_hold(const mproc_domain_t *domain) {
    mproc_queue_t *queue = NULL;
    char buf[16];
    size_t len = 0;
    uint64_t lease = 0;
    NEED_OK(mproc_queue_open(domain, "x", NULL, &queue));
    NEED_OK(mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, MPROC_FOREVER, NULL));
}
static void lease_held(void) {
    char buf[16];
    size_t len = 0;
    uint64_t lease = 0;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_lease(mine.queue, buf, sizeof buf, &len, &lease, 30 * MS, NULL));
}
static void lease_after(void) {
    char buf[16] = "";
    size_t len = 0;
    uint64_t lease = 0;
    CHECK_IS(MPROC_RECOVERED, mproc_queue_lease(mine.queue, buf, sizeof buf, &len, &lease, MPROC_FOREVER, NULL));
    CHECK(len == 7 && memcmp(buf, "the job", 7) == 0);
    CHECK_OK(mproc_queue_ack(mine.queue, lease));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_lease(mine.queue, buf, sizeof buf, &len, &lease, 0, NULL));
}
static void queue_close(void) {
    mproc_queue_close(mine.queue);
}

static void task_make(const mproc_domain_t *domain) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = MPROC_QUEUE_JOINABLE;
    NEED_OK(mproc_queue_create(domain, "x", &options, &mine.queue));
    NEED_OK(mproc_queue_put(mine.queue, "the job", 7, 0, NULL));
}
static void task_hold(const mproc_domain_t *domain) {
    mproc_queue_t *queue = NULL;
    char buf[16];
    size_t len = 0;
    NEED_OK(mproc_queue_open(domain, "x", NULL, &queue));
    NEED_OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
}
static void task_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_join(mine.queue, 30 * MS, NULL));
}
static void task_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_queue_join(mine.queue, MPROC_FOREVER, NULL));
}

static void producer_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_queue_create(domain, "x", NULL, &mine.queue));
}
static void producer_hold(const mproc_domain_t *domain) {
    mproc_queue_t *queue = NULL, *producer = NULL;
    NEED_OK(mproc_queue_open(domain, "x", NULL, &queue));
    NEED_OK(mproc_queue_producer(queue, &producer));
}
static void producer_held(void) {
    char buf[16];
    size_t len = 0;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get(mine.queue, buf, sizeof buf, &len, 30 * MS, NULL));
}
static void producer_after(void) {
    char buf[16];
    size_t len = 0;
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(mine.queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
}

static void barrier_make(const mproc_domain_t *domain) {
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    options.parties = 2;
    NEED_OK(mproc_barrier_create(domain, "x", &options, &mine.barrier));
}
static void barrier_hold(const mproc_domain_t *domain) {
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    mproc_barrier_t *barrier = NULL;
    NEED_OK(mproc_barrier_open(domain, "x", &options, &barrier));
    NEED_OK(mproc_barrier_register(barrier));
}
static void barrier_held(void) {
    mproc_barrier_info_t info;
    CHECK_OK(mproc_barrier_info(mine.barrier, &info, sizeof info));
    CHECK_INT(1, info.registered);
    CHECK_INT(0, info.broken);
}
static void barrier_after(void) {
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(mine.barrier, MPROC_FOREVER, NULL, NULL));
}
static void barrier_close(void) {
    mproc_barrier_close(mine.barrier);
}

static void pipe_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_pipe_create(domain, "x", NULL, &mine.pipe, NULL));
}
static void pipe_hold(const mproc_domain_t *domain) {
    mproc_pipe_t *pipe = NULL;
    NEED_OK(mproc_pipe_open(domain, "x", NULL, 1, &pipe));
    NEED_OK(mproc_pipe_send(pipe, "last words", 10, 0, NULL));
}
static void pipe_held(void) {
    mproc_pipe_info_t info;
    CHECK_OK(mproc_pipe_info(mine.pipe, &info, sizeof info));
    CHECK_INT(MPROC_PEER_OPEN, info.peer);
}
static void pipe_after(void) {
    char buf[16] = "";
    size_t len = 0;
    CHECK_OK(mproc_pipe_recv(mine.pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
    CHECK(len == 10 && memcmp(buf, "last words", 10) == 0);
    CHECK_IS(MPROC_EOF, mproc_pipe_recv(mine.pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
}
static void receiver_after(void) {
    static char bytes[64 << 10];
    int status;
    here(__FILE__, __LINE__);
    while ((status = mproc_pipe_send(mine.pipe, bytes, sizeof bytes, MPROC_FOREVER, NULL)) == MPROC_OK) {
    }
    CHECK_IS(MPROC_EPIPE, status);
}
static void pipe_close(void) {
    mproc_pipe_close(mine.pipe);
}

static void condition_make(const mproc_domain_t *domain) {
    NEED_OK(mproc_condition_create(domain, "x", NULL, &mine.condition));
}
static void condition_hold(const mproc_domain_t *domain) {
    mproc_condition_t *condition = NULL;
    NEED_OK(mproc_condition_open(domain, "x", NULL, &condition));
    NEED_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
}
static void condition_held(void) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(mine.condition));
}
static void condition_after(void) {
    CHECK_IS(MPROC_RECOVERED, mproc_condition_lock(mine.condition, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_condition_unlock(mine.condition));
}
static void condition_close(void) {
    mproc_condition_close(mine.condition);
}

/* It waits, and is killed: a notification that was its comes to the other one who waits. */
static void waiter_hold(const mproc_domain_t *domain) {
    mproc_condition_t *condition = NULL;
    NEED_OK(mproc_condition_open(domain, "x", NULL, &condition));
    NEED_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    mproc_condition_wait(condition, MPROC_FOREVER, NULL);
    CHECK(0); /* nobody notifies it while it lives */
}
static uint32_t waiters(void) {
    mproc_condition_info_t info;
    CHECK_OK(mproc_condition_info(mine.condition, &info, sizeof info));
    return info.waiters;
}
static void waiter_held(void) {
    AWAIT(waiters() == 1);
    CHECK_OK(mproc_condition_lock(mine.condition, MPROC_FOREVER, NULL)); /* it has given the lock up */
    CHECK_OK(mproc_condition_unlock(mine.condition));
}
static void waiter_after(void) {
    CHECK_OK(mproc_condition_lock(mine.condition, MPROC_FOREVER, NULL));
    /* RECOVERED: the dead one had been given the lock again. */
    CHECK_EITHER(MPROC_OK, MPROC_RECOVERED, mproc_condition_wait(mine.condition, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_condition_unlock(mine.condition));
}
static void waiter_ready(void) {
    AWAIT(waiters() == 2);
}
static void waiter_push(int far) {
    if (far) {
        /* A far one is dead when the server knows. Before, it can be notified, and dies with the lock: then that says
         * RECOVERED, as with a near one that dies there. */
        AWAIT(waiters() == 1);
    }
    CHECK_OK(mproc_condition_notify(mine.condition, 1));
}

typedef struct {
    const char *name;
    void (*make)(const mproc_domain_t *); /* the director creates it, in `mine` */
    void (*hold)(const mproc_domain_t *); /* the victim opens it and takes it */
    void (*held)(void);                   /* so it looks meanwhile */
    void (*after)(void);                  /* begun before the death, and finished after it */
    void (*close)(void);
    void (*ready)(void);   /* NULL, or waits until `after` has got that far */
    void (*push)(int far); /* NULL, or what the director does after the death; of a far one? */
    int blocks;            /* hold() does not come back */
} story_t;

static const story_t stories[] = {
    {"lock", lock_make, lock_hold, lock_held, lock_after, lock_close, NULL, NULL, 0},
    {"rlock", rlock_make, rlock_hold, rlock_held, rlock_after, rlock_close, NULL, NULL, 0},
    {"writer", rwlock_make, writer_hold, writer_held, writer_after, rwlock_close, NULL, NULL, 0},
    {"reader", rwlock_make, reader_hold, reader_held, reader_after, rwlock_close, NULL, NULL, 0},
    {"permits", permit_make, permit_hold, permit_held, permit_after, semaphore_close, NULL, NULL, 0},
    {"value's lock", value_make, value_hold, value_held, value_after, value_close, NULL, NULL, 0},
    {"array's lock", array_make, array_hold, array_held, array_after, array_close, NULL, NULL, 0},
    {"lease", lease_make, lease_hold, lease_held, lease_after, queue_close, NULL, NULL, 0},
    {"unfinished work", task_make, task_hold, task_held, task_after, queue_close, NULL, NULL, 0},
    {"producer", producer_make, producer_hold, producer_held, producer_after, queue_close, NULL, NULL, 0},
    {"barrier", barrier_make, barrier_hold, barrier_held, barrier_after, barrier_close, NULL, NULL, 0},
    {"sender", pipe_make, pipe_hold, pipe_held, pipe_after, pipe_close, NULL, NULL, 0},
    {"receiver", pipe_make, pipe_hold, pipe_held, receiver_after, pipe_close, NULL, NULL, 0},
    {"condition", condition_make, condition_hold, condition_held, condition_after, condition_close, NULL, NULL, 0},
    {"waiting", condition_make, waiter_hold, waiter_held, waiter_after, condition_close, waiter_ready, waiter_push, 1},
};
enum { STORIES = sizeof stories / sizeof *stories };

static void *run_after(void *argument) {
    ((const story_t *)argument)->after();
    return NULL;
}

/* A victim that comes one way, a director that comes another. */
static void play(const server_t *server, const story_t *story, int victims_way, int way) {
    mproc_manager_t *manager = arrive(server, way);
    _Atomic uint32_t *holds = (_Atomic uint32_t *)proc_shared(sizeof *holds);
    int failed = check_counts->failed;
    pthread_t thread;
    pid_t victim;
    check_watchdog();
    story->make(domain_of(manager));
    victim = check_fork();
    if (victim == 0) {
        mproc_manager_t *own = arrive(server, victims_way);
        if (story->blocks) {
            atomic_store(holds, 1);
        }
        story->hold(domain_of(own));
        atomic_store(holds, 1);
        for (;;) {
            pause();
        }
    }
    AWAIT(atomic_load(holds) == 1);
    story->held();
    proc_stop(victim);
    story->held(); /* a stopped one is not robbed */
    kill(victim, SIGCONT);
    story->held();
    if (pthread_create(&thread, NULL, run_after, (void *)(uintptr_t)story) != 0) {
        perror("pthread_create");
        exit(1);
    }
    if (story->ready != NULL) {
        story->ready();
    } else {
        proc_sleep_ns(5 * MS); /* mostly, it waits by then; if not, that is fine, too */
    }
    check_kill(victim);
    if (story->push != NULL) {
        story->push(victims_way != NEAR);
    }
    pthread_join(thread, NULL);
    story->close();
    CHECK_OK(mproc_domain_unlink(domain_of(manager), "x"));
    mproc_manager_close(manager);
    munmap((void *)holds, sizeof *holds);
    if (check_counts->failed != failed) {
        check_complain("that was \"%s\": the victim %s, the other %s", story->name, way_name(victims_way),
                       way_name(way));
    }
}

void manager_death(void) {
    server_t server = server_start(NULL);
    int i, victims_way, way;
    for (i = 0; i < STORIES; i++) {
        for (victims_way = 0; victims_way < WAYS; victims_way++) {
            for (way = 0; way < WAYS; way++) {
                play(&server, &stories[i], victims_way, way);
            }
        }
    }
    server_end(&server);
}

/* --- the server dies --------------------------------------------------------------------------------------------- */

/* What a far client can be waiting in. All of it is made in `world` by the director. */
typedef struct {
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *semaphore;
    mproc_event_t *event;
    mproc_condition_t *condition;
    mproc_barrier_t *barrier;
    mproc_queue_t *queue;
    mproc_pipe_t *pipe;
    mproc_value_t *value;
    mproc_manager_t *manager;
} world_t;

static world_t world;

static int wait_lock(void) {
    return mproc_lock_lock(world.lock, MPROC_FOREVER, NULL);
}
static int wait_rlock(void) {
    return mproc_rlock_lock(world.rlock, MPROC_FOREVER, NULL);
}
static int wait_read(void) {
    return mproc_rwlock_read_lock(world.rwlock, MPROC_FOREVER, NULL);
}
static int wait_write(void) {
    return mproc_rwlock_write_lock(world.rwlock, MPROC_FOREVER, NULL);
}
static int wait_permit(void) {
    return mproc_semaphore_acquire(world.semaphore, MPROC_FOREVER, NULL);
}
static int wait_event(void) {
    return mproc_event_wait(world.event, MPROC_FOREVER, NULL);
}
static int wait_condition(void) {
    int status = mproc_condition_lock(world.condition, MPROC_FOREVER, NULL);
    return status != MPROC_OK ? status : mproc_condition_wait(world.condition, MPROC_FOREVER, NULL);
}
static int wait_barrier(void) {
    return mproc_barrier_wait(world.barrier, MPROC_FOREVER, NULL, NULL);
}
static int wait_message(void) {
    char buf[8];
    size_t len;
    return mproc_queue_get(world.queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL);
}
static int wait_pipe(void) {
    char buf[8];
    size_t len;
    return mproc_pipe_recv(world.pipe, buf, sizeof buf, &len, MPROC_FOREVER, NULL);
}
static int wait_value(void) {
    int64_t expected = 0;
    return mproc_value_wait(world.value, &expected, sizeof expected, MPROC_FOREVER, NULL);
}
static int wait_call(void) {
    return mproc_manager_call(world.manager, "hold", mproc_datum_nil(), NULL, MPROC_FOREVER, NULL);
}

static const struct {
    const char *name;
    int (*call)(void);
} calls[] = {
    {"lock", wait_lock},       {"rlock", wait_rlock},     {"read lock", wait_read}, {"write lock", wait_write},
    {"permit", wait_permit},   {"event", wait_event},     {"condition", wait_condition}, {"barrier", wait_barrier},
    {"message", wait_message}, {"pipe", wait_pipe},       {"value", wait_value},    {"call", wait_call},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void *run_call(void *argument) {
    size_t i = (size_t)(uintptr_t)argument;
    int status = calls[i].call();
    check_status(MPROC_ECONNECTION, status, __FILE__, __LINE__, calls[i].name);
    return NULL;
}

static void make_world(const mproc_domain_t *domain) {
    mproc_semaphore_options_t none = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_barrier_options_t three = MPROC_BARRIER_OPTIONS_INIT;
    mproc_value_options_t number = number_options();
    none.initial = 0;
    three.parties = 3;
    NEED_OK(mproc_lock_create(domain, "lock", NULL, &world.lock));
    NEED_OK(mproc_rlock_create(domain, "rlock", NULL, &world.rlock));
    NEED_OK(mproc_rwlock_create(domain, "rwlock", NULL, &world.rwlock));
    NEED_OK(mproc_semaphore_create(domain, "semaphore", &none, &world.semaphore));
    NEED_OK(mproc_event_create(domain, "event", NULL, &world.event));
    NEED_OK(mproc_condition_create(domain, "condition", NULL, &world.condition));
    NEED_OK(mproc_barrier_create(domain, "barrier", &three, &world.barrier));
    NEED_OK(mproc_queue_create(domain, "queue", NULL, &world.queue));
    NEED_OK(mproc_pipe_create(domain, "pipe", NULL, &world.pipe, NULL));
    NEED_OK(mproc_value_create(domain, "value", &number, &world.value));
}

static void open_world(const mproc_domain_t *domain) {
    mproc_barrier_options_t three = MPROC_BARRIER_OPTIONS_INIT;
    mproc_value_options_t number = number_options();
    three.parties = 3;
    NEED_OK(mproc_lock_open(domain, "lock", NULL, &world.lock));
    NEED_OK(mproc_rlock_open(domain, "rlock", NULL, &world.rlock));
    NEED_OK(mproc_rwlock_open(domain, "rwlock", NULL, &world.rwlock));
    NEED_OK(mproc_semaphore_open(domain, "semaphore", NULL, &world.semaphore));
    NEED_OK(mproc_event_open(domain, "event", NULL, &world.event));
    NEED_OK(mproc_condition_open(domain, "condition", NULL, &world.condition));
    NEED_OK(mproc_barrier_open(domain, "barrier", &three, &world.barrier));
    NEED_OK(mproc_queue_open(domain, "queue", NULL, &world.queue));
    NEED_OK(mproc_pipe_open(domain, "pipe", NULL, 1, &world.pipe));
    NEED_OK(mproc_value_open(domain, "value", &number, &world.value));
}

static void close_world(void) {
    mproc_lock_close(world.lock);
    mproc_rlock_close(world.rlock);
    mproc_rwlock_close(world.rwlock);
    mproc_semaphore_close(world.semaphore);
    mproc_event_close(world.event);
    mproc_condition_close(world.condition);
    mproc_barrier_close(world.barrier);
    mproc_queue_close(world.queue);
    mproc_pipe_close(world.pipe);
    mproc_value_close(world.value);
}

static uint64_t waiting_there(const mproc_manager_t *manager) {
    mproc_manager_info_t info;
    NEED_OK(mproc_manager_info(manager, &info, sizeof info));
    return info.waiting;
}

/* A far client that waits in everything at once, when the server dies. */
static void far_client(const server_t *server, int way, int64_t reconnect_ns, _Atomic uint32_t *step) {
    pthread_t threads[CALLS];
    size_t i;
    int64_t number;
    int unknowing = reconnect_ns < 0 ? MPROC_ECONNECTION : MPROC_ESTALE;
    mproc_queue_t *new_one = NULL;
    world.manager = arrive_at(way == TCP ? server->tcp : server->proxy, server, reconnect_ns);
    open_world(domain_of(world.manager));
    for (i = 0; i < CALLS; i++) {
        if (pthread_create(&threads[i], NULL, run_call, (void *)i) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    for (i = 0; i < CALLS; i++) {
        here(calls[i].name, 0);
        pthread_join(threads[i], NULL);
    }
    CHECK_IS(MPROC_ECONNECTION, mproc_value_get_i64(world.value, &number));
    atomic_fetch_add(step, 1);
    AWAIT(atomic_load(step) >= 100); /* another instance is there */
    /* Who never tries again may not know. */
    CHECK_EITHER(MPROC_ESTALE, unknowing, mproc_value_get_i64(world.value, &number));
    CHECK_EITHER(MPROC_ESTALE, unknowing, mproc_queue_create(domain_of(world.manager), "new", NULL, &new_one));
    CHECK_EITHER(MPROC_ESTALE, unknowing, mproc_manager_ping(world.manager, MPROC_FOREVER));
    CHECK_EITHER(MPROC_ESTALE, unknowing, mproc_lock_try(world.lock));
    CHECK(new_one == NULL);
    close_world();
    mproc_manager_close(world.manager);
}

/* Near clients after the server's death: the same memory, the same locks, the same deaths. */
static void near_clients_go_on(void) {
    int64_t number = 0;
    pid_t other;
    CHECK_OK(mproc_event_clear(world.event));
    CHECK_OK(mproc_value_set_i64(world.value, 0));
    other = check_fork();
    if (other == 0) {
        NEED_OK(mproc_lock_lock(world.lock, MPROC_FOREVER, NULL));
        NEED_OK(mproc_value_set_i64(world.value, 42));
        NEED_OK(mproc_event_set(world.event));
        for (;;) {
            pause();
        }
    }
    CHECK_OK(mproc_event_wait(world.event, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(world.lock));
    check_kill(other);
    CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(world.lock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_value_get_i64(world.value, &number));
    CHECK_INT(42, number);
    CHECK_OK(mproc_lock_unlock(world.lock));
}

void manager_servers_death(void) {
    server_t server = server_start(NULL), next;
    _Atomic uint32_t *step = (_Atomic uint32_t *)proc_shared(sizeof *step);
    mproc_manager_t *manager = arrive(&server, NEAR), *watcher = arrive(&server, TCP);
    mproc_event_t *new_one = NULL;
    pid_t clients[2];
    int i;
    make_world(domain_of(manager));
    /* Held by this one, so that all calls of the others wait. */
    NEED_OK(mproc_lock_lock(world.lock, MPROC_FOREVER, NULL));
    NEED_OK(mproc_rlock_lock(world.rlock, MPROC_FOREVER, NULL));
    NEED_OK(mproc_rwlock_write_lock(world.rwlock, MPROC_FOREVER, NULL));
    NEED_OK(mproc_condition_lock(world.condition, MPROC_FOREVER, NULL));
    for (i = 0; i < 2; i++) {
        clients[i] = check_fork();
        if (clients[i] == 0) {
            memset(&world, 0, sizeof world);
            /* One gives up at once, one tries for a while. */
            far_client(&server, i == 0 ? TCP : PROXY, i == 0 ? -1 : 0, step);
            check_leave();
        }
        AWAIT(waiting_there(watcher) >= (uint64_t)(i + 1) * (CALLS - 1)); /* a call is no wait */
        if (i == 0) {
            CHECK_OK(mproc_condition_unlock(world.condition)); /* it gets as far as its wait */
        }
    }
    check_kill(server.pid);
    close(server.control);
    AWAIT(atomic_load(step) >= 2);
    CHECK_IS(MPROC_ECONNECTION, mproc_manager_ping(watcher, MPROC_FOREVER));
    CHECK_IS(MPROC_ECONNECTION, mproc_event_create(domain_of(manager), "new", NULL, &new_one));
    CHECK_OK(mproc_lock_unlock(world.lock));
    CHECK_OK(mproc_rlock_unlock(world.rlock));
    CHECK_OK(mproc_rwlock_write_unlock(world.rwlock));
    near_clients_go_on();
    /* Another one at the same address, although the dead one's socket is still there. */
    next = server_start(&server);
    CHECK(strcmp(next.tcp, server.tcp) == 0 && strcmp(next.near, server.near) == 0);
    atomic_fetch_add(step, 100);
    for (i = 0; i < 2; i++) {
        CHECK_CHILD(clients[i]);
    }
    CHECK_IS(MPROC_ESTALE, mproc_event_create(domain_of(manager), "new", NULL, &new_one));
    CHECK_IS(MPROC_ESTALE, mproc_manager_ping(watcher, MPROC_FOREVER));
    CHECK(new_one == NULL);
    near_clients_go_on();
    mproc_manager_close(watcher);
    watcher = arrive(&next, TCP); /* a new connection is one to the new one */
    CHECK_OK(mproc_event_create(domain_of(watcher), "event", NULL, &new_one));
    mproc_event_close(new_one);
    mproc_manager_close(watcher);
    close_world();
    mproc_manager_close(manager);
    server_end(&next);
    munmap((void *)step, sizeof *step);
}
