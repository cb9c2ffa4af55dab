/*
 * Stories about rlock, rwlock, semaphore, condition, event and barrier: stopped and killed waiters, stopped holders,
 * fork beside waiting threads, exec, closed descriptors, full tables, and signals.
 */
#include "scenarios.h"

#include <pthread.h>
#include <sys/time.h>

/* ---- the objects, by name; anybody's to make or to open ---- */

static mproc_rlock_t *an_rlock(const char *name, uint32_t flags)
{
    mproc_rlock_t *rlock = NULL;
    mproc_rlock_options_t o = MPROC_RLOCK_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    CHECK(mproc_rlock_create(NULL, name, &o, &rlock) >= 0);
    return rlock;
}

static mproc_rwlock_t *an_rwlock(const char *name, uint32_t flags)
{
    mproc_rwlock_t *rwlock = NULL;
    mproc_rwlock_options_t o = MPROC_RWLOCK_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    CHECK(mproc_rwlock_create(NULL, name, &o, &rwlock) >= 0);
    return rwlock;
}

static mproc_semaphore_t *a_semaphore(const char *name, uint32_t flags, uint32_t initial)
{
    mproc_semaphore_t *semaphore = NULL;
    mproc_semaphore_options_t o = MPROC_SEMAPHORE_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    o.initial = initial;
    CHECK(mproc_semaphore_create(NULL, name, &o, &semaphore) >= 0);
    return semaphore;
}

static mproc_condition_t *a_condition(const char *name, uint32_t flags)
{
    mproc_condition_t *condition = NULL;
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    CHECK(mproc_condition_create(NULL, name, &o, &condition) >= 0);
    return condition;
}

static mproc_event_t *an_event(const char *name, uint32_t flags)
{
    mproc_event_t *event = NULL;
    mproc_event_options_t o = MPROC_EVENT_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    CHECK(mproc_event_create(NULL, name, &o, &event) >= 0);
    return event;
}

static mproc_barrier_t *a_barrier(const char *name, uint32_t flags, uint32_t parties)
{
    mproc_barrier_t *barrier = NULL;
    mproc_barrier_options_t o = MPROC_BARRIER_OPTIONS_INIT;
    o.flags = (name ? MPROC_EXIST_OK : 0) | flags;
    o.parties = parties;
    CHECK(mproc_barrier_create(NULL, name, &o, &barrier) >= 0);
    return barrier;
}

static uint32_t condition_waiters(const mproc_condition_t *condition)
{
    mproc_condition_info_t info;
    OK(mproc_condition_info(condition, &info, sizeof info));
    return info.waiters;
}

static uint32_t barrier_waiters(const mproc_barrier_t *barrier)
{
    mproc_barrier_info_t info;
    OK(mproc_barrier_info(barrier, &info, sizeof info));
    return info.waiting;
}

#define AWAIT_THAT(condition)                                                                              \
    do {                                                                                                   \
        int64_t end_ = proc_now() + 20 * SEC;                                                              \
        while (!(condition)) {                                                                             \
            if (proc_now() > end_) {                                                                       \
                fail_at(__FILE__, __LINE__, "waited in vain for %s", #condition);                          \
            }                                                                                              \
            proc_sleep_ns(200000);                                                                         \
        }                                                                                                  \
    } while (0)

/* The process has come to rest: in what it was about to wait for. */
static void await_sleep(pid_t pid)
{
    int64_t end = proc_now() + 20 * SEC;
    for (int seen = 0; seen < 5;) {
        seen = proc_state(pid) == 'S' ? seen + 1 : 0;
        CHECK(proc_now() < end);
        proc_sleep_ns(1 * MS);
    }
}

static void hold_on(void)
{
    for (;;) {
        pause();
    }
}

/* ---- stopped waiters ---- */

static pid_t start_condition_waiter(uint32_t number)
{
    mproc_condition_t *condition = a_condition("condition", 0);
    uint32_t before = condition_waiters(condition);
    pid_t pid = proc_fork();
    if (pid == 0) {
        condition = a_condition("condition", 0);
        OK(mproc_condition_lock(condition, 20 * SEC, NULL));
        OK(mproc_condition_wait(condition, MPROC_FOREVER, NULL));
        atomic_fetch_or(&stage->flag[0], UINT32_C(1) << number); /* who has come back */
        OK(mproc_condition_unlock(condition));
        _exit(0);
    }
    AWAIT_THAT(condition_waiters(condition) == before + 1);
    mproc_condition_close(condition);
    return pid;
}

static void stopped_waiters(void)
{
    mproc_condition_t *condition = a_condition("condition", 0);
    mproc_event_t *event = an_event("event", 0);
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 3);
    pid_t waiter[3];
    for (uint32_t i = 0; i < 3; i++) {
        waiter[i] = start_condition_waiter(i);
    }
    pid_t at_event = proc_fork();
    if (at_event == 0) {
        OK(mproc_event_wait(event, MPROC_FOREVER, NULL));
        _exit(0);
    }
    pid_t at_barrier = proc_fork();
    if (at_barrier == 0) {
        EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
        _exit(0);
    }
    AWAIT_THAT(barrier_waiters(barrier) == 1);
    await_sleep(at_event);
    await_sleep(at_barrier);
    for (uint32_t i = 0; i < 3; i++) {
        proc_stop(waiter[i]);
    }
    proc_stop(at_event);
    proc_stop(at_barrier);

    atomic_store(&stage->step, 1); /* none of these may wait for any of those */
    OK(mproc_condition_notify(condition, 1));
    CHECK(condition_waiters(condition) == 2);
    atomic_store(&stage->step, 2);
    OK(mproc_event_set(event));
    OK(mproc_event_clear(event));
    OK(mproc_event_set(event));
    atomic_store(&stage->step, 3);
    OK(mproc_barrier_abort(barrier));
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
    OK(mproc_barrier_reset(barrier));
    EXPECT(mproc_barrier_wait(barrier, 50 * MS, NULL, NULL), MPROC_ETIMEDOUT); /* who was stopped is no party now */
    OK(mproc_barrier_reset(barrier));

    /* It lives: its notification is its own, however long it takes. The lock is free, and everybody else goes on. */
    atomic_store(&stage->step, 4);
    kill(waiter[2], SIGCONT);
    proc_sleep_ns(300 * MS);
    CHECK(atomic_load(&stage->flag[0]) == 0);
    OK(mproc_condition_lock(condition, 10 * SEC, NULL));
    OK(mproc_condition_unlock(condition));
    atomic_store(&stage->step, 5);
    OK(mproc_condition_notify_all(condition));
    JOIN(waiter[2]);
    CHECK(atomic_load(&stage->flag[0]) == 4);
    kill(waiter[0], SIGCONT);
    JOIN(waiter[0]);
    kill(waiter[1], SIGCONT);
    JOIN(waiter[1]);
    kill(at_event, SIGCONT);
    JOIN(at_event);
    kill(at_barrier, SIGCONT);
    JOIN(at_barrier);
    CHECK(condition_waiters(condition) == 0);
    OK(mproc_event_wait(event, 0, NULL));
}

/* Stopped anywhere in a wait, not only asleep: still nobody who notifies or sets is kept waiting. */
static void stopped_in_the_middle_of_waiting(void)
{
    mproc_condition_t *condition = a_condition("condition", 0);
    mproc_event_t *event = an_event("event", 0);
    pid_t pid = proc_fork();
    if (pid == 0) {
        for (;;) {
            OK(mproc_condition_lock(condition, 20 * SEC, NULL));
            int status = mproc_condition_wait(condition, 100000, NULL);
            CHECK(status == MPROC_OK || status == MPROC_ETIMEDOUT);
            OK(mproc_condition_unlock(condition));
            status = mproc_event_wait(event, 100000, NULL);
            CHECK(status == MPROC_OK || status == MPROC_ETIMEDOUT);
            atomic_fetch_add(&stage->flag[0], 1);
        }
    }
    struct rng rng = { 5 };
    for (uint32_t round = 0; round < 200; round++) {
        proc_sleep_ns((int64_t)rng_below(&rng, 1 * MS));
        proc_stop(pid);
        OK(mproc_condition_notify(condition, 1));
        OK(mproc_condition_notify_all(condition));
        OK(mproc_event_set(event));
        OK(mproc_event_clear(event));
        uint32_t done = atomic_load(&stage->flag[0]);
        kill(pid, SIGCONT);
        AWAIT(stage->flag[0], done + 1);
        atomic_store(&stage->step, round);
    }
    proc_kill(pid);
}

/* Who waits has nothing yet: stopped, it keeps nothing from others. (But for a waiting writer: see there.) */
static void stopped_waiters_keep_nothing(void)
{
    mproc_rlock_t *rlock = an_rlock("rlock", 0);
    mproc_rwlock_t *rwlock = an_rwlock("rwlock", 0);
    mproc_semaphore_t *plain = a_semaphore("plain", 0, 1);
    mproc_semaphore_t *permits = a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
    mproc_condition_t *condition = a_condition("condition", 0);
    for (uint32_t what = 0; what < 5; what++) {
        atomic_store(&stage->step, what);
        OK(what == 0   ? mproc_rlock_lock(rlock, 0, NULL)
           : what == 1 ? mproc_rwlock_write_lock(rwlock, 0, NULL)
           : what == 2 ? mproc_semaphore_try(plain)
           : what == 3 ? mproc_semaphore_try(permits)
                       : mproc_condition_lock(condition, 0, NULL));
        pid_t waiter[2];
        for (uint32_t i = 0; i < 2; i++) {
            waiter[i] = proc_fork();
            if (waiter[i] == 0) {
                OK(what == 0   ? mproc_rlock_lock(rlock, MPROC_FOREVER, NULL)
                   : what == 1 ? mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL)
                   : what == 2 ? mproc_semaphore_acquire(plain, MPROC_FOREVER, NULL)
                   : what == 3 ? mproc_semaphore_acquire(permits, MPROC_FOREVER, NULL)
                               : mproc_condition_lock(condition, MPROC_FOREVER, NULL));
                OK(what == 0   ? mproc_rlock_unlock(rlock)
                   : what == 1 ? mproc_rwlock_read_unlock(rwlock)
                   : what == 2 ? mproc_semaphore_release(plain, 1)
                   : what == 3 ? mproc_semaphore_release(permits, 1)
                               : mproc_condition_unlock(condition));
                _exit(0);
            }
            await_sleep(waiter[i]);
        }
        proc_stop(waiter[0]); /* the one who has waited longest */
        if (what == 4) {
            OK(mproc_condition_notify(condition, 1)); /* the lock held, a waiter for it stopped: nobody to wait for */
            OK(mproc_condition_notify_all(condition));
        }
        OK(what == 0   ? mproc_rlock_unlock(rlock)
           : what == 1 ? mproc_rwlock_write_unlock(rwlock)
           : what == 2 ? mproc_semaphore_release(plain, 1)
           : what == 3 ? mproc_semaphore_release(permits, 1)
                       : mproc_condition_unlock(condition));
        JOIN(waiter[1]);
        kill(waiter[0], SIGCONT);
        JOIN(waiter[0]);
    }
    mproc_semaphore_info_t info;
    OK(mproc_semaphore_info(plain, &info, sizeof info));
    CHECK(info.value == 1);
    OK(mproc_semaphore_info(permits, &info, sizeof info));
    CHECK(info.value == 1 && info.holders == 0);
}

/* The lock of a condition is held by a process that is stopped: notifying needs no lock. */
static void notify_beside_a_stopped_holder(void)
{
    mproc_condition_t *condition = a_condition("condition", 0);
    pid_t waiter = start_condition_waiter(0);
    pid_t holder = proc_fork();
    if (holder == 0) {
        OK(mproc_condition_lock(condition, 10 * SEC, NULL));
        atomic_store(&stage->flag[1], 1);
        AWAIT(stage->flag[1], 2);
        OK(mproc_condition_unlock(condition));
        _exit(0);
    }
    AWAIT(stage->flag[1], 1);
    proc_stop(holder);
    OK(mproc_condition_notify(condition, 1));
    OK(mproc_condition_notify_all(condition));
    CHECK(condition_waiters(condition) == 0); /* notified, but not back: that takes the lock */
    proc_sleep_ns(200 * MS);
    CHECK(atomic_load(&stage->flag[0]) == 0);
    atomic_store(&stage->flag[1], 2);
    kill(holder, SIGCONT);
    JOIN(holder);
    JOIN(waiter);
}

/* ---- the last party's action ---- */

static int stay_inside(void *context)
{
    uint32_t *calls = context;
    ++*calls;
    atomic_store(&stage->flag[0], 1);
    hold_on();
    return 0;
}

static int note_and_wait(void *context)
{
    (void)context;
    atomic_store(&stage->flag[0], 1);
    AWAIT(stage->flag[0], 2);
    return 0;
}

static int refuse(void *context)
{
    (void)context;
    return 1;
}

/* Nobody passes before the action is over: if it is slow they wait, if it fails or dies they are turned away. */
static void actions_that_do_not_end(void)
{
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 2);
    for (uint32_t way = 0; way < 4; way++) {
        atomic_store(&stage->step, way);
        atomic_store(&stage->flag[0], 0);
        atomic_store(&stage->flag[1], 0);
        pid_t waiting = proc_fork();
        if (waiting == 0) {
            EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), way == 0 ? MPROC_OK : MPROC_EBROKEN);
            atomic_store(&stage->flag[1], 1);
            _exit(0);
        }
        AWAIT_THAT(barrier_waiters(barrier) == 1);
        pid_t acting = proc_fork();
        if (acting == 0) {
            uint32_t calls = 0, index = 9;
            int (*const actions[])(void *) = { note_and_wait, stay_inside, note_and_wait, refuse };
            EXPECT(mproc_barrier_wait_action(barrier, actions[way], &calls, MPROC_FOREVER, NULL, &index),
                   way == 0 ? MPROC_OK : MPROC_EBROKEN);
            CHECK(way != 0 || index == 1);
            _exit(0);
        }
        if (way < 3) {
            AWAIT(stage->flag[0], 1);
            proc_stop(acting);
            proc_sleep_ns(200 * MS);
            CHECK(atomic_load(&stage->flag[1]) == 0); /* slow is not dead */
        }
        if (way == 0) {
            atomic_store(&stage->flag[0], 2);
            kill(acting, SIGCONT);
        } else if (way == 1) {
            proc_kill(acting);
        } else if (way == 2) {
            OK(mproc_barrier_abort(barrier)); /* does not wait for it, and it finds out afterwards */
            AWAIT(stage->flag[1], 1);
            atomic_store(&stage->flag[0], 2);
            kill(acting, SIGCONT);
        }
        JOIN(waiting);
        if (way != 1) {
            JOIN(acting);
        }
        EXPECT(mproc_barrier_wait(barrier, 0, NULL, NULL), way == 0 ? MPROC_ETIMEDOUT : MPROC_EBROKEN);
        OK(mproc_barrier_reset(barrier));
    }
}

/* ---- killed waiters ---- */

static void killed_waiters(void)
{
    mproc_condition_t *condition = a_condition("condition", 0);
    mproc_condition_info_t info;
    pid_t waiter[5];
    for (uint32_t i = 0; i < 5; i++) {
        waiter[i] = start_condition_waiter(i);
    }
    /* Killed before it was notified: the notification goes to the next one who lives. */
    proc_kill(waiter[0]);
    OK(mproc_condition_notify(condition, 1));
    JOIN(waiter[1]);
    CHECK(atomic_load(&stage->flag[0]) == 2);
    /* Killed after it was notified: it passes on. Nobody comes back from a wait while we have the lock. */
    OK(mproc_condition_lock(condition, 10 * SEC, NULL));
    OK(mproc_condition_notify(condition, 1));
    proc_kill(waiter[2]);
    OK(mproc_condition_unlock(condition));
    JOIN(waiter[3]);
    CHECK(atomic_load(&stage->flag[0]) == (2 | 8));
    OK(mproc_condition_info(condition, &info, sizeof info));
    CHECK(info.regranted >= 1 && info.waiters == 1);
    /* One notification was one: the last one still waits. */
    proc_sleep_ns(300 * MS);
    CHECK(atomic_load(&stage->flag[0]) == (2 | 8) && condition_waiters(condition) == 1);
    proc_kill(waiter[4]);
    OK(mproc_condition_notify(condition, 7));
    OK(mproc_condition_notify_all(condition));
    CHECK(condition_waiters(condition) == 0);
    /* With nobody there it is not remembered. (Another one: after a death, a wake-up may be spurious.) */
    mproc_condition_t *quiet = a_condition("quiet", 0);
    OK(mproc_condition_notify(quiet, 1));
    OK(mproc_condition_notify_all(quiet));
    OK(mproc_condition_lock(quiet, 10 * SEC, NULL));
    EXPECT(mproc_condition_wait(quiet, 50 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_condition_unlock(quiet));
}

static void killed_at_events_and_barriers(void)
{
    mproc_event_t *event = an_event("event", 0);
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 3);
    mproc_barrier_info_t info;
    pid_t dead[2], alive[2];
    for (int i = 0; i < 2; i++) {
        pid_t *pids[2] = { dead, alive };
        for (int k = 0; k < 2; k++) {
            pid_t pid = pids[k][i] = proc_fork();
            if (pid == 0 && i == 0) {
                OK(mproc_event_wait(event, MPROC_FOREVER, NULL));
                _exit(0);
            } else if (pid == 0) {
                EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
                _exit(0);
            }
        }
    }
    AWAIT_THAT(barrier_waiters(barrier) == 2);
    await_sleep(dead[0]);
    await_sleep(alive[0]);
    proc_kill(dead[0]);
    OK(mproc_event_set(event));
    JOIN(alive[0]);
    /* A party that waited is dead: those who wait notice, and whoever comes is told at once. */
    proc_kill(dead[1]);
    JOIN(alive[1]);
    EXPECT(mproc_barrier_wait(barrier, 0, NULL, NULL), MPROC_EBROKEN);
    OK(mproc_barrier_info(barrier, &info, sizeof info));
    CHECK(info.broken && info.deaths >= 1 && info.waiting == 0);
    OK(mproc_barrier_reset(barrier));
    /* The same, with nobody left who could notice before the last one comes. */
    for (int i = 0; i < 2; i++) {
        dead[i] = proc_fork();
        if (dead[i] == 0) {
            mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL);
            _exit(0);
        }
    }
    AWAIT_THAT(barrier_waiters(barrier) == 2);
    proc_stop(dead[1]); /* so that it does not notice */
    proc_kill(dead[0]);
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
    proc_kill(dead[1]);
    OK(mproc_barrier_reset(barrier));
    /* Registered, and dead before it arrived; whoever took it back may go. */
    for (int i = 0; i < 2; i++) {
        dead[i] = proc_fork();
        if (dead[i] == 0) {
            OK(mproc_barrier_register(barrier));
            if (i == 1) {
                OK(mproc_barrier_unregister(barrier));
                EXPECT(mproc_barrier_unregister(barrier), MPROC_EPERM);
            }
            atomic_fetch_add(&stage->flag[1], 1);
            hold_on();
        }
    }
    AWAIT(stage->flag[1], 2);
    proc_kill(dead[1]);
    EXPECT(mproc_barrier_wait(barrier, 300 * MS, NULL, NULL), MPROC_ETIMEDOUT);
    OK(mproc_barrier_reset(barrier));
    pid_t party = proc_fork();
    if (party == 0) {
        EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
        _exit(0);
    }
    AWAIT_THAT(barrier_waiters(barrier) == 1);
    proc_kill(dead[0]);
    JOIN(party);
    /* Once, not for ever. */
    OK(mproc_barrier_reset(barrier));
    EXPECT(mproc_barrier_wait(barrier, 300 * MS, NULL, NULL), MPROC_ETIMEDOUT);
}

/* ---- holders that stop, and die ---- */

enum hold { AN_RLOCK, TO_READ, TO_WRITE, A_PERMIT, A_CONDITION, HOLDS };

/* Takes one thing and keeps it. */
static void take_one(enum hold what)
{
    switch (what) {
    case AN_RLOCK:
        OK(mproc_rlock_lock(an_rlock("rlock", 0), 0, NULL));
        OK(mproc_rlock_lock(an_rlock("rlock", 0), 0, NULL)); /* two handles, one owner, two levels */
        break;
    case TO_READ:
        OK(mproc_rwlock_read_lock(an_rwlock("rwlock", 0), 0, NULL));
        break;
    case TO_WRITE:
        OK(mproc_rwlock_write_lock(an_rwlock("rwlock", 0), 0, NULL));
        break;
    case A_PERMIT:
        OK(mproc_semaphore_try(a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1)));
        break;
    default:
        OK(mproc_condition_lock(a_condition("condition", 0), 0, NULL));
    }
}

static pid_t start_keeper(enum hold what)
{
    uint32_t before = atomic_load(&stage->flag[3]);
    pid_t pid = proc_fork();
    if (pid == 0) {
        take_one(what);
        atomic_fetch_add(&stage->flag[3], 1);
        hold_on();
    }
    AWAIT(stage->flag[3], before + 1);
    return pid;
}

/* What another process gets when it wants it, too; gives it back if it got it. */
static int want(enum hold what, int64_t timeout)
{
    int status;
    if (what == AN_RLOCK) {
        mproc_rlock_t *rlock = an_rlock("rlock", 0);
        if ((status = mproc_rlock_lock(rlock, timeout, NULL)) >= 0) {
            OK(mproc_rlock_unlock(rlock));
            EXPECT(mproc_rlock_unlock(rlock), MPROC_EPERM); /* one level, whatever the one before had */
        }
        mproc_rlock_close(rlock);
    } else if (what == TO_READ || what == TO_WRITE) {
        mproc_rwlock_t *rwlock = an_rwlock("rwlock", 0);
        if ((status = mproc_rwlock_write_lock(rwlock, timeout, NULL)) >= 0) {
            OK(mproc_rwlock_write_unlock(rwlock));
        }
        mproc_rwlock_close(rwlock);
    } else if (what == A_PERMIT) {
        mproc_semaphore_t *permits = a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
        if ((status = mproc_semaphore_acquire(permits, timeout, NULL)) >= 0) {
            OK(mproc_semaphore_release(permits, 1));
        }
        mproc_semaphore_close(permits);
    } else {
        mproc_condition_t *condition = a_condition("condition", 0);
        if ((status = mproc_condition_lock(condition, timeout, NULL)) >= 0) {
            OK(mproc_condition_unlock(condition));
        }
        mproc_condition_close(condition);
    }
    return status;
}

/* A reader that dies is simply gone; of everything else the next one is told. */
static int status_after_death(enum hold what)
{
    return what == TO_READ ? MPROC_OK : MPROC_RECOVERED;
}

/* So that the objects outlive those who die with them. */
static void make_all(void)
{
    an_rlock("rlock", 0);
    an_rwlock("rwlock", 0);
    a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
    a_condition("condition", 0);
}

static void stopped_holders(void)
{
    make_all();
    for (int what = 0; what < HOLDS; what++) {
        atomic_store(&stage->step, (uint32_t)what);
        pid_t keeper = start_keeper((enum hold)what);
        proc_stop(keeper);
        for (int i = 0; i < 3; i++) {
            EXPECT(want((enum hold)what, 150 * MS), MPROC_ETIMEDOUT);
            EXPECT(want((enum hold)what, 0), MPROC_ETIMEDOUT);
        }
        kill(keeper, SIGCONT);
        EXPECT(want((enum hold)what, 50 * MS), MPROC_ETIMEDOUT);
        proc_stop(keeper);
        proc_kill(keeper);
        EXPECT(want((enum hold)what, 10 * SEC), status_after_death((enum hold)what));
        EXPECT(want((enum hold)what, 0), MPROC_OK); /* told once */
    }
}

/* A writer that only waits keeps readers out, stopped or not; dead it does not. */
static void waiting_writer(void)
{
    mproc_rwlock_t *rwlock = an_rwlock("rwlock", 0);
    mproc_rwlock_info_t info;
    OK(mproc_rwlock_read_lock(rwlock, 0, NULL));
    pid_t writer = proc_fork();
    if (writer == 0) {
        OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
        _exit(0);
    }
    AWAIT_THAT(mproc_rwlock_info(rwlock, &info, sizeof info) == MPROC_OK && info.writer.held);
    CHECK(!info.writing && info.readers == 1 && info.writer.pid == writer);
    proc_stop(writer);
    EXPECT(mproc_rwlock_read_try(rwlock), MPROC_ETIMEDOUT);
    EXPECT(mproc_rwlock_read_lock(rwlock, 200 * MS, NULL), MPROC_ETIMEDOUT);
    proc_kill(writer);
    OK(mproc_rwlock_read_lock(rwlock, 10 * SEC, NULL)); /* nothing was half done, so nobody is told anything */
    OK(mproc_rwlock_read_unlock(rwlock));
    OK(mproc_rwlock_read_unlock(rwlock));
    EXPECT(mproc_rwlock_read_unlock(rwlock), MPROC_EPERM);
    OK(mproc_rwlock_write_try(rwlock));
    OK(mproc_rwlock_write_unlock(rwlock));
}

/* A writer that died inside is told to every reader, until a writer has set it right. */
static void dead_writer_is_remembered(void)
{
    mproc_rwlock_t *rwlock = an_rwlock("rwlock", 0);
    mproc_rwlock_info_t info;
    proc_kill(start_keeper(TO_WRITE));
    for (int i = 0; i < 3; i++) {
        EXPECT(mproc_rwlock_read_lock(rwlock, 10 * SEC, NULL), MPROC_RECOVERED);
        OK(mproc_rwlock_read_unlock(rwlock));
    }
    OK(mproc_rwlock_info(rwlock, &info, sizeof info));
    CHECK(info.inconsistent && !info.writing && info.steals >= 1);
    /* The one who would have set it right dies, too. */
    pid_t second = proc_fork();
    if (second == 0) {
        EXPECT(mproc_rwlock_write_lock(rwlock, 10 * SEC, NULL), MPROC_RECOVERED);
        kill(getpid(), SIGKILL);
    }
    CHECK(proc_wait(second, 20 * SEC, NULL));
    EXPECT(mproc_rwlock_read_lock(rwlock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_rwlock_read_unlock(rwlock));
    EXPECT(mproc_rwlock_write_lock(rwlock, 10 * SEC, NULL), MPROC_RECOVERED);
    OK(mproc_rwlock_write_unlock(rwlock));
    OK(mproc_rwlock_read_try(rwlock));
    OK(mproc_rwlock_read_unlock(rwlock));
    OK(mproc_rwlock_write_try(rwlock));
    OK(mproc_rwlock_write_unlock(rwlock));
}

static void exec_while_keeping(void)
{
    make_all();
    for (int what = 0; what < HOLDS; what++) {
        atomic_store(&stage->step, (uint32_t)what);
        uint32_t before = atomic_load(&stage->flag[3]);
        pid_t pid = proc_fork();
        if (pid == 0) {
            take_one((enum hold)what);
            atomic_fetch_add(&stage->flag[3], 1);
            AWAIT(stage->flag[3], before + 2);
            execlp("sleep", "sleep", "60", (char *)NULL);
            fail_at(__FILE__, __LINE__, "cannot execute sleep: %s", strerror(errno));
        }
        AWAIT(stage->flag[3], before + 1);
        EXPECT(want((enum hold)what, 50 * MS), MPROC_ETIMEDOUT);
        atomic_fetch_add(&stage->flag[3], 1);
        EXPECT(want((enum hold)what, 10 * SEC), status_after_death((enum hold)what));
        CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z'); /* the process lives, and has nothing */
        proc_kill(pid);
    }
    /* Registered with a barrier: exec is an end as any other. */
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 2);
    pid_t pid = proc_fork();
    if (pid == 0) {
        OK(mproc_barrier_register(barrier));
        execlp("sleep", "sleep", "60", (char *)NULL);
        fail_at(__FILE__, __LINE__, "cannot execute sleep: %s", strerror(errno));
    }
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN);
    CHECK(kill(pid, 0) == 0 && proc_state(pid) != 'Z');
}

/* ---- fork beside waiting threads ---- */

static struct {
    mproc_rlock_t *rlock;
    mproc_rwlock_t *rwlock;
    mproc_semaphore_t *permits;
    mproc_condition_t *condition;
    mproc_event_t *event;
    mproc_barrier_t *barrier;
    _Atomic uint32_t back; /* threads that have come back from their waits */
} family;

static void *wait_condition(void *unused)
{
    (void)unused;
    OK(mproc_condition_lock(family.condition, 20 * SEC, NULL));
    OK(mproc_condition_wait(family.condition, MPROC_FOREVER, NULL));
    OK(mproc_condition_unlock(family.condition));
    atomic_fetch_add(&family.back, 1);
    return NULL;
}

static void *wait_event(void *unused)
{
    (void)unused;
    OK(mproc_event_wait(family.event, MPROC_FOREVER, NULL));
    atomic_fetch_add(&family.back, 1);
    return NULL;
}

static void *wait_barrier(void *unused)
{
    (void)unused;
    OK(mproc_barrier_wait(family.barrier, MPROC_FOREVER, NULL, NULL));
    atomic_fetch_add(&family.back, 1);
    return NULL;
}

static void *wait_permit(void *unused)
{
    (void)unused;
    OK(mproc_semaphore_acquire(family.permits, MPROC_FOREVER, NULL));
    OK(mproc_semaphore_release(family.permits, 1));
    atomic_fetch_add(&family.back, 1);
    return NULL;
}

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, arg) == 0);
    return thread;
}

/* The child has none of what its parent has, and is none of those who wait. */
static void child_has_nothing(void)
{
    mproc_semaphore_info_t permits;
    EXPECT(mproc_rlock_unlock(family.rlock), MPROC_EPERM);
    EXPECT(mproc_rlock_lock(family.rlock, 0, NULL), MPROC_ETIMEDOUT);
    EXPECT(mproc_rwlock_read_unlock(family.rwlock), MPROC_EPERM);
    EXPECT(mproc_rwlock_write_try(family.rwlock), MPROC_ETIMEDOUT);
    EXPECT(mproc_semaphore_release(family.permits, 1), MPROC_EPERM);
    EXPECT(mproc_semaphore_try(family.permits), MPROC_ETIMEDOUT);
    OK(mproc_semaphore_info(family.permits, &permits, sizeof permits));
    CHECK(permits.held == 0 && permits.holders == 1);
    EXPECT(mproc_barrier_unregister(family.barrier), MPROC_EPERM);
    EXPECT(mproc_condition_unlock(family.condition), MPROC_EPERM);
    EXPECT(mproc_condition_wait(family.condition, 0, NULL), MPROC_EPERM);
    CHECK(condition_waiters(family.condition) == 1 && barrier_waiters(family.barrier) == 1);
    /* But it can do what everybody can. */
    OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
    EXPECT(mproc_condition_wait(family.condition, 1 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_condition_unlock(family.condition));
    EXPECT(mproc_barrier_wait(family.barrier, 0, NULL, NULL), MPROC_ETIMEDOUT); /* three parties */
}

static void fork_beside_waiting_threads(void)
{
    family.rlock = an_rlock("rlock", 0);
    family.rwlock = an_rwlock("rwlock", 0);
    family.permits = a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
    family.condition = a_condition("condition", 0);
    family.event = an_event("event", 0);
    family.barrier = a_barrier("barrier", 0, 3);
    OK(mproc_barrier_register(family.barrier));
    for (uint32_t round = 0; round < 15; round++) {
        atomic_store(&stage->step, round);
        atomic_store(&family.back, 0);
        OK(mproc_event_clear(family.event));
        OK(mproc_rlock_lock(family.rlock, 0, NULL));
        OK(mproc_rwlock_read_lock(family.rwlock, 0, NULL));
        OK(mproc_semaphore_acquire(family.permits, 10 * SEC, NULL));
        pthread_t threads[4] = { start(wait_condition, NULL), start(wait_event, NULL), start(wait_barrier, NULL),
                                 start(wait_permit, NULL) };
        if (round % 3) { /* else: fork wherever they are on their way */
            AWAIT_THAT(condition_waiters(family.condition) == 1 && barrier_waiters(family.barrier) == 1);
        }
        pid_t idle = proc_fork(); /* ends with what it inherited, and has not used: that must end nothing of ours */
        if (idle == 0) {
            _exit(0);
        }
        JOIN(idle);
        AWAIT_THAT(condition_waiters(family.condition) == 1 && barrier_waiters(family.barrier) == 1);
        IN_CHILD(child_has_nothing());
        pid_t killed = proc_fork(); /* dies with a ticket of its own, which is not its parent's thread's */
        if (killed == 0) {
            OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
            OK(mproc_condition_wait(family.condition, MPROC_FOREVER, NULL));
        }
        AWAIT_THAT(condition_waiters(family.condition) == 2);
        proc_kill(killed);
        CHECK(condition_waiters(family.condition) == 1 && atomic_load(&family.back) == 0);
        IN_CHILD({ /* a child notifies, sets, and is a party; the parent's thread gets the permit from its parent */
            OK(mproc_condition_notify(family.condition, 1));
            OK(mproc_event_set(family.event));
            pid_t third = proc_fork();
            if (third == 0) {
                OK(mproc_barrier_wait(family.barrier, MPROC_FOREVER, NULL, NULL));
                _exit(0);
            }
            OK(mproc_barrier_wait(family.barrier, MPROC_FOREVER, NULL, NULL));
            JOIN(third);
        });
        AWAIT(family.back, 3);
        OK(mproc_semaphore_release(family.permits, 1));
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
        OK(mproc_rlock_unlock(family.rlock));
        OK(mproc_rwlock_read_unlock(family.rwlock));
    }
    OK(mproc_barrier_unregister(family.barrier));
}

/* Forked in the middle of operations of other threads, again and again: the child can do all of them. */
static _Atomic uint32_t busy_threads_stop;

static void *be_busy(void *number)
{
    struct rng rng = { (uint64_t)(uintptr_t)number };
    while (!atomic_load(&busy_threads_stop)) {
        OK(mproc_condition_lock(family.condition, 20 * SEC, NULL));
        int status = mproc_condition_wait(family.condition, (int64_t)rng_below(&rng, 200000), NULL);
        CHECK(status == MPROC_OK || status == MPROC_ETIMEDOUT);
        OK(mproc_condition_unlock(family.condition));
        OK(mproc_condition_notify(family.condition, 1));
        OK(mproc_semaphore_acquire(family.permits, 20 * SEC, NULL));
        OK(mproc_semaphore_release(family.permits, 1));
        OK(mproc_rwlock_read_lock(family.rwlock, 20 * SEC, NULL));
        OK(mproc_rwlock_read_unlock(family.rwlock));
        OK(mproc_rwlock_write_lock(family.rwlock, 20 * SEC, NULL));
        OK(mproc_rwlock_write_unlock(family.rwlock));
        OK(mproc_event_set(family.event));
        OK(mproc_event_clear(family.event));
        status = mproc_barrier_wait(family.barrier, 0, NULL, NULL);
        CHECK(status == MPROC_ETIMEDOUT);
    }
    return NULL;
}

static void fork_beside_busy_threads(void)
{
    family.rwlock = an_rwlock("rwlock", 0);
    family.permits = a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
    family.condition = a_condition("condition", 0);
    family.event = an_event("event", 0);
    family.barrier = a_barrier("barrier", 0, 3);
    pthread_t a = start(be_busy, (void *)1), b = start(be_busy, (void *)2);
    for (uint32_t round = 0; round < 150; round++) {
        atomic_store(&stage->step, round);
        IN_CHILD({
            OK(mproc_condition_lock(family.condition, 20 * SEC, NULL));
            OK(mproc_condition_unlock(family.condition));
            OK(mproc_semaphore_acquire(family.permits, 20 * SEC, NULL));
            OK(mproc_semaphore_release(family.permits, 1));
            OK(mproc_rwlock_write_lock(family.rwlock, 20 * SEC, NULL));
            OK(mproc_rwlock_write_unlock(family.rwlock));
            OK(mproc_condition_notify_all(family.condition));
            EXPECT(mproc_barrier_wait(family.barrier, 0, NULL, NULL), MPROC_ETIMEDOUT);
        });
    }
    atomic_store(&busy_threads_stop, 1);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
}

/* ---- descriptors ---- */

static void without_descriptors(void)
{
    make_all();
    mproc_condition_t *condition = a_condition("condition", 0);
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 2);
    mproc_event_t *event = an_event("event", 0);
    for (int what = 0; what < HOLDS; what++) {
        atomic_store(&stage->step, (uint32_t)what);
        pid_t theirs = start_keeper((enum hold)what);
        pid_t pid = proc_fork();
        if (pid == 0) {
            mproc_rlock_t *own = an_rlock("own", 0);
            OK(mproc_rlock_lock(own, 0, NULL));
            EXPECT(want((enum hold)what, 50 * MS), MPROC_ETIMEDOUT); /* has asked about the living at least once */
            close_everything();
            EXPECT(want((enum hold)what, 150 * MS), MPROC_ETIMEDOUT);
            atomic_store(&stage->flag[0], 1);
            AWAIT(stage->flag[0], 2); /* now the keeper is dead */
            EXPECT(want((enum hold)what, 10 * SEC), status_after_death((enum hold)what));
            close_everything();
            OK(mproc_event_set(event));
            OK(mproc_condition_notify(condition, 1));
            OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL));
            OK(mproc_rlock_unlock(own));
            _exit(0);
        }
        AWAIT(stage->flag[0], 1);
        mproc_rlock_t *own = an_rlock("own", 0);
        EXPECT(mproc_rlock_lock(own, 150 * MS, NULL), MPROC_ETIMEDOUT); /* that it lives shows without descriptors */
        proc_kill(theirs);
        atomic_store(&stage->flag[0], 2);
        OK(mproc_event_wait(event, MPROC_FOREVER, NULL));
        OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL));
        JOIN(pid);
        OK(mproc_rlock_lock(own, 10 * SEC, NULL));
        OK(mproc_rlock_unlock(own));
        mproc_rlock_close(own);
        OK(mproc_event_clear(event));
        atomic_store(&stage->flag[0], 0);
    }
}

/* ---- crowds ---- */

enum { CROWD_STACK = 64 * 1024 };

static _Atomic uint32_t crowd_back;
static _Atomic uint32_t index_seen[MPROC_BARRIER_MAX];

static bool start_crowd(pthread_t *threads, unsigned n, void *(*body)(void *))
{
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, CROWD_STACK) == 0);
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&threads[i], &attr, body, NULL) != 0) {
            return false;
        }
    }
    return true;
}

static void *wait_in_the_crowd(void *unused)
{
    (void)unused;
    OK(mproc_condition_lock(family.condition, MPROC_FOREVER, NULL));
    OK(mproc_condition_wait(family.condition, MPROC_FOREVER, NULL));
    OK(mproc_condition_unlock(family.condition));
    atomic_fetch_add(&crowd_back, 1);
    return NULL;
}

/* As many as can wait do; one more is refused, and keeps the lock; all come back. */
static void full_condition(void)
{
    static pthread_t threads[MPROC_CONDITION_WAITERS];
    family.condition = a_condition("condition", MPROC_NO_SPIN);
    if (!start_crowd(threads, MPROC_CONDITION_WAITERS, wait_in_the_crowd)) {
        skip("cannot start %d threads; raise the limits on processes", MPROC_CONDITION_WAITERS);
    }
    AWAIT_THAT(condition_waiters(family.condition) == MPROC_CONDITION_WAITERS);
    OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
    OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
    EXPECT(mproc_condition_wait(family.condition, 10 * SEC, NULL), MPROC_EFULL);
    OK(mproc_condition_unlock(family.condition));
    OK(mproc_condition_unlock(family.condition)); /* both levels were kept */
    IN_CHILD({
        OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
        EXPECT(mproc_condition_wait(family.condition, 0, NULL), MPROC_EFULL);
        OK(mproc_condition_unlock(family.condition));
    });
    OK(mproc_condition_notify(family.condition, 24));
    AWAIT_THAT(atomic_load(&crowd_back) == 24);
    proc_sleep_ns(20 * MS);
    CHECK(atomic_load(&crowd_back) == 24);
    /* There is room again. */
    OK(mproc_condition_lock(family.condition, 10 * SEC, NULL));
    EXPECT(mproc_condition_wait(family.condition, 1 * MS, NULL), MPROC_ETIMEDOUT);
    OK(mproc_condition_unlock(family.condition));
    OK(mproc_condition_notify_all(family.condition));
    for (unsigned i = 0; i < MPROC_CONDITION_WAITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(condition_waiters(family.condition) == 0);
}

enum { CROWD_ROUNDS = 3 };

static void *meet_in_the_crowd(void *unused)
{
    (void)unused;
    for (uint32_t round = 0; round < CROWD_ROUNDS; round++) {
        uint32_t index = MPROC_BARRIER_MAX;
        OK(mproc_barrier_wait(family.barrier, MPROC_FOREVER, NULL, &index));
        CHECK(index < MPROC_BARRIER_MAX);
        atomic_fetch_add(&index_seen[index], 1);
    }
    return NULL;
}

static void crowded_barrier(void)
{
    static pthread_t threads[MPROC_BARRIER_MAX];
    family.barrier = a_barrier("barrier", MPROC_NO_SPIN, MPROC_BARRIER_MAX);
    if (!start_crowd(threads, MPROC_BARRIER_MAX, meet_in_the_crowd)) {
        skip("cannot start %d threads; raise the limits on processes", MPROC_BARRIER_MAX);
    }
    for (unsigned i = 0; i < MPROC_BARRIER_MAX; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < MPROC_BARRIER_MAX; i++) {
        CHECK(atomic_load(&index_seen[i]) == CROWD_ROUNDS); /* each number once in each round */
    }
    CHECK(barrier_waiters(family.barrier) == 0);
}

/* ---- signals ---- */

static mproc_event_t *handled, *other;
static volatile sig_atomic_t signals;

static void use_events(int sig)
{
    (void)sig;
    int saved = errno, set = 0;
    signals = signals + 1;
    if (mproc_event_set(handled) != MPROC_OK || mproc_event_is_set(handled, &set) != MPROC_OK || !set) {
        _exit(5);
    }
    if (mproc_event_set(other) != MPROC_OK || mproc_event_clear(other) != MPROC_OK) {
        _exit(6);
    }
    errno = saved;
}

static void set_in_signal_handler(void)
{
    handled = an_event("handled", 0);
    other = an_event("other", 0);
    pid_t pid = proc_fork();
    if (pid == 0) {
        struct sigaction action = { .sa_handler = use_events };
        CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
        atomic_store(&stage->flag[0], 1);
        struct rng rng = { 6 };
        while (signals < 5000) {
            int set;
            sig_atomic_t before = signals;
            switch (rng_below(&rng, 4)) {
            case 0:
                OK(mproc_event_clear(handled));
                OK(mproc_event_wait(handled, MPROC_FOREVER, NULL)); /* only a handler in this very thread ends it */
                CHECK(signals != before);
                break;
            case 1:
                OK(mproc_event_is_set(handled, &set));
                CHECK(set || signals == 0); /* nobody has cleared it since */
                OK(mproc_event_is_set(other, &set));
                break;
            case 2:
                OK(mproc_event_set(other));
                OK(mproc_event_wait(handled, MPROC_FOREVER, NULL));
                OK(mproc_event_clear(other));
                break;
            default: {
                int status = mproc_event_wait(other, (int64_t)rng_below(&rng, 100000), NULL);
                CHECK(status == MPROC_OK || status == MPROC_ETIMEDOUT);
            }
            }
            atomic_store(&stage->step, (uint32_t)signals);
        }
        atomic_store(&stage->flag[0], 2);
        hold_on();
    }
    AWAIT(stage->flag[0], 1);
    pid_t beside = proc_fork(); /* the same events, from another process */
    if (beside == 0) {
        for (;;) {
            int status = mproc_event_wait(other, 1 * MS, NULL);
            CHECK(status == MPROC_OK || status == MPROC_ETIMEDOUT);
        }
    }
    struct rng rng = { 7 };
    for (int64_t end = proc_now() + 80 * SEC; atomic_load(&stage->flag[0]) < 2;) {
        CHECK(proc_now() < end);
        kill(pid, SIGUSR1);
        proc_spin_ns((int64_t)rng_below(&rng, 20000));
    }
    proc_kill(pid);
    proc_kill(beside);
}

/* Every wait there is, through a handle that returns on signals. What it waits for never comes. */
static void block_lock(void)
{
    mproc_lock_t *lock = NULL;
    mproc_lock_options_t o = MPROC_LOCK_OPTIONS_INIT;
    o.flags = MPROC_RETURN_ON_SIGNAL;
    OK(mproc_lock_create(NULL, NULL, &o, &lock));
    OK(mproc_lock_lock(lock, 0, NULL));
    EXPECT(mproc_lock_lock(lock, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_lock_unlock(lock));
    mproc_lock_close(lock);
}

static void block_value_lock(void)
{
    mproc_value_t *value = NULL;
    mproc_value_options_t o = MPROC_VALUE_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_I64;
    o.flags = MPROC_RETURN_ON_SIGNAL;
    OK(mproc_value_create(NULL, NULL, &o, &value));
    OK(mproc_value_lock(value, 0, NULL));
    EXPECT(mproc_value_lock(value, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_value_unlock(value));
    mproc_value_close(value);
}

static void block_array_lock(void)
{
    mproc_array_t *array = NULL;
    mproc_array_options_t o = MPROC_ARRAY_OPTIONS_INIT;
    o.type_code = MPROC_TYPE_F64;
    o.ndim = 1;
    o.shape[0] = 1;
    o.flags = MPROC_RETURN_ON_SIGNAL;
    OK(mproc_array_create(NULL, NULL, &o, &array));
    OK(mproc_array_lock(array, 0, NULL));
    EXPECT(mproc_array_lock(array, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_array_unlock(array));
    mproc_array_close(array);
}

static mproc_queue_t *interruptible_queue(void)
{
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.capacity_bytes = 4096;
    o.flags = MPROC_RETURN_ON_SIGNAL | MPROC_QUEUE_JOINABLE;
    OK(mproc_queue_create(NULL, NULL, &o, &queue));
    return queue;
}

static void block_get(void)
{
    mproc_queue_t *queue = interruptible_queue();
    char byte;
    size_t len;
    EXPECT(mproc_queue_get(queue, &byte, 1, &len, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_queue_put(queue, "x", 1, 0, NULL));
    OK(mproc_queue_get(queue, &byte, 1, &len, 0, NULL));
    mproc_queue_close(queue);
}

static void block_put(void)
{
    static const char big[3000];
    mproc_queue_t *queue = interruptible_queue();
    OK(mproc_queue_put(queue, big, sizeof big, 0, NULL));
    EXPECT(mproc_queue_put(queue, big, sizeof big, MPROC_FOREVER, NULL), MPROC_EINTR);
    size_t items;
    OK(mproc_queue_size(queue, &items));
    CHECK(items == 1);
    mproc_queue_close(queue);
}

static void block_join(void)
{
    mproc_queue_t *queue = interruptible_queue();
    OK(mproc_queue_put(queue, "x", 1, 0, NULL));
    EXPECT(mproc_queue_join(queue, MPROC_FOREVER, NULL), MPROC_EINTR);
    mproc_queue_close(queue);
}

static void block_recv(void)
{
    mproc_pipe_t *a = NULL, *b = NULL;
    mproc_pipe_options_t o = MPROC_PIPE_OPTIONS_INIT;
    char byte;
    size_t len;
    o.flags = MPROC_RETURN_ON_SIGNAL;
    OK(mproc_pipe_create(NULL, NULL, &o, &a, &b));
    EXPECT(mproc_pipe_recv(a, &byte, 1, &len, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_pipe_send(b, "x", 1, 0, NULL));
    OK(mproc_pipe_recv(a, &byte, 1, &len, 0, NULL));
    mproc_pipe_close(a);
    mproc_pipe_close(b);
}

static void block_rlock(void)
{
    mproc_rlock_t *rlock = an_rlock(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_rlock_lock_as(rlock, 1, 0, NULL));
    EXPECT(mproc_rlock_lock_as(rlock, 2, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_rlock_unlock_as(rlock, 1));
    mproc_rlock_close(rlock);
}

static void block_read(void)
{
    mproc_rwlock_t *rwlock = an_rwlock(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_rwlock_write_lock(rwlock, 0, NULL));
    EXPECT(mproc_rwlock_read_lock(rwlock, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_rwlock_write_unlock(rwlock));
    mproc_rwlock_close(rwlock);
}

static void block_write(void)
{
    mproc_rwlock_t *rwlock = an_rwlock(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_rwlock_read_lock(rwlock, 0, NULL));
    EXPECT(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_rwlock_read_try(rwlock)); /* it does not wait any more, so readers get in */
    OK(mproc_rwlock_read_unlock(rwlock));
    OK(mproc_rwlock_read_unlock(rwlock));
    mproc_rwlock_close(rwlock);
}

static void block_write_behind_a_writer(void)
{
    mproc_rwlock_t *rwlock = an_rwlock(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_rwlock_write_lock(rwlock, 0, NULL));
    EXPECT(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_rwlock_write_unlock(rwlock));
    OK(mproc_rwlock_read_try(rwlock));
    OK(mproc_rwlock_read_unlock(rwlock));
    mproc_rwlock_close(rwlock);
}

static void block_semaphore(void)
{
    mproc_semaphore_t *semaphore = a_semaphore(NULL, MPROC_RETURN_ON_SIGNAL, 0);
    EXPECT(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL), MPROC_EINTR);
    EXPECT(mproc_semaphore_try(semaphore), MPROC_ETIMEDOUT);
    mproc_semaphore_close(semaphore);
}

static void block_permits(void)
{
    mproc_semaphore_t *semaphore = a_semaphore(NULL, MPROC_RETURN_ON_SIGNAL | MPROC_SEMAPHORE_ACCOUNTING, 1);
    mproc_semaphore_info_t info;
    OK(mproc_semaphore_try(semaphore));
    EXPECT(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_semaphore_info(semaphore, &info, sizeof info));
    CHECK(info.held == 1 && info.value == 0);
    OK(mproc_semaphore_release(semaphore, 1));
    mproc_semaphore_close(semaphore);
}

static void block_condition(void)
{
    mproc_condition_t *condition = a_condition(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_condition_lock(condition, 0, NULL));
    OK(mproc_condition_lock(condition, 0, NULL));
    EXPECT(mproc_condition_wait(condition, MPROC_FOREVER, NULL), MPROC_EINTR);
    CHECK(condition_waiters(condition) == 0);
    OK(mproc_condition_unlock(condition)); /* held, with both levels */
    OK(mproc_condition_unlock(condition));
    EXPECT(mproc_condition_unlock(condition), MPROC_EPERM);
    mproc_condition_close(condition);
}

static void block_condition_lock(void)
{
    mproc_condition_t *condition = a_condition(NULL, MPROC_RETURN_ON_SIGNAL);
    OK(mproc_condition_lock_as(condition, 1, 0, NULL));
    EXPECT(mproc_condition_lock_as(condition, 2, MPROC_FOREVER, NULL), MPROC_EINTR);
    OK(mproc_condition_unlock_as(condition, 1));
    mproc_condition_close(condition);
}

static void block_event(void)
{
    mproc_event_t *event = an_event(NULL, MPROC_RETURN_ON_SIGNAL);
    EXPECT(mproc_event_wait(event, MPROC_FOREVER, NULL), MPROC_EINTR);
    mproc_event_close(event);
}

static void block_barrier(void)
{
    mproc_barrier_t *barrier = a_barrier(NULL, MPROC_RETURN_ON_SIGNAL, 2);
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EINTR);
    EXPECT(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL), MPROC_EBROKEN); /* who leaves breaks it */
    OK(mproc_barrier_reset(barrier));
    mproc_barrier_close(barrier);
}

static const struct {
    const char *name;
    void (*block)(void);
} waits[] = {
    { "lock", block_lock },
    { "value's lock", block_value_lock },
    { "array's lock", block_array_lock },
    { "get", block_get },
    { "put", block_put },
    { "join", block_join },
    { "recv", block_recv },
    { "rlock", block_rlock },
    { "read_lock", block_read },
    { "write_lock behind a reader", block_write },
    { "write_lock behind a writer", block_write_behind_a_writer },
    { "acquire", block_semaphore },
    { "acquire, accounting", block_permits },
    { "condition's wait", block_condition },
    { "condition's lock", block_condition_lock },
    { "event's wait", block_event },
    { "barrier's wait", block_barrier },
};

static void note_signal(int sig)
{
    (void)sig;
    signals = signals + 1;
}

static void return_on_signal(void)
{
    for (uint32_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        atomic_store(&stage->step, i);
        uint32_t before = atomic_load(&stage->flag[0]);
        pid_t pid = proc_fork();
        if (pid == 0) {
            struct sigaction action = { .sa_handler = note_signal }; /* no SA_RESTART, as for Ctrl-C in most programs */
            CHECK(sigaction(SIGINT, &action, NULL) == 0);
            atomic_fetch_add(&stage->flag[0], 1);
            waits[i].block();
            CHECK(signals > 0);
            exit(0); /* the whole way out */
        }
        AWAIT(stage->flag[0], before + 1);
        await_sleep(pid);
        /* Again and again: the instant before it falls asleep, between two slices, is documented not to count. */
        int status = -1;
        for (int64_t end = proc_now() + 15 * SEC; kill(pid, SIGINT) == 0 && !proc_wait(pid, 5 * MS, &status);) {
            if (proc_now() > end) {
                fail_at(__FILE__, __LINE__, "%s: hangs although signals come", waits[i].name);
            }
        }
        if (status != 0) {
            fail_at(__FILE__, __LINE__, "%s: ended with wait status 0x%x", waits[i].name, (unsigned)status);
        }
    }
}

/* Without that flag a signal whose handler returns ends nothing: all of these go on until what they wait for comes. */
static void signals_end_no_wait(void)
{
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    mproc_condition_t *condition = a_condition("condition", 0);
    mproc_semaphore_t *permits = a_semaphore("permits", MPROC_SEMAPHORE_ACCOUNTING, 1);
    mproc_rwlock_t *rwlock = an_rwlock("rwlock", 0);
    mproc_event_t *event = an_event("event", 0);
    mproc_barrier_t *barrier = a_barrier("barrier", 0, 2);
    OK(mproc_semaphore_try(permits));
    OK(mproc_rwlock_read_try(rwlock));
    pid_t pid = proc_fork();
    if (pid == 0) {
        struct sigaction action = { .sa_handler = note_signal };
        CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
        atomic_store(&stage->step, 1);
        OK(mproc_event_wait(event, MPROC_FOREVER, NULL));
        atomic_store(&stage->step, 2);
        OK(mproc_semaphore_acquire(permits, MPROC_FOREVER, NULL));
        atomic_store(&stage->step, 3);
        OK(mproc_rwlock_write_lock(rwlock, MPROC_FOREVER, NULL));
        OK(mproc_rwlock_write_unlock(rwlock));
        atomic_store(&stage->step, 4);
        OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
        OK(mproc_condition_wait(condition, MPROC_FOREVER, NULL));
        OK(mproc_condition_unlock(condition));
        atomic_store(&stage->step, 5);
        OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL));
        CHECK(signals > 50);
        _exit(0);
    }
    AWAIT(stage->step, 1);
    proc_sleep_ns(50 * MS);
    OK(mproc_event_set(event));
    AWAIT(stage->step, 2);
    proc_sleep_ns(50 * MS);
    OK(mproc_semaphore_release(permits, 1));
    AWAIT(stage->step, 3);
    proc_sleep_ns(50 * MS);
    OK(mproc_rwlock_read_unlock(rwlock));
    AWAIT(stage->step, 4);
    AWAIT_THAT(condition_waiters(condition) == 1);
    proc_sleep_ns(50 * MS);
    CHECK(condition_waiters(condition) == 1);
    OK(mproc_condition_notify(condition, 1));
    AWAIT(stage->step, 5);
    AWAIT_THAT(barrier_waiters(barrier) == 1);
    proc_sleep_ns(50 * MS);
    OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL));
    JOIN(pid);
}

const struct scenario family_scenarios[] = {
    { .name = "stopped-waiters-block-nobody", .play = stopped_waiters },
    { .name = "stopped-in-the-middle-of-waiting", .play = stopped_in_the_middle_of_waiting },
    { .name = "stopped-waiters-keep-nothing-from-others", .play = stopped_waiters_keep_nothing },
    { .name = "notify-beside-a-stopped-holder", .play = notify_beside_a_stopped_holder },
    { .name = "actions-that-do-not-end", .play = actions_that_do_not_end },
    { .name = "killed-waiters-pass-notifications-on", .play = killed_waiters },
    { .name = "killed-at-events-and-barriers", .play = killed_at_events_and_barriers },
    { .name = "stopped-holders-of-the-family-are-not-robbed", .play = stopped_holders, .limit_s = 60 },
    { .name = "waiting-writer-is-stopped-and-killed", .play = waiting_writer },
    { .name = "dead-writer-is-remembered", .play = dead_writer_is_remembered },
    { .name = "exec-while-keeping", .play = exec_while_keeping, .limit_s = 60 },
    { .name = "fork-beside-waiting-threads", .play = fork_beside_waiting_threads, .limit_s = 60 },
    { .name = "fork-beside-busy-threads-of-the-family", .play = fork_beside_busy_threads, .limit_s = 60 },
    { .name = "family-without-descriptors", .play = without_descriptors, .limit_s = 60 },
    { .name = "full-condition", .play = full_condition, .limit_s = 60 },
    { .name = "crowded-barrier", .play = crowded_barrier, .limit_s = 60 },
    { .name = "events-in-a-signal-handler", .play = set_in_signal_handler, .limit_s = 90 },
    { .name = "waits-that-return-on-signals", .play = return_on_signal, .limit_s = 90 },
    { .name = "signals-end-no-wait", .play = signals_end_no_wait },
    { 0 },
};
