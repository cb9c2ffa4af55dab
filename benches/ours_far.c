/* Ours: a manager's objects over encrypted TCP: each operation a request. */
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "far.h"
#include "ours_server.h"

static struct ours_server server;

static const char *setup(struct run *run)
{
    entry_keys_init();
    return ours_server_start(&server, run->side->crowd ? TEAM_CPUS : ANY_CPU);
}

static void teardown(struct run *run)
{
    (void)run;
    ours_server_stop(&server);
}

/* ---- one request at a time, and many in one message ---- */

struct far {
    mproc_manager_t *manager;
    mproc_dict_t *dict;
    mproc_batch_t *batch;
};

static void set(void *ctx, uint64_t i)
{
    const struct far *far = ctx;
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[FAR_BYTES] = {0};
    message_number(entry, key->number);
    ours_check(mproc_dict_set(far->dict, mproc_datum_strn(key->text, KEY_BYTES),
                              mproc_datum_bytes(entry, sizeof entry)),
               "mproc_dict_set");
}

static void entry_is(mproc_datum_t value, uint64_t number)
{
    if (value.type != MPROC_DATUM_BYTES || value.len != FAR_BYTES)
        die("an entry of type %d and %zu bytes is in the dict", (int)value.type, value.len);
    entry_check(value.data, number);
}

static void get(void *ctx, uint64_t i)
{
    const struct far *far = ctx;
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[FAR_BYTES];
    mproc_datum_t value;
    ours_check(mproc_dict_get(far->dict, mproc_datum_strn(key->text, KEY_BYTES), entry, sizeof entry, &value),
               "mproc_dict_get");
    entry_is(value, key->number);
}

static void set_many(void *ctx, uint64_t i)
{
    const struct far *far = ctx;
    mproc_datum_t result;
    ours_check(mproc_batch_reset(far->batch), "mproc_batch_reset");
    for (uint64_t k = 0; k < PIPELINE; k++) {
        const struct entry_key *key = entry_key_at(i + k);
        unsigned char entry[FAR_BYTES] = {0};
        message_number(entry, key->number);
        ours_check(mproc_batch_dict_set(far->batch, far->dict, mproc_datum_strn(key->text, KEY_BYTES),
                                        mproc_datum_bytes(entry, sizeof entry)),
                   "mproc_batch_dict_set");
    }
    ours_check(mproc_batch_run(far->batch), "mproc_batch_run");
    for (uint64_t k = 0; k < PIPELINE; k++)
        ours_check(mproc_batch_result(far->batch, k, &result), "mproc_batch_result");
}

static void get_many(void *ctx, uint64_t i)
{
    const struct far *far = ctx;
    mproc_datum_t result;
    ours_check(mproc_batch_reset(far->batch), "mproc_batch_reset");
    for (uint64_t k = 0; k < PIPELINE; k++)
        ours_check(mproc_batch_dict_get(far->batch, far->dict, mproc_datum_strn(entry_key_at(i + k)->text, KEY_BYTES)),
                   "mproc_batch_dict_get");
    ours_check(mproc_batch_run(far->batch), "mproc_batch_run");
    for (uint64_t k = 0; k < PIPELINE; k++) {
        ours_check(mproc_batch_result(far->batch, k, &result), "mproc_batch_result");
        entry_is(result, entry_key_at(i + k)->number);
    }
}

static struct far far_open(void)
{
    struct far far = {.manager = ours_join(server.far)};
    ours_check(mproc_dict_open(ours_manager_domain(far.manager), SERVED_FAR, NULL, &far.dict), "mproc_dict_open");
    ours_check(mproc_batch_create(far.manager, &far.batch), "mproc_batch_create");
    return far;
}

static void far_close(const struct far *far)
{
    mproc_batch_close(far->batch);
    mproc_dict_close(far->dict);
    mproc_manager_close(far->manager);
}

#define BODY(op, loop)                                                                                            \
    static void body_##op(struct run *run)                                                                        \
    {                                                                                                             \
        struct far far = far_open();                                                                              \
        loop(run, &far, op);                                                                                      \
        far_close(&far);                                                                                          \
    }

BODY(get, loop_call)
BODY(set, loop_call)
BODY(get_many, loop_pipeline)
BODY(set_many, loop_pipeline)

/* ---- many clients ---- */

struct client {
    mproc_manager_t *manager;
    mproc_dict_t *counts;
};

static void *crowd_join(const struct run *run)
{
    struct client *client = malloc(sizeof *client);
    (void)run;
    if (!client)
        die("out of memory");
    client->manager = ours_join(server.far);
    ours_check(mproc_dict_open(ours_manager_domain(client->manager), SERVED_COUNTS, NULL, &client->counts),
               "mproc_dict_open");
    return client;
}

static int64_t crowd_add(void *ctx, const char field[FIELD_BYTES], int64_t number)
{
    const struct client *client = ctx;
    mproc_datum_t sum;
    ours_check(mproc_dict_add(client->counts, mproc_datum_strn(field, FIELD_BYTES), mproc_datum_int(number), &sum),
               "mproc_dict_add");
    if (sum.type != MPROC_DATUM_INT)
        die("a sum of type %d", (int)sum.type);
    return sum.as.i;
}

static void crowd_leave(void *ctx)
{
    struct client *client = ctx;
    mproc_dict_close(client->counts);
    mproc_manager_close(client->manager);
    free(client);
}

static void body_crowd(struct run *run)
{
    static const struct crowd crowd = {crowd_join, crowd_add, crowd_leave};
    crowd_body(run, &crowd);
}

/* ---- from one client to another ---- */

static void hand_to(void *ctx, int direction, const void *message, size_t len)
{
    mproc_queue_t *const *queue = ctx;
    ours_check(mproc_queue_put(queue[direction], message, len, MPROC_FOREVER, NULL), "mproc_queue_put");
}

static void take_from(void *ctx, int direction, void *message, size_t len)
{
    mproc_queue_t *const *queue = ctx;
    size_t received;
    ours_check(mproc_queue_get(queue[direction], message, len, &received, MPROC_FOREVER, NULL), "mproc_queue_get");
}

static void body_hand_off(struct run *run)
{
    mproc_manager_t *manager = ours_join(server.far);
    const mproc_domain_t *domain = ours_manager_domain(manager);
    mproc_queue_t *queue[2];
    ours_check(mproc_queue_open(domain, SERVED_QUEUE_0, NULL, &queue[0]), "mproc_queue_open");
    ours_check(mproc_queue_open(domain, SERVED_QUEUE_1, NULL, &queue[1]), "mproc_queue_open");
    loop_ping_pong(run, queue, hand_to, take_from);
    mproc_queue_close(queue[0]);
    mproc_queue_close(queue[1]);
    mproc_manager_close(manager);
}

#define SIDE(op)                                                                                                  \
    const struct side ours_far_##op = {                                                                           \
        .name = "manager, TCP, encrypted", .members = 1, .setup = setup, .body = body_##op, .teardown = teardown}

SIDE(get);
SIDE(set);
SIDE(get_many);
SIDE(set_many);
const struct side ours_far_crowd = {.name = "manager, TCP, encrypted", .members = 1, .timed = true, .crowd = true,
                                    .setup = setup, .body = body_crowd, .teardown = teardown};
const struct side ours_far_hand_off = {.name = "manager, TCP, encrypted", .members = 2, .size = 64, .setup = setup,
                                       .body = body_hand_off, .teardown = teardown};
