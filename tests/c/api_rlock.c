/* The rlock: levels, owners (threads, tokens, processes), death of the owner, names. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where; /* where everything is made */

#define TOKEN_MAX (UINT64_MAX >> 1)
#define THREADS_TOKEN (UINT64_C(1) << 63) /* this bit is set in the token of a thread */

static mproc_rlock_t *new_rlock(uint32_t flags) {
    mproc_rlock_t *rlock = NULL;
    mproc_rlock_options_t options = MPROC_RLOCK_OPTIONS_INIT;
    options.flags = flags;
    NEED_OK(mproc_rlock_create(place_domain(where), NULL, &options, &rlock));
    return rlock;
}

static mproc_rlock_info_t info_of(const mproc_rlock_t *rlock) {
    mproc_rlock_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_rlock_info(rlock, &info, sizeof info));
    return info;
}

static void check_free(const mproc_rlock_t *rlock) {
    mproc_rlock_info_t info = info_of(rlock);
    CHECK_INT(0, info.owner.held);
    CHECK_INT(0, info.owner.pid);
    CHECK(info.token == 0);
    CHECK_INT(0, info.count);
}

/* Whoever calls is not the owner: it gets nothing, and cannot give anything up. */
static void not_the_owner(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    mproc_rlock_info_t before = info_of(rlock), after;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_try(rlock));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock(rlock, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock(rlock, 2 * API_MS, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, 4711, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, 4711, 2 * API_MS, NULL));
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(rlock));
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock_as(rlock, 4711));
    after = info_of(rlock);
    CHECK_INT(1, after.owner.held);
    CHECK_INT(1, after.owner.alive);
    CHECK(before.token == after.token);
    CHECK_INT(before.count, after.count);
}

static void levels(void) {
    enum { LEVELS = 5 };
    mproc_rlock_t *rlock = new_rlock(0);
    mproc_rlock_info_t info;
    uint64_t token = 0;
    party_t other;
    int i, as_process;

    check_free(rlock);
    CHECK_INT(0, info_of(rlock).steals);
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(rlock));
    for (i = 1; i <= LEVELS; i++) { /* however it is taken */
        CHECK_OK(i % 3 == 0   ? mproc_rlock_try(rlock)
                 : i % 3 == 1 ? mproc_rlock_lock(rlock, MPROC_FOREVER, NULL)
                              : mproc_rlock_lock(rlock, 0, NULL));
        info = info_of(rlock);
        CHECK_INT(1, info.owner.held);
        CHECK_INT(1, info.owner.alive);
        CHECK_INT(1, info.owner.is_self);
        CHECK(info.owner.pid == getpid() || !place_is_memory(where));
        CHECK((info.token & THREADS_TOKEN) != 0);
        CHECK(i == 1 || info.token == token);
        CHECK_INT(i, info.count);
        token = info.token;
    }
    for (i = LEVELS; i >= 1; i--) { /* only the last one releases it */
        for (as_process = 0; as_process < 2; as_process++) {
            party_start(&other, as_process, not_the_owner, rlock);
            party_join(&other);
        }
        CHECK_INT(i, info_of(rlock).count);
        CHECK_OK(mproc_rlock_unlock(rlock));
    }
    check_free(rlock);
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(rlock));
    CHECK_INT(0, info_of(rlock).steals);
    mproc_rlock_close(rlock);
}

static void lock_twice(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    CHECK_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
}

/* A thread that has ended takes its ownership along: a later one is somebody else, also in the same memory. */
static void ended_thread(void) {
    mproc_rlock_t *rlock = new_rlock(0);
    party_t first, second;
    int i;

    party_start(&first, 0, lock_twice, rlock);
    party_join(&first);
    not_the_owner(rlock);
    for (i = 0; i < 4; i++) {
        party_start(&second, 0, not_the_owner, rlock);
        party_join(&second);
    }
    CHECK_INT(2, info_of(rlock).count);
    mproc_rlock_close(rlock);
}

static void same_token(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    CHECK_IS(MPROC_OK, mproc_rlock_lock_as(rlock, 7, MPROC_FOREVER, NULL));
    CHECK_INT(3, info_of(rlock).count);
    CHECK_OK(mproc_rlock_unlock_as(rlock, 7));
    CHECK_OK(mproc_rlock_unlock_as(rlock, 7)); /* one that another thread took */
}

/* The same number in another process is another owner. */
static void token_elsewhere(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, 7, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, 7, 2 * API_MS, NULL));
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock_as(rlock, 7));
}

static void tokens(void) {
    static const uint64_t bad[] = {0, TOKEN_MAX + 1, THREADS_TOKEN | 7, UINT64_MAX};
    static const uint64_t good[] = {1, 7, TOKEN_MAX};
    mproc_rlock_t *rlock = new_rlock(0);
    mproc_rlock_info_t info;
    party_t other;
    uint64_t threads_token;
    size_t i;

    CHECK_OK(mproc_rlock_try(rlock));
    threads_token = info_of(rlock).token;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_rlock_lock_as(rlock, bad[i], 0, NULL));
        CHECK_IS(MPROC_EINVAL, mproc_rlock_unlock_as(rlock, bad[i]));
    }
    CHECK_IS(MPROC_EINVAL, mproc_rlock_lock_as(rlock, threads_token, 0, NULL)); /* nobody names a thread */
    CHECK_IS(MPROC_EINVAL, mproc_rlock_unlock_as(rlock, threads_token));
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, good[i], 0, NULL)); /* this thread has it */
        CHECK_IS(MPROC_EPERM, mproc_rlock_unlock_as(rlock, good[i]));
    }
    CHECK_INT(1, info_of(rlock).count);
    CHECK_OK(mproc_rlock_unlock(rlock));
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_OK(mproc_rlock_lock_as(rlock, good[i], MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rlock_lock_as(rlock, good[i], 0, NULL));
        info = info_of(rlock);
        CHECK(info.token == good[i]);
        CHECK_INT(2, info.count);
        CHECK_INT(1, info.owner.is_self);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_try(rlock)); /* this thread has not */
        CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(rlock));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_rlock_lock_as(rlock, 2, 0, NULL));
        CHECK_IS(MPROC_EPERM, mproc_rlock_unlock_as(rlock, 2));
        CHECK_OK(mproc_rlock_unlock_as(rlock, good[i]));
        CHECK_INT(1, info_of(rlock).count);
        CHECK_OK(mproc_rlock_unlock_as(rlock, good[i]));
        check_free(rlock);
        CHECK_IS(MPROC_EPERM, mproc_rlock_unlock_as(rlock, good[i]));
    }

    CHECK_OK(mproc_rlock_lock_as(rlock, 7, 0, NULL));
    CHECK_OK(mproc_rlock_lock_as(rlock, 7, 0, NULL));
    party_start(&other, 0, same_token, rlock); /* whichever thread brings it */
    party_join(&other);
    party_start(&other, 1, token_elsewhere, rlock);
    party_join(&other);
    CHECK_INT(1, info_of(rlock).count);
    CHECK_OK(mproc_rlock_unlock_as(rlock, 7));
    check_free(rlock);
    mproc_rlock_close(rlock);
}

static void hold_three(void *argument) {
    lock_twice(argument);
    CHECK_OK(mproc_rlock_try((mproc_rlock_t *)argument));
}

static void hold_as_seven(void *argument) {
    CHECK_OK(mproc_rlock_lock_as((mproc_rlock_t *)argument, 7, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_rlock_lock_as((mproc_rlock_t *)argument, 7, MPROC_FOREVER, NULL));
    raise(SIGKILL);
}

/* All levels of a dead owner go at once, and that is told once. */
static void owner_dies(void) {
    mproc_rlock_t *rlock = new_rlock(0);
    mproc_rlock_info_t info;
    party_t other;
    int i;

    for (i = 0; i < 2; i++) { /* ended in peace, then killed: either way it died inside */
        party_start(&other, 1, i == 0 ? hold_three : hold_as_seven, rlock);
        while (waitpid(other.process, NULL, 0) < 0 && errno == EINTR) {
        }
        AWAIT(!info_of(rlock).owner.alive || place_is_memory(where));
        info = info_of(rlock);
        CHECK_INT(1, info.owner.held);
        CHECK_INT(0, info.owner.alive);
        CHECK(info.owner.pid == other.process || !place_is_memory(where));
        munmap((void *)other.id, sizeof *other.id);
        CHECK_IS(MPROC_RECOVERED, i == 0 ? mproc_rlock_lock(rlock, MPROC_FOREVER, NULL)
                                         : mproc_rlock_lock_as(rlock, 7, MPROC_FOREVER, NULL));
        info = info_of(rlock);
        CHECK_INT(1, info.count);
        CHECK_INT(1, info.owner.is_self);
        CHECK_INT(i + 1, info.steals);
        CHECK_OK(i == 0 ? mproc_rlock_try(rlock) : mproc_rlock_lock_as(rlock, 7, 0, NULL)); /* once more: no news */
        CHECK_INT(2, info_of(rlock).count);
        CHECK_OK(i == 0 ? mproc_rlock_unlock(rlock) : mproc_rlock_unlock_as(rlock, 7));
        CHECK_OK(i == 0 ? mproc_rlock_unlock(rlock) : mproc_rlock_unlock_as(rlock, 7));
        check_free(rlock);
        CHECK_OK(mproc_rlock_try(rlock));
        CHECK_OK(mproc_rlock_unlock(rlock));
    }
    mproc_rlock_close(rlock);
}

static void hold_for_ever(void *argument) {
    lock_twice(argument);
    for (;;) {
        pause();
    }
}

static void take_over(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    CHECK_IS(MPROC_RECOVERED, mproc_rlock_lock(rlock, MPROC_FOREVER, NULL));
    CHECK_INT(1, info_of(rlock).count);
    CHECK_OK(mproc_rlock_unlock(rlock));
    CHECK_IS(MPROC_EPERM, mproc_rlock_unlock(rlock));
}

/* A waiter that is asleep when the owner is killed gets the lock. */
static void waiter_takes_over(void) {
    int as_process;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_rlock_t *rlock = new_rlock(as_process ? MPROC_NO_SPIN : 0);
        party_t holder, waiter;
        party_start(&holder, 1, hold_for_ever, rlock);
        AWAIT(info_of(rlock).count == 2);
        party_start(&waiter, as_process, take_over, rlock);
        party_await_sleep(&waiter);
        party_kill(&holder);
        party_join(&waiter);
        CHECK_OK(mproc_rlock_try(rlock));
        mproc_rlock_close(rlock);
    }
}

typedef struct {
    mproc_rlock_t *rlock;
    mproc_cancel_t *cancel;
} canceled_t;

static void wait_canceled(void *argument) {
    canceled_t *c = (canceled_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_rlock_lock(c->rlock, MPROC_FOREVER, c->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_rlock_lock_as(c->rlock, 5, MPROC_FOREVER, c->cancel)); /* until it is cleared */
}

static void canceling(void) {
    canceled_t c = {new_rlock(0), NULL};
    party_t waiter;

    NEED_OK(mproc_cancel_create(&c.cancel));
    CHECK_OK(mproc_rlock_lock(c.rlock, MPROC_FOREVER, c.cancel));
    party_start(&waiter, 0, wait_canceled, &c);
    party_await_sleep(&waiter);
    CHECK_OK(mproc_cancel_set(c.cancel));
    party_join(&waiter);
    CHECK_OK(mproc_rlock_lock(c.rlock, MPROC_FOREVER, c.cancel)); /* needs no waiting: the owner */
    CHECK_INT(2, info_of(c.rlock).count);
    CHECK_OK(mproc_rlock_unlock(c.rlock));
    CHECK_OK(mproc_rlock_unlock(c.rlock));
    mproc_cancel_close(c.cancel);
    mproc_rlock_close(c.rlock);
}

typedef struct {
    mproc_rlock_t *rlock;
    volatile long *number;
    uint64_t token; /* 0: the thread's own */
    int rounds;
} adder_t;

static void add(void *argument) {
    adder_t *a = (adder_t *)argument;
    int round, level, bad = 0;
    for (round = 0; round < a->rounds; round++) {
        int deep = 1 + round % 3;
        for (level = 0; level < deep; level++) {
            bad += (a->token ? mproc_rlock_lock_as(a->rlock, a->token, MPROC_FOREVER, NULL)
                             : mproc_rlock_lock(a->rlock, MPROC_FOREVER, NULL)) != MPROC_OK;
        }
        for (level = 0; level < deep; level++) {
            *a->number = *a->number + 1;
            bad += (a->token ? mproc_rlock_unlock_as(a->rlock, a->token) : mproc_rlock_unlock(a->rlock)) != MPROC_OK;
        }
    }
    CHECK_INT(0, bad);
}

/* Mutual exclusion of threads, tokens and processes, up to the last level. */
static void contended(void) {
    enum { WORKERS = 6 };
    adder_t adders[WORKERS];
    party_t workers[WORKERS];
    mproc_rlock_t *rlock = new_rlock(0);
    volatile long *number = (volatile long *)api_shared(sizeof *number);
    long expected = 0;
    int i, round;

    for (i = 0; i < WORKERS; i++) {
        adders[i].rlock = rlock;
        adders[i].number = number;
        adders[i].token = i % 3 == 2 ? (uint64_t)i : 0;
        adders[i].rounds = api_slow() ? 60 : place_rounds(where, 1500);
        for (round = 0; round < adders[i].rounds; round++) {
            expected += 1 + round % 3;
        }
        party_start(&workers[i], i < WORKERS / 2, add, &adders[i]);
    }
    for (i = 0; i < WORKERS; i++) {
        party_join(&workers[i]);
    }
    CHECK_INT(expected, *number);
    check_free(rlock);
    CHECK_INT(0, info_of(rlock).steals);
    munmap((void *)number, sizeof *number);
    mproc_rlock_close(rlock);
}

static void by_name(void) {
    mproc_rlock_options_t options = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rlock_t *rlock = NULL, *again = NULL, *none = NULL;
    mproc_lock_t *lock = NULL;
    party_t other;

    CHECK_IS(MPROC_ENOENT, mproc_rlock_open(place_domain(where), "an-rlock", NULL, &none));
    CHECK_OK(mproc_rlock_create(place_domain(where), "an-rlock", NULL, &rlock));
    CHECK_IS(MPROC_EEXIST, mproc_rlock_create(place_domain(where), "an-rlock", NULL, &none));
    options.flags = MPROC_EXIST_OK | MPROC_NO_SPIN;
    CHECK_IS(MPROC_EXISTED, mproc_rlock_create(place_domain(where), "an-rlock", &options, &again));
    CHECK_IS(MPROC_EKIND, mproc_lock_open(place_domain(where), "an-rlock", NULL, &lock));
    CHECK(none == NULL && lock == NULL);
    CHECK_OK(mproc_rlock_try(rlock));
    CHECK_OK(mproc_rlock_lock(again, 0, NULL)); /* the owner, whichever handle it comes through */
    CHECK_INT(2, info_of(rlock).count);
    mproc_rlock_close(rlock); /* ends the handle, not the holding */
    CHECK_INT(2, info_of(again).count);
    party_start(&other, 1, not_the_owner, again);
    party_join(&other);
    CHECK_OK(mproc_rlock_unlock(again));
    CHECK_OK(mproc_rlock_unlock(again));
    check_free(again);
    mproc_rlock_close(again);
    place_forget(where, "an-rlock");

    NEED_OK(mproc_lock_create(place_domain(where), "a-lock", NULL, &lock));
    CHECK_IS(MPROC_EKIND, mproc_rlock_create(place_domain(where), "a-lock", &options, &none));
    CHECK_IS(MPROC_EKIND, mproc_rlock_open(place_domain(where), "a-lock", NULL, &none));
    CHECK(none == NULL);
    mproc_lock_close(lock);
    place_forget(where, "a-lock");
}

static void no_token(void *argument) {
    mproc_rlock_t *rlock = (mproc_rlock_t *)argument;
    uint64_t token = 4711;
    CHECK_IS(MPROC_EPERM, mproc_rlock_token(rlock, &token));
    CHECK_IS(MPROC_EPERM, mproc_rlock_token_as(rlock, 7, &token));
    CHECK(token == 4711);
}

/* A fencing token is greater than all before it; only the owner gets one, at any level. */
static void fencing(void) {
    static const uint64_t bad[] = {0, TOKEN_MAX + 1, UINT64_MAX};
    mproc_rlock_t *rlock = new_rlock(0);
    uint64_t token = 0, seen = 0;
    party_t other;
    size_t i;
    int round, as_process;

    CHECK_IS(MPROC_EINVAL, mproc_rlock_token(NULL, &token));
    CHECK_IS(MPROC_EINVAL, mproc_rlock_token(rlock, NULL));
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_rlock_token_as(rlock, bad[i], &token));
    }
    no_token(rlock);
    for (round = 0; round < 4; round++) {
        int level, named = round % 2;
        for (level = 0; level < 3; level++) {
            CHECK_OK(named ? mproc_rlock_lock_as(rlock, 3, MPROC_FOREVER, NULL) : mproc_rlock_try(rlock));
            CHECK_OK(named ? mproc_rlock_token_as(rlock, 3, &token) : mproc_rlock_token(rlock, &token));
            CHECK(token > seen);
            seen = token;
            CHECK_IS(MPROC_EPERM, named ? mproc_rlock_token(rlock, &token) : mproc_rlock_token_as(rlock, 3, &token));
            for (as_process = 0; as_process < 2; as_process++) {
                party_start(&other, as_process, no_token, rlock);
                party_join(&other);
            }
        }
        for (level = 0; level < 3; level++) {
            CHECK_OK(named ? mproc_rlock_unlock_as(rlock, 3) : mproc_rlock_unlock(rlock));
        }
        no_token(rlock);
    }
    mproc_rlock_close(rlock);
}

typedef struct {
    mproc_domain_t *domain;
    mproc_rlock_t *rlock;
    check_gate_t *left, *seen;
} leaver_t;

static void lock_and_leave_domain(void *argument) {
    leaver_t *l = (leaver_t *)argument;
    lock_twice(l->rlock);
    mproc_rlock_close(l->rlock);
    mproc_domain_close(l->domain); /* that was the last one: this process is not in the domain any more */
    check_gate_open(l->left);
    check_gate_wait(l->seen);
}

/* Closing the last handle in a domain is leaving it, and leaving it is dying inside. */
static void leaving_the_domain(void) {
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    leaver_t l;
    party_t other;

    memset(&l, 0, sizeof l);
    options.flags = MPROC_DOMAIN_ANONYMOUS;
    l.left = check_gate();
    l.seen = check_gate();
    NEED_OK(mproc_domain_open(&options, &l.domain));
    NEED_OK(mproc_rlock_create(l.domain, NULL, NULL, &l.rlock));
    party_start(&other, 1, lock_and_leave_domain, &l);
    check_gate_wait(l.left);
    CHECK_IS(MPROC_RECOVERED, mproc_rlock_lock(l.rlock, MPROC_FOREVER, NULL));
    CHECK_INT(1, info_of(l.rlock).count);
    check_gate_open(l.seen);
    party_join(&other);
    mproc_rlock_close(l.rlock);
    mproc_domain_close(l.domain);
    check_gate_free(l.left);
    check_gate_free(l.seen);
}

void api_rlock(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        levels();
        ended_thread();
        tokens();
        owner_dies();
        waiter_takes_over();
        canceling();
        contended();
        by_name();
        fencing();
    }
    leaving_the_domain();
}
