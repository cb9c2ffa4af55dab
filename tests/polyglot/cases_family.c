#include "cases.h"

#include <stdio.h>
#include <unistd.h>

/* Where A's handle goes to B: the name of a socket that is nobody else's. */
static void pass(worker_t *from, worker_t *to, const char *object, const pair_t *p) {
    tell(to, "%s receive polyglot-%d-%s", object, (int)getpid(), p->tag);
    ask(from, "ok", "%s send polyglot-%d-%s", object, (int)getpid(), p->tag);
    expect(to, "ok");
}

/* An anonymous lock goes from A to B, and from B to the third language. A is killed with it. */
static void locks(worker_t *b, worker_t *other, const pair_t *p) {
    static const char *const kinds[] = {"lock", "any", "rlock"};
    int i;
    for (i = 0; i < 3; i++) {
        worker_t *a = start(p->a);
        ask(a, "ok", "lock create %s -", kinds[i]);
        ask(a, "held", "lock take -1");
        pass(a, b, "lock", p);
        ask(b, "error timeout", "lock take 0");
        pass(b, other, "lock", p);
        tell(other, "lock take -1");
        settle();
        expect_silence(other);
        worker_kill(a);
        expect(other, "recovered");
        ask(b, "error timeout", "lock take 0");
        ask(other, "ok", "lock give");
        ask(b, "held", "lock take 10000");
        ask(b, "ok", "lock give");
    }
}

static void rwlocks(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "rwlock create -");
    ask(a, "held", "rwlock take read 0");
    pass(a, b, "rwlock", p);
    ask(b, "held", "rwlock take read 0");
    ask(b, "error timeout", "rwlock take write 0");
    ask(b, "ok", "rwlock give read");
    pass(b, other, "rwlock", p);
    ask(a, "ok", "rwlock give read");
    ask(a, "held", "rwlock take write 0");
    tell(b, "rwlock take read -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "ok", "rwlock give read");
    ask(other, "recovered", "rwlock take write 10000");
    ask(other, "ok", "rwlock give write");
    ask(b, "held", "rwlock take read 0");
    ask(b, "ok", "rwlock close");
    ask(other, "ok", "rwlock close");
}

static void semaphores(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "semaphore create - 1 accounting");
    ask(a, "held", "semaphore take 0");
    pass(a, b, "semaphore", p);
    pass(b, other, "semaphore", p);
    ask(b, "error notholder", "semaphore give 1");
    tell(b, "semaphore take -1");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(other, "error timeout", "semaphore take 0");
    ask(b, "ok", "semaphore give 1");
    ask(other, "held", "semaphore take 0");
    ask(b, "ok", "semaphore close");
    ask(other, "ok", "semaphore close");
}

static void conditions(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "condition create - own");
    pass(a, b, "condition", p);
    pass(b, other, "condition", p);
    ask(b, "held", "condition take -1");
    tell(b, "condition wait -1");
    ask(other, "held", "condition take -1"); /* B waits */
    ask(other, "ok", "condition notify 1");
    ask(other, "ok", "condition give");
    expect(b, "notified");
    tell(b, "condition wait -1");
    ask(a, "held", "condition take -1");
    ask(a, "ok", "condition notify all");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "recovered");
    ask(b, "ok", "condition give");
    ask(b, "ok", "condition close");
    ask(other, "ok", "condition close");
}

static void events(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "event create -");
    pass(a, b, "event", p);
    pass(b, other, "event", p);
    tell(b, "event wait -1");
    settle();
    expect_silence(b);
    ask(a, "ok", "event set");
    worker_kill(a);
    expect(b, "set");
    ask(other, "set", "event ask");
    ask(other, "ok", "event clear");
    ask(b, "clear", "event ask");
    ask(b, "ok", "event close");
    ask(other, "ok", "event close");
}

static void barriers(worker_t *b, worker_t *other, const pair_t *p) {
    worker_t *a = start(p->a);
    ask(a, "ok", "barrier create - 2");
    pass(a, b, "barrier", p);
    pass(b, other, "barrier", p);
    tell(b, "barrier wait -1");
    until(other, "1 whole 0", "barrier info");
    ask(a, "passed 1", "barrier wait 0");
    expect(b, "passed 0");
    ask(a, "ok", "barrier register");
    tell(b, "barrier wait -1");
    until(other, "1 whole 1", "barrier info");
    settle();
    expect_silence(b);
    worker_kill(a);
    expect(b, "error shattered");
    ask(other, "ok", "barrier reset");
    tell(b, "barrier wait 10000");
    until(other, "1 whole 0", "barrier info");
    ask(other, "passed 1", "barrier wait -1");
    expect(b, "passed 0");
    ask(b, "ok", "barrier close");
    ask(other, "ok", "barrier close");
}

/* A starts programs in B's language, which end with what they have: A is told, as of any death. */
static void by_spawn(const pair_t *p) {
    static const char *const takes[][3] = {
        {"lock", "lock create lock -", "lock take"},
        {"lock", "lock create any -", "lock take"},
        {"lock", "lock create rlock -", "lock take"},
        {"rwlock", "rwlock create -", "rwlock take write"},
        {"semaphore", "semaphore create - 1 accounting", "semaphore take"},
        {"condition", "condition create - own", "condition take"},
    };
    const char *language = language_tag[p->b];
    worker_t *a = start(p->a);
    size_t i;
    for (i = 0; i < sizeof takes / sizeof takes[0]; i++) {
        const char *object = takes[i][0], *take = takes[i][2];
        ask(a, "ok", "%s", takes[i][1]);
        tell(a, "%s spawn %s / %s inherit / %s 0 / %s inherit", object, language, object, take, object);
        expect(a, "ok");
        expect(a, "held");
        expect(a, "error notfound"); /* it was taken */
        expect(a, "ended 0");
        ask(a, "recovered", "%s 10000", take);
        ask(a, "ok", "%s close", object);
    }
    ask(a, "ok", "event create -");
    tell(a, "event spawn %s / event inherit / event wait 0 / event set", language);
    expect(a, "ok");
    expect(a, "error timeout");
    expect(a, "ok");
    expect(a, "ended 0");
    ask(a, "set", "event wait 0");
    tell(a, "event spawn %s / barrier inherit", language);
    expect(a, "error kind");
    expect(a, "ended 0");

    /* The child ends as it has planned, after it has met the third one, which found the barrier by its name. */
    ask(a, "ok", "barrier create spawned-%s 2", p->tag);
    {
        worker_t *other = start(p->other);
        ask(other, "ok", "barrier open spawned-%s", p->tag);
        tell(other, "barrier wait -1");
        until(a, "1 whole 0", "barrier info");
        tell(a, "barrier spawn %s / barrier inherit / barrier register / barrier wait 10000", language);
        expect(a, "ok");
        expect(a, "ok");
        expect(a, "passed 1");
        expect(a, "ended 0");
        expect(other, "passed 0");
        ask(a, "0 whole 0", "barrier info");
        quit(other);
    }
    quit(a);
}

void case_family(const pair_t *p) {
    worker_t *b = start(p->b), *other = start(p->other);
    locks(b, other, p);
    rwlocks(b, other, p);
    semaphores(b, other, p);
    conditions(b, other, p);
    events(b, other, p);
    barriers(b, other, p);
    quit(b);
    quit(other);
    by_spawn(p);
}
