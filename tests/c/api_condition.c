/* The condition: its three kinds of lock, waiting, notifying in order, cancels and deaths in between, names. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where; /* where everything is made */

/* A condition and what it is bound to: by default the lock is its own. */
typedef struct {
    uint32_t kind; /* MPROC_CONDITION_OWN, MPROC_KIND_LOCK or MPROC_KIND_RLOCK */
    mproc_condition_t *condition;
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
} bound_t;

static const uint32_t kinds[] = {MPROC_CONDITION_OWN, MPROC_KIND_LOCK, MPROC_KIND_RLOCK};
enum { KINDS = 3 };

static bound_t new_bound(uint32_t kind, uint32_t flags) {
    bound_t b;
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    memset(&b, 0, sizeof b);
    b.kind = kind;
    options.flags = flags;
    if (kind == MPROC_KIND_LOCK) {
        NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &b.lock));
        options.lock = b.lock;
    } else if (kind == MPROC_KIND_RLOCK) {
        NEED_OK(mproc_rlock_create(place_domain(where), NULL, NULL, &b.rlock));
        options.rlock = b.rlock;
    }
    NEED_OK(mproc_condition_create(place_domain(where), NULL, &options, &b.condition));
    return b;
}

static void close_bound(bound_t *b) {
    mproc_lock_close(b->lock); /* may go before the condition does */
    mproc_rlock_close(b->rlock);
    mproc_condition_close(b->condition);
}

static mproc_condition_t *new_condition(void) {
    mproc_condition_t *condition = NULL;
    NEED_OK(mproc_condition_create(place_domain(where), NULL, NULL, &condition));
    return condition;
}

static mproc_condition_info_t info_of(const mproc_condition_t *condition) {
    mproc_condition_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_condition_info(condition, &info, sizeof info));
    CHECK_INT(0, info.reserved);
    return info;
}

/* Somebody else's process: it can neither take the lock, nor release it, nor wait. */
static void shut_out(void *argument) {
    mproc_condition_t *condition = (mproc_condition_t *)argument;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(condition));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_lock(condition, 2 * API_MS, NULL));
    CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
    CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, 0, NULL));
    CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EPERM, mproc_condition_wait_as(condition, 5, MPROC_FOREVER, NULL));
}

static void check_held(mproc_condition_t *condition) {
    party_t other;
    party_start(&other, 1, shut_out, condition);
    party_join(&other);
}

static void lock_and_wait_alone(void) {
    size_t k;
    for (k = 0; k < KINDS; k++) {
        bound_t b = new_bound(kinds[k], 0);
        mproc_condition_t *condition = b.condition;
        mproc_condition_info_t info = info_of(condition);
        CHECK_INT(0, info.waiters);
        CHECK_INT(kinds[k], info.lock_kind);
        CHECK_INT(0, info.regranted);
        CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
        CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, 0, NULL));
        CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_condition_notify(condition, 3)); /* nobody there: not remembered */
        CHECK_OK(mproc_condition_notify_all(condition));
        CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_condition_notify(condition, 1)); /* nor is this one, with the lock */
        CHECK_OK(mproc_condition_notify(condition, 0));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 20 * API_MS, NULL));
        check_held(condition);
        CHECK_IS(MPROC_EINVAL, mproc_condition_wait(condition, -2, NULL));
        check_held(condition);
        if (kinds[k] == MPROC_KIND_LOCK) { /* the lock is the lock: a process has it, and once */
            CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(b.lock));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(condition));
            CHECK_OK(mproc_lock_unlock(b.lock));
            CHECK_OK(mproc_lock_lock(b.lock, MPROC_FOREVER, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 0, NULL));
        } else if (kinds[k] == MPROC_KIND_RLOCK) {
            mproc_rlock_info_t levels;
            CHECK_OK(mproc_rlock_try(b.rlock));
            CHECK_OK(mproc_rlock_info(b.rlock, &levels, sizeof levels));
            CHECK_INT(2, levels.count);
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 0, NULL));
            CHECK_OK(mproc_condition_unlock(condition));
            CHECK_OK(mproc_rlock_unlock(b.rlock));
            CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
            CHECK_OK(mproc_rlock_lock(b.rlock, 0, NULL));
        } else {
            CHECK_OK(mproc_condition_try(condition)); /* recursive */
            CHECK_OK(mproc_condition_unlock(condition));
        }
        check_held(condition);
        CHECK_OK(mproc_condition_unlock(condition));
        CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
        CHECK_OK(mproc_condition_try(condition));
        CHECK_OK(mproc_condition_unlock(condition));
        CHECK_INT(0, info_of(condition).waiters);
        close_bound(&b);
    }
}

/* Somebody who takes the lock, waits once, and notes what came of it; in memory that processes share. */
typedef struct {
    mproc_condition_t *condition;
    mproc_cancel_t *cancel;
    int64_t timeout;
    int levels;
    int expected;
    uint64_t token; /* 0: the thread's own */
    int entered;    /* the lock is taken: who takes it now finds this one waiting */
    int returned;   /* wait() has; how often before that others' had, and this one's */
    int status;
    int *returns;
} waiter_t;

static int lock_for(const waiter_t *w) {
    return w->token ? mproc_condition_lock_as(w->condition, w->token, MPROC_FOREVER, NULL)
                    : mproc_condition_lock(w->condition, MPROC_FOREVER, NULL);
}

static int unlock_for(const waiter_t *w) {
    return w->token ? mproc_condition_unlock_as(w->condition, w->token) : mproc_condition_unlock(w->condition);
}

static void wait_once(void *argument) {
    waiter_t *w = (waiter_t *)argument;
    int level, status;
    for (level = 0; level < w->levels; level++) {
        CHECK_OK(lock_for(w));
    }
    w->entered = 1;
    status = w->token ? mproc_condition_wait_as(w->condition, w->token, w->timeout, w->cancel)
                      : mproc_condition_wait(w->condition, w->timeout, w->cancel);
    w->status = status;
    __atomic_store_n(&w->returned, ++*w->returns, __ATOMIC_SEQ_CST); /* the lock protects the count */
    if (w->expected <= MPROC_RECOVERED) {
        CHECK_IS(w->expected, status);
    }
    for (level = 0; level < w->levels; level++) { /* all levels are back */
        CHECK_OK(unlock_for(w));
    }
}

enum { ANY_STATUS = 99 };

static waiter_t *new_waiters(mproc_condition_t *condition, int count) {
    waiter_t *all = (waiter_t *)api_shared((size_t)count * sizeof *all + sizeof(int));
    int i;
    for (i = 0; i < count; i++) {
        all[i].condition = condition;
        all[i].timeout = MPROC_FOREVER;
        all[i].levels = 1;
        all[i].returns = (int *)(void *)(all + count);
    }
    return all;
}

static void free_waiters(waiter_t *all, int count) {
    munmap(all, (size_t)count * sizeof *all + sizeof(int));
}

static int has_returned(const waiter_t *w) {
    return __atomic_load_n(&w->returned, __ATOMIC_SEQ_CST);
}

/* Starts it, and returns when it waits. */
static void start_waiting(party_t *party, int as_process, waiter_t *w) {
    party_start(party, as_process, wait_once, w);
    for (;;) {
        int entered;
        CHECK_OK(mproc_condition_lock(w->condition, MPROC_FOREVER, NULL));
        entered = w->entered;
        CHECK_OK(mproc_condition_unlock(w->condition));
        if (entered) {
            break;
        }
        check_sleep_ms(1);
    }
}

/* A notification goes to the one who has waited longest, of however many it is for. */
static void in_order(void) {
    enum { WAITERS = 7 };
    size_t k;
    int as_process, with_lock, i;
    for (k = 0; k < KINDS; k++) {
        for (as_process = 0; as_process < 3; as_process++) { /* threads, processes, both */
            bound_t b = new_bound(kinds[k], as_process == 1 ? MPROC_NO_SPIN : 0);
            waiter_t *waiters = new_waiters(b.condition, WAITERS);
            party_t parties[WAITERS];

            for (i = 0; i < WAITERS; i++) {
                start_waiting(&parties[i], as_process == 2 ? i % 2 : as_process, &waiters[i]);
                CHECK_INT(i + 1, info_of(b.condition).waiters);
            }
            for (i = 0; i < 3; i++) {
                with_lock = i % 2;
                CHECK_OK(mproc_condition_notify(b.condition, 0)); /* nobody */
                if (with_lock) {
                    CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
                }
                CHECK_OK(mproc_condition_notify(b.condition, 1));
                CHECK_INT(WAITERS - i - 1, info_of(b.condition).waiters); /* at once */
                if (with_lock) {
                    CHECK_INT(i, *waiters[0].returns); /* not before the lock is free */
                    CHECK_OK(mproc_condition_unlock(b.condition));
                }
                AWAIT(has_returned(&waiters[i]));
                CHECK_INT(i + 1, waiters[i].returned);
                party_join(&parties[i]);
            }
            CHECK_OK(mproc_condition_notify(b.condition, 2));
            AWAIT(has_returned(&waiters[3]) && has_returned(&waiters[4]));
            CHECK(!has_returned(&waiters[5]) && !has_returned(&waiters[6]));
            CHECK_INT(2, info_of(b.condition).waiters);
            CHECK_OK(mproc_condition_notify(b.condition, UINT32_MAX)); /* more than wait */
            for (i = 3; i < WAITERS; i++) {
                party_join(&parties[i]);
            }
            CHECK_INT(0, info_of(b.condition).waiters);
            CHECK_INT(0, info_of(b.condition).regranted);
            CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(b.condition, 2 * API_MS, NULL)); /* the rest is forgotten */
            CHECK_OK(mproc_condition_unlock(b.condition));
            free_waiters(waiters, WAITERS);
            close_bound(&b);
        }
    }
}

/* Everybody who waits now, and nobody who comes later. */
static void everybody(void) {
    enum { WAITERS = 5 };
    size_t k;
    int as_process, i;
    for (k = 0; k < KINDS; k++) {
        for (as_process = 0; as_process < 2; as_process++) {
            bound_t b = new_bound(kinds[k], 0);
            waiter_t *waiters = new_waiters(b.condition, WAITERS);
            party_t parties[WAITERS];
            for (i = 0; i < WAITERS - 1; i++) {
                start_waiting(&parties[i], as_process, &waiters[i]);
            }
            CHECK_OK(mproc_condition_notify_all(b.condition));
            CHECK_INT(0, info_of(b.condition).waiters);
            start_waiting(&parties[i], as_process, &waiters[i]);
            for (i = 0; i < WAITERS - 1; i++) {
                party_join(&parties[i]);
            }
            CHECK(!has_returned(&waiters[i]));
            CHECK_INT(1, info_of(b.condition).waiters);
            CHECK_OK(mproc_condition_notify_all(b.condition));
            party_join(&parties[i]);
            free_waiters(waiters, WAITERS);
            close_bound(&b);
        }
    }
}

/* However often the lock was taken: it is free while its owner waits, and taken as often afterwards. */
static void levels(void) {
    enum { LEVELS = 4 };
    size_t k;
    int as_process, named;
    for (k = 0; k < KINDS; k++) {
        if (kinds[k] == MPROC_KIND_LOCK) {
            continue; /* has no levels */
        }
        for (as_process = 0; as_process < 2; as_process++) {
            for (named = 0; named < 2; named++) {
                bound_t b = new_bound(kinds[k], 0);
                waiter_t *waiter = new_waiters(b.condition, 1);
                party_t party;
                waiter->levels = LEVELS;
                waiter->token = named ? 99 : 0;
                start_waiting(&party, as_process, waiter); /* takes the lock in between */
                CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
                CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
                CHECK_OK(mproc_condition_notify(b.condition, 1));
                CHECK_OK(mproc_condition_unlock(b.condition));
                CHECK(!has_returned(waiter));
                CHECK_OK(mproc_condition_unlock(b.condition));
                party_join(&party);
                CHECK_OK(mproc_condition_try(b.condition)); /* it gave up exactly as many */
                CHECK_OK(mproc_condition_unlock(b.condition));

                waiter->entered = waiter->returned = 0; /* and so after a timeout */
                waiter->timeout = 5 * API_MS;
                waiter->expected = MPROC_ETIMEDOUT;
                party_start(&party, as_process, wait_once, waiter);
                party_join(&party);
                CHECK_OK(mproc_condition_try(b.condition));
                CHECK_OK(mproc_condition_unlock(b.condition));
                CHECK_IS(MPROC_EPERM, mproc_condition_unlock(b.condition));
                free_waiters(waiter, 1);
                close_bound(&b);
            }
        }
    }
}

static void lock_and_tell(void *argument) {
    waiter_t *w = (waiter_t *)argument;
    CHECK_OK(mproc_condition_lock(w->condition, MPROC_FOREVER, NULL));
    __atomic_store_n(&w->entered, 1, __ATOMIC_SEQ_CST);
    CHECK_OK(mproc_condition_unlock(w->condition));
}

/* A wait without time gives the lock up all the same, for a moment. */
static void for_a_moment(void) {
    mproc_condition_t *condition = new_condition();
    waiter_t *other = new_waiters(condition, 1);
    party_t party;
    int round;
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    party_start(&party, 1, lock_and_tell, other);
    api_here(__FILE__, __LINE__);
    for (round = 0; !__atomic_load_n(&other->entered, __ATOMIC_SEQ_CST); round++) {
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 0, NULL));
        check_sleep_ms(round % 8 == 0);
    }
    check_held(condition);
    CHECK_OK(mproc_condition_unlock(condition));
    party_join(&party);
    free_waiters(other, 1);
    mproc_condition_close(condition);
}

/* Who owns the lock is whoever the caller says. */
static void tokens(void) {
    static const uint64_t bad[] = {0, (UINT64_MAX >> 1) + 1, UINT64_MAX};
    size_t i, k;
    for (k = 0; k < KINDS; k++) {
        bound_t b = new_bound(kinds[k], 0);
        mproc_condition_t *condition = b.condition;
        int has_owners = kinds[k] != MPROC_KIND_LOCK; /* a lock ignores them: its owner is the process */
        for (i = 0; i < sizeof bad / sizeof *bad && has_owners; i++) {
            CHECK_IS(MPROC_EINVAL, mproc_condition_lock_as(condition, bad[i], 0, NULL));
            CHECK_IS(MPROC_EINVAL, mproc_condition_unlock_as(condition, bad[i]));
            CHECK_IS(MPROC_EINVAL, mproc_condition_wait_as(condition, bad[i], 0, NULL));
        }
        CHECK_IS(MPROC_EPERM, mproc_condition_unlock_as(condition, 3));
        CHECK_IS(MPROC_EPERM, mproc_condition_wait_as(condition, 3, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_condition_lock_as(condition, 3, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(condition));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_lock_as(condition, 4, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait_as(condition, 3, 2 * API_MS, NULL));
        if (has_owners) {
            CHECK_IS(MPROC_EPERM, mproc_condition_wait_as(condition, 4, 0, NULL));
            CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, 0, NULL));
            CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
            CHECK_IS(MPROC_EPERM, mproc_condition_unlock_as(condition, 4));
        }
        check_held(condition);
        CHECK_OK(mproc_condition_unlock_as(condition, has_owners ? 3 : 4));
        CHECK_OK(mproc_condition_try(condition));
        CHECK_OK(mproc_condition_unlock(condition));
        close_bound(&b);
    }
}

/* The lock is held again after a cancel and a timeout, however long that takes. */
static void giving_up(void) {
    size_t k;
    int by_time;
    for (k = 0; k < KINDS; k++) {
        for (by_time = 0; by_time < 2; by_time++) {
            bound_t b = new_bound(kinds[k], 0);
            waiter_t *waiter = new_waiters(b.condition, 1);
            mproc_cancel_t *cancel = NULL;
            party_t party;
            NEED_OK(mproc_cancel_create(&cancel));
            waiter->cancel = cancel;
            waiter->timeout = by_time ? 30 * API_MS : MPROC_FOREVER;
            waiter->expected = by_time ? MPROC_ETIMEDOUT : MPROC_ECANCELED;
            start_waiting(&party, 0, waiter);
            CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
            if (!has_returned(waiter)) { /* on a slow machine its time may have been over before */
                if (!by_time) {
                    CHECK_OK(mproc_cancel_set(cancel));
                }
                check_sleep_ms(60);
                CHECK(!has_returned(waiter));
            }
            CHECK_OK(mproc_condition_unlock(b.condition));
            party_join(&party);
            CHECK_INT(0, info_of(b.condition).waiters);

            CHECK_OK(mproc_cancel_set(cancel)); /* a token that is set already */
            CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, cancel));
            CHECK_IS(MPROC_ECANCELED, mproc_condition_wait(b.condition, MPROC_FOREVER, cancel));
            check_held(b.condition);
            CHECK_OK(mproc_condition_unlock(b.condition));
            mproc_cancel_close(cancel);
            free_waiters(waiter, 1);
            close_bound(&b);
        }
    }
}

typedef struct {
    mproc_condition_t *condition;
    mproc_cancel_t *cancel;
} canceled_t;

static void cannot_lock(void *argument) {
    canceled_t *c = (canceled_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_condition_lock(c->condition, MPROC_FOREVER, c->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_condition_lock_as(c->condition, 8, MPROC_FOREVER, c->cancel));
}

static void canceled_lock(void) {
    size_t k;
    for (k = 0; k < KINDS; k++) {
        bound_t b = new_bound(kinds[k], 0);
        canceled_t c = {b.condition, NULL};
        party_t party;
        NEED_OK(mproc_cancel_create(&c.cancel));
        CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
        party_start(&party, 0, cannot_lock, &c);
        party_await_sleep(&party);
        CHECK_OK(mproc_cancel_set(c.cancel));
        party_join(&party);
        CHECK_OK(mproc_condition_unlock(b.condition));
        mproc_cancel_close(c.cancel);
        close_bound(&b);
    }
}

typedef struct {
    int *go;
    mproc_cancel_t *cancel;
    int spin;
} canceler_t;

static void cancel_when_told(void *argument) {
    canceler_t *c = (canceler_t *)argument;
    volatile int i;
    while (!__atomic_load_n(c->go, __ATOMIC_SEQ_CST)) {
    }
    for (i = 0; i < c->spin; i++) {
    }
    CHECK_OK(mproc_cancel_set(c->cancel));
}

/*
 * A notification meets a cancel, or a timeout: whoever gives up did not get it, and then the next one has it;
 * whoever got it says so.
 */
static void notified_or_not(void) {
    enum { ROUNDS = 60 };
    size_t k;
    int round, by_time, rounds = api_slow() ? 6 : place_rounds(where, ROUNDS);
    for (k = 0; k < KINDS; k++) {
        for (by_time = 0; by_time < 2; by_time++) {
            for (round = 0; round < rounds; round++) {
                bound_t b = new_bound(kinds[k], round % 2 ? MPROC_NO_SPIN : 0);
                waiter_t *waiters = new_waiters(b.condition, 2);
                party_t hasty, patient, canceler;
                canceler_t c = {NULL, NULL, 0};
                int go = 0;
                volatile int i;

                NEED_OK(mproc_cancel_create(&c.cancel));
                waiters[0].expected = ANY_STATUS;
                waiters[0].timeout = by_time ? 8 * API_MS : MPROC_FOREVER;
                waiters[0].cancel = by_time ? NULL : c.cancel;
                start_waiting(&hasty, by_time && round % 4 < 2, &waiters[0]);
                start_waiting(&patient, round % 3 == 0, &waiters[1]);
                if (by_time) {
                    check_sleep_ms(4 + round % 4); /* about then */
                    for (i = 0; i < round * 500; i++) {
                    }
                } else {
                    c.go = &go;
                    c.spin = round % 5 * 400;
                    party_start(&canceler, 0, cancel_when_told, &c);
                    check_sleep_ms(round % 2);
                    __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
                    for (i = 0; i < round % 7 * 300; i++) {
                    }
                }
                CHECK_OK(mproc_condition_notify(b.condition, 1));
                party_join(&hasty);
                if (waiters[0].status == MPROC_OK) {
                    CHECK(!has_returned(&waiters[1])); /* one notification, one waiter */
                    CHECK_INT(1, info_of(b.condition).waiters);
                    CHECK_OK(mproc_condition_notify(b.condition, 1));
                } else {
                    CHECK_IS(by_time ? MPROC_ETIMEDOUT : MPROC_ECANCELED, waiters[0].status);
                }
                party_join(&patient); /* hangs if the notification is lost */
                if (!by_time) {
                    party_join(&canceler);
                }
                CHECK_INT(0, info_of(b.condition).waiters);
                mproc_cancel_close(c.cancel);
                free_waiters(waiters, 2);
                close_bound(&b);
            }
        }
    }
}

typedef struct {
    mproc_condition_t *condition;
    check_gate_t *locked;
    uint32_t notify;
} holder_t;

static void hold_for_ever(void *argument) {
    holder_t *h = (holder_t *)argument;
    CHECK_OK(mproc_condition_lock(h->condition, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_condition_notify(h->condition, h->notify));
    check_gate_open(h->locked);
    for (;;) {
        pause();
    }
}

/* Who gets the lock from a dead holder hears of it, from lock() and from wait(), notified or not. */
static void holder_killed(void) {
    size_t k;
    int as_process, notified;
    for (k = 0; k < KINDS; k++) {
        for (as_process = 0; as_process < 2; as_process++) {
            for (notified = 0; notified < 2; notified++) {
                bound_t b = new_bound(kinds[k], 0);
                waiter_t *waiter = new_waiters(b.condition, 1);
                holder_t h;
                party_t holder, party;
                mproc_cancel_t *cancel = NULL;

                if (as_process && !notified) { /* a token belongs to one process */
                    free_waiters(waiter, 1);
                    close_bound(&b);
                    continue;
                }
                NEED_OK(mproc_cancel_create(&cancel));
                waiter->cancel = cancel;
                waiter->expected = MPROC_RECOVERED;
                start_waiting(&party, as_process, waiter);
                h.condition = b.condition;
                h.locked = check_gate();
                h.notify = (uint32_t)notified;
                party_start(&holder, 1, hold_for_ever, &h);
                check_gate_wait(h.locked);
                if (!notified) {
                    CHECK_OK(mproc_cancel_set(cancel));
                }
                check_sleep_ms(5); /* most likely waits for the lock by now; right in any case */
                CHECK(!has_returned(waiter));
                party_kill(&holder);
                party_join(&party);
                CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL)); /* told once */
                CHECK_OK(mproc_condition_unlock(b.condition));
                check_gate_free(h.locked);

                h.locked = check_gate();
                party_start(&holder, 1, hold_for_ever, &h);
                check_gate_wait(h.locked);
                party_kill(&holder);
                CHECK_IS(MPROC_RECOVERED, mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
                CHECK_OK(mproc_condition_unlock(b.condition));
                CHECK_OK(mproc_condition_try(b.condition));
                CHECK_OK(mproc_condition_unlock(b.condition));
                check_gate_free(h.locked);
                mproc_cancel_close(cancel);
                free_waiters(waiter, 1);
                close_bound(&b);
            }
        }
    }
}

/* Kills it; whoever holds things for it in a server is gone, too, when this returns. */
static void kill_client(party_t *party) {
    uint32_t before = place_clients(where);
    party_kill(party);
    AWAIT(place_clients(where) < before || place_is_memory(where));
}

/* A notification passes on when the one who got it is killed before its wait() returned; and the dead get none. */
static void notified_one_killed(void) {
    enum { WITHOUT_THE_LOCK, BEFORE, WHILE_STOPPED, WAYS };
    size_t k;
    int way, as_process;
    for (k = 0; k < KINDS; k++) {
        /* Far, a stopped client's wait does return: in the server. */
        for (way = 0; way < (place_is_memory(where) ? WAYS : WHILE_STOPPED); way++) {
            for (as_process = 0; as_process < 2; as_process++) {
                bound_t b = new_bound(kinds[k], 0);
                waiter_t *waiters = new_waiters(b.condition, 3);
                party_t victim, heir, third;

                start_waiting(&victim, 1, &waiters[0]);
                start_waiting(&heir, as_process, &waiters[1]);
                start_waiting(&third, as_process, &waiters[2]);
                CHECK_INT(3, info_of(b.condition).waiters);
                if (way == WITHOUT_THE_LOCK) {
                    CHECK_OK(mproc_condition_lock(b.condition, MPROC_FOREVER, NULL));
                } else if (way == WHILE_STOPPED) {
                    party_stop(&victim);
                } else {
                    party_kill(&victim);
                    AWAIT(info_of(b.condition).waiters == 2 || place_is_memory(where));
                    CHECK_INT(2, info_of(b.condition).waiters); /* only the living */
                }
                CHECK_OK(mproc_condition_notify(b.condition, 1)); /* waits for nobody */
                if (way != BEFORE) {
                    CHECK_INT(2, info_of(b.condition).waiters);
                    check_sleep_ms(20);
                    CHECK(!has_returned(&waiters[0]) && !has_returned(&waiters[1])); /* it is the first one's */
                    kill_client(&victim);
                }
                if (way == WITHOUT_THE_LOCK) {
                    CHECK_OK(mproc_condition_unlock(b.condition));
                }
                party_join(&heir);
                CHECK(!has_returned(&waiters[2]));
                CHECK(way == BEFORE || info_of(b.condition).regranted == 1);
                CHECK_INT(1, info_of(b.condition).waiters);
                CHECK_OK(mproc_condition_notify(b.condition, 1));
                party_join(&third);
                CHECK_INT(0, info_of(b.condition).waiters);
                free_waiters(waiters, 3);
                close_bound(&b);
            }
        }
    }
}

/* Who is stopped keeps nobody else from being notified, and has its own notification when it goes on. */
static void stopped_waiter(void) {
    enum { WAITERS = 4 };
    mproc_condition_t *condition = new_condition();
    waiter_t *waiters = new_waiters(condition, WAITERS);
    party_t parties[WAITERS];
    int i;
    for (i = 0; i < WAITERS; i++) {
        start_waiting(&parties[i], 1, &waiters[i]);
    }
    party_stop(&parties[1]);
    CHECK_OK(mproc_condition_notify_all(condition));
    for (i = 0; i < WAITERS; i++) {
        if (i != 1) {
            party_join(&parties[i]);
        }
    }
    CHECK(!has_returned(&waiters[1]));
    CHECK_OK(mproc_condition_notify(condition, 1)); /* nobody waits: it has been notified already */
    kill(parties[1].process, SIGCONT);
    party_join(&parties[1]);
    CHECK_INT(0, info_of(condition).regranted);
    free_waiters(waiters, WAITERS);
    mproc_condition_close(condition);
}

static void *wait_for_all(void *argument) {
    mproc_condition_t *condition = (mproc_condition_t *)argument;
    int bad = mproc_condition_lock(condition, MPROC_FOREVER, NULL) != MPROC_OK;
    bad += mproc_condition_wait(condition, MPROC_FOREVER, NULL) != MPROC_OK;
    bad += mproc_condition_unlock(condition) != MPROC_OK;
    return bad ? argument : NULL;
}

/* There is room for so many waiters and no more; who does not fit in keeps the lock. */
static void too_many_waiters(void) {
    static pthread_t threads[MPROC_CONDITION_WAITERS];
    mproc_condition_t *condition;
    pthread_attr_t small;
    void *bad = NULL, *result;
    int i;

    if (api_slow()) {
        return;
    }
    condition = new_condition();
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (i = 0; i < MPROC_CONDITION_WAITERS; i++) {
        if (pthread_create(&threads[i], &small, wait_for_all, condition) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    AWAIT(info_of(condition).waiters == MPROC_CONDITION_WAITERS);
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EFULL, mproc_condition_wait(condition, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EFULL, mproc_condition_wait(condition, 0, NULL));
    check_held(condition);
    CHECK_OK(mproc_condition_unlock(condition));
    CHECK_OK(mproc_condition_unlock(condition));
    CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition));
    CHECK_INT(MPROC_CONDITION_WAITERS, info_of(condition).waiters);
    CHECK_OK(mproc_condition_notify_all(condition));
    for (i = 0; i < MPROC_CONDITION_WAITERS; i++) {
        CHECK_INT(0, pthread_join(threads[i], &result));
        bad = result != NULL ? result : bad;
    }
    CHECK(bad == NULL);
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 0, NULL)); /* there is room again */
    CHECK_OK(mproc_condition_unlock(condition));
    pthread_attr_destroy(&small);
    mproc_condition_close(condition);
}

/* A bounded buffer with one lock and two conditions, as in the books: each notification counts. */
enum { ROOM = 3, WORKERS = 3 };

typedef struct {
    mproc_condition_t *not_full, *not_empty; /* bound to the same lock */
    int items, next, first;
    int slots[ROOM];
    int taken, bad, each;
    long sum;
} buffer_t;

static void produce(void *argument) {
    buffer_t *buffer = (buffer_t *)argument;
    int i, bad = 0;
    for (i = 0; i < buffer->each; i++) {
        bad += mproc_condition_lock(buffer->not_full, MPROC_FOREVER, NULL) != MPROC_OK;
        while (buffer->items == ROOM) {
            bad += mproc_condition_wait(buffer->not_full, MPROC_FOREVER, NULL) != MPROC_OK;
        }
        buffer->slots[(buffer->first + buffer->items++) % ROOM] = ++buffer->next;
        bad += mproc_condition_notify(buffer->not_empty, 1) != MPROC_OK;
        bad += mproc_condition_unlock(buffer->not_full) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void consume(void *argument) {
    buffer_t *buffer = (buffer_t *)argument;
    int i, bad = 0;
    for (i = 0; i < buffer->each; i++) {
        bad += mproc_condition_lock(buffer->not_empty, MPROC_FOREVER, NULL) != MPROC_OK;
        while (buffer->items == 0) {
            bad += mproc_condition_wait(buffer->not_empty, MPROC_FOREVER, NULL) != MPROC_OK;
        }
        bad += buffer->slots[buffer->first] != ++buffer->taken; /* in order */
        buffer->sum += buffer->slots[buffer->first];
        buffer->first = (buffer->first + 1) % ROOM;
        buffer->items--;
        bad += mproc_condition_unlock(buffer->not_empty) != MPROC_OK;
        bad += mproc_condition_notify(buffer->not_full, 1) != MPROC_OK; /* also without the lock */
    }
    CHECK_INT(0, bad);
}

static void bounded_buffer(void) {
    size_t k;
    for (k = 0; k < KINDS; k++) {
        bound_t b = new_bound(kinds[k], 0);
        mproc_condition_options_t same = MPROC_CONDITION_OPTIONS_INIT;
        buffer_t *buffer = (buffer_t *)api_shared(sizeof *buffer);
        party_t parties[2 * WORKERS];
        long all;
        int i;
        if (kinds[k] == MPROC_CONDITION_OWN) { /* that one nobody else can have */
            close_bound(&b);
            munmap(buffer, sizeof *buffer);
            continue;
        }
        same.lock = b.lock;
        same.rlock = b.rlock;
        buffer->not_full = b.condition;
        NEED_OK(mproc_condition_create(place_domain(where), NULL, &same, &buffer->not_empty));
        buffer->each = api_slow() ? 30 : place_rounds(where, 1000);
        for (i = 0; i < 2 * WORKERS; i++) {
            party_start(&parties[i], i < WORKERS, i % 2 ? produce : consume, buffer);
        }
        for (i = 0; i < 2 * WORKERS; i++) {
            party_join(&parties[i]);
        }
        all = (long)WORKERS * buffer->each;
        CHECK_INT(0, buffer->items);
        CHECK_INT(all, buffer->taken);
        CHECK_INT(all * (all + 1) / 2, buffer->sum);
        mproc_condition_close(buffer->not_empty);
        munmap(buffer, sizeof *buffer);
        close_bound(&b);
    }
}

/* Who opens a condition names the lock that it is bound to: that one and no other. */
static void by_name(void) {
    mproc_condition_options_t own = MPROC_CONDITION_OPTIONS_INIT, locked = MPROC_CONDITION_OPTIONS_INIT,
                              rlocked = MPROC_CONDITION_OPTIONS_INIT, both = MPROC_CONDITION_OPTIONS_INIT,
                              other_lock = MPROC_CONDITION_OPTIONS_INIT, other_rlock = MPROC_CONDITION_OPTIONS_INIT;
    mproc_condition_options_t *all[5];
    static const int made_with[] = {0, 1, 2};
    mproc_condition_t *condition = NULL, *again = NULL, *none = NULL;
    mproc_lock_t *lock = NULL, *same_lock = NULL, *second_lock = NULL;
    mproc_rlock_t *rlock = NULL, *second_rlock = NULL;
    size_t i, k;

    NEED_OK(mproc_lock_create(place_domain(where), "conditions-lock", NULL, &lock));
    NEED_OK(mproc_lock_open(place_domain(where), "conditions-lock", NULL, &same_lock));
    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &second_lock));
    NEED_OK(mproc_rlock_create(place_domain(where), "conditions-rlock", NULL, &rlock));
    NEED_OK(mproc_rlock_create(place_domain(where), NULL, NULL, &second_rlock));
    locked.lock = both.lock = lock;
    rlocked.rlock = both.rlock = rlock;
    other_lock.lock = second_lock;
    other_rlock.rlock = second_rlock;
    all[0] = &own;
    all[1] = &locked;
    all[2] = &rlocked;
    all[3] = &other_lock;
    all[4] = &other_rlock;

    CHECK_IS(MPROC_EINVAL, mproc_condition_create(place_domain(where), "a-condition", &both, &none));
    CHECK_IS(MPROC_ENOENT, mproc_condition_open(place_domain(where), "a-condition", NULL, &none));
    for (i = 0; i < 3; i++) {
        CHECK_OK(mproc_condition_create(place_domain(where), "a-condition", all[made_with[i]], &condition));
        CHECK_IS(MPROC_EEXIST, mproc_condition_create(place_domain(where), "a-condition", all[made_with[i]], &none));
        CHECK_IS(MPROC_EINVAL, mproc_condition_open(place_domain(where), "a-condition", &both, &none));
        for (k = 0; k < 5; k++) {
            int fits = (int)k == made_with[i];
            all[k]->flags = MPROC_EXIST_OK;
            CHECK_IS(fits ? MPROC_EXISTED : MPROC_ETYPE,
                     mproc_condition_create(place_domain(where), "a-condition", all[k], &again));
            if (fits) {
                mproc_condition_close(again);
            }
            all[k]->flags = 0;
            again = NULL;
            CHECK_IS(fits ? MPROC_OK : MPROC_ETYPE,
                     mproc_condition_open(place_domain(where), "a-condition", all[k], &again));
            if (fits) {
                CHECK_OK(mproc_condition_lock(condition, 0, NULL));
                check_held(again);
                CHECK_OK(mproc_condition_unlock(again));
            }
            mproc_condition_close(again);
            again = NULL;
        }
        CHECK_IS(i == 0 ? MPROC_OK : MPROC_ETYPE,
                 mproc_condition_open(place_domain(where), "a-condition", NULL, &again));
        mproc_condition_close(again);
        again = NULL;
        if (i == 1) { /* another handle on the same lock */
            locked.lock = same_lock;
            CHECK_OK(mproc_condition_open(place_domain(where), "a-condition", &locked, &again));
            CHECK_OK(mproc_lock_try(lock));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_try(again));
            CHECK_OK(mproc_condition_unlock(again));
            mproc_condition_close(again);
            again = NULL;
            locked.lock = lock;
        }
        mproc_condition_close(condition);
        place_forget(where, "a-condition");
    }
    CHECK(none == NULL);
    mproc_lock_close(lock);
    mproc_lock_close(same_lock);
    mproc_lock_close(second_lock);
    mproc_rlock_close(rlock);
    mproc_rlock_close(second_rlock);
    place_forget(where, "conditions-lock");
    place_forget(where, "conditions-rlock");
}

static void cannot_wait(void *argument) {
    mproc_condition_t *condition = (mproc_condition_t *)argument;
    CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, 0, NULL));
    CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, MPROC_FOREVER, NULL));
}

static void unlock_once(void *argument) {
    CHECK_OK(mproc_condition_unlock((mproc_condition_t *)argument));
}

/* The lock has to be in the same place. */
static void other_domain(void) {
    mproc_domain_options_t anonymous = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    mproc_domain_t *domain = NULL;
    mproc_condition_t *none = NULL;
    mproc_lock_t *lock = NULL;
    mproc_rlock_t *rlock = NULL;
    enum place other;

    anonymous.flags = MPROC_DOMAIN_ANONYMOUS;
    NEED_OK(mproc_domain_open(&anonymous, &domain));
    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &lock));
    NEED_OK(mproc_rlock_create(place_domain(where), NULL, NULL, &rlock));
    options.lock = lock;
    CHECK_IS(MPROC_EDOMAIN, mproc_condition_create(domain, NULL, &options, &none));
    options.lock = NULL;
    options.rlock = rlock;
    CHECK_IS(MPROC_EDOMAIN, mproc_condition_create(domain, NULL, &options, &none));
    for (other = PLACE_DOMAIN; other < PLACES; other++) { /* nor one that came through another connection */
        if (other != where) {
            CHECK_IS(MPROC_EDOMAIN, mproc_condition_create(place_domain(other), NULL, &options, &none));
            CHECK_IS(MPROC_EDOMAIN, mproc_condition_create(place_domain(other), "a-condition", &options, &none));
        }
    }
    CHECK(none == NULL);
    mproc_rlock_close(rlock);
    mproc_lock_close(lock);
    mproc_domain_close(domain);
}

/* A lock that anybody may release is waited with by its holder all the same, and by nobody else. */
static void lock_for_anybody(void) {
    mproc_lock_options_t any = MPROC_LOCK_OPTIONS_INIT;
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    mproc_condition_t *condition = NULL;
    mproc_lock_t *lock = NULL;
    party_t other;

    any.flags = MPROC_ANY_RELEASE;
    NEED_OK(mproc_lock_create(place_domain(where), NULL, &any, &lock));
    options.lock = lock;
    NEED_OK(mproc_condition_create(place_domain(where), NULL, &options, &condition));
    CHECK_IS(MPROC_EPERM, mproc_condition_wait(condition, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, 2 * API_MS, NULL));
    party_start(&other, 1, cannot_wait, condition);
    party_join(&other);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_lock_try(lock));
    party_start(&other, 1, unlock_once, condition);
    party_join(&other);
    CHECK_OK(mproc_lock_try(lock));
    CHECK_OK(mproc_condition_unlock(condition));
    CHECK_IS(MPROC_EPERM, mproc_condition_unlock(condition)); /* nobody holds it */
    mproc_condition_close(condition);
    mproc_lock_close(lock);
}

/* To take the lock again may last longer than a client waits for answers, and is no reason to lose the connection. */
static void long_way_back(void) {
    mproc_connect_options_t hasty = MPROC_CONNECT_OPTIONS_INIT;
    mproc_manager_t *manager = NULL;
    const mproc_domain_t *domain = NULL;
    mproc_condition_t *condition = NULL, *same = NULL;
    waiter_t *waiter;
    party_t party;

    hasty.flags = MPROC_CONNECT_PROXY;
    hasty.timeout_ns = 1000 * API_MS;
    NEED_OK(mproc_manager_connect(place_address(), NULL, &hasty, &manager));
    NEED_OK(mproc_manager_domain(manager, &domain));
    NEED_OK(mproc_condition_create(place_domain(where), "long-way", NULL, &condition));
    NEED_OK(mproc_condition_open(domain, "long-way", NULL, &same));
    waiter = new_waiters(same, 1);
    waiter->timeout = 10 * API_MS;
    waiter->expected = MPROC_ETIMEDOUT;
    CHECK_OK(mproc_condition_lock(condition, MPROC_FOREVER, NULL));
    party_start(&party, 0, wait_once, waiter);
    while (!__atomic_load_n(&waiter->entered, __ATOMIC_SEQ_CST)) { /* it has the lock, and gives it up */
        CHECK_IS(MPROC_ETIMEDOUT, mproc_condition_wait(condition, API_MS, NULL));
    }
    check_sleep_ms(1500);
    CHECK_OK(mproc_condition_unlock(condition));
    party_join(&party);
    CHECK_OK(mproc_condition_try(condition));
    CHECK_OK(mproc_condition_unlock(condition));
    free_waiters(waiter, 1);
    mproc_condition_close(condition);
    mproc_condition_close(same);
    mproc_manager_close(manager);
    place_forget(where, "long-way");
}

void api_condition(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        lock_and_wait_alone();
        in_order();
        everybody();
        levels();
        for_a_moment();
        tokens();
        giving_up();
        canceled_lock();
        notified_or_not();
        holder_killed();
        check_watchdog();
        notified_one_killed();
        bounded_buffer();
        by_name();
        other_domain();
        lock_for_anybody();
        if (place_is_memory(where)) { /* far, the server's limits come first, and nobody stops the server */
            stopped_waiter();
            too_many_waiters();
        } else {
            long_way_back();
        }
    }
}
