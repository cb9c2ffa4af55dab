/*
 * References: a pthread condition variable and its mutex in shared memory, for a turn that goes to and fro, and with a
 * flag for the event, which POSIX does not have.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

struct shared_condition {
    pthread_mutex_t mutex __attribute__((aligned(128)));
    pthread_cond_t condition;
    bool flag;
};

static const char *setup(struct run *run)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    struct shared_condition *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    pthread_mutexattr_init(&mutex);
    pthread_condattr_init(&condition);
    if (pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED) != 0)
        return "no process-shared condition variables here";
    pthread_mutex_init(&s->mutex, &mutex);
    pthread_cond_init(&s->condition, &condition);
    pthread_mutexattr_destroy(&mutex);
    pthread_condattr_destroy(&condition);
    run->state = s;
    return NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_condition)); }

static void lock(void *ctx)
{
    struct shared_condition *s = ctx;
    int err = pthread_mutex_lock(&s->mutex);
    if (err != 0)
        die("pthread_mutex_lock: %d", err);
}

static void unlock(void *ctx)
{
    struct shared_condition *s = ctx;
    if (pthread_mutex_unlock(&s->mutex) != 0)
        die("pthread_mutex_unlock failed");
}

static void wait_for(void *ctx)
{
    struct shared_condition *s = ctx;
    int err = pthread_cond_wait(&s->condition, &s->mutex);
    if (err != 0)
        die("pthread_cond_wait: %d", err);
}

static void notify(void *ctx)
{
    struct shared_condition *s = ctx;
    if (pthread_cond_signal(&s->condition) != 0)
        die("pthread_cond_signal failed");
}

static void notify_all(void *ctx)
{
    struct shared_condition *s = ctx;
    if (pthread_cond_broadcast(&s->condition) != 0)
        die("pthread_cond_broadcast failed");
}

/* ---- the event ---- */

static void flag_store(struct shared_condition *s, bool flag)
{
    lock(s);
    s->flag = flag;
    unlock(s);
}

static void flag_pair(void *ctx, uint64_t i)
{
    (void)i;
    flag_store(ctx, true);
    notify_all(ctx);
    flag_store(ctx, false);
}

static void flag_load(void *ctx, uint64_t i)
{
    struct shared_condition *s = ctx;
    (void)i;
    lock(s);
    bool flag = s->flag;
    unlock(s);
    __asm__ volatile("" ::"r"(flag));
}

static void body_turns(struct run *run) { loop_turns(run, run->state, lock, unlock, wait_for, notify); }
static void body_pair(struct run *run) { loop_op(run, run->state, flag_pair); }
static void body_load(struct run *run) { loop_op(run, run->state, flag_load); }

#define SIDE(id, called, processes, loop)                                                            \
    const struct side id = {.name = called, .members = processes, .setup = setup, .body = loop, \
                            .teardown = teardown}

SIDE(ref_condition, "pthread mutex and condition", 2, body_turns);
SIDE(ref_event, "flag, mutex, condition", 1, body_pair);
SIDE(ref_event_is_set, "flag under a mutex", 1, body_load);
