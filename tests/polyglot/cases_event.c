#include "cases.h"

/* A sets it: whoever waits and whoever comes later learns it, until it is cleared. */
static void set_and_clear(worker_t *a, worker_t *b, worker_t *other) {
    ask(b, "clear", "event ask");
    ask(b, "error timeout", "event wait 0");
    ask(b, "error timeout", "event wait 30");
    ask(b, "error canceled", "event cancel 30");
    tell(b, "event wait -1");
    tell(other, "event wait 10000");
    settle();
    expect_silence(b);
    expect_silence(other);
    ask(a, "ok", "event set");
    expect(b, "set");
    expect(other, "set");
    ask(b, "set", "event ask");
    ask(other, "set", "event wait 0");
    ask(other, "set", "event wait -1");
    ask(other, "ok", "event set"); /* again */
    ask(other, "ok", "event clear");
    ask(a, "clear", "event ask");
    ask(b, "error timeout", "event wait 0");
}

/* Set and cleared at once, it still ends B's wait (again and again, for B may not wait yet). */
static void pulses(worker_t *a, worker_t *b) {
    int i;
    tell(b, "event wait -1");
    for (i = 0; i < 200 && !has_answered(b); i++) {
        settle();
        ask(a, "ok", "event pulse");
    }
    expect(b, "set");
    ask(b, "clear", "event ask");
}

/* A is killed: what it has set stays set, and while it waits nobody misses it. */
static void killed(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "event open event-%s", p->tag);
    tell(b, "event wait -1");
    tell(a, "event wait -1");
    settle();
    expect_silence(a);
    expect_silence(b);
    worker_kill(a);
    settle();
    expect_silence(b);
    a = start(p->a);
    ask(a, "ok", "event open event-%s", p->tag);
    ask(a, "ok", "event set");
    worker_kill(a);
    expect(b, "set");
    ask(other, "set", "event wait 0");
    ask(other, "ok", "event clear");

    /* Stopped, it keeps nobody. */
    a = start(p->a);
    ask(a, "ok", "event open event-%s", p->tag);
    tell(a, "event wait -1");
    tell(b, "event wait -1");
    settle();
    worker_stop(a);
    ask(other, "ok", "event set");
    expect(b, "set");
    worker_continue(a);
    expect(a, "set");
    quit(a);
}

void case_event(const pair_t *p) {
    worker_t *a = start(p->a), *b = start(p->b), *other = start(p->other);
    ask(a, "ok", "event create event-%s", p->tag);
    ask(b, "error exists", "event create event-%s", p->tag);
    ask(b, "error kind", "rwlock open event-%s", p->tag);
    ask(b, "ok", "event open event-%s", p->tag);
    ask(other, "ok", "event open event-%s", p->tag);
    set_and_clear(a, b, other);
    pulses(a, b);
    quit(a);
    killed(b, other, p);
    quit(b);
    quit(other);
}
