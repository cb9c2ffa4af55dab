/* Stories about threads: contention inside of one process, cancel tokens, fork beside busy threads. */
#include "scenarios.h"

#include <pthread.h>

enum { TURNS = 20000 };

static mproc_lock_t *lock;
static mproc_value_t *value;
static mproc_queue_t *queue;
static mproc_cancel_t *token;
static int64_t plain_counter; /* protected by `lock` only */
static _Atomic uint32_t waiting_threads, busy_threads_stop;

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, arg) == 0);
    return thread;
}

static void *count_up(void *unused)
{
    (void)unused;
    for (int i = 0; i < TURNS; i++) {
        OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
        plain_counter++;
        OK(mproc_lock_unlock(lock));
    }
    return NULL;
}

static void *unlock_for_another(void *unused)
{
    (void)unused;
    EXPECT(mproc_lock_lock(lock, 0, NULL), MPROC_ETIMEDOUT); /* held by this process is held */
    EXPECT(mproc_lock_lock(lock, 30 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_lock_unlock(lock));
    return NULL;
}

static void threads_contend(void)
{
    lock = new_lock("lock");
    pthread_t a = start(count_up, NULL), b = start(count_up, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    CHECK(plain_counter == 2 * TURNS);
    OK(mproc_lock_lock(lock, 0, NULL));
    pthread_join(start(unlock_for_another, NULL), NULL);
    EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
    /* Two handles are the same lock. */
    mproc_lock_t *other = old_lock("lock");
    OK(mproc_lock_lock(lock, 0, NULL));
    EXPECT(mproc_lock_lock(other, 10 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_lock_unlock(other));
    EXPECT(mproc_lock_unlock(lock), MPROC_EPERM);
}

/* A thread that ends without unlocking leaves the lock to its process. */
static void *lock_and_leave(void *unused)
{
    (void)unused;
    OK(mproc_lock_lock(lock, 0, NULL));
    return NULL;
}

static void thread_ends_holding(void)
{
    lock = new_lock("lock");
    pthread_join(start(lock_and_leave, NULL), NULL);
    EXPECT(mproc_lock_lock(lock, 100 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_lock_unlock(lock));
    OK(mproc_lock_lock(lock, 0, NULL));
    OK(mproc_lock_unlock(lock));
}

/* ---- cancel tokens ---- */

static void *wait_lock(void *cancel)
{
    atomic_fetch_add(&waiting_threads, 1);
    EXPECT(mproc_lock_lock(lock, MPROC_FOREVER, cancel), MPROC_ECANCELED);
    return NULL;
}

static void *wait_value_lock(void *cancel)
{
    atomic_fetch_add(&waiting_threads, 1);
    EXPECT(mproc_value_lock(value, 3600 * SEC, cancel), MPROC_ECANCELED);
    return NULL;
}

static void *wait_get(void *cancel)
{
    char buf[8];
    size_t len;
    atomic_fetch_add(&waiting_threads, 1);
    EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, cancel), MPROC_ECANCELED);
    return NULL;
}

static void *wait_put(void *cancel)
{
    static char big[4096];
    mproc_queue_t *full = new_queue(NULL, 4096);
    size_t done = 99;
    mproc_message_t one = { big, 3000 };
    OK(mproc_queue_put(full, big, 3000, 0, NULL));
    atomic_fetch_add(&waiting_threads, 1);
    EXPECT(mproc_queue_put(full, big, 3000, MPROC_FOREVER, cancel), MPROC_ECANCELED);
    EXPECT(mproc_queue_put_many(full, &one, 1, &done, MPROC_FOREVER, cancel), MPROC_ECANCELED);
    CHECK(done == 0);
    mproc_queue_close(full);
    return NULL;
}

static void cancel_everything_that_waits(void)
{
    lock = new_lock("lock");
    value = new_value("value", 0);
    queue = new_queue("queue", 4096);
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_lock_lock(lock, 0, NULL));
        OK(mproc_value_lock(value, 0, NULL));
        atomic_store(&stage->step, 1);
        pause();
    }
    AWAIT(stage->step, 1);
    OK(mproc_cancel_create(&token));
    mproc_cancel_t *never;
    OK(mproc_cancel_create(&never));
    void *(*const bodies[])(void *) = { wait_lock, wait_value_lock, wait_get, wait_put };
    for (int round = 0; round < 3; round++) {
        pthread_t threads[4];
        int set;
        atomic_store(&waiting_threads, 0);
        for (int i = 0; i < 4; i++) {
            threads[i] = start(bodies[i], token);
        }
        while (atomic_load(&waiting_threads) < 4) {
            proc_sleep_ns(1 * MS);
        }
        proc_sleep_ns(round * 20 * MS); /* round 0 is likely to set it before they sleep */
        OK(mproc_cancel_is_set(token, &set));
        CHECK(set == 0);
        OK(mproc_cancel_set(token));
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
        OK(mproc_cancel_is_set(token, &set));
        CHECK(set == 1);
        /* Set beforehand: what would wait does not start to, what can finish does. */
        char buf[8];
        size_t len;
        EXPECT(mproc_lock_lock(lock, MPROC_FOREVER, token), MPROC_ECANCELED);
        EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, token), MPROC_ECANCELED);
        OK(mproc_queue_put(queue, "abc", 3, MPROC_FOREVER, token));
        OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, token));
        CHECK(len == 3);
        OK(mproc_cancel_clear(token));
        EXPECT(mproc_lock_lock(lock, 20 * MS, token), MPROC_ETIMEDOUT); /* works again */
    }
    EXPECT(mproc_lock_lock(lock, 20 * MS, never), MPROC_ETIMEDOUT);
    /* A cancelled wait leaves nothing behind: the holder's death is noticed as ever. */
    proc_kill(holder);
    EXPECT(mproc_lock_lock(lock, 10 * SEC, token), MPROC_RECOVERED);
    OK(mproc_lock_unlock(lock));
    EXPECT(mproc_value_lock(value, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_value_unlock(value));
    mproc_cancel_close(never);
    mproc_cancel_close(token);
}

static void on_alarm(int sig)
{
    (void)sig;
    int saved = errno;
    mproc_cancel_set(token);
    errno = saved;
}

static void on_nothing(int sig)
{
    (void)sig;
}

/* The token may be set by a signal handler; a signal alone does not end a wait. */
static void cancel_from_signal_handler(void)
{
    queue = new_queue("queue", 4096);
    OK(mproc_cancel_create(&token));
    struct sigaction set = { .sa_handler = on_alarm }, nothing = { .sa_handler = on_nothing };
    sigaction(SIGALRM, &set, NULL);
    sigaction(SIGUSR1, &nothing, NULL);
    pid_t pid = proc_fork();
    if (pid == 0) {
        for (int i = 0; i < 20; i++) {
            proc_sleep_ns(5 * MS);
            kill(getppid(), SIGUSR1);
        }
        atomic_store(&stage->flag[0], 1);
        kill(getppid(), SIGALRM);
        _exit(0);
    }
    char buf[8];
    size_t len;
    EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, token), MPROC_ECANCELED);
    CHECK(atomic_load(&stage->flag[0]) == 1); /* not before the right signal came */
    JOIN(pid);
    mproc_cancel_close(token);
}

/* A token belongs to one process: a child's copy is its own. */
static void cancel_is_not_shared(void)
{
    queue = new_queue("queue", 4096);
    OK(mproc_cancel_create(&token));
    IN_CHILD(OK(mproc_cancel_set(token)));
    char buf[8];
    size_t len;
    int set = -1;
    OK(mproc_cancel_is_set(token, &set));
    CHECK(set == 0);
    EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, 20 * MS, token), MPROC_ETIMEDOUT);
    OK(mproc_cancel_set(token));
    IN_CHILD({
        EXPECT(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, token), MPROC_ECANCELED);
        OK(mproc_cancel_clear(token));
    });
    OK(mproc_cancel_is_set(token, &set));
    CHECK(set == 1);
}

/* ---- fork beside busy threads ---- */

static void *keep_busy(void *arg)
{
    char buf[64];
    size_t len;
    unsigned which = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&busy_threads_stop)) {
        if (which == 0) {
            int status = mproc_lock_lock(lock, MPROC_FOREVER, NULL);
            CHECK(status == MPROC_OK || status == MPROC_RECOVERED);
            OK(mproc_lock_unlock(lock));
            OK(mproc_value_add(value, 1, NULL));
        } else {
            /* Creating and opening take the library's own process-wide locks. */
            mproc_value_t *v;
            mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
            o.type_code = MPROC_TYPE_I32;
            OK(mproc_value_create(NULL, NULL, &o, &v));
            mproc_value_close(v);
            int status = mproc_value_open(NULL, "missing", NULL, &v);
            CHECK(status == MPROC_ENOENT);
            OK(mproc_queue_put(queue, buf, 10, MPROC_FOREVER, NULL));
            OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
        }
    }
    return NULL;
}

static void fork_beside_threads(void)
{
    lock = new_lock("lock");
    value = new_value("value", 0);
    queue = new_queue("queue", 4096);
    pthread_t threads[2] = { start(keep_busy, (void *)0), start(keep_busy, (void *)1) };
    for (int i = 0; i < 150; i++) {
        IN_CHILD({
            char buf[64];
            size_t len;
            mproc_lock_t *again = old_lock("lock");
            mproc_value_t *mine = new_value(NULL, i);
            int status = mproc_lock_lock(again, 15 * SEC, NULL);
            CHECK(status == MPROC_OK || status == MPROC_RECOVERED);
            OK(mproc_lock_unlock(lock));
            OK(mproc_queue_put(queue, "child", 5, 15 * SEC, NULL));
            OK(mproc_queue_get(queue, buf, sizeof buf, &len, 15 * SEC, NULL));
            CHECK(value_of(mine) == i);
        });
    }
    atomic_store(&busy_threads_stop, 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

/* ---- fork in the middle of the library's own work ---- */

static void *create_and_unlink(void *arg)
{
    char name[16];
    unsigned thread = (unsigned)(uintptr_t)arg;
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I32;
    for (unsigned i = 0; !atomic_load(&busy_threads_stop); i++) {
        mproc_value_t *v, *again;
        snprintf(name, sizeof name, "t%u", thread);
        OK(mproc_value_create(NULL, name, &o, &v));
        OK(mproc_value_open(NULL, name, NULL, &again));
        mproc_value_close(again);
        if (i % 2) {
            OK(mproc_domain_unlink(NULL, name));
            mproc_value_close(v);
        } else {
            /* A child may have inherited the object and keep it; then the name has to be taken away. */
            mproc_value_close(v);
            int status = mproc_domain_unlink(NULL, name);
            CHECK(status == MPROC_OK || status == MPROC_ENOENT);
        }
        OK(mproc_domain_sweep(NULL, NULL));
    }
    return NULL;
}

/*
 * Children that never call the library, forked while other threads are inside of create, open, unlink and
 * sweep, inherit whatever descriptor is open at that moment. While they live, everybody else must get on.
 */
static void silent_children_beside_threads(void)
{
    enum { CHILDREN = 300, KEEP = 20 };
    pid_t children[KEEP] = { 0 };
    pthread_t threads[2] = { start(create_and_unlink, (void *)0), start(create_and_unlink, (void *)1) };
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = proc_fork();
        if (pid == 0) {
            for (;;) {
                pause();
            }
        }
        if (children[i % KEEP]) {
            proc_kill(children[i % KEEP]);
        }
        children[i % KEEP] = pid;
        proc_sleep_ns(200000);
    }
    atomic_store(&busy_threads_stop, 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    /* A third process is not held up by them either, and when they are dead nothing is left. */
    IN_CHILD({
        mproc_value_t *v = new_value("mine", 1);
        OK(mproc_domain_unlink(NULL, "mine"));
        mproc_value_close(v);
    });
    for (int i = 0; i < KEEP; i++) {
        proc_kill(children[i]);
    }
    char names[200];
    OK(mproc_domain_sweep(NULL, NULL));
    if (proc_list(stage->domain, false, names, sizeof names) != 0) {
        fail_at(__FILE__, __LINE__, "left after a sweep: %s", names);
    }
}

const struct scenario thread_scenarios[] = {
    { .name = "two-threads-contend-for-one-lock", .play = threads_contend },
    { .name = "thread-ends-while-holding", .play = thread_ends_holding },
    { .name = "cancel-tokens", .play = cancel_everything_that_waits },
    { .name = "cancel-from-a-signal-handler", .play = cancel_from_signal_handler },
    { .name = "cancel-token-belongs-to-one-process", .play = cancel_is_not_shared },
    { .name = "fork-beside-busy-threads", .play = fork_beside_threads, .limit_s = 60 },
    { .name = "silent-children-forked-beside-creating-threads", .play = silent_children_beside_threads, .limit_s = 60 },
    { 0 },
};
