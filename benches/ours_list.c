/* Ours: a list that grows, and a list of 10,000 entries that is read; the same lists of a manager's. */
#include "entries.h"
#include "ours_server.h"

enum { EMPTY, FULL };

static void append_entry(void *ctx, uint64_t number)
{
    unsigned char entry[ENTRY_BYTES] = {0};
    message_number(entry, number);
    ours_check(mproc_list_append(ctx, mproc_datum_bytes(entry, sizeof entry)), "mproc_list_append");
}

static void append(void *ctx, uint64_t i)
{
    if (i % LIST_MOST == 0)
        ours_check(mproc_list_clear(ctx), "mproc_list_clear");
    append_entry(ctx, i);
}

static void append_int(void *ctx, uint64_t i)
{
    if (i % LIST_MOST == 0)
        ours_check(mproc_list_clear(ctx), "mproc_list_clear");
    ours_check(mproc_list_append(ctx, mproc_datum_int((int64_t)i)), "mproc_list_append");
}

static void get(void *ctx, uint64_t i)
{
    const uint32_t number = entry_key_at(i)->number;
    unsigned char entry[ENTRY_BYTES];
    mproc_datum_t value;
    ours_check(mproc_list_get(ctx, number, entry, sizeof entry, &value), "mproc_list_get");
    if (value.type != MPROC_DATUM_BYTES || value.len != sizeof entry)
        die("an entry of type %d and %zu bytes is in the list", (int)value.type, value.len);
    entry_check(value.data, number);
}

static const char *setup(struct run *run)
{
    mproc_list_t *list;
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    entry_keys_init();
    ours_check(mproc_list_create(ours_domain, "list", &options, &list), "mproc_list_create");
    for (uint64_t i = 0; i < ENTRIES && run->side->option == FULL; i++)
        append_entry(list, i);
    run->state = list;
    return NULL;
}

static void teardown(struct run *run) { mproc_list_close(run->state); }

#define SIDE(op, what)                                                                                             \
    static void body_##op(struct run *run)                                                                         \
    {                                                                                                              \
        mproc_list_t *list;                                                                                        \
        ours_check(mproc_list_open(ours_domain, "list", NULL, &list), "mproc_list_open");                          \
        loop_op(run, list, op);                                                                                    \
        mproc_list_close(list);                                                                                    \
    }                                                                                                              \
    const struct side ours_list_##op = {.name = "mproc_list", .members = 1, .option = what, .setup = setup,       \
                                        .body = body_##op, .teardown = teardown}

SIDE(append, EMPTY);
SIDE(append_int, EMPTY);
SIDE(get, FULL);

/* ---- a manager's: near clients have the memory itself ---- */

static struct ours_server server;

static const char *setup_near(struct run *run)
{
    (void)run;
    entry_keys_init();
    return ours_server_start(&server, ANY_CPU);
}

static void teardown_near(struct run *run)
{
    (void)run;
    ours_server_stop(&server);
}

#define NEAR(op, name_of_it)                                                                                       \
    static void body_near_##op(struct run *run)                                                                    \
    {                                                                                                              \
        mproc_manager_t *manager = ours_join(server.near);                                                         \
        mproc_list_t *list;                                                                                        \
        ours_check(mproc_list_open(ours_manager_domain(manager), name_of_it, NULL, &list), "mproc_list_open");     \
        loop_op(run, list, op);                                                                                    \
        mproc_list_close(list);                                                                                    \
        mproc_manager_close(manager);                                                                              \
    }                                                                                                              \
    const struct side ours_near_list_##op = {.name = "manager, near", .members = 1, .setup = setup_near,          \
                                             .body = body_near_##op, .teardown = teardown_near}

NEAR(append, SERVED_GROWS);
NEAR(get, SERVED_LIST);
