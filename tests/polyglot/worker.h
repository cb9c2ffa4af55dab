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

mproc_value_t *u64_value(const char *name, bool create);

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

/* What the worker has open. */
extern mproc_queue_t *queue;
extern mproc_pipe_t *near_end;
extern mproc_value_t *value;
extern mproc_semaphore_t *semaphore;
extern mproc_event_t *event;

/* The bytes that the value has when its bits are those; gives how many. */
size_t value_bytes(uint64_t bits, unsigned char bytes[8]);

/* ---- family.c ---- */

/* Runs the command if it is about an object of the family. */
bool do_family(void);

int family_export(mproc_handle_t **handle);
int family_import(const mproc_handle_t *handle);
void family_close(void);

/* ---- containers.c ---- */

/* Runs the command if it is about a dict, a list or a namespace. */
bool do_container(void);

void containers_close(void);

/* ---- wait.c ---- */

void do_wait(void);

/* "changed" or "notified": the rest of a command about the value that waits. */
void value_wait(void);

/* When a wait of that length, which begins now, is over. */
int64_t deadline_of(int64_t timeout);

/* How much of it is left, as a timeout. */
int64_t left_until(int64_t deadline);

/* Sleeps until the descriptor is readable; MPROC_ETIMEDOUT: it was not in time. */
int poll_until(int fd, int64_t deadline);

#endif
