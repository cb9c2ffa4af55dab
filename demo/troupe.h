/* The director's grip on the actors: processes whose lines are read, who can be waited for and killed. */
#ifndef DEMO_TROUPE_H
#define DEMO_TROUPE_H

#include <sys/types.h>

enum { MOST_ACTORS = 8, MOST_ARGUMENTS = 8 };

typedef struct {
    const char *name; /* what stands before its lines */
    pid_t pid;        /* 0: gone */
    int from;         /* its standard output, -1: closed */
    char line[512];   /* what it has said of the current line */
    size_t length;
    char said[64];    /* its last cue: a line that starts with '@' is for the director, not for the audience */
    int number;       /* the number behind that cue, or -1 */
    int status;       /* as of waitpid(), once it is gone */
} actor_t;

/* Sets up signals; `on_end` is called once, however the show ends before its time. */
void troupe_start(void (*on_end)(void));

/* Says a line in the director's name. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts a program; arguments end with NULL. */
void actor_start(actor_t *actor, const char *name, const char *directory, const char *program, ...);

/* Waits until the actor has said `cue` (without '@'). Everybody's lines are shown meanwhile. */
void actor_await(actor_t *actor, const char *cue);

/* Waits until the actor has ended by itself; anything but success ends the show. */
void actor_join(actor_t *actor);

/* kill -9, and waits until the kernel has let go of it. */
void actor_kill(actor_t *actor);

/* Shows what the actors say for some milliseconds. */
void troupe_watch(int milliseconds);

/* Ends the show early: kills everybody, cleans up, exits with `code`. */
void troupe_end(int code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
