#include "cases.h"

#include <string.h>

/* One of everything, made by A and opened by B. Nothing of it is ready. */
static void make_things(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "queue create any-q-%s 65536", tag);
    ask(a, "ok", "pipe create any-p-%s 65536 0", tag);
    ask(a, "ok", "lock create lock any-l-%s", tag);
    ask(a, "ok", "semaphore create any-s-%s 0 plain", tag);
    ask(a, "ok", "event create any-e-%s", tag);
    ask(a, "ok", "value create any-v-%s u32", tag);
    ask(a, "held", "lock take -1");
    ask(b, "ok", "queue open any-q-%s 65536", tag);
    ask(b, "ok", "pipe open any-p-%s 65536 1", tag);
    ask(b, "ok", "lock open lock any-l-%s", tag);
    ask(b, "ok", "semaphore open any-s-%s", tag);
    ask(b, "ok", "event open any-e-%s", tag);
    ask(b, "ok", "value open any-v-%s u32", tag);
}

#define ALL "queue pipe hangup lock permit event value=0"

/* B waits for everything, A does something, and B is told what. */
static void wait_for_all(worker_t *b) {
    tell(b, "wait any -1 " ALL);
    settle();
    expect_silence(b);
}

/* A makes each of them ready, one after another. Nothing is taken by waiting. */
static void each(worker_t *a, worker_t *b) {
    ask(b, "error timeout", "wait any 0 " ALL);
    ask(b, "error timeout", "wait any 30 " ALL);
    ask(b, "error canceled", "wait cancel 30 " ALL);

    wait_for_all(b);
    ask(a, "ok 1", "queue put 0 1 0 1");
    expect(b, "ready queue");
    ask(b, "ready queue", "wait any 0 " ALL);
    ask(b, "ready queue", "wait any -1 " ALL);
    ask(b, "ok 1", "queue get 0 1 0 1");

    wait_for_all(b);
    ask(a, "ok 1", "pipe put 0 1 0 1");
    expect(b, "ready pipe");
    ask(b, "ok 1", "pipe get 0 1 0 1");

    wait_for_all(b);
    ask(a, "ok", "lock give");
    expect(b, "ready lock");
    ask(a, "held", "lock take 0");
    ask(b, "error timeout", "wait any 0 " ALL);

    wait_for_all(b);
    ask(a, "ok", "semaphore give 1");
    expect(b, "ready permit");
    ask(b, "held", "semaphore take 0");

    wait_for_all(b);
    ask(a, "ok", "event set");
    expect(b, "ready event");
    ask(a, "ok", "event clear");

    wait_for_all(b);
    ask(a, "ok", "value store 1");
    ask(a, "ok", "value notify 1");
    expect(b, "ready value");
    ask(b, "ready value", "wait any 0 " ALL);
    ask(a, "ok", "value store 0");
}

/* Does again and again what lasts for a moment only, for B may not wait yet, until B is told. */
static void moment(worker_t *a, worker_t *b, const char *what, const char *wanted) {
    int i;
    tell(b, "wait any -1 notified " ALL);
    for (i = 0; i < 200 && !has_answered(b); i++) {
        settle();
        ask(a, "ok", "%s", what);
    }
    expect(b, wanted);
}

/* Such moments are not missed, nor what nobody tells of; and all that is ready is told at once. */
static void moments(worker_t *a, worker_t *b) {
    moment(a, b, "event pulse", "ready event");
    moment(a, b, "value notify 1", "ready notified");
    moment(a, b, "value notify all", "ready notified");
    wait_for_all(b);
    ask(a, "ok", "value store ffffffff"); /* and no notification */
    expect(b, "ready value");

    ask(a, "ok 1", "queue put 0 1 0 1");
    ask(a, "ok 1", "pipe put 0 1 0 1");
    ask(a, "ok", "lock give");
    ask(a, "ok", "semaphore give 1");
    ask(a, "ok", "event set");
    ask(b, "ready queue pipe lock permit event value", "wait any 0 " ALL);
    ask(b, "ready value event queue queue", "wait any 10000 value=0 event hangup queue notified queue");
    ask(b, "ok 1", "queue get 0 1 0 1");
    ask(b, "ok 1", "pipe get 0 1 0 1");
    ask(a, "held", "lock take 0");
    ask(b, "held", "semaphore take 0");
    ask(a, "ok", "event clear");
    ask(a, "ok", "value store 0");
}

/* B waits for room in A's queue and pipe, which are full. */
static void room(worker_t *a, worker_t *b) {
    uint64_t queued, sent;
    ask(b, "ready room space", "wait any 0 room=5000 space=5000");
    ask_numbers(a, "error timeout", &queued, NULL, "queue put 0 1000000 0 1");
    ask_numbers(b, "error timeout", &sent, NULL, "pipe put 0 1000000 0 1");
    ask(b, "error timeout", "wait any 0 room=5000 space=5000");
    ask(b, "error toobig", "wait any 0 space=5000 room=1000000");
    tell(b, "wait any -1 space=5000 room=5000");
    settle();
    expect_silence(b);
    ask(a, "ok 30", "queue get 0 30 0 1");
    expect(b, "ready room");
    tell(b, "wait any -1 space=5000");
    settle();
    expect_silence(b);
    ask(a, "ok 30", "pipe get 0 30 0 1");
    expect(b, "ready space");
    ask_numbers(a, "error timeout", &queued, NULL, "queue get 30 1000000 0 1");
    ask_numbers(a, "error timeout", &sent, NULL, "pipe get 30 1000000 0 1");
}

/* Who waits for many takes no wake-up away from those who wait for one, not even if it is killed. */
static void passed_on(worker_t *b, const pair_t *p) {
    worker_t *a = start(p->a), *other = start(p->other), *doomed = start(p->b);
    int i;
    ask(a, "ok", "queue open any-q-%s 65536", p->tag);
    ask(other, "ok", "queue open any-q-%s 65536", p->tag);
    ask(doomed, "ok", "queue open any-q-%s 65536", p->tag);
    for (i = 0; i < 2; i++) {
        tell(b, "wait any -1 event queue");
        settle();
        tell(other, "queue get 0 1 -1 1");
        settle();
        expect_silence(b);
        ask(a, "ok 1", "queue put 0 1 0 1");
        expect(other, "ok 1"); /* B may have seen it or not */
        ask(a, "ok 1", "queue put 0 1 0 1");
        expect(b, "ready queue");
        ask(b, "ok 1", "queue get 0 1 0 1");
    }
    tell(doomed, "wait any -1 queue");
    settle();
    tell(other, "queue get 0 1 -1 1");
    settle();
    expect_silence(doomed);
    worker_kill(doomed);
    ask(a, "ok 1", "queue put 0 1 0 1");
    expect(other, "ok 1");
    quit(a);
    quit(other);
}

/* A ends with what it has: as the holder of a lock, of permits, and of the pipe's other end. */
static void deaths(worker_t *a, worker_t *b, const pair_t *p) {
    static const char *const kinds[] = {"rlock", "lock"};
    char answer[80];
    int i;
    wait_for_all(b);
    worker_kill(a);
    expect_text(b, answer); /* one of them is noticed first */
    check(strcmp(answer, "ready pipe hangup") == 0 || strcmp(answer, "ready lock") == 0 ||
          strcmp(answer, "ready pipe hangup lock") == 0);
    until(b, "ready pipe hangup lock", "wait any -1 " ALL);
    ask(b, "recovered", "lock take 0");
    ask(b, "ok", "lock close");
    ask(b, "error eof 0", "pipe get 0 1 0 1");
    ask(b, "ok", "semaphore close");
    for (i = 0; i < 2; i++) {
        a = start(p->a);
        ask(b, "ok", "lock create %s held-%s-%s", kinds[i], kinds[i], p->tag);
        ask(a, "ok", "lock open %s held-%s-%s", kinds[i], kinds[i], p->tag);
        ask(a, "held", "lock take 0");
        tell(b, "wait any -1 event lock queue");
        settle();
        expect_silence(b);
        worker_kill(a);
        expect(b, "ready lock");
        ask(b, "recovered", "lock take 0");
        ask(b, "ok", "lock close");
    }
    a = start(p->a);
    ask(b, "ok", "semaphore create held-s-%s 2 accounting", p->tag);
    ask(a, "ok", "semaphore open held-s-%s", p->tag);
    ask(a, "held", "semaphore take 0");
    ask(a, "held", "semaphore take 0");
    tell(b, "wait any -1 queue permit event");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "ready permit");
    ask(b, "recovered", "semaphore take 0");

    /* No more messages: whoever waits for some is told. */
    tell(b, "wait any -1 queue event");
    a = start(p->a);
    ask(a, "ok", "queue open any-q-%s 65536", p->tag);
    settle();
    expect_silence(b);
    ask(a, "ok", "queue shutdown graceful");
    expect(b, "ready queue");
    quit(a);
}

/* A value alone: as in C++20, but between processes; A is killed before it could notify. */
static void values(worker_t *b, const pair_t *p) {
    worker_t *a = start(p->a), *other = start(p->other);
    int i;
    ask(a, "ok", "value create word-%s i64", p->tag);
    ask(b, "ok", "value open word-%s i64", p->tag);
    ask(other, "ok", "value open word-%s i64", p->tag);
    ask(b, "changed", "value wait 1 0");
    ask(b, "error timeout", "value wait 0 0");
    ask(b, "error timeout", "value wait 0 30");
    ask(b, "error timeout", "value wait any 30");
    ask(b, "error canceled", "value cancel 0 30");
    ask(b, "error canceled", "value cancel any 30");

    tell(b, "value wait 0 -1");
    tell(other, "value wait 0 -1");
    settle();
    ask(a, "ok", "value notify all"); /* nothing has changed */
    settle();
    expect_silence(b);
    expect_silence(other);
    ask(a, "ok", "value store 1");
    ask(a, "ok", "value notify all");
    expect(b, "changed");
    expect(other, "changed");

    tell(b, "value wait any -1");
    tell(other, "value wait any -1");
    for (i = 0; i < 200 && !(has_answered(b) && has_answered(other)); i++) {
        settle();
        ask(a, "ok", "value notify 1");
    }
    expect(b, "notified");
    expect(other, "notified");

    tell(b, "value wait 1 -1");
    settle();
    expect_silence(b);
    ask(a, "ok", "value store 2");
    worker_kill(a);
    expect(b, "changed");
    quit(other);
}

void case_many(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    make_things(a, b, p->tag);
    each(a, b);
    moments(a, b);
    room(a, b);
    passed_on(b, p);
    deaths(a, b, p);
    values(b, p);
    quit(b);
}
