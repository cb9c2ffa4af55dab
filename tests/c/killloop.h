/*
 * The kill loop: workers use an object as hard as they can while the driver kills one after the other
 * with SIGKILL at random moments and puts a fresh one in its place. This header is what the scenes (one
 * for each kind of object) share: workers, what they publish about themselves, and the killing.
 */
#ifndef MPROC_TESTS_KILLLOOP_H
#define MPROC_TESTS_KILLLOOP_H

#include "proc.h"

#include <mproc.h>

#define MAX_WORKERS 12
#define MAX_THREADS 2
#define STALL_LIMIT (20 * SEC) /* no finished operation for this long: something hangs */

/* One thread of one worker, in shared memory: what it does (a string literal) and how much it has done. */
struct seat {
    _Alignas(64) _Atomic(const char *) phase;
    _Atomic uint64_t ops;
};

struct worker {
    struct seat seat[MAX_THREADS];
    _Atomic uint32_t incarnation; /* counts the processes that have had this place; the first is 1 */
    _Atomic uint32_t condemned;   /* the last incarnation that the driver has decided to kill */
    _Atomic int64_t killed_at;    /* when it did */
};

/* Shared by the driver and all workers of a run. */
struct board {
    struct worker worker[MAX_WORKERS];
    _Alignas(64) _Atomic int64_t longest_wait; /* what that is, each scene says where it measures it */
    _Atomic int64_t killed_at[2];              /* the first kill since which this side of a queue has finished nothing */
    _Alignas(64) _Atomic uint32_t stop;
    _Atomic uint32_t failed;
    char failure[600];
};

extern struct board *board;

/* One thread's work order. */
struct job {
    unsigned worker, thread;
    uint32_t incarnation;
    int64_t began; /* the operation in progress */
    bool fresh;    /* opens everything by name itself; otherwise it uses what it inherited by fork */
    struct rng rng;
    struct seat *seat;
    void *scene;
};

struct crew {
    const char *object;
    unsigned workers;
    unsigned immortals;         /* so many, from the first on, are never killed: they see the whole run */
    unsigned two_threads_in;    /* one of so many incarnations works with two threads; 0: none */
    unsigned calm_in;           /* one of so many pauses is so long that a death is noticed before the next; 0: none */
    bool all_must_work;         /* at the end every worker must get its turn, not just some */
    const char *const *targets; /* phases worth a kill, NULL-terminated */
    void (*work)(struct job *job);
    void *scene;
    pid_t pid[MAX_WORKERS];
};

/* What a scene reports. */
struct tally {
    uint64_t kills;
    uint64_t recovered;      /* MPROC_RECOVERED seen */
    uint64_t steals;         /* internal and user's locks taken over from the dead */
    uint64_t rollbacks;
    int64_t longest_wait;
    const char *never; /* what the kills should have brought about and did not; NULL: nothing is missing */
    char note[240];
};

/* The run as a whole. */
struct run {
    uint64_t kills, done;       /* wanted and done, over all scenes */
    uint64_t seed;
    bool progress;
    const char *scene;
    int64_t began, shown;
    struct rng rng;
};

extern struct run run;
extern volatile sig_atomic_t interrupted;

/* For workers and the driver: notes why the run fails. In a worker it does not return. */
void kl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A call that may only return OK. */
#define KL_OK(call)                                                                                        \
    do {                                                                                                   \
        int kl_status_ = (call);                                                                           \
        if (kl_status_ != MPROC_OK) {                                                                      \
            kl_fail_call(#call, kl_status_, __FILE__, __LINE__);                                           \
        }                                                                                                  \
    } while (0)

void kl_fail_call(const char *call, int status, const char *file, int line);

static inline void kl_phase(struct job *job, const char *phase)
{
    atomic_store_explicit(&job->seat->phase, phase, memory_order_relaxed);
}

static inline bool kl_stopping(void)
{
    return atomic_load_explicit(&board->stop, memory_order_relaxed) != 0;
}

/* An operation has finished. */
static inline void kl_done(struct job *job)
{
    atomic_store_explicit(&job->seat->ops, atomic_load_explicit(&job->seat->ops, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* So long has somebody been kept waiting; the longest is reported. */
static inline void kl_waited(int64_t ns)
{
    int64_t longest = atomic_load_explicit(&board->longest_wait, memory_order_relaxed);
    while (ns > longest && !atomic_compare_exchange_weak(&board->longest_wait, &longest, ns)) {
    }
}

/* A call that may only return OK, in a phase of its own; its duration bounds what a death can have cost it. */
#define KL_TIMED(job, phase, call)                                                                         \
    do {                                                                                                   \
        int64_t kl_began_ = proc_now();                                                                    \
        kl_phase(job, phase);                                                                              \
        KL_OK(call);                                                                                       \
        kl_waited(proc_now() - kl_began_);                                                                 \
    } while (0)

/* A put (side 0) or get (side 1) went through: so long has a kill kept this side of a queue from that. */
static inline void kl_went_through(unsigned side)
{
    if (atomic_load_explicit(&board->killed_at[side], memory_order_relaxed)) {
        int64_t at = atomic_exchange(&board->killed_at[side], 0);
        if (at) {
            kl_waited(proc_now() - at);
        }
    }
}

/* Only OK, or a timeout that was asked for. */
static inline bool kl_passed(int status, int64_t timeout, const char *call)
{
    if (status != MPROC_OK && !(status == MPROC_ETIMEDOUT && timeout != MPROC_FOREVER)) {
        kl_fail_call(call, status, __FILE__, __LINE__);
    }
    return status == MPROC_OK;
}

static inline int64_t kl_random_timeout(struct job *job)
{
    uint64_t way = rng_below(&job->rng, 8);
    return way == 0 ? 0 : way == 1 ? (int64_t)rng_below(&job->rng, 2 * MS) : MPROC_FOREVER;
}

static inline void kl_pause_sometimes(struct job *job, unsigned one_in)
{
    if (one_in && rng_below(&job->rng, one_in) == 0) {
        proc_sleep_ns((int64_t)rng_below(&job->rng, 400000));
    }
}

/* One thread of one incarnation, as a word that is never 0; and whether the driver has decided to kill it. */
static inline uint64_t kl_identity(const struct job *job)
{
    return (uint64_t)job->incarnation << 16 | job->worker << 8 | job->thread << 1 | 1;
}

static inline unsigned kl_worker_of(uint64_t who)
{
    return (unsigned)(who >> 8 & 0xff);
}

static inline bool kl_condemned(uint64_t who)
{
    return atomic_load(&board->worker[kl_worker_of(who)].condemned) >= who >> 16;
}

/* Starts all workers. */
void crew_start(struct crew *crew);
/* Kills and replaces `kills` workers. False when the run has failed or was interrupted. */
bool crew_kills(struct crew *crew, uint64_t kills);
/* Kills one worker for good: nobody comes in its place. */
bool crew_kill_unreplaced(struct crew *crew, unsigned worker);
/* Nobody dies any more: everyone (or at least someone) must still get work done. */
bool crew_quiet(struct crew *crew);
/* The run has failed: nothing moves. Says what everybody was doing. */
void crew_stalled(const struct crew *crew, const char *what);
/* Waits for the end of workers first..last-1, which were told to stop. */
bool crew_join(struct crew *crew, unsigned first, unsigned last);
/* Kills whoever is left, without replacement. */
void crew_end(struct crew *crew);
/* Waits until no child is left at all, adopted grandchildren included. */
bool crew_no_strays(void);

/* Every scene takes the kills it may spend and fills in what it saw. False: failed or interrupted. */
bool scene_lock(uint64_t kills, struct tally *tally);
bool scene_value(uint64_t kills, struct tally *tally);
bool scene_array(uint64_t kills, struct tally *tally);
bool scene_queue(uint64_t kills, struct tally *tally);
bool scene_inplace(uint64_t kills, struct tally *tally);
bool scene_lease(uint64_t kills, struct tally *tally);
bool scene_join(uint64_t kills, struct tally *tally);
bool scene_pipe(uint64_t kills, struct tally *tally);
bool scene_rlock(uint64_t kills, struct tally *tally);
bool scene_rwlock(uint64_t kills, struct tally *tally);
bool scene_semaphore(uint64_t kills, struct tally *tally);
bool scene_permits(uint64_t kills, struct tally *tally);
bool scene_condition(uint64_t kills, struct tally *tally);
bool scene_event(uint64_t kills, struct tally *tally);
bool scene_barrier(uint64_t kills, struct tally *tally);
bool scene_value_notify(uint64_t kills, struct tally *tally);
bool scene_wait(uint64_t kills, struct tally *tally);
bool scene_poll(uint64_t kills, struct tally *tally);
bool scene_dict(uint64_t kills, struct tally *tally);
bool scene_list(uint64_t kills, struct tally *tally);
bool scene_nest(uint64_t kills, struct tally *tally);
bool scene_lifecycle(uint64_t kills, struct tally *tally);

#endif
