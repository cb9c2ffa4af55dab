/* Ours: the semaphore, plain and accounting. `option` is its flags. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_semaphore_t *semaphore;
    mproc_semaphore_options_t options = MPROC_SEMAPHORE_OPTIONS_INIT;
    options.flags = (uint32_t)run->side->option;
    ours_check(mproc_semaphore_create(ours_domain, "semaphore", &options, &semaphore), "mproc_semaphore_create");
    run->state = semaphore;
    return NULL;
}

static void teardown(struct run *run) { mproc_semaphore_close(run->state); }

static void semaphore_pair(void *ctx, uint64_t i)
{
    (void)i;
    ours_check(mproc_semaphore_acquire(ctx, MPROC_FOREVER, NULL), "mproc_semaphore_acquire");
    ours_check(mproc_semaphore_release(ctx, 1), "mproc_semaphore_release");
}

static void body(struct run *run)
{
    mproc_semaphore_t *semaphore;
    ours_check(mproc_semaphore_open(ours_domain, "semaphore", NULL, &semaphore), "mproc_semaphore_open");
    loop_op(run, semaphore, semaphore_pair);
    mproc_semaphore_close(semaphore);
}

const struct side ours_semaphore = {
    .name = "mproc_semaphore", .members = 1, .setup = setup, .body = body, .teardown = teardown};
const struct side ours_semaphore_accounting = {.name = "mproc_semaphore, accounting",
                                               .members = 1,
                                               .option = MPROC_SEMAPHORE_ACCOUNTING,
                                               .setup = setup,
                                               .body = body,
                                               .teardown = teardown};
