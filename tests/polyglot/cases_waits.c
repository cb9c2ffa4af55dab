#include "cases.h"

#include <inttypes.h>
#include <string.h>

/* Nothing to get: B's language says so in its way, with and without a limit, and when it is cancelled. */
static void empty_queue(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "queue create idle-%s 4096", tag);
    ask(b, "ok", "queue open idle-%s 4096", tag);
    ask(b, "error timeout 0", "queue get 0 1 0 1");
    ask(b, "error timeout 0", "queue get 0 1 30 1");
    ask(b, "error timeout 0", "queue get 0 9 30 8");
    ask(b, "error canceled", "queue cancel get 30");
    /* A wait that was cut short has not spoiled anything. */
    tell(b, "queue get 0 2 10000 1");
    settle();
    expect_silence(b);
    ask(a, "ok 2", "queue put 0 2 0 1");
    expect(b, "ok 2");
}

/* No room, and messages for which there never is. */
static void full_queue(worker_t *a, worker_t *b) {
    uint64_t next;
    int fillers = 0;
    char answer[80];
    ask(b, "error toobig 10", "queue put 10 1 -1 1"); /* 5,000 bytes */
    ask(b, "error toobig 9", "queue put 9 2 -1 2");
    ask(a, "0", "queue size");
    ask(a, "ok 10", "queue put 0 10 0 1");
    ask_numbers(a, "error timeout", &next, NULL, "queue put 11 10 0 1");
    for (;;) { /* to the brim, with message 3, which has one byte */
        ask_text(a, answer, "queue put 3 1 0 1");
        if (strcmp(answer, "ok 4") != 0) {
            break;
        }
        fillers++;
    }
    check(strcmp(answer, "error timeout 3") == 0);
    ask(b, "error timeout 3", "queue put 3 1 0 1");
    ask(b, "error timeout 3", "queue put 3 1 30 1");
    ask(b, "error timeout 3", "queue put 3 2 30 2");
    ask(b, "error canceled", "queue cancel put 30");
    tell(b, "queue put 3 1 -1 1");
    settle();
    expect_silence(b);
    ask(a, "ok 10", "queue get 0 10 0 1");
    expect(b, "ok 4");
    tell(a, "queue get 11 %" PRIu64 " 0 1", next - 11);
    expect_numbers(a, "ok", &next, NULL);
    for (fillers++; fillers > 0; fillers--) {
        ask(a, "ok 4", "queue get 3 1 0 1");
    }
    ask(a, "error timeout 0", "queue get 0 1 0 1");
}

static void held_lock(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "lock create lock wait-%s", tag);
    ask(b, "ok", "lock open lock wait-%s", tag);
    ask(a, "held", "lock take -1");
    ask(b, "error timeout", "lock take 0");
    ask(b, "error timeout", "lock take 30");
    ask(b, "error canceled", "lock cancel 30");
    tell(b, "lock take 10000");
    settle();
    expect_silence(b);
    ask(a, "ok", "lock give");
    expect(b, "held");
    ask(b, "ok", "lock give");
}

/* A shuts the queue down, and B learns it, whether it waits or comes later, gets or puts. */
static void shutdowns(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "queue create graceful-%s 65536", tag);
    ask(b, "ok", "queue open graceful-%s 65536", tag);
    tell(b, "queue get 0 100 -1 1");
    ask(a, "ok 5", "queue put 0 5 -1 1");
    settle();
    expect_silence(b);
    ask(a, "ok", "queue shutdown graceful");
    expect(b, "error closed 5");
    ask(b, "error closed 0", "queue get 0 1 0 1");
    ask(b, "error closed 0", "queue get 0 1 10000 1");
    ask(b, "error closed 0", "queue get 0 9 -1 8");
    ask(b, "error closed 0", "queue put 0 1 0 1");
    ask(b, "error closed 0", "queue put 0 1 10000 1");
    ask(b, "error closed 0", "queue put 0 9 -1 9");

    /* What is inside can be taken after a graceful shutdown, ... */
    ask(a, "ok", "queue create drained-%s 65536", tag);
    ask(b, "ok", "queue open drained-%s 65536", tag);
    ask(a, "ok 20", "queue put 0 20 -1 1");
    ask(a, "ok", "queue shutdown graceful");
    ask(b, "error closed 0", "queue put 0 1 -1 1");
    ask(b, "ok 4", "queue get 0 4 0 1");
    ask(b, "error closed 20", "queue get 4 100 -1 8");
    ask(a, "error closed 20", "queue get 20 100 -1 1");

    /* ... and is dropped by an immediate one, which also ends a wait for room. */
    ask(a, "ok", "queue create dropped-%s 16384", tag);
    ask(b, "ok", "queue open dropped-%s 16384", tag);
    tell(b, "queue put 0 1000 -1 1");
    settle();
    expect_silence(b);
    ask(a, "ok", "queue shutdown immediate");
    {
        uint64_t put;
        expect_numbers(b, "error closed", &put, NULL);
        check_numbers(put < 1000, "%" PRIu64, put);
    }
    ask(b, "error closed 0", "queue get 0 1 -1 1");
    ask(b, "0", "queue size");
}

void case_waits(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    empty_queue(a, b, p->tag);
    full_queue(a, b);
    held_lock(a, b, p->tag);
    shutdowns(a, b, p->tag);
    quit(a);
    quit(b);
}
