/* Ours: a dict and a list that grow. */
#include <stdio.h>

#include "entries.h"
#include "growth.h"
#include "ours.h"

enum { BYTES_EACH = 512 }; /* more than an entry needs, with what the table of a dict needs while it is replaced */

static mproc_container_options_t options_for(uint64_t most)
{
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    options.limit_bytes = most * BYTES_EACH;
    return options;
}

static void arena_memory(const mproc_arena_t *arena, double *used_bytes, double *committed_bytes)
{
    mproc_arena_info_t info;
    ours_check(mproc_arena_info(arena, &info, sizeof info), "mproc_arena_info");
    *used_bytes = (double)info.used_bytes;
    *committed_bytes = (double)info.committed_bytes;
}

/* "key:" and eight digits; without snprintf, which would take longer than what is measured. */
static mproc_datum_t key_of(char text[12], uint64_t number)
{
    memcpy(text, "key:", 4);
    for (int i = 11; i >= 4; i--, number /= 10)
        text[i] = (char)('0' + number % 10);
    return mproc_datum_strn(text, 12);
}

static mproc_datum_t entry_of(unsigned char entry[ENTRY_BYTES], uint64_t number)
{
    memset(entry, 0, ENTRY_BYTES);
    message_number(entry, number);
    return mproc_datum_bytes(entry, ENTRY_BYTES);
}

static void entry_is(mproc_datum_t value, uint64_t number)
{
    if (value.type != MPROC_DATUM_BYTES || value.len != ENTRY_BYTES)
        die("an entry of type %d and %zu bytes is where %llu should be", (int)value.type, value.len,
            (unsigned long long)number);
    entry_check(value.data, number);
}

static void *dict_create(uint64_t most)
{
    mproc_dict_t *dict;
    const mproc_container_options_t options = options_for(most);
    ours_check(mproc_dict_create(ours_domain, "growing", &options, &dict), "mproc_dict_create");
    return dict;
}

static void dict_set(void *dict, uint64_t number)
{
    char text[12];
    unsigned char entry[ENTRY_BYTES];
    ours_check(mproc_dict_set(dict, key_of(text, number), entry_of(entry, number)), "mproc_dict_set");
}

static void dict_get(void *dict, uint64_t number)
{
    char text[12];
    unsigned char entry[ENTRY_BYTES];
    mproc_datum_t value;
    ours_check(mproc_dict_get(dict, key_of(text, number), entry, sizeof entry, &value), "mproc_dict_get");
    entry_is(value, number);
}

static void dict_memory(void *dict, double *used_bytes, double *committed_bytes)
{
    const mproc_arena_t *arena;
    ours_check(mproc_dict_arena(dict, &arena), "mproc_dict_arena");
    arena_memory(arena, used_bytes, committed_bytes);
}

static void dict_close(void *dict) { mproc_dict_close(dict); }

static void *list_create(uint64_t most)
{
    mproc_list_t *list;
    const mproc_container_options_t options = options_for(most);
    ours_check(mproc_list_create(ours_domain, "growing", &options, &list), "mproc_list_create");
    return list;
}

static void list_append(void *list, uint64_t number)
{
    unsigned char entry[ENTRY_BYTES];
    ours_check(mproc_list_append(list, entry_of(entry, number)), "mproc_list_append");
}

static void list_get(void *list, uint64_t number)
{
    unsigned char entry[ENTRY_BYTES];
    mproc_datum_t value;
    ours_check(mproc_list_get(list, (int64_t)number, entry, sizeof entry, &value), "mproc_list_get");
    entry_is(value, number);
}

static void list_pop(void *list, uint64_t number)
{
    unsigned char entry[ENTRY_BYTES];
    mproc_datum_t value;
    ours_check(mproc_list_pop(list, -1, entry, sizeof entry, &value), "mproc_list_pop");
    entry_is(value, number);
}

static void list_memory(void *list, double *used_bytes, double *committed_bytes)
{
    const mproc_arena_t *arena;
    ours_check(mproc_list_arena(list, &arena), "mproc_list_arena");
    arena_memory(arena, used_bytes, committed_bytes);
}

static void list_close(void *list) { mproc_list_close(list); }

const struct growth_side growth_sides[] = {
    {.name = "growth.dict",
     .title = "dict",
     .op_title = {"set a new one", "get", "set again"},
     .op = {dict_set, dict_get, dict_set},
     .create = dict_create,
     .memory = dict_memory,
     .close = dict_close},
    {.name = "growth.list",
     .title = "list",
     .op_title = {"append", "get", "pop the last"},
     .op = {list_append, list_get, list_pop},
     .takes_away = true,
     .create = list_create,
     .memory = list_memory,
     .close = list_close},
};

const size_t growth_side_count = sizeof growth_sides / sizeof *growth_sides;
