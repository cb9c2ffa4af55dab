/*
 * The manager as its users' processes see it: a server that is a program of its own, clients that are processes, and
 * kill -9 for either. What its parts share.
 */
#ifndef MPROC_MANAGER_TEST_H
#define MPROC_MANAGER_TEST_H

#include "proc.h"

#include "check.h"

#include <pthread.h>

/* How a client comes: memory, proxies through the same socket, and tcp. */
enum { NEAR, PROXY, TCP, WAYS };

typedef struct {
    pid_t pid;
    int control;    /* the server ends when this does */
    char place[40]; /* a directory of its own: its socket, its key */
    char near[96], proxy[128], tcp[64];
    mproc_key_t key;
} server_t;

/* Starts one; with an earlier one it starts at the addresses, and with the key, of that. */
server_t server_start(const server_t *earlier);
/* Ends it as it should end, and looks whether anything is left. */
void server_end(server_t *server);
/* After its death: removes what it could not. */
void server_bury(server_t *server);
/* What main() does with "--server ADDRESSES KEYFILE". */
int server_main(const char *addresses, const char *key_file);

const char *way_name(int way);
mproc_manager_t *arrive(const server_t *server, int way);
mproc_manager_t *arrive_at(const char *address, const server_t *server, int64_t reconnect_ns);
const mproc_domain_t *domain_of(const mproc_manager_t *manager);

/* The parts of the program. */
void manager_death(void);
void manager_servers_death(void);
void manager_cut(void);
void manager_kill_loop(void);

/* For the watchdog, and for the reader of a failure: this is where the test is. */
static inline void here(const char *file, int line) {
    check_counts->file = file;
    check_counts->line = line;
}

/* Waits until something holds; the watchdog says where if it never does. */
#define AWAIT(condition)           \
    do {                           \
        here(__FILE__, __LINE__);  \
        while (!(condition)) {     \
            proc_sleep_ns(1 * MS); \
        }                          \
    } while (0)

/* One of two: what a death in between makes of it. */
#define CHECK_EITHER(a, b, call)                                      \
    do {                                                              \
        int either = (call);                                          \
        check_status(either == (b) ? (b) : (a), either, __FILE__, __LINE__, #call); \
    } while (0)

#endif
