/* Reference: pthread_rwlock in shared memory, as it comes: readers go before a writer that waits. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

struct shared_rwlock {
    pthread_rwlock_t lock __attribute__((aligned(128)));
};

static const char *setup(struct run *run)
{
    pthread_rwlockattr_t attr;
    struct shared_rwlock *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    pthread_rwlockattr_init(&attr);
    if (pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0)
        return "no process-shared rwlocks here";
    pthread_rwlock_init(&s->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    run->state = s;
    return NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_rwlock)); }

static void read_lock(void *ctx)
{
    struct shared_rwlock *s = ctx;
    int err = pthread_rwlock_rdlock(&s->lock);
    if (err != 0)
        die("pthread_rwlock_rdlock: %d", err);
}

static void write_lock(void *ctx)
{
    struct shared_rwlock *s = ctx;
    int err = pthread_rwlock_wrlock(&s->lock);
    if (err != 0)
        die("pthread_rwlock_wrlock: %d", err);
}

static void unlock(void *ctx)
{
    struct shared_rwlock *s = ctx;
    if (pthread_rwlock_unlock(&s->lock) != 0)
        die("pthread_rwlock_unlock failed");
}

static void read_pair(void *ctx, uint64_t i)
{
    (void)i;
    read_lock(ctx);
    unlock(ctx);
}

static void write_pair(void *ctx, uint64_t i)
{
    (void)i;
    write_lock(ctx);
    unlock(ctx);
}

static void body_read(struct run *run) { loop_op(run, run->state, read_pair); }
static void body_write(struct run *run) { loop_op(run, run->state, write_pair); }
static void body_readers(struct run *run) { loop_read(run, run->state, read_lock, unlock, write_lock, unlock); }

#define SIDE(id, processes, loop)                                                                                  \
    const struct side id = {.name = "process-shared pthread rwlock", .members = processes, .timed = processes > 1, \
                            .setup = setup, .body = loop, .teardown = teardown}

SIDE(ref_rwlock_read, 1, body_read);
SIDE(ref_rwlock_write, 1, body_write);
SIDE(ref_rwlock_readers, 2, body_readers);
