/*
 * A worker increments a shared number five times and announces each step through a queue.
 *
 *     cc increments.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t TEN_SECONDS = INT64_C(10000000000);

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void worker(mproc_value_t *number, mproc_queue_t *queue) {
    char text[64];
    int64_t n;
    int i, length;
    for (i = 0; i < 5; i++) {
        need(mproc_value_lock(number, MPROC_FOREVER, NULL), "lock");
        need(mproc_value_get_i64(number, &n), "get");
        need(mproc_value_set_i64(number, n + 1), "set");
        need(mproc_value_unlock(number), "unlock");
        length = snprintf(text, sizeof text, "Incremented to %d", (int)(n + 1));
        need(mproc_queue_put(queue, text, (size_t)length, MPROC_FOREVER, NULL), "put");
    }
}

int main(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *number;
    mproc_queue_t *queue;
    char text[64];
    size_t length;
    int64_t n;
    int i, status;
    pid_t child;

    options.type_code = MPROC_TYPE_I32;
    need(mproc_value_create(NULL, NULL, &options, &number), "create the value");
    need(mproc_queue_create(NULL, NULL, NULL, &queue), "create the queue");
    child = fork();
    if (child == 0) {
        worker(number, queue);
        _exit(0);
    }
    if (child < 0) {
        perror("fork");
        return 1;
    }
    for (i = 0; i < 5; i++) { /* each message as soon as it is there; a worker that was killed sends none */
        need(mproc_queue_get(queue, text, sizeof text, &length, TEN_SECONDS, NULL), "get a message");
        printf("%.*s\n", (int)length, text);
    }
    if (waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }
    need(mproc_value_get_i64(number, &n), "get");
    printf("Final shared number: %d\n", (int)n);
    mproc_value_close(number);
    mproc_queue_close(queue);
    return 0;
}
