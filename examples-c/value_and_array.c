/*
 * A double and an array of ints, shared with a worker process that changes both.
 *
 *     cc value_and_array.c $(pkg-config --cflags --libs mproc) && ./a.out
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

static void worker(mproc_value_t *num, mproc_array_t *arr) {
    int32_t element;
    size_t i;
    need(mproc_value_set_f64(num, 3.1415927), "set");
    for (i = 0; i < 10; i++) {
        need(mproc_array_get(arr, i, &element, sizeof element), "array get");
        element = -element;
        need(mproc_array_set(arr, i, &element, sizeof element), "array set");
    }
}

int main(void) {
    static const int32_t range[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    mproc_value_options_t num_is = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t arr_is = MPROC_ARRAY_OPTIONS_INIT;
    mproc_value_t *num;
    mproc_array_t *arr;
    int32_t elements[10];
    double number;
    int i, status;
    pid_t child;

    num_is.type_code = MPROC_TYPE_F64;
    arr_is.type_code = MPROC_TYPE_I32;
    arr_is.ndim = 1;
    arr_is.shape[0] = 10;
    arr_is.initial = range;
    arr_is.initial_count = 10;
    /* No name: they are anonymous, and a forked child just uses what it inherited. */
    need(mproc_value_create(NULL, NULL, &num_is, &num), "create the value");
    need(mproc_array_create(NULL, NULL, &arr_is, &arr), "create the array");

    child = fork();
    if (child == 0) {
        worker(num, arr);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }

    need(mproc_value_get_f64(num, &number), "get");
    need(mproc_array_read(arr, 0, 10, elements, sizeof elements), "array read");
    printf("%.8g\n", number);
    for (i = 0; i < 10; i++) {
        printf("%s%d", i == 0 ? "[" : ", ", (int)elements[i]);
    }
    printf("]\n");
    mproc_value_close(num);
    mproc_array_close(arr);
    return 0;
}
