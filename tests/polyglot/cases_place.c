#include "cases.h"

/* A writes in place, B reads in place, the third language copies; much more than the queue holds. */
static void streams(worker_t *a, worker_t *b, worker_t *other, const char *tag) {
    ask(a, "ok", "queue create place-%s 16384", tag);
    ask(b, "ok", "queue open place-%s 16384", tag);
    ask(other, "ok", "queue open place-%s 16384", tag);
    tell(a, "queue put 0 1000 -1 0");
    ask(b, "ok 500", "queue get 0 500 -1 0");
    ask(other, "ok 1000", "queue get 500 500 -1 1");
    expect(a, "ok 1000");
    tell(b, "queue put 0 500 5000 0");
    ask(a, "ok 500", "queue get 0 500 5000 16");
    expect(b, "ok 500");
    ask(other, "0", "queue size");
}

/* A reservation holds nobody up, and is delivered next when it is committed. */
static void reservations(worker_t *a, worker_t *b, worker_t *other) {
    ask(a, "ok", "queue reserve 0 -1");
    ask(a, "ok", "queue reserve 1 0");
    ask(b, "ok", "queue reserve 2 0");
    ask(other, "ok 5", "queue put 3 2 0 1");
    ask(b, "2", "queue size");
    ask(b, "ok 4", "queue get 3 1 0 1");
    ask(a, "ok", "queue commit 1");
    ask(a, "2", "queue size");
    ask(b, "taken", "queue peek 1 0");
    ask(b, "ok", "queue commit 2");
    ask(other, "ok 3", "queue get 2 1 0 1");
    ask(a, "ok", "queue abort 0");
    ask(other, "ok 5", "queue get 4 1 0 1");
    ask(b, "ok", "queue release 1");
    ask(other, "error timeout 0", "queue get 0 1 0 1");
}

/* What somebody has in place others go past; it can be put back, also by closing the handle. */
static void put_back(worker_t *a, worker_t *b, worker_t *other, const char *tag) {
    ask(a, "ok 3", "queue put 0 3 0 0");
    ask(b, "taken", "queue peek 0 0");
    ask(b, "taken", "queue peek 1 0");
    ask(a, "1", "queue size");
    ask(other, "taken", "queue peek 2 0");
    tell(other, "queue peek 1 -1");
    settle();
    expect_silence(other);
    ask(b, "ok", "queue putback 1");
    expect(other, "recovered");
    ask(other, "ok", "queue release 1");
    ask(b, "ok", "queue reserve 7 0");
    ask(b, "ok", "queue close");
    ask(other, "ok 1", "queue get 0 1 0 1");
    ask(other, "ok", "queue putback 2");
    ask(a, "recovered", "queue peek 2 0");
    ask(a, "ok", "queue release 2");
    ask(a, "error timeout 7", "queue get 7 1 0 1");
    ask(b, "ok", "queue open place-%s 16384", tag);
}

/* A is killed with a reservation, which is dropped, and with messages that it reads, which come back in order. */
static void killed_in_place(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "queue open place-%s 16384", p->tag);
    ask(b, "ok 2", "queue put 0 2 0 1");
    ask(a, "ok", "queue reserve 9 -1");
    ask(a, "taken", "queue peek 0 -1");
    ask(a, "taken", "queue peek 1 -1");
    tell(b, "queue peek 0 -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "ok 2", "queue get 1 1 -1 1"); /* a copy does not say that somebody had it before */
    ask(b, "ok", "queue release 0");
    ask(other, "error timeout 9", "queue get 9 1 0 1");
    /* Nothing of it takes up room: all of it is filled several times. */
    tell(other, "queue get 0 300 -1 0");
    ask(b, "ok 300", "queue put 0 300 -1 0");
    expect(other, "ok 300");
}

/* After a shutdown, consumers wait for what may come back; at once shut down, nothing goes in or comes back. */
static void shutdowns(worker_t *a, worker_t *b, worker_t *other, const char *tag) {
    ask(a, "ok 3", "queue put 0 3 0 1");
    ask(b, "taken", "queue peek 0 0");
    ask(a, "ok", "queue reserve 3 0");
    ask(other, "ok 3", "queue get 1 2 0 1");
    ask(other, "ok", "queue shutdown graceful");
    ask(b, "error closed", "queue reserve 9 0");
    tell(other, "queue peek 0 -1");
    settle();
    expect_silence(other);
    ask(b, "ok", "queue putback 0");
    expect(other, "recovered");
    tell(b, "queue get 3 100 -1 1");
    settle();
    expect_silence(b);
    ask(a, "ok", "queue commit 3"); /* it was reserved before */
    settle();
    expect_silence(b); /* the first may still come back */
    ask(other, "ok", "queue release 0");
    expect(b, "error closed 4");
    ask(a, "error closed", "queue peek 0 -1");

    ask(a, "ok", "queue create dropped-place-%s 16384", tag);
    ask(b, "ok", "queue open dropped-place-%s 16384", tag);
    ask(a, "ok 3", "queue put 0 3 0 0");
    ask(a, "ok", "queue reserve 3 0");
    ask(a, "ok", "queue reserve 4 0");
    ask(b, "taken", "queue peek 0 0");
    ask(b, "taken", "queue peek 1 0");
    ask(b, "ok", "queue shutdown immediate");
    ask(a, "error closed", "queue commit 3");
    ask(a, "ok", "queue abort 4");
    ask(b, "ok", "queue release 0");
    ask(b, "ok", "queue putback 1");
    ask(b, "error closed", "queue peek 1 -1");
    ask(a, "0", "queue size");
}

void case_place(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b), *other = start(p->other);
    streams(a, b, other, p->tag);
    reservations(a, b, other);
    put_back(a, b, other, p->tag);
    killed_in_place(b, other, p);
    shutdowns(a, b, other, p->tag);
    quit(a);
    quit(b);
    quit(other);
}
