#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Who puts and gets how, when both do both at the same time: 1 with copies, 0 in place. */
static const struct {
    int a_puts, a_gets, b_puts, b_gets;
} both[] = {{1, 1, 1, 1}, {0, 1, 1, 0}, {1, 0, 0, 1}};

/* A has one end and B the other, found by its name; each sends much more than the pipe holds. */
static void both_ways(worker_t *a, worker_t *b, const char *tag) {
    size_t i;
    ask(a, "ok", "pipe create both-%s 16384 0", tag);
    ask(b, "error exists", "pipe create both-%s 16384 1", tag);
    ask(a, "awaited", "pipe peer");
    ask(a, "ok 3", "pipe put 0 3 0 1"); /* kept for whoever comes */
    ask(b, "ok", "pipe open both-%s 16384 1", tag);
    ask(a, "open", "pipe peer");
    ask(a, "0 3", "pipe size");
    ask(b, "3 0", "pipe size");
    ask(b, "ok 3", "pipe get 0 3 0 0");
    for (i = 0; i < sizeof both / sizeof both[0]; i++) {
        tell(a, "pipe exchange 0 5000 800 %d %d", both[i].a_puts, both[i].a_gets);
        tell(b, "pipe exchange 5000 0 800 %d %d", both[i].b_puts, both[i].b_gets);
        expect(a, "ok");
        expect(b, "ok");
    }
    ask(a, "0 0", "pipe size");
}

/* B goes away and comes back. Meanwhile A learns it; what A had sent before is still there. */
static void come_and_go(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok 4", "pipe put 0 4 0 1");
    ask(b, "ok 13", "pipe put 11 2 0 0");
    ask(b, "error type", "pipe open both-%s 65536 1", tag); /* it had closed its end for that */
    ask(a, "gone", "pipe peer");
    ask(a, "ok 13", "pipe get 11 2 -1 1");
    ask(a, "error eof 13", "pipe get 13 1 0 1");
    ask(a, "error eof 13", "pipe get 13 1 -1 1");
    ask(a, "error eof 13", "pipe get 13 1 10000 0");
    ask(a, "error eof", "pipe poll -1");
    ask(a, "error broken 4", "pipe put 4 1 0 1");
    ask(a, "error broken 4", "pipe put 4 1 -1 0");
    ask(b, "error type", "pipe open both-%s 16384 1 oneway", tag);
    ask(b, "error notfound", "pipe open no-pipe-%s 16384 1", tag);
    ask(b, "error kind", "queue open both-%s 0", tag);
    ask(b, "ok", "pipe open both-%s 16384 1", tag);
    ask(a, "open", "pipe peer");
    ask(b, "ok 4", "pipe get 0 4 0 1");
    ask(b, "ok 1", "pipe put 0 1 0 1");
    ask(a, "ok 1", "pipe get 0 1 10000 1");
}

/* Messages arrive in the order of their reservations; what B has taken in place it can put back. */
static void in_place(worker_t *a, worker_t *b) {
    ask(a, "ok", "pipe reserve 0 -1");
    ask(a, "ok", "pipe reserve 1 -1");
    ask(a, "ok 3", "pipe put 2 1 -1 1");
    ask(a, "ok", "pipe commit 1");
    ask(b, "error timeout 0", "pipe get 0 1 0 1");
    tell(b, "pipe get 0 3 -1 1");
    settle();
    expect_silence(b);
    ask(a, "ok", "pipe commit 0");
    expect(b, "ok 3");
    ask(a, "ok", "pipe reserve 3 0");
    ask(a, "ok 5", "pipe put 4 1 0 0");
    ask(b, "error timeout", "pipe peek 4 0");
    ask(a, "ok", "pipe abort 3");
    ask(b, "taken", "pipe peek 4 10000");
    ask(b, "ok", "pipe release 4");

    ask(a, "ok 8", "pipe put 5 3 0 1");
    ask(b, "taken", "pipe peek 5 0");
    ask(b, "taken", "pipe peek 6 0");
    ask(b, "ok 8", "pipe get 7 1 0 1");
    ask(b, "ok", "pipe putback 6");
    ask(b, "ok 7", "pipe get 6 1 0 1");
    ask(b, "ok", "pipe putback 5");
    ask(b, "recovered", "pipe peek 5 0");
    ask(b, "ok", "pipe release 5");
    ask(b, "error timeout", "pipe peek 8 0");
    ask(b, "0 0", "pipe size");
}

static void waits(worker_t *a, worker_t *b, const char *tag) {
    char answer[80];
    int fillers = 0;
    ask(a, "ok", "pipe create waits-%s 4096 0", tag);
    ask(b, "ok", "pipe open waits-%s 4096 1", tag);
    ask(b, "error timeout 0", "pipe get 0 1 0 1");
    ask(b, "error timeout 0", "pipe get 0 1 30 1");
    ask(b, "error timeout 0", "pipe get 0 1 30 0");
    ask(b, "error timeout", "pipe poll 0");
    ask(b, "error timeout", "pipe poll 30");
    ask(b, "error canceled", "pipe cancel get 30");
    tell(b, "pipe poll -1");
    settle();
    expect_silence(b);
    ask(a, "ok 2", "pipe put 0 2 0 1");
    expect(b, "ok");
    ask(b, "ok 2", "pipe get 0 2 0 1");

    ask(a, "error toobig 10", "pipe put 10 1 -1 1"); /* 5,000 bytes */
    ask(a, "error toobig 10", "pipe put 10 1 -1 0");
    for (;;) { /* to the brim, with message 3, which has one byte */
        ask_text(a, answer, "pipe put 3 1 0 1");
        if (strcmp(answer, "ok 4") != 0) {
            break;
        }
        fillers++;
    }
    check(strcmp(answer, "error timeout 3") == 0);
    ask(a, "error timeout 3", "pipe put 3 1 30 1");
    ask(a, "error timeout 3", "pipe put 3 1 30 0");
    ask(a, "error canceled", "pipe cancel put 30");
    ask(b, "ok 2", "pipe put 0 2 0 1"); /* the other direction is not full */
    ask(a, "ok 2", "pipe get 0 2 0 1");
    tell(a, "pipe put 3 1 -1 1");
    settle();
    expect_silence(a);
    ask(b, "ok 4", "pipe get 3 1 0 1");
    expect(a, "ok 4");
    for (; fillers > 0; fillers--) {
        ask(b, "ok 4", "pipe get 3 1 0 1");
    }
    ask(b, "error timeout 3", "pipe get 3 1 0 1");
}

static void one_way(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "pipe create way-%s 4096 1 oneway", tag);
    ask(b, "ok", "pipe open way-%s 4096 0 oneway", tag);
    ask(b, "error unsupported 0", "pipe put 0 1 0 1");
    ask(a, "error unsupported 0", "pipe get 0 1 0 1");
    tell(b, "pipe get 0 100 -1 1");
    ask(a, "ok 5", "pipe put 0 5 0 0");
    settle();
    expect_silence(b);
    ask(a, "ok", "pipe close");
    expect(b, "error eof 5");
}

/* A is killed while it sends, with copies or in place; B receives meanwhile, or only afterwards. What A's sends had
 * returned for arrives in order and whole, at most one more, then the end. A new one at A's end goes on. */
static void killed_sender(worker_t *b, const pair_t *p) {
    uint64_t next = 0, done, steals, none;
    int round;
    ask(b, "ok", "pipe create sends-%s 32768 0", p->tag);
    ask(b, "ok", "value create sent-%s u64", p->tag);
    for (round = 0; round < 4; round++) {
        char answer[80];
        uint64_t begin = next;
        int way = round % 2;
        bool meanwhile = round < 3;
        worker_t *a = start(p->a);
        ask(a, "ok", "pipe open sends-%s 32768 1", p->tag);
        ask(a, "started", "pipe storm %" PRIu64 " sent-%s %d", next, p->tag, way);
        if (meanwhile) {
            tell(b, "pipe get %" PRIu64 " 1000000000 -1 %d", next, round / 2);
        }
        random_pause(2000);
        worker_kill(a);
        if (!meanwhile) {
            tell(b, "pipe get %" PRIu64 " 1000000000 -1 %d", next, round / 2);
        }
        expect_numbers(b, "error eof", &next, NULL);
        ask(b, "error broken 0", "pipe put 0 1 -1 %d", way);
        ask_text(b, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &done) == 1);
        check_numbers(done > begin && (next == done || next == done + 1),
                      "%" PRIu64 " arrived, sends had returned for %" PRIu64, next, done);
    }
    ask_numbers(b, "", &steals, &none, "pipe info");
    seen.steals += (long)steals;
}

/* A is killed while it receives, and B sends until it learns that. Whoever takes A's end gets the rest in order: all
 * but at most the one that A was taking. */
static void killed_receiver(worker_t *b, const pair_t *p) {
    worker_t *other = start(p->other);
    uint64_t next = 0, taken, put, steals, none;
    int round;
    ask(b, "ok", "pipe create recvs-%s 32768 0", p->tag);
    ask(b, "ok", "value create taken-%s u64", p->tag);
    for (round = 0; round < 2; round++) {
        char answer[80];
        worker_t *a = start(p->a);
        ask(a, "ok", "pipe open recvs-%s 32768 1", p->tag);
        tell(b, "pipe put %" PRIu64 " 1000000000 -1 %d", next, round % 2);
        ask(a, "started", "pipe devour %" PRIu64 " taken-%s", next, p->tag);
        random_pause(2000);
        worker_kill(a);
        expect_numbers(b, "error broken", &put, NULL);
        ask_text(b, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &taken) == 1 && taken > next);
        ask(other, "ok", "pipe open recvs-%s 32768 1", p->tag);
        /* It checks that it begins with the first that A had not taken, or the one after. */
        ask_numbers(other, "error timeout", &next, NULL, "pipe resume %" PRIu64, taken);
        check_numbers(next == put || (next + 1 == put && taken == next), "%" PRIu64 " of %" PRIu64, next, put);
        ask(other, "ok", "pipe close");
        next = put;
    }
    ask_numbers(b, "", &steals, &none, "pipe info");
    seen.steals += (long)steals;
    quit(other);
}

/* A is killed with a reservation, which is dropped, and with a message that it reads in place, which comes back. */
static void killed_in_place(worker_t *b, const pair_t *p) {
    worker_t *a = start(p->a), *other;
    uint64_t put;
    ask(b, "ok", "pipe create held-%s 16384 0", p->tag);
    ask(a, "ok", "pipe open held-%s 16384 1", p->tag);
    ask(a, "ok", "pipe reserve 0 -1");
    ask(a, "ok 3", "pipe put 1 2 -1 1");
    tell(b, "pipe get 1 100 -1 1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "error eof 3");

    a = start(p->a);
    other = start(p->other);
    ask(a, "ok", "pipe open held-%s 16384 1", p->tag);
    ask(other, "ok", "pipe open held-%s 16384 1", p->tag);
    ask(b, "ok 2", "pipe put 0 2 -1 0");
    ask(a, "taken", "pipe peek 0 -1");
    ask(a, "ok 2", "pipe get 1 1 -1 1");
    tell(other, "pipe peek 0 -1");
    settle();
    expect_silence(other);
    worker_kill(a);
    expect(other, "recovered");
    ask(other, "ok", "pipe release 0");
    ask(b, "open", "pipe peer");
    ask(b, "ok 3", "pipe put 2 1 -1 0");
    ask(other, "taken", "pipe peek 2 -1");
    worker_kill(other);
    ask_numbers(b, "error broken", &put, NULL, "pipe put 0 1000 -1 1"); /* noticed before the pipe is full, or then */
}

/* A is killed while B waits for it: for a message, then for room. */
static void killed_peer(worker_t *b, const pair_t *p) {
    worker_t *a = start(p->a);
    uint64_t put;
    ask(b, "ok", "pipe create idle-%s 4096 0", p->tag);
    ask(a, "ok", "pipe open idle-%s 4096 1", p->tag);
    tell(b, "pipe get 0 1 -1 1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "error eof 0");
    a = start(p->a);
    ask(a, "ok", "pipe open idle-%s 4096 1", p->tag);
    tell(b, "pipe put 0 10 -1 1");
    expect(b, "ok 10");
    tell(b, "pipe put 11 10 -1 0");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect_numbers(b, "error broken", &put, NULL);
    check_numbers(put >= 11 && put < 21, "%" PRIu64, put);
}

void case_pipe(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    both_ways(a, b, p->tag);
    come_and_go(a, b, p->tag);
    in_place(a, b);
    waits(a, b, p->tag);
    one_way(a, b, p->tag);
    quit(a);
    killed_sender(b, p);
    killed_receiver(b, p);
    killed_in_place(b, p);
    killed_peer(b, p);
    quit(b);
}
