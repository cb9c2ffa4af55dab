/*
 * A worker process sends a message through a pipe, its parent receives it. The parent closes its copy of the
 * worker's end: should the worker die before it has sent anything, the parent gets the end of file, and does
 * not wait for ever.
 *
 *     cc pipe_worker.c $(pkg-config --cflags --libs mproc) && ./a.out
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
    mproc_pipe_t *ours, *workers;
    char message[256];
    size_t length;
    int status;
    pid_t child;

    need(mproc_pipe_create(NULL, NULL, NULL, &ours, &workers), "create the pipe");
    child = fork();
    if (child == 0) {
        mproc_pipe_close(ours);
        need(mproc_pipe_send(workers, text, strlen(text), MPROC_FOREVER, NULL), "send");
        _exit(0);
    }
    if (child < 0) {
        perror("fork");
        return 1;
    }
    mproc_pipe_close(workers);
    need(mproc_pipe_recv(ours, message, sizeof message, &length, MPROC_FOREVER, NULL), "receive");
    printf("Received from worker: %.*s\n", (int)length, message);
    mproc_pipe_close(ours);
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
