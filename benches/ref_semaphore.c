/* Reference: the POSIX semaphore in shared memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>

#include "loops.h"
#include "sides.h"

struct shared_semaphore {
    sem_t semaphore __attribute__((aligned(128)));
};

static const char *setup(struct run *run)
{
    struct shared_semaphore *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return "mmap failed";
    if (sem_init(&s->semaphore, 1, 1) != 0)
        return "no process-shared semaphores here";
    run->state = s;
    return NULL;
}

static void teardown(struct run *run) { munmap(run->state, sizeof(struct shared_semaphore)); }

static void semaphore_pair(void *ctx, uint64_t i)
{
    struct shared_semaphore *s = ctx;
    (void)i;
    if (sem_wait(&s->semaphore) != 0)
        die("sem_wait: %s", strerror(errno));
    if (sem_post(&s->semaphore) != 0)
        die("sem_post: %s", strerror(errno));
}

static void body(struct run *run) { loop_op(run, run->state, semaphore_pair); }

const struct side ref_semaphore = {
    .name = "process-shared sem_t", .members = 1, .setup = setup, .body = body, .teardown = teardown};
