/*
 * A hundred processes add 1 to the same number: without a lock some additions get lost, with one none.
 *
 *     cc race_counter.c $(pkg-config --cflags --libs mproc) && ./a.out
 *
 * A single addition would need no lock: mproc_value_add() is atomic. This is about updates of several
 * steps (read, think, write).
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 100 };

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

/* Read, think a millisecond, write: whoever comes in between is overwritten. */
static void add_one(volatile int32_t *number) {
    const struct timespec thinking = {0, 1000000};
    int32_t seen = *number;
    nanosleep(&thinking, NULL);
    *number = seen + 1;
}

static void unsafe_worker(mproc_lock_t *lock, volatile int32_t *number) {
    (void)lock;
    add_one(number);
}

static void safe_worker(mproc_lock_t *lock, volatile int32_t *number) {
    /* MPROC_RECOVERED would be fine, too: whoever died inside had not written yet, or was done. */
    need(mproc_lock_lock(lock, MPROC_FOREVER, NULL), "lock");
    add_one(number);
    need(mproc_lock_unlock(lock), "unlock");
}

static int race(void (*worker)(mproc_lock_t *, volatile int32_t *)) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_lock_t *lock;
    mproc_value_t *value;
    void *number;
    int64_t result;
    int i, status, failed = 0;

    need(mproc_lock_create(NULL, NULL, NULL, &lock), "create the lock");
    options.type_code = MPROC_TYPE_I32;
    need(mproc_value_create(NULL, NULL, &options, &value), "create the value");
    need(mproc_value_ptr(value, &number), "pointer"); /* the address is valid in the children as well */
    for (i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        if (child == 0) {
            worker(lock, number);
            _exit(0);
        }
        if (child < 0) {
            perror("fork");
            exit(1);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        failed |= wait(&status) < 0 || status != 0;
    }
    if (failed) {
        fprintf(stderr, "a worker failed\n");
        exit(1);
    }
    need(mproc_value_get_i64(value, &result), "get");
    mproc_value_close(value);
    mproc_lock_close(lock);
    return (int)result;
}

int main(void) {
    printf("Unsafe final value: %d\n", race(unsafe_worker)); /* most likely less than 100 */
    printf("Safe final value: %d\n", race(safe_worker));
    return 0;
}
