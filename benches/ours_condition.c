/* Ours: the condition with its own lock, for a turn that goes to and fro. `option` is the flags. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_condition_t *condition;
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    options.flags = (uint32_t)run->side->option;
    ours_check(mproc_condition_create(ours_domain, "condition", &options, &condition), "mproc_condition_create");
    run->state = condition;
    return NULL;
}

static void teardown(struct run *run) { mproc_condition_close(run->state); }

static void lock(void *ctx) { ours_check(mproc_condition_lock(ctx, MPROC_FOREVER, NULL), "mproc_condition_lock"); }
static void unlock(void *ctx) { ours_check(mproc_condition_unlock(ctx), "mproc_condition_unlock"); }
static void wait_for(void *ctx) { ours_check(mproc_condition_wait(ctx, MPROC_FOREVER, NULL), "mproc_condition_wait"); }
static void notify(void *ctx) { ours_check(mproc_condition_notify(ctx, 1), "mproc_condition_notify"); }

static void body(struct run *run)
{
    mproc_condition_t *condition;
    mproc_condition_options_t options = MPROC_CONDITION_OPTIONS_INIT;
    options.flags = (uint32_t)run->side->option;
    ours_check(mproc_condition_open(ours_domain, "condition", &options, &condition), "mproc_condition_open");
    loop_turns(run, condition, lock, unlock, wait_for, notify);
    mproc_condition_close(condition);
}

#define SIDE(id, flags)                                                                           \
    const struct side id = {.name = "mproc_condition", .members = 2, .option = flags, .setup = setup, \
                            .body = body, .teardown = teardown}

SIDE(ours_condition, MPROC_NO_SPIN);
SIDE(ours_condition_spinning, 0);
