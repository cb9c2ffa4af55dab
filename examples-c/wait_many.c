/*
 * Waiting for several things at once: results in a queue, a number that another process raises, an event, and a lock
 * whose holder will be killed. mproc_wait() says what is ready and takes nothing; that is then done without waiting.
 *
 *     cc wait_many.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RESULTS = 100, STEPS = 5, THINGS = 4 };

static mproc_queue_t *results;
static mproc_value_t *progress;
static mproc_event_t *button, *held;
static mproc_lock_t *lock;

static int32_t seen; /* how far they were when we last looked */
static int result_count, result_sum, pressed, recovered;

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void work_hard(void) {
    const struct timespec hard_work = {0, 5000000};
    nanosleep(&hard_work, NULL);
}

static void deliver_results(void) {
    int32_t number;
    for (number = 1; number <= RESULTS; number++) {
        need(mproc_queue_put(results, &number, sizeof number, MPROC_FOREVER, NULL), "put");
    }
    need(mproc_queue_shutdown(results, 0), "shut the queue down"); /* what is inside can still be taken */
}

static void make_progress(void) {
    int step;
    for (step = 0; step < STEPS; step++) {
        work_hard();
        need(mproc_value_add(progress, 1, NULL), "add");
        need(mproc_value_notify(progress, UINT32_MAX), "notify"); /* a store alone wakes nobody */
    }
}

static void press_the_button(void) {
    work_hard();
    need(mproc_event_set(button), "press");
}

static void die_with_the_lock(void) {
    need(mproc_lock_lock(lock, MPROC_FOREVER, NULL), "lock");
    need(mproc_event_set(held), "say so");
    work_hard();
    raise(SIGKILL);
}

static void start(void (*body)(void)) {
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        body();
        _exit(0);
    }
}

/* Takes what is ready. 1: there will be no more of it. (0 also if somebody else was faster.) */
static int take(uint32_t condition) {
    int32_t number;
    size_t length;
    int status;
    switch (condition) {
    case MPROC_WAIT_QUEUE_READABLE:
        while ((status = mproc_queue_get(results, &number, sizeof number, &length, 0, NULL)) == MPROC_OK) {
            result_count++;
            result_sum += number;
        }
        need(status == MPROC_ETIMEDOUT || status == MPROC_ECLOSED ? MPROC_OK : status, "get");
        return status == MPROC_ECLOSED;
    case MPROC_WAIT_VALUE:
        need(mproc_value_load(progress, &seen, sizeof seen), "load"); /* from now on, more than this is expected */
        return seen == STEPS;
    case MPROC_WAIT_EVENT:
        pressed = 1;
        return 1;
    default: /* MPROC_WAIT_LOCK */
        status = mproc_lock_try(lock);
        need(status == MPROC_ETIMEDOUT ? MPROC_OK : status, "lock");
        recovered = status == MPROC_RECOVERED; /* what it protects may be half done */
        return status != MPROC_ETIMEDOUT;
    }
}

int main(void) {
    mproc_value_options_t i32 = MPROC_VALUE_OPTIONS_INIT;
    mproc_wait_item_t items[THINGS];
    uint32_t ready[THINGS];
    size_t count = THINGS, ready_count;
    int status, ended = 0, killed = 0;

    i32.type_code = MPROC_TYPE_I32;
    need(mproc_queue_create(NULL, NULL, NULL, &results), "create the queue");
    need(mproc_value_create(NULL, NULL, &i32, &progress), "create the value");
    need(mproc_event_create(NULL, NULL, NULL, &button), "create an event");
    need(mproc_event_create(NULL, NULL, NULL, &held), "create an event");
    need(mproc_lock_create(NULL, NULL, NULL, &lock), "create the lock");
    start(deliver_results);
    start(make_progress);
    start(press_the_button);
    start(die_with_the_lock);
    need(mproc_event_wait(held, MPROC_FOREVER, NULL), "wait");

    memset(items, 0, sizeof items);
    items[0].condition = MPROC_WAIT_QUEUE_READABLE;
    items[0].object = results;
    items[1].condition = MPROC_WAIT_VALUE;
    items[1].object = progress;
    items[1].expected = &seen;
    items[1].size = sizeof seen;
    items[2].condition = MPROC_WAIT_EVENT;
    items[2].object = button;
    items[3].condition = MPROC_WAIT_LOCK;
    items[3].object = lock;
    while (count > 0) {
        need(mproc_wait(items, count, MPROC_FOREVER, NULL, ready, &ready_count), "wait");
        while (ready_count > 0) { /* from the last one, so that the indices before it stay right */
            uint32_t index = ready[--ready_count];
            if (take(items[index].condition)) {
                items[index] = items[--count];
            }
        }
    }
    need(mproc_lock_unlock(lock), "unlock");
    while (wait(&status) > 0) {
        ended += status == 0;
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    printf("%d results, their sum is %d\nProgress: %d of %d\nThe button was %spressed\n%d killed, %s\n", result_count,
           result_sum, (int)seen, STEPS, pressed ? "" : "not ", killed,
           recovered ? "its lock has come to us" : "its lock was free");
    mproc_lock_close(lock);
    mproc_event_close(held);
    mproc_event_close(button);
    mproc_value_close(progress);
    mproc_queue_close(results);
    return ended == 3 && killed == 1 && recovered ? 0 : 1;
}
