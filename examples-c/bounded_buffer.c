/*
 * Producers and consumers share a small buffer: who finds it full or empty waits for a condition. There are two of
 * them with one lock: a producer notifies a consumer, and a consumer a producer.
 *
 *     cc bounded_buffer.c $(pkg-config --cflags --libs mproc) && ./a.out
 *
 * (For messages there is mproc_queue_t. This is how to wait for anything else that a lock protects.)
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 3, CONSUMERS = 2, EACH = 100, ROOM = 10, NO_MORE = -1 };

typedef struct {
    int32_t count, first;
    int32_t slots[ROOM];
} buffer_t;

static mproc_condition_t *not_full, *not_empty; /* both with the same lock */
static volatile buffer_t *buffer;               /* that protects this */
static mproc_value_t *sum, *taken;

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void produce(int32_t number) {
    need(mproc_condition_lock(not_full, MPROC_FOREVER, NULL), "lock");
    while (buffer->count == ROOM) {
        need(mproc_condition_wait(not_full, MPROC_FOREVER, NULL), "wait"); /* gives the lock up meanwhile */
    }
    buffer->slots[(buffer->first + buffer->count) % ROOM] = number;
    buffer->count = buffer->count + 1;
    need(mproc_condition_notify(not_empty, 1), "notify");
    need(mproc_condition_unlock(not_full), "unlock");
}

static int32_t consume(void) {
    int32_t number;
    need(mproc_condition_lock(not_empty, MPROC_FOREVER, NULL), "lock");
    while (buffer->count == 0) {
        need(mproc_condition_wait(not_empty, MPROC_FOREVER, NULL), "wait");
    }
    number = buffer->slots[buffer->first];
    buffer->first = (buffer->first + 1) % ROOM;
    buffer->count = buffer->count - 1;
    need(mproc_condition_notify(not_full, 1), "notify");
    need(mproc_condition_unlock(not_empty), "unlock");
    return number;
}

static void producer(int me) {
    int32_t i;
    for (i = 1; i <= EACH; i++) {
        produce(me * EACH + i);
    }
}

static void consumer(int me) {
    int32_t number;
    (void)me;
    while ((number = consume()) != NO_MORE) {
        need(mproc_value_add(sum, number, NULL), "add");
        need(mproc_value_add(taken, 1, NULL), "add");
    }
}

static void start(void (*work)(int), int number) {
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        work(number);
        _exit(0);
    }
}

/* Waits for `count` children; gives how many of them failed. */
static int join(int count) {
    int i, status, failed = 0;
    for (i = 0; i < count; i++) {
        failed += wait(&status) < 0 || status != 0;
    }
    return failed;
}

int main(void) {
    mproc_condition_options_t with_lock = MPROC_CONDITION_OPTIONS_INIT;
    mproc_value_options_t plain = MPROC_VALUE_OPTIONS_INIT, number = MPROC_VALUE_OPTIONS_INIT;
    mproc_lock_t *lock;
    mproc_value_t *memory;
    void *address;
    int64_t all, how_many;
    int i, failed;

    need(mproc_lock_create(NULL, NULL, NULL, &lock), "create the lock");
    with_lock.lock = lock;
    need(mproc_condition_create(NULL, NULL, &with_lock, &not_full), "create a condition");
    need(mproc_condition_create(NULL, NULL, &with_lock, &not_empty), "create a condition");
    plain.type_code = MPROC_TYPE_STRUCT;
    plain.flags = MPROC_RAW;
    plain.elem_size = sizeof(buffer_t);
    need(mproc_value_create(NULL, NULL, &plain, &memory), "create the buffer");
    need(mproc_value_ptr(memory, &address), "pointer"); /* valid in the children as well */
    buffer = address;
    number.type_code = MPROC_TYPE_I64;
    need(mproc_value_create(NULL, NULL, &number, &sum), "create the sum");
    need(mproc_value_create(NULL, NULL, &number, &taken), "create the count");

    for (i = 0; i < CONSUMERS; i++) {
        start(consumer, i);
    }
    for (i = 0; i < PRODUCERS; i++) {
        start(producer, i);
    }
    /* The consumers end when each has got this, behind all numbers: so the producers have to be done before. */
    failed = join(PRODUCERS);
    for (i = 0; i < CONSUMERS; i++) {
        produce(NO_MORE);
    }
    failed += join(CONSUMERS);
    need(mproc_value_get_i64(sum, &all), "get");
    need(mproc_value_get_i64(taken, &how_many), "get");
    printf("%d numbers through a buffer of %d, their sum is %d\n", (int)how_many, ROOM, (int)all);
    mproc_value_close(taken);
    mproc_value_close(sum);
    mproc_value_close(memory);
    mproc_condition_close(not_empty);
    mproc_condition_close(not_full);
    mproc_lock_close(lock);
    return failed == 0 ? 0 : 1;
}
