/* The event: setting, clearing, waiting, from threads, processes and signal handlers. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where; /* where everything is made */

static mproc_event_t *new_event(uint32_t flags) {
    mproc_event_t *event = NULL;
    mproc_event_options_t options = MPROC_EVENT_OPTIONS_INIT;
    options.flags = flags;
    NEED_OK(mproc_event_create(place_domain(where), NULL, &options, &event));
    return event;
}

static void check_set(const mproc_event_t *event, int expected) {
    int set = 7;
    CHECK_OK(mproc_event_is_set(event, &set));
    CHECK_INT(expected, set);
    CHECK_IS(expected ? MPROC_OK : MPROC_ETIMEDOUT, mproc_event_wait(event, 0, NULL));
}

static void set_it(void *event) {
    CHECK_OK(mproc_event_set((mproc_event_t *)event));
}

static void see_and_clear(void *argument) {
    mproc_event_t *event = (mproc_event_t *)argument;
    check_set(event, 1);
    CHECK_OK(mproc_event_clear(event));
    check_set(event, 0);
}

static void flag(void) {
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_event_t *event = new_event(0);
        party_t other;
        for (i = 0; i < 3; i++) { /* as often as one likes */
            check_set(event, 0);
            CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(event, 2 * API_MS, NULL));
            CHECK_OK(mproc_event_clear(event)); /* again */
            check_set(event, 0);
            CHECK_OK(mproc_event_set(event));
            check_set(event, 1);
            CHECK_OK(mproc_event_set(event)); /* again */
            check_set(event, 1);
            CHECK_OK(mproc_event_wait(event, MPROC_FOREVER, NULL)); /* waiting does not clear it */
            CHECK_OK(mproc_event_wait(event, 2 * API_MS, NULL));
            check_set(event, 1);
            party_start(&other, as_process, see_and_clear, event);
            party_join(&other);
            check_set(event, 0);
        }
        party_start(&other, as_process, set_it, event);
        CHECK_OK(mproc_event_wait(event, MPROC_FOREVER, NULL));
        party_join(&other);
        check_set(event, 1);
        CHECK_OK(mproc_event_clear(event));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(event, 2 * API_MS, NULL)); /* what was before does not count */
        mproc_event_close(event);
    }
}

static void wait_for_ever(void *event) {
    CHECK_OK(mproc_event_wait((mproc_event_t *)event, MPROC_FOREVER, NULL));
}

/* Everybody who waits is woken, also when it is cleared at once, many times in a row. */
static void wakes_all(void) {
    enum { WAITERS = 4 };
    int as_process, cleared, again, i;
    for (as_process = 0; as_process < 2; as_process++) {
        for (cleared = 0; cleared < 1 + place_is_memory(where); cleared++) { /* one must know that they wait */
            mproc_event_t *event = new_event(cleared ? MPROC_NO_SPIN : 0);
            party_t waiters[WAITERS];
            for (i = 0; i < WAITERS; i++) {
                party_start(&waiters[i], as_process, wait_for_ever, event);
            }
            for (i = 0; i < WAITERS; i++) {
                party_await_sleep(&waiters[i]);
            }
            for (again = 0; again < (cleared ? 3 : 1); again++) {
                CHECK_OK(mproc_event_set(event));
                if (cleared) {
                    CHECK_OK(mproc_event_clear(event));
                }
            }
            for (i = 0; i < WAITERS; i++) {
                party_join(&waiters[i]);
            }
            check_set(event, !cleared);
            mproc_event_close(event);
        }
    }
}

typedef struct {
    mproc_event_t *ping, *pong;
    volatile long *number; /* a plain word: what was written before an event was set is visible after it */
    int rounds;
} table_t;

static void answer(void *argument) {
    table_t *table = (table_t *)argument;
    int round, bad = 0;
    for (round = 0; round < table->rounds; round++) {
        bad += mproc_event_wait(table->ping, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_event_clear(table->ping) != MPROC_OK;
        bad += *table->number != 2L * round + 1;
        *table->number = 2L * round + 2;
        bad += mproc_event_set(table->pong) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void ping_pong(void) {
    int as_process, round, bad = 0;
    for (as_process = 0; as_process < 2; as_process++) {
        table_t table;
        party_t other;
        table.ping = new_event(0);
        table.pong = new_event(0);
        table.number = (volatile long *)api_shared(sizeof *table.number);
        table.rounds = api_slow() ? 50 : place_rounds(where, 2000);
        party_start(&other, as_process, answer, &table);
        for (round = 0; round < table.rounds; round++) {
            *table.number = 2L * round + 1;
            bad += mproc_event_set(table.ping) != MPROC_OK;
            bad += mproc_event_wait(table.pong, MPROC_FOREVER, NULL) != MPROC_OK;
            bad += mproc_event_clear(table.pong) != MPROC_OK;
            bad += *table.number != 2L * round + 2;
        }
        party_join(&other);
        CHECK_INT(0, bad);
        munmap((void *)table.number, sizeof *table.number);
        mproc_event_close(table.ping);
        mproc_event_close(table.pong);
    }
}

typedef struct {
    mproc_event_t *event;
    int *stop; /* shared */
    int *waits;
} storm_t;

static void wait_again_and_again(void *argument) {
    storm_t *storm = (storm_t *)argument;
    int bad = 0;
    while (!__atomic_load_n(storm->stop, __ATOMIC_SEQ_CST)) {
        bad += mproc_event_wait(storm->event, MPROC_FOREVER, NULL) != MPROC_OK;
        __atomic_add_fetch(storm->waits, 1, __ATOMIC_SEQ_CST);
    }
    CHECK_INT(0, bad);
}

/* Set and cleared at once, over and over: whoever waits gets out each time, and nobody sleeps through the last one. */
static void storm_of_pulses(void) {
    enum { WAITERS = 4 };
    storm_t storm;
    party_t waiters[WAITERS];
    int *words = (int *)api_shared(2 * sizeof *words), enough = api_slow() ? 20 : 400, i;

    storm.event = new_event(0);
    storm.stop = &words[0];
    storm.waits = &words[1];
    for (i = 0; i < WAITERS; i++) {
        party_start(&waiters[i], i % 2, wait_again_and_again, &storm);
    }
    api_here(__FILE__, __LINE__);
    while (__atomic_load_n(storm.waits, __ATOMIC_SEQ_CST) < enough) {
        CHECK_OK(mproc_event_set(storm.event));
        CHECK_OK(mproc_event_clear(storm.event));
        check_sleep_ms(1);
    }
    __atomic_store_n(storm.stop, 1, __ATOMIC_SEQ_CST);
    CHECK_OK(mproc_event_set(storm.event));
    for (i = 0; i < WAITERS; i++) {
        party_join(&waiters[i]);
    }
    munmap(words, 2 * sizeof *words);
    mproc_event_close(storm.event);
}

typedef struct {
    mproc_event_t *event;
    mproc_cancel_t *cancel;
} canceled_t;

static void wait_canceled(void *argument) {
    canceled_t *c = (canceled_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_event_wait(c->event, MPROC_FOREVER, c->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_event_wait(c->event, MPROC_FOREVER, c->cancel)); /* until it is cleared */
}

static void canceling(void) {
    canceled_t c = {new_event(0), NULL};
    party_t waiter;

    NEED_OK(mproc_cancel_create(&c.cancel));
    party_start(&waiter, 0, wait_canceled, &c);
    party_await_sleep(&waiter);
    CHECK_OK(mproc_cancel_set(c.cancel));
    party_join(&waiter);
    CHECK_OK(mproc_event_set(c.event));
    CHECK_OK(mproc_event_wait(c.event, MPROC_FOREVER, c.cancel)); /* needs no waiting */
    CHECK_OK(mproc_event_clear(c.event));
    CHECK_OK(mproc_cancel_clear(c.cancel));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(c.event, 2 * API_MS, c.cancel));
    mproc_cancel_close(c.cancel);
    mproc_event_close(c.event);
}

static mproc_event_t *from_handler;
static volatile sig_atomic_t set_before, set_after;

static void in_handler(int signal_number) {
    int set = 7; /* all three are documented as async-signal-safe */
    (void)signal_number;
    (void)mproc_event_clear(from_handler);
    (void)mproc_event_is_set(from_handler, &set);
    set_before = set;
    (void)mproc_event_set(from_handler);
    (void)mproc_event_is_set(from_handler, &set);
    set_after = set;
}

/* While the other one sleeps, most likely; right in any case. */
static void send_signal(void *waiter) {
    check_sleep_ms(10);
    CHECK_INT(0, pthread_kill(*(pthread_t *)waiter, SIGUSR1));
}

/* A handler that sets the event ends the wait that it interrupts. */
static void from_a_handler(void) {
    struct sigaction action, before;
    pthread_t self = pthread_self();
    int restart;

    memset(&action, 0, sizeof action);
    action.sa_handler = in_handler;
    for (restart = 0; restart < 2; restart++) {
        party_t sender;
        action.sa_flags = restart ? SA_RESTART : 0;
        CHECK_INT(0, sigaction(SIGUSR1, &action, &before));
        from_handler = new_event(0);
        set_before = set_after = 7;
        party_start(&sender, 0, send_signal, &self);
        CHECK_OK(mproc_event_wait(from_handler, MPROC_FOREVER, NULL));
        party_join(&sender);
        CHECK_INT(0, set_before);
        CHECK_INT(1, set_after);
        check_set(from_handler, 1);
        CHECK_INT(0, sigaction(SIGUSR1, &before, NULL));
        mproc_event_close(from_handler);
    }
}

/* What handlers may call does not touch what the interrupted thread may be about to read. */
static void errors_are_not_recorded(void) {
    mproc_event_t *event = new_event(0), *none = NULL;
    mproc_error_t before, after;
    int set = 7;

    CHECK_IS(MPROC_ENOENT, mproc_event_open(place_domain(where), "no-such-event", NULL, &none));
    CHECK(none == NULL);
    CHECK_OK(mproc_last_error(&before, sizeof before));
    CHECK_INT(MPROC_ENOENT, before.status);
    CHECK_INT(MPROC_EINVAL, mproc_event_set(NULL));
    CHECK_INT(MPROC_EINVAL, mproc_event_clear(NULL));
    CHECK_INT(MPROC_EINVAL, mproc_event_is_set(NULL, &set));
    CHECK_INT(MPROC_EINVAL, mproc_event_is_set(event, NULL));
    CHECK_INT(7, set);
    CHECK_OK(mproc_last_error(&after, sizeof after));
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    mproc_event_close(event);
}

static void by_name(void) {
    mproc_event_options_t options = MPROC_EVENT_OPTIONS_INIT;
    mproc_event_t *event = NULL, *again = NULL, *none = NULL;
    mproc_lock_t *lock = NULL;

    CHECK_OK(mproc_event_create(place_domain(where), "an-event", NULL, &event));
    CHECK_IS(MPROC_EEXIST, mproc_event_create(place_domain(where), "an-event", NULL, &none));
    CHECK_OK(mproc_event_set(event));
    options.flags = MPROC_EXIST_OK | MPROC_NO_SPIN;
    CHECK_IS(MPROC_EXISTED, mproc_event_create(place_domain(where), "an-event", &options, &again));
    check_set(again, 1); /* as it is, not as new */
    mproc_event_close(again);
    CHECK_IS(MPROC_EKIND, mproc_lock_open(place_domain(where), "an-event", NULL, &lock));
    CHECK_OK(mproc_event_open(place_domain(where), "an-event", NULL, &again));
    mproc_event_close(event);
    check_set(again, 1);
    CHECK_OK(mproc_event_clear(again));
    check_set(again, 0);
    mproc_event_close(again);
    place_forget(where, "an-event");
    CHECK_IS(MPROC_ENOENT, mproc_event_open(place_domain(where), "an-event", NULL, &none));

    options.flags = MPROC_PERSIST;
    CHECK_OK(mproc_event_create(place_domain(where), "an-event", &options, &event));
    CHECK_OK(mproc_event_set(event));
    mproc_event_close(event);
    CHECK_OK(mproc_event_open(place_domain(where), "an-event", NULL, &event)); /* set, also without a user */
    check_set(event, 1);
    mproc_event_close(event);
    CHECK_OK(mproc_domain_unlink(place_domain(where), "an-event"));
    CHECK(none == NULL && lock == NULL);
}

typedef struct {
    mproc_domain_t *domain;
    mproc_event_t *event;
    check_gate_t *used, *looked;
} guest_t;

static void only_use_the_event(void *argument) {
    guest_t *guest = (guest_t *)argument;
    CHECK_OK(mproc_event_wait(guest->event, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_event_clear(guest->event));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_event_wait(guest->event, 2 * API_MS, NULL));
    CHECK_OK(mproc_event_set(guest->event));
    check_gate_open(guest->used);
    check_gate_wait(guest->looked);
}

static void ask_who_I_am(void *argument) {
    guest_t *guest = (guest_t *)argument;
    mproc_owner_t self;
    CHECK_OK(mproc_domain_self(guest->domain, &self, sizeof self));
    check_gate_open(guest->used);
    check_gate_wait(guest->looked);
}

/* Which place in the domain the next process that joins it takes, here a fork: they are taken in turn. */
static uint32_t next_place(mproc_domain_t *domain) {
    volatile uint32_t *place = (volatile uint32_t *)api_shared(sizeof *place);
    uint32_t seen;
    pid_t pid = check_fork();
    if (pid == 0) {
        mproc_owner_t self;
        CHECK_OK(mproc_domain_self(domain, &self, sizeof self));
        *place = self.slot;
        check_leave();
    }
    CHECK_CHILD(pid);
    seen = *place;
    munmap((void *)place, sizeof *place);
    return seen;
}

/* A forked child that only uses an event does not join the domain; one that asks who it is does. */
static void joins_nothing(void) {
    mproc_domain_options_t options = MPROC_DOMAIN_OPTIONS_INIT;
    guest_t guest;
    int joins;

    memset(&guest, 0, sizeof guest);
    options.flags = MPROC_DOMAIN_ANONYMOUS;
    NEED_OK(mproc_domain_open(&options, &guest.domain));
    NEED_OK(mproc_event_create(guest.domain, NULL, NULL, &guest.event));
    for (joins = 0; joins < 2; joins++) {
        uint32_t before = next_place(guest.domain);
        party_t other;
        guest.used = check_gate();
        guest.looked = check_gate();
        CHECK_OK(mproc_event_set(guest.event));
        party_start(&other, 1, joins ? ask_who_I_am : only_use_the_event, &guest);
        check_gate_wait(guest.used);
        CHECK_INT(before + 1 + (uint32_t)joins, next_place(guest.domain));
        check_gate_open(guest.looked);
        party_join(&other);
        check_gate_free(guest.used);
        check_gate_free(guest.looked);
    }
    mproc_event_close(guest.event);
    mproc_domain_close(guest.domain);
}

void api_event(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        flag();
        wakes_all();
        ping_pong();
        storm_of_pulses();
        canceling();
        errors_are_not_recorded();
        by_name();
        if (place_is_memory(where)) { /* in handlers nobody can wait for an answer */
            from_a_handler();
        }
    }
    joins_nothing();
}
