#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JOBS = 600 };

/* Much more than it holds goes through a queue or pipe, and both sides, or one of them, do nothing but try and poll, or
 * try and wait as for many things. */
static void streams(worker_t *a, worker_t *b, const char *object) {
    static const struct {
        int put, get;
    } ways[] = {{-2, -2}, {1, -2}, {-2, 1}, {0, -3}, {-3, -3}, {-3, -2}};
    size_t i;
    ask(b, "error timeout 0", "%s get 0 1 0 -2", object);
    ask(b, "error timeout 0", "%s get 0 1 30 -2", object);
    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        tell(b, "%s get 0 500 -1 %d", object, ways[i].get);
        tell(a, "%s put 0 500 -1 %d", object, ways[i].put);
        expect(a, "ok 500");
        expect(b, "ok 500");
    }
    /* Both asleep before the other begins: B is woken by a message, A by room. */
    tell(b, "%s get 0 1 -1 -2", object);
    settle();
    expect_silence(b);
    ask(a, "ok 1", "%s put 0 1 0 1", object);
    expect(b, "ok 1");
    tell(a, "%s put 0 500 -1 -2", object);
    settle();
    expect_silence(a);
    ask(b, "ok 500", "%s get 0 500 -1 1", object);
    expect(a, "ok 500");
}

/* Where there is no descriptor, or none for that direction. */
static void refusals(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "queue create quiet-%s 4096", tag);
    ask(a, "error unsupported 0", "queue put 0 1 0 -2");
    ask(b, "ok", "queue open quiet-%s 4096", tag);
    ask(b, "error unsupported 0", "queue get 0 1 0 -2");
    ask(a, "ok", "pipe create mute-%s 4096 0", tag);
    ask(a, "error unsupported 0", "pipe get 0 1 0 -2");
    ask(a, "ok", "queue close");
    ask(a, "ok", "pipe close");
    ask(b, "ok", "queue close");
}

/* How many jobs it has done; who was too late has not even started. */
static uint64_t jobs_of(worker_t *worker) {
    char answer[80];
    uint64_t done;
    int count;
    expect_text(worker, answer);
    if (strcmp(answer, "started") == 0) {
        expect_text(worker, answer);
    }
    count = sscanf(answer, "ok %" SCNu64, &done);
    check_numbers(count == 1, "%s", answer);
    return done;
}

/* Several who poll, wait as for many things, and just take, share a queue: each job is done once, and nobody sleeps
 * while there are some. */
static void shared(worker_t *a, worker_t *b, const pair_t *p) {
    static const int ways[3] = {-2, -3, 0};
    worker_t *other = start(p->other), *second = start(p->b), *workers[3];
    uint64_t done = 0;
    int i;
    workers[0] = b;
    workers[1] = second;
    workers[2] = other;
    ask(a, "ok", "queue create shared-%s 8192 pollable", p->tag);
    ask(a, "ok", "marks create shared-marks-%s %d", p->tag, JOBS);
    for (i = 0; i < 3; i++) {
        ask(workers[i], "ok", "queue open shared-%s 8192", p->tag);
        ask(workers[i], "ok", "marks open shared-marks-%s %d", p->tag, JOBS);
        tell(workers[i], "queue work %d", ways[i]);
    }
    ask(a, "ok", "queue jobs %d", JOBS);
    until(a, "0", "queue size");
    ask(a, "ok", "queue shutdown graceful");
    for (i = 0; i < 3; i++) {
        done += jobs_of(workers[i]);
    }
    check_numbers(done == JOBS, "%" PRIu64, done);
    ask(a, "0 0", "marks check");
    quit(second);
    quit(other);
}

/* A is killed while it puts; B polls. What A knew to be put comes, at most one message more, and without anybody who
 * wakes B: also if A was killed between putting and ringing. */
static void killed_producer(const pair_t *p, int way) {
    worker_t *b = start(p->b), *reader = start(p->other);
    uint64_t next = 0, done;
    char answer[80], name[40];
    int round;
    snprintf(name, sizeof name, "rings%d-%s", way, p->tag);
    ask(reader, "ok", "value create done-%s u64", name);
    for (round = 0; round < 2; round++) {
        worker_t *a = start(p->a);
        uint64_t begin = next;
        ask(reader, "ok", "queue create %s-%d 8192 pollable", name, round);
        ask(reader, "ok", "value store %" PRIx64, next);
        ask(b, "ok", "queue open %s-%d 8192", name, round);
        ask(a, "ok", "queue open %s-%d 8192", name, round);
        tell(b, "queue get %" PRIu64 " 1000000000 -1 -2", next);
        ask(a, "started", "queue storm %" PRIu64 " done-%s %d", next, name, way);
        random_pause(3000);
        worker_kill(a);
        ask_text(reader, answer, "value load");
        check(sscanf(answer, "%" SCNx64, &done) == 1);
        until(reader, "0", "queue size"); /* B takes them all, though nobody but the clock may tell it of the last */
        ask(reader, "ok", "queue shutdown graceful");
        expect_numbers(b, "error closed", &next, NULL);
        check_numbers(done > begin && next >= done && next <= done + 1,
                      "%" PRIu64 " arrived, puts had returned for %" PRIu64, next, done);
    }
    quit(b);
    quit(reader);
}

/* The same with a pipe, whose end is told by A's death. */
static void killed_sender(const pair_t *p, int way) {
    worker_t *a = start(p->a), *b = start(p->b), *reader = start(p->other);
    uint64_t next, done;
    char answer[80];
    ask(reader, "ok", "value create sent%d-%s u64", way, p->tag);
    ask(a, "ok", "pipe create knocks%d-%s 8192 0 pollable", way, p->tag);
    ask(b, "ok", "pipe open knocks%d-%s 8192 1", way, p->tag);
    tell(b, "pipe get 0 1000000000 -1 -2");
    ask(a, "started", "pipe storm 0 sent%d-%s %d", way, p->tag, way);
    random_pause(3000);
    worker_kill(a);
    ask_text(reader, answer, "value load");
    check(sscanf(answer, "%" SCNx64, &done) == 1);
    expect_numbers(b, "error eof", &next, NULL);
    check_numbers(next >= done && next <= done + 1, "%" PRIu64 " arrived, sends had returned for %" PRIu64, next, done);
    quit(b);
    quit(reader);
}

/* B is killed while A polls for room in a full pipe: A is told. */
static void killed_receiver(worker_t *a, const pair_t *p) {
    worker_t *b = start(p->b);
    uint64_t next;
    ask(a, "ok", "pipe create deaf-%s 8192 0 pollable", p->tag);
    ask(b, "ok", "pipe open deaf-%s 8192 1", p->tag);
    tell(a, "pipe put 0 1000000000 -1 -2");
    settle();
    expect_silence(a);
    worker_kill(b);
    expect_numbers(a, "error broken", &next, NULL);
    check_numbers(next > 0, "%" PRIu64, next);
}

/* B is killed while it polls, and while it takes: A, which polls for room, and the next one who polls go on. */
static void killed_consumer(worker_t *a, const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    uint64_t taken, next;
    char answer[80];
    ask(a, "ok", "queue create eaten-%s 8192 pollable", p->tag);
    ask(other, "ok", "queue open eaten-%s 8192", p->tag);
    ask(other, "ok", "value create eaten-n-%s u64", p->tag);
    ask(b, "ok", "queue open eaten-%s 8192", p->tag);
    tell(b, "queue get 0 1 -1 -2");
    tell(other, "queue get 0 1 -1 -2");
    settle();
    expect_silence(b);
    worker_kill(b);
    ask(a, "ok 1", "queue put 0 1 0 1");
    expect(other, "ok 1");

    b = start(p->b);
    ask(b, "ok", "queue open eaten-%s 8192", p->tag);
    tell(a, "queue put 0 4000 -1 -2");
    ask(b, "started", "queue devour 0 eaten-n-%s", p->tag);
    random_pause(1000);
    worker_kill(b);
    ask_text(other, answer, "value load");
    check(sscanf(answer, "%" SCNx64, &taken) == 1 && taken > 0);
    do { /* until it is full, or B has taken them all */
        settle();
        ask_text(other, answer, "queue size");
    } while (strcmp(answer, "0") == 0 && !has_answered(a));
    if (strcmp(answer, "0") != 0) {
        ask_numbers(other, "error timeout", &next, NULL, "queue resume %" PRIu64, taken);
        ask(other, "ok 4000", "queue get %" PRIu64 " %" PRIu64 " -1 -2", next, 4000 - next);
    }
    expect(a, "ok 4000");
    quit(a);
    quit(other);
}

void case_poll(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    refusals(a, b, p->tag);
    ask(a, "ok", "queue create bell-%s 16384 pollable", p->tag);
    ask(b, "ok", "queue open bell-%s 16384", p->tag);
    streams(a, b, "queue");
    ask(a, "ok", "pipe create knock-%s 16384 0 pollable", p->tag);
    ask(b, "ok", "pipe open knock-%s 16384 1", p->tag);
    streams(a, b, "pipe");
    shared(a, b, p);
    quit(b);
    killed_producer(p, 1);
    killed_producer(p, -2);
    killed_sender(p, 1);
    killed_sender(p, -2);
    killed_receiver(a, p);
    killed_consumer(a, p);
}
