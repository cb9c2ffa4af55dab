/* Ours: the lock. Every member opens it by name, as unrelated programs would. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_lock_t *lock;
    ours_check(mproc_lock_create(ours_domain, "lock", NULL, &lock), "mproc_lock_create");
    run->state = lock;
    return NULL;
}

static void teardown(struct run *run) { mproc_lock_close(run->state); }

static mproc_lock_t *member_lock(void)
{
    mproc_lock_t *lock;
    ours_check(mproc_lock_open(ours_domain, "lock", NULL, &lock), "mproc_lock_open");
    return lock;
}

static void lock_lock(void *ctx) { ours_check(mproc_lock_lock(ctx, MPROC_FOREVER, NULL), "mproc_lock_lock"); }
static void lock_unlock(void *ctx) { ours_check(mproc_lock_unlock(ctx), "mproc_lock_unlock"); }

static void lock_pair(void *ctx, uint64_t i)
{
    (void)i;
    lock_lock(ctx);
    lock_unlock(ctx);
}

static void body_lock(struct run *run)
{
    mproc_lock_t *lock = member_lock();
    loop_op(run, lock, lock_pair);
    mproc_lock_close(lock);
}

static void body_contend(struct run *run)
{
    mproc_lock_t *lock = member_lock();
    loop_contend(run, lock, lock_lock, lock_unlock);
    mproc_lock_close(lock);
}

const struct side ours_lock = {.name = "mproc_lock", .members = 1, .setup = setup, .body = body_lock, .teardown = teardown};
const struct side ours_lock_contend = {
    .name = "mproc_lock", .members = 2, .timed = true, .setup = setup, .body = body_contend, .teardown = teardown};
const struct side ours_lock_contend_work = {.name = "mproc_lock",
                                            .members = 2,
                                            .timed = true,
                                            .option = WORK_OUTSIDE,
                                            .setup = setup,
                                            .body = body_contend,
                                            .teardown = teardown};
