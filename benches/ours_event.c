/* Ours: the event, with nobody waiting. */
#include "ours.h"

static const char *setup(struct run *run)
{
    mproc_event_t *event;
    ours_check(mproc_event_create(ours_domain, "event", NULL, &event), "mproc_event_create");
    run->state = event;
    return NULL;
}

static void teardown(struct run *run) { mproc_event_close(run->state); }

static void event_pair(void *ctx, uint64_t i)
{
    (void)i;
    ours_check(mproc_event_set(ctx), "mproc_event_set");
    ours_check(mproc_event_clear(ctx), "mproc_event_clear");
}

static void event_is_set(void *ctx, uint64_t i)
{
    int set;
    (void)i;
    ours_check(mproc_event_is_set(ctx, &set), "mproc_event_is_set");
    __asm__ volatile("" ::"r"(set));
}

#define SIDE(id, op)                                                                                          \
    static void body_##op(struct run *run)                                                                    \
    {                                                                                                         \
        mproc_event_t *event;                                                                                 \
        ours_check(mproc_event_open(ours_domain, "event", NULL, &event), "mproc_event_open");                 \
        loop_op(run, event, op);                                                                              \
        mproc_event_close(event);                                                                             \
    }                                                                                                         \
    const struct side id = {                                                                                  \
        .name = "mproc_event", .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(ours_event, event_pair);
SIDE(ours_event_is_set, event_is_set);
