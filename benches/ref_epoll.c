/* References a user has at hand without any library: unix sockets and pipes, many of them, under epoll and poll. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loops.h"
#include "sides.h"

enum { MOST = 126 };

/*
 * `option` of them in each direction, which take turns; out[d] and in[d]: where direction d is written to and read
 * from.
 */
struct channels {
    int count;
    int out[2][MOST], in[2][MOST];
    bool both_ways; /* the two ends of a socket serve both directions */
};

static void channels_close(struct channels *c)
{
    for (int i = 0; i < c->count; i++) {
        close(c->out[0][i]);
        close(c->in[0][i]);
        if (!c->both_ways) {
            close(c->out[1][i]);
            close(c->in[1][i]);
        }
    }
    free(c);
}

static struct channels *channels_new(bool both_ways)
{
    struct channels *c = calloc(1, sizeof *c);
    if (!c)
        die("out of memory");
    c->both_ways = both_ways;
    return c;
}

static const char *setup_sockets(struct run *run, int type)
{
    int fd[2];
    struct channels *c = channels_new(true);
    for (; c->count < run->side->option; c->count++) {
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0) {
            channels_close(c);
            return "not so many unix sockets here";
        }
        c->out[0][c->count] = c->in[1][c->count] = fd[0];
        c->in[0][c->count] = c->out[1][c->count] = fd[1];
    }
    run->state = c;
    return NULL;
}

static const char *setup_stream(struct run *run) { return setup_sockets(run, SOCK_STREAM); }
static const char *setup_datagram(struct run *run) { return setup_sockets(run, SOCK_DGRAM); }

static const char *setup_pipe(struct run *run)
{
    int fd[2][2];
    struct channels *c = channels_new(false);
    for (; c->count < run->side->option; c->count++) {
        if (pipe2(fd[0], O_CLOEXEC | O_NONBLOCK) != 0) {
            channels_close(c);
            return "not so many pipes here";
        }
        if (pipe2(fd[1], O_CLOEXEC | O_NONBLOCK) != 0) {
            close(fd[0][0]);
            close(fd[0][1]);
            channels_close(c);
            return "not so many pipes here";
        }
        for (int d = 0; d < 2; d++) {
            c->in[d][c->count] = fd[d][0];
            c->out[d][c->count] = fd[d][1];
        }
    }
    run->state = c;
    return NULL;
}

static void teardown(struct run *run) { channels_close(run->state); }

/* What a member has. */
struct watch {
    const struct channels *channels;
    int epoll;
    int turn; /* which channel the next message goes into */
    struct pollfd polled[MOST];
};

/* A member waits for the direction that comes to it: member 1 for direction 0. */
static void watch_begin(struct watch *w, const struct run *run)
{
    const int incoming = run->side->members == 2 ? !run->role : 0;
    w->channels = run->state;
    w->turn = 0;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < w->channels->count; i++) {
        const int fd = w->channels->in[incoming][i];
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            die("epoll: %s", strerror(errno));
        w->polled[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
}

static void epoll_send_to(void *ctx, int direction, const void *message, size_t len)
{
    struct watch *w = ctx;
    const int to = w->channels->out[direction][w->turn];
    w->turn = w->turn + 1 == w->channels->count ? 0 : w->turn + 1;
    if (write(to, message, len) != (ssize_t)len)
        die("write: %s", strerror(errno));
}

static void epoll_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct watch *w = ctx;
    struct epoll_event ready[MOST];
    int count;
    (void)direction;
    do {
        count = epoll_wait(w->epoll, ready, w->channels->count, -1);
    } while (count < 0 && errno == EINTR);
    if (count != 1)
        die("%d descriptors are ready, and one message is on its way", count);
    if (read(ready[0].data.fd, message, len) != (ssize_t)len)
        die("read: %s", strerror(errno));
}

/* One channel, as a loop around a descriptor that does not block: read until there is nothing more, then wait. */
static void drain_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct watch *w = ctx;
    struct epoll_event ready;
    const int from = w->channels->in[direction][0];
    for (;;) {
        const ssize_t got = read(from, message, len);
        if (got == (ssize_t)len)
            return;
        if (got >= 0 || errno != EAGAIN)
            die("read: %s", got >= 0 ? "a part of a message" : strerror(errno));
        if (epoll_wait(w->epoll, &ready, 1, -1) < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
    }
}

static void poll_look(void *ctx, uint64_t i)
{
    struct watch *w = ctx;
    (void)i;
    const int count = poll(w->polled, (nfds_t)w->channels->count, 0);
    if (__builtin_expect(count != 1, 0))
        die("%d descriptors are ready, and one has a message", count);
}

static void body_many(struct run *run)
{
    struct watch w;
    watch_begin(&w, run);
    loop_ping_pong(run, &w, epoll_send_to, epoll_receive_from);
    close(w.epoll);
}

static void body_many_asleep(struct run *run)
{
    struct watch w;
    watch_begin(&w, run);
    loop_sleepers(run, &w, epoll_send_to, epoll_receive_from);
    close(w.epoll);
}

static void body_drain(struct run *run)
{
    struct watch w;
    watch_begin(&w, run);
    loop_sleepers(run, &w, epoll_send_to, drain_receive_from);
    close(w.epoll);
}

static void body_look(struct run *run)
{
    struct watch w;
    watch_begin(&w, run);
    unsigned char *message = run_buffer();
    const int middle = w.channels->count / 2;
    if (write(w.channels->out[0][middle], message, run->side->size) != (ssize_t)run->side->size)
        die("write: %s", strerror(errno));
    loop_op(run, &w, poll_look);
    if (read(w.channels->in[0][middle], message, run->side->size) != (ssize_t)run->side->size)
        die("read: %s", strerror(errno));
    close(w.epoll);
}

#define SIDE(id, called, processes, kind, loop, number, pause)                                                  \
    const struct side id = {.name = called, .members = processes, .size = 64, .option = number, .pause_ns = pause, \
                            .setup = setup_##kind, .body = loop, .teardown = teardown}

SIDE(ref_epoll_socket_1, "unix stream socket, epoll", 2, stream, body_many_asleep, 1, PAUSE_NS);
SIDE(ref_epoll_socket_16, "16 unix stream sockets, epoll", 2, stream, body_many_asleep, 16, PAUSE_NS);
SIDE(ref_epoll_pipe_16, "16 pipes, epoll", 2, pipe, body_many_asleep, 16, PAUSE_NS);
SIDE(ref_epoll_socket_126, "126 unix stream sockets, epoll", 2, stream, body_many_asleep, MOST, PAUSE_NS);
SIDE(ref_epoll_socket_16_awake, "16 unix stream sockets, epoll", 2, stream, body_many, 16, 0);
SIDE(ref_poll_pipe_16, "poll of 16 pipes", 1, pipe, body_look, 16, 0);
SIDE(ref_epoll_datagram, "unix datagram socket, epoll", 2, datagram, body_drain, 1, PAUSE_NS);
SIDE(ref_epoll_stream, "unix stream socket, epoll", 2, stream, body_drain, 1, PAUSE_NS);
