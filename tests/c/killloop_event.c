/*
 * Kill loop, events. Two gates that open in turn, one in each round: whoever of the openers comes by opens it, all
 * waiters must get through and say so, and when they have, a conductor whom nobody kills closes the other gate and
 * begins the next round. Openers, waiters and those who report are killed at every step. Nobody may be left behind
 * a gate that is open, and nobody may get through one that is not. Beside it, an event that is set and cleared at
 * once, again and again: whoever dies at that must not keep anybody else from setting it, or from waiting.
 */
#include "killloop.h"

#define OPENERS 2 /* workers 1 and 2 */
#define WAITERS 4 /* workers 3 to 6 */
#define KILLS_AT_A_TIME 40
#define UNDISTURBED 300 /* rounds between them, without kills */

struct handles {
    mproc_event_t *gate[2], *reported, *pulse;
};

struct events {
    struct handles handles; /* that forked workers inherit */
    _Atomic uint64_t round; /* gate[round % 2] is the one to open; the other one is still open from the round before */
    _Atomic uint64_t opened[2]; /* the last round for which that gate was opened */
    _Atomic uint32_t opening[MAX_WORKERS][MAX_THREADS]; /* the incarnation that is at it; 0: none */
    _Atomic uint32_t setting[MAX_WORKERS][MAX_THREADS]; /* likewise, with calls of set and clear */
    _Atomic uint32_t waiting[MAX_WORKERS][MAX_THREADS]; /* likewise, with a wait */
    _Alignas(64) _Atomic uint64_t through[MAX_WORKERS]; /* the last round in which that waiter got through */
    _Alignas(64) _Atomic uint64_t rounds, pulses, pulses_seen, setters_died, waiters_died;
};

static const char opening[] = "opening a gate";
static const char gating[] = "waiting at a gate";
static const char reporting[] = "reporting";
static const char pulsing[] = "setting and clearing";
static const char watching[] = "waiting for a pulse";
static const char *const targets[] = { opening, opening, gating, gating, reporting, pulsing, watching, NULL };

/* The conductor closes a gate only when nobody who lives can still be about to open it. */
static void open_gate(struct job *job, struct events *e, const struct handles *h)
{
    _Atomic uint32_t *busy = &e->opening[job->worker][job->thread];
    atomic_store(busy, job->incarnation);
    uint64_t round = atomic_load(&e->round); /* after saying that we are at it */
    int set = 0;
    KL_OK(mproc_event_is_set(h->gate[round % 2], &set));
    if (!set) { /* once is enough: whoever is asleep must not need a second time */
        kl_phase(job, opening);
        atomic_store(&e->opened[round % 2], round);
        KL_OK(mproc_event_set(h->gate[round % 2]));
        kl_done(job);
        kl_phase(job, "having opened a gate");
    }
    atomic_store(busy, 0);
}

static void open_gates(struct job *job, struct events *e, const struct handles *h)
{
    _Atomic uint32_t *busy = &e->setting[job->worker][job->thread];
    while (!kl_stopping()) {
        atomic_store(busy, job->incarnation);
        open_gate(job, e, h);
        kl_phase(job, pulsing);
        for (uint64_t n = 1 + rng_below(&job->rng, 2000); n > 0; n--) {
            KL_OK(mproc_event_set(h->pulse));
            KL_OK(mproc_event_clear(h->pulse));
            atomic_fetch_add_explicit(&e->pulses, 1, memory_order_relaxed);
            kl_done(job);
        }
        atomic_store(busy, 0);
        kl_phase(job, "having pulsed");
        kl_pause_sometimes(job, 16);
    }
}

static void wait_at_gates(struct job *job, struct events *e, const struct handles *h)
{
    _Atomic uint32_t *asleep = &e->waiting[job->worker][job->thread];
    while (!kl_stopping()) {
        uint64_t round = atomic_load(&e->round);
        int64_t timeout = kl_random_timeout(job);
        atomic_store(asleep, job->incarnation);
        kl_phase(job, gating);
        bool open = kl_passed(mproc_event_wait(h->gate[round % 2], timeout, NULL), timeout, "wait at a gate");
        atomic_store(asleep, 0);
        if (open && !kl_stopping()) {
            /* Opened for this round or, if we come late, for a later one; never for an earlier one. */
            if (atomic_load(&e->opened[round % 2]) < round) {
                kl_fail("event: worker %u got through a gate in round %llu, last opened in round %llu", job->worker,
                        (unsigned long long)round, (unsigned long long)atomic_load(&e->opened[round % 2]));
            }
            kl_phase(job, reporting);
            uint64_t before = atomic_load(&e->through[job->worker]);
            while (before < round && !atomic_compare_exchange_weak(&e->through[job->worker], &before, round)) {
            }
            if (before < round) {
                KL_OK(mproc_event_set(h->reported)); /* once in a round, likewise */
            }
            kl_went_through(1);
        }
        kl_done(job);
        if (open && rng_below(&job->rng, 2)) {
            int64_t pulse_timeout = (int64_t)rng_below(&job->rng, 2 * MS);
            atomic_store(asleep, job->incarnation);
            kl_phase(job, watching);
            int status = mproc_event_wait(h->pulse, pulse_timeout, NULL);
            atomic_store(asleep, 0);
            atomic_fetch_add(&e->pulses_seen, kl_passed(status, pulse_timeout, "wait for a pulse"));
            kl_done(job);
        }
        kl_pause_sometimes(job, 2);
    }
}

/* Whether an opener who lives is between looking at the round and being done. */
static bool somebody_is_opening(struct events *e)
{
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            uint32_t busy = atomic_load(&e->opening[w][t]);
            if (busy && busy == atomic_load(&board->worker[w].incarnation)) {
                return true; /* a number that is not the present one belongs to somebody who is dead */
            }
        }
    }
    return false;
}

static bool all_through(struct events *e, uint64_t round)
{
    for (unsigned w = 1 + OPENERS; w <= OPENERS + WAITERS; w++) {
        if (atomic_load(&e->through[w]) < round) {
            return false;
        }
    }
    return true;
}

static void conduct(struct job *job, struct events *e, const struct handles *h)
{
    while (!kl_stopping()) {
        uint64_t round = atomic_load(&e->round);
        kl_phase(job, "waiting until everybody is through");
        for (;;) {
            KL_OK(mproc_event_clear(h->reported)); /* before looking: whoever reports later sets it again */
            if (all_through(e, round) || kl_stopping()) {
                break;
            }
            KL_OK(mproc_event_wait(h->reported, MPROC_FOREVER, NULL));
        }
        /* Closed while nobody who lives takes it for the one to open: those who did were waited for below. */
        kl_phase(job, "closing a gate");
        KL_OK(mproc_event_clear(h->gate[(round + 1) % 2]));
        atomic_store(&e->round, round + 1);
        kl_phase(job, "waiting for those who are still opening the old gate");
        while (somebody_is_opening(e) && !kl_stopping()) {
            sched_yield();
        }
        atomic_fetch_add(&e->rounds, 1);
        kl_done(job);
    }
}

static void open_all(struct handles *h)
{
    KL_OK(mproc_event_open(NULL, "kl-gate-0", NULL, &h->gate[0]));
    KL_OK(mproc_event_open(NULL, "kl-gate-1", NULL, &h->gate[1]));
    KL_OK(mproc_event_open(NULL, "kl-reported", NULL, &h->reported));
    KL_OK(mproc_event_open(NULL, "kl-pulse", NULL, &h->pulse));
}

static void close_all(struct handles *h)
{
    mproc_event_close(h->gate[0]);
    mproc_event_close(h->gate[1]);
    mproc_event_close(h->reported);
    mproc_event_close(h->pulse);
}

static void work(struct job *job)
{
    struct events *e = job->scene;
    struct handles mine = e->handles;
    if (job->fresh) {
        kl_phase(job, "opening the events");
        open_all(&mine);
    }
    atomic_store(&e->opening[job->worker][job->thread], 0);
    atomic_fetch_add(&e->setters_died, atomic_exchange(&e->setting[job->worker][job->thread], 0) != 0);
    atomic_fetch_add(&e->waiters_died, atomic_exchange(&e->waiting[job->worker][job->thread], 0) != 0);
    if (job->worker == 0) {
        if (job->thread == 0) {
            conduct(job, e, &mine);
        }
    } else if (job->worker <= OPENERS) {
        open_gates(job, e, &mine);
    } else {
        KL_OK(mproc_event_set(mine.reported)); /* the predecessor may have got through, and no further */
        wait_at_gates(job, e, &mine);
    }
    if (job->fresh) {
        close_all(&mine);
    }
}

/* While workers are replaced all the time, newcomers help out where a wake-up was lost. Now nobody comes. */
static bool undisturbed(struct events *e, const struct crew *crew)
{
    uint64_t wanted = atomic_load(&e->rounds) + UNDISTURBED;
    for (int64_t end = proc_now() + STALL_LIMIT; atomic_load(&e->rounds) < wanted;) {
        if (atomic_load(&board->failed) || interrupted) {
            return false;
        }
        if (proc_now() > end) {
            crew_stalled(crew, "after the last kill somebody is not woken");
            return false;
        }
        proc_sleep_ns(200000);
    }
    return true;
}

bool scene_event(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "event", .workers = 1 + OPENERS + WAITERS, .immortals = 1,
                                .two_threads_in = 4, .all_must_work = true, .targets = targets, .work = work };
    struct events *e = proc_shared(sizeof *e);
    KL_OK(mproc_event_create(NULL, "kl-gate-0", NULL, &e->handles.gate[0]));
    KL_OK(mproc_event_create(NULL, "kl-gate-1", NULL, &e->handles.gate[1]));
    KL_OK(mproc_event_create(NULL, "kl-reported", NULL, &e->handles.reported));
    KL_OK(mproc_event_create(NULL, "kl-pulse", NULL, &e->handles.pulse));
    if (atomic_load(&board->failed)) {
        return false;
    }
    atomic_store(&e->round, 2);
    crew.scene = e;
    crew_start(&crew);
    bool ok = true;
    for (uint64_t left = kills; ok && left > 0;) {
        uint64_t now = left < KILLS_AT_A_TIME ? left : KILLS_AT_A_TIME;
        left -= now;
        ok = crew_kills(&crew, now) && undisturbed(e, &crew);
    }
    ok = ok && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    /* First the conductor, who might close a gate once more; then whoever waits at one sees that it is over. */
    KL_OK(mproc_event_set(e->handles.reported));
    ok = ok && crew_join(&crew, 0, 1);
    KL_OK(mproc_event_set(e->handles.gate[0]));
    KL_OK(mproc_event_set(e->handles.gate[1]));
    ok = ok && crew_join(&crew, 1, crew.workers);
    crew_end(&crew);

    if (ok) { /* whatever the dead left in them, they work */
        int set = 1;
        KL_OK(mproc_event_clear(e->handles.pulse));
        KL_OK(mproc_event_is_set(e->handles.pulse, &set));
        int status = mproc_event_wait(e->handles.pulse, 1 * MS, NULL);
        if (set || status != MPROC_ETIMEDOUT) {
            kl_fail("event: cleared, but it says %d, and a wait %s", set, mproc_status_name(status));
        }
        KL_OK(mproc_event_set(e->handles.pulse));
        KL_OK(mproc_event_wait(e->handles.pulse, 0, NULL));
    }
    tally->kills = kills;
    tally->never = atomic_load(&e->waiters_died) == 0   ? "a waiter that was killed in its wait"
                   : atomic_load(&e->setters_died) == 0 ? "a process that was killed while it set an event"
                   : atomic_load(&e->pulses_seen) == 0  ? "a wait ended by a pulse"
                                                        : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu rounds, %llu waiters and %llu setters killed at it, %llu pulses, %llu of them seen",
             (unsigned long long)atomic_load(&e->rounds), (unsigned long long)atomic_load(&e->waiters_died),
             (unsigned long long)atomic_load(&e->setters_died), (unsigned long long)atomic_load(&e->pulses),
             (unsigned long long)atomic_load(&e->pulses_seen));
    close_all(&e->handles);
    munmap(e, sizeof *e);
    return ok && atomic_load(&board->failed) == 0;
}
