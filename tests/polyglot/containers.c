/* The worker's commands for dict, list and namespace. */
#include "worker.h"

#include "agreed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8192, TEXTS = 3 };

static mproc_dict_t *dict;
static mproc_list_t *list;
static mproc_namespace_t *space;

static unsigned char room[ROOM]; /* for what is fetched */

/* ---- datums as words ---- */

static mproc_builder_t *builders[TEXTS];

/* Lives until the next one with the same builder. */
static mproc_datum_t of_json(int builder, const char *json) {
    mproc_datum_t datum;
    if (builders[builder] == NULL) {
        need(mproc_builder_create(&builders[builder]), "builder");
    }
    need(mproc_builder_reset(builders[builder]), "reset");
    need(mproc_builder_add_json(builders[builder], json, strlen(json)), json);
    need(mproc_builder_datum(builders[builder], &datum), json);
    return datum;
}

static mproc_datum_t datum_word(int i) {
    return of_json(i % TEXTS, word(i));
}

static void say_datum(mproc_datum_t datum) {
    char json[ROOM];
    size_t len;
    need(mproc_datum_to_json(datum, 0, json, sizeof json, &len), "JSON");
    say("%s", json);
}

/* The datum, if it went well. */
static void answer_datum(int status, const mproc_datum_t *datum) {
    if (well(status)) {
        say_datum(*datum);
    }
}

static void answer_truth(int status, const int *truth) {
    if (well(status)) {
        say(*truth ? "true" : "false");
    }
}

static void answer_size(int status, const uint64_t *size) {
    if (well(status)) {
        say("%llu", (unsigned long long)*size);
    }
}

/* What was copied into builder 0. */
static void answer_copy(int status) {
    mproc_datum_t all;
    if (well(status)) {
        need(mproc_builder_datum(builders[0], &all), "copy");
        say_datum(all);
    }
}

static mproc_builder_t *empty_builder(void) {
    of_json(0, "0");
    need(mproc_builder_reset(builders[0]), "reset");
    return builders[0];
}

static void answer_info(const mproc_arena_t *arena) {
    mproc_arena_info_t info;
    if (well(mproc_arena_info(arena, &info, sizeof info))) {
        say("%u %u", (unsigned)info.steals, (unsigned)info.rollbacks);
    }
}

/* ---- entries of a storm ---- */

/* An entry is a list of its serial and a text whose length follows from that. */
static mproc_datum_t storm_entry(uint64_t serial) {
    char text[STORM_TEXT + 1] = "";
    mproc_datum_t entry;
    empty_builder();
    need(mproc_builder_begin_list(builders[0]), "begin");
    need(mproc_builder_add(builders[0], mproc_datum_int((int64_t)serial)), "serial");
    memset(text, 'x', agreed_text(serial));
    need(mproc_builder_add(builders[0], mproc_datum_strn(text, agreed_text(serial))), "text");
    need(mproc_builder_end(builders[0]), "end");
    need(mproc_builder_datum(builders[0], &entry), "entry");
    return entry;
}

static void storm_wrong(const char *what, uint64_t serial) {
    say("wrong: %s at %llu", what, (unsigned long long)serial);
    exit(1);
}

static uint64_t storm_serial(mproc_datum_t entry) {
    mproc_reader_t reader;
    mproc_datum_t serial, text;
    size_t count = 0;
    if (entry.type != MPROC_DATUM_LIST) {
        storm_wrong("no list", 0);
    }
    need(mproc_reader_init(&reader, entry, &count), "reader");
    need(mproc_reader_next(&reader, &serial), "serial");
    need(mproc_reader_next(&reader, &text), "text");
    if (count != 2 || serial.type != MPROC_DATUM_INT || text.type != MPROC_DATUM_STR) {
        storm_wrong("another list", 0);
    }
    if (text.len != agreed_text((uint64_t)serial.as.i)) {
        storm_wrong("another text", (uint64_t)serial.as.i);
    }
    return (uint64_t)serial.as.i;
}

/* The entries follow each other; answers with the first, and with the one after the last. Closes the iterator. */
static void storm_check(mproc_iter_t *iter, bool keyed, const mproc_arena_t *arena) {
    uint64_t first = 0, next = 0;
    mproc_datum_t key, entry;
    while (need(mproc_iter_next(iter, &key, &entry), "next") != MPROC_END) {
        uint64_t serial = storm_serial(entry);
        if (next != 0 && serial != next) {
            storm_wrong("a gap", serial);
        }
        if (keyed && (key.type != MPROC_DATUM_INT || (uint64_t)key.as.i != serial)) {
            storm_wrong("another key", serial);
        }
        first = next == 0 ? serial : first;
        next = serial + 1;
    }
    mproc_iter_close(iter);
    if (well(mproc_arena_check(arena, NULL, 0))) {
        say("ok %llu %llu", (unsigned long long)first, (unsigned long long)next);
    }
}

/* ---- dict ---- */

static mproc_datum_t agreed_list(void) {
    return of_json(1, "[1,\"two\",[0.5]]");
}

/* One of everything. */
static void dict_fill(void) {
    static const unsigned char bytes[] = {0, 255, 10};
    need(mproc_dict_set(dict, mproc_datum_str("nothing"), mproc_datum_nil()), "set");
    need(mproc_dict_set(dict, mproc_datum_str("yes"), mproc_datum_bool(1)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("small"), mproc_datum_int(-5)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("large"), mproc_datum_uint(UINT64_MAX)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("half"), mproc_datum_float(0.5)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("text"), mproc_datum_str(AGREED_TEXT)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("bytes"), mproc_datum_bytes(bytes, sizeof bytes)), "set");
    need(mproc_dict_set(dict, mproc_datum_str("list"), agreed_list()), "set");
    need(mproc_dict_set(dict, mproc_datum_int(7), mproc_datum_str("seven")), "set");
    need(mproc_dict_set(dict, mproc_datum_bool(1), mproc_datum_str("true")), "set");
    say("ok");
}

static bool dict_has(mproc_datum_t key, mproc_datum_t wanted) {
    mproc_datum_t found;
    int same = 0;
    return well(mproc_dict_get(dict, key, room, sizeof room, &found)) &&
           well(mproc_datum_equal(found, wanted, &same)) && same;
}

static void dict_look(void) {
    static const unsigned char bytes[] = {0, 255, 10};
    bool right = dict_has(mproc_datum_str("nothing"), mproc_datum_nil()) &&
                 dict_has(mproc_datum_str("yes"), mproc_datum_bool(1)) &&
                 dict_has(mproc_datum_str("small"), mproc_datum_int(-5)) &&
                 dict_has(mproc_datum_str("large"), mproc_datum_uint(UINT64_MAX)) &&
                 dict_has(mproc_datum_str("half"), mproc_datum_float(0.5)) &&
                 dict_has(mproc_datum_str("text"), mproc_datum_str(AGREED_TEXT)) &&
                 dict_has(mproc_datum_str("bytes"), mproc_datum_bytes(bytes, sizeof bytes)) &&
                 dict_has(mproc_datum_str("list"), agreed_list()) &&
                 dict_has(mproc_datum_int(7), mproc_datum_str("seven")) &&
                 dict_has(mproc_datum_bool(1), mproc_datum_str("true"));
    say(right ? "ok" : "wrong");
}

static void dict_count(void) {
    mproc_datum_t key = datum_word(3);
    long long i;
    pass_gate(word(2));
    for (i = number(4); i > 0; i--) {
        need(mproc_dict_add(dict, key, mproc_datum_int(1), NULL), "add");
    }
    say("ok");
}

/* Counts by reading and comparing, until nobody has come between. */
static void dict_swaps(void) {
    mproc_datum_t key = datum_word(3), old;
    long long i;
    pass_gate(word(2));
    for (i = number(4); i > 0; i--) {
        int swapped = 0;
        while (!swapped) {
            need(mproc_dict_get(dict, key, room, sizeof room, &old), "get");
            need(mproc_dict_compare_exchange(dict, key, old, mproc_datum_int(old.as.i + 1), &swapped), "swap");
        }
    }
    say("ok");
}

static void dict_storm(void) {
    mproc_value_t *done = u64_value(word(3), false);
    uint64_t serial, size;
    for (serial = (uint64_t)number(2);; serial++) {
        need(mproc_dict_set(dict, mproc_datum_int((int64_t)serial), storm_entry(serial)), "set");
        while (need(mproc_dict_len(dict, &size), "len") == MPROC_OK && size > STORM_WINDOW) {
            need(mproc_dict_delete(dict, mproc_datum_int((int64_t)(serial + 1 - size))), "delete");
        }
        need(mproc_value_store(done, &serial, sizeof serial), "store");
        if (serial == (uint64_t)number(2)) {
            say("started");
        }
    }
}

/* The worker's list is the one at the key. */
static void dict_enter(void) {
    const mproc_arena_t *arena;
    mproc_datum_t inner;
    need(mproc_dict_arena(dict, &arena), "arena");
    if (well(mproc_dict_get(dict, datum_word(2), room, sizeof room, &inner))) {
        mproc_list_close(list);
        list = NULL;
        answer(mproc_list_follow(arena, inner, &list));
    }
}

static void do_dict(void) {
    mproc_datum_t datum;
    const mproc_arena_t *arena;
    int truth = 0;
    if (is(1, "create") || is(1, "open")) {
        mproc_dict_close(dict);
        dict = NULL;
        answer(is(1, "open") ? mproc_dict_open(NULL, word(2), NULL, &dict)
                             : mproc_dict_create(NULL, word(2), NULL, &dict));
    } else if (is(1, "fill")) {
        dict_fill();
    } else if (is(1, "look")) {
        dict_look();
    } else if (is(1, "set")) {
        answer(mproc_dict_set(dict, datum_word(2), datum_word(3)));
    } else if (is(1, "get")) {
        answer_datum(mproc_dict_get(dict, datum_word(2), room, sizeof room, &datum), &datum);
    } else if (is(1, "delete")) {
        answer(mproc_dict_delete(dict, datum_word(2)));
    } else if (is(1, "has")) {
        answer_truth(mproc_dict_contains(dict, datum_word(2), &truth), &truth);
    } else if (is(1, "size")) {
        uint64_t size = 0;
        answer_size(mproc_dict_len(dict, &size), &size);
    } else if (is(1, "add")) {
        answer_datum(mproc_dict_add(dict, datum_word(2), datum_word(3), &datum), &datum);
    } else if (is(1, "append")) {
        answer(mproc_dict_append_to(dict, datum_word(2), datum_word(3)));
    } else if (is(1, "swap")) {
        answer_truth(mproc_dict_compare_exchange(dict, datum_word(2), datum_word(3), datum_word(4), &truth), &truth);
    } else if (is(1, "nest")) {
        answer(mproc_dict_set(dict, datum_word(2), mproc_datum_new(MPROC_KIND_LIST)));
    } else if (is(1, "enter")) {
        dict_enter();
    } else if (is(1, "dump")) {
        answer_copy(mproc_dict_copy(dict, MPROC_COPY_DEEP, empty_builder()));
    } else if (is(1, "count")) {
        dict_count();
    } else if (is(1, "swaps")) {
        dict_swaps();
    } else if (is(1, "storm")) {
        dict_storm();
    } else if (is(1, "check")) {
        mproc_iter_t *iter;
        need(mproc_dict_arena(dict, &arena), "arena");
        if (well(mproc_dict_items(dict, &iter))) {
            storm_check(iter, true, arena);
        }
    } else if (is(1, "info")) {
        need(mproc_dict_arena(dict, &arena), "arena");
        answer_info(arena);
    } else {
        say("unknown command: dict %s", word(1));
    }
}

/* ---- list ---- */

/* Pairs of who and how many before. */
static void list_race(void) {
    char pair[64];
    long long i;
    pass_gate(word(2));
    for (i = 0; i < number(4); i++) {
        snprintf(pair, sizeof pair, "[\"%s\",%lld]", word(3), i);
        need(mproc_list_append(list, of_json(0, pair)), "append");
    }
    say("ok");
}

/* Everybody's pairs are all there, in their order; answers how many there are. */
static void list_raced(void) {
    struct {
        char name[16];
        int64_t next;
    } racers[2] = {{"", 0}, {"", 0}};
    mproc_iter_t *iter;
    mproc_datum_t pair, name, number_of;
    mproc_reader_t reader;
    unsigned long long count = 0;
    need(mproc_list_items(list, &iter), "items");
    while (need(mproc_iter_next(iter, NULL, &pair), "next") != MPROC_END) {
        int i;
        need(mproc_reader_init(&reader, pair, NULL), "reader");
        need(mproc_reader_next(&reader, &name), "name");
        need(mproc_reader_next(&reader, &number_of), "number");
        for (i = 0; i < 2; i++) {
            if (racers[i].name[0] == '\0') {
                snprintf(racers[i].name, sizeof racers[i].name, "%.*s", (int)name.len, (const char *)name.data);
            }
            if (strlen(racers[i].name) == name.len && memcmp(racers[i].name, name.data, name.len) == 0) {
                break;
            }
        }
        if (i == 2 || racers[i].next++ != number_of.as.i) {
            storm_wrong("another pair", count);
        }
        count++;
    }
    mproc_iter_close(iter);
    say("%llu", count);
}

static void list_storm(void) {
    mproc_value_t *done = u64_value(word(3), false);
    uint64_t serial, size;
    for (serial = (uint64_t)number(2);; serial++) {
        mproc_datum_t first;
        need(mproc_list_append(list, storm_entry(serial)), "append");
        while (need(mproc_list_len(list, &size), "len") == MPROC_OK && size > STORM_WINDOW) {
            need(mproc_list_pop(list, 0, room, sizeof room, &first), "pop");
        }
        need(mproc_value_store(done, &serial, sizeof serial), "store");
        if (serial == (uint64_t)number(2)) {
            say("started");
        }
    }
}

static void do_list(void) {
    mproc_datum_t datum;
    const mproc_arena_t *arena;
    if (is(1, "create") || is(1, "open")) {
        mproc_list_close(list);
        list = NULL;
        answer(is(1, "open") ? mproc_list_open(NULL, word(2), NULL, &list)
                             : mproc_list_create(NULL, word(2), NULL, &list));
    } else if (is(1, "append")) {
        answer(mproc_list_append(list, datum_word(2)));
    } else if (is(1, "extend")) {
        answer(mproc_list_extend(list, datum_word(2)));
    } else if (is(1, "insert")) {
        answer(mproc_list_insert(list, number(2), datum_word(3)));
    } else if (is(1, "get")) {
        answer_datum(mproc_list_get(list, number(2), room, sizeof room, &datum), &datum);
    } else if (is(1, "set")) {
        answer(mproc_list_set(list, number(2), datum_word(3)));
    } else if (is(1, "pop")) {
        answer_datum(mproc_list_pop(list, number(2), room, sizeof room, &datum), &datum);
    } else if (is(1, "size")) {
        uint64_t size = 0;
        answer_size(mproc_list_len(list, &size), &size);
    } else if (is(1, "sort")) {
        answer(mproc_list_sort(list, 0));
    } else if (is(1, "dump")) {
        answer_copy(mproc_list_copy(list, MPROC_COPY_DEEP, empty_builder()));
    } else if (is(1, "race")) {
        list_race();
    } else if (is(1, "raced")) {
        list_raced();
    } else if (is(1, "storm")) {
        list_storm();
    } else if (is(1, "check")) {
        mproc_iter_t *iter;
        need(mproc_list_arena(list, &arena), "arena");
        if (well(mproc_list_items(list, &iter))) {
            storm_check(iter, false, arena);
        }
    } else if (is(1, "info")) {
        need(mproc_list_arena(list, &arena), "arena");
        answer_info(arena);
    } else {
        say("unknown command: list %s", word(1));
    }
}

/* ---- namespace ---- */

static void do_space(void) {
    mproc_datum_t datum;
    int truth = 0;
    if (is(1, "create") || is(1, "open")) {
        mproc_namespace_close(space);
        space = NULL;
        answer(is(1, "open") ? mproc_namespace_open(NULL, word(2), NULL, &space)
                             : mproc_namespace_create(NULL, word(2), NULL, &space));
    } else if (is(1, "set")) {
        answer(mproc_namespace_set(space, word(2), datum_word(3)));
    } else if (is(1, "get")) {
        answer_datum(mproc_namespace_get(space, word(2), room, sizeof room, &datum), &datum);
    } else if (is(1, "delete")) {
        answer(mproc_namespace_delete(space, word(2)));
    } else if (is(1, "has")) {
        answer_truth(mproc_namespace_contains(space, word(2), &truth), &truth);
    } else if (is(1, "size")) {
        uint64_t size = 0;
        answer_size(mproc_namespace_len(space, &size), &size);
    } else if (is(1, "add")) {
        answer_datum(mproc_namespace_add(space, word(2), datum_word(3), &datum), &datum);
    } else if (is(1, "dump")) {
        answer_copy(mproc_namespace_copy(space, MPROC_COPY_DEEP, empty_builder()));
    } else {
        say("unknown command: space %s", word(1));
    }
}

/* ---- all of them ---- */

bool do_container(void) {
    if (is(0, "dict")) {
        do_dict();
    } else if (is(0, "list")) {
        do_list();
    } else if (is(0, "space")) {
        do_space();
    } else {
        return false;
    }
    return true;
}

void containers_close(void) {
    int i;
    mproc_dict_close(dict);
    mproc_list_close(list);
    mproc_namespace_close(space);
    for (i = 0; i < TEXTS; i++) {
        mproc_builder_close(builders[i]);
    }
}
