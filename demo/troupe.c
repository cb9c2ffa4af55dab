#define _GNU_SOURCE
#include "troupe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SECONDS = 120 }; /* far beyond what the show takes: only a hang gets there */

static actor_t *actors[MOST_ACTORS];
static int actor_count;
static void (*on_end)(void);
static volatile sig_atomic_t interrupted;
static int colours;

static void interrupt(int signal_number) {
    interrupted = signal_number;
}

void troupe_start(void (*end)(void)) {
    struct sigaction action;
    on_end = end;
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupt; /* without SA_RESTART: waits are to end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(MOST_SECONDS);
    colours = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* The same language, the same colour. */
static const char *colour(const char *name) {
    if (strncmp(name, "C++", 3) == 0) {
        return "35";
    }
    if (strncmp(name, "Go", 2) == 0) {
        return "36";
    }
    return name[0] == 'C' ? "33" : "1";
}

static void say(const char *name, const char *line) {
    if (colours) {
        printf("\033[%sm%-9s|\033[0m %s\n", colour(name), name, line);
    } else {
        printf("%-9s| %s\n", name, line);
    }
}

void tell(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    say("", line);
}

/* Waits for the end of a process, and strikes it from the list. */
static void reap(actor_t *actor) {
    int i;
    while (waitpid(actor->pid, &actor->status, 0) < 0 && errno == EINTR) {
    }
    actor->pid = 0;
    for (i = 0; i < actor_count; i++) {
        if (actors[i] == actor) {
            actors[i] = actors[--actor_count];
        }
    }
}

void troupe_end(int code, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    say("", line);
    while (actor_count > 0) {
        kill(actors[0]->pid, SIGKILL);
        reap(actors[0]);
    }
    on_end();
    exit(code);
}

/* An interrupt is acted upon here, not in the handler: everything may be done now. */
static void check_interrupt(void) {
    if (interrupted == SIGALRM) {
        int i;
        for (i = 0; i < actor_count; i++) {
            fprintf(stderr, "%s is there, its last cue was '%s'\n", actors[i]->name, actors[i]->said);
        }
        troupe_end(2, "Nothing has happened for too long: the show is stuck.");
    }
    if (interrupted != 0) {
        troupe_end(128 + (int)interrupted, "Interrupted: everybody is sent home, the objects are removed.");
    }
}

void actor_start(actor_t *actor, const char *name, const char *directory, const char *program, ...) {
    char path[512];
    char *argv[MOST_ARGUMENTS + 2];
    int ends[2], count = 1;
    va_list arguments;
    pid_t director = getpid();

    memset(actor, 0, sizeof *actor);
    actor->name = name;
    actor->number = -1;
    snprintf(path, sizeof path, "%s/%s", directory, program);
    argv[0] = path;
    va_start(arguments, program);
    while (count <= MOST_ARGUMENTS && (argv[count] = va_arg(arguments, char *)) != NULL) {
        count++;
    }
    va_end(arguments);
    argv[count] = NULL;

    if (actor_count == MOST_ACTORS) {
        troupe_end(1, "too many actors");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        troupe_end(1, "pipe: %s", strerror(errno));
    }
    fflush(NULL);
    actor->pid = fork();
    if (actor->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a director that is killed leaves nobody behind */
        if (getppid() != director) {
            _exit(1);
        }
        dup2(ends[1], STDOUT_FILENO);
        alarm(0);
        execv(path, argv);
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    actor->from = ends[0];
    if (actor->pid < 0) {
        actor->pid = 0;
        troupe_end(1, "fork: %s", strerror(errno));
    }
    actors[actor_count++] = actor;
}

static void hear(actor_t *actor, const char *line) {
    char cue[sizeof actor->said];
    int number = -1;
    if (sscanf(line, "@%63s %d", cue, &number) >= 1) {
        memcpy(actor->said, cue, sizeof cue);
        actor->number = number;
    } else {
        say(actor->name, line);
    }
}

static void listen_to(actor_t *actor) {
    char bytes[256];
    ssize_t got = read(actor->from, bytes, sizeof bytes), i;
    if (got < 0 && errno == EINTR) {
        return;
    }
    if (got <= 0) {
        close(actor->from);
        actor->from = -1;
        return;
    }
    for (i = 0; i < got; i++) {
        if (bytes[i] == '\n') {
            actor->line[actor->length] = '\0';
            actor->length = 0;
            hear(actor, actor->line);
        } else if (actor->length < sizeof actor->line - 1) {
            actor->line[actor->length++] = bytes[i];
        }
    }
}

/* Waits for lines, at most that long. */
static void pump(int milliseconds) {
    struct pollfd polls[MOST_ACTORS];
    actor_t *speaking[MOST_ACTORS];
    nfds_t open = 0, i;
    int k;
    for (k = 0; k < actor_count; k++) {
        if (actors[k]->from >= 0) {
            speaking[open] = actors[k];
            polls[open].fd = actors[k]->from;
            polls[open].events = POLLIN;
            polls[open].revents = 0;
            open++;
        }
    }
    if (poll(polls, open, milliseconds) > 0) {
        for (i = 0; i < open; i++) {
            if (polls[i].revents != 0) {
                listen_to(speaking[i]);
            }
        }
    }
    check_interrupt();
}

void troupe_watch(int milliseconds) {
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += milliseconds % 1000 * 1000000L;
    for (;;) {
        long left;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left = (long)(end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000;
        if (left <= 0) {
            break;
        }
        pump((int)left);
    }
}

static void must_live(actor_t *actor, const char *until) {
    if (actor->from < 0) {
        reap(actor);
        troupe_end(1, "%s has ended (status %d) before it came to \"%s\".", actor->name, actor->status, until);
    }
}

void actor_await(actor_t *actor, const char *cue) {
    while (strcmp(actor->said, cue) != 0) {
        must_live(actor, cue);
        pump(1000);
    }
}

void actor_join(actor_t *actor) {
    while (actor->from >= 0) {
        pump(1000);
    }
    reap(actor);
    if (!WIFEXITED(actor->status) || WEXITSTATUS(actor->status) != 0) {
        troupe_end(1, "%s was to end well, but ended with status %d.", actor->name, actor->status);
    }
}

void actor_kill(actor_t *actor) {
    kill(actor->pid, SIGKILL);
    reap(actor);
    while (actor->from >= 0) { /* what it had said before */
        listen_to(actor);
    }
}
