#include "cases.h"

static worker_t *open_in(int language, const pair_t *p) {
    worker_t *worker = start(language);
    ask(worker, "ok", "rwlock open rwlock-%s", p->tag);
    return worker;
}

/* All read at the same time and nobody writes, or one writes and nobody else does anything. */
static void sharing(worker_t *a, worker_t *b, worker_t *other) {
    ask(a, "held", "rwlock take read -1");
    ask(b, "held", "rwlock take read 0");
    ask(other, "held", "rwlock take read 1000");
    ask(b, "3 nobody clean", "rwlock info");
    ask(b, "error timeout", "rwlock take write 0");
    ask(b, "error notholder", "rwlock give write");
    ask(b, "ok", "rwlock give read");
    ask(b, "error notholder", "rwlock give read");
    ask(b, "error timeout", "rwlock take write 30");
    ask(b, "error canceled", "rwlock cancel write 30");
    ask(b, "held", "rwlock take read 0"); /* who gave up keeps nobody out */
    ask(b, "ok", "rwlock give read");
    tell(b, "rwlock take write -1");
    until(a, "2 waiting clean", "rwlock info");
    expect_silence(b);
    ask(a, "error timeout", "rwlock take read 0"); /* a writer waits */
    ask(other, "ok", "rwlock give read");
    settle();
    expect_silence(b);
    ask(a, "ok", "rwlock give read");
    expect(b, "held");
    ask(a, "0 writing clean", "rwlock info");
    ask(a, "error timeout", "rwlock take read 0");
    ask(a, "error timeout", "rwlock take read 30");
    ask(a, "error canceled", "rwlock cancel read 30");
    ask(a, "error timeout", "rwlock take write 0");
    ask(a, "error notholder", "rwlock give write");
    tell(a, "rwlock take read -1");
    tell(other, "rwlock take read -1");
    settle();
    expect_silence(a);
    expect_silence(other);
    ask(b, "ok", "rwlock give write");
    expect(a, "held");
    expect(other, "held");
    ask(a, "ok", "rwlock give read");
    ask(other, "ok", "rwlock give read");
    ask(b, "0 nobody clean", "rwlock info");
}

/* Writers write in two steps; no reader sees the one without the other. */
static void race(worker_t *a, worker_t *b, const char *tag) {
    ask(a, "ok", "value create even-%s i64", tag);
    tell(a, "rwlock race gate-rw-%s even-%s 2000", tag, tag);
    tell(b, "rwlock race gate-rw-%s even-%s 2000", tag, tag);
    expect(a, "ok");
    expect(b, "ok");
    ask(a, "7d0", "value load"); /* 2 workers, 500 writes each, by 2 */
    ask(a, "ok", "value close");
}

/* A is killed while it reads: B, which wants to write, gets in, and nothing was wrong. Stopped, it is not robbed. */
static void killed_reader(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = open_in(p->a, p);
    ask(a, "held", "rwlock take read -1");
    worker_stop(a);
    ask(b, "error timeout", "rwlock take write 80");
    worker_continue(a);
    ask(a, "held", "rwlock take read -1"); /* twice */
    ask(other, "held", "rwlock take read -1");
    tell(b, "rwlock take write -1");
    until(other, "3 waiting clean", "rwlock info");
    worker_kill(a);
    settle();
    expect_silence(b);
    ask(other, "ok", "rwlock give read");
    expect(b, "held");
    ask(b, "ok", "rwlock give write");

    a = open_in(p->a, p);
    ask(a, "held", "rwlock take read 0");
    tell(b, "rwlock take write -1");
    until(other, "1 waiting clean", "rwlock info");
    expect_silence(b);
    worker_kill(a);
    expect(b, "held");
    ask(b, "ok", "rwlock give write");
}

/* A is killed while it waits to write, or to read: it keeps nobody out. */
static void killed_waiter(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = open_in(p->a, p);
    ask(b, "held", "rwlock take read -1");
    tell(a, "rwlock take write -1");
    until(b, "1 waiting clean", "rwlock info");
    tell(other, "rwlock take read -1");
    settle();
    expect_silence(a);
    expect_silence(other);
    worker_kill(a);
    expect(other, "held");
    ask(b, "ok", "rwlock give read");
    ask(other, "ok", "rwlock give read");

    a = open_in(p->a, p);
    ask(b, "held", "rwlock take write -1");
    tell(a, "rwlock take read -1");
    settle();
    expect_silence(a);
    worker_kill(a);
    ask(b, "ok", "rwlock give write");
    ask(other, "held", "rwlock take write 10000");
    ask(other, "ok", "rwlock give write");
}

/* A is killed while it writes: whoever comes is told, readers and writers, until a writer has released the lock. */
static void killed_writer(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = open_in(p->a, p);
    ask(a, "held", "rwlock take write -1");
    tell(b, "rwlock take read -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "1 nobody inconsistent", "rwlock info");
    ask(other, "recovered", "rwlock take read 10000");
    ask(other, "ok", "rwlock give read");
    ask(b, "ok", "rwlock give read");
    ask(b, "recovered", "rwlock take read 0"); /* to read repairs nothing */
    ask(b, "ok", "rwlock give read");

    /* One more dies in the repair, and B gets it while it waits for it. */
    a = open_in(p->a, p);
    ask(a, "recovered", "rwlock take write -1");
    tell(b, "rwlock take write -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "0 writing inconsistent", "rwlock info");
    ask(b, "ok", "rwlock give write");
    ask(other, "held", "rwlock take read 0");
    ask(other, "ok", "rwlock give read");
    ask(other, "held", "rwlock take write 0");
    ask(other, "ok", "rwlock give write");
    ask(b, "0 nobody clean", "rwlock info");
}

void case_rwlock(const pair_t *p) {
    worker_t *a = start(p->a), *b, *other;
    ask(a, "ok", "rwlock create rwlock-%s", p->tag);
    b = open_in(p->b, p);
    other = open_in(p->other, p);
    sharing(a, b, other);
    race(a, b, p->tag);
    quit(a);
    killed_reader(b, other, p);
    killed_waiter(b, other, p);
    killed_writer(b, other, p);
    quit(b);
    quit(other);
}
