/* The cases: each is played for every ordered pair of languages. */
#ifndef POLYGLOT_CASES_H
#define POLYGLOT_CASES_H

#include "crew.h"

/* A lock that A holds: A is killed, A is stopped, A is killed while it waits; both take it in turns. */
void case_lock(const pair_t *pair);

/* Numbers of every type and structs written by A and read by B; both add at the same time; A is killed while
 * it stores. */
void case_value(const pair_t *pair);

/* Elements in two dimensions, structs, neighbours; wrong types and shapes; A is killed while it writes. */
void case_array(const pair_t *pair);

/* Messages of all lengths; A is killed while it puts, B while it gets and while it waits. */
void case_queue(const pair_t *pair);

/* B waits in vain: timeouts, cancelling, shutdown. */
void case_waits(const pair_t *pair);

/* Names and memory outlive whoever is killed, and vanish with the last user. Looks into the domain's directory. */
void case_lifetime(const pair_t *pair);

#endif
