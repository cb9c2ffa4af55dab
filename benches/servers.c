/*
 * Starting and ending the servers of references. They die with the driver, and ignore the terminal's Ctrl-C, at which
 * the driver ends them. Known by descriptor: whoever waits for the members may reap a server that died.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "servers.h"

enum { STOP_MS = 5000 };

const char *scratch_path(char *buffer, size_t size, const char *name)
{
    const char *directory = getenv("BENCH_SCRATCH");
    if (!directory || !*directory)
        return NULL;
    snprintf(buffer, size, "%s/%s", directory, name);
    return buffer;
}

/* In the child. Returns only if there is no such program. */
static void server_exec(const char *const argv[], const int in[2], const int out[2], bool talks)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (getenv("BENCH_SCRATCH"))
        setenv("TMPDIR", getenv("BENCH_SCRATCH"), 1);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (dup2(talks ? in[0] : nothing, STDIN_FILENO) < 0 || dup2(talks ? out[1] : nothing, STDOUT_FILENO) < 0)
        return;
    execvp(argv[0], (char *const *)argv);
}

static void close_pair(const int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

int server_start(struct server *server, const char *const argv[], bool talks, enum server_place where)
{
    int in[2], out[2], failure[2], error = 0;

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(failure, O_CLOEXEC) != 0)
        die("pipe: %s", strerror(errno));
    fflush(NULL);
    server->pid = fork();
    if (server->pid < 0)
        die("fork: %s", strerror(errno));
    if (server->pid == 0) {
        if (where == TEAM_CPUS)
            team_pin();
        server_exec(argv, in, out, talks);
        error = errno;
        _exit(write(failure[1], &error, sizeof error) == (ssize_t)sizeof error ? 1 : 2);
    }
    close(in[0]);
    close(out[1]);
    close(failure[1]);
    const bool failed = read(failure[0], &error, sizeof error) > 0; /* the end: it runs */
    close(failure[0]);
    server->to = in[1];
    server->from = out[0];
    if (!talks || failed) {
        close_pair((const int[2]){server->to, server->from});
        server->to = server->from = -1;
    }
    if (failed) {
        waitpid(server->pid, NULL, 0);
        return error;
    }
    server->pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    if (server->pidfd < 0)
        die("pidfd_open: %s", strerror(errno));
    return 0;
}

static bool ends_within(const struct server *server, int ms)
{
    struct pollfd p = {.fd = server->pidfd, .events = POLLIN};
    const double until = now_ns() + ms * 1e6;
    int found;
    do {
        const double left = (until - now_ns()) / 1e6;
        found = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (found < 0 && errno == EINTR);
    return found > 0;
}

bool server_lives(const struct server *server) { return !ends_within(server, 0); }

void server_stop(struct server *server)
{
    if (server->to >= 0)
        close_pair((const int[2]){server->to, server->from});
    else
        syscall(SYS_pidfd_send_signal, server->pidfd, SIGTERM, NULL, 0);
    if (!ends_within(server, STOP_MS)) {
        fprintf(stderr, "\nbench: process %ld did not end within %d ms and is killed\n", (long)server->pid, STOP_MS);
        syscall(SYS_pidfd_send_signal, server->pidfd, SIGKILL, NULL, 0);
        ends_within(server, STOP_MS);
    }
    siginfo_t info;
    waitid((idtype_t)3 /* P_PIDFD, which older headers have not */, (id_t)server->pidfd, &info, WEXITED | WNOHANG);
    close(server->pidfd);
}
