/*
 * terminal COMMAND...: runs a command at a terminal of its own, whose keys are this program's standard input, and whose
 * screen is its standard output. Ends as the command does; if it is killed, so is the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Moves what is there; 0: no more will come. */
static int move(int from, int to)
{
    char bytes[256];
    ssize_t n = read(from, bytes, sizeof bytes);
    return n > 0 && write(to, bytes, (size_t)n) == n;
}

int main(int argc, char **argv)
{
    struct pollfd ends[2];
    int terminal, status;
    pid_t parent = getpid(), child = argc > 1 ? forkpty(&terminal, NULL, NULL, NULL) : -1;
    if (child < 0) {
        perror("terminal");
        return 126;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execvp(argv[1], argv + 1);
        }
        _exit(127);
    }
    ends[0].fd = terminal; /* fails to be read when nobody has the other side any more */
    ends[1].fd = STDIN_FILENO;
    ends[0].events = ends[1].events = POLLIN;
    for (;;) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (ends[0].revents != 0 && !move(terminal, STDOUT_FILENO)) {
            break;
        }
        if (ends[1].revents != 0 && !move(STDIN_FILENO, terminal)) {
            ends[1].fd = -1;
        }
    }
    if (waitpid(child, &status, 0) != child) {
        return 126;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
