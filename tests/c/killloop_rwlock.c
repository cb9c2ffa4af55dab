/*
 * Kill loop, readers-writer locks: writers change two words that are otherwise equal, readers compare them. Both
 * are killed inside and while they wait. Whoever reads unequal words must have been told that a writer died; a
 * reader that died must not keep anybody out; and nobody who lives is inside beside a writer.
 */
#include "killloop.h"

struct guarded {
    _Alignas(64) _Atomic uint64_t writer; /* who is writing; 0: nobody */
    _Atomic uint64_t a, b;                /* equal whenever nobody is writing */
    _Atomic uint64_t clean_at;            /* how many were dead for certain when the last writer released the lock */
    /* The incarnation that is reading; what the dead leave here stays until a writer comes by. */
    _Alignas(64) _Atomic uint32_t reading[MAX_WORKERS][MAX_THREADS];
    _Alignas(64) _Atomic uint64_t reads, writes, told_readers, told_writers, dead_readers;
    mproc_rwlock_t *rwlock;
};

static const char reading_waits[] = "waiting to read";
static const char reading[] = "reading";
static const char reading_ends[] = "releasing a read lock";
static const char writing_waits[] = "waiting to write";
static const char writing[] = "writing";
static const char writing_ends[] = "releasing a write lock";
static const char *const targets[] = { reading_waits, reading, reading, reading_ends, writing_waits,
                                       writing,       writing, writing, writing_ends, NULL };

/* Grows with every kill, before it. */
static uint64_t condemned(void)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        sum += atomic_load(&board->worker[w].condemned);
    }
    return sum;
}

/* Grows with every kill, when the dead have been replaced. Who is condemned may still run in between. */
static uint64_t replaced(void)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        uint32_t incarnation = atomic_load(&board->worker[w].incarnation);
        sum += incarnation ? incarnation - 1 : 0;
    }
    return sum;
}

static bool taken(int status, int64_t timeout, const char *call)
{
    if (status != MPROC_OK && status != MPROC_RECOVERED && !(status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER)) {
        kl_fail_call(call, status, __FILE__, __LINE__);
    }
    return status >= 0;
}

/* RECOVERED: then somebody has been killed since a writer last released the lock in an orderly way. */
static void check_told(const struct job *job, const struct guarded *g, const char *what)
{
    if (condemned() <= atomic_load(&g->clean_at)) {
        kl_fail("rwlock: worker %u was told that a writer died (%s), but nobody has since the last one released it",
                job->worker, what);
    }
}

static void stay(struct job *job, unsigned one_in)
{
    switch (rng_below(&job->rng, one_in)) {
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
}

static void read_inside(struct job *job, struct guarded *g, int status)
{
    _Atomic uint32_t *mark = &g->reading[job->worker][job->thread];
    atomic_store(mark, job->incarnation);
    uint64_t writer = atomic_load(&g->writer), a = atomic_load(&g->a), b = atomic_load(&g->b);
    if (writer && !kl_condemned(writer)) {
        kl_fail("rwlock: worker %u reads while worker %u, which lives, is writing", job->worker, kl_worker_of(writer));
    }
    if (status == MPROC_RECOVERED) {
        check_told(job, g, "reading");
        atomic_fetch_add(&g->told_readers, 1);
    } else if (writer || a != b) {
        kl_fail("rwlock: worker %u reads %llu and %llu, and was not told that a writer had died", job->worker,
                (unsigned long long)a, (unsigned long long)b);
    }
    stay(job, 32);
    if (atomic_load(&g->writer) != writer || atomic_load(&g->a) != a || atomic_load(&g->b) != b) {
        kl_fail("rwlock: somebody wrote while worker %u was reading", job->worker);
    }
    atomic_fetch_add(&g->reads, 1);
    kl_phase(job, reading_ends);
    atomic_store(mark, 0);
}

static void write_inside(struct job *job, struct guarded *g, int status)
{
    uint64_t me = kl_identity(job), previous = atomic_exchange(&g->writer, me);
    if (previous && !kl_condemned(previous)) {
        kl_fail("rwlock: worker %u writes while worker %u, which lives, is writing", job->worker,
                kl_worker_of(previous));
    }
    for (unsigned w = 0; w < MAX_WORKERS; w++) {
        for (unsigned t = 0; t < MAX_THREADS; t++) {
            uint32_t reader = atomic_load(&g->reading[w][t]);
            if (!reader) {
                continue;
            }
            if (atomic_load(&board->worker[w].condemned) < reader) {
                kl_fail("rwlock: worker %u writes while worker %u, which lives, is reading", job->worker, w);
            }
            atomic_fetch_add(&g->dead_readers, atomic_compare_exchange_strong(&g->reading[w][t], &reader, 0));
        }
    }
    uint64_t a = atomic_load(&g->a), b = atomic_load(&g->b);
    if (status == MPROC_RECOVERED) {
        check_told(job, g, "writing");
        if (previous) {
            const struct worker *dead = &board->worker[kl_worker_of(previous)];
            int64_t killed = atomic_load(&dead->killed_at);
            if (atomic_load(&dead->condemned) == previous >> 16) { /* else its successor was killed, too */
                kl_waited(proc_now() - (killed > job->began ? killed : job->began));
            }
        }
        atomic_fetch_add(&g->told_writers, 1);
    } else if (previous || a != b) {
        kl_fail("rwlock: worker %u finds %llu and %llu, and was not told that a writer had died", job->worker,
                (unsigned long long)a, (unsigned long long)b);
    }
    uint64_t next = (a > b ? a : b) + 1;
    atomic_store(&g->a, next);
    stay(job, 8); /* long enough to be killed in it */
    atomic_store(&g->b, next);
    if (atomic_load(&g->writer) != me || atomic_load(&g->a) != next) {
        kl_fail("rwlock: somebody else came in while worker %u was writing", job->worker);
    }
    atomic_fetch_add(&g->writes, 1);
    kl_phase(job, writing_ends);
    atomic_store(&g->clean_at, replaced());
    atomic_store(&g->writer, 0);
}

static void work(struct job *job)
{
    struct guarded *g = job->scene;
    mproc_rwlock_t *rwlock = g->rwlock;
    if (job->fresh) {
        kl_phase(job, "opening the rwlock");
        KL_OK(mproc_rwlock_open(NULL, "kl-rwlock", NULL, &rwlock));
    }
    while (!kl_stopping()) {
        int64_t timeout = kl_random_timeout(job);
        job->began = proc_now();
        if (rng_below(&job->rng, 8)) { /* few writers: else the next one is always there before any reader */
            kl_phase(job, reading_waits);
            int status = mproc_rwlock_read_lock(rwlock, timeout, NULL);
            if (!taken(status, timeout, "read_lock")) {
                continue;
            }
            kl_phase(job, reading);
            read_inside(job, g, status);
            KL_OK(mproc_rwlock_read_unlock(rwlock));
        } else {
            kl_phase(job, writing_waits);
            int status = mproc_rwlock_write_lock(rwlock, timeout, NULL);
            if (!taken(status, timeout, "write_lock")) {
                continue;
            }
            kl_phase(job, writing);
            write_inside(job, g, status);
            KL_OK(mproc_rwlock_write_unlock(rwlock));
        }
        kl_phase(job, "between two locks");
        kl_done(job);
        kl_pause_sometimes(job, 64);
    }
    if (job->fresh) {
        mproc_rwlock_close(rwlock);
    }
}

bool scene_rwlock(uint64_t kills, struct tally *tally)
{
    static struct crew crew = { .object = "rwlock", .workers = 6, .immortals = 1, .two_threads_in = 4,
                                .all_must_work = true, .targets = targets, .work = work };
    struct guarded *g = proc_shared(sizeof *g);
    KL_OK(mproc_rwlock_create(NULL, "kl-rwlock", NULL, &g->rwlock));
    if (atomic_load(&board->failed)) {
        return false;
    }
    crew.scene = g;
    crew_start(&crew);
    bool ok = crew_kills(&crew, kills) && crew_quiet(&crew);
    atomic_store(&board->stop, 1);
    ok = ok && crew_join(&crew, 0, crew.workers);
    crew_end(&crew);

    mproc_rwlock_info_t info = { 0 };
    if (ok) {
        /* Everybody has left. The last writer released the lock, or died, and then a writer sets that right. */
        int status = mproc_rwlock_write_lock(g->rwlock, 5 * SEC, NULL);
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            kl_fail_call("write_lock at the end", status, __FILE__, __LINE__);
        } else if (status == MPROC_OK && atomic_load(&g->a) != atomic_load(&g->b)) {
            kl_fail("rwlock: at the end the words differ, and nobody was told");
        }
        KL_OK(mproc_rwlock_write_unlock(g->rwlock));
        KL_OK(mproc_rwlock_read_try(g->rwlock));
        KL_OK(mproc_rwlock_info(g->rwlock, &info, sizeof info));
        if (info.readers != 1 || info.reading_processes != 1 || info.writing || info.inconsistent || info.writer.held) {
            kl_fail("rwlock: at the end %u readers in %u processes, writing %d, inconsistent %d",
                    (unsigned)info.readers, (unsigned)info.reading_processes, (int)info.writing,
                    (int)info.inconsistent);
        }
        KL_OK(mproc_rwlock_read_unlock(g->rwlock));
    }
    tally->kills = kills;
    tally->recovered = atomic_load(&g->told_writers) + atomic_load(&g->told_readers);
    tally->steals = info.steals;
    tally->never = atomic_load(&g->told_writers) == 0   ? "MPROC_RECOVERED for a writer"
                   : atomic_load(&g->told_readers) == 0 ? "MPROC_RECOVERED for a reader"
                   : atomic_load(&g->dead_readers) == 0 ? "a writer that came after a reader killed inside"
                                                        : NULL;
    snprintf(tally->note, sizeof tally->note,
             "%llu reads, %llu writes, %llu readers died inside, %llu writers and %llu readers were told of a writer",
             (unsigned long long)atomic_load(&g->reads), (unsigned long long)atomic_load(&g->writes),
             (unsigned long long)atomic_load(&g->dead_readers), (unsigned long long)atomic_load(&g->told_writers),
             (unsigned long long)atomic_load(&g->told_readers));
    mproc_rwlock_close(g->rwlock);
    munmap(g, sizeof *g);
    return ok && atomic_load(&board->failed) == 0;
}
