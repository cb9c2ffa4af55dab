/* The dict: keys, values, order, buffers, containers inside, iterators, copies, other processes. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <math.h>

#define S(text) mproc_datum_str(text)
#define N(number) mproc_datum_int(number)
#define NEW(kind) mproc_datum_new(kind)

static enum place where;

static mproc_dict_t *new_dict(void) {
    mproc_dict_t *dict = NULL;
    NEED_OK(mproc_dict_create(place_domain(where), NULL, NULL, &dict));
    return dict;
}

static const mproc_arena_t *arena_of(const mproc_dict_t *dict) {
    const mproc_arena_t *arena = NULL;
    NEED_OK(mproc_dict_arena(dict, &arena));
    return arena;
}

/* Every dict of these tests ends here: whatever was done with it, its heap is sound. */
static void end(mproc_dict_t *dict) {
    CHECK_SOUND(arena_of(dict));
    mproc_dict_close(dict);
}

static void check_len_at(uint64_t expected, const mproc_dict_t *dict, int line) {
    uint64_t len = 12345;
    check_status(MPROC_OK, mproc_dict_len(dict, &len), __FILE__, line, "mproc_dict_len()");
    check_long((long long)expected, (long long)len, __FILE__, line, "the number of keys");
}
#define CHECK_LEN(expected, dict) check_len_at((expected), (dict), __LINE__)

static void check_has_at(int expected, const mproc_dict_t *dict, mproc_datum_t key, int line) {
    int has = 7;
    check_status(MPROC_OK, mproc_dict_contains(dict, key, &has), __FILE__, line, "mproc_dict_contains()");
    check_long(expected, has, __FILE__, line, "whether the key is there");
}
#define CHECK_HAS(expected, dict, key) check_has_at((expected), (dict), (key), __LINE__)

/* The value of a key, as JSON. */
static void check_value_at(const char *expected, const mproc_dict_t *dict, mproc_datum_t key, int line) {
    char buf[1024];
    mproc_datum_t value = mproc_datum_absent();
    check_status(MPROC_OK, mproc_dict_get(dict, key, buf, sizeof buf, &value), __FILE__, line, "mproc_dict_get()");
    api_check_datum(expected, value, __FILE__, line);
}
#define CHECK_VALUE(expected, dict, key) check_value_at((expected), (dict), (key), __LINE__)

static mproc_datum_t value_of(const mproc_dict_t *dict, mproc_datum_t key) {
    mproc_datum_t value = mproc_datum_nil();
    CHECK_OK(mproc_dict_get(dict, key, NULL, 0, &value));
    return value;
}

static void fill(mproc_dict_t *dict, const char *json) {
    mproc_builder_t *builder = api_builder();
    CHECK_OK(mproc_dict_update(dict, api_datum_of(builder, json)));
    mproc_builder_close(builder);
}

static void keys_and_order(void) {
    mproc_dict_t *dict = new_dict();
    mproc_datum_t value;
    CHECK_LEN(0, dict);
    CHECK_DICT("{}", dict);
    CHECK_HAS(0, dict, S("a"));
    CHECK_IS(MPROC_ENOENT, mproc_dict_get(dict, S("a"), NULL, 0, &value));
    CHECK_IS(MPROC_ENOENT, mproc_dict_delete(dict, S("a")));

    CHECK_OK(mproc_dict_set(dict, S("b"), N(1)));
    CHECK_OK(mproc_dict_set(dict, S("a"), N(2)));
    CHECK_OK(mproc_dict_set(dict, S("c"), N(3)));
    CHECK_DICT("{\"b\":1,\"a\":2,\"c\":3}", dict);
    CHECK_OK(mproc_dict_set(dict, S("a"), S("two"))); /* keeps its place */
    CHECK_DICT("{\"b\":1,\"a\":\"two\",\"c\":3}", dict);
    CHECK_LEN(3, dict);
    CHECK_HAS(1, dict, S("a"));
    CHECK_VALUE("\"two\"", dict, S("a"));
    CHECK_OK(mproc_dict_delete(dict, S("b")));
    CHECK_IS(MPROC_ENOENT, mproc_dict_delete(dict, S("b")));
    CHECK_HAS(0, dict, S("b"));
    CHECK_OK(mproc_dict_set(dict, S("b"), mproc_datum_nil())); /* comes last now */
    CHECK_DICT("{\"a\":\"two\",\"c\":3,\"b\":null}", dict);

    CHECK_OK(mproc_dict_clear(dict));
    CHECK_DICT("{}", dict);
    CHECK_LEN(0, dict);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_OK(mproc_dict_set(dict, S("again"), N(1)));
    CHECK_DICT("{\"again\":1}", dict);
    end(dict);
}

/* Keys of all types, of which no two are the same, though many look alike. */
static void kinds_of_keys(void) {
    static const char zeros[] = {0, 0};
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *list = api_builder(), *nested = api_builder();
    mproc_datum_t keys[24];
    int n = 0, i;
    keys[n++] = mproc_datum_nil();
    keys[n++] = mproc_datum_bool(0);
    keys[n++] = mproc_datum_bool(1);
    keys[n++] = N(0);
    keys[n++] = N(1);
    keys[n++] = N(-1);
    keys[n++] = N(INT64_MIN);
    keys[n++] = N(INT64_MAX);
    keys[n++] = mproc_datum_uint((uint64_t)INT64_MAX + 1);
    keys[n++] = mproc_datum_uint(UINT64_MAX);
    keys[n++] = mproc_datum_float(0.0);
    keys[n++] = mproc_datum_float(-0.0);
    keys[n++] = mproc_datum_float(1.0);
    keys[n++] = mproc_datum_float(NAN);
    keys[n++] = mproc_datum_float(-INFINITY);
    keys[n++] = S("");
    keys[n++] = S("1");
    keys[n++] = mproc_datum_strn(zeros, 1);
    keys[n++] = mproc_datum_strn(zeros, 2);
    keys[n++] = mproc_datum_bytes(NULL, 0);
    keys[n++] = mproc_datum_bytes("1", 1);
    keys[n++] = api_datum_of(list, "[]");
    keys[n++] = api_datum_of(nested, "[1,[null,\"x\"],2.5]");
    for (i = 0; i < n; i++) {
        CHECK_HAS(0, dict, keys[i]);
        CHECK_OK(mproc_dict_set(dict, keys[i], N(i)));
    }
    CHECK_LEN(n, dict);
    for (i = 0; i < n; i++) {
        CHECK_INT(i, value_of(dict, keys[i]).as.i);
    }
    /* The same datum in another form is the same key. */
    CHECK_INT(4, value_of(dict, mproc_datum_uint(1)).as.i);
    CHECK_INT(13, value_of(dict, mproc_datum_float(-NAN)).as.i);
    CHECK_INT(21, value_of(dict, mproc_datum_packed("\xdc\x00\x00", 3)).as.i); /* an empty list, the long way */
    CHECK_INT(4, value_of(dict, mproc_datum_packed("\xd3\0\0\0\0\0\0\0\1", 9)).as.i);
    for (i = 0; i < n; i += 2) {
        CHECK_OK(mproc_dict_delete(dict, keys[i]));
    }
    for (i = 0; i < n; i++) {
        CHECK_HAS(i % 2, dict, keys[i]);
    }
    CHECK_LEN(n / 2, dict);
    mproc_builder_close(nested);
    mproc_builder_close(list);
    end(dict);
}

static void no_keys(void) {
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *map = api_builder(), *inside = api_builder(), *weak = api_builder();
    mproc_datum_t bad[10], out = mproc_datum_nil(), self;
    int n = 0, i, flag = 7;
    CHECK_OK(mproc_dict_ref(dict, &self));
    bad[n++] = api_datum_of(map, "{}");
    bad[n++] = api_datum_of(inside, "[1,[{\"a\":1}]]");
    bad[n++] = api_datum_of(weak, "[{\"$ref\":{\"kind\":\"queue\",\"name\":\"jobs\"}}]");
    bad[n++] = self;
    bad[n++] = mproc_datum_ref(MPROC_KIND_QUEUE, "jobs");
    bad[n++] = NEW(MPROC_KIND_LIST);
    bad[n++] = mproc_datum_absent();
    bad[n++] = mproc_datum_strn("\xff", 1);
    bad[n++] = mproc_datum_packed("\x92\x01", 2);
    for (i = 0; i < n; i++) {
        CHECK_IS(MPROC_EINVAL, mproc_dict_set(dict, bad[i], N(1)));
        CHECK_IS(MPROC_EINVAL, mproc_dict_get(dict, bad[i], NULL, 0, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_setdefault(dict, bad[i], N(1), NULL, 0, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_contains(dict, bad[i], &flag));
        CHECK_IS(MPROC_EINVAL, mproc_dict_delete(dict, bad[i]));
        CHECK_IS(MPROC_EINVAL, mproc_dict_pop(dict, bad[i], NULL, 0, &out));
        CHECK_IS(MPROC_EINVAL, mproc_dict_add(dict, bad[i], N(1), NULL));
        CHECK_IS(MPROC_EINVAL, mproc_dict_append_to(dict, bad[i], N(1)));
        CHECK_IS(MPROC_EINVAL, mproc_dict_compare_exchange(dict, bad[i], mproc_datum_absent(), N(1), &flag));
    }
    CHECK_INT(7, flag);
    CHECK_INT(MPROC_DATUM_NIL, out.type);
    CHECK_LEN(0, dict);
    mproc_builder_close(weak);
    mproc_builder_close(inside);
    mproc_builder_close(map);
    end(dict);
}

static void kinds_of_values(void) {
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *builder = api_builder();
    mproc_datum_t value, named;
    char buf[64];
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_bool(1)));
    value = value_of(dict, N(0));
    CHECK_INT(MPROC_DATUM_BOOL, value.type);
    CHECK_INT(1, value.as.i);
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_uint(UINT64_MAX)));
    value = value_of(dict, N(0));
    CHECK_INT(MPROC_DATUM_UINT, value.type);
    CHECK(value.as.u == UINT64_MAX);
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_uint(5)));
    value = value_of(dict, N(0));
    CHECK_INT(MPROC_DATUM_INT, value.type);
    CHECK_INT(5, value.as.i);
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_float(-0.0)));
    value = value_of(dict, N(0));
    CHECK_INT(MPROC_DATUM_FLOAT, value.type);
    CHECK(value.as.d == 0.0 && signbit(value.as.d));
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_float(NAN)));
    CHECK(isnan(value_of(dict, N(0)).as.d));
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_strn("a\0b", 3)));
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_INT(MPROC_DATUM_STR, value.type);
    CHECK_INT(3, value.len);
    CHECK(value.data == buf && memcmp(buf, "a\0b", 3) == 0);
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_bytes("\xff\x00", 2)));
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_INT(MPROC_DATUM_BYTES, value.type);
    CHECK_INT(2, value.len);
    CHECK(memcmp(buf, "\xff\x00", 2) == 0);
    CHECK_OK(mproc_dict_set(dict, N(0), api_datum_of(builder, "{\"a\":[1,{\"b\":null}],\"c\":2.5}")));
    CHECK_VALUE("{\"a\":[1,{\"b\":null}],\"c\":2.5}", dict, N(0));
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_INT(MPROC_DATUM_MAP, value.type);
    CHECK_OK(mproc_dict_set(dict, N(0), api_datum_of(builder, "[[],{},\"\"]")));
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_INT(MPROC_DATUM_LIST, value.type);
    CHECK_DATUM("[[],{},\"\"]", value);
    CHECK_OK(mproc_dict_set(dict, N(0), mproc_datum_packed("\xdd\0\0\0\1\xd1\0\7", 8))); /* [7], the long way */
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_INT(2, value.len);
    CHECK_DATUM("[7]", value);
    named = mproc_datum_ref(MPROC_KIND_QUEUE, "jobs");
    CHECK_OK(mproc_dict_set(dict, N(0), named));
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict, N(0), buf, 3, &value));
    CHECK_INT(4, value.len);
    CHECK_OK(mproc_dict_get(dict, N(0), buf, 4, &value));
    CHECK_INT(MPROC_DATUM_REF, value.type);
    CHECK_INT(MPROC_KIND_QUEUE, value.kind);
    CHECK(value.len == 4 && memcmp(value.data, "jobs", 4) == 0);
    CHECK_IS(MPROC_EINVAL, mproc_dict_set(dict, N(0), mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_dict_set(dict, N(0), NEW(MPROC_KIND_QUEUE)));
    CHECK_IS(MPROC_EINVAL, mproc_dict_set(dict, N(0), mproc_datum_strn("\xc0\x80", 2)));
    CHECK_IS(MPROC_EINVAL, mproc_dict_setdefault(dict, N(1), mproc_datum_absent(), NULL, 0, &value));
    CHECK_IS(MPROC_EINVAL, mproc_dict_append_to(dict, N(1), mproc_datum_absent()));
    CHECK_VALUE("{\"$ref\":{\"kind\":\"queue\",\"name\":\"jobs\"}}", dict, N(0));
    CHECK_LEN(1, dict);
    mproc_builder_close(builder);
    end(dict);
}

/* Too small a buffer: only the size that is needed is said, nothing is done, and then it works. */
static void sizes(void) {
    mproc_dict_t *dict = new_dict();
    mproc_datum_t key = S("a key with a length"), out, key_out;
    char buf[64], key_buf[64];
    memset(&out, 0x5a, sizeof out);
    CHECK_OK(mproc_dict_set(dict, key, S("0123456789")));
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict, key, buf, 9, &out));
    CHECK_INT(10, out.len);
    CHECK_INT(0x5a5a5a5a, out.type);
    CHECK(out.place == UINT64_C(0x5a5a5a5a5a5a5a5a));
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict, key, NULL, 0, &out));
    CHECK_INT(10, out.len);
    CHECK_OK(mproc_dict_get(dict, key, buf, 10, &out));
    CHECK_DATUM("\"0123456789\"", out);

    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_setdefault(dict, key, N(1), buf, 9, &out)); /* it is there */
    CHECK_INT(10, out.len);
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_setdefault(dict, S("new"), S("abc"), buf, 2, &out));
    CHECK_INT(3, out.len);
    CHECK_HAS(0, dict, S("new"));
    CHECK_LEN(1, dict);
    CHECK_OK(mproc_dict_setdefault(dict, S("new"), S("abc"), buf, 3, &out));
    CHECK_DATUM("\"abc\"", out);
    CHECK_IS(MPROC_EXISTED, mproc_dict_setdefault(dict, S("new"), N(9), buf, 3, &out));
    CHECK_DATUM("\"abc\"", out);
    CHECK_IS(MPROC_EXISTED, mproc_dict_setdefault(dict, key, N(1), buf, 10, &out));
    CHECK_DATUM("\"0123456789\"", out);

    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_pop(dict, key, buf, 9, &out));
    CHECK_INT(10, out.len);
    CHECK_HAS(1, dict, key);
    CHECK_OK(mproc_dict_pop(dict, key, buf, 10, &out));
    CHECK_DATUM("\"0123456789\"", out);
    CHECK_IS(MPROC_ENOENT, mproc_dict_pop(dict, key, buf, 10, &out));
    CHECK_OK(mproc_dict_set(dict, N(1), N(2)));
    CHECK_OK(mproc_dict_pop(dict, N(1), NULL, 0, &out)); /* a scalar needs no buffer */
    CHECK_DATUM("2", out);

    CHECK_OK(mproc_dict_set(dict, key, S("value")));
    memset(&out, 0x5a, sizeof out);
    memset(&key_out, 0x5a, sizeof key_out);
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_popitem(dict, key_buf, 18, buf, sizeof buf, &key_out, &out));
    CHECK_INT(19, key_out.len);
    CHECK_INT(5, out.len);
    CHECK_INT(0x5a5a5a5a, out.type);
    CHECK_INT(0x5a5a5a5a, key_out.type);
    key_out.len = out.len = 1;
    CHECK_IS(MPROC_EMSGSIZE, mproc_dict_popitem(dict, key_buf, 19, buf, 4, &key_out, &out));
    CHECK_INT(19, key_out.len);
    CHECK_INT(5, out.len);
    CHECK_LEN(2, dict);
    CHECK_OK(mproc_dict_popitem(dict, key_buf, 19, buf, 5, &key_out, &out));
    CHECK_DATUM("\"a key with a length\"", key_out);
    CHECK_DATUM("\"value\"", out);
    CHECK_OK(mproc_dict_set(dict, N(7), mproc_datum_nil()));
    CHECK_OK(mproc_dict_popitem(dict, NULL, 0, NULL, 0, &key_out, &out));
    CHECK_DATUM("7", key_out);
    CHECK_DATUM("null", out);
    CHECK_OK(mproc_dict_popitem(dict, key_buf, 3, buf, 3, &key_out, &out));
    CHECK_DATUM("\"new\"", key_out);
    CHECK_IS(MPROC_ENOENT, mproc_dict_popitem(dict, key_buf, 3, buf, 3, &key_out, &out));
    CHECK_OK(mproc_dict_set(dict, S("abc"), S("def")));
    CHECK_IS(MPROC_EINVAL, mproc_dict_popitem(dict, buf, 8, buf, 8, &key_out, &out));
    CHECK_IS(MPROC_EINVAL, mproc_dict_popitem(dict, buf, 8, buf + 7, 8, &key_out, &out));
    CHECK_IS(MPROC_EINVAL, mproc_dict_popitem(dict, buf + 7, 8, buf, 8, &key_out, &out));
    CHECK_OK(mproc_dict_popitem(dict, buf + 3, 8, buf, 3, &key_out, &out)); /* side by side */
    CHECK_DATUM("\"abc\"", key_out);
    CHECK_DATUM("\"def\"", out);
    CHECK_DICT("{}", dict);

    /* The key where the value is to come. */
    CHECK_OK(mproc_dict_set(dict, S("k"), S("value of k")));
    strcpy(buf, "k");
    CHECK_OK(mproc_dict_get(dict, S(buf), buf, sizeof buf, &out));
    CHECK_DATUM("\"value of k\"", out);
    strcpy(buf, "k");
    CHECK_IS(MPROC_EXISTED, mproc_dict_setdefault(dict, S(buf), S(buf), buf, sizeof buf, &out));
    CHECK_DATUM("\"value of k\"", out);
    strcpy(buf, "l");
    CHECK_OK(mproc_dict_setdefault(dict, S(buf), S(buf), buf, sizeof buf, &out));
    CHECK_DATUM("\"l\"", out);
    strcpy(buf, "k");
    CHECK_OK(mproc_dict_pop(dict, S(buf), buf, sizeof buf, &out));
    CHECK_DATUM("\"value of k\"", out);
    CHECK_DICT("{\"l\":\"l\"}", dict);
    end(dict);
}

/* Values of many sizes, growing and shrinking in place. */
static void large_values(void) {
    enum { MOST = 3 << 20 };
    static const size_t lens[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 1 << 20, MOST, 7, MOST, 0};
    mproc_dict_t *dict = new_dict();
    char *text = (char *)malloc(MOST), *buf = (char *)malloc(MOST);
    size_t i, k;
    mproc_datum_t out;
    for (i = 0; i < MOST; i++) {
        text[i] = (char)('a' + i % 23);
    }
    for (i = 0; i < sizeof lens / sizeof *lens; i++) {
        CHECK_OK(mproc_dict_set(dict, S("value"), mproc_datum_strn(text, lens[i])));
        CHECK_OK(mproc_dict_set(dict, mproc_datum_bytes(text, lens[i]), N((int64_t)i)));
        if (lens[i] > 0) {
            CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict, S("value"), buf, lens[i] - 1, &out));
            CHECK_INT(lens[i], out.len);
        }
        CHECK_OK(mproc_dict_get(dict, S("value"), buf, lens[i], &out));
        CHECK(out.len == lens[i] && memcmp(buf, text, lens[i]) == 0);
        for (k = 0; k < i && lens[k] != lens[i]; k++) {
        }
        CHECK_INT(i, value_of(dict, mproc_datum_bytes(text, lens[i])).as.i);
    }
    CHECK_LEN(14, dict); /* 13 lengths, and "value" */
    free(buf);
    free(text);
    end(dict);
}

/* The longest that can be stored: 32 MiB with its header of five bytes. (A message is shorter: see api_far_containers.) */
static void too_long(void) {
    enum { MOST = (32 << 20) - 5 };
    mproc_dict_t *dict = new_dict();
    char *text = (char *)calloc(1, MOST + 1), *buf = (char *)malloc(MOST);
    mproc_datum_t longest = mproc_datum_bytes(text, MOST), longer = mproc_datum_bytes(text, MOST + 1), out;
    int swapped = 7;
    CHECK_IS(MPROC_E2BIG, mproc_dict_set(dict, S("a"), longer));
    CHECK_IS(MPROC_E2BIG, mproc_dict_set(dict, longer, N(1)));
    CHECK_IS(MPROC_E2BIG, mproc_dict_setdefault(dict, S("a"), longer, buf, MOST, &out));
    CHECK_IS(MPROC_E2BIG, mproc_dict_append_to(dict, S("a"), longer));
    CHECK_IS(MPROC_E2BIG, mproc_dict_compare_exchange(dict, S("a"), mproc_datum_absent(), longer, &swapped));
    CHECK_LEN(0, dict);
    if (place_is_memory(where)) {
        CHECK_IS(MPROC_ENOENT, mproc_dict_get(dict, longer, NULL, 0, &out));
        CHECK_OK(mproc_dict_set(dict, S("a"), longest));
        CHECK_IS(MPROC_EMSGSIZE, mproc_dict_get(dict, S("a"), buf, MOST - 1, &out));
        CHECK_INT(MOST, out.len);
        CHECK_OK(mproc_dict_get(dict, S("a"), buf, MOST, &out));
        CHECK(out.len == MOST && memcmp(buf, text, MOST) == 0);
    } else {
        CHECK_IS(MPROC_E2BIG, mproc_dict_get(dict, longest, NULL, 0, &out));
        CHECK_IS(MPROC_E2BIG, mproc_dict_set(dict, S("a"), longest));
        CHECK_LEN(0, dict);
    }
    free(buf);
    free(text);
    end(dict);
}

static void update(void) {
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *builder = api_builder();
    fill(dict, "{\"a\":1,\"b\":2}");
    fill(dict, "{\"c\":3,\"a\":[4,{}],\"d\":null}");
    CHECK_DICT("{\"a\":[4,{}],\"b\":2,\"c\":3,\"d\":null}", dict);
    fill(dict, "{}");
    CHECK_LEN(4, dict);
    CHECK_IS(MPROC_EINVAL, mproc_dict_update(dict, api_datum_of(builder, "[1,2]")));
    CHECK_IS(MPROC_EINVAL, mproc_dict_update(dict, N(1)));
    CHECK_IS(MPROC_EINVAL, mproc_dict_update(dict, mproc_datum_nil()));
    CHECK_IS(MPROC_EINVAL, mproc_dict_update(dict, api_datum_of(builder, "{\"$map\":[[\"x\",1],[[{}],2]]}")));
    CHECK_IS(MPROC_EINVAL, mproc_dict_update(dict, mproc_datum_packed("\x81\x01", 2)));
    CHECK_DICT("{\"a\":[4,{}],\"b\":2,\"c\":3,\"d\":null}", dict);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_OK(mproc_dict_update(
        dict, api_datum_of(builder, "{\"$map\":[[1,\"i\"],[1.0,\"f\"],[[1],\"l\"],[1,\"I\"]]}")));
    CHECK_LEN(3, dict);
    CHECK_VALUE("\"I\"", dict, N(1)); /* the last of the same key */
    CHECK_VALUE("\"f\"", dict, mproc_datum_float(1));
    mproc_builder_close(builder);
    end(dict);
}

static void check_sum_at(const char *expected, mproc_dict_t *dict, const char *key, mproc_datum_t delta, int line) {
    mproc_datum_t sum = mproc_datum_absent();
    check_status(MPROC_OK, mproc_dict_add(dict, S(key), delta, &sum), __FILE__, line, "mproc_dict_add()");
    api_check_datum(expected, sum, __FILE__, line);
    check_value_at(expected, dict, S(key), line);
}
#define CHECK_SUM(expected, dict, key, delta) check_sum_at((expected), (dict), (key), (delta), __LINE__)

static void add(void) {
    mproc_dict_t *dict = new_dict();
    mproc_datum_t sum = mproc_datum_nil();
    CHECK_SUM("5", dict, "n", N(5));
    CHECK_SUM("-2", dict, "n", N(-7));
    CHECK_SUM("9223372036854775805", dict, "n", N(INT64_MAX));
    CHECK_SUM("9223372036854775807", dict, "n", N(2));
    CHECK_SUM("9223372036854775808", dict, "n", N(1));
    CHECK_SUM("18446744073709551615", dict, "n", N(INT64_MAX));
    CHECK_IS(MPROC_EOVERFLOW, mproc_dict_add(dict, S("n"), N(1), &sum));
    CHECK_VALUE("18446744073709551615", dict, S("n"));
    CHECK_SUM("18446744073709551614", dict, "n", N(-1));
    CHECK_SUM("0.5", dict, "f", mproc_datum_float(0.5));
    CHECK_SUM("1.5", dict, "f", N(1));
    CHECK_OK(mproc_dict_set(dict, S("n"), N(INT64_MIN)));
    CHECK_IS(MPROC_EOVERFLOW, mproc_dict_add(dict, S("n"), N(-1), &sum));
    CHECK_SUM("-1", dict, "n", N(INT64_MAX));
    CHECK_SUM("0.25", dict, "n", mproc_datum_float(1.25));
    CHECK_OK(mproc_dict_add(dict, S("n"), mproc_datum_float(0.75), NULL));
    CHECK_VALUE("1.0", dict, S("n"));

    CHECK_OK(mproc_dict_set(dict, S("s"), S("1")));
    CHECK_OK(mproc_dict_set(dict, S("b"), mproc_datum_bool(1)));
    CHECK_OK(mproc_dict_set(dict, S("l"), NEW(MPROC_KIND_LIST)));
    CHECK_IS(MPROC_ETYPE, mproc_dict_add(dict, S("s"), N(1), &sum));
    CHECK_IS(MPROC_ETYPE, mproc_dict_add(dict, S("b"), N(1), &sum));
    CHECK_IS(MPROC_ETYPE, mproc_dict_add(dict, S("l"), N(1), &sum));
    CHECK_IS(MPROC_ETYPE, mproc_dict_add(dict, S("n"), S("1"), &sum));
    CHECK_IS(MPROC_ETYPE, mproc_dict_add(dict, S("missing"), S("1"), &sum));
    CHECK_HAS(0, dict, S("missing"));
    CHECK_INT(MPROC_DATUM_NIL, sum.type);
    end(dict);
}

static void append_to(void) {
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *builder = api_builder();
    mproc_list_t *list = NULL;
    mproc_datum_t out;
    mproc_reader_t reader;
    char buf[64];
    size_t count = 0;
    uint64_t len = 0;
    CHECK_OK(mproc_dict_append_to(dict, S("new"), N(1))); /* makes a container */
    CHECK_OK(mproc_dict_append_to(dict, S("new"), S("two")));
    NEED_OK(mproc_list_follow(arena_of(dict), value_of(dict, S("new")), &list));
    CHECK_OK(mproc_list_append(list, N(3)));
    CHECK_OK(mproc_dict_append_to(dict, S("new"), NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_list_len(list, &len));
    CHECK_INT(4, len);
    mproc_list_close(list);
    CHECK_DICT("{\"new\":[1,\"two\",3,{}]}", dict);

    CHECK_OK(mproc_dict_set(dict, S("plain"), api_datum_of(builder, "[1]"))); /* stays a plain value */
    CHECK_OK(mproc_dict_append_to(dict, S("plain"), api_datum_of(builder, "{\"a\":[]}")));
    CHECK_OK(mproc_dict_append_to(dict, S("plain"), S("3")));
    CHECK_VALUE("[1,{\"a\":[]},\"3\"]", dict, S("plain"));
    CHECK_IS(MPROC_ETYPE, mproc_dict_append_to(dict, S("plain"), NEW(MPROC_KIND_LIST)));
    CHECK_VALUE("[1,{\"a\":[]},\"3\"]", dict, S("plain"));
    CHECK_OK(mproc_dict_set(dict, S("weak"), api_datum_of(builder, "[]")));
    CHECK_OK(mproc_dict_append_to(dict, S("weak"), value_of(dict, S("new")))); /* plain data: no second owner */
    CHECK_OK(mproc_dict_get(dict, S("weak"), buf, sizeof buf, &out));
    CHECK_OK(mproc_reader_init(&reader, out, &count));
    CHECK_INT(1, count);
    CHECK_OK(mproc_reader_next(&reader, &out));
    CHECK_INT(MPROC_DATUM_REF, out.type);
    CHECK(out.place == value_of(dict, S("new")).place);
    CHECK_OK(mproc_dict_delete(dict, S("weak")));

    CHECK_OK(mproc_dict_set(dict, S("n"), N(1)));
    CHECK_OK(mproc_dict_set(dict, S("map"), api_datum_of(builder, "{}")));
    CHECK_OK(mproc_dict_set(dict, S("dict"), NEW(MPROC_KIND_DICT)));
    CHECK_IS(MPROC_ETYPE, mproc_dict_append_to(dict, S("n"), N(1)));
    CHECK_IS(MPROC_ETYPE, mproc_dict_append_to(dict, S("map"), N(1)));
    CHECK_IS(MPROC_ETYPE, mproc_dict_append_to(dict, S("dict"), N(1)));
    CHECK_DICT("{\"new\":[1,\"two\",3,{}],\"plain\":[1,{\"a\":[]},\"3\"],\"n\":1,\"map\":{},\"dict\":{}}", dict);
    mproc_builder_close(builder);
    end(dict);
}

/* A plain list that grows across the sizes of its header: 15, 65535. */
static void append_to_grows(void) {
    enum { MOST = 300 };
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *builder = api_builder();
    char buf[4 * MOST];
    mproc_datum_t value, element;
    mproc_reader_t reader;
    size_t count = 0;
    int i;
    CHECK_OK(mproc_dict_set(dict, N(0), api_datum_of(builder, "[]")));
    for (i = 0; i < MOST; i++) {
        CHECK_OK(mproc_dict_append_to(dict, N(0), N(i)));
    }
    CHECK_OK(mproc_dict_get(dict, N(0), buf, sizeof buf, &value));
    CHECK_OK(mproc_reader_init(&reader, value, &count));
    CHECK_INT(MOST, count);
    for (i = 0; i < MOST && mproc_reader_next(&reader, &element) == MPROC_OK && element.as.i == i; i++) {
    }
    CHECK_INT(MOST, i);
    mproc_builder_close(builder);
    end(dict);
}

static void check_swap_at(int expected, mproc_dict_t *dict, mproc_datum_t was, mproc_datum_t will_be, int line) {
    int swapped = 7;
    check_status(MPROC_OK, mproc_dict_compare_exchange(dict, S("k"), was, will_be, &swapped), __FILE__, line,
                 "mproc_dict_compare_exchange()");
    check_long(expected, swapped, __FILE__, line, "whether it was swapped");
}
#define CHECK_SWAP(expected, dict, was, will_be) check_swap_at((expected), (dict), (was), (will_be), __LINE__)

static void compare_exchange(void) {
    mproc_dict_t *dict = new_dict();
    mproc_builder_t *builder = api_builder();
    mproc_datum_t absent = mproc_datum_absent(), inner;
    int swapped = 7;
    CHECK_SWAP(0, dict, N(1), N(2));
    CHECK_SWAP(1, dict, absent, absent);
    CHECK_LEN(0, dict);
    CHECK_SWAP(1, dict, absent, N(1));
    CHECK_SWAP(0, dict, absent, N(2));
    CHECK_SWAP(0, dict, mproc_datum_float(1), N(2)); /* equal encodings only */
    CHECK_SWAP(0, dict, mproc_datum_bool(1), N(2));
    CHECK_VALUE("1", dict, S("k"));
    CHECK_SWAP(1, dict, mproc_datum_uint(1), S("a longer value than before"));
    CHECK_SWAP(0, dict, S("a longer value than befora"), N(3));
    CHECK_SWAP(1, dict, S("a longer value than before"), api_datum_of(builder, "[1,2]"));
    CHECK_SWAP(1, dict, mproc_datum_packed("\xdc\0\2\1\2", 5), NEW(MPROC_KIND_LIST));
    inner = value_of(dict, S("k"));
    CHECK_INT(MPROC_DATUM_REF, inner.type);
    CHECK_SWAP(0, dict, api_datum_of(builder, "[]"), N(4));
    CHECK_IS(MPROC_EINVAL, mproc_dict_compare_exchange(dict, S("k"), NEW(MPROC_KIND_LIST), N(4), &swapped));
    CHECK_INT(7, swapped);
    CHECK_SWAP(1, dict, inner, inner); /* the same once more: it is not freed in between */
    CHECK_DICT("{\"k\":[]}", dict);
    CHECK_SWAP(1, dict, inner, absent);
    CHECK_LEN(0, dict);
    CHECK_INT(1, api_arena_info(arena_of(dict)).containers);
    CHECK_SWAP(1, dict, absent, mproc_datum_nil()); /* nil is not nothing */
    CHECK_SWAP(0, dict, absent, N(1));
    CHECK_SWAP(1, dict, mproc_datum_nil(), absent);
    CHECK_DICT("{}", dict);
    mproc_builder_close(builder);
    end(dict);
}

static mproc_iter_t *keys(const mproc_dict_t *dict) {
    mproc_iter_t *iter = NULL;
    NEED_OK(mproc_dict_keys(dict, &iter));
    return iter;
}

static mproc_iter_t *values(const mproc_dict_t *dict) {
    mproc_iter_t *iter = NULL;
    NEED_OK(mproc_dict_values(dict, &iter));
    return iter;
}

static mproc_iter_t *items(const mproc_dict_t *dict) {
    mproc_iter_t *iter = NULL;
    NEED_OK(mproc_dict_items(dict, &iter));
    return iter;
}

static mproc_iter_t *live(const mproc_dict_t *dict) {
    mproc_iter_t *iter = NULL;
    NEED_OK(mproc_dict_iter(dict, &iter));
    return iter;
}

static void iterators(void) {
    mproc_dict_t *dict = new_dict();
    mproc_iter_t *iter, *of_keys, *of_values;
    mproc_datum_t key = mproc_datum_absent(), value = mproc_datum_absent();
    uint64_t len = 7;
    CHECK_ITER("[]", keys(dict), API_KEYS);
    CHECK_ITER("[]", values(dict), API_VALUES);
    CHECK_ITER("[]", items(dict), API_PAIRS);
    CHECK_ITER("[]", live(dict), API_PAIRS);
    fill(dict, "{\"b\":1,\"a\":\"two\",\"c\":[3]}");
    CHECK_ITER("[\"b\",\"a\",\"c\"]", keys(dict), API_KEYS);
    CHECK_ITER("[null,null,null]", keys(dict), API_VALUES);
    CHECK_ITER("[1,\"two\",[3]]", values(dict), API_VALUES);
    CHECK_ITER("[null,null,null]", values(dict), API_KEYS);
    CHECK_ITER("[[\"b\",1],[\"a\",\"two\"],[\"c\",[3]]]", items(dict), API_PAIRS);
    CHECK_ITER("[[\"b\",1],[\"a\",\"two\"],[\"c\",[3]]]", live(dict), API_PAIRS);

    of_keys = keys(dict);
    of_values = values(dict);
    iter = items(dict);
    CHECK_OK(mproc_iter_len(iter, &len));
    CHECK_INT(3, len);
    CHECK_OK(mproc_iter_next(iter, NULL, NULL)); /* passes one over */
    CHECK_OK(mproc_iter_len(iter, &len));
    CHECK_INT(3, len);
    CHECK_OK(mproc_dict_clear(dict)); /* a snapshot has what was */
    CHECK_OK(mproc_dict_set(dict, S("new"), N(1)));
    CHECK_OK(mproc_iter_next(iter, &key, NULL));
    CHECK_DATUM("\"a\"", key);
    CHECK_OK(mproc_iter_next(iter, NULL, &value));
    CHECK_DATUM("[3]", value);
    CHECK_IS(MPROC_END, mproc_iter_next(iter, &key, &value));
    mproc_iter_close(iter);
    end(dict); /* which they outlive */
    CHECK_ITER("[\"b\",\"a\",\"c\"]", of_keys, API_KEYS);
    CHECK_ITER("[1,\"two\",[3]]", of_values, API_VALUES);
}

/* A living dict is fetched in pieces: what changes is noticed when the next one is fetched. */
static void live_iterators(void) {
    enum { MOST = 200, PIECE = 64 };
    int change, i, seen, status;
    for (change = 0; change < 6; change++) {
        mproc_dict_t *dict = new_dict();
        mproc_iter_t *iter;
        mproc_datum_t key, value;
        uint64_t len = 7;
        char buf[64], key_buf[8];
        for (i = 0; i < MOST; i++) {
            CHECK_OK(mproc_dict_set(dict, N(i), N(i)));
        }
        iter = live(dict);
        CHECK_IS(MPROC_ENOTSUP, mproc_iter_len(iter, &len));
        CHECK_INT(7, len);
        for (seen = 0; seen < PIECE + 1; seen++) {
            CHECK_OK(mproc_iter_next(iter, &key, &value));
            CHECK_INT(seen, key.as.i);
            CHECK_INT(seen, value.as.i);
            if (seen == 0) { /* not a change: and what is fetched later is the new one */
                CHECK_OK(mproc_dict_set(dict, N(2 * PIECE + 1), S("a value that needs room elsewhere")));
            }
        }
        while (seen < 2 * PIECE && mproc_iter_next(iter, &key, &value) == MPROC_OK) {
            seen++;
        }
        CHECK_OK(mproc_iter_next(iter, &key, &value));
        CHECK_OK(mproc_iter_next(iter, &key, &value));
        CHECK_DATUM("\"a value that needs room elsewhere\"", value);
        seen += 2;
        switch (change) {
        case 0:
            CHECK_OK(mproc_dict_set(dict, S("new"), N(4)));
            break;
        case 1:
            CHECK_OK(mproc_dict_delete(dict, N(MOST - 1)));
            break;
        case 2:
            CHECK_OK(mproc_dict_delete(dict, N(0)));
            break;
        case 3:
            CHECK_OK(mproc_dict_clear(dict));
            break;
        case 4: /* as many as before, but not the same */
            CHECK_OK(mproc_dict_delete(dict, N(0)));
            CHECK_OK(mproc_dict_set(dict, N(0), N(0)));
            break;
        default:
            CHECK_OK(mproc_dict_popitem(dict, key_buf, sizeof key_buf, buf, sizeof buf, &key, &value));
            break;
        }
        while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK) {
            seen++;
        }
        CHECK_IS(MPROC_ECHANGED, status);
        CHECK(seen <= 3 * PIECE);
        CHECK_IS(MPROC_ECHANGED, mproc_iter_next(iter, &key, &value));
        mproc_iter_close(iter);
        CHECK_OK(mproc_dict_clear(dict));
        fill(dict, "{\"a\":1,\"b\":2}");
        iter = live(dict);
        CHECK_OK(mproc_iter_next(iter, &key, &value));
        end(dict); /* which it outlives */
        CHECK_ITER("[[\"b\",2]]", iter, API_PAIRS);

        dict = new_dict();
        fill(dict, "{\"a\":1,\"b\":2}");
        iter = live(dict);
        CHECK_OK(mproc_iter_next(iter, &key, &value));
        CHECK_OK(mproc_dict_set(dict, S("new"), N(1)));
        CHECK_OK(mproc_iter_next(iter, &key, &value)); /* it had that one already, but what comes next it has to fetch */
        CHECK_IS(MPROC_ECHANGED, mproc_iter_next(iter, &key, &value));
        mproc_iter_close(iter);
        end(dict);
    }
}

/* The rest of a living iterator, from a key on, in order. */
static void check_rest(mproc_iter_t *iter, int from, int to) {
    mproc_datum_t key, value;
    int i, bad = 0;
    for (i = from; mproc_iter_next(iter, &key, &value) == MPROC_OK; i++) {
        bad += key.as.i != i || value.as.i != i;
    }
    CHECK_INT(to, i);
    CHECK_INT(0, bad);
}

/* Parent and child each go on from where the fork was. */
static void forked_iterators(void) {
    enum { MOST = 300, SEEN = 70 };
    mproc_dict_t *dict = new_dict();
    mproc_list_t *list = NULL;
    mproc_iter_t *of_dict, *of_list = NULL;
    pid_t pid;
    int i;
    CHECK_OK(mproc_dict_set(dict, S("list"), NEW(MPROC_KIND_LIST)));
    NEED_OK(mproc_list_follow(arena_of(dict), value_of(dict, S("list")), &list));
    CHECK_OK(mproc_dict_delete(dict, S("list")));
    for (i = 0; i < MOST; i++) {
        CHECK_OK(mproc_dict_set(dict, N(i), N(i)));
        CHECK_OK(mproc_list_append(list, N(i)));
    }
    of_dict = live(dict);
    NEED_OK(mproc_list_iter(list, &of_list));
    for (i = 0; i < SEEN; i++) {
        CHECK_OK(mproc_iter_next(of_dict, NULL, NULL));
        CHECK_OK(mproc_iter_next(of_list, NULL, NULL));
    }
    pid = check_fork();
    if (pid == 0) {
        check_rest(of_dict, SEEN, MOST);
        check_rest(of_list, SEEN, MOST);
        check_leave();
    }
    CHECK_CHILD(pid);
    check_rest(of_dict, SEEN, MOST);
    check_rest(of_list, SEEN, MOST);
    mproc_iter_close(of_list);
    mproc_iter_close(of_dict);
    mproc_list_close(list);
    end(dict);
}

static void containers(void) {
    mproc_dict_t *dict = new_dict(), *inner = NULL, *again = NULL;
    mproc_list_t *list = NULL;
    mproc_namespace_t *names = NULL;
    mproc_handle_t *handle = NULL;
    mproc_datum_t ref, out;
    const mproc_arena_t *arena = arena_of(dict);
    CHECK_OK(mproc_dict_set(dict, S("d"), NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_dict_set(dict, S("l"), NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_dict_setdefault(dict, S("n"), NEW(MPROC_KIND_NAMESPACE), NULL, 0, &out));
    CHECK_INT(MPROC_DATUM_REF, out.type);
    CHECK_INT(MPROC_KIND_NAMESPACE, out.kind);
    CHECK_DICT("{\"d\":{},\"l\":[],\"n\":{}}", dict);
    CHECK_INT(4, api_arena_info(arena).containers);
    NEED_OK(mproc_dict_follow(arena, value_of(dict, S("d")), &inner));
    NEED_OK(mproc_list_follow(arena, value_of(dict, S("l")), &list));
    NEED_OK(mproc_namespace_follow(arena, out, &names));
    CHECK_OK(mproc_dict_set(inner, S("deep"), NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_dict_append_to(inner, S("deep"), N(1)));
    CHECK_OK(mproc_list_append(list, N(2)));
    CHECK_OK(mproc_namespace_set(names, "three", N(3)));
    CHECK_DICT("{\"d\":{\"deep\":[1]},\"l\":[2],\"n\":{\"three\":3}}", dict);
    CHECK_IS(MPROC_ETYPE, mproc_list_follow(arena, value_of(dict, S("d")), &list));
    CHECK_IS(MPROC_ETYPE, mproc_dict_follow(arena, value_of(dict, S("n")), &inner));
    CHECK_IS(MPROC_ETYPE, mproc_namespace_follow(arena, value_of(dict, S("l")), &names));
    CHECK_IS(MPROC_EINVAL, mproc_dict_follow(arena, N(1), &inner));
    CHECK_IS(MPROC_EINVAL, mproc_dict_follow(arena, mproc_datum_ref(MPROC_KIND_DICT, "some"), &inner));
    CHECK_IS(MPROC_ENOTSUP, mproc_dict_export(inner, &handle));
    CHECK_IS(MPROC_ENOTSUP, mproc_list_export(list, &handle));
    CHECK_IS(MPROC_ENOTSUP, mproc_namespace_export(names, &handle));
    CHECK(handle == NULL);

    /* The same container in two places. */
    CHECK_OK(mproc_dict_ref(inner, &ref));
    CHECK_OK(mproc_list_append(list, ref));
    CHECK_OK(mproc_dict_set(inner, S("x"), N(9)));
    CHECK_DICT("{\"d\":{\"deep\":[1],\"x\":9},\"l\":[2,{\"deep\":[1],\"x\":9}],\"n\":{\"three\":3}}", dict);
    CHECK_OK(mproc_dict_delete(dict, S("d")));
    CHECK_DICT("{\"l\":[2,{\"deep\":[1],\"x\":9}],\"n\":{\"three\":3}}", dict);

    /* A handle holds what nothing refers to any more, until it is closed. */
    CHECK_OK(mproc_list_clear(list));
    CHECK_OK(mproc_dict_set(inner, S("y"), N(10)));
    CHECK_DICT("{\"deep\":[1],\"x\":9,\"y\":10}", inner);
    CHECK_INT(5, api_arena_info(arena).containers);
    NEED_OK(mproc_dict_follow(arena, ref, &again));
    mproc_dict_close(inner);
    CHECK_DICT("{\"deep\":[1],\"x\":9,\"y\":10}", again);
    mproc_dict_close(again);
    CHECK_IS(MPROC_ENOENT, mproc_dict_follow(arena, ref, &again));
    CHECK_IS(MPROC_ENOENT, mproc_dict_set(dict, S("gone"), ref));
    CHECK_IS(MPROC_ENOENT, mproc_dict_setdefault(dict, S("gone"), ref, NULL, 0, &out));
    CHECK_IS(MPROC_ENOENT, mproc_dict_append_to(dict, S("l"), ref));
    CHECK_HAS(0, dict, S("gone"));
    CHECK_INT(3, api_arena_info(arena).containers);

    /* And what is removed while a handle is open can be put back. */
    CHECK_OK(mproc_dict_pop(dict, S("n"), NULL, 0, &out));
    CHECK_OK(mproc_dict_set(dict, S("n again"), out));
    mproc_namespace_close(names);
    CHECK_DICT("{\"l\":[],\"n again\":{\"three\":3}}", dict);
    CHECK_OK(mproc_dict_pop(dict, S("n again"), NULL, 0, &out));
    CHECK_IS(MPROC_ENOENT, mproc_namespace_follow(arena, out, &names));
    mproc_list_close(list);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_INT(1, api_arena_info(arena).containers);
    CHECK_INT(0, api_arena_info(arena).handles);
    end(dict);
}

/* References into another arena, and those inside plain data, are weak; those into this arena only as values. */
static void weak_references(void) {
    mproc_dict_t *dict = new_dict(), *other = new_dict(), *inner = NULL;
    mproc_builder_t *builder = api_builder();
    mproc_datum_t of_other, of_inner, plain, value;
    mproc_reader_t reader;
    char buf[64];
    CHECK_OK(mproc_dict_ref(other, &of_other));
    CHECK_OK(mproc_dict_set(dict, S("other"), of_other));
    value = value_of(dict, S("other"));
    CHECK_INT(MPROC_DATUM_REF, value.type);
    CHECK(value.as.u == of_other.as.u && value.place == of_other.place);
    CHECK_IS(MPROC_EINVAL, mproc_dict_follow(arena_of(dict), value, &inner));
    NEED_OK(mproc_dict_follow(arena_of(other), value, &inner));
    CHECK_OK(mproc_dict_set(inner, S("through"), N(1)));
    mproc_dict_close(inner);
    CHECK_DICT("{\"through\":1}", other);

    CHECK_OK(mproc_dict_set(dict, S("inner"), NEW(MPROC_KIND_DICT)));
    of_inner = value_of(dict, S("inner"));
    CHECK_OK(mproc_builder_begin_list(builder));
    CHECK_OK(mproc_builder_add(builder, of_inner));
    CHECK_OK(mproc_builder_end(builder));
    CHECK_OK(mproc_builder_datum(builder, &plain));
    CHECK_OK(mproc_dict_set(dict, S("plain"), plain));
    CHECK_OK(mproc_dict_get(dict, S("plain"), buf, sizeof buf, &plain));
    CHECK_OK(mproc_reader_init(&reader, plain, NULL));
    CHECK_OK(mproc_reader_next(&reader, &value));
    CHECK_OK(mproc_dict_follow(arena_of(dict), value, &inner));
    mproc_dict_close(inner);
    CHECK_OK(mproc_dict_delete(dict, S("inner")));
    CHECK_IS(MPROC_ENOENT, mproc_dict_follow(arena_of(dict), value, &inner));
    mproc_builder_close(builder);
    end(other);
    end(dict);
}

static void check_copy_fails(const mproc_dict_t *dict, int expected) {
    mproc_builder_t *builder = api_builder();
    mproc_datum_t out;
    CHECK_OK(mproc_builder_begin_list(builder));
    CHECK_IS(expected, mproc_dict_copy(dict, MPROC_COPY_DEEP, builder));
    CHECK_OK(mproc_builder_end(builder)); /* nothing was added, and it can be gone on with */
    CHECK_OK(mproc_builder_datum(builder, &out));
    CHECK_DATUM("[]", out);
    mproc_builder_close(builder);
}

static void copies(void) {
    mproc_dict_t *dict = new_dict(), *inner = NULL, *next;
    mproc_builder_t *builder = api_builder();
    mproc_datum_t copy, key, value, self;
    mproc_reader_t reader;
    size_t count = 0;
    int depth;
    fill(dict, "{\"a\":1,\"b\":[2,{}]}");
    CHECK_OK(mproc_dict_set(dict, S("c"), NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_dict_copy(dict, 0, builder)); /* a shallow one has a reference */
    CHECK_OK(mproc_builder_datum(builder, &copy));
    CHECK_INT(MPROC_DATUM_MAP, copy.type);
    CHECK_OK(mproc_reader_init(&reader, copy, &count));
    CHECK_INT(3, count);
    while (count-- > 0) {
        CHECK_OK(mproc_reader_next(&reader, &key));
        CHECK_OK(mproc_reader_next(&reader, &value));
    }
    CHECK_IS(MPROC_END, mproc_reader_next(&reader, &key));
    CHECK_INT(MPROC_DATUM_REF, value.type);
    CHECK_OK(mproc_dict_follow(arena_of(dict), value, &inner));
    CHECK_IS(MPROC_EINVAL, mproc_dict_copy(dict, 2, builder));
    CHECK_IS(MPROC_EINVAL, mproc_dict_copy(dict, 0, builder)); /* it has its one datum */

    CHECK_OK(mproc_builder_reset(builder)); /* several in one */
    CHECK_OK(mproc_builder_begin_list(builder));
    CHECK_OK(mproc_dict_copy(dict, MPROC_COPY_DEEP, builder));
    CHECK_OK(mproc_dict_copy(inner, 0, builder));
    CHECK_OK(mproc_builder_end(builder));
    CHECK_OK(mproc_builder_datum(builder, &copy));
    CHECK_DATUM("[{\"a\":1,\"b\":[2,{}],\"c\":{}},{}]", copy);

    CHECK_OK(mproc_dict_ref(dict, &self)); /* inside itself */
    CHECK_OK(mproc_dict_set(inner, S("up"), self));
    check_copy_fails(dict, MPROC_ETYPE);
    check_copy_fails(inner, MPROC_ETYPE);
    CHECK_OK(mproc_dict_delete(inner, S("up")));
    CHECK_DICT("{\"a\":1,\"b\":[2,{}],\"c\":{}}", dict);

    for (depth = 2; depth < 64; depth++) { /* dict is 1, inner 2, and so on: 64 is just right */
        CHECK_OK(mproc_dict_set(inner, S("i"), NEW(MPROC_KIND_DICT)));
        NEED_OK(mproc_dict_follow(arena_of(dict), value_of(inner, S("i")), &next));
        mproc_dict_close(inner);
        inner = next;
    }
    CHECK_OK(mproc_builder_reset(builder));
    CHECK_OK(mproc_dict_copy(dict, MPROC_COPY_DEEP, builder));
    CHECK_OK(mproc_dict_set(inner, S("i"), NEW(MPROC_KIND_DICT)));
    check_copy_fails(dict, MPROC_ETYPE);
    mproc_dict_close(inner);
    CHECK_INT(65, api_arena_info(arena_of(dict)).containers);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_INT(1, api_arena_info(arena_of(dict)).containers);
    mproc_builder_close(builder);
    end(dict);
}

/* Enough keys for the table to grow many times; removed in another order. */
static void many(void) {
    int most = api_slow() || !place_is_memory(where) ? 2000 : 20000, i, bad = 0;
    mproc_dict_t *dict = new_dict();
    mproc_datum_t key, value;
    mproc_iter_t *iter;
    char name[32];
    for (i = 0; i < most; i++) {
        snprintf(name, sizeof name, "key %d", i);
        bad += mproc_dict_set(dict, i % 2 ? S(name) : N(i), N(i)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK_LEN(most, dict);
    CHECK_SOUND(arena_of(dict));
    for (i = 0; i < most; i++) {
        snprintf(name, sizeof name, "key %d", i);
        bad += value_of(dict, i % 2 ? S(name) : N(i)).as.i != i;
    }
    CHECK_INT(0, bad);
    for (i = most - 1; i >= 0; i--) {
        if (i % 3 != 0) {
            snprintf(name, sizeof name, "key %d", i);
            bad += mproc_dict_delete(dict, i % 2 ? S(name) : N(i)) != MPROC_OK;
        }
    }
    CHECK_INT(0, bad);
    CHECK_SOUND(arena_of(dict));
    CHECK_LEN((most + 2) / 3, dict);
    iter = live(dict);
    for (i = 0; mproc_iter_next(iter, &key, &value) == MPROC_OK; i += 3) {
        bad += value.as.i != i || (i % 2 ? key.type != MPROC_DATUM_STR : key.as.i != i);
    }
    mproc_iter_close(iter);
    CHECK_INT((most + 2) / 3 * 3, i);
    CHECK_INT(0, bad);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_LEN(0, dict);
    end(dict);
}

static void look_and_write(void *argument) {
    mproc_dict_t *dict = (mproc_dict_t *)argument;
    CHECK_VALUE("\"there\"", dict, S("a"));
    CHECK_OK(mproc_dict_set(dict, S("b"), S("here")));
    CHECK_OK(mproc_dict_append_to(dict, S("l"), N(1)));
}

enum { ROUNDS = 500 };

static void count_up(void *argument) {
    mproc_dict_t *dict = (mproc_dict_t *)argument;
    int i, bad = 0;
    for (i = 0; i < ROUNDS; i++) {
        bad += mproc_dict_add(dict, S("n"), N(1), NULL) != MPROC_OK;
        bad += mproc_dict_append_to(dict, S("l"), N(i)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void together(void) {
    enum { PARTIES = 3 };
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_dict_t *dict = new_dict();
        mproc_list_t *list = NULL;
        party_t other[PARTIES];
        uint64_t len = 0;
        CHECK_OK(mproc_dict_set(dict, S("a"), S("there")));
        party_start(&other[0], as_process, look_and_write, dict);
        party_join(&other[0]);
        CHECK_DICT("{\"a\":\"there\",\"b\":\"here\",\"l\":[1]}", dict);
        for (i = 0; i < PARTIES; i++) {
            party_start(&other[i], as_process, count_up, dict);
        }
        for (i = 0; i < PARTIES; i++) {
            party_join(&other[i]);
        }
        CHECK_INT(PARTIES * ROUNDS, value_of(dict, S("n")).as.i);
        NEED_OK(mproc_list_follow(arena_of(dict), value_of(dict, S("l")), &list));
        CHECK_OK(mproc_list_len(list, &len));
        CHECK_INT(PARTIES * ROUNDS + 1, len);
        mproc_list_close(list);
        end(dict);
    }
}

/* A process that knows the dict by its name gets references to what is inside by message. */
static void follow_message(void *argument) {
    mproc_queue_t *queue = (mproc_queue_t *)argument;
    mproc_dict_t *dict = NULL, *inner = NULL;
    mproc_datum_t ref;
    char buf[64];
    NEED_OK(mproc_dict_open(place_domain(where), "known", NULL, &dict));
    NEED_OK(mproc_queue_get_datum(queue, buf, sizeof buf, &ref, MPROC_FOREVER, NULL));
    NEED_OK(mproc_dict_follow(arena_of(dict), ref, &inner));
    CHECK_OK(mproc_dict_set(inner, S("by"), S("reference")));
    CHECK_OK(mproc_dict_set(dict, S("again"), ref));
    mproc_dict_close(inner);
    mproc_dict_close(dict);
}

static void references_travel(void) {
    int as_process;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_dict_t *dict = NULL;
        mproc_queue_t *queue = NULL;
        party_t other;
        NEED_OK(mproc_queue_create(place_domain(where), NULL, NULL, &queue));
        NEED_OK(mproc_dict_create(place_domain(where), "known", NULL, &dict));
        CHECK_OK(mproc_dict_set(dict, S("inner"), NEW(MPROC_KIND_DICT)));
        CHECK_OK(mproc_queue_put_datum(queue, value_of(dict, S("inner")), MPROC_FOREVER, NULL));
        party_start(&other, as_process, follow_message, queue);
        party_join(&other);
        CHECK_OK(mproc_dict_delete(dict, S("inner")));
        CHECK_DICT("{\"again\":{\"by\":\"reference\"}}", dict);
        mproc_queue_close(queue);
        place_forget(where, "known");
        end(dict);
    }
}

/* Whoever has lost the lock without noticing cannot write any more once the next holder has. */
static void tokens(void) {
    mproc_dict_t *dict = new_dict(), *other = new_dict(), *inner = NULL;
    CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(dict, S("a"), N(1), 0));
    CHECK_IS(MPROC_EINVAL, mproc_dict_delete_if_token(dict, S("a"), 0));
    CHECK_OK(mproc_dict_set_if_token(dict, S("a"), N(5), 5));
    CHECK_IS(MPROC_EFENCED, mproc_dict_set_if_token(dict, S("a"), N(4), 4));
    CHECK_IS(MPROC_EFENCED, mproc_dict_set_if_token(dict, S("new"), N(4), 4));
    CHECK_IS(MPROC_EFENCED, mproc_dict_delete_if_token(dict, S("a"), 4));
    CHECK_DICT("{\"a\":5}", dict);
    CHECK_OK(mproc_dict_set_if_token(dict, S("b"), NEW(MPROC_KIND_DICT), 5)); /* the same holder again */
    CHECK_OK(mproc_dict_set(dict, S("c"), N(0)));                             /* who does not ask is not asked */
    CHECK_IS(MPROC_ENOENT, mproc_dict_delete_if_token(dict, S("nothing"), 9)); /* not done: not seen */
    CHECK_IS(MPROC_EINVAL, mproc_dict_set_if_token(dict, S("b"), mproc_datum_absent(), 9));
    CHECK_OK(mproc_dict_delete_if_token(dict, S("c"), 6));
    NEED_OK(mproc_dict_follow(arena_of(dict), value_of(dict, S("b")), &inner)); /* one fence for the whole arena */
    CHECK_IS(MPROC_EFENCED, mproc_dict_set_if_token(inner, S("x"), N(1), 5));
    CHECK_OK(mproc_dict_set_if_token(inner, S("x"), N(1), UINT64_MAX));
    CHECK_IS(MPROC_EFENCED, mproc_dict_delete_if_token(dict, S("b"), UINT64_MAX - 1));
    CHECK_OK(mproc_dict_set_if_token(other, S("a"), N(1), 1)); /* and another one for another */
    CHECK_DICT("{\"a\":5,\"b\":{\"x\":1}}", dict);
    mproc_dict_close(inner);
    end(other);
    end(dict);
}

static void names_and_handles(void) {
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_dict_t *dict = NULL, *again = NULL;
    mproc_list_t *list = NULL;
    mproc_namespace_t *names = NULL;
    mproc_handle_t *handle = NULL;
    mproc_datum_t here, there;
    uint32_t kind = 0;
    CHECK_IS(MPROC_ENOENT, mproc_dict_open(place_domain(where), "d", NULL, &dict));
    NEED_OK(mproc_dict_create(place_domain(where), "d", NULL, &dict));
    CHECK_OK(mproc_dict_set(dict, S("a"), N(1)));
    CHECK_IS(MPROC_EEXIST, mproc_dict_create(place_domain(where), "d", NULL, &again));
    options.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_dict_create(place_domain(where), "d", &options, &again));
    CHECK_OK(mproc_dict_set(again, S("b"), N(2)));
    CHECK_OK(mproc_dict_ref(dict, &here));
    CHECK_OK(mproc_dict_ref(again, &there));
    CHECK(here.as.u == there.as.u && here.place == there.place && here.kind == MPROC_KIND_DICT);
    mproc_dict_close(again);
    NEED_OK(mproc_dict_open(place_domain(where), "d", NULL, &again));
    CHECK_DICT("{\"a\":1,\"b\":2}", again);
    mproc_dict_close(again);
    CHECK_IS(MPROC_EKIND, mproc_list_open(place_domain(where), "d", NULL, &list));
    CHECK_IS(MPROC_EKIND, mproc_namespace_open(place_domain(where), "d", NULL, &names));
    CHECK_IS(MPROC_EKIND, mproc_list_create(place_domain(where), "d", &options, &list));

    if (place_is_memory(where)) {
        NEED_OK(mproc_dict_export(dict, &handle));
        CHECK_OK(mproc_handle_kind(handle, &kind));
        CHECK_INT(MPROC_KIND_DICT, kind);
        CHECK_IS(MPROC_EKIND, mproc_list_import(handle, NULL, &list));
        CHECK_IS(MPROC_EKIND, mproc_namespace_import(handle, NULL, &names));
        mproc_dict_close(dict); /* the handle keeps it */
        NEED_OK(mproc_dict_import(handle, NULL, &again));
        mproc_handle_close(handle);
    } else {
        CHECK_IS(MPROC_ENOTSUP, mproc_dict_export(dict, &handle));
        again = dict;
    }
    CHECK_DICT("{\"a\":1,\"b\":2}", again);
    place_forget(where, "d");
    end(again);
    CHECK_IS(MPROC_ENOENT, mproc_dict_open(place_domain(where), "d", NULL, &again));

    options.flags = MPROC_PERSIST | MPROC_NO_SPIN | MPROC_RETURN_ON_SIGNAL;
    options.limit_bytes = 2 << 20;
    NEED_OK(mproc_dict_create(place_domain(where), "kept", &options, &dict));
    CHECK_OK(mproc_dict_set(dict, S("a"), NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_dict_append_to(dict, S("a"), S("kept, too")));
    mproc_dict_close(dict);
    NEED_OK(mproc_dict_open(place_domain(where), "kept", NULL, &dict));
    CHECK_DICT("{\"a\":[\"kept, too\"]}", dict);
    CHECK_INT(2 << 20, api_arena_info(arena_of(dict)).limit_bytes);
    CHECK_INT(where == PLACE_DOMAIN ? MPROC_PERSIST : 0, api_arena_info(arena_of(dict)).flags);
    CHECK_OK(mproc_domain_unlink(place_domain(where), "kept"));
    end(dict);
}

void api_dict(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        keys_and_order();
        kinds_of_keys();
        no_keys();
        kinds_of_values();
        sizes();
        large_values();
        too_long();
        update();
        add();
        append_to();
        append_to_grows();
        compare_exchange();
        iterators();
        live_iterators();
        forked_iterators();
        containers();
        weak_references();
        copies();
        many();
        together();
        references_travel();
        tokens();
        names_and_handles();
    }
}
