/*
 * Kill loop, waiting for many things. A caller, whom nobody kills, holds everything shut and opens one thing after the
 * other: puts a job, gives a permit back, releases a lock, sets an event, changes a value. Takers wait for all of them
 * at once (mproc_wait), take what is ready and answer; when somebody has, the caller shuts it again. Beside them others
 * wait for one thing each by its own call, and lookers are woken and take nothing: no wake-up may be lost with either.
 * Feeders put a stream of messages into a small queue, waiting for room. All of these are killed at random. No message
 * and no permit is lost or doubled, nothing is said to be ready that was not, and every call is answered.
 */
#include "killloop_ledger.h"

#define TAKERS 3  /* workers 1 to 3 */
#define DIRECT 2  /* 4 and 5 */
#define LOOKERS 1 /* 6 */
#define FEEDERS 2 /* 7 and 8 */
#define WORKERS (1 + TAKERS + DIRECT + LOOKERS + FEEDERS)
#define KILLS_AT_A_TIME 60
#define UNDISTURBED 1000 /* calls between them, without kills */
#define MAX_LEN 300
#define MAX_THINGS 24

/* What the caller opens and shuts; the stream is always open. */
enum thing { JOBS, PERMIT, LOCK, RLOCK, EVENT, VALUE, CALLS, STREAM = CALLS, THINGS };

struct handles {
    mproc_queue_t *jobs, *stream; /* jobs: for leases */
    mproc_semaphore_t *permit;
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_event_t *event;
    mproc_value_t *value, *answers;
};

struct waits {
    struct handles handles; /* that forked workers inherit */
    _Alignas(64) _Atomic uint64_t asked; /* the number of the call, and << 8 in front of it: its thing */
    _Atomic uint64_t answered;           /* the last call that was answered */
    _Atomic uint64_t value_over;         /* what the value was when it was last shut */
    _Atomic uint64_t event_set, event_over; /* the last call that set the event, and the last that has cleared it */
    _Atomic uint64_t holder[CALLS];      /* of permit and locks: kl_identity(); 0: nobody */
    _Atomic uint32_t quiet;              /* no stream now */
    _Atomic uint32_t over;               /* the caller has left, and everything is open */
    _Atomic uint32_t waiting[MAX_WORKERS][MAX_THREADS]; /* the incarnation that is in mproc_wait(); 0: none */
    _Alignas(64) _Atomic uint64_t answers[THINGS]; /* how often something was got there */
    _Atomic uint64_t recovered, lock_stolen, looked, waiters_died, holders_died;
    struct ledger ledger;
};

static const char *const wait_phases[] = { "waiting for anything", "waiting for a job",    "waiting for a permit",
                                           "waiting for a lock",   "waiting for an rlock", "waiting for an event",
                                           "waiting for a new value" };
static const char holding[] = "holding something";
static const char trying[] = "trying to take what is ready";
static const char answering[] = "answering";
static const char putting[] = "putting what there is room for";

/* ---- answers ---- */

static void answer(struct job *job, struct waits *s, const struct handles *h, uint64_t call)
{
    uint64_t before = atomic_load(&s->answered);
    kl_phase(job, answering);
    while (before < call && !atomic_compare_exchange_weak(&s->answered, &before, call)) {
    }
    if (before < call) {
        kl_went_through(1);
        KL_OK(mproc_value_add(h->answers, 1, NULL));
        KL_OK(mproc_value_notify(h->answers, UINT32_MAX));
    }
}

/* The call that somebody has still to answer, if it is for this thing; else 0. */
static uint64_t unanswered(struct waits *s, enum thing thing)
{
    uint64_t asked = atomic_load(&s->asked);
    return (asked & 0xff) == thing && asked >> 8 > atomic_load(&s->answered) ? asked >> 8 : 0;
}

/* ---- what is got ---- */

/* The permit or a lock is ours; `status` is what taking it has returned. */
static void enter_holder(struct job *job, struct waits *s, enum thing thing, int status)
{
    static const char *const names[] = { [PERMIT] = "permit", [LOCK] = "lock", [RLOCK] = "rlock" };
    uint64_t previous = atomic_exchange(&s->holder[thing], kl_identity(job));
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call(names[thing], status, __FILE__, __LINE__);
    }
    if (previous != 0 && !kl_condemned(previous)) {
        kl_fail("wait: worker %u got the %s while worker %u had it, which lives", job->worker, names[thing],
                kl_worker_of(previous));
    }
    if (previous != 0 && status == MPROC_OK && thing != PERMIT) {
        kl_fail("wait: worker %u got the %s with plain OK after worker %u, which was killed inside", job->worker,
                names[thing], kl_worker_of(previous));
    }
    atomic_fetch_add(&s->holders_died, previous != 0);
    atomic_fetch_add(&s->recovered, status == MPROC_RECOVERED);
    atomic_fetch_add(&s->lock_stolen, thing == LOCK && status == MPROC_RECOVERED);
}

static void leave_holder(struct job *job, struct waits *s, const struct handles *h, enum thing thing)
{
    uint64_t me = kl_identity(job);
    if (!atomic_compare_exchange_strong(&s->holder[thing], &me, 0)) {
        kl_fail("wait: somebody else took what worker %u holds", job->worker);
    }
    kl_phase(job, "giving back");
    KL_OK(thing == PERMIT ? mproc_semaphore_release(h->permit, 1)
          : thing == LOCK ? mproc_lock_unlock(h->lock)
                          : mproc_rlock_unlock(h->rlock));
}

static int take_holder(const struct handles *h, enum thing thing, int64_t timeout)
{
    return thing == PERMIT ? mproc_semaphore_acquire(h->permit, timeout, NULL)
           : thing == LOCK ? mproc_lock_lock(h->lock, timeout, NULL)
                           : mproc_rlock_lock(h->rlock, timeout, NULL);
}

/* Long enough to be killed at it. */
static void work_on(struct job *job, const struct waits *s)
{
    kl_phase(job, holding);
    if (!atomic_load(&s->quiet) && rng_below(&job->rng, 2)) {
        proc_sleep_ns((int64_t)rng_below(&job->rng, 1 * MS));
    }
}

/* Takes it, answers, gives it back. */
static bool hold(struct job *job, struct waits *s, const struct handles *h, enum thing thing, int64_t timeout)
{
    int status = take_holder(h, thing, timeout);
    if (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) {
        return false; /* somebody was faster */
    }
    enter_holder(job, s, thing, status);
    work_on(job, s);
    answer(job, s, h, unanswered(s, thing));
    leave_holder(job, s, h, thing);
    return true;
}

/* A job is worked on under a lease: if we die it comes again. */
static bool do_job(struct job *job, struct waits *s, const struct handles *h, int64_t timeout)
{
    unsigned char bytes[MAX_LEN];
    size_t len = 0;
    uint64_t lease = 0;
    int status = mproc_queue_lease(h->jobs, bytes, sizeof bytes, &len, &lease, timeout, NULL);
    if ((status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) || (status == MPROC_ECLOSED && kl_stopping())) {
        return false;
    }
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call("lease", status, __FILE__, __LINE__);
    }
    uint64_t stamp = ledger_got(&s->ledger, job, bytes, len, status, false);
    work_on(job, s);
    answer(job, s, h, unanswered(s, JOBS));
    ledger_ending(&s->ledger, stamp);
    kl_phase(job, "acknowledging a job");
    KL_OK(mproc_queue_ack(h->jobs, lease));
    ledger_ended(&s->ledger, stamp);
    return true;
}

static bool get_message(struct job *job, struct waits *s, const struct handles *h)
{
    unsigned char bytes[MAX_LEN];
    size_t len = 0;
    ledger_taking(&s->ledger, job, 1);
    int status = mproc_queue_get(h->stream, bytes, sizeof bytes, &len, 0, NULL);
    bool got = status != MPROC_ECLOSED && kl_passed(status, 0, "get");
    if (status == MPROC_ECLOSED && !kl_stopping()) {
        kl_fail("wait: closed, but nobody has shut it down");
    }
    if (got) {
        ledger_ended(&s->ledger, ledger_got(&s->ledger, job, bytes, len, status, true));
    }
    ledger_taking(&s->ledger, job, 0);
    return got;
}

/* The value is said to be something else than `expected`. */
static bool see_value(struct job *job, struct waits *s, const struct handles *h, int64_t expected)
{
    int64_t now = 0;
    KL_OK(mproc_value_get_i64(h->value, &now));
    if (now <= expected) {
        kl_fail("wait: worker %u was told that the value is not %lld any more, but it is %lld", job->worker,
                (long long)expected, (long long)now);
    }
    uint64_t call = unanswered(s, VALUE);
    answer(job, s, h, call && call <= (uint64_t)now ? call : 0);
    return call != 0;
}

/* The event is said to be set, or to have been since the call began, when the last one cleared was `over`. */
static bool see_event(struct job *job, struct waits *s, const struct handles *h, uint64_t over)
{
    uint64_t set = atomic_load(&s->event_set);
    if (set <= over && !kl_stopping()) {
        kl_fail("wait: worker %u was told that the event is set; it was set in call %llu, and cleared after call %llu",
                job->worker, (unsigned long long)set, (unsigned long long)over);
    }
    uint64_t call = unanswered(s, EVENT);
    answer(job, s, h, call && call <= set ? call : 0);
    return call != 0;
}

/* ---- waiting ---- */

struct list {
    mproc_wait_item_t item[MAX_THINGS];
    enum thing thing[MAX_THINGS];
    size_t count;
    int64_t expected;    /* the value */
    uint64_t event_over;
};

static void add_thing(struct list *list, const struct handles *h, enum thing thing)
{
    static const uint32_t conditions[THINGS] = {
        [JOBS] = MPROC_WAIT_QUEUE_READABLE, [PERMIT] = MPROC_WAIT_SEMAPHORE, [LOCK] = MPROC_WAIT_LOCK,
        [RLOCK] = MPROC_WAIT_RLOCK,         [EVENT] = MPROC_WAIT_EVENT,      [VALUE] = MPROC_WAIT_VALUE,
        [STREAM] = MPROC_WAIT_QUEUE_READABLE,
    };
    const void *const objects[THINGS] = {
        [JOBS] = h->jobs,   [PERMIT] = h->permit, [LOCK] = h->lock,     [RLOCK] = h->rlock,
        [EVENT] = h->event, [VALUE] = h->value,   [STREAM] = h->stream,
    };
    bool value = thing == VALUE;
    list->thing[list->count] = thing;
    list->item[list->count++] =
        (mproc_wait_item_t){ conditions[thing], 0, objects[thing], value ? &list->expected : NULL,
                             value ? sizeof list->expected : 0 };
}

/* All of them, or some; in any order; some of them twice. */
static void make_list(struct job *job, struct waits *s, const struct handles *h, struct list *list, bool all)
{
    enum thing order[THINGS];
    for (unsigned i = 0; i < THINGS; i++) {
        unsigned other = (unsigned)rng_below(&job->rng, i + 1);
        order[i] = order[other];
        order[other] = (enum thing)i;
    }
    list->count = 0;
    list->expected = (int64_t)atomic_load(&s->value_over);
    list->event_over = atomic_load(&s->event_over);
    for (unsigned i = 0; i < THINGS; i++) {
        if (all || i == 0 || rng_below(&job->rng, 2)) {
            add_thing(list, h, order[i]);
        }
    }
    while (rng_below(&job->rng, 4) == 0 && list->count < MAX_THINGS) {
        add_thing(list, h, list->thing[rng_below(&job->rng, list->count)]);
    }
}

/* One mproc_wait(). How many are ready; 0: the timeout passed. */
static size_t wait_for(struct job *job, struct waits *s, const mproc_wait_item_t *items, size_t count, int64_t timeout,
                       uint32_t *ready, const char *phase)
{
    _Atomic uint32_t *asleep = &s->waiting[job->worker][job->thread];
    size_t ready_count = 0;
    atomic_store(asleep, job->incarnation);
    kl_phase(job, phase);
    bool passed = kl_passed(mproc_wait(items, count, timeout, NULL, ready, &ready_count), timeout, phase);
    atomic_store(asleep, 0);
    if (!passed) {
        return 0;
    }
    if (ready_count < 1 || ready_count > count) {
        kl_fail("wait: %zu of %zu things are ready, it says", ready_count, count);
    }
    for (size_t i = 0; i < ready_count; i++) {
        if (ready[i] >= count || (i > 0 && ready[i] <= ready[i - 1])) {
            kl_fail("wait: of %zu things number %u is said to be ready, in place %zu", count, (unsigned)ready[i], i);
        }
    }
    return ready_count;
}

static void take(struct job *job, struct waits *s, const struct handles *h)
{
    struct list list;
    uint32_t ready[MAX_THINGS];
    int64_t timeout = kl_random_timeout(job);
    bool useful = false;
    make_list(job, s, h, &list, timeout == MPROC_FOREVER); /* for ever only for everything: somebody has to answer */
    size_t count = wait_for(job, s, list.item, list.count, timeout, ready, wait_phases[0]);
    for (size_t i = 0; i < count; i++) {
        enum thing thing = list.thing[ready[i]];
        bool got;
        kl_phase(job, trying);
        switch (thing) {
        case JOBS:
            got = do_job(job, s, h, 0);
            break;
        case STREAM:
            got = get_message(job, s, h);
            break;
        case EVENT:
            got = see_event(job, s, h, list.event_over);
            break;
        case VALUE:
            got = see_value(job, s, h, list.expected);
            break;
        default:
            got = unanswered(s, thing) && hold(job, s, h, thing, 0);
        }
        atomic_fetch_add_explicit(&s->answers[thing], got, memory_order_relaxed);
        useful = useful || got;
    }
    kl_done(job);
    if (!useful) { /* what is ready is answered already: let the caller shut it */
        kl_phase(job, "waiting for the caller");
        proc_sleep_ns(10000);
    }
}

/* Is woken, and leaves everything as it is. */
static void look(struct job *job, struct waits *s, const struct handles *h)
{
    struct list list;
    uint32_t ready[MAX_THINGS];
    make_list(job, s, h, &list, rng_below(&job->rng, 2));
    atomic_fetch_add(&s->looked,
                     wait_for(job, s, list.item, list.count, kl_random_timeout(job), ready, wait_phases[0]) > 0);
    kl_done(job);
    kl_phase(job, "having looked");
    proc_sleep_ns((int64_t)rng_below(&job->rng, 100000));
}

/* The calls that wait for one thing only. */
static void take_directly(struct job *job, struct waits *s, const struct handles *h)
{
    enum thing thing = (enum thing)rng_below(&job->rng, CALLS);
    int64_t timeout = kl_random_timeout(job), expected = (int64_t)atomic_load(&s->value_over);
    uint64_t over = atomic_load(&s->event_over);
    bool got;
    kl_phase(job, wait_phases[1 + thing]);
    switch (thing) {
    case JOBS:
        got = do_job(job, s, h, timeout);
        break;
    case EVENT:
        got = kl_passed(mproc_event_wait(h->event, timeout, NULL), timeout, "event_wait") && see_event(job, s, h, over);
        break;
    case VALUE:
        got = kl_passed(mproc_value_wait(h->value, &expected, sizeof expected, timeout, NULL), timeout, "value_wait") &&
              see_value(job, s, h, expected);
        break;
    default:
        got = hold(job, s, h, thing, timeout);
    }
    atomic_fetch_add_explicit(&s->answers[thing], got, memory_order_relaxed);
    kl_done(job);
    kl_phase(job, "between two waits");
    proc_sleep_ns(10000);
}

/* ---- the stream ---- */

static void feed(struct job *job, struct waits *s, const struct handles *h, struct pen *pen)
{
    unsigned char bytes[MAX_LEN];
    if (atomic_load(&s->quiet)) {
        kl_phase(job, "keeping quiet");
        proc_sleep_ns(1 * MS);
        return;
    }
    uint64_t stamp = pen_next(&s->ledger, pen);
    size_t len = ledger_len(&s->ledger, stamp);
    uint32_t ready[2];
    mproc_wait_item_t items[2] = { { MPROC_WAIT_QUEUE_WRITABLE, 0, h->stream, NULL, len },
                                   { MPROC_WAIT_QUEUE_WRITABLE, 0, h->stream, NULL, 0 } };
    int64_t timeout = kl_random_timeout(job);
    if (wait_for(job, s, items, 1 + rng_below(&job->rng, 2), timeout, ready, "waiting for room") == 0) {
        return;
    }
    pattern_fill(bytes, len, stamp);
    ledger_announce(&s->ledger, stamp);
    kl_phase(job, putting);
    int status = mproc_queue_put(h->stream, bytes, len, 0, NULL);
    if (status == MPROC_ECLOSED && kl_stopping()) {
        ledger_withdraw(&s->ledger, stamp, status);
    } else if (kl_passed(status, 0, "put")) {
        ledger_in(&s->ledger, stamp);
        pen->seq++;
        kl_went_through(0);
    } else {
        ledger_withdraw(&s->ledger, stamp, status);
    }
    kl_done(job);
    kl_pause_sometimes(job, 4);
}

/* ---- the caller ---- */

static void open_thing(struct job *job, struct waits *s, const struct handles *h, enum thing thing, uint64_t call,
                       struct pen *pen)
{
    unsigned char bytes[MAX_LEN];
    uint64_t stamp;
    kl_phase(job, "opening something");
    switch (thing) {
    case JOBS:
        stamp = pen_next(&s->ledger, pen);
        pattern_fill(bytes, ledger_len(&s->ledger, stamp), stamp);
        ledger_announce(&s->ledger, stamp);
        KL_OK(mproc_queue_put(h->jobs, bytes, ledger_len(&s->ledger, stamp), MPROC_FOREVER, NULL));
        ledger_in(&s->ledger, stamp);
        pen->seq++;
        break;
    case EVENT:
        atomic_store(&s->event_set, call);
        KL_OK(mproc_event_set(h->event));
        break;
    case VALUE:
        KL_OK(mproc_value_set_i64(h->value, (int64_t)call));
        KL_OK(mproc_value_notify(h->value, UINT32_MAX));
        break;
    default:
        leave_holder(job, s, h, thing);
    }
}

static void shut_thing(struct job *job, struct waits *s, const struct handles *h, enum thing thing, uint64_t call)
{
    kl_phase(job, "shutting what it has opened");
    switch (thing) {
    case JOBS:
        break; /* it is done */
    case EVENT:
        KL_OK(mproc_event_clear(h->event));
        atomic_store(&s->event_over, call);
        break;
    case VALUE:
        atomic_store(&s->value_over, call);
        break;
    default:
        enter_holder(job, s, thing, take_holder(h, thing, MPROC_FOREVER));
    }
}

static void call_out(struct job *job, struct waits *s, const struct handles *h)
{
    struct pen pen = { 0 };
    for (enum thing thing = PERMIT; thing <= RLOCK; thing++) {
        enter_holder(job, s, thing, take_holder(h, thing, MPROC_FOREVER)); /* somebody may have been faster */
    }
    uint64_t call = 1;
    for (; !kl_stopping(); call++) {
        enum thing thing = (enum thing)rng_below(&job->rng, CALLS);
        if (atomic_load(&s->quiet)) { /* let everybody fall asleep */
            kl_phase(job, "between two calls");
            proc_sleep_ns(100000);
        }
        atomic_store(&s->asked, call << 8 | thing);
        open_thing(job, s, h, thing, call, &pen);
        for (;;) {
            int64_t seen = 0;
            mproc_wait_item_t item = { MPROC_WAIT_VALUE, 0, h->answers, &seen, sizeof seen };
            uint32_t ready[1];
            KL_OK(mproc_value_get_i64(h->answers, &seen));
            if (atomic_load(&s->answered) >= call) {
                break;
            }
            wait_for(job, s, &item, 1, MPROC_FOREVER, ready, "waiting for an answer");
        }
        shut_thing(job, s, h, thing, call);
        kl_done(job);
    }
    /* Everything open, for good: so everybody gets out. */
    for (enum thing thing = PERMIT; thing < CALLS; thing++) {
        open_thing(job, s, h, thing, call, &pen);
    }
    KL_OK(mproc_queue_shutdown(h->jobs, 0));
    KL_OK(mproc_queue_shutdown(h->stream, 0));
    atomic_store(&s->over, 1);
}

/* ---- workers ---- */

static void open_all(struct job *job, struct handles *h)
{
    mproc_queue_options_t leases = MPROC_QUEUE_OPTIONS_INIT, stream = MPROC_QUEUE_OPTIONS_INIT;
    leases.flags = MPROC_QUEUE_LEASE | (rng_below(&job->rng, 3) == 0 ? MPROC_NO_SPIN : 0);
    stream.flags = leases.flags & MPROC_NO_SPIN;
    KL_OK(mproc_queue_open(NULL, "kl-wait-jobs", &leases, &h->jobs));
    KL_OK(mproc_queue_open(NULL, "kl-wait-stream", &stream, &h->stream));
    KL_OK(mproc_semaphore_open(NULL, "kl-wait-permit", NULL, &h->permit));
    KL_OK(mproc_lock_open(NULL, "kl-wait-lock", NULL, &h->lock));
    KL_OK(mproc_rlock_open(NULL, "kl-wait-rlock", NULL, &h->rlock));
    KL_OK(mproc_event_open(NULL, "kl-wait-event", NULL, &h->event));
    KL_OK(mproc_value_open(NULL, "kl-wait-value", NULL, &h->value));
    KL_OK(mproc_value_open(NULL, "kl-wait-answers", NULL, &h->answers));
}

static void close_all(struct handles *h)
{
    mproc_queue_close(h->jobs);
    mproc_queue_close(h->stream);
    mproc_semaphore_close(h->permit);
    mproc_lock_close(h->lock);
    mproc_rlock_close(h->rlock);
    mproc_event_close(h->event);
    mproc_value_close(h->value);
    mproc_value_close(h->answers);
}

static void work(struct job *job)
{
    struct waits *s = job->scene;
    struct handles mine = s->handles;
    struct pen pen = { 0 };
    unsigned w = job->worker;
    if (job->fresh) {
        kl_phase(job, "opening everything");
        open_all(job, &mine);
    }
    ledger_inherit(&s->ledger, job);
    atomic_fetch_add(&s->waiters_died, atomic_exchange(&s->waiting[w][job->thread], 0) != 0);
    if (w == 0) {
        if (job->thread == 0) {
            call_out(job, s, &mine);
        }
    } else {
        KL_OK(mproc_value_add(mine.answers, 1, NULL)); /* the predecessor may have answered, and not said so */
        KL_OK(mproc_value_notify(mine.answers, UINT32_MAX));
    }
    while (w > 0 && !atomic_load(&s->over)) { /* not before: the caller may be waiting for an answer */
        /* When it is quiet, one takes and the others look: a wake-up that they keep is missed then. */
        if (w == 1 || (w <= TAKERS && !atomic_load(&s->quiet))) {
            take(job, s, &mine);
        } else if (w > TAKERS && w <= TAKERS + DIRECT) {
            take_directly(job, s, &mine);
        } else if (w <= TAKERS + DIRECT + LOOKERS) {
            look(job, s, &mine);
        } else {
            feed(job, s, &mine, &pen);
        }
    }
    kl_phase(job, "leaving");
    if (job->fresh) {
        close_all(&mine);
    }
}

/* While workers are replaced all the time, newcomers help out where a wake-up was lost; the stream wakes, too. */
static bool undisturbed(struct waits *s, const struct crew *crew)
{
    uint64_t wanted = atomic_load(&s->answered) + UNDISTURBED;
    atomic_store(&s->quiet, 1);
    for (int64_t end = proc_now() + STALL_LIMIT; atomic_load(&s->answered) < wanted;) {
        if (atomic_load(&board->failed) || interrupted) {
            return false;
        }
        if (proc_now() > end) {
            static char what[160];
            uint64_t asked = atomic_load(&s->asked);
            snprintf(what, sizeof what, "after the last kill somebody is not woken: call %llu (%s), %llu is answered",
                     (unsigned long long)asked >> 8, wait_phases[1 + (asked & 0xff)],
                     (unsigned long long)atomic_load(&s->answered));
            crew_stalled(crew, what);
            return false;
        }
        proc_sleep_ns(200000);
    }
    atomic_store(&board->killed_at[0], 0); /* it was not the kill that kept the feeders from feeding */
    atomic_store(&s->quiet, 0);
    return true;
}

static bool create_all(struct handles *h)
{
    mproc_queue_options_t jobs = MPROC_QUEUE_OPTIONS_INIT, stream = MPROC_QUEUE_OPTIONS_INIT;
    mproc_semaphore_options_t permit = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
    jobs.flags = MPROC_QUEUE_LEASE;
    jobs.capacity_bytes = 1 << 16;
    stream.capacity_bytes = 4096;
    stream.max_items = 3;
    permit.initial = 1;
    permit.flags = MPROC_SEMAPHORE_ACCOUNTING | MPROC_SEMAPHORE_BOUNDED;
    number.type_code = MPROC_TYPE_I64;
    KL_OK(mproc_queue_create(NULL, "kl-wait-jobs", &jobs, &h->jobs));
    KL_OK(mproc_queue_create(NULL, "kl-wait-stream", &stream, &h->stream));
    KL_OK(mproc_semaphore_create(NULL, "kl-wait-permit", &permit, &h->permit));
    KL_OK(mproc_lock_create(NULL, "kl-wait-lock", NULL, &h->lock));
    KL_OK(mproc_rlock_create(NULL, "kl-wait-rlock", NULL, &h->rlock));
    KL_OK(mproc_event_create(NULL, "kl-wait-event", NULL, &h->event));
    KL_OK(mproc_value_create(NULL, "kl-wait-value", &number, &h->value));
    KL_OK(mproc_value_create(NULL, "kl-wait-answers", &number, &h->answers));
    return atomic_load(&board->failed) == 0;
}

/* Everybody has gone. What is left inside comes out, once; permit and locks are there, once. */
static void audit(struct waits *s, uint64_t kills)
{
    const struct handles *h = &s->handles;
    struct seat seat = { 0 };
    struct job job = { .incarnation = UINT32_MAX, .seat = &seat };
    mproc_queue_info_t info = { 0 };
    mproc_semaphore_info_t permits = { 0 };
    while (atomic_load(&board->failed) == 0 && do_job(&job, s, h, STALL_LIMIT)) {
    }
    while (atomic_load(&board->failed) == 0 && get_message(&job, s, h)) {
    }
    KL_OK(mproc_queue_info(h->jobs, &info, sizeof info));
    if (info.items || info.held) {
        kl_fail("wait: %llu jobs are left, and %llu are being worked on", (unsigned long long)info.items,
                (unsigned long long)info.held);
    }
    ledger_audit(&s->ledger, kills);
    for (enum thing thing = PERMIT; thing <= RLOCK; thing++) {
        enter_holder(&job, s, thing, take_holder(h, thing, 5 * SEC));
    }
    KL_OK(mproc_semaphore_info(h->permit, &permits, sizeof permits));
    if (permits.value != 0 || permits.held != 1 || permits.holders != 1) {
        kl_fail("wait: with the only permit taken %u are free and %u are ours", (unsigned)permits.value,
                (unsigned)permits.held);
    }
    for (enum thing thing = PERMIT; thing <= RLOCK; thing++) {
        leave_holder(&job, s, h, thing);
    }
}

static void count_takeovers(struct waits *s, struct tally *tally)
{
    const struct handles *h = &s->handles;
    mproc_semaphore_info_t permits = { 0 };
    mproc_rlock_info_t rlock = { 0 };
    mproc_queue_info_t jobs = { 0 }, stream = { 0 };
    KL_OK(mproc_semaphore_info(h->permit, &permits, sizeof permits));
    KL_OK(mproc_rlock_info(h->rlock, &rlock, sizeof rlock));
    KL_OK(mproc_queue_info(h->jobs, &jobs, sizeof jobs));
    KL_OK(mproc_queue_info(h->stream, &stream, sizeof stream));
    /* The plain lock does not count; who got it knows. */
    tally->steals = atomic_load(&s->lock_stolen) + permits.reclaimed + rlock.steals + jobs.steals + stream.steals;
}

bool scene_wait(uint64_t kills, struct tally *tally)
{
    static const char *targets[] = { NULL, NULL, holding, holding, holding, holding, trying, answering, putting, NULL };
    static struct crew crew = { .object = "wait", .workers = WORKERS, .immortals = 1, .two_threads_in = 4,
                                .calm_in = 16, .all_must_work = true, .targets = targets, .work = work };
    struct waits *s = proc_shared(sizeof *s);
    targets[0] = targets[1] = wait_phases[0];
    s->ledger.max_len = MAX_LEN;
    bool ok = create_all(&s->handles);
    crew.scene = s;
    if (ok) {
        crew_start(&crew);
    }
    for (uint64_t left = kills; ok && left > 0;) {
        uint64_t now = left < KILLS_AT_A_TIME ? left : KILLS_AT_A_TIME;
        left -= now;
        ok = crew_kills(&crew, now) && undisturbed(s, &crew);
    }
    ok = ok && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    crew_end(&crew);
    if (ok) {
        audit(s, kills);
        count_takeovers(s, tally);
    }
    tally->kills = kills;
    tally->recovered = atomic_load(&s->recovered) + atomic_load(&s->ledger.redelivered);
    for (unsigned thing = 0; thing < THINGS && !tally->never; thing++) {
        tally->never = atomic_load(&s->answers[thing]) == 0 ? wait_phases[(thing + 1) % THINGS] : NULL;
    }
    if (!tally->never) {
        tally->never = atomic_load(&s->waiters_died) == 0   ? "a process that was killed in mproc_wait()"
                       : atomic_load(&s->holders_died) == 0 ? "a process that was killed with what it got"
                       : atomic_load(&s->looked) == 0       ? "a wake-up that was not used"
                                                            : NULL;
    }
    snprintf(tally->note, sizeof tally->note,
             "%llu calls answered, %llu messages, %llu waiters and %llu holders killed, %llu looks without taking",
             (unsigned long long)atomic_load(&s->answered), (unsigned long long)atomic_load(&s->ledger.messages),
             (unsigned long long)atomic_load(&s->waiters_died), (unsigned long long)atomic_load(&s->holders_died),
             (unsigned long long)atomic_load(&s->looked));
    close_all(&s->handles);
    munmap(s, sizeof *s);
    return ok && atomic_load(&board->failed) == 0;
}
