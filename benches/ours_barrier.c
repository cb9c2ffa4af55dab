/* Ours: the barrier of two processes. `option` is its flags. */
#include "ours.h"

static mproc_barrier_options_t options_of(const struct side *side)
{
    mproc_barrier_options_t options = MPROC_BARRIER_OPTIONS_INIT;
    options.flags = (uint32_t)side->option;
    options.parties = (uint32_t)side->members;
    return options;
}

static const char *setup(struct run *run)
{
    mproc_barrier_t *barrier;
    const mproc_barrier_options_t options = options_of(run->side);
    ours_check(mproc_barrier_create(ours_domain, "barrier", &options, &barrier), "mproc_barrier_create");
    run->state = barrier;
    return NULL;
}

static void teardown(struct run *run) { mproc_barrier_close(run->state); }

static void meet(void *ctx) { ours_check(mproc_barrier_wait(ctx, MPROC_FOREVER, NULL, NULL), "mproc_barrier_wait"); }

static void body(struct run *run)
{
    mproc_barrier_t *barrier;
    const mproc_barrier_options_t options = options_of(run->side);
    ours_check(mproc_barrier_open(ours_domain, "barrier", &options, &barrier), "mproc_barrier_open");
    loop_meet(run, barrier, meet);
    mproc_barrier_close(barrier);
}

#define SIDE(id, flags)                                                                         \
    const struct side id = {.name = "mproc_barrier", .members = 2, .option = flags, .setup = setup, \
                            .body = body, .teardown = teardown}

SIDE(ours_barrier, MPROC_NO_SPIN);
SIDE(ours_barrier_spinning, 0);
