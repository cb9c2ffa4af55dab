/* Datums: what they are, their encoding, order and JSON; builders, readers; as messages of queues and pipes. */
#include "api_test.h"

#include "check.h"

#include <math.h>

static const char *last_words(void) {
    static mproc_error_t error;
    CHECK_OK(mproc_last_error(&error, sizeof error));
    return error.message;
}

static int equal(mproc_datum_t a, mproc_datum_t b) {
    int is = -1;
    CHECK_OK(mproc_datum_equal(a, b, &is));
    return is;
}

static int order(mproc_datum_t a, mproc_datum_t b) {
    int is = 7;
    CHECK_OK(mproc_datum_compare(a, b, &is));
    return is;
}

static int is_text(mproc_datum_t d, const char *text) {
    return d.type == MPROC_DATUM_STR && d.len == strlen(text) && memcmp(d.data, text, d.len) == 0;
}

/* What is made is what is said. */
static void made(void) {
    CHECK_INT(MPROC_DATUM_NIL, mproc_datum_nil().type);
    CHECK(mproc_datum_bool(5).type == MPROC_DATUM_BOOL && mproc_datum_bool(5).as.i == 1);
    CHECK_INT(0, mproc_datum_bool(0).as.i);
    CHECK(mproc_datum_int(INT64_MIN).type == MPROC_DATUM_INT && mproc_datum_int(INT64_MIN).as.i == INT64_MIN);
    CHECK(mproc_datum_uint(UINT64_MAX).type == MPROC_DATUM_UINT && mproc_datum_uint(UINT64_MAX).as.u == UINT64_MAX);
    CHECK(mproc_datum_float(0.5).type == MPROC_DATUM_FLOAT && mproc_datum_float(0.5).as.d == 0.5);
    CHECK(is_text(mproc_datum_str("two words"), "two words"));
    CHECK_INT(MPROC_DATUM_NIL, mproc_datum_str(NULL).type);
    CHECK_INT(3, mproc_datum_strn("a\0b", 3).len);
    CHECK(mproc_datum_bytes("\xff", 1).type == MPROC_DATUM_BYTES && mproc_datum_bytes("\xff", 1).len == 1);
    CHECK(mproc_datum_new(MPROC_KIND_LIST).type == MPROC_DATUM_NEW);
    CHECK_INT(MPROC_KIND_LIST, mproc_datum_new(MPROC_KIND_LIST).kind);
    CHECK_INT(MPROC_DATUM_ABSENT, mproc_datum_absent().type);
    CHECK(mproc_datum_ref(MPROC_KIND_QUEUE, "jobs").type == MPROC_DATUM_REF);
    CHECK_INT(MPROC_KIND_QUEUE, mproc_datum_ref(MPROC_KIND_QUEUE, "jobs").kind);
    CHECK_INT(4, mproc_datum_ref(MPROC_KIND_QUEUE, "jobs").len);

    CHECK_INT(MPROC_DATUM_LIST, mproc_datum_packed("\x92\x01\x02", 3).type);
    CHECK_INT(MPROC_DATUM_MAP, mproc_datum_packed("\x80", 1).type);
    CHECK_INT(MPROC_DATUM_INT, mproc_datum_packed("\xd3\0\0\0\0\0\0\0\x05", 9).type);
    CHECK_INT(5, mproc_datum_packed("\xd3\0\0\0\0\0\0\0\x05", 9).as.i);
    CHECK(is_text(mproc_datum_packed("\xa2hi", 3), "hi"));

    CHECK_OK(mproc_datum_check(mproc_datum_nil()));
    CHECK_OK(mproc_datum_check(mproc_datum_strn(NULL, 0)));
    CHECK_OK(mproc_datum_check(mproc_datum_str("gr\xc3\xbc\xc3\x9f")));
    CHECK_OK(mproc_datum_check(mproc_datum_packed("\x92\x01\x02", 3)));
    CHECK_OK(mproc_datum_check(mproc_datum_ref(MPROC_KIND_QUEUE, "jobs")));
    CHECK_OK(mproc_datum_check(mproc_datum_new(MPROC_KIND_NAMESPACE)));
    CHECK_OK(mproc_datum_check(mproc_datum_absent()));
}

/* What is no datum is refused where it is used, and says why. */
static void refused(void) {
    static const struct {
        const char *bytes;
        size_t len;
    } garbage[] = {{"", 0},         {"\xc1", 1},     {"\x91", 1},         {"\x92\x01", 2},          {"\x01\x01", 2},
                   {"\x81\x01", 2}, {"\xa1\xff", 2}, {"\xd4\x05\x01", 3}, {"\xdd\xff\xff\xff\xff", 5}};
    char deep[66], buf[64];
    mproc_datum_t d;
    size_t i, len = 0;
    for (i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        d = mproc_datum_packed(garbage[i].bytes, garbage[i].len);
        CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
        CHECK_IS(MPROC_EINVAL, mproc_datum_encode(d, buf, sizeof buf, &len));
        CHECK_IS(MPROC_EINVAL, mproc_datum_decode(garbage[i].bytes, garbage[i].len, &d));
    }
    memset(deep, 0x91, sizeof deep);
    deep[64] = 0;
    CHECK_OK(mproc_datum_check(mproc_datum_packed(deep, 65)));
    deep[64] = (char)0x91;
    deep[65] = 0;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_packed(deep, 66)));
    CHECK(strstr(last_words(), "deep") != NULL);

    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_str("\xff")));
    CHECK(strstr(last_words(), "UTF-8") != NULL);
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_strn(NULL, 3)));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_packed(NULL, 3)));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_ref(MPROC_KIND_QUEUE, NULL)));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_ref(MPROC_KIND_QUEUE, "not a name")));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_ref(1, "registry")));
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(mproc_datum_new(MPROC_KIND_QUEUE)));
    d = mproc_datum_nil();
    d.type = 12;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
    d.type = -1;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
    d = mproc_datum_bool(1);
    d.as.i = 2;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
    d = mproc_datum_packed("\x80", 1);
    d.type = MPROC_DATUM_LIST;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
    CHECK_IS(MPROC_EINVAL, mproc_datum_encode(mproc_datum_absent(), buf, sizeof buf, &len));
    CHECK_IS(MPROC_EINVAL, mproc_datum_to_json(mproc_datum_new(MPROC_KIND_DICT), 0, buf, sizeof buf, &len));
}

static void encoded(void) {
    char buf[64];
    mproc_datum_t d, again;
    size_t len = 0;

    CHECK_OK(mproc_datum_encode(mproc_datum_int(300), buf, sizeof buf, &len));
    CHECK(len == 3 && memcmp(buf, "\xcd\x01\x2c", 3) == 0);
    CHECK_OK(mproc_datum_encode(mproc_datum_str("ab"), buf, 3, &len));
    CHECK(len == 3 && memcmp(buf, "\xa2" "ab", 3) == 0);
    memset(buf, 7, sizeof buf);
    len = 0;
    CHECK_IS(MPROC_EMSGSIZE, mproc_datum_encode(mproc_datum_str("ab"), buf, 2, &len));
    CHECK(len == 3 && buf[0] == 7);
    CHECK_IS(MPROC_EMSGSIZE, mproc_datum_encode(mproc_datum_nil(), NULL, 0, &len));
    CHECK_INT(1, len);
    /* Not in its one form: 1 in nine bytes, a float in five. */
    CHECK_OK(mproc_datum_encode(mproc_datum_packed("\xdc\0\x02\xcf\0\0\0\0\0\0\0\x01\xca\x3f\x80\0\0", 17), buf,
                                sizeof buf, &len));
    CHECK(len == 11 && memcmp(buf, "\x92\x01\xcb\x3f\xf0\0\0\0\0\0\0", 11) == 0);

    CHECK_OK(mproc_datum_decode(buf, len, &d));
    CHECK(d.type == MPROC_DATUM_LIST && d.data == buf && d.len == len);
    CHECK_OK(mproc_datum_decode("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, &d));
    CHECK(d.type == MPROC_DATUM_UINT && d.as.u == UINT64_MAX);
    CHECK_OK(mproc_datum_decode("\xcf\0\0\0\0\0\0\0\x09", 9, &d));
    CHECK(d.type == MPROC_DATUM_INT && d.as.i == 9);

    /* From a buffer into itself. */
    memcpy(buf, "some text", 9);
    CHECK_OK(mproc_datum_encode(mproc_datum_strn(buf, 9), buf, sizeof buf, &len));
    CHECK_OK(mproc_datum_decode(buf, len, &d));
    CHECK(is_text(d, "some text"));

    CHECK_OK(mproc_datum_encode(mproc_datum_ref(MPROC_KIND_DICT, "d"), buf, sizeof buf, &len));
    CHECK_OK(mproc_datum_decode(buf, len, &d));
    CHECK(d.type == MPROC_DATUM_REF && d.kind == MPROC_KIND_DICT && d.len == 1 && *(const char *)d.data == 'd');

    /* A reference to a container goes through its encoding whole. */
    memset(&d, 0, sizeof d);
    d.type = MPROC_DATUM_REF;
    d.kind = MPROC_KIND_DICT;
    d.as.u = UINT64_MAX - 1;
    d.place = 17;
    d.len = UINT32_MAX;
    CHECK_OK(mproc_datum_encode(d, buf, sizeof buf, &len));
    CHECK_INT(24, len);
    CHECK_OK(mproc_datum_decode(buf, len, &again));
    CHECK(again.type == d.type && again.kind == d.kind && again.as.u == d.as.u && again.place == d.place);
    CHECK(again.len == d.len && again.data == NULL);
    CHECK_INT(1, equal(d, again));
    d.kind = MPROC_KIND_QUEUE;
    CHECK_IS(MPROC_EINVAL, mproc_datum_check(d));
}

static void compared(void) {
    int is = 7;
    CHECK_INT(-1, order(mproc_datum_int(1), mproc_datum_float(1.5)));
    CHECK_INT(0, order(mproc_datum_int(1), mproc_datum_float(1.0)));
    CHECK_INT(1, order(mproc_datum_uint(UINT64_MAX), mproc_datum_int(-1)));
    CHECK_INT(1, order(mproc_datum_int((INT64_C(1) << 53) + 1), mproc_datum_float(9007199254740992.0)));
    CHECK_INT(0, order(mproc_datum_float(NAN), mproc_datum_float(-NAN)));
    CHECK_INT(1, order(mproc_datum_float(NAN), mproc_datum_float(INFINITY)));
    CHECK_INT(-1, order(mproc_datum_str("B"), mproc_datum_str("a")));
    CHECK_INT(1, order(mproc_datum_packed("\x92\x01\x02", 3), mproc_datum_packed("\x92\x01\x01", 3)));
    CHECK_IS(MPROC_ETYPE, mproc_datum_compare(mproc_datum_int(1), mproc_datum_str("1"), &is));
    CHECK_IS(MPROC_ETYPE, mproc_datum_compare(mproc_datum_packed("\x80", 1), mproc_datum_packed("\x80", 1), &is));
    CHECK_IS(MPROC_EINVAL, mproc_datum_compare(mproc_datum_str("\xff"), mproc_datum_str("a"), &is));
    CHECK_INT(7, is);

    CHECK_INT(1, equal(mproc_datum_int(1), mproc_datum_uint(1)));
    CHECK_INT(0, equal(mproc_datum_int(1), mproc_datum_float(1.0)));
    CHECK_INT(0, equal(mproc_datum_int(1), mproc_datum_bool(1)));
    CHECK_INT(0, equal(mproc_datum_float(0.0), mproc_datum_float(-0.0)));
    CHECK_INT(1, equal(mproc_datum_float(NAN), mproc_datum_float(-NAN)));
    CHECK_INT(1, equal(mproc_datum_packed("\x91\xcc\x01", 3), mproc_datum_packed("\x91\x01", 2)));
    CHECK_INT(1, equal(mproc_datum_str("a"), mproc_datum_packed("\xd9\x01" "a", 3)));
    CHECK_INT(0, equal(mproc_datum_absent(), mproc_datum_new(MPROC_KIND_DICT)));
    CHECK_INT(1, equal(mproc_datum_absent(), mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_datum_equal(mproc_datum_str("\xff"), mproc_datum_str("a"), &is));
}

static void json(void) {
    static const char *const same[] = {
        "null", "[1,2.0,-0.0,18446744073709551615,\"\\u0001\\\"\"]", "{\"a\":{\"$bytes\":\"AAH/\"},\"a\":[]}",
        "{\"$map\":[[1,true],[[],{}]]}", "{\"$float\":\"-inf\"}", "{\"$map\":[[\"$bytes\",\"x\"]]}",
        "{\"$ref\":{\"kind\":\"rwlock\",\"name\":\"a.b\"}}"};
    mproc_builder_t *b = NULL;
    char text[64];
    size_t i, len = 0;
    NEED_OK(mproc_builder_create(&b));
    for (i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK_DATUM(same[i], api_datum_of(b, same[i]));
    }
    CHECK_OK(mproc_datum_to_json(api_datum_of(b, "{\"a\":[1,{}]}"), MPROC_JSON_PRETTY, text, sizeof text, &len));
    CHECK(strcmp(text, "{\n  \"a\": [\n    1,\n    {}\n  ]\n}") == 0);
    CHECK_IS(MPROC_EMSGSIZE, mproc_datum_to_json(mproc_datum_bool(1), 0, text, 4, &len)); /* room for the NUL, too */
    CHECK_INT(5, len);
    CHECK_OK(mproc_datum_to_json(mproc_datum_bool(1), 0, text, 5, NULL));
    CHECK(strcmp(text, "true") == 0);
    CHECK_IS(MPROC_EMSGSIZE, mproc_datum_to_json(mproc_datum_nil(), 0, NULL, 0, &len));
    CHECK_INT(5, len);
    CHECK_IS(MPROC_EINVAL, mproc_datum_to_json(mproc_datum_nil(), 2, text, sizeof text, &len));

    CHECK_OK(mproc_builder_reset(b));
    CHECK_OK(mproc_builder_begin_list(b));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add_json(b, "[1,\n 2,]", 8));
    CHECK(strstr(last_words(), "line 2 column 4") != NULL);
    CHECK_IS(MPROC_EINVAL, mproc_builder_add_json(b, "{\"$bytes\":\"?\"}", 14));
    CHECK(strstr(last_words(), "base64") != NULL);
    CHECK_IS(MPROC_EINVAL, mproc_builder_add_json(b, "\"\xff\"", 3));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add_json(b, "1", 2)); /* a NUL is no JSON */
    CHECK_OK(mproc_builder_add_json(b, "12", 1));
    CHECK_OK(mproc_builder_end(b));
    {
        mproc_datum_t d;
        CHECK_OK(mproc_builder_datum(b, &d));
        CHECK_DATUM("[1]", d); /* what was refused has left nothing */
    }
    mproc_builder_close(b);
}

static void built_and_read(void) {
    mproc_builder_t *b = NULL;
    mproc_reader_t outer, inner, still;
    mproc_datum_t d, key, value;
    size_t count = 99;
    int i;
    NEED_OK(mproc_builder_create(&b));
    CHECK_IS(MPROC_EINVAL, mproc_builder_datum(b, &d));
    CHECK_IS(MPROC_EINVAL, mproc_builder_end(b));
    CHECK_OK(mproc_builder_begin_map(b));
    CHECK_OK(mproc_builder_add(b, mproc_datum_str("numbers")));
    CHECK_IS(MPROC_EINVAL, mproc_builder_end(b)); /* a key without a value */
    CHECK_OK(mproc_builder_begin_list(b));
    for (i = 0; i < 1000; i++) {
        CHECK_OK(mproc_builder_add(b, mproc_datum_int(i)));
    }
    CHECK_OK(mproc_builder_end(b));
    CHECK_OK(mproc_builder_add(b, mproc_datum_nil()));
    CHECK_OK(mproc_builder_add(b, mproc_datum_packed("\x81\x01\x02", 3)));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add(b, mproc_datum_new(MPROC_KIND_DICT)));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add(b, mproc_datum_absent()));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add(b, mproc_datum_packed("\x91", 1)));
    CHECK_IS(MPROC_EINVAL, mproc_builder_datum(b, &d));
    CHECK_OK(mproc_builder_end(b));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add(b, mproc_datum_nil())); /* it has its one datum */
    CHECK_OK(mproc_builder_datum(b, &d));
    CHECK_INT(MPROC_DATUM_MAP, d.type);

    CHECK_OK(mproc_reader_init(&outer, d, &count));
    CHECK_INT(2, count);
    CHECK_OK(mproc_reader_next(&outer, &key));
    CHECK(is_text(key, "numbers"));
    CHECK_OK(mproc_reader_next(&outer, &value));
    CHECK_OK(mproc_reader_init(&inner, value, &count));
    CHECK_INT(1000, count);
    for (i = 0; i < 1000; i++) {
        CHECK_OK(mproc_reader_next(&inner, &value));
        CHECK(value.type == MPROC_DATUM_INT && value.as.i == i);
    }
    CHECK_IS(MPROC_END, mproc_reader_next(&inner, &value));
    CHECK_IS(MPROC_END, mproc_reader_next(&inner, &value));
    CHECK_INT(999, value.as.i);
    CHECK_OK(mproc_reader_next(&outer, &key));
    CHECK_INT(MPROC_DATUM_NIL, key.type);
    still = outer;
    CHECK_OK(mproc_reader_next(&outer, &value));
    CHECK(value.type == MPROC_DATUM_MAP && value.len == 3);
    CHECK_IS(MPROC_END, mproc_reader_next(&outer, &value));
    CHECK_OK(mproc_reader_next(&still, &value)); /* a copy goes its own way */
    CHECK_INT(MPROC_DATUM_MAP, value.type);

    CHECK_IS(MPROC_ETYPE, mproc_reader_init(&outer, mproc_datum_int(1), NULL));
    CHECK_IS(MPROC_EINVAL, mproc_reader_init(&outer, mproc_datum_packed("\x92\x01", 2), NULL));
    CHECK_IS(MPROC_EINVAL, mproc_reader_init(&outer, mproc_datum_packed("\x91\x01\x01", 3), NULL));
    CHECK_OK(mproc_reader_init(&outer, mproc_datum_packed("\x90", 1), &count));
    CHECK_INT(0, count);
    CHECK_IS(MPROC_END, mproc_reader_next(&outer, &value));

    CHECK_OK(mproc_builder_reset(b));
    for (i = 0; i < 64; i++) {
        CHECK_OK(mproc_builder_begin_list(b));
    }
    CHECK_IS(MPROC_EINVAL, mproc_builder_begin_list(b));
    CHECK_IS(MPROC_EINVAL, mproc_builder_add(b, mproc_datum_packed("\x90", 1)));
    mproc_builder_close(b);
    mproc_builder_close(NULL);
}

/* Datums from another process; the size that is needed; a message that is none. */
static void in_queues(void) {
    mproc_queue_t *queue = NULL;
    mproc_datum_t d;
    char buf[64], text[530], long_buf[600];
    size_t len;
    pid_t child;
    NEED_OK(mproc_queue_create(NULL, NULL, NULL, &queue));
    child = check_fork();
    if (child == 0) {
        CHECK_OK(mproc_queue_put_datum(queue, mproc_datum_str("hello"), MPROC_FOREVER, NULL));
        CHECK_OK(mproc_queue_put_datum(queue, mproc_datum_float(-0.5), MPROC_FOREVER, NULL));
        CHECK_OK(mproc_queue_put_datum(queue, mproc_datum_packed("\x91\xcc\x01", 3), MPROC_FOREVER, NULL));
        CHECK_OK(mproc_queue_put_datum(queue, mproc_datum_ref(MPROC_KIND_QUEUE, "q"), MPROC_FOREVER, NULL));
        mproc_queue_close(queue);
        check_leave();
    }
    memset(&d, 7, sizeof d);
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_get_datum(queue, buf, 5, &d, MPROC_FOREVER, NULL));
    CHECK(d.len == 6 && d.type == 0x07070707);
    CHECK_OK(mproc_queue_get_datum(queue, buf, 6, &d, MPROC_FOREVER, NULL));
    CHECK(is_text(d, "hello"));
    CHECK_OK(mproc_queue_get_datum(queue, buf, sizeof buf, &d, MPROC_FOREVER, NULL));
    CHECK(d.type == MPROC_DATUM_FLOAT && d.as.d == -0.5);
    CHECK_OK(mproc_queue_get_datum(queue, buf, sizeof buf, &d, MPROC_FOREVER, NULL));
    CHECK(d.type == MPROC_DATUM_LIST && d.len == 2); /* in its one form */
    CHECK_OK(mproc_queue_get_datum(queue, buf, sizeof buf, &d, MPROC_FOREVER, NULL));
    CHECK(d.type == MPROC_DATUM_REF && d.kind == MPROC_KIND_QUEUE && d.len == 1);
    CHECK_CHILD(child);

    memset(text, 'x', sizeof text); /* short and long ones are put together in different places */
    for (len = 500; len < sizeof text; len++) {
        CHECK_OK(mproc_queue_put_datum(queue, mproc_datum_strn(text, len), 0, NULL));
        CHECK_OK(mproc_queue_get_datum(queue, long_buf, sizeof long_buf, &d, 0, NULL));
        CHECK(d.type == MPROC_DATUM_STR && d.len == len && memcmp(d.data, text, len) == 0);
    }
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_datum(queue, mproc_datum_absent(), 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_datum(queue, mproc_datum_packed("\x91", 1), 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get_datum(queue, buf, sizeof buf, &d, 0, NULL));
    CHECK_OK(mproc_queue_put(queue, "\xc1garbage", 8, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_get_datum(queue, buf, sizeof buf, &d, 0, NULL));
    CHECK(d.type == MPROC_DATUM_BYTES && d.len == 8 && memcmp(d.data, "\xc1garbage", 8) == 0); /* nothing is lost */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get_datum(queue, buf, sizeof buf, &d, 0, NULL));
    mproc_queue_close(queue);
}

static void in_pipes(void) {
    mproc_pipe_t *here = NULL, *there = NULL;
    mproc_datum_t d;
    char buf[64];
    NEED_OK(mproc_pipe_create(NULL, NULL, NULL, &here, &there));
    CHECK_OK(mproc_pipe_send_datum(here, mproc_datum_bytes("\0\1", 2), 0, NULL));
    CHECK_OK(mproc_pipe_send_datum(here, mproc_datum_nil(), 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_pipe_send_datum(here, mproc_datum_new(MPROC_KIND_LIST), 0, NULL));
    CHECK_IS(MPROC_EMSGSIZE, mproc_pipe_recv_datum(there, NULL, 0, &d, 0, NULL));
    CHECK_INT(4, d.len);
    CHECK_OK(mproc_pipe_recv_datum(there, buf, sizeof buf, &d, 0, NULL));
    CHECK(d.type == MPROC_DATUM_BYTES && d.len == 2 && memcmp(d.data, "\0\1", 2) == 0);
    CHECK_OK(mproc_pipe_recv_datum(there, buf, sizeof buf, &d, 0, NULL));
    CHECK_INT(MPROC_DATUM_NIL, d.type);
    CHECK_OK(mproc_pipe_send(there, "", 0, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_pipe_recv_datum(here, buf, sizeof buf, &d, 0, NULL));
    CHECK(d.type == MPROC_DATUM_BYTES && d.len == 0);
    mproc_pipe_close(there);
    CHECK_IS(MPROC_EOF, mproc_pipe_recv_datum(here, buf, sizeof buf, &d, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EPIPE, mproc_pipe_send_datum(here, mproc_datum_nil(), MPROC_FOREVER, NULL));
    mproc_pipe_close(here);
}

void api_datum(void) {
    made();
    refused();
    encoded();
    compared();
    json();
    built_and_read();
    in_queues();
    in_pipes();
}
