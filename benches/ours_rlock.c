/* Ours: the recursive lock, from outside and by who has it already. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_rlock_t *rlock;
    ours_check(mproc_rlock_create(ours_domain, "rlock", NULL, &rlock), "mproc_rlock_create");
    run->state = rlock;
    return NULL;
}

static void teardown(struct run *run) { mproc_rlock_close(run->state); }

static mproc_rlock_t *member_rlock(void)
{
    mproc_rlock_t *rlock;
    ours_check(mproc_rlock_open(ours_domain, "rlock", NULL, &rlock), "mproc_rlock_open");
    return rlock;
}

static void rlock_pair(void *ctx, uint64_t i)
{
    (void)i;
    ours_check(mproc_rlock_lock(ctx, MPROC_FOREVER, NULL), "mproc_rlock_lock");
    ours_check(mproc_rlock_unlock(ctx), "mproc_rlock_unlock");
}

static void body(struct run *run)
{
    mproc_rlock_t *rlock = member_rlock();
    loop_op(run, rlock, rlock_pair);
    mproc_rlock_close(rlock);
}

static void body_inner(struct run *run)
{
    mproc_rlock_t *rlock = member_rlock();
    ours_check(mproc_rlock_lock(rlock, MPROC_FOREVER, NULL), "mproc_rlock_lock");
    loop_op(run, rlock, rlock_pair);
    ours_check(mproc_rlock_unlock(rlock), "mproc_rlock_unlock");
    mproc_rlock_close(rlock);
}

const struct side ours_rlock = {
    .name = "mproc_rlock", .members = 1, .setup = setup, .body = body, .teardown = teardown};
const struct side ours_rlock_inner = {
    .name = "mproc_rlock", .members = 1, .setup = setup, .body = body_inner, .teardown = teardown};
