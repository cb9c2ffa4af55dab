/* The cases: each is played for every ordered pair of languages. */
#ifndef POLYGLOT_CASES_H
#define POLYGLOT_CASES_H

#include "crew.h"

/* A lock that A holds: A is killed, A is stopped, A is killed while it waits; both take it in turns. */
void case_lock(const pair_t *pair);

/* A lock that B releases for A; an rlock with all the levels of A, which is killed with them. */
void case_owners(const pair_t *pair);

/* Readers together, writers alone; A is killed while it reads, writes, waits, or repairs. */
void case_rwlock(const pair_t *pair);

/* Permits that anybody may give back, and permits that come back when A is killed. */
void case_semaphore(const pair_t *pair);

/* A turn that goes round; A is killed with a notification, or with the lock. */
void case_condition(const pair_t *pair);

/* A flag that outlives A, and that ends a wait also if it is cleared at once. */
void case_event(const pair_t *pair);

/* Three languages meet; one of them gives up, fails, or is killed while it waits or is waited for. */
void case_barrier(const pair_t *pair);

/* Numbers of every type and structs written by A and read by B; both add at the same time; A is killed while
 * it stores. */
void case_value(const pair_t *pair);

/* Elements in two dimensions, structs, neighbours; wrong types and shapes; A is killed while it writes. */
void case_array(const pair_t *pair);

/* Messages of all lengths; A is killed while it puts, B while it gets and while it waits. */
void case_queue(const pair_t *pair);

/* Messages both ways, with copies and in place; an end goes and comes back; A is killed while it sends, receives, or is
 * waited for. */
void case_pipe(const pair_t *pair);

/* A queue's messages in place, in three languages: overtaken, given up, put back; A is killed with some. */
void case_place(const pair_t *pair);

/* Leases, joining, producers: A is killed with what it has taken, or as the last producer. */
void case_work(const pair_t *pair);

/* Handles on queues and on ends of pipes travel from A to B, through sockets and to programs that A starts. */
void case_pass(const pair_t *pair);

/* The same with locks of all sorts, semaphores, conditions, events and barriers; A is killed with what it has. */
void case_family(const pair_t *pair);

/* A dict, with a list inside, that both read and change in their own types, at the same time; A is killed meanwhile. */
void case_dict(const pair_t *pair);

/* The same of a list. */
void case_list(const pair_t *pair);

/* A namespace that outlives A. */
void case_namespace(const pair_t *pair);

/* B waits in vain: timeouts, cancelling, shutdown. */
void case_waits(const pair_t *pair);

/* One of everything: B waits for all of it, A makes something ready, or dies. Values, waited for alone. */
void case_many(const pair_t *pair);

/* Queues and pipes with descriptors, which B polls: A is killed while it puts, B while it takes or polls. */
void case_poll(const pair_t *pair);

/* Names and memory outlive whoever is killed, and vanish with the last user. Looks into the domain's directory. */
void case_lifetime(const pair_t *pair);

/* The shell, with nothing but the command-line tool, does what it can with B; it is killed with a lock and with a permit. */
void case_shell(const pair_t *pair);

#endif
