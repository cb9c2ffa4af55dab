/*
 * Workers run until somebody presses Ctrl-C: the handler sets an event, which is async-signal-safe. They finish what
 * they are at, and stop at once if they wait. (Nobody there to press it? After half a second an alarm does the same.)
 *
 *     cc stop_event.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3 };

static const int64_t A_MOMENT = 10000000; /* nanoseconds */

static mproc_event_t *stop;
static mproc_array_t *done; /* how often each worker has done its work */

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void on_signal(int signal_number) {
    (void)signal_number;
    (void)mproc_event_set(stop);
}

static void work(size_t me) {
    int64_t times = 0;
    int status;
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to everybody in the foreground; one is enough to set the event */
    do {
        times++;
        need(mproc_array_set(done, me, &times, sizeof times), "set");
        status = mproc_event_wait(stop, A_MOMENT, NULL); /* a pause that ends early when it is time to stop */
    } while (status == MPROC_ETIMEDOUT);
    need(status, "wait");
}

int main(void) {
    mproc_array_options_t counts = MPROC_ARRAY_OPTIONS_INIT;
    const struct itimerval half_a_second = {{0, 0}, {0, 500000}};
    struct sigaction action;
    int64_t times;
    size_t i;
    int status, stopped = 0;

    need(mproc_event_create(NULL, NULL, NULL, &stop), "create the event");
    counts.type_code = MPROC_TYPE_I64;
    counts.ndim = 1;
    counts.shape[0] = WORKERS;
    need(mproc_array_create(NULL, NULL, &counts, &done), "create the array");
    for (i = 0; i < WORKERS; i++) {
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
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &half_a_second, NULL);

    need(mproc_event_wait(stop, MPROC_FOREVER, NULL), "wait"); /* the signal that sets it ends it, too */
    for (i = 0; i < WORKERS; i++) {
        stopped += wait(&status) > 0 && status == 0;
    }
    for (i = 0; i < WORKERS; i++) {
        need(mproc_array_get(done, i, &times, sizeof times), "get");
        stopped -= times == 0;
    }
    printf("%d workers have worked until they were stopped\n", stopped);
    mproc_array_close(done);
    mproc_event_close(stop);
    return stopped == WORKERS ? 0 : 1;
}
