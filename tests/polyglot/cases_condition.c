#include "cases.h"

static worker_t *create_in(int language, const char *name, const pair_t *p) {
    worker_t *worker = start(language);
    ask(worker, "ok", "condition create %s-%s own", name, p->tag);
    return worker;
}

static worker_t *open_in(int language, const char *name, const pair_t *p) {
    worker_t *worker = start(language);
    ask(worker, "ok", "condition open %s-%s own", name, p->tag);
    return worker;
}

/* Takes the lock and waits; `before` others wait already, and `asked` is who sees it. */
static void begin_to_wait(worker_t *worker, worker_t *asked, const char *then) {
    ask(worker, "held", "condition take -1");
    tell(worker, "condition wait -1");
    until(asked, then, "condition info");
}

/* Both have it one after the other, in any order. */
static void both_notified(worker_t *one, worker_t *two) {
    worker_t *first;
    int i;
    for (i = 0; i < 1000 && !has_answered(one) && !has_answered(two); i++) {
        settle();
    }
    first = has_answered(one) ? one : two;
    expect(first, "notified");
    ask(first, "ok", "condition give");
    first = first == one ? two : one;
    expect(first, "notified");
    ask(first, "ok", "condition give");
}

/* Who waits gives the lock up, whoever ends the wait has it again, all its levels; the longest waiting comes first. */
static void waiting(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = create_in(p->a, "waiting", p);
    ask(b, "ok", "condition open waiting-%s own", p->tag);
    ask(other, "ok", "condition open waiting-%s own", p->tag);
    ask(b, "error notholder", "condition wait -1");
    ask(b, "error notholder", "condition give");
    ask(a, "held", "condition take -1");
    ask(b, "error timeout", "condition take 0");
    ask(b, "error timeout", "condition take 30");
    ask(a, "ok", "condition notify 1"); /* nobody waits, and it is not remembered */
    ask(a, "error timeout", "condition wait 0");
    ask(a, "error timeout", "condition wait 30");
    ask(a, "error canceled", "condition cancel 30");
    ask(b, "error timeout", "condition take 0"); /* A has it again */
    ask(a, "held", "condition take -1"); /* twice */
    tell(a, "condition wait -1");
    until(other, "1 0", "condition info");
    begin_to_wait(b, other, "2 0");
    ask(other, "held", "condition take -1");
    ask(other, "ok", "condition notify 1");
    ask(other, "1 0", "condition info");
    settle();
    expect_silence(a); /* which was notified, but has to have the lock */
    ask(other, "ok", "condition give");
    expect(a, "notified");
    ask(a, "ok", "condition give");
    ask(other, "error timeout", "condition take 0");
    ask(a, "ok", "condition give");
    ask(other, "held", "condition take 0");
    ask(other, "ok", "condition give");
    expect_silence(b);
    begin_to_wait(a, other, "2 0");
    ask(other, "ok", "condition notify all"); /* without the lock */
    both_notified(a, b);
    ask(b, "ok", "condition close");
    ask(other, "ok", "condition close");
    quit(a);
}

/* The three take it in turns. */
static void turns(worker_t *b, worker_t *other, const pair_t *p, const char *kind) {
    const char *bound = kind == NULL ? "own" : "bound";
    worker_t *a = start(p->a), *all[3];
    int i;
    all[0] = a;
    all[1] = b;
    all[2] = other;
    if (kind == NULL) {
        kind = "own";
    } else {
        for (i = 0; i < 3; i++) {
            ask(all[i], "ok", "lock %s %s turns-%s-lock-%s", i == 0 ? "create" : "open", kind, kind, p->tag);
        }
    }
    ask(a, "ok", "value create turn-%s-%s i64", kind, p->tag);
    for (i = 0; i < 3; i++) {
        ask(all[i], "ok", "condition %s turns-%s-%s %s", i == 0 ? "create" : "open", kind, p->tag, bound);
    }
    for (i = 0; i < 3; i++) {
        tell(all[i], "condition turns turn-%s-%s 3 %d 60", kind, p->tag, i);
    }
    for (i = 0; i < 3; i++) {
        expect(all[i], "ok");
    }
    ask(a, "b4", "value load"); /* 180 */
    for (i = 1; i < 3; i++) {
        ask(all[i], "ok", "condition close");
        if (bound[0] == 'b') {
            ask(all[i], "ok", "lock close");
        }
    }
    quit(a);
}

/* A is killed when it has been notified and wait has not returned: B, which came later, is notified instead. */
static void killed_notified(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a;
    ask(other, "ok", "condition create passed-%s own", p->tag);
    ask(b, "ok", "condition open passed-%s own", p->tag);
    a = open_in(p->a, "passed", p);
    begin_to_wait(a, other, "1 0");
    begin_to_wait(b, other, "2 0");
    ask(other, "held", "condition take -1");
    ask(other, "ok", "condition notify 1");
    settle();
    expect_silence(a);
    worker_kill(a);
    ask(other, "ok", "condition give");
    expect(b, "notified");
    ask(other, "0 1", "condition info");
    ask(b, "ok", "condition give");

    /* Stopped, it keeps nobody from notifying. */
    a = open_in(p->a, "passed", p);
    begin_to_wait(a, other, "1 1");
    begin_to_wait(b, other, "2 1");
    worker_stop(a);
    ask(other, "ok", "condition notify 1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "notified");
    ask(other, "0 2", "condition info");
    ask(b, "ok", "condition give");
}

/* A is killed while it waits: no notification goes to it. Killed with the lock, it is missed by whoever comes. */
static void killed_others(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = open_in(p->a, "passed", p);
    begin_to_wait(a, other, "1 2");
    begin_to_wait(b, other, "2 2");
    worker_kill(a);
    ask(other, "ok", "condition notify 1");
    expect(b, "notified");
    ask(b, "ok", "condition give");

    a = open_in(p->a, "passed", p);
    ask(a, "held", "condition take -1");
    tell(b, "condition take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "ok", "condition give");

    a = open_in(p->a, "passed", p);
    ask(b, "held", "condition take -1");
    tell(b, "condition wait -1");
    ask(a, "held", "condition take -1"); /* B has given it up */
    ask(a, "ok", "condition notify 1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "ok", "condition give");
    ask(other, "held", "condition take 0");
    ask(other, "ok", "condition give");
}

void case_condition(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    waiting(b, other, p);
    turns(b, other, p, NULL);
    turns(b, other, p, "lock");
    turns(b, other, p, "rlock");
    killed_notified(b, other, p);
    killed_others(b, other, p);
    quit(b);
    quit(other);
}
