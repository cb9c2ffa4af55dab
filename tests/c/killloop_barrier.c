/*
 * Kill loop, barriers: as many workers as the barrier has parties meet in round after round. The last one to come
 * counts the round, before anybody passes. Whoever passes has an index of its own, sees that everybody has come,
 * and has missed no round; whoever is turned away (MPROC_EBROKEN) knows that nobody has passed instead. Parties are
 * killed while they wait, while they count, and in between; the barrier breaks, one of them resets it, and it goes
 * on. In every other round of the scene the parties register: then a death between two rounds breaks it, too.
 * At the end of a round parties are killed whom nobody replaces: those who wait must notice that by themselves.
 */
#include "killloop.h"

#define PARTIES 5
#define UNREPLACED 3
#define ROUND_KILLS (40 + UNREPLACED)

/* In `coming`: the first arrival of an incarnation, or after a break; it may not know which round that is. */
#define UNSURE (UINT64_C(1) << 63)

struct meeting {
    mproc_barrier_t *barrier; /* handles that forked workers inherit */
    mproc_lock_t *repair;     /* who has it may reset the barrier */
    char barrier_name[40], repair_name[40];
    bool registering;
    _Alignas(64) _Atomic uint64_t round; /* counted by the last to come, before anybody passes */
    _Atomic uint64_t coming[PARTIES];    /* for which round that worker has come last */
    _Atomic uint64_t passed[PARTIES];    /* which round that worker passed last */
    _Atomic uint64_t index_used[PARTIES]; /* the last round in which somebody passed with that index */
    _Alignas(64) _Atomic uint64_t passes, broken, resets, timeouts, died_inside;
    _Atomic uint32_t inside[PARTIES]; /* the incarnation that waits; 0: none */
};

static const char waiting[] = "waiting at the barrier";
static const char counting[] = "counting the round";
static const char beyond[] = "beyond the barrier";
static const char mending[] = "resetting the barrier";
static const char *const targets[] = { waiting, waiting, counting, beyond, mending, NULL };

struct action {
    struct meeting *meeting;
    struct job *job;
};

static int count_round(void *context)
{
    const struct action *action = context;
    kl_done(action->job);
    kl_phase(action->job, counting);
    if (rng_below(&action->job->rng, 4) == 0) {
        proc_spin_ns((int64_t)rng_below(&action->job->rng, 30000));
    }
    atomic_fetch_add(&action->meeting->round, 1);
    return 0;
}

/* One of those who were turned away resets the barrier; the others find it reset. Not at the end. */
static void mend(struct job *job, struct meeting *m, const mproc_barrier_t *barrier, const mproc_lock_t *repair)
{
    kl_phase(job, "waiting for the right to reset");
    int status = mproc_lock_lock(repair, MPROC_FOREVER, NULL);
    if (status != MPROC_OK && status != MPROC_RECOVERED) { /* a reset cut short is made anew */
        kl_fail_call("lock", status, __FILE__, __LINE__);
    }
    mproc_barrier_info_t info = { 0 };
    KL_OK(mproc_barrier_info(barrier, &info, sizeof info));
    if (info.parties != PARTIES || info.waiting > PARTIES) {
        kl_fail("barrier: %u of %u parties wait", (unsigned)info.waiting, (unsigned)info.parties);
    }
    if (info.broken && !kl_stopping()) {
        kl_phase(job, mending);
        KL_OK(mproc_barrier_reset(barrier));
        atomic_fetch_add(&m->resets, 1);
    }
    KL_OK(mproc_lock_unlock(repair));
}

static void check_pass(struct job *job, struct meeting *m, uint64_t wanted, uint32_t index)
{
    uint64_t round = atomic_load(&m->round); /* the next one cannot be complete without us */
    bool sure = !(wanted & UNSURE);
    if (sure && round != wanted) {
        kl_fail("barrier: worker %u came for round %llu and passed in round %llu", job->worker,
                (unsigned long long)wanted, (unsigned long long)round);
    }
    if (index >= PARTIES) {
        kl_fail("barrier: worker %u passed as number %u of %d", job->worker, (unsigned)index, PARTIES);
    }
    if (atomic_exchange(&m->index_used[index], round) >= round) {
        kl_fail("barrier: in round %llu two passed as number %u", (unsigned long long)round, (unsigned)index);
    }
    for (unsigned w = 0; w < PARTIES; w++) {
        uint64_t came = atomic_load(&m->coming[w]);
        if (!(came & UNSURE) && came != round && came != round + 1) {
            kl_fail("barrier: worker %u passed in round %llu, but worker %u has come for round %llu", job->worker,
                    (unsigned long long)round, w, (unsigned long long)came);
        }
    }
    atomic_store(&m->passed[job->worker], round);
}

/* Turned away, and it was known from which round: then nobody can have passed it, nor a later one without us. */
static void check_turned_away(const struct job *job, struct meeting *m, uint64_t wanted)
{
    for (unsigned w = 0; w < PARTIES && !(wanted & UNSURE); w++) {
        uint64_t passed = atomic_load(&m->passed[w]);
        if (passed >= wanted) {
            kl_fail("barrier: worker %u was turned away from round %llu, but worker %u has passed round %llu",
                    job->worker, (unsigned long long)wanted, w, (unsigned long long)passed);
        }
    }
}

static void meet(struct job *job, struct meeting *m, const mproc_barrier_t *barrier, const mproc_lock_t *repair)
{
    struct action action = { m, job };
    uint64_t last = 0; /* the round that we passed last; 0: unknown */
    while (!kl_stopping()) {
        uint64_t wanted = last ? last + 1 : (atomic_load(&m->round) + 1) | UNSURE;
        uint64_t way = rng_below(&job->rng, 128);
        int64_t timeout = way == 0 ? 5 * MS : way <= 8 ? 0 : MPROC_FOREVER;
        uint32_t index = PARTIES;
        atomic_store(&m->coming[job->worker], wanted);
        atomic_store(&m->inside[job->worker], job->incarnation);
        kl_phase(job, waiting);
        int status = mproc_barrier_wait_action(barrier, count_round, &action, timeout, NULL, &index);
        atomic_store(&m->inside[job->worker], 0);
        kl_phase(job, beyond);
        if (status == MPROC_OK) {
            check_pass(job, m, wanted, index);
            last = atomic_load(&m->round);
            atomic_fetch_add(&m->passes, 1);
            kl_went_through(0);
        } else if (status == MPROC_ETIMEDOUT && timeout == 0) {
            continue; /* not arrived, so `last` still stands */
        } else if (status == MPROC_EBROKEN || (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER)) {
            check_turned_away(job, m, wanted);
            atomic_fetch_add(status == MPROC_EBROKEN ? &m->broken : &m->timeouts, 1);
            last = 0;
            mend(job, m, barrier, repair);
        } else {
            kl_fail_call("wait", status, __FILE__, __LINE__);
        }
        if (rng_below(&job->rng, 512) == 0) {
            KL_OK(mproc_barrier_abort(barrier));
        }
        kl_done(job);
        kl_pause_sometimes(job, 16);
    }
}

static void work(struct job *job)
{
    struct meeting *m = job->scene;
    mproc_barrier_t *barrier = m->barrier;
    mproc_lock_t *repair = m->repair;
    atomic_fetch_add(&m->died_inside, atomic_exchange(&m->inside[job->worker], 0) != 0);
    if (job->fresh) {
        kl_phase(job, "opening the barrier");
        KL_OK(mproc_barrier_open(NULL, m->barrier_name, NULL, &barrier));
        KL_OK(mproc_lock_open(NULL, m->repair_name, NULL, &repair));
    }
    if (m->registering) {
        kl_phase(job, "registering");
        KL_OK(mproc_barrier_register(barrier));
    }
    meet(job, m, barrier, repair);
    if (m->registering) {
        KL_OK(mproc_barrier_unregister(barrier));
    }
    if (job->fresh) {
        mproc_barrier_close(barrier);
        mproc_lock_close(repair);
    }
}

static struct meeting *new_round(uint64_t number)
{
    struct meeting *m = proc_shared(sizeof *m);
    mproc_barrier_options_t o = MPROC_BARRIER_OPTIONS_INIT;
    o.parties = PARTIES;
    m->registering = number % 2;
    snprintf(m->barrier_name, sizeof m->barrier_name, "kl-barrier-%llu", (unsigned long long)number);
    snprintf(m->repair_name, sizeof m->repair_name, "kl-barrier-repair-%llu", (unsigned long long)number);
    KL_OK(mproc_barrier_create(NULL, m->barrier_name, &o, &m->barrier));
    KL_OK(mproc_lock_create(NULL, m->repair_name, NULL, &m->repair));
    return m;
}

#define AWAIT_IN_SCENE(condition, what)                                                                    \
    for (int64_t end_ = proc_now() + STALL_LIMIT; !(condition); proc_sleep_ns(200000)) {                   \
        if (atomic_load(&board->failed) || interrupted) {                                                  \
            return false;                                                                                  \
        }                                                                                                  \
        if (proc_now() > end_) {                                                                           \
            crew_stalled(crew, what);                                                                      \
            return false;                                                                                  \
        }                                                                                                  \
    }

static uint32_t how_many_wait(const struct meeting *m)
{
    mproc_barrier_info_t info = { 0 };
    KL_OK(mproc_barrier_info(m->barrier, &info, sizeof info));
    return info.waiting;
}

/* With the first one missing nobody passes, and all others come to wait: who is killed then, is killed waiting. */
static bool thin_out(struct meeting *m, struct crew *crew)
{
    for (unsigned i = 0; i < UNREPLACED; i++) {
        if (i > 0) {
            AWAIT_IN_SCENE(how_many_wait(m) == PARTIES - i, "somebody is missing, and not all others come to wait");
        }
        uint64_t turned_away = atomic_load(&m->broken);
        if (!crew_kill_unreplaced(crew, i)) {
            return false;
        }
        if (i > 0 || m->registering) {
            AWAIT_IN_SCENE(atomic_load(&m->broken) > turned_away, "a party was killed, and nobody who waits notices");
        }
    }
    return true;
}

/* Nobody resets it any more once `stop` is set under the lock: whoever waits or comes is turned away. */
static void end_meeting(struct meeting *m)
{
    int status = mproc_lock_lock(m->repair, STALL_LIMIT, NULL);
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call("the driver's lock", status, __FILE__, __LINE__);
    }
    atomic_store(&board->stop, 1);
    KL_OK(mproc_barrier_abort(m->barrier));
    KL_OK(mproc_lock_unlock(m->repair));
}

/* Everybody has gone: it is broken, nobody waits, nobody is registered, and a reset makes it as new. */
static uint64_t audit(struct meeting *m)
{
    mproc_barrier_info_t info = { 0 };
    KL_OK(mproc_barrier_info(m->barrier, &info, sizeof info));
    if (!info.broken || info.waiting || info.registered) {
        kl_fail("barrier: at the end it is %s, %u wait, %u are registered", info.broken ? "broken" : "whole",
                (unsigned)info.waiting, (unsigned)info.registered);
    }
    int status = mproc_barrier_wait(m->barrier, 0, NULL, NULL);
    if (status != MPROC_EBROKEN) {
        kl_fail_call("a wait at the broken barrier", status, __FILE__, __LINE__);
    }
    KL_OK(mproc_barrier_reset(m->barrier));
    status = mproc_barrier_wait(m->barrier, 0, NULL, NULL);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("a try alone at the barrier", status, __FILE__, __LINE__);
    }
    return info.deaths;
}

bool scene_barrier(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "barrier", .workers = PARTIES, .calm_in = 8, .all_must_work = true,
                                .targets = targets, .work = work };
    uint64_t deaths = 0, passes = 0, resets = 0, died_inside = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct meeting *m = new_round(number);
        crew.scene = m;
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            bool thin = now > UNREPLACED;
            ok = crew_kills(&crew, thin ? now - UNREPLACED : now) && crew_quiet(&crew) && (!thin || thin_out(m, &crew));
            if (ok) {
                end_meeting(m);
            }
            ok = ok && crew_join(&crew, 0, crew.workers);
            crew_end(&crew);
        }
        if (ok) {
            deaths += audit(m);
            tally->kills += now;
            passes += atomic_load(&m->passes);
            resets += atomic_load(&m->resets);
            died_inside += atomic_load(&m->died_inside);
        }
        mproc_barrier_close(m->barrier);
        mproc_lock_close(m->repair);
        munmap(m, sizeof *m);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = deaths == 0        ? "a barrier broken by a death"
                   : resets == 0      ? "a reset"
                   : died_inside == 0 ? "a party that was killed in its wait"
                                      : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu times passed, %llu killed in a wait, %llu times broken by a death, %llu resets",
             (unsigned long long)passes, (unsigned long long)died_inside, (unsigned long long)deaths,
             (unsigned long long)resets);
    return ok;
}
