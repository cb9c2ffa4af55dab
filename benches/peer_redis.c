/* Reference: Redis over a unix socket, what one would share a dict through today. One command, one answer. */
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "redis.h"
#include "sides.h"

#define GET_HEAD "*2\r\n$3\r\nGET\r\n$10\r\n"
#define SET_HEAD "*3\r\n$3\r\nSET\r\n$10\r\n"
#define VALUE_HEAD "\r\n$64\r\n"
#define GET_ANSWER "$64\r\n"
#define SET_ANSWER "+OK\r\n"
#define LINE_END "\r\n"
#define LENGTH(text) (sizeof(text) - 1)
_Static_assert(KEY_BYTES == 10 && ENTRY_BYTES == 64, "the commands say how long keys and entries are");

static char *put(char *to, const void *bytes, size_t len) { return (char *)memcpy(to, bytes, len) + len; }

static void set(void *ctx, uint64_t i)
{
    struct redis_client *client = ctx;
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[ENTRY_BYTES] = {0};
    char command[128], *end = command;
    message_number(entry, key->number);
    end = put(end, SET_HEAD, LENGTH(SET_HEAD));
    end = put(end, key->text, KEY_BYTES);
    end = put(end, VALUE_HEAD, LENGTH(VALUE_HEAD));
    end = put(end, entry, sizeof entry);
    end = put(end, LINE_END, LENGTH(LINE_END));
    redis_send(client, command, (size_t)(end - command));
    redis_receive(client, LENGTH(SET_ANSWER), SET_ANSWER, LENGTH(SET_ANSWER));
}

static void get(void *ctx, uint64_t i)
{
    struct redis_client *client = ctx;
    const struct entry_key *key = entry_key_at(i);
    char command[64], *end = command;
    end = put(end, GET_HEAD, LENGTH(GET_HEAD));
    end = put(end, key->text, KEY_BYTES);
    end = put(end, LINE_END, LENGTH(LINE_END));
    redis_send(client, command, (size_t)(end - command));
    const char *answer = redis_receive(client, LENGTH(GET_ANSWER) + ENTRY_BYTES + LENGTH(LINE_END), GET_ANSWER,
                                       LENGTH(GET_ANSWER));
    entry_check(answer + LENGTH(GET_ANSWER), key->number);
}

static struct redis redis;
static struct redis_client client;

static const char *setup(struct run *run)
{
    (void)run;
    const char *absent = redis_start(&redis, REDIS_UNIX, ANY_CPU);
    if (absent)
        return absent;
    entry_keys_init();
    redis_connect(&client, &redis);
    for (uint64_t i = 0; i < ENTRIES; i++)
        set(&client, i);
    return NULL;
}

static void teardown(struct run *run)
{
    (void)run;
    redis_close(&client);
    redis_stop(&redis);
}

static void body_get(struct run *run) { loop_call(run, &client, get); }
static void body_set(struct run *run) { loop_call(run, &client, set); }

#define SIDE(op)                                                                                                  \
    const struct side ref_redis_##op = {                                                                          \
        .name = "Redis, unix socket", .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(get);
SIDE(set);
