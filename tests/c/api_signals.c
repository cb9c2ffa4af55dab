/*
 * Signals while a call waits: by default the wait goes on, through a handle with MPROC_RETURN_ON_SIGNAL it ends with
 * MPROC_EINTR. Every call that waits, with and without SA_RESTART, with and without a cancel token.
 *
 * A thread sends the signal again and again, so that no test depends on the moment in which one arrives.
 */
#include "api_test.h"

#include "check.h"

#include <sys/socket.h>

enum { ENOUGH = 3 }; /* signals that a wait has to survive */

static int handled; /* how often the handler has run */

static void count_signal(int signal_number) {
    (void)signal_number;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

/* What the calls wait for; everything is taken, empty or full, so that each of them has to wait. */
typedef struct {
    mproc_lock_t *lock;
    mproc_value_t *value;
    mproc_array_t *array;
    mproc_queue_t *empty, *full, *leased, *busy;
    mproc_pipe_t *ends[2];
    mproc_rlock_t *rlock;
    mproc_rwlock_t *read, *written;
    mproc_semaphore_t *plain, *accounting;
    mproc_condition_t *taken, *own, *with_lock, *with_rlock;
    mproc_lock_t *its_lock;
    mproc_rlock_t *its_rlock;
    mproc_event_t *event;
    mproc_barrier_t *barrier;
} stage_t;

/* How the handles come to be, and with it where they have the flag from. */
typedef enum { CREATED, OPENED, IMPORTED } way_t;

static int objects;

/* An object of `kind`, created with the flags `before`, and the handle with the flags `after`. */
#define MAKE(kind, place, options)                                                               \
    do {                                                                                         \
        mproc_handle_t *passed = NULL;                                                           \
        uint32_t own = (options).flags;                                                          \
        char name[32];                                                                           \
        snprintf(name, sizeof name, "signals-%d", objects++);                                    \
        (options).flags = own | (way == CREATED ? after : before);                               \
        NEED_OK(mproc_##kind##_create(NULL, way == OPENED ? name : NULL, &(options), &(place))); \
        if (way != CREATED) {                                                                    \
            mproc_##kind##_t *first = (place);                                                   \
            (options).flags = own | after;                                                       \
            if (way == OPENED) {                                                                 \
                NEED_OK(mproc_##kind##_open(NULL, name, &(options), &(place)));                  \
            } else {                                                                             \
                NEED_OK(mproc_##kind##_export(first, &passed));                                  \
                NEED_OK(mproc_##kind##_import(passed, &(options), &(place)));                    \
                mproc_handle_close(passed);                                                      \
            }                                                                                    \
            mproc_##kind##_close(first);                                                         \
        }                                                                                        \
        (options).flags = own;                                                                   \
    } while (0)

static void make_pipe(stage_t *s, way_t way, uint32_t before, uint32_t after) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *first[2] = {NULL, NULL};
    int end;
    options.capacity_bytes = 4096;
    options.flags = way == CREATED ? after : before;
    NEED_OK(mproc_pipe_create(NULL, way == OPENED ? "signals-pipe" : NULL, &options, &first[0], &first[1]));
    options.flags = after;
    for (end = 0; end < 2; end++) {
        mproc_handle_t *passed = NULL;
        if (way == CREATED) {
            s->ends[end] = first[end];
            continue;
        }
        if (way == OPENED) {
            NEED_OK(mproc_pipe_open(NULL, "signals-pipe", &options, end, &s->ends[end]));
        } else {
            NEED_OK(mproc_pipe_export(first[end], &passed));
            NEED_OK(mproc_pipe_import(passed, &options, &s->ends[end]));
            mproc_handle_close(passed);
        }
    }
    for (end = 0; end < 2 && way != CREATED; end++) {
        mproc_pipe_close(first[end]);
    }
    while (mproc_pipe_send(s->ends[0], NULL, 0, 0, NULL) == MPROC_OK) { /* nothing fits into this direction any more */
    }
}

/* The flag belongs to the handle: what an object is does not show it. */
static void check_not_shown(const stage_t *s) {
    mproc_value_info_t value;
    mproc_array_info_t array;
    mproc_pipe_info_t pipe;
    mproc_semaphore_info_t semaphore;
    CHECK_OK(mproc_value_info(s->value, &value, sizeof value));
    CHECK_INT(0, value.flags);
    CHECK_OK(mproc_array_info(s->array, &array, sizeof array));
    CHECK_INT(0, array.flags);
    CHECK_OK(mproc_pipe_info(s->ends[0], &pipe, sizeof pipe));
    CHECK_INT(0, pipe.flags);
    CHECK_OK(mproc_semaphore_info(s->accounting, &semaphore, sizeof semaphore));
    CHECK_INT(MPROC_SEMAPHORE_ACCOUNTING, semaphore.flags);
}

static void make(stage_t *s, way_t way, uint32_t before, uint32_t after) {
    mproc_lock_options_t lock = MPROC_LOCK_OPTIONS_INIT;
    mproc_value_options_t value = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t array = MPROC_ARRAY_OPTIONS_INIT;
    mproc_queue_options_t queue = MPROC_QUEUE_OPTIONS_INIT;
    mproc_rlock_options_t rlock = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t rwlock = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t condition = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t event = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t barrier = MPROC_BARRIER_OPTIONS_INIT;

    memset(s, 0, sizeof *s);
    MAKE(lock, s->lock, lock);
    CHECK_OK(mproc_lock_try(s->lock));
    value.type_code = MPROC_TYPE_I32;
    MAKE(value, s->value, value);
    CHECK_OK(mproc_value_lock(s->value, 0, NULL));
    array.type_code = MPROC_TYPE_I32;
    array.ndim = 1;
    array.shape[0] = 4;
    MAKE(array, s->array, array);
    CHECK_OK(mproc_array_lock(s->array, 0, NULL));
    queue.max_items = 1;
    MAKE(queue, s->empty, queue);
    MAKE(queue, s->full, queue);
    CHECK_OK(mproc_queue_put(s->full, "x", 1, 0, NULL));
    queue.flags = MPROC_QUEUE_LEASE;
    MAKE(queue, s->leased, queue);
    queue.flags = MPROC_QUEUE_JOINABLE;
    MAKE(queue, s->busy, queue);
    CHECK_OK(mproc_queue_put(s->busy, "x", 1, 0, NULL));
    make_pipe(s, way, before, after);
    MAKE(rlock, s->rlock, rlock);
    CHECK_OK(mproc_rlock_lock_as(s->rlock, 77, 0, NULL));
    MAKE(rwlock, s->read, rwlock);
    CHECK_OK(mproc_rwlock_read_try(s->read));
    MAKE(rwlock, s->written, rwlock);
    CHECK_OK(mproc_rwlock_write_try(s->written));
    semaphore.initial = 1;
    MAKE(semaphore, s->plain, semaphore);
    CHECK_OK(mproc_semaphore_try(s->plain));
    semaphore.flags = MPROC_SEMAPHORE_ACCOUNTING;
    MAKE(semaphore, s->accounting, semaphore);
    CHECK_OK(mproc_semaphore_try(s->accounting));
    MAKE(condition, s->taken, condition);
    CHECK_OK(mproc_condition_lock_as(s->taken, 77, 0, NULL));
    MAKE(condition, s->own, condition);
    NEED_OK(mproc_lock_create(NULL, NULL, NULL, &s->its_lock)); /* the condition's flag is what matters */
    NEED_OK(mproc_rlock_create(NULL, NULL, NULL, &s->its_rlock));
    condition.lock = s->its_lock;
    MAKE(condition, s->with_lock, condition);
    condition.lock = NULL;
    condition.rlock = s->its_rlock;
    MAKE(condition, s->with_rlock, condition);
    MAKE(event, s->event, event);
    barrier.parties = 2;
    MAKE(barrier, s->barrier, barrier);
    check_not_shown(s);
}

static void close_all(stage_t *s) {
    mproc_lock_close(s->lock);
    mproc_value_close(s->value);
    mproc_array_close(s->array);
    mproc_queue_close(s->empty);
    mproc_queue_close(s->full);
    mproc_queue_close(s->leased);
    mproc_queue_close(s->busy);
    mproc_pipe_close(s->ends[0]);
    mproc_pipe_close(s->ends[1]);
    mproc_rlock_close(s->rlock);
    mproc_rwlock_close(s->read);
    mproc_rwlock_close(s->written);
    mproc_semaphore_close(s->plain);
    mproc_semaphore_close(s->accounting);
    mproc_condition_close(s->taken);
    mproc_condition_close(s->own);
    mproc_condition_close(s->with_lock);
    mproc_condition_close(s->with_rlock);
    mproc_lock_close(s->its_lock);
    mproc_rlock_close(s->its_rlock);
    mproc_event_close(s->event);
    mproc_barrier_close(s->barrier);
}

static int do_nothing(void *context) {
    (void)context;
    return 0;
}

/* A wait for a notification: whatever ends it, the lock is held again. */
static int wait_notified(mproc_condition_t *condition, uint64_t token, int64_t timeout, const mproc_cancel_t *cancel) {
    int status;
    if (token != 0) {
        CHECK_OK(mproc_condition_lock_as(condition, token, MPROC_FOREVER, NULL));
        status = mproc_condition_wait_as(condition, token, timeout, cancel);
        CHECK_OK(mproc_condition_unlock_as(condition, token));
    } else {
        CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
        status = mproc_condition_wait(condition, timeout, cancel);
        CHECK_OK(mproc_condition_unlock(condition));
    }
    return status;
}

/* A wait for the other party: whatever ends it breaks the barrier. */
static int wait_for_party(mproc_barrier_t *barrier, int with_action, int64_t timeout, const mproc_cancel_t *cancel) {
    mproc_barrier_info_t info;
    uint32_t index = 4711;
    int status = with_action ? mproc_barrier_wait_action(barrier, do_nothing, NULL, timeout, cancel, &index)
                             : mproc_barrier_wait(barrier, timeout, cancel, &index);
    CHECK_INT(4711, index);
    CHECK_OK(mproc_barrier_info(barrier, &info, sizeof info));
    CHECK_INT(timeout != 0, info.broken); /* without time it has not arrived */
    if (info.broken) {
        CHECK_OK(mproc_barrier_reset(barrier));
    }
    return status;
}

enum { CALLS = 32 };

static int call(stage_t *s, int which, int64_t t, const mproc_cancel_t *c) {
    mproc_message_t message = {"x", 1};
    mproc_view_t view;
    char buf[8];
    size_t len, lens[2], count;
    uint64_t lease;
    switch (which) {
    case 0: return mproc_lock_lock(s->lock, t, c);
    case 1: return mproc_value_lock(s->value, t, c);
    case 2: return mproc_array_lock(s->array, t, c);
    case 3: return mproc_queue_get(s->empty, buf, sizeof buf, &len, t, c);
    case 4: return mproc_queue_get_many(s->empty, buf, sizeof buf, lens, 2, &count, t, c);
    case 5: return mproc_queue_put(s->full, "x", 1, t, c);
    case 6: return mproc_queue_put_many(s->full, &message, 1, &count, t, c);
    case 7: return mproc_queue_reserve(s->full, 1, &view, t, c);
    case 8: return mproc_queue_peek(s->empty, &view, t, c);
    case 9: return mproc_queue_lease(s->leased, buf, sizeof buf, &len, &lease, t, c);
    case 10: return mproc_queue_join(s->busy, t, c);
    case 11: return mproc_pipe_recv(s->ends[0], buf, sizeof buf, &len, t, c);
    case 12: return mproc_pipe_poll(s->ends[0], t, c);
    case 13: return mproc_pipe_peek(s->ends[0], &view, t, c);
    case 14: return mproc_pipe_send(s->ends[0], NULL, 0, t, c);
    case 15: return mproc_pipe_reserve(s->ends[0], 0, &view, t, c);
    case 16: return mproc_rlock_lock(s->rlock, t, c);
    case 17: return mproc_rlock_lock_as(s->rlock, 78, t, c);
    case 18: return mproc_rwlock_read_lock(s->written, t, c);
    case 19: return mproc_rwlock_write_lock(s->written, t, c);
    case 20: return mproc_rwlock_write_lock(s->read, t, c);
    case 21: return mproc_semaphore_acquire(s->plain, t, c);
    case 22: return mproc_semaphore_acquire(s->accounting, t, c);
    case 23: return mproc_condition_lock(s->taken, t, c);
    case 24: return mproc_condition_lock_as(s->taken, 78, t, c);
    case 25: return wait_notified(s->own, 0, t, c);
    case 26: return wait_notified(s->own, 78, t, c);
    case 27: return wait_notified(s->with_lock, 0, t, c);
    case 28: return wait_notified(s->with_rlock, 0, t, c);
    case 29: return mproc_event_wait(s->event, t, c);
    case 30: return wait_for_party(s->barrier, 0, t, c);
    default: return wait_for_party(s->barrier, 1, t, c);
    }
}

/* Sends signals to a thread until it is told to stop, or until enough of them have been handled. */
typedef struct {
    pthread_t victim;
    int stop;
    mproc_cancel_t *cancel; /* not NULL: set when enough have been handled */
} sender_t;

static void keep_sending(void *argument) {
    sender_t *sender = (sender_t *)argument;
    struct timespec pause = {0, 300000};
    while (!__atomic_load_n(&sender->stop, __ATOMIC_SEQ_CST)) {
        CHECK_INT(0, pthread_kill(sender->victim, SIGUSR1));
        if (sender->cancel != NULL && __atomic_load_n(&handled, __ATOMIC_SEQ_CST) >= ENOUGH) {
            CHECK_OK(mproc_cancel_set(sender->cancel));
            break;
        }
        nanosleep(&pause, NULL);
    }
}

static void start_sending(party_t *party, sender_t *sender, mproc_cancel_t *cancel) {
    memset(sender, 0, sizeof *sender);
    sender->victim = pthread_self();
    sender->cancel = cancel;
    __atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
    party_start(party, 0, keep_sending, sender);
}

static void stop_sending(party_t *party, sender_t *sender) {
    __atomic_store_n(&sender->stop, 1, __ATOMIC_SEQ_CST);
    party_join(party);
}

static void failed_in(int before, int which, int restart) {
    if (__atomic_load_n(&check_counts->failed, __ATOMIC_SEQ_CST) != before) {
        fprintf(stderr, "    in call %d of api_signals.c, %s SA_RESTART\n", which, restart ? "with" : "without");
    }
}

/* Each call ends with MPROC_EINTR; `cancel` is a token that nobody sets, or NULL. */
static void ends_waits(stage_t *s, mproc_cancel_t *cancel, int restart) {
    int which;
    for (which = 0; which < CALLS; which++) {
        int before = check_counts->failed;
        sender_t sender;
        party_t party;
        start_sending(&party, &sender, NULL);
        CHECK_IS(MPROC_EINTR, call(s, which, MPROC_FOREVER, cancel));
        CHECK_IS(MPROC_EINTR, call(s, which, 3600 * INT64_C(1000000000), cancel)); /* and again, and with a limit */
        stop_sending(&party, &sender);
        CHECK(handled > 0);
        CHECK_IS(MPROC_ETIMEDOUT, call(s, which, 0, cancel)); /* nothing was taken or left */
        failed_in(before, which, restart);
    }
}

/* Each call goes on until its time is over, or with a token, until that is set. */
static void waits_go_on(stage_t *s, mproc_cancel_t *cancel, int restart) {
    int which;
    for (which = 0; which < CALLS; which++) {
        int before = check_counts->failed;
        sender_t sender;
        party_t party;
        start_sending(&party, &sender, cancel);
        if (cancel != NULL) {
            CHECK_IS(MPROC_ECANCELED, call(s, which, MPROC_FOREVER, cancel));
            stop_sending(&party, &sender);
            CHECK(handled >= ENOUGH);
            CHECK_OK(mproc_cancel_clear(cancel));
        } else {
            do {
                __atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
                CHECK_IS(MPROC_ETIMEDOUT, call(s, which, 10 * API_MS, NULL));
            } while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) < ENOUGH);
            stop_sending(&party, &sender);
        }
        CHECK_IS(MPROC_ETIMEDOUT, call(s, which, 0, NULL));
        failed_in(before, which, restart);
    }
}

/* Calls that have no handle with flags go on as well. */
static void others_go_on(mproc_cancel_t *cancel) {
    static const char *const sleeper[] = {"sleep", "600", NULL};
    mproc_handle_t *none = NULL;
    mproc_process_t *process = NULL;
    sender_t sender;
    party_t party;
    int pair[2];

    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    start_sending(&party, &sender, cancel);
    CHECK_IS(MPROC_ECANCELED, mproc_recv_handle(pair[1], &none, MPROC_FOREVER, cancel));
    stop_sending(&party, &sender);
    CHECK_OK(mproc_cancel_clear(cancel));
    CHECK(none == NULL);
    NEED_OK(mproc_spawn(sleeper, NULL, 0, NULL, &process));
    start_sending(&party, &sender, cancel);
    CHECK_IS(MPROC_ECANCELED, mproc_process_wait(process, NULL, NULL, MPROC_FOREVER, cancel));
    stop_sending(&party, &sender);
    CHECK_OK(mproc_cancel_clear(cancel));
    CHECK_OK(mproc_process_kill(process, SIGKILL));
    CHECK_OK(mproc_process_wait(process, NULL, NULL, MPROC_FOREVER, NULL));
    mproc_process_close(process);
    close(pair[0]);
    close(pair[1]);
}

/* What can be done without waiting is done, signals or not. */
static void nothing_to_wait_for(stage_t *s) {
    sender_t sender;
    party_t party;
    char buf[8];
    size_t len;
    int round, bad = 0;
    CHECK_OK(mproc_lock_unlock(s->lock));
    CHECK_OK(mproc_event_set(s->event));
    CHECK_OK(mproc_semaphore_release(s->plain, 1));
    start_sending(&party, &sender, NULL);
    for (round = 0; __atomic_load_n(&handled, __ATOMIC_SEQ_CST) < ENOUGH && round < 100000000; round++) {
        bad += mproc_lock_lock(s->lock, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_lock_unlock(s->lock) != MPROC_OK;
        bad += mproc_event_wait(s->event, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_semaphore_acquire(s->plain, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_semaphore_release(s->plain, 1) != MPROC_OK;
        bad += mproc_queue_put(s->empty, "x", 1, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_queue_get(s->empty, buf, sizeof buf, &len, MPROC_FOREVER, NULL) != MPROC_OK;
    }
    stop_sending(&party, &sender);
    CHECK_INT(0, bad);
    CHECK(handled >= ENOUGH);
}

void api_signals(void) {
    struct sigaction action, before;
    mproc_cancel_t *cancel = NULL;
    stage_t stage;
    int restart, way;

    NEED_OK(mproc_cancel_create(&cancel));
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    CHECK_INT(0, sigaction(SIGUSR1, &action, &before));
    for (restart = 0; restart < 2; restart++) {
        action.sa_flags = restart ? SA_RESTART : 0;
        CHECK_INT(0, sigaction(SIGUSR1, &action, NULL));
        make(&stage, CREATED, 0, 0);
        waits_go_on(&stage, NULL, restart);
        waits_go_on(&stage, cancel, restart);
        others_go_on(cancel);
        close_all(&stage);
        make(&stage, CREATED, 0, MPROC_RETURN_ON_SIGNAL);
        ends_waits(&stage, NULL, restart);
        ends_waits(&stage, cancel, restart);
        nothing_to_wait_for(&stage);
        close_all(&stage);
        check_watchdog();
    }
    for (way = OPENED; way <= IMPORTED; way++) { /* the flag is the handle's, not the object's */
        make(&stage, (way_t)way, MPROC_RETURN_ON_SIGNAL, 0);
        waits_go_on(&stage, cancel, 1);
        close_all(&stage);
        make(&stage, (way_t)way, 0, MPROC_RETURN_ON_SIGNAL);
        ends_waits(&stage, NULL, 1);
        close_all(&stage);
        check_watchdog();
    }
    CHECK_INT(0, sigaction(SIGUSR1, &before, NULL));
    mproc_cancel_close(cancel);
}
