/* Messages in place, in queues and pipes: reserve, commit, abort; peek, release, putback. */
#include "api_test.h"

#include "check.h"

#include <pthread.h>
#include <stdint.h>

enum { MOMENT = 2000000, LONGER_THAN_NOTICING = 300000000 }; /* nanoseconds */

/* A queue, or a pipe from end 1 to end 0: what they have in common is tested on all of them. */
typedef enum { QUEUE, PIPE, ONEWAY, EXCLUSIVE, KINDS } kind_t;

typedef struct {
    kind_t kind;
    mproc_queue_t *queue;
    mproc_pipe_t *out, *in;
} medium_t;

static medium_t make(kind_t kind, uint64_t capacity) {
    medium_t m;
    memset(&m, 0, sizeof m);
    m.kind = kind;
    if (kind == QUEUE) {
        mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
        options.capacity_bytes = capacity;
        NEED_OK(mproc_queue_create(NULL, NULL, &options, &m.queue));
    } else {
        mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
        options.capacity_bytes = capacity;
        options.flags = kind == ONEWAY ? MPROC_PIPE_ONEWAY : kind == EXCLUSIVE ? MPROC_PIPE_EXCLUSIVE : 0;
        NEED_OK(mproc_pipe_create(NULL, NULL, &options, &m.in, &m.out));
    }
    return m;
}

static void close_medium(medium_t m) {
    mproc_queue_close(m.queue);
    mproc_pipe_close(m.out);
    mproc_pipe_close(m.in);
}

/* Handles of their own on the same object. */
static medium_t again(medium_t m) {
    mproc_handle_t *handle = NULL;
    medium_t other;
    memset(&other, 0, sizeof other);
    other.kind = m.kind;
    if (m.queue != NULL) {
        NEED_OK(mproc_queue_export(m.queue, &handle));
        NEED_OK(mproc_queue_import(handle, NULL, &other.queue));
    } else {
        NEED_OK(mproc_pipe_export(m.out, &handle));
        NEED_OK(mproc_pipe_import(handle, NULL, &other.out));
        mproc_handle_close(handle);
        NEED_OK(mproc_pipe_export(m.in, &handle));
        NEED_OK(mproc_pipe_import(handle, NULL, &other.in));
    }
    mproc_handle_close(handle);
    return other;
}

static int put(medium_t m, const void *data, size_t len, int64_t timeout_ns) {
    return m.queue != NULL ? mproc_queue_put(m.queue, data, len, timeout_ns, NULL)
                           : mproc_pipe_send(m.out, data, len, timeout_ns, NULL);
}

static int get(medium_t m, void *buf, size_t cap, size_t *len, int64_t timeout_ns) {
    return m.queue != NULL ? mproc_queue_get(m.queue, buf, cap, len, timeout_ns, NULL)
                           : mproc_pipe_recv(m.in, buf, cap, len, timeout_ns, NULL);
}

static int reserve(medium_t m, size_t len, mproc_view_t *view, int64_t timeout_ns) {
    return m.queue != NULL ? mproc_queue_reserve(m.queue, len, view, timeout_ns, NULL)
                           : mproc_pipe_reserve(m.out, len, view, timeout_ns, NULL);
}

static int commit(medium_t m, uint64_t id, size_t len) {
    return m.queue != NULL ? mproc_queue_commit(m.queue, id, len) : mproc_pipe_commit(m.out, id, len);
}

static int give_up(medium_t m, uint64_t id) {
    return m.queue != NULL ? mproc_queue_abort(m.queue, id) : mproc_pipe_abort(m.out, id);
}

static int peek(medium_t m, mproc_view_t *view, int64_t timeout_ns) {
    return m.queue != NULL ? mproc_queue_peek(m.queue, view, timeout_ns, NULL)
                           : mproc_pipe_peek(m.in, view, timeout_ns, NULL);
}

static int release(medium_t m, uint64_t id) {
    return m.queue != NULL ? mproc_queue_release(m.queue, id) : mproc_pipe_release(m.in, id);
}

static int putback(medium_t m, uint64_t id) {
    return m.queue != NULL ? mproc_queue_putback(m.queue, id) : mproc_pipe_putback(m.in, id);
}

static size_t max_message(medium_t m) {
    mproc_queue_info_t queue;
    mproc_pipe_info_t pipe;
    if (m.queue != NULL) {
        CHECK_OK(mproc_queue_info(m.queue, &queue, sizeof queue));
        return (size_t)queue.max_message;
    }
    CHECK_OK(mproc_pipe_info(m.out, &pipe, sizeof pipe));
    return (size_t)pipe.max_message;
}

/* Reserves room and writes a text there. */
static mproc_view_t write_in_place(medium_t m, const char *text) {
    mproc_view_t view = {NULL, 0, 0};
    NEED_OK(reserve(m, strlen(text), &view, 0));
    CHECK_INT(strlen(text), view.len);
    CHECK_INT(0, (uintptr_t)view.data % 8);
    memcpy(view.data, text, strlen(text));
    return view;
}

/* Bytes that should be a text; says what they are instead. */
static void check_text(const char *text, const void *bytes, size_t len) {
    int same = len == strlen(text) && memcmp(bytes, text, len) == 0;
    CHECK(same);
    if (!same) {
        fprintf(stderr, "    expected \"%s\", got %zu bytes: \"%.*s\"\n", text, len, len < 40 ? (int)len : 40,
                (const char *)bytes);
    }
}

static void check_view(const mproc_view_t *view, const char *text) {
    check_text(text, view->data, view->len);
    CHECK_INT(0, (uintptr_t)view->data % 8);
}

/* The next message is this text: read in place, with that status, and held. */
static mproc_view_t check_peek(medium_t m, int status, const char *text, int64_t timeout_ns) {
    mproc_view_t view = {NULL, 0, 0};
    CHECK_IS(status, peek(m, &view, timeout_ns));
    check_view(&view, text);
    return view;
}

/* The next message is this text: a plain copy, taken. */
static void check_next(medium_t m, const char *text, int64_t timeout_ns) {
    char buf[64] = "";
    size_t len = 0;
    CHECK_OK(get(m, buf, sizeof buf, &len, timeout_ns));
    check_text(text, buf, len);
}

static void check_none(medium_t m) {
    mproc_view_t view;
    char buf[64];
    size_t len;
    memset(&view, '#', sizeof view);
    CHECK_IS(MPROC_ETIMEDOUT, get(m, buf, sizeof buf, &len, 0));
    CHECK_IS(MPROC_ETIMEDOUT, peek(m, &view, 0));
    CHECK(*(unsigned char *)&view.id == '#');
}

/* In an exclusive pipe what a dead sender had reserved is free when its receiver has looked. */
static void receiver_looks(medium_t m) {
    if (m.kind == EXCLUSIVE) {
        check_none(m);
    }
}

static void there_and_back(kind_t kind) {
    medium_t m = make(kind, 0);
    mproc_view_t view, empty;

    check_none(m);
    view = write_in_place(m, "written in place");
    check_none(m); /* not yet */
    CHECK_OK(commit(m, view.id, view.len));
    view = check_peek(m, MPROC_OK, "written in place", 0);
    check_none(m); /* it is held: others go on behind it */
    CHECK_OK(release(m, view.id));
    check_none(m);

    /* Each way in with each way out. */
    view = write_in_place(m, "copied out");
    CHECK_OK(commit(m, view.id, view.len));
    check_next(m, "copied out", MPROC_FOREVER);
    CHECK_OK(put(m, "copied in", 9, 0));
    view = check_peek(m, MPROC_OK, "copied in", MPROC_FOREVER);
    CHECK_OK(release(m, view.id));

    /* Shorter than reserved, down to nothing; longer is refused and changes nothing. */
    view = write_in_place(m, "a long reservation");
    CHECK_IS(MPROC_ERANGE, commit(m, view.id, view.len + 1));
    CHECK_IS(MPROC_ERANGE, commit(m, view.id, SIZE_MAX));
    check_none(m);
    CHECK_OK(commit(m, view.id, 6));
    check_next(m, "a long", 0);
    view = write_in_place(m, "vanishes");
    CHECK_OK(commit(m, view.id, 0));
    CHECK_OK(reserve(m, 0, &empty, 0));
    CHECK_INT(0, empty.len);
    CHECK_IS(MPROC_ERANGE, commit(m, empty.id, 1));
    CHECK_OK(commit(m, empty.id, 0));
    CHECK_OK(put(m, "behind", 6, 0));
    check_next(m, "", 0);
    view = check_peek(m, MPROC_OK, "", 0);
    CHECK_OK(release(m, view.id));
    check_next(m, "behind", 0);
    check_none(m);

    view = write_in_place(m, "never mind");
    CHECK_OK(give_up(m, view.id));
    check_none(m);
    CHECK_OK(put(m, "next", 4, 0));
    check_next(m, "next", 0);
    close_medium(m);
}

/* An id is good for one thing, once, on the handle it came from. */
static void wrong_ids(kind_t kind) {
    medium_t m = make(kind, 0), other = again(m);
    mproc_view_t reserved, held;
    static const uint64_t never[] = {0, 1, 4711, (uint64_t)1 << 40, UINT64_MAX};
    size_t i;

    for (i = 0; i < sizeof never / sizeof *never; i++) {
        CHECK_IS(MPROC_EPERM, commit(m, never[i], 0));
        CHECK_IS(MPROC_EPERM, give_up(m, never[i]));
        CHECK_IS(MPROC_EPERM, release(m, never[i]));
        CHECK_IS(MPROC_EPERM, putback(m, never[i]));
    }
    CHECK_OK(put(m, "held", 4, 0));
    held = check_peek(m, MPROC_OK, "held", 0);
    reserved = write_in_place(m, "reserved");

    CHECK_IS(MPROC_EPERM, commit(other, reserved.id, 1)); /* another handle */
    CHECK_IS(MPROC_EPERM, give_up(other, reserved.id));
    CHECK_IS(MPROC_EPERM, release(other, held.id));
    CHECK_IS(MPROC_EPERM, putback(other, held.id));
    CHECK_IS(MPROC_EPERM, commit(m, held.id, 1)); /* another use */
    CHECK_IS(MPROC_EPERM, give_up(m, held.id));
    CHECK_IS(MPROC_EPERM, release(m, reserved.id));
    CHECK_IS(MPROC_EPERM, putback(m, reserved.id));
    check_view(&held, "held"); /* none of these did anything */
    CHECK_OK(commit(m, reserved.id, reserved.len));
    CHECK_IS(MPROC_EPERM, commit(m, reserved.id, reserved.len)); /* once more */
    CHECK_IS(MPROC_EPERM, give_up(m, reserved.id));
    CHECK_OK(release(m, held.id));
    CHECK_IS(MPROC_EPERM, release(m, held.id));
    CHECK_IS(MPROC_EPERM, putback(m, held.id));
    check_next(m, "reserved", 0);

    reserved = write_in_place(m, "given up");
    CHECK_OK(give_up(m, reserved.id));
    CHECK_IS(MPROC_EPERM, give_up(m, reserved.id));
    CHECK_IS(MPROC_EPERM, commit(m, reserved.id, 1));
    CHECK_OK(put(m, "back", 4, 0));
    held = check_peek(m, MPROC_OK, "back", 0);
    CHECK_OK(putback(m, held.id));
    CHECK_IS(MPROC_EPERM, putback(m, held.id));
    CHECK_IS(MPROC_EPERM, release(m, held.id));

    /* Taken again, by the other: still not ours. */
    held = check_peek(other, MPROC_RECOVERED, "back", 0);
    CHECK_IS(MPROC_EPERM, release(m, held.id));
    reserved = write_in_place(other, "x");
    close_medium(other);
    CHECK_IS(MPROC_EPERM, release(m, held.id)); /* nor after its handle is closed */
    CHECK_IS(MPROC_EPERM, commit(m, reserved.id, 1));
    other = again(m);
    CHECK_IS(MPROC_EPERM, release(other, held.id)); /* nor a new handle's */
    CHECK_IS(MPROC_EPERM, putback(other, held.id));
    CHECK_IS(MPROC_EPERM, commit(other, reserved.id, 1));
    CHECK_IS(MPROC_EPERM, give_up(other, reserved.id));
    check_next(other, "back", 0);
    check_none(m);
    close_medium(other);
    close_medium(m);
}

/* As long as the ring allows, and not a byte more; reservations and held messages take room. */
static void room(kind_t kind) {
    medium_t m = make(kind, 4096);
    size_t most = max_message(m), i;
    mproc_view_t view, held;
    char buf[4096];
    size_t len = 0;

    memset(&view, '#', sizeof view);
    CHECK_IS(MPROC_E2BIG, reserve(m, most + 1, &view, MPROC_FOREVER));
    CHECK_IS(MPROC_E2BIG, reserve(m, (size_t)1 << 30, &view, 0));
    CHECK_IS(MPROC_E2BIG, reserve(m, SIZE_MAX, &view, 0));
    CHECK(*(unsigned char *)&view.id == '#'); /* outputs are untouched on failure */

    for (i = 0; i < 5; i++) { /* at any place in the ring */
        CHECK_OK(reserve(m, most, &view, 0));
        CHECK_INT(most, view.len);
        CHECK_IS(MPROC_ETIMEDOUT, put(m, NULL, 0, 0));
        CHECK_IS(MPROC_ETIMEDOUT, put(m, "x", 1, MOMENT));
        CHECK_IS(MPROC_ETIMEDOUT, reserve(m, 0, &held, 0));
        CHECK_IS(MPROC_ETIMEDOUT, reserve(m, 1, &held, MOMENT));
        memset(view.data, 'a' + (int)i, most);
        CHECK_OK(commit(m, view.id, most));
        CHECK_OK(peek(m, &view, 0));
        CHECK_INT(most, view.len);
        CHECK(((char *)view.data)[0] == 'a' + (int)i && ((char *)view.data)[most - 1] == 'a' + (int)i);
        CHECK(memcmp(view.data, (char *)view.data + 1, most - 1) == 0);
        CHECK_IS(MPROC_ETIMEDOUT, put(m, NULL, 0, 0)); /* read in place: it still has its room */
        CHECK_OK(release(m, view.id));
        CHECK_OK(put(m, "shift the beginning", 19, 0));
        check_next(m, "shift the beginning", 0);
        CHECK_OK(reserve(m, most, &view, 0)); /* given up: its room is free at once */
        CHECK_OK(give_up(m, view.id));
        CHECK_OK(reserve(m, most, &view, 0)); /* used only in part: free once it was taken */
        memcpy(view.data, "short", 5);
        CHECK_OK(commit(m, view.id, 5));
        check_next(m, "short", 0);
        CHECK_OK(put(m, "next round", 10, 0));
        check_next(m, "next round", 0);
        CHECK_OK(reserve(m, most, &view, 0)); /* read in place, too */
        memcpy(view.data, "short", 5);
        CHECK_OK(commit(m, view.id, 5));
        held = check_peek(m, MPROC_OK, "short", 0);
        CHECK_OK(release(m, held.id));
        CHECK_OK(put(m, "and round", 9, 0));
        check_next(m, "and round", 0);
    }

    /* What is behind a held message has to wait for its room, but can be taken. */
    memset(buf, 'b', sizeof buf);
    CHECK_OK(put(m, "front", 5, 0));
    CHECK_OK(put(m, buf, 2000, 0));
    held = check_peek(m, MPROC_OK, "front", 0);
    CHECK_OK(get(m, buf, sizeof buf, &len, 0));
    CHECK_INT(2000, len);
    CHECK_IS(MPROC_ETIMEDOUT, put(m, buf, 3000, 0));
    CHECK_OK(put(m, "small", 5, 0));
    check_view(&held, "front");
    CHECK_OK(release(m, held.id));
    check_next(m, "small", 0);
    CHECK_OK(put(m, buf, most, 0)); /* all of it is free */
    CHECK_OK(get(m, buf, sizeof buf, &len, 0));
    CHECK_INT(most, len);
    close_medium(m);
}

/* A consumer copies with a buffer that is too small: the message stays, with its past. */
static void too_small_a_buffer(kind_t kind) {
    medium_t m = make(kind, 0);
    mproc_view_t view = write_in_place(m, "0123456789");
    char buf[4];
    size_t len = 0;

    CHECK_OK(commit(m, view.id, view.len));
    CHECK_OK(put(m, "next", 4, 0));
    CHECK_IS(MPROC_EMSGSIZE, get(m, buf, sizeof buf, &len, 0));
    CHECK_INT(10, len);
    view = check_peek(m, MPROC_OK, "0123456789", 0);
    CHECK_OK(putback(m, view.id));
    len = 0;
    CHECK_IS(MPROC_EMSGSIZE, get(m, buf, sizeof buf, &len, 0));
    CHECK_INT(10, len);
    view = check_peek(m, MPROC_RECOVERED, "0123456789", 0);
    CHECK_OK(release(m, view.id));
    check_next(m, "next", 0);
    close_medium(m);
}

/* Messages that were put back come first, in their old order, with the news; a plain get does not tell. */
static void put_back(kind_t kind) {
    medium_t m = make(kind, 0);
    mproc_view_t a, b, c;
    int reversed;

    for (reversed = 0; reversed < 2; reversed++) {
        CHECK_OK(put(m, "a", 1, 0));
        CHECK_OK(put(m, "b", 1, 0));
        CHECK_OK(put(m, "c", 1, 0));
        a = check_peek(m, MPROC_OK, "a", 0);
        b = check_peek(m, MPROC_OK, "b", 0);
        CHECK_OK(putback(m, reversed ? b.id : a.id));
        CHECK_OK(putback(m, reversed ? a.id : b.id));
        a = check_peek(m, MPROC_RECOVERED, "a", 0);
        b = check_peek(m, MPROC_RECOVERED, "b", 0);
        c = check_peek(m, MPROC_OK, "c", 0);
        CHECK_OK(release(m, c.id)); /* released in any order */
        CHECK_OK(putback(m, b.id));
        CHECK_OK(release(m, a.id));
        check_next(m, "b", 0);
        check_none(m);
    }
    CHECK_OK(put(m, "older", 5, 0));
    a = check_peek(m, MPROC_OK, "older", 0);
    CHECK_OK(put(m, "newer", 5, 0));
    CHECK_OK(putback(m, a.id));
    check_next(m, "older", 0);
    check_next(m, "newer", 0);
    close_medium(m);
}

/* Several reservations of one handle, round and round a small ring; what arrives is what was written. */
static void around_the_ring(kind_t kind) {
    enum { ROUNDS = 5000, LONGEST = 300 };
    medium_t m = make(kind, 4096);
    uint32_t seed = 7, next = 0, expected = 0;
    mproc_view_t views[3], view;
    size_t wrong = 0, i, k;

    while (next < ROUNDS && wrong == 0) {
        size_t count = 1 + (seed >> 20) % 3;
        for (i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            wrong += reserve(m, 4 + (seed >> 16) % LONGEST, &views[i], 0) != MPROC_OK;
        }
        for (k = 0; k < count && wrong == 0; k++) { /* committed in any order: that of the reservations counts */
            size_t which = seed & 256 ? count - 1 - k : k, j;
            uint32_t number = next + (uint32_t)which;
            size_t len = 4 + (views[which].len - 4) / (1 + number % 3);
            unsigned char *bytes = views[which].data;
            memcpy(bytes, &number, 4);
            for (j = 4; j < len; j++) {
                bytes[j] = (unsigned char)(number + j);
            }
            wrong += commit(m, views[which].id, len) != MPROC_OK;
        }
        next += (uint32_t)count;
        for (i = 0; i < count && wrong == 0; i++) {
            const unsigned char *bytes;
            uint32_t number = UINT32_MAX;
            size_t j;
            wrong += peek(m, &view, 0) != MPROC_OK;
            bytes = view.data;
            memcpy(&number, bytes, 4);
            wrong += number != expected++;
            for (j = 4; j < view.len; j++) {
                wrong += bytes[j] != (unsigned char)(number + j);
            }
            wrong += release(m, view.id) != MPROC_OK;
        }
    }
    CHECK_INT(0, wrong);
    CHECK_INT(next, expected);
    CHECK(next >= ROUNDS);
    check_none(m);
    close_medium(m);
}

/* A queue passes an open reservation; a message that is committed later stands where it was reserved. */
static void order_in_a_queue(void) {
    medium_t m = make(QUEUE, 0);
    mproc_view_t first = write_in_place(m, "first"), third;

    CHECK_OK(put(m, "second", 6, 0));
    third = write_in_place(m, "third");
    CHECK_OK(put(m, "fourth", 6, 0));
    check_next(m, "second", 0);
    CHECK_OK(commit(m, third.id, third.len));
    CHECK_OK(commit(m, first.id, first.len));
    CHECK_OK(put(m, "fifth", 5, 0));
    check_next(m, "first", 0);
    check_next(m, "third", 0);
    check_next(m, "fourth", 0);
    check_next(m, "fifth", 0);
    check_none(m);
    close_medium(m);
}

/* A pipe keeps the order of the reservations: one that is open holds up what was sent after it. */
static void order_in_a_pipe(kind_t kind) {
    medium_t m = make(kind, 0);
    mproc_view_t first = write_in_place(m, "first"), second, third;

    second = write_in_place(m, "second");
    third = write_in_place(m, "third");
    CHECK_OK(put(m, "fourth", 6, 0));
    check_none(m);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_pipe_poll(m.in, 0, NULL));
    CHECK_OK(commit(m, second.id, second.len));
    check_none(m);
    CHECK_OK(commit(m, first.id, first.len));
    CHECK_OK(mproc_pipe_poll(m.in, 0, NULL));
    check_next(m, "first", 0);
    check_next(m, "second", 0);
    check_none(m);
    CHECK_OK(give_up(m, third.id));
    check_next(m, "fourth", 0);
    check_none(m);
    close_medium(m);
}

/* A reservation counts against the bound on items; what is held does not. */
static void bounded_by_items(void) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_view_t reserved, held;
    medium_t m;
    int full = -1;

    memset(&m, 0, sizeof m);
    options.max_items = 2;
    NEED_OK(mproc_queue_create(NULL, NULL, &options, &m.queue));
    reserved = write_in_place(m, "reserved");
    CHECK_OK(put(m, "put", 3, 0));
    CHECK_IS(MPROC_ETIMEDOUT, put(m, "x", 1, 0));
    CHECK_IS(MPROC_ETIMEDOUT, reserve(m, 1, &held, 0));
    CHECK_OK(mproc_queue_full(m.queue, &full));
    CHECK_INT(1, full);
    CHECK_OK(give_up(m, reserved.id));
    CHECK_OK(put(m, "another", 7, 0));
    CHECK_IS(MPROC_ETIMEDOUT, put(m, "x", 1, 0));
    held = check_peek(m, MPROC_OK, "put", 0);
    CHECK_OK(put(m, "third", 5, 0));
    CHECK_IS(MPROC_ETIMEDOUT, put(m, "x", 1, 0));
    CHECK_OK(release(m, held.id));
    check_next(m, "another", 0);
    check_next(m, "third", 0);
    close_medium(m);
}

/* What the numbers count while messages are reserved, inside, and held. */
static void counts(void) {
    medium_t m = make(QUEUE, 4096), pipe = make(PIPE, 4096);
    mproc_queue_info_t info;
    mproc_pipe_info_t end;
    mproc_view_t one, two, held;
    size_t items = 99;
    int answer = -1;

    one = write_in_place(m, "one");
    two = write_in_place(m, "two");
    CHECK_OK(mproc_queue_info(m.queue, &info, sizeof info));
    CHECK_INT(2, info.reserved);
    CHECK_INT(0, info.held);
    CHECK_INT(0, info.items);
    CHECK(info.used_bytes >= 2 * 16);
    CHECK_OK(mproc_queue_size(m.queue, &items));
    CHECK_INT(0, items);
    CHECK_OK(mproc_queue_empty(m.queue, &answer));
    CHECK_INT(1, answer);
    CHECK_OK(commit(m, two.id, two.len));
    CHECK_OK(mproc_queue_empty(m.queue, &answer));
    CHECK_INT(0, answer);
    CHECK_OK(commit(m, one.id, one.len));
    held = check_peek(m, MPROC_OK, "one", 0);
    CHECK_OK(mproc_queue_info(m.queue, &info, sizeof info));
    CHECK_INT(0, info.reserved);
    CHECK_INT(1, info.held);
    CHECK_INT(1, info.items);
    CHECK_OK(mproc_queue_size(m.queue, &items));
    CHECK_INT(1, items);
    CHECK_OK(putback(m, held.id));
    CHECK_OK(mproc_queue_info(m.queue, &info, sizeof info));
    CHECK_INT(0, info.held);
    CHECK_INT(2, info.items);
    held = check_peek(m, MPROC_RECOVERED, "one", 0);
    CHECK_OK(release(m, held.id));
    check_next(m, "two", 0);
    one = write_in_place(m, "gone");
    CHECK_OK(give_up(m, one.id));
    CHECK_OK(mproc_queue_info(m.queue, &info, sizeof info));
    CHECK_INT(0, info.reserved);
    CHECK_INT(0, info.held);
    CHECK_INT(0, info.items);
    CHECK_OK(reserve(m, max_message(m), &one, 0)); /* full, and yet nothing can be taken */
    CHECK_OK(mproc_queue_full(m.queue, &answer));
    CHECK_INT(1, answer);
    CHECK_OK(mproc_queue_empty(m.queue, &answer));
    CHECK_INT(1, answer);
    CHECK_OK(give_up(m, one.id));
    CHECK_OK(mproc_queue_full(m.queue, &answer));
    CHECK_INT(0, answer);
    close_medium(m);

    one = write_in_place(pipe, "one");
    CHECK_OK(mproc_pipe_info(pipe.in, &end, sizeof end));
    CHECK_INT(0, end.incoming);
    two = write_in_place(pipe, "two");
    held = write_in_place(pipe, "three");
    CHECK_OK(give_up(pipe, held.id)); /* the last ones first: one is still open */
    CHECK_OK(give_up(pipe, two.id));
    CHECK_OK(mproc_pipe_info(pipe.in, &end, sizeof end));
    CHECK_INT(0, end.incoming);
    CHECK_OK(commit(pipe, one.id, one.len));
    CHECK_OK(put(pipe, "two", 3, 0));
    CHECK_OK(mproc_pipe_info(pipe.in, &end, sizeof end));
    CHECK_INT(2, end.incoming);
    held = check_peek(pipe, MPROC_OK, "one", 0);
    CHECK_OK(mproc_pipe_info(pipe.out, &end, sizeof end));
    CHECK_INT(1, end.outgoing);
    CHECK_OK(putback(pipe, held.id));
    CHECK_OK(mproc_pipe_info(pipe.in, &end, sizeof end));
    CHECK_INT(2, end.incoming);
    close_medium(pipe);
}

/* ---- random operations against a model ---- */

enum { MOST_ITEMS = 600, MOST_OPEN = 6, LONGEST_RANDOM = 1200 };

typedef struct {
    uint32_t number;
    size_t len;
    enum { RESERVED, READY, HELD } state;
    int back;   /* somebody had it before */
    int handle; /* of what is open: through which */
    mproc_view_t view;
} item_t;

typedef struct {
    medium_t handles[2];
    item_t items[MOST_ITEMS]; /* in the order in which they were put or reserved */
    size_t count;
    size_t wrong;
    uint32_t seed, next_number, longest;
} model_t;

static uint32_t random_below(model_t *m, uint32_t bound) {
    m->seed = m->seed * 1664525u + 1013904223u;
    return (m->seed >> 8) % bound;
}

static void remove_item(model_t *m, size_t i) {
    memmove(&m->items[i], &m->items[i + 1], (--m->count - i) * sizeof *m->items);
}

/* An item in that state, from a random one on; or count. */
static size_t some_item(model_t *m, int state) {
    size_t k, start = m->count == 0 ? 0 : random_below(m, (uint32_t)m->count);
    for (k = 0; k < m->count; k++) {
        size_t i = (start + k) % m->count;
        if ((int)m->items[i].state == state) {
            return i;
        }
    }
    return m->count;
}

/* What has to be delivered next, or count. */
static size_t next_item(const model_t *m) {
    size_t i;
    for (i = 0; i < m->count && m->items[i].state != READY; i++) {
        if (m->items[i].state == RESERVED && m->handles[0].kind != QUEUE) {
            return m->count; /* it holds up what is behind it */
        }
    }
    return i;
}

static size_t count_items(const model_t *m, int state) {
    size_t i, n = 0;
    for (i = 0; i < m->count; i++) {
        n += (int)m->items[i].state == state;
    }
    return n;
}

static void write_pattern(unsigned char *bytes, uint32_t number, size_t len) {
    size_t i;
    for (i = 0; i < len; i++) {
        bytes[i] = (unsigned char)(number * 31 + i);
    }
}

static size_t check_pattern(const unsigned char *bytes, const item_t *item, size_t len) {
    size_t i, wrong = len != item->len;
    for (i = 0; i < len && wrong == 0; i++) {
        wrong += bytes[i] != (unsigned char)(item->number * 31 + i);
    }
    return wrong;
}

static void produce(model_t *m, int by_copy) {
    unsigned char bytes[LONGEST_RANDOM];
    item_t *item = &m->items[m->count];
    int status;
    if (m->count == MOST_ITEMS || (!by_copy && count_items(m, RESERVED) >= MOST_OPEN)) {
        return;
    }
    memset(item, 0, sizeof *item);
    item->number = m->next_number;
    item->len = random_below(m, m->longest);
    item->handle = (int)random_below(m, 2);
    if (by_copy) {
        write_pattern(bytes, item->number, item->len);
        item->state = READY;
        status = put(m->handles[item->handle], bytes, item->len, m->count == 0 ? MPROC_FOREVER : 0);
    } else {
        item->state = RESERVED;
        status = reserve(m->handles[item->handle], item->len, &item->view, m->count == 0 ? MPROC_FOREVER : 0);
        m->wrong += status == MPROC_OK && item->view.len != item->len;
    }
    if (status == MPROC_OK) {
        m->count++;
        m->next_number++;
    } else {
        m->wrong += status != MPROC_ETIMEDOUT || m->count == 0;
    }
}

static void consume(model_t *m, int by_copy) {
    unsigned char bytes[LONGEST_RANDOM];
    size_t i = next_item(m), len = 0;
    item_t *item = &m->items[i];
    int handle = (int)random_below(m, 2), status;
    mproc_view_t view;
    if (!by_copy && count_items(m, HELD) >= MOST_OPEN) {
        return;
    }
    if (by_copy) {
        status = get(m->handles[handle], bytes, sizeof bytes, &len, 0);
    } else {
        status = peek(m->handles[handle], &view, 0);
    }
    if (i == m->count) {
        m->wrong += status != MPROC_ETIMEDOUT;
    } else if (by_copy) {
        m->wrong += status != MPROC_OK || check_pattern(bytes, item, len);
        remove_item(m, i);
    } else {
        m->wrong += status != (item->back ? MPROC_RECOVERED : MPROC_OK) || check_pattern(view.data, item, view.len);
        item->state = HELD;
        item->handle = handle;
        item->view = view;
    }
}

/* Batches of a queue: in the midst of what is reserved and held, too. */
static void produce_many(model_t *m) {
    enum { BATCH = 3 };
    unsigned char bytes[BATCH][LONGEST_RANDOM];
    mproc_message_t messages[BATCH];
    size_t done = 99, i;
    int status;
    if (m->count + BATCH > MOST_ITEMS) {
        return;
    }
    for (i = 0; i < BATCH; i++) {
        item_t *item = &m->items[m->count + i];
        memset(item, 0, sizeof *item);
        item->number = m->next_number + (uint32_t)i;
        item->len = random_below(m, m->longest);
        item->state = READY;
        write_pattern(bytes[i], item->number, item->len);
        messages[i].data = bytes[i];
        messages[i].len = item->len;
    }
    status = mproc_queue_put_many(m->handles[0].queue, messages, BATCH, &done, 0, NULL);
    m->wrong += done > BATCH || status != (done == BATCH ? MPROC_OK : MPROC_ETIMEDOUT);
    m->count += done;
    m->next_number += (uint32_t)done;
}

static void consume_many(model_t *m) {
    enum { BATCH = 4 };
    static unsigned char bytes[BATCH * LONGEST_RANDOM];
    size_t lens[BATCH], count = 0, at = 0, i, next = next_item(m);
    int status = mproc_queue_get_many(m->handles[0].queue, bytes, sizeof bytes, lens, BATCH, &count, 0, NULL);
    m->wrong += status != (next == m->count ? MPROC_ETIMEDOUT : MPROC_OK) || (status == MPROC_OK) != (count > 0);
    for (i = 0; i < count && m->wrong == 0; i++) {
        next = next_item(m);
        m->wrong += next == m->count || check_pattern(bytes + at, &m->items[next], lens[i]);
        if (m->wrong == 0) {
            remove_item(m, next);
        }
        at += (lens[i] + 7) / 8 * 8;
    }
}

/* Ends something that is open: a reservation by commit or abort, a hold by release or putback. */
static void finish(model_t *m, int state, int for_good) {
    size_t i = some_item(m, state);
    item_t *item = &m->items[i];
    medium_t handle;
    if (i == m->count) {
        return;
    }
    handle = m->handles[item->handle];
    if (state == HELD) {
        m->wrong += check_pattern(item->view.data, item, item->view.len);
        m->wrong += (for_good ? release(handle, item->view.id) : putback(handle, item->view.id)) != MPROC_OK;
        item->back = 1;
    } else if (for_good) {
        m->wrong += give_up(handle, item->view.id) != MPROC_OK;
    } else {
        item->len = random_below(m, 3) == 0 ? item->len : random_below(m, (uint32_t)item->len + 1);
        write_pattern(item->view.data, item->number, item->len);
        m->wrong += commit(handle, item->view.id, item->len) != MPROC_OK;
    }
    if (for_good) {
        remove_item(m, i);
    } else {
        item->state = READY;
    }
}

static void reopen(model_t *m) {
    size_t i;
    close_medium(m->handles[1]);
    m->handles[1] = again(m->handles[0]);
    for (i = 0; i < m->count; i++) {
        item_t *item = &m->items[i];
        if (item->state == READY || item->handle != 1) {
            continue;
        }
        if (item->state == HELD) {
            item->state = READY;
            item->back = 1;
        } else {
            remove_item(m, i--);
        }
    }
}

static void compare_counts(model_t *m) {
    mproc_queue_info_t queue;
    mproc_pipe_info_t in, out;
    if (m->handles[0].queue != NULL) {
        m->wrong += mproc_queue_info(m->handles[0].queue, &queue, sizeof queue) != MPROC_OK;
        m->wrong += queue.items != count_items(m, READY) || queue.held != count_items(m, HELD) ||
                    queue.reserved != count_items(m, RESERVED) || queue.used_bytes > queue.capacity_bytes;
    } else if (m->handles[0].kind != EXCLUSIVE) { /* whose numbers cannot be had at one moment */
        m->wrong += mproc_pipe_info(m->handles[0].in, &in, sizeof in) != MPROC_OK;
        m->wrong += mproc_pipe_info(m->handles[0].out, &out, sizeof out) != MPROC_OK;
        m->wrong += in.incoming != count_items(m, READY) || out.outgoing != in.incoming;
    }
}

static void random_operations(kind_t kind, uint32_t longest) {
    enum { STEPS = 20000 };
    model_t *m = calloc(1, sizeof *m);
    int step;

    m->seed = longest + (uint32_t)kind;
    m->longest = longest;
    m->handles[0] = make(kind, 4096);
    m->handles[1] = again(m->handles[0]);
    for (step = 0; step < STEPS && m->wrong == 0; step++) {
        int hungry = step / 500 % 2; /* by turns it fills and it empties */
        switch (random_below(m, 16)) {
        case 0:
        case 1: produce(m, 1); break;
        case 2: produce(m, 0); break;
        case 3: produce(m, hungry ? 0 : 1); break;
        case 4: finish(m, RESERVED, 0); break;
        case 5: finish(m, RESERVED, random_below(m, 2) != 0); break;
        case 6: consume(m, 1); break;
        case 7:
        case 8: consume(m, 0); break;
        case 9: finish(m, HELD, 0); break;
        case 10: finish(m, HELD, 1); break;
        case 11: compare_counts(m); break;
        case 13:
            if (kind == QUEUE) {
                produce_many(m);
                consume_many(m);
            }
            break;
        case 12:
            if (random_below(m, 20) == 0) {
                reopen(m);
            }
            break;
        default:
            if (hungry) {
                consume(m, 1);
                finish(m, HELD, 1);
            } else {
                produce(m, 1);
            }
            break;
        }
    }
    CHECK_INT(0, m->wrong);
    CHECK_INT(STEPS, step);
    CHECK(m->next_number > 1000);
    while (m->wrong == 0 && m->count > 0) { /* and everything comes out in the end */
        finish(m, RESERVED, 0);
        finish(m, HELD, 1);
        if (count_items(m, RESERVED) == 0) {
            consume(m, 1);
        }
    }
    CHECK_INT(0, m->wrong);
    check_none(m->handles[0]);
    close_medium(m->handles[1]);
    close_medium(m->handles[0]);
    free(m);
}

/* close() gives reservations up and puts back what the handle holds; other handles do not notice. */
static void closed_handles(kind_t kind) {
    medium_t m = make(kind, 4096), other = again(m);
    mproc_view_t view, held;

    CHECK_OK(put(m, "one", 3, 0));
    CHECK_OK(put(m, "two", 3, 0));
    check_peek(other, MPROC_OK, "one", 0);
    held = check_peek(m, MPROC_OK, "two", 0);
    check_none(m);
    write_in_place(other, "never sent");
    close_medium(other);
    check_view(&held, "two");
    check_next(m, "one", 0);
    check_none(m);
    CHECK_OK(release(m, held.id));

    other = again(m);
    CHECK_OK(reserve(other, max_message(m), &view, 0));
    CHECK_IS(MPROC_ETIMEDOUT, put(m, NULL, 0, 0));
    close_medium(other);
    CHECK_OK(reserve(m, max_message(m), &view, 0));
    CHECK_OK(give_up(m, view.id));
    CHECK_OK(put(m, "three", 5, 0));
    other = again(m);
    check_peek(other, MPROC_OK, "three", 0);
    close_medium(other);
    held = check_peek(m, MPROC_RECOVERED, "three", 0);
    CHECK_OK(release(m, held.id));
    check_none(m);
    close_medium(m);
}

/* A forked child has nothing of what its parent has open, and does not end it when it closes or ends. */
static void forked(kind_t kind) {
    medium_t m = make(kind, 0);
    mproc_view_t reserved, held, own;
    pid_t child;

    CHECK_OK(put(m, "held", 4, 0));
    CHECK_OK(put(m, "for the child", 13, 0));
    held = check_peek(m, MPROC_OK, "held", 0);
    reserved = write_in_place(m, "reserved");
    child = check_fork();
    if (child == 0) {
        CHECK_IS(MPROC_EPERM, commit(m, reserved.id, reserved.len));
        CHECK_IS(MPROC_EPERM, give_up(m, reserved.id));
        CHECK_IS(MPROC_EPERM, release(m, held.id));
        CHECK_IS(MPROC_EPERM, putback(m, held.id));
        own = check_peek(m, MPROC_OK, "for the child", 0);
        CHECK_OK(release(m, own.id));
        own = write_in_place(m, "from the child");
        CHECK_OK(commit(m, own.id, own.len));
        write_in_place(m, "never sent");
        close_medium(m);
        check_leave();
    }
    CHECK_CHILD(child);
    CHECK_OK(commit(m, reserved.id, reserved.len));
    CHECK_OK(release(m, held.id));
    check_next(m, "reserved", 0);
    check_next(m, "from the child", 0);
    check_none(m);
    close_medium(m);
}

/* What a process that died had reserved is dropped; what it held goes back to the front. */
static void dead_holders(kind_t kind) {
    enum { HELD, HELD_AND_COPIED, ROOM, ORDER, CASES };
    int number, by_exit;
    for (by_exit = 0; by_exit < 2; by_exit++) {
        for (number = 0; number < CASES; number++) {
            medium_t m = make(kind, 4096);
            size_t most = max_message(m), len = 0;
            check_gate_t *gate = check_gate(), *end = check_gate();
            mproc_view_t view;
            char buf[4096];
            pid_t child;
            int status;

            if (number <= HELD_AND_COPIED) {
                CHECK_OK(put(m, "one", 3, 0));
                CHECK_OK(put(m, "two", 3, 0));
            }
            child = check_fork();
            if (child == 0) {
                if (number <= HELD_AND_COPIED) {
                    check_peek(m, MPROC_OK, "one", 0);
                } else {
                    CHECK_OK(reserve(m, number == ROOM ? most : 10, &view, 0));
                }
                if (number == ORDER) {
                    CHECK_OK(put(m, "after it", 8, 0));
                }
                check_gate_open(gate);
                check_gate_wait(end);
                check_leave(); /* without a close */
            }
            check_gate_wait(gate);
            if (number <= HELD_AND_COPIED) {
                check_next(m, "two", MPROC_FOREVER);
            }
            if (by_exit) {
                check_gate_open(end);
                CHECK_CHILD(child);
            } else {
                check_kill(child);
            }
            switch (number) {
            case HELD:
                view = check_peek(m, MPROC_RECOVERED, "one", MPROC_FOREVER);
                CHECK_OK(putback(m, view.id));
                check_next(m, "one", 0);
                break;
            case HELD_AND_COPIED: check_next(m, "one", MPROC_FOREVER); break;
            case ROOM:
                memset(buf, 'r', sizeof buf);
                do {
                    receiver_looks(m);
                    status = put(m, buf, most, kind == EXCLUSIVE ? MOMENT : MPROC_FOREVER);
                } while (kind == EXCLUSIVE && status == MPROC_ETIMEDOUT);
                CHECK_OK(status);
                CHECK_OK(get(m, buf, sizeof buf, &len, 0));
                CHECK_INT(most, len);
                break;
            default: check_next(m, "after it", MPROC_FOREVER); break;
            }
            check_none(m);
            check_gate_free(gate);
            check_gate_free(end);
            close_medium(m);
        }
    }
}

/* ---- threads ---- */

typedef struct {
    medium_t m;
    mproc_view_t view;
} errand_t;

static void *finish_elsewhere(void *argument) {
    errand_t *e = argument;
    memcpy(e->view.data, "by a thread", 11);
    CHECK_OK(commit(e->m, e->view.id, 11));
    e->view = check_peek(e->m, MPROC_OK, "by a thread", 0);
    return NULL;
}

/* What one thread has begun another one may end: it is the process's, and the handle's. */
static void other_threads(kind_t kind) {
    errand_t e;
    pthread_t thread;
    e.m = make(kind, 0);
    CHECK_OK(reserve(e.m, 20, &e.view, 0));
    CHECK_INT(0, pthread_create(&thread, NULL, finish_elsewhere, &e));
    CHECK_INT(0, pthread_join(thread, NULL));
    check_view(&e.view, "by a thread");
    CHECK_OK(release(e.m, e.view.id));
    check_none(e.m);
    close_medium(e.m);
}

enum { OWN_ROUNDS = 1500 };

static void *reserve_many(void *argument) {
    const medium_t *m = argument;
    uint32_t i;
    int bad = 0;
    for (i = 0; i < OWN_ROUNDS && bad == 0; i++) {
        mproc_view_t view;
        bad |= reserve(*m, 8 + i % 100, &view, MPROC_FOREVER);
        if (bad == 0 && i % 5 == 0) {
            bad |= give_up(*m, view.id);
            bad |= reserve(*m, 8, &view, MPROC_FOREVER);
        }
        if (bad == 0) {
            memcpy(view.data, &i, sizeof i);
            bad |= commit(*m, view.id, sizeof i);
        }
    }
    CHECK_INT(0, bad);
    return NULL;
}

typedef struct {
    medium_t m;
    uint64_t sum;
    uint32_t taken;
} reader_t;

static void *peek_many(void *argument) {
    reader_t *r = argument;
    int bad = 0;
    while (bad == 0) {
        mproc_view_t view;
        uint32_t number = UINT32_MAX;
        int status = peek(r->m, &view, MPROC_FOREVER);
        if (status != MPROC_OK && status != MPROC_RECOVERED) {
            bad = status;
            break;
        }
        bad |= view.len != sizeof number;
        memcpy(&number, view.data, sizeof number);
        if (number == UINT32_MAX) { /* the end is for everybody */
            bad |= putback(r->m, view.id);
            break;
        }
        if (status == MPROC_OK && number % 7 == 0) {
            bad |= putback(r->m, view.id);
        } else {
            r->sum += number;
            r->taken++;
            bad |= release(r->m, view.id);
        }
    }
    CHECK_INT(0, bad);
    return NULL;
}

/* Two threads at each side, one handle: each message is read once. */
static void many_threads(kind_t kind) {
    medium_t m = make(kind, 4096);
    reader_t readers[2];
    pthread_t writing[2], reading[2];
    const uint32_t end = UINT32_MAX;
    char buf[8];
    size_t len = 0;
    int t;

    memset(readers, 0, sizeof readers);
    for (t = 0; t < 2; t++) {
        readers[t].m = m;
        CHECK_INT(0, pthread_create(&writing[t], NULL, reserve_many, &m));
        CHECK_INT(0, pthread_create(&reading[t], NULL, peek_many, &readers[t]));
    }
    for (t = 0; t < 2; t++) {
        CHECK_INT(0, pthread_join(writing[t], NULL));
    }
    /* Put back comes first: only when everything else was read is the end the front. */
    CHECK_OK(put(m, &end, sizeof end, MPROC_FOREVER));
    for (t = 0; t < 2; t++) {
        CHECK_INT(0, pthread_join(reading[t], NULL));
    }
    CHECK_OK(get(m, buf, sizeof buf, &len, 0));
    check_none(m);
    CHECK_INT(2 * OWN_ROUNDS, readers[0].taken + readers[1].taken);
    CHECK_INT((uint64_t)OWN_ROUNDS * (OWN_ROUNDS - 1), readers[0].sum + readers[1].sum);
    close_medium(m);
}

/* ---- waiting ---- */

/* Each way of waiting is ended by what it waits for: room given up or released, a commit, a message put back. */
static void waking(kind_t kind) {
    enum { ABORT, RELEASE, COMMIT, PUTBACK, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        medium_t m = make(kind, 4096);
        size_t most = max_message(m), len = 0;
        mproc_view_t view = {NULL, 0, 0};
        char buf[4096];
        pid_t child;

        if (number == COMMIT) {
            view = write_in_place(m, "wake up");
        } else {
            CHECK_OK(reserve(m, most, &view, 0));
            if (number != ABORT) {
                CHECK_OK(commit(m, view.id, most));
                CHECK_OK(peek(m, &view, 0));
            }
        }
        child = check_fork();
        if (child == 0) {
            switch (number) {
            case ABORT: CHECK_OK(reserve(m, most, &view, MPROC_FOREVER)); break;
            case RELEASE: CHECK_OK(put(m, NULL, 0, MPROC_FOREVER)); break;
            case COMMIT: check_peek(m, MPROC_OK, "wake up", MPROC_FOREVER); break;
            default: CHECK_OK(get(m, buf, sizeof buf, &len, MPROC_FOREVER)); break;
            }
            check_leave();
        }
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        switch (number) {
        case ABORT: CHECK_OK(give_up(m, view.id)); break;
        case RELEASE: CHECK_OK(release(m, view.id)); break;
        case COMMIT: CHECK_OK(commit(m, view.id, view.len)); break;
        default: CHECK_OK(putback(m, view.id)); break;
        }
        CHECK_CHILD(child);
        close_medium(m);
    }
}

typedef struct {
    mproc_queue_t *full, *empty;
    mproc_cancel_t *cancel;
    int which;
} stage_t;

static int wait_for(const stage_t *s, int64_t timeout_ns) {
    mproc_view_t view;
    return s->which == 0 ? mproc_queue_reserve(s->full, 0, &view, timeout_ns, s->cancel)
                         : mproc_queue_peek(s->empty, &view, timeout_ns, s->cancel);
}

static void *canceled(void *argument) {
    CHECK_IS(MPROC_ECANCELED, wait_for(argument, MPROC_FOREVER));
    return NULL;
}

/* As every call that waits; the pipe's are in api_pipe.c. */
static void timeouts_and_cancel(void) {
    medium_t full = make(QUEUE, 4096), empty = make(QUEUE, 4096);
    mproc_view_t view;
    stage_t s;

    s.full = full.queue;
    s.empty = empty.queue;
    CHECK_OK(reserve(full, max_message(full), &view, 0));
    NEED_OK(mproc_cancel_create(&s.cancel));
    for (s.which = 0; s.which < 2; s.which++) {
        pthread_t thread;
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, 0));
        CHECK_IS(MPROC_ETIMEDOUT, wait_for(&s, MOMENT));
        CHECK_INT(0, pthread_create(&thread, NULL, canceled, &s));
        check_sleep_ms(5); /* most likely asleep by now; right in any case */
        CHECK_OK(mproc_cancel_set(s.cancel));
        CHECK_INT(0, pthread_join(thread, NULL));
        CHECK_IS(MPROC_ECANCELED, wait_for(&s, MPROC_FOREVER));
        CHECK_OK(mproc_cancel_clear(s.cancel));
    }
    CHECK_OK(mproc_cancel_set(s.cancel)); /* what can finish without waiting still does */
    CHECK_OK(give_up(full, view.id));
    CHECK_OK(mproc_queue_reserve(s.full, 1, &view, MPROC_FOREVER, s.cancel));
    CHECK_OK(commit(full, view.id, 1));
    CHECK_OK(mproc_queue_peek(s.full, &view, MPROC_FOREVER, s.cancel));
    CHECK_OK(release(full, view.id));
    mproc_cancel_close(s.cancel);
    close_medium(full);
    close_medium(empty);
}

/* ---- shutdown ---- */

/* Gracefully: nothing new is reserved, but what is open may still be put, and what is held may come back. */
static void graceful_shutdown(void) {
    enum { COMMIT, ABORT, PUTBACK, RELEASE, DEATH, CASES };
    int number;
    for (number = 0; number < CASES; number++) {
        medium_t m = make(QUEUE, 0);
        mproc_view_t view = {NULL, 0, 0}, none;
        check_gate_t *gate = check_gate(), *asked = check_gate();
        pid_t getter, holder = 0;
        char buf[16];
        size_t len = 0;
        int comes = number == COMMIT || number == PUTBACK || number == DEATH;

        if (number == COMMIT || number == ABORT) {
            view = write_in_place(m, "late");
        } else {
            CHECK_OK(put(m, "late", 4, 0));
        }
        if (number == PUTBACK || number == RELEASE) {
            view = check_peek(m, MPROC_OK, "late", 0);
        } else if (number == DEATH) {
            holder = check_fork();
            if (holder == 0) {
                check_peek(m, MPROC_OK, "late", 0);
                check_gate_open(gate);
                for (;;) {
                    pause();
                }
            }
            check_gate_wait(gate);
        }
        CHECK_OK(mproc_queue_shutdown(m.queue, 0));
        CHECK_IS(MPROC_ECLOSED, reserve(m, 1, &none, MPROC_FOREVER));
        CHECK_IS(MPROC_ECLOSED, put(m, "x", 1, MPROC_FOREVER));
        if (number != DEATH) { /* what it has itself is nothing to wait for: that would be for ever */
            CHECK_IS(MPROC_ECLOSED, get(m, buf, sizeof buf, &len, MPROC_FOREVER));
        }
        getter = check_fork();
        if (getter == 0) {
            check_none(m); /* it is not over: something may come yet */
            CHECK_IS(MPROC_ETIMEDOUT, get(m, buf, sizeof buf, &len, LONGER_THAN_NOTICING));
            check_gate_open(asked);
            if (comes) {
                none = check_peek(m, number == COMMIT ? MPROC_OK : MPROC_RECOVERED, "late", MPROC_FOREVER);
                CHECK_OK(release(m, none.id));
            }
            CHECK_IS(MPROC_ECLOSED, get(m, buf, sizeof buf, &len, MPROC_FOREVER));
            check_leave();
        }
        check_gate_wait(asked);
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        switch (number) {
        case COMMIT: CHECK_OK(commit(m, view.id, view.len)); break;
        case ABORT: CHECK_OK(give_up(m, view.id)); break;
        case PUTBACK: CHECK_OK(putback(m, view.id)); break;
        case RELEASE: CHECK_OK(release(m, view.id)); break;
        default: check_kill(holder); break;
        }
        CHECK_CHILD(getter);
        CHECK_IS(MPROC_ECLOSED, get(m, buf, sizeof buf, &len, MPROC_FOREVER));
        CHECK_IS(MPROC_ECLOSED, peek(m, &none, 0));
        check_gate_free(gate);
        check_gate_free(asked);
        close_medium(m);
    }
}

/* Immediately: nothing is put or taken any more; what was open ends without a fuss. */
static void immediate_shutdown(void) {
    medium_t m = make(QUEUE, 0);
    mproc_view_t committed, aborted, left, released, returned, kept, none;
    mproc_queue_info_t info;

    CHECK_OK(put(m, "released", 8, 0));
    CHECK_OK(put(m, "returned", 8, 0));
    CHECK_OK(put(m, "kept", 4, 0));
    CHECK_OK(put(m, "dropped", 7, 0));
    released = check_peek(m, MPROC_OK, "released", 0);
    returned = check_peek(m, MPROC_OK, "returned", 0);
    kept = check_peek(m, MPROC_OK, "kept", 0);
    committed = write_in_place(m, "committed");
    aborted = write_in_place(m, "aborted");
    left = write_in_place(m, "left open");
    CHECK_OK(mproc_queue_shutdown(m.queue, 1));
    CHECK_IS(MPROC_ECLOSED, reserve(m, 1, &none, MPROC_FOREVER));
    CHECK_IS(MPROC_ECLOSED, peek(m, &none, MPROC_FOREVER));
    check_view(&released, "released"); /* views are still good */
    check_view(&kept, "kept");
    check_view(&left, "left open");
    CHECK_IS(MPROC_ECLOSED, commit(m, committed.id, committed.len));
    CHECK_OK(give_up(m, aborted.id));
    CHECK_OK(release(m, released.id));
    CHECK_OK(putback(m, returned.id));
    CHECK_IS(MPROC_ECLOSED, peek(m, &none, 0));
    CHECK_OK(mproc_queue_info(m.queue, &info, sizeof info));
    CHECK_INT(MPROC_QUEUE_CLOSED, info.state);
    CHECK_INT(0, info.items);
    close_medium(m); /* with some still open */
}

/* Processes that write and read in place, put back, give up: each message is read once. */
static void many_processes(kind_t kind) {
    enum { WRITERS = 3, READERS = 2, EACH = 3000 };
    medium_t m = make(kind, 8192);
    size_t bytes = WRITERS * EACH, i, missing = 0;
    unsigned char *seen = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t writers[WRITERS], readers[READERS];
    int w, r;

    for (r = 0; r < READERS; r++) {
        readers[r] = check_fork();
        if (readers[r] == 0) {
            int bad = 0, status;
            mproc_view_t view;
            mproc_pipe_close(m.out);
            while (bad == 0 && (status = peek(m, &view, MPROC_FOREVER)) >= 0) {
                uint32_t head[2] = {0, 0};
                size_t k;
                bad |= view.len < sizeof head;
                memcpy(head, view.data, bad ? 0 : sizeof head);
                bad |= head[0] >= WRITERS || head[1] >= EACH;
                for (k = sizeof head; k < view.len && bad == 0; k++) {
                    bad |= ((unsigned char *)view.data)[k] != (unsigned char)(head[0] + head[1] + k);
                }
                if (bad == 0 && status == MPROC_OK && head[1] % 5 == 0) {
                    bad |= putback(m, view.id);
                } else if (bad == 0) {
                    __atomic_fetch_add(&seen[head[0] * EACH + head[1]], 1, __ATOMIC_RELAXED);
                    bad |= release(m, view.id);
                }
            }
            CHECK_INT(0, bad);
            CHECK_IS(kind == QUEUE ? MPROC_ECLOSED : MPROC_EOF, status);
            check_leave();
        }
    }
    for (w = 0; w < WRITERS; w++) {
        writers[w] = check_fork();
        if (writers[w] == 0) {
            uint32_t head[2];
            int bad = 0;
            mproc_pipe_close(m.in);
            head[0] = (uint32_t)w;
            for (head[1] = 0; head[1] < EACH && bad == 0; head[1]++) {
                mproc_view_t view, unused;
                size_t len = sizeof head + head[1] % 50, k;
                bad |= reserve(m, len + head[1] % 20, &view, MPROC_FOREVER);
                if (bad == 0 && head[1] % 9 == 0 && reserve(m, 30, &unused, 0) == MPROC_OK) {
                    bad |= give_up(m, unused.id);
                }
                for (k = 0; k < len && bad == 0; k++) {
                    ((unsigned char *)view.data)[k] = (unsigned char)(head[0] + head[1] + k);
                }
                if (bad == 0) {
                    memcpy(view.data, head, sizeof head);
                    bad |= commit(m, view.id, len);
                }
            }
            CHECK_INT(0, bad);
            check_leave();
        }
    }
    mproc_pipe_close(m.out);
    m.out = NULL;
    for (w = 0; w < WRITERS; w++) {
        CHECK_CHILD(writers[w]);
    }
    if (kind == QUEUE) {
        CHECK_OK(mproc_queue_shutdown(m.queue, 0));
    }
    for (r = 0; r < READERS; r++) {
        CHECK_CHILD(readers[r]);
    }
    for (i = 0; i < bytes; i++) {
        missing += seen[i] != 1;
    }
    CHECK_INT(0, missing);
    munmap(seen, bytes);
    close_medium(m);
}

void api_inplace(void) {
    kind_t kind;
    for (kind = QUEUE; kind < KINDS; kind++) {
        check_watchdog(); /* as long again for each */
        there_and_back(kind);
        wrong_ids(kind);
        room(kind);
        too_small_a_buffer(kind);
        put_back(kind);
        around_the_ring(kind);
        random_operations(kind, 50);
        random_operations(kind, LONGEST_RANDOM);
        closed_handles(kind);
        forked(kind);
        dead_holders(kind);
        other_threads(kind);
        if (kind != EXCLUSIVE) { /* several at one end */
            many_threads(kind);
            waking(kind);
            many_processes(kind);
        }
        if (kind != QUEUE) {
            order_in_a_pipe(kind);
        }
    }
    order_in_a_queue();
    bounded_by_items();
    counts();
    timeouts_and_cancel();
    graceful_shutdown();
    immediate_shutdown();
}
