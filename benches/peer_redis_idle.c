/* Reference: clients of Redis over TCP that do nothing, or wait in a BRPOP. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "idle.h"
#include "redis.h"

#define PING "*1\r\n$4\r\nPING\r\n"
#define PONG "+PONG\r\n"
#define POP "*3\r\n$5\r\nBRPOP\r\n$5\r\nqueue\r\n$1\r\n0\r\n"
#define PUSH "*3\r\n$5\r\nLPUSH\r\n$5\r\nqueue\r\n$8\r\n"
#define POP_ANSWER "*2\r\n$5\r\nqueue\r\n$8\r\n"
#define INFO "*2\r\n$4\r\nINFO\r\n$7\r\nclients\r\n"
#define BLOCKED "blocked_clients:"
#define LINE_END "\r\n"
#define LENGTH(text) (sizeof(text) - 1)

static struct redis redis;

static const char *start(void) { return redis_start(&redis, REDIS_TCP, TEAM_CPUS); }
static long pid_of_server(void) { return (long)redis.server.pid; }
static void stop(void) { redis_stop(&redis); }

static void *join(void)
{
    struct redis_client *client = malloc(sizeof *client);
    if (!client)
        die("out of memory");
    redis_connect(client, &redis);
    return client;
}

static void ask(void *client)
{
    redis_send(client, PING, LENGTH(PING));
    redis_receive(client, LENGTH(PONG), PONG, LENGTH(PONG));
}

static uint64_t get(void *client)
{
    uint64_t number;
    redis_send(client, POP, LENGTH(POP));
    const char *answer = redis_receive(client, LENGTH(POP_ANSWER) + sizeof number + LENGTH(LINE_END), POP_ANSWER,
                                       LENGTH(POP_ANSWER));
    memcpy(&number, answer + LENGTH(POP_ANSWER), sizeof number);
    return number;
}

static uint64_t waiting(void *client)
{
    redis_send(client, INFO, LENGTH(INFO));
    const size_t len = redis_receive_len(client);
    const char *answer = redis_receive(client, len + LENGTH(LINE_END), "", 0);
    const char *found = memmem(answer, len, BLOCKED, LENGTH(BLOCKED));
    if (!found)
        die("redis-server does not say how many clients wait");
    return strtoull(found + LENGTH(BLOCKED), NULL, 10);
}

static void put(void *client, uint64_t number)
{
    char command[LENGTH(PUSH) + sizeof number + LENGTH(LINE_END)];
    memcpy(command, PUSH, LENGTH(PUSH));
    memcpy(command + LENGTH(PUSH), &number, sizeof number);
    memcpy(command + LENGTH(PUSH) + sizeof number, LINE_END, LENGTH(LINE_END));
    redis_send(client, command, sizeof command);
    redis_receive_int(client);
}

static void leave(void *client)
{
    redis_close(client);
    free(client);
}

const struct idle_side ref_redis_idle = {.name = "Redis", .start = start, .pid = pid_of_server, .stop = stop,
                                         .join = join, .ask = ask, .get = get, .waiting = waiting, .put = put,
                                         .leave = leave};
