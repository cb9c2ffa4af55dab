/*
 * An object of a type that the library does not have, statistics, behind procedures of a manager: only the server has
 * it, and clients call what it can do. Three workers, programs of their own, record numbers; one of them is killed.
 * (Here they are this program again, started with arguments.)
 *
 *     cc manager_procedure.c $(pkg-config --cflags --libs mproc) -pthread && ./a.out
 */
#include <mproc.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

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

/* The object. Procedures run in threads of the server's, several at a time: hence the mutex. */
struct statistics {
    pthread_mutex_t mutex;
    int64_t count, sum, least, most;
};

/* Procedures return their status, which the caller gets: no exit() in here. */
static int record(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    struct statistics *s = payload;
    const int64_t number = argument.as.i;
    int64_t count;
    if (argument.type != MPROC_DATUM_INT) {
        return MPROC_ETYPE;
    }
    pthread_mutex_lock(&s->mutex);
    s->least = s->count == 0 || number < s->least ? number : s->least;
    s->most = s->count == 0 || number > s->most ? number : s->most;
    s->sum += number;
    count = ++s->count;
    pthread_mutex_unlock(&s->mutex);
    return mproc_builder_add(result, mproc_datum_int(count));
}

static int report(mproc_datum_t argument, mproc_builder_t *result, void *payload) {
    struct statistics *s = payload;
    const char *const names[] = {"count", "least", "most", "mean"};
    mproc_datum_t values[4];
    int status, i;
    (void)argument;
    pthread_mutex_lock(&s->mutex);
    values[0] = mproc_datum_int(s->count);
    values[1] = mproc_datum_int(s->least);
    values[2] = mproc_datum_int(s->most);
    values[3] = mproc_datum_float(s->count == 0 ? 0 : (double)s->sum / (double)s->count);
    pthread_mutex_unlock(&s->mutex);
    status = mproc_builder_begin_map(result);
    for (i = 0; i < 4 && status >= 0; i++) {
        status = mproc_builder_add(result, mproc_datum_str(names[i]));
        if (status >= 0) {
            status = mproc_builder_add(result, values[i]);
        }
    }
    return status < 0 ? status : mproc_builder_end(result);
}

static int work(const char *address, int number) {
    mproc_manager_t *manager;
    int i;
    need(mproc_manager_connect(address, NULL, NULL, &manager), "connect");
    for (i = 0; i < EACH; i++) {
        mproc_datum_t measured = mproc_datum_int(number * EACH + i);
        need(mproc_manager_call(manager, "record", measured, NULL, MPROC_FOREVER, NULL), "record");
    }
    if (number == WORKERS - 1) {
        raise(SIGKILL); /* no goodbye */
    }
    mproc_manager_close(manager);
    return 0;
}

int main(int argc, char **argv) {
    static struct statistics statistics = {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0, 0};
    char address[256], number[2] = "0", json[256];
    const char *worker[] = {"/proc/self/exe", address, number, NULL};
    mproc_manager_t *manager;
    mproc_process_t *workers[WORKERS];
    mproc_builder_t *result;
    mproc_datum_t seen;
    size_t len;
    int i, exit_code, status, finished = 0;

    if (argc == 3) {
        return work(argv[1], atoi(argv[2]));
    }
    need(mproc_manager_start(NULL, NULL, NULL, &manager), "start a manager");
    need(mproc_manager_register(manager, "record", record, &statistics), "register");
    need(mproc_manager_register(manager, "report", report, &statistics), "register");
    need(mproc_manager_address(manager, 0, address, sizeof address, NULL), "ask for the address");

    for (i = 0; i < WORKERS; i++) {
        number[0] = (char)('0' + i);
        need(mproc_spawn(worker, NULL, 0, NULL, &workers[i]), "start a worker");
    }
    for (i = 0; i < WORKERS; i++) {
        need(mproc_process_wait(workers[i], &exit_code, NULL, MPROC_FOREVER, NULL), "wait for a worker");
        mproc_process_close(workers[i]);
        finished += exit_code == 0;
    }

    /* The server calls as a client does. */
    need(mproc_builder_create(&result), "create a builder");
    status = mproc_manager_call(manager, "record", mproc_datum_str("no number"), result, MPROC_FOREVER, NULL);
    printf("%d of %d workers have finished; text is refused: %s\n", finished, WORKERS,
           status == MPROC_ETYPE ? "yes" : "no");
    mproc_builder_close(result);
    need(mproc_builder_create(&result), "create a builder");
    need(mproc_manager_call(manager, "report", mproc_datum_nil(), result, MPROC_FOREVER, NULL), "report");
    need(mproc_builder_datum(result, &seen), "look at the report");
    need(mproc_datum_to_json(seen, 0, json, sizeof json, &len), "JSON");
    printf("%s\n", json);
    mproc_builder_close(result);
    mproc_manager_close(manager);
    return finished == WORKERS - 1 ? 0 : 1;
}
