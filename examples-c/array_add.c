/*
 * A worker process adds 1 to every element of a shared array, in place, under the array's lock.
 *
 *     cc array_add.c $(pkg-config --cflags --libs mproc) && ./a.out
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

static void worker(mproc_array_t *array) {
    void *elements;
    int i;
    need(mproc_array_ptr(array, &elements), "pointer");
    need(mproc_array_lock(array, MPROC_FOREVER, NULL), "lock");
    for (i = 0; i < 5; i++) {
        ((int32_t *)elements)[i] += 1;
    }
    need(mproc_array_unlock(array), "unlock");
}

int main(void) {
    mproc_array_options_t options = MPROC_ARRAY_OPTIONS_INIT;
    mproc_array_t *array;
    int32_t elements[5];
    int i, status;
    pid_t child;

    options.type_code = MPROC_TYPE_I32;
    options.ndim = 1;
    options.shape[0] = 5;
    need(mproc_array_create(NULL, NULL, &options, &array), "create the array");
    child = fork();
    if (child == 0) {
        worker(array);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }
    need(mproc_array_read(array, 0, 5, elements, sizeof elements), "read");
    printf("Shared array after worker modification: ");
    for (i = 0; i < 5; i++) {
        printf("%s%d", i == 0 ? "[" : ", ", (int)elements[i]);
    }
    printf("]\n");
    mproc_array_close(array);
    return 0;
}
