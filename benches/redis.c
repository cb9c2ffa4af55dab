/* Starting redis-server, and talking to it: words ready-made, answers read from a buffer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "redis.h"

/* A port of the loopback interface that nobody listens on at this moment. */
static uint16_t port_choose(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("no port for redis-server: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static int redis_try(const struct redis *redis)
{
    const int fd = socket(redis->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&redis->address, redis->address_len) == 0)
        return fd;
    const int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

/* False: it ended, or took longer than 10 s. */
static bool listens(const struct redis *redis)
{
    const double limit = now_ns() + 10e9;
    const struct timespec moment = {0, 5000000};
    while (server_lives(&redis->server) && now_ns() < limit) {
        const int fd = redis_try(redis);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        nanosleep(&moment, NULL);
    }
    return false;
}

static const char *run_server(struct redis *redis, const char *port, enum server_place where)
{
    const char *const argv[] = {"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                "no", "--daemonize", "no", redis->path[0] ? "--unixsocket" : NULL, redis->path, NULL};
    switch (server_start(&redis->server, argv, false, where)) {
    case 0: break;
    case ENOENT: return "redis-server is not installed (apt-get install redis-server)";
    default: return "redis-server cannot be started";
    }
    if (listens(redis))
        return NULL;
    redis_stop(redis);
    return "redis-server did not begin to listen";
}

const char *redis_start(struct redis *redis, enum redis_reach reach, enum server_place where)
{
    memset(redis, 0, sizeof *redis);
    if (reach == REDIS_TCP) {
        char port[8];
        struct sockaddr_in *address = (struct sockaddr_in *)&redis->address;
        *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons(port_choose())};
        redis->address_len = sizeof *address;
        snprintf(port, sizeof port, "%u", (unsigned)ntohs(address->sin_port));
        return run_server(redis, port, where);
    }
    struct sockaddr_un *address = (struct sockaddr_un *)&redis->address;
    address->sun_family = AF_UNIX;
    if (!scratch_path(redis->path, sizeof redis->path, "redis"))
        return "no directory for its socket: start with benches/run.sh";
    memcpy(address->sun_path, redis->path, sizeof redis->path);
    redis->address_len = sizeof *address;
    return run_server(redis, "0", where);
}

void redis_stop(struct redis *redis)
{
    server_stop(&redis->server);
    if (redis->path[0])
        unlink(redis->path);
}

void redis_connect(struct redis_client *client, const struct redis *redis)
{
    const int on = 1;
    client->from = client->to = 0;
    client->fd = redis_try(redis);
    if (client->fd < 0)
        die("connect to redis-server: %s", strerror(errno));
    if (redis->address.ss_family == AF_INET &&
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        die("TCP_NODELAY: %s", strerror(errno));
}

void redis_close(const struct redis_client *client) { close(client->fd); }

void redis_send(const struct redis_client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(client->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("write to redis-server: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

/* Reads once more. */
static void more(struct redis_client *client)
{
    if (client->from == client->to)
        client->from = client->to = 0;
    if (client->to == sizeof client->in) {
        memmove(client->in, client->in + client->from, client->to - client->from);
        client->to -= client->from;
        client->from = 0;
    }
    if (client->to == sizeof client->in)
        die("redis-server answers more than %zu bytes at once", sizeof client->in);
    ssize_t n;
    do
        n = read(client->fd, client->in + client->to, sizeof client->in - client->to);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        die("read from redis-server: %s", n == 0 ? "end of file" : strerror(errno));
    client->to += (size_t)n;
}

const char *redis_receive(struct redis_client *client, size_t len, const char *head, size_t head_len)
{
    for (;;) {
        const size_t have = client->to - client->from;
        const char *answer = client->in + client->from;
        /* One that begins differently, as an error does, may be shorter. */
        if (memcmp(answer, head, have < head_len ? have : head_len) != 0)
            die("redis-server answers %.*s", (int)have, answer);
        if (have >= len) {
            client->from += len;
            return answer;
        }
        more(client);
    }
}

/* A line of one number behind `mark`. */
static int64_t receive_number(struct redis_client *client, char mark)
{
    for (;;) {
        const char *answer = client->in + client->from;
        const size_t have = client->to - client->from;
        const char *end = memchr(answer, '\n', have);
        if (have > 0 && answer[0] != mark)
            die("redis-server answers %.*s", (int)have, answer);
        if (end) {
            client->from += (size_t)(end + 1 - answer);
            return strtoll(answer + 1, NULL, 10);
        }
        more(client);
    }
}

int64_t redis_receive_int(struct redis_client *client) { return receive_number(client, ':'); }

size_t redis_receive_len(struct redis_client *client) { return (size_t)receive_number(client, '$'); }
