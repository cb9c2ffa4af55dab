/*
 * Kill loop, locks: a lock object, a value's lock and an array's lock, each guarding two numbers whose sum
 * never changes. Holders are killed half way through; whoever takes over must be told, and repairs.
 */
#include "killloop.h"

#define BOARDS 3
#define TOTAL 1000000

/* What one lock protects; plain shared memory, so that it shows what the lock is worth. */
struct guarded {
    _Alignas(64) _Atomic uint64_t inside; /* who is in the critical section; 0: nobody */
    _Atomic uint64_t a, b;                /* a + b == TOTAL whenever nobody is inside */
    _Atomic uint64_t recovered, entered;
};

struct locks {
    struct guarded guarded[BOARDS];
    mproc_lock_t *lock; /* handles that forked workers inherit */
    mproc_value_t *value;
    mproc_array_t *array;
};

static const char waiting[] = "waiting for a lock";
static const char holding[] = "holding a lock";
static const char leaving[] = "releasing a lock";
static const char outside[] = "between two locks";
static const char *const targets[] = { waiting, holding, leaving, outside, NULL };

static int take(const struct locks *l, unsigned which, int64_t timeout)
{
    return which == 0   ? mproc_lock_lock(l->lock, timeout, NULL)
           : which == 1 ? mproc_value_lock(l->value, timeout, NULL)
                        : mproc_array_lock(l->array, timeout, NULL);
}

static int release(const struct locks *l, unsigned which)
{
    return which == 0 ? mproc_lock_unlock(l->lock) : which == 1 ? mproc_value_unlock(l->value) : mproc_array_unlock(l->array);
}

/* One critical section; `status` is what taking the lock has returned. */
static void inside(struct job *job, struct guarded *g, int status)
{
    uint64_t me = kl_identity(job), previous = atomic_exchange(&g->inside, me);
    if (status == MPROC_RECOVERED) {
        if (previous != 0 && !kl_condemned(previous)) {
            kl_fail("lock: worker %u took the lock over from worker %u, which lives", job->worker, kl_worker_of(previous));
        }
        if (previous != 0) {
            const struct worker *dead = &board->worker[kl_worker_of(previous)];
            int64_t killed = atomic_load(&dead->killed_at);
            if (atomic_load(&dead->condemned) == previous >> 16) { /* else its successor was killed, too */
                kl_waited(proc_now() - (killed > job->began ? killed : job->began));
            }
        }
        atomic_fetch_add(&g->recovered, 1);
        atomic_store(&g->b, TOTAL - atomic_load(&g->a)); /* the repair */
    } else if (previous != 0) {
        kl_fail("lock: worker %u got the lock with plain OK while worker %u (%s) was inside", job->worker,
                kl_worker_of(previous), kl_condemned(previous) ? "killed: it should have been RECOVERED" : "alive: two holders");
    }
    uint64_t a = atomic_load(&g->a), b = atomic_load(&g->b);
    if (a + b != TOTAL) {
        kl_fail("lock: %llu + %llu is not %d, and nobody was told", (unsigned long long)a, (unsigned long long)b, TOTAL);
    }
    uint64_t d = rng_below(&job->rng, 50);
    bool up = a < 100 || (b >= 100 && rng_below(&job->rng, 2));
    atomic_store(&g->a, up ? a + d : a - d);
    switch (rng_below(&job->rng, 64)) {
    case 0:
        proc_sleep_ns((int64_t)rng_below(&job->rng, 300000));
        break;
    case 1:
    case 2:
    case 3:
        proc_spin_ns((int64_t)rng_below(&job->rng, 20000));
        break;
    default:
        for (volatile unsigned i = (unsigned)rng_below(&job->rng, 100); i > 0; i--) {
        }
    }
    if (atomic_load(&g->inside) != me) {
        kl_fail("lock: somebody else came in while worker %u was inside", job->worker);
    }
    atomic_store(&g->b, up ? b - d : b + d);
    atomic_fetch_add(&g->entered, 1);
    kl_phase(job, leaving);
    atomic_store(&g->inside, 0);
}

static void work(struct job *job)
{
    struct locks *inherited = job->scene, mine = *inherited;
    if (job->fresh) {
        kl_phase(job, "opening the locks");
        KL_OK(mproc_lock_open(NULL, "kl-lock", NULL, &mine.lock));
        KL_OK(mproc_value_open(NULL, "kl-lock-value", NULL, &mine.value));
        KL_OK(mproc_array_open(NULL, "kl-lock-array", NULL, &mine.array));
    }
    unsigned favourite = 0;
    while (!kl_stopping()) {
        if (rng_below(&job->rng, 8) == 0) {
            favourite = (unsigned)rng_below(&job->rng, BOARDS);
        }
        struct guarded *g = &inherited->guarded[favourite];
        uint64_t way = rng_below(&job->rng, 8);
        int64_t timeout = way == 0 ? 0 : way <= 2 ? (int64_t)rng_below(&job->rng, 3 * MS) : MPROC_FOREVER;
        job->began = proc_now();
        kl_phase(job, waiting);
        int status = take(&mine, favourite, timeout);
        if (status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER) {
            continue;
        }
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            kl_fail_call("lock", status, __FILE__, __LINE__);
        }
        kl_phase(job, holding);
        inside(job, g, status);
        status = release(&mine, favourite);
        if (status != MPROC_OK) {
            kl_fail_call("unlock by the holder", status, __FILE__, __LINE__);
        }
        kl_phase(job, outside);
        kl_done(job);
    }
    if (job->fresh) {
        mproc_lock_close(mine.lock);
        mproc_value_close(mine.value);
        mproc_array_close(mine.array);
    }
}

bool scene_lock(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "lock", .workers = 5, .immortals = 1, .two_threads_in = 4, .all_must_work = true,
                                .targets = targets, .work = work };
    struct locks *l = proc_shared(sizeof *l);
    mproc_value_options_t value = MPROC_VALUE_OPTIONS_INIT;
    value.type_code = MPROC_TYPE_I64;
    mproc_array_options_t array = MPROC_ARRAY_OPTIONS_INIT;
    array.type_code = MPROC_TYPE_F64;
    array.ndim = 1;
    array.shape[0] = 10;
    KL_OK(mproc_lock_create(NULL, "kl-lock", NULL, &l->lock));
    KL_OK(mproc_value_create(NULL, "kl-lock-value", &value, &l->value));
    KL_OK(mproc_array_create(NULL, "kl-lock-array", &array, &l->array));
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

    uint64_t entered = 0;
    mproc_value_info_t vi = { 0 };
    mproc_array_info_t ai = { 0 };
    KL_OK(mproc_value_info(l->value, &vi, sizeof vi));
    KL_OK(mproc_array_info(l->array, &ai, sizeof ai));
    for (unsigned i = 0; ok && i < BOARDS; i++) {
        struct guarded *g = &l->guarded[i];
        entered += atomic_load(&g->entered);
        tally->recovered += atomic_load(&g->recovered);
        mproc_owner_t owner = { 0 };
        int status = take(l, i, 5 * SEC); /* everybody has left, so it is free, or its last holder is dead */
        KL_OK(i == 0   ? mproc_lock_owner(l->lock, &owner, sizeof owner)
              : i == 1 ? mproc_value_lock_owner(l->value, &owner, sizeof owner)
                       : mproc_array_lock_owner(l->array, &owner, sizeof owner));
        if (status != MPROC_OK || !owner.held || !owner.is_self) {
            kl_fail("lock: at the end lock %u is not free: %s", i, mproc_status_name(status));
        } else if (atomic_load(&g->a) + atomic_load(&g->b) != TOTAL) {
            kl_fail("lock: the sum behind lock %u is not conserved", i);
        }
        KL_OK(release(l, i));
    }
    /* A takeover whose winner was killed before it could count it is in the object's own counter only. */
    uint64_t told = atomic_load(&l->guarded[1].recovered) + atomic_load(&l->guarded[2].recovered);
    tally->steals = (uint64_t)vi.steals + ai.steals;
    if (ok && tally->steals < told) {
        kl_fail("lock: %llu recoveries but only %llu steals counted", (unsigned long long)told, (unsigned long long)tally->steals);
    }
    tally->kills = kills;
    snprintf(tally->note, sizeof tally->note, "%llu critical sections", (unsigned long long)entered);
    mproc_lock_close(l->lock);
    mproc_value_close(l->value);
    mproc_array_close(l->array);
    munmap(l, sizeof *l);
    return ok && atomic_load(&board->failed) == 0;
}
