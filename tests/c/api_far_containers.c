/* Dicts, lists and namespaces of one manager from both sides: what one client writes in memory another one reads through a
 * connection, and the other way round; and what is longer than a message. (Each operation by itself: api_dict() and its
 * siblings, which do everything at each place.) */
#include "api_test.h"

#include "check.h"
#include "place.h"

#define S(text) mproc_datum_str(text)
#define N(number) mproc_datum_int(number)
#define NEW(kind) mproc_datum_new(kind)

enum { MIB = 1 << 20 };

/* One dict, as both clients have it. */
typedef struct {
    mproc_dict_t *near, *far;
} both_t;

static both_t new_dict(void) {
    both_t dict = {NULL, NULL};
    NEED_OK(mproc_dict_create(place_domain(PLACE_NEAR), "both", NULL, &dict.near));
    NEED_OK(mproc_dict_open(place_domain(PLACE_FAR), "both", NULL, &dict.far));
    return dict;
}

static const mproc_arena_t *arena_of(const mproc_dict_t *dict) {
    const mproc_arena_t *arena = NULL;
    NEED_OK(mproc_dict_arena(dict, &arena));
    return arena;
}

static void end(both_t dict) {
    CHECK_SOUND(arena_of(dict.near));
    CHECK_SOUND(arena_of(dict.far));
    mproc_dict_close(dict.far);
    mproc_dict_close(dict.near);
    CHECK_OK(mproc_domain_unlink(place_domain(PLACE_FAR), "both"));
    CHECK_IS(MPROC_ENOENT, mproc_dict_open(place_domain(PLACE_FAR), "both", NULL, &dict.far));
}

static mproc_datum_t value_of(const mproc_dict_t *dict, mproc_datum_t key) {
    mproc_datum_t value = mproc_datum_nil();
    CHECK_OK(mproc_dict_get(dict, key, NULL, 0, &value));
    return value;
}

static void the_same_objects(void) {
    both_t dict = new_dict();
    mproc_dict_t *near_inner = NULL, *far_inner = NULL;
    mproc_namespace_t *names = NULL;
    mproc_handle_t *handle = NULL;
    mproc_datum_t near_ref, far_ref;
    mproc_arena_info_t near_info, far_info;
    uint64_t freed = 7;
    int remote = 7;

    CHECK_OK(mproc_object_is_remote(MPROC_KIND_DICT, dict.near, &remote));
    CHECK_INT(0, remote);
    CHECK_OK(mproc_object_is_remote(MPROC_KIND_DICT, dict.far, &remote));
    CHECK_INT(1, remote);
    CHECK_IS(MPROC_ENOTSUP, mproc_dict_export(dict.far, &handle));

    CHECK_OK(mproc_dict_set(dict.near, S("by near"), N(1)));
    CHECK_OK(mproc_dict_set(dict.far, S("by far"), S("two")));
    CHECK_DICT("{\"by near\":1,\"by far\":\"two\"}", dict.near);
    CHECK_DICT("{\"by near\":1,\"by far\":\"two\"}", dict.far);

    /* A reference that one has got is good for the other. */
    CHECK_OK(mproc_dict_ref(dict.near, &near_ref));
    CHECK_OK(mproc_dict_ref(dict.far, &far_ref));
    CHECK(near_ref.as.u == far_ref.as.u && near_ref.place == far_ref.place && near_ref.len == far_ref.len);
    CHECK_OK(mproc_dict_set(dict.far, S("inner"), NEW(MPROC_KIND_DICT)));
    NEED_OK(mproc_dict_follow(arena_of(dict.near), value_of(dict.far, S("inner")), &near_inner));
    NEED_OK(mproc_dict_follow(arena_of(dict.far), value_of(dict.near, S("inner")), &far_inner));
    CHECK_OK(mproc_dict_set(near_inner, S("names"), NEW(MPROC_KIND_NAMESPACE)));
    NEED_OK(mproc_namespace_follow(arena_of(far_inner), value_of(far_inner, S("names")), &names));
    CHECK_OK(mproc_namespace_set(names, "x", N(3)));
    CHECK_DICT("{\"names\":{\"x\":3}}", near_inner);

    /* It lives as long as one of the two holds it. */
    CHECK_OK(mproc_dict_delete(dict.near, S("inner")));
    mproc_namespace_close(names);
    mproc_dict_close(near_inner);
    CHECK_DICT("{\"names\":{\"x\":3}}", far_inner);
    CHECK_OK(mproc_arena_info(arena_of(dict.near), &near_info, sizeof near_info));
    CHECK_OK(mproc_arena_info(arena_of(dict.far), &far_info, sizeof far_info));
    CHECK_INT(3, near_info.containers);
    CHECK_INT(1, near_info.handles);
    CHECK(memcmp(&near_info, &far_info, sizeof near_info) == 0);
    mproc_dict_close(far_inner);
    AWAIT(api_arena_info(arena_of(dict.near)).containers == 1); /* the server was told, and not asked */
    CHECK_OK(mproc_arena_collect(arena_of(dict.far), &freed));
    CHECK_INT(0, freed);
    end(dict);
}

static void tokens(void) {
    both_t dict = new_dict();
    CHECK_OK(mproc_dict_set_if_token(dict.near, S("a"), N(7), 7));
    CHECK_IS(MPROC_EFENCED, mproc_dict_set_if_token(dict.far, S("a"), N(6), 6));
    CHECK_OK(mproc_dict_set_if_token(dict.far, S("a"), N(8), 8));
    CHECK_IS(MPROC_EFENCED, mproc_dict_delete_if_token(dict.near, S("a"), 7));
    CHECK_DICT("{\"a\":8}", dict.near);
    end(dict);
}

static mproc_list_t *new_list(enum place place, const char *json) {
    mproc_list_t *list = NULL;
    mproc_builder_t *builder = api_builder();
    NEED_OK(mproc_list_create(place_domain(place), NULL, NULL, &list));
    CHECK_OK(mproc_list_extend(list, api_datum_of(builder, json)));
    mproc_builder_close(builder);
    return list;
}

/* From every place to every place. */
static void extend_from(void) {
    int from, to;
    for (from = PLACE_DOMAIN; from < PLACES; from++) {
        for (to = PLACE_DOMAIN; to < PLACES; to++) {
            mproc_list_t *source = new_list((enum place)from, "[1,\"two\",[3]]");
            mproc_list_t *target = new_list((enum place)to, "[0]");
            mproc_builder_t *builder = api_builder();
            mproc_datum_t ref;
            CHECK_OK(mproc_list_extend_from(target, source));
            CHECK_LIST("[0,1,\"two\",[3]]", target);
            CHECK_LIST("[1,\"two\",[3]]", source);
            CHECK_OK(mproc_list_ref(target, &ref)); /* of the other arena's: a weak one there, a cycle here */
            CHECK_OK(mproc_list_append(source, ref));
            CHECK_OK(mproc_list_slice_delete(source, 0, 3, 1));
            CHECK_OK(mproc_list_extend_from(target, source));
            CHECK_IS(MPROC_ETYPE, mproc_list_copy(target, MPROC_COPY_DEEP, builder));
            CHECK_OK(mproc_list_delete(target, -1));
            CHECK_LIST("[0,1,\"two\",[3]]", target);
            CHECK_OK(mproc_list_clear(source));
            CHECK_OK(mproc_list_append(source, N(1)));
            CHECK_OK(mproc_list_append(source, NEW(MPROC_KIND_DICT)));
            CHECK_IS(MPROC_ETYPE, mproc_list_extend_from(target, source));
            CHECK_LIST("[0,1,\"two\",[3]]", target);
            mproc_builder_close(builder);
            mproc_list_close(target);
            mproc_list_close(source);
        }
    }
}

/* Snapshots and copies come in pieces, and have what was at one moment. */
static void in_pieces(void) {
    enum { MOST = 3000, LEN = 1000 };
    both_t dict = new_dict();
    mproc_builder_t *near_copy = api_builder(), *far_copy = api_builder();
    mproc_datum_t near_datum, far_datum, key, value;
    mproc_iter_t *items = NULL, *keys = NULL;
    uint64_t len = 0;
    int i, equal = 0, bad = 0;
    static char text[LEN];
    for (i = 0; i < MOST; i++) {
        memset(text, 'a' + i % 26, LEN);
        bad += mproc_dict_set(dict.near, N(i), mproc_datum_strn(text, LEN)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    NEED_OK(mproc_dict_items(dict.far, &items));
    NEED_OK(mproc_dict_keys(dict.far, &keys));
    CHECK_OK(mproc_dict_copy(dict.near, 0, near_copy));
    CHECK_OK(mproc_dict_copy(dict.far, 0, far_copy));
    CHECK_OK(mproc_dict_clear(dict.near)); /* they are the client's own by now */
    CHECK_OK(mproc_builder_datum(near_copy, &near_datum));
    CHECK_OK(mproc_builder_datum(far_copy, &far_datum));
    CHECK(near_datum.len > (size_t)MOST * LEN);
    CHECK_OK(mproc_datum_equal(near_datum, far_datum, &equal));
    CHECK_INT(1, equal);
    CHECK_OK(mproc_iter_len(items, &len));
    CHECK_INT(MOST, len);
    for (i = 0; mproc_iter_next(items, &key, &value) == MPROC_OK; i++) {
        bad += key.as.i != i || value.len != LEN || ((const char *)value.data)[LEN - 1] != 'a' + i % 26;
    }
    CHECK_INT(MOST, i);
    for (i = 0; mproc_iter_next(keys, &key, &value) == MPROC_OK; i++) {
        bad += key.as.i != i || value.type != MPROC_DATUM_NIL;
    }
    CHECK_INT(MOST, i);
    CHECK_INT(0, bad);
    mproc_iter_close(keys);
    mproc_iter_close(items);
    mproc_builder_close(far_copy);
    mproc_builder_close(near_copy);
    end(dict);
}

/* An iterator takes as much at a time as a message has room for. */
static void large_steps(void) {
    enum { COUNT = 5, LEN = 7 * MIB };
    both_t dict = new_dict();
    char *text = (char *)malloc(LEN);
    mproc_datum_t key, value;
    mproc_iter_t *iter = NULL;
    int i, status, bad = 0;
    for (i = 0; i < COUNT; i++) {
        memset(text, 'a' + i, LEN);
        bad += mproc_dict_set(dict.far, N(2 * i), mproc_datum_strn(text, LEN)) != MPROC_OK;
        bad += mproc_dict_set(dict.far, N(2 * i + 1), N(i)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    NEED_OK(mproc_dict_iter(dict.far, &iter));
    for (i = 0; (status = mproc_iter_next(iter, &key, &value)) == MPROC_OK; i++) {
        bad += key.as.i != i || (i % 2 ? value.as.i != i / 2 : value.len != LEN || *(const char *)value.data != 'a' + i / 2);
    }
    CHECK_IS(MPROC_END, status);
    CHECK_INT(2 * COUNT, i);
    CHECK_INT(0, bad);
    mproc_iter_close(iter);
    free(text);
    end(dict);
}

/* What is longer than a message was put there in memory. It stays where it is; a copy of everything has it. */
static void longer_than_a_message(void) {
    enum { LEN = 20 * MIB, CAP = 32 * MIB };
    both_t dict = new_dict();
    char *text = (char *)malloc(LEN), *buf = (char *)malloc(CAP), key_buf[16];
    mproc_datum_t key, value, text_datum;
    mproc_iter_t *iter = NULL;
    mproc_list_t *list = NULL;
    memset(text, 'x', LEN);
    text_datum = mproc_datum_strn(text, LEN);
    CHECK_IS(MPROC_E2BIG, mproc_dict_set(dict.far, S("long"), text_datum));
    CHECK_IS(MPROC_ENOENT, mproc_dict_get(dict.far, S("long"), NULL, 0, &value));
    CHECK_OK(mproc_dict_set(dict.near, S("long"), text_datum));

    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict.far, S("long"), buf, LEN - 1, &value)); /* what it needs is known */
    CHECK_INT(LEN, value.len);
    CHECK_IS(MPROC_E2BIG, mproc_dict_get(dict.far, S("long"), buf, CAP, &value));
    CHECK_IS(MPROC_E2BIG, mproc_dict_setdefault(dict.far, S("long"), N(1), buf, CAP, &value));
    CHECK_IS(MPROC_E2BIG, mproc_dict_pop(dict.far, S("long"), buf, CAP, &value));
    CHECK_IS(MPROC_E2BIG, mproc_dict_popitem(dict.far, key_buf, sizeof key_buf, buf, CAP, &key, &value));
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_popitem(dict.far, key_buf, 3, buf, CAP, &key, &value));
    CHECK_INT(4, key.len);
    CHECK_INT(LEN, value.len);

    NEED_OK(mproc_dict_iter(dict.far, &iter));
    CHECK_IS(MPROC_E2BIG, mproc_iter_next(iter, &key, &value));
    CHECK_IS(MPROC_E2BIG, mproc_iter_next(iter, &key, &value)); /* it stays so */
    mproc_iter_close(iter);
    NEED_OK(mproc_dict_items(dict.far, &iter));
    CHECK_OK(mproc_iter_next(iter, &key, &value));
    CHECK(value.len == LEN && memcmp(value.data, text, LEN) == 0);
    mproc_iter_close(iter);

    NEED_OK(mproc_list_create(place_domain(PLACE_NEAR), "both-too", NULL, &list));
    CHECK_OK(mproc_list_append(list, text_datum));
    mproc_list_close(list);
    NEED_OK(mproc_list_open(place_domain(PLACE_FAR), "both-too", NULL, &list));
    CHECK_IS(MPROC_E2BIG, mproc_list_get(list, 0, buf, CAP, &value));
    CHECK_IS(MPROC_E2BIG, mproc_list_pop(list, 0, buf, CAP, &value));
    CHECK_IS(MPROC_E2BIG, mproc_list_pop(list, -1, buf, CAP, &value));
    CHECK_OK(mproc_list_repeat(list, 2)); /* what the server does by itself has no such bound */
    CHECK_OK(mproc_list_delete(list, 0));
    CHECK_OK(mproc_list_delete(list, -1));
    CHECK_OK(mproc_domain_unlink(place_domain(PLACE_NEAR), "both-too"));
    mproc_list_close(list);

    CHECK_OK(mproc_dict_delete(dict.far, S("long")));
    CHECK_DICT("{}", dict.near);
    free(buf);
    free(text);
    end(dict);
}

/* A long operation keeps nobody waiting at the server but those who want the same arena. */
static void sort_it(void *argument) {
    CHECK_OK(mproc_list_sort((mproc_list_t *)argument, 0));
}

static void others_go_on(void) {
    enum { COUNT = 100000 };
    both_t dict = new_dict();
    mproc_list_t *list = new_list(PLACE_FAR, "[0]");
    mproc_datum_t last;
    party_t sorter;
    int i;
    CHECK_OK(mproc_list_repeat(list, COUNT));
    CHECK_OK(mproc_list_append(list, N(-1)));
    party_start(&sorter, 1, sort_it, list);
    for (i = 0; i < 100; i++) {
        CHECK_OK(mproc_dict_add(dict.far, S("n"), N(1), NULL));
    }
    party_join(&sorter);
    CHECK_INT(100, value_of(dict.near, S("n")).as.i);
    CHECK_OK(mproc_list_get(list, 0, NULL, 0, &last));
    CHECK_INT(-1, last.as.i);
    mproc_list_close(list);
    end(dict);
}

void api_far_containers(void) {
    the_same_objects();
    tokens();
    extend_from();
    in_pieces();
    large_steps();
    longer_than_a_message();
    others_go_on();
}
