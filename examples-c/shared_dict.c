/*
 * A dict and a list that several processes edit: three workers count what they find, and append to a list inside the
 * dict. One of them is killed in the middle: what it had done is there, what it was doing is not, and nobody notices
 * otherwise.
 *
 *     cc shared_dict.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, EACH = 100 };

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void work(mproc_dict_t *stock) {
    const char *const found[] = {"apples", "pears", "nuts"};
    int i;
    for (i = 0; i < EACH; i++) {
        /* Reads, adds and writes in one step: no addition is lost, whoever else adds. */
        need(mproc_dict_add(stock, mproc_datum_str(found[i % 3]), mproc_datum_int(1), NULL), "add");
    }
    need(mproc_dict_append_to(stock, mproc_datum_str("reports"), mproc_datum_str("done")), "append");
}

int main(void) {
    mproc_dict_t *stock;
    mproc_builder_t *copy;
    mproc_datum_t all, total;
    char json[512];
    size_t len;
    int i, status, finished = 0;

    need(mproc_dict_create(NULL, NULL, NULL, &stock), "create the dict");
    need(mproc_dict_set(stock, mproc_datum_str("apples"), mproc_datum_int(1000)), "set");
    /* A list inside the dict: what is appended to it is seen by everybody, at once. */
    need(mproc_dict_set(stock, mproc_datum_str("reports"), mproc_datum_new(MPROC_KIND_LIST)), "set");

    for (i = 0; i < WORKERS; i++) {
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            return 1;
        }
        if (child == 0) {
            work(stock);
            if (i == WORKERS - 1) {
                raise(SIGKILL); /* no goodbye */
            }
            _exit(0);
        }
    }
    for (i = 0; i < WORKERS; i++) {
        finished += wait(&status) > 0 && status == 0;
    }

    need(mproc_dict_add(stock, mproc_datum_str("apples"), mproc_datum_int(-1000), &total), "add");
    printf("%d of %d workers have finished, %d apples are new\n", finished, WORKERS, (int)total.as.i);
    /* The dict and what is in it as plain data, all of one moment. */
    need(mproc_builder_create(&copy), "create a builder");
    need(mproc_dict_copy(stock, MPROC_COPY_DEEP, copy), "copy");
    need(mproc_builder_datum(copy, &all), "look at the copy");
    need(mproc_datum_to_json(all, 0, json, sizeof json, &len), "JSON");
    printf("%s\n", json);
    mproc_builder_close(copy);
    mproc_dict_close(stock);
    return finished == WORKERS - 1 ? 0 : 1;
}
