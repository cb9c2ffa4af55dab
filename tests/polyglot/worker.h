/* What the worker in C is made of: worker.c has the commands for everything but the objects of family.c. */
#ifndef POLYGLOT_WORKER_H
#define POLYGLOT_WORKER_H

#include <mproc.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- answers ---- */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the call went well; if not, that is the answer. */
bool well(int status);

/* "ok", if it went well. */
void answer(int status);

/* "held" or "recovered", if it went well. */
void taken(int status);

/* For what cannot fail unless the library is broken. */
int need(int status, const char *what);

/* ---- words of a command ---- */

const char *word(int i);
bool is(int i, const char *text);
long long number(int i);
int64_t timeout_ns(int i);

/* ---- helpers ---- */

void pass_gate(const char *name);

/* A token that another thread sets after a while. */
typedef struct {
    mproc_cancel_t *token;
    int64_t after_ns;
    pthread_t thread;
} canceller_t;

void canceller_start(canceller_t *canceller, int64_t after_ns);
void canceller_end(canceller_t *canceller);

/* The mark of one job: once more. */
void count_mark(size_t i);

/* send, receive, spawn, inherit: for every object but queues and pipes. */
void travel(void);

/* What a condition can be bound to; NULL: the lock is none of that kind. */
extern mproc_lock_t *lock;
extern mproc_rlock_t *lock_recursive;

/* ---- family.c ---- */

/* Runs the command if it is about an object of the family. */
bool do_family(void);

int family_export(mproc_handle_t **handle);
int family_import(const mproc_handle_t *handle);
void family_close(void);

#endif
