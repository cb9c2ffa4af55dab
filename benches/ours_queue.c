/* Ours: the queue, as a stream of messages, in batches, in place, and as a hand-off back and forth. */
#include <stdlib.h>
#include <string.h>

#include "ours.h"

/* One queue, or one for each direction; `option` is the queues' flags. */
struct queues {
    mproc_queue_t *direction[2];
};

static const char *const names[2] = {"queue-0", "queue-1"};

static const char *setup(struct run *run)
{
    struct queues *q = calloc(1, sizeof *q);
    if (!q)
        die("out of memory");
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = (uint32_t)run->side->option;
    /* Room for the same number of messages as the others; a long message needs a longer queue. */
    const size_t size = run->side->size;
    options.capacity_bytes = size > 65536 ? RING_BYTES_LONG : size > 1024 ? 16 * QUEUE_BYTES : QUEUE_BYTES;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_queue_create(ours_domain, names[d], &options, &q->direction[d]), "mproc_queue_create");
    run->state = q;
    return NULL;
}

static void teardown(struct run *run)
{
    struct queues *q = run->state;
    mproc_queue_close(q->direction[0]);
    mproc_queue_close(q->direction[1]);
    free(q);
}

static struct queues member_queues(const struct run *run)
{
    struct queues q;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.flags = (uint32_t)run->side->option;
    for (int d = 0; d < 2; d++)
        ours_check(mproc_queue_open(ours_domain, names[d], &options, &q.direction[d]), "mproc_queue_open");
    return q;
}

static void member_close(struct queues *q)
{
    mproc_queue_close(q->direction[0]);
    mproc_queue_close(q->direction[1]);
}

static void queue_send(void *ctx, const void *message, size_t len)
{
    ours_check(mproc_queue_put(ctx, message, len, MPROC_FOREVER, NULL), "mproc_queue_put");
}

static void queue_receive(void *ctx, void *message, size_t len)
{
    size_t received;
    ours_check(mproc_queue_get(ctx, message, len, &received, MPROC_FOREVER, NULL), "mproc_queue_get");
}

static void queue_send_to(void *ctx, int direction, const void *message, size_t len)
{
    queue_send(((struct queues *)ctx)->direction[direction], message, len);
}

static void queue_receive_from(void *ctx, int direction, void *message, size_t len)
{
    queue_receive(((struct queues *)ctx)->direction[direction], message, len);
}

static void in_place_send(void *ctx, const void *message, size_t len)
{
    mproc_view_t view;
    ours_check(mproc_queue_reserve(ctx, len, &view, MPROC_FOREVER, NULL), "mproc_queue_reserve");
    memcpy(view.data, message, len);
    ours_check(mproc_queue_commit(ctx, view.id, len), "mproc_queue_commit");
}

static void in_place_receive(void *ctx, void *message, size_t len)
{
    mproc_view_t view;
    ours_check(mproc_queue_peek(ctx, &view, MPROC_FOREVER, NULL), "mproc_queue_peek");
    if (view.len != len)
        die("a message of %zu bytes arrived instead of %zu", view.len, len);
    memcpy(message, view.data, len);
    ours_check(mproc_queue_release(ctx, view.id), "mproc_queue_release");
}

static void body_stream(struct run *run)
{
    struct queues q = member_queues(run);
    loop_stream(run, q.direction[0], queue_send, queue_receive);
    member_close(&q);
}

static void body_in_place(struct run *run)
{
    struct queues q = member_queues(run);
    loop_stream(run, q.direction[0], in_place_send, in_place_receive);
    member_close(&q);
}

static void body_pair(struct run *run)
{
    struct queues q = member_queues(run);
    loop_pair(run, q.direction[0], queue_send, queue_receive);
    member_close(&q);
}

static void body_ping_pong(struct run *run)
{
    struct queues q = member_queues(run);
    loop_ping_pong(run, &q, queue_send_to, queue_receive_from);
    member_close(&q);
}

static void batch_send(mproc_queue_t *queue, unsigned char *bytes, size_t len, uint64_t n)
{
    mproc_message_t messages[BATCH];
    for (int i = 0; i < BATCH; i++) {
        messages[i].data = bytes + (size_t)i * len;
        messages[i].len = len;
    }
    for (uint64_t at = 0; at < n; at += BATCH) {
        for (int i = 0; i < BATCH; i++)
            message_number(bytes + (size_t)i * len, at + (uint64_t)i);
        ours_check(mproc_queue_put_many(queue, messages, BATCH, NULL, MPROC_FOREVER, NULL), "mproc_queue_put_many");
    }
}

static void batch_receive(mproc_queue_t *queue, unsigned char *bytes, size_t len, uint64_t n)
{
    size_t lens[BATCH], count;
    for (uint64_t at = 0; at < n; at += count) {
        ours_check(mproc_queue_get_many(queue, bytes, BATCH * len, lens, BATCH, &count, MPROC_FOREVER, NULL),
                   "mproc_queue_get_many");
        for (size_t i = 0; i < count; i++)
            message_check(bytes + i * len, at + i);
    }
}

static void body_batch(struct run *run)
{
    struct queues q = member_queues(run);
    unsigned char *bytes = run_buffer();
    for (int phase = 0; phase < 2; phase++) {
        const uint64_t n = phase ? run->n : (uint64_t)WARM_UP;
        if (phase)
            run_start(run);
        if (run->role == 0)
            batch_send(q.direction[0], bytes, run->side->size, n);
        else
            batch_receive(q.direction[0], bytes, run->side->size, n);
    }
    run_stop(run, run->n);
    member_close(&q);
}

#define SIDE(id, processes, loop, bytes, flags)                                                               \
    const struct side id = {.name = "mproc_queue", .members = processes, .size = bytes, .option = flags, \
                            .setup = setup, .body = loop, .teardown = teardown}

SIDE(ours_queue, 2, body_stream, 64, 0);
SIDE(ours_queue_batch, 2, body_batch, 64, 0);
SIDE(ours_queue_pair, 1, body_pair, 64, 0);
SIDE(ours_queue_1k, 2, body_stream, 1024, 0);
SIDE(ours_queue_64k, 2, body_stream, 65536, 0);
SIDE(ours_queue_1m, 2, body_stream, 1 << 20, 0);
SIDE(ours_queue_in_place, 2, body_in_place, 1 << 20, 0);
SIDE(ours_hand_off, 2, body_ping_pong, 64, MPROC_NO_SPIN);
SIDE(ours_hand_off_spinning, 2, body_ping_pong, 64, 0);
