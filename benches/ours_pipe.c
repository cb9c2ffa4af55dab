/* Ours: the pipe, there and back, as a stream of messages, and in place. */
#include <stdlib.h>
#include <string.h>

#include "ours.h"

static const char name[] = "pipe";

/* `option` is the pipe's flags. */
static mproc_pipe_options_t options_of(const struct side *side)
{
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    options.flags = (uint32_t)side->option;
    options.capacity_bytes = side->size > 65536 ? RING_BYTES_LONG : 0;
    return options;
}

/* The driver holds both ends and uses neither, so that no member finds the other's closed between measurements. */
struct kept {
    mproc_pipe_t *end[2];
};

static const char *setup(struct run *run)
{
    const mproc_pipe_options_t options = options_of(run->side);
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        die("out of memory");
    ours_check(mproc_pipe_create(ours_domain, name, &options, &kept->end[0], &kept->end[1]), "mproc_pipe_create");
    run->state = kept;
    return NULL;
}

static void teardown(struct run *run)
{
    struct kept *kept = run->state;
    mproc_pipe_close(kept->end[0]);
    mproc_pipe_close(kept->end[1]);
    free(kept);
}

/* Member 0 has end 0, member 1 has end 1. */
static mproc_pipe_t *member_end(const struct run *run)
{
    const mproc_pipe_options_t options = options_of(run->side);
    mproc_pipe_t *end;
    ours_check(mproc_pipe_open(ours_domain, name, &options, run->role, &end), "mproc_pipe_open");
    return end;
}

static void pipe_send(void *ctx, const void *message, size_t len)
{
    ours_check(mproc_pipe_send(ctx, message, len, MPROC_FOREVER, NULL), "mproc_pipe_send");
}

static void pipe_receive(void *ctx, void *message, size_t len)
{
    size_t received;
    ours_check(mproc_pipe_recv(ctx, message, len, &received, MPROC_FOREVER, NULL), "mproc_pipe_recv");
}

/* One object goes both ways: the end knows its direction. */
static void pipe_send_to(void *ctx, int direction, const void *message, size_t len)
{
    (void)direction;
    pipe_send(ctx, message, len);
}

static void pipe_receive_from(void *ctx, int direction, void *message, size_t len)
{
    (void)direction;
    pipe_receive(ctx, message, len);
}

static void in_place_send(void *ctx, const void *message, size_t len)
{
    mproc_view_t view;
    ours_check(mproc_pipe_reserve(ctx, len, &view, MPROC_FOREVER, NULL), "mproc_pipe_reserve");
    memcpy(view.data, message, len);
    ours_check(mproc_pipe_commit(ctx, view.id, len), "mproc_pipe_commit");
}

static void in_place_receive(void *ctx, void *message, size_t len)
{
    mproc_view_t view;
    ours_check(mproc_pipe_peek(ctx, &view, MPROC_FOREVER, NULL), "mproc_pipe_peek");
    if (view.len != len)
        die("a message of %zu bytes arrived instead of %zu", view.len, len);
    memcpy(message, view.data, len);
    ours_check(mproc_pipe_release(ctx, view.id), "mproc_pipe_release");
}

static void body_round_trip(struct run *run)
{
    mproc_pipe_t *end = member_end(run);
    loop_round_trip(run, end, pipe_send_to, pipe_receive_from);
    mproc_pipe_close(end);
}

static void body_ping_pong(struct run *run)
{
    mproc_pipe_t *end = member_end(run);
    loop_ping_pong(run, end, pipe_send_to, pipe_receive_from);
    mproc_pipe_close(end);
}

static void body_stream(struct run *run)
{
    mproc_pipe_t *end = member_end(run);
    loop_stream(run, end, pipe_send, pipe_receive);
    mproc_pipe_close(end);
}

static void body_in_place(struct run *run)
{
    mproc_pipe_t *end = member_end(run);
    loop_stream(run, end, in_place_send, in_place_receive);
    mproc_pipe_close(end);
}

#define SIDE(id, loop, bytes, flags)                                                               \
    const struct side id = {.name = "mproc_pipe", .members = 2, .size = bytes, .option = flags, \
                            .setup = setup, .body = loop, .teardown = teardown}

SIDE(ours_pipe_exclusive, body_round_trip, 8, MPROC_PIPE_EXCLUSIVE);
SIDE(ours_pipe_shared, body_round_trip, 8, 0);
SIDE(ours_pipe_exclusive_64, body_round_trip, 64, MPROC_PIPE_EXCLUSIVE);
SIDE(ours_pipe_shared_64, body_round_trip, 64, 0);
SIDE(ours_pipe_blocking, body_ping_pong, 64, MPROC_NO_SPIN);
SIDE(ours_pipe_64k, body_stream, 65536, 0);
SIDE(ours_pipe_1m, body_stream, 1 << 20, 0);
SIDE(ours_pipe_in_place, body_in_place, 1 << 20, 0);
