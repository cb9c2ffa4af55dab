/* Ours: a dict of 10,000 entries, read and changed by one process or by two; the same dict of a manager's. */
#include "entries.h"
#include "ours_server.h"

enum { FIRST, SECOND }; /* `option`: a case that has two sides of ours gives each a dict of its own */

static const char *const names[] = {"dict-0", "dict-1"};

static void set(void *ctx, uint64_t i)
{
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[ENTRY_BYTES] = {0};
    message_number(entry, key->number);
    ours_check(mproc_dict_set(ctx, mproc_datum_strn(key->text, KEY_BYTES), mproc_datum_bytes(entry, sizeof entry)),
               "mproc_dict_set");
}

static void get(void *ctx, uint64_t i)
{
    const struct entry_key *key = entry_key_at(i);
    unsigned char entry[ENTRY_BYTES];
    mproc_datum_t value;
    ours_check(mproc_dict_get(ctx, mproc_datum_strn(key->text, KEY_BYTES), entry, sizeof entry, &value),
               "mproc_dict_get");
    if (value.type != MPROC_DATUM_BYTES || value.len != sizeof entry)
        die("an entry of type %d and %zu bytes is in the dict", (int)value.type, value.len);
    entry_check(value.data, key->number);
}

static const char *setup(struct run *run)
{
    mproc_dict_t *dict;
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    entry_keys_init();
    ours_check(mproc_dict_create(ours_domain, names[run->side->option], &options, &dict), "mproc_dict_create");
    for (uint64_t i = 0; i < ENTRIES; i++)
        set(dict, i);
    run->state = dict;
    return NULL;
}

static void teardown(struct run *run) { mproc_dict_close(run->state); }

static mproc_dict_t *member_dict(const struct run *run)
{
    mproc_dict_t *dict;
    ours_check(mproc_dict_open(ours_domain, names[run->side->option], NULL, &dict), "mproc_dict_open");
    return dict;
}

#define SIDE(id, op, loop, processes, until_stopped, which)                                                        \
    static void body_##id(struct run *run)                                                                         \
    {                                                                                                              \
        mproc_dict_t *dict = member_dict(run);                                                                     \
        loop(run, dict, op);                                                                                       \
        mproc_dict_close(dict);                                                                                    \
    }                                                                                                              \
    const struct side ours_dict_##id = {.name = "mproc_dict", .members = processes, .timed = until_stopped,       \
                                        .option = which, .setup = setup, .body = body_##id, .teardown = teardown}

SIDE(get, get, loop_op, 1, false, FIRST);
SIDE(set, set, loop_op, 1, false, FIRST);
SIDE(get_two, get, loop_rate, 2, true, FIRST);
SIDE(set_two, set, loop_rate, 2, true, FIRST);
SIDE(get_one, get, loop_rate, 1, true, SECOND);
SIDE(set_one, set, loop_rate, 1, true, SECOND);

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

#define NEAR(op)                                                                                                   \
    static void body_near_##op(struct run *run)                                                                    \
    {                                                                                                              \
        mproc_manager_t *manager = ours_join(server.near);                                                         \
        mproc_dict_t *dict;                                                                                        \
        ours_check(mproc_dict_open(ours_manager_domain(manager), SERVED_DICT, NULL, &dict), "mproc_dict_open");    \
        loop_op(run, dict, op);                                                                                    \
        mproc_dict_close(dict);                                                                                    \
        mproc_manager_close(manager);                                                                              \
    }                                                                                                              \
    const struct side ours_near_dict_##op = {.name = "manager, near", .members = 1, .setup = setup_near,          \
                                             .body = body_near_##op, .teardown = teardown_near}

NEAR(get);
NEAR(set);
