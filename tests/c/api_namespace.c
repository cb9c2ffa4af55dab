/* The namespace: names, values, sums, containers inside, other processes. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#define S(text) mproc_datum_str(text)
#define N(number) mproc_datum_int(number)
#define NEW(kind) mproc_datum_new(kind)

static enum place where;

static mproc_namespace_t *new_namespace(void) {
    mproc_namespace_t *ns = NULL;
    NEED_OK(mproc_namespace_create(place_domain(where), NULL, NULL, &ns));
    return ns;
}

static const mproc_arena_t *arena_of(const mproc_namespace_t *ns) {
    const mproc_arena_t *arena = NULL;
    NEED_OK(mproc_namespace_arena(ns, &arena));
    return arena;
}

/* Every namespace of these tests ends here: whatever was done with it, its heap is sound. */
static void end(mproc_namespace_t *ns) {
    CHECK_SOUND(arena_of(ns));
    mproc_namespace_close(ns);
}

static void check_has_at(int expected, const mproc_namespace_t *ns, const char *name, int line) {
    int has = 7;
    check_status(MPROC_OK, mproc_namespace_contains(ns, name, &has), __FILE__, line, "mproc_namespace_contains()");
    check_long(expected, has, __FILE__, line, "whether the name is there");
}
#define CHECK_HAS(expected, ns, name) check_has_at((expected), (ns), (name), __LINE__)

/* The value of a name, as JSON. */
static void check_value_at(const char *expected, const mproc_namespace_t *ns, const char *name, int line) {
    char buf[1024];
    mproc_datum_t value = mproc_datum_absent();
    check_status(MPROC_OK, mproc_namespace_get(ns, name, buf, sizeof buf, &value), __FILE__, line,
                 "mproc_namespace_get()");
    api_check_datum(expected, value, __FILE__, line);
}
#define CHECK_VALUE(expected, ns, name) check_value_at((expected), (ns), (name), __LINE__)

static mproc_datum_t value_of(const mproc_namespace_t *ns, const char *name) {
    mproc_datum_t value = mproc_datum_nil();
    CHECK_OK(mproc_namespace_get(ns, name, NULL, 0, &value));
    return value;
}

static void values(void) {
    mproc_namespace_t *ns = new_namespace();
    mproc_builder_t *builder = api_builder();
    mproc_iter_t *iter = NULL;
    mproc_datum_t out;
    uint64_t len = 7;
    char buf[16];
    CHECK_NAMESPACE("{}", ns);
    CHECK_OK(mproc_namespace_len(ns, &len));
    CHECK_INT(0, len);
    CHECK_HAS(0, ns, "x");
    CHECK_IS(MPROC_ENOENT, mproc_namespace_get(ns, "x", NULL, 0, &out));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_delete(ns, "x"));
    NEED_OK(mproc_namespace_items(ns, &iter));
    CHECK_ITER("[]", iter, API_PAIRS);

    CHECK_OK(mproc_namespace_set(ns, "b", N(1)));
    CHECK_OK(mproc_namespace_set(ns, "c", S("a text")));
    CHECK_OK(mproc_namespace_set(ns, "a", api_datum_of(builder, "{\"x\":[1]}")));
    CHECK_OK(mproc_namespace_set(ns, "B", mproc_datum_nil()));
    CHECK_OK(mproc_namespace_set(ns, "b", mproc_datum_float(2.5)));
    CHECK_OK(mproc_namespace_len(ns, &len));
    CHECK_INT(4, len);
    CHECK_NAMESPACE("{\"b\":2.5,\"c\":\"a text\",\"a\":{\"x\":[1]},\"B\":null}", ns); /* as they came */
    CHECK_HAS(1, ns, "B");
    CHECK_VALUE("2.5", ns, "b");
    memset(&out, 0x5a, sizeof out);
    CHECK_IS(MPROC_EMSGSIZE, mproc_namespace_get(ns, "c", buf, 5, &out));
    CHECK_INT(6, out.len);
    CHECK_INT(0x5a5a5a5a, out.type);
    CHECK_OK(mproc_namespace_get(ns, "c", buf, 6, &out));
    CHECK_DATUM("\"a text\"", out);
    NEED_OK(mproc_namespace_items(ns, &iter));
    CHECK_OK(mproc_iter_len(iter, &len));
    CHECK_INT(4, len);
    CHECK_OK(mproc_namespace_delete(ns, "c"));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_delete(ns, "c"));
    CHECK_IS(MPROC_EINVAL, mproc_namespace_set(ns, "d", mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_namespace_set(ns, "d", mproc_datum_packed("\x91", 1)));
    CHECK_NAMESPACE("{\"b\":2.5,\"a\":{\"x\":[1]},\"B\":null}", ns);
    end(ns); /* which the iterator outlives */
    CHECK_ITER("[[\"B\",null],[\"a\",{\"x\":[1]}],[\"b\",2.5],[\"c\",\"a text\"]]", iter, API_PAIRS);
    mproc_builder_close(builder);
}

static void names(void) {
    static const char *const bad[] = {"", "_x", "_", "__class__", "\xff", "a\xc0\x80"};
    mproc_namespace_t *ns = new_namespace();
    mproc_datum_t out = mproc_datum_nil();
    mproc_iter_t *iter = NULL;
    char longest[257];
    size_t i;
    int flag = 7;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_namespace_set(ns, bad[i], N(1)));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_get(ns, bad[i], NULL, 0, &out));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_contains(ns, bad[i], &flag));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_delete(ns, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_add(ns, bad[i], N(1), &out));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_append_to(ns, bad[i], N(1)));
        CHECK_IS(MPROC_EINVAL, mproc_namespace_compare_exchange(ns, bad[i], mproc_datum_absent(), N(1), &flag));
    }
    CHECK_INT(7, flag);
    CHECK_NAMESPACE("{}", ns);
    memset(longest, 'n', sizeof longest);
    longest[256] = '\0';
    CHECK_IS(MPROC_EINVAL, mproc_namespace_set(ns, longest, N(1)));
    longest[255] = '\0';
    CHECK_OK(mproc_namespace_set(ns, longest, N(1)));
    CHECK_VALUE("1", ns, longest);
    CHECK_OK(mproc_namespace_delete(ns, longest));
    CHECK_OK(mproc_namespace_set(ns, "x_", N(1)));
    CHECK_OK(mproc_namespace_set(ns, " .\n\"", N(2)));
    CHECK_OK(mproc_namespace_set(ns, "\xc3\xa4", N(3)));
    CHECK_OK(mproc_namespace_set(ns, "x", N(4)));
    CHECK_OK(mproc_namespace_set(ns, "name", N(5)));
    CHECK_NAMESPACE("{\"x_\":1,\" .\\n\\\"\":2,\"\xc3\xa4\":3,\"x\":4,\"name\":5}", ns);
    NEED_OK(mproc_namespace_items(ns, &iter)); /* sorted by the names' bytes, however long they are */
    CHECK_ITER("[\" .\\n\\\"\",\"name\",\"x\",\"x_\",\"\xc3\xa4\"]", iter, API_KEYS);
    end(ns);
}

static void sums_and_exchanges(void) {
    mproc_namespace_t *ns = new_namespace();
    mproc_datum_t out = mproc_datum_nil(), absent = mproc_datum_absent();
    int swapped = 7;
    CHECK_OK(mproc_namespace_add(ns, "n", N(2), &out));
    CHECK_DATUM("2", out);
    CHECK_OK(mproc_namespace_add(ns, "n", mproc_datum_float(0.5), &out));
    CHECK_DATUM("2.5", out);
    CHECK_OK(mproc_namespace_add(ns, "n", N(1), NULL));
    CHECK_VALUE("3.5", ns, "n");
    CHECK_OK(mproc_namespace_set(ns, "n", N(INT64_MIN)));
    CHECK_IS(MPROC_EOVERFLOW, mproc_namespace_add(ns, "n", N(-1), &out));
    CHECK_IS(MPROC_ETYPE, mproc_namespace_add(ns, "n", S("1"), &out));
    CHECK_OK(mproc_namespace_set(ns, "n", S("1")));
    CHECK_IS(MPROC_ETYPE, mproc_namespace_add(ns, "n", N(1), &out));
    CHECK_DATUM("2.5", out);

    CHECK_OK(mproc_namespace_compare_exchange(ns, "n", N(1), N(2), &swapped));
    CHECK_INT(0, swapped);
    CHECK_OK(mproc_namespace_compare_exchange(ns, "n", S("1"), N(2), &swapped));
    CHECK_INT(1, swapped);
    CHECK_OK(mproc_namespace_compare_exchange(ns, "n", absent, N(3), &swapped));
    CHECK_INT(0, swapped);
    CHECK_OK(mproc_namespace_compare_exchange(ns, "new", absent, N(3), &swapped));
    CHECK_INT(1, swapped);
    CHECK_OK(mproc_namespace_compare_exchange(ns, "n", N(2), absent, &swapped));
    CHECK_INT(1, swapped);
    CHECK_NAMESPACE("{\"new\":3}", ns);
    end(ns);
}

static void containers(void) {
    mproc_namespace_t *ns = new_namespace(), *inner = NULL;
    mproc_builder_t *builder = api_builder();
    mproc_dict_t *dict = NULL;
    mproc_datum_t ref;
    const mproc_arena_t *arena = arena_of(ns);
    CHECK_OK(mproc_namespace_append_to(ns, "list", N(1)));
    CHECK_OK(mproc_namespace_append_to(ns, "list", NEW(MPROC_KIND_NAMESPACE)));
    CHECK_OK(mproc_namespace_set(ns, "plain", api_datum_of(builder, "[]")));
    CHECK_OK(mproc_namespace_append_to(ns, "plain", N(2)));
    CHECK_IS(MPROC_ETYPE, mproc_namespace_append_to(ns, "plain", NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_namespace_set(ns, "ns", NEW(MPROC_KIND_NAMESPACE)));
    CHECK_IS(MPROC_ETYPE, mproc_namespace_append_to(ns, "ns", N(2)));
    ref = value_of(ns, "ns");
    CHECK_INT(MPROC_DATUM_REF, ref.type);
    CHECK_INT(MPROC_KIND_NAMESPACE, ref.kind);
    CHECK_IS(MPROC_ETYPE, mproc_dict_follow(arena, ref, &dict)); /* not a dict, though it looks like one */
    NEED_OK(mproc_namespace_follow(arena, ref, &inner));
    CHECK_OK(mproc_namespace_set(inner, "x", N(3)));
    CHECK_NAMESPACE("{\"list\":[1,{}],\"plain\":[2],\"ns\":{\"x\":3}}", ns);
    CHECK_OK(mproc_namespace_delete(ns, "ns"));
    CHECK_NAMESPACE("{\"x\":3}", inner);
    CHECK_OK(mproc_namespace_ref(inner, &ref));
    CHECK_OK(mproc_namespace_set(ns, "back", ref));
    mproc_namespace_close(inner);
    CHECK_NAMESPACE("{\"list\":[1,{}],\"plain\":[2],\"back\":{\"x\":3}}", ns);
    CHECK_OK(mproc_namespace_delete(ns, "back"));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_follow(arena, ref, &inner));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_set(ns, "back", ref));
    CHECK_IS(MPROC_EINVAL, mproc_namespace_copy(ns, 2, builder));
    mproc_builder_close(builder);
    end(ns);
}

enum { ROUNDS = 500 };

static void count_up(void *argument) {
    mproc_namespace_t *ns = (mproc_namespace_t *)argument;
    int i, bad = 0;
    for (i = 0; i < ROUNDS; i++) {
        bad += mproc_namespace_add(ns, "n", N(1), NULL) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void together(void) {
    enum { PARTIES = 3 };
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_namespace_t *ns = new_namespace();
        party_t other[PARTIES];
        for (i = 0; i < PARTIES; i++) {
            party_start(&other[i], as_process, count_up, ns);
        }
        for (i = 0; i < PARTIES; i++) {
            party_join(&other[i]);
        }
        CHECK_INT(PARTIES * ROUNDS, value_of(ns, "n").as.i);
        end(ns);
    }
}

/* Whoever has lost the lock without noticing cannot write any more once the next holder has. */
static void tokens(void) {
    mproc_namespace_t *ns = new_namespace();
    CHECK_IS(MPROC_EINVAL, mproc_namespace_set_if_token(ns, "a", N(1), 0));
    CHECK_IS(MPROC_EINVAL, mproc_namespace_delete_if_token(ns, "a", 0));
    CHECK_IS(MPROC_EINVAL, mproc_namespace_set_if_token(ns, "_a", N(1), 9));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_delete_if_token(ns, "a", 9)); /* not done: not seen */
    CHECK_OK(mproc_namespace_set_if_token(ns, "a", N(2), 2));
    CHECK_IS(MPROC_EFENCED, mproc_namespace_set_if_token(ns, "a", N(1), 1));
    CHECK_IS(MPROC_EFENCED, mproc_namespace_delete_if_token(ns, "a", 1));
    CHECK_OK(mproc_namespace_set_if_token(ns, "b", N(2), 2));
    CHECK_OK(mproc_namespace_delete_if_token(ns, "a", 3));
    CHECK_IS(MPROC_EFENCED, mproc_namespace_set_if_token(ns, "a", N(2), 2));
    CHECK_NAMESPACE("{\"b\":2}", ns);
    end(ns);
}

static void names_and_handles(void) {
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_namespace_t *ns = NULL, *again = NULL;
    mproc_dict_t *dict = NULL;
    mproc_handle_t *handle = NULL;
    uint32_t kind = 0;
    NEED_OK(mproc_namespace_create(place_domain(where), "ns", NULL, &ns));
    CHECK_OK(mproc_namespace_set(ns, "a", N(1)));
    CHECK_IS(MPROC_EEXIST, mproc_namespace_create(place_domain(where), "ns", NULL, &again));
    CHECK_IS(MPROC_EKIND, mproc_dict_open(place_domain(where), "ns", NULL, &dict));
    options.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_namespace_create(place_domain(where), "ns", &options, &again));
    mproc_namespace_close(again);
    NEED_OK(mproc_namespace_open(place_domain(where), "ns", NULL, &again));
    CHECK_OK(mproc_namespace_set(again, "b", N(2)));
    mproc_namespace_close(again);
    if (place_is_memory(where)) {
        NEED_OK(mproc_namespace_export(ns, &handle));
        CHECK_OK(mproc_handle_kind(handle, &kind));
        CHECK_INT(MPROC_KIND_NAMESPACE, kind);
        CHECK_IS(MPROC_EKIND, mproc_dict_import(handle, NULL, &dict));
        mproc_namespace_close(ns);
        NEED_OK(mproc_namespace_import(handle, NULL, &again));
        mproc_handle_close(handle);
    } else {
        CHECK_IS(MPROC_ENOTSUP, mproc_namespace_export(ns, &handle));
        again = ns;
    }
    CHECK_NAMESPACE("{\"a\":1,\"b\":2}", again);
    place_forget(where, "ns");
    end(again);
    CHECK_IS(MPROC_ENOENT, mproc_namespace_open(place_domain(where), "ns", NULL, &again));
}

void api_namespace(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        values();
        names();
        sums_and_exchanges();
        containers();
        together();
        tokens();
        names_and_handles();
    }
}
