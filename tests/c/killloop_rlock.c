/*
 * Kill loop, recursive locks: two numbers whose sum never changes, behind a lock that its owners take several
 * times over, as threads or under tokens of their own. Owners die with any number of levels; whoever comes next
 * must be told, and has the lock with one level, not with what the dead left. In every process the tokens are
 * the same numbers: that must not make two processes one owner.
 */
#include "killloop.h"

#define BOARDS 2
#define TOTAL 1000000
#define MAX_LEVELS 5

/* What one lock protects; plain shared memory, so that it shows what the lock is worth. */
struct guarded {
    _Alignas(64) _Atomic uint64_t inside; /* who is in the critical section; 0: nobody */
    _Atomic uint32_t levels;              /* how often it has taken the lock, at least */
    _Atomic uint64_t a, b;                /* a + b == TOTAL whenever nobody is inside */
    _Atomic uint64_t recovered, entered, levels_died;
};

struct rlocks {
    struct guarded guarded[BOARDS];
    mproc_rlock_t *rlock[BOARDS]; /* handles that forked workers inherit */
};

static const char waiting[] = "waiting for an rlock";
static const char deepening[] = "taking an rlock once more";
static const char holding[] = "holding an rlock";
static const char rising[] = "giving up one level";
static const char leaving[] = "releasing an rlock";
static const char *const targets[] = { waiting, deepening, holding, rising, leaving, NULL };

/* Who takes it: 0 is the thread, everything else a token. */
static int take(const mproc_rlock_t *rlock, uint64_t token, int64_t timeout)
{
    return token ? mproc_rlock_lock_as(rlock, token, timeout, NULL) : mproc_rlock_lock(rlock, timeout, NULL);
}

static int release(const mproc_rlock_t *rlock, uint64_t token)
{
    return token ? mproc_rlock_unlock_as(rlock, token) : mproc_rlock_unlock(rlock);
}

/* While it is held, what the lock says about itself is exact. */
static void check_info(const struct job *job, const mproc_rlock_t *rlock, uint64_t token, uint32_t levels)
{
    mproc_rlock_info_t info = { 0 };
    KL_OK(mproc_rlock_info(rlock, &info, sizeof info));
    if (!info.owner.held || !info.owner.is_self || info.count != levels ||
        (token ? info.token != token : !(info.token >> 63))) {
        kl_fail("rlock: worker %u holds the lock %u times as %llu, but the lock says %u times as %llu, %s", job->worker,
                (unsigned)levels, (unsigned long long)token, (unsigned)info.count, (unsigned long long)info.token,
                info.owner.is_self ? "by itself" : "by somebody else");
    }
}

/* The same process under another token is somebody else. */
static void try_as_another(const struct job *job, const mproc_rlock_t *rlock)
{
    uint64_t other = 100 + job->thread; /* nobody ever holds it as that */
    int status = mproc_rlock_lock_as(rlock, other, 0, NULL);
    if (status != MPROC_ETIMEDOUT) {
        kl_fail_call("taking an rlock that another owner of this process holds", status, __FILE__, __LINE__);
    }
    status = mproc_rlock_unlock_as(rlock, other);
    if (status != MPROC_EPERM) {
        kl_fail_call("releasing an rlock that another owner of this process holds", status, __FILE__, __LINE__);
    }
}

static void note_entry(struct job *job, struct guarded *g, int status)
{
    uint64_t me = kl_identity(job), previous = atomic_exchange(&g->inside, me);
    uint32_t levels = atomic_exchange(&g->levels, 1);
    if (status == MPROC_RECOVERED) {
        if (previous != 0 && !kl_condemned(previous)) {
            kl_fail("rlock: worker %u took the lock over from worker %u, which lives", job->worker,
                    kl_worker_of(previous));
        }
        if (previous != 0) {
            const struct worker *dead = &board->worker[kl_worker_of(previous)];
            int64_t killed = atomic_load(&dead->killed_at);
            if (atomic_load(&dead->condemned) == previous >> 16) { /* else its successor was killed, too */
                kl_waited(proc_now() - (killed > job->began ? killed : job->began));
            }
            atomic_fetch_add(&g->levels_died, levels > 1);
        }
        atomic_fetch_add(&g->recovered, 1);
        atomic_store(&g->b, TOTAL - atomic_load(&g->a)); /* the repair */
    } else if (previous != 0) {
        kl_fail("rlock: worker %u got the lock with plain OK while worker %u (%s) was inside", job->worker,
                kl_worker_of(previous),
                kl_condemned(previous) ? "killed: it should have been RECOVERED" : "alive: two holders");
    }
}

/* One critical section, entered more than once; `status` is what taking the lock the first time has returned. */
static void inside(struct job *job, struct guarded *g, const mproc_rlock_t *rlock, uint64_t token, int status)
{
    uint32_t levels = 1, most = 1 + (uint32_t)rng_below(&job->rng, MAX_LEVELS);
    note_entry(job, g, status);
    uint64_t a = atomic_load(&g->a), b = atomic_load(&g->b);
    if (a + b != TOTAL) {
        kl_fail("rlock: %llu + %llu is not %d, and nobody was told", (unsigned long long)a, (unsigned long long)b,
                TOTAL);
    }
    if (rng_below(&job->rng, 8) == 0) {
        check_info(job, rlock, token, levels);
    }
    uint64_t d = rng_below(&job->rng, 50);
    bool up = a < 100 || (b >= 100 && rng_below(&job->rng, 2));
    atomic_store(&g->a, up ? a + d : a - d);
    while (levels < most) {
        kl_phase(job, deepening);
        KL_OK(take(rlock, token, rng_below(&job->rng, 2) ? 0 : MPROC_FOREVER)); /* at once, and not RECOVERED again */
        atomic_store(&g->levels, ++levels);
    }
    kl_phase(job, holding);
    switch (rng_below(&job->rng, 64)) {
    case 0:
        proc_sleep_ns((int64_t)rng_below(&job->rng, 300000));
        break;
    case 1:
    case 2:
        proc_spin_ns((int64_t)rng_below(&job->rng, 20000));
        break;
    case 3:
        check_info(job, rlock, token, levels);
        break;
    case 4:
        try_as_another(job, rlock);
        break;
    default:
        break;
    }
    while (levels > 1) {
        kl_phase(job, rising);
        KL_OK(release(rlock, token));
        atomic_store(&g->levels, --levels);
        if (atomic_load(&g->inside) != kl_identity(job)) {
            kl_fail("rlock: somebody else came in while worker %u still had a level", job->worker);
        }
    }
    atomic_store(&g->b, up ? b - d : b + d);
    atomic_fetch_add(&g->entered, 1);
    kl_phase(job, leaving);
    atomic_store(&g->inside, 0);
    KL_OK(release(rlock, token));
}

static void work(struct job *job)
{
    struct rlocks *l = job->scene;
    mproc_rlock_t *mine[BOARDS] = { l->rlock[0], l->rlock[1] };
    if (job->fresh) {
        kl_phase(job, "opening the rlocks");
        KL_OK(mproc_rlock_open(NULL, "kl-rlock-0", NULL, &mine[0]));
        KL_OK(mproc_rlock_open(NULL, "kl-rlock-1", NULL, &mine[1]));
    }
    while (!kl_stopping()) {
        unsigned which = rng_below(&job->rng, 4) == 0;
        uint64_t token = rng_below(&job->rng, 2) ? 0 : 1 + job->thread;
        int64_t timeout = kl_random_timeout(job);
        job->began = proc_now();
        kl_phase(job, waiting);
        int status = take(mine[which], token, timeout);
        if (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) {
            continue;
        }
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            kl_fail_call("lock", status, __FILE__, __LINE__);
        }
        inside(job, &l->guarded[which], mine[which], token, status);
        kl_done(job);
    }
    if (job->fresh) {
        mproc_rlock_close(mine[0]);
        mproc_rlock_close(mine[1]);
    }
}

bool scene_rlock(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "rlock", .workers = 5, .immortals = 1, .two_threads_in = 3,
                                .all_must_work = true, .targets = targets, .work = work };
    struct rlocks *l = proc_shared(sizeof *l);
    KL_OK(mproc_rlock_create(NULL, "kl-rlock-0", NULL, &l->rlock[0]));
    KL_OK(mproc_rlock_create(NULL, "kl-rlock-1", NULL, &l->rlock[1]));
    if (atomic_load(&board->failed)) {
        return false;
    }
    for (unsigned i = 0; i < BOARDS; i++) {
        atomic_store(&l->guarded[i].a, TOTAL / 2);
        atomic_store(&l->guarded[i].b, TOTAL / 2);
    }
    crew.scene = l;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    crew_end(&crew);

    uint64_t entered = 0, levels_died = 0;
    for (unsigned i = 0; ok && i < BOARDS; i++) {
        struct guarded *g = &l->guarded[i];
        mproc_rlock_info_t info = { 0 };
        /* Everybody has left: it is free, with all its levels. */
        int status = mproc_rlock_lock(l->rlock[i], 5 * SEC, NULL);
        KL_OK(mproc_rlock_info(l->rlock[i], &info, sizeof info));
        if (status != MPROC_OK || !info.owner.is_self || info.count != 1) {
            kl_fail("rlock: at the end lock %u is not free: %s, %u levels", i, mproc_status_name(status),
                    (unsigned)info.count);
        } else if (atomic_load(&g->a) + atomic_load(&g->b) != TOTAL) {
            kl_fail("rlock: the sum behind lock %u is not conserved", i);
        } else if (info.steals < atomic_load(&g->recovered)) {
            kl_fail("rlock: %llu recoveries but only %u steals counted", (unsigned long long)atomic_load(&g->recovered),
                    (unsigned)info.steals);
        }
        KL_OK(mproc_rlock_unlock(l->rlock[i]));
        entered += atomic_load(&g->entered);
        levels_died += atomic_load(&g->levels_died);
        tally->recovered += atomic_load(&g->recovered);
        tally->steals += info.steals;
    }
    tally->kills = kills;
    tally->never = levels_died == 0 ? "an owner that died with several levels" : NULL;
    snprintf(tally->note, sizeof tally->note, "%llu critical sections, %llu owners died with several levels",
             (unsigned long long)entered, (unsigned long long)levels_died);
    mproc_rlock_close(l->rlock[0]);
    mproc_rlock_close(l->rlock[1]);
    munmap(l, sizeof *l);
    return ok && atomic_load(&board->failed) == 0;
}
