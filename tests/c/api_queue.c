/* The queue: order, sizes, bounds, batches, timeouts, shutdown, and processes at both ends. */
#include "api_test.h"

#include "check.h"
#include "place.h"

static enum place where;

static mproc_queue_t *make(uint64_t capacity, uint32_t max_items) {
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    options.capacity_bytes = capacity;
    options.max_items = max_items;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &options, &queue));
    return queue;
}

static size_t items(const mproc_queue_t *queue) {
    size_t n = 4711;
    CHECK_OK(mproc_queue_size(queue, &n));
    return n;
}

static int is(int (*question)(const mproc_queue_t *, int *), const mproc_queue_t *queue) {
    int answer = -1;
    CHECK_OK(question(queue, &answer));
    return answer;
}

static void first_in_first_out(void) {
    mproc_queue_t *queue = make(0, 0);
    mproc_queue_info_t info;
    char buf[64];
    size_t len = 0;

    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(1 << 20, info.capacity_bytes);
    CHECK_INT(0, info.items);
    CHECK_INT(0, info.used_bytes);
    CHECK_INT(0, info.max_items);
    CHECK_INT(MPROC_QUEUE_OPEN, info.state);
    CHECK_INT(1, is(mproc_queue_empty, queue));
    CHECK_INT(0, is(mproc_queue_full, queue));

    CHECK_OK(mproc_queue_put(queue, "first", 5, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_queue_put(queue, NULL, 0, 0, NULL)); /* empty messages are messages */
    CHECK_OK(mproc_queue_put(queue, "third!!", 7, 1000000, NULL));
    CHECK_INT(3, items(queue));
    CHECK_INT(0, is(mproc_queue_empty, queue));
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(3, info.items);
    CHECK(info.used_bytes >= 16 + 8 + 16);

    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK(len == 5 && memcmp(buf, "first", 5) == 0);
    len = 99;
    CHECK_OK(mproc_queue_get(queue, NULL, 0, &len, 0, NULL));
    CHECK_INT(0, len);
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
    CHECK(len == 7 && memcmp(buf, "third!!", 7) == 0);
    len = 4711;
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get(queue, buf, sizeof buf, &len, 2000000, NULL));
    CHECK_INT(4711, len);
    CHECK_INT(1, is(mproc_queue_empty, queue));
    mproc_queue_close(queue);
}

/* A buffer that is too small reports the size needed, and the message stays where it is. */
static void small_buffers(void) {
    mproc_queue_t *queue = make(0, 0);
    char buf[32];
    size_t len = 0, lens[4], count = 4711;

    CHECK_OK(mproc_queue_put(queue, "0123456789", 10, 0, NULL));
    CHECK_OK(mproc_queue_put(queue, "next", 4, 0, NULL));
    memset(buf, '#', sizeof buf);
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_get(queue, buf, 9, &len, 0, NULL));
    CHECK_INT(10, len);
    CHECK_INT('#', buf[0]);
    len = 0;
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_get(queue, NULL, 0, &len, MPROC_FOREVER, NULL));
    CHECK_INT(10, len);
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_get_many(queue, buf, 9, lens, 4, &count, 0, NULL));
    CHECK_INT(10, lens[0]);
    CHECK_INT(4711, count);
    CHECK_INT(2, items(queue));
    CHECK_OK(mproc_queue_get(queue, buf, 10, &len, 0, NULL));
    CHECK(len == 10 && memcmp(buf, "0123456789", 10) == 0);
    CHECK_INT('#', buf[10]);
    CHECK_OK(mproc_queue_get(queue, buf, 10, &len, 0, NULL));
    CHECK_INT(4, len);
    mproc_queue_close(queue);
}

/* Bounded by bytes: what fits once is found out by filling, what can never fit is said at once. */
static void bounded_by_bytes(void) {
    mproc_queue_t *queue = make(4096, 0);
    mproc_queue_info_t info;
    char *big;
    size_t len = 0, put = 0;
    mproc_message_t pair[2];
    int status;

    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(4096, info.capacity_bytes);
    CHECK(info.max_message > 0 && info.max_message < 4096);
    big = calloc(1, 5000);
    CHECK_IS(MPROC_E2BIG, mproc_queue_put(queue, big, info.max_message + 1, 0, NULL));
    CHECK_IS(MPROC_E2BIG, mproc_queue_put(queue, big, 5000, MPROC_FOREVER, NULL));
    pair[0].data = big;
    pair[0].len = 8;
    pair[1].data = big;
    pair[1].len = info.max_message + 1;
    put = 99;
    CHECK_IS(MPROC_E2BIG, mproc_queue_put_many(queue, pair, 2, &put, MPROC_FOREVER, NULL));
    CHECK_INT(0, put); /* one can never fit: none was put */
    CHECK_INT(0, items(queue));
    memset(big, 'x', 5000);
    CHECK_OK(mproc_queue_put(queue, big, info.max_message, 0, NULL));
    memset(big, 0, 5000);
    CHECK_OK(mproc_queue_get(queue, big, 5000, &len, 0, NULL));
    CHECK_INT(info.max_message, len);
    CHECK(big[0] == 'x' && big[len - 1] == 'x' && big[len] == 0);

    put = 0;
    while ((status = mproc_queue_put(queue, "12345678", 8, 0, NULL)) == MPROC_OK && put < 4096) {
        put++;
    }
    CHECK_IS(MPROC_ETIMEDOUT, status);
    CHECK(put >= 200 && put <= 4096 / 16);
    while ((status = mproc_queue_put(queue, NULL, 0, 0, NULL)) == MPROC_OK && put < 4096) {
        put++;
    }
    CHECK_IS(MPROC_ETIMEDOUT, status);
    CHECK_INT(1, is(mproc_queue_full, queue)); /* not even an empty message */
    CHECK_INT(put, items(queue));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put(queue, NULL, 0, 2000000, NULL));
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK(info.used_bytes <= info.capacity_bytes);
    CHECK_INT(put, info.items);

    CHECK_OK(mproc_queue_get(queue, big, 8, &len, 0, NULL)); /* room again, at once */
    CHECK_INT(0, is(mproc_queue_full, queue));
    CHECK_OK(mproc_queue_put(queue, "again678", 8, 0, NULL));
    while (mproc_queue_get(queue, big, 8, &len, 0, NULL) == MPROC_OK) {
        put--;
    }
    CHECK_INT(0, put);
    free(big);
    mproc_queue_close(queue);
}

static void bounded_by_items(void) {
    mproc_queue_t *queue = make(0, 3);
    mproc_queue_info_t info;
    mproc_message_t five[5] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};
    size_t done = 99, len = 0, lens[5], count = 0;
    char buf[64];

    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(3, info.max_items);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put_many(queue, five, 5, &done, 0, NULL));
    CHECK_INT(3, done);
    CHECK_INT(1, is(mproc_queue_full, queue));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put(queue, NULL, 0, 0, NULL));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT(0, is(mproc_queue_full, queue));
    CHECK_OK(mproc_queue_put(queue, five[3].data, 1, 0, NULL));
    CHECK_OK(mproc_queue_get_many(queue, buf, sizeof buf, lens, 5, &count, 0, NULL));
    CHECK_INT(3, count);
    CHECK(buf[0] == 'b' && buf[8] == 'c' && buf[16] == 'd');
    mproc_queue_close(queue);
}

static void batches(void) {
    mproc_queue_t *queue = make(0, 0);
    mproc_message_t messages[4] = {{"one", 3}, {NULL, 0}, {"threethree", 10}, {"four", 4}};
    size_t done = 99, count = 99, lens[4] = {0}, guard;
    char buf[40];

    CHECK_OK(mproc_queue_put_many(queue, messages, 4, &done, 0, NULL));
    CHECK_INT(4, done);
    CHECK_OK(mproc_queue_put_many(queue, NULL, 0, &done, 0, NULL)); /* nothing to do */
    CHECK_INT(0, done);
    CHECK_OK(mproc_queue_put_many(queue, messages, 1, NULL, 0, NULL));
    CHECK_INT(5, items(queue));

    /* Each message starts at the next multiple of 8: 0 (three), 8 (none), 8 (ten), 24 (four). */
    memset(buf, '#', sizeof buf);
    lens[3] = guard = 4711;
    CHECK_OK(mproc_queue_get_many(queue, buf, sizeof buf, lens, 3, &count, 0, NULL)); /* as many as wanted */
    CHECK_INT(3, count);
    CHECK(lens[0] == 3 && lens[1] == 0 && lens[2] == 10 && lens[3] == guard);
    CHECK(memcmp(buf, "one", 3) == 0 && memcmp(buf + 8, "threethree", 10) == 0);
    CHECK_OK(mproc_queue_get_many(queue, buf, 6, lens, 4, &count, 0, NULL)); /* as many as fit */
    CHECK_INT(1, count);
    CHECK(lens[0] == 4 && memcmp(buf, "four", 4) == 0);
    CHECK_OK(mproc_queue_get_many(queue, buf, sizeof buf, lens, 4, &count, MPROC_FOREVER, NULL)); /* as are there */
    CHECK_INT(1, count);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_get_many(queue, buf, sizeof buf, lens, 4, &count, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_get_many(queue, buf, sizeof buf, lens, 0, &count, 0, NULL));
    mproc_queue_close(queue);
}

/* Messages of all lengths, round and round a small ring: each comes out as it went in. */
static void around_the_ring(void) {
    const size_t rounds = place_is_memory(where) ? 20000 : 1000;
    mproc_queue_t *queue = make(4096, 0);
    unsigned char in[600], out[600];
    uint32_t put_seed = 1, get_seed = 1;
    size_t len = 0, inside = 0, wrong = 0, put = 0, got = 0, i;

    while (got < rounds && wrong == 0) {
        while (put < rounds) {
            uint32_t next = put_seed * 1664525u + 1013904223u;
            size_t want = (next >> 16) % sizeof in;
            for (i = 0; i < want; i++) {
                in[i] = (unsigned char)(next + i);
            }
            if (mproc_queue_put(queue, in, want, 0, NULL) != MPROC_OK) {
                break;
            }
            put_seed = next;
            put++;
            inside++;
        }
        wrong += items(queue) != inside;
        for (i = (put_seed >> 8) % inside + 1; i > 0; i--, inside--, got++) {
            size_t k;
            get_seed = get_seed * 1664525u + 1013904223u;
            wrong += mproc_queue_get(queue, out, sizeof out, &len, 0, NULL) != MPROC_OK;
            wrong += len != (get_seed >> 16) % sizeof in;
            for (k = 0; k < len; k++) {
                wrong += out[k] != (unsigned char)(get_seed + k);
            }
        }
    }
    CHECK_INT(0, wrong);
    CHECK_INT(rounds, got);
    mproc_queue_close(queue);
}

static void graceful_shutdown(void) {
    mproc_queue_t *queue = make(0, 0);
    mproc_queue_info_t info;
    char buf[8];
    size_t len = 0, done = 99, lens[2], count;
    mproc_message_t message = {"x", 1};

    CHECK_OK(mproc_queue_put(queue, "a", 1, 0, NULL));
    CHECK_OK(mproc_queue_put(queue, "b", 1, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_shutdown(queue, 2));
    CHECK_IS(MPROC_EINVAL, mproc_queue_shutdown(queue, -1));
    CHECK_OK(mproc_queue_shutdown(queue, 0));
    CHECK_OK(mproc_queue_shutdown(queue, 0)); /* again is harmless */
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(MPROC_QUEUE_DRAINING, info.state);
    CHECK_IS(MPROC_ECLOSED, mproc_queue_put(queue, "c", 1, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ECLOSED, mproc_queue_put_many(queue, &message, 1, &done, MPROC_FOREVER, NULL));
    CHECK_INT(0, done);
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
    CHECK_INT('a', buf[0]);
    CHECK_OK(mproc_queue_get_many(queue, buf, sizeof buf, lens, 2, &count, MPROC_FOREVER, NULL));
    CHECK_INT('b', buf[0]);
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get_many(queue, buf, sizeof buf, lens, 2, &count, 0, NULL));
    mproc_queue_close(queue);
}

static void immediate_shutdown(void) {
    mproc_queue_t *queue = make(0, 0);
    mproc_queue_info_t info;
    char buf[8];
    size_t len = 0;
    int after_graceful;

    for (after_graceful = 0; after_graceful < 2; after_graceful++) {
        CHECK_OK(mproc_queue_put(queue, "a", 1, 0, NULL));
        if (after_graceful) {
            CHECK_OK(mproc_queue_shutdown(queue, 0));
        }
        CHECK_OK(mproc_queue_shutdown(queue, 1));
        CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
        CHECK_INT(MPROC_QUEUE_CLOSED, info.state);
        CHECK_INT(0, items(queue)); /* what was inside is dropped */
        CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
        CHECK_IS(MPROC_ECLOSED, mproc_queue_put(queue, "c", 1, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_queue_shutdown(queue, 0)); /* and it stays closed */
        CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
        CHECK_INT(MPROC_QUEUE_CLOSED, info.state);
        mproc_queue_close(queue);
        queue = make(0, 0);
    }
    mproc_queue_close(queue);
}

/* Everyone who waits is woken by a shutdown, on both sides. */
static void shutdown_wakes(void) {
    int immediate;
    for (immediate = 0; immediate < 2; immediate++) {
        mproc_queue_t *empty = make(0, 0), *full = make(0, 1);
        pid_t getter, putter;
        char buf[8];
        size_t len;

        CHECK_OK(mproc_queue_put(full, "x", 1, 0, NULL));
        getter = check_fork();
        if (getter == 0) {
            CHECK_IS(MPROC_ECLOSED, mproc_queue_get(empty, buf, sizeof buf, &len, MPROC_FOREVER, NULL));
            check_leave();
        }
        putter = check_fork();
        if (putter == 0) {
            CHECK_IS(MPROC_ECLOSED, mproc_queue_put(full, "y", 1, MPROC_FOREVER, NULL));
            check_leave();
        }
        check_sleep_ms(20); /* most likely asleep by now; right in any case */
        CHECK_OK(mproc_queue_shutdown(empty, immediate));
        CHECK_OK(mproc_queue_shutdown(full, immediate));
        CHECK_CHILD(getter);
        CHECK_CHILD(putter);
        mproc_queue_close(empty);
        mproc_queue_close(full);
    }
}

/* By name: bounds that are given must match. */
static void expectations(void) {
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT, other;
    mproc_queue_info_t info;
    mproc_queue_t *queue = NULL, *opened = NULL;
    mproc_array_t *array = NULL;
    char buf[8];
    size_t len = 0;

    options.capacity_bytes = 5000; /* rounded up to a power of two */
    options.max_items = 7;
    NEED_OK(mproc_queue_create(place_domain(where), "queue", &options, &queue));
    CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
    CHECK_INT(8192, info.capacity_bytes);
    CHECK_IS(MPROC_EEXIST, mproc_queue_create(place_domain(where), "queue", &options, &opened));
    CHECK_OK(mproc_queue_open(place_domain(where), "queue", &options, &opened));
    CHECK_OK(mproc_queue_put(opened, "hello", 5, 0, NULL));
    mproc_queue_close(opened); /* messages stay */
    opened = NULL;
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT(5, len);

    other = options;
    other.max_items = 8;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place_domain(where), "queue", &other, &opened));
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_ETYPE, mproc_queue_create(place_domain(where), "queue", &other, &opened));
    other = options;
    other.capacity_bytes = 1 << 20;
    CHECK_IS(MPROC_ETYPE, mproc_queue_open(place_domain(where), "queue", &other, &opened));
    CHECK(opened == NULL);
    other.capacity_bytes = 0;
    other.max_items = 0;
    CHECK_OK(mproc_queue_open(place_domain(where), "queue", &other, &opened));
    mproc_queue_close(opened);
    other.flags = MPROC_EXIST_OK;
    CHECK_IS(MPROC_EXISTED, mproc_queue_create(place_domain(where), "queue", &other, &opened));
    mproc_queue_close(opened);
    CHECK_IS(MPROC_EKIND, mproc_array_open(place_domain(where), "queue", NULL, &array));

    other.flags = 0;
    other.capacity_bytes = UINT64_MAX;
    opened = NULL;
    CHECK_IS(MPROC_EINVAL, mproc_queue_create(place_domain(where), "absurd", &other, &opened));
    other.capacity_bytes = ((uint64_t)8 << 30) + 1;
    CHECK_IS(MPROC_EINVAL, mproc_queue_create(place_domain(where), "absurd", &other, &opened));
    CHECK(opened == NULL);
    mproc_queue_close(queue);
    place_forget(where, "queue");
}

/* A slow holder of a lock, whose token is older than one that was used, puts nothing. */
static void fenced(void) {
    mproc_queue_t *queue = make(0, 2);
    char buf[8];
    size_t len = 0;
    pid_t child;

    CHECK_IS(MPROC_EINVAL, mproc_queue_put_if_token(queue, "x", 1, 0, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_if_token(NULL, "x", 1, 1, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_queue_put_if_token(queue, NULL, 1, 1, 0, NULL));
    CHECK_OK(mproc_queue_put_if_token(queue, "a", 1, 5, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_EFENCED, mproc_queue_put_if_token(queue, "x", 1, 4, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_queue_put_if_token(queue, "b", 1, 5, 0, NULL)); /* the same holder, again */
    /* Full. Who is too late hears of it nevertheless; what is not put counts for nothing. */
    CHECK_IS(MPROC_EFENCED, mproc_queue_put_if_token(queue, "x", 1, 4, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put_if_token(queue, "x", 1, 9, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put_if_token(queue, "x", 1, 9, API_MS, NULL));
    CHECK_INT(2, items(queue));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT('a', buf[0]);
    CHECK_OK(mproc_queue_put_if_token(queue, "c", 1, 6, 0, NULL));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT('b', buf[0]);
    CHECK_OK(mproc_queue_put(queue, "d", 1, 0, NULL)); /* without a token nothing is compared */
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT('c', buf[0]);
    child = check_fork();
    if (child == 0) {
        CHECK_IS(MPROC_EFENCED, mproc_queue_put_if_token(queue, "x", 1, 5, 0, NULL));
        CHECK_OK(mproc_queue_put_if_token(queue, "e", 1, UINT64_MAX, 0, NULL));
        check_leave();
    }
    CHECK_CHILD(child);
    CHECK_IS(MPROC_EFENCED, mproc_queue_put_if_token(queue, "x", 1, UINT64_MAX - 1, 0, NULL));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT('d', buf[0]);
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_INT('e', buf[0]);
    CHECK_INT(0, items(queue));
    CHECK_OK(mproc_queue_shutdown(queue, 0));
    CHECK_IS(MPROC_ECLOSED, mproc_queue_put_if_token(queue, "x", 1, UINT64_MAX, MPROC_FOREVER, NULL));
    mproc_queue_close(queue);
}

typedef struct {
    const mproc_queue_t *queue;
    const mproc_message_t *messages;
    size_t count;
} batch_t;

static void put_batch(void *argument) {
    const batch_t *batch = (const batch_t *)argument;
    size_t done = 0;
    CHECK_OK(mproc_queue_put_many(batch->queue, batch->messages, batch->count, &done, MPROC_FOREVER, NULL));
    CHECK_INT(batch->count, done);
}

/* Batches larger than the queue, and than a message to a server: they go in and come out part by part, in order. */
static void long_batches(void) {
    enum { COUNT = 300, LENGTH = 10007 };
    mproc_queue_t *queue = make(1 << 21, 0);
    mproc_message_t messages[COUNT];
    char *in = (char *)malloc(COUNT + LENGTH), *out = (char *)malloc((size_t)COUNT * (LENGTH + 8));
    size_t lens[COUNT], got = 0, done = 0, wrong = 0, i;
    batch_t batch;
    party_t putter;

    for (i = 0; i < COUNT + LENGTH; i++) {
        in[i] = (char)(i * 31 + i / 251);
    }
    for (i = 0; i < COUNT; i++) {
        messages[i].data = in + i;
        messages[i].len = i % 50 == 7 ? 0 : LENGTH;
    }
    CHECK_IS(MPROC_ETIMEDOUT, mproc_queue_put_many(queue, messages, COUNT, &done, 0, NULL)); /* as many as fit */
    CHECK(done > 150 && done < COUNT);
    CHECK_INT(done, items(queue));
    batch.queue = queue;
    batch.messages = messages + done;
    batch.count = COUNT - done;
    party_start(&putter, 0, put_batch, &batch);
    while (got < COUNT && wrong == 0) {
        size_t cap = (size_t)COUNT * (LENGTH + 8), count = 0, at = 0;
        wrong += mproc_queue_get_many(queue, out, cap, lens, COUNT, &count, MPROC_FOREVER, NULL) != MPROC_OK;
        for (i = 0; i < count && got < COUNT; i++, got++) {
            wrong += lens[i] != messages[got].len || memcmp(out + at, messages[got].data, lens[i]) != 0;
            at += (lens[i] + 7) / 8 * 8;
        }
    }
    CHECK_INT(0, wrong);
    CHECK_INT(COUNT, got);
    party_join(&putter);
    CHECK_INT(0, items(queue));
    free(in);
    free(out);
    mproc_queue_close(queue);
}

/* What no answer of the server's has room for stays where it is; nor can it be put through a connection. */
static void longer_than_an_answer(void) {
    enum { LENGTH = 17 << 20 };
    mproc_queue_t *queue = make(1 << 25, 0), *near_queue = NULL;
    char name[64], *message = (char *)calloc(1, LENGTH);
    size_t len = 4711, lens[2] = {4711, 4711}, count = 4711;
    uint64_t lease = 4711;

    NEED_OK(mproc_object_name(MPROC_KIND_QUEUE, queue, name, sizeof name, NULL));
    NEED_OK(mproc_queue_open(place_domain(PLACE_NEAR), name, NULL, &near_queue));
    CHECK_IS(MPROC_E2BIG, mproc_queue_put(queue, message, LENGTH, MPROC_FOREVER, NULL));
    CHECK_INT(0, items(queue));
    message[LENGTH - 1] = 'z';
    CHECK_OK(mproc_queue_put(near_queue, message, LENGTH, 0, NULL));
    CHECK_IS(MPROC_E2BIG, mproc_queue_get(queue, message, LENGTH, &len, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_E2BIG, mproc_queue_get_many(queue, message, LENGTH, lens, 2, &count, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_E2BIG, mproc_queue_lease(queue, message, LENGTH, &len, &lease, MPROC_FOREVER, NULL));
    CHECK(len == 4711 && lens[0] == 4711 && count == 4711 && lease == 4711);
    CHECK_IS(MPROC_EMSGSIZE, mproc_queue_get(queue, message, 10, &len, 0, NULL));
    CHECK_INT(LENGTH, len);
    CHECK_INT(1, items(queue));
    message[LENGTH - 1] = 0;
    CHECK_OK(mproc_queue_get(near_queue, message, LENGTH, &len, 0, NULL));
    CHECK(len == LENGTH && message[LENGTH - 1] == 'z');
    free(message);
    mproc_queue_close(near_queue);
    mproc_queue_close(queue);
}

/* In place and by descriptor it works in memory only, and says so elsewhere. */
static void only_in_memory(void) {
    mproc_queue_t *queue = make(0, 0), *other = NULL;
    mproc_queue_options_t options = MPROC_QUEUE_OPTIONS_INIT;
    mproc_handle_t *handle = NULL;
    mproc_view_t view;
    int fd = -1, remote = 7;

    CHECK_OK(mproc_object_is_remote(MPROC_KIND_QUEUE, queue, &remote));
    CHECK_INT(!place_is_memory(where), remote);
    options.flags = MPROC_POLLABLE;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &options, &other));
    if (place_is_memory(where)) {
        CHECK_OK(mproc_queue_reserve(queue, 8, &view, 0, NULL));
        CHECK_OK(mproc_queue_abort(queue, view.id));
        CHECK_OK(mproc_queue_readable_fd(other, &fd));
        CHECK_OK(mproc_queue_export(queue, &handle));
        mproc_handle_close(handle);
    } else {
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_reserve(queue, 8, &view, 0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_commit(queue, 1, 8));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_abort(queue, 1));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_peek(queue, &view, 0, NULL));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_readable_fd(other, &fd));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_writable_fd(other, &fd));
        CHECK_IS(MPROC_ENOTSUP, mproc_queue_export(queue, &handle));
        CHECK(handle == NULL && fd == -1);
    }
    mproc_queue_close(other);
    mproc_queue_close(queue);
}

/* Several producers and consumers over one small ring: each message arrives once, each producer's in order. */
static void many_processes(void) {
    enum { PRODUCERS = 3, CONSUMERS = 2 };
    const uint32_t each = place_is_memory(where) ? 6000 : 500;
    mproc_queue_t *queue = make(4096, 0);
    size_t bytes = PRODUCERS * (size_t)each;
    unsigned char *seen = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t producers[PRODUCERS], consumers[CONSUMERS];
    size_t i, missing = 0;
    int p, c;

    for (c = 0; c < CONSUMERS; c++) {
        consumers[c] = check_fork();
        if (consumers[c] == 0) {
            uint32_t message[2], next[PRODUCERS] = {0};
            size_t len = 0;
            int status, disorder = 0;
            while ((status = mproc_queue_get(queue, message, sizeof message, &len, MPROC_FOREVER, NULL)) == MPROC_OK) {
                disorder += len != sizeof message || message[0] >= PRODUCERS || message[1] >= each;
                if (disorder != 0) {
                    break;
                }
                disorder += message[1] < next[message[0]];
                next[message[0]] = message[1] + 1;
                __atomic_fetch_add(&seen[message[0] * each + message[1]], 1, __ATOMIC_RELAXED);
            }
            CHECK_IS(MPROC_ECLOSED, status);
            CHECK_INT(0, disorder);
            check_leave();
        }
    }
    for (p = 0; p < PRODUCERS; p++) {
        producers[p] = check_fork();
        if (producers[p] == 0) {
            uint32_t message[2], batch[16][2];
            mproc_message_t messages[16];
            int bad = 0;
            message[0] = (uint32_t)p;
            for (message[1] = 0; message[1] < each && bad == 0;) {
                if (p != 0) { /* the others one by one, this one in batches */
                    bad |= mproc_queue_put(queue, message, sizeof message, MPROC_FOREVER, NULL);
                    message[1]++;
                } else {
                    size_t n, done = 0;
                    for (n = 0; n < 16 && message[1] < each; n++, message[1]++) {
                        memcpy(batch[n], message, sizeof message);
                        messages[n].data = batch[n];
                        messages[n].len = sizeof message;
                    }
                    bad |= mproc_queue_put_many(queue, messages, n, &done, MPROC_FOREVER, NULL);
                    bad |= done != n;
                }
            }
            CHECK_INT(0, bad);
            check_leave();
        }
    }
    for (p = 0; p < PRODUCERS; p++) {
        CHECK_CHILD(producers[p]);
    }
    CHECK_OK(mproc_queue_shutdown(queue, 0));
    for (c = 0; c < CONSUMERS; c++) {
        CHECK_CHILD(consumers[c]);
    }
    for (i = 0; i < bytes; i++) {
        missing += seen[i] != 1;
    }
    CHECK_INT(0, missing);
    munmap(seen, bytes);
    mproc_queue_close(queue);
}

/* Each operation is one, also through a connection; what only memory can do says so there. */
void api_queue(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        first_in_first_out();
        small_buffers();
        bounded_by_bytes();
        bounded_by_items();
        batches();
        around_the_ring();
        graceful_shutdown();
        immediate_shutdown();
        shutdown_wakes();
        expectations();
        fenced();
        long_batches();
        only_in_memory();
        if (!place_is_memory(where)) {
            longer_than_an_answer();
        }
        many_processes();
    }
}
