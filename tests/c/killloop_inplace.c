/*
 * Kill loop, queues whose messages are held: written in place (reserve, commit, abort), read in place (peek,
 * release), leased and acknowledged, put back. Whoever is killed meanwhile loses nothing but its reservations:
 * what it held comes again, with MPROC_RECOVERED; what somebody was done with never does; a message whose
 * holder lives is nobody else's. Two scenes: queues where everything is mixed, also with plain gets, and
 * queues made for leases.
 */
#include "killloop_ledger.h"

#define PRODUCERS 3
#define CONSUMERS 3
#define ROUND_KILLS 75
#define MAX_LEN 2000
#define MAX_HEAVY 60000
#define MAX_OPEN 4 /* reservations, or messages held, of one thread at a time */

struct held_queue {
    mproc_queue_t *queue; /* inherited handle */
    bool leases, heavy;
    unsigned slow_producers, slow_consumers;
    uint64_t max_message;
    char name[32];
    struct ledger ledger;
};

static const char reserving[] = "reserving";
static const char writing[] = "writing in place";
static const char committing[] = "committing";
static const char aborting[] = "giving a reservation up";
static const char putting[] = "putting a message";
static const char getting[] = "getting a message";
static const char peeking[] = "taking a message to read it in place";
static const char leasing[] = "taking a lease";
static const char holding[] = "holding a message";
static const char releasing[] = "releasing a message";
static const char acking[] = "acknowledging a message";
static const char returning[] = "putting a message back";
static const char closing[] = "closing a handle with something open";
static const char *const targets[] = { reserving, writing, committing, aborting,  putting, peeking, leasing, holding,
                                       holding,   acking,  releasing,  returning, closing, getting, NULL };
static const char *const lease_targets[] = { putting, leasing, holding,   holding, acking,
                                             acking,  returning, closing, NULL };

/* The handle of one thread; a fresh one is its own and may be closed at any time. */
struct access {
    struct held_queue *h;
    mproc_queue_t *queue;
    bool own;
};

static void open_own(struct job *job, struct access *a)
{
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    o.flags = (rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0) | (a->h->leases ? MPROC_QUEUE_LEASE : 0);
    kl_phase(job, "opening the queue");
    KL_OK(mproc_queue_open(NULL, a->h->name, &o, &a->queue));
}

/* Closes the handle with whatever is open on it, and takes a new one. */
static void reopen(struct job *job, struct access *a)
{
    kl_phase(job, closing);
    mproc_queue_close(a->queue);
    open_own(job, a);
}

/* ---- producers ---- */

static void put_plain(struct job *job, struct access *a, struct pen *pen)
{
    static _Thread_local unsigned char bytes[MAX_HEAVY];
    struct ledger *l = &a->h->ledger;
    uint64_t stamp = pen_next(l, pen);
    size_t len = ledger_len(l, stamp);
    int64_t timeout = kl_random_timeout(job);
    pattern_fill(bytes, len, stamp);
    ledger_announce(l, stamp);
    kl_phase(job, putting);
    int status = mproc_queue_put(a->queue, bytes, len, timeout, NULL);
    if (kl_passed(status, timeout, "put")) {
        ledger_in(l, stamp);
        pen->seq++;
        kl_went_through(0);
        kl_done(job);
    } else {
        ledger_withdraw(l, stamp, status);
    }
}

/* Reserves, sometimes more than needed. False: there was no room in time. */
static bool reserve(struct job *job, struct access *a, size_t len, mproc_view_t *view, int64_t timeout)
{
    size_t more = rng_below(&job->rng, 4) ? 0 : rng_below(&job->rng, 200);
    more = len + more <= a->h->max_message ? more : 0;
    kl_phase(job, reserving);
    if (!kl_passed(mproc_queue_reserve(a->queue, len + more, view, timeout, NULL), timeout, "reserve")) {
        return false;
    }
    ledger_claims(&a->h->ledger, job, 1);
    kl_went_through(0);
    if (view->len != len + more || (uintptr_t)view->data % 8) {
        kl_fail("%s: asked for %zu bytes, got %zu at %p", run.scene, len + more, view->len, view->data);
    }
    return true;
}

static void commit(struct job *job, struct access *a, const mproc_view_t *view, uint64_t stamp)
{
    struct ledger *l = &a->h->ledger;
    kl_phase(job, writing);
    pattern_fill(view->data, ledger_len(l, stamp), stamp);
    kl_pause_sometimes(job, 16);
    ledger_announce(l, stamp);
    kl_phase(job, committing);
    ledger_claims(l, job, -1);
    KL_OK(mproc_queue_commit(a->queue, view->id, ledger_len(l, stamp)));
    ledger_in(l, stamp);
    kl_went_through(0);
    kl_done(job);
}

/* Writes what must never arrive, and gives the reservation up; or leaves that to the close of the handle. */
static void give_up(struct job *job, struct access *a, const mproc_view_t *view, uint64_t stamp, bool by_close)
{
    kl_phase(job, writing);
    pattern_fill(view->data, view->len, stamp | VOID_MARK);
    kl_pause_sometimes(job, 16);
    if (!by_close) {
        kl_phase(job, aborting);
        KL_OK(mproc_queue_abort(a->queue, view->id));
    }
    ledger_claims(&a->h->ledger, job, -1);
}

static void reserve_one(struct job *job, struct access *a, struct pen *pen)
{
    struct ledger *l = &a->h->ledger;
    uint64_t stamp = pen_next(l, pen), way = rng_below(&job->rng, 8);
    mproc_view_t view;
    if (!reserve(job, a, ledger_len(l, stamp), &view, kl_random_timeout(job))) {
        return;
    }
    if (way == 0) {
        give_up(job, a, &view, stamp, false);
    } else if (way == 1 && a->own) {
        give_up(job, a, &view, stamp, true);
        reopen(job, a);
    } else {
        commit(job, a, &view, stamp);
        pen->seq++;
    }
}

/* Several at a time, committed or given up in another order. With something open it does not wait for ever. */
static void reserve_some(struct job *job, struct access *a, struct pen *pen)
{
    struct ledger *l = &a->h->ledger;
    mproc_view_t view[MAX_OPEN];
    uint64_t stamp[MAX_OPEN];
    unsigned n = 0, most = 2 + (unsigned)rng_below(&job->rng, MAX_OPEN - 1);
    while (n < most) {
        stamp[n] = pen_next(l, pen);
        int64_t timeout = n ? (int64_t)rng_below(&job->rng, 1 * MS) : kl_random_timeout(job);
        if (!reserve(job, a, ledger_len(l, stamp[n]), &view[n], timeout)) {
            break;
        }
        pen->seq++; /* spent, also if it is given up */
        n++;
    }
    while (n > 0) {
        unsigned i = (unsigned)rng_below(&job->rng, n);
        if (rng_below(&job->rng, 6) == 0) {
            give_up(job, a, &view[i], stamp[i], false);
        } else {
            commit(job, a, &view[i], stamp[i]);
        }
        view[i] = view[--n];
        stamp[i] = stamp[n];
    }
}

static void produce(struct job *job, struct access *a)
{
    struct pen ordered = { .lane = 0 }, unordered = { .unordered = true };
    while (!kl_stopping()) {
        uint64_t way = rng_below(&job->rng, 8);
        if (way < (a->h->leases ? 5 : 2)) {
            put_plain(job, a, &ordered);
        } else if (way < 6) {
            reserve_one(job, a, &ordered);
        } else {
            reserve_some(job, a, &unordered);
        }
        kl_phase(job, "between two puts");
        kl_pause_sometimes(job, a->h->slow_producers);
    }
}

/* ---- consumers ---- */

struct consumer {
    uint32_t next[IDS]; /* of each producer: the least sequence number that may come with plain OK */
    unsigned char bytes[MAX_HEAVY];
};

/* A message that this thread holds. */
struct hold {
    uint64_t stamp, id;
    bool leased;
};

static bool closed(int status)
{
    if (status == MPROC_ECLOSED && !kl_stopping()) {
        kl_fail("%s: closed, but nobody has shut it down", run.scene);
    }
    return status == MPROC_ECLOSED;
}

/* Messages of one producer come in order, except those that somebody had before. */
static void check_order(struct job *job, struct held_queue *h, struct consumer *c, uint64_t stamp)
{
    uint32_t id = (uint32_t)(stamp >> 32), seq = (uint32_t)stamp;
    if (h->ledger.author[id].unordered) {
        return;
    }
    if (seq < c->next[id]) {
        kl_fail("%s: worker %u got message %u of producer %u after message %u: out of order", run.scene, job->worker,
                (unsigned)seq, (unsigned)id, (unsigned)c->next[id] - 1);
    }
    c->next[id] = seq + 1;
}

/* Takes a message to hold it, in place or under a lease. Returns the status. */
static int take(struct job *job, struct access *a, struct consumer *c, struct hold *hold, bool lease, int64_t timeout)
{
    struct ledger *l = &a->h->ledger;
    mproc_view_t view = { 0 };
    int status;
    hold->leased = lease;
    if (lease) {
        /* Sometimes with a buffer that may be too small: the message must stay where it is. */
        size_t cap = rng_below(&job->rng, 16) == 0 ? rng_below(&job->rng, 200) : sizeof c->bytes;
        kl_phase(job, leasing);
        status = mproc_queue_lease(a->queue, c->bytes, cap, &view.len, &hold->id, timeout, NULL);
        if (status == MPROC_EMSGSIZE) {
            if (view.len <= cap || view.len > l->max_len) {
                kl_fail("%s: %zu bytes needed, it says, but the buffer has %zu", run.scene, view.len, cap);
            }
            return MPROC_ETIMEDOUT;
        }
        view.data = c->bytes;
    } else {
        kl_phase(job, peeking);
        status = mproc_queue_peek(a->queue, &view, timeout, NULL);
        hold->id = view.id;
    }
    if (status == MPROC_ECLOSED || (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER)) {
        return status;
    }
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call(lease ? "lease" : "peek", status, __FILE__, __LINE__);
    }
    kl_phase(job, holding);
    kl_went_through(1);
    hold->stamp = ledger_got(l, job, view.data, view.len, status, false);
    if (status == MPROC_OK) {
        check_order(job, a->h, c, hold->stamp);
    }
    kl_pause_sometimes(job, 8);
    uint64_t again;
    if (!lease && (pattern_check(view.data, view.len, &again) >= 0 || again != hold->stamp)) {
        kl_fail("%s: worker %u: a message changed while it was held", run.scene, job->worker);
    }
    return status;
}

/* Done with it: in its own way, or with the other function, which is the same. */
static void finish(struct job *job, struct access *a, const struct hold *hold)
{
    ledger_ending(&a->h->ledger, hold->stamp);
    kl_phase(job, hold->leased ? acking : releasing);
    if (hold->leased) {
        KL_OK(mproc_queue_ack(a->queue, hold->id));
    } else {
        KL_OK(mproc_queue_release(a->queue, hold->id));
    }
    ledger_ended(&a->h->ledger, hold->stamp);
    kl_done(job);
}

/* False: shut down and drained. */
static bool get_plain(struct job *job, struct access *a, struct consumer *c)
{
    struct ledger *l = &a->h->ledger;
    size_t len = 0;
    int64_t timeout = kl_random_timeout(job);
    ledger_taking(l, job, 1);
    kl_phase(job, getting);
    int status = mproc_queue_get(a->queue, c->bytes, sizeof c->bytes, &len, timeout, NULL);
    if (closed(status)) {
        ledger_taking(l, job, 0);
        return false;
    }
    if (kl_passed(status, timeout, "get")) {
        kl_phase(job, "noting what it got");
        kl_went_through(1);
        ledger_ended(l, ledger_got(l, job, c->bytes, len, status, true));
        kl_done(job);
    }
    ledger_taking(l, job, 0);
    return true;
}

/* Takes one message or some, and does with them what consumers do. False: shut down and drained. */
static bool hold_some(struct job *job, struct access *a, struct consumer *c)
{
    struct ledger *l = &a->h->ledger;
    struct hold hold[MAX_OPEN];
    bool lease = rng_below(&job->rng, 8) < (a->h->leases ? 7 : 2);
    unsigned n = 0, most = rng_below(&job->rng, 4) ? 1 : 2 + (unsigned)rng_below(&job->rng, MAX_OPEN - 1);
    while (n < most) {
        int64_t timeout = n ? (int64_t)rng_below(&job->rng, 1 * MS) : kl_random_timeout(job);
        int status = take(job, a, c, &hold[n], lease, timeout);
        if (n == 0 && closed(status)) {
            return false;
        }
        if (status < 0) {
            break;
        }
        n++;
    }
    uint64_t way = rng_below(&job->rng, 16);
    if (way == 0 && a->own) { /* the close puts everything back */
        for (unsigned i = 0; i < n; i++) {
            ledger_returning(l, hold[i].stamp);
        }
        reopen(job, a);
        return true;
    }
    while (n > 0) {
        unsigned i = (unsigned)rng_below(&job->rng, n);
        if (way == 1) {
            kl_phase(job, returning);
            ledger_returning(l, hold[i].stamp);
            KL_OK(mproc_queue_putback(a->queue, hold[i].id));
        } else {
            finish(job, a, &hold[i]);
        }
        hold[i] = hold[--n];
    }
    return true;
}

static void consume(struct job *job, struct access *a)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (!c) {
        kl_fail("no memory");
    }
    if (a->h->leases) {
        size_t len;
        int status = mproc_queue_get(a->queue, c->bytes, sizeof c->bytes, &len, 0, NULL);
        if (status != MPROC_ENOTSUP) {
            kl_fail_call("get from a queue for leases", status, __FILE__, __LINE__);
        }
    }
    while (!a->h->leases && rng_below(&job->rng, 4) == 0 ? get_plain(job, a, c) : hold_some(job, a, c)) {
        kl_phase(job, "between two messages");
        kl_pause_sometimes(job, a->h->slow_consumers);
    }
    free(c);
}

/* ---- a round ---- */

static void work(struct job *job)
{
    struct held_queue *h = job->scene;
    struct access a = { .h = h, .queue = h->queue, .own = job->fresh };
    if (a.own) {
        open_own(job, &a);
    }
    ledger_inherit(&a.h->ledger, job);
    if (job->worker < CONSUMERS) {
        consume(job, &a);
    } else {
        produce(job, &a);
    }
    if (a.own) {
        mproc_queue_close(a.queue);
    }
}

static struct held_queue *new_round(uint64_t number, bool leases)
{
    static const uint64_t capacities[] = { 4096, 16384, 65536, 1 << 20 };
    static const uint32_t bounds[] = { 0, 0, 3, 100 };
    struct held_queue *h = proc_shared(sizeof *h);
    mproc_queue_options_t o = MPROC_QUEUE_OPTIONS_INIT;
    mproc_queue_info_t info = { 0 };
    o.capacity_bytes = capacities[rng_below(&run.rng, 4)];
    o.max_items = bounds[rng_below(&run.rng, 4)];
    o.flags = leases ? MPROC_QUEUE_LEASE : 0;
    h->leases = leases;
    h->heavy = number % 3 == 2; /* kills then hit the writing and the copying */
    if (h->heavy) {
        o.max_items = 0;
        o.capacity_bytes = 1 << 20;
    } else { /* mostly full, mostly empty, in between */
        h->slow_consumers = number % 4 == 0 ? 2 : 0;
        h->slow_producers = number % 4 == 1 ? 2 : 0;
    }
    snprintf(h->name, sizeof h->name, "kl-%s-%llu", run.scene, (unsigned long long)number);
    KL_OK(mproc_queue_create(NULL, h->name, &o, &h->queue));
    if (atomic_load(&board->failed)) {
        return h;
    }
    KL_OK(mproc_queue_info(h->queue, &info, sizeof info));
    h->max_message = info.max_message;
    uint64_t max = h->heavy ? MAX_HEAVY : MAX_LEN;
    h->ledger.max_len = (uint32_t)(max < info.max_message ? max : info.max_message);
    return h;
}

/* Producers have gone: what the dead had reserved and held must not keep room for ever. */
static void check_room(struct held_queue *h)
{
    mproc_view_t view;
    KL_OK(mproc_queue_reserve(h->queue, h->max_message, &view, STALL_LIMIT, NULL));
    if (atomic_load(&board->failed) == 0) {
        KL_OK(mproc_queue_abort(h->queue, view.id));
    }
}

static void check_empty(const struct held_queue *h)
{
    mproc_queue_info_t info = { 0 };
    KL_OK(mproc_queue_info(h->queue, &info, sizeof info));
    if (info.items || info.held || info.reserved || info.state != MPROC_QUEUE_DRAINING) {
        kl_fail("%s: drained, but %llu messages inside, %llu held, %llu reserved (state %u)", run.scene,
                (unsigned long long)info.items, (unsigned long long)info.held, (unsigned long long)info.reserved,
                (unsigned)info.state);
    }
}

static bool play(struct crew *crew, bool leases, uint64_t kills, struct tally *tally)
{
    uint64_t messages = 0, may_be_lost = 0, from_dead = 0, dropped = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct held_queue *h = new_round(number, leases);
        crew->scene = h;
        crew->immortals = number / 2 % 2; /* in half of the rounds one consumer sees all, and whether it is in order */
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(crew);
            ok = crew_kills(crew, now) && crew_quiet(crew);
            /* Producers leave first; then the queue is shut down and the consumers empty it. */
            atomic_store(&board->stop, 1);
            ok = ok && crew_join(crew, CONSUMERS, crew->workers);
            if (ok) {
                check_room(h);
            }
            KL_OK(mproc_queue_shutdown(h->queue, 0));
            ok = ok && crew_join(crew, 0, CONSUMERS);
            crew_end(crew);
        }
        if (ok) {
            mproc_queue_info_t info = { 0 };
            check_empty(h);
            ledger_audit(&h->ledger, now);
            KL_OK(mproc_queue_info(h->queue, &info, sizeof info));
            tally->steals += info.steals;
            tally->kills += now;
            tally->recovered += atomic_load(&h->ledger.redelivered);
            messages += atomic_load(&h->ledger.messages);
            may_be_lost += atomic_load(&h->ledger.allowance);
            from_dead += atomic_load(&h->ledger.from_dead);
            dropped += atomic_load(&h->ledger.dropped_claims);
            mproc_queue_close(h->queue);
        }
        munmap(h, sizeof *h);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = from_dead == 0 ? "a message that the dead had held"
                   : dropped == 0 ? "a reservation of the dead"
                                  : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu messages, %llu of them held by the dead, %llu reservations of the dead, %llu could have died in a "
             "getter's hands",
             (unsigned long long)messages, (unsigned long long)from_dead, (unsigned long long)dropped,
             (unsigned long long)may_be_lost);
    return ok;
}

bool scene_inplace(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "inplace", .workers = PRODUCERS + CONSUMERS, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    return play(&crew, false, kills, tally);
}

bool scene_lease(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "lease", .workers = PRODUCERS + CONSUMERS, .two_threads_in = 4,
                                .all_must_work = true, .targets = lease_targets, .work = work };
    return play(&crew, true, kills, tally);
}
