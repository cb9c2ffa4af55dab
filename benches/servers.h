/* Programs that a reference needs beside itself: started for one case, talked to, ended. */
#ifndef BENCH_SERVERS_H
#define BENCH_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    int pidfd;
    int to, from; /* its standard input and output; -1: it has none of ours */
};

enum server_place { ANY_CPU, TEAM_CPUS }; /* the kernel's choice; only the CPUs of the measurement */

/*
 * Starts argv[0], which is looked for in PATH. `talks`: its standard input and output are pipes of ours.
 * Returns 0 or an errno: ENOENT if there is no such program.
 */
int server_start(struct server *server, const char *const argv[], bool talks, enum server_place where);
/* Whether it runs still. */
bool server_lives(const struct server *server);
/* Ends it: one that talks by closing its input, another one by a signal; whoever does not end in 5 s is killed. */
void server_stop(struct server *server);

/* A path in the run's directory of temporary files, which run.sh makes and removes. NULL: there is none. */
const char *scratch_path(char *buffer, size_t size, const char *name);

#endif
