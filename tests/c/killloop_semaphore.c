/*
 * Kill loop, semaphores. A ledger beside the semaphore has one place for each permit; whoever got a permit takes a
 * place in it, so that one permit too many has no place.
 *
 * Plain (scene "semaphore"): what the dead had is gone, as documented. Their successors give back what they find in
 * the ledger, as anybody may, and a banker whom nobody kills replaces what got lost between two notes. At the end
 * the value must agree with the books, up to what calls cut short by a kill may have done.
 *
 * Accounting (scene "permits"): nobody gives back anything for the dead. Their permits must come by themselves,
 * never while they live, and at the end all must be there.
 */
#include "killloop.h"

#define ROUND_KILLS 70
#define WORKERS 6
#define MAX_PERMITS 20 /* plain: those of the beginning and the banker's, who has little to replace: see bank() */

/* Of one thread of one worker, over all its incarnations. What was begun and not done has been cut short by a kill. */
struct books {
    _Alignas(64) _Atomic uint64_t acquires_begun, acquires_done, releases_begun, releases_done;
};

struct semaphores {
    mproc_semaphore_t *semaphore;
    char name[40];
    bool accounting, bounded;
    uint32_t initial;
    _Atomic uint32_t permits; /* how many can exist: the initial ones and the banker's */
    _Atomic uint32_t banker_stops;
    _Atomic uint64_t place[MAX_PERMITS]; /* whose permit it is; 0: nobody's */
    struct books books[MAX_WORKERS][MAX_THREADS];
    _Alignas(64) _Atomic uint64_t passed, recovered, inherited, granted;
};

static const char acquiring[] = "waiting for a permit";
static const char another[] = "trying for another permit";
static const char holding[] = "holding a permit";
static const char giving[] = "giving a permit back";
static const char *const targets[] = { acquiring, another, holding, holding, giving, NULL };

/* ---- the ledger ---- */

static void note_wait(const struct job *job, uint64_t dead)
{
    const struct worker *worker = &board->worker[kl_worker_of(dead)];
    int64_t killed = atomic_load(&worker->killed_at);
    if (atomic_load(&worker->condemned) == dead >> 16) { /* else its successor was killed, too */
        kl_waited(proc_now() - (killed > job->began ? killed : job->began));
    }
}

/* A permit has been acquired: there must be a place for it, or, when accounting, one whose owner was killed. */
static void take_place(struct job *job, struct semaphores *s)
{
    uint64_t me = kl_identity(job);
    for (int64_t end = proc_now() + 2 * SEC; proc_now() < end;) {
        uint32_t permits = atomic_load(&s->permits);
        for (uint32_t p = 0; p < permits; p++) {
            uint64_t nobody = 0;
            if (atomic_compare_exchange_strong(&s->place[p], &nobody, me)) {
                return;
            }
        }
        for (uint32_t p = 0; s->accounting && p < permits; p++) {
            uint64_t owner = atomic_load(&s->place[p]);
            if (owner && kl_condemned(owner) && atomic_compare_exchange_strong(&s->place[p], &owner, me)) {
                atomic_fetch_add(&s->inherited, 1);
                note_wait(job, owner);
                return;
            }
        }
    }
    kl_fail("%s: worker %u got a permit although %u others have all %u", run.scene, job->worker,
            (unsigned)atomic_load(&s->permits), (unsigned)atomic_load(&s->permits));
}

/* Before permits are given back, so that there is a place for whoever gets them. */
static uint32_t leave_places(struct semaphores *s, uint64_t who)
{
    uint32_t left = 0;
    for (uint32_t p = 0; p < MAX_PERMITS; p++) {
        uint64_t owner = who;
        left += atomic_compare_exchange_strong(&s->place[p], &owner, 0);
    }
    return left;
}

/* ---- calls, entered in the books ---- */

/* True: there is one permit more in the process. */
static bool acquire(struct job *job, struct semaphores *s, const mproc_semaphore_t *semaphore, int64_t timeout)
{
    struct books *books = &s->books[job->worker][job->thread];
    atomic_fetch_add(&books->acquires_begun, 1);
    int status = timeout ? mproc_semaphore_acquire(semaphore, timeout, NULL) : mproc_semaphore_try(semaphore);
    if (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) {
        atomic_fetch_sub(&books->acquires_begun, 1);
        return false;
    }
    if (status != MPROC_OK && !(status == MPROC_RECOVERED && s->accounting)) {
        kl_fail_call("acquire", status, __FILE__, __LINE__);
    }
    atomic_fetch_add(&books->acquires_done, 1);
    atomic_fetch_add(&s->recovered, status == MPROC_RECOVERED);
    return true;
}

static void release(struct job *job, struct semaphores *s, const mproc_semaphore_t *semaphore, uint32_t n)
{
    struct books *books = &s->books[job->worker][job->thread];
    atomic_fetch_add(&books->releases_begun, n);
    int status = mproc_semaphore_release(semaphore, n);
    if (status == MPROC_EOVERFLOW && s->bounded && !s->accounting) {
        atomic_fetch_sub(&books->releases_begun, n); /* the banker had replaced what was not lost */
        return;
    }
    if (status != MPROC_OK) {
        kl_fail_call("release", status, __FILE__, __LINE__);
    }
    atomic_fetch_add(&books->releases_done, n);
}

/* ---- plain: what the dead leave ---- */

static void give_back_for_predecessor(struct job *job, struct semaphores *s, const mproc_semaphore_t *semaphore)
{
    for (uint32_t p = 0; p < MAX_PERMITS; p++) {
        uint64_t owner = atomic_load(&s->place[p]);
        if (owner && kl_worker_of(owner) == job->worker && owner >> 16 < job->incarnation) {
            /* Both threads of the successor come by: the one that clears the place gives the permit back. */
            if (atomic_compare_exchange_strong(&s->place[p], &owner, 0)) {
                release(job, s, semaphore, 1);
                atomic_fetch_add(&s->inherited, 1);
            }
        }
    }
}

/* Nobody has a permit, none is to be had and nothing moves: they are lost with those who died between two notes. */
static void bank(struct job *job, struct semaphores *s)
{
    int64_t dry_since = 0;
    uint64_t passed = 0;
    while (!atomic_load(&s->banker_stops)) {
        mproc_semaphore_info_t info = { 0 };
        kl_phase(job, "looking after the permits");
        KL_OK(mproc_semaphore_info(s->semaphore, &info, sizeof info));
        if (info.value > (s->bounded ? s->initial : atomic_load(&s->permits))) {
            kl_fail("semaphore: %u permits are free, but there were never more than %u", (unsigned)info.value,
                    (unsigned)atomic_load(&s->permits));
        }
        uint64_t now_passed = atomic_load(&s->passed);
        bool dry = info.value == 0 && now_passed == passed;
        passed = now_passed;
        for (uint32_t p = 0; p < MAX_PERMITS; p++) {
            dry = dry && atomic_load(&s->place[p]) == 0;
        }
        int64_t now = proc_now();
        dry_since = !dry ? 0 : dry_since ? dry_since : now;
        if (dry && now - dry_since > 2 * MS) {
            if (atomic_load(&s->permits) == MAX_PERMITS) {
                kl_fail("semaphore: %d permits are lost, more than kills can have cost", MAX_PERMITS - (int)s->initial);
            }
            atomic_fetch_add(&s->permits, 1);
            release(job, s, s->semaphore, 1);
            atomic_fetch_add(&s->granted, 1);
            dry_since = 0;
        }
        kl_done(job);
        proc_sleep_ns(200000);
    }
}

/* ---- workers ---- */

static void pass(struct job *job, struct semaphores *s, const mproc_semaphore_t *semaphore)
{
    uint32_t most = rng_below(&job->rng, 4) ? 1 : 2;
    int64_t timeout = kl_random_timeout(job);
    job->began = proc_now();
    kl_phase(job, acquiring);
    if (!acquire(job, s, semaphore, timeout)) {
        return;
    }
    take_place(job, s);
    if (!s->accounting) { /* accounting: measured where a dead owner's place is taken */
        kl_went_through(0);
    }
    if (most > 1) { /* only what is there: two who wait for each other's would wait for ever */
        kl_phase(job, another);
        if (acquire(job, s, semaphore, rng_below(&job->rng, 2) ? 0 : (int64_t)rng_below(&job->rng, 300000))) {
            take_place(job, s);
        }
    }
    kl_phase(job, holding);
    switch (rng_below(&job->rng, 32)) {
    case 0:
        proc_sleep_ns((int64_t)rng_below(&job->rng, 500000));
        break;
    case 1:
    case 2:
        proc_spin_ns((int64_t)rng_below(&job->rng, 20000));
        break;
    case 3:
        if (s->accounting) {
            mproc_semaphore_info_t info = { 0 };
            KL_OK(mproc_semaphore_info(semaphore, &info, sizeof info));
            if (info.held == 0 || info.holders == 0 || info.value >= s->initial) {
                kl_fail("permits: worker %u has one, but the semaphore says: %u mine, %u processes, %u free of %u",
                        job->worker, (unsigned)info.held, (unsigned)info.holders, (unsigned)info.value,
                        (unsigned)s->initial);
            }
            int status = mproc_semaphore_release(semaphore, s->initial + 1);
            if (status != MPROC_EPERM && status != MPROC_EOVERFLOW) {
                kl_fail_call("giving back more than there are", status, __FILE__, __LINE__);
            }
        }
        break;
    default:
        break;
    }
    kl_phase(job, giving);
    release(job, s, semaphore, leave_places(s, kl_identity(job)));
    atomic_fetch_add(&s->passed, 1);
}

static void work(struct job *job)
{
    struct semaphores *s = job->scene;
    mproc_semaphore_t *semaphore = s->semaphore;
    if (job->worker == 0 && !s->accounting) {
        bank(job, s);
        return;
    }
    if (job->fresh) {
        kl_phase(job, "opening the semaphore");
        KL_OK(mproc_semaphore_open(NULL, s->name, NULL, &semaphore));
    }
    if (!s->accounting) {
        kl_phase(job, "giving back what the predecessor had");
        give_back_for_predecessor(job, s, semaphore);
    }
    while (!kl_stopping()) {
        pass(job, s, semaphore);
        kl_phase(job, "between two permits");
        kl_done(job);
    }
    if (job->fresh) {
        mproc_semaphore_close(semaphore);
    }
}

/* ---- rounds ---- */

static struct semaphores *new_round(bool accounting, uint64_t number)
{
    struct semaphores *s = proc_shared(sizeof *s);
    mproc_semaphore_options_t o = MPROC_SEMAPHORE_OPTIONS_INIT;
    s->accounting = accounting;
    s->bounded = number % 2;
    s->initial = 1 + (uint32_t)rng_below(&run.rng, 4);
    atomic_store(&s->permits, s->initial);
    o.initial = s->initial;
    o.flags = (s->bounded ? MPROC_SEMAPHORE_BOUNDED : 0) | (accounting ? MPROC_SEMAPHORE_ACCOUNTING : 0);
    snprintf(s->name, sizeof s->name, "kl-semaphore-%d-%llu", accounting, (unsigned long long)number);
    KL_OK(mproc_semaphore_create(NULL, s->name, &o, &s->semaphore));
    return s;
}

/* Everybody has gone. Plain: the value is what the books say, but for calls that a kill interrupted. */
static void audit(struct semaphores *s)
{
    int64_t low = s->initial, high = s->initial;
    mproc_semaphore_info_t info = { 0 };
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            const struct books *b = &s->books[w][t];
            int64_t change = (int64_t)(atomic_load(&b->releases_done) - atomic_load(&b->acquires_done));
            low += change - (int64_t)(atomic_load(&b->acquires_begun) - atomic_load(&b->acquires_done));
            high += change + (int64_t)(atomic_load(&b->releases_begun) - atomic_load(&b->releases_done));
        }
    }
    KL_OK(mproc_semaphore_info(s->semaphore, &info, sizeof info));
    if ((int64_t)info.value < low || (int64_t)info.value > high || (s->bounded && info.value > s->initial)) {
        kl_fail("semaphore: %u permits are free at the end; by the books it must be %lld to %lld", (unsigned)info.value,
                (long long)low, (long long)high);
    }
    for (uint32_t n = info.value; n > 0; n--) {
        KL_OK(mproc_semaphore_try(s->semaphore));
    }
    int status = mproc_semaphore_try(s->semaphore);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("one try more than there were permits", status, __FILE__, __LINE__);
    }
}

/* Accounting: all of them come back, and no more. */
static void audit_permits(struct semaphores *s, struct tally *tally, uint64_t kills)
{
    mproc_semaphore_info_t info = { 0 };
    for (uint32_t n = 0; n < s->initial; n++) {
        int status = mproc_semaphore_acquire(s->semaphore, 5 * SEC, NULL);
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            kl_fail("permits: only %u of %u have come back: %s", (unsigned)n, (unsigned)s->initial,
                    mproc_status_name(status));
        }
        atomic_fetch_add(&s->recovered, status == MPROC_RECOVERED);
    }
    int status = mproc_semaphore_try(s->semaphore);
    KL_OK(mproc_semaphore_info(s->semaphore, &info, sizeof info));
    if (status != MPROC_ETIMEDOUT || info.value != 0 || info.held != s->initial || info.holders != 1) {
        kl_fail("permits: with all %u taken, try says %s; %u free, %u mine, %u processes have some",
                (unsigned)s->initial, mproc_status_name(status), (unsigned)info.value, (unsigned)info.held,
                (unsigned)info.holders);
    }
    KL_OK(mproc_semaphore_release(s->semaphore, s->initial));
    KL_OK(mproc_semaphore_info(s->semaphore, &info, sizeof info));
    if (info.value != s->initial || info.held != 0 || info.holders != 0) {
        kl_fail("permits: %u of %u are free when nobody has any", (unsigned)info.value, (unsigned)s->initial);
    }
    /* Who takes over from somebody killed inside the semaphore is told, too: the dead may have been about to tell. */
    if (atomic_load(&s->recovered) > info.reclaimed + kills || info.reclaimed > kills) {
        kl_fail("permits: %llu times RECOVERED, %u times permits came back, %llu killed",
                (unsigned long long)atomic_load(&s->recovered), (unsigned)info.reclaimed, (unsigned long long)kills);
    }
    tally->steals += info.reclaimed;
}

static bool scene(bool accounting, uint64_t kills, struct tally *tally)
{
    struct crew crew = { .object = accounting ? "permits" : "semaphore", .workers = WORKERS, .immortals = 1,
                         .two_threads_in = 4, .calm_in = accounting ? 16 : 0, .all_must_work = true,
                         .targets = targets, .work = work };
    uint64_t passed = 0, inherited = 0, granted = 0;
    bool ok = true;
    for (uint64_t number = 0; ok && kills > 0; number++) {
        uint64_t now = kills < ROUND_KILLS ? kills : ROUND_KILLS;
        kills -= now;
        struct semaphores *s = new_round(accounting, number);
        crew.scene = s;
        ok = atomic_load(&board->failed) == 0;
        if (ok) {
            crew_start(&crew);
            ok = crew_kills(&crew, now) && crew_quiet(&crew);
            atomic_store(&board->stop, 1);
            /* The banker goes last: somebody may wait for a permit that is lost. */
            ok = ok && crew_join(&crew, 1, crew.workers);
            atomic_store(&s->banker_stops, 1);
            ok = ok && crew_join(&crew, 0, 1);
            crew_end(&crew);
        }
        if (ok) {
            if (accounting) {
                audit_permits(s, tally, now);
            } else {
                audit(s);
            }
            tally->kills += now;
            tally->recovered += atomic_load(&s->recovered);
            passed += atomic_load(&s->passed);
            inherited += atomic_load(&s->inherited);
            granted += atomic_load(&s->granted);
        }
        mproc_semaphore_close(s->semaphore);
        munmap(s, sizeof *s);
        ok = ok && atomic_load(&board->failed) == 0;
    }
    tally->never = inherited == 0 ? "a permit whose owner was killed" : NULL;
    if (accounting) {
        snprintf(tally->note, sizeof tally->note, "%llu permits taken, %llu of killed owners came back",
                 (unsigned long long)passed, (unsigned long long)inherited);
    } else {
        snprintf(tally->note, sizeof tally->note, "%llu permits taken, %llu given back for the dead, %llu lost",
                 (unsigned long long)passed, (unsigned long long)inherited, (unsigned long long)granted);
    }
    return ok;
}

bool scene_semaphore(uint64_t kills, struct tally *tally)
{
    return scene(false, kills, tally);
}

bool scene_permits(uint64_t kills, struct tally *tally)
{
    return scene(true, kills, tally);
}
