/* The list: elements, slices as Python has them, sorting, containers inside, iterators, other processes. */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <math.h>

#define S(text) mproc_datum_str(text)
#define N(number) mproc_datum_int(number)
#define NEW(kind) mproc_datum_new(kind)

static enum place where;

static const int64_t bounds[] = {MPROC_SLICE_BEGIN, -7, -5, -3, -1, 0, 2, 4, 5, 9, MPROC_SLICE_END};
static const int64_t steps[] = {1, 2, 7, INT64_MAX, -1, -2, -7, INT64_MIN};
enum { BOUNDS = sizeof bounds / sizeof *bounds, STEPS = sizeof steps / sizeof *steps };

/* Python's "abcde"[start:stop:step], in the order of step, start, stop. */
static const char *const slices[STEPS][BOUNDS][BOUNDS] = {
    {
        {"", "", "", "ab", "abcd", "", "ab", "abcd", "abcde", "abcde", "abcde"},
        {"", "", "", "ab", "abcd", "", "ab", "abcd", "abcde", "abcde", "abcde"},
        {"", "", "", "ab", "abcd", "", "ab", "abcd", "abcde", "abcde", "abcde"},
        {"", "", "", "", "cd", "", "", "cd", "cde", "cde", "cde"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "ab", "abcd", "", "ab", "abcd", "abcde", "abcde", "abcde"},
        {"", "", "", "", "cd", "", "", "cd", "cde", "cde", "cde"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
    },
    {
        {"", "", "", "a", "ac", "", "a", "ac", "ace", "ace", "ace"},
        {"", "", "", "a", "ac", "", "a", "ac", "ace", "ace", "ace"},
        {"", "", "", "a", "ac", "", "a", "ac", "ace", "ace", "ace"},
        {"", "", "", "", "c", "", "", "c", "ce", "ce", "ce"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "a", "ac", "", "a", "ac", "ace", "ace", "ace"},
        {"", "", "", "", "c", "", "", "c", "ce", "ce", "ce"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
    },
    {
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "", "c", "", "", "c", "c", "c", "c"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "", "c", "", "", "c", "c", "c", "c"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
    },
    {
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "", "c", "", "", "c", "c", "c", "c"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "a", "a", "", "a", "a", "a", "a", "a"},
        {"", "", "", "", "c", "", "", "c", "c", "c", "c"},
        {"", "", "", "", "", "", "", "", "e", "e", "e"},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
    },
    {
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"cba", "cba", "cb", "", "", "cb", "", "", "", "", ""},
        {"edcba", "edcba", "edcb", "ed", "", "edcb", "ed", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"cba", "cba", "cb", "", "", "cb", "", "", "", "", ""},
        {"edcba", "edcba", "edcb", "ed", "", "edcb", "ed", "", "", "", ""},
        {"edcba", "edcba", "edcb", "ed", "", "edcb", "ed", "", "", "", ""},
        {"edcba", "edcba", "edcb", "ed", "", "edcb", "ed", "", "", "", ""},
        {"edcba", "edcba", "edcb", "ed", "", "edcb", "ed", "", "", "", ""},
    },
    {
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"ca", "ca", "c", "", "", "c", "", "", "", "", ""},
        {"eca", "eca", "ec", "e", "", "ec", "e", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"ca", "ca", "c", "", "", "c", "", "", "", "", ""},
        {"eca", "eca", "ec", "e", "", "ec", "e", "", "", "", ""},
        {"eca", "eca", "ec", "e", "", "ec", "e", "", "", "", ""},
        {"eca", "eca", "ec", "e", "", "ec", "e", "", "", "", ""},
        {"eca", "eca", "ec", "e", "", "ec", "e", "", "", "", ""},
    },
    {
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"c", "c", "c", "", "", "c", "", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"c", "c", "c", "", "", "c", "", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
    },
    {
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"", "", "", "", "", "", "", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"c", "c", "c", "", "", "c", "", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"a", "a", "", "", "", "", "", "", "", "", ""},
        {"c", "c", "c", "", "", "c", "", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
        {"e", "e", "e", "e", "", "e", "e", "", "", "", ""},
    },
};

/* Python's list("abcde") after l[start:stop] = "XYZ". */
static const char *const replaced[BOUNDS][BOUNDS] = {
    {"XYZabcde", "XYZabcde", "XYZabcde", "XYZcde", "XYZe", "XYZabcde", "XYZcde", "XYZe", "XYZ", "XYZ", "XYZ"},
    {"XYZabcde", "XYZabcde", "XYZabcde", "XYZcde", "XYZe", "XYZabcde", "XYZcde", "XYZe", "XYZ", "XYZ", "XYZ"},
    {"XYZabcde", "XYZabcde", "XYZabcde", "XYZcde", "XYZe", "XYZabcde", "XYZcde", "XYZe", "XYZ", "XYZ", "XYZ"},
    {"abXYZcde", "abXYZcde", "abXYZcde", "abXYZcde", "abXYZe", "abXYZcde",
     "abXYZcde", "abXYZe", "abXYZ", "abXYZ", "abXYZ"},
    {"abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe",
     "abcdXYZe", "abcdXYZe", "abcdXYZ", "abcdXYZ", "abcdXYZ"},
    {"XYZabcde", "XYZabcde", "XYZabcde", "XYZcde", "XYZe", "XYZabcde", "XYZcde", "XYZe", "XYZ", "XYZ", "XYZ"},
    {"abXYZcde", "abXYZcde", "abXYZcde", "abXYZcde", "abXYZe", "abXYZcde",
     "abXYZcde", "abXYZe", "abXYZ", "abXYZ", "abXYZ"},
    {"abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe", "abcdXYZe",
     "abcdXYZe", "abcdXYZe", "abcdXYZ", "abcdXYZ", "abcdXYZ"},
    {"abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ",
     "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ"},
    {"abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ",
     "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ"},
    {"abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ",
     "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ", "abcdeXYZ"},
};

/* Python's list("abcde") after l.insert(index, "X"). */
static const char *const inserted[BOUNDS] = {
    "Xabcde", "Xabcde", "Xabcde", "abXcde", "abcdXe", "Xabcde", "abXcde", "abcdXe", "abcdeX", "abcdeX", "abcdeX",
};

static mproc_list_t *new_list(void) {
    mproc_list_t *list = NULL;
    NEED_OK(mproc_list_create(place_domain(where), NULL, NULL, &list));
    return list;
}

static const mproc_arena_t *arena_of(const mproc_list_t *list) {
    const mproc_arena_t *arena = NULL;
    NEED_OK(mproc_list_arena(list, &arena));
    return arena;
}

/* Every list of these tests ends here: whatever was done with it, its heap is sound. */
static void end(mproc_list_t *list) {
    CHECK_SOUND(arena_of(list));
    mproc_list_close(list);
}

static void check_len_at(uint64_t expected, const mproc_list_t *list, int line) {
    uint64_t len = 12345;
    check_status(MPROC_OK, mproc_list_len(list, &len), __FILE__, line, "mproc_list_len()");
    check_long((long long)expected, (long long)len, __FILE__, line, "the number of elements");
}
#define CHECK_LEN(expected, list) check_len_at((expected), (list), __LINE__)

/* An element, as JSON. */
static void check_at(const char *expected, const mproc_list_t *list, int64_t index, int line) {
    char buf[1024];
    mproc_datum_t value = mproc_datum_absent();
    check_status(MPROC_OK, mproc_list_get(list, index, buf, sizeof buf, &value), __FILE__, line, "mproc_list_get()");
    api_check_datum(expected, value, __FILE__, line);
}
#define CHECK_AT(expected, list, index) check_at((expected), (list), (index), __LINE__)

static mproc_datum_t value_at(const mproc_list_t *list, int64_t index) {
    mproc_datum_t value = mproc_datum_nil();
    CHECK_OK(mproc_list_get(list, index, NULL, 0, &value));
    return value;
}

static void fill(mproc_list_t *list, const char *json) {
    mproc_builder_t *builder = api_builder();
    CHECK_OK(mproc_list_clear(list));
    CHECK_OK(mproc_list_extend(list, api_datum_of(builder, json)));
    mproc_builder_close(builder);
}

/* A list of texts of one letter each. */
static mproc_datum_t letters_of(mproc_builder_t *builder, const char *letters) {
    mproc_datum_t datum = mproc_datum_nil();
    NEED_OK(mproc_builder_reset(builder));
    NEED_OK(mproc_builder_begin_list(builder));
    for (; *letters != '\0'; letters++) {
        NEED_OK(mproc_builder_add(builder, mproc_datum_strn(letters, 1)));
    }
    NEED_OK(mproc_builder_end(builder));
    NEED_OK(mproc_builder_datum(builder, &datum));
    return datum;
}

static void check_letters_in(const char *expected, mproc_iter_t *iter, const char *what, int line) {
    char seen[64] = "";
    size_t at = 0;
    mproc_datum_t key, value;
    uint64_t len = 0;
    int status;
    check_status(MPROC_OK, mproc_iter_len(iter, &len), __FILE__, line, what);
    while ((status = mproc_iter_next(iter, &key, &value)) == MPROC_OK && at < sizeof seen - 1) {
        check_that(key.type == MPROC_DATUM_INT && key.as.i == (int64_t)at, __FILE__, line, what);
        check_that(value.type == MPROC_DATUM_STR && value.len == 1, __FILE__, line, what);
        seen[at++] = value.len > 0 ? *(const char *)value.data : '?';
    }
    check_status(MPROC_END, status, __FILE__, line, what);
    check_long((long long)strlen(expected), (long long)len, __FILE__, line, what);
    check_that(strcmp(expected, seen) == 0, __FILE__, line, what);
    if (strcmp(expected, seen) != 0) {
        fprintf(stderr, "    expected %s, got %s\n", expected, seen);
    }
    mproc_iter_close(iter);
}

static void check_letters_at(const char *expected, const mproc_list_t *list, const char *what, int line) {
    mproc_iter_t *iter = NULL;
    NEED_OK(mproc_list_items(list, &iter));
    check_letters_in(expected, iter, what, line);
}
#define CHECK_LETTERS(expected, list, what) check_letters_at((expected), (list), (what), __LINE__)

static void elements(void) {
    mproc_list_t *list = new_list();
    mproc_datum_t out = mproc_datum_nil();
    CHECK_LEN(0, list);
    CHECK_LIST("[]", list);
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, 0, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, -1, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_pop(list, -1, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_set(list, 0, N(1)));
    CHECK_IS(MPROC_ERANGE, mproc_list_delete(list, -1));
    CHECK_OK(mproc_list_append(list, N(10)));
    CHECK_OK(mproc_list_append(list, S("eleven")));
    CHECK_OK(mproc_list_append(list, mproc_datum_nil()));
    CHECK_LEN(3, list);
    CHECK_LIST("[10,\"eleven\",null]", list);
    CHECK_AT("10", list, 0);
    CHECK_AT("10", list, -3);
    CHECK_AT("null", list, 2);
    CHECK_AT("null", list, -1);
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, 3, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, -4, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, INT64_MAX, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_get(list, INT64_MIN, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_set(list, 3, N(1)));
    CHECK_IS(MPROC_ERANGE, mproc_list_set(list, INT64_MIN, N(1)));
    CHECK_IS(MPROC_ERANGE, mproc_list_pop(list, 3, NULL, 0, &out));
    CHECK_IS(MPROC_ERANGE, mproc_list_delete(list, -4));
    CHECK_INT(MPROC_DATUM_NIL, out.type);
    CHECK_OK(mproc_list_set(list, 1, mproc_datum_float(1.5)));
    CHECK_OK(mproc_list_set(list, -1, S("a text that is longer than what was there before")));
    CHECK_LIST("[10,1.5,\"a text that is longer than what was there before\"]", list);
    CHECK_IS(MPROC_EINVAL, mproc_list_append(list, mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_list_set(list, 0, mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_list_insert(list, 0, mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_list_append(list, NEW(MPROC_KIND_QUEUE)));
    CHECK_IS(MPROC_EINVAL, mproc_list_append(list, mproc_datum_packed("\x91", 1)));
    CHECK_OK(mproc_list_delete(list, 0));
    CHECK_OK(mproc_list_delete(list, -1));
    CHECK_LIST("[1.5]", list);
    CHECK_OK(mproc_list_clear(list));
    CHECK_LIST("[]", list);
    CHECK_OK(mproc_list_clear(list));
    end(list);
}

/* Too small a buffer: only the size that is needed is said, nothing is done, and then it works. */
static void sizes(void) {
    mproc_list_t *list = new_list();
    mproc_datum_t out;
    char buf[16];
    fill(list, "[\"0123456789\",\"\",[1,2,3]]");
    memset(&out, 0x5a, sizeof out);
    CHECK_IS(MPROC_EMSGSIZE, mproc_list_get(list, 0, buf, 9, &out));
    CHECK_INT(10, out.len);
    CHECK_INT(0x5a5a5a5a, out.type);
    CHECK_IS(MPROC_EMSGSIZE, mproc_list_get(list, -1, NULL, 0, &out));
    CHECK_INT(4, out.len);
    CHECK_OK(mproc_list_get(list, -1, buf, 4, &out));
    CHECK_DATUM("[1,2,3]", out);
    CHECK_OK(mproc_list_get(list, 1, NULL, 0, &out));
    CHECK_DATUM("\"\"", out);
    CHECK_IS(MPROC_EMSGSIZE, mproc_list_pop(list, 0, buf, 9, &out));
    CHECK_INT(10, out.len);
    CHECK_LEN(3, list);
    CHECK_OK(mproc_list_pop(list, 0, buf, 10, &out));
    CHECK_DATUM("\"0123456789\"", out);
    CHECK_LIST("[\"\",[1,2,3]]", list);
    CHECK_OK(mproc_list_pop(list, 0, NULL, 0, &out));
    CHECK_OK(mproc_list_pop(list, -1, buf, sizeof buf, &out));
    CHECK_DATUM("[1,2,3]", out);
    CHECK_LEN(0, list);
    end(list);
}

static void insert_and_pop(void) {
    mproc_list_t *list = new_list();
    mproc_builder_t *builder = api_builder();
    mproc_datum_t out;
    char buf[8];
    int i, k;
    for (i = 0; i < BOUNDS; i++) {
        CHECK_OK(mproc_list_clear(list));
        CHECK_OK(mproc_list_extend(list, letters_of(builder, "abcde")));
        CHECK_OK(mproc_list_insert(list, bounds[i], S("X")));
        CHECK_LETTERS(inserted[i], list, "what was inserted");
    }
    for (i = -5; i < 5; i++) {
        char left[] = "abcde", letter[2] = {0, 0};
        k = i < 0 ? i + 5 : i;
        letter[0] = left[k];
        memmove(left + k, left + k + 1, sizeof left - (size_t)k - 1);
        CHECK_OK(mproc_list_clear(list));
        CHECK_OK(mproc_list_extend(list, letters_of(builder, "abcde")));
        CHECK_OK(mproc_list_pop(list, i, buf, sizeof buf, &out));
        CHECK(out.len == 1 && *(const char *)out.data == letter[0]);
        CHECK_LETTERS(left, list, "what is left");
        CHECK_OK(mproc_list_insert(list, k, mproc_datum_strn(letter, 1)));
        CHECK_LETTERS("abcde", list, "what was there");
        CHECK_OK(mproc_list_delete(list, i));
        CHECK_LETTERS(left, list, "what is left");
    }
    mproc_builder_close(builder);
    end(list);
}

static void extend(void) {
    mproc_list_t *list = new_list(), *other = new_list();
    mproc_builder_t *builder = api_builder();
    CHECK_OK(mproc_list_extend(list, api_datum_of(builder, "[1,[2],{\"a\":3}]")));
    CHECK_OK(mproc_list_extend(list, api_datum_of(builder, "[]")));
    CHECK_OK(mproc_list_extend(list, mproc_datum_packed("\xdc\0\1\xd1\0\4", 6))); /* [4], the long way */
    CHECK_LIST("[1,[2],{\"a\":3},4]", list);
    CHECK_IS(MPROC_EINVAL, mproc_list_extend(list, api_datum_of(builder, "{\"a\":1}")));
    CHECK_IS(MPROC_EINVAL, mproc_list_extend(list, S("abc")));
    CHECK_IS(MPROC_EINVAL, mproc_list_extend(list, mproc_datum_packed("\x92\x01", 2)));
    CHECK_LEN(4, list);
    CHECK_OK(mproc_list_extend_from(other, list));
    CHECK_OK(mproc_list_extend_from(other, other)); /* itself */
    CHECK_LIST("[1,[2],{\"a\":3},4,1,[2],{\"a\":3},4]", other);
    CHECK_OK(mproc_list_clear(other));
    CHECK_OK(mproc_list_extend_from(list, other)); /* nothing */
    CHECK_OK(mproc_list_extend_from(other, other));
    CHECK_LEN(4, list);
    CHECK_LEN(0, other);
    end(other);

    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST)));
    NEED_OK(mproc_list_follow(arena_of(list), value_at(list, -1), &other));
    CHECK_OK(mproc_list_append(other, NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_list_append(other, N(5)));
    CHECK_OK(mproc_list_extend_from(list, other)); /* of the same arena: containers, too */
    CHECK_OK(mproc_list_clear(other));
    CHECK_LIST("[1,[2],{\"a\":3},4,[],{},5]", list);
    CHECK_OK(mproc_list_append(other, N(6)));
    CHECK_LIST("[1,[2],{\"a\":3},4,[6],{},5]", list);
    mproc_list_close(other);
    other = new_list();
    CHECK_OK(mproc_list_append(other, N(0)));
    CHECK_IS(MPROC_ETYPE, mproc_list_extend_from(other, list)); /* of another one: none, and nothing at all */
    CHECK_LIST("[0]", other);
    mproc_builder_close(builder);
    end(other);
    end(list);
}

static void search(void) {
    mproc_list_t *list = new_list();
    uint64_t found = 77;
    fill(list, "[1,1.0,\"1\",true,1,[1],null,1]");
    CHECK_OK(mproc_list_count(list, N(1), &found));
    CHECK_INT(3, found);
    CHECK_OK(mproc_list_count(list, mproc_datum_uint(1), &found));
    CHECK_INT(3, found);
    CHECK_OK(mproc_list_count(list, mproc_datum_float(1), &found));
    CHECK_INT(1, found);
    CHECK_OK(mproc_list_count(list, mproc_datum_packed("\xdc\0\1\1", 4), &found));
    CHECK_INT(1, found);
    CHECK_OK(mproc_list_count(list, S("none"), &found));
    CHECK_INT(0, found);
    CHECK_OK(mproc_list_index(list, N(1), 0, MPROC_SLICE_END, &found));
    CHECK_INT(0, found);
    CHECK_OK(mproc_list_index(list, N(1), 1, MPROC_SLICE_END, &found));
    CHECK_INT(4, found);
    CHECK_OK(mproc_list_index(list, N(1), -3, MPROC_SLICE_END, &found));
    CHECK_INT(7, found);
    CHECK_OK(mproc_list_index(list, mproc_datum_bool(1), MPROC_SLICE_BEGIN, -1, &found));
    CHECK_INT(3, found);
    found = 77;
    CHECK_IS(MPROC_ENOENT, mproc_list_index(list, N(1), 1, 4, &found));
    CHECK_IS(MPROC_ENOENT, mproc_list_index(list, N(1), -7, -4, &found));
    CHECK_IS(MPROC_ENOENT, mproc_list_index(list, N(1), 8, MPROC_SLICE_END, &found));
    CHECK_IS(MPROC_ENOENT, mproc_list_index(list, N(1), 5, 2, &found));
    CHECK_IS(MPROC_ENOENT, mproc_list_index(list, N(2), 0, MPROC_SLICE_END, &found));
    CHECK_INT(77, found);
    CHECK_OK(mproc_list_remove(list, N(1)));
    CHECK_LIST("[1.0,\"1\",true,1,[1],null,1]", list);
    CHECK_OK(mproc_list_remove(list, N(1)));
    CHECK_OK(mproc_list_remove(list, mproc_datum_nil()));
    CHECK_LIST("[1.0,\"1\",true,[1],1]", list);
    CHECK_IS(MPROC_ENOENT, mproc_list_remove(list, N(9)));
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_list_index(list, value_at(list, -1), 0, MPROC_SLICE_END, &found));
    CHECK_INT(5, found);
    CHECK_IS(MPROC_EINVAL, mproc_list_count(list, mproc_datum_absent(), &found));
    CHECK_IS(MPROC_EINVAL, mproc_list_remove(list, NEW(MPROC_KIND_DICT)));
    CHECK_IS(MPROC_EINVAL, mproc_list_index(list, mproc_datum_strn("\xff", 1), 0, 1, &found));
    CHECK_OK(mproc_list_remove(list, value_at(list, -1)));
    CHECK_INT(1, api_arena_info(arena_of(list)).containers);
    CHECK_LEN(5, list);
    end(list);
}

/* Each slice is read, deleted, and replaced by as many others: from one table. */
static void slices_of(mproc_list_t *list, mproc_builder_t *builder, int64_t start, int64_t stop, int64_t step,
                      const char *expected) {
    static const char others[] = "VWXYZ";
    char what[96], changed[] = "abcde", left[8] = "", with[8] = "";
    size_t i, n = strlen(expected);
    mproc_iter_t *iter = NULL;
    snprintf(what, sizeof what, "[%lld:%lld:%lld]", (long long)start, (long long)stop, (long long)step);
    CHECK_OK(mproc_list_clear(list));
    CHECK_OK(mproc_list_extend(list, letters_of(builder, "abcde")));
    NEED_OK(mproc_list_slice(list, start, stop, step, &iter));
    check_letters_in(expected, iter, what, __LINE__);
    memcpy(with, others, n);
    for (i = 0; i < n; i++) {
        changed[expected[i] - 'a'] = others[i];
    }
    for (i = 0; i < 5; i++) {
        if (strchr(expected, "abcde"[i]) == NULL) {
            left[strlen(left)] = "abcde"[i]; /* zeroed behind */
        }
    }
    if (n > 0 || step != 1) { /* else it is an insertion: see slice_set() */
        CHECK_OK(mproc_list_slice_set(list, start, stop, step, letters_of(builder, with)));
        CHECK_LETTERS(changed, list, what);
    }
    if (step != 1) {
        CHECK_IS(MPROC_EINVAL, mproc_list_slice_set(list, start, stop, step, letters_of(builder, "1234567")));
        CHECK_LETTERS(changed, list, what);
    }
    CHECK_OK(mproc_list_clear(list));
    CHECK_OK(mproc_list_extend(list, letters_of(builder, "abcde")));
    CHECK_OK(mproc_list_slice_delete(list, start, stop, step));
    CHECK_LETTERS(left, list, what);
}

static void slice(void) {
    mproc_list_t *list = new_list(), *empty = new_list();
    mproc_builder_t *builder = api_builder();
    mproc_iter_t *iter = NULL;
    int s, a, b;
    for (s = 0; s < STEPS; s++) {
        for (a = 0; a < BOUNDS; a++) {
            for (b = 0; b < BOUNDS; b++) {
                slices_of(list, builder, bounds[a], bounds[b], steps[s], slices[s][a][b]);
                NEED_OK(mproc_list_slice(empty, bounds[a], bounds[b], steps[s], &iter));
                check_letters_in("", iter, "a slice of an empty list", __LINE__);
                CHECK_OK(mproc_list_slice_delete(empty, bounds[a], bounds[b], steps[s]));
            }
        }
    }
    iter = NULL;
    CHECK_IS(MPROC_EINVAL, mproc_list_slice(list, 0, 1, 0, &iter));
    CHECK_IS(MPROC_EINVAL, mproc_list_slice_delete(list, 0, 1, 0));
    CHECK_IS(MPROC_EINVAL, mproc_list_slice_set(list, 0, 1, 0, letters_of(builder, "x")));
    CHECK(iter == NULL);
    mproc_builder_close(builder);
    end(empty);
    end(list);
}

static void slice_set(void) {
    mproc_list_t *list = new_list(), *inner = NULL;
    mproc_builder_t *builder = api_builder();
    mproc_datum_t ref;
    char what[96];
    int a, b;
    for (a = 0; a < BOUNDS; a++) {
        for (b = 0; b < BOUNDS; b++) {
            snprintf(what, sizeof what, "[%lld:%lld]", (long long)bounds[a], (long long)bounds[b]);
            CHECK_OK(mproc_list_clear(list));
            CHECK_OK(mproc_list_extend(list, letters_of(builder, "abcde")));
            CHECK_OK(mproc_list_slice_set(list, bounds[a], bounds[b], 1, letters_of(builder, "XYZ")));
            CHECK_LETTERS(replaced[a][b], list, what);
        }
    }
    fill(list, "[1,2,3]");
    CHECK_OK(mproc_list_slice_set(list, 1, 2, 1, api_datum_of(builder, "[]"))); /* deletes */
    CHECK_LIST("[1,3]", list);
    CHECK_OK(mproc_list_slice_set(list, 0, MPROC_SLICE_END, 1, api_datum_of(builder, "[[4],{\"five\":6}]")));
    CHECK_LIST("[[4],{\"five\":6}]", list);
    CHECK_IS(MPROC_EINVAL, mproc_list_slice_set(list, 0, 1, 1, api_datum_of(builder, "{}")));
    CHECK_IS(MPROC_EINVAL, mproc_list_slice_set(list, 0, 1, 1, N(1)));
    CHECK_LIST("[[4],{\"five\":6}]", list);
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST))); /* a container that is replaced is freed */
    ref = value_at(list, -1);
    CHECK_OK(mproc_list_slice_set(list, 2, 3, 1, api_datum_of(builder, "[7,8]")));
    CHECK_IS(MPROC_ENOENT, mproc_list_follow(arena_of(list), ref, &inner));
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST)));
    ref = value_at(list, -1);
    CHECK_OK(mproc_list_slice_delete(list, -1, MPROC_SLICE_END, 1));
    CHECK_IS(MPROC_ENOENT, mproc_list_follow(arena_of(list), ref, &inner));
    CHECK_LIST("[[4],{\"five\":6},7,8]", list);
    mproc_builder_close(builder);
    end(list);
}

static void check_sorted_at(const char *given, uint32_t flags, const char *expected, int line) {
    mproc_list_t *list = new_list();
    mproc_builder_t *builder = api_builder();
    mproc_datum_t sorted;
    fill(list, given);
    check_status(MPROC_OK, mproc_list_sort(list, flags), __FILE__, line, "mproc_list_sort()");
    CHECK_OK(mproc_list_copy(list, 0, builder));
    CHECK_OK(mproc_builder_datum(builder, &sorted));
    api_check_datum(expected, sorted, __FILE__, line);
    mproc_builder_close(builder);
    end(list);
}
#define CHECK_SORTED(given, flags, expected) check_sorted_at((given), (flags), (expected), __LINE__)

static void sort(void) {
    static const char *const mixed[] = {"[1,\"1\"]", "[1,true]", "[null,1]", "[[1],1]", "[{},{}]", "[[1],[\"a\"]]",
                                        "[2,1,\"x\",3]"};
    mproc_list_t *list = new_list();
    size_t i;
    CHECK_SORTED("[]", 0, "[]");
    CHECK_SORTED("[{}]", 0, "[{}]");
    CHECK_SORTED("[3,1,2]", 0, "[1,2,3]");
    CHECK_SORTED("[3,1,2]", MPROC_SORT_DESCENDING, "[3,2,1]");
    CHECK_SORTED("[18446744073709551615,-9223372036854775808,9223372036854775807,0.5,-1e300,9223372036854775808]", 0,
                 "[-1e300,-9223372036854775808,0.5,9223372036854775807,9223372036854775808,18446744073709551615]");
    CHECK_SORTED("[1,1.0,0,1,0.0]", 0, "[0,0.0,1,1.0,1]"); /* stable */
    CHECK_SORTED("[1.0,1,0,1,0.0]", MPROC_SORT_DESCENDING, "[1.0,1,1,0,0.0]");
    CHECK_SORTED("[{\"$float\":\"nan\"},1,{\"$float\":\"inf\"},{\"$float\":\"-inf\"}]", 0,
                 "[{\"$float\":\"-inf\"},1,{\"$float\":\"inf\"},{\"$float\":\"nan\"}]");
    CHECK_SORTED("[\"b\",\"\",\"ab\",\"a\",\"\xc3\xa4\",\"Z\"]", 0, "[\"\",\"Z\",\"a\",\"ab\",\"b\",\"\xc3\xa4\"]");
    CHECK_SORTED("[true,false,true]", 0, "[false,true,true]");
    CHECK_SORTED("[null,null]", 0, "[null,null]");
    CHECK_SORTED("[[2],[1,5],[],[1],[1,2.5]]", 0, "[[],[1],[1,2.5],[1,5],[2]]");
    for (i = 0; i < sizeof mixed / sizeof *mixed; i++) {
        fill(list, mixed[i]);
        CHECK_IS(MPROC_ETYPE, mproc_list_sort(list, 0));
        CHECK_LIST(mixed[i], list);
    }
    CHECK_IS(MPROC_EINVAL, mproc_list_sort(list, 2));
    fill(list, "[1]");
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST)));
    CHECK_IS(MPROC_ETYPE, mproc_list_sort(list, 0));
    CHECK_LIST("[1,[]]", list);
    end(list);
}

/* Enough to need more than one of whatever a list is made of. */
static void sort_many(void) {
    int most = api_slow() ? 1000 : 10000, i, bad = 0;
    mproc_list_t *list = new_list();
    mproc_iter_t *iter = NULL;
    mproc_datum_t key, value;
    uint32_t x = 12345;
    int64_t last = -1;
    for (i = 0; i < most; i++) {
        x = x * 1664525u + 1013904223u;
        bad += mproc_list_append(list, N(x >> 8)) != MPROC_OK;
    }
    CHECK_INT(0, bad);
    CHECK_OK(mproc_list_sort(list, 0));
    NEED_OK(mproc_list_items(list, &iter));
    for (i = 0; mproc_iter_next(iter, &key, &value) == MPROC_OK; i++) {
        bad += value.as.i < last;
        last = value.as.i;
    }
    CHECK_INT(most, i);
    CHECK_INT(0, bad);
    mproc_iter_close(iter);
    CHECK_OK(mproc_list_reverse(list));
    CHECK_INT(last, value_at(list, 0).as.i);
    end(list);
}

static void reverse_and_repeat(void) {
    mproc_list_t *list = new_list(), *inner = NULL;
    CHECK_OK(mproc_list_reverse(list));
    CHECK_OK(mproc_list_repeat(list, 5));
    CHECK_OK(mproc_list_repeat(list, UINT64_MAX));
    CHECK_LIST("[]", list);
    fill(list, "[1,\"two\",[3],4]");
    CHECK_OK(mproc_list_reverse(list));
    CHECK_LIST("[4,[3],\"two\",1]", list);
    fill(list, "[1,2,3]");
    CHECK_OK(mproc_list_reverse(list));
    CHECK_LIST("[3,2,1]", list);
    fill(list, "[1,\"two\"]");
    CHECK_OK(mproc_list_repeat(list, 1));
    CHECK_LIST("[1,\"two\"]", list);
    CHECK_OK(mproc_list_repeat(list, 3));
    CHECK_LIST("[1,\"two\",1,\"two\",1,\"two\"]", list);
    CHECK_IS(MPROC_EFULL, mproc_list_repeat(list, UINT64_MAX / 2));
    CHECK_IS(MPROC_EFULL, mproc_list_repeat(list, UINT64_MAX));
    CHECK_LEN(6, list);
    CHECK_OK(mproc_list_repeat(list, 0));
    CHECK_LEN(0, list);
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST))); /* the same container three times */
    CHECK_OK(mproc_list_repeat(list, 3));
    NEED_OK(mproc_list_follow(arena_of(list), value_at(list, 1), &inner));
    CHECK_OK(mproc_list_append(inner, N(1)));
    CHECK_LIST("[[1],[1],[1]]", list);
    CHECK_INT(2, api_arena_info(arena_of(list)).containers);
    mproc_list_close(inner);
    CHECK_OK(mproc_list_slice_delete(list, 0, 2, 1));
    CHECK_LIST("[[1]]", list);
    CHECK_OK(mproc_list_repeat(list, 0));
    CHECK_INT(1, api_arena_info(arena_of(list)).containers);
    end(list);
}

static void add_and_exchange(void) {
    mproc_list_t *list = new_list();
    mproc_datum_t sum = mproc_datum_nil();
    int swapped = 7;
    fill(list, "[1,2.5,\"three\"]");
    CHECK_OK(mproc_list_add(list, 0, N(5), &sum));
    CHECK_DATUM("6", sum);
    CHECK_OK(mproc_list_add(list, -2, N(1), &sum));
    CHECK_DATUM("3.5", sum);
    CHECK_OK(mproc_list_add(list, 0, mproc_datum_uint(UINT64_MAX - 6), &sum));
    CHECK_DATUM("18446744073709551615", sum);
    CHECK_IS(MPROC_EOVERFLOW, mproc_list_add(list, 0, N(1), &sum));
    CHECK_OK(mproc_list_add(list, 0, N(-5), NULL));
    CHECK_IS(MPROC_ETYPE, mproc_list_add(list, 2, N(1), &sum));
    CHECK_IS(MPROC_ETYPE, mproc_list_add(list, 0, S("1"), &sum));
    CHECK_IS(MPROC_ERANGE, mproc_list_add(list, 3, N(1), &sum));
    CHECK_IS(MPROC_ERANGE, mproc_list_add(list, -4, N(1), &sum));
    CHECK_LIST("[18446744073709551610,3.5,\"three\"]", list);

    CHECK_OK(mproc_list_compare_exchange(list, 2, S("thre"), N(3), &swapped));
    CHECK_INT(0, swapped);
    CHECK_OK(mproc_list_compare_exchange(list, -1, S("three"), N(3), &swapped));
    CHECK_INT(1, swapped);
    CHECK_OK(mproc_list_compare_exchange(list, 2, mproc_datum_float(3), N(4), &swapped));
    CHECK_INT(0, swapped);
    CHECK_OK(mproc_list_compare_exchange(list, 2, N(3), NEW(MPROC_KIND_DICT), &swapped));
    CHECK_INT(1, swapped);
    CHECK_OK(mproc_list_compare_exchange(list, 2, value_at(list, 2), value_at(list, 2), &swapped));
    CHECK_INT(1, swapped);
    CHECK_LIST("[18446744073709551610,3.5,{}]", list);
    swapped = 7;
    CHECK_IS(MPROC_ERANGE, mproc_list_compare_exchange(list, 3, N(1), N(2), &swapped));
    CHECK_IS(MPROC_EINVAL, mproc_list_compare_exchange(list, 0, mproc_datum_absent(), N(2), &swapped));
    CHECK_IS(MPROC_EINVAL, mproc_list_compare_exchange(list, 0, N(1), mproc_datum_absent(), &swapped));
    CHECK_INT(7, swapped);
    CHECK_OK(mproc_list_compare_exchange(list, 2, value_at(list, 2), N(0), &swapped));
    CHECK_INT(1, swapped);
    CHECK_INT(1, api_arena_info(arena_of(list)).containers);
    end(list);
}

static void iterators(void) {
    mproc_list_t *list = new_list();
    mproc_iter_t *iter = NULL, *live = NULL;
    uint64_t len = 7;
    NEED_OK(mproc_list_items(list, &iter));
    CHECK_ITER("[]", iter, API_PAIRS);
    NEED_OK(mproc_list_iter(list, &iter));
    CHECK_ITER("[]", iter, API_PAIRS);
    fill(list, "[\"a\",[1],null]");
    NEED_OK(mproc_list_iter(list, &iter));
    CHECK_ITER("[[0,\"a\"],[1,[1]],[2,null]]", iter, API_PAIRS);
    NEED_OK(mproc_list_items(list, &iter));
    CHECK_OK(mproc_iter_len(iter, &len));
    CHECK_INT(3, len);
    NEED_OK(mproc_list_iter(list, &live));
    CHECK_IS(MPROC_ENOTSUP, mproc_iter_len(live, &len));
    CHECK_OK(mproc_iter_next(live, NULL, NULL));
    CHECK_OK(mproc_list_clear(list));
    end(list); /* which they outlive */
    CHECK_ITER("[[0,\"a\"],[1,[1]],[2,null]]", iter, API_PAIRS);
    CHECK_ITER("[[1,[1]],[2,null]]", live, API_PAIRS);
}

/* A living list is fetched in pieces, by index: what changes shifts the next one. */
static void live_iterators(void) {
    enum { MOST = 200, PIECE = 64 };
    mproc_list_t *list = new_list();
    mproc_iter_t *iter = NULL;
    mproc_datum_t key, value;
    int i, status, bad = 0;
    for (i = 0; i < MOST; i++) {
        CHECK_OK(mproc_list_append(list, N(i)));
    }
    NEED_OK(mproc_list_iter(list, &iter));
    CHECK_OK(mproc_iter_next(iter, &key, &value));
    CHECK_OK(mproc_list_insert(list, 0, S("before")));
    CHECK_OK(mproc_list_append(list, N(MOST)));
    CHECK_OK(mproc_list_slice_delete(list, -2, MPROC_SLICE_END, 1));
    for (i = 1; (status = mproc_iter_next(iter, &key, &value)) == MPROC_OK; i++) {
        bad += key.as.i != i || value.as.i != (i < PIECE ? i : i - 1);
    }
    CHECK_IS(MPROC_END, status);
    CHECK_INT(MOST, i);
    CHECK_INT(0, bad);
    CHECK_OK(mproc_list_append(list, N(1)));
    CHECK_IS(MPROC_END, mproc_iter_next(iter, &key, &value)); /* the end is the end */
    mproc_iter_close(iter);
    end(list);
}

static void containers(void) {
    mproc_list_t *list = new_list(), *inner = NULL;
    mproc_dict_t *dict = NULL;
    mproc_builder_t *builder = api_builder();
    mproc_datum_t self, ref, copy;
    const mproc_arena_t *arena = arena_of(list);
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_LIST)));
    CHECK_OK(mproc_list_insert(list, 0, NEW(MPROC_KIND_DICT)));
    CHECK_OK(mproc_list_append(list, NEW(MPROC_KIND_NAMESPACE)));
    CHECK_OK(mproc_list_set(list, 2, NEW(MPROC_KIND_LIST)));
    CHECK_LIST("[{},[],[]]", list);
    CHECK_INT(4, api_arena_info(arena).containers);
    CHECK_IS(MPROC_ETYPE, mproc_list_follow(arena, value_at(list, 0), &inner));
    NEED_OK(mproc_dict_follow(arena, value_at(list, 0), &dict));
    NEED_OK(mproc_list_follow(arena, value_at(list, 1), &inner));
    CHECK_OK(mproc_dict_set(dict, S("a"), value_at(list, 1)));
    CHECK_OK(mproc_list_append(inner, N(1)));
    CHECK_LIST("[{\"a\":[1]},[1],[]]", list);
    CHECK_OK(mproc_list_pop(list, 1, NULL, 0, &ref));
    CHECK_LIST("[{\"a\":[1]},[]]", list); /* the dict still has it */
    mproc_list_close(inner);
    NEED_OK(mproc_list_follow(arena, ref, &inner));
    mproc_list_close(inner);
    CHECK_OK(mproc_dict_clear(dict));
    CHECK_IS(MPROC_ENOENT, mproc_list_follow(arena, ref, &inner));
    CHECK_IS(MPROC_ENOENT, mproc_list_append(list, ref));
    CHECK_IS(MPROC_ENOENT, mproc_list_set(list, 0, ref));
    CHECK_IS(MPROC_ENOENT, mproc_list_insert(list, 0, ref));
    CHECK_LIST("[{},[]]", list);
    mproc_dict_close(dict);

    CHECK_OK(mproc_list_ref(list, &self)); /* inside itself */
    CHECK_INT(MPROC_KIND_LIST, self.kind);
    CHECK_OK(mproc_list_set(list, 1, self));
    CHECK_IS(MPROC_ETYPE, mproc_list_copy(list, MPROC_COPY_DEEP, builder));
    CHECK_IS(MPROC_EINVAL, mproc_list_copy(list, 2, builder));
    CHECK_OK(mproc_list_copy(list, 0, builder));
    CHECK_OK(mproc_builder_datum(builder, &copy));
    CHECK_INT(MPROC_DATUM_LIST, copy.type);
    CHECK_OK(mproc_list_clear(list));
    CHECK_INT(1, api_arena_info(arena).containers);
    mproc_builder_close(builder);
    end(list);
}

enum { ROUNDS = 500 };

static void append_all(void *argument) {
    mproc_list_t *list = (mproc_list_t *)argument;
    int i, bad = 0;
    for (i = 0; i < ROUNDS; i++) {
        bad += mproc_list_append(list, N(i)) != MPROC_OK;
        bad += mproc_list_add(list, 0, N(1), NULL) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void pop_all(void *argument) {
    mproc_list_t *list = (mproc_list_t *)argument;
    mproc_datum_t out;
    int i, bad = 0;
    for (i = 0; i < ROUNDS; i++) {
        bad += mproc_list_pop(list, -1, NULL, 0, &out) != MPROC_OK || out.type != MPROC_DATUM_INT;
    }
    CHECK_INT(0, bad);
}

static void together(void) {
    enum { PARTIES = 3 };
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_list_t *list = new_list();
        party_t other[PARTIES];
        CHECK_OK(mproc_list_append(list, N(0)));
        for (i = 0; i < PARTIES; i++) {
            party_start(&other[i], as_process, append_all, list);
        }
        for (i = 0; i < PARTIES; i++) {
            party_join(&other[i]);
        }
        CHECK_LEN(PARTIES * ROUNDS + 1, list);
        CHECK_INT(PARTIES * ROUNDS, value_at(list, 0).as.i);
        for (i = 0; i < PARTIES; i++) {
            party_start(&other[i], as_process, pop_all, list);
        }
        for (i = 0; i < PARTIES; i++) {
            party_join(&other[i]);
        }
        CHECK_LEN(1, list);
        end(list);
    }
}

/* Whoever has lost the lock without noticing cannot write any more once the next holder has. */
static void tokens(void) {
    mproc_list_t *list = new_list();
    CHECK_IS(MPROC_EINVAL, mproc_list_append_if_token(list, N(1), 0));
    CHECK_IS(MPROC_EINVAL, mproc_list_set_if_token(list, 0, N(1), 0));
    CHECK_IS(MPROC_ERANGE, mproc_list_set_if_token(list, 0, N(1), 9)); /* not done: not seen */
    CHECK_OK(mproc_list_append_if_token(list, N(1), 3));
    CHECK_IS(MPROC_EFENCED, mproc_list_append_if_token(list, N(2), 2));
    CHECK_IS(MPROC_EFENCED, mproc_list_set_if_token(list, 0, N(2), 2));
    CHECK_OK(mproc_list_set_if_token(list, -1, S("three"), 3));
    CHECK_OK(mproc_list_append_if_token(list, NEW(MPROC_KIND_LIST), 4));
    CHECK_IS(MPROC_EFENCED, mproc_list_append_if_token(list, N(2), 3));
    CHECK_IS(MPROC_EINVAL, mproc_list_append_if_token(list, mproc_datum_absent(), 9));
    CHECK_OK(mproc_list_append_if_token(list, N(4), 4));
    CHECK_LIST("[\"three\",[],4]", list);
    end(list);
}

static void names_and_handles(void) {
    mproc_container_options_t options = MPROC_CONTAINER_OPTIONS_INIT;
    mproc_list_t *list = NULL, *again = NULL;
    mproc_dict_t *dict = NULL;
    mproc_handle_t *handle = NULL;
    uint32_t kind = 0;
    NEED_OK(mproc_list_create(place_domain(where), "l", NULL, &list));
    CHECK_OK(mproc_list_append(list, N(1)));
    CHECK_IS(MPROC_EEXIST, mproc_list_create(place_domain(where), "l", NULL, &again));
    CHECK_IS(MPROC_EKIND, mproc_dict_open(place_domain(where), "l", NULL, &dict));
    options.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_list_create(place_domain(where), "l", &options, &again));
    CHECK_LIST("[1]", again);
    mproc_list_close(again);
    NEED_OK(mproc_list_open(place_domain(where), "l", NULL, &again));
    CHECK_OK(mproc_list_append(again, N(2)));
    mproc_list_close(again);
    if (place_is_memory(where)) {
        NEED_OK(mproc_list_export(list, &handle));
        CHECK_OK(mproc_handle_kind(handle, &kind));
        CHECK_INT(MPROC_KIND_LIST, kind);
        mproc_list_close(list);
        NEED_OK(mproc_list_import(handle, NULL, &again));
        mproc_handle_close(handle);
    } else {
        CHECK_IS(MPROC_ENOTSUP, mproc_list_export(list, &handle));
        again = list;
    }
    CHECK_LIST("[1,2]", again);
    place_forget(where, "l");
    end(again);
    CHECK_IS(MPROC_ENOENT, mproc_list_open(place_domain(where), "l", NULL, &again));
}

void api_list(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        elements();
        sizes();
        insert_and_pop();
        extend();
        search();
        slice();
        slice_set();
        sort();
        sort_many();
        reverse_and_repeat();
        add_and_exchange();
        iterators();
        live_iterators();
        containers();
        together();
        tokens();
        names_and_handles();
    }
}
