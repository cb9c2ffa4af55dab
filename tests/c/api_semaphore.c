/* The semaphore: plain, bounded and accounting; permits of the dead; names. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <sched.h>

static enum place where; /* where everything is made */

enum { LONGER_THAN_NOTICING = 300 }; /* milliseconds */

static mproc_semaphore_options_t options_of(uint32_t flags, uint32_t initial) {
    mproc_semaphore_options_t options = MPROC_SEMAPHORE_OPTIONS_INIT;
    options.flags = flags;
    options.initial = initial;
    return options;
}

static mproc_semaphore_t *new_semaphore(uint32_t flags, uint32_t initial) {
    mproc_semaphore_t *semaphore = NULL;
    mproc_semaphore_options_t options = options_of(flags, initial);
    NEED_OK(mproc_semaphore_create(place_domain(where), NULL, &options, &semaphore));
    return semaphore;
}

static mproc_semaphore_info_t info_of(const mproc_semaphore_t *semaphore) {
    mproc_semaphore_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_semaphore_info(semaphore, &info, sizeof info));
    return info;
}

static void check_value(const mproc_semaphore_t *semaphore, uint32_t value) {
    CHECK_INT(value, info_of(semaphore).value);
}

/* There is no permit: not now, and not in a moment. */
static void none_free(void *argument) {
    mproc_semaphore_t *semaphore = (mproc_semaphore_t *)argument;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_try(semaphore));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(semaphore, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(semaphore, 2 * API_MS, NULL));
}

static void acquire_one(void *argument) {
    CHECK_OK(mproc_semaphore_acquire((mproc_semaphore_t *)argument, MPROC_FOREVER, NULL));
}

static void release_three(void *argument) {
    CHECK_OK(mproc_semaphore_release((mproc_semaphore_t *)argument, 3));
}

static void plain(void) {
    mproc_semaphore_t *semaphore = NULL;
    mproc_semaphore_info_t info;
    party_t other;
    int as_process, i;

    NEED_OK(mproc_semaphore_create(place_domain(where), NULL, NULL, &semaphore)); /* the default: one permit */
    info = info_of(semaphore);
    CHECK_INT(1, info.value);
    CHECK_INT(1, info.initial);
    CHECK_INT(0, info.held);
    CHECK_INT(0, info.holders);
    CHECK_INT(0, info.flags);
    CHECK_INT(0, info.reclaimed);
    for (as_process = 0; as_process < 2; as_process++) {
        CHECK_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
        check_value(semaphore, 0);
        none_free(semaphore);
        party_start(&other, as_process, none_free, semaphore);
        party_join(&other);
        CHECK_OK(mproc_semaphore_release(semaphore, 0)); /* nothing */
        none_free(semaphore);
        party_start(&other, as_process, release_three, semaphore); /* who never acquired may release */
        party_join(&other);
        check_value(semaphore, 3);
        for (i = 0; i < 3; i++) {
            CHECK_OK(i == 0 ? mproc_semaphore_try(semaphore) : mproc_semaphore_acquire(semaphore, 0, NULL));
        }
        none_free(semaphore);
        party_start(&other, as_process, release_three, semaphore);
        party_join(&other);
        party_start(&other, as_process, acquire_one, semaphore);
        party_join(&other);
        check_value(semaphore, 2);
        CHECK_OK(mproc_semaphore_try(semaphore));
    }
    info = info_of(semaphore);
    CHECK_INT(1, info.initial);
    CHECK_INT(0, info.held);
    CHECK_INT(0, info.holders);
    mproc_semaphore_close(semaphore);

    semaphore = new_semaphore(0, 0);
    none_free(semaphore);
    CHECK_OK(mproc_semaphore_release(semaphore, 1));
    CHECK_OK(mproc_semaphore_try(semaphore));
    none_free(semaphore);
    mproc_semaphore_close(semaphore);
}

/* The value has an end, and a release that would go beyond it gives nothing. */
static void overflow(void) {
    mproc_semaphore_t *semaphore = new_semaphore(0, MPROC_SEMAPHORE_MAX);
    check_value(semaphore, MPROC_SEMAPHORE_MAX);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 1));
    CHECK_OK(mproc_semaphore_release(semaphore, 0));
    CHECK_OK(mproc_semaphore_try(semaphore));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 2));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, MPROC_SEMAPHORE_MAX));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, UINT32_MAX));
    check_value(semaphore, MPROC_SEMAPHORE_MAX - 1);
    CHECK_OK(mproc_semaphore_release(semaphore, 1));
    check_value(semaphore, MPROC_SEMAPHORE_MAX);
    mproc_semaphore_close(semaphore);

    semaphore = new_semaphore(0, 0);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, MPROC_SEMAPHORE_MAX + 1u));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, UINT32_MAX));
    check_value(semaphore, 0);
    CHECK_OK(mproc_semaphore_release(semaphore, MPROC_SEMAPHORE_MAX));
    check_value(semaphore, MPROC_SEMAPHORE_MAX);
    mproc_semaphore_close(semaphore);
}

static void bounded(void) {
    mproc_semaphore_t *semaphore = new_semaphore(MPROC_SEMAPHORE_BOUNDED, 2);
    party_t other;

    CHECK_INT(MPROC_SEMAPHORE_BOUNDED, info_of(semaphore).flags);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 1));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, UINT32_MAX));
    CHECK_OK(mproc_semaphore_release(semaphore, 0));
    CHECK_OK(mproc_semaphore_try(semaphore));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 2));
    check_value(semaphore, 1);
    CHECK_OK(mproc_semaphore_try(semaphore));
    none_free(semaphore);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 3));
    none_free(semaphore);
    CHECK_OK(mproc_semaphore_release(semaphore, 2));
    check_value(semaphore, 2);
    party_start(&other, 1, acquire_one, semaphore); /* released by somebody else: only the count matters */
    party_join(&other);
    CHECK_OK(mproc_semaphore_release(semaphore, 1));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_release(semaphore, 1));
    mproc_semaphore_close(semaphore);
}

/* For waiters of whom some may have ended with their permits before others look. */
static void acquire_or_recover(void *argument) {
    int status = mproc_semaphore_acquire((mproc_semaphore_t *)argument, MPROC_FOREVER, NULL);
    CHECK(status == MPROC_OK || status == MPROC_RECOVERED);
}

/* A release of many wakes as many of those who wait. */
static void wakes_many(void) {
    enum { WAITERS = 4 };
    static const uint32_t flags[] = {0, MPROC_SEMAPHORE_BOUNDED, MPROC_SEMAPHORE_ACCOUNTING};
    size_t k;
    int as_process, i;
    for (k = 0; k < 3; k++) {
        for (as_process = 0; as_process < 2; as_process++) {
            mproc_semaphore_t *semaphore = new_semaphore(flags[k], WAITERS);
            party_t waiters[WAITERS];
            for (i = 0; i < WAITERS; i++) {
                CHECK_OK(mproc_semaphore_try(semaphore));
            }
            for (i = 0; i < WAITERS; i++) {
                party_start(&waiters[i], as_process,
                            flags[k] == MPROC_SEMAPHORE_ACCOUNTING ? acquire_or_recover : acquire_one, semaphore);
            }
            for (i = 0; i < WAITERS; i++) {
                party_await_sleep(&waiters[i]);
            }
            CHECK_OK(mproc_semaphore_release(semaphore, WAITERS));
            for (i = 0; i < WAITERS; i++) {
                party_join(&waiters[i]);
            }
            if (flags[k] != MPROC_SEMAPHORE_ACCOUNTING || !as_process) { /* there, permits outlive nobody */
                none_free(semaphore);
            }
            mproc_semaphore_close(semaphore);
        }
    }
}

static void acquire_two_and_end(void *argument) {
    acquire_one(argument);
    acquire_one(argument);
}

/* Without accounting what a process has taken does not come back when it dies: whoever wants may release it. */
static void plain_death(void) {
    mproc_semaphore_t *semaphore = new_semaphore(MPROC_SEMAPHORE_BOUNDED, 2);
    party_t other;
    party_start(&other, 1, acquire_two_and_end, semaphore);
    party_join(&other);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_semaphore_acquire(semaphore, LONGER_THAN_NOTICING * API_MS, NULL));
    CHECK_INT(0, info_of(semaphore).reclaimed);
    CHECK_OK(mproc_semaphore_release(semaphore, 2));
    CHECK_OK(mproc_semaphore_try(semaphore));
    mproc_semaphore_close(semaphore);
}

/* A child has nothing of what its parent has. */
static void has_nothing(void *argument) {
    mproc_semaphore_t *semaphore = (mproc_semaphore_t *)argument;
    mproc_semaphore_info_t info = info_of(semaphore);
    CHECK_INT(0, info.held);
    CHECK_INT(1, info.holders);
    CHECK_IS(MPROC_EPERM, mproc_semaphore_release(semaphore, 1));
    CHECK_OK(mproc_semaphore_release(semaphore, 0));
    CHECK_OK(mproc_semaphore_try(semaphore));
    info = info_of(semaphore);
    CHECK_INT(1, info.held);
    CHECK_INT(2, info.holders);
    CHECK_IS(MPROC_EPERM, mproc_semaphore_release(semaphore, 2));
    CHECK_INT(1, info_of(semaphore).held);
    CHECK_OK(mproc_semaphore_release(semaphore, 1));
    CHECK_INT(1, info_of(semaphore).holders);
}

static void release_one(void *argument) {
    CHECK_OK(mproc_semaphore_release((mproc_semaphore_t *)argument, 1));
}

static void accounting(void) {
    static const uint32_t flags[] = {MPROC_SEMAPHORE_ACCOUNTING, MPROC_SEMAPHORE_ACCOUNTING | MPROC_SEMAPHORE_BOUNDED};
    size_t k;
    for (k = 0; k < 2; k++) {
        mproc_semaphore_t *semaphore = new_semaphore(flags[k], 3);
        mproc_semaphore_info_t info = info_of(semaphore);
        party_t other;
        int status;

        CHECK_INT(flags[k], info.flags);
        CHECK_INT(3, info.value);
        CHECK_INT(3, info.initial);
        CHECK_INT(0, info.held);
        CHECK_INT(0, info.holders);
        CHECK_INT(0, info.reclaimed);
        status = mproc_semaphore_release(semaphore, 1); /* both too many and not one's own */
        CHECK(status == MPROC_EPERM || status == MPROC_EOVERFLOW);
        CHECK_OK(mproc_semaphore_try(semaphore));
        CHECK_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
        info = info_of(semaphore);
        CHECK_INT(1, info.value);
        CHECK_INT(2, info.held);
        CHECK_INT(1, info.holders);
        party_start(&other, 1, has_nothing, semaphore);
        party_join(&other);
        party_start(&other, 0, release_one, semaphore); /* the process has them, not the thread */
        party_join(&other);
        info = info_of(semaphore);
        CHECK_INT(2, info.value);
        CHECK_INT(1, info.held);
        status = mproc_semaphore_release(semaphore, 2);
        CHECK(status == MPROC_EPERM || (k == 1 && status == MPROC_EOVERFLOW));
        CHECK_INT(1, info_of(semaphore).held); /* nothing was given */
        check_value(semaphore, 2);
        CHECK_OK(mproc_semaphore_release(semaphore, 1));
        info = info_of(semaphore);
        CHECK_INT(3, info.value);
        CHECK_INT(0, info.held);
        CHECK_INT(0, info.holders);
        CHECK_INT(0, info.reclaimed);
        mproc_semaphore_close(semaphore);
    }
}

static void acquire_three_for_ever(void *argument) {
    mproc_semaphore_t *semaphore = (mproc_semaphore_t *)argument;
    acquire_two_and_end(semaphore);
    CHECK_OK(mproc_semaphore_try(semaphore));
    for (;;) {
        pause();
    }
}

/* Shared memory for waiters that count how often there was news. */
typedef struct {
    mproc_semaphore_t *semaphore;
    mproc_cancel_t *cancel;
    int news, bad, inside, limit, rounds;
} story_t;

static story_t *new_story(uint32_t flags, uint32_t initial) {
    story_t *story = (story_t *)api_shared(sizeof *story);
    story->semaphore = new_semaphore(flags, initial);
    return story;
}

static void free_story(story_t *story) {
    mproc_semaphore_close(story->semaphore);
    munmap(story, sizeof *story);
}

static void count_news(void *argument) {
    story_t *story = (story_t *)argument;
    int status = mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, NULL);
    CHECK(status == MPROC_OK || status == MPROC_RECOVERED);
    __atomic_add_fetch(&story->news, status == MPROC_RECOVERED, __ATOMIC_SEQ_CST);
    AWAIT(__atomic_add_fetch(&story->inside, 0, __ATOMIC_SEQ_CST) == 0); /* until all may go */
    CHECK_OK(mproc_semaphore_release(story->semaphore, 1));
}

/* The permits of a dead process come back, and exactly one acquire says so. */
static void permits_of_the_dead(void) {
    enum { WAITERS = 3 };
    int as_process, i, ended;
    for (as_process = 0; as_process < 2; as_process++) {
        for (ended = 0; ended < 2; ended++) { /* killed while others wait, or gone before they come */
            story_t *story = new_story(MPROC_SEMAPHORE_ACCOUNTING, WAITERS);
            mproc_semaphore_t *semaphore = story->semaphore;
            party_t holder, waiters[WAITERS];

            story->inside = 1;
            party_start(&holder, 1, acquire_three_for_ever, semaphore);
            AWAIT(info_of(semaphore).value == 0);
            CHECK_INT(1, info_of(semaphore).holders);
            none_free(semaphore);
            if (ended) {
                party_kill(&holder);
                AWAIT(info_of(semaphore).holders == 0 || place_is_memory(where));
                CHECK_INT(0, info_of(semaphore).holders); /* of the living */
            }
            for (i = 0; i < WAITERS; i++) {
                party_start(&waiters[i], as_process, count_news, story);
            }
            if (!ended) {
                for (i = 0; i < WAITERS; i++) {
                    party_await_sleep(&waiters[i]);
                }
                party_kill(&holder);
            }
            AWAIT(info_of(semaphore).holders == (as_process ? WAITERS : 1) && info_of(semaphore).value == 0 &&
                  (as_process || info_of(semaphore).held == WAITERS));
            none_free(semaphore); /* not more than there were */
            __atomic_store_n(&story->inside, 0, __ATOMIC_SEQ_CST);
            for (i = 0; i < WAITERS; i++) {
                party_join(&waiters[i]);
            }
            CHECK_INT(1, story->news);
            CHECK_INT(1, info_of(semaphore).reclaimed);
            check_value(semaphore, WAITERS);
            for (i = 0; i < WAITERS; i++) {
                CHECK_OK(mproc_semaphore_try(semaphore));
            }
            none_free(semaphore);
            free_story(story);
        }
    }
}

/* Trying finds them as well, sooner or later. */
static void trying_after_a_death(void) {
    mproc_semaphore_t *semaphore = new_semaphore(MPROC_SEMAPHORE_ACCOUNTING, 3);
    party_t holder;
    int status = MPROC_ETIMEDOUT, round;

    for (round = 1; round <= 3; round++) {
        party_start(&holder, 1, acquire_three_for_ever, semaphore);
        AWAIT(info_of(semaphore).value == 0);
        none_free(semaphore);
        party_kill(&holder);
        AWAIT((status = mproc_semaphore_try(semaphore)) != MPROC_ETIMEDOUT);
        CHECK_IS(MPROC_RECOVERED, status);
        CHECK_INT(round, info_of(semaphore).reclaimed);
        check_value(semaphore, 2);
        CHECK_OK(mproc_semaphore_try(semaphore)); /* told once */
        CHECK_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_semaphore_release(semaphore, 3));
    }
    party_start(&holder, 1, acquire_two_and_end, semaphore); /* ended in peace: comes back just the same */
    party_join(&holder);
    CHECK_OK(mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL)); /* the one that was free */
    CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_semaphore_try(semaphore));
    CHECK_OK(mproc_semaphore_release(semaphore, 3));
    mproc_semaphore_close(semaphore);
}

static void enter_and_leave(void *argument) {
    story_t *story = (story_t *)argument;
    int round;
    for (round = 0; round < story->rounds; round++) {
        int now;
        if (mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, NULL) != MPROC_OK) {
            __atomic_add_fetch(&story->bad, 1, __ATOMIC_SEQ_CST);
        }
        now = __atomic_add_fetch(&story->inside, 1, __ATOMIC_SEQ_CST);
        if (now > story->limit) {
            __atomic_add_fetch(&story->bad, 1, __ATOMIC_SEQ_CST);
        }
        if (round % 8 == 0) {
            sched_yield(); /* inside: somebody else comes in, too */
        }
        __atomic_sub_fetch(&story->inside, 1, __ATOMIC_SEQ_CST);
        if (mproc_semaphore_release(story->semaphore, 1) != MPROC_OK) {
            __atomic_add_fetch(&story->bad, 1, __ATOMIC_SEQ_CST);
        }
    }
}

/* Never more inside than there are permits, and none is lost: threads and processes. */
static void contended(void) {
    enum { WORKERS = 6 };
    static const uint32_t flags[] = {0, MPROC_SEMAPHORE_BOUNDED, MPROC_SEMAPHORE_ACCOUNTING,
                                     MPROC_SEMAPHORE_ACCOUNTING | MPROC_SEMAPHORE_BOUNDED};
    size_t k;
    int i;
    for (k = 0; k < 4; k++) {
        story_t *story = new_story(flags[k], 3);
        party_t workers[WORKERS];
        story->limit = 3;
        story->rounds = api_slow() ? 40 : place_rounds(where, 1000);
        for (i = 0; i < WORKERS; i++) {
            party_start(&workers[i], i < WORKERS / 2, enter_and_leave, story);
        }
        for (i = 0; i < WORKERS; i++) {
            party_join(&workers[i]);
        }
        CHECK_INT(0, story->bad);
        check_value(story->semaphore, 3);
        CHECK_INT(0, info_of(story->semaphore).holders);
        CHECK_INT(0, info_of(story->semaphore).reclaimed);
        free_story(story);
    }
}

static void cannot_acquire(void *argument) {
    story_t *story = (story_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, story->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, story->cancel));
}

static void canceling(void) {
    static const uint32_t flags[] = {0, MPROC_SEMAPHORE_ACCOUNTING};
    size_t k;
    for (k = 0; k < 2; k++) {
        story_t *story = new_story(flags[k], 1);
        party_t waiter;
        NEED_OK(mproc_cancel_create(&story->cancel));
        CHECK_OK(mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, story->cancel));
        party_start(&waiter, 0, cannot_acquire, story);
        party_await_sleep(&waiter);
        CHECK_OK(mproc_cancel_set(story->cancel));
        party_join(&waiter);
        CHECK_OK(mproc_semaphore_release(story->semaphore, 1));
        CHECK_OK(mproc_semaphore_acquire(story->semaphore, MPROC_FOREVER, story->cancel)); /* without waiting: still */
        mproc_cancel_close(story->cancel);
        free_story(story);
    }
}

typedef struct {
    story_t *story;
    int hasty, status;
} taker_t;

static void take(void *argument) {
    taker_t *taker = (taker_t *)argument;
    taker->status = mproc_semaphore_acquire(taker->story->semaphore, MPROC_FOREVER,
                                            taker->hasty ? taker->story->cancel : NULL);
}

static void set_token(void *cancel) {
    CHECK_OK(mproc_cancel_set((mproc_cancel_t *)cancel));
}

/* A release meets a cancel: whoever gives up has taken nothing, and then the next one gets it. */
static void released_or_canceled(void) {
    static const uint32_t flags[] = {0, MPROC_SEMAPHORE_BOUNDED, MPROC_SEMAPHORE_ACCOUNTING};
    size_t k;
    int round, rounds = api_slow() ? 5 : 40;
    for (k = 0; k < 3; k++) {
        for (round = 0; round < rounds; round++) {
            story_t *story = new_story(flags[k], 1);
            taker_t hasty = {NULL, 1, 4711}, patient = {NULL, 0, 4711};
            party_t first, second, canceler;
            hasty.story = patient.story = story;
            NEED_OK(mproc_cancel_create(&story->cancel));
            CHECK_OK(mproc_semaphore_try(story->semaphore));
            party_start(&first, 0, take, &hasty);
            party_await_sleep(&first);
            party_start(&second, 0, take, &patient);
            party_await_sleep(&second);
            party_start(&canceler, 0, set_token, story->cancel);
            CHECK_OK(mproc_semaphore_release(story->semaphore, 1));
            party_join(&first);
            party_join(&canceler);
            CHECK(hasty.status == MPROC_OK || hasty.status == MPROC_ECANCELED);
            if (hasty.status == MPROC_OK) {
                CHECK_OK(mproc_semaphore_release(story->semaphore, 1));
            }
            party_join(&second); /* hangs if the permit is lost */
            CHECK_OK(patient.status);
            none_free(story->semaphore);
            mproc_cancel_close(story->cancel);
            free_story(story);
        }
    }
}

/* The number of permits that one process has has an end. */
static void too_many_permits(void) {
    enum { MOST = (1 << 24) - 1 };
    mproc_semaphore_t *semaphore;
    long i;
    int bad = 0;

    if (api_slow()) {
        return;
    }
    semaphore = new_semaphore(MPROC_SEMAPHORE_ACCOUNTING, MOST + 2);
    for (i = 0; i < MOST && bad == 0; i++) {
        bad += mproc_semaphore_try(semaphore) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_try(semaphore));
    CHECK_IS(MPROC_EOVERFLOW, mproc_semaphore_acquire(semaphore, MPROC_FOREVER, NULL));
    CHECK_INT(MOST, info_of(semaphore).held);
    check_value(semaphore, 2);
    CHECK_OK(mproc_semaphore_release(semaphore, 1));
    CHECK_OK(mproc_semaphore_try(semaphore));
    CHECK_OK(mproc_semaphore_release(semaphore, MOST));
    check_value(semaphore, MOST + 2);
    CHECK_INT(0, info_of(semaphore).held);
    mproc_semaphore_close(semaphore);
}

static void parameters(void) {
    static const uint32_t all[] = {0, MPROC_SEMAPHORE_BOUNDED, MPROC_SEMAPHORE_ACCOUNTING,
                                   MPROC_SEMAPHORE_ACCOUNTING | MPROC_SEMAPHORE_BOUNDED};
    mproc_semaphore_options_t options;
    mproc_semaphore_t *semaphore = NULL, *again = NULL, *none = NULL;
    mproc_lock_t *lock = NULL;
    size_t i, k;

    options = options_of(0, MPROC_SEMAPHORE_MAX + 1u);
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(place_domain(where), NULL, &options, &none));
    options = options_of(MPROC_SEMAPHORE_BOUNDED, UINT32_MAX);
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(place_domain(where), NULL, &options, &none));
    options = options_of(MPROC_SEMAPHORE_ACCOUNTING, 0);
    CHECK_IS(MPROC_EINVAL, mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &none));
    CHECK_IS(MPROC_ENOENT, mproc_semaphore_open(place_domain(where), "a-semaphore", NULL, &none));

    for (i = 0; i < 4; i++) {
        options = options_of(all[i], 2);
        NEED_OK(mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &semaphore));
        CHECK_IS(MPROC_EEXIST, mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &none));
        CHECK_OK(mproc_semaphore_try(semaphore));
        options = options_of(all[i] | MPROC_EXIST_OK, 3);
        CHECK_IS(MPROC_ETYPE, mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &none));
        for (k = 0; k < 4; k++) {
            options = options_of(all[k] | MPROC_EXIST_OK, 2);
            if (k != i) {
                CHECK_IS(MPROC_ETYPE, mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &none));
                continue;
            }
            CHECK_IS(MPROC_EXISTED, mproc_semaphore_create(place_domain(where), "a-semaphore", &options, &again));
            check_value(again, 1); /* as it is, not as new */
            CHECK_INT(2, info_of(again).initial);
            mproc_semaphore_close(again);
        }
        CHECK_OK(mproc_semaphore_open(place_domain(where), "a-semaphore", NULL, &again));
        CHECK_INT(all[i], info_of(again).flags);
        CHECK_IS(MPROC_EKIND, mproc_lock_open(place_domain(where), "a-semaphore", NULL, &lock));
        mproc_semaphore_close(semaphore); /* ends the handle, not the holding */
        CHECK_INT(all[i] & MPROC_SEMAPHORE_ACCOUNTING ? 1 : 0, info_of(again).held);
        CHECK_OK(mproc_semaphore_try(again));
        none_free(again);
        CHECK_OK(mproc_semaphore_release(again, 2)); /* also what was taken through the other one */
        check_value(again, 2);
        mproc_semaphore_close(again);
        place_forget(where, "a-semaphore");
    }
    CHECK(none == NULL && lock == NULL);
}

typedef struct {
    mproc_domain_t *domain;
    mproc_semaphore_t *semaphore;
    check_gate_t *left, *seen;
} leaver_t;

static void acquire_and_leave_domain(void *argument) {
    leaver_t *l = (leaver_t *)argument;
    acquire_one(l->semaphore);
    mproc_semaphore_close(l->semaphore);
    mproc_domain_close(l->domain); /* that was the last one: this process is not in the domain any more */
    check_gate_open(l->left);
    check_gate_wait(l->seen);
}

/* Permits are a process's own while it is in the domain. */
static void leaving_the_domain(void) {
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_semaphore_options_t one = options_of(MPROC_SEMAPHORE_ACCOUNTING, 1);
    leaver_t l;
    party_t other;

    memset(&l, 0, sizeof l);
    options.flags = MPROC_DOMAIN_ANONYMOUS;
    l.left = check_gate();
    l.seen = check_gate();
    NEED_OK(mproc_domain_open(&options, &l.domain));
    NEED_OK(mproc_semaphore_create(l.domain, NULL, &one, &l.semaphore));
    party_start(&other, 1, acquire_and_leave_domain, &l);
    check_gate_wait(l.left);
    CHECK_IS(MPROC_RECOVERED, mproc_semaphore_acquire(l.semaphore, MPROC_FOREVER, NULL));
    check_gate_open(l.seen);
    party_join(&other);
    mproc_semaphore_close(l.semaphore);
    mproc_domain_close(l.domain);
    check_gate_free(l.left);
    check_gate_free(l.seen);
}

void api_semaphore(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        plain();
        overflow();
        bounded();
        wakes_many();
        plain_death();
        accounting();
        permits_of_the_dead();
        trying_after_a_death();
        contended();
        canceling();
        released_or_canceled();
        parameters();
        if (place_is_memory(where)) { /* many millions of steps */
            too_many_permits();
        }
        check_watchdog();
    }
    leaving_the_domain();
}
