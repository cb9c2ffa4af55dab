#include "cases.h"

/* A makes 3 x 5 integers; B sees the shape and writes by index, by run and in place; A reads it all. */
static void two_dimensions(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "array create grid-%s i32 3x5", tag);
    ask(b, "error exists", "array create grid-%s i32 3x5", tag);
    ask(b, "ok", "array open grid-%s i32 3x5", tag);
    ask(b, "ok", "array open grid-%s i32 any", tag);
    ask(b, "3x5", "array shape");
    ask(b, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "array read");
    ask(b, "7", "array get 1 2");
    ask(b, "ok", "array set 1 2 -2147483648");
    ask(a, "-2147483648", "array get 1 2");
    ask(b, "ok", "array write 12 3 100");
    ask(a, "0 1 2 3 4 5 6 -2147483648 8 9 10 11 100 101 102", "array read");
    ask(a, "ok", "array set 1 2 2147483647");
    ask(b, "ok", "array negate");
    ask(a, "0 -1 -2 -3 -4 -5 -6 -2147483647 -8 -9 -10 -11 -100 -101 -102", "array read");
    ask(a, "ok", "array write 0 15 -7");
    ask(b, "-7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7", "array read");
}

/* What does not fit is refused in B's language as it is documented. */
static void refusals(worker_t *b, const char *tag) {
    ask(b, "error range", "array get 3 0");
    ask(b, "error range", "array get 0 5");
    ask(b, "error range", "array set 3 0 1");
    ask(b, "error range", "array write 13 3 1");
    ask(b, "-7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7", "array read");
    ask(b, "error type", "array open grid-%s u32 3x5", tag);
    ask(b, "error type", "array open grid-%s i64 any", tag);
    ask(b, "error type", "array open grid-%s i8 any", tag);
    ask(b, "error type", "array open grid-%s i32 5x3", tag);
    ask(b, "error type", "array open grid-%s i32 15", tag);
    ask(b, "error type", "array open grid-%s i32 3x5x1", tag);
    ask(b, "error type", "cells open grid-%s 15 none", tag);
    ask(b, "error kind", "value open grid-%s i32", tag);
    ask(b, "error kind", "queue open grid-%s 0", tag);
    ask(b, "error kind", "lock open lock grid-%s", tag);
    ask(b, "error notfound", "array open no-grid-%s i32 any", tag);
}

/* A writes the even elements, B the odd ones, one byte each, at the same time: nobody spoils a neighbour. */
static void neighbours(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "array create bytes-%s i8 67", tag);
    ask(b, "ok", "array open bytes-%s i8 67", tag);
    tell(a, "array weave gate-bytes-%s 0 6000", tag);
    tell(b, "array weave gate-bytes-%s 1 6000", tag);
    expect(a, "ok");
    expect(b, "ok");
}

/* A is killed while it writes structs: every element is whole, and B goes on writing. */
static void killed_writer(worker_t *b, const pair_t *p) {
    worker_t *creator = start(p->a);
    uint64_t steals, rollbacks;
    int round;
    ask(creator, "ok", "cells create cells-%s 40 agreed", p->tag);
    ask(creator, "ok", "cells store");
    ask(b, "error type", "cells open cells-%s 40 other", p->tag);
    ask(b, "error type", "cells open cells-%s 41 agreed", p->tag);
    ask(b, "ok", "cells open cells-%s 40 none", p->tag);
    ask(b, "ok", "cells open cells-%s 40 agreed", p->tag);
    quit(creator);
    for (round = 0; round < 12; round++) {
        worker_t *a = start(p->a);
        ask(a, "ok", "cells open cells-%s 40 agreed", p->tag);
        ask(a, "started", "cells storm");
        tell(b, "cells check");
        random_pause(2000);
        worker_kill(a);
        expect(b, "ok");
        ask(b, "ok", "cells check");
        ask(b, "ok", "cells store");
        ask(b, "ok", "cells check");
    }
    ask_numbers(b, "", &steals, &rollbacks, "cells info");
    seen.steals += (long)steals;
    seen.rollbacks += (long)rollbacks;
}

void case_array(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    two_dimensions(a, b, p->tag);
    refusals(b, p->tag);
    neighbours(a, b, p->tag);
    quit(a);
    killed_writer(b, p);
    quit(b);
}
