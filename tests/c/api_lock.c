/* The lock: lock, try, timed, unlock, who holds it, and the death of a holder. */
#include "api_test.h"

#include "check.h"

#include <pthread.h>

static void *unlock_elsewhere(void *lock) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock)); /* not recursive, not per thread */
    CHECK_OK(mproc_lock_unlock(lock));               /* the process is the holder: any thread may */
    return NULL;
}

static void alone(void) {
    mproc_lock_t *lock = NULL, *again = NULL;
    mproc_owner_t owner;
    pthread_t thread;

    NEED_OK(mproc_lock_create(NULL, "lock", NULL, &lock));
    NEED_OK(mproc_lock_open(NULL, "lock", NULL, &again));
    CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
    CHECK_INT(0, owner.held);
    CHECK_INT(0, owner.pid);
    CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));

    CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_lock(again, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_lock(again, 2000000, NULL));
    CHECK_OK(mproc_lock_owner(again, &owner, sizeof owner));
    CHECK_INT(1, owner.held);
    CHECK_INT(1, owner.alive);
    CHECK_INT(1, owner.is_self);
    CHECK_INT(getpid(), owner.pid);
    CHECK_OK(mproc_lock_unlock(lock));
    CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));

    CHECK_OK(mproc_lock_try(lock));
    CHECK_INT(0, pthread_create(&thread, NULL, unlock_elsewhere, lock));
    CHECK_INT(0, pthread_join(thread, NULL));
    CHECK_OK(mproc_lock_lock(lock, 0, NULL));
    mproc_lock_close(lock); /* ends the handle, not the holding */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(again));
    CHECK_OK(mproc_lock_unlock(again));
    mproc_lock_close(again);
}

static void parent_and_child(void) {
    mproc_lock_t *lock = NULL;
    mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
    mproc_owner_t owner;
    pid_t parent = getpid(), pid;
    int i;

    options.flags = MPROC_NO_SPIN;
    NEED_OK(mproc_lock_create(NULL, NULL, &options, &lock));
    CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
    pid = check_fork();
    if (pid == 0) {
        CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock));
        CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));
        CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK_INT(1, owner.held);
        CHECK_INT(1, owner.alive);
        CHECK_INT(0, owner.is_self);
        CHECK_INT(parent, owner.pid);
        check_leave();
    }
    CHECK_CHILD(pid);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock)); /* still held by this process */
    CHECK_OK(mproc_lock_unlock(lock));

    for (i = 0; i < 2; i++) { /* killed, then ended in peace: either way it died inside */
        pid = check_fork();
        if (pid == 0) {
            CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
            if (i == 0) {
                kill(getpid(), SIGKILL);
            }
            check_leave();
        }
        waitpid(pid, NULL, 0);
        CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK_INT(1, owner.held);
        CHECK_INT(0, owner.alive);
        CHECK_INT(pid, owner.pid);
        CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(lock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_lock_unlock(lock));
        CHECK_OK(mproc_lock_try(lock)); /* the news is told once */
        CHECK_OK(mproc_lock_unlock(lock));
    }
    mproc_lock_close(lock);
}

/* A waiter that is asleep when the holder dies gets the lock. */
static void waiter_takes_over(void) {
    mproc_lock_t *lock = NULL;
    check_gate_t *held = check_gate();
    pid_t holder, waiter;

    NEED_OK(mproc_lock_create(NULL, NULL, NULL, &lock));
    holder = check_fork();
    if (holder == 0) {
        CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
        check_gate_open(held);
        for (;;) {
            pause();
        }
    }
    check_gate_wait(held);
    waiter = check_fork();
    if (waiter == 0) {
        CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(lock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_lock_unlock(lock));
        check_leave();
    }
    check_sleep_ms(30); /* most likely asleep by now; right in any case */
    check_kill(holder);
    CHECK_CHILD(waiter);
    CHECK_OK(mproc_lock_try(lock));
    CHECK_OK(mproc_lock_unlock(lock));
    mproc_lock_close(lock);
    check_gate_free(held);
}

/* Mutual exclusion, seen on a plain variable. */
static void contended(void) {
    enum { WORKERS = 4, ROUNDS = 5000 };
    mproc_lock_t *lock = NULL;
    volatile long *number =
        mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[WORKERS];
    int i, round, bad = 0;

    NEED_OK(mproc_lock_create(NULL, NULL, NULL, &lock));
    for (i = 0; i < WORKERS; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            for (round = 0; round < ROUNDS; round++) {
                bad |= mproc_lock_lock(lock, MPROC_FOREVER, NULL) != MPROC_OK;
                *number = *number + 1;
                bad |= mproc_lock_unlock(lock) != MPROC_OK;
            }
            CHECK_INT(0, bad);
            check_leave();
        }
    }
    for (i = 0; i < WORKERS; i++) {
        CHECK_CHILD(pids[i]);
    }
    CHECK_INT((long)WORKERS * ROUNDS, *number);
    munmap((void *)number, sizeof *number);
    mproc_lock_close(lock);
}

void api_lock(void) {
    alone();
    parent_and_child();
    waiter_takes_over();
    contended();
}
