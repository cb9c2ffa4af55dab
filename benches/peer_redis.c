/*
 * Reference: Redis, what one would share a dict through today. A server of our own on a unix socket, without
 * persistence; a client that sends one command, ready-made, and reads its answer, which is the least any client does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"
#include "servers.h"
#include "sides.h"

struct redis {
    struct server server;
    int fd;
    struct sockaddr_un address;
};

#define GET_HEAD "*2\r\n$3\r\nGET\r\n$10\r\n"
#define SET_HEAD "*3\r\n$3\r\nSET\r\n$10\r\n"
#define VALUE_HEAD "\r\n$64\r\n"
#define GET_ANSWER "$64\r\n"
#define SET_ANSWER "+OK\r\n"
#define LINE_END "\r\n"
#define LENGTH(text) (sizeof(text) - 1)
_Static_assert(KEY_BYTES == 10 && ENTRY_BYTES == 64, "the commands say how long keys and entries are");

static char *put(char *to, const void *bytes, size_t len) { return (char *)memcpy(to, bytes, len) + len; }

static void redis_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("write to redis-server: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

/* An answer of exactly this length. One that begins differently, as an error does, may be shorter. */
static void redis_receive(int fd, char *answer, size_t len, const char *head, size_t head_len)
{
    for (size_t have = 0; have < len;) {
        const ssize_t n = read(fd, answer + have, len - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("read from redis-server: %s", n == 0 ? "end of file" : strerror(errno));
        have += (size_t)n;
        if (memcmp(answer, head, have < head_len ? have : head_len) != 0)
            die("redis-server answers %.*s", (int)have, answer);
    }
}

static void set(void *ctx, uint64_t i)
{
    const struct redis *redis = ctx;
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[ENTRY_BYTES] = {0};
    char command[128], answer[LENGTH(SET_ANSWER)], *end = command;
    message_number(entry, key->number);
    end = put(end, SET_HEAD, LENGTH(SET_HEAD));
    end = put(end, key->text, KEY_BYTES);
    end = put(end, VALUE_HEAD, LENGTH(VALUE_HEAD));
    end = put(end, entry, sizeof entry);
    end = put(end, LINE_END, LENGTH(LINE_END));
    redis_send(redis->fd, command, (size_t)(end - command));
    redis_receive(redis->fd, answer, sizeof answer, SET_ANSWER, LENGTH(SET_ANSWER));
}

static void get(void *ctx, uint64_t i)
{
    const struct redis *redis = ctx;
    const struct entry_key *key = entry_key_at(i);
    char command[64], answer[LENGTH(GET_ANSWER) + ENTRY_BYTES + LENGTH(LINE_END)], *end = command;
    end = put(end, GET_HEAD, LENGTH(GET_HEAD));
    end = put(end, key->text, KEY_BYTES);
    end = put(end, LINE_END, LENGTH(LINE_END));
    redis_send(redis->fd, command, (size_t)(end - command));
    redis_receive(redis->fd, answer, sizeof answer, GET_ANSWER, LENGTH(GET_ANSWER));
    entry_check(answer + LENGTH(GET_ANSWER), key->number);
}

/* False: it ended, or took longer than 10 s. */
static bool redis_connect(struct redis *redis)
{
    const double limit = now_ns() + 10e9;
    const struct timespec moment = {0, 5000000};
    redis->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (redis->fd >= 0 && server_lives(&redis->server) && now_ns() < limit) {
        if (connect(redis->fd, (const struct sockaddr *)&redis->address, sizeof redis->address) == 0)
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

static void teardown(struct run *run)
{
    struct redis *redis = run->state;
    close(redis->fd);
    server_stop(&redis->server);
    unlink(redis->address.sun_path);
    free(redis);
}

static const char *setup(struct run *run)
{
    struct redis *redis = calloc(1, sizeof *redis);
    if (!redis)
        die("out of memory");
    redis->address.sun_family = AF_UNIX;
    const char *const socket_path = scratch_path(redis->address.sun_path, sizeof redis->address.sun_path, "redis");
    const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", redis->address.sun_path, "--save", "",
                                "--appendonly", "no", "--daemonize", "no", NULL};
    const int error = socket_path ? server_start(&redis->server, argv, false) : 0;
    if (!socket_path || error) {
        free(redis);
        return !socket_path ? "no directory for its socket: start with benches/run.sh"
               : error == ENOENT ? "redis-server is not installed (apt-get install redis-server)"
                                 : "redis-server cannot be started";
    }
    run->state = redis;
    if (!redis_connect(redis)) {
        teardown(run);
        return "redis-server did not begin to listen";
    }
    entry_keys_init();
    for (uint64_t i = 0; i < ENTRIES; i++)
        set(redis, i);
    return NULL;
}

static void body_get(struct run *run) { loop_call(run, run->state, get); }
static void body_set(struct run *run) { loop_call(run, run->state, set); }

#define SIDE(op)                                                                                                  \
    const struct side ref_redis_##op = {                                                                          \
        .name = "Redis, unix socket", .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(get);
SIDE(set);
