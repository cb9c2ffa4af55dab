/* Ours: data with a type through a queue: 64 bytes as a datum, and a small map that is built and read again. */
#include "ours.h"

enum { DATUM_BYTES = 64, ROOM = 256 };

static const char *setup(struct run *run)
{
    mproc_queue_t *queue;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.capacity_bytes = QUEUE_BYTES;
    ours_check(mproc_queue_create(ours_domain, "datum", &options, &queue), "mproc_queue_create");
    run->state = queue;
    return NULL;
}

static void teardown(struct run *run) { mproc_queue_close(run->state); }

struct datum_user {
    mproc_queue_t *queue;
    mproc_builder_t *builder;
};

static void bytes_pass(void *ctx, uint64_t i)
{
    const struct datum_user *user = ctx;
    unsigned char message[DATUM_BYTES] = {0}, room[ROOM];
    mproc_datum_t received;
    message_number(message, i);
    ours_check(mproc_queue_put_datum(user->queue, mproc_datum_bytes(message, sizeof message), MPROC_FOREVER, NULL),
               "mproc_queue_put_datum");
    ours_check(mproc_queue_get_datum(user->queue, room, sizeof room, &received, MPROC_FOREVER, NULL),
               "mproc_queue_get_datum");
    if (received.type != MPROC_DATUM_BYTES || received.len != sizeof message)
        die("a datum of type %d and %zu bytes arrived", (int)received.type, received.len);
    message_check(received.data, i);
}

static void map_put(const struct datum_user *user, uint64_t i)
{
    mproc_datum_t map;
    ours_check(mproc_builder_reset(user->builder), "mproc_builder_reset");
    ours_check(mproc_builder_begin_map(user->builder), "mproc_builder_begin_map");
    ours_check(mproc_builder_add(user->builder, mproc_datum_str("id")), "mproc_builder_add");
    ours_check(mproc_builder_add(user->builder, mproc_datum_int((int64_t)i)), "mproc_builder_add");
    ours_check(mproc_builder_add(user->builder, mproc_datum_str("name")), "mproc_builder_add");
    ours_check(mproc_builder_add(user->builder, mproc_datum_str("a name of some length")), "mproc_builder_add");
    ours_check(mproc_builder_add(user->builder, mproc_datum_str("score")), "mproc_builder_add");
    ours_check(mproc_builder_add(user->builder, mproc_datum_float(0.5)), "mproc_builder_add");
    ours_check(mproc_builder_end(user->builder), "mproc_builder_end");
    ours_check(mproc_builder_datum(user->builder, &map), "mproc_builder_datum");
    ours_check(mproc_queue_put_datum(user->queue, map, MPROC_FOREVER, NULL), "mproc_queue_put_datum");
}

static void map_pass(void *ctx, uint64_t i)
{
    const struct datum_user *user = ctx;
    unsigned char room[ROOM];
    mproc_datum_t received, key, value;
    mproc_reader_t reader;
    size_t pairs;
    bool seen = false;
    map_put(user, i);
    ours_check(mproc_queue_get_datum(user->queue, room, sizeof room, &received, MPROC_FOREVER, NULL),
               "mproc_queue_get_datum");
    ours_check(mproc_reader_init(&reader, received, &pairs), "mproc_reader_init");
    for (size_t k = 0; k < pairs; k++) {
        ours_check(mproc_reader_next(&reader, &key), "mproc_reader_next");
        ours_check(mproc_reader_next(&reader, &value), "mproc_reader_next");
        if (key.type == MPROC_DATUM_STR && key.len == 2 && memcmp(key.data, "id", 2) == 0)
            seen = value.type == MPROC_DATUM_INT && value.as.i == (int64_t)i;
    }
    if (pairs != 3 || !seen)
        die("a map of %zu pairs arrived, %s", pairs, seen ? "with the right id" : "without the right id");
}

static void body(struct run *run, void (*op)(void *, uint64_t))
{
    struct datum_user user;
    ours_check(mproc_queue_open(ours_domain, "datum", NULL, &user.queue), "mproc_queue_open");
    ours_check(mproc_builder_create(&user.builder), "mproc_builder_create");
    loop_op(run, &user, op);
    mproc_builder_close(user.builder);
    mproc_queue_close(user.queue);
}

static void body_bytes(struct run *run) { body(run, bytes_pass); }
static void body_map(struct run *run) { body(run, map_pass); }

#define SIDE(id, called)                                                                                  \
    const struct side ours_datum_##id = {.name = called, .members = 1, .size = DATUM_BYTES, .setup = setup, \
                                         .body = body_##id, .teardown = teardown}

SIDE(bytes, "mproc_queue_put_datum");
SIDE(map, "mproc_queue_put_datum, a map");
