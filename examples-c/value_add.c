/*
 * A worker process adds 10 to a shared int: one atomic operation, no lock needed.
 *
 *     cc value_add.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    int64_t number;
    int status;
    pid_t child;

    options.type_code = MPROC_TYPE_I32;
    need(mproc_value_create(NULL, NULL, &options, &value), "create the value");
    child = fork();
    if (child == 0) {
        need(mproc_value_add(value, 10, NULL), "add");
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }
    need(mproc_value_get_i64(value, &number), "get");
    printf("Shared value after worker modification: %d\n", (int)number);
    mproc_value_close(value);
    return 0;
}
