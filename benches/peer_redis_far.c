/* Reference: Redis over TCP on the loopback interface, not encrypted; commands are ready-made. */
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "far.h"
#include "redis.h"
#include "sides.h"

#define GET_HEAD "*2\r\n$3\r\nGET\r\n$10\r\n"
#define SET_HEAD "*3\r\n$3\r\nSET\r\n$10\r\n"
#define VALUE_HEAD "\r\n$100\r\n"
#define GET_ANSWER "$100\r\n"
#define SET_ANSWER "+OK\r\n"
#define ADD_HEAD "*4\r\n$7\r\nHINCRBY\r\n$8\r\ncounters\r\n$8\r\n"
#define ADD_ONE "\r\n$1\r\n1\r\n"
#define ADD_NOTHING "\r\n$1\r\n0\r\n"
#define LINE_END "\r\n"
#define LENGTH(text) (sizeof(text) - 1)
enum {
    GET_COMMAND = LENGTH(GET_HEAD) + KEY_BYTES + LENGTH(LINE_END),
    SET_COMMAND = LENGTH(SET_HEAD) + KEY_BYTES + LENGTH(VALUE_HEAD) + FAR_BYTES + LENGTH(LINE_END),
    GET_ANSWER_BYTES = LENGTH(GET_ANSWER) + FAR_BYTES + LENGTH(LINE_END)
};
_Static_assert(KEY_BYTES == 10 && FAR_BYTES == 100 && FIELD_BYTES == 8, "the commands say how long everything is");

static struct redis redis;
static struct redis_client client;

static char *put(char *to, const void *bytes, size_t len) { return (char *)memcpy(to, bytes, len) + len; }

static char *put_set(char *to, uint64_t i)
{
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[FAR_BYTES] = {0};
    message_number(entry, key->number);
    to = put(to, SET_HEAD, LENGTH(SET_HEAD));
    to = put(to, key->text, KEY_BYTES);
    to = put(to, VALUE_HEAD, LENGTH(VALUE_HEAD));
    to = put(to, entry, sizeof entry);
    return put(to, LINE_END, LENGTH(LINE_END));
}

static char *put_get(char *to, uint64_t i)
{
    to = put(to, GET_HEAD, LENGTH(GET_HEAD));
    to = put(to, entry_key_at(i)->text, KEY_BYTES);
    return put(to, LINE_END, LENGTH(LINE_END));
}

static void set_done(struct redis_client *of)
{
    redis_receive(of, LENGTH(SET_ANSWER), SET_ANSWER, LENGTH(SET_ANSWER));
}

static void get_done(struct redis_client *of, uint64_t i)
{
    const char *answer = redis_receive(of, GET_ANSWER_BYTES, GET_ANSWER, LENGTH(GET_ANSWER));
    entry_check(answer + LENGTH(GET_ANSWER), entry_key_at(i)->number);
}

static void set(void *ctx, uint64_t i)
{
    char command[SET_COMMAND];
    redis_send(ctx, command, (size_t)(put_set(command, i) - command));
    set_done(ctx);
}

static void get(void *ctx, uint64_t i)
{
    char command[GET_COMMAND];
    redis_send(ctx, command, (size_t)(put_get(command, i) - command));
    get_done(ctx, i);
}

static void set_many(void *ctx, uint64_t i)
{
    char commands[PIPELINE * SET_COMMAND], *end = commands;
    for (uint64_t k = 0; k < PIPELINE; k++)
        end = put_set(end, i + k);
    redis_send(ctx, commands, (size_t)(end - commands));
    for (uint64_t k = 0; k < PIPELINE; k++)
        set_done(ctx);
}

static void get_many(void *ctx, uint64_t i)
{
    char commands[PIPELINE * GET_COMMAND], *end = commands;
    for (uint64_t k = 0; k < PIPELINE; k++)
        end = put_get(end, i + k);
    redis_send(ctx, commands, (size_t)(end - commands));
    for (uint64_t k = 0; k < PIPELINE; k++)
        get_done(ctx, i + k);
}

static const char *setup(struct run *run)
{
    const char *absent = redis_start(&redis, REDIS_TCP, run->side->crowd ? TEAM_CPUS : ANY_CPU);
    if (absent)
        return absent;
    entry_keys_init();
    redis_connect(&client, &redis);
    for (uint64_t i = 0; i < ENTRIES; i++)
        set(&client, i);
    redis_close(&client);
    return NULL;
}

static void teardown(struct run *run)
{
    (void)run;
    redis_stop(&redis);
}

#define BODY(op, loop)                                                                                            \
    static void body_##op(struct run *run)                                                                        \
    {                                                                                                             \
        redis_connect(&client, &redis);                                                                           \
        loop(run, &client, op);                                                                                   \
        redis_close(&client);                                                                                     \
    }

BODY(get, loop_call)
BODY(set, loop_call)
BODY(get_many, loop_pipeline)
BODY(set_many, loop_pipeline)

/* ---- many clients ---- */

static void *crowd_join(const struct run *run)
{
    struct redis_client *of = malloc(sizeof *of);
    (void)run;
    if (!of)
        die("out of memory");
    redis_connect(of, &redis);
    return of;
}

static int64_t crowd_add(void *ctx, const char field[FIELD_BYTES], int64_t number)
{
    char command[LENGTH(ADD_HEAD) + FIELD_BYTES + LENGTH(ADD_ONE)], *end = command;
    end = put(end, ADD_HEAD, LENGTH(ADD_HEAD));
    end = put(end, field, FIELD_BYTES);
    end = put(end, number ? ADD_ONE : ADD_NOTHING, LENGTH(ADD_ONE));
    redis_send(ctx, command, (size_t)(end - command));
    return redis_receive_int(ctx);
}

static void crowd_leave(void *ctx)
{
    redis_close(ctx);
    free(ctx);
}

static void body_crowd(struct run *run)
{
    static const struct crowd crowd = {crowd_join, crowd_add, crowd_leave};
    crowd_body(run, &crowd);
}

/* ---- from one client to another ---- */

#define PUSH_HEAD "*3\r\n$5\r\nLPUSH\r\n$7\r\nqueue-"
#define PUSH_VALUE "\r\n$64\r\n"
#define POP "*3\r\n$5\r\nBRPOP\r\n$7\r\nqueue-"
#define POP_END "\r\n$1\r\n0\r\n"
#define POP_ANSWER "*2\r\n$7\r\nqueue-"
#define DIGIT(direction) (&"01"[direction])

/* Who is told how long the list is now waits for that, as who puts into a queue of a manager's waits for the answer. */
static void hand_to(void *ctx, int direction, const void *message, size_t len)
{
    char command[128], *end = command;
    end = put(end, PUSH_HEAD, LENGTH(PUSH_HEAD));
    end = put(end, DIGIT(direction), 1);
    end = put(end, PUSH_VALUE, LENGTH(PUSH_VALUE));
    end = put(end, message, len);
    end = put(end, LINE_END, LENGTH(LINE_END));
    redis_send(ctx, command, (size_t)(end - command));
    redis_receive_int(ctx);
}

static void take_from(void *ctx, int direction, void *message, size_t len)
{
    char command[64], *end = command;
    const size_t head = LENGTH(POP_ANSWER) + 1 + LENGTH(PUSH_VALUE);
    end = put(end, POP, LENGTH(POP));
    end = put(end, DIGIT(direction), 1);
    end = put(end, POP_END, LENGTH(POP_END));
    redis_send(ctx, command, (size_t)(end - command));
    memcpy(message, redis_receive(ctx, head + len + LENGTH(LINE_END), POP_ANSWER, LENGTH(POP_ANSWER)) + head, len);
}

static void body_hand_off(struct run *run)
{
    redis_connect(&client, &redis);
    loop_ping_pong(run, &client, hand_to, take_from);
    redis_close(&client);
}

#define SIDE(op)                                                                                                  \
    const struct side ref_redis_far_##op = {                                                                      \
        .name = "Redis, TCP", .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(get);
SIDE(set);
SIDE(get_many);
SIDE(set_many);
const struct side ref_redis_far_crowd = {.name = "Redis, TCP", .members = 1, .timed = true, .crowd = true,
                                         .setup = setup, .body = body_crowd, .teardown = teardown};
const struct side ref_redis_far_hand_off = {.name = "Redis, TCP", .members = 2, .size = 64, .setup = setup,
                                            .body = body_hand_off, .teardown = teardown};
