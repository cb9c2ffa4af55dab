/* Ours: the readers-writer lock. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_rwlock_t *rwlock;
    ours_check(mproc_rwlock_create(ours_domain, "rwlock", NULL, &rwlock), "mproc_rwlock_create");
    run->state = rwlock;
    return NULL;
}

static void teardown(struct run *run) { mproc_rwlock_close(run->state); }

static mproc_rwlock_t *member_rwlock(void)
{
    mproc_rwlock_t *rwlock;
    ours_check(mproc_rwlock_open(ours_domain, "rwlock", NULL, &rwlock), "mproc_rwlock_open");
    return rwlock;
}

static void read_lock(void *ctx)
{
    ours_check(mproc_rwlock_read_lock(ctx, MPROC_FOREVER, NULL), "mproc_rwlock_read_lock");
}

static void read_unlock(void *ctx) { ours_check(mproc_rwlock_read_unlock(ctx), "mproc_rwlock_read_unlock"); }

static void write_lock(void *ctx)
{
    ours_check(mproc_rwlock_write_lock(ctx, MPROC_FOREVER, NULL), "mproc_rwlock_write_lock");
}

static void write_unlock(void *ctx) { ours_check(mproc_rwlock_write_unlock(ctx), "mproc_rwlock_write_unlock"); }

static void read_pair(void *ctx, uint64_t i)
{
    (void)i;
    read_lock(ctx);
    read_unlock(ctx);
}

static void write_pair(void *ctx, uint64_t i)
{
    (void)i;
    write_lock(ctx);
    write_unlock(ctx);
}

static void body_read(struct run *run)
{
    mproc_rwlock_t *rwlock = member_rwlock();
    loop_op(run, rwlock, read_pair);
    mproc_rwlock_close(rwlock);
}

static void body_write(struct run *run)
{
    mproc_rwlock_t *rwlock = member_rwlock();
    loop_op(run, rwlock, write_pair);
    mproc_rwlock_close(rwlock);
}

static void body_readers(struct run *run)
{
    mproc_rwlock_t *rwlock = member_rwlock();
    loop_read(run, rwlock, read_lock, read_unlock, write_lock, write_unlock);
    mproc_rwlock_close(rwlock);
}

#define SIDE(id, processes, loop)                                                                  \
    const struct side id = {.name = "mproc_rwlock", .members = processes, .timed = processes > 1, \
                            .setup = setup, .body = loop, .teardown = teardown}

SIDE(ours_rwlock_read, 1, body_read);
SIDE(ours_rwlock_write, 1, body_write);
SIDE(ours_rwlock_readers, 2, body_readers);
