/* The arena: its limit, what it says of itself, circles, and what the dead held. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#define S(text) mproc_datum_str(text)
#define N(number) mproc_datum_int(number)
#define NEW(kind) mproc_datum_new(kind)

static enum place where;

enum { MIB = 1 << 20 };

static mproc_dict_t *new_dict(uint64_t limit) {
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict = NULL;
    options.limit_bytes = limit;
    NEED_OK(mproc_dict_create(place_domain(where), NULL, &options, &dict));
    return dict;
}

static const mproc_arena_t *arena_of(const mproc_dict_t *dict) {
    const mproc_arena_t *arena = NULL;
    NEED_OK(mproc_dict_arena(dict, &arena));
    return arena;
}

static void end(mproc_dict_t *dict) {
    CHECK_SOUND(arena_of(dict));
    mproc_dict_close(dict);
}

static mproc_datum_t value_of(const mproc_dict_t *dict, mproc_datum_t key) {
    mproc_datum_t value = mproc_datum_nil();
    CHECK_OK(mproc_dict_get(dict, key, NULL, 0, &value));
    return value;
}

static mproc_dict_t *inner_of(const mproc_dict_t *dict, const char *key) {
    mproc_dict_t *inner = NULL;
    NEED_OK(mproc_dict_follow(arena_of(dict), value_of(dict, S(key)), &inner));
    return inner;
}

static void limits(void) {
    static const struct {
        uint64_t asked, made; /* 0: refused */
    } table[] = {{0, UINT64_C(1) << 30}, {MIB, MIB}, {MIB + 1, MIB + 65536}, {3 * MIB, 3 * MIB}, {1, 0}, {MIB - 1, MIB},
                 {MIB - 65536, 0}, {(UINT64_C(1) << 40) + 1, 0}, {UINT64_MAX, 0}};
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict = NULL, *again = NULL;
    size_t i;
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        options.limit_bytes = table[i].asked;
        if (table[i].made == 0) {
            CHECK_IS(MPROC_EINVAL, mproc_dict_create(place_domain(where), NULL, &options, &dict));
            continue;
        }
        NEED_OK(mproc_dict_create(place_domain(where), NULL, &options, &dict));
        CHECK_INT(table[i].made, api_arena_info(arena_of(dict)).limit_bytes);
        end(dict);
    }
    options.limit_bytes = 2 * MIB;
    options.flags = MPROC_EXIST_OK;
    NEED_OK(mproc_dict_create(place_domain(where), "limited", &options, &dict));
    CHECK_IS(MPROC_EXISTED, mproc_dict_create(place_domain(where), "limited", &options, &again));
    mproc_dict_close(again);
    options.limit_bytes = 4 * MIB; /* only used when creating */
    CHECK_IS(MPROC_EXISTED, mproc_dict_create(place_domain(where), "limited", &options, &again));
    CHECK_INT(2 * MIB, api_arena_info(arena_of(again)).limit_bytes);
    mproc_dict_close(again);
    place_forget(where, "limited");
    end(dict);
}

static void info(void) {
    mproc_dict_t *dict = new_dict(0), *inner;
    const mproc_arena_t *arena = arena_of(dict), *same = NULL;
    mproc_arena_info_t empty = api_arena_info(arena), i;
    struct {
        mproc_arena_info_t info;
        uint64_t later[2];
    } larger;
    uint64_t part = 7;
    CHECK_INT(1, empty.containers);
    CHECK_INT(0, empty.waiting_to_be_freed);
    CHECK_INT(0, empty.steals);
    CHECK_INT(0, empty.rollbacks);
    CHECK_INT(0, empty.flags);
    CHECK_INT(0, empty.reserved);
    CHECK(empty.committed_bytes <= empty.limit_bytes && empty.used_bytes <= empty.committed_bytes);
    CHECK_OK(mproc_dict_set(dict, S("a"), NEW(MPROC_KIND_DICT)));
    i = api_arena_info(arena);
    CHECK_INT(2, i.containers);
    CHECK(i.blocks > empty.blocks && i.used_bytes > empty.used_bytes);
    CHECK_INT(empty.handles, i.handles);
    inner = inner_of(dict, "a");
    CHECK_INT(empty.handles + 1, api_arena_info(arena).handles);
    NEED_OK(mproc_dict_arena(inner, &same)); /* the same one, through any handle */
    CHECK_INT(2, api_arena_info(same).containers);
    CHECK_SOUND(same);
    mproc_dict_close(inner);
    CHECK_INT(empty.handles, api_arena_info(arena).handles);
    CHECK_OK(mproc_dict_delete(dict, S("a")));
    i = api_arena_info(arena);
    CHECK_INT(1, i.containers);

    memset(&larger, 0xff, sizeof larger); /* a newer program: what this library does not know is 0 */
    CHECK_OK(mproc_arena_info(arena, &larger.info, sizeof larger));
    CHECK_INT(1, larger.info.containers);
    CHECK(larger.later[0] == 0 && larger.later[1] == 0);
    CHECK_OK(mproc_arena_info(arena, (mproc_arena_info_t *)(void *)&part, sizeof part)); /* an older one */
    CHECK_INT(empty.limit_bytes, part);
    end(dict);
}

static void check_text(void) {
    mproc_dict_t *dict = new_dict(0);
    const mproc_arena_t *arena = arena_of(dict);
    char text[4] = "abc";
    CHECK_OK(mproc_arena_check(arena, text, sizeof text));
    CHECK_INT('\0', text[0]);
    CHECK_INT('b', text[1]);
    text[0] = 'a';
    CHECK_OK(mproc_arena_check(arena, text, 1));
    CHECK_INT('\0', text[0]);
    CHECK_OK(mproc_arena_check(arena, NULL, 0));
    CHECK_IS(MPROC_EINVAL, mproc_arena_check(arena, NULL, 1));
    mproc_dict_close(dict);
}

/* The limit: whatever does not fit leaves everything as it was, and when there is room again, it goes on. */
static void full(void) {
    mproc_dict_t *dict = new_dict(MIB);
    mproc_list_t *list = NULL;
    mproc_builder_t *builder = api_builder(), *before = api_builder(), *after = api_builder();
    mproc_datum_t large, was, is, out = mproc_datum_nil();
    const mproc_arena_t *arena = arena_of(dict);
    char *text = (char *)malloc(MIB);
    uint64_t len = 0, again = 0;
    int i, status, swapped = 7, equal = 7;
    memset(text, 'x', MIB);
    CHECK_OK(mproc_dict_set(dict, S("list"), NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_dict_set(dict, S("plain"), api_datum_of(builder, "[1]")));
    NEED_OK(mproc_list_follow(arena, value_of(dict, S("list")), &list));
    for (i = 0; (status = mproc_list_append(list, mproc_datum_strn(text, 1000))) == MPROC_OK; i++) {
    }
    CHECK_IS(MPROC_EFULL, status);
    CHECK(i > 300 && i < 1048);
    CHECK_OK(mproc_dict_copy(dict, MPROC_COPY_DEEP, before));
    large = mproc_datum_strn(text, 100000);
    CHECK_IS(MPROC_EFULL, mproc_dict_set(dict, S("new"), large));
    CHECK_IS(MPROC_EFULL, mproc_dict_set(dict, S("plain"), large));
    CHECK_IS(MPROC_EFULL, mproc_dict_set(dict, large, N(1)));
    CHECK_IS(MPROC_EFULL, mproc_dict_set(dict, S("new"), mproc_datum_strn(text, MIB)));
    CHECK_IS(MPROC_EFULL, mproc_dict_setdefault(dict, S("new"), large, text, MIB, &out));
    CHECK_IS(MPROC_EFULL, mproc_dict_append_to(dict, S("new"), large));
    CHECK_IS(MPROC_EFULL, mproc_dict_append_to(dict, S("plain"), large));
    CHECK_IS(MPROC_EFULL, mproc_dict_append_to(dict, S("list"), large));
    CHECK_IS(MPROC_EFULL, mproc_dict_compare_exchange(dict, S("new"), mproc_datum_absent(), large, &swapped));
    CHECK_IS(MPROC_EFULL, mproc_list_set(list, 0, large));
    CHECK_IS(MPROC_EFULL, mproc_list_insert(list, 0, large));
    CHECK_IS(MPROC_EFULL, mproc_list_repeat(list, 2));
    CHECK_IS(MPROC_EFULL, mproc_list_extend_from(list, list));
    CHECK_OK(mproc_builder_reset(builder));
    CHECK_OK(mproc_builder_begin_list(builder));
    CHECK_OK(mproc_builder_add(builder, N(1)));
    CHECK_OK(mproc_builder_add(builder, large));
    CHECK_OK(mproc_builder_end(builder));
    CHECK_OK(mproc_builder_datum(builder, &is));
    CHECK_IS(MPROC_EFULL, mproc_list_extend(list, is)); /* nor the first of them */
    CHECK_IS(MPROC_EFULL, mproc_list_slice_set(list, 1, 2, 1, is));
    CHECK_INT(7, swapped);
    CHECK_INT(MPROC_DATUM_NIL, out.type);
    CHECK_SOUND(arena);
    CHECK_OK(mproc_dict_copy(dict, MPROC_COPY_DEEP, after));
    CHECK_OK(mproc_builder_datum(before, &was));
    CHECK_OK(mproc_builder_datum(after, &is));
    CHECK_OK(mproc_datum_equal(was, is, &equal));
    CHECK_INT(1, equal);

    CHECK_OK(mproc_list_len(list, &len));
    CHECK_INT(i, len);
    for (i = 0; i < 100; i++) { /* what takes no room works */
        CHECK_OK(mproc_list_delete(list, -1));
    }
    for (i = 0; mproc_list_append(list, mproc_datum_strn(text, 1000)) == MPROC_OK; i++) { /* there is room again */
    }
    CHECK(i >= 100);
    CHECK_OK(mproc_list_clear(list));
    CHECK_OK(mproc_dict_set(dict, S("new"), large));
    CHECK_OK(mproc_dict_delete(dict, S("new")));
    for (again = 0; mproc_list_append(list, mproc_datum_strn(text, 1000)) == MPROC_OK; again++) {
    }
    CHECK(again >= len);
    mproc_list_close(list);
    free(text);
    mproc_builder_close(after);
    mproc_builder_close(before);
    mproc_builder_close(builder);
    end(dict);
}

/* Many of all sizes come and go: their room is used again. */
static void used_again(void) {
    int rounds = api_slow() || !place_is_memory(where) ? 2000 : 20000, i, bad = 0;
    mproc_dict_t *dict = new_dict(4 * MIB);
    static char text[4096];
    uint32_t x = 1;
    memset(text, 'x', sizeof text);
    for (i = 0; i < rounds; i++) {
        x = x * 1664525u + 1013904223u;
        bad += mproc_dict_set(dict, N(x >> 8 & 63), mproc_datum_bytes(text, (x >> 14) % sizeof text)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK(api_arena_info(arena_of(dict)).used_bytes < 4 * MIB);
    end(dict);
}

/* Two that refer to each other and that nobody else knows: only collect() finds them. */
static void circles(void) {
    mproc_dict_t *dict = new_dict(0), *a, *b;
    const mproc_arena_t *arena = arena_of(dict);
    mproc_datum_t ref;
    uint64_t freed = 7;
    CHECK_OK(mproc_arena_collect(arena, &freed));
    CHECK_INT(0, freed);
    CHECK_OK(mproc_dict_set(dict, S("a"), NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_dict_set(dict, S("b"), NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_dict_set(dict, S("kept"), NEW(MPROC_KIND_LIST)));
    a = inner_of(dict, "a");
    b = inner_of(dict, "b");
    CHECK_OK(mproc_dict_ref(b, &ref));
    CHECK_OK(mproc_dict_set(a, S("b"), ref));
    CHECK_OK(mproc_dict_ref(a, &ref));
    CHECK_OK(mproc_dict_set(b, S("a"), ref));
    CHECK_OK(mproc_dict_ref(dict, &ref)); /* and they know the root */
    CHECK_OK(mproc_dict_set(b, S("root"), ref));
    CHECK_OK(mproc_dict_set(b, S("more"), NEW(MPROC_KIND_NAMESPACE)));
    CHECK_OK(mproc_dict_delete(dict, S("a")));
    CHECK_OK(mproc_dict_delete(dict, S("b")));
    CHECK_OK(mproc_arena_collect(arena, &freed)); /* the handles hold them */
    CHECK_INT(0, freed);
    mproc_dict_close(a);
    CHECK_OK(mproc_arena_collect(arena, &freed)); /* still the other one */
    CHECK_INT(0, freed);
    mproc_dict_close(b);
    CHECK_INT(5, api_arena_info(arena).containers);
    CHECK_OK(mproc_arena_collect(arena, &freed));
    CHECK_INT(3, freed);
    CHECK_INT(2, api_arena_info(arena).containers);
    CHECK_DICT("{\"kept\":[]}", dict);
    CHECK_OK(mproc_dict_ref(dict, &ref)); /* the root in itself */
    CHECK_OK(mproc_dict_set(dict, S("self"), ref));
    CHECK_OK(mproc_arena_collect(arena, NULL));
    CHECK_INT(2, api_arena_info(arena).containers);
    CHECK_OK(mproc_dict_delete(dict, S("self")));
    end(dict);
}

/* What only handles of a process hold that is killed is freed by collect(). */
static void held_by_the_dead(void) {
    mproc_dict_t *dict = new_dict(0), *inner = NULL;
    const mproc_arena_t *arena = arena_of(dict);
    check_gate_t *holds = check_gate();
    mproc_datum_t ref;
    uint64_t freed = 7;
    pid_t pid;
    CHECK_OK(mproc_dict_set(dict, S("a"), NEW(MPROC_KIND_DICT)));
    ref = value_of(dict, S("a"));
    pid = check_fork();
    if (pid == 0) {
        inner = inner_of(dict, "a");
        CHECK_OK(mproc_dict_set(inner, S("x"), NEW(MPROC_KIND_LIST)));
        CHECK_OK(mproc_dict_delete(dict, S("a")));
        CHECK_OK(mproc_arena_collect(arena, &freed));
        CHECK_INT(0, freed);
        CHECK_OK(mproc_dict_set(inner, S("y"), N(1))); /* its own handle is enough */
        check_gate_open(holds);
        for (;;) {
            pause();
        }
    }
    check_gate_wait(holds);
    CHECK_OK(mproc_arena_collect(arena, &freed)); /* alive: nothing */
    CHECK_INT(0, freed);
    CHECK_INT(3, api_arena_info(arena).containers);
    CHECK_OK(mproc_dict_follow(arena, ref, &inner)); /* and it can be opened once more */
    CHECK_DICT("{\"x\":[],\"y\":1}", inner);
    mproc_dict_close(inner);
    CHECK_INT(3, api_arena_info(arena).containers);
    check_kill(pid);
    if (place_is_memory(where)) {
        CHECK_OK(mproc_arena_collect(arena, &freed));
        CHECK_INT(2, freed);
    } else {
        AWAIT(api_arena_info(arena).containers == 1); /* the server frees it when it hears of the end */
    }
    CHECK_INT(1, api_arena_info(arena).containers);
    CHECK_INT(0, api_arena_info(arena).handles);
    CHECK_IS(MPROC_ENOENT, mproc_dict_follow(arena, ref, &inner));
    check_gate_free(holds);
    end(dict);
}

/* A forked child may use its parent's handles, also when the parent has closed them. */
static void inherited(void) {
    mproc_dict_t *dict = new_dict(0), *inner;
    const mproc_arena_t *arena = arena_of(dict);
    check_gate_t *opened = check_gate(), *closed = check_gate();
    pid_t pid;
    CHECK_OK(mproc_dict_set(dict, S("a"), NEW(MPROC_KIND_DICT)));
    inner = inner_of(dict, "a");
    pid = check_fork();
    if (pid == 0) {
        CHECK_OK(mproc_dict_set(inner, S("x"), N(1)));
        check_gate_open(opened);
        check_gate_wait(closed);
        CHECK_OK(mproc_dict_set(inner, S("y"), N(2)));
        CHECK_DICT("{\"x\":1,\"y\":2}", inner);
        mproc_dict_close(inner);
        check_leave();
    }
    check_gate_wait(opened);
    CHECK_OK(mproc_dict_delete(dict, S("a")));
    mproc_dict_close(inner);
    CHECK_OK(mproc_arena_collect(arena, NULL));
    CHECK_INT(2, api_arena_info(arena).containers);
    check_gate_open(closed);
    CHECK_CHILD(pid);
    CHECK_OK(mproc_arena_collect(arena, NULL));
    AWAIT(place_is_memory(where) || api_arena_info(arena).containers == 1);
    CHECK_INT(1, api_arena_info(arena).containers);
    check_gate_free(closed);
    check_gate_free(opened);
    end(dict);
}

/* Killed at any instant, again and again: what is left is sound, and every call has happened or not. */
static void killed_inside(void) {
    int rounds = api_slow() ? 3 : 30, i;
    mproc_dict_t *dict = new_dict(0);
    const mproc_arena_t *arena = arena_of(dict);
    for (i = 0; i < rounds; i++) {
        check_gate_t *runs = check_gate();
        mproc_list_t *list = NULL;
        uint64_t len = 0;
        pid_t pid = check_fork();
        if (pid == 0) {
            check_gate_open(runs);
            for (;;) {
                CHECK_OK(mproc_dict_append_to(dict, S("list"), S("an element")));
                CHECK_OK(mproc_dict_add(dict, S("appended"), N(1), NULL));
            }
        }
        check_gate_wait(runs);
        check_sleep_ms(i % 7);
        check_kill(pid);
        CHECK_SOUND(arena);
        CHECK_OK(mproc_dict_append_to(dict, S("list"), S("an element")));
        CHECK_OK(mproc_dict_add(dict, S("appended"), N(1), NULL));
        NEED_OK(mproc_list_follow(arena, value_of(dict, S("list")), &list));
        CHECK_OK(mproc_list_len(list, &len));
        CHECK(len - (uint64_t)value_of(dict, S("appended")).as.i <= (uint64_t)i + 1);
        mproc_list_close(list);
        check_gate_free(runs);
    }
    end(dict);
}

void api_arena(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        limits();
        info();
        check_text();
        full();
        used_again();
        circles();
        held_by_the_dead();
        inherited();
        killed_inside();
    }
}
