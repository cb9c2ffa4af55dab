#include "cases.h"

#include <stdio.h>
#include <unistd.h>

/* Where A's handle goes to B: the name of a socket that is nobody else's. */
static void pass(worker_t *from, worker_t *to, const char *object, const pair_t *p) {
    tell(to, "%s take polyglot-%d-%s", object, (int)getpid(), p->tag);
    ask(from, "ok", "%s give polyglot-%d-%s", object, (int)getpid(), p->tag);
    expect(to, "ok");
}

/* An anonymous pipe: A gives one end to B, B gives it on to the third language and closes it. */
static void pipe_by_socket(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "pipe pair 65536");
    ask(a, "ok 20", "pipe put 0 20 0 1");
    pass(a, b, "pipe", p);
    ask(a, "open", "pipe peer");
    ask(b, "ok 10", "pipe get 0 10 -1 0");
    ask(b, "ok 110", "pipe put 100 10 0 0");
    pass(b, other, "pipe", p);
    ask(b, "ok", "pipe close");
    ask(other, "ok 20", "pipe get 10 10 -1 1");
    ask(other, "ok 120", "pipe put 110 10 0 1");
    ask(a, "ok 120", "pipe get 100 20 -1 0");
    tell(other, "pipe get 20 100 -1 1");
    ask(a, "ok 25", "pipe put 20 5 -1 0");
    worker_kill(a);
    expect(other, "error eof 25");

    /* What B cannot open it drops, and with it the end. */
    a = start(p->a);
    ask(a, "ok", "pipe pair 4096");
    tell(b, "queue take polyglot-%d-%s", (int)getpid(), p->tag);
    ask(a, "ok", "pipe give polyglot-%d-%s", (int)getpid(), p->tag);
    expect(b, "error kind");
    ask(a, "error eof 0", "pipe get 0 1 -1 1");
    quit(a);
}

/* An anonymous queue outlives A with B, and B with the third language. */
static void queue_by_socket(worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b);
    ask(a, "ok", "queue create - 65536 joinable");
    ask(a, "ok 20", "queue put 0 20 -1 16");
    pass(a, b, "queue", p);
    ask(b, "ok 10", "queue get 0 10 0 0");
    ask(b, "ok 24", "queue put 20 4 0 0");
    ask(a, "14", "queue size");
    worker_kill(a);
    pass(b, other, "queue", p);
    ask(other, "ok 20", "queue get 10 10 0 1");
    worker_kill(b);
    ask(other, "ok 24", "queue get 20 4 -1 4");
    ask(other, "0", "queue size");
}

/* A producer's handle stays one, also when A, which has sent it, is dead. */
static void producer_by_socket(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(other, "ok", "queue create passed-%s 65536", p->tag);
    ask(a, "ok", "queue open passed-%s 65536", p->tag);
    ask(a, "ok", "queue produce");
    pass(a, b, "queue", p);
    tell(other, "queue get 0 100 -1 1");
    ask(a, "ok 2", "queue put 0 2 0 1");
    worker_kill(a);
    settle();
    expect_silence(other);
    ask(b, "ok 4", "queue put 2 2 0 1");
    ask(b, "ok", "queue close");
    expect(other, "error closed 4");
}

/* A starts programs in B's language, with what they are to use. */
static void by_spawn(const pair_t *p) {
    worker_t *a = start(p->a);
    const char *language = language_tag[p->b];
    ask(a, "ok", "pipe pair 65536");
    ask(a, "ok 20", "pipe put 0 20 0 0");
    tell(a, "pipe spawn %s / pipe inherit / pipe get 0 20 10000 0 / pipe put 100 20 0 1 / pipe inherit", language);
    expect(a, "ok");
    expect(a, "ok 20");
    expect(a, "ok 120");
    expect(a, "error notfound"); /* it was taken */
    expect(a, "ended 0");
    ask(a, "ok 120", "pipe get 100 20 0 1");
    ask(a, "error eof 120", "pipe get 120 1 -1 1");
    ask(a, "error broken 0", "pipe put 0 1 -1 1");

    ask(a, "ok", "queue create - 65536 lease");
    ask(a, "ok 20", "queue put 0 20 -1 16");
    tell(a, "queue spawn %s / queue inherit / queue get 0 18 10000 -1 / queue lease 18 0 / queue put 20 5 0 1",
         language);
    expect(a, "ok");
    expect(a, "ok 18");
    expect(a, "taken");
    expect(a, "ok 25");
    expect(a, "ended 0");
    ask(a, "recovered", "queue lease 18 10000"); /* it has ended without an acknowledgement */
    ask(a, "ok", "queue ack 18");
    ask(a, "ok 25", "queue get 19 6 0 -1");
    ask(a, "ok", "queue join -1");
    tell(a, "queue spawn %s / pipe inherit", language);
    expect(a, "error kind");
    expect(a, "ended 0");
    quit(a);
}

void case_pass(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    pipe_by_socket(b, other, p);
    queue_by_socket(other, p);
    producer_by_socket(b, other, p);
    by_spawn(p);
    quit(b);
    quit(other);
}
