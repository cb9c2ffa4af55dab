/*
 * Waiting for any of many things, and for a value: what is ready and what is not, who wakes whom, what ends a wait,
 * the dead, and that who only looks takes nothing away from who takes, not even a wake-up.
 */
#include "api_test.h"

#include "check.h"
#include "place.h"

#include <sched.h>

static enum place where; /* where everything is made */

/* ---- one thing for each condition ---- */

enum {
    QUEUE_READ,
    QUEUE_WRITE,
    PIPE_READ,
    PIPE_WRITE,
    PIPE_GONE,
    LOCK,
    RLOCK,
    PERMIT,
    OWN_PERMIT, /* of an accounting semaphore */
    EVENT,
    NUMBER,
    RECORD, /* a SNAPSHOT struct */
    THINGS
};

enum { BIG = 2000, RECORD_SIZE = 24, TOKEN = 77 };

/* Everything is empty, full or taken, by this process: nothing is ready, until make_ready() says so. */
typedef struct {
    mproc_queue_t *empty, *full;
    mproc_pipe_t *quiet[2], *packed[2], *open[2];
    char open_name[32];
    mproc_lock_t *lock;
    mproc_rlock_t *rlock;
    mproc_semaphore_t *plain, *accounting;
    mproc_event_t *event;
    mproc_value_t *number, *record;
    int32_t expected_number;
    char expected_record[RECORD_SIZE];
} stage_t;

static int stages;

static void make_pipe(const char *name, uint32_t flags, mproc_pipe_t **ends) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    options.flags = flags;
    options.capacity_bytes = 4096;
    NEED_OK(mproc_pipe_create(place_domain(where), name, &options, &ends[0], &ends[1]));
}

/* Among the flags: queues and pipes are the other kind that there is of them, too. */
#define OTHER_KIND (1u << 30)

static void make(stage_t *s, uint32_t flags_and_kind) {
    uint32_t flags = flags_and_kind & ~OTHER_KIND;
    uint32_t of_queues = flags_and_kind & OTHER_KIND ? MPROC_POLLABLE | MPROC_QUEUE_JOINABLE : 0;
    uint32_t of_pipes = flags_and_kind & OTHER_KIND ? MPROC_POLLABLE | MPROC_PIPE_EXCLUSIVE : 0;
    mproc_queue_options_t queue = MPROC_QUEUE_OPTIONS_INIT;
    mproc_lock_options_t lock = MPROC_LOCK_OPTIONS_INIT;
    mproc_rlock_options_t rlock = MPROC_RLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t semaphore = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_event_options_t event = MPROC_EVENT_OPTIONS_INIT;
    mproc_value_options_t value = MPROC_VALUE_OPTIONS_INIT;
    char bytes[BIG];

    memset(s, 0, sizeof *s);
    memset(bytes, 'x', sizeof bytes);
    queue.flags = flags | of_queues;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &queue, &s->empty));
    queue.max_items = 1;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &queue, &s->full));
    CHECK_OK(mproc_queue_put(s->full, "x", 1, 0, NULL));
    make_pipe(NULL, flags | of_pipes, s->quiet);
    make_pipe(NULL, flags | of_pipes, s->packed);
    CHECK_OK(mproc_pipe_send(s->packed[0], bytes, BIG, 0, NULL));
    CHECK_OK(mproc_pipe_send(s->packed[0], bytes, BIG, 0, NULL));
    snprintf(s->open_name, sizeof s->open_name, "wait-pipe-%d", stages++);
    make_pipe(s->open_name, flags | of_pipes, s->open);
    lock.flags = rlock.flags = semaphore.flags = event.flags = value.flags = flags;
    NEED_OK(mproc_lock_create(place_domain(where), NULL, &lock, &s->lock));
    CHECK_OK(mproc_lock_try(s->lock));
    NEED_OK(mproc_rlock_create(place_domain(where), NULL, &rlock, &s->rlock));
    CHECK_OK(mproc_rlock_lock_as(s->rlock, TOKEN, 0, NULL)); /* not the calling thread's */
    NEED_OK(mproc_semaphore_create(place_domain(where), NULL, &semaphore, &s->plain));
    CHECK_OK(mproc_semaphore_try(s->plain));
    semaphore.flags |= MPROC_SEMAPHORE_ACCOUNTING;
    NEED_OK(mproc_semaphore_create(place_domain(where), NULL, &semaphore, &s->accounting));
    CHECK_OK(mproc_semaphore_try(s->accounting));
    NEED_OK(mproc_event_create(place_domain(where), NULL, &event, &s->event));
    value.type_code = MPROC_TYPE_I32;
    NEED_OK(mproc_value_create(place_domain(where), NULL, &value, &s->number));
    value.type_code = MPROC_TYPE_STRUCT;
    value.elem_size = RECORD_SIZE;
    NEED_OK(mproc_value_create(place_domain(where), NULL, &value, &s->record));
}

static void close_all(stage_t *s) {
    int end;
    mproc_queue_close(s->empty);
    mproc_queue_close(s->full);
    for (end = 0; end < 2; end++) {
        mproc_pipe_close(s->quiet[end]);
        mproc_pipe_close(s->packed[end]);
        mproc_pipe_close(s->open[end]);
    }
    mproc_lock_close(s->lock);
    mproc_rlock_close(s->rlock);
    mproc_semaphore_close(s->plain);
    mproc_semaphore_close(s->accounting);
    mproc_event_close(s->event);
    mproc_value_close(s->number);
    mproc_value_close(s->record);
    place_forget(where, s->open_name);
}

static mproc_wait_item_t item(uint32_t condition, const void *object) {
    mproc_wait_item_t i;
    memset(&i, 0, sizeof i);
    i.condition = condition;
    i.object = object;
    return i;
}

static mproc_wait_item_t sized_item(uint32_t condition, const void *object, size_t size) {
    mproc_wait_item_t i = item(condition, object);
    i.size = size;
    return i;
}

static mproc_wait_item_t value_item(const mproc_value_t *value, const void *expected, size_t size) {
    mproc_wait_item_t i = sized_item(MPROC_WAIT_VALUE, value, size);
    i.expected = expected;
    return i;
}

static mproc_wait_item_t thing(const stage_t *s, int which) {
    switch (which) {
    case QUEUE_READ: return item(MPROC_WAIT_QUEUE_READABLE, s->empty);
    case QUEUE_WRITE: return item(MPROC_WAIT_QUEUE_WRITABLE, s->full);
    case PIPE_READ: return item(MPROC_WAIT_PIPE_READABLE, s->quiet[0]);
    case PIPE_WRITE: return sized_item(MPROC_WAIT_PIPE_WRITABLE, s->packed[0], BIG);
    case PIPE_GONE: return item(MPROC_WAIT_PIPE_CLOSED, s->open[0]);
    case LOCK: return item(MPROC_WAIT_LOCK, s->lock);
    case RLOCK: return item(MPROC_WAIT_RLOCK, s->rlock);
    case PERMIT: return item(MPROC_WAIT_SEMAPHORE, s->plain);
    case OWN_PERMIT: return item(MPROC_WAIT_SEMAPHORE, s->accounting);
    case EVENT: return item(MPROC_WAIT_EVENT, s->event);
    case NUMBER: return value_item(s->number, &s->expected_number, sizeof s->expected_number);
    default: return value_item(s->record, s->expected_record, sizeof s->expected_record);
    }
}

static void all_things(const stage_t *s, mproc_wait_item_t *items) {
    int which;
    for (which = 0; which < THINGS; which++) {
        items[which] = thing(s, which);
    }
}

static void make_ready(stage_t *s, int which) {
    char bytes[BIG];
    size_t len = 0;
    memset(bytes, 'y', sizeof bytes);
    switch (which) {
    case QUEUE_READ: CHECK_OK(mproc_queue_put(s->empty, NULL, 0, 0, NULL)); break;
    case QUEUE_WRITE: CHECK_OK(mproc_queue_get(s->full, bytes, sizeof bytes, &len, 0, NULL)); break;
    case PIPE_READ: CHECK_OK(mproc_pipe_send(s->quiet[1], NULL, 0, 0, NULL)); break;
    case PIPE_WRITE: CHECK_OK(mproc_pipe_recv(s->packed[1], bytes, sizeof bytes, &len, 0, NULL)); break;
    case PIPE_GONE:
        mproc_pipe_close(s->open[1]);
        s->open[1] = NULL;
        break;
    case LOCK: CHECK_OK(mproc_lock_unlock(s->lock)); break;
    case RLOCK: CHECK_OK(mproc_rlock_unlock_as(s->rlock, TOKEN)); break;
    case PERMIT: CHECK_OK(mproc_semaphore_release(s->plain, 1)); break;
    case OWN_PERMIT: CHECK_OK(mproc_semaphore_release(s->accounting, 1)); break;
    case EVENT: CHECK_OK(mproc_event_set(s->event)); break;
    case NUMBER:
        CHECK_OK(mproc_value_set_i64(s->number, 1));
        CHECK_OK(mproc_value_notify(s->number, 1));
        break;
    default:
        CHECK_OK(mproc_value_store(s->record, bytes, RECORD_SIZE));
        CHECK_OK(mproc_value_notify(s->record, UINT32_MAX));
    }
}

/* Takes what was ready, by the call that belongs to it: so it still was there. */
static void take(stage_t *s, int which) {
    char bytes[BIG];
    size_t len = 7;
    memset(bytes, 'z', sizeof bytes);
    switch (which) {
    case QUEUE_READ: CHECK_OK(mproc_queue_get(s->empty, NULL, 0, &len, 0, NULL)); break;
    case QUEUE_WRITE: CHECK_OK(mproc_queue_put(s->full, "x", 1, 0, NULL)); break;
    case PIPE_READ: CHECK_OK(mproc_pipe_recv(s->quiet[0], NULL, 0, &len, 0, NULL)); break;
    case PIPE_WRITE: CHECK_OK(mproc_pipe_send(s->packed[0], bytes, BIG, 0, NULL)); break;
    case PIPE_GONE:
        CHECK_IS(MPROC_EOF, mproc_pipe_poll(s->open[0], MPROC_FOREVER, NULL));
        CHECK_OK(mproc_pipe_open(place_domain(where), s->open_name, NULL, 1, &s->open[1]));
        break;
    case LOCK: CHECK_OK(mproc_lock_try(s->lock)); break;
    case RLOCK: CHECK_OK(mproc_rlock_lock_as(s->rlock, TOKEN, 0, NULL)); break;
    case PERMIT: CHECK_OK(mproc_semaphore_try(s->plain)); break;
    case OWN_PERMIT: CHECK_OK(mproc_semaphore_try(s->accounting)); break;
    case EVENT: CHECK_OK(mproc_event_clear(s->event)); break;
    case NUMBER: CHECK_OK(mproc_value_set_i64(s->number, 0)); break;
    default: CHECK_OK(mproc_value_store(s->record, s->expected_record, RECORD_SIZE));
    }
}

/* What to say when a check in a loop over things fails. */
static void failed_with(int before, int which) {
    if (__atomic_load_n(&check_counts->failed, __ATOMIC_SEQ_CST) != before) {
        fprintf(stderr, "    with thing %d of api_wait.c\n", which);
    }
}

static const uint32_t ways[] = {0, MPROC_NO_SPIN, MPROC_RETURN_ON_SIGNAL, OTHER_KIND};
enum { WAYS = sizeof ways / sizeof *ways };

/* One item: not ready. */
#define NOT_READY(i) CHECK_IS(MPROC_ETIMEDOUT, mproc_wait((i), 1, 0, NULL, NULL, NULL))
/* One item: ready, whatever the timeout. */
#define READY(i) (CHECK_OK(mproc_wait((i), 1, 0, NULL, NULL, NULL)), \
                  CHECK_OK(mproc_wait((i), 1, MPROC_FOREVER, NULL, NULL, NULL)))

static void each_condition(void) {
    int way, which, again;
    for (way = 0; way < WAYS; way++) {
        stage_t s;
        make(&s, ways[way]);
        for (which = 0; which < THINGS; which++) {
            mproc_wait_item_t i = thing(&s, which);
            int before = check_counts->failed;
            for (again = 0; again < 2; again++) {
                uint32_t index = 7;
                size_t count = 7;
                NOT_READY(&i);
                CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(&i, 1, 2 * API_MS, NULL, &index, &count));
                make_ready(&s, which);
                CHECK_OK(mproc_wait(&i, 1, 0, NULL, &index, &count));
                CHECK_INT(0, index);
                CHECK_INT(1, count);
                index = 7;
                CHECK_OK(mproc_wait(&i, 1, MPROC_FOREVER, NULL, &index, NULL)); /* it still is */
                CHECK_INT(0, index);
                count = 7;
                CHECK_OK(mproc_wait(&i, 1, 2 * API_MS, NULL, NULL, &count));
                CHECK_INT(1, count);
                take(&s, which);
                NOT_READY(&i);
            }
            failed_with(before, which);
        }
        close_all(&s);
    }
}

/* Any of them at once: all that are ready are named, ascending, and no other. */
static void several_at_once(void) {
    mproc_wait_item_t items[THINGS];
    uint32_t random = 4711, ready[THINGS];
    int round, which;
    stage_t s;

    make(&s, 0);
    all_things(&s, items);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, THINGS, 0, NULL, NULL, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, THINGS, 2 * API_MS, NULL, NULL, NULL));
    for (round = 0; round < 40; round++) {
        size_t count = 99, k = 0;
        uint32_t subset;
        random = random * 1664525u + 1013904223u;
        subset = round == 0 ? (1u << THINGS) - 1 : random >> (32 - THINGS);
        for (which = 0; which < THINGS; which++) {
            if (subset >> which & 1) {
                make_ready(&s, which);
            }
        }
        memset(ready, '#', sizeof ready);
        CHECK_IS(subset == 0 ? MPROC_ETIMEDOUT : MPROC_OK,
                 mproc_wait(items, THINGS, subset == 0 ? 0 : MPROC_FOREVER, NULL, ready, &count));
        for (which = 0; which < THINGS; which++) {
            if (subset >> which & 1) {
                CHECK(k < count && ready[k] == (uint32_t)which);
                k++;
                take(&s, which);
            }
        }
        CHECK(subset == 0 || k == count);
    }
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, THINGS, 2 * API_MS, NULL, ready, NULL));
    close_all(&s);
}

/* The same object more than once: through one handle, through two, and under several conditions. */
static void the_same_twice(void) {
    mproc_queue_t *queue = NULL, *again = NULL;
    mproc_event_t *event = NULL;
    mproc_value_t *number = NULL;
    mproc_value_options_t i32 = MPROC_VALUE_OPTIONS_INIT;
    mproc_pipe_t *ends[2];
    mproc_wait_item_t items[8];
    int32_t five = 5, seven = 7;
    uint32_t ready[8];
    size_t count = 0, len = 0;

    NEED_OK(mproc_queue_create(place_domain(where), "wait-twice", NULL, &queue));
    NEED_OK(mproc_queue_open(place_domain(where), "wait-twice", NULL, &again));
    items[0] = items[2] = item(MPROC_WAIT_QUEUE_READABLE, queue);
    items[1] = item(MPROC_WAIT_QUEUE_READABLE, again);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, 3, 2 * API_MS, NULL, ready, &count));
    items[3] = sized_item(MPROC_WAIT_QUEUE_WRITABLE, queue, 100);
    CHECK_OK(mproc_wait(items, 4, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 1 && ready[0] == 3);
    CHECK_OK(mproc_queue_put(queue, "x", 1, 0, NULL));
    CHECK_OK(mproc_wait(items, 4, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 4 && ready[0] == 0 && ready[1] == 1 && ready[2] == 2 && ready[3] == 3);
    mproc_queue_close(queue);
    mproc_queue_close(again);
    place_forget(where, "wait-twice");

    NEED_OK(mproc_event_create(place_domain(where), NULL, NULL, &event));
    items[0] = items[1] = items[2] = item(MPROC_WAIT_EVENT, event);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, 3, 2 * API_MS, NULL, ready, &count));
    CHECK_OK(mproc_event_set(event));
    CHECK_OK(mproc_wait(items, 3, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 3 && ready[0] == 0 && ready[1] == 1 && ready[2] == 2);
    mproc_event_close(event);

    i32.type_code = MPROC_TYPE_I32;
    i32.initial = &five;
    NEED_OK(mproc_value_create(place_domain(where), NULL, &i32, &number));
    items[0] = value_item(number, &five, sizeof five);
    items[1] = value_item(number, &seven, sizeof seven);
    items[2] = value_item(number, NULL, 0);
    CHECK_OK(mproc_wait(items, 3, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 1 && ready[0] == 1);
    CHECK_OK(mproc_value_set_i64(number, 7));
    CHECK_OK(mproc_wait(items, 3, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 1 && ready[0] == 0);
    mproc_value_close(number);

    make_pipe(NULL, 0, ends);
    items[0] = item(MPROC_WAIT_PIPE_CLOSED, ends[0]);
    items[1] = item(MPROC_WAIT_PIPE_READABLE, ends[0]);
    items[2] = sized_item(MPROC_WAIT_PIPE_WRITABLE, ends[0], 10);
    items[3] = item(MPROC_WAIT_PIPE_READABLE, ends[1]);
    CHECK_OK(mproc_wait(items, 4, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 1 && ready[0] == 2);
    CHECK_OK(mproc_pipe_send(ends[1], "x", 1, 0, NULL));
    CHECK_OK(mproc_wait(items, 4, MPROC_FOREVER, NULL, ready, &count));
    CHECK(count == 2 && ready[0] == 1 && ready[1] == 2);
    mproc_pipe_close(ends[1]);
    CHECK_OK(mproc_wait(items, 1, MPROC_FOREVER, NULL, ready, &count));
    CHECK_OK(mproc_wait(items, 3, MPROC_FOREVER, NULL, ready, &count)); /* closed, a message, and sending would fail */
    CHECK(count == 3 && ready[0] == 0 && ready[1] == 1 && ready[2] == 2);
    CHECK_OK(mproc_pipe_recv(ends[0], &ready, sizeof ready, &len, 0, NULL));
    CHECK_OK(mproc_wait(items, 3, MPROC_FOREVER, NULL, ready, &count)); /* closed, and nothing left */
    CHECK(count == 3);
    mproc_pipe_close(ends[0]);
}

typedef struct {
    const mproc_wait_item_t *items;
    size_t count;
    uint32_t wanted; /* the only one that gets ready */
    mproc_cancel_t *cancel;
} wait_t;

static void wait_for_one_of(void *argument) {
    wait_t *w = (wait_t *)argument;
    uint32_t ready[MPROC_WAIT_MAX];
    size_t count = 0;
    CHECK_OK(mproc_wait(w->items, w->count, MPROC_FOREVER, w->cancel, ready, &count));
    CHECK_INT(1, count);
    CHECK_INT(w->wanted, ready[0]);
}

/* As many as there can be, of one kind and of all kinds; the token makes one more word to sleep on. */
static void as_many_as_possible(void) {
    static const int last[] = {QUEUE_READ, QUEUE_WRITE, PIPE_READ, PIPE_WRITE, LOCK, RLOCK, PERMIT, OWN_PERMIT, EVENT};
    mproc_event_t *events[MPROC_WAIT_MAX];
    mproc_wait_item_t items[MPROC_WAIT_MAX + 1];
    uint32_t ready[MPROC_WAIT_MAX];
    mproc_cancel_t *cancel = NULL;
    size_t count = 0, k;
    party_t waiter;
    wait_t w;
    stage_t s;
    int as_process, bad = 0;

    NEED_OK(mproc_cancel_create(&cancel));
    for (k = 0; k < MPROC_WAIT_MAX; k++) {
        NEED_OK(mproc_event_create(place_domain(where), NULL, NULL, &events[k]));
        items[k] = item(MPROC_WAIT_EVENT, events[k]);
    }
    items[MPROC_WAIT_MAX] = items[0];
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, MPROC_WAIT_MAX + 1, 0, NULL, NULL, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, MPROC_WAIT_MAX, 2 * API_MS, cancel, ready, &count));
    w.items = items;
    w.count = MPROC_WAIT_MAX;
    for (as_process = 0; as_process < 2; as_process++) {
        for (k = 0; k < MPROC_WAIT_MAX; k += 25) { /* the first, the last, and some between */
            w.wanted = (uint32_t)k;
            w.cancel = as_process ? NULL : cancel;
            party_start(&waiter, as_process, wait_for_one_of, &w);
            party_await_sleep(&waiter);
            CHECK_OK(mproc_event_set(events[k]));
            party_join(&waiter);
            CHECK_OK(mproc_event_clear(events[k]));
        }
    }
    for (k = 0; k < MPROC_WAIT_MAX; k++) {
        CHECK_OK(mproc_event_set(events[k]));
    }
    CHECK_OK(mproc_wait(items, MPROC_WAIT_MAX, 0, cancel, ready, &count));
    CHECK_INT(MPROC_WAIT_MAX, count);
    for (k = 0; k < count; k++) {
        bad += ready[k] != k;
    }
    CHECK_INT(0, bad);
    for (k = 0; k < MPROC_WAIT_MAX; k++) {
        mproc_event_close(events[k]);
    }

    make(&s, 0);
    for (k = 0; k < MPROC_WAIT_MAX; k++) {
        items[k] = thing(&s, (int)(k % THINGS));
    }
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, MPROC_WAIT_MAX, 2 * API_MS, cancel, ready, &count));
    for (k = 0; k < sizeof last / sizeof *last; k++) { /* only the last of many gets ready */
        size_t n;
        for (n = 0; n < MPROC_WAIT_MAX - 1; n++) {
            items[n] = thing(&s, (last[k] + 1 + (int)(n % (THINGS - 1))) % THINGS);
        }
        items[n] = thing(&s, last[k]);
        w.wanted = MPROC_WAIT_MAX - 1;
        w.cancel = cancel;
        party_start(&waiter, 0, wait_for_one_of, &w);
        party_await_sleep(&waiter);
        make_ready(&s, last[k]);
        party_join(&waiter);
        take(&s, last[k]);
    }
    close_all(&s);
    mproc_cancel_close(cancel);
}

/* ---- waking ---- */

typedef struct {
    stage_t *stage;
    int which;
    int as_process;
} waiter_t;

static void wait_for_it(void *argument) {
    waiter_t *w = (waiter_t *)argument;
    mproc_wait_item_t i = thing(w->stage, w->which);
    uint32_t index = 7;
    size_t count = 7;
    if (w->as_process) {
        mproc_pipe_close(w->stage->open[1]); /* the fork's: this end is over when the other process closes it */
    }
    CHECK_OK(mproc_wait(&i, 1, MPROC_FOREVER, NULL, &index, &count));
    CHECK_INT(1, count);
    CHECK_INT(0, index);
}

/* A thread or another process sleeps, and is woken by what it waits for. */
static void each_wakes(void) {
    int way, as_process, which;
    for (way = 0; way < WAYS; way++) {
        for (as_process = 0; as_process < 1 + place_is_memory(where); as_process++) { /* far, a child has no pipes */
            for (which = 0; which < THINGS; which++) {
                int before = check_counts->failed;
                waiter_t w;
                party_t party;
                stage_t s;
                make(&s, ways[way]);
                w.stage = &s;
                w.which = which;
                w.as_process = as_process;
                party_start(&party, as_process, wait_for_it, &w);
                party_await_sleep(&party);
                make_ready(&s, which);
                party_join(&party);
                take(&s, which);
                failed_with(before, which);
                close_all(&s);
            }
        }
    }
}

typedef struct {
    stage_t *stage;
    int as_process;
    int rounds;
    int *seen; /* shared: how many rounds the waiter has ended, */
    int *next; /* how many it may begin, */
    int *which; /* and what was ready in the last one */
} dialogue_t;

static void wait_for_all(void *argument) {
    dialogue_t *d = (dialogue_t *)argument;
    mproc_wait_item_t items[THINGS];
    int round;
    all_things(d->stage, items);
    if (d->as_process) {
        mproc_pipe_close(d->stage->open[1]);
    }
    for (round = 1; round <= d->rounds; round++) {
        uint32_t ready[THINGS];
        size_t count = 0;
        AWAIT(__atomic_load_n(d->next, __ATOMIC_SEQ_CST) >= round);
        CHECK_OK(mproc_wait(items, THINGS, MPROC_FOREVER, NULL, ready, &count));
        CHECK_INT(1, count);
        __atomic_store_n(d->which, (int)ready[0], __ATOMIC_SEQ_CST);
        __atomic_store_n(d->seen, round, __ATOMIC_SEQ_CST);
    }
}

/* Waiting for all, over and over; each time another one is what happens. */
static void all_wake(void) {
    int way, as_process, round;
    for (way = 0; way < WAYS; way += 2) {
        for (as_process = 0; as_process < 1 + place_is_memory(where); as_process++) {
            int *words = (int *)api_shared(3 * sizeof *words);
            dialogue_t d;
            party_t party;
            stage_t s;
            make(&s, ways[way]);
            d.stage = &s;
            d.as_process = as_process;
            d.rounds = (api_slow() ? 1 : 8) * THINGS;
            d.seen = &words[0];
            d.next = &words[1];
            d.which = &words[2];
            party_start(&party, as_process, wait_for_all, &d);
            for (round = 1; round <= d.rounds; round++) {
                int which = round * 5 % THINGS;
                __atomic_store_n(d.next, round, __ATOMIC_SEQ_CST);
                if (round % 3 != 0) { /* and sometimes it is early */
                    party_await_sleep(&party);
                }
                make_ready(&s, which);
                AWAIT(__atomic_load_n(d.seen, __ATOMIC_SEQ_CST) == round);
                CHECK_INT(which, __atomic_load_n(d.which, __ATOMIC_SEQ_CST));
                take(&s, which);
            }
            party_join(&party);
            close_all(&s);
            munmap(words, 3 * sizeof *words);
        }
    }
}

/* An event counts also when it is cleared at once, and a notification when the value is the same again. */
static void what_has_been(void) {
    static const int32_t zero = 0;
    int as_process, which;
    for (as_process = 0; as_process < 2; as_process++) {
        for (which = 0; which < 2; which++) {
            mproc_wait_item_t i;
            party_t waiter;
            stage_t s;
            wait_t w;
            make(&s, 0);
            i = which == 0 ? item(MPROC_WAIT_EVENT, s.event) : value_item(s.number, NULL, 0);
            w.items = &i;
            w.count = 1;
            w.wanted = 0;
            w.cancel = NULL;
            CHECK_OK(mproc_event_set(s.event));
            CHECK_OK(mproc_event_clear(s.event));
            CHECK_OK(mproc_value_notify(s.number, UINT32_MAX));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(&i, 1, 2 * API_MS, NULL, NULL, NULL)); /* that was before */
            party_start(&waiter, as_process, wait_for_one_of, &w);
            party_await_sleep(&waiter);
            if (which == 0) {
                CHECK_OK(mproc_event_set(s.event));
                CHECK_OK(mproc_event_clear(s.event));
            } else {
                CHECK_OK(mproc_value_store(s.number, &zero, sizeof zero));
                CHECK_OK(mproc_value_notify(s.number, 1));
            }
            party_join(&waiter);
            NOT_READY(&i);
            close_all(&s);
        }
    }
}

/* ---- what ends a wait ---- */

static void wait_canceled(void *argument) {
    wait_t *w = (wait_t *)argument;
    size_t count = 7;
    CHECK_IS(MPROC_ECANCELED, mproc_wait(w->items, w->count, MPROC_FOREVER, w->cancel, NULL, &count));
    CHECK_IS(MPROC_ECANCELED, mproc_wait(w->items, w->count, MPROC_FOREVER, w->cancel, NULL, &count)); /* still */
}

static void canceling(void) {
    mproc_wait_item_t items[THINGS];
    mproc_cancel_t *cancel = NULL;
    int way, which;

    NEED_OK(mproc_cancel_create(&cancel));
    for (way = 0; way < WAYS; way++) {
        stage_t s;
        make(&s, ways[way]);
        all_things(&s, items);
        for (which = 0; which <= THINGS; which++) {
            party_t waiter;
            wait_t w;
            w.items = which < THINGS ? &items[which] : items;
            w.count = which < THINGS ? 1 : THINGS;
            w.cancel = cancel;
            party_start(&waiter, 0, wait_canceled, &w);
            party_await_sleep(&waiter);
            CHECK_OK(mproc_cancel_set(cancel));
            party_join(&waiter);
            if (which < THINGS) {
                make_ready(&s, which);
                CHECK_OK(mproc_wait(&items[which], 1, MPROC_FOREVER, cancel, NULL, NULL)); /* needs no waiting */
                take(&s, which);
            }
            CHECK_OK(mproc_cancel_clear(cancel));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(w.items, w.count, 2 * API_MS, cancel, NULL, NULL));
        }
        close_all(&s);
    }
    mproc_cancel_close(cancel);
}

static int handled;

static void count_signal(int signal_number) {
    (void)signal_number;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

typedef struct {
    pthread_t victim;
    int stop;
} sender_t;

static void keep_sending(void *argument) {
    sender_t *sender = (sender_t *)argument;
    struct timespec pause = {0, 300000};
    while (!__atomic_load_n(&sender->stop, __ATOMIC_SEQ_CST)) {
        CHECK_INT(0, pthread_kill(sender->victim, SIGUSR1));
        nanosleep(&pause, NULL);
    }
}

static void start_sending(party_t *party, sender_t *sender) {
    sender->victim = pthread_self();
    sender->stop = 0;
    __atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
    party_start(party, 0, keep_sending, sender);
}

static void stop_sending(party_t *party, sender_t *sender) {
    __atomic_store_n(&sender->stop, 1, __ATOMIC_SEQ_CST);
    party_join(party);
}

/* One handle that asked for it is enough; without any the wait goes on. */
static void signals(void) {
    mproc_cancel_t *cancel = NULL;
    struct sigaction action, before;
    int restart, which, with_token;

    NEED_OK(mproc_cancel_create(&cancel));
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    CHECK_INT(0, sigaction(SIGUSR1, &action, &before));
    for (restart = 0; restart < 2; restart++) {
        stage_t deaf, s;
        action.sa_flags = restart ? SA_RESTART : 0;
        CHECK_INT(0, sigaction(SIGUSR1, &action, NULL));
        make(&deaf, 0);
        make(&s, MPROC_RETURN_ON_SIGNAL);
        for (with_token = 0; with_token < 2; with_token++) {
            const mproc_cancel_t *token = with_token ? cancel : NULL;
            mproc_wait_item_t items[THINGS + 1], ready;
            sender_t sender;
            party_t party;
            all_things(&deaf, items);
            for (which = 0; which < THINGS; which++) {
                int failed = check_counts->failed;
                items[THINGS] = thing(&s, which);
                start_sending(&party, &sender);
                CHECK_IS(MPROC_EINTR, mproc_wait(items, THINGS + 1, MPROC_FOREVER, token, NULL, NULL));
                CHECK_IS(MPROC_EINTR, mproc_wait(&items[THINGS], 1, 3600 * 1000 * API_MS, token, NULL, NULL));
                CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, THINGS + 1, 0, token, NULL, NULL)); /* did not wait */
                stop_sending(&party, &sender);
                CHECK(handled > 0);
                failed_with(failed, which);
            }
            start_sending(&party, &sender);
            do {
                __atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
                CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(items, THINGS, 10 * API_MS, token, NULL, NULL));
            } while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) < 3);
            make_ready(&s, EVENT);
            ready = thing(&s, EVENT);
            CHECK_OK(mproc_wait(&ready, 1, MPROC_FOREVER, token, NULL, NULL));
            take(&s, EVENT);
            stop_sending(&party, &sender);
        }
        close_all(&s);
        close_all(&deaf);
        check_watchdog();
    }
    CHECK_INT(0, sigaction(SIGUSR1, &before, NULL));
    mproc_cancel_close(cancel);
}

/* ---- what does not fit ---- */

/* Writable is what a put of that size would find at this moment: over many fills, sizes, and bounds. */
static void writable_sizes(void) {
    static const uint32_t bounds[] = {0, 1, 3};
    static const char bytes[4096];
    size_t bound, len;
    uint32_t random = 815;
    for (bound = 0; bound < sizeof bounds / sizeof *bounds; bound++) {
        mproc_queue_options_t small = MPROC_QUEUE_OPTIONS_INIT;
        mproc_queue_t *queue = NULL;
        mproc_queue_info_t info;
        mproc_wait_item_t i;
        char buf[4096];
        int round, differ = 0, refused = 0;
        small.capacity_bytes = 4096;
        small.max_items = bounds[bound];
        NEED_OK(mproc_queue_create(place_domain(where), NULL, &small, &queue));
        CHECK_OK(mproc_queue_info(queue, &info, sizeof info));
        i = sized_item(MPROC_WAIT_QUEUE_WRITABLE, queue, (size_t)info.max_message + 1);
        CHECK_IS(MPROC_E2BIG, mproc_wait(&i, 1, 0, NULL, NULL, NULL));
        CHECK_IS(MPROC_E2BIG, mproc_wait(&i, 1, MPROC_FOREVER, NULL, NULL, NULL));
        i.size = SIZE_MAX;
        CHECK_IS(MPROC_E2BIG, mproc_wait(&i, 1, MPROC_FOREVER, NULL, NULL, NULL));
        i.size = (size_t)info.max_message;
        READY(&i);
        for (round = 0; round < 1000; round++) {
            size_t size;
            int fits, put;
            random = random * 1664525u + 1013904223u;
            size = (random >> 8) % (random & 16 ? 64 : (uint32_t)info.max_message + 1);
            i.size = size;
            fits = mproc_wait(&i, 1, 0, NULL, NULL, NULL);
            put = mproc_queue_put(queue, bytes, size, 0, NULL);
            differ += fits != put || (put != MPROC_OK && put != MPROC_ETIMEDOUT);
            if (put != MPROC_OK) {
                refused++;
                CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
            }
        }
        CHECK_INT(0, differ);
        CHECK(refused > 50);
        mproc_queue_close(queue);
    }
    {
        mproc_pipe_t *ends[2];
        mproc_pipe_info_t info;
        mproc_wait_item_t i;
        char buf[4096];
        int round, differ = 0, refused = 0;
        make_pipe(NULL, 0, ends);
        CHECK_OK(mproc_pipe_info(ends[0], &info, sizeof info));
        i = sized_item(MPROC_WAIT_PIPE_WRITABLE, ends[0], (size_t)info.max_message + 1);
        CHECK_IS(MPROC_E2BIG, mproc_wait(&i, 1, MPROC_FOREVER, NULL, NULL, NULL));
        i.size = (size_t)info.max_message;
        READY(&i);
        for (round = 0; round < 1000; round++) {
            int fits, sent;
            random = random * 1664525u + 1013904223u;
            i.size = (random >> 8) % (random & 16 ? 64 : (uint32_t)info.max_message + 1);
            fits = mproc_wait(&i, 1, 0, NULL, NULL, NULL);
            sent = mproc_pipe_send(ends[0], bytes, i.size, 0, NULL);
            differ += fits != sent || (sent != MPROC_OK && sent != MPROC_ETIMEDOUT);
            if (sent != MPROC_OK) {
                refused++;
                CHECK_OK(mproc_pipe_recv(ends[1], buf, sizeof buf, &len, 0, NULL));
            }
        }
        CHECK_INT(0, differ);
        CHECK(refused > 50);
        mproc_pipe_close(ends[0]);
        mproc_pipe_close(ends[1]);
    }
}

/* Each status of the documentation; nothing is said about the good ones beside the bad one. */
static void errors(void) {
    mproc_pipe_t *one_way[2];
    mproc_wait_item_t items[2], bad;
    uint32_t index = 7;
    size_t count = 7;
    int which;
    stage_t s;

    make(&s, 0);
    make_ready(&s, EVENT);
    make_pipe(NULL, MPROC_PIPE_ONEWAY, one_way);
    items[0] = thing(&s, EVENT);
#define REFUSED(status) CHECK_IS((status), mproc_wait(items, 2, MPROC_FOREVER, NULL, &index, &count))
    items[1] = item(MPROC_WAIT_PIPE_READABLE, one_way[1]);
    REFUSED(MPROC_ENOTSUP);
    items[1] = item(MPROC_WAIT_PIPE_WRITABLE, one_way[0]);
    REFUSED(MPROC_ENOTSUP);
    items[1] = value_item(s.number, "12345678", 8);
    REFUSED(MPROC_ETYPE);
    items[1] = value_item(s.record, &s.expected_number, sizeof s.expected_number);
    REFUSED(MPROC_ETYPE);
    items[1] = item(0, s.event);
    REFUSED(MPROC_EINVAL);
    items[1] = item(MPROC_WAIT_VALUE + 1, s.event);
    REFUSED(MPROC_EINVAL);
    items[1] = item(UINT32_MAX, s.event);
    REFUSED(MPROC_EINVAL);
    for (which = 0; which < THINGS; which++) { /* fields that must be unused, and none that may be NULL */
        bad = thing(&s, which);
        items[1] = bad;
        items[1].object = NULL;
        REFUSED(MPROC_EINVAL);
        items[1] = bad;
        items[1].reserved = 1;
        REFUSED(MPROC_EINVAL);
        if (bad.condition == MPROC_WAIT_VALUE) {
            items[1] = bad;
            items[1].expected = NULL; /* with a size */
            REFUSED(MPROC_EINVAL);
            continue;
        }
        items[1] = bad;
        items[1].expected = "x";
        REFUSED(MPROC_EINVAL);
        if (bad.condition != MPROC_WAIT_QUEUE_WRITABLE && bad.condition != MPROC_WAIT_PIPE_WRITABLE) {
            items[1] = bad;
            items[1].size = 1;
            REFUSED(MPROC_EINVAL);
        }
    }
#undef REFUSED
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 0, 0, NULL, &index, &count));
    CHECK_IS(MPROC_EINVAL, mproc_wait(NULL, 1, 0, NULL, &index, &count));
    CHECK_IS(MPROC_EINVAL, mproc_wait(items, 1, -2, NULL, &index, &count));
    CHECK_INT(7, index);
    CHECK_INT(7, count);
    items[1] = sized_item(MPROC_WAIT_PIPE_WRITABLE, one_way[1], 10);
    CHECK_OK(mproc_wait(&items[1], 1, 0, NULL, NULL, NULL)); /* the ends of a one-way pipe for what they do */
    items[1] = item(MPROC_WAIT_PIPE_READABLE, one_way[0]);
    NOT_READY(&items[1]);
    CHECK_OK(mproc_pipe_send(one_way[1], "x", 1, 0, NULL));
    READY(&items[1]);
    mproc_pipe_close(one_way[0]);
    mproc_pipe_close(one_way[1]);
    close_all(&s);
}

/* The rlock is ready for the thread that has it, and for no other. */
static void rlock_not_free(void *argument) {
    mproc_wait_item_t i = item(MPROC_WAIT_RLOCK, argument);
    NOT_READY(&i);
}

static void rlock_of_this_thread(void) {
    mproc_rlock_t *rlock = NULL;
    mproc_wait_item_t i;
    party_t other;
    int as_process;

    NEED_OK(mproc_rlock_create(place_domain(where), NULL, NULL, &rlock));
    i = item(MPROC_WAIT_RLOCK, rlock);
    READY(&i);
    CHECK_OK(mproc_rlock_lock(rlock, 0, NULL));
    CHECK_OK(mproc_rlock_lock(rlock, 0, NULL));
    READY(&i);
    for (as_process = 0; as_process < 2; as_process++) {
        party_start(&other, as_process, rlock_not_free, rlock);
        party_join(&other);
    }
    CHECK_OK(mproc_rlock_unlock(rlock));
    READY(&i);
    CHECK_OK(mproc_rlock_unlock(rlock));
    CHECK_OK(mproc_rlock_lock_as(rlock, TOKEN, 0, NULL));
    NOT_READY(&i);
    CHECK_OK(mproc_rlock_unlock_as(rlock, TOKEN));
    mproc_rlock_close(rlock);
}

/* ---- queues and pipes in every state ---- */

static void states_of_a_queue(void) {
    static const char bytes[BIG];
    mproc_wait_item_t read, write;
    mproc_queue_t *queue = NULL;
    mproc_queue_options_t small = MPROC_QUEUE_OPTIONS_INIT;
    mproc_view_t view, second;
    uint64_t lease = 0;
    char buf[16];
    size_t len = 0;

    small.max_items = 2;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &small, &queue));
    read = item(MPROC_WAIT_QUEUE_READABLE, queue);
    write = item(MPROC_WAIT_QUEUE_WRITABLE, queue);
    CHECK_OK(mproc_queue_reserve(queue, 8, &view, 0, NULL));
    NOT_READY(&read); /* not yet committed */
    READY(&write);
    CHECK_OK(mproc_queue_reserve(queue, 8, &second, 0, NULL));
    NOT_READY(&write); /* two items */
    CHECK_OK(mproc_queue_commit(queue, second.id, 0));
    READY(&read); /* goes past the first one */
    CHECK_OK(mproc_queue_abort(queue, view.id));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    NOT_READY(&read);
    READY(&write);

    CHECK_OK(mproc_queue_put(queue, "job", 3, 0, NULL));
    CHECK_OK(mproc_queue_lease(queue, buf, sizeof buf, &len, &lease, 0, NULL));
    NOT_READY(&read);
    CHECK_OK(mproc_queue_putback(queue, lease));
    READY(&read);
    CHECK_IS(MPROC_RECOVERED, mproc_queue_peek(queue, &view, 0, NULL));
    NOT_READY(&read);
    CHECK_OK(mproc_queue_put(queue, "next", 4, 0, NULL));
    READY(&read);
    CHECK_OK(mproc_queue_release(queue, view.id));
    READY(&write);
    CHECK_OK(mproc_queue_shutdown(queue, 0));
    READY(&read);
    READY(&write); /* to be refused */
    CHECK_IS(MPROC_ECLOSED, mproc_queue_put(queue, "x", 1, 0, NULL));
    CHECK_OK(mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    READY(&read); /* there will be no more */
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(queue, buf, sizeof buf, &len, 0, NULL));
    CHECK_OK(mproc_queue_shutdown(queue, 1));
    READY(&read);
    READY(&write);
    mproc_queue_close(queue);

    small.capacity_bytes = 4096;
    small.max_items = 0;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, &small, &queue));
    write = sized_item(MPROC_WAIT_QUEUE_WRITABLE, queue, BIG);
    CHECK_OK(mproc_queue_put(queue, bytes, BIG, 0, NULL));
    READY(&write);
    CHECK_OK(mproc_queue_put(queue, bytes, BIG, 0, NULL));
    NOT_READY(&write);
    CHECK_OK(mproc_queue_peek(queue, &view, 0, NULL));
    NOT_READY(&write); /* what is held keeps its room, and that of what is behind it */
    CHECK_OK(mproc_queue_peek(queue, &second, 0, NULL));
    CHECK_OK(mproc_queue_release(queue, second.id));
    NOT_READY(&write);
    CHECK_OK(mproc_queue_release(queue, view.id));
    READY(&write);
    mproc_queue_close(queue);
}

static void states_of_a_pipe(void) {
    mproc_wait_item_t read, write, closed;
    mproc_pipe_t *ends[2], *late = NULL;
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    mproc_view_t view;
    char buf[16];
    size_t len = 0;

    make_pipe(NULL, 0, ends);
    read = item(MPROC_WAIT_PIPE_READABLE, ends[0]);
    write = item(MPROC_WAIT_PIPE_WRITABLE, ends[0]);
    closed = item(MPROC_WAIT_PIPE_CLOSED, ends[0]);
    CHECK_OK(mproc_pipe_reserve(ends[1], 8, &view, 0, NULL));
    CHECK_OK(mproc_pipe_send(ends[1], "next", 4, 0, NULL));
    NOT_READY(&read); /* it would overtake */
    CHECK_OK(mproc_pipe_commit(ends[1], view.id, 0));
    READY(&read);
    CHECK_OK(mproc_pipe_peek(ends[0], &view, 0, NULL));
    READY(&read);
    CHECK_OK(mproc_pipe_recv(ends[0], buf, sizeof buf, &len, 0, NULL));
    NOT_READY(&read);
    CHECK_OK(mproc_pipe_putback(ends[0], view.id));
    READY(&read);
    NOT_READY(&closed);
    mproc_pipe_close(ends[1]);
    READY(&closed);
    READY(&read);
    READY(&write);
    CHECK_OK(mproc_pipe_recv(ends[0], buf, sizeof buf, &len, 0, NULL));
    READY(&read);
    CHECK_IS(MPROC_EOF, mproc_pipe_recv(ends[0], buf, sizeof buf, &len, 0, NULL));
    mproc_pipe_close(ends[0]);

    NEED_OK(mproc_pipe_create(place_domain(where), "wait-late", &options, &ends[0], NULL));
    read.object = write.object = closed.object = ends[0];
    NOT_READY(&closed); /* not yet opened is not gone */
    NOT_READY(&read);
    READY(&write);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(&closed, 1, 150 * API_MS, NULL, NULL, NULL)); /* longer than it looks around */
    NEED_OK(mproc_pipe_open(place_domain(where), "wait-late", NULL, 1, &late));
    NOT_READY(&closed);
    mproc_pipe_close(late);
    READY(&closed);
    mproc_pipe_close(ends[0]);
    place_forget(where, "wait-late");
}

/* ---- the dead ---- */

enum {
    DEAD_LOCK,
    DEAD_RLOCK,
    DEAD_PERMIT,
    DEAD_END_CLOSED,
    DEAD_END_READ,
    DEAD_END_WRITE,
    DEAD_PRODUCER,
    DEAD_LEASE,
    DEAD_LEASE_DRAINING,
    DEAD_PEEK,
    DEAD_RESERVATION,
    DEAD_WRITER,
    DEATHS
};

typedef struct {
    stage_t s;
    mproc_queue_t *queue;
    int which;
    check_gate_t *taken;
} death_t;

/* In the process that will be killed. */
static void take_and_hold(void *argument) {
    death_t *d = (death_t *)argument;
    stage_t *s = &d->s;
    mproc_view_t view;
    char buf[16];
    size_t len;
    uint64_t lease;
    switch (d->which) {
    case DEAD_LOCK: CHECK_OK(mproc_lock_lock(s->lock, MPROC_FOREVER, NULL)); break;
    case DEAD_RLOCK:
        CHECK_OK(mproc_rlock_lock(s->rlock, MPROC_FOREVER, NULL));
        CHECK_OK(mproc_rlock_lock(s->rlock, MPROC_FOREVER, NULL));
        break;
    case DEAD_PERMIT: CHECK_OK(mproc_semaphore_acquire(s->accounting, MPROC_FOREVER, NULL)); break;
    case DEAD_PRODUCER: CHECK_OK(mproc_queue_producer(s->empty, &d->queue)); break;
    case DEAD_LEASE:
    case DEAD_LEASE_DRAINING: CHECK_OK(mproc_queue_lease(s->full, buf, sizeof buf, &len, &lease, 0, NULL)); break;
    case DEAD_PEEK: CHECK_OK(mproc_pipe_peek(s->quiet[0], &view, 0, NULL)); break;
    case DEAD_RESERVATION: CHECK_OK(mproc_queue_reserve(s->full, 8, &view, 0, NULL)); break;
    case DEAD_WRITER: CHECK_OK(mproc_value_set_i64(s->number, 1)); break; /* never gets to notify */
    default: break; /* has the other ends of the pipes */
    }
    check_gate_open(d->taken);
    for (;;) {
        pause();
    }
}

static mproc_wait_item_t of_the_dead(death_t *d) {
    stage_t *s = &d->s;
    switch (d->which) {
    case DEAD_LOCK: return thing(s, LOCK);
    case DEAD_RLOCK: return thing(s, RLOCK);
    case DEAD_PERMIT: return thing(s, OWN_PERMIT);
    case DEAD_END_CLOSED: return thing(s, PIPE_GONE);
    case DEAD_END_READ:
    case DEAD_PEEK: return thing(s, PIPE_READ);
    case DEAD_END_WRITE: return thing(s, PIPE_WRITE);
    case DEAD_PRODUCER: return thing(s, QUEUE_READ);
    case DEAD_LEASE:
    case DEAD_LEASE_DRAINING: return item(MPROC_WAIT_QUEUE_READABLE, s->full);
    case DEAD_RESERVATION: return thing(s, QUEUE_WRITE);
    default: return thing(s, NUMBER);
    }
}

/* What the call that belongs to it says then, without waiting. */
static void after_death(death_t *d) {
    stage_t *s = &d->s;
    char buf[BIG];
    size_t len = 0;
    uint64_t lease = 0;
    mproc_view_t view;
    switch (d->which) {
    case DEAD_LOCK: CHECK_IS(MPROC_RECOVERED, mproc_lock_lock(s->lock, 0, NULL)); break;
    case DEAD_RLOCK: CHECK_IS(MPROC_RECOVERED, mproc_rlock_lock(s->rlock, 0, NULL)); break;
    case DEAD_PERMIT:
        CHECK(mproc_semaphore_acquire(s->accounting, 0, NULL) >= 0); /* the waiter may have been told */
        break;
    case DEAD_END_CLOSED:
    case DEAD_END_READ: CHECK_IS(MPROC_EOF, mproc_pipe_poll(s->quiet[0], 0, NULL)); break;
    case DEAD_END_WRITE:
        memset(buf, 'x', sizeof buf);
        CHECK_IS(MPROC_EPIPE, mproc_pipe_send(s->packed[0], buf, BIG, 0, NULL));
        break;
    case DEAD_PRODUCER:
        CHECK_IS(MPROC_ECLOSED, mproc_queue_get(s->empty, buf, sizeof buf, &len, 0, NULL));
        break;
    case DEAD_LEASE:
    case DEAD_LEASE_DRAINING:
        CHECK_IS(MPROC_RECOVERED, mproc_queue_lease(s->full, buf, sizeof buf, &len, &lease, 0, NULL));
        CHECK(len == 1 && buf[0] == 'x');
        break;
    case DEAD_PEEK:
        CHECK_IS(MPROC_RECOVERED, mproc_pipe_peek(s->quiet[0], &view, 0, NULL));
        CHECK_INT(4, view.len);
        break;
    case DEAD_RESERVATION: CHECK_OK(mproc_queue_put(s->full, "x", 1, 0, NULL)); break;
    default: CHECK_OK(mproc_value_wait(s->number, &s->expected_number, sizeof s->expected_number, 0, NULL));
    }
}

/* Somebody is killed with it: before anybody waits, while a thread sleeps, and where all is looked at in turns. */
static void deaths(void) {
    int way, asleep, which;
    for (way = 0; way < WAYS; way += 2) {
        for (asleep = 0; asleep < 2; asleep++) {
            for (which = 0; which < DEATHS; which++) {
                int failed = check_counts->failed;
                mproc_wait_item_t i;
                party_t victim, waiter;
                death_t d;
                wait_t w;
                memset(&d, 0, sizeof d);
                make(&d.s, ways[way]);
                d.which = which;
                d.taken = check_gate();
                if (which == DEAD_LOCK) {
                    make_ready(&d.s, LOCK);
                } else if (which == DEAD_RLOCK) {
                    make_ready(&d.s, RLOCK);
                } else if (which == DEAD_PERMIT) {
                    make_ready(&d.s, OWN_PERMIT);
                } else if (which == DEAD_PEEK) {
                    CHECK_OK(mproc_pipe_send(d.s.quiet[1], "peek", 4, 0, NULL));
                } else if (which == DEAD_RESERVATION) {
                    make_ready(&d.s, QUEUE_WRITE);
                }
                party_start(&victim, 1, take_and_hold, &d);
                check_gate_wait(d.taken);
                if (which == DEAD_END_CLOSED || which == DEAD_END_READ || which == DEAD_END_WRITE) {
                    mproc_pipe_close(d.s.quiet[1]); /* only the victim has them now */
                    mproc_pipe_close(d.s.packed[1]);
                    mproc_pipe_close(d.s.open[1]);
                    d.s.quiet[1] = d.s.packed[1] = d.s.open[1] = NULL;
                } else if (which == DEAD_LEASE_DRAINING) {
                    CHECK_OK(mproc_queue_shutdown(d.s.full, 0));
                }
                i = of_the_dead(&d);
                if (which != DEAD_WRITER) { /* what it holds, it holds, however long */
                    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(&i, 1, asleep ? 0 : 120 * API_MS, NULL, NULL, NULL));
                }
                w.items = &i;
                w.count = 1;
                w.wanted = 0;
                w.cancel = NULL;
                if (asleep) {
                    party_start(&waiter, 0, wait_for_one_of, &w);
                    if (which != DEAD_WRITER) {
                        party_await_sleep(&waiter);
                    }
                    party_kill(&victim);
                    party_join(&waiter);
                } else {
                    party_kill(&victim);
                    wait_for_one_of(&w);
                }
                after_death(&d);
                failed_with(failed, which);
                check_gate_free(d.taken);
                close_all(&d.s);
            }
            check_watchdog();
        }
    }
}

typedef struct {
    mproc_queue_t *queue;
    check_gate_t *leased, *end_it;
} keeper_t;

static void keep_then_ack(void *argument) {
    keeper_t *k = (keeper_t *)argument;
    uint64_t lease = 0;
    char buf[8];
    size_t len;
    CHECK_OK(mproc_queue_lease(k->queue, buf, sizeof buf, &len, &lease, 0, NULL));
    check_gate_open(k->leased);
    check_gate_wait(k->end_it);
    CHECK_OK(mproc_queue_ack(k->queue, lease));
}

/* A graceful shutdown waits for what others hold: it may come back. Acknowledged, there will be no more. */
static void draining(void) {
    mproc_wait_item_t i;
    keeper_t k;
    party_t other, waiter;
    wait_t w;
    size_t len;

    k.queue = NULL;
    NEED_OK(mproc_queue_create(place_domain(where), NULL, NULL, &k.queue));
    k.leased = check_gate();
    k.end_it = check_gate();
    CHECK_OK(mproc_queue_put(k.queue, "x", 1, 0, NULL));
    party_start(&other, 1, keep_then_ack, &k);
    check_gate_wait(k.leased);
    CHECK_OK(mproc_queue_shutdown(k.queue, 0));
    i = item(MPROC_WAIT_QUEUE_READABLE, k.queue);
    CHECK_IS(MPROC_ETIMEDOUT, mproc_wait(&i, 1, 20 * API_MS, NULL, NULL, NULL));
    w.items = &i;
    w.count = 1;
    w.wanted = 0;
    w.cancel = NULL;
    party_start(&waiter, 0, wait_for_one_of, &w);
    party_await_sleep(&waiter);
    check_gate_open(k.end_it);
    party_join(&waiter);
    party_join(&other);
    CHECK_IS(MPROC_ECLOSED, mproc_queue_get(k.queue, NULL, 0, &len, 0, NULL));
    check_gate_free(k.leased);
    check_gate_free(k.end_it);
    mproc_queue_close(k.queue);
}

/* ---- who only looks ---- */

enum { TAKERS = 3, LOOKERS = 3 };

typedef struct {
    mproc_lock_t *lock;
    mproc_semaphore_t *semaphore;
    mproc_queue_t *queue;
    mproc_value_t *value;
    mproc_event_t *over;
    int64_t *sum; /* shared */
    int *taken;
    int *stop;
    int rounds;
} crowd_t;

/* Looks at everything, takes nothing, until it is over. */
static void only_look(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    mproc_wait_item_t items[7];
    uint32_t ready[7];
    size_t count = 0;
    int bad = 0;
    items[0] = item(MPROC_WAIT_LOCK, c->lock);
    items[1] = item(MPROC_WAIT_SEMAPHORE, c->semaphore);
    items[2] = item(MPROC_WAIT_QUEUE_READABLE, c->queue);
    items[3] = item(MPROC_WAIT_QUEUE_WRITABLE, c->queue);
    items[4] = value_item(c->value, NULL, 0);
    items[5] = item(MPROC_WAIT_SEMAPHORE, c->semaphore); /* gets two of its wake-ups, and uses none */
    items[6] = item(MPROC_WAIT_EVENT, c->over);
    do {
        bad += mproc_wait(items, 7, MPROC_FOREVER, NULL, ready, &count) != MPROC_OK;
        sched_yield();
    } while (bad == 0 && ready[count - 1] != 6);
    CHECK_INT(0, bad);
}

/* Looks at one of them only: sleeps more often. */
static void look_at(crowd_t *c, mproc_wait_item_t one) {
    mproc_wait_item_t items[2];
    uint32_t ready[2];
    size_t count = 0;
    int bad = 0;
    items[0] = one;
    items[1] = item(MPROC_WAIT_EVENT, c->over);
    do {
        bad += mproc_wait(items, 2, MPROC_FOREVER, NULL, ready, &count) != MPROC_OK;
        sched_yield();
    } while (bad == 0 && ready[count - 1] != 1);
    CHECK_INT(0, bad);
}

static void look_at_semaphore(void *crowd) {
    look_at((crowd_t *)crowd, item(MPROC_WAIT_SEMAPHORE, ((crowd_t *)crowd)->semaphore));
}

static void look_at_lock(void *crowd) {
    look_at((crowd_t *)crowd, item(MPROC_WAIT_LOCK, ((crowd_t *)crowd)->lock));
}

static void look_at_messages(void *crowd) {
    look_at((crowd_t *)crowd, item(MPROC_WAIT_QUEUE_READABLE, ((crowd_t *)crowd)->queue));
}

static void look_at_room(void *crowd) {
    look_at((crowd_t *)crowd, item(MPROC_WAIT_QUEUE_WRITABLE, ((crowd_t *)crowd)->queue));
}

static void look_at_value(void *crowd) {
    look_at((crowd_t *)crowd, value_item(((crowd_t *)crowd)->value, NULL, 0));
}

static void take_permits(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    int bad = 0;
    for (;;) {
        bad += mproc_semaphore_acquire(c->semaphore, MPROC_FOREVER, NULL) != MPROC_OK;
        if (__atomic_load_n(c->stop, __ATOMIC_SEQ_CST)) {
            break;
        }
        __atomic_add_fetch(c->taken, 1, __ATOMIC_SEQ_CST);
    }
    CHECK_INT(0, bad);
}

static void take_lock(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    int round, bad = 0;
    for (round = 0; round < c->rounds; round++) {
        bad += mproc_lock_lock(c->lock, MPROC_FOREVER, NULL) != MPROC_OK;
        ++*c->sum; /* nobody else may be here */
        if (round % 8 == 0) {
            sched_yield();
        }
        bad += mproc_lock_unlock(c->lock) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void take_messages(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    int64_t number;
    size_t len;
    int status;
    while ((status = mproc_queue_get(c->queue, &number, sizeof number, &len, MPROC_FOREVER, NULL)) == MPROC_OK) {
        __atomic_add_fetch(c->sum, number, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(c->taken, 1, __ATOMIC_SEQ_CST);
    }
    CHECK_IS(MPROC_ECLOSED, status);
}

static void take_changes(void *argument) {
    crowd_t *c = (crowd_t *)argument;
    int64_t seen = 0;
    int bad = 0;
    while (seen < c->rounds) {
        bad += mproc_value_wait(c->value, &seen, sizeof seen, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += mproc_value_get_i64(c->value, &seen) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

/* Those who take are served, everything once, among others who wait for the same and only look. */
static void lookers_take_nothing(void) {
    static void (*const take_it[])(void *) = {take_permits, take_lock, take_messages, take_messages, take_changes};
    static void (*const look[])(void *) = {look_at_semaphore, look_at_lock, look_at_messages, look_at_room,
                                           look_at_value};
    int kind, as_process, i;
    for (kind = 0; kind < 5; kind++) {
        char *shared = (char *)api_shared(64);
        mproc_semaphore_options_t none = MPROC_SEMAPHORE_OPTIONS_INIT;
        mproc_queue_options_t small = MPROC_QUEUE_OPTIONS_INIT;
        mproc_value_options_t i64 = MPROC_VALUE_OPTIONS_INIT;
        party_t takers[TAKERS], lookers[LOOKERS];
        int64_t number;
        crowd_t c;
        memset(&c, 0, sizeof c);
        c.sum = (int64_t *)(void *)shared;
        c.taken = (int *)(void *)(shared + 16);
        c.stop = (int *)(void *)(shared + 24);
        c.rounds = api_slow() ? 20 : 300;
        none.initial = 0;
        NEED_OK(mproc_semaphore_create(place_domain(where), NULL, &none, &c.semaphore));
        NEED_OK(mproc_lock_create(place_domain(where), NULL, NULL, &c.lock));
        small.max_items = 2;
        NEED_OK(mproc_queue_create(place_domain(where), NULL, &small, &c.queue));
        i64.type_code = MPROC_TYPE_I64;
        NEED_OK(mproc_value_create(place_domain(where), NULL, &i64, &c.value));
        NEED_OK(mproc_event_create(place_domain(where), NULL, NULL, &c.over));
        for (as_process = 1; as_process >= 0; as_process--) { /* processes first: who forks has no busy threads yet */
            for (i = 0; i < LOOKERS; i++) {
                if (i % 2 == as_process) {
                    party_start(&lookers[i], as_process, i == 0 ? only_look : look[kind], &c);
                }
            }
            for (i = 0; i < TAKERS; i++) {
                if ((i + 1) % 2 == as_process) {
                    party_start(&takers[i], as_process, take_it[kind], &c);
                }
            }
        }
        for (number = 1; number <= c.rounds && kind != 1; number++) {
            if (kind == 0) { /* one permit at a time: it wakes one, and that must not be who only looks */
                CHECK_OK(mproc_semaphore_release(c.semaphore, 1));
                AWAIT(__atomic_load_n(c.taken, __ATOMIC_SEQ_CST) == number);
            } else if (kind == 4) {
                CHECK_OK(mproc_value_set_i64(c.value, number));
                CHECK_OK(mproc_value_notify(c.value, UINT32_MAX));
            } else {
                CHECK_OK(mproc_queue_put(c.queue, &number, sizeof number, MPROC_FOREVER, NULL));
                if (kind == 2) {
                    AWAIT(__atomic_load_n(c.taken, __ATOMIC_SEQ_CST) == number);
                }
            }
        }
        if (kind == 0) {
            __atomic_store_n(c.stop, 1, __ATOMIC_SEQ_CST);
            CHECK_OK(mproc_semaphore_release(c.semaphore, TAKERS));
        } else if (kind == 2 || kind == 3) {
            CHECK_OK(mproc_queue_shutdown(c.queue, 0));
        }
        for (i = 0; i < TAKERS; i++) {
            party_join(&takers[i]);
        }
        CHECK_OK(mproc_event_set(c.over));
        for (i = 0; i < LOOKERS; i++) {
            party_join(&lookers[i]);
        }
        if (kind == 1) {
            CHECK_INT((int64_t)TAKERS * c.rounds, *c.sum);
        } else if (kind == 2 || kind == 3) {
            CHECK_INT(c.rounds, *c.taken);
            CHECK_INT((int64_t)c.rounds * (c.rounds + 1) / 2, *c.sum);
        }
        mproc_semaphore_close(c.semaphore);
        mproc_lock_close(c.lock);
        mproc_queue_close(c.queue);
        mproc_value_close(c.value);
        mproc_event_close(c.over);
        munmap(shared, 64);
        check_watchdog();
    }
}

/* ---- a value ---- */

typedef struct {
    mproc_value_t *value;
    const void *expected;
    size_t size;
    mproc_cancel_t *cancel;
    int *ended; /* shared: how many calls have; may be NULL */
} expects_t;

static void wait_for_change(void *argument) {
    expects_t *e = (expects_t *)argument;
    CHECK_OK(mproc_value_wait(e->value, e->expected, e->size, MPROC_FOREVER, NULL));
    if (e->ended != NULL) {
        __atomic_add_fetch(e->ended, 1, __ATOMIC_SEQ_CST);
    }
}

static mproc_value_t *new_value(int32_t type, size_t size, uint32_t flags) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value = NULL;
    options.type_code = type;
    options.elem_size = size;
    options.flags = flags;
    NEED_OK(mproc_value_create(NULL, NULL, &options, &value));
    return value;
}

/* All bytes zero are expected; `other` is something else. */
static void one_type(int32_t type, size_t size, uint32_t flags) {
    mproc_value_t *value = new_value(type, type == MPROC_TYPE_STRUCT ? size : 0, flags);
    unsigned char *zero = (unsigned char *)calloc(2, size), *other = zero + size;
    mproc_wait_item_t i = value_item(value, zero, size);
    int as_process, failed = check_counts->failed;
    expects_t e;

    other[type == MPROC_TYPE_STRUCT ? size - 1 : 0] = 1; /* the last byte counts as well */
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, zero, size, 0, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, zero, size, 2 * API_MS, NULL));
    CHECK_OK(mproc_value_wait(value, other, size, MPROC_FOREVER, NULL));
    CHECK_OK(mproc_value_wait(value, other, size, 0, NULL));
    CHECK_IS(MPROC_ETYPE, mproc_value_wait(value, zero, size + 1, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETYPE, mproc_value_wait(value, zero, size - 1, MPROC_FOREVER, NULL));
    NOT_READY(&i);
    for (as_process = 0; as_process < 2; as_process++) {
        party_t waiter;
        e.value = value;
        e.expected = zero;
        e.size = size;
        e.ended = NULL;
        party_start(&waiter, as_process, wait_for_change, &e);
        party_await_sleep(&waiter);
        if (flags == MPROC_RAW) { /* a store through a pointer */
            void *place = NULL;
            CHECK_OK(mproc_value_ptr(value, &place));
            memcpy(place, other, size);
        } else {
            CHECK_OK(mproc_value_store(value, other, size));
        }
        CHECK_OK(mproc_value_notify(value, 1));
        party_join(&waiter);
        READY(&i);
        CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, other, size, 0, NULL));
        CHECK_OK(mproc_value_store(value, zero, size));
    }
    if (check_counts->failed != failed) {
        fprintf(stderr, "    with type %d, %lu bytes\n", (int)type, (unsigned long)size);
    }
    free(zero);
    mproc_value_close(value);
}

static void every_type(void) {
    static const size_t sizes[] = {1, 3, 4, 8, 13, 24, 4096, 100000};
    int32_t type;
    size_t k, size = 0;
    for (type = MPROC_TYPE_I8; type <= MPROC_TYPE_BOOL; type++) {
        CHECK_OK(mproc_type_size(type, &size));
        one_type(type, size, 0);
    }
    for (k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        one_type(MPROC_TYPE_STRUCT, sizes[k], 0);
        one_type(MPROC_TYPE_STRUCT, sizes[k], MPROC_RAW);
    }
}

/* Byte for byte: numbers that are equal can differ, and one that is not equal to itself is the same. */
static void bytes_not_numbers(void) {
    static const double minus_zero = -0.0, zero = 0.0;
    static const unsigned char nan[8] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
    mproc_value_t *value = new_value(MPROC_TYPE_F64, 0, 0);
    CHECK_OK(mproc_value_wait(value, &minus_zero, sizeof minus_zero, MPROC_FOREVER, NULL));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, &zero, sizeof zero, 0, NULL));
    CHECK_OK(mproc_value_store(value, nan, sizeof nan));
    CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, nan, sizeof nan, 2 * API_MS, NULL));
    mproc_value_close(value);
}

/* A notification without a change ends no wait that expects something; one for nothing in particular it does. */
static void notified_as_expected(void) {
    static const int32_t zero = 0;
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_value_t *value = new_value(MPROC_TYPE_I32, 0, 0);
        int *ended = (int *)api_shared(2 * sizeof *ended);
        party_t expecting, any;
        expects_t e, a;
        e.value = a.value = value;
        e.expected = &zero;
        e.size = sizeof zero;
        e.ended = &ended[0];
        a.expected = NULL;
        a.size = 0;
        a.ended = &ended[1];
        CHECK_OK(mproc_value_notify(value, UINT32_MAX)); /* not remembered */
        CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, NULL, 0, 0, NULL));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, NULL, 0, 2 * API_MS, NULL));
        party_start(&expecting, as_process, wait_for_change, &e);
        party_await_sleep(&expecting);
        for (i = 0; i < 5; i++) {
            CHECK_OK(mproc_value_store(value, &zero, sizeof zero));
            CHECK_OK(mproc_value_notify(value, i % 2 ? 1 : UINT32_MAX));
            party_await_sleep(&expecting);
            CHECK_INT(0, __atomic_load_n(&ended[0], __ATOMIC_SEQ_CST));
        }
        party_start(&any, as_process, wait_for_change, &a);
        party_await_sleep(&any);
        CHECK_OK(mproc_value_notify(value, UINT32_MAX));
        party_join(&any);
        check_sleep_ms(150); /* longer than it sleeps before it looks around */
        CHECK_INT(0, __atomic_load_n(&ended[0], __ATOMIC_SEQ_CST));
        CHECK_OK(mproc_value_set_i64(value, 1));
        CHECK_OK(mproc_value_notify(value, 1));
        party_join(&expecting);
        CHECK_OK(mproc_value_notify(value, 0));
        munmap(ended, 2 * sizeof *ended);
        mproc_value_close(value);
    }
}

/* At least as many are woken as notified. */
static void notify_some(void) {
    enum { WAITERS = 6 };
    int as_process, i;
    for (as_process = 0; as_process < 2; as_process++) {
        mproc_value_t *value = new_value(MPROC_TYPE_I64, 0, MPROC_NO_SPIN);
        int *ended = (int *)api_shared(sizeof *ended);
        party_t waiters[WAITERS];
        expects_t e;
        e.value = value;
        e.expected = NULL;
        e.size = 0;
        e.ended = ended;
        for (i = 0; i < WAITERS; i++) {
            party_start(&waiters[i], as_process, wait_for_change, &e);
        }
        for (i = 0; i < WAITERS; i++) {
            party_await_sleep(&waiters[i]);
        }
        CHECK_OK(mproc_value_notify(value, 1));
        AWAIT(__atomic_load_n(ended, __ATOMIC_SEQ_CST) >= 1);
        CHECK_OK(mproc_value_notify(value, 2));
        AWAIT(__atomic_load_n(ended, __ATOMIC_SEQ_CST) >= 3);
        CHECK_OK(mproc_value_notify(value, UINT32_MAX));
        for (i = 0; i < WAITERS; i++) {
            party_join(&waiters[i]);
        }
        CHECK_INT(WAITERS, *ended);
        munmap(ended, sizeof *ended);
        mproc_value_close(value);
    }
}

static void change_and_die(void *argument) {
    CHECK_OK(mproc_value_set_i64((mproc_value_t *)argument, 1));
    kill(getpid(), SIGKILL);
}

/* Who changed it and was killed before it notified has changed it all the same. */
static void killed_before_notify(void) {
    static const int64_t zero = 0;
    mproc_value_t *value = new_value(MPROC_TYPE_I64, 0, 0);
    party_t waiter, writer;
    expects_t e;
    e.value = value;
    e.expected = &zero;
    e.size = sizeof zero;
    e.ended = NULL;
    party_start(&waiter, 0, wait_for_change, &e);
    party_await_sleep(&waiter);
    party_start(&writer, 1, change_and_die, value);
    party_join(&waiter);
    party_kill(&writer);
    mproc_value_close(value);
}

static void wait_for_value_canceled(void *argument) {
    expects_t *e = (expects_t *)argument;
    CHECK_IS(MPROC_ECANCELED, mproc_value_wait(e->value, e->expected, e->size, MPROC_FOREVER, e->cancel));
    CHECK_IS(MPROC_ECANCELED, mproc_value_wait(e->value, e->expected, e->size, MPROC_FOREVER, e->cancel));
}

static void what_ends_the_wait_for_a_value(void) {
    static const int32_t zero = 0, one = 1;
    mproc_value_t *value = new_value(MPROC_TYPE_I32, 0, 0);
    mproc_value_t *listens = new_value(MPROC_TYPE_I32, 0, MPROC_RETURN_ON_SIGNAL);
    struct sigaction action, before;
    sender_t sender;
    party_t party;
    expects_t e;
    int with_value, restart;

    e.value = value;
    e.cancel = NULL;
    NEED_OK(mproc_cancel_create(&e.cancel));
    for (with_value = 0; with_value < 2; with_value++) {
        e.expected = with_value ? &zero : NULL;
        e.size = with_value ? sizeof zero : 0;
        party_start(&party, 0, wait_for_value_canceled, &e);
        party_await_sleep(&party);
        CHECK_OK(mproc_cancel_set(e.cancel));
        party_join(&party);
        CHECK_OK(mproc_value_wait(value, &one, sizeof one, MPROC_FOREVER, e.cancel)); /* needs no waiting */
        CHECK_OK(mproc_cancel_clear(e.cancel));
        CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, e.expected, e.size, 2 * API_MS, e.cancel));
    }
    CHECK_IS(MPROC_EINVAL, mproc_value_wait(NULL, &zero, sizeof zero, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_value_wait(value, NULL, sizeof zero, 0, NULL));
    CHECK_IS(MPROC_EINVAL, mproc_value_wait(value, &zero, sizeof zero, -2, NULL));
    CHECK_IS(MPROC_ETYPE, mproc_value_wait(value, &zero, 0, 0, NULL));

    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    CHECK_INT(0, sigaction(SIGUSR1, &action, &before));
    for (restart = 0; restart < 2; restart++) {
        action.sa_flags = restart ? SA_RESTART : 0;
        CHECK_INT(0, sigaction(SIGUSR1, &action, NULL));
        for (with_value = 0; with_value < 2; with_value++) {
            const void *expected = with_value ? &zero : NULL;
            size_t size = with_value ? sizeof zero : 0;
            start_sending(&party, &sender);
            CHECK_IS(MPROC_EINTR, mproc_value_wait(listens, expected, size, MPROC_FOREVER, NULL));
            CHECK_IS(MPROC_EINTR, mproc_value_wait(listens, expected, size, MPROC_FOREVER, e.cancel));
            CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(listens, expected, size, 0, NULL));
            do {
                __atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
                CHECK_IS(MPROC_ETIMEDOUT, mproc_value_wait(value, expected, size, 10 * API_MS, NULL));
            } while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) < 3);
            stop_sending(&party, &sender);
        }
    }
    CHECK_INT(0, sigaction(SIGUSR1, &before, NULL));
    mproc_cancel_close(e.cancel);
    mproc_value_close(value);
    mproc_value_close(listens);
}

typedef struct {
    mproc_value_t *ping, *pong;
    volatile long *number; /* a plain word: what was written before the change is visible after it */
    int rounds;
} table_t;

static void answer(void *argument) {
    table_t *table = (table_t *)argument;
    int64_t round;
    int bad = 0;
    for (round = 0; round < table->rounds; round++) {
        bad += mproc_value_wait(table->ping, &round, sizeof round, MPROC_FOREVER, NULL) != MPROC_OK;
        bad += *table->number != 2L * round + 1;
        *table->number = 2L * round + 2;
        bad += mproc_value_add(table->pong, 1, NULL) != MPROC_OK;
        bad += mproc_value_notify(table->pong, 1) != MPROC_OK;
    }
    CHECK_INT(0, bad);
}

static void ping_pong(void) {
    int as_process, bad = 0;
    int64_t round;
    for (as_process = 0; as_process < 2; as_process++) {
        table_t table;
        party_t other;
        table.ping = new_value(MPROC_TYPE_I64, 0, 0);
        table.pong = new_value(MPROC_TYPE_I64, 0, 0);
        table.number = (volatile long *)api_shared(sizeof *table.number);
        table.rounds = api_slow() ? 50 : 2000;
        party_start(&other, as_process, answer, &table);
        for (round = 0; round < table.rounds; round++) {
            *table.number = 2L * round + 1;
            bad += mproc_value_add(table.ping, 1, NULL) != MPROC_OK;
            bad += mproc_value_notify(table.ping, 1) != MPROC_OK;
            bad += mproc_value_wait(table.pong, &round, sizeof round, MPROC_FOREVER, NULL) != MPROC_OK;
            bad += *table.number != 2L * round + 2;
        }
        party_join(&other);
        CHECK_INT(0, bad);
        munmap((void *)table.number, sizeof *table.number);
        mproc_value_close(table.ping);
        mproc_value_close(table.pong);
    }
}

void api_value_wait(void) {
    every_type();
    bytes_not_numbers();
    notified_as_expected();
    notify_some();
    killed_before_notify();
    what_ends_the_wait_for_a_value();
    ping_pong();
}

/* In one call things are in one place. */
static void mixed_places(void) {
    mproc_wait_item_t items[2];
    mproc_event_t *event = NULL, *other = NULL;
    uint32_t index = 7;
    size_t count = 7;
    int k;

    NEED_OK(mproc_event_create(place_domain(PLACE_FAR), NULL, NULL, &event));
    CHECK_OK(mproc_event_set(event));
    for (k = 0; k < PLACE_FAR; k++) {
        NEED_OK(mproc_event_create(place_domain((enum place)k), NULL, NULL, &other));
        CHECK_OK(mproc_event_set(other));
        items[0] = item(MPROC_WAIT_EVENT, event);
        items[1] = item(MPROC_WAIT_EVENT, other);
        CHECK_IS(MPROC_ENOTSUP, mproc_wait(items, 2, 0, NULL, &index, &count));
        items[1] = items[0];
        items[0] = item(MPROC_WAIT_EVENT, other);
        CHECK_IS(MPROC_ENOTSUP, mproc_wait(items, 2, 0, NULL, &index, &count));
        CHECK_INT(7, index);
        CHECK_INT(7, count);
        mproc_event_close(other);
    }
    mproc_event_close(event);
}

void api_wait(void) {
    for (where = PLACE_DOMAIN; where < PLACES; where++) {
        check_watchdog();
        each_condition();
        several_at_once();
        the_same_twice();
        as_many_as_possible();
        each_wakes();
        all_wake();
        canceling();
        errors();
        rlock_of_this_thread();
        if (place_is_memory(where)) { /* one must know who sleeps; in place */
            what_has_been();
            states_of_a_queue();
            states_of_a_pipe();
        }
    }
    where = PLACE_DOMAIN;
    mixed_places();
    check_watchdog();
    signals();
    writable_sizes();
    deaths();
    draining();
    lookers_take_nothing();
}
