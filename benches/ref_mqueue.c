/* Reference: the POSIX message queue, the one that every Linux has. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loops.h"
#include "sides.h"

enum { MQ_MESSAGE = 64 };

static const char *setup(struct run *run)
{
    /* An ordinary user may have 10 messages (fs.mqueue.msg_max); root gets as many as the others have here. */
    static const long depths[] = {QUEUE_DEPTH, 10};
    char name[64];
    mqd_t mq = (mqd_t)-1;

    snprintf(name, sizeof name, "/mproc-bench-%ld", (long)getpid());
    for (size_t i = 0; i < sizeof depths / sizeof *depths && mq == (mqd_t)-1; i++) {
        struct mq_attr attr = {.mq_maxmsg = depths[i], .mq_msgsize = MQ_MESSAGE};
        mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
        if (mq != (mqd_t)-1 && depths[i] != QUEUE_DEPTH)
            snprintf(run->note, sizeof run->note, "the POSIX queue holds %ld messages (fs.mqueue.msg_max)", depths[i]);
    }
    if (mq == (mqd_t)-1)
        return "mq_open is refused here";
    mq_unlink(name); /* the members inherit the descriptor; nothing is left behind */
    run->state = (void *)(intptr_t)mq;
    return NULL;
}

static void teardown(struct run *run) { mq_close((mqd_t)(intptr_t)run->state); }

static void queue_send(void *ctx, const void *message, size_t len)
{
    if (mq_send((mqd_t)(intptr_t)ctx, message, len, 0) != 0)
        die("mq_send: %s", strerror(errno));
}

static void queue_receive(void *ctx, void *message, size_t len)
{
    if (mq_receive((mqd_t)(intptr_t)ctx, message, len, NULL) < 0)
        die("mq_receive: %s", strerror(errno));
}

static void body_stream(struct run *run) { loop_stream(run, run->state, queue_send, queue_receive); }
static void body_pair(struct run *run) { loop_pair(run, run->state, queue_send, queue_receive); }

const struct side ref_mqueue = {.name = "POSIX message queue",
                                .members = 2,
                                .size = MQ_MESSAGE,
                                .setup = setup,
                                .body = body_stream,
                                .teardown = teardown};
const struct side ref_mqueue_pair = {.name = "POSIX message queue",
                                     .members = 1,
                                     .size = MQ_MESSAGE,
                                     .setup = setup,
                                     .body = body_pair,
                                     .teardown = teardown};
