/*
 * Kill loop, joinable queues. One process hands out work in portions and joins; consumers take messages, work
 * for a moment and report them done, or read them in place, or under a lease; they are killed in between, and
 * so are the producers. The join must come back: with MPROC_RECOVERED when the dead took messages with them,
 * with MPROC_OK when not, and never while somebody who lives has not finished. In some rounds messages are
 * only held: then none is lost.
 */
#include "killloop_ledger.h"

#define CONSUMERS 3 /* workers 1 to 3 */
#define PRODUCERS 2 /* workers 4 and 5 */
#define ROUND_KILLS 100
#define MAX_LEN 1000
#define MAX_PORTION 150

struct joined_queue {
    mproc_queue_t *queue;
    bool held_only;                  /* no plain gets: then nothing can die with its consumer */
    char name[32];
    _Atomic uint32_t portion;        /* its number */
    _Atomic int64_t tickets;         /* messages of this portion that nobody has taken on yet */
    _Atomic uint32_t putting[MAX_WORKERS][MAX_THREADS]; /* the incarnation that is at it; 0: none */
    _Alignas(64) _Atomic uint64_t joins, told, dropped, early_looks;
    uint64_t explained;              /* by deaths, so far */
    struct ledger ledger;
};

static const char handing_out[] = "waiting until all of a portion is put";
static const char joining[] = "joining";
static const char putting[] = "putting a message";
static const char getting[] = "getting a message";
static const char working[] = "working on a message";
static const char reporting[] = "reporting a message done";
static const char peeking[] = "taking a message to read it in place";
static const char releasing[] = "releasing a message";
static const char *const targets[] = { putting,   getting, working,   working, reporting,
                                       reporting, peeking, releasing, NULL };

/* ---- producers ---- */

static void produce(struct job *job, struct joined_queue *j, const mproc_queue_t *queue)
{
    struct ledger *l = &j->ledger;
    struct pen pen = { 0 };
    unsigned char bytes[MAX_LEN];
    _Atomic uint32_t *busy = &j->putting[job->worker][job->thread];
    while (!kl_stopping()) {
        kl_phase(job, "waiting for work to hand out");
        atomic_store(busy, job->incarnation);
        if (atomic_load(&j->tickets) <= 0 || atomic_fetch_sub(&j->tickets, 1) <= 0) {
            atomic_store(busy, 0);
            proc_sleep_ns(50000);
            continue;
        }
        uint32_t portion = atomic_load(&j->portion);
        if (pen.lane != portion) { /* identities belong to one portion, so that it can be looked through alone */
            pen = (struct pen){ .lane = portion };
        }
        uint64_t stamp = pen_next(l, &pen);
        size_t len = ledger_len(l, stamp);
        pattern_fill(bytes, len, stamp);
        ledger_announce(l, stamp);
        kl_phase(job, putting);
        if (rng_below(&job->rng, 3)) {
            KL_OK(mproc_queue_put(queue, bytes, len, MPROC_FOREVER, NULL));
        } else {
            mproc_view_t view;
            KL_OK(mproc_queue_reserve(queue, len, &view, MPROC_FOREVER, NULL));
            ledger_claims(l, job, 1);
            memcpy(view.data, bytes, len);
            ledger_claims(l, job, -1);
            KL_OK(mproc_queue_commit(queue, view.id, len));
        }
        ledger_in(l, stamp);
        pen.seq++;
        atomic_store(busy, 0);
        kl_went_through(0);
        kl_done(job);
    }
}

/* ---- consumers ---- */

static bool closed(int status)
{
    if (status == MPROC_ECLOSED && !kl_stopping()) {
        kl_fail("join: closed, but nobody has shut it down");
    }
    return status == MPROC_ECLOSED;
}

static void work_on_it(struct job *job)
{
    kl_phase(job, working);
    if (rng_below(&job->rng, 4) == 0) {
        proc_sleep_ns((int64_t)rng_below(&job->rng, 1 * MS));
    } else {
        proc_spin_ns((int64_t)rng_below(&job->rng, 20000));
    }
}

#define MAX_BATCH 4

/* Takes messages, works on them, and reports each. False: shut down and drained. */
static bool get_and_report(struct job *job, struct joined_queue *j, const mproc_queue_t *queue)
{
    struct ledger *l = &j->ledger;
    unsigned char bytes[MAX_BATCH * (MAX_LEN + 8)];
    size_t lens[MAX_BATCH], count = 1, most = 1 + rng_below(&job->rng, MAX_BATCH);
    uint64_t stamps[MAX_BATCH];
    int status;
    ledger_taking(l, job, (uint32_t)most);
    kl_phase(job, getting);
    if (most == 1) {
        status = mproc_queue_get(queue, bytes, sizeof bytes, &lens[0], MPROC_FOREVER, NULL);
    } else {
        status = mproc_queue_get_many(queue, bytes, sizeof bytes, lens, most, &count, MPROC_FOREVER, NULL);
    }
    if (closed(status)) {
        ledger_taking(l, job, 0);
        return false;
    }
    if (status != MPROC_OK) {
        kl_fail_call("get", status, __FILE__, __LINE__);
    }
    kl_went_through(1);
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        stamps[i] = ledger_got(l, job, at, lens[i], status, true);
        at += (lens[i] + 7) / 8 * 8;
    }
    for (size_t i = 0; i < count; i++) {
        work_on_it(job);
        ledger_ending(l, stamps[i]); /* before the report: a join that comes back earlier than this is wrong */
        kl_phase(job, reporting);
        KL_OK(mproc_queue_task_done(queue));
        ledger_ended(l, stamps[i]);
    }
    ledger_taking(l, job, 0);
    return true;
}

/* The same with a message that stays in the queue meanwhile. */
static bool hold_and_release(struct job *job, struct joined_queue *j, const mproc_queue_t *queue)
{
    struct ledger *l = &j->ledger;
    unsigned char bytes[MAX_LEN];
    mproc_view_t view = { .data = bytes };
    bool lease = rng_below(&job->rng, 2);
    kl_phase(job, peeking);
    int status = lease ? mproc_queue_lease(queue, bytes, sizeof bytes, &view.len, &view.id, MPROC_FOREVER, NULL)
                       : mproc_queue_peek(queue, &view, MPROC_FOREVER, NULL);
    if (closed(status)) {
        return false;
    }
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call(lease ? "lease" : "peek", status, __FILE__, __LINE__);
    }
    kl_went_through(1);
    uint64_t stamp = ledger_got(l, job, view.data, view.len, status, false);
    work_on_it(job);
    if (rng_below(&job->rng, 16) == 0) {
        ledger_returning(l, stamp);
        kl_phase(job, "putting a message back");
        KL_OK(mproc_queue_putback(queue, view.id)); /* unfinished as before */
        return true;
    }
    ledger_ending(l, stamp);
    kl_phase(job, releasing);
    if (lease) {
        KL_OK(mproc_queue_ack(queue, view.id));
    } else {
        KL_OK(mproc_queue_release(queue, view.id));
    }
    ledger_ended(l, stamp);
    return true;
}

static void consume(struct job *job, struct joined_queue *j, const mproc_queue_t *queue)
{
    while (!j->held_only && rng_below(&job->rng, 3) ? get_and_report(job, j, queue) : hold_and_release(job, j, queue)) {
        kl_done(job);
        kl_phase(job, "between two messages");
        if (rng_below(&job->rng, 64) == 0) { /* whoever looks at the join, and may die of it, disturbs nobody */
            int status = mproc_queue_join(queue, (int64_t)rng_below(&job->rng, 1 * MS), NULL);
            if (status != MPROC_OK && status != MPROC_RECOVERED && status != MPROC_ETIMEDOUT) {
                kl_fail_call("join by a consumer", status, __FILE__, __LINE__);
            }
        }
    }
}

/* ---- who hands out and joins ---- */

/* How often consumers have been killed so far. */
static uint64_t deaths(void)
{
    uint64_t sum = 0;
    for (unsigned w = 1; w <= CONSUMERS; w++) {
        sum += atomic_load(&board->worker[w].condemned);
    }
    return sum;
}

/* The most messages that killed consumers can have taken without noting them. */
static uint64_t taken_by_the_dead(struct joined_queue *j)
{
    uint64_t sum = 0;
    for (unsigned w = 1; w <= CONSUMERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            uint32_t taking = atomic_load(&j->ledger.seat[w][t].taking);
            sum += atomic_load(&board->worker[w].condemned) >= taking >> 8 ? taking & 0xff : 0;
        }
    }
    return sum + atomic_load(&j->ledger.allowance); /* last: what a successor moves meanwhile counts twice, not never */
}

/* Join has returned `status`: is everything in this portion done, or gone with somebody who is dead? */
static void check_portion(struct joined_queue *j, uint32_t first_id, int status, bool somebody_died)
{
    uint64_t unknown = 0, dropped = 0;
    uint32_t last_id = atomic_load(&j->ledger.ids);
    for (uint32_t id = first_id; id < last_id; id++) {
        for (uint32_t seq = 0; seq < atomic_load(&j->ledger.author[id].used); seq++) {
            const struct entry *e = &j->ledger.author[id].entry[seq];
            uint32_t state = atomic_load(&e->state);
            if (!(state & IN) || state & ENDING) {
                continue;
            }
            uint64_t holder = atomic_load(&e->holder);
            dropped++;
            if (holder && !kl_condemned(holder)) {
                kl_fail("join: it is over, but worker %u, which lives, still works on message %u of producer %u",
                        kl_worker_of(holder), (unsigned)seq, (unsigned)id);
            }
            unknown += !(state & TAKEN); /* whoever had it before: somebody must have been killed in a plain get */
        }
    }
    j->explained += unknown;
    if (j->explained > taken_by_the_dead(j)) {
        kl_fail("join: it is over, but %llu messages are neither done nor taken", (unsigned long long)unknown);
    }
    if (dropped && status != MPROC_RECOVERED) {
        kl_fail("join: %llu messages are lost with consumers that died, and it says %s", (unsigned long long)dropped,
                mproc_status_name(status));
    }
    if (status == MPROC_RECOVERED && (!somebody_died || j->held_only)) {
        kl_fail("join: MPROC_RECOVERED, but no consumer has died%s", somebody_died ? " with what it had taken" : "");
    }
    atomic_fetch_add(&j->dropped, dropped);
}

static void hand_out(struct job *job, struct joined_queue *j, const mproc_queue_t *queue)
{
    uint64_t deaths_before = 0;
    while (!kl_stopping()) {
        uint32_t first_id = atomic_load(&j->ledger.ids);
        uint64_t died_until = deaths(); /* a death just before the last join came back may concern this one */
        int64_t timeout = rng_below(&job->rng, 2) ? MPROC_FOREVER : (int64_t)rng_below(&job->rng, 3 * MS);
        atomic_fetch_add(&j->portion, 1);
        atomic_store(&j->tickets, 1 + (int64_t)rng_below(&job->rng, MAX_PORTION));
        kl_phase(job, handing_out);
        while (atomic_load(&j->tickets) > 0 && !kl_stopping()) {
            proc_sleep_ns(50000);
        }
        atomic_store(&j->tickets, 0);
        for (unsigned w = CONSUMERS + 1; w <= CONSUMERS + PRODUCERS; w++) {
            for (unsigned t = 0; t < MAX_THREADS; t++) {
                uint32_t busy; /* a number that is not the present one belongs to somebody who is dead */
                while ((busy = atomic_load(&j->putting[w][t])) && busy == atomic_load(&board->worker[w].incarnation)) {
                    proc_sleep_ns(50000);
                }
            }
        }
        kl_phase(job, joining);
        int status;
        while ((status = mproc_queue_join(queue, timeout, NULL)) == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) {
            atomic_fetch_add(&j->early_looks, 1);
        }
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            kl_fail_call("join", status, __FILE__, __LINE__);
        }
        kl_phase(job, "checking a portion");
        check_portion(j, first_id, status, deaths() != deaths_before);
        KL_OK(mproc_queue_join(queue, 0, NULL)); /* it stays so, and what was told is not told again */
        mproc_queue_info_t info = { 0 };
        KL_OK(mproc_queue_info(queue, &info, sizeof info));
        if (info.items || info.held || info.unfinished || !(info.flags & MPROC_QUEUE_JOINABLE)) {
            kl_fail("join: it is over with %llu messages inside, %llu held, %llu unfinished",
                    (unsigned long long)info.items, (unsigned long long)info.held, (unsigned long long)info.unfinished);
        }
        atomic_fetch_add(&j->joins, 1);
        atomic_fetch_add(&j->told, status == MPROC_RECOVERED);
        deaths_before = died_until;
        kl_done(job);
    }
}

/* ---- a round ---- */

static void work(struct job *job)
{
    struct joined_queue *j = job->scene;
    mproc_queue_t *queue = j->queue;
    if (job->fresh) {
        mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
        o.flags = MPROC_QUEUE_JOINABLE;
        kl_phase(job, "opening the queue");
        KL_OK(mproc_queue_open(NULL, j->name, &o, &queue));
    }
    ledger_inherit(&j->ledger, job);
    if (job->worker == 0) {
        if (job->thread == 0) {
            hand_out(job, j, queue);
        }
    } else if (job->worker <= CONSUMERS) {
        consume(job, j, queue);
    } else {
        produce(job, j, queue);
    }
    if (job->fresh) {
        mproc_queue_close(queue);
    }
}

static struct joined_queue *new_round(uint64_t number)
{
    static const uint64_t capacities[] = { 4096, 16384, 1 << 20 };
    struct joined_queue *j = proc_shared(sizeof *j);
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.capacity_bytes = capacities[rng_below(&run.rng, 3)];
    o.flags = MPROC_QUEUE_JOINABLE;
    j->ledger.max_len = MAX_LEN;
    j->held_only = number % 3 == 2;
    snprintf(j->name, sizeof j->name, "kl-join-%llu", (unsigned long long)number);
    KL_OK(mproc_queue_create(NULL, j->name, &o, &j->queue));
    return j;
}

bool scene_join(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "join", .workers = 1 + CONSUMERS + PRODUCERS, .immortals = 1,
                                .two_threads_in = 4, .all_must_work = true, .targets = targets, .work = work };
    uint64_t joins = 0, dropped = 0, messages = 0, looks = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct joined_queue *j = new_round(number);
        crew.scene = j;
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            ok = crew_kills(&crew, now) && crew_quiet(&crew);
            /* Producers leave first, then who joins; then the consumers have nothing left to do. */
            atomic_store(&board->stop, 1);
            ok = ok && crew_join(&crew, 1 + CONSUMERS, crew.workers) && crew_join(&crew, 0, 1);
            KL_OK(mproc_queue_shutdown(j->queue, 0));
            ok = ok && crew_join(&crew, 1, 1 + CONSUMERS);
            crew_end(&crew);
        }
        if (ok) {
            mproc_queue_info_t info = { 0 };
            KL_OK(mproc_queue_info(j->queue, &info, sizeof info));
            tally->steals += info.steals;
            tally->kills += now;
            tally->recovered += atomic_load(&j->told);
            joins += atomic_load(&j->joins);
            dropped += atomic_load(&j->dropped);
            messages += atomic_load(&j->ledger.messages);
            looks += atomic_load(&j->early_looks);
            mproc_queue_close(j->queue);
        }
        munmap(j, sizeof *j);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = dropped == 0 ? "a message that died with its consumer"
                   : looks == 0 ? "a join that had to wait"
                                : NULL;
    snprintf(tally->note, sizeof tally->note, "%llu joins over %llu messages, %llu of which died with their consumer",
             (unsigned long long)joins, (unsigned long long)messages, (unsigned long long)dropped);
    return ok;
}
