/* References a user has at hand without any library: a unix stream socket and a pipe. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loops.h"
#include "sides.h"

/* out[d] and in[d]: where direction d is written to and read from. */
struct channel {
    int out[2], in[2];
};

static const char *setup_socket(struct run *run)
{
    int fd[2];
    struct channel *c = malloc(sizeof *c);
    if (!c || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
        free(c);
        return "no unix sockets here";
    }
    c->out[0] = c->in[1] = fd[0];
    c->in[0] = c->out[1] = fd[1];
    run->state = c;
    return NULL;
}

static void teardown(struct run *run)
{
    struct channel *c = run->state;
    close(c->out[0]);
    close(c->in[0]);
    free(c);
}

static const char *setup_pipe(struct run *run)
{
    int fd[2];
    struct channel *c = malloc(sizeof *c);
    if (!c || pipe(fd) != 0) {
        free(c);
        return "no pipes here";
    }
    c->in[0] = c->in[1] = fd[0];
    c->out[0] = c->out[1] = fd[1];
    run->state = c;
    return NULL;
}

static void stream_send_to(void *ctx, int direction, const void *message, size_t len)
{
    struct channel *c = ctx;
    const char *p = message;
    while (len > 0) {
        ssize_t n = write(c->out[direction], p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("write: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

static void stream_receive_from(void *ctx, int direction, void *message, size_t len)
{
    struct channel *c = ctx;
    char *p = message;
    while (len > 0) {
        ssize_t n = read(c->in[direction], p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("read: %s", n == 0 ? "end of file" : strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

static void stream_send(void *ctx, const void *message, size_t len) { stream_send_to(ctx, 0, message, len); }
static void stream_receive(void *ctx, void *message, size_t len) { stream_receive_from(ctx, 0, message, len); }

static void body_stream(struct run *run) { loop_stream(run, run->state, stream_send, stream_receive); }
static void body_ping_pong(struct run *run) { loop_ping_pong(run, run->state, stream_send_to, stream_receive_from); }

#define SIDE(id, kind, called, loop, bytes)                                                      \
    const struct side id = {.name = called, .members = 2, .size = bytes, .setup = setup_##kind, \
                            .body = loop, .teardown = teardown}

SIDE(ref_socket_1k, socket, "unix stream socket", body_stream, 1024);
SIDE(ref_socket_64k, socket, "unix stream socket", body_stream, 65536);
SIDE(ref_socket_1m, socket, "unix stream socket", body_stream, 1 << 20);
SIDE(ref_pipe_1k, pipe, "pipe", body_stream, 1024);
SIDE(ref_pipe_64k, pipe, "pipe", body_stream, 65536);
SIDE(ref_socket_ping_pong, socket, "unix stream socket", body_ping_pong, 64);
