/*
 * A worker process puts a message into a queue, its parent takes it out.
 *
 *     cc queue_worker.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

int main(void) {
    static const char text[] = "Data from worker";
    mproc_queue_t *queue;
    char message[256];
    size_t length;
    int status;
    pid_t child;

    need(mproc_queue_create(NULL, NULL, NULL, &queue), "create the queue");
    child = fork();
    if (child == 0) {
        need(mproc_queue_put(queue, text, strlen(text), MPROC_FOREVER, NULL), "put");
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }
    /* The worker is gone; what it has put is not. So this need not wait: timeout 0 */
    need(mproc_queue_get(queue, message, sizeof message, &length, 0, NULL), "get");
    printf("Received from worker: %.*s\n", (int)length, message);
    mproc_queue_close(queue);
    return 0;
}
