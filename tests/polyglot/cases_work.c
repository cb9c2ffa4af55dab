#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JOBS = 4000 };

/* A is killed with messages under leases: B gets them again, and everything is acknowledged in the end. */
static void leases(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(other, "ok", "queue create leases-%s 65536 lease", p->tag);
    ask(b, "error type", "queue open leases-%s 65536 joinable", p->tag);
    ask(b, "ok", "queue open leases-%s 65536 lease", p->tag);
    ask(a, "ok", "queue open leases-%s 65536", p->tag);
    ask(b, "error unsupported 0", "queue get 0 1 0 1");
    ask(b, "error unsupported 0", "queue get 0 8 -1 8");
    ask(b, "error timeout", "queue lease 0 0");
    ask(b, "error timeout", "queue lease 0 30");
    ask(other, "ok", "queue join 0");
    ask(other, "ok 2", "queue put 0 2 0 1");
    ask(a, "taken", "queue lease 0 -1");
    ask(a, "taken", "queue lease 1 -1");
    ask(b, "0", "queue size");
    tell(other, "queue join -1");
    tell(b, "queue lease 0 -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "recovered", "queue lease 1 -1");
    ask(b, "ok", "queue ack 0");
    settle();
    expect_silence(other);
    ask(b, "ok", "queue ack 1");
    expect(other, "ok"); /* nothing is lost */

    /* Back to the front, before what came later; and by closing the handle. */
    ask(other, "ok 5", "queue put 2 3 0 0");
    ask(b, "taken", "queue lease 2 0");
    ask(b, "taken", "queue lease 3 0");
    ask(b, "ok", "queue putback 2");
    ask(other, "recovered", "queue lease 2 10000");
    ask(b, "ok", "queue close");
    ask(other, "recovered", "queue lease 3 10000");
    ask(other, "taken", "queue lease 4 10000");
    ask(other, "ok", "queue ack 4");
    ask(other, "ok", "queue ack 3");
    ask(other, "error timeout", "queue join 0");
    ask(other, "ok", "queue ack 2");
    ask(other, "ok", "queue join 0");
    ask(b, "ok", "queue open leases-%s 65536", p->tag);
    tell(b, "queue get 0 600 -1 -1");
    ask(other, "ok 600", "queue put 0 600 -1 1");
    expect(b, "ok 600");
    ask(other, "ok", "queue join -1");
}

/* A is killed between a message and its report: the third language, which waits for everybody, learns that. */
static void join(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(b, "ok", "queue create plain-%s 65536", p->tag);
    ask(b, "error unsupported", "queue join 0");
    ask(b, "error unsupported", "queue done");
    ask(b, "ok", "queue create join-%s 65536 joinable", p->tag);
    ask(a, "ok", "queue open join-%s 65536 joinable", p->tag);
    ask(other, "ok", "queue open join-%s 65536", p->tag);
    ask(other, "ok", "queue join -1");
    ask(b, "ok 7", "queue put 0 7 0 1");
    ask(other, "error timeout", "queue join 0");
    ask(other, "error timeout", "queue join 30");
    tell(other, "queue join -1");
    ask(a, "ok 2", "queue get 0 2 0 1");
    ask(a, "ok", "queue done");
    ask(b, "ok 5", "queue get 2 3 10000 3");
    ask(b, "ok", "queue done");
    ask(b, "ok", "queue done");
    ask(b, "ok", "queue done");
    ask(b, "error notholder", "queue done");
    ask(b, "taken", "queue peek 5 0");
    ask(b, "ok", "queue release 5");
    ask(b, "ok 7", "queue get 6 1 0 1");
    settle();
    expect_silence(other);
    worker_kill(a);
    settle();
    expect_silence(other); /* one is still with B */
    ask(b, "ok", "queue done");
    expect(other, "recovered");
    ask(other, "ok", "queue join 0"); /* it was said */
    ask(b, "recovered", "queue join -1"); /* to each handle */
    ask(b, "ok", "queue join -1");

    /* A second time, while nobody else has anything. */
    a = start(p->a);
    ask(a, "ok", "queue open join-%s 65536", p->tag);
    ask(other, "ok 1", "queue put 0 1 0 1");
    ask(a, "ok 1", "queue get 0 1 0 1");
    ask(other, "error timeout", "queue join 0");
    tell(other, "queue join -1");
    settle();
    expect_silence(other);
    worker_kill(a);
    expect(other, "recovered");
    ask(other, "ok 1", "queue put 0 1 0 1");
    ask(other, "error timeout", "queue join 0");
    ask(b, "ok 1", "queue get 0 1 0 1");
    ask(b, "ok", "queue done");
    ask(other, "ok", "queue join 0");
}

/* The answer of somebody who worked to the end; it may have come too late for any job. */
static void expect_end_of_work(worker_t *worker) {
    char answer[80];
    int jobs;
    expect_text(worker, answer);
    if (strcmp(answer, "started") == 0) {
        expect_text(worker, answer);
    }
    check(sscanf(answer, "ok %d", &jobs) == 1 && jobs <= JOBS);
}

/* A and B work on the same jobs, and A is killed in the middle. In place (0) or under leases (-1) each job is done, A's
 * last one maybe twice; taken with a copy (1) that one may be lost, which the third language then learns. */
static void queue_jobs(worker_t *b, worker_t *other, const pair_t *p, int way) {
    worker_t *a = start(p->a);
    uint64_t never, again;
    char name[32], joined[80];
    snprintf(name, sizeof name, "%d-%s", way, p->tag);
    ask(other, "ok", "queue create jobs-%s 16384 %s", name, way < 0 ? "lease" : "joinable");
    ask(other, "ok", "marks create marks-%s %d", name, JOBS);
    ask(a, "ok", "queue open jobs-%s 16384", name);
    ask(b, "ok", "queue open jobs-%s 16384", name);
    ask(a, "ok", "marks open marks-%s %d", name, JOBS);
    ask(b, "ok", "marks open marks-%s %d", name, JOBS);
    tell(other, "queue jobs %d", JOBS);
    ask(a, "started", "queue work %d", way);
    tell(b, "queue work %d", way);
    random_pause(3000);
    worker_kill(a);
    expect(other, "ok");
    ask(other, "ok", "queue shutdown graceful");
    expect_end_of_work(b);
    ask_text(other, joined, "queue join -1");
    ask_numbers(other, "", &never, &again, "marks check");
    if (way == 1) {
        check_numbers(never <= 1 && again == 0, "%" PRIu64 " never, %" PRIu64 " again", never, again);
        check(never == 0 || strcmp(joined, "recovered") == 0);
    } else {
        check_numbers(never == 0 && again <= 1, "%" PRIu64 " never, %" PRIu64 " again", never, again);
    }
    check(strcmp(joined, "ok") == 0 || (strcmp(joined, "recovered") == 0 && way == 1));
}

/* The same with a pipe: A and B have the same end. The end of the work is not reached before A's message is back. */
static void pipe_jobs(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    uint64_t never, again;
    ask(other, "ok", "pipe create jobs-pipe-%s 16384 0", p->tag);
    ask(other, "ok", "marks create marks-pipe-%s %d", p->tag, JOBS);
    ask(a, "ok", "pipe open jobs-pipe-%s 16384 1", p->tag);
    ask(b, "ok", "pipe open jobs-pipe-%s 16384 1", p->tag);
    ask(a, "ok", "marks open marks-pipe-%s %d", p->tag, JOBS);
    ask(b, "ok", "marks open marks-pipe-%s %d", p->tag, JOBS);
    tell(other, "pipe jobs %d", JOBS);
    ask(a, "started", "pipe work 0");
    tell(b, "pipe work 0");
    random_pause(3000);
    worker_kill(a);
    expect(other, "ok");
    ask(other, "ok", "pipe close");
    expect_end_of_work(b);
    ask_numbers(other, "", &never, &again, "marks check");
    check_numbers(never == 0 && again <= 1, "%" PRIu64 " never, %" PRIu64 " again", never, again);
}

/* A is the last producer when it is killed: B gets what is there, then learns that nothing will come. A new producer
 * comes, and goes by closing its handle. */
static void producers(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(b, "ok", "queue create made-%s 65536", p->tag);
    ask(b, "error timeout 0", "queue get 0 1 0 1");
    ask(a, "ok", "queue open made-%s 65536", p->tag);
    ask(other, "ok", "queue open made-%s 65536", p->tag);
    ask(a, "ok", "queue produce");
    ask(other, "ok", "queue produce");
    tell(b, "queue get 0 100 -1 1");
    ask(a, "ok 5", "queue put 0 5 0 1");
    ask(other, "ok 7", "queue put 5 2 0 1");
    ask(other, "ok", "queue close");
    settle();
    expect_silence(b);
    ask(a, "ok 10", "queue put 7 3 0 0");
    worker_kill(a);
    expect(b, "error closed 10");
    ask(b, "error closed 10", "queue get 10 1 0 1");
    ask(b, "error closed", "queue peek 10 -1");
    ask(other, "ok", "queue open made-%s 65536", p->tag);
    ask(other, "ok", "queue produce");
    tell(b, "queue get 0 100 10000 0");
    settle();
    expect_silence(b);
    ask(other, "ok 3", "queue put 0 3 0 1");
    ask(other, "ok", "queue close");
    expect(b, "error closed 3");
}

void case_work(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    int way;
    leases(b, other, p);
    join(b, other, p);
    for (way = -1; way <= 1; way++) {
        queue_jobs(b, other, p, way);
    }
    pipe_jobs(b, other, p);
    producers(b, other, p);
    quit(b);
    quit(other);
}
