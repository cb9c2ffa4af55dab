/*
 * Starts a command as something else than a shell would.
 *
 *   creator --thread COMMAND...                 by a thread that ends at once; stays until it is killed
 *   creator --service SOCKET STATES COMMAND...  as systemd does: the command finds the listening SOCKET as descriptor 3,
 *                                               and what it says of its state goes into the file STATES, a line each
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A hang ends here, whatever happens to the script. */
enum { SECONDS = 100 };

static void fail(const char *what)
{
    fprintf(stderr, "creator: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void *start(void *command)
{
    char **argv = command;
    pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        execv(argv[0], argv);
        fail(argv[0]);
    }
    return NULL;
}

static void by_thread(char **command)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, start, command) != 0 || pthread_join(thread, NULL) != 0) {
        fail("a thread");
    }
    close(1); /* the command's alone: whoever reads it sees its end */
    alarm(SECONDS);
    for (;;) {
        pause();
    }
}

static int bound_to(const char *path, int type)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail(path);
    }
    return fd;
}

/* Writes down what comes, until the service says that it stops. */
static void note(int from, const char *states)
{
    char state[4096];
    FILE *file = fopen(states, "w");
    if (!file) {
        fail(states);
    }
    alarm(SECONDS);
    for (;;) {
        ssize_t n = recv(from, state, sizeof state - 1, 0);
        if (n < 0) {
            fail("recv");
        }
        state[n] = 0;
        fprintf(file, "%s\n", state);
        fflush(file);
        if (strstr(state, "STOPPING=1")) {
            _exit(0);
        }
    }
}

static void as_service(const char *path, const char *states, char **command)
{
    char notify[4096], pid[32];
    snprintf(notify, sizeof notify, "%s.notify", states);
    int from = bound_to(notify, SOCK_DGRAM);
    int listening = bound_to(path, SOCK_STREAM);
    pid_t noting = fork();
    if (noting < 0 || listen(listening, 64) != 0) {
        fail("fork, or listen");
    }
    if (noting == 0) {
        close(listening);
        close(1); /* the command's alone: whoever reads it sees its end */
        note(from, states);
    }
    close(from);
    if (listening != 3 && (dup2(listening, 3) < 0 || close(listening) != 0)) {
        fail("dup2");
    }
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (setenv("LISTEN_PID", pid, 1) != 0 || setenv("LISTEN_FDS", "1", 1) != 0 ||
        setenv("LISTEN_FDNAMES", "mproc.socket", 1) != 0 || setenv("NOTIFY_SOCKET", notify, 1) != 0) {
        fail("setenv");
    }
    execv(command[0], command);
    fail(command[0]);
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "--thread")) {
        by_thread(argv + 2);
    }
    if (argc > 4 && !strcmp(argv[1], "--service")) {
        as_service(argv[2], argv[3], argv + 4);
    }
    fprintf(stderr, "usage: see the comment at the top\n");
    return 2;
}
