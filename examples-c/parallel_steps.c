/*
 * Four processes compute in steps. In each, everybody needs what all the others have found in the step before: a
 * barrier keeps them together, so that nobody reads a number that is not there yet, or too new.
 *
 *     cc parallel_steps.c $(pkg-config --cflags --libs mproc) && ./a.out
 *
 * Should one of them be killed, the others do not wait for it for ever: the barrier breaks (MPROC_EBROKEN), because
 * each of them has registered.
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, STEPS = 10 };

static mproc_barrier_t *barrier;
static volatile int64_t (*numbers)[PROCESSES]; /* those of even steps and those of odd ones */

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

/* My next number is the sum of all the others'. */
static void work(int me) {
    uint32_t index;
    int step, i;
    need(mproc_barrier_register(barrier), "register");
    for (step = 0; step < STEPS; step++) {
        int64_t sum = 0;
        for (i = 0; i < PROCESSES; i++) {
            sum += i == me ? 0 : numbers[step % 2][i];
        }
        numbers[(step + 1) % 2][me] = sum;
        need(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL, &index), "wait for the others");
        if (index == 0 && step % 5 == 4) { /* one of them says so, whichever came first */
            printf("%d steps done\n", step + 1);
            fflush(stdout);
        }
    }
    need(mproc_barrier_unregister(barrier), "unregister");
}

int main(void) {
    mproc_barrier_options_t together = MPROC_BARRIER_OPTIONS_INIT;
    mproc_array_options_t table = MPROC_ARRAY_OPTIONS_INIT;
    const int64_t begin[PROCESSES] = {1, 2, 3, 4};
    mproc_array_t *array;
    void *address;
    int i, status, failed = 0;

    together.parties = PROCESSES;
    need(mproc_barrier_create(NULL, NULL, &together, &barrier), "create the barrier");
    table.type_code = MPROC_TYPE_I64;
    table.ndim = 2;
    table.shape[0] = 2;
    table.shape[1] = PROCESSES;
    table.initial = begin;
    table.initial_count = PROCESSES;
    need(mproc_array_create(NULL, NULL, &table, &array), "create the array");
    need(mproc_array_ptr(array, &address), "pointer"); /* valid in the children as well */
    numbers = address;
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
        failed += wait(&status) < 0 || status != 0;
    }
    printf("The numbers:");
    for (i = 0; i < PROCESSES; i++) {
        printf(" %d", (int)numbers[STEPS % 2][i]);
    }
    printf("\n");
    mproc_array_close(array);
    mproc_barrier_close(barrier);
    return failed == 0 ? 0 : 1;
}
