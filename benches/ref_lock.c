/*
 * References: pthread mutexes in shared memory, plain, recursive, and each of them robust; and the two atomic
 * instructions that any lock pays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

struct shared_lock {
    pthread_mutex_t mutex __attribute__((aligned(128)));
    uint32_t word __attribute__((aligned(128)));
};

static const char *setup(struct run *run, int type, bool robust)
{
    pthread_mutexattr_t attr;
    struct shared_lock *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    pthread_mutexattr_init(&attr);
    if (pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0)
        return "no process-shared mutexes here";
    pthread_mutexattr_settype(&attr, type);
    if (robust && pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0)
        return "no robust mutexes here";
    pthread_mutex_init(&s->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    run->state = s;
    return NULL;
}

static const char *setup_plain(struct run *run) { return setup(run, PTHREAD_MUTEX_DEFAULT, false); }
static const char *setup_robust(struct run *run) { return setup(run, PTHREAD_MUTEX_DEFAULT, true); }
static const char *setup_recursive(struct run *run) { return setup(run, PTHREAD_MUTEX_RECURSIVE, false); }
static const char *setup_recursive_robust(struct run *run) { return setup(run, PTHREAD_MUTEX_RECURSIVE, true); }

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_lock)); }

static void mutex_lock(void *ctx)
{
    struct shared_lock *s = ctx;
    int err = pthread_mutex_lock(&s->mutex);
    if (err != 0)
        die("pthread_mutex_lock: %d", err);
}

static void mutex_unlock(void *ctx)
{
    struct shared_lock *s = ctx;
    if (pthread_mutex_unlock(&s->mutex) != 0)
        die("pthread_mutex_unlock failed");
}

static void mutex_pair(void *ctx, uint64_t i)
{
    (void)i;
    mutex_lock(ctx);
    mutex_unlock(ctx);
}

static void word_pair(void *ctx, uint64_t i)
{
    struct shared_lock *s = ctx;
    uint32_t free_word = 0, mine = 1;
    (void)i;
    if (!__atomic_compare_exchange_n(&s->word, &free_word, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) ||
        !__atomic_compare_exchange_n(&s->word, &mine, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        die("somebody else holds a private word");
}

static void body_mutex(struct run *run) { loop_op(run, run->state, mutex_pair); }

static void body_inner(struct run *run)
{
    mutex_lock(run->state);
    loop_op(run, run->state, mutex_pair);
    mutex_unlock(run->state);
}

static void body_word(struct run *run) { loop_op(run, run->state, word_pair); }
static void body_contend(struct run *run) { loop_contend(run, run->state, mutex_lock, mutex_unlock); }

const struct side ref_mutex = {
    .name = "process-shared pthread mutex", .members = 1, .setup = setup_plain, .body = body_mutex, .teardown = teardown};
const struct side ref_mutex_robust = {
    .name = "robust pthread mutex", .members = 1, .setup = setup_robust, .body = body_mutex, .teardown = teardown};
const struct side ref_recursive = {.name = "recursive pthread mutex",
                                   .members = 1,
                                   .setup = setup_recursive,
                                   .body = body_mutex,
                                   .teardown = teardown};
const struct side ref_recursive_robust = {.name = "robust recursive mutex",
                                          .members = 1,
                                          .setup = setup_recursive_robust,
                                          .body = body_mutex,
                                          .teardown = teardown};
const struct side ref_recursive_inner = {.name = "recursive pthread mutex",
                                         .members = 1,
                                         .setup = setup_recursive,
                                         .body = body_inner,
                                         .teardown = teardown};
const struct side ref_lock_word = {
    .name = "two compare-exchanges, inline", .members = 1, .setup = setup_plain, .body = body_word, .teardown = teardown};
const struct side ref_mutex_contend = {.name = "process-shared pthread mutex",
                                       .members = 2,
                                       .timed = true,
                                       .setup = setup_plain,
                                       .body = body_contend,
                                       .teardown = teardown};
const struct side ref_mutex_contend_work = {.name = "process-shared pthread mutex",
                                            .members = 2,
                                            .timed = true,
                                            .option = WORK_OUTSIDE,
                                            .setup = setup_plain,
                                            .body = body_contend,
                                            .teardown = teardown};
