/* Reference: pthread_barrier in shared memory. It never spins. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

struct shared_barrier {
    pthread_barrier_t barrier __attribute__((aligned(128)));
};

static const char *setup(struct run *run)
{
    pthread_barrierattr_t attr;
    struct shared_barrier *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    pthread_barrierattr_init(&attr);
    if (pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0 ||
        pthread_barrier_init(&s->barrier, &attr, (unsigned)run->side->members) != 0)
        return "no process-shared barriers here";
    pthread_barrierattr_destroy(&attr);
    run->state = s;
    return NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_barrier)); }

static void meet(void *ctx)
{
    struct shared_barrier *s = ctx;
    int err = pthread_barrier_wait(&s->barrier);
    if (err != 0 && err != PTHREAD_BARRIER_SERIAL_THREAD)
        die("pthread_barrier_wait: %d", err);
}

static void body(struct run *run) { loop_meet(run, run->state, meet); }

const struct side ref_barrier = {
    .name = "process-shared pthread barrier", .members = 2, .setup = setup, .body = body, .teardown = teardown};
