/*
 * Reference: dict and list of CPython's multiprocessing.Manager(). A Python process is the client (peer_manager.py);
 * it is asked for as many operations as a measurement takes, all at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "servers.h"
#include "sides.h"

static void manager_ask(const struct server *server, const char *what, uint64_t n)
{
    char line[64];
    const int len = snprintf(line, sizeof line, "%s %llu\n", what, (unsigned long long)n);
    if (write(server->to, line, (size_t)len) != len)
        die("write to peer_manager.py: %s", strerror(errno));
}

/* False: it said something else, or ended. */
static bool manager_answers(const struct server *server)
{
    static const char done[] = "done\n";
    char answer[sizeof done - 1];
    for (size_t have = 0; have < sizeof answer;) {
        const ssize_t n = read(server->from, answer + have, sizeof answer - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return memcmp(answer, done, sizeof answer) == 0;
}

static void manager_do(const struct server *server, const char *what, uint64_t n)
{
    manager_ask(server, what, n);
    if (!manager_answers(server))
        die("peer_manager.py did not do %s", what);
}

static const char *setup(struct run *run)
{
    static const char *const argv[] = {"python3", "benches/peer_manager.py", NULL};
    struct server *server = malloc(sizeof *server);
    if (!server)
        die("out of memory");
    const int error = server_start(server, argv, true, ANY_CPU);
    if (error) {
        free(server);
        return error == ENOENT ? "python3 is not installed (apt-get install python3)" : "python3 cannot be started";
    }
    manager_ask(server, "fill", ENTRIES);
    if (!manager_answers(server)) {
        server_stop(server);
        free(server);
        return "python3 has no multiprocessing.Manager() (apt-get install python3)";
    }
    run->state = server;
    return NULL;
}

static void teardown(struct run *run)
{
    server_stop(run->state);
    free(run->state);
}

static void manager_run(struct run *run, const char *what)
{
    manager_do(run->state, what, WARM_UP_CALLS);
    run_start(run);
    manager_do(run->state, what, run->n);
    run_stop(run, run->n);
}

#define SIDE(id, called)                                                                                          \
    static void body_##id(struct run *run) { manager_run(run, #id); }                                             \
    const struct side ref_manager_##id = {                                                                        \
        .name = called, .members = 1, .setup = setup, .body = body_##id, .teardown = teardown}

SIDE(dict_get, "Python Manager().dict()");
SIDE(dict_set, "Python Manager().dict()");
SIDE(list_append, "Python Manager().list()");
SIDE(list_get, "Python Manager().list()");
