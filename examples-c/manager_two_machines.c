/*
 * A server and a client on two machines: the client takes jobs from the server's queue, and puts the results into its
 * dict. Both have the same key, without which nobody gets in, and with which nobody can listen.
 *
 *     ./a.out key office.key                              once; bring the file to the other machine, too
 *     ./a.out server tcp:10.0.0.1:7000 office.key         on one
 *     ./a.out client tcp:10.0.0.1:7000 office.key         on the other
 *
 * Without arguments it is the server, and starts itself as the client, on this machine.
 *
 *     cc manager_two_machines.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 10 };

/* Ends the program when a call failed, and says why. */
static void need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
}

static void make_key(const char *file) {
    mproc_key_t key;
    need(mproc_key_generate(&key), "generate a key");
    need(mproc_key_save(&key, file), "save the key");
}

static int client(const char *address, const char *file) {
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_queue_t *jobs;
    mproc_dict_t *squares;
    mproc_pipe_t *line;
    char room[64];
    mproc_datum_t job;
    mproc_key_t key;
    int remote, done = 0, status;

    need(mproc_key_load(file, &key), "load the key");
    need(mproc_manager_connect(address, &key, NULL, &manager), "connect");
    need(mproc_manager_domain(manager, &domain), "find the manager's domain");
    need(mproc_pipe_open(domain, "line", NULL, 1, &line), "open the pipe");
    need(mproc_queue_open(domain, "jobs", NULL, &jobs), "open the queue");
    need(mproc_dict_open(domain, "squares", NULL, &squares), "open the dict");
    need(mproc_object_is_remote(MPROC_KIND_QUEUE, jobs, &remote), "ask where it is");
    /* Until the queue is shut down and empty. */
    while ((status = mproc_queue_get_datum(jobs, room, sizeof room, &job, MPROC_FOREVER, NULL)) != MPROC_ECLOSED) {
        need(status, "get a job");
        need(mproc_dict_set(squares, job, mproc_datum_int(job.as.i * job.as.i)), "set");
        done++;
    }
    printf("client: %d jobs done, %s\n", done, remote ? "by requests" : "in memory");
    fflush(stdout);
    need(mproc_pipe_send(line, "done", 4, MPROC_FOREVER, NULL), "report");
    mproc_dict_close(squares);
    mproc_queue_close(jobs);
    mproc_pipe_close(line);
    mproc_manager_close(manager);
    return 0;
}

/* Serves until a client has come and gone; if there is a program to start, that is the client. */
static int server(const char *listen, const char *file, const char **program) {
    mproc_manager_t *manager;
    const mproc_domain_t *domain;
    mproc_process_t *process;
    mproc_queue_t *jobs;
    mproc_dict_t *squares;
    mproc_pipe_t *line;
    char address[256], room[64];
    mproc_datum_t square;
    mproc_key_t key;
    size_t len;
    int i, status, exit_code, done = 0;

    need(mproc_key_load(file, &key), "load the key");
    need(mproc_manager_start(listen, &key, NULL, &manager), "start the manager");
    need(mproc_manager_domain(manager, &domain), "find its domain");
    need(mproc_dict_create(domain, "squares", NULL, &squares), "create the dict");
    need(mproc_pipe_create(domain, "line", NULL, &line, NULL), "create the pipe");
    need(mproc_queue_create(domain, "jobs", NULL, &jobs), "create the queue");
    for (i = 0; i < JOBS; i++) {
        need(mproc_queue_put_datum(jobs, mproc_datum_int(i), 0, NULL), "put a job");
    }
    need(mproc_queue_shutdown(jobs, 0), "end the queue");
    need(mproc_manager_address(manager, 0, address, sizeof address, NULL), "ask for the address");
    printf("server: ready\n");
    fflush(stdout);
    if (program != NULL) {
        program[2] = address; /* with the port that was free */
        need(mproc_spawn(program, NULL, 0, NULL, &process), "start the client");
        need(mproc_process_wait(process, &exit_code, NULL, MPROC_FOREVER, NULL), "wait for the client");
        mproc_process_close(process);
        if (exit_code != 0) {
            fprintf(stderr, "server: the client has failed\n");
            return 1;
        }
    }

    /* The line ends when the client has closed it, or is gone with its connection. */
    while ((status = mproc_pipe_recv(line, room, sizeof room, &len, MPROC_FOREVER, NULL)) != MPROC_EOF) {
        need(status, "wait for the client");
        done = 1;
    }
    if (!done) {
        fprintf(stderr, "server: the client has gone without a word\n");
        return 1;
    }
    printf("server: the squares are");
    for (i = 0; i < JOBS; i++) {
        need(mproc_dict_get(squares, mproc_datum_int(i), room, sizeof room, &square), "get a square");
        printf(" %d", (int)square.as.i);
    }
    printf("\n");
    mproc_queue_close(jobs);
    mproc_pipe_close(line);
    mproc_dict_close(squares);
    mproc_manager_close(manager);
    return 0;
}

static char directory[] = "/tmp/two-machines-XXXXXX", path[64];

static void clean(void) {
    remove(path);
    remove(directory);
}

static int both(void) {
    const char *program[] = {"/proc/self/exe", "client", NULL, path, NULL};
    if (mkdtemp(directory) == NULL) {
        perror("mkdtemp");
        return 1;
    }
    snprintf(path, sizeof path, "%s/office.key", directory);
    atexit(clean);
    make_key(path);
    return server("tcp:127.0.0.1:0", path, program);
}

int main(int argc, char **argv) {
    if (argc == 1) {
        return both();
    }
    if (argc == 3 && strcmp(argv[1], "key") == 0) {
        make_key(argv[2]);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "server") == 0) {
        return server(argv[2], argv[3], NULL);
    }
    if (argc == 4 && strcmp(argv[1], "client") == 0) {
        return client(argv[2], argv[3]);
    }
    fprintf(stderr, "usage: %s [key FILE | server ADDRESS FILE | client ADDRESS FILE]\n", argv[0]);
    return 2;
}
