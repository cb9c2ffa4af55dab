/*
 * A list of a manager's, to which another program appends. (Here the other program is this one again, started with
 * an argument.)
 *
 *     cc manager_list.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static int work(const char *address) {
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_list_t *shared;

    need(mproc_manager_connect(address, NULL, NULL, &manager), "connect");
    need(mproc_manager_domain(manager, &domain), "find the manager's domain");
    need(mproc_list_open(domain, "shared", NULL, &shared), "open the list");
    need(mproc_list_append(shared, mproc_datum_str("Data from worker")), "append");
    mproc_list_close(shared);
    mproc_manager_close(manager);
    return 0;
}

int main(int argc, char **argv) {
    char address[256];
    const char *worker[] = {"/proc/self/exe", address, NULL};
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_process_t *process;
    mproc_list_t *shared;
    mproc_iter_t *items;
    mproc_datum_t item;
    int i, status, exit_code;

    if (argc == 2) {
        return work(argv[1]);
    }
    need(mproc_manager_start(NULL, NULL, NULL, &manager), "start a manager");
    need(mproc_manager_domain(manager, &domain), "find its domain");
    need(mproc_list_create(domain, "shared", NULL, &shared), "create the list");
    need(mproc_manager_address(manager, 0, address, sizeof address, NULL), "ask for the address");

    need(mproc_spawn(worker, NULL, 0, NULL, &process), "start the worker");
    need(mproc_process_wait(process, &exit_code, NULL, MPROC_FOREVER, NULL), "wait for the worker");
    mproc_process_close(process);
    if (exit_code != 0) {
        fprintf(stderr, "the worker failed\n");
        return 1;
    }

    /* As it was at one moment. */
    need(mproc_list_items(shared, &items), "look at the list");
    printf("Shared list after worker modification: [");
    for (i = 0; (status = mproc_iter_next(items, NULL, &item)) != MPROC_END; i++) {
        need(status, "next");
        printf("%s'%.*s'", i > 0 ? ", " : "", (int)item.len, (const char *)item.data);
    }
    printf("]\n");
    mproc_iter_close(items);
    mproc_list_close(shared);
    mproc_manager_close(manager);
    return 0;
}
