/* The lock: lock, try, timed, unlock, who holds it, and the death of a holder. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <pthread.h>

static enum place where; /* where everything is made */

static void *unlock_elsewhere(void *lock) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock)); /* not recursive, not per thread */
    CHECK_OK(mproc_lock_unlock(lock));               /* the process is the holder: any thread may */
    return NULL;
}

static void alone(void) {
    mproc_lock_t *lock = NULL, *again = NULL;
    mproc_owner_t owner;
    pthread_t thread;

    NEED_OK(mproc_lock_create(place_domain(where), "lock", NULL, &lock));
    NEED_OK(mproc_lock_open(place_domain(where), "lock", NULL, &again));
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
    CHECK(owner.pid == getpid() || !place_is_memory(where));
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
    place_forget(where, "lock");
}

static void parent_and_child(void) {
    mproc_lock_t *lock = NULL;
    mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
    mproc_owner_t owner;
    pid_t parent = getpid(), pid;
    int i;

    options.flags = MPROC_NO_SPIN;
    NEED_OK(mproc_lock_create(place_domain(where), NULL, &options, &lock));
    CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
    pid = check_fork();
    if (pid == 0) {
        CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock));
        CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));
        CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK_INT(1, owner.held);
        CHECK_INT(1, owner.alive);
        CHECK_INT(0, owner.is_self);
        CHECK(owner.pid == parent || !place_is_memory(where));
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
        AWAIT(mproc_lock_owner(lock, &owner, sizeof owner) == MPROC_OK && (!owner.alive || place_is_memory(where)));
        CHECK_INT(1, owner.held);
        CHECK_INT(0, owner.alive);
        CHECK(owner.pid == pid || !place_is_memory(where));
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

    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &lock));
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
    int i, round, bad = 0, rounds = place_rounds(where, ROUNDS);

    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &lock));
    for (i = 0; i < WORKERS; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            for (round = 0; round < rounds; round++) {
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
    CHECK_INT((long)WORKERS * rounds, *number);
    munmap((void *)number, sizeof *number);
    mproc_lock_close(lock);
}

static mproc_lock_t *new_free_for_all(void) {
    mproc_lock_t *lock = NULL;
    mproc_lock_options_t options = MPROC_LOCK_OPTIONS_INIT;
    options.flags = MPROC_ANY_RELEASE;
    NEED_OK(mproc_lock_create(place_domain(where), NULL, &options, &lock));
    return lock;
}

static void release_once(void *lock) {
    CHECK_OK(mproc_lock_unlock((mproc_lock_t *)lock));
}

static void cannot_release(void *lock) {
    CHECK_IS(MPROC_EPERM, mproc_lock_unlock((mproc_lock_t *)lock));
}

static void take_and_leave(void *lock) {
    CHECK_OK(mproc_lock_lock((mproc_lock_t *)lock, MPROC_FOREVER, NULL));
}

/* Any thread of any process releases a lock with MPROC_ANY_RELEASE, and nobody one that is free. */
static void anybody_releases(void) {
    mproc_lock_t *lock = new_free_for_all(), *plain = NULL;
    mproc_owner_t owner;
    party_t other;
    int as_process;

    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &plain));
    for (as_process = 0; as_process < 2; as_process++) {
        CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));
        CHECK_OK(mproc_lock_lock(lock, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock)); /* not recursive all the same */
        party_start(&other, as_process, release_once, lock);
        party_join(&other);
        CHECK_OK(mproc_lock_owner(lock, &owner, sizeof owner));
        CHECK_INT(0, owner.held);
        CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));
        party_start(&other, as_process, cannot_release, lock);
        party_join(&other);
        CHECK_OK(mproc_lock_try(lock));
        CHECK_OK(mproc_lock_unlock(lock));

        CHECK_OK(mproc_lock_try(plain)); /* without it, only the process that holds it */
        party_start(&other, as_process, as_process ? cannot_release : release_once, plain);
        party_join(&other);
        CHECK_IS(as_process ? MPROC_OK : MPROC_EPERM, mproc_lock_unlock(plain));
    }

    /* Who let it be released before it died did not die inside; who took it anew did. */
    party_start(&other, 1, take_and_leave, lock);
    AWAIT(mproc_lock_owner(lock, &owner, sizeof owner) == MPROC_OK && owner.held);
    party_join(&other);
    CHECK_OK(mproc_lock_unlock(lock)); /* of a dead process: anybody's as well */
    CHECK_OK(mproc_lock_try(lock));
    CHECK_OK(mproc_lock_unlock(lock));
    party_start(&other, 1, take_and_leave, lock);
    party_join(&other);
    CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(lock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_lock_unlock(lock));
    CHECK_OK(mproc_lock_try(lock)); /* told once */
    CHECK_OK(mproc_lock_unlock(lock));
    mproc_lock_close(lock);
    mproc_lock_close(plain);
}

/* As a signal: each waits on the lock that the other one releases. */
typedef struct {
    mproc_lock_t *ping, *pong;
    int rounds;
} table_t;

static void answer(void *argument) {
    table_t *table = (table_t *)argument;
    int round, bad = 0;
    for (round = 0; round < table->rounds; round++) {
        bad += mproc_lock_lock(table->ping, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_lock_unlock(table->pong) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void lock_as_signal(void) {
    table_t table;
    party_t other;
    int as_process, round, bad;

    for (as_process = 0; as_process < 2; as_process++) {
        table.ping = new_free_for_all();
        table.pong = new_free_for_all();
        table.rounds = api_slow() ? 50 : place_rounds(where, 1000);
        CHECK_OK(mproc_lock_try(table.ping));
        CHECK_OK(mproc_lock_try(table.pong));
        party_start(&other, as_process, answer, &table);
        for (round = 0, bad = 0; round < table.rounds; round++) {
            bad += mproc_lock_unlock(table.ping) != MPROC_OK;
            bad += mproc_lock_lock(table.pong, MPROC_FOREVER, NULL) != MPROC_OK;
        }
        party_join(&other);
        CHECK_INT(0, bad);
        mproc_lock_close(table.ping);
        mproc_lock_close(table.pong);
    }
}

/* Which kind of release it has is decided when it is made. */
static void any_release_by_name(void) {
    mproc_lock_options_t any = MPROC_LOCK_OPTIONS_INIT, plain = MPROC_LOCK_OPTIONS_INIT;
    mproc_lock_t *lock = NULL, *other = NULL;
    party_t party;

    any.flags = MPROC_ANY_RELEASE | MPROC_EXIST_OK;
    plain.flags = MPROC_EXIST_OK;
    CHECK_OK(mproc_lock_create(place_domain(where), "any-release", &any, &lock));
    CHECK_IS(MPROC_EXISTED, mproc_lock_create(place_domain(where), "any-release", &any, &other));
    mproc_lock_close(other);
    other = NULL;
    CHECK_IS(MPROC_ETYPE, mproc_lock_create(place_domain(where), "any-release", &plain, &other));
    CHECK(other == NULL);
    CHECK_OK(mproc_lock_open(place_domain(where), "any-release", NULL, &other));
    CHECK_OK(mproc_lock_try(lock));
    party_start(&party, 1, release_once, other);
    party_join(&party);
    CHECK_IS(MPROC_EPERM, mproc_lock_unlock(lock));
    mproc_lock_close(other);
    mproc_lock_close(lock);
    place_forget(where, "any-release");

    NEED_OK(mproc_lock_create(place_domain(where), "any-release", &plain, &lock));
    other = NULL;
    CHECK_IS(MPROC_ETYPE, mproc_lock_create(place_domain(where), "any-release", &any, &other));
    CHECK(other == NULL);
    mproc_lock_close(lock);
    place_forget(where, "any-release");
}

typedef struct {
    mproc_lock_t *lock;
    uint64_t seen; /* shared */
    int dies;
} fenced_t;

static void no_token(void *argument) {
    fenced_t *f = (fenced_t *)argument;
    uint64_t token = 4711;
    CHECK_IS(MPROC_EPERM, mproc_lock_token(f->lock, &token));
    CHECK(token == 4711);
}

static void take_a_token(void *argument) {
    fenced_t *f = (fenced_t *)argument;
    uint64_t token = 0;
    CHECK(mproc_lock_lock(f->lock, MPROC_FOREVER, NULL) >= 0);
    CHECK_OK(mproc_lock_token(f->lock, &token));
    CHECK(token > f->seen);
    f->seen = token;
    if (f->dies) {
        raise(SIGKILL);
    }
    CHECK_OK(mproc_lock_unlock(f->lock));
}

/* A token is greater than all before it, whoever had the lock then and however that ended; only the holder gets one. */
static void fencing(void) {
    fenced_t *f = (fenced_t *)api_shared(sizeof *f);
    uint64_t token = 0;
    party_t other;
    int round;

    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &f->lock));
    CHECK_IS(MPROC_EINVAL, mproc_lock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_lock_token(f->lock, NULL));
    no_token(f); /* nobody holds it */
    for (round = 0; round < 6; round++) { /* by this process, a thread of it, a child, and one that dies with it */
        int as_process = round % 3 > 0;
        f->dies = round % 3 == 2;
        party_start(&other, as_process, take_a_token, f);
        if (f->dies) {
            while (waitpid(other.process, NULL, 0) < 0 && errno == EINTR) {
            }
            munmap((void *)other.id, sizeof *other.id);
        } else {
            party_join(&other);
        }
        CHECK_IS(f->dies ? MPROC_RECOVERED : MPROC_OK, mproc_lock_lock(f->lock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_lock_token(f->lock, &token));
        CHECK(token > f->seen);
        f->seen = token;
        party_start(&other, 1, no_token, f);
        party_join(&other);
        CHECK_OK(mproc_lock_token(f->lock, &token)); /* of the same holder, too */
        CHECK(token > f->seen);
        f->seen = token;
        CHECK_OK(mproc_lock_unlock(f->lock));
        no_token(f);
    }
    mproc_lock_close(f->lock);
    munmap(f, sizeof *f);
}

void api_lock(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        alone();
        parent_and_child();
        waiter_takes_over();
        contended();
        anybody_releases();
        lock_as_signal();
        any_release_by_name();
        fencing();
    }
}
