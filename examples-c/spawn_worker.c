/*
 * A worker that is another program, not a fork: it gets the value and the queue by name.
 * (Here the other program is this one again, started with an argument.)
 *
 *     cc spawn_worker.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

/* The worker takes what it was given, and works on it. */
static int work(void) {
    static const char text[] = "Hello from the spawned worker";
    mproc_handle_t *handle;
    mproc_value_t *total;
    mproc_queue_t *messages;

    need(mproc_inherited("total", &handle), "inherit the value");
    need(mproc_value_import(handle, NULL, &total), "import the value");
    mproc_handle_close(handle);
    need(mproc_inherited("messages", &handle), "inherit the queue");
    need(mproc_queue_import(handle, NULL, &messages), "import the queue");
    mproc_handle_close(handle);

    need(mproc_value_add(total, 2, NULL), "add");
    need(mproc_queue_put(messages, text, strlen(text), MPROC_FOREVER, NULL), "put");
    mproc_queue_close(messages);
    mproc_value_close(total);
    return 0;
}

int main(int argc, char **argv) {
    const char *worker[] = {"/proc/self/exe", "worker", NULL};
    const int64_t start = 40;
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_named_handle_t given[2];
    mproc_handle_t *on_total, *on_messages;
    mproc_process_t *process;
    mproc_value_t *total;
    mproc_queue_t *messages;
    char message[256];
    size_t length;
    int64_t number;
    int exit_code;

    if (argc == 2 && strcmp(argv[1], "worker") == 0) {
        return work();
    }
    options.type_code = MPROC_TYPE_I64;
    options.initial = &start;
    need(mproc_value_create(NULL, NULL, &options, &total), "create the value");
    need(mproc_queue_create(NULL, NULL, NULL, &messages), "create the queue");

    need(mproc_value_export(total, &on_total), "export the value");
    need(mproc_queue_export(messages, &on_messages), "export the queue");
    given[0].name = "total";
    given[0].handle = on_total;
    given[1].name = "messages";
    given[1].handle = on_messages;
    need(mproc_spawn(worker, given, 2, NULL, &process), "start the worker");
    mproc_handle_close(on_total); /* the worker has its own by now */
    mproc_handle_close(on_messages);

    need(mproc_process_wait(process, &exit_code, NULL, MPROC_FOREVER, NULL), "wait for the worker");
    mproc_process_close(process);
    if (exit_code != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }
    need(mproc_queue_get(messages, message, sizeof message, &length, 0, NULL), "get");
    need(mproc_value_get_i64(total, &number), "read the value");
    printf("Received from worker: %.*s\n", (int)length, message);
    printf("Total after worker: %d\n", (int)number);
    mproc_queue_close(messages);
    mproc_value_close(total);
    return 0;
}
