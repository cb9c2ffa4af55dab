/*
 * Ten processes want to do something that only three may do at a time: a semaphore with three permits. One of them
 * is killed in the middle. With MPROC_SEMAPHORE_ACCOUNTING its permit comes back; otherwise two would be left.
 *
 *     cc pool_limit.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 10, LIMIT = 3, VICTIM = 2 };

/* For the parent, that is: longer than this it waits only if a permit got lost. */
#define PATIENCE (30 * INT64_C(1000000000))

static mproc_semaphore_t *permits;
static mproc_value_t *inside, *most;

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void work(int me) {
    const struct timespec hard_work = {0, 5000000};
    int64_t others;
    /* MPROC_RECOVERED: a process died with its permit. Whatever it had begun could be cleaned up here. */
    need(mproc_semaphore_acquire(permits, MPROC_FOREVER, NULL), "acquire");
    need(mproc_value_add(inside, 1, &others), "add");
    need(mproc_value_fetch_i64(most, MPROC_OP_MAX, others + 1, NULL), "maximum");
    nanosleep(&hard_work, NULL);
    need(mproc_value_add(inside, -1, NULL), "subtract");
    if (me == VICTIM) {
        raise(SIGKILL); /* its permit is still its own */
    }
    need(mproc_semaphore_release(permits, 1), "release");
}

int main(void) {
    mproc_semaphore_options_t three = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_value_options_t number = MPROC_VALUE_OPTIONS_INIT;
    mproc_semaphore_info_t info;
    int64_t at_a_time;
    int i, status, done = 0, killed = 0;

    three.flags = MPROC_SEMAPHORE_ACCOUNTING;
    three.initial = LIMIT;
    need(mproc_semaphore_create(NULL, NULL, &three, &permits), "create the semaphore");
    number.type_code = MPROC_TYPE_I32;
    need(mproc_value_create(NULL, NULL, &number, &inside), "create a value");
    need(mproc_value_create(NULL, NULL, &number, &most), "create a value");
    for (i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            return 1;
        }
        if (child == 0) {
            work(i);
            _exit(0);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        if (wait(&status) > 0) {
            done += status == 0;
            killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        }
    }
    for (i = 0; i < LIMIT; i++) { /* all permits are there again */
        need(mproc_semaphore_acquire(permits, PATIENCE, NULL), "acquire");
    }
    need(mproc_semaphore_info(permits, &info, sizeof info), "info");
    need(mproc_value_get_i64(most, &at_a_time), "get");
    printf("%d done, %d killed, %s %d at a time, %d permit came back\n", done, killed,
           at_a_time <= LIMIT ? "never more than" : "more than", LIMIT, (int)info.reclaimed);
    mproc_value_close(most);
    mproc_value_close(inside);
    mproc_semaphore_close(permits);
    return done == PROCESSES - 1 && at_a_time <= LIMIT ? 0 : 1;
}
