/* The barrier: rounds, indices, actions; timeouts, aborts, resets, deaths and registrations that break it; names. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where; /* where everything is made */

enum { PARTIES = 4 };

static mproc_barrier_t *new_barrier(uint32_t parties, uint32_t flags) {
    mproc_barrier_t *barrier = NULL;
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    options.parties = parties;
    options.flags = flags;
    NEED_OK(mproc_barrier_create(place_domain(where), NULL, &options, &barrier));
    return barrier;
}

static mproc_barrier_info_t info_of(const mproc_barrier_t *barrier) {
    mproc_barrier_info_t info;
    memset(&info, 0xAA, sizeof info);
    CHECK_OK(mproc_barrier_info(barrier, &info, sizeof info));
    return info;
}

static uint32_t waiting_at(const mproc_barrier_t *barrier) {
    return info_of(barrier).waiting;
}

/* Broken: nobody passes, nobody waits, whatever it says about time; until it is reset. */
static void check_broken(const mproc_barrier_t *barrier) {
    uint32_t index = 4711;
    CHECK_INT(1, info_of(barrier).broken);
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, &index));
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(barrier, 0, NULL, &index));
    CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(barrier, 2 * API_MS, NULL, NULL));
    CHECK_INT(4711, index);
    CHECK_INT(0, waiting_at(barrier));
    CHECK_INT(1, info_of(barrier).broken);
}

static void one_party(void) {
    mproc_barrier_t *barrier = new_barrier(1, 0);
    mproc_barrier_info_t info = info_of(barrier);
    uint32_t index, generation = info.generation;
    int i;

    CHECK_INT(1, info.parties);
    CHECK_INT(0, info.waiting);
    CHECK_INT(0, info.broken);
    CHECK_INT(0, info.registered);
    CHECK_INT(0, info.deaths);
    for (i = 0; i < 6; i++) { /* nobody to wait for */
        index = 4711;
        CHECK_OK(mproc_barrier_wait(barrier, i % 3 == 0 ? 0 : i % 3 == 1 ? MPROC_FOREVER : API_MS, NULL,
                                    i < 3 ? &index : NULL));
        CHECK_INT(i < 3 ? 0 : 4711, index);
        CHECK(info_of(barrier).generation == ++generation);
    }
    CHECK_OK(mproc_barrier_abort(barrier));
    check_broken(barrier);
    CHECK_OK(mproc_barrier_abort(barrier)); /* again */
    CHECK_OK(mproc_barrier_reset(barrier));
    CHECK_INT(0, info_of(barrier).broken);
    CHECK(info_of(barrier).generation != generation);
    CHECK_OK(mproc_barrier_reset(barrier)); /* of one that is as new */
    CHECK_OK(mproc_barrier_wait(barrier, 0, NULL, NULL));
    mproc_barrier_close(barrier);
}

/* One party: what it expects, what it got; in memory that processes share. */
typedef struct {
    mproc_barrier_t *barrier;
    mproc_cancel_t *cancel;
    int64_t timeout;
    int status, returned;
    uint32_t index;
} guest_t;

static void arrive(void *argument) {
    guest_t *g = (guest_t *)argument;
    g->status = mproc_barrier_wait(g->barrier, g->timeout, g->cancel, &g->index);
    __atomic_store_n(&g->returned, 1, __ATOMIC_SEQ_CST);
}

static guest_t *new_guests(mproc_barrier_t *barrier) {
    guest_t *guests = (guest_t *)api_shared(PARTIES * sizeof *guests);
    int i;
    for (i = 0; i < PARTIES; i++) {
        guests[i].barrier = barrier;
        guests[i].timeout = MPROC_FOREVER;
        guests[i].index = 4711;
    }
    return guests;
}

static void free_guests(guest_t *guests) {
    munmap(guests, PARTIES * sizeof *guests);
}

/* Starts it, and returns when it is one more of those who wait. */
static void start_arriving(party_t *party, int as_process, guest_t *g) {
    uint32_t before = waiting_at(g->barrier);
    g->status = 4711;
    g->returned = 0;
    g->index = 4711;
    party_start(party, as_process, arrive, g);
    AWAIT(waiting_at(g->barrier) == before + 1);
}

/* Everybody waits until all are there; the first has index 0, the last the highest. */
static void together(void) {
    int as_process, i, round;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_barrier_t *barrier = new_barrier(PARTIES, as_process ? MPROC_NO_SPIN : 0);
        guest_t *guests = new_guests(barrier);
        for (round = 0; round < 3; round++) {
            uint32_t generation = info_of(barrier).generation, last = 4711;
            party_t parties[PARTIES];
            for (i = 0; i < PARTIES - 1; i++) {
                CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait(barrier, 0, NULL, &last)); /* has not arrived */
                CHECK_INT(4711, last);
                start_arriving(&parties[i], as_process, &guests[i]);
                CHECK_INT(i + 1, waiting_at(barrier));
                CHECK_INT(0, info_of(barrier).broken);
            }
            CHECK(info_of(barrier).generation == generation);
            for (i = 0; i < PARTIES - 1; i++) {
                CHECK(!__atomic_load_n(&guests[i].returned, __ATOMIC_SEQ_CST));
            }
            CHECK_OK(mproc_barrier_wait(barrier, round == 0 ? 0 : round == 1 ? MPROC_FOREVER : 50 * API_MS, NULL,
                                        &last));
            CHECK_INT(PARTIES - 1, last);
            for (i = 0; i < PARTIES - 1; i++) {
                party_join(&parties[i]);
                CHECK_OK(guests[i].status);
            }
            CHECK_INT(0, guests[0].index);
            CHECK(guests[1].index + guests[2].index == 3 && guests[1].index != guests[2].index &&
                  guests[1].index != 0 && guests[2].index != 0);
            CHECK_INT(0, waiting_at(barrier));
            CHECK(info_of(barrier).generation == generation + 1);
        }
        free_guests(guests);
        mproc_barrier_close(barrier);
    }
}

/* Many rounds without a pause between them. */
enum { ROUNDS = 500 };

typedef struct {
    mproc_barrier_t *barrier;
    int rounds, others, with_action;
    int actions;            /* how often the action was run */
    int failed_action;      /* the round in which it fails, or 0 */
    int round_of[PARTIES];  /* where each party is */
    unsigned char seen[ROUNDS][PARTIES];
} race_t;

typedef struct {
    race_t *race;
    int me;
} runner_t;

static int count_action(void *context) {
    race_t *race = (race_t *)context;
    int i, bad = 0;
    for (i = 0; i < PARTIES; i++) { /* all have come, and none has passed */
        bad += __atomic_load_n(&race->round_of[i], __ATOMIC_SEQ_CST) != race->actions + 1;
    }
    race->actions++;
    return bad;
}

static void run(void *argument) {
    runner_t *runner = (runner_t *)argument;
    race_t *race = runner->race;
    int round, i, bad = 0;
    for (round = 0; round < race->rounds; round++) {
        uint32_t index = 4711;
        __atomic_store_n(&race->round_of[runner->me], round + 1, __ATOMIC_SEQ_CST);
        bad += (race->with_action
                    ? mproc_barrier_wait_action(race->barrier, count_action, race, MPROC_FOREVER, NULL, &index)
                    : mproc_barrier_wait(race->barrier, MPROC_FOREVER, NULL, &index)) != MPROC_OK;
        if (index >= PARTIES) {
            bad++;
        } else {
            __atomic_add_fetch(&race->seen[round][index], 1, __ATOMIC_SEQ_CST);
        }
        for (i = 0; i < PARTIES; i++) { /* everybody is in this round, or has begun the next */
            int where = __atomic_load_n(&race->round_of[i], __ATOMIC_SEQ_CST);
            bad += where != round + 1 && where != round + 2;
        }
        bad += race->with_action && race->actions != round + 1; /* it was run before anybody passed, and once */
        if (bad) {
            break;
        }
        if (race->with_action) { /* nobody may arrive while others still look */
            bad += mproc_barrier_wait(race->barrier, MPROC_FOREVER, NULL, NULL) != MPROC_OK;
        }
    }
    if (bad) {
        (void)mproc_barrier_abort(race->barrier); /* the others would wait for ever */
    }
    CHECK_INT(0, bad);
}

/* Rounds never mix, and each round's indices are all different; threads, processes and both. */
static void many_rounds(void) {
    int mix, with_action, i, k, bad;
    for (mix = 0; mix < 3; mix++) {
        for (with_action = 0; with_action < 2; with_action++) {
            race_t *race = (race_t *)api_shared(sizeof *race);
            runner_t runners[PARTIES];
            party_t parties[PARTIES];
            race->barrier = new_barrier(PARTIES, 0);
            race->rounds = api_slow() ? 20 : place_rounds(where, ROUNDS);
            race->with_action = with_action;
            for (i = 0; i < PARTIES; i++) {
                runners[i].race = race;
                runners[i].me = i;
                party_start(&parties[i], mix == 2 ? i < 2 : mix, run, &runners[i]);
            }
            for (i = 0; i < PARTIES; i++) {
                party_join(&parties[i]);
            }
            for (i = 0, bad = 0; i < race->rounds; i++) {
                for (k = 0; k < PARTIES; k++) {
                    bad += race->seen[i][k] != 1;
                }
            }
            CHECK_INT(0, bad);
            CHECK_INT(with_action ? race->rounds : 0, race->actions);
            CHECK_INT((with_action ? 2 : 1) * race->rounds, info_of(race->barrier).generation);
            CHECK_INT(0, info_of(race->barrier).broken);
            CHECK_INT(0, waiting_at(race->barrier));
            mproc_barrier_close(race->barrier);
            munmap(race, sizeof *race);
        }
    }
}

/* Somebody gives up, or breaks it on purpose: everybody who waits hears of it, and whoever comes until the reset. */
static void breaking(void) {
    enum { BY_TIME, BY_CANCEL, BY_ABORT, WAYS };
    static const int own_status[] = {MPROC_ETIMEDOUT, MPROC_ECANCELED, MPROC_EBROKEN};
    int way, as_process, i;
    for (way = 0; way < WAYS; way++) {
        for (as_process = 0; as_process < 2; as_process++) {
            mproc_barrier_t *barrier = new_barrier(PARTIES, 0);
            guest_t *guests = new_guests(barrier);
            mproc_cancel_t *cancel = NULL;
            party_t parties[PARTIES];

            NEED_OK(mproc_cancel_create(&cancel));
            for (i = 0; i < PARTIES - 2; i++) {
                start_arriving(&parties[i], as_process, &guests[i]);
            }
            guests[i].timeout = way == BY_TIME ? 100 * API_MS : MPROC_FOREVER;
            guests[i].cancel = way == BY_CANCEL ? cancel : NULL;
            if (way == BY_TIME) { /* its time may be over before anybody looks */
                party_start(&parties[i], as_process, arrive, &guests[i]);
            } else {
                start_arriving(&parties[i], 0, &guests[i]); /* a token belongs to one process */
                CHECK_OK(way == BY_CANCEL ? mproc_cancel_set(cancel) : mproc_barrier_abort(barrier));
            }
            for (i = 0; i < PARTIES - 1; i++) {
                party_join(&parties[i]);
                CHECK_IS(i == PARTIES - 2 ? own_status[way] : MPROC_EBROKEN, guests[i].status);
                CHECK_INT(4711, guests[i].index);
            }
            check_broken(barrier);
            CHECK_INT(0, info_of(barrier).deaths);
            CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(barrier, MPROC_FOREVER, cancel, NULL));
            CHECK_OK(mproc_barrier_reset(barrier));
            CHECK_INT(0, info_of(barrier).broken);
            for (i = 0; i < PARTIES - 1; i++) {
                guests[i].timeout = MPROC_FOREVER;
                guests[i].cancel = NULL;
                start_arriving(&parties[i], as_process, &guests[i]);
            }
            CHECK_OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, NULL));
            for (i = 0; i < PARTIES - 1; i++) {
                party_join(&parties[i]);
                CHECK_OK(guests[i].status);
            }
            mproc_cancel_close(cancel);
            free_guests(guests);
            mproc_barrier_close(barrier);
        }
    }
}

/* A token that is set: whoever would have to wait does not, and that breaks it; the last one passes all the same. */
static void canceled_before(void) {
    mproc_barrier_t *barrier = new_barrier(2, 0);
    guest_t *guests = new_guests(barrier);
    mproc_cancel_t *cancel = NULL;
    party_t party;
    uint32_t index = 4711;

    NEED_OK(mproc_cancel_create(&cancel));
    CHECK_OK(mproc_cancel_set(cancel));
    start_arriving(&party, 0, &guests[0]);
    CHECK_OK(mproc_barrier_wait(barrier, MPROC_FOREVER, cancel, &index));
    CHECK_INT(1, index);
    party_join(&party);
    CHECK_OK(guests[0].status);
    CHECK_IS(MPROC_ECANCELED, mproc_barrier_wait(barrier, MPROC_FOREVER, cancel, NULL));
    check_broken(barrier);
    mproc_cancel_close(cancel);
    free_guests(guests);
    mproc_barrier_close(barrier);
}

/* A reset sends those who wait away, and the next round begins at once, while they are still leaving. */
static void resetting(void) {
    int as_process, round, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_barrier_t *barrier = new_barrier(PARTIES, 0);
        guest_t *old = new_guests(barrier), *young = new_guests(barrier);
        for (round = 0; round < (api_slow() ? 3 : 20); round++) {
            party_t first[PARTIES], second[PARTIES];
            uint32_t index = 4711, generation;
            for (i = 0; i < PARTIES - 1; i++) {
                start_arriving(&first[i], as_process, &old[i]);
            }
            if (round % 2 && as_process && place_is_memory(where)) {
                party_stop(&first[0]); /* leaves late */
            }
            generation = info_of(barrier).generation;
            CHECK_OK(mproc_barrier_reset(barrier));
            CHECK_INT(0, info_of(barrier).broken);
            CHECK_INT(0, waiting_at(barrier));
            CHECK(info_of(barrier).generation != generation);
            for (i = 0; i < PARTIES - 1; i++) {
                start_arriving(&second[i], as_process, &young[i]);
            }
            CHECK_OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, &index));
            CHECK_INT(PARTIES - 1, index);
            if (round % 2 && as_process && place_is_memory(where)) {
                kill(first[0].process, SIGCONT);
            }
            for (i = 0; i < PARTIES - 1; i++) {
                party_join(&second[i]);
                CHECK_OK(young[i].status);
                party_join(&first[i]);
                CHECK_IS(MPROC_EBROKEN, old[i].status);
                CHECK_INT(4711, old[i].index);
            }
            CHECK_INT(0, info_of(barrier).broken);
        }
        free_guests(old);
        free_guests(young);
        mproc_barrier_close(barrier);
    }
}

/* Parties that are stopped while others go on to the next rounds take up room, until there is none. */
static void no_room_left(void) {
    enum { MOST = 64 };
    mproc_barrier_t *barrier = new_barrier(2, 0);
    guest_t *guests = (guest_t *)api_shared(MOST * sizeof *guests);
    party_t parties[MOST];
    uint32_t index = 4711;
    int count, i;

    for (count = 0; count < MOST; count++) {
        guests[count].barrier = barrier;
        guests[count].timeout = 1500 * API_MS;
        party_start(&parties[count], 1, arrive, &guests[count]);
        AWAIT(waiting_at(barrier) == 1 || __atomic_load_n(&guests[count].returned, __ATOMIC_SEQ_CST));
        if (guests[count].returned) {
            break;
        }
        party_stop(&parties[count]);
        CHECK_OK(mproc_barrier_reset(barrier));
    }
    CHECK(count > 2 && count < MOST);
    if (count < MOST) {
        party_join(&parties[count]);
        CHECK_IS(MPROC_EFULL, guests[count].status);
        CHECK_IS(MPROC_EFULL, mproc_barrier_wait(barrier, 20 * API_MS, NULL, &index));
        CHECK_INT(4711, index);
        CHECK_INT(0, waiting_at(barrier)); /* neither has come */
        CHECK_INT(0, info_of(barrier).broken);
    }
    guests[MOST - 1].barrier = barrier;
    guests[MOST - 1].timeout = MPROC_FOREVER;
    party_start(&parties[MOST - 1], 0, arrive, &guests[MOST - 1]); /* this one has time until there is room */
    party_await_sleep(&parties[MOST - 1]);
    CHECK_INT(0, waiting_at(barrier));
    for (i = 0; i < count; i++) {
        kill(parties[i].process, SIGCONT);
        party_join(&parties[i]);
        CHECK_IS(MPROC_EBROKEN, guests[i].status);
    }
    AWAIT(waiting_at(barrier) == 1);
    CHECK_OK(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, &index));
    CHECK_INT(1, index);
    party_join(&parties[MOST - 1]);
    CHECK_OK(guests[MOST - 1].status);
    munmap(guests, MOST * sizeof *guests);
    mproc_barrier_close(barrier);
}

/* Who waits and is killed breaks it: for those who wait, and at once for the one who would have been the last. */
static void waiting_party_killed(void) {
    int as_process, last_comes_later, i;
    for (as_process = 0; as_process < 2; as_process++) {
        for (last_comes_later = 0; last_comes_later < 2; last_comes_later++) {
            mproc_barrier_t *barrier = new_barrier(last_comes_later ? 2 : PARTIES, 0);
            guest_t *guests = new_guests(barrier);
            party_t parties[PARTIES];
            uint32_t index = 4711;

            start_arriving(&parties[0], 1, &guests[0]);
            for (i = 1; i < PARTIES - 1 && !last_comes_later; i++) {
                start_arriving(&parties[i], as_process, &guests[i]);
            }
            party_kill(&parties[0]);
            AWAIT(info_of(barrier).broken || place_is_memory(where)); /* far, the server does that for it */
            if (last_comes_later) {
                CHECK_IS(MPROC_EBROKEN, mproc_barrier_wait(barrier, as_process ? 0 : MPROC_FOREVER, NULL, &index));
                CHECK_INT(4711, index);
            }
            for (i = 1; i < PARTIES - 1 && !last_comes_later; i++) {
                party_join(&parties[i]);
                CHECK_IS(MPROC_EBROKEN, guests[i].status);
            }
            check_broken(barrier);
            CHECK(info_of(barrier).deaths == 1 || !place_is_memory(where));
            CHECK_OK(mproc_barrier_reset(barrier));
            CHECK_INT(0, info_of(barrier).broken);
            CHECK_INT(0, waiting_at(barrier));
            mproc_barrier_close(barrier);
            free_guests(guests);
        }
    }
}

typedef struct {
    mproc_barrier_t *barrier;
    int times, taken_back, closes, ends;
    check_gate_t *registered, *end;
} member_t;

static void be_a_member(void *argument) {
    member_t *m = (member_t *)argument;
    int i;
    CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(m->barrier)); /* a parent's are not its own */
    for (i = 0; i < m->times; i++) {
        CHECK_OK(mproc_barrier_register(m->barrier));
    }
    for (i = 0; i < m->taken_back; i++) {
        CHECK_OK(mproc_barrier_unregister(m->barrier));
    }
    if (m->times == m->taken_back) {
        CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(m->barrier));
    }
    if (m->closes) {
        mproc_barrier_close(m->barrier);
    }
    check_gate_open(m->registered);
    check_gate_wait(m->end);
    if (!m->ends) {
        raise(SIGKILL);
    }
}

/* Who has registered is missed when it dies; who has taken back as many registrations is not. */
static void registrations(void) {
    static const struct {
        int times, taken_back, closes, breaks;
    } cases[] = {{0, 0, 0, 0}, {1, 0, 0, 1}, {3, 2, 0, 1}, {3, 3, 0, 0}, {2, 0, 1, 0}};
    size_t k;
    int ends, late, parents;
    for (k = 0; k < sizeof cases / sizeof *cases; k++) {
        if (cases[k].closes && !place_is_memory(where)) {
            continue; /* a child's copy of a handle is none for the server */
        }
        for (ends = 0; ends < 2; ends++) {         /* killed, or ended in peace without taking it back */
            for (late = 0; late < 2; late++) {     /* while somebody waits, or before */
                mproc_barrier_t *barrier = new_barrier(2, 0);
                guest_t *guests = new_guests(barrier);
                member_t m;
                party_t member, waiter;

                parents = (int)k % 2;
                if (parents) { /* the parent's own do not matter: it lives */
                    CHECK_OK(mproc_barrier_register(barrier));
                }
                memset(&m, 0, sizeof m);
                m.barrier = barrier;
                m.times = cases[k].times;
                m.taken_back = cases[k].taken_back;
                m.closes = cases[k].closes;
                m.ends = ends;
                m.registered = check_gate();
                m.end = check_gate();
                party_start(&member, 1, be_a_member, &m);
                check_gate_wait(m.registered);
                CHECK_INT((m.closes ? 0 : m.times - m.taken_back) + parents, info_of(barrier).registered);
                if (!late) {
                    start_arriving(&waiter, (int)k % 2, &guests[0]);
                }
                check_gate_open(m.end);
                while (waitpid(member.process, NULL, 0) < 0 && errno == EINTR) {
                }
                munmap((void *)member.id, sizeof *member.id);
                if (late) {
                    party_start(&waiter, (int)k % 2, arrive, &guests[0]);
                }
                if (!cases[k].breaks) {
                    if (late) {
                        AWAIT(waiting_at(barrier) == 1);
                    }
                    check_sleep_ms(ends == late ? 150 : 1); /* longer than noticing takes */
                    CHECK_OK(mproc_barrier_wait(barrier, 0, NULL, NULL));
                }
                party_join(&waiter);
                CHECK_IS(cases[k].breaks ? MPROC_EBROKEN : MPROC_OK, guests[0].status);
                CHECK_INT(cases[k].breaks, info_of(barrier).broken);
                CHECK_INT(cases[k].breaks, info_of(barrier).deaths);
                CHECK_INT(parents, info_of(barrier).registered);
                if (cases[k].breaks) {
                    check_broken(barrier);
                    CHECK_OK(mproc_barrier_reset(barrier)); /* the dead are not counted twice */
                    start_arriving(&waiter, 0, &guests[0]);
                    check_sleep_ms(ends ? 150 : 1);
                    CHECK_OK(mproc_barrier_wait(barrier, 0, NULL, NULL));
                    party_join(&waiter);
                    CHECK_OK(guests[0].status);
                    CHECK_INT(1, info_of(barrier).deaths);
                }
                if (parents) {
                    CHECK_OK(mproc_barrier_unregister(barrier));
                }
                CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(barrier));
                check_gate_free(m.registered);
                check_gate_free(m.end);
                free_guests(guests);
                mproc_barrier_close(barrier);
            }
        }
    }
}

/* Registrations belong to the handle that they were made through. */
static void registrations_of_handles(void) {
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    mproc_barrier_t *first = NULL, *second = NULL;

    options.parties = 2;
    NEED_OK(mproc_barrier_create(place_domain(where), "registrations", &options, &first));
    NEED_OK(mproc_barrier_open(place_domain(where), "registrations", NULL, &second));
    CHECK_OK(mproc_barrier_register(first));
    CHECK_OK(mproc_barrier_register(first));
    CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(second));
    CHECK_OK(mproc_barrier_register(second));
    CHECK_INT(3, info_of(first).registered);
    mproc_barrier_close(first); /* takes its two back */
    CHECK_INT(1, info_of(second).registered);
    CHECK_OK(mproc_barrier_unregister(second));
    CHECK_IS(MPROC_EPERM, mproc_barrier_unregister(second));
    CHECK_INT(0, info_of(second).registered);
    CHECK_INT(0, info_of(second).broken);
    mproc_barrier_close(second);
    place_forget(where, "registrations");
}

/* The number of registrations has an end, and closing the handle takes all of them back. */
static void too_many_registrations(void) {
    enum { MOST = (1 << 24) - 1 };
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    mproc_barrier_t *barrier = NULL, *other = NULL;
    long i;
    int bad = 0;

    if (api_slow()) {
        return;
    }
    options.parties = 2;
    NEED_OK(mproc_barrier_create(place_domain(where), "registrations", &options, &barrier));
    NEED_OK(mproc_barrier_open(place_domain(where), "registrations", NULL, &other));
    for (i = 0; i < MOST && bad == 0; i++) {
        bad += mproc_barrier_register(barrier) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK_IS(MPROC_EOVERFLOW, mproc_barrier_register(barrier));
    CHECK_IS(MPROC_EOVERFLOW, mproc_barrier_register(other));
    CHECK_INT(MOST, info_of(barrier).registered);
    CHECK_OK(mproc_barrier_unregister(barrier));
    CHECK_OK(mproc_barrier_register(other));
    mproc_barrier_close(barrier);
    CHECK_INT(1, info_of(other).registered);
    mproc_barrier_close(other);
    place_forget(where, "registrations");
}

static void end_in_the_domain(void *argument) {
    CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait((mproc_barrier_t *)argument, 0, NULL, NULL)); /* joins the domain */
}

/* A child forked while its parent waits is no party: its death breaks nothing. */
static void child_of_a_party(void) {
    mproc_barrier_t *barrier = new_barrier(3, 0);
    guest_t *guests = new_guests(barrier);
    party_t waiter, child;

    start_arriving(&waiter, 0, &guests[0]);
    party_start(&child, 1, end_in_the_domain, barrier);
    party_join(&child);
    check_sleep_ms(150); /* longer than noticing takes */
    CHECK_INT(1, waiting_at(barrier));
    CHECK_INT(0, info_of(barrier).broken);
    start_arriving(&child, 1, &guests[1]);
    CHECK_OK(mproc_barrier_wait(barrier, 0, NULL, NULL));
    party_join(&child);
    party_join(&waiter);
    CHECK_OK(guests[0].status);
    CHECK_OK(guests[1].status);
    free_guests(guests);
    mproc_barrier_close(barrier);
}

/* ---- actions ---- */

typedef struct {
    guest_t guest;
    mproc_value_t *value;
    mproc_lock_t *lock;
    int result;  /* what the action returns */
    int dies;    /* or it is killed in it */
    int runs;    /* how often it was run; that of each party is another one */
} actor_t;

static int act(void *context) {
    actor_t *a = (actor_t *)context;
    int bad = mproc_lock_lock(a->lock, MPROC_FOREVER, NULL) != MPROC_OK; /* it may use any other object */
    bad += mproc_value_add(a->value, 1, NULL) != MPROC_OK;
    bad += mproc_lock_unlock(a->lock) != MPROC_OK;
    CHECK_INT(0, bad);
    a->runs++;
    if (a->dies) {
        raise(SIGKILL);
    }
    return a->result;
}

static void arrive_with_action(void *argument) {
    actor_t *a = (actor_t *)argument;
    a->guest.status = mproc_barrier_wait_action(a->guest.barrier, act, a, a->guest.timeout, NULL, &a->guest.index);
}

/* Only the last party's action is run, once; if it fails, nobody passes. */
static void actions(void) {
    enum { WELL, FAILS, FAILS_NEGATIVE, DIES, WAYS };
    mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
    mproc_lock_t *lock = NULL;
    int way, as_process, i;

    number.type_code = MPROC_TYPE_I64;
    NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &lock));
    for (way = 0; way < WAYS; way++) {
        for (as_process = 0; as_process < 2; as_process++) {
            mproc_barrier_t *barrier = new_barrier(PARTIES, 0);
            actor_t *actors = (actor_t *)api_shared(PARTIES * sizeof *actors);
            party_t parties[PARTIES];
            mproc_value_t *value = NULL;
            int64_t runs = -1;
            int last = PARTIES - 1, expected = way == WELL ? MPROC_OK : MPROC_EBROKEN;

            NEED_OK(mproc_value_create(NULL, NULL, &number, &value));
            for (i = 0; i < PARTIES; i++) {
                actors[i].guest.barrier = barrier;
                actors[i].guest.timeout = MPROC_FOREVER;
                actors[i].guest.index = 4711;
                actors[i].value = value;
                actors[i].lock = lock;
                actors[i].result = i < last ? 5 : way == FAILS ? 1 : way == FAILS_NEGATIVE ? -1 : 0;
                actors[i].dies = i < last || way == DIES;
            }
            for (i = 0; i < last; i++) { /* one of them without any action */
                if (i == 1) {
                    start_arriving(&parties[i], as_process, &actors[i].guest);
                } else {
                    party_start(&parties[i], as_process, arrive_with_action, &actors[i]);
                    AWAIT(waiting_at(barrier) == (uint32_t)i + 1);
                }
            }
            if (way != DIES) {
                actors[last].guest.timeout = 0; /* time for waiting, not for the action */
            }
            party_start(&parties[last], as_process || way == DIES, arrive_with_action, &actors[last]);
            for (i = 0; i < PARTIES; i++) {
                if (i == last && way == DIES) {
                    while (waitpid(parties[i].process, NULL, 0) < 0 && errno == EINTR) {
                    }
                    munmap((void *)parties[i].id, sizeof *parties[i].id);
                    continue;
                }
                party_join(&parties[i]);
                CHECK_IS(expected, actors[i].guest.status);
                CHECK(way == WELL ? actors[i].guest.index < PARTIES : actors[i].guest.index == 4711);
            }
            for (i = 0; i < PARTIES; i++) {
                CHECK_INT(i == last, actors[i].runs);
            }
            CHECK_OK(mproc_value_get_i64(value, &runs));
            CHECK_INT(1, runs);
            CHECK_INT(way != WELL, info_of(barrier).broken);
            CHECK_INT(way == DIES, info_of(barrier).deaths);
            CHECK_OK(mproc_lock_try(lock)); /* nobody has died with it */
            CHECK_OK(mproc_lock_unlock(lock));
            if (way != WELL) {
                check_broken(barrier);
                CHECK_OK(mproc_barrier_reset(barrier));
            }
            CHECK_IS(MPROC_ETIMEDOUT, mproc_barrier_wait_action(barrier, act, &actors[0], 0, NULL, NULL));
            CHECK_INT(0, actors[0].runs);
            mproc_value_close(value);
            munmap(actors, PARTIES * sizeof *actors);
            mproc_barrier_close(barrier);
        }
    }
    mproc_lock_close(lock);
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

/* A cancel meets the last arrival: either all pass, or none. */
static void all_or_none(void) {
    int round, passed = 0, broke = 0, i, rounds = api_slow() ? 10 : place_rounds(where, 100);
    mproc_barrier_t *barrier = new_barrier(PARTIES, 0);
    guest_t *guests = new_guests(barrier);
    for (round = 0; round < rounds; round++) {
        party_t parties[PARTIES], canceler;
        canceler_t c;
        uint32_t index = 4711;
        int go = 0, status;
        volatile int k;
        NEED_OK(mproc_cancel_create(&c.cancel));
        c.go = &go;
        c.spin = round % 11 * 200;
        for (i = 0; i < PARTIES - 1; i++) {
            guests[i].cancel = i == 0 ? c.cancel : NULL;
            start_arriving(&parties[i], i != 0 && round % 2, &guests[i]);
        }
        party_start(&canceler, 0, cancel_when_told, &c);
        check_sleep_ms(round % 2);
        __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
        for (k = 0; k < round % 13 * 200; k++) {
        }
        status = mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, &index);
        for (i = 0; i < PARTIES - 1; i++) {
            party_join(&parties[i]);
        }
        party_join(&canceler);
        if (status == MPROC_OK) {
            CHECK_INT(PARTIES - 1, index);
        } else {
            CHECK_IS(MPROC_EBROKEN, status);
        }
        CHECK_IS(status == MPROC_OK ? MPROC_OK : MPROC_ECANCELED, guests[0].status);
        for (i = 1; i < PARTIES - 1; i++) {
            CHECK_IS(status, guests[i].status);
        }
        CHECK_INT(status != MPROC_OK, info_of(barrier).broken);
        if (status != MPROC_OK) {
            CHECK_OK(mproc_barrier_reset(barrier));
        }
        *(status == MPROC_OK ? &passed : &broke) += 1;
        mproc_cancel_close(c.cancel);
    }
    CHECK_INT(rounds, passed + broke);
    free_guests(guests);
    mproc_barrier_close(barrier);
}

static void parameters(void) {
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    mproc_barrier_t *barrier = NULL, *again = NULL, *none = NULL;
    mproc_lock_t *lock = NULL;

    CHECK_IS(MPROC_EINVAL, mproc_barrier_create(place_domain(where), "a-barrier", &options, &none)); /* no parties */
    options.parties = MPROC_BARRIER_MAX + 1;
    CHECK_IS(MPROC_EINVAL, mproc_barrier_create(place_domain(where), "a-barrier", &options, &none));
    options.parties = UINT32_MAX;
    CHECK_IS(MPROC_EINVAL, mproc_barrier_create(place_domain(where), NULL, &options, &none));
    CHECK_IS(MPROC_ENOENT, mproc_barrier_open(place_domain(where), "a-barrier", NULL, &none));
    options.parties = MPROC_BARRIER_MAX;
    CHECK_OK(mproc_barrier_create(place_domain(where), "a-barrier", &options, &barrier));
    CHECK_INT(MPROC_BARRIER_MAX, info_of(barrier).parties);
    CHECK_IS(MPROC_EEXIST, mproc_barrier_create(place_domain(where), "a-barrier", &options, &none));
    options.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_barrier_create(place_domain(where), "a-barrier", &options, &again));
    mproc_barrier_close(again);
    options.parties = 2;
    CHECK_IS(MPROC_ETYPE, mproc_barrier_create(place_domain(where), "a-barrier", &options, &none));
    CHECK_IS(MPROC_EKIND, mproc_lock_open(place_domain(where), "a-barrier", NULL, &lock));
    CHECK_OK(mproc_barrier_open(place_domain(where), "a-barrier", NULL, &again));
    CHECK_OK(mproc_barrier_abort(barrier));
    mproc_barrier_close(barrier);
    check_broken(again); /* stays so */
    mproc_barrier_close(again);
    place_forget(where, "a-barrier");
    CHECK(none == NULL && lock == NULL);
}

void api_barrier(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        one_party();
        together();
        many_rounds();
        breaking();
        canceled_before();
        resetting();
        waiting_party_killed();
        check_watchdog();
        registrations();
        child_of_a_party();
        actions();
        all_or_none();
        parameters();
        if (place_is_memory(where)) { /* many millions of steps; what belongs to handles; nobody stops the server */
            no_room_left();
            registrations_of_handles();
            too_many_registrations();
        }
    }
}
