/*
 * Kill loop, conditions: a mailbox of a few places, with a condition for "not empty" and one for "not full" on one
 * lock, each change notified once to one waiter. Producers and consumers are killed everywhere, above all when
 * they have been notified and have not come back from the wait yet: then somebody else must get the notification,
 * or an item lies there, somebody waits for it and nobody comes. In some rounds there is only one condition, with
 * its own lock taken several times over, and everybody is notified.
 *
 * Who changes the mailbox notifies before unlocking. So whatever was not notified died under the lock, and the next
 * one is told (MPROC_RECOVERED) and wakes everybody; nothing else may need that. At the end of a round workers are
 * killed whom nobody replaces, until one producer and one consumer are left: then no newcomer takes the item that a
 * dead one was notified of.
 */
#include "killloop.h"

#define PRODUCERS 3 /* workers 0 to 2 */
#define CONSUMERS 4 /* workers 3 to 6 */
#define UNREPLACED (PRODUCERS + CONSUMERS - 2)
#define ROUND_KILLS (30 + UNREPLACED)
#define MAX_PLACES 3
#define PROGRESS 20 /* items */
#define ITEMS (1 << 20) /* of one round */

enum binding { TO_RLOCK, TO_LOCK, ITS_OWN, BINDINGS };

struct handles {
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_condition_t *not_empty, *not_full; /* the same one when it has its own lock */
};

struct mailbox {
    struct handles handles; /* that forked workers inherit */
    enum binding binding;
    uint64_t number;
    uint64_t places;
    bool patient; /* no wait has a timeout: then nobody finds an item by himself */
    /* Behind the lock. Items are numbers in a row: they are put by raising `put` and taken by raising `taken`. */
    _Atomic uint64_t put, taken;
    _Atomic uint64_t inside; /* who has the lock; 0: nobody */
    _Atomic uint32_t producers_gone;
    _Alignas(64) _Atomic uint64_t recovered, waits, timeouts;
    _Atomic uint64_t owner[ITEMS]; /* who has taken it */
};

static const char locking[] = "waiting for the lock";
static const char waiting_items[] = "waiting for an item";
static const char waiting_room[] = "waiting for room";
static const char changing[] = "changing the mailbox";
static const char notifying[] = "notifying";
static const char notified_someone[] = "going on after a notification";
static const char unlocking[] = "unlocking";
static const char *const targets[] = { locking,   waiting_items,    waiting_items, waiting_room, changing,
                                       notifying, notified_someone, unlocking,     NULL };

/* ---- the lock ---- */

static void wake_everybody(const struct handles *h)
{
    KL_OK(mproc_condition_notify_all(h->not_empty));
    KL_OK(mproc_condition_notify_all(h->not_full));
}

/* The lock has just been taken, first of all or again by a wait. */
static void enter(const struct job *job, struct mailbox *m, const struct handles *h, int status)
{
    uint64_t previous = atomic_exchange(&m->inside, kl_identity(job));
    if (previous && !kl_condemned(previous)) {
        kl_fail("condition: worker %u got the lock while worker %u has it, and that lives", job->worker,
                kl_worker_of(previous));
    }
    if (status == MPROC_RECOVERED) {
        atomic_fetch_add(&m->recovered, 1);
        wake_everybody(h); /* the repair: the mailbox is sound, but the dead may not have come to notifying */
    } else if (previous) {
        kl_fail("condition: worker %u was killed with the lock, and worker %u was told %s", kl_worker_of(previous),
                job->worker, mproc_status_name(status));
    }
}

static void lock_it(struct job *job, struct mailbox *m, const struct handles *h)
{
    kl_phase(job, locking);
    int status = mproc_condition_lock(rng_below(&job->rng, 2) ? h->not_empty : h->not_full, MPROC_FOREVER, NULL);
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call("lock", status, __FILE__, __LINE__);
    }
    enter(job, m, h, status);
}

static void unlock_it(struct job *job, struct mailbox *m, const struct handles *h)
{
    kl_phase(job, unlocking);
    atomic_store(&m->inside, 0);
    KL_OK(mproc_condition_unlock(rng_below(&job->rng, 2) ? h->not_empty : h->not_full));
}

/* A wait that comes back with the lock, one way or the other. */
static void wait_for_it(struct job *job, struct mailbox *m, const struct handles *h, const mproc_condition_t *condition,
                        const char *phase, int64_t timeout)
{
    uint32_t levels = 1;
    bool recursive = m->binding != TO_LOCK;
    while (recursive && rng_below(&job->rng, 4) == 0) { /* a wait gives up all levels, and brings all back */
        KL_OK(mproc_condition_lock(condition, 0, NULL));
        levels++;
    }
    atomic_store(&m->inside, 0);
    atomic_fetch_add(&m->waits, 1);
    kl_done(job); /* aiming wants to see a phase that has just begun */
    kl_phase(job, phase);
    int status = mproc_condition_wait(condition, timeout, NULL);
    kl_phase(job, "coming back from a wait");
    if (status != MPROC_OK && status != MPROC_RECOVERED && !(status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER)) {
        kl_fail_call("wait", status, __FILE__, __LINE__);
    }
    enter(job, m, h, status);
    atomic_fetch_add(&m->timeouts, status == MPROC_ETIMEDOUT);
    while (levels-- > 1) {
        KL_OK(mproc_condition_unlock(condition));
    }
}

static void notify(struct job *job, struct mailbox *m, const mproc_condition_t *condition)
{
    kl_phase(job, notifying);
    if (m->binding == ITS_OWN) {
        KL_OK(mproc_condition_notify_all(condition)); /* both sides wait for the same one */
    } else {
        KL_OK(mproc_condition_notify(condition, 1));
    }
    kl_phase(job, notified_someone);
    /* Who was notified cannot come back from the wait before we unlock: time for a kill. */
    if (rng_below(&job->rng, 3) == 0) {
        proc_sleep_ns((int64_t)rng_below(&job->rng, 1 * MS));
    }
}

/* ---- producers and consumers ---- */

static int64_t some_timeout(struct job *job, const struct mailbox *m)
{
    uint64_t way = m->patient ? 16 : rng_below(&job->rng, 16);
    return way == 0 ? 0 : way <= 2 ? (int64_t)rng_below(&job->rng, 2 * MS) : MPROC_FOREVER;
}

static void produce(struct job *job, struct mailbox *m, const struct handles *h)
{
    while (!kl_stopping()) {
        lock_it(job, m, h);
        while (!kl_stopping() && atomic_load(&m->put) - atomic_load(&m->taken) >= m->places) {
            wait_for_it(job, m, h, h->not_full, waiting_room, some_timeout(job, m));
        }
        if (!kl_stopping()) {
            kl_phase(job, changing);
            uint64_t put = atomic_load(&m->put);
            if (put - atomic_load(&m->taken) >= m->places || put >= ITEMS) {
                kl_fail("condition: worker %u finds no room for item %llu", job->worker, (unsigned long long)put);
            }
            atomic_store(&m->put, put + 1);
            notify(job, m, h->not_empty);
            kl_went_through(0);
        }
        unlock_it(job, m, h);
        kl_done(job);
        kl_pause_sometimes(job, 4);
    }
}

static void take_item(const struct job *job, struct mailbox *m)
{
    uint64_t item = atomic_load(&m->taken), owner = atomic_exchange(&m->owner[item], kl_identity(job));
    if (item >= atomic_load(&m->put)) {
        kl_fail("condition: worker %u takes item %llu, which nobody has put", job->worker, (unsigned long long)item);
    }
    if (owner && !kl_condemned(owner)) {
        kl_fail("condition: worker %u takes item %llu, which worker %u, which lives, has taken", job->worker,
                (unsigned long long)item, kl_worker_of(owner));
    }
    atomic_store(&m->taken, item + 1);
}

static void consume(struct job *job, struct mailbox *m, const struct handles *h)
{
    for (bool more = true; more;) {
        lock_it(job, m, h);
        while (atomic_load(&m->taken) == atomic_load(&m->put) && !atomic_load(&m->producers_gone)) {
            wait_for_it(job, m, h, h->not_empty, waiting_items, some_timeout(job, m));
        }
        kl_phase(job, changing);
        more = atomic_load(&m->taken) != atomic_load(&m->put);
        if (more) {
            take_item(job, m);
            notify(job, m, h->not_full);
            kl_went_through(1);
        }
        unlock_it(job, m, h);
        kl_done(job);
        kl_pause_sometimes(job, 8);
    }
}

/* ---- rounds ---- */

static void open_all(const struct mailbox *m, struct handles *h, bool create)
{
    char lock[40], not_empty[40], not_full[40];
    mproc_condition_options_t o = MPROC_CONDITION_OPTIONS_INIT;
    snprintf(lock, sizeof lock, "kl-condition-lock-%llu", (unsigned long long)m->number);
    snprintf(not_empty, sizeof not_empty, "kl-not-empty-%llu", (unsigned long long)m->number);
    snprintf(not_full, sizeof not_full, "kl-not-full-%llu", (unsigned long long)m->number);
    *h = (struct handles){ 0 };
    if (m->binding == TO_LOCK) {
        KL_OK(create ? mproc_lock_create(NULL, lock, NULL, &h->lock) : mproc_lock_open(NULL, lock, NULL, &h->lock));
    } else if (m->binding == TO_RLOCK) {
        KL_OK(create ? mproc_rlock_create(NULL, lock, NULL, &h->rlock) : mproc_rlock_open(NULL, lock, NULL, &h->rlock));
    }
    o.lock = h->lock;
    o.rlock = h->rlock;
    KL_OK(create ? mproc_condition_create(NULL, not_empty, &o, &h->not_empty)
                 : mproc_condition_open(NULL, not_empty, &o, &h->not_empty));
    if (m->binding == ITS_OWN) {
        h->not_full = h->not_empty;
    } else {
        KL_OK(create ? mproc_condition_create(NULL, not_full, &o, &h->not_full)
                     : mproc_condition_open(NULL, not_full, &o, &h->not_full));
    }
}

static void close_all(const struct mailbox *m, struct handles *h)
{
    mproc_condition_close(h->not_empty);
    if (m->binding != ITS_OWN) {
        mproc_condition_close(h->not_full);
    }
    mproc_lock_close(h->lock);
    mproc_rlock_close(h->rlock);
}

static void work(struct job *job)
{
    struct mailbox *m = job->scene;
    struct handles mine = m->handles;
    if (job->fresh) {
        kl_phase(job, "opening the mailbox");
        open_all(m, &mine, false);
    }
    if (job->worker < PRODUCERS) {
        produce(job, m, &mine);
    } else {
        consume(job, m, &mine);
    }
    if (job->fresh) {
        close_all(m, &mine);
    }
}

/* Tells everybody who waits, under the lock, so that nobody misses it between looking and waiting. */
static void announce(struct mailbox *m, _Atomic uint32_t *what)
{
    int status = mproc_condition_lock(m->handles.not_full, STALL_LIMIT, NULL);
    if (status != MPROC_OK && status != MPROC_RECOVERED) {
        kl_fail_call("the driver's lock", status, __FILE__, __LINE__);
        return;
    }
    atomic_store(&m->inside, 0); /* the driver is nobody's victim */
    atomic_store(what, 1);
    wake_everybody(&m->handles);
    KL_OK(mproc_condition_unlock(m->handles.not_full));
}

/*
 * One after the other is killed, and not replaced; each time those who are left must get on by themselves. If the
 * dead one had the lock, somebody must come and be told; as everybody may be waiting, that is the driver here.
 */
static bool thin_out(struct mailbox *m, struct crew *crew)
{
    static const unsigned order[UNREPLACED] = { 3, 0, 4, 1, 5 }; /* the last producer and the last consumer stay */
    for (unsigned i = 0; i < UNREPLACED; i++) {
        if (!crew_kill_unreplaced(crew, order[i])) {
            return false;
        }
        int status = mproc_condition_lock(m->handles.not_full, STALL_LIMIT, NULL);
        if (status == MPROC_RECOVERED) {
            atomic_store(&m->inside, 0);
            wake_everybody(&m->handles);
        } else if (status != MPROC_OK) {
            kl_fail_call("the driver's lock", status, __FILE__, __LINE__);
            return false;
        }
        KL_OK(mproc_condition_unlock(m->handles.not_full));
        uint64_t wanted = atomic_load(&m->taken) + PROGRESS;
        for (int64_t end = proc_now() + STALL_LIMIT; atomic_load(&m->taken) < wanted;) {
            if (atomic_load(&board->failed) || interrupted) {
                return false;
            }
            if (proc_now() > end) {
                crew_stalled(crew, "somebody was killed and not replaced, and the others wait for each other");
                return false;
            }
            proc_sleep_ns(200000);
        }
    }
    return true;
}

/* Everybody has gone. Returns how often a notification was passed on. */
static uint64_t audit(struct mailbox *m)
{
    uint64_t regranted = 0;
    const mproc_condition_t *conditions[] = { m->handles.not_empty, m->handles.not_full };
    for (unsigned i = 0; i < 1 + (m->binding != ITS_OWN); i++) {
        mproc_condition_info_t info = { 0 };
        KL_OK(mproc_condition_info(conditions[i], &info, sizeof info));
        regranted += info.regranted;
        if (info.waiters) {
            kl_fail("condition: %u wait, but everybody has gone", (unsigned)info.waiters);
        }
    }
    if (atomic_load(&m->put) != atomic_load(&m->taken)) {
        kl_fail("condition: %llu items were put, but only %llu were taken", (unsigned long long)atomic_load(&m->put),
                (unsigned long long)atomic_load(&m->taken));
    }
    /* The lock is free, with all its levels, and a wait gives it up and brings it back. */
    KL_OK(mproc_condition_lock(m->handles.not_empty, 5 * SEC, NULL));
    int status = mproc_condition_wait(m->handles.not_empty, 0, NULL);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("a wait at the end", status, __FILE__, __LINE__);
    }
    KL_OK(mproc_condition_unlock(m->handles.not_empty));
    status = mproc_condition_unlock(m->handles.not_empty);
    if (status != MPROC_EPERM) {
        kl_fail_call("one unlock too many", status, __FILE__, __LINE__);
    }
    return regranted;
}

bool scene_condition(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "condition", .workers = PRODUCERS + CONSUMERS, .two_threads_in = 5,
                                .calm_in = 10, .all_must_work = true, .targets = targets, .work = work };
    uint64_t regranted = 0, items = 0, waits = 0, timeouts = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct mailbox *m = proc_shared(sizeof *m);
        m->number = number;
        m->binding = (enum binding)(number % BINDINGS);
        m->places = 1 + rng_below(&run.rng, MAX_PLACES);
        m->patient = number % 4 != 1;
        open_all(m, &m->handles, true);
        crew.scene = m;
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            bool thin = now > UNREPLACED;
            ok = crew_kills(&crew, thin ? now - UNREPLACED : now) && crew_quiet(&crew) && (!thin || thin_out(m, &crew));
            if (ok) {
                announce(m, &board->stop);
            } else {
                atomic_store(&board->stop, 1);
            }
            ok = ok && crew_join(&crew, 0, PRODUCERS);
            if (ok) {
                announce(m, &m->producers_gone);
            }
            ok = ok && crew_join(&crew, PRODUCERS, crew.workers);
            crew_end(&crew);
        }
        if (ok) {
            regranted += audit(m);
            tally->kills += now;
            tally->recovered += atomic_load(&m->recovered);
            items += atomic_load(&m->taken);
            waits += atomic_load(&m->waits);
            timeouts += atomic_load(&m->timeouts);
        }
        close_all(m, &m->handles);
        munmap(m, sizeof *m);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = regranted == 0  ? "a notification of a dead waiter that was passed on"
                   : timeouts == 0 ? "a wait that timed out"
                                   : NULL;
    snprintf(tally->note, sizeof tally->note, "%llu items, %llu waits, %llu notifications of the dead passed on",
             (unsigned long long)items, (unsigned long long)waits, (unsigned long long)regranted);
    return ok;
}
